/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "base/latency.h"

#define UNIT 1024u			/* ns */

static void each_bucket_begins_where_the_one_before_ends(void **state)
{
	for (unsigned int i = 0; i < LATENCY_BUCKETS - 1; i++) {
		assert_int_equal(latency_bucket(latency_bound(i) - 1), i);
		assert_int_equal(latency_bucket(latency_bound(i)), i + 1);
	}
}

static void the_first_and_the_last(void **state)
{
	assert_int_equal(latency_bucket(0), 0);
	assert_int_equal(latency_bound(0), UNIT);
	assert_int_equal(latency_bound(LATENCY_BUCKETS - 1), (uint64_t)UNIT << 24);
	assert_int_equal(latency_bucket(latency_bound(LATENCY_BUCKETS - 1)), LATENCY_BUCKETS - 1);
	assert_int_equal(latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
}

static void none_is_wider_than_an_eighth(void **state)
{
	for (unsigned int i = 8; i < LATENCY_BUCKETS; i++) {
		uint64_t from = latency_bound(i - 1), width = latency_bound(i) - from;

		assert_true(width >= UNIT && width * 8 <= from);
	}
}

static void sums_wrap_round(void **state)
{
	struct latency a = { .counts = { [0] = UINT32_MAX, [LATENCY_BUCKETS - 1] = 3 } };
	const struct latency b = { .counts = { [0] = 2, [LATENCY_BUCKETS - 1] = 4 } };

	latency_add(&a, &b);
	assert_int_equal(a.counts[0], 1);
	assert_int_equal(a.counts[1], 0);
	assert_int_equal(a.counts[LATENCY_BUCKETS - 1], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bucket_begins_where_the_one_before_ends),
		cmocka_unit_test(the_first_and_the_last),
		cmocka_unit_test(none_is_wider_than_an_eighth),
		cmocka_unit_test(sums_wrap_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
