/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests: where they come from, their buffers, and their responses. */
#include "controller/controller.h"

#include <stdlib.h>

/* One connection may hold this part of the worker's buffers. */
#define HELD_SHARE 16
/* ... and so many bytes where somebody has little to do: what has been asked for comes all
 * at once, and the kernel takes it in while he waits. */
#define HELD_BESIDE_BRIEF (512u << 10)
#define MODEST_MOST 65536u
/* Requests that a worker keeps though nobody needs them. */
#define STOCK_MOST 256
/* How long it must have been so before more are given back. */
#define STOCK_PERIOD_S 2

/* ---- the stock ------------------------------------------------------------------------ */

static void trim(struct timer *);

static void watch_stock(struct station *s)
{
	s->spare_least = s->spare_count;
	timer_init(&s->trim, trim);
	timer_arm(&s->worker->timers, &s->trim, s->worker->now + STOCK_PERIOD_S * NS_PER_S);
}

/* What lay idle for the whole of a period goes back to the heap: under a steady
 * load, in which all of it is used now and then, that is nothing. */
static void trim(struct timer *t)
{
	struct station *s = container_of(t, struct station, trim);

	for (; s->spare_least && s->spare_count > STOCK_MOST; s->spare_least--) {
		free(list_entry(list_pop(&s->spare), struct request, capsule.link));
		s->spare_count--;
	}
	if (s->spare_count > STOCK_MOST)
		watch_stock(s);
}

static struct request *take_from_stock(struct station *s)
{
	if (!s->spare_count)
		return NULL;
	if (--s->spare_count < s->spare_least)
		s->spare_least = s->spare_count;
	return list_entry(list_pop(&s->spare), struct request, capsule.link);
}

static void put_into_stock(struct station *s, struct request *r)
{
	list_prepend(&s->spare, &r->capsule.link);
	if (++s->spare_count > STOCK_MOST && !timer_is_armed(&s->trim))
		watch_stock(s);
}

/* ---- requests ------------------------------------------------------------------------- */

struct request *request_get(struct queue *q)
{
	struct request *r = take_from_stock(q->station);

	if (!r)
		r = aligned_alloc(64, (sizeof(*r) + 63) / 64 * 64);
	if (!r)
		return NULL;
	memset(r, 0, offsetof(struct request, op.scratch));
	list_init(&r->capsule.link);
	r->queue = q;
	q->executing++;
	return r;
}

static void give_buffer(struct request *r)
{
	struct queue *q = r->queue;

	if (!r->buffer)
		return;
	if (r->is_copy) {
		worker_give(q->station->worker, r->buffer, r->buffer_size);
	} else {
		pool_give(q->station->worker->pool, r->buffer, r->buffer_size);
		q->held -= pool_block(r->buffer_size);
		if (!list_is_empty(&q->parked))
			pool_wait(q->station->worker->pool, &q->waiter);
	}
	r->buffer = NULL;
}

void request_free(struct request *r)
{
	struct queue *q = r->queue;

	list_remove(&r->capsule.link);
	give_buffer(r);
	if (r->lane)
		lane_leave(r->lane);
	put_into_stock(q->station, r);
	q->executing--;
}

static void respond(struct request *r, uint16_t status)
{
	struct queue *q = r->queue;

	r->capsule.status = status;
	capsule_respond(&r->capsule);
	if (!q->connection.has_ended)
		connection_kick(&q->connection);
}

void request_end(struct request *r, uint16_t status)
{
	respond(r, status ? error_note(r, status, NULL) : NVME_SUCCESS);
}

void request_fail_at(struct request *r, uint16_t status, uint32_t nsid, uint64_t lba)
{
	const struct error_place place = { .nsid = nsid, .lba = lba };

	respond(r, error_note(r, status, &place));
}

/* ---- checks --------------------------------------------------------------------------- */

static uint16_t refuse_psdt(struct request *r)
{
	r->location = NVME_ERROR_LOCATION(1, 6);
	return NVME_INVALID_FIELD | NVME_DNR;
}

uint16_t request_check_to_host(struct request *r, uint32_t length)
{
	const struct nvme_sqe *sqe = &r->capsule.sqe;

	if (!NVME_SQE_PSDT(sqe->flags) || NVME_SQE_PSDT(sqe->flags) == 3)
		return refuse_psdt(r);
	if (sqe->sgl.type != NVME_SGL_TRANSPORT)
		return NVME_SGL_TYPE_INVALID | NVME_DNR;
	if (le32_get(sqe->sgl.length) != length)
		return NVME_DATA_SGL_LENGTH_INVALID | NVME_DNR;
	return NVME_SUCCESS;
}

uint16_t request_check_from_host(struct request *r, uint32_t length)
{
	const struct nvme_sqe *sqe = &r->capsule.sqe;

	if (sqe->sgl.type != NVME_SGL_IN_CAPSULE)
		return request_check_to_host(r, length);
	if (!NVME_SQE_PSDT(sqe->flags) || NVME_SQE_PSDT(sqe->flags) == 3)
		return refuse_psdt(r);
	if (le32_get(sqe->sgl.length) != length)
		return NVME_DATA_SGL_LENGTH_INVALID | NVME_DNR;
	/* ICDOFF is 0 and there is one descriptor, so the data begins at 0. */
	if (le64_get(sqe->sgl.address))
		return NVME_SGL_OFFSET_INVALID | NVME_DNR;
	if (length != r->capsule.in_capsule_length)
		return NVME_DATA_SGL_LENGTH_INVALID | NVME_DNR;
	return NVME_SUCCESS;
}

const uint8_t *request_in_capsule(const struct request *r)
{
	return r->capsule.sqe.sgl.type == NVME_SGL_IN_CAPSULE ? r->capsule.in_capsule : NULL;
}

/* ---- buffers -------------------------------------------------------------------------- */

static size_t held_most(const struct worker *w)
{
	size_t share = pool_size(w->pool) / HELD_SHARE;

	return worker_has_brief(w) && share > HELD_BESIDE_BRIEF ? HELD_BESIDE_BRIEF : share;
}

/*
 * How much one connection may hold: a share of the pool, and never more than is
 * left for the others.  A host that asks for much and takes or sends nothing
 * then costs itself first.
 */
static bool may_hold(const struct queue *q, uint32_t length)
{
	const struct worker *w = q->station->worker;
	size_t block = pool_block(length);

	return !q->held || (q->held + block <= held_most(w) &&
			    q->held + block <= pool_free(w->pool));
}

static bool take_now(struct request *r, uint32_t length, enum pool_urgency urgency)
{
	struct queue *q = r->queue;
	uint8_t *buffer;

	if (!may_hold(q, length))
		return false;
	buffer = pool_take(q->station->worker->pool, length, urgency);
	if (!buffer)
		return false;
	r->buffer = r->capsule.data = buffer;
	r->buffer_size = r->capsule.length = length;
	q->held += pool_block(length);
	return true;
}

/* Someone who holds nothing and asks for little need not queue up behind the
 * great. */
static bool is_modest(const struct queue *q, uint32_t length)
{
	return !q->held && length <= MODEST_MOST;
}

bool request_take_buffer(struct request *r, uint32_t length)
{
	struct queue *q = r->queue;

	if (!list_is_empty(&q->parked))
		return false;
	if (is_modest(q, length))
		return take_now(r, length, POOL_MODEST);
	return !pool_is_contended(q->station->worker->pool) &&
	       take_now(r, length, POOL_ORDINARY);
}

bool request_keep_in_capsule(struct request *r, const uint8_t *data, uint32_t length)
{
	uint8_t *copy = worker_take(r->queue->station->worker, length);

	if (!copy)
		return false;
	memcpy(copy, data, length);
	r->buffer = r->capsule.data = copy;
	r->buffer_size = length;
	r->is_copy = true;
	return true;
}

static enum pool_answer serve(struct pool_waiter *w)
{
	struct queue *q = container_of(w, struct queue, waiter);
	struct request *r;

	if (list_is_empty(&q->parked))
		return POOL_NO_MORE;
	r = list_entry(q->parked.next, struct request, capsule.link);
	if (!may_hold(q, r->capsule.length))
		return POOL_NO_MORE;	/* when it gives one back it waits again */
	if (!take_now(r, r->capsule.length, POOL_ORDINARY))
		return POOL_LATER;
	list_remove(&r->capsule.link);
	request_resume(r);
	return POOL_SERVED;
}

void request_park(struct request *r)
{
	struct queue *q = r->queue;

	q->waiter.serve = serve;
	list_append(&q->parked, &r->capsule.link);
	/* Who waits for his own buffers to come back waits from then on: among
	 * the waiters he would hold up those behind him. */
	if (may_hold(q, r->capsule.length))
		pool_wait(q->station->worker->pool, &q->waiter);
}

void request_unpark(struct request *r)
{
	struct queue *q = r->queue;

	list_remove(&r->capsule.link);
	/* Those behind may have waited for it alone. */
	pool_wait_no_more(q->station->worker->pool, &q->waiter);
	if (!list_is_empty(&q->parked))
		pool_wait(q->station->worker->pool, &q->waiter);
}

uint8_t *request_reply(struct request *r, uint32_t length)
{
	uint16_t status = request_check_to_host(r, length);

	if (status) {
		request_end(r, status);
		return NULL;
	}
	if (r->buffer) {		/* it was parked, and has one now */
		memset(r->capsule.data, 0, length);
		return r->capsule.data;
	}
	if (!capsule_reserve(&r->capsule, length) && !request_take_buffer(r, length)) {
		r->capsule.length = length;
		request_park(r);
		return NULL;
	}
	memset(r->capsule.data, 0, length);
	return r->capsule.data;
}

const uint8_t *request_data(struct request *r, uint32_t length)
{
	uint16_t status = request_check_from_host(r, length);

	if (status) {
		request_end(r, status);
		return NULL;
	}
	if (r->is_fetched)
		return r->capsule.data;
	if (request_in_capsule(r))
		return request_in_capsule(r);
	if (r->buffer || request_take_buffer(r, length)) {
		capsule_receive(&r->capsule);
		connection_kick(&r->queue->connection);
		return NULL;
	}
	r->capsule.length = length;
	request_park(r);
	return NULL;
}
