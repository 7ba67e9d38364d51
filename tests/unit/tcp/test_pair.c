/* SPDX-License-Identifier: BSD-2-Clause */
/* Both ends back to back, the bytes between them cut at random. */
#include "../unit.h"

#include "tcp/conn.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH 16u
#define DISK 65536u
#define SLOT (DISK / DEPTH)		/* each command has its own part of the disk */
#define ROUNDS 600u

struct pair {
	struct tcp_conn host, controller;
	struct capsule_queue host_queue, controller_queue;
	struct tcp_config host_config, controller_config;
	uint8_t disk[DISK];
	struct capsule commands[DEPTH];
	uint8_t data[DEPTH][SLOT], model[DISK];
	unsigned int started, ended, live;
	uint32_t random;
	uint32_t most;			/* bytes moved at once */
};

static void *take(void *context, size_t size)
{
	return malloc(size);
}

static void give(void *context, void *memory, size_t size)
{
	free(memory);
}

static const struct tcp_memory memory = { take, give, NULL, NULL };

static uint32_t draw(struct pair *p, uint32_t below)
{
	p->random = p->random * 1664525u + 1013904223u;
	return (p->random >> 8) % below;
}

/* ---- the controller: a disk ------------------------------------------------------------------- */

static struct pair *pair_of(struct capsule *c)
{
	return container_of(c->queue, struct pair, controller_queue);
}

static struct capsule *get(struct capsule_queue *queue)
{
	container_of(queue, struct pair, controller_queue)->live++;
	return calloc(1, sizeof(struct capsule));
}

static uint32_t disk_offset(const struct capsule *c)
{
	return le32_get(c->sqe.cdw10);
}

static void received(struct capsule *c)
{
	memcpy(pair_of(c)->disk + disk_offset(c), c->data, c->length);
	capsule_respond(c);
}

static void command(struct capsule *c)
{
	uint32_t length = le32_get(c->sqe.sgl.length);

	if (c->sqe.opcode == NVME_IO_WRITE && c->in_capsule) {
		memcpy(pair_of(c)->disk + disk_offset(c), c->in_capsule, length);
		capsule_respond(c);
	} else if (c->sqe.opcode == NVME_IO_WRITE) {
		c->data = malloc(length);
		c->length = length;
		capsule_receive(c);
	} else {
		if (draw(pair_of(c), 2) || !capsule_reserve(c, length)) {
			c->data = malloc(length);
			c->length = length;
		}
		memcpy(c->data, pair_of(c)->disk + disk_offset(c), length);
		capsule_respond(c);
	}
}

static void sent(struct capsule *c)
{
	pair_of(c)->live--;
	if (!c->tcp.is_reserved)
		free(c->data);
	free(c);
}

static const struct capsule_sink_ops sink = {
	.get = get, .command = command, .received = received, .sent = sent,
};

/* ---- the host: one write or read after another in each slot -------------------------------------- */

static void submit(struct pair *p, unsigned int i)
{
	struct capsule *c = &p->commands[i];
	bool is_write = draw(p, 2);
	uint32_t offset = draw(p, SLOT), length = 1 + draw(p, SLOT - offset);

	offset += i * SLOT;
	c->sqe = (struct nvme_sqe){ .opcode = is_write ? NVME_IO_WRITE : NVME_IO_READ,
				    .cid = le16_of((uint16_t)i), .cdw10 = le32_of(offset) };
	c->data = p->data[i];
	c->length = length;
	for (uint32_t n = 0; n < length; n++)
		c->data[n] = (uint8_t)draw(p, 256);
	if (is_write)
		memcpy(p->model + offset, c->data, length);
	p->started++;
	assert_int_equal(tcp_host_submit(&p->host, c, is_write), 0);
}

static void completed(struct capsule *c)
{
	struct pair *p = container_of(c->queue, struct pair, host_queue);

	assert_int_equal(c->status, 0);
	assert_memory_equal(c->data, p->model + disk_offset(c), c->length);
	p->ended++;
	if (p->started < ROUNDS)
		submit(p, (unsigned int)(c - p->commands));
}

static const struct capsule_host_ops ops = { completed };

/* ---- the wire ----------------------------------------------------------------------------------------- */

/* Hands `n` bytes over, where the receiver wants them or from a buffer. */
static void deliver(struct pair *p, struct tcp_conn *to, const uint8_t *bytes, size_t n)
{
	while (n) {
		void *where;
		size_t part = 1 + draw(p, p->most), room = tcp_rx_place(to, &where);

		if (part > n)
			part = n;
		if (room && draw(p, 2)) {
			if (part > room)
				part = room;
			memcpy(where, bytes, part);
			tcp_rx_placed(to, part);
		} else {
			tcp_rx(to, bytes, part);
		}
		bytes += part;
		n -= part;
	}
}

static void move(struct pair *p, struct tcp_conn *from, struct tcp_conn *to)
{
	struct iovec iov;
	size_t part;

	if (!tcp_tx_vector(from, &iov, 1, SIZE_MAX))
		return;
	part = 1 + draw(p, p->most);
	if (part > iov.iov_len)
		part = iov.iov_len;
	deliver(p, to, iov.iov_base, part);
	tcp_tx_done(from, part);
}

static void run(uint8_t digests, uint32_t most, uint32_t in_capsule, bool flow_off)
{
	struct pair *p = calloc(1, sizeof(*p));

	p->random = digests + most * 77 + in_capsule;
	p->most = most;
	p->host_config = (struct tcp_config){ digests & 1, digests & 2, 0, UINT32_MAX, false };
	p->controller_config = (struct tcp_config){ true, true, in_capsule, 4096, draw(p, 2) };
	p->controller_queue.sink = &sink;
	p->host_queue.host = &ops;
	tcp_controller_init(&p->controller, &p->controller_queue, &p->controller_config, &memory,
			    NULL);
	assert_int_equal(tcp_host_init(&p->host, &p->host_queue, &p->host_config, &memory, NULL), 0);
	while (p->host.state == TCP_STATE_NEW) {
		move(p, &p->host, &p->controller);
		move(p, &p->controller, &p->host);
	}
	assert_int_equal(p->host.digests, digests);
	tcp_set_queue(&p->controller, DEPTH + 1, flow_off, in_capsule);
	tcp_set_queue(&p->host, DEPTH + 1, flow_off, in_capsule);
	for (unsigned int i = 0; i < DEPTH; i++)
		submit(p, i);
	while (p->ended < ROUNDS) {
		if (draw(p, 2))
			move(p, &p->host, &p->controller);
		else
			move(p, &p->controller, &p->host);
		assert_int_equal(p->host.state, TCP_STATE_READY);
		assert_int_equal(p->controller.state, TCP_STATE_READY);
	}
	assert_memory_equal(p->disk, p->model, DISK);
	tcp_close(&p->host);
	tcp_close(&p->controller);
	tcp_free(&p->host);
	tcp_free(&p->controller);
	assert_int_equal(p->live, 0);
	free(p);
}

static void at_every_cut_with_every_digest(void **state)
{
	static const uint32_t most[] = { 1, 2, 30, 1000, 100000 };

	for (uint8_t digests = 0; digests < 4; digests++)
		for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
			run(digests, most[i], 0, false);
			run(digests, most[i], 2048, true);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_every_cut_with_every_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
