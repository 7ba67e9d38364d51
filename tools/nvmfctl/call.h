/* SPDX-License-Identifier: BSD-2-Clause */
/* The one way of every verb that is a row alone. */
#ifndef NVMFCTL_CALL_H
#define NVMFCTL_CALL_H

#include "verbs.h"

/* Calls the verb's method, and prints what it answered if that says anything. */
int call(const struct request *);

#endif
