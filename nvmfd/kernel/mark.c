/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mark of what is ours: permissions that nobody else gives.  They do not change by
 * themselves; times do, with the lookup of an attribute in Linux 6.12.
 *
 * Making an object and marking it are two calls, and we may die between them.  So the
 * folder above says first, by its access time, what is about to be made: a hash of the
 * name, at a second so far in the future that no clock makes it and relatime lets it be.
 * Nobody can have put anything into such an object yet.
 */
#include "kernel/configfs.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MARK		(S_ISVTX | 0751)
#define ANNOUNCED_S	INT64_C(0x16e766d66)	/* "nvmf", 2^32 s later */

/* FNV-1a, as nanoseconds. */
static long hash_of(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return (long)(h % 1000000000);
}

static int make_and_mark(struct configfs *c, const char *path)
{
	int r = c->calls->make(c, path);

	if (r)
		return r;
	r = c->calls->set_mode(c, path, MARK);
	if (r)
		c->calls->remove(c, path);
	return r;
}

int configfs_make_ours(struct configfs *c, const char *folder, const char *name)
{
	struct configfs_look before;
	char *path;
	int r = c->calls->look(c, folder, &before);

	if (r)
		return r;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	/* Never announced: it would look like ours. */
	r = configfs_has(c, path) ? -EEXIST : 0;
	if (!r)
		r = c->calls->set_access(c, folder, (struct timespec){ ANNOUNCED_S, hash_of(name) });
	if (!r) {
		r = make_and_mark(c, path);
		c->calls->set_access(c, folder, before.access);
	}
	free(path);
	return r;
}

static bool is_announced(const struct configfs_look *above, const char *name)
{
	return above->access.tv_sec == ANNOUNCED_S && above->access.tv_nsec == hash_of(name);
}

bool configfs_is_ours(struct configfs *c, const char *folder, const char *name)
{
	struct configfs_look above, own;
	char *path;
	bool is_ours;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return false;
	is_ours = !c->calls->look(c, path, &own) && !c->calls->look(c, folder, &above) &&
		  (own.mode == MARK || is_announced(&above, name));
	free(path);
	return is_ours;
}

void configfs_settle(struct configfs *c, const char *folder)
{
	struct configfs_look above;

	if (!c->calls->look(c, folder, &above) && above.access.tv_sec == ANNOUNCED_S)
		c->calls->set_access(c, folder, (struct timespec){ .tv_nsec = UTIME_NOW });
}
