/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"
#include "json.h"
#include "number.h"

#include <stdio.h>

static const struct {
	const char *name, *words;
	double share;
} percentiles[] = {
	{ "p50", "median", 0.5 }, { "p90", "90 %", 0.9 }, { "p99", "99 %", 0.99 },
	{ "p99.9", "99.9 %", 0.999 }, { "p99.99", "99.99 %", 0.9999 },
};

#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

struct rates {
	double iops, mib, mean, least;	/* latencies in us */
};

static struct rates rates_of(const struct report *r)
{
	double ios = (double)(r->tally->reads + r->tally->writes);

	return (struct rates){
		.iops = ios / r->seconds,
		.mib = ios * (double)r->io_size / 1048576 / r->seconds,
		.mean = ios > 0 ? (double)r->tally->sum / ios / 1000 : 0,
		.least = ios > 0 ? us(r->tally->least) : 0,
	};
}

static json_t *latencies(const struct report *r, const struct rates *rates)
{
	json_t *o = json_object();

	json_add(o, "mean", json_real(rates->mean));
	json_add(o, "min", json_real(rates->least));
	json_add(o, "max", json_real(us(r->tally->most)));
	for (size_t i = 0; i < PERCENTILES; i++)
		json_add(o, percentiles[i].name,
			 json_real(us(tally_percentile(r->tally, percentiles[i].share))));
	return o;
}

static int print_json(const struct report *r, const struct rates *rates)
{
	json_t *o = json_object();

	json_add_number(o, "size", r->io_size);
	json_add_number(o, "depth", r->depth);
	json_add_number(o, "controllers", r->controllers);
	json_add_number(o, "queues", r->queues);
	json_add_number(o, "threads", r->threads);
	json_add_number(o, "read_percent", r->read_percent);
	json_add_bool(o, "sequential", r->is_sequential);
	json_add_bool(o, "spin", r->spins);
	if (r->spins)
		json_add(o, "busy", json_real(r->busy));
	json_add_bool(o, "verified", r->verifies);
	json_add(o, "seconds", json_real(r->seconds));
	json_add_number(o, "reads", r->tally->reads);
	json_add_number(o, "writes", r->tally->writes);
	json_add(o, "iops", json_real(rates->iops));
	json_add(o, "mib_per_second", json_real(rates->mib));
	json_add(o, "latency_us", latencies(r, rates));
	return json_print(o, stdout);
}

static int print(const struct report *r, const struct rates *rates)
{
	char size[SIZE_TEXT];

	printf("%s, %u %s of depth %u, %u %% reads, %s, %.1f s%s\n",
	       size_text((double)r->io_size, size), r->queues,
	       r->queues == 1 ? "queue" : "queues", r->depth, r->read_percent,
	       r->is_sequential ? "sequential" : "random", r->seconds,
	       r->verifies ? ", verified" : "");
	printf("  %.0f IOPS   %.1f MiB/s   %llu reads, %llu writes\n", rates->iops, rates->mib,
	       (unsigned long long)r->tally->reads, (unsigned long long)r->tally->writes);
	printf("  latency   mean %.1f us   min %.1f   max %.1f\n", rates->mean, rates->least,
	       us(r->tally->most));
	for (size_t i = 0; i < PERCENTILES; i++)
		printf("%s%s %.1f", i ? "   " : "            ", percentiles[i].words,
		       us(tally_percentile(r->tally, percentiles[i].share)));
	printf("\n");
	return 0;
}

int report_print(const struct report *r, bool as_json)
{
	struct rates rates = rates_of(r);

	return as_json ? print_json(r, &rates) : print(r, &rates);
}
