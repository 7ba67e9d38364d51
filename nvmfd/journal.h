/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the daemon's sentences go: the terminal, or syslog once it has none. */
#ifndef NVMFD_JOURNAL_H
#define NVMFD_JOURNAL_H

#include "base/log.h"

#include <stdbool.h>

/* In the foreground, to standard error with the time; debug: all that there is. */
void journal_open(struct log *, bool debug);
/* To syslog from now on. */
void journal_to_syslog(struct log *);

#endif
