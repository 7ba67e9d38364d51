/* SPDX-License-Identifier: BSD-2-Clause */
#include "typed.h"

#include "daemon.h"
#include "kernel/device.h"
#include "model/identity.h"
#include "wildcard.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* It is put together as the file's own text, so that the reader fills in and checks the
 * rest.  NULL stands for no memory all the way: jansson takes it and fails. */

static int no_memory(char *error, size_t size)
{
	snprintf(error, size, "out of memory");
	return -ENOMEM;
}

/* ---- devices -------------------------------------------------------------------------- */

static json_t *device(const char *name, const char *path, bool is_buffered)
{
	/* The last question mark begins the keys. */
	return json_pack("{s:s, s:o}", "name", name, "device",
			 json_sprintf("file:%s%s", path, !is_buffered ? "?direct" :
				      strchr(path, '?') ? "?" : ""));
}

static json_t *namespace(const char *nqn, const struct device_spec *d, const char *name)
{
	char nguid[IDENTITY_UUID_TEXT], uuid[IDENTITY_UUID_TEXT];
	struct ns_identity id;

	if (identity_of_namespace(nqn, d->nsid, &id))
		return NULL;
	uuid_format(id.nguid, nguid);
	uuid_format(d->has_uuid ? d->uuid : id.uuid, uuid);
	return json_pack("{s:I, s:i, s:{s:s, s:s, s:s}}", "nsid", (json_int_t)d->nsid, "enable", 1,
			 "device", "path", name, "nguid", nguid, "uuid", uuid);
}

static int add_device(const struct server_setup *setup, size_t i, json_t *devices, json_t *namespaces,
		      char *error, size_t size)
{
	struct kernel_device k;
	char path[PATH_MAX], name[32];
	int r = kernel_device_parse(&k, setup->options->devices[i], error, size);

	if (r)
		return r;
	r = absolute_path(path, sizeof(path), k.path);
	if (r) {
		snprintf(error, size, "'%s': %s", setup->options->devices[i], strerror(-r));
		return r;
	}
	snprintf(name, sizeof(name), "device%zu", i);
	if (json_array_append_new(devices, device(name, path, k.is_buffered)) ||
	    json_array_append_new(namespaces, namespace(setup->nqn, &setup->devices[i], name)))
		return no_memory(error, size);
	return 0;
}

/* ---- ports ---------------------------------------------------------------------------- */

static int add_port(const struct server_setup *setup, unsigned int id, const char *address, json_t *ports,
		    char *error, size_t size)
{
	char service[8];

	if (!id) {
		snprintf(error, size, "the kernel's target has no port identifier left");
		return -ENOSPC;
	}
	snprintf(service, sizeof(service), "%u", setup->options->io_port);
	if (json_array_append_new(ports, json_pack("{s:i, s:{s:s, s:s, s:s}, s:[s]}", "portid", id,
						   "addr", "trtype", "tcp", "traddr", address,
						   "trsvcid", service, "subsystems", setup->nqn)))
		return no_memory(error, size);
	return 0;
}

/* Where to listen unless it is said. */
static const char *const everywhere[][2] = {
	[WILDCARD_NO_IPV6] = { "0.0.0.0" },
	[WILDCARD_TAKES_IPV4] = { "::" },
	[WILDCARD_IPV6_ALONE] = { "0.0.0.0", "::" },
};

static int add_ports(const struct server_setup *setup, struct kernel *k, json_t *ports, char *error,
		     size_t size)
{
	const struct nvmfd_options *o = setup->options;
	const char *const *list = o->listen_count ? o->listen : everywhere[wildcard_now()];
	size_t count = o->listen_count ? o->listen_count : 2;
	unsigned int id = kernel_free_port(k, 0);
	int r = 0;

	for (size_t i = 0; !r && i < count && list[i]; i++) {
		r = add_port(setup, id, list[i], ports, error, size);
		id = kernel_free_port(k, id);
	}
	return r;
}

/* ---- all of it -------------------------------------------------------------------------- */

static int parse(struct config *c, json_t *root, char *error, size_t size)
{
	struct config_mistakes mistakes;
	char *text = json_dumps(root, 0), *line;
	int r;

	if (!text)
		return no_memory(error, size);
	r = config_parse(c, text, strlen(text), &mistakes);
	if (r) {
		line = mistakes.count ? config_mistake_line(&mistakes.list[0], "command line") : NULL;
		snprintf(error, size, "%s", line ? line : "out of memory");
		free(line);
	}
	config_mistakes_free(&mistakes);
	free(text);
	return r;
}

int typed_config(struct config *c, const struct server_setup *setup, struct kernel *k, char *error,
		 size_t error_size)
{
	json_t *devices = json_array(), *namespaces = json_array(), *ports = json_array(), *root;
	int r = add_ports(setup, k, ports, error, error_size);

	for (size_t i = 0; !r && i < setup->device_count; i++)
		r = add_device(setup, i, devices, namespaces, error, error_size);
	/* It takes the lists over. */
	root = json_pack("{s:o, s:[{s:s, s:{s:s, s:s}, s:o}], s:{s:o}}", "ports", ports, "subsystems",
			 "nqn", setup->nqn, "attr", "allow_any_host", "1", "serial", setup->serial,
			 "namespaces", namespaces, "nvmfd", "devices", devices);
	if (!r)
		r = parse(c, root, error, error_size);
	json_decref(root);
	return r;
}
