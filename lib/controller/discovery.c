/* SPDX-License-Identifier: BSD-2-Clause */
/* The Discovery Log Page (Base Specification 2.0, section 5.16.1.23). */
#include "controller/controller.h"

#include <stdio.h>
#include <stdlib.h>

static void put_text(char *field, size_t size, const char *text)
{
	memset(field, ' ', size);
	memcpy(field, text, strlen(text));
}

/*
 * What the host is told for a port: where it listens, or for a wildcard the
 * address that this host came to.  A zone is ours alone and is left out.
 * False: of another family than the host's, which a wildcard can't name.
 */
static bool address_of(const struct port *p, const struct queue *q,
		       char text[NET_ADDRESS_TEXT])
{
	bool is_ipv6;

	if (p->is_any)
		return !connection_local_address(&q->connection, text, &is_ipv6) &&
		       is_ipv6 == p->is_ipv6;
	snprintf(text, NET_ADDRESS_TEXT, "%s", p->address);
	text[strcspn(text, "%")] = '\0';
	return true;
}

static bool put_entry(struct nvmf_discovery_entry *e, const struct port *p,
		      const struct queue *q)
{
	const struct model *m = q->target->model;
	char address[NET_ADDRESS_TEXT], service[8];

	if (!p->serves_io || !address_of(p, q, address))
		return false;
	*e = (struct nvmf_discovery_entry){
		.trtype = NVMF_TRTYPE_TCP,
		.adrfam = p->is_ipv6 ? NVMF_ADRFAM_IPV6 : NVMF_ADRFAM_IPV4,
		.subtype = NVMF_SUBTYPE_NVM,
		.treq = NVMF_TREQ_NOT_REQUIRED |
			(m->limits.allow_flow_off ? NVMF_TREQ_SQ_FLOW_OFF : 0),
		.portid = le16_of(p->id),
		.cntlid = le16_of(NVMF_CNTLID_DYNAMIC),
		.asqsz = le16_of(ADMIN_ENTRIES_MIN),
	};
	snprintf(service, sizeof(service), "%u", p->service);
	put_text(e->trsvcid, sizeof(e->trsvcid), service);
	put_text(e->traddr, sizeof(e->traddr), address);
	memcpy(e->subnqn, m->subsystem.nqn, sizeof(e->subnqn));
	return true;
}

bool discovery_snapshot(struct controller *c, const struct queue *q)
{
	const struct model *m = c->target->model;
	struct nvmf_discovery_header *h;
	struct nvmf_discovery_entry *entries;
	uint64_t n = 0;

	h = calloc(1, sizeof(*h) + m->port_count * sizeof(*entries));
	if (!h)
		return false;
	entries = (struct nvmf_discovery_entry *)(h + 1);
	for (unsigned int i = 0; i < m->port_count; i++)
		n += put_entry(&entries[n], m->ports[i], q);
	h->genctr = le64_of(m->generation);
	h->numrec = le64_of(n);
	free(c->discovery_log);
	c->discovery_log = (uint8_t *)h;
	c->discovery_size = sizeof(*h) + n * sizeof(*entries);
	return true;
}
