/* SPDX-License-Identifier: BSD-2-Clause */
/* Set Features and Get Features (Base Specification 2.1, sections 5.1.25 and 5.1.11). */
#include "controller/io.h"

static void refuse_value(struct request *r, unsigned int bit)
{
	request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(44 + bit / 8, bit % 8));
}

/* ---- Number of Queues -------------------------------------------------------------------- */

static uint32_t queues_dw0(uint32_t granted)
{
	uint32_t zero_based = granted ? granted - 1 : 0;

	return zero_based | zero_based << 16;
}

static void set_queues(struct request *r, uint32_t value)
{
	struct controller *c = r->queue->controller;
	uint32_t submission = value & 0xffff, completion = value >> 16;
	uint32_t most = c->io_queues;

	if (submission == 0xffff || completion == 0xffff || submission != completion) {
		refuse_value(r, 0);
		return;
	}
	if (c->has_had_queues) {
		request_end(r, NVME_COMMAND_SEQUENCE_ERROR | NVME_DNR);
		return;
	}
	c->granted = submission + 1 < most ? submission + 1 : most;
	request_end_dw0(r, queues_dw0(c->granted));
}

static uint32_t get_queues(const struct request *r)
{
	const struct controller *c = r->queue->controller;

	return queues_dw0(c->granted ? c->granted : c->io_queues);
}

static uint32_t default_queues(const struct request *r)
{
	return queues_dw0(r->queue->controller->io_queues);
}

/* ---- Asynchronous Event Configuration ------------------------------------------------------ */

/* Health warnings, notices, and the notices of discovery controllers. */
#define ASYNC_DEFINED 0xf800ffffu

static void set_async(struct request *r, uint32_t value)
{
	struct controller *c = r->queue->controller;

	if (value & ~ASYNC_DEFINED) {
		refuse_value(r, (unsigned int)__builtin_ctz(value & ~ASYNC_DEFINED));
		return;
	}
	event_configure(c, value);
	request_end(r, NVME_SUCCESS);
	event_check_health(c);
}

static uint32_t get_async(const struct request *r)
{
	return r->queue->controller->async_config;
}

/* ---- Volatile Write Cache ---------------------------------------------------------------- */

static bool has_volatile_cache(const struct view *v)
{
	return v->has_volatile_cache;
}

/* It is the page cache's or the disk's, and stays switched on. */
static uint32_t get_cache(const struct request *r)
{
	return 1;
}

/* ---- Keep Alive Timer ------------------------------------------------------------------------ */

static void set_keep_alive(struct request *r, uint32_t value)
{
	struct controller *c = r->queue->controller;

	c->kato = keep_alive_round(value);
	keep_alive_start(c);
	request_end(r, NVME_SUCCESS);
}

static uint32_t get_keep_alive(const struct request *r)
{
	return r->queue->controller->kato;
}

/* ---- temperature -------------------------------------------------------------------------- */

/* 0, or where it is wrong: sensors there are none but the composite one. */
static uint16_t check_temperature(uint32_t value, bool is_set)
{
	uint32_t sensor = NVME_TEMPERATURE_SENSOR(value);

	if (sensor && !(is_set && sensor == NVME_TEMPERATURE_ALL_SENSORS))
		return NVME_ERROR_LOCATION(46, 0);
	return NVME_TEMPERATURE_KIND(value) > NVME_TEMPERATURE_UNDER || value >> 22 ?
	       NVME_ERROR_LOCATION(46, 4) : 0;
}

static void set_temperature(struct request *r, uint32_t value)
{
	struct controller *c = r->queue->controller;
	uint16_t location = check_temperature(value, true);

	if (location) {
		request_refuse(r, NVME_INVALID_FIELD, location);
		return;
	}
	/* All sensors: that is none, and the composite temperature is not one of them. */
	if (!NVME_TEMPERATURE_SENSOR(value)) {
		if (NVME_TEMPERATURE_KIND(value) == NVME_TEMPERATURE_OVER)
			c->features.over = NVME_TEMPERATURE_VALUE(value);
		else
			c->features.under = NVME_TEMPERATURE_VALUE(value);
	}
	request_end(r, NVME_SUCCESS);
	event_check_health(c);
}

static void get_temperature(struct request *r, bool is_default)
{
	const struct feature_state *s = &r->queue->controller->features;
	uint32_t value = le32_get(r->capsule.sqe.cdw11);
	uint16_t location = check_temperature(value, false);

	if (location)
		request_refuse(r, NVME_INVALID_FIELD, location);
	else if (NVME_TEMPERATURE_KIND(value) == NVME_TEMPERATURE_OVER)
		request_end_dw0(r, is_default ? TEMPERATURE_WARNING : s->over);
	else
		request_end_dw0(r, is_default ? 0 : s->under);
}

/* ---- Timestamp ----------------------------------------------------------------------------- */

static void set_timestamp(struct request *r, uint32_t value)
{
	struct feature_state *s = &r->queue->controller->features;
	const struct nvme_timestamp *t = (const void *)request_data(r, sizeof(*t));
	uint64_t ms = 0;

	if (!t)
		return;
	for (unsigned int i = 0; i < sizeof(t->ms); i++)
		ms |= (uint64_t)t->ms[i] << 8 * i;
	s->timestamp = ms;
	s->timestamp_ns = r->queue->station->worker->now;
	s->is_timestamp_set = true;
	request_end(r, NVME_SUCCESS);
}

static void get_timestamp(struct request *r, bool is_default)
{
	const struct feature_state *s = &r->queue->controller->features;
	uint64_t ms = (r->queue->station->worker->now - s->timestamp_ns) / NS_PER_MS +
		      s->timestamp;
	struct nvme_timestamp *t = (void *)request_reply(r, sizeof(*t));

	if (!t)
		return;
	for (unsigned int i = 0; i < sizeof(t->ms) && !is_default; i++)
		t->ms[i] = (uint8_t)(ms >> 8 * i);
	if (s->is_timestamp_set && !is_default)
		t->attributes = NVME_TIMESTAMP_WAS_SET;
	request_end(r, NVME_SUCCESS);
}

/* ---- Host Behavior Support ------------------------------------------------------------------- */

#define CDFE_POSSIBLE (1u << NVME_COPY_FORMAT_2)

static void set_behavior(struct request *r, uint32_t value)
{
	struct feature_state *s = &r->queue->controller->features;
	const struct nvme_host_behavior *b = (const void *)request_data(r, sizeof(*b));

	if (!b)
		return;
	if (b->acre > 1 || b->etdas > 1 || b->lbafee > 1 || b->hdisns > 1 ||
	    le16_get(b->cdfe) & ~CDFE_POSSIBLE) {
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_NO_LOCATION);
		return;
	}
	s->behavior = *b;
	memset(s->behavior.reserved6, 0, sizeof(s->behavior.reserved6));
	atomic_store_explicit(&r->queue->controller->copy_formats, le16_get(b->cdfe),
			      memory_order_relaxed);
	request_end(r, NVME_SUCCESS);
}

static void get_behavior(struct request *r, bool is_default)
{
	struct nvme_host_behavior *b = (void *)request_reply(r, sizeof(*b));

	if (!b)
		return;
	if (!is_default)
		*b = r->queue->controller->features.behavior;
	request_end(r, NVME_SUCCESS);
}

/* ---- Host Identifier ---------------------------------------------------------------------------- */

/* Connect has set it for good. */
static void set_host_id(struct request *r, uint32_t value)
{
	request_refuse(r, NVME_COMMAND_SEQUENCE_ERROR, NVME_ERROR_NO_LOCATION);
}

static void get_host_id(struct request *r, bool is_default)
{
	const struct controller *c = r->queue->controller;
	uint8_t *id;

	if (!(le32_get(r->capsule.sqe.cdw11) & NVME_EXHID)) {
		refuse_value(r, 0);
		return;
	}
	id = request_reply(r, sizeof(c->hostid));
	if (!id)
		return;
	memcpy(id, c->hostid, sizeof(c->hostid));
	request_end(r, NVME_SUCCESS);
}

/* ---- Namespace Write Protection Config ----------------------------------------------------------- */

static void protect(struct request *r, bool is)
{
	struct controller *c = r->queue->controller;

	atomic_store(&r->ns->common->is_protected, is);
	registry_notice(&c->target->registry, c->life, r->ns->nsid);
}

/* What was written before must last as well, else it is not protected. */
static void settled(struct backend_op *op, int result)
{
	struct request *r = container_of(op, struct request, op);

	if (result)
		protect(r, false);
	io_end(r, result);
}

/* Whoever has protected it looks after that. */
static void settled_as_well(struct backend_op *op, int result)
{
	io_end(container_of(op, struct request, op), result);
}

static void settle(struct request *r, bool was_protected)
{
	int result;

	r->op.opcode = BACKEND_FLUSH;
	r->op.done = was_protected ? settled_as_well : settled;
	result = backend_submit(r->ns->backend, &r->queue->station->lane, &r->op);
	if (result != BACKEND_PENDING)
		r->op.done(&r->op, result);
}

/* The states that last until a power cycle, or for ever, there are not. */
static void set_protection(struct request *r, uint32_t value)
{
	uint16_t status = io_bind(r);
	bool was, is = value == NVME_PROTECTED;

	if (status) {
		request_end(r, status);
		return;
	}
	if (value > NVME_PROTECTED) {
		refuse_value(r, 0);
		return;
	}
	was = namespace_is_protected(r->ns);
	if (r->ns->is_read_only && !is) {
		request_refuse(r, NVME_FEATURE_NOT_CHANGEABLE, NVME_ERROR_LOCATION(44, 0));
		return;
	}
	if (was != is)
		protect(r, is);
	/* Another host's may be under way, and it is promised no less. */
	if (is && !r->ns->is_read_only && r->ns->has_volatile_cache)
		settle(r, was);
	else
		request_end(r, NVME_SUCCESS);
}

static const struct namespace *namespace_of(const struct request *r)
{
	return view_namespace(r->queue->controller->view, le32_get(r->capsule.sqe.nsid));
}

static uint32_t get_protection(const struct request *r)
{
	return namespace_is_protected(namespace_of(r)) ? NVME_PROTECTED : NVME_NOT_PROTECTED;
}

static uint32_t default_protection(const struct request *r)
{
	return namespace_of(r)->is_read_only ? NVME_PROTECTED : NVME_NOT_PROTECTED;
}

/* ---- numbers ---------------------------------------------------------------------------------- */

/* One combination of command sets there is: number 0. */
static void set_command_sets(struct request *r, uint32_t value)
{
	if (value & 0x1ff)
		request_refuse(r, NVME_COMMAND_SETS_REJECTED, NVME_ERROR_LOCATION(44, 0));
	else
		request_end(r, NVME_SUCCESS);
}

static uint32_t zero(const struct request *r)
{
	return 0;
}

static void set_number(struct request *r, uint32_t value);
static uint32_t get_number(const struct request *r);

/* ---- the table -------------------------------------------------------------------------------- */

static const struct feature {
	uint8_t fid;
	bool in_discovery;
	bool is_of_namespace;
	bool is_fixed;			/* as it is answered for SEL 3 */
	const char *name;
	void (*set)(struct request *, uint32_t value);	/* NULL: not changeable */
	/* Numbers have these two, what comes as data `reply`. */
	uint32_t (*get)(const struct request *);
	uint32_t (*get_default)(const struct request *);
	void (*reply)(struct request *, bool is_default);
	bool (*is_offered)(const struct view *);	/* NULL: always */
	enum feature_value number;
	uint32_t valid;			/* bits of that number */
} features[] = {
	{ NVME_FEAT_ARBITRATION, .name = "Arbitration", .set = set_number, .get = get_number,
	  .get_default = zero, .number = VALUE_ARBITRATION, .valid = 0xffffff07 },
	/* One power state, so that no more than a hint of the workload can be given. */
	{ NVME_FEAT_POWER, .name = "Power Management", .set = set_number, .get = get_number,
	  .get_default = zero, .number = VALUE_POWER, .valid = 0xe0 },
	{ NVME_FEAT_TEMPERATURE, .name = "Temperature Threshold", .set = set_temperature,
	  .reply = get_temperature },
	/* Storage takes the time that it takes. */
	{ NVME_FEAT_ERROR_RECOVERY, .is_of_namespace = true, .name = "Error Recovery",
	  .get = zero, .get_default = zero },
	{ NVME_FEAT_VOLATILE_CACHE, .name = "Volatile Write Cache", .get = get_cache,
	  .get_default = get_cache, .is_offered = has_volatile_cache },
	{ NVME_FEAT_QUEUES, .name = "Number of Queues", .set = set_queues, .get = get_queues,
	  .get_default = default_queues },
	/* A block is atomic in any case. */
	{ NVME_FEAT_ATOMICITY, .name = "Write Atomicity Normal", .set = set_number,
	  .get = get_number, .get_default = zero, .number = VALUE_ATOMICITY, .valid = 1 },
	{ NVME_FEAT_ASYNC_EVENT, true, .name = "Asynchronous Event Configuration",
	  .set = set_async, .get = get_async, .get_default = zero },
	{ NVME_FEAT_TIMESTAMP, .name = "Timestamp", .set = set_timestamp,
	  .reply = get_timestamp },
	{ NVME_FEAT_KEEP_ALIVE, true, .name = "Keep Alive Timer", .set = set_keep_alive,
	  .get = get_keep_alive, .get_default = zero },
	{ NVME_FEAT_HOST_BEHAVIOR, .name = "Host Behavior Support", .set = set_behavior,
	  .reply = get_behavior },
	{ NVME_FEAT_COMMAND_SETS, .name = "I/O Command Set Profile", .set = set_command_sets,
	  .get = zero, .get_default = zero },
	{ NVME_FEAT_HOST_ID, .is_fixed = true, .name = "Host Identifier", .set = set_host_id,
	  .reply = get_host_id },
	{ NVME_FEAT_WRITE_PROTECTION, .is_of_namespace = true,
	  .name = "Namespace Write Protection Config", .set = set_protection,
	  .get = get_protection, .get_default = default_protection },
};

static bool is_offered(const struct feature *f, const struct controller *c)
{
	if (c->is_discovery && !f->in_discovery)
		return false;
	return !f->is_offered || f->is_offered(c->view);
}

static const struct feature *find(const struct controller *c, uint8_t fid)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (features[i].fid == fid && is_offered(&features[i], c))
			return &features[i];
	return NULL;
}

static const struct feature *find_feature(const struct request *r)
{
	return find(r->queue->controller, (uint8_t)le32_get(r->capsule.sqe.cdw10));
}

static void set_number(struct request *r, uint32_t value)
{
	const struct feature *f = find_feature(r);

	if (value & ~f->valid) {
		refuse_value(r, (unsigned int)__builtin_ctz(value & ~f->valid));
		return;
	}
	r->queue->controller->features.values[f->number] = value;
	request_end(r, NVME_SUCCESS);
}

static uint32_t get_number(const struct request *r)
{
	return r->queue->controller->features.values[find_feature(r)->number];
}

void feature_reset(struct controller *c)
{
	c->features = (struct feature_state){
		.over = TEMPERATURE_WARNING,
		.timestamp_ns = c->station->worker->now,
	};
	atomic_store_explicit(&c->copy_formats, 0, memory_order_relaxed);
}

uint32_t feature_effects(const struct controller *c, uint8_t fid)
{
	const struct feature *f = find(c, fid);

	if (!f)
		return 0;
	return NVME_EFFECTS_SUPPORTED |
	       (f->is_of_namespace ? NVME_SCOPE_NAMESPACE : NVME_SCOPE_CONTROLLER);
}

/* ---- the commands ---------------------------------------------------------------------------- */

/* Of a namespace that is there; of all of them at once nothing can be set or got. */
static uint16_t check_namespace(const struct request *r)
{
	const struct controller *c = r->queue->controller;
	uint32_t nsid = le32_get(r->capsule.sqe.nsid);

	if (!nsid || nsid > c->subsystem->set.nn)
		return NVME_INVALID_NAMESPACE;
	return view_namespace(c->view, nsid) ? NVME_SUCCESS : NVME_INVALID_FIELD;
}

/* What is the controller's can't be set for one namespace. */
static uint16_t check_no_namespace(const struct request *r)
{
	uint32_t nsid = le32_get(r->capsule.sqe.nsid);
	uint16_t status;

	if (!nsid || nsid == NVME_NSID_ALL)
		return NVME_SUCCESS;
	status = check_namespace(r);
	return status ? status : NVME_FEATURE_NOT_NAMESPACE;
}

void set_features_execute(struct request *r)
{
	const struct feature *f = find_feature(r);
	uint16_t status;

	if (!f) {
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(40, 0));
		return;
	}
	if (NVME_CDW14_UUID(le32_get(r->capsule.sqe.cdw14))) {
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(56, 0));
		return;
	}
	if (le32_get(r->capsule.sqe.cdw10) & NVME_FEAT_SAVE) {
		request_refuse(r, NVME_FEATURE_NOT_SAVEABLE, NVME_ERROR_LOCATION(43, 7));
		return;
	}
	if (!f->set) {
		request_refuse(r, NVME_FEATURE_NOT_CHANGEABLE, NVME_ERROR_LOCATION(40, 0));
		return;
	}
	status = f->is_of_namespace ? check_namespace(r) : check_no_namespace(r);
	if (status)
		request_refuse(r, status, NVME_ERROR_LOCATION(4, 0));
	else
		f->set(r, le32_get(r->capsule.sqe.cdw11));
}

/* SEL: current, default, saved, supported capabilities. */
enum { SELECT_CURRENT, SELECT_DEFAULT, SELECT_SAVED, SELECT_SUPPORTED };
#define CAPABILITY_OF_NAMESPACE 0x2u
#define CAPABILITY_CHANGEABLE 0x4u

static uint32_t capabilities(const struct feature *f)
{
	return (f->set && !f->is_fixed ? CAPABILITY_CHANGEABLE : 0) |
	       (f->is_of_namespace ? CAPABILITY_OF_NAMESPACE : 0);
}

static void answer(struct request *r, const struct feature *f, bool is_default)
{
	if (f->reply)
		f->reply(r, is_default);
	else
		request_end_dw0(r, is_default ? f->get_default(r) : f->get(r));
}

void get_features_execute(struct request *r)
{
	const struct feature *f = find_feature(r);
	unsigned int select = NVME_FEAT_SELECT(le32_get(r->capsule.sqe.cdw10));
	uint16_t status;

	if (!f)
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(40, 0));
	else if (select > SELECT_SUPPORTED)
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(41, 0));
	else if (NVME_CDW14_UUID(le32_get(r->capsule.sqe.cdw14)))
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(56, 0));
	else if (select == SELECT_SUPPORTED)
		request_end_dw0(r, capabilities(f));
	else if (f->is_of_namespace && (status = check_namespace(r)))
		request_refuse(r, status, NVME_ERROR_LOCATION(4, 0));
	else	/* nothing is saved: the default */
		answer(r, f, select != SELECT_CURRENT);
}
