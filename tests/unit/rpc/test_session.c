/* SPDX-License-Identifier: BSD-2-Clause */
/* A caller's bytes in, answers out: what JSON-RPC and SPDK's server demand. */
#include "../unit.h"

#include "rpc/session.h"
#include "rpc/typed_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct echo {
	const char *text;
};

static const struct rpc_param echo_table[] = {
	{ "text", RPC_TEXT, true, offsetof(struct echo, text), NULL },
	{ .name = NULL },
};

static struct rpc_session session;
static struct rpc_call *later;		/* a call of "later" that runs */
static unsigned int went_on_times, runs;

static void run_echo(struct rpc_call *c)
{
	runs++;
	rpc_result(c, json_string(((struct echo *)c->params)->text));
}

static void run_later(struct rpc_call *c)
{
	later = c;
}

static void run_large(struct rpc_call *c)
{
	char *text = malloc(RPC_ANSWER_MOST / 2);

	memset(text, 'a', RPC_ANSWER_MOST / 2);
	runs++;
	rpc_result(c, json_stringn(text, RPC_ANSWER_MOST / 2));
	free(text);
}

static void run_never(struct rpc_call *c)
{
	rpc_error(c, -19, "No such \x80 device");
}

static const struct rpc_params echo_params = { echo_table, sizeof(struct echo) };

static const struct rpc_method methods[] = {
	{ "echo", RPC_RUNTIME, run_echo, &echo_params },
	{ "later", RPC_RUNTIME, run_later, NULL },
	{ "large", RPC_RUNTIME, run_large, NULL },
	{ "never", RPC_RUNTIME, run_never, NULL },
	{ "before", RPC_STARTUP, run_later, NULL },
	{ .name = NULL },
};

static const struct rpc_interface interface = { methods, RPC_RUNTIME, NULL };

static void went_on(struct rpc_session *s)
{
	went_on_times++;
}

static int open_session(void **state)
{
	rpc_session_open(&session, &interface, went_on);
	went_on_times = runs = 0;
	later = NULL;
	return 0;
}

static int close_session(void **state)
{
	rpc_session_close(&session);
	return 0;
}

static void feed(const char *text)
{
	rpc_session_feed(&session, text, strlen(text));
}

/* What there is to send is this, and now it is sent. */
static void expect(const char *answer)
{
	size_t length = strlen(answer);

	assert_int_equal(rpc_session_unsent(&session), length);
	if (length)
		assert_memory_equal(session.out.bytes + session.out.at, answer, length);
	rpc_session_sent(&session, length);
}

static void expect_error(int code)
{
	char begin[80];
	size_t length = (size_t)snprintf(begin, sizeof(begin), "{\"jsonrpc\":\"2.0\",\"id\":null,"
					 "\"error\":{\"code\":%d,\"message\":\"", code);

	assert_true(rpc_session_unsent(&session) > length);
	assert_memory_equal(session.out.bytes + session.out.at, begin, length);
	rpc_session_sent(&session, rpc_session_unsent(&session));
}

#define ECHO(id, text) "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"text\":\"" text \
	"\"},\"id\":" id "}"
#define ECHOED(id, text) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":\"" text "\"}"
#define INVALID "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600," \
	"\"message\":\"Invalid request\"}}"

static void test_requests_stand_behind_each_other(void **state)
{
	feed(ECHO("1", "a") ECHO("\"x\"", "b") "\n" ECHO("2.5", "c") " ");
	expect(ECHOED("1", "a") "\n" ECHOED("\"x\"", "b") "\n" ECHOED("2.5", "c") "\n");
	assert_int_equal(session.in.used, 0);
}

static void test_a_request_comes_byte_by_byte(void **state)
{
	const char *text = ECHO("1", "a}") "\n" ECHO("2", "b");

	for (; *text; text++)
		rpc_session_feed(&session, text, 1);
	expect(ECHOED("1", "a}") "\n" ECHOED("2", "b") "\n");
}

static void test_without_an_id_only_errors_are_told(void **state)
{
	feed("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"text\":\"a\"}}");
	feed("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"text\":\"a\"},\"id\":null}");
	expect("");
	assert_int_equal(runs, 2);
	feed("{\"method\":\"nothing\"}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32601,"
	       "\"message\":\"Method not found\"}}\n");
}

static void test_invalid_requests_are_answered_and_no_more(void **state)
{
	static const char *const invalid[] = {
		"{}", "{\"a\":1}", "1", "\"x\"", "null", "true", "[]",
		"{\"jsonrpc\":\"1.0\",\"method\":\"echo\",\"id\":1}",
		"{\"jsonrpc\":2,\"method\":\"echo\",\"id\":1}",
		"{\"jsonrpc\":\"2.0\",\"method\":5,\"id\":1}",
		"{\"jsonrpc\":\"2.0\",\"id\":1}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":[1]}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":true}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1,\"extra\":2}",
	};

	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		feed(invalid[i]);
		expect(INVALID "\n");
		assert_true(rpc_session_takes(&session));
	}
	feed("{\"method\":\"echo\",\"method\":\"echo\",\"id\":1}");
	expect_error(RPC_INVALID_REQUEST);
	feed("{\"method\":\"echo\",\"id\":99999999999999999999}");
	expect_error(RPC_INVALID_REQUEST);
	/* Its id is known by then. */
	feed("{\"method\":\"echo\",\"params\":3,\"id\":1}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32600,"
	       "\"message\":\"Invalid request\"}}\n");
	assert_int_equal(runs, 0);
}

static void test_parameters_are_checked(void **state)
{
	feed("{\"method\":\"echo\",\"id\":1}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,"
	       "\"message\":\"Invalid parameters: 'text' is missing\"}}\n");
	feed("{\"method\":\"never\",\"params\":{},\"id\":1}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,"
	       "\"message\":\"never requires no parameters\"}}\n");
	feed("{\"method\":\"never\",\"params\":null,\"id\":1}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-19,"
	       "\"message\":\"No such ? device\"}}\n");
	feed("{\"method\":\"before\",\"id\":1}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,"
	       "\"message\":\"before may only be called before the target serves\"}}\n");
}

static void test_what_can_not_be_parsed_ends_the_session(void **state)
{
	static const char *const rubbish[] = {
		"hello", "{hello}", "[1,]", "{]", "}", "\x01", "[\"\xff\"]", "{\"a\":}", ",",
		"{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]",
	};

	for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
		rpc_session_close(&session);
		open_session(NULL);
		feed(ECHO("1", "a"));
		feed(rubbish[i]);
		feed(ECHO("2", "b"));
		assert_memory_equal(session.out.bytes, ECHOED("1", "a") "\n",
				    strlen(ECHOED("1", "a")) + 1);
		rpc_session_sent(&session, strlen(ECHOED("1", "a")) + 1);
		expect_error(RPC_PARSE_ERROR);
		assert_true(rpc_session_is_done(&session));
		assert_int_equal(runs, 1);
	}
}

static void test_a_text_that_is_not_whole_is_none(void **state)
{
	feed("{\"method\":");
	expect("");
	assert_true(rpc_session_is_amid(&session));
	assert_false(rpc_session_is_done(&session));
	rpc_session_feed(&session, NULL, 0);
	expect_error(RPC_PARSE_ERROR);
	assert_true(rpc_session_is_done(&session));
}

static void test_who_ends_his_side_has_his_answers(void **state)
{
	feed("{\"method\":\"later\",\"id\":1}" ECHO("2", "b"));
	rpc_session_feed(&session, NULL, 0);
	assert_false(rpc_session_is_done(&session));
	rpc_result(later, json_true());
	assert_true(rpc_session_is_done(&session));
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}\n" ECHOED("2", "b") "\n");
}

static void test_requests_wait_for_each_other(void **state)
{
	feed("{\"method\":\"later\",\"id\":1}" ECHO("2", "b"));
	expect("");
	assert_false(rpc_session_takes(&session));
	assert_int_equal(runs, 0);
	rpc_error(later, -5, "%s", "Input/output error");
	assert_int_equal(went_on_times, 1);
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-5,"
	       "\"message\":\"Input/output error\"}}\n" ECHOED("2", "b") "\n");
	assert_true(rpc_session_takes(&session));
}

static void test_a_call_survives_its_caller(void **state)
{
	feed("{\"method\":\"later\",\"id\":1}");
	rpc_session_close(&session);
	rpc_result(later, json_true());
	assert_int_equal(went_on_times, 0);
}

static void test_a_batch_is_answered_as_one(void **state)
{
	feed("[" ECHO("1", "a") ",{\"method\":\"echo\",\"params\":{\"text\":\"\"}},3,"
	     "{\"method\":\"nothing\",\"id\":2}]" ECHO("4", "d"));
	expect("[" ECHOED("1", "a") "," INVALID ",{\"jsonrpc\":\"2.0\",\"id\":2,"
	       "\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}]\n"
	       ECHOED("4", "d") "\n");
	feed("[1,[]]");
	expect("[" INVALID "," INVALID "]\n");
	feed("[{\"method\":\"echo\",\"params\":{\"text\":\"\"}}]");
	expect("");
}

static void test_a_batch_goes_on_after_a_call_that_took_long(void **state)
{
	feed("[" ECHO("1", "a") ",{\"method\":\"later\",\"id\":2}," ECHO("3", "c") "]");
	assert_int_equal(runs, 1);
	/* What there is may leave before. */
	expect("[" ECHOED("1", "a"));
	rpc_result(later, json_true());
	expect(",{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":true}," ECHOED("3", "c") "]\n");
}

static void test_a_batch_without_end_is_refused(void **state)
{
	feed("[1");
	for (unsigned int i = 1; i < RPC_BATCH_MOST; i++)
		feed(",1");
	feed("]");
	assert_int_equal(rpc_session_unsent(&session), RPC_BATCH_MOST * strlen(INVALID ",") + 2);
	rpc_session_sent(&session, rpc_session_unsent(&session));
	feed("[1");
	for (unsigned int i = 0; i < RPC_BATCH_MOST; i++)
		feed(",1");
	feed("]");
	expect("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
	       "\"message\":\"Invalid request: more than 1024 in a batch\"}}\n");
}

static void test_a_request_without_end_is_refused(void **state)
{
	char piece[4096];
	unsigned int fed = 0;

	memset(piece, 'a', sizeof(piece));
	feed("[\"");
	while (rpc_session_takes(&session) && fed < 2 * RPC_TEXT_MOST) {
		rpc_session_feed(&session, piece, sizeof(piece));
		fed += sizeof(piece);
	}
	assert_int_equal(fed, RPC_TEXT_MOST);
	expect_error(RPC_INVALID_REQUEST);
	assert_true(rpc_session_is_done(&session));
}

static void test_blanks_without_end_are_nothing(void **state)
{
	char piece[4096];

	memset(piece, ' ', sizeof(piece));
	for (unsigned int fed = 0; fed < 4 * RPC_TEXT_MOST; fed += sizeof(piece))
		rpc_session_feed(&session, piece, sizeof(piece));
	assert_int_equal(session.in.size, 0);
	feed(ECHO("1", "a"));
	expect(ECHOED("1", "a") "\n");
}

static void test_who_takes_no_answers_is_not_served(void **state)
{
	unsigned int before;

	while (rpc_session_takes(&session) && runs < 100000)
		feed(ECHO("1", "a"));
	before = runs;
	assert_in_range(rpc_session_unsent(&session), RPC_UNSENT_MOST, RPC_UNSENT_MOST + 100);
	feed(ECHO("2", "b"));
	assert_int_equal(runs, before);
	rpc_session_sent(&session, rpc_session_unsent(&session));
	expect(ECHOED("2", "b") "\n");
}

/* However little of it is sent each time. */
static void test_what_was_sent_takes_no_memory(void **state)
{
	for (unsigned int i = 0; i < 20000; i++) {
		feed(ECHO("1", "a") ECHO("1", "a"));
		rpc_session_sent(&session, rpc_session_unsent(&session) - 10);
	}
	assert_in_range(session.out.size, 1, 16384);
	assert_int_equal(rpc_session_unsent(&session), 10);
}

static void test_an_answer_has_a_limit(void **state)
{
	feed("[{\"method\":\"large\",\"id\":1},{\"method\":\"large\",\"id\":2}," ECHO("3", "c") "]");
	assert_int_equal(runs, 3);
	rpc_session_sent(&session, strlen("[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\"}") +
				   RPC_ANSWER_MOST / 2);
	expect(",{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32603,\"message\":"
	       "\"Internal error: the answer is larger than 33554432 bytes\"}}," ECHOED("3", "c") "]\n");
}

static void assert_typed_fails(const char *text, const char *expected)
{
	char error[256] = "";

	assert_int_equal(rpc_call_typed(&interface, text, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, expected));
}

static void test_a_call_is_typed(void **state)
{
	char error[256];

	assert_int_equal(rpc_call_typed(&interface, "echo {\"text\": \"a b\"}", error, sizeof(error)), 0);
	assert_int_equal(rpc_call_typed(&interface, "echo\n{\"text\":\"a\"} ", error, sizeof(error)), 0);
	assert_int_equal(runs, 2);
	assert_typed_fails("echo", "'text' is missing");
	assert_typed_fails("none", "Method not found");
	assert_typed_fails("", "Method not found");
	assert_typed_fails("echo text", "the parameters are no JSON object: ");
	assert_typed_fails("echo []", "the parameters are no JSON object: []");
	assert_typed_fails("never", "No such");
	assert_typed_fails("later", "it does not end at once");
	rpc_result(later, json_true());
	assert_int_equal(runs, 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_session, close_session)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_requests_stand_behind_each_other),
		CASE(test_a_request_comes_byte_by_byte),
		CASE(test_without_an_id_only_errors_are_told),
		CASE(test_invalid_requests_are_answered_and_no_more),
		CASE(test_parameters_are_checked),
		CASE(test_what_can_not_be_parsed_ends_the_session),
		CASE(test_a_text_that_is_not_whole_is_none),
		CASE(test_who_ends_his_side_has_his_answers),
		CASE(test_requests_wait_for_each_other),
		CASE(test_a_call_survives_its_caller),
		CASE(test_a_batch_is_answered_as_one),
		CASE(test_a_batch_goes_on_after_a_call_that_took_long),
		CASE(test_a_batch_without_end_is_refused),
		CASE(test_a_request_without_end_is_refused),
		CASE(test_blanks_without_end_are_nothing),
		CASE(test_who_takes_no_answers_is_not_served),
		CASE(test_what_was_sent_takes_no_memory),
		CASE(test_an_answer_has_a_limit),
		CASE(test_a_call_is_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
