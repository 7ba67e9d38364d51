/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own method about what was done: by namespace, and by host. */
#include "rpc/methods.h"
#include "rpc/show.h"
#include "controller/census.h"

#include <string.h>

/* ---- latencies: counts without the zeros at their end, and what they are counts of ---- */

static json_t *show_latency(const struct latency *l)
{
	json_t *list = json_array();
	unsigned int used = LATENCY_BUCKETS;

	while (used && !l->counts[used - 1])
		used--;
	for (unsigned int i = 0; i < used; i++)
		json_array_append_new(list, json_integer(l->counts[i]));
	return list;
}

static json_t *show_bounds(void)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++)
		json_array_append_new(list, json_integer((json_int_t)latency_bound(i)));
	return list;
}

static void put_done(json_t *row, const struct health_total *h, const struct latency *l)
{
	json_object_update_new(row, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
		"reads", (json_int_t)h->reads, "writes", (json_int_t)h->writes,
		"bytes_read", (json_int_t)(h->sectors_read * 512),
		"bytes_written", (json_int_t)(h->sectors_written * 512),
		"copies", (json_int_t)h->copies,
		"bytes_copied", (json_int_t)(h->sectors_copied * 512),
		"latency", show_latency(l)));
}

/* ---- namespaces ----------------------------------------------------------------------- */

static void add_namespaces(json_t *list, const struct subsystem *s)
{
	for (unsigned int i = 0; i < s->places.count; i++) {
		const struct namespace *ns = ((const struct ns_place *)s->places.at[i])->ns;
		const struct health_total h = life_namespace_health(s->life, ns->nsid);
		const struct latency l = life_namespace_latency(s->life, ns->nsid);
		json_t *row = json_pack("{s:s, s:I, s:s}", "subsystem", s->set.nqn, "nsid",
					(json_int_t)ns->nsid, "device", ns->device->name);

		put_done(row, &h, &l);
		json_array_append_new(list, row);
	}
}

static json_t *show_namespaces(const struct snapshot *all)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < all->subsystems.count; i++)
		add_namespaces(list, all->subsystems.at[i]);
	return list;
}

/* ---- hosts: by queue, so that who asks twice sees which are the same -------------------- */

static const struct subsystem *subsystem_with(const struct snapshot *all,
					      const struct subsystem_life *life)
{
	for (unsigned int i = 0; i < all->subsystems.count; i++)
		if (((const struct subsystem *)all->subsystems.at[i])->life == life)
			return all->subsystems.at[i];
	return NULL;
}

static json_t *show_queues(const struct snapshot *all, const struct census *n)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < n->queue_count; i++) {
		const struct queue_entry *e = &n->queues[i];
		const struct subsystem *s = e->life ? subsystem_with(all, e->life) : NULL;
		json_t *row;

		if (!s || !e->qid)
			continue;
		row = json_pack("{s:s, s:s, s:i, s:i}", "host", e->hostnqn, "subsystem", s->set.nqn,
				"cntlid", e->cntlid, "qid", e->qid);
		put_done(row, &e->done, &e->latency);
		json_array_append_new(list, row);
	}
	return list;
}

/* Counters that only grow (those of latencies wrap round at 2^32), of I/O queues those of
 * the connection. */
void rpc_own_get_iostat(struct rpc_call *c)
{
	const struct snapshot *all = rpc_snapshot(c);
	struct census *n = rpc_take_census(c);

	if (!n)
		return;
	rpc_result(c, json_pack("{s:I, s:o, s:o, s:o}", "ns", (json_int_t)worker_clock(),
				"latency_ns", show_bounds(), "namespaces", show_namespaces(all),
				"queues", show_queues(all, n)));
	rpc_free_census(n);
}
