/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue's beginning and end: TCP, ICReq, Connect; Disconnect. */
#include "host/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *service_of(const struct nvmf_ctrl *ctrl)
{
	if (ctrl->trsvcid)
		return ctrl->trsvcid;
	return strcmp(ctrl->subnqn, NQN_DISCOVERY) ? "4420" : "8009";
}

static int open_socket(struct nvmf_queue *q)
{
	struct nvmf_ctrl *ctrl = q->ctrl;
	char text[SENTENCE_SIZE / 2] = "";
	int fd = net_connect(ctrl->traddr, service_of(ctrl),
			     (int)ctrl->options.connect_timeout_ms, text, sizeof(text));

	return fd < 0 ? host_queue_fail(q, fd, "cannot connect to %s", text) : fd;
}

/* ICReq is queued; until ICResp is here, or time is up. */
static int shake_hands(struct nvmf_queue *q)
{
	uint64_t end = host_now_ms() + q->ctrl->options.connect_timeout_ms;

	while (q->qpair.tcp.state == TCP_STATE_NEW) {
		uint64_t now = host_now_ms();
		int n = now < end ? qpair_wait(&q->qpair, &q->buffer, (int)(end - now)) : 0;

		if (!n)
			return host_queue_fail(q, -ETIMEDOUT,
					       "no ICResp from %s port %s within %u ms",
					       q->ctrl->traddr, service_of(q->ctrl),
					       q->ctrl->options.connect_timeout_ms);
		if (n < 0)
			break;
	}
	if (q->qpair.tcp.state == TCP_STATE_READY)
		return 0;
	return host_queue_fail(q, -EPIPE, "no NVMe/TCP at %s port %s: %s", q->ctrl->traddr,
			       service_of(q->ctrl), q->qpair.tcp.reason ?
			       q->qpair.tcp.reason : "it closed the connection");
}

/* ---- Connect (section 6.3) ------------------------------------------------------------------ */

static bool knows_disconnect(const struct nvmf_ctrl *ctrl)
{
	return ctrl->ofcs & NVME_OFCS_DISCONNECT;
}

static void build_connect(const struct nvmf_queue *q, unsigned int entries,
			  struct nvmf_connect_cmd *cmd, struct nvmf_connect_data *data)
{
	const struct nvmf_ctrl *ctrl = q->ctrl;
	uint8_t flags = ctrl->options.disable_sqflow ? NVMF_CATTR_SQ_FLOW_OFF : 0;

	if (q->qid && knows_disconnect(ctrl))
		flags |= NVMF_CATTR_INDIVIDUAL_DELETE;
	*cmd = (struct nvmf_connect_cmd){
		.opcode = NVME_OPCODE_FABRICS, .fctype = NVMF_CONNECT,
		.qid = le16_of(q->qid), .sqsize = le16_of((uint16_t)(entries - 1)),
		.cattr = flags,
		.kato = le32_of(q->qid ? 0 : ctrl->options.keep_alive_ms) };
	*data = (struct nvmf_connect_data){
		.cntlid = le16_of(q->qid ? ctrl->info.cntlid : NVMF_CNTLID_DYNAMIC) };
	memcpy(data->hostid, ctrl->hostid, sizeof(data->hostid));
	memcpy(data->subnqn, ctrl->subnqn, strlen(ctrl->subnqn));
	memcpy(data->hostnqn, ctrl->hostnqn, strlen(ctrl->hostnqn));
}

/* What is wrong, where the answer says which field it is about (Figure 380). */
static int explain_refusal(struct nvmf_queue *q, const struct nvmf_completion *c)
{
	bool is_data = c->dw0 >> 16 & 1;
	unsigned int at = c->dw0 & 0xffff;

	if (c->error || c->status.type != 1 ||
	    c->status.code != (NVME_CONNECT_INVALID_PARAMETERS & 0xff))
		return host_queue_fail_completion(q, c, true, "Connect");
	return host_queue_fail(q, -EREMOTEIO, "Connect: Connect Invalid Parameters at byte %u of its %s%s",
			       at, is_data ? "data" : "command",
			       is_data && at == offsetof(struct nvmf_connect_data, subnqn) ?
			       " (there is no such subsystem)" : "");
}

static int send_connect(struct nvmf_queue *q, unsigned int entries)
{
	struct nvmf_connect_cmd cmd;
	struct nvmf_connect_data data;
	struct nvmf_completion completion;
	struct nvme_sqe sqe;

	build_connect(q, entries, &cmd, &data);
	memcpy(&sqe, &cmd, sizeof(sqe));
	q->command_timeout_ms = q->ctrl->options.connect_timeout_ms;
	if (host_queue_execute_sqe(q, &sqe, &data, sizeof(data), true, &completion))
		return explain_refusal(q, &completion);
	q->command_timeout_ms = q->ctrl->options.command_timeout_ms;
	if (!q->qid)
		q->ctrl->info.cntlid = (uint16_t)completion.dw0;
	return 0;
}

/* The response's head pointer tells whether flow control is off. */
static void adopt(struct nvmf_queue *q, unsigned int entries)
{
	bool is_off = q->ctrl->options.disable_sqflow && q->qpair.tcp.sqhd == 0xffff;

	tcp_set_queue(&q->qpair.tcp, entries, is_off,
		      q->qid ? q->ctrl->info.in_capsule : NVMF_ADMIN_IN_CAPSULE);
	q->ctrl->info.sqflow_off = is_off;
	q->ctrl->info.header_digest = q->qpair.tcp.digests & TCP_DIGEST_HEADER;
	q->ctrl->info.data_digest = q->qpair.tcp.digests & TCP_DIGEST_DATA;
}

int host_queue_connect(struct nvmf_queue *q, unsigned int entries)
{
	int fd = open_socket(q), error;

	if (fd < 0)
		return fd;
	error = host_queue_start(q, fd);
	if (!error)
		error = shake_hands(q);
	if (!error)
		error = send_connect(q, entries);
	if (error)
		host_queue_end(q, error);
	else
		adopt(q, entries);
	return error;
}

void host_queue_disconnect(struct nvmf_queue *q)
{
	struct nvmf_disconnect_cmd cmd = { .opcode = NVME_OPCODE_FABRICS,
					   .fctype = NVMF_DISCONNECT };
	struct nvme_sqe sqe;

	memcpy(&sqe, &cmd, sizeof(sqe));
	if (q->is_open && q->qid && knows_disconnect(q->ctrl) && !q->busy_count)
		host_queue_execute_sqe(q, &sqe, NULL, 0, false, NULL);
	host_queue_end(q, -ECANCELED);
}
