/* SPDX-License-Identifier: BSD-2-Clause */
/* What no key of the file can tell alone. */
#ifndef NVMFD_CONFIG_CHECK_H
#define NVMFD_CONFIG_CHECK_H

#include "config/config.h"

/* Names that are there twice or not at all, numbers that exclude each other, and
 * what would be served open.  What the reader could not read is passed over. */
void config_check_together(const struct config *config, struct config_mistakes *mistakes);

#endif
