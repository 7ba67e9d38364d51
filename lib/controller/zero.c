/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Write Zeroes, and Dataset Management, of which deallocation is done and hints are not.
 *
 * Storage that has no zeros without data is written them; but what shall merely be
 * given back is left as it is then.
 */
#include "controller/io.h"

#include <errno.h>

/* Zeros to be written, where they have to be. */
#define ZEROS 65536u

/* How much is asked of the storage at once.  Nobody can recall it; and a RAM disk, whose
 * pages go by 2 MiB at best, does it within the turn. */
#define PIECE_KEPT_AT_ONCE (256u << 10)
#define PIECE_GIVEN_AT_ONCE (2u << 20)
#define PIECE (16u << 20)

static uint32_t piece_of(const struct job *j)
{
	if (j->op.opcode == BACKEND_WRITE)
		return ZEROS;
	if (!j->ns->is_immediate)
		return PIECE;
	return j->op.flags & BACKEND_DEALLOCATE ? PIECE_GIVEN_AT_ONCE : PIECE_KEPT_AT_ONCE;
}

static void prepare_piece(struct job *j)
{
	uint32_t most = piece_of(j);
	uint64_t to_boundary = most - j->at % most, left = j->end - j->at;

	j->op.offset = j->at;
	j->op.length = (uint32_t)(left < to_boundary ? left : to_boundary);
}

/* ---- Write Zeroes ---------------------------------------------------------------------- */

/* What could not be done as it was asked for; false: there is no other way. */
static bool has_another_way(struct job *j)
{
	static const _Alignas(4096) uint8_t zeros[ZEROS];

	if (j->op.opcode != BACKEND_ZERO)
		return false;
	if (j->op.flags & BACKEND_DEALLOCATE) {
		j->op.flags = 0;
		return true;
	}
	j->op.opcode = BACKEND_WRITE;
	j->op.data = (uint8_t *)(uintptr_t)zeros;
	return true;
}

static bool must_be_durable(const struct request *r)
{
	return le32_get(r->capsule.sqe.cdw12) & NVME_RW_FUA && r->ns->has_volatile_cache;
}

static bool has_more(struct request *r)
{
	struct job *j = &r->job;

	if (j->at < j->end) {
		prepare_piece(j);
		return true;
	}
	if (j->op.opcode == BACKEND_FLUSH || !must_be_durable(r))
		return false;
	j->op.opcode = BACKEND_FLUSH;
	j->op.length = 0;
	return true;
}

static bool next_zeros(struct request *r, int result)
{
	struct job *j = &r->job;

	if (!result)
		j->at += j->op.length;
	else if (result == -EOPNOTSUPP && has_another_way(j))
		result = 0;
	if (!result && has_more(r))
		return true;
	io_end(r, result);
	return false;
}

void io_write_zeroes(struct request *r)
{
	uint32_t deallocates = le32_get(r->capsule.sqe.cdw12) & NVME_ZEROES_DEAC;
	uint16_t status = io_bind(r);
	struct extent e;

	if (!status)
		status = io_extent(r, UINT32_MAX, &e);
	if (!status)
		status = io_check_writable(r);
	if (status) {
		request_end(r, status);
		return;
	}
	r->job.op.opcode = BACKEND_ZERO;
	r->job.op.flags = deallocates ? BACKEND_DEALLOCATE : 0;
	r->job.ns = r->ns;
	r->job.at = e.offset;
	r->job.end = e.offset + e.length;
	r->job.next = next_zeros;
	job_start(r);
}

/* ---- Dataset Management ------------------------------------------------------------------ */

static uint32_t range_count(const struct request *r)
{
	return NVME_DSM_NR(le32_get(r->capsule.sqe.cdw10)) + 1;
}

static const struct nvme_dsm_range *ranges_of(const struct request *r)
{
	return (const struct nvme_dsm_range *)r->capsule.data;
}

/* The first that is not all there; NULL: they all are. */
static const struct nvme_dsm_range *find_beyond(const struct request *r)
{
	const struct nvme_dsm_range *ranges = ranges_of(r);
	uint32_t count = range_count(r);

	for (uint32_t i = 0; i < count; i++)
		if (!extent_is_inside(r->ns, le64_get(ranges[i].slba),
				      le32_get(ranges[i].length)))
			return &ranges[i];
	return NULL;
}

/* What is wrong stands in the data, of which a location can't tell. */
static void refuse_range(struct request *r, const struct nvme_dsm_range *range)
{
	uint64_t first = le64_get(range->slba), end = r->ns->blocks;

	r->location = NVME_ERROR_NO_LOCATION;
	request_fail_at(r, NVME_LBA_OUT_OF_RANGE | NVME_DNR, r->ns->nsid,
			first > end ? first : end);
}

/* False: that was the last. */
static bool begin_range(struct request *r)
{
	const struct nvme_dsm_range *range = &ranges_of(r)[r->job.index];
	struct job *j = &r->job;

	if (j->index == range_count(r))
		return false;
	j->index++;
	j->at = le64_get(range->slba) << r->ns->lba_shift;
	j->end = j->at + ((uint64_t)le32_get(range->length) << r->ns->lba_shift);
	return true;
}

static bool next_deallocation(struct request *r, int result)
{
	struct job *j = &r->job;

	j->at += j->op.length;
	while (!result && j->at == j->end)
		if (!begin_range(r))
			break;
	if (!result && j->at < j->end) {
		prepare_piece(j);
		return true;
	}
	io_end(r, result == -EOPNOTSUPP ? 0 : result);
	return false;
}

void io_manage_received(struct request *r)
{
	uint32_t attributes = le32_get(r->capsule.sqe.cdw11);
	const struct nvme_dsm_range *beyond = find_beyond(r);

	if (beyond) {
		refuse_range(r, beyond);
		return;
	}
	if (!(attributes & NVME_DSM_DEALLOCATE)) {
		request_end(r, NVME_SUCCESS);
		return;
	}
	r->job.op.opcode = BACKEND_ZERO;
	r->job.op.flags = BACKEND_DEALLOCATE;
	r->job.ns = r->ns;
	r->job.next = next_deallocation;
	job_start(r);
}

/* Linux always sends room for all the ranges that there could be. */
void io_manage(struct request *r)
{
	uint32_t attributes = le32_get(r->capsule.sqe.cdw11);
	uint32_t length = le32_get(r->capsule.sqe.sgl.length);
	uint16_t status = io_bind(r);

	if (!status && (length < range_count(r) * sizeof(struct nvme_dsm_range) ||
			length > NVME_DSM_RANGES * sizeof(struct nvme_dsm_range)))
		status = NVME_DATA_SGL_LENGTH_INVALID | NVME_DNR;
	if (!status)
		status = request_check_from_host(r, length);
	if (!status && attributes & NVME_DSM_DEALLOCATE)
		status = io_check_writable(r);
	if (status)
		request_end(r, status);
	else
		io_fetch(r, length);
}
