/* SPDX-License-Identifier: BSD-2-Clause */
/* The real calls, on plain folders: what can be tried without a kernel's target. */
#include "../unit.h"

#include "kernel/configfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/nvmfd-configfs-XXXXXX";

static void path_of(char path[256], const char *name)
{
	snprintf(path, 256, "%s/%s", root, name);
}

static int make_root(void **state)
{
	static const char *const folders[] = { "hosts", "ports", "subsystems" };
	char path[256];

	if (!mkdtemp(root))
		return -1;
	for (int i = 0; i < 3; i++) {
		path_of(path, folders[i]);
		if (mkdir(path, 0755))
			return -1;
	}
	return 0;
}

static int remove_root(void **state)
{
	static const char *const all[] = { "hosts", "ports", "subsystems/mine", "subsystems", "" };
	char path[256];

	for (int i = 0; i < 5; i++) {
		path_of(path, all[i]);
		rmdir(path);
	}
	return 0;
}

static void assert_no_target(const char *path, int r, const char *words)
{
	struct configfs c;
	char error[512];

	assert_int_equal(configfs_open(&c, path, error, sizeof(error)), r);
	if (!strstr(error, words))
		fail_msg("%s", error);
}

static void one_sentence_where_there_is_none(void **state)
{
	assert_no_target("/nonexistent/nvmet", -ENOENT, "--kernel: there is no /nonexistent/nvmet");
	assert_no_target("/dev", -ENOENT, "--kernel: /dev is not the configfs of the kernel's NVMe target");
}

static void one_at_a_time(void **state)
{
	struct configfs c;
	char error[512];

	assert_int_equal(configfs_open(&c, root, error, sizeof(error)), 0);
	assert_no_target(root, -EBUSY, "--kernel: another nvmfd has the kernel's NVMe target");
	configfs_close(&c);
	assert_int_equal(configfs_open(&c, root, error, sizeof(error)), 0);
	configfs_close(&c);
}

static void what_is_ours_is_known_again(void **state)
{
	struct configfs c;
	struct array names;
	struct configfs_look before, after;
	char error[512];

	assert_int_equal(configfs_open(&c, root, error, sizeof(error)), 0);
	assert_int_equal(c.calls->make(&c, "subsystems/theirs"), 0);
	assert_int_equal(c.calls->look(&c, "subsystems", &before), 0);
	assert_int_equal(configfs_make_ours(&c, "subsystems", "mine"), 0);
	assert_int_equal(c.calls->look(&c, "subsystems", &after), 0);
	assert_memory_equal(&before.access, &after.access, sizeof(before.access));
	assert_int_equal(configfs_make_ours(&c, "subsystems", "theirs"), -EEXIST);
	configfs_close(&c);

	assert_int_equal(configfs_open(&c, root, error, sizeof(error)), 0);
	assert_true(configfs_is_ours(&c, "subsystems", "mine"));
	assert_false(configfs_is_ours(&c, "subsystems", "theirs"));
	assert_false(configfs_is_ours(&c, "subsystems", "nobody's"));
	assert_int_equal(configfs_list(&c, "subsystems", &names), 0);
	assert_int_equal(names.count, 2);
	configfs_free_names(&names);
	assert_int_equal(c.calls->remove(&c, "subsystems/theirs"), 0);
	assert_int_equal(c.calls->remove(&c, "subsystems/theirs"), -ENOENT);
	configfs_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_sentence_where_there_is_none),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(what_is_ours_is_known_again),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
