/* SPDX-License-Identifier: BSD-2-Clause */
/* What an NVMe controller answers.  A type of its own, so that it can't be
 * taken for an errno. */
#ifndef NVMF_STATUS_H
#define NVMF_STATUS_H

#include <nvmf/api.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Base Specification 2.0, section 3.3.3.2.1 (status field). */
struct nvmf_status {
	uint8_t type;		/* SCT: 0 generic, 1 command specific, 2 media, 3 path, 7 vendor */
	uint8_t code;		/* SC */
	bool do_not_retry;	/* DNR: the same command would fail again */
};

static inline bool nvmf_status_is_success(struct nvmf_status status)
{
	return status.type == 0 && status.code == 0;
}

/*
 * The status in words, as the specification names it: "Invalid Field in
 * Command".  Never NULL; a text that lives as long as the program.  Command
 * specific codes depend on the command: those of Fabrics and of admin and I/O
 * commands differ, so that `is_fabrics` says which it was.
 * Thread: any.
 */
NVMF_API const char *nvmf_status_text(struct nvmf_status status, bool is_fabrics);

#ifdef __cplusplus
}
#endif

#endif
