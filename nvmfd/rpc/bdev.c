/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods about devices: SPDK's bdevs. */
#include "rpc/methods.h"
#include "rpc/show.h"
#include "backend/registry.h"
#include "device_spec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct create_params {
	const char *name, *filename;
	uint64_t num_blocks;
	uint32_t block_size;
	bool readonly;
	struct rpc_bytes uuid;
};

#define ROW_OF struct create_params

/* Hints that change nothing a host could see are let pass. */
static const struct rpc_param malloc_rows[] = {
	ROW(name, RPC_TEXT, name), MUST(num_blocks, RPC_U64, num_blocks),
	MUST(block_size, RPC_U32, block_size), ROW(uuid, RPC_UUID, uuid),
	ANY(physical_block_size), ANY(optimal_io_boundary),
	NO(md_size), NO(md_interleave), NO(dif_type), NO(dif_is_head_of_md), NO(dif_pi_format),
	ANY(numa_id), ROWS_END,
};

static const struct rpc_param null_rows[] = {
	MUST(name, RPC_TEXT, name), MUST(num_blocks, RPC_U64, num_blocks),
	MUST(block_size, RPC_U32, block_size), ROW(uuid, RPC_UUID, uuid),
	ANY(physical_block_size), ANY(preferred_write_alignment), ANY(preferred_write_granularity),
	ANY(optimal_write_size), ANY(preferred_unmap_alignment), ANY(preferred_unmap_granularity),
	NO(md_size), NO(dif_type), NO(dif_is_head_of_md), NO(dif_pi_format), ROWS_END,
};

static const struct rpc_param aio_rows[] = {
	MUST(name, RPC_TEXT, name), MUST(filename, RPC_TEXT, filename),
	ROW(block_size, RPC_U32, block_size), ROW(readonly, RPC_BOOL, readonly),
	ROW(uuid, RPC_UUID, uuid), NO(fallocate), NO(nowait), ROWS_END,
};

static const struct rpc_param uring_rows[] = {
	MUST(name, RPC_TEXT, name), MUST(filename, RPC_TEXT, filename),
	ROW(block_size, RPC_U32, block_size), ROW(uuid, RPC_UUID, uuid), ROWS_END,
};

const struct rpc_params rpc_malloc_params = { malloc_rows, sizeof(struct create_params) };
const struct rpc_params rpc_null_params = { null_rows, sizeof(struct create_params) };
const struct rpc_params rpc_aio_params = { aio_rows, sizeof(struct create_params) };
const struct rpc_params rpc_uring_params = { uring_rows, sizeof(struct create_params) };

#undef ROW_OF

/* ---- new ones ---------------------------------------------------------------------------- */

/* The device's words, as a command line has them. */
static int describe(const struct create_params *p, const char *kind, char *text, size_t size)
{
	char target[DEVICE_PATH_SIZE], uuid[IDENTITY_UUID_TEXT] = "";
	const char *between = "?";
	int n;

	if (p->filename)
		n = snprintf(target, sizeof(target), "%s", p->filename);
	else
		n = snprintf(target, sizeof(target), "%" PRIu64, p->num_blocks * p->block_size);
	if (n < 0 || (size_t)n >= sizeof(target))
		return -ENAMETOOLONG;
	n = snprintf(text, size, "%s:%s", kind, target);
	if (p->block_size) {
		n += snprintf(text + n, size - (size_t)n, "%sbs=%u", between, p->block_size);
		between = "&";
	}
	if (p->readonly) {
		n += snprintf(text + n, size - (size_t)n, "%sro", between);
		between = "&";
	}
	if (p->uuid.is_given) {
		uuid_format(p->uuid.bytes, uuid);
		n += snprintf(text + n, size - (size_t)n, "%suuid=%s", between, uuid);
		between = "&";
	}
	/* A path may hold a question mark: then the last one ends it. */
	if (*between == '?' && p->filename && strchr(p->filename, '?'))
		snprintf(text + n, size - (size_t)n, "?");
	return 0;
}

/* -EEXIST before anything is opened. */
static int open_device(const struct rpc_call *c, const struct create_params *p, const char *text,
		       struct device_spec *spec, char *error, size_t error_size)
{
	struct model *m = rpc_model(c);
	struct backend *b;
	int r = p->name && snapshot_device(rpc_snapshot(c), p->name) ? -EEXIST : 0;

	if (r)
		snprintf(error, error_size, "there is a device '%.64s' already", p->name);
	if (!r)
		r = device_spec_parse(spec, text, error, error_size);
	if (!r)
		r = backend_open(&spec->backend, &b, error, error_size);
	if (r)
		return r;
	r = model_add_device(m, p->name, text, b);
	if (r) {
		backend_close(b);
		snprintf(error, error_size, "%s", model_error(m));
	}
	return r;
}

static void create(struct rpc_call *c, const char *kind)
{
	const struct create_params *p = c->params;
	char text[DEVICE_PATH_SIZE + 128], error[512] = "the file's name is too long";
	struct device_spec *spec = malloc(sizeof(*spec));
	int r = spec ? describe(p, kind, text, sizeof(text)) : -ENOMEM;

	if (!r && !p->filename && (!p->num_blocks || !p->block_size ||
				   p->num_blocks > INT64_MAX / p->block_size)) {
		snprintf(error, sizeof(error), "num_blocks and block_size make no size");
		r = -EINVAL;
	}
	if (!r)
		r = open_device(c, p, text, spec, error, sizeof(error));
	free(spec);
	if (r)
		rpc_error(c, r, "%s: %s", strerror(-r), error);
	else
		rpc_result(c, json_string(model_device_name(rpc_model(c))));
}

void rpc_create_malloc(struct rpc_call *c)
{
	create(c, "ramdisk");
}

void rpc_create_null(struct rpc_call *c)
{
	create(c, "null");
}

void rpc_create_file(struct rpc_call *c)
{
	create(c, "file");
}

/* Which engine does a file's I/O is the daemon's choice. */
void rpc_create_uring(struct rpc_call *c)
{
	create(c, "file");
}

/* ---- the end of one ------------------------------------------------------------------------ */

struct device_params {
	const char *name;
};

#define ROW_OF struct device_params

static const struct rpc_param device_rows[] = { MUST(name, RPC_TEXT, name), ROWS_END };
const struct rpc_params rpc_device_params = { device_rows, sizeof(struct device_params) };

#undef ROW_OF

static bool has_kind(const struct device *d, enum backend_kind kind)
{
	struct device_spec *spec = malloc(sizeof(*spec));
	bool has = spec && show_spec(d, spec) && spec->backend.kind == kind;

	free(spec);
	return has;
}

static void delete(struct rpc_call *c, enum backend_kind kind)
{
	const struct device_params *p = c->params;
	const struct device *d = snapshot_device(rpc_snapshot(c), p->name);
	int r;

	if (!d || !has_kind(d, kind)) {
		rpc_error(c, -ENODEV, "%s", strerror(ENODEV));
		return;
	}
	r = model_remove_device(rpc_model(c), p->name);
	rpc_end_change(c, r, r);
}

void rpc_delete_malloc(struct rpc_call *c)
{
	delete(c, BACKEND_MEMORY);
}

void rpc_delete_null(struct rpc_call *c)
{
	delete(c, BACKEND_NULL);
}

void rpc_delete_file(struct rpc_call *c)
{
	delete(c, BACKEND_FILE);
}

/* ---- another size -------------------------------------------------------------------------- */

struct resize_params {
	const char *name;
	uint64_t new_size;		/* MiB */
};

#define ROW_OF struct resize_params

static const struct rpc_param null_resize_rows[] = {
	MUST(name, RPC_TEXT, name), MUST(new_size, RPC_U64, new_size), ROWS_END,
};
const struct rpc_params rpc_null_resize_params = { null_resize_rows, sizeof(struct resize_params) };

#undef ROW_OF

/* As SPDK's, it only grows, by whole MiB. */
void rpc_resize_null(struct rpc_call *c)
{
	const struct resize_params *p = c->params;
	const struct device *d = snapshot_device(rpc_snapshot(c), p->name);
	int r;

	if (!d) {
		rpc_error(c, -ENODEV, "%s", strerror(ENODEV));
		return;
	}
	if (!has_kind(d, BACKEND_NULL) || p->new_size > INT64_MAX >> 20 ||
	    p->new_size < d->backend->info.size >> 20 || !p->new_size) {
		rpc_error(c, -EINVAL, "%s", strerror(EINVAL));
		return;
	}
	r = model_resize_device(rpc_model(c), p->name, p->new_size << 20);
	rpc_end_change(c, r, r);
}

/* To what somebody else has made of it. */
void rpc_rescan_file(struct rpc_call *c)
{
	const struct device_params *p = c->params;
	const struct device *d = snapshot_device(rpc_snapshot(c), p->name);
	int r;

	if (!d || !has_kind(d, BACKEND_FILE)) {
		rpc_error(c, -ENODEV, "%s", strerror(ENODEV));
		return;
	}
	r = model_resize_device(rpc_model(c), p->name, 0);
	rpc_end_change(c, r, r);
}

/* ---- which there are -------------------------------------------------------------------------- */

struct bdevs_params {
	const char *name;
	uint32_t timeout;
};

#define ROW_OF struct bdevs_params

static const struct rpc_param bdevs_rows[] = {
	ROW(name, RPC_TEXT, name), ROW(timeout, RPC_U32, timeout), ROWS_END,
};
const struct rpc_params rpc_bdevs_params = { bdevs_rows, sizeof(struct bdevs_params) };

#undef ROW_OF

static const char *const products[] = {
	[BACKEND_MEMORY] = "Malloc disk", [BACKEND_NULL] = "Null disk", [BACKEND_FILE] = "AIO disk",
};

static bool is_claimed(const struct snapshot *s, const struct device *d)
{
	for (unsigned int i = 0; i < s->subsystems.count; i++) {
		const struct subsystem *sub = s->subsystems.at[i];

		for (unsigned int j = 0; j < sub->places.count; j++)
			if (((const struct ns_place *)sub->places.at[j])->ns->device == d)
				return true;
	}
	return false;
}

static json_t *show_driver(const struct device_spec *spec, const struct device *d)
{
	if (!spec || spec->backend.kind != BACKEND_FILE)
		return json_object();
	return json_pack("{s:{s:s, s:b, s:b}}", "aio", "filename", spec->path, "block_size_override",
			 spec->backend.block_size != 0, "readonly", d->backend->info.read_only);
}

static json_t *show_device(const struct snapshot *s, const struct device *d)
{
	const struct backend_info *i = &d->backend->info;
	struct device_spec *spec = malloc(sizeof(*spec));
	bool has_spec = spec && show_spec(d, spec);
	bool writes = !i->read_only;
	json_t *shown = json_pack(
		"{s:s, s:[], s:s, s:i, s:I, s:b, s:b, s:{s:b, s:b, s:b, s:b, s:b, s:b}, s:o}",
		"name", d->name, "aliases", "product_name",
		has_spec ? products[spec->backend.kind] : "nvmfd device", "block_size",
		(int)i->block_size, "num_blocks", (json_int_t)(i->size / i->block_size), "claimed",
		is_claimed(s, d), "zoned", false, "supported_io_types", "read", true, "write", writes,
		"unmap", false, "flush", true, "write_zeroes", false, "compare", false,
		"driver_specific", show_driver(has_spec ? spec : NULL, d));

	if (has_spec && spec->has_uuid)
		json_object_set_new(shown, "uuid", show_uuid(spec->uuid));
	free(spec);
	return shown;
}

void rpc_get_bdevs(struct rpc_call *c)
{
	const struct bdevs_params *p = c->params;
	const struct snapshot *s = rpc_snapshot(c);
	json_t *list;

	if (p->name && !snapshot_device(s, p->name)) {
		rpc_error(c, -ENODEV, "%s", strerror(ENODEV));
		return;
	}
	list = json_array();
	for (unsigned int i = 0; i < s->devices.count; i++) {
		const struct device *d = s->devices.at[i];

		if (!p->name || !strcmp(p->name, d->name))
			json_array_append_new(list, show_device(s, d));
	}
	rpc_result(c, list);
}

/* ---- what they did ------------------------------------------------------------------------------ */

struct iostat_params {
	const char *name, *reset_mode;
	const json_t *names;
};

#define ROW_OF struct iostat_params

static const struct rpc_param iostat_rows[] = {
	ROW(name, RPC_TEXT, name), ROW(names, RPC_TEXTS, names),
	ROW(reset_mode, RPC_TEXT, reset_mode), NO(per_channel), ROWS_END,
};
const struct rpc_params rpc_iostat_params = { iostat_rows, sizeof(struct iostat_params) };

#undef ROW_OF

static void add_health(struct health_total *sum, const struct health_total *more)
{
	sum->reads += more->reads;
	sum->writes += more->writes;
	sum->sectors_read += more->sectors_read;
	sum->sectors_written += more->sectors_written;
}

/* Of the namespaces that it is behind. */
static struct health_total device_health(const struct snapshot *s, const struct device *d)
{
	struct health_total sum = { 0 };

	for (unsigned int i = 0; i < s->subsystems.count; i++) {
		const struct subsystem *sub = s->subsystems.at[i];

		for (unsigned int j = 0; j < sub->places.count; j++) {
			const struct namespace *ns = ((const struct ns_place *)sub->places.at[j])->ns;
			struct health_total h;

			if (ns->device != d)
				continue;
			h = life_namespace_health(sub->life, ns->nsid);
			add_health(&sum, &h);
		}
	}
	return sum;
}

static json_t *show_iostat(const struct snapshot *s, const struct device *d)
{
	struct health_total h = device_health(s, d);

	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", d->name,
			 "bytes_read", (json_int_t)(h.sectors_read * 512), "num_read_ops",
			 (json_int_t)h.reads, "bytes_written", (json_int_t)(h.sectors_written * 512),
			 "num_write_ops", (json_int_t)h.writes);
}

static bool is_wanted(const struct iostat_params *p, const char *name)
{
	const json_t *wanted;
	size_t i;

	if (p->name && strcmp(p->name, name))
		return false;
	if (!p->names)
		return true;
	json_array_foreach(p->names, i, wanted)
		if (!strcmp(json_string_value(wanted), name))
			return true;
	return false;
}

/* The first that is asked for and is not there; NULL: all are. */
static const char *find_missing(const struct snapshot *s, const struct iostat_params *p)
{
	const json_t *wanted;
	size_t i;

	if (p->name && !snapshot_device(s, p->name))
		return p->name;
	json_array_foreach(p->names, i, wanted)
		if (!snapshot_device(s, json_string_value(wanted)))
			return json_string_value(wanted);
	return NULL;
}

void rpc_get_iostat(struct rpc_call *c)
{
	const struct iostat_params *p = c->params;
	const struct snapshot *s = rpc_snapshot(c);
	const char *missing = find_missing(s, p);
	json_t *list;

	if (missing) {
		rpc_error(c, -ENODEV, "%s: '%.64s'", strerror(ENODEV), missing);
		return;
	}
	if (p->reset_mode && strcmp(p->reset_mode, "none")) {
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: 'reset_mode' is not none: "
			  "counters only grow");
		return;
	}
	list = json_array();
	for (unsigned int i = 0; i < s->devices.count; i++) {
		const struct device *d = s->devices.at[i];

		if (is_wanted(p, d->name))
			json_array_append_new(list, show_iostat(s, d));
	}
	rpc_result(c, json_pack("{s:I, s:I, s:o}", "tick_rate", (json_int_t)NS_PER_S, "ticks",
				(json_int_t)worker_clock(), "bdevs", list));
}
