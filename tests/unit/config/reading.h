/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of this room share: texts that are read, mistakes that are told. */
#ifndef TESTS_UNIT_CONFIG_READING_H
#define TESTS_UNIT_CONFIG_READING_H

#include "../unit.h"

#include "config/config.h"

/* Reads a text in which ' stands for ", and fails the test where it is refused. */
void read_good(struct config *config, const char *text);

/* Fails unless the text is refused with just these lines, each with a line end; ' stands
 * for " here, too. */
void assert_mistakes(const char *text, const char *lines);

/* The text with its quotes; the caller's. */
char *quoted(const char *text);

/* The whole of a file beside this one, or of another; the caller's. */
char *kernel_file(void);
char *file_text(const char *path);

#endif
