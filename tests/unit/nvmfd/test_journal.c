/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's log, with a pipe in the place of standard error. */
#include "../unit.h"

#include "journal.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY 150000		/* more than ring and batch hold together */

static int our_stderr, out;	/* what was standard error; the pipe's reading end */
static struct journal *journal;

static int open_pipe(void **state)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	our_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	out = ends[0];
	signal(SIGPIPE, SIG_IGN);	/* as the daemon does */
	alarm(60);			/* whoever waits for the log */
	return 0;
}

static int close_pipe(void **state)
{
	dup2(our_stderr, STDERR_FILENO);
	close(our_stderr);
	close(out);
	return 0;
}

static void open_journal(bool debug)
{
	assert_int_equal(journal_open(&journal, debug), 0);
}

/* All that comes until there is no writer any more. */
static void *read_all(void *argument)
{
	static char text[8 << 20];
	size_t n = 0;
	ssize_t got;

	while ((got = read(out, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	return text;
}

static unsigned int count(const char *text, const char *words)
{
	unsigned int n = 0;

	for (; (text = strstr(text, words)); text++)
		n++;
	return n;
}

static void test_before_the_start_each_is_out_at_once(void **state)
{
	char text[256] = "";

	open_journal(false);
	log_say(journal_log(journal), LOG_WARNING, "the first");
	assert_true(read(out, text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, " warning: the first\n"));
	journal_close(journal);
}

static void test_all_is_out_in_order_when_it_closes(void **state)
{
	char *text, *at;

	open_journal(true);
	assert_int_equal(journal_start(journal), 0);
	for (int i = 0; i < 500; i++)
		log_say(journal_log(journal), LOG_DEBUG, "number %d ends", i);
	journal_close(journal);
	dup2(our_stderr, STDERR_FILENO);
	at = text = read_all(NULL);
	for (int i = 0; i < 500; i++) {
		char words[32];

		snprintf(words, sizeof(words), "number %d ends\n", i);
		at = strstr(at, words);
		assert_non_null(at);
	}
}

static void test_a_drain_waits_for_what_was_said(void **state)
{
	char text[256] = "";

	open_journal(false);
	assert_int_equal(journal_start(journal), 0);
	log_say(journal_log(journal), LOG_ERROR, "said");
	journal_drain(journal);
	fcntl(out, F_SETFL, O_NONBLOCK);
	assert_true(read(out, text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, " error: said\n"));
	journal_close(journal);
}

/* Nobody reads: who says something does not wait, and is told what was lost. */
static void test_a_full_pipe_keeps_nobody_waiting(void **state)
{
	static char filler[65536];
	pthread_t reader;
	void *text;
	unsigned int said;

	assert_int_equal(write(STDERR_FILENO, filler, sizeof(filler)), sizeof(filler));
	open_journal(true);
	assert_int_equal(journal_start(journal), 0);
	for (int i = 0; i < MANY; i++)
		log_say(journal_log(journal), LOG_NOTICE, "number %d", i);
	journal_drain(journal);			/* gives up */
	for (size_t n = 0; n < sizeof(filler); )
		n += (size_t)read(out, filler, sizeof(filler) - n);
	pthread_create(&reader, NULL, read_all, NULL);
	log_say(journal_log(journal), LOG_NOTICE, "the last");
	journal_close(journal);
	dup2(our_stderr, STDERR_FILENO);
	pthread_join(reader, &text);
	said = count(text, "number ");
	assert_in_range(said, 1000, MANY - 1);
	/* Once, and again when "the last" found no room either. */
	assert_in_range(count(text, "lines are lost"), 1, 2);
}

static void test_the_end_does_not_wait_for_ever(void **state)
{
	static char filler[65536];

	assert_int_equal(write(STDERR_FILENO, filler, sizeof(filler)), sizeof(filler));
	open_journal(true);
	assert_int_equal(journal_start(journal), 0);
	log_say(journal_log(journal), LOG_NOTICE, "said");
	journal_close(journal);
}

static void test_floods_are_counted_unless_all_was_asked_for(void **state)
{
	char *text;

	open_journal(false);
	assert_int_equal(journal_start(journal), 0);
	for (int i = 0; i < 900; i++)
		log_say(journal_log(journal), LOG_NOTICE, "controller %d: gone", i);
	log_say(journal_log(journal), LOG_ERROR, "controller 1: gone");
	journal_close(journal);
	dup2(our_stderr, STDERR_FILENO);
	text = read_all(NULL);
	assert_int_equal(count(text, "gone"), 20 + 1 + 1);
	assert_int_equal(count(text, "controller 899: gone (and 879 more like this)\n"), 1);
	assert_int_equal(count(text, "error: controller 1: gone\n"), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_pipe, close_pipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_before_the_start_each_is_out_at_once),
		CASE(test_all_is_out_in_order_when_it_closes),
		CASE(test_a_drain_waits_for_what_was_said),
		CASE(test_a_full_pipe_keeps_nobody_waiting),
		CASE(test_floods_are_counted_unless_all_was_asked_for),
		/* The last, as its thread stays behind. */
		CASE(test_the_end_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
