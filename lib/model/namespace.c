/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of devices and namespaces. */
#include "model/internal.h"
#include "storage/backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE_NAME_MOST 255

/* ---- devices ---------------------------------------------------------------------------- */

static int check_device_name(struct model *m, const char *name)
{
	size_t length = strlen(name);

	if (!length || length > DEVICE_NAME_MOST)
		return model_fail(m, -EINVAL, "a device's name has %zu bytes, not from 1 to %d",
				  length, DEVICE_NAME_MOST);
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return model_fail(m, -EINVAL, "a device's name has control characters");
	if (snapshot_device(model_snapshot(m), name))
		return model_fail(m, -EEXIST, "there is a device '%s' already", name);
	return 0;
}

static void invent_name(const struct model *m, char name[32])
{
	unsigned int i = 0;

	do
		snprintf(name, 32, "device%u", i++);
	while (snapshot_device(model_snapshot(m), name));
}

static void free_device(struct device *d)
{
	if (!d)
		return;
	marks_free(&d->marks);
	free(d->name);
	free(d->text);
	free(d);
}

static int add_device(struct model *m, const char *name, const char *text, struct backend *b)
{
	char invented[32];
	struct device *d;
	int r;

	if (!name) {
		invent_name(m, invented);
		name = invented;
	}
	r = check_device_name(m, name);
	if (r)
		return r;
	d = calloc(1, sizeof(*d));
	if (d) {
		marks_init(&d->marks);
		d->name = strdup(name);
		d->text = strdup(text ? text : "");
		d->refs = 1;
	}
	if (!d || !d->name || !d->text || array_add(&m->draft->devices, d)) {
		free_device(d);
		return model_no_memory(m);
	}
	d->backend = b;
	return 0;
}

int model_add_device(struct model *m, const char *name, const char *text, struct backend *b)
{
	int r = change_begin(m);

	return r ? r : change_end(m, add_device(m, name, text, b));
}

const char *model_device_name(const struct model *m)
{
	const struct array *devices = &model_snapshot(m)->devices;

	return ((struct device *)devices->at[devices->count - 1])->name;
}

/* NULL: nobody. */
static const struct subsystem *user_of(const struct snapshot *s, const struct device *d)
{
	for (unsigned int i = 0; i < s->subsystems.count; i++) {
		const struct subsystem *sub = s->subsystems.at[i];

		for (unsigned int k = 0; k < sub->places.count; k++)
			if (((struct ns_place *)sub->places.at[k])->ns->device == d)
				return sub;
	}
	return NULL;
}

static int remove_device(struct model *m, const char *name)
{
	struct array *all = &m->draft->devices;
	struct device *d = snapshot_device(m->draft, name);
	const struct subsystem *user;

	if (!d)
		return model_fail(m, -ENOENT, "there is no device '%.255s'", name);
	user = user_of(m->draft, d);
	if (user)
		return model_fail(m, -EBUSY, "device '%s' is a namespace of '%s'", name,
				  user->set.nqn);
	for (unsigned int i = all->count; i--; )
		if (all->at[i] == d)
			array_remove(all, i);
	device_put(d);
	return 0;
}

int model_remove_device(struct model *m, const char *name)
{
	int r = change_begin(m);

	return r ? r : change_end(m, remove_device(m, name));
}

/* ---- size --------------------------------------------------------------------------------- */

/* A new record in place of the old one, which commands may still go by. */
static int renew(struct model *m, struct ns_place *p, uint64_t blocks)
{
	struct namespace facts = *p->ns, *ns;

	facts.blocks = blocks;
	ns = record_new(&facts, m->workers);
	if (!ns)
		return model_no_memory(m);
	record_put(p->ns, &m->retired);
	p->ns = ns;
	return 0;
}

static int renew_all(struct model *m, const struct device *d, uint64_t bytes)
{
	int r = 0;

	for (unsigned int i = 0; i < m->draft->subsystems.count; i++) {
		struct subsystem *s = m->draft->subsystems.at[i];

		for (unsigned int k = 0; k < s->places.count && !r; k++) {
			struct ns_place *p = s->places.at[k];

			if (p->ns->device == d)
				r = renew(m, p, bytes >> p->ns->lba_shift);
		}
	}
	return r;
}

/* As the draft has it. */
static uint64_t size_of(const struct device *d)
{
	return d->next_size ? d->next_size : d->backend->info.size;
}

/*
 * Storage grows at once, for the draft alone has the new end.  Hosts still read and write
 * what it is to lose, and an abort must give it back: so it is asked for the size that
 * it has, which says whether it can be changed at all, and shrinks in sizes_settle.
 */
static int ask_storage(const struct device *d, uint64_t bytes, uint64_t *now)
{
	uint64_t size = d->backend->info.size;
	int r;

	if (!bytes || bytes > size)
		return backend_resize(d->backend, bytes, now);
	r = backend_resize(d->backend, size, now);
	*now = bytes;
	return r;
}

static int resize_device(struct model *m, const char *name, uint64_t bytes)
{
	struct device *d = snapshot_device(m->draft, name);
	uint64_t now;
	int r;

	if (!d)
		return model_fail(m, -ENOENT, "there is no device '%.255s'", name);
	/* What this change has made of it is not there yet for who looks. */
	if (!bytes && d->next_size)
		return 0;
	bytes -= bytes % d->backend->info.block_size;
	r = ask_storage(d, bytes, &now);
	if (r)
		return model_fail(m, r, "device '%s' can't be made %ju bytes: %s", name,
				  (uintmax_t)bytes, strerror(-r));
	now -= now % d->backend->info.block_size;
	if (!now)
		return model_fail(m, -EINVAL, "device '%s' has less than one block now", name);
	if (now == size_of(d))
		return 0;
	d->next_size = now;
	return renew_all(m, d, now);
}

/* A file that somebody else has changed refuses: it has its size already. */
static void settle(struct device *d, bool is_left)
{
	struct backend *b = d->backend;
	uint64_t now;

	if (!d->next_size)
		return;
	if (is_left)
		backend_resize(b, d->next_size, &now);
	/* What comes back there some day is not what was marked. */
	if (marks_any(&d->marks))
		marks_clear(&d->marks, d->next_size / b->info.block_size, UINT64_MAX / 2);
	b->info.size = d->next_size;
	d->next_size = 0;
}

void sizes_settle(struct model *m, bool is_left)
{
	for (unsigned int i = 0; i < m->current->devices.count; i++)
		settle(m->current->devices.at[i], is_left);
}

void sizes_undo(struct model *m)
{
	for (unsigned int i = 0; i < m->current->devices.count; i++) {
		struct device *d = m->current->devices.at[i];
		uint64_t now;

		if (d->next_size)
			backend_resize(d->backend, d->backend->info.size, &now);
		d->next_size = 0;
	}
}

int model_resize_device(struct model *m, const char *name, uint64_t bytes)
{
	int r = change_begin(m);

	return r ? r : change_end(m, resize_device(m, name, bytes));
}

/* ---- namespaces --------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t n)
{
	while (n && !bytes[n - 1])
		n--;
	return !n;
}

static void derive(uint8_t *id, const uint8_t *derived, size_t n)
{
	if (is_zero(id, n))
		memcpy(id, derived, n);
}

static int identify(struct model *m, struct namespace *ns, const char *nqn)
{
	struct ns_identity derived;

	if (identity_of_namespace(nqn, ns->nsid, &derived))
		return model_fail(m, -EIO, "libcrypto has no SHA-256 to derive identifiers with");
	derive(ns->id.nguid, derived.nguid, sizeof(derived.nguid));
	derive(ns->id.eui64, derived.eui64, sizeof(derived.eui64));
	derive(ns->id.uuid, derived.uuid, sizeof(derived.uuid));
	return 0;
}

static int check_nsid(struct model *m, const struct subsystem *s, uint32_t *nsid)
{
	if (*nsid > s->set.nn)
		return model_fail(m, -EINVAL, "namespace identifier %u is above the highest, %u",
				  *nsid, s->set.nn);
	if (*nsid && subsystem_place(s, *nsid))
		return model_fail(m, -EEXIST, "'%s' has a namespace %u already", s->set.nqn, *nsid);
	for (uint32_t free = 1; !*nsid && free <= s->set.nn; free++)
		if (!subsystem_place(s, free))
			*nsid = free;
	return *nsid ? 0 : model_fail(m, -ENOSPC, "all %u namespace identifiers of '%s' are in use",
				      s->set.nn, s->set.nqn);
}

/* Two namespaces of a subsystem are the same to hosts when an identifier is. */
static int check_identity(struct model *m, const struct subsystem *s, const struct namespace *ns)
{
	for (unsigned int i = 0; i < s->places.count; i++) {
		const struct namespace *other = ((struct ns_place *)s->places.at[i])->ns;
		const struct ns_identity *a = &ns->id, *b = &other->id;

		if ((!is_zero(a->uuid, 16) && !memcmp(a->uuid, b->uuid, 16)) ||
		    (!is_zero(a->nguid, 16) && !memcmp(a->nguid, b->nguid, 16)) ||
		    (!is_zero(a->eui64, 8) && !memcmp(a->eui64, b->eui64, 8)))
			return model_fail(m, -EEXIST, "namespace %u of '%s' has the same identifier",
					  other->nsid, s->set.nqn);
	}
	return 0;
}

static struct namespace facts_of(struct device *d, const struct subsystem *s,
				 const struct namespace_settings *set)
{
	const struct backend_info *i = &d->backend->info;

	return (struct namespace){
		.nsid = set->nsid, .backend = d->backend, .device = d, .life = s->life,
		.lba_shift = (uint8_t)__builtin_ctz(i->block_size),
		.blocks = size_of(d) / i->block_size,
		.is_read_only = i->read_only || set->is_read_only,
		.is_immediate = i->is_immediate,
		.has_volatile_cache = i->has_volatile_cache, .id = set->id };
}

/* What the namespace had that it replaces; NULL: there was none. */
static struct ns_common *common_before(const struct model *m, const struct subsystem *s,
				       uint32_t nsid)
{
	const struct subsystem *before = snapshot_subsystem_of(m->current, s->life);
	const struct ns_place *place = before ? subsystem_place(before, nsid) : NULL;

	return place ? place->ns->common : NULL;
}

static unsigned int place_for(const struct subsystem *s, uint32_t nsid)
{
	unsigned int i = 0;

	while (i < s->places.count && ((struct ns_place *)s->places.at[i])->ns->nsid < nsid)
		i++;
	return i;
}

static int insert_place(struct model *m, struct subsystem *s, const struct namespace *facts,
			const struct namespace_settings *set)
{
	struct ns_place *p = calloc(1, sizeof(*p));

	if (!p)
		return model_no_memory(m);
	p->is_hidden = set->is_hidden;
	p->ns = record_new(facts, m->workers);
	if (!p->ns) {
		free(p);
		return model_no_memory(m);
	}
	/* Nobody sees it yet, and what hosts had set is another one's. */
	if (set->protection == PROTECTION_ON)
		atomic_store(&p->ns->common->is_protected, true);
	if (array_insert(&s->places, place_for(s, facts->nsid), p)) {
		ns_place_free(p, &m->retired);
		return model_no_memory(m);
	}
	return 0;
}

static int add_namespace(struct model *m, const char *nqn, struct namespace_settings *set)
{
	struct namespace facts;
	struct subsystem *s;
	struct device *d;
	int r = find_subsystem(m, nqn, &s);

	if (!r)
		r = check_nsid(m, s, &set->nsid);
	if (r)
		return r;
	d = snapshot_device(m->draft, set->device);
	if (!d)
		return model_fail(m, -ENOENT, "there is no device '%.255s'", set->device);
	facts = facts_of(d, s, set);
	if (set->protection == PROTECTION_KEPT)
		facts.common = common_before(m, s, set->nsid);
	if (set->derives_id)
		r = identify(m, &facts, s->set.nqn);
	if (!r)
		r = check_identity(m, s, &facts);
	return r ? r : insert_place(m, s, &facts, set);
}

int model_add_namespace(struct model *m, const char *nqn, struct namespace_settings *set)
{
	int r = change_begin(m);

	return r ? r : change_end(m, add_namespace(m, nqn, set));
}

static int find_place(struct model *m, const char *nqn, uint32_t nsid, struct subsystem **s,
		      struct ns_place **p)
{
	int r = find_subsystem(m, nqn, s);

	if (r)
		return r;
	*p = subsystem_place(*s, nsid);
	return *p ? 0 : model_fail(m, -ENOENT, "'%s' has no namespace %u", nqn, nsid);
}

static int remove_namespace(struct model *m, const char *nqn, uint32_t nsid)
{
	struct subsystem *s;
	struct ns_place *p;
	int r = find_place(m, nqn, nsid, &s, &p);

	if (r)
		return r;
	array_remove(&s->places, place_for(s, nsid));
	ns_place_free(p, &m->retired);
	return 0;
}

int model_remove_namespace(struct model *m, const char *nqn, uint32_t nsid)
{
	int r = change_begin(m);

	return r ? r : change_end(m, remove_namespace(m, nqn, nsid));
}

/* ---- visibility --------------------------------------------------------------------------- */

static int find_hidden(struct model *m, const char *nqn, uint32_t nsid, struct ns_place **p)
{
	struct subsystem *s;
	int r = find_place(m, nqn, nsid, &s, p);

	if (!r && !(*p)->is_hidden)
		r = model_fail(m, -EINVAL, "namespace %u of '%s' is visible to every host", nsid,
			       nqn);
	return r;
}

static int show(struct model *m, const char *nqn, uint32_t nsid, const char *hostnqn)
{
	struct ns_place *p;
	char *copy;
	int r = find_hidden(m, nqn, nsid, &p);

	if (!r)
		r = check_nqn(m, "the host name", hostnqn);
	if (r)
		return r;
	if (array_find_text(&p->hosts, hostnqn) >= 0)
		return model_fail(m, -EEXIST, "host '%s' sees namespace %u already", hostnqn, nsid);
	copy = strdup(hostnqn);
	if (copy && !array_add(&p->hosts, copy))
		return 0;
	free(copy);
	return model_no_memory(m);
}

static int hide(struct model *m, const char *nqn, uint32_t nsid, const char *hostnqn)
{
	struct ns_place *p;
	int place, r = find_hidden(m, nqn, nsid, &p);

	if (r)
		return r;
	place = array_find_text(&p->hosts, hostnqn);
	if (place < 0)
		return model_fail(m, -ENOENT, "host '%.300s' does not see namespace %u", hostnqn,
				  nsid);
	free(p->hosts.at[place]);
	array_remove(&p->hosts, (unsigned int)place);
	return 0;
}

int model_show_namespace(struct model *m, const char *nqn, uint32_t nsid, const char *hostnqn)
{
	int r = change_begin(m);

	return r ? r : change_end(m, show(m, nqn, nsid, hostnqn));
}

int model_hide_namespace(struct model *m, const char *nqn, uint32_t nsid, const char *hostnqn)
{
	int r = change_begin(m);

	return r ? r : change_end(m, hide(m, nqn, nsid, hostnqn));
}
