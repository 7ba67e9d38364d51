/* SPDX-License-Identifier: BSD-2-Clause */
/* From words to the parameters of a call. */
#ifndef NVMFCTL_WORDS_H
#define NVMFCTL_WORDS_H

#include "verbs.h"

/* Fills in params and name by the rows of r->verb, for an object of this name.  0, or a
 * failure after a sentence. */
int words_take(struct request *r, const struct object *, int count, char **words);

#endif
