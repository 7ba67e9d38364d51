/* SPDX-License-Identifier: BSD-2-Clause */
#include "floor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 64

struct client {
	const struct plan *plan;
	struct stream *streams;
	uint8_t *buffer;
	uint8_t *data;			/* what is written, for every command a part */
	size_t next;
	uint64_t random, reads, writes;
	double worked;			/* seconds of the turns that found work; who spins */
	int epoll;
};

static const struct tcp_command reading = { .ch = { .type = TCP_PDU_COMMAND },
					    .sqe = { .opcode = NVME_IO_READ } };
static const struct tcp_command writing = { .ch = { .type = TCP_PDU_COMMAND },
					    .sqe = { .opcode = NVME_IO_WRITE } };
static const struct tcp_data h2c_data = { .ch = { .type = TCP_PDU_H2C_DATA } };

static void push_data(struct stream *s)
{
	struct client *c = s->owner;

	stream_push(s, c->data + c->next * c->plan->size, c->plan->size);
	c->next = c->next + 1 < c->plan->depth ? c->next + 1 : 0;
}

static bool choose_read(struct client *c)
{
	return ((uint64_t)draw(&c->random) * 100 >> 32) < c->plan->read_percent;
}

static void push_command(struct stream *s)
{
	struct client *c = s->owner;
	bool is_read = choose_read(c);

	stream_push(s, is_read ? &reading : &writing, sizeof(reading));
	if (!is_read && c->plan->size <= c->plan->in_capsule)
		push_data(s);
}

static void finish(struct stream *s, uint64_t *counter)
{
	++*counter;
	push_command(s);
}

/* A response ends a read, too, where reads have one: its data has been counted. */
static void take(struct stream *s, const struct tcp_ch *header)
{
	struct client *c = s->owner;

	if (header->type == TCP_PDU_C2H_DATA) {
		s->payload = c->plan->size;
	} else if (header->type == TCP_PDU_R2T) {
		stream_push(s, &h2c_data, sizeof(h2c_data));
		push_data(s);
	} else {
		finish(s, &c->writes);
	}
}

static void taken(struct stream *s)
{
	struct client *c = s->owner;

	if (!c->plan->responses)
		finish(s, &c->reads);
	else
		c->reads++;
}

static const struct role role = { .take = take, .taken = taken };

/* ---- the loops ---------------------------------------------------------------------------- */

static void process(struct stream *s, bool waits)
{
	enum progress progress;

	do {
		errno = 0;
		progress = stream_receive(s, waits);
		if (progress == STREAM_LEFT)
			die("the server has left");
		stream_send(s);
		waits = false;
	} while (progress == STREAM_MORE);
}

/* What is measured begins when the last turn ended. */
static void spin(struct client *c, double begun)
{
	uint64_t before = c->reads + c->writes;

	for (unsigned long i = 0; i < c->plan->connections; i++)
		process(&c->streams[i], false);
	if (c->reads + c->writes != before)
		c->worked += seconds_now() - begun;
}

static void wait_for_any(struct client *c)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(c->epoll, events, EVENTS, 1000);

	for (int i = 0; i < n; i++)
		process(events[i].data.ptr, false);
}

static void turn(struct client *c, double now)
{
	if (c->plan->client_spins)
		spin(c, now);
	else if (c->plan->connections == 1 && !stream_has_output(c->streams))
		process(c->streams, true);
	else
		wait_for_any(c);
}

/* ---- life --------------------------------------------------------------------------------- */

static void begin(struct client *c, struct stream *s, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s };

	stream_init(s, fd, &role, c, c->buffer);
	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll");
	for (unsigned long i = 0; i < c->plan->depth; i++)
		push_command(s);
	stream_send(s);
}

static void init(struct client *c, const struct plan *plan)
{
	memset(c, 0, sizeof(*c));
	c->plan = plan;
	c->random = 0x9e3779b97f4a7c15u;
	c->streams = calloc(plan->connections, sizeof(*c->streams));
	c->buffer = stream_buffer();
	c->data = malloc(plan->depth * plan->size);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!c->streams || !c->data || c->epoll < 0)
		die("memory");
	memset(c->data, 1, plan->depth * plan->size);
}

static void let_go(struct client *c)
{
	for (unsigned long i = 0; i < c->plan->connections; i++)
		stream_free(&c->streams[i]);
	free(c->streams);
	free(c->buffer);
	free(c->data);
	close(c->epoll);
}

struct outcome load(const struct plan *plan, const int *sockets)
{
	struct outcome o = { .server_busy = -cpu_busy(plan->server_cpu) };
	double begun, end;
	struct client c;

	init(&c, plan);
	o.client_busy = -cpu_busy(plan->client_cpu);
	begun = seconds_now();
	end = begun + (double)plan->milliseconds / 1e3;
	for (unsigned long i = 0; i < plan->connections; i++)
		begin(&c, &c.streams[i], sockets[i]);
	while ((o.seconds = seconds_now()) < end)
		turn(&c, o.seconds);
	o.seconds -= begun;
	o.server_busy += cpu_busy(plan->server_cpu);
	o.client_busy = plan->client_spins ? c.worked : o.client_busy + cpu_busy(plan->client_cpu);
	o.reads = c.reads;
	/* With a response of their own, reads were counted by both. */
	o.writes = plan->responses ? c.writes - c.reads : c.writes;
	let_go(&c);
	return o;
}
