/* SPDX-License-Identifier: BSD-2-Clause */
/* One table of options is parser, defaults and --help. */
#include "options.h"
#include "number.h"
#include "session.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { FLAG, TEXT, NUMBER };

struct option_row {
	const char *name;
	char letter;			/* 0: the long form alone */
	enum kind kind;
	unsigned int group;
	size_t at;			/* in struct settings */
	const char *argument;
	uint64_t initial, least, most;	/* of a NUMBER */
	const char *what;
};

#define AT(member) offsetof(struct settings, member)
#define ANY_NUMBER 0, UINT64_MAX
#define NOT_GIVEN UINT64_MAX

static const struct option_row rows[] = {
	{ "transport", 't', TEXT, GROUP_CONNECT, AT(transport), "tcp", 0, ANY_NUMBER,
	  "transport; tcp is the only one, and the default" },
	{ "traddr", 'a', TEXT, GROUP_CONNECT, AT(traddr), "ADDR", 0, ANY_NUMBER,
	  "address or name of the target (127.0.0.1)" },
	{ "trsvcid", 's', TEXT, GROUP_CONNECT, AT(trsvcid), "PORT", 0, ANY_NUMBER,
	  "its port (4420; 8009 for discovery)" },
	{ "nqn", 'n', TEXT, GROUP_CONNECT, AT(nqn), "NQN", 0, ANY_NUMBER,
	  "subsystem to connect to" },
	{ "hostnqn", 'q', TEXT, GROUP_CONNECT, AT(hostnqn), "NQN", 0, ANY_NUMBER,
	  "this host's name (/etc/nvme/hostnqn, else made up)" },
	{ "hostid", 'I', TEXT, GROUP_CONNECT, AT(hostid), "UUID", 0, ANY_NUMBER,
	  "this host's identifier (/etc/nvme/hostid, else from its name)" },
	{ "keep-alive-tmo", 'k', NUMBER, GROUP_CONNECT, AT(keep_alive_s), "SECONDS", 30, 0, 4000000,
	  "keep alive timeout; 0: none" },
	{ "timeout", 0, NUMBER, GROUP_CONNECT, AT(timeout_ms), "MS", 30000, 1, INT32_MAX,
	  "how long a command may take, in milliseconds" },
	{ "hdr-digest", 'g', FLAG, GROUP_CONNECT, AT(header_digest), NULL, 0, ANY_NUMBER,
	  "ask for header digests" },
	{ "data-digest", 'G', FLAG, GROUP_CONNECT, AT(data_digest), NULL, 0, ANY_NUMBER,
	  "ask for data digests" },
	{ "disable-sqflow", 'd', FLAG, GROUP_CONNECT, AT(disable_sqflow), NULL, 0, ANY_NUMBER,
	  "ask to switch SQ flow control off" },
	{ "nr-io-queues", 'i', NUMBER, GROUP_QUEUES, AT(queues), "N", 1, 1, 1024,
	  "I/O queues, each a connection" },
	{ "queue-size", 'Q', NUMBER, GROUP_QUEUES, AT(entries), "N", 128, 2, 65536,
	  "entries of an I/O queue" },
	{ "namespace-id", 'N', NUMBER, GROUP_NAMESPACE, AT(nsid), "NSID", 1, 1, UINT32_MAX,
	  "namespace" },
	{ "start-block", 'S', NUMBER, GROUP_COPY, AT(start_block), "LBA", 0, ANY_NUMBER,
	  "first logical block" },
	{ "block-count", 'c', NUMBER, GROUP_COPY, AT(block_count), "N", NOT_GIVEN, 1, UINT64_MAX,
	  "logical blocks; 1 is one (nvme-cli counts from 0)" },
	{ "data-size", 'z', NUMBER, GROUP_COPY, AT(data_size), "BYTES", NOT_GIVEN, 1, UINT64_MAX,
	  "the same in bytes" },
	{ "data", 'D', TEXT, GROUP_COPY, AT(data), "FILE", 0, ANY_NUMBER,
	  "file to read from or write to (stdin, stdout)" },
	{ "log-id", 'L', NUMBER, GROUP_LOG, AT(log_id), "ID", NOT_GIVEN, 0, 255,
	  "log page" },
	{ "log-len", 'l', NUMBER, GROUP_LOG, AT(log_length), "BYTES", 512, 4, 1u << 30,
	  "how much of it, a multiple of 4" },
	{ "lpo", 'O', NUMBER, GROUP_LOG, AT(log_offset), "BYTES", 0, ANY_NUMBER,
	  "from which byte, a multiple of 4" },
	{ "lsp", 'P', NUMBER, GROUP_LOG, AT(log_parameter), "N", 0, 0, 127,
	  "log specific parameter" },
	{ "rae", 'r', FLAG, GROUP_LOG, AT(retain), NULL, 0, ANY_NUMBER,
	  "retain the asynchronous event" },
	{ "raw-binary", 'b', FLAG, GROUP_LOG | GROUP_FIELDS, AT(raw), NULL, 0, ANY_NUMBER,
	  "the bytes as they came, to stdout" },
	{ "queues", 0, NUMBER, GROUP_PERF, AT(queues), "N", 1, 1, 1024,
	  "I/O queues of each controller, each a connection" },
	{ "controllers", 0, NUMBER, GROUP_PERF, AT(controllers), "N", 1, 1, 1024,
	  "controllers: one alone may not grant enough queues" },
	{ "threads", 0, NUMBER, GROUP_PERF, AT(threads), "N", 0, 1, 1024,
	  "that the queues are spread over; as many as CPUs unless given" },
	{ "spin", 0, FLAG, GROUP_PERF, AT(spin), NULL, 0, ANY_NUMBER,
	  "ask for answers without end instead of waiting for them" },
	{ "fill", 0, FLAG, GROUP_PERF, AT(fill), NULL, 0, ANY_NUMBER,
	  "write the whole namespace first" },
	{ "verify", 0, FLAG, GROUP_PERF, AT(verify), NULL, 0, ANY_NUMBER,
	  "fill, and check what every read brings; read all back at the end" },
	{ "depth", 0, NUMBER, GROUP_PERF, AT(depth), "N", 32, 1, 65535,
	  "commands under way on each queue" },
	{ "size", 'z', NUMBER, GROUP_PERF, AT(io_size), "BYTES", 4096, 1, 1u << 30,
	  "of each command" },
	{ "mix", 0, NUMBER, GROUP_PERF, AT(read_percent), "PERCENT", 100, 0, 100,
	  "reads among all commands; the others OVERWRITE the namespace" },
	{ "time", 0, NUMBER, GROUP_PERF, AT(seconds), "SECONDS", 10, 1, 1000000,
	  "how long" },
	{ "random", 0, FLAG, GROUP_PERF, AT(is_random), NULL, 0, ANY_NUMBER,
	  "any block at any time; the default" },
	{ "sequential", 0, FLAG, GROUP_PERF, AT(is_sequential), NULL, 0, ANY_NUMBER,
	  "block after block" },
	{ "human-readable", 'H', FLAG, GROUP_FIELDS, AT(words), NULL, 0, ANY_NUMBER,
	  "say in words what each field is" },
	{ "output-format", 'o', TEXT, GROUP_OUTPUT, AT(format), "FORMAT", 0, ANY_NUMBER,
	  "normal or json" },
	{ "json", 'j', FLAG, GROUP_OUTPUT, AT(json), NULL, 0, ANY_NUMBER,
	  "the same as -o json" },
	{ "quiet", 0, FLAG, GROUP_COPY | GROUP_PERF, AT(quiet), NULL, 0, ANY_NUMBER,
	  "no progress" },
	{ "help", 'h', FLAG, ~0u, AT(help), NULL, 0, ANY_NUMBER, "this" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void *place(struct settings *s, const struct option_row *row)
{
	return (char *)s + row->at;
}

void settings_init(struct settings *s)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].kind == NUMBER)
			*(uint64_t *)place(s, &rows[i]) = rows[i].initial;
}

/* ---- parsing ----------------------------------------------------------------------------------- */

static int take_number(struct settings *s, const struct option_row *row, const char *text)
{
	uint64_t value;

	if (parse_number(text, &value))
		return fail("--%s: '%s' is no number", row->name, text);
	if (value < row->least || value > row->most)
		return fail("--%s: %s is not between %llu and %llu", row->name, text,
			    (unsigned long long)row->least, (unsigned long long)row->most);
	*(uint64_t *)place(s, row) = value;
	return 0;
}

static int take(struct settings *s, const struct option_row *row, const char *text)
{
	switch (row->kind) {
	case FLAG:
		*(bool *)place(s, row) = true;
		return 0;
	case TEXT:
		*(const char **)place(s, row) = text;
		return 0;
	default:
		return take_number(s, row, text);
	}
}

struct parser {
	struct option longs[ROWS + 1];
	const struct option_row *rows[ROWS];
	char letters[3 * ROWS + 2];
	int count;
};

#define FIRST_VALUE 1000		/* what getopt answers: this plus the index */

static void add_row(struct parser *p, const struct option_row *row)
{
	char *end = p->letters + strlen(p->letters);

	p->longs[p->count] = (struct option){ row->name, row->kind == FLAG ?
		no_argument : required_argument, NULL, FIRST_VALUE + p->count };
	p->rows[p->count++] = row;
	if (row->letter)
		sprintf(end, "%c%s", row->letter, row->kind == FLAG ? "" : ":");
}

static void build_parser(struct parser *p, const struct command *command)
{
	memset(p, 0, sizeof(*p));
	strcpy(p->letters, ":");
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].group & command->groups)
			add_row(p, &rows[i]);
}

static const struct option_row *row_of(const struct parser *p, int value)
{
	if (value >= FIRST_VALUE)
		return p->rows[value - FIRST_VALUE];
	for (int i = 0; i < p->count; i++)
		if (p->rows[i]->letter == value)
			return p->rows[i];
	return NULL;
}

/* What getopt stumbled over, as it was typed. */
static int fail_option(const struct command *command, int value, char **argv)
{
	char letter[3] = { '-', (char)optopt, 0 };
	const char *typed = optopt && optopt < FIRST_VALUE ? letter : argv[optind - 1];

	return fail(value == ':' ? "%s needs a value; try 'nvmf %s --help'" :
				   "there is no option %s; try 'nvmf %s --help'",
		    typed, command->name);
}

static int check(struct settings *s)
{
	if (s->is_random && s->is_sequential)
		return fail("--random or --sequential, not both");
	if (s->transport && strcmp(s->transport, "tcp"))
		return fail("--transport: '%s' is not known; there is tcp", s->transport);
	if (s->format && strcmp(s->format, "json") && strcmp(s->format, "normal"))
		return fail("--output-format: '%s' is not known; there are normal and json",
			    s->format);
	if (s->format && !strcmp(s->format, "json"))
		s->json = true;
	return 0;
}

int options_parse(struct settings *s, const struct command *command, int argc, char **argv)
{
	struct parser parser;
	int value;

	build_parser(&parser, command);
	opterr = 0;
	while ((value = getopt_long(argc, argv, parser.letters, parser.longs, NULL)) != -1) {
		const struct option_row *row = row_of(&parser, value);

		if (!row)
			return fail_option(command, value, argv);
		if (take(s, row, optarg))
			return -1;
	}
	if (optind < argc)
		return fail("'%s' is not expected; try 'nvmf %s --help'", argv[optind],
			    command->name);
	return check(s);
}

/* ---- help ---------------------------------------------------------------------------------------- */

static void print_row(const struct option_row *row)
{
	char left[64], letter[8] = "    ";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name, row->argument ? " " : "",
		 row->argument ? row->argument : "");
	printf("  %-30s %s", left, row->what);
	if (row->kind == NUMBER && row->initial != NOT_GIVEN && row->initial)
		printf(" (%llu)", (unsigned long long)row->initial);
	printf("\n");
}

void options_help(const struct command *command)
{
	printf("usage: nvmf %s [option ...]\n\n%s\n\n", command->name, command->what);
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].group & command->groups)
			print_row(&rows[i]);
}

void options_help_groups(unsigned int groups)
{
	unsigned int last = 0;

	for (size_t i = 0; i < ROWS; i++) {
		if (!(rows[i].group & groups))
			continue;
		if (last && rows[i].group != last)
			printf("\n");
		last = rows[i].group;
		print_row(&rows[i]);
	}
}
