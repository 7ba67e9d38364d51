/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's end: commands go out, data goes both ways, responses come in. */
#include "tcp/internal.h"
#include "pdu/digest.h"

#include <errno.h>

/* ---- the end of a command -------------------------------------------------------- */

/* A command is over when its response is here and nothing of it waits in the
 * send queue: its data is the caller's again. */
static void end_if_over(struct tcp_conn *conn, struct capsule *c)
{
	if (!c->tcp.has_ended || c->tcp.unsent)
		return;
	flight_remove(conn, c);
	conn->queue->host->completed(c);
}

/* A read that succeeds has moved all that it asked for. */
static bool is_short(const struct capsule *c)
{
	return !c->status && !c->tcp.is_write && c->tcp.offset < c->length;
}

static void end_command(struct tcp_conn *conn, struct capsule *c)
{
	if (is_short(c)) {
		tcp_terminate(conn, TCP_FES_SEQUENCE, 0,
			      "a command succeeded without all of its data");
		return;
	}
	if (c->tcp.is_corrupt)
		c->status = NVME_TRANSIENT_TRANSPORT_ERROR;
	c->tcp.has_ended = true;
	end_if_over(conn, c);
}

/* ---- sending --------------------------------------------------------------------- */

/* Appends `length` bytes of the command's data, and their digest. */
static bool send_data(struct tcp_conn *conn, struct capsule *c, uint32_t offset,
		      uint32_t length)
{
	le32 digest;
	void *at;

	if (!tx_refer(conn, c->data + offset, length, c))
		return false;
	if (!conn->format.data_digest)
		return true;
	at = tx_room(conn, sizeof(digest));
	if (!at)
		return false;
	digest = digest_of(c->data + offset, length);
	memcpy(at, &digest, sizeof(digest));
	tx_commit(conn, sizeof(digest));
	return true;
}

static void set_sgl(struct tcp_conn *conn, struct capsule *c, uint32_t in_capsule)
{
	c->sqe.flags = (uint8_t)(c->sqe.flags | 0x40);	/* PSDT: SGL */
	c->sqe.sgl = (struct nvme_sgl){
		.length = le32_of(c->length),
		.type = in_capsule ? NVME_SGL_IN_CAPSULE : NVME_SGL_TRANSPORT };
}

static uint32_t in_capsule_part(const struct tcp_conn *conn, const struct capsule *c)
{
	uint32_t limit = conn->rules.in_capsule_max;

	if (c->sqe.opcode == NVME_OPCODE_FABRICS && limit < NVMF_ADMIN_IN_CAPSULE)
		limit = NVMF_ADMIN_IN_CAPSULE;
	return c->tcp.is_write && c->length <= limit ? c->length : 0;
}

int tcp_host_submit(struct tcp_conn *conn, struct capsule *c, bool to_controller)
{
	uint32_t part;
	uint8_t *at;

	if (conn->state != TCP_STATE_READY)
		return -EPIPE;
	if (flight_find(conn, capsule_cid(c)) ||
	    (conn->entries && conn->in_flight + 1 >= conn->entries))
		return -EBUSY;
	memset(&c->tcp, 0, sizeof(c->tcp));
	c->tcp.is_write = to_controller;
	c->queue = conn->queue;
	part = in_capsule_part(conn, c);
	c->tcp.offset = part;		/* an R2T for it would be out of range */
	set_sgl(conn, c, part);
	at = tx_room(conn, PDU_HEADER_ROOM);
	if (!at)
		return -EPIPE;
	tx_commit(conn, pdu_build_command(at, &conn->format, &c->sqe, part));
	flight_add(conn, c);
	conn->counters.commands++;
	/* From here on the command ends by host->completed, whatever happens. */
	if (part)
		send_data(conn, c, 0, part);
	return 0;
}

/* ---- what comes in ---------------------------------------------------------------- */

static struct capsule *command_of(struct tcp_conn *conn, le16 cid, uint32_t field)
{
	struct capsule *c = flight_find(conn, le16_get(cid));

	if (c && !c->tcp.has_ended)
		return c;
	tcp_terminate(conn, TCP_FES_HEADER_FIELD, field, "a PDU for an unknown command");
	return NULL;
}

static void icresp(struct tcp_conn *conn, const struct tcp_icresp *pdu)
{
	uint8_t asked = (conn->config->allow_header_digest ? TCP_DIGEST_HEADER : 0) |
			(conn->config->allow_data_digest ? TCP_DIGEST_DATA : 0);
	struct pdu_verdict v = pdu_check_icresp(pdu, asked);

	if (v.fate != PDU_OK) {
		tcp_terminate(conn, v.fes, v.fei, "unacceptable ICResp");
		return;
	}
	conn->maxh2cdata = le32_get(pdu->maxh2cdata);
	conn_agree(conn, pdu->dgst, pdu->cpda, 0);
}

static void c2h_header(struct tcp_conn *conn, const struct tcp_data *pdu)
{
	struct capsule *c = command_of(conn, pdu->cccid, offsetof(struct tcp_data, cccid));
	uint32_t offset = le32_get(pdu->offset), length = le32_get(pdu->length);

	if (!c)
		return;
	if (c->tcp.is_write || offset != c->tcp.offset || length > c->length - offset ||
	    length != conn->rx.shape.data) {
		tcp_terminate(conn, TCP_FES_OUT_OF_RANGE, 0, "C2HData out of range");
		return;
	}
	conn->rx.capsule = c;
	conn->rx.data = c->data + offset;
}

static void c2h_whole(struct tcp_conn *conn, const struct tcp_data *pdu, bool is_corrupt)
{
	struct capsule *c = conn->rx.capsule;

	c->tcp.is_corrupt |= is_corrupt;
	c->tcp.offset += le32_get(pdu->length);
	if (pdu->ch.flags & TCP_FLAG_SUCCESS) {
		c->dw0 = c->dw1 = 0;
		c->status = NVME_SUCCESS;
		end_command(conn, c);
	}
}

static void response(struct tcp_conn *conn, const struct tcp_response *pdu)
{
	struct capsule *c = command_of(conn, pdu->cqe.cid,
				       offsetof(struct tcp_response, cqe.cid));

	if (!c)
		return;
	c->dw0 = le32_get(pdu->cqe.dw0);
	c->dw1 = le32_get(pdu->cqe.dw1);
	c->status = nvme_status_of_field(pdu->cqe.status);
	conn->sqhd = le16_get(pdu->cqe.sqhd);
	end_command(conn, c);
}

static bool send_h2c(struct tcp_conn *conn, struct capsule *c, uint16_t ttag,
		     uint32_t offset, uint32_t end)
{
	while (offset < end) {
		uint32_t part = end - offset;
		uint8_t *at = tx_room(conn, PDU_HEADER_ROOM);

		if (!at)
			return false;
		if (part > conn->maxh2cdata)
			part = conn->maxh2cdata;
		tx_commit(conn, pdu_build_data(at, &conn->format, TCP_PDU_H2C_DATA,
					       offset + part == end ? TCP_FLAG_LAST : 0,
					       capsule_cid(c), ttag, offset, part));
		if (!send_data(conn, c, offset, part))
			return false;
		offset += part;
	}
	return true;
}

static void r2t(struct tcp_conn *conn, const struct tcp_r2t *pdu)
{
	struct capsule *c = command_of(conn, pdu->cccid, offsetof(struct tcp_r2t, cccid));
	uint32_t offset = le32_get(pdu->offset), length = le32_get(pdu->length);
	struct pdu_verdict v;

	if (!c)
		return;
	v = pdu_check_r2t(pdu, c->tcp.offset, c->tcp.is_write ? c->length : 0);
	if (v.fate != PDU_OK) {
		tcp_terminate(conn, v.fes, v.fei, "R2T out of range");
		return;
	}
	c->tcp.offset += length;
	send_h2c(conn, c, le16_get(pdu->ttag), offset, offset + length);
}

/* Why the controller ends the connection, by FES. */
static const char *term_text(const struct tcp_term *pdu)
{
	static const char *const texts[] = {
		[0] = "the controller sent a TermReq",
		[TCP_FES_HEADER_FIELD] = "the controller sent a TermReq: invalid PDU header field",
		[TCP_FES_SEQUENCE] = "the controller sent a TermReq: PDU sequence error",
		[TCP_FES_HEADER_DIGEST] = "the controller sent a TermReq: header digest error",
		[TCP_FES_OUT_OF_RANGE] = "the controller sent a TermReq: data transfer out of range",
		[TCP_FES_LIMIT_EXCEEDED] = "the controller sent a TermReq: data transfer limit exceeded",
		[TCP_FES_UNSUPPORTED] = "the controller sent a TermReq: unsupported parameter",
	};
	uint16_t fes = le16_get(pdu->fes);

	return texts[fes < sizeof(texts) / sizeof(texts[0]) ? fes : 0];
}

/* ---- the role --------------------------------------------------------------------- */

static void header(struct tcp_conn *conn, const struct tcp_ch *ch)
{
	bool is_first = ch->type == TCP_PDU_ICRESP;

	if (ch->type == TCP_PDU_C2H_TERM)
		return;
	if (is_first != (conn->state == TCP_STATE_NEW))
		tcp_terminate(conn, TCP_FES_SEQUENCE, 0, is_first ?
			      "a second ICResp" : "a PDU before ICResp");
	else if (ch->type == TCP_PDU_C2H_DATA)
		c2h_header(conn, (const struct tcp_data *)ch);
}

static void whole(struct tcp_conn *conn, const struct tcp_ch *ch, const uint8_t *data,
		  bool is_corrupt)
{
	switch (ch->type) {
	case TCP_PDU_RESPONSE:
		response(conn, (const struct tcp_response *)ch);
		break;
	case TCP_PDU_C2H_DATA:
		c2h_whole(conn, (const struct tcp_data *)ch, is_corrupt);
		break;
	case TCP_PDU_R2T:
		r2t(conn, (const struct tcp_r2t *)ch);
		break;
	case TCP_PDU_ICRESP:
		icresp(conn, (const struct tcp_icresp *)ch);
		break;
	default:
		tcp_drop(conn, term_text((const struct tcp_term *)ch));
	}
}

static void abandon(struct tcp_conn *conn, struct capsule *c)
{
	c->status = NVME_TRANSIENT_TRANSPORT_ERROR;
	flight_remove(conn, c);
	conn->queue->host->completed(c);
}

static void close_role(struct tcp_conn *conn)
{
	conn->tx.sent = NULL;		/* each of them is in flight, too */
	conn->rx.capsule = NULL;
	conn->rx.data = NULL;
	flight_each(conn, abandon);
}

static const struct tcp_role host_role = {
	.term = TCP_PDU_H2C_TERM,
	.header = header,
	.whole = whole,
	.close = close_role,
	.sent = end_if_over,
	.gathered = -1,
};

int tcp_host_init(struct tcp_conn *conn, struct capsule_queue *queue,
		  const struct tcp_config *config, const struct tcp_memory *memory,
		  const struct log *log)
{
	uint8_t dgst = (config->allow_header_digest ? TCP_DIGEST_HEADER : 0) |
		       (config->allow_data_digest ? TCP_DIGEST_DATA : 0);
	uint8_t *at;

	conn_init(conn, &host_role, queue, config, memory, log);
	at = tx_room(conn, PDU_HEADER_ROOM);
	if (!at)
		return -ENOMEM;
	tx_commit(conn, pdu_build_icreq(at, 0, dgst, 0));
	return 0;
}
