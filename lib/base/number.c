/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/number.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Reads digits up to the first character that is none, which *end tells. */
static int digits_parse(const char *text, uint64_t *value, const char **end)
{
	const char *p = text;
	uint64_t sum = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(sum, 10u, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(*p - '0'), &sum))
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
	int err = digits_parse(text, &sum, &end);

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
	const char *end, *unit;
	uint64_t sum;
	int err = digits_parse(text, &sum, &end);

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
