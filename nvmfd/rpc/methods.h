/* SPDX-License-Identifier: BSD-2-Clause */
/* The methods by file: what each takes, and what runs it.  methods.c is the table. */
#ifndef NVMFD_RPC_METHODS_H
#define NVMFD_RPC_METHODS_H

#include "rpc/target.h"

/* For rows of parameters; ROW_OF is the structure that they go to. */
#define ROW(name, type, member) { #name, type, false, offsetof(ROW_OF, member), NULL }
#define MUST(name, type, member) { #name, type, true, offsetof(ROW_OF, member), NULL }
#define NO(name) { #name, RPC_NO, false, 0, NULL }
#define ANY(name) { #name, RPC_ANYTHING, false, 0, NULL }
#define ROWS_END { .name = NULL }

/* ---- framework.c: the daemon itself ---- */

extern const struct rpc_params rpc_list_params, rpc_level_params;

void rpc_get_version(struct rpc_call *);
void rpc_get_methods(struct rpc_call *);
void rpc_get_framework_subsystems(struct rpc_call *);
void rpc_wait_init(struct rpc_call *);
void rpc_start_init(struct rpc_call *);
void rpc_set_level(struct rpc_call *);
void rpc_get_level(struct rpc_call *);

/* ---- config.c: what would make all this again ---- */

extern const struct rpc_params rpc_config_params;

void rpc_get_config(struct rpc_call *);

/* ---- bdev.c: devices ---- */

extern const struct rpc_params rpc_malloc_params, rpc_null_params, rpc_aio_params,
	rpc_uring_params, rpc_device_params, rpc_null_resize_params, rpc_bdevs_params;

void rpc_create_malloc(struct rpc_call *);
void rpc_create_null(struct rpc_call *);
void rpc_create_file(struct rpc_call *);
void rpc_delete_malloc(struct rpc_call *);
void rpc_delete_null(struct rpc_call *);
void rpc_delete_file(struct rpc_call *);
void rpc_resize_null(struct rpc_call *);
void rpc_rescan_file(struct rpc_call *);
void rpc_get_bdevs(struct rpc_call *);

/* ---- iostat.c: what they did ---- */

extern const struct rpc_params rpc_iostat_params, rpc_reset_iostat_params;

void rpc_get_iostat(struct rpc_call *);
void rpc_reset_iostat(struct rpc_call *);

/* ---- transport.c ---- */

extern const struct rpc_params rpc_transport_params, rpc_transports_params, rpc_target_params;

void rpc_create_transport(struct rpc_call *);
void rpc_get_transports(struct rpc_call *);

/* ---- subsystem.c: subsystems, and the hosts that may connect ---- */

struct nqn_params {
	const char *nqn;
};

extern const struct rpc_params rpc_create_subsystem_params, rpc_nqn_params,
	rpc_subsystems_params, rpc_host_params, rpc_any_host_params;

void rpc_create_subsystem(struct rpc_call *);
void rpc_delete_subsystem(struct rpc_call *);
void rpc_get_subsystems(struct rpc_call *);
void rpc_add_host(struct rpc_call *);
void rpc_remove_host(struct rpc_call *);
void rpc_allow_any_host(struct rpc_call *);

/* ---- ns.c: namespaces ---- */

extern const struct rpc_params rpc_add_ns_params, rpc_ns_params, rpc_ns_host_params;

void rpc_add_ns(struct rpc_call *);
void rpc_remove_ns(struct rpc_call *);
void rpc_show_ns(struct rpc_call *);
void rpc_hide_ns(struct rpc_call *);

/* ---- listener.c: ports and referrals ---- */

extern const struct rpc_params rpc_listener_params, rpc_referral_params;

void rpc_add_listener(struct rpc_call *);
void rpc_remove_listener(struct rpc_call *);
void rpc_get_listeners(struct rpc_call *);
void rpc_add_referral(struct rpc_call *);
void rpc_remove_referral(struct rpc_call *);
void rpc_get_referrals(struct rpc_call *);

/* ---- hosts.c: who is connected ---- */

void rpc_get_controllers(struct rpc_call *);
void rpc_get_qpairs(struct rpc_call *);
void rpc_get_stats(struct rpc_call *);

/* ---- nvmfd_*.c: what SPDK has no name for -------------------------------------------------- */

extern const struct rpc_params rpc_own_device_params, rpc_own_name_params,
	rpc_own_resize_params;

void rpc_own_add_device(struct rpc_call *);
void rpc_own_remove_device(struct rpc_call *);
void rpc_own_resize_device(struct rpc_call *);

extern const struct rpc_params rpc_own_subsystem_params, rpc_own_address_params;

void rpc_own_get_subsystems(struct rpc_call *);
void rpc_own_add_subsystem(struct rpc_call *);
void rpc_own_set_subsystem(struct rpc_call *);
void rpc_own_remove_subsystem(struct rpc_call *);
void rpc_own_add_address(struct rpc_call *);
void rpc_own_remove_address(struct rpc_call *);

extern const struct rpc_params rpc_own_add_ns_params, rpc_own_set_ns_params;

void rpc_own_add_ns(struct rpc_call *);
void rpc_own_set_ns(struct rpc_call *);

extern const struct rpc_params rpc_own_add_port_params, rpc_own_port_params,
	rpc_own_link_params;

void rpc_own_get_discovery(struct rpc_call *);
void rpc_own_set_discovery(struct rpc_call *);

void rpc_own_get_ports(struct rpc_call *);
void rpc_own_add_port(struct rpc_call *);
void rpc_own_remove_port(struct rpc_call *);
void rpc_own_link_port(struct rpc_call *);
void rpc_own_unlink_port(struct rpc_call *);

void rpc_own_get_iostat(struct rpc_call *);

void rpc_own_get_config(struct rpc_call *);
void rpc_own_save_config(struct rpc_call *);
void rpc_own_reload(struct rpc_call *);

#endif
