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

struct service {
	struct model model;
	struct target target;
	struct service_settings settings;
	struct list listeners;
	unsigned int lanes;		/* that are open */
	unsigned int next;		/* station for the next connection */
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
 * Adds a namespace: `nsid` within the limits and not in use, `uuid` 16 bytes or
 * NULL: derived, as its other names are, from the subsystem's NQN, which is set
 * by now.  Takes the backend over, unless it fails.
 */
int service_add_namespace(struct service *, uint32_t nsid, struct backend *,
			  const uint8_t *uuid, char *error, size_t error_size);

/* The addresses of one port. */
struct service_addresses {
	const char *const *list;	/* numeric */
	size_t count;
	/* An address whose family this machine lacks is left out. */
	bool may_lack;
};

/*
 * Listens at *port of every address, or of none; *port 0: one that is free at all
 * of them, which it is set to.  Before service_start.
 */
int service_listen(struct service *, const struct service_addresses *, uint16_t *port,
		   bool serves_io, char *error, size_t error_size);

/* Accepts hosts from now on; model and ports are final. */
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

/* Thread: of the first worker. */
void listeners_close(struct service *);
int listeners_watch(struct service *);

#endif
