/* SPDX-License-Identifier: BSD-2-Clause */
/* The controller's end: commands come in, data goes both ways, responses go out. */
#include "tcp/internal.h"
#include "pdu/digest.h"

/* ---- responses ---------------------------------------------------------------- */

static bool is_connect(const struct capsule *c)
{
	return c->sqe.opcode == NVME_OPCODE_FABRICS &&
	       (le32_get(c->sqe.nsid) & 0xff) == NVMF_CONNECT;
}

/* The head pointer is stamped in the order of sending. */
static uint16_t head_pointer(const struct tcp_conn *conn, const struct capsule *c)
{
	if (!conn->is_flow_off)
		return conn->sqhd;
	return is_connect(c) ? 0xffff : 0;
}

static uint32_t build_response(struct tcp_conn *conn, void *at, const struct capsule *c)
{
	struct nvme_cqe cqe = {
		.dw0 = le32_of(c->dw0), .dw1 = le32_of(c->dw1),
		.sqhd = le16_of(head_pointer(conn, c)), .cid = c->sqe.cid,
		.status = nvme_status_field(c->status),
	};

	conn->since_response = 0;
	return pdu_build_response(at, &conn->format, &cqe);
}

/*
 * May SUCCESS on the data stand for the completion?  By the specification when
 * flow control is off.  Otherwise by configuration, and even then a real one is
 * sent each quarter of the queue: hosts learn the head pointer from nothing else.
 */
static bool can_omit_response(struct tcp_conn *conn, const struct capsule *c)
{
	if (c->dw0 || c->dw1)
		return false;
	if (conn->is_flow_off)
		return true;
	return conn->config->success_always &&
	       ++conn->since_response < conn->entries / 4;
}

/* Header of a C2HData PDU: `length` of the read's bytes, from `offset` on. */
static uint32_t build_data_header(struct tcp_conn *conn, void *at, const struct capsule *c,
				  uint32_t offset, uint32_t length, bool is_success)
{
	uint8_t flags = offset + length < c->length ? 0 :
			TCP_FLAG_LAST | (is_success ? TCP_FLAG_SUCCESS : 0);

	return pdu_build_data(at, &conn->format, TCP_PDU_C2H_DATA, flags,
			      capsule_cid(c), 0, offset, length);
}

static uint32_t data_header_length(const struct tcp_conn *conn)
{
	uint32_t used = sizeof(struct tcp_data) +
			(conn->format.header_digest ? TCP_DIGEST_SIZE : 0u);

	return (used + conn->format.alignment - 1) / conn->format.alignment *
	       conn->format.alignment;
}

/* What follows `length` bytes from `offset` on: their digest (of lent data it is made as
 * the data is sent), and behind the last of them the response unless omitted. */
static uint32_t build_behind_data(struct tcp_conn *conn, uint8_t *at, const struct capsule *c,
				  uint32_t offset, uint32_t length, bool is_success)
{
	uint32_t used = 0;

	if (conn->format.data_digest) {
		le32 digest = c->lent ? le32_of(0) : digest_of(c->data + offset, length);

		memcpy(at, &digest, sizeof(digest));
		used = sizeof(digest);
	}
	if (!is_success && offset + length == c->length)
		used += build_response(conn, at + used, c);
	return used;
}

static bool reserve(struct capsule *c, uint32_t length)
{
	struct tcp_conn *conn = c->queue->connection;
	uint32_t header = data_header_length(conn);
	uint8_t *at;

	if (length > TCP_PACKED_MAX || conn->state != TCP_STATE_READY)
		return false;
	at = tx_try_room(conn, header + length + 2 * PDU_HEADER_ROOM);
	if (!at)
		return false;
	c->data = at + header;
	c->length = length;
	c->tcp.is_reserved = true;
	return true;
}

static bool lend(struct capsule *c, const void *data, uint32_t length, uint32_t block_size)
{
	const struct tcp_conn *conn = c->queue->connection;

	if (conn->state != TCP_STATE_READY)
		return false;
	c->data = (uint8_t *)(uintptr_t)data;
	c->length = length;
	c->lent = block_size;
	return true;
}

/* The data stands in the room already: put a header before and the rest behind. */
static void send_reserved(struct tcp_conn *conn, struct capsule *c)
{
	uint8_t *at = c->data - data_header_length(conn);
	bool is_success = can_omit_response(conn, c);
	uint32_t used = build_data_header(conn, at, c, 0, c->length, is_success) + c->length;

	tx_commit(conn, used + build_behind_data(conn, at + used, c, 0, c->length, is_success));
}

/* One PDU, its data where it lies. */
static bool refer_to_data(struct tcp_conn *conn, struct capsule *c, uint32_t offset,
			  uint32_t length, bool is_success)
{
	uint8_t *at = tx_room(conn, PDU_HEADER_ROOM);
	uint32_t behind;

	if (!at)
		return false;
	tx_commit(conn, build_data_header(conn, at, c, offset, length, is_success));
	if (!tx_refer(conn, c->data + offset, length, c))
		return false;
	at = tx_room(conn, PDU_HEADER_ROOM);
	if (!at)
		return false;
	behind = build_behind_data(conn, at, c, offset, length, is_success);
	if (behind)
		tx_commit(conn, behind);
	return true;
}

/* Lent data and its digest are of one moment, and may have to be copied when they are
 * sent: so each PDU has little of it. */
static uint32_t data_of_one_pdu(const struct tcp_conn *conn, const struct capsule *c)
{
	bool is_large = c->lent && conn->format.data_digest && c->length > TCP_PACKED_MAX;

	return is_large ? TCP_PACKED_MAX : c->length;
}

static void send_referred(struct tcp_conn *conn, struct capsule *c)
{
	bool is_success = can_omit_response(conn, c);
	uint32_t most = data_of_one_pdu(conn, c), length;

	for (uint32_t at = 0; at < c->length; at += length) {
		length = c->length - at < most ? c->length - at : most;
		if (!refer_to_data(conn, c, at, length, is_success))
			return;
	}
}

static void send_response(struct tcp_conn *conn, struct capsule *c)
{
	uint8_t *at = tx_room(conn, PDU_HEADER_ROOM);

	if (at)
		tx_commit(conn, build_response(conn, at, c));
}

static void respond(struct capsule *c)
{
	struct tcp_conn *conn = c->queue->connection;
	bool has_data = c->length && !c->status && !c->tcp.is_write;

	flight_remove(conn, c);
	if (conn->state == TCP_STATE_READY) {
		if (has_data && c->tcp.is_reserved)
			send_reserved(conn, c);
		else if (has_data)
			send_referred(conn, c);
		else
			send_response(conn, c);
	}
	if (!c->tcp.unsent)
		conn->queue->sink->sent(c);
}

static void drop(struct capsule *c)
{
	struct tcp_conn *conn = c->queue->connection;

	flight_remove(conn, c);
	conn->queue->sink->sent(c);
}

/* A command that is no matter of the sink's, or not any more. */
static void refuse(struct tcp_conn *conn, struct capsule *c, uint16_t status)
{
	c->status = status;
	if (conn->queue->sink->refused)
		conn->queue->sink->refused(c);
	respond(c);
}

/* ---- data from the host --------------------------------------------------------- */

static void send_r2t(struct tcp_conn *conn, struct capsule *c)
{
	uint32_t left = c->length - c->tcp.offset;
	uint8_t *at = tx_room(conn, PDU_HEADER_ROOM);

	if (!at)
		return;
	c->tcp.asked = left < conn->maxh2cdata ? left : conn->maxh2cdata;
	c->tcp.ttag = conn->next_ttag++;
	tx_commit(conn, pdu_build_r2t(at, &conn->format, capsule_cid(c), c->tcp.ttag,
				      c->tcp.offset, c->tcp.asked));
}

static void abandon(struct tcp_conn *conn, struct capsule *c);

static void receive(struct capsule *c)
{
	struct tcp_conn *conn = c->queue->connection;

	c->tcp.is_write = c->tcp.is_receiving = true;
	conn->receiving++;
	if (conn->state == TCP_STATE_READY)
		send_r2t(conn, c);
	else if (conn->is_closed)
		abandon(conn, c);
}

static void h2c_header(struct tcp_conn *conn, const struct tcp_data *pdu)
{
	struct capsule *c = flight_find(conn, le16_get(pdu->cccid));
	struct pdu_verdict v;

	if (!c || !c->tcp.is_receiving) {
		tcp_terminate(conn, TCP_FES_HEADER_FIELD,
			      offsetof(struct tcp_data, cccid),
			      "H2CData for a command that expects none");
		return;
	}
	if (le16_get(pdu->ttag) != c->tcp.ttag) {
		tcp_terminate(conn, TCP_FES_HEADER_FIELD,
			      offsetof(struct tcp_data, ttag),
			      "H2CData with an unknown transfer tag");
		return;
	}
	v = pdu_check_data(pdu, &conn->rx.shape, &conn->rules, c->tcp.offset,
			   c->tcp.asked);
	if (v.fate != PDU_OK) {
		tcp_terminate(conn, v.fes, v.fei, "H2CData out of order or range");
		return;
	}
	conn->rx.capsule = c;
	conn->rx.data = c->data + c->tcp.offset;
}

static void end_receive(struct tcp_conn *conn, struct capsule *c)
{
	c->tcp.is_receiving = false;
	conn->receiving--;
	if (!c->tcp.is_corrupt && !c->tcp.is_given_up) {
		conn->queue->sink->received(c);
		return;
	}
	if (c->tcp.is_corrupt)
		refuse(conn, c, NVME_TRANSIENT_TRANSPORT_ERROR);
	else
		respond(c);
}

static void h2c_whole(struct tcp_conn *conn, const struct tcp_data *pdu, bool is_corrupt)
{
	struct capsule *c = conn->rx.capsule;
	uint32_t length = le32_get(pdu->length);

	c->tcp.is_corrupt |= is_corrupt;
	c->tcp.offset += length;
	c->tcp.asked -= length;
	if (c->tcp.asked)
		return;
	if (c->tcp.offset < c->length && !c->tcp.is_given_up)
		send_r2t(conn, c);
	else
		end_receive(conn, c);
}

static struct capsule *find(struct capsule_queue *q, uint16_t cid)
{
	return flight_find(q->connection, cid);
}

static bool give_up(struct capsule *c, uint16_t status)
{
	if (!c->tcp.is_receiving)
		return false;
	c->status = status;
	c->tcp.is_given_up = true;
	return true;
}

/* ---- commands -------------------------------------------------------------------- */

/*
 * How many commands a host may have under way.  With flow control on, slots of
 * fetched commands are free again, so that a correct host can have more in
 * flight than the queue has entries; what it can't have is twice as many.
 */
static bool is_overrun(const struct tcp_conn *conn)
{
	uint32_t limit = conn->is_flow_off ? conn->entries : 2 * conn->entries;

	return conn->entries ? conn->in_flight >= limit : conn->in_flight > 0;
}

static void advance_head(struct tcp_conn *conn)
{
	conn->sqhd++;
	if (conn->entries && conn->sqhd >= conn->entries)
		conn->sqhd = 0;
}

static bool is_in_use(struct tcp_conn *conn, const struct capsule *c)
{
	const struct capsule_sink_ops *sink = conn->queue->sink;
	struct capsule *other = flight_find(conn, capsule_cid(c));

	return other && !(sink->yields && sink->yields(other, c));
}

static void command(struct tcp_conn *conn, const struct tcp_command *pdu,
		    const uint8_t *data, bool is_corrupt)
{
	struct capsule *c;

	if (is_overrun(conn)) {
		tcp_terminate(conn, TCP_FES_SEQUENCE, 0,
			      "more commands than the queue holds");
		return;
	}
	c = conn->queue->sink->get(conn->queue);
	if (!c) {
		tcp_drop(conn, "out of memory for a command");
		return;
	}
	memset(&c->tcp, 0, sizeof(c->tcp));
	c->sqe = pdu->sqe;
	c->queue = conn->queue;
	c->in_capsule = data;
	c->in_capsule_length = data ? conn->rx.shape.data : 0;
	c->in_capsule_stays = data && data != conn->rx.gather;
	advance_head(conn);
	conn->counters.commands++;
	if (is_in_use(conn, c)) {
		refuse(conn, c, NVME_COMMAND_ID_CONFLICT);
		return;
	}
	flight_add(conn, c);
	if (is_corrupt) {
		refuse(conn, c, NVME_TRANSIENT_TRANSPORT_ERROR);
		return;
	}
	conn->queue->sink->command(c);
}

static void icreq(struct tcp_conn *conn, const struct tcp_icreq *pdu)
{
	uint8_t allowed = (conn->config->allow_header_digest ? TCP_DIGEST_HEADER : 0) |
			  (conn->config->allow_data_digest ? TCP_DIGEST_DATA : 0);
	struct pdu_verdict v = pdu_check_icreq(pdu);
	uint8_t *at;

	if (v.fate != PDU_OK) {
		tcp_terminate(conn, v.fes, v.fei, "unacceptable ICReq");
		return;
	}
	at = tx_room(conn, PDU_HEADER_ROOM);
	if (!at)
		return;
	tx_commit(conn, pdu_build_icresp(at, 0, pdu->dgst & allowed, conn->maxh2cdata));
	conn_agree(conn, pdu->dgst & allowed, pdu->hpda, 0);
}

/* ---- the role --------------------------------------------------------------------- */

static void command_header(struct tcp_conn *conn, const struct tcp_command *pdu)
{
	struct pdu_verdict v = pdu_check_command(pdu, &conn->rx.shape, &conn->rules);

	if (v.fate != PDU_OK)
		tcp_terminate(conn, v.fes, v.fei, "more in-capsule data than a command may carry");
}

static void header(struct tcp_conn *conn, const struct tcp_ch *ch)
{
	bool is_first = ch->type == TCP_PDU_ICREQ;

	if (ch->type == TCP_PDU_H2C_TERM)
		return;
	if (is_first != (conn->state == TCP_STATE_NEW))
		tcp_terminate(conn, TCP_FES_SEQUENCE, 0, is_first ?
			      "a second ICReq" : "a PDU before ICReq");
	else if (ch->type == TCP_PDU_COMMAND)
		command_header(conn, (const struct tcp_command *)ch);
	else if (ch->type == TCP_PDU_H2C_DATA)
		h2c_header(conn, (const struct tcp_data *)ch);
}

static void termination(struct tcp_conn *conn, const struct tcp_term *pdu)
{
	conn->fes = le16_get(pdu->fes);
	conn->fei = le32_get(pdu->fei);
	tcp_drop(conn, "the host sent a TermReq");
}

static void whole(struct tcp_conn *conn, const struct tcp_ch *ch, const uint8_t *data,
		  bool is_corrupt)
{
	switch (ch->type) {
	case TCP_PDU_COMMAND:
		command(conn, (const struct tcp_command *)ch, data, is_corrupt);
		break;
	case TCP_PDU_H2C_DATA:
		h2c_whole(conn, (const struct tcp_data *)ch, is_corrupt);
		break;
	case TCP_PDU_ICREQ:
		icreq(conn, (const struct tcp_icreq *)ch);
		break;
	default:
		termination(conn, (const struct tcp_term *)ch);
	}
}

static void sent(struct tcp_conn *conn, struct capsule *c)
{
	conn->queue->sink->sent(c);
}

/* A command that waits for data will never get it. */
static void abandon(struct tcp_conn *conn, struct capsule *c)
{
	if (!c->tcp.is_receiving)
		return;
	c->tcp.is_receiving = false;
	conn->receiving--;
	flight_remove(conn, c);
	conn->queue->sink->sent(c);
}

static void close_role(struct tcp_conn *conn)
{
	conn->rx.capsule = NULL;
	conn->rx.data = NULL;
	flight_each(conn, abandon);
}

static const struct tcp_role controller_role = {
	.term = TCP_PDU_C2H_TERM,
	.header = header,
	.whole = whole,
	.close = close_role,
	.sent = sent,
	.gathered = TCP_PDU_COMMAND,
};

static const struct capsule_transport_ops controller_ops = {
	.receive = receive,
	.reserve = reserve,
	.lend = lend,
	.find = find,
	.give_up = give_up,
	.respond = respond,
	.drop = drop,
};

void tcp_controller_init(struct tcp_conn *conn, struct capsule_queue *queue,
			 const struct tcp_config *config,
			 const struct tcp_memory *memory, const struct log *log)
{
	conn_init(conn, &controller_role, queue, config, memory, log);
	conn->rules.to_controller = true;
	conn->maxh2cdata = config->maxh2cdata;
	queue->transport = &controller_ops;
}
