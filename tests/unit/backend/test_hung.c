/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file whose reads, writes and syncs the kernel really waits for: a FUSE
 * file system that is one file and does not answer.  Both engines must serve
 * another file meanwhile, and end when the file system goes away.
 *
 * The file system is a process of its own that ends by itself in time: a
 * process whose io_uring still waits for a file can't even be killed.
 */
#include "support.h"

#include "backend/file_probe.h"
#include "backend/registry.h"

#include <linux/fuse.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SKIPPED 77
#define SIZE (64 << 20)
#define DEPTH 256

static void answer(int fuse, uint64_t unique, int error, const void *data,
		   size_t length)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + length),
				     .error = error, .unique = unique };
	char b[512];

	memcpy(b, &h, sizeof(h));
	memcpy(b + sizeof(h), data, length);
	(void)!write(fuse, b, h.len);
}

static void answer_init(int fuse, uint64_t unique)
{
	struct fuse_init_out o = { .major = 7, .minor = 31,
				   .flags = FUSE_ASYNC_READ,
				   .max_background = 1000,
				   .congestion_threshold = 1000,
				   .max_write = 4096, .time_gran = 1 };

	answer(fuse, unique, 0, &o, sizeof(o));
}

static void answer_attributes(int fuse, uint64_t unique)
{
	struct fuse_attr_out o = { .attr_valid = 1000 };

	o.attr = (struct fuse_attr){ .ino = 1, .size = SIZE, .nlink = 1,
				     .mode = S_IFREG | 0666, .blksize = 4096 };
	answer(fuse, unique, 0, &o, sizeof(o));
}

static void serve(int fuse, const struct fuse_in_header *h)
{
	switch (h->opcode) {
	case FUSE_INIT:
		answer_init(fuse, h->unique);
		break;
	case FUSE_GETATTR:
		answer_attributes(fuse, h->unique);
		break;
	case FUSE_OPEN:
		answer(fuse, h->unique, 0, &(struct fuse_open_out){ .fh = 1 },
		       sizeof(struct fuse_open_out));
		break;
	case FUSE_STATFS:
		answer(fuse, h->unique, 0, &(struct fuse_statfs_out){
			.st = { .bsize = 4096 } },
		       sizeof(struct fuse_statfs_out));
		break;
	case FUSE_READ:
	case FUSE_WRITE:
	case FUSE_FSYNC:
		break;		/* for ever */
	default:
		answer(fuse, h->unique, -ENOSYS, "", 0);
	}
}

static void serve_all(int fuse)
{
	static char b[1 << 20];

	alarm(20);
	while (read(fuse, b, sizeof(b)) >= (ssize_t)sizeof(struct fuse_in_header))
		serve(fuse, (struct fuse_in_header *)b);
	_exit(0);
}

static const char path[] = "/tmp/nvmfd-hung";

/* The process that serves the file that hangs; -1: refused here. */
static pid_t mount_hung_file(void)
{
	char options[100];
	pid_t server;
	int fuse;

	if (!has_own_mounts() || mount("none", "/tmp", "tmpfs", 0, ""))
		return -1;
	/* Now, because it belongs to the user namespace that opens it. */
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse < 0)
		return -1;
	close(open(path, O_CREAT | O_RDWR, 0600));
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=100000,user_id=0,group_id=0", fuse);
	if (mount("nvmfd", path, "fuse", 0, options))
		return -1;
	server = fork();
	if (!server)
		serve_all(fuse);
	close(fuse);
	return server;
}

static int hung_fd = -1;

struct call {
	struct io_request r;
	int result;
	bool has_ended;
};

static void ended(struct io_request *r, int result)
{
	struct call *c = (struct call *)r;

	c->result = result;
	c->has_ended = true;
}

static void submit(struct io_engine *e, struct call *c, enum io_opcode opcode,
		   int fd, uint64_t offset, void *data, uint32_t length)
{
	*c = (struct call){ .r = { .opcode = opcode, .fd = fd,
				   .flags = fd == hung_fd ? IO_MAY_BLOCK : 0,
				   .offset = offset,
				   .data = data, .length = length,
				   .done = ended } };
	io_engine_submit(e, &c->r);
}

/* Each wait is bounded, so that a failure is one and no time limit's. */
static int run(struct io_engine *e, enum io_opcode opcode, int fd)
{
	static char b[4096];
	struct call c;

	submit(e, &c, opcode, fd, 0, b, opcode == IO_DATASYNC ? 0 : sizeof(b));
	while (!c.has_ended) {
		io_engine_flush(e);
		if (!can_reap_within(e, 5000))
			return -ETIMEDOUT;
		io_engine_reap(e);
	}
	return c.result;
}

static int use_another(struct io_engine *e)
{
	static const enum io_opcode opcodes[] = { IO_WRITE, IO_DATASYNC,
						  IO_READ, IO_WRITE_DURABLE };
	int fd = scratch_file(0), r = 0;

	for (int i = 0; r >= 0 && i < 40; i++)
		r = run(e, opcodes[i % 4], fd);
	close(fd);
	return r < 0;
}

#define COUNT 600u

static void ask_too_much(struct io_engine *e, struct call *c, int fd)
{
	static char b[4096] __attribute__((aligned(4096)));

	for (unsigned int i = 0; i < COUNT; i++)
		submit(e, &c[i], i % 3 ? IO_READ : IO_DATASYNC, fd,
		       i * 4096, b, i % 3 ? sizeof(b) : 0);
	io_engine_flush(e);
}

/* 0: all have failed. */
static int wait_for_failures(struct io_engine *e, const struct call *c)
{
	for (unsigned int i = 0; i < COUNT; i++) {
		while (!c[i].has_ended) {
			io_engine_flush(e);
			if (!can_reap_within(e, 5000))
				return 3;
			io_engine_reap(e);
		}
		if (c[i].result >= 0)
			return 4;
	}
	return 0;
}

static int hang_in(struct io_engine *e, int fd, pid_t server)
{
	static struct call c[COUNT];

	ask_too_much(e, c, fd);
	if (use_another(e))
		return 1;
	if (io_engine_pending(e) != COUNT)
		return 2;
	/* The device is pulled. */
	kill(server, SIGKILL);
	return wait_for_failures(e, c);
}

static bool is_known_to_block(void)
{
	const struct backend_spec s = { .path = path, .block_size = 4096 };
	struct file_facts facts;
	char error[200];

	if (file_probe(&facts, &s, error, sizeof(error)))
		return false;
	close(facts.fd);
	return facts.may_block;
}

static int hang(enum io_engine_kind kind, int flags)
{
	pid_t server = mount_hung_file();
	struct io_engine *e;
	char error[200];
	int fd, r;

	if (server < 0)
		return SKIPPED;
	if (!is_known_to_block()) {
		kill(server, SIGKILL);
		return 5;
	}
	fd = hung_fd = open(path, O_RDWR | flags);
	r = fd < 0 ||
	    io_engine_open(&e, kind, DEPTH, error, sizeof(error)) ?
		SKIPPED : hang_in(e, fd, server);
	kill(server, SIGKILL);
	if (r != SKIPPED)
		io_engine_close(e);
	waitpid(server, NULL, 0);
	return r;
}

static void hang_with(enum io_engine_kind kind, int flags)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(hang(kind, flags));
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		NOT_HERE("FUSE is refused");
	assert_int_equal(status, 0);
}

static void io_uring_goes_on_beside_a_hung_file(void **state)
{
	hang_with(IO_ENGINE_URING, 0);
}

/* Here each request holds a thread of the kernel's. */
static void io_uring_goes_on_beside_hung_direct_io(void **state)
{
	hang_with(IO_ENGINE_URING, O_DIRECT);
}

static void threads_go_on_beside_a_hung_file(void **state)
{
	hang_with(IO_ENGINE_THREADS, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(io_uring_goes_on_beside_a_hung_file),
		cmocka_unit_test(io_uring_goes_on_beside_hung_direct_io),
		cmocka_unit_test(threads_go_on_beside_a_hung_file),
	};

	return cmocka_run_group_tests_name("hung", tests, NULL, NULL);
}
