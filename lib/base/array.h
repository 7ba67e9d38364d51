/* SPDX-License-Identifier: BSD-2-Clause */
/* Pointers in a row; what they point to is the user's.  All zeros: an empty one. */
#ifndef NVMF_BASE_ARRAY_H
#define NVMF_BASE_ARRAY_H

struct array {
	void **at;
	unsigned int count;
};

/* -ENOMEM; the array is then as it was. */
int array_add(struct array *, void *item);
int array_insert(struct array *, unsigned int place, void *item);
/* Those behind it move up. */
void array_remove(struct array *, unsigned int place);
/* Makes `to`, which was empty, hold the same pointers.  -ENOMEM. */
int array_copy(struct array *to, const struct array *from);
/* Leaves it empty. */
void array_free(struct array *);

#endif
