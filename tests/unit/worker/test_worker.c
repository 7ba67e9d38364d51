/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop: messages, timers, and silence when there is nothing to do. */
#include "../unit.h"

#include "worker/connection.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SENDERS 8
#define MESSAGES 5000

static struct worker *worker;

static int open_worker(void **state)
{
	struct worker_settings settings = { .buffers = 4 << 20, .largest = 1 << 20 };
	char error[256];

	return worker_open(&worker, 3, &settings, error, sizeof(error)) ||
	       worker_start(worker);
}

static int close_worker(void **state)
{
	worker_stop(worker);
	worker_close(worker);
	return 0;
}

/* ---- messages ---------------------------------------------------------------------------- */

struct note {
	struct worker_message message;
	unsigned int sender, number;
};

static unsigned int next_of[SENDERS];
static sem_t all_done;
static unsigned int noted;
static bool out_of_order;

static void take_note(struct worker_message *m)
{
	struct note *n = container_of(m, struct note, message);

	out_of_order |= next_of[n->sender]++ != n->number;
	if (++noted == SENDERS * MESSAGES)
		sem_post(&all_done);
}

static void *send_notes(void *argument)
{
	struct note *notes = argument;

	for (unsigned int i = 0; i < MESSAGES; i++)
		worker_post(worker, &notes[i].message);
	return NULL;
}

static void test_messages_of_many_threads_come_in_each_one_s_order(void **state)
{
	struct note *notes = calloc(SENDERS * MESSAGES, sizeof(*notes));
	pthread_t threads[SENDERS];

	sem_init(&all_done, 0, 0);
	for (unsigned int i = 0; i < SENDERS * MESSAGES; i++)
		notes[i] = (struct note){ .message.run = take_note, .sender = i / MESSAGES,
					  .number = i % MESSAGES };
	for (unsigned int i = 0; i < SENDERS; i++)
		pthread_create(&threads[i], NULL, send_notes, notes + i * MESSAGES);
	for (unsigned int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	sem_wait(&all_done);
	assert_false(out_of_order);
	free(notes);
}

/* A message that is posted anew by its own run, as those of queues are. */
static unsigned int hops;

static void hop(struct worker_message *m)
{
	if (++hops == 1000)
		sem_post(&all_done);
	else
		worker_post(worker, m);
}

static void test_a_message_is_free_again_when_it_runs(void **state)
{
	struct worker_message m = { .run = hop };

	sem_init(&all_done, 0, 0);
	worker_post(worker, &m);
	sem_wait(&all_done);
	assert_int_equal(hops, 1000);
}

/* ---- timers ------------------------------------------------------------------------------- */

static struct timer timers[3];
static uint64_t fired_at[3], started;
static unsigned int fired;

static void ring(struct timer *t)
{
	fired_at[t - timers] = worker->now;
	if (++fired == 2)
		sem_post(&all_done);
}

static void arm(struct worker_message *m)
{
	started = worker->now;
	for (int i = 0; i < 3; i++) {
		timer_init(&timers[i], ring);
		timer_arm(&worker->timers, &timers[i], started + (30 - 10u * i) * NS_PER_MS);
	}
	timer_cancel(&worker->timers, &timers[1]);
}

static void test_timers_fire_in_their_order_and_not_early(void **state)
{
	struct worker_message m = { .run = arm };

	sem_init(&all_done, 0, 0);
	worker_post(worker, &m);
	sem_wait(&all_done);
	assert_true(fired_at[2] >= started + 10 * NS_PER_MS);
	assert_true(fired_at[0] >= started + 30 * NS_PER_MS);
	assert_int_equal(fired_at[1], 0);
}

/* ---- silence -------------------------------------------------------------------------------- */

/* How often the worker's thread has slept or been put to sleep. */
static long switches(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *d;
	long sum = -1;

	while ((d = readdir(tasks))) {
		char path[300], line[128];
		bool is_ours = false;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", d->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			if (!strcmp(line, "Name:\tworker 3\n"))
				is_ours = true;
			if (is_ours && strstr(line, "ctxt_switches:"))
				sum = (sum < 0 ? 0 : sum) + atol(strchr(line, ':') + 1);
		}
		if (f)
			fclose(f);
	}
	closedir(tasks);
	return sum;
}

static void test_an_idle_worker_sleeps(void **state)
{
	long before;

	usleep(50000);
	before = switches();
	assert_true(before > 0);
	sleep(2);
	assert_int_equal(switches(), before);
}

/* ---- spinning ------------------------------------------------------------------------------- */

#define TURN_MS 200
/* Of the processor's time: a turn that sleeps takes far less, one that spins far
 * more, even where others want the processor. */
#define LITTLE_NS (5 * NS_PER_MS)

static uint64_t processor_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static bool turn_spins(struct worker *w)
{
	uint64_t before = processor_time();

	worker_turn(w, TURN_MS);
	return processor_time() - before > LITTLE_NS;
}

static void do_nothing(struct worker_message *m)
{
}

static void test_a_worker_spins_while_that_pays(void **state)
{
	struct worker_settings settings = { .buffers = 4 << 20, .largest = 1 << 20,
					    .poll = NS_PER_S };
	struct worker_message m = { .run = do_nothing };
	char error[256];
	struct worker *w;

	assert_int_equal(worker_open(&w, 4, &settings, error, sizeof(error)), 0);
	assert_false(turn_spins(w));
	worker_post(w, &m);
	assert_false(turn_spins(w));	/* something was there */
	assert_true(turn_spins(w));	/* perhaps there is more */
	assert_false(turn_spins(w));	/* there was not */
	worker_close(w);
}

/* Time is what a worker has that slept of late. */
static void test_a_worker_knows_whether_it_has_time(void **state)
{
	struct worker_settings settings = { .buffers = 4 << 20, .largest = 1 << 20 };
	char error[256];
	struct worker *w;
	uint64_t began;

	assert_int_equal(worker_open(&w, 5, &settings, error, sizeof(error)), 0);
	worker_turn(w, TURN_MS);
	assert_true(worker_was_idle(w));
	worker_turn(w, 0);
	assert_false(worker_was_idle(w));
	for (began = w->now; w->now - began <= WORKER_HAS_TIME_NS; )
		worker_turn(w, 0);
	assert_false(worker_has_time(w));
	worker_turn(w, TURN_MS);
	assert_true(worker_has_time(w));
	worker_close(w);
}

static void note_firing(struct timer *t)
{
	fired++;
}

static void test_spinning_delays_no_timer(void **state)
{
	struct worker_settings settings = { .buffers = 4 << 20, .largest = 1 << 20,
					    .poll = 3600 * NS_PER_S };
	struct worker_message m = { .run = do_nothing };
	struct timer timer;
	char error[256];
	struct worker *w;

	assert_int_equal(worker_open(&w, 4, &settings, error, sizeof(error)), 0);
	worker_post(w, &m);
	worker_turn(w, -1);
	timer_init(&timer, note_firing);
	timer_arm(&w->timers, &timer, worker_clock() + 20 * NS_PER_MS);
	fired = 0;
	worker_turn(w, -1);		/* for an hour, if it is wrong */
	assert_int_equal(fired, 1);
	worker_close(w);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_what_cannot_wait_is_lent_from_the_heap_when_the_pool_is_empty(void **state)
{
	void *pages[1024], *more, *large;

	worker_stop(worker);		/* its memory is this thread's now */
	for (int i = 0; i < 1024; i++)
		assert_non_null(pages[i] = worker_take(worker, 4096));
	assert_int_equal(worker->overflow, 0);
	more = worker_take(worker, WORKER_HEAP_LEAST);
	large = worker_take(worker, WORKER_HEAP_LEAST + 1);
	assert_non_null(more);
	assert_int_equal((uintptr_t)more % POOL_SMALLEST, 0);
	assert_null(large);
	assert_int_equal(worker->overflow, WORKER_HEAP_LEAST);
	worker_give(worker, more, WORKER_HEAP_LEAST);
	assert_int_equal(worker->overflow, 0);
	for (int i = 0; i < 1024; i++)
		worker_give(worker, pages[i], 4096);
	assert_int_equal(pool_used(worker->pool), 0);
}

static size_t resident(void *memory, size_t size)
{
	unsigned char there[256];
	size_t pages = 0;

	assert_int_equal(mincore(memory, size, there), 0);
	for (size_t i = 0; i < size / POOL_SMALLEST; i++)
		pages += there[i] & 1;
	return pages;
}

static void test_pages_are_given_back_and_then_it_sleeps(void **state)
{
	struct worker_settings settings = { .buffers = 4 << 20, .largest = 1 << 20 };
	uint64_t until;
	char error[256];
	struct worker *w;
	void *memory;

	assert_int_equal(worker_open(&w, 4, &settings, error, sizeof(error)), 0);
	assert_non_null(memory = worker_take(w, 1 << 20));
	memset(memory, 1, 1 << 20);
	worker_give(w, memory, 1 << 20);
	until = worker_clock() + 60 * NS_PER_S;
	do
		worker_turn(w, 100);
	while (worker_due(w) >= 0 && w->now < until);
	assert_int_equal(worker_due(w), -1);
	assert_int_equal(resident(memory, 1 << 20), 0);
	worker_close(w);
}

/* ---- buffers given back late -------------------------------------------------------------- */

static void *late;
static struct pool_waiter late_waiter;
static struct connection late_connection;

static enum pool_answer be_served(struct pool_waiter *w)
{
	sem_post(&all_done);
	return POOL_NO_MORE;
}

/* The last thing in a turn, as sending gives buffers back. */
static void give_late(struct connection *c)
{
	pool_give(worker->pool, late, 4096);
}

static void wait_for_late(struct worker_message *m)
{
	static const struct connection_ops ops = { .free = give_late };

	late = pool_take(worker->pool, 4096, POOL_ORDINARY);
	late_waiter.serve = be_served;
	list_init(&late_waiter.link);
	pool_wait(worker->pool, &late_waiter);
	late_connection = (struct connection){ .worker = worker, .ops = &ops };
	connection_bury(&late_connection);
}

static void test_buffers_that_come_back_at_the_end_of_a_turn_are_used(void **state)
{
	struct worker_message m = { .run = wait_for_late };
	struct timespec until;

	sem_init(&all_done, 0, 0);
	worker_post(worker, &m);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	assert_int_equal(sem_timedwait(&all_done, &until), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_worker, close_worker)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_messages_of_many_threads_come_in_each_one_s_order),
		CASE(test_a_message_is_free_again_when_it_runs),
		CASE(test_timers_fire_in_their_order_and_not_early),
		CASE(test_an_idle_worker_sleeps),
		cmocka_unit_test(test_a_worker_spins_while_that_pays),
		cmocka_unit_test(test_a_worker_knows_whether_it_has_time),
		cmocka_unit_test(test_spinning_delays_no_timer),
		CASE(test_buffers_that_come_back_at_the_end_of_a_turn_are_used),
		cmocka_unit_test(test_pages_are_given_back_and_then_it_sleeps),
		CASE(test_what_cannot_wait_is_lent_from_the_heap_when_the_pool_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
