/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon at work: model, storage, workers and listeners put together, run
 * until told to end, and taken apart.  Threads: main.
 */
#ifndef NVMFD_SERVER_H
#define NVMFD_SERVER_H

#include "config/config.h"
#include "device_spec.h"
#include "journal.h"
#include "options.h"
#include "state.h"

#include <stddef.h>
#include <stdint.h>

struct server;
struct rpc_file;

struct server_setup {
	const struct nvmfd_options *options;
	const char *nqn, *serial;
	struct device_spec *devices;	/* numbered */
	size_t device_count;
	/* Instead of name and devices: what a file says.  NULL: there is none. */
	const struct config *config;
	/* On SIGHUP; NULL: nothing. */
	void (*reload)(void *context);
	void *context;
	const struct rpc_file *file;	/* for those who call */
	struct journal *journal;
	/* The socket of the RPC server; NULL: none.  `is_default`: where it is in use, the
	 * daemon does without. */
	const char *rpc_socket;
	bool rpc_is_default;
};

/* Opens everything and serves.  The options must outlive it.  0, or -errno with a
 * sentence; nothing is left half started. */
int server_open(struct server **, const struct server_setup *, char *error,
		size_t error_size);

struct model *server_model(struct server *);

/* Makes what it serves by `before` into `after`, all or nothing: 0, or -errno with a
 * sentence; see served.h. */
int server_apply(struct server *, const struct config *before, const struct config *after,
		 char *error, size_t error_size);

/* Of the command line's ports. */
uint16_t server_io_port(const struct server *);
uint16_t server_discovery_port(const struct server *);

/* Runs the main thread's loop until the descriptor of signals_open has TERM, INT or
 * QUIT.  0, or -errno where that can't be watched. */
int server_run(struct server *, int signals);

/* Ends every connection, flushes, stops.  False: commands were still with the
 * storage at the deadline, and their memory is left alone. */
bool server_close(struct server *);

#endif
