/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of the command line that the file may set, by their names with underscores. */
#include "config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MOST 64

/* queue_entries: --queue-entries */
static bool option_name(const char *name, char option[NAME_MOST])
{
	if (strlen(name) >= NAME_MOST || strchr(name, '-'))
		return false;
	for (; *name; name++)
		*option++ = *name == '_' ? '-' : *name;
	*option = 0;
	return true;
}

int config_check_setting(const char *name, const char *text, char *expected, size_t size)
{
	char option[NAME_MOST];

	if (!option_name(name, option))
		return -ENOENT;
	return options_check(option, text ? text : "", expected, size);
}

int config_options(const struct config *config, struct nvmfd_options *options, char *error, size_t error_size)
{
	char option[NAME_MOST];

	for (size_t i = 0; i < config->setting_count; i++) {
		const struct config_setting *s = &config->settings[i];
		int r = option_name(s->name, option) ?
			options_set(options, option, s->value, error, error_size) : -ENOENT;

		if (r)
			return r;
	}
	return options_check_limits(options, error, error_size);
}
