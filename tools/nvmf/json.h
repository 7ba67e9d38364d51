/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NVMF_TOOL_JSON_H
#define NVMF_TOOL_JSON_H

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

/* Adds a member; a number that JSON's readers may not hold becomes a text. */
void json_add_number(json_t *object, const char *name, uint64_t value);
void json_add_text(json_t *object, const char *name, const char *text);
void json_add_bool(json_t *object, const char *name, bool value);
/* The same; takes `value`. */
void json_add(json_t *object, const char *name, json_t *value);

/* Prints to `to`, with a line end, and frees.  0, or -1 after a sentence. */
int json_print(json_t *, FILE *to);

#endif
