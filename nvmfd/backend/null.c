/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Storage that forgets: for measuring what lies above it.
 *
 * The kernel's null_blk and SPDK's null bdev leave the reader's buffer as it
 * is.  A buffer here may have held another host's data, so reads are zeros.
 */
#include "storage/backend.h"
#include "backend/kinds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Zeros stand there, and will. */
static int write_if(struct backend_op *op)
{
	for (uint32_t i = 0; i < op->length; i++)
		if (op->expected[i])
			return -EDOM;
	op->flags |= BACKEND_WAS_EQUAL;
	return 0;
}

static int null_submit(struct backend *b, struct backend_lane *lane,
		       struct backend_op *op)
{
	if (op->opcode == BACKEND_READ)
		memset(op->data, 0, op->length);
	else if (op->opcode == BACKEND_WRITE && op->flags & BACKEND_IF)
		return write_if(op);
	return 0;	/* of zeros there is nothing else */
}

static int null_resize(struct backend *b, uint64_t bytes, uint64_t *now)
{
	*now = bytes ? bytes : b->info.size;
	return *now > INT64_MAX ? -EFBIG : 0;
}

static void null_close(struct backend *b)
{
	free(b);
}

static const struct backend_ops null_ops = {
	.submit = null_submit,
	.resize = null_resize,
	.close = null_close,
};

int null_open(struct backend **out, uint64_t size, char *error,
	      size_t error_size)
{
	struct backend *b = calloc(1, sizeof(*b));

	if (!b) {
		snprintf(error, error_size, "no memory for a null device");
		return -ENOMEM;
	}
	b->ops = &null_ops;
	b->info = (struct backend_info){
		.size = size, .alignment = 1, .is_immediate = true,
		.can_write_if = true,
	};
	*out = b;
	return 0;
}
