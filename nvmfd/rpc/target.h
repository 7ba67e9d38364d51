/* SPDX-License-Identifier: BSD-2-Clause */
/* What the methods act upon, and the table of them. */
#ifndef NVMFD_RPC_TARGET_H
#define NVMFD_RPC_TARGET_H

#include "journal.h"
#include "rpc/call.h"
#include "target/service.h"

/* A change, or a mistake of the file. */
typedef void rpc_say(void *to, bool is_mistake, const char *line);

/* The configuration file, which the composition root knows.  Each 0, or -errno with a
 * sentence. */
struct rpc_file {
	void *context;
	/* What runs, as text; the caller's. */
	int (*format)(void *context, char **text, char *error, size_t error_size);
	/* The same into the file that the daemon was started with; its path is said. */
	int (*save)(void *context, const char **path, char *error, size_t error_size);
	/* Reads it again; `say` is told, line by line, what changed or what is wrong. */
	int (*reload)(void *context, rpc_say *say, void *to,
		      char *error, size_t error_size);
};

struct rpc_target {
	struct service *service;
	struct journal *journal;
	/* Serves from now on: 0, or -errno with a sentence. */
	int (*start)(struct rpc_target *, char *error, size_t error_size);
	const struct rpc_file *file;
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
