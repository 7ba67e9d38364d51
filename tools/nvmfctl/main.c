/* SPDX-License-Identifier: BSD-2-Clause */
/* nvmfctl: shows and changes what a running nvmfd serves. */
#include "call.h"
#include "guess.h"
#include "help.h"
#include "words.h"

#include <nvmf/version.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- options -------------------------------------------------------------------------------------- */

static const struct option longs[] = {
	{ "json", no_argument, NULL, 'j' }, { "socket", required_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 },
};

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
			return wrong("%s needs a value; try 'nvmfctl --help'", argv[optind - 1]);
		default:
			return wrong("there is no option %s; try 'nvmfctl --help'",
				     argv[optind - 1]);
		}
	}
	return 0;
}

/* ---- what is meant --------------------------------------------------------------------------------- */

/* 0, or a failure after a sentence. */
static int find_object(const struct object **o, const char *word)
{
	const char *meant;

	*o = object_named(word);
	if (*o)
		return 0;
	meant = guess(word, object_name, objects);
	return meant ? wrong("there is no command '%s'; did you mean '%s'?", word, meant) :
		       wrong("there is no command '%s'; try 'nvmfctl --help'", word);
}

/* A word that is no verb's is a name to be shown, where it can be one. */
static int refuse_verb(const struct object *o, const char *word, bool is_alone)
{
	const char *meant = guess(word, verb_name, o->verbs);

	if (meant)
		return wrong("%s has no '%s'; did you mean '%s %s'?", o->name, word, o->name, meant);
	if (is_alone && o->verbs->places)
		return 0;
	return wrong("%s has no '%s'; try 'nvmfctl %s --help'", o->name, word, o->name);
}

/* Finds the verb among the words behind the object, and passes by its name. */
static int find_verb(const struct verb **v, const struct object *o, int *count, char ***words)
{
	*v = o->verbs;
	if (!has_verbs(o) || !*count)
		return 0;
	*v = verb_named(o, **words);
	if (!*v) {
		*v = o->verbs;
		return refuse_verb(o, **words, *count == 1);
	}
	++*words;
	--*count;
	return 0;
}

/* ---- what to do ------------------------------------------------------------------------------------ */

static int run_verb(struct request *r, const struct arguments *a)
{
	char standard[512];
	int failed;

	r->fd = -1;
	if (r->verb->needs_no_daemon)
		return r->verb->run(r);
	if (!a->socket && client_default_path(standard, sizeof(standard)))
		return -1;
	r->fd = client_open(a->socket ? a->socket : standard);
	if (r->fd < 0)
		return r->fd;
	failed = r->verb->run ? r->verb->run(r) : call(r);
	close(r->fd);
	return failed;
}

static int run(const struct object *o, const struct arguments *a, int count, char **words)
{
	struct request r = { .as_json = a->as_json };
	int failed = find_verb(&r.verb, o, &count, &words);

	if (!failed && a->wants_help) {
		if (r.verb == verb_named(o, words[-1]))
			help_verb(o, r.verb);
		else
			help_object(o);
		return 0;
	}
	if (!failed)
		failed = words_take(&r, o, count, words);
	if (!failed)
		failed = run_verb(&r, a);
	json_decref(r.params);
	return failed;
}

/* What stdout did not take, a full disk's for one, is an error. */
static int exit_status(int failed)
{
	if (fflush(stdout) || ferror(stdout))
		failed = fail("could not write the output");
	return -failed;
}

int main(int argc, char **argv)
{
	struct arguments a = { 0 };
	const struct object *o;
	int failed = parse_options(&a, argc, argv);

	if (failed)
		return exit_status(failed);
	if (a.wants_version) {
		printf("nvmfctl %s\n", NVMF_VERSION);
		return exit_status(0);
	}
	if (optind == argc) {
		if (!a.wants_help)
			failed = wrong("what to do? try 'nvmfctl --help'");
		else
			help();
		return exit_status(failed);
	}
	failed = find_object(&o, argv[optind]);
	if (!failed)
		failed = run(o, &a, argc - optind - 1, argv + optind + 1);
	return exit_status(failed);
}
