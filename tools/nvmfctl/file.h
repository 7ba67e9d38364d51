/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration file: save and reload. */
#ifndef NVMFCTL_FILE_H
#define NVMFCTL_FILE_H

#include "verbs.h"

/* Each 0, or a failure after a sentence. */
int save(const struct request *);
int reload(const struct request *);

#endif
