/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/latency.h"

#define UNIT_BITS 10			/* of ns, in the smallest buckets */
#define STEP_BITS 3			/* steps a power of two */
#define STEPS (1u << STEP_BITS)

unsigned int latency_bucket(uint64_t ns)
{
	uint64_t units = ns >> UNIT_BITS;
	unsigned int shift, bucket;

	if (units < STEPS)
		return (unsigned int)units;
	shift = 63u - STEP_BITS - (unsigned int)__builtin_clzll(units);
	bucket = shift * STEPS + (unsigned int)(units >> shift);
	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* Where the next one begins. */
uint64_t latency_bound(unsigned int bucket)
{
	unsigned int next = bucket + 1, shift = next < STEPS ? 0 : next / STEPS - 1;

	return (uint64_t)(next - shift * STEPS) << shift << UNIT_BITS;
}

void latency_add(struct latency *to, const struct latency *more)
{
	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++)
		to->counts[i] += more->counts[i];
}
