/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls to a running daemon. */
#ifndef NVMFCTL_CLIENT_H
#define NVMFCTL_CLIENT_H

#include <jansson.h>

#include <stddef.h>

/* Exit statuses, negated: what the daemon refuses or can't be done, a command line that
 * means nothing, and no daemon. */
#define FAILED		(-1)
#define MISTAKEN	(-2)
#define NO_DAEMON	(-3)

/* Each says a sentence on standard error: FAILED, MISTAKEN. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The daemon's socket where nobody says it.  0, or a failure after a sentence. */
int client_default_path(char *path, size_t size);
/* A connection, or a failure after a sentence. */
int client_open(const char *path);
/* The result, which is the caller's; NULL after a sentence.  Takes params; NULL: none. */
json_t *client_call(int fd, const char *method, json_t *params);

#endif
