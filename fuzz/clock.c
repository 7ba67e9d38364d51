/* SPDX-License-Identifier: BSD-2-Clause */
#include "clock.h"

#include <time.h>

#define NS 1000000000u

int __real_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t, struct timespec *);

static uint64_t now;

void clock_start(void)
{
	now = 1000 * (uint64_t)NS;
}

void clock_pass(uint64_t ns)
{
	now += ns;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	if (id == CLOCK_PROCESS_CPUTIME_ID)		/* replay.c's */
		return __real_clock_gettime(id, t);
	*t = (struct timespec){ .tv_sec = (time_t)(now / NS), .tv_nsec = (long)(now % NS) };
	return 0;
}
