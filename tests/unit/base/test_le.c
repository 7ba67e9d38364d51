/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers as they lie on the wire; sentences on their way to the log. */
#include "../unit.h"

#include "base/le.h"
#include "base/log.h"
#include "wire/nvme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void bytes_in_order(void **state)
{
	le16 a = le16_of(0x0102);
	le32 b = le32_of(0x01020304);
	le64 c = le64_of(UINT64_C(0x0102030405060708));
	le128 d = le128_of((unsigned __int128)UINT64_C(0x0102030405060708) << 64 |
			   UINT64_C(0x090a0b0c0d0e0f10));

	assert_memory_equal(&a, "\2\1", 2);
	assert_memory_equal(&b, "\4\3\2\1", 4);
	assert_memory_equal(&c, "\10\7\6\5\4\3\2\1", 8);
	assert_memory_equal(&d, "\x10\xf\xe\xd\xc\xb\xa\x9\10\7\6\5\4\3\2\1", 16);
}

static void there_and_back(void **state)
{
	static const uint64_t values[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000),
		UINT64_MAX,
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint64_t v = values[i];

		assert_int_equal(le16_get(le16_of((uint16_t)v)), (uint16_t)v);
		assert_int_equal(le32_get(le32_of((uint32_t)v)), (uint32_t)v);
		assert_true(le64_get(le64_of(v)) == v);
	}
}

/* They may be laid over any byte. */
static void without_alignment(void **state)
{
	uint8_t *bytes = malloc(64);

	for (int i = 0; i < 64; i++)
		bytes[i] = (uint8_t)i;
	for (size_t at = 0; at < 8; at++) {
		assert_int_equal(le16_get(*(le16 *)(bytes + at)), at | (at + 1) << 8);
		assert_int_equal(le32_get(*(le32 *)(bytes + at)) >> 24, at + 3);
		assert_int_equal(le64_get(*(le64 *)(bytes + at)) >> 56, at + 7);
	}
	assert_int_equal(_Alignof(le64), 1);
	assert_int_equal(_Alignof(struct nvme_sqe), 1);
	free(bytes);
}

/* Every status there and back, with and without Do Not Retry. */
static void status_field(void **state)
{
	assert_int_equal(le16_get(nvme_status_field(NVME_INVALID_FIELD | NVME_DNR)), 0x8004);
	assert_int_equal(le16_get(nvme_status_field(NVME_CONNECT_INVALID_PARAMETERS)), 0x0304);
	assert_int_equal(le16_get(nvme_status_field(NVME_INVALID_FIELD | NVME_MORE)), 0x4004);
	for (unsigned int i = 0; i < 0x800; i++) {
		uint16_t plain = (uint16_t)i, dnr = (uint16_t)(i | NVME_DNR);

		assert_int_equal(nvme_status_of_field(nvme_status_field(plain)), plain);
		assert_int_equal(nvme_status_of_field(nvme_status_field(dnr)), dnr);
		assert_int_equal(le16_get(nvme_status_field(dnr)) & 1, 0);
	}
	/* Phase, CRD and More are nobody's status. */
	assert_int_equal(nvme_status_of_field(le16_of(0x7001)), 0);
}

/* ---- log -------------------------------------------------------------------------- */

struct said {
	unsigned int count;
	enum log_level level;
	char sentence[600];
};

static void keep(void *context, enum log_level level, const char *sentence)
{
	struct said *said = context;

	said->count++;
	said->level = level;
	snprintf(said->sentence, sizeof(said->sentence), "%s", sentence);
}

static void the_level_decides(void **state)
{
	struct said said = { 0 };
	struct log log = { .level = LOG_WARNING, .write = keep, .context = &said };

	log_say(&log, LOG_NOTICE, "not %s", "this");
	assert_int_equal(said.count, 0);
	log_say(&log, LOG_WARNING, "but %s %d", "this", 7);
	assert_int_equal(said.count, 1);
	assert_int_equal(said.level, LOG_WARNING);
	assert_string_equal(said.sentence, "but this 7");
	log_say(&log, LOG_ERROR, "and this");
	assert_int_equal(said.count, 2);
}

static void nobody_listens(void **state)
{
	const struct log log = { .level = LOG_DEBUG };

	log_say(NULL, LOG_ERROR, "%d", 1);
	log_say(&log, LOG_ERROR, "%d", 1);
}

static void a_long_sentence_is_cut(void **state)
{
	struct said said = { 0 };
	struct log log = { .level = LOG_DEBUG, .write = keep, .context = &said };
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_say(&log, LOG_ERROR, "%s", text);
	assert_int_equal(strlen(said.sentence), 511);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_in_order),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(without_alignment),
		cmocka_unit_test(status_field),
		cmocka_unit_test(the_level_decides),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(a_long_sentence_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
