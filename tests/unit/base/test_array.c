/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "base/array.h"

static int items[4];

static void assert_holds(const struct array *a, const char *numbers)
{
	for (unsigned int i = 0; i < a->count; i++)
		assert_ptr_equal(a->at[i], &items[numbers[i] - '0']);
	assert_int_equal(numbers[a->count], '\0');
}

static void items_keep_their_order(void **state)
{
	struct array a = { 0 }, copy = { 0 };

	assert_int_equal(array_add(&a, &items[1]), 0);
	assert_int_equal(array_add(&a, &items[3]), 0);
	assert_int_equal(array_insert(&a, 1, &items[2]), 0);
	assert_int_equal(array_insert(&a, 0, &items[0]), 0);
	assert_holds(&a, "0123");
	assert_int_equal(array_copy(&copy, &a), 0);
	array_remove(&a, 1);
	assert_holds(&a, "023");
	array_remove(&a, 2);
	assert_holds(&a, "02");
	array_remove(&a, 0);
	array_remove(&a, 0);
	assert_holds(&a, "");
	assert_holds(&copy, "0123");
	array_free(&a);
	array_free(&copy);
	assert_holds(&copy, "");
}

static void an_empty_one_has_an_empty_copy(void **state)
{
	struct array a = { 0 }, copy = { 0 };

	assert_int_equal(array_copy(&copy, &a), 0);
	assert_int_equal(copy.count, 0);
	array_free(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_keep_their_order),
		cmocka_unit_test(an_empty_one_has_an_empty_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
