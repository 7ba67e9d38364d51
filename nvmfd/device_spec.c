/* SPDX-License-Identifier: BSD-2-Clause */
#include "device_spec.h"

#include "base/number.h"
#include "wire/nqn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DELAY_MS	3600000u
#define MAX_ERRNO	133

/* What is being parsed, for the sentences. */
struct reading {
	struct device_spec *spec;
	struct backend_wrapper *wrapper;	/* NULL: the device itself */
	const char *text;
	char *error;
	size_t error_size;
};

struct key_row {
	const char *name;
	bool may_be_bare;		/* "key" alone means "key=yes" */
	unsigned int kinds;		/* bits of enum backend_kind */
	int (*set)(struct reading *r, const char *key, const char *value);
};

static int refuse(const struct reading *r, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(const struct reading *r, int code, const char *format, ...)
{
	int head = snprintf(r->error, r->error_size, "device '%s': ", r->text);
	va_list ap;

	if (head < 0 || (size_t)head >= r->error_size)
		return code;
	va_start(ap, format);
	vsnprintf(r->error + head, r->error_size - (size_t)head, format, ap);
	va_end(ap);
	return code;
}

static int read_number(const struct reading *r, const char *key, const char *value,
		       uint64_t least, uint64_t most, uint64_t *number)
{
	uint64_t got;

	if (number_parse(value, &got) || got < least || got > most)
		return refuse(r, -EINVAL, "%s=%s is not a number from %ju to %ju", key, value,
			      (uintmax_t)least, (uintmax_t)most);
	*number = got;
	return 0;
}

static int read_answer(const struct reading *r, const char *key, const char *value, bool *answer)
{
	static const char *const words[][2] = {
		{ "no", "yes" }, { "0", "1" }, { "off", "on" }, { "false", "true" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (int yes = 0; yes <= 1; yes++) {
			if (!strcmp(value, words[i][yes])) {
				*answer = yes;
				return 0;
			}
		}
	}
	return refuse(r, -EINVAL, "%s=%s is neither yes nor no", key, value);
}

/* --- keys of the device ------------------------------------------------------ */

static int set_bs(struct reading *r, const char *key, const char *value)
{
	uint64_t size;

	if (size_parse(value, &size) || size < 512 || size > 4096 || (size & (size - 1)))
		return refuse(r, -EINVAL, "%s=%s is not 512, 1024, 2048 or 4096", key, value);
	r->spec->backend.block_size = (uint32_t)size;
	return 0;
}

static int set_nsid(struct reading *r, const char *key, const char *value)
{
	uint64_t nsid = 0;
	int err = read_number(r, key, value, 1, DEVICE_MAX_NSID, &nsid);

	if (!err)
		r->spec->nsid = (uint32_t)nsid;
	return err;
}

static unsigned int hex_value(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static int set_uuid(struct reading *r, const char *key, const char *value)
{
	static const uint8_t nil[16];
	uint8_t *to = r->spec->uuid;

	if (!is_uuid_text(value, strlen(value)))
		return refuse(r, -EINVAL, "%s=%s is no UUID (8-4-4-4-12 digits)", key, value);
	for (const char *p = value; *p; p += 2) {
		if (*p == '-')
			p++;
		*to++ = (uint8_t)(hex_value(p[0]) << 4 | hex_value(p[1]));
	}
	if (!memcmp(r->spec->uuid, nil, sizeof(nil)))
		return refuse(r, -EINVAL, "%s=%s: a UUID of zeros says that there is none", key, value);
	r->spec->has_uuid = true;
	return 0;
}

static int set_ro(struct reading *r, const char *key, const char *value)
{
	return read_answer(r, key, value, &r->spec->backend.read_only);
}

static int set_direct(struct reading *r, const char *key, const char *value)
{
	return read_answer(r, key, value, &r->spec->backend.direct);
}

#define KIND(kind) (1u << (kind))
#define EVERY_KIND (KIND(BACKEND_MEMORY) | KIND(BACKEND_FILE) | KIND(BACKEND_NULL))

static const struct key_row device_keys[] = {
	{ "bs", false, EVERY_KIND, set_bs },
	{ "nsid", false, EVERY_KIND, set_nsid },
	{ "uuid", false, EVERY_KIND, set_uuid },
	{ "ro", true, EVERY_KIND, set_ro },
	{ "direct", true, KIND(BACKEND_FILE), set_direct },
	{ NULL, false, 0, NULL },
};

/* --- keys of the wrappers ---------------------------------------------------- */

/* Which operation a key like "read" or "read-ms" names; BACKEND_OPCODES: all. */
static unsigned int opcode_of(const char *key)
{
	static const char *const names[BACKEND_OPCODES] = {
		[BACKEND_READ] = "read", [BACKEND_WRITE] = "write", [BACKEND_FLUSH] = "flush",
		[BACKEND_ZERO] = "zero",
	};
	unsigned int opcode = 0;

	while (opcode < BACKEND_OPCODES && strncmp(key, names[opcode], strlen(names[opcode])))
		opcode++;
	return opcode;
}

/* "ms" stands for every operation that no key of its own has set. */
static int set_ms(struct reading *r, const char *key, const char *value)
{
	unsigned int opcode = opcode_of(key);
	uint64_t ms = 0;
	int err = read_number(r, key, value, 0, MAX_DELAY_MS, &ms);

	if (err)
		return err;
	if (opcode < BACKEND_OPCODES)
		r->wrapper->ms[opcode] = (uint32_t)ms;
	for (unsigned int i = 0; opcode == BACKEND_OPCODES && i < BACKEND_OPCODES; i++)
		r->wrapper->ms[i] = (uint32_t)ms;
	return 0;
}

static int errno_named(const char *name)
{
	for (int code = 1; code <= MAX_ERRNO; code++) {
		const char *known = strerrorname_np(code);

		if (known && !strcmp(known, name))
			return code;
	}
	return 0;
}

static int set_error(struct reading *r, const char *key, const char *value)
{
	unsigned int opcode = opcode_of(key);
	int code = errno_named(value);

	if (!code)
		return refuse(r, -EINVAL, "%s=%s is not the name of an error, such as EIO or ENOSPC", key, value);
	if (opcode < BACKEND_OPCODES)
		r->wrapper->error[opcode] = code;
	for (unsigned int i = 0; opcode == BACKEND_OPCODES && i < BACKEND_OPCODES; i++)
		r->wrapper->error[i] = code;
	return 0;
}

/* 0.25, .25, 1, 25%: in millionths. */
static int rate_parse(const char *value, uint32_t *rate)
{
	size_t length = strlen(value);
	bool is_percent = length && value[length - 1] == '%';
	uint64_t unit = is_percent ? BACKEND_RATE_ALWAYS / 100 : BACKEND_RATE_ALWAYS;
	uint64_t sum = 0;
	bool is_fraction = false, has_digit = false;

	for (size_t i = 0; i < length - is_percent; i++) {
		if (value[i] == '.' && !is_fraction) {
			is_fraction = true;
			continue;
		}
		if (value[i] < '0' || value[i] > '9' || sum > BACKEND_RATE_ALWAYS)
			return -EINVAL;
		has_digit = true;
		if (is_fraction)
			unit /= 10;
		sum = is_fraction ? sum + (uint64_t)(value[i] - '0') * unit :
				    sum * 10 + (uint64_t)(value[i] - '0') * unit;
	}
	if (!has_digit || sum > BACKEND_RATE_ALWAYS)
		return -EINVAL;
	*rate = (uint32_t)sum;
	return 0;
}

static int set_rate(struct reading *r, const char *key, const char *value)
{
	if (rate_parse(value, &r->wrapper->rate))
		return refuse(r, -EINVAL, "%s=%s is not a share from 0 to 1, or from 0%% to 100%%", key, value);
	return 0;
}

static int set_after(struct reading *r, const char *key, const char *value)
{
	return read_number(r, key, value, 0, UINT64_MAX, &r->wrapper->after);
}

static int read_size(const struct reading *r, const char *key, const char *value, uint64_t *size)
{
	if (size_parse(value, size))
		return refuse(r, -EINVAL, "%s=%s is not a size in bytes", key, value);
	return 0;
}

static int set_offset(struct reading *r, const char *key, const char *value)
{
	return read_size(r, key, value, &r->wrapper->offset);
}

static int set_length(struct reading *r, const char *key, const char *value)
{
	return read_size(r, key, value, &r->wrapper->length);
}

static int set_seed(struct reading *r, const char *key, const char *value)
{
	return read_number(r, key, value, 0, UINT64_MAX, &r->wrapper->seed);
}

static int set_count(struct reading *r, const char *key, const char *value)
{
	return read_number(r, key, value, 1, UINT64_MAX, &r->wrapper->count);
}

/* A key for all operations stands first and is applied first. */
static const struct key_row delay_keys[] = {
	{ "ms", false, EVERY_KIND, set_ms },
	{ "read-ms", false, EVERY_KIND, set_ms },
	{ "write-ms", false, EVERY_KIND, set_ms },
	{ "flush-ms", false, EVERY_KIND, set_ms },
	{ "zero-ms", false, EVERY_KIND, set_ms },
	{ NULL, false, 0, NULL },
};

static const struct key_row error_keys[] = {
	{ "all", false, EVERY_KIND, set_error },
	{ "read", false, EVERY_KIND, set_error },
	{ "write", false, EVERY_KIND, set_error },
	{ "flush", false, EVERY_KIND, set_error },
	{ "zero", false, EVERY_KIND, set_error },
	{ "rate", false, EVERY_KIND, set_rate },
	{ "after", false, EVERY_KIND, set_after },
	{ "count", false, EVERY_KIND, set_count },
	{ "offset", false, EVERY_KIND, set_offset },
	{ "length", false, EVERY_KIND, set_length },
	{ "seed", false, EVERY_KIND, set_seed },
	{ NULL, false, 0, NULL },
};

/* --- keys in general ----------------------------------------------------------- */

#define MAX_KEYS 12
_Static_assert(sizeof(error_keys) / sizeof(error_keys[0]) <= MAX_KEYS, "one slot a key");
_Static_assert(sizeof(device_keys) / sizeof(device_keys[0]) <= MAX_KEYS, "one slot a key");

/* The values by row; NULL: not given.  They point into `room`. */
struct key_values {
	const char *by_row[MAX_KEYS];
	char room[256];
};

static int refuse_key(const struct reading *r, const struct key_row *rows, const char *what,
		      const char *key)
{
	char known[128] = "";

	for (; rows->name; rows++) {
		size_t used = strlen(known);

		snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", rows->name);
	}
	return refuse(r, -EINVAL, "'%s' is not a key of %s: there are %s", key, what, known);
}

static int note_key(const struct reading *r, const struct key_row *rows, const char *what,
		    char *pair, struct key_values *values)
{
	char *value = strchr(pair, '=');
	size_t i = 0;

	if (value)
		*value++ = 0;
	while (rows[i].name && strcmp(rows[i].name, pair))
		i++;
	if (!rows[i].name)
		return refuse_key(r, rows, what, pair);
	if (values->by_row[i])
		return refuse(r, -EINVAL, "'%s' is given twice", pair);
	if (!value && !rows[i].may_be_bare)
		return refuse(r, -EINVAL, "'%s' needs a value: %s=...", pair, pair);
	if (!(rows[i].kinds & KIND(r->spec->backend.kind)))
		return refuse(r, -EINVAL, "'%s' is not a key of %s", pair, what);
	values->by_row[i] = value ? value : "yes";
	return 0;
}

/* Reads the pairs in [text, text + length) and applies them in the rows' order. */
static int read_keys(struct reading *r, const struct key_row *rows, const char *what,
		     const char *text, size_t length)
{
	struct key_values values = { 0 };
	char *rest = values.room, *pair;
	int err = 0;

	if (length >= sizeof(values.room))
		return refuse(r, -ENAMETOOLONG, "its keys are longer than %zu bytes", sizeof(values.room) - 1);
	memcpy(values.room, text, length);
	while (!err && length && (pair = strsep(&rest, "&")))
		err = note_key(r, rows, what, pair, &values);
	for (size_t i = 0; !err && rows[i].name; i++)
		if (values.by_row[i])
			err = rows[i].set(r, rows[i].name, values.by_row[i]);
	return err;
}

/* --- the parts of a device ------------------------------------------------------- */

static bool begins(const char *text, const char *word, size_t *length)
{
	*length = strlen(word);
	return !strncmp(text, word, *length);
}

static int check_wrapper(const struct reading *r)
{
	const struct backend_wrapper *w = r->wrapper;

	for (unsigned int i = 0; i < BACKEND_OPCODES; i++)
		if (w->kind == BACKEND_DELAY || w->error[i])
			return 0;
	return refuse(r, -EINVAL, "error: needs what shall fail: read=, write=, flush=, zero= or all=");
}

/* The wrapper at *text, which is moved behind its slash.  1: there is none. */
static int read_wrapper(struct reading *r, const char **text)
{
	size_t length;
	enum backend_wrapper_kind kind;
	const char *params, *slash;
	int err;

	if (begins(*text, "delay:", &length))
		kind = BACKEND_DELAY;
	else if (begins(*text, "error:", &length))
		kind = BACKEND_ERROR;
	else
		return 1;
	params = *text + length;
	slash = strchr(params, '/');
	if (!slash)
		return refuse(r, -EINVAL, "'%s' wraps no device: write %.*s.../DEVICE", *text, (int)length, *text);
	if (r->spec->backend.wrapper_count == BACKEND_WRAPPERS_MAX)
		return refuse(r, -E2BIG, "more than %d wrappers", BACKEND_WRAPPERS_MAX);
	r->wrapper = &r->spec->backend.wrappers[r->spec->backend.wrapper_count++];
	r->wrapper->kind = kind;
	r->wrapper->rate = BACKEND_RATE_ALWAYS;
	if (kind == BACKEND_DELAY && slash == params)
		return refuse(r, -EINVAL, "delay: needs how long: ms=, read-ms=, write-ms=, flush-ms= or zero-ms=");
	err = read_keys(r, kind == BACKEND_DELAY ? delay_keys : error_keys,
			kind == BACKEND_DELAY ? "delay" : "error", params, (size_t)(slash - params));
	if (!err)
		err = check_wrapper(r);
	r->wrapper = NULL;
	*text = slash + 1;
	return err;
}

/* "word:" before any slash looks like a kind; a path is written otherwise. */
static bool looks_like_kind(const char *text)
{
	size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return word && text[word] == ':';
}

static int read_target_size(struct reading *r, const char *text, size_t length)
{
	char number[32];
	int err;

	if (length >= sizeof(number))
		return refuse(r, -EINVAL, "the size is no size");
	memcpy(number, text, length);
	number[length] = 0;
	err = size_parse(number, &r->spec->backend.size);
	if (err == -ERANGE || (!err && r->spec->backend.size > INT64_MAX))
		return refuse(r, -ERANGE, "size '%s' is more than 8 EiB", number);
	if (err || !r->spec->backend.size)
		return refuse(r, -EINVAL, "size '%s' is not a number of bytes such as 512M or 1G", number);
	return 0;
}

static int read_path(struct reading *r, const char *text, size_t length)
{
	if (!length)
		return refuse(r, -EINVAL, "the path is empty");
	if (length >= sizeof(r->spec->path))
		return refuse(r, -ENAMETOOLONG, "the path is longer than %zu bytes", sizeof(r->spec->path) - 1);
	memcpy(r->spec->path, text, length);
	r->spec->path[length] = 0;
	r->spec->backend.path = r->spec->path;
	return 0;
}

static int check_size(const struct reading *r)
{
	uint32_t unit = r->spec->backend.block_size ? r->spec->backend.block_size : 512;

	if (r->spec->backend.kind != BACKEND_FILE && r->spec->backend.size % unit)
		return refuse(r, -EINVAL, "size %ju is not a multiple of the block size %u",
			      (uintmax_t)r->spec->backend.size, unit);
	return 0;
}

static const struct kind_row {
	const char *name;
	int (*read_target)(struct reading *r, const char *text, size_t length);
} kinds[] = {
	[BACKEND_MEMORY] = { "ramdisk", read_target_size },
	[BACKEND_NULL] = { "null", read_target_size },
	[BACKEND_FILE] = { "file", read_path },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The kind that "name:" begins with, KINDS where there is none such. */
static size_t kind_named(const char *text)
{
	size_t kind = 0, length = strcspn(text, ":");

	while (kind < KINDS && (strlen(kinds[kind].name) != length ||
				strncmp(text, kinds[kind].name, length)))
		kind++;
	return text[length] ? kind : KINDS;
}

static int read_device(struct reading *r, const char *text)
{
	size_t kind = kind_named(text), length;
	const char *keys, *target = text;
	int err;

	if (kind < KINDS)
		target = strchr(text, ':') + 1;
	else if (looks_like_kind(text))
		return refuse(r, -EINVAL, "'%.*s' is not a kind of device: there are ramdisk, file and null "
			      "(a path with a colon is written ./...)", (int)strcspn(text, ":"), text);
	else
		kind = BACKEND_FILE;
	r->spec->backend.kind = (enum backend_kind)kind;
	keys = strrchr(target, '?');
	length = keys ? (size_t)(keys - target) : strlen(target);
	err = kinds[kind].read_target(r, target, length);
	if (kind != BACKEND_FILE) {
		r->spec->size_at = (size_t)(target - r->text);
		r->spec->size_length = length;
	}
	if (!err && keys)
		err = read_keys(r, device_keys, kinds[kind].name, keys + 1, strlen(keys + 1));
	return err ? err : check_size(r);
}

int device_spec_parse(struct device_spec *spec, const char *text, char *error, size_t error_size)
{
	struct reading r = { .spec = spec, .text = text, .error = error, .error_size = error_size };
	int err;

	memset(spec, 0, sizeof(*spec));
	while (!(err = read_wrapper(&r, &text)))
		;
	return err < 0 ? err : read_device(&r, text);
}

static char *with_size(const char *text, const struct device_spec *spec, uint64_t size)
{
	static const char suffixes[] = "KMGTPE";
	size_t power = 0;
	char *made;

	if (!spec->size_length || size == spec->backend.size)
		return strdup(text);
	while (size && !(size % 1024) && suffixes[power]) {
		size /= 1024;
		power++;
	}
	return asprintf(&made, "%.*s%ju%.*s%s", (int)spec->size_at, text, (uintmax_t)size, power > 0,
			suffixes + power - (power > 0), text + spec->size_at + spec->size_length) < 0 ? NULL : made;
}

char *device_text_resized(const char *text, uint64_t size)
{
	struct device_spec *spec = malloc(sizeof(*spec));
	char error[256], *made = NULL;

	if (spec && !device_spec_parse(spec, text, error, sizeof(error)))
		made = with_size(text, spec, size);
	free(spec);
	return made;
}

static bool is_same_around(const char *a, const struct device_spec *one, const char *b,
			   const struct device_spec *other)
{
	return one->size_length && other->size_length && one->size_at == other->size_at &&
	       !strncmp(a, b, one->size_at) &&
	       !strcmp(a + one->size_at + one->size_length, b + other->size_at + other->size_length);
}

bool device_text_differs_in_size(const char *first, const char *second, uint64_t *size)
{
	struct device_spec *specs = calloc(2, sizeof(*specs));
	char error[256];
	bool does = specs && !device_spec_parse(&specs[0], first, error, sizeof(error)) &&
		    !device_spec_parse(&specs[1], second, error, sizeof(error)) &&
		    is_same_around(first, &specs[0], second, &specs[1]);

	if (does)
		*size = specs[1].backend.size;
	free(specs);
	return does;
}

/* --- all devices together -------------------------------------------------------- */

static int check_pair(const struct device_spec *a, const struct device_spec *b,
		      char *error, size_t error_size)
{
	if (a->nsid && a->nsid == b->nsid) {
		snprintf(error, error_size, "two devices ask for nsid=%u", a->nsid);
		return -EEXIST;
	}
	if (a->has_uuid && b->has_uuid && !memcmp(a->uuid, b->uuid, sizeof(a->uuid))) {
		snprintf(error, error_size, "two devices ask for the same uuid");
		return -EEXIST;
	}
	return 0;
}

static bool is_taken(const struct device_spec *specs, size_t count, uint32_t nsid)
{
	for (size_t i = 0; i < count; i++)
		if (specs[i].nsid == nsid)
			return true;
	return false;
}

int device_specs_number(struct device_spec *specs, size_t count, uint32_t most,
			char *error, size_t error_size)
{
	uint32_t next = 1;

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			int err = check_pair(&specs[j], &specs[i], error, error_size);

			if (err)
				return err;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (!specs[i].nsid) {
			while (is_taken(specs, count, next))
				next++;
			specs[i].nsid = next;
		}
		if (specs[i].nsid > most) {
			snprintf(error, error_size, "nsid %u is above %u, the highest allowed (--nn)",
				 specs[i].nsid, most);
			return -ERANGE;
		}
	}
	return 0;
}
