/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Methods about listeners: to SPDK an address of one subsystem, here a port with links
 * to those that it serves.  A port comes with its first link and goes with the last.
 */
#include "rpc/methods.h"
#include "rpc/show.h"
#include "base/number.h"
#include "net/stream.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct address_params {
	const char *trtype, *adrfam, *traddr, *trsvcid;
};

#define ROW_OF struct address_params

static const struct rpc_param address_rows[] = {
	MUST(trtype, RPC_TEXT, trtype), ROW(adrfam, RPC_TEXT, adrfam),
	MUST(traddr, RPC_TEXT, traddr), ROW(trsvcid, RPC_TEXT, trsvcid), ROWS_END,
};

#undef ROW_OF

struct listener_params {
	const char *nqn, *ana_state;
	struct address_params address;
};

#define ROW_OF struct listener_params

static const struct rpc_param listener_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), ANY(tgt_name), ANY(sock_impl), ROW(ana_state, RPC_TEXT, ana_state),
	/* TLS: never serve open what was meant to be closed. */
	NO(secure_channel),
	{ "listen_address", RPC_OBJECT, true, offsetof(ROW_OF, address), address_rows }, ROWS_END,
};
const struct rpc_params rpc_listener_params = { listener_rows, sizeof(struct listener_params) };

#undef ROW_OF

/* An address that was checked. */
struct place {
	char address[NET_ADDRESS_TEXT];	/* as the model has it */
	uint16_t service;
};

/* NULL, or what is wrong. */
static const char *check_address(const struct address_params *a, struct place *to)
{
	struct net_address address;
	uint64_t service;

	if (strcasecmp(a->trtype, "TCP"))
		return "'trtype' is not TCP";
	if (!a->trsvcid || number_parse(a->trsvcid, &service) || !service || service > UINT16_MAX)
		return "'trsvcid' is not a TCP port";
	if (net_address_parse(&address, a->traddr, (uint16_t)service))
		return "'traddr' is not a numeric address";
	if (a->adrfam && strcasecmp(a->adrfam, net_address_is_ipv6(&address) ? "IPv6" : "IPv4"))
		return "'adrfam' is not that of 'traddr'";
	if (strlen(a->traddr) >= sizeof(to->address))
		return "'traddr' is too long";
	strcpy(to->address, a->traddr);
	to->service = (uint16_t)service;
	return NULL;
}

/* By what the addresses are, not by how they are written. */
static bool is_same_address(const char *one, const char *other)
{
	struct net_address a, b;
	char first[NET_ADDRESS_TEXT], second[NET_ADDRESS_TEXT];

	if (net_address_parse(&a, one, 1) || net_address_parse(&b, other, 1))
		return false;
	net_address_text(&a, first);
	net_address_text(&b, second);
	return !strcmp(first, second);
}

static const struct port *find_port(const struct snapshot *s, const struct place *where)
{
	for (unsigned int i = 0; i < s->ports.count; i++) {
		const struct port *p = s->ports.at[i];

		if (p->service == where->service && is_same_address(p->address, where->address))
			return p;
	}
	return NULL;
}

/* Both checks that adding and removing have in common; false: the call has ended. */
static bool check_call(struct rpc_call *c, struct place *where, bool *is_discovery)
{
	const struct listener_params *p = c->params;
	const char *wrong = check_address(&p->address, where);
	const struct subsystem *s;

	if (!wrong && p->ana_state && strcmp(p->ana_state, "optimized"))
		wrong = "'ana_state' is not optimized";
	if (wrong) {
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: %s", wrong);
		return false;
	}
	s = rpc_find_subsystem(c, p->nqn);
	if (s)
		*is_discovery = s == rpc_snapshot(c)->discovery;
	return s;
}

/* ---- adding and removing --------------------------------------------------------------------- */

/* The port that is there, or a new one. */
static int come_by_port(struct model *m, const struct place *where, uint16_t *id)
{
	const struct port *p = find_port(model_snapshot(m), where);
	struct port_settings new = { .address = where->address, .service = where->service };
	int r = p ? 0 : model_add_port(m, &new);

	*id = p ? p->id : new.id;
	return r;
}

static int add_listener(struct model *m, const char *nqn, const struct place *where,
			bool is_discovery)
{
	uint16_t id;
	int r = model_begin(m);

	if (r)
		return r;
	r = come_by_port(m, where, &id);
	if (!r && !is_discovery)
		r = model_link(m, id, nqn);
	if (!r)
		r = model_commit(m);
	if (r)
		model_abort(m);
	return r;
}

void rpc_add_listener(struct rpc_call *c)
{
	const struct listener_params *p = c->params;
	struct place where = { .service = 0 };
	bool is_discovery;

	if (!check_call(c, &where, &is_discovery))
		return;
	if (!rpc_target_of(c)->has_transport)
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: there is no transport; call "
			  "nvmf_create_transport");
	else if (add_listener(rpc_model(c), p->nqn, &where, is_discovery))
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: %s", model_error(rpc_model(c)));
	else
		rpc_result(c, json_true());
}

static int remove_listener(struct model *m, uint16_t id, const char *nqn, bool is_discovery)
{
	int r = model_begin(m);

	if (r)
		return r;
	if (!is_discovery)
		r = model_unlink(m, id, nqn);
	if (!r && !snapshot_port(model_snapshot(m), id)->subsystems.count)
		r = model_remove_port(m, id);
	if (!r)
		r = model_commit(m);
	if (r)
		model_abort(m);
	return r;
}

void rpc_remove_listener(struct rpc_call *c)
{
	const struct listener_params *p = c->params;
	struct place where = { .service = 0 };
	const struct port *port;
	bool is_discovery;

	if (!check_call(c, &where, &is_discovery))
		return;
	port = find_port(rpc_snapshot(c), &where);
	if (!port || (is_discovery && port->subsystems.count))
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: %s", port ?
			  "the port serves subsystems" : "nobody listens there");
	else if (remove_listener(rpc_model(c), port->id, p->nqn, is_discovery))
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: %s", model_error(rpc_model(c)));
	else
		rpc_result(c, json_true());
}

void rpc_get_listeners(struct rpc_call *c)
{
	const struct snapshot *all = rpc_snapshot(c);
	const struct nqn_params *p = c->params;
	const struct subsystem *s = rpc_find_subsystem(c, p->nqn);
	json_t *list;

	if (!s)
		return;
	list = json_array();
	for (unsigned int i = 0; i < all->ports.count; i++) {
		const struct port *port = all->ports.at[i];

		if (s == all->discovery || port_serves(port, s))
			json_array_append_new(list, json_pack("{s:o}", "address",
				show_address(port->is_ipv6, port->address, port->service)));
	}
	rpc_result(c, list);
}

/* ---- referrals --------------------------------------------------------------------------------- */

struct referral_params {
	const char *subnqn;
	uint16_t portid;		/* as the file has it; SPDK's are all 0 */
	struct address_params address;
};

#define ROW_OF struct referral_params

static const struct rpc_param referral_rows[] = {
	ANY(tgt_name), NO(secure_channel), ROW(subnqn, RPC_TEXT, subnqn),
	ROW(portid, RPC_U16, portid),
	{ "address", RPC_OBJECT, true, offsetof(ROW_OF, address), address_rows }, ROWS_END,
};
const struct rpc_params rpc_referral_params = { referral_rows, sizeof(struct referral_params) };

#undef ROW_OF

static const struct referral *find_referral(const struct rpc_call *c, const struct place *where)
{
	const struct snapshot *all = rpc_snapshot(c);

	for (unsigned int i = 0; i < all->referrals.count; i++) {
		const struct referral *r = all->referrals.at[i];

		if (r->service == where->service && is_same_address(r->address, where->address))
			return r;
	}
	return NULL;
}

/* To SPDK one that is there already is no mistake. */
static bool is_referral_there(const struct rpc_call *c, const struct place *where)
{
	const struct referral_params *p = c->params;
	const struct referral *r = find_referral(c, where);

	return r && !strcmp(r->nqn, p->subnqn ? p->subnqn : NQN_DISCOVERY);
}

void rpc_add_referral(struct rpc_call *c)
{
	const struct referral_params *p = c->params;
	struct place where = { .service = 0 };
	const char *wrong = check_address(&p->address, &where);
	struct referral_settings r = { .address = where.address, .service = where.service,
				       .port_id = p->portid, .nqn = p->subnqn };

	if (wrong)
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: %s", wrong);
	else if (is_referral_there(c, &where))
		rpc_result(c, json_true());
	else if (!p->subnqn ||
		 rpc_check_nqn(c, RPC_INTERNAL_ERROR, "the referral's name", p->subnqn))
		rpc_end_change(c, model_add_referral(rpc_model(c), &r), RPC_INVALID_PARAMS);
}

void rpc_remove_referral(struct rpc_call *c)
{
	const struct referral_params *p = c->params;
	struct place where = { .service = 0 };
	const char *wrong = check_address(&p->address, &where);

	if (wrong)
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: %s", wrong);
	else
		rpc_end_change(c, model_remove_referral(rpc_model(c), where.address, where.service),
			       RPC_INTERNAL_ERROR);
}

void rpc_get_referrals(struct rpc_call *c)
{
	const struct snapshot *s = rpc_snapshot(c);
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->referrals.count; i++)
		json_array_append_new(list, show_referral(s->referrals.at[i], true));
	rpc_result(c, list);
}
