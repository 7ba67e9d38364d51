/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that are derived, so that they are the same after a restart and on
 * every daemon that serves the same subsystem.
 */
#ifndef NVMF_MODEL_IDENTITY_H
#define NVMF_MODEL_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#define IDENTITY_SERIAL_LENGTH	20	/* of Identify Controller's SN */
#define IDENTITY_UUID_TEXT	37	/* with its NUL */

/* In the order in which Identify shows them. */
struct ns_identity {
	uint8_t nguid[16];	/* a locally administered EUI-64 in its second half's form */
	uint8_t eui64[8];	/* locally administered */
	uint8_t uuid[16];	/* version 8: by a hash of ours */
};

/* Of namespace `nsid` in subsystem `nqn`.  -EIO where libcrypto has no SHA-256. */
int identity_of_namespace(const char *nqn, uint32_t nsid, struct ns_identity *out);

/* The serial number of subsystem `nqn`: 20 digits and capitals and a NUL. */
int identity_serial(const char *nqn, char serial[IDENTITY_SERIAL_LENGTH + 1]);

/* A UUID that names this machine to us and to nobody else: a keyed hash of its
 * machine id (32 hexadecimal digits), as sd_id128_get_machine_app_specific
 * makes it.  -EINVAL where `machine_id` is none. */
int identity_of_machine(const char *machine_id, uint8_t uuid[16]);

void uuid_format(const uint8_t uuid[16], char text[IDENTITY_UUID_TEXT]);

#endif
