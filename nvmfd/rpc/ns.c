/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods about namespaces. */
#include "rpc/methods.h"
#include "rpc/show.h"

#include <string.h>

struct namespace_params {
	const char *bdev_name;
	uint32_t nsid;
	struct rpc_bytes nguid, eui64, uuid;
	bool no_auto_visible;
};

#define ROW_OF struct namespace_params

static const struct rpc_param namespace_rows[] = {
	MUST(bdev_name, RPC_TEXT, bdev_name), ROW(nsid, RPC_U32, nsid),
	ROW(nguid, RPC_HEX16, nguid), ROW(eui64, RPC_HEX8, eui64), ROW(uuid, RPC_UUID, uuid),
	ROW(no_auto_visible, RPC_BOOL, no_auto_visible), NO(anagrpid), NO(hide_metadata),
	NO(ptpl_file), ROWS_END,
};

#undef ROW_OF

struct add_params {
	const char *nqn;
	struct namespace_params namespace;
};

#define ROW_OF struct add_params

static const struct rpc_param add_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), ANY(tgt_name),
	{ "namespace", RPC_OBJECT, true, offsetof(ROW_OF, namespace), namespace_rows }, ROWS_END,
};
const struct rpc_params rpc_add_ns_params = { add_rows, sizeof(struct add_params) };

#undef ROW_OF

/* As SPDK's: the device's own, where the caller names none; but not one that nobody asked for,
 * for other machines have devices of that name. */
static void take_device_uuid(const struct device *d, struct namespace_settings *ns)
{
	uint8_t uuid[16];
	bool is_given;

	if (device_uuid(d, uuid, &is_given) && is_given)
		memcpy(ns->id.uuid, uuid, sizeof(ns->id.uuid));
}

void rpc_add_ns(struct rpc_call *c)
{
	const struct add_params *p = c->params;
	const struct namespace_params *n = &p->namespace;
	const struct device *d = find_device(rpc_snapshot(c), n->bdev_name);
	struct namespace_settings ns = { .nsid = n->nsid, .device = d ? d->name : n->bdev_name,
					 .is_hidden = n->no_auto_visible, .derives_id = true };

	memcpy(ns.id.nguid, n->nguid.bytes, sizeof(ns.id.nguid));
	memcpy(ns.id.eui64, n->eui64.bytes, sizeof(ns.id.eui64));
	memcpy(ns.id.uuid, n->uuid.bytes, sizeof(ns.id.uuid));
	if (d && !n->uuid.is_given)
		take_device_uuid(d, &ns);
	if (model_add_namespace(rpc_model(c), p->nqn, &ns))
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: %s", model_error(rpc_model(c)));
	else
		rpc_result(c, json_integer(ns.nsid));
}

struct ns_params {
	const char *nqn, *host;
	uint32_t nsid;
};

#define ROW_OF struct ns_params

static const struct rpc_param ns_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), MUST(nsid, RPC_U32, nsid), ANY(tgt_name), ROWS_END,
};
const struct rpc_params rpc_ns_params = { ns_rows, sizeof(struct ns_params) };

static const struct rpc_param ns_host_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), MUST(nsid, RPC_U32, nsid), MUST(host, RPC_TEXT, host),
	ANY(tgt_name), ROWS_END,
};
const struct rpc_params rpc_ns_host_params = { ns_host_rows, sizeof(struct ns_params) };

#undef ROW_OF

void rpc_remove_ns(struct rpc_call *c)
{
	const struct ns_params *p = c->params;

	rpc_end_change(c, model_remove_namespace(rpc_model(c), p->nqn, p->nsid), RPC_INVALID_PARAMS);
}

/* To SPDK that is no mistake: callers ask again who don't know whether they were answered. */
static bool is_shown_already(const struct rpc_call *c)
{
	const struct ns_params *p = c->params;
	const struct subsystem *s = snapshot_subsystem(rpc_snapshot(c), p->nqn);
	const struct ns_place *place = s ? subsystem_place(s, p->nsid) : NULL;

	return place && place->is_hidden && array_find_text(&place->hosts, p->host) >= 0;
}

void rpc_show_ns(struct rpc_call *c)
{
	const struct ns_params *p = c->params;

	if (is_shown_already(c))
		rpc_result(c, json_true());
	else if (rpc_check_nqn(c, RPC_INVALID_PARAMS, "the host name", p->host))
		rpc_end_change(c, model_show_namespace(rpc_model(c), p->nqn, p->nsid, p->host),
			       RPC_INVALID_PARAMS);
}

void rpc_hide_ns(struct rpc_call *c)
{
	const struct ns_params *p = c->params;

	rpc_end_change(c, model_hide_namespace(rpc_model(c), p->nqn, p->nsid, p->host),
		       RPC_INVALID_PARAMS);
}
