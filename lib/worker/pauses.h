/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether it pays to look for more before sleeping, learnt from the pauses before.
 *
 * Who looks on (spins) answers sooner than who has to be woken, and takes the
 * processor's time.  It spins until that was in vain; then so many short pauses must be
 * slept through before the next try: one at first, twice as many after each try that was
 * in vain, half as many after each that was not.  So it spins where more than half of the
 * tries pay: one long pause among many short ones costs next to nothing, and trying
 * costs nothing where all pauses are a little too long.
 *
 * Pure: the caller measures.
 */
#ifndef NVMF_WORKER_PAUSES_H
#define NVMF_WORKER_PAUSES_H

#include <stdbool.h>
#include <stdint.h>

struct pauses {
	bool may_spin;
	uint8_t doubt;		/* tries in vain, less those that paid */
	uint8_t slept;		/* short pauses that were slept through since the last try */
};

/* How a pause went. */
enum pause {
	PAUSE_SPUN,		/* something came while it looked */
	PAUSE_IN_VAIN,		/* it looked, and nothing came */
	PAUSE_SHORT,		/* it slept, and that was short */
	PAUSE_LONG,
};

void pauses_note(struct pauses *, enum pause);

#endif
