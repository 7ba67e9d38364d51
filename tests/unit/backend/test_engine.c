/* SPDX-License-Identifier: BSD-2-Clause */
/* The engines: each test once for io_uring with every set of its flags, and
 * once for the threads. */
#include "support.h"

#include "backend/engine_impl.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define DEPTH 32

/* The device that hangs, for the threads: preadv on it returns when a byte
 * comes through the pipe.  Pipes themselves can't be read by offset. */
static atomic_int hung_fd = -1;

ssize_t preadv(int fd, const struct iovec *v, int n, off_t at)
{
	char c;

	if (fd == hung_fd)
		return syscall(SYS_read, fd, &c, 1);
	return syscall(SYS_preadv, fd, v, n, at, 0);
}

/* And a sync that takes as long as the test likes. */
static atomic_int hung_sync = -1;

int fdatasync(int fd)
{
	while (fd == hung_sync)
		usleep(1000);
	return (int)syscall(SYS_fdatasync, fd);
}

enum variant { DEFERRED, COOPERATIVE, PLAIN, THREADS };

struct call {
	struct io_request r;
	int result;
	bool has_ended;
	unsigned int order;	/* of its end */
};

static unsigned int ends;

static void ended(struct io_request *r, int result)
{
	struct call *c = (struct call *)r;

	assert_false(c->has_ended);
	c->has_ended = true;
	c->result = result;
	c->order = ends++;
}

static void submit(struct io_engine *e, struct call *c, enum io_opcode opcode,
		   int fd, uint64_t offset, void *data, uint32_t length)
{
	*c = (struct call){ .r = { .opcode = opcode, .fd = fd, .offset = offset,
				   .data = data, .length = length,
				   .done = ended } };
	io_engine_submit(e, &c->r);
	assert_false(c->has_ended);
}

/* One request from beginning to end. */
static int run(struct io_engine *e, enum io_opcode opcode, int fd,
	       uint64_t offset, void *data, uint32_t length)
{
	struct call c;

	submit(e, &c, opcode, fd, offset, data, length);
	while (!c.has_ended)
		turn(e);
	return c.result;
}

static int setup(void **state)
{
	enum variant v = (enum variant)(uintptr_t)*state;
	struct io_engine *e;
	char error[200] = "";
	int r = v == THREADS ?
		engine_open_threads(&e, DEPTH, error, sizeof(error)) :
		engine_open_uring(&e, DEPTH, v, error, sizeof(error));

	/* Where the machine refuses io_uring the threads are tried again. */
	if (r) {
		print_message("# not tried: %s\n", error);
		r = engine_open_threads(&e, DEPTH, error, sizeof(error));
	}
	*state = e;
	ends = 0;
	return r;
}

static int teardown(void **state)
{
	io_engine_close(*state);
	return 0;
}

static void reads_what_it_wrote(void **state)
{
	struct io_engine *e = *state;
	int fd = scratch_file(0);
	char out[8192], in[8192] = { 0 };

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	assert_int_equal(run(e, IO_WRITE, fd, 4096, out, sizeof(out)), 8192);
	assert_int_equal(run(e, IO_DATASYNC, fd, 0, NULL, 0), 0);
	assert_int_equal(run(e, IO_READ, fd, 4096, in, sizeof(in)), 8192);
	assert_memory_equal(in, out, sizeof(in));
	memset(out, 9, sizeof(out));
	assert_int_equal(run(e, IO_WRITE_DURABLE, fd, 0, out, sizeof(out)),
			 8192);
	assert_int_equal(run(e, IO_READ, fd, 0, in, sizeof(in)), 8192);
	assert_memory_equal(in, out, sizeof(in));
	close(fd);
}

static void short_read_ends_at_the_end_of_the_file(void **state)
{
	struct io_engine *e = *state;
	int fd = scratch_file(0);
	char b[4096];

	assert_int_equal(ftruncate(fd, 1000), 0);
	assert_int_equal(run(e, IO_READ, fd, 0, b, sizeof(b)), 1000);
	assert_int_equal(run(e, IO_READ, fd, 1000, b, sizeof(b)), 0);
	close(fd);
}

struct writer {
	int fd;
	pthread_t id;
};

static void *write_in_parts(void *argument)
{
	struct writer *w = argument;

	for (int i = 0; i < 16; i++) {
		usleep(5000);
		assert_int_equal(write(w->fd, &"abcd"[i % 4], 1), 1);
	}
	close(w->fd);
	return NULL;
}

/* The parts come while the engine's owner sleeps in poll. */
static void short_transfers_are_repeated(void **state)
{
	struct io_engine *e = *state;
	struct writer w;
	int p[2];
	char b[16] = { 0 };

	assert_int_equal(pipe(p), 0);
	hung_fd = p[0];
	w.fd = p[1];
	pthread_create(&w.id, NULL, write_in_parts, &w);
	assert_int_equal(run(e, IO_READ, p[0], 0, b, sizeof(b)), 16);
	if (strcmp(io_engine_name(e), "threads"))
		assert_memory_equal(b, "abcdabcdabcdabcd", 16);
	pthread_join(w.id, NULL);
	hung_fd = -1;
	close(p[0]);
}

static void errors_come_through_reap(void **state)
{
	struct io_engine *e = *state;
	int full = open("/dev/full", O_RDWR), fd = scratch_file(0);
	int ro = open("/dev/null", O_RDONLY), closed = dup(fd);
	char b[512] = { 0 };

	close(closed);
	assert_int_equal(run(e, IO_WRITE, full, 0, b, sizeof(b)), -ENOSPC);
	assert_int_equal(run(e, IO_WRITE, ro, 0, b, sizeof(b)), -EBADF);
	assert_int_equal(run(e, IO_READ, closed, 0, b, sizeof(b)), -EBADF);
	assert_int_equal(run(e, IO_READ, -1, 0, b, sizeof(b)), -EBADF);
	assert_int_equal(run(e, IO_DATASYNC, closed, 0, NULL, 0), -EBADF);
	close(full);
	close(ro);
	close(fd);
}

/* The limit is met half way through: not a short success. */
static void write_beyond_a_limit_fails(void **state)
{
	struct io_engine *e = *state;
	struct rlimit old, small;
	int fd = scratch_file(0);
	char b[8192] = { 0 };
	int r;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ 4096, old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	r = run(e, IO_WRITE, fd, 0, b, sizeof(b));
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(r, -EFBIG);
	close(fd);
}

static void what_exceeds_the_depth_waits_in_order(void **state)
{
	struct io_engine *e = *state;
	enum { COUNT = 20 * DEPTH };
	struct call *c = calloc(COUNT, sizeof(*c));
	uint32_t *b = calloc(COUNT, sizeof(*b));
	int fd = scratch_file(0);

	for (uint32_t i = 0; i < COUNT; i++) {
		b[i] = i;
		submit(e, &c[i], IO_WRITE, fd, 4 * i, &b[i], 4);
	}
	assert_int_equal(io_engine_pending(e), COUNT);
	drain_to(e, 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t got;

		assert_int_equal(c[i].result, 4);
		assert_int_equal(pread(fd, &got, 4, 4 * i), 4);
		assert_int_equal(got, i);
		/* None begins before those DEPTH places ahead have ended. */
		assert_true(c[i].order + DEPTH > i);
	}
	free(c);
	free(b);
	close(fd);
}

/* The last of more than may be under way at once; not the first, which has begun. */
static void what_waits_can_be_taken_back(void **state)
{
	struct io_engine *e = *state;
	enum { COUNT = 3 * DEPTH, KEPT = COUNT - DEPTH };
	struct call *c = calloc(COUNT, sizeof(*c));
	char b[512] = { 0 };
	int fd = scratch_file(0);

	for (int i = 0; i < COUNT; i++)
		submit(e, &c[i], IO_WRITE, fd, 512 * (uint64_t)i, b, sizeof(b));
	assert_int_equal(io_engine_cancel(e, &c[0].r), -EBUSY);
	for (int i = COUNT - 1; i >= KEPT; i--)
		assert_int_equal(io_engine_cancel(e, &c[i].r), 0);
	assert_int_equal(io_engine_cancel(e, &c[KEPT].r), -EBUSY);
	assert_false(c[KEPT].has_ended);
	drain_to(e, 0);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(c[i].result, i < KEPT ? 512 : -ECANCELED);
	assert_int_equal(lseek(fd, 0, SEEK_END), 512 * KEPT);
	free(c);
	close(fd);
}

/* Far more at once than the rings have room for. */
static int flood(unsigned int variant)
{
	enum { COUNT = 8000, FILES = 3 };
	struct call *c = calloc(FILES * COUNT, sizeof(*c));
	char error[200], b[512] = { 0 };
	struct io_engine *e;
	int fd[FILES], wrong = 0;

	if (engine_open_uring(&e, 4096, variant, error, sizeof(error)))
		return 77;
	for (int f = 0; f < FILES; f++)
		fd[f] = scratch_file(0);
	for (int i = 0; i < FILES * COUNT; i++)
		submit(e, &c[i], IO_WRITE, fd[i % FILES], 0, b, sizeof(b));
	drain_to(e, 0);
	for (int i = 0; i < FILES * COUNT; i++)
		wrong += c[i].result != sizeof(b);
	for (int f = 0; f < FILES; f++)
		close(fd[f]);
	io_engine_close(e);
	free(c);
	return wrong;
}

static void a_flood_is_answered(void **state)
{
	for (unsigned int v = DEFERRED; v <= PLAIN; v++) {
		int r = flood(v);

		if (r == 77)
			NOT_HERE("io_uring is refused");
		assert_int_equal(r, 0);
	}
}

/* Three devices hang, each with more requests than may be under way at once.
 * Another goes on as if nothing were. */
static void hung_device_holds_up_nobody(void **state)
{
	struct io_engine *e = *state;
	enum { COUNT = 3 * DEPTH };
	struct call c[COUNT];
	int fd = scratch_file(0), p[2], dups[3];
	char byte, b[512] = { 0 };
	uint64_t start;

	assert_int_equal(pipe(p), 0);
	hung_fd = p[0];
	for (int i = 0; i < 3; i++)
		dups[i] = dup(p[0]);
	for (int i = 0; i < COUNT; i++)
		submit(e, &c[i], IO_READ,
		       strcmp(io_engine_name(e), "threads") ? dups[i % 3] : p[0],
		       0, &byte, 1);
	io_engine_flush(e);
	start = now_ns();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(run(e, IO_WRITE, fd, 0, b, sizeof(b)), 512);
	assert_true(now_ns() - start < UINT64_C(5000000000));
	assert_int_equal(io_engine_pending(e), COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(write(p[1], "x", 1), 1);
	drain_to(e, 0);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(c[i].result, 1);
	for (int i = 0; i < 3; i++)
		close(dups[i]);
	hung_fd = -1;
	close(p[0]);
	close(p[1]);
	close(fd);
}

/* An engine that carries out nothing: the test ends what has begun. */
static struct call *begun[64];
static unsigned int begun_count;

static void begin(struct io_engine *e, struct io_request *r)
{
	begun[begun_count++] = (struct call *)r;
}

static const struct io_engine_ops idle_ops = { .name = "idle", .start = begin };

static void open_idle(struct io_engine *e)
{
	assert_int_equal(io_engine_init(e, &idle_ops), 0);
	e->max_per_fd = DEPTH;
	begun_count = 0;
}

static void submit_syncs(struct io_engine *e, struct call *c, unsigned int count, int fd)
{
	while (count--)
		submit(e, c++, IO_DATASYNC, fd, 0, NULL, 0);
}

static unsigned int count_ended(const struct call *c, unsigned int count, int result)
{
	unsigned int n = 0;

	for (; count--; c++)
		n += c->has_ended && c->result == result;
	return n;
}

/* However many one host wants, another's waits for one more than there were. */
static void syncs_that_wait_become_one(void **state)
{
	enum { FIRST = IO_THREADS_PER_FD, MORE = 1000 };
	static struct call first[FIRST], more[MORE], late;
	struct io_engine e;

	open_idle(&e);
	submit_syncs(&e, first, FIRST, 0);
	submit_syncs(&e, more, MORE, 0);
	assert_int_equal(begun_count, FIRST);
	assert_int_equal(io_engine_ended(&e, &begun[3]->r, 0), 1);
	assert_true(first[3].has_ended);
	assert_int_equal(begun_count, FIRST + 1);
	assert_ptr_equal(begun[FIRST], &more[0]);
	/* What comes now may follow a write that the one under way has missed. */
	submit_syncs(&e, &late, 1, 0);
	assert_int_equal(io_engine_ended(&e, &more[0].r, -EINTR), 0);
	assert_int_equal(count_ended(more, MORE, 0), 0);
	assert_int_equal(io_engine_ended(&e, &more[0].r, -EIO), MORE);
	assert_int_equal(count_ended(more, MORE, -EIO), MORE);
	assert_false(late.has_ended);
	assert_ptr_equal(begun[begun_count - 1], &late);
	assert_int_equal(io_engine_ended(&e, &late.r, 0), 1);
	assert_int_equal(late.result, 0);
	assert_int_equal(io_engine_pending(&e), FIRST - 1);
	io_engine_fini(&e);
}

/* One sync is of one descriptor, and a transfer is its own. */
static void nothing_else_becomes_one(void **state)
{
	enum { COUNT = 2 * DEPTH };
	static struct call syncs[IO_THREADS_PER_FD + 1], other, writes[COUNT];
	static char b[512];
	struct io_engine e;

	open_idle(&e);
	submit_syncs(&e, syncs, IO_THREADS_PER_FD + 1, 0);
	submit_syncs(&e, &other, 1, 1);
	for (unsigned int i = 0; i < COUNT; i++)
		submit(&e, &writes[i], IO_WRITE, 0, 0, b, sizeof(b));
	assert_int_equal(begun_count, IO_THREADS_PER_FD + 1 + DEPTH);
	assert_int_equal(io_engine_ended(&e, &syncs[0].r, 0), 1);
	assert_int_equal(io_engine_ended(&e, &writes[0].r, sizeof(b)), 1);
	assert_ptr_equal(begun[begun_count - 1], &writes[DEPTH]);
	assert_int_equal(count_ended(writes, COUNT, sizeof(b)), 1);
	assert_int_equal(io_engine_ended(&e, &syncs[IO_THREADS_PER_FD].r, 0), 1);
	assert_false(other.has_ended);
	io_engine_fini(&e);
}

/* Syncs and transfers of one descriptor do not take each other's places. */
static void hung_syncs_hold_up_no_transfer(void **state)
{
	struct io_engine *e = *state;
	enum { COUNT = 3 * DEPTH };
	struct call *c = calloc(COUNT, sizeof(*c));
	int fd = scratch_file(0);
	char b[512] = { 0 };

	hung_sync = fd;
	for (int i = 0; i < COUNT; i++)
		submit(e, &c[i], IO_DATASYNC, fd, 0, NULL, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(run(e, IO_WRITE, fd, 0, b, sizeof(b)), 512);
	hung_sync = -1;
	drain_to(e, 0);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(c[i].result, 0);
	free(c);
	close(fd);
}

struct poster {
	struct io_engine *e;
	struct call *c;
	int count;
	pthread_t id;
};

static void *post_all(void *argument)
{
	struct poster *p = argument;

	usleep(20000);
	for (int i = 0; i < p->count; i++)
		io_engine_post(p->e, &p->c[i].r);
	return NULL;
}

static void a_word_from_another_thread_wakes(void **state)
{
	struct io_engine *e = *state;
	enum { COUNT = 1000 };
	struct call *c = calloc(COUNT, sizeof(*c));
	struct poster p = { .e = e, .c = c, .count = COUNT };

	for (int i = 0; i < COUNT; i++) {
		c[i].r.done = ended;
		io_engine_expect(e);
	}
	assert_int_equal(io_engine_pending(e), COUNT);
	pthread_create(&p.id, NULL, post_all, &p);
	drain_to(e, 0);
	pthread_join(p.id, NULL);
	for (int i = 0; i < COUNT; i++)
		assert_true(c[i].has_ended && c[i].result == 0);
	free(c);
}

static void nothing_to_reap_is_not_readable(void **state)
{
	struct io_engine *e = *state;
	char b[512] = { 0 };
	int fd = scratch_file(0);

	assert_false(can_reap_within(e, 0));
	assert_int_equal(io_engine_reap(e), 0);
	assert_int_equal(run(e, IO_WRITE, fd, 0, b, sizeof(b)), 512);
	/* The kernel may ring once more, late, for what is reaped already. */
	for (int i = 0; i < 100 && can_reap_within(e, 20); i++)
		io_engine_reap(e);
	assert_false(can_reap_within(e, 20));
	close(fd);
}

#define MANY 32

/* What the page cache has: all is there to be reaped after the flush. */
static void read_many(struct io_engine *e, struct call *c, char (*b)[512], int fd)
{
	for (int i = 0; i < MANY; i++)
		submit(e, &c[i], IO_READ, fd, 0, b[i], 512);
	io_engine_flush(e);
}

static void much_is_answered_in_parts(void **state)
{
	struct io_engine *e = *state;
	char b[MANY][512] = { { 0 } };
	struct call c[MANY];
	int fd = scratch_file(0);
	unsigned int n, sum;

	assert_int_equal(run(e, IO_WRITE, fd, 0, b, 512), 512);
	read_many(e, c, b, fd);
	for (sum = 0; sum < MANY; sum += n) {
		/* What is left has to wake without anything else happening. */
		assert_true(can_reap_within(e, 10000));
		n = io_engine_reap(e);
		assert_in_range(n, 0, sum ? 8 : 4);
	}
	assert_int_equal(io_engine_pending(e), 0);
	close(fd);
}

static void what_ended_within_the_flush_is_answered_behind_it(void **state)
{
	struct io_engine *e = *state;
	char b[MANY][512] = { { 0 } };
	struct call c[MANY];
	int fd = scratch_file(0);

	assert_int_equal(run(e, IO_WRITE, fd, 0, b, 512), 512);
	io_engine_reap_at_once(e);
	assert_int_equal(io_engine_reap_at_once(e), 0);
	read_many(e, c, b, fd);
	assert_int_equal(io_engine_reap_at_once(e), MANY);
	assert_int_equal(io_engine_pending(e), 0);
	close(fd);
}

/* How many of them have been read, whether answered or not. */
static unsigned int filled(char (*b)[512])
{
	unsigned int n = 0;

	for (int i = 0; i < MANY; i++)
		n += b[i][0] != 0;
	return n;
}

static void the_first_begin_before_the_flush(void **state)
{
	struct io_engine *e = *state;
	char b[MANY][512] = { { 1 } };
	struct call c[MANY];
	int fd = scratch_file(0);

	if (!strcmp(io_engine_name(e), "threads"))
		NOT_HERE("io_uring is refused");
	assert_int_equal(pwrite(fd, b, 512, 0), 512);
	memset(b, 0, sizeof(b));
	for (int i = 0; i < MANY; i++) {
		submit(e, &c[i], IO_READ, fd, 0, b[i], 512);
		assert_int_equal(filled(b), i < 3 ? 0 : 4);
	}
	drain_to(e, 0);
	assert_int_equal(filled(b), MANY);
	/* This file is one that ends at once. */
	memset(b, 0, sizeof(b));
	for (int i = 0; i < MANY; i++)
		submit(e, &c[i], IO_READ, fd, 0, b[i], 512);
	assert_int_equal(filled(b), 0);
	drain_to(e, 0);
	assert_int_equal(filled(b), MANY);
	close(fd);
}

struct opener {
	struct io_engine *e;
	int result;
};

static void *use_elsewhere(void *argument)
{
	struct opener *o = argument;
	int fd = scratch_file(0);
	char b[512] = { 0 };

	o->result = run(o->e, IO_WRITE, fd, 0, b, sizeof(b));
	io_engine_close(o->e);
	close(fd);
	return NULL;
}

/* main opens, the worker uses and closes. */
static void may_be_opened_by_another_thread(void **state)
{
	struct opener o = { .e = *state };
	pthread_t id;

	pthread_create(&id, NULL, use_elsewhere, &o);
	pthread_join(id, NULL);
	*state = NULL;
	assert_int_equal(o.result, 512);
}

static void may_be_polled_by_epoll(void **state)
{
	struct io_engine *e = *state;
	int epoll = epoll_create1(EPOLL_CLOEXEC), fd = scratch_file(O_DIRECT);
	struct epoll_event ev = { .events = EPOLLIN };
	void *b = aligned_alloc(4096, 1 << 20);
	struct call c;
	int n;

	epoll_ctl(epoll, EPOLL_CTL_ADD, io_engine_fd(e), &ev);
	memset(b, 1, 1 << 20);
	for (int i = 0; i < 20; i++) {
		submit(e, &c, IO_WRITE, fd, 0, b, 1 << 20);
		io_engine_flush(e);
		while (!c.has_ended) {
			n = epoll_wait(epoll, &ev, 1, 10000);
			assert_true(n == 1 || (n < 0 && errno == EINTR));
			io_engine_reap(e);
		}
		assert_int_equal(c.result, 1 << 20);
	}
	free(b);
	close(fd);
	close(epoll);
}

/* Nothing is waited for and nothing is answered; the memory stays. */
static void closes_while_a_device_hangs(void **state)
{
	struct io_engine *e = *state;
	static struct call c[4];
	static char byte;
	int p[2];

	assert_int_equal(pipe(p), 0);
	hung_fd = p[0];
	for (int i = 0; i < 4; i++)
		submit(e, &c[i], IO_READ, p[0], 0, &byte, 1);
	io_engine_flush(e);
	/* Meanwhile the threads have come to where they hang. */
	usleep(20000);
	io_engine_close(e);
	*state = NULL;
	assert_int_equal(write(p[1], "abcd", 4), 4);
	usleep(20000);
	for (int i = 0; i < 4; i++)
		assert_false(c[i].has_ended);
	hung_fd = -1;
	close(p[0]);
	close(p[1]);
}

/* As a container's filter does. */
static int refuse_io_uring(unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* In a process of its own, because a filter stays. */
static int in_child(int (*body)(unsigned int), unsigned int argument)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(body(argument));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

#define SKIPPED 77

static int open_where_refused(unsigned int refusal)
{
	char error[200] = "";
	struct io_engine *e;
	int r;

	if (refuse_io_uring(refusal))
		return SKIPPED;
	r = io_engine_open(&e, IO_ENGINE_URING, DEPTH, error, sizeof(error));
	if (r != -(int)refusal || !strstr(error, "refuses io_uring"))
		return 1;
	if (io_engine_open(&e, IO_ENGINE_AUTO, DEPTH, error, sizeof(error)))
		return 2;
	r = strcmp(io_engine_name(e), "threads") != 0;
	io_engine_close(e);
	return r;
}

static void threads_where_io_uring_is_refused(void **state)
{
	static const unsigned int refusals[] = { EPERM, ENOSYS, ENOMEM, EACCES,
						 EINVAL };

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int r = in_child(open_where_refused, refusals[i]);

		if (r == SKIPPED)
			NOT_HERE("seccomp is refused");
		assert_int_equal(r, 0);
	}
}

static int open_as_nobody(unsigned int count)
{
	const struct rlimit memory = { 8 << 20, 8 << 20 };
	struct io_engine *e[16];
	char error[200];
	int fd = scratch_file(0);
	char b[512] = { 0 };

	setrlimit(RLIMIT_MEMLOCK, &memory);
	if (geteuid() == 0 && setuid(65534))
		return SKIPPED;
	for (unsigned int i = 0; i < count; i++) {
		if (io_engine_open(&e[i], IO_ENGINE_URING, 1024, error,
				   sizeof(error)))
			return i ? 1 : SKIPPED;
		if (run(e[i], IO_WRITE, fd, 0, b, sizeof(b)) != sizeof(b))
			return 2;
	}
	while (count--)
		io_engine_close(e[count]);
	return 0;
}

/* Sixteen workers' rings within 8 MiB of lockable memory. */
static void many_rings_fit_an_ordinary_user(void **state)
{
	int r = in_child(open_as_nobody, 16);

	if (r == SKIPPED)
		NOT_HERE("io_uring is refused to ordinary users");
	assert_int_equal(r, 0);
}

/* No thread beside the first is to be had. */
static int run_on_one_thread(unsigned int count)
{
	const struct rlimit none = { 0, 0 };
	struct call *c = calloc(count, sizeof(*c));
	int fd = scratch_file(0);
	char error[200], b[512] = { 0 };
	struct io_engine *e;
	unsigned int wrong = 0;

	if (geteuid() == 0 && setuid(65534))
		return SKIPPED;
	if (engine_open_threads(&e, DEPTH, error, sizeof(error)))
		return 1;
	setrlimit(RLIMIT_NPROC, &none);
	for (unsigned int i = 0; i < count; i++)
		submit(e, &c[i], IO_WRITE, fd, 0, b, sizeof(b));
	drain_to(e, 0);
	for (unsigned int i = 0; i < count; i++)
		wrong += c[i].result != sizeof(b);
	io_engine_close(e);
	if (!engine_open_threads(&e, DEPTH, error, sizeof(error)))
		return 2;
	free(c);
	return wrong || !strstr(error, "no threads for I/O");
}

static void one_thread_is_enough(void **state)
{
	int r = in_child(run_on_one_thread, 200);

	if (r == SKIPPED)
		NOT_HERE("the user can't be changed");
	assert_int_equal(r, 0);
}

static void a_depth_of_zero_is_refused(void **state)
{
	struct io_engine *e;
	char error[200] = "";

	assert_int_equal(io_engine_open(&e, IO_ENGINE_AUTO, 0, error,
					sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "depth of 0"));
}

#define ONCE(f, v) \
	{ #f " [" #v "]", f, setup, teardown, (void *)(uintptr_t)(v) }
/* Requests of threads end one after the other, and none within a flush. */
#define EACH_RING(f) \
	ONCE(f, DEFERRED), ONCE(f, COOPERATIVE), ONCE(f, PLAIN)
#define EACH(f) \
	EACH_RING(f), ONCE(f, THREADS)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(reads_what_it_wrote),
		EACH(short_read_ends_at_the_end_of_the_file),
		EACH(short_transfers_are_repeated),
		EACH(errors_come_through_reap),
		EACH(write_beyond_a_limit_fails),
		EACH(what_exceeds_the_depth_waits_in_order),
		EACH(what_waits_can_be_taken_back),
		EACH(hung_device_holds_up_nobody),
		EACH(hung_syncs_hold_up_no_transfer),
		EACH(a_word_from_another_thread_wakes),
		EACH(nothing_to_reap_is_not_readable),
		EACH_RING(much_is_answered_in_parts),
		EACH_RING(the_first_begin_before_the_flush),
		EACH_RING(what_ended_within_the_flush_is_answered_behind_it),
		EACH(may_be_opened_by_another_thread),
		EACH(may_be_polled_by_epoll),
		EACH(closes_while_a_device_hangs),
		cmocka_unit_test(syncs_that_wait_become_one),
		cmocka_unit_test(nothing_else_becomes_one),
		cmocka_unit_test(a_flood_is_answered),
		cmocka_unit_test(one_thread_is_enough),
		cmocka_unit_test(threads_where_io_uring_is_refused),
		cmocka_unit_test(many_rings_fit_an_ordinary_user),
		cmocka_unit_test(a_depth_of_zero_is_refused),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
