/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: every setting of the daemon in one struct. */
#ifndef NVMFD_OPTIONS_H
#define NVMFD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_MAX_LISTEN 16
#define OPTIONS_MAX_CALLS 256

enum options_action { OPTIONS_SERVE, OPTIONS_HELP, OPTIONS_VERSION };
enum options_c2h_success { C2H_SUCCESS_SPEC, C2H_SUCCESS_ALWAYS };

/* Strings belong to argv. */
struct nvmfd_options {
	enum options_action action;	/* HELP, VERSION: nothing else is checked */
	bool debug;			/* -d */
	bool foreground;		/* so does debug */
	bool allow_sqflow_off;		/* -F */
	bool allow_data_digest;		/* -G */
	bool allow_header_digest;	/* -g */
	bool kernel;			/* -K */
	const char *configfs;		/* of the kernel's target */
	bool check;			/* the configuration, and no more */
	const char *config;		/* -c: a file, "-"; NULL: none */
	uint32_t discovery_port;	/* 0: any free one */
	uint32_t io_port;		/* 0: any free one */
	uint32_t transport;		/* 0: tcp, the only one */
	const char *subnqn;		/* NULL: the machine's own, see state.h */
	const char *listen[OPTIONS_MAX_LISTEN];	/* numeric addresses */
	size_t listen_count;		/* 0: every address, IPv4 and IPv6 */
	const char *pidfile;		/* NULL: the default, when detached */
	const char *ports_file;		/* NULL: none */
	const char *rpc_socket;		/* NULL: the default, when detached */
	bool wait_for_rpc;		/* serve nobody before it is told to */
	const char *rpc_group;		/* whose members may call, too; NULL: nobody's */
	const char *calls[OPTIONS_MAX_CALLS];	/* done before anybody is served */
	size_t call_count;
	const char *state_file;		/* NULL: the default */
	uint32_t c2h_success;		/* enum options_c2h_success */
	uint32_t engine;		/* enum io_engine_kind */
	uint32_t workers;
	uint32_t poll;			/* us */
	uint32_t io_queues;		/* most per controller */
	uint32_t queue_entries;		/* most per queue */
	uint32_t nn;			/* highest NSID */
	uint32_t handshake_timeout;	/* seconds */
	uint32_t association_timeout;	/* seconds */
	uint64_t mdts;			/* bytes, a power of two, 4096 or more */
	uint64_t in_capsule_data;	/* bytes, a multiple of 16 */
	uint64_t max_h2c_data;		/* bytes, a multiple of 4 */
	uint64_t buffers;		/* bytes per worker */
	char *const *devices;		/* see device_spec.h */
	size_t device_count;
	uint64_t given;			/* which rows argv has: the file can't change these */
	uint64_t set;			/* which rows the file has */
};

/*
 * Fills *o with the defaults and then with what argv says.  argv is permuted:
 * the devices end up last.  0, or -errno with one sentence that names the
 * option, what stood there and what is allowed.
 */
int options_parse(struct nvmfd_options *o, int argc, char **argv,
		  char *error, size_t error_size);

/* The same without a command line. */
int options_defaults(struct nvmfd_options *o, char *error, size_t error_size);

/* What a configuration file may set, by the option's long name.  -ENOENT: nothing of
 * this name.  options_set leaves alone what the command line has given; the value
 * must stay where it is. */
int options_set(struct nvmfd_options *o, const char *name, const char *value,
		char *error, size_t error_size);
/* 0, -ENOENT, or -EINVAL with what is expected instead. */
int options_check(const char *name, const char *value, char *expected, size_t size);
/* Whether settings that are good alone go together. */
int options_check_limits(const struct nvmfd_options *o, char *error, size_t error_size);
/* Whether the kernel's target can have all that command line and file have set. */
int options_check_kernel(const struct nvmfd_options *o, char *error, size_t error_size);

/* The first option of those that a file may set whose values differ; NULL: none. */
const char *options_difference(const struct nvmfd_options *a, const struct nvmfd_options *b);
/* Whether the command line or the file has set it. */
bool options_has(const struct nvmfd_options *o, const char *name);

/* Tells each setting that a file may hold and that command line or file have set: as
 * text, or as a number where text is NULL. */
void options_each_set(const struct nvmfd_options *o,
		      void (*tell)(void *context, const char *name, const char *text,
				   uint64_t number), void *context);

void options_help(FILE *to);

#endif
