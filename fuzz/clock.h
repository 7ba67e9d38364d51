/* SPDX-License-Identifier: BSD-2-Clause */
/* A clock that stands still, so that what an input does it always does: linked
 * with -Wl,--wrap=clock_gettime, our code sees it in the kernel's place. */
#ifndef FUZZ_CLOCK_H
#define FUZZ_CLOCK_H

#include <stdint.h>

/* Begins again, as for each input. */
void clock_start(void);
void clock_pass(uint64_t ns);

#endif
