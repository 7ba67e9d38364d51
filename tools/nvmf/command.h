/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands: each returns 0, or -1 after a sentence on stderr. */
#ifndef NVMF_TOOL_COMMAND_H
#define NVMF_TOOL_COMMAND_H

#include "options.h"

int run_discover(const struct settings *);
int run_id_ctrl(const struct settings *);
int run_id_ns(const struct settings *);
int run_list_ns(const struct settings *);
int run_get_log(const struct settings *);
int run_smart_log(const struct settings *);
int run_read(const struct settings *);
int run_write(const struct settings *);
int run_flush(const struct settings *);
int run_perf(const struct settings *);

/* NULL: there is no such command. */
const struct command *command_find(const char *name);
/* Lists them all on stdout. */
void command_help(void);

#endif
