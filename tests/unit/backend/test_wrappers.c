/* SPDX-License-Identifier: BSD-2-Clause */
/* Storage that is slow, and storage that fails. */
#include "bed.h"

#define SIZE (1 << 20)

static struct backend *wrap(enum backend_kind kind, size_t count,
			    const struct backend_wrapper *w)
{
	struct backend_spec s = { .kind = kind, .size = SIZE,
				  .wrapper_count = count };

	memcpy(s.wrappers, w, count * sizeof(*w));
	return must_open(&s);
}

static struct backend *delayed(uint32_t read, uint32_t write, uint32_t flush)
{
	const struct backend_wrapper w = { .kind = BACKEND_DELAY,
					   .ms = { read, write, flush } };

	return wrap(BACKEND_MEMORY, 1, &w);
}

/* Milliseconds that one operation takes. */
static uint64_t time_of(struct bed *bed, struct backend *b,
			enum backend_opcode opcode)
{
	char data[512] = { 1 };
	uint64_t start = now_ns();

	assert_int_equal(bed_run(bed, b, opcode, 0, 0, data,
				 opcode == BACKEND_FLUSH ? 0 : 512), 0);
	return (now_ns() - start) / NS_PER_MS;
}

static void each_kind_has_its_own_delay(void **state)
{
	struct backend *b = delayed(40, 0, 80);
	char data[512] = { 1 };
	struct bed_op write;
	struct bed bed;

	bed_open(&bed, IO_ENGINE_THREADS);
	assert_false(b->info.is_immediate);
	assert_true(time_of(&bed, b, BACKEND_READ) >= 40);
	assert_true(time_of(&bed, b, BACKEND_FLUSH) >= 80);
	bed_start(&bed, b, &write, BACKEND_WRITE, 0, 0, data, 512);
	assert_true(write.has_ended && write.result == 0);
	backend_close(b);
	b = delayed(0, 0, 10);
	assert_true(b->info.is_immediate);
	backend_close(b);
	b = wrap(BACKEND_MEMORY, 1, &(struct backend_wrapper){
		.kind = BACKEND_DELAY, .ms = { [BACKEND_ZERO] = 50 } });
	assert_true(b->info.is_immediate);
	assert_true(time_of(&bed, b, BACKEND_ZERO) >= 50);
	backend_close(b);
	bed_close(&bed);
}

/* They wait side by side. */
static void delays_do_not_add_up(void **state)
{
	struct backend *b = delayed(200, 0, 0);
	struct bed_op ops[64];
	char data[64][512];
	struct bed bed;
	uint64_t start = now_ns();

	bed_open(&bed, IO_ENGINE_THREADS);
	for (int i = 0; i < 64; i++)
		bed_start(&bed, b, &ops[i], BACKEND_READ, 0, 0, data[i], 512);
	assert_int_equal(bed.under_way, 64);
	for (int i = 0; i < 64; i++)
		assert_int_equal(bed_wait(&bed, &ops[i]), 0);
	assert_in_range((now_ns() - start) / NS_PER_MS, 200, 6400);
	backend_close(b);
	bed_close(&bed);
}

static void what_is_held_can_be_recalled(void **state)
{
	const struct backend_wrapper w[] = {
		{ .kind = BACKEND_ERROR },
		{ .kind = BACKEND_DELAY, .ms = { 0, 20, 0 } },
		{ .kind = BACKEND_DELAY, .ms = { 30000, 30000, 0 } },
	};
	struct backend *b = wrap(BACKEND_MEMORY, 3, w);
	struct bed_op read, write;
	char data[512] = { 1 };
	struct bed bed;

	bed_open(&bed, IO_ENGINE_THREADS);
	bed_start(&bed, b, &read, BACKEND_READ, 0, 0, data, 512);
	bed_start(&bed, b, &write, BACKEND_WRITE, 0, 0, data, 512);
	assert_int_equal(backend_cancel(b, &bed.lane, &read.op), 0);
	assert_false(read.has_ended);
	assert_int_equal(bed_wait(&bed, &read), -ECANCELED);
	/* By now the write is held by the inner delay. */
	usleep(30000);
	timer_run(&bed.timers, now_ns());
	assert_false(write.has_ended);
	assert_int_equal(backend_cancel(b, &bed.lane, &write.op), 0);
	assert_int_equal(bed_wait(&bed, &write), -ECANCELED);
	backend_close(b);
	bed_close(&bed);
}

/* A file's I/O is the kernel's; a cancelled write did not happen. */
static void what_the_storage_has_is_not_recalled(void **state)
{
	char path[] = "/var/tmp/nvmfd-delay-XXXXXX", data[512] = { 1 };
	char two[512] = { 2 };
	struct backend_spec s = { .kind = BACKEND_FILE, .path = path,
				  .block_size = 512, .wrapper_count = 1,
				  .wrappers = { { .kind = BACKEND_DELAY,
						  .ms = { 0, 10, 0 } } } };
	int fd = mkstemp(path);
	struct backend *b;
	struct bed_op op;
	struct bed bed;

	assert_int_equal(ftruncate(fd, SIZE), 0);
	bed_open(&bed, IO_ENGINE_THREADS);
	b = must_open(&s);
	bed_start(&bed, b, &op, BACKEND_WRITE, 0, 0, data, 512);
	usleep(20000);
	timer_run(&bed.timers, now_ns());
	assert_int_equal(backend_cancel(b, &bed.lane, &op.op), -EBUSY);
	assert_int_equal(bed_wait(&bed, &op), 0);
	bed_start(&bed, b, &op, BACKEND_READ, 0, 0, data, 512);
	assert_int_equal(backend_cancel(b, &bed.lane, &op.op), -EBUSY);
	assert_int_equal(bed_wait(&bed, &op), 0);
	bed_start(&bed, b, &op, BACKEND_WRITE, 0, 0, two, 512);
	assert_int_equal(backend_cancel(b, &bed.lane, &op.op), 0);
	assert_int_equal(bed_wait(&bed, &op), -ECANCELED);
	assert_int_equal(pread(fd, data, 1, 0), 1);
	assert_int_equal(data[0], 1);
	backend_close(b);
	bed_close(&bed);
	close(fd);
	unlink(path);
}

static struct backend *failing(struct backend_wrapper w)
{
	w.kind = BACKEND_ERROR;
	if (!w.rate)
		w.rate = BACKEND_RATE_ALWAYS;
	return wrap(BACKEND_MEMORY, 1, &w);
}

static int run(struct backend *b, enum backend_opcode opcode, uint64_t offset)
{
	char data[1024] = { 1 };
	struct bed unused;

	return bed_run(&unused, b, opcode, 0, offset, data,
		       opcode == BACKEND_FLUSH ? 0 : sizeof(data));
}

static void chosen_operations_fail(void **state)
{
	struct backend *b = failing((struct backend_wrapper){
		.error = { [BACKEND_WRITE] = ENOSPC, [BACKEND_FLUSH] = EIO,
			   [BACKEND_ZERO] = EACCES } });

	assert_true(b->info.is_immediate);
	assert_int_equal(run(b, BACKEND_READ, 0), 0);
	assert_int_equal(run(b, BACKEND_WRITE, 0), -ENOSPC);
	assert_int_equal(run(b, BACKEND_FLUSH, 0), -EIO);
	assert_int_equal(run(b, BACKEND_ZERO, 0), -EACCES);
	backend_close(b);
}

static void after_and_count_are_exact(void **state)
{
	struct backend *b = failing((struct backend_wrapper){
		.error = { [BACKEND_READ] = EIO }, .after = 3, .count = 2 });

	for (int i = 0; i < 10; i++) {
		assert_int_equal(run(b, BACKEND_WRITE, 0), 0);
		assert_int_equal(run(b, BACKEND_READ, 0),
				 i == 3 || i == 4 ? -EIO : 0);
	}
	backend_close(b);
}

static void only_the_range_fails(void **state)
{
	struct backend *b = failing((struct backend_wrapper){
		.error = { EIO, EIO, 0 }, .offset = 8192, .length = 512 });

	assert_int_equal(run(b, BACKEND_READ, 8192 - 1024), 0);
	assert_int_equal(run(b, BACKEND_READ, 8192 - 512), -EIO);
	assert_int_equal(run(b, BACKEND_WRITE, 8192), -EIO);
	assert_int_equal(run(b, BACKEND_WRITE, 8192 + 512), 0);
	backend_close(b);
	b = failing((struct backend_wrapper){ .error = { EIO }, .offset = 8192 });
	assert_int_equal(run(b, BACKEND_READ, 8192 - 1024), 0);
	assert_int_equal(run(b, BACKEND_READ, SIZE - 1024), -EIO);
	backend_close(b);
}

static void a_rate_is_kept_and_can_be_repeated(void **state)
{
	static int first[100000];
	unsigned int failed = 0;

	for (int round = 0; round < 2; round++) {
		struct backend *b = failing((struct backend_wrapper){
			.error = { EIO }, .rate = 100000, .seed = 42 });

		for (int i = 0; i < 100000; i++) {
			int r = run(b, BACKEND_READ, 0);

			if (!round)
				first[i] = r;
			assert_int_equal(r, first[i]);
			failed += r != 0;
		}
		backend_close(b);
	}
	/* A tenth of 200,000, and five standard deviations. */
	assert_in_range(failed, 19330, 20670);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_own_delay),
		cmocka_unit_test(delays_do_not_add_up),
		cmocka_unit_test(what_is_held_can_be_recalled),
		cmocka_unit_test(what_the_storage_has_is_not_recalled),
		cmocka_unit_test(chosen_operations_fail),
		cmocka_unit_test(after_and_count_are_exact),
		cmocka_unit_test(only_the_range_fails),
		cmocka_unit_test(a_rate_is_kept_and_can_be_repeated),
	};

	return cmocka_run_group_tests_name("wrappers", tests, NULL, NULL);
}
