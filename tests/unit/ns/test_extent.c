/* SPDX-License-Identifier: BSD-2-Clause */
/* From logical blocks to bytes: every edge of the range and of the length. */
#include "../unit.h"

#include "ns/extent.h"

#define MOST (1u << 20)

static uint16_t map(uint8_t shift, uint64_t blocks, uint64_t first, uint32_t count,
		    struct extent *e)
{
	struct namespace ns = { .lba_shift = shift, .blocks = blocks };
	struct nvme_sqe sqe = { .cdw10 = le32_of((uint32_t)first),
				.cdw11 = le32_of((uint32_t)(first >> 32)),
				.cdw12 = le32_of((count - 1) | NVME_RW_FUA) };

	*e = (struct extent){ 1, 1 };
	return extent_of(&ns, &sqe, MOST, e);
}

static void test_what_fits(void **state)
{
	static const struct {
		uint8_t shift;
		uint64_t blocks, first;
		uint32_t count;
	} good[] = {
		{ 9, 1, 0, 1 }, { 9, 8192, 8191, 1 }, { 9, 8192, 0, 2048 },
		{ 9, 8192, 6144, 2048 }, { 12, 256, 0, 256 },
		{ 9, UINT64_MAX >> 9, (UINT64_MAX >> 9) - 2048, 2048 },
		{ 12, UINT64_C(1) << 52, (UINT64_C(1) << 52) - 1, 1 },
	};
	struct extent e;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(map(good[i].shift, good[i].blocks, good[i].first,
				     good[i].count, &e), 0);
		assert_int_equal(e.offset, good[i].first << good[i].shift);
		assert_int_equal(e.length, good[i].count << good[i].shift);
	}
}

static void test_what_does_not(void **state)
{
	static const struct {
		uint8_t shift;
		uint64_t blocks, first;
		uint32_t count;
		uint16_t status;
	} bad[] = {
		{ 9, 8192, 8192, 1, NVME_LBA_OUT_OF_RANGE },
		{ 9, 8192, 8191, 2, NVME_LBA_OUT_OF_RANGE },
		{ 9, 8192, UINT64_MAX, 1, NVME_LBA_OUT_OF_RANGE },
		{ 9, 8192, UINT64_MAX, 2, NVME_LBA_OUT_OF_RANGE },
		{ 9, 8192, UINT64_C(1) << 55, 8, NVME_LBA_OUT_OF_RANGE },
		{ 9, 0, 0, 1, NVME_LBA_OUT_OF_RANGE },
		{ 9, 1, 0, 2, NVME_LBA_OUT_OF_RANGE },
		{ 9, 1 << 20, 0, 2049, NVME_INVALID_FIELD },
		{ 9, 1 << 20, 0, 65536, NVME_INVALID_FIELD },
		{ 12, 1 << 20, 0, 257, NVME_INVALID_FIELD },
		{ 12, 1 << 20, 0, 65536, NVME_INVALID_FIELD },
		/* Longer than allowed and out of range: the length comes first. */
		{ 12, 1, 7, 65536, NVME_INVALID_FIELD },
	};
	struct extent e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(map(bad[i].shift, bad[i].blocks, bad[i].first, bad[i].count,
				     &e), bad[i].status | NVME_DNR);
		assert_int_equal(e.offset, 1);		/* untouched */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_fits),
		cmocka_unit_test(test_what_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
