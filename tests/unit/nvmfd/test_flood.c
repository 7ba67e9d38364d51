/* SPDX-License-Identifier: BSD-2-Clause */
/* What gets through when much is said. */
#include "../unit.h"

#include "flood.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define START (1000 * SECOND)

static struct flood *flood;
static uint32_t more;

static int open_flood(void **state)
{
	flood = calloc(1, sizeof(*flood));
	return flood ? 0 : -1;
}

static int close_flood(void **state)
{
	free(flood);
	return 0;
}

static unsigned int count_taken(uint64_t now, const char *format, unsigned int from,
				unsigned int count)
{
	char sentence[FLOOD_SENTENCE];
	unsigned int taken = 0;

	for (unsigned int i = from; i < from + count; i++) {
		snprintf(sentence, sizeof(sentence), format, i);
		taken += flood_takes(flood, now, sentence, &more);
	}
	return taken;
}

static void test_single_sentences_all_get_through(void **state)
{
	assert_int_equal(count_taken(START, "of the %uth kind", 0, FLOOD_KINDS), FLOOD_KINDS);
	for (uint64_t i = 0; i < 1000; i++) {
		assert_true(flood_takes(flood, START + i * FLOOD_PERIOD_S * SECOND, "now and then",
					&more));
		assert_int_equal(more, 0);
	}
	assert_null(flood_due(flood, UINT64_MAX, &more));
}

/* Controllers have ever new numbers, but what happens to them is the same. */
static void test_numbers_make_no_kinds(void **state)
{
	assert_int_equal(count_taken(START, "controller %u: gone", 0, 1000), FLOOD_BURST);
	assert_int_equal(count_taken(START, "queue %u refused", 0, 1000), FLOOD_BURST);
	assert_int_equal(count_taken(START, "10.0.0.5:%u", 0, 1000), FLOOD_BURST);
	assert_int_equal(count_taken(START, "queue %u", 0, 1000), FLOOD_BURST);
	assert_int_equal(count_taken(START, "10.0.0.%u:99 is another host", 0, 100), 100);
	assert_int_equal(count_taken(START, "\"nqn.2026-11.org:host%u\"", 0, 100), 100);
}

static void test_one_host_in_a_loop_silences_itself_alone(void **state)
{
	count_taken(START, "controller %u: connected by \"wicked\"", 0, 100000);
	for (int i = 0; i < FLOOD_BURST; i++)
		assert_true(flood_takes(flood, START, "controller 9: connected by \"good\"", &more));
	assert_false(flood_takes(flood, START, "controller 9: connected by \"good\"", &more));
}

static void test_what_was_left_out_is_counted(void **state)
{
	uint64_t later = START + FLOOD_PERIOD_S * SECOND;

	count_taken(START, "controller %u: gone", 0, FLOOD_BURST + 100);
	assert_false(flood_takes(flood, later - 1, "controller 1: gone", &more));
	assert_true(flood_takes(flood, later, "controller 1: gone", &more));
	assert_int_equal(more, 101);
	assert_false(flood_takes(flood, later, "controller 1: gone", &more));
}

/* And told, though no other one comes. */
static void test_the_newest_left_out_is_due(void **state)
{
	uint64_t later = START + FLOOD_PERIOD_S * SECOND;

	count_taken(START, "controller %u: gone", 0, FLOOD_BURST + 100);
	assert_null(flood_due(flood, later - 1, &more));
	assert_string_equal(flood_due(flood, later, &more), "controller 119: gone");
	assert_int_equal(more, 99);
	assert_null(flood_due(flood, later, &more));
	count_taken(later, "controller %u: gone", 0, 3);
	assert_null(flood_due(flood, later, &more));
	assert_non_null(flood_due(flood, UINT64_MAX, &more));
	assert_int_equal(more, 2);
}

/* A host with a new name each time: bounded, counted, and not for ever. */
static void test_names_without_end_are_bounded(void **state)
{
	uint32_t sum = 0;
	unsigned int told = 0, taken = count_taken(START, "name%u refused", 0, 1000000);

	assert_int_equal(taken, FLOOD_NEW_BURST);
	assert_int_equal(count_taken(START + 10 * SECOND, "name%u refused", 1000000, 1000000),
			 10 * 1000 / FLOOD_NEW_PERIOD_MS);
	while (flood_due(flood, UINT64_MAX, &more)) {
		sum += more + 1;
		told++;
	}
	assert_int_equal(told, 1);
	assert_int_equal(sum, 2000000 - taken - 50);
	assert_true(flood_takes(flood, START + 1000 * SECOND, "something else", &more));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_flood, close_flood)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_single_sentences_all_get_through),
		CASE(test_numbers_make_no_kinds),
		CASE(test_one_host_in_a_loop_silences_itself_alone),
		CASE(test_what_was_left_out_is_counted),
		CASE(test_the_newest_left_out_is_due),
		CASE(test_names_without_end_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
