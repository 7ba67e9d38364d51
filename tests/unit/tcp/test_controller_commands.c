/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands in, responses and read data out. */
#include "../unit.h"
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#define DIGESTS .allow_header_digest = true, .allow_data_digest = true

static void command_and_response(void **state)
{
	for (uint8_t dgst = 0; dgst < 4; dgst++) {
		struct rig rig = { .config = { DIGESTS } };
		struct bytes b = { 0 };

		rig_open(&rig);
		rig_connect(&rig, 0, dgst, 32, false);
		rig_command(&rig, &b, 0xffff, ACT_ANSWER, 0);
		rig_give(&rig, &b);
		assert_int_equal(rig_see_response(&rig, 0xffff, 0), 2);
		rig_see_none(&rig);
		rig_close(&rig);
	}
}

static void status_and_dword_0_are_the_sinks(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };
	uint8_t sqe[64];
	struct seen s;

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 32, false);
	rig_sqe(sqe, 3, ACT_ANSWER, 0);
	put32(sqe + 48, 0xdeadbeef);
	put32(sqe + 52, 0x4000 | 0x182);		/* DNR, type 1, code 82h */
	put_command(&b, &rig.dialect, sqe, NULL, 0);
	rig_give(&rig, &b);
	s = rig_see(&rig, 0x05);
	assert_int_equal(get32(s.header + 8), 0xdeadbeef);
	assert_int_equal(get32(s.header + 12), 0);
	assert_int_equal(get16(s.header + 18), 0);	/* SQID is reserved */
	assert_int_equal(get16(s.header + 22), 0x8000 | 0x182 << 1);
	rig_close(&rig);
}

/* ---- in-capsule data -------------------------------------------------------------- */

static void give_in_capsule(struct rig *rig, uint32_t n, unsigned int align, bool is_corrupt)
{
	struct bytes b = { 0 };
	uint8_t sqe[64], *data = malloc(n);

	for (uint32_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 31 + n);
	rig_sqe(sqe, 5, ACT_WRITE, 0);
	rig->dialect.align = align;
	put_command(&b, &rig->dialect, sqe, data, n);
	if (is_corrupt)
		b.p[b.n - 1 - n % 4] ^= 1;
	rig_give(rig, &b);
	free(data);
}

/* The host may pad as it likes, as long as PDO is a multiple of CPDA's 4. */
static void in_capsule_data_of_every_length_and_padding(void **state)
{
	static const uint32_t lengths[] = { 1, 2, 3, 4, 5, 511, 512, 4095, 4096, 16383, 16384 };

	for (uint8_t dgst = 0; dgst < 4; dgst++)
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
	for (unsigned int align = 4; align <= 128; align += 4) {
		struct rig rig = { .config = { DIGESTS } };

		rig_open(&rig);
		rig_connect(&rig, 0, dgst, 32, false);
		give_in_capsule(&rig, lengths[i], align, false);
		rig_see_response(&rig, 5, 0);
		assert_int_equal(rig.commands, 2);
		rig_close(&rig);
	}
}

static void data_behind_the_farthest_offset(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };
	uint8_t header[72] = { 0 };

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 32, false);
	rig_sqe(header + 8, 5, ACT_WRITE, 0);
	rig.dialect.align = 252;
	put_pdu(&b, &rig.dialect, 0x04, 0, header, sizeof(header), "abc", 3);
	assert_int_equal(b.p[3], 252);
	rig_give(&rig, &b);
	rig_see_response(&rig, 5, 0);
	rig_close(&rig);
}

static void a_capsule_over_the_limit_ends_the_connection(void **state)
{
	struct rig rig = { .config.in_capsule_max = 9000 };

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 32, false);
	give_in_capsule(&rig, 9000, 4, false);
	rig_see_response(&rig, 5, 0);
	give_in_capsule(&rig, 9001, 4, false);
	rig_see_term(&rig, 1, 4);
	rig_close(&rig);
}

/* Before Connect nothing is known but that 8192 bytes must do. */
static void a_connect_may_carry_8192_bytes(void **state)
{
	for (uint32_t over = 0; over < 2; over++) {
		struct rig rig = { .config.in_capsule_max = 4096 };

		rig_open(&rig);
		rig_shake(&rig, 0, 0);
		give_in_capsule(&rig, 8192 + over, 4, false);
		if (over)
			rig_see_term(&rig, 1, 4);
		else
			rig_see_response(&rig, 5, 0);
		rig_close(&rig);
	}
}

/* A limit below 8192 is one for I/O commands: Fabrics commands still may. */
static void fabrics_commands_may_carry_8192_bytes_on_any_queue(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct rig rig = { .config.in_capsule_max = 4096 };
		struct bytes b = { 0 };
		uint8_t sqe[64], data[8193] = { 0 };
		bool is_fabrics = i & 1, is_whole = i & 2;

		rig_open(&rig);
		rig_connect(&rig, 0, 0, 32, false);
		rig_sqe(sqe, 5, ACT_WRITE, 0);
		if (is_fabrics)
			sqe[0] = 0x7f;
		put_command(&b, &rig.dialect, sqe, data, 8192);
		rig_feed(&rig, b.p, is_whole ? b.n : 100);
		if (!is_whole && is_fabrics)
			rig_feed(&rig, b.p + 100, b.n - 100);
		bytes_free(&b);
		if (is_fabrics)
			rig_see_response(&rig, 5, 0);
		else
			rig_see_term(&rig, 1, 4);
		rig_close(&rig);
	}
}

static void a_corrupt_capsule_fails_and_the_queue_lives(void **state)
{
	for (int header_digest = 0; header_digest < 2; header_digest++)
	for (uint32_t n = 1; n < 9; n++) {
		struct rig rig = { .config = { DIGESTS } };

		rig_open(&rig);
		rig_connect(&rig, 0, (uint8_t)(2 | header_digest), 32, false);
		give_in_capsule(&rig, n, 4, true);
		assert_int_equal(rig_see_response(&rig, 5, 0x22), 2);
		assert_int_equal(rig.commands, 1);	/* the Connect */
		give_in_capsule(&rig, n, 4, false);
		assert_int_equal(rig_see_response(&rig, 5, 0), 3);
		rig_close(&rig);
	}
}

/* ---- reads ------------------------------------------------------------------------ */

static void see_read(struct rig *rig, uint16_t cid, uint32_t n, bool is_success)
{
	struct seen s = rig_see(rig, 0x07);

	assert_int_equal(s.flags & ~3, is_success ? 0x0c : 0x04);
	assert_int_equal(get16(s.header + 8), cid);
	assert_int_equal(get32(s.header + 12), 0);
	assert_int_equal(s.n, n);
	for (uint32_t i = 0; i < n; i++)
		if (s.data[i] != rig_pattern(cid, i))
			fail_msg("byte %u of %u", i, n);
}

static void reads_at_every_alignment_with_every_digest(void **state)
{
	static const uint32_t lengths[] = { 1, 4, 512, 4097, 16384, 16385, 100000 };

	for (uint8_t hpda = 0; hpda < 32; hpda++)
	for (uint8_t dgst = 0; dgst < 4; dgst++) {
		struct rig rig = { .config = { DIGESTS }, .pieces = hpda % 3,
				   .gulp = hpda % 5 * 1000 };
		struct bytes b = { 0 };

		rig_open(&rig);
		rig_connect(&rig, hpda, dgst, 32, false);
		for (uint16_t i = 0; i < 7; i++) {
			rig_command(&rig, &b, i, ACT_READ, lengths[i]);
			rig_command(&rig, &b, (uint16_t)(100 + i), ACT_READ_REFERRED, lengths[i]);
		}
		rig_give(&rig, &b);
		for (uint16_t i = 0; i < 14; i++) {
			uint16_t cid = (uint16_t)(i / 2 + (i & 1) * 100);

			see_read(&rig, cid, lengths[i / 2], false);
			assert_int_equal(rig_see_response(&rig, cid, 0), i + 2);
		}
		rig_see_none(&rig);
		assert_int_equal(rig.sents, rig.gets);
		rig_close(&rig);
	}
}

static void a_failed_read_sends_no_data(void **state)
{
	static const enum act acts[] = { ACT_READ, ACT_READ_REFERRED, ACT_RESERVE_FAIL };

	for (size_t i = 0; i < 3; i++) {
		struct rig rig = { 0 };
		struct bytes b = { 0 };
		uint8_t sqe[64];

		rig_open(&rig);
		rig_connect(&rig, 0, 0, 32, false);
		rig_sqe(sqe, 1, acts[i], 900);
		put32(sqe + 52, 0x281);
		put_command(&b, &rig.dialect, sqe, NULL, 0);
		rig_give(&rig, &b);
		rig_see_response(&rig, 1, 0x281);
		rig_see_none(&rig);
		rig_close(&rig);
	}
}

static void success_is_set_by_the_rules(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		bool flow_off = i & 1, always = i & 2;
		struct rig rig = { .config.success_always = always };

		rig_open(&rig);
		rig_connect(&rig, 0, 0, 64, flow_off);
		for (uint16_t n = 1; n <= 100; n++) {
			struct bytes b = { 0 };
			/* With flow control on, every 16th is a real one. */
			bool omits = flow_off || (always && n % 16);

			rig_command(&rig, &b, n, n & 1 ? ACT_READ : ACT_READ_REFERRED, 700);
			rig_give(&rig, &b);
			see_read(&rig, n, 700, omits);
			if (!omits)
				assert_int_equal(rig_see_response(&rig, n, 0),
						 flow_off ? 0 : (1 + n) % 64);
			rig_see_none(&rig);
		}
		rig_close(&rig);
	}
}

static void success_never_stands_for_a_result(void **state)
{
	struct rig rig = { .config.success_always = true };
	struct bytes b = { 0 };
	uint8_t sqe[64];

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 64, true);
	rig_sqe(sqe, 1, ACT_READ, 16);
	put32(sqe + 48, 1);			/* DW0 */
	put_command(&b, &rig.dialect, sqe, NULL, 0);
	rig_give(&rig, &b);
	see_read(&rig, 1, 16, false);
	rig_see_response(&rig, 1, 0);
	rig_close(&rig);
}

/* A queue too small for a quarter gets every completion. */
static void success_always_is_never_on_a_tiny_queue(void **state)
{
	struct rig rig = { .config.success_always = true };

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 4, false);
	for (uint16_t n = 0; n < 9; n++) {
		struct bytes b = { 0 };

		rig_command(&rig, &b, n, ACT_READ, 16);
		rig_give(&rig, &b);
		see_read(&rig, n, 16, false);
		rig_see_response(&rig, n, 0);
	}
	rig_close(&rig);
}

/* ---- the submission queue ------------------------------------------------------------ */

static void the_head_wraps_at_the_queues_size(void **state)
{
	static const uint32_t sizes[] = { 2, 3, 17, 1024, 65535, 65536 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct rig rig = { 0 };

		rig_open(&rig);
		rig_connect(&rig, 0, 0, sizes[i], false);
		for (uint32_t n = 2; n < 70000; n += 1) {
			struct bytes b = { 0 };

			rig_command(&rig, &b, (uint16_t)n, ACT_ANSWER, 0);
			rig_give(&rig, &b);
			if (n % 64 == 0 || n % 65536 < 4 || n < 40)
				rig_pump(&rig);
			rig.trace.n = 0;
		}
		for (uint32_t n = 2; n < 70000; n++)
			assert_int_equal(rig_see_response(&rig, (uint16_t)n, 0), n % sizes[i]);
		rig_close(&rig);
	}
}

/* It is the one of the moment of sending, and counts what was fetched. */
static void the_head_is_stamped_in_the_order_of_sending(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 32, false);
	rig_command(&rig, &b, 1, ACT_PARK, 0);
	rig_command(&rig, &b, 2, ACT_ANSWER, 0);
	rig_command(&rig, &b, 3, ACT_ANSWER, 0);
	rig_give(&rig, &b);
	rig_release(&rig);
	assert_int_equal(rig_see_response(&rig, 2, 0), 3);
	assert_int_equal(rig_see_response(&rig, 3, 0), 4);
	assert_int_equal(rig_see_response(&rig, 1, 0), 4);
	rig_close(&rig);
}

static void without_flow_control_the_head_is_reserved(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 32, true);	/* FFFFh in the Connect's response */
	rig_command(&rig, &b, 1, ACT_ANSWER, 0);
	rig_give(&rig, &b);
	assert_int_equal(rig_see_response(&rig, 1, 0), 0);
	rig_close(&rig);
}

static void a_command_identifier_in_use_is_a_conflict(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 32, false);
	rig_command(&rig, &b, 9, ACT_PARK, 0);
	rig_command(&rig, &b, 9 + 128, ACT_PARK, 0);	/* the same bucket */
	rig_command(&rig, &b, 9, ACT_ANSWER, 0);
	rig_give(&rig, &b);
	assert_int_equal(rig_see_response(&rig, 9, 3), 4);
	assert_int_equal(rig.commands, 3);
	rig_release(&rig);
	assert_int_equal(rig_see_response(&rig, 9, 0), 4);
	assert_int_equal(rig_see_response(&rig, 9 + 128, 0), 4);
	/* And free again, before anything is known to have been sent. */
	rig_command(&rig, &b, 9, ACT_ANSWER, 0);
	rig_command(&rig, &b, 9, ACT_ANSWER, 0);
	rig_give(&rig, &b);
	rig_see_response(&rig, 9, 0);
	rig_see_response(&rig, 9, 0);
	rig_close(&rig);
}

/* How many commands are taken until the connection ends. */
static unsigned int commands_until_overrun(uint32_t entries, bool flow_off)
{
	struct rig rig = { 0 };
	unsigned int n = 0;

	rig_open(&rig);
	rig_connect(&rig, 0, 0, entries, flow_off);
	while (rig.conn.state == TCP_STATE_READY) {
		struct bytes b = { 0 };

		assert_true(n < 1000);
		rig_command(&rig, &b, (uint16_t)n++, ACT_PARK, 0);
		rig_give(&rig, &b);
	}
	rig_see_term(&rig, 2, 0);
	rig_close(&rig);
	return n - 1;
}

static void more_commands_than_the_queue_can_hold(void **state)
{
	/* All slots fetched and unanswered, and as many again submitted. */
	assert_int_equal(commands_until_overrun(16, false), 32);
	assert_int_equal(commands_until_overrun(16, true), 16);
	assert_int_equal(commands_until_overrun(2, false), 4);
}

static void one_command_at_a_time_before_connect(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };

	rig_open(&rig);
	rig_shake(&rig, 0, 0);
	rig_command(&rig, &b, 1, ACT_ANSWER, 0);
	rig_command(&rig, &b, 2, ACT_PARK, 0);
	rig_command(&rig, &b, 3, ACT_ANSWER, 0);
	rig_give(&rig, &b);
	rig_see_response(&rig, 1, 0);
	rig_see_term(&rig, 2, 0);
	assert_int_equal(rig.commands, 2);
	rig_close(&rig);
}

static void no_capsule_to_be_had_ends_the_connection(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 32, false);
	rig.gets_left = 1;
	rig_command(&rig, &b, 1, ACT_ANSWER, 0);
	rig_command(&rig, &b, 2, ACT_ANSWER, 0);
	rig_give(&rig, &b);
	assert_int_equal(rig.conn.state, TCP_STATE_DEAD);
	assert_non_null(rig.conn.reason);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_and_response),
		cmocka_unit_test(status_and_dword_0_are_the_sinks),
		cmocka_unit_test(in_capsule_data_of_every_length_and_padding),
		cmocka_unit_test(data_behind_the_farthest_offset),
		cmocka_unit_test(a_capsule_over_the_limit_ends_the_connection),
		cmocka_unit_test(a_connect_may_carry_8192_bytes),
		cmocka_unit_test(fabrics_commands_may_carry_8192_bytes_on_any_queue),
		cmocka_unit_test(a_corrupt_capsule_fails_and_the_queue_lives),
		cmocka_unit_test(reads_at_every_alignment_with_every_digest),
		cmocka_unit_test(a_failed_read_sends_no_data),
		cmocka_unit_test(success_is_set_by_the_rules),
		cmocka_unit_test(success_never_stands_for_a_result),
		cmocka_unit_test(success_always_is_never_on_a_tiny_queue),
		cmocka_unit_test(the_head_wraps_at_the_queues_size),
		cmocka_unit_test(the_head_is_stamped_in_the_order_of_sending),
		cmocka_unit_test(without_flow_control_the_head_is_reserved),
		cmocka_unit_test(a_command_identifier_in_use_is_a_conflict),
		cmocka_unit_test(more_commands_than_the_queue_can_hold),
		cmocka_unit_test(one_command_at_a_time_before_connect),
		cmocka_unit_test(no_capsule_to_be_had_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
