/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Read, Write and Flush.
 *
 * Immediate storage (memory) lends what is read, or copies it into the send buffer,
 * and writes out of the receive buffer.  All other storage works on a buffer of
 * the pool; a command that finds none waits, and holds nothing while it does.
 */
#include "controller/controller.h"
#include "ns/extent.h"
#include "ns/status.h"

/* Until the request is freed the record stays. */
static const struct namespace *namespace_of(struct request *r)
{
	const struct queue *q = r->queue;
	struct namespace *ns = view_namespace(q->view, le32_get(r->capsule.sqe.nsid));

	if (!ns)
		return NULL;
	r->lane = &ns->lanes[q->station->worker->index];
	lane_enter(r->lane);
	return ns;
}

static bool is_fua(const struct request *r)
{
	return le32_get(r->capsule.sqe.cdw12) & NVME_RW_FUA;
}

/* ---- counting and the end ---------------------------------------------------------------- */

/*
 * Memory answers within the turn in which the command came, and reading the clock for
 * each would be a part of what an answer costs: one of so many speaks for the others,
 * drawn by lot, for the last of a batch waits longest.
 */
#define SAMPLE 32

static bool is_drawn(struct queue *q)
{
	q->dice = q->dice * 1664525u + 1013904223u;	/* its high bits are good */
	return q->dice < UINT32_MAX / SAMPLE + 1;
}

static void note_latency(const struct request *r, uint64_t now, uint32_t commands)
{
	unsigned int bucket = latency_bucket(now - r->began);

	lane_time(r->lane, bucket, commands);
	r->queue->latency.counts[bucket] += commands;
}

static void measure(const struct request *r)
{
	struct queue *q = r->queue;
	uint64_t now = q->station->worker->now;

	if (now != r->began)
		note_latency(r, now, 1);
	else if (is_drawn(q))
		note_latency(r, worker_clock(), SAMPLE);
}

static void count(const struct request *r)
{
	struct health_total *done = &r->queue->done;
	struct ns_lane *l = r->lane;
	uint64_t sectors = r->op.length / 512;

	if (r->op.opcode == BACKEND_READ) {
		lane_add(&l->reads, 1);
		lane_add(&l->sectors_read, sectors);
		done->reads++;
		done->sectors_read += sectors;
	} else if (r->op.opcode == BACKEND_WRITE) {
		lane_add(&l->writes, 1);
		lane_add(&l->sectors_written, sectors);
		done->writes++;
		done->sectors_written += sectors;
	} else {
		return;
	}
	measure(r);
}

/* The host has a status; who looks after the storage has the log. */
static void complain(const struct request *r, int error)
{
	log_say(r->queue->target->log, LOG_ERROR,
		"namespace %u: %s of %u bytes at %ju failed: %s", r->ns->nsid,
		io_command(r->capsule.sqe.opcode)->name, r->op.length,
		(uintmax_t)r->op.offset, strerror(-error));
}

static void finish(struct request *r, int result)
{
	if (result)
		complain(r, result);
	else
		count(r);
	request_end(r, status_of_errno(result, r->op.opcode));
}

static void op_done(struct backend_op *op, int result)
{
	finish(container_of(op, struct request, op), result);
}

static void submit(struct request *r)
{
	int result;

	r->op.done = op_done;
	result = backend_submit(r->ns->backend, &r->queue->station->lane, &r->op);
	if (result != BACKEND_PENDING)
		finish(r, result);
}

/* ---- Read ------------------------------------------------------------------------------------ */

/* What a FUA read returns must be durable: first the flush, then the read. */
static void read_flushed(struct backend_op *op, int result)
{
	struct request *r = container_of(op, struct request, op);

	op->opcode = BACKEND_READ;
	op->length = r->capsule.length;
	if (result)
		finish(r, result);
	else
		submit(r);
}

static bool needs_flush(const struct request *r)
{
	return is_fua(r) && r->ns->has_volatile_cache;
}

static void submit_read(struct request *r)
{
	int result;

	r->op.data = r->capsule.data;
	if (!needs_flush(r)) {
		submit(r);
		return;
	}
	r->op.opcode = BACKEND_FLUSH;
	r->op.length = 0;
	r->op.done = read_flushed;
	result = backend_submit(r->ns->backend, &r->queue->station->lane, &r->op);
	if (result != BACKEND_PENDING)
		read_flushed(&r->op, result);
}

static bool start(struct request *r, enum backend_opcode opcode)
{
	struct extent e;
	uint16_t status;

	r->ns = namespace_of(r);
	status = r->ns ? extent_of(r->ns, &r->capsule.sqe,
				   r->queue->target->limits.mdts, &e) :
			 NVME_INVALID_NAMESPACE | NVME_DNR;
	if (!status)
		status = opcode == BACKEND_READ ? request_check_to_host(r, e.length) :
						  request_check_from_host(r, e.length);
	if (!status && opcode == BACKEND_WRITE && r->ns->is_read_only)
		status = NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
	if (status) {
		request_end(r, status);
		return false;
	}
	r->began = r->queue->station->worker->now;
	r->op.opcode = opcode;
	r->op.offset = e.offset;
	r->op.length = e.length;
	return true;
}

static void need_buffer(struct request *r, void (*go_on)(struct request *))
{
	if (request_take_buffer(r, r->op.length)) {
		go_on(r);
		return;
	}
	r->capsule.length = r->op.length;
	request_park(r);
}

/* Nothing was read yet, but nothing can go wrong any more. */
static bool read_in_place(struct request *r)
{
	const void *data = backend_lend(r->ns->backend, r->op.offset);

	if (!data || !capsule_lend(&r->capsule, data, r->op.length, 1u << r->ns->lba_shift))
		return false;
	finish(r, 0);
	return true;
}

uint32_t io_hold(struct capsule *c, uint32_t offset, uint32_t length, bool wait)
{
	const struct request *r = request_of(c);
	struct backend *b = r->ns->backend;

	return b->ops->hold(b, r->op.offset + offset, length, wait);
}

void io_release(struct capsule *c, uint32_t offset, uint32_t length)
{
	const struct request *r = request_of(c);
	struct backend *b = r->ns->backend;

	b->ops->release(b, r->op.offset + offset, length);
}

static void io_read(struct request *r)
{
	if (!start(r, BACKEND_READ))
		return;
	/* A flush may be pending where reads never are. */
	if (!r->ns->is_immediate || needs_flush(r))
		need_buffer(r, submit_read);
	else if (read_in_place(r))
		return;
	else if (capsule_reserve(&r->capsule, r->op.length))
		submit_read(r);
	else
		need_buffer(r, submit_read);
}

/* ---- Write ----------------------------------------------------------------------------------- */

static void submit_write(struct request *r)
{
	r->op.data = r->capsule.data;
	submit(r);
}

/* The data is fetched by R2T; io_received goes on. */
static void fetch(struct request *r)
{
	capsule_receive(&r->capsule);
	connection_kick(&r->queue->connection);
}

static void write_in_capsule(struct request *r, const uint8_t *data)
{
	if (r->ns->is_immediate)
		r->capsule.data = (uint8_t *)(uintptr_t)data;
	else if (!request_keep_in_capsule(r, data, r->op.length)) {
		request_end(r, NVME_COMMAND_INTERRUPTED);
		return;
	}
	submit_write(r);
}

static void io_write(struct request *r)
{
	const uint8_t *data;

	if (!start(r, BACKEND_WRITE))
		return;
	if (is_fua(r))
		r->op.flags = BACKEND_FUA;
	data = request_in_capsule(r);
	if (data)
		write_in_capsule(r, data);
	else
		need_buffer(r, fetch);
}

void io_received(struct request *r)
{
	submit_write(r);
}

void io_resume(struct request *r)
{
	if (r->op.opcode == BACKEND_READ)
		submit_read(r);
	else
		fetch(r);
}

/* ---- Flush ----------------------------------------------------------------------------------- */

static void all_flushed(struct flush_all *f)
{
	/* Not by finish: there is no operation to count. */
	if (f->result)
		log_say(f->station->target->log, LOG_ERROR,
			"the flush of all namespaces failed: %s", strerror(-f->result));
	request_end(container_of(f, struct request, flush),
		    status_of_errno(f->result, BACKEND_FLUSH));
}

static void io_flush(struct request *r)
{
	r->op.opcode = BACKEND_FLUSH;
	if (le32_get(r->capsule.sqe.nsid) == NVME_NSID_ALL) {
		flush_all_start(&r->flush, r->queue->station, &r->queue->view, all_flushed);
		return;
	}
	r->ns = namespace_of(r);
	if (r->ns)
		submit(r);
	else
		request_end(r, NVME_INVALID_NAMESPACE | NVME_DNR);
}

/* ---- the table --------------------------------------------------------------------------------- */

/* By opcode: it is looked up for each I/O. */
static const struct command commands[] = {
	[NVME_IO_FLUSH] = { NVME_IO_FLUSH, false, "Flush", io_flush },
	[NVME_IO_WRITE] = { NVME_IO_WRITE, false, "Write", io_write },
	[NVME_IO_READ] = { NVME_IO_READ, false, "Read", io_read },
};

const struct command *io_command(uint8_t opcode)
{
	const size_t rows = sizeof(commands) / sizeof(commands[0]);

	return opcode < rows && commands[opcode].execute ? &commands[opcode] : NULL;
}
