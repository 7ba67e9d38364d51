/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods about who is connected: the workers are asked, each about its own. */
#include "rpc/methods.h"
#include "rpc/show.h"
#include "controller/census.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More may come while they are counted. */
#define ROOM_TO_SPARE 64

static void look(struct station *st, void *context)
{
	census_take(st, context);
}

void rpc_free_census(struct census *n)
{
	if (!n)
		return;
	free(n->controllers);
	free(n->queues);
	free(n->connects);
	free(n);
}

static struct census *make_census(unsigned int room, unsigned int stations)
{
	struct census *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->controllers = calloc(room, sizeof(*n->controllers));
	n->queues = calloc(room, sizeof(*n->queues));
	n->connects = calloc(stations, sizeof(*n->connects));
	n->controller_room = n->queue_room = room;
	if (n->controllers && n->queues && n->connects)
		return n;
	rpc_free_census(n);
	return NULL;
}

static bool had_room(const struct census *n)
{
	return n->controller_count <= n->controller_room && n->queue_count <= n->queue_room;
}

struct census *rpc_take_census(struct rpc_call *c)
{
	struct service *s = rpc_target_of(c)->service;
	unsigned int room = target_queues(&s->target) + ROOM_TO_SPARE;
	struct census *n;

	for (;;) {
		n = make_census(room, s->target.station_count);
		if (!n) {
			rpc_result(c, NULL);
			return NULL;
		}
		if (service_ask(s, look, n)) {
			/* A worker may still write to it. */
			rpc_error(c, RPC_INTERNAL_ERROR, "Internal error: a worker does not answer");
			return NULL;
		}
		if (had_room(n))
			return n;
		room = n->queue_count + n->controller_count + ROOM_TO_SPARE;
		rpc_free_census(n);
	}
}

/* ---- controllers ---------------------------------------------------------------------------- */

static bool is_of(const struct snapshot *all, const struct subsystem *s,
		  const struct subsystem_life *life, bool is_discovery)
{
	return s == all->discovery ? is_discovery : !is_discovery && s->life == life;
}

static json_t *show_controller(const struct controller_entry *e)
{
	return json_pack("{s:i, s:s, s:s, s:o, s:i}", "cntlid", e->cntlid, "cntrltype",
			 e->is_discovery ? "discovery" : "io", "hostnqn", e->hostnqn, "hostid",
			 show_uuid(e->hostid), "num_io_qpairs", (int)e->io_queues);
}

/* ---- queues ----------------------------------------------------------------------------------- */

static json_t *show_queue(const struct snapshot *all, const struct queue_entry *e)
{
	static const char *const states[] = {
		[CENSUS_NEW] = "uninitialized", [CENSUS_CONNECTING] = "connecting",
		[CENSUS_LIVE] = "enabled", [CENSUS_ENDING] = "deactivating",
	};
	const struct port *p = snapshot_port_of(all, e->port);
	char thread[24];

	snprintf(thread, sizeof(thread), "worker %u", e->worker);
	return json_pack("{s:i, s:i, s:s, s:s, s:s, s:o, s:o}", "cntlid", e->cntlid, "qid", e->qid,
			 "state", states[e->state], "thread", thread, "hostnqn", e->hostnqn,
			 "listen_address", show_address(e->is_ipv6, e->local, p ? p->service : 0),
			 "peer_address", show_address(e->is_ipv6, e->peer, e->peer_port));
}

/* ---- of one subsystem ---------------------------------------------------------------------------- */

static void add_controllers(json_t *list, const struct snapshot *all, const struct subsystem *s,
			    const struct census *n)
{
	for (unsigned int i = 0; i < n->controller_count; i++) {
		const struct controller_entry *e = &n->controllers[i];

		if (is_of(all, s, e->life, e->is_discovery))
			json_array_append_new(list, show_controller(e));
	}
}

static void add_queues(json_t *list, const struct snapshot *all, const struct subsystem *s,
		       const struct census *n)
{
	for (unsigned int i = 0; i < n->queue_count; i++) {
		const struct queue_entry *e = &n->queues[i];

		if (e->life && is_of(all, s, e->life, e->is_discovery))
			json_array_append_new(list, show_queue(all, e));
	}
}

static void answer(struct rpc_call *c, void (*add)(json_t *, const struct snapshot *,
						   const struct subsystem *, const struct census *))
{
	const struct nqn_params *p = c->params;
	const struct subsystem *s = rpc_find_subsystem(c, p->nqn);
	struct census *n = s ? rpc_take_census(c) : NULL;
	json_t *list;

	if (!n)
		return;
	list = json_array();
	add(list, rpc_snapshot(c), s, n);
	rpc_free_census(n);
	rpc_result(c, list);
}

void rpc_get_controllers(struct rpc_call *c)
{
	answer(c, add_controllers);
}

void rpc_get_qpairs(struct rpc_call *c)
{
	answer(c, add_queues);
}

/* ---- by worker ------------------------------------------------------------------------------------ */

struct worker_counts {
	unsigned int admin, io, unassociated;
};

static struct worker_counts count_queues(const struct census *n, unsigned int worker)
{
	struct worker_counts counts = { 0 };

	for (unsigned int i = 0; i < n->queue_count; i++) {
		const struct queue_entry *e = &n->queues[i];

		if (e->worker != worker)
			continue;
		if (!e->life)
			counts.unassociated++;
		else if (e->qid)
			counts.io++;
		else
			counts.admin++;
	}
	return counts;
}

/* Of the namespaces that there are. */
static uint64_t count_commands(const struct snapshot *all, unsigned int worker)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < all->subsystems.count; i++) {
		const struct subsystem *s = all->subsystems.at[i];

		for (unsigned int j = 0; j < s->places.count; j++) {
			const struct namespace *ns = ((const struct ns_place *)s->places.at[j])->ns;
			const struct ns_lane *l = &ns->lanes[worker];

			sum += atomic_load_explicit(&l->reads, memory_order_relaxed) +
			       atomic_load_explicit(&l->writes, memory_order_relaxed) +
			       atomic_load_explicit(&l->copies, memory_order_relaxed);
		}
	}
	return sum;
}

static json_t *show_worker(const struct snapshot *all, const struct census *n,
			   unsigned int worker)
{
	struct worker_counts counts = count_queues(n, worker);
	char name[24];

	snprintf(name, sizeof(name), "worker %u", worker);
	return json_pack("{s:s, s:I, s:I, s:i, s:i, s:i, s:I, s:[{s:s}]}", "name", name,
			 "admin_qpairs", (json_int_t)n->connects[worker].admin, "io_qpairs",
			 (json_int_t)n->connects[worker].io, "current_admin_qpairs", (int)counts.admin, "current_io_qpairs",
			 (int)counts.io, "current_unassociated_qpairs", (int)counts.unassociated,
			 "completed_nvme_io", (json_int_t)count_commands(all, worker), "transports",
			 "trtype", "TCP");
}

void rpc_get_stats(struct rpc_call *c)
{
	struct census *n = rpc_take_census(c);
	json_t *groups;

	if (!n)
		return;
	groups = json_array();
	for (unsigned int i = 0; i < rpc_target_of(c)->service->target.station_count; i++)
		json_array_append_new(groups, show_worker(rpc_snapshot(c), n, i));
	rpc_free_census(n);
	rpc_result(c, json_pack("{s:I, s:o}", "tick_rate", (json_int_t)NS_PER_S, "poll_groups",
				groups));
}
