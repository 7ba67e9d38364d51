/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration file of a daemon: read at its start, and again when it is told to. */
#ifndef NVMFD_LOADED_H
#define NVMFD_LOADED_H

#include "base/log.h"
#include "config/config.h"
#include "options.h"
#include "server.h"

#include <limits.h>

struct loaded {
	struct nvmfd_options *options;	/* of the command line, and what the file adds */
	int argc;			/* to tell again what the command line said */
	char **argv;
	struct config config;		/* what runs */
	char path[PATH_MAX];		/* absolute, or "-" */
};

/* Reads the file that the options name.  0, or -errno: why has been told on standard
 * error. */
int loaded_open(struct loaded *);
void loaded_close(struct loaded *);

/* As people call it. */
const char *loaded_name(const struct loaded *);
/* That it has no mistake, and how much it holds. */
void loaded_print(const struct loaded *);

/* Reads it again and makes the server serve what it says, or leaves all as it was; the log
 * says which. */
void loaded_again(struct loaded *, struct server *, const struct log *);

#endif
