/* SPDX-License-Identifier: BSD-2-Clause */
/* nvmf_target: the handle of a program that serves. */
#include "target/internal.h"
#include "nvmf/version.h"
#include "wire/nqn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDSHAKE_S 10
#define ASSOCIATION_S 120
#define THREADS_MOST 256

struct nvmf_target {
	struct service service;
	struct log log;
	nvmf_log *say;
	void *say_cookie;
	int broken;			/* why the options can't be used, an -errno */
	bool is_driven, is_open, is_stopped;
	char nqn[NQN_FIELD_SIZE];
	char sentence[256];
};

static int fail(struct nvmf_target *t, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct nvmf_target *t, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(t->sentence, sizeof(t->sentence), format, arguments);
	va_end(arguments);
	return error;
}

const char *nvmf_target_error(const struct nvmf_target *t)
{
	return t->sentence;
}

static void say(void *context, enum log_level level, const char *sentence)
{
	const struct nvmf_target *t = context;

	t->say(t->say_cookie, (enum nvmf_log_level)level, sentence);
}

/* ---- options ---------------------------------------------------------------------------- */

static bool is_power(uint64_t n)
{
	return n && !(n & (n - 1));
}

static int check_range(struct nvmf_target *t, const char *name, uint64_t value, uint64_t least,
		       uint64_t most)
{
	if (value >= least && value <= most)
		return 0;
	return fail(t, -EINVAL, "%s is %ju, not from %ju to %ju", name, (uintmax_t)value,
		    (uintmax_t)least, (uintmax_t)most);
}

static int check_text(struct nvmf_target *t, const char *name, const char *text, size_t most)
{
	size_t length = text ? strlen(text) : 1;

	if (length >= 1 && length <= most)
		return 0;
	return fail(t, -EINVAL, "%s has %zu characters, not from 1 to %zu", name, length, most);
}

static int check_name(struct nvmf_target *t, const char *nqn)
{
	enum nqn_fault fault = nqn_check(nqn ? nqn : "", nqn ? strlen(nqn) : 0);

	if (fault != NQN_GOOD)
		return fail(t, -EINVAL, "subnqn '%s' %s", nqn ? nqn : "", nqn_fault_text(fault));
	if (!strcmp(nqn, NQN_DISCOVERY))
		return fail(t, -EINVAL, "subnqn '%s' is the discovery subsystem's", nqn);
	return 0;
}

static int check_sizes(struct nvmf_target *t, const struct nvmf_target_options *o)
{
	const struct {
		const char *name;
		uint64_t value, least, most;
	} rows[] = {
		{ "threads", o->threads, 0, THREADS_MOST },
		{ "max_transfer", o->max_transfer, 4096, 32u << 20 },
		{ "in_capsule", o->in_capsule, 0, 128u << 10 },
		{ "max_queues", o->max_queues, 1, 65535 },
		{ "max_entries", o->max_entries, 16, 4096 },
		{ "max_nsid", o->max_nsid, 1, 65535 },
		{ "buffers", o->buffers, 1u << 20, UINT64_C(1) << 36 },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !r; i++)
		r = check_range(t, rows[i].name, rows[i].value, rows[i].least, rows[i].most);
	if (!r && !is_power(o->max_transfer))
		r = fail(t, -EINVAL, "max_transfer is %u, no power of two", o->max_transfer);
	if (!r && o->in_capsule % 16)
		r = fail(t, -EINVAL, "in_capsule is %u, no multiple of 16", o->in_capsule);
	if (!r && o->buffers < 2 * (uint64_t)o->max_transfer)
		r = fail(t, -EINVAL, "buffers is %ju, less than two transfers of %u",
			 (uintmax_t)o->buffers, o->max_transfer);
	return r;
}

static int check_options(struct nvmf_target *t, const struct nvmf_target_options *o)
{
	int r = check_name(t, o->subnqn);

	if (!r)
		r = check_text(t, "serial", o->serial, 20);
	if (!r)
		r = check_text(t, "model", o->model, 40);
	if (!r)
		r = check_text(t, "firmware", o->firmware, 8);
	return r ? r : check_sizes(t, o);
}

static struct service_settings settings_of(struct nvmf_target *t,
					   const struct nvmf_target_options *o)
{
	return (struct service_settings){
		.limits = { .mdts = o->max_transfer, .in_capsule = o->in_capsule,
			    .io_queues = o->max_queues, .queue_entries = o->max_entries,
			    .nn = o->max_nsid, .handshake_s = HANDSHAKE_S,
			    .association_s = ASSOCIATION_S,
			    .allow_flow_off = o->disable_sqflow },
		.tcp = { .allow_header_digest = o->header_digest,
			 .allow_data_digest = o->data_digest,
			 .in_capsule_max = o->in_capsule, .maxh2cdata = o->max_transfer },
		.workers = o->threads ? o->threads : 1, .is_driven = !o->threads,
		.buffers = o->buffers, .log = &t->log };
}

static int name_subsystem(struct nvmf_target *t, const struct nvmf_target_options *o)
{
	struct model *m = &t->service.model;
	struct subsystem_settings s;
	int r = model_default_subsystem(m, o->subnqn, o->firmware ? o->firmware : NVMF_VERSION,
					&s);

	if (r)
		return fail(t, -EIO, "no serial number can be derived from the NQN");
	snprintf(t->nqn, sizeof(t->nqn), "%s", o->subnqn);
	snprintf(s.model, sizeof(s.model), "%s", o->model ? o->model : "libnvmf");
	if (o->serial)
		snprintf(s.serial, sizeof(s.serial), "%s", o->serial);
	r = model_add_subsystem(m, &s);
	if (!r)
		r = model_name_discovery(m, s.serial, s.model, s.firmware);
	return r ? fail(t, r, "%.200s", model_error(m)) : 0;
}

static int open_target(struct nvmf_target *t, const struct nvmf_target_options *o)
{
	struct service_settings settings;
	int r = check_options(t, o);

	if (r)
		return r;
	settings = settings_of(t, o);
	r = service_open(&t->service, &settings, t->sentence, sizeof(t->sentence));
	if (r)
		return r;
	t->is_open = true;
	t->is_driven = settings.is_driven;
	return name_subsystem(t, o);
}

/* A program built with an older header knows fewer of them. */
static void take(void *options, size_t size, const void *given, size_t given_size)
{
	memcpy(options, given, given_size < size ? given_size : size);
}

struct nvmf_target *nvmf_target_create(const struct nvmf_target_options *given)
{
	struct nvmf_target_options options = NVMF_TARGET_OPTIONS_INIT;
	struct nvmf_target *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	take(&options, sizeof(options), given, given->size);
	t->say = options.log;
	t->say_cookie = options.log_cookie;
	t->log = (struct log){ .level = (enum log_level)options.log_level,
			       .write = options.log ? say : NULL, .context = t };
	t->broken = open_target(t, &options);
	return t;
}

/* Whether it can still be added to. */
static int check_setup(struct nvmf_target *t)
{
	if (t->broken)
		return t->broken;
	return t->service.is_started ? fail(t, -EBUSY, "the target has started") : 0;
}

/* ---- namespaces -------------------------------------------------------------------------- */

static bool has_namespace(const struct nvmf_target *t, uint32_t nsid)
{
	const struct snapshot *s = model_snapshot(&t->service.model);

	return subsystem_place(snapshot_subsystem(s, t->nqn), nsid);
}

static int check_nsid(struct nvmf_target *t, uint32_t nsid)
{
	int r = check_range(t, "nsid", nsid, 1, t->service.model.limits.nn);

	if (!r && has_namespace(t, nsid))
		r = fail(t, -EEXIST, "namespace %u is there already", nsid);
	return r;
}

static int check_ns(struct nvmf_target *t, const struct nvmf_ns_options *o)
{
	if (!o->storage || !o->storage->submit)
		return fail(t, -EINVAL, "a namespace has no storage");
	if (!is_power(o->block_size) || o->block_size < 512 || o->block_size > 4096)
		return fail(t, -EINVAL, "block_size is %u, no power of two from 512 to 4096",
			    o->block_size);
	if (!o->bytes || o->bytes % o->block_size)
		return fail(t, -EINVAL, "bytes is %ju, no multiple of the block size %u",
			    (uintmax_t)o->bytes, o->block_size);
	return check_nsid(t, o->nsid);
}

/* 0: all are in use. */
static uint32_t free_nsid(const struct nvmf_target *t)
{
	for (uint32_t nsid = 1; nsid <= t->service.model.limits.nn; nsid++)
		if (!has_namespace(t, nsid))
			return nsid;
	return 0;
}

int nvmf_target_add_ns(struct nvmf_target *t, const struct nvmf_ns_options *given)
{
	struct nvmf_ns_options o = NVMF_NS_OPTIONS_INIT;
	struct backend *b;
	int r = check_setup(t);

	if (r)
		return r;
	take(&o, sizeof(o), given, given->size);
	if (!o.nsid)
		o.nsid = free_nsid(t);
	if (!o.nsid)
		return fail(t, -ENOSPC, "all %u namespace identifiers are in use",
			    t->service.model.limits.nn);
	r = check_ns(t, &o);
	if (r)
		return r;
	b = program_storage(&o);
	if (!b)
		return fail(t, -ENOMEM, "out of memory for a namespace");
	r = service_add_namespace(&t->service, t->nqn, o.nsid, b, NULL, o.uuid, t->sentence,
				  sizeof(t->sentence));
	if (r)
		return r;
	program_storage_added(b);
	return (int)o.nsid;
}

/* ---- serving ----------------------------------------------------------------------------- */

int nvmf_target_listen(struct nvmf_target *t, const char *traddr, uint16_t port,
		       unsigned int flags)
{
	struct service_addresses a = { &traddr, 1, false };
	int r = check_setup(t);

	if (!r && flags & ~NVMF_LISTEN_DISCOVERY)
		r = fail(t, -EINVAL, "there are no listen flags %#x", flags);
	if (!r)
		r = service_listen(&t->service, &a, &port,
				   flags & NVMF_LISTEN_DISCOVERY ? NULL : t->nqn, t->sentence,
				   sizeof(t->sentence));
	return r ? r : port;
}

int nvmf_target_start(struct nvmf_target *t)
{
	int r = check_setup(t);

	return r ? r : service_start(&t->service, t->sentence, sizeof(t->sentence));
}

/* Whether the program may, and must, give it turns. */
static int check_driven(struct nvmf_target *t)
{
	if (t->broken)
		return t->broken;
	if (!t->service.is_started)
		return fail(t, -EINVAL, "the target has not started");
	return t->is_driven ? 0 : fail(t, -EINVAL, "the target has threads of its own");
}

int nvmf_target_wait(struct nvmf_target *t, int timeout_ms)
{
	int r = check_driven(t);

	if (!r)
		service_turn(&t->service, timeout_ms);
	return r;
}

int nvmf_target_process(struct nvmf_target *t)
{
	return nvmf_target_wait(t, 0);
}

int nvmf_target_fd(const struct nvmf_target *t)
{
	return t->is_open && t->is_driven ? service_fd(&t->service) : -1;
}

int nvmf_target_due(const struct nvmf_target *t)
{
	return t->is_open && t->is_driven ? service_due(&t->service) : -1;
}

unsigned int nvmf_target_connections(struct nvmf_target *t)
{
	return t->is_open ? target_queues(&t->service.target) : 0;
}

int nvmf_target_stop(struct nvmf_target *t, int timeout_ms)
{
	if (!t->is_open || t->is_stopped)
		return 0;
	t->is_stopped = service_end(&t->service, timeout_ms);
	return t->is_stopped ? 0 : fail(t, -ETIMEDOUT, "operations are still with the storage");
}

void nvmf_target_destroy(struct nvmf_target *t)
{
	if (!t)
		return;
	nvmf_target_stop(t, -1);
	if (t->is_open)
		service_close(&t->service);
	free(t);
}
