/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be done to configfs, as plain data: each step can be undone, so that a
 * removal is a creation backwards, and whatever failed half way is taken back.
 */
#ifndef NVMFD_KERNEL_STEPS_H
#define NVMFD_KERNEL_STEPS_H

#include "kernel/configfs.h"

enum step_kind {
	STEP_OBJECT,		/* make a subsystem or port, marked as ours */
	STEP_SHARED,		/* the same of a host: another's does as well */
	STEP_FOLDER,		/* make what belongs to an object */
	STEP_LINK,		/* to `value` */
	STEP_SET,		/* an attribute to `value`, back to `old` (NULL: it may stay) */
};

struct step {
	enum step_kind kind;
	bool is_back;			/* undo it instead */
	char *path;			/* relative to the configfs of the target */
	char *value, *old;
	char *what;			/* how sentences call it, by the keys of the file */
};

struct steps {
	struct step *list;
	size_t count;
	bool out_of_memory;
};

/* Texts are copied; value, old and what may be NULL. */
void steps_add(struct steps *, enum step_kind, const char *path, const char *value, const char *old,
	       const char *what);
/* Makes those from `first` on undo themselves, the last one first. */
void steps_turn(struct steps *, size_t first);
void steps_free(struct steps *);

/* Does all of them, or none: 0, or -errno with a sentence.  What could not be taken back
 * is told there, too. */
int steps_run(const struct steps *, struct configfs *, char *error, size_t error_size);

#endif
