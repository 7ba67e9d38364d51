/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int array_insert(struct array *a, unsigned int place, void *item)
{
	void **more = realloc(a->at, (a->count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	a->at = more;
	memmove(&more[place + 1], &more[place], (a->count - place) * sizeof(*more));
	more[place] = item;
	a->count++;
	return 0;
}

int array_add(struct array *a, void *item)
{
	return array_insert(a, a->count, item);
}

void array_remove(struct array *a, unsigned int place)
{
	a->count--;
	memmove(&a->at[place], &a->at[place + 1], (a->count - place) * sizeof(*a->at));
}

int array_copy(struct array *to, const struct array *from)
{
	if (!from->count)
		return 0;
	to->at = malloc(from->count * sizeof(*to->at));
	if (!to->at)
		return -ENOMEM;
	memcpy(to->at, from->at, from->count * sizeof(*to->at));
	to->count = from->count;
	return 0;
}

void array_free(struct array *a)
{
	free(a->at);
	*a = (struct array){ 0 };
}
