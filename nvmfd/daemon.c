/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int refuse(char *error, size_t error_size, int code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse(char *error, size_t error_size, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, error_size, format, ap);
	va_end(ap);
	return code;
}

/* --- into the background ------------------------------------------------------- */

/* What goes through the pipe: an int, 0 or -errno, then the sentence. */
static int hear_report(int fd, char *error, size_t error_size)
{
	int code;
	ssize_t n;
	size_t used = 0;

	do
		n = read(fd, &code, sizeof(code));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(code))
		return refuse(error, error_size, -ECHILD, "the daemon ended before it was ready");
	if (!code)
		return DAEMON_PARENT;
	while (used < error_size - 1) {
		n = read(fd, error + used, error_size - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	error[used] = 0;
	return code;
}

static int wait_for_daemon(pid_t middle, int fd, char *error, size_t error_size)
{
	int result;

	while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
		;
	result = hear_report(fd, error, error_size);
	close(fd);
	return result;
}

int daemon_detach(int *report, char *error, size_t error_size)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return refuse(error, error_size, -errno, "no pipe to the daemon: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		int code = -errno;

		close(ends[0]);
		close(ends[1]);
		return refuse(error, error_size, code, "can't fork: %s", strerror(-code));
	}
	if (pid) {
		close(ends[1]);
		return wait_for_daemon(pid, ends[0], error, error_size);
	}
	close(ends[0]);
	setsid();
	/* The second fork leaves the session's leader behind: no terminal can
	 * become ours by being opened.  _exit: the streams are the parent's. */
	pid = fork();
	if (pid < 0)
		daemon_failed(ends[1], -errno, "can't fork a second time");
	if (pid)
		_exit(0);
	*report = ends[1];
	return DAEMON_CHILD;
}

static void send_report(int report, int code, const char *sentence)
{
	struct { int code; char text[1024]; } message = { .code = code };
	size_t length = strnlen(sentence, sizeof(message.text));
	ssize_t n;

	memcpy(message.text, sentence, length);
	/* Below PIPE_BUF: all or nothing.  A parent that was killed is no reason
	 * to end, so the result tells nothing. */
	n = write(report, &message, sizeof(message.code) + length);
	(void)n;
	close(report);
}

int daemon_ready(int report)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	if (chdir("/"))
		return -errno;
	send_report(report, 0, "");
	return 0;
}

void daemon_failed(int report, int code, const char *sentence)
{
	send_report(report, code, sentence);
}

/* --- one instance ---------------------------------------------------------------- */

int pidfile_default_path(char *path, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (!geteuid())
		n = snprintf(path, size, "/run/nvmfd.pid");
	else if (runtime && *runtime == '/')
		n = snprintf(path, size, "%s/nvmfd.pid", runtime);
	else
		n = snprintf(path, size, "/tmp/nvmfd-%ju.pid", (uintmax_t)geteuid());
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int absolute_path(char *to, size_t size, const char *path)
{
	char here[PATH_MAX];
	int n;

	if (*path == '/')
		n = snprintf(to, size, "%s", path);
	else if (!getcwd(here, sizeof(here)))
		return -errno;
	else
		n = snprintf(to, size, "%s/%s", here, path);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int refuse_second(const struct pidfile *p, int fd, char *error, size_t error_size)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	if (pid > 0)
		return refuse(error, error_size, -EEXIST, "nvmfd is running already, as process %ld (%s)",
			      pid, p->path);
	return refuse(error, error_size, -EEXIST, "another nvmfd is starting (%s)", p->path);
}

/* Whether the name still leads to what is open: the last owner may have
 * removed the file between our open and our lock. */
static int is_named(int fd, const char *path)
{
	struct stat opened, named;

	return !fstat(fd, &opened) && !lstat(path, &named) &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* The locked file, -EAGAIN to try again, or another -errno with a sentence. */
static int lock_pidfile(const struct pidfile *p, char *error, size_t error_size)
{
	int fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	int code;

	if (fd < 0)
		return refuse(error, error_size, -errno, "pid file %s: %s", p->path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		code = errno == EWOULDBLOCK ? refuse_second(p, fd, error, error_size) :
			refuse(error, error_size, -errno, "pid file %s: %s", p->path, strerror(errno));
		close(fd);
		return code;
	}
	if (!is_named(fd, p->path)) {
		close(fd);
		return -EAGAIN;
	}
	return fd;
}

int pidfile_open(struct pidfile *p, const char *path, char *error, size_t error_size)
{
	char standard[PATH_MAX];
	int code;

	p->fd = -1;
	code = path ? 0 : pidfile_default_path(standard, sizeof(standard));
	if (!code)
		code = absolute_path(p->path, sizeof(p->path), path ? path : standard);
	if (code)
		return refuse(error, error_size, code, "pid file %s: %s", path ? path : "", strerror(-code));
	do
		code = lock_pidfile(p, error, error_size);
	while (code == -EAGAIN);
	if (code < 0)
		return code;
	p->fd = code;
	/* A reader never meets the pid of the dead. */
	if (ftruncate(p->fd, 0)) {
		code = refuse(error, error_size, -errno, "pid file %s: %s", p->path, strerror(errno));
		pidfile_forget(p);
		return code;
	}
	return 0;
}

int pidfile_write(struct pidfile *p)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(p->fd, 0) || pwrite(p->fd, text, (size_t)n, 0) != n)
		return errno ? -errno : -EIO;
	return 0;
}

void pidfile_remove(struct pidfile *p)
{
	if (p->fd < 0)
		return;
	/* Before the lock goes, so that nobody else's file is removed. */
	unlink(p->path);
	pidfile_forget(p);
}

void pidfile_forget(struct pidfile *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* --- the process ------------------------------------------------------------------ */

int signals_open(void)
{
	static const int ends[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaddset(&set, ends[i]);
	/* A file that may not grow further answers EFBIG instead. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int signals_read(int fd)
{
	struct signalfd_siginfo info;
	ssize_t n;

	do
		n = read(fd, &info, sizeof(info));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n == sizeof(info) ? (int)info.ssi_signo : -EIO;
}

int open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

long raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			return -errno;
	}
	return limit.rlim_cur > LONG_MAX ? LONG_MAX : (long)limit.rlim_cur;
}

static int write_all(int fd, const char *text)
{
	size_t length = strlen(text);
	ssize_t n;

	for (; length; text += n, length -= (size_t)n) {
		n = write(fd, text, length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			n = 0;
	}
	return fsync(fd) ? -errno : 0;
}

/* That the name leads to the new file must last, too. */
static int sync_folder(const char *path)
{
	char folder[PATH_MAX];
	char *slash;
	int fd, code;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Who may write to a folder need not be allowed to read it. */
	if (fd < 0)
		return errno == EACCES ? 0 : -errno;
	/* Some file systems can't, and say EINVAL. */
	code = fsync(fd) && errno != EINVAL ? -errno : 0;
	close(fd);
	return code;
}

int write_file_atomically(const char *path, const char *text, unsigned int mode)
{
	char beside[PATH_MAX];
	int fd, code;

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	code = write_all(fd, text);
	if (!code && fchmod(fd, mode))
		code = -errno;
	close(fd);
	if (!code && rename(beside, path))
		code = -errno;
	if (code) {
		unlink(beside);
		return code;
	}
	return sync_folder(path);
}
