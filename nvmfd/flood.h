/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a log takes of a flood: of each kind of sentence some at once, then one now
 * and then that tells how many were left out.
 *
 * A sentence's kind is its words without the numbers among them.  The host's name
 * is one of the words, so a host in a loop silences itself alone.  So many kinds
 * are remembered; who makes up name after name shares one allowance with whatever
 * else is new.
 *
 * Threads: one at a time.
 */
#ifndef NVMFD_FLOOD_H
#define NVMFD_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#define FLOOD_KINDS 256
#define FLOOD_BURST 20			/* of one kind at once */
#define FLOOD_PERIOD_S 30		/* then one in so many seconds */
#define FLOOD_NEW_BURST 1000		/* kinds that are new at once */
#define FLOOD_NEW_PERIOD_MS 200

#define FLOOD_SENTENCE 512

/* Allows a burst, and then one a period. */
struct flood_allowance {
	uint64_t spent_until;		/* ns */
};

struct flood_kind {
	uint32_t hash;
	uint64_t used_at;		/* ns; 0: free */
	struct flood_allowance allowance;
	uint32_t left_out;
	char newest[FLOOD_SENTENCE];	/* of those left out */
};

/* Zeroed: nothing has come yet. */
struct flood {
	struct flood_kind kinds[FLOOD_KINDS];
	struct flood_kind unknown;	/* what was new when too much was */
	struct flood_allowance fresh;	/* of kinds that are new */
};

/* Whether this sentence is for the log; `more`: how many like it were left out
 * since the last one.  now: ns of a clock that starts above 0. */
bool flood_takes(struct flood *, uint64_t now, const char *sentence, uint32_t *more);

/* The newest of a kind of which some were left out, once it may be told; NULL: none
 * may.  `more`: how many there were besides.  UINT64_MAX: all may. */
const char *flood_due(struct flood *, uint64_t now, uint32_t *more);

#endif
