/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/nqn.h"

#include <stdint.h>
#include <string.h>

#define UUID_TEXT_LENGTH 36

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_uuid_text(const char *text, size_t length)
{
	if (length != UUID_TEXT_LENGTH)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (is_dash ? text[i] != '-' : !is_hex(text[i]))
			return false;
	}
	return true;
}

/* How many bytes the character at `p` takes, 0 where it is no UTF-8: an
 * overlong form, a surrogate, beyond U+10FFFF, or cut off. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 :
			p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
	uint32_t code;

	if (length <= 1)
		return length;
	if (length > left)
		return 0;
	code = p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return length;
}

static enum nqn_fault check_text(const char *nqn, size_t length)
{
	const uint8_t *p = (const uint8_t *)nqn;
	size_t step;

	for (size_t i = 0; i < length; i += step) {
		if (p[i] < 0x20 || p[i] == 0x7f)
			return NQN_CONTROL_CHARACTER;
		step = utf8_length(p + i, length - i);
		if (!step)
			return NQN_NOT_UTF8;
	}
	return NQN_GOOD;
}

/* "YYYY-MM." */
static bool has_date(const char *p, size_t left)
{
	static const char form[] = "dddd-dd.";
	int month;

	if (left < sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? !is_digit(p[i]) : p[i] != form[i])
			return false;
	month = (p[5] - '0') * 10 + (p[6] - '0');
	return month >= 1 && month <= 12;
}

/* Labels of letters, digits and inner dashes, joined by dots. */
static bool is_domain(const char *p, size_t length)
{
	size_t label = 0;

	for (size_t i = 0; i <= length; i++) {
		bool is_end = i == length || p[i] == '.';

		if (!is_end && !is_letter(p[i]) && !is_digit(p[i]) && p[i] != '-')
			return false;
		if (!is_end) {
			label++;
			continue;
		}
		if (!label || p[i - label] == '-' || p[i - 1] == '-')
			return false;
		label = 0;
	}
	return true;
}

enum nqn_fault nqn_check(const char *nqn, size_t length)
{
	static const char prefix[] = "nqn.";
	const size_t domain = sizeof("nqn.YYYY-MM.") - 1;
	const size_t uuid = sizeof(NQN_UUID_PREFIX) - 1;
	const char *colon;
	enum nqn_fault fault;

	if (!length)
		return NQN_EMPTY;
	if (length > NQN_MAX_LENGTH)
		return NQN_TOO_LONG;
	fault = check_text(nqn, length);
	if (fault != NQN_GOOD)
		return fault;
	if (length < sizeof(prefix) - 1 || memcmp(nqn, prefix, sizeof(prefix) - 1))
		return NQN_NO_PREFIX;
	if (!has_date(nqn + 4, length - 4))
		return NQN_BAD_DATE;
	colon = memchr(nqn, ':', length);
	if (!is_domain(nqn + domain, (colon ? (size_t)(colon - nqn) : length) - domain))
		return NQN_BAD_DOMAIN;
	if (colon && colon == nqn + length - 1)
		return NQN_BAD_NAME;
	if (length >= uuid && !memcmp(nqn, NQN_UUID_PREFIX, uuid) &&
	    !is_uuid_text(nqn + uuid, length - uuid))
		return NQN_BAD_UUID;
	return NQN_GOOD;
}

bool nqn_is_name(const char *text, size_t length)
{
	return length && length <= NQN_MAX_LENGTH && check_text(text, length) == NQN_GOOD;
}

const char *nqn_fault_text(enum nqn_fault fault)
{
	switch (fault) {
	case NQN_GOOD: return "is a good NQN";
	case NQN_EMPTY: return "is empty";
	case NQN_TOO_LONG: return "is longer than 223 bytes";
	case NQN_NOT_UTF8: return "is not UTF-8";
	case NQN_CONTROL_CHARACTER: return "holds a control character";
	case NQN_NO_PREFIX: return "does not begin with \"nqn.\"";
	case NQN_BAD_DATE: return "has no date YYYY-MM. after \"nqn.\"";
	case NQN_BAD_DOMAIN: return "has no reversed domain name after the date";
	case NQN_BAD_NAME: return "has nothing after its colon";
	case NQN_BAD_UUID: return "has no UUID (8-4-4-4-12 digits) after \"uuid:\"";
	}
	return "is no NQN";
}

size_t nqn_field_length(const void *field)
{
	return strnlen(field, NQN_FIELD_SIZE);
}
