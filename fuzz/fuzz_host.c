/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's end of a connection, and a controller of few manners before it.
 * The input is a script of records, so that digests are right where nobody means
 * them to be wrong:
 *
 *	byte 0		bits 0-1: digests asked for, 2: flow control off, 3: receive in
 *			place, 4: in-capsule data, 5: an end submits another command
 *	byte 1		bytes fed at a time, 0: all
 *	then records	an op and its operands; what is missing is 0
 *
 * Checked: every command ends exactly once, its data alone is written (each lies
 * in memory of its own size), whole PDUs are sent, and whatever sanitizers see.
 */
#include "fuzz.h"

#include "../tests/unit/tcp/bytes.h"
#include "tcp/conn.h"

#include <string.h>

#define COMMANDS 16u
#define LENGTH_MOST 20000u
#define SUBMITS_MOST 2000u

enum op {
	OP_ICRESP, OP_SUBMIT, OP_RESPONSE, OP_C2H, OP_R2T, OP_RAW, OP_SPOIL, OP_FEED, OP_SEND,
	OP_TERM, OP_CLOSE, OP_COUNT,
};

struct command {
	struct capsule capsule;
	bool is_under_way;
	uint32_t moved;			/* of its data, by a controller that behaves */
};

struct play {
	struct tcp_conn conn;
	struct capsule_queue queue;
	struct tcp_config config;
	struct command commands[COMMANDS];
	unsigned int submitted, ended;
	struct dialect dialect;
	const uint8_t *p, *end;		/* the script */
	struct bytes pending, out;	/* to be fed; sent */
	size_t last;			/* where pending's last PDU begins */
	bool is_placed, is_eager;
	uint8_t piece;
};

static uint8_t next8(struct play *play)
{
	return play->p < play->end ? *play->p++ : 0;
}

static uint32_t next16(struct play *play)
{
	uint32_t low = next8(play);

	return low | (uint32_t)next8(play) << 8;
}

/* ---- commands ------------------------------------------------------------------------ */

static void submit(struct play *play, unsigned int i, bool is_write, uint32_t n)
{
	struct command *m = &play->commands[i];

	if (m->is_under_way || play->submitted == SUBMITS_MOST)
		return;
	m->capsule.sqe = (struct nvme_sqe){ .opcode = is_write ? NVME_IO_WRITE : NVME_IO_READ,
					    .cid = le16_of((uint16_t)(i * 64)) };
	m->capsule.length = n;
	m->capsule.data = calloc(1, n);
	m->moved = 0;
	if (tcp_host_submit(&play->conn, &m->capsule, is_write)) {
		free(m->capsule.data);
		return;
	}
	m->is_under_way = true;
	play->submitted++;
}

static void completed(struct capsule *c)
{
	struct play *play = container_of(c->queue, struct play, queue);
	struct command *m = container_of(c, struct command, capsule);

	FUZZ_CHECK(m->is_under_way);
	m->is_under_way = false;
	play->ended++;
	free(c->data);
	if (play->is_eager)
		submit(play, (unsigned int)(m - play->commands), c->tcp.is_write, c->length);
}

static const struct capsule_host_ops ops = { completed };

/* ---- bytes --------------------------------------------------------------------------------- */

static void *take(void *context, size_t size)
{
	return malloc(size);
}

static void give(void *context, void *memory, size_t size)
{
	free(memory);
}

static void send_some(struct play *play, size_t most)
{
	struct iovec iov[4];

	while (tcp_has_output(&play->conn) && most) {
		size_t n;

		FUZZ_CHECK(tcp_tx_vector(&play->conn, iov, 4, SIZE_MAX) > 0);
		n = iov[0].iov_len < most ? iov[0].iov_len : most;
		FUZZ_CHECK(n > 0);
		bytes_add(&play->out, iov[0].iov_base, n);
		tcp_tx_done(&play->conn, n);
		most -= n;
	}
}

/* Part of the bytes may be put where the connection wants them. */
static void feed_piece(struct play *play, const uint8_t *bytes, size_t n)
{
	void *where;
	size_t room = play->is_placed ? tcp_rx_place(&play->conn, &where) : 0;

	if (room > n)
		room = n;
	if (room) {
		memcpy(where, bytes, room);
		tcp_rx_placed(&play->conn, room);
	}
	if (n > room)
		tcp_rx(&play->conn, bytes + room, n - room);
}

static void feed(struct play *play)
{
	struct bytes b = play->pending;
	size_t piece = play->piece ? play->piece : b.n;

	play->pending = (struct bytes){ 0 };
	play->last = 0;
	for (size_t at = 0; at < b.n; at += piece)
		feed_piece(play, b.p + at, b.n - at < piece ? b.n - at : piece);
	bytes_free(&b);
}

/* ---- what a controller says ------------------------------------------------------------------ */

static void add_icresp(struct play *play)
{
	uint8_t pdu[128] = { 1, 0, 128, 0, 128 };
	uint8_t how = next8(play);

	pdu[11] = how & 0x80 ? how & 7 : play->config.allow_header_digest |
					 play->config.allow_data_digest << 1;
	pdu[10] = next8(play) & 0x3f;
	put32(pdu + 12, 4096u << (how & 3));
	play->last = play->pending.n;
	bytes_add(&play->pending, pdu, sizeof(pdu));
	feed(play);
	play->dialect.header_digest = play->conn.digests & 1;
	play->dialect.data_digest = play->conn.digests & 2;
	if (play->conn.state == TCP_STATE_READY)
		tcp_set_queue(&play->conn, 2 + (how >> 2 & 15), how & 0x40,
			      play->config.in_capsule_max);
}

/* The command that a PDU is about: mostly one of those that there are. */
static struct command *subject(struct play *play, uint8_t *header, uint8_t how)
{
	unsigned int i = how % COMMANDS;

	put16(header, (uint16_t)(i * 64 + (how == 0xff)));
	return &play->commands[i];
}

static void add(struct play *play, uint8_t type, uint8_t flags, uint8_t header[24],
		const void *data, uint32_t n)
{
	play->last = play->pending.n;
	put_pdu(&play->pending, &play->dialect, type, flags, header, 24, data, n);
}

static void add_response(struct play *play)
{
	uint8_t header[24] = { 0 };

	subject(play, header + 20, next8(play));
	put16(header + 22, (uint16_t)(next8(play) << 1));
	add(play, 5, 0, header, NULL, 0);
}

/* The next `n` bytes of a command, and by choice a step beside them. */
static uint32_t place(struct play *play, struct command *m, uint8_t header[24], uint8_t how)
{
	uint32_t left = m->is_under_way && m->capsule.length > m->moved ?
			m->capsule.length - m->moved : 0;
	uint32_t n = how & 1 ? left : next16(play) % LENGTH_MOST;

	if (!(how & 2) && n > left)
		n = left;
	put32(header + 12, m->moved + (how & 4 ? next8(play) : 0));
	put32(header + 16, n);
	m->moved += n;
	return n;
}

static void add_c2h(struct play *play)
{
	static const uint8_t data[LENGTH_MOST];
	uint8_t header[24] = { 0 }, how = next8(play);
	struct command *m = subject(play, header + 8, next8(play));
	uint32_t n = place(play, m, header, how);

	if (how & 8)
		put32(header + 16, n + next8(play));
	add(play, 7, (how >> 4) & 0xc, header, data, n);
}

static void add_r2t(struct play *play)
{
	uint8_t header[24] = { 0 }, how = next8(play);
	struct command *m = subject(play, header + 8, next8(play));

	place(play, m, header, how);
	put16(header + 10, next8(play));
	add(play, 9, 0, header, NULL, 0);
}

static void add_raw(struct play *play)
{
	size_t n = next8(play), left = (size_t)(play->end - play->p);

	play->last = play->pending.n;
	n = n < left ? n : left;
	bytes_add(&play->pending, play->p, n);
	play->p += n;
}

static void add_term(struct play *play)
{
	uint8_t pdu[24] = { 3, 0, 24, 0 };
	uint32_t n = next8(play);

	put32(pdu + 4, 24 + n);
	put16(pdu + 8, next8(play));
	play->last = play->pending.n;
	bytes_add(&play->pending, pdu, sizeof(pdu));
	bytes_zero(&play->pending, n);
}

/* Changes a byte of the last PDU; by choice its header digest fits again. */
static void spoil(struct play *play)
{
	struct bytes *b = &play->pending;
	uint8_t how = next8(play), value = next8(play), *pdu;
	size_t n = b->n - play->last, at = how & 0x7f;

	if (!n)
		return;
	pdu = b->p + play->last;
	pdu[at < n ? at : n - 1] ^= value;
	if (how & 0x80 && play->dialect.header_digest && n > 8 && n >= pdu[2] + 4u)
		fix_header_digest(pdu);
}

/* ---- the play ------------------------------------------------------------------------------------ */

static void step(struct play *play)
{
	uint8_t how;

	switch (next8(play) % OP_COUNT) {
	case OP_ICRESP:
		add_icresp(play);
		break;
	case OP_SUBMIT:
		how = next8(play);
		submit(play, how % COMMANDS, how & 0x80, next16(play) % LENGTH_MOST);
		break;
	case OP_RESPONSE:
		add_response(play);
		break;
	case OP_C2H:
		add_c2h(play);
		break;
	case OP_R2T:
		add_r2t(play);
		break;
	case OP_RAW:
		add_raw(play);
		break;
	case OP_SPOIL:
		spoil(play);
		break;
	case OP_FEED:
		feed(play);
		break;
	case OP_SEND:
		how = next8(play);
		send_some(play, how ? how * 64u : SIZE_MAX);
		break;
	case OP_TERM:
		add_term(play);
		break;
	default:
		tcp_close(&play->conn);
	}
}

/* What was sent is a row of whole PDUs, unless the end cut the last one off. */
static void check_out(const struct play *play)
{
	const struct bytes *b = &play->out;
	size_t at = 0;

	while (b->n - at >= 8 && b->n - at >= get32(b->p + at + 4)) {
		uint8_t type = b->p[at];

		FUZZ_CHECK(type == 0 || type == 2 || type == 4 || type == 6);
		FUZZ_CHECK((type == 0) == (at == 0));
		FUZZ_CHECK(get32(b->p + at + 4) >= b->p[at + 2]);
		at += get32(b->p + at + 4);
	}
}

static void begin(struct play *play)
{
	static const struct tcp_memory memory = { take, give, NULL, NULL };
	uint8_t how = next8(play);

	play->config = (struct tcp_config){ .allow_header_digest = how & 1,
					    .allow_data_digest = how & 2,
					    .in_capsule_max = how & 16 ? 4096 : 0,
					    .maxh2cdata = UINT32_MAX };
	play->is_placed = how & 8;
	play->is_eager = how & 32;
	play->piece = next8(play);
	play->dialect.align = 4;
	play->queue.host = &ops;
	FUZZ_CHECK(!tcp_host_init(&play->conn, &play->queue, &play->config, &memory, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct play *play = calloc(1, sizeof(*play));

	play->p = bytes;
	play->end = bytes + n;
	begin(play);
	while (play->p < play->end) {
		step(play);
		if (play->out.n > 4u << 20)
			break;
	}
	feed(play);
	send_some(play, SIZE_MAX);
	check_out(play);
	play->is_eager = false;
	tcp_close(&play->conn);
	FUZZ_CHECK(play->submitted == play->ended);
	FUZZ_CHECK(!play->conn.in_flight);
	tcp_free(&play->conn);
	bytes_free(&play->out);
	bytes_free(&play->pending);
	free(play);
	return 0;
}
