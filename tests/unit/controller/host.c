/* SPDX-License-Identifier: BSD-2-Clause */
/* The rig's hosts. */
#include "rig.h"
#include "../worker/support.h"

#include <stdlib.h>
#include <unistd.h>

static int64_t now_ms(void)
{
	return (int64_t)(worker_clock() / NS_PER_MS);
}

static void *take(void *context, size_t size)
{
	return malloc(size);
}

static void give(void *context, void *memory, size_t size)
{
	free(memory);
}

static void completed(struct capsule *c)
{
	struct rig_host *h = container_of(c->queue, struct rig_host, qpair.queue);

	h->has_ended[c - h->capsules] = true;
}

static const struct capsule_host_ops host_ops = { .completed = completed };

struct arrival {
	struct station *station;
	struct rig *rig;
	int fd;
};

static void accept_host(void *argument)
{
	struct arrival *a = argument;

	target_accept(a->station, a->fd, a->rig->port_key);
}

/* One step of the connection; false: it has ended. */
static bool step(struct rig_host *h, int ms)
{
	if (!h->is_closed && qpair_wait(&h->qpair, &h->buffer, ms) < 0) {
		h->is_closed = true;
		qpair_close(&h->qpair);
	}
	return !h->is_closed;
}

void host_open(struct rig_host *h, struct rig *rig, unsigned int worker)
{
	struct tcp_memory memory = { take, give, NULL, NULL };
	struct arrival a = { &rig->target.stations[worker], rig, -1 };

	memset(h, 0, sizeof(*h));
	h->buffer = (struct qpair_buffer){ h->bytes, sizeof(h->bytes) };
	h->config.maxh2cdata = 1 << 20;
	h->qpair.queue.host = &host_ops;
	net_stream_socket(&h->qpair.net, loopback_pair(&a.fd));
	assert_int_equal(tcp_host_init(&h->qpair.tcp, &h->qpair.queue, &h->config, &memory,
				       NULL), 0);
	rig_on(rig, worker, accept_host, &a);
	while (h->qpair.tcp.state == TCP_STATE_NEW)
		assert_true(step(h, RIG_PATIENCE_MS));
}

void host_close(struct rig_host *h)
{
	if (!h->is_closed)
		qpair_close(&h->qpair);
	h->is_closed = true;
	tcp_free(&h->qpair.tcp);
}

void host_send(struct rig_host *h)
{
	assert_int_equal(qpair_send(&h->qpair), QPAIR_IDLE);
}

struct capsule *host_queue(struct rig_host *h, const struct nvme_sqe *sqe, void *data,
			   uint32_t length)
{
	unsigned int i = h->next++ % RIG_CAPSULES;
	struct capsule *c = &h->capsules[i];
	bool to_controller = sqe->opcode == NVME_OPCODE_FABRICS ?
		le32_get(sqe->nsid) == NVMF_CONNECT :
		(sqe->opcode & 3) == NVME_DATA_TO_CONTROLLER;

	*c = (struct capsule){ .sqe = *sqe, .data = data, .length = length };
	c->sqe.cid = le16_of((uint16_t)i);
	h->has_ended[i] = false;
	assert_int_equal(tcp_host_submit(&h->qpair.tcp, c, to_controller), 0);
	return c;
}

struct capsule *host_submit(struct rig_host *h, const struct nvme_sqe *sqe, void *data,
			    uint32_t length)
{
	struct capsule *c = host_queue(h, sqe, data, length);

	host_send(h);
	return c;
}

uint16_t host_wait(struct rig_host *h, struct capsule *c)
{
	int64_t until = now_ms() + RIG_PATIENCE_MS;

	while (!h->has_ended[c - h->capsules]) {
		if (now_ms() > until)
			fail_msg("a command is not answered");
		if (!step(h, 50))
			break;
	}
	return c->status;
}

uint16_t host_run(struct rig_host *h, const struct nvme_sqe *sqe, void *data, uint32_t length)
{
	return host_wait(h, host_submit(h, sqe, data, length));
}

bool host_sees_end(struct rig_host *h, int ms)
{
	int64_t until = now_ms() + ms;

	while (now_ms() < until)
		if (!step(h, 10))
			return true;
	return false;
}

/* ---- Connect --------------------------------------------------------------------------- */

struct capsule *host_submit_connect(struct rig_host *h, const struct host_connect *how)
{
	static const uint8_t hostid[16] = { 1, 2, 3 };
	struct nvmf_connect_data *d = (void *)h->bytes;	/* in-capsule: sent at once */
	struct nvmf_connect_cmd cmd = {
		.opcode = NVME_OPCODE_FABRICS, .fctype = NVMF_CONNECT,
		.qid = le16_of(how->qid), .sqsize = le16_of(127), .kato = le32_of(how->kato) };
	struct nvme_sqe sqe;
	struct capsule *c;

	memset(d, 0, sizeof(*d));
	memcpy(d->hostid, hostid, sizeof(hostid));
	d->cntlid = le16_of(how->qid ? how->cntlid : NVMF_CNTLID_DYNAMIC);
	strcpy(d->subnqn, how->subnqn ? how->subnqn : RIG_NQN);
	strcpy(d->hostnqn, how->hostnqn ? how->hostnqn : RIG_HOSTNQN);
	memcpy(&sqe, &cmd, sizeof(sqe));
	c = host_submit(h, &sqe, d, sizeof(*d));
	assert_false(tcp_has_output(&h->qpair.tcp));
	return c;
}

uint16_t host_connect_admin(struct rig_host *h, struct rig *rig, uint32_t kato)
{
	struct host_connect how = { .kato = kato };
	struct capsule *c;

	host_open(h, rig, 0);
	c = host_submit_connect(h, &how);
	assert_int_equal(host_wait(h, c), 0);
	return (uint16_t)c->dw0;
}

uint16_t host_enable(struct rig_host *h, struct rig *rig, uint32_t kato, unsigned int queues)
{
	struct nvme_sqe sqe = sqe_of(NVME_ADMIN_SET_FEATURES, 0);
	uint16_t cntlid = host_connect_admin(h, rig, kato);

	host_write_cc(h, RIG_CC);
	assert_int_equal(host_read_csts(h), NVME_CSTS_RDY);
	sqe.cdw10 = le32_of(NVME_FEAT_QUEUES);
	sqe.cdw11 = le32_of((queues - 1) << 16 | (queues - 1));
	assert_int_equal(host_run(h, &sqe, NULL, 0), 0);
	return cntlid;
}

void host_connect_io(struct rig_host *h, struct rig *rig, uint16_t cntlid, uint16_t qid)
{
	struct host_connect how = { .cntlid = cntlid, .qid = qid };

	host_open(h, rig, 0);
	assert_int_equal(host_wait(h, host_submit_connect(h, &how)), 0);
}

/* ---- commands ---------------------------------------------------------------------------- */

struct nvme_sqe sqe_of(uint8_t opcode, uint32_t nsid)
{
	return (struct nvme_sqe){ .opcode = opcode, .nsid = le32_of(nsid) };
}

struct nvme_sqe sqe_io(uint8_t opcode, uint32_t blocks, bool fua)
{
	struct nvme_sqe sqe = sqe_of(opcode, 1);

	sqe.cdw12 = le32_of((blocks - 1) | (fua ? NVME_RW_FUA : 0));
	return sqe;
}

struct nvme_sqe sqe_disconnect(void)
{
	return sqe_of(NVME_OPCODE_FABRICS, NVMF_DISCONNECT);
}

void host_write_cc(struct rig_host *h, uint32_t cc)
{
	struct nvmf_property_cmd cmd = {
		.opcode = NVME_OPCODE_FABRICS, .fctype = NVMF_PROPERTY_SET,
		.offset = le32_of(NVME_PROP_CC), .value = le64_of(cc) };
	struct nvme_sqe sqe;

	memcpy(&sqe, &cmd, sizeof(sqe));
	assert_int_equal(host_run(h, &sqe, NULL, 0), 0);
}

uint32_t host_read_csts(struct rig_host *h)
{
	struct nvmf_property_cmd cmd = {
		.opcode = NVME_OPCODE_FABRICS, .fctype = NVMF_PROPERTY_GET,
		.offset = le32_of(NVME_PROP_CSTS) };
	struct nvme_sqe sqe;
	struct capsule *c;

	memcpy(&sqe, &cmd, sizeof(sqe));
	c = host_submit(h, &sqe, NULL, 0);
	assert_int_equal(host_wait(h, c), 0);
	return c->dw0;
}

void host_await_csts(struct rig_host *h, uint32_t csts)
{
	int64_t until = now_ms() + RIG_PATIENCE_MS;
	uint32_t is;

	while ((is = host_read_csts(h)) != csts) {
		if (now_ms() > until)
			fail_msg("CSTS stays %x", is);
		usleep(2000);
	}
}
