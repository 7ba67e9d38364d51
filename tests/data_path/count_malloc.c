/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preloaded into nvmfd: counts what asks the heap for memory, in a file that
 * the test maps too ($COUNT_MALLOC, 8 bytes).
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static _Atomic uint64_t nowhere;
static _Atomic uint64_t *calls = &nowhere;

__attribute__((constructor)) static void open_counter(void)
{
	const char *path = getenv("COUNT_MALLOC");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	if (fd < 0)
		return;
	at = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		calls = at;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	atomic_fetch_add(calls, 1);
	return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size)
{
	atomic_fetch_add(calls, 1);
	return __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *realloc(void *old, size_t size)
{
	atomic_fetch_add(calls, 1);
	return __libc_realloc(old, size);
}

__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t size)
{
	atomic_fetch_add(calls, 1);
	return __libc_memalign(alignment, size);
}
