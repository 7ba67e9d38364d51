/* SPDX-License-Identifier: BSD-2-Clause */
#include <syslog.h>

/* syslog's numbers by other names: base/log.h has its own levels. */
enum { SYSLOG_ERROR = LOG_ERR, SYSLOG_WARNING = LOG_WARNING, SYSLOG_NOTICE = LOG_NOTICE,
       SYSLOG_DEBUG = LOG_DEBUG };
#undef LOG_WARNING
#undef LOG_NOTICE
#undef LOG_DEBUG

#include "journal.h"
#include "flood.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BATCH (1u << 20)		/* bytes of sentences: 8,000 or so */
#define PATIENCE_S 1			/* of journal_drain */
#define SENTENCE FLOOD_SENTENCE		/* log_say makes none longer */

struct line {
	struct timespec when;
	enum log_level level;
	char sentence[SENTENCE];
};

/* As it lies in a batch: only so much of it as there is. */
#define STORED(length) ((offsetof(struct line, sentence) + (length) + 1 + 7) & ~(size_t)7)

struct batch {
	size_t used;
	unsigned int lost;		/* lines behind these that found no room */
	_Alignas(8) char bytes[BATCH];
};

struct journal {
	struct log log;
	void (*sink)(const struct line *);
	pthread_t thread;
	bool has_thread;
	/* The thread's: what others did not cause has an allowance of its own. */
	bool is_limited;
	struct flood urgent, usual;
	unsigned int untold;		/* left out, and the log does not say so yet */
	/* Under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t came, went;
	struct batch *coming, *going;	/* going: the thread's while it is not empty */
	bool must_end, has_ended;
	struct batch batches[2];
};

/* ---- where it goes ---------------------------------------------------------------------- */

static void write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno != EINTR)
			return;		/* there is nobody left to tell */
		if (n > 0) {
			text += n;
			length -= (size_t)n;
		}
	}
}

/* Not by stdio: exit would flush what hangs in there, and hang. */
static void to_stderr(const struct line *l)
{
	static const char *const words[] = { "error: ", "warning: ", "", "" };
	char when[32], text[SENTENCE + 64];
	struct tm local;
	int n;

	localtime_r(&l->when.tv_sec, &local);
	strftime(when, sizeof(when), "%H:%M:%S", &local);
	n = snprintf(text, sizeof(text), "%s.%03ld %s%s\n", when, l->when.tv_nsec / 1000000,
		     words[l->level], l->sentence);
	write_all(STDERR_FILENO, text, (size_t)n);
}

static void to_syslog(const struct line *l)
{
	static const int priorities[] = { SYSLOG_ERROR, SYSLOG_WARNING, SYSLOG_NOTICE,
					  SYSLOG_DEBUG };

	syslog(LOG_DAEMON | priorities[l->level], "%s", l->sentence);
}

/* ---- the thread --------------------------------------------------------------------------- */

static void fill_in(struct line *l, enum log_level level, const char *sentence)
{
	clock_gettime(CLOCK_REALTIME, &l->when);
	l->level = level;
	snprintf(l->sentence, sizeof(l->sentence), "%s", sentence);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void add_count(struct line *l, unsigned int more)
{
	size_t length = strnlen(l->sentence, SENTENCE - 48);

	if (more)
		snprintf(l->sentence + length, SENTENCE - length, " (and %u more like this)",
			 more);
}

static struct flood *flood_of(struct journal *j, enum log_level level)
{
	return level <= LOG_WARNING ? &j->urgent : &j->usual;
}

static void put(struct journal *j, struct line *l)
{
	uint32_t more = 0;

	if (j->is_limited &&
	    !flood_takes(flood_of(j, l->level), now_ns(), l->sentence, &more)) {
		j->untold++;
		return;
	}
	j->untold -= more;
	add_count(l, more);
	j->sink(l);
}

/* What was left out of floods and may be told now. */
static void tell_due(struct journal *j, uint64_t now)
{
	for (enum log_level level = LOG_WARNING; level <= LOG_NOTICE; level++) {
		const char *sentence;
		struct line l;
		uint32_t more;

		while ((sentence = flood_due(flood_of(j, level), now, &more))) {
			j->untold -= more + 1;
			fill_in(&l, level, sentence);
			add_count(&l, more);
			j->sink(&l);
		}
	}
}

static void tell_lost(struct journal *j, unsigned int lost)
{
	struct line l;
	char sentence[64];

	snprintf(sentence, sizeof(sentence), "the log was too slow: %u lines are lost", lost);
	fill_in(&l, LOG_WARNING, sentence);
	j->sink(&l);
}

/* Waits for news, or until something left out may be told.  The lock is held. */
static void await(struct journal *j)
{
	struct timespec until;

	if (j->coming->used || j->must_end)
		return;
	if (!j->untold) {
		pthread_cond_wait(&j->came, &j->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FLOOD_PERIOD_S;
	pthread_cond_timedwait(&j->came, &j->lock, &until);
}

static void write_batch(struct journal *j, const struct batch *b)
{
	struct line l;

	for (size_t at = 0, size; at < b->used; at += size) {
		const struct line *stored = (const void *)(b->bytes + at);

		size = STORED(strlen(stored->sentence));
		memcpy(&l, stored, size < sizeof(l) ? size : sizeof(l));
		put(j, &l);
	}
	if (b->lost)
		tell_lost(j, b->lost);
}

/* Takes what has come and writes it without the lock, which is held. */
static void take_batch(struct journal *j)
{
	struct batch *b = j->coming;

	j->coming = j->going;
	j->going = b;
	pthread_mutex_unlock(&j->lock);
	write_batch(j, b);
	pthread_mutex_lock(&j->lock);
	b->used = b->lost = 0;
}

static void *run(void *argument)
{
	struct journal *j = argument;

	prctl(PR_SET_NAME, "log");
	pthread_mutex_lock(&j->lock);
	while (!j->must_end || j->coming->used) {
		while (j->coming->used)
			take_batch(j);
		pthread_cond_broadcast(&j->went);
		pthread_mutex_unlock(&j->lock);
		tell_due(j, now_ns());
		pthread_mutex_lock(&j->lock);
		await(j);
	}
	pthread_mutex_unlock(&j->lock);
	tell_due(j, UINT64_MAX);
	pthread_mutex_lock(&j->lock);
	j->has_ended = true;
	pthread_cond_broadcast(&j->went);
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

/* ---- who has something to say -------------------------------------------------------------- */

static void say_at_once(void *context, enum log_level level, const char *sentence)
{
	struct journal *j = context;
	struct line l;

	fill_in(&l, level, sentence);
	j->sink(&l);
}

static void add(struct batch *b, enum log_level level, const char *sentence)
{
	size_t size = STORED(strlen(sentence));
	struct line *l = (void *)(b->bytes + b->used);

	/* Behind one that is lost the next are lost, so that the order stays. */
	if (b->lost || size > BATCH - b->used) {
		b->lost++;
		return;
	}
	clock_gettime(CLOCK_REALTIME, &l->when);
	l->level = level;
	strcpy(l->sentence, sentence);
	b->used += size;
}

static void say(void *context, enum log_level level, const char *sentence)
{
	struct journal *j = context;

	pthread_mutex_lock(&j->lock);
	add(j->coming, level, sentence);
	pthread_cond_signal(&j->came);
	pthread_mutex_unlock(&j->lock);
}

/* ---- opening and closing ------------------------------------------------------------------- */

int journal_open(struct journal **result, bool debug)
{
	struct journal *j = calloc(1, sizeof(*j));
	pthread_condattr_t monotonic;

	*result = j;
	if (!j)
		return -ENOMEM;
	j->log = (struct log){ .level = debug ? LOG_DEBUG : LOG_NOTICE, .write = say_at_once,
			       .context = j };
	j->is_limited = !debug;
	j->coming = &j->batches[0];
	j->going = &j->batches[1];
	j->sink = to_stderr;
	pthread_mutex_init(&j->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&j->came, &monotonic);
	pthread_cond_init(&j->went, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return 0;
}

const struct log *journal_log(const struct journal *j)
{
	return &j->log;
}

void journal_set_level(struct journal *j, enum log_level level)
{
	atomic_store_explicit(&j->log.level, level, memory_order_relaxed);
}

void journal_to_syslog(struct journal *j)
{
	openlog("nvmfd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	j->sink = to_syslog;
}

int journal_start(struct journal *j)
{
	int error = pthread_create(&j->thread, NULL, run, j);

	j->has_thread = !error;
	if (!error)
		j->log.write = say;
	return -error;
}

static bool is_out(const struct journal *j)
{
	return j->must_end ? j->has_ended : !j->coming->used && !j->going->used;
}

/* Waits until all is out, but not for ever.  The lock is held. */
static bool await_out(struct journal *j)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	while (!is_out(j) && !r)
		r = pthread_cond_timedwait(&j->went, &j->lock, &until);
	return is_out(j);
}

void journal_drain(struct journal *j)
{
	if (!j->has_thread)
		return;
	pthread_mutex_lock(&j->lock);
	await_out(j);
	pthread_mutex_unlock(&j->lock);
}

static bool end_thread(struct journal *j)
{
	bool has_ended;

	pthread_mutex_lock(&j->lock);
	j->must_end = true;
	pthread_cond_signal(&j->came);
	has_ended = await_out(j);
	pthread_mutex_unlock(&j->lock);
	if (has_ended)
		return !pthread_join(j->thread, NULL);
	pthread_detach(j->thread);
	return false;
}

void journal_close(struct journal *j)
{
	/* A thread that hangs in a write needs its memory: the process ends anyway. */
	if (j->has_thread && !end_thread(j))
		return;
	pthread_cond_destroy(&j->came);
	pthread_cond_destroy(&j->went);
	pthread_mutex_destroy(&j->lock);
	free(j);
}
