/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract between a namespace and the storage behind it.
 *
 * A backend knows bytes: no NVMe, no blocks, no host.  Whoever calls it has
 * checked that [offset, offset + length) lies within the size, that both are
 * multiples of the block size, and that a read-only backend is not written.
 *
 * Threads: a backend is shared by all workers.  Every call that concerns an
 * operation is made on the worker whose lane is given, and `done` is called
 * on that same worker.  open and close are called by the main thread.
 */
#ifndef NVMF_STORAGE_BACKEND_H
#define NVMF_STORAGE_BACKEND_H

#include "base/timer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backend;
struct io_engine;

enum backend_opcode {
	BACKEND_READ,
	BACKEND_WRITE,
	BACKEND_FLUSH,
	/*
	 * Zeros from now on, without data.  -EOPNOTSUPP: nothing was done, and who wants
	 * zeros has to write them; a backend need not know more of it than that.  The
	 * caller asks for little at a time, for nobody can recall it.
	 */
	BACKEND_ZERO,
	BACKEND_OPCODES
};

/* Force unit access: a write is durable before it is done. */
#define BACKEND_FUA 1u
/* Of zeros: the space is given back, or else -EOPNOTSUPP; without this it is kept. */
#define BACKEND_DEALLOCATE 2u
/*
 * Of a write, where info.can_write_if: only if `expected` stands there, and nobody reads,
 * writes or clears any of it in between.  It lies within BACKEND_IF_MOST bytes that begin
 * at a multiple of that.  -EDOM: something else stands there, and nothing was written.
 */
#define BACKEND_IF 4u
#define BACKEND_IF_MOST 4096u
/* The storage's: what was expected stood there, so that an error is the write's. */
#define BACKEND_WAS_EQUAL 8u

/* What backend_submit answers when `done` will be called later. */
#define BACKEND_PENDING 1

/* What a worker lends to the operations that it starts. */
struct backend_lane {
	struct io_engine *io;		/* asynchronous file I/O */
	struct timer_heap *timers;	/* of CLOCK_MONOTONIC */
};

struct backend_op {
	enum backend_opcode opcode;
	unsigned int flags;
	uint64_t offset;		/* bytes */
	uint32_t length;		/* bytes; 0 for a flush */
	/* None of zeros and a flush.  Contiguous; aligned to backend_info.alignment unless the backend is
	 * immediate.  The caller's; untouched by him until the operation has
	 * ended. */
	void *data;
	/* With BACKEND_IF: twice BACKEND_IF_MOST bytes, aligned as data is; `length` bytes,
	 * and in the second half room for the storage.  Else not looked at. */
	uint8_t *expected;
	/* Called once if and only if backend_submit answered PENDING, from the
	 * lane's worker and never from within backend_submit.  0, or -errno. */
	void (*done)(struct backend_op *, int result);
	/* For the backend while the operation is under way.  A wrapper that
	 * holds an operation back owns them until it hands it on, and so needs
	 * no memory of its own. */
	struct backend *holder;
	uint64_t scratch[20];
};

struct backend_info {
	uint64_t size;			/* bytes */
	uint32_t block_size;		/* of the namespace: 512 .. 4096 */
	uint32_t physical_block;	/* what the storage writes as one, bytes */
	/* What it takes best, bytes; 0: nobody knows. */
	uint32_t write_unit;		/* smaller writes cost more */
	uint32_t write_optimal;		/* a multiple of that */
	uint32_t deallocate_unit;	/* of less nothing is given back */
	uint32_t io_boundary;		/* I/O that crosses multiples of it costs more */
	uint32_t alignment;		/* of data, bytes; 1: any */
	bool read_only;
	bool has_volatile_cache;	/* writes are durable only after a flush */
	/* backend_submit never answers PENDING for a read or a write, and
	 * takes data at any address. */
	bool is_immediate;
	bool can_write_if;		/* it knows BACKEND_IF */
};

/* One of several that are carried out together. */
struct backend_write {
	uint64_t offset;		/* bytes */
	uint32_t length;		/* bytes */
	const void *data;
};

struct backend_ops {
	/* 0 when done, -errno when failed, BACKEND_PENDING. */
	int (*submit)(struct backend *, struct backend_lane *, struct backend_op *);
	/*
	 * Optional, all three or none, of immediate storage: reads without a copy.
	 * `lend` says where the bytes from an offset on lie.  They are there until
	 * the backend is closed, and change when somebody writes.
	 */
	const void *(*lend)(struct backend *, uint64_t offset);
	/*
	 * From `hold` to `release` nobody changes the range; it may be held more
	 * than once.  How many bytes from the offset on it has now, whole blocks,
	 * perhaps none.  With `wait` at least one block: the caller holds nothing
	 * else then.  For as long as one call that does not wait: writers do, on
	 * other workers, and on this one nothing is submitted meanwhile.
	 */
	uint32_t (*hold)(struct backend *, uint64_t offset, uint32_t length, bool wait);
	/* As much of the range as was held. */
	void (*release)(struct backend *, uint64_t offset, uint32_t length);
	/* Optional, of immediate storage: so many writes at once, which is less work than
	 * one after the other, and can't fail. */
	void (*write)(struct backend *, const struct backend_write *, unsigned int n);
	/* Optional.  Asks that a pending operation end soon, with -ECANCELED
	 * through `done`.  0: it will; -EBUSY: it can't be recalled. */
	int (*cancel)(struct backend *, struct backend_lane *, struct backend_op *);
	/*
	 * Optional.  Thread: main, while others work.  Changes the size to so many
	 * bytes, or for 0 looks what it is by now and changes nothing: *now, no less
	 * than one block and whole blocks.  Asked for the size that it has, it changes
	 * nothing either, and says whether it could.  It is made smaller when hosts
	 * have been told; a command that was under way then for too long may still use
	 * what lies beyond.  0, -ENOTSUP (it can only be looked at), or another -errno,
	 * but not where it has just agreed to the size that it had and shall be smaller.
	 */
	int (*resize)(struct backend *, uint64_t bytes, uint64_t *now);
	void (*close)(struct backend *);
};

/* A backend embeds this as its first member. */
struct backend {
	const struct backend_ops *ops;
	struct backend_info info;
};

static inline int backend_submit(struct backend *b, struct backend_lane *lane,
				 struct backend_op *op)
{
	return b->ops->submit(b, lane, op);
}

/* NULL: this one lends nothing. */
static inline const void *backend_lend(struct backend *b, uint64_t offset)
{
	return b->ops->lend ? b->ops->lend(b, offset) : NULL;
}

static inline int backend_cancel(struct backend *b, struct backend_lane *lane,
				 struct backend_op *op)
{
	return b->ops->cancel ? b->ops->cancel(b, lane, op) : -16 /* -EBUSY */;
}

static inline int backend_resize(struct backend *b, uint64_t bytes, uint64_t *now)
{
	return b->ops->resize ? b->ops->resize(b, bytes, now) : -95 /* -ENOTSUP */;
}

/* No operation may be under way. */
static inline void backend_close(struct backend *b)
{
	if (b)
		b->ops->close(b);
}

#endif
