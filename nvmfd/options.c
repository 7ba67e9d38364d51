/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include "backend/engine.h"
#include "base/number.h"
#include "wire/nqn.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum option_kind {
	KIND_FLAG,		/* bool */
	KIND_ACTION,		/* enum options_action, `least` is the value */
	KIND_NUMBER,		/* uint32_t in [least, most] */
	KIND_SECONDS,		/* as KIND_NUMBER */
	KIND_SIZE,		/* uint64_t in [least, most], a multiple of `unit` */
	KIND_POWER,		/* as KIND_SIZE, a power of two */
	KIND_CHOICE,		/* uint32_t, the index in `choices` */
	KIND_TEXT,		/* const char *, not empty */
	KIND_NQN,		/* const char * */
	KIND_ADDRESS,		/* one more in listen[] */
	KIND_CALL,		/* one more in calls[] */
};

struct option_row {
	char letter;			/* 0: none */
	const char *name;
	const char *argument;		/* what --help calls it; NULL: none */
	enum option_kind kind;
	size_t offset;			/* of its field */
	const char *standard;		/* the default, as one would type it */
	uint64_t least, most, unit;
	const char *const *choices;
	bool in_file;			/* a configuration file may set it */
	bool not_with_file;		/* what it says is the file's to say */
	bool of_discovery;		/* with a file and --kernel, of our discovery controller */
	bool not_with_kernel;		/* the kernel's target has nothing like it */
	const char *help;
};

#define FIELD(name) offsetof(struct nvmfd_options, name)
#define KiB ((uint64_t)1 << 10)
#define MiB ((uint64_t)1 << 20)
#define GiB ((uint64_t)1 << 30)

static const char *const transports[] = { "tcp", NULL };
static const char *const successes[] = { [C2H_SUCCESS_SPEC] = "spec", [C2H_SUCCESS_ALWAYS] = "always", NULL };
static const char *const engines[] = {
	[IO_ENGINE_AUTO] = "auto", [IO_ENGINE_URING] = "uring", [IO_ENGINE_THREADS] = "threads", NULL,
};

/* The parser, --help and its defaults come from these rows. */
static const struct option_row rows[] = {
	{ .letter = 'd', .name = "debug", .kind = KIND_FLAG, .offset = FIELD(debug),
	  .help = "stay in the foreground and say more" },
	{ .name = "foreground", .kind = KIND_FLAG, .offset = FIELD(foreground),
	  .help = "stay in the foreground" },
	{ .letter = 'c', .name = "config", .argument = "FILE", .kind = KIND_TEXT, .offset = FIELD(config),
	  .help = "what to serve, as `nvmetcli save` writes it; - reads standard input" },
	{ .name = "check", .kind = KIND_FLAG, .offset = FIELD(check),
	  .help = "say every mistake of the configuration, and serve nothing" },
	{ .letter = 'F', .name = "allow-sqflow-off", .kind = KIND_FLAG, .offset = FIELD(allow_sqflow_off),
	  .help = "hosts may switch SQ flow control off" },
	{ .letter = 'G', .name = "allow-data-digest", .kind = KIND_FLAG, .offset = FIELD(allow_data_digest),
	  .help = "hosts may switch data digests on" },
	{ .letter = 'g', .name = "allow-header-digest", .kind = KIND_FLAG, .offset = FIELD(allow_header_digest),
	  .help = "hosts may switch header digests on" },
	{ .letter = 'K', .name = "kernel", .kind = KIND_FLAG, .offset = FIELD(kernel),
	  .help = "hand I/O to the kernel's target, and serve discovery alone" },
	{ .name = "configfs", .argument = "DIR", .kind = KIND_TEXT, .offset = FIELD(configfs),
	  .standard = "/sys/kernel/config/nvmet",
	  .help = "where the kernel's target is configured" },
	{ .letter = 'P', .name = "discovery-port", .argument = "PORT", .kind = KIND_NUMBER,
	  .offset = FIELD(discovery_port), .standard = "8009", .most = 65535, .not_with_file = true,
	  .of_discovery = true,
	  .help = "TCP port of the discovery controller; 0 takes any free one" },
	{ .letter = 'p', .name = "io-port", .argument = "PORT", .kind = KIND_NUMBER,
	  .offset = FIELD(io_port), .standard = "4420", .most = 65535, .not_with_file = true,
	  .help = "TCP port of the I/O controllers; 0 takes any free one" },
	{ .letter = 't', .name = "transport", .argument = "NAME", .kind = KIND_CHOICE,
	  .offset = FIELD(transport), .standard = "tcp", .choices = transports,
	  .help = "the transport: tcp" },
	{ .letter = 'n', .name = "subnqn", .argument = "NQN", .kind = KIND_NQN, .offset = FIELD(subnqn),
	  .not_with_file = true,
	  .help = "the subsystem's name; by default this machine's own" },
	{ .name = "listen", .argument = "ADDR", .kind = KIND_ADDRESS, .not_with_file = true,
	  .of_discovery = true,
	  .help = "an IPv4 or IPv6 address to listen on, may be repeated; by default every one" },
	{ .name = "pidfile", .argument = "FILE", .kind = KIND_TEXT, .offset = FIELD(pidfile),
	  .help = "where to write the process id" },
	{ .name = "ports-file", .argument = "FILE", .kind = KIND_TEXT, .offset = FIELD(ports_file),
	  .help = "where to write the ports, once it listens" },
	{ .name = "rpc-socket", .argument = "FILE", .kind = KIND_TEXT, .offset = FIELD(rpc_socket),
	  .in_file = true,
	  .not_with_kernel = true,
	  .help = "the Unix socket that takes JSON-RPC calls, as nvmfctl makes" },
	{ .name = "wait-for-rpc", .kind = KIND_FLAG, .offset = FIELD(wait_for_rpc),
	  .not_with_kernel = true,
	  .help = "serve nobody before the call framework_start_init" },
	{ .name = "call", .argument = "CALL", .kind = KIND_CALL, .not_with_kernel = true,
	  .help = "a call, METHOD or 'METHOD PARAMS', done before anybody is served; may be repeated" },
	{ .name = "rpc-group", .argument = "NAME", .kind = KIND_TEXT, .offset = FIELD(rpc_group),
	  .in_file = true,
	  .not_with_kernel = true,
	  .help = "the group whose members may call, besides root and this user" },
	{ .name = "state-file", .argument = "FILE", .kind = KIND_TEXT, .offset = FIELD(state_file),
	  .help = "where the default NQN and serial number are kept" },
	{ .name = "c2h-success", .argument = "WHEN", .kind = KIND_CHOICE, .offset = FIELD(c2h_success),
	  .standard = "spec", .choices = successes, .in_file = true,
	  .not_with_kernel = true,
	  .help = "end reads by the SUCCESS flag: spec (without SQ flow control only) or always" },
	{ .name = "engine", .argument = "NAME", .kind = KIND_CHOICE, .offset = FIELD(engine),
	  .standard = "auto", .choices = engines, .in_file = true,
	  .not_with_kernel = true,
	  .help = "file I/O by uring, by threads, or auto: uring where the kernel has it" },
	{ .name = "workers", .argument = "N", .kind = KIND_NUMBER, .offset = FIELD(workers),
	  .least = 1, .most = 256, .in_file = true,
	  .help = "event loops; by default one per CPU" },
	{ .name = "poll", .argument = "USEC", .kind = KIND_NUMBER, .offset = FIELD(poll),
	  .standard = "0", .most = 1000000, .in_file = true,
	  .help = "how long an event loop spins for more before it sleeps, where that pays" },
	{ .name = "io-queues", .argument = "N", .kind = KIND_NUMBER, .offset = FIELD(io_queues),
	  .standard = "128", .least = 1, .most = 65535, .in_file = true,
	  .help = "most I/O queues of a controller" },
	{ .name = "queue-entries", .argument = "N", .kind = KIND_NUMBER, .offset = FIELD(queue_entries),
	  .standard = "1024", .least = 16, .most = 4096, .in_file = true,
	  .help = "most entries of an I/O queue" },
	{ .name = "nn", .argument = "N", .kind = KIND_NUMBER, .offset = FIELD(nn),
	  .standard = "256", .least = 1, .most = 65535, .in_file = true,
	  .not_with_kernel = true,
	  .help = "highest namespace identifier" },
	{ .name = "mdts", .argument = "SIZE", .kind = KIND_POWER, .offset = FIELD(mdts),
	  .standard = "1M", .least = 4 * KiB, .most = 32 * MiB, .in_file = true,
	  .help = "most data of a command" },
	{ .name = "in-capsule-data", .argument = "SIZE", .kind = KIND_SIZE, .offset = FIELD(in_capsule_data),
	  .standard = "16K", .most = 128 * KiB, .unit = 16, .in_file = true,
	  .help = "most data inside an I/O command's capsule" },
	{ .name = "max-h2c-data", .argument = "SIZE", .kind = KIND_SIZE, .offset = FIELD(max_h2c_data),
	  .standard = "1M", .least = 4 * KiB, .most = 32 * MiB, .unit = 4, .in_file = true,
	  .not_with_kernel = true,
	  .help = "most data of one PDU from a host" },
	{ .name = "buffers", .argument = "SIZE", .kind = KIND_SIZE, .offset = FIELD(buffers),
	  .standard = "64M", .least = 1 * MiB, .most = 64 * GiB, .unit = 4 * KiB, .in_file = true,
	  .help = "memory for data under way, per worker" },
	{ .name = "handshake-timeout", .argument = "SECONDS", .kind = KIND_SECONDS,
	  .offset = FIELD(handshake_timeout), .standard = "10", .least = 1, .most = 3600,
	  .in_file = true,
	  .help = "how long a new connection may take to say who it is" },
	{ .name = "association-timeout", .argument = "SECONDS", .kind = KIND_SECONDS,
	  .offset = FIELD(association_timeout), .standard = "120", .least = 1, .most = 86400,
	  .in_file = true,
	  .help = "how long a disabled controller is kept" },
	{ .letter = 'h', .name = "help", .kind = KIND_ACTION, .least = OPTIONS_HELP, .help = "this list" },
	{ .letter = 'V', .name = "version", .kind = KIND_ACTION, .least = OPTIONS_VERSION,
	  .help = "the version, and what was built in" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))
/* getopt's value of a long option: beyond every letter. */
#define LONG_BASE 256

struct sentence {
	char *text;
	size_t size;
};

static int refuse(struct sentence *s, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct sentence *s, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(s->text, s->size, format, ap);
	va_end(ap);
	return code;
}

static void *field_of(struct nvmfd_options *o, const struct option_row *row)
{
	return (char *)o + row->offset;
}

static int set_number(struct nvmfd_options *o, const struct option_row *row,
		      const char *text, struct sentence *s)
{
	uint64_t value;

	if (number_parse(text, &value) || value < row->least || value > row->most)
		return refuse(s, -EINVAL, "--%s: '%s' is not a number%s from %ju to %ju", row->name, text,
			      row->kind == KIND_SECONDS ? " of seconds" : "",
			      (uintmax_t)row->least, (uintmax_t)row->most);
	*(uint32_t *)field_of(o, row) = (uint32_t)value;
	return 0;
}

static int set_size(struct nvmfd_options *o, const struct option_row *row,
		    const char *text, struct sentence *s)
{
	uint64_t value;

	if (size_parse(text, &value) || value < row->least || value > row->most)
		return refuse(s, -EINVAL, "--%s: '%s' is not a size from %ju to %ju bytes", row->name, text,
			      (uintmax_t)row->least, (uintmax_t)row->most);
	if (row->kind == KIND_POWER && (value & (value - 1)))
		return refuse(s, -EINVAL, "--%s: '%s' is not a power of two", row->name, text);
	if (row->unit && value % row->unit)
		return refuse(s, -EINVAL, "--%s: '%s' is not a multiple of %ju bytes", row->name, text,
			      (uintmax_t)row->unit);
	*(uint64_t *)field_of(o, row) = value;
	return 0;
}

static void say_choices(const struct option_row *row, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; row->choices[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 !i ? "" : row->choices[i + 1] ? ", " : " or ", row->choices[i]);
}

static int set_choice(struct nvmfd_options *o, const struct option_row *row,
		      const char *text, struct sentence *s)
{
	char allowed[64];

	for (uint32_t i = 0; row->choices[i]; i++) {
		if (!strcasecmp(text, row->choices[i])) {
			*(uint32_t *)field_of(o, row) = i;
			return 0;
		}
	}
	say_choices(row, allowed, sizeof(allowed));
	return refuse(s, -EINVAL, "--%s: '%s' is not %s", row->name, text, allowed);
}

static int set_text(struct nvmfd_options *o, const struct option_row *row,
		    const char *text, struct sentence *s)
{
	if (!*text)
		return refuse(s, -EINVAL, "--%s: the name is empty", row->name);
	*(const char **)field_of(o, row) = text;
	return 0;
}

static int set_nqn(struct nvmfd_options *o, const struct option_row *row,
		   const char *text, struct sentence *s)
{
	enum nqn_fault fault = nqn_check(text, strlen(text));

	if (fault != NQN_GOOD)
		return refuse(s, -EINVAL, "--%s: '%s' %s", row->name, text, nqn_fault_text(fault));
	if (!strcmp(text, NQN_DISCOVERY))
		return refuse(s, -EINVAL, "--%s: '%s' is the name of the discovery subsystem", row->name, text);
	*(const char **)field_of(o, row) = text;
	return 0;
}

static int add_address(struct nvmfd_options *o, const struct option_row *row,
		       const char *text, struct sentence *s)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;

	if (getaddrinfo(text, NULL, &hints, &found))
		return refuse(s, -EINVAL, "--%s: '%s' is not an IPv4 or IPv6 address", row->name, text);
	freeaddrinfo(found);
	if (o->listen_count == OPTIONS_MAX_LISTEN)
		return refuse(s, -E2BIG, "--%s: '%s' is one too many: %d are allowed", row->name, text,
			      OPTIONS_MAX_LISTEN);
	o->listen[o->listen_count++] = text;
	return 0;
}

static int add_call(struct nvmfd_options *o, const struct option_row *row, const char *text,
		    struct sentence *s)
{
	if (o->call_count == OPTIONS_MAX_CALLS)
		return refuse(s, -E2BIG, "--%s: '%s' is one too many: %d are allowed", row->name, text,
			      OPTIONS_MAX_CALLS);
	o->calls[o->call_count++] = text;
	return 0;
}

static int set_option(struct nvmfd_options *o, const struct option_row *row,
		      const char *text, struct sentence *s)
{
	switch (row->kind) {
	case KIND_FLAG:
		*(bool *)field_of(o, row) = true;
		return 0;
	case KIND_ACTION:
		o->action = (enum options_action)row->least;
		return 0;
	case KIND_NUMBER:
	case KIND_SECONDS:
		return set_number(o, row, text, s);
	case KIND_SIZE:
	case KIND_POWER:
		return set_size(o, row, text, s);
	case KIND_CHOICE:
		return set_choice(o, row, text, s);
	case KIND_TEXT:
		return set_text(o, row, text, s);
	case KIND_NQN:
		return set_nqn(o, row, text, s);
	case KIND_ADDRESS:
		return add_address(o, row, text, s);
	case KIND_CALL:
		return add_call(o, row, text, s);
	}
	return -EINVAL;
}

static uint32_t usable_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (uint32_t)CPU_COUNT(&set) > 256 ? 256 : (uint32_t)CPU_COUNT(&set);
}

static int set_defaults(struct nvmfd_options *o, struct sentence *s)
{
	int err = 0;

	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < ROWS && !err; i++)
		if (rows[i].standard)
			err = set_option(o, &rows[i], rows[i].standard, s);
	o->workers = usable_cpus();
	return err;
}

/* What getopt_long asks for, made from the rows. */
struct getopt_tables {
	char letters[2 + 2 * ROWS];
	struct option longs[ROWS + 1];
};

static void fill_getopt_tables(struct getopt_tables *t)
{
	char *p = t->letters;

	memset(t, 0, sizeof(*t));
	*p++ = ':';			/* tell a missing argument apart */
	for (size_t i = 0; i < ROWS; i++) {
		t->longs[i].name = rows[i].name;
		t->longs[i].has_arg = rows[i].argument ? required_argument : no_argument;
		t->longs[i].val = LONG_BASE + (int)i;
		if (!rows[i].letter)
			continue;
		*p++ = rows[i].letter;
		if (rows[i].argument)
			*p++ = ':';
	}
}

static const struct option_row *row_of(int value)
{
	if (value >= LONG_BASE)
		return &rows[value - LONG_BASE];
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].letter && rows[i].letter == value)
			return &rows[i];
	return NULL;
}

/* getopt's two complaints; the word at fault stands before optind. */
static int refuse_word(struct sentence *s, int what, char **argv)
{
	const struct option_row *row = optopt ? row_of(optopt) : NULL;

	if (what == ':' && row)
		return refuse(s, -EINVAL, "--%s needs an argument: %s", row->name, row->argument);
	if (row)
		return refuse(s, -EINVAL, "--%s takes no argument, but '%s' gives one", row->name,
			      argv[optind - 1]);
	if (optopt)
		return refuse(s, -EINVAL, "'-%c' is not an option; see nvmfd --help", optopt);
	return refuse(s, -EINVAL, "'%s' is not an option, or the beginning of several; see nvmfd --help",
		      argv[optind - 1]);
}

_Static_assert(ROWS <= 64, "a bit a row");

static uint64_t bit_of(const struct option_row *row)
{
	return (uint64_t)1 << (row - rows);
}

static int check_limits(const struct nvmfd_options *o, struct sentence *s)
{
	/* A part of the buffers is kept back for what can't wait. */
	if (o->buffers < 2 * o->mdts)
		return refuse(s, -EINVAL, "--buffers: %ju bytes do not hold two commands of --mdts (%ju bytes)",
			      (uintmax_t)o->buffers, (uintmax_t)o->mdts);
	return 0;
}

/* A file says all of what is served: the command line adds nothing to it. */
static int check_with_file(const struct nvmfd_options *o, struct sentence *s)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].not_with_file && !(o->kernel && rows[i].of_discovery) &&
		    o->given & bit_of(&rows[i]))
			return refuse(s, -EINVAL, "--%s: with --config it is the file that says this",
				      rows[i].name);
	if (o->device_count)
		return refuse(s, -EINVAL, "'%s': with --config it is the file that says the devices",
			      o->devices[0]);
	return 0;
}

static int check_kernel(const struct nvmfd_options *o, struct sentence *s)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].not_with_kernel && (o->given | o->set) & bit_of(&rows[i]))
			return refuse(s, -EINVAL, "--%s: the kernel's target (--kernel) has nothing like it",
				      rows[i].name);
	if (!o->config && !o->io_port)
		return refuse(s, -EINVAL, "--io-port: the kernel's target (--kernel) does not say which one it"
			      " took for 0");
	return 0;
}

/* What no option can tell alone. */
static int check_together(const struct nvmfd_options *o, struct sentence *s)
{
	int err = o->kernel ? check_kernel(o, s) : 0;

	if (err)
		return err;
	if (o->check && !o->config)
		return refuse(s, -EINVAL, "--check: of which file? Give it by --config");
	if (o->wait_for_rpc && !o->rpc_socket && (o->foreground || o->debug))
		return refuse(s, -EINVAL, "--wait-for-rpc: nobody could call; say where with --rpc-socket");
	if (o->config)
		return check_with_file(o, s);
	if (o->io_port && o->io_port == o->discovery_port)
		return refuse(s, -EINVAL, "--io-port and --discovery-port are both %ju: they must differ "
			      "(the I/O port answers discovery as well)", (uintmax_t)o->io_port);
	err = check_limits(o, s);
	if (err)
		return err;
	if (!o->device_count && !o->rpc_socket && !o->call_count)
		return refuse(s, -EINVAL, "no device to serve; for example: nvmfd -d ramdisk:1G");
	if (o->device_count > o->nn)
		return refuse(s, -EINVAL, "%zu devices are more than --nn allows (%ju)", o->device_count,
			      (uintmax_t)o->nn);
	return 0;
}

int options_defaults(struct nvmfd_options *o, char *error, size_t error_size)
{
	struct sentence s = { error, error_size };

	return set_defaults(o, &s);
}

/* ---- what a configuration file sets ------------------------------------------------- */

static const struct option_row *row_for_file(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].in_file && !strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

/* What the setters take, as their sentences say it. */
static void describe(const struct option_row *row, char *text, size_t size)
{
	struct sentence s = { text, size };

	switch (row->kind) {
	case KIND_NUMBER:
	case KIND_SECONDS:
		refuse(&s, 0, "a number%s from %ju to %ju", row->kind == KIND_SECONDS ? " of seconds" : "",
		       (uintmax_t)row->least, (uintmax_t)row->most);
		return;
	case KIND_SIZE:
		refuse(&s, 0, "a multiple of %ju from %ju to %ju bytes", (uintmax_t)row->unit,
		       (uintmax_t)row->least, (uintmax_t)row->most);
		return;
	case KIND_POWER:
		refuse(&s, 0, "a power of two from %ju to %ju bytes", (uintmax_t)row->least,
		       (uintmax_t)row->most);
		return;
	case KIND_CHOICE:
		say_choices(row, text, size);
		return;
	default:
		refuse(&s, 0, "a text that is not empty");
	}
}

int options_set(struct nvmfd_options *o, const char *name, const char *value, char *error, size_t error_size)
{
	const struct option_row *row = row_for_file(name);
	struct sentence s = { error, error_size };

	if (!row)
		return refuse(&s, -ENOENT, "--%s is no option that a file sets", name);
	if (o->given & bit_of(row))
		return 0;
	o->set |= bit_of(row);
	return set_option(o, row, value, &s);
}

bool options_has(const struct nvmfd_options *o, const char *name)
{
	const struct option_row *row = row_for_file(name);

	return row && (o->given | o->set) & bit_of(row);
}

static bool is_same(const struct option_row *row, const void *a, const void *b)
{
	const char *x, *y;

	switch (row->kind) {
	case KIND_TEXT:
		x = *(const char *const *)a;
		y = *(const char *const *)b;
		return x && y ? !strcmp(x, y) : x == y;
	case KIND_SIZE:
	case KIND_POWER:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	default:
		return *(const uint32_t *)a == *(const uint32_t *)b;
	}
}

const char *options_difference(const struct nvmfd_options *a, const struct nvmfd_options *b)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].in_file && !is_same(&rows[i], (const char *)a + rows[i].offset,
						(const char *)b + rows[i].offset))
			return rows[i].name;
	return NULL;
}

static void tell_one(const struct option_row *row, const void *field,
		     void (*tell)(void *, const char *, const char *, uint64_t), void *context)
{
	switch (row->kind) {
	case KIND_TEXT:
		tell(context, row->name, *(const char *const *)field, 0);
		break;
	case KIND_CHOICE:
		tell(context, row->name, row->choices[*(const uint32_t *)field], 0);
		break;
	case KIND_SIZE:
	case KIND_POWER:
		tell(context, row->name, NULL, *(const uint64_t *)field);
		break;
	default:
		tell(context, row->name, NULL, *(const uint32_t *)field);
	}
}

void options_each_set(const struct nvmfd_options *o,
		      void (*tell)(void *, const char *, const char *, uint64_t), void *context)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].in_file && options_has(o, rows[i].name))
			tell_one(&rows[i], (const char *)o + rows[i].offset, tell, context);
}

int options_check(const char *name, const char *value, char *expected, size_t size)
{
	const struct option_row *row = row_for_file(name);
	struct nvmfd_options scratch = { .action = OPTIONS_SERVE };
	char sentence[256];
	struct sentence s = { sentence, sizeof(sentence) };

	if (!row)
		return -ENOENT;
	if (!set_option(&scratch, row, value, &s))
		return 0;
	describe(row, expected, size);
	return -EINVAL;
}

int options_check_limits(const struct nvmfd_options *o, char *error, size_t error_size)
{
	struct sentence s = { error, error_size };

	return check_limits(o, &s);
}

int options_check_kernel(const struct nvmfd_options *o, char *error, size_t error_size)
{
	struct sentence s = { error, error_size };

	return check_kernel(o, &s);
}

/* ---- the command line ---------------------------------------------------------------- */

int options_parse(struct nvmfd_options *o, int argc, char **argv, char *error, size_t error_size)
{
	struct sentence s = { error, error_size };
	struct getopt_tables tables;
	int err, value;

	err = set_defaults(o, &s);
	if (err)
		return err;
	fill_getopt_tables(&tables);
	optind = 0;			/* glibc: begin anew */
	opterr = 0;
	while ((value = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		if (value == ':' || value == '?')
			return refuse_word(&s, value, argv);
		err = set_option(o, row_of(value), optarg, &s);
		o->given |= bit_of(row_of(value));
		if (err || o->action != OPTIONS_SERVE)
			return err;
	}
	o->foreground |= o->debug;
	if (o->kernel && !(o->given & bit_of(row_for_file("workers"))))
		o->workers = 1;		/* discovery is no load */
	o->devices = argv + optind;
	o->device_count = (size_t)(argc - optind);
	return check_together(o, &s);
}

static void help_row(FILE *to, const struct option_row *row)
{
	char left[64];

	snprintf(left, sizeof(left), "%c%c%c --%s%s%s", row->letter ? '-' : ' ',
		 row->letter ? row->letter : ' ', row->letter ? ',' : ' ', row->name,
		 row->argument ? " " : "", row->argument ? row->argument : "");
	fprintf(to, "  %-34s %s", left, row->help);
	if (row->standard && strcmp(row->name, "transport"))
		fprintf(to, " (%s)", row->standard);
	fputc('\n', to);
}

void options_help(FILE *to)
{
	fputs("usage: nvmfd [-dFGgK] [-c FILE] [-P PORT] [-p PORT] [-t NAME] [-n NQN] [OPTION ...] [DEVICE ...]\n"
	      "\n"
	      "Serves block devices, files and memory to NVMe/TCP hosts.\n"
	      "\n", to);
	for (size_t i = 0; i < ROWS; i++)
		help_row(to, &rows[i]);
	fputs("\n"
	      "Devices: KIND:TARGET[?KEY=VALUE[&KEY=VALUE ...]]\n"
	      "  ramdisk:SIZE   memory, lost at the end\n"
	      "  file:PATH      a file or a block device; a bare path means the same\n"
	      "  null:SIZE      forgets what is written and reads zeros\n"
	      "Keys: bs=BYTES nsid=N uuid=UUID ro direct\n"
	      "Wrappers: delay:ms=N/DEVICE error:read=EIO&rate=0.1/DEVICE; see nvmfd(8)\n", to);
}
