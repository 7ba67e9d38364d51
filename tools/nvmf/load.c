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
	uint64_t started, spot;
	uint32_t blocks;
	bool is_write;
};

uint64_t load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- where to -------------------------------------------------------------------------------- */

/* xorshift64*: random enough for places on a disk. */
static uint32_t draw(struct load *l)
{
	l->random ^= l->random >> 12;
	l->random ^= l->random << 25;
	l->random ^= l->random >> 27;
	return (uint32_t)(l->random * 0x2545f4914f6cdd1du >> 32);
}

static uint64_t draw_place(struct load *l)
{
	if (l->places <= UINT32_MAX)
		return draw(l) * l->places >> 32;
	return ((uint64_t)draw(l) << 32 | draw(l)) % l->places;
}

static uint64_t after(const struct load *l, uint64_t place)
{
	return place + 1 < l->places ? place + 1 : 0;
}

static uint64_t choose_place(struct load *l)
{
	uint64_t place = l->next;

	if (l->plan->order == LOAD_RANDOM)
		return draw_place(l);
	l->next = l->plan->order == LOAD_ONCE ? place + 1 : after(l, place);
	return place;
}

/* What is known of a place's contents holds while nobody else is at it: the next
 * free one will do.  There are more of them than commands. */
static uint64_t choose_spot(struct load *l)
{
	struct pattern *pattern = l->plan->pattern;
	uint64_t place = choose_place(l);

	if (!pattern || l->plan->order == LOAD_ONCE)
		return l->first + place;
	while (pattern_is_claimed(pattern, l->first + place))
		place = after(l, place);
	pattern_claim(pattern, l->first + place);
	return l->first + place;
}

static bool choose_write(struct load *l)
{
	unsigned int percent = l->plan->read_percent;

	if (percent == 0 || percent == 100)
		return percent == 0;
	return ((uint64_t)draw(l) * 100 >> 32) >= percent;
}

/* ---- one I/O after another ---------------------------------------------------------------------- */

static uint64_t lba_of(const struct shot *s)
{
	return s->spot * s->load->plan->io_blocks;
}

static void aim(struct load *l, struct shot *s)
{
	uint64_t left;

	s->spot = choose_spot(l);
	left = l->plan->blocks - lba_of(s);
	s->blocks = left < l->plan->io_blocks ? (uint32_t)left : l->plan->io_blocks;
	s->is_write = choose_write(l);
}

static void prepare_data(const struct load_plan *plan, struct shot *s)
{
	if (!plan->pattern)
		return;
	if (!s->is_write) {
		pattern_spoil(plan->pattern, s->blocks, s->data);
		return;
	}
	if (plan->order != LOAD_ONCE)
		pattern_renew(plan->pattern, s->spot);
	pattern_fill(plan->pattern, lba_of(s), s->blocks, s->data);
}

static void shot_over(void *cookie, const struct nvmf_completion *completion);

static int submit(struct shot *s)
{
	struct load *l = s->load;
	uint32_t nsid = l->plan->nsid, bytes = s->blocks * l->plan->block_size;

	if (s->is_write)
		return nvmf_queue_submit_write(l->queue, nsid, lba_of(s), s->blocks, s->data, bytes,
					       shot_over, s);
	return nvmf_queue_submit_read(l->queue, nsid, lba_of(s), s->blocks, s->data, bytes,
				      shot_over, s);
}

static void shoot(struct shot *s, uint64_t now)
{
	struct load *l = s->load;
	int error;

	s->started = now;
	aim(l, s);
	prepare_data(l->plan, s);
	error = submit(s);
	if (!error)
		++*l->under_way;
	else if (!l->error)
		l->error = error;
}

static bool goes_on(const struct load *l, uint64_t now)
{
	if (l->plan->order == LOAD_ONCE && l->next >= l->places)
		return false;
	return now < l->plan->end && !atomic_load_explicit(&l->plan->stop, memory_order_relaxed);
}

static void note_failure(struct load *l, const struct nvmf_completion *completion)
{
	if (!l->has_failed)
		l->bad = *completion;
	l->has_failed = true;
	atomic_store(&l->plan->stop, true);
}

static void check_data(struct load *l, const struct shot *s)
{
	struct load_plan *plan = l->plan;

	if (!plan->pattern)
		return;
	if (!s->is_write && !l->mismatch[0] &&
	    !pattern_check(plan->pattern, lba_of(s), s->blocks, s->data, l->mismatch,
			   sizeof(l->mismatch)))
		atomic_store(&plan->stop, true);
	pattern_release(plan->pattern, s->spot * plan->io_blocks / plan->pattern->unit);
}

static void shot_over(void *cookie, const struct nvmf_completion *completion)
{
	struct shot *s = cookie;
	struct load *l = s->load;
	uint64_t now = load_now();

	--*l->under_way;
	if (completion->error || !nvmf_status_is_success(completion->status)) {
		note_failure(l, completion);
		return;
	}
	tally_count(l->tally, now - s->started, s->is_write);
	check_data(l, s);
	if (goes_on(l, now))
		shoot(s, now);
}

void load_begin(struct load *l)
{
	uint64_t now = load_now();

	for (unsigned int i = 0; i < l->plan->depth && goes_on(l, now); i++)
		shoot(&l->shots[i], now);
	load_note(l, 0);
}

void load_note(struct load *l, int result)
{
	if (result < 0 && !l->error)
		l->error = result;
	if (l->error)
		atomic_store(&l->plan->stop, true);
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

/* A part of its own, but for random I/O of no known contents: all places then. */
static void take_places(struct load *l, unsigned int number, unsigned int count)
{
	const struct load_plan *plan = l->plan;
	uint64_t share = plan->spots / count, rest = plan->spots % count;

	l->places = plan->spots;
	if (!plan->pattern && plan->order != LOAD_ONCE && (plan->order == LOAD_RANDOM || !share))
		return;
	l->first = share * number + (number < rest ? number : rest);
	l->places = share + (number < rest);
}

int load_init(struct load *l, struct load_plan *plan, struct nvmf_queue *queue,
	      unsigned int number, unsigned int count)
{
	size_t bytes = (size_t)plan->io_blocks * plan->block_size;

	memset(l, 0, sizeof(*l));
	l->plan = plan;
	l->queue = queue;
	l->random = 0x9e3779b97f4a7c15u * (number + 1);
	take_places(l, number, count);
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
