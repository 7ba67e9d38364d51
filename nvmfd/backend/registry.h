/* SPDX-License-Identifier: BSD-2-Clause */
/* From a device's plain description to storage that is open. */
#ifndef NVMFD_BACKEND_REGISTRY_H
#define NVMFD_BACKEND_REGISTRY_H

#include "storage/backend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum backend_kind { BACKEND_MEMORY, BACKEND_NULL, BACKEND_FILE };

enum backend_wrapper_kind { BACKEND_DELAY, BACKEND_ERROR };

/* A chance in millionths. */
#define BACKEND_RATE_ALWAYS 1000000u

/* By opcode: what is 0 leaves its operations alone. */
struct backend_wrapper {
	enum backend_wrapper_kind kind;
	/* delay: milliseconds before the storage behind sees an operation */
	uint32_t ms[BACKEND_OPCODES];
	/* error: a positive errno in place of the operation */
	int error[BACKEND_OPCODES];
	uint32_t rate;		/* of BACKEND_RATE_ALWAYS */
	uint64_t after;		/* so many go well first */
	uint64_t count;		/* at most so many fail; 0: no end */
	/* Only reads and writes that touch these bytes, length 0: to the end.
	 * Others are not counted in `after`. */
	uint64_t offset, length;
	uint64_t seed;		/* of chance */
};

#define BACKEND_WRAPPERS_MAX 8

struct backend_spec {
	struct backend_wrapper wrappers[BACKEND_WRAPPERS_MAX];	/* outermost first */
	size_t wrapper_count;
	enum backend_kind kind;
	const char *path;	/* of a file or block device */
	uint64_t size;		/* bytes; of memory and null */
	uint32_t block_size;	/* 0: what suits the storage underneath */
	bool read_only;
	bool direct;		/* past the page cache */
};

/*
 * Thread: main.  0, or -errno with one sentence in `error` that names what is
 * wrong.  The backend is the caller's, who ends it with backend_close; nothing
 * of the description is kept.
 */
int backend_open(const struct backend_spec *, struct backend **, char *error,
		 size_t error_size);

#endif
