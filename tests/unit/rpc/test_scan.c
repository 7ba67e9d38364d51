/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a JSON text ends in a stream. */
#include "../unit.h"

#include "rpc/scan.h"

#include <string.h>

/* How many bytes belong to the first text, leading blanks among them; 0: more must
 * come; -1: too deep.  The stream arrives in pieces of `piece` bytes. */
static int end_of(const char *stream, size_t piece)
{
	struct rpc_scan s = { 0 };
	size_t length = strlen(stream);

	for (size_t come = piece; ; come += piece) {
		enum rpc_scanned r = rpc_scan(&s, stream, come < length ? come : length);

		if (r != RPC_SCAN_MORE)
			return r == RPC_SCAN_WHOLE ? (int)s.at : -1;
		if (come >= length)
			return 0;
	}
}

static void expect_end(const char *stream, int end)
{
	for (size_t piece = 1; piece <= strlen(stream); piece++)
		assert_int_equal(end_of(stream, piece), end);
}

static void test_brackets_are_counted(void **state)
{
	expect_end("{}", 2);
	expect_end("{\"a\":[1,{\"b\":2}]}{}", 17);
	expect_end(" \t\r\n[1]", 7);
	expect_end("[{]}", 4);
	expect_end("[1,2", 0);
	expect_end("{\"a\":{}", 0);
}

static void test_brackets_in_strings_are_none(void **state)
{
	expect_end("{\"}\":\"]\"}", 9);
	expect_end("[\"\\\"]\"]x", 7);
	expect_end("[\"\\\\\"]x", 6);
	expect_end("[\"\\\\\\\"]", 0);
	expect_end("\"a{b\"{", 5);
}

static void test_a_bare_word_ends_at_what_is_none(void **state)
{
	static const char *const behind[] = { "hello {", "hello{", "hello\"", "hello,", "hello:",
					      "hello]", "hello\n" };

	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
		assert_int_equal(end_of(behind[i], strlen(behind[i])), 5);
	/* What has come is all of it, for all that anybody knows. */
	assert_int_equal(end_of("hello", 5), 5);
	assert_int_equal(end_of("hello", 2), 2);
	assert_int_equal(end_of("}{}", 3), 1);
}

static void test_blanks_are_no_text(void **state)
{
	struct rpc_scan s = { 0 };

	assert_int_equal(rpc_scan(&s, " \n\t ", 4), RPC_SCAN_MORE);
	assert_false(s.has_begun);
	assert_int_equal(s.at, 4);
}

static void test_depth_is_limited(void **state)
{
	char text[2 * RPC_DEPTH_MOST + 4] = "";

	memset(text, '[', RPC_DEPTH_MOST);
	memset(text + RPC_DEPTH_MOST, ']', RPC_DEPTH_MOST);
	expect_end(text, 2 * RPC_DEPTH_MOST);
	memset(text, '[', RPC_DEPTH_MOST + 1);
	expect_end(text, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brackets_are_counted),
		cmocka_unit_test(test_brackets_in_strings_are_none),
		cmocka_unit_test(test_a_bare_word_ends_at_what_is_none),
		cmocka_unit_test(test_blanks_are_no_text),
		cmocka_unit_test(test_depth_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
