/* SPDX-License-Identifier: BSD-2-Clause */
/* The send queue: packing, partial sends, growth, and want of memory. */
#include "../unit.h"
#include "rig.h"

#include <stdlib.h>
#include <string.h>

static void start(struct rig *rig)
{
	rig_open(rig);
	rig_connect(rig, 0, 0, 1024, false);
	assert_int_equal(rig->taken, 0);	/* nothing is kept while idle */
}

static void add(struct rig *rig, uint16_t cid, enum act act, uint32_t n)
{
	struct bytes b = { 0 };

	rig_command(rig, &b, cid, act, n);
	rig_give(rig, &b);
}

/* A batch of responses goes out as one piece. */
static void responses_are_packed(void **state)
{
	struct rig rig = { 0 };
	struct iovec vector[4];

	start(&rig);
	for (uint16_t i = 0; i < 500; i++)
		add(&rig, i, ACT_ANSWER, 0);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 4, SIZE_MAX), 1);
	assert_int_equal(vector[0].iov_len, 500 * 24);
	for (uint16_t i = 0; i < 500; i++)
		rig_see_response(&rig, i, 0);
	rig_close(&rig);
}

static void small_reads_are_packed_and_large_ones_are_not(void **state)
{
	struct rig rig = { 0 };
	struct iovec vector[8];

	start(&rig);
	add(&rig, 1, ACT_READ, 512);
	add(&rig, 2, ACT_READ, 512);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 8, SIZE_MAX), 1);
	assert_int_equal(rig.sents, rig.gets);
	add(&rig, 3, ACT_READ, TCP_PACKED_MAX + 1);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 8, SIZE_MAX), 3);
	assert_int_equal(vector[1].iov_len, TCP_PACKED_MAX + 1);
	assert_int_equal(rig.sents, rig.gets - 1);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 2, SIZE_MAX), 2);
	rig_close(&rig);
}

/* An owner is told when its last byte has left, and not before. */
static void sent_follows_the_last_byte_of_the_data(void **state)
{
	struct rig rig = { 0 };

	start(&rig);
	add(&rig, 1, ACT_READ_REFERRED, 1000);
	tcp_tx_done(&rig.conn, 24);
	tcp_tx_done(&rig.conn, 999);
	assert_int_equal(rig.sents, rig.gets - 1);
	tcp_tx_done(&rig.conn, 1);
	assert_int_equal(rig.sents, rig.gets);
	assert_true(tcp_has_output(&rig.conn));
	tcp_tx_done(&rig.conn, 24);
	assert_false(tcp_has_output(&rig.conn));
	assert_int_equal(rig.taken, 0);
	rig_close(&rig);
}

/* ---- lent data ------------------------------------------------------------------------ */

/* Each block is of one moment: filled with one byte. */
static void see_no_tear(const struct seen *s)
{
	for (uint32_t at = 0; at < s->n; at++)
		if (s->data[at] != s->data[at / RIG_BLOCK * RIG_BLOCK])
			fail_msg("block %u is torn at byte %u", at / RIG_BLOCK, at % RIG_BLOCK);
}

/* The data of a read of `n` blocks. */
static void see_whole_blocks(struct rig *rig, uint32_t n)
{
	struct seen s = rig_see(rig, 0x07);

	assert_int_equal(s.n, n * RIG_BLOCK);
	see_no_tear(&s);
}

static void lend(struct rig *rig, size_t gulp, uint32_t hold_most, unsigned int refusals,
		 unsigned int pieces)
{
	start(rig);
	rig->gulp = gulp;
	rig->hold_most = hold_most;
	rig->hold_refusals = refusals;
	rig->pieces = pieces;
	add(rig, 1, ACT_READ_LENT, 20 * RIG_BLOCK);
	add(rig, 2, ACT_READ_LENT, 8 * RIG_BLOCK);
	add(rig, 3, ACT_ANSWER, 0);
	add(rig, 4, ACT_READ_LENT, 9 * RIG_BLOCK);
	see_whole_blocks(rig, 20);
	rig_see_response(rig, 1, 0);
	see_whole_blocks(rig, 8);
	rig_see_response(rig, 2, 0);
	rig_see_response(rig, 3, 0);
	see_whole_blocks(rig, 9);
	rig_see_response(rig, 4, 0);
	assert_int_equal(rig->sents, rig->gets);
	rig_close(rig);
}

static void no_lent_block_leaves_in_two_states(void **state)
{
	static const size_t gulps[] = { 0, 1, 23, 100, 511, 512, 513, 1000, 5000, 12345 };
	static const uint32_t holds[] = { 0, 1, 512, 2048 };
	static const unsigned int refusals[] = { 0, 1, 2, 3 };

	for (size_t g = 0; g < 10; g++)
		for (size_t h = 0; h < 4; h++)
			for (size_t r = 0; r < 4; r++) {
				struct rig rig = { 0 };

				lend(&rig, gulps[g], holds[h], refusals[r], 1 + (g + h) % 7);
			}
}

/* The queue never empties, so that the copy finds the gap in front of it, or none. */
static void nor_one_of_a_queue_that_is_never_empty(void **state)
{
	struct rig rig = { 0 };

	start(&rig);
	for (uint16_t i = 1; i <= 300; i++) {
		add(&rig, i, ACT_READ_LENT, (8 + i % 9) * RIG_BLOCK);
		rig_send(&rig, 24 + (8 + i % 11) * (RIG_BLOCK - 7));
	}
	for (uint16_t i = 1; i <= 300; i++) {
		see_whole_blocks(&rig, 8 + i % 9);
		rig_see_response(&rig, i, 0);
	}
	rig_close(&rig);
}

/* A part and the rest, and no little rest behind the last part. */
static void a_vector_ends_with_its_part(void **state)
{
	struct rig rig = { 0 };
	struct iovec vector[64];

	start(&rig);
	for (uint16_t i = 1; i <= 10; i++)
		add(&rig, i, ACT_READ_LENT, 2 * RIG_BLOCK);
	/* A header, and then data and what comes behind it by turns. */
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 64, 4000), 8);
	tcp_tx_done(&rig.conn, 0);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 64, 6 * (1024 + 48)), 21);
	tcp_tx_done(&rig.conn, 0);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 64, 5300), 10);
	tcp_tx_done(&rig.conn, 0);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 64, 1), 1);
	tcp_tx_done(&rig.conn, 0);
	rig.part = 1500;
	for (uint16_t i = 1; i <= 10; i++) {
		see_whole_blocks(&rig, 2);
		rig_see_response(&rig, i, 0);
	}
	rig_close(&rig);
}

/* What was not offered yet changes; a batch that is held leaves in one vector. */
static void lent_data_is_sent_in_place(void **state)
{
	struct rig rig = { 0 };
	struct iovec vector[16];

	start(&rig);
	add(&rig, 1, ACT_READ_LENT, 8 * RIG_BLOCK);
	add(&rig, 2, ACT_READ_LENT, RIG_BLOCK);
	add(&rig, 3, ACT_READ_REFERRED, RIG_BLOCK);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 16, SIZE_MAX), 7);
	assert_int_equal(rig.held, 2);
	assert_int_equal(vector[1].iov_len, 8 * RIG_BLOCK);
	tcp_tx_done(&rig.conn, 0);
	assert_int_equal(rig.held, 0);
	assert_true(rig.taken <= TCP_CHUNK_WANTED);
	/* Refused, the second waits for the next vector. */
	rig.hold_refusals = 1;
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 16, SIZE_MAX), 3);
	tcp_tx_done(&rig.conn, 24);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 16, SIZE_MAX), 2);
	tcp_tx_done(&rig.conn, 8 * RIG_BLOCK);
	assert_int_equal(rig.sents, rig.gets - 2);
	rig_close(&rig);
}

/* The data of a digest is of one moment; rig_see compares the two. */
static void lent_data_and_its_digest_agree(void **state)
{
	static const size_t gulps[] = { 0, 1, 23, 511, 1000, 5000 };
	static const uint32_t holds[] = { 0, 1, 2048 };

	for (size_t g = 0; g < 6; g++)
		for (size_t h = 0; h < 3; h++)
			for (unsigned int refusals = 0; refusals < 4; refusals++) {
				struct rig rig = { .gulp = gulps[g], .hold_most = holds[h],
						   .hold_refusals = refusals };

				rig.config.allow_data_digest = true;
				rig_open(&rig);
				rig_connect(&rig, 0, 2, 64, false);
				for (uint16_t i = 1; i <= 5; i++)
					add(&rig, i, ACT_READ_LENT, i * 2 * RIG_BLOCK);
				for (uint16_t i = 1; i <= 5; i++) {
					see_whole_blocks(&rig, i * 2);
					rig_see_response(&rig, i, 0);
				}
				assert_int_equal(rig.sents, rig.gets);
				rig_close(&rig);
			}
}

/* The data of one PDU of a read that has `blocks` in several, from `*seen` on. */
static void see_piece(struct rig *rig, uint32_t blocks, uint32_t *seen)
{
	bool is_last = blocks - *seen <= TCP_PACKED_MAX / RIG_BLOCK;
	struct seen s = rig_see(rig, 0x07);

	assert_int_equal(s.flags & TCP_FLAG_LAST, is_last ? TCP_FLAG_LAST : 0);
	assert_int_equal(s.flags & TCP_FLAG_SUCCESS, 0);
	assert_int_equal(le32_get(((const struct tcp_data *)s.header)->offset), *seen * RIG_BLOCK);
	assert_int_equal(s.n, is_last ? (blocks - *seen) * RIG_BLOCK : TCP_PACKED_MAX);
	see_no_tear(&s);
	*seen += s.n / RIG_BLOCK;
}

/* Much data has a digest each few blocks, so that little must be held, or copied, at once. */
static void much_data_has_more_than_one_digest(void **state)
{
	static const size_t gulps[] = { 0, 1000, 5000, 16500 };
	const uint32_t blocks = 2 * TCP_PACKED_MAX / RIG_BLOCK + 3;

	for (size_t g = 0; g < 4; g++)
		for (unsigned int i = 0; i < 8; i++) {
			struct rig rig = { .gulp = gulps[g], .hold_refusals = i % 4,
					   .hold_most = i < 4 ? 0 : 1 };

			rig.config.allow_data_digest = true;
			rig_open(&rig);
			rig_connect(&rig, 0, 2, 64, false);
			add(&rig, 1, ACT_READ_LENT, blocks * RIG_BLOCK);
			add(&rig, 2, ACT_READ_LENT, blocks * RIG_BLOCK);
			for (uint16_t cid = 1; cid <= 2; cid++) {
				for (uint32_t seen = 0; seen < blocks;)
					see_piece(&rig, blocks, &seen);
				rig_see_response(&rig, cid, 0);
			}
			assert_true(rig.holds >= 6);
			assert_int_equal(rig.sents, rig.gets);
			rig_close(&rig);
		}
}

/* What can't be held as a whole is held piece by piece, there where it lies. */
static void a_copy_is_of_what_is_held(void **state)
{
	const uint32_t blocks = 3 * TCP_PACKED_MAX / RIG_BLOCK;
	struct rig rig = { .hold_most = 1 };
	uint32_t seen = 0;

	rig.config.allow_data_digest = true;
	rig_open(&rig);
	rig_connect(&rig, 0, 2, 64, false);
	add(&rig, 1, ACT_READ_LENT, blocks * RIG_BLOCK);
	rig_send(&rig, sizeof(struct tcp_data) + TCP_PACKED_MAX + TCP_DIGEST_SIZE);
	rig.hold_least = TCP_PACKED_MAX;
	while (seen < blocks)
		see_piece(&rig, blocks, &seen);
	rig_see_response(&rig, 1, 0);
	rig_close(&rig);
}

/* What can't be held as a whole is copied, and then there is no memory. */
static void no_memory_for_a_copy_ends_it(void **state)
{
	struct rig rig = { .hold_most = 1 };
	struct iovec vector[16];

	rig.config.allow_data_digest = true;
	rig_open(&rig);
	rig_connect(&rig, 0, 2, 64, false);
	add(&rig, 1, ACT_READ_LENT, 4 * RIG_BLOCK);
	rig.takes_left = 0;
	tcp_tx_vector(&rig.conn, vector, 16, SIZE_MAX);
	assert_int_equal(rig.conn.state, TCP_STATE_DEAD);
	assert_int_equal(rig.held, 0);
	tcp_tx_done(&rig.conn, 0);
	rig_close(&rig);
}

static void no_memory_for_the_rest_of_a_block_ends_it(void **state)
{
	struct rig rig = { 0 };
	struct iovec vector[16];

	start(&rig);
	add(&rig, 1, ACT_READ_LENT, 8 * RIG_BLOCK);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 16, SIZE_MAX), 3);
	rig.takes_left = 0;
	tcp_tx_done(&rig.conn, 24 + RIG_BLOCK);
	assert_int_equal(rig.conn.state, TCP_STATE_READY);
	assert_int_equal(tcp_tx_vector(&rig.conn, vector, 16, SIZE_MAX), 2);
	tcp_tx_done(&rig.conn, 1);
	assert_int_equal(rig.conn.state, TCP_STATE_DEAD);
	assert_int_equal(rig.held, 0);
	rig_close(&rig);
}

/* The queue never empties: what is sent makes room for what comes. */
static void a_queue_that_is_never_empty_stays_small(void **state)
{
	struct rig rig = { 0 };
	size_t most = 0;

	start(&rig);
	for (uint32_t i = 0; i < 20000; i++) {
		struct iovec vector;

		add(&rig, (uint16_t)i, i % 3 ? ACT_READ_REFERRED : ACT_ANSWER, 100);
		if (i < 20)
			continue;
		assert_int_equal(tcp_tx_vector(&rig.conn, &vector, 1, SIZE_MAX), 1);
		for (int j = 0; j < 3 && rig.conn.tx.bytes > 1000; j++) {
			assert_int_equal(tcp_tx_vector(&rig.conn, &vector, 1, SIZE_MAX), 1);
			bytes_add(&rig.out, vector.iov_base, vector.iov_len);
			tcp_tx_done(&rig.conn, vector.iov_len);
		}
		if (rig.taken > most)
			most = rig.taken;
		rig.trace.n = 0;
	}
	assert_true(rig.conn.tx.room <= 256);
	assert_true(most <= 2 * TCP_CHUNK_WANTED);
	rig_pump(&rig);
	assert_int_equal(rig.taken, 0);
	for (uint32_t i = 0; i < 20000; i++) {
		if (i % 3)
			assert_int_equal(rig_see(&rig, 0x07).n, 100);
		rig_see_response(&rig, (uint16_t)i, 0);
	}
	rig_close(&rig);
}

/* ... and one that is not read at all holds each byte once. */
static void a_queue_that_is_not_read(void **state)
{
	struct rig rig = { 0 };

	start(&rig);
	for (uint16_t i = 0; i < 3000; i++)
		add(&rig, i, i & 1 ? ACT_READ : ACT_READ_REFERRED, 3000);
	for (uint16_t i = 0; i < 3000; i++) {
		struct seen s = rig_see(&rig, 0x07);

		assert_int_equal(get16(s.header + 8), i);
		for (uint32_t j = 0; j < 3000; j += 37)
			assert_int_equal(s.data[j], rig_pattern(i, j));
		rig_see_response(&rig, i, 0);
	}
	rig_close(&rig);
}

/* One byte at a time, across every boundary of items and chunks. */
static void sent_byte_by_byte(void **state)
{
	struct rig rig = { .gulp = 1, .pieces = 1 };

	start(&rig);
	for (uint16_t i = 0; i < 60; i++)
		add(&rig, i, i & 1 ? ACT_READ : ACT_READ_REFERRED, 1500);
	for (uint16_t i = 0; i < 60; i++) {
		assert_int_equal(rig_see(&rig, 0x07).n, 1500);
		rig_see_response(&rig, i, 0);
	}
	assert_int_equal(rig.conn.counters.bytes_out, rig.out.n);
	rig_close(&rig);
}

/* An end that starts a parked command adds to the queue that is being sent. */
static void an_end_that_starts_another_command(void **state)
{
	struct rig rig = { .pieces = 3 };

	start(&rig);
	for (uint16_t i = 0; i < 200; i++)
		add(&rig, (uint16_t)(1000 + i), ACT_READ_PARK, 800);
	rig.starts_in_sent = true;
	for (uint16_t i = 0; i < 40; i++)
		add(&rig, i, ACT_READ_REFERRED, 800);
	for (uint16_t i = 0; i < 240; i++) {
		uint16_t cid = (uint16_t)(i < 40 ? i : 1000 + i - 40);

		assert_int_equal(get16(rig_see(&rig, 0x07).header + 8), cid);
		rig_see_response(&rig, cid, 0);
	}
	assert_int_equal(rig.sents, rig.gets);
	rig_close(&rig);
}

/* ---- want of memory ------------------------------------------------------------------ */

/* What conn.h asks for is enough to go on with. */
static void the_least_memory_is_enough(void **state)
{
	struct rig rig = { 0 };

	start(&rig);
	rig.take_most = TCP_CHUNK_MIN + rig.config.in_capsule_max;
	for (uint16_t i = 0; i < 300; i++) {
		struct bytes b = { 0 };
		uint8_t sqe[64], data[16384] = { 0 };

		rig_sqe(sqe, i, ACT_WRITE, 0);
		put_command(&b, &rig.dialect, sqe, data, sizeof(data));
		rig_feed_placed(&rig, b.p, b.n);
		bytes_free(&b);
		rig_see_response(&rig, i, 0);
		add(&rig, i, ACT_READ, 16384);
		assert_int_equal(rig_see(&rig, 0x07).n, 16384);
		rig_see_response(&rig, i, 0);
	}
	rig_close(&rig);
}

/* A reservation is a wish: without memory the sink brings its own. */
static void a_reservation_that_fails_ends_nothing(void **state)
{
	struct rig rig = { 0 };

	start(&rig);
	rig.take_most = TCP_CHUNK_MIN;
	add(&rig, 1, ACT_READ, 16000);
	assert_int_equal(rig.conn.state, TCP_STATE_READY);
	assert_int_equal(rig_see(&rig, 0x07).n, 16000);
	rig_see_response(&rig, 1, 0);
	rig_close(&rig);
}

/* Whichever of its requests fails: the connection ends, and the books balance. */
static void each_request_for_memory_fails_in_turn(void **state)
{
	static const enum act acts[] = { ACT_ANSWER, ACT_READ, ACT_READ_REFERRED, ACT_WRITE,
					 ACT_RESERVE_FAIL };
	uint8_t data[6000] = { 0 };

	for (unsigned int fail = 0; fail < 12; fail++)
	for (int digests = 0; digests < 2; digests++)
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		struct rig rig = { .config = { .allow_header_digest = true,
					       .allow_data_digest = true,
					       .maxh2cdata = 4096 } };
		struct bytes b = { 0 };
		uint8_t sqe[64];

		rig_open(&rig);
		rig_connect(&rig, 31, digests ? 3 : 0, 64, false);
		rig.takes_left = fail;
		for (uint16_t n = 0; n < 20; n++)
			rig_command(&rig, &b, n, acts[i], 15000);
		rig_sqe(sqe, 20, ACT_WRITE, 0);
		put_command(&b, &rig.dialect, sqe, data, sizeof(data));
		put_h2c(&b, &rig.dialect, 0, 0, 0, data, 4096, true);
		put_icreq(&b, 0, 0, 0, 0);
		rig_feed_placed(&rig, b.p, b.n);
		bytes_free(&b);
		rig_pump(&rig);
		assert_true(rig.conn.state >= TCP_STATE_TERMINATING);
		assert_non_null(rig.conn.reason);
		rig_close(&rig);
	}
}

static void no_memory_for_the_handshake(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };

	rig_open(&rig);
	rig.takes_left = 0;
	put_icreq(&b, 0, 0, 0, 0);
	rig_give(&rig, &b);
	assert_int_equal(rig.conn.state, TCP_STATE_DEAD);
	assert_false(tcp_has_output(&rig.conn));
	rig_close(&rig);
}

static void no_memory_for_a_term(void **state)
{
	struct rig rig = { 0 };

	start(&rig);
	rig.takes_left = 0;
	tcp_terminate(&rig.conn, TCP_FES_SEQUENCE, 0, "the test says so");
	assert_int_equal(rig.conn.state, TCP_STATE_DEAD);
	assert_non_null(rig.conn.reason);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses_are_packed),
		cmocka_unit_test(small_reads_are_packed_and_large_ones_are_not),
		cmocka_unit_test(no_lent_block_leaves_in_two_states),
		cmocka_unit_test(nor_one_of_a_queue_that_is_never_empty),
		cmocka_unit_test(a_vector_ends_with_its_part),
		cmocka_unit_test(lent_data_is_sent_in_place),
		cmocka_unit_test(lent_data_and_its_digest_agree),
		cmocka_unit_test(much_data_has_more_than_one_digest),
		cmocka_unit_test(a_copy_is_of_what_is_held),
		cmocka_unit_test(no_memory_for_a_copy_ends_it),
		cmocka_unit_test(no_memory_for_the_rest_of_a_block_ends_it),
		cmocka_unit_test(sent_follows_the_last_byte_of_the_data),
		cmocka_unit_test(a_queue_that_is_never_empty_stays_small),
		cmocka_unit_test(a_queue_that_is_not_read),
		cmocka_unit_test(sent_byte_by_byte),
		cmocka_unit_test(an_end_that_starts_another_command),
		cmocka_unit_test(the_least_memory_is_enough),
		cmocka_unit_test(a_reservation_that_fails_ends_nothing),
		cmocka_unit_test(each_request_for_memory_fails_in_turn),
		cmocka_unit_test(no_memory_for_the_handshake),
		cmocka_unit_test(no_memory_for_a_term),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
