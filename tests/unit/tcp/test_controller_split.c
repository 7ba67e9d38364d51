/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * However the stream is cut, the same commands see the same data and the same
 * bytes are sent.
 */
#include "../unit.h"
#include "rig.h"

#include <stdlib.h>
#include <string.h>

struct run {
	struct bytes trace, out;
	enum tcp_state state;
};

static void open_rig(struct rig *rig)
{
	*rig = (struct rig){ .config = { .allow_header_digest = true,
					 .allow_data_digest = true,
					 .maxh2cdata = 512 } };
	rig_open(rig);
}

static void add_sqe(struct bytes *b, const struct dialect *d, uint16_t cid, enum act act,
		    uint32_t n, const void *data, uint32_t in_capsule)
{
	uint8_t sqe[64];

	rig_sqe(sqe, cid, act, n);
	put_command(b, d, sqe, data, in_capsule);
}

/* Everything that a queue sees: TTAGs are known, they count from 0. */
static void mixed_stream(struct bytes *b, uint8_t dgst, unsigned int align)
{
	struct dialect d = { dgst & 1, dgst & 2, align };
	uint8_t data[8192];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 17 + (i >> 8));
	put_icreq(b, 0, 2, dgst, 0);
	add_sqe(b, &d, 0, ACT_CONNECT, 64, data, 1024);
	add_sqe(b, &d, 1, ACT_READ, 500, NULL, 0);
	add_sqe(b, &d, 2, ACT_WRITE, 600, NULL, 0);
	add_sqe(b, &d, 3, ACT_WRITE, 0, data, 700);
	add_sqe(b, &d, 4, ACT_READ_REFERRED, 300, NULL, 0);
	put_h2c(b, &d, 2, 0, 0, data, 1, false);
	put_h2c(b, &d, 2, 0, 1, data + 1, 511, true);
	add_sqe(b, &d, 5, ACT_HOLD, 0, NULL, 0);
	add_sqe(b, &d, 6, ACT_WRITE, 5, NULL, 0);
	put_h2c(b, &d, 2, 1, 512, data + 512, 88, true);
	add_sqe(b, &d, 6, ACT_ANSWER, 0, NULL, 0);	/* a conflict */
	put_h2c(b, &d, 6, 2, 0, data, 5, true);
	if (dgst & 2)
		b->p[b->n - 1] ^= 1;			/* corrupt */
	add_sqe(b, &d, 7, ACT_WRITE, 0, data, 5000);
	add_sqe(b, &d, 8, ACT_ANSWER, 0, NULL, 0);
}

static void finish(struct rig *rig, struct run *run)
{
	rig_pump(rig);
	*run = (struct run){ rig->trace, rig->out, rig->conn.state };
	rig->trace = rig->out = (struct bytes){ 0 };
	rig_close(rig);
}

/* The sink thinks about a held command until everything that can come has. */
static void go_on(struct rig *rig)
{
	while (tcp_rx_is_held(&rig->conn))
		rig_resume(rig);
}

static void run_cut(const struct bytes *b, size_t cut, size_t second, bool placed,
		    struct run *run)
{
	void (*feed)(struct rig *, const void *, size_t) = placed ? rig_feed_placed : rig_feed;
	struct rig rig;

	open_rig(&rig);
	feed(&rig, b->p, cut);
	go_on(&rig);
	feed(&rig, b->p + cut, second - cut);
	go_on(&rig);
	feed(&rig, b->p + second, b->n - second);
	go_on(&rig);
	finish(&rig, run);
}

static void run_bytewise(const struct bytes *b, struct run *run)
{
	struct rig rig;

	open_rig(&rig);
	for (size_t i = 0; i < b->n; i++) {
		rig_feed(&rig, b->p + i, 1);
		/* Held bytes pile up for a while. */
		if (i % 100 == 0)
			go_on(&rig);
	}
	go_on(&rig);
	finish(&rig, run);
}

static void free_run(struct run *run)
{
	bytes_free(&run->trace);
	bytes_free(&run->out);
}

static void compare(const struct run *a, struct run *b, size_t cut)
{
	if (a->state != b->state || a->trace.n != b->trace.n ||
	    memcmp(a->trace.p, b->trace.p, a->trace.n))
		fail_msg("cut at %zu:\n%.*s\ninstead of:\n%.*s", cut, (int)b->trace.n,
			 b->trace.p, (int)a->trace.n, a->trace.p);
	if (a->out.n != b->out.n || memcmp(a->out.p, b->out.p, a->out.n))
		fail_msg("cut at %zu: other bytes were sent", cut);
	free_run(b);
}

static void every_cut_in_two(void **state)
{
	for (uint8_t dgst = 0; dgst < 4; dgst++) {
		struct bytes b = { 0 };
		struct run whole, run;

		mixed_stream(&b, dgst, dgst == 3 ? 32 : 4);
		run_cut(&b, 0, b.n, false, &whole);
		assert_int_equal(whole.state, TCP_STATE_READY);
		for (size_t cut = 0; cut <= b.n; cut++) {
			/* Bulk data is cut more coarsely: its bytes are alike. */
			if (cut > 3200 && cut < b.n - 100 && cut % 50)
				continue;
			run_cut(&b, cut, b.n, cut & 1, &run);
			compare(&whole, &run, cut);
		}
		run_bytewise(&b, &run);
		compare(&whole, &run, 1);
		free_run(&whole);
		bytes_free(&b);
	}
}

static void random_cuts_in_three(void **state)
{
	struct bytes b = { 0 };
	struct run whole, run;
	uint32_t random = 1;

	mixed_stream(&b, 3, 4);
	run_cut(&b, 0, b.n, false, &whole);
	for (int i = 0; i < 1000; i++) {
		size_t first, second;

		random = random * 1664525 + 1013904223;
		first = (random >> 8) % b.n;
		random = random * 1664525 + 1013904223;
		second = first + (random >> 8) % (b.n - first);
		run_cut(&b, first, second, i & 1, &run);
		compare(&whole, &run, first);
	}
	free_run(&whole);
	bytes_free(&b);
}

/* Every cut of streams that end badly: the same TermReq, byte for byte. */
static void every_cut_of_a_bad_end(void **state)
{
	static const struct { uint8_t at, value; } bad[] = {
		{ 0, 0x40 }, { 1, 0x40 }, { 2, 71 }, { 3, 77 }, { 4, 0 }, { 20, 1 },
		{ 73, 1 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dialect d = { true, true, 4 };
		struct bytes b = { 0 };
		struct run whole, run;
		size_t start;

		put_icreq(&b, 0, 0, 3, 0);
		add_sqe(&b, &d, 1, ACT_READ, 500, NULL, 0);
		start = b.n;
		add_sqe(&b, &d, 2, ACT_WRITE, 0, "some data", 9);
		b.p[start + bad[i].at] ^= bad[i].value;
		if (bad[i].at == 4)
			b.p[start + 4] = 0;
		run_cut(&b, 0, b.n, false, &whole);
		assert_int_equal(whole.state, TCP_STATE_TERMINATING);
		for (size_t cut = start; cut < b.n; cut++) {
			run_cut(&b, cut, b.n, false, &run);
			/* A common header that is wrong is reported as far as
			 * it is known, so the culprit's length may differ. */
			assert_int_equal(run.state, TCP_STATE_TERMINATING);
			compare(&whole, &run, cut);
		}
		free_run(&whole);
		bytes_free(&b);
	}
}

/* In-capsule data that came whole, with others, stays until all of them are delivered. */
static void whole_data_stays(void **state)
{
	struct dialect d = { .align = 4 };
	struct bytes b = { 0 };
	uint8_t data[512] = { 1 };
	struct rig rig;

	open_rig(&rig);
	rig_connect(&rig, 0, 0, 64, false);
	for (uint16_t i = 1; i < 10; i++)
		add_sqe(&b, &d, i, ACT_WRITE, 0, data, sizeof(data));
	rig_feed(&rig, b.p, b.n - 100);
	assert_int_equal(rig.put_off_all, 8);
	rig_feed(&rig, b.p + b.n - 100, 100);
	assert_int_equal(rig.put_off_all, 8);
	for (uint16_t i = 1; i < 10; i++)
		rig_see_response(&rig, i, 0);
	bytes_free(&b);
	rig_close(&rig);
}

/* What came while held is kept, however much it is, and taken in order. */
static void bytes_that_come_while_held(void **state)
{
	struct dialect d = { .align = 4 };
	struct bytes b = { 0 };
	struct rig rig;

	open_rig(&rig);
	rig_connect(&rig, 0, 0, 64, false);
	add_sqe(&b, &d, 1, ACT_HOLD, 0, NULL, 0);
	for (uint16_t i = 2; i < 60; i++)
		add_sqe(&b, &d, i, i % 10 ? ACT_ANSWER : ACT_HOLD, 0, NULL, 0);
	for (size_t i = 0; i < b.n; i += 33)
		rig_feed(&rig, b.p + i, b.n - i < 33 ? b.n - i : 33);
	assert_int_equal(rig.commands, 2);
	assert_int_equal(rig.conn.counters.bytes_in, 128 + 72 + b.n);
	for (unsigned int i = 1; i < 6; i++) {
		rig_resume(&rig);
		assert_true(tcp_rx_is_held(&rig.conn));
		assert_int_equal(rig.commands, 1 + i * 10);
	}
	rig_resume(&rig);
	assert_false(tcp_rx_is_held(&rig.conn));
	for (uint16_t i = 1; i < 60; i++)
		rig_see_response(&rig, i, 0);
	assert_int_equal(rig.conn.counters.bytes_in, 128 + 72 + b.n);
	bytes_free(&b);
	rig_close(&rig);
}

static void closing_while_held(void **state)
{
	struct bytes b = { 0 };
	struct rig rig;

	open_rig(&rig);
	rig_connect(&rig, 0, 0, 64, false);
	rig_command(&rig, &b, 1, ACT_HOLD, 0);
	rig_command(&rig, &b, 2, ACT_ANSWER, 0);
	rig_give(&rig, &b);
	tcp_close(&rig.conn);
	rig_resume(&rig);
	assert_int_equal(rig.commands, 2);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_in_two),
		cmocka_unit_test(random_cuts_in_three),
		cmocka_unit_test(every_cut_of_a_bad_end),
		cmocka_unit_test(whole_data_stays),
		cmocka_unit_test(bytes_that_come_while_held),
		cmocka_unit_test(closing_while_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
