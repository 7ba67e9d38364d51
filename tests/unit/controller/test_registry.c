/* SPDX-License-Identifier: BSD-2-Clause */
/* Controller identifiers, and who is found under them. */
#include "../unit.h"

#include "controller/controller.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define NQN "nqn.2026-11.org.example:registry"

static struct registry registry;
static struct station stations[2];
static struct subsystem_life life = { .nqn = NQN };

static struct controller *add_to(struct subsystem_life *to, uint16_t first, uint16_t last)
{
	struct controller *c = calloc(1, sizeof(*c));

	c->life = to;
	list_init(&c->link);
	c->station = &stations[0];
	strcpy(c->hostnqn, "nqn.2026-11.org.example:host");
	if (!registry_add(&registry, c, first, last))
		return c;
	free(c);
	return NULL;
}

static struct controller *add(uint16_t first, uint16_t last)
{
	return add_to(&life, first, last);
}

static void drop(struct controller *c)
{
	registry_remove(&registry, c);
	free(c);
}

static int open_registry(void **state)
{
	registry_open(&registry);
	memset(life.cntlids, 0, sizeof(life.cntlids));
	life.next_cntlid = 0;
	return 0;
}

static int close_registry(void **state)
{
	assert_int_equal(registry_count(&registry), 0);
	registry_close(&registry);
	return 0;
}

static void test_identifiers_go_round_the_range(void **state)
{
	for (unsigned int round = 0; round < 3; round++)
		for (uint16_t want = 5; want <= 12; want++) {
			struct controller *c = add(5, 12);

			assert_int_equal(c->cntlid, want);
			drop(c);
		}
}

static void test_identifiers_in_use_are_left_out(void **state)
{
	struct controller *a = add(1, 3), *b = add(1, 3), *c;

	drop(a);
	c = add(1, 3);
	assert_int_equal(c->cntlid, 3);
	a = add(1, 3);
	assert_int_equal(a->cntlid, 1);
	assert_null(add(1, 3));
	assert_int_equal(registry_count(&registry), 3);
	drop(b);
	b = add(1, 3);
	assert_int_equal(b->cntlid, 2);
	drop(a);
	drop(b);
	drop(c);
}

static void test_the_whole_range_up_to_the_last_identifier(void **state)
{
	struct controller *c;

	life.next_cntlid = NVMF_CNTLID_MAX;
	c = add(1, NVMF_CNTLID_MAX);
	assert_int_equal(c->cntlid, NVMF_CNTLID_MAX);
	drop(c);
	c = add(1, NVMF_CNTLID_MAX);
	assert_int_equal(c->cntlid, 1);
	drop(c);
	c = add(UINT16_MAX, UINT16_MAX);
	assert_int_equal(c->cntlid, UINT16_MAX);
	assert_null(add(UINT16_MAX, UINT16_MAX));
	drop(c);
}

/* Of this thread, so that a busy machine does not count. */
static uint64_t cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Every Connect waits for this search: it looks at each identifier once, which
 * takes a thousandth of the time that it has here. */
static void test_a_crowd_is_searched_in_no_time(void **state)
{
	enum { CROWD = 10000, SEARCHES = 50 };
	static struct controller *crowd[CROWD];
	uint64_t began;

	for (int i = 0; i < CROWD; i++)
		assert_non_null(crowd[i] = add(1, CROWD));
	began = cpu_ms();
	for (int i = 0; i < SEARCHES; i++)
		assert_null(add(1, CROWD));
	assert_in_range(cpu_ms() - began, 0, 2000);
	for (int i = 0; i < CROWD; i++)
		drop(crowd[i]);
}

static void test_each_subsystem_has_its_own(void **state)
{
	static struct subsystem_life other = { .nqn = "nqn.2026-11.org.example:other" };
	struct controller *a = add(1, 1), *b = add_to(&other, 1, 1);

	assert_int_equal(b->cntlid, 1);
	b->station = &stations[1];
	assert_ptr_equal(registry_owner(&registry, NQN, 1), &stations[0]);
	assert_ptr_equal(registry_owner(&registry, other.nqn, 1), &stations[1]);
	assert_ptr_equal(registry_find(&registry, other.nqn, 1, &stations[1]), b);
	drop(a);
	assert_null(registry_owner(&registry, NQN, 1));
	assert_ptr_equal(registry_owner(&registry, other.nqn, 1), &stations[1]);
	drop(b);
}

static void test_owner_is_told_of_io_controllers_that_live(void **state)
{
	struct controller *c = add(1, 10);

	assert_ptr_equal(registry_owner(&registry, NQN, c->cntlid), &stations[0]);
	assert_null(registry_owner(&registry, NQN, (uint16_t)(c->cntlid + 1)));
	c->is_discovery = true;
	assert_null(registry_owner(&registry, NQN, c->cntlid));
	c->is_discovery = false;
	registry_retire(&registry, c);
	assert_null(registry_owner(&registry, NQN, c->cntlid));
	drop(c);
}

/* Between the question and its arrival the number may have got a new owner. */
static void test_found_by_its_owner_alone(void **state)
{
	struct controller *c = add(1, 10);

	assert_ptr_equal(registry_find(&registry, NQN, c->cntlid, &stations[0]), c);
	assert_null(registry_find(&registry, NQN, c->cntlid, &stations[1]));
	assert_null(registry_find(&registry, NQN, 9, &stations[0]));
	drop(c);
}

static void test_only_the_same_host_s_ending_controllers_drain(void **state)
{
	static const uint8_t zeros[16], others[16] = { 1 };
	struct controller *c = add(1, 10);

	assert_false(registry_is_draining(&registry, c->hostnqn, zeros));
	registry_retire(&registry, c);
	assert_true(registry_is_draining(&registry, c->hostnqn, zeros));
	assert_false(registry_is_draining(&registry, c->hostnqn, others));
	assert_false(registry_is_draining(&registry, "nqn.2026-11.org.example:hos", zeros));
	drop(c);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_registry, close_registry)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_identifiers_go_round_the_range),
		CASE(test_identifiers_in_use_are_left_out),
		CASE(test_the_whole_range_up_to_the_last_identifier),
		CASE(test_a_crowd_is_searched_in_no_time),
		CASE(test_each_subsystem_has_its_own),
		CASE(test_owner_is_told_of_io_controllers_that_live),
		CASE(test_found_by_its_owner_alone),
		CASE(test_only_the_same_host_s_ending_controllers_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
