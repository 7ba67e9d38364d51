/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door: every field of every PDU, right and wrong, at both ends.
 *
 * The tables say in words what is expected of single faults; a second judge,
 * written here from the specification, is asked about a million headers more.
 */
#include "../unit.h"

#include "pdu/check.h"

#include <stdlib.h>
#include <string.h>

enum { OK = 0, DROP = -1, TYPE = 10, FLAGS, HLEN, PDO, PLEN, LIMIT };

static struct pdu_verdict expected(int what)
{
	if (what == OK)
		return (struct pdu_verdict){ .fate = PDU_OK };
	if (what == DROP)
		return (struct pdu_verdict){ .fate = PDU_DROP };
	if (what == LIMIT)
		return (struct pdu_verdict){ PDU_TERMINATE, 5, 0 };
	return (struct pdu_verdict){ PDU_TERMINATE, 1, (uint32_t)(what - TYPE) };
}

static struct tcp_ch header(uint8_t type, uint8_t flags, uint8_t hlen, uint8_t pdo,
			    uint32_t plen)
{
	return (struct tcp_ch){ type, flags, hlen, pdo, le32_of(plen) };
}

static void assert_verdict(const struct tcp_ch *ch, const struct pdu_rules *rules, int what)
{
	struct pdu_shape shape;
	struct pdu_verdict v = pdu_check(ch, rules, &shape), want = expected(what);

	if (v.fate != want.fate || v.fes != want.fes || v.fei != want.fei)
		fail_msg("type %02x flags %02x hlen %u pdo %u plen %u: fate %d FES %u FEI %u, "
			 "wanted fate %d FES %u FEI %u", ch->type, ch->flags, ch->hlen,
			 ch->pdo, le32_get(ch->plen), v.fate, v.fes, v.fei, want.fate,
			 want.fes, want.fei);
}

/* ---- tables of single faults --------------------------------------------------------- */

struct row {
	uint8_t type, flags, hlen, pdo;
	uint32_t plen;
	int verdict;
};

static void judge(const struct row *rows, size_t n, bool to_controller, bool digests)
{
	const struct pdu_rules rules = {
		.to_controller = to_controller, .header_digest = digests,
		.data_digest = digests, .alignment = 4, .in_capsule_max = 16384,
		.data_max = 65536 };

	for (size_t i = 0; i < n; i++) {
		struct tcp_ch ch = header(rows[i].type, rows[i].flags, rows[i].hlen,
					  rows[i].pdo, rows[i].plen);

		assert_verdict(&ch, &rules, rows[i].verdict);
	}
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void at_the_controller_without_digests(void **state)
{
	static const struct row rows[] = {
		/* ICReq */
		{ 0x00, 0, 128, 0, 128, OK },
		{ 0x00, 1, 128, 0, 128, FLAGS }, { 0x00, 0x80, 128, 0, 128, FLAGS },
		{ 0x00, 0, 127, 0, 128, HLEN }, { 0x00, 0, 0, 0, 128, HLEN },
		{ 0x00, 0, 128, 0, 127, PLEN }, { 0x00, 0, 128, 0, 129, PLEN },
		{ 0x00, 0, 128, 0, 0, PLEN }, { 0x00, 0, 128, 0, 0xffffffff, PLEN },
		/* H2CTermReq: never answered */
		{ 0x02, 0, 24, 0, 24, OK }, { 0x02, 0, 24, 0, 152, OK },
		{ 0x02, 0, 24, 0, 23, DROP }, { 0x02, 0, 24, 0, 153, DROP },
		{ 0x02, 1, 24, 0, 24, DROP }, { 0x02, 0, 23, 0, 24, DROP },
		{ 0x02, 0, 24, 0, 0xffffffff, DROP },
		/* what only a host receives, and nobody */
		{ 0x01, 0, 128, 0, 128, TYPE }, { 0x03, 0, 24, 0, 24, TYPE },
		{ 0x05, 0, 24, 0, 24, TYPE }, { 0x07, 4, 24, 24, 28, TYPE },
		{ 0x08, 0, 24, 0, 24, TYPE }, { 0x09, 0, 24, 0, 24, TYPE },
		{ 0x0a, 0, 24, 0, 24, TYPE }, { 0xff, 0xff, 0xff, 0xff, 0xffffffff, TYPE },
		/* CapsuleCmd */
		{ 0x04, 0, 72, 0, 72, OK }, { 0x04, 0, 72, 72, 72, OK },
		{ 0x04, 0, 72, 72, 73, OK }, { 0x04, 0, 72, 252, 253, OK },
		{ 0x04, 0, 72, 72, 72 + 16384, OK }, { 0x04, 0, 72, 72, 72 + 16385, PLEN },
		{ 0x04, 1, 72, 0, 72, FLAGS }, { 0x04, 2, 72, 0, 72, FLAGS },
		{ 0x04, 2, 72, 72, 80, FLAGS }, { 0x04, 4, 72, 0, 72, FLAGS },
		{ 0x04, 8, 72, 0, 72, FLAGS }, { 0x04, 0x10, 72, 0, 72, FLAGS },
		{ 0x04, 0, 71, 0, 72, HLEN }, { 0x04, 0, 76, 0, 76, HLEN },
		{ 0x04, 0, 72, 0, 80, PDO }, { 0x04, 0, 72, 68, 80, PDO },
		{ 0x04, 0, 72, 73, 80, PDO }, { 0x04, 0, 72, 74, 80, PDO },
		{ 0x04, 0, 72, 72, 71, PLEN }, { 0x04, 0, 72, 76, 76, PLEN },
		{ 0x04, 0, 72, 80, 76, PLEN }, { 0x04, 0, 72, 72, 0, PLEN },
		{ 0x04, 0, 72, 72, 0xffffffff, PLEN },
		/* H2CData */
		{ 0x06, 4, 24, 24, 28, OK }, { 0x06, 0, 24, 24, 28, OK },
		{ 0x06, 4, 24, 28, 29, OK }, { 0x06, 4, 24, 24, 24 + 65536, OK },
		{ 0x06, 4, 24, 24, 24 + 65537, LIMIT }, { 0x06, 4, 24, 24, 0xffffffff, LIMIT },
		{ 0x06, 8, 24, 24, 28, FLAGS }, { 0x06, 1, 24, 24, 28, FLAGS },
		{ 0x06, 2, 24, 24, 28, FLAGS }, { 0x06, 0xf0, 24, 24, 28, FLAGS },
		{ 0x06, 4, 25, 24, 28, HLEN }, { 0x06, 4, 24, 0, 28, PDO },
		{ 0x06, 4, 24, 20, 28, PDO }, { 0x06, 4, 24, 25, 29, PDO },
		{ 0x06, 4, 24, 0, 24, PLEN }, { 0x06, 4, 24, 24, 24, PLEN },
		{ 0x06, 4, 24, 24, 20, PLEN }, { 0x06, 4, 24, 28, 28, PLEN },
	};

	judge(rows, COUNT(rows), true, false);
}

static void at_the_controller_with_digests(void **state)
{
	static const struct row rows[] = {
		{ 0x00, 0, 128, 0, 128, OK }, { 0x02, 0, 24, 0, 24, OK },
		{ 0x04, 1, 72, 0, 76, OK }, { 0x04, 3, 72, 0, 76, OK },
		{ 0x04, 3, 72, 76, 81, OK }, { 0x04, 3, 72, 76, 80 + 16384, OK },
		{ 0x04, 3, 72, 76, 80 + 16385, PLEN },
		{ 0x04, 0, 72, 0, 76, FLAGS }, { 0x04, 2, 72, 0, 76, FLAGS },
		{ 0x04, 1, 72, 76, 81, FLAGS }, { 0x04, 0, 72, 76, 81, FLAGS },
		{ 0x04, 1, 71, 76, 81, FLAGS },		/* the lower of two */
		{ 0x04, 3, 71, 0, 0, HLEN },
		{ 0x04, 3, 72, 72, 84, PDO }, { 0x04, 3, 72, 76, 80, PLEN },
		{ 0x04, 3, 72, 76, 79, PLEN }, { 0x04, 3, 72, 76, 72, PLEN },
		{ 0x06, 7, 24, 28, 36, OK }, { 0x06, 3, 24, 28, 36, OK },
		{ 0x06, 5, 24, 28, 36, FLAGS }, { 0x06, 6, 24, 28, 36, FLAGS },
		{ 0x06, 7, 24, 24, 36, PDO }, { 0x06, 7, 24, 28, 32, PLEN },
		{ 0x06, 7, 24, 28, 32 + 65536, OK }, { 0x06, 7, 24, 28, 33 + 65536, LIMIT },
	};

	judge(rows, COUNT(rows), true, true);
}

static void at_the_host(void **state)
{
	static const struct row rows[] = {
		{ 0x01, 0, 128, 0, 128, OK }, { 0x01, 1, 128, 0, 128, FLAGS },
		{ 0x01, 0, 129, 0, 128, HLEN }, { 0x01, 0, 128, 0, 132, PLEN },
		{ 0x03, 0, 24, 0, 24, OK }, { 0x03, 0, 24, 0, 152, OK },
		{ 0x03, 0, 24, 0, 153, DROP }, { 0x03, 2, 24, 0, 24, DROP },
		{ 0x05, 0, 24, 0, 24, OK }, { 0x05, 2, 24, 0, 24, FLAGS },
		{ 0x05, 4, 24, 0, 24, FLAGS }, { 0x05, 0, 23, 0, 24, HLEN },
		{ 0x05, 0, 24, 24, 28, PLEN }, { 0x05, 0, 24, 0, 20, PLEN },
		{ 0x07, 4, 24, 24, 25, OK }, { 0x07, 0x0c, 24, 24, 25, OK },
		{ 0x07, 0x14, 24, 24, 25, FLAGS }, { 0x07, 4, 24, 24, 24, PLEN },
		{ 0x07, 4, 24, 24, 24 + 65537, LIMIT },
		{ 0x09, 0, 24, 0, 24, OK }, { 0x09, 4, 24, 0, 24, FLAGS },
		{ 0x09, 0, 24, 0, 28, PLEN },
		{ 0x00, 0, 128, 0, 128, TYPE }, { 0x02, 0, 24, 0, 24, TYPE },
		{ 0x04, 0, 72, 0, 72, TYPE }, { 0x06, 4, 24, 24, 28, TYPE },
		{ 0x08, 0, 24, 0, 24, TYPE }, { 0x0b, 0, 24, 0, 24, TYPE },
	};

	judge(rows, COUNT(rows), false, false);
}

/* ---- the second judge ----------------------------------------------------------------- */

struct kind {
	int type, hlen, flags;
	bool to_controller, may_have_data, needs_data, has_digests, is_term;
};

static const struct kind kinds[] = {
	{ 0x00, 128, 0, true, false, false, false, false },
	{ 0x01, 128, 0, false, false, false, false, false },
	{ 0x02, 24, 0, true, false, false, false, true },
	{ 0x03, 24, 0, false, false, false, false, true },
	{ 0x04, 72, 0x03, true, true, false, true, false },
	{ 0x05, 24, 0x01, false, false, false, true, false },
	{ 0x06, 24, 0x07, true, true, true, true, false },
	{ 0x07, 24, 0x0f, false, true, true, true, false },
	{ 0x09, 24, 0x01, false, false, false, true, false },
};

static const struct kind *kind_of(uint8_t type, bool to_controller)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (kinds[i].type == type && kinds[i].to_controller == to_controller)
			return &kinds[i];
	return NULL;
}

static bool are_flags_right(const struct tcp_ch *ch, const struct kind *k,
			    const struct pdu_rules *r, bool has_data)
{
	bool hd = k->has_digests && r->header_digest, dd = k->has_digests && r->data_digest;

	return !(ch->flags & ~k->flags) && !!(ch->flags & 1) == hd &&
	       (dd || !(ch->flags & 2)) && (!dd || !has_data || ch->flags & 2);
}

static int second_opinion(const struct tcp_ch *ch, const struct pdu_rules *r,
			  uint32_t *start, uint32_t *data)
{
	const struct kind *k = kind_of(ch->type, r->to_controller);
	int64_t plen = le32_get(ch->plen), bare, n, most;

	*start = *data = 0;
	if (!k)
		return TYPE;
	if (k->is_term) {
		*start = 24;
		*data = (uint32_t)(plen - 24);
		return ch->flags || ch->hlen != 24 || plen < 24 || plen > 152 ? DROP : OK;
	}
	bare = k->hlen + (k->has_digests && r->header_digest ? 4 : 0);
	if (!are_flags_right(ch, k, r, k->may_have_data && plen > bare))
		return FLAGS;
	if (ch->hlen != k->hlen)
		return HLEN;
	*start = (uint32_t)bare;
	if (plen == bare)
		return k->needs_data ? PLEN : OK;
	if (!k->may_have_data)
		return PLEN;
	if (ch->pdo < bare || ch->pdo % r->alignment)
		return PDO;
	n = plen - ch->pdo - (r->data_digest ? 4 : 0);
	if (n <= 0)
		return PLEN;
	*start = ch->pdo;
	*data = (uint32_t)n;
	if (ch->type != 0x04)
		return n > r->data_max ? LIMIT : OK;
	most = r->in_capsule_max > 8192 ? r->in_capsule_max : 8192;
	return n > most ? PLEN : OK;
}

static void compare(const struct tcp_ch *ch, const struct pdu_rules *r)
{
	uint32_t start, data;
	int want = second_opinion(ch, r, &start, &data);
	struct pdu_shape shape;

	assert_verdict(ch, r, want);
	if (want != OK)
		return;
	pdu_check(ch, r, &shape);
	assert_int_equal(shape.header, start);
	assert_int_equal(shape.data, data);
	assert_int_equal(shape.header + shape.data + (shape.has_data_digest ? 4 : 0),
			 le32_get(ch->plen));
	if (!data)
		assert_false(shape.has_data_digest);
}

static const uint8_t hlens[] = { 0, 24, 72, 128, 8, 23, 25, 71, 73, 76, 127, 129, 255 };
static const uint8_t pdos[] = { 0, 24, 28, 72, 76, 4, 20, 25, 32, 68, 74, 80, 128, 252, 255 };
static const uint32_t plens[] = {
	0, 1, 23, 24, 25, 27, 28, 29, 32, 33, 36, 71, 72, 73, 76, 77, 80, 81, 128, 129,
	151, 152, 153, 252, 256, 257, 8192 + 72, 8192 + 73, 8192 + 80, 8192 + 81,
	16384 + 72, 16384 + 73, 16384 + 80, 16384 + 81, 65536 + 24, 65536 + 25,
	65536 + 32, 65536 + 33, 0x7fffffff, 0x80000000, 0xfffffffb, 0xffffffff,
};

/* Of the header lengths, offsets and lengths only the likely ones are crossed. */
static void every_length(struct tcp_ch *ch, const struct pdu_rules *r)
{
	for (size_t h = 0; h < COUNT(hlens); h++)
	for (size_t o = 0; o < COUNT(pdos); o++)
	for (size_t p = 0; p < COUNT(plens); p++) {
		if (h >= 4 && (o || p % 8))
			break;
		ch->hlen = hlens[h];
		ch->pdo = pdos[o];
		ch->plen = le32_of(plens[p]);
		compare(ch, r);
	}
}

static void every_type_and_flag_at_every_end(void **state)
{
	for (unsigned int end = 0; end < 8; end++)
	for (unsigned int type = 0; type < 11; type++)
	for (unsigned int flags = 0; flags < 16; flags++) {
		const struct pdu_rules r = {
			.to_controller = end & 1, .header_digest = end & 2,
			.data_digest = end & 4, .alignment = flags & 1 ? 4 : 8,
			.in_capsule_max = type == 4 && end & 1 ? 16384 : 4096,
			.data_max = 65536 };
		struct tcp_ch ch = { .type = (uint8_t)type, .flags = (uint8_t)flags };

		every_length(&ch, &r);
	}
}

static void random_headers(void **state)
{
	uint32_t random = 1;

	for (int i = 0; i < 300000; i++) {
		struct pdu_rules r = { .in_capsule_max = 8192, .data_max = 4096 };
		struct tcp_ch ch;
		uint8_t b[12];

		for (size_t j = 0; j < sizeof(b); j++) {
			random = random * 1664525 + 1013904223;
			b[j] = (uint8_t)(random >> 24);
		}
		r.to_controller = b[8] & 1;
		r.header_digest = b[8] & 2;
		r.data_digest = b[8] & 4;
		r.alignment = (b[9] % 32 + 1u) * 4;
		ch = header(b[0] % 10, b[1] & 15, b[10] & 1 ? 24 : 72, b[3],
			    b[10] & 2 ? b[4] : b[4] | (uint32_t)b[5] << 8);
		compare(&ch, &r);
	}
}

/* ---- ICReq, ICResp ------------------------------------------------------------------------ */

static void assert_answer(struct pdu_verdict v, uint16_t fes, uint32_t fei)
{
	assert_int_equal(v.fate, fes ? PDU_TERMINATE : PDU_OK);
	assert_int_equal(v.fes, fes);
	assert_int_equal(v.fei, fei);
}

static void icreq_fields(void **state)
{
	static const struct { uint16_t pfv; uint8_t hpda, dgst; uint16_t fes; uint32_t fei; } rows[] = {
		{ 0, 0, 0, 0, 0 }, { 0, 31, 3, 0, 0 }, { 1, 0, 0, 6, 8 }, { 0x8000, 0, 0, 6, 8 },
		{ 0, 32, 0, 1, 10 }, { 0, 0, 4, 1, 11 }, { 0, 0, 128, 1, 11 },
		{ 1, 32, 4, 6, 8 }, { 0, 32, 4, 1, 10 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tcp_icreq pdu = { .pfv = le16_of(rows[i].pfv), .hpda = rows[i].hpda,
					 .dgst = rows[i].dgst, .maxr2t = le32_of(~0u) };

		assert_answer(pdu_check_icreq(&pdu), rows[i].fes, rows[i].fei);
	}
}

static void icresp_fields(void **state)
{
	static const struct {
		uint16_t pfv; uint8_t cpda, dgst; uint32_t max; uint8_t asked;
		uint16_t fes; uint32_t fei;
	} rows[] = {
		{ 0, 0, 0, 4096, 0, 0, 0 }, { 0, 31, 3, 0xfffffffc, 3, 0, 0 },
		{ 0, 0, 1, 4096, 3, 0, 0 }, { 2, 0, 0, 4096, 0, 6, 8 },
		{ 0, 32, 0, 4096, 0, 1, 10 }, { 0, 0, 1, 4096, 0, 1, 11 },
		{ 0, 0, 2, 4096, 1, 1, 11 }, { 0, 0, 4, 4096, 3, 1, 11 },
		{ 0, 0, 0, 4092, 0, 1, 12 }, { 0, 0, 0, 0, 0, 1, 12 },
		{ 0, 0, 0, 4098, 0, 1, 12 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tcp_icresp pdu = { .pfv = le16_of(rows[i].pfv), .cpda = rows[i].cpda,
					  .dgst = rows[i].dgst,
					  .maxh2cdata = le32_of(rows[i].max) };

		assert_answer(pdu_check_icresp(&pdu, rows[i].asked), rows[i].fes, rows[i].fei);
	}
}

/* ---- what a command may carry ------------------------------------------------------------- */

static void in_capsule_data_by_command(void **state)
{
	static const struct { uint8_t opcode; uint32_t limit, n; bool is_ok; } rows[] = {
		{ 0x01, 4096, 4096, true }, { 0x01, 4096, 4097, false }, { 0x01, 0, 1, false },
		{ 0x7f, 4096, 8192, true }, { 0x7f, 0, 8192, true }, { 0x01, 16384, 16384, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct pdu_rules r = { .in_capsule_max = rows[i].limit };
		const struct pdu_shape shape = { .data = rows[i].n };
		struct tcp_command pdu = { .sqe.opcode = rows[i].opcode };

		assert_answer(pdu_check_command(&pdu, &shape, &r), rows[i].is_ok ? 0 : 1,
			      rows[i].is_ok ? 0 : 4);
	}
}

/* ---- data PDUs and R2T ---------------------------------------------------------------------- */

struct data_row {
	uint32_t offset, length, carried;
	uint8_t flags;
	uint16_t fes;
	uint32_t fei;
};

/* Due: `due` bytes from 4096 on, in PDUs of at most 4096. */
static void judge_data(const struct data_row *rows, size_t n, uint32_t due)
{
	const struct pdu_rules r = { .to_controller = true, .data_max = 4096 };

	for (size_t i = 0; i < n; i++) {
		struct tcp_data pdu = { .ch.flags = rows[i].flags,
					.offset = le32_of(rows[i].offset),
					.length = le32_of(rows[i].length) };
		const struct pdu_shape shape = { .data = rows[i].carried };

		assert_answer(pdu_check_data(&pdu, &shape, &r, 4096, due), rows[i].fes,
			      rows[i].fei);
	}
}

static void data_with_more_to_come(void **state)
{
	static const struct data_row rows[] = {
		{ 4096, 4096, 4096, 0, 0, 0 },
		{ 4096, 4, 4, 0, 0, 0 },
		{ 4096, 4096, 4096, 4, 2, 0 },		/* LAST */
		{ 4096, 4096, 4096, 8, 1, 1 },		/* SUCCESS without LAST */
		{ 4092, 4096, 4096, 0, 4, 0 },
		{ 4100, 4096, 4096, 0, 4, 0 },
		{ 0, 4096, 4096, 0, 4, 0 },
		{ 0xffffffff, 4096, 4096, 0, 4, 0 },
		{ 4096, 4097, 4097, 0, 5, 0 },
		{ 4096, 0xffffffff, 4096, 0, 5, 0 },
		{ 4096, 4095, 4096, 0, 1, 16 },
		{ 4096, 0, 4096, 0, 1, 16 },
	};

	judge_data(rows, COUNT(rows), 8192);
}

static void the_last_data_that_is_due(void **state)
{
	static const struct data_row rows[] = {
		{ 4096, 100, 100, 4, 0, 0 }, { 4096, 100, 100, 12, 0, 0 },
		{ 4096, 100, 100, 0, 2, 0 },		/* LAST is missing */
		{ 4096, 101, 101, 4, 4, 0 },
		{ 4096, 99, 99, 4, 2, 0 }, { 4096, 99, 99, 0, 0, 0 },
	};

	judge_data(rows, COUNT(rows), 100);
}

static void r2t_against_the_command(void **state)
{
	static const struct { uint32_t offset, length, done, whole; bool is_ok; } rows[] = {
		{ 0, 8192, 0, 8192, true }, { 0, 4096, 0, 8192, true },
		{ 4096, 4096, 4096, 8192, true },
		{ 0, 0, 0, 8192, false }, { 0, 8193, 0, 8192, false },
		{ 4096, 4096, 0, 8192, false }, { 0, 4096, 4096, 8192, false },
		{ 4096, 4097, 4096, 8192, false }, { 4096, 0xffffffff, 4096, 8192, false },
		{ 8192, 1, 8192, 8192, false }, { 0, 1, 0, 0, false },
		{ 9000, 1, 9000, 8192, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tcp_r2t pdu = { .offset = le32_of(rows[i].offset),
				       .length = le32_of(rows[i].length) };

		assert_answer(pdu_check_r2t(&pdu, rows[i].done, rows[i].whole),
			      rows[i].is_ok ? 0 : 4, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_the_controller_without_digests),
		cmocka_unit_test(at_the_controller_with_digests),
		cmocka_unit_test(at_the_host),
		cmocka_unit_test(every_type_and_flag_at_every_end),
		cmocka_unit_test(random_headers),
		cmocka_unit_test(icreq_fields),
		cmocka_unit_test(icresp_fields),
		cmocka_unit_test(in_capsule_data_by_command),
		cmocka_unit_test(data_with_more_to_come),
		cmocka_unit_test(the_last_data_that_is_due),
		cmocka_unit_test(r2t_against_the_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
