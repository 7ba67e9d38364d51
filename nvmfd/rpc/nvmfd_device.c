/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own methods about devices: in the words of the command line, whatever the kind. */
#include "rpc/methods.h"
#include "rpc/show.h"
#include "backend/registry.h"
#include "device_spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct device_params {
	const char *name, *device;
	uint64_t size;
};

#define ROW_OF struct device_params

static const struct rpc_param add_rows[] = {
	MUST(device, RPC_TEXT, device), ROW(name, RPC_TEXT, name), ROWS_END,
};
static const struct rpc_param name_rows[] = { MUST(name, RPC_TEXT, name), ROWS_END };
static const struct rpc_param resize_rows[] = {
	MUST(name, RPC_TEXT, name), ROW(size, RPC_U64, size), ROWS_END,
};

const struct rpc_params rpc_own_device_params = { add_rows, sizeof(struct device_params) };
const struct rpc_params rpc_own_name_params = { name_rows, sizeof(struct device_params) };
const struct rpc_params rpc_own_resize_params = { resize_rows, sizeof(struct device_params) };

#undef ROW_OF

static int open_device(struct model *m, const char *name, const char *text,
		       struct device_spec *spec, char *error, size_t error_size)
{
	struct backend *b;
	int r = device_spec_parse(spec, text, error, error_size);

	if (!r)
		r = backend_open(&spec->backend, &b, error, error_size);
	if (r)
		return r;
	r = model_add_device(m, name, text, b);
	if (r) {
		backend_close(b);
		snprintf(error, error_size, "%s", model_error(m));
	}
	return r;
}

int rpc_open_device(const struct rpc_call *c, const char *name, const char *text, char *error,
		    size_t error_size)
{
	struct device_spec *spec;
	int r;

	/* Before anything is opened: a file that is in use would be told of instead. */
	if (name && snapshot_device(rpc_snapshot(c), name)) {
		snprintf(error, error_size, "there is a device '%.64s' already", name);
		return -EEXIST;
	}
	spec = malloc(sizeof(*spec));
	if (!spec) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	r = open_device(rpc_model(c), name, text, spec, error, error_size);
	free(spec);
	return r;
}

/* Answers its name. */
void rpc_own_add_device(struct rpc_call *c)
{
	const struct device_params *p = c->params;
	char error[DEVICE_PATH_SIZE + 256];
	int r = rpc_open_device(c, p->name, p->device, error, sizeof(error));

	if (r)
		rpc_error(c, r, "%s", error);
	else
		rpc_result(c, json_string(model_device_name(rpc_model(c))));
}

void rpc_own_remove_device(struct rpc_call *c)
{
	const struct device_params *p = c->params;
	int r = model_remove_device(rpc_model(c), p->name);

	rpc_end_change(c, r, r);
}

/* Without a size: to what somebody else has made of it. */
void rpc_own_resize_device(struct rpc_call *c)
{
	const struct device_params *p = c->params;
	int r = model_resize_device(rpc_model(c), p->name, p->size);

	rpc_end_change(c, r, r);
}
