/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files behind nvmf/target.h share. */
#ifndef NVMF_TARGET_INTERNAL_H
#define NVMF_TARGET_INTERNAL_H

#include "nvmf/target.h"
#include "target/service.h"

/* The program's calls as a backend.  The options are good.  NULL: no memory. */
struct backend *program_storage(const struct nvmf_ns_options *);
/* Frees it; to the program it never was. */
void program_storage_forget(struct backend *);

#endif
