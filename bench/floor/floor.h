/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor: NVMe/TCP-shaped bytes over loopback sockets with nothing behind them.
 *
 *	read:	CapsuleCmd			-> C2HData + data [-> CapsuleResp]
 *	write:	CapsuleCmd + data		-> CapsuleResp	(what fits a capsule)
 *		CapsuleCmd -> R2T -> H2CData + data -> CapsuleResp
 *
 * No command is looked at beyond its opcode and nothing is matched or checked, so
 * that a target can only be slower than this.
 */
#ifndef FLOOR_H
#define FLOOR_H

#include "wire/tcp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define AREA_SIZE ((size_t)256 << 20)	/* no cache holds it */
#define RECEIVE_SIZE ((size_t)256 << 10)

struct plan {
	unsigned long size, depth, connections, read_percent, in_capsule, milliseconds;
	unsigned long server_cpu, client_cpu;
	bool responses;			/* reads end by a capsule, not by the SUCCESS flag */
	bool spins, client_spins;
	bool hot;			/* one buffer that the cache holds instead of the area */
	bool huge;			/* huge pages for the area */
};

/* ---- machine.c ----------------------------------------------------------------------- */

/* Ends the program with a sentence; of errno, where it is not 0. */
void die(const char *what) __attribute__((noreturn));

void pin_to_cpu(unsigned long cpu);
double seconds_now(void);
/* Seconds that the CPU was busy, softirq included, since some moment. */
double cpu_busy(unsigned long cpu);

/* xorshift64*; the state is not 0. */
uint32_t draw(uint64_t *state);

/* ---- stream.c: one connection, either end --------------------------------------------- */

struct stream;

struct role {
	/* A header has come; data follows when it sets `payload` (and `place`). */
	void (*take)(struct stream *, const struct tcp_ch *header);
	/* The data has come. */
	void (*taken)(struct stream *);
	/* Where the data of the next command goes; only for streams that foresee it. */
	uint8_t *(*place)(struct stream *);
};

enum progress { STREAM_LEFT, STREAM_EMPTY, STREAM_MORE };

struct stream {
	const struct role *role;
	void *owner;
	int fd;
	struct iovec *queue;		/* to be sent: [first, end) */
	size_t first, end, room;
	uint8_t *buffer;		/* one for all of an end: it stays hot */
	uint8_t header[sizeof(struct tcp_command)];
	size_t header_bytes;
	size_t payload;			/* data that is still to come */
	uint8_t *place;			/* where to; NULL: it is dropped */
	size_t most;			/* bytes of a receive, RECEIVE_SIZE at most */
	size_t foreseen;		/* nothing else comes than commands with so much data */
};

/* RECEIVE_SIZE bytes. */
uint8_t *stream_buffer(void);
void stream_init(struct stream *, int fd, const struct role *, void *owner, uint8_t *buffer);
void stream_free(struct stream *);
/* The bytes stay where they are until they have left. */
void stream_push(struct stream *, const void *bytes, size_t length);
void stream_send(struct stream *);
/* One receive; may wait for its first bytes. */
enum progress stream_receive(struct stream *, bool waits);
static inline bool stream_has_output(const struct stream *s)
{
	return s->first < s->end;
}

/* ---- the two ends -------------------------------------------------------------------- */

/* Serves connections of this listening socket until they end; a byte to `ready`
 * when all have come. */
void serve(const struct plan *, int listener, int ready);

struct outcome {
	double seconds, server_busy, client_busy;
	uint64_t reads, writes;
};

/* Keeps commands under way on connected sockets for as long as planned. */
struct outcome load(const struct plan *, const int *sockets);

#endif
