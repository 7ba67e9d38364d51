/* SPDX-License-Identifier: BSD-2-Clause */
/* The discovery log, read in parts and again until it held still meanwhile. */
#include "wire/fabrics.h"
#include "host/internal.h"

#include <nvmf/discovery.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 10
/* A log with more records is not believed. */
#define RECORDS_MAX 65536u

struct nvmf_discovery {
	uint64_t generation;
	unsigned int count;
	struct nvmf_discovery_record records[];
};

/* ---- texts ------------------------------------------------------------------------------------------------ */

/* ASCII, padded with blanks or NULs. */
static void copy_text(char *to, const char *field, size_t size)
{
	size = strnlen(field, size);
	while (size && field[size - 1] == ' ')
		size--;
	memcpy(to, field, size);
	to[size] = 0;
}

static void take_record(struct nvmf_discovery_record *r, const struct nvmf_discovery_entry *e)
{
	*r = (struct nvmf_discovery_record){
		.trtype = e->trtype, .adrfam = e->adrfam, .subtype = e->subtype,
		.treq = e->treq, .portid = le16_get(e->portid), .cntlid = le16_get(e->cntlid),
		.asqsz = le16_get(e->asqsz), .eflags = le16_get(e->eflags),
		.sectype = e->tsas[0] };
	copy_text(r->trsvcid, e->trsvcid, sizeof(e->trsvcid));
	copy_text(r->traddr, e->traddr, sizeof(e->traddr));
	copy_text(r->subnqn, e->subnqn, sizeof(e->subnqn));
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static int ask(struct task *t, uint64_t offset, uint32_t length)
{
	struct nvmf_command command = {
		.opcode = NVME_ADMIN_GET_LOG_PAGE,
		.cdw10 = NVME_LOG_DISCOVERY | (length / 4 - 1) << 16,
		.cdw12 = (uint32_t)offset, .cdw13 = (uint32_t)(offset >> 32) };

	return host_task_command(t, &command, length, "Get Log Page (70h)");
}

static int ask_header(struct nvmf_ctrl *ctrl, struct task *t)
{
	return ask(t, 0, sizeof(struct nvmf_discovery_header));
}

static int check_header(struct nvmf_ctrl *ctrl, const struct nvmf_discovery_header *header)
{
	if (le16_get(header->recfmt))
		return host_queue_fail(&ctrl->admin, -EPROTO, "a discovery log of format %u",
				       le16_get(header->recfmt));
	if (le64_get(header->numrec) > RECORDS_MAX)
		return host_queue_fail(&ctrl->admin, -EPROTO, "a discovery log with %llu records",
				       (unsigned long long)le64_get(header->numrec));
	return 0;
}

/* The first look: how many there will be. */
static int take_header(struct nvmf_ctrl *ctrl, struct task *t)
{
	const struct nvmf_discovery_header *header = (const void *)t->data;
	int error = check_header(ctrl, header);

	if (error)
		return error;
	nvmf_discovery_free(t->log);
	t->log = calloc(1, sizeof(*t->log) +
			le64_get(header->numrec) * sizeof(struct nvmf_discovery_record));
	if (!t->log)
		return host_queue_fail(&ctrl->admin, -ENOMEM, "out of memory for the discovery log");
	t->log->generation = le64_get(header->genctr);
	t->log->count = (unsigned int)le64_get(header->numrec);
	t->index = 0;
	return STEP_ON;
}

#define ENTRY_SIZE ((uint32_t)sizeof(struct nvmf_discovery_entry))
#define PART (NVME_IDENTIFY_SIZE / ENTRY_SIZE)	/* entries that t->data has room for */

static unsigned int part_of(const struct task *t)
{
	unsigned int left = t->log->count - t->index;

	return left < PART ? left : PART;
}

static int ask_part(struct nvmf_ctrl *ctrl, struct task *t)
{
	if (!part_of(t))
		return STEP_SKIP;
	return ask(t, sizeof(struct nvmf_discovery_header) + (uint64_t)t->index * ENTRY_SIZE,
		   part_of(t) * ENTRY_SIZE);
}

static int take_part(struct nvmf_ctrl *ctrl, struct task *t)
{
	const struct nvmf_discovery_entry *entries = (const void *)t->data;
	unsigned int part = part_of(t);

	for (unsigned int i = 0; i < part; i++)
		take_record(&t->log->records[t->index + i], &entries[i]);
	t->index += part;
	return STEP_AGAIN;
}

/* The last look: has it changed meanwhile? */
static int compare_header(struct nvmf_ctrl *ctrl, struct task *t)
{
	const struct nvmf_discovery_header *header = (const void *)t->data;
	int error = check_header(ctrl, header);

	if (error)
		return error;
	if (le64_get(header->genctr) == t->log->generation &&
	    le64_get(header->numrec) == t->log->count)
		return STEP_ON;
	if (++t->tries < TRIES)
		return STEP_RESTART;
	return host_queue_fail(&ctrl->admin, -EAGAIN, "the discovery log keeps changing");
}

static int hand_over(struct nvmf_ctrl *ctrl, struct task *t, int error)
{
	struct nvmf_discovery **log = t->target;

	if (error)
		nvmf_discovery_free(t->log);
	else
		*log = t->log;
	return error;
}

static const struct step steps[] = {
	{ .begin = ask_header, .take = take_header },
	{ .begin = ask_part, .take = take_part },
	{ .begin = ask_header, .take = compare_header },
	{ .begin = NULL },
};

static const struct task_kind kind = { steps, hand_over };

int nvmf_discovery_start_read(struct nvmf_ctrl *ctrl, struct nvmf_discovery **log)
{
	struct task *t;
	int error = host_task_start(ctrl, &kind, &t);

	*log = NULL;
	if (!error)
		t->target = log;
	return error;
}

int nvmf_discovery_read(struct nvmf_ctrl *ctrl, struct nvmf_discovery **log,
			struct nvmf_completion *completion)
{
	return host_task_wait(ctrl, nvmf_discovery_start_read(ctrl, log), completion);
}

void nvmf_discovery_free(struct nvmf_discovery *log)
{
	free(log);
}

uint64_t nvmf_discovery_generation(const struct nvmf_discovery *log)
{
	return log->generation;
}

unsigned int nvmf_discovery_count(const struct nvmf_discovery *log)
{
	return log->count;
}

const struct nvmf_discovery_record *nvmf_discovery_at(const struct nvmf_discovery *log,
						      unsigned int index)
{
	return index < log->count ? &log->records[index] : NULL;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

struct name {
	uint8_t value;
	const char *text;
};

static const char *find_name(const struct name *names, size_t count, uint8_t value)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].value == value)
			return names[i].text;
	return "unrecognized";
}

#define NAME_IN(names, value) find_name(names, sizeof(names) / sizeof((names)[0]), value)

static const struct name trtypes[] = {
	{ 1, "rdma" }, { 2, "fc" }, { 3, "tcp" }, { 254, "loop" },
};

static const struct name adrfams[] = {
	{ 0, "pci" }, { 1, "ipv4" }, { 2, "ipv6" }, { 3, "infiniband" }, { 4, "fibre-channel" },
	{ 254, "loop" },
};

static const struct name subtypes[] = {
	{ 1, "discovery subsystem referral" }, { 2, "nvme subsystem" },
	{ 3, "current discovery subsystem" },
};

const char *nvmf_discovery_trtype_name(uint8_t trtype)
{
	return NAME_IN(trtypes, trtype);
}

const char *nvmf_discovery_adrfam_name(uint8_t adrfam)
{
	return NAME_IN(adrfams, adrfam);
}

const char *nvmf_discovery_subtype_name(uint8_t subtype)
{
	return NAME_IN(subtypes, subtype);
}
