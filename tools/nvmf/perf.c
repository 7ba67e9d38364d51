/* SPDX-License-Identifier: BSD-2-Clause */
/* perf: how many I/Os, how fast; and whether what was written is what is read. */
#include "command.h"
#include "driver.h"
#include "number.h"
#include "report.h"
#include "session.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How the whole namespace is written or read: in large commands, few at a time. */
#define WHOLE_SIZE (128u * 1024)
#define WHOLE_DEPTH 8

struct perf {
	const struct settings *settings;
	struct nvmf_ctrl **ctrls;
	unsigned int ctrl_count;
	struct nvmf_queue **queues;
	unsigned int count, threads;
	struct nvmf_ns_info ns;
	struct pattern pattern;
	struct load_plan timed;
	double seconds;			/* of the timed phase */
	struct tally tally;
	double busy;			/* of its threads, the share that found work: who spins */
};

/* One go of all queues: filling, the measured one, or reading back. */
struct phase {
	struct perf *perf;
	struct load_plan *plan;
	struct load *loads;
	struct driver *drivers;
	unsigned int inited, started;	/* drivers */
	const struct nvmf_ctrl *lost;
	uint64_t begun;
};

/* ---- connecting ------------------------------------------------------------------------------------ */

static void add_queues(struct perf *p, struct nvmf_ctrl *ctrl)
{
	struct nvmf_queue *queue;

	for (unsigned int i = 0; (queue = nvmf_ctrl_queue(ctrl, i)); i++)
		p->queues[p->count++] = queue;
}

/* A controller grants as many queues as it likes, so one may not be enough. */
static int connect_all(struct perf *p)
{
	const struct settings *s = p->settings;

	p->ctrls = calloc(s->controllers, sizeof(struct nvmf_ctrl *));
	p->queues = calloc(s->controllers * s->queues, sizeof(struct nvmf_queue *));
	if (!p->ctrls || !p->queues)
		return fail("out of memory");
	while (p->ctrl_count < s->controllers) {
		struct nvmf_ctrl *ctrl = session_open_io(s, (unsigned int)s->depth + 1);

		if (!ctrl)
			return -1;
		p->ctrls[p->ctrl_count++] = ctrl;
		add_queues(p, ctrl);
	}
	return 0;
}

static void disconnect_all(struct perf *p)
{
	for (unsigned int i = 0; i < p->ctrl_count; i++)
		nvmf_ctrl_destroy(p->ctrls[i]);
	free(p->ctrls);
	free(p->queues);
	pattern_free(&p->pattern);
}

/* ---- preparing ------------------------------------------------------------------------------------ */

static uint32_t max_transfer(const struct perf *p)
{
	struct nvmf_ctrl_info info;

	nvmf_ctrl_info(p->ctrls[0], &info);
	return info.max_transfer;
}

static int check_size(const struct perf *p)
{
	const struct settings *s = p->settings;

	if (s->io_size % p->ns.block_size)
		return fail("--size: %llu is no multiple of the block size %u",
			    (unsigned long long)s->io_size, p->ns.block_size);
	if (s->io_size > max_transfer(p))
		return fail("--size: the controller takes %u bytes a command", max_transfer(p));
	if (s->io_size / p->ns.block_size > p->ns.blocks)
		return fail("--size: the namespace is smaller");
	return 0;
}

static unsigned int processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned int)CPU_COUNT(&set);
}

static void choose_threads(struct perf *p)
{
	uint64_t wanted = p->settings->threads;

	p->threads = wanted ? (unsigned int)wanted : processors();
	if (p->threads > p->count)
		p->threads = p->count;
}

static void make_plan(struct perf *p)
{
	const struct settings *s = p->settings;
	unsigned int room = nvmf_queue_depth(p->queues[0]);

	p->timed.nsid = p->ns.nsid;
	p->timed.block_size = p->ns.block_size;
	p->timed.io_blocks = (uint32_t)(s->io_size / p->ns.block_size);
	p->timed.blocks = p->ns.blocks;
	p->timed.spots = p->ns.blocks / p->timed.io_blocks;
	p->timed.depth = s->depth < room ? (unsigned int)s->depth : room;
	p->timed.read_percent = (unsigned int)s->read_percent;
	p->timed.order = s->is_sequential ? LOAD_SEQUENTIAL : LOAD_RANDOM;
}

/* Every command under way has a place of its own then. */
static int make_pattern(struct perf *p)
{
	struct load_plan *t = &p->timed;

	if (t->spots / p->count < t->depth)
		return fail("--verify: the namespace is too small for %u queues of depth %u",
			    p->count, t->depth);
	if (pattern_init(&p->pattern, t->block_size, t->io_blocks, t->blocks))
		return fail("--verify: out of memory for what the blocks hold");
	t->pattern = &p->pattern;
	return 0;
}

/* Says what is not as it was asked for. */
static void tell_limits(const struct perf *p)
{
	unsigned long long wanted = p->settings->queues * p->settings->controllers;

	if (p->count < wanted)
		fprintf(stderr, "nvmf: the controller grants %u of %llu queues\n", p->count,
			wanted);
	if (p->timed.depth < p->settings->depth)
		fprintf(stderr, "nvmf: the controller's queues are %u deep\n", p->timed.depth);
}

static int prepare(struct perf *p)
{
	if (session_namespace(p->ctrls[0], p->settings, &p->ns) || check_size(p))
		return -1;
	choose_threads(p);
	make_plan(p);
	tell_limits(p);
	return p->settings->verify ? make_pattern(p) : 0;
}

/* ---- watching ----------------------------------------------------------------------------------------- */

static uint64_t ended(const struct phase *h)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < h->started; i++)
		sum += atomic_load_explicit(&h->drivers[i].ended, memory_order_relaxed);
	return sum;
}

static void tell_progress(const struct phase *h, uint64_t now, uint64_t before, uint64_t ios)
{
	double iops = (double)(ios - before);
	double size = (double)h->plan->io_blocks * h->plan->block_size;

	fprintf(stderr, "\r%3.0f s  %.0f IOPS  %.1f MiB/s\033[K", (double)(now - h->begun) / 1e9,
		iops, iops * size / 1048576);
}

static void tell_each_second(const struct phase *h, uint64_t now, uint64_t *told, uint64_t *before)
{
	uint64_t ios;

	if (now - *told < 1000000000u || h->perf->settings->quiet || !isatty(STDERR_FILENO))
		return;
	ios = ended(h);
	tell_progress(h, now, *before, ios);
	*told += 1000000000u;
	*before = ios;
}

static bool is_interrupted(void)
{
	sigset_t pending;

	return !sigpending(&pending) && (sigismember(&pending, SIGINT) ||
					 sigismember(&pending, SIGTERM));
}

static bool is_over(const struct phase *h)
{
	for (unsigned int i = 0; i < h->started; i++)
		if (!atomic_load(&h->drivers[i].is_over))
			return false;
	return true;
}

/* Keep alive for each controller; the first's descriptor is the one to sleep on. */
static void keep_alive(struct phase *h)
{
	struct perf *p = h->perf;

	for (unsigned int i = p->ctrl_count; i-- > 0;)
		if (nvmf_ctrl_wait(p->ctrls[i], i ? 0 : 20) < 0)
			h->lost = p->ctrls[i];
}

/* This thread keeps the controllers alive and watches. */
static void watch(struct phase *h)
{
	uint64_t now, told = h->begun, before = 0;

	while ((now = load_now()) < h->plan->end && !atomic_load(&h->plan->stop) && !is_over(h)) {
		keep_alive(h);
		if (h->lost || is_interrupted())
			atomic_store(&h->plan->stop, true);
		tell_each_second(h, now, &told, &before);
	}
	if (told != h->begun)
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

/* ---- a phase ------------------------------------------------------------------------------------------- */

static int make_loads(struct phase *h)
{
	struct perf *p = h->perf;

	h->loads = calloc(p->count, sizeof(*h->loads));
	h->drivers = calloc(p->threads, sizeof(*h->drivers));
	if (!h->loads || !h->drivers)
		return fail("out of memory");
	for (unsigned int i = 0; i < p->count; i++)
		if (load_init(&h->loads[i], h->plan, p->queues[i], i, p->count))
			return fail("out of memory for the buffers");
	return 0;
}

/* Spreads the queues evenly; neighbours share a thread. */
static int make_drivers(struct phase *h)
{
	struct perf *p = h->perf;

	for (unsigned int i = 0; i < p->threads; i++) {
		unsigned int first = p->count * i / p->threads;
		unsigned int end = p->count * (i + 1) / p->threads;

		if (driver_init(&h->drivers[i], h->loads + first, end - first, p->settings->spin))
			return -1;
		h->inited++;
	}
	return 0;
}

static int start(struct phase *h)
{
	for (; h->started < h->inited; h->started++)
		if (driver_start(&h->drivers[h->started])) {
			atomic_store(&h->plan->stop, true);
			return fail("could not start a thread");
		}
	return 0;
}

static int check_load(const struct load *l)
{
	if (l->mismatch[0])
		return fail("verify: %s", l->mismatch);
	if (l->has_failed && !l->bad.error)
		return fail("an I/O failed: %s", nvmf_status_text(l->bad.status, false));
	if (l->has_failed || l->error)
		return fail("%s", nvmf_queue_error(l->queue));
	return 0;
}

/* The loads were told to stop and may not have noticed why: the queues go first. */
static int check_loads(const struct phase *h)
{
	for (unsigned int i = 0; i < h->perf->count; i++)
		if (check_load(&h->loads[i]))
			return -1;
	return h->lost ? fail("%s", nvmf_ctrl_error(h->lost)) : 0;
}

static int run_threads(struct phase *h, uint64_t ns)
{
	int result;

	h->begun = load_now();
	h->plan->end = ns < UINT64_MAX - h->begun ? h->begun + ns : UINT64_MAX;
	result = start(h);
	if (!result)
		watch(h);
	for (unsigned int i = 0; i < h->started; i++)
		driver_join(&h->drivers[i]);
	return result ? result : check_loads(h);
}

static void free_phase(struct phase *h)
{
	for (unsigned int i = 0; i < h->inited; i++)
		driver_free(&h->drivers[i]);
	for (unsigned int i = 0; h->loads && i < h->perf->count; i++)
		load_free(&h->loads[i]);
	free(h->drivers);
	free(h->loads);
}

static void sum_up(struct phase *h)
{
	struct perf *p = h->perf;
	uint64_t finished = h->begun, worked = 0, lasted = 0;

	tally_init(&p->tally);
	for (unsigned int i = 0; i < h->started; i++) {
		const struct driver *d = &h->drivers[i];

		tally_add(&p->tally, &d->tally);
		worked += d->worked;
		lasted += d->finished - d->begun;
		if (d->finished > finished)
			finished = d->finished;
	}
	p->seconds = (double)(finished - h->begun) / 1e9;
	p->busy = lasted ? (double)worked / (double)lasted : 0;
}

static int run_phase(struct perf *p, struct load_plan *plan, uint64_t ns)
{
	struct phase h = { .perf = p, .plan = plan };
	int result;

	result = make_loads(&h) || make_drivers(&h) ? -1 : run_threads(&h, ns);
	if (plan == &p->timed)
		sum_up(&h);
	free_phase(&h);
	return result;
}

/* ---- the whole namespace -------------------------------------------------------------------------------- */

/* The largest commands that the units of the pattern fit in. */
static uint32_t whole_blocks(const struct perf *p)
{
	uint32_t unit = p->timed.io_blocks, most = max_transfer(p);

	if (most > WHOLE_SIZE)
		most = WHOLE_SIZE;
	most /= unit * p->ns.block_size;
	return most ? most * unit : unit;
}

static int do_whole(struct perf *p, unsigned int read_percent)
{
	uint32_t blocks = whole_blocks(p);
	struct load_plan plan = {
		.nsid = p->timed.nsid, .block_size = p->timed.block_size, .io_blocks = blocks,
		.blocks = p->timed.blocks,
		.spots = p->timed.blocks / blocks + (p->timed.blocks % blocks ? 1 : 0),
		.depth = p->timed.depth < WHOLE_DEPTH ? p->timed.depth : WHOLE_DEPTH,
		.read_percent = read_percent, .order = LOAD_ONCE, .pattern = p->timed.pattern };

	if (run_phase(p, &plan, UINT64_MAX))
		return -1;
	return is_interrupted() ? fail("interrupted before all was %s",
				       read_percent ? "read back" : "filled") : 0;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static int tell(const struct perf *p)
{
	const struct settings *s = p->settings;
	struct report report = {
		.io_size = s->io_size, .depth = p->timed.depth,
		.read_percent = p->timed.read_percent, .controllers = p->ctrl_count,
		.queues = p->count, .threads = p->threads,
		.is_sequential = s->is_sequential, .spins = s->spin, .verifies = s->verify,
		.seconds = p->seconds, .busy = p->busy, .tally = &p->tally };

	return report_print(&report, s->json);
}

static int measure(struct perf *p)
{
	const struct settings *s = p->settings;

	block_interrupts();
	if ((s->fill || s->verify) && do_whole(p, 0))
		return -1;
	if (run_phase(p, &p->timed, s->seconds * 1000000000u))
		return -1;
	if (s->verify && do_whole(p, 100))
		return -1;
	return tell(p);
}

int run_perf(const struct settings *s)
{
	struct perf p = { .settings = s };
	int result;

	result = connect_all(&p) || prepare(&p) || measure(&p) ? -1 : 0;
	disconnect_all(&p);
	return result;
}
