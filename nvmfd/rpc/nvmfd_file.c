/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own methods about the configuration file: what runs into it, and it into what runs. */
#include "rpc/methods.h"

#include <stdlib.h>

#define SENTENCE 1024

/* The file as it would be saved. */
void rpc_own_get_config(struct rpc_call *c)
{
	const struct rpc_file *f = rpc_target_of(c)->file;
	char error[SENTENCE], *text;
	int r = f->format(f->context, &text, error, sizeof(error));

	if (r) {
		rpc_error(c, r, "%s", error);
		return;
	}
	rpc_result(c, json_string(text));
	free(text);
}

/* Nowhere else: who may call need not be allowed to write where the daemon may. */
void rpc_own_save_config(struct rpc_call *c)
{
	const struct rpc_file *f = rpc_target_of(c)->file;
	char error[SENTENCE];
	const char *path;
	int r = f->save(f->context, &path, error, sizeof(error));

	if (r)
		rpc_error(c, r, "%s", error);
	else
		rpc_result(c, json_pack("{s:s}", "file", path));
}

static void take_line(void *to, bool is_mistake, const char *line)
{
	json_array_append_new(to, json_string(line));
}

void rpc_own_reload(struct rpc_call *c)
{
	const struct rpc_file *f = rpc_target_of(c)->file;
	json_t *lines = json_array();
	char error[SENTENCE];
	int r = f->reload(f->context, take_line, lines, error, sizeof(error));

	if (r)
		rpc_error_lines(c, r, error, lines);
	else
		rpc_result(c, json_pack("{s:o}", "changes", lines));
}
