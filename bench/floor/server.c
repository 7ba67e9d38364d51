/* SPDX-License-Identifier: BSD-2-Clause */
#include "floor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define PAGE 4096
#define HUGE_PAGE ((size_t)2 << 20)

struct server {
	const struct plan *plan;
	uint8_t *area;
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

static const struct role role = { take, taken };

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
		stream_init(&streams[i], fd, &role, v);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			die("epoll");
	}
	return streams;
}

void serve(const struct plan *plan, int listener, int ready)
{
	struct server v = { .plan = plan, .random = 88172645463325252u };
	struct epoll_event events[EVENTS];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	pin_to_cpu(plan->server_cpu);
	map_area(&v);
	accept_all(&v, listener, epoll);
	if (write(ready, "!", 1) != 1)
		die("pipe");
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, plan->spins ? 0 : -1);

		for (int i = 0; i < n; i++) {
			if (!stream_receive(events[i].data.ptr, false))
				return;
			stream_send(events[i].data.ptr);
		}
	}
}
