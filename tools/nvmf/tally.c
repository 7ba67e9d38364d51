/* SPDX-License-Identifier: BSD-2-Clause */
#include "tally.h"

#include <string.h>

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int msb;

	if (ns < 1u << BUCKET_BITS)
		return (unsigned int)ns;
	msb = 63u - (unsigned int)__builtin_clzll(ns);
	return ((msb - BUCKET_BITS + 1) << BUCKET_BITS) +
	       (unsigned int)(ns >> (msb - BUCKET_BITS) & ((1u << BUCKET_BITS) - 1));
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned int bucket)
{
	unsigned int shift, digits = bucket & ((1u << BUCKET_BITS) - 1);

	if (bucket < 1u << BUCKET_BITS)
		return bucket;
	shift = (bucket >> BUCKET_BITS) - 1;
	return (((uint64_t)1 << BUCKET_BITS) + digits) * ((uint64_t)1 << shift) +
	       (((uint64_t)1 << shift) >> 1);
}

void tally_init(struct tally *t)
{
	memset(t, 0, sizeof(*t));
	t->least = UINT64_MAX;
}

void tally_count(struct tally *t, uint64_t ns, bool is_write)
{
	if (is_write)
		t->writes++;
	else
		t->reads++;
	t->sum += ns;
	if (ns < t->least)
		t->least = ns;
	if (ns > t->most)
		t->most = ns;
	t->buckets[bucket_of(ns)]++;
}

void tally_add(struct tally *to, const struct tally *from)
{
	to->reads += from->reads;
	to->writes += from->writes;
	to->sum += from->sum;
	if (from->least < to->least)
		to->least = from->least;
	if (from->most > to->most)
		to->most = from->most;
	for (unsigned int i = 0; i < BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
}

uint64_t tally_percentile(const struct tally *t, double share)
{
	uint64_t total = t->reads + t->writes, seen = 0;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		seen += t->buckets[i];
		if (seen && (double)seen >= share * (double)total)
			return value_of(i) < t->most ? value_of(i) : t->most;
	}
	return 0;
}
