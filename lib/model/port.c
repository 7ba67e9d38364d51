/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of ports and referrals. */
#include "model/internal.h"

#include "wire/nqn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ports --------------------------------------------------------------------------------- */

static int find_port(struct model *m, uint16_t id, struct port **p)
{
	*p = snapshot_port(model_snapshot(m), id);
	return *p ? 0 : model_fail(m, -ENOENT, "there is no port %u", id);
}

static uint16_t free_id(const struct model *m)
{
	uint16_t id = 1;

	while (id && snapshot_port(m->draft, id))
		id++;
	return id;
}

static int check_port(struct model *m, struct port_settings *set)
{
	if (strlen(set->address) >= sizeof(((struct port *)0)->address))
		return model_fail(m, -EINVAL, "'%.80s...' is too long for an address",
				  set->address);
	if (set->has_id && snapshot_port(m->draft, set->id))
		return model_fail(m, -EEXIST, "there is a port %u already", set->id);
	if (!set->has_id)
		set->id = free_id(m);
	return set->has_id || set->id ? 0 : model_fail(m, -ENOSPC, "all port identifiers are in use");
}

static int open_port(struct model *m, struct port *p)
{
	struct model_runtime *rt = m->runtime;
	struct prefix address;

	if (rt)
		return rt->open_port(rt, p, m->error, sizeof(m->error));
	if (prefix_of_address(&address, p->address))
		return model_fail(m, -EINVAL, "'%s' is not a numeric address", p->address);
	p->is_ipv6 = address.is_ipv6;
	p->is_any = prefix_holds(&address, address.is_ipv6 ? "::" : "0.0.0.0");
	return 0;
}

static int add_port(struct model *m, struct port_settings *set)
{
	struct port *p;
	int r = check_port(m, set);

	if (r)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p || array_add(&m->draft->ports, p)) {
		free(p);
		return model_no_memory(m);
	}
	*p = (struct port){ .id = set->id, .key = ++m->last_port, .service = set->service };
	strcpy(p->address, set->address);
	r = open_port(m, p);
	if (r) {
		array_remove(&m->draft->ports, m->draft->ports.count - 1);
		port_free(p);
		return r;
	}
	set->service = p->service;
	m->changes_discovery = true;
	return 0;
}

int model_add_port(struct model *m, struct port_settings *set)
{
	int r = change_begin(m);

	return r ? r : change_end(m, add_port(m, set));
}

static int remove_port(struct model *m, uint16_t id)
{
	struct array *all = &m->draft->ports;
	uint64_t key;
	struct port *p;
	int r = find_port(m, id, &p);

	if (r)
		return r;
	for (unsigned int i = all->count; i--; )
		if (all->at[i] == p)
			array_remove(all, i);
	key = p->key;
	port_free(p);
	if (m->runtime && !snapshot_port_of(m->current, key))
		m->runtime->close_port(m->runtime, key);
	m->changes_discovery = true;
	return 0;
}

int model_remove_port(struct model *m, uint16_t id)
{
	int r = change_begin(m);

	return r ? r : change_end(m, remove_port(m, id));
}

/* ---- links ----------------------------------------------------------------------------------- */

static int link_port(struct model *m, struct port *p, struct subsystem *s)
{
	if (port_serves(p, s))
		return model_fail(m, -EEXIST, "port %u serves '%s' already", p->id, s->set.nqn);
	return array_add(&p->subsystems, s) ? model_no_memory(m) : 0;
}

static int unlink_port(struct model *m, struct port *p, struct subsystem *s)
{
	for (unsigned int i = 0; i < p->subsystems.count; i++)
		if (p->subsystems.at[i] == s) {
			array_remove(&p->subsystems, i);
			return 0;
		}
	return model_fail(m, -ENOENT, "port %u does not serve '%s'", p->id, s->set.nqn);
}

static int change_link(struct model *m, uint16_t port, const char *nqn,
		       int (*change)(struct model *, struct port *, struct subsystem *))
{
	struct subsystem *s;
	struct port *p;
	int r = change_begin(m);

	if (r)
		return r;
	r = find_port(m, port, &p);
	if (!r)
		r = find_subsystem(m, nqn, &s);
	if (!r)
		r = change(m, p, s);
	m->changes_discovery |= !r;
	return change_end(m, r);
}

int model_link(struct model *m, uint16_t port, const char *nqn)
{
	return change_link(m, port, nqn, link_port);
}

int model_unlink(struct model *m, uint16_t port, const char *nqn)
{
	return change_link(m, port, nqn, unlink_port);
}

/* ---- referrals --------------------------------------------------------------------------------- */

/* However it is written ("::1" and "0::1"). */
static bool is_same_address(const char *a, const char *b)
{
	struct prefix x, y;

	return !prefix_of_address(&x, a) && !prefix_of_address(&y, b) && prefix_is_equal(&x, &y);
}

static int find_referral(const struct snapshot *s, const char *address, uint16_t service)
{
	for (unsigned int i = 0; i < s->referrals.count; i++) {
		const struct referral *r = s->referrals.at[i];

		if (r->service == service && is_same_address(r->address, address))
			return (int)i;
	}
	return -1;
}

static int check_referral(struct model *m, const struct referral_settings *set,
			  struct prefix *address)
{
	if (prefix_of_address(address, set->address))
		return model_fail(m, -EINVAL, "'%.80s' is not a numeric address", set->address);
	if (!set->service)
		return model_fail(m, -EINVAL, "a referral to port 0 leads nowhere");
	if (find_referral(m->draft, set->address, set->service) >= 0)
		return model_fail(m, -EEXIST, "there is a referral to %s port %u already",
				  set->address, set->service);
	return set->nqn ? check_nqn(m, "the referral's name", set->nqn) : 0;
}

static int add_referral(struct model *m, const struct referral_settings *set)
{
	struct prefix address;
	struct referral *copy;
	int r = check_referral(m, set, &address);

	if (r)
		return r;
	copy = calloc(1, sizeof(*copy));
	if (!copy || array_add(&m->draft->referrals, copy)) {
		free(copy);
		return model_no_memory(m);
	}
	*copy = (struct referral){ .is_ipv6 = address.is_ipv6, .service = set->service,
				   .port_id = set->port_id };
	strcpy(copy->address, set->address);
	strcpy(copy->nqn, set->nqn ? set->nqn : NQN_DISCOVERY);
	m->changes_discovery = true;
	return 0;
}

int model_add_referral(struct model *m, const struct referral_settings *set)
{
	int r = change_begin(m);

	return r ? r : change_end(m, add_referral(m, set));
}

static int remove_referral(struct model *m, const char *address, uint16_t service)
{
	int place = find_referral(m->draft, address, service);

	if (place < 0)
		return model_fail(m, -ENOENT, "there is no referral to %.80s port %u", address,
				  service);
	free(m->draft->referrals.at[place]);
	array_remove(&m->draft->referrals, (unsigned int)place);
	m->changes_discovery = true;
	return 0;
}

int model_remove_referral(struct model *m, const char *address, uint16_t service)
{
	int r = change_begin(m);

	return r ? r : change_end(m, remove_referral(m, address, service));
}
