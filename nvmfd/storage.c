/* SPDX-License-Identifier: BSD-2-Clause */
#include "storage.h"
#include "backend/registry.h"

int storage_open(struct service *s, const char *nqn, const struct device_spec *devices,
		 char *const *texts, size_t count, char *error, size_t error_size)
{
	for (size_t i = 0; i < count; i++) {
		const struct device_spec *d = &devices[i];
		struct backend *b;
		int r = backend_open(&d->backend, &b, error, error_size);

		if (r)
			return r;
		r = service_add_namespace(s, nqn, d->nsid, b, texts[i],
					  d->has_uuid ? d->uuid : NULL, error, error_size);
		if (r)
			return r;
	}
	return 0;
}
