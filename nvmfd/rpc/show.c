/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc/show.h"
#include "device_spec.h"

#include <stdio.h>
#include <string.h>

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

void rpc_end_change(struct rpc_call *c, int r, int code)
{
	if (!r)
		rpc_result(c, json_true());
	else
		rpc_error(c, code, "%s", model_error(rpc_model(c)));
}

const struct subsystem *rpc_find_subsystem(struct rpc_call *c, const char *nqn)
{
	const struct snapshot *s = rpc_snapshot(c);
	const struct subsystem *found = snapshot_subsystem(s, nqn);

	if (!found && !strcmp(nqn, NQN_DISCOVERY))
		found = s->discovery;
	if (!found)
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: there is no subsystem '%.223s'",
			  nqn);
	return found;
}
