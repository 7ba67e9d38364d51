/* SPDX-License-Identifier: BSD-2-Clause */
/* Identify (Base Specification 2.1, section 5.1.13). */
#include "controller/io.h"

#define THIS_CONTROLLER 0xffff		/* as CNTID of CNS 1Ch */

static void put_text(char *field, size_t size, const char *text)
{
	size_t length = strlen(text);

	memset(field, ' ', size);
	memcpy(field, text, length < size ? length : size);
}

static uint8_t log2_of(uint64_t n)
{
	return (uint8_t)(63 - __builtin_clzll(n));
}

/* What an I/O controller and a discovery controller have in common. */
static void put_common(struct nvme_id_ctrl *id, const struct controller *c)
{
	const struct limits *limits = &c->target->limits;
	const struct subsystem_settings *s = &c->subsystem->set;

	put_text(id->sn, sizeof(id->sn), s->serial);
	put_text(id->mn, sizeof(id->mn), s->model);
	put_text(id->fr, sizeof(id->fr), s->firmware);
	memcpy(id->ieee, s->oui, sizeof(id->ieee));
	id->mdts = log2_of(limits->mdts / NVME_PAGE_SIZE);
	id->cntlid = le16_of(c->cntlid);
	id->ver = le32_of(NVME_VERSION_2_1);
	id->ctratt = le32_of(NVME_CTRATT_HOSTID_128 | NVME_CTRATT_TBKAS);
	id->cntrltype = c->is_discovery ? NVME_CTRL_DISCOVERY : NVME_CTRL_IO;
	id->acl = ABORT_LIMIT - 1;
	id->elpe = ERROR_ENTRIES - 1;
	id->aerl = AER_LIMIT - 1;
	id->lpa = NVME_LPA_EFFECTS | NVME_LPA_EXTENDED_DATA | NVME_LPA_MISCELLANEOUS;
	id->kas = le16_of(KEEP_ALIVE_UNIT_MS / 100);
	id->maxcmd = le16_of((uint16_t)limits->queue_entries);
	id->sgls = le32_of(NVME_SGLS_SUPPORTED | NVME_SGLS_OFFSET | NVME_SGLS_TRANSPORT);
	id->ioccsz = le32_of((uint32_t)(sizeof(struct nvme_sqe) + limits->in_capsule) / 16);
	id->iorcsz = le32_of(sizeof(struct nvme_cqe) / 16);
	id->msdbd = 1;
	memcpy(id->subnqn, s->nqn, sizeof(id->subnqn));
}

/* Storage that programs bring knows no Compare and Write. */
static bool can_fuse(const struct view *v)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (!v->in_order[i]->backend->info.can_write_if)
			return false;
	return true;
}

/* What is atomic is one logical block, as AWUN, AWUPF and ACWU say by being 0. */
static void put_io(struct nvme_id_ctrl *id, const struct controller *c)
{
	id->cmic = NVME_CMIC_MULTI_PORT | NVME_CMIC_MULTI_CTRL;
	id->oaes = le32_of(NVME_OAES_NS_ATTRIBUTE);
	id->ctratt = le32_of(le32_get(id->ctratt) | NVME_CTRATT_UUID_LIST);
	id->frmw = 0x03;		/* one slot, and that is read only */
	id->wctemp = le16_of(TEMPERATURE_WARNING);
	id->cctemp = le16_of(TEMPERATURE_CRITICAL);
	/* So long a new Connect waits for what the host's dead queues have under way. */
	id->cqt = le16_of(DRAIN_DEADLINE_S * 1000);
	id->sqes = 0x66;
	id->cqes = 0x44;
	id->nn = le32_of(c->subsystem->set.nn);
	id->oncs = le16_of(NVME_ONCS_COMPARE | NVME_ONCS_WRITE_UNCORRECTABLE |
			   NVME_ONCS_DSM | NVME_ONCS_WRITE_ZEROES |
			   NVME_ONCS_SAVE_SELECT | NVME_ONCS_TIMESTAMP | NVME_ONCS_VERIFY |
			   NVME_ONCS_COPY);
	id->cdfs = le16_of(1u << NVME_COPY_FORMAT_0 | 1u << NVME_COPY_FORMAT_2);
	id->nwpc = NVME_NWPC_WRITE_PROTECT;
	id->vwc = NVME_VWC_FLUSH_ALL | (c->view->has_volatile_cache ? NVME_VWC_PRESENT : 0);
	id->fuses = le16_of(can_fuse(c->view) ? NVME_FUSES_COMPARE_AND_WRITE : 0);
	id->ofcs = le16_of(NVME_OFCS_DISCONNECT);
}

static void put_discovery(struct nvme_id_ctrl *id)
{
	id->oaes = le32_of(NVME_OAES_DISCOVERY_CHANGE);
	id->dctype = NVME_DCTYPE_DIRECT;
}

static void identify_controller(struct request *r)
{
	struct controller *c = r->queue->controller;
	struct nvme_id_ctrl *id = (void *)request_reply(r, sizeof(*id));

	if (!id)
		return;
	put_common(id, c);
	if (c->is_discovery)
		put_discovery(id);
	else
		put_io(id, c);
	request_end(r, NVME_SUCCESS);
}

/* In blocks, 0's based; what is unknown or less than one is one. */
static le16 blocks_of(const struct namespace *ns, uint32_t bytes)
{
	uint32_t blocks = bytes >> ns->lba_shift;

	blocks += !blocks;
	return le16_of((uint16_t)(blocks <= UINT16_MAX ? blocks - 1 : UINT16_MAX));
}

/* Disks tell of sizes that are no multiple of anything: they stand for "as much as goes". */
static uint32_t optimal_of(const struct namespace *ns)
{
	const struct backend_info *info = &ns->backend->info;
	bool is_true = info->write_unit && !(info->write_optimal % info->write_unit) &&
		       info->write_optimal >> ns->lba_shift <= UINT16_MAX + 1u;

	return is_true && info->write_optimal ? info->write_optimal : info->write_unit;
}

/* In blocks, and no 0's based number: 0 is none. */
static le16 boundary_of(const struct namespace *ns)
{
	uint32_t bytes = ns->backend->info.io_boundary, blocks = bytes >> ns->lba_shift;
	bool is_true = blocks <= UINT16_MAX && blocks << ns->lba_shift == bytes;

	return le16_of(is_true ? (uint16_t)blocks : 0);
}

static void put_preferences(struct nvme_id_ns *id, const struct namespace *ns)
{
	const struct backend_info *info = &ns->backend->info;

	id->noiob = boundary_of(ns);
	if (!info->write_unit)
		return;
	id->nsfeat |= NVME_NSFEAT_OPTPERF;
	id->npwg = id->npwa = blocks_of(ns, info->write_unit);
	id->npdg = id->npda = blocks_of(ns, info->deallocate_unit);
	id->nows = blocks_of(ns, optimal_of(ns));
}

static void put_namespace(struct nvme_id_ns *id, const struct namespace *ns)
{
	le64 blocks = le64_of(ns->blocks);

	id->dlfeat = NVME_DLFEAT_ZEROS | NVME_DLFEAT_DEAC;
	put_preferences(id, ns);

	id->nsze = id->ncap = id->nuse = blocks;
	id->mssrl = le16_of(io_copy_range_most(ns));
	id->mcl = le32_of(io_copy_blocks_most(ns));
	id->msrc = NVME_COPY_RANGES - 1;
	id->nmic = NVME_NMIC_SHARED;
	id->nsattr = namespace_is_protected(ns) ? NVME_NSATTR_WRITE_PROTECTED : 0;
	id->lbaf[0].lbads = ns->lba_shift;
	id->nvmcap = le128_of((unsigned __int128)ns->blocks << ns->lba_shift);
	memcpy(id->nguid, ns->id.nguid, sizeof(id->nguid));
	memcpy(id->eui64, ns->id.eui64, sizeof(id->eui64));
}

/* An NSID that could be and is not gives zeros: then *ns is NULL. */
static void *reply_of_namespace(struct request *r, const struct namespace **ns)
{
	const struct controller *c = r->queue->controller;
	uint32_t nsid = le32_get(r->capsule.sqe.nsid);

	if (!nsid || nsid > c->subsystem->set.nn) {
		request_end(r, NVME_INVALID_NAMESPACE | NVME_DNR);
		return NULL;
	}
	*ns = view_namespace(c->view, nsid);
	return request_reply(r, NVME_IDENTIFY_SIZE);
}

static void identify_namespace(struct request *r)
{
	const struct namespace *ns;
	struct nvme_id_ns *id = reply_of_namespace(r, &ns);

	if (!id)
		return;
	if (ns)
		put_namespace(id, ns);
	request_end(r, NVME_SUCCESS);
}

/* The NVM command set's part: no protection information, no storage tags. */
static void identify_set_namespace(struct request *r)
{
	const struct namespace *ns;

	if (reply_of_namespace(r, &ns))
		request_end(r, NVME_SUCCESS);
}

static void identify_any_namespace(struct request *r)
{
	const struct namespace *ns;
	struct nvme_id_ns_any *id = reply_of_namespace(r, &ns);

	if (!id)
		return;
	if (ns) {
		id->nsfeat = ns->has_volatile_cache ? 0 : NVME_ANY_NSFEAT_NO_CACHE;
		id->nmic = NVME_NMIC_SHARED;
		id->nsattr = namespace_is_protected(ns) ? NVME_NSATTR_WRITE_PROTECTED : 0;
		id->nstat = NVME_NSTAT_READY;
	}
	request_end(r, NVME_SUCCESS);
}

/* What the NVM command set adds. */
static void identify_set_controller(struct request *r)
{
	struct nvme_id_ctrl_nvm *id = (void *)request_reply(r, sizeof(*id));

	if (!id)
		return;
	id->ver = le32_of(NVME_NVM_VERSION_1_1);
	request_end(r, NVME_SUCCESS);
}

static void identify_active_list(struct request *r)
{
	const struct view *v = r->queue->controller->view;
	uint32_t after = le32_get(r->capsule.sqe.nsid), n = 0;
	le32 *list;

	if (after >= 0xfffffffe) {
		request_end(r, NVME_INVALID_NAMESPACE | NVME_DNR);
		return;
	}
	list = (void *)request_reply(r, NVME_IDENTIFY_SIZE);
	if (!list)
		return;
	for (uint32_t i = view_after(v, after);
	     i < v->count && n < NVME_IDENTIFY_SIZE / sizeof(*list); i++)
		list[n++] = le32_of(v->in_order[i]->nsid);
	request_end(r, NVME_SUCCESS);
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
	while (length && !bytes[length - 1])
		length--;
	return !length;
}

static uint8_t *put_descriptor(uint8_t *at, enum nvme_nid_type type, const uint8_t *value,
			       uint8_t length)
{
	struct nvme_nid *d = (struct nvme_nid *)at;

	if (is_zero(value, length))
		return at;	/* it has none of this kind */
	d->type = (uint8_t)type;
	d->length = length;
	memcpy(d->value, value, length);
	return d->value + length;
}

/* Number 0 is a command set as well. */
static void put_command_set(uint8_t *at, enum nvme_csi csi)
{
	struct nvme_nid *d = (struct nvme_nid *)at;

	d->type = NVME_NID_CSI;
	d->length = 1;
	d->value[0] = (uint8_t)csi;
}

static void identify_descriptors(struct request *r)
{
	const struct namespace *ns = view_namespace(r->queue->controller->view,
						    le32_get(r->capsule.sqe.nsid));
	uint8_t *at;

	if (!ns) {
		request_end(r, NVME_INVALID_NAMESPACE | NVME_DNR);
		return;
	}
	at = request_reply(r, NVME_IDENTIFY_SIZE);
	if (!at)
		return;
	at = put_descriptor(at, NVME_NID_EUI64, ns->id.eui64, sizeof(ns->id.eui64));
	at = put_descriptor(at, NVME_NID_NGUID, ns->id.nguid, sizeof(ns->id.nguid));
	at = put_descriptor(at, NVME_NID_UUID, ns->id.uuid, sizeof(ns->id.uuid));
	put_command_set(at, NVME_CSI_NVM);
	request_end(r, NVME_SUCCESS);
}

/* ---- controllers ---------------------------------------------------------------------------- */

/* Those of the subsystem from CNTID on, perhaps only those that see a namespace. */
static void list_controllers(struct request *r, uint32_t nsid)
{
	const struct controller *c = r->queue->controller;
	struct nvme_controller_list *list = (void *)request_reply(r, sizeof(*list));
	uint16_t ids[sizeof(list->cntlid) / sizeof(list->cntlid[0])];
	unsigned int count;

	if (!list)
		return;
	count = registry_list(&c->target->registry, c->subsystem, nsid,
			      (uint16_t)NVME_IDENTIFY_CNTID(le32_get(r->capsule.sqe.cdw10)),
			      ids, sizeof(ids) / sizeof(ids[0]));
	list->count = le16_of((uint16_t)count);
	for (unsigned int i = 0; i < count; i++)
		list->cntlid[i] = le16_of(ids[i]);
	request_end(r, NVME_SUCCESS);
}

static void identify_controllers(struct request *r)
{
	list_controllers(r, 0);
}

static void identify_attached(struct request *r)
{
	uint32_t nsid = le32_get(r->capsule.sqe.nsid);

	if (!nsid || nsid > r->queue->controller->subsystem->set.nn)
		request_end(r, NVME_INVALID_NAMESPACE | NVME_DNR);
	else
		list_controllers(r, nsid);
}

/* ---- lists of what is possible ---------------------------------------------------------------- */

/* Nothing of ours is a vendor's own: no entry is in use. */
static void identify_uuids(struct request *r)
{
	if (request_reply(r, NVME_IDENTIFY_SIZE))
		request_end(r, NVME_SUCCESS);
}

/* One combination: the NVM command set alone. */
static void identify_command_sets(struct request *r)
{
	const struct controller *c = r->queue->controller;
	uint16_t cntid = (uint16_t)NVME_IDENTIFY_CNTID(le32_get(r->capsule.sqe.cdw10));
	le64 *vectors;

	if (cntid != THIS_CONTROLLER &&
	    !registry_owner(&c->target->registry, c->life->nqn, cntid)) {
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(42, 0));
		return;
	}
	vectors = (void *)request_reply(r, NVME_IDENTIFY_SIZE);
	if (!vectors)
		return;
	vectors[0] = le64_of(UINT64_C(1) << NVME_CSI_NVM);
	request_end(r, NVME_SUCCESS);
}

/* ---- the table -------------------------------------------------------------------------------- */

static const struct cns {
	uint8_t cns;
	bool in_discovery;
	bool has_csi;			/* ... in command dword 11 */
	const char *name;
	void (*execute)(struct request *);
} table[] = {
	{ NVME_CNS_NAMESPACE, false, false, "Namespace", identify_namespace },
	{ NVME_CNS_CONTROLLER, true, false, "Controller", identify_controller },
	{ NVME_CNS_ACTIVE_LIST, false, false, "Active Namespace ID list", identify_active_list },
	{ NVME_CNS_DESCRIPTORS, false, false, "Namespace Identification Descriptors",
	  identify_descriptors },
	{ NVME_CNS_SET_NAMESPACE, false, true, "I/O Command Set specific Namespace",
	  identify_set_namespace },
	{ NVME_CNS_SET_CONTROLLER, false, true, "I/O Command Set specific Controller",
	  identify_set_controller },
	{ NVME_CNS_SET_ACTIVE_LIST, false, true, "I/O Command Set specific Active Namespace ID list",
	  identify_active_list },
	{ NVME_CNS_ANY_NAMESPACE, false, false, "I/O Command Set Independent Namespace",
	  identify_any_namespace },
	{ NVME_CNS_ATTACHED_CONTROLLERS, false, false, "Namespace Attached Controller list",
	  identify_attached },
	{ NVME_CNS_CONTROLLERS, false, false, "Controller list", identify_controllers },
	{ NVME_CNS_UUID_LIST, false, false, "UUID list", identify_uuids },
	{ NVME_CNS_COMMAND_SETS, false, false, "I/O Command Sets", identify_command_sets },
};

static const struct cns *find_cns(const struct request *r)
{
	uint8_t cns = (uint8_t)le32_get(r->capsule.sqe.cdw10);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].cns == cns)
			return !r->queue->is_discovery || table[i].in_discovery ? &table[i] : NULL;
	return NULL;
}

void identify_execute(struct request *r)
{
	const struct nvme_sqe *sqe = &r->capsule.sqe;
	const struct cns *row = find_cns(r);

	if (!row)
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(40, 0));
	else if (row->has_csi && NVME_CDW11_CSI(le32_get(sqe->cdw11)) != NVME_CSI_NVM)
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(47, 0));
	else if (NVME_CDW14_UUID(le32_get(sqe->cdw14)))
		request_refuse(r, NVME_INVALID_FIELD, NVME_ERROR_LOCATION(56, 0));
	else
		row->execute(r);
}
