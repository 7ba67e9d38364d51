/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configfs of the kernel's target, by calls that a test may replace.  Paths are
 * relative to its folder ("subsystems/NQN").
 *
 * What is ours bears a mark, which lives and dies with the object: permissions that
 * nothing else has.  No file of ours can be lost, stale or in another container.
 */
#ifndef NVMFD_KERNEL_CONFIGFS_H
#define NVMFD_KERNEL_CONFIGFS_H

#include "base/array.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct configfs;

struct configfs_look {
	unsigned int mode;		/* permissions */
	struct timespec access;
};

/* 0 or -errno. */
struct configfs_calls {
	int (*make)(struct configfs *, const char *path);
	int (*remove)(struct configfs *, const char *path);
	int (*put)(struct configfs *, const char *path, const char *text);
	int (*link)(struct configfs *, const char *target, const char *path);
	int (*unlink)(struct configfs *, const char *path);
	int (*look)(struct configfs *, const char *path, struct configfs_look *);
	int (*set_mode)(struct configfs *, const char *path, unsigned int mode);
	int (*set_access)(struct configfs *, const char *path, struct timespec);
	/* Adds the names of folders and links, which are the caller's to free. */
	int (*list)(struct configfs *, const char *path, struct array *names);
};

struct configfs {
	const struct configfs_calls *calls;
	char *root;			/* absolute */
	int fd;				/* of the root, locked */
};

/* Only one at a time: -EBUSY.  0, or -errno with a sentence. */
int configfs_open(struct configfs *, const char *root, char *error, size_t error_size);
void configfs_close(struct configfs *);

bool configfs_has(struct configfs *, const char *path);
/* The caller frees them, after a failure, too. */
int configfs_list(struct configfs *, const char *path, struct array *names);
void configfs_free_names(struct array *names);

/* ---- what is ours --------------------------------------------------------------------- */

/* Makes an object of `folder` ("ports") that is ours from the beginning: if we die on
 * the way, configfs_is_ours knows it.  -EEXIST: there is one, whoever made it. */
int configfs_make_ours(struct configfs *, const char *folder, const char *name);
bool configfs_is_ours(struct configfs *, const char *folder, const char *name);
/* Forgets what the dead were about to make; after what is ours has been cleared. */
void configfs_settle(struct configfs *, const char *folder);

#endif
