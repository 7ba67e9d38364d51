/* SPDX-License-Identifier: BSD-2-Clause */
/* A range of addresses by its first bits: "192.0.2.0/24", "2001:db8::/32". */
#ifndef NVMF_MODEL_PREFIX_H
#define NVMF_MODEL_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#define PREFIX_TEXT 64

struct prefix {
	uint8_t bytes[16];		/* 4 of them for IPv4; 0 beyond `bits` */
	uint8_t bits;
	bool is_ipv6;
};

/* An address without a length is that one alone.  -EINVAL: it is none, or has bits
 * set beyond the length. */
int prefix_parse(struct prefix *, const char *text);
void prefix_format(const struct prefix *, char text[PREFIX_TEXT]);
bool prefix_is_equal(const struct prefix *, const struct prefix *);
/* A numeric address alone, perhaps with a zone, which is left out.  -EINVAL. */
int prefix_of_address(struct prefix *, const char *address);
/* Is this numeric address, perhaps with a zone, among them? */
bool prefix_holds(const struct prefix *, const char *address);

#endif
