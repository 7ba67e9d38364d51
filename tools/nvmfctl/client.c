/* SPDX-License-Identifier: BSD-2-Clause */
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 60
#define METHOD_NOT_FOUND (-32601)

static void say(const char *format, va_list ap)
{
	fputs("nvmfctl: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
}

int fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	return FAILED;
}

int wrong(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	return MISTAKEN;
}

/* As nvmfd has it. */
int client_default_path(char *path, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (!geteuid())
		n = snprintf(path, size, "/run/nvmfd.sock");
	else if (runtime && *runtime == '/')
		n = snprintf(path, size, "%s/nvmfd.sock", runtime);
	else
		n = snprintf(path, size, "/tmp/nvmfd-%ju.sock", (uintmax_t)geteuid());
	return n < 0 || (size_t)n >= size ? fail("XDG_RUNTIME_DIR is too long") : 0;
}

static int fail_connect(const char *path)
{
	if (errno == ENOENT || errno == ECONNREFUSED)
		fail("no daemon takes calls at %s; is nvmfd running? say where with --socket; "
		     "nvmfd --kernel takes none", path);
	else
		fail("%s: %s", path, strerror(errno));
	return NO_DAEMON;
}

int client_open(const char *path)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		return fail("%s: a socket's path has at most %zu bytes", path,
			    sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail("socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		int failed = fail_connect(path);

		close(fd);
		return failed;
	}
	return fd;
}

static int send_request(int fd, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t at = 0, length = text ? strlen(text) : 0;

	while (at < length) {
		ssize_t n = send(fd, text + at, length - at, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	free(text);
	return length && at == length ? 0 : fail("can't send to the daemon: %s", strerror(errno));
}

static size_t receive(void *buffer, size_t size, void *context)
{
	ssize_t n;

	do
		n = recv(*(int *)context, buffer, size, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? (size_t)-1 : (size_t)n;
}

/* One answer is under way at a time, so nothing is read beyond it but its line end. */
static json_t *receive_answer(int fd)
{
	json_error_t error;
	json_t *answer;

	errno = 0;
	answer = json_load_callback(receive, &fd, JSON_DISABLE_EOF_CHECK, &error);
	if (!answer)
		fail("the daemon does not answer: %s", errno ? strerror(errno) : error.text);
	return answer;
}

/* People called no method and gave it no parameters. */
static void tell(const char *method, const json_t *error)
{
	static const char prefix[] = "Invalid parameters: ";
	const char *text = json_string_value(json_object_get(error, "message"));
	json_t *line;
	size_t i;

	if (json_integer_value(json_object_get(error, "code")) == METHOD_NOT_FOUND)
		fail("this nvmfd has no %s: it is older than nvmfctl", method);
	else if (text && !strncmp(text, prefix, strlen(prefix)))
		fail("%s", text + strlen(prefix));
	else
		fail("%s", text ? text : "the daemon refuses");
	json_array_foreach(json_object_get(error, "data"), i, line)
		fail("%s", json_string_value(line));
}

json_t *client_call(int fd, const char *method, json_t *params)
{
	json_t *request = json_pack("{s:s, s:s, s:i, s:o*}", "jsonrpc", "2.0", "method", method,
				    "id", 1, "params", params);
	json_t *answer = NULL, *result = NULL, *error;

	if (!request || !send_request(fd, request))
		answer = receive_answer(fd);
	json_decref(request);
	error = json_object_get(answer, "error");
	if (error)
		tell(method, error);
	else
		result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return result;
}
