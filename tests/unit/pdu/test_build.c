/* SPDX-License-Identifier: BSD-2-Clause */
/* What is built passes the door of the other end, with every combination of
 * digests and alignments. */
#include "../unit.h"

#include "pdu/build.h"
#include "pdu/check.h"
#include "pdu/digest.h"

#include <string.h>

#define GUARD 0xa5

struct built {
	uint8_t bytes[PDU_HEADER_ROOM + 16];
	uint32_t n;
};

static void prepare(struct built *b)
{
	memset(b->bytes, GUARD, sizeof(b->bytes));
}

/* Its own room and no byte more was written. */
static void assert_within(const struct built *b)
{
	assert_true(b->n <= PDU_HEADER_ROOM);
	for (size_t i = b->n; i < sizeof(b->bytes); i++)
		assert_int_equal(b->bytes[i], GUARD);
}

static void assert_passes(const struct built *b, const struct pdu_format *f,
			  bool to_controller, uint32_t data)
{
	const struct pdu_rules rules = {
		.to_controller = to_controller, .header_digest = f->header_digest,
		.data_digest = f->data_digest, .alignment = f->alignment,
		.in_capsule_max = 16384, .data_max = 1 << 20 };
	const struct tcp_ch *ch = (const struct tcp_ch *)b->bytes;
	struct pdu_shape shape;
	uint32_t used;

	assert_within(b);
	assert_int_equal(pdu_check(ch, &rules, &shape).fate, PDU_OK);
	assert_int_equal(shape.header, b->n);
	assert_int_equal(shape.data, data);
	used = ch->hlen;
	if (shape.has_header_digest) {
		le32 want = digest_of(b->bytes, ch->hlen);

		assert_memory_equal(b->bytes + ch->hlen, &want, 4);
		used += 4;
	}
	for (; used < b->n; used++)
		assert_int_equal(b->bytes[used], 0);	/* padding */
	assert_int_equal(shape.has_data_digest, f->data_digest && data);
	assert_int_equal(le32_get(ch->plen), b->n + data + (shape.has_data_digest ? 4 : 0));
}

static struct pdu_format format(unsigned int i)
{
	return (struct pdu_format){ i & 1, i & 2, (i / 4 + 1) * 4 };
}

#define FORMATS (4 * 32)

static const uint32_t lengths[] = { 0, 1, 4, 511, 16384 };

static void commands(void **state)
{
	struct nvme_sqe sqe;

	memset(&sqe, 0x3c, sizeof(sqe));
	for (unsigned int i = 0; i < FORMATS * 5; i++) {
		struct pdu_format f = format(i / 5);
		struct built b;

		prepare(&b);
		b.n = pdu_build_command(b.bytes, &f, &sqe, lengths[i % 5]);
		assert_passes(&b, &f, true, lengths[i % 5]);
		assert_memory_equal(b.bytes + 8, &sqe, 64);
	}
}

static void assert_data(const struct pdu_format *f, bool to_controller, uint32_t length)
{
	struct built b;
	const struct tcp_data *pdu = (const void *)b.bytes;

	prepare(&b);
	b.n = pdu_build_data(b.bytes, f, to_controller ? TCP_PDU_H2C_DATA : TCP_PDU_C2H_DATA,
			     TCP_FLAG_LAST, 0x1234, 0x5678, 0x9abcdef0, length);
	assert_passes(&b, f, to_controller, length);
	assert_int_equal(pdu->ch.flags & ~3, TCP_FLAG_LAST);
	assert_int_equal(le16_get(pdu->cccid), 0x1234);
	assert_int_equal(le16_get(pdu->ttag), 0x5678);
	assert_int_equal(le32_get(pdu->offset), 0x9abcdef0);
	assert_int_equal(le32_get(pdu->length), length);
	assert_memory_equal(pdu->reserved, "\0\0\0\0", 4);
}

static void data_both_ways(void **state)
{
	for (unsigned int i = 0; i < FORMATS; i++) {
		struct pdu_format f = format(i);

		for (size_t j = 1; j < 5; j++) {
			assert_data(&f, true, lengths[j]);
			assert_data(&f, false, lengths[j]);
		}
	}
}

static void success_is_kept(void **state)
{
	struct pdu_format f = format(3);
	struct built b;

	prepare(&b);
	b.n = pdu_build_data(b.bytes, &f, TCP_PDU_C2H_DATA, TCP_FLAG_LAST | TCP_FLAG_SUCCESS,
			     0, 0, 0, 4);
	assert_int_equal(b.bytes[1], 0x0f);
}

static void responses(void **state)
{
	struct nvme_cqe cqe;

	memset(&cqe, 0x3c, sizeof(cqe));
	for (unsigned int i = 0; i < FORMATS; i++) {
		struct pdu_format f = format(i);
		struct built b;

		prepare(&b);
		b.n = pdu_build_response(b.bytes, &f, &cqe);
		assert_passes(&b, &f, false, 0);
		assert_memory_equal(b.bytes + 8, &cqe, 16);
	}
}

static void r2ts(void **state)
{
	for (unsigned int i = 0; i < FORMATS; i++) {
		struct pdu_format f = format(i);
		struct built b;
		const struct tcp_r2t *pdu = (const void *)b.bytes;

		prepare(&b);
		b.n = pdu_build_r2t(b.bytes, &f, 0x1234, 0x5678, 0x9abcdef0, 0x11223344);
		assert_passes(&b, &f, false, 0);
		assert_int_equal(le16_get(pdu->cccid), 0x1234);
		assert_int_equal(le16_get(pdu->ttag), 0x5678);
		assert_int_equal(le32_get(pdu->offset), 0x9abcdef0);
		assert_int_equal(le32_get(pdu->length), 0x11223344);
	}
}

/* Offsets counted by hand. */
static void icreq_and_icresp(void **state)
{
	struct pdu_format f = format(0);
	struct built b;

	prepare(&b);
	b.n = pdu_build_icreq(b.bytes, 7, 3, 0x01020304);
	assert_passes(&b, &f, true, 0);
	assert_memory_equal(b.bytes, "\0\0\x80\0\x80\0\0\0\0\0\x07\x03\x04\x03\x02\x01", 16);
	for (int i = 16; i < 128; i++)
		assert_int_equal(b.bytes[i], 0);
	prepare(&b);
	b.n = pdu_build_icresp(b.bytes, 0, 1, 0x00100000);
	assert_passes(&b, &f, false, 0);
	assert_memory_equal(b.bytes, "\x01\0\x80\0\x80\0\0\0\0\0\0\x01\0\0\x10\0", 16);
	for (int i = 16; i < 128; i++)
		assert_int_equal(b.bytes[i], 0);
}

static void terms(void **state)
{
	uint8_t culprit[300];

	for (size_t i = 0; i < sizeof(culprit); i++)
		culprit[i] = (uint8_t)(i + 1);
	for (uint32_t n = 0; n <= sizeof(culprit); n++) {
		struct built b;
		uint32_t kept = n < 128 ? n : 128;

		prepare(&b);
		b.n = pdu_build_term(b.bytes, n & 1 ? TCP_PDU_H2C_TERM : TCP_PDU_C2H_TERM,
				     3, 0xdeadbeef, n ? culprit : NULL, n);
		assert_within(&b);
		assert_int_equal(b.n, 24 + kept);
		assert_int_equal(b.bytes[0], n & 1 ? 2 : 3);
		assert_memory_equal(b.bytes + 1, "\0\x18\0", 3);
		assert_int_equal(b.bytes[4], 24 + kept);
		assert_memory_equal(b.bytes + 5, "\0\0\0\x03\0\xef\xbe\xad\xde\0\0\0\0\0\0\0\0\0\0", 19);
		if (kept)
			assert_memory_equal(b.bytes + 24, culprit, kept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(data_both_ways),
		cmocka_unit_test(success_is_kept),
		cmocka_unit_test(responses),
		cmocka_unit_test(r2ts),
		cmocka_unit_test(icreq_and_icresp),
		cmocka_unit_test(terms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
