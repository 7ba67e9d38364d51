/* SPDX-License-Identifier: BSD-2-Clause */
#include "server.h"
#include "daemon.h"
#include "listener.h"
#include "storage.h"
#include "backend/engine.h"
#include "controller/target.h"
#include "nvmf/version.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Storage requests of one worker that are with the kernel at a time. */
#define ENGINE_DEPTH 256
/* How long the end may take, first for hosts, then for the last flush. */
#define END_DEADLINE_MS 4000
/* Without descriptors, accepting is tried again after so long. */
#define OUT_OF_DESCRIPTORS_MS 100
/* Then signals and other ports are looked at. */
#define ACCEPTS_IN_A_ROW 64

/* A worker with what it needs of the other rooms. */
struct bench {
	struct station *station;
	struct io_engine *engine;
	struct worker_source engine_source;
	struct worker_message end, last;
	struct flush_all flush;
};

struct server {
	struct model model;
	struct target target;
	struct listeners listeners;
	struct bench *benches;		/* [station] */
	unsigned int next;		/* station for the next connection */
	bool is_short;			/* of descriptors: said once */
	const struct log *log;
	_Atomic unsigned int told, flushed;
};

/* ---- a worker's storage engine ------------------------------------------------------- */

static void engine_ready(struct worker_source *s, uint32_t events)
{
	io_engine_reap(container_of(s, struct bench, engine_source)->engine);
}

static void flush_engine(struct worker *w)
{
	struct station *s = w->attached;

	if (!io_engine_pending(s->lane.io))
		return;
	/* Much of what the page cache has is answered within the call. */
	io_engine_flush(s->lane.io);
	io_engine_reap(s->lane.io);
}

static int open_engine(struct bench *b, enum io_engine_kind kind, char *error,
		       size_t error_size)
{
	struct worker *w = b->station->worker;
	int r = io_engine_open(&b->engine, kind, ENGINE_DEPTH, error, error_size);

	if (r)
		return r;
	b->station->lane.io = b->engine;
	b->engine_source.ready = engine_ready;
	w->flush = flush_engine;
	return worker_watch(w, io_engine_fd(b->engine), EPOLLIN, &b->engine_source);
}

/* ---- workers ----------------------------------------------------------------------------- */

static size_t largest_buffer(const struct nvmfd_options *o)
{
	return o->mdts > TCP_CHUNK_WANTED ? o->mdts : TCP_CHUNK_WANTED;
}

static int open_station(struct server *s, unsigned int i, const struct nvmfd_options *o,
			char *error, size_t error_size)
{
	struct worker_settings settings = { .buffers = o->buffers,
					    .largest = largest_buffer(o),
					    .in_capsule = o->in_capsule_data, .log = s->log };
	struct station *st = &s->target.stations[i];
	int r = worker_open(&st->worker, i, &settings, error, error_size);

	if (r)
		return r;
	st->worker->attached = st;
	st->target = &s->target;
	st->health = &s->model.subsystem.health[i];
	st->lane.timers = &st->worker->timers;
	list_init(&st->spare);
	s->benches[i].station = st;
	s->target.station_count++;
	return open_engine(&s->benches[i], (enum io_engine_kind)o->engine, error, error_size);
}

static int open_stations(struct server *s, const struct nvmfd_options *o, char *error,
			 size_t error_size)
{
	int r = 0;

	s->target.stations = calloc(o->workers, sizeof(*s->target.stations));
	s->benches = calloc(o->workers, sizeof(*s->benches));
	if (!s->target.stations || !s->benches) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < o->workers && !r; i++)
		r = open_station(s, i, o, error, error_size);
	return r;
}

static int start_workers(struct server *s, char *error, size_t error_size)
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

static void stop_workers(struct server *s)
{
	for (unsigned int i = 0; i < s->target.station_count; i++)
		worker_stop(s->target.stations[i].worker);
}

static void close_stations(struct server *s)
{
	for (unsigned int i = 0; i < s->target.station_count; i++) {
		station_close(&s->target.stations[i]);
		if (s->benches[i].engine)
			io_engine_close(s->benches[i].engine);
		worker_close(s->target.stations[i].worker);
	}
	free(s->target.stations);
	free(s->benches);
}

/* ---- putting together ---------------------------------------------------------------------- */

static struct limits limits_of(const struct nvmfd_options *o)
{
	return (struct limits){
		.mdts = (uint32_t)o->mdts, .in_capsule = (uint32_t)o->in_capsule_data,
		.io_queues = o->io_queues, .queue_entries = o->queue_entries, .nn = o->nn,
		.handshake_s = o->handshake_timeout,
		.association_s = o->association_timeout,
		.allow_flow_off = o->allow_sqflow_off };
}

static void name_subsystem(struct subsystem *s, const struct server_setup *setup)
{
	snprintf(s->nqn, sizeof(s->nqn), "%s", setup->nqn);
	snprintf(s->serial, sizeof(s->serial), "%s", setup->serial);
	snprintf(s->model, sizeof(s->model), "nvmfd");
	snprintf(s->firmware, sizeof(s->firmware), "%s", NVMF_VERSION);
}

static void set_target(struct server *s, const struct nvmfd_options *o)
{
	s->target.model = &s->model;
	s->target.log = s->log;
	s->target.tcp = (struct tcp_config){
		.allow_header_digest = o->allow_header_digest,
		.allow_data_digest = o->allow_data_digest,
		.in_capsule_max = (uint32_t)o->in_capsule_data,
		.maxh2cdata = (uint32_t)o->max_h2c_data,
		.success_always = o->c2h_success == C2H_SUCCESS_ALWAYS };
	registry_open(&s->target.registry);
}

/* Storage first, listening last: a host must not meet half a model. */
static int open_all(struct server *s, const struct server_setup *setup, char *error,
		    size_t error_size)
{
	const struct nvmfd_options *o = setup->options;
	struct limits limits = limits_of(o);
	int r = model_open(&s->model, &limits, o->workers);

	if (r) {
		snprintf(error, error_size, "out of memory");
		return r;
	}
	name_subsystem(&s->model.subsystem, setup);
	r = storage_open(&s->model, setup->devices, setup->device_count, error, error_size);
	if (!r)
		r = open_stations(s, o, error, error_size);
	if (!r)
		r = listeners_open(&s->listeners, &s->model, o, error, error_size);
	if (!r)
		r = start_workers(s, error, error_size);
	return r;
}

static void take_apart(struct server *s)
{
	stop_workers(s);
	listeners_close(&s->listeners);
	close_stations(s);
	model_close(&s->model);
	registry_close(&s->target.registry);
	free(s);
}

int server_open(struct server **result, const struct server_setup *setup, char *error,
		size_t error_size)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	*result = NULL;
	if (!s) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	s->log = setup->log;
	set_target(s, setup->options);
	r = open_all(s, setup, error, error_size);
	if (r)
		take_apart(s);
	else
		*result = s;
	return r;
}

uint16_t server_io_port(const struct server *s)
{
	return s->listeners.io_port;
}

uint16_t server_discovery_port(const struct server *s)
{
	return s->listeners.discovery_port;
}

/* ---- accepting ------------------------------------------------------------------------------- */

struct arrival {
	struct worker_message message;
	struct station *station;
	const struct port *port;
	int fd;
};

static void arrive(struct worker_message *m)
{
	struct arrival *a = container_of(m, struct arrival, message);

	target_accept(a->station, a->fd, a->port);
	free(a);
}

static void hand_over(struct server *s, int fd, const struct port *port)
{
	struct arrival *a = malloc(sizeof(*a));

	if (!a) {
		log_say(s->log, LOG_ERROR, "out of memory for a connection");
		close(fd);
		return;
	}
	*a = (struct arrival){ .message.run = arrive, .port = port, .fd = fd,
			       .station = &s->target.stations[s->next] };
	s->next = (s->next + 1) % s->target.station_count;
	worker_post(a->station->worker, &a->message);
}

/* False: there are no descriptors left, it should not be tried at once again. */
static bool accept_some(struct server *s, const struct listener *l)
{
	for (int n = 0; n < ACCEPTS_IN_A_ROW; n++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			hand_over(s, fd, l->port);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			if (!s->is_short)
				log_say(s->log, LOG_ERROR, "can't accept a host: %s",
					strerror(errno));
			s->is_short = true;
			return false;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			break;
		}
	}
	s->is_short = false;
	return true;
}

static bool must_end(struct server *s, int signals)
{
	int number = signals_read(signals);

	if (number != SIGTERM && number != SIGINT && number != SIGQUIT)
		return false;
	log_say(s->log, LOG_NOTICE, "ends on signal %d", number);
	return true;
}

static void set_polls(const struct server *s, struct pollfd *p, bool is_accepting)
{
	for (unsigned int i = 0; i < s->listeners.count; i++)
		p[i + 1] = (struct pollfd){ .fd = is_accepting ? s->listeners.list[i].fd : -1,
					    .events = POLLIN };
}

void server_run(struct server *s, int signals)
{
	unsigned int n = s->listeners.count;
	struct pollfd *p = calloc(n + 1, sizeof(*p));
	bool has_descriptors = true;

	if (!p)
		return;
	p[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
	for (;;) {
		set_polls(s, p, has_descriptors);
		if (poll(p, n + 1, has_descriptors ? -1 : OUT_OF_DESCRIPTORS_MS) < 0 &&
		    errno != EINTR)
			break;
		if (p[0].revents && must_end(s, signals))
			break;
		has_descriptors = true;
		for (unsigned int i = 0; i < n; i++)
			if (p[i + 1].revents && !accept_some(s, &s->listeners.list[i]))
				has_descriptors = false;
	}
	free(p);
}

/* ---- the end ------------------------------------------------------------------------------------ */

static bool wait_until(struct server *s, bool (*is_so)(struct server *))
{
	for (int ms = 0; ms < END_DEADLINE_MS; ms += 5) {
		if (is_so(s))
			return true;
		usleep(5000);
	}
	return is_so(s);
}

static void end_station(struct worker_message *m)
{
	struct bench *b = container_of(m, struct bench, end);
	struct server *s = container_of(b->station->target, struct server, target);

	target_end_all(b->station);
	s->told++;
}

static bool is_empty(struct server *s)
{
	return s->told == s->target.station_count && !target_queues(&s->target) &&
	       !registry_count(&s->target.registry);
}

static void last_flush_done(struct flush_all *f)
{
	struct server *s = container_of(f->station->target, struct server, target);

	if (f->result)
		log_say(s->log, LOG_ERROR, "the last flush failed: %s", strerror(-f->result));
	s->flushed = 1;
}

static void last_flush(struct worker_message *m)
{
	struct bench *b = container_of(m, struct bench, last);

	flush_all_start(&b->flush, b->station, last_flush_done);
}

static bool is_flushed(struct server *s)
{
	return s->flushed;
}

static bool end_hosts(struct server *s)
{
	listeners_close(&s->listeners);
	for (unsigned int i = 0; i < s->target.station_count; i++) {
		s->benches[i].end.run = end_station;
		worker_post(s->target.stations[i].worker, &s->benches[i].end);
	}
	return wait_until(s, is_empty);
}

static bool flush_storage(struct server *s)
{
	s->benches[0].last.run = last_flush;
	worker_post(s->target.stations[0].worker, &s->benches[0].last);
	return wait_until(s, is_flushed);
}

bool server_close(struct server *s)
{
	bool is_drained = end_hosts(s);

	if (!flush_storage(s) || !is_drained) {
		/* Nor are the workers waited for: one of them may hang in there. */
		log_say(s->log, LOG_ERROR, "ends with commands still at the storage");
		return false;
	}
	take_apart(s);
	return true;
}
