/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker in miniature: a lane, and the loop that drives it. */
#ifndef TESTS_BACKEND_BED_H
#define TESTS_BACKEND_BED_H

#include "support.h"

#include "backend/registry.h"

struct bed {
	struct timer_heap timers;
	struct backend_lane lane;
	unsigned int under_way;
};

/* An operation of the test's, with its end. */
struct bed_op {
	struct backend_op op;
	struct bed *bed;
	bool has_ended;
	int result;
};

/* Asserts, so only on the main thread. */
static inline void bed_open(struct bed *b, enum io_engine_kind kind)
{
	char error[200] = "";

	*b = (struct bed){ .under_way = 0 };
	timer_heap_init(&b->timers);
	b->lane.timers = &b->timers;
	/* Where io_uring is refused the threads must do. */
	if (kind == IO_ENGINE_URING)
		kind = IO_ENGINE_AUTO;
	if (io_engine_open(&b->lane.io, kind, 64, error, sizeof(error)))
		fail_msg("%s", error);
}

static inline void bed_close(struct bed *b)
{
	io_engine_close(b->lane.io);
}

static inline int bed_timeout(const struct bed *b)
{
	uint64_t next = timer_next(&b->timers), now = now_ns();

	if (next == UINT64_MAX)
		return 10000;
	return next <= now ? 0 : (int)((next - now) / NS_PER_MS) + 1;
}

/* One turn of the loop. */
static inline void bed_turn(struct bed *b)
{
	io_engine_flush(b->lane.io);
	if (!can_reap_within(b->lane.io, bed_timeout(b)) &&
	    timer_next(&b->timers) == UINT64_MAX) {
		fprintf(stderr, "# %u operations are never answered\n",
			b->under_way);
		abort();
	}
	io_engine_reap(b->lane.io);
	timer_run(&b->timers, now_ns());
}

static inline void bed_done(struct backend_op *op, int result)
{
	struct bed_op *o = (struct bed_op *)op;

	if (o->has_ended)
		abort();
	o->has_ended = true;
	o->result = result;
	o->bed->under_way--;
}

static inline void bed_start(struct bed *b, struct backend *backend,
			     struct bed_op *o, enum backend_opcode opcode,
			     unsigned int flags, uint64_t offset, void *data,
			     uint32_t length)
{
	o->op = (struct backend_op){ .opcode = opcode, .flags = flags,
				     .offset = offset, .data = data,
				     .length = length, .done = bed_done };
	o->bed = b;
	o->has_ended = false;
	o->result = backend_submit(backend, &b->lane, &o->op);
	if (o->result == BACKEND_PENDING)
		b->under_way++;
	else
		o->has_ended = true;
}

static inline int bed_wait(struct bed *b, struct bed_op *o)
{
	while (!o->has_ended)
		bed_turn(b);
	return o->result;
}

static inline int bed_run(struct bed *b, struct backend *backend,
			  enum backend_opcode opcode, unsigned int flags,
			  uint64_t offset, void *data, uint32_t length)
{
	struct bed_op o;

	bed_start(b, backend, &o, opcode, flags, offset, data, length);
	return bed_wait(b, &o);
}

static inline struct backend *must_open(const struct backend_spec *s)
{
	struct backend *b = NULL;
	char error[300] = "";

	if (backend_open(s, &b, error, sizeof(error)))
		fail_msg("%s", error);
	return b;
}

static inline void must_refuse(struct backend_spec s, int errno_wanted,
			       const char *words)
{
	struct backend *b = NULL;
	char error[300] = "";

	assert_int_equal(backend_open(&s, &b, error, sizeof(error)),
			 -errno_wanted);
	assert_null(b);
	if (!strstr(error, words))
		fail_msg("'%s' does not say '%s'", error, words);
}

#endif
