/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes.h"
#include "../unit.h"

#include <stdlib.h>
#include <string.h>

void bytes_add(struct bytes *b, const void *p, size_t n)
{
	if (!n)
		return;
	if (b->n + n > b->room) {
		b->room = 2 * (b->n + n);
		b->p = realloc(b->p, b->room);
		assert_non_null(b->p);
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void bytes_zero(struct bytes *b, size_t n)
{
	static const uint8_t zeros[256];

	while (n) {
		size_t part = n < sizeof(zeros) ? n : sizeof(zeros);

		bytes_add(b, zeros, part);
		n -= part;
	}
}

void bytes_free(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){ 0 };
}

uint32_t crc32c_slow(const void *bytes, size_t n)
{
	static uint32_t table[256];
	const uint8_t *p = bytes;
	uint32_t crc = ~0u;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] & 1 ? table[i] >> 1 ^ 0x82f63b78u : table[i] >> 1;
	}
	while (n--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}

void put16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
}

void put32(uint8_t *at, uint32_t v)
{
	put16(at, (uint16_t)v);
	put16(at + 2, (uint16_t)(v >> 16));
}

uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t get32(const uint8_t *at)
{
	return get16(at) | (uint32_t)get16(at + 2) << 16;
}

void put_icreq(struct bytes *b, uint16_t pfv, uint8_t hpda, uint8_t dgst, uint32_t maxr2t)
{
	uint8_t pdu[128] = { 0x00, 0, 128, 0 };

	put32(pdu + 4, 128);
	put16(pdu + 8, pfv);
	pdu[10] = hpda;
	pdu[11] = dgst;
	put32(pdu + 12, maxr2t);
	bytes_add(b, pdu, sizeof(pdu));
}

void put_pdu(struct bytes *b, const struct dialect *d, uint8_t type, uint8_t flags,
	     uint8_t *header, uint8_t hlen, const void *data, uint32_t n)
{
	uint32_t start = hlen + (d->header_digest ? 4u : 0), pad = 0;
	uint8_t crc[4];

	if (n && start % d->align)
		pad = d->align - start % d->align;
	header[0] = type;
	header[1] = (uint8_t)(flags | (d->header_digest ? 1 : 0) |
			      (d->data_digest && n ? 2 : 0));
	header[2] = hlen;
	header[3] = n ? (uint8_t)(start + pad) : 0;
	put32(header + 4, start + pad + n + (d->data_digest && n ? 4 : 0));
	bytes_add(b, header, hlen);
	if (d->header_digest) {
		put32(crc, crc32c_slow(header, hlen));
		bytes_add(b, crc, 4);
	}
	bytes_zero(b, pad);
	bytes_add(b, data, n);
	if (d->data_digest && n) {
		put32(crc, crc32c_slow(data, n));
		bytes_add(b, crc, 4);
	}
}

void put_command(struct bytes *b, const struct dialect *d, const uint8_t sqe[64],
		 const void *data, uint32_t n)
{
	uint8_t header[72] = { 0 };

	memcpy(header + 8, sqe, 64);
	put_pdu(b, d, 0x04, 0, header, sizeof(header), data, n);
}

void put_h2c(struct bytes *b, const struct dialect *d, uint16_t cid, uint16_t ttag,
	     uint32_t offset, const void *data, uint32_t n, bool is_last)
{
	uint8_t header[24] = { 0 };

	put16(header + 8, cid);
	put16(header + 10, ttag);
	put32(header + 12, offset);
	put32(header + 16, n);
	put_pdu(b, d, 0x06, is_last ? 4 : 0, header, sizeof(header), data, n);
}

void put_term(struct bytes *b, uint16_t fes, uint32_t fei, uint32_t n)
{
	uint8_t header[24] = { 0x02, 0, 24, 0 };

	put32(header + 4, 24 + n);
	put16(header + 8, fes);
	put32(header + 10, fei);
	bytes_add(b, header, sizeof(header));
	bytes_zero(b, n);
}

void fix_header_digest(uint8_t *at)
{
	put32(at + at[2], crc32c_slow(at, at[2]));
}

/* Where a type's data begins and how long its header is. */
static uint8_t header_length(uint8_t type)
{
	switch (type) {
	case 0x01:
		return 128;
	case 0x03: case 0x05: case 0x07: case 0x09:
		return 24;
	default:
		fail_msg("PDU type %02x from a controller", type);
		return 0;
	}
}

bool see_pdu(const struct bytes *b, size_t *at, const struct dialect *agreed,
	     unsigned int align, struct seen *s)
{
	const uint8_t *p = b->p + *at;
	size_t left = b->n - *at;
	uint32_t start;
	bool digests;

	if (!left)
		return false;
	assert_true(left >= 8);
	*s = (struct seen){ p[0], p[1], p[2], p[3], get32(p + 4), p, NULL, 0 };
	assert_int_equal(s->hlen, header_length(s->type));
	assert_true(s->plen <= left);
	*at += s->plen;
	digests = s->type != 0x01 && s->type != 0x03;
	start = s->hlen;
	assert_int_equal(s->flags & 1, digests && agreed->header_digest);
	if (s->flags & 1) {
		assert_int_equal(get32(p + start), crc32c_slow(p, s->hlen));
		start += 4;
	}
	if (s->type == 0x03) {
		assert_int_equal(s->pdo, 0);
		s->data = p + start;
		s->n = s->plen - start;
		return true;
	}
	if (s->type != 0x07) {
		assert_int_equal(s->plen, start);
		assert_int_equal(s->pdo, 0);
		assert_int_equal(s->flags & ~1, 0);
		return true;
	}
	assert_int_equal(!!(s->flags & 2), agreed->data_digest);
	assert_int_equal(s->pdo % align, 0);
	assert_true(s->pdo >= start && s->pdo < start + align);
	for (uint32_t i = start; i < s->pdo; i++)
		assert_int_equal(p[i], 0);
	s->data = p + s->pdo;
	s->n = s->plen - s->pdo - (agreed->data_digest ? 4 : 0);
	assert_int_equal(s->n, get32(p + 16));
	assert_int_equal(get16(p + 10), 0);
	if (agreed->data_digest)
		assert_int_equal(get32(s->data + s->n), crc32c_slow(s->data, s->n));
	return true;
}
