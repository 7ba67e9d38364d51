/* SPDX-License-Identifier: BSD-2-Clause */
#include "pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CLAIMED (1u << 31)

/* The first words of a block; numbers of the host's own byte order follow. */
struct label {
	uint64_t lba, generation, run;
};

#define LABEL_WORDS (sizeof(struct label) / sizeof(uint64_t))

int pattern_init(struct pattern *p, uint32_t block_size, uint32_t unit, uint64_t blocks)
{
	memset(p, 0, sizeof(*p));
	p->block_size = block_size;
	p->unit = unit;
	p->blocks = blocks;
	p->units = blocks / unit + (blocks % unit ? 1 : 0);
	if (getrandom(&p->run, sizeof(p->run), GRND_NONBLOCK) != sizeof(p->run))
		p->run = (uintptr_t)p;
	p->generations = calloc(p->units, sizeof(*p->generations));
	return p->generations ? 0 : -1;
}

void pattern_free(struct pattern *p)
{
	free(p->generations);
	p->generations = NULL;
}

bool pattern_is_claimed(const struct pattern *p, uint64_t unit)
{
	return p->generations[unit] & CLAIMED;
}

void pattern_claim(struct pattern *p, uint64_t unit)
{
	p->generations[unit] |= CLAIMED;
}

void pattern_release(struct pattern *p, uint64_t unit)
{
	p->generations[unit] &= ~CLAIMED;
}

void pattern_renew(struct pattern *p, uint64_t unit)
{
	uint32_t claimed = p->generations[unit] & CLAIMED;

	p->generations[unit] = ((p->generations[unit] + 1) & ~CLAIMED) | claimed;
}

/* ---- one block ------------------------------------------------------------------------------ */

static struct label label_of(const struct pattern *p, uint64_t lba)
{
	return (struct label){ lba, p->generations[lba / p->unit] & ~CLAIMED, p->run };
}

static uint64_t seed_of(const struct label *label)
{
	return label->run ^ label->lba * 0x9e3779b97f4a7c15u ^
	       label->generation * 0xbf58476d1ce4e5b9u;
}

static uint64_t word_of(uint64_t seed, size_t index)
{
	uint64_t word = seed + index * 0x9e3779b97f4a7c15u;

	return (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
}

static void fill_block(const struct pattern *p, uint64_t lba, uint8_t *data)
{
	struct label label = label_of(p, lba);
	uint64_t seed = seed_of(&label);

	memcpy(data, &label, sizeof(label));
	for (size_t i = LABEL_WORDS; i < p->block_size / sizeof(uint64_t); i++) {
		uint64_t word = word_of(seed, i);

		memcpy(data + i * sizeof(word), &word, sizeof(word));
	}
}

/* The first byte that differs; the block's size where none does. */
static size_t first_difference(const struct pattern *p, const struct label *label,
			       const uint8_t *data)
{
	uint64_t seed = seed_of(label), word, found;
	size_t at = sizeof(*label);

	for (; at < p->block_size; at += sizeof(word)) {
		word = word_of(seed, at / sizeof(word));
		memcpy(&found, data + at, sizeof(found));
		if (word != found)
			return at + (size_t)__builtin_ctzll(
				__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word ^ found :
				__builtin_bswap64(word ^ found)) / 8;
	}
	return at;
}

/* ---- saying what is there ---------------------------------------------------------------------- */

static void say_foreign(const struct label *wanted, const uint8_t *data, char *sentence,
			size_t size)
{
	int end = snprintf(sentence, size, "LBA %" PRIu64 ": found nothing that this run wrote:",
			   wanted->lba);

	for (unsigned int i = 0; i < 16 && end > 0 && (size_t)end < size; i++)
		end += snprintf(sentence + end, size - (size_t)end, " %02x", data[i]);
}

static void say_other(const struct label *wanted, const struct label *found, char *sentence,
		      size_t size)
{
	snprintf(sentence, size, "LBA %" PRIu64 ": found LBA %" PRIu64 " of generation %" PRIu64
		 " instead of generation %" PRIu64, wanted->lba, found->lba, found->generation,
		 wanted->generation);
}

static bool check_block(const struct pattern *p, uint64_t lba, const uint8_t *data, char *sentence,
			size_t size)
{
	struct label wanted = label_of(p, lba), found;
	size_t at;

	memcpy(&found, data, sizeof(found));
	if (found.run != wanted.run) {
		say_foreign(&wanted, data, sentence, size);
		return false;
	}
	if (memcmp(&found, &wanted, sizeof(found))) {
		say_other(&wanted, &found, sentence, size);
		return false;
	}
	at = first_difference(p, &wanted, data);
	if (at < p->block_size)
		snprintf(sentence, size, "LBA %" PRIu64 ": byte %zu is wrong, %02xh", lba, at,
			 data[at]);
	return at >= p->block_size;
}

/* ---- a command's blocks --------------------------------------------------------------------------- */

void pattern_fill(const struct pattern *p, uint64_t lba, uint32_t blocks, uint8_t *data)
{
	for (uint32_t i = 0; i < blocks; i++)
		fill_block(p, lba + i, data + (size_t)i * p->block_size);
}

void pattern_spoil(const struct pattern *p, uint32_t blocks, uint8_t *data)
{
	for (uint32_t i = 0; i < blocks; i++)
		memset(data + (size_t)i * p->block_size, 0xff, sizeof(struct label));
}

bool pattern_check(const struct pattern *p, uint64_t lba, uint32_t blocks, const uint8_t *data,
		   char *sentence, size_t size)
{
	for (uint32_t i = 0; i < blocks; i++)
		if (!check_block(p, lba + i, data + (size_t)i * p->block_size, sentence, size))
			return false;
	return true;
}
