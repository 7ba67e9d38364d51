/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is served, at one moment, as plain data: devices, subsystems with their
 * namespaces and hosts, ports, referrals.
 *
 * Threads.  A snapshot is made by the control thread (model.h) and never changes
 * once workers see it; each worker goes from one to the next between two batches.
 * What outlives a snapshot lies beside it and is counted: devices, the records of
 * namespaces, and a subsystem's life.
 *
 * In each record of a namespace every worker has a lane of its own, where it counts
 * what is under way and what it has completed; everybody may read it.
 */
#ifndef NVMF_MODEL_SNAPSHOT_H
#define NVMF_MODEL_SNAPSHOT_H

#include "base/array.h"
#include "base/latency.h"
#include "base/list.h"
#include "model/identity.h"
#include "model/marks.h"
#include "model/prefix.h"
#include "wire/fabrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct backend;

/* ---- the target's own, final ------------------------------------------------------ */

struct limits {
	uint32_t mdts;			/* bytes, a power of two */
	uint32_t in_capsule;		/* bytes, of an I/O queue */
	uint32_t io_queues;		/* most per controller */
	uint32_t queue_entries;		/* most per queue */
	uint32_t nn;			/* highest NSID, where a subsystem has none of its own */
	unsigned int handshake_s, association_s;
	bool allow_flow_off;
};

/* ---- devices ------------------------------------------------------------------------ */

/* What was done.  The latencies' sums are estimated where one of many was timed. */
struct health_total {
	uint64_t reads, writes, sectors_read, sectors_written;
	uint64_t copies, sectors_copied;
	uint64_t media_errors;
	uint64_t read_ns, write_ns;
};

struct device {
	char *name;			/* unique in the model */
	char *text;			/* how it was asked for; "" where nobody said */
	struct backend *backend;	/* owned; its size is that of the last commit */
	struct marks marks;		/* blocks that shall not be read */
	/* The control thread's. */
	unsigned int refs;
	uint64_t next_size;		/* bytes, that the draft gives it; 0: the one it has */
	struct health_total gone;	/* of namespaces on it that are no more */
	struct health_total unseen;	/* who reset what is shown of it does not see this */
};

/* ---- namespaces ----------------------------------------------------------------------- */

/* What one worker does with a namespace; lines of its own. */
struct ns_lane {
	_Alignas(64) _Atomic uint32_t in_flight;	/* commands that refer to it */
	_Atomic uint64_t reads, writes;			/* completed */
	_Atomic uint64_t sectors_read, sectors_written;	/* of 512 bytes */
	_Atomic uint32_t latency[LATENCY_BUCKETS];	/* of these, some counted for all */
	_Atomic uint64_t read_ns, write_ns;		/* their sums, likewise */
	_Atomic uint64_t copies, sectors_copied;	/* to it */
	_Atomic uint64_t media_errors;
};

/* What all records of one namespace have in common; it lasts as long as they. */
struct ns_common {
	_Atomic bool is_protected;	/* by a host (feature 84h); any worker's */
	unsigned int refs;		/* the control thread's */
};

/* A record of a namespace: replaced by another one when it changes, and freed when
 * no snapshot has it and no command refers to it. */
struct namespace {
	uint32_t nsid;
	struct backend *backend;	/* the device's */
	uint64_t blocks;
	uint8_t lba_shift;		/* block size = 1 << lba_shift bytes */
	bool is_read_only;
	bool is_immediate;		/* see backend.h */
	bool has_volatile_cache;
	struct ns_identity id;		/* zeros: it has none of that kind */
	struct ns_lane *lanes;		/* [worker] */
	unsigned int lane_count;
	struct device *device;		/* counted */
	struct subsystem_life *life;	/* counted */
	struct ns_common *common;	/* counted */
	/* The control thread's. */
	unsigned int refs;
	struct list retired;		/* model->retired */
	bool is_late;			/* a change has waited for it long enough */
	/* Under life->lock. */
	struct list link;		/* life->records */
	struct health_total before;	/* of the records that it replaced */
	struct latency latency_before;	/* likewise */
};

/* The namespaces that one host may see. */
struct view {
	uint32_t count;
	uint32_t last;			/* the highest NSID; 0: there are none */
	bool has_volatile_cache;	/* one of them */
	/* In the order of their NSIDs: few of many numbers are used, and hosts ask
	 * for all namespaces as often as they like. */
	struct namespace **in_order;
	struct namespace *by_nsid[];	/* [0 .. last]; NULL: there is none */
};

/* ---- subsystems ------------------------------------------------------------------------ */

/* What happens to the controllers of a host that connects once more. */
enum second_connection {
	SECOND_ALLOWED,
	SECOND_FENCES,			/* the old ones end first */
};

/* As configured. */
struct subsystem_settings {
	char nqn[NQN_FIELD_SIZE];	/* NULs at its end */
	char serial[21], model[41], firmware[9];	/* with a NUL */
	uint8_t oui[3];			/* as Identify shows it, the lowest byte first */
	uint16_t cntlid_first, cntlid_last;
	uint32_t nn;			/* highest NSID */
	uint32_t io_queues;		/* most per controller */
	bool allows_any_host;		/* else those of its list */
	enum second_connection second;
};

/* What a subsystem has as long as it is there; controllers may outlive it. */
struct subsystem_life {
	char nqn[NQN_FIELD_SIZE];
	_Atomic unsigned int refs;
	_Atomic unsigned int controllers;
	uint64_t started;		/* s, CLOCK_BOOTTIME */
	pthread_mutex_t lock;
	struct list records;		/* of namespaces, those that drain among them */
	struct health_total gone;	/* of namespaces that are no more */
	/* Under the lock of the controllers' registry. */
	uint8_t cntlids[(UINT16_MAX + 1) / 8];	/* in use: a bit for each */
	uint16_t next_cntlid;		/* to be tried first */
};

/* A namespace's place in a subsystem. */
struct ns_place {
	struct namespace *ns;		/* counted */
	bool is_hidden;			/* from all hosts but these */
	struct array hosts;		/* char *: host NQNs */
};

/* A host that sees something else than most do. */
struct host_view {
	const char *hostnqn;		/* an ns_place's */
	struct view *view;
};

struct subsystem {
	struct subsystem_settings set;
	struct array hosts;		/* char *: host NQNs that are allowed */
	struct array prefixes;		/* struct prefix *: empty: from everywhere */
	struct array places;		/* struct ns_place *, in the order of the NSIDs */
	struct subsystem_life *life;	/* counted */
	/* Made when the snapshot is sealed. */
	struct view *common;
	struct array host_views;	/* struct host_view * */
};

/* ---- ports -------------------------------------------------------------------------------- */

struct port {
	uint16_t id;			/* as told to hosts; it may move, or come back */
	uint64_t key;			/* of this one alone, even once it is removed */
	bool is_any;			/* a wildcard address */
	bool is_ipv6;
	char address[64];		/* numeric text */
	uint16_t service;		/* TCP port */
	/* Those that it serves, of the same snapshot.  None: discovery alone, which
	 * every port answers. */
	struct array subsystems;	/* struct subsystem * */
};

/* Another discovery controller, which hosts are told of. */
struct referral {
	bool is_ipv6;
	char address[64];		/* numeric text */
	uint16_t service;		/* TCP port */
	uint16_t port_id;		/* as told to hosts */
	char nqn[NQN_FIELD_SIZE];
};

/* ---- all of it ------------------------------------------------------------------------------ */

struct snapshot {
	uint64_t generation;		/* of the discovery log, from 1 */
	struct subsystem *discovery;
	struct array devices;		/* struct device * */
	struct array subsystems;	/* struct subsystem * */
	struct array ports;		/* struct port * */
	struct array referrals;		/* struct referral * */
};

/* In place of a subsystem that is gone, for controllers that are about to end. */
extern const struct subsystem subsystem_gone;

/* NULL: there is none. */
struct subsystem *snapshot_subsystem(const struct snapshot *, const char *nqn);
struct subsystem *snapshot_subsystem_of(const struct snapshot *, const struct subsystem_life *);
struct port *snapshot_port(const struct snapshot *, uint16_t id);
struct port *snapshot_port_of(const struct snapshot *, uint64_t key);
struct device *snapshot_device(const struct snapshot *, const char *name);
struct ns_place *subsystem_place(const struct subsystem *, uint32_t nsid);

bool port_serves(const struct port *, const struct subsystem *);
bool subsystem_allows(const struct subsystem *, const char *hostnqn);
/* Whether any list of hosts has this name. */
bool snapshot_lists_host(const struct snapshot *, const char *hostnqn);
bool subsystem_allows_address(const struct subsystem *, const char *address);
/* Where this text stands in an array of char *; -1: nowhere. */
int array_find_text(const struct array *, const char *text);

/* What this host sees; never NULL once the snapshot is sealed. */
const struct view *subsystem_view(const struct subsystem *, const char *hostnqn);

/* NULL: NSID out of range or not there. */
static inline struct namespace *view_namespace(const struct view *v, uint32_t nsid)
{
	return nsid <= v->last ? v->by_nsid[nsid] : NULL;
}

/* Where in the order the namespaces begin whose NSID is greater. */
uint32_t view_after(const struct view *, uint32_t nsid);

/* ---- lanes ----------------------------------------------------------------------------------- */

/* By who runs the target, or by a host. */
static inline bool namespace_is_protected(const struct namespace *ns)
{
	return ns->is_read_only ||
	       atomic_load_explicit(&ns->common->is_protected, memory_order_relaxed);
}

/* Whether any of its blocks may not be read. */
static inline bool namespace_has_marks(const struct namespace *ns)
{
	return __builtin_expect(marks_any(&ns->device->marks), 0);
}

/* On the worker whose lane it is: no other thread writes it. */
static inline void lane_enter(struct ns_lane *l)
{
	atomic_store_explicit(&l->in_flight,
			      atomic_load_explicit(&l->in_flight, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static inline void lane_leave(struct ns_lane *l)
{
	atomic_store_explicit(&l->in_flight,
			      atomic_load_explicit(&l->in_flight, memory_order_relaxed) - 1,
			      memory_order_release);
}

static inline void lane_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void lane_time(struct ns_lane *l, unsigned int bucket, uint32_t n)
{
	_Atomic uint32_t *counter = &l->latency[bucket];

	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Thread: any.  Of everything that the subsystem has served, or of one namespace. */
struct health_total life_health(struct subsystem_life *);
struct health_total life_namespace_health(struct subsystem_life *, uint32_t nsid);
/* Thread: control.  Of all namespaces that are or were on a device. */
struct health_total device_health(const struct snapshot *, const struct device *);
struct latency life_namespace_latency(struct subsystem_life *, uint32_t nsid);

/* Thread: any.  The last one frees it. */
struct subsystem_life *life_get(struct subsystem_life *);
void life_put(struct subsystem_life *);

#endif
