/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door alone: what was agreed, and a header.  Whatever it lets through must
 * be consistent in itself and within the limits; whatever it refuses must name a
 * field that exists.
 *
 *	byte 0		bit 0: the controller's end, 1: header digest, 2: data
 *			digest, 3: a small in-capsule limit, 4: small data PDUs
 *	byte 1		alignment of received data, in dwords, 0's based
 *	bytes 2, 3	what is due of a transfer, in units of 512 bytes
 *	bytes 4 ...	the PDU
 */
#include "fuzz.h"

#include "pdu/build.h"
#include "pdu/check.h"

#include <string.h>

#define PREFIX 4

static void check_verdict(struct pdu_verdict v, uint32_t header)
{
	if (v.fate != PDU_TERMINATE) {
		FUZZ_CHECK(!v.fes && !v.fei);
		return;
	}
	FUZZ_CHECK(v.fes >= TCP_FES_HEADER_FIELD && v.fes <= TCP_FES_UNSUPPORTED);
	if (v.fes == TCP_FES_HEADER_FIELD || v.fes == TCP_FES_UNSUPPORTED)
		FUZZ_CHECK(v.fei < header);
	else
		FUZZ_CHECK(v.fei == 0);
}

static void check_shape(const struct tcp_ch *ch, const struct pdu_rules *rules,
			const struct pdu_shape *shape)
{
	uint64_t sum = (uint64_t)shape->header + shape->data +
		       (shape->has_data_digest ? TCP_DIGEST_SIZE : 0);

	FUZZ_CHECK(sum == le32_get(ch->plen));
	FUZZ_CHECK(shape->header >= ch->hlen);
	FUZZ_CHECK(shape->header <= 255 + TCP_DIGEST_SIZE);
	FUZZ_CHECK(ch->hlen <= TCP_HEADER_MAX);
	FUZZ_CHECK(!shape->has_data_digest || (rules->data_digest && shape->data));
	if (ch->type == TCP_PDU_COMMAND)
		FUZZ_CHECK(shape->data <= rules->in_capsule_max ||
			   shape->data <= NVMF_ADMIN_IN_CAPSULE);
	else if (ch->type == TCP_PDU_H2C_DATA || ch->type == TCP_PDU_C2H_DATA)
		FUZZ_CHECK(shape->data && shape->data <= rules->data_max);
	else
		FUZZ_CHECK(shape->data <= TCP_TERM_DATA_MAX);
}

static void check_data(const struct tcp_data *pdu, const struct pdu_shape *shape,
		       const struct pdu_rules *rules, uint32_t offset, uint32_t due)
{
	struct pdu_verdict v = pdu_check_data(pdu, shape, rules, offset, due);

	check_verdict(v, sizeof(*pdu));
	if (v.fate != PDU_OK)
		return;
	FUZZ_CHECK(le32_get(pdu->offset) == offset);
	FUZZ_CHECK(shape->data <= due && shape->data == le32_get(pdu->length));
	FUZZ_CHECK(!(pdu->ch.flags & TCP_FLAG_LAST) == (shape->data < due));
}

static void check_r2t(const struct tcp_r2t *pdu, uint32_t offset, uint32_t length)
{
	struct pdu_verdict v = pdu_check_r2t(pdu, offset, length);

	check_verdict(v, sizeof(*pdu));
	if (v.fate == PDU_OK)
		FUZZ_CHECK(le32_get(pdu->length) && (uint64_t)le32_get(pdu->offset) +
			   le32_get(pdu->length) <= length);
}

static void check_specific(const uint8_t *pdu, const struct pdu_rules *rules,
			   const struct pdu_shape *shape, const uint8_t *prefix)
{
	uint32_t offset = prefix[2] * 512u, length = prefix[3] * 512u;

	switch (pdu[0]) {
	case TCP_PDU_ICREQ:
		check_verdict(pdu_check_icreq((const void *)pdu), 128);
		break;
	case TCP_PDU_ICRESP:
		check_verdict(pdu_check_icresp((const void *)pdu, prefix[2]), 128);
		break;
	case TCP_PDU_COMMAND:
		check_verdict(pdu_check_command((const void *)pdu, shape, rules), 72);
		break;
	case TCP_PDU_H2C_DATA:
	case TCP_PDU_C2H_DATA:
		check_data((const void *)pdu, shape, rules, offset, length);
		break;
	case TCP_PDU_R2T:
		check_r2t((const void *)pdu, offset, length);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t pdu[256] = { 0 };
	const struct tcp_ch *ch = (const struct tcp_ch *)pdu;
	struct pdu_rules rules;
	struct pdu_shape shape;
	struct pdu_verdict v;

	if (n < PREFIX + sizeof(*ch))
		return 0;
	rules = (struct pdu_rules){
		.to_controller = bytes[0] & 1, .header_digest = bytes[0] & 2,
		.data_digest = bytes[0] & 4, .alignment = (bytes[1] % 32 + 1u) * 4,
		.in_capsule_max = bytes[0] & 8 ? 4096 : 16384,
		.data_max = bytes[0] & 16 ? 4096 : 1 << 20 };
	memcpy(pdu, bytes + PREFIX, n - PREFIX < sizeof(pdu) ? n - PREFIX : sizeof(pdu));
	v = pdu_check(ch, &rules, &shape);
	check_verdict(v, sizeof(*ch));
	if (v.fate != PDU_OK)
		return 0;
	check_shape(ch, &rules, &shape);
	check_specific(pdu, &rules, &shape, bytes);
	return 0;
}
