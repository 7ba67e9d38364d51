/* SPDX-License-Identifier: BSD-2-Clause */
/* From counts of latencies to what most of them were below. */
#ifndef NVMFCTL_LATENCY_H
#define NVMFCTL_LATENCY_H

#include <stddef.h>
#include <stdint.h>

/* What came since, where counters wrap round at 2^32; 0 where they were begun anew. */
uint64_t latency_since(uint32_t before, uint32_t now);

/*
 * The bound of the bucket that the latency of `per_mille` thousandths of all lies in; 0:
 * there are none.  bounds[i] is what those in counts[i] were below.
 */
uint64_t latency_percentile(const uint64_t *counts, const uint64_t *bounds, size_t count,
			    unsigned int per_mille);

#endif
