/* SPDX-License-Identifier: BSD-2-Clause */
/* The engines: each test once for io_uring with every set of its flags, and
 * once for the threads. */
#include "support.h"

#include "backend/engine_impl.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

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
	unsigned int others = io_engine_pending(e);
	struct call c;

	submit(e, &c, opcode, fd, offset, data, length);
	drain_to(e, others);
	assert_true(c.has_ended);
	return c.result;
}

enum variant { DEFERRED, COOPERATIVE, PLAIN, THREADS };

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
	io_engine_reap(e);
	assert_false(can_reap_within(e, 20));
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

#define ONCE(f, v) \
	{ #f " [" #v "]", f, setup, teardown, (void *)(uintptr_t)(v) }
#define EACH(f) \
	ONCE(f, DEFERRED), ONCE(f, COOPERATIVE), ONCE(f, PLAIN), \
	ONCE(f, THREADS)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(reads_what_it_wrote),
		EACH(short_read_ends_at_the_end_of_the_file),
		EACH(short_transfers_are_repeated),
		EACH(errors_come_through_reap),
		EACH(write_beyond_a_limit_fails),
		EACH(what_exceeds_the_depth_waits_in_order),
		EACH(hung_device_holds_up_nobody),
		EACH(a_word_from_another_thread_wakes),
		EACH(nothing_to_reap_is_not_readable),
		EACH(may_be_opened_by_another_thread),
		EACH(may_be_polled_by_epoll),
		EACH(closes_while_a_device_hangs),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
