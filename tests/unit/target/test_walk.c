/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A random walk through changes of the model while several hosts work.
 *
 * The steady hosts have a namespace that nobody touches: each of their commands
 * succeeds, and reads what they wrote.  The followers are where changes happen: they
 * are thrown out, come again, use what they were last told of, and know of changes by
 * events alone.  In the end what each of them knows is what the model says.
 *
 * WALK_SEED and WALK_STEPS in the environment: another walk.
 */
#include "../unit.h"

#include "backend/registry.h"
#include "model/model.h"
#include "nvmf/host.h"
#include "target/service.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS 3
#define STEADY 2
#define FOLLOWERS 3
#define SUBSYSTEMS 3
#define PORTS 3
#define DEVICES 4			/* of the followers; the last one can be resized */
#define NN 12
#define BLOCK 512u
#define PIECE 4096u
#define PIECES 64			/* of a steady host */
#define NOTHING_FOR_S 20		/* so long a steady host waits for an answer */
#define SETTLE_MS 20000

static struct service service;
static uint16_t tcp_port[PORTS];
static uint64_t seed;
static _Atomic bool must_end, has_settled;

/* ---- chance ---------------------------------------------------------------------------- */

static unsigned int any(uint64_t *state, unsigned int below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(*state >> 33) % below;
}

static unsigned int roll(unsigned int below)
{
	return any(&seed, below);
}

static uint64_t from_environment(const char *name, uint64_t standard)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : standard;
}

/* ---- names ------------------------------------------------------------------------------- */

static const char *nqn_of(unsigned int i)
{
	static const char *const names[SUBSYSTEMS] = {
		"nqn.2026-11.org.example:steady", "nqn.2026-11.org.example:two",
		"nqn.2026-11.org.example:three" };

	return names[i];
}

static const char *host_of(unsigned int i)
{
	static const char *const names[FOLLOWERS] = {
		"nqn.2026-11.org.example:host-one", "nqn.2026-11.org.example:host-two",
		"nqn.2026-11.org.example:host-three" };

	return names[i];
}

static const char *device_of(unsigned int i)
{
	static const char *const names[DEVICES] = { "one", "two", "three", "growing" };

	return names[i];
}

/* ---- steady hosts -------------------------------------------------------------------------- */

static struct nvmf_ctrl *connect_to(const char *nqn, const char *hostnqn, uint16_t port)
{
	struct nvmf_ctrl_options o = NVMF_CTRL_OPTIONS_INIT;
	struct nvmf_ctrl *ctrl;
	char service_text[8];

	snprintf(service_text, sizeof(service_text), "%u", port);
	o.traddr = "127.0.0.1";
	o.trsvcid = service_text;
	o.subnqn = nqn;
	o.hostnqn = hostnqn;
	o.command_timeout_ms = NOTHING_FOR_S * 1000;
	ctrl = nvmf_ctrl_create(&o);
	if (ctrl && !nvmf_ctrl_connect(ctrl) && nvmf_ctrl_open_queues(ctrl, 2, 32) > 0)
		return ctrl;
	nvmf_ctrl_destroy(ctrl);
	return NULL;
}

struct steady {
	pthread_t thread;
	unsigned int index;
	uint64_t seed;
	unsigned long commands;
	char failure[256];		/* "": none */
};

static void fill(char *data, unsigned int host, unsigned int piece, unsigned int version)
{
	for (unsigned int i = 0; i < PIECE; i += 4 * sizeof(i))
		memcpy(data + i, (unsigned int[]){ host, piece, version, i }, 4 * sizeof(i));
}

static bool step_steady(struct steady *s, struct nvmf_queue *q, unsigned int *versions)
{
	char data[PIECE] = "", expected[PIECE] = "";
	unsigned int piece = any(&s->seed, PIECES);
	uint64_t lba = (s->index * PIECES + piece) * (PIECE / BLOCK);
	int r;

	s->commands++;
	if (any(&s->seed, 2) || !versions[piece]) {
		fill(data, s->index, piece, ++versions[piece]);
		r = nvmf_queue_write(q, 1, lba, PIECE / BLOCK, data, PIECE, NULL);
	} else {
		fill(expected, s->index, piece, versions[piece]);
		r = nvmf_queue_read(q, 1, lba, PIECE / BLOCK, data, PIECE, NULL);
		if (!r && memcmp(data, expected, PIECE)) {
			snprintf(s->failure, sizeof(s->failure), "piece %u is not what was written",
				 piece);
			return false;
		}
	}
	if (r)
		snprintf(s->failure, sizeof(s->failure), "%s", nvmf_queue_error(q));
	return !r;
}

static void *be_steady(void *argument)
{
	struct steady *s = argument;
	struct nvmf_ctrl *ctrl = connect_to(nqn_of(0), NULL, tcp_port[0]);
	unsigned int versions[PIECES] = { 0 };

	if (!ctrl)
		snprintf(s->failure, sizeof(s->failure), "can't connect");
	while (ctrl && !must_end)
		if (!step_steady(s, nvmf_ctrl_queue(ctrl, s->commands % 2), versions))
			break;
	nvmf_ctrl_destroy(ctrl);
	return NULL;
}

/* ---- followers ------------------------------------------------------------------------------- */

struct follower {
	pthread_t thread;
	unsigned int index;
	uint64_t seed;
	unsigned long commands, refused, connections, events;
	bool was_told;			/* an event came */
	/* For whoever compares. */
	pthread_mutex_t lock;
	int subsystem;			/* that it is connected to; -1: none */
	uint32_t list[NN + 1];		/* as it was last told, ended by 0 */
};

static void on_event(void *cookie, const struct nvmf_event *event)
{
	struct follower *f = cookie;

	if (event) {
		f->was_told = true;
		f->events++;
	}
}

/* Reads the log, as which the event comes again, and then what there is. */
static bool look(struct follower *f, struct nvmf_ctrl *ctrl, int subsystem)
{
	static _Thread_local uint32_t log[1024], list[1024];

	f->was_told = false;
	if (nvmf_ctrl_get_log(ctrl, 0x04, 0, false, 0, 0, log, sizeof(log), NULL) ||
	    nvmf_ctrl_identify(ctrl, 0x02, 0, 0, list, NULL))
		return false;
	pthread_mutex_lock(&f->lock);
	memcpy(f->list, list, sizeof(f->list));
	f->subsystem = subsystem;
	pthread_mutex_unlock(&f->lock);
	return true;
}

static bool use(struct follower *f, struct nvmf_ctrl *ctrl)
{
	static _Thread_local char data[PIECE];
	struct nvmf_completion c = { 0 };
	struct nvmf_queue *q = nvmf_ctrl_queue(ctrl, any(&f->seed, 2));
	uint32_t nsid = 2 + any(&f->seed, NN);
	int r;

	if (!q)
		return true;
	r = any(&f->seed, 2) ?
		nvmf_queue_read(q, nsid, any(&f->seed, 64), PIECE / BLOCK, data, PIECE, &c) :
		nvmf_queue_write(q, nsid, any(&f->seed, 64), PIECE / BLOCK, data, PIECE, &c);
	f->commands++;
	f->refused += r != 0;
	return !c.error || r == 0;
}

/* As long as it is let, and likes to. */
static void visit(struct follower *f, unsigned int subsystem, unsigned int port)
{
	struct nvmf_ctrl *ctrl = connect_to(nqn_of(subsystem), host_of(f->index), tcp_port[port]);
	bool is_good = ctrl != NULL;
	unsigned int patience = any(&f->seed, 200);

	if (is_good) {
		f->connections++;
		is_good = !nvmf_ctrl_set_feature(ctrl, 0x0b, 0, 0x100, NULL, NULL) &&
			  !nvmf_ctrl_on_event(ctrl, on_event, f) &&
			  look(f, ctrl, (int)subsystem);
	}
	while (is_good && !must_end && (has_settled || patience--)) {
		is_good = nvmf_ctrl_wait(ctrl, 1) >= 0;
		if (is_good && f->was_told)
			is_good = look(f, ctrl, (int)subsystem);
		if (is_good)
			is_good = use(f, ctrl);
	}
	pthread_mutex_lock(&f->lock);
	f->subsystem = must_end ? f->subsystem : -1;
	pthread_mutex_unlock(&f->lock);
	nvmf_ctrl_destroy(ctrl);
}

static void *follow(void *argument)
{
	struct follower *f = argument;

	while (!must_end) {
		visit(f, any(&f->seed, SUBSYSTEMS), any(&f->seed, PORTS));
		usleep(1000);
	}
	return NULL;
}

/* ---- the walk ---------------------------------------------------------------------------------- */

static struct model *m = &service.model;

static int add_namespace(void)
{
	struct namespace_settings set = { .nsid = 2 + roll(NN - 1), .device = device_of(roll(DEVICES)),
					  .derives_id = true, .is_hidden = !roll(3) };

	return model_add_namespace(m, nqn_of(roll(SUBSYSTEMS)), &set);
}

static int remove_namespace(void)
{
	return model_remove_namespace(m, nqn_of(roll(SUBSYSTEMS)), 2 + roll(NN - 1));
}

static int resize(void)
{
	return model_resize_device(m, device_of(DEVICES - 1), (1 + roll(64)) * 16384);
}

static int show(void)
{
	return model_show_namespace(m, nqn_of(roll(SUBSYSTEMS)), 2 + roll(NN - 1),
				    host_of(roll(FOLLOWERS)));
}

static int hide(void)
{
	return model_hide_namespace(m, nqn_of(roll(SUBSYSTEMS)), 2 + roll(NN - 1),
				    host_of(roll(FOLLOWERS)));
}

static int add_subsystem_of(unsigned int i)
{
	struct subsystem_settings set;
	int r = model_default_subsystem(m, nqn_of(i), "1", &set);

	set.second = i == 2 ? SECOND_FENCES : SECOND_ALLOWED;
	return r ? r : model_add_subsystem(m, &set);
}

static int add_subsystem(void)
{
	unsigned int i = 1 + roll(SUBSYSTEMS - 1);
	int r = add_subsystem_of(i);

	return r ? r : model_link(m, (uint16_t)(2 + roll(PORTS - 1)), nqn_of(i));
}

static int remove_subsystem(void)
{
	return roll(3) ? 0 : model_remove_subsystem(m, nqn_of(1 + roll(SUBSYSTEMS - 1)));
}

static int link_port(void)
{
	return model_link(m, (uint16_t)(1 + roll(PORTS)), nqn_of(roll(SUBSYSTEMS)));
}

/* Not that of the steady hosts. */
static int unlink_port(void)
{
	return model_unlink(m, (uint16_t)(2 + roll(PORTS - 1)), nqn_of(roll(SUBSYSTEMS)));
}

static int open_port(unsigned int i)
{
	struct port_settings set = { .has_id = true, .id = (uint16_t)(i + 1), .address = "127.0.0.1",
				     .service = tcp_port[i] };
	int r = model_add_port(m, &set);

	if (!tcp_port[i])		/* else hosts read it already */
		tcp_port[i] = set.service;
	return r;
}

static int add_port(void)
{
	return open_port(1 + roll(PORTS - 1));
}

static int remove_port(void)
{
	return roll(3) ? 0 : model_remove_port(m, (uint16_t)(2 + roll(PORTS - 1)));
}

static int allow_host(void)
{
	return model_allow_host(m, nqn_of(1 + roll(SUBSYSTEMS - 1)), host_of(roll(FOLLOWERS)));
}

static int forbid_host(void)
{
	return model_forbid_host(m, nqn_of(1 + roll(SUBSYSTEMS - 1)), host_of(roll(FOLLOWERS)));
}

static int allow_any(void)
{
	return model_allow_any_host(m, nqn_of(1 + roll(SUBSYSTEMS - 1)), roll(3));
}

static int allow_address(void)
{
	return model_allow_address(m, nqn_of(1), roll(2) ? "127.0.0.0/8" : "192.0.2.0/24");
}

static int forbid_address(void)
{
	return model_forbid_address(m, nqn_of(1), roll(2) ? "127.0.0.0/8" : "192.0.2.0/24");
}

static int (*const changes[])(void) = {
	add_namespace, add_namespace, add_namespace, remove_namespace, remove_namespace, resize,
	resize, show, hide, add_subsystem, add_subsystem, remove_subsystem, link_port, link_port,
	unlink_port, add_port, remove_port, allow_host, forbid_host, allow_any, allow_any,
	allow_address, forbid_address,
};

/* What the model may say of what makes no sense just then. */
static void assert_sensible(int r)
{
	if (r && r != -EEXIST && r != -ENOENT && r != -EINVAL && r != -EADDRINUSE)
		fail_msg("%s: %s", strerror(-r), model_error(m));
}

static void change_once(void)
{
	assert_sensible(changes[roll(sizeof(changes) / sizeof(changes[0]))]());
}

static void change_much(void)
{
	assert_int_equal(model_begin(m), 0);
	for (unsigned int i = roll(6); i--; )
		change_once();
	if (roll(2))
		model_abort(m);
	else if (model_commit(m))
		fail_msg("%s", model_error(m));
}

static void walk(unsigned int steps)
{
	while (steps--) {
		if (roll(4))
			change_once();
		else
			change_much();
		/* Some changes come fast, others when hosts have come back. */
		if (!roll(3))
			usleep(roll(20000));
	}
}

/* ---- what they know in the end ------------------------------------------------------------------ */

static bool knows_all(struct follower *f)
{
	const struct subsystem *s;
	const struct view *v;
	bool knows = true;

	pthread_mutex_lock(&f->lock);
	s = f->subsystem >= 0 ? snapshot_subsystem(m->current, nqn_of((unsigned int)f->subsystem)) :
				NULL;
	v = s ? subsystem_view(s, host_of(f->index)) : NULL;
	for (uint32_t i = 0; v && i <= v->count; i++)
		knows &= f->list[i] == (i < v->count ? v->in_order[i]->nsid : 0);
	pthread_mutex_unlock(&f->lock);
	return s && knows;
}

/* So that each can connect somewhere. */
static void let_all_in(void)
{
	model_allow_any_host(m, nqn_of(0), true);
	for (unsigned int i = 1; i < SUBSYSTEMS; i++)
		model_allow_any_host(m, nqn_of(i), true);
}

static void await_knowledge(struct follower *followers)
{
	for (unsigned int i = 0; i < FOLLOWERS; i++)
		for (int ms = 0; !knows_all(&followers[i]); ms++) {
			if (ms == SETTLE_MS)
				fail_msg("host %u does not know what there is", i);
			usleep(1000);
		}
}

/* From now on all stay, and hear of what comes and goes by events alone. */
static void settle(struct follower *followers)
{
	static int (*const of_namespaces[])(void) = { add_namespace, remove_namespace, show, hide };

	let_all_in();
	has_settled = true;
	await_knowledge(followers);
	for (unsigned int i = 0; i < 10; i++) {
		for (unsigned int k = 0; k < 1 + i; k++)
			assert_sensible(of_namespaces[roll(4)]());
		await_knowledge(followers);
	}
}

/* ---- opening and closing ------------------------------------------------------------------------- */

static void add_device(const char *name, enum backend_kind kind)
{
	struct backend_spec spec = { .kind = kind, .size = 1 << 20, .block_size = BLOCK };
	struct backend *b;
	char error[256];

	assert_int_equal(backend_open(&spec, &b, error, sizeof(error)), 0);
	assert_int_equal(model_add_device(m, name, NULL, b), 0);
}

static void open_service(void)
{
	struct service_settings settings = {
		.limits = { .mdts = 1 << 20, .in_capsule = 16384, .io_queues = 16,
			    .queue_entries = 128, .nn = NN, .handshake_s = 10,
			    .association_s = 120 },
		.tcp = { .in_capsule_max = 16384, .maxh2cdata = 1 << 20 },
		.workers = WORKERS, .buffers = 8 << 20 };
	struct namespace_settings ns = { .nsid = 1, .device = "steady", .derives_id = true };
	char error[256];

	assert_int_equal(service_open(&service, &settings, error, sizeof(error)), 0);
	for (unsigned int i = 0; i < DEVICES; i++)
		add_device(device_of(i), i == DEVICES - 1 ? BACKEND_NULL : BACKEND_MEMORY);
	add_device("steady", BACKEND_MEMORY);
	assert_int_equal(add_subsystem_of(0), 0);
	assert_int_equal(model_add_namespace(m, nqn_of(0), &ns), 0);
	for (unsigned int i = 0; i < PORTS; i++)
		assert_int_equal(open_port(i), 0);
	assert_int_equal(model_link(m, 1, nqn_of(0)), 0);
	assert_int_equal(service_start(&service, error, sizeof(error)), 0);
}

static void a_walk_under_load(void **state)
{
	static struct steady steady[STEADY];
	static struct follower followers[FOLLOWERS];

	seed = from_environment("WALK_SEED", 1);
	open_service();
	for (unsigned int i = 0; i < STEADY; i++) {
		steady[i] = (struct steady){ .index = i, .seed = seed + i };
		assert_int_equal(pthread_create(&steady[i].thread, NULL, be_steady, &steady[i]), 0);
	}
	for (unsigned int i = 0; i < FOLLOWERS; i++) {
		struct follower *f = &followers[i];

		*f = (struct follower){ .index = i, .seed = seed + 100 + i, .subsystem = -1 };
		pthread_mutex_init(&f->lock, NULL);
		assert_int_equal(pthread_create(&f->thread, NULL, follow, f), 0);
	}
	walk((unsigned int)from_environment("WALK_STEPS", 600));
	settle(followers);
	must_end = true;
	for (unsigned int i = 0; i < STEADY; i++)
		pthread_join(steady[i].thread, NULL);
	for (unsigned int i = 0; i < FOLLOWERS; i++)
		pthread_join(followers[i].thread, NULL);
	for (unsigned int i = 0; i < FOLLOWERS; i++)
		print_message("# follower %u: %lu connections, %lu commands, %lu refused, %lu events\n",
			      i, followers[i].connections, followers[i].commands,
			      followers[i].refused, followers[i].events);
	for (unsigned int i = 0; i < STEADY; i++) {
		print_message("# steady %u: %lu commands\n", i, steady[i].commands);
		assert_string_equal(steady[i].failure, "");
		assert_true(steady[i].commands > 10);
	}
	assert_true(service_end(&service, -1));
	service_close(&service);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_walk_under_load) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
