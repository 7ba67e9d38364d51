/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copy: ranges of blocks, also of other namespaces that its host sees, one behind the
 * other to one place.
 *
 * All that can be wrong with the ranges is found before anything is written.  Then it goes
 * piece by piece through what its buffer has left beside them: a read, a write.
 */
#include "controller/io.h"

/* The ranges, and behind them room for a piece: as much as there may be, as little as goes. */
#define RANGES_ROOM (NVME_COPY_RANGES * sizeof(struct nvme_copy_range))
#define ROOM_MOST (32u << 10)
#define ROOM_LEAST (RANGES_ROOM + 4096u)

_Static_assert(RANGES_ROOM % 4096 == 0, "a piece is aligned as the buffer is");

static uint32_t range_count(const struct request *r)
{
	return NVME_COPY_NR(le32_get(r->capsule.sqe.cdw12)) + 1;
}

static uint32_t format_of(const struct request *r)
{
	return NVME_COPY_FORMAT(le32_get(r->capsule.sqe.cdw12));
}

static const struct nvme_copy_range *range_at(const struct request *r, uint32_t index)
{
	return (const struct nvme_copy_range *)r->buffer + index;
}

static uint64_t blocks_in(const struct nvme_copy_range *range)
{
	return le16_get(range->nlb) + UINT64_C(1);
}

static uint64_t first_target(const struct request *r)
{
	return le32_get(r->capsule.sqe.cdw10) | (uint64_t)le32_get(r->capsule.sqe.cdw11) << 32;
}

/* ---- what it may be ------------------------------------------------------------------------ */

uint32_t io_copy_blocks_most(const struct namespace *ns)
{
	return NVME_COPY_BYTES_MOST >> ns->lba_shift;
}

uint16_t io_copy_range_most(const struct namespace *ns)
{
	uint32_t blocks = io_copy_blocks_most(ns);

	return (uint16_t)(blocks < UINT16_MAX ? blocks : UINT16_MAX);
}

static uint32_t source_nsid(const struct request *r, const struct nvme_copy_range *range)
{
	return le32_get(format_of(r) == NVME_COPY_FORMAT_0 ? r->capsule.sqe.nsid : range->snsid);
}

/* Where a range is read from; NULL: its host sees no such namespace. */
static struct namespace *source_of(const struct request *r, const struct nvme_copy_range *range)
{
	return view_namespace(r->queue->view, source_nsid(r, range));
}

static bool overlaps(uint64_t a, uint64_t a_count, uint64_t b, uint64_t b_count)
{
	return a < b + b_count && b < a + a_count;
}

static uint16_t check_source(const struct request *r, const struct nvme_copy_range *range)
{
	const struct namespace *ns = source_of(r, range);

	if (!ns)
		return NVME_INVALID_NAMESPACE | NVME_DNR;
	if (ns->lba_shift != r->ns->lba_shift)
		return NVME_INCOMPATIBLE_NAMESPACE | NVME_DNR;
	if (!extent_is_inside(ns, le64_get(range->slba), blocks_in(range)))
		return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
	return NVME_SUCCESS;
}

/* ... and that it is not where so many blocks will be written. */
static uint16_t check_range(const struct request *r, const struct nvme_copy_range *range,
			    uint64_t total)
{
	uint16_t status = check_source(r, range);

	if (status)
		return status;
	return source_of(r, range)->backend == r->ns->backend &&
	       overlaps(le64_get(range->slba), blocks_in(range), first_target(r), total) ?
	       NVME_OVERLAPPING_IO_RANGE | NVME_DNR : NVME_SUCCESS;
}

static uint16_t check_sizes(const struct request *r, uint64_t *total)
{
	*total = 0;
	for (uint32_t i = 0; i < range_count(r); i++) {
		if (blocks_in(range_at(r, i)) > io_copy_range_most(r->ns))
			return NVME_COMMAND_SIZE_LIMIT | NVME_DNR;
		*total += blocks_in(range_at(r, i));
	}
	return *total <= io_copy_blocks_most(r->ns) ? NVME_SUCCESS :
						      NVME_COMMAND_SIZE_LIMIT | NVME_DNR;
}

/* What is wrong stands in the data, of which a location can't tell. */
static void refuse(struct request *r, uint16_t status, const struct nvme_copy_range *range)
{
	const struct namespace *ns = source_of(r, range);
	uint64_t lba = ns ? le64_get(range->slba) : 0;

	if (status == (NVME_LBA_OUT_OF_RANGE | NVME_DNR) && lba < ns->blocks)
		lba = ns->blocks;
	r->location = NVME_ERROR_NO_LOCATION;
	request_fail_at(r, status, source_nsid(r, range), lba);
}

/* False: it has ended. */
static bool check_ranges(struct request *r)
{
	uint64_t total;
	uint16_t status = check_sizes(r, &total);

	if (!status && !extent_is_inside(r->ns, first_target(r), total))
		status = NVME_LBA_OUT_OF_RANGE | NVME_DNR;
	if (status) {
		request_end(r, status);
		return false;
	}
	for (uint32_t i = 0; i < range_count(r); i++) {
		status = check_range(r, range_at(r, i), total);
		if (!status)
			continue;
		refuse(r, status, range_at(r, i));
		return false;
	}
	return true;
}

/* ---- a range ------------------------------------------------------------------------------- */

static void leave_source(struct request *r)
{
	if (r->job.source)
		lane_leave(r->job.source);
	r->job.source = NULL;
}

/* That namespace stays until the range has been copied. */
static void enter_source(struct request *r, const struct nvme_copy_range *range)
{
	struct namespace *ns = source_of(r, range);

	r->job.from = ns;
	r->job.source = &ns->lanes[r->queue->station->worker->index];
	lane_enter(r->job.source);
}

/* What was found well of it before may have become wrong meanwhile.  Hosts are told which
 * one it is at: they then know what is left to do. */
static bool begin_range(struct request *r)
{
	const struct nvme_copy_range *range = range_at(r, r->job.index);
	struct job *j = &r->job;
	uint16_t status = check_source(r, range);

	if (status) {
		r->capsule.dw0 = j->index;
		refuse(r, status, range);
		return false;
	}
	enter_source(r, range);
	j->at = le64_get(range->slba) << r->ns->lba_shift;
	j->end = j->at + (blocks_in(range) << r->ns->lba_shift);
	return true;
}

/* ---- pieces -------------------------------------------------------------------------------- */

static void prepare_read(struct request *r)
{
	struct job *j = &r->job;
	uint64_t most = r->buffer_size - RANGES_ROOM, left = j->end - j->at;

	j->ns = j->from;
	j->op.opcode = BACKEND_READ;
	j->op.flags = 0;
	j->op.offset = j->at;
	j->op.length = (uint32_t)(left < most ? left : most);
}

static void prepare_write(struct request *r)
{
	struct job *j = &r->job;

	j->ns = r->ns;
	j->op.opcode = BACKEND_WRITE;
	j->op.flags = le32_get(r->capsule.sqe.cdw12) & NVME_RW_FUA ? BACKEND_FUA : 0;
	j->op.offset = j->to;
}

/* The piece has been written; whether there is another one. */
static bool go_on(struct request *r)
{
	struct job *j = &r->job;

	j->at += j->op.length;
	j->to += j->op.length;
	if (j->at < j->end)
		return true;
	leave_source(r);
	if (++j->index < range_count(r))
		return begin_range(r);
	io_count_copy(r, j->to - (first_target(r) << r->ns->lba_shift));
	request_end(r, NVME_SUCCESS);
	return false;
}

/* It is told of the namespace that failed: that goes no earlier. */
static void fail(struct request *r, int result)
{
	struct ns_lane *source = r->job.source;

	r->job.source = NULL;
	r->capsule.dw0 = r->job.index;
	io_end_of(r, r->job.ns, result);
	lane_leave(source);
}

static bool next_piece(struct request *r, int result)
{
	struct job *j = &r->job;

	if (result) {
		fail(r, result);
		return false;
	}
	if (j->op.length && j->op.opcode == BACKEND_READ) {
		prepare_write(r);
		return true;
	}
	/* At first there is no piece. */
	if (j->op.length ? !go_on(r) : !begin_range(r))
		return false;
	prepare_read(r);
	return true;
}

static void drop(struct request *r)
{
	leave_source(r);
	r->capsule.dw0 = r->job.index;
}

void io_copy_received(struct request *r)
{
	if (!check_ranges(r))
		return;
	r->job.op.data = r->buffer + RANGES_ROOM;
	r->job.to = first_target(r) << r->ns->lba_shift;
	r->job.next = next_piece;
	r->job.drop = drop;
	job_start(r);
}

/* ---- the ranges come ------------------------------------------------------------------------- */

/* What came in the capsule can't wait for a buffer: a small one of those that are kept back
 * does as well. */
static void keep_ranges(struct request *r, const uint8_t *data)
{
	uint8_t *room;

	if (!request_take_buffer(r, ROOM_MOST)) {
		room = worker_take(r->queue->station->worker, ROOM_LEAST);
		if (!room) {
			request_end(r, NVME_COMMAND_INTERRUPTED);
			return;
		}
		r->buffer = room;
		r->buffer_size = ROOM_LEAST;
		r->is_copy = true;
	}
	r->capsule.length = 0;		/* the buffer is not the host's, who gets no data */
	memcpy(r->buffer, data, range_count(r) * sizeof(struct nvme_copy_range));
	io_copy_received(r);
}

void io_copy_resume(struct request *r)
{
	r->capsule.length = range_count(r) * (uint32_t)sizeof(struct nvme_copy_range);
	io_fetch_resume(r);
}

/* Formats but the first are those that the host has said it knows. */
static bool is_format_known(const struct request *r)
{
	uint32_t format = format_of(r);

	return format == NVME_COPY_FORMAT_0 ||
	       (format == NVME_COPY_FORMAT_2 &&
		atomic_load_explicit(&r->queue->controller->copy_formats, memory_order_relaxed) &
		1u << format);
}

static uint16_t check(struct request *r)
{
	uint16_t status = io_bind(r);

	if (!status && !is_format_known(r)) {
		r->location = NVME_ERROR_LOCATION(49, 0);
		status = NVME_INVALID_FIELD | NVME_DNR;
	}
	if (!status && range_count(r) > NVME_COPY_RANGES) {
		r->location = NVME_ERROR_LOCATION(48, 0);
		status = NVME_COMMAND_SIZE_LIMIT | NVME_DNR;
	}
	if (!status)
		status = request_check_from_host(r, range_count(r) *
						 (uint32_t)sizeof(struct nvme_copy_range));
	return status ? status : io_check_writable(r);
}

void io_copy(struct request *r)
{
	uint16_t status = check(r);
	const uint8_t *data = request_in_capsule(r);

	if (status) {
		request_end(r, status);
	} else if (data) {
		keep_ranges(r, data);
	} else if (request_take_buffer(r, ROOM_MOST)) {
		io_copy_resume(r);
	} else {
		r->capsule.length = ROOM_MOST;
		request_park(r);
	}
}
