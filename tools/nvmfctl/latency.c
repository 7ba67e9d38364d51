/* SPDX-License-Identifier: BSD-2-Clause */
#include "latency.h"

uint64_t latency_since(uint32_t before, uint32_t now)
{
	uint32_t more = now - before;

	return more <= INT32_MAX ? more : 0;
}

uint64_t latency_percentile(const uint64_t *counts, const uint64_t *bounds, size_t count,
			    unsigned int per_mille)
{
	uint64_t total = 0, wanted, seen = 0;

	for (size_t i = 0; i < count; i++)
		total += counts[i];
	/* So many of them, rounded up, are not above it. */
	wanted = (total * per_mille + 999) / 1000;
	for (size_t i = 0; i < count; i++) {
		seen += counts[i];
		if (seen && seen >= wanted)
			return bounds[i];
	}
	return 0;
}
