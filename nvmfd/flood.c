/* SPDX-License-Identifier: BSD-2-Clause */
#include "flood.h"

#include <stdio.h>
#include <string.h>

#define NS_A_MS UINT64_C(1000000)

struct rate {
	uint64_t burst, period;		/* ns */
};

static const struct rate rate_of_kind = { FLOOD_BURST, FLOOD_PERIOD_S * 1000 * NS_A_MS };
static const struct rate rate_of_new = { FLOOD_NEW_BURST, FLOOD_NEW_PERIOD_MS * NS_A_MS };

static bool is_allowed(struct flood_allowance *a, uint64_t now, const struct rate *r)
{
	if (a->spent_until > now && a->spent_until - now > (r->burst - 1) * r->period)
		return false;
	a->spent_until = (a->spent_until > now ? a->spent_until : now) + r->period;
	return true;
}

/* FNV-1a over the words; a number that is a word by itself, or a port behind an
 * address, is none. */
static uint32_t hash_of(const char *s)
{
	uint32_t hash = 2166136261u;
	bool is_start = true;

	while (*s) {
		size_t digits = strspn(s, "0123456789");

		if (is_start && digits && strchr(" :", s[digits])) {
			s += digits;
			continue;
		}
		is_start = *s == ' ' || *s == ':';
		hash = (hash ^ (unsigned char)*s++) * 16777619u;
	}
	return hash;
}

static struct flood_kind *find(struct flood *f, uint32_t hash)
{
	for (unsigned int i = 0; i < FLOOD_KINDS; i++)
		if (f->kinds[i].used_at && f->kinds[i].hash == hash)
			return &f->kinds[i];
	return NULL;
}

/* Free ones come first: they were used at 0. */
static struct flood_kind *longest_unused(struct flood *f)
{
	struct flood_kind *best = &f->kinds[0];

	for (unsigned int i = 1; i < FLOOD_KINDS; i++)
		if (f->kinds[i].used_at < best->used_at)
			best = &f->kinds[i];
	return best;
}

static void leave_out(struct flood_kind *k, const char *sentence, uint32_t count)
{
	snprintf(k->newest, sizeof(k->newest), "%s", sentence);
	k->left_out += count;
}

/* The kind of a sentence; NULL: it is new, and too much is. */
static struct flood_kind *kind_of(struct flood *f, uint64_t now, const char *sentence)
{
	uint32_t hash = hash_of(sentence);
	struct flood_kind *k = find(f, hash);

	if (!k && is_allowed(&f->fresh, now, &rate_of_new)) {
		k = longest_unused(f);
		if (k->left_out)
			leave_out(&f->unknown, k->newest, k->left_out);
		*k = (struct flood_kind){ .hash = hash };
	}
	if (k)
		k->used_at = now;
	return k;
}

bool flood_takes(struct flood *f, uint64_t now, const char *sentence, uint32_t *more)
{
	struct flood_kind *k = kind_of(f, now, sentence);

	if (!k || !is_allowed(&k->allowance, now, &rate_of_kind)) {
		leave_out(k ? k : &f->unknown, sentence, 1);
		return false;
	}
	*more = k->left_out;
	k->left_out = 0;
	return true;
}

static const char *tell(struct flood_kind *k, uint64_t now, uint32_t *more)
{
	if (!k->left_out || !is_allowed(&k->allowance, now, &rate_of_kind))
		return NULL;
	*more = k->left_out - 1;
	k->left_out = 0;
	return k->newest;
}

const char *flood_due(struct flood *f, uint64_t now, uint32_t *more)
{
	const char *sentence = tell(&f->unknown, now, more);

	for (unsigned int i = 0; i < FLOOD_KINDS && !sentence; i++)
		sentence = tell(&f->kinds[i], now, more);
	return sentence;
}
