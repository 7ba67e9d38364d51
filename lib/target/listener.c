/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening sockets: opened all or none, then watched by the first worker, which
 * hands what it accepts to all of them in turn.
 */
#include "target/service.h"
#include "net/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BACKLOG 1024
/* How often a free port is looked for that all addresses have free. */
#define FREE_PORT_TRIES 32
/* Without descriptors, accepting is tried again after so long. */
#define OUT_OF_DESCRIPTORS_MS 100
/* Then the connections that are there have their turn. */
#define ACCEPTS_IN_A_ROW 64

struct listener {
	struct worker_source source;
	struct timer again;		/* out of descriptors */
	struct list link;
	struct service *service;
	const struct port *port;	/* the model's */
	int fd;
	bool is_watched;
	bool is_short;			/* of descriptors: said once */
};

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

static void send_to(struct station *st, int fd, const struct port *port)
{
	struct arrival *a = malloc(sizeof(*a));

	if (!a) {
		log_say(st->target->log, LOG_ERROR, "out of memory for a connection");
		close(fd);
		return;
	}
	*a = (struct arrival){ .message.run = arrive, .port = port, .fd = fd, .station = st };
	worker_post(st->worker, &a->message);
}

static void hand_over(struct service *s, int fd, const struct port *port)
{
	struct station *st = &s->target.stations[s->next];

	s->next = (s->next + 1) % s->target.station_count;
	if (st == &s->target.stations[0])
		target_accept(st, fd, port);
	else
		send_to(st, fd, port);
}

static int watch(struct listener *l)
{
	struct worker *w = l->service->target.stations[0].worker;
	int r = worker_watch(w, l->fd, EPOLLIN, &l->source);

	l->is_watched = !r;
	return r;
}

static void pause_accepting(struct listener *l, int error)
{
	struct worker *w = l->service->target.stations[0].worker;

	if (!l->is_short)
		log_say(w->log, LOG_ERROR, "can't accept a host: %s", strerror(error));
	l->is_short = true;
	if (l->is_watched)
		worker_unwatch(w, l->fd);
	l->is_watched = false;
	timer_arm(&w->timers, &l->again, w->now + OUT_OF_DESCRIPTORS_MS * NS_PER_MS);
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void ready(struct worker_source *source, uint32_t events)
{
	struct listener *l = container_of(source, struct listener, source);

	for (int n = 0; n < ACCEPTS_IN_A_ROW; n++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			l->is_short = false;
			hand_over(l->service, fd, l->port);
		} else if (is_shortage(errno)) {
			pause_accepting(l, errno);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

static void try_again(struct timer *t)
{
	struct listener *l = container_of(t, struct listener, again);
	int r = watch(l);

	if (r)
		pause_accepting(l, -r);
}

int listeners_watch(struct service *s)
{
	int r = 0;

	list_for_each_safe(link, &s->listeners) {
		r = watch(list_entry(link, struct listener, link));
		if (r)
			break;
	}
	return r;
}

/* ---- opening and closing ------------------------------------------------------------------------ */

static void close_listener(struct listener *l)
{
	struct worker *w = l->service->target.stations[0].worker;

	list_remove(&l->link);
	if (l->is_watched)
		worker_unwatch(w, l->fd);
	timer_cancel(&w->timers, &l->again);
	close(l->fd);
	free(l);
}

void listeners_close(struct service *s)
{
	list_for_each_safe(link, &s->listeners)
		close_listener(list_entry(link, struct listener, link));
}

/* Takes the descriptor over. */
static int add(struct service *s, int fd, const struct net_address *a, bool serves_io)
{
	struct listener *l = malloc(sizeof(*l));
	struct port p = { .serves_io = serves_io, .is_any = net_address_is_any(a),
			  .is_ipv6 = net_address_is_ipv6(a), .service = net_address_port(a) };

	net_address_text(a, p.address);
	if (l)
		*l = (struct listener){ .source.ready = ready, .service = s, .fd = fd,
					.port = model_add_port(&s->model, &p) };
	if (!l || !l->port) {
		free(l);
		close(fd);
		return -ENOMEM;
	}
	timer_init(&l->again, try_again);
	list_append(&s->listeners, &l->link);
	return 0;
}

/* A machine without IPv6 (or IPv4) still serves what it has. */
static bool may_lack(const struct service_addresses *a, int error)
{
	return a->may_lack && (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL);
}

static int listen_one(struct service *s, const char *text, uint16_t *port, bool serves_io,
		      char *error, size_t error_size)
{
	struct net_address a;
	int fd, r = net_address_parse(&a, text, *port);

	if (r) {
		snprintf(error, error_size, "'%s' is not a numeric address", text);
		return r;
	}
	fd = net_listen(&a, BACKLOG);
	r = fd < 0 ? fd : net_local_address(fd, &a);
	if (!r)
		r = add(s, fd, &a, serves_io);
	else if (fd >= 0)
		close(fd);
	if (r)
		snprintf(error, error_size, "can't listen on %s port %u: %s", text, *port,
			 strerror(-r));
	else
		*port = net_address_port(&a);
	return r;
}

static void take_back(struct service *s, unsigned int ports)
{
	while (s->model.port_count > ports) {
		close_listener(list_entry(s->listeners.prev, struct listener, link));
		model_drop_last_port(&s->model);
	}
}

/* Listens on the port at every address; where it is 0 the first one finds it. */
static int listen_all(struct service *s, const struct service_addresses *a, uint16_t *port,
		      bool serves_io, char *error, size_t error_size)
{
	unsigned int before = s->model.port_count;
	uint16_t chosen = *port;

	for (size_t i = 0; i < a->count; i++) {
		int r = listen_one(s, a->list[i], &chosen, serves_io, error, error_size);

		if (r && !may_lack(a, r)) {
			take_back(s, before);
			return r;
		}
	}
	if (s->model.port_count == before)
		return -EADDRNOTAVAIL;
	*port = chosen;
	return 0;
}

int service_listen(struct service *s, const struct service_addresses *a, uint16_t *port,
		   bool serves_io, char *error, size_t error_size)
{
	unsigned int tries = *port ? 1 : FREE_PORT_TRIES;
	int r;

	do
		r = listen_all(s, a, port, serves_io, error, error_size);
	while (r == -EADDRINUSE && --tries);
	return r;
}
