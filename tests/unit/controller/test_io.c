/* SPDX-License-Identifier: BSD-2-Clause */
/* What the storage is asked, what is counted, and who waits for what. */
#include "rig.h"

#include <errno.h>
#include <stdlib.h>

static struct rig rig;
static struct rig_host admin, io, other;
static uint16_t cntlid;

static void open_io(const struct rig_settings *s)
{
	rig_open(&rig, s);
	cntlid = host_enable(&admin, &rig, 0, 5);
	host_connect_io(&io, &rig, cntlid, 1);
	host_connect_io(&other, &rig, cntlid, 3);	/* on the same worker as 1 */
}

static void close_io(void)
{
	host_close(&admin);
	host_close(&io);
	host_close(&other);
	rig_close(&rig);
}

/* ---- what the storage sees ---------------------------------------------------------- */

static void test_a_fua_read_flushes_first_and_a_flush_has_no_length(void **state)
{
	struct nvme_sqe sqe = sqe_io(NVME_IO_READ, 8, true);
	uint8_t data[4096];

	open_io(&(struct rig_settings){ .has_volatile_cache = true });
	assert_int_equal(host_run(&io, &sqe, data, sizeof(data)), 0);
	assert_int_equal(rig.seen_count, 2);
	assert_int_equal(rig.seen[0].opcode, BACKEND_FLUSH);
	assert_int_equal(rig.seen[0].length, 0);
	assert_int_equal(rig.seen[1].opcode, BACKEND_READ);
	assert_int_equal(rig.seen[1].length, sizeof(data));
	assert_int_equal(rig_health(&rig).sectors_read, 8);
	close_io();
}

static void test_a_flush_of_every_namespace_counts_as_nothing(void **state)
{
	struct nvme_sqe sqe = sqe_of(NVME_IO_FLUSH, NVME_NSID_ALL);
	struct health_total t;

	for (int has_cache = 0; has_cache < 2; has_cache++) {
		open_io(&(struct rig_settings){ .has_volatile_cache = has_cache });
		assert_int_equal(host_run(&io, &sqe, NULL, 0), 0);
		assert_int_equal(rig.seen_count, has_cache);
		t = rig_health(&rig);
		assert_int_equal(t.reads, 0);
		assert_int_equal(t.writes, 0);
		close_io();
	}
}

static uint64_t timed(unsigned int from)
{
	struct latency l = life_namespace_latency(
		snapshot_subsystem(rig.model.current, RIG_NQN)->life, 1);
	uint64_t sum = 0;

	for (unsigned int i = from; i < LATENCY_BUCKETS; i++)
		sum += l.counts[i];
	return sum;
}

/* What ends in another turn is timed by the turns' clocks, each of it. */
static void test_what_waits_for_the_storage_is_timed(void **state)
{
	const struct timespec pause = { .tv_nsec = 5 * NS_PER_MS };
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 8, false);
	struct capsule *reads[3];
	uint8_t data[3][4096];

	open_io(NULL);
	rig_hold(&rig);
	for (int i = 0; i < 3; i++)
		reads[i] = host_submit(&io, &read, data[i], sizeof(data[i]));
	rig_await_held(&rig, 3);
	nanosleep(&pause, NULL);
	rig_release(&rig);
	for (int i = 0; i < 3; i++)
		assert_int_equal(host_wait(&io, reads[i]), 0);
	assert_int_equal(timed(0), 3);
	assert_int_equal(timed(latency_bucket(5 * NS_PER_MS)), 3);
	assert_true(rig_health(&rig).read_ns >= 3 * 5 * NS_PER_MS);
	assert_true(rig_health(&rig).write_ns == 0);
	close_io();
}

/* One of 32 speaks for the others. */
static void test_what_is_answered_at_once_is_sampled(void **state)
{
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 8, false);
	const unsigned int count = 32 * 64;
	uint8_t data[4096];

	open_io(&(struct rig_settings){ .is_immediate = true });
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(host_run(&io, &read, data, sizeof(data)), 0);
	assert_int_equal(timed(0) % 32, 0);
	assert_in_range(timed(0), count / 2, count * 2);
	assert_true(rig_health(&rig).read_ns > 0);
	assert_true(rig_health(&rig).read_ns % 32 == 0);
	assert_true(rig_health(&rig).write_ns == 0);
	close_io();
}

/* All are done when the host knows of them. */
static void test_writes_that_come_together_are_done_together(void **state)
{
	struct nvme_sqe write = sqe_io(NVME_IO_WRITE, 8, false);
	struct capsule *writes[40];
	uint8_t data[4096] = { 0 };

	open_io(&(struct rig_settings){ .is_immediate = true });
	for (int i = 0; i < 40; i++)
		writes[i] = host_queue(&io, &write, data, sizeof(data));
	host_send(&io);
	for (int i = 0; i < 40; i++)
		assert_int_equal(host_wait(&io, writes[i]), 0);
	assert_in_range(rig.most_together, 2, LATE_MOST);
	/* But for those of which the beginning came before the end. */
	assert_int_equal(rig.put_off + rig.seen_count, 40);
	assert_int_equal(rig_health(&rig).writes, 40);
	assert_int_equal(rig_health(&rig).sectors_written, 320);
	close_io();
}

/* Hosts have a status, and who looks after the storage has the log. */
static void test_what_fails_at_the_storage_is_told(void **state)
{
	struct nvme_sqe write = sqe_io(NVME_IO_WRITE, 8, false);
	struct nvme_sqe flush = sqe_of(NVME_IO_FLUSH, NVME_NSID_ALL);
	uint8_t data[4096] = { 0 };

	open_io(&(struct rig_settings){ .has_volatile_cache = true });
	rig.result = -ENOSPC;
	assert_int_equal(host_run(&io, &write, data, sizeof(data)), NVME_CAPACITY_EXCEEDED);
	assert_true(rig_has_said(&rig, "namespace 1: Write of 4096 bytes at 0 failed: No space"));
	assert_int_not_equal(host_run(&io, &flush, NULL, 0), 0);
	assert_true(rig_has_said(&rig, "flush of all namespaces failed: No space"));
	rig.result = 0;
	close_io();
}

/* ---- Disconnect ------------------------------------------------------------------------ */

/* More answers than the socket takes, and a host that reads them late. */
static void test_disconnect_comes_after_answers_that_the_socket_did_not_take(void **state)
{
	static uint8_t data[64][16384];
	struct capsule *reads[64], *disconnect;
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 32, false), end = sqe_disconnect();

	open_io(&(struct rig_settings){ .is_immediate = true });
	for (int i = 0; i < 64; i++)
		reads[i] = host_submit(&io, &read, data[i], sizeof(data[i]));
	disconnect = host_submit(&io, &end, NULL, 0);
	assert_false(host_sees_end(&admin, 200));
	for (int i = 0; i < 64; i++)
		assert_int_equal(host_wait(&io, reads[i]), 0);
	assert_int_equal(host_wait(&io, disconnect), 0);
	assert_true(host_sees_end(&io, RIG_PATIENCE_MS));
	close_io();
}

/* While Disconnect waits for a command, nothing else may begin: least of all a
 * Connect, which would make this queue another controller's. */
static void test_nothing_is_executed_behind_a_disconnect(void **state)
{
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 8, false), end = sqe_disconnect();
	struct host_connect how = { .qid = 0 };
	struct capsule *slow, *disconnect, *connect;
	uint8_t data[4096];

	open_io(NULL);
	rig_hold(&rig);
	slow = host_submit(&io, &read, data, sizeof(data));
	rig_await_held(&rig, 1);
	disconnect = host_submit(&io, &end, NULL, 0);
	connect = host_submit_connect(&io, &how);
	assert_int_equal(host_wait(&io, connect) & ~NVME_DNR, NVME_COMMAND_SEQUENCE_ERROR);
	assert_int_equal(registry_count(&rig.target.registry), 1);
	rig_release(&rig);
	assert_int_equal(host_wait(&io, slow), 0);
	assert_int_equal(host_wait(&io, disconnect), 0);
	close_io();
}

/* ---- what it takes best ------------------------------------------------------------------ */

static void test_what_storage_takes_best_is_told_in_blocks(void **state)
{
	static const struct {
		struct rig_settings storage;
		bool has;
		uint16_t unit, optimal, boundary;
	} rows[] = {
		{ { 0 }, false, 0, 0, 0 },
		{ { .write_unit = 4096 }, true, 7, 7, 0 },
		{ { .write_unit = 4096, .write_optimal = 65536, .io_boundary = 131072 }, true, 7, 127, 256 },
		/* ... where that is what it says. */
		{ { .write_unit = 4096, .write_optimal = 65535 * 512 }, true, 7, 7, 0 },
		{ { .write_unit = 4096, .write_optimal = 256 << 20 }, true, 7, 7, 0 },
		{ { .write_unit = 256, .io_boundary = 65536 * 512 }, true, 0, 0, 0 },
		{ { .io_boundary = 65535 * 512 }, false, 0, 0, 65535 },
		{ { .io_boundary = 65535 * 512 - 256 }, false, 0, 0, 0 },
	};
	struct nvme_sqe sqe = sqe_of(NVME_ADMIN_IDENTIFY, 1);
	static struct nvme_id_ns id;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_io(&rows[i].storage);
		assert_int_equal(host_run(&admin, &sqe, &id, sizeof(id)), 0);
		assert_int_equal(!!(id.nsfeat & NVME_NSFEAT_OPTPERF), rows[i].has);
		assert_int_equal(le16_get(id.npwg), rows[i].unit);
		assert_int_equal(le16_get(id.npwa), rows[i].unit);
		assert_int_equal(le16_get(id.nows), rows[i].optimal);
		assert_int_equal(le16_get(id.noiob), rows[i].boundary);
		close_io();
	}
}

/* ---- buffers ----------------------------------------------------------------------------- */

#define GREEDY 24

/* A host that takes nothing of what it asked for reaches the share of one
 * connection; that it waits for itself must not make others wait. */
static void test_who_waits_for_his_own_buffers_holds_up_nobody(void **state)
{
	static uint8_t data[GREEDY][131072], own[131072];
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 256, false);
	struct capsule *c;

	open_io(&(struct rig_settings){ .buffers = 8 << 20 });
	for (int i = 0; i < GREEDY; i++)
		host_submit(&io, &read, data[i], sizeof(data[i]));
	assert_false(host_sees_end(&admin, 300));
	c = host_submit(&other, &read, own, sizeof(own));
	for (int i = 0; i < 100 && !other.has_ended[c - other.capsules]; i++)
		assert_true(qpair_wait(&other.qpair, &other.buffer, 20) >= 0);
	assert_true(other.has_ended[c - other.capsules]);
	assert_int_equal(c->status, 0);
	close_io();
}

/* A share is of the pool's blocks: who asks for a little more than a block holds
 * nearly twice what he asked for. */
static void test_a_share_counts_the_blocks_that_are_taken(void **state)
{
	enum { READS = 100, SHARE = (8 << 20) / 16, BLOCK = 8192 };
	static uint8_t data[READS][4608];
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 9, false), wrong = sqe_of(0x7f, 1);
	struct capsule *reads[READS];

	open_io(&(struct rig_settings){ .buffers = 8 << 20 });
	rig_hold(&rig);
	for (int i = 0; i < READS; i++)
		reads[i] = host_submit(&io, &read, data[i], sizeof(data[i]));
	/* Once this is answered, all before it have been looked at. */
	assert_int_not_equal(host_run(&io, &wrong, NULL, 0), 0);
	rig_await_held(&rig, SHARE / BLOCK);
	rig_release(&rig);
	for (int i = 0; i < READS; i++)
		assert_int_equal(host_wait(&io, reads[i]), 0);
	close_io();
}

/* ---- requests ---------------------------------------------------------------------------- */

/* As after a time in which nobody needed them. */
static void be_idle(void *argument)
{
	struct station *s = argument;

	for (int i = 0; i < 2; i++)
		if (timer_is_armed(&s->trim)) {
			timer_cancel(&s->worker->timers, &s->trim);
			s->trim.fire(&s->trim);
		}
}

static void test_requests_of_a_peak_are_given_back(void **state)
{
	enum { PEAK = 3 * 120 };
	static struct rig_host more;
	struct rig_host *hosts[] = { &io, &other, &more };
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 1, false);
	struct capsule *reads[PEAK];
	uint8_t data[512];

	open_io(NULL);
	host_connect_io(&more, &rig, cntlid, 5);
	rig_hold(&rig);
	for (int i = 0; i < PEAK; i++)
		reads[i] = host_submit(hosts[i % 3], &read, data, sizeof(data));
	rig_await_held(&rig, PEAK);
	rig_release(&rig);
	for (int i = 0; i < PEAK; i++)
		assert_int_equal(host_wait(hosts[i % 3], reads[i]), 0);
	rig_on(&rig, 1, be_idle, &rig.target.stations[1]);
	assert_in_range(rig.target.stations[1].spare_count, 1, 256);
	host_close(&more);
	close_io();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_fua_read_flushes_first_and_a_flush_has_no_length),
		cmocka_unit_test(test_a_flush_of_every_namespace_counts_as_nothing),
		cmocka_unit_test(test_what_waits_for_the_storage_is_timed),
		cmocka_unit_test(test_what_is_answered_at_once_is_sampled),
		cmocka_unit_test(test_writes_that_come_together_are_done_together),
		cmocka_unit_test(test_what_fails_at_the_storage_is_told),
		cmocka_unit_test(test_disconnect_comes_after_answers_that_the_socket_did_not_take),
		cmocka_unit_test(test_nothing_is_executed_behind_a_disconnect),
		cmocka_unit_test(test_what_storage_takes_best_is_told_in_blocks),
		cmocka_unit_test(test_who_waits_for_his_own_buffers_holds_up_nobody),
		cmocka_unit_test(test_a_share_counts_the_blocks_that_are_taken),
		cmocka_unit_test(test_requests_of_a_peak_are_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
