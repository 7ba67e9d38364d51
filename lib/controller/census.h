/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is connected, for those who ask: each worker writes down what is its own.
 */
#ifndef NVMF_CONTROLLER_CENSUS_H
#define NVMF_CONTROLLER_CENSUS_H

#include "controller/target.h"

enum census_state { CENSUS_NEW, CENSUS_CONNECTING, CENSUS_LIVE, CENSUS_ENDING };

struct controller_entry {
	const struct subsystem_life *life;	/* whose it is */
	uint16_t cntlid;
	bool is_discovery;
	char hostnqn[NQN_FIELD_SIZE];
	uint8_t hostid[16];
	uint32_t io_queues;		/* that are connected */
	unsigned int worker;
};

struct queue_entry {
	const struct subsystem_life *life;	/* NULL: it has no controller yet, or any more */
	uint16_t cntlid, qid;
	bool is_discovery;
	enum census_state state;
	char hostnqn[NQN_FIELD_SIZE];
	/* Empty where the connection has ended. */
	char peer[NET_ADDRESS_TEXT], local[NET_ADDRESS_TEXT];
	bool is_ipv6;
	uint16_t peer_port;		/* of TCP */
	uint64_t port;			/* the key of the model's */
	unsigned int worker;
	struct health_total done;	/* what its host had done */
	struct latency latency;
};

/* Connects that were granted since the start. */
struct connect_counts {
	uint64_t admin, io;
};

/* Counts go on beyond the room: then there was too little. */
struct census {
	struct controller_entry *controllers;
	struct queue_entry *queues;
	unsigned int controller_room, controller_count, queue_room, queue_count;
	/* By station, as many as there are; NULL: nobody asks. */
	struct connect_counts *connects;
};

/* Thread: the station's worker.  Adds those of the station. */
void census_take(struct station *, struct census *);

#endif
