/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A document is made and then read as any file is: so nothing is ever written that could
 * not be read again.
 */
#include "captured.h"

#include "config/value.h"
#include "device_spec.h"
#include "storage/backend.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL stands for no memory, or nothing: jansson takes it and fails. */

/* ---- what was loaded --------------------------------------------------------------------- */

static json_t *document_of(const struct config *c)
{
	char *text = config_format(c);
	json_t *document = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return document;
}

/* The element of a list that has this member; NULL: none. */
static json_t *element_with(const json_t *list, const char *member, const json_t *value)
{
	json_t *element;
	size_t i;

	json_array_foreach(list, i, element)
		if (json_equal(json_object_get(element, member), value))
			return element;
	return NULL;
}

static json_t *element_numbered(const json_t *list, const char *member, json_int_t number)
{
	json_t *value = json_integer(number), *found = element_with(list, member, value);

	json_decref(value);
	return found;
}

static json_t *element_named(const json_t *list, const char *member, const char *name)
{
	json_t *value = json_string(name), *found = element_with(list, member, value);

	json_decref(value);
	return found;
}

/* A copy of what was loaded, to be brought up to date; or an empty object. */
static json_t *begin_with(const json_t *loaded)
{
	return loaded ? json_deep_copy(loaded) : json_object();
}

/* The object of that name within, made where there is none. */
static json_t *part_of(json_t *object, const char *name)
{
	if (!json_object_get(object, name))
		json_object_set_new(object, name, json_object());
	return json_object_get(object, name);
}

static json_t *texts_of(const struct array *texts)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < texts->count; i++)
		json_array_append_new(list, json_string(texts->at[i]));
	return list;
}

/* The kernel's files have most numbers as texts. */
static json_t *decimal(unsigned int number)
{
	return json_sprintf("%u", number);
}

/* ---- namespaces ------------------------------------------------------------------------------ */

static bool is_zero(const uint8_t *bytes, size_t count)
{
	while (count && !bytes[count - 1])
		count--;
	return !count;
}

static void put_id(json_t *device, const char *name, const uint8_t bytes[16])
{
	char text[VALUE_ID_TEXT];

	if (is_zero(bytes, 16))
		return;
	value_id_text(bytes, text);
	json_object_set_new(device, name, json_string(text));
}

static json_t *namespace_of(const struct namespace *ns, const json_t *loaded)
{
	json_t *to = begin_with(loaded), *device = json_object();

	json_object_set_new(device, "path", json_string(ns->device->name));
	put_id(device, "nguid", ns->id.nguid);
	put_id(device, "uuid", ns->id.uuid);
	json_object_set_new(to, "device", device);
	json_object_set_new(to, "nsid", json_integer(ns->nsid));
	json_object_set_new(to, "enable", json_integer(1));
	return to;
}

/* Those that are not enabled are the file's alone. */
static void keep_disabled(json_t *list, const json_t *loaded)
{
	json_t *ns;
	size_t i;

	json_array_foreach(json_object_get(loaded, "namespaces"), i, ns)
		if (json_integer_value(json_object_get(ns, "enable")) != 1 &&
		    !element_with(list, "nsid", json_object_get(ns, "nsid")))
			json_array_append(list, ns);
}

static json_t *namespaces_of(const struct subsystem *s, const json_t *loaded)
{
	const json_t *old = json_object_get(loaded, "namespaces");
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->places.count; i++) {
		const struct namespace *ns = ((const struct ns_place *)s->places.at[i])->ns;

		json_array_append_new(list, namespace_of(ns, element_numbered(old, "nsid", ns->nsid)));
	}
	keep_disabled(list, loaded);
	return list;
}

/* ---- subsystems ---------------------------------------------------------------------------- */

static void put_attributes(json_t *attr, const struct subsystem_settings *set)
{
	json_object_update_new(attr, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}",
		"serial", set->serial, "model", set->model, "firmware", set->firmware,
		"allow_any_host", decimal(set->allows_any_host),
		"cntlid_min", decimal(set->cntlid_first), "cntlid_max", decimal(set->cntlid_last),
		"qid_max", decimal(set->io_queues), "ieee_oui",
		json_sprintf("0x%06x", (unsigned int)(set->oui[0] | set->oui[1] << 8 | set->oui[2] << 16))));
}

static json_t *subsystem_of(const struct subsystem *s, const json_t *loaded)
{
	const struct array none = { 0 };
	json_t *to = begin_with(loaded);

	put_attributes(part_of(to, "attr"), &s->set);
	json_object_set_new(to, "nqn", json_string(s->set.nqn));
	/* Where any may come, a list has no meaning, and the form allows none. */
	json_object_set_new(to, "allowed_hosts", texts_of(s->set.allows_any_host ? &none : &s->hosts));
	json_object_set_new(to, "namespaces", namespaces_of(s, loaded));
	return to;
}

static json_t *subsystems_of(const struct snapshot *all, const json_t *loaded)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < all->subsystems.count; i++) {
		const struct subsystem *s = all->subsystems.at[i];

		json_array_append_new(list, subsystem_of(s, element_named(loaded, "nqn", s->set.nqn)));
	}
	return list;
}

/* Every name of a list must be among them. */
static json_t *hosts_of(const json_t *subsystems, const json_t *loaded)
{
	json_t *list = loaded ? json_deep_copy(loaded) : json_array(), *s, *name;
	size_t i, k;

	json_array_foreach(subsystems, i, s)
		json_array_foreach(json_object_get(s, "allowed_hosts"), k, name)
			if (!element_with(list, "nqn", name))
				json_array_append_new(list, json_pack("{s:O}", "nqn", name));
	return list;
}

/* ---- ports ----------------------------------------------------------------------------------- */

/* What is free at the next start is as good as what was free at this one. */
static bool takes_any(const json_t *addr)
{
	const char *service = json_string_value(json_object_get(addr, "trsvcid"));

	return service && !strcmp(service, "0");
}

static json_t *names_at(const struct port *p)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < p->subsystems.count; i++)
		json_array_append_new(list,
				      json_string(((const struct subsystem *)p->subsystems.at[i])->set.nqn));
	return list;
}

static json_t *port_of(const struct port *p, const json_t *loaded)
{
	json_t *to = begin_with(loaded), *addr = part_of(to, "addr");

	if (!takes_any(addr))
		json_object_set_new(addr, "trsvcid", decimal(p->service));
	json_object_update_new(addr, json_pack("{s:s, s:s, s:s}", "adrfam",
					       p->is_ipv6 ? "ipv6" : "ipv4", "traddr", p->address,
					       "trtype", "tcp"));
	json_object_set_new(to, "portid", json_integer(p->id));
	json_object_set_new(to, "subsystems", names_at(p));
	return to;
}

/* By their numbers, whichever came first: so that the file differs where what runs does. */
static void insert_port(json_t *list, json_t *port)
{
	json_int_t id = json_integer_value(json_object_get(port, "portid"));
	size_t at = 0;

	while (at < json_array_size(list) &&
	       json_integer_value(json_object_get(json_array_get(list, at), "portid")) < id)
		at++;
	json_array_insert_new(list, at, port);
}

/* Those at which the file has nobody listen. */
static void keep_silent(json_t *list, const json_t *loaded)
{
	json_t *port;
	size_t i;

	json_array_foreach(loaded, i, port)
		if (!json_array_size(json_object_get(port, "subsystems")) &&
		    !element_with(list, "portid", json_object_get(port, "portid")))
			insert_port(list, json_incref(port));
}

static json_t *ports_of(const struct snapshot *all, const json_t *loaded)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < all->ports.count; i++) {
		const struct port *p = all->ports.at[i];

		insert_port(list, port_of(p, element_numbered(loaded, "portid", p->id)));
	}
	keep_silent(list, loaded);
	return list;
}

/* ---- referrals: each port has a list, the model has one ------------------------------------------ */

static bool is_referral_to(const json_t *referral, const struct referral *r)
{
	const json_t *addr = json_object_get(referral, "addr");
	const char *address = json_string_value(json_object_get(addr, "traddr"));
	const char *service = json_string_value(json_object_get(addr, "trsvcid"));

	return address && service && !strcmp(address, r->address) && atoi(service) == r->service;
}

static bool is_in_model(const struct snapshot *all, const json_t *referral)
{
	for (unsigned int i = 0; i < all->referrals.count; i++)
		if (is_referral_to(referral, all->referrals.at[i]))
			return true;
	return false;
}

/* Takes out those that are no more. */
static void drop_referrals(const struct snapshot *all, json_t *ports)
{
	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port) {
		json_t *list = json_object_get(port, "referrals");

		for (size_t k = json_array_size(list); k--; ) {
			const json_t *r = json_array_get(list, k);

			if (json_integer_value(json_object_get(r, "enable")) && !is_in_model(all, r))
				json_array_remove(list, k);
		}
	}
}

static bool has_referral(const json_t *ports, const struct referral *r)
{
	json_t *port, *one;
	size_t i, k;

	json_array_foreach(ports, i, port)
		json_array_foreach(json_object_get(port, "referrals"), k, one)
			if (json_integer_value(json_object_get(one, "enable")) && is_referral_to(one, r))
				return true;
	return false;
}

static json_t *referral_of(const struct referral *r)
{
	return json_pack("{s:o, s:i, s:{s:s, s:s, s:o, s:o, s:s, s:s}}", "name",
			 json_sprintf("%s-%u", r->address, r->service), "enable", 1, "addr", "adrfam",
			 r->is_ipv6 ? "ipv6" : "ipv4", "traddr", r->address, "trsvcid",
			 decimal(r->service), "portid", decimal(r->port_id), "trtype", "tcp", "treq",
			 "not specified");
}

/* False: there is no port to put them at. */
static bool put_referrals(const struct snapshot *all, json_t *ports)
{
	json_t *first = json_array_get(ports, 0);

	drop_referrals(all, ports);
	for (unsigned int i = 0; i < all->referrals.count; i++) {
		const struct referral *r = all->referrals.at[i];

		if (has_referral(ports, r))
			continue;
		if (!first)
			return false;
		if (!json_object_get(first, "referrals"))
			json_object_set_new(first, "referrals", json_array());
		json_array_append_new(json_object_get(first, "referrals"), referral_of(r));
	}
	return true;
}

/* ---- ours ------------------------------------------------------------------------------------------ */

/* A path that a namespace names is no device of its own. */
static bool is_path(const struct device *d)
{
	return *d->name == '/' && !strncmp(d->text, "file:", 5) &&
	       !strncmp(d->text + 5, d->name, strlen(d->name));
}

/* "nsid" and "uuid" of the command line are the namespace's here. */
static json_t *text_of_device(const char *text)
{
	const char *keys = strrchr(text, '?');
	char *copy = strdup(text), *to, *key, *rest, *save = NULL;
	json_t *result;

	if (!keys || !copy) {
		result = copy ? json_string(copy) : NULL;
		free(copy);
		return result;
	}
	to = copy + (keys - text);
	rest = strdup(keys + 1);
	*to = 0;
	for (key = strtok_r(rest, "&", &save); key; key = strtok_r(NULL, "&", &save))
		if (strncmp(key, "nsid=", 5) && strncmp(key, "uuid=", 5))
			to += sprintf(to, "%c%s", to == copy + (keys - text) ? '?' : '&', key);
	/* A path that holds a question mark ends with another. */
	if (to == copy + (keys - text) && strchr(copy, '?'))
		strcpy(to, "?");
	result = json_string(copy);
	free(rest);
	free(copy);
	return result;
}

/* It may have grown since, or shrunk. */
static json_t *device_of(const struct device *d)
{
	char *text = device_text_resized(d->text, d->backend->info.size);
	json_t *made = json_pack("{s:s, s:o}", "name", d->name, "device",
				 text_of_device(text ? text : d->text));

	free(text);
	return made;
}

static json_t *devices_of(const struct snapshot *all)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < all->devices.count; i++) {
		const struct device *d = all->devices.at[i];

		if (!is_path(d))
			json_array_append_new(list, device_of(d));
	}
	return list;
}

static uint64_t big_endian(const uint8_t bytes[8])
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

static json_t *own_namespace(const struct ns_place *place)
{
	const struct namespace *ns = place->ns;
	bool is_read_only = ns->is_read_only && !ns->backend->info.read_only;
	bool is_protected = atomic_load(&ns->common->is_protected);
	json_t *to;

	if (!is_read_only && !is_protected && !place->is_hidden && is_zero(ns->id.eui64, 8))
		return NULL;
	to = json_pack("{s:I, s:i, s:i, s:i}", "nsid", (json_int_t)ns->nsid, "read_only",
		       is_read_only, "write_protected", is_protected, "hidden", place->is_hidden);
	if (place->is_hidden)
		json_object_set_new(to, "hosts", texts_of(&place->hosts));
	if (!is_zero(ns->id.eui64, 8))
		json_object_set_new(to, "eui64",
				    json_sprintf("%016llx", (unsigned long long)big_endian(ns->id.eui64)));
	return to;
}

static json_t *prefixes_of(const struct subsystem *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->prefixes.count; i++) {
		char text[PREFIX_TEXT];

		prefix_format(s->prefixes.at[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *own_subsystem(const struct subsystem *s)
{
	json_t *namespaces = json_array();

	for (unsigned int i = 0; i < s->places.count; i++) {
		json_t *ns = own_namespace(s->places.at[i]);

		if (ns)
			json_array_append_new(namespaces, ns);
	}
	return json_pack("{s:s, s:s, s:o, s:o, s:I}", "nqn", s->set.nqn, "second_connection",
			 s->set.second == SECOND_FENCES ? "fence" : "allow", "addresses",
			 prefixes_of(s), "namespaces", namespaces, "nn", (json_int_t)s->set.nn);
}

static void put_setting(void *context, const char *name, const char *text, uint64_t number)
{
	char *key = strdup(name);

	for (char *p = key; p && *p; p++)
		if (*p == '-')
			*p = '_';
	json_object_set_new(context, key, text ? json_string(text) : json_integer((json_int_t)number));
	free(key);
}

/* The kernel's ports do not listen where they serve nothing. */
static json_t *discovery_only(const struct snapshot *all, const json_t *ports)
{
	json_t *list = json_array();

	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port) {
		json_int_t id = json_integer_value(json_object_get(port, "portid"));
		const struct port *p = snapshot_port(all, (uint16_t)id);

		if (p && !p->subsystems.count)
			json_array_append_new(list, decimal(p->id));
	}
	return list;
}

/* The kernel's referrals have no names. */
static json_t *named_referrals(const struct snapshot *all)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < all->referrals.count; i++) {
		const struct referral *r = all->referrals.at[i];

		if (strcmp(r->nqn, NQN_DISCOVERY))
			json_array_append_new(list, json_pack("{s:s, s:o, s:s}", "traddr", r->address,
							      "trsvcid", decimal(r->service), "nqn", r->nqn));
	}
	return list;
}

static json_t *own_of(const struct snapshot *all, const struct nvmfd_options *o,
		      const json_t *ports)
{
	json_t *to = json_object(), *subsystems = json_array();

	options_each_set(o, put_setting, to);
	for (unsigned int i = 0; i < all->subsystems.count; i++)
		json_array_append_new(subsystems, own_subsystem(all->subsystems.at[i]));
	json_object_set_new(to, "devices", devices_of(all));
	json_object_set_new(to, "discovery_only", discovery_only(all, ports));
	json_object_set_new(to, "referrals", named_referrals(all));
	json_object_set_new(to, "subsystems", subsystems);
	return to;
}

/* As it was written, where that is still so. */
static void put_discovery(const struct snapshot *all, json_t *document)
{
	const json_t *said = json_object_get(json_object_get(document, "discovery"), "nqn");
	const char *was = said ? json_string_value(said) : NQN_DISCOVERY, *is = all->discovery->set.nqn;

	if (strcmp(was, is))
		json_object_set_new(document, "discovery", json_pack("{s:s}", "nqn", is));
}

/* ---- all of it --------------------------------------------------------------------------------------- */

static int read_document(const json_t *document, struct config *to, char *error, size_t error_size)
{
	char *text = json_dumps(document, JSON_COMPACT), *line;
	struct config_mistakes mistakes = { 0 };
	int r = text ? config_parse(to, text, strlen(text), &mistakes) : -ENOMEM;

	if (r && mistakes.count) {
		line = config_mistake_line(&mistakes.list[0], "the file's form can't hold what runs");
		snprintf(error, error_size, "%s", line ? line : "out of memory");
		free(line);
	} else if (r) {
		snprintf(error, error_size, "out of memory");
	}
	config_mistakes_free(&mistakes);
	free(text);
	return r;
}

int captured_config(const struct snapshot *all, const struct nvmfd_options *o,
		    const struct config *loaded, struct config *to, char *error,
		    size_t error_size)
{
	json_t *document = document_of(loaded);
	json_t *subsystems = subsystems_of(all, json_object_get(document, "subsystems"));
	json_t *ports = ports_of(all, json_object_get(document, "ports"));
	int r;

	memset(to, 0, sizeof(*to));
	json_object_set_new(document, "hosts", hosts_of(subsystems, json_object_get(document, "hosts")));
	json_object_set_new(document, "nvmfd", own_of(all, o, ports));
	put_discovery(all, document);
	if (put_referrals(all, ports)) {
		json_object_set(document, "subsystems", subsystems);
		json_object_set(document, "ports", ports);
		r = read_document(document, to, error, error_size);
	} else {
		r = -ENOTSUP;
		snprintf(error, error_size, "the file's form can't hold a referral without a port");
	}
	json_decref(subsystems);
	json_decref(ports);
	json_decref(document);
	return r;
}
