/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc/scan.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_bare(char c)
{
	return is_blank(c) || (c && strchr("{}[],:\"", c));
}

/* Whether it was the quote at the end. */
static bool scan_string(struct rpc_scan *s, char c)
{
	if (s->is_escaped)
		s->is_escaped = false;
	else if (c == '\\')
		s->is_escaped = true;
	else if (c == '"')
		s->is_in_string = false;
	return !s->is_in_string;
}

static enum rpc_scanned scan_bracket(struct rpc_scan *s, char c)
{
	if (c == '{' || c == '[')
		return ++s->depth > RPC_DEPTH_MOST ? RPC_SCAN_TOO_DEEP : RPC_SCAN_MORE;
	if ((c == '}' || c == ']') && s->depth)
		s->depth--;
	else if (c == '"')
		s->is_in_string = true;
	else if (!s->depth)
		s->is_bare = true;
	return s->depth || s->is_in_string || s->is_bare ? RPC_SCAN_MORE : RPC_SCAN_WHOLE;
}

/* The byte at `at`, which is taken unless it ends a bare word. */
static enum rpc_scanned scan_byte(struct rpc_scan *s, char c)
{
	if (s->is_bare && ends_bare(c))
		return RPC_SCAN_WHOLE;
	s->at++;
	if (s->is_in_string)
		return scan_string(s, c) && !s->depth ? RPC_SCAN_WHOLE : RPC_SCAN_MORE;
	if (s->is_bare || (is_blank(c) && !s->has_begun))
		return RPC_SCAN_MORE;
	s->has_begun = true;
	return scan_bracket(s, c);
}

enum rpc_scanned rpc_scan(struct rpc_scan *s, const char *bytes, size_t length)
{
	enum rpc_scanned scanned = RPC_SCAN_MORE;

	while (s->at < length && scanned == RPC_SCAN_MORE)
		scanned = scan_byte(s, bytes[s->at]);
	return scanned == RPC_SCAN_MORE && s->is_bare ? RPC_SCAN_WHOLE : scanned;
}
