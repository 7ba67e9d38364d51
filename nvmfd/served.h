/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a configuration file to what is served: the settings that it implies, and the
 * changes that make the model what the file says.
 *
 * Threads: the one that controls the model.
 */
#ifndef NVMFD_SERVED_H
#define NVMFD_SERVED_H

#include "config/config.h"
#include "model/model.h"
#include "options.h"

/*
 * What the file sets and the command line does not; and what the kernel would grant
 * and bound by it: digests, SQ flow control off, the smallest limits of its ports.
 * Texts stay the configuration's.  0, or -errno with a sentence.
 */
int served_options(const struct config *, struct nvmfd_options *, char *error, size_t error_size);

/*
 * Makes what `before` describes into `after`, all or nothing: 0, or -errno with a
 * sentence.  Identifiers are those of the file, and no others.  What a device is, but for
 * its size, and the address of a port can't change while they are there; that is refused.
 */
int served_apply(struct model *, const struct config *before, const struct config *after,
		 char *error, size_t error_size);

#endif
