/* SPDX-License-Identifier: BSD-2-Clause */
#include "show.h"
#include "client.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool is_wanted(const struct request *r, const char *name)
{
	return !r->name || !strcmp(r->name, name);
}

/* Prints them; that nothing has the name that was asked for is a mistake. */
static int finish(const struct request *r, const struct column *columns, json_t *rows,
		  const char *what)
{
	if (r->name && !json_array_size(rows)) {
		json_decref(rows);
		return fail("there is no %s '%s'", what, r->name);
	}
	return table_print(columns, rows, r->as_json);
}

/* Those that serve I/O: the first is the discovery subsystem. */
static bool is_nvme(const json_t *subsystem)
{
	return !strcmp(text_of(subsystem, "subtype"), "NVMe");
}

/* ---- subsystems ------------------------------------------------------------------------------ */

static const struct column subsystem_columns[] = {
	{ "nqn", "NQN", false }, { "serial", "SERIAL", false }, { "model", "MODEL", false },
	{ "namespaces", "NAMESPACES", false }, { "listeners", "LISTENERS", false },
	{ "hosts", "HOSTS", false }, { NULL, NULL, false },
};

static json_int_t count_of(const json_t *object, const char *name)
{
	return (json_int_t)json_array_size(json_object_get(object, name));
}

static json_t *subsystem_row(const json_t *s)
{
	bool any = json_is_true(json_object_get(s, "allow_any_host"));

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:o}", "nqn",
			 text_of(s, "nqn"), "serial", text_of(s, "serial_number"), "model",
			 text_of(s, "model_number"), "firmware", text_of(s, "firmware"), "oui",
			 number_of(s, "oui"), "cntlid_min", number_of(s, "min_cntlid"),
			 "cntlid_max", number_of(s, "max_cntlid"), "nn",
			 number_of(s, "max_namespaces"), "io_queues", number_of(s, "max_io_queues"),
			 "second", text_of(s, "second_connection"), "namespaces",
			 count_of(s, "namespaces"), "listeners", count_of(s, "ports"), "hosts",
			 any ? json_string("any") : json_integer(count_of(s, "hosts")));
}

int show_subsystems(const struct request *r)
{
	json_t *all = client_call(r->fd, "nvmfd_get_subsystems", NULL), *rows, *s;
	size_t i;

	if (!all)
		return -1;
	rows = json_array();
	json_array_foreach(all, i, s)
		if (is_wanted(r, text_of(s, "nqn")))
			json_array_append_new(rows, subsystem_row(s));
	json_decref(all);
	return finish(r, subsystem_columns, rows, "subsystem");
}

/* ---- devices ------------------------------------------------------------------------------------ */

static const struct column device_columns[] = {
	{ "name", "NAME", false }, { "kind", "KIND", false }, { "size", "SIZE", true },
	{ "block_size", "BLOCK", false }, { "used", "USED", false },
	{ "bytes_read", "READ", true }, { "bytes_written", "WRITTEN", true },
	{ NULL, NULL, false },
};

static const json_t *find(const json_t *list, const char *member, const char *name)
{
	json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
		if (!strcmp(text_of(value, member), name))
			return value;
	return NULL;
}

static json_t *device_row(const json_t *d, const json_t *stat)
{
	json_int_t block = number_of(d, "block_size");

	return json_pack("{s:s, s:s, s:I, s:I, s:b, s:I, s:I, s:I, s:I}", "name",
			 text_of(d, "name"), "kind", text_of(d, "product_name"), "size",
			 block * number_of(d, "num_blocks"), "block_size", block, "used",
			 json_is_true(json_object_get(d, "claimed")), "reads",
			 number_of(stat, "num_read_ops"), "bytes_read", number_of(stat, "bytes_read"),
			 "writes", number_of(stat, "num_write_ops"), "bytes_written",
			 number_of(stat, "bytes_written"));
}

int show_devices(const struct request *r)
{
	json_t *all = client_call(r->fd, "bdev_get_bdevs", NULL), *rows, *d;
	json_t *stats = all ? client_call(r->fd, "bdev_get_iostat", NULL) : NULL;
	size_t i;

	if (!stats) {
		json_decref(all);
		return -1;
	}
	rows = json_array();
	json_array_foreach(all, i, d) {
		const char *name = text_of(d, "name");

		if (is_wanted(r, name))
			json_array_append_new(rows, device_row(d, find(json_object_get(stats, "bdevs"),
								       "name", name)));
	}
	json_decref(stats);
	json_decref(all);
	return finish(r, device_columns, rows, "device");
}

/* ---- lists of which each subsystem has a part --------------------------------------------------- */

/* What a method says of subsystems; NULL after a sentence, and where the one that is named is
 * not among them. */
static json_t *fetch_subsystems(const struct request *r, const char *method)
{
	json_t *all = client_call(r->fd, method, NULL);

	if (!all || !r->name || find(all, "nqn", r->name))
		return all;
	json_decref(all);
	fail("there is no subsystem '%s'", r->name);
	return NULL;
}

/* Of the subsystem that is named, or of all. */
static int show_parts(const struct request *r, const char *part, const struct column *columns,
		      json_t *(*row)(const json_t *subsystem, const json_t *element))
{
	json_t *all = fetch_subsystems(r, "nvmfd_get_subsystems"), *rows, *s, *element;
	size_t i, k;

	if (!all)
		return -1;
	rows = json_array();
	json_array_foreach(all, i, s)
		json_array_foreach(json_object_get(s, part), k, element)
			if (is_wanted(r, text_of(s, "nqn")))
				json_array_append_new(rows, row(s, element));
	json_decref(all);
	return table_print(columns, rows, r->as_json);
}

static const struct column namespace_columns[] = {
	{ "nsid", "NSID", false }, { "device", "DEVICE", false }, { "size", "SIZE", true },
	{ "block_size", "BLOCK", false }, { "write_protected", "PROTECTED", false },
	{ "uuid", "UUID", false }, { "subsystem", "SUBSYSTEM", false }, { NULL, NULL, false },
};

static json_t *namespace_row(const json_t *s, const json_t *ns)
{
	json_t *row = json_deep_copy(ns);

	json_object_set_new(row, "subsystem", json_string(text_of(s, "nqn")));
	return row;
}

int show_namespaces(const struct request *r)
{
	return show_parts(r, "namespaces", namespace_columns, namespace_row);
}

static const struct column address_columns[] = {
	{ "address", "ADDRESS", false }, { "subsystem", "SUBSYSTEM", false }, { NULL, NULL, false },
};

static json_t *address_row(const json_t *s, const json_t *address)
{
	return json_pack("{s:s, s:s}", "address", json_string_value(address), "subsystem",
			 text_of(s, "nqn"));
}

int show_addresses(const struct request *r)
{
	return show_parts(r, "addresses", address_columns, address_row);
}

/* ---- ports ------------------------------------------------------------------------------------------ */

static const struct column port_columns[] = {
	{ "id", "PORT", false }, { "address", "ADDRESS", false }, { "service", "SERVICE", false },
	{ "subsystems", "SUBSYSTEMS", false }, { NULL, NULL, false },
};

/* By its number, or by the TCP port. */
static bool is_wanted_port(const struct request *r, const json_t *port)
{
	char id[16], service[16];

	snprintf(id, sizeof(id), "%d", (int)number_of(port, "id"));
	snprintf(service, sizeof(service), "%d", (int)number_of(port, "service"));
	return is_wanted(r, id) || is_wanted(r, service);
}

int show_ports(const struct request *r)
{
	json_t *all = client_call(r->fd, "nvmfd_get_ports", NULL), *rows, *port;
	size_t i;

	if (!all)
		return -1;
	rows = json_array();
	json_array_foreach(all, i, port)
		if (is_wanted_port(r, port))
			json_array_append(rows, port);
	json_decref(all);
	return finish(r, port_columns, rows, "port");
}

/* ---- referrals ---------------------------------------------------------------------------------------- */

static const struct column referral_columns[] = {
	{ "address", "ADDRESS", false }, { "service", "SERVICE", false }, { "nqn", "NQN", false },
	{ "portid", "PORT ID", true }, { NULL, NULL, false },
};

int show_referrals(const struct request *r)
{
	json_t *all = client_call(r->fd, "nvmf_discovery_get_referrals", NULL), *rows, *referral;
	size_t i;

	if (!all)
		return -1;
	rows = json_array();
	json_array_foreach(all, i, referral) {
		const json_t *address = json_object_get(referral, "address");

		json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:o}", "address",
			text_of(address, "traddr"), "service", text_of(address, "trsvcid"), "nqn",
			text_of(referral, "subnqn"), "portid",
			json_integer(json_integer_value(json_object_get(referral, "portid")))));
	}
	json_decref(all);
	return table_print(referral_columns, rows, r->as_json);
}

/* ---- queues --------------------------------------------------------------------------------------------- */

static const struct column queue_columns[] = {
	{ "cntlid", "CNTLID", false }, { "qid", "QID", false }, { "state", "STATE", false },
	{ "address", "ADDRESS", false }, { "port", "PORT", false }, { "host", "HOST", false },
	{ "subsystem", "SUBSYSTEM", false }, { NULL, NULL, false },
};

static int add_queues(const struct request *r, json_t *rows, const char *nqn)
{
	json_t *queues = client_call(r->fd, "nvmf_subsystem_get_qpairs",
				     json_pack("{s:s}", "nqn", nqn)), *q;
	size_t i;

	if (!queues)
		return -1;
	json_array_foreach(queues, i, q) {
		const json_t *peer = json_object_get(q, "peer_address");

		json_array_append_new(rows, json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s}", "cntlid",
			number_of(q, "cntlid"), "qid", number_of(q, "qid"), "state",
			text_of(q, "state"), "address", text_of(peer, "traddr"), "port",
			text_of(peer, "trsvcid"), "host", text_of(q, "hostnqn"), "subsystem", nqn));
	}
	json_decref(queues);
	return 0;
}

int show_queues(const struct request *r)
{
	json_t *all = fetch_subsystems(r, "nvmf_get_subsystems"), *rows, *s;
	int failed = 0;
	size_t i;

	if (!all)
		return -1;
	rows = json_array();
	json_array_foreach(all, i, s)
		if (!failed && is_wanted(r, text_of(s, "nqn")))
			failed = add_queues(r, rows, text_of(s, "nqn"));
	json_decref(all);
	if (!failed)
		return table_print(queue_columns, rows, r->as_json);
	json_decref(rows);
	return failed;
}

/* ---- hosts ------------------------------------------------------------------------------------------- */

static const struct column host_columns[] = {
	{ "host", "HOST", false }, { "allowed", "ALLOWED", false },
	{ "controllers", "CONTROLLERS", false }, { "queues", "QUEUES", false },
	{ "subsystem", "SUBSYSTEM", false }, { NULL, NULL, false },
};

static json_t *host_row(json_t *rows, const char *nqn, const json_t *s)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (!strcmp(text_of(row, "host"), nqn) &&
		    !strcmp(text_of(row, "subsystem"), text_of(s, "nqn")))
			return row;
	row = json_pack("{s:s, s:s, s:b, s:i, s:i}", "host", nqn, "subsystem", text_of(s, "nqn"),
			"allowed", json_is_true(json_object_get(s, "allow_any_host")) ||
			find(json_object_get(s, "hosts"), "nqn", nqn), "controllers", 0, "queues", 0);
	json_array_append_new(rows, row);
	return row;
}

static void count_controller(json_t *row, const json_t *c)
{
	json_object_set_new(row, "controllers", json_integer(number_of(row, "controllers") + 1));
	json_object_set_new(row, "queues", json_integer(number_of(row, "queues") +
							number_of(c, "num_io_qpairs")));
}

/* Those that may connect by name, and those that have. */
static int add_hosts(const struct request *r, json_t *rows, const json_t *s)
{
	json_t *connected = client_call(r->fd, "nvmf_subsystem_get_controllers",
					json_pack("{s:s}", "nqn", text_of(s, "nqn"))), *h;
	size_t i;

	if (!connected)
		return -1;
	json_array_foreach(json_object_get(s, "hosts"), i, h)
		if (is_wanted(r, text_of(h, "nqn")))
			host_row(rows, text_of(h, "nqn"), s);
	json_array_foreach(connected, i, h)
		if (is_wanted(r, text_of(h, "hostnqn")))
			count_controller(host_row(rows, text_of(h, "hostnqn"), s), h);
	json_decref(connected);
	return 0;
}

int show_hosts(const struct request *r)
{
	json_t *all = client_call(r->fd, "nvmf_get_subsystems", NULL), *rows, *s;
	int failed = 0;
	size_t i;

	if (!all)
		return -1;
	rows = json_array();
	json_array_foreach(all, i, s)
		if (is_nvme(s) && !failed)
			failed = add_hosts(r, rows, s);
	json_decref(all);
	if (!failed)
		return finish(r, host_columns, rows, "host");
	json_decref(rows);
	return -1;
}

/* ---- all in one ---------------------------------------------------------------------------------------- */

static const struct column status_columns[] = {
	{ "version", "Version", false }, { "subsystems", "Subsystems", false },
	{ "namespaces", "Namespaces", false }, { "devices", "Devices", false },
	{ "controllers", "Admin queues", false }, { "io_queues", "I/O queues", false },
	{ "workers", "Workers", false }, { "commands", "Reads and writes", false },
	{ "log_level", "Log level", false }, { NULL, NULL, false },
};

static void add_to(json_t *object, const char *name, json_int_t more)
{
	json_object_set_new(object, name, json_integer(number_of(object, name) + more));
}

static void count_subsystems(json_t *status, const json_t *all)
{
	json_t *s;
	size_t i;

	json_array_foreach(all, i, s) {
		if (!is_nvme(s))
			continue;
		add_to(status, "subsystems", 1);
		add_to(status, "namespaces",
		       (json_int_t)json_array_size(json_object_get(s, "namespaces")));
	}
}

static void count_workers(json_t *status, const json_t *groups)
{
	json_t *g;
	size_t i;

	json_array_foreach(groups, i, g) {
		add_to(status, "workers", 1);
		add_to(status, "controllers", number_of(g, "current_admin_qpairs"));
		add_to(status, "io_queues", number_of(g, "current_io_qpairs"));
		add_to(status, "commands", number_of(g, "completed_nvme_io"));
	}
}

int show_status(const struct request *r)
{
	static const char *const methods[] = { "spdk_get_version", "nvmf_get_subsystems",
					       "bdev_get_bdevs", "nvmf_get_stats",
					       "log_get_level" };
	json_t *answers[5] = { NULL }, *status = NULL;
	bool has_all = true;

	for (unsigned int i = 0; i < 5 && has_all; i++) {
		answers[i] = client_call(r->fd, methods[i], NULL);
		has_all = answers[i];
	}
	if (has_all) {
		status = json_pack("{s:s, s:i, s:i, s:I, s:i, s:i, s:i, s:i, s:s}", "version",
				   text_of(answers[0], "version"), "subsystems", 0, "namespaces", 0,
				   "devices", (json_int_t)json_array_size(answers[2]), "controllers", 0,
				   "io_queues", 0, "workers", 0, "commands", 0, "log_level",
				   json_string_value(answers[4]));
		count_subsystems(status, answers[1]);
		count_workers(status, json_object_get(answers[3], "poll_groups"));
	}
	for (unsigned int i = 0; i < 5; i++)
		json_decref(answers[i]);
	return has_all ? table_print_one(status_columns, status, r->as_json) : -1;
}
