/* SPDX-License-Identifier: BSD-2-Clause */
/* Header and data digests: CRC32C (TCP transport, section 3.3.1.1). */
#ifndef NVMF_PDU_DIGEST_H
#define NVMF_PDU_DIGEST_H

#include "base/le.h"

#include <stddef.h>
#include <stdint.h>

#define DIGEST_START 0xffffffffu

/* Carries a digest on over the next bytes, from DIGEST_START. */
uint32_t digest_add(uint32_t digest, const void *bytes, size_t length);

/* As it stands on the wire. */
static inline le32 digest_end(uint32_t digest)
{
	return le32_of(~digest);
}

static inline le32 digest_of(const void *bytes, size_t length)
{
	return digest_end(digest_add(DIGEST_START, bytes, length));
}

#endif
