/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Being a daemon: into the background with a true exit status, one instance by
 * pid file, signals as a descriptor.  Nothing here exits or prints.
 *
 * The order in main: pidfile_open, daemon_detach, signals_open, then threads.
 */
#ifndef NVMFD_DAEMON_H
#define NVMFD_DAEMON_H

#include <limits.h>
#include <stddef.h>

/* --- into the background --- */

enum daemon_side { DAEMON_CHILD = 0, DAEMON_PARENT = 1 };

/*
 * Forks twice; the grandchild leads no session and has no terminal.
 *
 * DAEMON_CHILD: this is the daemon.  It goes on and later calls exactly one of
 * daemon_ready and daemon_failed with *report.  Directory and standard
 * descriptors are still those of the caller until then.
 * DAEMON_PARENT: the daemon is ready; the caller ends with success.
 * -errno: no daemon runs; `error` holds the daemon's own sentence.
 *
 * Call it before any thread exists.
 */
int daemon_detach(int *report, char *error, size_t error_size);

/* Lets the parent end well, and takes leave of its directory and terminal.
 * 0, or -errno where /dev/null can't be opened. */
int daemon_ready(int report);

/* Lets the parent end with `code` (negative) and this sentence. */
void daemon_failed(int report, int code, const char *sentence);

/* --- one instance --- */

struct pidfile {
	int fd;				/* holds the lock; -1: none */
	char path[PATH_MAX];		/* absolute */
};

/* /run/nvmfd.pid as root; else $XDG_RUNTIME_DIR/nvmfd.pid, or /tmp/nvmfd-UID.pid.
 * 0, or -ENAMETOOLONG. */
int pidfile_default_path(char *path, size_t size);

/*
 * Takes the lock, which a fork inherits; a file that a dead daemon left is taken
 * over.  path NULL: the default.  -EEXIST with the other's pid in the sentence,
 * or another -errno with a sentence.
 */
int pidfile_open(struct pidfile *, const char *path, char *error, size_t error_size);

/* Writes this process' id: after daemon_detach.  0 or -errno. */
int pidfile_write(struct pidfile *);

/* Removes the file and gives the lock up.  Nothing where fd is -1. */
void pidfile_remove(struct pidfile *);

/* Gives the lock up without removing the file: for the parent of a daemon. */
void pidfile_forget(struct pidfile *);

/* --- the process --- */

/* Ignores SIGPIPE and SIGXFSZ, blocks TERM INT QUIT and HUP and gives them as a
 * descriptor for poll.  The caller closes it.  -errno on failure. */
int signals_open(void);

/* The next signal's number, 0 where there is none, or -errno. */
int signals_read(int fd);

/* Opens /dev/null where the caller left descriptor 0, 1 or 2 closed, lest a
 * socket become somebody's standard output.  First thing in main.  0 or -errno. */
int open_standard_descriptors(void);

/* Raises the soft limit of descriptors to the hard one.  How many it is now,
 * or -errno. */
long raise_descriptor_limit(void);

/* The daemon leaves its directory: a relative path would lose its meaning.  0, or
 * -errno. */
int absolute_path(char *to, size_t size, const char *path);

/*
 * Writes `text` to a file that others never see half: beside it, then renamed.
 * 0, or -errno.
 */
int write_file_atomically(const char *path, const char *text, unsigned int mode);

#endif
