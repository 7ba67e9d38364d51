/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/number.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Reads digits up to the first character that is none, which *end tells. */
static int digits_parse(const char *text, uint64_t base, uint64_t *value,
			const char **end)
{
	const char *p = text;
	uint64_t sum = 0;
	uint64_t digit;

	for (; (digit = (uint64_t)digit_of(*p)) < base; p++) {
		if (__builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return -ERANGE;
	}
	if (p == text)
		return -EINVAL;
	*value = sum;
	*end = p;
	return 0;
}

int number_parse(const char *text, uint64_t *value)
{
	const char *end;
	uint64_t sum;
	int err = digits_parse(text, 10, &sum, &end);

	if (err)
		return err;
	if (*end)
		return -EINVAL;
	*value = sum;
	return 0;
}

int size_parse(const char *text, uint64_t *value)
{
	static const char units[] = "bkmgtpe";
	int is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *end, *unit;
	uint64_t sum;
	int err = digits_parse(is_hex ? text + 2 : text, is_hex ? 16 : 10, &sum, &end);

	if (err)
		return err;
	if (*end) {
		unit = strchr(units, *end | 0x20);
		if (!unit || end[1])
			return -EINVAL;
		if (__builtin_mul_overflow(sum, (uint64_t)1 << (10 * (unit - units)), &sum))
			return -ERANGE;
	}
	*value = sum;
	return 0;
}
