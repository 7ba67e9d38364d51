/* SPDX-License-Identifier: BSD-2-Clause */
#include "storage.h"
#include "backend/registry.h"
#include "identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

_Static_assert((int)DEVICE_VERBS == (int)BACKEND_OPCODES, "verbs are opcodes");
_Static_assert(DEVICE_RATE_ALWAYS == BACKEND_RATE_ALWAYS, "the same unit of chance");
_Static_assert(DEVICE_MAX_WRAPPERS <= BACKEND_WRAPPERS_MAX, "every wrapper fits");

static const enum backend_kind kinds[] = {
	[DEVICE_RAMDISK] = BACKEND_MEMORY,
	[DEVICE_FILE] = BACKEND_FILE,
	[DEVICE_NULL] = BACKEND_NULL,
};

static struct backend_wrapper wrapper_of(const struct device_wrapper *d)
{
	struct backend_wrapper w = {
		.kind = d->kind == DEVICE_DELAY ? BACKEND_DELAY : BACKEND_ERROR,
		.rate = d->rate, .after = d->after, .count = d->count };

	for (int v = 0; v < DEVICE_VERBS; v++) {
		w.ms[v] = d->ms[v];
		w.error[v] = d->error[v];
	}
	return w;
}

static struct backend_spec spec_of(const struct device_spec *d)
{
	struct backend_spec s = {
		.wrapper_count = d->wrapper_count, .kind = kinds[d->kind],
		.path = d->path, .size = d->size, .block_size = d->block_size,
		.read_only = d->read_only, .direct = d->direct };

	for (size_t i = 0; i < d->wrapper_count; i++)
		s.wrappers[i] = wrapper_of(&d->wrappers[i]);
	return s;
}

/* A UUID given by hand names the namespace alone, so the others follow it. */
static int identify(struct namespace *ns, const struct device_spec *d, const char *nqn)
{
	struct ns_identity id;
	int r = identity_of_namespace(nqn, ns->nsid, &id);

	memcpy(ns->nguid, id.nguid, sizeof(ns->nguid));
	memcpy(ns->eui64, id.eui64, sizeof(ns->eui64));
	memcpy(ns->uuid, d->has_uuid ? d->uuid : id.uuid, sizeof(ns->uuid));
	return r;
}

static int add_namespace(struct model *m, const struct device_spec *d, struct backend *b,
			 char *error, size_t error_size)
{
	struct namespace ns = {
		.nsid = d->nsid, .backend = b,
		.lba_shift = (uint8_t)__builtin_ctz(b->info.block_size),
		.blocks = b->info.size / b->info.block_size,
		.is_read_only = b->info.read_only,
		.is_immediate = b->info.is_immediate,
		.has_volatile_cache = b->info.has_volatile_cache };
	int r = identify(&ns, d, m->subsystem.nqn);

	if (!r)
		r = model_add_namespace(m, &ns);
	if (r) {
		backend_close(b);
		snprintf(error, error_size, "namespace %u: %s", d->nsid, strerror(-r));
	}
	return r;
}

int storage_open(struct model *m, const struct device_spec *devices, size_t count,
		 char *error, size_t error_size)
{
	for (size_t i = 0; i < count; i++) {
		struct backend_spec spec = spec_of(&devices[i]);
		struct backend *b;
		int r = backend_open(&spec, &b, error, error_size);

		if (!r)
			r = add_namespace(m, &devices[i], b, error, error_size);
		if (r)
			return r;
	}
	return 0;
}
