/* SPDX-License-Identifier: BSD-2-Clause */
#include "ns/extent.h"

bool extent_is_inside(const struct namespace *ns, uint64_t first, uint64_t count)
{
	return first <= ns->blocks && count <= ns->blocks - first;
}

uint16_t extent_of(const struct namespace *ns, const struct nvme_sqe *sqe,
		   uint32_t most, struct extent *e)
{
	uint64_t first = le32_get(sqe->cdw10) | (uint64_t)le32_get(sqe->cdw11) << 32;
	uint32_t cdw12 = le32_get(sqe->cdw12);
	uint64_t count = NVME_RW_NLB(cdw12) + 1u;
	uint64_t bytes = count << ns->lba_shift;

	if (bytes > most)
		return NVME_INVALID_FIELD | NVME_DNR;
	if (!extent_is_inside(ns, first, count))
		return NVME_LBA_OUT_OF_RANGE | NVME_DNR;
	*e = (struct extent){ first << ns->lba_shift, (uint32_t)bytes };
	return NVME_SUCCESS;
}
