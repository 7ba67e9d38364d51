/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/prefix.h"


#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Without its zone or length. */
static int parse_address(struct prefix *p, const char *text, size_t length)
{
	char address[PREFIX_TEXT];

	*p = (struct prefix){ 0 };
	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	p->is_ipv6 = strchr(address, ':');
	p->bits = p->is_ipv6 ? 128 : 32;
	return inet_pton(p->is_ipv6 ? AF_INET6 : AF_INET, address, p->bytes) == 1 ? 0 : -EINVAL;
}

static uint8_t mask_of(unsigned int bits, unsigned int byte)
{
	if (bits >= 8 * (byte + 1))
		return 0xff;
	return bits <= 8 * byte ? 0 : (uint8_t)(0xff00u >> (bits - 8 * byte));
}

static bool has_bits_beyond(const struct prefix *p)
{
	for (unsigned int i = 0; i < sizeof(p->bytes); i++)
		if (p->bytes[i] & ~mask_of(p->bits, i))
			return true;
	return false;
}

int prefix_parse(struct prefix *p, const char *text)
{
	size_t length = strcspn(text, "/");
	unsigned int bits = 0;
	const char *digit;
	int r = parse_address(p, text, length);

	if (r || !text[length])
		return r;
	digit = text + length + 1;
	if (!*digit || strlen(digit) > 3 || digit[strspn(digit, "0123456789")])
		return -EINVAL;
	for (; *digit; digit++)
		bits = bits * 10 + (unsigned int)(*digit - '0');
	if (bits > p->bits)
		return -EINVAL;
	p->bits = (uint8_t)bits;
	return has_bits_beyond(p) ? -EINVAL : 0;
}

void prefix_format(const struct prefix *p, char text[PREFIX_TEXT])
{
	char address[INET6_ADDRSTRLEN];

	inet_ntop(p->is_ipv6 ? AF_INET6 : AF_INET, p->bytes, address, sizeof(address));
	snprintf(text, PREFIX_TEXT, "%s/%u", address, p->bits);
}

bool prefix_is_equal(const struct prefix *a, const struct prefix *b)
{
	return a->is_ipv6 == b->is_ipv6 && a->bits == b->bits &&
	       !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int prefix_of_address(struct prefix *p, const char *address)
{
	return parse_address(p, address, strcspn(address, "%"));
}

bool prefix_holds(const struct prefix *p, const char *text)
{
	struct prefix address;

	if (prefix_of_address(&address, text) || address.is_ipv6 != p->is_ipv6)
		return false;
	for (unsigned int i = 0; i < sizeof(p->bytes); i++)
		if ((address.bytes[i] ^ p->bytes[i]) & mask_of(p->bits, i))
			return false;
	return true;
}
