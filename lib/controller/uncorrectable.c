/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Write Uncorrectable, and what it makes of others: whoever reads looks for marks before he
 * asks the storage, whoever writes takes them away when it has answered (model/marks.h).
 */
#include "controller/io.h"
#include "ns/status.h"

uint16_t io_look_for_marks(const struct request *r, const struct namespace *ns,
			   const struct backend_op *op, uint64_t *lba)
{
	if (!op->length || !marks_find(&ns->device->marks, op->offset >> ns->lba_shift,
				       op->length >> ns->lba_shift, lba))
		return NVME_SUCCESS;
	io_count_media_error(r, ns);
	return NVME_UNRECOVERED_READ_ERROR | NVME_DNR;
}

void io_clear_marks(const struct request *r, const struct namespace *ns,
		    const struct backend_op *op)
{
	late_settle(r->queue->station);		/* if that write is still to be done */
	if (op->length)
		marks_clear(&ns->device->marks, op->offset >> ns->lba_shift,
			    op->length >> ns->lba_shift);
}

void io_write_uncorrectable(struct request *r)
{
	uint16_t status = io_bind(r);
	struct extent e;

	if (!status)
		status = extent_of(r->ns, &r->capsule.sqe, UINT32_MAX, &e);
	if (!status)
		status = io_check_writable(r);
	if (!status)
		status = status_of_errno(marks_set(&r->ns->device->marks,
						   e.offset >> r->ns->lba_shift,
						   e.length >> r->ns->lba_shift), BACKEND_WRITE);
	request_end(r, status);
}
