/* SPDX-License-Identifier: BSD-2-Clause */
/* id-ctrl, id-ns and list-ns.  Figures are of the Base Specification 2.0. */
#include "command.h"
#include "field.h"
#include "json.h"
#include "number.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>

#define IDENTIFY_SIZE 4096

enum { CNS_NAMESPACE = 0, CNS_CONTROLLER = 1, CNS_ACTIVE_LIST = 2 };

/* ---- id-ctrl (Figure 275) ------------------------------------------------------------------------- */

static const struct field ctrl_fields[] = {
	{ "vid", 0, 2, FIELD_HEX, "PCI vendor" },
	{ "ssvid", 2, 2, FIELD_HEX, "PCI subsystem vendor" },
	{ "sn", 4, 20, FIELD_TEXT, "serial number" },
	{ "mn", 24, 40, FIELD_TEXT, "model number" },
	{ "fr", 64, 8, FIELD_TEXT, "firmware revision" },
	{ "rab", 72, 1, FIELD_DEC, "recommended arbitration burst" },
	{ "ieee", 73, 3, FIELD_HEX, "IEEE OUI" },
	{ "cmic", 76, 1, FIELD_HEX, "1: several ports, 2: several controllers" },
	{ "mdts", 77, 1, FIELD_DEC, "a command moves 2^mdts pages at most; 0: no limit" },
	{ "cntlid", 78, 2, FIELD_HEX, "controller identifier" },
	{ "ver", 80, 4, FIELD_VERSION, "specification version" },
	{ "rtd3r", 84, 4, FIELD_HEX, "RTD3 resume latency" },
	{ "rtd3e", 88, 4, FIELD_HEX, "RTD3 entry latency" },
	{ "oaes", 92, 4, FIELD_HEX, "asynchronous events" },
	{ "ctratt", 96, 4, FIELD_HEX, "controller attributes" },
	{ "rrls", 100, 2, FIELD_HEX, "read recovery levels" },
	{ "cntrltype", 111, 1, FIELD_DEC, "1: I/O, 2: discovery, 3: administrative" },
	{ "fguid", 112, 16, FIELD_BYTES, "FRU identifier" },
	{ "crdt1", 128, 2, FIELD_DEC, "command retry delay 1, 100 ms" },
	{ "crdt2", 130, 2, FIELD_DEC, "command retry delay 2, 100 ms" },
	{ "crdt3", 132, 2, FIELD_DEC, "command retry delay 3, 100 ms" },
	{ "oacs", 256, 2, FIELD_HEX, "optional admin commands" },
	{ "acl", 258, 1, FIELD_DEC, "abort commands at once, less one" },
	{ "aerl", 259, 1, FIELD_DEC, "asynchronous event requests at once, less one" },
	{ "frmw", 260, 1, FIELD_HEX, "firmware updates" },
	{ "lpa", 261, 1, FIELD_HEX, "log page attributes" },
	{ "elpe", 262, 1, FIELD_DEC, "error log entries, less one" },
	{ "npss", 263, 1, FIELD_DEC, "power states, less one" },
	{ "avscc", 264, 1, FIELD_HEX, "admin vendor commands" },
	{ "apsta", 265, 1, FIELD_HEX, "autonomous power states" },
	{ "wctemp", 266, 2, FIELD_DEC, "warning temperature, kelvin" },
	{ "cctemp", 268, 2, FIELD_DEC, "critical temperature, kelvin" },
	{ "mtfa", 270, 2, FIELD_DEC, "time for firmware activation, 100 ms" },
	{ "hmpre", 272, 4, FIELD_DEC, "host memory buffer, preferred" },
	{ "hmmin", 276, 4, FIELD_DEC, "host memory buffer, least" },
	{ "tnvmcap", 280, 16, FIELD_DEC, "capacity, bytes" },
	{ "unvmcap", 296, 16, FIELD_DEC, "unallocated capacity, bytes" },
	{ "rpmbs", 312, 4, FIELD_HEX, "replay protected memory" },
	{ "edstt", 316, 2, FIELD_DEC, "extended self-test, minutes" },
	{ "dsto", 318, 1, FIELD_DEC, "self-test options" },
	{ "fwug", 319, 1, FIELD_DEC, "firmware update granularity" },
	{ "kas", 320, 2, FIELD_DEC, "keep alive granularity, 100 ms" },
	{ "hctma", 322, 2, FIELD_HEX, "thermal management" },
	{ "mntmt", 324, 2, FIELD_DEC, "least thermal management temperature" },
	{ "mxtmt", 326, 2, FIELD_DEC, "greatest thermal management temperature" },
	{ "sanicap", 328, 4, FIELD_HEX, "sanitize" },
	{ "hmminds", 332, 4, FIELD_DEC, "host memory buffer, least entry" },
	{ "hmmaxd", 336, 2, FIELD_DEC, "host memory buffer, most entries" },
	{ "nsetidmax", 338, 2, FIELD_DEC, "highest NVM set" },
	{ "endgidmax", 340, 2, FIELD_DEC, "highest endurance group" },
	{ "anatt", 342, 1, FIELD_DEC, "ANA transition time, seconds" },
	{ "anacap", 343, 1, FIELD_HEX, "ANA states" },
	{ "anagrpmax", 344, 4, FIELD_DEC, "highest ANA group" },
	{ "nanagrpid", 348, 4, FIELD_DEC, "ANA groups" },
	{ "pels", 352, 4, FIELD_DEC, "persistent event log, 64 KiB" },
	{ "domainid", 356, 2, FIELD_DEC, "domain" },
	{ "sqes", 512, 1, FIELD_HEX, "submission entry size, powers of two" },
	{ "cqes", 513, 1, FIELD_HEX, "completion entry size, powers of two" },
	{ "maxcmd", 514, 2, FIELD_DEC, "commands under way on a queue" },
	{ "nn", 516, 4, FIELD_DEC, "highest namespace identifier" },
	{ "oncs", 520, 2, FIELD_HEX, "optional I/O commands" },
	{ "fuses", 522, 2, FIELD_HEX, "fused commands" },
	{ "fna", 524, 1, FIELD_HEX, "format attributes" },
	{ "vwc", 525, 1, FIELD_HEX, "volatile write cache" },
	{ "awun", 526, 2, FIELD_DEC, "atomic write, blocks less one" },
	{ "awupf", 528, 2, FIELD_DEC, "the same when power fails" },
	{ "icsvscc", 530, 1, FIELD_DEC, "I/O vendor commands" },
	{ "nwpc", 531, 1, FIELD_DEC, "write protection" },
	{ "acwu", 532, 2, FIELD_DEC, "atomic compare and write, blocks less one" },
	{ "ocfs", 534, 2, FIELD_HEX, "copy formats" },
	{ "sgls", 536, 4, FIELD_HEX, "SGL support" },
	{ "mnan", 540, 4, FIELD_DEC, "most namespaces at once" },
	{ "maxdna", 544, 16, FIELD_DEC, "most namespace attachments in the domain" },
	{ "maxcna", 560, 4, FIELD_DEC, "most namespace attachments of the controller" },
	{ "subnqn", 768, 256, FIELD_TEXT, "subsystem" },
	{ "ioccsz", 1792, 4, FIELD_DEC, "I/O command capsule, 16 bytes" },
	{ "iorcsz", 1796, 4, FIELD_DEC, "I/O response capsule, 16 bytes" },
	{ "icdoff", 1800, 2, FIELD_DEC, "in-capsule data offset, 16 bytes" },
	{ "fcatt", 1802, 1, FIELD_HEX, "1: static controller model" },
	{ "msdbd", 1803, 1, FIELD_DEC, "most SGL descriptors in a capsule" },
	{ "ofcs", 1804, 2, FIELD_HEX, "optional Fabrics commands" },
};

static const struct field_table ctrl_table = FIELD_TABLE(ctrl_fields, 9);

static int print_ctrl(const struct settings *s, const uint8_t *data)
{
	json_t *o;

	if (s->raw)
		return print_raw(data, IDENTIFY_SIZE);
	if (!s->json) {
		printf("NVME Identify Controller:\n");
		fields_print(&ctrl_table, data, s->words);
		return 0;
	}
	o = json_object();
	fields_to_json(&ctrl_table, data, o);
	return json_print(o, stdout);
}

/* Connects, sends one Identify and prints what came. */
static int identify(const struct settings *s, uint8_t cns, uint32_t nsid,
		    int (*print)(const struct settings *, const uint8_t *))
{
	struct nvmf_ctrl *ctrl = session_open(s);
	uint8_t data[IDENTIFY_SIZE];
	int result;

	if (!ctrl)
		return -1;
	result = session_check(ctrl, nvmf_ctrl_identify(ctrl, cns, nsid, 0, data, NULL));
	if (!result)
		result = print(s, data);
	nvmf_ctrl_destroy(ctrl);
	return result;
}

int run_id_ctrl(const struct settings *s)
{
	return identify(s, CNS_CONTROLLER, 0, print_ctrl);
}

/* ---- id-ns (Figure 97 of the NVM Command Set) ------------------------------------------------------- */

static const struct field ns_fields[] = {
	{ "nsze", 0, 8, FIELD_HEX, "size, blocks" },
	{ "ncap", 8, 8, FIELD_HEX, "capacity, blocks" },
	{ "nuse", 16, 8, FIELD_HEX, "in use, blocks" },
	{ "nsfeat", 24, 1, FIELD_HEX, "features" },
	{ "nlbaf", 25, 1, FIELD_DEC, "formats, less one" },
	{ "flbas", 26, 1, FIELD_HEX, "format in use" },
	{ "mc", 27, 1, FIELD_HEX, "metadata" },
	{ "dpc", 28, 1, FIELD_HEX, "end-to-end protection, possible" },
	{ "dps", 29, 1, FIELD_HEX, "end-to-end protection, in use" },
	{ "nmic", 30, 1, FIELD_HEX, "1: may be shared by controllers" },
	{ "rescap", 31, 1, FIELD_HEX, "reservations" },
	{ "fpi", 32, 1, FIELD_HEX, "format progress" },
	{ "dlfeat", 33, 1, FIELD_DEC, "deallocated blocks" },
	{ "nawun", 34, 2, FIELD_DEC, "atomic write, blocks less one" },
	{ "nawupf", 36, 2, FIELD_DEC, "the same when power fails" },
	{ "nacwu", 38, 2, FIELD_DEC, "atomic compare and write" },
	{ "nabsn", 40, 2, FIELD_DEC, "atomic boundary" },
	{ "nabo", 42, 2, FIELD_DEC, "atomic boundary offset" },
	{ "nabspf", 44, 2, FIELD_DEC, "atomic boundary when power fails" },
	{ "noiob", 46, 2, FIELD_DEC, "optimal I/O boundary" },
	{ "nvmcap", 48, 16, FIELD_DEC, "capacity, bytes" },
	{ "npwg", 64, 2, FIELD_DEC, "preferred write granularity" },
	{ "npwa", 66, 2, FIELD_DEC, "preferred write alignment" },
	{ "npdg", 68, 2, FIELD_DEC, "preferred deallocate granularity" },
	{ "npda", 70, 2, FIELD_DEC, "preferred deallocate alignment" },
	{ "nows", 72, 2, FIELD_DEC, "optimal write size" },
	{ "mssrl", 74, 2, FIELD_DEC, "copy: most blocks of a range" },
	{ "mcl", 76, 4, FIELD_DEC, "copy: most blocks" },
	{ "msrc", 80, 1, FIELD_DEC, "copy: most ranges, less one" },
	{ "anagrpid", 92, 4, FIELD_DEC, "ANA group" },
	{ "nsattr", 99, 1, FIELD_DEC, "1: write protected" },
	{ "nvmsetid", 100, 2, FIELD_DEC, "NVM set" },
	{ "endgid", 102, 2, FIELD_DEC, "endurance group" },
	{ "nguid", 104, 16, FIELD_BYTES, "globally unique identifier" },
	{ "eui64", 120, 8, FIELD_BYTES, "IEEE extended unique identifier" },
};

static const struct field_table ns_table = FIELD_TABLE(ns_fields, 8);

enum { NLBAF_AT = 25, FLBAS_AT = 26, LBAF_AT = 128 };

static unsigned int format_in_use(const uint8_t *data)
{
	return (data[FLBAS_AT] & 0xfu) | (data[FLBAS_AT] >> 1 & 0x30u);
}

static unsigned int format_count(const uint8_t *data)
{
	return data[NLBAF_AT] < 63 ? data[NLBAF_AT] + 1u : 64;
}

static void print_formats(const uint8_t *data)
{
	for (unsigned int i = 0; i < format_count(data); i++) {
		const uint8_t *f = data + LBAF_AT + 4 * i;

		printf("lbaf %2u : ms:%-3u lbads:%-2u rp:%#x%s\n", i,
		       (unsigned int)little_endian(f, 2), f[2], f[3] & 3,
		       i == format_in_use(data) ? " (in use)" : "");
	}
}

static json_t *formats_json(const uint8_t *data)
{
	json_t *formats = json_array();

	for (unsigned int i = 0; i < format_count(data); i++) {
		const uint8_t *f = data + LBAF_AT + 4 * i;
		json_t *o = json_object();

		json_add_number(o, "ms", little_endian(f, 2));
		json_add_number(o, "ds", f[2]);
		json_add_number(o, "rp", f[3] & 3);
		json_array_append_new(formats, o);
	}
	return formats;
}

static int print_ns(const struct settings *s, const uint8_t *data)
{
	json_t *o;

	if (s->raw)
		return print_raw(data, IDENTIFY_SIZE);
	if (!s->json) {
		printf("NVME Identify Namespace %u:\n", (unsigned int)s->nsid);
		fields_print(&ns_table, data, s->words);
		print_formats(data);
		return 0;
	}
	o = json_object();
	fields_to_json(&ns_table, data, o);
	json_add(o, "lbafs", formats_json(data));
	return json_print(o, stdout);
}

int run_id_ns(const struct settings *s)
{
	return identify(s, CNS_NAMESPACE, (uint32_t)s->nsid, print_ns);
}

/* ---- list-ns ------------------------------------------------------------------------------------------- */

#define IDS_A_LIST (IDENTIFY_SIZE / 4)

static void take_ids(const struct settings *s, const uint8_t *data, json_t *list,
		     unsigned int *count, uint32_t *last)
{
	for (unsigned int i = 0; i < IDS_A_LIST; i++) {
		uint32_t nsid = (uint32_t)little_endian(data + 4 * i, 4);
		json_t *o;

		if (!nsid)
			return;
		*last = nsid;
		if (!s->json) {
			printf("[%4u]:%#x\n", (*count)++, nsid);
			continue;
		}
		o = json_object();
		json_add_number(o, "nsid", nsid);
		json_array_append_new(list, o);
	}
}

/* A list holds 1,024; a full one is followed by what comes after its last. */
static int list_all(struct nvmf_ctrl *ctrl, const struct settings *s, json_t *list)
{
	uint8_t data[IDENTIFY_SIZE];
	uint32_t last = 0;
	unsigned int count = 0;

	do {
		if (session_check(ctrl, nvmf_ctrl_identify(ctrl, CNS_ACTIVE_LIST, last, 0, data,
							   NULL)))
			return -1;
		take_ids(s, data, list, &count, &last);
	} while (little_endian(data + IDENTIFY_SIZE - 4, 4) && last < 0xfffffffd);
	return 0;
}

int run_list_ns(const struct settings *s)
{
	struct nvmf_ctrl *ctrl = session_open(s);
	json_t *o, *list;
	int result;

	if (!ctrl)
		return -1;
	list = json_array();
	result = list_all(ctrl, s, list);
	nvmf_ctrl_destroy(ctrl);
	if (result || !s->json) {
		json_decref(list);
		return result;
	}
	o = json_object();
	json_add(o, "nsid_list", list);
	return json_print(o, stdout);
}
