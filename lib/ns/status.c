/* SPDX-License-Identifier: BSD-2-Clause */
#include "ns/status.h"

#include <errno.h>

uint16_t status_of_errno(int error, enum backend_opcode opcode)
{
	switch (error < 0 ? -error : error) {
	case 0:
		return NVME_SUCCESS;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return NVME_CAPACITY_EXCEEDED;
	case EROFS:
	case EPERM:
		return opcode == BACKEND_READ ? NVME_ACCESS_DENIED :
						NVME_NAMESPACE_WRITE_PROTECTED;
	case EACCES:
		return NVME_ACCESS_DENIED;
	case ECANCELED:
		return NVME_ABORT_REQUESTED;
	case ENOMEM:
	case EAGAIN:
	case EINTR:
	case ETIMEDOUT:
		/* It may go well when tried again. */
		return NVME_COMMAND_INTERRUPTED;
	case ENODEV:
	case ENXIO:
		return NVME_NAMESPACE_NOT_READY;
	default:
		return opcode == BACKEND_READ ? NVME_UNRECOVERED_READ_ERROR :
						NVME_WRITE_FAULT;
	}
}
