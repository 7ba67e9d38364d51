/* SPDX-License-Identifier: BSD-2-Clause */
#include "rig.h"

#include <errno.h>
#include <string.h>

#define PIECE 65536u			/* by R2T; less than 16 KiB comes in the capsule */
#define SMALL 4096u

static struct rig rig;

static void fill(char *data, size_t length, unsigned int seed)
{
	for (size_t i = 0; i < length; i++)
		data[i] = (char)((i + seed) * 2654435761u >> 13);
}

static void check_piece(struct nvmf_queue *q, uint64_t at, uint32_t length, unsigned int seed)
{
	static char data[PIECE], back[PIECE];

	fill(data, length, seed);
	memset(back, 0, length);
	assert_int_equal(nvmf_queue_write(q, 1, at / RIG_BLOCK, length / RIG_BLOCK, data, length,
					  NULL), 0);
	assert_memory_equal(rig.bytes + at, data, length);
	assert_int_equal(nvmf_queue_read(q, 1, at / RIG_BLOCK, length / RIG_BLOCK, back, length,
					 NULL), 0);
	assert_memory_equal(back, data, length);
}

/* Data of every way that it can take, over each of the queues. */
static void check_io(unsigned int queues)
{
	struct nvmf_ctrl *ctrl = rig_connect(&rig, queues);

	for (unsigned int i = 0; i < 4 * queues; i++) {
		struct nvmf_queue *q = nvmf_ctrl_queue(ctrl, i % queues);

		check_piece(q, i * PIECE % RIG_BYTES, PIECE, i);
		check_piece(q, i * PIECE % RIG_BYTES, SMALL, i + 1);
		assert_int_equal(nvmf_queue_flush(q, 1, NULL), 0);
	}
	nvmf_ctrl_destroy(ctrl);
}

static void from_the_program_s_own_loop(void **state)
{
	rig_init(&rig);
	rig_start(&rig);
	rig_drive(&rig);
	check_io(1);
	assert_int_equal(rig.calls[NVMF_IO_READ], 8);
	assert_int_equal(rig.calls[NVMF_IO_WRITE], 8);
	assert_true(rig.said > 0);
	rig_close(&rig);
	assert_int_equal(rig.closed, 1);
}

static _Atomic bool must_end;

static void *wait_for_hosts(void *argument)
{
	while (!must_end)
		assert_int_equal(nvmf_target_wait(rig.target, 20), 0);
	return NULL;
}

static void waiting(void **state)
{
	pthread_t thread;

	rig_init(&rig);
	rig_start(&rig);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_hosts, NULL), 0);
	check_io(2);
	must_end = true;
	pthread_join(thread, NULL);
	rig_close(&rig);
}

static void by_threads_of_its_own(void **state)
{
	rig_init(&rig);
	rig.options.threads = 3;
	rig_start(&rig);
	check_io(4);
	assert_int_equal(nvmf_target_wait(rig.target, 0), -EINVAL);
	assert_string_equal(nvmf_target_error(rig.target), "the target has threads of its own");
	assert_int_equal(nvmf_target_fd(rig.target), -1);
	rig_close(&rig);
	assert_int_equal(rig.closed, 1);
}

static void immediate(void **state)
{
	rig_init(&rig);
	rig.ns.is_immediate = true;
	rig_start(&rig);
	rig_drive(&rig);
	check_io(1);
	rig_close(&rig);
}

static void completed_by_another_thread(void **state)
{
	rig_init(&rig);
	rig.mood = RIG_LATER;
	rig_start(&rig);
	rig_drive(&rig);
	check_io(2);
	rig_close(&rig);
}

static void completed_before_the_call_returns(void **state)
{
	rig_init(&rig);
	rig.mood = RIG_BEFORE;
	rig_start(&rig);
	rig_drive(&rig);
	check_io(1);
	rig_close(&rig);
}

static void assert_status(struct nvmf_queue *q, bool is_write, int error, uint8_t type,
			  uint8_t code)
{
	static char data[SMALL];
	struct nvmf_completion c;
	int r;

	rig.error = error;
	r = is_write ? nvmf_queue_write(q, 1, 0, SMALL / RIG_BLOCK, data, SMALL, &c) :
		       nvmf_queue_read(q, 1, 0, SMALL / RIG_BLOCK, data, SMALL, &c);
	assert_int_equal(r, -EREMOTEIO);
	assert_int_equal(c.status.type, type);
	assert_int_equal(c.status.code, code);
}

static void failures_become_statuses(void **state)
{
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;

	rig_init(&rig);
	rig_start(&rig);
	rig_drive(&rig);
	ctrl = rig_connect(&rig, 1);
	q = nvmf_ctrl_queue(ctrl, 0);
	rig.mood = RIG_FAILS;
	assert_status(q, false, -EIO, 2, 0x81);
	assert_status(q, true, -EIO, 2, 0x80);
	assert_status(q, true, -ENOSPC, 0, 0x81);
	assert_status(q, false, -EACCES, 2, 0x86);
	rig.mood = RIG_AT_ONCE;
	check_piece(q, 0, SMALL, 1);
	nvmf_ctrl_destroy(ctrl);
	rig_close(&rig);
}

static void read_only_is_never_written(void **state)
{
	struct nvmf_ctrl *ctrl;

	rig_init(&rig);
	rig.ns.is_read_only = true;
	rig_start(&rig);
	rig_drive(&rig);
	ctrl = rig_connect(&rig, 1);
	assert_status(nvmf_ctrl_queue(ctrl, 0), true, 0, 0, 0x20);
	assert_int_equal(rig.calls[NVMF_IO_WRITE], 0);
	nvmf_ctrl_destroy(ctrl);
	rig_close(&rig);
}

static void flushes_and_fua_reach_the_storage(void **state)
{
	struct nvmf_command write = { .opcode = 0x01, .nsid = 1, .cdw12 = 1u << 30 };
	static char data[RIG_BLOCK];
	struct nvmf_ctrl *ctrl;

	rig_init(&rig);
	rig.ns.has_volatile_cache = true;
	rig_start(&rig);
	rig_drive(&rig);
	ctrl = rig_connect(&rig, 1);
	assert_int_equal(nvmf_queue_flush(nvmf_ctrl_queue(ctrl, 0), 1, NULL), 0);
	assert_int_equal(rig.calls[NVMF_IO_FLUSH], 1);
	assert_int_equal(nvmf_queue_execute(nvmf_ctrl_queue(ctrl, 0), &write, data, RIG_BLOCK,
					    NULL), 0);
	assert_int_equal(rig.fua, 1);
	nvmf_ctrl_destroy(ctrl);
	rig_close(&rig);
}

static void discovery_tells_of_the_i_o_ports(void **state)
{
	struct nvmf_ctrl_options options = NVMF_CTRL_OPTIONS_INIT;
	struct nvmf_discovery *log;
	struct nvmf_ctrl *ctrl;
	char service[8];
	int port;

	rig_init(&rig);
	rig.target = nvmf_target_create(&rig.options);
	rig.port = nvmf_target_listen(rig.target, "127.0.0.1", 0, 0);
	port = nvmf_target_listen(rig.target, "127.0.0.1", 0, NVMF_LISTEN_DISCOVERY);
	assert_true(rig.port > 0 && port > 0);
	assert_int_equal(nvmf_target_start(rig.target), 0);
	rig_drive(&rig);
	snprintf(service, sizeof(service), "%d", port);
	options.traddr = "127.0.0.1";
	options.trsvcid = service;
	ctrl = nvmf_ctrl_create(&options);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	assert_int_equal(nvmf_discovery_read(ctrl, &log, NULL), 0);
	assert_int_equal(nvmf_discovery_count(log), 2);	/* and the service itself */
	assert_string_equal(nvmf_discovery_at(log, 0)->subnqn, RIG_NQN);
	assert_int_equal(atoi(nvmf_discovery_at(log, 0)->trsvcid), rig.port);
	nvmf_discovery_free(log);
	nvmf_ctrl_destroy(ctrl);
	rig_close(&rig);
}

static void ignore(void *cookie, const struct nvmf_completion *completion)
{
	(*(unsigned int *)cookie)++;
}

/* Its storage keeps a write: the end has to wait for it. */
static void stopping_waits_for_the_storage(void **state)
{
	static char data[SMALL];
	unsigned int ended = 0;
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;

	rig_init(&rig);
	rig.options.threads = *(int *)*state;
	rig_start(&rig);
	if (!rig.options.threads)
		rig_drive(&rig);
	ctrl = rig_connect(&rig, 1);
	q = nvmf_ctrl_queue(ctrl, 0);
	rig.mood = RIG_HOLDS;
	assert_int_equal(nvmf_queue_submit_write(q, 1, 0, SMALL / RIG_BLOCK, data, SMALL, ignore,
						 &ended), 0);
	assert_int_equal(nvmf_queue_process(q), 0);
	rig_await_held(&rig, 1);
	rig_undrive(&rig);
	assert_int_equal(nvmf_target_stop(rig.target, 50), -ETIMEDOUT);
	assert_string_equal(nvmf_target_error(rig.target), "operations are still with the storage");
	assert_int_equal(rig.closed, 0);
	rig_release(&rig);
	assert_int_equal(nvmf_target_stop(rig.target, -1), 0);
	assert_int_equal(nvmf_target_connections(rig.target), 0);
	rig_close(&rig);
	assert_int_equal(rig.closed, 1);
	nvmf_ctrl_destroy(ctrl);
	assert_int_equal(ended, 1);
}

/* Its room in the send buffer would be others' by the time it is read. */
static void a_durable_read_waits_for_a_flush_elsewhere(void **state)
{
	enum { OTHERS = 8 };
	static char data[SMALL], back[OTHERS][SMALL];
	struct nvmf_command read = { .opcode = 2, .nsid = 1,
				     .cdw12 = 1u << 30 | (SMALL / RIG_BLOCK - 1) };
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	int ended = 0, others = 0;

	rig_init(&rig);
	rig.ns.is_immediate = rig.ns.has_volatile_cache = true;
	fill(rig.bytes, RIG_BYTES, 3);
	rig_start(&rig);
	rig_drive(&rig);
	ctrl = rig_connect(&rig, 1);
	q = nvmf_ctrl_queue(ctrl, 0);
	rig.mood = RIG_HOLDS_FLUSHES;
	assert_int_equal(nvmf_queue_submit(q, &read, data, SMALL, ignore, &ended), 0);
	for (int i = 0; i < OTHERS; i++)
		assert_int_equal(nvmf_queue_submit_read(q, 1, i + 1, SMALL / RIG_BLOCK, back[i],
							SMALL, ignore, &others), 0);
	while (others < OTHERS)
		assert_true(nvmf_queue_wait(q, 1000) >= 0);
	assert_int_equal(ended, 0);
	rig_await_held(&rig, 1);
	rig_release(&rig);
	while (!ended)
		assert_true(nvmf_queue_wait(q, 1000) >= 0);
	assert_memory_equal(data, rig.bytes, SMALL);
	for (int i = 0; i < OTHERS; i++)
		assert_memory_equal(back[i], rig.bytes + (i + 1) * RIG_BLOCK, SMALL);
	nvmf_ctrl_destroy(ctrl);
	rig_close(&rig);
}

int main(void)
{
	static int none = 0, two = 2;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_the_program_s_own_loop),
		cmocka_unit_test(waiting),
		cmocka_unit_test(by_threads_of_its_own),
		cmocka_unit_test(immediate),
		cmocka_unit_test(completed_by_another_thread),
		cmocka_unit_test(completed_before_the_call_returns),
		cmocka_unit_test(failures_become_statuses),
		cmocka_unit_test(read_only_is_never_written),
		cmocka_unit_test(flushes_and_fua_reach_the_storage),
		cmocka_unit_test(a_durable_read_waits_for_a_flush_elsewhere),
		cmocka_unit_test(discovery_tells_of_the_i_o_ports),
		cmocka_unit_test_prestate(stopping_waits_for_the_storage, &none),
		{ "stopping_waits_for_the_storage_with_threads", stopping_waits_for_the_storage,
		  NULL, NULL, &two },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
