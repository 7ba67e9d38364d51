/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libnvmf, the target's side: serve namespaces over TCP whose storage is the
 * program's own.
 *
 *	static int serve(void *disk, struct nvmf_io *io)
 *	{
 *		if (io->opcode == NVMF_IO_READ)
 *			memcpy(io->data, (char *)disk + io->offset, io->length);
 *		...
 *		return 0;
 *	}
 *	static const struct nvmf_storage storage = { sizeof(storage), serve, NULL };
 *
 *	struct nvmf_target_options options = NVMF_TARGET_OPTIONS_INIT;
 *	struct nvmf_ns_options ns = NVMF_NS_OPTIONS_INIT;
 *	options.subnqn = "nqn.2014-08.com.example:disk";
 *	ns.storage = &storage, ns.cookie = disk, ns.bytes = 64 << 20;
 *	struct nvmf_target *target = nvmf_target_create(&options);
 *	if (nvmf_target_add_ns(target, &ns) < 0 ||
 *	    nvmf_target_listen(target, "127.0.0.1", 4420, 0) < 0 ||
 *	    nvmf_target_start(target))
 *		puts(nvmf_target_error(target));
 *	while (!must_end)
 *		nvmf_target_wait(target, -1);
 *	nvmf_target_destroy(target);
 *
 * The library does everything that hosts ask: the discovery controller, I/O
 * controllers, their admin commands, the transport.  The program moves bytes.
 *
 * Results.  A call that returns int gives 0 (or a number) or -errno; the sentence
 * for people is nvmf_target_error's.
 *
 * Threads.  With options.threads 0 the target is driven: nothing happens but
 * within nvmf_target_wait and nvmf_target_process, and all storage calls come
 * from there.  Otherwise it has that many threads of its own, which make the
 * storage calls, several at once.  In either case the handle itself is used by one
 * thread at a time; nvmf_io_complete may be called by any.  No call keeps state
 * outside its handle, prints or ends the program.
 */
#ifndef NVMF_TARGET_H
#define NVMF_TARGET_H

#include <nvmf/api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvmf_target;

/* ---- setting up -------------------------------------------------------------------- */

enum nvmf_log_level {
	NVMF_LOG_ERROR,			/* something is broken */
	NVMF_LOG_WARNING,
	NVMF_LOG_NOTICE,		/* controllers come and go */
	NVMF_LOG_DEBUG,			/* every connection's end, and why */
};

/* One sentence, without a line end; valid during the call.  Called by any of the
 * target's threads, several at once; it should not wait. */
typedef void nvmf_log(void *cookie, enum nvmf_log_level level, const char *sentence);

struct nvmf_target_options {
	size_t size;			/* of this structure, as the program knows it */
	const char *subnqn;		/* the subsystem's name; needed */
	const char *serial;		/* 1 to 20 characters; NULL: derived from subnqn */
	const char *model;		/* 1 to 40; NULL: "libnvmf" */
	const char *firmware;		/* 1 to 8; NULL: the library's version */
	unsigned int threads;		/* 0: driven by the program */
	bool header_digest, data_digest;	/* hosts may switch them on */
	bool disable_sqflow;		/* hosts may switch SQ flow control off */
	uint32_t max_transfer;		/* bytes a command; a power of two, 4096 or more */
	uint32_t in_capsule;		/* bytes of data an I/O capsule; a multiple of 16 */
	uint32_t max_queues;		/* I/O queues a controller */
	uint32_t max_entries;		/* of an I/O queue: 16 to 4096 */
	uint32_t max_nsid;		/* the highest namespace identifier */
	uint64_t buffers;		/* bytes for data under way, a thread; two
					 * transfers at least */
	nvmf_log *log;			/* NULL: no words */
	void *log_cookie;
	enum nvmf_log_level log_level;	/* what is less urgent is dropped */
};

#define NVMF_TARGET_OPTIONS_INIT { \
	sizeof(struct nvmf_target_options), NULL, NULL, NULL, NULL, 0, \
	false, false, false, 1u << 20, 16384, 128, 1024, 256, 64u << 20, \
	NULL, NULL, NVMF_LOG_NOTICE }

/*
 * A handle that serves nothing yet.  Options and texts are copied.  NULL: no
 * memory.  An option that makes no sense is told by the next call (-EINVAL).
 */
NVMF_API struct nvmf_target *nvmf_target_create(const struct nvmf_target_options *options);

/* Why the last call with this target failed: one sentence, never NULL; valid
 * until the next call. */
NVMF_API const char *nvmf_target_error(const struct nvmf_target *target);

/* ---- storage -------------------------------------------------------------------------- */

enum nvmf_io_opcode { NVMF_IO_READ, NVMF_IO_WRITE, NVMF_IO_FLUSH };

/* What is written must be durable when it is answered (Force Unit Access). */
#define NVMF_IO_FUA 1u

/* What a storage call returns that has not ended yet. */
#define NVMF_IO_PENDING 1

/* One operation.  It lies within the namespace and is a multiple of its block
 * size; one of a read-only namespace never writes. */
struct nvmf_io {
	uint32_t opcode;		/* enum nvmf_io_opcode */
	uint32_t flags;			/* NVMF_IO_FUA */
	uint64_t offset;		/* bytes */
	uint32_t length;		/* bytes; 0 for a flush */
	void *data;			/* to be filled by a read; read by a write */
	void *program[2];		/* the program's own while it is pending */
};

struct nvmf_storage {
	size_t size;			/* of this structure, as the program knows it */
	/*
	 * 0: done.  -errno: failed, and the host gets the status that fits: ENOSPC
	 * Capacity Exceeded, EROFS Namespace is Write Protected, EACCES Access
	 * Denied, ENOMEM, EAGAIN and ETIMEDOUT Command Interrupted (try again),
	 * ENODEV Namespace Not Ready, others Unrecovered Read Error or Write Fault.
	 * NVMF_IO_PENDING: nvmf_io_complete will be called, once; the operation and
	 * its data stay until then.
	 * A flush makes durable what was answered before it began.  A read that
	 * overlaps a write may see old or new in each logical block, but never a
	 * mixture within one.
	 */
	int (*submit)(void *cookie, struct nvmf_io *io);
	/* Optional: the namespace is gone and nothing of it is under way. */
	void (*close)(void *cookie);
};

/* Ends an operation that was pending: 0 or -errno.  Thread: any; also before
 * `submit` has returned. */
NVMF_API void nvmf_io_complete(struct nvmf_io *io, int result);

struct nvmf_ns_options {
	size_t size;			/* of this structure, as the program knows it */
	const struct nvmf_storage *storage;	/* needed */
	void *cookie;
	uint32_t nsid;			/* 0: the lowest that is free */
	uint32_t block_size;		/* a power of two from 512 to 4096 */
	uint64_t bytes;			/* a multiple of it, at least one block */
	const uint8_t *uuid;		/* 16 bytes; NULL: derived from subnqn and nsid */
	bool is_read_only;
	bool has_volatile_cache;	/* writes are durable after a flush only */
	/* Reads and writes are never pending.  Saves copies: data may then be at
	 * any address, while else it is aligned to 4096 bytes. */
	bool is_immediate;
};

#define NVMF_NS_OPTIONS_INIT { \
	sizeof(struct nvmf_ns_options), NULL, NULL, 0, 512, 0, NULL, false, false, false }

/*
 * Adds a namespace; before nvmf_target_start.  Options are copied; the storage
 * calls' table and the cookie must stay.  Its NSID; -EINVAL, -EEXIST, -ENOSPC (all
 * identifiers are in use), -EBUSY (started), -ENOMEM; its `close` is then not called.
 */
NVMF_API int nvmf_target_add_ns(struct nvmf_target *target,
				const struct nvmf_ns_options *options);

/* ---- serving -------------------------------------------------------------------------- */

/* Discovery alone: hosts are told of the other ports. */
#define NVMF_LISTEN_DISCOVERY 1u

/*
 * Listens on a numeric IPv4 or IPv6 address, 0.0.0.0 and :: for every one of
 * their kind; before nvmf_target_start.  Port 0: any that is free.  Discovery is
 * answered on every port.  The port; -EINVAL, -EADDRINUSE, -EACCES, -EBUSY (started)
 * and what else bind(2) says.
 */
NVMF_API int nvmf_target_listen(struct nvmf_target *target, const char *traddr, uint16_t port,
				unsigned int flags);

/* Serves from now on; with threads of its own, starts them.  -EBUSY: has started,
 * -EAGAIN: no thread to be had. */
NVMF_API int nvmf_target_start(struct nvmf_target *target);

/* A driven target takes what has come and waits for it, `timeout_ms` at most (-1:
 * for ever).  Returns after a signal, too.  -EINVAL: it is not driven, or not started. */
NVMF_API int nvmf_target_wait(struct nvmf_target *target, int timeout_ms);

/*
 * The same in the program's own loop: the descriptor to poll for reading, in how
 * many milliseconds nvmf_target_process must be called although nothing came (-1:
 * never), and the call, which never waits.  Ask for the time after each.
 */
NVMF_API int nvmf_target_fd(const struct nvmf_target *target);
NVMF_API int nvmf_target_due(const struct nvmf_target *target);
NVMF_API int nvmf_target_process(struct nvmf_target *target);

/* How many connections there are, those that are just ending among them. */
NVMF_API unsigned int nvmf_target_connections(struct nvmf_target *target);

/*
 * Ends every host in order and flushes, within `timeout_ms` (-1: as long as the
 * storage takes).  Waits; drives the target itself where it is driven.  0;
 * -ETIMEDOUT: operations are still pending, it may be called again.
 */
NVMF_API int nvmf_target_stop(struct nvmf_target *target, int timeout_ms);

/* nvmf_target_stop, as long as it takes, and frees it.  NULL is fine. */
NVMF_API void nvmf_target_destroy(struct nvmf_target *target);

#ifdef __cplusplus
}
#endif

#endif
