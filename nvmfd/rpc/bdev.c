/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods about devices: SPDK's bdevs. */
#include "rpc/methods.h"
#include "rpc/show.h"
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

static void create(struct rpc_call *c, const char *kind, const char *name)
{
	const struct create_params *p = c->params;
	char text[DEVICE_PATH_SIZE + 128], error[512] = "the file's name is too long";
	int r = describe(p, kind, text, sizeof(text));

	if (!r && !p->filename && (!p->num_blocks || !p->block_size ||
				   p->num_blocks > INT64_MAX / p->block_size)) {
		snprintf(error, sizeof(error), "num_blocks and block_size make no size");
		r = -EINVAL;
	}
	if (!r)
		r = rpc_open_device(c, name, text, error, sizeof(error));
	if (r)
		rpc_error(c, r, "%s: %s", strerror(-r), error);
	else
		rpc_result(c, json_string(model_device_name(rpc_model(c))));
}

/* Without a name: as SPDK's are called, for scripts go by it. */
void rpc_create_malloc(struct rpc_call *c)
{
	const struct create_params *p = c->params;
	char invented[32];

	for (unsigned int i = 0; !p->name; i++) {
		snprintf(invented, sizeof(invented), "Malloc%u", i);
		if (!snapshot_device(rpc_snapshot(c), invented))
			break;
	}
	create(c, "ramdisk", p->name ? p->name : invented);
}

void rpc_create_null(struct rpc_call *c)
{
	create(c, "null", ((const struct create_params *)c->params)->name);
}

/* SPDK's AIO or io_uring: which engine does a file's I/O is the daemon's choice. */
void rpc_create_file(struct rpc_call *c)
{
	create(c, "file", ((const struct create_params *)c->params)->name);
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

/* A subsystem that has a namespace on the device; NULL: there is none. */
static const struct subsystem *find_user(const struct snapshot *all, const struct device *d,
					 uint32_t *nsid)
{
	for (unsigned int i = 0; i < all->subsystems.count; i++) {
		const struct subsystem *s = all->subsystems.at[i];

		for (unsigned int j = 0; j < s->places.count; j++) {
			const struct namespace *ns = ((const struct ns_place *)s->places.at[j])->ns;

			*nsid = ns->nsid;
			if (ns->device == d)
				return s;
		}
	}
	return NULL;
}

/* As SPDK's: with the namespaces on it. */
static int delete_device(struct model *m, const struct device *d)
{
	const struct subsystem *user;
	uint32_t nsid;
	int r = model_begin(m);

	if (r)
		return r;
	while (!r && (user = find_user(model_snapshot(m), d, &nsid)))
		r = model_remove_namespace(m, user->set.nqn, nsid);
	if (!r)
		r = model_remove_device(m, d->name);
	if (!r)
		r = model_commit(m);
	if (r)
		model_abort(m);
	return r;
}

static void delete(struct rpc_call *c, enum backend_kind kind)
{
	const struct device_params *p = c->params;
	const struct device *d = find_device(rpc_snapshot(c), p->name);
	int r;

	if (!d || !has_kind(d, kind)) {
		rpc_error(c, -ENODEV, "%s", strerror(ENODEV));
		return;
	}
	r = delete_device(rpc_model(c), d);
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
	const struct device *d = find_device(rpc_snapshot(c), p->name);
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
	r = model_resize_device(rpc_model(c), d->name, p->new_size << 20);
	rpc_end_change(c, r, r);
}

/* To what somebody else has made of it. */
void rpc_rescan_file(struct rpc_call *c)
{
	const struct device_params *p = c->params;
	const struct device *d = find_device(rpc_snapshot(c), p->name);
	int r;

	if (!d || !has_kind(d, BACKEND_FILE)) {
		rpc_error(c, -ENODEV, "%s", strerror(ENODEV));
		return;
	}
	r = model_resize_device(rpc_model(c), d->name, 0);
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

static json_t *show_driver(const struct device_spec *spec, const struct device *d)
{
	if (!spec || spec->backend.kind != BACKEND_FILE)
		return json_object();
	return json_pack("{s:{s:s, s:b, s:b, s:b, s:b}}", "aio", "filename", spec->path,
			 "block_size_override", spec->backend.block_size != 0, "readonly",
			 d->backend->info.read_only, "fallocate", false, "nowait", false);
}

/* Every name of SPDK's: what is not offered is said to be so. */
static const struct io_type {
	const char *name;
	enum { NEVER, ALWAYS, IF_WRITABLE, IF_WRITTEN_IF } offered;
} io_types[] = {
	{ "read", ALWAYS }, { "write", IF_WRITABLE }, { "flush", ALWAYS },
	{ "unmap", IF_WRITABLE }, { "reset", NEVER }, { "nvme_admin", NEVER },
	{ "nvme_io", NEVER }, { "nvme_io_md", NEVER }, { "write_zeroes", IF_WRITABLE },
	{ "zcopy", NEVER }, { "get_zone_info", NEVER }, { "zone_management", NEVER },
	{ "zone_append", NEVER }, { "compare", ALWAYS }, { "compare_and_write", IF_WRITTEN_IF },
	{ "abort", NEVER }, { "seek_hole", NEVER }, { "seek_data", NEVER },
	{ "copy", IF_WRITABLE }, { "nvme_iov_md", NEVER }, { "nvme_nssr", NEVER },
	{ "write_uncorrectable", NEVER },
};

static bool is_offered(const struct io_type *t, const struct backend_info *info)
{
	return t->offered == ALWAYS || (t->offered == IF_WRITABLE && !info->read_only) ||
	       (t->offered == IF_WRITTEN_IF && !info->read_only && info->can_write_if);
}

static json_t *show_io_types(const struct backend_info *info)
{
	json_t *types = json_object();

	for (size_t i = 0; i < sizeof(io_types) / sizeof(io_types[0]); i++)
		json_object_set_new(types, io_types[i].name,
				    json_boolean(is_offered(&io_types[i], info)));
	return types;
}

/* SPDK's: no limit. */
static json_t *show_rate_limits(void)
{
	return json_pack("{s:i, s:i, s:i, s:i}", "rw_ios_per_sec", 0, "rw_mbytes_per_sec", 0,
			 "r_mbytes_per_sec", 0, "w_mbytes_per_sec", 0);
}

static void put_uuid(json_t *shown, const struct device *d)
{
	uint8_t uuid[16];
	bool is_given;
	json_t *text;

	if (!device_uuid(d, uuid, &is_given))
		return;
	text = show_uuid(uuid);
	json_object_set(shown, "uuid", text);
	json_array_append_new(json_object_get(shown, "aliases"), text);
}

static json_t *show_device(const struct snapshot *s, const struct device *d)
{
	const struct backend_info *i = &d->backend->info;
	struct device_spec *spec = malloc(sizeof(*spec));
	bool has_spec = spec && show_spec(d, spec);
	uint32_t nsid;
	bool is_claimed = find_user(s, d, &nsid);
	json_t *shown = json_pack("{s:s, s:[], s:s, s:i, s:I, s:o, s:b, s:b, s:o, s:o}",
		"name", d->name, "aliases", "product_name",
		has_spec ? products[spec->backend.kind] : "nvmfd device", "block_size",
		(int)i->block_size, "num_blocks", (json_int_t)(i->size / i->block_size),
		"assigned_rate_limits", show_rate_limits(), "claimed", is_claimed, "zoned", false,
		"supported_io_types", show_io_types(i), "driver_specific",
		show_driver(has_spec ? spec : NULL, d));

	if (is_claimed)
		json_object_set_new(shown, "claim_type", json_string("exclusive_write"));
	put_uuid(shown, d);
	free(spec);
	return shown;
}

void rpc_get_bdevs(struct rpc_call *c)
{
	const struct bdevs_params *p = c->params;
	const struct snapshot *s = rpc_snapshot(c);
	const struct device *wanted = p->name ? find_device(s, p->name) : NULL;
	json_t *list;

	if (p->name && !wanted) {
		rpc_error(c, -ENODEV, "%s", strerror(ENODEV));
		return;
	}
	list = json_array();
	for (unsigned int i = 0; i < s->devices.count; i++) {
		const struct device *d = s->devices.at[i];

		if (!wanted || wanted == d)
			json_array_append_new(list, show_device(s, d));
	}
	rpc_result(c, list);
}
