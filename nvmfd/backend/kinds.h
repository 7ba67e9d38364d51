/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kinds of storage, one call each.  For registry.c, which has checked what
 * it hands over and fills in block_size, physical_block and read_only where
 * the kind left them 0.
 *
 * Thread: main.  0, or -errno with a sentence in `error`; *out is the
 * caller's, who ends it with backend_close.
 */
#ifndef NVMFD_BACKEND_KINDS_H
#define NVMFD_BACKEND_KINDS_H

#include <stddef.h>
#include <stdint.h>

struct backend;

/* size: bytes, not 0. */
int memory_open(struct backend **out, uint64_t size, char *error,
		size_t error_size);
int null_open(struct backend **out, uint64_t size, char *error,
	      size_t error_size);

#endif
