/* SPDX-License-Identifier: BSD-2-Clause */
/* Get Log Page (Base Specification 2.1, section 5.1.12). */
#include "controller/controller.h"

#include <stdlib.h>
#include <time.h>

/* A part of a log: `length` bytes of it from `offset`, what lies beyond is 0. */
struct part {
	uint64_t offset;
	uint32_t length;
	uint8_t *to;
};

static void put_part(const struct part *p, const void *log, size_t size)
{
	size_t have = size - p->offset;

	if (p->offset < size)
		memcpy(p->to, (const uint8_t *)log + p->offset,
		       have < p->length ? have : p->length);
}

/* ---- the pages ----------------------------------------------------------------------- */

static void put_error(struct request *r, const struct part *p)
{
	struct nvme_log_error_entry list[ERROR_ENTRIES];

	error_list(r->queue->controller, list);
	put_part(p, list, sizeof(list));
}

/* Thousands of 512 bytes, rounded up. */
static le128 data_units(uint64_t sectors)
{
	return le128_of(sectors / 1000 + !!(sectors % 1000));
}

static uint64_t hours_since(uint64_t started)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return ((uint64_t)now.tv_sec - started) / 3600;
}

/* Copy is one of the commands that read and of those that write; but what it reads does not
 * leave, and only what it writes is counted in units (NVM Command Set, section 1.4.2). */
static void put_health(struct request *r, const struct part *p)
{
	struct subsystem_life *life = r->queue->controller->life;
	struct health_total t = life_health(life);
	struct nvme_log_health log = {
		.critical_warning = event_warnings(r->queue->controller),
		.temperature = le16_of(TEMPERATURE),
		.available_spare = 100,		/* percent: nothing wears out */
		.data_units_read = data_units(t.sectors_read),
		.data_units_written = data_units(t.sectors_written + t.sectors_copied),
		.host_reads = le128_of(t.reads + t.copies),
		.host_writes = le128_of(t.writes + t.copies),
		.media_errors = le128_of(t.media_errors),
		.power_cycles = le128_of(1),
		.power_on_hours = le128_of(hours_since(life->started)),
		.error_log_entries = le128_of(error_count(r->queue->controller)),
	};

	put_part(p, &log, sizeof(log));
}

static void put_firmware(struct request *r, const struct part *p)
{
	const struct subsystem_settings *s = &r->queue->controller->subsystem->set;
	struct nvme_log_firmware log = { .afi = 1 };
	size_t length = strlen(s->firmware);

	memset(log.frs[0], ' ', sizeof(log.frs[0]));
	memcpy(log.frs[0], s->firmware,
	       length < sizeof(log.frs[0]) ? length : sizeof(log.frs[0]));
	put_part(p, &log, sizeof(log));
}

static void put_changed(struct request *r, const struct part *p)
{
	le32 list[NVME_CHANGED_NS_MAX];

	event_changed_list(r->queue->controller, list);
	put_part(p, list, sizeof(list));
}

static void put_discovery(struct request *r, const struct part *p)
{
	const struct controller *c = r->queue->controller;

	put_part(p, c->discovery_log, discovery_log_size(c->discovery_log));
}

/* ---- the table ------------------------------------------------------------------------- */

static uint32_t io_effects(const struct request *r, uint8_t opcode)
{
	const struct command *row = r->queue->is_discovery ? NULL : io_command(opcode);

	return row ? row->effects : 0;
}

static uint32_t admin_effects(const struct request *r, uint8_t opcode)
{
	const struct command *row = admin_command(opcode);

	if (!row)
		return 0;
	if (!r->queue->is_discovery)
		return row->effects;
	/* It has no list of UUIDs that could be chosen from. */
	return row->in_discovery ? row->effects & ~NVME_EFFECTS_UUID : 0;
}

static void put_effects(struct request *r, const struct part *p)
{
	struct nvme_log_effects log = { 0 };

	for (unsigned int i = 0; i < 256; i++) {
		log.admin[i] = le32_of(admin_effects(r, (uint8_t)i));
		log.io[i] = le32_of(io_effects(r, (uint8_t)i));
	}
	put_part(p, &log, sizeof(log));
}

static void put_feature_effects(struct request *r, const struct part *p)
{
	le32 log[256];

	for (unsigned int i = 0; i < 256; i++)
		log[i] = le32_of(feature_effects(r->queue->controller, (uint8_t)i));
	put_part(p, log, sizeof(log));
}

/* There is no Management Interface. */
static void put_mi_effects(struct request *r, const struct part *p)
{
	static const struct nvme_log_effects none;

	put_part(p, &none, sizeof(none));
}

static size_t of_1024(const struct request *r)
{
	return 1024;
}

static size_t of_4096(const struct request *r)
{
	return 4096;
}

static void put_supported(struct request *r, const struct part *p);

static size_t discovery_size(const struct request *r)
{
	return discovery_log_size(r->queue->controller->discovery_log);
}

static size_t changed_size(const struct request *r)
{
	return NVME_CHANGED_NS_MAX * sizeof(le32);
}

static size_t error_size(const struct request *r)
{
	return ERROR_ENTRIES * sizeof(struct nvme_log_error_entry);
}

static size_t health_size(const struct request *r)
{
	return sizeof(struct nvme_log_health);
}

static size_t firmware_size(const struct request *r)
{
	return sizeof(struct nvme_log_firmware);
}

static const struct log_page {
	uint8_t lid;
	bool in_discovery, in_io;
	const char *name;
	size_t (*size)(const struct request *);
	void (*put)(struct request *, const struct part *);
	/* It was read, and its event is not to be retained.  NULL: it has none. */
	void (*was_read)(struct controller *);
} pages[] = {
	{ NVME_LOG_SUPPORTED, true, true, "Supported Log Pages", of_1024, put_supported, NULL },
	{ NVME_LOG_ERROR, true, true, "Error Information", error_size, put_error,
	  event_errors_read },
	{ NVME_LOG_HEALTH, false, true, "SMART / Health Information", health_size, put_health,
	  event_health_read },
	{ NVME_LOG_FIRMWARE, false, true, "Firmware Slot Information", firmware_size,
	  put_firmware, NULL },
	{ NVME_LOG_CHANGED_NS, false, true, "Changed Namespace List", changed_size, put_changed,
	  event_changed_list_read },
	{ NVME_LOG_EFFECTS, true, true, "Commands Supported and Effects", of_4096, put_effects,
	  NULL },
	{ NVME_LOG_FEATURE_EFFECTS, true, true, "Feature Identifiers Supported and Effects",
	  of_1024, put_feature_effects, NULL },
	{ NVME_LOG_MI_EFFECTS, true, true, "NVMe-MI Commands Supported and Effects", of_4096,
	  put_mi_effects, NULL },
	{ NVME_LOG_DISCOVERY, true, false, "Discovery", discovery_size, put_discovery,
	  event_discovery_read },
};

static const struct log_page *find_page(const struct request *r, uint8_t lid)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (pages[i].lid == lid)
			return (r->queue->is_discovery ? pages[i].in_discovery :
							 pages[i].in_io) ? &pages[i] : NULL;
	return NULL;
}

/* No page takes an index instead of an offset. */
static void put_supported(struct request *r, const struct part *p)
{
	le32 log[256];

	for (unsigned int i = 0; i < 256; i++)
		log[i] = le32_of(find_page(r, (uint8_t)i) ? NVME_EFFECTS_SUPPORTED : 0);
	put_part(p, log, sizeof(log));
}

/* Bytes asked for; more than 32 bits hold when NUMD is that large. */
static uint64_t length_of(const struct nvme_sqe *sqe)
{
	uint64_t numd = le32_get(sqe->cdw10) >> 16 |
			(uint64_t)(le32_get(sqe->cdw11) & 0xffff) << 16;

	return (numd + 1) * 4;
}

static uint64_t offset_of(const struct nvme_sqe *sqe)
{
	return le32_get(sqe->cdw12) | (uint64_t)le32_get(sqe->cdw13) << 32;
}

/* A read from the start begins a new snapshot; parts that follow see the same. */
static bool prepare_discovery(struct request *r, const struct log_page *page, uint64_t offset)
{
	struct controller *c = r->queue->controller;
	struct discovery_log *log;

	if (page->lid != NVME_LOG_DISCOVERY || (offset && c->discovery_log))
		return true;
	log = discovery_log_new(c, c->station->model);
	if (!log)
		return false;
	free(c->discovery_log);
	c->discovery_log = log;
	return true;
}

/* 0, or what is wrong: the status, and where as r->location. */
static uint16_t check(struct request *r, const struct log_page *page)
{
	const struct nvme_sqe *sqe = &r->capsule.sqe;
	uint64_t offset = offset_of(sqe);
	uint32_t nsid = le32_get(sqe->nsid), cdw14 = le32_get(sqe->cdw14);
	bool is_wrong = true;

	if (!page)
		return NVME_INVALID_LOG_PAGE | NVME_DNR;
	/* All are of the controller or the whole subsystem (LPA bit 0). */
	if (!page->in_discovery && nsid && nsid != NVME_NSID_ALL)
		r->location = NVME_ERROR_LOCATION(4, 0);
	else if (length_of(sqe) > r->queue->target->limits.mdts)
		r->location = NVME_ERROR_LOCATION(42, 0);
	else if (offset & 3)
		r->location = NVME_ERROR_LOCATION(48, 0);
	else if (cdw14 & NVME_CDW14_INDEX)
		r->location = NVME_ERROR_LOCATION(58, 7);
	else if (NVME_CDW14_UUID(cdw14))
		r->location = NVME_ERROR_LOCATION(56, 0);
	else
		is_wrong = false;
	if (is_wrong)
		return NVME_INVALID_FIELD | NVME_DNR;
	if (page->lid == NVME_LOG_EFFECTS && NVME_CDW14_CSI(cdw14) != NVME_CSI_NVM) {
		r->location = NVME_ERROR_LOCATION(59, 0);
		return NVME_COMMAND_SET_NOT_SUPPORTED | NVME_DNR;
	}
	if (!prepare_discovery(r, page, offset))
		return NVME_INTERNAL_ERROR;
	if (offset <= page->size(r))
		return NVME_SUCCESS;
	r->location = NVME_ERROR_LOCATION(48, 0);
	return NVME_INVALID_FIELD | NVME_DNR;
}

void log_page_execute(struct request *r)
{
	const struct log_page *page =
		find_page(r, (uint8_t)le32_get(r->capsule.sqe.cdw10));
	uint16_t status = check(r, page);
	struct part part = { .offset = offset_of(&r->capsule.sqe) };
	struct controller *c = r->queue->controller;
	bool is_retained;

	if (status) {
		request_end(r, status);
		return;
	}
	part.length = (uint32_t)length_of(&r->capsule.sqe);
	part.to = request_reply(r, part.length);
	if (!part.to)
		return;
	page->put(r, &part);
	is_retained = le32_get(r->capsule.sqe.cdw10) & NVME_LOG_RAE;
	/* The answer first, then perhaps the next event. */
	request_end(r, NVME_SUCCESS);
	if (page->was_read && !is_retained)
		page->was_read(c);
}
