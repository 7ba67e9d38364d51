/* SPDX-License-Identifier: BSD-2-Clause */
/* Identify (Base Specification 2.0, section 5.17). */
#include "controller/controller.h"

#define KAS_UNITS 1			/* of 100 ms */

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
	id->ver = le32_of(NVME_VERSION_1_4);
	id->ctratt = le32_of(NVME_CTRATT_HOSTID_128 | NVME_CTRATT_TBKAS);
	id->cntrltype = c->is_discovery ? NVME_CTRL_DISCOVERY : NVME_CTRL_IO;
	id->acl = ABORT_LIMIT - 1;
	id->aerl = AER_LIMIT - 1;
	id->lpa = NVME_LPA_EXTENDED_DATA;
	id->kas = le16_of(KAS_UNITS);
	id->maxcmd = le16_of((uint16_t)limits->queue_entries);
	id->sgls = le32_of(NVME_SGLS_SUPPORTED | NVME_SGLS_OFFSET | NVME_SGLS_TRANSPORT);
	id->ioccsz = le32_of((uint32_t)(sizeof(struct nvme_sqe) + limits->in_capsule) / 16);
	id->iorcsz = le32_of(sizeof(struct nvme_cqe) / 16);
	id->msdbd = 1;
	memcpy(id->subnqn, s->nqn, sizeof(id->subnqn));
}

static void put_io(struct nvme_id_ctrl *id, const struct controller *c)
{
	id->cmic = NVME_CMIC_MULTI_PORT | NVME_CMIC_MULTI_CTRL;
	id->oaes = le32_of(NVME_OAES_NS_ATTRIBUTE);
	id->frmw = 0x03;		/* one slot, and that is read only */
	id->sqes = 0x66;
	id->cqes = 0x44;
	id->nn = le32_of(c->subsystem->set.nn);
	id->vwc = NVME_VWC_FLUSH_ALL | (c->view->has_volatile_cache ? NVME_VWC_PRESENT : 0);
	id->ofcs = le16_of(NVME_OFCS_DISCONNECT);
}

static void identify_controller(struct request *r)
{
	struct controller *c = r->queue->controller;
	struct nvme_id_ctrl *id = (void *)request_reply(r, sizeof(*id));

	if (!id)
		return;
	put_common(id, c);
	if (c->is_discovery)
		id->oaes = le32_of(NVME_OAES_DISCOVERY_CHANGE);
	else
		put_io(id, c);
	request_end(r, NVME_SUCCESS);
}

static void put_namespace(struct nvme_id_ns *id, const struct namespace *ns)
{
	le64 blocks = le64_of(ns->blocks);

	id->nsze = id->ncap = id->nuse = blocks;
	id->nmic = NVME_NMIC_SHARED;
	id->nsattr = ns->is_read_only ? NVME_NSATTR_WRITE_PROTECTED : 0;
	id->lbaf[0].lbads = ns->lba_shift;
	id->nvmcap = le128_of((unsigned __int128)ns->blocks << ns->lba_shift);
	memcpy(id->nguid, ns->id.nguid, sizeof(id->nguid));
	memcpy(id->eui64, ns->id.eui64, sizeof(id->eui64));
}

/* An NSID that could be and is not gives zeros. */
static void identify_namespace(struct request *r)
{
	const struct controller *c = r->queue->controller;
	uint32_t nsid = le32_get(r->capsule.sqe.nsid);
	const struct namespace *ns = view_namespace(c->view, nsid);
	struct nvme_id_ns *id;

	if (!nsid || nsid > c->subsystem->set.nn) {
		request_end(r, NVME_INVALID_NAMESPACE | NVME_DNR);
		return;
	}
	id = (void *)request_reply(r, sizeof(*id));
	if (!id)
		return;
	if (ns)
		put_namespace(id, ns);
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
	put_descriptor(at, NVME_NID_UUID, ns->id.uuid, sizeof(ns->id.uuid));
	request_end(r, NVME_SUCCESS);
}

static const struct cns {
	uint8_t cns;
	bool in_discovery;
	void (*execute)(struct request *);
} table[] = {
	{ NVME_CNS_NAMESPACE, false, identify_namespace },
	{ NVME_CNS_CONTROLLER, true, identify_controller },
	{ NVME_CNS_ACTIVE_LIST, false, identify_active_list },
	{ NVME_CNS_DESCRIPTORS, false, identify_descriptors },
};

void identify_execute(struct request *r)
{
	uint8_t cns = (uint8_t)le32_get(r->capsule.sqe.cdw10);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].cns != cns || (r->queue->is_discovery && !table[i].in_discovery))
			continue;
		table[i].execute(r);
		return;
	}
	request_end(r, NVME_INVALID_FIELD | NVME_DNR);
}
