/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Storage in the daemon's own memory.
 *
 * A logical block is at most a page and never spans two, so a lock that is
 * held while one page is copied keeps every block whole: readers share it, a
 * writer has it alone.  Of a large disk several pages have one lock: they merely
 * wait for each other.
 *
 * Reads need no copy: the pages are lent, and held while the socket takes them.  So
 * a disk never moves, whatever its size becomes: addresses are set aside when it is
 * opened, and none is given back before it is closed.
 */
#include "storage/backend.h"
#include "backend/kinds.h"
#include "backend/spin.h"
#include "backend/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u
#define HUGE_PAGE ((size_t)2 << 20)
#define LOCKS_MOST (1u << 20)
/* A disk of this size is not in the caches when it is written here and there: writes
 * past them took 0.78 of the time (64 MiB: 0.85; 16 MiB: 1.2). */
#define STREAM_LEAST (64u << 20)
/* Pages that a writer has at once: to give one back he waits until his stores have
 * arrived, 175 of the 390 ns that a page of its own takes. */
#define RUN_PAGES 16u
/* Addresses set aside for a disk to grow into: so many times its size, and no less
 * than these bytes.  Of 128 TiB a thousand disks then take half. */
#define ROOM_TIMES 16
#define ROOM_LEAST (UINT64_C(64) << 30)

struct memory {
	struct backend base;
	uint8_t *bytes;		/* each page under its lock */
	void *mapping;		/* they lie in it */
	size_t mapped;		/* its length, bytes */
	uint64_t room;		/* how large the disk may become */
	uint64_t open;		/* so far the addresses may be used: no less than `size` */
	uint64_t size;		/* the main thread's */
	void *(*put)(void *to, const void *from, size_t length);
	size_t mask;		/* how many locks there are, a power of two, less 1 */
	share_lock_t locks[];
};

static share_lock_t *lock_of(struct memory *m, uint64_t offset)
{
	return &m->locks[offset / PAGE & m->mask];
}

/* What is left of the page of this offset, and of `length`. */
static uint32_t rest_of_page(uint64_t offset, uint32_t length)
{
	uint32_t rest = PAGE - offset % PAGE;

	return rest < length ? rest : length;
}

/* [offset, offset + length) lies in one page. */
static void read_page(struct memory *m, uint64_t offset, uint8_t *data, uint32_t length)
{
	share_lock_t *lock = lock_of(m, offset);

	share_lock(lock);
	memcpy(data, m->bytes + offset, length);
	share_unlock(lock);
}

/* What a writer has under way: of each page its lock, and what goes there. */
struct run {
	unsigned int count;
	struct piece {
		share_lock_t *lock;
		uint8_t *to;
		const uint8_t *from;
		uint32_t length;
	} pieces[RUN_PAGES];
};

static void end_run(struct memory *m, struct run *r)
{
	for (unsigned int i = 0; i < r->count; i++)
		m->put(r->pieces[i].to, r->pieces[i].from, r->pieces[i].length);
	stream_end();
	for (unsigned int i = 0; i < r->count; i++)
		share_unlock_alone(r->pieces[i].lock);
	r->count = 0;
}

/* As in memory_hold, he waits for no page while he has another. */
static void add_page(struct memory *m, struct run *r, uint64_t at, const uint8_t *from,
		     uint32_t length)
{
	share_lock_t *lock = lock_of(m, at);

	if (r->count == RUN_PAGES)
		end_run(m, r);
	if (!r->count) {
		share_lock_alone(lock);
	} else if (!share_try_alone(lock)) {
		end_run(m, r);
		share_lock_alone(lock);
	}
	r->pieces[r->count++] = (struct piece){ lock, m->bytes + at, from, length };
}

static void add_write(struct memory *m, struct run *r, const struct backend_write *w)
{
	for (uint32_t step, done = 0; done < w->length; done += step) {
		step = rest_of_page(w->offset + done, w->length - done);
		add_page(m, r, w->offset + done, (const uint8_t *)w->data + done, step);
	}
}

static void memory_write(struct backend *b, const struct backend_write *w, unsigned int n)
{
	struct memory *m = (struct memory *)b;
	struct run run;

	run.count = 0;
	while (n--)
		add_write(m, &run, w++);
	if (run.count)
		end_run(m, &run);
}

static void read_pages(struct memory *m, uint64_t at, uint64_t end, uint8_t *data)
{
	for (uint32_t step; at < end; at += step, data += step) {
		step = rest_of_page(at, (uint32_t)(end - at));
		read_page(m, at, data, step);
	}
}

static void write_pages(struct memory *m, uint64_t at, uint64_t end, const uint8_t *data)
{
	struct backend_write w = { at, (uint32_t)(end - at), data };

	memory_write(&m->base, &w, 1);
}

/* ---- zeros --------------------------------------------------------------------------- */

static void clear(struct memory *m, uint64_t from, uint64_t to)
{
	static const uint8_t zeros[PAGE];

	for (uint32_t step; from < to; from += step) {
		step = rest_of_page(from, to - from < PAGE ? (uint32_t)(to - from) : PAGE);
		write_pages(m, from, from + step, zeros);
	}
}

/* Several are taken in their order, so that of two who do so none waits for the other;
 * all others wait for none while they have one. */
static void lock_range(struct memory *m, size_t first, size_t end)
{
	for (; first < end; first++)
		share_lock_alone(&m->locks[first]);
}

static void unlock_range(struct memory *m, size_t first, size_t end)
{
	for (; first < end; first++)
		share_unlock_alone(&m->locks[first]);
}

/* Whole pages are given back, and are zeros from now on.  Somebody may be reading or
 * sending them: he gets each as it was or as zeros, never half of it. */
static void discard_pages(struct memory *m, uint64_t offset, uint64_t length)
{
	size_t locks = m->mask + 1, pages = length / PAGE < locks ? length / PAGE : locks;
	size_t first = offset / PAGE & m->mask, end = first + pages;
	size_t round = end > locks ? end - locks : 0;	/* they go on at the first */

	lock_range(m, 0, round);
	lock_range(m, first, end - round);
	madvise(m->bytes + offset, length, MADV_DONTNEED);
	unlock_range(m, first, end - round);
	unlock_range(m, 0, round);
}

/* Zeros; pages that are whole are given back, by 2 MiB at the most. */
static void discard(struct memory *m, uint64_t from, uint64_t to)
{
	uint64_t first = (from + PAGE - 1) / PAGE * PAGE, end = to / PAGE * PAGE;

	if (first >= end) {
		clear(m, from, to);
		return;
	}
	clear(m, from, first);
	for (uint64_t step; first < end; first += step) {
		step = HUGE_PAGE - first % HUGE_PAGE;
		if (step > end - first)
			step = end - first;
		discard_pages(m, first, step);
	}
	clear(m, end, to);
}

static void copy_pages(struct memory *m, const struct backend_op *op)
{
	uint64_t end = op->offset + op->length;

	if (op->opcode == BACKEND_READ)
		read_pages(m, op->offset, end, op->data);
	else
		write_pages(m, op->offset, end, op->data);
}

/* Whoever reads, writes or sends a part of the page has done so before or will after. */
static int write_page_if(struct memory *m, struct backend_op *op)
{
	share_lock_t *lock = lock_of(m, op->offset);
	uint8_t *there = m->bytes + op->offset;

	share_lock_alone(lock);
	if (!memcmp(there, op->expected, op->length)) {
		m->put(there, op->data, op->length);
		stream_end();
		op->flags |= BACKEND_WAS_EQUAL;
	}
	share_unlock_alone(lock);
	return op->flags & BACKEND_WAS_EQUAL ? 0 : -EDOM;
}

/* A flush has no length, and nothing to do. */
static int memory_submit(struct backend *b, struct backend_lane *lane,
			 struct backend_op *op)
{
	struct memory *m = (struct memory *)b;

	if (op->opcode == BACKEND_WRITE && op->flags & BACKEND_IF)
		return write_page_if(m, op);
	if (op->opcode != BACKEND_ZERO)
		copy_pages(m, op);
	else if (op->flags & BACKEND_DEALLOCATE)
		discard(m, op->offset, op->offset + op->length);
	else
		clear(m, op->offset, op->offset + op->length);
	return 0;
}

/* ---- lending -------------------------------------------------------------------------- */

static const void *memory_lend(struct backend *b, uint64_t offset)
{
	return ((struct memory *)b)->bytes + offset;
}

/* Never waits for a page while it holds another: who writes that one may wait for
 * somebody who waits for this one. */
static uint32_t memory_hold(struct backend *b, uint64_t offset, uint32_t length, bool wait)
{
	struct memory *m = (struct memory *)b;
	uint32_t held = 0;

	if (wait) {
		share_lock(lock_of(m, offset));
		held = rest_of_page(offset, length);
	}
	while (held < length && share_try(lock_of(m, offset + held)))
		held += rest_of_page(offset + held, length - held);
	return held;
}

static void memory_release(struct backend *b, uint64_t offset, uint32_t length)
{
	struct memory *m = (struct memory *)b;

	for (uint32_t step, done = 0; done < length; done += step) {
		step = rest_of_page(offset + done, length - done);
		share_unlock(lock_of(m, offset + done));
	}
}

/* ---- addresses ---------------------------------------------------------------------------- */

/*
 * Pages of 2 MiB, where the kernel has some: the walk through the tables of small
 * ones is a third of a random read of 4 KiB (700 and 460 ns from cold memory).  A
 * block written anywhere then takes 2 MiB, so only a disk that the machine has
 * room for as a whole gets them.
 */
static void ask_for_huge_pages(const struct memory *m, uint64_t size)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (size <= machine / 2)
		madvise(m->bytes, size, MADV_HUGEPAGE);
}

/* Addresses for a disk that may become so large: nothing can be there yet, and so
 * nothing of them counts as memory. */
static int set_aside(struct memory *m, uint64_t room)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uintptr_t start;

	if (room > SIZE_MAX - HUGE_PAGE)
		return -ENOMEM;
	m->mapped = room + HUGE_PAGE;
	m->mapping = mmap(NULL, m->mapped, PROT_NONE, flags, -1, 0);
	if (m->mapping == MAP_FAILED)
		return -ENOMEM;
	start = ((uintptr_t)m->mapping + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	m->bytes = (uint8_t *)start;
	m->room = room;
	return 0;
}

/* NORESERVE: a RAM disk larger than what is free today is the operator's decision;
 * pages come when they are written. */
static int open_up(struct memory *m, uint64_t size)
{
	if (size <= m->open)
		return 0;
	if (size > m->room || mprotect(m->bytes, size, PROT_READ | PROT_WRITE))
		return -ENOMEM;
	m->open = size;
	ask_for_huge_pages(m, size);
	return 0;
}

/* Where addresses are scarce (RLIMIT_AS), the disk just can't grow. */
static int map(struct memory *m, uint64_t size)
{
	uint64_t room = size < UINT64_MAX / ROOM_TIMES ? size * ROOM_TIMES : size;
	int r;

	if (set_aside(m, room < ROOM_LEAST ? ROOM_LEAST : room) && set_aside(m, size))
		return -ENOMEM;
	r = open_up(m, size);
	if (r)
		munmap(m->mapping, m->mapped);
	return r;
}

/* ---- another size --------------------------------------------------------------------------- */

/* What lies behind the end within its page is nobody's. */
static uint64_t whole_pages(uint64_t size)
{
	return (size + PAGE - 1) / PAGE * PAGE;
}

/*
 * What a smaller disk lost does not come back when it grows: a write that was under way
 * when it shrank may have left bytes behind the end.
 */
static int memory_resize(struct backend *b, uint64_t bytes, uint64_t *now)
{
	struct memory *m = (struct memory *)b;
	uint64_t old = m->size, used = m->open;	/* beyond that there never was a byte */
	int r;

	*now = bytes ? bytes : old;
	r = open_up(m, *now);
	if (r)
		return r;
	m->size = *now;
	if (*now < old)
		discard(m, *now, whole_pages(old));
	else
		discard(m, old, whole_pages(*now < used ? *now : used));
	return 0;
}

/* ---- opening and closing ---------------------------------------------------------------- */

static void memory_close(struct backend *b)
{
	struct memory *m = (struct memory *)b;

	munmap(m->mapping, m->mapped);
	free(m);
}

static const struct backend_ops memory_ops = {
	.submit = memory_submit,
	.lend = memory_lend,
	.hold = memory_hold,
	.release = memory_release,
	.write = memory_write,
	.resize = memory_resize,
	.close = memory_close,
};

/* One a page, up to 4 MiB of them. */
static size_t locks_for(uint64_t size)
{
	size_t n = 1;

	while (n < LOCKS_MOST && n * PAGE < size)
		n *= 2;
	return n;
}

int memory_open(struct backend **out, uint64_t size, char *error,
		size_t error_size)
{
	const size_t locks = locks_for(size);
	struct memory *m = calloc(1, sizeof(*m) + locks * sizeof(m->locks[0]));

	if (!m || map(m, size)) {
		free(m);
		snprintf(error, error_size,
			 "a RAM disk of %llu bytes does not fit into memory",
			 (unsigned long long)size);
		return -ENOMEM;
	}
	m->base = (struct backend){
		.ops = &memory_ops,
		.info = { .size = size, .alignment = 1, .is_immediate = true,
			  .write_unit = PAGE, .deallocate_unit = PAGE,
			  .can_write_if = true },
	};
	m->size = size;
	m->mask = locks - 1;
	m->put = size < STREAM_LEAST ? memcpy : stream_copy;
	*out = &m->base;
	return 0;
}
