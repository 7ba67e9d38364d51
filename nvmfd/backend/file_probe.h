/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens what file.c serves, and finds out what it is. */
#ifndef NVMFD_BACKEND_FILE_PROBE_H
#define NVMFD_BACKEND_FILE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backend_spec;

struct file_facts {
	int fd;
	/* All in bytes. */
	uint64_t size;
	uint32_t physical_block;	/* of the storage underneath */
	uint32_t write_unit;		/* what it takes best; 0: unknown */
	uint32_t write_optimal;
	uint32_t deallocate_unit;
	uint32_t io_boundary;
	uint32_t block_size;		/* asked for, or what suits it */
	uint32_t memory_alignment;	/* 1: any */
	/* It lies on the network or in another process, and I/O that shall not
	 * wait may wait all the same. */
	bool may_block;
};

/*
 * The file is locked (flock) as long as the descriptor lives: for itself alone,
 * or, read-only, together with other readers.  0, or -errno with a sentence
 * that names the file; then nothing is open.
 */
int file_probe(struct file_facts *, const struct backend_spec *, char *error,
	       size_t error_size);

/* How many bytes an open file or block device has now.  0 or -errno. */
int file_size(int fd, uint64_t *size);

#endif
