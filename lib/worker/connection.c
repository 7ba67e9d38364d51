/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/connection.h"

#include <string.h>
#include <sys/epoll.h>

/* Receives in a row before others have their turn.  One takes 256 KiB, thousands
 * of commands: what it saves to go on with the same one is not to be measured. */
#define RECEIVES_A_TURN 1
/* After a pause the first receive is a short one, eight Writes of 4 KiB with their
 * headers: their responses give the peer something to do while we do the rest. */
#define FIRST_RECEIVES (34u << 10)
/* A turn that moves less is a brief one.  Where there are such, a large transfer moves so
 * much at once: it takes some ten microseconds.  Where all have much to do they lose by
 * that: a third of the throughput of 128 KiB over 8 connections. */
#define BRIEF_TURN (64u << 10)
/* ... and a batch of commands: 32 Writes of 4 KiB with their headers. */
#define BRIEF_RECEIVES (136u << 10)
/* Bytes at once from one that has not said who it is. */
#define STRANGER_RECEIVES 16384
/* How long a peer may take to read our TermReq. */
#define TERMINATE_S 1
/* Unsent bytes above which no more commands are taken from this peer. */
#define BACKLOG_MOST (4u << 20)
/* ... and of memory that they take where they are no buffers of the pool. */
#define BACKLOG_MEMORY_MOST (1u << 20)
/* Bytes borrowed from the heap above which no more commands are taken from peers
 * that leave their output lying, and from any. */
#define OVERFLOW_MOST (16u << 20)
#define OVERFLOW_ALL_MOST (64u << 20)

static uint64_t bytes_moved(const struct connection *c)
{
	return c->qpair.tcp.counters.bytes_in + c->qpair.tcp.counters.bytes_out;
}

/* Does the peer owe us something, room in its window or the rest of a PDU? */
static bool is_waiting_for_peer(const struct connection *c)
{
	const struct tcp_conn *t = &c->qpair.tcp;

	return c->qpair.wants_write || tcp_expects_data(t) ||
	       t->state == TCP_STATE_TERMINATING;
}

static void set_deadline(struct connection *c, unsigned int seconds)
{
	timer_arm(&c->worker->timers, &c->deadline, c->worker->now + seconds * NS_PER_S);
}

static void note_progress(struct connection *c)
{
	c->progress = bytes_moved(c);
	c->progress_at = c->worker->now;
}

static bool others_wait(const struct worker *w)
{
	return pool_is_contended(w->pool) || !list_is_empty(&w->starved);
}

static bool is_stalled(const struct connection *c)
{
	unsigned int patience = c->is_closing ? TERMINATE_S :
		others_wait(c->worker) ? CONNECTION_STALL_CONTENDED_S : CONNECTION_STALL_S;

	return c->worker->now - c->progress_at >= patience * NS_PER_S;
}

/* It has sent something that we have not read. */
static bool is_kept_waiting(const struct connection *c)
{
	return !c->qpair.wants_write && !list_is_empty(&c->again);
}

static void deadline_passed(struct timer *t)
{
	struct connection *c = container_of(t, struct connection, deadline);

	if (!c->is_established && tcp_rx_is_held(&c->qpair.tcp) && !c->finish) {
		/* Its Connect waits for us, which is not the peer's fault; but
		 * another one would come too late. */
		c->is_overdue = true;
		set_deadline(c, 1);
		return;
	}
	if (!c->is_established) {
		connection_end(c, "the handshake took too long");
		return;
	}
	if (!is_waiting_for_peer(c))
		return;
	/* Our TermReq is out, and the peer had its time to read it, whatever it
	 * goes on sending. */
	if (c->qpair.has_shut) {
		connection_end(c, NULL);
		return;
	}
	if (bytes_moved(c) != c->progress || is_kept_waiting(c))
		note_progress(c);
	if (is_stalled(c))
		connection_end(c, "the peer does not move");
	else
		set_deadline(c, CONNECTION_STALL_CONTENDED_S);
}

/* Keeps a deadline while one is needed. */
static void watch_peer(struct connection *c)
{
	if (c->qpair.tcp.state == TCP_STATE_TERMINATING && !c->is_closing) {
		c->is_closing = true;
		c->is_established = true;
		note_progress(c);
		set_deadline(c, TERMINATE_S);
	} else if (c->is_established && !timer_is_armed(&c->deadline) &&
		   is_waiting_for_peer(c)) {
		note_progress(c);
		set_deadline(c, CONNECTION_STALL_CONTENDED_S);
	}
}

static void leave_lists(struct connection *c)
{
	list_remove(&c->link);
	list_remove(&c->again);
	list_remove(&c->dirty);
	timer_cancel(&c->worker->timers, &c->deadline);
}

void connection_end(struct connection *c, const char *reason)
{
	if (c->has_ended)
		return;
	c->has_ended = true;
	if (c->qpair.tcp.state == TCP_STATE_READY)
		qpair_send_all(&c->qpair);
	c->reason = c->qpair.tcp.reason ? c->qpair.tcp.reason : reason;
	leave_lists(c);
	worker_unwatch(c->worker, c->qpair.net.fd);
	qpair_close(&c->qpair);
	/* What was given back on the way may have woken it. */
	list_remove(&c->dirty);
	c->ops->ended(c);
}

/* It has its turn with the others of the list; it may be on one already. */
static void line_up(struct connection *c, struct list *with)
{
	list_remove(&c->again);
	list_append(with, &c->again);
}

static void send_output(struct connection *c)
{
	enum qpair_progress progress = QPAIR_IDLE;

	list_remove(&c->dirty);
	c->qpair.sends_parts = worker_has_time(c->worker);
	if (!c->qpair.wants_write)
		progress = qpair_send(&c->qpair);
	if (progress == QPAIR_ENDED)
		connection_end(c, NULL);
	else if (progress == QPAIR_MORE)
		line_up(c, &c->worker->again);
	else if (c->finish && !tcp_has_output(&c->qpair.tcp))
		connection_end(c, c->finish);
	else
		watch_peer(c);
}

void connection_finish(struct connection *c, const char *reason)
{
	c->finish = reason;
	connection_kick(c);
}

/* What it sends is not read, or the worker has no memory for what it sends. */
static bool must_wait(struct connection *c)
{
	const struct tcp_conn *t = &c->qpair.tcp;
	bool is_behind = c->qpair.wants_write || c->qpair.has_more;

	if (is_behind && (t->tx.bytes > BACKLOG_MOST || t->tx.memory > BACKLOG_MEMORY_MOST))
		return true;	/* goes on when some has been sent */
	if (c->worker->overflow <= (is_behind ? OVERFLOW_MOST : OVERFLOW_ALL_MOST))
		return false;
	/* Who sends is in line for that already, and gives memory back by it. */
	if (!c->qpair.has_more)
		line_up(c, &c->worker->starved);
	return true;
}

/* What a stranger sends behind a Connect that waits is kept for him: not much. */
static struct qpair_buffer buffer_for(const struct connection *c)
{
	const struct worker *w = c->worker;
	struct qpair_buffer buffer = w->receive;

	if (!c->is_established)
		buffer.size = STRANGER_RECEIVES;
	else if (worker_was_idle(w))
		buffer.size = FIRST_RECEIVES;
	else if (worker_has_brief(w))
		buffer.size = BRIEF_RECEIVES;
	return buffer;
}

/* What its turns are like shows as the next one begins. */
static void begin_turn(struct connection *c)
{
	struct worker *w = c->worker;
	uint64_t moved = bytes_moved(c);

	if (moved - c->turn_began >= BRIEF_TURN)
		c->long_at = w->now;
	c->turn_began = moved;
	if (w->now - c->long_at >= WORKER_LATELY_NS)
		w->brief_at = w->now;
	c->qpair.turn = worker_has_brief(w) ? BRIEF_TURN : 0;
}

/*
 * Has it much to do where somebody has little?  Then his events are looked at first, and
 * again after each of its calls of the system, receive or send: on loopback either takes
 * in what its peer sends meanwhile, some 30 us.
 */
static bool gives_way(const struct connection *c)
{
	const struct worker *w = c->worker;

	return worker_has_brief(w) && w->now - c->long_at < WORKER_LATELY_NS;
}

/* ... or, giving way, in its next turn. */
static void send_in_turn(struct connection *c)
{
	if (!gives_way(c) || c->qpair.wants_write || !tcp_has_output(&c->qpair.tcp)) {
		send_output(c);
	} else {
		c->qpair.has_more = true;
		line_up(c, &c->worker->again);
	}
}

static void receive_input(struct connection *c)
{
	struct qpair_buffer buffer = buffer_for(c);
	enum qpair_progress progress;

	if (must_wait(c))
		return;
	list_remove(&c->again);
	progress = qpair_receive(&c->qpair, &buffer, RECEIVES_A_TURN);
	if (progress == QPAIR_ENDED) {
		connection_end(c, NULL);
		return;
	}
	if (c->target)
		return;		/* it is on its way to another worker */
	if (progress == QPAIR_MORE)
		line_up(c, &c->worker->again);
	send_in_turn(c);
}

static void ready(struct worker_source *s, uint32_t events)
{
	struct connection *c = container_of(s, struct connection, source);

	if (c->has_ended || c->target)
		return;		/* an event of the same turn that came too late */
	begin_turn(c);
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->qpair.sees_end = true;
	if (events & EPOLLOUT && c->qpair.wants_write) {
		c->qpair.wants_write = false;
		/* Input may have been left lying because of a backlog. */
		events |= EPOLLIN;
		send_in_turn(c);
	}
	if (c->has_ended || !(events & ~(uint32_t)EPOLLOUT))
		return;
	if (gives_way(c))
		line_up(c, &c->worker->again);
	else
		receive_input(c);
}

/* What came during the hold stands in the socket still, and its event has passed. */
void connection_resume(struct connection *c)
{
	if (!c->is_established && c->is_overdue) {
		connection_finish(c, "the handshake took too long");
		return;
	}
	tcp_rx_resume(&c->qpair.tcp);
	if (c->has_ended || c->target)
		return;
	line_up(c, &c->worker->again);
}

static void move_list(struct list *to, struct list *from)
{
	struct list *l;

	while ((l = list_pop(from)))
		list_append(to, l);
}

static bool has_memory_again(const struct worker *w)
{
	return w->overflow <= OVERFLOW_MOST / 2;
}

bool connections_are_waiting(const struct worker *w)
{
	return !list_is_empty(&w->again) ||
	       (!list_is_empty(&w->starved) && has_memory_again(w));
}

/* Its turn had ended before it had sent, or taken, all there was. */
static void go_on(struct connection *c)
{
	bool sends = c->qpair.has_more;

	begin_turn(c);
	if (sends)
		send_output(c);
	if (c->has_ended)
		return;
	if (sends && gives_way(c))
		line_up(c, &c->worker->again);
	else
		receive_input(c);
}

void connections_again(struct worker *w)
{
	struct list now, later, *l;
	bool had_long = false;

	if (has_memory_again(w))
		move_list(&w->again, &w->starved);
	/* Those that ask once more have their turn after the others' events. */
	list_init(&now);
	list_init(&later);
	move_list(&now, &w->again);
	while ((l = list_pop(&now))) {
		struct connection *c = list_entry(l, struct connection, again);
		bool is_long = gives_way(c);

		if (is_long && had_long) {
			list_append(&later, l);
			continue;
		}
		had_long |= is_long;
		go_on(c);
	}
	move_list(&later, &w->again);
	move_list(&w->again, &later);
}

void connections_flush(struct worker *w)
{
	struct list *l;

	while ((l = list_pop(&w->dirty))) {
		struct connection *c = list_entry(l, struct connection, dirty);

		/* Else it goes on in its next turn. */
		if (!c->qpair.has_more)
			send_in_turn(c);
	}
}

static void join_worker(struct connection *c, struct worker *w)
{
	c->worker = w;
	c->qpair.tcp.memory = w->memory;
	list_append(&w->connections, &c->link);
}

static void watch(struct connection *c)
{
	struct worker *w = c->worker;

	if (worker_watch(w, c->qpair.net.fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
			 &c->source))
		connection_end(c, "no more descriptors can be watched");
}

void connection_start(struct connection *c, struct worker *w, int fd,
		      const struct tcp_config *config, const struct connection_ops *ops,
		      unsigned int handshake_s)
{
	c->worker = w;
	c->ops = ops;
	c->source.ready = ready;
	list_init(&c->link);
	list_init(&c->again);
	list_init(&c->dirty);
	timer_init(&c->deadline, deadline_passed);
	net_stream_socket(&c->qpair.net, fd);
	tcp_controller_init(&c->qpair.tcp, &c->qpair.queue, config, &w->memory, w->log);
	set_deadline(c, handshake_s);
	join_worker(c, w);
	watch(c);
}

void connection_established(struct connection *c)
{
	c->is_established = true;
	timer_cancel(&c->worker->timers, &c->deadline);
}

int connection_local_address(const struct connection *c, char text[NET_ADDRESS_TEXT],
			     bool *is_ipv6)
{
	struct net_address here;
	int r = net_local_address(c->qpair.net.fd, &here);

	if (r)
		return r;
	*is_ipv6 = net_address_is_ipv6(&here);
	net_address_text(&here, text);
	text[strcspn(text, "%")] = '\0';
	return 0;
}

void connection_peer_address(const struct connection *c, char text[NET_ADDRESS_TEXT])
{
	struct net_address there;

	if (net_peer_address(c->qpair.net.fd, &there))
		strcpy(text, "an unknown address");
	else
		net_address_text(&there, text);
}

uint16_t connection_peer_port(const struct connection *c)
{
	struct net_address there;

	return net_peer_address(c->qpair.net.fd, &there) ? 0 : net_address_port(&there);
}

void connection_bury(struct connection *c)
{
	list_append(&c->worker->buried, &c->link);
}

static void arrive(struct worker_message *m)
{
	struct connection *c = container_of(m, struct connection, move);
	struct worker *w = c->target;

	c->target = NULL;
	join_worker(c, w);
	if (!c->is_established)
		timer_arm(&w->timers, &c->deadline, c->deadline.when);
	/* The owner first: it must know its worker before anything can happen. */
	c->ops->moved(c);
	if (!c->has_ended)
		watch(c);
}

void connection_move(struct connection *c, struct worker *target)
{
	uint64_t when = c->deadline.when;

	leave_lists(c);
	c->deadline.when = when;
	c->target = target;
	c->move.run = arrive;
	list_append(&c->worker->leaving, &c->link);
}

/* Unsent bytes lie in this worker's memory, so they have to go first. */
static void leave(struct connection *c)
{
	if (qpair_send_all(&c->qpair) == QPAIR_ENDED || tcp_has_output(&c->qpair.tcp)) {
		c->target = NULL;
		connection_end(c, "the host pipelines its handshake and does not read");
		return;
	}
	worker_unwatch(c->worker, c->qpair.net.fd);
	worker_post(c->target, &c->move);
}

void connections_leave(struct worker *w)
{
	struct list *l;

	while ((l = list_pop(&w->leaving)))
		leave(list_entry(l, struct connection, link));
	while ((l = list_pop(&w->buried))) {
		struct connection *c = list_entry(l, struct connection, link);

		c->ops->free(c);
	}
}
