/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share. */
#ifndef NVMF_HOST_INTERNAL_H
#define NVMF_HOST_INTERNAL_H

#include "base/list.h"
#include "qpair/qpair.h"
#include "wire/fabrics.h"

#include <nvmf/host.h>

#define SENTENCE_SIZE 320
#define RECEIVE_BUFFER_SIZE (256u * 1024)
#define SPARE_CHUNKS 4
#define PATIENCE_MS 100

/* A place for one command under way; its index is the command identifier. */
struct slot {
	struct capsule capsule;		/* its link: free or busy */
	nvmf_done *done;
	void *cookie;
	uint64_t deadline;		/* ms; UINT64_MAX: none */
};

struct nvmf_queue {
	struct nvmf_ctrl *ctrl;
	uint16_t qid;
	bool is_open, is_detached;
	int error;			/* why it is not open, -errno */
	unsigned int ended;		/* commands that ended, by now */

	struct qpair qpair;
	struct qpair_buffer buffer;
	struct tcp_config config;
	void *spare[SPARE_CHUNKS];	/* send chunks to be used again */
	unsigned int spares;

	struct slot *slots;
	unsigned int depth, busy_count;
	struct list free, busy;		/* busy: by age, hence by deadline */
	uint32_t command_timeout_ms;

	char sentence[SENTENCE_SIZE];	/* about the last error */
};

struct nvmf_ctrl {
	struct nvmf_ctrl_options options;
	char *traddr, *trsvcid, *subnqn, *hostnqn;	/* what options point to */
	uint8_t hostid[16];

	struct nvmf_queue admin;
	struct nvmf_queue **queues;
	unsigned int queue_count;

	struct nvmf_ctrl_info info;
	uint16_t ofcs;
	uint64_t keep_alive_due;	/* ms; UINT64_MAX: never */
	bool keep_alive_pending;
	bool was_connected;
};

/* ---- error.c ---- */

/* Notes the sentence and returns `error`, a negative errno. */
int host_queue_fail(struct nvmf_queue *, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* For a command that ended badly: "what: Invalid Field in Command". */
int host_queue_fail_completion(struct nvmf_queue *, const struct nvmf_completion *,
			       bool is_fabrics, const char *what);

/* ---- queue.c ---- */

uint64_t host_now_ms(void);

/* The slots for a queue of `entries`.  0 or -ENOMEM. */
int host_queue_init(struct nvmf_queue *, struct nvmf_ctrl *, uint16_t qid, unsigned int entries);
/* nvmf_queue_process; by choice it waits up to PATIENCE_MS for the first byte. */
int host_queue_process(struct nvmf_queue *, bool may_wait);
/* Wraps a connected socket, which becomes the queue's own. */
int host_queue_start(struct nvmf_queue *, int fd);
/* Ends it: every command under way completes with `error`. */
void host_queue_end(struct nvmf_queue *, int error);
void host_queue_free(struct nvmf_queue *);

/* Lays a command out; -EINVAL: its opcode has no data. */
int host_queue_build_sqe(struct nvmf_queue *, const struct nvmf_command *, uint32_t length,
			 struct nvme_sqe *);
/* Queues a command made of a whole submission queue entry. */
int host_queue_submit_sqe(struct nvmf_queue *, const struct nvme_sqe *, void *data,
			  uint32_t length, bool to_controller, nvmf_done *, void *cookie);

/* ---- wait.c ---- */

/* Drives the queue, or all of its controller's, until something comes. */
int host_queue_drive(struct nvmf_queue *, int timeout_ms);
/* Submits and waits for the end. */
int host_queue_execute_sqe(struct nvmf_queue *, const struct nvme_sqe *, void *data,
			   uint32_t length, bool to_controller, struct nvmf_completion *);

/* ---- connect.c ---- */

/* TCP, ICReq and Connect.  On failure the queue is closed again. */
int host_queue_connect(struct nvmf_queue *, unsigned int entries);
/* Disconnect, where the controller knows it, and close. */
void host_queue_disconnect(struct nvmf_queue *);

/* ---- property.c ---- */

int host_ctrl_enable(struct nvmf_ctrl *);
int host_ctrl_shut_down(struct nvmf_ctrl *);

/* ---- identity.c ---- */

/* Host identifier and NQN from what the options give. */
int host_ctrl_take_identity(struct nvmf_ctrl *);

/* ---- keep_alive.c ---- */

void host_keep_alive_start(struct nvmf_ctrl *);
/* Sends one if it is time. */
void host_keep_alive_check(struct nvmf_ctrl *, uint64_t now);

#endif
