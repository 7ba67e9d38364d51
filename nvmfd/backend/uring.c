/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine on io_uring.
 *
 * Why an eventfd and not the ring's own descriptor: with DEFER_TASKRUN,
 * finished work waits for the owner to enter the kernel, and from Linux 6.3 on
 * that work wakes a sleeper in io_uring_enter or an eventfd, but nobody who
 * polls the ring (seen on 6.18: epoll slept through completions of a pipe and
 * of an O_DIRECT read alike).
 */
#include "backend/engine_impl.h"

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Submissions between two flushes; more are handed over at once. */
#define BATCH_MAX 256u
/* Completions between two reaps; the kernel keeps what is beyond, at a price. */
#define COMPLETIONS_MAX 4096u
#define REAP_BATCH 64u
/* Rounds that may bring nothing; then it is somebody else's turn. */
#define REAP_ROUNDS 16u
/* So many of a batch are handed over before the rest is there: a device that had nothing
 * to do begins with them meanwhile.  What ends at once, as in the page cache, gains
 * nothing by that. */
#define EARLY 4u

struct uring {
	struct io_engine base;
	struct io_uring ring;
	bool is_disabled;	/* until its owner's first call */
	bool has_begun;		/* the first ones since the last flush are handed over */
	bool ends_at_once;	/* something did, when it was last handed over */
	struct list unsent;	/* found no room in the submission queue */
};

/* Threads that the kernel may start, where they are needed: for a sync, and for
 * a transfer that would block.  One hung device takes as many as may be under
 * way on it; the kernel's own bound, 4 a processor, leaves others none. */
#define KERNEL_THREADS 4096u

/* Best first; a kernel that does not know a flag answers EINVAL. */
static const unsigned int flag_sets[] = {
	/* 6.1: completions are handled when the owner asks, in one go.  Such a
	 * ring belongs to the thread that enables it. */
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED,
	/* 5.19: they interrupt no system call. */
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	0,
};

#define FLAG_SETS (sizeof(flag_sets) / sizeof(flag_sets[0]))

static struct uring *uring_of(struct io_engine *e)
{
	return (struct uring *)e;
}

static bool enable(struct uring *u)
{
	/* By number: Debian 12's liburing does not export its own call. */
	long r = syscall(__NR_io_uring_register, u->ring.ring_fd,
			 IORING_REGISTER_ENABLE_RINGS, NULL, 0);

	u->is_disabled = r < 0;
	return !u->is_disabled;
}

static void prepare(struct io_uring_sqe *sqe, struct io_request *r)
{
	switch (r->opcode) {
	case IO_READ:
		io_uring_prep_read(sqe, r->fd, io_rest_data(r),
				   io_rest_length(r), io_rest_offset(r));
		break;
	case IO_WRITE:
	case IO_WRITE_DURABLE:
		io_uring_prep_write(sqe, r->fd, io_rest_data(r),
				    io_rest_length(r), io_rest_offset(r));
		if (r->opcode == IO_WRITE_DURABLE)
			sqe->rw_flags = RWF_DSYNC;
		break;
	case IO_DATASYNC:
		io_uring_prep_fsync(sqe, r->fd, IORING_FSYNC_DATASYNC);
		break;
	case IO_ZERO:
	case IO_PUNCH:
		io_uring_prep_fallocate(sqe, r->fd, io_zero_mode(r), r->offset, r->length);
		break;
	}
	/* Else the kernel tries without waiting first, here. */
	if (io_state(r)->repeats || r->flags & IO_MAY_BLOCK)
		sqe->flags |= IOSQE_ASYNC;
	io_uring_sqe_set_data(sqe, r);
}

/* False: the submission queue is full. */
static bool enqueue(struct uring *u, struct io_request *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (sqe)
		prepare(sqe, r);
	return sqe;
}

static void hand_over(struct uring *u)
{
	unsigned int before = io_uring_cq_ready(&u->ring), ended;

	if (u->is_disabled && !enable(u)) {
		io_engine_wake(&u->base);
		return;
	}
	if (!io_uring_sq_ready(&u->ring))
		return;
	/* EAGAIN, EBUSY: the kernel is short of memory.  Come back soon, even
	 * if nothing else should happen. */
	if (io_uring_submit(&u->ring) < 0)
		io_engine_wake(&u->base);
	ended = io_uring_cq_ready(&u->ring) - before;
	u->ends_at_once = ended;
	u->base.ended_at_once += ended;
}

static bool may_begin(const struct uring *u)
{
	return !u->has_begun && !u->ends_at_once &&
	       io_uring_sq_ready(&u->ring) == EARLY;
}

/* False: there is no room, and the kernel takes nothing just now. */
static bool enqueue_or_hand_over(struct uring *u, struct io_request *r)
{
	if (enqueue(u, r))
		return true;
	hand_over(u);
	return enqueue(u, r);
}

static void uring_start(struct io_engine *e, struct io_request *r)
{
	struct uring *u = uring_of(e);

	if (!list_is_empty(&u->unsent) || !enqueue_or_hand_over(u, r)) {
		list_append(&u->unsent, &io_state(r)->link);
	} else if (may_begin(u)) {
		u->has_begun = true;
		hand_over(u);
	}
}

static void uring_flush(struct io_engine *e)
{
	struct uring *u = uring_of(e);
	struct list *link;

	u->has_begun = false;
	hand_over(u);
	while (!list_is_empty(&u->unsent)) {
		link = list_pop(&u->unsent);
		if (!enqueue(u, io_request_of(link))) {
			list_prepend(&u->unsent, link);
			break;
		}
		if (!io_uring_sq_space_left(&u->ring))
			hand_over(u);
	}
	if (io_uring_sq_ready(&u->ring))
		hand_over(u);
}

/* How many were there, `most` at the most. */
static unsigned int reap_batch(struct uring *u, unsigned int most, unsigned int *answered)
{
	struct io_uring_cqe *cqes[REAP_BATCH];
	unsigned int n = io_uring_peek_batch_cqe(&u->ring, cqes,
						 most < REAP_BATCH ? most : REAP_BATCH);

	for (unsigned int i = 0; i < n; i++) {
		struct io_request *r = io_uring_cqe_get_data(cqes[i]);

		*answered += io_engine_ended(&u->base, r, cqes[i]->res);
	}
	io_uring_cq_advance(&u->ring, n);
	return n;
}

/* One entry into the kernel handles a bounded part of what has ended, and that
 * part may bring no completion: a read that waited for one page may go on to
 * wait for the next. */
static bool has_unhandled_work(const struct uring *u)
{
	unsigned int flags = __atomic_load_n(u->ring.sq.kflags,
					     __ATOMIC_RELAXED);

	return flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static bool uring_has_more(const struct io_engine *e, unsigned int than)
{
	return io_uring_cq_ready(&((const struct uring *)e)->ring) > than;
}

static unsigned int uring_reap(struct io_engine *e, unsigned int most)
{
	struct uring *u = uring_of(e);
	unsigned int answered = 0, rounds = REAP_ROUNDS, n;

	for (; rounds && most; rounds--, most -= n) {
		n = reap_batch(u, most, &answered);
		if (!n && !has_unhandled_work(u))
			break;
	}
	/* What is left woke us already and will not do so again. */
	if (!(rounds && most) && (uring_has_more(e, 0) || has_unhandled_work(u)))
		io_engine_stay_awake(e);
	/* Repeats, and requests whose turn has come. */
	if (io_uring_sq_ready(&u->ring) || !list_is_empty(&u->unsent))
		uring_flush(e);
	return answered;
}

static void uring_close(struct io_engine *e)
{
	struct uring *u = uring_of(e);

	io_uring_queue_exit(&u->ring);
	io_engine_fini(e);
	free(u);
}

static const struct io_engine_ops uring_ops = {
	.name = "io_uring",
	.start = uring_start,
	.flush = uring_flush,
	.reap = uring_reap,
	.has_more = uring_has_more,
	.close = uring_close,
};

static unsigned int batch_for(unsigned int depth)
{
	unsigned int n = 1;

	while (n < depth && n < BATCH_MAX)
		n *= 2;
	return n;
}

static int setup_ring(struct uring *u, unsigned int depth, unsigned int try)
{
	unsigned int batch = batch_for(depth);
	unsigned int completions = depth < COMPLETIONS_MAX / 4 ?
		4 * depth : COMPLETIONS_MAX;
	int r = -EINVAL;

	if (completions < batch)
		completions = batch;
	for (; r == -EINVAL && try < FLAG_SETS; try++) {
		struct io_uring_params p = {
			.flags = flag_sets[try] | IORING_SETUP_CQSIZE,
			.cq_entries = completions,
		};

		r = io_uring_queue_init_params(batch, &u->ring, &p);
		u->is_disabled = p.flags & IORING_SETUP_R_DISABLED;
	}
	return r;
}

/* A kernel has io_uring for longer than it has these calls. */
static bool has_opcodes(struct uring *u)
{
	static const int wanted[] = { IORING_OP_READ, IORING_OP_WRITE,
				      IORING_OP_FSYNC, IORING_OP_FALLOCATE };
	struct io_uring_probe *p = io_uring_get_probe_ring(&u->ring);
	bool has_all = p;

	for (size_t i = 0; has_all && i < sizeof(wanted) / sizeof(int); i++)
		has_all = io_uring_opcode_supported(p, wanted[i]);
	io_uring_free_probe(p);
	return has_all;
}

/* A kernel before 5.15 does not know the call and keeps its bound. */
static void allow_threads(struct uring *u)
{
	unsigned int bounded_unbounded[2] = { KERNEL_THREADS, 0 };

	(void)io_uring_register_iowq_max_workers(&u->ring, bounded_unbounded);
}

static int open_ring(struct uring *u, unsigned int depth, unsigned int try)
{
	int r = setup_ring(u, depth, try);

	if (r)
		return r;
	r = has_opcodes(u) ? 0 : -ENOSYS;
	if (!r)
		r = io_uring_register_eventfd(&u->ring, u->base.event_fd);
	if (r)
		io_uring_queue_exit(&u->ring);
	else
		allow_threads(u);
	return r;
}

int engine_open_uring(struct io_engine **out, unsigned int depth,
			 unsigned int first_try, char *error, size_t error_size)
{
	struct uring *u = calloc(1, sizeof(*u));
	int r = u ? io_engine_init(&u->base, &uring_ops) : -ENOMEM;

	if (!r)
		r = open_ring(u, depth, first_try);
	if (r) {
		if (u)
			io_engine_fini(&u->base);
		free(u);
		snprintf(error, error_size, "the kernel refuses io_uring: %s",
			 strerror(-r));
		return r;
	}
	list_init(&u->unsent);
	u->base.max_per_fd = depth;
	*out = &u->base;
	return 0;
}
