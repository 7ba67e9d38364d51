/* SPDX-License-Identifier: BSD-2-Clause */
#include "listener.h"
#include "net/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 1024
/* How often a free port is looked for that all addresses have free. */
#define FREE_PORT_TRIES 32

static const char *const everywhere[] = { "0.0.0.0", "::" };

struct addresses {
	const char *const *list;
	size_t count;
	bool are_default;
};

static struct addresses addresses_of(const struct nvmfd_options *o)
{
	if (o->listen_count)
		return (struct addresses){ o->listen, o->listen_count, false };
	return (struct addresses){ everywhere, 2, true };
}

static void add(struct listeners *l, struct model *m, int fd, const struct net_address *a,
		bool serves_io)
{
	struct port *p = &m->ports[m->port_count];

	*p = (struct port){ .id = (uint16_t)(m->port_count + 1), .serves_io = serves_io,
			    .is_any = net_address_is_any(a),
			    .is_ipv6 = net_address_is_ipv6(a),
			    .service = net_address_port(a) };
	net_address_text(a, p->address);
	l->list[l->count++] = (struct listener){ fd, p };
	m->port_count++;
}

/* A machine without IPv6 (or IPv4) still serves what it has. */
static bool may_lack(const struct addresses *a, int error)
{
	return a->are_default && (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL);
}

static int listen_one(struct listeners *l, struct model *m, const char *text, uint16_t port,
		      bool serves_io, char *error, size_t error_size)
{
	struct net_address a;
	int fd, r = net_address_parse(&a, text, port);

	if (r) {
		snprintf(error, error_size, "--listen %s: not a numeric address", text);
		return r;
	}
	fd = net_listen(&a, BACKLOG);
	if (fd >= 0 && !port)
		r = net_local_address(fd, &a);
	if (fd < 0 || r) {
		snprintf(error, error_size, "can't listen on %s port %u: %s", text, port,
			 strerror(fd < 0 ? -fd : -r));
		return fd < 0 ? fd : r;
	}
	add(l, m, fd, &a, serves_io);
	return 0;
}

static void take_back(struct listeners *l, struct model *m, unsigned int count)
{
	while (l->count > count) {
		close(l->list[--l->count].fd);
		m->port_count--;
	}
}

/* Listens on the port at every address; where it is 0 the first one finds it. */
static int listen_all(struct listeners *l, struct model *m, const struct addresses *a,
		      uint16_t *port, bool serves_io, char *error, size_t error_size)
{
	unsigned int before = l->count;
	uint16_t chosen = *port;

	for (size_t i = 0; i < a->count; i++) {
		int r = listen_one(l, m, a->list[i], chosen, serves_io, error, error_size);

		if (r && may_lack(a, r))
			continue;
		if (r) {
			take_back(l, m, before);
			return r;
		}
		chosen = m->ports[m->port_count - 1].service;
	}
	if (l->count == before)
		return -EADDRNOTAVAIL;
	*port = chosen;
	return 0;
}

static int listen_port(struct listeners *l, struct model *m, const struct addresses *a,
		       uint16_t *port, bool serves_io, char *error, size_t error_size)
{
	unsigned int tries = *port ? 1 : FREE_PORT_TRIES;
	int r;

	do
		r = listen_all(l, m, a, port, serves_io, error, error_size);
	while (r == -EADDRINUSE && --tries);
	return r;
}

int listeners_open(struct listeners *l, struct model *m, const struct nvmfd_options *o,
		   char *error, size_t error_size)
{
	struct addresses a = addresses_of(o);
	int r;

	*l = (struct listeners){ .io_port = (uint16_t)o->io_port,
				 .discovery_port = (uint16_t)o->discovery_port };
	l->list = calloc(2 * a.count, sizeof(*l->list));
	m->ports = calloc(2 * a.count, sizeof(*m->ports));
	if (!l->list || !m->ports) {
		snprintf(error, error_size, "out of memory");
		listeners_close(l);
		return -ENOMEM;
	}
	r = listen_port(l, m, &a, &l->io_port, true, error, error_size);
	/* One port can serve both: discovery is answered on the I/O port, too. */
	if (!r && (!o->discovery_port || l->discovery_port != l->io_port))
		r = listen_port(l, m, &a, &l->discovery_port, false, error, error_size);
	if (r)
		listeners_close(l);
	return r;
}

void listeners_close(struct listeners *l)
{
	for (unsigned int i = 0; i < l->count; i++)
		close(l->list[i].fd);
	free(l->list);
	l->list = NULL;
	l->count = 0;
}
