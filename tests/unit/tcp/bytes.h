/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host's PDUs, written byte by byte from the specification, and the reading
 * of a controller's.  Nothing of lib/pdu and lib/wire is used here, so that an
 * error made there is not made here too.
 */
#ifndef TESTS_UNIT_TCP_BYTES_H
#define TESTS_UNIT_TCP_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	uint8_t *p;
	size_t n, room;
};

void bytes_add(struct bytes *, const void *, size_t);
void bytes_zero(struct bytes *, size_t);
void bytes_free(struct bytes *);

uint32_t crc32c_slow(const void *, size_t);

void put16(uint8_t *at, uint16_t);
void put32(uint8_t *at, uint32_t);
uint16_t get16(const uint8_t *at);
uint32_t get32(const uint8_t *at);

/* What ICReq and ICResp agreed on, as far as a host's bytes depend on it. */
struct dialect {
	bool header_digest, data_digest;
	unsigned int align;		/* of the data that the host sends, bytes */
};

void put_icreq(struct bytes *, uint16_t pfv, uint8_t hpda, uint8_t dgst, uint32_t maxr2t);
/* A PDU of any kind: header[0..3] and the length are filled in; hlen bytes. */
void put_pdu(struct bytes *, const struct dialect *, uint8_t type, uint8_t flags,
	     uint8_t *header, uint8_t hlen, const void *data, uint32_t n);
void put_command(struct bytes *, const struct dialect *, const uint8_t sqe[64],
		 const void *data, uint32_t n);
void put_h2c(struct bytes *, const struct dialect *, uint16_t cid, uint16_t ttag,
	     uint32_t offset, const void *data, uint32_t n, bool is_last);
void put_term(struct bytes *, uint16_t fes, uint32_t fei, uint32_t n);

/* Recomputes the header digest of the PDU at `at`. */
void fix_header_digest(uint8_t *at);

/* One PDU of a controller. */
struct seen {
	uint8_t type, flags, hlen, pdo;
	uint32_t plen;
	const uint8_t *header;
	const uint8_t *data;
	uint32_t n;			/* of data */
};

/*
 * Reads the PDU at `*at` and steps over it; fails the test when a length, a
 * digest, the padding or the alignment is wrong.  False: no more.
 */
bool see_pdu(const struct bytes *, size_t *at, const struct dialect *agreed,
	     unsigned int align, struct seen *);

#endif
