/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands in pieces: which ones the storage gets, and what stops them. */
#include "rig.h"

#include <errno.h>
#include <unistd.h>

#define KIB 1024u
#define DISK (RIG_BLOCKS * 512)

static struct rig rig;
static struct rig_host admin, io;

static void open_io(const struct rig_settings *s)
{
	uint16_t cntlid;

	rig_open(&rig, s);
	cntlid = host_enable(&admin, &rig, 0, 5);
	host_connect_io(&io, &rig, cntlid, 1);
}

static void close_io(void)
{
	host_close(&admin);
	host_close(&io);
	rig_close(&rig);
}

static struct nvme_sqe sqe_zeroes(uint32_t blocks, uint32_t flags)
{
	struct nvme_sqe sqe = sqe_io(NVME_IO_WRITE_ZEROES, blocks, false);

	sqe.cdw12 = le32_of(le32_get(sqe.cdw12) | flags);
	return sqe;
}

static void assert_seen(unsigned int from, unsigned int count, enum backend_opcode opcode,
			uint32_t length)
{
	for (unsigned int i = from; i < from + count; i++) {
		assert_int_equal(rig.seen[i].opcode, opcode);
		assert_int_equal(rig.seen[i].length, length);
	}
}

/* What is answered at once is asked for in parts; more than a turn's worth of them. */
static void test_storage_that_is_quick_gets_small_pieces(void **state)
{
	struct nvme_sqe kept = sqe_zeroes(RIG_BLOCKS, 0);
	struct nvme_sqe given_back = sqe_zeroes(RIG_BLOCKS, NVME_ZEROES_DEAC);

	open_io(&(struct rig_settings){ .is_immediate = true });
	assert_int_equal(host_run(&io, &kept, NULL, 0), 0);
	assert_int_equal(rig.seen_count, DISK / (256 * KIB));
	assert_seen(0, rig.seen_count, BACKEND_ZERO, 256 * KIB);
	assert_int_equal(host_run(&io, &given_back, NULL, 0), 0);
	assert_int_equal(rig.seen_count, 16 + 2);
	assert_seen(16, 2, BACKEND_ZERO, 2048 * KIB);
	close_io();
}

static void test_pieces_end_where_pages_of_2_mib_do(void **state)
{
	struct nvme_sqe sqe = sqe_zeroes(4096, NVME_ZEROES_DEAC);

	open_io(&(struct rig_settings){ .is_immediate = true });
	sqe.cdw10 = le32_of(8);
	assert_int_equal(host_run(&io, &sqe, NULL, 0), 0);
	assert_int_equal(rig.seen_count, 2);
	assert_int_equal(rig.seen[0].length, (4096 - 8) * 512);
	assert_int_equal(rig.seen[1].length, 8 * 512);
	close_io();
}

static void test_slow_storage_gets_large_pieces(void **state)
{
	struct nvme_sqe sqe = sqe_zeroes(RIG_BLOCKS, NVME_RW_FUA);

	open_io(&(struct rig_settings){ .has_volatile_cache = true });
	assert_int_equal(host_run(&io, &sqe, NULL, 0), 0);
	assert_int_equal(rig.seen_count, 2);
	assert_seen(0, 1, BACKEND_ZERO, DISK);
	assert_seen(1, 1, BACKEND_FLUSH, 0);
	close_io();
}

/* To give back, to keep, to write: asked in this order, and the first two once. */
static void test_who_knows_no_zeros_is_written_them(void **state)
{
	struct nvme_sqe sqe = sqe_zeroes(RIG_BLOCKS, NVME_ZEROES_DEAC | NVME_RW_FUA);

	open_io(&(struct rig_settings){ .has_volatile_cache = true });
	rig.zero_result = -EOPNOTSUPP;
	assert_int_equal(host_run(&io, &sqe, NULL, 0), 0);
	assert_int_equal(rig.seen_count, 2 + DISK / (64 * KIB) + 1);
	assert_seen(0, 2, BACKEND_ZERO, DISK);
	assert_seen(2, DISK / (64 * KIB), BACKEND_WRITE, 64 * KIB);
	assert_seen(rig.seen_count - 1, 1, BACKEND_FLUSH, 0);
	close_io();
}

/* A host's deallocation of a whole disk must not become a write of it. */
static void test_what_can_not_be_given_back_is_left(void **state)
{
	struct nvme_dsm_range ranges[2] = {
		{ .length = le32_of(8) }, { .length = le32_of(8), .slba = le64_of(64) } };
	struct nvme_sqe sqe = sqe_of(NVME_IO_DATASET_MANAGEMENT, 1);

	open_io(NULL);
	sqe.cdw10 = le32_of(1);
	sqe.cdw11 = le32_of(NVME_DSM_DEALLOCATE);
	rig.zero_result = -EOPNOTSUPP;
	assert_int_equal(host_run(&io, &sqe, ranges, sizeof(ranges)), 0);
	assert_int_equal(rig.seen_count, 1);
	rig.zero_result = -ENOSPC;
	assert_int_equal(host_run(&io, &sqe, ranges, sizeof(ranges)), NVME_CAPACITY_EXCEEDED);
	assert_true(rig_has_said(&rig, "namespace 1: Dataset Management of 4096 bytes at 0"));
	rig.zero_result = 0;
	assert_int_equal(host_run(&io, &sqe, ranges, sizeof(ranges)), 0);
	assert_int_equal(rig.seen_count, 4);
	close_io();
}

/* A piece is under way while something happens; afterwards no other may begin. */
static struct capsule *begin_long_one(void)
{
	struct nvme_sqe sqe = sqe_zeroes(RIG_BLOCKS, 0);
	struct capsule *c;

	open_io(NULL);
	rig.zero_result = -EOPNOTSUPP;
	rig_hold(&rig);
	c = host_submit(&io, &sqe, NULL, 0);
	rig_await_held(&rig, 1);
	return c;
}

static void test_the_end_of_a_queue_stops_it(void **state)
{
	begin_long_one();
	host_close(&io);
	rig_await_queues(&rig, 2);	/* that one drains */
	for (int i = 0; i < 100 && !rig_has_said(&rig, "queue 1: connection ended"); i++)
		usleep(20000);
	rig_release(&rig);
	rig_await_queues(&rig, 1);
	assert_int_equal(rig.seen_count, 2);
	close_io();
}

static void test_the_end_of_a_namespace_stops_it(void **state)
{
	struct capsule *c = begin_long_one();

	assert_int_equal(model_remove_namespace(&rig.model, RIG_NQN, 1), 0);
	rig_release(&rig);
	assert_int_equal(host_wait(&io, c), NVME_INVALID_NAMESPACE | NVME_DNR);
	assert_int_equal(rig.seen_count, 2);
	close_io();
}

static void test_it_goes_no_further_than_a_smaller_namespace(void **state)
{
	struct capsule *c = begin_long_one();

	assert_int_equal(model_resize_device(&rig.model, "storage", DISK / 2), 0);
	rig_release(&rig);
	assert_int_equal(host_wait(&io, c), NVME_LBA_OUT_OF_RANGE | NVME_DNR);
	assert_int_equal(rig.seen_count, 1 + DISK / 2 / (64 * KIB));
	close_io();
}

/* ... and what it had for its pieces is given back: rig_close looks. */
static void test_a_comparison_that_is_stopped_leaves_nothing(void **state)
{
	static uint8_t data[65536];
	struct nvme_sqe sqe = sqe_io(NVME_IO_COMPARE, 128, true);

	open_io(&(struct rig_settings){ .has_volatile_cache = true });
	rig_hold(&rig);
	host_submit(&io, &sqe, data, sizeof(data));
	for (int i = 0; i < 100 && !rig_held(&rig); i++)
		qpair_wait(&io.qpair, &io.buffer, 20);
	rig_await_held(&rig, 1);
	host_close(&io);
	for (int i = 0; i < 100 && !rig_has_said(&rig, "queue 1: connection ended"); i++)
		usleep(20000);
	rig_release(&rig);
	rig_await_queues(&rig, 1);
	assert_int_equal(rig.seen_count, 1);
	assert_int_equal(rig.seen[0].opcode, BACKEND_FLUSH);
	close_io();
}

/* ---- Copy: the first half of the disk to the second ------------------------------------------- */

#define HALF (RIG_BLOCKS / 2)

static struct nvme_sqe sqe_copy(uint32_t format)
{
	struct nvme_sqe sqe = sqe_of(NVME_IO_COPY, 1);

	sqe.cdw10 = le32_of(HALF);
	sqe.cdw12 = le32_of(format << 8);
	return sqe;
}

/* Its first piece is being read. */
static struct capsule *begin_copy(uint32_t format, uint32_t nsid)
{
	static struct nvme_copy_range range;
	struct nvme_sqe sqe = sqe_copy(format);
	struct capsule *c;

	range = (struct nvme_copy_range){ .snsid = le32_of(nsid), .nlb = le16_of(HALF - 1) };
	rig_hold(&rig);
	c = host_submit(&io, &sqe, &range, sizeof(range));
	rig_await_held(&rig, 1);
	return c;
}

/* ... and nothing but so many operations was done. */
static void assert_copy_ends(struct capsule *c, uint16_t status, unsigned int seen)
{
	rig_release(&rig);
	assert_int_equal(host_wait(&io, c), status);
	assert_int_equal(c->dw0, 0);
	assert_int_equal(rig.seen_count, seen);
	assert_int_equal(rig_health(&rig).copies, 0);
	close_io();
}

static void test_a_copy_ends_with_its_namespace(void **state)
{
	struct capsule *c;

	open_io(NULL);
	c = begin_copy(NVME_COPY_FORMAT_0, 0);
	assert_int_equal(model_remove_namespace(&rig.model, RIG_NQN, 1), 0);
	assert_copy_ends(c, NVME_INVALID_NAMESPACE | NVME_DNR, 1);
}

static void test_a_copy_goes_no_further_than_a_smaller_namespace(void **state)
{
	struct capsule *c;

	open_io(NULL);
	c = begin_copy(NVME_COPY_FORMAT_0, 0);
	assert_int_equal(model_resize_device(&rig.model, "storage", HALF * 512), 0);
	assert_copy_ends(c, NVME_LBA_OUT_OF_RANGE | NVME_DNR, 1);
}

/* Once a host is told that it is protected nothing changes there. */
static void test_a_copy_stops_when_its_target_is_protected(void **state)
{
	struct nvme_sqe protect = sqe_of(NVME_ADMIN_SET_FEATURES, 1);
	struct capsule *c;

	open_io(NULL);
	c = begin_copy(NVME_COPY_FORMAT_0, 0);
	protect.cdw10 = le32_of(NVME_FEAT_WRITE_PROTECTION);
	protect.cdw11 = le32_of(NVME_PROTECTED);
	assert_int_equal(host_run(&admin, &protect, NULL, 0), 0);
	assert_copy_ends(c, NVME_NAMESPACE_WRITE_PROTECTED | NVME_DNR, 1);
}

static void test_a_copy_stops_when_its_source_is_hidden(void **state)
{
	static struct nvme_host_behavior behavior = { .cdfe = { { 1u << NVME_COPY_FORMAT_2 } } };
	struct nvme_sqe sqe = sqe_of(NVME_ADMIN_SET_FEATURES, 0);
	struct namespace_settings hidden = { .nsid = 2, .device = "storage", .derives_id = true,
					     .is_hidden = true };
	struct capsule *c;

	open_io(NULL);
	assert_int_equal(model_add_namespace(&rig.model, RIG_NQN, &hidden), 0);
	assert_int_equal(model_show_namespace(&rig.model, RIG_NQN, 2, RIG_HOSTNQN), 0);
	sqe.cdw10 = le32_of(NVME_FEAT_HOST_BEHAVIOR);
	assert_int_equal(host_run(&admin, &sqe, &behavior, sizeof(behavior)), 0);
	c = begin_copy(NVME_COPY_FORMAT_2, 2);
	assert_int_equal(model_hide_namespace(&rig.model, RIG_NQN, 2, RIG_HOSTNQN), 0);
	assert_copy_ends(c, NVME_INVALID_NAMESPACE | NVME_DNR, 2);
}

/* It waits for a buffer while what it has to read goes away. */
static void test_a_copy_that_is_parked_looks_again(void **state)
{
	enum { READS = 80, SHARE = (8 << 20) / 16, BLOCK = 8192 };
	static struct nvme_copy_range range = { .slba = { { 0, 0x10 } } };
	static uint8_t data[READS][4608];
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 9, false), wrong = sqe_of(0x7f, 1);
	struct nvme_sqe sqe = sqe_copy(NVME_COPY_FORMAT_0);
	struct capsule *c;

	open_io(&(struct rig_settings){ .buffers = 8 << 20 });
	sqe.cdw10 = le32_of(0);
	io.qpair.tcp.rules.in_capsule_max = 0;
	rig_hold(&rig);
	for (int i = 0; i < READS; i++)
		host_submit(&io, &read, data[i], sizeof(data[i]));
	c = host_submit(&io, &sqe, &range, sizeof(range));
	assert_int_not_equal(host_run(&io, &wrong, NULL, 0), 0);
	rig_await_held(&rig, SHARE / BLOCK);
	assert_int_equal(model_resize_device(&rig.model, "storage", HALF * 512), 0);
	rig_release(&rig);
	assert_int_equal(host_wait(&io, c), NVME_LBA_OUT_OF_RANGE | NVME_DNR);
	assert_int_equal(rig.seen_count, READS);
	assert_seen(0, READS, BACKEND_READ, 4608);
	close_io();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storage_that_is_quick_gets_small_pieces),
		cmocka_unit_test(test_pieces_end_where_pages_of_2_mib_do),
		cmocka_unit_test(test_slow_storage_gets_large_pieces),
		cmocka_unit_test(test_who_knows_no_zeros_is_written_them),
		cmocka_unit_test(test_what_can_not_be_given_back_is_left),
		cmocka_unit_test(test_the_end_of_a_queue_stops_it),
		cmocka_unit_test(test_a_comparison_that_is_stopped_leaves_nothing),
		cmocka_unit_test(test_the_end_of_a_namespace_stops_it),
		cmocka_unit_test(test_it_goes_no_further_than_a_smaller_namespace),
		cmocka_unit_test(test_a_copy_ends_with_its_namespace),
		cmocka_unit_test(test_a_copy_goes_no_further_than_a_smaller_namespace),
		cmocka_unit_test(test_a_copy_stops_when_its_target_is_protected),
		cmocka_unit_test(test_a_copy_stops_when_its_source_is_hidden),
		cmocka_unit_test(test_a_copy_that_is_parked_looks_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
