/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two samples make a screen: on a terminal in place of the last one, elsewhere below it.
 */
#include "top.h"
#include "latency.h"
#include "table.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_S 1
#define INTERVAL_MOST_S 86400

static const char *const counters[] = { "reads", "writes", "bytes_read", "bytes_written" };

#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static const struct {
	const char *member;
	unsigned int per_mille;
} percentiles[] = { { "p50_us", 500 }, { "p99_us", 990 }, { "p999_us", 999 } };

#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))
/* More than any daemon has; what is beyond is not looked at. */
#define BUCKETS_MOST 1024

static json_int_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* ---- from counters to rates ---------------------------------------------------------------- */

/* Whether both are counted of the same thing: all but the counters is equal. */
static bool is_same(const json_t *a, const json_t *b, const char *const *names)
{
	for (; *names; names++)
		if (!json_equal(json_object_get(a, *names), json_object_get(b, *names)))
			return false;
	return true;
}

static const json_t *find_same(const json_t *list, const json_t *row, const char *const *names)
{
	json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
		if (is_same(other, row, names))
			return other;
	return NULL;
}

/* A second's part of what came since; what is new has no past. */
static json_int_t rate(const json_t *before, const json_t *now, const char *counter, double seconds)
{
	json_int_t more = number_of(now, counter) - number_of(before, counter);

	return more > 0 && before ? (json_int_t)((double)more / seconds + 0.5) : 0;
}

static void add_rates(json_t *row, const json_t *before, const json_t *now, double seconds)
{
	for (size_t i = 0; i < COUNTERS; i++)
		json_object_set_new(row, counters[i],
				    json_integer(number_of(row, counters[i]) +
						 rate(before, now, counters[i], seconds)));
}

/* ---- from counts to percentiles ------------------------------------------------------------- */

static uint64_t count_at(const json_t *list, size_t i)
{
	return (uint64_t)json_integer_value(json_array_get(list, i));
}

/* Adds what came since to the row's counts; what is new has no past. */
static void add_latencies(json_t *row, const json_t *before, const json_t *now)
{
	const json_t *then = json_object_get(before, "latency"), *count;
	json_t *sum = json_object_get(row, "latency");
	size_t i;

	if (!sum)
		json_object_set_new(row, "latency", sum = json_array());
	if (!before)
		return;
	json_array_foreach(json_object_get(now, "latency"), i, count) {
		uint64_t more = latency_since((uint32_t)count_at(then, i),
					      (uint32_t)json_integer_value(count));

		if (i == json_array_size(sum))
			json_array_append_new(sum, json_integer(0));
		json_array_set_new(sum, i, json_integer((json_int_t)(count_at(sum, i) + more)));
	}
}

static size_t numbers_of(const json_t *list, uint64_t numbers[BUCKETS_MOST])
{
	size_t size = json_array_size(list), count = size < BUCKETS_MOST ? size : BUCKETS_MOST;

	for (size_t i = 0; i < count; i++)
		numbers[i] = count_at(list, i);
	return count;
}

/* In place of the counts; null: nothing is known. */
static void tell_percentiles(json_t *row, const json_t *now)
{
	uint64_t counts[BUCKETS_MOST], bounds[BUCKETS_MOST] = { 0 };
	size_t count = numbers_of(json_object_get(row, "latency"), counts);

	numbers_of(json_object_get(now, "latency_ns"), bounds);
	for (size_t i = 0; i < PERCENTILES; i++) {
		uint64_t ns = latency_percentile(counts, bounds, count, percentiles[i].per_mille);

		json_object_set_new(row, percentiles[i].member,
				    ns ? json_integer((json_int_t)((ns + 999) / 1000)) : json_null());
	}
	json_object_del(row, "latency");
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void add(json_t *row, const json_t *before, const json_t *now, double seconds)
{
	add_rates(row, before, now, seconds);
	add_latencies(row, before, now);
}

static json_t *namespace_rows(const json_t *last, const json_t *now, double seconds)
{
	static const char *const names[] = { "subsystem", "nsid", NULL };
	json_t *rows = json_array(), *ns;
	size_t i;

	json_array_foreach(json_object_get(now, "namespaces"), i, ns) {
		json_t *row = json_pack("{s:O, s:O}", "subsystem", json_object_get(ns, "subsystem"),
					"nsid", json_object_get(ns, "nsid"));

		add(row, find_same(json_object_get(last, "namespaces"), ns, names), ns, seconds);
		tell_percentiles(row, now);
		json_array_append_new(rows, row);
	}
	return rows;
}

/* The row of a queue's host. */
static json_t *host_row(json_t *rows, const json_t *queue)
{
	static const char *const names[] = { "host", "subsystem", NULL };
	json_t *row = (json_t *)find_same(rows, queue, names);

	if (row)
		return row;
	row = json_pack("{s:O, s:O}", "host", json_object_get(queue, "host"), "subsystem",
			json_object_get(queue, "subsystem"));
	json_array_append_new(rows, row);
	return row;
}

static json_t *host_rows(const json_t *last, const json_t *now, double seconds)
{
	static const char *const names[] = { "host", "subsystem", "cntlid", "qid", NULL };
	json_t *rows = json_array(), *q, *row;
	size_t i;

	json_array_foreach(json_object_get(now, "queues"), i, q)
		add(host_row(rows, q), find_same(json_object_get(last, "queues"), q, names), q,
		    seconds);
	json_array_foreach(rows, i, row)
		tell_percentiles(row, now);
	return rows;
}

/* ---- showing ------------------------------------------------------------------------------------ */

#define RATES { "reads", "READ/s", false }, { "writes", "WRITE/s", false }, \
	{ "bytes_read", "READ B/s", true }, { "bytes_written", "WRITTEN B/s", true }, \
	{ "p50_us", "P50 us", false }, { "p99_us", "P99 us", false }

static const struct column namespace_columns[] = {
	{ "nsid", "NSID", false }, RATES, { "subsystem", "SUBSYSTEM", false }, { NULL, NULL, false },
};
static const struct column host_columns[] = {
	{ "host", "HOST", false }, RATES, { "subsystem", "SUBSYSTEM", false }, { NULL, NULL, false },
};

static int show(const struct request *r, const json_t *last, const json_t *now)
{
	double seconds = (double)(number_of(now, "ns") - number_of(last, "ns")) / 1e9;
	json_t *namespaces = namespace_rows(last, now, seconds);
	json_t *hosts = host_rows(last, now, seconds);

	if (r->as_json)
		return table_print_json(json_pack("{s:o, s:o}", "namespaces", namespaces, "hosts", hosts));
	/* Home, and what was there goes. */
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	table_print(namespace_columns, namespaces, false);
	putchar('\n');
	table_print(host_columns, hosts, false);
	putchar('\n');
	return 0;
}

int top(const struct request *r)
{
	json_int_t count = number_of(r->params, "count"), interval = number_of(r->params, "interval");
	const struct timespec pause = { .tv_sec = interval ? interval : INTERVAL_S };
	json_t *last = client_call(r->fd, "nvmfd_get_iostat", NULL), *now;
	int failed = last ? 0 : FAILED;

	if (interval > INTERVAL_MOST_S)
		failed = wrong("interval: at most %d seconds", INTERVAL_MOST_S);
	for (json_int_t i = 0; !failed && (!count || i < count); i++) {
		nanosleep(&pause, NULL);
		now = client_call(r->fd, "nvmfd_get_iostat", NULL);
		failed = now ? show(r, last, now) : FAILED;
		/* Who reads no more ends it. */
		if (fflush(stdout))
			failed = fail("could not write the output");
		json_decref(last);
		last = now;
	}
	json_decref(last);
	return failed;
}
