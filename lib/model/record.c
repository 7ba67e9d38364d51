/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of namespaces, their lanes, and the lives of subsystems. */
#include "model/internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- lives ---------------------------------------------------------------------------- */

struct subsystem_life *life_get(struct subsystem_life *l)
{
	atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
	return l;
}

void life_put(struct subsystem_life *l)
{
	if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void add(struct health_total *to, const struct health_total *t)
{
	to->reads += t->reads;
	to->writes += t->writes;
	to->sectors_read += t->sectors_read;
	to->sectors_written += t->sectors_written;
	to->copies += t->copies;
	to->sectors_copied += t->sectors_copied;
	to->media_errors += t->media_errors;
	to->read_ns += t->read_ns;
	to->write_ns += t->write_ns;
}

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Its own and that of the records before it.  life->lock is held. */
static struct health_total record_health(const struct namespace *ns)
{
	struct health_total t = ns->before;

	for (unsigned int i = 0; i < ns->lane_count; i++) {
		const struct ns_lane *l = &ns->lanes[i];

		add(&t, &(struct health_total){
			.reads = get(&l->reads), .writes = get(&l->writes),
			.sectors_read = get(&l->sectors_read),
			.sectors_written = get(&l->sectors_written),
			.copies = get(&l->copies),
			.sectors_copied = get(&l->sectors_copied),
			.media_errors = get(&l->media_errors),
			.read_ns = get(&l->read_ns), .write_ns = get(&l->write_ns) });
	}
	return t;
}

/* Of all records, or those of this number or on this device. */
static struct health_total sum(struct subsystem_life *life, uint32_t nsid, const struct device *d)
{
	struct health_total t = { 0 };

	pthread_mutex_lock(&life->lock);
	if (!nsid && !d)
		t = life->gone;
	list_for_each(l, &life->records) {
		const struct namespace *ns = list_entry(l, struct namespace, link);
		struct health_total one;

		if ((nsid && ns->nsid != nsid) || (d && ns->device != d))
			continue;
		one = record_health(ns);
		add(&t, &one);
	}
	pthread_mutex_unlock(&life->lock);
	return t;
}

struct health_total life_health(struct subsystem_life *life)
{
	return sum(life, 0, NULL);
}

struct health_total life_namespace_health(struct subsystem_life *life, uint32_t nsid)
{
	return sum(life, nsid, NULL);
}

struct health_total device_health(const struct snapshot *all, const struct device *d)
{
	struct health_total t = d->gone;

	for (unsigned int i = 0; i < all->subsystems.count; i++) {
		const struct subsystem *s = all->subsystems.at[i];
		struct health_total one = sum(s->life, 0, d);

		add(&t, &one);
	}
	return t;
}

/* Its own and that of the records before it.  life->lock is held. */
static struct latency record_latency(const struct namespace *ns)
{
	struct latency t = ns->latency_before;

	for (unsigned int i = 0; i < ns->lane_count; i++)
		for (unsigned int b = 0; b < LATENCY_BUCKETS; b++)
			t.counts[b] += atomic_load_explicit(&ns->lanes[i].latency[b],
							    memory_order_relaxed);
	return t;
}

struct latency life_namespace_latency(struct subsystem_life *life, uint32_t nsid)
{
	struct latency t = { 0 };

	pthread_mutex_lock(&life->lock);
	list_for_each(l, &life->records) {
		const struct namespace *ns = list_entry(l, struct namespace, link);
		struct latency one;

		if (ns->nsid != nsid)
			continue;
		one = record_latency(ns);
		latency_add(&t, &one);
	}
	pthread_mutex_unlock(&life->lock);
	return t;
}

/* ---- records -------------------------------------------------------------------------- */

/* That of the record that this one replaces, or a new one. */
static struct ns_common *common_get(struct ns_common *of)
{
	struct ns_common *common = of ? of : calloc(1, sizeof(*common));

	if (common)
		common->refs++;
	return common;
}

static void common_put(struct ns_common *common)
{
	if (common && !--common->refs)
		free(common);
}

struct namespace *record_new(const struct namespace *facts, unsigned int lanes)
{
	struct namespace *ns = malloc(sizeof(*ns));

	if (!ns)
		return NULL;
	*ns = *facts;
	ns->common = common_get(facts->common);
	ns->lanes = aligned_alloc(_Alignof(struct ns_lane), lanes * sizeof(*ns->lanes));
	if (!ns->lanes || !ns->common) {
		common_put(ns->common);
		free(ns->lanes);
		free(ns);
		return NULL;
	}
	memset(ns->lanes, 0, lanes * sizeof(*ns->lanes));
	ns->lane_count = lanes;
	ns->refs = 1;
	ns->before = (struct health_total){ 0 };
	ns->latency_before = (struct latency){ 0 };
	list_init(&ns->retired);
	ns->device->refs++;
	life_get(ns->life);
	pthread_mutex_lock(&ns->life->lock);
	list_append(&ns->life->records, &ns->link);
	pthread_mutex_unlock(&ns->life->lock);
	return ns;
}

struct namespace *record_get(struct namespace *ns)
{
	ns->refs++;
	return ns;
}

void record_put(struct namespace *ns, struct list *retired)
{
	if (!--ns->refs)
		list_append(retired, &ns->retired);
}

bool record_is_idle(const struct namespace *ns)
{
	for (unsigned int i = 0; i < ns->lane_count; i++)
		if (atomic_load_explicit(&ns->lanes[i].in_flight, memory_order_acquire))
			return false;
	return true;
}

/* The record that took its place; NULL: there is none. */
static struct namespace *successor(const struct namespace *ns)
{
	for (struct list *l = ns->link.next; l != &ns->life->records; l = l->next) {
		struct namespace *other = list_entry(l, struct namespace, link);

		if (other->nsid == ns->nsid && other->device == ns->device)
			return other;
	}
	return NULL;
}

/* What was counted of it stays.  life->lock is held. */
static void hand_on(const struct namespace *ns, struct namespace *next)
{
	struct health_total health = record_health(ns);
	struct latency latency = record_latency(ns);

	if (next) {
		add(&next->before, &health);
		latency_add(&next->latency_before, &latency);
	} else {
		add(&ns->life->gone, &health);
		add(&ns->device->gone, &health);
	}
}

void record_free(struct namespace *ns)
{
	struct subsystem_life *life = ns->life;

	pthread_mutex_lock(&life->lock);
	hand_on(ns, successor(ns));
	list_remove(&ns->link);
	pthread_mutex_unlock(&life->lock);
	list_remove(&ns->retired);
	device_put(ns->device);
	common_put(ns->common);
	life_put(life);
	free(ns->lanes);
	free(ns);
}
