/* SPDX-License-Identifier: BSD-2-Clause */
/* The load that perf puts on one queue. */
#ifndef NVMF_TOOL_LOAD_H
#define NVMF_TOOL_LOAD_H

#include "pattern.h"
#include "tally.h"

#include <nvmf/host.h>

#include <stdatomic.h>
#include <stdint.h>

enum load_order {
	LOAD_RANDOM,
	LOAD_SEQUENTIAL,
	LOAD_ONCE,			/* every place once, and over */
};

/* What all loads share; nobody writes it once they run, but `stop`. */
struct load_plan {
	uint32_t nsid, block_size, io_blocks;
	uint64_t blocks;		/* of the namespace */
	uint64_t spots;			/* places of an I/O's size; LOAD_ONCE's last may be cut */
	unsigned int depth, read_percent;
	enum load_order order;
	struct pattern *pattern;	/* NULL: contents do not matter */
	uint64_t end;			/* ns of load_now */
	atomic_bool stop;
};

struct load {
	struct load_plan *plan;
	struct nvmf_queue *queue;
	struct tally *tally;		/* shared by the loads of a thread, as is: */
	unsigned int *under_way;
	struct shot *shots;
	uint8_t *memory;
	uint64_t random;
	uint64_t first, places, next;	/* the spots that are this load's */
	struct nvmf_completion bad;	/* the first that failed */
	bool has_failed;
	int error;			/* of a call; its sentence is the queue's */
	char mismatch[192];		/* what was found that should not be there */
};

uint64_t load_now(void);

/* Buffers for the whole run, load `number` of `count`.  0 or -1: no memory. */
int load_init(struct load *, struct load_plan *, struct nvmf_queue *, unsigned int number,
	      unsigned int count);
void load_free(struct load *);

/* Submits the first commands; each that ends submits the next. */
void load_begin(struct load *);
/* Notes what a processing call of the queue returned. */
void load_note(struct load *, int result);

#endif
