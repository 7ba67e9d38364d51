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
struct backend_spec;
struct backend_wrapper;

/* size: bytes, not 0. */
int memory_open(struct backend **out, uint64_t size, char *error,
		size_t error_size);
int null_open(struct backend **out, uint64_t size, char *error,
	      size_t error_size);
/* Fills in block_size with what suits the storage when the description leaves
 * it open. */
int file_open(struct backend **out, const struct backend_spec *, char *error,
	      size_t error_size);

/* The wrappers: on success the inner backend belongs to the outer one and is
 * closed by it. */
int delay_open(struct backend **out, const struct backend_wrapper *,
	       struct backend *inner, char *error, size_t error_size);
int error_open(struct backend **out, const struct backend_wrapper *,
	       struct backend *inner, char *error, size_t error_size);

#endif
