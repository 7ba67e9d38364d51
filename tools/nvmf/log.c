/* SPDX-License-Identifier: BSD-2-Clause */
/* get-log and smart-log. */
#include "command.h"
#include "field.h"
#include "json.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

#define LOG_HEALTH 0x02
#define HEALTH_SIZE 512
#define NSID_ALL 0xffffffffu

/* ---- get-log -------------------------------------------------------------------------------------- */

static int print_log(const struct settings *s, const uint8_t *data, uint32_t length)
{
	json_t *o, *bytes;

	if (s->raw)
		return print_raw(data, length);
	if (!s->json) {
		printf("log page %#x, %u bytes from %llu\n", (unsigned int)s->log_id, length,
		       (unsigned long long)s->log_offset);
		print_hex(data, length, s->log_offset);
		return 0;
	}
	o = json_object();
	bytes = json_array();
	for (uint32_t i = 0; i < length; i++)
		json_array_append_new(bytes, json_integer(data[i]));
	json_add_number(o, "log_id", s->log_id);
	json_add_number(o, "offset", s->log_offset);
	json_add(o, "data", bytes);
	return json_print(o, stdout);
}

static int get_log(struct nvmf_ctrl *ctrl, const struct settings *s, uint8_t *data)
{
	uint32_t length = (uint32_t)s->log_length;
	int error = nvmf_ctrl_get_log(ctrl, (uint8_t)s->log_id, (uint8_t)s->log_parameter,
				      s->retain, NSID_ALL, s->log_offset, data, length, NULL);

	if (session_check(ctrl, error))
		return -1;
	return print_log(s, data, length);
}

int run_get_log(const struct settings *s)
{
	struct nvmf_ctrl *ctrl;
	uint8_t *data;
	int result;

	if (s->log_id == UINT64_MAX)
		return fail("which log page? say it with --log-id");
	data = calloc(1, s->log_length);
	if (!data)
		return fail("out of memory");
	ctrl = session_open(s);
	result = ctrl ? get_log(ctrl, s, data) : -1;
	nvmf_ctrl_destroy(ctrl);
	free(data);
	return result;
}

/* ---- smart-log -------------------------------------------------------------------------------------- */

static const struct field health_fields[] = {
	{ "critical_warning", 0, 1, FIELD_HEX, "critical warnings" },
	{ "temperature", 1, 2, FIELD_KELVIN, "composite temperature" },
	{ "avail_spare", 3, 1, FIELD_DEC, "available spare, percent" },
	{ "spare_thresh", 4, 1, FIELD_DEC, "available spare threshold, percent" },
	{ "percent_used", 5, 1, FIELD_DEC, "life used, percent" },
	{ "endurance_grp_critical_warning_summary", 6, 1, FIELD_HEX, "endurance group warnings" },
	{ "data_units_read", 32, 16, FIELD_DEC, "thousands of 512 bytes read" },
	{ "data_units_written", 48, 16, FIELD_DEC, "thousands of 512 bytes written" },
	{ "host_read_commands", 64, 16, FIELD_DEC, "read commands" },
	{ "host_write_commands", 80, 16, FIELD_DEC, "write commands" },
	{ "controller_busy_time", 96, 16, FIELD_DEC, "minutes with commands under way" },
	{ "power_cycles", 112, 16, FIELD_DEC, "power cycles" },
	{ "power_on_hours", 128, 16, FIELD_DEC, "hours powered on" },
	{ "unsafe_shutdowns", 144, 16, FIELD_DEC, "losses of power without a shutdown" },
	{ "media_errors", 160, 16, FIELD_DEC, "media and data integrity errors" },
	{ "num_err_log_entries", 176, 16, FIELD_DEC, "error log entries ever" },
	{ "warning_temp_time", 192, 4, FIELD_DEC, "minutes above the warning temperature" },
	{ "critical_comp_time", 196, 4, FIELD_DEC, "minutes above the critical temperature" },
};

static const struct field_table health = FIELD_TABLE(health_fields, 38);

static int print_health(const struct settings *s, const uint8_t *data)
{
	json_t *o;

	if (s->raw)
		return print_raw(data, HEALTH_SIZE);
	if (!s->json) {
		printf("Smart Log for NVME controller, namespace-id:ffffffff\n");
		fields_print(&health, data, s->words);
		return 0;
	}
	o = json_object();
	fields_to_json(&health, data, o);
	return json_print(o, stdout);
}

int run_smart_log(const struct settings *s)
{
	struct nvmf_ctrl *ctrl = session_open(s);
	uint8_t data[HEALTH_SIZE];
	int result;

	if (!ctrl)
		return -1;
	result = session_check(ctrl, nvmf_ctrl_get_log(ctrl, LOG_HEALTH, 0, true, NSID_ALL, 0,
						       data, sizeof(data), NULL));
	if (!result)
		result = print_health(s, data);
	nvmf_ctrl_destroy(ctrl);
	return result;
}
