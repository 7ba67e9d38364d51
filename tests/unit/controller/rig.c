/* SPDX-License-Identifier: BSD-2-Clause */
#include "rig.h"
#include "../worker/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void nap(void)
{
	usleep(2000);
}

/* ---- the log -------------------------------------------------------------------------- */

static void say(void *context, enum log_level level, const char *sentence)
{
	struct rig *rig = context;
	size_t used;

	pthread_mutex_lock(&rig->lock);
	used = strlen(rig->said);
	snprintf(rig->said + used, sizeof(rig->said) - used, "%s\n", sentence);
	pthread_mutex_unlock(&rig->lock);
}

bool rig_has_said(struct rig *rig, const char *words)
{
	bool has;

	pthread_mutex_lock(&rig->lock);
	has = strstr(rig->said, words);
	pthread_mutex_unlock(&rig->lock);
	return has;
}

struct health_total rig_health(const struct rig *rig)
{
	return life_health(snapshot_subsystem(rig->model.current, RIG_NQN)->life);
}

/* ---- storage -------------------------------------------------------------------------- */

static int storage_submit(struct backend *b, struct backend_lane *lane, struct backend_op *op)
{
	struct rig *rig = container_of(b, struct rig, storage);
	struct station *s = container_of(lane, struct station, lane);
	int result;

	pthread_mutex_lock(&rig->lock);
	result = op->opcode == BACKEND_ZERO && rig->zero_result ? rig->zero_result : rig->result;
	rig->seen[rig->seen_count++ % 1024] = (struct rig_seen){ op->opcode, op->length };
	if (rig->is_holding && !result) {
		assert_in_range(rig->held_count, 0, RIG_HELD - 1);
		rig->holder[rig->held_count] = s->worker;
		rig->held[rig->held_count++] = op;
		result = BACKEND_PENDING;
	}
	pthread_mutex_unlock(&rig->lock);
	return result;
}

static void storage_close(struct backend *b)
{
}

static int storage_resize(struct backend *b, uint64_t bytes, uint64_t *now)
{
	*now = bytes;
	return 0;
}

static void storage_write(struct backend *b, const struct backend_write *w, unsigned int n)
{
	struct rig *rig = container_of(b, struct rig, storage);

	pthread_mutex_lock(&rig->lock);
	rig->put_off += n;
	if (n > rig->most_together)
		rig->most_together = n;
	pthread_mutex_unlock(&rig->lock);
}

static const struct backend_ops storage_ops = {
	.write = storage_write,
	.submit = storage_submit, .resize = storage_resize, .close = storage_close,
};

void rig_hold(struct rig *rig)
{
	pthread_mutex_lock(&rig->lock);
	rig->is_holding = true;
	pthread_mutex_unlock(&rig->lock);
}

static void finish_op(void *argument)
{
	struct backend_op *op = argument;

	op->done(op, 0);
}

void rig_release(struct rig *rig)
{
	for (;;) {
		struct backend_op *op = NULL;
		struct worker *w = NULL;

		pthread_mutex_lock(&rig->lock);
		rig->is_holding = false;
		if (rig->held_count) {
			op = rig->held[--rig->held_count];
			w = rig->holder[rig->held_count];
		}
		pthread_mutex_unlock(&rig->lock);
		if (!op)
			return;
		rig_on(rig, w->index, finish_op, op);
	}
}

/* ---- waiting --------------------------------------------------------------------------- */

static void await(struct rig *rig, bool (*is_so)(struct rig *, unsigned int), unsigned int n)
{
	for (int ms = 0; ms < RIG_PATIENCE_MS; ms += 2) {
		if (is_so(rig, n))
			return;
		nap();
	}
	fail_msg("waited too long; the log:\n%s", rig->said);
}

static bool has_held(struct rig *rig, unsigned int n)
{
	bool has;

	pthread_mutex_lock(&rig->lock);
	has = rig->held_count == n;
	pthread_mutex_unlock(&rig->lock);
	return has;
}

static bool has_queues(struct rig *rig, unsigned int n)
{
	return target_queues(&rig->target) == n;
}

static bool has_controllers(struct rig *rig, unsigned int n)
{
	return registry_count(&rig->target.registry) == n;
}

unsigned int rig_held(struct rig *rig)
{
	unsigned int count;

	pthread_mutex_lock(&rig->lock);
	count = rig->held_count;
	pthread_mutex_unlock(&rig->lock);
	return count;
}

void rig_await_held(struct rig *rig, unsigned int count)
{
	await(rig, has_held, count);
}

void rig_await_queues(struct rig *rig, unsigned int count)
{
	await(rig, has_queues, count);
}

void rig_await_controllers(struct rig *rig, unsigned int count)
{
	await(rig, has_controllers, count);
}

struct controller *rig_controller(struct rig *rig)
{
	return list_entry(rig->target.registry.controllers.next, struct controller, link);
}

void rig_on(struct rig *rig, unsigned int worker, void (*run)(void *), void *argument)
{
	run_on(rig->target.stations[worker].worker, run, argument);
}

/* ---- changes of the model ------------------------------------------------------------------ */

struct visit {
	struct station *station;
	const struct snapshot *next;
};

static void follow(void *argument)
{
	const struct visit *v = argument;

	station_follow(v->station, v->next);
}

static void tell(void *argument)
{
	station_tell(((struct visit *)argument)->station);
}

static int publish(struct model_runtime *rt, const struct snapshot *last,
		   const struct snapshot *next, char *error, size_t error_size)
{
	struct rig *rig = container_of(rt, struct rig, runtime);

	for (unsigned int i = 0; i < RIG_WORKERS; i++)
		rig_on(rig, i, follow, &(struct visit){ &rig->target.stations[i], next });
	for (unsigned int i = 0; i < RIG_WORKERS; i++)
		rig_on(rig, i, tell, &(struct visit){ &rig->target.stations[i], next });
	return 0;
}

/* No socket listens: hosts come by pairs of sockets. */
static int open_port(struct model_runtime *rt, struct port *p, char *error, size_t error_size)
{
	return 0;
}

static void close_port(struct model_runtime *rt, uint64_t key)
{
}

static void pass_time(struct model_runtime *rt)
{
	usleep(1000);
}

/* ---- opening and closing ----------------------------------------------------------------- */

static void open_model(struct rig *rig, const struct rig_settings *s)
{
	struct limits limits = {
		.mdts = 1 << 20, .in_capsule = 16384, .io_queues = 16, .queue_entries = 1024,
		.nn = 16, .handshake_s = s->handshake_s ? s->handshake_s : 60,
		.association_s = s->association_s ? s->association_s : 60 };
	struct namespace_settings ns = { .nsid = 1, .device = "storage", .derives_id = true };
	struct port_settings port = { .address = "127.0.0.1", .service = 4420 };
	struct subsystem_settings sub;
	struct model *m = &rig->model;

	rig->storage = (struct backend){
		.ops = &storage_ops,
		.info = { .size = RIG_BLOCKS * 512, .block_size = 512, .alignment = 1,
			  .write_unit = s->write_unit, .write_optimal = s->write_optimal,
			  .deallocate_unit = s->deallocate_unit,
			  .io_boundary = s->io_boundary, .is_immediate = s->is_immediate,
			  .has_volatile_cache = s->has_volatile_cache } };
	assert_int_equal(model_open(m, &limits, RIG_WORKERS), 0);
	assert_int_equal(model_default_subsystem(m, RIG_NQN, "1", &sub), 0);
	assert_int_equal(model_add_subsystem(m, &sub), 0);
	assert_int_equal(model_add_device(m, "storage", NULL, &rig->storage), 0);
	assert_int_equal(model_add_namespace(m, RIG_NQN, &ns), 0);
	assert_int_equal(model_add_port(m, &port), 0);
	assert_int_equal(model_link(m, port.id, RIG_NQN), 0);
	rig->port_id = port.id;
	rig->port_key = snapshot_port(model_snapshot(m), port.id)->key;
}

static void open_station(struct rig *rig, unsigned int i, const struct rig_settings *s)
{
	struct worker_settings settings = { .buffers = s->buffers ? s->buffers : 8 << 20,
					    .largest = 1 << 20, .in_capsule = 16384,
					    .log = &rig->log };
	struct station *st = &rig->target.stations[i];
	char error[256];

	assert_int_equal(worker_open(&st->worker, i, &settings, error, sizeof(error)), 0);
	st->worker->attached = st;
	station_open(st, &rig->target, rig->model.current);
	st->lane.timers = &st->worker->timers;
	assert_int_equal(worker_start(st->worker), 0);
}

void rig_open(struct rig *rig, const struct rig_settings *settings)
{
	static const struct rig_settings usual;
	const struct rig_settings *s = settings ? settings : &usual;

	memset(rig, 0, sizeof(*rig));
	pthread_mutex_init(&rig->lock, NULL);
	rig->log = (struct log){ .level = LOG_DEBUG, .write = say, .context = rig };
	open_model(rig, s);
	rig->target.limits = rig->model.limits;
	rig->target.log = &rig->log;
	rig->target.tcp = (struct tcp_config){ .in_capsule_max = 16384, .maxh2cdata = 1 << 20 };
	registry_open(&rig->target.registry);
	rig->target.stations = calloc(RIG_WORKERS, sizeof(*rig->target.stations));
	rig->target.station_count = RIG_WORKERS;
	for (unsigned int i = 0; i < RIG_WORKERS; i++)
		open_station(rig, i, s);
	rig->runtime = (struct model_runtime){ open_port, close_port, publish, pass_time };
	rig->model.runtime = &rig->runtime;
}

static void end_all(void *station)
{
	target_end_all(station);
}

void rig_close(struct rig *rig)
{
	for (unsigned int i = 0; i < RIG_WORKERS; i++)
		rig_on(rig, i, end_all, &rig->target.stations[i]);
	rig_release(rig);
	rig_await_queues(rig, 0);
	rig_await_controllers(rig, 0);
	for (unsigned int i = 0; i < RIG_WORKERS; i++)
		worker_stop(rig->target.stations[i].worker);
	for (unsigned int i = 0; i < RIG_WORKERS; i++) {
		assert_int_equal(pool_used(rig->target.stations[i].worker->pool), 0);
		station_close(&rig->target.stations[i]);
		worker_close(rig->target.stations[i].worker);
	}
	free(rig->target.stations);
	registry_close(&rig->target.registry);
	rig->model.runtime = NULL;
	model_close(&rig->model);
	pthread_mutex_destroy(&rig->lock);
}
