/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own methods about namespaces: with what SPDK has no parameter for, and a change in place. */
#include "rpc/methods.h"
#include "rpc/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ns_params {
	const char *nqn, *device;
	uint32_t nsid;
	struct rpc_bytes nguid, eui64, uuid;
	bool read_only, hidden, write_protected;
};

#define ROW_OF struct ns_params

static const struct rpc_param add_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), MUST(device, RPC_TEXT, device), ROW(nsid, RPC_U32, nsid),
	ROW(uuid, RPC_UUID, uuid), ROW(nguid, RPC_HEX16, nguid), ROW(eui64, RPC_HEX8, eui64),
	ROW(read_only, RPC_BOOL, read_only), ROW(hidden, RPC_BOOL, hidden),
	ROW(write_protected, RPC_BOOL, write_protected), ROWS_END,
};
static const struct rpc_param set_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), MUST(nsid, RPC_U32, nsid), ROW(device, RPC_TEXT, device),
	ROW(read_only, RPC_BOOL, read_only), ROW(hidden, RPC_BOOL, hidden),
	ROW(write_protected, RPC_BOOL, write_protected), ROWS_END,
};
const struct rpc_params rpc_own_add_ns_params = { add_rows, sizeof(struct ns_params) };
const struct rpc_params rpc_own_set_ns_params = { set_rows, sizeof(struct ns_params) };

#undef ROW_OF

static enum protection protection_of(const struct rpc_call *c)
{
	const struct ns_params *p = c->params;

	if (!rpc_is_given(c, "write_protected"))
		return PROTECTION_KEPT;
	return p->write_protected ? PROTECTION_ON : PROTECTION_OFF;
}

/* Answers the NSID. */
void rpc_own_add_ns(struct rpc_call *c)
{
	const struct ns_params *p = c->params;
	struct namespace_settings ns = { .nsid = p->nsid, .device = p->device, .derives_id = true,
					 .is_read_only = p->read_only, .is_hidden = p->hidden,
					 .protection = protection_of(c) };
	int r;

	memcpy(ns.id.nguid, p->nguid.bytes, sizeof(ns.id.nguid));
	memcpy(ns.id.eui64, p->eui64.bytes, sizeof(ns.id.eui64));
	memcpy(ns.id.uuid, p->uuid.bytes, sizeof(ns.id.uuid));
	r = model_add_namespace(rpc_model(c), p->nqn, &ns);
	if (r)
		rpc_error(c, r, "%s", model_error(rpc_model(c)));
	else
		rpc_result(c, json_integer(ns.nsid));
}

/* ---- a change in place -------------------------------------------------------------------- */

/* What outlives the namespace that was. */
struct replaced {
	char *device;
	char **hosts;
	unsigned int host_count;
};

static void free_replaced(struct replaced *r)
{
	for (unsigned int i = 0; i < r->host_count; i++)
		free(r->hosts[i]);
	free(r->hosts);
	free(r->device);
}

static int keep(struct replaced *r, const struct ns_place *place)
{
	r->device = strdup(place->ns->device->name);
	r->hosts = calloc(place->hosts.count + 1, sizeof(*r->hosts));
	for (unsigned int i = 0; r->hosts && i < place->hosts.count; i++) {
		r->hosts[i] = strdup(place->hosts.at[i]);
		if (!r->hosts[i])
			return -ENOMEM;
		r->host_count++;
	}
	return r->device && r->hosts ? 0 : -ENOMEM;
}

static int replace(struct model *m, const char *nqn, struct namespace_settings *ns,
		   const struct replaced *old)
{
	int r = model_begin(m);

	if (r)
		return r;
	r = model_remove_namespace(m, nqn, ns->nsid);
	if (!r)
		r = model_add_namespace(m, nqn, ns);
	for (unsigned int i = 0; !r && ns->is_hidden && i < old->host_count; i++)
		r = model_show_namespace(m, nqn, ns->nsid, old->hosts[i]);
	if (!r)
		r = model_commit(m);
	if (r)
		model_abort(m);
	return r;
}

static void set_namespace(struct rpc_call *c, const struct ns_place *place)
{
	const struct ns_params *p = c->params;
	/* Read only by itself, or because its device is? */
	bool is_read_only = place->ns->is_read_only && !place->ns->backend->info.read_only;
	struct namespace_settings ns = { .nsid = p->nsid, .id = place->ns->id,
					 .is_read_only = is_read_only,
					 .is_hidden = place->is_hidden,
					 .protection = protection_of(c) };
	struct replaced old = { 0 };
	int r;

	if (keep(&old, place)) {
		free_replaced(&old);
		rpc_result(c, NULL);
		return;
	}
	ns.device = p->device ? p->device : old.device;
	if (rpc_is_given(c, "read_only"))
		ns.is_read_only = p->read_only;
	if (rpc_is_given(c, "hidden"))
		ns.is_hidden = p->hidden;
	r = replace(rpc_model(c), p->nqn, &ns, &old);
	rpc_end_change(c, r, r);
	free_replaced(&old);
}

void rpc_own_set_ns(struct rpc_call *c)
{
	const struct ns_params *p = c->params;
	const struct subsystem *s = snapshot_subsystem(rpc_snapshot(c), p->nqn);
	const struct ns_place *place = s ? subsystem_place(s, p->nsid) : NULL;

	if (!s)
		rpc_error(c, -ENOENT, "there is no subsystem '%.223s'", p->nqn);
	else if (!place)
		rpc_error(c, -ENOENT, "'%.223s' has no namespace %u", p->nqn, p->nsid);
	else
		set_namespace(c, place);
}
