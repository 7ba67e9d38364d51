/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "base/number.h"

#include <errno.h>

#define KEPT 0xdeadu

static void assert_number(const char *text, int result, uint64_t value)
{
	uint64_t got = KEPT;

	assert_int_equal(number_parse(text, &got), result);
	assert_int_equal(got, result ? KEPT : value);
}

static void assert_size(const char *text, int result, uint64_t value)
{
	uint64_t got = KEPT;

	assert_int_equal(size_parse(text, &got), result);
	assert_int_equal(got, result ? KEPT : value);
}

static void whole_decimal_numbers(void **state)
{
	assert_number("0", 0, 0);
	assert_number("007", 0, 7);
	assert_number("65535", 0, 65535);
	assert_number("18446744073709551615", 0, UINT64_MAX);
}

static void what_is_no_number(void **state)
{
	assert_number("", -EINVAL, 0);
	assert_number("-1", -EINVAL, 0);
	assert_number("+1", -EINVAL, 0);
	assert_number(" 1", -EINVAL, 0);
	assert_number("1 ", -EINVAL, 0);
	assert_number("0x10", -EINVAL, 0);
	assert_number("1k", -EINVAL, 0);
	assert_number("18446744073709551616", -ERANGE, 0);
	assert_number("99999999999999999999999", -ERANGE, 0);
}

static void sizes_as_in_expand_number(void **state)
{
	assert_size("512", 0, 512);
	assert_size("512b", 0, 512);
	assert_size("1k", 0, 1024);
	assert_size("1K", 0, 1024);
	assert_size("3M", 0, 3ull << 20);
	assert_size("1g", 0, 1ull << 30);
	assert_size("2T", 0, 2ull << 40);
	assert_size("1p", 0, 1ull << 50);
	assert_size("15E", 0, 15ull << 60);
}

static void what_is_no_size(void **state)
{
	assert_size("", -EINVAL, 0);
	assert_size("k", -EINVAL, 0);
	assert_size("1.5g", -EINVAL, 0);
	assert_size("1kb", -EINVAL, 0);
	assert_size("1x", -EINVAL, 0);
	assert_size("1 k", -EINVAL, 0);
	assert_size("-1k", -EINVAL, 0);
	assert_size("0x10", -EINVAL, 0);
	assert_size("0x", -EINVAL, 0);
	assert_size("16E", -ERANGE, 0);
	assert_size("18446744073709551615k", -ERANGE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_decimal_numbers),
		cmocka_unit_test(what_is_no_number),
		cmocka_unit_test(sizes_as_in_expand_number),
		cmocka_unit_test(what_is_no_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
