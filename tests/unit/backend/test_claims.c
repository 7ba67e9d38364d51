/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may touch which pages at once. */
#include "support.h"

#include "backend/claims.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct user {
	struct claim claim;
	atomic_bool is_granted;
};

static void granted(struct claim *c)
{
	atomic_store(&((struct user *)c)->is_granted, true);
}

static bool take(struct claims *c, struct user *u, uint64_t offset,
		 uint32_t length, bool is_exclusive)
{
	u->claim.granted = granted;
	atomic_store(&u->is_granted, false);
	return claim_take(c, &u->claim, offset, length, is_exclusive);
}

static void readers_share_and_writers_do_not(void **state)
{
	struct claims *c = claims_new(1 << 20);
	struct user r1, r2, w, other;

	assert_true(take(c, &r1, 0, 8192, false));
	assert_true(take(c, &r2, 4096, 4096, false));
	assert_true(take(c, &other, 8192, 512, true));
	assert_false(take(c, &w, 0, 512, true));
	claim_release(c, &r2.claim);
	assert_false(w.is_granted);
	claim_release(c, &r1.claim);
	assert_true(w.is_granted);
	assert_false(take(c, &r1, 512, 512, false));
	claim_release(c, &w.claim);
	assert_true(r1.is_granted);
	claim_release(c, &r1.claim);
	claim_release(c, &other.claim);
	claims_free(c);
}

/* Readers that come one after another do not keep a writer out for ever. */
static void the_oldest_is_not_passed(void **state)
{
	struct claims *c = claims_new(1 << 20);
	struct user r1, r2, w, elsewhere;

	assert_true(take(c, &r1, 0, 4096, false));
	assert_false(take(c, &w, 0, 65536, true));
	assert_false(take(c, &r2, 0, 4096, false));
	/* What it does not need goes on. */
	assert_true(take(c, &elsewhere, 65536, 4096, true));
	claim_release(c, &r1.claim);
	assert_true(w.is_granted);
	assert_false(r2.is_granted);
	claim_release(c, &w.claim);
	assert_true(r2.is_granted);
	claim_release(c, &r2.claim);
	claim_release(c, &elsewhere.claim);
	claims_free(c);
}

/* More than there are stripes, and a file of one block. */
static void any_length_can_be_claimed(void **state)
{
	struct claims *c = claims_new(512);
	struct user a, b;

	assert_true(take(c, &a, UINT64_C(1) << 40, 1 << 30, true));
	assert_false(take(c, &b, 0, 512, false));
	claim_release(c, &a.claim);
	assert_true(b.is_granted);
	claim_release(c, &b.claim);
	claims_free(c);
}

/* Threads that check what the claims promise. */
#define PAGES 8
#define THREADS 4

struct crowd {
	struct claims *claims;
	atomic_int readers[PAGES], writers[PAGES];
	atomic_uint wrong;
};

struct member {
	struct crowd *crowd;
	unsigned int dice;
	pthread_t id;
};

static void use_pages(struct crowd *c, unsigned int first, unsigned int n,
		      bool is_exclusive, int step)
{
	for (unsigned int i = first; i < first + n; i++) {
		atomic_int *mine = is_exclusive ? c->writers : c->readers;
		int others = atomic_fetch_add(&mine[i], step);

		if (is_exclusive && (others + step > 1 || c->readers[i]))
			c->wrong++;
		if (!is_exclusive && c->writers[i])
			c->wrong++;
	}
}

static void *come_and_go(void *argument)
{
	struct member *m = argument;
	struct crowd *c = m->crowd;

	for (int turn = 0; turn < 20000; turn++) {
		unsigned int first = (unsigned int)rand_r(&m->dice) % PAGES;
		unsigned int n = 1 + (unsigned int)rand_r(&m->dice) %
			(PAGES - first);
		bool is_exclusive = rand_r(&m->dice) % 3 == 0;
		struct user u;

		if (!take(c->claims, &u, first * 4096, n * 4096, is_exclusive))
			while (!atomic_load(&u.is_granted))
				sched_yield();
		use_pages(c, first, n, is_exclusive, 1);
		use_pages(c, first, n, is_exclusive, -1);
		claim_release(c->claims, &u.claim);
	}
	return NULL;
}

static void a_crowd_never_collides(void **state)
{
	struct crowd c = { .claims = claims_new(PAGES * 4096) };
	struct member m[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		m[i] = (struct member){ .crowd = &c, .dice = i };
		pthread_create(&m[i].id, NULL, come_and_go, &m[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(m[i].id, NULL);
	assert_int_equal(c.wrong, 0);
	claims_free(c.claims);
}

/* However many wait for one page: who needs another meets nobody. */
static void who_waits_elsewhere_is_in_nobody_s_way(void **state)
{
	enum { MANY = 1000 };
	struct claims *c = claims_new(1 << 20);
	struct user *crowd = calloc(MANY, sizeof(*crowd)), first, other;

	assert_non_null(crowd);
	assert_true(take(c, &first, 0, 512, true));
	for (int i = 0; i < MANY; i++)
		assert_false(take(c, &crowd[i], 0, 512, true));
	for (int i = 0; i < 2; i++) {
		assert_true(take(c, &other, 4096, 65536, i));
		claim_release(c, &other.claim);
	}
	claim_release(c, &first.claim);
	for (int i = 0; i < MANY; i++) {	/* first come, first served */
		assert_true(crowd[i].is_granted);
		assert_true(i + 1 == MANY || !crowd[i + 1].is_granted);
		claim_release(c, &crowd[i].claim);
	}
	free(crowd);
	claims_free(c);
}

/* Ranges that overlap in every way, released in any order. */
static void everybody_has_his_turn(void **state)
{
	enum { MANY = 400 };
	struct claims *c = claims_new(1 << 20);
	struct user *users = calloc(MANY, sizeof(*users));
	unsigned int seed = 1;

	assert_non_null(users);
	for (int i = 0; i < MANY; i++) {
		uint64_t at = (uint64_t)(rand_r(&seed) % 200) * 4096;

		if (take(c, &users[i], at, 4096u << rand_r(&seed) % 6, rand_r(&seed) % 3 == 0))
			users[i].is_granted = true;
	}
	for (int left = MANY; left; left--) {
		int n = rand_r(&seed) % MANY, tries = 0;

		while (!users[n].is_granted && tries++ < MANY)
			n = (n + 1) % MANY;
		assert_true(users[n].is_granted);
		users[n].is_granted = false;
		claim_release(c, &users[n].claim);
	}
	free(users);
	claims_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_share_and_writers_do_not),
		cmocka_unit_test(the_oldest_is_not_passed),
		cmocka_unit_test(any_length_can_be_claimed),
		cmocka_unit_test(a_crowd_never_collides),
		cmocka_unit_test(who_waits_elsewhere_is_in_nobody_s_way),
		cmocka_unit_test(everybody_has_his_turn),
	};

	return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
