/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc/typed_call.h"

#include "rpc/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

struct sentence {
	char *text;
	size_t size;
};

static int refuse(struct sentence *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct sentence *s, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(s->text, s->size, format, ap);
	va_end(ap);
	return -EINVAL;
}

/* The request as a caller would send it; NULL: no memory, or the parameters are none. */
static char *request_of(const char *text, struct sentence *s)
{
	size_t length = strcspn(text, BLANKS);
	const char *given = text + length + strspn(text + length, BLANKS);
	json_error_t error = { .text = "" };
	json_t *params = *given ? json_loads(given, JSON_REJECT_DUPLICATES, &error) : NULL;
	json_t *request = json_pack("{s:s, s:i, s:s%}", "jsonrpc", "2.0", "id", 1, "method", text, length);
	char *made = NULL;

	if (*given && !json_is_object(params))
		refuse(s, "the parameters are no JSON object: %s", *error.text ? error.text : given);
	else if (!request || (params && json_object_set(request, "params", params)))
		refuse(s, "out of memory");
	else
		made = json_dumps(request, JSON_COMPACT);
	json_decref(params);
	json_decref(request);
	return made;
}

static int check_answer(const struct rpc_session *session, struct sentence *s)
{
	json_t *answer = json_loadb(session->out.bytes ? session->out.bytes + session->out.at : "",
				    rpc_session_unsent(session), 0, NULL);
	const json_t *error = json_object_get(answer, "error");
	int r = 0;

	if (error)
		r = refuse(s, "%s", json_string_value(json_object_get(error, "message")));
	else if (!answer)
		r = refuse(s, "it does not end at once");
	json_decref(answer);
	return r;
}

static void go_on(struct rpc_session *s)
{
}

int rpc_call_typed(const struct rpc_interface *interface, const char *text, char *error, size_t error_size)
{
	struct sentence s = { error, error_size };
	char *request = request_of(text, &s);
	struct rpc_session session;
	int r;

	if (!request)
		return -EINVAL;
	rpc_session_open(&session, interface, go_on);
	rpc_session_feed(&session, request, strlen(request));
	rpc_session_feed(&session, NULL, 0);
	r = check_answer(&session, &s);
	rpc_session_close(&session);
	free(request);
	return r;
}
