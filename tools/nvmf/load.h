/* SPDX-License-Identifier: BSD-2-Clause */
/* The load that perf puts on one queue, and what it counts meanwhile. */
#ifndef NVMF_TOOL_LOAD_H
#define NVMF_TOOL_LOAD_H

#include <nvmf/host.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* Latencies by their first binary digits: 16 buckets a power of two. */
#define BUCKET_BITS 4
#define BUCKETS ((64 - BUCKET_BITS + 1) << BUCKET_BITS)

struct tally {
	uint64_t reads, writes;
	uint64_t sum, least, most;	/* latency, ns */
	uint64_t buckets[BUCKETS];
};

/* What all loads share; nobody writes it once they run, but `stop`. */
struct load_plan {
	uint32_t nsid, block_size, io_blocks;
	uint64_t spots;			/* places of an I/O's size */
	unsigned int depth, read_percent;
	bool is_sequential;
	uint64_t end;			/* ns of load_now */
	atomic_bool stop;
};

struct load {
	struct load_plan *plan;
	struct nvmf_queue *queue;
	pthread_t thread;
	struct shot *shots;
	uint8_t *memory;
	uint64_t random, next_spot;
	unsigned int under_way;
	struct tally tally;
	atomic_uint_fast64_t ended;	/* for who watches */
	struct nvmf_completion bad;	/* the first that failed */
	bool has_failed;
	int error;			/* of a call; its sentence is the queue's */
};

uint64_t load_now(void);

/* Buffers for the whole run.  0 or -1: no memory. */
int load_init(struct load *, struct load_plan *, struct nvmf_queue *, unsigned int number);
void load_free(struct load *);
/* Starts and joins the thread; 0 or a positive errno. */
int load_start(struct load *);
void load_join(struct load *);

void tally_add(struct tally *, const struct tally *);
/* The latency, ns, that `share` (0 to 1) of all stayed below. */
uint64_t tally_percentile(const struct tally *, double share);

#endif
