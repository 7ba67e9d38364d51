/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 128
#define NOBODY ((gid_t)-1)
#define GROUPS_MOST 256		/* of a peer that are looked at */

struct sentence {
	char *text;
	size_t size;
};

static int refuse(const struct sentence *s, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(const struct sentence *s, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(s->text, s->size, format, ap);
	va_end(ap);
	return code;
}

int rpc_socket_default_path(char *path, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (!geteuid())
		n = snprintf(path, size, "/run/nvmfd.sock");
	else if (runtime && *runtime == '/')
		n = snprintf(path, size, "%s/nvmfd.sock", runtime);
	else
		n = snprintf(path, size, "/tmp/nvmfd-%ju.sock", (uintmax_t)geteuid());
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* ---- the lock ------------------------------------------------------------------------------ */

static int refuse_system(const struct sentence *s, const char *path)
{
	int code = -errno;

	return refuse(s, code, "%s: %s", path, strerror(-code));
}

/* Whether the name still leads to what is open: its last owner may have removed it
 * between our open and our lock. */
static bool is_named(int fd, const char *path)
{
	struct stat opened, named;

	return !fstat(fd, &opened) && !lstat(path, &named) &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* The locked file, -EAGAIN to try again, or another -errno with a sentence. */
static int lock_once(const char *path, const struct sentence *s)
{
	int code, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return refuse_system(s, path);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		code = errno == EWOULDBLOCK ?
			refuse(s, -EADDRINUSE, "a running daemon has it") : refuse_system(s, path);
		close(fd);
		return code;
	}
	if (is_named(fd, path))
		return fd;
	close(fd);
	return -EAGAIN;
}

static void lock_path(const struct rpc_socket *k, char path[sizeof(k->path) + 8])
{
	snprintf(path, sizeof(k->path) + 8, "%s.lock", k->path);
}

static int lock(const struct rpc_socket *k, const struct sentence *s)
{
	char path[sizeof(k->path) + 8];
	int fd;

	lock_path(k, path);
	do
		fd = lock_once(path, s);
	while (fd == -EAGAIN);
	return fd;
}

/* ---- the socket ---------------------------------------------------------------------------- */

static struct sockaddr_un address_of(const struct rpc_socket *k)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, k->path, sizeof(a.sun_path));
	return a;
}

/* Does somebody answer there who has no lock, for he is no nvmfd? */
static bool is_alive(const struct rpc_socket *k)
{
	struct sockaddr_un a = address_of(k);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A full backlog is EAGAIN: somebody has it. */
	bool is = fd >= 0 && (!connect(fd, (struct sockaddr *)&a, sizeof(a)) || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return is;
}

/* Removes what a dead daemon left; we have the lock. */
static int clear_path(const struct rpc_socket *k, const struct sentence *s)
{
	struct stat found;

	if (lstat(k->path, &found))
		return errno == ENOENT ? 0 : refuse_system(s, k->path);
	if (!S_ISSOCK(found.st_mode))
		return refuse(s, -EEXIST, "%s is there and is no socket", k->path);
	if (is_alive(k))
		return refuse(s, -EADDRINUSE, "a running program has it");
	return unlink(k->path) ? refuse_system(s, k->path) : 0;
}

/*
 * bind() gives the file the mode of the socket, less the umask: so it is never more
 * open than it shall be.
 */
static int bind_closed(const struct rpc_socket *k)
{
	struct sockaddr_un a = address_of(k);
	mode_t mode = k->group == NOBODY ? 0600 : 0660;

	if (fchmod(k->fd, 0600) || bind(k->fd, (struct sockaddr *)&a, sizeof(a)))
		return -errno;
	if (k->group != NOBODY && lchown(k->path, (uid_t)-1, k->group))
		return -errno;
	return chmod(k->path, mode) || listen(k->fd, BACKLOG) ? -errno : 0;
}

static int bind_socket(struct rpc_socket *k, const struct sentence *s)
{
	int r;

	k->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->fd < 0)
		return refuse_system(s, k->path);
	r = bind_closed(k);
	return r ? refuse(s, r, "%s: %s", k->path, strerror(-r)) : 0;
}

/* A daemon leaves its folder: a relative path would lose its meaning. */
static int name_socket(struct rpc_socket *k, const char *path, const struct sentence *s)
{
	char here[sizeof(k->path)] = "";
	int n;

	if (*path != '/' && !getcwd(here, sizeof(here) - 1))
		return refuse(s, -errno, "%s: the current folder: %s", path, strerror(errno));
	n = snprintf(k->path, sizeof(k->path), "%s%s%s", here, *here ? "/" : "", path);
	if (n < 0 || (size_t)n >= sizeof(k->path))
		return refuse(s, -ENAMETOOLONG, "%s: a socket's path has at most %zu bytes", path,
			      sizeof(k->path) - 1);
	return 0;
}

static int find_group(struct rpc_socket *k, const char *name, const struct sentence *s)
{
	const struct group *g = name ? getgrnam(name) : NULL;

	if (name && !g)
		return refuse(s, -ENOENT, "there is no group '%s'", name);
	k->group = g ? g->gr_gid : NOBODY;
	return 0;
}

int rpc_socket_open(struct rpc_socket *k, const char *path, const char *group, char *error,
		    size_t error_size)
{
	const struct sentence s = { error, error_size };
	int r;

	*k = (struct rpc_socket){ .fd = -1, .lock = -1 };
	r = find_group(k, group, &s);
	if (!r)
		r = name_socket(k, path, &s);
	if (r)
		return r;
	k->lock = lock(k, &s);
	if (k->lock < 0)
		return k->lock;
	r = clear_path(k, &s);
	if (!r)
		r = bind_socket(k, &s);
	if (r)
		rpc_socket_close(k);
	return r;
}

void rpc_socket_close(struct rpc_socket *k)
{
	char path[sizeof(k->path) + 8];

	/* The files go before the lock: nobody else's are removed. */
	if (k->fd >= 0) {
		unlink(k->path);
		close(k->fd);
	}
	if (k->lock >= 0) {
		lock_path(k, path);
		unlink(path);
		close(k->lock);
	}
	k->fd = k->lock = -1;
}

/* ---- who connects -------------------------------------------------------------------------- */

int rpc_socket_accept(const struct rpc_socket *k)
{
	int fd = accept4(k->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static bool is_member(int fd, gid_t group)
{
	gid_t groups[GROUPS_MOST];
	socklen_t size = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		return false;
	for (size_t i = 0; i < size / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

bool rpc_socket_admits(const struct rpc_socket *k, int fd, uid_t *uid)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	*uid = (uid_t)-1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size))
		return false;
	*uid = who.uid;
	if (!who.uid || who.uid == geteuid())
		return true;
	return k->group != NOBODY && (who.gid == k->group || is_member(fd, k->group));
}
