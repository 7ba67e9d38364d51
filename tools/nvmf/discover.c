/* SPDX-License-Identifier: BSD-2-Clause */
#include "command.h"
#include "field.h"
#include "json.h"
#include "session.h"

#include <nvmf/discovery.h>

#include <inttypes.h>
#include <stdio.h>

/* Transport requirements: bits 1:0 and 2 (Figure 264 of the Base Specification). */
static const char *treq_text(uint8_t treq)
{
	static const char *const texts[8] = {
		"not specified", "required", "not required", "reserved",
		"not specified, sq flow control disable supported",
		"required, sq flow control disable supported",
		"not required, sq flow control disable supported",
		"reserved, sq flow control disable supported",
	};

	return texts[treq & 7];
}

static const char *eflags_text(uint16_t eflags)
{
	static const char *const texts[8] = {
		"none", "duplicate discovery information",
		"explicit discovery connections",
		"explicit discovery connections, duplicate discovery information",
		"no cdc connectivity", "no cdc connectivity, duplicate discovery information",
		"no cdc connectivity, explicit discovery connections",
		"no cdc connectivity, explicit discovery connections, duplicate discovery information",
	};

	return texts[eflags & 7];
}

static const char *sectype_text(uint8_t sectype)
{
	static const char *const texts[] = { "none", "tls", "tls13" };

	return sectype < 3 ? texts[sectype] : "unrecognized";
}

static void print_record(const struct nvmf_discovery_record *r, unsigned int index)
{
	printf("=====Discovery Log Entry %u======\n", index);
	printf("trtype:  %s\n", nvmf_discovery_trtype_name(r->trtype));
	printf("adrfam:  %s\n", nvmf_discovery_adrfam_name(r->adrfam));
	printf("subtype: %s\n", nvmf_discovery_subtype_name(r->subtype));
	printf("treq:    %s\n", treq_text(r->treq));
	printf("portid:  %u\n", r->portid);
	print_text("trsvcid: ", r->trsvcid);
	print_text("subnqn:  ", r->subnqn);
	print_text("traddr:  ", r->traddr);
	printf("eflags:  %s\n", eflags_text(r->eflags));
	printf("sectype: %s\n", sectype_text(r->sectype));
}

static json_t *record_json(const struct nvmf_discovery_record *r)
{
	json_t *o = json_object();

	json_add_text(o, "trtype", nvmf_discovery_trtype_name(r->trtype));
	json_add_text(o, "adrfam", nvmf_discovery_adrfam_name(r->adrfam));
	json_add_text(o, "subtype", nvmf_discovery_subtype_name(r->subtype));
	json_add_text(o, "treq", treq_text(r->treq));
	json_add_number(o, "portid", r->portid);
	json_add_text(o, "trsvcid", r->trsvcid);
	json_add_text(o, "subnqn", r->subnqn);
	json_add_text(o, "traddr", r->traddr);
	json_add_text(o, "eflags", eflags_text(r->eflags));
	json_add_text(o, "sectype", sectype_text(r->sectype));
	return o;
}

static int print_json(const struct nvmf_discovery *log)
{
	json_t *o = json_object(), *records = json_array();

	for (unsigned int i = 0; i < nvmf_discovery_count(log); i++)
		json_array_append_new(records, record_json(nvmf_discovery_at(log, i)));
	json_add_number(o, "genctr", nvmf_discovery_generation(log));
	json_add(o, "records", records);
	return json_print(o, stdout);
}

static int print(const struct nvmf_discovery *log)
{
	unsigned int count = nvmf_discovery_count(log);

	printf("\nDiscovery Log Number of Records %u, Generation counter %" PRIu64 "\n", count,
	       nvmf_discovery_generation(log));
	for (unsigned int i = 0; i < count; i++)
		print_record(nvmf_discovery_at(log, i), i);
	return 0;
}

int run_discover(const struct settings *s)
{
	struct nvmf_ctrl *ctrl = session_open(s);
	struct nvmf_discovery *log;
	int result;

	if (!ctrl)
		return -1;
	result = session_check(ctrl, nvmf_discovery_read(ctrl, &log, NULL));
	if (!result)
		result = s->json ? print_json(log) : print(log);
	nvmf_discovery_free(log);
	nvmf_ctrl_destroy(ctrl);
	return result;
}
