/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue pair's controller end, over a socket and over a stream in memory whose
 * every call is scripted. */
#include "../unit.h"
#include "../tcp/bytes.h"

#include "qpair/qpair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a stream in memory ------------------------------------------------------------- */

struct pipe {
	struct qpair *qpair;
	struct bytes in, out;
	size_t taken;			/* of in */
	size_t bite;			/* bytes a receive gives at most; 0: all */
	size_t window;			/* bytes that send still takes */
	ssize_t receive_error, send_error;	/* when there is nothing, no window */
	unsigned int receives, sends, shutdowns, closes;
	int widest;			/* most pieces in a send */
	size_t buffered;		/* bytes received into the buffer */
};

/* The stream carries no context, so the test's pipe is found beside it. */
struct bed {
	struct qpair qpair;
	struct tcp_config config;
	struct pipe pipe;
	uint8_t buffer_bytes[4096];
	struct qpair_buffer buffer;
	struct capsule capsules[600];
	unsigned int gets, sents, received;
	uint8_t data[1 << 18];
	uint32_t reads;			/* bytes that a read answers with */
	uint32_t writes;		/* bytes that a write fetches */
	bool holds;
	unsigned int limit;		/* get() fails afterwards; 0: never */
};

static struct bed *bed_of(struct net_stream *s)
{
	return container_of(container_of(s, struct qpair, net), struct bed, qpair);
}

static ssize_t pipe_receive(struct net_stream *s, const struct iovec *iov, int count)
{
	const uint8_t *buffer = bed_of(s)->buffer.bytes;
	struct pipe *p = &bed_of(s)->pipe;
	size_t left = p->bite ? p->bite : SIZE_MAX, sum = 0;

	p->receives++;
	if (p->taken == p->in.n)
		return p->receive_error;
	for (int i = 0; i < count; i++) {
		size_t part = p->in.n - p->taken;

		if (part > iov[i].iov_len)
			part = iov[i].iov_len;
		if (part > left)
			part = left;
		memcpy(iov[i].iov_base, p->in.p + p->taken, part);
		p->buffered += iov[i].iov_base == buffer ? part : 0;
		p->taken += part;
		left -= part;
		sum += part;
	}
	return (ssize_t)sum;
}

static ssize_t pipe_send(struct net_stream *s, const struct iovec *iov, int count)
{
	struct pipe *p = &bed_of(s)->pipe;
	size_t sum = 0;

	p->sends++;
	if (count > p->widest)
		p->widest = count;
	if (!p->window)
		return p->send_error;
	for (int i = 0; i < count && p->window; i++) {
		size_t part = iov[i].iov_len < p->window ? iov[i].iov_len : p->window;

		bytes_add(&p->out, iov[i].iov_base, part);
		p->window -= part;
		sum += part;
	}
	return (ssize_t)sum;
}

static void pipe_shutdown(struct net_stream *s)
{
	bed_of(s)->pipe.shutdowns++;
}

static void pipe_close(struct net_stream *s)
{
	bed_of(s)->pipe.closes++;
}

static const struct net_ops pipe_ops = {
	.receive = pipe_receive, .send = pipe_send,
	.shutdown = pipe_shutdown, .close = pipe_close,
};

/* ---- a sink --------------------------------------------------------------------------- */

static struct bed *bed_of_queue(struct capsule_queue *q)
{
	return container_of(container_of(q, struct qpair, queue), struct bed, qpair);
}

static struct capsule *get(struct capsule_queue *q)
{
	struct bed *bed = bed_of_queue(q);
	struct capsule *c = &bed->capsules[bed->gets % 600];

	if (bed->limit && bed->gets >= bed->limit)
		return NULL;
	bed->gets++;
	*c = (struct capsule){ 0 };
	return c;
}

/* Opcode 2 reads, 1 writes; anything else is a Connect. */
static void command(struct capsule *c)
{
	struct bed *bed = bed_of_queue(c->queue);

	if (c->sqe.opcode == 1) {
		c->data = bed->data;
		c->length = bed->writes;
		capsule_receive(c);
		return;
	}
	if (c->sqe.opcode == 2) {
		c->data = bed->data;
		c->length = bed->reads;
	} else {
		tcp_set_queue(&bed->qpair.tcp, 1024, false, 16384);
	}
	if (bed->holds)
		tcp_rx_hold(&bed->qpair.tcp);
	capsule_respond(c);
}

static void received(struct capsule *c)
{
	bed_of_queue(c->queue)->received++;
	capsule_respond(c);
}

static void sent(struct capsule *c)
{
	bed_of_queue(c->queue)->sents++;
}

static const struct capsule_sink_ops sink = {
	.get = get, .command = command, .received = received, .sent = sent,
};

static void *take(void *context, size_t size)
{
	return malloc(size);
}

static void give(void *context, void *memory, size_t size)
{
	free(memory);
}

static struct bed *open_bed(void)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	const struct tcp_memory memory = { take, give, NULL, NULL };

	bed->config = (struct tcp_config){ .maxh2cdata = 1 << 18, .in_capsule_max = 16384 };
	bed->buffer = (struct qpair_buffer){ bed->buffer_bytes, sizeof(bed->buffer_bytes) };
	bed->qpair.net = (struct net_stream){ .ops = &pipe_ops, .fd = -1 };
	bed->pipe.receive_error = bed->pipe.send_error = -EAGAIN;
	bed->pipe.window = SIZE_MAX;
	bed->qpair.queue.sink = &sink;
	tcp_controller_init(&bed->qpair.tcp, &bed->qpair.queue, &bed->config, &memory, NULL);
	return bed;
}

static void close_bed(struct bed *bed)
{
	qpair_close(&bed->qpair);
	tcp_free(&bed->qpair.tcp);
	assert_int_equal(bed->gets, bed->sents);
	bytes_free(&bed->pipe.in);
	bytes_free(&bed->pipe.out);
	free(bed);
}

static const struct dialect plain = { .align = 4 };

static void add_command(struct bytes *b, uint8_t opcode, uint16_t cid)
{
	uint8_t sqe[64] = { opcode };

	put16(sqe + 2, cid);
	put_command(b, &plain, sqe, NULL, 0);
}

static void add_handshake(struct bytes *b)
{
	put_icreq(b, 0, 0, 0, 0);
	add_command(b, 0x7f, 0);
}

static enum qpair_progress receive(struct bed *bed, unsigned int budget)
{
	return qpair_receive(&bed->qpair, &bed->buffer, budget);
}

/* Handshake done, output looked at and forgotten. */
static struct bed *connected(void)
{
	struct bed *bed = open_bed();

	add_handshake(&bed->pipe.in);
	assert_int_equal(receive(bed, 16), QPAIR_IDLE);
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_IDLE);
	assert_int_equal(bed->pipe.out.n, 128 + 24);
	bed->pipe.out.n = 0;
	bed->pipe.receives = bed->pipe.sends = 0;
	return bed;
}

static unsigned int count_responses(struct bed *bed, uint32_t read)
{
	size_t at = 0;
	struct seen s;
	unsigned int n = 0;

	while (see_pdu(&bed->pipe.out, &at, &plain, 4, &s)) {
		if (s.type == 0x07)
			assert_int_equal(s.n, read);
		else if (s.type == 0x05)
			n++;
	}
	return n;
}

/* ---- batches ---------------------------------------------------------------------------- */

static void one_receive_and_one_send_for_a_batch(void **state)
{
	struct bed *bed = connected();

	for (uint16_t i = 0; i < 32; i++)
		add_command(&bed->pipe.in, 3, i);
	assert_int_equal(receive(bed, 16), QPAIR_IDLE);
	assert_int_equal(bed->pipe.receives, 1);
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_IDLE);
	assert_int_equal(bed->pipe.sends, 1);
	assert_int_equal(count_responses(bed, 0), 32);
	close_bed(bed);
}

/* The peer has something to do while the rest is sent. */
static void a_small_batch_of_reads_leaves_in_parts(void **state)
{
	static const struct { bool has_time; unsigned int reads, size, sends; } cases[] = {
		{ true, 8, 4096, 1 }, { true, 16, 4096, 2 }, { true, 32, 4096, 4 },
		{ true, 100, 4096, 1 }, { true, 1, 131072, 1 }, { true, 2, 131072, 1 },
		{ true, 32, 512, 1 }, { false, 32, 4096, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bed *bed = connected();

		bed->reads = cases[i].size;
		bed->qpair.sends_parts = cases[i].has_time;
		for (uint16_t cid = 0; cid < cases[i].reads; cid++)
			add_command(&bed->pipe.in, 2, cid);
		while (receive(bed, 1) == QPAIR_MORE)
			;
		qpair_send(&bed->qpair);
		assert_int_equal(bed->pipe.sends, cases[i].sends);
		assert_int_equal(count_responses(bed, cases[i].size), cases[i].reads);
		close_bed(bed);
	}
}

static void many_pieces_take_several_sends(void **state)
{
	struct bed *bed = connected();

	bed->reads = 100;
	for (uint16_t i = 0; i < 500; i++)
		add_command(&bed->pipe.in, 2, i);
	while (receive(bed, 1) == QPAIR_MORE)
		;
	assert_int_equal(bed->gets, 501);
	qpair_send(&bed->qpair);
	assert_true(bed->pipe.widest <= 1024);	/* IOV_MAX */
	assert_int_equal(count_responses(bed, 100), 500);
	close_bed(bed);
}

static void the_budget_ends_a_turn(void **state)
{
	struct bed *bed = connected();

	for (uint16_t i = 0; i < 300; i++)
		add_command(&bed->pipe.in, 3, i);
	assert_int_equal(receive(bed, 2), QPAIR_MORE);
	assert_int_equal(bed->pipe.receives, 2);
	assert_int_equal(receive(bed, 100), QPAIR_IDLE);
	assert_int_equal(bed->gets, 301);
	close_bed(bed);
}

static void a_stream_that_comes_in_bites(void **state)
{
	for (size_t bite = 1; bite < 200; bite += 13) {
		struct bed *bed = open_bed();

		bed->pipe.bite = bite;
		add_handshake(&bed->pipe.in);
		for (uint16_t i = 0; i < 20; i++)
			add_command(&bed->pipe.in, 3, i);
		while (bed->pipe.taken < bed->pipe.in.n)
			assert_int_equal(receive(bed, 4), QPAIR_IDLE);
		qpair_send(&bed->qpair);
		assert_int_equal(count_responses(bed, 0), 21);
		close_bed(bed);
	}
}

/* ---- data in its place -------------------------------------------------------------------- */

/* Large data is received where it belongs, and what follows in the buffer. */
/* What passes through the buffer is copied once more: of much data little does. */
static void much_data_passes_by_the_buffer(void **state)
{
	static uint8_t large[1 << 18], data[1 << 16];
	struct bed *bed = connected();

	bed->buffer = (struct qpair_buffer){ large, sizeof(large) };
	bed->writes = sizeof(data);
	for (uint16_t cid = 0; cid < 4; cid++)
		add_command(&bed->pipe.in, 1, cid);
	assert_int_equal(receive(bed, 16), QPAIR_IDLE);
	for (uint16_t cid = 0; cid < 4; cid++) {
		put_h2c(&bed->pipe.in, &plain, cid, cid, 0, data, sizeof(data), true);
		if (cid == 1)		/* by then it is known what comes */
			bed->pipe.buffered = 0;
		if (!cid || cid == 3)
			while (bed->pipe.taken < bed->pipe.in.n)
				assert_int_not_equal(receive(bed, 1), QPAIR_ENDED);
	}
	assert_int_equal(bed->received, 4);
	assert_in_range(bed->pipe.buffered, 3 * 24, 3 * 4096);
	/* It is small commands again. */
	for (uint16_t cid = 0; cid < 200; cid++)
		add_command(&bed->pipe.in, 3, cid);
	bed->pipe.receives = 0;
	while (receive(bed, 1) == QPAIR_MORE)
		;
	assert_true(bed->pipe.receives <= 3);
	assert_int_equal(bed->sents, bed->gets);
	close_bed(bed);
}

static void data_lands_in_its_place(void **state)
{
	for (size_t bite = 0; bite < 30000; bite += 7001) {
		struct bed *bed = connected();
		uint32_t n = 100000;
		uint8_t *data = malloc(n);

		for (uint32_t i = 0; i < n; i++)
			data[i] = (uint8_t)(i * 3 + (i >> 8));
		bed->writes = n;
		bed->pipe.bite = bite;
		add_command(&bed->pipe.in, 1, 7);
		while (bed->pipe.taken < bed->pipe.in.n)
			receive(bed, 1);
		put_h2c(&bed->pipe.in, &plain, 7, 0, 0, data, n, true);
		add_command(&bed->pipe.in, 3, 8);
		bed->pipe.receives = 0;
		while (bed->pipe.taken < bed->pipe.in.n)
			assert_int_not_equal(receive(bed, 1), QPAIR_ENDED);
		if (!bite)
			assert_true(bed->pipe.receives <= 3);
		assert_int_equal(bed->received, 1);
		assert_memory_equal(bed->data, data, n);
		qpair_send(&bed->qpair);
		assert_int_equal(count_responses(bed, 0), 2);
		free(data);
		close_bed(bed);
	}
}

static void nothing_is_read_while_held(void **state)
{
	struct bed *bed = connected();

	bed->holds = true;
	for (uint16_t i = 0; i < 100; i++)
		add_command(&bed->pipe.in, 3, i);
	assert_int_equal(receive(bed, 16), QPAIR_IDLE);
	assert_int_equal(bed->pipe.receives, 1);
	assert_int_equal(bed->gets, 2);
	assert_int_equal(receive(bed, 16), QPAIR_IDLE);
	assert_int_equal(bed->pipe.receives, 1);
	bed->holds = false;
	tcp_rx_resume(&bed->qpair.tcp);
	while (receive(bed, 1) == QPAIR_MORE)
		;
	assert_int_equal(bed->gets, 101);
	close_bed(bed);
}

/* ---- a peer that does not read ---------------------------------------------------------------- */

static void what_the_socket_does_not_take_waits(void **state)
{
	struct bed *bed = connected();

	bed->reads = 5000;
	add_command(&bed->pipe.in, 2, 1);
	add_command(&bed->pipe.in, 2, 2);
	receive(bed, 1);
	bed->pipe.window = 3000;
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_IDLE);
	assert_true(bed->qpair.wants_write);
	assert_int_equal(bed->sents, 1);
	bed->pipe.window = SIZE_MAX;
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_IDLE);
	assert_false(bed->qpair.wants_write);
	assert_int_equal(count_responses(bed, 5000), 2);
	close_bed(bed);
}

/* ---- turns --------------------------------------------------------------------------------------- */

#define TURN 65536u

/* Large data in pieces, the last one with what follows in the buffer. */
static void a_turn_ends_a_receive_of_much_data(void **state)
{
	static uint8_t data[3 * TURN];
	struct bed *bed = connected();

	bed->writes = sizeof(data);
	add_command(&bed->pipe.in, 1, 7);
	receive(bed, 1);
	put_h2c(&bed->pipe.in, &plain, 7, 0, 0, data, sizeof(data), true);
	bed->qpair.turn = TURN;
	receive(bed, 1);
	for (size_t before = bed->pipe.taken; bed->pipe.taken < bed->pipe.in.n;
	     before = bed->pipe.taken) {
		enum qpair_progress p = receive(bed, 1);

		assert_in_range(bed->pipe.taken - before, 1, TURN);
		assert_int_equal(p, bed->pipe.taken < bed->pipe.in.n ? QPAIR_MORE : QPAIR_IDLE);
	}
	assert_int_equal(bed->received, 1);
	close_bed(bed);
}

/* Of few large answers and of many small ones. */
static void a_turn_ends_a_large_send(void **state)
{
	static const uint32_t sizes[] = { sizeof(((struct bed *)0)->data), 4096 };

	for (size_t i = 0; i < 2; i++) {
		struct bed *bed = connected();
		unsigned int reads = (unsigned int)(sizeof(bed->data) / sizes[i]) + 1;

		bed->reads = sizes[i];
		for (uint16_t cid = 0; cid < reads; cid++)
			add_command(&bed->pipe.in, 2, cid);
		while (receive(bed, 1) == QPAIR_MORE)
			;
		bed->qpair.turn = TURN;
		for (size_t before = 0; tcp_output(&bed->qpair.tcp) > 3 * TURN;
		     before = bed->pipe.out.n) {
			assert_int_equal(qpair_send(&bed->qpair), QPAIR_MORE);
			assert_true(bed->qpair.has_more);
			assert_false(bed->qpair.wants_write);
			assert_in_range(bed->pipe.out.n - before, TURN, 3 * TURN);
		}
		/* What is left is little. */
		assert_int_equal(qpair_send(&bed->qpair), QPAIR_IDLE);
		assert_false(bed->qpair.has_more);
		assert_int_equal(count_responses(bed, sizes[i]), reads);
		close_bed(bed);
	}
}

static void an_end_waits_for_no_turn(void **state)
{
	struct bed *bed = connected();

	bed->reads = sizeof(bed->data);
	for (uint16_t cid = 0; cid < 4; cid++)
		add_command(&bed->pipe.in, 2, cid);
	bed->pipe.receive_error = 0;
	bed->qpair.sees_end = true;
	bed->qpair.turn = TURN;
	assert_int_equal(receive(bed, 16), QPAIR_ENDED);
	assert_int_equal(count_responses(bed, sizeof(bed->data)), 4);
	close_bed(bed);
}

/* ---- ends ---------------------------------------------------------------------------------------- */

static void the_peer_closes(void **state)
{
	struct bed *bed = connected();

	bed->pipe.receive_error = 0;
	assert_int_equal(receive(bed, 16), QPAIR_ENDED);
	assert_int_equal(bed->qpair.tcp.state, TCP_STATE_DEAD);
	assert_null(bed->qpair.tcp.reason);
	close_bed(bed);
}

/* The last bytes and the end come together, and only one event tells. */
static void an_end_behind_the_last_bytes(void **state)
{
	struct bed *bed = connected();

	add_command(&bed->pipe.in, 3, 1);
	bed->pipe.receive_error = 0;
	assert_int_equal(receive(bed, 16), QPAIR_IDLE);
	assert_int_equal(bed->pipe.receives, 1);
	add_command(&bed->pipe.in, 3, 2);
	bed->qpair.sees_end = true;
	assert_int_equal(receive(bed, 16), QPAIR_ENDED);
	assert_int_equal(bed->pipe.receives, 3);
	assert_int_equal(bed->gets, 3);
	assert_null(bed->qpair.tcp.reason);
	close_bed(bed);

	/* With a small budget the caller is asked to come again. */
	bed = connected();
	add_command(&bed->pipe.in, 3, 1);
	bed->pipe.receive_error = 0;
	bed->qpair.sees_end = true;
	assert_int_equal(receive(bed, 1), QPAIR_MORE);
	assert_int_equal(receive(bed, 1), QPAIR_ENDED);
	close_bed(bed);
}

/* Who ends only its sending side reads on. */
static void what_came_before_the_end_is_answered(void **state)
{
	struct bed *bed = connected();

	add_command(&bed->pipe.in, 3, 1);
	bed->pipe.receive_error = 0;
	bed->qpair.sees_end = true;
	assert_int_equal(receive(bed, 16), QPAIR_ENDED);
	assert_int_equal(bed->pipe.out.n, 24);
	close_bed(bed);

	/* A peer that is gone altogether is no other end. */
	bed = connected();
	add_command(&bed->pipe.in, 3, 1);
	bed->pipe.receive_error = 0;
	bed->pipe.window = 0;
	bed->pipe.send_error = -EPIPE;
	bed->qpair.sees_end = true;
	assert_int_equal(receive(bed, 16), QPAIR_ENDED);
	close_bed(bed);
}

static void the_stream_breaks(void **state)
{
	struct bed *bed = connected();

	bed->pipe.receive_error = -ECONNRESET;
	assert_int_equal(receive(bed, 16), QPAIR_ENDED);
	assert_non_null(bed->qpair.tcp.reason);
	close_bed(bed);

	bed = connected();
	add_command(&bed->pipe.in, 3, 1);
	receive(bed, 16);
	bed->pipe.window = 0;
	bed->pipe.send_error = -EPIPE;
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_ENDED);
	assert_non_null(bed->qpair.tcp.reason);
	close_bed(bed);
}

/* The sending side ends once the TermReq is out; what still comes is drained. */
static void a_term_is_sent_before_the_shutdown(void **state)
{
	struct bed *bed = connected();

	put_icreq(&bed->pipe.in, 0, 0, 0, 0);
	add_command(&bed->pipe.in, 3, 1);
	assert_int_equal(receive(bed, 16), QPAIR_IDLE);
	bed->pipe.window = 100;
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_IDLE);
	assert_int_equal(bed->pipe.shutdowns, 0);
	bed->pipe.window = SIZE_MAX;
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_IDLE);
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_IDLE);
	assert_int_equal(bed->pipe.shutdowns, 1);
	assert_int_equal(bed->pipe.out.p[0], 0x03);
	add_command(&bed->pipe.in, 3, 2);
	assert_int_equal(receive(bed, 16), QPAIR_IDLE);
	assert_int_equal(bed->gets, 1);
	bed->pipe.receive_error = 0;
	assert_int_equal(receive(bed, 16), QPAIR_ENDED);
	assert_string_equal(bed->qpair.tcp.reason, "a second ICReq");
	assert_int_equal(bed->pipe.closes, 0);
	close_bed(bed);
}

/* A dead connection is to be closed at once, also when its peer reads nothing:
 * it says so, and sends no half PDU. */
static void a_dead_connection_sends_nothing(void **state)
{
	struct bed *bed = connected();
	unsigned int sends;

	bed->reads = 5000;
	add_command(&bed->pipe.in, 2, 1);
	receive(bed, 1);
	bed->pipe.window = 1000;
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_IDLE);
	sends = bed->pipe.sends;
	tcp_drop(&bed->qpair.tcp, "the test says so");
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_ENDED);
	assert_int_equal(bed->pipe.sends, sends);
	close_bed(bed);
}

static void a_connection_that_dies_while_it_is_fed(void **state)
{
	struct bed *bed = connected();

	bed->limit = 2;
	for (uint16_t i = 0; i < 5; i++)
		add_command(&bed->pipe.in, 3, i);
	assert_int_equal(receive(bed, 16), QPAIR_ENDED);
	assert_int_equal(bed->gets, 2);
	close_bed(bed);
}

/* ---- over a socket ---------------------------------------------------------------------------------- */

static struct bed *open_socket(int *peer)
{
	struct bed *bed = open_bed();
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	net_stream_socket(&bed->qpair.net, fds[0]);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	*peer = fds[1];
	return bed;
}

static void write_all(int fd, struct bytes *b)
{
	assert_int_equal(write(fd, b->p, b->n), b->n);
	bytes_free(b);
}

static int wait_for(struct bed *bed, int timeout_ms)
{
	return qpair_wait(&bed->qpair, &bed->buffer, timeout_ms);
}

static void waiting_takes_and_sends(void **state)
{
	int peer;
	struct bed *bed = open_socket(&peer);
	struct bytes b = { 0 };
	uint8_t got[1000];

	assert_int_equal(wait_for(bed, 0), 0);
	add_handshake(&b);
	add_command(&b, 3, 1);
	write_all(peer, &b);
	assert_int_equal(wait_for(bed, 1000), 1);
	assert_int_equal(read(peer, got, sizeof(got)), 128 + 24 + 24);
	assert_int_equal(wait_for(bed, 0), 0);
	close(peer);
	assert_int_equal(wait_for(bed, 1000), -EPIPE);
	close_bed(bed);
}

static void a_term_arrives_before_the_end(void **state)
{
	int peer;
	struct bed *bed = open_socket(&peer);
	struct bytes b = { 0 };
	uint8_t got[1000];

	add_command(&b, 3, 1);
	write_all(peer, &b);
	assert_int_equal(wait_for(bed, 1000), 1);
	assert_int_equal(read(peer, got, sizeof(got)), 24 + 72);
	assert_int_equal(got[0], 0x03);
	assert_int_equal(read(peer, got, sizeof(got)), 0);
	assert_int_equal(wait_for(bed, 0), 0);
	close(peer);
	assert_int_equal(wait_for(bed, 1000), -EPIPE);
	close_bed(bed);
}

static void more_than_a_socket_holds(void **state)
{
	int peer;
	struct bed *bed = open_socket(&peer);
	struct bytes b = { 0 };
	size_t sum = 0, whole = 128 + 24 + 50 * (24 + sizeof(bed->data) + 24);
	uint8_t *got = malloc(1 << 16);

	bed->reads = sizeof(bed->data);
	add_handshake(&b);
	for (uint16_t i = 0; i < 50; i++)
		add_command(&b, 2, i);
	write_all(peer, &b);
	assert_int_equal(wait_for(bed, 1000), 1);
	assert_true(bed->qpair.wants_write);
	assert_int_equal(wait_for(bed, 0), 0);
	while (sum < whole) {
		ssize_t n = recv(peer, got, 1 << 16, MSG_DONTWAIT);

		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		sum += n > 0 ? (size_t)n : 0;
		assert_true(wait_for(bed, 0) >= 0);
	}
	assert_int_equal(sum, whole);
	assert_false(tcp_has_output(&bed->qpair.tcp));
	assert_int_equal(bed->sents, bed->gets);
	free(got);
	close(peer);
	close_bed(bed);
}

/* A peer that is gone must not raise SIGPIPE. */
static void sending_to_nobody(void **state)
{
	int peer;
	struct bed *bed = open_socket(&peer);
	struct bytes b = { 0 };

	add_handshake(&b);
	write_all(peer, &b);
	assert_int_not_equal(receive(bed, 4), QPAIR_ENDED);
	close(peer);
	assert_int_equal(qpair_send(&bed->qpair), QPAIR_ENDED);
	assert_int_equal(wait_for(bed, 0), -EPIPE);
	close_bed(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_receive_and_one_send_for_a_batch),
		cmocka_unit_test(a_small_batch_of_reads_leaves_in_parts),
		cmocka_unit_test(many_pieces_take_several_sends),
		cmocka_unit_test(the_budget_ends_a_turn),
		cmocka_unit_test(a_stream_that_comes_in_bites),
		cmocka_unit_test(much_data_passes_by_the_buffer),
		cmocka_unit_test(data_lands_in_its_place),
		cmocka_unit_test(nothing_is_read_while_held),
		cmocka_unit_test(what_the_socket_does_not_take_waits),
		cmocka_unit_test(a_turn_ends_a_receive_of_much_data),
		cmocka_unit_test(a_turn_ends_a_large_send),
		cmocka_unit_test(an_end_waits_for_no_turn),
		cmocka_unit_test(the_peer_closes),
		cmocka_unit_test(an_end_behind_the_last_bytes),
		cmocka_unit_test(what_came_before_the_end_is_answered),
		cmocka_unit_test(the_stream_breaks),
		cmocka_unit_test(a_term_is_sent_before_the_shutdown),
		cmocka_unit_test(a_dead_connection_sends_nothing),
		cmocka_unit_test(a_connection_that_dies_while_it_is_fed),
		cmocka_unit_test(waiting_takes_and_sends),
		cmocka_unit_test(a_term_arrives_before_the_end),
		cmocka_unit_test(more_than_a_socket_holds),
		cmocka_unit_test(sending_to_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
