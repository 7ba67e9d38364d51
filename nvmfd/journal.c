/* SPDX-License-Identifier: BSD-2-Clause */
#include <syslog.h>

/* syslog's numbers by other names: base/log.h has its own levels. */
enum { SYSLOG_ERROR = LOG_ERR, SYSLOG_WARNING = LOG_WARNING, SYSLOG_NOTICE = LOG_NOTICE,
       SYSLOG_DEBUG = LOG_DEBUG };
#undef LOG_WARNING
#undef LOG_NOTICE
#undef LOG_DEBUG

#include "journal.h"

#include <stdio.h>
#include <time.h>

static void to_stderr(void *context, enum log_level level, const char *sentence)
{
	static const char *const words[] = { "error: ", "warning: ", "", "" };
	struct timespec now;
	struct tm local;
	char when[32];

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	strftime(when, sizeof(when), "%H:%M:%S", &local);
	fprintf(stderr, "%s.%03ld %s%s\n", when, now.tv_nsec / 1000000, words[level],
		sentence);
}

static void to_syslog(void *context, enum log_level level, const char *sentence)
{
	static const int priorities[] = { SYSLOG_ERROR, SYSLOG_WARNING, SYSLOG_NOTICE,
					  SYSLOG_DEBUG };

	syslog(LOG_DAEMON | priorities[level], "%s", sentence);
}

void journal_open(struct log *log, bool debug)
{
	*log = (struct log){ .level = debug ? LOG_DEBUG : LOG_NOTICE, .write = to_stderr };
}

void journal_to_syslog(struct log *log)
{
	openlog("nvmfd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log->write = to_syslog;
}
