/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door: every number of a PDU that comes from the wire is checked here,
 * once, before a byte is allocated or moved for it.  Pure functions.
 *
 * When several fields are wrong the one at the lowest offset is reported, as
 * the transport specification demands (section 3.6.2.5).
 */
#ifndef NVMF_PDU_CHECK_H
#define NVMF_PDU_CHECK_H

#include "wire/fabrics.h"
#include "wire/tcp.h"

#include <stdbool.h>

enum pdu_fate {
	PDU_OK,
	PDU_DROP,		/* end the connection without a word */
	PDU_TERMINATE,		/* send a TermReq with fes and fei, then end */
};

struct pdu_verdict {
	enum pdu_fate fate;
	uint16_t fes;
	uint32_t fei;
};

/* Which end receives, and what was agreed in ICReq and ICResp. */
struct pdu_rules {
	bool to_controller;
	bool header_digest, data_digest;
	unsigned int alignment;		/* of the data in a received PDU, bytes */
	uint32_t in_capsule_max;	/* bytes of data in a command capsule; a
					 * Fabrics command's never below 8192 */
	uint32_t data_max;		/* bytes of data in a data PDU */
};

/* How a PDU that passed the door is laid out, in bytes. */
struct pdu_shape {
	uint32_t header;	/* with header digest and padding: data start */
	uint32_t data;
	bool has_header_digest, has_data_digest;
};

static const struct pdu_verdict pdu_ok = { .fate = PDU_OK };

static inline struct pdu_verdict pdu_terminate(enum tcp_fes fes, uint32_t fei)
{
	return (struct pdu_verdict){ PDU_TERMINATE, (uint16_t)fes, fei };
}

/* Judges a PDU by its common header alone and fills `shape`. */
struct pdu_verdict pdu_check(const struct tcp_ch *, const struct pdu_rules *,
			     struct pdu_shape *);

/* Judges the fields of an ICReq or ICResp that passed pdu_check. */
struct pdu_verdict pdu_check_icreq(const struct tcp_icreq *);
struct pdu_verdict pdu_check_icresp(const struct tcp_icresp *, uint8_t asked_dgst);

/* Judges a command capsule that passed pdu_check: how much data a command may
 * carry depends on what it is. */
struct pdu_verdict pdu_check_command(const struct tcp_command *,
				     const struct pdu_shape *, const struct pdu_rules *);

/*
 * Judges a data PDU (H2CData, C2HData) that passed pdu_check, against what is
 * expected next: the data starting at `offset`, at most `length` bytes.
 */
struct pdu_verdict pdu_check_data(const struct tcp_data *, const struct pdu_shape *,
				  const struct pdu_rules *, uint32_t offset,
				  uint32_t length);

/* Judges an R2T for a command with `length` bytes of data. */
struct pdu_verdict pdu_check_r2t(const struct tcp_r2t *, uint32_t offset,
				 uint32_t length);

#endif
