/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the daemon's sentences go: the terminal, or syslog once it has none.
 *
 * Both may keep a writer waiting: a full pipe, a stopped journald.  So a thread
 * takes the sentences there, batch by batch, and who has something to say never waits.
 * What finds no room is counted and left out; so are floods (flood.h), unless all
 * was asked for.
 */
#ifndef NVMFD_JOURNAL_H
#define NVMFD_JOURNAL_H

#include "base/log.h"

#include <stdbool.h>

struct journal;

/* In the foreground, to standard error with the time; debug: all that there is.
 * Until journal_start each sentence is out when it has been said.  0 or -ENOMEM. */
int journal_open(struct journal **, bool debug);
const struct log *journal_log(const struct journal *);
/* What is less urgent is dropped from now on. */
void journal_set_level(struct journal *, enum log_level);
/* To syslog from now on.  Before journal_start. */
void journal_to_syslog(struct journal *);
/* Starts the thread, so after the last fork.  0 or -errno. */
int journal_start(struct journal *);
/* Returns when all that was said is out, or nobody takes it within a second. */
void journal_drain(struct journal *);
/* The same, and then it is over.  Nobody may say anything any more. */
void journal_close(struct journal *);

#endif
