/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc/rpc.h"
#include "rpc/session.h"
#include "rpc/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE (64u << 10)	/* bytes of one receive */
#define BUDGET 16		/* receives of one caller a turn */
#define ACCEPTS_A_TURN 16
/* What a caller sends behind the end of his session is thrown away for so long. */
#define LINGER_S 5

struct connection {
	struct list link;		/* rpc->connections, the longest idle first; or dead */
	struct rpc *rpc;
	struct rpc_session session;
	struct worker_source source;
	struct timer again;		/* armed while there is more: due in the next turn */
	struct timer deadline;
	int fd;
	bool may_receive, may_send;	/* until the system says -EAGAIN */
	bool has_shut;			/* our side is ended: what comes is thrown away */
	bool is_dead;
};

struct rpc {
	struct rpc_socket socket;
	struct rpc_setup setup;
	struct worker_source source;
	struct list connections, dead;
	unsigned int count;
	struct timer accept;		/* armed while somebody waits for a place */
	struct timer bury;
	char piece[PIECE];
};

static struct timer_heap *timers_of(struct rpc *r)
{
	return &r->setup.loop->timers;
}

static void arm(struct rpc *r, struct timer *t, unsigned int seconds)
{
	timer_arm(timers_of(r), t, worker_clock() + seconds * NS_PER_S);
}

/* ---- the end of a connection --------------------------------------------------------------- */

/* An event of this turn may still be on its way to it: it is freed when the turn's
 * timers run. */
static void bury(struct timer *t)
{
	struct rpc *r = container_of(t, struct rpc, bury);
	struct list *l;

	while ((l = list_pop(&r->dead)))
		free(list_entry(l, struct connection, link));
}

static void end(struct connection *c)
{
	struct rpc *r = c->rpc;

	if (c->is_dead)
		return;
	c->is_dead = true;
	worker_unwatch(r->setup.loop, c->fd);
	close(c->fd);
	timer_cancel(timers_of(r), &c->again);
	timer_cancel(timers_of(r), &c->deadline);
	rpc_session_close(&c->session);
	list_remove(&c->link);
	list_append(&r->dead, &c->link);
	r->count--;
	arm(r, &r->bury, 0);
	if (timer_is_armed(&r->accept))
		arm(r, &r->accept, 0);
}

static bool is_idle(const struct connection *c)
{
	return !c->session.call && !rpc_session_unsent(&c->session) &&
	       !rpc_session_is_amid(&c->session) && !c->has_shut;
}

static void overdue(struct timer *t)
{
	struct connection *c = container_of(t, struct connection, deadline);

	/* A call that takes long is none of its caller's doing. */
	if (c->session.call && !rpc_session_unsent(&c->session))
		arm(c->rpc, t, RPC_STALL_S);
	else
		end(c);
}

static void set_deadline(struct connection *c)
{
	arm(c->rpc, &c->deadline, c->has_shut ? LINGER_S :
				  is_idle(c) ? RPC_IDLE_MOST_S : RPC_STALL_S);
}

/* ---- input and output ------------------------------------------------------------------------ */

/* Whether some left; the connection may have ended. */
static bool send_some(struct connection *c)
{
	struct rpc_session *s = &c->session;
	ssize_t n = send(c->fd, s->out.bytes + s->out.at, rpc_session_unsent(s), MSG_NOSIGNAL);

	if (n >= 0) {
		rpc_session_sent(s, (size_t)n);
		return true;
	}
	if (errno == EAGAIN)
		c->may_send = false;
	else if (errno != EINTR)
		end(c);
	return errno == EINTR;
}

/* Whether something came, if only the end; the connection may have ended. */
static bool receive_some(struct connection *c)
{
	ssize_t n = recv(c->fd, c->rpc->piece, PIECE, 0);

	if (n < 0) {
		if (errno == EAGAIN)
			c->may_receive = false;
		else if (errno != EINTR)
			end(c);
		return errno == EINTR;
	}
	if (!n)
		c->may_receive = false;
	if (!c->has_shut)
		rpc_session_feed(&c->session, c->rpc->piece, (size_t)n);
	else if (!n)
		end(c);
	return true;
}

/* To close at once what has unread input would take the answer from its reader. */
static void shut(struct connection *c)
{
	if (c->session.has_ended) {
		end(c);
		return;
	}
	c->has_shut = true;
	shutdown(c->fd, SHUT_WR);
}

static bool wants_input(const struct connection *c)
{
	return c->may_receive && (c->has_shut || rpc_session_takes(&c->session));
}

static bool has_output(const struct connection *c)
{
	return c->may_send && rpc_session_unsent(&c->session);
}

static bool is_finished(const struct connection *c)
{
	return !c->has_shut && rpc_session_is_done(&c->session) &&
	       !rpc_session_unsent(&c->session);
}

/* Does what there is to do, but not for ever: others wait, too. */
static void go_on(struct connection *c)
{
	unsigned int budget = BUDGET;
	bool did_something = false, more = true;

	while (!c->is_dead && more && budget) {
		more = false;
		if (has_output(c))
			more |= send_some(c);
		if (!c->is_dead && wants_input(c)) {
			more |= receive_some(c);
			budget--;
		}
		did_something |= more;
		if (!c->is_dead && is_finished(c))
			shut(c);
	}
	if (c->is_dead)
		return;
	if (more)
		timer_arm(timers_of(c->rpc), &c->again, c->rpc->setup.loop->now + 1);
	if (did_something) {
		list_remove(&c->link);
		list_append(&c->rpc->connections, &c->link);
		set_deadline(c);
	}
}

static void go_on_again(struct timer *t)
{
	go_on(container_of(t, struct connection, again));
}

static void went_on(struct rpc_session *s)
{
	struct connection *c = container_of(s, struct connection, session);

	set_deadline(c);
	go_on(c);
}

static void ready(struct worker_source *s, uint32_t events)
{
	struct connection *c = container_of(s, struct connection, source);

	if (c->is_dead)
		return;
	c->may_receive |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	c->may_send |= (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
	/* Who has closed altogether takes no answer. */
	if (events & EPOLLERR)
		end(c);
	else
		go_on(c);
}

/* ---- new connections ----------------------------------------------------------------------------- */

static void turn_away(struct rpc *r, int fd, uid_t uid)
{
	static const char answer[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-1,"
		"\"message\":\"this user may not call\"}}\n";

	log_say(r->setup.log, LOG_WARNING, "RPC: user %u may not call", (unsigned int)uid);
	if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
		log_say(r->setup.log, LOG_DEBUG, "RPC: %s", strerror(errno));
	close(fd);
}

static void admit(struct rpc *r, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int error = c ? 0 : -ENOMEM;

	if (c) {
		*c = (struct connection){ .rpc = r, .fd = fd, .may_send = true,
					  .source.ready = ready };
		error = worker_watch(r->setup.loop, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				     &c->source);
	}
	if (error) {
		log_say(r->setup.log, LOG_ERROR, "RPC: can't take a connection: %s",
			strerror(-error));
		free(c);
		close(fd);
		return;
	}
	rpc_session_open(&c->session, r->setup.interface, went_on);
	timer_init(&c->again, go_on_again);
	timer_init(&c->deadline, overdue);
	list_append(&r->connections, &c->link);
	r->count++;
	set_deadline(c);
}

/* Ends the one that has been idle longest, if that is long enough; false: in how many
 * ns it may be. */
static bool make_room(struct rpc *r, uint64_t *wait)
{
	uint64_t now = worker_clock();

	*wait = NS_PER_S;
	list_for_each(l, &r->connections) {
		struct connection *c = list_entry(l, struct connection, link);
		uint64_t idle_since = c->deadline.when - RPC_IDLE_MOST_S * NS_PER_S;

		if (!is_idle(c))
			continue;
		if (idle_since + RPC_IDLE_LEAST_S * NS_PER_S <= now) {
			end(c);
			return true;
		}
		*wait = idle_since + RPC_IDLE_LEAST_S * NS_PER_S - now;
		return false;
	}
	return false;
}

/* Edge-triggered: until there is none, or no room. */
static void accept_some(struct rpc *r)
{
	uint64_t wait = 0;
	uid_t uid;

	for (unsigned int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd;

		if (r->count >= RPC_CONNECTIONS_MOST && !make_room(r, &wait))
			break;
		fd = rpc_socket_accept(&r->socket);
		if (fd == -EAGAIN)
			return;
		if (fd < 0) {
			/* Out of descriptors, for one: that passes. */
			wait = NS_PER_S;
			break;
		}
		if (rpc_socket_admits(&r->socket, fd, &uid))
			admit(r, fd);
		else
			turn_away(r, fd, uid);
	}
	timer_arm(timers_of(r), &r->accept, worker_clock() + wait);
}

static void accept_again(struct timer *t)
{
	accept_some(container_of(t, struct rpc, accept));
}

static void somebody_came(struct worker_source *s, uint32_t events)
{
	struct rpc *r = container_of(s, struct rpc, source);

	if (!timer_is_armed(&r->accept))
		accept_some(r);
}

/* ---- opening and closing -------------------------------------------------------------------------- */

static int open_socket(struct rpc *r, char *error, size_t error_size)
{
	int e = rpc_socket_open(&r->socket, r->setup.path, r->setup.group, error, error_size);

	if (e)
		return e;
	r->source.ready = somebody_came;
	e = worker_watch(r->setup.loop, r->socket.fd, EPOLLIN | EPOLLET, &r->source);
	if (e) {
		snprintf(error, error_size, "can't watch %s: %s", r->socket.path, strerror(-e));
		rpc_socket_close(&r->socket);
	}
	return e;
}

int rpc_open(struct rpc **result, const struct rpc_setup *setup, char *error, size_t error_size)
{
	struct rpc *r = calloc(1, sizeof(*r));
	int e = -ENOMEM;

	*result = NULL;
	if (!r) {
		snprintf(error, error_size, "out of memory");
		return e;
	}
	r->setup = *setup;
	list_init(&r->connections);
	list_init(&r->dead);
	timer_init(&r->accept, accept_again);
	timer_init(&r->bury, bury);
	e = open_socket(r, error, error_size);
	if (e)
		free(r);
	else
		*result = r;
	return e;
}

void rpc_close(struct rpc *r)
{
	if (!r)
		return;
	worker_unwatch(r->setup.loop, r->socket.fd);
	rpc_socket_close(&r->socket);
	list_for_each_safe(l, &r->connections)
		end(list_entry(l, struct connection, link));
	timer_cancel(timers_of(r), &r->accept);
	timer_cancel(timers_of(r), &r->bury);
	bury(&r->bury);
	free(r);
}
