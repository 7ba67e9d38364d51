/* SPDX-License-Identifier: BSD-2-Clause */
/* nvmfctl: looks at a running nvmfd. */
#include "client.h"
#include "show.h"

#include <nvmf/version.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
	const char *name, *what;
	int (*run)(const struct request *);
	const char *takes;		/* what a name behind it names; NULL: nothing */
};

static const struct command commands[] = {
	{ "status", "What runs, in few lines", show_status, NULL },
	{ "subsystem", "Subsystems", show_subsystems, "NQN" },
	{ "ns", "Namespaces, of one subsystem or of all", show_namespaces, "NQN" },
	{ "port", "Where it listens, and what is served there", show_ports, "PORT" },
	{ "host", "Hosts that are connected, or may connect by name", show_hosts, "HOSTNQN" },
	{ "device", "Devices, and what was read and written", show_devices, "NAME" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* ---- a mistake, and what was meant ------------------------------------------------------------- */

#define WORD_MOST 24

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* How many letters were mistyped, forgotten or typed too many. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[WORD_MOST + 1];
	size_t length = strlen(b);

	if (length > WORD_MOST)
		return WORD_MOST;
	for (unsigned int j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned int i = 1; a[i - 1]; i++) {
		unsigned int corner = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= length; j++) {
			unsigned int above = row[j];

			row[j] = least(least(above, row[j - 1]) + 1,
				       corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[length];
}

/* The command whose name begins so or is nearly so; NULL: none. */
static const struct command *guess(const char *word)
{
	const struct command *best = NULL;
	unsigned int nearest = 3;

	for (size_t i = 0; i < COMMANDS; i++) {
		const char *name = commands[i].name;
		unsigned int far = strncmp(word, name, strlen(name)) &&
				   strncmp(name, word, strlen(word)) ? distance(word, name) : 1;

		if (far < nearest) {
			nearest = far;
			best = &commands[i];
		}
	}
	return best;
}

static const struct command *find_command(const char *word)
{
	const struct command *meant;

	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, word))
			return &commands[i];
	meant = guess(word);
	if (meant)
		fail("there is no command '%s'; did you mean '%s'?", word, meant->name);
	else
		fail("there is no command '%s'; try 'nvmfctl --help'", word);
	return NULL;
}

/* ---- options -------------------------------------------------------------------------------------- */

static const struct option longs[] = {
	{ "json", no_argument, NULL, 'j' }, { "socket", required_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 },
};

static const char options_help[] =
	"  -j, --json                 for programs\n"
	"  -s, --socket FILE          where the daemon takes calls\n"
	"  -h, --help                 this\n";

static void help(void)
{
	printf("usage: nvmfctl [-j] [-s FILE] COMMAND [show] [NAME]\n\n"
	       "Looks at a running nvmfd.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-12s %s\n", commands[i].name, commands[i].what);
	printf("\n%s  -V, --version              the version\n", options_help);
}

static void command_help(const struct command *c)
{
	printf("usage: nvmfctl %s [show]%s%s%s\n\n%s.\n\n%s", c->name, c->takes ? " [" : "",
	       c->takes ? c->takes : "", c->takes ? "]" : "", c->what, options_help);
}

struct arguments {
	const char *socket;
	bool as_json, wants_help, wants_version;
};

static int parse_options(struct arguments *a, int argc, char **argv)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":hjs:V", longs, NULL)) != -1) {
		switch (option) {
		case 'j':
			a->as_json = true;
			break;
		case 's':
			a->socket = optarg;
			break;
		case 'h':
			a->wants_help = true;
			break;
		case 'V':
			a->wants_version = true;
			break;
		case ':':
			return fail("%s needs a value; try 'nvmfctl --help'", argv[optind - 1]);
		default:
			return fail("there is no option %s; try 'nvmfctl --help'", argv[optind - 1]);
		}
	}
	return 0;
}

/* ---- what to do ------------------------------------------------------------------------------------ */

/* The words behind the command: "show", a name, or both. */
static int take_words(struct request *r, const struct command *c, int count, char **words)
{
	if (count && !strcmp(words[0], "show")) {
		count--;
		words++;
	}
	if (count && c->takes) {
		r->name = words[0];
		count--;
		words++;
	}
	return count ? fail("'%s' is not expected; try 'nvmfctl %s --help'", words[0], c->name) : 0;
}

static int run(const struct command *c, const struct arguments *a, int count, char **words)
{
	struct request r = { .as_json = a->as_json };
	char standard[512];
	int failed;

	if (take_words(&r, c, count, words))
		return -1;
	if (!a->socket && client_default_path(standard, sizeof(standard)))
		return -1;
	r.fd = client_open(a->socket ? a->socket : standard);
	if (r.fd < 0)
		return -1;
	failed = c->run(&r);
	close(r.fd);
	return failed;
}

/* What stdout did not take, a full disk's for one, is an error. */
static int check_output(int failed)
{
	if (!fflush(stdout) && !ferror(stdout))
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;
	fail("could not write the output");
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct arguments a = { 0 };
	const struct command *c;

	if (parse_options(&a, argc, argv))
		return EXIT_FAILURE;
	if (a.wants_version) {
		printf("nvmfctl %s\n", NVMF_VERSION);
		return check_output(0);
	}
	if (optind == argc) {
		if (!a.wants_help)
			fail("what to show? try 'nvmfctl --help'");
		else
			help();
		return check_output(!a.wants_help);
	}
	c = find_command(argv[optind]);
	if (!c)
		return EXIT_FAILURE;
	if (a.wants_help) {
		command_help(c);
		return check_output(0);
	}
	return check_output(run(c, &a, argc - optind - 1, argv + optind + 1));
}
