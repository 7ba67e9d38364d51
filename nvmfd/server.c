/* SPDX-License-Identifier: BSD-2-Clause */
#include "server.h"
#include "daemon.h"
#include "kernel_mode.h"
#include "served.h"
#include "storage.h"
#include "backend/engine.h"
#include "rpc/rpc.h"
#include "rpc/target.h"
#include "rpc/typed_call.h"
#include "target/service.h"
#include "nvmf/version.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Storage requests of one worker that are with the kernel at a time. */
#define ENGINE_DEPTH 256
/* How long the end may take, for hosts and the last flush. */
#define END_DEADLINE_MS 8000
/* How often it is looked whether hosts have left, while there are any. */
#define LOOK_ROUND_MS 3000
/* What a worker needs at least: the main thread's carries no data. */
#define CONTROL_MEMORY (64u << 10)

/* A worker's storage engine. */
struct bench {
	struct io_engine *engine;
	struct worker_source source;
};

/* A worker that the main thread drives: whatever is no host's is a source, a timer
 * or a message there. */
struct control {
	struct worker *worker;
	struct worker_source signals;
	int signals_fd;
	struct timer look_round;
	bool must_end;
};

struct server {
	struct service service;
	struct control control;
	struct rpc_target rpc_target;
	struct rpc *rpc;		/* NULL: there is none */
	struct kernel_mode *kernel;	/* NULL: we serve ourselves */
	struct bench *benches;		/* [station] */
	const struct nvmfd_options *options;
	void (*reload)(void *context);	/* on SIGHUP; NULL: nothing */
	void *context;
	uint16_t io_port, discovery_port;
	unsigned int departed;		/* connections, when it was last looked */
	unsigned int trims;		/* of the heap that are due */
	const struct log *log;
};

/* ---- storage engines ----------------------------------------------------------------- */

static void engine_ready(struct worker_source *s, uint32_t events)
{
	io_engine_reap(container_of(s, struct bench, source)->engine);
}

static void flush_engine(struct worker *w)
{
	struct station *s = w->attached;

	if (!io_engine_pending(s->lane.io))
		return;
	io_engine_flush(s->lane.io);
	io_engine_reap_at_once(s->lane.io);
}

static int open_engine(struct station *st, void *context, char *error, size_t error_size)
{
	struct server *s = context;
	struct bench *b = &s->benches[st->worker->index];
	int r = io_engine_open(&b->engine, (enum io_engine_kind)s->options->engine, ENGINE_DEPTH,
			       error, error_size);

	if (r)
		return r;
	st->lane.io = b->engine;
	st->worker->flush = flush_engine;
	b->source.ready = engine_ready;
	r = worker_watch(st->worker, io_engine_fd(b->engine), EPOLLIN, &b->source);
	if (r) {
		snprintf(error, error_size, "can't watch a storage engine: %s", strerror(-r));
		io_engine_close(b->engine);
	}
	return r;
}

static void close_engine(struct station *st, void *context)
{
	io_engine_close(st->lane.io);
}

/* ---- putting together ---------------------------------------------------------------------- */

static struct limits limits_of(const struct nvmfd_options *o)
{
	return (struct limits){
		.mdts = (uint32_t)o->mdts, .in_capsule = (uint32_t)o->in_capsule_data,
		.io_queues = o->io_queues, .queue_entries = o->queue_entries, .nn = o->nn,
		.handshake_s = o->handshake_timeout,
		.association_s = o->association_timeout,
		.allow_flow_off = o->allow_sqflow_off || o->kernel };
}

static struct tcp_config transport_of(const struct nvmfd_options *o)
{
	return (struct tcp_config){
		.allow_header_digest = o->allow_header_digest,
		.allow_data_digest = o->allow_data_digest,
		.in_capsule_max = (uint32_t)o->in_capsule_data,
		.maxh2cdata = (uint32_t)o->max_h2c_data,
		.success_always = o->c2h_success == C2H_SUCCESS_ALWAYS };
}

/* It wakes the main thread's worker, which sees for itself. */
static void first_came(struct worker_message *m)
{
	target_was_told(container_of(m, struct target, first_came));
}

static int open_service(struct server *s, char *error, size_t error_size)
{
	const struct nvmfd_options *o = s->options;
	struct service_settings settings = {
		.limits = limits_of(o), .tcp = transport_of(o),
		.workers = o->workers, .buffers = o->buffers, .poll = o->poll * NS_PER_US,
		.log = s->log,
		.open_lane = open_engine, .close_lane = close_engine, .context = s };
	int r = service_open(&s->service, &settings, error, error_size);

	/* Nobody listens yet. */
	s->service.target.keeper = s->control.worker;
	s->service.target.first_came.run = first_came;
	return r;
}

/* The one of the command line; discovery controllers say the same of themselves. */
static int add_subsystem(struct model *m, const struct server_setup *setup, char *error,
			 size_t error_size)
{
	struct subsystem_settings set;
	int r = model_default_subsystem(m, setup->nqn, NVMF_VERSION, &set);

	if (r) {
		snprintf(error, error_size, "no serial number can be derived: %s", strerror(-r));
		return r;
	}
	snprintf(set.serial, sizeof(set.serial), "%s", setup->serial);
	r = model_add_subsystem(m, &set);
	if (!r)
		r = model_name_discovery(m, set.serial, set.model, set.firmware);
	if (r)
		snprintf(error, error_size, "%s", model_error(m));
	return r;
}

static const char *const everywhere[] = { "0.0.0.0", "::" };

/* One port can serve both: discovery is answered on the I/O port, too. */
static int listen_everywhere(struct server *s, const char *nqn, char *error, size_t error_size)
{
	const struct nvmfd_options *o = s->options;
	struct service_addresses a = { o->listen, o->listen_count, false };
	int r;

	if (!a.count)
		a = (struct service_addresses){ everywhere, 2, true };
	s->io_port = (uint16_t)o->io_port;
	s->discovery_port = (uint16_t)o->discovery_port;
	r = service_listen(&s->service, &a, &s->io_port, nqn, error, error_size);
	if (!r && (!s->discovery_port || s->discovery_port != s->io_port))
		r = service_listen(&s->service, &a, &s->discovery_port, NULL, error, error_size);
	return r;
}

/* Discovery controllers say the same of themselves as the first subsystem. */
static int name_discovery(struct model *m)
{
	const struct array *all = &model_snapshot(m)->subsystems;
	struct subsystem_settings set;

	if (all->count)
		set = ((const struct subsystem *)all->at[0])->set;
	else if (model_default_subsystem(m, NQN_DISCOVERY, NVMF_VERSION, &set))
		return -EIO;
	return model_name_discovery(m, set.serial, set.model, set.firmware);
}

static int fill_from_file(struct model *m, const struct config *config, char *error, size_t error_size)
{
	static const struct config nothing;
	int r = served_apply(m, &nothing, config, error, error_size);

	if (r)
		return r;
	r = name_discovery(m);
	if (r)
		snprintf(error, error_size, "%s", model_error(m));
	return r;
}

/* What there is to serve comes by calls: until then this is all that hosts find. */
static int listen_for_discovery(struct server *s, const char *serial, char *error,
				size_t error_size)
{
	const struct nvmfd_options *o = s->options;
	struct service_addresses a = { o->listen, o->listen_count, false };
	struct model *m = &s->service.model;
	int r = model_name_discovery(m, serial, "nvmfd", NVMF_VERSION);

	if (r) {
		snprintf(error, error_size, "%s", model_error(m));
		return r;
	}

	if (!a.count)
		a = (struct service_addresses){ everywhere, 2, true };
	s->discovery_port = (uint16_t)o->discovery_port;
	return service_listen(&s->service, &a, &s->discovery_port, NULL, error, error_size);
}

/* The kernel's ports are told by a discovery controller of ours. */
static int hand_to_kernel(struct server *s, const struct server_setup *setup, char *error,
			  size_t error_size)
{
	int r = kernel_mode_open(&s->kernel, &s->service, setup, error, error_size);

	if (r)
		return r;
	s->io_port = (uint16_t)s->options->io_port;
	s->discovery_port = kernel_mode_discovery_port(s->kernel);
	r = name_discovery(&s->service.model);
	if (r)
		snprintf(error, error_size, "%s", model_error(&s->service.model));
	return r;
}

/* Storage first, listening last: a host must not meet half a model. */
static int fill_service(struct server *s, const struct server_setup *setup, char *error,
			size_t error_size)
{
	int r;

	if (setup->options->kernel)
		return hand_to_kernel(s, setup, error, error_size);
	if (setup->config)
		return fill_from_file(&s->service.model, setup->config, error, error_size);
	if (!setup->device_count)
		return listen_for_discovery(s, setup->serial, error, error_size);
	r = add_subsystem(&s->service.model, setup, error, error_size);
	if (!r)
		r = storage_open(&s->service, setup->nqn, setup->devices,
				 setup->options->devices, setup->device_count, error, error_size);
	if (!r)
		r = listen_everywhere(s, setup->nqn, error, error_size);
	return r;
}

/* ---- the RPC server --------------------------------------------------------------------------- */

static int start_service(struct rpc_target *t, char *error, size_t error_size)
{
	return service_start(t->service, error, error_size);
}

/* Hosts come later: nobody sees what is there between two of them. */
static int run_typed_calls(struct server *s, char *error, size_t error_size)
{
	const struct nvmfd_options *o = s->options;
	char sentence[1024];
	int r = 0;

	for (size_t i = 0; !r && i < o->call_count; i++) {
		r = rpc_call_typed(&s->rpc_target.interface, o->calls[i], sentence, sizeof(sentence));
		if (r)
			snprintf(error, error_size, "--call '%.1024s': %s", o->calls[i], sentence);
	}
	return r;
}

static int open_rpc(struct server *s, const struct server_setup *setup, char *error,
		    size_t error_size)
{
	struct rpc_setup rpc = { .loop = s->control.worker, .path = setup->rpc_socket,
				 .group = s->options->rpc_group, .log = s->log,
				 .interface = &s->rpc_target.interface };
	char sentence[256];
	int r;

	s->rpc_target = (struct rpc_target){ .service = &s->service, .journal = setup->journal,
					     .start = start_service, .file = setup->file };
	rpc_target_open(&s->rpc_target, s->options->wait_for_rpc);
	s->rpc_target.has_transport = setup->device_count || setup->config;
	r = run_typed_calls(s, error, error_size);
	if (r || !setup->rpc_socket)
		return r;
	r = rpc_open(&s->rpc, &rpc, sentence, sizeof(sentence));
	if (r && setup->rpc_is_default && !s->options->wait_for_rpc) {
		log_say(s->log, LOG_WARNING, "takes no calls: %s: %s", setup->rpc_socket, sentence);
		return 0;
	}
	if (r)
		snprintf(error, error_size, "--rpc-socket %s: %s", setup->rpc_socket, sentence);
	return r;
}

static void close_rpc(struct server *s)
{
	/* Who waits is told before he is cut off. */
	rpc_target_close(&s->rpc_target);
	rpc_close(s->rpc);
}

/* Hosts come last. */
static int start_serving(struct server *s, const struct server_setup *setup, char *error,
			 size_t error_size)
{
	int r = open_rpc(s, setup, error, error_size);

	if (r || s->options->wait_for_rpc)
		return r;
	r = service_start(&s->service, error, error_size);
	if (r)
		close_rpc(s);
	return r;
}

static int open_control(struct server *s, char *error, size_t error_size)
{
	struct worker_settings settings = { .buffers = CONTROL_MEMORY,
					    .largest = POOL_SMALLEST, .log = s->log };

	return worker_open(&s->control.worker, s->options->workers, &settings, error,
			   error_size);
}

static void free_server(struct server *s)
{
	kernel_mode_close(s->kernel);
	worker_close(s->control.worker);
	free(s->benches);
	free(s);
}

int server_open(struct server **result, const struct server_setup *setup, char *error,
		size_t error_size)
{
	struct server *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	*result = NULL;
	if (s)
		s->benches = calloc(setup->options->workers, sizeof(*s->benches));
	if (!s || !s->benches) {
		snprintf(error, error_size, "out of memory");
	} else {
		s->options = setup->options;
		s->reload = setup->reload;
		s->context = setup->context;
		s->log = journal_log(setup->journal);
		r = open_control(s, error, error_size);
		if (!r)
			r = open_service(s, error, error_size);
		if (!r) {
			r = fill_service(s, setup, error, error_size);
			if (!r)
				r = start_serving(s, setup, error, error_size);
			if (r)
				service_close(&s->service);
		}
	}
	if (!r)
		*result = s;
	else if (s)
		free_server(s);
	return r;
}

struct model *server_model(struct server *s)
{
	return &s->service.model;
}

int server_apply(struct server *s, const struct config *before, const struct config *after,
		 char *error, size_t error_size)
{
	if (s->kernel)
		return kernel_mode_apply(s->kernel, before, after, error, error_size);
	return served_apply(&s->service.model, before, after, error, error_size);
}

uint16_t server_io_port(const struct server *s)
{
	return s->io_port;
}

uint16_t server_discovery_port(const struct server *s)
{
	return s->discovery_port;
}

/* ---- running and ending ---------------------------------------------------------------------- */

static void signalled(struct worker_source *source, uint32_t events)
{
	struct server *s = container_of(source, struct server, control.signals);
	int number = signals_read(s->control.signals_fd);

	if (number == SIGHUP && s->reload)
		s->reload(s->context);
	if (number != SIGTERM && number != SIGINT && number != SIGQUIT)
		return;
	log_say(s->log, LOG_NOTICE, "ends on signal %d", number);
	s->control.must_end = true;
}

/* What hosts needed that have left lies scattered in the heap, which would keep its
 * pages.  Some of it is freed a moment after them, so they are given back twice. */
static void give_back_pages(struct server *s)
{
	unsigned int departed = target_departed(&s->service.target);

	if (departed != s->departed)
		s->trims = 2;
	s->departed = departed;
	if (s->trims && s->trims--)
		malloc_trim(0);
}

static void look_round(struct timer *t)
{
	struct server *s = container_of(t, struct server, control.look_round);

	give_back_pages(s);
	model_tend(&s->service.model);
}

static bool must_look_round(struct server *s)
{
	struct target *t = &s->service.target;

	return target_queues(t) || target_departed(t) != s->departed || s->trims ||
	       model_is_waiting(&s->service.model);
}

/* With nobody there it sleeps. */
static void watch(struct server *s)
{
	struct control *c = &s->control;

	if (must_look_round(s) && !timer_is_armed(&c->look_round))
		timer_arm(&c->worker->timers, &c->look_round,
			  c->worker->now + LOOK_ROUND_MS * NS_PER_MS);
}

int server_run(struct server *s, int signals)
{
	struct control *c = &s->control;
	int r;

	c->signals_fd = signals;
	c->signals.ready = signalled;
	r = worker_watch(c->worker, signals, EPOLLIN, &c->signals);
	if (r)
		return r;
	timer_init(&c->look_round, look_round);
	watch(s);
	while (!c->must_end) {
		worker_turn(c->worker, -1);
		watch(s);
	}
	return 0;
}

bool server_close(struct server *s)
{
	close_rpc(s);
	kernel_mode_close(s->kernel);
	s->kernel = NULL;
	if (!service_end(&s->service, END_DEADLINE_MS)) {
		/* Nor are the workers waited for: one of them may hang in there. */
		log_say(s->log, LOG_ERROR, "ends with commands still at the storage");
		return false;
	}
	service_close(&s->service);
	free_server(s);
	return true;
}
