/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Little-endian numbers as they lie on the wire.
 *
 * The types are byte arrays: they have no alignment, no padding and no
 * arithmetic, so a structure made of them can be laid over any byte of a
 * buffer, and a forgotten conversion does not compile.
 */
#ifndef NVMF_BASE_LE_H
#define NVMF_BASE_LE_H

#include <stdint.h>
#include <string.h>

typedef struct { uint8_t b[2]; } le16;
typedef struct { uint8_t b[4]; } le32;
typedef struct { uint8_t b[8]; } le64;
typedef struct { uint8_t b[16]; } le128;

static inline uint16_t le16_get(le16 v)
{
	return (uint16_t)(v.b[0] | v.b[1] << 8);
}

static inline uint32_t le32_get(le32 v)
{
	return v.b[0] | (uint32_t)v.b[1] << 8 | (uint32_t)v.b[2] << 16 |
	       (uint32_t)v.b[3] << 24;
}

static inline uint64_t le64_get(le64 v)
{
	return v.b[0] | (uint64_t)v.b[1] << 8 | (uint64_t)v.b[2] << 16 |
	       (uint64_t)v.b[3] << 24 | (uint64_t)v.b[4] << 32 |
	       (uint64_t)v.b[5] << 40 | (uint64_t)v.b[6] << 48 |
	       (uint64_t)v.b[7] << 56;
}

static inline le16 le16_of(uint16_t v)
{
	return (le16){ { (uint8_t)v, (uint8_t)(v >> 8) } };
}

static inline le32 le32_of(uint32_t v)
{
	return (le32){ { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
			 (uint8_t)(v >> 24) } };
}

static inline le64 le64_of(uint64_t v)
{
	return (le64){ { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
			 (uint8_t)(v >> 24), (uint8_t)(v >> 32),
			 (uint8_t)(v >> 40), (uint8_t)(v >> 48),
			 (uint8_t)(v >> 56) } };
}

static inline le128 le128_of(unsigned __int128 v)
{
	le128 r;

	for (int i = 0; i < 16; i++)
		r.b[i] = (uint8_t)(v >> (8 * i));
	return r;
}

#endif
