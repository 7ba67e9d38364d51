/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a caller of the RPC server may send, in pieces: the first byte says how long
 * they are and how slowly answers are taken.  Whatever it is, what goes back are JSON
 * texts, one a line, and as much memory as there may be.
 */
#include "fuzz.h"

#include "rpc/session.h"

#include <string.h>

struct inner {
	const char *text;
	uint16_t number;
};

struct all {
	const char *text;
	bool is;
	uint32_t u32;
	uint64_t u64;
	struct rpc_bytes uuid, hex16, hex8;
	struct inner inner;
};

static const struct rpc_param inner_table[] = {
	{ "text", RPC_TEXT, true, offsetof(struct inner, text), NULL },
	{ "number", RPC_U16, false, offsetof(struct inner, number), NULL },
	{ .name = NULL },
};

static const struct rpc_param table[] = {
	{ "text", RPC_TEXT, true, offsetof(struct all, text), NULL },
	{ "is", RPC_BOOL, false, offsetof(struct all, is), NULL },
	{ "u32", RPC_U32, false, offsetof(struct all, u32), NULL },
	{ "u64", RPC_U64, false, offsetof(struct all, u64), NULL },
	{ "uuid", RPC_UUID, false, offsetof(struct all, uuid), NULL },
	{ "hex16", RPC_HEX16, false, offsetof(struct all, hex16), NULL },
	{ "hex8", RPC_HEX8, false, offsetof(struct all, hex8), NULL },
	{ "inner", RPC_OBJECT, false, offsetof(struct all, inner), inner_table },
	{ .name = NULL },
};

/* The call of "later" that runs. */
static struct rpc_call *later;

static void run_all(struct rpc_call *c)
{
	const struct all *p = c->params;

	FUZZ_CHECK(p->text && p->u64 <= INT64_MAX);
	rpc_result(c, json_pack("{s:s, s:b, s:i}", "text", p->text, "is", p->is, "u16",
				p->inner.number));
}

static void run_later(struct rpc_call *c)
{
	FUZZ_CHECK(!later);
	later = c;
}

static void run_fail(struct rpc_call *c)
{
	rpc_error(c, -5, "%s", json_string_value(json_object_get(c->request, "method")));
}

static const struct rpc_params all_params = { table, sizeof(struct all) };

static const struct rpc_method methods[] = {
	{ "all", RPC_RUNTIME, run_all, &all_params },
	{ "later", RPC_RUNTIME, run_later, NULL },
	{ "fail", RPC_ALWAYS, run_fail, NULL },
	{ "before", RPC_STARTUP, run_fail, NULL },
	{ .name = NULL },
};

static const struct rpc_interface interface = { methods, RPC_RUNTIME, NULL };

/* What was sent and is no whole line yet. */
static struct {
	char *bytes;
	size_t used;
} line;

static void check_lines(void)
{
	char *end;

	while ((end = memchr(line.bytes, '\n', line.used))) {
		size_t length = (size_t)(end - line.bytes);
		json_t *answer = json_loadb(line.bytes, length, 0, NULL);

		FUZZ_CHECK(answer);
		json_decref(answer);
		line.used -= length + 1;
		memmove(line.bytes, end + 1, line.used);
	}
}

static void take_answers(struct rpc_session *s, size_t most)
{
	size_t length = rpc_session_unsent(s);

	if (length > most)
		length = most;
	if (!length)
		return;
	line.bytes = realloc(line.bytes, line.used + length);
	FUZZ_CHECK(line.bytes);
	memcpy(line.bytes + line.used, s->out.bytes + s->out.at, length);
	line.used += length;
	rpc_session_sent(s, length);
	check_lines();
}

static void end_later(void)
{
	struct rpc_call *c = later;

	later = NULL;
	if (c)
		rpc_result(c, json_true());
}

static void went_on(struct rpc_session *s)
{
	FUZZ_CHECK(!s->is_running);
}

static void feed_all(struct rpc_session *s, const uint8_t *bytes, size_t n, size_t piece)
{
	for (size_t at = 0; at < n; ) {
		size_t length = n - at < piece ? n - at : piece;

		if (rpc_session_takes(s)) {
			rpc_session_feed(s, (const char *)bytes + at, length);
			at += length;
		} else if (s->is_over) {
			return;
		}
		FUZZ_CHECK(s->in.used <= RPC_TEXT_MOST + n);
		end_later();
		take_answers(s, piece * 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rpc_session s;
	bool leaves;

	if (!n)
		return 0;
	leaves = bytes[0] & 0x80;
	rpc_session_open(&s, &interface, went_on);
	feed_all(&s, bytes + 1, n - 1, 1 + (bytes[0] & 0x7f));
	/* What came behind a call that waited may be no JSON: then it is over, too. */
	while (!s.is_over && !leaves && !rpc_session_takes(&s)) {
		end_later();
		take_answers(&s, SIZE_MAX);
	}
	if (!s.is_over && !leaves)
		rpc_session_feed(&s, NULL, 0);
	for (int i = 0; later || rpc_session_unsent(&s); i++) {
		end_later();
		take_answers(&s, SIZE_MAX);
		FUZZ_CHECK(i < 100000);
	}
	FUZZ_CHECK(leaves || rpc_session_is_done(&s));
	FUZZ_CHECK(!line.used || leaves);
	rpc_session_close(&s);
	end_later();
	free(line.bytes);
	line.bytes = NULL;
	line.used = 0;
	return 0;
}
