/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A method's parameters: rows of a table say how each is called, what it is and
 * where it goes, so that no method looks at JSON itself.
 */
#ifndef NVMFD_RPC_PARAMS_H
#define NVMFD_RPC_PARAMS_H

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rpc_type {
	RPC_TEXT,			/* const char *, of the request */
	RPC_BOOL,			/* bool */
	RPC_U16,			/* uint16_t */
	RPC_ID,				/* struct rpc_id: a number that may be 0, or not given */
	RPC_U32,			/* uint32_t */
	RPC_U64,			/* uint64_t, up to INT64_MAX */
	RPC_UUID,			/* struct rpc_bytes, 16 of them */
	RPC_HEX16,			/* struct rpc_bytes: 32 hexadecimal digits */
	RPC_HEX8,			/* struct rpc_bytes: 16 of them */
	RPC_TEXTS,			/* const json_t *: an array of strings, of the request */
	RPC_NO,				/* false, 0 or null: we have nothing of the kind */
	RPC_OBJECT,			/* what `inner` says, beginning at the destination */
	RPC_ANYTHING,			/* let pass: it changes nothing that a host could see */
};

struct rpc_id {
	bool is_given;
	uint16_t number;
};

struct rpc_bytes {
	bool is_given;
	uint8_t bytes[16];
};

/* A row; the last has no name.  "*" stands for what no row before it names. */
struct rpc_param {
	const char *name;
	enum rpc_type type;
	bool is_required;
	size_t at;			/* its destination, in the method's structure */
	const struct rpc_param *inner;
};

/* All of a method's. */
struct rpc_params {
	const struct rpc_param *rows;
	size_t size;			/* of what they are decoded to */
};

/*
 * Fills in what is given and leaves alone what is not.  0, or -EINVAL with a sentence:
 * one is missing, not known or of another type.  `params` NULL: none are given.
 */
int rpc_params_decode(const struct rpc_param *, const json_t *params, void *to, char *error,
		      size_t error_size);

#endif
