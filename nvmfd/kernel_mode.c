/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel_mode.h"

#include "config/value.h"
#include "kernel/device.h"
#include "kernel/kernel.h"
#include "kernel/silence.h"
#include "served.h"
#include "typed.h"
#include "wildcard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where our own ports' numbers begin, and those of twins. */
#define OWN_PORTS (65536 - OPTIONS_MAX_LISTEN)
#define TWIN_OF(id) (OWN_PORTS - (id))
#define SENTENCE_SIZE 1024

struct kernel_mode {
	struct kernel kernel;
	struct service *service;
	const struct nvmfd_options *options;
	uint16_t discovery_port;
	bool v6_takes_v4;		/* the kernel's wildcard of IPv6 does */
};

/* ---- what the options say of ports and queues ----------------------------------------- */

static void give(struct config_number *n, uint64_t value)
{
	*n = (struct config_number){ true, (int64_t)value };
}

/* The kernel counts in powers of two of 4096 bytes. */
static unsigned int mdts_of(uint64_t bytes)
{
	unsigned int power = 0;

	while (bytes > 4096) {
		bytes /= 2;
		power++;
	}
	return power;
}

static void settle(struct config *c, const struct nvmfd_options *o)
{
	for (size_t i = 0; i < c->port_count; i++) {
		struct config_port *p = &c->ports[i];

		if (options_has(o, "in-capsule-data"))
			give(&p->inline_data_size, o->in_capsule_data);
		if (options_has(o, "queue-entries"))
			give(&p->max_queue_size, o->queue_entries);
		if (options_has(o, "mdts"))
			give(&p->mdts, mdts_of(o->mdts));
	}
	for (size_t i = 0; i < c->subsystem_count; i++) {
		struct config_number *most = &c->subsystems[i].qid_max;

		if (options_has(o, "io-queues") && !(most->given && most->value < o->io_queues))
			give(most, o->io_queues);
	}
}

int kernel_mode_settle(struct config *c, const struct nvmfd_options *o, char *error, size_t error_size)
{
	int r = options_check_kernel(o, error, error_size);

	settle(c, o);
	return r ? r : kernel_refuse(c, error, error_size);
}

/* ---- what discovery tells ----------------------------------------------------------------- */

/* The configuration without namespaces and what else the model need not know.  It points
 * into the whole one. */
struct mirror {
	struct config config;
	struct config_subsystem *subsystems;
	struct config_port *ports;
};

static bool listens_at(const struct config *c, const char *address, int64_t service)
{
	for (size_t i = 0; i < c->port_count; i++)
		if (c->ports[i].trsvcid.value == service && !strcmp(c->ports[i].traddr, address))
			return true;
	return false;
}

static bool is_free(const struct config *c, int64_t id)
{
	for (size_t i = 0; i < c->port_count; i++)
		if (c->ports[i].portid.value == id)
			return false;
	return id > 0;
}

/* Hosts of IPv4 must be told of a wildcard of IPv6 that takes them, too. */
static void add_twin(struct mirror *m, const struct config *c, const struct config_port *p)
{
	static char any[] = "0.0.0.0";
	int64_t id = TWIN_OF(p->portid.value);
	struct value_address a;

	if (!value_address(p->traddr, &a) || a.family != CONFIG_IPV6 || !a.is_wildcard ||
	    listens_at(c, any, p->trsvcid.value) || !is_free(c, id))
		return;
	m->ports[m->config.port_count] = *p;
	m->ports[m->config.port_count].portid.value = id;
	m->ports[m->config.port_count].traddr = any;
	m->ports[m->config.port_count].referral_count = 0;
	m->config.port_count++;
}

static bool mirror_open(const struct kernel_mode *k, struct mirror *m, const struct config *c)
{
	m->config = (struct config){ .hosts = c->hosts, .host_count = c->host_count,
				     .discovery_nqn = c->discovery_nqn };
	m->subsystems = calloc(c->subsystem_count + 1, sizeof(*m->subsystems));
	m->ports = calloc(2 * c->port_count + 1, sizeof(*m->ports));
	if (!m->subsystems || !m->ports)
		return false;
	m->config.subsystems = m->subsystems;
	m->config.subsystem_count = c->subsystem_count;
	for (size_t i = 0; i < c->subsystem_count; i++) {
		m->subsystems[i] = c->subsystems[i];
		m->subsystems[i].namespace_count = m->subsystems[i].passthru_count = 0;
	}
	m->config.ports = m->ports;
	m->config.port_count = c->port_count;
	for (size_t i = 0; i < c->port_count; i++)
		m->ports[i] = c->ports[i];
	for (size_t i = 0; k->v6_takes_v4 && i < c->port_count; i++)
		add_twin(m, c, &c->ports[i]);
	return true;
}

static void mirror_close(struct mirror *m)
{
	free(m->subsystems);
	free(m->ports);
}

/* In two changes where a port moves, for one that listens does not. */
static int tell_mirrored(struct model *m, const struct config *before, const struct config *after,
			 char *error, size_t error_size)
{
	char sentence[SENTENCE_SIZE];
	struct config silent;
	int count = kernel_silence(before, after, &silent), r = 0;

	if (count < 0) {
		snprintf(error, error_size, "out of memory");
		return count;
	}
	if (count)
		r = served_apply(m, before, &silent, error, error_size);
	if (!r) {
		r = served_apply(m, &silent, after, error, error_size);
		if (r && count)
			served_apply(m, &silent, before, sentence, sizeof(sentence));
	}
	kernel_silence_end(&silent);
	return r;
}

static int tell(struct kernel_mode *k, const struct config *before, const struct config *after,
		char *error, size_t error_size)
{
	struct mirror a, b;
	bool all = mirror_open(k, &a, before);
	int r = -ENOMEM;

	all &= mirror_open(k, &b, after);
	if (all)
		r = tell_mirrored(&k->service->model, &a.config, &b.config, error, error_size);
	else
		snprintf(error, error_size, "out of memory");
	mirror_close(&a);
	mirror_close(&b);
	return r;
}

/* ---- ports ----------------------------------------------------------------------------------- */

/* The kernel's are opened by the kernel. */
static int open_port(struct model_runtime *rt, struct port *p, char *error, size_t error_size)
{
	struct value_address a;

	if (p->id >= OWN_PORTS)
		return listener_open(rt, p, error, error_size);
	if (!value_address(p->address, &a)) {
		snprintf(error, error_size, "'%s' is not a numeric address", p->address);
		return -EINVAL;
	}
	p->is_any = a.is_wildcard;
	p->is_ipv6 = a.family == CONFIG_IPV6;
	return 0;
}

static int listen_at(struct kernel_mode *k, size_t i, const char *address)
{
	struct port_settings set = { .has_id = true, .id = (uint16_t)(OWN_PORTS + i), .address = address,
				     .service = k->discovery_port };
	int r = model_add_port(&k->service->model, &set);

	if (!r)
		k->discovery_port = set.service;
	return r;
}

static bool may_lack(int r)
{
	return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL;
}

static int listen_for_discovery(struct kernel_mode *k, char *error, size_t error_size)
{
	static const char *const everywhere[] = { "0.0.0.0", "::" };
	const struct nvmfd_options *o = k->options;
	const char *const *list = o->listen_count ? o->listen : everywhere;
	size_t count = o->listen_count ? o->listen_count : 2, lacking = 0;
	int r = 0;

	k->discovery_port = (uint16_t)o->discovery_port;
	for (size_t i = 0; !r && i < count; i++) {
		r = listen_at(k, i, list[i]);
		/* A machine without IPv6 (or IPv4) still has the other one. */
		if (!o->listen_count && may_lack(r) && ++lacking < count)
			r = 0;
	}
	if (r)
		snprintf(error, error_size, "discovery: %s", model_error(&k->service->model));
	return r;
}

/* ---- all of it ----------------------------------------------------------------------------------- */

static const struct config nothing;

/* What fails easily comes first.  Hosts come when the service starts. */
static int serve(struct kernel_mode *k, const struct config *c, char *error, size_t error_size)
{
	int r = tell(k, &nothing, c, error, error_size);

	if (!r)
		r = listen_for_discovery(k, error, error_size);
	return r ? r : kernel_apply(&k->kernel, &nothing, c, error, error_size);
}

/* Without looking whether there is a target in the kernel. */
static int check_devices(const struct nvmfd_options *o, char *error, size_t error_size)
{
	struct kernel_device device;
	int r = 0;

	for (size_t i = 0; !r && i < o->device_count; i++)
		r = kernel_device_parse(&device, o->devices[i], error, error_size);
	return r;
}

static int serve_typed(struct kernel_mode *k, const struct server_setup *setup, char *error,
		       size_t error_size)
{
	struct config c;
	int r = typed_config(&c, setup, &k->kernel, error, error_size);

	if (r)
		return r;
	r = kernel_mode_settle(&c, setup->options, error, error_size);
	if (!r)
		r = serve(k, &c, error, error_size);
	config_free(&c);
	return r;
}

int kernel_mode_open(struct kernel_mode **result, struct service *s, const struct server_setup *setup,
		     char *error, size_t error_size)
{
	struct kernel_mode *k = calloc(1, sizeof(*k));
	int r;

	*result = NULL;
	if (!k) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	k->service = s;
	k->options = setup->options;
	k->kernel.configfs.fd = -1;
	k->v6_takes_v4 = wildcard_now() == WILDCARD_TAKES_IPV4;
	r = check_devices(k->options, error, error_size);
	if (!r)
		r = kernel_open(&k->kernel, k->options->configfs, journal_log(setup->journal), error,
				error_size);
	if (!r) {
		s->runtime.open_port = open_port;
		r = setup->config ? serve(k, setup->config, error, error_size) :
		    serve_typed(k, setup, error, error_size);
	}
	if (r)
		kernel_mode_close(k);
	else
		*result = k;
	return r;
}

uint16_t kernel_mode_discovery_port(const struct kernel_mode *k)
{
	return k->discovery_port;
}

/* The kernel first: it is the one that may refuse. */
int kernel_mode_apply(struct kernel_mode *k, const struct config *before, const struct config *after,
		      char *error, size_t error_size)
{
	char sentence[SENTENCE_SIZE];
	int r = kernel_apply(&k->kernel, before, after, error, error_size), back;

	if (r)
		return r;
	r = tell(k, before, after, error, error_size);
	if (!r)
		return 0;
	back = kernel_apply(&k->kernel, after, before, sentence, sizeof(sentence));
	if (back)
		log_say(k->kernel.log, LOG_ERROR, "the kernel's target is not as it was: %s", sentence);
	return r;
}

void kernel_mode_close(struct kernel_mode *k)
{
	if (!k)
		return;
	kernel_close(&k->kernel);
	free(k);
}
