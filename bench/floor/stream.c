/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes in, bytes out.  All that came with one receive is answered by one send, so
 * that the peer works on while the rest is taken. */
#include "floor.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Data from here on goes straight to its place. */
#define DIRECT_SIZE 4096
/* How many pieces one receive may fall into. */
#define PIECES 130

uint8_t *stream_buffer(void)
{
	uint8_t *buffer = malloc(RECEIVE_SIZE);

	if (!buffer)
		die("memory");
	memset(buffer, 1, RECEIVE_SIZE);
	return buffer;
}

void stream_init(struct stream *s, int fd, const struct role *role, void *owner, uint8_t *buffer)
{
	int one = 1;

	memset(s, 0, sizeof(*s));
	s->role = role;
	s->owner = owner;
	s->fd = fd;
	s->buffer = buffer;
	s->most = RECEIVE_SIZE;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void stream_free(struct stream *s)
{
	free(s->queue);
}

/* ---- sending ---------------------------------------------------------------------------- */

static void make_room(struct stream *s)
{
	if (s->end < s->room)
		return;
	if (s->room)
		memmove(s->queue, s->queue + s->first, (s->end - s->first) * sizeof(*s->queue));
	s->end -= s->first;
	s->first = 0;
	if (s->end < s->room)
		return;
	s->room = s->room ? 2 * s->room : 256;
	s->queue = realloc(s->queue, s->room * sizeof(*s->queue));
	if (!s->queue)
		die("memory");
}

void stream_push(struct stream *s, const void *bytes, size_t length)
{
	make_room(s);
	s->queue[s->end++] = (struct iovec){ (void *)bytes, length };
}

static void forget_sent(struct stream *s, size_t sent)
{
	for (; s->first < s->end && sent >= s->queue[s->first].iov_len; s->first++)
		sent -= s->queue[s->first].iov_len;
	if (s->first == s->end) {
		s->first = s->end = 0;
		return;
	}
	s->queue[s->first].iov_base = (uint8_t *)s->queue[s->first].iov_base + sent;
	s->queue[s->first].iov_len -= sent;
}

void stream_send(struct stream *s)
{
	while (stream_has_output(s)) {
		size_t count = s->end - s->first;
		struct msghdr message = { .msg_iov = s->queue + s->first,
					  .msg_iovlen = count < IOV_MAX ? count : IOV_MAX };
		ssize_t sent = sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT |
				       (count > IOV_MAX ? MSG_MORE : 0));

		/* Who has left is noticed by the next receive. */
		if (sent < 0)
			return;
		forget_sent(s, (size_t)sent);
	}
}

/* ---- receiving ---------------------------------------------------------------------------- */

static size_t header_size(uint8_t type)
{
	return type == TCP_PDU_COMMAND ? sizeof(struct tcp_command) : sizeof(struct tcp_response);
}

/* How many of the bytes were data. */
static size_t take_payload(struct stream *s, const uint8_t *bytes, size_t length)
{
	size_t part = length < s->payload ? length : s->payload;

	if (s->place) {
		if (s->place != bytes)
			memcpy(s->place, bytes, part);
		s->place += part;
	}
	s->payload -= part;
	if (!s->payload)
		s->role->taken(s);
	return part;
}

static size_t take_header(struct stream *s, const uint8_t *bytes, size_t length)
{
	size_t whole = header_size(s->header_bytes ? s->header[0] : bytes[0]);
	size_t part = whole - s->header_bytes;

	if (part > length)
		part = length;
	memcpy(s->header + s->header_bytes, bytes, part);
	s->header_bytes += part;
	if (s->header_bytes < whole)
		return part;
	s->header_bytes = 0;
	s->role->take(s, (const struct tcp_ch *)s->header);
	return part;
}

static void take(struct stream *s, const uint8_t *bytes, size_t length)
{
	while (length) {
		size_t part = s->payload ? take_payload(s, bytes, length) :
					   take_header(s, bytes, length);

		bytes += part;
		length -= part;
	}
}

/* Straight to its place goes what is under way, the rest to the buffer. */
static size_t aim(const struct stream *s, struct iovec *pieces)
{
	size_t n = 0;

	if (s->place && s->payload >= DIRECT_SIZE)
		pieces[n++] = (struct iovec){ s->place, s->payload };
	pieces[n++] = (struct iovec){ s->buffer, s->most };
	return n;
}

/* Headers, which nobody reads, lie on each other, and all data goes straight to its
 * place.  No target knows so well what comes. */
static size_t foresee(struct stream *s, struct iovec *pieces)
{
	size_t n = 0, begun = s->header_bytes, bytes = 0;

	if (s->payload)
		pieces[n++] = (struct iovec){ s->place, s->payload };
	for (; n + 2 <= PIECES && bytes < s->most; begun = 0, bytes += s->foreseen) {
		pieces[n++] = (struct iovec){ s->header + begun, sizeof(s->header) - begun };
		pieces[n++] = (struct iovec){ s->role->place(s), s->foreseen };
	}
	return n;
}

static void take_foreseen(struct stream *s, const struct iovec *piece, size_t length)
{
	if (s->payload) {
		take_payload(s, s->place, length);
		return;
	}
	s->header_bytes += length;
	if (s->header_bytes < sizeof(s->header))
		return;
	s->header_bytes = 0;
	s->place = piece[1].iov_base;
	s->payload = s->foreseen;
}

static void take_pieces(struct stream *s, const struct iovec *piece, size_t length)
{
	for (; length; piece++) {
		size_t part = length < piece->iov_len ? length : piece->iov_len;

		if (s->foreseen)
			take_foreseen(s, piece, part);
		else
			take(s, piece->iov_base, part);
		length -= part;
	}
}

static size_t total(const struct iovec *pieces, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += pieces[i].iov_len;
	return sum;
}

enum progress stream_receive(struct stream *s, bool waits)
{
	struct iovec pieces[PIECES];
	struct msghdr message = { .msg_iov = pieces };
	ssize_t got;

	message.msg_iovlen = s->foreseen ? foresee(s, pieces) : aim(s, pieces);
	got = recvmsg(s->fd, &message, waits ? 0 : MSG_DONTWAIT);
	if (got <= 0)
		return got < 0 && errno == EAGAIN ? STREAM_EMPTY : STREAM_LEFT;
	take_pieces(s, pieces, (size_t)got);
	return (size_t)got < total(pieces, message.msg_iovlen) ? STREAM_EMPTY : STREAM_MORE;
}
