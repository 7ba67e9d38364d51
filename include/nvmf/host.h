/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libnvmf, the host's side: connect to a controller over TCP, give it commands,
 * get their answers.
 *
 *	struct nvmf_ctrl_options options = NVMF_CTRL_OPTIONS_INIT;
 *	options.traddr = "192.0.2.1";
 *	options.subnqn = "nqn.2014-08.com.example:disk";
 *	struct nvmf_ctrl *ctrl = nvmf_ctrl_create(&options);
 *	if (nvmf_ctrl_connect(ctrl) || nvmf_ctrl_open_queues(ctrl, 1, 128) < 0)
 *		puts(nvmf_ctrl_error(ctrl));
 *	nvmf_queue_read(nvmf_ctrl_queue(ctrl, 0), 1, 0, 8, buffer, 4096, NULL);
 *	nvmf_ctrl_destroy(ctrl);
 *
 * Results.  A call that returns int gives 0 (or a count) or -errno; the sentence
 * for people is nvmf_ctrl_error or nvmf_queue_error of the handle it was called
 * with.  -EREMOTEIO means that the controller answered with an error status,
 * which struct nvmf_completion holds; any other errno means that it gave no
 * answer.  These come from every call that waits:
 *	-ETIMEDOUT	no answer in time; the queue has ended
 *	-EPIPE		the connection ended; so has the queue
 *	-ENOTCONN	the queue was not open
 *	-ENOMEM
 *
 * Threads.  A handle is used by one thread at a time; different controllers may
 * be used by different threads freely.  A controller and its queues are one
 * handle in this sense, except for queues that nvmf_queue_detach has set free.
 * No call keeps state outside its handle, prints or ends the program.
 *
 * Memory.  Data handed to a call stays the caller's; the library reads or
 * writes it until the call returns or, for a submitted command, until its `done`
 * has been called.
 *
 * Sections named below are of NVM Express Base Specification 2.0.
 */
#ifndef NVMF_HOST_H
#define NVMF_HOST_H

#include <nvmf/api.h>
#include <nvmf/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NVMF_DISCOVERY_SUBNQN "nqn.2014-08.org.nvmexpress.discovery"

struct nvmf_ctrl;		/* a controller: its admin queue and what it told of itself */
struct nvmf_queue;		/* an admin or I/O queue: one TCP connection */

/* ---- connecting ------------------------------------------------------------------ */

struct nvmf_ctrl_options {
	size_t size;			/* of this structure, as the program knows it */
	const char *traddr;		/* name or number */
	const char *trsvcid;		/* port; NULL: 4420, or 8009 for discovery */
	const char *subnqn;		/* NULL: the discovery subsystem */
	const char *hostnqn;		/* NULL: made of the host identifier */
	const uint8_t *hostid;		/* 16 bytes; NULL: from a hostnqn that
					 * holds a UUID, else from a hash of
					 * hostnqn, else random */
	bool header_digest, data_digest;	/* ask for them */
	bool disable_sqflow;		/* ask to switch SQ flow control off */
	uint16_t admin_entries;		/* of the admin queue, at least 2 */
	uint32_t keep_alive_ms;		/* 0: no keep alive */
	uint32_t connect_timeout_ms;	/* TCP, handshake and Connect, each */
	uint32_t command_timeout_ms;	/* 0: wait for ever */
};

#define NVMF_CTRL_OPTIONS_INIT { \
	sizeof(struct nvmf_ctrl_options), NULL, NULL, NULL, NULL, NULL, \
	false, false, false, 32, 0, 10000, 30000 }

/*
 * A handle that is not connected yet.  The options and what they point to are
 * copied.  NULL: no memory or no descriptor.  nvmf_ctrl_destroy frees it.
 */
NVMF_API struct nvmf_ctrl *nvmf_ctrl_create(const struct nvmf_ctrl_options *options);

/*
 * Connects the admin queue, enables the controller and reads what it can do
 * (sections 3.5 and 3.6).  Waits.  Once a handle: -EISCONN after that.
 * -EINVAL: an option makes no sense.
 */
NVMF_API int nvmf_ctrl_connect(struct nvmf_ctrl *ctrl);

/*
 * Opens up to `wanted` I/O queues of `entries` entries each (at least 2, capped
 * to what the controller takes), after Set Features, Number of Queues (section
 * 5.27.1.5).  Waits.  Once a connection.  How many it opened, at least one: the
 * controller may grant fewer.
 */
NVMF_API int nvmf_ctrl_open_queues(struct nvmf_ctrl *ctrl, unsigned int wanted,
				   unsigned int entries);

/* Queue `index`, from 0; the controller owns it.  NULL: there is none. */
NVMF_API struct nvmf_queue *nvmf_ctrl_queue(struct nvmf_ctrl *ctrl, unsigned int index);
NVMF_API struct nvmf_queue *nvmf_ctrl_admin(struct nvmf_ctrl *ctrl);

/*
 * Ends in order: disconnects the I/O queues, shuts the controller down (section
 * 3.6.1) and closes.  Waits.  Commands under way end with -ECANCELED.
 * Detached queues must have come back before.
 */
NVMF_API int nvmf_ctrl_shutdown(struct nvmf_ctrl *ctrl);

/* nvmf_ctrl_shutdown where it is still connected, and frees it.  NULL is fine. */
NVMF_API void nvmf_ctrl_destroy(struct nvmf_ctrl *ctrl);

/* Why the last call with this controller, or with its admin queue, failed: one
 * sentence with address and port, never NULL; valid until the next call. */
NVMF_API const char *nvmf_ctrl_error(const struct nvmf_ctrl *ctrl);

/* What a connected controller told of itself. */
struct nvmf_ctrl_info {
	uint64_t cap;			/* Controller Capabilities */
	uint32_t version;		/* VS: 0x00010400 is 1.4 */
	uint16_t cntlid;
	bool is_discovery;
	bool header_digest, data_digest, sqflow_off;	/* as agreed */
	bool has_volatile_cache;
	uint32_t max_transfer;		/* bytes a command; never 0 */
	uint32_t in_capsule;		/* bytes of data an I/O command capsule */
	uint32_t max_entries;		/* of a queue (CAP.MQES + 1) */
	uint32_t namespaces;		/* NN: the highest NSID */
	char serial[21], model[41], firmware[9];	/* without trailing blanks */
	char subnqn[257];
};

/* Fills *info; -ENOTCONN before nvmf_ctrl_connect. */
NVMF_API int nvmf_ctrl_info_sized(struct nvmf_ctrl *ctrl, struct nvmf_ctrl_info *info,
				  size_t size);

static inline int nvmf_ctrl_info(struct nvmf_ctrl *ctrl, struct nvmf_ctrl_info *info)
{
	return nvmf_ctrl_info_sized(ctrl, info, sizeof(*info));
}

/* ---- commands ---------------------------------------------------------------------- */

/*
 * What the program says of a command; the library adds identifier and SGL.  In a
 * Fabrics command (opcode 7Fh) nsid's lowest byte is the type.
 */
struct nvmf_command {
	uint8_t opcode;
	uint8_t fuse;			/* 0, or 1 and 2 for a fused pair */
	uint32_t nsid;
	uint32_t cdw2, cdw3;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

/* How it ended. */
struct nvmf_completion {
	int error;			/* 0: answered; -errno: it never was */
	struct nvmf_status status;	/* the answer, where error is 0 */
	uint32_t dw0, dw1;
};

typedef void nvmf_done(void *cookie, const struct nvmf_completion *completion);

/*
 * Queues a command; the next processing call sends it, with all that were
 * queued meanwhile, in one go.  Which way `length` bytes of `data` go is told by
 * the opcode's bits 1:0 (Figure 88), a Fabrics command's by its type's. `done` is called exactly once, from within
 * a processing call (or from the one that ends the queue); it may submit, and
 * nothing else with the same controller.
 * 0; -EAGAIN: the queue is full; -EINVAL: data for an opcode that has none;
 * -ENOTCONN, -EPIPE.  With an error `done` is not called.
 */
NVMF_API int nvmf_queue_submit(struct nvmf_queue *queue, const struct nvmf_command *command,
			       void *data, uint32_t length, nvmf_done *done, void *cookie);

/*
 * Read, Write and Flush (NVM Command Set 1.0, section 3.2): `blocks` (1 to
 * 65536) logical blocks from `lba`; `length` is blocks times the block size.
 * Results as nvmf_queue_submit.
 */
NVMF_API int nvmf_queue_submit_read(struct nvmf_queue *queue, uint32_t nsid, uint64_t lba,
				    uint32_t blocks, void *data, uint32_t length,
				    nvmf_done *done, void *cookie);
NVMF_API int nvmf_queue_submit_write(struct nvmf_queue *queue, uint32_t nsid, uint64_t lba,
				     uint32_t blocks, const void *data, uint32_t length,
				     nvmf_done *done, void *cookie);
NVMF_API int nvmf_queue_submit_flush(struct nvmf_queue *queue, uint32_t nsid,
				     nvmf_done *done, void *cookie);

/* The same, and waits.  `completion` may be NULL.  Other commands of the same
 * controller go on meanwhile, keep alive included. */
NVMF_API int nvmf_queue_execute(struct nvmf_queue *queue, const struct nvmf_command *command,
				void *data, uint32_t length,
				struct nvmf_completion *completion);
NVMF_API int nvmf_queue_read(struct nvmf_queue *queue, uint32_t nsid, uint64_t lba,
			     uint32_t blocks, void *data, uint32_t length,
			     struct nvmf_completion *completion);
NVMF_API int nvmf_queue_write(struct nvmf_queue *queue, uint32_t nsid, uint64_t lba,
			      uint32_t blocks, const void *data, uint32_t length,
			      struct nvmf_completion *completion);
NVMF_API int nvmf_queue_flush(struct nvmf_queue *queue, uint32_t nsid,
			      struct nvmf_completion *completion);

/* How many commands may be under way at once: entries - 1. */
NVMF_API unsigned int nvmf_queue_depth(const struct nvmf_queue *queue);
/* How many are. */
NVMF_API unsigned int nvmf_queue_in_flight(const struct nvmf_queue *queue);

/* Why the last call with this queue failed; as nvmf_ctrl_error. */
NVMF_API const char *nvmf_queue_error(const struct nvmf_queue *queue);

/* ---- from the caller's own loop ------------------------------------------------------ */

/* The descriptor to poll, -1 when the queue has ended, and the events: POLLIN,
 * and POLLOUT where the socket took less than there was.  Ask again after each
 * processing call. */
NVMF_API int nvmf_queue_fd(const struct nvmf_queue *queue);
NVMF_API short nvmf_queue_events(const struct nvmf_queue *queue);

/*
 * In how many milliseconds nvmf_queue_process must be called although nothing
 * came: a deadline, or the admin queue's keep alive.  -1: never.
 */
NVMF_API int nvmf_queue_due(const struct nvmf_queue *queue);

/*
 * Sends what is queued, takes what has come, calls `done` for what has ended,
 * sends a keep alive that is due, ends the queue when a command has passed its
 * deadline.  Never waits.  How many commands ended, or -errno once the queue
 * has ended.
 */
NVMF_API int nvmf_queue_process(struct nvmf_queue *queue);

/* As nvmf_queue_process, and waits for at least one command to end; 0: none
 * did within timeout_ms (-1: for ever) or none was under way. */
NVMF_API int nvmf_queue_wait(struct nvmf_queue *queue, int timeout_ms);

/*
 * Sets an I/O queue free: from now on it is a handle of its own and another
 * thread may drive it, by nvmf_queue_* calls alone.  nvmf_queue_attach, by the
 * controller's thread, brings it back once that other thread has left it.
 */
NVMF_API void nvmf_queue_detach(struct nvmf_queue *queue);
NVMF_API void nvmf_queue_attach(struct nvmf_queue *queue);

/* ---- a whole controller from the caller's own loop --------------------------------------- */

/*
 * One descriptor for all: readable when a queue that is not detached has something
 * to do.  The same from nvmf_ctrl_create to nvmf_ctrl_destroy.
 *
 *	for (;;) {
 *		struct pollfd p = { nvmf_ctrl_fd(ctrl), POLLIN, 0 };
 *		poll(&p, 1, nvmf_ctrl_due(ctrl));
 *		nvmf_ctrl_process(ctrl);
 *	}
 */
NVMF_API int nvmf_ctrl_fd(const struct nvmf_ctrl *ctrl);

/* In how many milliseconds nvmf_ctrl_process must be called although the descriptor
 * says nothing: 0 after commands were submitted or a call was started.  -1: never. */
NVMF_API int nvmf_ctrl_due(struct nvmf_ctrl *ctrl);

/*
 * nvmf_queue_process for the admin queue and all queues that are not detached, and
 * goes on with the started call.  Never waits.  How many commands ended; -errno
 * once the admin queue has ended.
 */
NVMF_API int nvmf_ctrl_process(struct nvmf_ctrl *ctrl);

/* The same; where nothing ended it waits until something comes, and does it again. */
NVMF_API int nvmf_ctrl_wait(struct nvmf_ctrl *ctrl, int timeout_ms);

/*
 * The calls that wait, for a caller who must not: each begins, nvmf_ctrl_process
 * goes on with it, nvmf_ctrl_result tells how it ended.  One at a time: until then
 * these calls, and those of the same names that wait, give -EBUSY.  They fail at
 * once where the call that waits would fail without having sent anything.  What they
 * are to fill stays the library's until they have ended.
 *
 * nvmf_ctrl_start_connect takes numbers alone for traddr and trsvcid (-EINVAL):
 * looking a name up may wait, which nvmf_ctrl_connect does.
 * nvmf_ctrl_start_shutdown ends another started call; nvmf_ctrl_destroy after it
 * does not wait.  An admin command alone is nvmf_queue_submit with nvmf_ctrl_admin.
 */
NVMF_API int nvmf_ctrl_start_connect(struct nvmf_ctrl *ctrl);
NVMF_API int nvmf_ctrl_start_open_queues(struct nvmf_ctrl *ctrl, unsigned int wanted,
					 unsigned int entries);
NVMF_API int nvmf_ctrl_start_shutdown(struct nvmf_ctrl *ctrl);

/* What the call that was started last came to: -EINPROGRESS, then what the call that
 * waits returns.  `completion` may be NULL: of its last command. */
NVMF_API int nvmf_ctrl_result(struct nvmf_ctrl *ctrl, struct nvmf_completion *completion);

/* ---- admin commands, waiting ---------------------------------------------------------- */

/* Identify (section 5.17): `data` takes 4096 bytes. */
NVMF_API int nvmf_ctrl_identify(struct nvmf_ctrl *ctrl, uint8_t cns, uint32_t nsid,
				uint16_t cntid, void *data,
				struct nvmf_completion *completion);

/*
 * `length` bytes (a multiple of 4) of log page `lid` from byte `offset` (a
 * multiple of 4), in as many commands as needed (section 5.16).  `lsp`: log
 * specific parameter; `retain`: RAE, do not clear the event.
 */
NVMF_API int nvmf_ctrl_get_log(struct nvmf_ctrl *ctrl, uint8_t lid, uint8_t lsp,
			       bool retain, uint32_t nsid, uint64_t offset,
			       void *data, uint32_t length,
			       struct nvmf_completion *completion);

/* Get and Set Features (sections 5.15 and 5.27) of a feature without data;
 * *value takes the completion's dword 0 and may be NULL. */
NVMF_API int nvmf_ctrl_get_feature(struct nvmf_ctrl *ctrl, uint8_t fid, uint32_t nsid,
				   uint32_t *value, struct nvmf_completion *completion);
NVMF_API int nvmf_ctrl_set_feature(struct nvmf_ctrl *ctrl, uint8_t fid, uint32_t nsid,
				   uint32_t cdw11, uint32_t *value,
				   struct nvmf_completion *completion);

/* A controller property (section 3.1.3): 4 or 8 bytes at `offset`. */
NVMF_API int nvmf_ctrl_get_property(struct nvmf_ctrl *ctrl, uint32_t offset,
				    unsigned int bytes, uint64_t *value);
NVMF_API int nvmf_ctrl_set_property(struct nvmf_ctrl *ctrl, uint32_t offset,
				    unsigned int bytes, uint64_t value);

/* ---- events ----------------------------------------------------------------------------- */

/* What a controller tells unasked (section 5.2, Figures 145 and following). */
struct nvmf_event {
	uint8_t type, info;		/* 0, 1: error and SMART; 2: notice, ... */
	uint8_t log_page;		/* to read: until then no more of this type come */
	uint32_t parameter;
};

typedef void nvmf_on_event(void *cookie, const struct nvmf_event *event);

/*
 * From now on, or from the connection on, `call` is told of every event, by the rules
 * of nvmf_done.  NULL for event: there will be no more, because the controller
 * refuses the request or the connection has ended.  NULL for call ends it.  Which
 * events come is set by feature 0Bh (section 5.27.1.8).  The request that is always
 * under way takes one place of the admin queue and is not counted as in flight.
 * -EINVAL: the admin queue has only two entries.
 */
NVMF_API int nvmf_ctrl_on_event(struct nvmf_ctrl *ctrl, nvmf_on_event *call, void *cookie);

/* ---- namespaces ------------------------------------------------------------------------ */

struct nvmf_ns_info {
	uint32_t nsid;
	uint32_t block_size;		/* bytes */
	uint64_t blocks;
	bool is_read_only;
};

/* Fills *info; -ENXIO: the namespace is not there or not active. */
NVMF_API int nvmf_ctrl_ns_info_sized(struct nvmf_ctrl *ctrl, uint32_t nsid,
				     struct nvmf_ns_info *info, size_t size);
/* The same as a started call. */
NVMF_API int nvmf_ctrl_start_ns_info_sized(struct nvmf_ctrl *ctrl, uint32_t nsid,
					   struct nvmf_ns_info *info, size_t size);

static inline int nvmf_ctrl_ns_info(struct nvmf_ctrl *ctrl, uint32_t nsid,
				    struct nvmf_ns_info *info)
{
	return nvmf_ctrl_ns_info_sized(ctrl, nsid, info, sizeof(*info));
}

static inline int nvmf_ctrl_start_ns_info(struct nvmf_ctrl *ctrl, uint32_t nsid,
					  struct nvmf_ns_info *info)
{
	return nvmf_ctrl_start_ns_info_sized(ctrl, nsid, info, sizeof(*info));
}

#ifdef __cplusplus
}
#endif

#endif
