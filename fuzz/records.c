/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutations for scripts whose records all have one length: records are copied,
 * moved and dropped whole, so that what follows keeps its meaning.  libFuzzer's
 * own mutations change what is inside.
 */
#include "records.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* libFuzzer's. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb,
				 uint8_t *out, size_t most, unsigned int seed);

struct script {
	uint8_t *bytes;
	size_t records, most;
	uint32_t chance;
};

static size_t below(struct script *s, size_t n)
{
	s->chance = s->chance * 1664525u + 1013904223u;
	return n ? (s->chance >> 8) % n : 0;
}

static uint8_t *record(const struct script *s, size_t i)
{
	return s->bytes + i * FUZZ_RECORD;
}

/* Room for `n` records before the i-th. */
static bool make_room(struct script *s, size_t i, size_t n)
{
	if (s->records + n > s->most)
		return false;
	memmove(record(s, i + n), record(s, i), (s->records - i) * FUZZ_RECORD);
	s->records += n;
	return true;
}

static void copy_some(struct script *s)
{
	uint8_t some[8 * FUZZ_RECORD];
	size_t from = below(s, s->records), left = s->records - from;
	size_t n = 1 + below(s, left < 8 ? left : 8), to = below(s, s->records + 1);

	memcpy(some, record(s, from), n * FUZZ_RECORD);
	if (make_room(s, to, n))
		memcpy(record(s, to), some, n * FUZZ_RECORD);
}

static void drop_some(struct script *s)
{
	size_t i = below(s, s->records), left = s->records - i;
	size_t n = 1 + below(s, left < 4 ? left : 4);

	if (n == s->records)
		return;
	memmove(record(s, i), record(s, i + n), (left - n) * FUZZ_RECORD);
	s->records -= n;
}

static void swap_two(struct script *s)
{
	uint8_t *a = record(s, below(s, s->records)), *b = record(s, below(s, s->records));
	uint8_t kept[FUZZ_RECORD];

	memcpy(kept, a, FUZZ_RECORD);
	memmove(a, b, FUZZ_RECORD);
	memcpy(b, kept, FUZZ_RECORD);
}

static void add_one(struct script *s)
{
	size_t i = below(s, s->records + 1);

	if (!make_room(s, i, 1))
		return;
	for (size_t at = 0; at < FUZZ_RECORD; at++)
		record(s, i)[at] = (uint8_t)below(s, 256);
}

static void change_one(struct script *s)
{
	uint8_t *r = record(s, below(s, s->records));
	size_t n = LLVMFuzzerMutate(r, FUZZ_RECORD, FUZZ_RECORD);

	memset(r + n, 0, FUZZ_RECORD - n);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned int seed)
{
	static void (*const ways[])(struct script *) = {
		copy_some, drop_some, swap_two, add_one, change_one, change_one, change_one,
	};
	struct script s = { bytes, n / FUZZ_RECORD, most / FUZZ_RECORD, seed };

	/* At times any change, raw bytes and all. */
	if (!s.records || !below(&s, 16))
		return LLVMFuzzerMutate(bytes, n, most);
	ways[below(&s, sizeof(ways) / sizeof(ways[0]))](&s);
	return s.records * FUZZ_RECORD;
}

/* The beginning of one and the end of the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb,
				 uint8_t *out, size_t most, unsigned int seed)
{
	struct script s = { out, 0, most / FUZZ_RECORD, seed };
	size_t head = below(&s, na / FUZZ_RECORD + 1) * FUZZ_RECORD;
	size_t skipped = below(&s, nb / FUZZ_RECORD + 1) * FUZZ_RECORD, tail = nb - skipped;

	if (head > most)
		head = most;
	if (tail > most - head)
		tail = most - head;
	memcpy(out, a, head);
	memcpy(out + head, b + skipped, tail);
	return head + tail;
}
