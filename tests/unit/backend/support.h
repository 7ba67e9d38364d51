/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of this room share. */
#ifndef TESTS_BACKEND_SUPPORT_H
#define TESTS_BACKEND_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

/* cmocka's own skip() reads "not ok" in TAP.  Returns from the test, which
 * tests/summary then counts as skipped. */
#define NOT_HERE(why) do { print_message("# not tried: %s\n", why); return; } while (0)

/* Instead of an #include that a machine without valgrind's headers lacks. */
static inline bool is_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* An empty file that is gone when it is closed. */
static inline int scratch_file(int flags)
{
	char path[] = "/var/tmp/nvmfd-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC | flags);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static inline bool write_line(const char *to, const char *format, unsigned int number)
{
	FILE *f = fopen(to, "w");

	return f && fprintf(f, format, number) > 0 && !fclose(f);
}

/* Mounts of our own; without privilege in a user namespace, where only those
 * who are mapped may create a file. */
static inline bool has_own_mounts(void)
{
	unsigned int uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWNS) &&
	    !(!unshare(CLONE_NEWUSER | CLONE_NEWNS) &&
	      write_line("/proc/self/uid_map", "0 %u 1\n", uid) &&
	      write_line("/proc/self/setgroups", "deny\n", 0) &&
	      write_line("/proc/self/gid_map", "0 %u 1\n", gid)))
		return false;
	return !mount("none", "/", "none", MS_REC | MS_PRIVATE, "");
}

/* Sleeps in poll until the engine has something, as a worker does; false
 * after `ms` milliseconds. */
static inline bool can_reap_within(struct io_engine *e, int ms)
{
	struct pollfd p = { .fd = io_engine_fd(e), .events = POLLIN };
	int r;

	do
		r = poll(&p, 1, ms);
	while (r < 0 && errno == EINTR);
	return r == 1;
}

/* One turn of a worker's loop. */
static inline void turn(struct io_engine *e)
{
	io_engine_flush(e);
	if (!can_reap_within(e, 10000))
		fail_msg("%u requests are never answered", io_engine_pending(e));
	io_engine_reap(e);
}

/* Until no more than `count` requests are left. */
static inline void drain_to(struct io_engine *e, unsigned int count)
{
	while (io_engine_pending(e) > count)
		turn(e);
}

#endif
