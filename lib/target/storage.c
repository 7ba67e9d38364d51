/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage that the program brings: its calls behind the contract of backend.h. */
#include "target/internal.h"

#include <errno.h>
#include <stdlib.h>

struct program {
	struct backend base;
	const struct nvmf_storage *calls;
	void *cookie;
	bool is_added;			/* the program was told so */
};

/* Lies in the operation's scratch while the program has it. */
struct lent {
	struct nvmf_io io;		/* first */
	struct worker_message message;	/* brings it home */
	struct worker *worker;
	struct backend_op *op;
	int result;
};

_Static_assert(sizeof(struct lent) <= sizeof(((struct backend_op *)0)->scratch),
	       "an operation has room for what the program sees of it");
_Static_assert((int)NVMF_IO_READ == BACKEND_READ && (int)NVMF_IO_WRITE == BACKEND_WRITE &&
	       (int)NVMF_IO_FLUSH == BACKEND_FLUSH && NVMF_IO_FUA == BACKEND_FUA &&
	       NVMF_IO_PENDING == BACKEND_PENDING, "the program sees the backend's codes");

static void come_home(struct worker_message *m)
{
	struct lent *l = container_of(m, struct lent, message);

	l->op->done(l->op, l->result);
}

void nvmf_io_complete(struct nvmf_io *io, int result)
{
	struct lent *l = container_of(io, struct lent, io);

	l->result = result > 0 ? 0 : result;
	worker_post(l->worker, &l->message);
}

static int submit(struct backend *b, struct backend_lane *lane, struct backend_op *op)
{
	const struct program *p = container_of(b, struct program, base);
	struct lent *l = (struct lent *)op->scratch;

	if (op->opcode == BACKEND_ZERO)
		return -EOPNOTSUPP;	/* it writes them */
	if (op->flags & BACKEND_IF)
		return -EOPNOTSUPP;	/* nobody ought to ask */
	*l = (struct lent){
		.io = { .opcode = op->opcode, .flags = op->flags, .offset = op->offset,
			.length = op->length, .data = op->data },
		.message.run = come_home, .op = op,
		.worker = container_of(lane, struct station, lane)->worker };
	return p->calls->submit(p->cookie, &l->io);
}

static bool has_close(const struct nvmf_storage *calls)
{
	return calls->size >= offsetof(struct nvmf_storage, close) + sizeof(calls->close) &&
	       calls->close;
}

static void close_program(struct backend *b)
{
	struct program *p = container_of(b, struct program, base);

	if (p->is_added && has_close(p->calls))
		p->calls->close(p->cookie);
	free(p);
}

static const struct backend_ops ops = { .submit = submit, .close = close_program };

struct backend *program_storage(const struct nvmf_ns_options *o)
{
	struct program *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct program){
		.base = { .ops = &ops, .info = {
			.size = o->bytes, .block_size = o->block_size,
			.physical_block = o->block_size, .alignment = 1,
			.read_only = o->is_read_only,
			.has_volatile_cache = o->has_volatile_cache,
			.is_immediate = o->is_immediate } },
		.calls = o->storage, .cookie = o->cookie };
	return &p->base;
}

void program_storage_added(struct backend *b)
{
	container_of(b, struct program, base)->is_added = true;
}
