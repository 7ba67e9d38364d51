/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections on workers: readiness, the move, deadlines, the end.  Before them
 * a host of bytes, behind them a sink that answers by a command's opcode.
 */
#include "../unit.h"
#include "../tcp/bytes.h"
#include "support.h"

#include "worker/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER = 1, READ_MIB = 2, FETCH = 3, MOVE = 4, FINISH = 5, TERMINATE = 6,
       READ_MIB_AND_BE_SHORT = 7 };

#define MIB (1u << 20)

static struct worker *workers[2];
static struct tcp_config config = { .in_capsule_max = 16384, .maxh2cdata = MIB };
static uint8_t data[MIB];

struct subject {
	struct connection connection;	/* first */
	unsigned int executing;
	atomic_uint received;		/* commands */
	atomic_bool has_ended;
	bool is_buried;
};

static struct subject *subject;
static struct capsule *moving;
static atomic_bool is_freed;
static atomic_uint move_count;
static int host;

/* ---- the sink ----------------------------------------------------------------------------- */

static struct subject *subject_of(struct capsule_queue *q)
{
	return container_of(q, struct subject, connection.qpair.queue);
}

static struct capsule *get(struct capsule_queue *q)
{
	struct capsule *c = calloc(1, sizeof(*c));

	list_init(&c->link);
	subject_of(q)->executing++;
	return c;
}

static void bury_if_over(struct subject *s)
{
	if (!s->has_ended || s->executing || s->is_buried)
		return;
	s->is_buried = true;
	connection_bury(&s->connection);
}

static size_t shortage;

static void be_short(void *argument)
{
	shortage = 96u << 20;
	workers[0]->overflow += shortage;
}

static void answer(struct capsule *c)
{
	struct subject *s = subject_of(c->queue);

	capsule_respond(c);
	if (!s->has_ended)
		connection_kick(&s->connection);
}

static void command(struct capsule *c)
{
	struct subject *s = subject_of(c->queue);
	struct connection *conn = &s->connection;

	s->received++;
	if (!conn->is_established)
		connection_established(conn);
	switch (c->sqe.opcode) {
	case READ_MIB_AND_BE_SHORT:
		be_short(NULL);
		/* fall through */
	case READ_MIB:
		c->data = data;
		c->length = sizeof(data);
		answer(c);
		break;
	case FETCH:
		c->data = data;
		c->length = 4096;
		capsule_receive(c);
		connection_kick(conn);
		break;
	case MOVE:
		tcp_rx_hold(&conn->qpair.tcp);
		moving = c;
		connection_move(conn, workers[conn->worker == workers[0]]);
		break;
	case FINISH:
		answer(c);
		connection_finish(conn, "finished");
		break;
	case TERMINATE:
		answer(c);
		tcp_terminate(&conn->qpair.tcp, TCP_FES_SEQUENCE, 0, "of the test");
		break;
	default:
		answer(c);
	}
}

static void sent(struct capsule *c)
{
	struct subject *s = subject_of(c->queue);

	free(c);
	s->executing--;
	bury_if_over(s);
}

static const struct capsule_sink_ops sink_ops = {
	.get = get, .command = command, .received = answer, .sent = sent,
};

static void ended(struct connection *c)
{
	struct subject *s = container_of(c, struct subject, connection);

	s->has_ended = true;
	bury_if_over(s);
}

static void free_subject(struct connection *c)
{
	tcp_free(&c->qpair.tcp);
	free(container_of(c, struct subject, connection));
	is_freed = true;
}

static void moved(struct connection *c)
{
	move_count++;
	answer(moving);
	connection_resume(c);
}

static const struct connection_ops ops = {
	.ended = ended, .free = free_subject, .moved = moved,
};

/* ---- opening ------------------------------------------------------------------------------- */

static int target_fd;

static void start(void *handshake_s)
{
	connection_start(&subject->connection, workers[0], target_fd, &config, &ops,
			 *(unsigned int *)handshake_s);
}

static void make_subject(void)
{
	host = loopback_pair(&target_fd);
	is_freed = false;
	subject = aligned_alloc(64, (sizeof(*subject) + 63) / 64 * 64);
	memset(subject, 0, sizeof(*subject));
	subject->connection.qpair.queue.sink = &sink_ops;
}

static void open_connection(unsigned int handshake_s)
{
	move_count = 0;
	make_subject();
	run_on(workers[0], start, &handshake_s);
}

static int open_workers(void **state)
{
	struct worker_settings settings = { .buffers = 4 << 20, .largest = MIB };
	char error[256];

	for (unsigned int i = 0; i < 2; i++)
		if (worker_open(&workers[i], i, &settings, error, sizeof(error)) ||
		    worker_start(workers[i]))
			return -1;
	return 0;
}

static int close_workers(void **state)
{
	for (unsigned int i = 0; i < 2; i++)
		worker_stop(workers[i]);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(pool_used(workers[i]->pool), 0);
		worker_close(workers[i]);
	}
	return 0;
}

/* ---- the host ------------------------------------------------------------------------------- */

static const struct dialect plain = { .align = 4 };

static bool await_freed(unsigned int ms)
{
	uint64_t until = worker_clock() + ms * NS_PER_MS;

	while (!is_freed && worker_clock() < until)
		usleep(2000);
	return is_freed;
}

static void say(struct bytes *b)
{
	assert_int_equal(send(host, b->p, b->n, MSG_NOSIGNAL), b->n);
	bytes_free(b);
	*b = (struct bytes){ 0 };
}

static void put(struct bytes *b, uint8_t opcode, uint16_t cid)
{
	uint8_t sqe[64] = { opcode, 0x40 };

	put16(sqe + 2, cid);
	put_command(b, &plain, sqe, NULL, 0);
}

/* Reads `n` bytes; false: they do not come, or the end does. */
static bool hear(size_t n, int ms)
{
	static uint8_t buffer[65536];
	struct pollfd p = { .fd = host, .events = POLLIN };

	while (n) {
		ssize_t got;

		if (poll(&p, 1, ms) <= 0)
			return false;
		got = recv(host, buffer, n < sizeof(buffer) ? n : sizeof(buffer), 0);
		if (got <= 0)
			return false;
		n -= (size_t)got;
	}
	return true;
}

#define ICRESP 128u
#define RESPONSE 24u

static void shake(void)
{
	struct bytes b = { 0 };

	put_icreq(&b, 0, 0, 0, 0);
	put(&b, ANSWER, 1);
	say(&b);
	assert_true(hear(ICRESP + RESPONSE, 5000));
}

/* ---- the end ------------------------------------------------------------------------------- */

static void test_the_peer_s_end_with_its_last_bytes(void **state)
{
	struct bytes b = { 0 };

	open_connection(60);
	put_icreq(&b, 0, 0, 0, 0);
	put(&b, ANSWER, 1);
	say(&b);
	shutdown(host, SHUT_WR);
	assert_true(await_freed(5000));
	close(host);
}

static void test_a_handshake_that_does_not_come(void **state)
{
	open_connection(2);
	assert_false(await_freed(500));
	assert_true(await_freed(6000));
	close(host);
}

static void test_finish_sends_everything_first(void **state)
{
	struct bytes b = { 0 };

	open_connection(60);
	shake();
	for (uint16_t cid = 2; cid < 6; cid++)
		put(&b, READ_MIB, cid);
	put(&b, FINISH, 7);
	say(&b);
	assert_false(await_freed(200));
	assert_true(hear(4 * (24 + MIB + RESPONSE) + RESPONSE, 5000));
	assert_false(hear(1, 5000));
	assert_true(await_freed(1000));
	close(host);
}

/* A peer that goes on talking after our TermReq must not keep the connection. */
static void test_a_terminated_peer_that_never_stops_talking(void **state)
{
	struct bytes b = { 0 };
	static const uint8_t noise[4096];

	open_connection(60);
	shake();
	put(&b, TERMINATE, 2);
	say(&b);
	for (int i = 0; i < 400 && !is_freed; i++) {
		if (send(host, noise, sizeof(noise), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
		    errno != EAGAIN)
			break;
		usleep(10000);
	}
	assert_true(await_freed(500));
	close(host);
}

/* ---- the move --------------------------------------------------------------------------------- */

/* Bytes behind the command that moves it, and bytes that come meanwhile. */
static void test_nothing_is_lost_on_the_way_to_another_worker(void **state)
{
	open_connection(60);
	shake();
	for (uint16_t round = 0; round < 200; round++) {
		struct bytes b = { 0 }, rest = { 0 };
		size_t cut = (size_t)(rand() % 100);

		put(&b, MOVE, 2);
		put(&b, ANSWER, 3);
		put(&rest, ANSWER, 4);
		bytes_add(&b, rest.p, cut < rest.n ? cut : rest.n);
		say(&b);
		if (cut < rest.n) {
			usleep((unsigned int)(rand() % 300));
			assert_int_equal(send(host, rest.p + cut, rest.n - cut, 0),
					 rest.n - cut);
		}
		bytes_free(&rest);
		assert_true(hear(3 * RESPONSE, 5000));
	}
	assert_int_equal(move_count, 200);
	close(host);
	assert_true(await_freed(5000));
}

static void test_a_peer_that_ends_on_the_way(void **state)
{
	for (int round = 0; round < 50; round++) {
		struct bytes b = { 0 };

		open_connection(60);
		shake();
		put(&b, MOVE, 2);
		say(&b);
		if (round % 2)
			shutdown(host, SHUT_WR);
		else
			close(host);
		assert_true(await_freed(5000));
		if (round % 2)
			close(host);
	}
}

/* ---- shortage ------------------------------------------------------------------------------------ */

/* At the end of a turn, as sending does it. */
static void be_rich(struct worker *w)
{
	w->overflow -= shortage;
	shortage = 0;
	w->flush = NULL;
}

static void get_rich(void *argument)
{
	workers[0]->flush = be_rich;
}

static void test_what_was_left_unread_for_want_of_memory_is_read(void **state)
{
	struct bytes b = { 0 };

	open_connection(60);
	shake();
	run_on(workers[0], be_short, NULL);
	put(&b, ANSWER, 2);
	say(&b);
	assert_false(hear(RESPONSE, 100));
	run_on(workers[0], get_rich, NULL);
	assert_true(hear(RESPONSE, 2000));
	close(host);
	assert_true(await_freed(5000));
}

/* Who has something to send goes on: it is what gives memory back. */
static void test_what_is_left_to_send_is_sent_for_want_of_memory(void **state)
{
	struct bytes b = { 0 };

	open_connection(60);
	shake();
	put(&b, READ_MIB_AND_BE_SHORT, 2);
	say(&b);
	assert_true(hear(MIB, 2000));
	run_on(workers[0], get_rich, NULL);
	close(host);
	assert_true(await_freed(5000));
}

/* ---- turns ---------------------------------------------------------------------------------- */

#define COMMAND 72u
#define FLOOD (4 * MIB / COMMAND)

static const struct net_ops *real_ops;
static struct net_ops flood_ops;
static size_t first_asked;		/* bytes, by the first receive of the flood */
static struct bytes flood_command;
static size_t flooded;
static unsigned int in_turn, most_in_turn;

/* A peer that sends commands faster than they are taken, until all are out. */
static ssize_t receive_flood(struct net_stream *s, const struct iovec *iov, int count)
{
	size_t began = flooded;

	if (!flooded)
		first_asked = iov[0].iov_len;
	for (int i = 0; i < count; i++) {
		uint8_t *to = iov[i].iov_base;

		for (size_t n = iov[i].iov_len; n && flooded < FLOOD * COMMAND; n--)
			*to++ = flood_command.p[flooded++ % COMMAND];
	}
	if (flooded == FLOOD * COMMAND)
		s->ops = real_ops;
	if (++in_turn > most_in_turn)
		most_in_turn = in_turn;
	return (ssize_t)(flooded - began);
}

static void end_turn(struct worker *w)
{
	in_turn = 0;
}

static void begin_flood(void *argument)
{
	struct net_stream *s = &subject->connection.qpair.net;

	real_ops = s->ops;
	flood_ops = *real_ops;
	flood_ops.receive = receive_flood;
	s->ops = &flood_ops;
	workers[0]->flush = end_turn;
}

static void end_flood(void *argument)
{
	workers[0]->flush = NULL;
}

/* One receive for its event, and one more after the others' events. */
static void test_who_floods_has_two_receives_a_turn(void **state)
{
	struct bytes b = { 0 };

	open_connection(60);
	shake();
	put(&flood_command, ANSWER, 2);
	assert_int_equal(flood_command.n, COMMAND);
	run_on(workers[0], begin_flood, NULL);
	usleep(10000);			/* the worker has been idle */
	put(&b, ANSWER, 3);
	say(&b);			/* it is told that there is something */
	assert_true(hear((size_t)FLOOD * RESPONSE, 5000));
	close(host);
	assert_true(await_freed(5000));
	assert_in_range(most_in_turn, 1, 2);
	/* The peer is answered something soon; then it is all that there is. */
	assert_in_range(first_asked, 4096 + COMMAND, 65536);
	run_on(workers[0], end_flood, NULL);
	bytes_free(&flood_command);
}

static void see_turn(void *turn)
{
	*(size_t *)turn = subject->connection.qpair.turn;
}

/* ... that moved much: its next one is not brief. */
static void have_moved_much(void *argument)
{
	subject->connection.turn_began -= MIB;
}

/* The bound of its next turn. */
static size_t next_turn(void)
{
	struct bytes b = { 0 };
	size_t turn;

	put(&b, ANSWER, 1);
	say(&b);
	assert_true(hear(RESPONSE, 5000));
	run_on(workers[0], see_turn, &turn);
	return turn;
}

/* Who has much to do takes what there is, unless somebody had a brief turn lately. */
static void test_long_turns_are_for_those_among_themselves(void **state)
{
	open_connection(60);
	shake();
	usleep(20000);
	assert_in_range(next_turn(), 4096, 1 << 18);
	usleep(20000);
	run_on(workers[0], have_moved_much, NULL);
	assert_int_equal(next_turn(), 0);
	usleep(20000);
	assert_in_range(next_turn(), 4096, 1 << 18);
	close(host);
	assert_true(await_freed(5000));
}

/* ---- who has much to do gives way to who has little ------------------------------------------ */

/* On a worker that has no thread: the test has its turns. */
enum { LONG, ANOTHER_LONG, BRIEF, NEIGHBOURS };

static struct neighbour {
	struct subject *subject;
	int host, fd;
} neighbours[NEIGHBOURS];

/* Their calls of the system in a turn: a letter each, small for a receive. */
static char calls[64];

static void note_call(const struct net_stream *s, char first)
{
	size_t n = strlen(calls);

	assert_true(n + 1 < sizeof(calls));
	for (int i = 0; i < NEIGHBOURS; i++)
		if (neighbours[i].fd == s->fd)
			calls[n] = (char)(first + i);
	calls[n + 1] = '\0';
}

static ssize_t noted_receive(struct net_stream *s, const struct iovec *iov, int count)
{
	note_call(s, 'a');
	return real_ops->receive(s, iov, count);
}

static ssize_t noted_send(struct net_stream *s, const struct iovec *iov, int count)
{
	note_call(s, 'A');
	return real_ops->send(s, iov, count);
}

static void have_turns_until(struct worker *w, const struct neighbour *n, size_t bytes)
{
	host = n->host;
	for (struct pollfd p = { .fd = host, .events = POLLIN }; poll(&p, 1, 0) <= 0;)
		worker_turn(w, 1);
	assert_true(hear(bytes, 5000));
}

static void open_neighbour(struct worker *w, struct neighbour *n)
{
	static struct net_ops noted;
	struct bytes b = { 0 };

	make_subject();
	*n = (struct neighbour){ subject, host, target_fd };
	connection_start(&subject->connection, w, target_fd, &config, &ops, 60);
	real_ops = subject->connection.qpair.net.ops;
	put_icreq(&b, 0, 0, 0, 0);
	put(&b, ANSWER, 1);
	say(&b);
	have_turns_until(w, n, ICRESP + RESPONSE);
	noted = *real_ops;
	noted.receive = noted_receive;
	noted.send = noted_send;
	subject->connection.qpair.net.ops = &noted;
}

static void send_command(const struct neighbour *n)
{
	struct pollfd p = { .fd = n->fd, .events = POLLIN };
	struct bytes b = { 0 };

	host = n->host;
	put(&b, ANSWER, 1);
	say(&b);
	assert_int_equal(poll(&p, 1, 5000), 1);
}

/* A turn in which it is known what theirs are like.  False: it was known for too long by
 * then, for the machine is busy. */
static bool have_turn(struct worker *w, char *seen)
{
	uint64_t now = worker_clock();

	w->brief_at = now;
	neighbours[LONG].subject->connection.long_at = now;
	neighbours[ANOTHER_LONG].subject->connection.long_at = now;
	calls[0] = '\0';
	worker_turn(w, 0);
	strcpy(seen, calls);
	return w->now - now < WORKER_LATELY_NS;
}

#define TURNS 4

/* All have sent something, the brief one last. */
static bool have_turns(struct worker *w, char seen[TURNS][sizeof(calls)])
{
	bool is_good = true;

	for (int i = 0; i < NEIGHBOURS; i++)
		send_command(&neighbours[i]);
	for (int i = 0; i < TURNS; i++)
		is_good &= have_turn(w, seen[i]);
	for (int i = 0; i < NEIGHBOURS; i++)
		have_turns_until(w, &neighbours[i], RESPONSE);
	while (connections_are_waiting(w))
		worker_turn(w, 0);
	return is_good;
}

static void end_neighbours(struct worker *w)
{
	for (int i = 0; i < NEIGHBOURS; i++) {
		close(neighbours[i].host);
		for (is_freed = false; !is_freed;)
			worker_turn(w, 1);
	}
}

static void test_who_has_much_has_one_call_between_looks(void **state)
{
	struct worker_settings settings = { .buffers = 4 << 20, .largest = MIB };
	char seen[TURNS][sizeof(calls)], error[256];
	struct worker *w;

	assert_int_equal(worker_open(&w, 2, &settings, error, sizeof(error)), 0);
	for (int i = 0; i < NEIGHBOURS; i++)
		open_neighbour(w, &neighbours[i]);
	while (!have_turns(w, seen))
		;
	assert_string_equal(seen[0], "cCa");
	assert_string_equal(seen[1], "b");
	assert_string_equal(seen[2], "A");
	assert_string_equal(seen[3], "B");
	end_neighbours(w);
	worker_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_peer_s_end_with_its_last_bytes),
		cmocka_unit_test(test_a_handshake_that_does_not_come),
		cmocka_unit_test(test_finish_sends_everything_first),
		cmocka_unit_test(test_a_terminated_peer_that_never_stops_talking),
		cmocka_unit_test(test_nothing_is_lost_on_the_way_to_another_worker),
		cmocka_unit_test(test_a_peer_that_ends_on_the_way),
		cmocka_unit_test(test_what_was_left_unread_for_want_of_memory_is_read),
		cmocka_unit_test(test_what_is_left_to_send_is_sent_for_want_of_memory),
		cmocka_unit_test(test_who_floods_has_two_receives_a_turn),
		cmocka_unit_test(test_long_turns_are_for_those_among_themselves),
		cmocka_unit_test(test_who_has_much_has_one_call_between_looks),
	};

	return cmocka_run_group_tests(tests, open_workers, close_workers);
}
