/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asynchronous file I/O for one worker: io_uring, or a pool of threads where
 * io_uring is refused.
 *
 * Threads: an engine may be opened by any thread.  From its first submit,
 * flush or reap on it belongs to the worker that made that call, which makes
 * every further one; io_engine_post is for everybody.  When the worker makes no
 * more calls, any thread may close it.
 */
#ifndef NVMFD_BACKEND_ENGINE_H
#define NVMFD_BACKEND_ENGINE_H

#include <stddef.h>
#include <stdint.h>

struct io_engine;

/* IO_WRITE_DURABLE is answered when the data is on stable storage, as after a
 * write and an IO_DATASYNC. */
enum io_opcode {
	IO_READ,
	IO_WRITE,
	IO_WRITE_DURABLE,
	IO_DATASYNC,
	IO_ZERO,			/* the space is kept */
	IO_PUNCH,			/* ... or given back, and reads as zeros */
};

/* Storage that blocks who asks for it, whatever the kernel's rules say: the
 * request gets a thread at once. */
#define IO_MAY_BLOCK 1u

/* One request.  The caller's, untouched by him until `done`. */
struct io_request {
	enum io_opcode opcode;
	unsigned int flags;
	int fd;
	uint32_t length;		/* bytes, at most INT32_MAX; 0: a sync */
	uint64_t offset;		/* bytes */
	void *data;			/* of reads and writes */
	/* The kernel's answer, on the owning worker: bytes moved (the engine
	 * has already repeated short transfers: less than length means the end
	 * of the file), or -errno. */
	void (*done)(struct io_request *, int result);
	uint64_t scratch[5];		/* the engine's */
};

enum io_engine_kind { IO_ENGINE_AUTO, IO_ENGINE_URING, IO_ENGINE_THREADS };

/*
 * depth: how many requests on one descriptor may be under way; more wait
 * inside the engine, first come first served, and never behind those of
 * another descriptor, so that a device which hangs holds up nobody else.
 * Syncs that wait become one.
 * (The threads take fewer: see threads.c.)
 * AUTO takes io_uring and falls back to threads where the kernel refuses it.
 * 0 or -errno with a sentence in `error`.
 */
int io_engine_open(struct io_engine **, enum io_engine_kind, unsigned int depth,
		   char *error, size_t error_size);
/*
 * Waits for nothing, so the caller drains first.  What is still under way is
 * never answered, and its request and data stay the kernel's: their memory must
 * be neither freed nor used again for the life of the process.
 */
void io_engine_close(struct io_engine *);
/* "io_uring" or "threads". */
const char *io_engine_name(const struct io_engine *);

/* Never fails and never calls done: the answer always comes through reap. */
void io_engine_submit(struct io_engine *, struct io_request *);
/* Of one that was submitted.  0: it had to wait inside the engine, and ends with
 * -ECANCELED by the next reap; -EBUSY: the kernel has it. */
int io_engine_cancel(struct io_engine *, struct io_request *);
/* Hands to the kernel what was submitted since the last flush: once a batch. */
void io_engine_flush(struct io_engine *);
/* Becomes readable when there is something to reap.  The reader is reap. */
int io_engine_fd(const struct io_engine *);
/* Calls done for what has ended; how many that were.  done may submit: that
 * wants a flush afterwards.  Of much it is a part: the rest is for the next call, and
 * the descriptor is readable. */
unsigned int io_engine_reap(struct io_engine *);
/* ... for as many as have ended within the flushes since: what the page cache has is
 * answered within the call. */
unsigned int io_engine_reap_at_once(struct io_engine *);
/* Requests submitted or expected and not yet reaped. */
unsigned int io_engine_pending(const struct io_engine *);

/*
 * A request that needs no I/O but a word from another thread: the owner says
 * that it expects one more, and whoever calls post, once, has the request
 * answered with result 0 by the owner's next reap.
 */
void io_engine_expect(struct io_engine *);
void io_engine_post(struct io_engine *, struct io_request *);

#endif
