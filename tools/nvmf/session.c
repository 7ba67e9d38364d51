/* SPDX-License-Identifier: BSD-2-Clause */
#include "session.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("nvmf: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return -1;
}

/* ---- who we are ---------------------------------------------------------------------------------- */

struct identity {
	char hostnqn[256], hostid_text[64];
	uint8_t hostid[16];
};

/* The first line of a file; empty where there is none. */
static void read_line(const char *path, char *line, int size)
{
	FILE *f = fopen(path, "re");

	line[0] = 0;
	if (!f)
		return;
	if (!fgets(line, size, f))
		line[0] = 0;
	fclose(f);
	line[strcspn(line, " \t\r\n")] = 0;
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* 32 hexadecimal digits, with dashes between them or not. */
static int parse_uuid(const char *text, uint8_t id[16])
{
	unsigned int digits = 0;

	memset(id, 0, 16);
	for (; *text; text++) {
		if (*text == '-')
			continue;
		if (!isxdigit((unsigned char)*text) || digits == 32)
			return -1;
		id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | hex_digit(*text));
		digits++;
	}
	return digits == 32 ? 0 : -1;
}

/* As nvme-cli: the options, else /etc/nvme.  A name that was given goes with no
 * identifier from there, which belongs to another name. */
static int take_identity(const struct settings *s, struct identity *identity,
			 struct nvmf_ctrl_options *options)
{
	const char *hostid = s->hostid;

	if (s->hostnqn) {
		options->hostnqn = s->hostnqn;
	} else {
		read_line("/etc/nvme/hostnqn", identity->hostnqn, sizeof(identity->hostnqn));
		options->hostnqn = identity->hostnqn[0] ? identity->hostnqn : NULL;
	}
	if (!hostid && !s->hostnqn) {
		read_line("/etc/nvme/hostid", identity->hostid_text,
			  sizeof(identity->hostid_text));
		hostid = identity->hostid_text[0] ? identity->hostid_text : NULL;
	}
	if (!hostid)
		return 0;
	if (parse_uuid(hostid, identity->hostid))
		return fail("host identifier '%s' is no UUID", hostid);
	options->hostid = identity->hostid;
	return 0;
}

/* ---- connecting ------------------------------------------------------------------------------------ */

int session_check(struct nvmf_ctrl *ctrl, int result)
{
	return result < 0 ? fail("%s", nvmf_ctrl_error(ctrl)) : 0;
}

/* Who asks for digests does not want to go without, as Linux has it. */
static int check_digests(struct nvmf_ctrl *ctrl, const struct settings *s)
{
	struct nvmf_ctrl_info info;

	nvmf_ctrl_info(ctrl, &info);
	if (s->header_digest && !info.header_digest)
		return fail("--hdr-digest: the controller does without header digests");
	if (s->data_digest && !info.data_digest)
		return fail("--data-digest: the controller does without data digests");
	return 0;
}

struct nvmf_ctrl *session_open(const struct settings *s)
{
	struct nvmf_ctrl_options options = NVMF_CTRL_OPTIONS_INIT;
	struct identity identity;
	struct nvmf_ctrl *ctrl;

	options.traddr = s->traddr;
	options.trsvcid = s->trsvcid;
	options.subnqn = s->nqn;
	options.header_digest = s->header_digest;
	options.data_digest = s->data_digest;
	options.disable_sqflow = s->disable_sqflow;
	options.keep_alive_ms = (uint32_t)s->keep_alive_s * 1000;
	options.command_timeout_ms = (uint32_t)s->timeout_ms;
	if (take_identity(s, &identity, &options))
		return NULL;
	ctrl = nvmf_ctrl_create(&options);
	if (!ctrl) {
		fail("out of memory");
		return NULL;
	}
	if (!session_check(ctrl, nvmf_ctrl_connect(ctrl)) && !check_digests(ctrl, s))
		return ctrl;
	nvmf_ctrl_destroy(ctrl);
	return NULL;
}

struct nvmf_ctrl *session_open_io(const struct settings *s, unsigned int entries)
{
	struct nvmf_ctrl *ctrl = session_open(s);

	if (!ctrl)
		return NULL;
	if (!session_check(ctrl, nvmf_ctrl_open_queues(ctrl, (unsigned int)s->queues, entries)))
		return ctrl;
	nvmf_ctrl_destroy(ctrl);
	return NULL;
}

int session_namespace(struct nvmf_ctrl *ctrl, const struct settings *s,
		      struct nvmf_ns_info *info)
{
	return session_check(ctrl, nvmf_ctrl_ns_info(ctrl, (uint32_t)s->nsid, info));
}
