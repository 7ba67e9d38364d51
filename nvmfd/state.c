/* SPDX-License-Identifier: BSD-2-Clause */
#include "state.h"

#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE 4096

int state_default_path(char *path, size_t size)
{
	const char *state_home = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int n;

	if (!geteuid())
		n = snprintf(path, size, "/var/lib/nvmfd/state");
	else if (state_home && *state_home == '/')
		n = snprintf(path, size, "%s/nvmfd/state", state_home);
	else if (home && *home == '/')
		n = snprintf(path, size, "%s/.local/state/nvmfd/state", home);
	else
		return -ENOENT;
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* The file's text, cut at size - 1 bytes.  Its length, or -errno. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		n = read(fd, text + used, size - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	n = n < 0 ? -errno : (ssize_t)used;
	close(fd);
	text[used] = 0;
	return n;
}

static int is_serial(const char *text)
{
	size_t length = strlen(text);

	if (!length || length > IDENTITY_SERIAL_LENGTH)
		return 0;
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return 0;
	return 1;
}

/* Takes one line; what is wrong with it, or NULL. */
static const char *take_line(struct state *s, char *line)
{
	char *value = strchr(line, '=');
	enum nqn_fault fault;

	if (!*line || *line == '#')
		return NULL;
	if (!value)
		return "is not key=value";
	*value++ = 0;
	if (!strcmp(line, "nqn")) {
		fault = nqn_check(value, strlen(value));
		if (fault != NQN_GOOD)
			return nqn_fault_text(fault);
		strcpy(s->nqn, value);
	} else if (!strcmp(line, "serial")) {
		if (!is_serial(value))
			return "is not a serial number of 1 to 20 ASCII characters";
		strcpy(s->serial, value);
	}
	/* Other keys belong to a later version. */
	return NULL;
}

static int take_text(struct state *s, const char *path, char *text, char *error, size_t error_size)
{
	int number = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		const char *fault = take_line(s, line);

		number++;
		if (!fault)
			continue;
		snprintf(error, error_size, "state file %s, line %d: it %s; mend it or remove it",
			 path, number, fault);
		return -EINVAL;
	}
	return 0;
}

static int machine_uuid(const char *machine_id, uint8_t uuid[16])
{
	char text[64];
	ssize_t n = read_text(machine_id, text, sizeof(text));

	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = 0;
	return identity_of_machine(text, uuid);
}

static int random_uuid(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16)
		return -EIO;
	uuid[6] = (uint8_t)((uuid[6] & 0x0fu) | 0x40u);
	uuid[8] = (uint8_t)((uuid[8] & 0x3fu) | 0x80u);
	return 0;
}

/* Fills in what the file did not say.  1: something was filled in. */
static int fill_in(struct state *s, const char *machine_id, int *is_chance)
{
	char text[IDENTITY_UUID_TEXT];
	uint8_t uuid[16];
	int code;

	*is_chance = 0;
	if (*s->nqn && *s->serial)
		return 0;
	if (!*s->nqn) {
		*is_chance = machine_uuid(machine_id, uuid) != 0;
		code = *is_chance ? random_uuid(uuid) : 0;
		if (code)
			return code;
		uuid_format(uuid, text);
		snprintf(s->nqn, sizeof(s->nqn), NQN_UUID_PREFIX "%s", text);
	}
	code = *s->serial ? 0 : identity_serial(s->nqn, s->serial);
	return code ? code : 1;
}

/* Creates the folders above `path`, as mkdir -p. */
static void make_parents(const char *path)
{
	char folder[PATH_MAX];

	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return;
	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		/* What fails here fails again, with its reason, when the file is
		 * written. */
		mkdir(folder, 0755);
		*slash = '/';
	}
}

static void keep(struct state *s, const char *path, int is_chance)
{
	char text[MAX_FILE];
	int code;

	snprintf(text, sizeof(text),
		 "# The identity of this machine's default subsystem: keep this file.\n"
		 "nqn=%s\nserial=%s\n", s->nqn, s->serial);
	make_parents(path);
	code = write_file_atomically(path, text, 0644);
	if (code)
		snprintf(s->warning, sizeof(s->warning), "state file %.300s: %s; %s", path, strerror(-code),
			 is_chance ? "the default NQN will be another one at the next start" :
				     "the default NQN follows the machine id");
}

int state_load(struct state *s, const char *path, const char *machine_id,
	       char *error, size_t error_size)
{
	char text[MAX_FILE];
	char standard[PATH_MAX];
	int is_chance, code;
	ssize_t n;

	memset(s, 0, sizeof(*s));
	if (!path && !state_default_path(standard, sizeof(standard)))
		path = standard;
	n = path ? read_text(path, text, sizeof(text)) : -ENOENT;
	/* A file that is there and fails is no reason to invent another identity;
	 * a folder that is closed to us holds none of ours. */
	if (n < 0 && n != -ENOENT && n != -ENOTDIR && n != -EACCES) {
		snprintf(error, error_size, "state file %s: %s", path, strerror((int)-n));
		return (int)n;
	}
	if (n > 0 && strlen(text) != (size_t)n) {
		snprintf(error, error_size, "state file %s is not text; mend it or remove it", path);
		return -EINVAL;
	}
	code = n > 0 ? take_text(s, path, text, error, error_size) : 0;
	if (code)
		return code;
	code = fill_in(s, machine_id, &is_chance);
	if (code < 0) {
		snprintf(error, error_size, "no identity for the default subsystem: %s", strerror(-code));
		return code;
	}
	if (code && n > 0)
		return 0;	/* kept, only less than all: the rest is derived */
	if (code && path)
		keep(s, path, is_chance);
	else if (code)
		snprintf(s->warning, sizeof(s->warning), "there is no home folder to keep the default NQN in");
	return 0;
}
