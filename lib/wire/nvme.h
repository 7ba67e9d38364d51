/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVM Express Base and NVM Command Set, revision 1.4 with what later ones add:
 * layouts and names of codes.  "Figure" and section numbers in comments are of
 * NVM Express Base Specification 2.0.
 */
#ifndef NVMF_WIRE_NVME_H
#define NVMF_WIRE_NVME_H

#include "base/le.h"
#include "wire/nqn.h"

#include <stddef.h>

#define NVME_VERSION_1_4 0x00010400u
#define NVME_VERSION_2_1 0x00020100u
#define NVME_NVM_VERSION_1_1 0x00010100u	/* of the NVM Command Set Specification */

#define NVME_NSID_ALL 0xffffffffu
#define NVME_IDENTIFY_SIZE 4096
#define NVME_PAGE_SIZE 4096		/* CAP.MPSMIN = 0 */

/* ---- status: {type, code} as one number, section 4.2.3 ------------------- */

#define NVME_STATUS(type, code) ((uint16_t)((type) << 8 | (code)))
#define NVME_STATUS_TYPE(status) ((status) >> 8 & 7)
#define NVME_TYPE_MEDIA 2		/* media and data integrity errors */

enum nvme_status_code {
	NVME_SUCCESS			= NVME_STATUS(0, 0x00),
	NVME_INVALID_OPCODE		= NVME_STATUS(0, 0x01),
	NVME_INVALID_FIELD		= NVME_STATUS(0, 0x02),
	NVME_COMMAND_ID_CONFLICT	= NVME_STATUS(0, 0x03),
	NVME_DATA_TRANSFER_ERROR	= NVME_STATUS(0, 0x04),
	NVME_INTERNAL_ERROR		= NVME_STATUS(0, 0x06),
	NVME_ABORT_REQUESTED		= NVME_STATUS(0, 0x07),
	NVME_ABORTED_SQ_DELETION	= NVME_STATUS(0, 0x08),
	NVME_FAILED_FUSED		= NVME_STATUS(0, 0x09),
	NVME_MISSING_FUSED		= NVME_STATUS(0, 0x0a),
	NVME_INVALID_NAMESPACE		= NVME_STATUS(0, 0x0b),
	NVME_COMMAND_SEQUENCE_ERROR	= NVME_STATUS(0, 0x0c),
	NVME_DATA_SGL_LENGTH_INVALID	= NVME_STATUS(0, 0x0f),
	NVME_SGL_TYPE_INVALID		= NVME_STATUS(0, 0x11),
	NVME_ATOMIC_WRITE_UNIT_EXCEEDED	= NVME_STATUS(0, 0x14),
	NVME_SGL_OFFSET_INVALID		= NVME_STATUS(0, 0x16),
	NVME_HOST_ID_INCONSISTENT	= NVME_STATUS(0, 0x18),
	NVME_KEEP_ALIVE_INVALID		= NVME_STATUS(0, 0x1a),
	NVME_NAMESPACE_WRITE_PROTECTED	= NVME_STATUS(0, 0x20),
	NVME_COMMAND_INTERRUPTED	= NVME_STATUS(0, 0x21),
	NVME_TRANSIENT_TRANSPORT_ERROR	= NVME_STATUS(0, 0x22),
	NVME_LBA_OUT_OF_RANGE		= NVME_STATUS(0, 0x80),
	NVME_CAPACITY_EXCEEDED		= NVME_STATUS(0, 0x81),
	NVME_NAMESPACE_NOT_READY	= NVME_STATUS(0, 0x82),

	NVME_INVALID_QUEUE_ID		= NVME_STATUS(1, 0x01),
	NVME_INVALID_QUEUE_SIZE		= NVME_STATUS(1, 0x02),
	NVME_ABORT_LIMIT_EXCEEDED	= NVME_STATUS(1, 0x03),
	NVME_AER_LIMIT_EXCEEDED		= NVME_STATUS(1, 0x05),
	NVME_INVALID_LOG_PAGE		= NVME_STATUS(1, 0x09),
	NVME_FEATURE_NOT_SAVEABLE	= NVME_STATUS(1, 0x0d),
	NVME_FEATURE_NOT_CHANGEABLE	= NVME_STATUS(1, 0x0e),
	NVME_FEATURE_NOT_NAMESPACE	= NVME_STATUS(1, 0x0f),
	NVME_COMMAND_SET_NOT_SUPPORTED	= NVME_STATUS(1, 0x29),
	NVME_COMMAND_SETS_REJECTED	= NVME_STATUS(1, 0x2b),
	NVME_CONNECT_FORMAT		= NVME_STATUS(1, 0x80),
	NVME_CONNECT_BUSY		= NVME_STATUS(1, 0x81),
	NVME_CONNECT_INVALID_PARAMETERS	= NVME_STATUS(1, 0x82),
	NVME_CONNECT_RESTART_DISCOVERY	= NVME_STATUS(1, 0x83),
	NVME_CONNECT_INVALID_HOST	= NVME_STATUS(1, 0x84),
	NVME_INVALID_QUEUE_TYPE		= NVME_STATUS(1, 0x85),
	/* ... and of the NVM command set, whose codes are the same. */
	NVME_COMMAND_SIZE_LIMIT		= NVME_STATUS(1, 0x83),
	NVME_INCOMPATIBLE_NAMESPACE	= NVME_STATUS(1, 0x85),
	NVME_OVERLAPPING_IO_RANGE	= NVME_STATUS(1, 0x87),

	NVME_WRITE_FAULT		= NVME_STATUS(2, 0x80),
	NVME_UNRECOVERED_READ_ERROR	= NVME_STATUS(2, 0x81),
	NVME_COMPARE_FAILURE		= NVME_STATUS(2, 0x85),
	NVME_ACCESS_DENIED		= NVME_STATUS(2, 0x86),
};

/* The number without what follows. */
#define NVME_STATUS_CODE 0x7ffu
/* Do Not Retry, as a third part of that number; and More: log 01h has an entry of it. */
#define NVME_DNR 0x4000u
#define NVME_MORE 0x2000u

/* The number as it stands in the completion's status field, phase bit clear. */
static inline le16 nvme_status_field(uint16_t status)
{
	return le16_of((uint16_t)((status & NVME_STATUS_CODE) << 1 |
				  (status & (NVME_DNR | NVME_MORE)) << 1));
}

static inline uint16_t nvme_status_of_field(le16 field)
{
	uint16_t v = le16_get(field);

	return (uint16_t)((v >> 1 & 0x7ff) | (v & 0x8000 ? NVME_DNR : 0));
}

/* ---- commands -------------------------------------------------------------- */

enum nvme_admin_opcode {
	NVME_ADMIN_DELETE_IO_SQ		= 0x00,
	NVME_ADMIN_CREATE_IO_SQ		= 0x01,
	NVME_ADMIN_GET_LOG_PAGE		= 0x02,
	NVME_ADMIN_DELETE_IO_CQ		= 0x04,
	NVME_ADMIN_CREATE_IO_CQ		= 0x05,
	NVME_ADMIN_IDENTIFY		= 0x06,
	NVME_ADMIN_ABORT		= 0x08,
	NVME_ADMIN_SET_FEATURES		= 0x09,
	NVME_ADMIN_GET_FEATURES		= 0x0a,
	NVME_ADMIN_ASYNC_EVENT		= 0x0c,
	NVME_ADMIN_KEEP_ALIVE		= 0x18,
};

enum nvme_io_opcode {
	NVME_IO_FLUSH			= 0x00,
	NVME_IO_WRITE			= 0x01,
	NVME_IO_READ			= 0x02,
	NVME_IO_WRITE_UNCORRECTABLE	= 0x04,
	NVME_IO_COMPARE			= 0x05,
	NVME_IO_WRITE_ZEROES		= 0x08,
	NVME_IO_DATASET_MANAGEMENT	= 0x09,
	NVME_IO_VERIFY			= 0x0c,
	NVME_IO_COPY			= 0x19,
};

#define NVME_OPCODE_FABRICS 0x7f

/* Bits 1:0 of an opcode say which way data flows (Figure 88). */
enum nvme_data_direction {
	NVME_DATA_NONE		= 0,
	NVME_DATA_TO_CONTROLLER	= 1,
	NVME_DATA_TO_HOST	= 2,
	NVME_DATA_BOTH		= 3,
};

/* SGL descriptor type and subtype, one byte (Figures 96 and 97). */
enum nvme_sgl_type {
	NVME_SGL_IN_CAPSULE	= 0x01,	/* data block, address is an offset */
	NVME_SGL_TRANSPORT	= 0x5a,	/* transport data block */
};

struct nvme_sgl {
	le64 address;
	le32 length;
	uint8_t reserved[3];
	uint8_t type;
};

/* Submission queue entry. */
struct nvme_sqe {
	uint8_t opcode;
	uint8_t flags;			/* FUSE 1:0, PSDT 7:6 */
	le16 cid;
	le32 nsid;			/* Fabrics: the low byte is FCTYPE */
	le32 cdw2, cdw3;
	le64 metadata;
	struct nvme_sgl sgl;
	le32 cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

#define NVME_SQE_FUSE(flags) ((flags) & 3)
enum nvme_fuse { NVME_FUSE_NONE, NVME_FUSE_FIRST, NVME_FUSE_SECOND, NVME_FUSE_RESERVED };
#define NVME_SQE_PSDT(flags) ((flags) >> 6)

/* Completion queue entry. */
struct nvme_cqe {
	le32 dw0, dw1;
	le16 sqhd;
	le16 sqid;			/* reserved on Fabrics */
	le16 cid;
	le16 status;
};

/* Read and Write, command dword 12. */
#define NVME_RW_NLB(cdw12) ((cdw12) & 0xffff)
#define NVME_RW_PRINFO(cdw12) ((cdw12) >> 26 & 0xf)
#define NVME_RW_FUA 0x40000000u

/* Write Zeroes, command dword 12: besides. */
#define NVME_ZEROES_DEAC 0x02000000u	/* deallocate */

/* Dataset Management. */
#define NVME_DSM_NR(cdw10) ((cdw10) & 0xff)	/* ranges, less one */
#define NVME_DSM_RANGES 256u
#define NVME_DSM_DEALLOCATE 0x4u		/* of dword 11 */

struct nvme_dsm_range {
	le32 attributes;
	le32 length;			/* logical blocks */
	le64 slba;
};

/* Copy, command dword 12. */
#define NVME_COPY_NR(cdw12) ((cdw12) & 0xff)	/* ranges, less one */
#define NVME_COPY_FORMAT(cdw12) ((cdw12) >> 8 & 0xf)
#define NVME_COPY_FORMAT_0 0u		/* ranges of the namespace itself */
#define NVME_COPY_FORMAT_2 2u		/* ... of any */
#define NVME_COPY_RANGES 128u
#define NVME_COPY_BYTES_MOST (64u << 20)

struct nvme_copy_range {
	le32 snsid;			/* in format 2 */
	le32 reserved4;
	le64 slba;
	le16 nlb;			/* less one */
	uint8_t reserved18[4];
	/* In format 2: fast copies alone.  All are, for no data goes to the host and back. */
	le16 options;
	le32 reference_tag;
	le16 application_tag, application_mask;
};

/* ---- controller properties (section 3.1.3) ---------------------------------- */

enum nvme_property {
	NVME_PROP_CAP		= 0x00,
	NVME_PROP_VS		= 0x08,
	NVME_PROP_CC		= 0x14,
	NVME_PROP_CSTS		= 0x1c,
	NVME_PROP_CRTO		= 0x68,
};

#define NVME_CAP_MQES(entries) ((uint64_t)((entries) - 1))
#define NVME_CAP_CQR (UINT64_C(1) << 16)
#define NVME_CAP_TO(units_of_500ms) ((uint64_t)(units_of_500ms) << 24)
#define NVME_CAP_CSS_NVM (UINT64_C(1) << 37)
#define NVME_CAP_CSS_SETS (UINT64_C(1) << 43)	/* CNS 1Ch tells which there are */
#define NVME_CAP_CRWMS (UINT64_C(1) << 59)	/* CRTO says when the media is ready */
#define NVME_CRTO_CRWMT(units_of_500ms) ((uint32_t)(units_of_500ms))

#define NVME_CC_EN 0x1u
#define NVME_CC_CSS(cc) ((cc) >> 4 & 7)
#define NVME_CC_CSS_NVM 0u
#define NVME_CC_CSS_ALL 6u		/* every command set that there is */
#define NVME_CC_MPS(cc) ((cc) >> 7 & 0xf)
#define NVME_CC_AMS(cc) ((cc) >> 11 & 7)
#define NVME_CC_SHN(cc) ((cc) >> 14 & 3)
#define NVME_CC_IOSQES(cc) ((cc) >> 16 & 0xf)
#define NVME_CC_IOCQES(cc) ((cc) >> 20 & 0xf)
#define NVME_CC_RESERVED 0xff00000eu

#define NVME_CSTS_RDY 0x1u
#define NVME_CSTS_CFS 0x2u
#define NVME_CSTS_SHST_MASK 0xcu
#define NVME_CSTS_SHST_OCCURRING 0x4u
#define NVME_CSTS_SHST_COMPLETE 0x8u

/* ---- Identify (section 5.17) ------------------------------------------------ */

enum nvme_cns {
	NVME_CNS_NAMESPACE	= 0x00,
	NVME_CNS_CONTROLLER	= 0x01,
	NVME_CNS_ACTIVE_LIST	= 0x02,
	NVME_CNS_DESCRIPTORS	= 0x03,
	NVME_CNS_SET_NAMESPACE	= 0x05,	/* of the I/O command set of CSI */
	NVME_CNS_SET_CONTROLLER	= 0x06,
	NVME_CNS_SET_ACTIVE_LIST = 0x07,
	NVME_CNS_ANY_NAMESPACE	= 0x08,	/* whatever its I/O command set */
	NVME_CNS_ATTACHED_CONTROLLERS = 0x12,
	NVME_CNS_CONTROLLERS	= 0x13,
	NVME_CNS_UUID_LIST	= 0x17,
	NVME_CNS_COMMAND_SETS	= 0x1c,
};

enum nvme_csi { NVME_CSI_NVM = 0x00 };

/* Command dwords of Identify and Get Log Page, and of features. */
#define NVME_IDENTIFY_CNTID(cdw10) ((cdw10) >> 16)
#define NVME_CDW11_CSI(cdw11) ((cdw11) >> 24)	/* Identify */
#define NVME_CDW14_CSI(cdw14) ((cdw14) >> 24)	/* Get Log Page */
#define NVME_CDW14_INDEX 0x800000u		/* the offset is an index */
#define NVME_CDW14_UUID(cdw14) ((cdw14) & 0x7f)

enum nvme_controller_type {
	NVME_CTRL_IO = 1,
	NVME_CTRL_DISCOVERY = 2,
	NVME_CTRL_ADMINISTRATIVE = 3,
};

struct nvme_id_ctrl {
	le16 vid, ssvid;
	char sn[20], mn[40], fr[8];
	uint8_t rab;
	uint8_t ieee[3];
	uint8_t cmic;
	uint8_t mdts;
	le16 cntlid;
	le32 ver;
	le32 rtd3r, rtd3e;
	le32 oaes;
	le32 ctratt;
	le16 rrls;
	uint8_t reserved102[9];
	uint8_t cntrltype;
	uint8_t fguid[16];
	le16 crdt[3];
	uint8_t reserved134[119];
	uint8_t nvmsr, vwci, mec;
	le16 oacs;
	uint8_t acl;
	uint8_t aerl;
	uint8_t frmw;
	uint8_t lpa;
	uint8_t elpe;
	uint8_t npss;
	uint8_t avscc;
	uint8_t apsta;
	le16 wctemp, cctemp;
	le16 mtfa;
	le32 hmpre, hmmin;
	le128 tnvmcap, unvmcap;
	le32 rpmbs;
	le16 edstt;
	uint8_t dsto;
	uint8_t fwug;
	le16 kas;
	le16 hctma, mntmt, mxtmt;
	le32 sanicap;
	le32 hmminds;
	le16 hmmaxd;
	le16 nsetidmax;
	le16 endgidmax;
	uint8_t anatt, anacap;
	le32 anagrpmax, nanagrpid;
	le32 pels;
	le16 domain;
	uint8_t reserved358[28];
	le16 cqt;			/* ms */
	uint8_t reserved388[124];
	uint8_t sqes, cqes;
	le16 maxcmd;
	le32 nn;
	le16 oncs;
	le16 fuses;
	uint8_t fna;
	uint8_t vwc;
	le16 awun, awupf;
	uint8_t icsvscc;
	uint8_t nwpc;
	le16 acwu;
	le16 cdfs;
	le32 sgls;
	le32 mnan;
	le128 maxdna;
	le32 maxcna;
	uint8_t reserved564[204];
	char subnqn[NQN_FIELD_SIZE];
	uint8_t reserved1024[768];
	le32 ioccsz, iorcsz;		/* units of 16 bytes */
	le16 icdoff;
	uint8_t fcatt;
	uint8_t msdbd;
	le16 ofcs;
	uint8_t dctype;
	uint8_t reserved1807[241];
	uint8_t psd[32][32];
	uint8_t vendor[1024];
};

#define NVME_DCTYPE_DIRECT 1		/* discovery: tells of its own subsystems */

#define NVME_CMIC_MULTI_PORT 0x01
#define NVME_CMIC_MULTI_CTRL 0x02

#define NVME_OAES_NS_ATTRIBUTE 0x100u
#define NVME_OAES_DISCOVERY_CHANGE 0x80000000u

#define NVME_CTRATT_HOSTID_128 0x1u
#define NVME_CTRATT_TBKAS 0x40u
#define NVME_CTRATT_UUID_LIST 0x200u

#define NVME_LPA_EFFECTS 0x02
#define NVME_LPA_EXTENDED_DATA 0x04	/* offsets and NUMDU */
#define NVME_LPA_MISCELLANEOUS 0x20	/* 00h, 12h, 13h, scopes in 05h */

#define NVME_ONCS_SAVE_SELECT 0x10u
#define NVME_ONCS_TIMESTAMP 0x40u

#define NVME_VWC_PRESENT 0x01
#define NVME_VWC_FLUSH_NOT_ALL 0x04	/* Flush with FFFFFFFFh is refused */
#define NVME_VWC_FLUSH_ALL 0x06		/* ... flushes every namespace */

#define NVME_ONCS_COMPARE 0x1u
#define NVME_ONCS_WRITE_UNCORRECTABLE 0x2u
#define NVME_ONCS_DSM 0x4u
#define NVME_ONCS_WRITE_ZEROES 0x8u
#define NVME_ONCS_VERIFY 0x80u
#define NVME_ONCS_COPY 0x100u

#define NVME_SGLS_SUPPORTED 0x1u
#define NVME_SGLS_TRANSPORT (1u << 21)	/* transport SGL data block */
#define NVME_SGLS_OFFSET (1u << 20)	/* address may be an offset */

#define NVME_OFCS_DISCONNECT 0x1u

struct nvme_lbaf {
	le16 ms;
	uint8_t lbads;
	uint8_t rp;
};

struct nvme_id_ns {
	le64 nsze, ncap, nuse;
	uint8_t nsfeat;
	uint8_t nlbaf;
	uint8_t flbas;
	uint8_t mc, dpc, dps;
	uint8_t nmic;
	uint8_t rescap;
	uint8_t fpi;
	uint8_t dlfeat;
	le16 nawun, nawupf, nacwu;
	le16 nabsn, nabo, nabspf;
	le16 noiob;
	le128 nvmcap;
	le16 npwg, npwa, npdg, npda, nows;
	le16 mssrl;
	le32 mcl;
	uint8_t msrc;
	uint8_t reserved81[11];
	le32 anagrpid;
	uint8_t reserved96[3];
	uint8_t nsattr;
	le16 nvmsetid, endgid;
	uint8_t nguid[16];
	uint8_t eui64[8];
	struct nvme_lbaf lbaf[64];
	uint8_t vendor[3712];
};

#define NVME_FUSES_COMPARE_AND_WRITE 0x01

#define NVME_NMIC_SHARED 0x01
#define NVME_NSATTR_WRITE_PROTECTED 0x01
#define NVME_NSFEAT_UID_REUSE 0x08
#define NVME_NSFEAT_OPTPERF 0x10	/* NPWG and the like */
#define NVME_DLFEAT_ZEROS 0x01		/* deallocated blocks read as zeros */
#define NVME_DLFEAT_DEAC 0x08		/* Write Zeroes may deallocate */

/* Namespace identification descriptors (Figure 277). */
enum nvme_nid_type { NVME_NID_EUI64 = 1, NVME_NID_NGUID = 2, NVME_NID_UUID = 3,
		     NVME_NID_CSI = 4 };

struct nvme_nid {
	uint8_t type, length;
	uint8_t reserved[2];
	uint8_t value[];
};

/* CNS 06h of the NVM command set; log2 of a size in pages, 0: as MDTS, or no limit. */
struct nvme_id_ctrl_nvm {
	uint8_t vsl, wzsl, wusl;
	uint8_t dmrl;			/* ranges */
	le32 dmrsl;			/* logical blocks of a range */
	le64 dmsl;			/* ... of a command */
	uint8_t kpiocap, wzdsl;
	le16 aocs;
	le32 ver;
	uint8_t reserved24[4072];
};

/* CNS 08h. */
struct nvme_id_ns_any {
	uint8_t nsfeat, nmic, rescap, fpi;
	le32 anagrpid;
	uint8_t nsattr;
	uint8_t reserved9;
	le16 nvmsetid, endgid;
	uint8_t nstat;
	uint8_t kpios;
	le16 maxkt;
	uint8_t reserved18[2];
	le32 rgrpid;
	uint8_t reserved24[4072];
};

#define NVME_ANY_NSFEAT_NO_CACHE 0x20
#define NVME_NSTAT_READY 0x01

struct nvme_controller_list {
	le16 count;
	le16 cntlid[2047];
};

/* ---- log pages (section 5.16) ----------------------------------------------- */

enum nvme_log_page {
	NVME_LOG_SUPPORTED	= 0x00,
	NVME_LOG_ERROR		= 0x01,
	NVME_LOG_HEALTH		= 0x02,
	NVME_LOG_FIRMWARE	= 0x03,
	NVME_LOG_CHANGED_NS	= 0x04,
	NVME_LOG_EFFECTS	= 0x05,
	NVME_LOG_FEATURE_EFFECTS = 0x12,
	NVME_LOG_MI_EFFECTS	= 0x13,
	NVME_LOG_DISCOVERY	= 0x70,
};

#define NVME_CHANGED_NS_MAX 1024	/* entries of the Changed Namespace List */

#define NVME_LOG_RAE 0x8000u		/* of command dword 10 */

/* What stands for a page in log 00h, a command in 05h and a feature in 12h. */
#define NVME_EFFECTS_SUPPORTED 0x1u
#define NVME_EFFECTS_LBCC 0x2u		/* may change logical blocks */
#define NVME_EFFECTS_NCC 0x4u		/* ... what a namespace can do */
#define NVME_EFFECTS_UUID 0x80000u	/* takes a UUID index */
#define NVME_SCOPE_NAMESPACE 0x100000u
#define NVME_SCOPE_CONTROLLER 0x200000u
#define NVME_SCOPE_SUBSYSTEM 0x2000000u

struct nvme_log_effects {
	le32 admin[256], io[256];
	uint8_t reserved2048[2048];
};

struct nvme_log_error_entry {
	le64 error_count;
	le16 sqid, cid;
	le16 status;
	le16 location;
	le64 lba;
	le32 nsid;
	uint8_t vendor;
	uint8_t trtype;
	uint8_t csi, opcode;
	le64 command_specific;
	le16 trtype_specific;
	uint8_t reserved42[21];
	uint8_t version;
};

#define NVME_ERROR_VERSION 1
#define NVME_ERROR_NO_LOCATION 0xffff
/* Where in the command the first wrong bit stands. */
#define NVME_ERROR_LOCATION(byte, bit) ((uint16_t)((byte) | (bit) << 8))

/* Critical warnings, and their bits in Asynchronous Event Configuration. */
#define NVME_WARNING_TEMPERATURE 0x02u

struct nvme_log_health {
	uint8_t critical_warning;
	le16 temperature;		/* kelvin */
	uint8_t available_spare, spare_threshold, percentage_used;
	uint8_t endurance_group;
	uint8_t reserved7[25];
	le128 data_units_read, data_units_written;	/* thousands of 512 bytes */
	le128 host_reads, host_writes;			/* commands */
	le128 busy_time;				/* minutes */
	le128 power_cycles;
	le128 power_on_hours;
	le128 unsafe_shutdowns;
	le128 media_errors;
	le128 error_log_entries;
	le32 warning_temperature_time, critical_temperature_time;
	le16 temperature_sensor[8];
	uint8_t reserved216[296];
};

struct nvme_log_firmware {
	uint8_t afi;
	uint8_t reserved1[7];
	char frs[7][8];
	uint8_t reserved64[448];
};

/* ---- features (section 5.27) ------------------------------------------------ */

enum nvme_feature {
	NVME_FEAT_ARBITRATION	= 0x01,
	NVME_FEAT_POWER		= 0x02,
	NVME_FEAT_TEMPERATURE	= 0x04,
	NVME_FEAT_ERROR_RECOVERY = 0x05,
	NVME_FEAT_VOLATILE_CACHE = 0x06,
	NVME_FEAT_QUEUES	= 0x07,
	NVME_FEAT_ATOMICITY	= 0x0a,
	NVME_FEAT_ASYNC_EVENT	= 0x0b,
	NVME_FEAT_TIMESTAMP	= 0x0e,
	NVME_FEAT_KEEP_ALIVE	= 0x0f,
	NVME_FEAT_HOST_BEHAVIOR	= 0x16,
	NVME_FEAT_COMMAND_SETS	= 0x19,
	NVME_FEAT_HOST_ID	= 0x81,
	NVME_FEAT_WRITE_PROTECTION = 0x84,
};

#define NVME_TEMPERATURE_VALUE(cdw11) ((uint16_t)(cdw11))
#define NVME_TEMPERATURE_SENSOR(cdw11) ((cdw11) >> 16 & 0xf)
#define NVME_TEMPERATURE_KIND(cdw11) ((cdw11) >> 20 & 3)
enum nvme_temperature_kind { NVME_TEMPERATURE_OVER, NVME_TEMPERATURE_UNDER };
#define NVME_TEMPERATURE_ALL_SENSORS 15

/* How a time stamp came to be. */
#define NVME_TIMESTAMP_SINCE_RESET 0
#define NVME_TIMESTAMP_WAS_SET 0x02

struct nvme_timestamp {
	uint8_t ms[6];			/* little endian, since 1970 or the reset */
	uint8_t attributes;
	uint8_t reserved7;
};

struct nvme_host_behavior {
	uint8_t acre, etdas, lbafee, hdisns;
	le16 cdfe;			/* a bit for each Copy descriptor format */
	uint8_t reserved6[506];
};

#define NVME_EXHID 0x1u			/* host identifiers of 16 bytes */
enum nvme_write_protection { NVME_NOT_PROTECTED, NVME_PROTECTED };
#define NVME_WRITE_PROTECTION(cdw11) ((cdw11) & 7)
#define NVME_NWPC_WRITE_PROTECT 0x01

#define NVME_FEAT_SAVE 0x80000000u	/* of Set Features, dword 10 */
#define NVME_FEAT_SELECT(cdw10) ((cdw10) >> 8 & 7)

/* The asynchronous event's completion, dword 0. */
#define NVME_EVENT(type, info, log) \
	((uint32_t)(type) | (uint32_t)(info) << 8 | (uint32_t)(log) << 16)

/* ---- layout ------------------------------------------------------------------ */

#define NVME_ASSERT_AT(type, member, offset) \
	_Static_assert(offsetof(type, member) == (offset), #type "." #member)

_Static_assert(sizeof(struct nvme_sqe) == 64, "submission queue entry");
_Static_assert(sizeof(struct nvme_cqe) == 16, "completion queue entry");
_Static_assert(sizeof(struct nvme_sgl) == 16, "SGL descriptor");
_Static_assert(sizeof(struct nvme_dsm_range) == 16, "Dataset Management range");
_Static_assert(sizeof(struct nvme_copy_range) == 32, "Copy source range");
_Static_assert(sizeof(struct nvme_id_ctrl) == 4096, "Identify Controller");
_Static_assert(sizeof(struct nvme_id_ns) == 4096, "Identify Namespace");
_Static_assert(sizeof(struct nvme_id_ctrl_nvm) == 4096, "Identify Controller, NVM");
_Static_assert(sizeof(struct nvme_id_ns_any) == 4096, "Identify Namespace, any set");
_Static_assert(sizeof(struct nvme_controller_list) == 4096, "controller list");
_Static_assert(sizeof(struct nvme_log_effects) == 4096, "Commands Supported and Effects");
_Static_assert(sizeof(struct nvme_timestamp) == 8, "Timestamp");
_Static_assert(sizeof(struct nvme_host_behavior) == 512, "Host Behavior Support");
_Static_assert(sizeof(struct nvme_log_error_entry) == 64, "Error Information");
_Static_assert(sizeof(struct nvme_log_health) == 512, "SMART / Health");
_Static_assert(sizeof(struct nvme_log_firmware) == 512, "Firmware Slot");
NVME_ASSERT_AT(struct nvme_sqe, sgl, 24);
NVME_ASSERT_AT(struct nvme_sqe, cdw10, 40);
NVME_ASSERT_AT(struct nvme_id_ctrl, cmic, 76);
NVME_ASSERT_AT(struct nvme_id_ctrl, cntrltype, 111);
NVME_ASSERT_AT(struct nvme_id_ctrl, oacs, 256);
NVME_ASSERT_AT(struct nvme_id_ctrl, tnvmcap, 280);
NVME_ASSERT_AT(struct nvme_id_ctrl, kas, 320);
NVME_ASSERT_AT(struct nvme_id_ctrl, anatt, 342);
NVME_ASSERT_AT(struct nvme_id_ctrl, cqt, 386);
NVME_ASSERT_AT(struct nvme_id_ctrl, dctype, 1806);
NVME_ASSERT_AT(struct nvme_id_ctrl, sqes, 512);
NVME_ASSERT_AT(struct nvme_id_ctrl, oncs, 520);
NVME_ASSERT_AT(struct nvme_id_ctrl, vwc, 525);
NVME_ASSERT_AT(struct nvme_id_ctrl, cdfs, 534);
NVME_ASSERT_AT(struct nvme_id_ctrl, acwu, 532);
NVME_ASSERT_AT(struct nvme_id_ctrl, sgls, 536);
NVME_ASSERT_AT(struct nvme_id_ctrl, mnan, 540);
NVME_ASSERT_AT(struct nvme_id_ctrl, subnqn, 768);
NVME_ASSERT_AT(struct nvme_id_ctrl, ioccsz, 1792);
NVME_ASSERT_AT(struct nvme_id_ctrl, ofcs, 1804);
NVME_ASSERT_AT(struct nvme_id_ctrl, psd, 2048);
NVME_ASSERT_AT(struct nvme_id_ns, nmic, 30);
NVME_ASSERT_AT(struct nvme_id_ns, dlfeat, 33);
NVME_ASSERT_AT(struct nvme_id_ns, nvmcap, 48);
NVME_ASSERT_AT(struct nvme_id_ns, npwg, 64);
NVME_ASSERT_AT(struct nvme_id_ns, mssrl, 74);
NVME_ASSERT_AT(struct nvme_id_ns, anagrpid, 92);
NVME_ASSERT_AT(struct nvme_id_ns, nsattr, 99);
NVME_ASSERT_AT(struct nvme_id_ns, nguid, 104);
NVME_ASSERT_AT(struct nvme_id_ns, lbaf, 128);
NVME_ASSERT_AT(struct nvme_id_ctrl_nvm, ver, 20);
NVME_ASSERT_AT(struct nvme_id_ns_any, nstat, 14);
NVME_ASSERT_AT(struct nvme_log_error_entry, opcode, 31);
NVME_ASSERT_AT(struct nvme_log_error_entry, version, 63);
NVME_ASSERT_AT(struct nvme_log_health, data_units_read, 32);
NVME_ASSERT_AT(struct nvme_log_health, error_log_entries, 176);
NVME_ASSERT_AT(struct nvme_log_health, temperature_sensor, 200);

#endif
