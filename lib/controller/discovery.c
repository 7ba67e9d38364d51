/* SPDX-License-Identifier: BSD-2-Clause */
/* The Discovery Log Page (Base Specification 2.1, section 5.1.12.3.1). */
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

/* What all entries have in common. */
static void put_entry(struct nvmf_discovery_entry *e, const struct controller *c, bool is_ipv6,
		      const char *address, uint16_t service_number)
{
	char service[8];

	*e = (struct nvmf_discovery_entry){
		.trtype = NVMF_TRTYPE_TCP,
		.adrfam = is_ipv6 ? NVMF_ADRFAM_IPV6 : NVMF_ADRFAM_IPV4,
		.treq = NVMF_TREQ_NOT_REQUIRED |
			(c->target->limits.allow_flow_off ? NVMF_TREQ_SQ_FLOW_OFF : 0),
		.cntlid = le16_of(NVMF_CNTLID_DYNAMIC),
		.asqsz = le16_of(ADMIN_ENTRIES_MIN),
	};
	snprintf(service, sizeof(service), "%u", service_number);
	put_text(e->trsvcid, sizeof(e->trsvcid), service);
	put_text(e->traddr, sizeof(e->traddr), address);
}

/* How many subsystems of this port the host may use. */
static unsigned int put_port(struct nvmf_discovery_entry *e, const struct controller *c,
			     const struct port *p)
{
	char address[NET_ADDRESS_TEXT];
	unsigned int n = 0;

	if (!p->subsystems.count || !address_of(p, c->admin, address))
		return 0;
	for (unsigned int i = 0; i < p->subsystems.count; i++) {
		const struct subsystem *s = p->subsystems.at[i];

		if (connect_check_host(c->admin, s, c->hostnqn))
			continue;
		put_entry(&e[n], c, p->is_ipv6, address, p->service);
		e[n].subtype = NVMF_SUBTYPE_NVM;
		e[n].portid = le16_of(p->id);
		memcpy(e[n].subnqn, s->set.nqn, sizeof(e[n].subnqn));
		n++;
	}
	return n;
}

static void put_referral(struct nvmf_discovery_entry *e, const struct controller *c,
			 const struct referral *r)
{
	put_entry(e, c, r->is_ipv6, r->address, r->service);
	e->subtype = NVMF_SUBTYPE_REFERRAL;
	e->portid = le16_of(r->port_id);
	memcpy(e->subnqn, r->nqn, sizeof(e->subnqn));
}

/*
 * This discovery service itself, where the host came to it: he may stay, and need ask at
 * no other address.
 */
static unsigned int put_current(struct nvmf_discovery_entry *e, const struct controller *c,
				const struct snapshot *m)
{
	const struct port *p = snapshot_port_of(m, c->admin->port);
	char address[NET_ADDRESS_TEXT];

	if (!p || !address_of(p, c->admin, address))
		return 0;
	put_entry(e, c, p->is_ipv6, address, p->service);
	e->subtype = NVMF_SUBTYPE_DISCOVERY;
	e->portid = le16_of(p->id);
	e->eflags = le16_of(NVMF_EFLAGS_DUPLICATE | NVMF_EFLAGS_PERSISTENT);
	memcpy(e->subnqn, m->discovery->set.nqn, sizeof(e->subnqn));
	return 1;
}

static uint64_t most_entries(const struct snapshot *m)
{
	uint64_t n = m->referrals.count + 1;

	for (unsigned int i = 0; i < m->ports.count; i++)
		n += ((const struct port *)m->ports.at[i])->subsystems.count;
	return n;
}

struct discovery_log *discovery_log_new(const struct controller *c, const struct snapshot *m)
{
	struct discovery_log *log = calloc(1, sizeof(*log) + most_entries(m) *
					      sizeof(log->entries[0]));
	uint64_t n = 0;

	if (!log)
		return NULL;
	for (unsigned int i = 0; i < m->ports.count; i++)
		n += put_port(&log->entries[n], c, m->ports.at[i]);
	for (unsigned int i = 0; i < m->referrals.count; i++)
		put_referral(&log->entries[n++], c, m->referrals.at[i]);
	n += put_current(&log->entries[n], c, m);
	log->header.genctr = le64_of(m->generation);
	log->header.numrec = le64_of(n);
	return log;
}

size_t discovery_log_size(const struct discovery_log *log)
{
	return sizeof(log->header) + le64_get(log->header.numrec) * sizeof(log->entries[0]);
}
