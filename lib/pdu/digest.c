/* SPDX-License-Identifier: BSD-2-Clause */
#include "pdu/digest.h"

#include <limits.h>
#include <stdbool.h>
#include <isa-l/crc.h>

/*
 * ISA-L leaves the upper halves of the vector registers in use, and every SSE instruction
 * after that has to keep them: all that follows a digest of 4 KiB took a sixth longer.
 */
#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx")))
static void clean_registers(void)
{
	_mm256_zeroupper();
}

static bool has_upper_halves(void)
{
	return __builtin_cpu_supports("avx");
}
#else
static void clean_registers(void)
{
}

static bool has_upper_halves(void)
{
	return false;
}
#endif

uint32_t digest_add(uint32_t digest, const void *bytes, size_t length)
{
	uint32_t sum;

	/* ISA-L counts in int, and takes no const; no PDU is longer. */
	if (length > INT_MAX)
		length = INT_MAX;
	sum = crc32_iscsi((unsigned char *)(uintptr_t)bytes, (int)length, digest);
	if (has_upper_halves())
		clean_registers();
	return sum;
}
