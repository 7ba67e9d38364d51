/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: what is served, and every way to change it.  Command line, file and
 * remote control are front ends to these calls and can do nothing else.
 *
 *	model_begin(m);
 *	model_add_device(m, "disk", "ramdisk:1G", backend);
 *	model_add_subsystem(m, &subsystem);
 *	model_add_namespace(m, subsystem.nqn, &namespace);
 *	model_add_port(m, &port);
 *	model_link(m, port.id, subsystem.nqn);
 *	if (model_commit(m))
 *		puts(model_error(m));
 *
 * Changes.  Each call is a change of its own, unless it comes between model_begin and
 * model_commit: then nobody sees any of them before the commit, which shows them all
 * at once.  A call that fails changes nothing, but leaves what was begun open: then
 * commit without it, or model_abort, which takes back everything since model_begin.
 * When a change (or commit) returns 0, every worker goes by it, events have gone to the
 * hosts that asked for them, and what was removed is no longer in use; or a deadline
 * (MODEL_DRAIN_MS) has passed, and what a hung device still has is let go of later,
 * by another change or by model_tend.
 *
 * Reading.  model_snapshot has everything, settings as they were given; within a
 * transaction that is what has been changed so far.  It and all in it are valid until
 * the next call that changes something, begins, commits or aborts.
 *
 * Results.  0 or -errno: -EINVAL what is asked for makes no sense, -EEXIST it is there
 * already, -ENOENT it is not, -EBUSY it is in use, -ENOSPC no number is left, -ENOMEM, or
 * what the system says of a device or address.  model_error has a sentence for people
 * that names the thing.
 *
 * Ownership.  Texts and settings are copied.  A backend is the model's once
 * model_add_device has returned 0, and is closed by it when nothing uses it.
 *
 * Threads.  One thread, the control thread, makes all calls; it is none of the workers',
 * and changes wait for those (microseconds, unless something is removed).  Never from
 * within a callback of a worker or a backend.
 */
#ifndef NVMF_MODEL_MODEL_H
#define NVMF_MODEL_MODEL_H

#include "model/snapshot.h"

#include <stddef.h>

/* How long a change waits for commands that use what was removed. */
#define MODEL_DRAIN_MS 3000

#define MODEL_ERROR_SIZE 1024

/*
 * Who makes a model take effect.  Without one it is data alone: fit for trying out
 * whether a configuration makes sense (ports are then not opened).
 */
struct model_runtime {
	/* Listens there; fills in a service that is 0, is_any and is_ipv6.  Accepts
	 * nobody yet. */
	int (*open_port)(struct model_runtime *, struct port *, char *error, size_t error_size);
	/* A port that nobody has seen. */
	void (*close_port)(struct model_runtime *, uint64_t key);
	/*
	 * Opens and closes ports, makes every worker go from `last` to `next`, then
	 * sends the events.  When it returns 0, nobody uses `last` itself any more;
	 * but commands may use records of namespaces in it, and controllers the lives
	 * of its subsystems.
	 */
	int (*publish)(struct model_runtime *, const struct snapshot *last,
		       const struct snapshot *next, char *error, size_t error_size);
	/* Lets the workers work for about a millisecond. */
	void (*pass_time)(struct model_runtime *);
};

struct model {
	struct limits limits;
	unsigned int workers;
	struct model_runtime *runtime;	/* NULL: none */
	struct snapshot *current;
	struct snapshot *draft;		/* NULL: nothing is being changed */
	bool has_begun;			/* by model_begin */
	bool changes_discovery;		/* the draft does */
	uint64_t last_port;		/* the key of the last port that was added */
	struct list retired;		/* records of namespaces that may be in use */
	char error[MODEL_ERROR_SIZE];
};

/* An empty model, with a discovery subsystem that has no serial number.  `workers` is
 * the number of lanes.  -ENOMEM. */
int model_open(struct model *, const struct limits *, unsigned int workers);
/* Closes the devices.  Nothing may be under way.  Harmless when it is closed. */
void model_close(struct model *);

/* Why the last call failed: one sentence, without line end. */
const char *model_error(const struct model *);
const struct snapshot *model_snapshot(const struct model *);

/* -EBUSY: it has begun already. */
int model_begin(struct model *);
int model_commit(struct model *);
void model_abort(struct model *);

/* Lets go of what had to wait for a device; to be called now and then while
 * model_is_waiting. */
void model_tend(struct model *);
bool model_is_waiting(const struct model *);

/* ---- devices ------------------------------------------------------------------------ */

/*
 * `name` is what namespaces call it: 1 to 255 bytes without control characters.  NULL:
 * device0, device1 and so on, the first that is free; model_device_name says it.
 * `text` is kept for who saves the configuration, and may be NULL.  When it fails the
 * backend is the caller's still.
 */
int model_add_device(struct model *, const char *name, const char *text, struct backend *);
/* -EBUSY while a namespace uses it. */
int model_remove_device(struct model *, const char *name);
/*
 * Makes it so many bytes, or for 0 looks what somebody else has made of it; rounded down
 * to whole blocks.  Its namespaces follow.  -ENOTSUP: it can't be changed from here.
 */
int model_resize_device(struct model *, const char *name, uint64_t bytes);
/* The name of the device that was added last; valid as a snapshot is. */
const char *model_device_name(const struct model *);

/* ---- subsystems ------------------------------------------------------------------------ */

/* The settings of one that says nothing but its name: serial number derived from it,
 * model "nvmfd", firmware `firmware`, all CNTLIDs, the target's limits, any host. */
int model_default_subsystem(const struct model *, const char *nqn, const char *firmware,
			    struct subsystem_settings *);
/* nn and io_queues 0: the target's; more io_queues than the target's are refused. */
int model_add_subsystem(struct model *, const struct subsystem_settings *);
/* Gives the subsystem of that name other settings, its list of hosts aside.  Controllers
 * that are there keep their identifiers and queues; Identify shows the rest at once, but
 * hosts look when they connect.  -EBUSY: nn is below a namespace that is there. */
int model_change_subsystem(struct model *, const struct subsystem_settings *);
/* Its namespaces, hosts and links go with it; its controllers are ended. */
int model_remove_subsystem(struct model *, const char *nqn);
/* What discovery controllers say of themselves; before anybody is served. */
int model_name_discovery(struct model *, const char *serial, const char *model,
			 const char *firmware);
/* An NQN of its own, which hosts are told and may connect by; the well-known one is
 * answered all the same, and given here takes the own one away.  -EEXIST: a subsystem's. */
int model_set_discovery_nqn(struct model *, const char *nqn);

/* ---- namespaces -------------------------------------------------------------------------- */

/* Whether hosts have it protected (feature 84h): one of this number that goes in the same
 * change leaves that, too. */
enum protection { PROTECTION_KEPT, PROTECTION_ON, PROTECTION_OFF };

struct namespace_settings {
	uint32_t nsid;			/* 0: the lowest that is free; filled in */
	const char *device;
	bool is_read_only;		/* so are those on read-only devices */
	bool is_hidden;			/* from all hosts but those of model_show_namespace */
	enum protection protection;	/* that hosts can change */
	/* Derive from NQN and NSID those identifiers that are all zeros.  Else a
	 * namespace has exactly the identifiers given. */
	bool derives_id;
	struct ns_identity id;
};

int model_add_namespace(struct model *, const char *nqn, struct namespace_settings *);
int model_remove_namespace(struct model *, const char *nqn, uint32_t nsid);

/* Of a hidden namespace: whether this host sees it.  -EINVAL where it is not hidden. */
int model_show_namespace(struct model *, const char *nqn, uint32_t nsid, const char *hostnqn);
int model_hide_namespace(struct model *, const char *nqn, uint32_t nsid, const char *hostnqn);

/* ---- hosts ------------------------------------------------------------------------------- */

/* A host whose connections are no longer allowed is disconnected. */
int model_allow_host(struct model *, const char *nqn, const char *hostnqn);
int model_forbid_host(struct model *, const char *nqn, const char *hostnqn);
/* False: none but those of the list. */
int model_allow_any_host(struct model *, const char *nqn, bool any);

/* Hosts may come from these addresses alone ("192.0.2.0/24", "2001:db8::1"); while the
 * list is empty, from everywhere. */
int model_allow_address(struct model *, const char *nqn, const char *prefix);
int model_forbid_address(struct model *, const char *nqn, const char *prefix);

/* ---- ports ------------------------------------------------------------------------------- */

struct port_settings {
	bool has_id;			/* else the lowest from 1 on that is free */
	uint16_t id;			/* filled in */
	const char *address;		/* numeric, IPv4 or IPv6 */
	uint16_t service;		/* TCP port; 0: one that is free; filled in */
};

/* Listens there, for discovery alone until a subsystem is linked. */
int model_add_port(struct model *, struct port_settings *);
/* The connections that came by it end. */
int model_remove_port(struct model *, uint16_t id);
int model_link(struct model *, uint16_t port, const char *nqn);
int model_unlink(struct model *, uint16_t port, const char *nqn);

/* ---- referrals ------------------------------------------------------------------------------ */

struct referral_settings {
	const char *address;		/* numeric */
	uint16_t service;
	uint16_t port_id;		/* as told to hosts */
	const char *nqn;		/* NULL: the well-known discovery NQN */
};

int model_add_referral(struct model *, const struct referral_settings *);
/* By address and service. */
int model_remove_referral(struct model *, const char *address, uint16_t service);

#endif
