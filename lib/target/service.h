/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole target at work: model, workers and listening sockets put together, run
 * and taken apart.  The daemon builds on this, and so does nvmf_target.
 *
 * Threads: one controls it.  Where it is driven (no threads of its own) the same
 * one also calls service_turn, and everything happens on it.
 */
#ifndef NVMF_TARGET_SERVICE_H
#define NVMF_TARGET_SERVICE_H

#include "controller/target.h"

#include <semaphore.h>
#include <stddef.h>

struct service_settings {
	struct limits limits;
	struct tcp_config tcp;
	unsigned int workers;		/* 1 or more; 1 where it is driven */
	bool is_driven;
	size_t buffers;			/* bytes of each worker's pool; 2 * limits.mdts or more */
	uint64_t poll;			/* ns that a worker spins before it sleeps */
	const struct log *log;
	/* Optional: what the storage needs of each worker.  0, or -errno with a
	 * sentence; close follows an open that succeeded, when nothing runs. */
	int (*open_lane)(struct station *, void *context, char *error, size_t error_size);
	void (*close_lane)(struct station *, void *context);
	void *context;
};

struct listener;
struct visit;

struct service {
	/* Changed by its own calls, on the thread that controls the service. */
	struct model model;
	struct model_runtime runtime;
	struct target target;
	struct service_settings settings;
	struct list listeners, closed;	/* those that are closed and not yet free */
	unsigned int lanes;		/* that are open */
	unsigned int next;		/* station for the next connection */
	struct visit *visits;		/* [station] */
	sem_t visited;			/* once for each that has answered */
	const struct snapshot *following;	/* the visits' */
	bool is_stuck;			/* a worker did not answer */
	bool is_started;
	/* The end: stations that have ended their hosts, and the last flush. */
	bool is_ending, is_flushing;
	_Atomic unsigned int ended;
	_Atomic bool is_flushed;
	struct worker_message flush_message;
	struct flush_all flush;
};

/* Workers and an empty model.  0, or -errno with a sentence; *s then needs no
 * service_close. */
int service_open(struct service *s, const struct service_settings *, char *error,
		 size_t error_size);

/*
 * Adds a device, described by `text` or NULL, as a namespace of the subsystem:
 * `uuid` 16 bytes or NULL: derived, as its other identifiers are.  Takes the backend
 * over, or closes it when it fails.
 */
int service_add_namespace(struct service *, const char *nqn, uint32_t nsid, struct backend *,
			  const char *text, const uint8_t *uuid, char *error,
			  size_t error_size);

/* The addresses of one port. */
struct service_addresses {
	const char *const *list;	/* numeric */
	size_t count;
	/* An address whose family this machine lacks is left out. */
	bool may_lack;
};

/*
 * Listens at *port of every address, or of none, and serves the subsystem there (NULL:
 * discovery alone); *port 0: one that is free at all of them, which it is set to.
 */
int service_listen(struct service *, const struct service_addresses *, uint16_t *port,
		   const char *nqn, char *error, size_t error_size);

/* Accepts hosts from now on. */
int service_start(struct service *, char *error, size_t error_size);

/* A driven service: what to poll for reading, in how many ms it must have a turn
 * although nothing came (-1: never), and the turn, which waits for `most_ms` at
 * most (-1: as long as it takes). */
int service_fd(const struct service *);
int service_due(const struct service *);
void service_turn(struct service *, int most_ms);

/*
 * Ends every host and makes all that was written durable, within `ms` (-1: as long
 * as it takes).  False: commands are still with the storage; it may be called
 * again, and service_close must not be.
 */
bool service_end(struct service *, int ms);
void service_close(struct service *);

/* ---- listener.c ---- */

/* The model's calls. */
int listener_open(struct model_runtime *, struct port *, char *error, size_t error_size);
void listener_drop(struct model_runtime *, uint64_t port);

/* Thread: of the first worker, while the one that controls waits for it. */
void listeners_close(struct service *);
/* Thread: the one that controls, a turn later. */
void listeners_free(struct service *);
/* Those whose port is not there. */
void listeners_close_others(struct service *, const struct snapshot *);
/* Those that are not watched yet. */
int listeners_watch(struct service *);

/* ---- publish.c: the model's calls ---- */

int publish_open(struct service *);
void publish_close(struct service *);
int publish_snapshot(struct model_runtime *, const struct snapshot *last,
		     const struct snapshot *next, char *error, size_t error_size);
void publish_pass_time(struct model_runtime *);

/*
 * Runs `look` on each worker, one after the other, and waits for it.  0, or -ETIMEDOUT:
 * one does not answer, and may still look later, so the context must stay.
 */
int service_ask(struct service *, void (*look)(struct station *, void *context), void *context);

#endif
