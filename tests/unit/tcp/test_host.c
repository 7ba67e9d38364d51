/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's end against a controller's bytes, written by hand. */
#include "../unit.h"
#include "bytes.h"

#include "tcp/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS 8
#define DATA_MAX 65536u

enum { ICRESP = 1, H2C_TERM = 2, C2H_TERM = 3, COMMAND = 4, RESPONSE = 5, H2C_DATA = 6,
       C2H_DATA = 7, R2T = 9 };
enum { LAST = 4, SUCCESS = 8 };

struct host {
	struct tcp_conn conn;
	struct capsule_queue queue;
	struct tcp_config config;
	struct dialect speech;			/* what was agreed */
	struct bytes out;			/* all that was sent */
	size_t seen;				/* of it */
	struct capsule capsules[COMMANDS];
	uint8_t data[COMMANDS][DATA_MAX];
	unsigned int ends[COMMANDS];
	unsigned int cut;			/* bytes fed at a time; 0: all */
};

static void *take(void *context, size_t size)
{
	return malloc(size);
}

static void give(void *context, void *memory, size_t size)
{
	free(memory);
}

static void completed(struct capsule *c)
{
	struct host *h = container_of(c->queue, struct host, queue);

	h->ends[c - h->capsules]++;
}

static const struct capsule_host_ops ops = { .completed = completed };

/* ---- moving bytes -------------------------------------------------------------------------------- */

/* Takes all that is to be sent, as a socket would that takes little. */
static void drain(struct host *h)
{
	struct iovec iov[4];

	while (tcp_has_output(&h->conn)) {
		unsigned int n = tcp_tx_vector(&h->conn, iov, 4, SIZE_MAX);
		size_t sum = 0;

		for (unsigned int i = 0; i < n; i++) {
			bytes_add(&h->out, iov[i].iov_base, iov[i].iov_len);
			sum += iov[i].iov_len;
		}
		tcp_tx_done(&h->conn, sum);
	}
}

static void feed(struct host *h, struct bytes *b)
{
	size_t step = h->cut ? h->cut : b->n;

	for (size_t at = 0; at < b->n; at += step)
		tcp_rx(&h->conn, b->p + at, step < b->n - at ? step : b->n - at);
	bytes_free(b);
	drain(h);
}

/* The next PDU that was sent; fails where there is none, or not of that type. */
static const uint8_t *sent(struct host *h, uint8_t type)
{
	const uint8_t *p = h->out.p + h->seen;

	assert_true(h->out.n - h->seen >= 8);
	assert_int_equal(p[0], type);
	assert_true(h->out.n - h->seen >= get32(p + 4));
	h->seen += get32(p + 4);
	return p;
}

static void assert_nothing_sent(const struct host *h)
{
	assert_int_equal(h->seen, h->out.n);
}

static void assert_term(struct host *h, uint16_t fes, uint32_t fei)
{
	const uint8_t *p = sent(h, H2C_TERM);

	assert_int_equal(get16(p + 8), fes);
	assert_int_equal(get32(p + 10), fei);
	assert_nothing_sent(h);
	assert_int_equal(h->conn.state, TCP_STATE_TERMINATING);
	assert_non_null(h->conn.reason);
}

/* ---- a controller's PDUs --------------------------------------------------------------------------- */

static void put_icresp(struct bytes *b, uint16_t pfv, uint8_t cpda, uint8_t dgst, uint32_t max)
{
	uint8_t pdu[128] = { ICRESP, 0, 128, 0 };

	put32(pdu + 4, 128);
	put16(pdu + 8, pfv);
	pdu[10] = cpda;
	pdu[11] = dgst;
	put32(pdu + 12, max);
	bytes_add(b, pdu, sizeof(pdu));
}

static void say_response(struct host *h, uint16_t cid, uint16_t status, uint32_t dw0)
{
	struct bytes b = { 0 };
	uint8_t header[24] = { 0 };

	put32(header + 8, dw0);
	put16(header + 16, 3);
	put16(header + 20, cid);
	put16(header + 22, (uint16_t)(status << 1));
	put_pdu(&b, &h->speech, RESPONSE, 0, header, 24, NULL, 0);
	feed(h, &b);
}

static void put_c2h(struct host *h, struct bytes *b, uint16_t cid, uint8_t flags,
		    uint32_t offset, const void *data, uint32_t n)
{
	uint8_t header[24] = { 0 };

	put16(header + 8, cid);
	put32(header + 12, offset);
	put32(header + 16, n);
	put_pdu(b, &h->speech, C2H_DATA, flags, header, 24, data, n);
}

static void say_c2h(struct host *h, uint16_t cid, uint8_t flags, uint32_t offset,
		    const void *data, uint32_t n)
{
	struct bytes b = { 0 };

	put_c2h(h, &b, cid, flags, offset, data, n);
	feed(h, &b);
}

static void say_r2t(struct host *h, uint16_t cid, uint16_t ttag, uint32_t offset, uint32_t n)
{
	struct bytes b = { 0 };
	uint8_t header[24] = { 0 };

	put16(header + 8, cid);
	put16(header + 10, ttag);
	put32(header + 12, offset);
	put32(header + 16, n);
	put_pdu(&b, &h->speech, R2T, 0, header, 24, NULL, 0);
	feed(h, &b);
}

/* ---- a host -------------------------------------------------------------------------------------------- */

static struct host *new_host(uint8_t asked)
{
	static const struct tcp_memory memory = { take, give, NULL, NULL };
	struct host *h = calloc(1, sizeof(*h));

	h->config = (struct tcp_config){ .allow_header_digest = asked & 1,
					 .allow_data_digest = asked & 2,
					 .maxh2cdata = UINT32_MAX };
	h->queue.host = &ops;
	assert_int_equal(tcp_host_init(&h->conn, &h->queue, &h->config, &memory, NULL), 0);
	drain(h);
	return h;
}

/* One that has shaken hands; digests as asked, CPDA, MAXH2CDATA. */
static struct host *ready_host(uint8_t digests, uint8_t cpda, uint32_t max)
{
	struct host *h = new_host(digests);
	struct bytes b = { 0 };

	sent(h, 0);
	put_icresp(&b, 0, cpda, digests, max);
	feed(h, &b);
	assert_int_equal(h->conn.state, TCP_STATE_READY);
	h->speech = (struct dialect){ digests & 1, digests & 2, 4 };
	return h;
}

static void end_host(struct host *h)
{
	tcp_close(&h->conn);
	tcp_free(&h->conn);
	assert_int_equal(h->conn.in_flight, 0);
	bytes_free(&h->out);
	free(h);
}

/* Submits command `i` with `n` bytes. */
static int submit(struct host *h, unsigned int i, bool is_write, uint32_t n)
{
	struct capsule *c = &h->capsules[i];

	c->sqe = (struct nvme_sqe){ .opcode = is_write ? 1 : 2,
				    .cid = le16_of((uint16_t)(100 + i)) };
	c->data = h->data[i];
	c->length = n;
	c->status = 0xffff;
	return tcp_host_submit(&h->conn, c, is_write);
}

static void submit_well(struct host *h, unsigned int i, bool is_write, uint32_t n)
{
	assert_int_equal(submit(h, i, is_write, n), 0);
	drain(h);
}

static void fill(uint8_t *data, uint32_t n, unsigned int seed)
{
	for (uint32_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 31 + i / 251 + seed);
}

static void assert_ended(struct host *h, unsigned int i, uint16_t status)
{
	assert_int_equal(h->ends[i], 1);
	assert_int_equal(h->capsules[i].status, status);
}

/* ---- the handshake ----------------------------------------------------------------------------------------- */

static void icreq_says_what_was_asked(void **state)
{
	for (uint8_t asked = 0; asked < 4; asked++) {
		struct host *h = new_host(asked);
		uint8_t want[128] = { 0, 0, 128, 0, 128 };
		const uint8_t *p = sent(h, 0);

		want[11] = asked;
		assert_memory_equal(p, want, 128);
		assert_int_equal(submit(h, 0, false, 4), -EPIPE);
		end_host(h);
	}
}

static void a_bad_icresp_is_refused(void **state)
{
	static const struct { uint16_t pfv; uint8_t cpda, dgst; uint32_t max; uint16_t fes;
			      uint32_t fei; } bad[] = {
		{ 1, 0, 0, 4096, 6, 8 }, { 0, 32, 0, 4096, 1, 10 }, { 0, 0, 1, 4096, 1, 11 },
		{ 0, 0, 2, 4096, 1, 11 }, { 0, 0, 4, 4096, 1, 11 }, { 0, 0, 0, 4092, 1, 12 },
		{ 0, 0, 0, 0, 1, 12 }, { 0, 0, 0, 4097, 1, 12 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct host *h = new_host(0);
		struct bytes b = { 0 };

		sent(h, 0);
		put_icresp(&b, bad[i].pfv, bad[i].cpda, bad[i].dgst, bad[i].max);
		feed(h, &b);
		assert_term(h, bad[i].fes, bad[i].fei);
		end_host(h);
	}
}

static void pdus_out_of_order(void **state)
{
	struct host *h = new_host(0);
	struct bytes b = { 0 };

	sent(h, 0);
	h->speech.align = 4;
	say_response(h, 100, 0, 0);
	assert_term(h, 2, 0);
	end_host(h);
	h = ready_host(0, 0, 4096);
	put_icresp(&b, 0, 0, 0, 4096);
	feed(h, &b);
	assert_term(h, 2, 0);
	end_host(h);
}

/* ---- commands -------------------------------------------------------------------------------------------------- */

/* Data in the capsule starts where CPDA says, and its digest follows. */
static void in_capsule_data(void **state)
{
	for (unsigned int i = 0; i < 4 * 32; i++) {
		uint8_t digests = i & 3, cpda = (uint8_t)(i >> 2);
		struct host *h = ready_host(digests, cpda, 4096);
		uint32_t align = (cpda + 1u) * 4, start = 72 + (digests & 1 ? 4u : 0);
		const uint8_t *p;

		tcp_set_queue(&h->conn, 8, false, 4096);
		start = (start + align - 1) / align * align;
		fill(h->data[0], 512, i);
		submit_well(h, 0, true, 512);
		p = sent(h, COMMAND);
		assert_int_equal(p[1], digests);
		assert_int_equal(p[2], 72);
		assert_int_equal(p[3], start);
		assert_int_equal(get32(p + 4), start + 512 + (digests & 2 ? 4 : 0));
		assert_int_equal(p[8 + 1] >> 6, 1);		/* PSDT */
		assert_int_equal(get16(p + 8 + 2), 100);
		assert_int_equal(get32(p + 8 + 32), 512);
		assert_int_equal(p[8 + 39], 0x01);
		if (digests & 1)
			assert_int_equal(get32(p + 72), crc32c_slow(p, 72));
		assert_memory_equal(p + start, h->data[0], 512);
		if (digests & 2)
			assert_int_equal(get32(p + start + 512), crc32c_slow(p + start, 512));
		assert_nothing_sent(h);
		say_response(h, 100, 0, 5);
		assert_ended(h, 0, 0);
		assert_int_equal(h->capsules[0].dw0, 5);
		assert_int_equal(h->conn.sqhd, 3);
		end_host(h);
	}
}

static void without_data_and_over_the_limit(void **state)
{
	struct host *h = ready_host(0, 0, 4096);
	const uint8_t *p;

	tcp_set_queue(&h->conn, 8, false, 1024);
	submit_well(h, 0, false, 0);
	p = sent(h, COMMAND);
	assert_int_equal(get32(p + 4), 72);
	assert_int_equal(p[3], 0);
	assert_int_equal(p[8 + 39], 0x5a);
	assert_int_equal(get32(p + 8 + 32), 0);
	submit_well(h, 1, true, 1028);
	p = sent(h, COMMAND);
	assert_int_equal(get32(p + 4), 72);
	assert_int_equal(p[8 + 39], 0x5a);
	assert_int_equal(get32(p + 8 + 32), 1028);
	end_host(h);
}

static void as_many_as_the_queue_holds(void **state)
{
	struct host *h = ready_host(0, 0, 4096);

	tcp_set_queue(&h->conn, 4, false, 0);
	for (unsigned int i = 0; i < 3; i++)
		submit_well(h, i, false, 4);
	assert_int_equal(submit(h, 3, false, 4), -EBUSY);
	say_c2h(h, 101, LAST | SUCCESS, 0, "abcd", 4);
	assert_ended(h, 1, 0);
	h->capsules[3].sqe.cid = le16_of(100);
	assert_int_equal(tcp_host_submit(&h->conn, &h->capsules[0], false), -EBUSY);
	assert_int_equal(submit(h, 3, false, 4), 0);
	end_host(h);
}

/* ---- reads -------------------------------------------------------------------------------------------------------- */

static void read_in_parts(uint8_t digests, unsigned int cut, bool success)
{
	struct host *h = ready_host(digests, 0, 4096);
	uint8_t want[5000];

	h->cut = cut;
	fill(want, sizeof(want), digests);
	submit_well(h, 0, false, 5000);
	submit_well(h, 1, false, 4);
	say_c2h(h, 100, 0, 0, want, 1);
	say_c2h(h, 101, LAST, 0, "wxyz", 4);
	say_c2h(h, 100, 0, 1, want + 1, 2999);
	say_c2h(h, 100, success ? LAST | SUCCESS : LAST, 3000, want + 3000, 2000);
	if (!success)
		say_response(h, 100, 0, 0);
	say_response(h, 101, 0, 0);
	assert_ended(h, 0, 0);
	assert_ended(h, 1, 0);
	assert_memory_equal(h->data[0], want, 5000);
	assert_memory_equal(h->data[1], "wxyz", 4);
	assert_int_equal(h->conn.state, TCP_STATE_READY);
	end_host(h);
}

static void reads_in_parts(void **state)
{
	static const unsigned int cuts[] = { 0, 1, 3, 7, 29, 1000 };

	for (uint8_t digests = 0; digests < 4; digests++)
		for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
			read_in_parts(digests, cuts[i], false);
			read_in_parts(digests, cuts[i], true);
		}
}

/* The bytes may also be put where tcp_rx_place says. */
static void large_data_is_placed(void **state)
{
	struct host *h = ready_host(2, 0, 4096);
	struct bytes b = { 0 };
	uint8_t *want = malloc(DATA_MAX);
	size_t at = 24, n;
	void *where;

	fill(want, DATA_MAX, 9);
	submit_well(h, 0, false, DATA_MAX);
	put_c2h(h, &b, 100, LAST | SUCCESS, 0, want, DATA_MAX);
	tcp_rx(&h->conn, b.p, at);
	while ((n = tcp_rx_place(&h->conn, &where))) {
		n = n > 5000 ? 5000 : n;
		memcpy(where, b.p + at, n);
		tcp_rx_placed(&h->conn, n);
		at += n;
	}
	assert_true(at > DATA_MAX / 2);
	tcp_rx(&h->conn, b.p + at, b.n - at);
	assert_ended(h, 0, 0);
	assert_memory_equal(h->data[0], want, DATA_MAX);
	bytes_free(&b);
	free(want);
	end_host(h);
}

static void bad_read_data(void **state)
{
	static const struct { uint16_t cid; uint32_t offset, n; uint16_t fes; uint32_t fei; } bad[] = {
		{ 107, 0, 4, 1, 8 },		/* no such command */
		{ 101, 0, 4, 4, 0 },		/* a write */
		{ 100, 4, 4, 4, 0 },		/* a gap */
		{ 100, 0, 1004, 4, 0 },		/* too much */
		{ 100, 0xfffffffc, 4, 4, 0 },
	};
	static const uint8_t zeros[2000];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct host *h = ready_host(0, 0, 4096);

		submit_well(h, 0, false, 1000);
		submit_well(h, 1, true, 0x4000);
		sent(h, COMMAND);
		sent(h, COMMAND);
		say_c2h(h, bad[i].cid, LAST, bad[i].offset, zeros, bad[i].n);
		assert_term(h, bad[i].fes, bad[i].fei);
		assert_int_equal(h->ends[0], 0);
		tcp_close(&h->conn);
		assert_ended(h, 0, NVME_TRANSIENT_TRANSPORT_ERROR);
		assert_ended(h, 1, NVME_TRANSIENT_TRANSPORT_ERROR);
		end_host(h);
	}
}

static void a_read_without_all_of_its_data(void **state)
{
	struct host *h = ready_host(0, 0, 4096);

	submit_well(h, 0, false, 8);
	sent(h, COMMAND);
	say_c2h(h, 100, 0, 0, "abcd", 4);
	say_response(h, 100, 0, 0);
	assert_term(h, 2, 0);
	end_host(h);

	h = ready_host(0, 0, 4096);
	submit_well(h, 0, false, 8);
	sent(h, COMMAND);
	say_response(h, 100, NVME_LBA_OUT_OF_RANGE, 0);
	assert_ended(h, 0, NVME_LBA_OUT_OF_RANGE);
	end_host(h);
}

static void a_wrong_data_digest_fails_the_command_alone(void **state)
{
	struct host *h = ready_host(3, 0, 4096);
	struct bytes b = { 0 };

	submit_well(h, 0, false, 512);
	submit_well(h, 1, false, 512);
	put_c2h(h, &b, 100, LAST, 0, h->data[7], 512);
	b.p[b.n - 1] ^= 1;
	feed(h, &b);
	say_response(h, 100, 0, 0);
	assert_ended(h, 0, NVME_TRANSIENT_TRANSPORT_ERROR);
	say_c2h(h, 101, LAST | SUCCESS, 0, h->data[7], 512);
	assert_ended(h, 1, 0);
	end_host(h);
}

static void a_wrong_header_digest_ends_the_connection(void **state)
{
	struct host *h = ready_host(1, 0, 4096);
	struct bytes b = { 0 };
	uint32_t digest;

	submit_well(h, 0, false, 4);
	sent(h, COMMAND);
	put_c2h(h, &b, 100, LAST | SUCCESS, 0, "abcd", 4);
	b.p[24] ^= 0x80;
	digest = get32(b.p + 24);
	feed(h, &b);
	assert_term(h, 3, digest);
	end_host(h);
}

/* ---- writes -------------------------------------------------------------------------------------------------------------- */

/* One R2T's worth, in PDUs of at most `max` bytes. */
static void see_h2c(struct host *h, uint16_t ttag, uint32_t offset, uint32_t n, uint32_t max)
{
	while (n) {
		const uint8_t *p = sent(h, H2C_DATA);
		uint32_t part = n < max ? n : max;

		assert_int_equal(get16(p + 8), 100);
		assert_int_equal(get16(p + 10), ttag);
		assert_int_equal(get32(p + 12), offset);
		assert_int_equal(get32(p + 16), part);
		assert_int_equal(p[1] & LAST, part == n ? LAST : 0);
		assert_memory_equal(p + p[3], h->data[0] + offset, part);
		if (h->speech.data_digest)
			assert_int_equal(get32(p + p[3] + part), crc32c_slow(p + p[3], part));
		offset += part;
		n -= part;
	}
}

static void writes_by_r2t(void **state)
{
	for (uint8_t digests = 0; digests < 4; digests++) {
		struct host *h = ready_host(digests, 3, 4096);

		tcp_set_queue(&h->conn, 8, false, 0);
		fill(h->data[0], 20000, 3);
		submit_well(h, 0, true, 20000);
		sent(h, COMMAND);
		say_r2t(h, 100, 0xfffe, 0, 100);
		see_h2c(h, 0xfffe, 0, 100, 4096);
		say_r2t(h, 100, 7, 100, 12288);
		see_h2c(h, 7, 100, 12288, 4096);
		say_r2t(h, 100, 8, 12388, 7612);
		see_h2c(h, 8, 12388, 7612, 4096);
		assert_nothing_sent(h);
		say_response(h, 100, 0, 0);
		assert_ended(h, 0, 0);
		end_host(h);
	}
}

static void bad_r2ts(void **state)
{
	static const struct { uint16_t cid; uint32_t offset, n; uint16_t fes; uint32_t fei; } bad[] = {
		{ 105, 0, 4, 1, 8 },			/* no such command */
		{ 101, 0, 4, 4, 0 },			/* a read */
		{ 102, 0, 4, 4, 0 },			/* its data went in the capsule */
		{ 100, 4, 4, 4, 0 }, { 100, 0, 0, 4, 0 }, { 100, 0, 8196, 4, 0 },
		{ 100, 0, 0xffffffff, 4, 0 }, { 100, 0xfffffff0, 0x20, 4, 0 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct host *h = ready_host(0, 0, 4096);

		tcp_set_queue(&h->conn, 8, false, 4096);
		submit_well(h, 0, true, 8192);
		submit_well(h, 1, false, 4);
		submit_well(h, 2, true, 4);
		for (unsigned int n = 0; n < 3; n++)
			sent(h, COMMAND);
		say_r2t(h, bad[i].cid, 1, bad[i].offset, bad[i].n);
		assert_term(h, bad[i].fes, bad[i].fei);
		end_host(h);
	}
}

/* The data is the caller's again only when its last byte has left. */
static void an_answer_before_the_data_has_left(void **state)
{
	struct host *h = ready_host(0, 0, 4096);
	struct bytes b = { 0 };
	uint8_t header[24] = { 0 };
	struct iovec iov[4];

	tcp_set_queue(&h->conn, 8, false, 0);
	submit_well(h, 0, true, 4096);
	put16(header + 8, 100);
	put32(header + 16, 4096);
	put_pdu(&b, &h->speech, R2T, 0, header, 24, NULL, 0);
	tcp_rx(&h->conn, b.p, b.n);
	bytes_free(&b);
	assert_int_equal(tcp_tx_vector(&h->conn, iov, 4, SIZE_MAX), 2);
	tcp_tx_done(&h->conn, 24 + 4095);

	memset(header, 0, sizeof(header));
	put16(header + 20, 100);
	put16(header + 22, NVME_WRITE_FAULT << 1);
	put_pdu(&b, &h->speech, RESPONSE, 0, header, 24, NULL, 0);
	tcp_rx(&h->conn, b.p, b.n);
	bytes_free(&b);
	assert_int_equal(h->ends[0], 0);
	tcp_tx_done(&h->conn, 1);
	assert_ended(h, 0, NVME_WRITE_FAULT);
	end_host(h);
}

/* ---- the end ---------------------------------------------------------------------------------------------------------------- */

static void answers_that_nobody_waits_for(void **state)
{
	struct host *h = ready_host(0, 0, 4096);

	submit_well(h, 0, false, 0);
	sent(h, COMMAND);
	say_response(h, 100, 0, 0);
	say_response(h, 100, 0, 0);
	assert_int_equal(h->ends[0], 1);
	assert_term(h, 1, 20);
	end_host(h);
}

static void a_term_is_not_answered_and_tells_why(void **state)
{
	struct host *h = ready_host(3, 0, 4096);
	struct bytes b = { 0 };
	uint8_t term[24] = { C2H_TERM, 0, 24, 0, 24 };

	submit_well(h, 0, true, 4);
	sent(h, COMMAND);
	put16(term + 8, 5);
	bytes_add(&b, term, sizeof(term));
	feed(h, &b);
	assert_nothing_sent(h);
	assert_int_equal(h->conn.state, TCP_STATE_DEAD);
	assert_non_null(strstr(h->conn.reason, "data transfer limit exceeded"));
	tcp_close(&h->conn);
	assert_ended(h, 0, NVME_TRANSIENT_TRANSPORT_ERROR);
	end_host(h);
}

static void closing_with_unsent_data(void **state)
{
	struct host *h = ready_host(3, 0, 4096);

	for (unsigned int i = 0; i < COMMANDS; i++)
		assert_int_equal(submit(h, i, i & 1, 4096), 0);
	tcp_close(&h->conn);
	for (unsigned int i = 0; i < COMMANDS; i++)
		assert_ended(h, i, NVME_TRANSIENT_TRANSPORT_ERROR);
	assert_int_equal(submit(h, 0, false, 4), -EPIPE);
	end_host(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(icreq_says_what_was_asked),
		cmocka_unit_test(a_bad_icresp_is_refused),
		cmocka_unit_test(pdus_out_of_order),
		cmocka_unit_test(in_capsule_data),
		cmocka_unit_test(without_data_and_over_the_limit),
		cmocka_unit_test(as_many_as_the_queue_holds),
		cmocka_unit_test(reads_in_parts),
		cmocka_unit_test(large_data_is_placed),
		cmocka_unit_test(bad_read_data),
		cmocka_unit_test(a_read_without_all_of_its_data),
		cmocka_unit_test(a_wrong_data_digest_fails_the_command_alone),
		cmocka_unit_test(a_wrong_header_digest_ends_the_connection),
		cmocka_unit_test(writes_by_r2t),
		cmocka_unit_test(bad_r2ts),
		cmocka_unit_test(an_answer_before_the_data_has_left),
		cmocka_unit_test(answers_that_nobody_waits_for),
		cmocka_unit_test(a_term_is_not_answered_and_tells_why),
		cmocka_unit_test(closing_with_unsent_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
