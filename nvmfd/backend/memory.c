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

static void write_page(struct memory *m, uint64_t offset, const uint8_t *data, uint32_t length)
{
	share_lock_t *lock = lock_of(m, offset);

	share_lock_alone(lock);
	m->put(m->bytes + offset, data, length);
	share_unlock_alone(lock);
}

/* A flush has no length, and nothing to do. */
static int memory_submit(struct backend *b, struct backend_lane *lane,
			 struct backend_op *op)
{
	struct memory *m = (struct memory *)b;
	uint64_t at = op->offset, end = at + op->length;
	uint8_t *data = op->data;
	uint32_t step;

	for (; at < end; at += step, data += step) {
		step = rest_of_page(at, (uint32_t)(end - at));
		if (op->opcode == BACKEND_READ)
			read_page(m, at, data, step);
		else
			write_page(m, at, data, step);
	}
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

/* What starts at a page has so many locks, one after the other. */
static void lock_pages(struct memory *m, uint64_t offset, size_t n)
{
	for (size_t i = 0; i < n; i++)
		share_lock_alone(lock_of(m, offset + i * PAGE));
}

static void unlock_pages(struct memory *m, uint64_t offset, size_t n)
{
	for (size_t i = 0; i < n; i++)
		share_unlock_alone(lock_of(m, offset + i * PAGE));
}

/*
 * Whole pages within 2 MiB are given back, and are zeros from now on.  Somebody may be
 * reading or sending them: he gets each as it was or as zeros, never half of it.  Nobody
 * waits for this thread while he has a page that it wants, as he waits for none then.
 */
static void discard_pages(struct memory *m, uint64_t offset, uint64_t length)
{
	size_t pages = length / PAGE, locks = m->mask + 1;
	size_t n = pages < locks ? pages : locks;

	lock_pages(m, offset, n);
	madvise(m->bytes + offset, length, MADV_DONTNEED);
	unlock_pages(m, offset, n);
}

/* From one size to a larger one: zeros. */
static void discard(struct memory *m, uint64_t from, uint64_t to)
{
	static const uint8_t zeros[PAGE];
	uint64_t step;

	if (from % PAGE) {
		step = rest_of_page(from, to - from < PAGE ? (uint32_t)(to - from) : PAGE);
		write_page(m, from, zeros, (uint32_t)step);
		from += step;
	}
	to = (to + PAGE - 1) / PAGE * PAGE;
	for (; from < to; from += step) {
		step = HUGE_PAGE - from % HUGE_PAGE;
		if (step > to - from)
			step = to - from;
		discard_pages(m, from, step);
	}
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
		discard(m, *now, old);
	else
		discard(m, old, *now < used ? *now : used);
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
		.info = { .size = size, .alignment = 1, .is_immediate = true },
	};
	m->size = size;
	m->mask = locks - 1;
	m->put = size < STREAM_LEAST ? memcpy : stream_copy;
	*out = &m->base;
	return 0;
}
