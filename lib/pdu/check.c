/* SPDX-License-Identifier: BSD-2-Clause */
#include "pdu/check.h"

enum direction { TO_CONTROLLER = 1, TO_HOST = 2 };
enum { NO_DATA, MAY_HAVE_DATA, HAS_DATA };

/* What the transport specification fixes for each type (section 3.6.2). */
struct rule {
	uint8_t direction;
	uint8_t hlen;
	uint8_t flags;			/* those that are defined */
	uint8_t data;
	bool has_digests;		/* where they were agreed */
};

static const struct rule rules[] = {
	[TCP_PDU_ICREQ] = { TO_CONTROLLER, 128, 0, NO_DATA, false },
	[TCP_PDU_ICRESP] = { TO_HOST, 128, 0, NO_DATA, false },
	[TCP_PDU_H2C_TERM] = { TO_CONTROLLER, 24, 0, MAY_HAVE_DATA, false },
	[TCP_PDU_C2H_TERM] = { TO_HOST, 24, 0, MAY_HAVE_DATA, false },
	[TCP_PDU_COMMAND] = { TO_CONTROLLER, 72, TCP_FLAG_HDGST | TCP_FLAG_DDGST,
			      MAY_HAVE_DATA, true },
	[TCP_PDU_RESPONSE] = { TO_HOST, 24, TCP_FLAG_HDGST, NO_DATA, true },
	[TCP_PDU_H2C_DATA] = { TO_CONTROLLER, 24,
			       TCP_FLAG_HDGST | TCP_FLAG_DDGST | TCP_FLAG_LAST,
			       HAS_DATA, true },
	[TCP_PDU_C2H_DATA] = { TO_HOST, 24,
			       TCP_FLAG_HDGST | TCP_FLAG_DDGST | TCP_FLAG_LAST |
			       TCP_FLAG_SUCCESS, HAS_DATA, true },
	[TCP_PDU_R2T] = { TO_HOST, 24, TCP_FLAG_HDGST, NO_DATA, true },
};

enum { AT_TYPE = 0, AT_FLAGS = 1, AT_HLEN = 2, AT_PDO = 3, AT_PLEN = 4 };

static struct pdu_verdict bad_field(uint32_t offset)
{
	return pdu_terminate(TCP_FES_HEADER_FIELD, offset);
}

static const struct rule *rule_of(uint8_t type, const struct pdu_rules *agreed)
{
	uint8_t direction = agreed->to_controller ? TO_CONTROLLER : TO_HOST;

	if (type >= sizeof(rules) / sizeof(rules[0]) ||
	    rules[type].direction != direction)
		return NULL;
	return &rules[type];
}

/* A TermReq carries the header of the PDU at fault right behind its own.  It is
 * never answered by another, whatever stands in it. */
static struct pdu_verdict check_term(const struct tcp_ch *ch, struct pdu_shape *shape)
{
	uint32_t plen = le32_get(ch->plen);

	if (ch->flags || ch->hlen != sizeof(struct tcp_term) ||
	    plen < sizeof(struct tcp_term) ||
	    plen > sizeof(struct tcp_term) + TCP_TERM_DATA_MAX)
		return (struct pdu_verdict){ .fate = PDU_DROP };
	shape->header = sizeof(struct tcp_term);
	shape->data = plen - (uint32_t)sizeof(struct tcp_term);
	return pdu_ok;
}

/* Digests are where they were agreed, a data digest where there is data; hosts
 * that set its flag on a PDU without data do no harm.  `bare`: PLEN without. */
static bool has_right_flags(const struct tcp_ch *ch, const struct rule *rule,
			    const struct pdu_rules *agreed, uint32_t bare)
{
	bool has_data = le32_get(ch->plen) > bare;

	if (ch->flags & ~rule->flags)
		return false;
	if (!rule->has_digests)
		return true;
	if (agreed->header_digest != !!(ch->flags & TCP_FLAG_HDGST))
		return false;
	if (!agreed->data_digest)
		return !(ch->flags & TCP_FLAG_DDGST);
	return rule->data == NO_DATA || !has_data || ch->flags & TCP_FLAG_DDGST;
}

/* From the common header alone a command could be a Fabrics command. */
static uint32_t data_limit(uint8_t type, const struct pdu_rules *agreed)
{
	if (type != TCP_PDU_COMMAND)
		return agreed->data_max;
	return agreed->in_capsule_max > NVMF_ADMIN_IN_CAPSULE ?
		agreed->in_capsule_max : NVMF_ADMIN_IN_CAPSULE;
}

static struct pdu_verdict check_data_layout(const struct tcp_ch *ch,
					    const struct pdu_rules *agreed,
					    struct pdu_shape *shape)
{
	uint32_t plen = le32_get(ch->plen);
	uint32_t digest = agreed->data_digest ? TCP_DIGEST_SIZE : 0;

	if (ch->pdo < shape->header || ch->pdo % agreed->alignment)
		return bad_field(AT_PDO);
	if (plen <= ch->pdo + digest)
		return bad_field(AT_PLEN);
	shape->header = ch->pdo;
	shape->data = plen - ch->pdo - digest;
	shape->has_data_digest = agreed->data_digest;
	if (shape->data > data_limit(ch->type, agreed))
		return ch->type == TCP_PDU_COMMAND ? bad_field(AT_PLEN) :
			pdu_terminate(TCP_FES_LIMIT_EXCEEDED, 0);
	return pdu_ok;
}

struct pdu_verdict pdu_check(const struct tcp_ch *ch, const struct pdu_rules *agreed,
			     struct pdu_shape *shape)
{
	const struct rule *rule = rule_of(ch->type, agreed);

	*shape = (struct pdu_shape){ 0 };
	if (!rule)
		return bad_field(AT_TYPE);
	if (ch->type == TCP_PDU_H2C_TERM || ch->type == TCP_PDU_C2H_TERM)
		return check_term(ch, shape);

	shape->has_header_digest = rule->has_digests && agreed->header_digest;
	shape->header = rule->hlen + (shape->has_header_digest ? TCP_DIGEST_SIZE : 0u);
	if (!has_right_flags(ch, rule, agreed, shape->header))
		return bad_field(AT_FLAGS);
	if (ch->hlen != rule->hlen)
		return bad_field(AT_HLEN);
	if (rule->data == NO_DATA || le32_get(ch->plen) == shape->header)
		return le32_get(ch->plen) == shape->header && rule->data != HAS_DATA ?
			pdu_ok : bad_field(AT_PLEN);
	return check_data_layout(ch, agreed, shape);
}

struct pdu_verdict pdu_check_icreq(const struct tcp_icreq *req)
{
	if (le16_get(req->pfv) != 0)
		return pdu_terminate(TCP_FES_UNSUPPORTED,
				     offsetof(struct tcp_icreq, pfv));
	if (req->hpda > TCP_PDA_MAX)
		return bad_field(offsetof(struct tcp_icreq, hpda));
	if (req->dgst & ~(TCP_DIGEST_HEADER | TCP_DIGEST_DATA))
		return bad_field(offsetof(struct tcp_icreq, dgst));
	return pdu_ok;
}

struct pdu_verdict pdu_check_icresp(const struct tcp_icresp *resp, uint8_t asked)
{
	uint32_t max = le32_get(resp->maxh2cdata);

	if (le16_get(resp->pfv) != 0)
		return pdu_terminate(TCP_FES_UNSUPPORTED,
				     offsetof(struct tcp_icresp, pfv));
	if (resp->cpda > TCP_PDA_MAX)
		return bad_field(offsetof(struct tcp_icresp, cpda));
	if (resp->dgst & ~asked)
		return bad_field(offsetof(struct tcp_icresp, dgst));
	if (max < TCP_MAXH2CDATA_MIN || max % 4)
		return bad_field(offsetof(struct tcp_icresp, maxh2cdata));
	return pdu_ok;
}

struct pdu_verdict pdu_check_command(const struct tcp_command *pdu,
				     const struct pdu_shape *shape,
				     const struct pdu_rules *agreed)
{
	if (shape->data > agreed->in_capsule_max &&
	    pdu->sqe.opcode != NVME_OPCODE_FABRICS)
		return bad_field(AT_PLEN);
	return pdu_ok;
}

struct pdu_verdict pdu_check_data(const struct tcp_data *pdu,
				  const struct pdu_shape *shape,
				  const struct pdu_rules *agreed, uint32_t offset,
				  uint32_t length)
{
	uint32_t from = le32_get(pdu->offset), count = le32_get(pdu->length);
	bool is_last = pdu->ch.flags & TCP_FLAG_LAST;

	/* SUCCESS ends the command, so it can't stand on an earlier PDU. */
	if (pdu->ch.flags & TCP_FLAG_SUCCESS && !is_last)
		return bad_field(AT_FLAGS);
	if (from != offset)
		return pdu_terminate(TCP_FES_OUT_OF_RANGE, 0);
	if (count > agreed->data_max)
		return pdu_terminate(TCP_FES_LIMIT_EXCEEDED, 0);
	if (count > length)
		return pdu_terminate(TCP_FES_OUT_OF_RANGE, 0);
	if (count != shape->data)
		return bad_field(offsetof(struct tcp_data, length));
	if (is_last != (count == length))
		return pdu_terminate(TCP_FES_SEQUENCE, 0);
	return pdu_ok;
}

struct pdu_verdict pdu_check_r2t(const struct tcp_r2t *pdu, uint32_t offset,
				 uint32_t length)
{
	uint32_t from = le32_get(pdu->offset), count = le32_get(pdu->length);

	if (from != offset || from > length)
		return pdu_terminate(TCP_FES_OUT_OF_RANGE, 0);
	if (!count || count > length - from)
		return pdu_terminate(TCP_FES_OUT_OF_RANGE, 0);
	return pdu_ok;
}
