/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "config/value.h"

#include <string.h>

static void names(void **state)
{
	char longest[225];

	memset(longest, 'n', sizeof(longest));
	longest[223] = 0;
	assert_true(value_is_name("nqn.2026-11.org.example:one") && value_is_name("testnqn"));
	assert_true(value_is_name("\xc3\xa9") && value_is_name(longest));
	longest[223] = 'n';
	longest[224] = 0;
	assert_false(value_is_name("") || value_is_name("a/b") || value_is_name(".") || value_is_name("..") ||
		     value_is_name("a\tb") || value_is_name("\xff") || value_is_name(longest));
	assert_true(value_is_subsystem("testnqn"));
	assert_false(value_is_subsystem("nqn.2014-08.org.nvmexpress.discovery") || value_is_subsystem(""));
}

static void texts_of_identify(void **state)
{
	assert_true(value_is_serial("12345678901234567890") && value_is_serial(" ~"));
	assert_false(value_is_serial("") || value_is_serial("123456789012345678901") ||
		     value_is_serial("\x7f") || value_is_serial("\xc3\xa9"));
	assert_true(value_is_model("1234567890123456789012345678901234567890"));
	assert_false(value_is_model("12345678901234567890123456789012345678901"));
	assert_true(value_is_firmware("12345678"));
	assert_false(value_is_firmware("123456789"));
	assert_true(value_is_plain("") && value_is_plain("hmac(sha256)"));
	assert_false(value_is_plain("\n"));
}

static void versions(void **state)
{
	assert_true(value_is_version("1.3") && value_is_version("2.0.1"));
	assert_false(value_is_version("1") || value_is_version("1.") || value_is_version(".1") ||
		     value_is_version("1..2") || value_is_version("1.2.3.4") || value_is_version("1.x") ||
		     value_is_version("") || value_is_version("1.123456"));
}

static void addresses(void **state)
{
	struct value_address a;

	assert_true(value_address("192.0.2.1", &a));
	assert_int_equal(a.family, CONFIG_IPV4);
	assert_memory_equal(a.bytes, ((uint8_t[]){ 192, 0, 2, 1, 0 }), 5);
	assert_false(a.is_wildcard);
	assert_true(value_address("0.0.0.0", &a) && a.is_wildcard);
	assert_true(value_address("::", &a) && a.is_wildcard && a.family == CONFIG_IPV6);
	assert_true(value_address("fe80::1%eth0", &a));
	assert_string_equal(a.zone, "eth0");
	assert_false(value_is_address("") || value_is_address("192.0.2") || value_is_address("192.0.2.1%eth0") ||
		     value_is_address("::1%") || value_is_address("::1%0123456789abcdef") ||
		     value_is_address("host") || value_is_address("1111:2222:3333:4444:5555:6666:7777:8888:9999:0000"));
}

static void prefixes(void **state)
{
	assert_true(value_is_prefix("192.0.2.1") && value_is_prefix("192.0.2.0/24") && value_is_prefix("::/0") &&
		    value_is_prefix("2001:db8::/128"));
	assert_false(value_is_prefix("192.0.2.0/33") || value_is_prefix("::/129") || value_is_prefix("::1/") ||
		     value_is_prefix("/8") || value_is_prefix("::1%a/64") || value_is_prefix("192.0.2.0/a") ||
		     value_is_prefix("1111:2222:3333:4444:5555:6666:7777:8888:9999:0000/8"));
}

static void device_names(void **state)
{
	assert_true(value_is_device_name("Malloc0") && value_is_device_name("a b"));
	assert_false(value_is_device_name("") || value_is_device_name("/dev/sda") || value_is_device_name("a/b"));
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {
		{ "0", 0 }, { "-1", -1 }, { "007", 7 }, { "0xff", 255 }, { "0XaF", 0xaf }, { "-0x10", -16 },
		{ "9223372036854775807", INT64_MAX }, { "0x7fffffffffffffff", INT64_MAX },
	};
	static const char *const bad[] = {
		"", "-", "0x", "x", "1 ", " 1", "+1", "--1", "0xg", "1e3", "9223372036854775808",
		"0x8000000000000000", "0x10000000000000000", "18446744073709551616",
	};
	int64_t value;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(value_number(good[i].text, &value));
		assert_int_equal(value, good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(value_number(bad[i], &value));
}

static void identifiers(void **state)
{
	static const char *const good[] = {
		"01234567-89ab-cdef-0123-456789abcdef", "0123456789ABCDEF0123456789abcdef",
		"01:23:45:67:89:ab:cd:ef:01:23:45:67:89:ab:cd:ef",
	};
	static const char *const bad[] = {
		"", "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdef0",
		"01234567-89ab-cdef-0123-456789abcdeg", "01234567--89abcdef0123456789abcdef",
		"0123456789abcdef0123456789abcdef-",
	};
	char text[VALUE_ID_TEXT];
	uint8_t bytes[16];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(value_id(good[i], bytes));
		value_id_text(bytes, text);
		assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(value_id(bad[i], bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(texts_of_identify),
		cmocka_unit_test(versions),
		cmocka_unit_test(addresses),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(device_names),
		cmocka_unit_test(numbers),
		cmocka_unit_test(identifiers),
	};

	return cmocka_run_group_tests_name("config/value", tests, NULL, NULL);
}
