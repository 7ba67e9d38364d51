/* SPDX-License-Identifier: BSD-2-Clause */
/* One row a method: its name and parameters are SPDK's. */
#include "rpc/methods.h"

#define PLAIN(name, states, run) { name, states, run, NULL, 0 }
#define WITH(name, states, run, kind) \
	{ name, states, run, rpc_ ## kind ## _table, sizeof(struct rpc_ ## kind ## _params) }

const struct rpc_method rpc_methods[] = {
	PLAIN("spdk_get_version", RPC_ALWAYS, rpc_get_version),
	WITH("rpc_get_methods", RPC_ALWAYS, rpc_get_methods, list),
	PLAIN("framework_get_subsystems", RPC_RUNTIME, rpc_get_framework_subsystems),
	PLAIN("framework_wait_init", RPC_ALWAYS, rpc_wait_init),
	PLAIN("framework_start_init", RPC_STARTUP, rpc_start_init),
	WITH("log_set_level", RPC_ALWAYS, rpc_set_level, level),
	PLAIN("log_get_level", RPC_ALWAYS, rpc_get_level),
	{ .name = NULL },
};
