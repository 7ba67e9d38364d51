/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A controller's end of a connection with a scripted sink behind it, and a
 * hand-made host before it.
 *
 * What the sink does with a command stands in the command itself, so that one
 * stream of bytes is a whole script, for a test as for a fuzzer:
 *   dword 15, byte 0	what to do, enum act
 *   dword 14		how many bytes
 *   dword 13		status to answer with, DW0 in dword 12
 */
#ifndef TESTS_UNIT_TCP_RIG_H
#define TESTS_UNIT_TCP_RIG_H

#include "bytes.h"

#include "tcp/conn.h"

enum act {
	ACT_ANSWER,		/* respond at once */
	ACT_READ,		/* respond with data: reserved where possible */
	ACT_READ_REFERRED,	/* respond with data in the sink's own buffer */
	ACT_WRITE,		/* take what is in the capsule, or fetch it */
	ACT_PARK,		/* keep it: rig_release answers it */
	ACT_READ_PARK,		/* as ACT_READ_REFERRED, when released */
	ACT_WRITE_PARK,		/* fetch, and keep it when it has come */
	ACT_WRITE_LATE,		/* keep it; fetch when released */
	ACT_HOLD,		/* hold, and keep it: rig_resume answers it and resumes */
	ACT_CONNECT,		/* agree on a queue: entries in dword 14 */
	ACT_CONNECT_FLOW_OFF,
	ACT_RESERVE_FAIL,	/* reserve, then respond with the status */
	ACT_CLOSE,		/* tcp_close from within, then respond */
	ACT_DROP,		/* tcp_drop from within, then respond */
	ACT_RELEASE,		/* release what is parked from within, then respond */
	ACT_READ_LENT,		/* respond with lent blocks, where possible */
	ACT_COUNT,
};

/* The sink settles by itself when it has put off so many. */
#define RIG_PUT_OFF 32

struct rig {
	struct tcp_conn conn;
	struct capsule_queue queue;
	struct tcp_config config;
	struct list parked, live;

	/* Books: every capsule and every byte of memory comes back once. */
	unsigned int gets, sents, commands, received;
	size_t taken;			/* bytes that the connection has */
	size_t take_most;		/* take() fails above this; 0: never */
	unsigned int takes_left;	/* take() fails when used up; -1: never */
	unsigned int gets_left;		/* get() fails when used up; -1: never */
	uint32_t data_most;		/* the longest data a command gets; 0: 4 MiB */
	bool is_quiet;			/* no trace */
	bool starts_in_sent;		/* a capsule that ends starts a parked one */

	/* In-capsule data that stays until the sink settles, with a sum of it. */
	struct {
		const uint8_t *data;
		uint32_t length, sum;
	} put_off[RIG_PUT_OFF];
	unsigned int put_off_count;
	unsigned int put_off_all;	/* since the beginning */

	/* What was seen, in order; no addresses, so that runs can be compared. */
	struct bytes trace;
	struct bytes out;		/* what was sent */
	size_t seen;			/* of that, looked at */
	unsigned int pieces;		/* largest vector; 0: 16 */
	size_t part;			/* of a vector, see tcp_tx_vector; 0: any */
	size_t gulp;			/* bytes sent at a time; 0: all */

	/* Lent blocks are overwritten, each with its next word, as soon as nobody
	 * holds them. */
	uint32_t hold_most;		/* bytes a hold gives at most; 0: all */
	unsigned int hold_refusals;	/* every so many one is refused, unless it waits; 0: none */
	uint32_t hold_least;		/* no hold may begin before */
	unsigned int holds, held;	/* calls; capsules that are held now */

	struct dialect dialect;		/* agreed; digests of both directions */
	unsigned int align;		/* of the data in C2HData */
};

/* What is lent is written in blocks of so many bytes. */
#define RIG_BLOCK 512u

void rig_open(struct rig *);
/* Closes, answers what is parked, and balances the books. */
void rig_close(struct rig *);

/* Feeds from memory of exactly that size; with `place` as a receiver does. */
void rig_feed(struct rig *, const void *, size_t);
void rig_feed_placed(struct rig *, const void *, size_t);
/* Feeds and empties. */
void rig_give(struct rig *, struct bytes *);
/* Sends once: so many bytes at most of what is queued. */
void rig_send(struct rig *, size_t most);
/* Sends all that is queued. */
void rig_pump(struct rig *);
/* Answers what is parked; how many those were. */
unsigned int rig_release(struct rig *);
/* Ends a hold. */
void rig_resume(struct rig *);

/* ICReq and its answer. */
void rig_shake(struct rig *, uint8_t hpda, uint8_t dgst);
/* ... and a Connect with so many entries; 0: none. */
void rig_connect(struct rig *, uint8_t hpda, uint8_t dgst, uint32_t entries, bool flow_off);

/* The next PDU that was sent; the test fails unless it is of this type. */
struct seen rig_see(struct rig *, uint8_t type);
void rig_see_none(struct rig *);
/* The next PDU is a response: status, and its SQHD. */
uint16_t rig_see_response(struct rig *, uint16_t cid, uint16_t status);
void rig_see_term(struct rig *, uint16_t fes, uint32_t fei);

/* A submission queue entry for the script. */
void rig_sqe(uint8_t sqe[64], uint16_t cid, enum act, uint32_t n);
void rig_command(struct rig *, struct bytes *, uint16_t cid, enum act, uint32_t n);
/* What a read of command `cid` returns at `offset`. */
uint8_t rig_pattern(uint16_t cid, uint32_t offset);

#endif
