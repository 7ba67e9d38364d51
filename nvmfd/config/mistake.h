/* SPDX-License-Identifier: BSD-2-Clause */
/* How the mistakes of a file are collected. */
#ifndef NVMFD_CONFIG_MISTAKE_H
#define NVMFD_CONFIG_MISTAKE_H

#include "config/config.h"

/* Where one is in the file: the way from it up to the root. */
struct config_place {
	const struct config_place *up;
	const char *key;		/* NULL: an element of a list */
	size_t index;
};

void mistake_at_place(struct config_mistakes *, const struct config_place *,
		      const char *format, ...) __attribute__((format(printf, 3, 4)));
void mistake_at_path(struct config_mistakes *, const char *path,
		     const char *format, ...) __attribute__((format(printf, 3, 4)));
/* `line` and `column` from 1. */
void mistake_in_text(struct config_mistakes *, unsigned int line, unsigned int column,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A text in quotes, in ASCII, and not too long. */
#define MISTAKE_QUOTE 128
void mistake_quote(char quoted[MISTAKE_QUOTE], const char *text);

#endif
