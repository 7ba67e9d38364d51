/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compare and Verify: what is read stays here, and so a small buffer does for any length.
 *
 * Compare's comes from what is kept for those who need no host's help to go on: it has
 * the host's data already, and may not wait for others who have theirs.
 */
#include "controller/io.h"

#include <errno.h>

#define COMPARED_AT_ONCE (32u << 10)
#define VERIFIED_AT_ONCE (64u << 10)

/* ---- reading ------------------------------------------------------------------------------ */

static bool needs_flush(const struct request *r)
{
	return le32_get(r->capsule.sqe.cdw12) & NVME_RW_FUA && r->ns->has_volatile_cache;
}

/* The next `most` bytes; with FUA, of what is durable. */
static void prepare_read(struct request *r, uint32_t most)
{
	struct job *j = &r->job;
	uint64_t left = j->end - j->at;
	bool is_first = !j->index++;

	j->op.opcode = is_first && needs_flush(r) ? BACKEND_FLUSH : BACKEND_READ;
	j->op.offset = j->at;
	j->op.length = j->op.opcode == BACKEND_FLUSH ? 0 : left < most ? (uint32_t)left : most;
}

/* A command that reads `most` bytes at the most: 0 or the status. */
static uint16_t begin(struct request *r, uint32_t most)
{
	uint16_t status = io_bind(r);
	struct extent e;

	if (!status)
		status = io_extent(r, most, &e);
	if (status)
		return status;
	r->began = r->queue->station->worker->now;
	r->job.ns = r->ns;
	r->job.at = e.offset;
	r->job.end = e.offset + e.length;
	return NVME_SUCCESS;
}

/* ---- Compare ------------------------------------------------------------------------------ */

static uint32_t compared_at_once(const struct request *r)
{
	return r->buffer_size < COMPARED_AT_ONCE ? r->buffer_size : COMPARED_AT_ONCE;
}

static void drop_compared(struct request *r)
{
	worker_give(r->queue->station->worker, r->job.op.data, compared_at_once(r));
}

static uint64_t first_that_differs(const struct request *r, const uint8_t *expected)
{
	const struct backend_op *op = &r->job.op;
	uint32_t at = 0;

	while (((const uint8_t *)op->data)[at] == expected[at])
		at++;
	return (op->offset + at) >> r->ns->lba_shift;
}

static void differ(struct request *r, const uint8_t *expected)
{
	uint64_t lba = first_that_differs(r, expected);

	drop_compared(r);
	request_fail_at(r, NVME_COMPARE_FAILURE | NVME_DNR, r->ns->nsid, lba);
}

static void end_compare(struct request *r, int result)
{
	drop_compared(r);
	if (!result)
		io_count_read(r, r->buffer_size);
	io_end(r, result);
}

static bool next_comparison(struct request *r, int result)
{
	struct job *j = &r->job;
	const uint8_t *expected = r->capsule.data + (r->buffer_size - (j->end - j->at));
	bool differs = !result && j->op.length && memcmp(expected, j->op.data, j->op.length);

	j->at += j->op.length;
	if (!result && !differs && j->at < j->end) {
		prepare_read(r, compared_at_once(r));
		return true;
	}
	if (differs)
		differ(r, expected);
	else
		end_compare(r, result);
	return false;
}

void io_compare_received(struct request *r)
{
	r->job.op.data = worker_take(r->queue->station->worker, compared_at_once(r));
	if (!r->job.op.data) {
		request_end(r, NVME_COMMAND_INTERRUPTED);
		return;
	}
	r->job.next = next_comparison;
	r->job.drop = drop_compared;
	job_start(r);
}

void io_compare(struct request *r)
{
	uint16_t status = begin(r, r->queue->target->limits.mdts);
	uint32_t length = (uint32_t)(r->job.end - r->job.at);

	if (!status)
		status = request_check_from_host(r, length);
	if (status)
		request_end(r, status);
	else
		io_fetch(r, length);
}

/* ---- Verify ------------------------------------------------------------------------------- */

static bool next_verification(struct request *r, int result)
{
	struct job *j = &r->job;
	uint64_t offset = le32_get(r->capsule.sqe.cdw10) |
			  (uint64_t)le32_get(r->capsule.sqe.cdw11) << 32;

	j->at += j->op.length;
	if (!result && j->at < j->end) {
		prepare_read(r, r->buffer_size);
		return true;
	}
	if (!result)
		io_count_verified(r, j->end - (offset << r->ns->lba_shift));
	io_end(r, result);
	return false;
}

/* The buffer is not the host's, who gets no data. */
void io_verify_resume(struct request *r)
{
	r->job.op.data = r->capsule.data;
	r->capsule.length = 0;
	r->job.next = next_verification;
	job_start(r);
}

void io_verify(struct request *r)
{
	uint16_t status = begin(r, UINT32_MAX);
	uint64_t length = r->job.end - r->job.at;
	uint32_t most = r->queue->target->limits.mdts;

	if (status) {
		request_end(r, status);
		return;
	}
	most = most < VERIFIED_AT_ONCE ? most : VERIFIED_AT_ONCE;
	most = length < most ? (uint32_t)length : most;
	if (request_take_buffer(r, most)) {
		io_verify_resume(r);
	} else {
		r->capsule.length = most;
		request_park(r);
	}
}
