/* SPDX-License-Identifier: BSD-2-Clause */
/* Fabrics commands: Connect, properties, Disconnect. */
#include "controller/controller.h"

/* ---- properties ------------------------------------------------------------------------- */

static uint64_t get_cap(const struct controller *c)
{
	return controller_cap(c);
}

static uint64_t get_vs(const struct controller *c)
{
	return NVME_VERSION_2_1;
}

static uint64_t get_cc(const struct controller *c)
{
	return c->cc;
}

static uint64_t get_csts(const struct controller *c)
{
	return c->csts;
}

/* Media is ready as soon as the controller is: CAP.TO holds for both. */
static uint64_t get_crto(const struct controller *c)
{
	return NVME_CRTO_CRWMT(CAP_TIMEOUT_S * 2);
}

static const struct property {
	uint32_t offset;
	unsigned int size;		/* bytes */
	const char *name;
	uint64_t (*get)(const struct controller *);
	void (*set)(struct controller *, uint32_t);
} properties[] = {
	{ NVME_PROP_CAP, 8, "CAP", get_cap, NULL },
	{ NVME_PROP_VS, 4, "VS", get_vs, NULL },
	{ NVME_PROP_CC, 4, "CC", get_cc, controller_write_cc },
	{ NVME_PROP_CSTS, 4, "CSTS", get_csts, NULL },
	{ NVME_PROP_CRTO, 4, "CRTO", get_crto, NULL },
};

static const struct property *find_property(const struct nvmf_property_cmd *cmd)
{
	unsigned int size = cmd->attrib & 7 ? 8 : 4;

	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		if (properties[i].offset == le32_get(cmd->offset))
			return properties[i].size == size && (cmd->attrib & 7) <= 1 ?
				&properties[i] : NULL;
	return NULL;
}

#define OFFSET NVME_ERROR_LOCATION(offsetof(struct nvmf_property_cmd, offset), 0)

static void property_get(struct request *r)
{
	const struct property *p = find_property((const void *)&r->capsule.sqe);
	uint64_t value;

	if (!p) {
		request_refuse(r, NVME_INVALID_FIELD, OFFSET);
		return;
	}
	value = p->get(r->queue->controller);
	r->capsule.dw0 = (uint32_t)value;
	r->capsule.dw1 = (uint32_t)(value >> 32);
	request_end(r, NVME_SUCCESS);
}

static void property_set(struct request *r)
{
	const struct nvmf_property_cmd *cmd = (const void *)&r->capsule.sqe;
	const struct property *p = find_property(cmd);
	struct controller *c = r->queue->controller;
	uint32_t value = (uint32_t)le64_get(cmd->value);

	if (!p || !p->set) {
		request_refuse(r, NVME_INVALID_FIELD, OFFSET);
		return;
	}
	request_end(r, NVME_SUCCESS);
	p->set(c, value);
}

/* ---- Disconnect --------------------------------------------------------------------------- */

static void disconnect(struct request *r)
{
	const struct nvmf_disconnect_cmd *cmd = (const void *)&r->capsule.sqe;
	struct queue *q = r->queue;

	if (le16_get(cmd->recfmt)) {
		request_refuse(r, NVME_CONNECT_FORMAT,
			       NVME_ERROR_LOCATION(offsetof(struct nvmf_disconnect_cmd, recfmt), 0));
		return;
	}
	if (!q->qid) {
		request_end(r, NVME_INVALID_QUEUE_TYPE | NVME_DNR);
		return;
	}
	queue_disconnect(r);
}

/* ---- the table ------------------------------------------------------------------------------ */

enum where { ON_NEW = 1, ON_ADMIN = 2, ON_IO = 4 };

static const struct fabrics_command {
	uint8_t type;
	uint8_t where;
	const char *name;
	void (*execute)(struct request *);
} commands[] = {
	{ NVMF_CONNECT, ON_NEW, "Connect", connect_execute },
	{ NVMF_PROPERTY_GET, ON_ADMIN, "Property Get", property_get },
	{ NVMF_PROPERTY_SET, ON_ADMIN, "Property Set", property_set },
	{ NVMF_DISCONNECT, ON_ADMIN | ON_IO, "Disconnect", disconnect },
};

static const struct fabrics_command *find_command(uint8_t type)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].type == type)
			return &commands[i];
	return NULL;
}

/* A queue that is about to end is nowhere: it must not become another. */
static unsigned int where_is(const struct queue *q)
{
	if (q->state == QUEUE_NEW)
		return ON_NEW;
	if (q->state != QUEUE_LIVE)
		return 0;
	return q->qid ? ON_IO : ON_ADMIN;
}

void fabrics_execute(struct request *r)
{
	const struct queue *q = r->queue;
	const struct fabrics_command *row =
		find_command((uint8_t)le32_get(r->capsule.sqe.nsid));
	unsigned int here = where_is(q);

	if (!row)
		request_end(r, NVME_INVALID_OPCODE | NVME_DNR);
	else if (row->where & here)
		row->execute(r);
	else if (row->where & ON_NEW || q->state != QUEUE_LIVE)
		request_end(r, NVME_COMMAND_SEQUENCE_ERROR | NVME_DNR);
	else
		request_end(r, NVME_INVALID_FIELD | NVME_DNR);
}
