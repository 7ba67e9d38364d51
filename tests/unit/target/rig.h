/* SPDX-License-Identifier: BSD-2-Clause */
/* A target with storage of the test's own, and a host, in one program. */
#ifndef TESTS_UNIT_TARGET_RIG_H
#define TESTS_UNIT_TARGET_RIG_H

#include "../unit.h"

#include <nvmf/discovery.h>
#include <nvmf/host.h>
#include <nvmf/target.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define RIG_NQN "nqn.2026-11.org.example:rig"
#define RIG_BLOCK 512u
#define RIG_BYTES (1u << 20)
#define RIG_HELD 64

/* How the test's storage answers. */
enum rig_mood {
	RIG_AT_ONCE,
	RIG_FAILS,			/* with `error` */
	RIG_LATER,			/* by a thread of its own */
	RIG_BEFORE,			/* pending, but completed before the call returns */
	RIG_HOLDS,			/* until rig_release */
	RIG_HOLDS_FLUSHES,		/* the others at once */
};

struct rig {
	struct nvmf_target_options options;
	struct nvmf_ns_options ns;
	struct nvmf_target *target;
	int port;
	char bytes[RIG_BYTES];
	_Atomic enum rig_mood mood;
	_Atomic int error;
	_Atomic unsigned int calls[3], fua, closed, said;
	/* Of the thread that completes: under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct nvmf_io *held[RIG_HELD];
	unsigned int held_count;
	bool must_end;
	pthread_t completer;
	/* The thread that drives, which poll wakes by `wake`. */
	pthread_t driver;
	bool has_driver;
	int wake[2];
};

/* Options as usual; the test may change them before rig_start. */
void rig_init(struct rig *);
void rig_start(struct rig *);
void rig_close(struct rig *);
/* Drives it by poll from another thread, until rig_undrive. */
void rig_drive(struct rig *);
void rig_undrive(struct rig *);
/* Ends what is held. */
void rig_release(struct rig *);
void rig_await_held(struct rig *, unsigned int count);

/* A host with so many I/O queues. */
struct nvmf_ctrl *rig_connect(struct rig *, unsigned int queues);

#endif
