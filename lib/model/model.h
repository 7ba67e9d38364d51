/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is served, as plain data: subsystem, namespaces, ports.
 *
 * Threads: built by the main thread and unchanged from then on, but for the
 * health counters, each of which one worker writes and everybody may read.
 */
#ifndef NVMF_MODEL_MODEL_H
#define NVMF_MODEL_MODEL_H

#include "wire/fabrics.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct backend;

struct namespace {
	uint32_t nsid;
	struct backend *backend;	/* owned */
	uint64_t blocks;
	uint8_t lba_shift;		/* block size = 1 << lba_shift bytes */
	bool is_read_only;
	bool is_immediate;		/* see backend.h */
	bool has_volatile_cache;
	uint8_t nguid[16], eui64[8], uuid[16];
};

/* What one worker has completed; a line of its own. */
struct health {
	_Alignas(64) _Atomic uint64_t reads, writes;
	_Atomic uint64_t sectors_read, sectors_written;	/* of 512 bytes */
};

struct limits {
	uint32_t mdts;			/* bytes, a power of two */
	uint32_t in_capsule;		/* bytes, of an I/O queue */
	uint32_t io_queues;		/* most per controller */
	uint32_t queue_entries;		/* most per queue */
	uint32_t nn;			/* highest NSID */
	unsigned int handshake_s, association_s;
	bool allow_flow_off;
};

struct subsystem {
	char nqn[NQN_FIELD_SIZE];
	char serial[21], model[41], firmware[9];	/* with a NUL */
	uint16_t cntlid_first, cntlid_last;
	struct namespace **namespaces;	/* [NSID]; NULL where there is none */
	/* The same without gaps, in the order of their NSIDs: few of many numbers
	 * are used, and hosts ask for all namespaces as often as they like. */
	struct namespace **in_order;
	uint32_t namespace_count;
	bool has_volatile_cache;	/* one of them */
	struct health *health;		/* [worker] */
	unsigned int workers;
	uint64_t started;		/* s, CLOCK_BOOTTIME: the daemon's start */
};

/* A listening socket. */
struct port {
	uint16_t id;
	bool serves_io;			/* else: the discovery subsystem alone */
	bool is_any;			/* a wildcard address */
	bool is_ipv6;
	char address[64];		/* numeric text */
	uint16_t service;		/* TCP port */
};

struct model {
	struct limits limits;
	struct subsystem subsystem;
	struct port **ports;		/* each stays where it is */
	unsigned int port_count;
	uint64_t generation;		/* of the discovery log, from 1 */
};

/* -ENOMEM.  limits.nn and `workers` are final. */
int model_open(struct model *, const struct limits *, unsigned int workers);
/* Closes the namespaces' backends. */
void model_close(struct model *);

/* Takes the backend over.  -ENOMEM; the backend is then still the caller's. */
int model_add_namespace(struct model *, const struct namespace *);

/* Copies the port and numbers it, from 1; the model's.  NULL: no memory. */
const struct port *model_add_port(struct model *, const struct port *);
/* Nobody may know it yet. */
void model_drop_last_port(struct model *);

/* NULL: NSID out of range or not there. */
static inline const struct namespace *model_namespace(const struct model *m, uint32_t nsid)
{
	return nsid && nsid <= m->limits.nn ? m->subsystem.namespaces[nsid] : NULL;
}

/* Does any namespace need a flush before what was written is durable? */
static inline bool model_has_volatile_cache(const struct model *m)
{
	return m->subsystem.has_volatile_cache;
}

/* Where in the order the namespaces begin whose NSID is greater. */
uint32_t model_place_after(const struct model *, uint32_t nsid);

/* The sum over the workers. */
struct health_total {
	uint64_t reads, writes, sectors_read, sectors_written;
};
struct health_total model_health(const struct subsystem *);

/* Counts on the worker's own line: no other thread writes it. */
static inline void health_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

#endif
