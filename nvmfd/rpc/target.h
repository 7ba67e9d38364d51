/* SPDX-License-Identifier: BSD-2-Clause */
/* What the methods act upon, and the table of them. */
#ifndef NVMFD_RPC_TARGET_H
#define NVMFD_RPC_TARGET_H

#include "journal.h"
#include "rpc/call.h"
#include "target/service.h"

struct rpc_target {
	struct service *service;
	struct journal *journal;
	/* Serves from now on: 0, or -errno with a sentence. */
	int (*start)(struct rpc_target *, char *error, size_t error_size);
	/* The methods' own. */
	struct rpc_interface interface;
	bool has_transport;		/* what is served may have listeners */
	struct list waiting;		/* calls of framework_wait_init */
	const char *log_level;		/* as it was set; NULL: it was not */
};

/* Every method; the last has no name. */
extern const struct rpc_method rpc_methods[];

/* The first part is filled in.  waits: nobody is served before framework_start_init. */
void rpc_target_open(struct rpc_target *, bool waits);
/* Ends the calls that run. */
void rpc_target_close(struct rpc_target *);

static inline struct rpc_target *rpc_target_of(const struct rpc_call *c)
{
	return c->interface->context;
}

#endif
