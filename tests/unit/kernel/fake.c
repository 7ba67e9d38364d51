/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct fake *fake_of(struct configfs *c)
{
	return (struct fake *)c;
}

static struct fake_entry *find(struct fake *f, const char *path)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->entries[i].path, path))
			return &f->entries[i];
	return NULL;
}

static void add(struct fake *f, enum fake_kind kind, const char *path, const char *text, bool is_default)
{
	assert_true(f->count < FAKE_MOST);
	f->entries[f->count++] = (struct fake_entry){ kind, strdup(path), text ? strdup(text) : NULL, is_default,
						      { 0755, { 1000, 0 } } };
}

static void drop(struct fake *f, struct fake_entry *e)
{
	free(e->path);
	free(e->text);
	*e = f->entries[--f->count];
}

static bool is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return !strncmp(path, folder, length) && path[length] == '/';
}

static char *above(const char *path)
{
	char *folder = strdup(path), *slash = strrchr(folder, '/');

	*(slash ? slash : folder) = '\0';
	return folder;
}

/* What comes with a folder, by the folder above it. */
static const struct {
	const char *above, *path, *text;
} defaults[] = {
	{ "ports", "subsystems", NULL }, { "ports", "referrals", NULL }, { "ports", "ana_groups", NULL },
	{ "ports", "ana_groups/1", NULL }, { "ports", "ana_groups/1/ana_state", "optimized" },
	{ "subsystems", "namespaces", NULL }, { "subsystems", "allowed_hosts", NULL },
	{ "subsystems", "attr_allow_any_host", "0" },
	{ "namespaces", "enable", "0" }, { "referrals", "enable", "0" },
};

static void add_defaults(struct fake *f, const char *path)
{
	char *folder = above(path), *last = strrchr(folder, '/'), *whole;

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (strcmp(last ? last + 1 : folder, defaults[i].above))
			continue;
		assert_true(asprintf(&whole, "%s/%s", path, defaults[i].path) > 0);
		add(f, defaults[i].text ? FAKE_ATTRIBUTE : FAKE_FOLDER, whole, defaults[i].text, true);
		free(whole);
	}
	free(folder);
}

/* ---- the calls -------------------------------------------------------------------------- */

/* False: this one fails. */
static bool may(struct fake *f)
{
	f->calls++;
	return f->calls != f->fails_at && !(f->dies_at && f->calls >= f->dies_at);
}

static int make_folder(struct fake *f, const char *path)
{
	char *folder = above(path);
	int r = find(f, path) ? -EEXIST : find(f, folder) ? 0 : -ENOENT;

	free(folder);
	if (r)
		return r;
	add(f, FAKE_FOLDER, path, NULL, false);
	add_defaults(f, path);
	return 0;
}

static int make(struct configfs *c, const char *path)
{
	return may(fake_of(c)) ? make_folder(fake_of(c), path) : -EIO;
}

static bool is_in_use(struct fake *f, const char *path)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct fake_entry *e = &f->entries[i];

		if (e->kind == FAKE_LINK && !strcmp(e->text, path))
			return true;
		if (is_below(e->path, path) && e->kind != FAKE_ATTRIBUTE && !e->is_default)
			return true;
	}
	return false;
}

static int remove_folder(struct configfs *c, const char *path)
{
	struct fake *f = fake_of(c);
	struct fake_entry *e = find(f, path);

	if (!may(f))
		return -EIO;
	if (!e || e->kind != FAKE_FOLDER || e->is_default)
		return e ? -EPERM : -ENOENT;
	if (is_in_use(f, path))
		return -EBUSY;
	drop(f, e);
	for (size_t i = f->count; i--; )
		if (is_below(f->entries[i].path, path))
			drop(f, &f->entries[i]);
	return 0;
}

static bool is_linked(struct fake *f, const char *folder)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->entries[i].kind == FAKE_LINK && is_below(f->entries[i].path, folder))
			return true;
	return false;
}

/* As nvmet: what a port is, and who may come, is not changed under it. */
static int refusal(struct fake *f, const char *path)
{
	char *folder = above(path), *hosts;
	const char *name = strrchr(path, '/') + 1;
	int r = 0;

	assert_true(asprintf(&hosts, "%s/allowed_hosts", folder) > 0);
	if (!strncmp(path, "ports/", 6) && !strncmp(name, "addr_", 5) && is_linked(f, folder))
		r = -EACCES;
	else if (!strcmp(name, "attr_allow_any_host") && is_linked(f, hosts))
		r = -EINVAL;
	free(hosts);
	free(folder);
	return r;
}

static int put_text(struct fake *f, const char *path, const char *text)
{
	struct fake_entry *e = find(f, path);
	char *folder = above(path);
	int r = find(f, folder) ? refusal(f, path) : -ENOENT;

	free(folder);
	if (r)
		return r;
	if (!e) {
		add(f, FAKE_ATTRIBUTE, path, text, true);
		return 0;
	}
	free(e->text);
	e->text = strdup(text);
	return 0;
}

static int put(struct configfs *c, const char *path, const char *text)
{
	return may(fake_of(c)) ? put_text(fake_of(c), path, text) : -EIO;
}

static int link_to(struct fake *f, const char *target, const char *path)
{
	char *folder = above(path);
	bool is_good = find(f, target) && find(f, folder);

	free(folder);
	if (!is_good || find(f, path))
		return is_good ? -EEXIST : -ENOENT;
	add(f, FAKE_LINK, path, target, false);
	return 0;
}

static int link_call(struct configfs *c, const char *target, const char *path)
{
	return may(fake_of(c)) ? link_to(fake_of(c), target, path) : -EIO;
}

static int unlink_from(struct configfs *c, const char *path)
{
	struct fake_entry *e = find(fake_of(c), path);

	if (!may(fake_of(c)))
		return -EIO;
	if (!e || e->kind != FAKE_LINK)
		return -ENOENT;
	drop(fake_of(c), e);
	return 0;
}

static int look(struct configfs *c, const char *path, struct configfs_look *l)
{
	const struct fake_entry *e = find(fake_of(c), path);

	if (!e)
		return -ENOENT;
	*l = e->look;
	return 0;
}

static int set_mode(struct configfs *c, const char *path, unsigned int mode)
{
	struct fake_entry *e = find(fake_of(c), path);

	if (!may(fake_of(c)))
		return -EIO;
	if (!e)
		return -ENOENT;
	e->look.mode = mode;
	return 0;
}

static int set_access(struct configfs *c, const char *path, struct timespec t)
{
	struct fake_entry *e = find(fake_of(c), path);

	if (!may(fake_of(c)))
		return -EIO;
	if (!e)
		return -ENOENT;
	e->look.access = t.tv_nsec == UTIME_NOW ? (struct timespec){ 2000, 0 } : t;
	return 0;
}

static int list(struct configfs *c, const char *path, struct array *names)
{
	struct fake *f = fake_of(c);
	int r = find(f, path) ? 0 : -ENOENT;

	for (size_t i = 0; !r && i < f->count; i++) {
		const char *name = f->entries[i].path + strlen(path) + 1;

		if (is_below(f->entries[i].path, path) && !strchr(name, '/') &&
		    f->entries[i].kind != FAKE_ATTRIBUTE)
			r = array_add(names, strdup(name));
	}
	return r;
}

static const struct configfs_calls calls = {
	make, remove_folder, put, link_call, unlink_from, look, set_mode, set_access, list,
};

/* ---- all of it ------------------------------------------------------------------------------ */

void fake_open(struct fake *f)
{
	*f = (struct fake){ .configfs = { &calls, NULL, -1 } };
	add(f, FAKE_FOLDER, "hosts", NULL, true);
	add(f, FAKE_FOLDER, "ports", NULL, true);
	add(f, FAKE_FOLDER, "subsystems", NULL, true);
}

void fake_close(struct fake *f)
{
	while (f->count)
		drop(f, &f->entries[f->count - 1]);
}

void fake_make(struct fake *f, const char *path)
{
	assert_int_equal(make_folder(f, path), 0);
}

void fake_put(struct fake *f, const char *path, const char *text)
{
	assert_int_equal(put_text(f, path, text), 0);
}

void fake_link(struct fake *f, const char *target, const char *path)
{
	assert_int_equal(link_to(f, target, path), 0);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *line_of(const struct fake_entry *e)
{
	bool is_marked = e->look.mode != 0755 || e->look.access.tv_sec > 2000;
	char *line;

	assert_true(asprintf(&line, "%s%s%s%s\n", e->path, e->text ? " " : "", e->text ? e->text : "",
			     is_marked ? " (marked)" : "") > 0);
	return line;
}

char *fake_text(const struct fake *f)
{
	char *lines[FAKE_MOST], *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	for (size_t i = 0; i < f->count; i++)
		lines[i] = line_of(&f->entries[i]);
	qsort(lines, f->count, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < f->count; i++) {
		fputs(lines[i], to);
		free(lines[i]);
	}
	fclose(to);
	return text;
}
