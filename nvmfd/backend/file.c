/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A regular file or a block device, through the lane's engine.
 *
 * One descriptor for all workers.  What is under way claims its pages, so that
 * no logical block is torn (see claims.h); a read-only file has no writers and
 * needs none of it.
 */
#include "storage/backend.h"
#include "backend/claims.h"
#include "backend/config.h"
#include "backend/engine.h"
#include "backend/file_probe.h"
#include "backend/kinds.h"
#include "backend/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
	struct backend base;
	int fd;
	bool is_direct;
	unsigned int io_flags;
	struct claims *claims;		/* NULL: read-only */
	/*
	 * The first sync that failed, 0: none.  The kernel tells of lost pages
	 * once per descriptor and marks them clean: a later sync would say that
	 * all is well, to a host whose data is gone.  So through the page cache
	 * every later one fails as well.
	 */
	atomic_int sync_error;
	/* Some filesystems have never heard of it: they are asked once. */
	atomic_bool cannot_zero, cannot_punch;
};

/* What lies in backend_op.scratch. */
struct file_op {
	struct io_request io;
	struct claim claim;
	struct file *file;
	struct io_engine *engine;
};

static_assert(sizeof(struct file_op) <= sizeof(((struct backend_op *)0)->scratch),
	      "an operation has too little room for a file's");

static struct file_op *file_op_of(struct backend_op *op)
{
	return (struct file_op *)op->scratch;
}

static struct backend_op *op_of(struct file_op *fop)
{
	return (struct backend_op *)((char *)fop -
				     offsetof(struct backend_op, scratch));
}

static bool is_write_if(const struct backend_op *op)
{
	return op->opcode == BACKEND_WRITE && op->flags & BACKEND_IF;
}

static enum io_opcode write_opcode_of(const struct backend_op *op)
{
	return op->flags & BACKEND_FUA && !NO_SYNC_FOR_TEST ? IO_WRITE_DURABLE : IO_WRITE;
}

static void remember_lost_data(struct file *f, const struct io_request *r,
			       int result)
{
	/* ENOSPC of a durable write is the write's, and tells of no other. */
	bool is_sync = r->opcode == IO_DATASYNC ||
		       (r->opcode == IO_WRITE_DURABLE && result == -EIO);

	if (is_sync && !f->is_direct)
		atomic_store(&f->sync_error, result);
}

static bool is_zeroing(const struct io_request *r)
{
	return r->opcode == IO_ZERO || r->opcode == IO_PUNCH;
}

static atomic_bool *cannot(struct file *f, enum io_opcode opcode)
{
	return opcode == IO_PUNCH ? &f->cannot_punch : &f->cannot_zero;
}

/* EINVAL: of a block device, where it is no multiple of the sectors; others may be. */
static int why_not_zeroed(struct file *f, const struct io_request *r, int result)
{
	bool never = result == -EOPNOTSUPP || result == -ENOSYS || result == -ENODEV;

	if (never)
		atomic_store(cannot(f, r->opcode), true);
	return never || result == -EINVAL ? -EOPNOTSUPP : result;
}

/* What stands there has been read, and the pages are still claimed: whether the write
 * follows.  Else *result is the operation's. */
static bool goes_on_to_write(struct io_request *r, int *result)
{
	struct file_op *fop = container_of(r, struct file_op, io);
	struct backend_op *op = op_of(fop);

	if (!is_write_if(op) || r->opcode != IO_READ || *result < (int)op->length)
		return false;
	if (memcmp(op->expected, r->data, op->length)) {
		*result = -EDOM;
		return false;
	}
	op->flags |= BACKEND_WAS_EQUAL;
	r->opcode = write_opcode_of(op);
	r->data = op->data;
	io_engine_submit(fop->engine, r);
	return true;
}

static void io_done(struct io_request *r, int result)
{
	struct file_op *fop = container_of(r, struct file_op, io);
	struct backend_op *op = op_of(fop);
	struct file *f = fop->file;

	if (goes_on_to_write(r, &result))
		return;
	if (f->claims && r->opcode != IO_DATASYNC)
		claim_release(f->claims, &fop->claim);
	if (result < 0 && is_zeroing(r))
		result = why_not_zeroed(f, r, result);
	else if (result < 0)
		remember_lost_data(f, r, result);
	else if ((uint32_t)result < r->length)
		result = -EIO;	/* somebody made the file shorter */
	else
		result = 0;
	op->done(op, result);
}

/* On the worker, when a claim that had to wait is held. */
static void start_late(struct io_request *r, int result)
{
	struct file_op *fop = container_of(r, struct file_op, io);

	r->done = io_done;
	io_engine_submit(fop->engine, r);
}

/* On the thread of whoever was in the way. */
static void granted(struct claim *c)
{
	struct file_op *fop = container_of(c, struct file_op, claim);

	io_engine_post(fop->engine, &fop->io);
}

static void transfer(struct file *f, struct file_op *fop, bool is_write)
{
	struct io_request *r = &fop->io;

	if (f->claims) {
		r->done = start_late;
		fop->claim.granted = granted;
		if (!claim_take(f->claims, &fop->claim, r->offset, r->length,
				is_write)) {
			io_engine_expect(fop->engine);
			return;
		}
		r->done = io_done;
	}
	io_engine_submit(fop->engine, r);
}

static int sync_all(struct file *f, struct file_op *fop)
{
	int lost = atomic_load(&f->sync_error);

	if (lost || NO_SYNC_FOR_TEST || f->base.info.read_only)
		return lost;
	io_engine_submit(fop->engine, &fop->io);
	return BACKEND_PENDING;
}

static int zero(struct file *f, struct file_op *fop)
{
	if (atomic_load(cannot(f, fop->io.opcode)))
		return -EOPNOTSUPP;
	transfer(f, fop, true);
	return BACKEND_PENDING;
}

static enum io_opcode io_opcode_of(const struct backend_op *op)
{
	if (op->opcode == BACKEND_READ || is_write_if(op))
		return IO_READ;
	if (op->opcode == BACKEND_FLUSH)
		return IO_DATASYNC;
	if (op->opcode == BACKEND_ZERO)
		return op->flags & BACKEND_DEALLOCATE ? IO_PUNCH : IO_ZERO;
	return write_opcode_of(op);
}

static int file_submit(struct backend *b, struct backend_lane *lane,
		       struct backend_op *op)
{
	struct file *f = (struct file *)b;
	struct file_op *fop = file_op_of(op);

	fop->file = f;
	fop->engine = lane->io;
	fop->io = (struct io_request){
		.opcode = io_opcode_of(op), .flags = f->io_flags, .fd = f->fd,
		.length = op->length, .offset = op->offset,
		.data = is_write_if(op) ? op->expected + BACKEND_IF_MOST : op->data,
		.done = io_done,
	};
	if (op->opcode == BACKEND_FLUSH)
		return sync_all(f, fop);
	if (op->opcode == BACKEND_ZERO)
		return zero(f, fop);
	transfer(f, fop, op->opcode == BACKEND_WRITE);
	return BACKEND_PENDING;
}

/* A write that had to wait for its claim. */
static void end_late(struct io_request *r, int result)
{
	io_done(r, -ECANCELED);
}

/* What waits for a claim is told when it has it: it can't be taken out of the line. */
static int file_cancel(struct backend *b, struct backend_lane *lane, struct backend_op *op)
{
	struct io_request *r = &file_op_of(op)->io;

	if (r->opcode == IO_DATASYNC)	/* others may be waiting for the same one */
		return -EBUSY;
	if (r->done == end_late)	/* somebody asked for that before */
		return 0;
	if (r->done != start_late)
		return io_engine_cancel(lane->io, r);
	r->done = end_late;
	return 0;
}

/* Somebody else made it larger or smaller. */
static int file_resize(struct backend *b, uint64_t bytes, uint64_t *now)
{
	if (bytes)
		return -ENOTSUP;
	return file_size(((struct file *)b)->fd, now);
}

static void file_close(struct backend *b)
{
	struct file *f = (struct file *)b;

	close(f->fd);
	claims_free(f->claims);
	free(f);
}

static const struct backend_ops file_ops = {
	.submit = file_submit,
	.cancel = file_cancel,
	.resize = file_resize,
	.close = file_close,
};

static struct backend_info info_of(const struct file_facts *facts,
				   const struct backend_spec *s)
{
	return (struct backend_info){
		.size = facts->size,
		.block_size = facts->block_size,
		.physical_block = facts->physical_block,
		.write_unit = facts->write_unit,
		.write_optimal = facts->write_optimal,
		.io_boundary = facts->io_boundary,
		.deallocate_unit = facts->deallocate_unit,
		.alignment = facts->memory_alignment,
		.read_only = s->read_only,
		.has_volatile_cache = !s->read_only,
		.can_write_if = true,
	};
}

int file_open(struct backend **out, const struct backend_spec *s, char *error,
	      size_t error_size)
{
	struct file_facts facts;
	struct file *f;
	int r = file_probe(&facts, s, error, error_size);

	if (r)
		return r;
	f = calloc(1, sizeof(*f));
	if (f && !s->read_only)
		f->claims = claims_new(facts.size);
	if (!f || (!s->read_only && !f->claims)) {
		free(f);
		close(facts.fd);
		snprintf(error, error_size, "no memory to open %s", s->path);
		return -ENOMEM;
	}
	f->base.ops = &file_ops;
	f->base.info = info_of(&facts, s);
	f->fd = facts.fd;
	f->is_direct = s->direct;
	f->io_flags = facts.may_block ? IO_MAY_BLOCK : 0;
	*out = &f->base;
	return 0;
}
