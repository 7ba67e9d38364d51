/* SPDX-License-Identifier: BSD-2-Clause */
/* A lone queue waits in its own receive, which is the shortest way; several are
 * told apart by epoll; who spins asks one after the other. */
#include "driver.h"
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 64
#define LOOK_MS 500			/* how often the deadlines of all queues are looked at */

/* ---- the three loops ------------------------------------------------------------------------------ */

static void tell(struct driver *d)
{
	atomic_store_explicit(&d->ended, d->tally.reads + d->tally.writes, memory_order_relaxed);
}

static void process(struct load *l)
{
	load_note(l, nvmf_queue_process(l->queue));
}

/* A CPU that spins is always busy: only the turns that found something tell whether
 * it had time left. */
static void note_work(struct driver *d, uint64_t *before)
{
	uint64_t now = load_now();

	if (atomic_load_explicit(&d->ended, memory_order_relaxed) !=
	    d->tally.reads + d->tally.writes)
		d->worked += now - *before;
	*before = now;
}

static void spin(struct driver *d)
{
	uint64_t before = load_now();

	while (d->under_way) {
		for (unsigned int i = 0; i < d->count; i++)
			process(&d->loads[i]);
		note_work(d, &before);
		tell(d);
	}
}

static void wait_for_one(struct driver *d)
{
	while (d->under_way) {
		load_note(d->loads, nvmf_queue_wait(d->loads->queue, -1));
		tell(d);
	}
}

static bool wants_to_write(const struct load *l)
{
	return nvmf_queue_fd(l->queue) >= 0 && nvmf_queue_events(l->queue) & POLLOUT;
}

/* What the socket did not take leaves when it can: rare, so asked for then alone. */
static void watch(struct driver *d, struct load *l, int operation)
{
	struct epoll_event event = { .data.ptr = l,
				     .events = EPOLLIN | (wants_to_write(l) ? EPOLLOUT : 0) };
	int fd = nvmf_queue_fd(l->queue);

	if (fd >= 0 && epoll_ctl(d->epoll, operation, fd, &event))
		load_note(l, -errno);
}

static void process_ready(struct driver *d, const struct epoll_event *event)
{
	struct load *l = event->data.ptr;

	process(l);
	if (event->events & EPOLLOUT || wants_to_write(l))
		watch(d, l, EPOLL_CTL_MOD);
}

static void process_all(struct driver *d, int operation)
{
	for (unsigned int i = 0; i < d->count; i++) {
		process(&d->loads[i]);
		watch(d, &d->loads[i], operation);
	}
}

static void wait_for_any(struct driver *d)
{
	struct epoll_event events[EVENTS];
	uint64_t looked = load_now();

	process_all(d, EPOLL_CTL_ADD);
	while (d->under_way) {
		int n = epoll_wait(d->epoll, events, EVENTS, LOOK_MS);

		for (int i = 0; i < n; i++)
			process_ready(d, &events[i]);
		tell(d);
		if (load_now() - looked < LOOK_MS * 1000000u)
			continue;
		process_all(d, EPOLL_CTL_MOD);
		looked = load_now();
	}
}

/* ---- the thread -------------------------------------------------------------------------------------- */

static void *run(void *context)
{
	struct driver *d = context;

	d->begun = load_now();
	for (unsigned int i = 0; i < d->count; i++)
		load_begin(&d->loads[i]);
	if (d->spins)
		spin(d);
	else if (d->count == 1)
		wait_for_one(d);
	else
		wait_for_any(d);
	d->finished = load_now();
	atomic_store(&d->is_over, true);
	return NULL;
}

int driver_init(struct driver *d, struct load *loads, unsigned int count, bool spins)
{
	memset(d, 0, sizeof(*d));
	tally_init(&d->tally);
	d->loads = loads;
	d->count = count;
	d->spins = spins;
	for (unsigned int i = 0; i < count; i++) {
		loads[i].tally = &d->tally;
		loads[i].under_way = &d->under_way;
	}
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	return d->epoll < 0 ? fail("epoll: %s", strerror(errno)) : 0;
}

void driver_free(struct driver *d)
{
	if (d->epoll >= 0)
		close(d->epoll);
}

static void attach(struct driver *d)
{
	for (unsigned int i = 0; i < d->count; i++)
		nvmf_queue_attach(d->loads[i].queue);
}

int driver_start(struct driver *d)
{
	int error;

	for (unsigned int i = 0; i < d->count; i++)
		nvmf_queue_detach(d->loads[i].queue);
	error = pthread_create(&d->thread, NULL, run, d);
	if (error)
		attach(d);
	return error;
}

void driver_join(struct driver *d)
{
	pthread_join(d->thread, NULL);
	attach(d);
}
