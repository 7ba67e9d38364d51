/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who reads and writes which bytes of a file right now, on all workers.
 *
 * A read through the page cache takes no lock that a write holds: a reader of
 * one block sees half of an old and half of a new one (measured: one read in
 * 200 on ext4 and tmpfs against two busy writers; O_DIRECT on tmpfs is no
 * better).  So whoever reads claims its pages together with other readers, and
 * whoever writes claims them alone, from before the I/O until after it.
 *
 * A claim that meets nobody costs an atomic exchange a page to take and one to
 * release.  The pages are striped: two that share a stripe wait for each other
 * without need.
 */
#ifndef NVMFD_BACKEND_CLAIMS_H
#define NVMFD_BACKEND_CLAIMS_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct claims;

/* The caller's, who sets granted; the rest is for claims.c. */
struct claim {
	struct list link;
	/* For a claim that had to wait: it is held now.  Called by the thread
	 * that released the last obstacle, whichever that is. */
	void (*granted)(struct claim *);
	uint32_t first, count;		/* stripes */
	bool is_exclusive, is_held;
};

/* size: of the file, bytes.  NULL: no memory.  For claims_free none is held. */
struct claims *claims_new(uint64_t size);
void claims_free(struct claims *);

/*
 * True: held.  False: granted will be called, perhaps before this returns.
 * First come, first served among those that wait, so that neither readers nor
 * writers starve.  Any thread; so is the release.
 */
bool claim_take(struct claims *, struct claim *, uint64_t offset,
		uint32_t length, bool is_exclusive);
void claim_release(struct claims *, struct claim *);

#endif
