/* SPDX-License-Identifier: BSD-2-Clause */
/* What both ends need of the machine. */
#include "floor.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void die(const char *what)
{
	fprintf(stderr, "floor: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(EXIT_FAILURE);
}

void pin_to_cpu(unsigned long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("could not have a CPU alone");
}

double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* cpu0 USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ... in ticks.  Where work is
 * only sampled at ticks, those miss whoever sleeps often; idle time is exact. */
double cpu_busy(unsigned long cpu)
{
	unsigned long n, idle, iowait, steal;
	double ticks = -1;
	char line[512];
	FILE *f = fopen("/proc/stat", "re");

	while (f && ticks < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "cpu%lu %*u %*u %*u %lu %lu %*u %*u %lu", &n, &idle, &iowait,
			   &steal) == 4 && n == cpu)
			ticks = (double)(idle + iowait + steal);
	if (ticks < 0)
		die("/proc/stat says nothing of this CPU");
	fclose(f);
	return seconds_now() - ticks / (double)sysconf(_SC_CLK_TCK);
}

uint32_t draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * 0x2545f4914f6cdd1du >> 32);
}
