/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own methods about ports: by their numbers, as the file has them. */
#include "rpc/methods.h"
#include "rpc/show.h"

#include <errno.h>

struct port_params {
	const char *address, *nqn;
	struct rpc_id new_id;
	uint16_t id, service;
};

#define ROW_OF struct port_params

static const struct rpc_param add_rows[] = {
	MUST(address, RPC_TEXT, address), MUST(service, RPC_U16, service), ROW(id, RPC_ID, new_id),
	ROW(nqn, RPC_TEXT, nqn), ROWS_END,
};
static const struct rpc_param id_rows[] = { MUST(id, RPC_U16, id), ROWS_END };
static const struct rpc_param link_rows[] = {
	MUST(id, RPC_U16, id), MUST(nqn, RPC_TEXT, nqn), ROWS_END,
};

const struct rpc_params rpc_own_add_port_params = { add_rows, sizeof(struct port_params) };
const struct rpc_params rpc_own_port_params = { id_rows, sizeof(struct port_params) };
const struct rpc_params rpc_own_link_params = { link_rows, sizeof(struct port_params) };

#undef ROW_OF

static int add_port(struct model *m, struct port_settings *new, const char *nqn)
{
	int r = model_begin(m);

	if (r)
		return r;
	r = model_add_port(m, new);
	if (!r && nqn)
		r = model_link(m, new->id, nqn);
	if (!r)
		r = model_commit(m);
	if (r)
		model_abort(m);
	return r;
}

/* Answers its number and its TCP port.  Who asks for a port asks for the transport, too. */
void rpc_own_add_port(struct rpc_call *c)
{
	const struct port_params *p = c->params;
	struct port_settings new = { .has_id = p->new_id.is_given, .id = p->new_id.number,
				     .address = p->address, .service = p->service };
	int r = add_port(rpc_model(c), &new, p->nqn);

	if (r) {
		rpc_error(c, r, "%s", model_error(rpc_model(c)));
		return;
	}
	rpc_target_of(c)->has_transport = true;
	rpc_result(c, json_pack("{s:i, s:i}", "id", new.id, "service", new.service));
}

void rpc_own_remove_port(struct rpc_call *c)
{
	const struct port_params *p = c->params;
	int r = model_remove_port(rpc_model(c), p->id);

	rpc_end_change(c, r, r);
}

void rpc_own_link_port(struct rpc_call *c)
{
	const struct port_params *p = c->params;
	int r = model_link(rpc_model(c), p->id, p->nqn);

	rpc_end_change(c, r, r);
}

/* The port stays, and answers discovery. */
void rpc_own_unlink_port(struct rpc_call *c)
{
	const struct port_params *p = c->params;
	int r = model_unlink(rpc_model(c), p->id, p->nqn);

	rpc_end_change(c, r, r);
}

static json_t *show_port(const struct port *p)
{
	json_t *served = json_array();

	for (unsigned int i = 0; i < p->subsystems.count; i++) {
		const struct subsystem *s = p->subsystems.at[i];

		json_array_append_new(served, json_string(s->set.nqn));
	}
	return json_pack("{s:i, s:s, s:i, s:o}", "id", p->id, "address", p->address, "service",
			 p->service, "subsystems", served);
}

void rpc_own_get_ports(struct rpc_call *c)
{
	const struct snapshot *all = rpc_snapshot(c);
	json_t *list = json_array();

	for (unsigned int i = 0; i < all->ports.count; i++)
		json_array_append_new(list, show_port(all->ports.at[i]));
	rpc_result(c, list);
}
