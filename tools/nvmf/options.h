/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command line says. */
#ifndef NVMF_TOOL_OPTIONS_H
#define NVMF_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Groups of options; a command takes some of them. */
enum option_group {
	GROUP_CONNECT = 1,	/* where to, and as whom */
	GROUP_QUEUES = 2,	/* I/O queues */
	GROUP_NAMESPACE = 4,
	GROUP_COPY = 8,
	GROUP_LOG = 16,
	GROUP_PERF = 32,
	GROUP_OUTPUT = 64,
	GROUP_FIELDS = 128,
};

struct settings {
	const char *transport, *traddr, *trsvcid, *nqn, *hostnqn, *hostid;
	bool header_digest, data_digest, disable_sqflow;
	uint64_t keep_alive_s, timeout_ms;

	uint64_t queues, entries;
	uint64_t nsid;

	uint64_t start_block, block_count, data_size;
	const char *data;

	uint64_t log_id, log_length, log_offset, log_parameter;
	bool retain, raw;

	uint64_t depth, io_size, read_percent, seconds, controllers, threads;
	bool is_random, is_sequential, spin, fill, verify;

	const char *format;
	bool json, words, quiet, help;
};

struct command {
	const char *name;
	bool needs_nqn;			/* no discovery controller has what it asks for */
	const char *what;		/* a line for --help */
	unsigned int groups;
	int (*run)(const struct settings *);
};

/* Sets what nothing on the command line sets. */
void settings_init(struct settings *);

/*
 * Reads the options of `command` from argv[1] on.  0, or -1 after a sentence on
 * stderr.
 */
int options_parse(struct settings *, const struct command *, int argc, char **argv);

/* Prints a command's usage. */
void options_help(const struct command *);
/* The options of all these groups. */
void options_help_groups(unsigned int groups);

#endif
