/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/worker.h"
#include "worker/connection.h"
#include "worker/pauses.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_TURN 64
#define RECEIVE_BUFFER (256u << 10)

struct worker_private {
	int epoll, wake;
	pthread_t thread;
	bool is_started;
	_Atomic bool must_stop;
	struct worker_source wake_source;
	struct timer tidy;		/* ends the pool's periods */
	bool is_shrinking;		/* one ended, and pages are given back */
	struct pauses pauses;
	bool is_late;			/* this pause was spun through in vain already */
	struct worker *worker;
	/* Messages that came, the newest first. */
	_Atomic(struct worker_message *) mail;
};

uint64_t worker_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- memory for connections ------------------------------------------------------ */

/* As the pool does: direct I/O wants it. */
static size_t round_up(size_t size)
{
	return (size + POOL_SMALLEST - 1) / POOL_SMALLEST * POOL_SMALLEST;
}

void *worker_take(struct worker *w, size_t size)
{
	void *memory = pool_take(w->pool, size, POOL_URGENT);

	if (memory || size > w->heap_most)
		return memory;
	memory = aligned_alloc(POOL_SMALLEST, round_up(size));
	if (memory)
		w->overflow += size;
	return memory;
}

void worker_give(struct worker *w, void *memory, size_t size)
{
	if (pool_owns(w->pool, memory)) {
		pool_give(w->pool, memory, size);
		return;
	}
	w->overflow -= size;
	free(memory);
}

static void *take_memory(void *context, size_t size)
{
	return worker_take(context, size);
}

/* In turn with those that wait for buffers, and none of what is kept back. */
static void *take_spare(void *context, size_t size)
{
	struct worker *w = context;

	return pool_is_contended(w->pool) ? NULL : pool_take(w->pool, size, POOL_ORDINARY);
}

static void give_memory(void *context, void *memory, size_t size)
{
	worker_give(context, memory, size);
}

/* What a flood took is given back once it was not needed for so long, and never much
 * of it in one turn: a MiB takes the kernel some 30 us. */
#define TIDY_NS (3 * NS_PER_S)
#define TIDY_MORE_NS (1 * NS_PER_MS)

static void arm_tidy(struct worker *w, uint64_t ns)
{
	timer_arm(&w->timers, &w->private->tidy, w->now + ns);
}

static void tidy(struct timer *t)
{
	struct worker_private *p = container_of(t, struct worker_private, tidy);
	struct worker *w = p->worker;

	if (!p->is_shrinking)
		pool_end_period(w->pool);
	p->is_shrinking = pool_shrink(w->pool);
	if (p->is_shrinking)
		arm_tidy(w, TIDY_MORE_NS);
}

/* While all is quiet there is no timer. */
static void watch_pages(struct worker *w)
{
	if (pool_may_shrink(w->pool) && !timer_is_armed(&w->private->tidy))
		arm_tidy(w, TIDY_NS);
}

/* ---- mail ------------------------------------------------------------------------- */

static void wake(struct worker_private *p)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(p->wake, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

void worker_post(struct worker *w, struct worker_message *m)
{
	struct worker_private *p = w->private;
	struct worker_message *first = atomic_load_explicit(&p->mail, memory_order_relaxed);

	do
		m->next = first;
	while (!atomic_compare_exchange_weak_explicit(&p->mail, &first, m,
						      memory_order_release,
						      memory_order_relaxed));
	if (!first)
		wake(p);
}

/* Runs what has come, the oldest first. */
static void read_mail(struct worker_source *s, uint32_t events)
{
	struct worker_private *p = container_of(s, struct worker_private, wake_source);
	struct worker_message *m, *next, *ordered = NULL;
	uint64_t count;

	if (read(p->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_say(p->worker->log, LOG_ERROR, "worker %u: eventfd: %s",
			p->worker->index, strerror(errno));
	m = atomic_exchange_explicit(&p->mail, NULL, memory_order_acquire);
	for (; m; m = next) {
		next = m->next;
		m->next = ordered;
		ordered = m;
	}
	for (m = ordered; m; m = next) {
		next = m->next;
		m->run(m);
	}
}

/* ---- the loop --------------------------------------------------------------------- */

int worker_due(const struct worker *w)
{
	uint64_t when = timer_next(&w->timers), now;

	if (connections_are_waiting(w) || pool_has_turns(w->pool))
		return 0;
	if (when == UINT64_MAX)
		return -1;
	now = worker_clock();
	if (when <= now)
		return 0;
	when = (when - now + NS_PER_MS - 1) / NS_PER_MS;
	return when > 3600000 ? 3600000 : (int)when;
}

/* A wake-up takes about so long: a pause that was slept through seems longer. */
#define WAKE_UP_NS (100 * NS_PER_US)

/* Looks for events for at most `ns`, or `ms` where that is less and not -1. */
static int spin(struct worker_private *p, struct epoll_event *events, uint64_t ns, int ms)
{
	uint64_t most = ms < 0 || ns < (uint64_t)ms * NS_PER_MS ? ns : (uint64_t)ms * NS_PER_MS;
	uint64_t until = worker_clock() + most;
	int n;

	do
		n = epoll_wait(p->epoll, events, EVENTS_A_TURN, 0);
	while (!n && worker_clock() < until);
	return n;
}

static int spin_and_learn(struct worker *w, struct epoll_event *events, int ms)
{
	struct worker_private *p = w->private;
	int n = spin(p, events, w->poll, ms);

	p->is_late = !n;
	if (n >= 0)
		pauses_note(&p->pauses, n ? PAUSE_SPUN : PAUSE_IN_VAIN);
	return n;
}

static int sleep_and_learn(struct worker *w, struct epoll_event *events, int ms)
{
	struct worker_private *p = w->private;
	uint64_t began = worker_clock();
	int n = epoll_wait(p->epoll, events, EVENTS_A_TURN, ms);
	bool is_short = n > 0 && worker_clock() - began <= w->poll + WAKE_UP_NS;

	if (!p->is_late)	/* or it is the rest of a pause that is noted */
		pauses_note(&p->pauses, is_short ? PAUSE_SHORT : PAUSE_LONG);
	p->is_late = false;
	return n;
}

static int await_events(struct worker *w, struct epoll_event *events, int ms)
{
	if (!w->poll || !ms)
		return epoll_wait(w->private->epoll, events, EVENTS_A_TURN, ms);
	if (w->private->pauses.may_spin)
		return spin_and_learn(w, events, ms);
	return sleep_and_learn(w, events, ms);
}

/* Asking for events that are there takes less. */
#define IDLE_NS (5 * NS_PER_US)

void worker_turn(struct worker *w, int most_ms)
{
	struct epoll_event events[EVENTS_A_TURN];
	uint64_t began = worker_clock();
	int n, wait = worker_due(w);

	if (most_ms >= 0 && (wait < 0 || wait > most_ms))
		wait = most_ms;
	n = await_events(w, events, wait);
	w->now = worker_clock();
	if (wait && w->now - began >= IDLE_NS)
		w->idle_at = w->now;
	for (int i = 0; i < n; i++) {
		struct worker_source *s = events[i].data.ptr;

		s->ready(s, events[i].events);
	}
	connections_again(w);
	timer_run(&w->timers, w->now);
	/* What the storage answers at once gives buffers back, and those who get
	 * them ask the storage again. */
	do
		if (w->flush)
			w->flush(w);
	while (pool_serve(w->pool));
	connections_flush(w);
	connections_leave(w);
	watch_pages(w);
}

int worker_fd(const struct worker *w)
{
	return w->private->epoll;
}

static void *run(void *argument)
{
	struct worker *w = argument;
	char name[16];

	snprintf(name, sizeof(name), "worker %u", w->index);
	prctl(PR_SET_NAME, name);
	while (!atomic_load_explicit(&w->private->must_stop, memory_order_relaxed))
		worker_turn(w, -1);
	return NULL;
}

int worker_start(struct worker *w)
{
	int error = pthread_create(&w->private->thread, NULL, run, w);

	w->private->is_started = !error;
	return -error;
}

void worker_stop(struct worker *w)
{
	if (!w->private->is_started)
		return;
	atomic_store(&w->private->must_stop, true);
	wake(w->private);
	pthread_join(w->private->thread, NULL);
	w->private->is_started = false;
}

/* ---- sources ---------------------------------------------------------------------- */

int worker_watch(struct worker *w, int fd, uint32_t events, struct worker_source *s)
{
	struct epoll_event e = { .events = events, .data.ptr = s };

	return epoll_ctl(w->private->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

void worker_unwatch(struct worker *w, int fd)
{
	epoll_ctl(w->private->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- opening ---------------------------------------------------------------------- */

static int open_private(struct worker *w)
{
	struct worker_private *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	w->private = p;
	p->worker = w;
	p->wake_source.ready = read_mail;
	timer_init(&p->tidy, tidy);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->epoll < 0 || p->wake < 0)
		return -errno;
	return worker_watch(w, p->wake, EPOLLIN, &p->wake_source);
}

static int open_memory(struct worker *w, const struct worker_settings *s)
{
	void *bytes = mmap(NULL, RECEIVE_BUFFER, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (bytes == MAP_FAILED)
		return -ENOMEM;
	w->receive = (struct qpair_buffer){ bytes, RECEIVE_BUFFER };
	w->memory = (struct tcp_memory){ take_memory, give_memory, w, take_spare };
	return pool_open(&w->pool, s->buffers, s->largest);
}

int worker_open(struct worker **result, unsigned int index,
		const struct worker_settings *s, char *error, size_t error_size)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r = w ? 0 : -ENOMEM;

	*result = w;
	if (w) {
		w->index = index;
		w->log = s->log;
		w->poll = s->poll;
		w->heap_most = s->in_capsule > WORKER_HEAP_LEAST ? s->in_capsule :
								  WORKER_HEAP_LEAST;
		timer_heap_init(&w->timers);
		list_init(&w->connections);
		list_init(&w->again);
		list_init(&w->dirty);
		list_init(&w->starved);
		list_init(&w->leaving);
		list_init(&w->buried);
		w->now = worker_clock();
		r = open_private(w);
	}
	if (!r)
		r = open_memory(w, s);
	if (r) {
		snprintf(error, error_size, "worker %u: %s", index, strerror(-r));
		worker_close(w);
		*result = NULL;
	}
	return r;
}

void worker_close(struct worker *w)
{
	if (!w)
		return;
	if (w->private) {
		close(w->private->epoll);
		close(w->private->wake);
	}
	free(w->private);
	if (w->receive.bytes)
		munmap(w->receive.bytes, w->receive.size);
	pool_close(w->pool);
	free(w);
}
