/* SPDX-License-Identifier: BSD-2-Clause */
#include "rig.h"
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
	struct capsule capsule;
	struct rig *rig;
	struct list live;
	uint8_t *buffer;
	enum act act;
	uint32_t held_from, held_to;	/* of the lent data */
	bool is_parked, is_late, is_answered;
};

static struct rig *rig_of(struct capsule_queue *q)
{
	return container_of(q, struct rig, queue);
}

static struct job *job_of(struct capsule *c)
{
	return container_of(c, struct job, capsule);
}

static void note(struct rig *rig, const char *what, const struct capsule *c,
		 const void *data, size_t n)
{
	char line[128];
	int length;

	if (rig->is_quiet)
		return;
	length = snprintf(line, sizeof(line), "%s %04x status %x data %zu %08x\n", what,
			      capsule_cid(c), c->status, n, n ? crc32c_slow(data, n) : 0);

	bytes_add(&rig->trace, line, (size_t)length);
}

uint8_t rig_pattern(uint16_t cid, uint32_t offset)
{
	return (uint8_t)(cid * 7u + offset * 13u + (offset >> 8));
}

/* ---- memory ---------------------------------------------------------------------- */

static void *take(void *context, size_t size)
{
	struct rig *rig = context;
	size_t *memory;

	if (rig->take_most && rig->taken + size > rig->take_most)
		return NULL;
	if (!rig->takes_left)
		return NULL;
	if (rig->takes_left != -1u)
		rig->takes_left--;
	memory = malloc(sizeof(*memory) * 2 + size);
	assert_non_null(memory);
	memory[0] = size;
	rig->taken += size;
	return memory + 2;
}

static void give(void *context, void *memory, size_t size)
{
	struct rig *rig = context;
	size_t *at = (size_t *)memory - 2;

	assert_int_equal(at[0], size);
	rig->taken -= size;
	free(at);
}

/* ---- the sink ---------------------------------------------------------------------- */

static struct capsule *sink_get(struct capsule_queue *q)
{
	struct rig *rig = rig_of(q);
	struct job *job;

	if (!rig->gets_left)
		return NULL;
	if (rig->gets_left != -1u)
		rig->gets_left--;
	job = malloc(sizeof(*job));
	assert_non_null(job);
	/* The transport owns capsule.tcp: what stood there before must not matter. */
	memset(job, 0, sizeof(*job));
	memset(&job->capsule.tcp, 0xa5, sizeof(job->capsule.tcp));
	job->rig = rig;
	list_init(&job->capsule.link);
	list_append(&rig->live, &job->live);
	rig->gets++;
	return &job->capsule;
}

static void give_data(struct job *job, uint32_t n)
{
	struct capsule *c = &job->capsule;

	if (n > job->rig->data_most)
		n = job->rig->data_most;
	job->buffer = malloc(n ? n : 1);
	assert_non_null(job->buffer);
	c->data = job->buffer;
	c->length = n;
}

static void fill(struct capsule *c)
{
	for (uint32_t i = 0; i < c->length; i++)
		c->data[i] = rig_pattern(capsule_cid(c), i);
}

static void answer(struct job *job)
{
	struct capsule *c = &job->capsule;

	assert_false(job->is_answered);
	job->is_answered = true;
	c->status = (uint16_t)le32_get(c->sqe.cdw13);
	c->dw0 = le32_get(c->sqe.cdw12);
	note(job->rig, "respond", c, NULL, 0);
	capsule_respond(c);
}

static void park(struct job *job)
{
	job->is_parked = true;
	list_append(&job->rig->parked, &job->capsule.link);
}

static void start_write(struct job *job)
{
	struct capsule *c = &job->capsule;
	uint32_t n = le32_get(c->sqe.cdw14);

	if (!n) {
		answer(job);
		return;
	}
	give_data(job, n);
	capsule_receive(c);
}

static void write_command(struct job *job)
{
	struct capsule *c = &job->capsule;

	if (c->in_capsule_length)
		answer(job);
	else
		start_write(job);
}

static void release(struct job *job)
{
	struct capsule *c = &job->capsule;

	list_remove(&c->link);
	job->is_parked = false;
	if (job->act == ACT_WRITE_LATE && !job->is_late) {
		job->is_late = true;
		start_write(job);
		return;
	}
	if (job->act == ACT_READ_PARK) {
		give_data(job, le32_get(c->sqe.cdw14));
		fill(c);
	}
	answer(job);
}

static void connect_queue(struct job *job, bool flow_off)
{
	uint32_t entries = le32_get(job->capsule.sqe.cdw14);

	if (entries)
		tcp_set_queue(&job->rig->conn, entries, flow_off,
			      job->rig->config.in_capsule_max);
	answer(job);
}

static void read_command(struct job *job, bool is_reserved)
{
	struct capsule *c = &job->capsule;
	uint32_t n = le32_get(c->sqe.cdw14);

	if (!n || !is_reserved || !capsule_reserve(c, n))
		give_data(job, n);
	fill(c);
	answer(job);
}

/* ---- lent data ---------------------------------------------------------------------- */

static bool is_held(const struct job *job, uint32_t offset)
{
	return offset < job->held_to && offset + RIG_BLOCK > job->held_from;
}

/* Somebody writes whatever he may. */
static void overwrite(struct job *job)
{
	struct capsule *c = &job->capsule;

	for (uint32_t at = 0; c->lent && at < c->length; at += RIG_BLOCK)
		if (!is_held(job, at))
			memset(c->data + at, c->data[at] + 1, RIG_BLOCK);
}

static void overwrite_all(struct rig *rig)
{
	list_for_each_safe(l, &rig->live)
		overwrite(list_entry(l, struct job, live));
}

static void lend_command(struct job *job)
{
	struct capsule *c = &job->capsule;
	uint32_t n = le32_get(c->sqe.cdw14) / RIG_BLOCK * RIG_BLOCK;

	give_data(job, n);
	c->length = c->length / RIG_BLOCK * RIG_BLOCK;
	for (uint32_t at = 0; at < c->length; at += RIG_BLOCK)
		memset(c->data + at, (int)(capsule_cid(c) + at / RIG_BLOCK * 3), RIG_BLOCK);
	capsule_lend(c, c->data, c->length, RIG_BLOCK);
	answer(job);
}

static uint32_t sink_hold(struct capsule *c, uint32_t offset, uint32_t length, bool wait)
{
	struct job *job = job_of(c);
	struct rig *rig = job->rig;
	uint32_t most = rig->hold_most ? rig->hold_most : length;

	assert_true(length && offset + length <= c->length);
	assert_true(offset >= rig->hold_least);
	assert_true(!wait || !rig->held);
	rig->holds++;
	if (!wait && rig->hold_refusals && rig->holds % rig->hold_refusals == 0)
		return 0;
	if (most < length)	/* whole blocks, one at least */
		length = RIG_BLOCK - offset % RIG_BLOCK + most / RIG_BLOCK * RIG_BLOCK;
	if (length > c->length - offset)
		length = c->length - offset;
	/* One piece after the other, in order. */
	if (job->held_from == job->held_to)
		job->held_from = offset;
	else
		assert_int_equal(offset, job->held_to);
	job->held_to = offset + length;
	rig->held++;
	overwrite_all(rig);
	return length;
}

static void sink_release(struct capsule *c, uint32_t offset, uint32_t length)
{
	struct job *job = job_of(c);

	assert_int_equal(offset, job->held_from);
	job->held_from = offset + length;
	assert_true(job->held_from <= job->held_to);
	job->rig->held--;
	overwrite_all(job->rig);
}

/* As late as it may be: the data is read once more. */
static void sink_settle(struct capsule_queue *q)
{
	struct rig *rig = rig_of(q);

	while (rig->put_off_count) {
		unsigned int i = --rig->put_off_count;

		assert_int_equal(crc32c_slow(rig->put_off[i].data, rig->put_off[i].length),
				 rig->put_off[i].sum);
	}
}

static void put_off(struct rig *rig, const struct capsule *c)
{
	unsigned int i;

	if (rig->put_off_count == RIG_PUT_OFF)
		sink_settle(&rig->queue);
	i = rig->put_off_count++;
	rig->put_off[i].data = c->in_capsule;
	rig->put_off[i].length = c->in_capsule_length;
	rig->put_off[i].sum = crc32c_slow(c->in_capsule, c->in_capsule_length);
	rig->put_off_all++;
}

static void sink_command(struct capsule *c)
{
	struct job *job = job_of(c);
	struct rig *rig = job->rig;

	rig->commands++;
	note(rig, "command", c, c->in_capsule, c->in_capsule_length);
	assert_int_equal(!c->in_capsule, !c->in_capsule_length);
	if (c->in_capsule_stays)
		put_off(rig, c);
	job->act = (enum act)(c->sqe.cdw15.b[0] % ACT_COUNT);
	switch (job->act) {
	case ACT_READ:
		read_command(job, true);
		break;
	case ACT_READ_REFERRED:
		read_command(job, false);
		break;
	case ACT_READ_LENT:
		lend_command(job);
		break;
	case ACT_WRITE:
	case ACT_WRITE_PARK:
		write_command(job);
		break;
	case ACT_HOLD:
		tcp_rx_hold(&rig->conn);
		park(job);
		break;
	case ACT_PARK:
	case ACT_READ_PARK:
	case ACT_WRITE_LATE:
		park(job);
		break;
	case ACT_CONNECT:
	case ACT_CONNECT_FLOW_OFF:
		connect_queue(job, job->act == ACT_CONNECT_FLOW_OFF);
		break;
	case ACT_RESERVE_FAIL:
		if (!capsule_reserve(c, 1 + le32_get(c->sqe.cdw14) % 1000))
			c->length = 0;
		fill(c);	/* a status of 0 sends it */
		answer(job);
		break;
	case ACT_CLOSE:
		tcp_close(&rig->conn);
		answer(job);
		break;
	case ACT_DROP:
		tcp_drop(&rig->conn, "the script says so");
		answer(job);
		break;
	case ACT_RELEASE:
		rig_release(rig);
		answer(job);
		break;
	default:
		answer(job);
	}
}

static void sink_received(struct capsule *c)
{
	struct job *job = job_of(c);

	job->rig->received++;
	note(job->rig, "received", c, c->data, c->length);
	if (job->act == ACT_WRITE_PARK)
		park(job);
	else
		answer(job);
}

static void sink_sent(struct capsule *c)
{
	struct job *job = job_of(c);
	struct rig *rig = job->rig;

	assert_false(job->is_parked);
	rig->sents++;
	list_remove(&job->live);
	free(job->buffer);
	/* Whoever looks at it again is caught. */
	memset(job, 0x5a, sizeof(*job));
	free(job);
	if (rig->starts_in_sent && !list_is_empty(&rig->parked))
		release(job_of(list_entry(rig->parked.next, struct capsule, link)));
}

static const struct capsule_sink_ops sink = {
	.get = sink_get,
	.command = sink_command,
	.received = sink_received,
	.sent = sink_sent,
	.settle = sink_settle,
	.hold = sink_hold,
	.release = sink_release,
};

/* ---- the rig ------------------------------------------------------------------------ */

void rig_open(struct rig *rig)
{
	struct tcp_memory memory = { take, give, rig, NULL };

	if (!rig->config.maxh2cdata)
		rig->config.maxh2cdata = 65536;
	if (!rig->config.in_capsule_max)
		rig->config.in_capsule_max = 16384;
	if (!rig->data_most)
		rig->data_most = 4u << 20;
	rig->takes_left = rig->gets_left = -1u;
	rig->dialect.align = 4;
	rig->align = 4;
	list_init(&rig->parked);
	list_init(&rig->live);
	rig->queue.sink = &sink;
	tcp_controller_init(&rig->conn, &rig->queue, &rig->config, &memory, NULL);
}

unsigned int rig_release(struct rig *rig)
{
	unsigned int n = 0;
	struct list now, *l;

	/* Only what is parked by now: a late write may be parked again. */
	list_init(&now);
	while ((l = list_pop(&rig->parked)))
		list_append(&now, l);
	for (; (l = list_pop(&now)); n++)
		release(job_of(list_entry(l, struct capsule, link)));
	return n;
}

void rig_close(struct rig *rig)
{
	tcp_close(&rig->conn);
	assert_int_equal(rig->conn.tx.bytes, 0);
	/* What the sink executes comes back when it answers. */
	rig->starts_in_sent = false;
	while (rig_release(rig))
		;
	tcp_close(&rig->conn);
	tcp_free(&rig->conn);
	assert_int_equal(rig->gets, rig->sents);
	assert_true(list_is_empty(&rig->live));
	assert_int_equal(rig->conn.in_flight, 0);
	assert_int_equal(rig->conn.receiving, 0);
	assert_int_equal(rig->taken, 0);
	bytes_free(&rig->trace);
	bytes_free(&rig->out);
}

void rig_feed(struct rig *rig, const void *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, p, n);
	tcp_rx(&rig->conn, copy, n);
	assert_int_equal(rig->put_off_count, 0);
	free(copy);
}

void rig_feed_placed(struct rig *rig, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	void *where;

	while (n) {
		size_t room = tcp_rx_place(&rig->conn, &where);
		size_t part = room && room < n ? room : n;

		if (room) {
			memcpy(where, p, part);
			tcp_rx_placed(&rig->conn, part);
		} else {
			/* A header and a little, so that what follows is placed. */
			part = n < 100 ? n : 100;
			rig_feed(rig, p, part);
		}
		p += part;
		n -= part;
	}
}

void rig_give(struct rig *rig, struct bytes *b)
{
	rig_feed(rig, b->p, b->n);
	bytes_free(b);
}

/* One vector, or the part of it that the socket takes. */
void rig_send(struct rig *rig, size_t left)
{
	struct iovec vector[16];
	unsigned int n = tcp_tx_vector(&rig->conn, vector, rig->pieces ? rig->pieces : 16,
				       rig->part ? rig->part : SIZE_MAX);
	size_t sum = 0;

	assert_true(n > 0);
	assert_int_equal(rig->put_off_count, 0);
	for (unsigned int i = 0; i < n && left; i++) {
		size_t part = vector[i].iov_len < left ? vector[i].iov_len : left;

		assert_true(part > 0);
		bytes_add(&rig->out, vector[i].iov_base, part);
		left -= part;
		sum += part;
	}
	tcp_tx_done(&rig->conn, sum);
	assert_int_equal(rig->held, 0);
}

void rig_pump(struct rig *rig)
{
	while (tcp_has_output(&rig->conn) && rig->conn.state != TCP_STATE_DEAD)
		rig_send(rig, rig->gulp ? rig->gulp : SIZE_MAX);
}

void rig_resume(struct rig *rig)
{
	rig_release(rig);
	tcp_rx_resume(&rig->conn);
}

/* ---- what the host sees --------------------------------------------------------------- */

struct seen rig_see(struct rig *rig, uint8_t type)
{
	struct seen s;

	rig_pump(rig);
	if (!see_pdu(&rig->out, &rig->seen, &rig->dialect, rig->align, &s))
		fail_msg("nothing was sent, wanted type %02x", type);
	if (s.type != type)
		fail_msg("type %02x was sent, wanted %02x", s.type, type);
	return s;
}

void rig_see_none(struct rig *rig)
{
	rig_pump(rig);
	if (rig->seen != rig->out.n)
		fail_msg("type %02x was sent, wanted nothing", rig->out.p[rig->seen]);
}

uint16_t rig_see_response(struct rig *rig, uint16_t cid, uint16_t status)
{
	struct seen s = rig_see(rig, 0x05);

	assert_int_equal(get16(s.header + 20), cid);
	assert_int_equal(get16(s.header + 22) >> 1, status);
	return get16(s.header + 16);
}

void rig_see_term(struct rig *rig, uint16_t fes, uint32_t fei)
{
	struct seen s = rig_see(rig, 0x03);

	assert_int_equal(get16(s.header + 8), fes);
	assert_int_equal(get32(s.header + 10), fei);
	for (int i = 14; i < 24; i++)
		assert_int_equal(s.header[i], 0);
	rig_see_none(rig);
	assert_int_equal(rig->conn.state, TCP_STATE_TERMINATING);
	assert_non_null(rig->conn.reason);
	assert_int_equal(rig->conn.fes, fes);
	assert_int_equal(rig->conn.fei, fei);
}

void rig_shake(struct rig *rig, uint8_t hpda, uint8_t dgst)
{
	struct bytes b = { 0 };
	struct seen s;

	put_icreq(&b, 0, hpda, dgst, 0);
	rig_give(rig, &b);
	s = rig_see(rig, 0x01);
	assert_int_equal(s.flags, 0);
	assert_int_equal(get16(s.header + 8), 0);
	assert_int_equal(s.header[10], 0);
	rig->dialect.header_digest = s.header[11] & 1;
	rig->dialect.data_digest = s.header[11] & 2;
	rig->align = (hpda + 1u) * 4;
	assert_int_equal(get32(s.header + 12), rig->config.maxh2cdata);
}

void rig_connect(struct rig *rig, uint8_t hpda, uint8_t dgst, uint32_t entries, bool flow_off)
{
	struct bytes b = { 0 };
	uint8_t sqe[64];

	rig_shake(rig, hpda, dgst);
	rig_sqe(sqe, 0, flow_off ? ACT_CONNECT_FLOW_OFF : ACT_CONNECT, entries);
	sqe[0] = 0x7f;
	sqe[4] = 0x01;
	put_command(&b, &rig->dialect, sqe, NULL, 0);
	rig_give(rig, &b);
	assert_int_equal(rig_see_response(rig, 0, 0), flow_off ? 0xffff : 1);
}

void rig_sqe(uint8_t sqe[64], uint16_t cid, enum act act, uint32_t n)
{
	memset(sqe, 0, 64);
	sqe[0] = act == ACT_WRITE ? 1 : 2;
	sqe[1] = 0x40;
	put16(sqe + 2, cid);
	sqe[4] = 1;
	sqe[39] = 0x5a;
	put32(sqe + 56, n);
	sqe[60] = (uint8_t)act;
}

void rig_command(struct rig *rig, struct bytes *b, uint16_t cid, enum act act, uint32_t n)
{
	uint8_t sqe[64];

	rig_sqe(sqe, cid, act, n);
	put_command(b, &rig->dialect, sqe, NULL, 0);
}
