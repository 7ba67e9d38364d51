/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue's beginning: TCP, ICReq, Connect (section 6.3).  Never waits: each
 * processing of the queue goes on where the last one left off.
 */
#include "host/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct joining {
	unsigned int entries;
	uint64_t deadline;		/* of this stage, ms */
	bool has_answer;
	struct nvmf_completion answer;	/* to Connect */
	struct nvmf_connect_data data;
};

const char *host_ctrl_service(const struct nvmf_ctrl *ctrl)
{
	if (ctrl->trsvcid)
		return ctrl->trsvcid;
	return strcmp(ctrl->subnqn, NQN_DISCOVERY) ? "4420" : "8009";
}

int host_ctrl_resolve(struct nvmf_ctrl *ctrl, bool may_wait)
{
	char text[SENTENCE_SIZE / 2];
	int n = net_resolve(ctrl->traddr, host_ctrl_service(ctrl), may_wait, ctrl->addresses,
			    ADDRESSES_MAX, text, sizeof(text));

	if (n < 0)
		return host_queue_fail(&ctrl->admin, n, "%s", text);
	ctrl->address_count = (unsigned int)n;
	ctrl->address = 0;
	return 0;
}

static void enter(struct nvmf_queue *q, enum stage stage)
{
	q->stage = stage;
	q->joining->deadline = host_now_ms() + q->ctrl->options.connect_timeout_ms;
}

/* ---- TCP ---------------------------------------------------------------------------------------- */

/* The admin queue goes through all addresses, others to where that one went. */
static bool has_next_address(const struct nvmf_queue *q)
{
	return !q->qid && q->ctrl->address + 1 < q->ctrl->address_count;
}

/* Until one can be dialled; 0 or the last one's -errno. */
static int dial(struct nvmf_queue *q)
{
	for (;;) {
		int fd = net_dial(&q->ctrl->addresses[q->ctrl->address]);

		q->qpair.net.fd = fd < 0 ? -1 : fd;
		if (fd >= 0)
			return 0;
		if (!has_next_address(q))
			return host_queue_fail(q, fd, "cannot connect: %s", strerror(-fd));
		q->ctrl->address++;
	}
}

static int dial_next(struct nvmf_queue *q, int error)
{
	if (!has_next_address(q))
		return host_queue_fail(q, error, "cannot connect: %s", strerror(-error));
	host_queue_unwatch(q);
	close(q->qpair.net.fd);
	q->ctrl->address++;
	return dial(q);
}

static int check_dial(struct nvmf_queue *q)
{
	int error = net_dial_result(q->qpair.net.fd);

	if (error == -EINPROGRESS && host_now_ms() >= q->joining->deadline)
		return host_queue_fail(q, -ETIMEDOUT, "cannot connect within %u ms: %s",
				       q->ctrl->options.connect_timeout_ms, strerror(ETIMEDOUT));
	if (error)
		return error == -EINPROGRESS ? 0 : dial_next(q, error);
	enter(q, STAGE_GREETING);
	return host_queue_start(q);
}

/* ---- ICReq, ICResp -------------------------------------------------------------------------------- */

static int send_connect(struct nvmf_queue *q);

static int check_greeting(struct nvmf_queue *q)
{
	bool is_alive = host_queue_transfer(q, false);
	bool is_late = host_now_ms() >= q->joining->deadline;
	const char *reason = q->qpair.tcp.reason;

	if (!is_alive || (is_late && reason))
		return host_queue_fail(q, -EPIPE, "no NVMe/TCP there: %s",
				       reason ? reason : "it closed the connection");
	if (q->qpair.tcp.state == TCP_STATE_READY)
		return send_connect(q);
	if (!is_late)
		return 0;
	return host_queue_fail(q, -ETIMEDOUT, "no ICResp within %u ms",
			       q->ctrl->options.connect_timeout_ms);
}

/* ---- Connect ------------------------------------------------------------------------------------------ */

bool host_ctrl_knows_disconnect(const struct nvmf_ctrl *ctrl)
{
	return ctrl->ofcs & NVME_OFCS_DISCONNECT;
}

static void build_connect(const struct nvmf_queue *q, struct nvmf_connect_cmd *cmd,
			  struct nvmf_connect_data *data)
{
	const struct nvmf_ctrl *ctrl = q->ctrl;
	uint8_t flags = ctrl->options.disable_sqflow ? NVMF_CATTR_SQ_FLOW_OFF : 0;

	if (q->qid && host_ctrl_knows_disconnect(ctrl))
		flags |= NVMF_CATTR_INDIVIDUAL_DELETE;
	*cmd = (struct nvmf_connect_cmd){
		.opcode = NVME_OPCODE_FABRICS, .fctype = NVMF_CONNECT,
		.qid = le16_of(q->qid), .sqsize = le16_of((uint16_t)(q->joining->entries - 1)),
		.cattr = flags,
		.kato = le32_of(q->qid ? 0 : ctrl->options.keep_alive_ms) };
	*data = (struct nvmf_connect_data){
		.cntlid = le16_of(q->qid ? ctrl->info.cntlid : NVMF_CNTLID_DYNAMIC) };
	memcpy(data->hostid, ctrl->hostid, sizeof(data->hostid));
	memcpy(data->subnqn, ctrl->subnqn, strlen(ctrl->subnqn));
	memcpy(data->hostnqn, ctrl->hostnqn, strlen(ctrl->hostnqn));
}

static void answered(void *cookie, const struct nvmf_completion *completion)
{
	struct joining *j = cookie;

	j->answer = *completion;
	j->has_answer = true;
}

static int send_connect(struct nvmf_queue *q)
{
	struct joining *j = q->joining;
	struct nvmf_connect_cmd cmd;
	struct nvme_sqe sqe;

	enter(q, STAGE_JOINING);
	build_connect(q, &cmd, &j->data);
	memcpy(&sqe, &cmd, sizeof(sqe));
	return host_queue_submit_sqe(q, &sqe, &j->data, sizeof(j->data), true, answered, j);
}

/* What is wrong, where the answer says which field it is about (Figure 380). */
static int explain_refusal(struct nvmf_queue *q, const struct nvmf_completion *c)
{
	bool is_data = c->dw0 >> 16 & 1;
	unsigned int at = c->dw0 & 0xffff;

	if (c->status.type != 1 || c->status.code != (NVME_CONNECT_INVALID_PARAMETERS & 0xff))
		return host_queue_fail_completion(q, c, true, "Connect");
	return host_queue_fail(q, -EREMOTEIO, "Connect: Connect Invalid Parameters at byte %u of its %s%s",
			       at, is_data ? "data" : "command",
			       is_data && at == offsetof(struct nvmf_connect_data, subnqn) ?
			       " (there is no such subsystem)" : "");
}

/* The response's head pointer tells whether flow control is off. */
static void adopt(struct nvmf_queue *q)
{
	struct nvmf_ctrl_info *info = &q->ctrl->info;
	bool is_off = q->ctrl->options.disable_sqflow && q->qpair.tcp.sqhd == 0xffff;

	if (!q->qid)
		info->cntlid = (uint16_t)q->joining->answer.dw0;
	tcp_set_queue(&q->qpair.tcp, q->joining->entries, is_off,
		      q->qid ? info->in_capsule : NVMF_ADMIN_IN_CAPSULE);
	info->sqflow_off = is_off;
	info->header_digest = q->qpair.tcp.digests & TCP_DIGEST_HEADER;
	info->data_digest = q->qpair.tcp.digests & TCP_DIGEST_DATA;
	q->stage = STAGE_OPEN;
}

static int check_answer(struct nvmf_queue *q)
{
	struct joining *j = q->joining;
	bool is_alive = host_queue_transfer(q, false);

	if (j->has_answer && !j->answer.error &&
	    nvmf_status_is_success(j->answer.status)) {
		adopt(q);
		return 0;
	}
	if (j->has_answer)
		return explain_refusal(q, &j->answer);
	if (!is_alive)
		return host_queue_fail_ended(q);
	if (host_now_ms() < j->deadline)
		return 0;
	return host_queue_fail(q, -ETIMEDOUT, "no answer to Connect within %u ms",
			       q->ctrl->options.connect_timeout_ms);
}

/* ---- all of it ------------------------------------------------------------------------------------------- */

static int (*const stages[])(struct nvmf_queue *) = {
	[STAGE_DIALING] = check_dial,
	[STAGE_GREETING] = check_greeting,
	[STAGE_JOINING] = check_answer,
};

int host_queue_connect(struct nvmf_queue *q, unsigned int entries)
{
	int error;

	q->joining = calloc(1, sizeof(*q->joining));
	if (!q->joining)
		return host_queue_fail(q, -ENOMEM, "out of memory for a queue");
	q->joining->entries = entries;
	host_queue_note_end(q, -ENOTCONN);
	q->error = 0;
	q->lingers_until = 0;
	enter(q, STAGE_DIALING);
	error = dial(q);
	if (error)
		host_queue_end(q, error);
	return error;
}

int host_queue_join(struct nvmf_queue *q)
{
	enum stage before;
	int error;

	do {
		before = q->stage;
		error = stages[before](q);
	} while (!error && q->stage != before && q->stage != STAGE_OPEN);
	if (!error)
		error = host_queue_watch(q);
	if (error) {
		host_queue_end(q, error);
	} else if (q->stage == STAGE_OPEN) {
		host_queue_free_joining(q);
	} else {
		return 0;
	}
	host_task_answer(q->ctrl, error);
	return error;
}

uint64_t host_queue_join_due(const struct nvmf_queue *q)
{
	return q->joining->deadline;
}

void host_queue_free_joining(struct nvmf_queue *q)
{
	free(q->joining);
	q->joining = NULL;
}
