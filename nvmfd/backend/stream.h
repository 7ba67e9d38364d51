/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy that goes past the processor's caches: the destination's lines are neither
 * read before they are written, nor kept.  It pays where the destination is too large
 * to be found in a cache anyway, and costs where it is not.
 */
#ifndef NVMFD_BACKEND_STREAM_H
#define NVMFD_BACKEND_STREAM_H

#include <stddef.h>
#include <string.h>

#define STREAM_STEP 64u

#ifdef __SSE2__
#include <emmintrin.h>

/* `to` is aligned to STREAM_STEP, and `length` a multiple of it.  All of it is
 * written, for every thread, before what the caller writes next. */
static inline void *stream_copy(void *to, const void *from, size_t length)
{
	const size_t pieces = length / sizeof(__m128i);
	const __m128i *source = from;
	__m128i *target = to;

	for (size_t i = 0; i < pieces; i += 4) {
		__m128i a = _mm_loadu_si128(source + i);
		__m128i b = _mm_loadu_si128(source + i + 1);
		__m128i c = _mm_loadu_si128(source + i + 2);
		__m128i d = _mm_loadu_si128(source + i + 3);

		_mm_stream_si128(target + i, a);
		_mm_stream_si128(target + i + 1, b);
		_mm_stream_si128(target + i + 2, c);
		_mm_stream_si128(target + i + 3, d);
	}
	return to;
}

static inline void stream_end(void)
{
	_mm_sfence();
}
#else
static inline void *stream_copy(void *to, const void *from, size_t length)
{
	return memcpy(to, from, length);
}

static inline void stream_end(void)
{
}
#endif

#endif
