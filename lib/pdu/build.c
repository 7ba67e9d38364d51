/* SPDX-License-Identifier: BSD-2-Clause */
#include "pdu/build.h"
#include "pdu/digest.h"

_Static_assert(PDU_HEADER_ROOM >= sizeof(struct tcp_term) + TCP_TERM_DATA_MAX,
	       "a TermReq fits");

/*
 * Completes a PDU whose specific fields stand already: common header, header
 * digest, padding.  `data`: bytes that follow.
 */
static uint32_t finish(void *at, const struct pdu_format *f, uint8_t type,
		       uint8_t flags, uint8_t hlen, uint32_t data)
{
	struct tcp_ch *ch = at;
	uint32_t used = hlen, start;

	if (f->header_digest) {
		flags |= TCP_FLAG_HDGST;
		used += TCP_DIGEST_SIZE;
	}
	start = used;
	if (data) {
		start = (used + f->alignment - 1) / f->alignment * f->alignment;
		if (f->data_digest)
			flags |= TCP_FLAG_DDGST;
	}
	*ch = (struct tcp_ch){ type, flags, hlen, data ? (uint8_t)start : 0,
			       le32_of(start + data + (flags & TCP_FLAG_DDGST ?
						       TCP_DIGEST_SIZE : 0)) };
	if (f->header_digest) {
		le32 digest = digest_of(at, hlen);

		memcpy((char *)at + hlen, &digest, sizeof(digest));
	}
	memset((char *)at + used, 0, start - used);
	return start;
}

/* ICReq, ICResp and TermReq never carry digests. */
static const struct pdu_format bare = { .alignment = 4 };

uint32_t pdu_build_icreq(void *at, uint8_t hpda, uint8_t dgst, uint32_t maxr2t)
{
	struct tcp_icreq *pdu = at;

	*pdu = (struct tcp_icreq){ .hpda = hpda, .dgst = dgst,
				   .maxr2t = le32_of(maxr2t) };
	return finish(at, &bare, TCP_PDU_ICREQ, 0, sizeof(*pdu), 0);
}

uint32_t pdu_build_icresp(void *at, uint8_t cpda, uint8_t dgst, uint32_t maxh2cdata)
{
	struct tcp_icresp *pdu = at;

	*pdu = (struct tcp_icresp){ .cpda = cpda, .dgst = dgst,
				    .maxh2cdata = le32_of(maxh2cdata) };
	return finish(at, &bare, TCP_PDU_ICRESP, 0, sizeof(*pdu), 0);
}

uint32_t pdu_build_term(void *at, enum tcp_pdu_type type, uint16_t fes, uint32_t fei,
			const void *culprit, uint32_t length)
{
	struct tcp_term *pdu = at;

	if (length > TCP_TERM_DATA_MAX)
		length = TCP_TERM_DATA_MAX;
	*pdu = (struct tcp_term){ .fes = le16_of(fes), .fei = le32_of(fei) };
	finish(at, &bare, (uint8_t)type, 0, sizeof(*pdu), 0);
	if (length)
		memcpy(pdu + 1, culprit, length);
	pdu->ch.plen = le32_of((uint32_t)sizeof(*pdu) + length);
	return (uint32_t)sizeof(*pdu) + length;
}

uint32_t pdu_build_command(void *at, const struct pdu_format *f,
			   const struct nvme_sqe *sqe, uint32_t length)
{
	struct tcp_command *pdu = at;

	pdu->sqe = *sqe;
	return finish(at, f, TCP_PDU_COMMAND, 0, sizeof(*pdu), length);
}

uint32_t pdu_build_response(void *at, const struct pdu_format *f,
			    const struct nvme_cqe *cqe)
{
	struct tcp_response *pdu = at;

	pdu->cqe = *cqe;
	return finish(at, f, TCP_PDU_RESPONSE, 0, sizeof(*pdu), 0);
}

uint32_t pdu_build_data(void *at, const struct pdu_format *f, enum tcp_pdu_type type,
			uint8_t flags, uint16_t cccid, uint16_t ttag,
			uint32_t offset, uint32_t length)
{
	struct tcp_data *pdu = at;

	*pdu = (struct tcp_data){ .cccid = le16_of(cccid), .ttag = le16_of(ttag),
				  .offset = le32_of(offset),
				  .length = le32_of(length) };
	return finish(at, f, (uint8_t)type, flags, sizeof(*pdu), length);
}

uint32_t pdu_build_r2t(void *at, const struct pdu_format *f, uint16_t cccid,
		       uint16_t ttag, uint32_t offset, uint32_t length)
{
	struct tcp_r2t *pdu = at;

	*pdu = (struct tcp_r2t){ .cccid = le16_of(cccid), .ttag = le16_of(ttag),
				 .offset = le32_of(offset),
				 .length = le32_of(length) };
	return finish(at, f, TCP_PDU_R2T, 0, sizeof(*pdu), 0);
}
