/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap of timers against a list that is searched from end to end. */
#include "../unit.h"

#include "base/list.h"
#include "base/timer.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define TIMERS 300

struct clock {
	struct timer_heap heap;
	struct alarm {
		struct timer timer;
		struct clock *clock;
		bool is_armed;
		uint64_t when;		/* the model's */
		uint64_t again;		/* armed for so much later when it fires; 0: not */
		unsigned int fired;
	} alarms[TIMERS];
	uint64_t now, last;		/* the last one's time, in a run */
	unsigned int fired;
};

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

static void fire(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	struct clock *c = a->clock;

	assert_false(timer_is_armed(t));
	assert_true(a->is_armed);
	assert_true(a->when <= c->now);
	assert_true(a->when >= c->last);	/* in order */
	c->last = a->when;
	c->fired++;
	a->fired++;
	a->is_armed = false;
	if (a->again) {
		a->when = c->now + a->again;
		a->is_armed = true;
		timer_arm(&c->heap, t, a->when);
	}
}

static struct clock *open_clock(void)
{
	struct clock *c = calloc(1, sizeof(*c));

	timer_heap_init(&c->heap);
	for (int i = 0; i < TIMERS; i++) {
		c->alarms[i].clock = c;
		timer_init(&c->alarms[i].timer, fire);
	}
	return c;
}

static void close_clock(struct clock *c)
{
	free(c);
}

static void arm(struct clock *c, struct alarm *a, uint64_t when)
{
	timer_arm(&c->heap, &a->timer, when);
	a->is_armed = true;
	a->when = when;
}

static void cancel(struct clock *c, struct alarm *a)
{
	timer_cancel(&c->heap, &a->timer);
	a->is_armed = false;
}

static void compare(struct clock *c)
{
	uint64_t first = UINT64_MAX;

	for (int i = 0; i < TIMERS; i++) {
		struct alarm *a = &c->alarms[i];

		assert_int_equal(timer_is_armed(&a->timer), a->is_armed);
		if (a->is_armed && a->when < first)
			first = a->when;
	}
	assert_true(timer_next(&c->heap) == first);
}

static unsigned int count_due(const struct clock *c)
{
	unsigned int n = 0;

	for (int i = 0; i < TIMERS; i++)
		n += c->alarms[i].is_armed && c->alarms[i].when <= c->now;
	return n;
}

static void random_arming_moving_and_cancelling(void **state)
{
	struct clock *c = open_clock();
	uint32_t random = 7;

	for (int i = 0; i < 30000; i++) {
		struct alarm *a = &c->alarms[next_random(&random) % TIMERS];

		switch (next_random(&random) % 8) {
		case 0:
			cancel(c, a);
			break;
		case 1: {
			unsigned int due;

			c->now += next_random(&random) % 300;
			due = count_due(c);
			c->fired = 0;
			c->last = 0;
			timer_run(&c->heap, c->now);
			assert_int_equal(c->fired, due);
			break;
		}
		default:
			a->again = next_random(&random) % 5 ? 0 : 1 + next_random(&random) % 500;
			arm(c, a, c->now + next_random(&random) % 1000);
		}
		if (i % 16 == 0)
			compare(c);
	}
	close_clock(c);
}

static void an_empty_heap(void **state)
{
	struct clock *c = open_clock();

	assert_true(timer_next(&c->heap) == UINT64_MAX);
	timer_run(&c->heap, UINT64_MAX);
	timer_cancel(&c->heap, &c->alarms[0].timer);	/* not armed: no harm */
	close_clock(c);
}

static void due_exactly_now(void **state)
{
	struct clock *c = open_clock();

	arm(c, &c->alarms[0], 1000);
	c->now = 999;
	timer_run(&c->heap, 999);
	assert_int_equal(c->fired, 0);
	c->now = 1000;
	timer_run(&c->heap, 1000);
	assert_int_equal(c->fired, 1);
	close_clock(c);
}

static void times_at_both_ends_of_the_range(void **state)
{
	struct clock *c = open_clock();

	arm(c, &c->alarms[0], UINT64_MAX);
	arm(c, &c->alarms[1], 0);
	arm(c, &c->alarms[2], UINT64_MAX - 1);
	c->now = UINT64_MAX - 1;
	timer_run(&c->heap, c->now);
	assert_int_equal(c->fired, 2);
	assert_true(timer_is_armed(&c->alarms[0].timer));
	close_clock(c);
}

static void moving_earlier_and_later(void **state)
{
	struct clock *c = open_clock();

	for (int i = 0; i < 100; i++)
		arm(c, &c->alarms[i], (uint64_t)(1000 + i));
	arm(c, &c->alarms[99], 1);
	assert_true(timer_next(&c->heap) == 1);
	arm(c, &c->alarms[99], 5000);
	arm(c, &c->alarms[0], 4000);
	assert_true(timer_next(&c->heap) == 1001);
	compare(c);
	close_clock(c);
}

/* A timer may cancel others that are due in the same run. */
static void cancel_the_next(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	a->fired++;
	if (a + 1 < a->clock->alarms + TIMERS)
		timer_cancel(&a->clock->heap, &a[1].timer);
}

static void cancelled_by_another_in_the_same_run(void **state)
{
	struct clock *c = open_clock();

	for (int i = 0; i < TIMERS; i++) {
		timer_init(&c->alarms[i].timer, cancel_the_next);
		timer_arm(&c->heap, &c->alarms[i].timer, (uint64_t)i);
	}
	timer_run(&c->heap, TIMERS);
	for (int i = 0; i < TIMERS; i++)
		assert_int_equal(c->alarms[i].fired, !(i & 1));
	close_clock(c);
}

/* The call may free what its timer stands in. */
static void free_own_memory(struct timer *t)
{
	free(container_of(t, struct alarm, timer));
}

static void freed_by_its_own_call(void **state)
{
	struct timer_heap heap;

	timer_heap_init(&heap);
	for (int i = 0; i < 100; i++) {
		struct alarm *a = calloc(1, sizeof(*a));

		timer_init(&a->timer, free_own_memory);
		timer_arm(&heap, &a->timer, (uint64_t)(i * 37 % 100));
	}
	timer_run(&heap, 100);
	assert_true(timer_next(&heap) == UINT64_MAX);
}

static void do_nothing(struct timer *t)
{
}

/* So that a deadline is kept when the memory is at its end, too. */
static void arming_takes_no_memory(void **state)
{
	struct clock *c = open_clock();
	size_t before = mallinfo2().uordblks;

	for (int i = 0; i < TIMERS; i++)
		arm(c, &c->alarms[i], (uint64_t)i);
	assert_int_equal(mallinfo2().uordblks, before);
	close_clock(c);
}

/* Times that grow, as deadlines do, make one long row. */
static void a_million_in_order(void **state)
{
	enum { MANY = 1000000 };
	struct timer *timers = calloc(MANY, sizeof(*timers));
	struct timer_heap heap;

	timer_heap_init(&heap);
	for (uint64_t i = 0; i < MANY; i++) {
		timer_init(&timers[i], do_nothing);
		timer_arm(&heap, &timers[i], i);
	}
	for (uint64_t i = 0; i < MANY; i++) {
		assert_true(timer_next(&heap) == i);
		timer_run(&heap, i);
	}
	assert_true(timer_next(&heap) == UINT64_MAX);
	free(timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_arming_moving_and_cancelling),
		cmocka_unit_test(an_empty_heap),
		cmocka_unit_test(due_exactly_now),
		cmocka_unit_test(times_at_both_ends_of_the_range),
		cmocka_unit_test(moving_earlier_and_later),
		cmocka_unit_test(cancelled_by_another_in_the_same_run),
		cmocka_unit_test(freed_by_its_own_call),
		cmocka_unit_test(arming_takes_no_memory),
		cmocka_unit_test(a_million_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
