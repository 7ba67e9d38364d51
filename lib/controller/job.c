/* SPDX-License-Identifier: BSD-2-Clause */
#include "controller/io.h"

/* What all jobs of a worker do in one turn, bytes: some hundred microseconds. */
#define TURN_MOST (1u << 20)

static struct jobs *jobs_of(const struct request *r)
{
	return &r->queue->station->jobs;
}

/* ---- turns ----------------------------------------------------------------------------- */

static bool has_had_its_turn(struct jobs *j)
{
	if (j->counted_at != j->worker->now) {
		j->counted_at = j->worker->now;
		j->done = 0;
	}
	return j->done >= TURN_MOST;
}

static void stand_in_line(struct request *r, int result)
{
	struct jobs *j = jobs_of(r);

	r->job.result = result;
	list_append(&j->line, &r->job.link);
	/* Not within this turn, whose time that is. */
	if (!timer_is_armed(&j->turn))
		timer_arm(&j->worker->timers, &j->turn, j->worker->now + 1);
}

/* ---- pieces ---------------------------------------------------------------------------- */

/* Deallocated blocks read as zeros: they have been written, too. */
static bool is_writing(const struct backend_op *op)
{
	return op->opcode == BACKEND_WRITE || op->opcode == BACKEND_ZERO;
}

/* The status, and the block that it is about where that is known. */
static uint16_t why_not(const struct request *r, uint64_t *lba)
{
	if (r->queue->connection.has_ended)
		return NVME_ABORTED_SQ_DELETION;
	if (r->is_aborted)
		return NVME_ABORT_REQUESTED;
	return io_look_again(r, r->job.ns, &r->job.op, lba);
}

/* Nothing was wrong with the command when it came. */
static void stop(struct request *r, uint16_t status, uint64_t lba)
{
	uint32_t nsid = r->job.ns->nsid;

	r->location = NVME_ERROR_NO_LOCATION;
	if (r->job.drop)
		r->job.drop(r);
	request_fail_at(r, status, nsid, lba);
}

/* Whether there is a next piece; else the request has ended. */
static bool goes_on(struct request *r, int result)
{
	uint64_t lba = 0;
	uint16_t status;

	if (!result && is_writing(&r->job.op) && namespace_has_marks(r->job.ns))
		io_clear_marks(r, r->job.ns, &r->job.op);
	if (!r->job.next(r, result))
		return false;
	status = why_not(r, &lba);
	if (status)
		stop(r, status, lba);
	return !status;
}

static void piece_done(struct backend_op *, int result);

static void run(struct request *r, int result)
{
	struct jobs *j = jobs_of(r);

	while (goes_on(r, result)) {
		r->job.op.done = piece_done;
		result = backend_submit(r->job.ns->backend, &r->queue->station->lane, &r->job.op);
		if (result == BACKEND_PENDING)
			return;
		j->done += r->job.op.length;
		if (has_had_its_turn(j)) {
			stand_in_line(r, result);
			return;
		}
	}
}

/* Data that was moved took the worker's time, even where the storage was asked to do it
 * by itself: it lay in the page cache. */
static void piece_done(struct backend_op *op, int result)
{
	struct request *r = container_of(op, struct request, job.op);
	struct jobs *j = jobs_of(r);
	bool is_over = has_had_its_turn(j);

	if (op->opcode != BACKEND_ZERO)
		j->done += op->length;
	if (is_over)
		stand_in_line(r, result);
	else
		run(r, result);
}

static void serve(struct timer *t)
{
	struct jobs *j = container_of(t, struct jobs, turn);

	do {
		struct list *l = list_pop(&j->line);
		struct request *r = list_entry(l, struct request, job.link);

		run(r, r->job.result);
	} while (!list_is_empty(&j->line) && !has_had_its_turn(j));
	if (!list_is_empty(&j->line) && !timer_is_armed(&j->turn))
		timer_arm(&j->worker->timers, &j->turn, j->worker->now + 1);
}

/* ---- the outside ----------------------------------------------------------------------- */

void jobs_init(struct jobs *j, struct worker *w)
{
	list_init(&j->line);
	timer_init(&j->turn, serve);
	j->worker = w;
}

void job_stop(struct request *r)
{
	bool is_at_the_storage = list_is_empty(&r->job.link);

	r->is_aborted = true;
	if (is_at_the_storage)
		backend_cancel(r->job.ns->backend, &r->queue->station->lane, &r->job.op);
}

void job_start(struct request *r)
{
	struct jobs *j = jobs_of(r);

	r->is_job = true;
	list_init(&r->job.link);
	if (list_is_empty(&j->line) && !has_had_its_turn(j))
		run(r, 0);
	else
		stand_in_line(r, 0);
}
