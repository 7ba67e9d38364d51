/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "pdu/digest.h"

#include <stdlib.h>
#include <string.h>

static uint32_t digest(const void *p, size_t n)
{
	return le32_get(digest_of(p, n));
}

/* RFC 3720, appendix B.4. */
static void vectors_of_rfc_3720(void **state)
{
	static const uint8_t command[48] = {
		0x01, 0xc0, [16] = 0x14, [22] = 0x04, [26] = 0x00, [27] = 0x14, [31] = 0x18,
		[32] = 0x28, [40] = 0x02,
	};
	uint8_t bytes[32];

	memset(bytes, 0, 32);
	assert_int_equal(digest(bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_int_equal(digest(bytes, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(digest(bytes, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	assert_int_equal(digest(bytes, 32), 0x113fdb5c);
	assert_int_equal(digest(command, 48), 0xd9963a56);
}

/* The check value of the CRC's catalogue entry, and how it lies on the wire. */
static void known_text(void **state)
{
	static const uint8_t wire[] = { 0x83, 0x92, 0x06, 0xe3 };
	le32 d = digest_of("123456789", 9);

	assert_memory_equal(&d, wire, 4);
	assert_int_equal(digest("", 0), 0);
	assert_int_equal(digest("a", 1), 0xc1d04330);
}

static uint32_t slow(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	while (n--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
	}
	return ~crc;
}

static void every_length_alignment_and_cut(void **state)
{
	uint8_t bytes[700];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 151 + (i >> 3));
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; n < 300; n++)
			assert_int_equal(digest(bytes + from, n), slow(bytes + from, n));
	for (size_t cut = 0; cut <= 600; cut++) {
		uint32_t d = digest_add(DIGEST_START, bytes, cut);

		d = digest_add(d, bytes + cut, 600 - cut);
		assert_int_equal(le32_get(digest_end(d)), slow(bytes, 600));
	}
}

static void a_megabyte(void **state)
{
	size_t n = 1 << 20;
	uint8_t *p = malloc(n);
	uint32_t d;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i ^ i >> 8);
	d = digest(p, n);
	assert_int_equal(d, slow(p, n));
	p[n / 2] ^= 1;
	assert_int_not_equal(digest(p, n), d);
	free(p);
}

/* ---- the processor afterwards ------------------------------------------------------------ */

#if defined(__x86_64__)
#include <cpuid.h>

#define UPPER_HALVES 4u

/* Of XINUSE; 0 where the processor does not tell. */
static unsigned int upper_halves_in_use(void)
{
	unsigned int a = 0, b, c, d, high;

	__cpuid_count(1, 0, a, b, c, d);
	if (!(c & bit_OSXSAVE) || !__get_cpuid_count(0xd, 1, &a, &b, &c, &d) || !(a & 4))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(high) : "c"(1));
	return a & UPPER_HALVES;
}
#else
static unsigned int upper_halves_in_use(void)
{
	return 0;
}
#endif

/* What follows would be slower by a sixth. */
static void vector_registers_are_left_clean(void **state)
{
	static uint8_t data[4096];
	uint32_t digest = digest_add(DIGEST_START, data, sizeof(data));
	unsigned int in_use = upper_halves_in_use();

	assert_int_not_equal(digest, DIGEST_START);
	assert_int_equal(in_use, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_rfc_3720),
		cmocka_unit_test(known_text),
		cmocka_unit_test(every_length_alignment_and_cut),
		cmocka_unit_test(a_megabyte),
		cmocka_unit_test(vector_registers_are_left_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
