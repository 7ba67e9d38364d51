/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes that are put off until all that came together has been looked at, since
 * several at once are less work for the storage than one after the other.  They can't
 * fail, and no response leaves before they are done.
 */
#include "controller/controller.h"

void late_settle(struct station *s)
{
	struct late_writes *l = &s->late;

	if (l->count)
		l->backend->ops->write(l->backend, l->writes, l->count);
	l->count = 0;
}

bool late_write(struct station *s, struct backend *b, const struct backend_op *op)
{
	struct late_writes *l = &s->late;

	if (!b->ops->write)
		return false;
	if (l->count == LATE_MOST || (l->count && l->backend != b))
		late_settle(s);
	l->backend = b;
	l->writes[l->count++] = (struct backend_write){ op->offset, op->length, op->data };
	return true;
}
