/* SPDX-License-Identifier: BSD-2-Clause */
/* RAM disks, null devices, and the rules that each description must keep. */
#include "support.h"

#include "backend/registry.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct backend *open_size(enum backend_kind kind, uint64_t size)
{
	const struct backend_spec s = { .kind = kind, .size = size };
	struct backend *b = NULL;
	char error[200] = "";

	if (backend_open(&s, &b, error, sizeof(error)))
		fail_msg("%s", error);
	return b;
}

static int run(struct backend *b, enum backend_opcode opcode, uint64_t offset,
	       void *data, uint32_t length)
{
	struct backend_op op = { .opcode = opcode, .offset = offset,
				 .data = data, .length = length };

	return backend_submit(b, NULL, &op);
}

static void keeps_what_is_written(uint64_t size)
{
	struct backend *b = open_size(BACKEND_MEMORY, size);
	char memory[10240 + 8], *out = memory + 8, in[10240];	/* at any address */

	for (size_t i = 0; i < sizeof(in); i++)
		out[i] = (char)(i * 13 + 1);
	assert_true(b->info.is_immediate);
	assert_false(b->info.has_volatile_cache);
	assert_int_equal(b->info.block_size, 512);
	assert_int_equal(run(b, BACKEND_WRITE, 512, out, sizeof(in)), 0);
	assert_int_equal(run(b, BACKEND_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(run(b, BACKEND_READ, 512, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(run(b, BACKEND_READ, 0, in, 512), 0);
	assert_int_equal(run(b, BACKEND_READ, 512 + sizeof(in), in + 512, 512), 0);
	assert_int_equal(run(b, BACKEND_READ, size - 512, in + 1024, 512), 0);
	for (int i = 0; i < 1536; i++)
		assert_int_equal(in[i], 0);
	backend_close(b);
}

/* A small one, and one that is written past the caches. */
static void memory_keeps_what_is_written(void **state)
{
	keeps_what_is_written(1 << 20);
	keeps_what_is_written(64 << 20);
}

static void null_reads_zeros(void **state)
{
	struct backend *b = open_size(BACKEND_NULL, UINT64_C(1) << 60);
	char data[4096];

	memset(data, 7, sizeof(data));
	assert_int_equal(run(b, BACKEND_WRITE, 0, data, sizeof(data)), 0);
	assert_int_equal(run(b, BACKEND_READ, UINT64_C(1) << 59, data,
			     sizeof(data)), 0);
	for (size_t i = 0; i < sizeof(data); i++)
		assert_int_equal(data[i], 0);
	backend_close(b);
}

/* Far more than there is: pages come when they are written. */
static void memory_may_exceed_what_is_free(void **state)
{
	char data[512] = { 1 };
	struct backend *b;

	if (is_under_valgrind())
		NOT_HERE("valgrind maps less");
	b = open_size(BACKEND_MEMORY, UINT64_C(1) << 36);
	assert_int_equal(run(b, BACKEND_WRITE, UINT64_C(1) << 35, data, 512), 0);
	backend_close(b);
}

static void refused(struct backend_spec s, const char *sentence)
{
	struct backend *b = NULL;
	char error[200] = "";

	assert_true(backend_open(&s, &b, error, sizeof(error)) < 0);
	assert_null(b);
	if (!strstr(error, sentence))
		fail_msg("'%s' does not say '%s'", error, sentence);
}

static void wrong_descriptions_are_refused(void **state)
{
	refused((struct backend_spec){ .kind = BACKEND_MEMORY },
		"a size of 0 bytes");
	refused((struct backend_spec){ .kind = BACKEND_NULL, .size = 1000 },
		"a size of 1000 bytes is no multiple of the block size, 512");
	refused((struct backend_spec){ .kind = BACKEND_NULL, .size = 512,
				       .block_size = 4096 }, "no multiple");
	for (uint32_t bs = 1; bs < 20000; bs *= 3)
		refused((struct backend_spec){ .kind = BACKEND_MEMORY,
					       .size = 1 << 20,
					       .block_size = bs },
			"block size of");
	refused((struct backend_spec){ .kind = BACKEND_MEMORY,
				       .size = 1 << 20, .block_size = 8192 },
		"none of 512");
	refused((struct backend_spec){ .kind = BACKEND_MEMORY,
				       .size = UINT64_C(1) << 62 },
		"does not fit into memory");
}

#define SEVERAL 24u

/* To the same page twice, by half pages, over the edge of one: in their order. */
static void several_writes_at_once(uint64_t size)
{
	struct backend *b = open_size(BACKEND_MEMORY, size);
	static uint8_t data[SEVERAL][8192], expected[SEVERAL * 4096], in[SEVERAL * 4096];
	struct backend_write w[SEVERAL];

	for (unsigned int i = 0; i < SEVERAL; i++) {
		uint64_t offset = i % 5 ? i * 2048u : 4096;
		uint32_t length = i % 3 ? 4096 : 8192;

		memset(data[i], (int)i + 1, sizeof(data[i]));
		memcpy(expected + offset, data[i], length);
		w[i] = (struct backend_write){ offset, length, data[i] };
	}
	b->ops->write(b, w, SEVERAL);
	assert_int_equal(run(b, BACKEND_READ, 0, in, sizeof(in)), 0);
	assert_memory_equal(in, expected, sizeof(in));
	b->ops->write(b, w, 0);
	backend_close(b);
}

static void memory_takes_several_writes_at_once(void **state)
{
	several_writes_at_once(1 << 20);
	several_writes_at_once(64 << 20);
}

/* Whole-block patterns, written and read by several threads at once. */
#define BLOCKS 4
#define TURNS 5000

struct tearer {
	struct backend *b;
	uint8_t pattern;
	bool is_reader;
	unsigned int torn;
	pthread_t id;
};

/* The same blocks from the last to the first, as writes of their own. */
static void write_backwards(struct backend *b, const uint8_t *data, uint32_t n)
{
	struct backend_write w[BLOCKS];

	for (uint32_t i = 0; i < n; i++)
		w[i] = (struct backend_write){ (BLOCKS - 1 - i) * 4096u, 4096,
					       data + i * 4096 };
	b->ops->write(b, w, n);
}

static void *tear(void *argument)
{
	struct tearer *t = argument;
	uint8_t data[BLOCKS * 4096];

	for (int turn = 0; turn < TURNS; turn++) {
		uint32_t n = 1 + turn % BLOCKS;

		memset(data, t->pattern ^ turn, sizeof(data));
		if (!t->is_reader && turn % 2)
			write_backwards(t->b, data, n);
		else
			run(t->b, t->is_reader ? BACKEND_READ : BACKEND_WRITE,
			    (uint64_t)(BLOCKS - n) * 4096, data, n * 4096);
		for (uint32_t i = 0; i < n; i++)
			t->torn += memcmp(data + i * 4096, data + i * 4096 + 1,
					  4095) != 0;
	}
	return NULL;
}

static void never_tears_a_block(uint64_t size)
{
	struct backend *b = open_size(BACKEND_MEMORY, size);
	struct tearer t[4];

	for (int i = 0; i < 4; i++) {
		t[i] = (struct tearer){ .b = b, .is_reader = i % 2,
					.pattern = (uint8_t)(i * 85) };
		pthread_create(&t[i].id, NULL, tear, &t[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i].id, NULL);
		assert_int_equal(t[i].torn, 0);
	}
	backend_close(b);
}

static void memory_never_tears_a_block(void **state)
{
	never_tears_a_block(BLOCKS * 4096);
	never_tears_a_block(64 << 20);
}

/* ---- lending -------------------------------------------------------------------------- */

static bool is_all(const uint8_t *at, uint8_t value, size_t n)
{
	while (n && at[n - 1] == value)
		n--;
	return !n;
}

static void lent_pages_are_the_storage(void **state)
{
	struct backend *b = open_size(BACKEND_MEMORY, 1 << 20);
	char data[4096];
	const char *at = backend_lend(b, 8192 + 512);

	memset(data, 'x', sizeof(data));
	assert_int_equal(run(b, BACKEND_WRITE, 8192, data, sizeof(data)), 0);
	assert_memory_equal(at, data, 4096 - 512);
	assert_int_equal(at[4096 - 512], 0);
	backend_close(b);
}

/* A thread that writes one page as often as it can. */
struct writer {
	struct backend *b;
	uint64_t offset;
	atomic_uint done;
	atomic_bool must_stop;
	pthread_t id;
};

static void *overwrite(void *argument)
{
	struct writer *w = argument;
	uint8_t data[4096];

	for (unsigned int turn = 0; !atomic_load(&w->must_stop); turn++) {
		memset(data, (int)turn, sizeof(data));
		run(w->b, BACKEND_WRITE, w->offset, data, sizeof(data));
		atomic_fetch_add(&w->done, 1);
	}
	return NULL;
}

static void start_writer(struct writer *w, struct backend *b, uint64_t offset)
{
	*w = (struct writer){ .b = b, .offset = offset };
	pthread_create(&w->id, NULL, overwrite, w);
	while (!atomic_load(&w->done))
		sched_yield();
}

static void stop_writer(struct writer *w)
{
	atomic_store(&w->must_stop, true);
	pthread_join(w->id, NULL);
}

/* While it is held, by several even, a page is of one moment; then it goes on. */
static void held_pages_do_not_change(void **state)
{
	struct backend *b = open_size(BACKEND_MEMORY, 4 * 4096);
	const uint8_t *at = backend_lend(b, 4096);
	struct writer w;

	start_writer(&w, b, 4096);
	for (int turn = 0; turn < 200; turn++) {
		unsigned int done;
		uint8_t first;

		assert_int_equal(b->ops->hold(b, 4096, 4096, true), 4096);
		first = at[0];
		for (int i = 0; i < 5; i++, sched_yield())
			for (int k = 0; k < 4096; k++)
				assert_int_equal(at[k], first);
		done = atomic_load(&w.done);
		b->ops->release(b, 4096, 4096);
		while (atomic_load(&w.done) == done)
			sched_yield();
	}
	stop_writer(&w);
	backend_close(b);
}

/* A writer waits for page 1: its other pages can be held, and with it what comes
 * before it, but it can't, unless one waits. */
static void a_hold_ends_where_somebody_writes(void **state)
{
	struct backend *b = open_size(BACKEND_MEMORY, 4 * 4096);
	uint32_t held;
	struct writer w;

	assert_int_equal(b->ops->hold(b, 512, 16384 - 512, false), 16384 - 512);
	assert_int_equal(b->ops->hold(b, 4096, 512, false), 512);	/* twice */
	b->ops->release(b, 512, 16384 - 512);
	w = (struct writer){ .b = b, .offset = 4096 };
	pthread_create(&w.id, NULL, overwrite, &w);
	while ((held = b->ops->hold(b, 0, 16384, false)) == 16384)
		b->ops->release(b, 0, held);
	assert_int_equal(held, 4096);
	b->ops->release(b, 0, held);
	assert_int_equal(b->ops->hold(b, 4096, 4096, false), 0);
	assert_int_equal(atomic_load(&w.done), 0);
	b->ops->release(b, 4096, 512);
	assert_true(b->ops->hold(b, 4096, 8192, true) == 8192);
	b->ops->release(b, 4096, 8192);
	stop_writer(&w);
	backend_close(b);
}

#define LONG_WRITE (40 * 4096u)

static void *write_long(void *argument)
{
	static uint8_t data[LONG_WRITE];

	memset(data, 'n', sizeof(data));
	run(argument, BACKEND_WRITE, 0, data, sizeof(data));
	return NULL;
}

/* A long write takes several pages at once, but has none while it waits for one. */
static void a_writer_waits_with_nothing(void **state)
{
	struct backend *b = open_size(BACKEND_MEMORY, LONG_WRITE);
	const uint8_t *at = backend_lend(b, 0);
	pthread_t writer;

	assert_int_equal(b->ops->hold(b, 3 * 4096, 4096, true), 4096);
	pthread_create(&writer, NULL, write_long, b);
	while (b->ops->hold(b, 3 * 4096, 4096, false))
		b->ops->release(b, 3 * 4096, 4096);
	assert_int_equal(b->ops->hold(b, 0, 3 * 4096, true), 3 * 4096);
	assert_true(is_all(at, 'n', 3 * 4096));
	assert_int_equal(b->ops->hold(b, 4 * 4096, 36 * 4096, true), 36 * 4096);
	assert_true(is_all(at + 3 * 4096, 0, 37 * 4096));
	b->ops->release(b, 4 * 4096, 36 * 4096);
	b->ops->release(b, 0, 4 * 4096);
	pthread_join(writer, NULL);
	assert_true(is_all(at, 'n', LONG_WRITE));
	backend_close(b);
}

/* ---- another size ------------------------------------------------------------------------ */

static void resized(struct backend *b, uint64_t bytes, uint64_t expected)
{
	uint64_t now = 0;

	assert_int_equal(backend_resize(b, bytes, &now), 0);
	assert_int_equal(now, expected);
}

/* From nothing that fills a page to many MiB and back; what was cut off is zeros. */
static void memory_grows_and_shrinks(void **state)
{
	static uint8_t data[5 << 20];
	struct backend *b;
	const uint8_t *at;

	if (is_under_valgrind())
		NOT_HERE("valgrind maps less: there is no room to grow into");
	b = open_size(BACKEND_MEMORY, 1536);
	at = backend_lend(b, 0);
	memset(data, 'x', sizeof(data));
	assert_int_equal(run(b, BACKEND_WRITE, 0, data, 1536), 0);
	resized(b, 0, 1536);
	resized(b, sizeof(data), sizeof(data));
	assert_ptr_equal(backend_lend(b, 0), at);
	assert_true(is_all(at, 'x', 1536));
	assert_true(is_all(at + 1536, 0, sizeof(data) - 1536));
	assert_int_equal(run(b, BACKEND_WRITE, 0, data, sizeof(data)), 0);
	resized(b, (1 << 20) + 512, (1 << 20) + 512);
	assert_true(is_all(at, 'x', (1 << 20) + 512));
	assert_true(is_all(at + (1 << 20) + 512, 0, sizeof(data) - (1 << 20) - 512));
	backend_close(b);
}

/* Who was at it when the disk shrank may still write there: not so that it shows. */
static void late_writes_do_not_come_back(void **state)
{
	struct backend *b;
	const uint8_t *at;
	char data[4096];

	if (is_under_valgrind())
		NOT_HERE("valgrind maps less: there is no room to grow into");
	b = open_size(BACKEND_MEMORY, 1 << 20);
	at = backend_lend(b, 0);
	memset(data, 'y', sizeof(data));
	resized(b, 8192 + 512, 8192 + 512);
	assert_int_equal(run(b, BACKEND_WRITE, 8192, data, 4096), 0);
	assert_int_equal(run(b, BACKEND_WRITE, 65536, data, 4096), 0);
	resized(b, 2 << 20, 2 << 20);
	assert_true(is_all(at + 8192, 'y', 512));
	assert_true(is_all(at + 8192 + 512, 0, (2 << 20) - 8192 - 512));
	backend_close(b);
}

/* Addresses are bounded: it says so, and is what it was. */
static void memory_can_not_grow_for_ever(void **state)
{
	struct backend *b = open_size(BACKEND_MEMORY, 8192);
	uint64_t now;

	assert_int_equal(backend_resize(b, UINT64_C(1) << 62, &now), -ENOMEM);
	resized(b, 0, 8192);
	backend_close(b);
}

/* A held page stays; a shrinking disk waits for it, and nobody sees half a block. */
static void blocks_stay_whole_while_it_shrinks(void **state)
{
	struct backend *b = open_size(BACKEND_MEMORY, BLOCKS * 4096);
	struct tearer t[4];
	uint64_t now;

	for (int i = 0; i < 4; i++) {
		t[i] = (struct tearer){ .b = b, .is_reader = i % 2,
					.pattern = (uint8_t)(i * 85) };
		pthread_create(&t[i].id, NULL, tear, &t[i]);
	}
	for (int turn = 0; turn < 2000; turn++)
		backend_resize(b, (uint64_t)(1 + turn % BLOCKS) * 4096, &now);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i].id, NULL);
		assert_int_equal(t[i].torn, 0);
	}
	backend_close(b);
}

/* ---- zeros ------------------------------------------------------------------------- */

static int zero(struct backend *b, unsigned int flags, uint64_t offset, uint32_t length)
{
	struct backend_op op = { .opcode = BACKEND_ZERO, .flags = flags, .offset = offset,
				 .length = length };

	return backend_submit(b, NULL, &op);
}

/* Pages from here on that take memory. */
static unsigned int resident(const void *at, size_t pages)
{
	unsigned char is_there[1024];
	unsigned int n = 0;

	assert_in_range(pages, 1, sizeof(is_there));
	assert_int_equal(mincore((void *)(uintptr_t)at, pages * 4096, is_there), 0);
	for (size_t i = 0; i < pages; i++)
		n += is_there[i] & 1;
	return n;
}

static void fill(struct backend *b, uint64_t size)
{
	static uint8_t data[1 << 20];

	memset(data, 'z', sizeof(data));
	for (uint64_t at = 0; at < size; at += sizeof(data))
		assert_int_equal(run(b, BACKEND_WRITE, at, data, sizeof(data)), 0);
}

/* At any place: all of the range and nothing beside it. */
static void memory_zeroes_what_it_is_asked_to(void **state)
{
	static const struct { uint32_t offset, length; } rows[] = {
		{ 0, 512 }, { 512, 1024 }, { 3584, 1024 }, { 0, 4096 }, { 4096, 8192 },
		{ 512, 8192 }, { 1024, 4608 }, { (1 << 20) - 512, 512 }, { 0, 1 << 20 },
	};

	for (unsigned int flags = 0; flags <= BACKEND_DEALLOCATE; flags += BACKEND_DEALLOCATE)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct backend *b = open_size(BACKEND_MEMORY, 1 << 20);
			const uint8_t *at = backend_lend(b, 0);
			uint32_t end = rows[i].offset + rows[i].length;

			fill(b, 1 << 20);
			assert_int_equal(zero(b, flags, rows[i].offset, rows[i].length), 0);
			assert_true(is_all(at, 'z', rows[i].offset));
			assert_true(is_all(at + rows[i].offset, 0, rows[i].length));
			assert_true(is_all(at + end, 'z', (1 << 20) - end));
			backend_close(b);
		}
}

static void deallocated_pages_take_no_memory(void **state)
{
	struct backend *b = open_size(BACKEND_MEMORY, 4 << 20);
	const uint8_t *at = backend_lend(b, 0);

	fill(b, 4 << 20);
	assert_int_equal(zero(b, 0, 0, 4 << 20), 0);
	assert_int_equal(resident(at, 1024), 1024);
	assert_int_equal(zero(b, BACKEND_DEALLOCATE, 512, (4 << 20) - 512), 0);
	assert_in_range(resident(at + 4096, 1023), 0, 0);
	backend_close(b);
}

/* What grew has fewer locks than pages, and several threads want many of them. */
static void *keep_discarding(void *argument)
{
	struct tearer *t = argument;

	for (int turn = 0; turn < TURNS; turn++)
		zero(t->b, BACKEND_DEALLOCATE, (uint64_t)((turn + t->pattern) % 7) * 8192,
		     1 << 20);
	return NULL;
}

static void who_discards_waits_for_nobody_who_waits_for_him(void **state)
{
	struct backend *b = open_size(BACKEND_MEMORY, BLOCKS * 4096);
	struct tearer t[5];
	uint64_t now;

	if (backend_resize(b, 2 << 20, &now)) {
		backend_close(b);
		NOT_HERE("there is no room to grow into");
	}
	for (int i = 0; i < 5; i++) {
		t[i] = (struct tearer){ .b = b, .is_reader = i == 2, .pattern = (uint8_t)i };
		pthread_create(&t[i].id, NULL, i < 2 ? keep_discarding : tear, &t[i]);
	}
	for (int i = 0; i < 5; i++) {
		pthread_join(t[i].id, NULL);
		assert_int_equal(t[i].torn, 0);
	}
	backend_close(b);
}

/* ---- pages of 2 MiB ---------------------------------------------------------------- */

/* Of the mapping that holds this address: what the kernel was advised of it. */
static bool is_to_be_huge(const void *address)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long from, to;
	bool is_in = false, is_huge = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			is_in = from <= (uintptr_t)address && (uintptr_t)address < to;
		if (is_in && !strncmp(line, "VmFlags:", 8))
			is_huge = strstr(line, " hg");
	}
	fclose(f);
	return is_huge;
}

/* Its bytes come first behind what all backends have. */
static const void *address_of(struct backend *b)
{
	struct { struct backend base; const void *bytes; } *m = (void *)b;

	return m->bytes;
}

static void memory_asks_for_huge_pages_where_all_of_it_fits(void **state)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	struct backend *small, *vast;

	if (access("/sys/kernel/mm/transparent_hugepage", F_OK))
		NOT_HERE("the kernel has no huge pages");
	small = open_size(BACKEND_MEMORY, 8 << 20);
	vast = open_size(BACKEND_MEMORY, pages * 4096);
	assert_true(is_to_be_huge(address_of(small)));
	assert_false(is_to_be_huge(address_of(vast)));
	backend_close(small);
	backend_close(vast);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_keeps_what_is_written),
		cmocka_unit_test(memory_may_exceed_what_is_free),
		cmocka_unit_test(lent_pages_are_the_storage),
		cmocka_unit_test(held_pages_do_not_change),
		cmocka_unit_test(a_hold_ends_where_somebody_writes),
		cmocka_unit_test(a_writer_waits_with_nothing),
		cmocka_unit_test(memory_takes_several_writes_at_once),
		cmocka_unit_test(memory_never_tears_a_block),
		cmocka_unit_test(memory_grows_and_shrinks),
		cmocka_unit_test(late_writes_do_not_come_back),
		cmocka_unit_test(memory_can_not_grow_for_ever),
		cmocka_unit_test(blocks_stay_whole_while_it_shrinks),
		cmocka_unit_test(memory_zeroes_what_it_is_asked_to),
		cmocka_unit_test(deallocated_pages_take_no_memory),
		cmocka_unit_test(who_discards_waits_for_nobody_who_waits_for_him),
		cmocka_unit_test(memory_asks_for_huge_pages_where_all_of_it_fits),
		cmocka_unit_test(null_reads_zeros),
		cmocka_unit_test(wrong_descriptions_are_refused),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
