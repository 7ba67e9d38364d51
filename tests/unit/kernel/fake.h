/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * configfs of nvmet in memory: folders that come with others, what must not be removed,
 * who may be enabled, marks.  Any call can be made to fail, or to be the last one.
 */
#ifndef TESTS_UNIT_KERNEL_FAKE_H
#define TESTS_UNIT_KERNEL_FAKE_H

#include "../unit.h"

#include "kernel/configfs.h"

#define FAKE_MOST 512

enum fake_kind { FAKE_FOLDER, FAKE_LINK, FAKE_ATTRIBUTE };

struct fake_entry {
	enum fake_kind kind;
	char *path, *text;		/* of a link or attribute */
	bool is_default;		/* comes and goes with the folder above */
	struct configfs_look look;
};

struct fake {
	struct configfs configfs;	/* first */
	struct fake_entry entries[FAKE_MOST];
	size_t count;
	unsigned int calls;		/* that change something */
	unsigned int fails_at;		/* this one fails with EIO; 0: none */
	unsigned int dies_at;		/* and all from this one on */
};

void fake_open(struct fake *);
void fake_close(struct fake *);
/* As somebody else does it. */
void fake_make(struct fake *, const char *path);
void fake_put(struct fake *, const char *path, const char *text);
void fake_link(struct fake *, const char *target, const char *path);

/* All that is there, sorted; the caller's. */
char *fake_text(const struct fake *);

#endif
