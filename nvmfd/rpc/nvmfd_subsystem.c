/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own methods about subsystems: everything that the model knows of one, and its changes. */
#include "rpc/methods.h"
#include "rpc/show.h"
#include "nvmf/version.h"
#include "wire/nqn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct settings_params {
	const char *nqn, *serial_number, *model_number, *firmware, *second_connection;
	bool allow_any_host;
	uint32_t oui, max_namespaces, max_io_queues;
	uint16_t min_cntlid, max_cntlid;
};

#define ROW_OF struct settings_params

static const struct rpc_param settings_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), ROW(serial_number, RPC_TEXT, serial_number),
	ROW(model_number, RPC_TEXT, model_number), ROW(firmware, RPC_TEXT, firmware),
	ROW(oui, RPC_U32, oui), ROW(min_cntlid, RPC_U16, min_cntlid),
	ROW(max_cntlid, RPC_U16, max_cntlid), ROW(max_namespaces, RPC_U32, max_namespaces),
	ROW(max_io_queues, RPC_U32, max_io_queues), ROW(allow_any_host, RPC_BOOL, allow_any_host),
	ROW(second_connection, RPC_TEXT, second_connection), ROWS_END,
};
const struct rpc_params rpc_own_subsystem_params = { settings_rows,
						     sizeof(struct settings_params) };

#undef ROW_OF

/* ---- settings ------------------------------------------------------------------------------ */

static bool is_field(const char *text, size_t size)
{
	size_t length = strlen(text);

	for (const char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			return false;
	return length && length < size;
}

/* The name of the text that can't be, or NULL. */
static const char *take_texts(const struct settings_params *p, struct subsystem_settings *set)
{
	const struct {
		const char *name, *text;
		char *field;
		size_t size;
	} texts[] = {
		{ "serial_number", p->serial_number, set->serial, sizeof(set->serial) },
		{ "model_number", p->model_number, set->model, sizeof(set->model) },
		{ "firmware", p->firmware, set->firmware, sizeof(set->firmware) },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!texts[i].text)
			continue;
		if (!is_field(texts[i].text, texts[i].size))
			return texts[i].name;
		snprintf(texts[i].field, texts[i].size, "%s", texts[i].text);
	}
	return NULL;
}

static void take_numbers(const struct rpc_call *c, struct subsystem_settings *set)
{
	const struct settings_params *p = c->params;

	for (int i = 0; i < 3 && rpc_is_given(c, "oui"); i++)
		set->oui[i] = (uint8_t)(p->oui >> (8 * i));
	if (p->min_cntlid)
		set->cntlid_first = p->min_cntlid;
	if (p->max_cntlid)
		set->cntlid_last = p->max_cntlid;
	if (p->max_namespaces)
		set->nn = p->max_namespaces;
	if (p->max_io_queues)
		set->io_queues = p->max_io_queues;
	if (rpc_is_given(c, "allow_any_host"))
		set->allows_any_host = p->allow_any_host;
}

static const char *const seconds[] = { [SECOND_ALLOWED] = "allow", [SECOND_FENCES] = "fence" };

static bool take_second(const char *word, struct subsystem_settings *set)
{
	for (unsigned int i = 0; word && i < 2; i++) {
		if (strcmp(word, seconds[i]))
			continue;
		set->second = (enum second_connection)i;
		return true;
	}
	return !word;
}

/* False: the call has ended. */
static bool take_settings(struct rpc_call *c, struct subsystem_settings *set)
{
	const struct settings_params *p = c->params;
	const char *wrong = take_texts(p, set);

	take_numbers(c, set);
	if (wrong)
		rpc_error(c, -EINVAL, "'%s' is empty, too long or not plain ASCII", wrong);
	else if (p->oui > 0xffffff)
		rpc_error(c, -EINVAL, "'oui' is more than 24 bits");
	else if (!take_second(p->second_connection, set))
		rpc_error(c, -EINVAL, "'second_connection' is not allow or fence");
	else
		return true;
	return false;
}

/* ---- changes ---------------------------------------------------------------------------------- */

/* Closed, until it is said who may come. */
void rpc_own_add_subsystem(struct rpc_call *c)
{
	const struct settings_params *p = c->params;
	struct subsystem_settings set;
	enum nqn_fault fault = nqn_check(p->nqn, strlen(p->nqn));
	int r;

	if (fault != NQN_GOOD) {
		rpc_error(c, -EINVAL, "the name '%.223s' %s", p->nqn, nqn_fault_text(fault));
		return;
	}
	r = model_default_subsystem(rpc_model(c), p->nqn, NVMF_VERSION, &set);
	if (r) {
		rpc_error(c, r, "no serial number can be derived: %s", strerror(-r));
		return;
	}
	set.allows_any_host = false;
	if (!take_settings(c, &set))
		return;
	r = model_add_subsystem(rpc_model(c), &set);
	rpc_end_change(c, r, r);
}

void rpc_own_set_subsystem(struct rpc_call *c)
{
	const struct settings_params *p = c->params;
	const struct subsystem *s = snapshot_subsystem(rpc_snapshot(c), p->nqn);
	struct subsystem_settings set;
	int r;

	if (!s) {
		rpc_error(c, -ENOENT, "there is no subsystem '%.223s'", p->nqn);
		return;
	}
	set = s->set;
	if (!take_settings(c, &set))
		return;
	r = model_change_subsystem(rpc_model(c), &set);
	rpc_end_change(c, r, r);
}

/* Its ports stay, unlike SPDK's listeners. */
void rpc_own_remove_subsystem(struct rpc_call *c)
{
	const struct nqn_params *p = c->params;
	int r = model_remove_subsystem(rpc_model(c), p->nqn);

	rpc_end_change(c, r, r);
}

/* ---- the discovery subsystem ------------------------------------------------------------------ */

void rpc_own_get_discovery(struct rpc_call *c)
{
	rpc_result(c, json_pack("{s:s}", "nqn", rpc_snapshot(c)->discovery->set.nqn));
}

void rpc_own_set_discovery(struct rpc_call *c)
{
	const struct nqn_params *p = c->params;
	int r = model_set_discovery_nqn(rpc_model(c), p->nqn);

	rpc_end_change(c, r, r);
}

/* ---- addresses that hosts may come from ------------------------------------------------------- */

struct address_params {
	const char *nqn, *address;
};

#define ROW_OF struct address_params

static const struct rpc_param address_rows[] = {
	MUST(nqn, RPC_TEXT, nqn), MUST(address, RPC_TEXT, address), ROWS_END,
};
const struct rpc_params rpc_own_address_params = { address_rows, sizeof(struct address_params) };

#undef ROW_OF

void rpc_own_add_address(struct rpc_call *c)
{
	const struct address_params *p = c->params;
	int r = model_allow_address(rpc_model(c), p->nqn, p->address);

	rpc_end_change(c, r, r);
}

void rpc_own_remove_address(struct rpc_call *c)
{
	const struct address_params *p = c->params;
	int r = model_forbid_address(rpc_model(c), p->nqn, p->address);

	rpc_end_change(c, r, r);
}

/* ---- which there are ---------------------------------------------------------------------------- */

static json_t *show_addresses(const struct subsystem *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->prefixes.count; i++) {
		char text[PREFIX_TEXT];

		prefix_format(s->prefixes.at[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *show_place(const struct ns_place *place)
{
	const struct namespace *ns = place->ns;

	return json_pack("{s:I, s:s, s:I, s:i, s:b, s:b, s:b, s:o, s:o, s:o, s:o}", "nsid",
			 (json_int_t)ns->nsid, "device", ns->device->name, "size",
			 (json_int_t)(ns->blocks << ns->lba_shift), "block_size", 1 << ns->lba_shift,
			 "read_only", ns->is_read_only, "write_protected",
			 atomic_load(&ns->common->is_protected), "hidden", place->is_hidden, "hosts",
			 show_texts(&place->hosts), "uuid", show_uuid(ns->id.uuid), "nguid",
			 show_hex(ns->id.nguid, 16), "eui64", show_hex(ns->id.eui64, 8));
}

static json_t *show_places(const struct subsystem *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->places.count; i++)
		json_array_append_new(list, show_place(s->places.at[i]));
	return list;
}

static json_t *show_ports(const struct snapshot *all, const struct subsystem *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < all->ports.count; i++) {
		const struct port *p = all->ports.at[i];

		if (port_serves(p, s))
			json_array_append_new(list, json_integer(p->id));
	}
	return list;
}

static json_t *show_subsystem(const struct snapshot *all, const struct subsystem *s)
{
	const struct subsystem_settings *set = &s->set;

	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:b, s:s, s:o, s:o, s:o, s:o}",
			 "nqn", set->nqn, "serial_number", set->serial, "model_number", set->model,
			 "firmware", set->firmware, "oui",
			 set->oui[0] | set->oui[1] << 8 | set->oui[2] << 16, "min_cntlid",
			 set->cntlid_first, "max_cntlid", set->cntlid_last, "max_namespaces",
			 (json_int_t)set->nn, "max_io_queues", (json_int_t)set->io_queues,
			 "allow_any_host", set->allows_any_host, "second_connection",
			 seconds[set->second], "hosts", show_texts(&s->hosts), "addresses",
			 show_addresses(s), "namespaces", show_places(s), "ports",
			 show_ports(all, s));
}

void rpc_own_get_subsystems(struct rpc_call *c)
{
	const struct snapshot *all = rpc_snapshot(c);
	json_t *list = json_array();

	for (unsigned int i = 0; i < all->subsystems.count; i++)
		json_array_append_new(list, show_subsystem(all, all->subsystems.at[i]));
	rpc_result(c, list);
}
