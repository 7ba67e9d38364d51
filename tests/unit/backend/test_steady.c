/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After warm-up an I/O costs no allocation, and on io_uring no futex call.
 *
 * The allocator is interposed and counts; futex calls are answered by the
 * kernel with the death of the process, which is therefore a child.
 */
#include "bed.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static atomic_ulong allocations;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

void *malloc(size_t n)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t m)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_calloc(n, m);
}

void *realloc(void *p, size_t n)
{
	atomic_fetch_add(&allocations, 1);
	return __libc_realloc(p, n);
}

#define SIZE (4 << 20)
#define DEPTH 32

static char data[DEPTH][8192] __attribute__((aligned(4096)));

/* Reads, writes and flushes, some of which want the same pages. */
static void do_batch(struct bed *bed, struct backend *b, struct bed_op *ops,
		     unsigned int turn)
{
	for (unsigned int i = 0; i < DEPTH; i++) {
		enum backend_opcode opcode = (turn + i) % 2048 == 31 ?
			BACKEND_FLUSH : i % 2 ? BACKEND_READ : BACKEND_WRITE;
		bool is_fua = (turn + i) % 2048 == 32;
		uint64_t at = (turn * 7919 + i / 3 * 4096) % (SIZE - 8192);

		bed_start(bed, b, &ops[i], opcode, is_fua ? BACKEND_FUA : 0,
			  at / 512 * 512, data[i],
			  opcode == BACKEND_FLUSH ? 0 : 8192);
	}
	for (int i = 0; i < DEPTH; i++)
		if (bed_wait(bed, &ops[i]))
			abort();
}

static struct backend *open_storage(const char *path, enum backend_kind kind,
				    bool is_slow)
{
	struct backend_spec s = { .kind = kind, .path = path, .size = SIZE,
				  .block_size = 512 };

	if (is_slow) {
		s.wrappers[s.wrapper_count++] = (struct backend_wrapper){
			.kind = BACKEND_DELAY, .ms = { 1, 1, 1 } };
		s.wrappers[s.wrapper_count++] = (struct backend_wrapper){
			.kind = BACKEND_ERROR };
	}
	return must_open(&s);
}

struct how {
	enum backend_kind kind;
	enum io_engine_kind engine;
	bool is_slow;
	unsigned int turns;
};

static void check_allocations(const struct how *how)
{
	char path[] = "/var/tmp/nvmfd-steady-XXXXXX";
	int fd = mkstemp(path);
	struct bed_op ops[DEPTH];
	struct backend *b;
	struct bed bed;
	unsigned long before;

	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	bed_open(&bed, how->engine);
	b = open_storage(path, how->kind, how->is_slow);
	for (unsigned int turn = 0; turn < 50; turn++)
		do_batch(&bed, b, ops, turn);
	before = allocations;
	for (unsigned int turn = 0; turn < how->turns; turn++)
		do_batch(&bed, b, ops, turn);
	/* A thread that was not needed before may be started late. */
	assert_in_range(allocations - before, 0,
			how->engine == IO_ENGINE_THREADS ? 16 : 0);
	backend_close(b);
	bed_close(&bed);
	unlink(path);
}

static void no_allocation_after_warm_up(void **state)
{
	static const struct how hows[] = {
		{ BACKEND_FILE, IO_ENGINE_URING, false, 1000 },
		{ BACKEND_FILE, IO_ENGINE_THREADS, false, 1000 },
		{ BACKEND_FILE, IO_ENGINE_URING, true, 50 },
		{ BACKEND_MEMORY, IO_ENGINE_URING, false, 1000 },
	};
	void *volatile p;

	/* Counting works. */
	p = malloc(1);
	free(p);
	assert_true(allocations > 0);
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
		check_allocations(&hows[i]);
}

static int forbid_futex(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#define SKIPPED 77

static int use_storage(const char *path, bool has_futex)
{
	struct bed bed = { .under_way = 0 };
	struct backend *b = open_storage(path, BACKEND_FILE, false);
	static struct bed_op ops[DEPTH];
	char error[200];

	timer_heap_init(&bed.timers);
	bed.lane.timers = &bed.timers;
	if (io_engine_open(&bed.lane.io, IO_ENGINE_URING, 64, error,
			   sizeof(error)))
		return SKIPPED;
	do_batch(&bed, b, ops, 0);
	if (forbid_futex())
		return SKIPPED;
	if (has_futex)
		syscall(SYS_futex, &bed.under_way, 1, 0, NULL, NULL, 0);
	for (unsigned int turn = 0; turn < 1000; turn++)
		do_batch(&bed, b, ops, turn);
	return 0;
}

static int status_of(const char *path, bool has_futex)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(use_storage(path, has_futex));
	waitpid(pid, &status, 0);
	return status;
}

static void no_futex_call_on_io_uring(void **state)
{
	char path[] = "/var/tmp/nvmfd-steady-XXXXXX";
	int fd, status;

	if (is_under_valgrind())
		NOT_HERE("valgrind itself calls futex");
	fd = mkstemp(path);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	status = status_of(path, false);
	/* The filter works. */
	if (status == 0)
		assert_true(WIFSIGNALED(status_of(path, true)));
	unlink(path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		NOT_HERE("io_uring or seccomp is refused");
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_allocation_after_warm_up),
		cmocka_unit_test(no_futex_call_on_io_uring),
	};

	return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
