/* SPDX-License-Identifier: BSD-2-Clause */
/* NVMe Qualified Names (Base Specification, "NVMe Qualified Names"). */
#ifndef NVMF_WIRE_NQN_H
#define NVMF_WIRE_NQN_H

#include <stdbool.h>
#include <stddef.h>

#define NQN_FIELD_SIZE	256u	/* of a name on the wire, NULs at the end */
#define NQN_MAX_LENGTH	223u	/* bytes, without the NUL */
#define NQN_DISCOVERY	"nqn.2014-08.org.nvmexpress.discovery"
#define NQN_UUID_PREFIX	"nqn.2014-08.org.nvmexpress:uuid:"

enum nqn_fault {
	NQN_GOOD,
	NQN_EMPTY,
	NQN_TOO_LONG,
	NQN_NOT_UTF8,
	NQN_CONTROL_CHARACTER,
	NQN_NO_PREFIX,
	NQN_BAD_DATE,
	NQN_BAD_DOMAIN,
	NQN_BAD_NAME,
	NQN_BAD_UUID,
};

/* Whether `length` bytes are a name that this specification would allow:
 * nqn.YYYY-MM.reverse.domain[:name], or the UUID form complete. */
enum nqn_fault nqn_check(const char *nqn, size_t length);

/* Whether it can name anything at all, as Linux's target takes it: 1 to 223 bytes of
 * UTF-8 without control characters, such as "testnqn". */
bool nqn_is_name(const char *text, size_t length);

/* Ends a sentence that began with the name: "... is longer than 223 bytes". */
const char *nqn_fault_text(enum nqn_fault fault);

/* The length of the name in a field of NQN_FIELD_SIZE bytes, or
 * NQN_FIELD_SIZE where nothing ends it. */
size_t nqn_field_length(const void *field);

/* Hexadecimal digits in groups of 8-4-4-4-12, `length` bytes of them. */
bool is_uuid_text(const char *text, size_t length);

#endif
