/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of subsystems, and of who may use them. */
#include "model/internal.h"

#include "wire/nqn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NN_MOST 65535u

int check_nqn(struct model *m, const char *what, const char *nqn)
{
	enum nqn_fault fault = nqn_check(nqn, strlen(nqn));

	/* Who names it may take names that are no NQNs, as Linux's target does. */
	if (nqn_is_name(nqn, strlen(nqn)))
		return 0;
	return model_fail(m, -EINVAL, "%s '%.300s' %s", what, nqn, nqn_fault_text(fault));
}

int find_subsystem(struct model *m, const char *nqn, struct subsystem **s)
{
	*s = snapshot_subsystem(model_snapshot(m), nqn);
	if (!*s)
		return model_fail(m, -ENOENT, "there is no subsystem '%.300s'", nqn);
	if (*s == model_snapshot(m)->discovery)
		return model_fail(m, -EINVAL, "'%s' is the discovery subsystem", nqn);
	return 0;
}

/* ---- settings -------------------------------------------------------------------------------- */

int model_default_subsystem(const struct model *m, const char *nqn, const char *firmware,
			    struct subsystem_settings *s)
{
	*s = (struct subsystem_settings){ .model = "nvmfd", .cntlid_first = 1,
					  .cntlid_last = NVMF_CNTLID_MAX, .nn = m->limits.nn,
					  .io_queues = m->limits.io_queues,
					  .allows_any_host = true };
	snprintf(s->nqn, sizeof(s->nqn), "%s", nqn);
	snprintf(s->firmware, sizeof(s->firmware), "%s", firmware);
	return identity_serial(nqn, s->serial);
}

/* What Identify shows is ASCII, and not nothing. */
static int check_text(struct model *m, const char *what, const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			return model_fail(m, -EINVAL, "%s has characters that are not ASCII", what);
	return *text ? 0 : model_fail(m, -EINVAL, "%s is empty", what);
}

static int check_texts(struct model *m, const struct subsystem_settings *s)
{
	int r = check_text(m, "the serial number", s->serial);

	if (!r)
		r = check_text(m, "the model", s->model);
	return r ? r : check_text(m, "the firmware revision", s->firmware);
}

static int check_numbers(struct model *m, const struct subsystem_settings *s)
{
	if (!s->cntlid_first || s->cntlid_first > s->cntlid_last ||
	    s->cntlid_last > NVMF_CNTLID_MAX)
		return model_fail(m, -EINVAL, "controller identifiers from %u to %u: they must lie "
				  "between 1 and %u, the first not above the last",
				  s->cntlid_first, s->cntlid_last, NVMF_CNTLID_MAX);
	if (s->nn > NN_MOST)
		return model_fail(m, -EINVAL, "%u is no highest namespace identifier: at most %u",
				  s->nn, NN_MOST);
	if (s->io_queues > m->limits.io_queues)
		return model_fail(m, -EINVAL, "%u I/O queues are more than the target's %u",
				  s->io_queues, m->limits.io_queues);
	return 0;
}

static int check_settings(struct model *m, const struct subsystem_settings *s)
{
	int r = check_texts(m, s);

	return r ? r : check_numbers(m, s);
}

static int check_new_name(struct model *m, const char *nqn)
{
	int r = check_nqn(m, "the subsystem name", nqn);

	if (!r && snapshot_subsystem(model_snapshot(m), nqn))
		r = model_fail(m, -EEXIST, "there is a subsystem '%s' already", nqn);
	return r;
}

/* As the model keeps them. */
static struct subsystem_settings settled(const struct model *m,
					 const struct subsystem_settings *given)
{
	struct subsystem_settings set = *given;

	set.nn = set.nn ? set.nn : m->limits.nn;
	set.io_queues = set.io_queues ? set.io_queues : m->limits.io_queues;
	/* The field goes to hosts as it is. */
	memset(set.nqn, 0, sizeof(set.nqn));
	strcpy(set.nqn, given->nqn);
	return set;
}

/* ---- subsystems ------------------------------------------------------------------------------- */

static int add_subsystem(struct model *m, const struct subsystem_settings *given)
{
	struct subsystem_settings set;
	struct subsystem *s;
	int r = check_new_name(m, given->nqn);

	if (!r)
		r = check_settings(m, given);
	if (r)
		return r;
	set = settled(m, given);
	s = subsystem_new(&set);
	if (s && !array_add(&m->draft->subsystems, s)) {
		m->changes_discovery = true;
		return 0;
	}
	subsystem_free(s, &m->retired);
	return model_no_memory(m);
}

int model_add_subsystem(struct model *m, const struct subsystem_settings *s)
{
	int r = change_begin(m);

	return r ? r : change_end(m, add_subsystem(m, s));
}

static int change_subsystem(struct model *m, const struct subsystem_settings *given)
{
	const struct ns_place *last;
	struct subsystem *s;
	int r = find_subsystem(m, given->nqn, &s);

	if (!r)
		r = check_settings(m, given);
	if (r)
		return r;
	last = s->places.count ? s->places.at[s->places.count - 1] : NULL;
	if (given->nn && last && last->ns->nsid > given->nn)
		return model_fail(m, -EBUSY, "'%s' has a namespace %u, above %u", given->nqn,
				  last->ns->nsid, given->nn);
	m->changes_discovery |= s->set.allows_any_host != given->allows_any_host;
	s->set = settled(m, given);
	return 0;
}

int model_change_subsystem(struct model *m, const struct subsystem_settings *s)
{
	int r = change_begin(m);

	return r ? r : change_end(m, change_subsystem(m, s));
}

static void unlink_everywhere(struct snapshot *draft, const struct subsystem *s)
{
	for (unsigned int i = 0; i < draft->ports.count; i++) {
		struct port *p = draft->ports.at[i];

		for (unsigned int k = p->subsystems.count; k--; )
			if (p->subsystems.at[k] == s)
				array_remove(&p->subsystems, k);
	}
}

static int remove_subsystem(struct model *m, const char *nqn)
{
	struct array *all = &m->draft->subsystems;
	struct subsystem *s;
	int r = find_subsystem(m, nqn, &s);

	if (r)
		return r;
	unlink_everywhere(m->draft, s);
	for (unsigned int i = all->count; i--; )
		if (all->at[i] == s)
			array_remove(all, i);
	subsystem_free(s, &m->retired);
	m->changes_discovery = true;
	return 0;
}

int model_remove_subsystem(struct model *m, const char *nqn)
{
	int r = change_begin(m);

	return r ? r : change_end(m, remove_subsystem(m, nqn));
}

int model_name_discovery(struct model *m, const char *serial, const char *model,
			 const char *firmware)
{
	struct subsystem_settings set;
	int r = change_begin(m);

	if (r)
		return r;
	set = m->draft->discovery->set;
	snprintf(set.serial, sizeof(set.serial), "%s", serial);
	snprintf(set.model, sizeof(set.model), "%s", model);
	snprintf(set.firmware, sizeof(set.firmware), "%s", firmware);
	r = check_texts(m, &set);
	if (!r)
		m->draft->discovery->set = set;
	return change_end(m, r);
}

static int set_discovery_nqn(struct model *m, const char *nqn)
{
	struct subsystem *d = m->draft->discovery;
	const struct subsystem *other = snapshot_subsystem(m->draft, nqn);
	int r = check_nqn(m, "the discovery subsystem's NQN", nqn);

	if (r)
		return r;
	if (other && other != d)
		return model_fail(m, -EEXIST, "'%s' is the name of another subsystem", nqn);
	m->changes_discovery |= strcmp(d->set.nqn, nqn) != 0;
	memset(d->set.nqn, 0, sizeof(d->set.nqn));	/* hosts are sent all of it */
	memcpy(d->set.nqn, nqn, strlen(nqn));
	return 0;
}

int model_set_discovery_nqn(struct model *m, const char *nqn)
{
	int r = change_begin(m);

	return r ? r : change_end(m, set_discovery_nqn(m, nqn));
}

/* ---- hosts --------------------------------------------------------------------------------------- */

static int add_text(struct model *m, struct array *to, const char *text)
{
	char *copy = strdup(text);

	if (copy && !array_add(to, copy))
		return 0;
	free(copy);
	return model_no_memory(m);
}

static void remove_item(struct array *from, int place)
{
	free(from->at[place]);
	array_remove(from, (unsigned int)place);
}

/* A change of the hosts of one subsystem. */
typedef int change_hosts(struct model *, struct subsystem *, const char *host);

static int on_subsystem(struct model *m, const char *nqn, change_hosts *change, const char *host)
{
	struct subsystem *s;
	int r = change_begin(m);

	if (r)
		return r;
	r = find_subsystem(m, nqn, &s);
	if (!r)
		r = change(m, s, host);
	m->changes_discovery |= !r;
	return change_end(m, r);
}

static int allow_host(struct model *m, struct subsystem *s, const char *hostnqn)
{
	int r = check_nqn(m, "the host name", hostnqn);

	if (!r && array_find_text(&s->hosts, hostnqn) >= 0)
		r = model_fail(m, -EEXIST, "'%s' allows host '%s' already", s->set.nqn, hostnqn);
	return r ? r : add_text(m, &s->hosts, hostnqn);
}

static int forbid_host(struct model *m, struct subsystem *s, const char *hostnqn)
{
	int place = array_find_text(&s->hosts, hostnqn);

	if (place < 0)
		return model_fail(m, -ENOENT, "'%s' has no host '%.300s' in its list", s->set.nqn,
				  hostnqn);
	remove_item(&s->hosts, place);
	return 0;
}

int model_allow_host(struct model *m, const char *nqn, const char *hostnqn)
{
	return on_subsystem(m, nqn, allow_host, hostnqn);
}

int model_forbid_host(struct model *m, const char *nqn, const char *hostnqn)
{
	return on_subsystem(m, nqn, forbid_host, hostnqn);
}

static int allow_any(struct model *m, struct subsystem *s, const char *host)
{
	s->set.allows_any_host = true;
	return 0;
}

static int allow_listed(struct model *m, struct subsystem *s, const char *host)
{
	s->set.allows_any_host = false;
	return 0;
}

int model_allow_any_host(struct model *m, const char *nqn, bool any)
{
	return on_subsystem(m, nqn, any ? allow_any : allow_listed, NULL);
}

/* ---- addresses ------------------------------------------------------------------------------------ */

static int parse_prefix(struct model *m, struct prefix *p, const char *text)
{
	if (!prefix_parse(p, text))
		return 0;
	return model_fail(m, -EINVAL, "'%.80s' is no address or range of addresses such as "
			  "192.0.2.0/24", text);
}

static int find_prefix(const struct subsystem *s, const struct prefix *p)
{
	for (unsigned int i = 0; i < s->prefixes.count; i++)
		if (prefix_is_equal(s->prefixes.at[i], p))
			return (int)i;
	return -1;
}

static int allow_address(struct model *m, struct subsystem *s, const char *text)
{
	struct prefix p, *copy;
	int r = parse_prefix(m, &p, text);

	if (r)
		return r;
	if (find_prefix(s, &p) >= 0)
		return model_fail(m, -EEXIST, "'%s' allows hosts from %s already", s->set.nqn, text);
	copy = malloc(sizeof(*copy));
	if (copy && !array_add(&s->prefixes, copy)) {
		*copy = p;
		return 0;
	}
	free(copy);
	return model_no_memory(m);
}

static int forbid_address(struct model *m, struct subsystem *s, const char *text)
{
	struct prefix p;
	int place, r = parse_prefix(m, &p, text);

	if (r)
		return r;
	place = find_prefix(s, &p);
	if (place < 0)
		return model_fail(m, -ENOENT, "'%s' has no %s in its list of addresses",
				  s->set.nqn, text);
	remove_item(&s->prefixes, place);
	return 0;
}

int model_allow_address(struct model *m, const char *nqn, const char *prefix)
{
	return on_subsystem(m, nqn, allow_address, prefix);
}

int model_forbid_address(struct model *m, const char *nqn, const char *prefix)
{
	return on_subsystem(m, nqn, forbid_address, prefix);
}
