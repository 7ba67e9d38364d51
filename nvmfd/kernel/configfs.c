/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/configfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the calls ------------------------------------------------------------------------ */

static int result(int r)
{
	return r < 0 ? -errno : 0;
}

static int make(struct configfs *c, const char *path)
{
	return result(mkdirat(c->fd, path, 0755));
}

static int remove_folder(struct configfs *c, const char *path)
{
	return result(unlinkat(c->fd, path, AT_REMOVEDIR));
}

/* configfs wants all of it in one write. */
static int put(struct configfs *c, const char *path, const char *text)
{
	size_t length = strlen(text);
	int fd = openat(c->fd, path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, text, length);
	while (n < 0 && errno == EINTR);
	r = n < 0 ? -errno : (size_t)n == length ? 0 : -EIO;
	close(fd);
	return r;
}

static int link_to(struct configfs *c, const char *target, const char *path)
{
	char *whole;
	int r;

	if (asprintf(&whole, "%s/%s", c->root, target) < 0)
		return -ENOMEM;
	r = result(symlinkat(whole, c->fd, path));
	free(whole);
	return r;
}

static int unlink_from(struct configfs *c, const char *path)
{
	return result(unlinkat(c->fd, path, 0));
}

static int look(struct configfs *c, const char *path, struct configfs_look *l)
{
	struct stat st;

	if (fstatat(c->fd, path, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	*l = (struct configfs_look){ st.st_mode & 07777, st.st_atim };
	return 0;
}

static int set_mode(struct configfs *c, const char *path, unsigned int mode)
{
	return result(fchmodat(c->fd, path, mode, 0));
}

static int set_access(struct configfs *c, const char *path, struct timespec t)
{
	const struct timespec times[2] = { t, { .tv_nsec = UTIME_OMIT } };

	return result(utimensat(c->fd, path, times, AT_SYMLINK_NOFOLLOW));
}

static int add_name(struct array *names, const struct dirent *e)
{
	char *name;
	int r;

	if (*e->d_name == '.' || (e->d_type != DT_DIR && e->d_type != DT_LNK))
		return 0;
	name = strdup(e->d_name);
	r = name ? array_add(names, name) : -ENOMEM;
	if (r)
		free(name);
	return r;
}

static int list(struct configfs *c, const char *path, struct array *names)
{
	int fd = openat(c->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (e = readdir(d)))
		r = add_name(names, e);
	closedir(d);
	return r;
}

static const struct configfs_calls calls = {
	make, remove_folder, put, link_to, unlink_from, look, set_mode, set_access, list,
};

/* ---- opening ---------------------------------------------------------------------------- */

static int open_root(struct configfs *c, const char *root, char *error, size_t size)
{
	int r;

	c->fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = result(c->fd);
	if (r == -ENOENT)
		snprintf(error, size, "--kernel: there is no %s: this kernel has no NVMe target, or its"
			 " module is not loaded (modprobe nvmet-tcp)", root);
	else if (r)
		snprintf(error, size, "--kernel: %s: %s", root, strerror(-r));
	return r;
}

static int check_root(struct configfs *c, char *error, size_t size)
{
	static const char *const folders[] = { "hosts", "ports", "subsystems" };
	int r = 0;

	for (int i = 0; !r && i < 3; i++)
		r = result(faccessat(c->fd, folders[i], W_OK, AT_EACCESS));
	if (r == -ENOENT || r == -ENOTDIR)
		snprintf(error, size, "--kernel: %s is not the configfs of the kernel's NVMe target", c->root);
	else if (r)
		snprintf(error, size, "--kernel: no right to configure the kernel's NVMe target in %s: %s",
			 c->root, strerror(-r));
	return r;
}

/* The lock goes with whoever holds it, however he ends. */
static int lock_root(struct configfs *c, char *error, size_t size)
{
	int r = result(flock(c->fd, LOCK_EX | LOCK_NB));

	if (r == -EWOULDBLOCK) {
		r = -EBUSY;
		snprintf(error, size, "--kernel: another nvmfd has the kernel's NVMe target (%s)", c->root);
	} else if (r) {
		snprintf(error, size, "--kernel: can't lock %s: %s", c->root, strerror(-r));
	}
	return r;
}

int configfs_open(struct configfs *c, const char *root, char *error, size_t error_size)
{
	int r;

	*c = (struct configfs){ .calls = &calls, .fd = -1 };
	r = open_root(c, root, error, error_size);
	if (r)
		return r;
	c->root = realpath(root, NULL);
	if (!c->root) {
		r = -errno;
		snprintf(error, error_size, "--kernel: %s: %s", root, strerror(-r));
	}
	if (!r)
		r = check_root(c, error, error_size);
	if (!r)
		r = lock_root(c, error, error_size);
	if (r)
		configfs_close(c);
	return r;
}

void configfs_close(struct configfs *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->root);
	c->fd = -1;
	c->root = NULL;
}

/* ---- looking ------------------------------------------------------------------------------ */

bool configfs_has(struct configfs *c, const char *path)
{
	struct configfs_look l;

	return !c->calls->look(c, path, &l);
}

int configfs_list(struct configfs *c, const char *path, struct array *names)
{
	*names = (struct array){ 0 };
	return c->calls->list(c, path, names);
}

void configfs_free_names(struct array *names)
{
	for (unsigned int i = 0; i < names->count; i++)
		free(names->at[i]);
	array_free(names);
}
