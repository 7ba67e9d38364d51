/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "model/prefix.h"

#include <errno.h>

static void test_what_is_a_range(void **state)
{
	static const struct {
		const char *text, *again;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1/32" }, { "192.0.2.0/24", "192.0.2.0/24" },
		{ "0.0.0.0/0", "0.0.0.0/0" }, { "2001:db8::/32", "2001:db8::/32" },
		{ "::1", "::1/128" }, { "::/0", "::/0" },
	};
	char text[PREFIX_TEXT];
	struct prefix p, same;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(prefix_parse(&p, rows[i].text), 0);
		prefix_format(&p, text);
		assert_string_equal(text, rows[i].again);
		assert_int_equal(prefix_parse(&same, text), 0);
		assert_true(prefix_is_equal(&p, &same));
	}
}

static void test_what_is_none(void **state)
{
	static const char *const bad[] = {
		"", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.1/24", "192.0.2/24",
		"192.0.2.0/-1", "192.0.2.0/2 ", "192.0.2.0/24/1", "::/129", "::1/127", "host",
		"192.0.2.0/0024",
		"1111111111111111111111111111111111111111111111111111111111111111111111111111",
	};
	struct prefix p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (prefix_parse(&p, bad[i]) != -EINVAL)
			fail_msg("'%s' is taken for a range", bad[i]);
}

static void test_who_is_in_a_range(void **state)
{
	static const struct {
		const char *prefix, *address;
		bool is_in;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.255", true }, { "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false }, { "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.1", "192.0.2.1", true }, { "192.0.2.1", "192.0.2.2", false },
		{ "0.0.0.0/0", "203.0.113.9", true }, { "0.0.0.0/0", "::1", false },
		{ "::/0", "127.0.0.1", false }, { "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "fe80::/10", "fe80::1%eth0", true }, { "fe80::/10", "an unknown address", false },
	};
	struct prefix p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(prefix_parse(&p, rows[i].prefix), 0);
		if (prefix_holds(&p, rows[i].address) != rows[i].is_in)
			fail_msg("%s, %s", rows[i].prefix, rows[i].address);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_a_range),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_who_is_in_a_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
