/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/plan.h"

#include "config/diff.h"
#include "config/value.h"
#include "kernel/attributes.h"
#include "kernel/device.h"
#include "kernel/silence.h"
#include "model/identity.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct planning {
	const struct config *before, *after;
	struct steps *steps;
	char *error;
	size_t error_size;
};

static int refuse(struct planning *p, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct planning *p, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(p->error, p->error_size, format, ap);
	va_end(ap);
	return code;
}

static void path_of(char path[KERNEL_PATH_SIZE], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void path_of(char path[KERNEL_PATH_SIZE], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(path, KERNEL_PATH_SIZE, format, ap);
	va_end(ap);
}

/* ---- hosts ------------------------------------------------------------------------------ */

static int make_host(struct planning *p, const struct config *c, const struct config_change *change,
		     const void *thing)
{
	const struct config_host *h = thing;
	char path[KERNEL_PATH_SIZE];

	path_of(path, "hosts/%s", h->nqn);
	steps_add(p->steps, STEP_SHARED, path, NULL, NULL, NULL);
	return 0;
}

static int allow_host(struct planning *p, const struct config *c, const struct config_change *change,
		      const void *thing)
{
	char path[KERNEL_PATH_SIZE], target[KERNEL_PATH_SIZE];

	path_of(path, "subsystems/%s/allowed_hosts/%s", change->subsystem, (const char *)thing);
	path_of(target, "hosts/%s", (const char *)thing);
	steps_add(p->steps, STEP_LINK, path, target, NULL, NULL);
	return 0;
}

/* ---- subsystems --------------------------------------------------------------------------- */

static int derive_serial(struct planning *p, const struct config_subsystem *s,
			 char serial[IDENTITY_SERIAL_LENGTH + 1])
{
	int r = identity_serial(s->nqn, serial);

	return r ? refuse(p, r, "no serial number can be derived: %s", strerror(-r)) : 0;
}

static void set_any_host(struct planning *p, const char *nqn, bool allows)
{
	char object[KERNEL_PATH_SIZE];

	path_of(object, "subsystems/%s", nqn);
	attribute_set(p->steps, object, "attr_allow_any_host", "attr.allow_any_host", allows ? "1" : "0",
		      allows ? "0" : "1");
}

static void set_serial(struct planning *p, const struct config_subsystem *s, const char *serial,
		       const char *old)
{
	char object[KERNEL_PATH_SIZE];

	path_of(object, "subsystems/%s", s->nqn);
	attribute_set(p->steps, object, "attr_serial", "attr.serial", serial, old);
}

static int make_subsystem(struct planning *p, const struct config *c, const struct config_change *change,
			  const void *thing)
{
	const struct config_subsystem *s = thing;
	char path[KERNEL_PATH_SIZE], what[KERNEL_PATH_SIZE], derived[IDENTITY_SERIAL_LENGTH + 1];
	int r = derive_serial(p, s, derived);

	if (r)
		return r;
	path_of(path, "subsystems/%s", s->nqn);
	path_of(what, "subsystem '%s'", s->nqn);
	steps_add(p->steps, STEP_OBJECT, path, NULL, NULL, what);
	attributes_set(p->steps, path, &config_of_subsystem, NULL, s);
	/* The kernel's own would be another one each time. */
	set_serial(p, s, s->serial ? s->serial : derived, NULL);
	if (s->allow_any_host.value)
		set_any_host(p, s->nqn, true);
	return 0;
}

static int change_serial(struct planning *p, const struct config_subsystem *a,
			 const struct config_subsystem *b)
{
	char derived[IDENTITY_SERIAL_LENGTH + 1];
	int r = derive_serial(p, b, derived);
	const char *old = a->serial ? a->serial : derived, *new = b->serial ? b->serial : derived;

	if (!r && strcmp(old, new))
		set_serial(p, b, new, old);
	return r;
}

/* The kernel wants the first controller's number not to be above the last one's, and is
 * told of the last one first. */
static void change_attributes(struct planning *p, const struct config_subsystem *a,
			      const struct config_subsystem *b)
{
	struct config_subsystem between = *a;
	char object[KERNEL_PATH_SIZE];

	path_of(object, "subsystems/%s", b->nqn);
	if (b->cntlid_max.value < a->cntlid_min.value) {
		between.cntlid_min = b->cntlid_min;
		attributes_set(p->steps, object, &config_of_subsystem, a, &between);
	}
	attributes_set(p->steps, object, &config_of_subsystem, &between, b);
}

/* Some the kernel changes at any time, others until a host has seen them: it says so. */
static int change_subsystem(struct planning *p, const struct config_change *change)
{
	const struct config_subsystem *a = change->before, *b = change->after;
	const char *key = attributes_left_to_kernel(&config_of_subsystem, a, b);
	int r;

	if (key)
		return refuse(p, -EBUSY, "attr.%s of '%s' can't come or go while the subsystem is there: one of"
			      " the two is the kernel's own", key, b->nqn);
	change_attributes(p, a, b);
	r = change_serial(p, a, b);
	if (!r && a->allow_any_host.value != b->allow_any_host.value)
		set_any_host(p, b->nqn, b->allow_any_host.value);
	return r;
}

/* ---- namespaces ----------------------------------------------------------------------------- */

static void set_id(struct planning *p, const char *object, const char *attribute, const char *key,
		   const struct config_id *id)
{
	char text[VALUE_ID_TEXT];

	value_id_text(id->bytes, text);
	attribute_set(p->steps, object, attribute, key, text, NULL);
}

static void set_enabled(struct planning *p, const char *object, const char *path)
{
	char attribute[KERNEL_PATH_SIZE], what[KERNEL_PATH_SIZE + PATH_MAX + 64];

	path_of(attribute, "%s/enable", object);
	snprintf(what, sizeof(what), "device.path '%s' of %s: enable", path, object);
	steps_add(p->steps, STEP_SET, attribute, "1", "0", what);
}

static int make_namespace(struct planning *p, const struct config *c, const struct config_change *change,
			  const void *thing)
{
	const struct config_namespace *ns = thing;
	struct kernel_device device;
	char object[KERNEL_PATH_SIZE], group[24];
	int r = kernel_device_of(&device, c, ns, p->error, p->error_size);

	if (r)
		return r;
	path_of(object, "subsystems/%s/namespaces/%lld", change->subsystem, (long long)ns->nsid.value);
	steps_add(p->steps, STEP_FOLDER, object, NULL, NULL, NULL);
	if (*device.path)
		attribute_set(p->steps, object, "device_path", "device.path", device.path, NULL);
	if (ns->nguid.given)
		set_id(p, object, "device_nguid", "device.nguid", &ns->nguid);
	/* Else the kernel would invent one. */
	set_id(p, object, "device_uuid", "device.uuid", &ns->uuid);
	snprintf(group, sizeof(group), "%lld", (long long)config_ana_group(ns));
	if (strcmp(group, "1"))
		attribute_set(p->steps, object, "ana_grpid", "ana.grpid", group, NULL);
	if (device.is_buffered)
		attribute_set(p->steps, object, "buffered_io", "direct", "1", NULL);
	if (ns->enable.value)
		set_enabled(p, object, device.path);
	return 0;
}

/* ---- ports ------------------------------------------------------------------------------------ */

static const struct config_port *port_of(const struct config *c, int64_t id)
{
	for (size_t i = 0; i < c->port_count; i++)
		if (c->ports[i].portid.value == id)
			return &c->ports[i];
	return NULL;
}

static const char *family_of(const char *address)
{
	struct value_address a;

	return value_address(address, &a) && a.family == CONFIG_IPV6 ? "ipv6" : "ipv4";
}

static void set_family(struct planning *p, const char *object, const char *before, const char *after)
{
	const char *old = before ? family_of(before) : NULL;

	if (!old || strcmp(old, family_of(after)))
		attribute_set(p->steps, object, "addr_adrfam", "addr.adrfam", family_of(after), old);
}

static int make_port(struct planning *p, const struct config *c, const struct config_change *change,
		     const void *thing)
{
	const struct config_port *port = thing;
	char object[KERNEL_PATH_SIZE], what[32];

	path_of(object, "ports/%lld", (long long)change->number);
	snprintf(what, sizeof(what), "port %lld", (long long)change->number);
	steps_add(p->steps, STEP_OBJECT, object, NULL, NULL, what);
	attribute_set(p->steps, object, "addr_trtype", "addr.trtype", "tcp", NULL);
	set_family(p, object, NULL, port->traddr);
	attributes_set(p->steps, object, &config_of_port, NULL, port);
	return 0;
}

/* One that listens has been silenced before. */
static int change_port(struct planning *p, const struct config_change *change)
{
	const struct config_port *a = change->before, *b = change->after;
	char object[KERNEL_PATH_SIZE];

	path_of(object, "ports/%lld", (long long)change->number);
	set_family(p, object, a->traddr, b->traddr);
	attributes_set(p->steps, object, &config_of_port, a, b);
	return 0;
}

static int make_export(struct planning *p, const struct config *c, const struct config_change *change,
		       const void *thing)
{
	const struct config_port *port = port_of(c, change->number);
	char path[KERNEL_PATH_SIZE], target[KERNEL_PATH_SIZE], what[KERNEL_PATH_SIZE];

	path_of(path, "ports/%lld/subsystems/%s", (long long)change->number, (const char *)thing);
	path_of(target, "subsystems/%s", (const char *)thing);
	path_of(what, "port %lld, %s TCP port %lld, can't serve '%s'", (long long)change->number, port->traddr,
		(long long)port->trsvcid.value, (const char *)thing);
	steps_add(p->steps, STEP_LINK, path, target, NULL, what);
	return 0;
}

static const char *state_of(const struct config_ana_group *g)
{
	static const char *const states[] = {
		[CONFIG_ANA_OPTIMIZED] = "optimized", [CONFIG_ANA_NON_OPTIMIZED] = "non-optimized",
		[CONFIG_ANA_INACCESSIBLE] = "inaccessible",
		[CONFIG_ANA_PERSISTENT_LOSS] = "persistent-loss", [CONFIG_ANA_CHANGE] = "change",
	};

	return states[g->state.value];
}

static void path_of_group(char path[KERNEL_PATH_SIZE], const struct config_change *change,
			  const struct config_ana_group *g)
{
	path_of(path, "ports/%lld/ana_groups/%lld", (long long)change->number, (long long)g->grpid.value);
}

/* The first one is there with its port. */
static int make_group(struct planning *p, const struct config *c, const struct config_change *change,
		      const void *thing)
{
	const struct config_ana_group *g = thing;
	bool is_first = g->grpid.value == 1;
	char object[KERNEL_PATH_SIZE];

	path_of_group(object, change, g);
	if (!is_first)
		steps_add(p->steps, STEP_FOLDER, object, NULL, NULL, NULL);
	if (!is_first || g->state.value != CONFIG_ANA_OPTIMIZED)
		attribute_set(p->steps, object, "ana_state", "ana.state", state_of(g),
			      is_first ? "optimized" : NULL);
	return 0;
}

static int change_group(struct planning *p, const struct config_change *change)
{
	char object[KERNEL_PATH_SIZE];

	path_of_group(object, change, change->after);
	attribute_set(p->steps, object, "ana_state", "ana.state", state_of(change->after),
		      state_of(change->before));
	return 0;
}

static int make_referral(struct planning *p, const struct config *c, const struct config_change *change,
			 const void *thing)
{
	const struct config_referral *r = thing;
	char object[KERNEL_PATH_SIZE];

	path_of(object, "ports/%lld/referrals/%s", (long long)change->number, r->name);
	steps_add(p->steps, STEP_FOLDER, object, NULL, NULL, NULL);
	attribute_set(p->steps, object, "addr_trtype", "addr.trtype", "tcp", NULL);
	set_family(p, object, NULL, r->traddr);
	attributes_set(p->steps, object, &config_of_referral, NULL, r);
	if (r->enable.value)
		attribute_set(p->steps, object, "enable", "enable", "1", "0");
	return 0;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static int refuse_device(struct planning *p, const struct config_change *change)
{
	return refuse(p, -EBUSY, "device '%s' can't become another while it is there: give the new one a name"
		      " of its own", ((const struct config_device *)change->after)->name);
}

/* How a thing is made; backwards, it is removed. */
typedef int make_thing(struct planning *, const struct config *, const struct config_change *,
		       const void *thing);

/* In this order: what is replaced goes first, what is named comes before its name, and
 * ports let hosts come last of all. */
static const struct turn {
	enum config_verb verb;
	enum config_what what;
	/* One of the three. */
	make_thing *removes;		/* what was before, as it was made */
	make_thing *makes;		/* what is to be */
	int (*changes)(struct planning *, const struct config_change *);
} turns[] = {
	{ CONFIG_CHANGE, CONFIG_DEVICE, .changes = refuse_device },
	{ CONFIG_REMOVE, CONFIG_EXPORT, .removes = make_export },
	{ CONFIG_REMOVE, CONFIG_REFERRAL, .removes = make_referral },
	{ CONFIG_CHANGE, CONFIG_REFERRAL, .removes = make_referral },
	{ CONFIG_REMOVE, CONFIG_ANA_GROUP, .removes = make_group },
	{ CONFIG_REMOVE, CONFIG_PORT, .removes = make_port },
	{ CONFIG_REMOVE, CONFIG_NAMESPACE, .removes = make_namespace },
	{ CONFIG_CHANGE, CONFIG_NAMESPACE, .removes = make_namespace },
	{ CONFIG_REMOVE, CONFIG_ALLOWED_HOST, .removes = allow_host },
	{ CONFIG_REMOVE, CONFIG_SUBSYSTEM, .removes = make_subsystem },
	{ CONFIG_REMOVE, CONFIG_HOST, .removes = make_host },
	{ CONFIG_CHANGE, CONFIG_PORT, .changes = change_port },
	{ CONFIG_CHANGE, CONFIG_ANA_GROUP, .changes = change_group },
	{ CONFIG_ADD, CONFIG_HOST, .makes = make_host },
	{ CONFIG_ADD, CONFIG_SUBSYSTEM, .makes = make_subsystem },
	{ CONFIG_CHANGE, CONFIG_SUBSYSTEM, .changes = change_subsystem },
	{ CONFIG_ADD, CONFIG_ALLOWED_HOST, .makes = allow_host },
	{ CONFIG_CHANGE, CONFIG_NAMESPACE, .makes = make_namespace },
	{ CONFIG_ADD, CONFIG_NAMESPACE, .makes = make_namespace },
	{ CONFIG_ADD, CONFIG_PORT, .makes = make_port },
	{ CONFIG_ADD, CONFIG_ANA_GROUP, .makes = make_group },
	{ CONFIG_CHANGE, CONFIG_REFERRAL, .makes = make_referral },
	{ CONFIG_ADD, CONFIG_REFERRAL, .makes = make_referral },
	{ CONFIG_ADD, CONFIG_EXPORT, .makes = make_export },
};

static int plan_change(struct planning *p, const struct turn *t, const struct config_change *c)
{
	size_t first = p->steps->count;
	int r;

	if (t->changes)
		return t->changes(p, c);
	if (t->makes)
		return t->makes(p, p->after, c, c->after);
	r = t->removes(p, p->before, c, c->before);
	steps_turn(p->steps, first);
	return r;
}

static int plan_turn(struct planning *p, const struct turn *t, const struct config_changes *changes)
{
	int r = 0;

	for (size_t i = 0; !r && i < changes->count; i++)
		if (changes->list[i].verb == t->verb && changes->list[i].what == t->what)
			r = plan_change(p, t, &changes->list[i]);
	return r;
}

static int plan(struct planning *p)
{
	struct config_changes changes;
	int r = 0;

	if (config_diff(p->before, p->after, &changes))
		return refuse(p, -ENOMEM, "out of memory");
	for (size_t i = 0; !r && i < sizeof(turns) / sizeof(turns[0]); i++)
		r = plan_turn(p, &turns[i], &changes);
	config_changes_free(&changes);
	return r;
}

int kernel_plan(const struct config *before, const struct config *after, struct steps *steps,
		char *error, size_t error_size)
{
	struct planning p = { before, after, steps, error, error_size };
	struct config silent;
	int r;

	*steps = (struct steps){ 0 };
	if (kernel_silence(before, after, &silent) < 0)
		return refuse(&p, -ENOMEM, "out of memory");
	p.after = &silent;
	r = plan(&p);
	p.before = &silent;
	p.after = after;
	if (!r)
		r = plan(&p);
	if (!r && steps->out_of_memory)
		r = refuse(&p, -ENOMEM, "out of memory");
	kernel_silence_end(&silent);
	return r;
}
