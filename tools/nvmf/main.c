/* SPDX-License-Identifier: BSD-2-Clause */
/* nvmf: a host for NVMe over TCP on the command line. */
#include "command.h"
#include "session.h"

#include <nvmf/version.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stdout did not take, a full disk's for one, is an error. */
static int check_output(int result)
{
	if (!fflush(stdout) && !ferror(stdout))
		return result;
	return result ? result : fail("could not write the output");
}

static int run(int argc, char **argv)
{
	const struct command *command = command_find(argv[1]);
	struct settings settings;

	if (!command)
		return fail("there is no command '%s'; try 'nvmf --help'", argv[1]);
	settings_init(&settings);
	if (options_parse(&settings, command, argc - 1, argv + 1))
		return -1;
	if (settings.help) {
		options_help(command);
		return check_output(0);
	}
	if (command->needs_nqn && !settings.nqn)
		return fail("which subsystem? say it with --nqn ('nvmf discover' lists them)");
	return check_output(command->run(&settings));
}

static bool is_word(const char *text, const char *one, const char *other, const char *third)
{
	return !strcmp(text, one) || !strcmp(text, other) || !strcmp(text, third);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		fail("what to do? try 'nvmf --help'");
		return EXIT_FAILURE;
	}
	if (is_word(argv[1], "--help", "-h", "help")) {
		command_help();
		return EXIT_SUCCESS;
	}
	if (is_word(argv[1], "--version", "-V", "version")) {
		printf("nvmf %s\n", NVMF_VERSION);
		return EXIT_SUCCESS;
	}
	return run(argc, argv) ? EXIT_FAILURE : EXIT_SUCCESS;
}
