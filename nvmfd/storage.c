/* SPDX-License-Identifier: BSD-2-Clause */
#include "storage.h"
#include "backend/registry.h"
#include "identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
		struct backend *b;
		int r = backend_open(&devices[i].backend, &b, error, error_size);

		if (!r)
			r = add_namespace(m, &devices[i], b, error, error_size);
		if (r)
			return r;
	}
	return 0;
}
