/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc/show.h"
#include "device_spec.h"
#include "wire/nqn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

json_t *show_hex(const uint8_t *bytes, unsigned int count)
{
	char text[2 * 16 + 1];

	for (unsigned int i = 0; i < count; i++)
		snprintf(text + 2 * i, 3, "%02X", bytes[i]);
	return json_string(text);
}

json_t *show_uuid(const uint8_t uuid[16])
{
	char text[IDENTITY_UUID_TEXT];

	uuid_format(uuid, text);
	return json_string(text);
}

json_t *show_texts(const struct array *texts)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < texts->count; i++)
		json_array_append_new(list, json_string(texts->at[i]));
	return list;
}

json_t *show_address(bool is_ipv6, const char *address, uint16_t service)
{
	char port[8];

	snprintf(port, sizeof(port), "%u", service);
	return json_pack("{s:s, s:s, s:s, s:s}", "trtype", "TCP", "adrfam",
			 is_ipv6 ? "IPv6" : "IPv4", "traddr", address, "trsvcid", port);
}

json_t *show_referral(const struct referral *r, bool with_channel)
{
	json_t *shown = json_pack("{s:o, s:s}", "address",
				  show_address(r->is_ipv6, r->address, r->service), "subnqn", r->nqn);

	if (with_channel)
		json_object_set_new(shown, "secure_channel", json_false());
	if (r->port_id)
		json_object_set_new(shown, "portid", json_integer(r->port_id));
	return shown;
}

bool is_zero(const uint8_t *bytes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

bool show_spec(const struct device *d, struct device_spec *spec)
{
	char error[256];

	return d->text[0] && !device_spec_parse(spec, d->text, error, sizeof(error));
}

static bool given_uuid(const struct device *d, uint8_t uuid[16])
{
	struct device_spec *spec = malloc(sizeof(*spec));
	bool has = spec && show_spec(d, spec) && spec->has_uuid;

	if (has)
		memcpy(uuid, spec->uuid, 16);
	free(spec);
	return has;
}

bool device_uuid(const struct device *d, uint8_t uuid[16], bool *is_given)
{
	struct ns_identity id;

	*is_given = given_uuid(d, uuid);
	if (*is_given)
		return true;
	/* No namespace of any subsystem: neither is there one without a number, nor is this a
	 * subsystem's name. */
	if (identity_of_namespace(d->name, 0, &id))
		return false;
	memcpy(uuid, id.uuid, 16);
	return true;
}

static bool has_uuid_text(const struct device *d, const char *text)
{
	char own[IDENTITY_UUID_TEXT];
	uint8_t uuid[16];
	bool is_given;

	if (!device_uuid(d, uuid, &is_given))
		return false;
	uuid_format(uuid, own);
	return !strcasecmp(own, text);
}

const struct device *find_device(const struct snapshot *all, const char *name)
{
	const struct device *d = snapshot_device(all, name);

	if (d || strlen(name) != IDENTITY_UUID_TEXT - 1)
		return d;
	for (unsigned int i = 0; i < all->devices.count; i++)
		if (has_uuid_text(all->devices.at[i], name))
			return all->devices.at[i];
	return NULL;
}

void rpc_end_change(struct rpc_call *c, int r, int code)
{
	if (!r)
		rpc_result(c, json_true());
	else
		rpc_error(c, code, "%s", model_error(rpc_model(c)));
}

bool rpc_check_nqn(struct rpc_call *c, int code, const char *what, const char *nqn)
{
	enum nqn_fault fault = nqn_check(nqn, strlen(nqn));

	if (fault != NQN_GOOD)
		rpc_error(c, code, "%s: %s '%.223s' %s", code == RPC_INVALID_PARAMS ?
			  "Invalid parameters" : "Internal error", what, nqn,
			  nqn_fault_text(fault));
	return fault == NQN_GOOD;
}

const struct subsystem *rpc_find_subsystem(struct rpc_call *c, const char *nqn)
{
	const struct snapshot *s = rpc_snapshot(c);
	const struct subsystem *found = snapshot_subsystem(s, nqn);

	if (!found)
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: there is no subsystem '%.223s'",
			  nqn);
	return found;
}
