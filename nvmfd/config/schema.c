/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/schema.h"
#include "config/value.h"

#include <stdlib.h>
#include <string.h>

#define TABLE(what, rows, type, ...) \
	{ .name = (what), .keys = (rows), .key_count = sizeof(rows) / sizeof((rows)[0]), \
	  .size = sizeof(type), ##__VA_ARGS__ }

#define NQN_EXPECTED "a name of 1 to 223 bytes without control characters and slashes"
#define SUBSYSTEM_EXPECTED NQN_EXPECTED ", other than that of the discovery subsystem"
#define ANY_TEXT_EXPECTED "printable ASCII characters"
#define NO_KEYS "\"\": nvmfd can't authenticate hosts yet"
#define NO_PI "0: nvmfd has no protection information yet"
#define NO_TLS "nvmfd has no TLS yet"
/* Hosts are told this as the highest one; --nn allows no more. */
#define NSID_MOST 65535

/* Numbers that stand for something else in the text. */
static const char *const families[] = { [CONFIG_IPV4] = "ipv4", [CONFIG_IPV6] = "ipv6", NULL };
static const char *const transports[] = { "tcp", NULL };
static const char *const secure_channels[] = { "not specified", "not required", NULL };
static const char *const any_channels[] = { "not specified", "required", "not required", NULL };
static const char *const securities[] = { "none", "", NULL };
static const char *const ana_states[] = {
	[CONFIG_ANA_OPTIMIZED] = "optimized", [CONFIG_ANA_NON_OPTIMIZED] = "non-optimized",
	[CONFIG_ANA_INACCESSIBLE] = "inaccessible", [CONFIG_ANA_PERSISTENT_LOSS] = "persistent-loss",
	[CONFIG_ANA_CHANGE] = "change", NULL,
};
static const char *const seconds[] = {
	[CONFIG_SECOND_ALLOW] = "allow", [CONFIG_SECOND_FENCE] = "fence", NULL,
};

/* ---- hosts ----------------------------------------------------------------------- */

#define AT(field) .offset = offsetof(struct config_host, field)
static const struct config_key dhchap_keys[] = {
	{ .name = "ctrl_key", .kind = CONFIG_TEXT, AT(dhchap_ctrl_key), .is_secret = true,
	  .is_good = value_is_empty, .expected = NO_KEYS },
	{ .name = "dhgroup", .kind = CONFIG_TEXT, AT(dhchap_dhgroup),
	  .is_good = value_is_plain, .expected = ANY_TEXT_EXPECTED },
	{ .name = "hash", .kind = CONFIG_TEXT, AT(dhchap_hash),
	  .is_good = value_is_plain, .expected = ANY_TEXT_EXPECTED },
	{ .name = "key", .kind = CONFIG_TEXT, AT(dhchap_key), .is_secret = true,
	  .is_good = value_is_empty, .expected = NO_KEYS },
};
static const struct config_table of_dhchap = TABLE("dhchap", dhchap_keys, struct config_host);

static const struct config_key host_keys[] = {
	{ .name = "dhchap", .kind = CONFIG_GROUP, AT(has_dhchap), .of = &of_dhchap },
	{ .name = "nqn", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(nqn),
	  .is_good = value_is_name, .expected = NQN_EXPECTED },
};
#undef AT
const struct config_table config_of_host = TABLE("a host", host_keys, struct config_host);

/* ---- ports ----------------------------------------------------------------------- */

#define AT(field) .offset = offsetof(struct config_ana_group, field)
static const struct config_key ana_keys[] = {
	{ .name = "state", .kind = CONFIG_CHOICE, AT(state), .choices = ana_states },
};
static const struct config_table of_ana = TABLE("ana", ana_keys, struct config_ana_group);

static const struct config_key ana_group_keys[] = {
	{ .name = "ana", .kind = CONFIG_GROUP, AT(has_ana), .of = &of_ana },
	{ .name = "grpid", .kind = CONFIG_INTEGER, .need = CONFIG_MUST, AT(grpid), .least = 1, .most = 1024 },
};
#undef AT
const struct config_table config_of_ana_group =
	TABLE("an ANA group", ana_group_keys, struct config_ana_group);

#define AT(field) .offset = offsetof(struct config_referral, field)
static const struct config_key referral_addr_keys[] = {
	{ .name = "adrfam", .kind = CONFIG_CHOICE, AT(adrfam), .choices = families },
	{ .name = "portid", .kind = CONFIG_DECIMAL, AT(portid), .most = 65535 },
	{ .name = "traddr", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(traddr),
	  .is_good = value_is_address, .expected = "an IPv4 or IPv6 address" },
	{ .name = "treq", .kind = CONFIG_CHOICE, AT(treq), .choices = any_channels },
	{ .name = "trsvcid", .kind = CONFIG_DECIMAL, .need = CONFIG_MUST, AT(trsvcid), .least = 1, .most = 65535 },
	{ .name = "trtype", .kind = CONFIG_CHOICE, .need = CONFIG_MUST, AT(trtype), .choices = transports,
	  .expected = "\"tcp\": nvmfd has no other transport" },
};
static const struct config_table of_referral_addr =
	TABLE("addr", referral_addr_keys, struct config_referral);

static const struct config_key referral_keys[] = {
	{ .name = "addr", .kind = CONFIG_GROUP, .need = CONFIG_MUST, AT(has_addr), .of = &of_referral_addr },
	{ .name = "enable", .kind = CONFIG_INTEGER, AT(enable), .most = 1 },
	{ .name = "name", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(name),
	  .is_good = value_is_name, .expected = NQN_EXPECTED },
};
#undef AT
const struct config_table config_of_referral =
	TABLE("a referral", referral_keys, struct config_referral);

#define AT(field) .offset = offsetof(struct config_port, field)
#define COUNT(field) .count_offset = offsetof(struct config_port, field)
static const struct config_key addr_keys[] = {
	{ .name = "adrfam", .kind = CONFIG_CHOICE, AT(adrfam), .choices = families },
	{ .name = "traddr", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(traddr),
	  .is_good = value_is_address, .expected = "an IPv4 or IPv6 address" },
	{ .name = "treq", .kind = CONFIG_CHOICE, AT(treq), .choices = secure_channels,
	  .expected = "\"not specified\" or \"not required\": " NO_TLS },
	{ .name = "trsvcid", .kind = CONFIG_DECIMAL, .need = CONFIG_MUST, AT(trsvcid), .most = 65535 },
	{ .name = "trtype", .kind = CONFIG_CHOICE, .need = CONFIG_MUST, AT(trtype), .choices = transports,
	  .expected = "\"tcp\": nvmfd has no other transport" },
	{ .name = "tsas", .kind = CONFIG_CHOICE, AT(tsas), .choices = securities,
	  .expected = "\"none\": " NO_TLS },
};
static const struct config_table of_addr = TABLE("addr", addr_keys, struct config_port);

/* -1 leaves it to the transport. */
static const struct config_key param_keys[] = {
	{ .name = "inline_data_size", .kind = CONFIG_DECIMAL, AT(inline_data_size),
	  .least = -1, .most = 128 << 10, .standard = -1 },
	{ .name = "max_queue_size", .kind = CONFIG_DECIMAL, AT(max_queue_size),
	  .least = -1, .most = 65536, .standard = -1 },
	{ .name = "mdts", .kind = CONFIG_DECIMAL, AT(mdts), .least = -1, .most = 255, .standard = -1 },
	{ .name = "pi_enable", .kind = CONFIG_DECIMAL, AT(pi_enable), .expected = NO_PI },
};
static const struct config_table of_param = TABLE("param", param_keys, struct config_port);

static const struct config_key port_keys[] = {
	{ .name = "addr", .kind = CONFIG_GROUP, .need = CONFIG_MUST, AT(has_addr), .of = &of_addr },
	{ .name = "ana_groups", .kind = CONFIG_LIST, AT(ana_groups), COUNT(ana_group_count),
	  .of = &config_of_ana_group },
	{ .name = "param", .kind = CONFIG_GROUP, AT(has_param), .of = &of_param },
	{ .name = "portid", .kind = CONFIG_INTEGER, .need = CONFIG_MUST, AT(portid), .most = 65535 },
	{ .name = "referrals", .kind = CONFIG_LIST, AT(referrals), COUNT(referral_count),
	  .of = &config_of_referral },
	{ .name = "subsystems", .kind = CONFIG_NAMES, AT(subsystems), COUNT(subsystem_count),
	  .is_good = value_is_subsystem, .expected = SUBSYSTEM_EXPECTED },
};
#undef AT
#undef COUNT
const struct config_table config_of_port = TABLE("a port", port_keys, struct config_port);

/* ---- subsystems ------------------------------------------------------------------ */

#define AT(field) .offset = offsetof(struct config_namespace, field)
static const struct config_key device_group_keys[] = {
	{ .name = "nguid", .kind = CONFIG_ID, AT(nguid) },
	{ .name = "path", .kind = CONFIG_TEXT, AT(path) },
	{ .name = "uuid", .kind = CONFIG_ID, AT(uuid) },
};
static const struct config_table of_device_group =
	TABLE("device", device_group_keys, struct config_namespace);

static const struct config_key ns_ana_keys[] = {
	{ .name = "grpid", .kind = CONFIG_DECIMAL, AT(grpid), .least = 1, .most = 1024, .standard = 1 },
};
static const struct config_table of_ns_ana = TABLE("ana", ns_ana_keys, struct config_namespace);

static const struct config_key resv_keys[] = {
	{ .name = "enable", .kind = CONFIG_DECIMAL, AT(resv_enable),
	  .expected = "0: nvmfd has no reservations yet" },
};
static const struct config_table of_resv = TABLE("resv", resv_keys, struct config_namespace);

static const struct config_key namespace_keys[] = {
	{ .name = "ana", .kind = CONFIG_GROUP, AT(has_ana), .of = &of_ns_ana },
	/* 0: saved from a kernel without ANA. */
	{ .name = "ana_grpid", .kind = CONFIG_INTEGER, AT(ana_grpid), .most = 1024, .standard = 1 },
	{ .name = "device", .kind = CONFIG_GROUP, AT(has_device), .of = &of_device_group },
	{ .name = "enable", .kind = CONFIG_INTEGER, AT(enable), .most = 1 },
	{ .name = "nsid", .kind = CONFIG_INTEGER, .need = CONFIG_MUST, AT(nsid), .least = 1, .most = NSID_MOST },
	{ .name = "resv", .kind = CONFIG_GROUP, AT(has_resv), .of = &of_resv },
};
#undef AT
const struct config_table config_of_namespace =
	TABLE("a namespace", namespace_keys, struct config_namespace);

#define AT(field) .offset = offsetof(struct config_passthru, field)
static const struct config_key passthru_device_keys[] = {
	{ .name = "path", .kind = CONFIG_TEXT, AT(path) },
};
static const struct config_table of_passthru_device =
	TABLE("device", passthru_device_keys, struct config_passthru);

static const struct config_key passthru_keys[] = {
	{ .name = "admin_timeout", .kind = CONFIG_INTEGER, AT(admin_timeout), .most = UINT32_MAX },
	{ .name = "clear_ids", .kind = CONFIG_INTEGER, AT(clear_ids), .most = UINT32_MAX },
	{ .name = "device", .kind = CONFIG_GROUP, AT(has_device), .of = &of_passthru_device },
	{ .name = "enable", .kind = CONFIG_INTEGER, AT(enable),
	  .expected = "0: nvmfd can't pass commands through" },
	{ .name = "io_timeout", .kind = CONFIG_INTEGER, AT(io_timeout), .most = UINT32_MAX },
};
#undef AT
static const struct config_table of_passthru =
	TABLE("passthru", passthru_keys, struct config_passthru);

#define AT(field) .offset = offsetof(struct config_subsystem, field)
#define COUNT(field) .count_offset = offsetof(struct config_subsystem, field)
static const struct config_key attr_keys[] = {
	{ .name = "allow_any_host", .kind = CONFIG_DECIMAL, AT(allow_any_host), .most = 1 },
	{ .name = "cntlid_max", .kind = CONFIG_DECIMAL, AT(cntlid_max),
	  .least = 1, .most = 65519, .standard = 65519 },
	{ .name = "cntlid_min", .kind = CONFIG_DECIMAL, AT(cntlid_min), .least = 1, .most = 65519, .standard = 1 },
	{ .name = "firmware", .kind = CONFIG_TEXT, AT(firmware),
	  .is_good = value_is_firmware, .expected = "1 to 8 printable ASCII characters" },
	{ .name = "ieee_oui", .kind = CONFIG_HEX, AT(ieee_oui), .most = 0xffffff, .digits = 6 },
	{ .name = "model", .kind = CONFIG_TEXT, AT(model),
	  .is_good = value_is_model, .expected = "1 to 40 printable ASCII characters" },
	{ .name = "pi_enable", .kind = CONFIG_DECIMAL, AT(pi_enable), .expected = NO_PI },
	{ .name = "qid_max", .kind = CONFIG_DECIMAL, AT(qid_max), .least = 1, .most = 65535, .standard = 128 },
	{ .name = "serial", .kind = CONFIG_TEXT, AT(serial),
	  .is_good = value_is_serial, .expected = "1 to 20 printable ASCII characters" },
	{ .name = "subsys_vendor_id", .kind = CONFIG_HEX, AT(subsys_vendor_id), .digits = 1,
	  .expected = "0x0: nvmfd's controllers have no PCI vendor" },
	{ .name = "vendor_id", .kind = CONFIG_HEX, AT(vendor_id), .digits = 1,
	  .expected = "0x0: nvmfd's controllers have no PCI vendor" },
	{ .name = "version", .kind = CONFIG_TEXT, AT(version),
	  .is_good = value_is_version, .expected = "a version such as 1.4 or 2.1" },
};
static const struct config_table of_attr = TABLE("attr", attr_keys, struct config_subsystem);

static const struct config_key subsystem_keys[] = {
	{ .name = "allowed_hosts", .kind = CONFIG_NAMES, AT(allowed_hosts), COUNT(allowed_host_count),
	  .is_good = value_is_name, .expected = NQN_EXPECTED },
	{ .name = "attr", .kind = CONFIG_GROUP, AT(has_attr), .of = &of_attr },
	{ .name = "namespaces", .kind = CONFIG_LIST, AT(namespaces), COUNT(namespace_count),
	  .of = &config_of_namespace },
	{ .name = "nqn", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(nqn),
	  .is_good = value_is_subsystem, .expected = SUBSYSTEM_EXPECTED },
	{ .name = "passthru", .kind = CONFIG_LIST, .need = CONFIG_FEW, AT(passthru), COUNT(passthru_count),
	  .of = &of_passthru },
};
#undef AT
#undef COUNT
const struct config_table config_of_subsystem =
	TABLE("a subsystem", subsystem_keys, struct config_subsystem);

/* ---- ours ------------------------------------------------------------------------ */

#define AT(field) .offset = offsetof(struct config_device, field)
static const struct config_key device_keys[] = {
	{ .name = "device", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(device) },
	{ .name = "name", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(name),
	  .is_good = value_is_device_name,
	  .expected = "1 to 64 printable ASCII characters without slashes" },
};
#undef AT
const struct config_table config_of_device = TABLE("a device", device_keys, struct config_device);

#define AT(field) .offset = offsetof(struct config_own_namespace, field)
#define COUNT(field) .count_offset = offsetof(struct config_own_namespace, field)
static const struct config_key own_namespace_keys[] = {
	{ .name = "eui64", .kind = CONFIG_TEXT, AT(eui64), .is_good = value_is_eui64,
	  .expected = "16 hexadecimal digits" },
	{ .name = "hidden", .kind = CONFIG_INTEGER, AT(hidden), .most = 1 },
	{ .name = "hosts", .kind = CONFIG_NAMES, .need = CONFIG_FEW, AT(hosts), COUNT(host_count),
	  .is_good = value_is_name, .expected = NQN_EXPECTED },
	{ .name = "nsid", .kind = CONFIG_INTEGER, .need = CONFIG_MUST, AT(nsid), .least = 1, .most = NSID_MOST },
	{ .name = "read_only", .kind = CONFIG_INTEGER, AT(read_only), .most = 1 },
	{ .name = "write_protected", .kind = CONFIG_INTEGER, AT(write_protected), .most = 1 },
};
#undef AT
#undef COUNT
const struct config_table config_of_own_namespace =
	TABLE("a namespace of nvmfd", own_namespace_keys, struct config_own_namespace);

#define AT(field) .offset = offsetof(struct config_own_subsystem, field)
#define COUNT(field) .count_offset = offsetof(struct config_own_subsystem, field)
static const struct config_key own_subsystem_keys[] = {
	{ .name = "addresses", .kind = CONFIG_NAMES, .need = CONFIG_FEW, AT(addresses), COUNT(address_count),
	  .is_good = value_is_prefix,
	  .expected = "an address or a prefix such as \"192.0.2.0/24\"" },
	{ .name = "namespaces", .kind = CONFIG_LIST, .need = CONFIG_FEW, AT(namespaces),
	  COUNT(namespace_count), .of = &config_of_own_namespace },
	{ .name = "nn", .kind = CONFIG_INTEGER, AT(nn), .least = 1, .most = NSID_MOST },
	{ .name = "nqn", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(nqn),
	  .is_good = value_is_subsystem, .expected = SUBSYSTEM_EXPECTED },
	{ .name = "second_connection", .kind = CONFIG_CHOICE, AT(second_connection), .choices = seconds },
};
#undef AT
#undef COUNT
const struct config_table config_of_own_subsystem =
	TABLE("a subsystem of nvmfd", own_subsystem_keys, struct config_own_subsystem);

#define AT(field) .offset = offsetof(struct config_own_referral, field)
static const struct config_key own_referral_keys[] = {
	{ .name = "nqn", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(nqn),
	  .is_good = value_is_name, .expected = NQN_EXPECTED },
	{ .name = "traddr", .kind = CONFIG_TEXT, .need = CONFIG_MUST, AT(traddr),
	  .is_good = value_is_address, .expected = "an IPv4 or IPv6 address" },
	{ .name = "trsvcid", .kind = CONFIG_DECIMAL, .need = CONFIG_MUST, AT(trsvcid), .least = 1, .most = 65535 },
};
#undef AT
const struct config_table config_of_own_referral =
	TABLE("a referral of nvmfd", own_referral_keys, struct config_own_referral);

#define AT(field) .offset = offsetof(struct config, field)
#define COUNT(field) .count_offset = offsetof(struct config, field)
static const struct config_key own_keys[] = {
	{ .name = "devices", .kind = CONFIG_LIST, .need = CONFIG_FEW, AT(devices), COUNT(device_count),
	  .of = &config_of_device },
	{ .name = "discovery_only", .kind = CONFIG_NAMES, .need = CONFIG_FEW, AT(discovery_only),
	  COUNT(discovery_only_count), .is_good = value_is_port_number,
	  .expected = "a portid as text, from 0 to 65535" },
	{ .name = "referrals", .kind = CONFIG_LIST, .need = CONFIG_FEW, AT(own_referrals),
	  COUNT(own_referral_count), .of = &config_of_own_referral },
	{ .name = "subsystems", .kind = CONFIG_LIST, .need = CONFIG_FEW, AT(own_subsystems),
	  COUNT(own_subsystem_count), .of = &config_of_own_subsystem },
};
static const struct config_table of_own = TABLE("nvmfd", own_keys, struct config, .has_settings = true);

static const struct config_key discovery_keys[] = {
	{ .name = "nqn", .kind = CONFIG_TEXT, AT(discovery_nqn), .is_good = value_is_name,
	  .expected = NQN_EXPECTED },
};
static const struct config_table of_discovery = TABLE("discovery", discovery_keys, struct config);

static const struct config_key root_keys[] = {
	{ .name = "discovery", .kind = CONFIG_GROUP, AT(has_discovery), .of = &of_discovery },
	{ .name = "hosts", .kind = CONFIG_LIST, AT(hosts), COUNT(host_count), .of = &config_of_host },
	{ .name = "nvmfd", .kind = CONFIG_GROUP, AT(has_own), .of = &of_own },
	{ .name = "ports", .kind = CONFIG_LIST, AT(ports), COUNT(port_count), .of = &config_of_port },
	{ .name = "subsystems", .kind = CONFIG_LIST, AT(subsystems), COUNT(subsystem_count),
	  .of = &config_of_subsystem },
};
#undef AT
#undef COUNT
const struct config_table config_root = TABLE("the file", root_keys, struct config);

/* ---- what the tables alone tell ---------------------------------------------------- */

static void free_names(const struct config_key *key, void *object)
{
	char ***names = config_field(object, key->offset);

	for (size_t i = 0; i < *config_count_of(object, key); i++)
		free((*names)[i]);
	free(*names);
	*names = NULL;
	*config_count_of(object, key) = 0;
}

static void free_list(const struct config_key *key, void *object)
{
	void **list = config_field(object, key->offset);

	for (size_t i = 0; i < *config_count_of(object, key); i++)
		config_object_free(key->of, config_element(object, key, i));
	free(*list);
	*list = NULL;
	*config_count_of(object, key) = 0;
}

static void free_keys(const struct config_table *table, void *object)
{
	for (size_t i = 0; i < table->key_count; i++) {
		const struct config_key *key = &table->keys[i];

		if (key->kind == CONFIG_TEXT)
			free(*config_text_of(object, key));
		else if (key->kind == CONFIG_NAMES)
			free_names(key, object);
		else if (key->kind == CONFIG_LIST)
			free_list(key, object);
		else if (key->kind == CONFIG_GROUP)
			free_keys(key->of, object);
	}
}

void config_object_free(const struct config_table *table, void *object)
{
	free_keys(table, object);
	memset(object, 0, table->size);
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool is_same(const struct config_key *key, const void *a, const void *b)
{
	switch (key->kind) {
	case CONFIG_TEXT:
		return is_same_text(*config_text_of(a, key), *config_text_of(b, key));
	case CONFIG_ID:
		return !memcmp(((struct config_id *)config_field(a, key->offset))->bytes,
			       ((struct config_id *)config_field(b, key->offset))->bytes, 16);
	case CONFIG_GROUP:
		return config_object_equal(key->of, a, b);
	case CONFIG_LIST:
	case CONFIG_NAMES:
		return true;
	default:
		return config_number_of(a, key)->value == config_number_of(b, key)->value;
	}
}

bool config_object_equal(const struct config_table *table, const void *a, const void *b)
{
	for (size_t i = 0; i < table->key_count; i++)
		if (!is_same(&table->keys[i], a, b))
			return false;
	return true;
}
