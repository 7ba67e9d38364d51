/* SPDX-License-Identifier: BSD-2-Clause */
/* The buffer pool against a model, and who is served when. */
#include "../unit.h"

#include "worker/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE (8u << 20)
#define LARGEST (1u << 20)
#define PAGES (SIZE / POOL_SMALLEST)
#define KEPT_BACK (SIZE / 8)

static struct pool *pool;

static int open_pool(void **state)
{
	return pool_open(&pool, SIZE, LARGEST);
}

static int close_pool(void **state)
{
	assert_int_equal(pool_used(pool), 0);
	pool_close(pool);
	return 0;
}

/* ---- buffers ---------------------------------------------------------------------------- */

struct buffer {
	uint8_t *at;
	size_t size;
	uint8_t mark;
};

static size_t rounded(size_t size)
{
	size_t block = POOL_SMALLEST;

	while (block < size)
		block *= 2;
	return block;
}

/* Every byte that was asked for is the buffer's own. */
static void check_and_give(struct buffer *b)
{
	for (size_t i = 0; i < b->size; i += 61)
		assert_int_equal(b->at[i], b->mark);
	assert_int_equal(b->at[b->size - 1], b->mark);
	pool_give(pool, b->at, b->size);
	b->at = NULL;
}

static void take(struct buffer *b, size_t *used)
{
	enum pool_urgency urgency = (enum pool_urgency)(rand() % 3);
	size_t most = urgency == POOL_URGENT ? SIZE : SIZE - KEPT_BACK / 2;

	b->size = 1 + (size_t)rand() % (rand() % 4 ? 20000 : LARGEST);
	b->at = pool_take(pool, b->size, urgency);
	if (!b->at)
		return;
	assert_int_equal(pool_block(b->size), rounded(b->size));
	*used += rounded(b->size);
	assert_in_range(*used, 1, most);
	assert_true(pool_owns(pool, b->at) && pool_owns(pool, b->at + b->size - 1));
	assert_int_equal((uintptr_t)b->at % POOL_SMALLEST, 0);
	memset(b->at, b->mark, b->size);
}

static void test_buffers_are_aligned_apart_and_bounded(void **state)
{
	static struct buffer buffers[400];
	size_t used = 0, most = 0;

	srand(1);
	for (int step = 0; step < 100000; step++) {
		struct buffer *b = &buffers[rand() % 400];

		if (b->at) {
			used -= rounded(b->size);
			check_and_give(b);
		} else {
			b->mark = (uint8_t)(1 + rand() % 255);
			take(b, &used);
		}
		assert_int_equal(pool_used(pool), used);
		most = used > most ? used : most;
	}
	assert_true(most > SIZE - KEPT_BACK);
	for (int i = 0; i < 400; i++)
		if (buffers[i].at)
			check_and_give(&buffers[i]);
}

/* After any history all of it can be had in its largest pieces again. */
static void test_neighbours_grow_together_again(void **state)
{
	void *pages[PAGES], *large[SIZE / LARGEST];

	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < PAGES; i++) {
			pages[i] = pool_take(pool, POOL_SMALLEST, POOL_URGENT);
			assert_non_null(pages[i]);
		}
		assert_null(pool_take(pool, 1, POOL_URGENT));
		for (unsigned int i = 0; i < PAGES; i++) {	/* in a wild order */
			unsigned int at = (i * 1237 + round) % PAGES;

			pool_give(pool, pages[at], POOL_SMALLEST);
		}
		for (unsigned int i = 0; i < SIZE / LARGEST; i++) {
			large[i] = pool_take(pool, LARGEST, POOL_URGENT);
			assert_non_null(large[i]);
		}
		for (unsigned int i = 0; i < SIZE / LARGEST; i++)
			pool_give(pool, large[i], LARGEST);
	}
}

static void test_a_part_is_kept_back(void **state)
{
	void *large[7], *modest, *urgent;

	for (int i = 0; i < 7; i++)
		assert_non_null(large[i] = pool_take(pool, LARGEST, POOL_ORDINARY));
	assert_int_equal(pool_free(pool), 0);
	assert_null(pool_take(pool, 1, POOL_ORDINARY));
	assert_non_null(modest = pool_take(pool, KEPT_BACK / 2, POOL_MODEST));
	assert_null(pool_take(pool, 1, POOL_MODEST));
	assert_non_null(urgent = pool_take(pool, KEPT_BACK / 2, POOL_URGENT));
	assert_null(pool_take(pool, 1, POOL_URGENT));
	pool_give(pool, urgent, KEPT_BACK / 2);
	pool_give(pool, modest, KEPT_BACK / 2);
	for (int i = 0; i < 7; i++)
		pool_give(pool, large[i], LARGEST);
	assert_int_equal(pool_free(pool), SIZE - KEPT_BACK);
}

static void test_what_does_not_fit_is_refused(void **state)
{
	struct pool *none;

	assert_null(pool_take(pool, LARGEST + 1, POOL_URGENT));
	assert_null(pool_take(pool, SIZE_MAX / 4, POOL_URGENT));
	assert_false(pool_owns(pool, &none));
	assert_int_equal(pool_open(&none, LARGEST - 1, LARGEST), -EINVAL);
	assert_null(none);
	pool_close(none);
}

/* ---- pages that nobody needs any more ---------------------------------------------------- */

#define BLOCKS 7

/* All of a block or none. */
static bool has_pages(void *block)
{
	unsigned char first;

	assert_int_equal(mincore(block, POOL_SMALLEST, &first), 0);
	return first & 1;
}

/* Takes `count` of the blocks, writes to them and gives them back. */
static void use(void *blocks[], unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		assert_non_null(blocks[i] = pool_take(pool, LARGEST, POOL_ORDINARY));
		memset(blocks[i], 1, LARGEST);
	}
	while (count)
		pool_give(pool, blocks[--count], LARGEST);
}

static unsigned int end_period(void)
{
	unsigned int shrunk = 0;

	pool_end_period(pool);
	while (pool_shrink(pool))
		shrunk++;
	return shrunk;
}

static unsigned int count_with_pages(void *blocks[], unsigned int count)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < count; i++)
		n += has_pages(blocks[i]);
	return n;
}

static void test_a_flood_is_given_back_when_a_period_was_quiet(void **state)
{
	void *blocks[BLOCKS];

	assert_false(pool_may_shrink(pool));
	use(blocks, BLOCKS);
	assert_true(pool_may_shrink(pool));
	assert_int_equal(end_period(), 0);	/* the flood was in it */
	assert_int_equal(count_with_pages(blocks, BLOCKS), BLOCKS);
	assert_true(pool_may_shrink(pool));
	assert_int_equal(end_period(), BLOCKS);
	assert_int_equal(count_with_pages(blocks, BLOCKS), 0);
	assert_false(pool_may_shrink(pool));
	use(blocks, BLOCKS);			/* as good as new */
}

static void test_what_a_period_used_is_kept(void **state)
{
	void *blocks[BLOCKS], *few[2], *next;

	use(blocks, BLOCKS);
	end_period();
	for (int round = 0; round < 3; round++) {
		use(few, 2);
		assert_int_equal(end_period(), round ? 0 : BLOCKS - 2);
		assert_int_equal(count_with_pages(blocks, BLOCKS), 2);
		assert_true(pool_may_shrink(pool));
	}
	next = pool_take(pool, POOL_SMALLEST, POOL_ORDINARY);
	assert_true(has_pages(next));
	pool_give(pool, next, POOL_SMALLEST);
}

static void test_what_is_in_use_keeps_its_pages(void **state)
{
	void *blocks[BLOCKS];
	char *small;

	use(blocks, BLOCKS);
	small = pool_take(pool, POOL_SMALLEST, POOL_ORDINARY);
	memset(small, 7, POOL_SMALLEST);
	end_period();
	end_period();
	assert_int_equal(count_with_pages(blocks, BLOCKS), 2);	/* and one more is kept */
	for (unsigned int i = 0; i < POOL_SMALLEST; i++)
		assert_int_equal(small[i], 7);
	assert_false(pool_may_shrink(pool));
	pool_give(pool, small, POOL_SMALLEST);
}

/* ---- those who wait ---------------------------------------------------------------------- */

struct waiter {
	struct pool_waiter waiter;
	char name;
	unsigned int wants;		/* commands */
	size_t size;
	void *got[8];
	unsigned int count;
};

static char order[64];

static enum pool_answer serve(struct pool_waiter *pw)
{
	struct waiter *w = (struct waiter *)pw;
	void *buffer;

	if (!w->wants)
		return POOL_NO_MORE;
	buffer = pool_take(pool, w->size, POOL_ORDINARY);
	if (!buffer)
		return POOL_LATER;
	w->got[w->count++] = buffer;
	w->wants--;
	strncat(order, &w->name, 1);
	return POOL_SERVED;
}

static struct waiter wait_for(char name, unsigned int wants, size_t size)
{
	struct waiter w = { .waiter.serve = serve, .name = name, .wants = wants, .size = size };

	return w;
}

static void give_all(struct waiter *w)
{
	while (w->count)
		pool_give(pool, w->got[--w->count], w->size);
}

static void *taken[7];

static void empty_pool(void)
{
	order[0] = '\0';
	for (int i = 0; i < 7; i++)
		taken[i] = pool_take(pool, LARGEST, POOL_ORDINARY);
}

static void fill_pool(void)
{
	for (int i = 0; i < 7; i++)
		if (taken[i])
			pool_give(pool, taken[i], LARGEST);
}

static void test_waiters_take_turns(void **state)
{
	struct waiter a = wait_for('a', 3, 4096), b = wait_for('b', 1, 4096),
		      c = wait_for('c', 2, 4096);
	struct waiter *all[] = { &a, &b, &c };

	empty_pool();
	for (int i = 0; i < 3; i++) {
		list_init(&all[i]->waiter.link);
		pool_wait(pool, &all[i]->waiter);
		pool_wait(pool, &all[i]->waiter);	/* keeps its place */
	}
	assert_true(pool_is_contended(pool));
	pool_serve(pool);
	assert_string_equal(order, "");
	fill_pool();
	pool_serve(pool);
	assert_string_equal(order, "abcaca");
	assert_false(pool_is_contended(pool));
	for (int i = 0; i < 3; i++)
		give_all(all[i]);
	pool_serve(pool);
}

/* The small ones do not eat up what the large one waits for. */
static void test_the_first_is_served_first_however_large(void **state)
{
	struct waiter large = wait_for('L', 1, LARGEST), small = wait_for('s', 2, 4096);
	void *half;

	empty_pool();
	list_init(&large.waiter.link);
	list_init(&small.waiter.link);
	pool_wait(pool, &large.waiter);
	pool_wait(pool, &small.waiter);
	pool_give(pool, taken[0], LARGEST);
	taken[0] = NULL;
	half = pool_take(pool, LARGEST / 2, POOL_ORDINARY);
	pool_serve(pool);
	assert_string_equal(order, "");
	pool_give(pool, half, LARGEST / 2);
	pool_serve(pool);
	assert_string_equal(order, "L");
	pool_give(pool, taken[1], LARGEST);
	taken[1] = NULL;
	pool_serve(pool);
	assert_string_equal(order, "Lss");
	give_all(&large);
	give_all(&small);
	fill_pool();
	pool_serve(pool);
}

/* Those behind one that leaves are served, though nothing was given back since. */
static void test_one_that_leaves_makes_way(void **state)
{
	struct waiter large = wait_for('L', 1, LARGEST), small = wait_for('s', 1, 4096);

	empty_pool();
	list_init(&large.waiter.link);
	list_init(&small.waiter.link);
	pool_give(pool, taken[0], LARGEST);
	taken[0] = pool_take(pool, LARGEST / 2, POOL_ORDINARY);
	pool_wait(pool, &large.waiter);
	pool_wait(pool, &small.waiter);
	pool_serve(pool);
	assert_string_equal(order, "");
	pool_wait_no_more(pool, &large.waiter);
	pool_serve(pool);
	assert_string_equal(order, "s");
	give_all(&small);
	pool_give(pool, taken[0], LARGEST / 2);
	taken[0] = NULL;
	fill_pool();
	pool_serve(pool);
}

/* However many of the modest come: what is given back is for those who wait. */
static void test_the_modest_pass_but_starve_nobody(void **state)
{
	struct waiter large = wait_for('L', 1, LARGEST);
	void *modest[PAGES];
	unsigned int n = 0;

	empty_pool();
	list_init(&large.waiter.link);
	pool_wait(pool, &large.waiter);
	while ((modest[n] = pool_take(pool, POOL_SMALLEST, POOL_MODEST)))
		n++;
	assert_int_equal(n, KEPT_BACK / 2 / POOL_SMALLEST);
	pool_give(pool, taken[0], LARGEST);
	taken[0] = NULL;
	assert_null(pool_take(pool, POOL_SMALLEST, POOL_MODEST));
	pool_give(pool, modest[--n], POOL_SMALLEST);
	assert_non_null(modest[n++] = pool_take(pool, POOL_SMALLEST, POOL_MODEST));
	pool_serve(pool);
	assert_string_equal(order, "L");
	while (n)
		pool_give(pool, modest[--n], POOL_SMALLEST);
	give_all(&large);
	fill_pool();
	pool_serve(pool);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_pool, close_pool)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_buffers_are_aligned_apart_and_bounded),
		CASE(test_neighbours_grow_together_again),
		CASE(test_a_part_is_kept_back),
		CASE(test_what_does_not_fit_is_refused),
		CASE(test_a_flood_is_given_back_when_a_period_was_quiet),
		CASE(test_what_a_period_used_is_kept),
		CASE(test_what_is_in_use_keeps_its_pages),
		CASE(test_waiters_take_turns),
		CASE(test_the_first_is_served_first_however_large),
		CASE(test_one_that_leaves_makes_way),
		CASE(test_the_modest_pass_but_starve_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
