/* SPDX-License-Identifier: BSD-2-Clause */
#include "qpair/qpair.h"

#include <errno.h>
#include <poll.h>

/* One vectored send carries this many pieces at most. */
#define SEND_PIECES 512

/*
 * A small batch leaves in parts where we have the time, so that the peer is at work on
 * the first one while we send the next: else the two take turns, and each sleeps half
 * of the time.  Of a large one the kernel passes the beginning on by itself.
 */
#define SMALL_BATCH (192u << 10)
#define SMALL_PART (32u << 10)
/* Digests are made as a vector is: of so much data that the second cache still has it when
 * the socket copies it. */
#define DIGEST_PART (256u << 10)

static enum qpair_progress end(struct qpair *q, const char *reason)
{
	tcp_drop(&q->tcp, reason);
	return QPAIR_ENDED;
}

/* The peer has ended its side, and may still read what its last commands gave. */
static enum qpair_progress hear_end(struct qpair *q)
{
	if (q->tcp.state == TCP_STATE_READY)
		qpair_send_all(q);
	return end(q, NULL);
}

/* Splits what arrived between the data's own place and the buffer. */
static void feed(struct qpair *q, const struct qpair_buffer *buffer, size_t placed,
		 size_t length)
{
	if (placed) {
		size_t direct = length < placed ? length : placed;

		tcp_rx_placed(&q->tcp, direct);
		length -= direct;
	}
	if (length)
		tcp_rx(&q->tcp, buffer->bytes, length);
}

/* Data that comes through the buffer is copied once more: of much data only so much
 * does, behind the header that says where it goes. */
#define BULK_RECEIVES 4096u

/* One receive.  Bytes asked for in *wanted; the stream's answer. */
static ssize_t receive_once(struct qpair *q, const struct qpair_buffer *buffer,
			    size_t *wanted)
{
	bool is_bulk = tcp_rx_is_bulk(&q->tcp) && buffer->size > BULK_RECEIVES;
	size_t size = is_bulk ? BULK_RECEIVES : buffer->size;
	struct iovec iov[2];
	void *where;
	size_t placed = tcp_rx_place(&q->tcp, &where);
	int n = 0;
	ssize_t got;

	if (q->turn && placed > q->turn) {
		placed = q->turn;
		size = 0;
	}
	if (placed)
		iov[n++] = (struct iovec){ where, placed };
	if (size)
		iov[n++] = (struct iovec){ buffer->bytes, size };
	*wanted = placed + size;
	got = q->net.ops->receive(&q->net, iov, n);
	if (got > 0)
		feed(q, buffer, placed, (size_t)got);
	return got;
}

enum qpair_progress qpair_receive(struct qpair *q, const struct qpair_buffer *buffer,
				  unsigned int budget)
{
	while (budget--) {
		size_t wanted;
		ssize_t got;

		if (tcp_rx_is_held(&q->tcp))
			return QPAIR_IDLE;
		got = receive_once(q, buffer, &wanted);
		if (q->tcp.state == TCP_STATE_DEAD)
			return QPAIR_ENDED;
		if (got == -EAGAIN)
			return QPAIR_IDLE;
		if (!got)
			return hear_end(q);
		if (got < 0)
			return end(q, "the connection broke");
		if ((size_t)got < wanted && !q->sees_end)
			return QPAIR_IDLE;
	}
	return QPAIR_MORE;
}

/* A small batch leaves at once: to stop in the middle of it costs more than it gives. */
static size_t turn_of(const struct qpair *q)
{
	return q->turn && tcp_output(&q->tcp) > SMALL_BATCH ? q->turn : SIZE_MAX;
}

/* How much of what is queued one vector shall carry. */
static size_t part_of(const struct qpair *q)
{
	size_t turn = turn_of(q);

	if (q->sends_parts && tcp_output(&q->tcp) <= SMALL_BATCH)
		return SMALL_PART;
	return q->tcp.format.data_digest && turn > DIGEST_PART ? DIGEST_PART : turn;
}

/* The pieces that hold the first `most` bytes, the last of them shortened: a vector ends
 * with the piece that makes it long enough, which may be a long one. */
static unsigned int cut(struct iovec *iov, unsigned int n, size_t most)
{
	for (unsigned int i = 0; i < n; i++) {
		if (iov[i].iov_len >= most) {
			iov[i].iov_len = most;
			return i + 1;
		}
		most -= iov[i].iov_len;
	}
	return n;
}

/* One vectored send: the stream's answer. */
static ssize_t send_once(struct qpair *q, size_t part, size_t turn)
{
	struct iovec iov[SEND_PIECES];
	unsigned int n = tcp_tx_vector(&q->tcp, iov, SEND_PIECES, part);
	ssize_t sent = 0;

	if (q->tcp.state != TCP_STATE_DEAD) {
		if (turn < SIZE_MAX)
			n = cut(iov, n, 2 * turn);
		sent = q->net.ops->send(&q->net, iov, (int)n);
	}
	tcp_tx_done(&q->tcp, sent > 0 ? (size_t)sent : 0);
	return sent;
}

enum qpair_progress qpair_send(struct qpair *q)
{
	size_t part = part_of(q), turn = turn_of(q), sum = 0;

	q->wants_write = q->has_more = false;
	/* What a dead connection has queued may end in the middle of a PDU. */
	while (tcp_has_output(&q->tcp) && q->tcp.state != TCP_STATE_DEAD) {
		ssize_t sent;

		if (sum >= turn) {
			q->has_more = true;
			return QPAIR_MORE;
		}
		sent = send_once(q, part, turn);
		if (sent == -EAGAIN) {
			q->wants_write = true;
			return QPAIR_IDLE;
		}
		if (sent < 0)
			return end(q, "the connection broke");
		sum += (size_t)sent;
	}
	if (q->tcp.state == TCP_STATE_TERMINATING && !q->has_shut) {
		q->net.ops->shutdown(&q->net);
		q->has_shut = true;
	}
	return q->tcp.state == TCP_STATE_DEAD ? QPAIR_ENDED : QPAIR_IDLE;
}

enum qpair_progress qpair_send_all(struct qpair *q)
{
	q->turn = 0;
	return qpair_send(q);
}

void qpair_close(struct qpair *q)
{
	q->net.ops->close(&q->net);
	tcp_close(&q->tcp);
}

int qpair_wait(struct qpair *q, const struct qpair_buffer *buffer, int timeout_ms)
{
	struct pollfd p = { .fd = q->net.fd };
	int n;

	if (qpair_send(q) == QPAIR_ENDED)
		return -EPIPE;
	p.events = (short)(POLLIN | (q->wants_write ? POLLOUT : 0));
	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -EPIPE : 0;
	if (p.revents & ~POLLOUT && qpair_receive(q, buffer, 16) == QPAIR_ENDED)
		return -EPIPE;
	return qpair_send(q) == QPAIR_ENDED ? -EPIPE : 1;
}
