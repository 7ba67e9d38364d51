/* SPDX-License-Identifier: BSD-2-Clause */
/* R2T and H2CData. */
#include "../unit.h"
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#define DIGESTS .allow_header_digest = true, .allow_data_digest = true
#define CID 0x1234

struct ask {
	uint16_t ttag;
	uint32_t offset, length;
};

static struct ask see_r2t(struct rig *rig, uint16_t cid)
{
	struct seen s = rig_see(rig, 0x09);

	assert_int_equal(get16(s.header + 8), cid);
	assert_int_equal(get32(s.header + 20), 0);
	return (struct ask){ get16(s.header + 10), get32(s.header + 12),
			     get32(s.header + 16) };
}

static uint8_t *pattern(uint32_t n)
{
	uint8_t *data = malloc(n);

	for (uint32_t i = 0; i < n; i++)
		data[i] = rig_pattern(77, i);
	return data;
}

static void start_write(struct rig *rig, uint16_t cid, uint32_t n)
{
	struct bytes b = { 0 };

	rig_command(rig, &b, cid, ACT_WRITE, n);
	rig_give(rig, &b);
}

static void open_with(struct rig *rig, uint8_t dgst)
{
	rig_open(rig);
	rig_connect(rig, 0, dgst, 64, false);
}

/* A whole write: R2Ts of at most MAXH2CDATA, each answered by PDUs of `part`. */
static void write_all(uint32_t n, uint32_t maxh2cdata, uint32_t part, uint8_t dgst, bool placed)
{
	struct rig rig = { .config = { DIGESTS, .maxh2cdata = maxh2cdata } };
	uint8_t *data = pattern(n);
	uint32_t done = 0;
	char *line = NULL;

	open_with(&rig, dgst);
	start_write(&rig, CID, n);
	while (done < n) {
		struct ask ask = see_r2t(&rig, CID);
		uint32_t end = ask.offset + ask.length;

		assert_int_equal(ask.offset, done);
		assert_int_equal(ask.length, n - done < maxh2cdata ? n - done : maxh2cdata);
		rig_see_none(&rig);		/* one at a time */
		while (done < end) {
			struct bytes b = { 0 };
			uint32_t now = part < end - done ? part : end - done;

			put_h2c(&b, &rig.dialect, CID, ask.ttag, done, data + done, now,
				done + now == end);
			(placed ? rig_feed_placed : rig_feed)(&rig, b.p, b.n);
			bytes_free(&b);
			done += now;
		}
	}
	assert_int_equal(rig.received, 1);
	bytes_add(&rig.trace, "", 1);
	line = strstr((char *)rig.trace.p, "received");
	assert_non_null(line);
	assert_int_equal(strtoul(strchr(line, '\n') - 8, NULL, 16), crc32c_slow(data, n));
	assert_int_equal(rig_see_response(&rig, CID, 0), 2);
	free(data);
	rig_close(&rig);
}

static void writes_of_many_shapes(void **state)
{
	static const uint32_t lengths[] = { 1, 4, 4095, 4096, 4097, 12288, 100001 };
	static const uint32_t parts[] = { 1000, 4096, 65536 };

	for (uint8_t dgst = 0; dgst < 4; dgst++)
	for (size_t i = 0; i < 7; i++)
	for (size_t j = 0; j < 3; j++)
	for (int placed = 0; placed < 2; placed++) {
		write_all(lengths[i], 4096, parts[j] < 4096 ? parts[j] : 4096, dgst, placed);
		write_all(lengths[i], 65536, parts[j], dgst, placed);
	}
}

static void a_megabyte_byte_after_byte_of_pdus(void **state)
{
	write_all(1 << 20, 1 << 20, 4099, 3, true);
}

/* Data of several commands may come in any order. */
static void commands_are_told_apart(void **state)
{
	struct rig rig = { .config.maxh2cdata = 4096 };
	struct ask ask[4];
	uint8_t *data = pattern(8192);

	open_with(&rig, 0);
	for (uint16_t i = 0; i < 4; i++) {
		start_write(&rig, (uint16_t)(i * 128), 8192);
		ask[i] = see_r2t(&rig, (uint16_t)(i * 128));
	}
	for (int round = 0; round < 2; round++)
		for (uint16_t i = 4; i-- > 0; ) {
			struct bytes b = { 0 };

			put_h2c(&b, &rig.dialect, (uint16_t)(i * 128), ask[i].ttag,
				ask[i].offset, data, 4096, true);
			rig_give(&rig, &b);
			if (!round)
				ask[i] = see_r2t(&rig, (uint16_t)(i * 128));
			else
				rig_see_response(&rig, (uint16_t)(i * 128), 0);
		}
	free(data);
	rig_close(&rig);
}

static void the_tag_wraps(void **state)
{
	struct rig rig = { 0 };
	uint16_t last = 0;

	open_with(&rig, 0);
	for (uint32_t i = 0; i < 66000; i++) {
		struct bytes b = { 0 };
		struct ask ask;

		start_write(&rig, CID, 4);
		ask = see_r2t(&rig, CID);
		if (i)
			assert_int_equal(ask.ttag, (uint16_t)(last + 1));
		last = ask.ttag;
		put_h2c(&b, &rig.dialect, CID, ask.ttag, 0, "data", 4, true);
		rig_give(&rig, &b);
		rig_see_response(&rig, CID, 0);
		rig.trace.n = rig.out.n = rig.seen = 0;
	}
	rig_close(&rig);
}

static void corrupt_data_fails_the_command_alone(void **state)
{
	/* In the first PDU of the first R2T, in the last of the last. */
	for (uint32_t bad = 0; bad < 4; bad++) {
		struct rig rig = { .config = { DIGESTS, .maxh2cdata = 4096 } };
		uint8_t *data = pattern(8192);
		uint32_t pdu = 0;

		open_with(&rig, 3);
		start_write(&rig, CID, 8192);
		for (int round = 0; round < 2; round++) {
			struct ask ask = see_r2t(&rig, CID);

			for (uint32_t at = 0; at < 4096; at += 2048) {
				struct bytes b = { 0 };
				uint32_t from = ask.offset + at;

				put_h2c(&b, &rig.dialect, CID, ask.ttag, from, data + from,
					2048, at);
				if (pdu++ == bad)
					b.p[b.n - 1 - bad * 100] ^= 0x10;
				rig_give(&rig, &b);
			}
		}
		assert_int_equal(rig.received, 0);
		rig_see_response(&rig, CID, 0x22);
		rig_see_none(&rig);
		start_write(&rig, CID, 1);
		see_r2t(&rig, CID);
		free(data);
		rig_close(&rig);
	}
}

/* ---- wrong in every way ---------------------------------------------------------------- */

enum { WANTED = 12288, ASKED = 8192 };

struct wrong {
	const char *what;
	uint8_t at;		/* offset of the field that is overwritten */
	uint8_t size;
	uint32_t value;
	uint16_t fes;
	uint32_t fei;
};

/* A good one: offset 0, 4096 bytes, not the last of an R2T of 8192. */
static const struct wrong wrongs[] = {
	{ "a reserved flag", 1, 1, 0x10, 1, 1 },
	{ "SUCCESS", 1, 1, 0x08, 1, 1 },
	{ "LAST too early", 1, 1, 0x04, 2, 0 },
	{ "a header digest unasked for", 1, 1, 0x01, 1, 1 },
	{ "a data digest unasked for", 1, 1, 0x02, 1, 1 },
	{ "HLEN", 2, 1, 23, 1, 2 },
	{ "HLEN", 2, 1, 0, 1, 2 },
	{ "PDO 0", 3, 1, 0, 1, 3 },
	{ "PDO within the header", 3, 1, 20, 1, 3 },
	{ "PDO misaligned", 3, 1, 26, 1, 3 },
	{ "PLEN 0", 4, 4, 0, 1, 4 },
	{ "PLEN of the header alone", 4, 4, 24, 1, 4 },
	{ "PLEN longer than MAXH2CDATA", 4, 4, 24 + ASKED + 1, 5, 0 },
	{ "PLEN the longest", 4, 4, 0xffffffff, 5, 0 },
	{ "PLEN shorter than DATAL", 4, 4, 24 + 4095, 1, 16 },
	{ "CCCID unknown", 8, 2, CID + 1, 1, 8 },
	{ "CCCID in the same bucket", 8, 2, CID + 128, 1, 8 },
	{ "CCCID that is not writing", 8, 2, 5, 1, 8 },
	{ "TTAG", 10, 2, 0x7777, 1, 10 },
	{ "DATAO too far", 12, 4, 4, 4, 0 },
	{ "DATAO beyond everything", 12, 4, 0xfffff000, 4, 0 },
	{ "DATAL 0", 16, 4, 0, 1, 16 },
	{ "DATAL shorter than PLEN", 16, 4, 4092, 1, 16 },
	{ "DATAL beyond the R2T, within MAXH2CDATA", 16, 4, ASKED, 1, 16 },
	{ "DATAL beyond MAXH2CDATA", 16, 4, ASKED + 4, 5, 0 },
	{ "DATAL the longest", 16, 4, 0xffffffff, 5, 0 },
};

static void h2cdata_wrong_in_every_field(void **state)
{
	uint8_t *data = pattern(WANTED);

	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *w = &wrongs[i];
		struct rig rig = { .config.maxh2cdata = ASKED };
		struct bytes b = { 0 };
		struct ask ask;
		struct seen s;
		uint8_t value[4];

		open_with(&rig, 0);
		rig_command(&rig, &b, 5, ACT_PARK, 0);
		rig_give(&rig, &b);
		start_write(&rig, CID, WANTED);
		ask = see_r2t(&rig, CID);
		put_h2c(&b, &rig.dialect, CID, ask.ttag, 0, data, 4096, false);
		put32(value, w->value);
		memcpy(b.p + w->at, value, w->size);
		rig_feed(&rig, b.p, b.n);
		bytes_free(&b);
		s = rig_see(&rig, 0x03);
		if (get16(s.header + 8) != w->fes || get32(s.header + 10) != w->fei)
			fail_msg("%s: FES %u FEI %u", w->what, get16(s.header + 8),
				 get32(s.header + 10));
		rig_close(&rig);
	}
	free(data);
}

/* The second of two PDUs: going back, overlapping, leaving a gap, going on. */
static void the_second_pdu_must_follow_the_first(void **state)
{
	static const struct { uint32_t offset, length; uint8_t last; uint16_t fes; uint32_t fei; } seconds[] = {
		{ 4096, 4096, 1, 0, 0 },
		{ 0, 4096, 1, 4, 0 }, { 4092, 4096, 1, 4, 0 }, { 4100, 4092, 1, 4, 0 },
		{ 4096, 4100, 1, 4, 0 },	/* one dword more than was asked for */
		{ 4096, 4096, 0, 2, 0 },	/* LAST is missing */
		{ 4096, 4092, 1, 2, 0 },	/* LAST with a dword still to come */
	};

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		struct rig rig = { .config.maxh2cdata = ASKED };
		uint8_t *data = pattern(WANTED);
		struct bytes b = { 0 };
		struct ask ask;

		open_with(&rig, 0);
		start_write(&rig, CID, WANTED);
		ask = see_r2t(&rig, CID);
		put_h2c(&b, &rig.dialect, CID, ask.ttag, 0, data, 4096, false);
		put_h2c(&b, &rig.dialect, CID, ask.ttag, seconds[i].offset, data,
			seconds[i].length, seconds[i].last);
		rig_give(&rig, &b);
		if (seconds[i].fes)
			rig_see_term(&rig, seconds[i].fes, seconds[i].fei);
		else
			see_r2t(&rig, CID);
		free(data);
		rig_close(&rig);
	}
}

static void data_that_nobody_asked_for(void **state)
{
	/* For nothing, for a command that was not asked, after its end. */
	for (int i = 0; i < 3; i++) {
		struct rig rig = { 0 };
		struct bytes b = { 0 };
		struct ask ask = { 0 };

		open_with(&rig, 0);
		if (i == 1)
			rig_command(&rig, &b, CID, ACT_WRITE_LATE, 4);
		if (i == 2) {
			start_write(&rig, CID, 4);
			ask = see_r2t(&rig, CID);
			put_h2c(&b, &rig.dialect, CID, ask.ttag, 0, "data", 4, true);
		}
		put_h2c(&b, &rig.dialect, CID, ask.ttag, 0, "data", 4, true);
		rig_give(&rig, &b);
		if (i == 2)
			rig_see_response(&rig, CID, 0);
		rig_see_term(&rig, 1, 8);
		rig_close(&rig);
	}
}

/* The transport has it all and the sink still thinks: its data is not due. */
static void data_while_the_sink_executes(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };
	struct ask ask;

	open_with(&rig, 0);
	rig_command(&rig, &b, CID, ACT_WRITE_PARK, 4);
	rig_give(&rig, &b);
	ask = see_r2t(&rig, CID);
	put_h2c(&b, &rig.dialect, CID, ask.ttag, 0, "data", 4, true);
	put_h2c(&b, &rig.dialect, CID, ask.ttag, 0, "data", 4, true);
	rig_give(&rig, &b);
	assert_int_equal(rig.received, 1);
	rig_see_term(&rig, 1, 8);
	rig_close(&rig);
}

static void a_late_fetch(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };
	struct ask ask;

	open_with(&rig, 0);
	rig_command(&rig, &b, CID, ACT_WRITE_LATE, 4);
	rig_give(&rig, &b);
	rig_see_none(&rig);
	rig_release(&rig);
	ask = see_r2t(&rig, CID);
	put_h2c(&b, &rig.dialect, CID, ask.ttag, 0, "data", 4, true);
	rig_give(&rig, &b);
	rig_see_response(&rig, CID, 0);
	rig_close(&rig);
}

/* Whoever keeps a deadline for the peer asks whether it owes anything. */
static void what_the_peer_owes(void **state)
{
	struct rig rig = { 0 };
	struct bytes b = { 0 };
	struct ask ask;

	rig_open(&rig);
	assert_false(tcp_expects_data(&rig.conn));
	rig_connect(&rig, 0, 0, 64, false);
	assert_false(tcp_expects_data(&rig.conn));
	rig_command(&rig, &b, CID, ACT_WRITE_PARK, 4);
	rig_feed(&rig, b.p, 3);				/* half a header */
	assert_true(tcp_expects_data(&rig.conn));
	rig_feed(&rig, b.p + 3, b.n - 3);
	bytes_free(&b);
	assert_true(tcp_expects_data(&rig.conn));	/* an R2T is open */
	ask = see_r2t(&rig, CID);
	put_h2c(&b, &rig.dialect, CID, ask.ttag, 0, "data", 4, true);
	rig_feed(&rig, b.p, b.n - 1);
	assert_true(tcp_expects_data(&rig.conn));
	rig_feed(&rig, b.p + b.n - 1, 1);
	bytes_free(&b);
	assert_false(tcp_expects_data(&rig.conn));	/* the sink's turn */
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_of_many_shapes),
		cmocka_unit_test(a_megabyte_byte_after_byte_of_pdus),
		cmocka_unit_test(commands_are_told_apart),
		cmocka_unit_test(the_tag_wraps),
		cmocka_unit_test(corrupt_data_fails_the_command_alone),
		cmocka_unit_test(h2cdata_wrong_in_every_field),
		cmocka_unit_test(the_second_pdu_must_follow_the_first),
		cmocka_unit_test(data_that_nobody_asked_for),
		cmocka_unit_test(data_while_the_sink_executes),
		cmocka_unit_test(a_late_fetch),
		cmocka_unit_test(what_the_peer_owes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
