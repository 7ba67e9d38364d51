/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports: where they listen, and what is served there. */
#include "config/checking.h"
#include "config/mistake.h"
#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where it listens, as bytes that are the same where the places are. */
struct where {
	struct value_address address;
	int64_t service;
};

static bool where_of(const struct config_port *p, struct where *w)
{
	memset(w, 0, sizeof(*w));
	w->service = p->trsvcid.value;
	return p->traddr && p->trsvcid.given && value_address(p->traddr, &w->address);
}

/* Any free port is another one each time. */
static void refuse_twin_places(struct checking *c)
{
	size_t n = c->config->port_count;
	struct where *places = calloc(n ? n : 1, sizeof(*places));
	struct entries e;

	if (!places || !entries_open(&e, n, c->mistakes)) {
		c->mistakes->out_of_memory = true;
		free(places);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (where_of(&c->config->ports[i], &places[i]) && places[i].service)
			entries_add(&e, &places[i], sizeof(places[i]), i);
	entries_refuse_twins(&e, c->mistakes, "ports", ".addr");
	entries_close(&e);
	free(places);
}

/* A wildcard address takes the TCP port on every address of its family. */
struct reach {
	int64_t family, service;
};

static struct reach reach_of(const struct where *w)
{
	return (struct reach){ w->address.family, w->service };
}

static void refuse_covered(struct checking *c, const struct entries *wildcards)
{
	char path[CONFIG_PATH_SIZE];
	struct where w;

	for (size_t i = 0; i < c->config->port_count; i++) {
		const struct entry *e;
		struct reach reach;

		if (!where_of(&c->config->ports[i], &w) || w.address.is_wildcard)
			continue;
		reach = reach_of(&w);
		e = entries_find_key(wildcards, &reach, sizeof(reach));
		if (!e)
			continue;
		snprintf(path, sizeof(path), "ports[%zu].addr", i);
		mistake_at_path(c->mistakes, path, "ports[%zu].addr listens on every address, expected another"
				" trsvcid", e->index);
	}
}

static void refuse_covered_places(struct checking *c)
{
	size_t n = c->config->port_count;
	struct reach *reaches = calloc(n ? n : 1, sizeof(*reaches));
	struct entries wildcards;
	struct where w;

	if (!reaches || !entries_open(&wildcards, n, c->mistakes)) {
		c->mistakes->out_of_memory = true;
		free(reaches);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!where_of(&c->config->ports[i], &w) || !w.address.is_wildcard || !w.service)
			continue;
		reaches[i] = reach_of(&w);
		entries_add(&wildcards, &reaches[i], sizeof(reaches[i]), i);
	}
	entries_sort(&wildcards);
	refuse_covered(c, &wildcards);
	entries_close(&wildcards);
	free(reaches);
}

static void check_family(struct checking *c, const struct config_port *p, const char *at)
{
	struct where w;

	if (p->adrfam.given && where_of(p, &w) && (int64_t)w.address.family != p->adrfam.value)
		mistake_at_path(c->mistakes, at, "addr.adrfam is %s, expected the family of addr.traddr",
				p->adrfam.value == CONFIG_IPV6 ? "\"ipv6\"" : "\"ipv4\"");
}

static bool is_accessible(const struct config_port *p, int64_t grpid)
{
	enum config_ana_state state = config_ana_state(p, grpid);

	return state == CONFIG_ANA_OPTIMIZED || state == CONFIG_ANA_NON_OPTIMIZED;
}

/* What is not accessible by a port must not be served there. */
static void check_states(struct checking *c, const struct config_port *p, const char *at,
			 const struct config_subsystem *s, size_t index)
{
	for (size_t i = 0; i < s->namespace_count; i++) {
		const struct config_namespace *ns = &s->namespaces[i];

		if (ns->enable.value && !is_accessible(p, config_ana_group(ns)))
			mistake_at_path(c->mistakes, at, "ana_groups make group %lld of"
					" subsystems[%zu].namespaces[%zu] not accessible here, expected"
					" \"optimized\" or \"non-optimized\": nvmfd has no other states yet",
					(long long)config_ana_group(ns), index, i);
	}
}

static void check_exports(struct checking *c, const struct config_port *p, const char *at)
{
	char list[CONFIG_PATH_SIZE];

	snprintf(list, sizeof(list), "%.64s.subsystems", at);
	names_refuse_twins(c->mistakes, list, p->subsystems, p->subsystem_count);
	names_refuse_unknown(c->mistakes, &c->subsystems, list, p->subsystems, p->subsystem_count,
		       "the nqn of one of subsystems");
	for (size_t i = 0; i < p->subsystem_count; i++) {
		const struct entry *e = p->subsystems[i] ? entries_find(&c->subsystems, p->subsystems[i]) : NULL;

		if (e)
			check_states(c, p, at, &c->config->subsystems[e->index], e->index);
	}
}

static void check_twin_parts(struct checking *c, const struct config_port *p, const char *at)
{
	struct entries groups, names;
	char list[CONFIG_PATH_SIZE];

	if (entries_open(&groups, p->ana_group_count, c->mistakes)) {
		for (size_t i = 0; i < p->ana_group_count; i++)
			if (p->ana_groups[i].grpid.given)
				entries_add(&groups, &p->ana_groups[i].grpid.value, sizeof(int64_t), i);
		snprintf(list, sizeof(list), "%.64s.ana_groups", at);
		entries_refuse_twins(&groups, c->mistakes, list, ".grpid");
		entries_close(&groups);
	}
	if (entries_open(&names, p->referral_count, c->mistakes)) {
		for (size_t i = 0; i < p->referral_count; i++)
			entries_add_text(&names, p->referrals[i].name, i);
		snprintf(list, sizeof(list), "%.64s.referrals", at);
		entries_refuse_twins(&names, c->mistakes, list, ".name");
		entries_close(&names);
	}
}

static void check_discovery_only(struct checking *c)
{
	const struct config *config = c->config;

	for (size_t i = 0; i < config->discovery_only_count; i++) {
		const char *number = config->discovery_only[i];
		bool is_there = !number;

		for (size_t k = 0; !is_there && k < config->port_count; k++)
			is_there = config->ports[k].portid.value == atoll(number);
		if (!is_there)
			mistake_at_path(c->mistakes, "nvmfd.discovery_only", "there is no port %s, expected"
					" the portid of one of ports", number);
	}
}

void check_ports(struct checking *c)
{
	size_t n = c->config->port_count;
	struct entries ids;
	char at[CONFIG_PATH_SIZE];

	if (entries_open(&ids, n, c->mistakes)) {
		for (size_t i = 0; i < n; i++)
			if (c->config->ports[i].portid.given)
				entries_add(&ids, &c->config->ports[i].portid.value, sizeof(int64_t), i);
		entries_refuse_twins(&ids, c->mistakes, "ports", ".portid");
		entries_close(&ids);
	}
	refuse_twin_places(c);
	refuse_covered_places(c);
	check_discovery_only(c);
	for (size_t i = 0; i < n; i++) {
		snprintf(at, sizeof(at), "ports[%zu]", i);
		check_family(c, &c->config->ports[i], at);
		check_exports(c, &c->config->ports[i], at);
		check_twin_parts(c, &c->config->ports[i], at);
	}
}
