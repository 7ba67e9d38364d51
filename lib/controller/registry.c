/* SPDX-License-Identifier: BSD-2-Clause */
#include "controller/controller.h"

#include <errno.h>

void registry_open(struct registry *r)
{
	pthread_mutex_init(&r->lock, NULL);
	list_init(&r->controllers);
}

void registry_close(struct registry *r)
{
	pthread_mutex_destroy(&r->lock);
}

/* The lock is held.  A subsystem that was removed may have a successor of the same
 * name: whoever is ending is found by nobody. */
static struct controller *find(struct registry *r, const char *subnqn, uint16_t cntlid)
{
	list_for_each(l, &r->controllers) {
		struct controller *c = list_entry(l, struct controller, link);

		if (c->cntlid == cntlid && !c->is_ending && !strcmp(c->life->nqn, subnqn))
			return c;
	}
	return NULL;
}

static bool is_in_use(const struct subsystem_life *s, uint16_t cntlid)
{
	return s->cntlids[cntlid / 8] >> cntlid % 8 & 1;
}

static void set_in_use(struct subsystem_life *s, uint16_t cntlid, bool is)
{
	uint8_t bit = (uint8_t)(1u << cntlid % 8), *byte = &s->cntlids[cntlid / 8];

	*byte = (uint8_t)(is ? *byte | bit : *byte & ~bit);
}

/* Goes round the range, so that a recent number is not handed out again. */
static int number(struct subsystem_life *s, uint16_t first, uint16_t last)
{
	for (uint32_t tries = 0; tries <= (uint32_t)last - first; tries++) {
		if (s->next_cntlid < first || s->next_cntlid > last)
			s->next_cntlid = first;
		if (!is_in_use(s, s->next_cntlid))
			return s->next_cntlid++;
		s->next_cntlid++;
	}
	return -EBUSY;
}

int registry_add(struct registry *r, struct controller *c, uint16_t first, uint16_t last)
{
	int cntlid;

	pthread_mutex_lock(&r->lock);
	cntlid = number(c->life, first, last);
	if (cntlid >= 0) {
		c->cntlid = (uint16_t)cntlid;
		set_in_use(c->life, c->cntlid, true);
		list_append(&r->controllers, &c->link);
	}
	pthread_mutex_unlock(&r->lock);
	return cntlid < 0 ? cntlid : 0;
}

bool registry_remove(struct registry *r, struct controller *c)
{
	bool can;

	pthread_mutex_lock(&r->lock);
	can = !c->is_fenced && !c->is_noticed;
	if (can) {
		set_in_use(c->life, c->cntlid, false);
		list_remove(&c->link);
	}
	pthread_mutex_unlock(&r->lock);
	return can;
}

void registry_retire(struct registry *r, struct controller *c)
{
	pthread_mutex_lock(&r->lock);
	c->is_ending = true;
	pthread_mutex_unlock(&r->lock);
}

struct station *registry_owner(struct registry *r, const char *subnqn, uint16_t cntlid)
{
	struct controller *c;
	struct station *s;

	pthread_mutex_lock(&r->lock);
	c = find(r, subnqn, cntlid);
	s = c && !c->is_discovery ? c->station : NULL;
	pthread_mutex_unlock(&r->lock);
	return s;
}

struct controller *registry_find(struct registry *r, const char *subnqn, uint16_t cntlid,
				 const struct station *owner)
{
	struct controller *c;

	pthread_mutex_lock(&r->lock);
	c = find(r, subnqn, cntlid);
	if (c && c->station != owner)
		c = NULL;
	pthread_mutex_unlock(&r->lock);
	return c;
}

static bool is_of_host(const struct controller *c, const char *hostnqn, const uint8_t *hostid)
{
	return !strcmp(c->hostnqn, hostnqn) && !memcmp(c->hostid, hostid, sizeof(c->hostid));
}

bool registry_fence(struct registry *r, const struct subsystem_life *life, const char *hostnqn,
		    const uint8_t *hostid)
{
	bool found = false;

	pthread_mutex_lock(&r->lock);
	list_for_each(l, &r->controllers) {
		struct controller *c = list_entry(l, struct controller, link);

		if (c->life != life || !is_of_host(c, hostnqn, hostid))
			continue;
		found = true;
		if (c->is_fenced || c->is_ending)
			continue;
		c->is_fenced = true;
		worker_post(c->station->worker, &c->fence);
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

void registry_fenced(struct registry *r, struct controller *c)
{
	pthread_mutex_lock(&r->lock);
	c->is_fenced = false;
	pthread_mutex_unlock(&r->lock);
}

/* The lock is held. */
static void tell_the_news(struct controller *c)
{
	if (!c->is_noticed)
		worker_post(c->station->worker, &c->notice);
	c->is_noticed = true;
}

void registry_notice(struct registry *r, const struct subsystem_life *life, uint32_t nsid)
{
	pthread_mutex_lock(&r->lock);
	list_for_each(l, &r->controllers) {
		struct controller *c = list_entry(l, struct controller, link);

		if (c->life != life || c->is_ending)
			continue;
		c->news.nsid = c->news.nsid && c->news.nsid != nsid ? NVME_NSID_ALL : nsid;
		tell_the_news(c);
	}
	pthread_mutex_unlock(&r->lock);
}

void registry_notice_failure(struct registry *r, struct controller *c)
{
	pthread_mutex_lock(&r->lock);
	if (!c->is_ending) {
		c->news.has_failed = true;
		tell_the_news(c);
	}
	pthread_mutex_unlock(&r->lock);
}

struct news registry_noticed(struct registry *r, struct controller *c)
{
	struct news news;

	pthread_mutex_lock(&r->lock);
	c->is_noticed = false;
	news = c->news;
	c->news = (struct news){ 0 };
	pthread_mutex_unlock(&r->lock);
	return news;
}

bool registry_is_draining(struct registry *r, const char *hostnqn, const uint8_t *hostid)
{
	bool found = false;

	pthread_mutex_lock(&r->lock);
	list_for_each(l, &r->controllers) {
		struct controller *c = list_entry(l, struct controller, link);

		found |= c->is_ending && is_of_host(c, hostnqn, hostid);
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}

/* Of a host that sees less than others, not all. */
static bool is_listed(const struct controller *c, const struct subsystem *s, uint32_t nsid)
{
	return c->life == s->life && !c->is_ending &&
	       (!nsid || view_namespace(subsystem_view(s, c->hostnqn), nsid));
}

unsigned int registry_list(struct registry *r, const struct subsystem *s, uint32_t nsid,
			   uint16_t from, uint16_t *ids, unsigned int room)
{
	uint8_t is_there[UINT16_MAX / 8 + 1] = { 0 };
	unsigned int n = 0;

	pthread_mutex_lock(&r->lock);
	list_for_each(l, &r->controllers) {
		const struct controller *c = list_entry(l, struct controller, link);

		if (is_listed(c, s, nsid))
			is_there[c->cntlid / 8] |= (uint8_t)(1u << c->cntlid % 8);
	}
	pthread_mutex_unlock(&r->lock);
	for (uint32_t id = from; id <= UINT16_MAX && n < room; id++)
		if (is_there[id / 8] >> id % 8 & 1)
			ids[n++] = (uint16_t)id;
	return n;
}

unsigned int registry_count(struct registry *r)
{
	unsigned int n = 0;

	pthread_mutex_lock(&r->lock);
	list_for_each(l, &r->controllers)
		n++;
	pthread_mutex_unlock(&r->lock);
	return n;
}
