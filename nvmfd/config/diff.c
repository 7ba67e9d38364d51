/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/diff.h"
#include "config/schema.h"
#include "config/value.h"
#include "wire/nqn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list of changes -------------------------------------------------------------- */

struct diff {
	const struct config *before, *after;
	struct config_changes *changes;
	bool out_of_memory;
};

static void note(struct diff *d, const struct config_change *change)
{
	size_t count = d->changes->count;
	struct config_change *list = d->changes->list;

	/* It grows where the count is a power of two. */
	if (!(count & (count - 1))) {
		list = realloc(list, (count ? 2 * count : 1) * sizeof(*list));
		if (!list) {
			d->out_of_memory = true;
			return;
		}
		d->changes->list = list;
	}
	list[d->changes->count++] = *change;
}

/* ---- lists of things with names or numbers ---------------------------------------------- */

/* What to compare: the two lists, and how to tell their elements apart. */
struct pair {
	struct config_change change;	/* all but the verb and the two */
	const void *before, *after;	/* the first elements */
	size_t before_count, after_count, size;
	int (*order)(const void *a, const void *b);	/* of pointers to elements */
	/* Of two that are the same thing; NULL: always. */
	bool (*is_equal)(const struct diff *, const struct pair *, const void *a, const void *b);
};

/* The elements in order. */
static const void **sorted(const struct pair *p, const void *list, size_t count)
{
	const void **elements = calloc(count ? count : 1, sizeof(*elements));

	for (size_t i = 0; elements && i < count; i++)
		elements[i] = (const char *)list + i * p->size;
	if (elements)
		qsort(elements, count, sizeof(*elements), p->order);
	return elements;
}

static const void *find(const struct pair *p, const void **elements, size_t count, const void *wanted)
{
	const void **found = bsearch(&wanted, elements, count, sizeof(*elements), p->order);

	return found ? *found : NULL;
}

/* The texts of a list of names are told of themselves. */
static const void *shown(const struct pair *p, const void *element)
{
	return p->size == sizeof(char *) ? *(char *const *)element : element;
}

static void note_pair(struct diff *d, const struct pair *p, enum config_verb verb,
		      const void *before, const void *after)
{
	struct config_change change = p->change;

	change.verb = verb;
	change.before = before ? shown(p, before) : NULL;
	change.after = after ? shown(p, after) : NULL;
	if (change.what == CONFIG_NAMESPACE)
		change.number = ((const struct config_namespace *)(after ? after : before))->nsid.value;
	else if (change.what == CONFIG_PORT)
		change.number = ((const struct config_port *)(after ? after : before))->portid.value;
	note(d, &change);
}

static void compare(struct diff *d, const struct pair *p)
{
	const void **before = sorted(p, p->before, p->before_count);
	const void **after = sorted(p, p->after, p->after_count);

	d->out_of_memory |= !before || !after;
	for (size_t i = 0; !d->out_of_memory && i < p->before_count; i++) {
		const void *old = (const char *)p->before + i * p->size;
		const void *new = find(p, after, p->after_count, old);

		if (!new)
			note_pair(d, p, CONFIG_REMOVE, old, NULL);
		else if (p->is_equal && !p->is_equal(d, p, old, new))
			note_pair(d, p, CONFIG_CHANGE, old, new);
	}
	for (size_t i = 0; !d->out_of_memory && i < p->after_count; i++) {
		const void *new = (const char *)p->after + i * p->size;

		if (!find(p, before, p->before_count, new))
			note_pair(d, p, CONFIG_ADD, NULL, new);
	}
	free(before);
	free(after);
}

/* ---- how the elements are told apart -------------------------------------------------- */

/* The first field is the name, as in hosts, subsystems, settings and lists of names. */
static int by_text(const void *a, const void *b)
{
	return strcmp(**(char *const *const *)a, **(char *const *const *)b);
}

/* The first field is the number, as in namespaces, ports and ANA groups. */
static int by_number(const void *a, const void *b)
{
	int64_t x = (*(const struct config_number *const *)a)->value;
	int64_t y = (*(const struct config_number *const *)b)->value;

	return (x > y) - (x < y);
}

_Static_assert(!offsetof(struct config_host, nqn) && !offsetof(struct config_subsystem, nqn) &&
	       !offsetof(struct config_device, name) && !offsetof(struct config_setting, name) &&
	       !offsetof(struct config_referral, name), "by_text");
_Static_assert(!offsetof(struct config_namespace, nsid) && !offsetof(struct config_port, portid) &&
	       !offsetof(struct config_ana_group, grpid), "by_number");

static const struct config_table *const tables[CONFIG_WHATS] = {
	[CONFIG_DEVICE] = &config_of_device, [CONFIG_HOST] = &config_of_host,
	[CONFIG_SUBSYSTEM] = &config_of_subsystem, [CONFIG_NAMESPACE] = &config_of_namespace,
	[CONFIG_PORT] = &config_of_port, [CONFIG_ANA_GROUP] = &config_of_ana_group,
	[CONFIG_REFERRAL] = &config_of_referral,
};

static bool is_equal_object(const struct diff *d, const struct pair *p, const void *a, const void *b)
{
	return config_object_equal(tables[p->change.what], a, b);
}

static bool is_equal_referral(const struct diff *d, const struct pair *p, const void *a, const void *b)
{
	const char *x = config_referral_nqn(d->before, a), *y = config_referral_nqn(d->after, b);

	return config_object_equal(&config_of_referral, a, b) && !strcmp(x ? x : "", y ? y : "");
}

static bool is_equal_setting(const struct diff *d, const struct pair *p, const void *a, const void *b)
{
	return !strcmp(((const struct config_setting *)a)->value, ((const struct config_setting *)b)->value);
}

/* What is ours of a subsystem or namespace is compared with it; none is as good as one
 * that says nothing. */
static bool is_equal_subsystem(const struct diff *d, const struct pair *p, const void *a, const void *b)
{
	static const struct config_own_subsystem none;
	const struct config_own_subsystem *x, *y;

	x = config_own_named(d->before, ((const struct config_subsystem *)a)->nqn);
	y = config_own_named(d->after, ((const struct config_subsystem *)b)->nqn);
	x = x ? x : &none;
	y = y ? y : &none;
	return config_object_equal(&config_of_subsystem, a, b) && x->nn.value == y->nn.value &&
	       x->second_connection.value == y->second_connection.value;
}

static const struct config_own_namespace *own_of(const struct config *c, const char *nqn, int64_t nsid)
{
	static const struct config_own_namespace none;
	const struct config_own_namespace *own = config_own_namespace(config_own_named(c, nqn), nsid);

	return own ? own : &none;
}

/* However they are written. */
static bool is_equal_eui64(const char *a, const char *b)
{
	uint8_t x[8] = { 0 }, y[8] = { 0 };

	return (!a || value_eui64(a, x)) && (!b || value_eui64(b, y)) && !memcmp(x, y, sizeof(x));
}

static bool is_equal_namespace(const struct diff *d, const struct pair *p, const void *a, const void *b)
{
	int64_t nsid = ((const struct config_namespace *)a)->nsid.value;
	const struct config_own_namespace *x = own_of(d->before, p->change.subsystem, nsid);
	const struct config_own_namespace *y = own_of(d->after, p->change.subsystem, nsid);

	return config_object_equal(&config_of_namespace, a, b) && x->hidden.value == y->hidden.value &&
	       x->read_only.value == y->read_only.value &&
	       x->write_protected.value == y->write_protected.value && is_equal_eui64(x->eui64, y->eui64);
}

/* ---- what belongs to a subsystem --------------------------------------------------------- */

static void compare_names(struct diff *d, struct config_change change, char **before, size_t before_count,
			  char **after, size_t after_count)
{
	const struct pair p = { change, before, after, before_count, after_count, sizeof(char *),
				by_text, NULL };

	compare(d, &p);
}

static void compare_viewers(struct diff *d, const char *nqn, int64_t nsid)
{
	const struct config_own_namespace *x = own_of(d->before, nqn, nsid);
	const struct config_own_namespace *y = own_of(d->after, nqn, nsid);

	compare_names(d, (struct config_change){ .what = CONFIG_VIEWER, .subsystem = nqn, .number = nsid },
		      x->hosts, x->host_count, y->hosts, y->host_count);
}

static void compare_all_viewers(struct diff *d, const char *nqn)
{
	const struct config_own_subsystem *x = config_own_named(d->before, nqn);
	const struct config_own_subsystem *y = config_own_named(d->after, nqn);

	for (size_t i = 0; x && i < x->namespace_count; i++)
		compare_viewers(d, nqn, x->namespaces[i].nsid.value);
	for (size_t i = 0; y && i < y->namespace_count; i++)
		if (!config_own_namespace(x, y->namespaces[i].nsid.value))
			compare_viewers(d, nqn, y->namespaces[i].nsid.value);
}

/* Either may be NULL: it is there in the other alone. */
static void compare_subsystem(struct diff *d, const struct config_subsystem *a,
			      const struct config_subsystem *b)
{
	static const struct config_subsystem none;
	static const struct config_own_subsystem nothing;
	const char *nqn = a ? a->nqn : b->nqn;
	const struct config_own_subsystem *x = config_own_named(d->before, nqn);
	const struct config_own_subsystem *y = config_own_named(d->after, nqn);
	struct pair p = { { .what = CONFIG_NAMESPACE, .subsystem = nqn }, .order = by_number,
			  .size = sizeof(struct config_namespace), .is_equal = is_equal_namespace };

	a = a ? a : &none;
	b = b ? b : &none;
	x = x ? x : &nothing;
	y = y ? y : &nothing;
	compare_names(d, (struct config_change){ .what = CONFIG_ALLOWED_HOST, .subsystem = nqn },
		      a->allowed_hosts, a->allowed_host_count, b->allowed_hosts, b->allowed_host_count);
	compare_names(d, (struct config_change){ .what = CONFIG_ADDRESS, .subsystem = nqn },
		      x->addresses, x->address_count, y->addresses, y->address_count);
	p.before = a->namespaces;
	p.before_count = a->namespace_count;
	p.after = b->namespaces;
	p.after_count = b->namespace_count;
	compare(d, &p);
	compare_all_viewers(d, nqn);
}

static void compare_subsystems(struct diff *d)
{
	const struct pair p = { { .what = CONFIG_SUBSYSTEM }, d->before->subsystems, d->after->subsystems,
				d->before->subsystem_count, d->after->subsystem_count,
				sizeof(struct config_subsystem), by_text, is_equal_subsystem };

	compare(d, &p);
	for (size_t i = 0; i < d->before->subsystem_count; i++)
		compare_subsystem(d, &d->before->subsystems[i],
				  config_subsystem_named(d->after, d->before->subsystems[i].nqn));
	for (size_t i = 0; i < d->after->subsystem_count; i++)
		if (!config_subsystem_named(d->before, d->after->subsystems[i].nqn))
			compare_subsystem(d, NULL, &d->after->subsystems[i]);
}

/* ---- what belongs to a port ----------------------------------------------------------------- */

static const struct config_port *port_of(const struct config *c, int64_t id)
{
	for (size_t i = 0; i < c->port_count; i++)
		if (c->ports[i].portid.value == id)
			return &c->ports[i];
	return NULL;
}

static void compare_port(struct diff *d, const struct config_port *a, const struct config_port *b)
{
	static const struct config_port none;
	int64_t id = a ? a->portid.value : b->portid.value;
	struct pair groups = { { .what = CONFIG_ANA_GROUP, .number = id }, .order = by_number,
			       .size = sizeof(struct config_ana_group), .is_equal = is_equal_object };
	struct pair referrals = { { .what = CONFIG_REFERRAL, .number = id }, .order = by_text,
				  .size = sizeof(struct config_referral), .is_equal = is_equal_referral };

	a = a ? a : &none;
	b = b ? b : &none;
	compare_names(d, (struct config_change){ .what = CONFIG_EXPORT, .number = id },
		      a->subsystems, a->subsystem_count, b->subsystems, b->subsystem_count);
	groups.before = a->ana_groups;
	groups.before_count = a->ana_group_count;
	groups.after = b->ana_groups;
	groups.after_count = b->ana_group_count;
	compare(d, &groups);
	referrals.before = a->referrals;
	referrals.before_count = a->referral_count;
	referrals.after = b->referrals;
	referrals.after_count = b->referral_count;
	compare(d, &referrals);
}

static void compare_ports(struct diff *d)
{
	const struct pair p = { { .what = CONFIG_PORT }, d->before->ports, d->after->ports,
				d->before->port_count, d->after->port_count, sizeof(struct config_port),
				by_number, is_equal_object };

	compare(d, &p);
	for (size_t i = 0; i < d->before->port_count; i++)
		compare_port(d, &d->before->ports[i], port_of(d->after, d->before->ports[i].portid.value));
	for (size_t i = 0; i < d->after->port_count; i++)
		if (!port_of(d->before, d->after->ports[i].portid.value))
			compare_port(d, NULL, &d->after->ports[i]);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static bool has_own_name(const struct config *c)
{
	return c->discovery_nqn && strcmp(c->discovery_nqn, NQN_DISCOVERY);
}

static void compare_rest(struct diff *d)
{
	const struct config *a = d->before, *b = d->after;
	const struct pair settings = { { .what = CONFIG_SETTING }, a->settings, b->settings,
				       a->setting_count, b->setting_count, sizeof(struct config_setting),
				       by_text, is_equal_setting };
	const struct pair devices = { { .what = CONFIG_DEVICE }, a->devices, b->devices, a->device_count,
				      b->device_count, sizeof(struct config_device), by_text,
				      is_equal_object };
	const struct pair hosts = { { .what = CONFIG_HOST }, a->hosts, b->hosts, a->host_count,
				    b->host_count, sizeof(struct config_host), by_text, is_equal_object };

	const struct pair discovery = { { .what = CONFIG_DISCOVERY }, &a->discovery_nqn, &b->discovery_nqn,
					has_own_name(a), has_own_name(b), sizeof(char *), by_text, NULL };

	compare(d, &settings);
	compare(d, &devices);
	compare(d, &hosts);
	compare(d, &discovery);
}

/* Removals from the parts to the whole, the rest the other way round; in each as noted. */
static bool put_in_turn(struct config_changes *c)
{
	struct config_change *list = calloc(c->count ? c->count : 1, sizeof(*list));
	size_t used = 0;

	for (unsigned int turn = 0; list && turn < 3 * CONFIG_WHATS; turn++) {
		enum config_verb verb = turn / CONFIG_WHATS;
		unsigned int what = turn % CONFIG_WHATS;

		if (verb == CONFIG_REMOVE)
			what = CONFIG_WHATS - 1 - what;
		for (size_t i = 0; i < c->count; i++)
			if (c->list[i].verb == verb && c->list[i].what == what)
				list[used++] = c->list[i];
	}
	if (!list)
		return false;
	free(c->list);
	c->list = list;
	return true;
}

int config_diff(const struct config *before, const struct config *after, struct config_changes *changes)
{
	struct diff d = { before, after, changes, false };

	memset(changes, 0, sizeof(*changes));
	compare_rest(&d);
	compare_subsystems(&d);
	compare_ports(&d);
	if (!d.out_of_memory && put_in_turn(changes))
		return 0;
	config_changes_free(changes);
	return -ENOMEM;
}

void config_changes_free(struct config_changes *c)
{
	free(c->list);
	memset(c, 0, sizeof(*c));
}
