/* SPDX-License-Identifier: BSD-2-Clause */
/* The one map from a backend's errno to what a host is told. */
#ifndef NVMF_NS_STATUS_H
#define NVMF_NS_STATUS_H

#include "storage/backend.h"
#include "wire/nvme.h"

uint16_t status_of_errno(int error, enum backend_opcode);

#endif
