/* SPDX-License-Identifier: BSD-2-Clause */
#include "pdu/digest.h"

#include <limits.h>
#include <isa-l/crc.h>

uint32_t digest_add(uint32_t digest, const void *bytes, size_t length)
{
	/* ISA-L counts in int, and takes no const; no PDU is longer. */
	if (length > INT_MAX)
		length = INT_MAX;
	return crc32_iscsi((unsigned char *)(uintptr_t)bytes, (int)length, digest);
}
