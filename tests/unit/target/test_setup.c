/* SPDX-License-Identifier: BSD-2-Clause */
#include "rig.h"

#include <errno.h>
#include <string.h>

static struct rig rig;

static int set_up(void **state)
{
	rig_init(&rig);
	return 0;
}

static int tear_down(void **state)
{
	rig_close(&rig);
	return 0;
}

static void assert_option_refused(const char *sentence)
{
	struct nvmf_target *t = nvmf_target_create(&rig.options);

	assert_non_null(t);
	assert_int_equal(nvmf_target_listen(t, "127.0.0.1", 0, 0), -EINVAL);
	assert_string_equal(nvmf_target_error(t), sentence);
	assert_int_equal(nvmf_target_add_ns(t, &rig.ns), -EINVAL);
	assert_int_equal(nvmf_target_start(t), -EINVAL);
	assert_int_equal(nvmf_target_wait(t, 0), -EINVAL);
	assert_int_equal(nvmf_target_fd(t), -1);
	assert_int_equal(nvmf_target_due(t), -1);
	assert_int_equal(nvmf_target_connections(t), 0);
	nvmf_target_destroy(t);
	rig.options = (struct nvmf_target_options)NVMF_TARGET_OPTIONS_INIT;
	rig.options.subnqn = RIG_NQN;
}

#define REFUSE(field, value, sentence) \
	do { \
		rig.options.field = value; \
		assert_option_refused(sentence); \
	} while (0)

static void options_that_make_no_sense(void **state)
{
	REFUSE(subnqn, NULL, "subnqn '' is empty");
	REFUSE(subnqn, "disk", "subnqn 'disk' does not begin with \"nqn.\"");
	REFUSE(subnqn, NVMF_DISCOVERY_SUBNQN,
	       "subnqn '" NVMF_DISCOVERY_SUBNQN "' is the discovery subsystem's");
	REFUSE(serial, "", "serial has 0 characters, not from 1 to 20");
	REFUSE(serial, "123456789012345678901", "serial has 21 characters, not from 1 to 20");
	REFUSE(firmware, "123456789", "firmware has 9 characters, not from 1 to 8");
	REFUSE(model, "", "model has 0 characters, not from 1 to 40");
	REFUSE(threads, 257, "threads is 257, not from 0 to 256");
	REFUSE(max_transfer, 6144, "max_transfer is 6144, no power of two");
	REFUSE(max_transfer, 2048, "max_transfer is 2048, not from 4096 to 33554432");
	REFUSE(in_capsule, 100, "in_capsule is 100, no multiple of 16");
	REFUSE(max_queues, 0, "max_queues is 0, not from 1 to 65535");
	REFUSE(max_entries, 8, "max_entries is 8, not from 16 to 4096");
	REFUSE(max_nsid, 0, "max_nsid is 0, not from 1 to 65535");
	REFUSE(buffers, 1u << 20, "buffers is 1048576, less than two transfers of 1048576");
}

static void assert_ns_refused(int error, const char *sentence)
{
	assert_int_equal(nvmf_target_add_ns(rig.target, &rig.ns), error);
	assert_string_equal(nvmf_target_error(rig.target), sentence);
	rig.ns.block_size = RIG_BLOCK;
	rig.ns.bytes = RIG_BYTES;
	rig.ns.nsid = 0;
}

static void namespaces_that_make_no_sense(void **state)
{
	const struct nvmf_storage *storage = rig.ns.storage;

	rig.options.max_nsid = 2;
	rig.target = nvmf_target_create(&rig.options);
	rig.ns.storage = NULL;
	assert_ns_refused(-EINVAL, "a namespace has no storage");
	rig.ns.storage = storage;
	rig.ns.block_size = 520;
	assert_ns_refused(-EINVAL, "block_size is 520, no power of two from 512 to 4096");
	rig.ns.block_size = 8192;
	assert_ns_refused(-EINVAL, "block_size is 8192, no power of two from 512 to 4096");
	rig.ns.bytes = 0;
	assert_ns_refused(-EINVAL, "bytes is 0, no multiple of the block size 512");
	rig.ns.bytes = 1000;
	assert_ns_refused(-EINVAL, "bytes is 1000, no multiple of the block size 512");
	rig.ns.nsid = 3;
	assert_ns_refused(-EINVAL, "nsid is 3, not from 1 to 2");
	rig.ns.nsid = 1;
	assert_int_equal(nvmf_target_add_ns(rig.target, &rig.ns), 1);
	assert_ns_refused(-EEXIST, "namespace 1 is there already");
	assert_int_equal(nvmf_target_add_ns(rig.target, &rig.ns), 2);
	assert_ns_refused(-ENOSPC, "all 2 namespace identifiers are in use");
	assert_int_equal(rig.closed, 0);
}

static void addresses_that_do_not_work(void **state)
{
	char sentence[128];
	int port;

	rig.target = nvmf_target_create(&rig.options);
	assert_int_equal(nvmf_target_listen(rig.target, "localhost", 0, 0), -EINVAL);
	assert_string_equal(nvmf_target_error(rig.target), "'localhost' is not a numeric address");
	assert_int_equal(nvmf_target_listen(rig.target, "127.0.0.1", 0, 2), -EINVAL);
	assert_string_equal(nvmf_target_error(rig.target), "there are no listen flags 0x2");
	port = nvmf_target_listen(rig.target, "127.0.0.1", 0, 0);
	assert_true(port > 0);
	assert_int_equal(nvmf_target_listen(rig.target, "127.0.0.1", (uint16_t)port, 0),
			 -EADDRINUSE);
	snprintf(sentence, sizeof(sentence),
		 "can't listen on 127.0.0.1 port %d: Address already in use", port);
	assert_string_equal(nvmf_target_error(rig.target), sentence);
}

static void nothing_is_added_once_it_serves(void **state)
{
	rig_start(&rig);
	assert_int_equal(nvmf_target_add_ns(rig.target, &rig.ns), -EBUSY);
	assert_string_equal(nvmf_target_error(rig.target), "the target has started");
	assert_int_equal(nvmf_target_listen(rig.target, "127.0.0.1", 0, 0), -EBUSY);
	assert_int_equal(nvmf_target_start(rig.target), -EBUSY);
}

static void waiting_before_it_serves(void **state)
{
	rig.target = nvmf_target_create(&rig.options);
	assert_int_equal(nvmf_target_wait(rig.target, 0), -EINVAL);
	assert_string_equal(nvmf_target_error(rig.target), "the target has not started");
	assert_int_equal(nvmf_target_stop(rig.target, 0), 0);
}

/* Built when there was no more than the NQN. */
static void a_program_built_with_an_older_header(void **state)
{
	rig.options.size = offsetof(struct nvmf_target_options, serial);
	rig.options.threads = 100000;
	rig.options.max_nsid = 0;
	rig_start(&rig);
}

static void names_are_derived_and_given(void **state)
{
	static const uint8_t uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	struct nvmf_ctrl_info info;
	struct nvmf_ctrl *ctrl;
	uint8_t list[4096];

	rig.options.model = "a model";
	rig.options.firmware = "0.0";
	rig.ns.uuid = uuid;
	rig_start(&rig);
	rig_drive(&rig);
	ctrl = rig_connect(&rig, 1);
	assert_int_equal(nvmf_ctrl_info(ctrl, &info), 0);
	assert_string_equal(info.model, "a model");
	assert_string_equal(info.firmware, "0.0");
	assert_int_equal(strlen(info.serial), 20);
	assert_int_equal(nvmf_ctrl_identify(ctrl, 3, 1, 0, list, NULL), 0);
	assert_non_null(memmem(list, sizeof(list), uuid, sizeof(uuid)));
	nvmf_ctrl_destroy(ctrl);
}

static void nothing_is_freed(void **state)
{
	nvmf_target_destroy(NULL);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(options_that_make_no_sense),
		CASE(namespaces_that_make_no_sense),
		CASE(addresses_that_do_not_work),
		CASE(nothing_is_added_once_it_serves),
		CASE(waiting_before_it_serves),
		CASE(a_program_built_with_an_older_header),
		CASE(names_are_derived_and_given),
		CASE(nothing_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
