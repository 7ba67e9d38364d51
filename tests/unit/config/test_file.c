/* SPDX-License-Identifier: BSD-2-Clause */
/* From data to text, and the file itself. */
#include "reading.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[64], file[96];
};

static int open_folder(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	strcpy(f->path, "/tmp/nvmfd-config-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	snprintf(f->file, sizeof(f->file), "%s/config.json", f->path);
	return 0;
}

/* Fails where a temporary file was left. */
static int close_folder(void **state)
{
	struct folder *f = *state;
	int r;

	unlink(f->file);
	r = rmdir(f->path);
	free(f);
	return r;
}

/* What is written of a text as the kernel's tool writes it. */
static void assert_same_text(const char *text)
{
	struct config c;
	char *written;

	read_good(&c, text);
	written = config_format(&c);
	assert_non_null(written);
	assert_string_equal(written, text);
	free(written);
	config_free(&c);
}

static void what_the_kernel_saves_comes_back(void **state)
{
	char *text = kernel_file();

	assert_same_text(text);
	free(text);
}

static void what_is_ours_comes_back(void **state)
{
	char *text = quoted("{\n  'hosts': [],\n  'nvmfd': {\n    'devices': [\n      {\n"
			    "        'device': 'ramdisk:1M',\n        'name': 'disk'\n      }\n    ],\n"
			    "    'engine': 'uring',\n    'subsystems': [\n      {\n        'addresses': [\n"
			    "          '192.0.2.0/24'\n        ],\n        'namespaces': [\n          {\n"
			    "            'hidden': 1,\n            'hosts': [\n              'h'\n            ],\n"
			    "            'nsid': 1,\n            'read_only': 0,\n"
			    "            'write_protected': 0\n          }\n        ],\n"
			    "        'nqn': 's',\n        'second_connection': 'fence'\n      }\n    ],\n"
			    "    'workers': 3\n  },\n  'ports': [],\n  'subsystems': [\n    {\n"
			    "      'allowed_hosts': [],\n      'namespaces': [\n        {\n"
			    "          'device': {\n            'path': 'disk'\n          },\n"
			    "          'enable': 1,\n          'nsid': 1\n        }\n      ],\n"
			    "      'nqn': 's'\n    }\n  ]\n}\n");

	assert_same_text(text);
	free(text);
}

static void saved_and_loaded(void **state)
{
	struct folder *f = *state;
	char *text = kernel_file(), *again, error[256] = "";
	struct config_mistakes m;
	struct config c;
	struct stat is;

	read_good(&c, text);
	assert_int_equal(config_save(&c, f->file, error, sizeof(error)), 0);
	config_free(&c);
	assert_int_equal(stat(f->file, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0600);
	assert_int_equal(config_load(&c, f->file, &m), 0);
	config_free(&c);
	config_mistakes_free(&m);
	again = file_text(f->file);
	assert_string_equal(again, text);
	free(again);
	free(text);
}

static void mode_and_link_are_kept(void **state)
{
	struct folder *f = *state;
	char alias[128], error[256];
	struct config c;
	struct stat is;

	close(open(f->file, O_CREAT | O_WRONLY, 0640));
	assert_int_equal(chmod(f->file, 0640), 0);
	snprintf(alias, sizeof(alias), "%s/alias", f->path);
	assert_int_equal(symlink("config.json", alias), 0);
	read_good(&c, "{}");
	assert_int_equal(config_save(&c, alias, error, sizeof(error)), 0);
	assert_int_equal(lstat(alias, &is), 0);
	assert_true(S_ISLNK(is.st_mode));
	assert_int_equal(stat(f->file, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0640);
	assert_true(is.st_size > 0);
	unlink(alias);
	config_free(&c);
}

static void what_cant_be_written_is_said(void **state)
{
	struct config c;
	char error[256];

	read_good(&c, "{}");
	assert_int_equal(config_save(&c, "/nonexistent/c.json", error, sizeof(error)), -ENOENT);
	assert_string_equal(error, "/nonexistent/c.json can't be written: No such file or directory");
	assert_int_equal(config_save(&c, "/dev/null/c.json", error, sizeof(error)), -ENOTDIR);
	config_free(&c);
}

static void what_cant_be_read_is_said(void **state)
{
	struct config_mistakes m;
	struct config c;
	char *line;

	assert_int_equal(config_load(&c, "/nonexistent", &m), -ENOENT);
	assert_int_equal(m.count, 1);
	line = config_mistake_line(&m.list[0], "/nonexistent");
	assert_string_equal(line, "/nonexistent: the file: it can't be read: No such file or directory");
	free(line);
	config_mistakes_free(&m);
	assert_int_equal(config_load(&c, "/", &m), -EISDIR);
	config_mistakes_free(&m);
}

/* A device that never ends is not read on and on. */
static void reading_has_a_bound(void **state)
{
	struct config_mistakes m;
	struct config c;

	assert_int_equal(config_load(&c, "/dev/zero", &m), -EINVAL);
	assert_int_equal(m.count, 1);
	config_mistakes_free(&m);
}

static void standard_input_is_a_file_too(void **state)
{
	int ends[2], input = dup(STDIN_FILENO);
	struct config_mistakes m;
	struct config c;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "{\"hosts\":[{\"nqn\":\"h\"}]}", 23), 23);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	assert_int_equal(config_load(&c, "-", &m), 0);
	assert_string_equal(c.hosts[0].nqn, "h");
	config_free(&c);
	config_mistakes_free(&m);
	close(ends[0]);
	if (input >= 0) {
		dup2(input, STDIN_FILENO);
		close(input);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_kernel_saves_comes_back),
		cmocka_unit_test(what_is_ours_comes_back),
		cmocka_unit_test_setup_teardown(saved_and_loaded, open_folder, close_folder),
		cmocka_unit_test_setup_teardown(mode_and_link_are_kept, open_folder, close_folder),
		cmocka_unit_test(what_cant_be_written_is_said),
		cmocka_unit_test(what_cant_be_read_is_said),
		cmocka_unit_test(reading_has_a_bound),
		cmocka_unit_test(standard_input_is_a_file_too),
	};

	return cmocka_run_group_tests_name("config/file", tests, NULL, NULL);
}
