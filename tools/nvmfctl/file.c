/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is named is written here, with the rights of who calls; the daemon writes
 * its own alone.
 */
#include "file.h"
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- writing ----------------------------------------------------------------------------- */

/* As the file has it that is there; a new one is its owner's alone. */
static mode_t mode_for(const char *path)
{
	struct stat is;

	return stat(path, &is) ? S_IRUSR | S_IWUSR : is.st_mode & 07777;
}

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) ? -errno : 0;
}

static int write_beside(int fd, const char *beside, const char *path, const char *text)
{
	int r = write_all(fd, text);

	if (!r && (fchmod(fd, mode_for(path)) || rename(beside, path)))
		r = -errno;
	if (r)
		unlink(beside);
	return r;
}

/* Others see the old file or the new one. */
static int write_file(const char *path, const char *text)
{
	char beside[PATH_MAX];
	int fd, r;

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return fail("%s: %s", path, strerror(ENAMETOOLONG));
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return fail("%s: %s", path, strerror(errno));
	r = write_beside(fd, beside, path, text);
	close(fd);
	return r ? fail("%s: %s", path, strerror(-r)) : 0;
}

/* ---- save -------------------------------------------------------------------------------- */

static int save_here(const struct request *r)
{
	json_t *text = client_call(r->fd, "nvmfd_get_config", NULL);
	int failed = 0;

	if (!text)
		return FAILED;
	if (!strcmp(r->name, "-"))
		fputs(json_string_value(text), stdout);
	else
		failed = write_file(r->name, json_string_value(text));
	json_decref(text);
	return failed;
}

int save(const struct request *r)
{
	json_t *answer;

	if (r->name)
		return save_here(r);
	answer = client_call(r->fd, "nvmfd_save_config", NULL);
	if (!answer)
		return FAILED;
	if (r->as_json)
		return table_print_json(answer);
	json_decref(answer);
	return 0;
}

/* ---- reload ------------------------------------------------------------------------------- */

int reload(const struct request *r)
{
	json_t *answer = client_call(r->fd, "nvmfd_reload", NULL), *line;
	size_t i;

	if (!answer)
		return FAILED;
	if (r->as_json)
		return table_print_json(answer);
	json_array_foreach(json_object_get(answer, "changes"), i, line) {
		print_harmless(json_string_value(line));
		putchar('\n');
	}
	json_decref(answer);
	return 0;
}
