/* SPDX-License-Identifier: BSD-2-Clause */
/* Every call that fails leaves a sentence: where, what, why. */
#include "../unit.h"
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct row {
	const char *name;
	int (*call)(struct nvmf_ctrl *);
	int error;
	const char *why;
};

static char data[4096];

static void ignore(void *cookie, const struct nvmf_completion *completion)
{
}

/* ---- calls with a controller ------------------------------------------------------------------------ */

static int open_queues(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_open_queues(ctrl, 1, 8);
}

static int open_no_queues(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_open_queues(ctrl, 0, 8);
}

static int info(struct nvmf_ctrl *ctrl)
{
	struct nvmf_ctrl_info i;

	return nvmf_ctrl_info(ctrl, &i);
}

static int ns_info(struct nvmf_ctrl *ctrl)
{
	struct nvmf_ns_info i;

	return nvmf_ctrl_ns_info(ctrl, 9, &i);
}

static int identify(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_identify(ctrl, 0, 9, 0, data, NULL);
}

static int get_log(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_get_log(ctrl, 2, 0, false, 0, 0, data, 512, NULL);
}

static int get_log_odd(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_get_log(ctrl, 2, 0, false, 0, 0, data, 511, NULL);
}

static int get_feature(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_get_feature(ctrl, 1, 0, NULL, NULL);
}

static int set_feature(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_set_feature(ctrl, 1, 0, 0, NULL, NULL);
}

static int get_property(struct nvmf_ctrl *ctrl)
{
	uint64_t value;

	return nvmf_ctrl_get_property(ctrl, 0, 8, &value);
}

static int get_property_odd(struct nvmf_ctrl *ctrl)
{
	uint64_t value;

	return nvmf_ctrl_get_property(ctrl, 0, 3, &value);
}

static int set_property(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_set_property(ctrl, 0x14, 4, 0);
}

static int discovery(struct nvmf_ctrl *ctrl)
{
	struct nvmf_discovery *log;

	return nvmf_discovery_read(ctrl, &log, NULL);
}

static int wait_all(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_wait(ctrl, 0);
}

/* ---- calls with a queue: the last I/O queue, or the admin queue where there is none ------------------- */

static struct nvmf_queue *queue_of(struct nvmf_ctrl *ctrl)
{
	struct nvmf_queue *q = nvmf_ctrl_queue(ctrl, 0);

	return q ? q : nvmf_ctrl_admin(ctrl);
}

static int submit(struct nvmf_ctrl *ctrl)
{
	return nvmf_queue_submit_flush(queue_of(ctrl), 1, ignore, NULL);
}

static int submit_data_for_none(struct nvmf_ctrl *ctrl)
{
	struct nvmf_command command = { .opcode = 0x08 };

	return nvmf_queue_submit(queue_of(ctrl), &command, data, 4, ignore, NULL);
}

static int submit_until_full(struct nvmf_ctrl *ctrl)
{
	int error;

	while (!(error = submit(ctrl)))
		;
	return error;
}

static int execute(struct nvmf_ctrl *ctrl)
{
	struct nvmf_command command = { .opcode = 0x02, .nsid = 1, .cdw10 = PEER_BLOCKS };

	return nvmf_queue_execute(queue_of(ctrl), &command, data, 512, NULL);
}

static int read_beyond(struct nvmf_ctrl *ctrl)
{
	return nvmf_queue_read(queue_of(ctrl), 1, PEER_BLOCKS, 1, data, 512, NULL);
}

static int write_beyond(struct nvmf_ctrl *ctrl)
{
	return nvmf_queue_write(queue_of(ctrl), 1, PEER_BLOCKS, 1, data, 512, NULL);
}

static int read_nothing(struct nvmf_ctrl *ctrl)
{
	return nvmf_queue_read(queue_of(ctrl), 1, 0, 0, data, 0, NULL);
}

static int flush(struct nvmf_ctrl *ctrl)
{
	return nvmf_queue_flush(queue_of(ctrl), 1, NULL);
}

static int process(struct nvmf_ctrl *ctrl)
{
	return nvmf_queue_process(queue_of(ctrl));
}

static int wait_one(struct nvmf_ctrl *ctrl)
{
	return nvmf_queue_wait(queue_of(ctrl), 0);
}

/* ---- tables -------------------------------------------------------------------------------------------- */

/* In this order: an earlier row's sentence must not pass for a later one's. */
static void check(struct nvmf_ctrl *ctrl, const char *place, const struct row *rows, size_t count,
		  const char *(*error_of)(struct nvmf_ctrl *))
{
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		int error;
		const char *said;

		/* Something else in between. */
		assert_int_equal(get_log_odd(ctrl), -EINVAL);
		read_nothing(ctrl);
		error = r->call(ctrl);
		said = error_of(ctrl);
		if (error != r->error || strncmp(said, place, strlen(place)) || !strstr(said, r->why))
			fail_msg("%s: %d, '%s'", r->name, error, said);
	}
}

#define CHECK(ctrl, place, rows, error_of) \
	check(ctrl, place, rows, sizeof(rows) / sizeof((rows)[0]), error_of)
#define ROW(call, error, why) { #call, call, error, why }

static const char *ctrl_error(struct nvmf_ctrl *ctrl)
{
	return nvmf_ctrl_error(ctrl);
}

static const char *queue_error(struct nvmf_ctrl *ctrl)
{
	return nvmf_queue_error(queue_of(ctrl));
}

/* "127.0.0.1 port 12345" and what follows there. */
static const char *place_of(const struct peer *p, const char *then)
{
	static char text[64];

	snprintf(text, sizeof(text), "127.0.0.1 port %s%s", p->port, then);
	return text;
}

static void check_closed(struct nvmf_ctrl *ctrl, const struct peer *p, const char *why)
{
	const struct row rows[] = {
		ROW(open_queues, -ENOTCONN, why), ROW(ns_info, -ENOTCONN, why),
		ROW(identify, -ENOTCONN, why), ROW(get_log, -ENOTCONN, why),
		ROW(get_feature, -ENOTCONN, why), ROW(set_feature, -ENOTCONN, why),
		ROW(get_property, -ENOTCONN, why), ROW(set_property, -ENOTCONN, why),
		ROW(discovery, -ENOTCONN, why), ROW(wait_all, -ENOTCONN, why),
		ROW(nvmf_ctrl_process, -ENOTCONN, why), ROW(nvmf_ctrl_shutdown, -ENOTCONN, why),
		ROW(nvmf_ctrl_start_shutdown, -ENOTCONN, why),
	};
	const struct row of_queue[] = {
		ROW(submit, -ENOTCONN, why), ROW(execute, -ENOTCONN, why),
		ROW(read_beyond, -ENOTCONN, why), ROW(flush, -ENOTCONN, why),
		ROW(process, -ENOTCONN, why), ROW(wait_one, -ENOTCONN, why),
	};

	CHECK(ctrl, place_of(p, ": "), rows, ctrl_error);
	CHECK(ctrl, place_of(p, ""), of_queue, queue_error);
}

static void before_and_after_a_connection(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	o = peer_client(&p);
	ctrl = nvmf_ctrl_create(&o);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), ": not connected"));
	assert_int_equal(info(ctrl), -ENOTCONN);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), ": not connected"));
	check_closed(ctrl, &p, ": not connected");
	nvmf_ctrl_destroy(ctrl);

	ctrl = peer_connect(&p, 1);
	assert_int_equal(nvmf_ctrl_shutdown(ctrl), 0);
	check_closed(ctrl, &p, ": closed by this host");
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void with_a_connection(void **state)
{
	static const struct row rows[] = {
		ROW(nvmf_ctrl_connect, -EISCONN, "already connected once"),
		ROW(nvmf_ctrl_start_connect, -EISCONN, "already connected once"),
		ROW(open_queues, -EISCONN, "open already"),
		ROW(ns_info, -ENXIO, "namespace 9 is not there"),
		ROW(identify, -EREMOTEIO, "Identify (CNS 00h): Invalid Namespace or Format"),
		ROW(get_log_odd, -EINVAL, "whole dwords"),
		ROW(get_feature, -EREMOTEIO, "Get Features (01h): Invalid Command Opcode"),
		ROW(get_property_odd, -EINVAL, "4 or 8 bytes, not 3"),
	};
	static const struct row of_queue[] = {
		ROW(read_beyond, -EREMOTEIO, "Read: LBA Out of Range"),
		ROW(write_beyond, -EREMOTEIO, "Write: LBA Out of Range"),
		ROW(read_nothing, -EINVAL, "a command moves 1 to 65536 blocks"),
		ROW(flush, -EREMOTEIO, "Flush: Namespace is Write Protected"),
		ROW(execute, -EREMOTEIO, "command 02h: LBA Out of Range"),
		ROW(submit_data_for_none, -EINVAL, "opcode 08h takes no data"),
		ROW(submit_until_full, -EAGAIN, "the queue is full: 31 commands"),
	};
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.fail_opcode = NVME_IO_FLUSH;
	options.fail_status = NVME_NAMESPACE_WRITE_PROTECTED;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 0);
	assert_int_equal(open_no_queues(ctrl), -EINVAL);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), ": 0 is no number of queues"));
	assert_int_equal(nvmf_ctrl_open_queues(ctrl, 1, 32), 1);
	CHECK(ctrl, place_of(&p, ": "), rows, ctrl_error);
	CHECK(ctrl, place_of(&p, ", queue 1: "), of_queue, queue_error);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* The first to notice and all who come later are told the same. */
static void after_its_end(void **state)
{
	static const struct row rows[] = {
		ROW(flush, -EPIPE, "connection"), ROW(submit, -EPIPE, "connection"),
		ROW(execute, -EPIPE, "connection"), ROW(process, -EPIPE, "connection"),
		ROW(wait_one, -EPIPE, "connection"), ROW(read_beyond, -EPIPE, "connection"),
	};
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.drop_opcode = NVME_IO_FLUSH;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 1);
	CHECK(ctrl, place_of(&p, ", queue 1: "), rows, queue_error);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_and_after_a_connection),
		cmocka_unit_test(with_a_connection),
		cmocka_unit_test(after_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
