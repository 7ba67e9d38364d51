/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Error Information log (Base Specification 2.1, section 5.1.12.1.2): the last commands
 * of one controller that ended with an error, and how many there ever were.
 *
 * Its queues live on several workers, and all of them write here: under a lock, which none
 * but commands that fail take and which is held for the time of a copy.  The room is there
 * from the first error on, for most controllers never have one.
 */
#include "controller/controller.h"
#include "wire/fabrics.h"

#include <pthread.h>
#include <stdlib.h>

/* What an entry is made of; the rest of it follows from that. */
struct error_record {
	uint64_t lba;
	uint32_t nsid;
	uint16_t sqid, cid;
	uint16_t status;		/* as it was sent */
	uint16_t location;
	uint8_t opcode;
};

struct error_log {
	pthread_mutex_t lock;
	uint64_t count;			/* of the controller's life: the newest one's number */
	uint64_t cleared;		/* those up to this one have been forgotten */
	bool is_told;			/* there are news of one that failed since the last reading */
	struct error_record records[ERROR_ENTRIES];	/* [number % ERROR_ENTRIES] */
};

/* ---- what is wrong, and where --------------------------------------------------------------- */

static uint16_t code_of(uint16_t status)
{
	return status & NVME_STATUS_CODE;
}

/* Ends that somebody asked for, and that of a half whose other half says what was wrong. */
static bool is_no_error(uint16_t status)
{
	static const uint16_t statuses[] = {
		NVME_ABORT_REQUESTED, NVME_ABORTED_SQ_DELETION, NVME_FAILED_FUSED,
	};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i] == code_of(status))
			return true;
	return false;
}

/* "Details should be reported as an asynchronous event" (Base Specification, Internal
 * Error): so are those of the storage, whose status says no more than which command. */
static bool is_internal(const struct request *r, uint16_t status)
{
	return r->has_failed || code_of(status) == NVME_INTERNAL_ERROR;
}

/* What such a status is about, where nobody has said more. */
static uint16_t usual_location(const struct request *r, uint16_t status)
{
	static const struct {
		uint16_t status, location;
	} rows[] = {
		{ NVME_INVALID_OPCODE, NVME_ERROR_LOCATION(0, 0) },
		{ NVME_MISSING_FUSED, NVME_ERROR_LOCATION(1, 0) },
		{ NVME_COMMAND_ID_CONFLICT, NVME_ERROR_LOCATION(2, 0) },
		{ NVME_INVALID_NAMESPACE, NVME_ERROR_LOCATION(4, 0) },
		{ NVME_SGL_OFFSET_INVALID, NVME_ERROR_LOCATION(24, 0) },
		{ NVME_DATA_SGL_LENGTH_INVALID, NVME_ERROR_LOCATION(32, 0) },
		{ NVME_SGL_TYPE_INVALID, NVME_ERROR_LOCATION(39, 0) },
		{ NVME_INVALID_LOG_PAGE, NVME_ERROR_LOCATION(40, 0) },
		{ NVME_LBA_OUT_OF_RANGE, NVME_ERROR_LOCATION(40, 0) },
		{ NVME_ATOMIC_WRITE_UNIT_EXCEEDED, NVME_ERROR_LOCATION(48, 0) },
	};

	/* The opcode of a Fabrics command is in its fourth byte. */
	if (code_of(status) == NVME_INVALID_OPCODE &&
	    r->capsule.sqe.opcode == NVME_OPCODE_FABRICS)
		return NVME_ERROR_LOCATION(4, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == code_of(status))
			return rows[i].location;
	return NVME_ERROR_NO_LOCATION;
}

/* The first block of a command whose range is wrong or did not compare; of one beyond the
 * end, the first that there is not.  Who has a list of ranges says it himself. */
static uint64_t usual_block(const struct request *r, uint16_t status)
{
	const struct nvme_sqe *sqe = &r->capsule.sqe;
	uint64_t first = le32_get(sqe->cdw10) | (uint64_t)le32_get(sqe->cdw11) << 32;

	if (!r->ns || r->location == NVME_ERROR_NO_LOCATION)
		return 0;
	if (code_of(status) == NVME_LBA_OUT_OF_RANGE)
		return first > r->ns->blocks ? first : r->ns->blocks;
	return code_of(status) == NVME_COMPARE_FAILURE ? first : 0;
}

static struct error_place usual_place(const struct request *r, uint16_t status)
{
	const struct nvme_sqe *sqe = &r->capsule.sqe;

	if (sqe->opcode == NVME_OPCODE_FABRICS)
		return (struct error_place){ 0 };
	return (struct error_place){ le32_get(sqe->nsid), usual_block(r, status) };
}

static struct error_record record_of(const struct request *r, uint16_t status,
				     struct error_place place)
{
	const struct nvme_sqe *sqe = &r->capsule.sqe;

	return (struct error_record){
		.lba = place.lba,
		.nsid = place.nsid,
		.sqid = r->queue->qid,
		.cid = capsule_cid(&r->capsule),
		.status = status,
		.location = r->location ? r->location : usual_location(r, status),
		.opcode = sqe->opcode,
	};
}

/* ---- the log ---------------------------------------------------------------------------------- */

/* Two workers may meet their first errors at once. */
static struct error_log *make_log(struct controller *c)
{
	struct error_log *log = calloc(1, sizeof(*log)), *other = NULL;

	if (!log)
		return NULL;
	pthread_mutex_init(&log->lock, NULL);
	if (atomic_compare_exchange_strong(&c->errors, &other, log))
		return log;
	pthread_mutex_destroy(&log->lock);
	free(log);
	return other;
}

static struct error_log *log_of(struct controller *c)
{
	return atomic_load_explicit(&c->errors, memory_order_acquire);
}

/* Whether there is to be an event of it. */
static bool add(struct error_log *log, const struct error_record *record, bool has_failed)
{
	bool is_news;

	pthread_mutex_lock(&log->lock);
	log->count++;
	log->records[log->count % ERROR_ENTRIES] = *record;
	is_news = has_failed && !log->is_told;
	log->is_told |= has_failed;
	pthread_mutex_unlock(&log->lock);
	return is_news;
}

/* Who has gone hears of no status, and before there is a controller there is no log. */
uint16_t error_note(struct request *r, uint16_t status, const struct error_place *place)
{
	const struct queue *q = r->queue;
	struct controller *c = q->connection.has_ended ? NULL : q->controller;
	struct error_log *log;
	struct error_record record;

	if (!c || is_no_error(status))
		return status;
	log = log_of(c);
	if (!log)
		log = make_log(c);
	if (!log)
		return status;
	status |= NVME_MORE;
	record = record_of(r, status, place ? *place : usual_place(r, status));
	if (add(log, &record, is_internal(r, status)))
		registry_notice_failure(&r->queue->target->registry, c);
	return status;
}

bool error_is_told(struct controller *c)
{
	struct error_log *log = log_of(c);
	bool is;

	if (!log)
		return false;
	pthread_mutex_lock(&log->lock);
	is = log->is_told;
	pthread_mutex_unlock(&log->lock);
	return is;
}

void error_clear(struct controller *c)
{
	struct error_log *log = log_of(c);

	if (!log)
		return;
	pthread_mutex_lock(&log->lock);
	log->cleared = log->count;
	log->is_told = false;
	pthread_mutex_unlock(&log->lock);
}

void error_free(struct controller *c)
{
	struct error_log *log = log_of(c);

	if (!log)
		return;
	pthread_mutex_destroy(&log->lock);
	free(log);
}

uint64_t error_count(struct controller *c)
{
	struct error_log *log = log_of(c);
	uint64_t count;

	if (!log)
		return 0;
	pthread_mutex_lock(&log->lock);
	count = log->count;
	pthread_mutex_unlock(&log->lock);
	return count;
}

/* ---- for hosts --------------------------------------------------------------------------------- */

static bool is_of_transport(const struct error_record *e)
{
	return code_of(e->status) == NVME_TRANSIENT_TRANSPORT_ERROR;
}

static struct nvme_log_error_entry entry_of(const struct error_record *e, uint64_t count)
{
	return (struct nvme_log_error_entry){
		.error_count = le64_of(count),
		.sqid = le16_of(e->sqid),
		.cid = le16_of(e->cid),
		.status = nvme_status_field(e->status),
		.location = le16_of(e->location),
		.lba = le64_of(e->lba),
		.nsid = le32_of(e->nsid),
		.trtype = is_of_transport(e) ? NVMF_TRTYPE_TCP : 0,
		.csi = NVME_CSI_NVM,
		.opcode = e->opcode,
		.version = NVME_ERROR_VERSION,
	};
}

void error_list(struct controller *c, struct nvme_log_error_entry list[ERROR_ENTRIES])
{
	struct error_log *log = log_of(c);
	size_t n = 0;

	memset(list, 0, ERROR_ENTRIES * sizeof(*list));
	if (!log)
		return;
	pthread_mutex_lock(&log->lock);
	for (uint64_t at = log->count; at > log->cleared && n < ERROR_ENTRIES; at--)
		list[n++] = entry_of(&log->records[at % ERROR_ENTRIES], at);
	log->is_told = false;
	pthread_mutex_unlock(&log->lock);
}
