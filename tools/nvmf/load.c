/* SPDX-License-Identifier: BSD-2-Clause */
/* Nothing is allocated and no clock is read twice an I/O: the moment that one
 * ends is the moment that the next begins. */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct shot {
	struct load *load;
	uint8_t *data;
	uint64_t started;
	bool is_write;
};

uint64_t load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- counting -------------------------------------------------------------------------------- */

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int msb;

	if (ns < 1u << BUCKET_BITS)
		return (unsigned int)ns;
	msb = 63u - (unsigned int)__builtin_clzll(ns);
	return ((msb - BUCKET_BITS + 1) << BUCKET_BITS) +
	       (unsigned int)(ns >> (msb - BUCKET_BITS) & ((1u << BUCKET_BITS) - 1));
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned int bucket)
{
	unsigned int shift, digits = bucket & ((1u << BUCKET_BITS) - 1);

	if (bucket < 1u << BUCKET_BITS)
		return bucket;
	shift = (bucket >> BUCKET_BITS) - 1;
	return (((uint64_t)1 << BUCKET_BITS) + digits) * ((uint64_t)1 << shift) +
	       (((uint64_t)1 << shift) >> 1);
}

static void count(struct tally *t, uint64_t ns, bool is_write)
{
	if (is_write)
		t->writes++;
	else
		t->reads++;
	t->sum += ns;
	if (ns < t->least)
		t->least = ns;
	if (ns > t->most)
		t->most = ns;
	t->buckets[bucket_of(ns)]++;
}

void tally_add(struct tally *to, const struct tally *from)
{
	to->reads += from->reads;
	to->writes += from->writes;
	to->sum += from->sum;
	if (from->least < to->least)
		to->least = from->least;
	if (from->most > to->most)
		to->most = from->most;
	for (unsigned int i = 0; i < BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
}

uint64_t tally_percentile(const struct tally *t, double share)
{
	uint64_t total = t->reads + t->writes, seen = 0;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		seen += t->buckets[i];
		if (seen && (double)seen >= share * (double)total)
			return value_of(i) < t->most ? value_of(i) : t->most;
	}
	return 0;
}

/* ---- one I/O after another ---------------------------------------------------------------------- */

/* xorshift64*: random enough for places on a disk. */
static uint32_t draw(struct load *l)
{
	l->random ^= l->random >> 12;
	l->random ^= l->random << 25;
	l->random ^= l->random >> 27;
	return (uint32_t)(l->random * 0x2545f4914f6cdd1du >> 32);
}

static uint64_t choose_spot(struct load *l)
{
	uint64_t spots = l->plan->spots, spot = l->next_spot;

	if (l->plan->is_sequential) {
		l->next_spot = spot + 1 < spots ? spot + 1 : 0;
		return spot;
	}
	if (spots <= UINT32_MAX)
		return draw(l) * spots >> 32;
	return ((uint64_t)draw(l) << 32 | draw(l)) % spots;
}

static bool choose_write(struct load *l)
{
	unsigned int percent = l->plan->read_percent;

	if (percent == 0 || percent == 100)
		return percent == 0;
	return ((uint64_t)draw(l) * 100 >> 32) >= percent;
}

static void shot_over(void *cookie, const struct nvmf_completion *completion);

static void shoot(struct shot *s, uint64_t now)
{
	struct load *l = s->load;
	const struct load_plan *p = l->plan;
	uint64_t lba = choose_spot(l) * p->io_blocks;
	uint32_t bytes = p->io_blocks * p->block_size;
	int error;

	s->started = now;
	s->is_write = choose_write(l);
	error = s->is_write ?
		nvmf_queue_submit_write(l->queue, p->nsid, lba, p->io_blocks, s->data, bytes,
					shot_over, s) :
		nvmf_queue_submit_read(l->queue, p->nsid, lba, p->io_blocks, s->data, bytes,
				       shot_over, s);
	if (!error)
		l->under_way++;
	else if (!l->error)
		l->error = error;
}

static void note_failure(struct load *l, const struct nvmf_completion *completion)
{
	if (!l->has_failed)
		l->bad = *completion;
	l->has_failed = true;
	atomic_store(&l->plan->stop, true);
}

static void shot_over(void *cookie, const struct nvmf_completion *completion)
{
	struct shot *s = cookie;
	struct load *l = s->load;
	uint64_t now = load_now();

	l->under_way--;
	if (completion->error || !nvmf_status_is_success(completion->status)) {
		note_failure(l, completion);
		return;
	}
	count(&l->tally, now - s->started, s->is_write);
	if (now < l->plan->end && !atomic_load_explicit(&l->plan->stop, memory_order_relaxed))
		shoot(s, now);
}

static void *run(void *context)
{
	struct load *l = context;
	uint64_t now = load_now();

	for (unsigned int i = 0; i < l->plan->depth; i++)
		shoot(&l->shots[i], now);
	while (l->under_way) {
		int n = nvmf_queue_wait(l->queue, -1);

		if (n < 0 && !l->error)
			l->error = n;
		atomic_store_explicit(&l->ended, l->tally.reads + l->tally.writes,
				      memory_order_relaxed);
	}
	if (l->error)
		atomic_store(&l->plan->stop, true);
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------ */

/* Not the same everywhere, so that nothing between here and the disk folds it. */
static void scribble(struct load *l, size_t size)
{
	for (size_t i = 0; i + 4 <= size; i += 4) {
		uint32_t word = draw(l);

		memcpy(l->memory + i, &word, 4);
	}
}

int load_init(struct load *l, struct load_plan *plan, struct nvmf_queue *queue,
	      unsigned int number)
{
	size_t bytes = (size_t)plan->io_blocks * plan->block_size;

	memset(l, 0, sizeof(*l));
	l->plan = plan;
	l->queue = queue;
	l->random = 0x9e3779b97f4a7c15u * (number + 1);
	l->tally.least = UINT64_MAX;
	l->shots = calloc(plan->depth, sizeof(*l->shots));
	if (!l->shots || posix_memalign((void **)&l->memory, 4096, bytes * plan->depth))
		return -1;
	scribble(l, bytes * plan->depth);
	for (unsigned int i = 0; i < plan->depth; i++)
		l->shots[i] = (struct shot){ .load = l, .data = l->memory + i * bytes };
	return 0;
}

void load_free(struct load *l)
{
	free(l->shots);
	free(l->memory);
}

int load_start(struct load *l)
{
	int error;

	nvmf_queue_detach(l->queue);
	error = pthread_create(&l->thread, NULL, run, l);
	if (error)
		nvmf_queue_attach(l->queue);
	return error;
}

void load_join(struct load *l)
{
	pthread_join(l->thread, NULL);
	nvmf_queue_attach(l->queue);
}
