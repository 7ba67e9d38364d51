/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables as a script: the words that may follow are looked up in an array, and
 * names of what there is are asked of the daemon.
 */
#include "completion.h"

#include <stdio.h>

static void print_keys(const struct word *w)
{
	for (; w && w->name; w++)
		printf(" %s=", w->name);
}

static void print_verb(const struct object *o, const struct verb *v)
{
	unsigned int n = 0;

	for (const struct word *w = v->places; w && w->name; w++, n++)
		printf("\t['%s %s %u']='@%s'\n", o->name, v->name, n, w->lists ? w->lists : "");
	printf("\t['%s %s +']='", o->name, v->name);
	print_keys(v->keys);
	printf("'\n");
}

static void print_names(void)
{
	printf("\t['/']='");
	for (const struct object *o = objects; o->name; o++)
		printf("%s ", o->name);
	printf("'\n");
	for (const struct object *o = objects; o->name; o++) {
		printf("\t['/%s']='", o->name);
		for (const struct verb *v = o->verbs; has_verbs(o) && v->name; v++)
			printf("%s ", v->name);
		if (!has_verbs(o))
			print_keys(o->verbs->keys);
		printf("'\n");
	}
}

static const char script[] =
"# What may stand there: @OBJECT stands for the names that `nvmfctl OBJECT` lists.\n"
"_nvmfctl_words() {\n"
"	local words=$1\n"
"	if [[ $words == @* ]]; then\n"
"		[[ $words == @ ]] || nvmfctl \"${socket[@]}\" \"${words#@}\" 2>/dev/null | awk 'NR > 1 { print $1 }'\n"
"	else\n"
"		printf '%s\\n' $words\n"
"	fi\n"
"}\n"
"\n"
"_nvmfctl() {\n"
"	local -a said=() socket=()\n"
"	local i word key options='--json --socket --help --version'\n"
"	local cur prev words cword\n"
"	# NQNs have colons and keys equals signs in them: neither ends a word.\n"
"	_get_comp_words_by_ref -n := cur prev words cword 2>/dev/null || return\n"
"	for ((i = 1; i < cword; i++)); do\n"
"		case ${words[i]} in\n"
"		-s | --socket) socket=(--socket \"${words[++i]}\") ;;\n"
"		-*) ;;\n"
"		*) said+=(\"${words[i]}\") ;;\n"
"		esac\n"
"	done\n"
"	if [[ $prev == -s || $prev == --socket ]]; then\n"
"		mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
"		return\n"
"	fi\n"
"	if [[ $cur == -* ]]; then\n"
"		word=$options\n"
"	elif ((${#said[@]} < 2)); then\n"
"		word=${_nvmfctl_table[\"/${said[0]-}\"]-}\n"
"	else\n"
"		key=\"${said[0]} ${said[1]} $((${#said[@]} - 2))\"\n"
"		word=${_nvmfctl_table[\"$key\"]-${_nvmfctl_table[\"${said[0]} ${said[1]} +\"]-}}\n"
"	fi\n"
"	mapfile -t COMPREPLY < <(compgen -W \"$(_nvmfctl_words \"$word\")\" -- \"$cur\")\n"
"	[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
"	__ltrim_colon_completions \"$cur\" 2>/dev/null\n"
"	return 0\n"
"}\n"
"\n"
"complete -F _nvmfctl nvmfctl\n";

int print_completion(const struct request *r)
{
	(void)r;
	printf("# SPDX-License-Identifier: BSD-2-Clause\n"
	       "# Made by `nvmfctl completion`: words by those before them.\n"
	       "declare -A _nvmfctl_table=(\n");
	print_names();
	for (const struct object *o = objects; o->name; o++)
		for (const struct verb *v = o->verbs; has_verbs(o) && v->name; v++)
			print_verb(o, v);
	printf(")\n\n%s", script);
	return 0;
}
