/* SPDX-License-Identifier: BSD-2-Clause */
/* What both ends share: cutting the stream into PDUs, and the end of it all. */
#include "tcp/internal.h"
#include "pdu/digest.h"

#include <stdlib.h>

enum phase { PHASE_HEADER, PHASE_DATA, PHASE_TRAILER };

void conn_init(struct tcp_conn *conn, const struct tcp_role *role,
	       struct capsule_queue *queue, const struct tcp_config *config,
	       const struct tcp_memory *memory, const struct log *log)
{
	*conn = (struct tcp_conn){
		.queue = queue, .role = role, .config = config,
		.memory = *memory, .log = log,
		.rules = { .alignment = 4, .data_max = config->maxh2cdata,
			   .in_capsule_max = NVMF_ADMIN_IN_CAPSULE },
		.format = { .alignment = 4 },
		.rx.need = sizeof(struct tcp_ch),
	};
	queue->connection = conn;
}

void conn_agree(struct tcp_conn *conn, uint8_t digests, uint8_t send_pda,
		uint8_t receive_pda)
{
	conn->digests = digests;
	conn->rules.header_digest = conn->format.header_digest =
		digests & TCP_DIGEST_HEADER;
	conn->rules.data_digest = conn->format.data_digest =
		digests & TCP_DIGEST_DATA;
	conn->rules.alignment = (receive_pda + 1u) * 4;
	conn->format.alignment = (send_pda + 1u) * 4;
	conn->state = TCP_STATE_READY;
}

void tcp_set_queue(struct tcp_conn *conn, uint32_t entries, bool flow_off,
		   uint32_t in_capsule_max)
{
	conn->entries = entries;
	conn->is_flow_off = flow_off;
	conn->rules.in_capsule_max = in_capsule_max;
	/* The queue begins with its Connect command, now fetched. */
	conn->sqhd = (uint16_t)(1 % entries);
}

/* ---- the end ------------------------------------------------------------------ */

void tcp_drop(struct tcp_conn *conn, const char *reason)
{
	if (conn->state == TCP_STATE_DEAD)
		return;
	conn->state = TCP_STATE_DEAD;
	if (!conn->reason)	/* a TermReq's stays */
		conn->reason = reason;
}

void tcp_terminate(struct tcp_conn *conn, uint16_t fes, uint32_t fei,
		   const char *reason)
{
	uint8_t *at;

	if (conn->state >= TCP_STATE_TERMINATING)
		return;
	at = tx_room(conn, PDU_HEADER_ROOM);
	if (!at)
		return;
	tx_commit(conn, pdu_build_term(at, conn->role->term, fes, fei,
				       conn->rx.culprit, conn->rx.culprit_length));
	if (conn->state != TCP_STATE_DEAD)
		conn->state = TCP_STATE_TERMINATING;
	conn->reason = reason;
	conn->fes = fes;
	conn->fei = fei;
}

static void give_gather(struct tcp_conn *conn)
{
	if (conn->rx.gather)
		conn->memory.give(conn->memory.context, conn->rx.gather,
				  conn->rx.shape.data);
	conn->rx.gather = NULL;
}

void tcp_close(struct tcp_conn *conn)
{
	conn->state = TCP_STATE_DEAD;
	conn->is_closed = true;
	tx_discard(conn);
	conn->role->close(conn);
}

void tcp_free(struct tcp_conn *conn)
{
	tx_discard(conn);
	give_gather(conn);
	free(conn->tx.items);
	free(conn->rx.held);
	conn->tx.items = NULL;
	conn->rx.held = NULL;
}

/* ---- receiving ---------------------------------------------------------------- */

/* The header of the PDU at hand, as far as it is known. */
static void set_culprit(struct tcp_conn *conn, const struct tcp_ch *ch, uint32_t length)
{
	conn->rx.culprit = ch;
	conn->rx.culprit_length = length;
}

static void keep_header(struct tcp_conn *conn, const void *header, uint32_t length)
{
	if (header != conn->rx.header)
		memcpy(conn->rx.header, header, length);
	conn->rx.have = length;
}

static bool passes_check(struct tcp_conn *conn, const struct tcp_ch *ch)
{
	struct pdu_verdict v = pdu_check(ch, &conn->rules, &conn->rx.shape);

	if (v.fate == PDU_OK)
		return true;
	set_culprit(conn, ch, sizeof(*ch));
	if (v.fate == PDU_DROP)
		tcp_drop(conn, "malformed TermReq");
	else
		tcp_terminate(conn, v.fes, v.fei, "malformed PDU header");
	return false;
}

static bool passes_header_digest(struct tcp_conn *conn, const struct tcp_ch *ch)
{
	le32 want, got;

	if (!conn->rx.shape.has_header_digest)
		return true;
	want = digest_of(ch, ch->hlen);
	memcpy(&got, (const char *)ch + ch->hlen, sizeof(got));
	if (le32_get(want) == le32_get(got))
		return true;
	tcp_terminate(conn, TCP_FES_HEADER_DIGEST, le32_get(got), "header digest error");
	return false;
}

/* Makes ready for the next PDU. */
static void start_pdu(struct tcp_conn *conn)
{
	set_culprit(conn, NULL, 0);
	conn->rx.phase = PHASE_HEADER;
	conn->rx.have = 0;
	conn->rx.need = sizeof(struct tcp_ch);
	conn->rx.data = NULL;
	conn->rx.capsule = NULL;
}

static void end_pdu(struct tcp_conn *conn, const struct tcp_ch *ch,
		    const uint8_t *data, bool is_corrupt)
{
	set_culprit(conn, ch, ch->hlen);
	conn->role->whole(conn, ch, data, is_corrupt);
	give_gather(conn);
	start_pdu(conn);
}

static uint32_t trailer_size(const struct tcp_conn *conn)
{
	return conn->rx.shape.has_data_digest ? TCP_DIGEST_SIZE : 0;
}

static bool is_gathered(const struct tcp_conn *conn, const struct tcp_ch *ch)
{
	return ch->type == conn->role->gathered;
}

/* Gathered data that lies whole behind its header is used where it is. */
static size_t take_in_place(struct tcp_conn *conn, const struct tcp_ch *ch,
			    const uint8_t *data)
{
	uint32_t length = conn->rx.shape.data, trailer = trailer_size(conn);
	bool is_corrupt = false;

	if (trailer) {
		le32 want = digest_of(data, length);

		is_corrupt = memcmp(&want, data + length, sizeof(want));
	}
	end_pdu(conn, ch, data, is_corrupt);
	return (size_t)length + trailer;
}

static bool begin_gather(struct tcp_conn *conn)
{
	conn->rx.gather = conn->memory.take(conn->memory.context, conn->rx.shape.data);
	if (!conn->rx.gather)
		tcp_drop(conn, "out of memory for in-capsule data");
	conn->rx.data = conn->rx.gather;
	return conn->rx.gather;
}

/* The header is whole at `ch`; `behind` bytes of the stream follow it there
 * (none when it was pieced together).  How many of those it used. */
static size_t begin_pdu(struct tcp_conn *conn, const struct tcp_ch *ch, size_t behind)
{
	const uint8_t *data = (const uint8_t *)ch + conn->rx.shape.header;

	set_culprit(conn, ch, ch->hlen);
	if (!passes_header_digest(conn, ch))
		return 0;
	conn->role->header(conn, ch);
	if (conn->state >= TCP_STATE_TERMINATING)
		return 0;
	if (!conn->rx.shape.data) {
		end_pdu(conn, ch, NULL, false);
		return 0;
	}
	if (is_gathered(conn, ch)) {
		if (behind >= (size_t)conn->rx.shape.data + trailer_size(conn))
			return take_in_place(conn, ch, data);
		if (!begin_gather(conn))
			return 0;
	}
	keep_header(conn, ch, ch->hlen);
	conn->rx.phase = PHASE_DATA;
	conn->rx.left = conn->rx.shape.data;
	conn->rx.digest = DIGEST_START;
	return 0;
}

/* The common case: header, and often all of the PDU, lie in the caller's buffer. */
static size_t header_in_place(struct tcp_conn *conn, const uint8_t *bytes, size_t length)
{
	const struct tcp_ch *ch = (const struct tcp_ch *)bytes;
	uint32_t header;

	if (!passes_check(conn, ch))
		return length;
	header = conn->rx.shape.header;
	if (length < header) {
		keep_header(conn, ch, (uint32_t)length);
		conn->rx.need = header;
		return length;
	}
	return header + begin_pdu(conn, ch, length - header);
}

static size_t take_header(struct tcp_conn *conn, const uint8_t *bytes, size_t length)
{
	struct tcp_ch *ch = (struct tcp_ch *)conn->rx.header;
	size_t part = conn->rx.need - conn->rx.have;

	if (!conn->rx.have && length >= sizeof(*ch))
		return header_in_place(conn, bytes, length);
	if (part > length)
		part = length;
	memcpy(conn->rx.header + conn->rx.have, bytes, part);
	conn->rx.have += (uint32_t)part;
	if (conn->rx.have < conn->rx.need)
		return part;
	if (conn->rx.need == sizeof(*ch)) {
		if (passes_check(conn, ch))
			conn->rx.need = conn->rx.shape.header;
		return part;
	}
	begin_pdu(conn, ch, 0);
	return part;
}

/* `length` bytes of data stand at rx.data, or are to be dropped: `bytes`. */
static void count_data(struct tcp_conn *conn, const uint8_t *bytes, uint32_t length)
{
	if (conn->rx.shape.has_data_digest)
		conn->rx.digest = digest_add(conn->rx.digest, bytes, length);
	if (conn->rx.data)
		conn->rx.data += length;
	conn->rx.left -= length;
	if (conn->rx.left)
		return;
	conn->rx.phase = PHASE_TRAILER;
	conn->rx.need = trailer_size(conn);
	if (!conn->rx.need)
		end_pdu(conn, (struct tcp_ch *)conn->rx.header, conn->rx.gather, false);
	else
		conn->rx.have = 0;
}

static size_t take_data(struct tcp_conn *conn, const uint8_t *bytes, size_t length)
{
	uint32_t part = length < conn->rx.left ? (uint32_t)length : conn->rx.left;

	if (conn->rx.data)
		memcpy(conn->rx.data, bytes, part);
	count_data(conn, bytes, part);
	return part;
}

static size_t take_trailer(struct tcp_conn *conn, const uint8_t *bytes, size_t length)
{
	size_t part = conn->rx.need - conn->rx.have;
	le32 want = digest_end(conn->rx.digest);

	if (part > length)
		part = length;
	memcpy(conn->rx.trailer.b + conn->rx.have, bytes, part);
	conn->rx.have += (uint32_t)part;
	if (conn->rx.have == conn->rx.need)
		end_pdu(conn, (struct tcp_ch *)conn->rx.header, conn->rx.gather,
			memcmp(&want, &conn->rx.trailer, sizeof(want)));
	return part;
}

static void keep_held(struct tcp_conn *conn, const uint8_t *bytes, size_t length)
{
	uint8_t *held = realloc(conn->rx.held, conn->rx.held_length + length);

	if (!held) {
		tcp_drop(conn, "out of memory for received bytes");
		return;
	}
	memcpy(held + conn->rx.held_length, bytes, length);
	conn->rx.held = held;
	conn->rx.held_length += length;
}

static size_t take(struct tcp_conn *conn, const uint8_t *bytes, size_t length)
{
	switch (conn->rx.phase) {
	case PHASE_HEADER:
		return take_header(conn, bytes, length);
	case PHASE_DATA:
		return take_data(conn, bytes, length);
	default:
		return take_trailer(conn, bytes, length);
	}
}

void tcp_rx(struct tcp_conn *conn, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	conn->counters.bytes_in += length;
	while (length && conn->state < TCP_STATE_TERMINATING) {
		size_t used;

		if (conn->rx.is_held) {
			keep_held(conn, p, length);
			break;
		}
		used = take(conn, p, length);
		p += used;
		length -= used;
	}
	conn_settle(conn);
	set_culprit(conn, NULL, 0);
}

size_t tcp_rx_place(const struct tcp_conn *conn, void **where)
{
	if (conn->rx.phase != PHASE_DATA || !conn->rx.data ||
	    conn->rx.left < TCP_PLACE_MIN || conn->state >= TCP_STATE_TERMINATING)
		return 0;
	*where = conn->rx.data;
	return conn->rx.left;
}

void tcp_rx_placed(struct tcp_conn *conn, size_t length)
{
	conn->counters.bytes_in += length;
	count_data(conn, conn->rx.data, (uint32_t)length);
}

void tcp_rx_hold(struct tcp_conn *conn)
{
	conn->rx.is_held = true;
}

void tcp_rx_resume(struct tcp_conn *conn)
{
	uint8_t *held = conn->rx.held;
	size_t length = conn->rx.held_length;

	conn->rx.is_held = false;
	conn->rx.held = NULL;
	conn->rx.held_length = 0;
	conn->counters.bytes_in -= length;
	tcp_rx(conn, held, length);
	free(held);
}
