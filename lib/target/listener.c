/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening sockets: opened all or none, then watched by the first worker, which
 * hands what it accepts to all of them in turn.
 */
#include "target/service.h"
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
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
	uint64_t port;
	int fd;
	bool is_watched;
	bool is_short;			/* of descriptors: said once */
};

/* ---- accepting ------------------------------------------------------------------------------- */

struct arrival {
	struct worker_message message;
	struct station *station;
	uint64_t port;
	int fd;
};

static void arrive(struct worker_message *m)
{
	struct arrival *a = container_of(m, struct arrival, message);

	target_accept(a->station, a->fd, a->port);
	free(a);
}

static void send_to(struct station *st, int fd, uint64_t port)
{
	struct arrival *a = malloc(sizeof(*a));

	if (!a) {
		log_say(st->target->log, LOG_ERROR, "out of memory for a connection");
		close(fd);
		return;
	}
	*a = (struct arrival){ .message.run = arrive, .port = port, .fd = fd,
			       .station = st };
	worker_post(st->worker, &a->message);
}

static void hand_over(struct service *s, int fd, uint64_t port)
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

	for (int n = 0; n < ACCEPTS_IN_A_ROW && l->fd >= 0; n++) {
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
		struct listener *l = list_entry(link, struct listener, link);

		if (!r && !l->is_watched && !timer_is_armed(&l->again))
			r = watch(l);
	}
	return r;
}

/* ---- opening and closing ------------------------------------------------------------------------ */

/* Its memory stays: an event of this turn may still come. */
static void close_listener(struct listener *l)
{
	struct worker *w = l->service->target.stations[0].worker;

	list_remove(&l->link);
	if (l->is_watched)
		worker_unwatch(w, l->fd);
	timer_cancel(&w->timers, &l->again);
	close(l->fd);
	l->fd = -1;
	list_append(&l->service->closed, &l->link);
}

void listeners_free(struct service *s)
{
	struct list *l;

	while ((l = list_pop(&s->closed)))
		free(list_entry(l, struct listener, link));
}

void listeners_close(struct service *s)
{
	list_for_each_safe(link, &s->listeners)
		close_listener(list_entry(link, struct listener, link));
}

void listeners_close_others(struct service *s, const struct snapshot *m)
{
	list_for_each_safe(link, &s->listeners) {
		struct listener *l = list_entry(link, struct listener, link);

		if (!snapshot_port_of(m, l->port))
			close_listener(l);
	}
}

/* It was never watched. */
void listener_drop(struct model_runtime *rt, uint64_t port)
{
	struct service *s = container_of(rt, struct service, runtime);

	list_for_each_safe(link, &s->listeners) {
		struct listener *l = list_entry(link, struct listener, link);

		if (l->port == port)
			close_listener(l);
	}
}

static void describe(struct port *p, const struct net_address *a)
{
	p->is_any = net_address_is_any(a);
	p->is_ipv6 = net_address_is_ipv6(a);
	p->service = net_address_port(a);
	net_address_text(a, p->address);
}

/* Takes the descriptor over. */
static int add(struct service *s, int fd, uint64_t port)
{
	struct listener *l = malloc(sizeof(*l));

	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	*l = (struct listener){ .source.ready = ready, .service = s, .fd = fd,
				.port = port };
	timer_init(&l->again, try_again);
	list_append(&s->listeners, &l->link);
	return 0;
}

static bool is_at(const struct listener *l, const struct net_address *wanted)
{
	char text[NET_ADDRESS_TEXT], other[NET_ADDRESS_TEXT];
	struct net_address a;

	if (net_local_address(l->fd, &a) || net_address_port(&a) != net_address_port(wanted))
		return false;
	net_address_text(&a, text);
	net_address_text(wanted, other);
	return !strcmp(text, other);
}

/* The draft has its port no more: it listens until the commit. */
static bool is_leaving(const struct service *s, const struct listener *l)
{
	return !snapshot_port_of(model_snapshot(&s->model), l->port);
}

static void share_ports(struct service *s, bool shares)
{
	list_for_each(link, &s->listeners) {
		struct listener *l = list_entry(link, struct listener, link);

		if (is_leaving(s, l))
			net_share_port(l->fd, shares);
	}
}

/*
 * Another port at the address of one that is leaving shares its socket: so an abort finds
 * the old one as it was, and whoever connects in between waits for the new one.  Where
 * one address covers the other ("0.0.0.0" and "192.0.2.1") they share the TCP port.
 */
static int listen_at(struct service *s, const struct net_address *a)
{
	int fd;

	list_for_each(link, &s->listeners) {
		const struct listener *l = list_entry(link, struct listener, link);

		if (!is_leaving(s, l) || !is_at(l, a))
			continue;
		fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	fd = net_listen(a, BACKLOG, false);
	if (fd != -EADDRINUSE)
		return fd;
	share_ports(s, true);
	fd = net_listen(a, BACKLOG, true);
	share_ports(s, false);
	return fd;
}

int listener_open(struct model_runtime *rt, struct port *p, char *error, size_t error_size)
{
	struct service *s = container_of(rt, struct service, runtime);
	struct net_address a;
	int fd, r = net_address_parse(&a, p->address, p->service);

	if (r) {
		snprintf(error, error_size, "'%s' is not a numeric address", p->address);
		return r;
	}
	fd = listen_at(s, &a);
	r = fd < 0 ? fd : net_local_address(fd, &a);
	if (!r)
		r = add(s, fd, p->key);
	else if (fd >= 0)
		close(fd);
	if (r)
		snprintf(error, error_size, "can't listen on %s port %u: %s", p->address,
			 p->service, strerror(-r));
	else
		describe(p, &a);
	return r;
}

/* ---- several addresses --------------------------------------------------------------------------- */

/* A machine without IPv6 (or IPv4) still serves what it has. */
static bool may_lack(const struct service_addresses *a, int error)
{
	return a->may_lack && (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL);
}

/* Within one change of the model, which the caller ends. */
static int listen_all(struct service *s, const struct service_addresses *a, uint16_t *port,
		      const char *nqn)
{
	struct port_settings set = { .service = *port };
	bool has_one = false;

	for (size_t i = 0; i < a->count; i++) {
		int r;

		set.has_id = false;
		set.address = a->list[i];
		r = model_add_port(&s->model, &set);
		if (!r && nqn)
			r = model_link(&s->model, set.id, nqn);
		if (r && !may_lack(a, r))
			return r;
		has_one |= !r;
	}
	*port = set.service;
	return has_one ? 0 : -EADDRNOTAVAIL;
}

static int try_to_listen(struct service *s, const struct service_addresses *a, uint16_t *port,
			 const char *nqn)
{
	int r = model_begin(&s->model);

	if (r)
		return r;
	r = listen_all(s, a, port, nqn);
	if (!r)
		return model_commit(&s->model);
	model_abort(&s->model);
	return r;
}

int service_listen(struct service *s, const struct service_addresses *a, uint16_t *port,
		   const char *nqn, char *error, size_t error_size)
{
	unsigned int tries = *port ? 1 : FREE_PORT_TRIES;
	int r;

	do
		r = try_to_listen(s, a, port, nqn);
	while (r == -EADDRINUSE && --tries);
	if (r)
		snprintf(error, error_size, "%s", model_error(&s->model));
	return r;
}
