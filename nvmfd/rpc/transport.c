/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transport.  A daemon that was given devices has it from the start; else it comes
 * by a call.  Its limits are the daemon's, for memory is laid out by them: a call may
 * ask for as much and no more.
 */
#include "rpc/methods.h"
#include "rpc/show.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct transport_params {
	const char *trtype, *tgt_name;
	uint32_t max_queue_depth, max_io_qpairs_per_ctrlr, in_capsule_data_size, max_io_size;
};

#define ROW_OF struct transport_params

static const struct rpc_param rows[] = {
	MUST(trtype, RPC_TEXT, trtype), ROW(tgt_name, RPC_TEXT, tgt_name),
	ROW(max_queue_depth, RPC_U32, max_queue_depth),
	ROW(max_io_qpairs_per_ctrlr, RPC_U32, max_io_qpairs_per_ctrlr),
	ROW(in_capsule_data_size, RPC_U32, in_capsule_data_size),
	ROW(max_io_size, RPC_U32, max_io_size), NO(dif_insert_or_strip),
	/* As there: what other transports know does no harm. */
	{ "*", RPC_ANYTHING, false, 0, NULL }, ROWS_END,
};
const struct rpc_params rpc_transport_params = { rows, sizeof(struct transport_params) };

static const struct rpc_param which_rows[] = {
	ROW(trtype, RPC_TEXT, trtype), ROW(tgt_name, RPC_TEXT, tgt_name), ROWS_END,
};
const struct rpc_params rpc_transports_params = { which_rows, sizeof(struct transport_params) };

#undef ROW_OF

/* Methods that take nothing but the name of a target: there is one. */
static const struct rpc_param target_rows[] = { ANY(tgt_name), ROWS_END };
const struct rpc_params rpc_target_params = { target_rows, 1 };

/* What is asked for and too much, or NULL. */
static const char *find_excess(const struct transport_params *p, const struct limits *l)
{
	const struct {
		const char *name;
		uint32_t asked, most;
	} pairs[] = {
		{ "max_queue_depth", p->max_queue_depth, l->queue_entries },
		{ "max_io_qpairs_per_ctrlr", p->max_io_qpairs_per_ctrlr, l->io_queues },
		{ "in_capsule_data_size", p->in_capsule_data_size, l->in_capsule },
		{ "max_io_size", p->max_io_size, l->mdts },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i].asked > pairs[i].most)
			return pairs[i].name;
	return NULL;
}

void rpc_create_transport(struct rpc_call *c)
{
	struct rpc_target *t = rpc_target_of(c);
	const struct transport_params *p = c->params;
	const char *excess = find_excess(p, &t->service->settings.limits);

	if (strcasecmp(p->trtype, "TCP")) {
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid transport type '%.32s': there is TCP",
			  p->trtype);
	} else if (t->has_transport) {
		rpc_error(c, RPC_INTERNAL_ERROR, "Transport type 'TCP' already exists");
	} else if (excess) {
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: '%s' is more than this daemon was "
			  "started for", excess);
	} else {
		t->has_transport = true;
		rpc_result(c, json_true());
	}
}

static json_t *show_transport(const struct service_settings *s)
{
	return json_pack("{s:s, s:i, s:i, s:i, s:i, s:b, s:b, s:b}", "trtype", "TCP",
			 "max_queue_depth", (int)s->limits.queue_entries, "max_io_qpairs_per_ctrlr",
			 (int)s->limits.io_queues, "in_capsule_data_size", (int)s->limits.in_capsule,
			 "max_io_size", (int)s->limits.mdts, "dif_insert_or_strip", false, "zcopy",
			 false, "c2h_success", s->tcp.success_always);
}

void rpc_get_transports(struct rpc_call *c)
{
	const struct rpc_target *t = rpc_target_of(c);
	const struct transport_params *p = c->params;
	json_t *list;

	if (p->trtype && (strcasecmp(p->trtype, "TCP") || !t->has_transport)) {
		rpc_error(c, -ENODEV, "%s", strerror(ENODEV));
		return;
	}
	list = json_array();
	if (t->has_transport)
		json_array_append_new(list, show_transport(&t->service->settings));
	rpc_result(c, list);
}
