/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runs, as a configuration file would say it: served.h the other way round.
 *
 * Threads: the one that controls the model.
 */
#ifndef NVMFD_CAPTURED_H
#define NVMFD_CAPTURED_H

#include "config/config.h"
#include "model/model.h"
#include "options.h"

/*
 * `loaded` is what was read at the start, or all zeros: what the model has no place for,
 * such as namespaces that are not enabled, is taken from there.  0, or -errno with a
 * sentence: the form has no words for something that runs.
 */
int captured_config(const struct snapshot *, const struct nvmfd_options *,
		    const struct config *loaded, struct config *, char *error,
		    size_t error_size);

#endif
