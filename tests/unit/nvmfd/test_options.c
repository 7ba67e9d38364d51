/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "options.h"

#include "backend/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 40

static struct nvmfd_options o;
static char sentence[256];

/* Parses a command line given as words parted by one blank. */
static int parse(const char *line)
{
	static char copy[1024];
	static char *argv[MAX_WORDS];
	int argc = 0;

	snprintf(copy, sizeof(copy), "nvmfd%s%s", *line ? " " : "", line);
	for (char *p = copy; p && argc < MAX_WORDS - 1;)
		argv[argc++] = strsep(&p, " ");
	argv[argc] = NULL;
	sentence[0] = 0;
	return options_parse(&o, argc, argv, sentence, sizeof(sentence));
}

static void assert_refused(const char *line, const char *expected)
{
	assert_int_not_equal(parse(line), 0);
	assert_string_equal(sentence, expected);
}

static void defaults(void **state)
{
	assert_int_equal(parse("ramdisk:1G"), 0);
	assert_int_equal(o.action, OPTIONS_SERVE);
	assert_false(o.debug || o.foreground || o.kernel);
	assert_false(o.allow_sqflow_off || o.allow_data_digest || o.allow_header_digest);
	assert_int_equal(o.discovery_port, 8009);
	assert_int_equal(o.io_port, 4420);
	assert_null(o.subnqn);
	assert_int_equal(o.listen_count, 0);
	assert_null(o.pidfile);
	assert_null(o.ports_file);
	assert_null(o.state_file);
	assert_int_equal(o.c2h_success, C2H_SUCCESS_SPEC);
	assert_int_equal(o.engine, IO_ENGINE_AUTO);
	assert_true(o.workers >= 1);
	assert_int_equal(o.mdts, 1 << 20);
	assert_int_equal(o.in_capsule_data, 16384);
	assert_int_equal(o.io_queues, 128);
	assert_int_equal(o.queue_entries, 1024);
	assert_int_equal(o.max_h2c_data, 1 << 20);
	assert_int_equal(o.handshake_timeout, 10);
	assert_int_equal(o.nn, 256);
	assert_int_equal(o.association_timeout, 120);
	assert_int_equal(o.buffers, 64 << 20);
}

static void letters_of_the_seed(void **state)
{
	assert_int_equal(parse("-dFGg -P 0 -p 0 -t TCP -n nqn.2024-01.org.example:a ramdisk:1G /dev/sdb"), 0);
	assert_true(o.debug && o.foreground && o.allow_sqflow_off);
	assert_true(o.allow_data_digest && o.allow_header_digest);
	assert_int_equal(o.discovery_port, 0);
	assert_int_equal(o.io_port, 0);
	assert_string_equal(o.subnqn, "nqn.2024-01.org.example:a");
	assert_int_equal(o.device_count, 2);
	assert_string_equal(o.devices[0], "ramdisk:1G");
	assert_string_equal(o.devices[1], "/dev/sdb");
}

static void long_names(void **state)
{
	assert_int_equal(parse("--foreground --allow-data-digest --io-port=7 --discovery-port 8 a "
			       "--listen 127.0.0.1 --listen ::1 --engine threads --c2h-success always "
			       "--workers 3 --mdts 128k --buffers 1g --ports-file /x b"), 0);
	assert_true(o.foreground && !o.debug && o.allow_data_digest);
	assert_int_equal(o.io_port, 7);
	assert_int_equal(o.discovery_port, 8);
	assert_int_equal(o.listen_count, 2);
	assert_string_equal(o.listen[1], "::1");
	assert_int_equal(o.engine, IO_ENGINE_THREADS);
	assert_int_equal(o.c2h_success, C2H_SUCCESS_ALWAYS);
	assert_int_equal(o.workers, 3);
	assert_int_equal(o.mdts, 128 << 10);
	assert_int_equal(o.buffers, 1 << 30);
	assert_string_equal(o.ports_file, "/x");
	assert_int_equal(o.device_count, 2);
	assert_string_equal(o.devices[1], "b");
}

static void one_sentence_for_a_wrong_number(void **state)
{
	assert_refused("-p 65536 a", "--io-port: '65536' is not a number from 0 to 65535");
	assert_refused("-P x a", "--discovery-port: 'x' is not a number from 0 to 65535");
	assert_refused("--workers 0 a", "--workers: '0' is not a number from 1 to 256");
	assert_refused("--handshake-timeout 0 a",
		       "--handshake-timeout: '0' is not a number of seconds from 1 to 3600");
	assert_refused("--mdts 1x a", "--mdts: '1x' is not a size from 4096 to 33554432 bytes");
	assert_refused("--mdts 12k a", "--mdts: '12k' is not a power of two");
	assert_refused("--in-capsule-data 17 a", "--in-capsule-data: '17' is not a multiple of 16 bytes");
	assert_refused("--max-h2c-data 4095 a", "--max-h2c-data: '4095' is not a size from 4096 to 33554432 bytes");
}

static void one_sentence_for_a_wrong_word(void **state)
{
	assert_refused("-t rdma a", "--transport: 'rdma' is not tcp");
	assert_refused("--engine aio a", "--engine: 'aio' is not auto, uring or threads");
	assert_refused("--listen localhost a", "--listen: 'localhost' is not an IPv4 or IPv6 address");
	assert_refused("-n nqn.x a", "--subnqn: 'nqn.x' has no date YYYY-MM. after \"nqn.\"");
	assert_refused("-n nqn.2014-08.org.nvmexpress.discovery a",
		       "--subnqn: 'nqn.2014-08.org.nvmexpress.discovery' is the name of the discovery subsystem");
	assert_refused("--pidfile= a", "--pidfile: the name is empty");
}

static void one_sentence_for_a_wrong_option(void **state)
{
	assert_refused("-x a", "'-x' is not an option; see nvmfd --help");
	assert_refused("--nonsense a", "'--nonsense' is not an option, or the beginning of several; see nvmfd --help");
	assert_refused("a -p", "--io-port needs an argument: PORT");
	assert_refused("a --io-port", "--io-port needs an argument: PORT");
	assert_refused("--debug=1 a", "--debug takes no argument, but '--debug=1' gives one");
}

static void what_must_fit_together(void **state)
{
	assert_refused("", "no device to serve; for example: nvmfd -d ramdisk:1G");
	assert_refused("-K --engine uring a", "--engine: the kernel's target (--kernel) has nothing like it");
	assert_refused("-K -p 0 a", "--io-port: the kernel's target (--kernel) does not say which one it took for 0");
	assert_refused("-K -c f -p 1", "--io-port: with --config it is the file that says this");
	assert_refused("-p 5000 -P 5000 a", "--io-port and --discovery-port are both 5000: they must differ "
		       "(the I/O port answers discovery as well)");
	assert_refused("--buffers 3M --mdts 2M a",
		       "--buffers: 3145728 bytes do not hold two commands of --mdts (2097152 bytes)");

	assert_refused("--nn 1 a b", "2 devices are more than --nn allows (1)");
	assert_int_equal(parse("-p 0 -P 0 a"), 0);
}

static void what_a_file_says_is_not_said_twice(void **state)
{
	assert_int_equal(parse("-c f"), 0);
	assert_string_equal(o.config, "f");
	assert_int_equal(parse("--check --config - --workers 2 -d"), 0);
	assert_true(o.check);
	assert_refused("--check a", "--check: of which file? Give it by --config");
	assert_refused("-c f -p 1", "--io-port: with --config it is the file that says this");
	assert_refused("-c f --listen ::1", "--listen: with --config it is the file that says this");
	assert_refused("-c f a", "'a': with --config it is the file that says the devices");
}

static char expected[128];

static const char *expects(const char *name, const char *value)
{
	assert_int_equal(options_check(name, value, expected, sizeof(expected)), -EINVAL);
	return expected;
}

static void what_a_file_may_set(void **state)
{
	assert_int_equal(options_check("workers", "3", expected, sizeof(expected)), 0);
	assert_int_equal(options_check("io-port", "3", expected, sizeof(expected)), -ENOENT);
	assert_int_equal(options_check("debug", "1", expected, sizeof(expected)), -ENOENT);
	assert_string_equal(expects("workers", "x"), "a number from 1 to 256");
	assert_string_equal(expects("handshake-timeout", "0"), "a number of seconds from 1 to 3600");
	assert_string_equal(expects("mdts", "12k"), "a power of two from 4096 to 33554432 bytes");
	assert_string_equal(expects("max-h2c-data", "4097"), "a multiple of 4 from 4096 to 33554432 bytes");
	assert_string_equal(expects("c2h-success", "x"), "spec or always");
	assert_string_equal(expects("rpc-socket", ""), "a text that is not empty");
}

/* And the command line counts more. */
static void what_a_file_sets(void **state)
{
	struct nvmfd_options before;

	assert_int_equal(parse("-c f --workers 2"), 0);
	before = o;
	assert_true(options_has(&o, "workers"));
	assert_false(options_has(&o, "mdts") || options_has(&o, "nothing"));
	assert_int_equal(options_set(&o, "workers", "3", sentence, sizeof(sentence)), 0);
	assert_int_equal(o.workers, 2);
	assert_null(options_difference(&before, &o));
	assert_int_equal(options_set(&o, "mdts", "64K", sentence, sizeof(sentence)), 0);
	assert_int_equal(o.mdts, 65536);
	assert_true(options_has(&o, "mdts"));
	assert_string_equal(options_difference(&before, &o), "mdts");
	o = before;
	assert_int_equal(options_set(&o, "rpc-socket", "s", sentence, sizeof(sentence)), 0);
	assert_string_equal(options_difference(&before, &o), "rpc-socket");
	before.rpc_socket = (char[]){ 's', 0 };
	assert_null(options_difference(&before, &o));
	before.poll = 7;
	assert_string_equal(options_difference(&before, &o), "poll");
	assert_int_equal(options_set(&o, "io-port", "3", sentence, sizeof(sentence)), -ENOENT);
	assert_int_equal(options_set(&o, "buffers", "1M", sentence, sizeof(sentence)), 0);
	assert_int_equal(options_check_limits(&o, sentence, sizeof(sentence)), -EINVAL);
}

static void help_and_version_need_no_device(void **state)
{
	assert_int_equal(parse("--help"), 0);
	assert_int_equal(o.action, OPTIONS_HELP);
	assert_int_equal(parse("--version --nonsense"), 0);
	assert_int_equal(o.action, OPTIONS_VERSION);
}

static void too_many_addresses(void **state)
{
	char line[1024] = "a";

	for (int i = 0; i < OPTIONS_MAX_LISTEN; i++)
		strcat(line, " --listen=127.0.0.1");
	assert_int_equal(parse(line), 0);
	strcat(line, " --listen=127.0.0.2");
	assert_refused(line, "--listen: '127.0.0.2' is one too many: 16 are allowed");
}

static void calls_in_their_order(void **state)
{
	assert_int_equal(parse("-d --call first --call=second"), 0);
	assert_int_equal(o.call_count, 2);
	assert_string_equal(o.calls[0], "first");
	assert_string_equal(o.calls[1], "second");
	assert_int_equal(parse("-c f --call first"), 0);
	assert_refused("-K --call first a", "--call: the kernel's target (--kernel) has nothing like it");
}

static void help_names_every_default(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	options_help(to);
	fclose(to);
	assert_non_null(strstr(text, "-p, --io-port PORT"));
	assert_non_null(strstr(text, "(4420)"));
	assert_non_null(strstr(text, "(64M)"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strlen(line) > 120)
			fail_msg("a line of --help has %zu columns: %s", strlen(line), line);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(letters_of_the_seed),
		cmocka_unit_test(long_names),
		cmocka_unit_test(one_sentence_for_a_wrong_number),
		cmocka_unit_test(one_sentence_for_a_wrong_word),
		cmocka_unit_test(one_sentence_for_a_wrong_option),
		cmocka_unit_test(what_must_fit_together),
		cmocka_unit_test(what_a_file_says_is_not_said_twice),
		cmocka_unit_test(what_a_file_may_set),
		cmocka_unit_test(what_a_file_sets),
		cmocka_unit_test(help_and_version_need_no_device),
		cmocka_unit_test(too_many_addresses),
		cmocka_unit_test(calls_in_their_order),
		cmocka_unit_test(help_names_every_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
