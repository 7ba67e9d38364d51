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
	size_t size_at, size_length;	/* where the text says the size; 0 long: it does not */
	uint32_t nsid;			/* 0: by order */
	bool has_uuid;
	uint8_t uuid[16];		/* as on the wire: in the order of the text */
};

/* 0, or -errno with one sentence that names the device, the key and the value. */
int device_spec_parse(struct device_spec *spec, const char *text,
		      char *error, size_t error_size);

/* A text of the same device with that many bytes; of a file, which says its size itself, the
 * text as it is.  NULL: no memory, or no device.  The caller's to free. */
char *device_text_resized(const char *text, uint64_t size);
/* Whether two texts say the same but for the size, which is then that of the second. */
bool device_text_differs_in_size(const char *first, const char *second, uint64_t *size);

/*
 * Gives those without an nsid the lowest free number each, in their order.
 * -EEXIST with a sentence where two ask for the same nsid or the same uuid,
 * -ERANGE where one is above `most`.
 */
int device_specs_number(struct device_spec *specs, size_t count, uint32_t most,
			char *error, size_t error_size);

#endif
