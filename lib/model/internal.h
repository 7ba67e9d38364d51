/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the model share.  Thread: control. */
#ifndef NVMF_MODEL_INTERNAL_H
#define NVMF_MODEL_INTERNAL_H

#include "model/model.h"

/* ---- snapshot.c ---- */

/* A copy that may be changed; NULL: no memory. */
struct snapshot *snapshot_copy(const struct snapshot *);
/* Makes the views of all subsystems.  -ENOMEM. */
int snapshot_seal(struct snapshot *);
/* Records that nothing else has go to `retired`. */
void snapshot_free(struct snapshot *, struct list *retired);

/* With a life of its own; NULL: no memory. */
struct subsystem *subsystem_new(const struct subsystem_settings *);
void subsystem_free(struct subsystem *, struct list *retired);
void ns_place_free(struct ns_place *, struct list *retired);
void port_free(struct port *);
void device_put(struct device *);

/* ---- record.c ---- */

/* With a reference, of a device and a life that it takes references to; NULL: no memory. */
struct namespace *record_new(const struct namespace *, unsigned int lanes);
struct namespace *record_get(struct namespace *);
void record_put(struct namespace *, struct list *retired);
bool record_is_idle(const struct namespace *);
/* It is retired and idle. */
void record_free(struct namespace *);

/* ---- namespace.c: sizes of devices ---- */

/* The draft's are those of `m->current` now.  Storage becomes smaller where nobody goes
 * by the snapshot before (`is_left`), and else stays larger than what is served of it. */
void sizes_settle(struct model *, bool is_left);
/* What has grown for the draft is as it was. */
void sizes_undo(struct model *);

/* ---- model.c: one change ---- */

/* Opens the draft where none is open.  0 or -ENOMEM with a sentence. */
int change_begin(struct model *);
/* `r` is how the change went.  Commits, or drops the draft, unless more is to come. */
int change_end(struct model *, int r);
/* Leaves a sentence; returns `error`. */
int model_fail(struct model *, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int model_no_memory(struct model *);

/* -ENOENT, -EINVAL with a sentence. */
int find_subsystem(struct model *, const char *nqn, struct subsystem **);
int check_nqn(struct model *, const char *what, const char *nqn);

#endif
