/* SPDX-License-Identifier: BSD-2-Clause */
#include "../unit.h"

#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NQN "nqn.2024-01.org.example:a"
#define MACHINE "0123456789abcdef0123456789abcdef\n"

static struct state got, again;
static char folder[64], file[128], machine[128];
static char sentence[512];

static void write_text(const char *path, const char *text)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	fputs(text, to);
	fclose(to);
}

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/nvmfd-test-state-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/a/b/state", folder);
	snprintf(machine, sizeof(machine), "%s/machine-id", folder);
	write_text(machine, MACHINE);
	sentence[0] = 0;
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static int load(struct state *s)
{
	return state_load(s, file, machine, sentence, sizeof(sentence));
}

static void machine_id_gives_the_first_identity(void **state)
{
	assert_int_equal(load(&got), 0);
	assert_string_equal(got.warning, "");
	assert_int_equal(nqn_check(got.nqn, strlen(got.nqn)), NQN_GOOD);
	assert_int_equal(strncmp(got.nqn, NQN_UUID_PREFIX, strlen(NQN_UUID_PREFIX)), 0);
	assert_null(strstr(got.nqn, "01234567"));	/* hashed */
	assert_int_equal(strlen(got.serial), 20);
}

static void file_is_kept_and_wins(void **state)
{
	assert_int_equal(load(&got), 0);
	write_text(machine, "ffffffffffffffffffffffffffffffff\n");
	assert_int_equal(load(&again), 0);
	assert_string_equal(got.nqn, again.nqn);
	assert_string_equal(got.serial, again.serial);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(load(&again), 0);
	assert_string_not_equal(got.nqn, again.nqn);
}

static void without_a_machine_id_chance_is_kept(void **state)
{
	unlink(machine);
	assert_int_equal(load(&got), 0);
	assert_string_equal(got.warning, "");
	assert_int_equal(load(&again), 0);
	assert_string_equal(got.nqn, again.nqn);
}

static void what_the_file_says_is_taken(void **state)
{
	snprintf(file, sizeof(file), "%s/state", folder);
	write_text(file, "# mine\nnqn=" NQN "\n\nserial=S 1\nlater=x\n");
	assert_int_equal(load(&got), 0);
	assert_string_equal(got.nqn, NQN);
	assert_string_equal(got.serial, "S 1");
	write_text(file, "nqn=" NQN);
	assert_int_equal(load(&got), 0);
	assert_string_equal(got.nqn, NQN);
	assert_int_equal(strlen(got.serial), 20);
}

static void assert_wrong(const char *text, const char *expected)
{
	write_text(file, text);
	assert_int_equal(load(&got), -EINVAL);
	if (!strstr(sentence, expected))
		fail_msg("'%s' does not say '%s'", sentence, expected);
}

static void a_wrong_file_is_refused(void **state)
{
	snprintf(file, sizeof(file), "%s/state", folder);
	assert_wrong("nqn=x\n", "line 1: it does not begin with \"nqn.\"; mend it or remove it");
	assert_wrong("# a\nserial=123456789012345678901\n", "line 2: it is not a serial number");
	assert_wrong("\x01\x02\n", "line 1: it is not key=value");
	assert_int_equal(truncate(file, 10), 0);	/* NULs at the end */
	assert_int_equal(load(&got), -EINVAL);
	assert_non_null(strstr(sentence, "is not text"));
}

static void what_cant_be_written_is_a_warning(void **state)
{
	snprintf(file, sizeof(file), "%s/machine-id/state", folder);	/* below a file */
	assert_int_equal(load(&got), 0);
	assert_non_null(strstr(got.warning, "the default NQN follows the machine id"));
	assert_int_equal(load(&again), 0);
	assert_string_equal(got.nqn, again.nqn);
	unlink(machine);
	write_text(machine, "uninitialized\n");
	assert_int_equal(load(&got), 0);
	assert_non_null(strstr(got.warning, "another one at the next start"));
}

static void nothing_is_left_beside_the_file(void **state)
{
	char command[256];

	assert_int_equal(load(&got), 0);
	snprintf(command, sizeof(command), "test \"$(ls -A %s/a/b)\" = state", folder);
	assert_int_equal(system(command), 0);
}

static void default_paths(void **state)
{
	char path[256];

	if (!geteuid()) {
		assert_int_equal(state_default_path(path, sizeof(path)), 0);
		assert_string_equal(path, "/var/lib/nvmfd/state");
		return;
	}
	setenv("XDG_STATE_HOME", "/s", 1);
	assert_int_equal(state_default_path(path, sizeof(path)), 0);
	assert_string_equal(path, "/s/nvmfd/state");
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "/h", 1);
	assert_int_equal(state_default_path(path, sizeof(path)), 0);
	assert_string_equal(path, "/h/.local/state/nvmfd/state");
	unsetenv("HOME");
	assert_int_equal(state_default_path(path, sizeof(path)), -ENOENT);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(machine_id_gives_the_first_identity),
		CASE(file_is_kept_and_wins),
		CASE(without_a_machine_id_chance_is_kept),
		CASE(what_the_file_says_is_taken),
		CASE(a_wrong_file_is_refused),
		CASE(what_cant_be_written_is_a_warning),
		CASE(nothing_is_left_beside_the_file),
		cmocka_unit_test(default_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
