/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A controller for the host's side to talk to: one thread, one small disk, and
 * switches for what goes wrong.  It listens on 127.0.0.1, any port.
 */
#ifndef TESTS_UNIT_HOST_PEER_H
#define TESTS_UNIT_HOST_PEER_H

#include "qpair/qpair.h"
#include "wire/fabrics.h"

#include <nvmf/discovery.h>

#include <pthread.h>
#include <stdatomic.h>

#define PEER_BLOCK 512u
#define PEER_BLOCKS 4096u
#define PEER_NQN "nqn.2014-08.org.example:peer"

/* An admin command that makes an event: dwords 0 and 1 of its completion are dwords 10
 * and 11 of this one. */
#define PEER_RAISE 0xc0

struct peer_options {
	bool header_digest, data_digest;	/* allowed */
	uint32_t in_capsule;
	uint32_t maxh2cdata;
	uint8_t mdts;
	uint16_t queues;			/* granted at most */
	uint16_t ofcs;
	uint32_t records;			/* of the discovery log */

	/* What goes wrong. */
	bool mute_handshake;			/* ICReq is never answered */
	bool garbage_handshake;			/* ... is answered with nonsense */
	bool never_ready, fatal;		/* CSTS */
	uint16_t connect_status;		/* for the admin queue's Connect */
	uint32_t connect_dw0;
	uint16_t refused_qid;			/* this I/O queue's Connect: Controller Busy */
	bool mute_queues;			/* an I/O queue's Connect is never answered */
	uint16_t event_status;			/* for Asynchronous Event Requests; 0: held */
	int mute_admin;				/* this admin command is never answered; -1 */
	int mute_opcode;			/* this I/O command is never answered; -1 */
	int drop_opcode;			/* this one ends the connection; -1 */
	int babble_opcode;			/* this one is answered with nonsense; -1 */
	bool deaf_to_term;			/* ... and the connection is kept after that */
	int fail_opcode;			/* this one gets fail_status; -1 */
	uint16_t fail_status;
	unsigned int log_changes;		/* GENCTR moves with so many reads of it */
};

#define PEER_OPTIONS { .in_capsule = 4096, .maxh2cdata = 65536, .mdts = 5, .queues = 8, \
		       .ofcs = 1, .records = 3, .mute_admin = -1, .mute_opcode = -1, .drop_opcode = -1, \
		       .babble_opcode = -1, \
		       .fail_opcode = -1 }

struct peer {
	struct peer_options options;
	pthread_t thread;
	int listen_fd, wake_fd;
	char port[8];
	uint8_t *disk;
	uint32_t cc, csts;
	uint64_t genctr;

	/* What it saw. */
	atomic_uint event_requests;
	atomic_uint connects, disconnects, keep_alives, shutdowns, live, ended;
	atomic_uint connect_kato, flow_off;
	atomic_uint terms;			/* connections that a TermReq of the host ended */
	struct nvmf_connect_data connect_data;	/* of the last Connect */
};

void peer_start(struct peer *, const struct peer_options *);
void peer_stop(struct peer *);

/* Options that lead there. */
struct nvmf_ctrl_options peer_client(const struct peer *);
/* A handle connected to it, with so many I/O queues; fails the test. */
struct nvmf_ctrl *peer_connect(const struct peer *, unsigned int queues);

#endif
