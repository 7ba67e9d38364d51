/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/registry.h"
#include "backend/kinds.h"

#include <errno.h>
#include <stdio.h>

#define BLOCK_MIN 512u
#define BLOCK_MAX 4096u

static bool is_block_size(uint32_t n)
{
	return n >= BLOCK_MIN && n <= BLOCK_MAX && !(n & (n - 1));
}

static int check_spec(const struct backend_spec *s, char *error, size_t n)
{
	if (s->block_size && !is_block_size(s->block_size)) {
		snprintf(error, n, "a block size of %u bytes is none of 512, "
			 "1024, 2048 and 4096", s->block_size);
		return -EINVAL;
	}
	if (s->kind != BACKEND_FILE && (!s->size || s->size > INT64_MAX)) {
		snprintf(error, n, "a size of %llu bytes can't be served",
			 (unsigned long long)s->size);
		return -EINVAL;
	}
	if (s->wrapper_count > BACKEND_WRAPPERS_MAX) {
		snprintf(error, n, "more than %d wrappers",
			 BACKEND_WRAPPERS_MAX);
		return -EINVAL;
	}
	return 0;
}

/* Fills in what the kind left open, and checks the whole. */
static int settle_info(struct backend_info *i, const struct backend_spec *s,
		       char *error, size_t n)
{
	if (s->block_size)
		i->block_size = s->block_size;
	if (!i->block_size)
		i->block_size = BLOCK_MIN;
	if (i->physical_block < i->block_size)
		i->physical_block = i->block_size;
	i->read_only |= s->read_only;
	if (i->size % i->block_size) {
		snprintf(error, n, "a size of %llu bytes is no multiple of "
			 "the block size, %u", (unsigned long long)i->size,
			 i->block_size);
		return -EINVAL;
	}
	return 0;
}

static int open_kind(const struct backend_spec *s, struct backend **out,
		     char *error, size_t n)
{
	switch (s->kind) {
	case BACKEND_MEMORY:
		return memory_open(out, s->size, error, n);
	case BACKEND_NULL:
		return null_open(out, s->size, error, n);
	case BACKEND_FILE:
		return file_open(out, s, error, n);
	}
	snprintf(error, n, "a kind of storage that does not exist");
	return -EINVAL;
}

static int open_wrapper(const struct backend_wrapper *w, struct backend **b,
			char *error, size_t n)
{
	switch (w->kind) {
	case BACKEND_DELAY:
		return delay_open(b, w, *b, error, n);
	case BACKEND_ERROR:
		return error_open(b, w, *b, error, n);
	}
	snprintf(error, n, "a wrapper that does not exist");
	return -EINVAL;
}

/* *b is always a backend to be closed, whatever the answer. */
static int wrap(const struct backend_spec *s, struct backend **b, char *error,
		size_t n)
{
	int r = 0;

	for (size_t i = s->wrapper_count; !r && i--; )
		r = open_wrapper(&s->wrappers[i], b, error, n);
	return r;
}

int backend_open(const struct backend_spec *s, struct backend **out,
		 char *error, size_t error_size)
{
	struct backend *b = NULL;
	int r = check_spec(s, error, error_size);

	if (!r)
		r = open_kind(s, &b, error, error_size);
	if (!r)
		r = settle_info(&b->info, s, error, error_size);
	if (!r)
		r = wrap(s, &b, error, error_size);
	if (r) {
		backend_close(b);
		return r;
	}
	*out = b;
	return 0;
}
