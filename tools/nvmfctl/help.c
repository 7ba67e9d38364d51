/* SPDX-License-Identifier: BSD-2-Clause */
#include "help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char options_help[] =
	"  -j, --json                 for programs\n"
	"  -s, --socket FILE          where the daemon takes calls\n"
	"  -h, --help                 this\n";

void help(void)
{
	printf("usage: nvmfctl [-j] [-s FILE] COMMAND [VERB] [WORDS]\n\n"
	       "Shows and changes what a running nvmfd serves.\n\n");
	for (const struct object *o = objects; o->name; o++)
		printf("  %-12s %s\n", o->name, o->what);
	printf("\n'nvmfctl COMMAND --help' says its verbs, 'nvmfctl COMMAND VERB --help' the words.\n\n"
	       "%s  -V, --version              the version\n", options_help);
}

static void print_places(const struct word *w)
{
	for (; w && w->name; w++)
		printf(w->is_optional ? " [%s]" : " %s", w->name);
}

static void print_usage(const struct object *o, const struct verb *v)
{
	printf("nvmfctl %s%s%s", o->name, *v->name ? " " : "", v->name);
	print_places(v->places);
	printf("%s\n", v->keys ? " [KEY=VALUE ...]" : "");
}

void help_verb(const struct object *o, const struct verb *v)
{
	printf("usage: ");
	print_usage(o, v);
	printf("\n%s.\n\n", v->what);
	for (const struct word *w = v->places; w && w->name; w++)
		printf("  %-24s %s\n", w->name, w->what);
	for (const struct word *w = v->keys; w && w->name; w++)
		printf("  %s=%-*s %s\n", w->name, 23 - (int)strlen(w->name),
		       w->kind == WORD_YES ? "yes|no" : w->kind == WORD_NUMBER ? "N" : "...", w->what);
	printf("%s%s", v->places || v->keys ? "\n" : "", options_help);
}

void help_object(const struct object *o)
{
	if (!has_verbs(o)) {
		help_verb(o, o->verbs);
		return;
	}
	for (const struct verb *v = o->verbs; v->name; v++) {
		printf("%s", v == o->verbs ? "usage: " : "       ");
		print_usage(o, v);
	}
	printf("\n%s.\n\n", o->what);
	for (const struct verb *v = o->verbs; v->name; v++)
		printf("  %-12s %s\n", v->name, v->what);
	printf("\n%s", options_help);
}
