/* SPDX-License-Identifier: BSD-2-Clause */
/* Namespaces by number, and counters that several workers write at once. */
#include "../unit.h"

#include "storage/backend.h"
#include "model/model.h"

#include <pthread.h>
#include <string.h>

#define WORKERS 4
#define COMMANDS 100000

static struct model model;
static unsigned int closed;

static void close_backend(struct backend *b)
{
	closed++;
}

static const struct backend_ops ops = { .close = close_backend };

static int open_model(void **state)
{
	struct limits limits = { .nn = 8 };

	return model_open(&model, &limits, WORKERS);
}

static int close_model(void **state)
{
	model_close(&model);
	model_close(&model);		/* harmless */
	return 0;
}

static void test_namespaces_by_number(void **state)
{
	struct backend backends[2] = { { .ops = &ops }, { .ops = &ops } };
	struct namespace first = { .nsid = 1, .backend = &backends[0] };
	struct namespace last = { .nsid = 8, .backend = &backends[1] };

	closed = 0;
	assert_int_equal(model_add_namespace(&model, &first), 0);
	assert_int_equal(model_add_namespace(&model, &last), 0);
	assert_ptr_equal(model_namespace(&model, 1)->backend, &backends[0]);
	assert_ptr_equal(model_namespace(&model, 8)->backend, &backends[1]);
	assert_null(model_namespace(&model, 0));
	assert_null(model_namespace(&model, 2));
	assert_null(model_namespace(&model, 9));
	assert_null(model_namespace(&model, NVME_NSID_ALL));
	model_close(&model);
	assert_int_equal(closed, 2);
}

static void add_namespace(uint32_t nsid, struct backend *b, bool has_volatile_cache)
{
	struct namespace ns = { .nsid = nsid, .backend = b,
				.has_volatile_cache = has_volatile_cache };

	assert_int_equal(model_add_namespace(&model, &ns), 0);
}

static void test_namespaces_in_order_however_they_came(void **state)
{
	static const uint32_t order[] = { 2, 3, 5, 8 };
	struct backend b = { .ops = &ops };

	closed = 0;
	assert_int_equal(model_place_after(&model, 0), 0);
	add_namespace(5, &b, false);
	add_namespace(8, &b, false);
	add_namespace(2, &b, false);
	assert_false(model_has_volatile_cache(&model));
	add_namespace(3, &b, true);
	assert_true(model_has_volatile_cache(&model));
	assert_int_equal(model.subsystem.namespace_count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(model.subsystem.in_order[i]->nsid, order[i]);
		assert_int_equal(model_place_after(&model, order[i]), i + 1);
		assert_int_equal(model_place_after(&model, order[i] - 1), i);
	}
	assert_int_equal(model_place_after(&model, 6), 3);
	assert_int_equal(model_place_after(&model, NVME_NSID_ALL), 4);
	model_close(&model);
	assert_int_equal(closed, 4);
}

static void *work(void *argument)
{
	struct health *h = argument;

	for (uint64_t i = 0; i < COMMANDS; i++) {
		health_add(&h->reads, 1);
		health_add(&h->writes, 2);
		health_add(&h->sectors_read, 8);
		health_add(&h->sectors_written, i);
	}
	return NULL;
}

static void test_health_is_the_sum_and_exact(void **state)
{
	struct health_total t, last = { 0 };
	pthread_t threads[WORKERS];

	for (unsigned int i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, work, &model.subsystem.health[i]);
	for (int i = 0; i < 1000; i++) {	/* read meanwhile: it only grows */
		t = model_health(&model.subsystem);
		assert_true(t.reads >= last.reads && t.sectors_written >= last.sectors_written);
		last = t;
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	t = model_health(&model.subsystem);
	assert_int_equal(t.reads, WORKERS * COMMANDS);
	assert_int_equal(t.writes, 2 * WORKERS * COMMANDS);
	assert_int_equal(t.sectors_read, 8 * WORKERS * COMMANDS);
	assert_int_equal(t.sectors_written,
			 WORKERS * (uint64_t)COMMANDS * (COMMANDS - 1) / 2);
}

/* No two workers write to one line. */
static void test_each_worker_has_a_line_of_its_own(void **state)
{
	assert_int_equal(sizeof(struct health) % 64, 0);
	assert_int_equal((uintptr_t)model.subsystem.health % 64, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_model, close_model)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_namespaces_by_number),
		CASE(test_namespaces_in_order_however_they_came),
		CASE(test_health_is_the_sum_and_exact),
		CASE(test_each_worker_has_a_line_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
