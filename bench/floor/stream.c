/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes in, bytes out.  All that came with one receive is answered by one send. */
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

void stream_init(struct stream *s, int fd, const struct role *role, void *owner)
{
	int one = 1;

	memset(s, 0, sizeof(*s));
	s->role = role;
	s->owner = owner;
	s->fd = fd;
	s->buffer = malloc(RECEIVE_SIZE);
	if (!s->buffer)
		die("memory");
	memset(s->buffer, 1, RECEIVE_SIZE);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void stream_free(struct stream *s)
{
	free(s->buffer);
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

bool stream_receive(struct stream *s, bool waits)
{
	for (;;) {
		bool is_direct = s->place && s->payload >= DIRECT_SIZE;
		size_t direct = is_direct ? s->payload : 0;
		struct iovec parts[2] = { { s->place, direct }, { s->buffer, RECEIVE_SIZE } };
		struct msghdr message = { .msg_iov = is_direct ? parts : parts + 1,
					  .msg_iovlen = is_direct ? 2 : 1 };
		ssize_t got = recvmsg(s->fd, &message, waits ? 0 : MSG_DONTWAIT);

		if (got <= 0)
			return got < 0 && errno == EAGAIN;
		waits = false;
		if ((size_t)got < direct)
			take(s, s->place, (size_t)got);
		else if (is_direct)
			take(s, s->place, direct);
		if ((size_t)got > direct)
			take(s, s->buffer, (size_t)got - direct);
		if ((size_t)got < direct + RECEIVE_SIZE)
			return true;
	}
}
