/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O commands that may take long, in pieces: each is one operation of the storage.
 * What is answered at once has a bounded part of a turn, all of them together; the rest
 * stands in line for the next.  A queue that ends and a namespace that goes stop them
 * between two pieces.
 */
#ifndef NVMF_CONTROLLER_JOB_H
#define NVMF_CONTROLLER_JOB_H

#include "base/list.h"
#include "model/model.h"
#include "storage/backend.h"

struct request;

/* In place of the request's only operation. */
struct job {
	struct backend_op op;		/* first: the piece */
	struct list link;		/* jobs->line */
	/*
	 * Given how the last piece ended (0 at first), prepares the next one in `op`.
	 * False: it has ended the request, or handed it on.
	 */
	bool (*next)(struct request *, int result);
	void (*drop)(struct request *);	/* optional: it is stopped */
	const struct namespace *ns;	/* that the piece is for */
	uint64_t at, end;		/* bytes of it still to come */
	int result;			/* of the last piece, while it stands in line */
	uint32_t index;			/* of the range */
	/* Copy's: where the next piece goes, and what it comes from. */
	uint64_t to;
	const struct namespace *from;
	struct ns_lane *source;		/* of that, entered; NULL: none */
};

/* Those of one worker. */
struct jobs {
	struct list line;
	struct timer turn;
	uint64_t counted_at;		/* ns; the turn that `done` is of */
	uint64_t done;			/* bytes */
	struct worker *worker;
};

void jobs_init(struct jobs *, struct worker *);
/* The request's job begins; `next` and `ns` are set, and all else that this needs. */
void job_start(struct request *);
/* It ends soon, as aborted; unless this was its last piece. */
void job_stop(struct request *);

#endif
