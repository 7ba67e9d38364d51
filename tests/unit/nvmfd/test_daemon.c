/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[128], sentence[256];

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/nvmfd-test-daemon-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/pid", folder);
	sentence[0] = 0;
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void read_back(char *text, size_t size)
{
	FILE *from = fopen(path, "r");

	memset(text, 0, size);
	assert_non_null(from);
	assert_int_not_equal(fread(text, 1, size - 1, from), 0);
	fclose(from);
}

/* Runs `daemon` detached, in a child: what daemon_detach answered there. */
static int detach(void (*daemon)(int report))
{
	int answer[2], status;
	pid_t pid;

	assert_int_equal(pipe(answer), 0);
	pid = fork();
	if (!pid) {
		char text[256] = "";
		int report = -1;
		int code = daemon_detach(&report, text, sizeof(text));

		if (code == DAEMON_CHILD) {
			close(answer[1]);
			daemon(report);
			_exit(0);
		}
		dprintf(answer[1], "%s", text);
		_exit(code == DAEMON_PARENT ? 0 : -code);
	}
	close(answer[1]);
	memset(sentence, 0, sizeof(sentence));
	assert_true(read(answer[0], sentence, sizeof(sentence) - 1) >= 0);
	close(answer[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void daemon_that_works(int report)
{
	char text[128];

	/* Still where the caller was: relative paths mean what they meant. */
	if (access("pid-here", F_OK))
		daemon_failed(report, -ENOENT, "not the caller's directory");
	daemon_ready(report);
	snprintf(text, sizeof(text), "%d %d %d\n", getsid(0) != getpid(), access("usr", F_OK) == 0,
		 lseek(0, 0, SEEK_END) == 0 && !isatty(1));
	write_file_atomically(path, text, 0644);
}

static void parent_ends_well_when_the_daemon_is_ready(void **state)
{
	char text[64];
	char here[256];

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(folder), 0);
	close(open("pid-here", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(detach(daemon_that_works), 0);
	assert_int_equal(chdir(here), 0);
	for (int i = 0; i < 200 && access(path, F_OK); i++)
		usleep(10000);
	read_back(text, sizeof(text));
	assert_string_equal(text, "1 1 1\n");
}

static void daemon_that_fails(int report)
{
	daemon_failed(report, -EADDRINUSE, "port 4420 is taken");
}

static void parent_says_the_daemons_sentence(void **state)
{
	assert_int_equal(detach(daemon_that_fails), EADDRINUSE);
	assert_string_equal(sentence, "port 4420 is taken");
}

static void daemon_that_dies(int report)
{
	_exit(0);
}

static void parent_notices_a_daemon_that_died(void **state)
{
	assert_int_equal(detach(daemon_that_dies), ECHILD);
	assert_string_equal(sentence, "the daemon ended before it was ready");
}

static void pidfile_holds_the_pid(void **state)
{
	struct pidfile p;
	char text[32], expected[32];

	assert_int_equal(pidfile_open(&p, path, sentence, sizeof(sentence)), 0);
	assert_int_equal(pidfile_write(&p), 0);
	snprintf(expected, sizeof(expected), "%ld\n", (long)getpid());
	read_back(text, sizeof(text));
	assert_string_equal(text, expected);
	pidfile_remove(&p);
	assert_int_equal(access(path, F_OK), -1);
	pidfile_remove(&p);
}

static void second_start_is_refused_by_pid(void **state)
{
	struct pidfile first, second;
	char expected[256];

	assert_int_equal(pidfile_open(&first, path, sentence, sizeof(sentence)), 0);
	assert_int_equal(pidfile_open(&second, path, sentence, sizeof(sentence)), -EEXIST);
	assert_non_null(strstr(sentence, "another nvmfd is starting"));
	assert_int_equal(pidfile_write(&first), 0);
	assert_int_equal(pidfile_open(&second, path, sentence, sizeof(sentence)), -EEXIST);
	snprintf(expected, sizeof(expected), "nvmfd is running already, as process %ld (%s)",
		 (long)getpid(), path);
	assert_string_equal(sentence, expected);
	pidfile_remove(&first);
	assert_int_equal(pidfile_open(&second, path, sentence, sizeof(sentence)), 0);
	pidfile_remove(&second);
}

static void stale_file_is_taken_over(void **state)
{
	struct pidfile p;
	struct stat stat_of;
	FILE *stale = fopen(path, "w");

	fputs("1\n", stale);		/* alive, but no nvmfd: it holds no lock */
	fclose(stale);
	assert_int_equal(pidfile_open(&p, path, sentence, sizeof(sentence)), 0);
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_size, 0);
	pidfile_remove(&p);
}

static void lock_outlives_the_parent(void **state)
{
	struct pidfile p, other;
	int ends[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pidfile_open(&p, path, sentence, sizeof(sentence)), 0);
	pid = fork();
	if (!pid) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) ? 1 : 0);
	}
	pidfile_forget(&p);
	assert_int_equal(pidfile_open(&other, path, sentence, sizeof(sentence)), -EEXIST);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(pidfile_open(&other, path, sentence, sizeof(sentence)), 0);
	pidfile_remove(&other);
}

static void symbolic_link_is_not_followed(void **state)
{
	struct pidfile p;

	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(pidfile_open(&p, path, sentence, sizeof(sentence)), -ELOOP);
	assert_int_equal(p.fd, -1);
}

static void relative_pidfile_is_made_absolute(void **state)
{
	struct pidfile p;
	char here[256];

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(pidfile_open(&p, "pid", sentence, sizeof(sentence)), 0);
	assert_int_equal(chdir(here), 0);
	assert_string_equal(p.path, path);
	pidfile_remove(&p);
	assert_int_equal(access(path, F_OK), -1);
}

static void signals_come_through_a_descriptor(void **state)
{
	static const int each[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP };
	int fd = signals_open();
	struct pollfd waiting = { .fd = fd, .events = POLLIN };

	assert_true(fd >= 0);
	assert_int_equal(signals_read(fd), 0);
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		kill(getpid(), each[i]);
		assert_int_equal(poll(&waiting, 1, 1000), 1);
		assert_int_equal(signals_read(fd), each[i]);
	}
	kill(getpid(), SIGPIPE);	/* ignored */
	close(fd);
}

static void descriptor_limit_is_raised(void **state)
{
	struct rlimit before, now;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	assert_true(raise_descriptor_limit() > 64);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(now.rlim_cur, before.rlim_max);
	setrlimit(RLIMIT_NOFILE, &before);
}

static void files_are_written_whole(void **state)
{
	char text[64], command[256];
	struct stat stat_of;

	assert_int_equal(write_file_atomically(path, "one\n", 0644), 0);
	assert_int_equal(write_file_atomically(path, "two\n", 0640), 0);
	read_back(text, sizeof(text));
	assert_string_equal(text, "two\n");
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 0777, 0640);
	snprintf(command, sizeof(command), "test \"$(ls -A %s)\" = pid", folder);
	assert_int_equal(system(command), 0);
	strcat(path, "/below-a-file");
	assert_int_equal(write_file_atomically(path, "", 0644), -ENOTDIR);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(parent_ends_well_when_the_daemon_is_ready),
		CASE(parent_says_the_daemons_sentence),
		CASE(parent_notices_a_daemon_that_died),
		CASE(pidfile_holds_the_pid),
		CASE(second_start_is_refused_by_pid),
		CASE(stale_file_is_taken_over),
		CASE(lock_outlives_the_parent),
		CASE(symbolic_link_is_not_followed),
		CASE(relative_pidfile_is_made_absolute),
		CASE(files_are_written_whole),
		cmocka_unit_test(descriptor_limit_is_raised),
		cmocka_unit_test(signals_come_through_a_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
