/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What --verify writes: every logical block says which block it is, how often it
 * has been written and in which run, and is filled with numbers that follow from
 * these.  So a block that is lost, old, torn or in the wrong place shows.
 */
#ifndef NVMF_TOOL_PATTERN_H
#define NVMF_TOOL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern {
	uint32_t block_size, unit;	/* a unit's blocks are written together */
	uint64_t blocks, units, run;
	uint32_t *generations;		/* of each unit; the top bit: claimed */
};

/* Everything has generation 0 then.  0 or -1: no memory. */
int pattern_init(struct pattern *, uint32_t block_size, uint32_t unit, uint64_t blocks);
void pattern_free(struct pattern *);

/* One command at a time has a unit; units beside it are another's business. */
bool pattern_is_claimed(const struct pattern *, uint64_t unit);
void pattern_claim(struct pattern *, uint64_t unit);
void pattern_release(struct pattern *, uint64_t unit);
/* The unit is about to be written again. */
void pattern_renew(struct pattern *, uint64_t unit);

/* Writes what the blocks hold, of their units' generations. */
void pattern_fill(const struct pattern *, uint64_t lba, uint32_t blocks, uint8_t *data);
/* Makes sure that the data can't pass the check unless it is written anew. */
void pattern_spoil(const struct pattern *, uint32_t blocks, uint8_t *data);
/* Whether the data is what the blocks should hold; else a sentence says what is there. */
bool pattern_check(const struct pattern *, uint64_t lba, uint32_t blocks, const uint8_t *data,
		   char *sentence, size_t size);

#endif
