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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_MAX_WRAPPERS	8
#define DEVICE_PATH_SIZE	4096
#define DEVICE_MAX_NSID		0xfffffffeu
/* A chance in millionths. */
#define DEVICE_RATE_ALWAYS	1000000u

enum device_kind { DEVICE_RAMDISK, DEVICE_FILE, DEVICE_NULL };
enum device_wrapper_kind { DEVICE_DELAY, DEVICE_ERROR };
/* What a wrapper tells apart; the order of enum backend_opcode. */
enum device_verb { DEVICE_READ, DEVICE_WRITE, DEVICE_FLUSH, DEVICE_VERBS };

struct device_wrapper {
	enum device_wrapper_kind kind;
	/* delay */
	uint32_t ms[DEVICE_VERBS];
	/* error */
	int error[DEVICE_VERBS];	/* a positive errno, 0: none */
	uint32_t rate;			/* of DEVICE_RATE_ALWAYS */
	uint64_t after;			/* this many operations go well first */
	uint64_t count;			/* at most so many errors; 0: no end */
};

struct device_spec {
	struct device_wrapper wrappers[DEVICE_MAX_WRAPPERS];	/* the outermost first */
	size_t wrapper_count;
	enum device_kind kind;
	uint64_t size;			/* bytes; ramdisk and null */
	char path[DEVICE_PATH_SIZE];	/* file */
	uint32_t block_size;		/* bytes; 0: what suits the storage */
	uint32_t nsid;			/* 0: by order */
	bool has_uuid;
	uint8_t uuid[16];		/* as on the wire: in the order of the text */
	bool read_only;
	bool direct;			/* file: past the page cache */
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
