/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The controller's end of a connection with the unit tests' scripted sink: no
 * sockets.  The input is a script of records, so that digests are right where
 * nobody means them to be wrong, and R2Ts are answered:
 *
 *	byte 0		bits 0-1: digests allowed, 2: SUCCESS always, 3: small
 *			in-capsule limit, 4: small MAXH2CDATA, 5: receive in place,
 *			6: an end starts a parked command, 7: little memory
 *	byte 1		bytes fed at a time, 0: all
 *	byte 2		bytes sent at a time, in units of 16, 0: all
 *	then records	an op and its operands; what is missing is 0
 *
 * Checked: the sink's books at the end, every PDU that was sent, and whatever
 * sanitizers see.
 */
#include "fuzz.h"

#include "../tests/unit/tcp/rig.h"

#include <string.h>

#define PENDING_MOST (64u << 10)
#define DATA_MOST (TCP_PACKED_MAX + 2048)

enum op {
	OP_RAW, OP_COMMAND, OP_IN_CAPSULE, OP_DATA, OP_FEED, OP_PUMP, OP_RELEASE, OP_RESUME,
	OP_ICREQ, OP_TERM, OP_SPOIL, OP_SHORTAGE, OP_CLOSE, OP_TERMINATE, OP_CONNECT,
	OP_COUNT,
};

struct input {
	const uint8_t *p, *end;
};

struct play {
	struct rig rig;
	struct input in;
	struct bytes pending;		/* built and not yet fed */
	size_t last;			/* where its last PDU begins */
	size_t parsed;			/* of rig.out */
	uint8_t piece;
	bool is_placed;
	struct ask { uint16_t cid, ttag; uint32_t offset, left; } ask;
};

static uint8_t next8(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static uint16_t next16(struct input *in)
{
	uint16_t low = next8(in);

	return (uint16_t)(low | next8(in) << 8);
}

/* ---- what was sent ------------------------------------------------------------------ */

static void adopt_icresp(struct play *play, const struct seen *s)
{
	play->rig.dialect.header_digest = s->header[11] & 1;
	play->rig.dialect.data_digest = s->header[11] & 2;
}

/* Looks at each PDU that is whole; see_pdu demands that it is right. */
static void look(struct play *play)
{
	const struct bytes *out = &play->rig.out;
	struct seen s;

	while (out->n - play->parsed >= 8 &&
	       out->n - play->parsed >= get32(out->p + play->parsed + 4)) {
		FUZZ_CHECK(see_pdu(out, &play->parsed, &play->rig.dialect, play->rig.align, &s));
		if (s.type == 0x01)
			adopt_icresp(play, &s);
		if (s.type == 0x09)
			play->ask = (struct ask){ get16(s.header + 8), get16(s.header + 10),
						  get32(s.header + 12), get32(s.header + 16) };
	}
}

/* ---- what is received ------------------------------------------------------------------ */

static void feed(struct play *play)
{
	struct bytes *b = &play->pending;
	size_t piece = play->piece ? play->piece : b->n;

	for (size_t at = 0; at < b->n; at += piece)
		(play->is_placed ? rig_feed_placed : rig_feed)
			(&play->rig, b->p + at, b->n - at < piece ? b->n - at : piece);
	b->n = play->last = 0;
	rig_pump(&play->rig);
	look(play);
}

static void add_raw(struct play *play)
{
	size_t n = next8(&play->in), left = (size_t)(play->in.end - play->in.p);

	play->last = play->pending.n;
	n = n < left ? n : left;
	bytes_add(&play->pending, play->in.p, n);
	play->in.p += n;
}

static void add_command(struct play *play, bool has_data)
{
	static const uint8_t data[DATA_MOST];
	uint8_t sqe[64], cid = next8(&play->in), act = next8(&play->in);
	uint32_t n = next16(&play->in) % 2048;

	if (act & 0x10)
		n += act & 0x20 ? DATA_MOST - 2048 : 4096;
	/* Few identifiers, so that they meet; some in one bucket. */
	rig_sqe(sqe, (uint16_t)(cid % 32 * 64), (enum act)((act & 15) % ACT_COUNT), n);
	if (act & 0x40)
		put32(sqe + 48, act);			/* DW0 */
	if (act & 0x80)
		sqe[0] = 0x7f;
	play->last = play->pending.n;
	put_command(&play->pending, &play->rig.dialect, sqe, data, has_data ? n : 0);
}

static void add_connect(struct play *play)
{
	uint8_t sqe[64], how = next8(&play->in);

	rig_sqe(sqe, 0, how & 1 ? ACT_CONNECT_FLOW_OFF : ACT_CONNECT, 1u + how);
	sqe[0] = 0x7f;
	play->last = play->pending.n;
	put_command(&play->pending, &play->rig.dialect, sqe, NULL, 0);
}

/* Answers the last R2T, in PDUs of the wanted size. */
static void add_data(struct play *play)
{
	static const uint8_t data[DATA_MOST];
	uint32_t piece = next8(&play->in) * 256u;
	struct ask *ask = &play->ask;

	feed(play);
	if (!piece || piece > ask->left)
		piece = ask->left;
	play->last = play->pending.n;
	put_h2c(&play->pending, &play->rig.dialect, ask->cid, ask->ttag, ask->offset, data,
		piece, piece == ask->left);
	ask->offset += piece;
	ask->left -= piece;
}

/* Changes a byte of the last PDU; by choice its header digest fits again. */
static void spoil(struct play *play)
{
	struct bytes *b = &play->pending;
	uint8_t how = next8(&play->in), value = next8(&play->in), *pdu;
	size_t n = b->n - play->last, at = how & 0x7f;

	if (!n)
		return;
	pdu = b->p + play->last;
	pdu[at < n ? at : n - 1] ^= value;
	if (how & 0x80 && play->rig.dialect.header_digest && n > 8 && n >= pdu[2] + 4u)
		fix_header_digest(pdu);
}

static void add_icreq(struct play *play)
{
	uint8_t hpda = next8(&play->in), dgst = next8(&play->in), pfv = next8(&play->in);

	play->last = play->pending.n;
	put_icreq(&play->pending, pfv, hpda, dgst, 0);
	if (play->rig.conn.state == TCP_STATE_NEW && hpda < 32)
		play->rig.align = (hpda + 1u) * 4;
	/* What follows is written in the dialect that the answer will name. */
	if (play->rig.conn.state == TCP_STATE_NEW)
		feed(play);
}

static void step(struct play *play)
{
	struct rig *rig = &play->rig;

	switch (next8(&play->in) % OP_COUNT) {
	case OP_RAW:
		add_raw(play);
		break;
	case OP_COMMAND:
		add_command(play, false);
		break;
	case OP_IN_CAPSULE:
		add_command(play, true);
		break;
	case OP_CONNECT:
		add_connect(play);
		break;
	case OP_DATA:
		add_data(play);
		break;
	case OP_FEED:
		feed(play);
		break;
	case OP_PUMP:
		rig_pump(rig);
		break;
	case OP_RELEASE:
		rig_release(rig);
		break;
	case OP_RESUME:
		rig_resume(rig);
		break;
	case OP_ICREQ:
		add_icreq(play);
		break;
	case OP_TERM:
		put_term(&play->pending, 1, 0, next8(&play->in));
		break;
	case OP_SPOIL:
		spoil(play);
		break;
	case OP_SHORTAGE:
		rig->takes_left = next8(&play->in);
		break;
	case OP_TERMINATE:
		tcp_terminate(&rig->conn, TCP_FES_SEQUENCE, 0, "the script says so");
		break;
	case OP_CLOSE:
		tcp_close(&rig->conn);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct play play = { .in = { bytes, bytes + n } };
	uint8_t how = next8(&play.in);

	play.piece = next8(&play.in);
	play.is_placed = how & 32;
	play.rig = (struct rig){
		.config = { .allow_header_digest = how & 1, .allow_data_digest = how & 2,
			    .success_always = how & 4, .in_capsule_max = how & 8 ? 512 : 16384,
			    .maxh2cdata = how & 16 ? 4096 : 65536 },
		.starts_in_sent = how & 64, .take_most = how & 128 ? 24576 : 0,
		.gulp = next8(&play.in) * 16u, .data_most = DATA_MOST, .is_quiet = true };
	rig_open(&play.rig);
	for (int steps = 0; play.in.p < play.in.end && steps < 64 &&
	     play.pending.n < PENDING_MOST; steps++)
		step(&play);
	feed(&play);
	rig_close(&play.rig);
	bytes_free(&play.pending);
	return 0;
}
