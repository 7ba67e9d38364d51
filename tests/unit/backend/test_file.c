/* SPDX-License-Identifier: BSD-2-Clause */
/* Regular files and block devices. */
#include "bed.h"

#include "backend/config.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define SIZE (1 << 20)

/* What the threads' calls are seen to do, and a sync that fails when told. */
static atomic_int failing_sync, seen_syncs, seen_durable;

int fdatasync(int fd)
{
	atomic_fetch_add(&seen_syncs, 1);
	if (atomic_load(&failing_sync)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
	if (flags & RWF_DSYNC)
		atomic_fetch_add(&seen_durable, 1);
	return syscall(SYS_pwritev2, fd, v, n, at, 0, flags);
}

/* A kernel, or a filesystem, that has no such call for these modes. */
static atomic_int refused_modes, refusal, seen_fallocates;

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	atomic_fetch_add(&seen_fallocates, 1);
	if (mode & atomic_load(&refused_modes)) {
		errno = atomic_load(&refusal);
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

/* A file of SIZE bytes by name; the tests are one process after another. */
static char path[64];

static void make_file(off_t size)
{
	int fd;

	snprintf(path, sizeof(path), "/var/tmp/nvmfd-file-XXXXXX");
	fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static int setup(void **state)
{
	make_file(SIZE);
	atomic_store(&failing_sync, 0);
	atomic_store(&seen_syncs, 0);
	atomic_store(&seen_durable, 0);
	atomic_store(&refused_modes, 0);
	atomic_store(&seen_fallocates, 0);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return 0;
}

static struct backend_spec spec_of(const char *p)
{
	return (struct backend_spec){ .kind = BACKEND_FILE, .path = p,
				      .block_size = 512 };
}

static struct backend *open_path(void)
{
	struct backend_spec s = spec_of(path);

	return must_open(&s);
}

struct how {
	enum io_engine_kind engine;
	bool direct;
};

static const struct how hows[] = {
	{ IO_ENGINE_URING, false }, { IO_ENGINE_URING, true },
	{ IO_ENGINE_THREADS, false }, { IO_ENGINE_THREADS, true },
};

static void write_and_read(const struct how *how)
{
	struct backend_spec s = spec_of(path);
	char *out = aligned_alloc(4096, 65536), *in = aligned_alloc(4096, 65536);
	struct backend *b;
	struct bed bed;

	bed_open(&bed, how->engine);
	s.direct = how->direct;
	s.block_size = 4096;
	b = must_open(&s);
	assert_int_equal(b->info.size, SIZE);
	assert_false(b->info.is_immediate);
	for (int i = 0; i < 65536; i++)
		out[i] = (char)(i * 31 + i / 256);
	for (unsigned int fua = 0; fua <= BACKEND_FUA; fua += BACKEND_FUA) {
		assert_int_equal(bed_run(&bed, b, BACKEND_WRITE, fua, 8192, out,
					 65536), 0);
		memset(in, 0, 65536);
		assert_int_equal(bed_run(&bed, b, BACKEND_READ, 0, 8192, in,
					 65536), 0);
		assert_memory_equal(in, out, 65536);
		out[7]++;
	}
	assert_int_equal(bed_run(&bed, b, BACKEND_FLUSH, 0, 0, NULL, 0), 0);
	backend_close(b);
	bed_close(&bed);
	free(out);
	free(in);
}

static void keeps_what_is_written(void **state)
{
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
		write_and_read(&hows[i]);
}

static blkcnt_t blocks_taken(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	return st.st_blocks;
}

static void assert_bytes(struct bed *bed, struct backend *b, uint64_t from, uint64_t to,
			 char value)
{
	char *data = aligned_alloc(4096, 4096);

	/* Of what io_uring's kernel side writes valgrind sees nothing. */
	memset(data, value + 1, 4096);
	for (; from < to; from += 4096) {
		assert_int_equal(bed_run(bed, b, BACKEND_READ, 0, from, data, 4096), 0);
		for (int i = 0; i < 4096; i++)
			assert_int_equal(data[i], value);
	}
	free(data);
}

static void zero_and_give_back(const struct how *how)
{
	struct backend_spec s = spec_of(path);
	char *data = aligned_alloc(4096, SIZE);
	struct backend *b;
	struct bed bed;
	blkcnt_t before;

	bed_open(&bed, how->engine);
	s.direct = how->direct;
	s.block_size = 4096;
	b = must_open(&s);
	memset(data, 'q', SIZE);
	assert_int_equal(bed_run(&bed, b, BACKEND_WRITE, BACKEND_FUA, 0, data, SIZE), 0);
	before = blocks_taken();
	assert_int_equal(bed_run(&bed, b, BACKEND_ZERO, 0, 65536, NULL, 131072), 0);
	assert_in_range(blocks_taken(), before, before + 64);
	assert_int_equal(bed_run(&bed, b, BACKEND_ZERO, BACKEND_DEALLOCATE, SIZE / 2, NULL,
				 SIZE / 2), 0);
	assert_in_range(blocks_taken(), 0, before - SIZE / 2 / 512);
	assert_bytes(&bed, b, 0, 65536, 'q');
	assert_bytes(&bed, b, 65536, 65536 + 131072, 0);
	assert_bytes(&bed, b, 65536 + 131072, SIZE / 2, 'q');
	assert_bytes(&bed, b, SIZE / 2, SIZE, 0);
	backend_close(b);
	bed_close(&bed);
	free(data);
}

static void zeros_are_written_without_data(void **state)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool is_able = !syscall(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE,
				0, 4096);

	close(fd);
	if (!is_able)
		NOT_HERE("this filesystem writes no zeros without data");
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
		zero_and_give_back(&hows[i]);
}

/* Somebody else has to write them then; a filesystem is asked once. */
static void what_can_not_zero_says_so(void **state)
{
	struct backend *b = open_path();
	struct bed bed;

	bed_open(&bed, IO_ENGINE_THREADS);
	atomic_store(&refused_modes, FALLOC_FL_ZERO_RANGE);
	atomic_store(&refusal, EINVAL);
	assert_int_equal(bed_run(&bed, b, BACKEND_ZERO, 0, 0, NULL, 512), -EOPNOTSUPP);
	assert_int_equal(bed_run(&bed, b, BACKEND_ZERO, 0, 0, NULL, 512), -EOPNOTSUPP);
	assert_int_equal(seen_fallocates, 2);	/* another range might do */
	atomic_store(&refusal, EOPNOTSUPP);
	assert_int_equal(bed_run(&bed, b, BACKEND_ZERO, 0, 0, NULL, 512), -EOPNOTSUPP);
	assert_int_equal(bed_run(&bed, b, BACKEND_ZERO, 0, 0, NULL, 512), -EOPNOTSUPP);
	assert_int_equal(seen_fallocates, 3);
	assert_int_equal(bed_run(&bed, b, BACKEND_ZERO, BACKEND_DEALLOCATE, 0, NULL, 4096), 0);
	assert_int_equal(seen_fallocates, 4);
	atomic_store(&refused_modes, FALLOC_FL_PUNCH_HOLE);
	atomic_store(&refusal, ENOSPC);
	assert_int_equal(bed_run(&bed, b, BACKEND_ZERO, BACKEND_DEALLOCATE, 0, NULL, 4096),
			 -ENOSPC);
	backend_close(b);
	bed_close(&bed);
}

static void preferences_are_of_the_filesystem(void **state)
{
	struct backend *b = open_path();
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(b->info.write_unit, st.st_blksize);
	assert_int_equal(b->info.deallocate_unit, st.st_blksize);
	backend_close(b);
}

/* A loop device of blocks of 4096 bytes; -1: there is none to be had. */
static int open_loop(char name[32])
{
	struct loop_config config = { .block_size = 4096 };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number, loop, file;

	if (control < 0)
		return -1;
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(name, 32, "/dev/loop%d", number);
	loop = number < 0 ? -1 : open(name, O_RDWR | O_CLOEXEC);
	if (loop < 0)
		return -1;
	file = open(path, O_RDWR | O_CLOEXEC);
	config.fd = (unsigned int)file;
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	if (file < 0 || ioctl(loop, LOOP_CONFIGURE, &config)) {
		close(loop);
		loop = -1;
	}
	close(file);
	return loop;
}

static void preferences_are_of_the_device(void **state)
{
	char name[32] = "";
	struct backend_spec s = spec_of(name);
	int loop = open_loop(name);
	struct backend *b;

	if (loop < 0)
		skip();
	s.block_size = 0;
	b = must_open(&s);
	assert_int_equal(b->info.physical_block, 4096);
	assert_int_equal(b->info.block_size, 4096);
	assert_int_equal(b->info.write_unit, 4096);
	assert_int_equal(b->info.io_boundary, 0);
	backend_close(b);
	close(loop);
}

static void flush_and_fua_sync(void **state)
{
	struct backend *b = open_path();
	char data[512] = { 0 };
	struct bed bed;

	bed_open(&bed, IO_ENGINE_THREADS);
	assert_true(b->info.has_volatile_cache);
	assert_int_equal(bed_run(&bed, b, BACKEND_WRITE, 0, 0, data, 512), 0);
	assert_int_equal(seen_syncs + seen_durable, 0);
	assert_int_equal(bed_run(&bed, b, BACKEND_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(seen_syncs, !NO_SYNC_FOR_TEST);
	assert_int_equal(bed_run(&bed, b, BACKEND_WRITE, BACKEND_FUA, 0, data,
				 512), 0);
	assert_int_equal(seen_durable, !NO_SYNC_FOR_TEST);
	backend_close(b);
	bed_close(&bed);
}

/* Whether the file's data still waits in memory for a place on the disk. */
static bool is_only_in_memory(void)
{
	struct fiemap *m = calloc(1, sizeof(*m) +
				  4 * sizeof(struct fiemap_extent));
	int fd = open(path, O_RDONLY);
	bool is_delayed = false;

	assert_true(fd >= 0);
	m->fm_length = FIEMAP_MAX_OFFSET;
	m->fm_extent_count = 4;
	if (!ioctl(fd, FS_IOC_FIEMAP, m))
		for (unsigned int i = 0; i < m->fm_mapped_extents; i++)
			is_delayed |= m->fm_extents[i].fe_flags &
				FIEMAP_EXTENT_DELALLOC;
	close(fd);
	free(m);
	return is_delayed;
}

static void sync_with(enum io_engine_kind kind)
{
	struct backend *b = open_path();
	char data[512] = { 1 };
	struct bed bed;

	bed_open(&bed, kind);
	assert_int_equal(bed_run(&bed, b, BACKEND_WRITE, 0, 0, data, 512), 0);
	if (!is_only_in_memory())
		print_message("# this filesystem hides what it delays\n");
	assert_int_equal(bed_run(&bed, b, BACKEND_FLUSH, 0, 0, NULL, 0), 0);
	assert_true(NO_SYNC_FOR_TEST || !is_only_in_memory());
	assert_int_equal(bed_run(&bed, b, BACKEND_WRITE, 0, 65536, data, 512),
			 0);
	assert_int_equal(bed_run(&bed, b, BACKEND_WRITE, BACKEND_FUA, 65536,
				 data, 512), 0);
	assert_true(NO_SYNC_FOR_TEST || !is_only_in_memory());
	backend_close(b);
	bed_close(&bed);
	unlink(path);
	make_file(SIZE);
}

/* As the filesystem sees it, because io_uring's calls can't be counted here. */
static void what_is_synced_is_on_the_disk(void **state)
{
	sync_with(IO_ENGINE_URING);
	sync_with(IO_ENGINE_THREADS);
}

/* The kernel says it once; the host's data stays lost. */
static void a_failed_sync_is_never_forgotten(void **state)
{
	struct backend *b = open_path();
	struct bed bed;

	if (NO_SYNC_FOR_TEST)
		NOT_HERE("the sync is compiled out");
	bed_open(&bed, IO_ENGINE_THREADS);
	failing_sync = 1;
	assert_int_equal(bed_run(&bed, b, BACKEND_FLUSH, 0, 0, NULL, 0), -EIO);
	failing_sync = 0;
	assert_int_equal(bed_run(&bed, b, BACKEND_FLUSH, 0, 0, NULL, 0), -EIO);
	backend_close(b);
	bed_close(&bed);
}

/* Two write the same place: the second waits for the first, whom the kernel has; a flush
 * is nobody's own. */
static void what_waits_for_its_place_can_be_recalled(void **state)
{
	struct backend *b = open_path();
	static char one[65536], two[65536], in[512];
	struct bed_op first, second, third, flush;
	struct bed bed;

	bed_open(&bed, IO_ENGINE_THREADS);
	memset(one, 1, sizeof(one));
	memset(two, 2, sizeof(two));
	bed_start(&bed, b, &first, BACKEND_WRITE, 0, 0, one, sizeof(one));
	bed_start(&bed, b, &second, BACKEND_WRITE, 0, 0, two, sizeof(two));
	bed_start(&bed, b, &flush, BACKEND_FLUSH, 0, 0, NULL, 0);
	assert_int_equal(backend_cancel(b, &bed.lane, &first.op), -EBUSY);
	assert_int_equal(backend_cancel(b, &bed.lane, &second.op), 0);
	assert_int_equal(backend_cancel(b, &bed.lane, &second.op), 0);
	assert_int_equal(backend_cancel(b, &bed.lane, &flush.op), -EBUSY);
	/* Behind both of them. */
	bed_start(&bed, b, &third, BACKEND_READ, 0, 0, in, sizeof(in));
	assert_int_equal(bed_wait(&bed, &first), 0);
	assert_int_equal(bed_wait(&bed, &second), -ECANCELED);
	assert_int_equal(bed_wait(&bed, &third), 0);
	assert_int_equal(bed_wait(&bed, &flush), 0);
	assert_memory_equal(in, one, sizeof(in));
	backend_close(b);
	bed_close(&bed);
}

static void a_file_made_shorter_is_an_error(void **state)
{
	struct backend *b = open_path();
	char data[1024];
	struct bed bed;

	bed_open(&bed, IO_ENGINE_AUTO);
	assert_int_equal(truncate(path, 512), 0);
	assert_int_equal(bed_run(&bed, b, BACKEND_READ, 0, 0, data, 1024), -EIO);
	assert_int_equal(bed_run(&bed, b, BACKEND_READ, 0, 0, data, 512), 0);
	backend_close(b);
	bed_close(&bed);
}

static void wrong_targets_are_refused(void **state)
{
	char fifo[80];

	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	must_refuse(spec_of("/nowhere/at/all"), ENOENT,
		    "/nowhere/at/all can't be opened: No such file");
	must_refuse(spec_of("/var/tmp"), EISDIR, "/var/tmp is a directory");
	must_refuse(spec_of("/dev/zero"), EINVAL, "a character device");
	must_refuse(spec_of(fifo), EINVAL, "a FIFO");
	unlink(fifo);
	assert_int_equal(truncate(path, 0), 0);
	must_refuse(spec_of(path), EINVAL, "is empty");
	assert_int_equal(truncate(path, 1000), 0);
	must_refuse(spec_of(path), EINVAL,
		    "has 1000 bytes: no multiple of the block size, 512");
}

static void default_block_size_suits_the_storage(void **state)
{
	struct backend_spec s = spec_of(path);
	struct backend *b;

	s.block_size = 0;
	b = must_open(&s);
	assert_true(b->info.block_size >= 512 && b->info.block_size <= 4096);
	assert_true(b->info.physical_block >= b->info.block_size);
	assert_int_equal(b->info.alignment, 1);
	backend_close(b);
	s.direct = true;
	b = must_open(&s);
	assert_true(b->info.alignment > 1);
	backend_close(b);
}

/* tmpfs tells no alignment: direct I/O there is in pages. */
static void small_blocks_need_small_sectors(void **state)
{
	char shm[] = "/dev/shm/nvmfd-test-XXXXXX";
	int fd = mkstemp(shm);
	struct backend_spec s = spec_of(shm);
	struct backend *b;
	char error[300] = "";

	if (fd < 0)
		NOT_HERE("no /dev/shm");
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	s.direct = true;
	if (!backend_open(&s, &b, error, sizeof(error)))
		backend_close(b);	/* a kernel that knows better */
	else
		assert_true(strstr(error, "block size of 512 is too small") ||
			    strstr(error, "without direct I/O"));
	unlink(shm);
}

static void a_file_is_served_once(void **state)
{
	struct backend_spec s = spec_of(path);
	struct backend *b = open_path(), *c;

	must_refuse(s, EBUSY, "is served already");
	s.read_only = true;
	must_refuse(s, EBUSY, "is served already");
	backend_close(b);
	b = must_open(&s);
	c = must_open(&s);
	assert_true(b->info.read_only);
	s.read_only = false;
	must_refuse(s, EBUSY, "is served already");
	backend_close(b);
	backend_close(c);
}

/* In a process of its own, whose exit status is how many checks failed. */
static int in_child(int (*body)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(body());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

#define SKIPPED 77

static int open_without_permission(void)
{
	struct backend_spec s = spec_of(path);
	struct backend *b;
	char error[300] = "";

	if (geteuid() == 0 && setuid(65534))
		return SKIPPED;
	if (backend_open(&s, &b, error, sizeof(error)) != -EACCES)
		return 1;
	if (!strstr(error, "can't be opened for writing (Permission denied); "
			   "with ?ro it is served read-only"))
		return 2;
	s.read_only = true;
	if (backend_open(&s, &b, error, sizeof(error)))
		return 3;
	backend_close(b);
	return 0;
}

static void read_only_storage_says_so(void **state)
{
	int r;

	assert_int_equal(chmod(path, 0444), 0);
	r = in_child(open_without_permission);
	if (r == SKIPPED)
		NOT_HERE("the user can't be changed");
	assert_int_equal(r, 0);
}

/* A megabyte of tmpfs, and a file of four on it. */
static int fill_up(enum io_engine_kind kind)
{
	struct backend_spec s = spec_of("/tmp/full");
	static char data[4096];
	struct backend *b;
	char error[300];
	struct bed bed = { .under_way = 0 };
	int fd = open("/tmp/full", O_RDWR | O_CREAT, 0600), r = 0;

	if (fd < 0 || ftruncate(fd, 4 << 20))
		return 1;
	close(fd);
	timer_heap_init(&bed.timers);
	bed.lane.timers = &bed.timers;
	if (backend_open(&s, &b, error, sizeof(error)) ||
	    io_engine_open(&bed.lane.io, kind, 8, error, sizeof(error)))
		return SKIPPED;
	for (uint64_t at = 0; !r && at < 4 << 20; at += sizeof(data))
		r = bed_run(&bed, b, BACKEND_WRITE, 0, at, data, sizeof(data));
	if (r != -ENOSPC)
		return 2;
	/* What was written is there, and can be written again. */
	if (bed_run(&bed, b, BACKEND_WRITE, 0, 0, data, sizeof(data)))
		return 3;
	backend_close(b);
	bed_close(&bed);
	return unlink("/tmp/full");
}

static int fill_up_both(void)
{
	int r;

	if (!has_own_mounts())
		return SKIPPED;
	if (mount("none", "/tmp", "tmpfs", 0, "size=1m"))
		return SKIPPED;
	r = fill_up(IO_ENGINE_AUTO);
	return r ? r : fill_up(IO_ENGINE_THREADS);
}

static void a_full_filesystem_is_an_error(void **state)
{
	int r = in_child(fill_up_both);

	if (r == SKIPPED)
		NOT_HERE("no tmpfs of our own");
	assert_int_equal(r, 0);
}

/* Several workers, whole-block patterns, blocks that all of them want. */
#define BLOCKS 4
#define DEPTH 8

struct tearer {
	struct backend *backend;
	struct bed bed;
	uint32_t block_size;
	unsigned int number, turns, torn, failed;
	pthread_t id;
};

static bool is_torn(const uint8_t *data, uint32_t length, uint32_t block_size)
{
	for (uint32_t i = 0; i < length; i += block_size)
		if (memcmp(data + i, data + i + 1, block_size - 1))
			return true;
	return false;
}

static void *tear(void *argument)
{
	struct tearer *t = argument;
	struct bed_op ops[DEPTH];
	uint8_t *data[DEPTH];
	unsigned int dice = t->number;

	for (int i = 0; i < DEPTH; i++)
		data[i] = aligned_alloc(4096, BLOCKS * 4096);
	for (unsigned int turn = 0; turn < t->turns; turn++) {
		for (int i = 0; i < DEPTH; i++) {
			uint32_t first = (uint32_t)rand_r(&dice) % BLOCKS;
			uint32_t n = 1 + (uint32_t)rand_r(&dice) % (BLOCKS - first);

			memset(data[i], rand_r(&dice), BLOCKS * 4096);
			bed_start(&t->bed, t->backend, &ops[i],
				  i % 2 ? BACKEND_READ : BACKEND_WRITE, 0,
				  first * t->block_size, data[i],
				  n * t->block_size);
		}
		for (int i = 0; i < DEPTH; i++) {
			t->failed += bed_wait(&t->bed, &ops[i]) != 0;
			t->torn += i % 2 && is_torn(data[i], ops[i].op.length,
						    t->block_size);
		}
	}
	for (int i = 0; i < DEPTH; i++)
		free(data[i]);
	return NULL;
}

static void tear_with(const struct how *how, uint32_t block_size)
{
	struct backend_spec s = spec_of(path);
	struct tearer t[3];
	struct backend *b;

	s.direct = how->direct;
	s.block_size = block_size;
	b = must_open(&s);
	for (unsigned int i = 0; i < 3; i++) {
		t[i] = (struct tearer){ .backend = b, .number = i,
					.block_size = block_size,
					.turns = how->direct ? 30 : 400 };
		bed_open(&t[i].bed, how->engine);
	}
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i].id, NULL, tear, &t[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i].id, NULL);
		assert_int_equal(t[i].failed, 0);
		assert_int_equal(t[i].torn, 0);
		assert_int_equal(t[i].bed.under_way, 0);
		io_engine_close(t[i].bed.lane.io);
	}
	backend_close(b);
}

static void no_block_is_torn(void **state)
{
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
		tear_with(&hows[i], 4096);
	tear_with(&hows[0], 512);
	tear_with(&hows[2], 512);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(keeps_what_is_written),
		CASE(zeros_are_written_without_data),
		CASE(what_can_not_zero_says_so),
		CASE(preferences_are_of_the_filesystem),
		CASE(preferences_are_of_the_device),
		CASE(flush_and_fua_sync),
		CASE(what_is_synced_is_on_the_disk),
		CASE(a_failed_sync_is_never_forgotten),
		CASE(what_waits_for_its_place_can_be_recalled),
		CASE(a_file_made_shorter_is_an_error),
		CASE(wrong_targets_are_refused),
		CASE(default_block_size_suits_the_storage),
		CASE(small_blocks_need_small_sectors),
		CASE(a_file_is_served_once),
		CASE(read_only_storage_says_so),
		CASE(a_full_filesystem_is_an_error),
		CASE(no_block_is_torn),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
