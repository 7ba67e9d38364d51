/* SPDX-License-Identifier: BSD-2-Clause */
/* From a Read's or Write's logical blocks to bytes of a backend, with every
 * check that the NVM Command Set demands before a buffer is taken.  Pure. */
#ifndef NVMF_NS_EXTENT_H
#define NVMF_NS_EXTENT_H

#include "model/model.h"
#include "wire/nvme.h"

struct extent {
	uint64_t offset;		/* bytes */
	uint32_t length;		/* bytes */
};

/* Blocks of a range, which may be empty. */
bool extent_is_inside(const struct namespace *, uint64_t first, uint64_t count);

/* The status; the extent is set when that is 0. */
uint16_t extent_of(const struct namespace *, const struct nvme_sqe *,
		   uint32_t most, struct extent *);

#endif
