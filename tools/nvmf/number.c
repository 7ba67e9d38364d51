/* SPDX-License-Identifier: BSD-2-Clause */
#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int shift_of(char suffix)
{
	const char *suffixes = "kmgt", *at = strchr(suffixes, tolower(suffix));

	return at && suffix ? (int)(at - suffixes + 1) * 10 : -1;
}

int parse_number(const char *text, uint64_t *value)
{
	char *end;
	unsigned long long number;
	int shift = 0;

	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	number = strtoull(text, &end, strncasecmp(text, "0x", 2) ? 10 : 16);
	if (errno || end == text)
		return -1;
	if (*end) {
		shift = shift_of(*end);
		if (shift < 0 || end[1] || number > UINT64_MAX >> shift)
			return -1;
	}
	*value = number << shift;
	return 0;
}

const char *size_text(double bytes, char text[SIZE_TEXT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int unit = 0;

	while (bytes >= 1024 && unit < 6) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, SIZE_TEXT, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return text;
}

const char *decimal128(const uint8_t *bytes, char text[DECIMAL128_TEXT])
{
	unsigned __int128 value = 0;
	char digits[DECIMAL128_TEXT], *at = digits + sizeof(digits);

	for (int i = 15; i >= 0; i--)
		value = value << 8 | bytes[i];
	*--at = 0;
	do {
		*--at = (char)('0' + (int)(value % 10));
		value /= 10;
	} while (value);
	return strcpy(text, at);
}

uint64_t little_endian(const uint8_t *bytes, size_t count)
{
	uint64_t value = 0;

	while (count--)
		value = value << 8 | bytes[count];
	return value;
}

double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
