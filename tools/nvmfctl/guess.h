/* SPDX-License-Identifier: BSD-2-Clause */
/* What was meant by a word that is none. */
#ifndef NVMFCTL_GUESS_H
#define NVMFCTL_GUESS_H

#include <stddef.h>

/* Words that may stand in one place: the n-th, NULL after the last. */
typedef const char *guess_words(const void *context, size_t n);

/* The one that begins so or is nearly so; NULL: none. */
const char *guess(const char *word, guess_words *, const void *context);

#endif
