/* SPDX-License-Identifier: BSD-2-Clause */
/* What a discovery controller tells (Base Specification 2.0, section 5.16.1.23). */
#ifndef NVMF_DISCOVERY_H
#define NVMF_DISCOVERY_H

#include <nvmf/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One entry: numbers as they came, texts without padding. */
struct nvmf_discovery_record {
	uint8_t trtype, adrfam, subtype, treq;
	uint16_t portid, cntlid, asqsz, eflags;
	uint8_t sectype;		/* TCP: 0 none, 1 TLS 1.2, 2 TLS 1.3 */
	char trsvcid[33];
	char traddr[257];
	char subnqn[257];
};

struct nvmf_discovery;			/* one consistent snapshot of the log */

/*
 * Reads the discovery log of a connected discovery controller, in parts, again
 * until its generation stays the same meanwhile.  Waits.  *log is the caller's:
 * nvmf_discovery_free.  -EAGAIN: it never stayed the same; -EPROTO: it makes no
 * sense.
 */
NVMF_API int nvmf_discovery_read(struct nvmf_ctrl *ctrl, struct nvmf_discovery **log,
				 struct nvmf_completion *completion);
/* The same as a started call (nvmf_ctrl_result): *log is set when it has ended well,
 * NULL before. */
NVMF_API int nvmf_discovery_start_read(struct nvmf_ctrl *ctrl, struct nvmf_discovery **log);
NVMF_API void nvmf_discovery_free(struct nvmf_discovery *log);

NVMF_API uint64_t nvmf_discovery_generation(const struct nvmf_discovery *log);
NVMF_API unsigned int nvmf_discovery_count(const struct nvmf_discovery *log);
/* Record `index`, from 0: part of the log.  NULL: there is none. */
NVMF_API const struct nvmf_discovery_record *
nvmf_discovery_at(const struct nvmf_discovery *log, unsigned int index);

/* Names of numbers: "tcp", "ipv4", "nvme subsystem"; "unrecognized" else. */
NVMF_API const char *nvmf_discovery_trtype_name(uint8_t trtype);
NVMF_API const char *nvmf_discovery_adrfam_name(uint8_t adrfam);
NVMF_API const char *nvmf_discovery_subtype_name(uint8_t subtype);

#ifdef __cplusplus
}
#endif

#endif
