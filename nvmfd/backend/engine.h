/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asynchronous file I/O for one worker: io_uring, or a pool of threads where
 * io_uring is refused.
 *
 * Threads: every call is made by the worker that owns the engine.
 */
#ifndef NVMFD_BACKEND_ENGINE_H
#define NVMFD_BACKEND_ENGINE_H

#include <stddef.h>
#include <stdint.h>

struct io_engine;

enum io_opcode { IO_READ, IO_WRITE, IO_DATASYNC };

/* One request.  The caller's, untouched by him until `done`. */
struct io_request {
	enum io_opcode opcode;
	int fd;
	uint64_t offset;
	uint32_t length;
	void *data;
	/* The kernel's answer, on the owning worker: bytes moved (the engine
	 * has already repeated short transfers: less than length means the end
	 * of the file), or -errno. */
	void (*done)(struct io_request *, int result);
	uint64_t scratch[4];		/* the engine's */
};

enum io_engine_kind { IO_ENGINE_AUTO, IO_ENGINE_URING, IO_ENGINE_THREADS };

/*
 * depth: how many requests may be under way; more wait inside the engine.
 * AUTO takes io_uring and falls back to threads where the kernel refuses it.
 * 0 or -errno with a sentence in `error`.
 */
int io_engine_open(struct io_engine **, enum io_engine_kind, unsigned int depth,
		   char *error, size_t error_size);
/* Waits for nothing: with requests under way their memory stays the kernel's,
 * so the caller drains first. */
void io_engine_close(struct io_engine *);
const char *io_engine_name(const struct io_engine *);

/* Never fails and never calls done: the answer always comes through reap. */
void io_engine_submit(struct io_engine *, struct io_request *);
/* Hands to the kernel what was submitted since the last flush: once a batch. */
void io_engine_flush(struct io_engine *);
/* Becomes readable when there is something to reap. */
int io_engine_fd(const struct io_engine *);
/* Calls done for what has ended; how many that were. */
unsigned int io_engine_reap(struct io_engine *);
/* Requests submitted and not yet reaped. */
unsigned int io_engine_pending(const struct io_engine *);

#endif
