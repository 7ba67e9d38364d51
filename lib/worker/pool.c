/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ORDERS 20
#define NONE UINT32_MAX
#define URGENT_SHARE 8		/* one part in eight is kept back */
#define QUIET 2			/* periods: that of the last use, and one without any */

/* One page of the arena; it stands for the block that begins there. */
struct page {
	uint32_t next, prev;	/* in the list of free blocks of its order */
	uint8_t order;
	bool is_free;
	bool has_passed;	/* taken by one who passed those that wait */
	bool is_touched;	/* of a largest block: the kernel may have pages for it */
};

struct pool {
	uint8_t *arena;
	size_t size, used, kept_back;
	size_t passed;			/* of `used`: by those who passed the others */
	size_t most;			/* that was used in this period */
	uint32_t touched;		/* largest blocks with pages of the kernel's */
	uint32_t kept;			/* of them, as many as the last period wanted */
	unsigned int quiet;		/* periods since something was given back */
	unsigned int top;		/* order of the largest block */
	uint32_t free[ORDERS];		/* first free block of each order */
	struct list waiters;
	bool has_news;			/* something was given back */
	struct page pages[];
};

static unsigned int order_of(size_t size)
{
	unsigned int order = 0;

	while (((size_t)POOL_SMALLEST << order) < size)
		order++;
	return order;
}

size_t pool_block(size_t size)
{
	return (size_t)POOL_SMALLEST << order_of(size);
}

static void link_free(struct pool *p, uint32_t page, unsigned int order)
{
	struct page *g = &p->pages[page];

	g->next = p->free[order];
	g->prev = NONE;
	g->order = (uint8_t)order;
	g->is_free = true;
	if (g->next != NONE)
		p->pages[g->next].prev = page;
	p->free[order] = page;
}

static void unlink_free(struct pool *p, uint32_t page)
{
	struct page *g = &p->pages[page];

	if (g->next != NONE)
		p->pages[g->next].prev = g->prev;
	if (g->prev != NONE)
		p->pages[g->prev].next = g->next;
	else
		p->free[g->order] = g->next;
	g->is_free = false;
}

int pool_open(struct pool **result, size_t size, size_t largest)
{
	unsigned int top = order_of(largest);
	size_t block = (size_t)POOL_SMALLEST << top, blocks = size / block;
	size_t pages = (blocks * block) / POOL_SMALLEST;
	struct pool *p;

	*result = NULL;
	if (!blocks || top >= ORDERS)
		return -EINVAL;
	p = calloc(1, sizeof(*p) + pages * sizeof(p->pages[0]));
	if (!p)
		return -ENOMEM;
	p->size = blocks * block;
	p->top = top;
	p->kept_back = p->size / URGENT_SHARE;
	p->quiet = QUIET;
	p->arena = mmap(NULL, p->size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->arena == MAP_FAILED) {
		free(p);
		return -ENOMEM;
	}
	list_init(&p->waiters);
	for (unsigned int i = 0; i < ORDERS; i++)
		p->free[i] = NONE;
	for (size_t i = blocks; i-- > 0; )
		link_free(p, (uint32_t)(i << top), top);
	*result = p;
	return 0;
}

void pool_close(struct pool *p)
{
	if (!p)
		return;
	munmap(p->arena, p->size);
	free(p);
}

/* Whether ordinary users may have so much more. */
static bool is_ordinary(const struct pool *p, size_t block)
{
	return p->used - p->passed + block <= p->size - p->kept_back;
}

/* Who passes those that wait has a part of his own, and never takes from what
 * they wait for: however many pass, the others have their turn. */
static bool may_pass(const struct pool *p, size_t block)
{
	size_t part = p->kept_back / 2;

	return p->passed + block <= part && p->used + block <= p->size - part;
}

static bool may_take(const struct pool *p, size_t block, enum pool_urgency urgency,
		     bool *passes)
{
	*passes = urgency == POOL_MODEST && (pool_is_contended(p) || !is_ordinary(p, block));
	if (*passes)
		return may_pass(p, block);
	return urgency == POOL_URGENT ? p->used + block <= p->size : is_ordinary(p, block);
}

/* Blocks are split and joined within a largest one. */
static void touch(struct pool *p, uint32_t page)
{
	struct page *whole = &p->pages[page >> p->top << p->top];

	if (whole->is_touched)
		return;
	whole->is_touched = true;
	p->touched++;
}

void *pool_take(struct pool *p, size_t size, enum pool_urgency urgency)
{
	unsigned int order = order_of(size), from = order;
	size_t block = (size_t)POOL_SMALLEST << order;
	uint32_t page;
	bool passes;

	if (order > p->top || !may_take(p, block, urgency, &passes))
		return NULL;
	while (from <= p->top && p->free[from] == NONE)
		from++;
	if (from > p->top)
		return NULL;
	page = p->free[from];
	unlink_free(p, page);
	while (from > order) {
		from--;
		link_free(p, page + (UINT32_C(1) << from), from);
	}
	p->pages[page].order = (uint8_t)order;
	p->pages[page].has_passed = passes;
	p->used += block;
	p->passed += passes ? block : 0;
	if (p->used > p->most)
		p->most = p->used;
	touch(p, page);
	return p->arena + (size_t)page * POOL_SMALLEST;
}

void pool_give(struct pool *p, void *buffer, size_t size)
{
	unsigned int order = order_of(size);
	uint32_t page = (uint32_t)(((uint8_t *)buffer - p->arena) / POOL_SMALLEST);

	p->used -= (size_t)POOL_SMALLEST << order;
	p->passed -= p->pages[page].has_passed ? (size_t)POOL_SMALLEST << order : 0;
	p->has_news = true;
	p->quiet = 0;
	for (; order < p->top; order++) {
		uint32_t buddy = page ^ (UINT32_C(1) << order);

		if (!p->pages[buddy].is_free || p->pages[buddy].order != order)
			break;
		unlink_free(p, buddy);
		page &= ~(UINT32_C(1) << order);
	}
	link_free(p, page, order);
}

/* ---- pages that nobody needs any more --------------------------------------------- */

bool pool_may_shrink(const struct pool *p)
{
	return p->quiet < QUIET;
}

void pool_end_period(struct pool *p)
{
	size_t block = (size_t)POOL_SMALLEST << p->top;

	p->kept = (uint32_t)((p->most + block - 1) / block);
	p->most = p->used;
	p->quiet++;
}

/* The first of the list were the last to be used, and are the next. */
bool pool_shrink(struct pool *p)
{
	size_t block = (size_t)POOL_SMALLEST << p->top;
	uint32_t page = p->free[p->top], seen = 0;

	if (p->touched <= p->kept)
		return false;
	for (; page != NONE; page = p->pages[page].next)
		if (p->pages[page].is_touched && seen++ == p->kept)
			break;
	if (page == NONE)
		return false;
	madvise(p->arena + (size_t)page * POOL_SMALLEST, block, MADV_DONTNEED);
	p->pages[page].is_touched = false;
	p->touched--;
	return true;
}

/* ---- those who wait ----------------------------------------------------------------- */

void pool_wait(struct pool *p, struct pool_waiter *w)
{
	if (list_is_empty(&w->link))
		list_append(&p->waiters, &w->link);
}

void pool_wait_no_more(struct pool *p, struct pool_waiter *w)
{
	p->has_news |= p->waiters.next == &w->link;
	list_remove(&w->link);
}

bool pool_is_contended(const struct pool *p)
{
	return !list_is_empty(&p->waiters);
}

bool pool_has_turns(const struct pool *p)
{
	return p->has_news && !list_is_empty(&p->waiters);
}

bool pool_serve(struct pool *p)
{
	bool has_served = false;

	if (!p->has_news)
		return false;
	p->has_news = false;
	while (!list_is_empty(&p->waiters)) {
		struct pool_waiter *w = list_entry(p->waiters.next, struct pool_waiter, link);
		enum pool_answer answer = w->serve(w);

		if (answer == POOL_LATER)
			break;
		list_remove(&w->link);
		if (answer == POOL_SERVED)
			list_append(&p->waiters, &w->link);
		has_served |= answer == POOL_SERVED;
	}
	return has_served;
}

bool pool_owns(const struct pool *p, const void *buffer)
{
	const uint8_t *b = buffer;

	return b >= p->arena && b < p->arena + p->size;
}

size_t pool_used(const struct pool *p)
{
	return p->used;
}

size_t pool_size(const struct pool *p)
{
	return p->size;
}

size_t pool_free(const struct pool *p)
{
	size_t most = p->size - p->kept_back, used = p->used - p->passed;

	return used < most ? most - used : 0;
}
