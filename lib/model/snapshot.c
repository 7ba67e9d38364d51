/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/internal.h"
#include "storage/backend.h"
#include "wire/nqn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct view nothing;
const struct subsystem subsystem_gone = { .common = (struct view *)&nothing };

/* ---- finding --------------------------------------------------------------------------- */

/* Hosts that do not know its own name ask by the one that all know. */
static bool is_discovery_name(const struct snapshot *s, const char *nqn)
{
	return !strcmp(nqn, s->discovery->set.nqn) || !strcmp(nqn, NQN_DISCOVERY);
}

struct subsystem *snapshot_subsystem(const struct snapshot *s, const char *nqn)
{
	for (unsigned int i = 0; i < s->subsystems.count; i++) {
		struct subsystem *sub = s->subsystems.at[i];

		if (!strcmp(sub->set.nqn, nqn))
			return sub;
	}
	return is_discovery_name(s, nqn) ? s->discovery : NULL;
}

struct subsystem *snapshot_subsystem_of(const struct snapshot *s,
					const struct subsystem_life *life)
{
	for (unsigned int i = 0; i < s->subsystems.count; i++) {
		struct subsystem *sub = s->subsystems.at[i];

		if (sub->life == life)
			return sub;
	}
	return s->discovery->life == life ? s->discovery : NULL;
}

struct port *snapshot_port(const struct snapshot *s, uint16_t id)
{
	for (unsigned int i = 0; i < s->ports.count; i++) {
		struct port *p = s->ports.at[i];

		if (p->id == id)
			return p;
	}
	return NULL;
}

struct port *snapshot_port_of(const struct snapshot *s, uint64_t key)
{
	for (unsigned int i = 0; i < s->ports.count; i++) {
		struct port *p = s->ports.at[i];

		if (p->key == key)
			return p;
	}
	return NULL;
}

struct device *snapshot_device(const struct snapshot *s, const char *name)
{
	for (unsigned int i = 0; i < s->devices.count; i++) {
		struct device *d = s->devices.at[i];

		if (!strcmp(d->name, name))
			return d;
	}
	return NULL;
}

struct ns_place *subsystem_place(const struct subsystem *s, uint32_t nsid)
{
	for (unsigned int i = 0; i < s->places.count; i++) {
		struct ns_place *p = s->places.at[i];

		if (p->ns->nsid == nsid)
			return p;
	}
	return NULL;
}

int array_find_text(const struct array *a, const char *text)
{
	for (unsigned int i = 0; i < a->count; i++)
		if (!strcmp(a->at[i], text))
			return (int)i;
	return -1;
}

bool port_serves(const struct port *p, const struct subsystem *s)
{
	for (unsigned int i = 0; i < p->subsystems.count; i++)
		if (p->subsystems.at[i] == s)
			return true;
	return false;
}

bool subsystem_allows(const struct subsystem *s, const char *hostnqn)
{
	return s->set.allows_any_host || array_find_text(&s->hosts, hostnqn) >= 0;
}

bool snapshot_lists_host(const struct snapshot *s, const char *hostnqn)
{
	for (unsigned int i = 0; i < s->subsystems.count; i++) {
		const struct subsystem *sub = s->subsystems.at[i];

		if (array_find_text(&sub->hosts, hostnqn) >= 0)
			return true;
	}
	return false;
}

bool subsystem_allows_address(const struct subsystem *s, const char *address)
{
	for (unsigned int i = 0; i < s->prefixes.count; i++)
		if (prefix_holds(s->prefixes.at[i], address))
			return true;
	return !s->prefixes.count;
}

const struct view *subsystem_view(const struct subsystem *s, const char *hostnqn)
{
	for (unsigned int i = 0; i < s->host_views.count; i++) {
		const struct host_view *v = s->host_views.at[i];

		if (!strcmp(v->hostnqn, hostnqn))
			return v->view;
	}
	return s->common;
}

uint32_t view_after(const struct view *v, uint32_t nsid)
{
	uint32_t first = 0, end = v->count;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;

		if (v->in_order[middle]->nsid > nsid)
			end = middle;
		else
			first = middle + 1;
	}
	return first;
}

/* ---- views ------------------------------------------------------------------------------- */

/* hostnqn NULL: what those see who are named nowhere. */
static bool is_visible(const struct ns_place *p, const char *hostnqn)
{
	return !p->is_hidden || (hostnqn && array_find_text(&p->hosts, hostnqn) >= 0);
}

static struct view *view_new(const struct subsystem *s, const char *hostnqn)
{
	const struct ns_place *highest = s->places.count ? s->places.at[s->places.count - 1] : NULL;
	uint32_t last = highest ? highest->ns->nsid : 0;
	struct view *v = calloc(1, sizeof(*v) + (last + 1) * sizeof(v->by_nsid[0]));

	if (!v)
		return NULL;
	v->in_order = calloc(s->places.count + 1, sizeof(*v->in_order));
	if (!v->in_order) {
		free(v);
		return NULL;
	}
	v->last = last;
	for (unsigned int i = 0; i < s->places.count; i++) {
		const struct ns_place *p = s->places.at[i];

		if (!is_visible(p, hostnqn))
			continue;
		v->by_nsid[p->ns->nsid] = v->in_order[v->count++] = p->ns;
		v->has_volatile_cache |= p->ns->has_volatile_cache;
	}
	return v;
}

static void view_free(struct view *v)
{
	if (v)
		free(v->in_order);
	free(v);
}

static bool has_view(const struct subsystem *s, const char *hostnqn)
{
	for (unsigned int i = 0; i < s->host_views.count; i++) {
		const struct host_view *v = s->host_views.at[i];

		if (!strcmp(v->hostnqn, hostnqn))
			return true;
	}
	return false;
}

static int add_host_view(struct subsystem *s, const char *hostnqn)
{
	struct host_view *v;

	if (has_view(s, hostnqn))
		return 0;
	v = malloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	*v = (struct host_view){ hostnqn, view_new(s, hostnqn) };
	if (v->view && !array_add(&s->host_views, v))
		return 0;
	view_free(v->view);
	free(v);
	return -ENOMEM;
}

static int seal(struct subsystem *s)
{
	int r = 0;

	s->common = view_new(s, NULL);
	if (!s->common)
		return -ENOMEM;
	for (unsigned int i = 0; i < s->places.count && !r; i++) {
		const struct ns_place *p = s->places.at[i];

		for (unsigned int k = 0; p->is_hidden && k < p->hosts.count && !r; k++)
			r = add_host_view(s, p->hosts.at[k]);
	}
	return r;
}

static void unseal(struct subsystem *s)
{
	view_free(s->common);
	s->common = NULL;
	for (unsigned int i = 0; i < s->host_views.count; i++) {
		struct host_view *v = s->host_views.at[i];

		view_free(v->view);
		free(v);
	}
	array_free(&s->host_views);
}

int snapshot_seal(struct snapshot *s)
{
	int r = seal(s->discovery);

	for (unsigned int i = 0; i < s->subsystems.count && !r; i++)
		r = seal(s->subsystems.at[i]);
	return r;
}

/* ---- freeing ------------------------------------------------------------------------------ */

static void free_items(struct array *a)
{
	for (unsigned int i = 0; i < a->count; i++)
		free(a->at[i]);
	array_free(a);
}

void device_put(struct device *d)
{
	if (--d->refs)
		return;
	backend_close(d->backend);
	marks_free(&d->marks);
	free(d->name);
	free(d->text);
	free(d);
}

void ns_place_free(struct ns_place *p, struct list *retired)
{
	free_items(&p->hosts);
	record_put(p->ns, retired);
	free(p);
}

void subsystem_free(struct subsystem *s, struct list *retired)
{
	if (!s)
		return;
	unseal(s);
	for (unsigned int i = 0; i < s->places.count; i++)
		ns_place_free(s->places.at[i], retired);
	array_free(&s->places);
	free_items(&s->hosts);
	free_items(&s->prefixes);
	life_put(s->life);
	free(s);
}

void port_free(struct port *p)
{
	array_free(&p->subsystems);
	free(p);
}

void snapshot_free(struct snapshot *s, struct list *retired)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->ports.count; i++)
		port_free(s->ports.at[i]);
	array_free(&s->ports);
	for (unsigned int i = 0; i < s->subsystems.count; i++)
		subsystem_free(s->subsystems.at[i], retired);
	array_free(&s->subsystems);
	subsystem_free(s->discovery, retired);
	for (unsigned int i = 0; i < s->devices.count; i++)
		device_put(s->devices.at[i]);
	array_free(&s->devices);
	free_items(&s->referrals);
	free(s);
}

/* ---- copying ------------------------------------------------------------------------------- */

static struct subsystem_life *life_new(const char *nqn)
{
	struct subsystem_life *l = calloc(1, sizeof(*l));
	struct timespec now;

	if (!l)
		return NULL;
	clock_gettime(CLOCK_BOOTTIME, &now);
	l->started = (uint64_t)now.tv_sec;
	strcpy(l->nqn, nqn);
	atomic_init(&l->refs, 1);
	pthread_mutex_init(&l->lock, NULL);
	list_init(&l->records);
	return l;
}

struct subsystem *subsystem_new(const struct subsystem_settings *set)
{
	struct subsystem *s = calloc(1, sizeof(*s));

	if (s)
		s->life = life_new(set->nqn);
	if (!s || !s->life) {
		free(s);
		return NULL;
	}
	s->set = *set;
	return s;
}

/* Copies what the pointers point to; what there was is freed when it fails. */
static int copy_items(struct array *to, const struct array *from, void *(*copy)(const void *))
{
	for (unsigned int i = 0; i < from->count; i++) {
		void *item = copy(from->at[i]);

		if (!item || array_add(to, item)) {
			free(item);
			free_items(to);
			return -ENOMEM;
		}
	}
	return 0;
}

static void *copy_text(const void *text)
{
	return strdup(text);
}

static void *copy_bytes(const void *from, size_t size)
{
	void *to = malloc(size);

	return to ? memcpy(to, from, size) : NULL;
}

static void *copy_prefix(const void *prefix)
{
	return copy_bytes(prefix, sizeof(struct prefix));
}

static void *copy_referral(const void *referral)
{
	return copy_bytes(referral, sizeof(struct referral));
}

static struct ns_place *copy_place(const struct ns_place *from)
{
	struct ns_place *p = calloc(1, sizeof(*p));

	if (!p || copy_items(&p->hosts, &from->hosts, copy_text)) {
		free(p);
		return NULL;
	}
	p->ns = record_get(from->ns);
	p->is_hidden = from->is_hidden;
	return p;
}

/* All that is in `from` is still there when a copy of it is let go of. */
static void drop_place(struct ns_place *p)
{
	struct list none;

	list_init(&none);
	ns_place_free(p, &none);
}

static int copy_places(struct array *to, const struct array *from)
{
	for (unsigned int i = 0; i < from->count; i++) {
		struct ns_place *p = copy_place(from->at[i]);

		if (!p)
			return -ENOMEM;
		if (array_add(to, p)) {
			drop_place(p);
			return -ENOMEM;
		}
	}
	return 0;
}

static void drop_subsystem(struct subsystem *s)
{
	struct list none;

	list_init(&none);
	subsystem_free(s, &none);
}

static struct subsystem *copy_subsystem(const struct subsystem *from)
{
	struct subsystem *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->set = from->set;
	s->life = life_get(from->life);
	if (!copy_items(&s->hosts, &from->hosts, copy_text) &&
	    !copy_items(&s->prefixes, &from->prefixes, copy_prefix) &&
	    !copy_places(&s->places, &from->places))
		return s;
	drop_subsystem(s);
	return NULL;
}

static int copy_subsystems(struct array *to, const struct array *from)
{
	for (unsigned int i = 0; i < from->count; i++) {
		struct subsystem *s = copy_subsystem(from->at[i]);

		if (!s)
			return -ENOMEM;
		if (array_add(to, s)) {
			drop_subsystem(s);
			return -ENOMEM;
		}
	}
	return 0;
}

static struct port *copy_port(const struct port *from, const struct snapshot *to)
{
	struct port *p = copy_bytes(from, sizeof(*from));

	if (!p)
		return NULL;
	p->subsystems = (struct array){ 0 };
	for (unsigned int i = 0; i < from->subsystems.count; i++) {
		const struct subsystem *s = from->subsystems.at[i];

		if (array_add(&p->subsystems, snapshot_subsystem_of(to, s->life))) {
			port_free(p);
			return NULL;
		}
	}
	return p;
}

static int copy_ports(struct snapshot *to, const struct snapshot *from)
{
	for (unsigned int i = 0; i < from->ports.count; i++) {
		struct port *p = copy_port(from->ports.at[i], to);

		if (!p)
			return -ENOMEM;
		if (array_add(&to->ports, p)) {
			port_free(p);
			return -ENOMEM;
		}
	}
	return 0;
}

static int copy_devices(struct array *to, const struct array *from)
{
	int r = array_copy(to, from);

	for (unsigned int i = 0; i < to->count; i++)
		((struct device *)to->at[i])->refs++;
	return r;
}

struct snapshot *snapshot_copy(const struct snapshot *from)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	struct list none;

	if (!s)
		return NULL;
	s->generation = from->generation;
	s->discovery = copy_subsystem(from->discovery);
	if (s->discovery && !copy_devices(&s->devices, &from->devices) &&
	    !copy_subsystems(&s->subsystems, &from->subsystems) && !copy_ports(s, from) &&
	    !copy_items(&s->referrals, &from->referrals, copy_referral))
		return s;
	list_init(&none);
	snapshot_free(s, &none);
	return NULL;
}
