/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes on with a command after a while looks at its namespace again: a change of the
 * model waits for commands under way, but not for ever, and a host may keep the data of one
 * to itself as long as it likes.
 */
#include "controller/io.h"

/* Deallocated blocks read as zeros: they have been written, too. */
static bool is_writing(const struct backend_op *op)
{
	return op->opcode == BACKEND_WRITE || op->opcode == BACKEND_ZERO;
}

/* Of an operation whose blocks are not all there any more. */
static uint16_t beyond_the_end(const struct namespace *ns, const struct backend_op *op,
			       uint64_t *lba)
{
	uint64_t first = op->offset >> ns->lba_shift;

	*lba = first > ns->blocks ? first : ns->blocks;
	return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
}

uint16_t io_look_again(const struct request *r, const struct namespace *ns,
		       const struct backend_op *op, uint64_t *lba)
{
	const struct namespace *now = view_namespace(r->queue->view, ns->nsid);

	*lba = 0;
	if (!now || now->backend != ns->backend)
		return NVME_INVALID_NAMESPACE | NVME_DNR;
	if (is_writing(op) && namespace_is_protected(now))
		return NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR;
	if (op->offset + op->length > now->blocks << now->lba_shift)
		return beyond_the_end(now, op, lba);
	return op->opcode == BACKEND_READ && namespace_has_marks(now) ?
	       io_look_for_marks(r, now, op, lba) : NVME_SUCCESS;
}

bool io_may_go_on(struct request *r)
{
	uint64_t lba;
	uint16_t status = io_look_again(r, r->ns, &r->op, &lba);

	if (!status)
		return true;
	r->location = NVME_ERROR_NO_LOCATION;	/* nothing was wrong with it when it came */
	request_fail_at(r, status, r->ns->nsid, lba);
	return false;
}
