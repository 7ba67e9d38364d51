/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/value.h"

#include "base/number.h"
#include "wire/nqn.h"

#include <ctype.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define SERIAL_MOST	20
#define MODEL_MOST	40
#define FIRMWARE_MOST	8
#define DEVICE_NAME_MOST 64

bool value_is_name(const char *text)
{
	/* configfs names folders by it. */
	return nqn_is_name(text, strlen(text)) && !strchr(text, '/') && strcmp(text, ".") && strcmp(text, "..");
}

bool value_is_subsystem(const char *text)
{
	return value_is_name(text) && strcmp(text, NQN_DISCOVERY);
}

bool value_is_empty(const char *text)
{
	return !*text;
}

/* 1 to `most` characters that Identify may show. */
static bool is_ascii(const char *text, size_t most)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return length && length <= most;
}

bool value_is_serial(const char *text)
{
	return is_ascii(text, SERIAL_MOST);
}

bool value_is_model(const char *text)
{
	return is_ascii(text, MODEL_MOST);
}

bool value_is_firmware(const char *text)
{
	return is_ascii(text, FIRMWARE_MOST);
}

/* Two or three numbers with dots between. */
bool value_is_version(const char *text)
{
	size_t dots = 0, digits = 0;

	for (; *text; text++) {
		bool is_digit = *text >= '0' && *text <= '9';

		if (!is_digit && (*text != '.' || !digits))
			return false;
		dots += !is_digit;
		digits = is_digit ? digits + 1 : 0;
		if (digits > 5)
			return false;
	}
	return digits && (dots == 1 || dots == 2);
}

bool value_is_plain(const char *text)
{
	return !*text || is_ascii(text, 4095);
}

bool value_address(const char *text, struct value_address *a)
{
	static const uint8_t zeros[16];
	char number[INET6_ADDRSTRLEN];
	size_t length = strcspn(text, "%");

	memset(a, 0, sizeof(*a));
	if (length >= sizeof(number))
		return false;
	memcpy(number, text, length);
	number[length] = 0;
	a->family = strchr(number, ':') ? CONFIG_IPV6 : CONFIG_IPV4;
	if (inet_pton(a->family == CONFIG_IPV6 ? AF_INET6 : AF_INET, number, a->bytes) != 1)
		return false;
	a->is_wildcard = !memcmp(a->bytes, zeros, sizeof(zeros));
	if (!text[length])
		return true;
	if (a->family != CONFIG_IPV6 || !is_ascii(text + length + 1, sizeof(a->zone) - 1))
		return false;
	strcpy(a->zone, text + length + 1);
	return true;
}

bool value_is_address(const char *text)
{
	struct value_address a;

	return value_address(text, &a);
}

/* An address without a zone, or with the length of a prefix behind it. */
bool value_is_prefix(const char *text)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct value_address a;
	char address[INET6_ADDRSTRLEN];
	uint64_t bits = 0;

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = 0;
	if (!value_address(address, &a) || a.zone[0])
		return false;
	return !slash || (!number_parse(slash + 1, &bits) && bits <= (a.family == CONFIG_IPV6 ? 128 : 32));
}

/* What can't be taken for a path. */
bool value_is_device_name(const char *text)
{
	return is_ascii(text, DEVICE_NAME_MOST) && !strchr(text, '/');
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_number(const char *text, uint64_t *value)
{
	uint64_t sum = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		int digit = digit_of(*text);

		if (digit < 0 || sum >> 60)
			return false;
		sum = sum << 4 | (uint64_t)digit;
	}
	*value = sum;
	return true;
}

bool value_number(const char *text, int64_t *value)
{
	bool is_negative = *text == '-';
	uint64_t number = 0;

	text += is_negative;
	if (text[0] == '0' && (text[1] | 0x20) == 'x') {
		if (!hex_number(text + 2, &number))
			return false;
	} else if (number_parse(text, &number)) {
		return false;
	}
	if (number > INT64_MAX)
		return false;
	*value = is_negative ? -(int64_t)number : (int64_t)number;
	return true;
}

bool value_id(const char *text, uint8_t bytes[16])
{
	for (size_t i = 0; i < 16; i++) {
		int high = digit_of(text[0]), low = high < 0 ? -1 : digit_of(text[1]);

		if (low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
		text += 2;
		if (i < 15 && (*text == '-' || *text == ':'))
			text++;
	}
	return !*text;
}

void value_id_text(const uint8_t bytes[16], char text[VALUE_ID_TEXT])
{
	for (size_t i = 0; i < 16; i++) {
		bool is_end = i == 3 || i == 5 || i == 7 || i == 9;

		text += sprintf(text, is_end ? "%02x-" : "%02x", bytes[i]);
	}
}

bool value_eui64(const char *text, uint8_t bytes[8])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(text) != 16)
		return false;
	for (int i = 0; i < 16; i++) {
		const char *at = strchr(digits, tolower((unsigned char)text[i]));

		if (!at)
			return false;
		bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | (at - digits));
	}
	return true;
}

bool value_is_eui64(const char *text)
{
	uint8_t bytes[8];

	return value_eui64(text, bytes);
}

bool value_is_port_number(const char *text)
{
	int64_t number;

	return value_number(text, &number) && number >= 0 && number <= 65535;
}
