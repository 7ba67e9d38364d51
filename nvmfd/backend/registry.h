/* SPDX-License-Identifier: BSD-2-Clause */
/* From a device's plain description to storage that is open. */
#ifndef NVMFD_BACKEND_REGISTRY_H
#define NVMFD_BACKEND_REGISTRY_H

#include "backend/backend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum backend_kind { BACKEND_MEMORY, BACKEND_NULL, BACKEND_FILE };

struct backend_spec {
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
