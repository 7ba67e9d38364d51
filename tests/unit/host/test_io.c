/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands: reads and writes of all sizes, many at once, and bad ends. */
#include "../unit.h"
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static void fill(uint8_t *data, size_t size, unsigned int seed)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(seed * 131 + i * 7 + (i >> 8));
}

/* Writes and reads back `blocks` blocks. */
static void round_trip(struct nvmf_queue *q, uint64_t lba, uint32_t blocks)
{
	uint32_t size = blocks * PEER_BLOCK;
	uint8_t *out = malloc(size), *in = malloc(size);

	fill(out, size, blocks);
	memset(in, 0, size);
	assert_int_equal(nvmf_queue_write(q, 1, lba, blocks, out, size, NULL), 0);
	assert_int_equal(nvmf_queue_read(q, 1, lba, blocks, in, size, NULL), 0);
	assert_memory_equal(out, in, size);
	free(out);
	free(in);
}

static void sizes(bool header, bool data, uint32_t in_capsule, uint32_t maxh2cdata)
{
	static const uint32_t blocks[] = { 1, 2, 7, 8, 9, 16, 17, 64, 255, 256 };
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.header_digest = options.data_digest = true;
	options.in_capsule = in_capsule;
	options.maxh2cdata = maxh2cdata;
	peer_start(&p, &options);
	o = peer_client(&p);
	o.header_digest = header;
	o.data_digest = data;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	assert_int_equal(nvmf_ctrl_open_queues(ctrl, 1, 16), 1);
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		round_trip(nvmf_ctrl_queue(ctrl, 0), i * 3, blocks[i]);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void every_size_with_every_digest(void **state)
{
	for (unsigned int i = 0; i < 4; i++) {
		sizes(i & 1, i & 2, 0, 4096);
		sizes(i & 1, i & 2, 4096, 8192);
		sizes(i & 1, i & 2, 16384, 1 << 20);
	}
}

/* ---- many at once ----------------------------------------------------------------------------------- */

struct load {
	struct nvmf_queue *q;
	unsigned int started, ended, failed, total;
	uint8_t data[32][4096];
};

static void next(void *cookie, const struct nvmf_completion *completion);

static int start(struct load *l)
{
	uint64_t lba = l->started % 32 * 8;
	void *data = l->data[l->started % 32];
	int error = l->started & 1 ?
		nvmf_queue_submit_write(l->q, 1, lba, 8, data, 4096, next, l) :
		nvmf_queue_submit_read(l->q, 1, lba, 8, data, 4096, next, l);

	if (!error)
		l->started++;
	return error;
}

static void next(void *cookie, const struct nvmf_completion *completion)
{
	struct load *l = cookie;

	l->ended++;
	l->failed += completion->error || !nvmf_status_is_success(completion->status);
	if (l->started < l->total)
		assert_int_equal(start(l), 0);
}

static void a_full_queue_says_so_and_goes_on(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct load l = { .total = 5000 };
	struct nvmf_ctrl *ctrl;
	struct peer p;
	int error;

	peer_start(&p, &options);
	ctrl = peer_connect(&p, 1);
	l.q = nvmf_ctrl_queue(ctrl, 0);
	while (!(error = start(&l)))
		;
	assert_int_equal(error, -EAGAIN);
	assert_int_equal(l.started, nvmf_queue_depth(l.q));
	assert_int_equal(nvmf_queue_in_flight(l.q), l.started);
	while (l.ended < l.total)
		assert_true(nvmf_queue_wait(l.q, 5000) > 0);
	assert_int_equal(l.failed, 0);
	assert_int_equal(nvmf_queue_wait(l.q, 5000), 0);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* By poll and process alone, on two queues. */
static void from_a_loop_of_ones_own(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct load l[2] = { { .total = 500 }, { .total = 700 } };
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = peer_connect(&p, 2);
	for (unsigned int i = 0; i < 2; i++) {
		l[i].q = nvmf_ctrl_queue(ctrl, i);
		for (unsigned int n = 0; n < 10; n++)
			assert_int_equal(start(&l[i]), 0);
		nvmf_queue_detach(l[i].q);
	}
	while (l[0].ended < l[0].total || l[1].ended < l[1].total) {
		struct pollfd fds[2];

		for (unsigned int i = 0; i < 2; i++) {
			assert_true(nvmf_queue_process(l[i].q) >= 0);
			fds[i] = (struct pollfd){ nvmf_queue_fd(l[i].q),
						  nvmf_queue_events(l[i].q), 0 };
			assert_true(nvmf_queue_due(l[i].q) <= 5000);
		}
		poll(fds, 2, 10);
	}
	for (unsigned int i = 0; i < 2; i++)
		nvmf_queue_attach(l[i].q);
	assert_int_equal(l[0].failed + l[1].failed, 0);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* ---- bad ends ------------------------------------------------------------------------------------------- */

static void an_error_status_is_told_in_words(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_completion c;
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	uint8_t data[512];
	struct peer p;

	peer_start(&p, &options);
	ctrl = peer_connect(&p, 1);
	q = nvmf_ctrl_queue(ctrl, 0);
	assert_int_equal(nvmf_queue_read(q, 1, PEER_BLOCKS, 1, data, 512, &c), -EREMOTEIO);
	assert_int_equal(c.error, 0);
	assert_int_equal(c.status.type, 0);
	assert_int_equal(c.status.code, 0x80);
	assert_true(c.status.do_not_retry);
	assert_non_null(strstr(nvmf_queue_error(q), ", queue 1: Read: LBA Out of Range"));
	assert_int_equal(nvmf_queue_read(q, 1, 0, 0, data, 512, NULL), -EINVAL);
	round_trip(q, 0, 1);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void a_write_that_fails_before_its_data_is_fetched(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	uint8_t *data = calloc(256, PEER_BLOCK);
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	struct peer p;

	options.fail_opcode = NVME_IO_WRITE;
	options.fail_status = NVME_NAMESPACE_WRITE_PROTECTED;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 1);
	q = nvmf_ctrl_queue(ctrl, 0);
	assert_int_equal(nvmf_queue_write(q, 1, 0, 256, data, 256 * PEER_BLOCK, NULL), -EREMOTEIO);
	assert_int_equal(nvmf_queue_write(q, 1, 0, 1, data, PEER_BLOCK, NULL), -EREMOTEIO);
	assert_int_equal(nvmf_queue_flush(q, 1, NULL), 0);
	nvmf_ctrl_destroy(ctrl);
	free(data);
	peer_stop(&p);
}

static void a_lost_connection_ends_every_command(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_completion c;
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	struct load l = { .total = 10 };
	struct peer p;

	options.drop_opcode = NVME_IO_FLUSH;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 2);
	q = l.q = nvmf_ctrl_queue(ctrl, 0);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(start(&l), 0);
	assert_int_equal(nvmf_queue_flush(q, 1, &c), -EPIPE);
	assert_int_equal(c.error, -EPIPE);
	assert_int_equal(l.ended, 10);
	assert_int_equal(nvmf_queue_fd(q), -1);
	assert_non_null(strstr(nvmf_queue_error(q), "queue 1: "));
	assert_int_equal(nvmf_queue_submit_flush(q, 1, next, &l), -EPIPE);
	assert_int_equal(nvmf_queue_wait(q, 100), -EPIPE);
	/* The other queue and the controller live. */
	round_trip(nvmf_ctrl_queue(ctrl, 1), 0, 1);
	assert_int_equal(nvmf_ctrl_shutdown(ctrl), 0);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* The host's last word is heard: it does not close before the controller does. */
static void nonsense_is_answered_with_a_termreq(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_completion c;
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	struct peer p;

	options.babble_opcode = NVME_IO_FLUSH;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 1);
	q = nvmf_ctrl_queue(ctrl, 0);
	assert_int_equal(nvmf_queue_flush(q, 1, &c), -EPIPE);
	assert_int_equal(c.error, -EPIPE);
	assert_non_null(strstr(nvmf_queue_error(q), "malformed PDU header"));
	assert_int_equal(p.terms, 1);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void a_controller_that_keeps_the_connection(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_completion c = { .error = 1 };
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	struct peer p;

	options.babble_opcode = NVME_IO_FLUSH;
	options.deaf_to_term = true;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 1);
	q = nvmf_ctrl_queue(ctrl, 0);
	assert_int_equal(nvmf_queue_flush(q, 1, &c), -EPIPE);
	assert_non_null(strstr(nvmf_queue_error(q), "malformed PDU header"));
	assert_int_equal(p.ended, 0);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void a_command_without_an_answer_ends_its_queue(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	struct peer p;

	options.mute_opcode = NVME_IO_FLUSH;
	peer_start(&p, &options);
	o = peer_client(&p);
	o.command_timeout_ms = 200;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	assert_int_equal(nvmf_ctrl_open_queues(ctrl, 1, 16), 1);
	q = nvmf_ctrl_queue(ctrl, 0);
	assert_int_equal(nvmf_queue_flush(q, 1, NULL), -ETIMEDOUT);
	assert_non_null(strstr(nvmf_queue_error(q), "no answer within 200 ms"));
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void count_cancelled(void *cookie, const struct nvmf_completion *completion)
{
	*(unsigned int *)cookie += completion->error == -ECANCELED;
}

static void the_end_cancels_what_is_under_way(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl *ctrl;
	unsigned int count = 0;
	struct peer p;

	options.mute_opcode = NVME_IO_FLUSH;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 1);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(nvmf_queue_submit_flush(nvmf_ctrl_queue(ctrl, 0), 1,
							 count_cancelled, &count), 0);
	nvmf_ctrl_destroy(ctrl);
	assert_int_equal(count, 5);
	peer_stop(&p);
}

static void data_for_a_command_without(void **state)
{
	struct nvmf_command command = { .opcode = 0x04 };
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl *ctrl;
	struct peer p;
	char data[4];

	peer_start(&p, &options);
	ctrl = peer_connect(&p, 1);
	assert_int_equal(nvmf_queue_execute(nvmf_ctrl_queue(ctrl, 0), &command, data, 4, NULL),
			 -EINVAL);
	assert_int_equal(nvmf_queue_execute(nvmf_ctrl_admin(ctrl), &command, NULL, 0, NULL),
			 -EREMOTEIO);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void namespaces_there_and_not(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ns_info info;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = peer_connect(&p, 0);
	assert_int_equal(nvmf_ctrl_ns_info(ctrl, 1, &info), 0);
	assert_int_equal(info.blocks, PEER_BLOCKS);
	assert_int_equal(info.block_size, 512);
	assert_int_equal(nvmf_ctrl_ns_info(ctrl, 2, &info), -ENXIO);
	assert_int_equal(nvmf_ctrl_ns_info(ctrl, 9, &info), -ENXIO);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_with_every_digest),
		cmocka_unit_test(a_full_queue_says_so_and_goes_on),
		cmocka_unit_test(from_a_loop_of_ones_own),
		cmocka_unit_test(an_error_status_is_told_in_words),
		cmocka_unit_test(a_write_that_fails_before_its_data_is_fetched),
		cmocka_unit_test(a_lost_connection_ends_every_command),
		cmocka_unit_test(nonsense_is_answered_with_a_termreq),
		cmocka_unit_test(a_controller_that_keeps_the_connection),
		cmocka_unit_test(a_command_without_an_answer_ends_its_queue),
		cmocka_unit_test(the_end_cancels_what_is_under_way),
		cmocka_unit_test(data_for_a_command_without),
		cmocka_unit_test(namespaces_there_and_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
