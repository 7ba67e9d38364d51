/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compare and Write, fused: a Compare and, next to it in its queue, a Write of the same
 * blocks, which is done only if the Compare found them equal.
 *
 * The two are paired as their capsules arrive, before any data is asked for: whatever
 * the data takes, no command comes between them.  Then both halves' data is collected, in
 * one buffer, so that nobody holds one half's while he waits for the other's; and then
 * the storage does all of it at once (BACKEND_IF), as it alone knows who else is at
 * these blocks, on all workers.  So nothing is locked here, and no other command pays.
 *
 *	takes        first half: kept until the next capsule comes
 *	pair_up      second half: both are checked; from here on each has the other as `pair`
 *	collect      buffer, R2Ts; whoever comes last submits
 *	done         two responses, the first half's first
 *
 * A half that ends alone (its digest was wrong, its connection is gone) takes the other
 * one with it: fused_lost.
 */
#include "controller/io.h"
#include "ns/status.h"

#include <errno.h>

/* What is expected and the storage's own room, then what is to be written. */
#define NEW_AT (2 * BACKEND_IF_MOST)
#define ROOM (3 * BACKEND_IF_MOST)
#define FUSE_FIELD NVME_ERROR_LOCATION(1, 0)
/* Hosts ring one bell for both halves. */
#define SECOND_HALF_S 5

static bool is_in_capsule(const struct request *r)
{
	return r->capsule.sqe.sgl.type == NVME_SGL_IN_CAPSULE;
}

static bool is_first(const struct request *r)
{
	return NVME_SQE_FUSE(r->capsule.sqe.flags) == NVME_FUSE_FIRST;
}

static void end_both(struct request *first, uint16_t one, struct request *second, uint16_t other)
{
	first->pair = second->pair = NULL;
	request_end(first, one);
	request_end(second, other);
}

/* ---- at the storage ------------------------------------------------------------------------ */

/* Of a pair whose one half was aborted. */
static uint16_t status_of_recalled(const struct request *half)
{
	return half->is_aborted ? NVME_ABORT_REQUESTED : NVME_FAILED_FUSED;
}

/* What fails before the write is the Compare's; what the write does then is no matter of
 * the Compare's (NVM Command Set, Compare and Write). */
static void done(struct backend_op *op, int result)
{
	struct request *second = container_of(op, struct request, op), *first = second->pair;
	bool was_equal = op->flags & BACKEND_WAS_EQUAL;

	if (result == -EDOM) {
		end_both(first, NVME_COMPARE_FAILURE | NVME_DNR, second, NVME_FAILED_FUSED);
		return;
	}
	if (result == -ECANCELED) {
		end_both(first, status_of_recalled(first), second, status_of_recalled(second));
		return;
	}
	first->pair = second->pair = NULL;
	io_finish(first, was_equal ? 0 : result);
	if (was_equal)
		io_finish(second, result);
	else
		request_end(second, NVME_FAILED_FUSED);
}

/* Whether the Compare may read that block; else both have ended. */
static bool may_be_read(struct request *first, struct request *second)
{
	uint64_t lba;
	uint16_t status = io_look_for_marks(first, first->ns, &first->op, &lba);

	if (!status)
		return true;
	first->pair = second->pair = NULL;
	request_fail_at(first, status, first->ns->nsid, lba);
	request_end(second, NVME_FAILED_FUSED);
	return false;
}

/* Whether the Write may still be done; else both have ended. */
static bool may_go_on(struct request *first, struct request *second)
{
	uint64_t lba;
	uint16_t status = io_look_again(second, second->ns, &second->op, &lba);

	if (!status)
		return true;
	first->pair = second->pair = NULL;
	second->location = NVME_ERROR_NO_LOCATION;
	request_end(first, NVME_FAILED_FUSED);
	request_fail_at(second, status, second->ns->nsid, lba);
	return false;
}

static void submit(struct request *second)
{
	int result;

	if (!may_go_on(second->pair, second))
		return;
	if (namespace_has_marks(second->ns) && !may_be_read(second->pair, second))
		return;
	late_settle(second->queue->station);	/* what came before may be what is expected */
	second->op.done = done;
	result = backend_submit(second->ns->backend, &second->queue->station->lane, &second->op);
	if (result != BACKEND_PENDING)
		done(&second->op, result);
}

/* ---- data ------------------------------------------------------------------------------------ */

/* Of pages that are kept back for it, where data would be lost that can't wait. */
static bool take_room(struct request *r, bool can_wait)
{
	uint8_t *room;

	if (request_take_buffer(r, ROOM))
		return true;
	room = can_wait ? NULL : worker_take(r->queue->station->worker, ROOM);
	if (!room)
		return false;
	r->buffer = room;
	r->buffer_size = ROOM;
	r->is_copy = true;
	return true;
}

static void fetch(struct request *r, uint8_t *to)
{
	struct connection *conn = &r->queue->connection;

	r->capsule.data = to;
	r->capsule.length = r->op.length;
	capsule_receive(&r->capsule);
	connection_kick(conn);
}

/* The buffer is there, and in it what came in capsules.  On a connection that has just
 * been closed a half ends as its data is asked for. */
static void collect(struct request *first)
{
	struct request *second = first->pair;
	uint8_t *room = first->buffer;
	bool first_waits = !is_in_capsule(first), second_waits = !is_in_capsule(second);

	first->capsule.length = 0;
	second->op.expected = room;
	second->op.data = room + NEW_AT;
	first->is_fetching = first_waits;
	second->is_fetching = second_waits;
	if (!first_waits && !second_waits)
		submit(second);
	if (first_waits)
		fetch(first, room);
	if (second_waits)
		fetch(second, room + NEW_AT);
}

void fused_received(struct request *r)
{
	r->is_fetching = false;
	if (!r->pair)
		request_end(r, NVME_FAILED_FUSED);
	else if (!r->pair->is_fetching)
		submit(is_first(r) ? r->pair : r);
}

void fused_lost(struct request *r)
{
	struct request *other = r->pair;

	r->pair = other->pair = NULL;
	if (r->buffer) {	/* its data may be on the way there */
		other->buffer = r->buffer;
		other->buffer_size = r->buffer_size;
		other->is_copy = r->is_copy;
		r->buffer = NULL;
	}
	if (request_is_parked(other))
		request_unpark(other);
	if (!other->is_fetching)
		request_end(other, NVME_FAILED_FUSED);
}

/* Its own data is there: the other's may not be.  Ending alone, it takes that one along. */
bool fused_stop(struct request *r)
{
	struct request *other = r->pair, *second = is_first(r) ? other : r;

	if (!other)
		return false;
	if (other->is_fetching || request_is_parked(other)) {
		request_end(r, NVME_ABORT_REQUESTED);
		return true;
	}
	r->is_aborted = true;
	return !backend_cancel(second->ns->backend, &second->queue->station->lane, &second->op);
}

static void begin(struct request *first, struct request *second)
{
	const uint8_t *data = request_in_capsule(second);

	if (first->buffer || (!is_in_capsule(first) && take_room(first, !data))) {
		if (data)
			memcpy(first->buffer + NEW_AT, data, second->op.length);
		collect(first);
	} else if (data || is_in_capsule(first)) {
		end_both(first, NVME_COMMAND_INTERRUPTED, second, NVME_FAILED_FUSED);
	} else {
		first->capsule.length = ROOM;
		request_park(first);
	}
}

void fused_resume(struct request *first)
{
	collect(first);
}

/* ---- the pair -------------------------------------------------------------------------------- */

/* One logical block is what Identify announces as ACWU. */
static uint16_t check_half(struct request *r, enum backend_opcode opcode)
{
	const uint32_t mdts = r->queue->target->limits.mdts;
	struct extent e;
	uint16_t status;

	status = io_bind(r);
	if (status)
		return status;
	if (!r->ns->backend->info.can_write_if) {
		r->location = FUSE_FIELD;
		return NVME_INVALID_FIELD | NVME_DNR;
	}
	status = io_extent(r, mdts, &e);
	if (!status && e.length > 1u << r->ns->lba_shift)
		status = NVME_ATOMIC_WRITE_UNIT_EXCEEDED | NVME_DNR;
	if (!status)
		status = request_check_from_host(r, e.length);
	if (status)
		return status;
	r->began = r->queue->station->worker->now;
	r->op.opcode = opcode;
	r->op.offset = e.offset;
	r->op.length = e.length;
	return NVME_SUCCESS;
}

static uint16_t check_second(struct request *r)
{
	uint16_t status = check_half(r, BACKEND_WRITE);

	return status ? status : io_check_writable(r);
}

static bool is_compare_and_write(const struct nvme_sqe *a, const struct nvme_sqe *b)
{
	return a->opcode == NVME_IO_COMPARE && b->opcode == NVME_IO_WRITE &&
	       le32_get(a->nsid) == le32_get(b->nsid) &&
	       le32_get(a->cdw10) == le32_get(b->cdw10) &&
	       le32_get(a->cdw11) == le32_get(b->cdw11) &&
	       NVME_RW_NLB(le32_get(a->cdw12)) == NVME_RW_NLB(le32_get(b->cdw12));
}

static bool is_fua(const struct request *r)
{
	return le32_get(r->capsule.sqe.cdw12) & NVME_RW_FUA;
}

static void pair_up(struct request *first, struct request *second)
{
	const uint16_t invalid = NVME_INVALID_FIELD | NVME_DNR;
	uint16_t status;

	second->is_fused = true;
	if (!is_compare_and_write(&first->capsule.sqe, &second->capsule.sqe)) {
		end_both(first, invalid, second, invalid);
		return;
	}
	status = check_half(first, BACKEND_READ);
	if (status) {
		end_both(first, status, second, NVME_FAILED_FUSED);
		return;
	}
	status = check_second(second);
	if (status) {
		end_both(first, NVME_FAILED_FUSED, second, status);
		return;
	}
	second->op.flags = BACKEND_IF | (is_fua(first) || is_fua(second) ? BACKEND_FUA : 0);
	first->pair = second;
	second->pair = first;
	begin(first, second);
}

/* ---- the first half waits for the second ------------------------------------------------------- */

/* Its data, where it came in the capsule, is gone with it; more than a pair may have is
 * refused later. */
static void keep(struct request *r)
{
	struct queue *q = r->queue;
	struct worker *w = q->station->worker;
	const uint8_t *data = request_in_capsule(r);
	uint32_t length = r->capsule.in_capsule_length;

	r->is_fused = true;
	if (data && length <= BACKEND_IF_MOST && take_room(r, false))
		memcpy(r->buffer, data, length);
	q->half = r;
	timer_arm(&w->timers, &q->wait, w->now + SECOND_HALF_S * NS_PER_S);
}

static struct request *take_half(struct queue *q)
{
	struct request *r = q->half;

	if (r)
		timer_cancel(&q->station->worker->timers, &q->wait);
	q->half = NULL;
	return r;
}

void fused_break(struct queue *q, uint16_t status)
{
	struct request *r = take_half(q);

	if (r)
		request_end(r, status);
}

static void second_half(struct request *r)
{
	struct request *first = take_half(r->queue);

	if (first)
		pair_up(first, r);
	else
		request_end(r, NVME_MISSING_FUSED);
}

bool fused_takes(struct request *r)
{
	struct queue *q = r->queue;
	unsigned int fuse = NVME_SQE_FUSE(r->capsule.sqe.flags);

	if (fuse != NVME_FUSE_SECOND)
		fused_break(q, NVME_MISSING_FUSED);
	if (!fuse)
		return false;
	if (!q->qid || fuse == NVME_FUSE_RESERVED)
		request_refuse(r, NVME_INVALID_FIELD, FUSE_FIELD);
	else if (fuse == NVME_FUSE_FIRST)
		keep(r);
	else
		second_half(r);
	return true;
}
