/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "../../../tools/nvmfctl/latency.h"

#define COUNT 4

static const uint64_t bounds[COUNT] = { 10, 20, 40, 80 };

static void assert_percentiles(const uint64_t counts[COUNT], uint64_t p50, uint64_t p99,
			       uint64_t p999)
{
	assert_int_equal(latency_percentile(counts, bounds, COUNT, 500), p50);
	assert_int_equal(latency_percentile(counts, bounds, COUNT, 990), p99);
	assert_int_equal(latency_percentile(counts, bounds, COUNT, 999), p999);
}

static void none_has_no_percentile(void **state)
{
	assert_percentiles((const uint64_t[COUNT]){ 0 }, 0, 0, 0);
	assert_int_equal(latency_percentile(NULL, NULL, 0, 500), 0);
}

static void one_is_all_of_them(void **state)
{
	assert_percentiles((const uint64_t[COUNT]){ 0, 0, 1, 0 }, 40, 40, 40);
}

static void so_many_are_not_above(void **state)
{
	assert_percentiles((const uint64_t[COUNT]){ 500, 490, 9, 1 }, 10, 20, 40);
	assert_percentiles((const uint64_t[COUNT]){ 499, 490, 9, 2 }, 20, 40, 80);
	assert_percentiles((const uint64_t[COUNT]){ 1, 0, 0, 1 }, 10, 80, 80);
}

static void many_are_counted(void **state)
{
	const uint64_t most = (uint64_t)UINT32_MAX << 16;

	assert_percentiles((const uint64_t[COUNT]){ most, most - 1, 0, 1 }, 10, 20, 20);
}

static void what_came_since(void **state)
{
	assert_int_equal(latency_since(5, 7), 2);
	assert_int_equal(latency_since(7, 7), 0);
	assert_int_equal(latency_since(UINT32_MAX, 1), 2);
	assert_int_equal(latency_since(7, 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_has_no_percentile),
		cmocka_unit_test(one_is_all_of_them),
		cmocka_unit_test(so_many_are_not_above),
		cmocka_unit_test(many_are_counted),
		cmocka_unit_test(what_came_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
