/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/steps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ------------------------------------------------------------------------- */

static char *copy_of(struct steps *s, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	s->out_of_memory |= text && !copy;
	return copy;
}

void steps_add(struct steps *s, enum step_kind kind, const char *path, const char *value, const char *old,
	       const char *what)
{
	/* It grows where the count is a power of two. */
	if (!(s->count & (s->count - 1))) {
		struct step *list = realloc(s->list, (s->count ? 2 * s->count : 1) * sizeof(*list));

		s->out_of_memory |= !list;
		if (!list)
			return;
		s->list = list;
	}
	s->list[s->count] = (struct step){ kind, false, copy_of(s, path), copy_of(s, value),
					   copy_of(s, old), copy_of(s, what) };
	s->count++;
}

void steps_turn(struct steps *s, size_t first)
{
	for (size_t i = first; i < s->count; i++)
		s->list[i].is_back = !s->list[i].is_back;
	for (size_t i = first, k = s->count; i + 1 < k; i++) {
		struct step kept = s->list[i];

		s->list[i] = s->list[--k];
		s->list[k] = kept;
	}
}

void steps_free(struct steps *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->list[i].path);
		free(s->list[i].value);
		free(s->list[i].old);
		free(s->list[i].what);
	}
	free(s->list);
	*s = (struct steps){ 0 };
}

/* ---- one step --------------------------------------------------------------------------- */

/* "ports/1" is an object of "ports". */
static const char *split(const char *path, char *folder, size_t size)
{
	const char *slash = strchr(path, '/');

	snprintf(folder, size, "%.*s", (int)(slash - path), path);
	return slash + 1;
}

static int make_object(struct configfs *c, const struct step *s)
{
	char folder[16];
	const char *name = split(s->path, folder, sizeof(folder));

	return configfs_make_ours(c, folder, name);
}

static int remove_object(struct configfs *c, const struct step *s)
{
	return c->calls->remove(c, s->path);
}

static int make_shared(struct configfs *c, const struct step *s)
{
	int r = make_object(c, s);

	return r == -EEXIST ? 0 : r;
}

/* Somebody else's stays, and so does what somebody else uses by now. */
static int remove_shared(struct configfs *c, const struct step *s)
{
	char folder[16];
	const char *name = split(s->path, folder, sizeof(folder));
	int r = configfs_is_ours(c, folder, name) ? c->calls->remove(c, s->path) : 0;

	return r == -EBUSY ? 0 : r;
}

static int make_folder(struct configfs *c, const struct step *s)
{
	return c->calls->make(c, s->path);
}

static int make_link(struct configfs *c, const struct step *s)
{
	return c->calls->link(c, s->value, s->path);
}

static int remove_link(struct configfs *c, const struct step *s)
{
	return c->calls->unlink(c, s->path);
}

static int set(struct configfs *c, const struct step *s)
{
	return c->calls->put(c, s->path, s->value);
}

static int set_back(struct configfs *c, const struct step *s)
{
	return s->old ? c->calls->put(c, s->path, s->old) : 0;
}

static const struct {
	int (*run)(struct configfs *, const struct step *);
	int (*undo)(struct configfs *, const struct step *);
} kinds[] = {
	[STEP_OBJECT] = { make_object, remove_object },
	[STEP_SHARED] = { make_shared, remove_shared },
	[STEP_FOLDER] = { make_folder, remove_object },
	[STEP_LINK] = { make_link, remove_link },
	[STEP_SET] = { set, set_back },
};

static int run_step(struct configfs *c, const struct step *s, bool is_back)
{
	return is_back ? kinds[s->kind].undo(c, s) : kinds[s->kind].run(c, s);
}

/* ---- why it failed ------------------------------------------------------------------------ */

static const char *reason(const struct step *s, int r)
{
	if (r == -EEXIST && s->kind == STEP_OBJECT)
		return "the kernel's target has one of this name or number, which is not nvmfd's";
	if (r == -ENOENT && s->kind == STEP_SET && !strstr(s->path, "/enable"))
		return "this kernel has no such setting";
	if (r == -EINVAL && s->kind == STEP_SET && s->old && !s->is_back && strstr(s->path, "/attr_"))
		return "it does not change any more once a host has seen it; give the new subsystem a name of"
		       " its own";
	return strerror(-r);
}

static void explain(const struct step *s, int r, char *error, size_t size)
{
	const char *what = s->what ? s->what : s->path;

	if (s->is_back)
		snprintf(error, size, "can't take back %s: %s", what, reason(s, r));
	else if (s->kind == STEP_SET)
		snprintf(error, size, "%s: the kernel does not take '%s': %s", what, s->value,
			 reason(s, r));
	else
		snprintf(error, size, "%s: %s", what, reason(s, r));
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* The first `count`, the last one first; goes on where one can't be undone. */
static void take_back(const struct steps *s, size_t count, struct configfs *c, char *error, size_t size)
{
	size_t used = strnlen(error, size);
	bool is_told = false;

	while (count--) {
		const struct step *step = &s->list[count];
		int r = run_step(c, step, !step->is_back);

		if (r && !is_told)
			snprintf(error + used, size - used, "; %s can't be made as it was: %s", step->path,
				 strerror(-r));
		is_told |= r;
	}
}

int steps_run(const struct steps *s, struct configfs *c, char *error, size_t error_size)
{
	for (size_t i = 0; i < s->count; i++) {
		int r = run_step(c, &s->list[i], s->list[i].is_back);

		if (!r)
			continue;
		explain(&s->list[i], r, error, error_size);
		take_back(s, i, c, error, error_size);
		return r;
	}
	return 0;
}
