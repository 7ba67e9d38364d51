/* SPDX-License-Identifier: BSD-2-Clause */
/* Where words go.  Nothing in the library prints: whoever opens a handle says
 * where its sentences go, or that they go nowhere. */
#ifndef NVMF_BASE_LOG_H
#define NVMF_BASE_LOG_H

#include <stdatomic.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_DEBUG };

struct log {
	/* What is less urgent is dropped; may be changed while others write. */
	_Atomic enum log_level level;
	/* One sentence without line ends and control characters; called from any
	 * thread. */
	void (*write)(void *context, enum log_level, const char *sentence);
	void *context;
};

/* `log` may be NULL.  Costs a comparison when the level is switched off. */
void log_say(const struct log *log, enum log_level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
