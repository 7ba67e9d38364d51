/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's target, configured as a file says: the face of this room.  What it made
 * is marked; nothing else of configfs is ever changed.  Threads: one.
 */
#ifndef NVMFD_KERNEL_KERNEL_H
#define NVMFD_KERNEL_KERNEL_H

#include "base/log.h"
#include "config/config.h"
#include "kernel/configfs.h"
#include "kernel/refuse.h"

struct kernel {
	struct configfs configfs;
	const struct log *log;
};

/* Takes configfs below `root` for us, and clears what an nvmfd that died has left there.
 * 0, or -errno with a sentence: there is no such target, no right, or another nvmfd. */
int kernel_open(struct kernel *, const char *root, const struct log *, char *error, size_t error_size);

/* Makes what `before` describes into `after`, all or nothing: 0, or -errno with a
 * sentence. */
int kernel_apply(struct kernel *, const struct config *before, const struct config *after,
		 char *error, size_t error_size);

/* The lowest number above `last` that no port has, ours or not; 0: they are all taken. */
unsigned int kernel_free_port(struct kernel *, unsigned int last);

/* Ends every host and leaves configfs as it was found. */
void kernel_close(struct kernel *);

#endif
