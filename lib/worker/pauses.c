/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/pauses.h"

/* 64 short pauses are 2 ms of a host that answers at once. */
#define DOUBT_MOST 6u

void pauses_note(struct pauses *p, enum pause how)
{
	switch (how) {
	case PAUSE_SPUN:
		p->doubt -= p->doubt ? 1 : 0;
		break;
	case PAUSE_IN_VAIN:
		p->may_spin = false;
		p->slept = 0;
		p->doubt += p->doubt < DOUBT_MOST ? 1 : 0;
		break;
	case PAUSE_SHORT:
		p->may_spin = ++p->slept >> p->doubt;
		break;
	case PAUSE_LONG:
		break;
	}
}
