/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The send queue.
 *
 * Headers, responses and small reads are packed into chunks, so that a batch
 * of responses goes out as one or two long pieces; large data stays where it is
 * and is referred to.
 *
 * Lent data is storage that others write to.  What is offered to the socket is held
 * until the socket has taken its copy.  When that ends in the middle of a block, the
 * rest of the block is copied before it is released, so that a block never leaves in
 * two states; what was not offered may still change.  With a data digest an item is all
 * of a PDU's data and treated as one block is, and the digest made while it is held.
 */
#include "tcp/internal.h"
#include "pdu/digest.h"

#include <stdlib.h>

struct tcp_chunk {
	uint32_t size;		/* of bytes[] */
	uint32_t used;		/* filled */
	uint32_t unsent;	/* filled and not yet sent */
	uint8_t bytes[];
};

struct tcp_item {
	const uint8_t *bytes;
	uint32_t length;
	struct tcp_chunk *chunk;	/* that the bytes lie in */
	struct capsule *owner;		/* that wants to know when they have left */
	uint32_t lent;			/* not 0: storage of the owner's, in such blocks */
	uint32_t held;			/* bytes of it that nobody changes just now */
};

static void give_chunk(struct tcp_conn *conn, struct tcp_chunk *chunk)
{
	size_t size = chunk->size + sizeof(*chunk);

	conn->tx.memory -= size;
	conn->memory.give(conn->memory.context, chunk, size);
}

typedef void *take_call(void *context, size_t size);

static struct tcp_chunk *take_chunk(struct tcp_conn *conn, size_t size, take_call *take)
{
	struct tcp_chunk *chunk = take(conn->memory.context, size);

	if (!chunk)
		return NULL;
	*chunk = (struct tcp_chunk){ .size = (uint32_t)(size - sizeof(*chunk)) };
	conn->tx.memory += size;
	return chunk;
}

/* Stops filling the present chunk; what is unsent in it keeps it alive. */
static void retire_chunk(struct tcp_conn *conn)
{
	struct tcp_chunk *chunk = conn->tx.chunk;

	conn->tx.chunk = NULL;
	if (chunk && !chunk->unsent)
		give_chunk(conn, chunk);
}

/* The room that is left, else that of a new chunk; the old one is let go only
 * then: whoever finds no memory for much may go on with little. */
static void *find_room(struct tcp_conn *conn, uint32_t length, take_call *take)
{
	struct tcp_chunk *chunk = conn->tx.chunk;
	size_t least = length + sizeof(*chunk);

	if (chunk && chunk->size - chunk->used >= length)
		return chunk->bytes + chunk->used;
	if (least < TCP_CHUNK_MIN)
		least = TCP_CHUNK_MIN;
	chunk = take_chunk(conn, TCP_CHUNK_WANTED, take);
	if (!chunk)
		chunk = take_chunk(conn, least, take);
	if (!chunk)
		return NULL;
	retire_chunk(conn);
	conn->tx.chunk = chunk;
	return chunk->bytes;
}

void *tx_try_room(struct tcp_conn *conn, uint32_t length)
{
	const struct tcp_memory *m = &conn->memory;
	bool is_behind = conn->tx.bytes >= TCP_PACKED_UNSENT;

	if (conn->tx.memory >= TCP_PACKED_MEMORY)
		return NULL;
	return find_room(conn, length, is_behind && m->take_spare ? m->take_spare : m->take);
}

void *tx_room(struct tcp_conn *conn, uint32_t length)
{
	void *room = find_room(conn, length, conn->memory.take);

	if (!room)
		tcp_drop(conn, "out of memory for a response");
	return room;
}

static struct tcp_item *last_item(struct tcp_conn *conn)
{
	return conn->tx.tail > conn->tx.head ? &conn->tx.items[conn->tx.tail - 1] : NULL;
}

static bool grow_items(struct tcp_conn *conn)
{
	uint32_t room = conn->tx.room ? conn->tx.room * 2 : 16;
	struct tcp_item *items = reallocarray(conn->tx.items, room, sizeof(*items));

	if (!items) {
		tcp_drop(conn, "out of memory for the send queue");
		return false;
	}
	conn->tx.items = items;
	conn->tx.room = room;
	return true;
}

/* The queue lies in an array; what has been sent leaves a gap in front. */
static struct tcp_item *new_item(struct tcp_conn *conn)
{
	uint32_t count = conn->tx.tail - conn->tx.head;

	if (conn->tx.tail == conn->tx.room) {
		if (conn->tx.head > conn->tx.room / 2) {
			memmove(conn->tx.items, conn->tx.items + conn->tx.head,
				count * sizeof(*conn->tx.items));
			conn->tx.head = 0;
			conn->tx.tail = count;
		} else if (!grow_items(conn)) {
			return NULL;
		}
	}
	return &conn->tx.items[conn->tx.tail++];
}

void tx_commit(struct tcp_conn *conn, uint32_t used)
{
	struct tcp_chunk *chunk = conn->tx.chunk;
	uint8_t *bytes = chunk->bytes + chunk->used;
	struct tcp_item *item = last_item(conn);

	if (item && item->chunk == chunk && item->bytes + item->length == bytes) {
		item->length += used;
	} else {
		item = new_item(conn);
		if (!item)
			return;
		*item = (struct tcp_item){ .bytes = bytes, .length = used, .chunk = chunk };
	}
	chunk->used += used;
	chunk->unsent += used;
	conn->tx.bytes += used;
}

bool tx_refer(struct tcp_conn *conn, const void *bytes, uint32_t length,
	      struct capsule *owner)
{
	struct tcp_item *item = new_item(conn);

	if (!item)
		return false;
	*item = (struct tcp_item){ .bytes = bytes, .length = length, .owner = owner,
				    .lent = owner->lent };
	owner->tcp.unsent++;
	conn->tx.bytes += length;
	return true;
}

/* Takes `length` bytes off an item that has at least as many. */
static void consume(struct tcp_conn *conn, struct tcp_item *item, uint32_t length)
{
	item->bytes += length;
	item->length -= length;
	conn->tx.bytes -= length;
	if (!item->chunk)
		return;
	item->chunk->unsent -= length;
	if (!item->chunk->unsent && item->chunk != conn->tx.chunk)
		give_chunk(conn, item->chunk);
}

/* Takes bytes off the queue; the owners of what has left wait in tx.sent. */
static void leave(struct tcp_conn *conn, size_t length)
{
	while (length && conn->tx.head < conn->tx.tail) {
		struct tcp_item *item = &conn->tx.items[conn->tx.head];
		struct capsule *owner = item->owner;
		uint32_t part = length < item->length ? (uint32_t)length : item->length;

		length -= part;
		consume(conn, item, part);
		if (item->length)
			break;
		conn->tx.head++;
		if (owner && !--owner->tcp.unsent) {
			owner->tcp.next_sent = conn->tx.sent;
			conn->tx.sent = owner;
		}
	}
	if (!conn->tx.bytes) {
		conn->tx.head = conn->tx.tail = 0;
		retire_chunk(conn);
	}
}

/* Only now, with the queue in order: whoever is told may send and close. */
static void tell_owners(struct tcp_conn *conn)
{
	struct capsule *c;

	while ((c = conn->tx.sent)) {
		conn->tx.sent = c->tcp.next_sent;
		conn->role->sent(conn, c);
	}
}

/* ---- lent data -------------------------------------------------------------------------- */

static uint32_t place_in_data(const struct tcp_item *item)
{
	return (uint32_t)(item->bytes - item->owner->data);
}

static uint32_t hold(const struct tcp_conn *conn, struct tcp_item *item, bool wait)
{
	item->held = conn->queue->sink->hold(item->owner, place_in_data(item),
					     item->length, wait);
	return item->held;
}

/* What tcp_tx_vector held stands at the head, nothing else behind it. */
static void release(struct tcp_conn *conn)
{
	for (uint32_t i = conn->tx.head; i < conn->tx.tail && i < conn->tx.offered; i++) {
		struct tcp_item *item = &conn->tx.items[i];

		if (item->held)
			conn->queue->sink->release(item->owner, place_in_data(item),
						   item->held);
		item->held = 0;
	}
	conn->tx.offered = 0;
}

/* Data of which not even one unit can be held at once: it is copied piece by piece. */
static bool copy_whole(struct tcp_conn *conn, struct tcp_item *item)
{
	const struct capsule_sink_ops *sink = conn->queue->sink;
	struct tcp_chunk *chunk = take_chunk(conn, item->length + sizeof(*chunk),
					     conn->memory.take);
	uint32_t place = place_in_data(item), n;

	if (!chunk) {
		tcp_drop(conn, "out of memory for data that is being written");
		return false;
	}
	for (uint32_t at = 0; at < item->length; at += n) {
		n = sink->hold(item->owner, place + at, item->length - at, true);
		memcpy(chunk->bytes + at, item->bytes + at, n);
		sink->release(item->owner, place + at, n);
	}
	chunk->used = chunk->unsent = item->length;
	item->bytes = chunk->bytes;
	item->chunk = chunk;
	item->lent = 0;
	return true;
}

/* The digest stands at the beginning of what follows the data. */
static void add_digest(struct tcp_item *item)
{
	le32 digest = digest_of(item->bytes, item->length);

	memcpy((void *)(uintptr_t)item[1].bytes, &digest, sizeof(digest));
}

/* What must be of one moment at least. */
static uint32_t unit_of(const struct tcp_conn *conn, const struct tcp_item *item)
{
	return conn->format.data_digest ? item->length : item->lent;
}

/*
 * Makes sure that an item's bytes stay as they are while they are sent: how many of
 * them do; 0: none just now, or (the connection is dead) no memory.  Who holds
 * something already must not wait.
 */
static uint32_t settle(struct tcp_conn *conn, struct tcp_item *item, bool may_wait)
{
	uint32_t length = hold(conn, item, may_wait);

	if (length < unit_of(conn, item)) {
		if (length)
			conn->queue->sink->release(item->owner, place_in_data(item), length);
		item->held = 0;
		length = may_wait && copy_whole(conn, item) ? item->length : 0;
	}
	if (length && conn->format.data_digest)
		add_digest(item);
	return length;
}

/* When `length` bytes leave, the first of those that stay behind; so many bytes of
 * its item leave, too.  NULL: nothing stays behind. */
static const struct tcp_item *first_left(const struct tcp_conn *conn, size_t length,
					 uint32_t *leaving)
{
	for (uint32_t i = conn->tx.head; i < conn->tx.tail; i++) {
		const struct tcp_item *item = &conn->tx.items[i];

		if (length < item->length) {
			*leaving = (uint32_t)length;
			return item;
		}
		length -= item->length;
	}
	return NULL;
}

/* How many bytes follow the first `leaving` ones in the same block. */
static uint32_t rest_of_block(const struct tcp_conn *conn, const struct tcp_item *item,
			      uint32_t leaving)
{
	uint32_t part;

	if (conn->format.data_digest)
		return leaving ? item->length - leaving : 0;
	part = (place_in_data(item) + leaving) % item->lent;
	return part ? item->lent - part : 0;
}

/* A copy of the rest of the block of which only the beginning leaves; NULL: there is
 * none, or (the connection is dead) no memory. */
static struct tcp_chunk *copy_rest_of_block(struct tcp_conn *conn, size_t length)
{
	struct tcp_chunk *chunk;
	uint32_t leaving, rest;
	const struct tcp_item *item = first_left(conn, length, &leaving);

	if (!item || !item->lent)
		return NULL;
	rest = rest_of_block(conn, item, leaving);
	if (!rest)
		return NULL;
	chunk = take_chunk(conn, rest + sizeof(*chunk), conn->memory.take);
	if (!chunk) {
		tcp_drop(conn, "out of memory for the rest of a block");
		return NULL;
	}
	memcpy(chunk->bytes, item->bytes + leaving, rest);
	chunk->used = chunk->unsent = rest;
	return chunk;
}

/* Puts that copy in the place of what it is a copy of, at the head of the queue. */
static void put_copy(struct tcp_conn *conn, struct tcp_chunk *chunk)
{
	struct tcp_item *item = &conn->tx.items[conn->tx.head], copy = {
		.bytes = chunk->bytes, .length = chunk->used, .chunk = chunk,
	};

	item->bytes += copy.length;
	item->length -= copy.length;
	if (!item->length) {
		copy.owner = item->owner;
		*item = copy;
		return;
	}
	if (conn->tx.head) {
		conn->tx.head--;
	} else if (!new_item(conn)) {
		conn->tx.bytes -= copy.length;
		give_chunk(conn, chunk);
		return;
	} else {
		memmove(conn->tx.items + 1, conn->tx.items,
			(conn->tx.tail - 1) * sizeof(*conn->tx.items));
	}
	conn->tx.items[conn->tx.head] = copy;
}

/* ---- what the connection's owner calls ---------------------------------------------------- */

void tcp_tx_done(struct tcp_conn *conn, size_t length)
{
	struct tcp_chunk *rest = copy_rest_of_block(conn, length);

	release(conn);
	conn->counters.bytes_out += length;
	leave(conn, length);
	if (rest)
		put_copy(conn, rest);
	tell_owners(conn);
}

void tx_discard(struct tcp_conn *conn)
{
	leave(conn, conn->tx.bytes);
	tell_owners(conn);
	retire_chunk(conn);
}

/*
 * Whoever reads cold data, a digest or the socket's copy, waits for memory at the beginning
 * of each page; further on the processor sees what is coming.  So the beginning of the next
 * data is asked for in time: it lies two items on, behind a digest, a response, a header.
 */
#define AHEAD 256u

/* In line always: a call that only prefetches has no effect, thinks gcc, and drops it. */
__attribute__((always_inline))
static inline void ask_for_next(const struct tcp_conn *conn, const struct tcp_item *item)
{
	const struct tcp_item *next = item + 2;

	if (next >= conn->tx.items + conn->tx.tail || !next->lent)
		return;
	for (uint32_t at = 0; at < AHEAD && at < next->length; at += 64)
		__builtin_prefetch(next->bytes + at);
}

/* What can't be held now ends the vector, and is the first that the next one holds:
 * that one waits, holding nothing else, for who writes there. */
unsigned int tcp_tx_vector(struct tcp_conn *conn, struct iovec *vector,
			   unsigned int room, size_t part)
{
	unsigned int n = 0;
	bool holds = false, is_whole = true;
	uint32_t i = conn->tx.head;
	size_t sum = 0;

	conn_settle(conn);
	for (; i < conn->tx.tail && n < room && is_whole; i++) {
		struct tcp_item *item = &conn->tx.items[i];
		uint32_t length = item->length;

		if (sum >= part && conn->tx.bytes - sum >= part)
			break;
		if (item->lent) {
			ask_for_next(conn, item);
			length = settle(conn, item, !holds);
			if (!length)
				break;
			holds = true;
			is_whole = length == item->length;
		}
		vector[n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)item->bytes,
					      .iov_len = length };
		sum += length;
	}
	conn->tx.offered = i;
	return n;
}
