/* SPDX-License-Identifier: BSD-2-Clause */
/* Latencies, counted. */
#ifndef NVMF_TOOL_TALLY_H
#define NVMF_TOOL_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* By their first binary digits: 64 buckets a power of two, each 1.6 % wide. */
#define BUCKET_BITS 6
#define BUCKETS ((64 - BUCKET_BITS + 1) << BUCKET_BITS)

struct tally {
	uint64_t reads, writes;
	uint64_t sum, least, most;	/* ns */
	uint64_t buckets[BUCKETS];
};

void tally_init(struct tally *);
void tally_count(struct tally *, uint64_t ns, bool is_write);
void tally_add(struct tally *to, const struct tally *from);
/* The latency, ns, that `share` (0 to 1) of all stayed below; 0 of none. */
uint64_t tally_percentile(const struct tally *, double share);

#endif
