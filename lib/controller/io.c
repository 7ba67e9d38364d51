/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Read, Write and Flush.
 *
 * Immediate storage (memory) lends what is read, or copies it into the send buffer,
 * and writes out of the receive buffer.  All other storage works on a buffer of
 * the pool; a command that finds none waits, and holds nothing while it does.
 */
#include "controller/io.h"
#include "ns/status.h"

#include <errno.h>

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

uint16_t io_bind(struct request *r)
{
	r->job = (struct job){ 0 };
	r->ns = namespace_of(r);
	return r->ns ? NVME_SUCCESS : NVME_INVALID_NAMESPACE | NVME_DNR;
}

uint16_t io_check_writable(const struct request *r)
{
	return namespace_is_protected(r->ns) ? NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR :
					       NVME_SUCCESS;
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
	struct health_total *done = &r->queue->done;
	uint64_t ns = now - r->began;
	unsigned int bucket = latency_bucket(ns);

	lane_time(r->lane, bucket, commands);
	r->queue->latency.counts[bucket] += commands;
	if (r->op.opcode == BACKEND_READ) {
		lane_add(&r->lane->read_ns, ns * commands);
		done->read_ns += ns * commands;
	} else {
		lane_add(&r->lane->write_ns, ns * commands);
		done->write_ns += ns * commands;
	}
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
		if (namespace_has_marks(r->ns))
			io_clear_marks(r, r->ns, &r->op);
	} else {
		return;
	}
	measure(r);
}

void io_count_verified(struct request *r, uint64_t bytes)
{
	lane_add(&r->lane->sectors_read, bytes / 512);
	r->queue->done.sectors_read += bytes / 512;
	measure(r);
}

void io_count_read(struct request *r, uint64_t bytes)
{
	lane_add(&r->lane->reads, 1);
	r->queue->done.reads++;
	io_count_verified(r, bytes);
}

void io_count_copy(struct request *r, uint64_t bytes)
{
	struct health_total *done = &r->queue->done;

	lane_add(&r->lane->copies, 1);
	lane_add(&r->lane->sectors_copied, bytes / 512);
	done->copies++;
	done->sectors_copied += bytes / 512;
}

void io_count_media_error(const struct request *r, const struct namespace *ns)
{
	lane_add(&ns->lanes[r->queue->station->worker->index].media_errors, 1);
}

/* The host has a status; who looks after the storage has the log. */
static void complain(const struct request *r, const struct namespace *ns, int error)
{
	if (error == -ECANCELED)	/* its host wanted that */
		return;
	log_say(r->queue->target->log, LOG_ERROR,
		"namespace %u: %s of %u bytes at %ju failed: %s", ns->nsid,
		io_command(r->capsule.sqe.opcode)->name, r->op.length,
		(uintmax_t)r->op.offset, strerror(-error));
}

/* Not where it is full, or may do the same another time. */
static bool is_broken(uint16_t status)
{
	return NVME_STATUS_TYPE(status) == NVME_TYPE_MEDIA || status == NVME_NAMESPACE_NOT_READY;
}

/* Which of its blocks failed storage does not say: the first of the operation. */
static void fail(struct request *r, const struct namespace *ns, int error)
{
	uint16_t status = status_of_errno(error, r->op.opcode);

	complain(r, ns, error);
	if (NVME_STATUS_TYPE(status) == NVME_TYPE_MEDIA)
		io_count_media_error(r, ns);
	r->has_failed = is_broken(status);
	request_fail_at(r, status, ns->nsid, r->op.offset >> ns->lba_shift);
}

void io_finish(struct request *r, int result)
{
	if (result) {
		fail(r, r->ns, result);
		return;
	}
	count(r);
	request_end(r, NVME_SUCCESS);
}

void io_end_of(struct request *r, const struct namespace *ns, int result)
{
	if (result)
		fail(r, ns, result);
	else
		request_end(r, NVME_SUCCESS);
}

void io_end(struct request *r, int result)
{
	io_end_of(r, r->ns, result);
}

static void op_done(struct backend_op *op, int result)
{
	io_finish(container_of(op, struct request, op), result);
}

static void submit(struct request *r)
{
	int result;

	r->op.done = op_done;
	result = backend_submit(r->ns->backend, &r->queue->station->lane, &r->op);
	if (result != BACKEND_PENDING)
		io_finish(r, result);
}

/* ---- Read ------------------------------------------------------------------------------------ */

/* What a FUA read returns must be durable: first the flush, then the read. */
static void read_flushed(struct backend_op *op, int result)
{
	struct request *r = container_of(op, struct request, op);

	op->opcode = BACKEND_READ;
	op->length = r->capsule.length;
	if (result)
		io_finish(r, result);
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

/* False: it has ended. */
static bool may_be_read(struct request *r)
{
	uint64_t lba;
	uint16_t status = io_look_for_marks(r, r->ns, &r->op, &lba);

	if (status)
		request_fail_at(r, status, r->ns->nsid, lba);
	return !status;
}

static void read_resumed(struct request *r)
{
	if (io_may_go_on(r))
		submit_read(r);
}

static bool start(struct request *r, enum backend_opcode opcode)
{
	struct extent e;
	uint16_t status;

	r->ns = namespace_of(r);
	status = r->ns ? io_extent(r, r->queue->target->limits.mdts, &e) :
			 NVME_INVALID_NAMESPACE | NVME_DNR;
	if (!status)
		status = opcode == BACKEND_READ ? request_check_to_host(r, e.length) :
						  request_check_from_host(r, e.length);
	if (!status && opcode == BACKEND_WRITE)
		status = io_check_writable(r);
	if (status) {
		request_end(r, status);
		return false;
	}
	r->began = r->queue->station->worker->now;
	r->op.opcode = opcode;
	r->op.offset = e.offset;
	r->op.length = e.length;
	return opcode != BACKEND_READ || !namespace_has_marks(r->ns) || may_be_read(r);
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
	io_finish(r, 0);
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

static void write_received(struct request *r)
{
	if (io_may_go_on(r))
		submit_write(r);
}

/* The data is fetched by R2T; io_received goes on. */
static void fetch(struct request *r)
{
	capsule_receive(&r->capsule);
	connection_kick(&r->queue->connection);
}

static void write_in_capsule(struct request *r, const uint8_t *data)
{
	if (r->ns->is_immediate) {
		r->op.data = r->capsule.data = (uint8_t *)(uintptr_t)data;
		if (r->capsule.in_capsule_stays &&
		    late_write(r->queue->station, r->ns->backend, &r->op)) {
			io_finish(r, 0);
			return;
		}
	} else if (!request_keep_in_capsule(r, data, r->op.length)) {
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

/* ---- data from the host, for others ------------------------------------------------------------ */

void io_fetch_resume(struct request *r)
{
	fetch(r);
}

void io_fetch(struct request *r, uint32_t length)
{
	const uint8_t *data = request_in_capsule(r);

	if (data && request_keep_in_capsule(r, data, length)) {
		io_received(r);
	} else if (data) {
		request_end(r, NVME_COMMAND_INTERRUPTED);
	} else if (request_take_buffer(r, length)) {
		fetch(r);
	} else {
		r->capsule.length = length;
		request_park(r);
	}
}

/* ---- Flush ----------------------------------------------------------------------------------- */

static void all_flushed(struct flush_all *f)
{
	struct request *r = container_of(f, struct request, flush);
	uint16_t status = status_of_errno(f->result, BACKEND_FLUSH);

	/* Not by io_finish: there is no operation to count. */
	if (f->result)
		log_say(f->station->target->log, LOG_ERROR,
			"the flush of all namespaces failed: %s", strerror(-f->result));
	r->has_failed = is_broken(status);
	request_end(r, status);
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

/* As in log 05h. */
#define OF_READING (NVME_EFFECTS_SUPPORTED | NVME_SCOPE_NAMESPACE)
#define OF_WRITING (OF_READING | NVME_EFFECTS_LBCC)

/* By opcode: it is looked up for each I/O. */
static const struct row {
	struct command command;
	void (*received)(struct request *);	/* its data has come */
	void (*resumed)(struct request *);	/* it was parked, and has its buffer */
} rows[] = {
	[NVME_IO_FLUSH] = { { NVME_IO_FLUSH, false, "Flush", io_flush, OF_READING }, NULL, NULL },
	[NVME_IO_WRITE] = { { NVME_IO_WRITE, false, "Write", io_write, OF_WRITING },
			    write_received, fetch },
	[NVME_IO_READ] = { { NVME_IO_READ, false, "Read", io_read, OF_READING }, NULL,
			   read_resumed },
	[NVME_IO_WRITE_UNCORRECTABLE] = { { NVME_IO_WRITE_UNCORRECTABLE, false,
					    "Write Uncorrectable", io_write_uncorrectable,
					    OF_WRITING }, NULL, NULL },
	[NVME_IO_COMPARE] = { { NVME_IO_COMPARE, false, "Compare", io_compare, OF_READING },
			      io_compare_received, io_fetch_resume },
	[NVME_IO_VERIFY] = { { NVME_IO_VERIFY, false, "Verify", io_verify, OF_READING }, NULL,
			     io_verify_resume },
	[NVME_IO_WRITE_ZEROES] = { { NVME_IO_WRITE_ZEROES, false, "Write Zeroes",
				     io_write_zeroes, OF_WRITING }, NULL, NULL },
	[NVME_IO_DATASET_MANAGEMENT] = { { NVME_IO_DATASET_MANAGEMENT, false,
					   "Dataset Management", io_manage, OF_WRITING },
					 io_manage_received, io_fetch_resume },
	[NVME_IO_COPY] = { { NVME_IO_COPY, false, "Copy", io_copy,
			     OF_WRITING }, io_copy_received, io_copy_resume },
};

const struct command *io_command(uint8_t opcode)
{
	const size_t count = sizeof(rows) / sizeof(rows[0]);

	return opcode < count && rows[opcode].command.execute ? &rows[opcode].command : NULL;
}

void io_received(struct request *r)
{
	if (r->is_fused)
		fused_received(r);
	else
		rows[r->capsule.sqe.opcode].received(r);
}

/* What is neither parked nor receiving, and not over, is at the storage. */
bool io_stop(struct request *r)
{
	if (r->is_job) {
		job_stop(r);
		return true;
	}
	/* A Flush of all namespaces is at one after the other. */
	return r->ns && !backend_cancel(r->ns->backend, &r->queue->station->lane, &r->op);
}

void io_resume(struct request *r)
{
	if (r->is_fused)
		fused_resume(r);
	else
		rows[r->capsule.sqe.opcode].resumed(r);
}
