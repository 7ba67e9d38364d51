/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests that let workers run: errands on them, and connections to them. */
#ifndef TESTS_UNIT_WORKER_SUPPORT_H
#define TESTS_UNIT_WORKER_SUPPORT_H

#include "worker/worker.h"

/* Runs it on the worker, and waits for its end. */
void run_on(struct worker *, void (*run)(void *), void *argument);

/*
 * A TCP connection over loopback (what epoll says of other sockets differs) that
 * holds little.  Returns the host's end.
 */
int loopback_pair(int *target);

#endif
