/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/refuse.h"

#include "kernel/device.h"

#include <errno.h>
#include <stdio.h>

#define NOT_THE_KERNEL ": the kernel's target (--kernel) "

static int refuse_namespace(const struct config_own_subsystem *s, const struct config_own_namespace *ns,
			    char *error, size_t size)
{
	const char *why = ns->hidden.value ? "hidden" NOT_THE_KERNEL "shows a namespace to every host" :
			  ns->read_only.value ? "read_only" NOT_THE_KERNEL "opens everything for writing" :
			  ns->write_protected.value ? "write_protected" NOT_THE_KERNEL "opens everything for writing" :
			  ns->eui64 ? "eui64" NOT_THE_KERNEL "knows NGUID and UUID alone" : NULL;

	if (!why)
		return 0;
	snprintf(error, size, "nvmfd.subsystems '%s', namespace %lld, %s", s->nqn,
		 (long long)ns->nsid.value, why);
	return -EINVAL;
}

static int refuse_subsystem(const struct config_own_subsystem *s, char *error, size_t size)
{
	const char *why = s->address_count ? "addresses" NOT_THE_KERNEL "does not look where hosts come from" :
			  s->second_connection.value == CONFIG_SECOND_FENCE ?
			  "second_connection" NOT_THE_KERNEL "lets a host connect as often as it likes" :
			  s->nn.given && s->nn.value ? "nn" NOT_THE_KERNEL "has a limit of its own" : NULL;
	int r = 0;

	if (why) {
		snprintf(error, size, "nvmfd.subsystems '%s', %s", s->nqn, why);
		return -EINVAL;
	}
	for (size_t i = 0; !r && i < s->namespace_count; i++)
		r = refuse_namespace(s, &s->namespaces[i], error, size);
	return r;
}

static int refuse_device(const struct config_device *d, char *error, size_t size)
{
	struct kernel_device k;
	char sentence[512];
	int r = kernel_device_parse(&k, d->device, sentence, sizeof(sentence));

	if (r)
		snprintf(error, size, "nvmfd.devices '%s': %s", d->name, sentence);
	return r;
}

static int refuse_port(const struct config_port *p, char *error, size_t size)
{
	if (p->trsvcid.value)
		return 0;
	snprintf(error, size, "port %lld, addr.trsvcid is 0" NOT_THE_KERNEL "does not say which it took",
		 (long long)p->portid.value);
	return -EINVAL;
}

static int refuse_discovery_only(const struct config *c, char *error, size_t size)
{
	if (!c->discovery_only_count)
		return 0;
	snprintf(error, size, "nvmfd.discovery_only, port %s" NOT_THE_KERNEL
		 "listens only where it serves a subsystem", c->discovery_only[0]);
	return -EINVAL;
}

int kernel_refuse(const struct config *c, char *error, size_t error_size)
{
	int r = 0;

	for (size_t i = 0; !r && i < c->device_count; i++)
		r = refuse_device(&c->devices[i], error, error_size);
	for (size_t i = 0; !r && i < c->own_subsystem_count; i++)
		r = refuse_subsystem(&c->own_subsystems[i], error, error_size);
	for (size_t i = 0; !r && i < c->port_count; i++)
		r = refuse_port(&c->ports[i], error, error_size);
	return r ? r : refuse_discovery_only(c, error, error_size);
}
