/* SPDX-License-Identifier: BSD-2-Clause */
#include "floor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define FEW 8				/* connections that are asked one after another */
#define LEAST ((size_t)64 << 10)
#define PAGE 4096
#define HUGE_PAGE ((size_t)2 << 20)

struct server {
	const struct plan *plan;
	uint8_t *area, *buffer;
	uint64_t random;
	size_t places;			/* of a command's size, at any page */
};

/* All the same, whatever they answer. */
static const struct tcp_data c2h_data = { .ch = { .type = TCP_PDU_C2H_DATA } };
static const struct tcp_r2t r2t = { .ch = { .type = TCP_PDU_R2T } };
static const struct tcp_response response = { .ch = { .type = TCP_PDU_RESPONSE } };

static uint8_t *choose_place(struct server *v)
{
	if (v->plan->hot)
		return v->area;
	return v->area + ((uint64_t)draw(&v->random) * v->places >> 32) * PAGE;
}

static void answer_read(struct stream *s)
{
	struct server *v = s->owner;

	stream_push(s, &c2h_data, sizeof(c2h_data));
	stream_push(s, choose_place(v), v->plan->size);
	if (v->plan->responses)
		stream_push(s, &response, sizeof(response));
}

static void expect_data(struct stream *s)
{
	struct server *v = s->owner;

	s->payload = v->plan->size;
	s->place = choose_place(v);
}

static void take(struct stream *s, const struct tcp_ch *header)
{
	const struct server *v = s->owner;
	const struct tcp_command *command = (const struct tcp_command *)header;

	if (header->type == TCP_PDU_COMMAND && command->sqe.opcode == NVME_IO_READ)
		answer_read(s);
	else if (header->type == TCP_PDU_COMMAND && v->plan->size > v->plan->in_capsule)
		stream_push(s, &r2t, sizeof(r2t));
	else
		expect_data(s);
}

static void taken(struct stream *s)
{
	stream_push(s, &response, sizeof(response));
}

static uint8_t *place(struct stream *s)
{
	return choose_place(s->owner);
}

static const struct role role = { take, taken, place };

/* ---- the loop ----------------------------------------------------------------------------- */

static void map_area(struct server *v)
{
	size_t size = AREA_SIZE + HUGE_PAGE;
	uint8_t *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		die("memory");
	v->area = area + (HUGE_PAGE - (uintptr_t)area % HUGE_PAGE) % HUGE_PAGE;
	madvise(v->area, AREA_SIZE, v->plan->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(v->area, 1, AREA_SIZE);
	v->places = (AREA_SIZE - v->plan->size) / PAGE + 1;
}

static size_t foreseen(const struct plan *plan)
{
	return !plan->read_percent && plan->size <= plan->in_capsule ? plan->size : 0;
}

/* Half of what may be under way: the client works on while the other half is taken. */
static size_t most(const struct plan *plan)
{
	size_t half = plan->depth * plan->size / 2;

	return half < LEAST ? LEAST : half < RECEIVE_SIZE ? half : RECEIVE_SIZE;
}

static struct stream *accept_all(struct server *v, int listener, int epoll)
{
	struct stream *streams = calloc(v->plan->connections, sizeof(*streams));

	if (!streams)
		die("memory");
	for (unsigned long i = 0; i < v->plan->connections; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
					     .data.ptr = &streams[i] };
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		stream_init(&streams[i], fd, &role, v, v->buffer);
		streams[i].most = most(v->plan);
		streams[i].foreseen = foreseen(v->plan);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			die("epoll");
	}
	return streams;
}

/* False: it has left. */
static bool process(struct stream *s)
{
	enum progress progress;

	do {
		progress = stream_receive(s, false);
		stream_send(s);
	} while (progress == STREAM_MORE);
	return progress != STREAM_LEFT;
}

static void wait_for_any(const struct plan *plan, int epoll)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, plan->spins ? 0 : -1);

		for (int i = 0; i < n; i++)
			if (!process(events[i].data.ptr))
				return;
	}
}

/* The shortest way: no call but the receives themselves. */
static void ask_each(const struct plan *plan, struct stream *streams)
{
	for (;;)
		for (unsigned long i = 0; i < plan->connections; i++)
			if (!process(&streams[i]))
				return;
}

void serve(const struct plan *plan, int listener, int ready)
{
	struct server v = { .plan = plan, .random = 88172645463325252u, .buffer = stream_buffer() };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct stream *streams;

	pin_to_cpu(plan->server_cpu);
	map_area(&v);
	streams = accept_all(&v, listener, epoll);
	if (write(ready, "!", 1) != 1)
		die("pipe");
	if (plan->spins && plan->connections <= FEW)
		ask_each(plan, streams);
	else
		wait_for_any(plan, epoll);
}
