/* SPDX-License-Identifier: BSD-2-Clause */
/* Parameters by a table: what is taken, and the sentence where it is not. */
#include "../unit.h"

#include "rpc/params.h"

#include <errno.h>
#include <string.h>

struct inner {
	const char *text;
	uint32_t number;
};

struct all {
	const char *text;
	bool is;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	struct rpc_bytes uuid, hex16, hex8;
	const json_t *texts;
	struct inner inner;
};

static const struct rpc_param inner_table[] = {
	{ "text", RPC_TEXT, true, offsetof(struct inner, text), NULL },
	{ "number", RPC_U32, false, offsetof(struct inner, number), NULL },
	{ .name = NULL },
};

static const struct rpc_param table[] = {
	{ "text", RPC_TEXT, true, offsetof(struct all, text), NULL },
	{ "is", RPC_BOOL, false, offsetof(struct all, is), NULL },
	{ "u16", RPC_U16, false, offsetof(struct all, u16), NULL },
	{ "u32", RPC_U32, false, offsetof(struct all, u32), NULL },
	{ "u64", RPC_U64, false, offsetof(struct all, u64), NULL },
	{ "uuid", RPC_UUID, false, offsetof(struct all, uuid), NULL },
	{ "hex16", RPC_HEX16, false, offsetof(struct all, hex16), NULL },
	{ "hex8", RPC_HEX8, false, offsetof(struct all, hex8), NULL },
	{ "texts", RPC_TEXTS, false, offsetof(struct all, texts), NULL },
	{ "no", RPC_NO, false, 0, NULL },
	{ "anything", RPC_ANYTHING, false, 0, NULL },
	{ "inner", RPC_OBJECT, false, offsetof(struct all, inner), inner_table },
	{ .name = NULL },
};

static struct all all;
static json_t *params;
static char error[512];

static int decode(const char *text)
{
	json_decref(params);
	params = json_loads(text, 0, NULL);
	assert_non_null(params);
	memset(&all, 0, sizeof(all));
	strcpy(error, "nothing");
	return rpc_params_decode(table, params, &all, error, sizeof(error));
}

static void expect_refused(const char *text, const char *sentence)
{
	assert_int_equal(decode(text), -EINVAL);
	assert_string_equal(error, sentence);
}

static void test_each_type_goes_where_it_belongs(void **state)
{
	static const uint8_t uuid[16] = { 0x58, 0x4d, 0xe6, 0xfc, 0x11, 0x20, 0x4e, 0x40, 0xb3, 0xbd,
					  0x24, 0xfe, 0xb3, 0x5c, 0xad, 0x8b };

	assert_int_equal(decode("{\"text\":\"a\",\"is\":true,\"u16\":65535,\"u32\":4294967295,"
				"\"u64\":9223372036854775807,\"inner\":{\"text\":\"b\",\"number\":7},"
				"\"uuid\":\"584de6fc-1120-4E40-b3bd-24feb35cad8b\","
				"\"hex16\":\"584DE6FC11204E40B3BD24feb35cad8b\","
				"\"hex8\":\"584de6fc11204e40\"}"), 0);
	assert_string_equal(all.text, "a");
	assert_true(all.is);
	assert_int_equal(all.u16, 65535);
	assert_int_equal(all.u32, 4294967295);
	assert_int_equal(all.u64, INT64_MAX);
	assert_true(all.uuid.is_given && all.hex16.is_given && all.hex8.is_given);
	assert_memory_equal(all.uuid.bytes, uuid, 16);
	assert_memory_equal(all.hex16.bytes, uuid, 16);
	assert_memory_equal(all.hex8.bytes, uuid, 8);
	assert_string_equal(all.inner.text, "b");
	assert_int_equal(all.inner.number, 7);
}

static void test_what_is_not_given_is_left_alone(void **state)
{
	assert_int_equal(decode("{\"text\":\"a\"}"), 0);
	assert_false(all.is || all.u16 || all.u32 || all.u64 || all.uuid.is_given || all.inner.text);
}

static void test_the_missing_one_is_named(void **state)
{
	expect_refused("{}", "'text' is missing");
	expect_refused("{\"text\":\"a\",\"inner\":{\"number\":1}}", "'text' is missing");
	assert_int_equal(rpc_params_decode(table, NULL, &all, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "'text' is missing");
}

static void test_the_unknown_one_is_named_and_what_there_is(void **state)
{
	expect_refused("{\"text\":\"a\",\"texd\":1}",
		       "there is no parameter 'texd', but text is u16 u32 u64 uuid hex16 hex8 texts no "
		       "anything inner");
	expect_refused("{\"text\":\"a\",\"inner\":{\"text\":\"b\",\"is\":true}}",
		       "there is no parameter 'is', but text number");
}

static void test_the_wrong_type_is_named(void **state)
{
	expect_refused("{\"text\":1}", "'text' is not a string");
	expect_refused("{\"text\":null}", "'text' is not a string");
	expect_refused("{\"text\":\"a\",\"is\":1}", "'is' is not true or false");
	expect_refused("{\"text\":\"a\",\"u16\":65536}", "'u16' is not a number from 0 to 65535");
	expect_refused("{\"text\":\"a\",\"u16\":-1}", "'u16' is not a number from 0 to 65535");
	expect_refused("{\"text\":\"a\",\"u16\":\"1\"}", "'u16' is not a number from 0 to 65535");
	expect_refused("{\"text\":\"a\",\"u32\":1.5}", "'u32' is not a number from 0 to 4294967295");
	expect_refused("{\"text\":\"a\",\"u32\":4294967296}",
		       "'u32' is not a number from 0 to 4294967295");
	expect_refused("{\"text\":\"a\",\"inner\":[]}", "'inner' is not an object");
	expect_refused("{\"text\":\"a\",\"inner\":{\"text\":\"\",\"number\":{}}}",
		       "'number' is not a number from 0 to 4294967295");
	expect_refused("[1]", "the parameters are not given by name");
}

static void test_identifiers_have_their_form(void **state)
{
	static const char *const wrong[] = {
		"\"uuid\":\"\"", "\"uuid\":\"584de6fc-1120-4e40-b3bd-24feb35cad8\"",
		"\"uuid\":\"584de6fc-1120-4e40-b3bd-24feb35cad8bb\"",
		"\"uuid\":\"584de6fc11204e40b3bd24feb35cad8b\"",
		"\"uuid\":\"584de6fc-1120-4e40-b3bd-24feb35cad8g\"",
		"\"hex16\":\"584de6fc11204e40\"", "\"hex8\":\"584de6fc11204e4\"",
		"\"hex8\":\"584de6fc11204e4-\"", "\"hex8\":8",
	};
	char text[128];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "{\"text\":\"a\",%s}", wrong[i]);
		assert_int_equal(decode(text), -EINVAL);
	}
}

static void test_lists_of_strings_are_of_strings(void **state)
{
	assert_int_equal(decode("{\"text\":\"a\",\"texts\":[\"b\",\"c\"]}"), 0);
	assert_int_equal(json_array_size(all.texts), 2);
	expect_refused("{\"text\":\"a\",\"texts\":[\"b\",1]}", "'texts' is not an array of strings");
	expect_refused("{\"text\":\"a\",\"texts\":\"b\"}", "'texts' is not an array of strings");
}

/* What we have nothing of may be asked for as long as it is not wanted. */
static void test_what_is_not_offered_is_refused(void **state)
{
	assert_int_equal(decode("{\"text\":\"a\",\"no\":false}"), 0);
	assert_int_equal(decode("{\"text\":\"a\",\"no\":0}"), 0);
	assert_int_equal(decode("{\"text\":\"a\",\"no\":null,\"anything\":[{}]}"), 0);
	expect_refused("{\"text\":\"a\",\"no\":true}", "'no' is not to be had here");
	expect_refused("{\"text\":\"a\",\"no\":1}", "'no' is not to be had here");
	expect_refused("{\"text\":\"a\",\"no\":\"key\"}", "'no' is not to be had here");
	assert_string_equal(all.text, "a");
}

static void test_a_star_stands_for_the_others(void **state)
{
	static const struct rpc_param some[] = {
		{ "text", RPC_TEXT, true, offsetof(struct all, text), NULL },
		{ "*", RPC_ANYTHING, false, 0, NULL },
		{ .name = NULL },
	};

	json_decref(params);
	params = json_loads("{\"text\":\"a\",\"whatever\":1}", 0, NULL);
	assert_int_equal(rpc_params_decode(some, params, &all, error, sizeof(error)), 0);
	assert_string_equal(all.text, "a");
}

static int forget(void **state)
{
	json_decref(params);
	params = NULL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type_goes_where_it_belongs),
		cmocka_unit_test(test_what_is_not_given_is_left_alone),
		cmocka_unit_test(test_the_missing_one_is_named),
		cmocka_unit_test(test_the_unknown_one_is_named_and_what_there_is),
		cmocka_unit_test(test_the_wrong_type_is_named),
		cmocka_unit_test(test_identifiers_have_their_form),
		cmocka_unit_test(test_lists_of_strings_are_of_strings),
		cmocka_unit_test(test_what_is_not_offered_is_refused),
		cmocka_unit_test(test_a_star_stands_for_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
