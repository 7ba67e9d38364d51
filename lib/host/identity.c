/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who this host says it is.  A target may refuse a host NQN that comes with
 * another host identifier than before, so that one follows from the other
 * wherever it can.
 */
#include "host/internal.h"
#include "wire/nqn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static unsigned int digit_of(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The text has passed is_uuid_text. */
static void parse_uuid(const char *text, uint8_t id[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		text += *text == '-';
		id[i] = (uint8_t)(digit_of(text[0]) << 4 | digit_of(text[1]));
		text += 2;
	}
}

/* Marks 16 bytes as a UUID of the given version (RFC 9562). */
static void mark_uuid(uint8_t id[16], unsigned int version)
{
	id[6] = (uint8_t)((id[6] & 0x0f) | version << 4);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}

/* FNV-1a over 128 bits: no secret is in it, it has to be steady alone. */
static void hash_name(const char *name, uint8_t id[16])
{
	unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13b;
	unsigned __int128 hash = (unsigned __int128)0x6c62272e07bb0142 << 64 |
				 0x62b821756295c58d;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * prime;
	for (unsigned int i = 0; i < 16; i++)
		id[i] = (uint8_t)(hash >> (120 - 8 * i));
	mark_uuid(id, 8);
}

static int random_id(uint8_t id[16])
{
	if (getrandom(id, 16, 0) != 16)
		return -EIO;
	mark_uuid(id, 4);
	return 0;
}

static int id_from_name(const char *hostnqn, uint8_t id[16])
{
	size_t prefix = strlen(NQN_UUID_PREFIX);

	if (!hostnqn)
		return random_id(id);
	if (!strncmp(hostnqn, NQN_UUID_PREFIX, prefix) &&
	    is_uuid_text(hostnqn + prefix, strlen(hostnqn + prefix)))
		parse_uuid(hostnqn + prefix, id);
	else
		hash_name(hostnqn, id);
	return 0;
}

static char *name_from_id(const uint8_t id[16])
{
	char *name;

	if (asprintf(&name, NQN_UUID_PREFIX "%02x%02x%02x%02x-%02x%02x-%02x%02x-"
		     "%02x%02x-%02x%02x%02x%02x%02x%02x", id[0], id[1], id[2], id[3],
		     id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12],
		     id[13], id[14], id[15]) < 0)
		return NULL;
	return name;
}

int host_ctrl_take_identity(struct nvmf_ctrl *ctrl)
{
	const struct nvmf_ctrl_options *o = &ctrl->options;

	if (o->hostid)
		memcpy(ctrl->hostid, o->hostid, sizeof(ctrl->hostid));
	else if (id_from_name(o->hostnqn, ctrl->hostid))
		return -EIO;
	ctrl->hostnqn = o->hostnqn ? strdup(o->hostnqn) : name_from_id(ctrl->hostid);
	return ctrl->hostnqn ? 0 : -ENOMEM;
}
