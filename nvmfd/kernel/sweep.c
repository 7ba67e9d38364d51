/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * It goes by what is there, not by what we remember: whoever made it has died, or
 * somebody put more into our objects since.  The kernel lets go of nothing that holds
 * something or that a link leads to, so the order is: links of ports, ports, what
 * subsystems hold, subsystems, hosts.
 */
#include "kernel/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sweeping {
	struct configfs *c;
	unsigned int found;
	char *error;
	size_t error_size;
};

static void complain(struct sweeping *s, const char *path, int r)
{
	if (r && r != -ENOENT && !*s->error)
		snprintf(s->error, s->error_size, "%s stays: %s", path,
			 r == -EBUSY ? "something that is not nvmfd's uses it" : strerror(-r));
}

static void drop_folder(struct sweeping *s, const char *path)
{
	complain(s, path, s->c->calls->remove(s->c, path));
}

static void drop_link(struct sweeping *s, const char *path)
{
	complain(s, path, s->c->calls->unlink(s->c, path));
}

/* Disabled first: the kernel then waits for its commands, and for nothing else. */
static void drop_namespace(struct sweeping *s, const char *path)
{
	char *enable;

	if (asprintf(&enable, "%s/enable", path) < 0)
		return;
	s->c->calls->put(s->c, enable, "0");
	free(enable);
	drop_folder(s, path);
}

/* The kernel makes and unmakes the first one with its port. */
static void drop_ana_group(struct sweeping *s, const char *path)
{
	if (strcmp(strrchr(path, '/'), "/1"))
		drop_folder(s, path);
}

/* What objects hold, in the order in which it goes. */
struct part {
	const char *folder;
	void (*drop)(struct sweeping *, const char *path);
};

static const struct part of_port[] = {
	{ "subsystems", drop_link }, { "referrals", drop_folder }, { "ana_groups", drop_ana_group }, { 0 },
};
static const struct part of_subsystem[] = {
	{ "namespaces", drop_namespace }, { "allowed_hosts", drop_link }, { 0 },
};
static const struct part of_host[] = { { 0 } };

static void drop_part(struct sweeping *s, const char *object, const struct part *part)
{
	struct array names = { 0 };
	char *folder, *path;

	if (asprintf(&folder, "%s/%s", object, part->folder) < 0)
		return;
	/* Without ANA or passthru there is no such folder. */
	configfs_list(s->c, folder, &names);
	for (unsigned int i = 0; i < names.count; i++) {
		if (asprintf(&path, "%s/%s", folder, (char *)names.at[i]) < 0)
			continue;
		part->drop(s, path);
		free(path);
	}
	configfs_free_names(&names);
	free(folder);
}

static void drop_object(struct sweeping *s, const char *folder, const char *name, const struct part *parts)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return;
	for (; parts->folder; parts++)
		drop_part(s, path, parts);
	drop_folder(s, path);
	free(path);
}

static void sweep_folder(struct sweeping *s, const char *folder, const struct part *parts)
{
	struct array names;
	int r = configfs_list(s->c, folder, &names);

	complain(s, folder, r);
	for (unsigned int i = 0; i < names.count; i++) {
		const char *name = names.at[i];

		if (!configfs_is_ours(s->c, folder, name))
			continue;
		s->found++;
		drop_object(s, folder, name, parts);
	}
	configfs_settle(s->c, folder);
	configfs_free_names(&names);
}

unsigned int sweep(struct configfs *c, char *error, size_t error_size)
{
	struct sweeping s = { c, 0, error, error_size };

	*error = '\0';
	sweep_folder(&s, "ports", of_port);
	sweep_folder(&s, "subsystems", of_subsystem);
	sweep_folder(&s, "hosts", of_host);
	return s.found;
}
