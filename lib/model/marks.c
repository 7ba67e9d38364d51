/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (MARKS_ROW / 64)

struct marks_row {
	uint64_t number;		/* its first block, in rows */
	uint64_t bits[WORDS];
};

void marks_init(struct marks *m)
{
	*m = (struct marks){ 0 };
	pthread_mutex_init(&m->lock, NULL);
}

void marks_free(struct marks *m)
{
	for (uint32_t i = 0; i < m->count; i++)
		free(m->rows[i]);
	free(m->rows);
	pthread_mutex_destroy(&m->lock);
}

/* ---- one row --------------------------------------------------------------------------- */

/* Of one word, the bits of a range of the row. */
static uint64_t mask_of(unsigned int word, uint64_t first, uint64_t last)
{
	uint64_t low = word * UINT64_C(64), mask = UINT64_MAX;

	if (last < low || first > low + 63)
		return 0;
	if (first > low)
		mask &= UINT64_MAX << (first - low);
	if (last < low + 63)
		mask &= UINT64_MAX >> (low + 63 - last);
	return mask;
}

enum action { SET, CLEAR };

/* Blocks `first` to `last` of the device; whether any of them was marked. */
static bool act(struct marks_row *row, uint64_t first, uint64_t last, enum action action)
{
	uint64_t begin = row->number * MARKS_ROW, found = 0;
	uint64_t from = first > begin ? first - begin : 0, to = last - begin;

	for (unsigned int i = 0; i < WORDS; i++) {
		uint64_t mask = mask_of(i, from, to);

		found |= row->bits[i] & mask;
		if (action == SET)
			row->bits[i] |= mask;
		else if (action == CLEAR)
			row->bits[i] &= ~mask;
	}
	return found;
}

static bool find(const struct marks_row *row, uint64_t first, uint64_t last, uint64_t *found)
{
	uint64_t begin = row->number * MARKS_ROW;
	uint64_t from = first > begin ? first - begin : 0, to = last - begin;

	for (unsigned int i = 0; i < WORDS; i++) {
		uint64_t hit = row->bits[i] & mask_of(i, from, to);

		if (!hit)
			continue;
		*found = begin + i * UINT64_C(64) + (unsigned int)__builtin_ctzll(hit);
		return true;
	}
	return false;
}

static bool is_empty(const struct marks_row *row)
{
	for (unsigned int i = 0; i < WORDS; i++)
		if (row->bits[i])
			return false;
	return true;
}

/* ---- rows; the lock is held ------------------------------------------------------------ */

/* Where the first row stands, or would, that is not before this one. */
static uint32_t place_of(const struct marks *m, uint64_t number)
{
	uint32_t low = 0, high = m->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->rows[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_empty(struct marks *m)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		if (is_empty(m->rows[i]))
			free(m->rows[i]);
		else
			m->rows[kept++] = m->rows[i];
	}
	atomic_store_explicit(&m->count, kept, memory_order_release);
}

static int add_row(struct marks *m, uint64_t number)
{
	uint32_t at = place_of(m, number), count = m->count;
	struct marks_row *row;

	if (at < count && m->rows[at]->number == number)
		return 0;
	if (count == MARKS_MOST)
		return -ENOSPC;
	row = calloc(1, sizeof(*row));
	if (!row)
		return -ENOMEM;
	row->number = number;
	memmove(&m->rows[at + 1], &m->rows[at], (count - at) * sizeof(*m->rows));
	m->rows[at] = row;
	atomic_store_explicit(&m->count, count + 1, memory_order_release);
	return 0;
}

static int add_rows(struct marks *m, uint64_t first, uint64_t last)
{
	int r = 0;

	if (!m->rows)
		m->rows = calloc(MARKS_MOST, sizeof(*m->rows));
	if (!m->rows)
		return -ENOMEM;
	for (uint64_t n = first / MARKS_ROW; !r && n <= last / MARKS_ROW; n++)
		r = add_row(m, n);
	if (r)
		remove_empty(m);
	return r;
}

/* Row `i`, if it has to do with a range that ends there; NULL: it has not. */
static struct marks_row *row_up_to(const struct marks *m, uint32_t i, uint64_t last)
{
	return i < m->count && m->rows[i]->number <= last / MARKS_ROW ? m->rows[i] : NULL;
}

static bool act_on_all(struct marks *m, uint64_t first, uint64_t last, enum action action)
{
	struct marks_row *row;
	bool found = false;

	for (uint32_t i = place_of(m, first / MARKS_ROW); (row = row_up_to(m, i, last)); i++)
		found |= act(row, first, last, action);
	return found;
}

static bool find_in_all(const struct marks *m, uint64_t first, uint64_t last, uint64_t *found)
{
	struct marks_row *row;

	for (uint32_t i = place_of(m, first / MARKS_ROW); (row = row_up_to(m, i, last)); i++)
		if (find(row, first, last, found))
			return true;
	return false;
}

/* ---- the outside ----------------------------------------------------------------------- */

int marks_set(struct marks *m, uint64_t first, uint64_t count)
{
	int r;

	pthread_mutex_lock(&m->lock);
	r = add_rows(m, first, first + count - 1);
	if (!r)
		act_on_all(m, first, first + count - 1, SET);
	pthread_mutex_unlock(&m->lock);
	return r;
}

void marks_clear(struct marks *m, uint64_t first, uint64_t count)
{
	pthread_mutex_lock(&m->lock);
	if (act_on_all(m, first, first + count - 1, CLEAR))
		remove_empty(m);
	pthread_mutex_unlock(&m->lock);
}

bool marks_find(struct marks *m, uint64_t first, uint64_t count, uint64_t *found)
{
	bool is_there;

	pthread_mutex_lock(&m->lock);
	is_there = find_in_all(m, first, first + count - 1, found);
	pthread_mutex_unlock(&m->lock);
	return is_there;
}
