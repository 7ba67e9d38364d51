/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a method sees of JSON-RPC: its parameters, and two ways to end.
 *
 * Threads: main.  A method may end its call later; meanwhile its caller may go, and
 * the call is the method's until it has ended in any case.
 */
#ifndef NVMFD_RPC_CALL_H
#define NVMFD_RPC_CALL_H

#include "rpc/params.h"

/* Errors of JSON-RPC, and one of SPDK's.  Others are -errno. */
#define RPC_PARSE_ERROR		(-32700)
#define RPC_INVALID_REQUEST	(-32600)
#define RPC_METHOD_NOT_FOUND	(-32601)
#define RPC_INVALID_PARAMS	(-32602)
#define RPC_INTERNAL_ERROR	(-32603)
#define RPC_INVALID_STATE	(-1)

/* When a method may be called: before the target serves, and from then on. */
#define RPC_STARTUP	1u
#define RPC_RUNTIME	2u
#define RPC_ALWAYS	(RPC_STARTUP | RPC_RUNTIME)

struct rpc_call;
struct rpc_session;

struct rpc_method {
	const char *name;
	unsigned int states;
	void (*run)(struct rpc_call *);
	const struct rpc_params *params;	/* decoded to zeroed memory; NULL: it takes none */
};

/* What there is to call. */
struct rpc_interface {
	const struct rpc_method *methods;	/* the last has no name */
	unsigned int state;
	void *context;			/* the methods' */
};

struct rpc_call {
	struct rpc_session *session;	/* NULL once the caller has gone */
	const struct rpc_interface *interface;
	json_t *request;
	const json_t *id;		/* of the request; NULL: none that is fit to use */
	void *params;			/* decoded; strings are the request's */
};

/* Whether the caller said this one: for numbers whose zero means something. */
static inline bool rpc_is_given(const struct rpc_call *c, const char *name)
{
	return json_object_get(json_object_get(c->request, "params"), name);
}

/* Each ends the call.  The result is taken; NULL: there was no memory for it. */
void rpc_result(struct rpc_call *, json_t *result);
void rpc_error(struct rpc_call *, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* With more to say than a sentence: an array of strings as the error's data, taken; there
 * are few enough that they fit any answer. */
void rpc_error_lines(struct rpc_call *, int code, const char *sentence, json_t *lines);

#endif
