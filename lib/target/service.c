/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/service.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- workers ----------------------------------------------------------------------------- */

static size_t largest_buffer(const struct service_settings *o)
{
	return o->limits.mdts > TCP_CHUNK_WANTED ? o->limits.mdts : TCP_CHUNK_WANTED;
}

static int open_lane(struct service *s, struct station *st, char *error, size_t error_size)
{
	const struct service_settings *o = &s->settings;
	int r = o->open_lane ? o->open_lane(st, o->context, error, error_size) : 0;

	s->lanes += !r;
	return r;
}

static int open_station(struct service *s, unsigned int i, char *error, size_t error_size)
{
	const struct service_settings *o = &s->settings;
	struct worker_settings settings = { .buffers = o->buffers,
					    .largest = largest_buffer(o),
					    .in_capsule = o->limits.in_capsule, .poll = o->poll,
					    .log = o->log };
	struct station *st = &s->target.stations[i];
	int r = worker_open(&st->worker, i, &settings, error, error_size);

	if (r)
		return r;
	st->worker->attached = st;
	station_open(st, &s->target, s->model.current);
	st->lane.timers = &st->worker->timers;
	s->target.station_count++;
	return open_lane(s, st, error, error_size);
}

static int open_stations(struct service *s, char *error, size_t error_size)
{
	unsigned int count = s->settings.workers;
	int r = 0;

	s->target.stations = calloc(count, sizeof(*s->target.stations));
	if (!s->target.stations) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < count && !r; i++)
		r = open_station(s, i, error, error_size);
	return r;
}

static void close_stations(struct service *s)
{
	const struct service_settings *o = &s->settings;

	for (unsigned int i = 0; i < s->target.station_count; i++) {
		struct station *st = &s->target.stations[i];

		station_close(st);
		if (i < s->lanes && o->close_lane)
			o->close_lane(st, o->context);
		worker_close(st->worker);
	}
	free(s->target.stations);
}

/* ---- opening and closing -------------------------------------------------------------------- */

int service_open(struct service *s, const struct service_settings *settings, char *error,
		 size_t error_size)
{
	int r;

	*s = (struct service){ .settings = *settings };
	list_init(&s->listeners);
	list_init(&s->closed);
	registry_open(&s->target.registry);
	s->target.limits = settings->limits;
	s->target.log = settings->log;
	s->target.tcp = settings->tcp;
	r = model_open(&s->model, &settings->limits, settings->workers);
	if (!r)
		r = publish_open(s);
	if (r)
		snprintf(error, error_size, "out of memory");
	else
		r = open_stations(s, error, error_size);
	if (r)
		service_close(s);
	return r;
}

void service_close(struct service *s)
{
	for (unsigned int i = 0; i < s->target.station_count; i++)
		worker_stop(s->target.stations[i].worker);
	listeners_close(s);
	listeners_free(s);
	close_stations(s);
	s->model.runtime = NULL;
	model_close(&s->model);
	publish_close(s);
	registry_close(&s->target.registry);
}

static int add_namespace(struct model *m, const char *nqn, uint32_t nsid, const uint8_t *uuid)
{
	struct namespace_settings set = { .nsid = nsid, .device = model_device_name(m),
					  .derives_id = true };

	if (uuid)
		memcpy(set.id.uuid, uuid, sizeof(set.id.uuid));
	return model_add_namespace(m, nqn, &set);
}

int service_add_namespace(struct service *s, const char *nqn, uint32_t nsid, struct backend *b,
			  const char *text, const uint8_t *uuid, char *error,
			  size_t error_size)
{
	struct model *m = &s->model;
	bool is_ours = false;		/* the backend: else the model's */
	int r = model_begin(m);

	if (!r)
		r = model_add_device(m, NULL, text, b);
	is_ours = r;
	if (!r)
		r = add_namespace(m, nqn, nsid, uuid);
	if (!r)
		r = model_commit(m);
	if (r) {
		snprintf(error, error_size, "namespace %u: %s", nsid, model_error(m));
		model_abort(m);
	}
	if (is_ours)
		backend_close(b);
	return r;
}

/* ---- running ---------------------------------------------------------------------------------- */

static int start_workers(struct service *s, char *error, size_t error_size)
{
	for (unsigned int i = 0; i < s->target.station_count; i++) {
		int r = worker_start(s->target.stations[i].worker);

		if (r) {
			snprintf(error, error_size, "can't start worker %u: %s", i, strerror(-r));
			return r;
		}
	}
	return 0;
}

int service_start(struct service *s, char *error, size_t error_size)
{
	int r = listeners_watch(s);

	if (r)
		snprintf(error, error_size, "can't watch a listening socket: %s", strerror(-r));
	else if (!s->settings.is_driven)
		r = start_workers(s, error, error_size);
	s->is_started = !r;
	return r;
}

int service_fd(const struct service *s)
{
	return worker_fd(s->target.stations[0].worker);
}

int service_due(const struct service *s)
{
	return worker_due(s->target.stations[0].worker);
}

void service_turn(struct service *s, int most_ms)
{
	worker_turn(s->target.stations[0].worker, most_ms);
}

/* ---- the end ------------------------------------------------------------------------------------ */

#define STEP_MS 5

static struct service *service_of(const struct station *st)
{
	return container_of(st->target, struct service, target);
}

static void end_station(struct worker_message *m)
{
	struct station *st = container_of(m, struct station, end);
	struct service *s = service_of(st);

	target_end_all(st);
	s->ended++;
}

/* The first worker accepts.  Whatever it handed to others is before `end` in
 * their mail. */
static void end_first(struct worker_message *m)
{
	struct station *st = container_of(m, struct station, end);
	struct service *s = service_of(st);

	listeners_close(s);
	for (unsigned int i = 1; i < s->target.station_count; i++) {
		struct station *other = &s->target.stations[i];

		other->end.run = end_station;
		worker_post(other->worker, &other->end);
	}
	end_station(m);
}

static void last_flush_done(struct flush_all *f)
{
	struct service *s = service_of(f->station);

	if (f->result)
		log_say(s->target.log, LOG_ERROR, "the last flush failed: %s",
			strerror(-f->result));
	s->is_flushed = true;
}

static void last_flush(struct worker_message *m)
{
	struct service *s = container_of(m, struct service, flush_message);

	flush_all_start(&s->flush, &s->target.stations[0], NULL, last_flush_done);
}

static bool is_empty(struct service *s)
{
	return s->ended == s->target.station_count && !target_queues(&s->target) &&
	       !registry_count(&s->target.registry);
}

static bool is_flushed(struct service *s)
{
	return s->is_flushed;
}

static void pass_time(struct service *s)
{
	if (s->settings.is_driven)
		service_turn(s, STEP_MS);
	else
		usleep(STEP_MS * 1000);
}

static bool wait_until(struct service *s, bool (*is_so)(struct service *), uint64_t deadline)
{
	while (!is_so(s)) {
		if (worker_clock() >= deadline)
			return false;
		pass_time(s);
	}
	return true;
}

static bool end_hosts(struct service *s, uint64_t deadline)
{
	struct station *first = &s->target.stations[0];

	if (!s->is_ending) {
		s->is_ending = true;
		first->end.run = end_first;
		worker_post(first->worker, &first->end);
	}
	return wait_until(s, is_empty, deadline);
}

static bool flush_storage(struct service *s, uint64_t deadline)
{
	if (!s->is_flushing) {
		s->is_flushing = true;
		s->flush_message.run = last_flush;
		worker_post(s->target.stations[0].worker, &s->flush_message);
	}
	return wait_until(s, is_flushed, deadline);
}

/* The flush has its half of the time even where commands hang. */
bool service_end(struct service *s, int ms)
{
	uint64_t now = worker_clock(), time = (uint64_t)ms * NS_PER_MS;
	bool is_drained;

	if (!s->is_started)
		return true;
	if (ms < 0)
		return end_hosts(s, UINT64_MAX) && flush_storage(s, UINT64_MAX);
	is_drained = end_hosts(s, now + time / 2);
	return flush_storage(s, now + time) && is_drained;
}
