/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

/*
 * Sentences hold names that peers have chosen: no line end, and nothing that a
 * terminal would obey, in one byte or (U+0080 to U+009F) in two of UTF-8.
 */
static void make_harmless(char *sentence)
{
	for (unsigned char *p = (unsigned char *)sentence; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

void log_say(const struct log *log, enum log_level level, const char *format, ...)
{
	char sentence[512];
	va_list ap;

	if (!log || !log->write ||
	    level > atomic_load_explicit(&log->level, memory_order_relaxed))
		return;
	va_start(ap, format);
	vsnprintf(sentence, sizeof(sentence), format, ap);
	va_end(ap);
	make_harmless(sentence);
	log->write(log->context, level, sentence);
}
