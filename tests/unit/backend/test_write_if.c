/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes that are done only if what is expected stands there (BACKEND_IF). */
#include "bed.h"

#include <pthread.h>

#define SIZE (1 << 20)
#define PLACE 8192u
#define MOST BACKEND_IF_MOST

static char path[64];

static int setup(void **state)
{
	int fd;

	snprintf(path, sizeof(path), "/var/tmp/nvmfd-if-XXXXXX");
	fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return 0;
}

struct how {
	struct backend_spec spec;
	enum io_engine_kind engine;
	uint32_t steps;		/* of a counter; 0: 100 */
};

static const struct how hows[] = {
	/* So quick that its users seldom meet. */
	{ { .kind = BACKEND_MEMORY, .size = SIZE }, IO_ENGINE_AUTO, 20000 },
	{ { .kind = BACKEND_MEMORY, .size = SIZE, .wrapper_count = 1,
	    .wrappers = { { .kind = BACKEND_DELAY, .ms[BACKEND_WRITE] = 1 } } }, IO_ENGINE_AUTO, 0 },
	{ { .kind = BACKEND_FILE, .path = path }, IO_ENGINE_URING, 0 },
	{ { .kind = BACKEND_FILE, .path = path, .direct = true }, IO_ENGINE_URING, 0 },
	{ { .kind = BACKEND_FILE, .path = path }, IO_ENGINE_THREADS, 0 },
	{ { .kind = BACKEND_FILE, .path = path, .direct = true }, IO_ENGINE_THREADS, 0 },
};
#define HOWS (sizeof(hows) / sizeof(hows[0]))

static struct backend *open_how(const struct how *how, uint32_t block_size)
{
	struct backend_spec s = how->spec;

	s.block_size = block_size;
	return must_open(&s);
}

/* Three pages: expected, the storage's room, and what is to be written.  Not left as it
 * comes: valgrind does not see what the kernel reads into it. */
static uint8_t *room_new(void)
{
	return memset(aligned_alloc(MOST, 3 * MOST), 0, 3 * MOST);
}

static int write_if(struct bed *bed, struct backend *b, uint8_t *room, uint32_t length,
		    unsigned int flags, unsigned int *flags_after)
{
	struct bed_op o = { .bed = bed };

	o.op = (struct backend_op){ .opcode = BACKEND_WRITE, .flags = BACKEND_IF | flags,
				    .offset = PLACE, .length = length, .data = room + 2 * MOST,
				    .expected = room, .done = bed_done };
	bed->under_way++;
	o.result = backend_submit(b, &bed->lane, &o.op);
	if (o.result != BACKEND_PENDING)
		bed_done(&o.op, o.result);
	bed_wait(bed, &o);
	*flags_after = o.op.flags;
	return o.result;
}

static void is_there(struct bed *bed, struct backend *b, uint8_t *room, uint8_t value,
		     uint32_t length)
{
	uint8_t *there = room + MOST;

	assert_int_equal(bed_run(bed, b, BACKEND_READ, 0, PLACE, there, length), 0);
	for (uint32_t i = 0; i < length; i++)
		assert_int_equal(there[i], value);
}

static void swap_with(const struct how *how, uint32_t length, unsigned int fua)
{
	struct backend *b = open_how(how, length);
	uint8_t *room = room_new();
	unsigned int flags;
	struct bed bed;

	bed_open(&bed, how->engine);
	assert_true(b->info.can_write_if);
	memset(room, 1, length);
	assert_int_equal(bed_run(&bed, b, BACKEND_WRITE, 0, PLACE, room, length), 0);
	memset(room + 2 * MOST, 2, length);
	assert_int_equal(write_if(&bed, b, room, length, fua, &flags), 0);
	assert_true(flags & BACKEND_WAS_EQUAL);
	is_there(&bed, b, room, 2, length);
	memset(room + 2 * MOST, 3, length);
	memset(room, 2, length);
	room[length - 1]++;
	assert_int_equal(write_if(&bed, b, room, length, fua, &flags), -EDOM);
	assert_false(flags & BACKEND_WAS_EQUAL);
	is_there(&bed, b, room, 2, length);
	bed_close(&bed);
	backend_close(b);
	free(room);
}

static void an_equal_block_is_written_another_is_not(void **state)
{
	for (size_t i = 0; i < HOWS; i++)
		for (unsigned int fua = 0; fua <= BACKEND_FUA; fua++)
			swap_with(&hows[i], i % 2 ? 4096 : 512, fua);
}

static void null_has_zeros(void **state)
{
	struct how how = { .spec = { .kind = BACKEND_NULL, .size = SIZE } };
	struct backend *b = open_how(&how, 512);
	uint8_t *room = room_new();
	unsigned int flags;
	struct bed bed;

	bed_open(&bed, IO_ENGINE_AUTO);
	memset(room, 0, 3 * MOST);
	assert_int_equal(write_if(&bed, b, room, 512, 0, &flags), 0);
	room[511] = 1;
	assert_int_equal(write_if(&bed, b, room, 512, 0, &flags), -EDOM);
	bed_close(&bed);
	backend_close(b);
	free(room);
}

/* Whether the read or the write failed is told. */
static void an_error_says_how_far_it_came(void **state)
{
	struct how how = { .spec = { .kind = BACKEND_FILE, .path = path,
				     .wrapper_count = 1, .wrappers = {
		{ .kind = BACKEND_ERROR, .rate = BACKEND_RATE_ALWAYS,
		  .error[BACKEND_WRITE] = EIO } } } };
	uint8_t *room = room_new();
	unsigned int flags;
	struct backend *b;
	struct bed bed;

	bed_open(&bed, IO_ENGINE_AUTO);
	memset(room, 0, 3 * MOST);
	b = open_how(&how, 512);
	assert_int_equal(write_if(&bed, b, room, 512, 0, &flags), -EIO);
	assert_false(flags & BACKEND_WAS_EQUAL);
	backend_close(b);
	how.spec.wrapper_count = 0;
	b = open_how(&how, 512);
	assert_int_equal(truncate(path, PLACE + 256), 0);
	assert_int_equal(write_if(&bed, b, room, 512, 0, &flags), -EIO);
	assert_false(flags & BACKEND_WAS_EQUAL);
	backend_close(b);
	bed_close(&bed);
	free(room);
}

/* ---- many at once ------------------------------------------------------------------------- */

#define THREADS 3

struct counter {
	struct backend *b;
	struct bed bed;
	uint32_t length, steps;
	unsigned int lost, wrong;
	pthread_t id;
};

static uint64_t number_of(const uint8_t *block)
{
	uint64_t n;

	memcpy(&n, block, sizeof(n));
	return n;
}

static void put_number(uint8_t *block, uint64_t n, uint32_t length)
{
	for (uint32_t i = 0; i < length; i += sizeof(n))
		memcpy(block + i, &n, sizeof(n));
}

/* Reads, and writes one more where nobody else did meanwhile.  A neighbour in the same
 * page is written all the time. */
static void *count(void *argument)
{
	struct counter *c = argument;
	uint8_t *room = room_new(), *neighbour = room_new();
	unsigned int flags;

	memset(neighbour, 0x55, MOST);
	for (uint32_t done = 0; done < c->steps; ) {
		int r;

		bed_run(&c->bed, c->b, BACKEND_READ, 0, PLACE, room, c->length);
		put_number(room + 2 * MOST, number_of(room) + 1, c->length);
		c->wrong += memcmp(room, room + 8, c->length - 8) != 0;
		bed_run(&c->bed, c->b, BACKEND_WRITE, 0, PLACE + c->length, neighbour, c->length);
		r = write_if(&c->bed, c->b, room, c->length, 0, &flags);
		done += !r;
		c->lost += r == -EDOM;
		c->wrong += r && r != -EDOM;
	}
	free(room);
	free(neighbour);
	return NULL;
}

static unsigned int count_with(const struct how *how, uint32_t length, uint32_t steps)
{
	struct backend *b = open_how(how, length);
	uint8_t *room = room_new();
	struct counter c[THREADS];
	unsigned int lost = 0;
	struct bed bed;		/* an engine is its first thread's */

	bed_open(&bed, how->engine);
	for (int i = 0; i < THREADS; i++) {
		c[i] = (struct counter){ .b = b, .length = length, .steps = steps };
		bed_open(&c[i].bed, how->engine);
	}
	memset(room, 0, MOST);
	assert_int_equal(bed_run(&bed, b, BACKEND_WRITE, 0, PLACE, room, length), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&c[i].id, NULL, count, &c[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(c[i].id, NULL);
		assert_int_equal(c[i].wrong, 0);
		lost += c[i].lost;
	}
	assert_int_equal(bed_run(&bed, b, BACKEND_READ, 0, PLACE, room, length), 0);
	assert_int_equal(number_of(room), (uint64_t)THREADS * steps);
	for (int i = 0; i < THREADS; i++)
		bed_close(&c[i].bed);
	bed_close(&bed);
	backend_close(b);
	free(room);
	return lost;
}

/* A step that somebody took is never lost: else the sum is too small. */
static void of_those_who_expect_the_same_one_writes(void **state)
{
	unsigned int lost = 0;

	for (size_t i = 0; i < HOWS; i++)
		lost += count_with(&hows[i], i % 2 ? 4096 : 512, hows[i].steps ? hows[i].steps : 100);
	assert_true(lost);	/* they did meet */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_equal_block_is_written_another_is_not),
		CASE(null_has_zeros),
		CASE(an_error_says_how_far_it_came),
		CASE(of_those_who_expect_the_same_one_writes),
	};

	return cmocka_run_group_tests_name("write_if", tests, NULL, NULL);
}
