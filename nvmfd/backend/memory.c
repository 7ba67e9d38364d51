/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Storage in the daemon's own memory.
 *
 * A logical block is at most a page and never spans two, so a lock that is
 * held while one page is copied keeps every block whole.  The locks are
 * striped: pages that share one merely wait for each other.
 */
#include "storage/backend.h"
#include "backend/kinds.h"
#include "backend/spin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
#define STRIPES_MOST 1024u

/* A line each: two workers in neighbouring pages must not share one. */
struct stripe {
	_Alignas(64) spin_lock_t lock;
};

struct memory {
	struct backend base;
	uint8_t *bytes;		/* under the stripe of its page */
	size_t mapped;		/* length of the mapping, bytes */
	size_t mask;		/* how many stripes there are, a power of two, less 1 */
	struct stripe stripes[];
};

static spin_lock_t *lock_of(struct memory *m, uint64_t offset)
{
	return &m->stripes[offset / PAGE & m->mask].lock;
}

/* [offset, offset + length) lies in one page. */
static void move_in_page(struct memory *m, const struct backend_op *op,
			 uint64_t offset, uint8_t *data, uint32_t length)
{
	spin_lock_t *lock = lock_of(m, offset);

	spin_lock(lock);
	if (op->opcode == BACKEND_READ)
		memcpy(data, m->bytes + offset, length);
	else
		memcpy(m->bytes + offset, data, length);
	spin_unlock(lock);
}

static int memory_submit(struct backend *b, struct backend_lane *lane,
			 struct backend_op *op)
{
	struct memory *m = (struct memory *)b;
	uint32_t done = 0, step;

	if (op->opcode == BACKEND_FLUSH)
		return 0;
	for (; done < op->length; done += step) {
		uint64_t at = op->offset + done;

		step = PAGE - at % PAGE;
		if (step > op->length - done)
			step = op->length - done;
		move_in_page(m, op, at, (uint8_t *)op->data + done, step);
	}
	return 0;
}

static void memory_close(struct backend *b)
{
	struct memory *m = (struct memory *)b;

	munmap(m->bytes, m->mapped);
	free(m);
}

static const struct backend_ops memory_ops = {
	.submit = memory_submit,
	.close = memory_close,
};

/* One a page where there are few pages. */
static size_t stripes_for(uint64_t size)
{
	size_t n = 1;

	while (n < STRIPES_MOST && n * PAGE < size)
		n *= 2;
	return n;
}

int memory_open(struct backend **out, uint64_t size, char *error,
		size_t error_size)
{
	/*
	 * NORESERVE: a RAM disk larger than what is free today is the
	 * operator's decision; pages come when they are written.
	 *
	 * No MADV_HUGEPAGE: it saves about 60 ns of a random read of 512 bytes
	 * (160 to 100), which is little beside the network, but a block written
	 * anywhere then takes 2 MiB of memory and the time to clear them.
	 */
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	const size_t stripes = stripes_for(size);
	const size_t all = sizeof(struct memory) + stripes * sizeof(struct stripe);
	struct memory *m = aligned_alloc(64, all);
	void *bytes = MAP_FAILED;

	if (m)
		bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (bytes == MAP_FAILED) {
		free(m);
		snprintf(error, error_size,
			 "a RAM disk of %llu bytes does not fit into memory",
			 (unsigned long long)size);
		return -ENOMEM;
	}
	memset(m, 0, all);
	m->base = (struct backend){
		.ops = &memory_ops,
		.info = { .size = size, .alignment = 1, .is_immediate = true },
	};
	m->bytes = bytes;
	m->mapped = size;
	m->mask = stripes - 1;
	*out = &m->base;
	return 0;
}
