/* SPDX-License-Identifier: BSD-2-Clause */
/* What perf says at the end. */
#ifndef NVMF_TOOL_REPORT_H
#define NVMF_TOOL_REPORT_H

#include "tally.h"

#include <stdint.h>

struct report {
	uint64_t io_size;
	unsigned int depth, read_percent, controllers, queues, threads;
	bool is_sequential, spins, verifies;
	double seconds;
	double busy;			/* who spins: the share of the turns that found work */
	const struct tally *tally;
};

/* For people or as JSON.  0, or -1 after a sentence. */
int report_print(const struct report *, bool as_json);

#endif
