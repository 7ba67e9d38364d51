/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of a device that a host has marked as unreadable (Write Uncorrectable), until
 * they are written.  Kept in memory alone: they end with the device.
 *
 * Nearly no device has any, and whoever reads or writes looks no further than `count`
 * then.  Who marks has done so before he answers his host, and who writes takes marks
 * away between the write and its answer; so what is read was never marked, or has been
 * written since.
 *
 * Threads: any.
 */
#ifndef NVMF_MODEL_MARKS_H
#define NVMF_MODEL_MARKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A bit for each of so many blocks in a row; and so many such rows at most, which is half
 * a MiB.  With ranges instead each write into the midst of one would need one more. */
#define MARKS_ROW 4096u
#define MARKS_MOST 1024u

struct marks_row;

struct marks {
	_Atomic uint32_t count;		/* rows */
	pthread_mutex_t lock;
	struct marks_row **rows;	/* in order; NULL: there never were any */
};

void marks_init(struct marks *);
void marks_free(struct marks *);

static inline bool marks_any(const struct marks *m)
{
	return atomic_load_explicit(&m->count, memory_order_acquire);
}

/* 0, -ENOSPC: more than MARKS_MOST rows, or -ENOMEM.  Then nothing is marked that was not. */
int marks_set(struct marks *, uint64_t first, uint64_t count);
void marks_clear(struct marks *, uint64_t first, uint64_t count);
/* Whether one of these blocks is marked, and which is the first of them. */
bool marks_find(struct marks *, uint64_t first, uint64_t count, uint64_t *found);

#endif
