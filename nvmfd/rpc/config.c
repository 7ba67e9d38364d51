/* SPDX-License-Identifier: BSD-2-Clause */
/* What runs, as the calls that would make it: SPDK's save_config is made of these. */
#include "rpc/methods.h"
#include "rpc/show.h"
#include "device_spec.h"

#include <stdlib.h>
#include <string.h>

struct config_params {
	const char *name;
	bool with_batches;
};

#define ROW_OF struct config_params

static const struct rpc_param rows[] = {
	MUST(name, RPC_TEXT, name), ROW(with_batches, RPC_BOOL, with_batches), ROWS_END,
};
const struct rpc_params rpc_config_params = { rows, sizeof(struct config_params) };

#undef ROW_OF

static void add(json_t *list, const char *method, json_t *params)
{
	json_array_append_new(list, json_pack("{s:s, s:o}", "method", method, "params", params));
}

/* ---- devices ------------------------------------------------------------------------------- */

static const char *const creators[] = {
	[BACKEND_MEMORY] = "bdev_malloc_create", [BACKEND_NULL] = "bdev_null_create",
	[BACKEND_FILE] = "bdev_aio_create",
};

static json_t *device_params(const struct device *d, const struct device_spec *spec)
{
	uint32_t block = d->backend->info.block_size;
	json_t *p = json_pack("{s:s, s:i}", "name", d->name, "block_size", (int)block);

	if (spec->backend.kind == BACKEND_FILE) {
		json_object_set_new(p, "filename", json_string(spec->path));
		json_object_set_new(p, "readonly", json_boolean(spec->backend.read_only));
	} else {
		json_object_set_new(p, "num_blocks",
				    json_integer((json_int_t)(spec->backend.size / block)));
	}
	if (spec->has_uuid)
		json_object_set_new(p, "uuid", show_uuid(spec->uuid));
	return p;
}

/* Wrappers and the like have no call: what has them is left out. */
static void add_devices(const struct rpc_call *c, json_t *list)
{
	const struct snapshot *all = rpc_snapshot(c);
	struct device_spec *spec = malloc(sizeof(*spec));

	for (unsigned int i = 0; spec && i < all->devices.count; i++) {
		const struct device *d = all->devices.at[i];

		if (show_spec(d, spec) && !spec->backend.wrapper_count)
			add(list, creators[spec->backend.kind], device_params(d, spec));
	}
	free(spec);
}

/* ---- subsystems ------------------------------------------------------------------------------ */

static void add_subsystem(json_t *list, const struct subsystem *s)
{
	add(list, "nvmf_create_subsystem",
	    json_pack("{s:s, s:b, s:s, s:s, s:I, s:i, s:i}", "nqn", s->set.nqn, "allow_any_host",
		      s->set.allows_any_host, "serial_number", s->set.serial, "model_number",
		      s->set.model, "max_namespaces", (json_int_t)s->set.nn, "min_cntlid",
		      s->set.cntlid_first, "max_cntlid", s->set.cntlid_last));
	for (unsigned int i = 0; i < s->hosts.count; i++)
		add(list, "nvmf_subsystem_add_host",
		    json_pack("{s:s, s:s}", "nqn", s->set.nqn, "host", s->hosts.at[i]));
}

static void add_id(json_t *ns, const char *name, const uint8_t *bytes, unsigned int count)
{
	if (!is_zero(bytes, count))
		json_object_set_new(ns, name, strcmp(name, "uuid") ? show_hex(bytes, count) :
				    show_uuid(bytes));
}

static void add_namespace(json_t *list, const struct subsystem *s, const struct ns_place *place)
{
	const struct namespace *ns = place->ns;
	json_t *shown = json_pack("{s:I, s:s, s:b}", "nsid", (json_int_t)ns->nsid, "bdev_name",
				  ns->device->name, "no_auto_visible", place->is_hidden);

	add_id(shown, "nguid", ns->id.nguid, 16);
	add_id(shown, "eui64", ns->id.eui64, 8);
	add_id(shown, "uuid", ns->id.uuid, 16);
	add(list, "nvmf_subsystem_add_ns",
	    json_pack("{s:s, s:o}", "nqn", s->set.nqn, "namespace", shown));
	for (unsigned int i = 0; i < place->hosts.count; i++)
		add(list, "nvmf_ns_add_host",
		    json_pack("{s:s, s:I, s:s}", "nqn", s->set.nqn, "nsid", (json_int_t)ns->nsid,
			      "host", place->hosts.at[i]));
}

/* ---- ports ------------------------------------------------------------------------------------ */

static void add_listener(json_t *list, const struct port *p, const char *nqn)
{
	add(list, "nvmf_subsystem_add_listener",
	    json_pack("{s:s, s:o}", "nqn", nqn, "listen_address",
		      show_address(p->is_ipv6, p->address, p->service)));
}

static void add_port(json_t *list, const struct port *p)
{
	for (unsigned int i = 0; i < p->subsystems.count; i++)
		add_listener(list, p, ((const struct subsystem *)p->subsystems.at[i])->set.nqn);
	if (!p->subsystems.count)
		add_listener(list, p, NQN_DISCOVERY);
}

static void add_referral(json_t *list, const struct referral *r)
{
	add(list, "nvmf_discovery_add_referral", show_referral(r, false));
}

static void add_nvmf(const struct rpc_call *c, json_t *list)
{
	const struct snapshot *all = rpc_snapshot(c);

	if (rpc_target_of(c)->has_transport)
		add(list, "nvmf_create_transport", json_pack("{s:s}", "trtype", "TCP"));
	for (unsigned int i = 0; i < all->subsystems.count; i++)
		add_subsystem(list, all->subsystems.at[i]);
	for (unsigned int i = 0; i < all->subsystems.count; i++) {
		const struct subsystem *s = all->subsystems.at[i];

		for (unsigned int j = 0; j < s->places.count; j++)
			add_namespace(list, s, s->places.at[j]);
	}
	for (unsigned int i = 0; i < all->ports.count; i++)
		add_port(list, all->ports.at[i]);
	for (unsigned int i = 0; i < all->referrals.count; i++)
		add_referral(list, all->referrals.at[i]);
}

static const struct {
	const char *name;
	void (*add)(const struct rpc_call *, json_t *list);
} parts[] = { { "bdev", add_devices }, { "nvmf", add_nvmf } };

void rpc_get_config(struct rpc_call *c)
{
	const struct config_params *p = c->params;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		json_t *list;

		if (strcmp(parts[i].name, p->name))
			continue;
		list = json_array();
		parts[i].add(c, list);
		rpc_result(c, list);
		return;
	}
	rpc_error(c, RPC_INVALID_PARAMS, "Subsystem '%.64s' not found", p->name);
}
