/* SPDX-License-Identifier: BSD-2-Clause */
#include "served.h"

#include "backend/registry.h"
#include "config/diff.h"
#include "config/settings.h"
#include "config/value.h"
#include "device_spec.h"
#include "nvmf/version.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- settings -------------------------------------------------------------------------- */

/* The smallest that a port gives, where it gives one that is positive. */
static int64_t smallest(const struct config *c, size_t offset)
{
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < c->port_count; i++) {
		const struct config_number *n = (const void *)((const char *)&c->ports[i] + offset);

		if (n->given && n->value > 0 && n->value < least)
			least = n->value;
	}
	return least;
}

#define SMALLEST(c, field) smallest(c, offsetof(struct config_port, field))

static void take_limits(const struct config *c, struct nvmfd_options *o)
{
	int64_t capsule = SMALLEST(c, inline_data_size), entries = SMALLEST(c, max_queue_size);
	int64_t mdts = SMALLEST(c, mdts);

	if (!options_has(o, "in-capsule-data") && capsule != INT64_MAX)
		o->in_capsule_data = (uint64_t)capsule & ~(uint64_t)15;
	if (!options_has(o, "queue-entries") && entries != INT64_MAX)
		o->queue_entries = entries < 16 ? 16 : entries > 4096 ? 4096 : (uint32_t)entries;
	/* The kernel counts in powers of two of 4096 bytes. */
	if (!options_has(o, "mdts") && mdts < 20 && (uint64_t)4096 << mdts < o->mdts)
		o->mdts = (uint64_t)4096 << mdts;
}

static void take_highest_nsid(const struct config *c, struct nvmfd_options *o)
{
	for (size_t i = 0; i < c->subsystem_count && !options_has(o, "nn"); i++) {
		const struct config_subsystem *s = &c->subsystems[i];

		for (size_t k = 0; k < s->namespace_count; k++)
			if (s->namespaces[k].nsid.value > o->nn)
				o->nn = (uint32_t)s->namespaces[k].nsid.value;
	}
}

int served_options(const struct config *c, struct nvmfd_options *o, char *error, size_t error_size)
{
	int r = config_options(c, o, error, error_size);

	o->allow_sqflow_off = o->allow_header_digest = o->allow_data_digest = true;
	/* Those of the kernel's target are each port's own. */
	if (!o->kernel) {
		take_limits(c, o);
		take_highest_nsid(c, o);
	}
	return r;
}

/* ---- what every change needs ------------------------------------------------------------- */

struct serving {
	struct model *model;
	const struct config *before, *after;
	char *error;
	size_t error_size;
};

static int refuse(struct serving *s, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct serving *s, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(s->error, s->error_size, format, ap);
	va_end(ap);
	return code;
}

/* A result of the model's; what is already as wanted is no mistake. */
static int result(struct serving *s, int r, int as_wanted)
{
	if (!r || r == as_wanted)
		return 0;
	return refuse(s, r, "%s", model_error(s->model));
}

static bool is_served(const struct config_namespace *ns)
{
	return ns->enable.value;
}

static const struct config_port *port_of(const struct config *c, int64_t id)
{
	for (size_t i = 0; i < c->port_count; i++)
		if (c->ports[i].portid.value == id)
			return &c->ports[i];
	return NULL;
}

/* ---- devices ------------------------------------------------------------------------------- */

static int open_device(struct serving *s, const char *name, const char *text, const struct device_spec *spec)
{
	struct backend *b;
	int r = backend_open(&spec->backend, &b, s->error, s->error_size);

	if (r)
		return r;
	r = model_add_device(s->model, name, text, b);
	if (r)
		backend_close(b);
	return result(s, r, 0);
}

static int add_device(struct serving *s, const struct config_change *c)
{
	const struct config_device *d = c->after;
	struct device_spec *spec = malloc(sizeof(*spec));
	int r = spec ? device_spec_parse(spec, d->device, s->error, s->error_size) :
		refuse(s, -ENOMEM, "out of memory");

	if (!r)
		r = open_device(s, d->name, d->device, spec);
	free(spec);
	return r;
}

static int drop_device(struct serving *s, const struct config_change *c)
{
	return result(s, model_remove_device(s->model, ((const struct config_device *)c->before)->name),
		      -ENOENT);
}

static int change_device(struct serving *s, const struct config_change *c)
{
	const struct config_device *before = c->before, *after = c->after;
	uint64_t size;

	if (device_text_differs_in_size(before->device, after->device, &size))
		return result(s, model_resize_device(s->model, after->name, size), 0);
	return refuse(s, -EBUSY, "device '%s' can't become another while it is there, but for its size: give"
		      " the new one a name of its own", after->name);
}

/* A path that a namespace names, just as it is. */
static int open_path(struct serving *s, const char *path)
{
	struct device_spec *spec = calloc(1, sizeof(*spec));
	char *text = NULL;
	int r = -ENOMEM;

	/* As on the command line: the last question mark begins the keys. */
	if (!spec || asprintf(&text, "file:%s%s", path, strchr(path, '?') ? "?" : "") < 0)
		refuse(s, r, "out of memory");
	else
		r = device_spec_parse(spec, text, s->error, s->error_size);
	if (!r)
		r = open_device(s, path, text, spec);
	free(text);
	free(spec);
	return r;
}

static bool uses_path(const struct config *c, const char *path)
{
	for (size_t i = 0; i < c->subsystem_count; i++)
		for (size_t k = 0; k < c->subsystems[i].namespace_count; k++) {
			const struct config_namespace *ns = &c->subsystems[i].namespaces[k];

			if (is_served(ns) && !strcmp(ns->path, path))
				return true;
		}
	return false;
}

/* Paths that no namespace names any more; somebody else's may still. */
static void close_paths(struct serving *s)
{
	for (size_t i = 0; i < s->before->subsystem_count; i++) {
		const struct config_subsystem *sub = &s->before->subsystems[i];

		for (size_t k = 0; k < sub->namespace_count; k++) {
			const struct config_namespace *ns = &sub->namespaces[k];

			if (is_served(ns) && *ns->path == '/' && !uses_path(s->after, ns->path))
				model_remove_device(s->model, ns->path);
		}
	}
}

/* ---- subsystems ---------------------------------------------------------------------------- */

static void put_text(char *to, size_t size, const char *text)
{
	if (text)
		snprintf(to, size, "%s", text);
}

static int settings_of(struct serving *s, const struct config *c, const struct config_subsystem *sub,
		       struct subsystem_settings *set)
{
	const struct config_own_subsystem *own = config_own_named(c, sub->nqn);
	int r = model_default_subsystem(s->model, sub->nqn, NVMF_VERSION, set);

	if (r)
		return refuse(s, r, "no serial number can be derived: %s", strerror(-r));
	put_text(set->serial, sizeof(set->serial), sub->serial);
	put_text(set->model, sizeof(set->model), sub->model);
	put_text(set->firmware, sizeof(set->firmware), sub->firmware);
	for (int i = 0; i < 3; i++)
		set->oui[i] = (uint8_t)(sub->ieee_oui.value >> (8 * i));
	set->cntlid_first = (uint16_t)sub->cntlid_min.value;
	set->cntlid_last = (uint16_t)sub->cntlid_max.value;
	if ((uint32_t)sub->qid_max.value < set->io_queues)
		set->io_queues = (uint32_t)sub->qid_max.value;
	set->allows_any_host = sub->allow_any_host.value;
	if (own && own->second_connection.value == CONFIG_SECOND_FENCE)
		set->second = SECOND_FENCES;
	if (own && own->nn.given)
		set->nn = (uint32_t)own->nn.value;
	return 0;
}

static int add_subsystem(struct serving *s, const struct config_change *c)
{
	struct subsystem_settings set;
	int r = settings_of(s, s->after, c->after, &set);

	return r ? r : result(s, model_add_subsystem(s->model, &set), 0);
}

static int drop_subsystem(struct serving *s, const struct config_change *c)
{
	return result(s, model_remove_subsystem(s->model, ((const struct config_subsystem *)c->before)->nqn),
		      -ENOENT);
}

static int change_subsystem(struct serving *s, const struct config_change *c)
{
	struct subsystem_settings set;
	int r = settings_of(s, s->after, c->after, &set);

	return r ? r : result(s, model_change_subsystem(s->model, &set), 0);
}

static bool is_listed(const char *name, char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static int allow_host(struct serving *s, const struct config_change *c)
{
	return result(s, model_allow_host(s->model, c->subsystem, c->after), -EEXIST);
}

static int forbid_host(struct serving *s, const struct config_change *c)
{
	return result(s, model_forbid_host(s->model, c->subsystem, c->before), -ENOENT);
}

static int allow_address(struct serving *s, const struct config_change *c)
{
	return result(s, model_allow_address(s->model, c->subsystem, c->after), -EEXIST);
}

static int forbid_address(struct serving *s, const struct config_change *c)
{
	return result(s, model_forbid_address(s->model, c->subsystem, c->before), -ENOENT);
}

/* One that the model has and the file has not. */
static const char *host_beyond(const struct serving *s, const struct config_subsystem *sub)
{
	const struct subsystem *now = snapshot_subsystem(model_snapshot(s->model), sub->nqn);

	for (unsigned int i = 0; now && i < now->hosts.count; i++)
		if (!is_listed(now->hosts.at[i], sub->allowed_hosts, sub->allowed_host_count))
			return now->hosts.at[i];
	return NULL;
}

/* Where any host may come the file has no list, but calls may have added to the model's. */
static int forbid_others(struct serving *s, const struct config_subsystem *sub)
{
	char name[NQN_FIELD_SIZE + 1];
	const char *host;
	int r = 0;

	while (!r && (host = host_beyond(s, sub))) {
		snprintf(name, sizeof(name), "%s", host);
		r = result(s, model_forbid_host(s->model, sub->nqn, name), 0);
	}
	return r;
}

static int forbid_all_others(struct serving *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->after->subsystem_count; i++)
		r = forbid_others(s, &s->after->subsystems[i]);
	return r;
}

/* ---- namespaces ---------------------------------------------------------------------------- */

static bool is_there(struct serving *s, const struct config_change *c)
{
	const struct subsystem *sub = snapshot_subsystem(model_snapshot(s->model), c->subsystem);

	return sub && subsystem_place(sub, (uint32_t)c->number);
}

static int show_namespace(struct serving *s, const char *nqn, int64_t nsid, const char *hostnqn)
{
	return result(s, model_show_namespace(s->model, nqn, (uint32_t)nsid, hostnqn), -EEXIST);
}

static int show(struct serving *s, const struct config_change *c)
{
	return is_there(s, c) ? show_namespace(s, c->subsystem, c->number, c->after) : 0;
}

static int hide(struct serving *s, const struct config_change *c)
{
	if (!is_there(s, c))
		return 0;
	return result(s, model_hide_namespace(s->model, c->subsystem, (uint32_t)c->number, c->before), -ENOENT);
}

/* What it said before and does not say now is taken back; else hosts decide. */
static enum protection protection_of(const struct serving *s, const struct config_change *c,
				     const struct config_own_namespace *own)
{
	const struct config_own_namespace *before =
		s->before ? config_own_namespace(config_own_named(s->before, c->subsystem), c->number) :
			    NULL;

	if (own && own->write_protected.value)
		return PROTECTION_ON;
	return before && before->write_protected.value ? PROTECTION_OFF : PROTECTION_KEPT;
}

static int add_namespace(struct serving *s, const struct config_change *c)
{
	const struct config_namespace *ns = c->after;
	const struct config_own_namespace *own =
		config_own_namespace(config_own_named(s->after, c->subsystem), c->number);
	struct namespace_settings set = { .nsid = (uint32_t)c->number, .device = ns->path,
					  .protection = protection_of(s, c, own) };
	int r = 0;

	if (!is_served(ns))
		return 0;
	if (own) {
		set.is_read_only = own->read_only.value;
		set.is_hidden = own->hidden.value;
		if (own->eui64)
			value_eui64(own->eui64, set.id.eui64);
	}
	memcpy(set.id.nguid, ns->nguid.bytes, sizeof(set.id.nguid));
	memcpy(set.id.uuid, ns->uuid.bytes, sizeof(set.id.uuid));
	if (!snapshot_device(model_snapshot(s->model), ns->path))
		r = open_path(s, ns->path);
	if (!r)
		r = result(s, model_add_namespace(s->model, c->subsystem, &set), 0);
	for (size_t i = 0; !r && own && i < own->host_count; i++)
		r = show_namespace(s, c->subsystem, c->number, own->hosts[i]);
	return r;
}

static int drop_namespace(struct serving *s, const struct config_change *c)
{
	if (!is_served(c->before))
		return 0;
	return result(s, model_remove_namespace(s->model, c->subsystem, (uint32_t)c->number), -ENOENT);
}

/* ---- ports ----------------------------------------------------------------------------------- */

/* Whether it listens though nothing is served there: the kernel's ports do not. */
static bool is_discovery_only(const struct config *c, int64_t id)
{
	for (size_t i = 0; i < c->discovery_only_count; i++)
		if (atoll(c->discovery_only[i]) == id)
			return true;
	return false;
}

static bool listens(const struct config *c, const struct config_port *p)
{
	return p->subsystem_count || is_discovery_only(c, p->portid.value);
}

static int open_port(struct serving *s, const struct config_port *p)
{
	struct port_settings set = { .has_id = true, .id = (uint16_t)p->portid.value, .address = p->traddr,
				     .service = (uint16_t)p->trsvcid.value };

	if (snapshot_port(model_snapshot(s->model), set.id))
		return 0;
	return result(s, model_add_port(s->model, &set), 0);
}

static int open_discovery_only(struct serving *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->after->port_count; i++)
		if (is_discovery_only(s->after, s->after->ports[i].portid.value))
			r = open_port(s, &s->after->ports[i]);
	return r;
}

/* Those that were, and shall listen no more. */
static int close_discovery_only(struct serving *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->before->discovery_only_count; i++) {
		int64_t id = atoll(s->before->discovery_only[i]);
		const struct config_port *p = port_of(s->after, id);

		if (!p || !listens(s->after, p))
			r = result(s, model_remove_port(s->model, (uint16_t)id), -ENOENT);
	}
	return r;
}

/* As with the kernel's target, a port listens where it serves something. */
static int add_export(struct serving *s, const struct config_change *c)
{
	int r = open_port(s, port_of(s->after, c->number));

	return r ? r : result(s, model_link(s->model, (uint16_t)c->number, c->after), -EEXIST);
}

static int drop_export(struct serving *s, const struct config_change *c)
{
	const struct config_port *p = port_of(s->after, c->number);
	uint16_t id = (uint16_t)c->number;
	int r = result(s, model_unlink(s->model, id, c->before), -ENOENT);

	if (r || (p && listens(s->after, p)) || !snapshot_port(model_snapshot(s->model), id))
		return r;
	return result(s, model_remove_port(s->model, id), -ENOENT);
}

static bool has_moved(const struct config_change *c)
{
	const struct config_port *a = c->before, *b = c->after;

	return strcmp(a->traddr, b->traddr) || a->trsvcid.value != b->trsvcid.value;
}

/* All that move leave before any of them opens: they may change places. */
static int leave_address(struct serving *s, const struct config_change *c)
{
	return has_moved(c) ? result(s, model_remove_port(s->model, (uint16_t)c->number), -ENOENT) : 0;
}

/* What was served there before and still is; more comes as it is added. */
static int open_at_new_address(struct serving *s, const struct config_change *c)
{
	const struct config_port *p = c->after;
	int r = 0;

	if (!has_moved(c) || !listens(s->after, p))
		return 0;
	r = open_port(s, p);
	for (size_t i = 0; !r && i < p->subsystem_count; i++)
		if (snapshot_subsystem(model_snapshot(s->model), p->subsystems[i]))
			r = result(s, model_link(s->model, (uint16_t)p->portid.value, p->subsystems[i]), 0);
	return r;
}

/* Ports have lists of their own, the model has one. */
static bool has_referral(const struct config *c, const struct config_referral *wanted)
{
	for (size_t i = 0; i < c->port_count; i++)
		for (size_t k = 0; k < c->ports[i].referral_count; k++) {
			const struct config_referral *r = &c->ports[i].referrals[k];

			if (r->enable.value && !strcmp(r->traddr, wanted->traddr) &&
			    r->trsvcid.value == wanted->trsvcid.value)
				return true;
		}
	return false;
}

static int add_referral(struct serving *s, const struct config_change *c)
{
	const struct config_referral *r = c->after;
	const struct referral_settings set = { .address = r->traddr, .service = (uint16_t)r->trsvcid.value,
					       .port_id = (uint16_t)r->portid.value,
					       .nqn = config_referral_nqn(s->after, r) };

	return r->enable.value ? result(s, model_add_referral(s->model, &set), -EEXIST) : 0;
}

static int drop_referral(struct serving *s, const struct config_change *c)
{
	const struct config_referral *r = c->before, *next = c->after;
	bool changes = next && !strcmp(next->traddr, r->traddr) && next->trsvcid.value == r->trsvcid.value;

	if (!r->enable.value || (!changes && has_referral(s->after, r)))
		return 0;
	return result(s, model_remove_referral(s->model, r->traddr, (uint16_t)r->trsvcid.value), -ENOENT);
}

/* ---- the discovery subsystem ------------------------------------------------------------------- */

static int unname_discovery(struct serving *s, const struct config_change *c)
{
	return result(s, model_set_discovery_nqn(s->model, NQN_DISCOVERY), 0);
}

static int name_discovery(struct serving *s, const struct config_change *c)
{
	return result(s, model_set_discovery_nqn(s->model, c->after), 0);
}

/* ---- all of it --------------------------------------------------------------------------------- */

/* In this order: what is replaced goes first, and what is named comes before its name. */
static const struct step {
	enum config_verb verb;
	enum config_what what;
	int (*run)(struct serving *, const struct config_change *);
} steps[] = {
	{ CONFIG_CHANGE, CONFIG_PORT, leave_address },
	{ CONFIG_REMOVE, CONFIG_EXPORT, drop_export },
	{ CONFIG_REMOVE, CONFIG_REFERRAL, drop_referral },
	{ CONFIG_CHANGE, CONFIG_REFERRAL, drop_referral },
	{ CONFIG_REMOVE, CONFIG_DISCOVERY, unname_discovery },
	{ CONFIG_REMOVE, CONFIG_VIEWER, hide },
	{ CONFIG_REMOVE, CONFIG_NAMESPACE, drop_namespace },
	{ CONFIG_CHANGE, CONFIG_NAMESPACE, drop_namespace },
	{ CONFIG_REMOVE, CONFIG_ADDRESS, forbid_address },
	{ CONFIG_REMOVE, CONFIG_ALLOWED_HOST, forbid_host },
	{ CONFIG_REMOVE, CONFIG_SUBSYSTEM, drop_subsystem },
	{ CONFIG_REMOVE, CONFIG_DEVICE, drop_device },
	{ CONFIG_ADD, CONFIG_DISCOVERY, name_discovery },
	{ CONFIG_ADD, CONFIG_DEVICE, add_device },
	{ CONFIG_ADD, CONFIG_SUBSYSTEM, add_subsystem },
	{ CONFIG_CHANGE, CONFIG_SUBSYSTEM, change_subsystem },
	{ CONFIG_ADD, CONFIG_ADDRESS, allow_address },
	{ CONFIG_ADD, CONFIG_ALLOWED_HOST, allow_host },
	{ CONFIG_CHANGE, CONFIG_NAMESPACE, add_namespace },
	{ CONFIG_ADD, CONFIG_NAMESPACE, add_namespace },
	{ CONFIG_ADD, CONFIG_VIEWER, show },
	{ CONFIG_CHANGE, CONFIG_PORT, open_at_new_address },
	{ CONFIG_ADD, CONFIG_EXPORT, add_export },
	{ CONFIG_CHANGE, CONFIG_REFERRAL, add_referral },
	{ CONFIG_ADD, CONFIG_REFERRAL, add_referral },
	/* Last: of what a device has lost nothing comes back. */
	{ CONFIG_CHANGE, CONFIG_DEVICE, change_device },
};

static int run_step(struct serving *s, const struct step *step, const struct config_changes *changes)
{
	int r = 0;

	for (size_t i = 0; !r && i < changes->count; i++)
		if (changes->list[i].verb == step->verb && changes->list[i].what == step->what)
			r = step->run(s, &changes->list[i]);
	return r;
}

static int run_steps(struct serving *s, const struct config_changes *changes)
{
	int r = result(s, model_begin(s->model), 0);

	if (r)
		return r;
	r = close_discovery_only(s);
	for (size_t i = 0; !r && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = run_step(s, &steps[i], changes);
	if (!r)
		r = forbid_all_others(s);
	if (!r)
		r = open_discovery_only(s);
	if (!r) {
		close_paths(s);
		r = result(s, model_commit(s->model), 0);
	}
	if (r)
		model_abort(s->model);
	return r;
}

int served_apply(struct model *m, const struct config *before, const struct config *after,
		 char *error, size_t error_size)
{
	struct serving s = { m, before, after, error, error_size };
	struct config_changes changes;
	int r;

	if (config_diff(before, after, &changes))
		return refuse(&s, -ENOMEM, "out of memory");
	r = run_steps(&s, &changes);
	config_changes_free(&changes);
	return r;
}
