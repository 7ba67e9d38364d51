/* SPDX-License-Identifier: BSD-2-Clause */
#include "verbs.h"
#include "completion.h"
#include "file.h"
#include "show.h"
#include "top.h"

#include <string.h>

#define PLACE(word, parameter, text, ...) \
	{ .name = (word), .to = (parameter), .what = (text), ##__VA_ARGS__ }
#define KEY(word, parameter, text, ...) \
	{ .name = (word), .to = (parameter), .what = (text), .is_optional = true, ##__VA_ARGS__ }
#define CALL(verb, text, rpc, ...) \
	{ .name = (verb), .what = (text), .method = (rpc), ##__VA_ARGS__ }
#define RUN(verb, text, function, ...) \
	{ .name = (verb), .what = (text), .run = (function), ##__VA_ARGS__ }
#define WORDS_END { .name = NULL }
#define VERBS_END { .name = NULL }

#define SUBSYSTEM PLACE("SUBSYSTEM", "nqn", "the subsystem's NQN", .lists = "subsystem")
#define NSID PLACE("NSID", "nsid", "the namespace's number", .kind = WORD_NUMBER)

/* ---- subsystems ------------------------------------------------------------------------- */

static const struct word one_subsystem[] = {
	PLACE("SUBSYSTEM", "nqn", "its NQN", .is_optional = true, .lists = "subsystem"), WORDS_END,
};
static const struct word new_subsystem[] = { PLACE("NQN", "nqn", "its name"), WORDS_END };
static const struct word the_subsystem[] = { SUBSYSTEM, WORDS_END };
static const struct word subsystem_keys[] = {
	KEY("serial", "serial_number", "the serial number, 1 to 20 characters"),
	KEY("model", "model_number", "the model, 1 to 40 characters"),
	KEY("firmware", "firmware", "the firmware revision, 1 to 8 characters"),
	KEY("oui", "oui", "the IEEE OUI, such as 0x001122", .kind = WORD_NUMBER),
	KEY("cntlid-min", "min_cntlid", "the lowest controller identifier", .kind = WORD_NUMBER),
	KEY("cntlid-max", "max_cntlid", "the highest controller identifier", .kind = WORD_NUMBER),
	KEY("nn", "max_namespaces", "the highest namespace identifier", .kind = WORD_NUMBER),
	KEY("io-queues", "max_io_queues", "most I/O queues of a controller", .kind = WORD_NUMBER),
	KEY("any-host", "allow_any_host", "yes: every host may connect; no: those of its list",
	    .kind = WORD_YES),
	KEY("second", "second_connection",
	    "when a host connects once more: allow it, or fence its old controllers"),
	WORDS_END,
};

static const struct verb subsystem_verbs[] = {
	RUN("show", "List subsystems", show_subsystems, .places = one_subsystem),
	CALL("add", "Add a subsystem; no host may connect until it is allowed to",
	     "nvmfd_add_subsystem", .places = new_subsystem, .keys = subsystem_keys),
	CALL("set", "Change what a subsystem says of itself, and who may connect",
	     "nvmfd_set_subsystem", .places = the_subsystem, .keys = subsystem_keys),
	CALL("remove", "Remove a subsystem, and end its controllers", "nvmfd_remove_subsystem",
	     .places = the_subsystem),
	VERBS_END,
};

/* ---- namespaces ----------------------------------------------------------------------------- */

static const struct word new_ns[] = {
	SUBSYSTEM, PLACE("DEVICE", "device", "the device's name", .lists = "device"), WORDS_END,
};
static const struct word the_ns[] = { SUBSYSTEM, NSID, WORDS_END };
static const struct word ns_of_host[] = {
	SUBSYSTEM, NSID, PLACE("HOSTNQN", "host", "the host's NQN", .lists = "host"), WORDS_END,
};
static const struct word new_ns_keys[] = {
	KEY("nsid", "nsid", "its number; unless given, the lowest free one", .kind = WORD_NUMBER),
	KEY("uuid", "uuid", "its UUID; unless given, derived from NQN and number"),
	KEY("nguid", "nguid", "its NGUID, 32 hexadecimal digits; likewise"),
	KEY("eui64", "eui64", "its EUI-64, 16 hexadecimal digits; likewise"),
	KEY("read-only", "read_only", "yes: hosts may not write", .kind = WORD_YES),
	KEY("write-protected", "write_protected", "yes: likewise, until a host lifts it (feature 84h)",
	    .kind = WORD_YES),
	KEY("hidden", "hidden", "yes: seen by the hosts of `ns allow` alone", .kind = WORD_YES),
	WORDS_END,
};
static const struct word set_ns_keys[] = {
	KEY("device", "device", "another device", .lists = "device"),
	KEY("read-only", "read_only", "yes: hosts may not write", .kind = WORD_YES),
	KEY("write-protected", "write_protected", "yes: likewise, until a host lifts it (feature 84h)",
	    .kind = WORD_YES),
	KEY("hidden", "hidden", "yes: seen by the hosts of `ns allow` alone", .kind = WORD_YES),
	WORDS_END,
};

static const struct verb ns_verbs[] = {
	RUN("show", "List namespaces, of one subsystem or of all", show_namespaces,
	     .places = one_subsystem),
	CALL("add", "Make a device a namespace; prints its number", "nvmfd_add_ns",
	     .places = new_ns, .keys = new_ns_keys),
	CALL("set", "Change a namespace; its identifiers stay", "nvmfd_set_ns", .places = the_ns,
	     .keys = set_ns_keys),
	CALL("remove", "Remove a namespace; its device stays", "nvmf_subsystem_remove_ns",
	     .places = the_ns),
	CALL("allow", "Let a host see a hidden namespace", "nvmf_ns_add_host",
	     .places = ns_of_host),
	CALL("forbid", "Hide it from that host again", "nvmf_ns_remove_host", .places = ns_of_host),
	VERBS_END,
};

/* ---- ports ------------------------------------------------------------------------------------ */

static const struct word one_port[] = {
	PLACE("PORT", NULL, "its number, or its TCP port", .is_optional = true, .lists = "port"),
	WORDS_END,
};
static const struct word the_port[] = {
	PLACE("PORT", "id", "its number", .kind = WORD_NUMBER, .lists = "port"), WORDS_END,
};
static const struct word port_and_subsystem[] = {
	PLACE("PORT", "id", "its number", .kind = WORD_NUMBER, .lists = "port"), SUBSYSTEM,
	WORDS_END,
};
static const struct word new_port[] = {
	PLACE("ADDRESS", "address", "a numeric address; 0.0.0.0 and :: are all"),
	PLACE("SERVICE", "service", "the TCP port; 0: one that is free", .kind = WORD_NUMBER),
	WORDS_END,
};
static const struct word port_keys[] = {
	KEY("id", "id", "its number; unless given, the lowest free one", .kind = WORD_NUMBER),
	KEY("subsystem", "nqn", "a subsystem to serve there at once", .lists = "subsystem"),
	WORDS_END,
};

static const struct verb port_verbs[] = {
	RUN("show", "List where it listens, and what is served there", show_ports,
	     .places = one_port),
	CALL("add", "Listen somewhere, for discovery alone until a subsystem is linked; prints its number",
	     "nvmfd_add_port", .places = new_port, .keys = port_keys),
	CALL("remove", "Listen there no more; the connections that came by it end",
	     "nvmfd_remove_port", .places = the_port),
	CALL("link", "Serve a subsystem at a port", "nvmfd_link_port",
	     .places = port_and_subsystem),
	CALL("unlink", "Serve it there no more", "nvmfd_unlink_port", .places = port_and_subsystem),
	VERBS_END,
};

/* ---- hosts, and where they come from ------------------------------------------------------------ */

static const struct word one_host[] = {
	PLACE("HOSTNQN", NULL, "the host's NQN", .is_optional = true, .lists = "host"), WORDS_END,
};
static const struct word host_of_subsystem[] = {
	SUBSYSTEM, PLACE("HOSTNQN", "host", "the host's NQN", .lists = "host"), WORDS_END,
};
static const struct word address_of_subsystem[] = {
	SUBSYSTEM, PLACE("PREFIX", "address", "an address, or a prefix such as 192.0.2.0/24"),
	WORDS_END,
};

static const struct verb host_verbs[] = {
	RUN("show", "List hosts that are connected, or may connect by name", show_hosts,
	     .places = one_host),
	CALL("add", "Let a host connect to a subsystem", "nvmf_subsystem_add_host",
	     .places = host_of_subsystem),
	CALL("remove", "Let it connect no more, and end its connections",
	     "nvmf_subsystem_remove_host", .places = host_of_subsystem),
	VERBS_END,
};

static const struct verb address_verbs[] = {
	RUN("show", "List where hosts may come from; subsystems without any take all",
	     show_addresses, .places = one_subsystem),
	CALL("add", "Let hosts come from an address", "nvmfd_add_address",
	     .places = address_of_subsystem),
	CALL("remove", "Take an address back", "nvmfd_remove_address",
	     .places = address_of_subsystem),
	VERBS_END,
};

static const struct verb queue_verbs[] = {
	RUN("show", "List queues, and where they come from", show_queues, .places = one_subsystem),
	VERBS_END,
};

/* ---- devices ------------------------------------------------------------------------------------- */

static const struct word one_device[] = {
	PLACE("DEVICE", "name", "its name", .is_optional = true, .lists = "device"), WORDS_END,
};
static const struct word the_device[] = {
	PLACE("DEVICE", "name", "its name", .lists = "device"), WORDS_END,
};
static const struct word new_device[] = {
	PLACE("SPEC", "device", "as on the command line of nvmfd: ramdisk:64M, /dev/sdb?ro"),
	WORDS_END,
};
static const struct word device_keys[] = {
	KEY("name", "name", "what namespaces call it; unless given, device0 and so on"),
	WORDS_END,
};
static const struct word device_and_size[] = {
	PLACE("DEVICE", "name", "its name", .lists = "device"),
	PLACE("SIZE", "size", "in bytes, or with K, M, G or T", .kind = WORD_SIZE), WORDS_END,
};

static const struct verb device_verbs[] = {
	RUN("show", "List devices, and what was read and written", show_devices,
	     .places = one_device),
	CALL("add", "Open a device; prints its name", "nvmfd_add_device", .places = new_device,
	     .keys = device_keys),
	CALL("remove", "Close a device that no namespace uses", "nvmfd_remove_device",
	     .places = the_device),
	CALL("resize", "Give a device another size, which its namespaces follow",
	     "nvmfd_resize_device", .places = device_and_size),
	CALL("rescan", "Look what size somebody else gave it", "nvmfd_resize_device",
	     .places = the_device),
	VERBS_END,
};

/* ---- other discovery controllers --------------------------------------------------------------------- */

static const struct word referral_address[] = {
	PLACE("ADDRESS", "address.traddr", "its numeric address"),
	PLACE("SERVICE", "address.trsvcid", "its TCP port", .kind = WORD_NUMBER_AS_TEXT),
	WORDS_END,
};
static const struct word referral_keys[] = {
	KEY("nqn", "subnqn", "its NQN; unless given, the well-known one"),
	KEY("port-id", "portid", "the number of its port, as told to hosts", .kind = WORD_NUMBER),
	WORDS_END,
};

static const char over_tcp[] = "{\"address\": {\"trtype\": \"TCP\"}}";

static const struct verb referral_verbs[] = {
	RUN("show", "List the discovery controllers that hosts are referred to", show_referrals),
	CALL("add", "Refer hosts to another discovery controller", "nvmf_discovery_add_referral",
	     .places = referral_address, .keys = referral_keys, .fixed = over_tcp),
	CALL("remove", "Refer them there no more", "nvmf_discovery_remove_referral",
	     .places = referral_address, .fixed = over_tcp),
	VERBS_END,
};

/* ---- the discovery subsystem ----------------------------------------------------------------------- */

static const struct word discovery_name[] = { PLACE("NQN", "nqn", "its name"), WORDS_END };

static const struct verb discovery_verbs[] = {
	CALL("show", "Say what it is called", "nvmfd_get_discovery"),
	CALL("set", "Give it a name of its own, or the well-known one again", "nvmfd_set_discovery",
	     .places = discovery_name),
	VERBS_END,
};

/* ---- the daemon ----------------------------------------------------------------------------------------- */

static const struct word level[] = {
	PLACE("LEVEL", "level", "error, warning, notice or debug"), WORDS_END,
};

static const struct verb log_verbs[] = {
	CALL("show", "Say how much is logged", "log_get_level"),
	CALL("set", "Log more, or less", "log_set_level", .places = level),
	VERBS_END,
};

static const struct verb status_verbs[] = {
	RUN("", "Say in few lines what runs", show_status), VERBS_END,
};
static const struct word top_keys[] = {
	KEY("interval", "interval", "seconds between two looks; 1", .kind = WORD_NUMBER),
	KEY("count", "count", "how many; for ever", .kind = WORD_NUMBER), WORDS_END,
};
static const struct verb top_verbs[] = {
	RUN("", "Show what is read and written now, by namespace and by host", top,
	    .keys = top_keys),
	VERBS_END,
};
static const struct word save_places[] = {
	PLACE("FILE", NULL, "where to; - prints it; unless given, the daemon's own file",
	      .is_optional = true), WORDS_END,
};
static const struct verb save_verbs[] = {
	RUN("", "Write what runs to a file that nvmfd -c reads", save, .places = save_places),
	VERBS_END,
};
static const struct verb reload_verbs[] = {
	RUN("", "Have the daemon read its file again, and say what changed", reload), VERBS_END,
};
static const struct verb start_verbs[] = {
	CALL("", "Let a daemon that was started with --wait-for-rpc serve", "framework_start_init"),
	VERBS_END,
};
static const struct verb completion_verbs[] = {
	RUN("", "Print what bash completes words by", print_completion, .needs_no_daemon = true), VERBS_END,
};

const struct object objects[] = {
	{ "status", "What runs, in few lines", status_verbs },
	{ "top", "What is done now, by namespace and by host", top_verbs },
	{ "subsystem", "Subsystems", subsystem_verbs },
	{ "ns", "Namespaces", ns_verbs },
	{ "port", "Where it listens, and what is served there", port_verbs },
	{ "host", "Hosts that are connected, or may connect by name", host_verbs },
	{ "address", "Addresses that hosts may come from", address_verbs },
	{ "queue", "Queues that hosts have", queue_verbs },
	{ "device", "Devices", device_verbs },
	{ "referral", "Other discovery controllers that hosts are told of", referral_verbs },
	{ "discovery", "The discovery subsystem, which every port answers", discovery_verbs },
	{ "save", "Write what runs to a file", save_verbs },
	{ "reload", "Read the daemon's file again", reload_verbs },
	{ "log", "How much the daemon logs", log_verbs },
	{ "start", "Serve, after nvmfd --wait-for-rpc", start_verbs },
	{ "completion", "Words for bash", completion_verbs },
	{ NULL, NULL, NULL },
};

/* ---- names ----------------------------------------------------------------------------------------------- */

const struct object *object_named(const char *name)
{
	for (const struct object *o = objects; o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

const struct verb *verb_named(const struct object *o, const char *name)
{
	for (const struct verb *v = o->verbs; has_verbs(o) && v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

const char *object_name(const void *list, size_t n)
{
	return ((const struct object *)list)[n].name;
}

const char *verb_name(const void *list, size_t n)
{
	return ((const struct verb *)list)[n].name;
}

const char *word_name(const void *list, size_t n)
{
	return list ? ((const struct word *)list)[n].name : NULL;
}
