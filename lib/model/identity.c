/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/identity.h"

#include "base/le.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define HASH_SIZE 32

/* Part of every name: changed, it would rename every namespace of every user. */
static const uint8_t application[16] = {
	0x6e, 0x1f, 0x3a, 0x95, 0x0c, 0x44, 0x4d, 0x27, 0xb8, 0x61, 0xd3, 0x7a, 0x52, 0xe0, 0x19, 0xcf,
};

/* SHA-256 of what, a NUL, nqn, a NUL, nsid. */
static int hash_name(const char *what, const char *nqn, uint32_t nsid, uint8_t hash[HASH_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	le32 number = le32_of(nsid);
	int good;

	good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
	       EVP_DigestUpdate(context, what, strlen(what) + 1) &&
	       EVP_DigestUpdate(context, nqn, strlen(nqn) + 1) &&
	       EVP_DigestUpdate(context, &number, sizeof(number)) &&
	       EVP_DigestFinal_ex(context, hash, NULL);
	EVP_MD_CTX_free(context);
	return good ? 0 : -EIO;
}

/* The first byte of an organisation's identifier: ours is nobody's, so it says
 * "locally administered" and "of one", and therefore is never 0. */
static uint8_t local_oui(uint8_t byte)
{
	return (uint8_t)((byte & ~3u) | 2u);
}

static void stamp_uuid(uint8_t uuid[16], unsigned int version)
{
	uuid[6] = (uint8_t)((uuid[6] & 0x0fu) | version << 4);
	uuid[8] = (uint8_t)((uuid[8] & 0x3fu) | 0x80u);
}

int identity_of_namespace(const char *nqn, uint32_t nsid, struct ns_identity *out)
{
	uint8_t hash[HASH_SIZE];

	if (hash_name("nvmfd uuid", nqn, nsid, hash))
		return -EIO;
	memcpy(out->uuid, hash, sizeof(out->uuid));
	stamp_uuid(out->uuid, 8);
	if (hash_name("nvmfd nguid", nqn, nsid, hash))
		return -EIO;
	/* Vendor-specific extension, then OUI and extension as in an EUI-64. */
	memcpy(out->nguid, hash, sizeof(out->nguid));
	out->nguid[8] = local_oui(out->nguid[8]);
	if (hash_name("nvmfd eui64", nqn, nsid, hash))
		return -EIO;
	memcpy(out->eui64, hash, sizeof(out->eui64));
	out->eui64[0] = local_oui(out->eui64[0]);
	return 0;
}

int identity_serial(const char *nqn, char serial[IDENTITY_SERIAL_LENGTH + 1])
{
	/* Without the letters that are mistaken for digits. */
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint8_t hash[HASH_SIZE];

	if (hash_name("nvmfd serial", nqn, 0, hash))
		return -EIO;
	for (int i = 0; i < IDENTITY_SERIAL_LENGTH; i++)
		serial[i] = digits[hash[i] & 31u];
	serial[IDENTITY_SERIAL_LENGTH] = 0;
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int identity_of_machine(const char *machine_id, uint8_t uuid[16])
{
	uint8_t id[16], hash[HASH_SIZE];
	unsigned int hash_size = 0;
	unsigned int seen = 0;

	if (strspn(machine_id, "0123456789abcdef") != 2 * sizeof(id))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(id); i++) {
		id[i] = (uint8_t)(hex_value(machine_id[2 * i]) << 4 | hex_value(machine_id[2 * i + 1]));
		seen |= id[i];
	}
	if (!seen)
		return -EINVAL;
	if (!HMAC(EVP_sha256(), id, sizeof(id), application, sizeof(application), hash, &hash_size) ||
	    hash_size != HASH_SIZE)
		return -EIO;
	memcpy(uuid, hash, 16);
	stamp_uuid(uuid, 4);
	return 0;
}

void uuid_format(const uint8_t uuid[16], char text[IDENTITY_UUID_TEXT])
{
	char *p = text;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += sprintf(p, "%02x", uuid[i]);
	}
}
