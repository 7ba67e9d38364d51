/* SPDX-License-Identifier: BSD-2-Clause */
/* A queue: commands under way, their slots and deadlines, and its processing. */
#include "host/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Calls of the system that one processing call receives with at most. */
#define RECEIVE_BUDGET 8

uint64_t host_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- memory for what is sent ------------------------------------------------------- */

static void *take_memory(void *context, size_t size)
{
	struct nvmf_queue *q = context;

	if (size == TCP_CHUNK_WANTED && q->spares)
		return q->spare[--q->spares];
	return malloc(size);
}

static void give_memory(void *context, void *memory, size_t size)
{
	struct nvmf_queue *q = context;

	if (size == TCP_CHUNK_WANTED && q->spares < SPARE_CHUNKS)
		q->spare[q->spares++] = memory;
	else
		free(memory);
}

/* ---- the end of a command ------------------------------------------------------------ */

static struct nvmf_status status_of(uint16_t status)
{
	return (struct nvmf_status){ .type = status >> 8 & 7, .code = status & 0xff,
				     .do_not_retry = status & NVME_DNR };
}

static void completed(struct capsule *c)
{
	struct slot *slot = container_of(c, struct slot, capsule);
	struct nvmf_queue *q = container_of(c->queue, struct nvmf_queue, qpair.queue);
	struct nvmf_completion completion = { .error = q->error };

	if (!q->error) {
		completion.status = status_of(c->status);
		completion.dw0 = c->dw0;
		completion.dw1 = c->dw1;
	}
	list_remove(&c->link);
	list_prepend(&q->free, &c->link);
	q->busy_count -= !slot->is_parked;
	slot->is_parked = false;
	q->ended++;
	slot->done(slot->cookie, &completion);
}

static const struct capsule_host_ops host_ops = { .completed = completed };

/* ---- life ------------------------------------------------------------------------------ */

static void fill_free_list(struct nvmf_queue *q)
{
	list_init(&q->free);
	list_init(&q->busy);
	for (unsigned int i = 0; i < q->depth; i++) {
		q->slots[i].capsule.sqe.cid = le16_of((uint16_t)i);
		list_append(&q->free, &q->slots[i].capsule.link);
	}
}

int host_queue_init(struct nvmf_queue *q, struct nvmf_ctrl *ctrl, uint16_t qid,
		    unsigned int entries)
{
	*q = (struct nvmf_queue){ .ctrl = ctrl, .qid = qid, .error = -ENOTCONN,
				  .depth = entries - 1, .qpair.net.fd = -1,
				  .command_timeout_ms = ctrl->options.command_timeout_ms };
	q->slots = calloc(q->depth, sizeof(*q->slots));
	q->buffer.bytes = malloc(RECEIVE_BUFFER_SIZE);
	q->buffer.size = RECEIVE_BUFFER_SIZE;
	host_queue_note_end(q, -ENOTCONN);
	host_queue_fail_closed(q);
	if (!q->slots || !q->buffer.bytes)
		return host_queue_fail(q, -ENOMEM, "out of memory for a queue");
	fill_free_list(q);
	return 0;
}

int host_queue_start(struct nvmf_queue *q)
{
	struct tcp_memory memory = { take_memory, give_memory, q, NULL };

	q->config = (struct tcp_config){
		.allow_header_digest = q->ctrl->options.header_digest,
		.allow_data_digest = q->ctrl->options.data_digest,
		.maxh2cdata = UINT32_MAX };	/* of C2HData: any length */
	net_stream_socket(&q->qpair.net, q->qpair.net.fd);
	net_stream_patience(&q->qpair.net, PATIENCE_MS);
	q->qpair.queue.host = &host_ops;
	q->qpair.wants_write = q->qpair.has_shut = false;
	return tcp_host_init(&q->qpair.tcp, &q->qpair.queue, &q->config, &memory, NULL);
}

void host_queue_end(struct nvmf_queue *q, int error)
{
	bool is_dialing = q->stage == STAGE_DIALING;

	if (q->stage == STAGE_CLOSED)
		return;
	host_queue_note_end(q, error);
	q->stage = STAGE_CLOSED;
	q->error = error;
	q->watched = 0;			/* closing does that */
	if (is_dialing) {
		if (q->qpair.net.fd >= 0)
			close(q->qpair.net.fd);
		q->qpair.net.fd = -1;
	} else {
		qpair_close(&q->qpair);
		tcp_free(&q->qpair.tcp);
	}
	host_queue_free_joining(q);
}

void host_queue_free(struct nvmf_queue *q)
{
	host_queue_end(q, -ECANCELED);
	while (q->spares)
		free(q->spare[--q->spares]);
	free(q->slots);
	free(q->buffer.bytes);
	q->slots = NULL;
	q->buffer.bytes = NULL;
}

/* ---- submitting -------------------------------------------------------------------------- */

static struct slot *take_slot(struct nvmf_queue *q)
{
	struct list *link = list_pop(&q->free);

	if (!link)
		return NULL;
	list_append(&q->busy, link);
	q->busy_count++;
	return container_of(link, struct slot, capsule.link);
}

static void give_slot(struct nvmf_queue *q, struct slot *slot)
{
	list_remove(&slot->capsule.link);
	list_prepend(&q->free, &slot->capsule.link);
	q->busy_count--;
}

static void fill_slot(struct nvmf_queue *q, struct slot *slot, const struct nvme_sqe *sqe,
		      void *data, uint32_t length)
{
	struct capsule *c = &slot->capsule;
	le16 cid = c->sqe.cid;

	c->sqe = *sqe;
	c->sqe.cid = cid;
	c->data = data;
	c->length = length;
	slot->deadline = q->command_timeout_ms ? host_now_ms() + q->command_timeout_ms :
						 UINT64_MAX;
}

static int fail_full(struct nvmf_queue *q)
{
	return host_queue_fail(q, -EAGAIN, "the queue is full: %u commands are under way",
			       q->busy_count);
}

int host_queue_submit_sqe(struct nvmf_queue *q, const struct nvme_sqe *sqe, void *data,
			  uint32_t length, bool to_controller, nvmf_done *done, void *cookie)
{
	struct slot *slot;
	int error;

	if (q->stage < STAGE_JOINING)
		return host_queue_fail_closed(q);
	slot = take_slot(q);
	if (!slot)
		return fail_full(q);
	fill_slot(q, slot, sqe, data, length);
	slot->done = done;
	slot->cookie = cookie;
	error = tcp_host_submit(&q->qpair.tcp, &slot->capsule, to_controller);
	if (!error)
		return 0;
	give_slot(q, slot);
	return error == -EBUSY ? fail_full(q) : host_queue_fail_ended(q);
}

void host_queue_park(struct nvmf_queue *q)
{
	struct slot *slot = container_of(q->busy.prev, struct slot, capsule.link);

	list_remove(&slot->capsule.link);
	slot->is_parked = true;
	q->busy_count--;
}

/* Bits 1:0 of the opcode, or of a Fabrics command's type (Figure 88). */
static unsigned int direction_of(const struct nvmf_command *command)
{
	return (command->opcode == NVME_OPCODE_FABRICS ? command->nsid : command->opcode) & 3;
}

static bool is_data_allowed(const struct nvmf_command *command, uint32_t length)
{
	unsigned int direction = direction_of(command);

	return direction != NVME_DATA_BOTH && (direction != NVME_DATA_NONE || !length);
}

bool host_is_to_controller(const struct nvmf_command *command)
{
	return direction_of(command) == NVME_DATA_TO_CONTROLLER;
}

int host_queue_build_sqe(struct nvmf_queue *q, const struct nvmf_command *command,
			 uint32_t length, struct nvme_sqe *sqe)
{
	*sqe = (struct nvme_sqe){
		.opcode = command->opcode, .flags = command->fuse & 3,
		.nsid = le32_of(command->nsid),
		.cdw2 = le32_of(command->cdw2), .cdw3 = le32_of(command->cdw3),
		.cdw10 = le32_of(command->cdw10), .cdw11 = le32_of(command->cdw11),
		.cdw12 = le32_of(command->cdw12), .cdw13 = le32_of(command->cdw13),
		.cdw14 = le32_of(command->cdw14), .cdw15 = le32_of(command->cdw15),
	};
	if (is_data_allowed(command, length))
		return 0;
	return host_queue_fail(q, -EINVAL, "opcode %02xh takes no data this way", command->opcode);
}

int nvmf_queue_submit(struct nvmf_queue *q, const struct nvmf_command *command, void *data,
		      uint32_t length, nvmf_done *done, void *cookie)
{
	struct nvme_sqe sqe;
	int error = host_queue_build_sqe(q, command, length, &sqe);

	if (!error && !host_queue_is_open(q))
		error = host_queue_fail_closed(q);
	if (error)
		return error;
	return host_queue_submit_sqe(q, &sqe, data, length, host_is_to_controller(command), done,
				     cookie);
}

/* ---- processing --------------------------------------------------------------------------- */

int host_queue_fail_ended(struct nvmf_queue *q)
{
	const char *reason = q->qpair.tcp.reason;

	return host_queue_fail(q, -EPIPE, "%s",
			       reason ? reason : "the controller closed the connection");
}

/* The oldest command stands first, and all have the same time to live. */
static uint64_t next_deadline(const struct nvmf_queue *q)
{
	if (list_is_empty(&q->busy))
		return UINT64_MAX;
	return container_of(q->busy.next, struct slot, capsule.link)->deadline;
}

static int check_deadlines(struct nvmf_queue *q)
{
	if (q->command_timeout_ms == 0 || next_deadline(q) > host_now_ms())
		return 0;
	return host_queue_fail(q, -ETIMEDOUT, "no answer within %u ms", q->command_timeout_ms);
}

/* After our TermReq the controller has to close; for so long it may take. */
static bool may_linger(struct nvmf_queue *q)
{
	if (q->qpair.tcp.state != TCP_STATE_TERMINATING)
		return q->qpair.tcp.state != TCP_STATE_DEAD;
	if (!q->lingers_until)
		q->lingers_until = host_now_ms() + LINGER_MS;
	return host_now_ms() < q->lingers_until;
}

bool host_queue_transfer(struct nvmf_queue *q, bool may_wait)
{
	if (qpair_send(&q->qpair) == QPAIR_ENDED)
		return false;
	q->qpair.net.waits_once = may_wait && !q->qpair.wants_write;
	if (qpair_receive(&q->qpair, &q->buffer, RECEIVE_BUDGET) == QPAIR_ENDED)
		return false;
	if (qpair_send(&q->qpair) == QPAIR_ENDED)
		return false;
	return may_linger(q);
}

/* An open queue's processing: 0, or -errno with a sentence. */
static int run(struct nvmf_queue *q, bool may_wait)
{
	if (!q->qid)
		host_keep_alive_check(q->ctrl, host_now_ms());
	if (!host_queue_transfer(q, may_wait))
		return host_queue_fail_ended(q);
	if (check_deadlines(q))
		return -ETIMEDOUT;
	return q->is_detached ? 0 : host_queue_watch(q);
}

int host_queue_process(struct nvmf_queue *q, bool may_wait)
{
	unsigned int before = q->ended;
	int error;

	if (q->stage == STAGE_CLOSED)
		return host_queue_fail_closed(q);
	if (!host_queue_is_open(q))
		return host_queue_join(q);
	error = run(q, may_wait);
	if (!error)
		return (int)(q->ended - before);
	host_queue_end(q, error);
	return error;
}

int nvmf_queue_process(struct nvmf_queue *q)
{
	return host_queue_process(q, false);
}

uint64_t host_queue_next(const struct nvmf_queue *q)
{
	uint64_t due;

	if (q->stage == STAGE_CLOSED)
		return UINT64_MAX;
	due = host_queue_is_open(q) ? next_deadline(q) : host_queue_join_due(q);
	if (q->lingers_until && q->lingers_until < due)
		due = q->lingers_until;
	if (host_queue_is_open(q) && !q->qid && q->ctrl->keep_alive_due < due)
		due = q->ctrl->keep_alive_due;
	return due;
}

int host_ms_until(uint64_t then)
{
	uint64_t now;

	if (then == UINT64_MAX)
		return -1;
	now = host_now_ms();
	if (then <= now)
		return 0;
	return then - now < INT32_MAX ? (int)(then - now) : INT32_MAX;
}

int nvmf_queue_due(const struct nvmf_queue *q)
{
	return host_ms_until(host_queue_next(q));
}

/* ---- what a queue tells --------------------------------------------------------------------- */

int nvmf_queue_fd(const struct nvmf_queue *q)
{
	return q->stage == STAGE_CLOSED ? -1 : q->qpair.net.fd;
}

short nvmf_queue_events(const struct nvmf_queue *q)
{
	if (q->stage == STAGE_DIALING)
		return POLLOUT;
	return (short)(POLLIN | (tcp_has_output(&q->qpair.tcp) ? POLLOUT : 0));
}

bool host_queue_has_unsent(const struct nvmf_queue *q)
{
	return q->stage >= STAGE_GREETING && !q->qpair.wants_write &&
	       tcp_has_output(&q->qpair.tcp);
}

unsigned int nvmf_queue_depth(const struct nvmf_queue *q)
{
	return q->depth;
}

unsigned int nvmf_queue_in_flight(const struct nvmf_queue *q)
{
	return q->busy_count;
}
