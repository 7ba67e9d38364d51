/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE 512

/* ---- buffers ------------------------------------------------------------------------- */

/* False: no memory. */
static bool append(struct rpc_buffer *b, const void *bytes, size_t length)
{
	size_t size = b->size ? b->size : 4096;
	char *more;

	while (size - b->used < length)
		size *= 2;
	if (size != b->size) {
		more = realloc(b->bytes, size);
		if (!more)
			return false;
		b->bytes = more;
		b->size = size;
	}
	memcpy(b->bytes + b->used, bytes, length);
	b->used += length;
	return true;
}

/* Forgets what was dealt with; large memory goes back when nothing is left. */
static void compact(struct rpc_buffer *b)
{
	b->used -= b->at;
	if (b->used) {
		memmove(b->bytes, b->bytes + b->at, b->used);
		b->at = 0;
		return;
	}
	free(b->bytes);
	*b = (struct rpc_buffer){ 0 };
}

/* ---- answers ------------------------------------------------------------------------- */

/* Without memory there is no answer, and no way to tell so. */
static void give_up(struct rpc_session *s)
{
	s->is_over = true;
	s->out.used = s->out.at;
}

static void put(struct rpc_session *s, const char *text)
{
	if (!append(&s->out, text, strlen(text)))
		give_up(s);
}

static int put_dumped(const char *bytes, size_t length, void *context)
{
	struct rpc_session *s = context;

	if (s->answered + length > RPC_ANSWER_MOST || !append(&s->out, bytes, length))
		return -1;
	s->answered += length;
	return 0;
}

/* An envelope that has the members in the order that SPDK has them. */
static json_t *envelope(const json_t *id, const char *name, json_t *value)
{
	return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id",
			 id ? id : json_null(), name, value);
}

/* False: it is too large, and nothing of it is there.  so_far: bytes of the batch. */
static bool put_answer(struct rpc_session *s, json_t *answer, size_t so_far)
{
	size_t before = s->out.used, answered = s->answered;

	if (s->batch)
		put(s, so_far ? "," : "[");
	if (!answer || json_dump_callback(answer, put_dumped, s, JSON_COMPACT)) {
		s->out.used = before;
		s->answered = answered;
		return false;
	}
	if (!s->batch)
		put(s, "\n");
	return true;
}

/* Sentences name what callers sent, cut where there was no more room. */
static void make_ascii(char *sentence)
{
	for (unsigned char *p = (unsigned char *)sentence; *p; p++)
		if (*p < 0x20 || *p >= 0x7f)
			*p = '?';
}

/* `data` NULL: there is none. */
static void put_error(struct rpc_session *s, const json_t *id, int code, char *sentence,
		      json_t *data)
{
	size_t answered = s->answered;
	json_t *answer;

	make_ascii(sentence);
	answer = envelope(id, "error", json_pack("{s:i, s:s, s:O*}", "code", code, "message",
							sentence, "data", data));
	/* However much there is: this is short, and so many are not in a batch. */
	s->answered = 0;
	if (!put_answer(s, answer, answered))
		give_up(s);
	s->answered += answered;
	json_decref(answer);
}

void rpc_session_refuse(struct rpc_session *s, int code, const char *sentence)
{
	char text[SENTENCE];

	snprintf(text, sizeof(text), "%s", sentence);
	s->answered = 0;
	put_error(s, NULL, code, text, NULL);
	s->is_over = true;
}

/* ---- calls ----------------------------------------------------------------------------- */

static void run(struct rpc_session *);

static void end_call(struct rpc_call *c)
{
	struct rpc_session *s = c->session;

	json_decref(c->request);
	free(c->params);
	free(c);
	if (!s)
		return;
	s->call = NULL;
	if (s->is_running)
		return;
	run(s);
	s->went_on(s);
}

void rpc_error(struct rpc_call *c, int code, const char *format, ...)
{
	char sentence[SENTENCE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(sentence, sizeof(sentence), format, ap);
	va_end(ap);
	if (c->session)
		put_error(c->session, c->id, code, sentence, NULL);
	end_call(c);
}

void rpc_error_lines(struct rpc_call *c, int code, const char *sentence, json_t *lines)
{
	char text[SENTENCE];

	snprintf(text, sizeof(text), "%s", sentence);
	if (c->session)
		put_error(c->session, c->id, code, text, lines);
	json_decref(lines);
	end_call(c);
}

void rpc_result(struct rpc_call *c, json_t *result)
{
	json_t *answer = NULL;
	bool is_there = true;

	if (!result) {
		rpc_error(c, RPC_INTERNAL_ERROR, "Internal error: out of memory");
		return;
	}
	if (c->session && c->id && !json_is_null(c->id)) {
		answer = envelope(c->id, "result", result);
		is_there = put_answer(c->session, answer, c->session->answered);
		json_decref(answer);
	} else {
		json_decref(result);
	}
	if (is_there)
		end_call(c);
	else
		rpc_error(c, RPC_INTERNAL_ERROR, "Internal error: the answer is larger than %u bytes",
			  RPC_ANSWER_MOST);
}

static const struct rpc_method *find_method(const struct rpc_interface *interface,
					    const char *name)
{
	for (const struct rpc_method *m = interface->methods; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

static bool is_request_member(const char *name)
{
	return !strcmp(name, "jsonrpc") || !strcmp(name, "method") || !strcmp(name, "params") ||
	       !strcmp(name, "id");
}

static bool has_unknown_member(json_t *request)
{
	const char *name;
	json_t *value;

	json_object_foreach(request, name, value)
		if (!is_request_member(name))
			return true;
	return false;
}

static bool is_fit_id(const json_t *id)
{
	return !id || json_is_string(id) || json_is_number(id) || json_is_null(id);
}

/* Whether it is a request; takes its id along as soon as all but params is right. */
static bool check_request(struct rpc_call *c)
{
	const json_t *version = json_object_get(c->request, "jsonrpc");
	const json_t *params = json_object_get(c->request, "params");
	const json_t *id = json_object_get(c->request, "id");

	if (!json_is_object(c->request) || has_unknown_member(c->request) || !is_fit_id(id) ||
	    !json_is_string(json_object_get(c->request, "method")))
		return false;
	if (version && (!json_is_string(version) || strcmp(json_string_value(version), "2.0")))
		return false;
	c->id = id;
	return !params || json_is_null(params) || json_is_object(params) || json_is_array(params);
}

static void call_method(struct rpc_call *c, const struct rpc_method *m)
{
	const json_t *params = json_object_get(c->request, "params");
	char sentence[SENTENCE - 32];

	if (json_is_null(params))
		params = NULL;
	if (!m->params && params) {
		rpc_error(c, RPC_INVALID_PARAMS, "%s requires no parameters", m->name);
		return;
	}
	c->params = calloc(1, m->params ? m->params->size : 1);
	if (!c->params)
		rpc_error(c, RPC_INTERNAL_ERROR, "Internal error: out of memory");
	else if (m->params && rpc_params_decode(m->params->rows, params, c->params, sentence,
						sizeof(sentence)))
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: %s", sentence);
	else
		m->run(c);
}

static void dispatch(struct rpc_call *c)
{
	const struct rpc_interface *interface = c->interface;
	const struct rpc_method *m;

	if (!check_request(c)) {
		rpc_error(c, RPC_INVALID_REQUEST, "Invalid request");
		return;
	}
	m = find_method(interface, json_string_value(json_object_get(c->request, "method")));
	if (!m)
		rpc_error(c, RPC_METHOD_NOT_FOUND, "Method not found");
	else if (m->states & interface->state)
		call_method(c, m);
	else
		rpc_error(c, RPC_INVALID_STATE, "%s may only be called %s", m->name,
			  m->states & RPC_STARTUP ? "before the target serves" :
			  "once framework_start_init was called");
}

/* Takes the request. */
static void start_call(struct rpc_session *s, json_t *request)
{
	struct rpc_call *c = calloc(1, sizeof(*c));

	if (!c) {
		json_decref(request);
		give_up(s);
		return;
	}
	c->session = s;
	c->interface = s->interface;
	c->request = request;
	s->call = c;
	dispatch(c);
}

/* ---- texts ----------------------------------------------------------------------------- */

static void start_batch(struct rpc_session *s, json_t *batch)
{
	size_t count = json_array_size(batch);
	char sentence[SENTENCE];

	if (count && count <= RPC_BATCH_MOST) {
		s->batch = batch;
		s->next = 0;
		return;
	}
	snprintf(sentence, sizeof(sentence), count ? "Invalid request: more than %u in a batch" :
		 "Invalid request", RPC_BATCH_MOST);
	put_error(s, NULL, RPC_INVALID_REQUEST, sentence, NULL);
	json_decref(batch);
}

static void next_of_batch(struct rpc_session *s)
{
	json_t *batch = s->batch;

	if (s->next < json_array_size(batch)) {
		start_call(s, json_incref(json_array_get(batch, s->next++)));
		return;
	}
	s->batch = NULL;
	json_decref(batch);
	if (s->answered)
		put(s, "]\n");
}

/* What jansson says of texts that are JSON all the same. */
static bool is_json(const json_error_t *e)
{
	return json_error_code(e) == json_error_duplicate_key ||
	       json_error_code(e) == json_error_numeric_overflow;
}

static void refuse_text(struct rpc_session *s, const json_error_t *e)
{
	char sentence[SENTENCE];

	if (is_json(e)) {
		snprintf(sentence, sizeof(sentence), "Invalid request: %s", e->text);
		put_error(s, NULL, RPC_INVALID_REQUEST, sentence, NULL);
		return;
	}
	snprintf(sentence, sizeof(sentence), "Parse error: line %d, column %d: %s", e->line,
		 e->column, e->text);
	rpc_session_refuse(s, RPC_PARSE_ERROR, sentence);
}

static void take_text(struct rpc_session *s)
{
	json_error_t error;
	json_t *text = json_loadb(s->in.bytes + s->in.at, s->scan.at,
				  JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

	s->in.at += s->scan.at;
	s->scan = (struct rpc_scan){ 0 };
	s->answered = 0;
	if (!text)
		refuse_text(s, &error);
	else if (json_is_array(text))
		start_batch(s, text);
	else
		start_call(s, text);
}

/* A text goes on in what has not come. */
static void await_more(struct rpc_session *s)
{
	if (!s->scan.has_begun) {
		s->in.at += s->scan.at;
		s->scan.at = 0;
	}
	if (s->in.used - s->in.at > RPC_TEXT_MOST)
		rpc_session_refuse(s, RPC_INVALID_REQUEST, "Invalid request: it is larger than 1 MiB");
	else if (s->has_ended && s->scan.has_begun)
		rpc_session_refuse(s, RPC_PARSE_ERROR, "Parse error: the text is not whole");
}

/* Whether there was a text. */
static bool next_text(struct rpc_session *s)
{
	const char *bytes = s->in.bytes ? s->in.bytes + s->in.at : "";

	switch (rpc_scan(&s->scan, bytes, s->in.used - s->in.at)) {
	case RPC_SCAN_WHOLE:
		take_text(s);
		return true;
	case RPC_SCAN_TOO_DEEP:
		rpc_session_refuse(s, RPC_PARSE_ERROR, "Parse error: more than 64 brackets deep");
		return false;
	case RPC_SCAN_MORE:
		break;
	}
	await_more(s);
	return false;
}

/* Whether something was done, so that there may be more. */
static bool step(struct rpc_session *s)
{
	if (s->is_over || s->call)
		return false;
	if (s->batch) {
		next_of_batch(s);
		return true;
	}
	return rpc_session_unsent(s) < RPC_UNSENT_MOST && next_text(s);
}

static void run(struct rpc_session *s)
{
	s->is_running = true;
	while (step(s))
		;
	s->is_running = false;
	compact(&s->in);
}

/* ---- from the outside -------------------------------------------------------------------- */

void rpc_session_open(struct rpc_session *s, const struct rpc_interface *interface,
		      void (*went_on)(struct rpc_session *))
{
	*s = (struct rpc_session){ .interface = interface, .went_on = went_on };
}

void rpc_session_close(struct rpc_session *s)
{
	if (s->call)
		s->call->session = NULL;
	json_decref(s->batch);
	free(s->in.bytes);
	free(s->out.bytes);
	*s = (struct rpc_session){ .is_over = true };
}

bool rpc_session_takes(const struct rpc_session *s)
{
	return !s->is_over && !s->has_ended && !s->call && rpc_session_unsent(s) < RPC_UNSENT_MOST;
}

void rpc_session_feed(struct rpc_session *s, const char *bytes, size_t length)
{
	if (!length)
		s->has_ended = true;
	else if (!append(&s->in, bytes, length))
		give_up(s);
	run(s);
}

void rpc_session_sent(struct rpc_session *s, size_t length)
{
	s->out.at += length;
	/* Not for each piece: what is left is moved. */
	if (s->out.at >= s->out.used / 2)
		compact(&s->out);
	run(s);
}

bool rpc_session_is_done(const struct rpc_session *s)
{
	return !s->call && (s->is_over || (s->has_ended && s->in.used == s->in.at));
}

bool rpc_session_is_amid(const struct rpc_session *s)
{
	return s->scan.has_begun;
}
