/* SPDX-License-Identifier: BSD-2-Clause */
/* When it is spun, of hosts that let it wait for so long and so long. */
#include "../unit.h"

#include "worker/pauses.h"

#define POLL 100u		/* us, as all times here */
#define WAKE_UP 100u		/* what seems short to who slept */

struct host {
	struct pauses pauses;
	unsigned int pause_count;
	unsigned int spun, in_vain, slept_short;	/* of them */
};

/* What a worker does and notes. */
static void wait_for(struct host *h, unsigned int pause)
{
	h->pause_count++;
	if (!h->pauses.may_spin) {
		h->slept_short += pause <= POLL;
		pauses_note(&h->pauses, pause <= POLL + WAKE_UP ? PAUSE_SHORT : PAUSE_LONG);
	} else if (pause <= POLL) {
		h->spun++;
		pauses_note(&h->pauses, PAUSE_SPUN);
	} else {
		h->in_vain++;
		pauses_note(&h->pauses, PAUSE_IN_VAIN);
	}
}

/* In turn and again. */
static void wait_often(struct host *h, unsigned int times, const unsigned int *pauses,
		       unsigned int count)
{
	for (unsigned int i = 0; i < times; i++)
		wait_for(h, pauses[i % count]);
}

#define WAIT(host, times, ...)								\
	wait_often(host, times, (const unsigned int[]){ __VA_ARGS__ },			\
		   sizeof((const unsigned int[]){ __VA_ARGS__ }) / sizeof(unsigned int))

static void test_who_answers_at_once_is_spun_for(void **state)
{
	struct host h = { .pause_count = 0 };

	WAIT(&h, 1000, 5);
	assert_int_equal(h.slept_short, 1);
	assert_int_equal(h.spun, 999);
}

static void test_one_long_pause_is_no_reason_to_sleep(void **state)
{
	struct host h = { .pause_count = 0 };

	WAIT(&h, 1000, 5, 5, 5, 5, 5, 5, 5, 5, 5, 400);
	assert_in_range(h.spun, 600, 900);
	assert_in_range(h.in_vain, 50, 100);
}

static void test_an_idle_host_costs_nothing(void **state)
{
	struct host h = { .pause_count = 0 };

	WAIT(&h, 10, 5);
	WAIT(&h, 1000, 1000);
	assert_int_equal(h.in_vain, 1);
	WAIT(&h, 1000, 201);
	assert_int_equal(h.in_vain, 1);
}

/* To who slept they seem short. */
static void test_pauses_a_little_too_long_are_slept_through(void **state)
{
	struct host h = { .pause_count = 0 };

	WAIT(&h, 6400, 150);
	assert_in_range(h.in_vain, 1, 128);
}

static void test_short_ones_between_long_ones_are_slept_through(void **state)
{
	struct host h = { .pause_count = 0 };

	WAIT(&h, 6400, 5, 400);
	assert_in_range(h.in_vain, 1, 128);
	WAIT(&h, 6400, 5, 400, 150);
	assert_in_range(h.in_vain, 1, 256);
}

/* After whatever history: 64 pauses of 28 us that are slept through are 2 ms. */
static void test_nobody_is_in_doubt_for_long(void **state)
{
	struct host h = { .pause_count = 0 };

	WAIT(&h, 100000, 150, 400, 5, 1000, 400);
	h.slept_short = 0;
	WAIT(&h, 1000, 5);
	assert_in_range(h.slept_short, 0, 64);
	h.spun = 0;
	WAIT(&h, 1000, 5);
	assert_int_equal(h.spun, 1000);
	assert_int_equal(h.pauses.doubt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_answers_at_once_is_spun_for),
		cmocka_unit_test(test_one_long_pause_is_no_reason_to_sleep),
		cmocka_unit_test(test_an_idle_host_costs_nothing),
		cmocka_unit_test(test_pauses_a_little_too_long_are_slept_through),
		cmocka_unit_test(test_short_ones_between_long_ones_are_slept_through),
		cmocka_unit_test(test_nobody_is_in_doubt_for_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
