/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of the command line that the file may set, by their names with underscores. */
#ifndef NVMFD_CONFIG_SETTINGS_H
#define NVMFD_CONFIG_SETTINGS_H

#include "config/config.h"
#include "options.h"

/* 0; -ENOENT: the file can't set anything of this name; -EINVAL with what is expected.
 * text NULL: it is neither text nor number. */
int config_check_setting(const char *name, const char *text, char *expected, size_t size);

/*
 * Sets what the file says and the command line does not.  Texts stay the
 * configuration's.  -EINVAL with a sentence: settings exclude each other.
 */
int config_options(const struct config *config, struct nvmfd_options *options,
		   char *error, size_t error_size);

#endif
