/* SPDX-License-Identifier: BSD-2-Clause */
/* NVMe over Fabrics: capsule layouts, Connect, properties, discovery log.
 * Sections are of NVM Express Base Specification 2.0. */
#ifndef NVMF_WIRE_FABRICS_H
#define NVMF_WIRE_FABRICS_H

#include "wire/nvme.h"

#define NVMF_DISCOVERY_PORT 8009
#define NVMF_IO_PORT 4420

#define NVMF_CNTLID_DYNAMIC 0xffff
#define NVMF_CNTLID_STATIC_ANY 0xfffe
#define NVMF_CNTLID_MAX 0xffef

/* What the admin queue, and every Fabrics command, may carry in its capsule
 * whatever IOCCSZ says (TCP transport, section 3.3.2.2). */
#define NVMF_ADMIN_IN_CAPSULE 8192

enum nvmf_fctype {
	NVMF_PROPERTY_SET	= 0x00,
	NVMF_CONNECT		= 0x01,
	NVMF_PROPERTY_GET	= 0x04,
	NVMF_AUTH_SEND		= 0x05,
	NVMF_AUTH_RECEIVE	= 0x06,
	NVMF_DISCONNECT		= 0x08,
};

/* Section 6.3. */
struct nvmf_connect_cmd {
	uint8_t opcode;
	uint8_t flags;
	le16 cid;
	uint8_t fctype;
	uint8_t reserved5[19];
	struct nvme_sgl sgl;
	le16 recfmt;
	le16 qid;
	le16 sqsize;			/* 0's based */
	uint8_t cattr;
	uint8_t reserved47;
	le32 kato;			/* ms */
	uint8_t reserved52[12];
};

#define NVMF_CATTR_SQ_FLOW_OFF 0x04	/* SQ flow control disabled */
#define NVMF_CATTR_INDIVIDUAL_DELETE 0x08

struct nvmf_connect_data {
	uint8_t hostid[16];
	le16 cntlid;
	uint8_t reserved18[238];
	char subnqn[NQN_FIELD_SIZE];
	char hostnqn[NQN_FIELD_SIZE];
	uint8_t reserved768[256];
};

/* DW0 of a Connect refused for invalid parameters: where the first bad field
 * stands, in the command or in its data. */
#define NVMF_BAD_COMMAND_FIELD(offset) ((uint32_t)(offset))
#define NVMF_BAD_DATA_FIELD(offset) ((uint32_t)(offset) | 0x10000u)

/* Section 6.4 and 6.6. */
struct nvmf_property_cmd {
	uint8_t opcode;
	uint8_t flags;
	le16 cid;
	uint8_t fctype;
	uint8_t reserved5[35];
	uint8_t attrib;			/* bits 2:0: 0: 4 bytes, 1: 8 bytes */
	uint8_t reserved41[3];
	le32 offset;
	le64 value;
	uint8_t reserved56[8];
};

/* Section 6.5. */
struct nvmf_disconnect_cmd {
	uint8_t opcode;
	uint8_t flags;
	le16 cid;
	uint8_t fctype;
	uint8_t reserved5[35];
	le16 recfmt;
	uint8_t reserved42[22];
};

/* Discovery log page (section 5.16.1.23). */
enum nvmf_trtype { NVMF_TRTYPE_TCP = 3 };
enum nvmf_adrfam { NVMF_ADRFAM_IPV4 = 1, NVMF_ADRFAM_IPV6 = 2 };
enum nvmf_subtype { NVMF_SUBTYPE_REFERRAL = 1, NVMF_SUBTYPE_NVM = 2,
		    NVMF_SUBTYPE_DISCOVERY = 3 };

#define NVMF_TREQ_NOT_REQUIRED 0x02	/* a secure channel is not required */
#define NVMF_TREQ_SQ_FLOW_OFF 0x04	/* SQ flow control may be disabled */

#define NVMF_EFLAGS_DUPLICATE 0x01
#define NVMF_EFLAGS_PERSISTENT 0x02	/* explicit persistent connections */

struct nvmf_discovery_header {
	le64 genctr;
	le64 numrec;
	le16 recfmt;
	uint8_t reserved18[1006];
};

struct nvmf_discovery_entry {
	uint8_t trtype, adrfam, subtype, treq;
	le16 portid;
	le16 cntlid;
	le16 asqsz;
	le16 eflags;
	uint8_t reserved12[20];
	char trsvcid[32];		/* ASCII, padded with spaces */
	uint8_t reserved64[192];
	char subnqn[NQN_FIELD_SIZE];	/* NUL-terminated */
	char traddr[256];		/* ASCII, padded with spaces */
	uint8_t tsas[256];
};

_Static_assert(sizeof(struct nvmf_connect_cmd) == 64, "Connect command");
_Static_assert(sizeof(struct nvmf_connect_data) == 1024, "Connect data");
_Static_assert(sizeof(struct nvmf_property_cmd) == 64, "Property command");
_Static_assert(sizeof(struct nvmf_disconnect_cmd) == 64, "Disconnect command");
_Static_assert(sizeof(struct nvmf_discovery_header) == 1024, "discovery log");
_Static_assert(sizeof(struct nvmf_discovery_entry) == 1024, "discovery entry");
NVME_ASSERT_AT(struct nvmf_connect_cmd, sgl, 24);
NVME_ASSERT_AT(struct nvmf_connect_cmd, recfmt, 40);
NVME_ASSERT_AT(struct nvmf_connect_cmd, kato, 48);
NVME_ASSERT_AT(struct nvmf_connect_data, subnqn, 256);
NVME_ASSERT_AT(struct nvmf_connect_data, hostnqn, 512);
NVME_ASSERT_AT(struct nvmf_property_cmd, attrib, 40);
NVME_ASSERT_AT(struct nvmf_property_cmd, offset, 44);
NVME_ASSERT_AT(struct nvmf_property_cmd, value, 48);
NVME_ASSERT_AT(struct nvmf_disconnect_cmd, recfmt, 40);
NVME_ASSERT_AT(struct nvmf_discovery_entry, trsvcid, 32);
NVME_ASSERT_AT(struct nvmf_discovery_entry, traddr, 512);

#endif
