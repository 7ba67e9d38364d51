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

static int read_part(struct nvmf_ctrl *ctrl, uint64_t offset, void *data, uint32_t length,
		     struct nvmf_completion *completion)
{
	return nvmf_ctrl_get_log(ctrl, NVME_LOG_DISCOVERY, 0, false, 0, offset, data, length,
				 completion);
}

static int read_header(struct nvmf_ctrl *ctrl, struct nvmf_discovery_header *header,
		       struct nvmf_completion *completion)
{
	int error = read_part(ctrl, 0, header, sizeof(*header), completion);

	if (error)
		return error;
	if (le16_get(header->recfmt))
		return host_queue_fail(&ctrl->admin, -EPROTO, "a discovery log of format %u",
				       le16_get(header->recfmt));
	if (le64_get(header->numrec) > RECORDS_MAX)
		return host_queue_fail(&ctrl->admin, -EPROTO, "a discovery log with %llu records",
				       (unsigned long long)le64_get(header->numrec));
	return 0;
}

static int read_records(struct nvmf_ctrl *ctrl, struct nvmf_discovery *log,
			struct nvmf_completion *completion)
{
	struct nvmf_discovery_entry entries[4];
	unsigned int done = 0;

	while (done < log->count) {
		unsigned int part = log->count - done < 4 ? log->count - done : 4;
		int error = read_part(ctrl, sizeof(struct nvmf_discovery_header) +
				      (uint64_t)done * sizeof(*entries), entries,
				      part * (uint32_t)sizeof(*entries), completion);

		if (error)
			return error;
		for (unsigned int i = 0; i < part; i++)
			take_record(&log->records[done + i], &entries[i]);
		done += part;
	}
	return 0;
}

/* One try.  -EAGAIN: the log has changed meanwhile. */
static int read_once(struct nvmf_ctrl *ctrl, struct nvmf_discovery **log,
		     struct nvmf_completion *completion)
{
	struct nvmf_discovery_header header;
	int error = read_header(ctrl, &header, completion);

	if (error)
		return error;
	*log = calloc(1, sizeof(**log) +
		      le64_get(header.numrec) * sizeof(struct nvmf_discovery_record));
	if (!*log)
		return host_queue_fail(&ctrl->admin, -ENOMEM, "out of memory for the discovery log");
	(*log)->generation = le64_get(header.genctr);
	(*log)->count = (unsigned int)le64_get(header.numrec);
	error = read_records(ctrl, *log, completion);
	if (!error)
		error = read_header(ctrl, &header, completion);
	if (!error && (le64_get(header.genctr) != (*log)->generation ||
		       le64_get(header.numrec) != (*log)->count))
		error = host_queue_fail(&ctrl->admin, -EAGAIN, "the discovery log keeps changing");
	if (error) {
		free(*log);
		*log = NULL;
	}
	return error;
}

int nvmf_discovery_read(struct nvmf_ctrl *ctrl, struct nvmf_discovery **log,
			struct nvmf_completion *completion)
{
	int error = -EAGAIN;

	*log = NULL;
	for (unsigned int i = 0; i < TRIES && error == -EAGAIN; i++)
		error = read_once(ctrl, log, completion);
	return error;
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
