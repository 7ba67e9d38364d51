/* SPDX-License-Identifier: BSD-2-Clause */
/* What a host is told of a backend's errno. */
#include "../unit.h"

#include "ns/status.h"

#include <errno.h>
#include <limits.h>

static const struct {
	int error;
	uint16_t read, write;
} rows[] = {
	{ 0, NVME_SUCCESS, NVME_SUCCESS },
	{ EIO, NVME_UNRECOVERED_READ_ERROR, NVME_WRITE_FAULT },
	{ EINVAL, NVME_UNRECOVERED_READ_ERROR, NVME_WRITE_FAULT },
	{ INT_MAX, NVME_UNRECOVERED_READ_ERROR, NVME_WRITE_FAULT },
	{ ENOSPC, NVME_CAPACITY_EXCEEDED, NVME_CAPACITY_EXCEEDED },
	{ EDQUOT, NVME_CAPACITY_EXCEEDED, NVME_CAPACITY_EXCEEDED },
	{ EROFS, NVME_ACCESS_DENIED, NVME_NAMESPACE_WRITE_PROTECTED },
	{ EPERM, NVME_ACCESS_DENIED, NVME_NAMESPACE_WRITE_PROTECTED },
	{ EACCES, NVME_ACCESS_DENIED, NVME_ACCESS_DENIED },
	{ ECANCELED, NVME_ABORT_REQUESTED, NVME_ABORT_REQUESTED },
	{ ENOMEM, NVME_COMMAND_INTERRUPTED, NVME_COMMAND_INTERRUPTED },
	{ EAGAIN, NVME_COMMAND_INTERRUPTED, NVME_COMMAND_INTERRUPTED },
	{ ETIMEDOUT, NVME_COMMAND_INTERRUPTED, NVME_COMMAND_INTERRUPTED },
	{ ENODEV, NVME_NAMESPACE_NOT_READY, NVME_NAMESPACE_NOT_READY },
};

static void test_either_sign(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int sign = -1; sign <= 1; sign += 2) {
			assert_int_equal(status_of_errno(sign * rows[i].error, BACKEND_READ),
					 rows[i].read);
			assert_int_equal(status_of_errno(sign * rows[i].error, BACKEND_WRITE),
					 rows[i].write);
			assert_int_equal(status_of_errno(sign * rows[i].error, BACKEND_FLUSH),
					 rows[i].write);
		}
}

/* What may go well on another path or later must not be cut off. */
static void test_never_do_not_retry(void **state)
{
	for (int error = 0; error < 200; error++)
		for (int op = 0; op < BACKEND_OPCODES; op++)
			assert_false(status_of_errno(-error, (enum backend_opcode)op) & NVME_DNR);
}

static void test_success_is_success_alone(void **state)
{
	for (int error = 1; error < 200; error++)
		assert_int_not_equal(status_of_errno(-error, BACKEND_WRITE), NVME_SUCCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_either_sign),
		cmocka_unit_test(test_never_do_not_retry),
		cmocka_unit_test(test_success_is_success_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
