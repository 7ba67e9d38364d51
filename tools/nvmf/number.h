/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NVMF_TOOL_NUMBER_H
#define NVMF_TOOL_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* A whole number, decimal or 0x..., perhaps with one of k m g t: powers of 1024.
 * 0, or -1. */
int parse_number(const char *text, uint64_t *value);

#define SIZE_TEXT 24

/* "4096 B", "1.5 MiB"; returns `text`. */
const char *size_text(double bytes, char text[SIZE_TEXT]);

#define DECIMAL128_TEXT 40

/* 16 little-endian bytes in decimal; returns `text`. */
const char *decimal128(const uint8_t *bytes, char text[DECIMAL128_TEXT]);

/* `count` little-endian bytes, at most 8. */
uint64_t little_endian(const uint8_t *bytes, size_t count);

/* Seconds of a clock that only goes forward. */
double seconds_now(void);

#endif
