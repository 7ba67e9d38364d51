/* SPDX-License-Identifier: BSD-2-Clause */
/* What every command does: connect as the options say, and say what went wrong. */
#ifndef NVMF_TOOL_SESSION_H
#define NVMF_TOOL_SESSION_H

#include "options.h"

#include <nvmf/host.h>

/* Prints a sentence to stderr and returns -1. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A connected controller, or NULL after a sentence. */
struct nvmf_ctrl *session_open(const struct settings *);

/* The same with I/O queues, at least one. */
struct nvmf_ctrl *session_open_io(const struct settings *, unsigned int entries);

/* fail() with the controller's own sentence, unless `result` is 0. */
int session_check(struct nvmf_ctrl *, int result);

/* Looks the namespace up; 0 or -1 after a sentence. */
int session_namespace(struct nvmf_ctrl *, const struct settings *, struct nvmf_ns_info *);

#endif
