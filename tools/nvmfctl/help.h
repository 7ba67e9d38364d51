/* SPDX-License-Identifier: BSD-2-Clause */
/* --help, of everything or of one. */
#ifndef NVMFCTL_HELP_H
#define NVMFCTL_HELP_H

#include "verbs.h"

void help(void);
void help_object(const struct object *);
void help_verb(const struct object *, const struct verb *);

#endif
