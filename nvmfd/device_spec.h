/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a device on the command line says, as plain data.  Opens nothing.
 *
 *	device   = [ wrapper ":" params "/" ] ... ( kind ":" target | path ) [ "?" keys ]
 *	params   = key "=" value [ "&" key "=" value ] ...
 *	keys     = key [ "=" value ] [ "&" ... ]
 *
 * The last question mark begins the keys, so that a path which holds one is
 * written with another at its end; a path that begins like a kind is written
 * with ./ before it.
 */
#ifndef NVMFD_DEVICE_SPEC_H
#define NVMFD_DEVICE_SPEC_H

#include "backend/registry.h"

#define DEVICE_PATH_SIZE	4096
#define DEVICE_MAX_NSID		0xfffffffeu

/* Not to be copied: backend.path points into it. */
struct device_spec {
	struct backend_spec backend;
	char path[DEVICE_PATH_SIZE];
	uint32_t nsid;			/* 0: by order */
	bool has_uuid;
	uint8_t uuid[16];		/* as on the wire: in the order of the text */
};

/* 0, or -errno with one sentence that names the device, the key and the value. */
int device_spec_parse(struct device_spec *spec, const char *text,
		      char *error, size_t error_size);

/*
 * Gives those without an nsid the lowest free number each, in their order.
 * -EEXIST with a sentence where two ask for the same nsid or the same uuid,
 * -ERANGE where one is above `most`.
 */
int device_specs_number(struct device_spec *specs, size_t count, uint32_t most,
			char *error, size_t error_size);

#endif
