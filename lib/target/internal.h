/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files behind nvmf/target.h share. */
#ifndef NVMF_TARGET_INTERNAL_H
#define NVMF_TARGET_INTERNAL_H

#include "nvmf/target.h"
#include "target/service.h"

/* The program's calls as a backend.  The options are good.  NULL: no memory. */
struct backend *program_storage(const struct nvmf_ns_options *);
/* From now on the program is told when it is closed. */
void program_storage_added(struct backend *);

#endif
