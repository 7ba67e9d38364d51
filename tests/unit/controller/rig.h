/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole target in this process, with storage that a test holds back and lets
 * go, and hosts on the other ends of TCP connections.
 */
#ifndef TESTS_UNIT_CONTROLLER_RIG_H
#define TESTS_UNIT_CONTROLLER_RIG_H

#include "../unit.h"

#include "controller/controller.h"
#include "qpair/qpair.h"

#define RIG_WORKERS 2
#define RIG_NQN "nqn.2026-11.org.example:rig"
#define RIG_HOSTNQN "nqn.2026-11.org.example:host"
#define RIG_BLOCKS 8192u		/* of 512 bytes, in namespace 1 */
#define RIG_CAPSULES 256
#define RIG_HELD 1024
#define RIG_PATIENCE_MS 5000

/* An operation as the storage saw it. */
struct rig_seen {
	enum backend_opcode opcode;
	uint32_t length;
};

struct rig_settings {
	size_t buffers;			/* 0: 8 MiB */
	unsigned int handshake_s, association_s;	/* 0: 60 */
	bool has_volatile_cache, is_immediate;
	uint32_t write_unit, write_optimal, deallocate_unit, io_boundary;
};

struct rig {
	struct model model;
	struct target target;
	struct log log;
	uint16_t port_id;
	uint64_t port_key;
	/* Under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char said[65536];		/* the log, sentences with line ends */
	struct backend storage;
	struct model_runtime runtime;
	bool is_holding;
	int result;			/* of what is not held */
	int zero_result;		/* ... and is BACKEND_ZERO, where not 0 */
	struct backend_op *held[RIG_HELD];
	struct worker *holder[RIG_HELD];
	unsigned int held_count;
	struct rig_seen seen[1024];
	unsigned int seen_count;
	unsigned int put_off, most_together;	/* writes that came by ops->write */
};

void rig_open(struct rig *, const struct rig_settings *);
/* Ends every connection; nothing may be left. */
void rig_close(struct rig *);
/* Runs it on a worker, and waits. */
void rig_on(struct rig *, unsigned int worker, void (*run)(void *), void *argument);
/* From now on the storage keeps what it gets, until rig_release. */
void rig_hold(struct rig *);
void rig_release(struct rig *);
unsigned int rig_held(struct rig *);
/* Waits until so many operations are held. */
void rig_await_held(struct rig *, unsigned int count);
/* Waits until there are so many connections, controllers. */
void rig_await_queues(struct rig *, unsigned int count);
void rig_await_controllers(struct rig *, unsigned int count);
struct health_total rig_health(const struct rig *);
bool rig_has_said(struct rig *, const char *words);
/* Of the first controller: only its worker may ask for more than the pointer. */
struct controller *rig_controller(struct rig *);

/* A host's end of a queue. */
struct rig_host {
	struct qpair qpair;
	struct tcp_config config;
	struct capsule capsules[RIG_CAPSULES];
	bool has_ended[RIG_CAPSULES];
	unsigned int next;		/* capsule, and command identifier */
	uint8_t bytes[65536];
	struct qpair_buffer buffer;
	bool is_closed;
};

/* Connects to a worker and shakes hands. */
void host_open(struct rig_host *, struct rig *, unsigned int worker);
void host_close(struct rig_host *);
/* Sends what is queued, without looking for answers. */
void host_send(struct rig_host *);
/* Queues a command; the capsule is good until RIG_CAPSULES commands later. */
struct capsule *host_queue(struct rig_host *, const struct nvme_sqe *, void *data,
			   uint32_t length);
/* ... and sends it. */
struct capsule *host_submit(struct rig_host *, const struct nvme_sqe *, void *data,
			    uint32_t length);
/* Its status, when it has come; the test fails when nothing comes. */
uint16_t host_wait(struct rig_host *, struct capsule *);
uint16_t host_run(struct rig_host *, const struct nvme_sqe *, void *data, uint32_t length);
/* Whether the target closes the connection within `ms`. */
bool host_sees_end(struct rig_host *, int ms);

/* Connects: the capsule, to be waited for. */
struct host_connect {
	const char *hostnqn;		/* NULL: RIG_HOSTNQN */
	const char *subnqn;		/* NULL: RIG_NQN */
	uint16_t cntlid, qid;
	uint32_t kato;
};
struct capsule *host_submit_connect(struct rig_host *, const struct host_connect *);
/* An admin queue; the controller identifier. */
uint16_t host_connect_admin(struct rig_host *, struct rig *, uint32_t kato);
/* ... enabled, with so many I/O queues granted. */
uint16_t host_enable(struct rig_host *, struct rig *, uint32_t kato, unsigned int queues);
/* An I/O queue. */
void host_connect_io(struct rig_host *, struct rig *, uint16_t cntlid, uint16_t qid);

/* Commands. */
struct nvme_sqe sqe_of(uint8_t opcode, uint32_t nsid);
struct nvme_sqe sqe_io(uint8_t opcode, uint32_t blocks, bool fua);
struct nvme_sqe sqe_disconnect(void);
void host_write_cc(struct rig_host *, uint32_t cc);
uint32_t host_read_csts(struct rig_host *);
/* Waits until CSTS has this value. */
void host_await_csts(struct rig_host *, uint32_t csts);

#define RIG_CC 0x460001u		/* enabled, entries of 64 and 16 bytes */
#define RIG_CC_OFF 0x460000u
#define RIG_SHN 0x4000u

#endif
