/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/engine_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * So many are answered by one reap, and by the first after a pause: a device ends
 * many at once, and would have nothing to do while all of them are answered.  So the
 * host gets some early, and what it asks for next is with the device meanwhile.
 */
#define FIRST_PART 4u
#define PART 8u

/* A descriptor that answers EAGAIN for ever is not worth more. */
#define REPEATS_MAX 64u

int io_engine_open(struct io_engine **out, enum io_engine_kind kind,
		   unsigned int depth, char *error, size_t error_size)
{
	int r = -EINVAL;

	if (!depth) {
		snprintf(error, error_size, "a depth of 0 does no I/O");
		return -EINVAL;
	}
	if (kind != IO_ENGINE_THREADS)
		r = engine_open_uring(out, depth, 0, error, error_size);
	/* Whatever the reason (a container's filter, a sysctl, a limit, an old
	 * kernel), the threads need none of it. */
	if (r && kind != IO_ENGINE_URING)
		r = engine_open_threads(out, depth, error, error_size);
	return r;
}

int io_engine_init(struct io_engine *e, const struct io_engine_ops *ops)
{
	*e = (struct io_engine){ .ops = ops, .many = UINT_MAX };
	list_init(&e->posted);
	e->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return e->event_fd < 0 ? -errno : 0;
}

void io_engine_fini(struct io_engine *e)
{
	for (size_t i = 0; i < e->queue_count; i++)
		free(e->queues[i]);
	free(e->queues);
	if (e->event_fd >= 0)
		close(e->event_fd);
}

void io_engine_close(struct io_engine *e)
{
	if (e)
		e->ops->close(e);
}

const char *io_engine_name(const struct io_engine *e)
{
	return e->ops->name;
}

int io_engine_fd(const struct io_engine *e)
{
	return e->event_fd;
}

unsigned int io_engine_pending(const struct io_engine *e)
{
	return e->pending;
}

static int grow_queues(struct io_engine *e, size_t wanted)
{
	struct io_queue **q = reallocarray(e->queues, wanted, sizeof(*q));

	if (!q)
		return -ENOMEM;
	while (e->queue_count < wanted)
		q[e->queue_count++] = NULL;
	e->queues = q;
	return 0;
}

static size_t queue_number(const struct io_request *r)
{
	return IO_KINDS * (size_t)r->fd + io_kind_of(r);
}

static unsigned int most_of(const struct io_engine *e,
			    const struct io_request *r)
{
	return io_kind_of(r) != IO_TRANSFERS && e->max_per_fd > IO_THREADS_PER_FD ?
		IO_THREADS_PER_FD : e->max_per_fd;
}

/* NULL: no memory. */
static struct io_queue *make_queue(struct io_engine *e,
				   const struct io_request *r)
{
	size_t n = queue_number(r);
	struct io_queue *q;

	if (n >= e->queue_count && grow_queues(e, n + 1))
		return NULL;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	list_init(&q->waiting);
	q->most = most_of(e, r);
	return e->queues[n] = q;
}

/* NULL: no memory, or no descriptor. */
static struct io_queue *queue_of(struct io_engine *e,
				 const struct io_request *r)
{
	size_t n = queue_number(r);

	if (r->fd < 0)
		return NULL;
	if (n < e->queue_count && e->queues[n])
		return e->queues[n];
	return make_queue(e, r);
}

static bool can_start(const struct io_engine *e, const struct io_queue *q)
{
	return !q->running || (q->running < q->most && e->running < e->many);
}

/*
 * A sync that has not begun makes durable whatever was written until it does:
 * it answers all those that wait with it.  So however many one host asks for,
 * another's waits for those under way and for one more.
 */
static void join_waiting(struct io_queue *q, struct io_request *first)
{
	struct io_request **end = &io_state(first)->also;

	while (!list_is_empty(&q->waiting)) {
		*end = io_request_of(list_pop(&q->waiting));
		end = &io_state(*end)->also;
	}
}

static void start_waiting(struct io_engine *e, struct io_queue *q)
{
	while (!list_is_empty(&q->waiting) && can_start(e, q)) {
		struct io_request *r = io_request_of(list_pop(&q->waiting));

		q->running++;
		e->running++;
		if (io_kind_of(r) == IO_SYNCS)
			join_waiting(q, r);
		e->ops->start(e, r);
	}
}

void io_engine_wake(struct io_engine *e)
{
	/* It fails only when the count is full, and then it is readable. */
	(void)!write(e->event_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

static void post(struct io_engine *e, struct io_request *r, int result)
{
	bool was_empty;

	io_state(r)->result = result;
	spin_lock(&e->post_lock);
	was_empty = list_is_empty(&e->posted);
	list_append(&e->posted, &io_state(r)->link);
	/* Inside the lock: once it is let go the owner may answer the last
	 * request and close. */
	if (was_empty)
		io_engine_wake(e);
	spin_unlock(&e->post_lock);
}

void io_engine_submit(struct io_engine *e, struct io_request *r)
{
	struct io_queue *q = queue_of(e, r);

	*io_state(r) = (struct io_state){ .moved = 0 };
	e->pending++;
	if (!q) {
		/* There is no call that could fail: it fails as if the kernel
		 * had said so. */
		post(e, r, r->fd < 0 ? -EBADF : -ENOMEM);
		return;
	}
	list_append(&q->waiting, &io_state(r)->link);
	start_waiting(e, q);
}

int io_engine_cancel(struct io_engine *e, struct io_request *r)
{
	struct io_queue *q = queue_of(e, r);

	if (!q)
		return -EBUSY;		/* it has failed already */
	list_for_each(l, &q->waiting) {
		if (io_request_of(l) != r)
			continue;
		list_remove(l);
		post(e, r, -ECANCELED);
		return 0;
	}
	return -EBUSY;
}

void io_engine_flush(struct io_engine *e)
{
	e->ops->flush(e);
}

static bool is_transient(int result)
{
	return result == -EINTR || result == -EAGAIN;
}

/* True: the request must be started again for the rest. */
static bool has_more(struct io_request *r, int *result)
{
	struct io_state *s = io_state(r);

	if (is_transient(*result))
		return ++s->repeats <= REPEATS_MAX;
	if (*result < 0 || io_kind_of(r) == IO_SYNCS)
		return false;
	if (io_kind_of(r) == IO_ZEROS) {
		*result = (int)r->length;	/* all or an error */
		return false;
	}
	s->moved += (uint32_t)*result;
	if (*result > 0 && s->moved < r->length)
		return true;
	/* A write that moves nothing would be repeated for ever. */
	*result = *result == 0 && r->length && r->opcode != IO_READ ?
		-EIO : (int)s->moved;
	return false;
}

/* How many that were. */
static unsigned int answer(struct io_engine *e, struct io_request *r, int result)
{
	struct io_request *next;
	unsigned int n = 0;

	for (; r; r = next, n++) {
		next = io_state(r)->also;
		e->pending--;
		r->done(r, result);	/* it may be gone */
	}
	return n;
}

unsigned int io_engine_ended(struct io_engine *e, struct io_request *r, int result)
{
	struct io_queue *q = e->queues[queue_number(r)];

	if (has_more(r, &result)) {
		e->ops->start(e, r);
		return 0;
	}
	q->running--;
	e->running--;
	start_waiting(e, q);
	return answer(e, r, result);
}

void io_engine_expect(struct io_engine *e)
{
	e->pending++;
}

void io_engine_post(struct io_engine *e, struct io_request *r)
{
	post(e, r, 0);
}

static struct io_request *take_posted(struct io_engine *e)
{
	struct list *link;

	spin_lock(&e->post_lock);
	link = list_pop(&e->posted);
	spin_unlock(&e->post_lock);
	return link ? io_request_of(link) : NULL;
}

static unsigned int reap_posted(struct io_engine *e)
{
	struct io_request *r;
	unsigned int n = 0;

	while ((r = take_posted(e))) {
		e->pending--;
		n++;
		r->done(r, io_state(r)->result);
	}
	return n;
}

void io_engine_stay_awake(struct io_engine *e)
{
	if (!e->is_left_awake)
		io_engine_wake(e);
	e->is_left_awake = true;
}

/* What stays readable needs to be neither read nor written. */
static bool may_stay_awake(const struct io_engine *e, unsigned int most)
{
	return e->is_left_awake && e->ops->has_more(e, most);
}

static unsigned int reap_part(struct io_engine *e, unsigned int most)
{
	uint64_t count;

	/* Before looking, so that what comes afterwards wakes again. */
	if (!may_stay_awake(e, most)) {
		(void)!read(e->event_fd, &count, sizeof(count));
		e->is_left_awake = false;
	}
	return reap_posted(e) + e->ops->reap(e, most);
}

unsigned int io_engine_reap(struct io_engine *e)
{
	return reap_part(e, e->is_left_awake ? PART : FIRST_PART);
}

unsigned int io_engine_reap_at_once(struct io_engine *e)
{
	unsigned int most = e->ended_at_once;

	e->ended_at_once = 0;
	return most ? reap_part(e, most) : 0;
}
