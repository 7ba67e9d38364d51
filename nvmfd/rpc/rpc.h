/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RPC server: many callers on a Unix socket, each with a session, driven by the
 * main thread's loop.  Nothing here waits, and nothing that a caller does or leaves
 * undone is felt by a host.
 *
 * Threads: main.
 */
#ifndef NVMFD_RPC_RPC_H
#define NVMFD_RPC_RPC_H

#include "rpc/call.h"
#include "worker/worker.h"

#define RPC_CONNECTIONS_MOST 64
/* A request that began and does not go on, and an answer that is not taken. */
#define RPC_STALL_S 30
/* Without anything under way: only so long a place is sure when others want it. */
#define RPC_IDLE_LEAST_S 10
#define RPC_IDLE_MOST_S 3600

struct rpc;

struct rpc_setup {
	struct worker *loop;		/* the main thread's */
	const struct rpc_interface *interface;	/* stays where it is */
	const char *path, *group;	/* as rpc_socket_open takes them */
	const struct log *log;
};

/* 0, or -errno with a sentence. */
int rpc_open(struct rpc **, const struct rpc_setup *, char *error, size_t error_size);
/* Calls that run are not ended by this. */
void rpc_close(struct rpc *);

#endif
