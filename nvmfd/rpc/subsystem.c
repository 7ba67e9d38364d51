/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods about subsystems, and the hosts that may connect to them. */
#include "rpc/methods.h"
#include "rpc/show.h"
#include "nvmf/version.h"
#include "wire/nqn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- one more, one less ------------------------------------------------------------------- */

struct create_params {
	const char *nqn, *serial_number, *model_number;
	bool allow_any_host;
	uint32_t max_namespaces;
	uint16_t min_cntlid, max_cntlid;
};

#define ROW_OF struct create_params

static const struct rpc_param create_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), ROW(serial_number, RPC_TEXT, serial_number),
	ROW(model_number, RPC_TEXT, model_number), ROW(allow_any_host, RPC_BOOL, allow_any_host),
	ROW(max_namespaces, RPC_U32, max_namespaces), ROW(min_cntlid, RPC_U16, min_cntlid),
	ROW(max_cntlid, RPC_U16, max_cntlid), ANY(tgt_name),
	NO(ana_reporting), NO(passthrough), NO(enable_nssr),
	/* Limits of commands that are not offered. */
	ANY(dmrsl), ANY(wzsl), ANY(max_discard_size_kib), ANY(max_write_zeroes_size_kib), ROWS_END,
};
const struct rpc_params rpc_create_subsystem_params = { create_rows,
							 sizeof(struct create_params) };

#undef ROW_OF

#define ROW_OF struct nqn_params

static const struct rpc_param nqn_rows[] = { MUST(nqn, RPC_TEXT, nqn), ANY(tgt_name), ROWS_END };
const struct rpc_params rpc_nqn_params = { nqn_rows, sizeof(struct nqn_params) };

static const struct rpc_param subsystems_rows[] = {
	ROW(nqn, RPC_TEXT, nqn), ANY(tgt_name), ROWS_END,
};
const struct rpc_params rpc_subsystems_params = { subsystems_rows, sizeof(struct nqn_params) };

#undef ROW_OF

/* Whether the text fits, and is what a field of Identify may hold. */
static bool set_field(const char *text, char *field, size_t size)
{
	if (!text)
		return true;
	if (strlen(text) >= size)
		return false;
	for (const char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			return false;
	snprintf(field, size, "%s", text);
	return true;
}

/* NULL, or what is wrong. */
static const char *fill_in(struct subsystem_settings *set, const struct create_params *p)
{
	set->allows_any_host = p->allow_any_host;
	if (p->max_namespaces)
		set->nn = p->max_namespaces;
	if (p->min_cntlid)
		set->cntlid_first = p->min_cntlid;
	if (p->max_cntlid)
		set->cntlid_last = p->max_cntlid;
	if (!set_field(p->serial_number, set->serial, sizeof(set->serial)))
		return "'serial_number' is not at most 20 characters of ASCII";
	if (!set_field(p->model_number, set->model, sizeof(set->model)))
		return "'model_number' is not at most 40 characters of ASCII";
	return NULL;
}

void rpc_create_subsystem(struct rpc_call *c)
{
	const struct create_params *p = c->params;
	struct model *m = rpc_model(c);
	struct subsystem_settings set;
	enum nqn_fault fault = nqn_check(p->nqn, strlen(p->nqn));
	const char *wrong;

	if (fault != NQN_GOOD || model_default_subsystem(m, p->nqn, NVMF_VERSION, &set)) {
		rpc_error(c, RPC_INTERNAL_ERROR, "Unable to create subsystem %.223s: the name %s", p->nqn,
			  nqn_fault_text(fault));
		return;
	}
	wrong = fill_in(&set, p);
	if (wrong)
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: %s", wrong);
	else if (model_add_subsystem(m, &set))
		rpc_error(c, RPC_INTERNAL_ERROR, "Unable to create subsystem %.223s: %s", p->nqn,
			  model_error(m));
	else
		rpc_result(c, json_true());
}

/* A port that it alone is served at; NULL: there is none. */
static const struct port *find_own_port(const struct snapshot *all, const char *nqn)
{
	const struct subsystem *s = snapshot_subsystem(all, nqn);

	for (unsigned int i = 0; s && i < all->ports.count; i++) {
		const struct port *p = all->ports.at[i];

		if (p->subsystems.count == 1 && port_serves(p, s))
			return p;
	}
	return NULL;
}

/* To SPDK a listener is its subsystem's: it goes with it. */
static int delete(struct model *m, const char *nqn)
{
	const struct port *p;
	int r = model_begin(m);

	if (r)
		return r;
	while (!r && (p = find_own_port(model_snapshot(m), nqn)))
		r = model_remove_port(m, p->id);
	if (!r)
		r = model_remove_subsystem(m, nqn);
	if (!r)
		r = model_commit(m);
	if (r)
		model_abort(m);
	return r;
}

void rpc_delete_subsystem(struct rpc_call *c)
{
	const struct nqn_params *p = c->params;

	rpc_end_change(c, delete(rpc_model(c), p->nqn), RPC_INVALID_PARAMS);
}

/* ---- which there are ------------------------------------------------------------------------ */

static json_t *show_ns(const struct ns_place *place)
{
	const struct namespace *ns = place->ns;
	json_t *shown = json_pack("{s:I, s:s, s:s}", "nsid", (json_int_t)ns->nsid, "bdev_name",
				  ns->device->name, "name", ns->device->name);

	if (!is_zero(ns->id.nguid, 16))
		json_object_set_new(shown, "nguid", show_hex(ns->id.nguid, 16));
	if (!is_zero(ns->id.eui64, 8))
		json_object_set_new(shown, "eui64", show_hex(ns->id.eui64, 8));
	if (!is_zero(ns->id.uuid, 16))
		json_object_set_new(shown, "uuid", show_uuid(ns->id.uuid));
	/* SPDK's has none, and does not say so. */
	if (atomic_load(&ns->common->is_protected))
		json_object_set_new(shown, "write_protected", json_true());
	return shown;
}

static json_t *show_namespaces(const struct subsystem *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->places.count; i++)
		json_array_append_new(list, show_ns(s->places.at[i]));
	return list;
}

static json_t *show_hosts(const struct subsystem *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->hosts.count; i++)
		json_array_append_new(list, json_pack("{s:s}", "nqn", s->hosts.at[i]));
	return list;
}

/* Every port answers discovery. */
static json_t *show_listeners(const struct snapshot *all, const struct subsystem *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < all->ports.count; i++) {
		const struct port *p = all->ports.at[i];

		if (s == all->discovery || port_serves(p, s))
			json_array_append_new(list, show_address(p->is_ipv6, p->address, p->service));
	}
	return list;
}

static json_t *show_subsystem(const struct snapshot *all, const struct subsystem *s)
{
	bool is_discovery = s == all->discovery;
	json_t *shown = json_pack("{s:s, s:s, s:o, s:b, s:o}", "nqn", s->set.nqn, "subtype", is_discovery ? "Discovery" : "NVMe",
				  "listen_addresses", show_listeners(all, s), "allow_any_host",
				  is_discovery || s->set.allows_any_host, "hosts", show_hosts(s));

	if (is_discovery)
		return shown;
	json_object_update_new(shown, json_pack("{s:s, s:s, s:I, s:b, s:i, s:i, s:o}",
		"serial_number", s->set.serial, "model_number", s->set.model, "max_namespaces",
		(json_int_t)s->set.nn, "passthrough", false, "min_cntlid", s->set.cntlid_first,
		"max_cntlid", s->set.cntlid_last, "namespaces", show_namespaces(s)));
	return shown;
}

void rpc_get_subsystems(struct rpc_call *c)
{
	const struct nqn_params *p = c->params;
	const struct snapshot *all = rpc_snapshot(c);
	json_t *list = json_array();

	if (!p->nqn || !strcmp(p->nqn, NQN_DISCOVERY))
		json_array_append_new(list, show_subsystem(all, all->discovery));
	for (unsigned int i = 0; i < all->subsystems.count; i++) {
		const struct subsystem *s = all->subsystems.at[i];

		if (!p->nqn || !strcmp(p->nqn, s->set.nqn))
			json_array_append_new(list, show_subsystem(all, s));
	}
	if (json_array_size(list)) {
		rpc_result(c, list);
		return;
	}
	json_decref(list);
	rpc_error(c, -ENODEV, "%s", strerror(ENODEV));
}

/* ---- hosts -------------------------------------------------------------------------------------- */

struct host_params {
	const char *nqn, *host;
};

#define ROW_OF struct host_params

static const struct rpc_param host_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), MUST(host, RPC_TEXT, host), ANY(tgt_name),
	/* Authentication: never serve open what was meant to be closed. */
	NO(dhchap_key), NO(dhchap_ctrlr_key), ANY(timeout_ms), ROWS_END,
};
const struct rpc_params rpc_host_params = { host_rows, sizeof(struct host_params) };

#undef ROW_OF

void rpc_add_host(struct rpc_call *c)
{
	const struct host_params *p = c->params;

	if (rpc_find_subsystem(c, p->nqn) &&
	    rpc_check_nqn(c, RPC_INTERNAL_ERROR, "the host name", p->host))
		rpc_end_change(c, model_allow_host(rpc_model(c), p->nqn, p->host),
			       RPC_INTERNAL_ERROR);
}

void rpc_remove_host(struct rpc_call *c)
{
	const struct host_params *p = c->params;

	rpc_end_change(c, model_forbid_host(rpc_model(c), p->nqn, p->host), RPC_INTERNAL_ERROR);
}

struct any_params {
	const char *nqn;
	bool allow_any_host;
};

#define ROW_OF struct any_params

static const struct rpc_param any_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), MUST(allow_any_host, RPC_BOOL, allow_any_host), ANY(tgt_name),
	ROWS_END,
};
const struct rpc_params rpc_any_host_params = { any_rows, sizeof(struct any_params) };

#undef ROW_OF

void rpc_allow_any_host(struct rpc_call *c)
{
	const struct any_params *p = c->params;

	rpc_end_change(c, model_allow_any_host(rpc_model(c), p->nqn, p->allow_any_host),
		       RPC_INVALID_PARAMS);
}
