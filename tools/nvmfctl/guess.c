/* SPDX-License-Identifier: BSD-2-Clause */
#include "guess.h"

#include <string.h>

#define WORD_MOST 24

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* How many letters were mistyped, forgotten or typed too many. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[WORD_MOST + 1];
	size_t length = strlen(b);

	if (length > WORD_MOST)
		return WORD_MOST;
	for (unsigned int j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned int i = 1; a[i - 1]; i++) {
		unsigned int corner = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= length; j++) {
			unsigned int above = row[j];

			row[j] = least(least(above, row[j - 1]) + 1,
				       corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[length];
}

/* Two changed letters of three leave nothing that was meant. */
static unsigned int most(const char *name)
{
	return strlen(name) > 3 ? 3 : 2;
}

const char *guess(const char *word, guess_words *words, const void *context)
{
	const char *best = NULL, *name;
	unsigned int nearest = 3;

	for (size_t i = 0; (name = words(context, i)); i++) {
		unsigned int far = strncmp(word, name, strlen(name)) &&
				   strncmp(name, word, strlen(word)) ? distance(word, name) : 1;

		if (far < nearest && far < most(name)) {
			nearest = far;
			best = name;
		}
	}
	return best;
}
