/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PDUs to be sent.  Each call writes header, header digest and padding at `at`
 * and returns how many bytes those are; the caller brings the data and its
 * digest behind them.  Room for PDU_HEADER_ROOM bytes is always enough.
 */
#ifndef NVMF_PDU_BUILD_H
#define NVMF_PDU_BUILD_H

#include "wire/tcp.h"

#include <stdbool.h>

/* The longest header with digest, padded to the widest alignment. */
#define PDU_HEADER_ROOM 152u

/* What was agreed for the PDUs that this end sends. */
struct pdu_format {
	bool header_digest, data_digest;
	unsigned int alignment;		/* of the data, bytes: (xPDA + 1) * 4 */
};

uint32_t pdu_build_icreq(void *at, uint8_t hpda, uint8_t dgst, uint32_t maxr2t);
uint32_t pdu_build_icresp(void *at, uint8_t cpda, uint8_t dgst, uint32_t maxh2cdata);
/* `culprit`: the header of the PDU at fault; returns the whole PDU's length. */
uint32_t pdu_build_term(void *at, enum tcp_pdu_type, uint16_t fes, uint32_t fei,
			const void *culprit, uint32_t culprit_length);
/* `length`: bytes of data in the capsule. */
uint32_t pdu_build_command(void *at, const struct pdu_format *,
			   const struct nvme_sqe *, uint32_t length);
uint32_t pdu_build_response(void *at, const struct pdu_format *,
			    const struct nvme_cqe *);
/* `flags`: LAST and SUCCESS. */
uint32_t pdu_build_data(void *at, const struct pdu_format *, enum tcp_pdu_type,
			uint8_t flags, uint16_t cccid, uint16_t ttag,
			uint32_t offset, uint32_t length);
uint32_t pdu_build_r2t(void *at, const struct pdu_format *, uint16_t cccid,
		       uint16_t ttag, uint32_t offset, uint32_t length);

#endif
