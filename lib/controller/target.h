/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole of what is served, from the outside: the composition root fills a
 * target in, starts the workers and hands it accepted sockets.
 */
#ifndef NVMF_CONTROLLER_TARGET_H
#define NVMF_CONTROLLER_TARGET_H

#include "controller/job.h"
#include "storage/backend.h"
#include "model/model.h"
#include "worker/connection.h"

#include <pthread.h>
#include <stdatomic.h>

#define LATE_MOST 16

/* See late.c. */
struct late_writes {
	struct backend *backend;	/* of all of them */
	unsigned int count;
	struct backend_write writes[LATE_MOST];
};

/* What a worker has for the controllers and queues on it. */
struct station {
	struct worker *worker;
	struct backend_lane lane;
	struct late_writes late;
	struct list spare;		/* requests not in use */
	uint32_t spare_count;
	uint32_t spare_least;		/* so many were not needed of late */
	struct timer trim;		/* armed while there are too many */
	struct jobs jobs;
	struct target *target;
	const struct snapshot *model;	/* that this worker goes by */
	const struct snapshot *last;	/* before it, until station_tell */
	struct list queues;		/* that are on it, until they are freed */
	struct list controllers;	/* that it owns */
	uint64_t admin_connects, io_connects;	/* queues that came to be live on it */
	bool is_ending;			/* target_end_all was called */
	struct worker_message end;	/* whoever put the target together */
};

/* Every controller.  Only Connects and ends come here. */
struct registry {
	pthread_mutex_t lock;
	struct list controllers;
};

struct target {
	struct limits limits;
	struct tcp_config tcp;		/* the same for all connections */
	struct station *stations;
	unsigned int station_count;
	struct registry registry;
	_Atomic unsigned int queues;	/* connections that are not freed yet */
	_Atomic unsigned int departed;	/* those that are */
	/* Optional, set before there are any: a message to this worker when the first
	 * of them comes.  Its `run` calls target_was_told. */
	struct worker *keeper;
	struct worker_message first_came;
	atomic_bool is_told;		/* it is on its way */
	const struct log *log;
};

/* ---- flush.c: thread: the station's worker ------------------------------------------------ */

/* Makes every namespace of a view durable, or every device, one after the other. */
struct flush_all {
	struct backend_op op;
	struct station *station;
	const struct view *const *view;	/* may change on the way; NULL: all devices */
	uint32_t last;			/* NSID that came last, or device that is next */
	struct ns_lane *lane;		/* of the namespace that is being flushed */
	int result;			/* of the first that failed */
	void (*done)(struct flush_all *);
};

/* Calls done, perhaps from within. */
void flush_all_start(struct flush_all *, struct station *, const struct view *const *,
		     void (*done)(struct flush_all *));

/* ---- registry.c: thread: any -------------------------------------------------------------- */

struct controller;

void registry_open(struct registry *);
void registry_close(struct registry *);
/* Gives it a CNTLID of its subsystem that was not used lately; -EBUSY: all are in use. */
int registry_add(struct registry *, struct controller *, uint16_t first, uint16_t last);
/* False: not yet, a fence is on its way to it. */
bool registry_remove(struct registry *, struct controller *);
/* From now on registry_owner does not find it. */
void registry_retire(struct registry *, struct controller *);
/* The worker that owns it; NULL: there is none. */
struct station *registry_owner(struct registry *, const char *subnqn, uint16_t cntlid);
/* On the owner's thread: itself; NULL: there is none, or it is another's by now. */
struct controller *registry_find(struct registry *, const char *subnqn, uint16_t cntlid,
				 const struct station *owner);
/* Ends those of the same subsystem and host; whether there are any, ending or not. */
bool registry_fence(struct registry *, const struct subsystem_life *, const char *hostnqn,
		    const uint8_t *hostid);
/* The fence has come to its owner. */
void registry_fenced(struct registry *, struct controller *);
/* Is one of this host's still draining writes? */
bool registry_is_draining(struct registry *, const char *hostnqn, const uint8_t *hostid);
/* What a controller's owner learns of other workers. */
struct news {
	uint32_t nsid;			/* a host has changed it; FFFFFFFFh: several; 0: none */
	bool has_failed;		/* the storage, below one of its commands */
};
/* Told by one that serves a controller of the subsystem, or a queue of this controller; who
 * is told asks what there is, and is not removed before he has. */
void registry_notice(struct registry *, const struct subsystem_life *, uint32_t nsid);
void registry_notice_failure(struct registry *, struct controller *);
struct news registry_noticed(struct registry *, struct controller *);
/* CNTLIDs of a subsystem in their order, from one on; with an NSID of those alone whose
 * hosts see that namespace.  How many there are of `room`. */
unsigned int registry_list(struct registry *, const struct subsystem *, uint32_t nsid,
			   uint16_t from, uint16_t *ids, unsigned int room);
unsigned int registry_count(struct registry *);

/* ---- follow.c: thread: the station's worker ------------------------------------------------ */

/* Empty lists; `first` is what it goes by. */
void station_open(struct station *, struct target *, const struct snapshot *first);
/* Goes by this one from now on; connections that it does not allow any more end.  The
 * last one stays until station_tell has been called. */
void station_follow(struct station *, const struct snapshot *);
/* Every other worker goes by it, too: tells hosts what has changed. */
void station_tell(struct station *);

/* ---- queue.c ------------------------------------------------------------------------------ */

/*
 * Thread: the station's worker.  Takes over an accepted socket.  When it
 * can't, the socket is closed and the log says why; at the end, and where the port
 * is gone, it is just closed.
 */
void target_accept(struct station *, int fd, uint64_t port);
/* Thread: the station's worker.  Ends every connection on it, and those that are
 * on their way to it when they arrive. */
void target_end_all(struct station *);
/* Thread: the keeper's.  From now on it is told again. */
void target_was_told(struct target *);
/* Thread: any.  How many connections there are, those that drain among them. */
unsigned int target_queues(struct target *);
/* How many have gone since the beginning, wrapping round. */
unsigned int target_departed(struct target *);
/* Frees the requests in stock; the worker has stopped. */
void station_close(struct station *);

#endif
