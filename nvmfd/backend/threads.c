/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine on a pool of threads, for kernels and containers that refuse
 * io_uring.
 *
 * Threads are started when there is more work than idle threads, and stay.
 * Their number is bounded by what engine.c lets through: 8 transfers, 8
 * syncs and 8 zeros on one descriptor, MANY in all, and beyond that one of each on each
 * descriptor, so that even several hung devices leave every other one a thread.
 *
 * The pool is apart from the engine and counted: a thread that hangs in the
 * kernel when the engine is closed still finds it.
 */
#include "backend/engine_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MANY 32u

struct pool {
	pthread_mutex_t mutex;	/* over all below */
	pthread_cond_t work;
	struct list queued, ended;	/* requests */
	struct list threads;
	unsigned int queued_count, idle, busy;
	unsigned int references;	/* of an abandoned pool: its threads */
	bool is_closing, is_abandoned;
	int event_fd;			/* the engine's; -1 once abandoned */
};

struct thread {
	struct list link;
	pthread_t id;
	struct pool *pool;
};

struct threads {
	struct io_engine base;
	struct pool *pool;
	struct list batch;	/* since the last flush */
	unsigned int batch_count;
};

static struct threads *threads_of(struct io_engine *e)
{
	return (struct threads *)e;
}

static void pool_free(struct pool *p)
{
	list_for_each_safe(l, &p->threads)
		free(list_entry(l, struct thread, link));
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

static ssize_t transfer(struct io_request *r)
{
	struct iovec v = { io_rest_data(r), io_rest_length(r) };
	off_t at = (off_t)io_rest_offset(r);

	switch (r->opcode) {
	case IO_READ:
		return preadv(r->fd, &v, 1, at);
	case IO_WRITE:
		return pwritev(r->fd, &v, 1, at);
	case IO_WRITE_DURABLE:
		return pwritev2(r->fd, &v, 1, at, RWF_DSYNC);
	case IO_ZERO:
	case IO_PUNCH:
		return fallocate(r->fd, io_zero_mode(r), (off_t)r->offset, r->length);
	case IO_DATASYNC:
		break;
	}
	return fdatasync(r->fd);
}

static int perform(struct io_request *r)
{
	ssize_t n;

	/* A moment's pause, where it holds up nobody. */
	if (io_state(r)->repeats)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	n = transfer(r);
	return n < 0 ? -errno : (int)n;
}

/* Under the mutex, which is let go meanwhile. */
static void work_on(struct pool *p, struct io_request *r)
{
	bool was_empty;

	p->busy++;
	pthread_mutex_unlock(&p->mutex);
	io_state(r)->result = perform(r);
	pthread_mutex_lock(&p->mutex);
	p->busy--;
	was_empty = list_is_empty(&p->ended);
	list_append(&p->ended, &io_state(r)->link);
	if (was_empty && p->event_fd >= 0)
		(void)!write(p->event_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

/* Under the mutex.  NULL: the pool is closing. */
static struct io_request *wait_for_work(struct pool *p)
{
	while (list_is_empty(&p->queued) && !p->is_closing) {
		p->idle++;
		pthread_cond_wait(&p->work, &p->mutex);
		p->idle--;
	}
	if (p->is_closing)
		return NULL;
	p->queued_count--;
	return io_request_of(list_pop(&p->queued));
}

static void *thread_main(void *argument)
{
	struct pool *p = ((struct thread *)argument)->pool;
	struct io_request *r;
	bool is_last;

	pthread_mutex_lock(&p->mutex);
	while ((r = wait_for_work(p)))
		work_on(p, r);
	is_last = --p->references == 0 && p->is_abandoned;
	pthread_mutex_unlock(&p->mutex);
	if (is_last)
		pool_free(p);
	return NULL;
}

/* Signals are for the main thread. */
static int create_quietly(struct thread *t)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&t->id, NULL, thread_main, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

/* Under the mutex.  0 or -errno. */
static int add_thread(struct pool *p)
{
	struct thread *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->pool = p;
	p->references++;
	r = create_quietly(t);
	if (r) {
		p->references--;
		free(t);
		return r;
	}
	list_append(&p->threads, &t->link);
	return 0;
}

static void threads_start(struct io_engine *e, struct io_request *r)
{
	struct threads *t = threads_of(e);

	list_append(&t->batch, &io_state(r)->link);
	t->batch_count++;
}

/* Under the mutex. */
static void move_batch(struct threads *t)
{
	struct list *link;

	while ((link = list_pop(&t->batch)))
		list_append(&t->pool->queued, link);
	t->pool->queued_count += t->batch_count;
	t->batch_count = 0;
}

static void threads_flush(struct io_engine *e)
{
	struct threads *t = threads_of(e);
	struct pool *p = t->pool;
	unsigned int to_wake, missing;

	if (!t->batch_count)
		return;
	pthread_mutex_lock(&p->mutex);
	move_batch(t);
	to_wake = p->queued_count < p->idle ? p->queued_count : p->idle;
	missing = p->queued_count - to_wake;
	/* Where no thread can be had, those that there are do all the work:
	 * one was started before the first request. */
	while (missing-- && !add_thread(p))
		;
	pthread_mutex_unlock(&p->mutex);
	while (to_wake--)
		pthread_cond_signal(&p->work);
}

static void take_ended(struct pool *p, struct list *ended)
{
	struct list *link;

	pthread_mutex_lock(&p->mutex);
	while ((link = list_pop(&p->ended)))
		list_append(ended, link);
	pthread_mutex_unlock(&p->mutex);
}

static unsigned int threads_reap(struct io_engine *e, unsigned int most)
{
	struct threads *t = threads_of(e);
	unsigned int answered = 0;
	struct list ended, *link;

	list_init(&ended);
	take_ended(t->pool, &ended);
	while ((link = list_pop(&ended))) {
		struct io_request *r = io_request_of(link);

		answered += io_engine_ended(e, r, io_state(r)->result);
	}
	threads_flush(e);
	return answered;
}

/* Nobody is in the kernel: all threads end at once. */
static void join_all(struct pool *p)
{
	list_for_each(l, &p->threads)
		pthread_join(list_entry(l, struct thread, link)->id, NULL);
	pool_free(p);
}

/* Under the mutex.  Somebody hangs: the last thread to return, if ever, frees
 * the pool. */
static void abandon(struct pool *p)
{
	p->is_abandoned = true;
	p->event_fd = -1;
	list_for_each(l, &p->threads)
		pthread_detach(list_entry(l, struct thread, link)->id);
}

static void threads_close(struct io_engine *e)
{
	struct threads *t = threads_of(e);
	struct pool *p = t->pool;
	bool has_busy;

	pthread_mutex_lock(&p->mutex);
	p->is_closing = true;
	has_busy = p->busy;
	if (has_busy)
		abandon(p);
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->mutex);
	if (!has_busy)
		join_all(p);
	io_engine_fini(e);
	free(t);
}

static const struct io_engine_ops threads_ops = {
	.name = "threads",
	.start = threads_start,
	.flush = threads_flush,
	.reap = threads_reap,
	.close = threads_close,
};

static struct pool *pool_new(int event_fd)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->work, NULL);
	list_init(&p->queued);
	list_init(&p->ended);
	list_init(&p->threads);
	p->event_fd = event_fd;
	return p;
}

static int start_pool(struct threads *t)
{
	int r;

	t->pool = pool_new(t->base.event_fd);
	if (!t->pool)
		return -ENOMEM;
	pthread_mutex_lock(&t->pool->mutex);
	r = add_thread(t->pool);
	pthread_mutex_unlock(&t->pool->mutex);
	if (r)
		pool_free(t->pool);
	return r;
}

int engine_open_threads(struct io_engine **out, unsigned int depth,
			   char *error, size_t error_size)
{
	struct threads *t = calloc(1, sizeof(*t));
	int r = t ? io_engine_init(&t->base, &threads_ops) : -ENOMEM;

	if (!r)
		r = start_pool(t);
	if (r) {
		if (t)
			io_engine_fini(&t->base);
		free(t);
		snprintf(error, error_size, "no threads for I/O: %s",
			 strerror(-r));
		return r;
	}
	list_init(&t->batch);
	t->base.max_per_fd = depth < IO_THREADS_PER_FD ? depth :
			     IO_THREADS_PER_FD;
	t->base.many = MANY;
	*out = &t->base;
	return 0;
}
