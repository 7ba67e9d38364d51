/* SPDX-License-Identifier: BSD-2-Clause */
/* The file itself: read whole, written so that nobody meets half of it. */
#include "config/config.h"
#include "config/mistake.h"

#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)64 << 10)

struct text {
	char *bytes;
	size_t length;
};

/* 1: there may be more; 0: the end; -errno. */
static int read_piece(int fd, struct text *t)
{
	char *bytes = realloc(t->bytes, t->length + PIECE);
	ssize_t n;

	if (!bytes)
		return -ENOMEM;
	t->bytes = bytes;
	do
		n = read(fd, t->bytes + t->length, PIECE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	t->length += (size_t)n;
	return n > 0;
}

/* No more than shows that it is too much. */
static int read_all(int fd, struct text *t)
{
	int r;

	do
		r = read_piece(fd, t);
	while (r > 0 && t->length <= CONFIG_TEXT_MOST);
	return r < 0 ? r : 0;
}

static int read_file(const char *path, struct text *t)
{
	bool is_input = !strcmp(path, "-");
	int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = read_all(fd, t);
	if (!is_input)
		close(fd);
	return r;
}

int config_load(struct config *config, const char *path, struct config_mistakes *mistakes)
{
	struct text text = { NULL, 0 };
	int r = read_file(path, &text);

	if (!r) {
		r = config_parse(config, text.bytes, text.length, mistakes);
	} else {
		memset(config, 0, sizeof(*config));
		memset(mistakes, 0, sizeof(*mistakes));
		mistake_at_place(mistakes, NULL, "it can't be read: %s", strerror(-r));
	}
	free(text.bytes);
	return r;
}

/* ---- writing -------------------------------------------------------------------------- */

static int write_text(const char *path, const char *text)
{
	char real[PATH_MAX];
	struct stat is;
	unsigned int mode = S_IRUSR | S_IWUSR;

	/* A link to the file stays one. */
	if (realpath(path, real))
		path = real;
	else if (errno != ENOENT)
		return -errno;
	if (!stat(path, &is))
		mode = is.st_mode & 07777;
	return write_file_atomically(path, text, mode);
}

int config_save(const struct config *config, const char *path, char *error, size_t error_size)
{
	char *text = config_format(config);
	int r = text ? write_text(path, text) : -ENOMEM;

	if (r)
		snprintf(error, error_size, "%s can't be written: %s", path, strerror(-r));
	free(text);
	return r;
}
