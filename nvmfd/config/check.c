/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/checking.h"
#include "config/mistake.h"
#include "config/settings.h"
#include "config/value.h"

#include "device_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t highest_nsid(const struct config *c)
{
	for (size_t i = 0; i < c->setting_count; i++)
		if (!strcmp(c->settings[i].name, "nn"))
			return atoll(c->settings[i].value);
	return INT64_MAX;
}

/* ---- subsystems ---------------------------------------------------------------------------- */

static void check_attributes(struct checking *c, const struct config_subsystem *s, const char *at)
{
	if (s->cntlid_min.value > s->cntlid_max.value)
		mistake_at_path(c->mistakes, at, "attr.cntlid_min is %lld, expected no more than"
				" attr.cntlid_max, %lld", (long long)s->cntlid_min.value,
				(long long)s->cntlid_max.value);
	if (s->allow_any_host.value && s->allowed_host_count)
		mistake_at_path(c->mistakes, at, "attr.allow_any_host is 1 and there are allowed_hosts,"
				" expected one of both");
}

static void check_allowed(struct checking *c, const struct config_subsystem *s, const char *at)
{
	char list[CONFIG_PATH_SIZE];

	snprintf(list, sizeof(list), "%.64s.allowed_hosts", at);
	names_refuse_twins(c->mistakes, list, s->allowed_hosts, s->allowed_host_count);
	names_refuse_unknown(c->mistakes, &c->hosts, list, s->allowed_hosts, s->allowed_host_count,
		       "the nqn of one of hosts");
}

static const void *id_key(const struct config_id *id)
{
	static const uint8_t zeros[16];

	return memcmp(id->bytes, zeros, sizeof(zeros)) ? id->bytes : NULL;
}

/* No two namespaces of a subsystem are one to a host. */
static void check_twin_namespaces(struct checking *c, const struct config_subsystem *s, const char *at)
{
	struct entries nsids, uuids, nguids;
	size_t n = s->namespace_count;
	char list[CONFIG_PATH_SIZE];
	bool all = entries_open(&nsids, n, c->mistakes);

	all &= entries_open(&uuids, n, c->mistakes);
	all &= entries_open(&nguids, n, c->mistakes);
	for (size_t i = 0; all && i < n; i++) {
		const struct config_namespace *ns = &s->namespaces[i];

		entries_add(&nsids, ns->nsid.given ? &ns->nsid.value : NULL, sizeof(ns->nsid.value), i);
		entries_add(&uuids, id_key(&ns->uuid), sizeof(ns->uuid.bytes), i);
		entries_add(&nguids, id_key(&ns->nguid), sizeof(ns->nguid.bytes), i);
	}
	snprintf(list, sizeof(list), "%.64s.namespaces", at);
	if (all) {
		entries_refuse_twins(&nsids, c->mistakes, list, ".nsid");
		entries_refuse_twins(&uuids, c->mistakes, list, ".device.uuid");
		entries_refuse_twins(&nguids, c->mistakes, list, ".device.nguid");
	}
	entries_close(&nsids);
	entries_close(&uuids);
	entries_close(&nguids);
}

static void check_path(struct checking *c, const struct config_namespace *ns, const char *at)
{
	char path[CONFIG_PATH_SIZE], quoted[MISTAKE_QUOTE];

	snprintf(path, sizeof(path), "%.90s.device.path", at);
	if (!config_has_path(ns)) {
		if (ns->enable.value)
			mistake_at_path(c->mistakes, path, "found nothing, expected what the enabled"
					" namespace is stored in");
		return;
	}
	if (*ns->path == '/' || entries_find(&c->devices, ns->path))
		return;
	mistake_quote(quoted, ns->path);
	mistake_at_path(c->mistakes, path, "found %s, expected a path that begins with a slash, or the name"
			" of one of nvmfd.devices", quoted);
}

static void check_namespace(struct checking *c, const struct config_namespace *ns, const char *at)
{
	int64_t nn = highest_nsid(c->config);

	check_path(c, ns, at);
	if (ns->nsid.given && ns->nsid.value > nn)
		mistake_at_path(c->mistakes, at, "nsid is %lld, expected no more than nvmfd.nn, %lld",
				(long long)ns->nsid.value, (long long)nn);
	if (ns->grpid.given && ns->ana_grpid.given && ns->grpid.value != ns->ana_grpid.value)
		mistake_at_path(c->mistakes, at, "ana_grpid is %lld, expected the same as ana.grpid, %lld",
				(long long)ns->ana_grpid.value, (long long)ns->grpid.value);
}

static void check_subsystem(struct checking *c, size_t i)
{
	const struct config_subsystem *s = &c->config->subsystems[i];
	char at[CONFIG_PATH_SIZE], inner[CONFIG_PATH_SIZE];

	snprintf(at, sizeof(at), "subsystems[%zu]", i);
	check_attributes(c, s, at);
	check_allowed(c, s, at);
	check_twin_namespaces(c, s, at);
	for (size_t n = 0; n < s->namespace_count; n++) {
		snprintf(inner, sizeof(inner), "subsystems[%zu].namespaces[%zu]", i, n);
		check_namespace(c, &s->namespaces[n], inner);
	}
}

/* ---- ours ---------------------------------------------------------------------------------- */

/* As on the command line, but NSID and UUID are the namespace's. */
static void check_device(struct checking *c, const struct config_device *d, const char *at)
{
	struct device_spec *spec = malloc(sizeof(*spec));
	char sentence[512];

	if (!spec)
		c->mistakes->out_of_memory = true;
	else if (device_spec_parse(spec, d->device, sentence, sizeof(sentence)))
		mistake_at_path(c->mistakes, at, "%s", sentence);
	else if (spec->nsid || spec->has_uuid)
		mistake_at_path(c->mistakes, at, "found the key nsid or uuid, expected them in the namespace");
	free(spec);
}

static void check_own_namespace(struct checking *c, const struct config_own_namespace *ns,
				const struct config_subsystem *s, const char *at)
{
	char list[CONFIG_PATH_SIZE];
	bool is_there = false;

	for (size_t i = 0; s && i < s->namespace_count; i++)
		is_there |= s->namespaces[i].nsid.given && s->namespaces[i].nsid.value == ns->nsid.value;
	if (s && ns->nsid.given && !is_there)
		mistake_at_path(c->mistakes, at, "nsid is %lld, expected that of one of the subsystem's namespaces",
				(long long)ns->nsid.value);
	if (ns->host_count && !ns->hidden.value)
		mistake_at_path(c->mistakes, at, "there are hosts, expected hidden to be 1: others see it, too");
	snprintf(list, sizeof(list), "%.90s.hosts", at);
	names_refuse_twins(c->mistakes, list, ns->hosts, ns->host_count);
}

static void check_own_identities(struct checking *c, const struct config_own_subsystem *own,
				 const char *list)
{
	struct entries ids;
	uint8_t (*bytes)[8] = calloc(own->namespace_count + 1, sizeof(*bytes));

	if (!bytes || !entries_open(&ids, own->namespace_count, c->mistakes)) {
		free(bytes);
		return;
	}
	for (size_t i = 0; i < own->namespace_count; i++) {
		const char *text = own->namespaces[i].eui64;
		bool is_given = text && value_eui64(text, bytes[i]) && memcmp(bytes[i], (uint8_t[8]){ 0 }, 8);

		entries_add(&ids, is_given ? bytes[i] : NULL, sizeof(bytes[i]), i);
	}
	entries_refuse_twins(&ids, c->mistakes, list, ".eui64");
	entries_close(&ids);
	free(bytes);
}

static void check_own_limit(struct checking *c, const struct config_own_subsystem *own,
			    const struct config_subsystem *s, const char *at)
{
	for (size_t i = 0; s && own->nn.value && i < s->namespace_count; i++) {
		const struct config_namespace *ns = &s->namespaces[i];

		if (ns->enable.value && ns->nsid.given && ns->nsid.value > own->nn.value)
			mistake_at_path(c->mistakes, at, "nn is %lld, expected no less than the nsid of each"
					" namespace that is enabled, as %lld", (long long)own->nn.value,
					(long long)ns->nsid.value);
	}
}

static void check_own_subsystem(struct checking *c, size_t index)
{
	const struct config_own_subsystem *own = &c->config->own_subsystems[index];
	const struct entry *e = own->nqn ? entries_find(&c->subsystems, own->nqn) : NULL;
	const struct config_subsystem *s = e ? &c->config->subsystems[e->index] : NULL;
	struct entries nsids;
	char at[CONFIG_PATH_SIZE], list[CONFIG_PATH_SIZE];

	snprintf(at, sizeof(at), "nvmfd.subsystems[%zu].nqn", index);
	if (own->nqn && !s)
		mistake_at_path(c->mistakes, at, "found no such name, expected the nqn of one of subsystems");
	snprintf(list, sizeof(list), "nvmfd.subsystems[%zu].addresses", index);
	names_refuse_twins(c->mistakes, list, own->addresses, own->address_count);
	snprintf(list, sizeof(list), "nvmfd.subsystems[%zu].namespaces", index);
	if (!entries_open(&nsids, own->namespace_count, c->mistakes))
		return;
	for (size_t i = 0; i < own->namespace_count; i++) {
		const struct config_own_namespace *ns = &own->namespaces[i];

		entries_add(&nsids, ns->nsid.given ? &ns->nsid.value : NULL, sizeof(ns->nsid.value), i);
		snprintf(at, sizeof(at), "%.80s[%zu]", list, i);
		check_own_namespace(c, ns, s, at);
	}
	entries_refuse_twins(&nsids, c->mistakes, list, ".nsid");
	entries_close(&nsids);
	check_own_identities(c, own, list);
	snprintf(at, sizeof(at), "nvmfd.subsystems[%zu]", index);
	check_own_limit(c, own, s, at);
}

static void refuse_twin_own(struct checking *c)
{
	const struct config *config = c->config;
	struct entries e;

	if (!entries_open(&e, config->own_subsystem_count, c->mistakes))
		return;
	for (size_t i = 0; i < config->own_subsystem_count; i++)
		entries_add_text(&e, config->own_subsystems[i].nqn, i);
	entries_refuse_twins(&e, c->mistakes, "nvmfd.subsystems", ".nqn");
	entries_close(&e);
}

static bool is_referral(const struct config *c, const struct config_own_referral *own)
{
	for (size_t i = 0; i < c->port_count; i++)
		for (size_t k = 0; k < c->ports[i].referral_count; k++) {
			const struct config_referral *r = &c->ports[i].referrals[k];

			if (r->traddr && !strcmp(r->traddr, own->traddr) && r->trsvcid.value == own->trsvcid.value)
				return true;
		}
	return false;
}

static bool is_named_before(const struct config *c, size_t index)
{
	const struct config_own_referral *list = c->own_referrals, *own = &list[index];

	for (size_t i = 0; i < index; i++)
		if (list[i].traddr && !strcmp(list[i].traddr, own->traddr) &&
		    list[i].trsvcid.value == own->trsvcid.value)
			return true;
	return false;
}

static void check_own_referral(struct checking *c, size_t index)
{
	const struct config_own_referral *own = &c->config->own_referrals[index];
	char at[CONFIG_PATH_SIZE];

	snprintf(at, sizeof(at), "nvmfd.referrals[%zu].traddr", index);
	if (!own->traddr || !own->trsvcid.given)
		return;		/* it was told */
	if (!is_referral(c->config, own))
		mistake_at_path(c->mistakes, at, "found '%.60s' port %lld, expected the address and port of one of "
				"ports' referrals", own->traddr, (long long)own->trsvcid.value);
	else if (is_named_before(c->config, index))
		mistake_at_path(c->mistakes, at, "found '%.60s' port %lld a second time", own->traddr,
				(long long)own->trsvcid.value);
}

/* Those that fit alone must fit together. */
static void check_settings(struct checking *c)
{
	struct nvmfd_options *o = malloc(sizeof(*o));
	char sentence[256] = "";

	if (!o) {
		c->mistakes->out_of_memory = true;
		return;
	}
	if (options_defaults(o, sentence, sizeof(sentence)) ||
	    config_options(c->config, o, sentence, sizeof(sentence)))
		mistake_at_path(c->mistakes, "nvmfd", "%s", sentence);
	free(o);
}

static void check_own(struct checking *c)
{
	char at[CONFIG_PATH_SIZE];

	for (size_t i = 0; i < c->config->device_count; i++) {
		snprintf(at, sizeof(at), "nvmfd.devices[%zu].device", i);
		if (c->config->devices[i].device)
			check_device(c, &c->config->devices[i], at);
	}
	refuse_twin_own(c);
	for (size_t i = 0; i < c->config->own_subsystem_count; i++)
		check_own_subsystem(c, i);
	for (size_t i = 0; i < c->config->own_referral_count; i++)
		check_own_referral(c, i);
	check_settings(c);
}

static void check_discovery(struct checking *c)
{
	const char *nqn = c->config->discovery_nqn;

	for (size_t i = 0; nqn && i < c->config->subsystem_count; i++)
		if (c->config->subsystems[i].nqn && !strcmp(nqn, c->config->subsystems[i].nqn))
			mistake_at_path(c->mistakes, "discovery.nqn", "found \"%s\", expected another name"
					" than that of subsystems[%zu]", nqn, i);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool open_checking(struct checking *c)
{
	const struct config *config = c->config;
	bool all = entries_open(&c->hosts, config->host_count, c->mistakes);

	all &= entries_open(&c->subsystems, config->subsystem_count, c->mistakes);
	all &= entries_open(&c->devices, config->device_count, c->mistakes);
	for (size_t i = 0; all && i < config->host_count; i++)
		entries_add_text(&c->hosts, config->hosts[i].nqn, i);
	for (size_t i = 0; all && i < config->subsystem_count; i++)
		entries_add_text(&c->subsystems, config->subsystems[i].nqn, i);
	for (size_t i = 0; all && i < config->device_count; i++)
		entries_add_text(&c->devices, config->devices[i].name, i);
	return all;
}

void config_check_together(const struct config *config, struct config_mistakes *mistakes)
{
	struct checking c = { .config = config, .mistakes = mistakes };

	if (open_checking(&c)) {
		entries_refuse_twins(&c.hosts, mistakes, "hosts", ".nqn");
		entries_refuse_twins(&c.subsystems, mistakes, "subsystems", ".nqn");
		entries_refuse_twins(&c.devices, mistakes, "nvmfd.devices", ".name");
		for (size_t i = 0; i < config->subsystem_count; i++)
			check_subsystem(&c, i);
		check_ports(&c);
		check_own(&c);
		check_discovery(&c);
	}
	entries_close(&c.hosts);
	entries_close(&c.subsystems);
	entries_close(&c.devices);
}
