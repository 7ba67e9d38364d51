/* SPDX-License-Identifier: BSD-2-Clause */
/* The methods by file: what each takes, and what runs it.  methods.c is the table. */
#ifndef NVMFD_RPC_METHODS_H
#define NVMFD_RPC_METHODS_H

#include "rpc/target.h"

/* ---- framework.c: the daemon itself ---- */

struct rpc_list_params {
	bool current, include_aliases;
};
extern const struct rpc_param rpc_list_table[];

struct rpc_level_params {
	const char *level;
};
extern const struct rpc_param rpc_level_table[];

void rpc_get_version(struct rpc_call *);
void rpc_get_methods(struct rpc_call *);
void rpc_get_framework_subsystems(struct rpc_call *);
void rpc_wait_init(struct rpc_call *);
void rpc_start_init(struct rpc_call *);
void rpc_set_level(struct rpc_call *);
void rpc_get_level(struct rpc_call *);

#endif
