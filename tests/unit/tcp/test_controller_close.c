/* SPDX-License-Identifier: BSD-2-Clause */
/* The end, in every state: each capsule comes back exactly once.  rig_close
 * keeps the books; a capsule that is touched after it came back is caught by
 * what the sink wrote over it. */
#include "../unit.h"
#include "rig.h"

#include <stdlib.h>
#include <string.h>

/* How a command stands when the end comes. */
static const enum act acts[] = {
	ACT_ANSWER, ACT_READ, ACT_READ_REFERRED, ACT_WRITE, ACT_PARK, ACT_READ_PARK,
	ACT_WRITE_PARK, ACT_WRITE_LATE, ACT_HOLD, ACT_RESERVE_FAIL, ACT_DROP, ACT_CLOSE,
};

static void start(struct rig *rig, enum act act)
{
	struct bytes b = { 0 };

	rig_open(rig);
	rig_connect(rig, 0, 3, 64, false);
	rig_command(rig, &b, 7, act, 20000);
	rig_command(rig, &b, 8, ACT_ANSWER, 0);
	rig_give(rig, &b);
}

#define RIG { .config = { .allow_header_digest = true, .allow_data_digest = true } }

static void with_one_command_in_each_state(void **state)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		struct rig rig = RIG, sent = RIG, released = RIG;

		start(&rig, acts[i]);
		rig_close(&rig);

		start(&sent, acts[i]);
		rig_pump(&sent);
		rig_close(&sent);

		start(&released, acts[i]);
		rig_release(&released);
		rig_pump(&released);
		tcp_rx_resume(&released.conn);
		rig_close(&released);
	}
}

/* The write has come in part: into its own buffer, by feeding and by place. */
static void with_data_half_there(void **state)
{
	for (uint32_t n = 1; n < 20000; n += 1999)
	for (int placed = 0; placed < 2; placed++) {
		struct rig rig = RIG;
		struct bytes b = { 0 };
		uint8_t *data = calloc(1, 20000);
		struct seen s;

		start(&rig, ACT_WRITE);
		s = rig_see(&rig, 0x09);
		put_h2c(&b, &rig.dialect, 7, get16(s.header + 10), 0, data, 20000, true);
		(placed ? rig_feed_placed : rig_feed)(&rig, b.p, n);
		bytes_free(&b);
		free(data);
		rig_close(&rig);
	}
}

static void with_a_capsule_half_there(void **state)
{
	for (size_t n = 1; n < 5000; n += 97) {
		struct rig rig = RIG;
		struct bytes b = { 0 };
		uint8_t data[4900] = { 0 }, sqe[64];

		rig_open(&rig);
		rig_connect(&rig, 0, 3, 64, false);
		rig_sqe(sqe, 1, ACT_WRITE, 0);
		put_command(&b, &rig.dialect, sqe, data, sizeof(data));
		rig_feed_placed(&rig, b.p, n < b.n ? n : b.n);
		bytes_free(&b);
		rig_close(&rig);
	}
}

/* A capsule that comes back gives its buffer to one that waits, which then
 * starts: with an answer at once, or with a fetch that can't happen any more. */
static void when_an_end_starts_another_command(void **state)
{
	static const enum act parked[] = { ACT_PARK, ACT_READ_PARK, ACT_WRITE_LATE };

	for (size_t i = 0; i < 3; i++)
	for (uint16_t distance = 1; distance <= 128; distance *= 2) {
		struct rig rig = RIG;
		struct bytes b = { 0 };

		rig_open(&rig);
		rig_connect(&rig, 0, 0, 64, false);
		rig.starts_in_sent = true;
		/* In one bucket of the table, in neighbours, in both orders. */
		for (uint16_t n = 0; n < 4; n++) {
			rig_command(&rig, &b, (uint16_t)(1000 + n * 2 * distance),
				    parked[i], 5000);
			rig_command(&rig, &b, (uint16_t)(1000 + (2 * n + 1) * distance),
				    n & 1 ? ACT_WRITE : ACT_READ_REFERRED, 20000);
		}
		rig_give(&rig, &b);
		tcp_close(&rig.conn);
		assert_int_equal(rig.gets - 1, 8);
		/* Each end started one that was parked; those that fetch came
		 * back as well, with nobody releasing them. */
		assert_int_equal(rig.sents, rig.gets);
		rig_close(&rig);
	}
}

static void a_fetch_after_the_end_comes_back_at_once(void **state)
{
	struct rig rig = RIG;
	struct bytes b = { 0 };

	rig_open(&rig);
	rig_connect(&rig, 0, 0, 64, false);
	rig_command(&rig, &b, 1, ACT_WRITE_LATE, 5000);
	rig_give(&rig, &b);
	tcp_close(&rig.conn);
	assert_int_equal(rig.sents, 1);
	assert_int_equal(rig_release(&rig), 1);
	assert_int_equal(rig.sents, 2);
	rig_close(&rig);
}

static void twice_is_once(void **state)
{
	struct rig rig = RIG;

	start(&rig, ACT_WRITE);
	tcp_close(&rig.conn);
	tcp_close(&rig.conn);
	rig_close(&rig);
}

/* While it is being told to end, and not yet closed. */
static void answers_after_a_term_are_not_sent(void **state)
{
	struct rig rig = RIG;
	struct bytes b = { 0 };

	start(&rig, ACT_READ_PARK);
	rig_see_response(&rig, 8, 0);
	put_icreq(&b, 0, 0, 0, 0);
	rig_give(&rig, &b);
	rig_see_term(&rig, 2, 0);
	rig_release(&rig);
	rig_see_none(&rig);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_one_command_in_each_state),
		cmocka_unit_test(with_data_half_there),
		cmocka_unit_test(with_a_capsule_half_there),
		cmocka_unit_test(when_an_end_starts_another_command),
		cmocka_unit_test(a_fetch_after_the_end_comes_back_at_once),
		cmocka_unit_test(twice_is_once),
		cmocka_unit_test(answers_after_a_term_are_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
