/* SPDX-License-Identifier: BSD-2-Clause */
/* ICReq, TermReq, and headers that no PDU may have. */
#include "../unit.h"
#include "rig.h"

#include <stdlib.h>
#include <string.h>

/* ---- ICReq ------------------------------------------------------------------------ */

static void digests_are_those_asked_for_and_allowed(void **state)
{
	for (unsigned int i = 0; i < 16; i++) {
		struct rig rig = { .config = { .allow_header_digest = i & 1,
					       .allow_data_digest = i & 2 } };

		rig_open(&rig);
		rig_shake(&rig, 0, (uint8_t)(i >> 2));
		assert_int_equal(rig.dialect.header_digest, (i & 5) == 5);
		assert_int_equal(rig.dialect.data_digest, (i & 10) == 10);
		assert_int_equal(rig.conn.state, TCP_STATE_READY);
		rig_close(&rig);
	}
}

static void maxr2t_may_be_anything(void **state)
{
	static const uint32_t values[] = { 0, 1, 0xffffffff };

	for (size_t i = 0; i < 3; i++) {
		struct rig rig = { 0 };
		struct bytes b = { 0 };

		rig_open(&rig);
		put_icreq(&b, 0, 0, 0, values[i]);
		rig_give(&rig, &b);
		rig_see(&rig, 0x01);
		rig_close(&rig);
	}
}

static void maxh2cdata_is_the_configured_one(void **state)
{
	struct rig rig = { .config.maxh2cdata = 4096 };

	rig_open(&rig);
	rig_shake(&rig, 0, 0);		/* compares */
	rig_close(&rig);
}

static void refuse_icreq(uint16_t pfv, uint8_t hpda, uint8_t dgst, uint16_t fes, uint32_t fei)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };
	struct seen s;

	rig_open(&rig);
	put_icreq(&b, pfv, hpda, dgst, 0);
	rig_feed(&rig, b.p, b.n);
	rig_see_term(&rig, fes, fei);
	rig.seen = 0;
	s = rig_see(&rig, 0x03);
	assert_int_equal(s.n, 128);
	assert_memory_equal(s.data, b.p, 128);
	bytes_free(&b);
	rig_close(&rig);
}

static void bad_icreq_is_refused_with_the_offset_of_the_field(void **state)
{
	refuse_icreq(1, 0, 0, 6, 8);
	refuse_icreq(0x100, 0, 0, 6, 8);
	refuse_icreq(0, 32, 0, 1, 10);
	refuse_icreq(0, 255, 0, 1, 10);
	refuse_icreq(0, 0, 4, 1, 11);
	refuse_icreq(0, 0, 0x83, 1, 11);
	refuse_icreq(1, 255, 255, 6, 8);
	refuse_icreq(0, 255, 255, 1, 10);
}

static void a_second_icreq_is_a_sequence_error(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };

	rig_open(&rig);
	rig_shake(&rig, 0, 0);
	put_icreq(&b, 0, 0, 0, 0);
	rig_give(&rig, &b);
	rig_see_term(&rig, 2, 0);
	rig_close(&rig);
}

static void what_comes_before_icreq_is_a_sequence_error(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct rig rig = { 0 };
		struct bytes b = { 0 };
		uint8_t data[16] = { 0 };

		rig_open(&rig);
		if (i)
			rig_command(&rig, &b, 1, ACT_ANSWER, 0);
		else
			put_h2c(&b, &rig.dialect, 0, 0, 0, data, sizeof(data), true);
		rig_give(&rig, &b);
		rig_see_term(&rig, 2, 0);
		assert_int_equal(rig.gets, 0);
		rig_close(&rig);
	}
}

/* ---- TermReq ------------------------------------------------------------------------ */

/* Whatever stands in it, a TermReq is never answered. */
static void see_dropped(struct rig *rig)
{
	rig_see_none(rig);
	assert_int_equal(rig->conn.state, TCP_STATE_DEAD);
	assert_non_null(rig->conn.reason);
	rig_close(rig);
}

static void a_term_ends_the_connection_without_a_word(void **state)
{
	for (uint32_t n = 0; n <= 128; n++) {
		struct rig rig = { .config.allow_header_digest = true,
				   .config.allow_data_digest = true };
		struct bytes b = { 0 };

		rig_open(&rig);
		if (n & 1)
			rig_shake(&rig, 0, 3);
		put_term(&b, 6, 0x12345678, n);
		rig_give(&rig, &b);
		assert_int_equal(rig.conn.fes, 6);
		assert_int_equal(rig.conn.fei, 0x12345678);
		see_dropped(&rig);
	}
}

static void a_malformed_term_is_not_answered_either(void **state)
{
	static const struct { uint8_t at, value; } wrong[] = {
		{ 1, 0x01 }, { 1, 0x80 }, { 2, 0 }, { 2, 23 }, { 2, 255 },
		{ 4, 23 }, { 4, 153 }, { 4, 0 }, { 7, 0xff },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct rig rig = { 0 };
		struct bytes b = { 0 };

		rig_open(&rig);
		rig_shake(&rig, 0, 0);
		put_term(&b, 1, 0, 0);
		b.p[wrong[i].at] = wrong[i].value;
		rig_give(&rig, &b);
		see_dropped(&rig);
	}
}

static void a_term_carries_the_header_at_fault(void **state)
{
	/* In one piece, and cut behind the first byte. */
	for (size_t cut = 0; cut < 2; cut++) {
		struct rig rig = { .config.allow_header_digest = true };
		struct bytes b = { 0 };
		struct seen s;

		rig_open(&rig);
		rig_shake(&rig, 0, 1);
		rig_command(&rig, &b, 1, ACT_ANSWER, 0);
		b.p[72] ^= 0x80;
		rig_feed(&rig, b.p, cut);
		rig_feed(&rig, b.p + cut, b.n - cut);
		s = rig_see(&rig, 0x03);
		assert_int_equal(get16(s.header + 8), 3);
		assert_int_equal(get32(s.header + 10), get32(b.p + 72));
		assert_int_equal(s.n, 72);
		assert_memory_equal(s.data, b.p, 72);
		bytes_free(&b);
		rig_close(&rig);
	}
}

/* The end may also be decided while no PDU is at hand. */
static void terminating_between_pdus_needs_no_culprit(void **state)
{
	struct rig rig = { 0 };
	struct seen s;

	rig_open(&rig);
	rig_shake(&rig, 0, 0);
	tcp_terminate(&rig.conn, TCP_FES_SEQUENCE, 0, "the test says so");
	s = rig_see(&rig, 0x03);
	assert_int_equal(s.plen, 24);
	assert_string_equal(rig.conn.reason, "the test says so");
	rig_close(&rig);
}

static void the_first_reason_stays(void **state)
{
	struct rig rig = { 0 };

	rig_open(&rig);
	rig_shake(&rig, 0, 0);
	tcp_terminate(&rig.conn, TCP_FES_SEQUENCE, 0, "first");
	tcp_terminate(&rig.conn, TCP_FES_SEQUENCE, 0, "second");
	rig_see_term(&rig, 2, 0);
	tcp_drop(&rig.conn, NULL);
	assert_int_equal(rig.conn.state, TCP_STATE_DEAD);
	assert_string_equal(rig.conn.reason, "first");
	rig_close(&rig);
}

static void nothing_is_taken_after_the_end(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };
	void *where;

	rig_open(&rig);
	rig_shake(&rig, 0, 0);
	put_icreq(&b, 0, 0, 0, 0);
	rig_command(&rig, &b, 1, ACT_ANSWER, 0);
	rig_give(&rig, &b);
	rig_command(&rig, &b, 2, ACT_ANSWER, 0);
	rig_give(&rig, &b);
	rig_see_term(&rig, 2, 0);
	assert_int_equal(rig.gets, 0);
	assert_int_equal(tcp_rx_place(&rig.conn, &where), 0);
	rig_close(&rig);
}

/* ---- header digests -------------------------------------------------------------------- */

static void a_wrong_header_digest_ends_the_connection(void **state)
{
	/* Each bit of header and digest behind the common header, which is
	 * judged first. */
	for (unsigned int bit = 8 * 8; bit < 76 * 8; bit++) {
		struct rig rig = { .config.allow_header_digest = true };
		struct bytes b = { 0 };

		rig_open(&rig);
		rig_shake(&rig, 0, 1);
		rig_command(&rig, &b, 1, ACT_ANSWER, 0);
		b.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		rig_feed(&rig, b.p, b.n);
		rig_see_term(&rig, 3, get32(b.p + 72));
		assert_int_equal(rig.gets, 0);
		bytes_free(&b);
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_asked_for_and_allowed),
		cmocka_unit_test(maxr2t_may_be_anything),
		cmocka_unit_test(maxh2cdata_is_the_configured_one),
		cmocka_unit_test(bad_icreq_is_refused_with_the_offset_of_the_field),
		cmocka_unit_test(a_second_icreq_is_a_sequence_error),
		cmocka_unit_test(what_comes_before_icreq_is_a_sequence_error),
		cmocka_unit_test(a_term_ends_the_connection_without_a_word),
		cmocka_unit_test(a_malformed_term_is_not_answered_either),
		cmocka_unit_test(a_term_carries_the_header_at_fault),
		cmocka_unit_test(terminating_between_pdus_needs_no_culprit),
		cmocka_unit_test(the_first_reason_stays),
		cmocka_unit_test(nothing_is_taken_after_the_end),
		cmocka_unit_test(a_wrong_header_digest_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
