/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SPDK's statistics of devices.  Latencies are sums, in ns, as counted on the data path; the
 * longest and the shortest are not known of reads and writes apart, nor is anything by
 * channel: these are not shown.
 */
#include "rpc/methods.h"
#include "rpc/show.h"

#include <errno.h>
#include <string.h>

struct iostat_params {
	const char *name, *reset_mode;
	const json_t *names;
};

#define ROW_OF struct iostat_params

static const struct rpc_param get_rows[] = {
	ROW(name, RPC_TEXT, name), ROW(names, RPC_TEXTS, names),
	ROW(reset_mode, RPC_TEXT, reset_mode), NO(per_channel), ROWS_END,
};
static const struct rpc_param reset_rows[] = {
	ROW(name, RPC_TEXT, name), ROW(mode, RPC_TEXT, reset_mode), ROWS_END,
};
const struct rpc_params rpc_iostat_params = { get_rows, sizeof(struct iostat_params) };
const struct rpc_params rpc_reset_iostat_params = { reset_rows, sizeof(struct iostat_params) };

#undef ROW_OF

/* ---- which devices ------------------------------------------------------------------- */

static bool is_wanted(const struct snapshot *s, const struct iostat_params *p,
		      const struct device *d)
{
	const json_t *wanted;
	size_t i;

	if (p->name && find_device(s, p->name) != d)
		return false;
	if (!p->names)
		return true;
	json_array_foreach(p->names, i, wanted)
		if (find_device(s, json_string_value(wanted)) == d)
			return true;
	return false;
}

/* The first that is asked for and is not there; NULL: all are. */
static const char *find_missing(const struct snapshot *s, const struct iostat_params *p)
{
	const json_t *wanted;
	size_t i;

	if (p->name && !find_device(s, p->name))
		return p->name;
	json_array_foreach(p->names, i, wanted)
		if (!find_device(s, json_string_value(wanted)))
			return json_string_value(wanted);
	return NULL;
}

/* ---- what is reset --------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool is_all;		/* else what we have none of */
} modes[] = { { "all", true }, { "maxmin", false }, { "error", false }, { "none", false } };

#define MODES (sizeof(modes) / sizeof(modes[0]))

/* False: there is no such mode. */
static bool take_mode(const char *name, bool *is_all)
{
	for (size_t i = 0; i < MODES; i++) {
		if (strcmp(modes[i].name, name))
			continue;
		*is_all = modes[i].is_all;
		return true;
	}
	return false;
}

/* False: the call has ended. */
static bool check_call(struct rpc_call *c, const char *mode, bool *is_all)
{
	const char *missing = find_missing(rpc_snapshot(c), c->params);

	if (missing)
		rpc_error(c, -ENODEV, "%s: '%.64s'", strerror(ENODEV), missing);
	else if (!take_mode(mode, is_all))
		rpc_error(c, RPC_INVALID_PARAMS, "Invalid parameters: there is no mode '%.32s', but "
			  "all, maxmin, error and none", mode);
	else
		return true;
	return false;
}

/* Hosts go on to see it all: these are the namespaces' own counters. */
static void reset(const struct rpc_call *c)
{
	const struct snapshot *s = rpc_snapshot(c);

	for (unsigned int i = 0; i < s->devices.count; i++) {
		struct device *d = s->devices.at[i];

		if (is_wanted(s, c->params, d))
			d->unseen = device_health(s, d);
	}
}

void rpc_reset_iostat(struct rpc_call *c)
{
	const struct iostat_params *p = c->params;
	bool is_all;

	if (!check_call(c, p->reset_mode ? p->reset_mode : "all", &is_all))
		return;
	if (is_all)
		reset(c);
	rpc_result(c, json_true());
}

/* ---- what is shown ----------------------------------------------------------------------- */

/* A record that drains is missed as it changes hands: better none than less than none. */
static json_t *since(uint64_t now, uint64_t then)
{
	return json_integer(now > then ? (json_int_t)(now - then) : 0);
}

static json_t *show_iostat(const struct snapshot *s, const struct device *d)
{
	const struct health_total h = device_health(s, d), *before = &d->unseen;

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", d->name,
			 "bytes_read", since(h.sectors_read * 512, before->sectors_read * 512),
			 "num_read_ops", since(h.reads, before->reads), "bytes_written",
			 since(h.sectors_written * 512, before->sectors_written * 512),
			 "num_write_ops", since(h.writes, before->writes), "bytes_copied",
			 since(h.sectors_copied * 512, before->sectors_copied * 512),
			 "num_copy_ops", since(h.copies, before->copies), "read_latency_ticks",
			 since(h.read_ns, before->read_ns), "write_latency_ticks",
			 since(h.write_ns, before->write_ns));
}

void rpc_get_iostat(struct rpc_call *c)
{
	const struct iostat_params *p = c->params;
	const struct snapshot *s = rpc_snapshot(c);
	json_t *list;
	bool is_reset;

	if (!check_call(c, p->reset_mode ? p->reset_mode : "none", &is_reset))
		return;
	list = json_array();
	for (unsigned int i = 0; i < s->devices.count; i++) {
		const struct device *d = s->devices.at[i];

		if (is_wanted(s, p, d))
			json_array_append_new(list, show_iostat(s, d));
	}
	if (is_reset)
		reset(c);
	rpc_result(c, json_pack("{s:I, s:I, s:o}", "tick_rate", (json_int_t)NS_PER_S, "ticks",
				(json_int_t)worker_clock(), "bdevs", list));
}
