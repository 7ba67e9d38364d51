/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a JSON text ends in a stream of bytes: requests stand behind each other with
 * or without blanks between them, and arrive in pieces.  Brackets are counted, not
 * matched: whether the text is one is for the parser to say.  Pure, and each byte is
 * looked at once.
 */
#ifndef NVMFD_RPC_SCAN_H
#define NVMFD_RPC_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define RPC_DEPTH_MOST 64

enum rpc_scanned {
	RPC_SCAN_MORE,			/* it goes on in what has not come */
	RPC_SCAN_WHOLE,			/* it ends before `at` */
	RPC_SCAN_TOO_DEEP,
};

/* Zeroed: nothing was looked at. */
struct rpc_scan {
	size_t at;			/* bytes looked at */
	unsigned int depth;
	bool has_begun;
	bool is_in_string, is_escaped;
	bool is_bare;			/* a number, a word or rubbish */
};

/* Goes on at `at` of bytes that now are `length`.  A bare word ends with what has
 * come: it is no request, whatever may follow. */
enum rpc_scanned rpc_scan(struct rpc_scan *, const char *bytes, size_t length);

#endif
