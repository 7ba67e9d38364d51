/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long things took, counted by buckets: of 1.024 us each to begin with, then eight
 * for each power of two, so that one is at most an eighth of what it stands for.
 */
#ifndef NVMF_BASE_LATENCY_H
#define NVMF_BASE_LATENCY_H

#include <stdint.h>

/* The last one takes what is longer, too: 17 s. */
#define LATENCY_BUCKETS 176

/* They wrap round: the difference of two looks at them is what counts. */
struct latency {
	uint32_t counts[LATENCY_BUCKETS];
};

unsigned int latency_bucket(uint64_t ns);
/* ns: what is in the bucket took less. */
uint64_t latency_bound(unsigned int bucket);
void latency_add(struct latency *to, const struct latency *more);

#endif
