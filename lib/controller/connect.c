/* SPDX-License-Identifier: BSD-2-Clause */
/* The Connect command: every field checked, and each refusal with its status
 * and the place of the field (Base Specification 2.0, section 6.3). */
#include "controller/controller.h"
#include "wire/nqn.h"

#include <stdlib.h>

/* How often and how long a Connect waits for what is about to end. */
#define RETRY_MS 20
#define DUPLICATE_WAIT_S 1

/* controller_admit's answer: such a queue is there still. */
#define STATUS_DUPLICATE 0xffff

static uint16_t bad(struct connect *c, uint32_t where, uint16_t dnr)
{
	c->dw0 = where;
	return NVME_CONNECT_INVALID_PARAMETERS | dnr;
}

#define BAD_COMMAND(c, member, dnr) \
	bad(c, NVMF_BAD_COMMAND_FIELD(offsetof(struct nvmf_connect_cmd, member)), dnr)
#define BAD_DATA(c, member, dnr) \
	bad(c, NVMF_BAD_DATA_FIELD(offsetof(struct nvmf_connect_data, member)), dnr)

static bool is_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool is_ended(const char *field)
{
	return nqn_field_length(field) < NQN_FIELD_SIZE;
}

static bool is_name(const char *field)
{
	return is_ended(field) && nqn_check(field, nqn_field_length(field)) == NQN_GOOD;
}

/* A name that the configuration has is one, whatever its form; and SPDK's perf gives no
 * name of its own unless told to. */
static bool may_be_host(const struct snapshot *s, const char *hostnqn)
{
	if (!is_ended(hostnqn))
		return false;
	return !*hostnqn || is_name(hostnqn) || snapshot_lists_host(s, hostnqn);
}

static uint32_t most_entries(const struct queue *q, bool is_admin)
{
	return is_admin ? ADMIN_ENTRIES_MAX : q->target->limits.queue_entries;
}

static uint16_t check_command(const struct queue *q, struct connect *c)
{
	uint32_t entries = le16_get(c->cmd.sqsize) + 1u;
	bool is_admin = !le16_get(c->cmd.qid);

	if (entries < 2 || entries > most_entries(q, is_admin))
		return BAD_COMMAND(c, sqsize, NVME_DNR);
	if (c->cmd.cattr & 0xf0)
		return BAD_COMMAND(c, cattr, NVME_DNR);
	return NVME_SUCCESS;
}

/* What was asked for, where it is served on the port that the host came to. */
static const struct subsystem *find_served(const struct queue *q, const char *subnqn)
{
	const struct snapshot *m = q->station->model;
	const struct subsystem *s = snapshot_subsystem(m, subnqn);
	const struct port *p = snapshot_port_of(m, q->port);

	if (s == m->discovery)
		return s;
	return s && p && port_serves(p, s) ? s : NULL;
}

uint16_t connect_check_host(const struct queue *q, const struct subsystem *s,
			    const char *hostnqn)
{
	char from[NET_ADDRESS_TEXT];

	if (!subsystem_allows(s, hostnqn))
		return NVME_CONNECT_INVALID_HOST;
	if (!s->prefixes.count)
		return NVME_SUCCESS;
	connection_peer_address(&q->connection, from);
	return subsystem_allows_address(s, from) ? NVME_SUCCESS : NVME_CONNECT_INVALID_HOST;
}

static uint16_t check_data(struct queue *q, struct connect *c)
{
	bool is_admin = !le16_get(c->cmd.qid);
	uint16_t cntlid = le16_get(c->data.cntlid);

	if (is_zero(c->data.hostid, sizeof(c->data.hostid)))
		return BAD_DATA(c, hostid, NVME_DNR);
	if (is_admin ? cntlid != NVMF_CNTLID_DYNAMIC : !cntlid || cntlid > NVMF_CNTLID_MAX)
		return BAD_DATA(c, cntlid, 0);
	if (!is_ended(c->data.subnqn))
		return BAD_DATA(c, subnqn, NVME_DNR);
	c->subsystem = find_served(q, c->data.subnqn);
	/* Perhaps it will be there later: the host may try again. */
	if (!c->subsystem)
		return BAD_DATA(c, subnqn, is_name(c->data.subnqn) ? 0 : NVME_DNR);
	if (!may_be_host(q->station->model, c->data.hostnqn))
		return BAD_DATA(c, hostnqn, NVME_DNR);
	q->is_discovery = c->subsystem == q->station->model->discovery;
	if (q->is_discovery && !is_admin)
		return BAD_COMMAND(c, qid, NVME_DNR);
	return connect_check_host(q, c->subsystem, c->data.hostnqn);
}

/* ---- an admin queue -------------------------------------------------------------------- */

static void accept_queue(struct queue *q)
{
	const struct connect *c = q->connect;
	const struct limits *limits = &q->target->limits;
	bool flow_off = c->cmd.cattr & NVMF_CATTR_SQ_FLOW_OFF && limits->allow_flow_off;
	uint32_t in_capsule = q->qid ? limits->in_capsule : NVMF_ADMIN_IN_CAPSULE;

	q->may_end_alone = c->cmd.cattr & NVMF_CATTR_INDIVIDUAL_DELETE;
	tcp_set_queue(&q->connection.qpair.tcp, le16_get(c->cmd.sqsize) + 1u, flow_off,
		      in_capsule);
	queue_answer_connect(q, NVME_SUCCESS, q->controller->cntlid);
}

static void wait_and_retry(struct queue *q)
{
	struct worker *w = q->station->worker;

	timer_arm(&w->timers, &q->wait, w->now + RETRY_MS * NS_PER_MS);
}

/* `started` may be by the clock of another worker, and later than our own turn. */
static bool has_waited(const struct queue *q, unsigned int seconds)
{
	return q->station->worker->now >= q->connect->started + seconds * NS_PER_S;
}

/* Writes of a dead path may still be on their way to the storage: what the host
 * rewrites on a new path must not be overtaken by them. */
static bool must_wait(const struct queue *q)
{
	const struct connect *c = q->connect;
	struct registry *r = &q->target->registry;

	if (q->is_discovery || has_waited(q, DRAIN_DEADLINE_S))
		return false;
	if (c->subsystem->set.second == SECOND_FENCES &&
	    registry_fence(r, c->subsystem->life, c->data.hostnqn, c->data.hostid))
		return true;
	return registry_is_draining(r, c->data.hostnqn, c->data.hostid);
}

static void connect_admin(struct queue *q)
{
	struct connect *c = q->connect;
	uint16_t status;

	if (must_wait(q)) {
		wait_and_retry(q);
		return;
	}
	status = controller_create(q, c);
	if (status)
		queue_answer_connect(q, status, 0);
	else
		accept_queue(q);
}

/* ---- an I/O queue ------------------------------------------------------------------------ */

static void admitted(struct worker_message *m)
{
	struct queue *q = container_of(m, struct queue, ask);
	struct connect *c = q->connect;

	q->is_asking = false;
	if (!c->status) {
		q->controller = c->controller;
		q->qid = le16_get(c->cmd.qid);
		queue_follow(q);
	}
	if (q->connection.has_ended) {
		queue_check_drained(q);
	} else if (c->status == STATUS_DUPLICATE) {
		/* The old socket's end may arrive a moment later than this. */
		if (has_waited(q, DUPLICATE_WAIT_S))
			queue_answer_connect(q, NVME_COMMAND_SEQUENCE_ERROR, 0);
		else
			wait_and_retry(q);
	} else if (c->status) {
		queue_answer_connect(q, c->status, c->dw0);
	} else {
		accept_queue(q);
	}
}

static uint16_t admit(struct controller *ctrl, struct queue *q)
{
	struct connect *c = q->connect;
	uint16_t qid = le16_get(c->cmd.qid);

	if (!ctrl || ctrl->is_ending)
		return BAD_DATA(c, cntlid, 0);
	if (memcmp(ctrl->hostid, c->data.hostid, sizeof(ctrl->hostid)))
		return BAD_DATA(c, hostid, 0);
	if (strcmp(ctrl->hostnqn, c->data.hostnqn))
		return BAD_DATA(c, hostnqn, 0);
	if (!(ctrl->csts & NVME_CSTS_RDY) || ctrl->drain || !ctrl->granted)
		return NVME_COMMAND_SEQUENCE_ERROR;
	if (qid > ctrl->granted)
		return BAD_COMMAND(c, qid, NVME_DNR);
	if (ctrl->slots[qid].queue)
		return STATUS_DUPLICATE;
	ctrl->slots[qid].queue = q;
	ctrl->queue_count++;
	ctrl->has_had_queues = true;
	controller_regained(ctrl, qid);
	c->controller = ctrl;
	return NVME_SUCCESS;
}

void controller_admit(struct worker_message *m)
{
	struct queue *q = container_of(m, struct queue, ask);
	struct connect *c = q->connect;

	c->status = admit(registry_find(&q->target->registry, c->data.subnqn,
					le16_get(c->data.cntlid), c->owner), q);
	m->run = admitted;
	worker_post(q->station->worker, m);
}

/* The worker that a queue shall live on: the queues of a controller go round. */
static struct station *home_of(struct queue *q, const struct station *owner)
{
	struct target *t = q->target;
	unsigned int index = owner->worker->index + le16_get(q->connect->cmd.qid);

	return &t->stations[index % t->station_count];
}

static struct station *owner_of(const struct queue *q)
{
	const struct nvmf_connect_data *data = &q->connect->data;

	return registry_owner(&q->target->registry, data->subnqn, le16_get(data->cntlid));
}

void connect_ask(struct queue *q)
{
	struct station *owner = owner_of(q);

	if (!owner) {
		q->connect->status = BAD_DATA(q->connect, cntlid, 0);
		queue_answer_connect(q, q->connect->status, q->connect->dw0);
		return;
	}
	q->connect->owner = owner;
	q->is_asking = true;
	q->ask.run = controller_admit;
	worker_post(owner->worker, &q->ask);
}

static void connect_io(struct queue *q)
{
	struct station *owner = owner_of(q);
	struct station *home = owner ? home_of(q, owner) : q->station;

	if (home == q->station) {
		connect_ask(q);
		return;
	}
	list_remove(&q->link);
	connection_move(&q->connection, home->worker);
}

/* ---- both ----------------------------------------------------------------------------------- */

/* The model may be another one by now. */
void connect_retry(struct queue *q)
{
	uint16_t status = check_data(q, q->connect);

	if (status)
		queue_answer_connect(q, status, q->connect->dw0);
	else if (le16_get(q->connect->cmd.qid))
		connect_ask(q);
	else
		connect_admin(q);
}

/* The command's own form: what is wrong here has a status of its own. */
static uint16_t check_form(struct request *r)
{
	const struct nvmf_connect_cmd *cmd = (const void *)&r->capsule.sqe;

	if (le16_get(cmd->recfmt))
		return NVME_CONNECT_FORMAT | NVME_DNR;
	if (le32_get(r->capsule.sqe.sgl.length) != sizeof(struct nvmf_connect_data))
		return NVME_DATA_SGL_LENGTH_INVALID | NVME_DNR;
	if (r->capsule.sqe.sgl.type != NVME_SGL_IN_CAPSULE)
		return NVME_SGL_TYPE_INVALID | NVME_DNR;
	return request_check_from_host(r, sizeof(struct nvmf_connect_data));
}

static struct connect *keep_connect(const struct request *r)
{
	struct connect *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	memcpy(&c->cmd, &r->capsule.sqe, sizeof(c->cmd));
	memcpy(&c->data, request_in_capsule(r), sizeof(c->data));
	c->started = r->queue->station->worker->now;
	return c;
}

void connect_execute(struct request *r)
{
	struct queue *q = r->queue;
	uint16_t status = check_form(r);

	if (status) {
		request_end(r, status);
		return;
	}
	q->connect = keep_connect(r);
	if (!q->connect) {
		request_end(r, NVME_CONNECT_BUSY);
		return;
	}
	q->state = QUEUE_CONNECTING;
	q->connect_request = r;
	tcp_rx_hold(&q->connection.qpair.tcp);
	status = check_command(q, q->connect);
	if (!status)
		status = check_data(q, q->connect);
	if (status)
		queue_answer_connect(q, status, q->connect->dw0);
	else if (le16_get(q->connect->cmd.qid))
		connect_io(q);
	else
		connect_admin(q);
}
