/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mark of what is ours: "nvmf" as seconds, far enough in the future that no clock
 * and no relatime makes or changes it.
 *
 * Making an object and marking it are two calls, and we may die between them.  So the
 * folder above says first, by its access time, what is about to be made: a hash of the
 * name.  Nobody can have put anything into such an object yet.
 */
#include "kernel/configfs.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MARK_S	INT64_C(0x16e766d66)
#define MARK_NS	853255014

enum { ACCESS, MODIFICATION };

/* FNV-1a, as nanoseconds. */
static long hash_of(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return (long)(h % 1000000000);
}

static bool is_mark(const struct timespec *t, long ns)
{
	return t->tv_sec == MARK_S && t->tv_nsec == ns;
}

/* One of the two; the other stays. */
static int set_time(struct configfs *c, const char *path, int which, struct timespec t)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	times[which] = t;
	return c->calls->set_times(c, path, times);
}

static int make_and_mark(struct configfs *c, const char *path)
{
	int r = c->calls->make(c, path);

	if (r)
		return r;
	r = set_time(c, path, MODIFICATION, (struct timespec){ MARK_S, MARK_NS });
	if (r)
		c->calls->remove(c, path);
	return r;
}

int configfs_make_ours(struct configfs *c, const char *folder, const char *name)
{
	struct timespec before[2];
	char *path;
	int r = c->calls->times(c, folder, before);

	if (r)
		return r;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	/* Never announced: it would look like ours. */
	r = configfs_has(c, path) ? -EEXIST : 0;
	if (!r)
		r = set_time(c, folder, ACCESS, (struct timespec){ MARK_S, hash_of(name) });
	if (!r) {
		r = make_and_mark(c, path);
		set_time(c, folder, ACCESS, before[ACCESS]);
	}
	free(path);
	return r;
}

bool configfs_is_ours(struct configfs *c, const char *folder, const char *name)
{
	struct timespec above[2], own[2];
	char *path;
	bool is_ours;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return false;
	is_ours = !c->calls->times(c, path, own) && !c->calls->times(c, folder, above) &&
		  (is_mark(&own[MODIFICATION], MARK_NS) || is_mark(&above[ACCESS], hash_of(name)));
	free(path);
	return is_ours;
}

void configfs_settle(struct configfs *c, const char *folder)
{
	struct timespec above[2];

	if (!c->calls->times(c, folder, above) && above[ACCESS].tv_sec == MARK_S)
		set_time(c, folder, ACCESS, above[MODIFICATION]);
}
