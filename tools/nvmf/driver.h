/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread of perf: it drives the queues of some loads from one loop. */
#ifndef NVMF_TOOL_DRIVER_H
#define NVMF_TOOL_DRIVER_H

#include "load.h"

#include <pthread.h>

struct driver {
	struct load *loads;
	unsigned int count, under_way;
	bool spins;			/* asks without end instead of waiting */
	int epoll;
	pthread_t thread;
	struct tally tally;
	atomic_uint_fast64_t ended;	/* for who watches */
	atomic_bool is_over;
	uint64_t begun, finished;	/* when, of load_now */
	uint64_t worked;		/* ns of the turns that found work; only of who spins */
};

/* Takes the loads.  0, or -1 after a sentence. */
int driver_init(struct driver *, struct load *loads, unsigned int count, bool spins);
void driver_free(struct driver *);

/* Starts and joins the thread; 0 or a positive errno. */
int driver_start(struct driver *);
void driver_join(struct driver *);

#endif
