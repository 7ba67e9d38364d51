/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and sizes as people type them. */
#ifndef NVMF_BASE_NUMBER_H
#define NVMF_BASE_NUMBER_H

#include <stdint.h>

/* A whole number, decimal digits alone.  0, -EINVAL where it is none,
 * -ERANGE where it does not fit; *value is written only on success. */
int number_parse(const char *text, uint64_t *value);

/* A size in bytes as expand_number(3) takes it: a whole number and
 * perhaps one of b k m g t p e, in either case: powers of 1024.  Errors as
 * number_parse. */
int size_parse(const char *text, uint64_t *value);

#endif
