/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket file: who may have it, and what is left of it. */
#include "../unit.h"

#include "rpc/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[100];
static struct rpc_socket first, second;
static char error[256];

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/nvmfd-socket-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/s", folder);
	first.fd = first.lock = second.fd = second.lock = -1;
	return 0;
}

static int remove_folder(void **state)
{
	rpc_socket_close(&first);
	rpc_socket_close(&second);
	/* Nothing is left in it. */
	return rmdir(folder);
}

static int dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void test_only_its_owner_reaches_it(void **state)
{
	struct stat found;
	mode_t mask = umask(0);

	assert_int_equal(rpc_socket_open(&first, path, NULL, error, sizeof(error)), 0);
	umask(mask);
	assert_int_equal(lstat(path, &found), 0);
	assert_int_equal(found.st_mode, S_IFSOCK | 0600);
	assert_int_equal(found.st_uid, geteuid());
}

static void test_a_group_reaches_it(void **state)
{
	const struct group *own = getgrgid(getegid());
	struct stat found;
	mode_t mask;

	if (!own)
		skip();
	mask = umask(077);
	assert_int_equal(rpc_socket_open(&first, path, own->gr_name, error, sizeof(error)), 0);
	umask(mask);
	assert_int_equal(lstat(path, &found), 0);
	assert_int_equal(found.st_mode, S_IFSOCK | 0660);
	assert_int_equal(found.st_gid, getegid());
}

static void test_an_unknown_group_is_refused(void **state)
{
	assert_int_equal(rpc_socket_open(&first, path, "no such group", error, sizeof(error)),
			 -ENOENT);
	assert_string_equal(error, "there is no group 'no such group'");
}

static void test_this_user_is_admitted(void **state)
{
	uid_t uid;
	int fd, accepted;

	assert_int_equal(rpc_socket_open(&first, path, NULL, error, sizeof(error)), 0);
	assert_int_equal(rpc_socket_accept(&first), -EAGAIN);
	fd = dial();
	accepted = rpc_socket_accept(&first);
	assert_true(accepted >= 0);
	assert_true(rpc_socket_admits(&first, accepted, &uid));
	assert_int_equal(uid, geteuid());
	close(accepted);
	close(fd);
}

static void test_a_live_one_is_left_alone(void **state)
{
	int fd;

	assert_int_equal(rpc_socket_open(&first, path, NULL, error, sizeof(error)), 0);
	assert_int_equal(rpc_socket_open(&second, path, NULL, error, sizeof(error)), -EADDRINUSE);
	assert_string_equal(error, "a running daemon has it");
	fd = dial();
	assert_true(fd >= 0);
	close(fd);
}

/* Without the lock it is somebody else's, but alive all the same. */
static void test_another_program_s_is_left_alone(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(rpc_socket_open(&first, path, NULL, error, sizeof(error)), -EADDRINUSE);
	assert_string_equal(error, "a running program has it");
	close(fd);
	/* It died, and what it left is taken over. */
	assert_int_equal(rpc_socket_open(&first, path, NULL, error, sizeof(error)), 0);
}

static void test_what_a_dead_one_left_is_taken_over(void **state)
{
	int fd;

	assert_int_equal(rpc_socket_open(&first, path, NULL, error, sizeof(error)), 0);
	/* As the kernel closes what a killed process had. */
	close(first.fd);
	close(first.lock);
	first.fd = first.lock = -1;
	assert_int_equal(dial(), -ECONNREFUSED);
	assert_int_equal(rpc_socket_open(&second, path, NULL, error, sizeof(error)), 0);
	fd = dial();
	assert_true(fd >= 0);
	close(fd);
}

static void test_a_file_is_no_socket(void **state)
{
	char content[8] = "";
	int fd = open(path, O_CREAT | O_RDWR, 0600);

	assert_int_equal(write(fd, "keep me", 7), 7);
	assert_int_equal(rpc_socket_open(&first, path, NULL, error, sizeof(error)), -EEXIST);
	assert_non_null(strstr(error, "is no socket"));
	assert_int_equal(pread(fd, content, 7, 0), 7);
	assert_string_equal(content, "keep me");
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void test_paths_have_a_limit(void **state)
{
	char longest[200];

	memset(longest, 'a', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(rpc_socket_open(&first, longest, NULL, error, sizeof(error)),
			 -ENAMETOOLONG);
	assert_non_null(strstr(error, "at most 107 bytes"));
}

static void test_a_relative_path_is_of_this_folder(void **state)
{
	char here[4096];
	int fd;

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(rpc_socket_open(&first, "s", NULL, error, sizeof(error)), 0);
	assert_int_equal(chdir("/"), 0);
	fd = dial();
	assert_true(fd >= 0);
	close(fd);
	rpc_socket_close(&first);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(chdir(here), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_only_its_owner_reaches_it),
		CASE(test_a_group_reaches_it),
		CASE(test_an_unknown_group_is_refused),
		CASE(test_this_user_is_admitted),
		CASE(test_a_live_one_is_left_alone),
		CASE(test_another_program_s_is_left_alone),
		CASE(test_what_a_dead_one_left_is_taken_over),
		CASE(test_a_file_is_no_socket),
		CASE(test_paths_have_a_limit),
		CASE(test_a_relative_path_is_of_this_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
