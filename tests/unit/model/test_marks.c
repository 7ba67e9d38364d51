/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "model/marks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define BLOCKS (5 * MARKS_ROW)

static struct marks marks;

static uint64_t dice = 1;

static uint64_t roll(uint64_t sides)
{
	dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (dice >> 33) % sides;
}

/* The first that is marked; `first + count`: none is. */
static uint64_t first_of(const bool *expected, uint64_t first, uint64_t count)
{
	uint64_t i = first;

	while (i < first + count && !expected[i])
		i++;
	return i;
}

static bool is_hit(uint64_t first, uint64_t count)
{
	uint64_t found;

	return marks_find(&marks, first, count, &found);
}

/* Beside the plainest way to keep them. */
static void test_marks_are_of_these_blocks_and_no_others(void **state)
{
	static bool expected[BLOCKS];

	marks_init(&marks);
	for (int turn = 0; turn < 3000; turn++) {
		uint64_t first = roll(BLOCKS), count = 1 + roll(roll(8) ? 150 : BLOCKS), found;
		bool set = roll(2);

		count = count < BLOCKS - first ? count : BLOCKS - first;
		if (set)
			assert_int_equal(marks_set(&marks, first, count), 0);
		else
			marks_clear(&marks, first, count);
		for (uint64_t i = first; i < first + count; i++)
			expected[i] = set;
		first = roll(BLOCKS);
		count = 1 + roll(BLOCKS - first < 200 ? BLOCKS - first : 200);
		found = first + count;
		assert_int_equal(marks_find(&marks, first, count, &found),
				 first_of(expected, first, count) < first + count);
		assert_int_equal(found, first_of(expected, first, count));
		assert_int_equal(marks_any(&marks), first_of(expected, 0, BLOCKS) < BLOCKS);
	}
	marks_clear(&marks, 0, BLOCKS);
	assert_false(marks_any(&marks));
	marks_free(&marks);
}

static void test_what_is_too_much_changes_nothing(void **state)
{
	marks_init(&marks);
	for (uint64_t i = 0; i < MARKS_MOST - 1; i++)
		assert_int_equal(marks_set(&marks, 2 * i * MARKS_ROW, 1), 0);
	assert_int_equal(marks_set(&marks, UINT64_C(1) << 60, 2 * MARKS_ROW), -ENOSPC);
	assert_false(is_hit(UINT64_C(1) << 60, 2 * MARKS_ROW));
	assert_int_equal(marks.count, MARKS_MOST - 1);
	assert_int_equal(marks_set(&marks, UINT64_C(1) << 60, MARKS_ROW), 0);
	assert_int_equal(marks_set(&marks, MARKS_ROW, 1), -ENOSPC);
	assert_int_equal(marks_set(&marks, 1, MARKS_ROW - 1), 0);
	assert_true(is_hit(0, 1) && is_hit(MARKS_ROW - 1, 1));
	assert_false(is_hit(MARKS_ROW, MARKS_ROW));
	marks_free(&marks);
}

/* ---- several workers: each has blocks of its own, all in the same rows --------------------- */

#define WORKERS 4

static void *work(void *argument)
{
	uint64_t own = (uint64_t)(uintptr_t)argument;

	for (int turn = 0; turn < 5000; turn++) {
		uint64_t block = own + WORKERS * ((uint64_t)turn % 3000);

		if (marks_set(&marks, block, 1) || !marks_any(&marks) ||
		    !is_hit(block, 1))
			return "a mark that was set is not there";
		marks_clear(&marks, block, 1);
		if (marks_any(&marks) && is_hit(block, 1))
			return "a mark that was cleared is there";
	}
	return NULL;
}

static void test_workers_do_not_disturb_each_other(void **state)
{
	pthread_t threads[WORKERS];

	marks_init(&marks);
	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	for (int i = 0; i < WORKERS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	assert_false(marks_any(&marks));
	marks_free(&marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks_are_of_these_blocks_and_no_others),
		cmocka_unit_test(test_what_is_too_much_changes_nothing),
		cmocka_unit_test(test_workers_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
