/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From one snapshot of the model to the next, in this order: every worker is asked to
 * go by it and has answered; then the hosts are told; then whoever wanted the change
 * is.  Else a host that was told would meet a worker that has the old model.
 *
 * Closed ports go first and new ones come last, so that nobody is accepted by a port
 * that some workers do not know.
 */
#include "target/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A worker that takes so long hangs in the kernel. */
#define PATIENCE_S 30

struct visit {
	struct worker_message message;
	struct station *station;
	struct service *service;
	int result;
	/* Of service_ask. */
	void (*look)(struct station *, void *context);
	void *context;
};

static bool is_first(const struct visit *v)
{
	return v->station == &v->service->target.stations[0];
}

static void follow(struct worker_message *m)
{
	struct visit *v = container_of(m, struct visit, message);

	if (is_first(v))
		listeners_close_others(v->service, v->service->following);
	station_follow(v->station, v->service->following);
	sem_post(&v->service->visited);
}

static void tell(struct worker_message *m)
{
	struct visit *v = container_of(m, struct visit, message);

	v->result = is_first(v) ? listeners_watch(v->service) : 0;
	station_tell(v->station);
	sem_post(&v->service->visited);
}

/* ---- waiting ---------------------------------------------------------------------------- */

static int await_one(struct service *s)
{
	struct timespec until;

	if (s->settings.is_driven) {
		while (sem_trywait(&s->visited))
			service_turn(s, 0);
		return 0;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	while (sem_timedwait(&s->visited, &until))
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int visit_all(struct service *s, void (*run)(struct worker_message *))
{
	int r = 0;

	for (unsigned int i = 0; i < s->target.station_count; i++) {
		struct visit *v = &s->visits[i];

		*v = (struct visit){ .message.run = run, .station = &s->target.stations[i],
				     .service = s };
		worker_post(v->station->worker, &v->message);
	}
	for (unsigned int i = 0; i < s->target.station_count && !r; i++)
		r = await_one(s);
	s->is_stuck = r;
	return r;
}

static void look(struct worker_message *m)
{
	struct visit *v = container_of(m, struct visit, message);

	v->look(v->station, v->context);
	sem_post(&v->service->visited);
}

int service_ask(struct service *s, void (*look_at)(struct station *, void *context), void *context)
{
	int r = s->is_stuck ? -ETIMEDOUT : 0;

	for (unsigned int i = 0; i < s->target.station_count && !r; i++) {
		struct visit *v = &s->visits[i];

		if (!s->is_started) {
			look_at(&s->target.stations[i], context);
			continue;
		}
		*v = (struct visit){ .message.run = look, .station = &s->target.stations[i],
				     .service = s, .look = look_at, .context = context };
		worker_post(v->station->worker, &v->message);
		r = await_one(s);
		s->is_stuck = r;
	}
	return r;
}

/* Before they run, nobody need be asked. */
static void set_all(struct service *s, const struct snapshot *next)
{
	listeners_close_others(s, next);
	for (unsigned int i = 0; i < s->target.station_count; i++)
		s->target.stations[i].model = next;
}

int publish_snapshot(struct model_runtime *rt, const struct snapshot *last,
		     const struct snapshot *next, char *error, size_t error_size)
{
	struct service *s = container_of(rt, struct service, runtime);
	int r;

	if (!s->is_started) {
		set_all(s, next);
		return 0;
	}
	s->following = next;
	r = s->is_stuck ? -ETIMEDOUT : visit_all(s, follow);
	if (!r)
		r = visit_all(s, tell);
	if (!r)
		listeners_free(s);
	if (r)
		snprintf(error, error_size, "a worker does not answer: it may hang in the kernel");
	else if (s->visits[0].result)
		log_say(s->target.log, LOG_ERROR, "can't watch a listening socket: %s",
			strerror(-s->visits[0].result));
	return r;
}

void publish_pass_time(struct model_runtime *rt)
{
	struct service *s = container_of(rt, struct service, runtime);

	if (s->settings.is_driven)
		service_turn(s, 1);
	else
		usleep(1000);
}

/* ---- opening and closing -------------------------------------------------------------------- */

int publish_open(struct service *s)
{
	s->runtime = (struct model_runtime){ .open_port = listener_open,
					     .close_port = listener_drop,
					     .publish = publish_snapshot,
					     .pass_time = publish_pass_time };
	s->model.runtime = &s->runtime;
	s->visits = calloc(s->settings.workers, sizeof(*s->visits));
	sem_init(&s->visited, 0, 0);
	return s->visits ? 0 : -ENOMEM;
}

void publish_close(struct service *s)
{
	sem_destroy(&s->visited);
	free(s->visits);
}
