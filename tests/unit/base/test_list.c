/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "base/list.h"

#include <stdlib.h>
#include <string.h>

struct thing {
	int before;
	struct list link;
	int value;
};

static struct thing things[8];

/* The list's values as digits, forwards; checks that backwards is the same. */
static const char *text(struct list *head)
{
	static char forwards[32];
	size_t n = 0, back = 0;

	list_for_each(l, head)
		forwards[n++] = (char)('0' + list_entry(l, struct thing, link)->value);
	forwards[n] = '\0';
	for (struct list *l = head->prev; l != head; l = l->prev)
		assert_int_equal(forwards[n - ++back],
				 '0' + list_entry(l, struct thing, link)->value);
	assert_int_equal(back, n);
	assert_int_equal(list_is_empty(head), n == 0);
	return forwards;
}

static void start(struct list *head)
{
	list_init(head);
	for (int i = 0; i < 8; i++) {
		things[i].value = i;
		list_init(&things[i].link);
	}
}

static void append_and_prepend(void **state)
{
	struct list head;

	start(&head);
	assert_string_equal(text(&head), "");
	list_append(&head, &things[1].link);
	list_append(&head, &things[2].link);
	list_prepend(&head, &things[0].link);
	list_append(&head, &things[3].link);
	assert_string_equal(text(&head), "0123");
}

static void remove_anywhere_and_twice(void **state)
{
	struct list head;

	start(&head);
	for (int i = 0; i < 5; i++)
		list_append(&head, &things[i].link);
	list_remove(&things[2].link);
	list_remove(&things[2].link);
	assert_true(list_is_empty(&things[2].link));
	assert_string_equal(text(&head), "0134");
	list_remove(&things[0].link);
	list_remove(&things[4].link);
	assert_string_equal(text(&head), "13");
	list_remove(&things[1].link);
	list_remove(&things[3].link);
	assert_string_equal(text(&head), "");
	list_append(&head, &things[2].link);
	assert_string_equal(text(&head), "2");
}

static void pop_takes_the_first(void **state)
{
	struct list head;

	start(&head);
	assert_null(list_pop(&head));
	for (int i = 0; i < 3; i++)
		list_append(&head, &things[i].link);
	for (int i = 0; i < 3; i++) {
		struct list *l = list_pop(&head);

		assert_ptr_equal(list_entry(l, struct thing, link), &things[i]);
		assert_true(list_is_empty(l));
	}
	assert_null(list_pop(&head));
}

static void the_safe_walk_may_remove_and_free(void **state)
{
	struct list head;

	list_init(&head);
	for (int i = 0; i < 8; i++) {
		struct thing *t = calloc(1, sizeof(*t));

		t->value = i;
		list_append(&head, &t->link);
	}
	list_for_each_safe(l, &head) {
		struct thing *t = list_entry(l, struct thing, link);

		if (t->value % 3 == 0)
			continue;
		list_remove(l);
		memset(t, 0xa5, sizeof(*t));
		free(t);
	}
	assert_string_equal(text(&head), "036");
	list_for_each_safe(l, &head)
		free(list_entry(l, struct thing, link));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append_and_prepend),
		cmocka_unit_test(remove_anywhere_and_twice),
		cmocka_unit_test(pop_takes_the_first),
		cmocka_unit_test(the_safe_walk_may_remove_and_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
