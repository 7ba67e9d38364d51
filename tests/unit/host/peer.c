/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"
#include "peer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINKS_MAX 16

/* One connection. */
struct link {
	struct peer *peer;
	struct qpair qpair;
	struct tcp_config config;
	uint16_t qid;
	struct capsule *event_request;	/* held */
	bool is_deaf;		/* nothing is received any more */
};

static struct link *link_of(struct capsule *c)
{
	return container_of(c->queue, struct link, qpair.queue);
}

static void answer(struct capsule *c, uint16_t status, uint32_t dw0)
{
	c->status = status;
	c->dw0 = dw0;
	capsule_respond(c);
}

static void answer_data(struct capsule *c, const void *data, uint32_t length)
{
	uint32_t wanted = le32_get(c->sqe.sgl.length);

	c->data = calloc(1, wanted);
	c->length = wanted;
	memcpy(c->data, data, length < wanted ? length : wanted);
	answer(c, 0, 0);
}

/* ---- Fabrics ------------------------------------------------------------------------------------ */

static void connect_command(struct link *l, struct capsule *c)
{
	const struct nvmf_connect_cmd *cmd = (const void *)&c->sqe;
	struct peer *p = l->peer;
	bool is_off = cmd->cattr & NVMF_CATTR_SQ_FLOW_OFF;

	memcpy(&p->connect_data, c->in_capsule, sizeof(p->connect_data));
	l->qid = le16_get(cmd->qid);
	p->connect_kato = le32_get(cmd->kato);
	p->flow_off = is_off;
	p->connects++;
	if (!l->qid && p->options.connect_status) {
		answer(c, p->options.connect_status, p->options.connect_dw0);
		return;
	}
	if (l->qid && p->options.mute_queues)
		return;
	if (l->qid && l->qid == p->options.refused_qid) {
		answer(c, NVME_CONNECT_BUSY, 0);
		return;
	}
	tcp_set_queue(&l->qpair.tcp, le16_get(cmd->sqsize) + 1u, is_off,
		      l->qid ? p->options.in_capsule : NVMF_ADMIN_IN_CAPSULE);
	answer(c, 0, 7);
}

static uint64_t property(struct peer *p, uint32_t offset)
{
	switch (offset) {
	case NVME_PROP_CAP:
		return NVME_CAP_MQES(1024) | NVME_CAP_CQR | NVME_CAP_TO(1) | NVME_CAP_CSS_NVM;
	case NVME_PROP_VS:
		return NVME_VERSION_1_4;
	case NVME_PROP_CC:
		return p->cc;
	default:
		return p->csts;
	}
}

static void set_cc(struct peer *p, uint32_t cc)
{
	p->cc = cc;
	p->csts = cc & NVME_CC_EN && !p->options.never_ready ? NVME_CSTS_RDY : 0;
	if (p->options.fatal)
		p->csts |= NVME_CSTS_CFS;
	if (NVME_CC_SHN(cc)) {
		p->csts |= NVME_CSTS_SHST_COMPLETE;
		p->shutdowns++;
	}
}

static void fabrics_command(struct link *l, struct capsule *c)
{
	const struct nvmf_property_cmd *cmd = (const void *)&c->sqe;
	uint64_t value;

	switch (le32_get(c->sqe.nsid) & 0xff) {
	case NVMF_CONNECT:
		connect_command(l, c);
		break;
	case NVMF_PROPERTY_GET:
		value = property(l->peer, le32_get(cmd->offset));
		c->dw1 = (uint32_t)(value >> 32);
		answer(c, 0, (uint32_t)value);
		break;
	case NVMF_PROPERTY_SET:
		set_cc(l->peer, (uint32_t)le64_get(cmd->value));
		answer(c, 0, 0);
		break;
	default:
		l->peer->disconnects++;
		answer(c, 0, 0);
	}
}

/* ---- admin ---------------------------------------------------------------------------------------- */

static void identify(struct link *l, struct capsule *c)
{
	static struct nvme_id_ctrl ctrl;
	static struct nvme_id_ns ns;
	uint32_t nsid = le32_get(c->sqe.nsid);

	if ((le32_get(c->sqe.cdw10) & 0xff) == NVME_CNS_CONTROLLER) {
		ctrl = (struct nvme_id_ctrl){ .mdts = l->peer->options.mdts,
			.ofcs = le16_of(l->peer->options.ofcs), .nn = le32_of(4),
			.ioccsz = le32_of((64 + l->peer->options.in_capsule) / 16) };
		memcpy(ctrl.sn, "SERIAL              ", 20);
		answer_data(c, &ctrl, sizeof(ctrl));
		return;
	}
	ns = (struct nvme_id_ns){ .nsze = le64_of(nsid == 1 ? PEER_BLOCKS : 0), .lbaf[0].lbads = 9 };
	if (nsid > 4)
		answer(c, NVME_INVALID_NAMESPACE | NVME_DNR, 0);
	else
		answer_data(c, &ns, sizeof(ns));
}

/* Each read from offset 0 may find another generation. */
static void discovery_log(struct link *l, struct capsule *c)
{
	struct peer *p = l->peer;
	size_t size = sizeof(struct nvmf_discovery_header) +
		      p->options.records * sizeof(struct nvmf_discovery_entry);
	uint8_t *log = calloc(1, size + 8192);
	struct nvmf_discovery_header *header = (void *)log;
	struct nvmf_discovery_entry *e = (void *)(header + 1);
	uint32_t offset = le32_get(c->sqe.cdw12);

	if (!offset && p->options.log_changes) {
		p->options.log_changes--;
		p->genctr++;
	}
	header->genctr = le64_of(p->genctr);
	header->numrec = le64_of(p->options.records);
	for (uint32_t i = 0; i < p->options.records; i++) {
		e[i].trtype = NVMF_TRTYPE_TCP;
		e[i].portid = le16_of((uint16_t)i);
		memset(e[i].trsvcid, ' ', sizeof(e[i].trsvcid));
		memcpy(e[i].trsvcid, "4420", 4);
		memset(e[i].traddr, ' ', sizeof(e[i].traddr));
		snprintf(e[i].subnqn, sizeof(e[i].subnqn), "nqn.x:%llu:%u",
			 (unsigned long long)p->genctr, i);
	}
	answer_data(c, log + (offset < size ? offset : size), 4096);
	free(log);
}

/* One at a time: the host has no reason for more. */
static void hold(struct link *l, struct capsule *c)
{
	l->peer->event_requests++;
	if (l->peer->options.event_status)
		answer(c, l->peer->options.event_status, 0);
	else if (l->event_request)
		answer(c, NVME_AER_LIMIT_EXCEEDED, 0);
	else
		l->event_request = c;
}

static void raise_event(struct link *l, struct capsule *c)
{
	struct capsule *held = l->event_request;

	l->event_request = NULL;
	if (held) {
		held->dw1 = le32_get(c->sqe.cdw11);
		answer(held, 0, le32_get(c->sqe.cdw10));
	}
	answer(c, held ? 0 : NVME_COMMAND_SEQUENCE_ERROR, 0);
}

static void admin_command(struct link *l, struct capsule *c)
{
	uint32_t granted = l->peer->options.queues - 1u;

	if (c->sqe.opcode == l->peer->options.mute_admin)
		return;
	switch (c->sqe.opcode) {
	case NVME_ADMIN_IDENTIFY:
		identify(l, c);
		break;
	case NVME_ADMIN_GET_LOG_PAGE:
		discovery_log(l, c);
		break;
	case NVME_ADMIN_SET_FEATURES:
		answer(c, 0, granted | granted << 16);
		break;
	case NVME_ADMIN_ASYNC_EVENT:
		hold(l, c);
		break;
	case PEER_RAISE:
		raise_event(l, c);
		break;
	case NVME_ADMIN_KEEP_ALIVE:
		l->peer->keep_alives++;
		answer(c, 0, 0);
		break;
	default:
		answer(c, NVME_INVALID_OPCODE | NVME_DNR, 0);
	}
}

/* ---- I/O --------------------------------------------------------------------------------------------- */

static uint8_t *blocks_of(struct link *l, struct capsule *c)
{
	uint64_t lba = le32_get(c->sqe.cdw10) | (uint64_t)le32_get(c->sqe.cdw11) << 32;
	uint32_t blocks = (le32_get(c->sqe.cdw12) & 0xffff) + 1;

	return lba + blocks <= PEER_BLOCKS ? l->peer->disk + lba * PEER_BLOCK : NULL;
}

static void store(struct link *l, struct capsule *c, const uint8_t *data)
{
	memcpy(blocks_of(l, c), data, le32_get(c->sqe.sgl.length));
	answer(c, 0, 0);
}

static void write_command(struct link *l, struct capsule *c)
{
	if (c->in_capsule) {
		store(l, c, c->in_capsule);
		return;
	}
	c->length = le32_get(c->sqe.sgl.length);
	c->data = malloc(c->length);
	capsule_receive(c);
}

static void received(struct capsule *c)
{
	store(link_of(c), c, c->data);
}

/* More than the host reads at once: a close that leaves some unread resets the connection. */
static void babble(struct link *l)
{
	static const char nonsense[1 << 20] = "HTTP/1.1 400 Bad Request";
	struct iovec iov = { (void *)(uintptr_t)nonsense, sizeof(nonsense) };

	l->qpair.net.ops->send(&l->qpair.net, &iov, 1);
	l->is_deaf = l->peer->options.deaf_to_term;
}

static void io_command(struct link *l, struct capsule *c)
{
	const struct peer_options *o = &l->peer->options;

	if (c->sqe.opcode == o->mute_opcode)
		return;
	if (c->sqe.opcode == o->babble_opcode)
		babble(l);
	else if (c->sqe.opcode == o->drop_opcode)
		tcp_drop(&l->qpair.tcp, "told to");
	else if (c->sqe.opcode == o->fail_opcode)
		answer(c, o->fail_status, 0);
	else if (c->sqe.opcode == NVME_IO_FLUSH)
		answer(c, 0, 0);
	else if (!blocks_of(l, c))
		answer(c, NVME_LBA_OUT_OF_RANGE | NVME_DNR, 0);
	else if (c->sqe.opcode == NVME_IO_WRITE)
		write_command(l, c);
	else
		answer_data(c, blocks_of(l, c), le32_get(c->sqe.sgl.length));
}

/* ---- the queue ------------------------------------------------------------------------------------------ */

static struct capsule *get(struct capsule_queue *queue)
{
	container_of(queue, struct link, qpair.queue)->peer->live++;
	return calloc(1, sizeof(struct capsule));
}

static void command(struct capsule *c)
{
	struct link *l = link_of(c);

	if (c->sqe.opcode == NVME_OPCODE_FABRICS)
		fabrics_command(l, c);
	else if (l->qid)
		io_command(l, c);
	else
		admin_command(l, c);
}

static void sent(struct capsule *c)
{
	link_of(c)->peer->live--;
	if (!c->tcp.is_reserved)
		free(c->data);
	free(c);
}

static const struct capsule_sink_ops sink = {
	.get = get, .command = command, .received = received, .sent = sent,
};

static void *take(void *context, size_t size)
{
	return malloc(size);
}

static void give(void *context, void *memory, size_t size)
{
	free(memory);
}

/* ---- the thread -------------------------------------------------------------------------------------------- */

static struct link *accept_link(struct peer *p)
{
	struct tcp_memory memory = { take, give, NULL, NULL };
	struct link *l = calloc(1, sizeof(*l));
	int fd = accept(p->listen_fd, NULL, NULL);

	assert_true(fd >= 0);
	l->peer = p;
	l->config = (struct tcp_config){ p->options.header_digest, p->options.data_digest,
					 p->options.in_capsule, p->options.maxh2cdata, false };
	net_stream_socket(&l->qpair.net, fd);
	l->qpair.queue.sink = &sink;
	tcp_controller_init(&l->qpair.tcp, &l->qpair.queue, &l->config, &memory, NULL);
	if (p->options.garbage_handshake)
		assert_int_equal(write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
	return l;
}

static bool serve(struct link *l)
{
	uint8_t bytes[65536];
	struct qpair_buffer buffer = { bytes, sizeof(bytes) };

	if (l->peer->options.mute_handshake) {
		struct iovec iov = { bytes, sizeof(bytes) };

		return l->qpair.net.ops->receive(&l->qpair.net, &iov, 1) != 0;
	}
	return qpair_receive(&l->qpair, &buffer, 4) != QPAIR_ENDED &&
	       qpair_send(&l->qpair) != QPAIR_ENDED;
}

/* Commands that were never answered are given back as answered. */
static void end_link(struct link *l)
{
	const char *reason = l->qpair.tcp.reason;

	l->peer->terms += reason && strstr(reason, "TermReq");
	qpair_close(&l->qpair);
	for (unsigned int i = 0; i < TCP_BUCKETS; i++)
		while (l->qpair.tcp.buckets[i])
			answer(l->qpair.tcp.buckets[i], 0, 0);
	tcp_free(&l->qpair.tcp);
	l->peer->ended++;
	free(l);
}

static void *run(void *context)
{
	struct peer *p = context;
	struct link *links[LINKS_MAX];
	nfds_t n = 0;

	for (;;) {
		struct pollfd fds[LINKS_MAX + 2] = { { p->wake_fd, POLLIN, 0 },
						     { p->listen_fd, POLLIN, 0 } };

		for (nfds_t i = 0; i < n; i++)
			fds[i + 2] = (struct pollfd){ links[i]->is_deaf ? -1 :
				links[i]->qpair.net.fd, (short)(POLLIN | (links[i]->qpair.wants_write ? POLLOUT : 0)), 0 };
		poll(fds, n + 2, -1);
		if (fds[0].revents)
			break;
		for (nfds_t i = n; i-- > 0;)
			if (fds[i + 2].revents && !serve(links[i])) {
				end_link(links[i]);
				links[i] = links[--n];
			}
		if (fds[1].revents && n < LINKS_MAX)
			links[n++] = accept_link(p);
	}
	while (n)
		end_link(links[--n]);
	return NULL;
}

void peer_start(struct peer *p, const struct peer_options *options)
{
	struct net_address address;

	memset(p, 0, sizeof(*p));
	p->options = *options;
	p->disk = calloc(PEER_BLOCKS, PEER_BLOCK);
	p->wake_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(net_address_parse(&address, "127.0.0.1", 0), 0);
	p->listen_fd = net_listen(&address, 16, false);
	assert_true(p->listen_fd >= 0);
	assert_int_equal(net_local_address(p->listen_fd, &address), 0);
	snprintf(p->port, sizeof(p->port), "%u", net_address_port(&address));
	assert_int_equal(pthread_create(&p->thread, NULL, run, p), 0);
}

void peer_stop(struct peer *p)
{
	uint64_t one = 1;

	assert_int_equal(write(p->wake_fd, &one, sizeof(one)), sizeof(one));
	pthread_join(p->thread, NULL);
	assert_int_equal(p->live, 0);
	close(p->wake_fd);
	close(p->listen_fd);
	free(p->disk);
}

struct nvmf_ctrl_options peer_client(const struct peer *p)
{
	struct nvmf_ctrl_options o = NVMF_CTRL_OPTIONS_INIT;

	o.traddr = "127.0.0.1";
	o.trsvcid = p->port;
	o.subnqn = PEER_NQN;
	o.connect_timeout_ms = 5000;
	o.command_timeout_ms = 5000;
	return o;
}

struct nvmf_ctrl *peer_connect(const struct peer *p, unsigned int queues)
{
	struct nvmf_ctrl_options o = peer_client(p);
	struct nvmf_ctrl *ctrl = nvmf_ctrl_create(&o);

	assert_non_null(ctrl);
	if (nvmf_ctrl_connect(ctrl))
		fail_msg("%s", nvmf_ctrl_error(ctrl));
	if (queues && nvmf_ctrl_open_queues(ctrl, queues, 32) < 0)
		fail_msg("%s", nvmf_ctrl_error(ctrl));
	return ctrl;
}
