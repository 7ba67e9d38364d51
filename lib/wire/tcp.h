/* SPDX-License-Identifier: BSD-2-Clause */
/* NVMe/TCP protocol data units.  Sections are of NVM Express TCP Transport
 * Specification 1.0. */
#ifndef NVMF_WIRE_TCP_H
#define NVMF_WIRE_TCP_H

#include "wire/nvme.h"

enum tcp_pdu_type {
	TCP_PDU_ICREQ		= 0x00,
	TCP_PDU_ICRESP		= 0x01,
	TCP_PDU_H2C_TERM	= 0x02,
	TCP_PDU_C2H_TERM	= 0x03,
	TCP_PDU_COMMAND		= 0x04,
	TCP_PDU_RESPONSE	= 0x05,
	TCP_PDU_H2C_DATA	= 0x06,
	TCP_PDU_C2H_DATA	= 0x07,
	TCP_PDU_R2T		= 0x09,
};

enum tcp_pdu_flag {
	TCP_FLAG_HDGST		= 0x01,
	TCP_FLAG_DDGST		= 0x02,
	TCP_FLAG_LAST		= 0x04,	/* H2CData, C2HData */
	TCP_FLAG_SUCCESS	= 0x08,	/* C2HData */
};

/* Fatal Error Status (section 3.6.2.5). */
enum tcp_fes {
	TCP_FES_HEADER_FIELD	= 1,	/* FEI: offset of the field */
	TCP_FES_SEQUENCE	= 2,
	TCP_FES_HEADER_DIGEST	= 3,	/* FEI: the digest received */
	TCP_FES_OUT_OF_RANGE	= 4,
	TCP_FES_LIMIT_EXCEEDED	= 5,
	TCP_FES_UNSUPPORTED	= 6,	/* FEI: offset of the field */
};

#define TCP_DIGEST_SIZE 4
#define TCP_DIGEST_HEADER 0x01		/* of DGST in ICReq and ICResp */
#define TCP_DIGEST_DATA 0x02
#define TCP_PDA_MAX 31			/* units of dwords, 0's based */
#define TCP_HEADER_MAX 128		/* the longest PDU header: ICReq, ICResp */
#define TCP_TERM_DATA_MAX 128		/* of the PDU at fault, in a TermReq */
#define TCP_MAXH2CDATA_MIN 4096

/* Common header. */
struct tcp_ch {
	uint8_t type;
	uint8_t flags;
	uint8_t hlen;
	uint8_t pdo;
	le32 plen;
};

struct tcp_icreq {
	struct tcp_ch ch;
	le16 pfv;
	uint8_t hpda;
	uint8_t dgst;
	le32 maxr2t;			/* 0's based */
	uint8_t reserved[112];
};

struct tcp_icresp {
	struct tcp_ch ch;
	le16 pfv;
	uint8_t cpda;
	uint8_t dgst;
	le32 maxh2cdata;
	uint8_t reserved[112];
};

struct tcp_term {
	struct tcp_ch ch;
	le16 fes;
	le32 fei;
	uint8_t reserved[10];
};

struct tcp_command {
	struct tcp_ch ch;
	struct nvme_sqe sqe;
};

struct tcp_response {
	struct tcp_ch ch;
	struct nvme_cqe cqe;
};

/* H2CData and C2HData; ttag is reserved in the latter. */
struct tcp_data {
	struct tcp_ch ch;
	le16 cccid;
	le16 ttag;
	le32 offset;
	le32 length;
	uint8_t reserved[4];
};

struct tcp_r2t {
	struct tcp_ch ch;
	le16 cccid;
	le16 ttag;
	le32 offset;
	le32 length;
	uint8_t reserved[4];
};

_Static_assert(sizeof(struct tcp_ch) == 8, "common header");
_Static_assert(sizeof(struct tcp_icreq) == 128, "ICReq");
_Static_assert(sizeof(struct tcp_icresp) == 128, "ICResp");
_Static_assert(sizeof(struct tcp_term) == 24, "TermReq");
_Static_assert(sizeof(struct tcp_command) == 72, "CapsuleCmd");
_Static_assert(sizeof(struct tcp_response) == 24, "CapsuleResp");
_Static_assert(sizeof(struct tcp_data) == 24, "H2CData, C2HData");
_Static_assert(sizeof(struct tcp_r2t) == 24, "R2T");
NVME_ASSERT_AT(struct tcp_term, fei, 10);
NVME_ASSERT_AT(struct tcp_data, offset, 12);
NVME_ASSERT_AT(struct tcp_icreq, maxr2t, 12);

#endif
