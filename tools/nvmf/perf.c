/* SPDX-License-Identifier: BSD-2-Clause */
/* perf: how many I/Os, how fast. */
#include "command.h"
#include "json.h"
#include "load.h"
#include "number.h"
#include "session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct perf {
	const struct settings *settings;
	struct nvmf_ctrl *ctrl;
	struct nvmf_ns_info ns;
	struct load_plan plan;
	struct load *loads;
	unsigned int count, started;
	bool has_lost_controller;
	uint64_t begun;
	double seconds;
	struct tally tally;
};

/* ---- preparing ------------------------------------------------------------------------------------ */

static int check_size(const struct perf *p)
{
	const struct settings *s = p->settings;
	struct nvmf_ctrl_info info;

	nvmf_ctrl_info(p->ctrl, &info);
	if (s->io_size % p->ns.block_size)
		return fail("--size: %llu is no multiple of the block size %u",
			    (unsigned long long)s->io_size, p->ns.block_size);
	if (s->io_size > info.max_transfer)
		return fail("--size: the controller takes %u bytes a command", info.max_transfer);
	if (s->io_size / p->ns.block_size > p->ns.blocks)
		return fail("--size: the namespace is smaller");
	return 0;
}

static void make_plan(struct perf *p)
{
	const struct settings *s = p->settings;
	unsigned int room = nvmf_queue_depth(nvmf_ctrl_queue(p->ctrl, 0));

	p->plan.nsid = p->ns.nsid;
	p->plan.block_size = p->ns.block_size;
	p->plan.io_blocks = (uint32_t)(s->io_size / p->ns.block_size);
	p->plan.spots = p->ns.blocks / p->plan.io_blocks;
	p->plan.depth = s->depth < room ? (unsigned int)s->depth : room;
	p->plan.read_percent = (unsigned int)s->read_percent;
	p->plan.is_sequential = s->is_sequential;
}

static int make_loads(struct perf *p)
{
	while (nvmf_ctrl_queue(p->ctrl, p->count))
		p->count++;
	p->loads = calloc(p->count, sizeof(*p->loads));
	if (!p->loads)
		return fail("out of memory");
	for (unsigned int i = 0; i < p->count; i++) {
		if (load_init(&p->loads[i], &p->plan, nvmf_ctrl_queue(p->ctrl, i), i))
			return fail("out of memory for the buffers");
		p->loads[i].next_spot = p->plan.spots / p->count * i;
	}
	return 0;
}

/* Says what is not as it was asked for. */
static void tell_limits(const struct perf *p)
{
	if (p->count < p->settings->queues)
		fprintf(stderr, "nvmf: the controller grants %u of %llu queues\n", p->count,
			(unsigned long long)p->settings->queues);
	if (p->plan.depth < p->settings->depth)
		fprintf(stderr, "nvmf: the controller's queues are %u deep\n", p->plan.depth);
}

/* ---- running ----------------------------------------------------------------------------------------- */

static uint64_t ended(const struct perf *p)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < p->started; i++)
		sum += atomic_load_explicit(&p->loads[i].ended, memory_order_relaxed);
	return sum;
}

static void tell_progress(const struct perf *p, uint64_t now, uint64_t before, uint64_t ios)
{
	double iops = (double)(ios - before);

	fprintf(stderr, "\r%3.0f s  %.0f IOPS  %.1f MiB/s\033[K", (double)(now - p->begun) / 1e9,
		iops, iops * (double)p->settings->io_size / 1048576);
}

static void tell_each_second(const struct perf *p, uint64_t now, uint64_t *told, uint64_t *before)
{
	uint64_t ios;

	if (now - *told < 1000000000u || p->settings->quiet || !isatty(STDERR_FILENO))
		return;
	ios = ended(p);
	tell_progress(p, now, *before, ios);
	*told += 1000000000u;
	*before = ios;
}

static bool is_interrupted(void)
{
	sigset_t pending;

	return !sigpending(&pending) && (sigismember(&pending, SIGINT) ||
					 sigismember(&pending, SIGTERM));
}

/* This thread keeps the controller alive and watches. */
static void watch(struct perf *p)
{
	uint64_t now, told = p->begun, before = 0;

	while ((now = load_now()) < p->plan.end && !atomic_load(&p->plan.stop)) {
		p->has_lost_controller = nvmf_ctrl_wait(p->ctrl, 100) < 0;
		if (p->has_lost_controller || is_interrupted())
			atomic_store(&p->plan.stop, true);
		tell_each_second(p, now, &told, &before);
	}
	if (told != p->begun)
		fprintf(stderr, "\r\033[K");
}

/* An interrupt ends the run early; what was measured is told. */
static void block_interrupts(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int start(struct perf *p)
{
	p->begun = load_now();
	p->plan.end = p->begun + p->settings->seconds * 1000000000u;
	for (; p->started < p->count; p->started++)
		if (load_start(&p->loads[p->started])) {
			atomic_store(&p->plan.stop, true);
			return fail("could not start a thread");
		}
	return 0;
}

static int check_load(const struct load *l)
{
	if (l->has_failed && !l->bad.error)
		return fail("an I/O failed: %s", nvmf_status_text(l->bad.status, false));
	if (l->has_failed || l->error)
		return fail("%s", nvmf_queue_error(l->queue));
	return 0;
}

static int run(struct perf *p)
{
	int result;

	block_interrupts();
	result = start(p);
	if (!result)
		watch(p);
	for (unsigned int i = 0; i < p->started; i++)
		load_join(&p->loads[i]);
	p->seconds = (double)(load_now() - p->begun) / 1e9;
	p->tally.least = UINT64_MAX;
	for (unsigned int i = 0; i < p->started && !result; i++) {
		result = check_load(&p->loads[i]);
		tally_add(&p->tally, &p->loads[i].tally);
	}
	/* The loads were told to stop and may not have noticed why. */
	if (!result && p->has_lost_controller)
		result = fail("%s", nvmf_ctrl_error(p->ctrl));
	return result;
}

/* ---- telling ------------------------------------------------------------------------------------------ */

struct result {
	double iops, mib, mean, least, most, p50, p99, p999;	/* latencies in us */
};

static struct result result_of(const struct perf *p)
{
	const struct tally *t = &p->tally;
	double ios = (double)(t->reads + t->writes);

	return (struct result){
		.iops = ios / p->seconds,
		.mib = ios * (double)p->settings->io_size / 1048576 / p->seconds,
		.mean = ios > 0 ? (double)t->sum / ios / 1000 : 0,
		.least = ios > 0 ? (double)t->least / 1000 : 0,
		.most = (double)t->most / 1000,
		.p50 = (double)tally_percentile(t, 0.5) / 1000,
		.p99 = (double)tally_percentile(t, 0.99) / 1000,
		.p999 = (double)tally_percentile(t, 0.999) / 1000,
	};
}

static int print_json(const struct perf *p, const struct result *r)
{
	json_t *o = json_object(), *l = json_object();

	json_add_number(o, "size", p->settings->io_size);
	json_add_number(o, "depth", p->plan.depth);
	json_add_number(o, "queues", p->count);
	json_add_number(o, "read_percent", p->plan.read_percent);
	json_add_bool(o, "sequential", p->plan.is_sequential);
	json_add(o, "seconds", json_real(p->seconds));
	json_add_number(o, "reads", p->tally.reads);
	json_add_number(o, "writes", p->tally.writes);
	json_add(o, "iops", json_real(r->iops));
	json_add(o, "mib_per_second", json_real(r->mib));
	json_add(l, "mean", json_real(r->mean));
	json_add(l, "min", json_real(r->least));
	json_add(l, "max", json_real(r->most));
	json_add(l, "p50", json_real(r->p50));
	json_add(l, "p99", json_real(r->p99));
	json_add(l, "p99.9", json_real(r->p999));
	json_add(o, "latency_us", l);
	return json_print(o, stdout);
}

static int print(const struct perf *p, const struct result *r)
{
	char size[SIZE_TEXT];

	printf("%s, %u %s of depth %u, %u %% reads, %s, %.1f s\n",
	       size_text((double)p->settings->io_size, size), p->count,
	       p->count == 1 ? "queue" : "queues", p->plan.depth, p->plan.read_percent,
	       p->plan.is_sequential ? "sequential" : "random", p->seconds);
	printf("  %.0f IOPS   %.1f MiB/s   %llu reads, %llu writes\n", r->iops, r->mib,
	       (unsigned long long)p->tally.reads, (unsigned long long)p->tally.writes);
	printf("  latency   mean %.1f us   min %.1f   median %.1f   99 %% %.1f   99.9 %% %.1f   max %.1f\n",
	       r->mean, r->least, r->p50, r->p99, r->p999, r->most);
	return 0;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static int measure(struct perf *p)
{
	struct result r;

	if (session_namespace(p->ctrl, p->settings, &p->ns) || check_size(p))
		return -1;
	make_plan(p);
	if (make_loads(p))
		return -1;
	tell_limits(p);
	if (run(p))
		return -1;
	r = result_of(p);
	return p->settings->json ? print_json(p, &r) : print(p, &r);
}

int run_perf(const struct settings *s)
{
	struct perf p = { .settings = s };
	int result;

	p.ctrl = session_open_io(s, (unsigned int)s->depth + 1);
	if (!p.ctrl)
		return -1;
	result = measure(&p);
	nvmf_ctrl_destroy(p.ctrl);
	for (unsigned int i = 0; p.loads && i < p.count; i++)
		load_free(&p.loads[i]);
	free(p.loads);
	return result;
}
