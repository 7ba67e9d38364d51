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

/* A change, or a mistake of the file. */
typedef void loaded_say(void *to, bool is_mistake, const char *line);

/*
 * Reads it again and makes the server serve what it says, whatever was changed by calls since, or
 * leaves all as it was: 0, or -errno with a sentence.  `say` is told each change, or each
 * mistake.
 */
int loaded_reload(struct loaded *, struct server *, loaded_say *say,
		  void *to, char *error, size_t error_size);
/* The same, told to the log. */
void loaded_again(struct loaded *, struct server *, const struct log *);

/* What runs, as the file would say it; the caller's to free.  Also of a daemon without a
 * file.  0, or -errno with a sentence. */
int loaded_format(const struct loaded *, struct model *, char **text, char *error,
		  size_t error_size);
/* ... written to the file. */
int loaded_save(struct loaded *, struct model *, char *error, size_t error_size);

#endif
