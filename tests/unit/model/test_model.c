/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes: what each makes of the model, what is refused, and what is taken back. */
#include "../unit.h"

#include "model/internal.h"
#include "storage/backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORKERS 4
#define COMMANDS 100000
#define NQN "nqn.2026-11.org.example:one"
#define OTHER "nqn.2026-11.org.example:other"
#define HOST "nqn.2026-11.org.example:host"
#define GUEST "nqn.2026-11.org.example:guest"

static struct model model;
static unsigned int closed;

static void close_backend(struct backend *b)
{
	closed++;
}

static const struct backend_ops ops = { .close = close_backend };
static struct backend disk = { .ops = &ops, .info = { .size = 1 << 20, .block_size = 512 } };
static struct backend cached = { .ops = &ops, .info = { .size = 1 << 20, .block_size = 4096,
							.has_volatile_cache = true } };

static void add_subsystem(const char *nqn)
{
	struct subsystem_settings s;

	assert_int_equal(model_default_subsystem(&model, nqn, "1", &s), 0);
	assert_int_equal(model_add_subsystem(&model, &s), 0);
}

static int open_model(void **state)
{
	struct limits limits = { .nn = 8, .io_queues = 4 };

	closed = 0;
	assert_int_equal(model_open(&model, &limits, WORKERS), 0);
	add_subsystem(NQN);
	assert_int_equal(model_add_device(&model, "disk", "ramdisk:1M", &disk), 0);
	return 0;
}

static int close_model(void **state)
{
	model_close(&model);
	model_close(&model);		/* harmless */
	return 0;
}

static uint32_t add_namespace(const char *nqn, uint32_t nsid, const char *device, bool is_hidden)
{
	struct namespace_settings set = { .nsid = nsid, .device = device, .derives_id = true,
					  .is_hidden = is_hidden };

	assert_int_equal(model_add_namespace(&model, nqn, &set), 0);
	return set.nsid;
}

static struct subsystem *subsystem(const char *nqn)
{
	return snapshot_subsystem(model_snapshot(&model), nqn);
}

static const struct view *view(const char *hostnqn)
{
	return subsystem_view(subsystem(NQN), hostnqn);
}

static void assert_refused(int r, int error, const char *words)
{
	assert_int_equal(r, error);
	if (!strstr(model_error(&model), words))
		fail_msg("'%s' does not say '%s'", model_error(&model), words);
}

/* ---- namespaces ------------------------------------------------------------------------ */

static void test_namespaces_by_number(void **state)
{
	add_namespace(NQN, 1, "disk", false);
	add_namespace(NQN, 8, "disk", false);
	assert_ptr_equal(view_namespace(view(HOST), 1)->backend, &disk);
	assert_int_equal(view_namespace(view(HOST), 8)->blocks, 2048);
	assert_null(view_namespace(view(HOST), 0));
	assert_null(view_namespace(view(HOST), 2));
	assert_null(view_namespace(view(HOST), 9));
	assert_null(view_namespace(view(HOST), UINT32_MAX));
}

static void test_namespaces_in_order_however_they_came(void **state)
{
	static const uint32_t order[] = { 2, 3, 5, 8 };

	assert_int_equal(view_after(view(HOST), 0), 0);
	assert_int_equal(model_add_device(&model, "cached", NULL, &cached), 0);
	add_namespace(NQN, 5, "disk", false);
	add_namespace(NQN, 8, "disk", false);
	add_namespace(NQN, 2, "disk", false);
	assert_false(view(HOST)->has_volatile_cache);
	add_namespace(NQN, 3, "cached", false);
	assert_true(view(HOST)->has_volatile_cache);
	assert_int_equal(view(HOST)->count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(view(HOST)->in_order[i]->nsid, order[i]);
		assert_int_equal(view_after(view(HOST), order[i]), i + 1);
		assert_int_equal(view_after(view(HOST), order[i] - 1), i);
	}
	assert_int_equal(view_after(view(HOST), 6), 3);
	assert_int_equal(view_after(view(HOST), UINT32_MAX), 4);
}

static void test_the_lowest_number_that_is_free(void **state)
{
	struct namespace_settings set = { .device = "disk", .derives_id = true };

	assert_int_equal(add_namespace(NQN, 0, "disk", false), 1);
	assert_int_equal(add_namespace(NQN, 3, "disk", false), 3);
	assert_int_equal(add_namespace(NQN, 0, "disk", false), 2);
	for (uint32_t nsid = 4; nsid <= 8; nsid++)
		assert_int_equal(add_namespace(NQN, 0, "disk", false), nsid);
	assert_refused(model_add_namespace(&model, NQN, &set), -ENOSPC, "all 8");
	assert_int_equal(model_remove_namespace(&model, NQN, 6), 0);
	assert_int_equal(add_namespace(NQN, 0, "disk", false), 6);
}

static void test_namespaces_that_are_refused(void **state)
{
	struct namespace_settings set = { .nsid = 1, .device = "disk", .derives_id = true };
	struct namespace_settings above = { .nsid = 9, .device = "disk" };
	struct namespace_settings nowhere = { .nsid = 2, .device = "tape" };
	struct namespace_settings twin = { .nsid = 2, .device = "disk" };

	add_namespace(NQN, 1, "disk", false);
	assert_refused(model_add_namespace(&model, NQN, &set), -EEXIST, "a namespace 1 already");
	assert_refused(model_add_namespace(&model, OTHER, &set), -ENOENT, OTHER);
	assert_refused(model_add_namespace(&model, NQN_DISCOVERY, &set), -EINVAL, "discovery");
	assert_refused(model_add_namespace(&model, NQN, &above), -EINVAL, "above the highest, 8");
	assert_refused(model_add_namespace(&model, NQN, &nowhere), -ENOENT, "'tape'");
	memcpy(twin.id.uuid, view_namespace(view(HOST), 1)->id.uuid, 16);
	assert_refused(model_add_namespace(&model, NQN, &twin), -EEXIST, "same identifier");
	assert_refused(model_remove_namespace(&model, NQN, 2), -ENOENT, "no namespace 2");
	assert_int_equal(view(HOST)->count, 1);
}

static void test_identifiers_are_those_given_or_derived(void **state)
{
	struct namespace_settings exact = { .nsid = 1, .device = "disk", .id.uuid = { 7 } };
	struct namespace_settings derived = { .nsid = 2, .device = "disk", .id.uuid = { 8 },
					      .derives_id = true };
	static const uint8_t zeros[16];

	assert_int_equal(model_add_namespace(&model, NQN, &exact), 0);
	assert_int_equal(model_add_namespace(&model, NQN, &derived), 0);
	assert_int_equal(view_namespace(view(HOST), 1)->id.uuid[0], 7);
	assert_memory_equal(view_namespace(view(HOST), 1)->id.nguid, zeros, 16);
	assert_memory_equal(view_namespace(view(HOST), 1)->id.eui64, zeros, 8);
	assert_int_equal(view_namespace(view(HOST), 2)->id.uuid[0], 8);
	assert_memory_not_equal(view_namespace(view(HOST), 2)->id.nguid, zeros, 16);
	assert_memory_not_equal(view_namespace(view(HOST), 2)->id.eui64, zeros, 8);
}

static void test_hidden_namespaces_are_shown_to_some(void **state)
{
	add_namespace(NQN, 1, "disk", false);
	add_namespace(NQN, 2, "disk", true);
	assert_null(view_namespace(view(HOST), 2));
	assert_int_equal(view(HOST)->count, 1);
	assert_int_equal(model_show_namespace(&model, NQN, 2, HOST), 0);
	assert_non_null(view_namespace(view(HOST), 2));
	assert_int_equal(view(HOST)->count, 2);
	assert_null(view_namespace(view(GUEST), 2));
	assert_refused(model_show_namespace(&model, NQN, 2, HOST), -EEXIST, "sees namespace 2");
	assert_refused(model_show_namespace(&model, NQN, 1, HOST), -EINVAL, "every host");
	assert_refused(model_show_namespace(&model, NQN, 2, "wh\to"), -EINVAL, "control");
	assert_refused(model_hide_namespace(&model, NQN, 2, GUEST), -ENOENT, "does not see");
	assert_int_equal(model_hide_namespace(&model, NQN, 2, HOST), 0);
	assert_null(view_namespace(view(HOST), 2));
}

/* ---- devices --------------------------------------------------------------------------- */

static void test_a_device_is_closed_when_nothing_has_it(void **state)
{
	add_namespace(NQN, 1, "disk", false);
	add_namespace(NQN, 2, "disk", false);
	assert_refused(model_remove_device(&model, "disk"), -EBUSY, NQN);
	assert_int_equal(model_remove_namespace(&model, NQN, 1), 0);
	assert_refused(model_remove_device(&model, "disk"), -EBUSY, NQN);
	assert_int_equal(model_remove_namespace(&model, NQN, 2), 0);
	assert_int_equal(closed, 0);
	assert_int_equal(model_remove_device(&model, "disk"), 0);
	assert_int_equal(closed, 1);
	assert_refused(model_remove_device(&model, "disk"), -ENOENT, "'disk'");
}

static void test_names_of_devices(void **state)
{
	char much[300];

	memset(much, 'x', sizeof(much));
	much[256] = '\0';
	assert_string_equal(model_device_name(&model), "disk");
	assert_string_equal(snapshot_device(model_snapshot(&model), "disk")->text, "ramdisk:1M");
	assert_int_equal(model_add_device(&model, NULL, NULL, &disk), 0);
	assert_string_equal(model_device_name(&model), "device0");
	assert_int_equal(model_add_device(&model, NULL, NULL, &disk), 0);
	assert_string_equal(model_device_name(&model), "device1");
	assert_refused(model_add_device(&model, "disk", NULL, &disk), -EEXIST, "'disk'");
	assert_refused(model_add_device(&model, "", NULL, &disk), -EINVAL, "0 bytes");
	assert_refused(model_add_device(&model, "a\nb", NULL, &disk), -EINVAL, "control");
	assert_refused(model_add_device(&model, much, NULL, &disk), -EINVAL, "256 bytes");
	assert_int_equal(closed, 0);
}

/* A command that hangs keeps record and device, and nothing else waits for it. */
static void test_what_is_in_use_stays(void **state)
{
	struct ns_lane *lane;

	add_namespace(NQN, 1, "disk", false);
	lane = &view_namespace(view(HOST), 1)->lanes[WORKERS - 1];
	lane_enter(lane);
	lane_add(&lane->reads, 3);
	assert_int_equal(model_remove_namespace(&model, NQN, 1), 0);
	assert_int_equal(model_remove_device(&model, "disk"), 0);
	assert_int_equal(closed, 0);
	assert_int_equal(life_namespace_health(subsystem(NQN)->life, 1).reads, 3);
	lane_leave(lane);
	model_tend(&model);
	assert_int_equal(closed, 1);
	assert_int_equal(life_health(subsystem(NQN)->life).reads, 3);
}

static uint64_t size_now;

static int resize(struct backend *b, uint64_t bytes, uint64_t *now)
{
	if (bytes > 1 << 30)
		return -EFBIG;
	*now = bytes ? bytes : size_now;
	return 0;
}

static void test_namespaces_follow_their_device(void **state)
{
	const struct backend_ops growing = { .close = close_backend, .resize = resize };
	struct backend b = { .ops = &growing, .info = { .size = 1 << 20, .block_size = 512 } };
	struct ns_lane *lane;

	assert_int_equal(model_add_device(&model, "growing", NULL, &b), 0);
	add_namespace(NQN, 1, "growing", false);
	add_namespace(NQN, 2, "growing", true);
	add_namespace(NQN, 3, "disk", false);
	lane = &view_namespace(view(HOST), 1)->lanes[0];
	lane_enter(lane);
	lane_add(&lane->writes, 5);
	lane_time(lane, 7, 4);
	lane_time(lane, 7, 1);
	lane_add(&lane->read_ns, 60);
	lane_add(&lane->write_ns, 70);
	assert_int_equal(model_resize_device(&model, "growing", (2 << 20) + 511), 0);
	assert_int_equal(view_namespace(view(HOST), 1)->blocks, 4096);
	assert_int_equal(subsystem_place(subsystem(NQN), 2)->ns->blocks, 4096);
	assert_int_equal(view_namespace(view(HOST), 3)->blocks, 2048);
	lane_leave(lane);
	size_now = 512;
	assert_int_equal(model_resize_device(&model, "growing", 0), 0);
	assert_int_equal(view_namespace(view(HOST), 1)->blocks, 1);
	assert_int_equal(life_namespace_health(subsystem(NQN)->life, 1).writes, 5);
	assert_int_equal(life_namespace_health(subsystem(NQN)->life, 1).read_ns, 60);
	assert_int_equal(life_namespace_health(subsystem(NQN)->life, 1).write_ns, 70);
	assert_int_equal(life_namespace_latency(subsystem(NQN)->life, 1).counts[7], 5);
	assert_int_equal(life_namespace_latency(subsystem(NQN)->life, 1).counts[6], 0);
	assert_int_equal(life_namespace_latency(subsystem(NQN)->life, 2).counts[7], 0);
	size_now = 511;
	assert_refused(model_resize_device(&model, "growing", 0), -EINVAL, "less than one block");
	assert_refused(model_resize_device(&model, "growing", 2u << 30), -EFBIG, "too large");
	assert_refused(model_resize_device(&model, "disk", 0), -ENOTSUP, "'disk'");
	assert_refused(model_resize_device(&model, "tape", 0), -ENOENT, "'tape'");
	assert_int_equal(view_namespace(view(HOST), 1)->blocks, 1);
	model_close(&model);
	assert_int_equal(closed, 2);
}

/* ---- storage that loses what it is made smaller by -------------------------------------------- */

#define MIB (1u << 20)

static struct {
	struct backend base;
	uint64_t size;
	char bytes[4 * MIB];
} lossy;

static int resize_lossy(struct backend *b, uint64_t bytes, uint64_t *now)
{
	if (bytes > sizeof(lossy.bytes))
		return -ENOSPC;
	*now = bytes ? bytes : lossy.size;
	lossy.size = *now;
	memset(lossy.bytes + *now, 0, sizeof(lossy.bytes) - *now);
	return 0;
}

static void add_lossy(void)
{
	static const struct backend_ops lossy_ops = { .close = close_backend,
						      .resize = resize_lossy };

	lossy.base = (struct backend){ .ops = &lossy_ops,
				       .info = { .size = 2 * MIB, .block_size = 512 } };
	lossy.size = 2 * MIB;
	memset(lossy.bytes, 'x', 2 * MIB);
	assert_int_equal(model_add_device(&model, "lossy", NULL, &lossy.base), 0);
	add_namespace(NQN, 1, "lossy", false);
}

static void assert_lossy(uint64_t size, uint64_t data)
{
	assert_int_equal(lossy.size, size);
	assert_int_equal(strnlen(lossy.bytes, sizeof(lossy.bytes)), data);
}

static uint64_t blocks_of(uint32_t nsid)
{
	return subsystem_place(subsystem(NQN), nsid)->ns->blocks;
}

static void assert_as_it_was(void)
{
	assert_lossy(2 * MIB, 2 * MIB);
	assert_int_equal(lossy.base.info.size, 2 * MIB);
	assert_int_equal(blocks_of(1), 4096);
	add_namespace(NQN, 2, "lossy", false);
	assert_int_equal(blocks_of(2), 4096);
	assert_int_equal(model_remove_namespace(&model, NQN, 2), 0);
}

static void test_an_abort_gives_a_device_its_size_back(void **state)
{
	static const uint64_t sizes[][2] = {
		{ MIB, 0 }, { 3 * MIB, 0 }, { 3 * MIB, MIB }, { MIB, 3 * MIB },
		{ 4 * MIB, 3 * MIB }, { MIB, 2 * MIB },
	};

	add_lossy();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t wanted = sizes[i][1] ? sizes[i][1] : sizes[i][0];

		assert_int_equal(model_begin(&model), 0);
		assert_int_equal(model_resize_device(&model, "lossy", sizes[i][0]), 0);
		assert_int_equal(model_resize_device(&model, "lossy", sizes[i][1]), 0);
		assert_int_equal(blocks_of(1), wanted / 512);
		add_namespace(NQN, 3, "lossy", false);
		assert_int_equal(blocks_of(3), wanted / 512);
		assert_refused(model_remove_device(&model, "tape"), -ENOENT, "'tape'");
		model_abort(&model);
		assert_as_it_was();
	}
	assert_int_equal(model_begin(&model), 0);
	assert_int_equal(model_resize_device(&model, "lossy", MIB), 0);
	assert_int_equal(model_remove_namespace(&model, NQN, 1), 0);
	assert_int_equal(model_remove_device(&model, "lossy"), 0);
	model_abort(&model);
	assert_as_it_was();
	assert_refused(model_resize_device(&model, "lossy", 5 * MIB), -ENOSPC, "'lossy'");
	assert_as_it_was();
}

/* A runtime that looks at the storage while hosts are led from one end to the other. */
static int publish_result;
static struct ns_lane *reader;

static int publish(struct model_runtime *rt, const struct snapshot *last,
		   const struct snapshot *next, char *error, size_t error_size)
{
	const struct namespace *ns = subsystem_place(snapshot_subsystem(next, NQN), 1)->ns;

	assert_lossy(2 * MIB, 2 * MIB);
	assert_int_equal(ns->blocks, 2048);
	snprintf(error, error_size, "a worker hangs");
	return publish_result;
}

/* A command that had begun before: it has its data before the storage goes. */
static void pass_time(struct model_runtime *rt)
{
	assert_lossy(2 * MIB, 2 * MIB);
	lane_leave(reader);
}

static struct model_runtime watching = { .publish = publish, .pass_time = pass_time };

static void test_storage_shrinks_when_nobody_uses_what_it_loses(void **state)
{
	add_lossy();
	reader = &view_namespace(view(HOST), 1)->lanes[0];
	lane_enter(reader);
	model.runtime = &watching;
	publish_result = 0;
	assert_int_equal(model_resize_device(&model, "lossy", MIB), 0);
	assert_lossy(MIB, MIB);
	assert_int_equal(lossy.base.info.size, MIB);
	assert_int_equal(blocks_of(1), 2048);
	model.runtime = NULL;
	assert_int_equal(model_resize_device(&model, "lossy", 3 * MIB), 0);
	assert_lossy(3 * MIB, MIB);
	assert_int_equal(blocks_of(1), 6144);
}

static void test_storage_stays_where_a_worker_hangs(void **state)
{
	struct snapshot *last;

	add_lossy();
	last = model.current;
	model.runtime = &watching;
	publish_result = -ETIMEDOUT;
	assert_refused(model_resize_device(&model, "lossy", MIB), -ETIMEDOUT, "hangs");
	model.runtime = NULL;
	assert_lossy(2 * MIB, 2 * MIB);
	assert_int_equal(blocks_of(1), 2048);
	/* For ever the worker's; but here there is none. */
	snapshot_free(last, &model.retired);
}

/* ---- subsystems and hosts ---------------------------------------------------------------- */

static void test_settings_that_are_refused(void **state)
{
	struct subsystem_settings good, s;

	assert_int_equal(model_default_subsystem(&model, OTHER, "1", &good), 0);
	s = good, strcpy(s.nqn, "\xff");
	assert_refused(model_add_subsystem(&model, &s), -EINVAL, "UTF-8");
	s = good, strcpy(s.nqn, NQN);
	assert_refused(model_add_subsystem(&model, &s), -EEXIST, NQN);
	s = good, strcpy(s.nqn, NQN_DISCOVERY);
	assert_refused(model_add_subsystem(&model, &s), -EEXIST, NQN_DISCOVERY);
	s = good, s.serial[0] = '\0';
	assert_refused(model_add_subsystem(&model, &s), -EINVAL, "serial number is empty");
	s = good, s.model[0] = '\t';
	assert_refused(model_add_subsystem(&model, &s), -EINVAL, "the model");
	s = good, s.cntlid_first = 0;
	assert_refused(model_add_subsystem(&model, &s), -EINVAL, "from 0");
	s = good, s.cntlid_first = 9, s.cntlid_last = 8;
	assert_refused(model_add_subsystem(&model, &s), -EINVAL, "from 9 to 8");
	s = good, s.cntlid_last = 0xfff0;
	assert_refused(model_add_subsystem(&model, &s), -EINVAL, "65520");
	s = good, s.nn = 65536;
	assert_refused(model_add_subsystem(&model, &s), -EINVAL, "65536");
	s = good, s.io_queues = 5;
	assert_refused(model_add_subsystem(&model, &s), -EINVAL, "5 I/O queues");
	s = good, s.nn = s.io_queues = 0;
	assert_int_equal(model_add_subsystem(&model, &s), 0);
	assert_int_equal(subsystem(OTHER)->set.nn, 8);
	assert_int_equal(subsystem(OTHER)->set.io_queues, 4);
}

static void test_other_settings(void **state)
{
	struct subsystem_settings s;

	add_namespace(NQN, 5, "disk", false);
	s = subsystem(NQN)->set;
	strcpy(s.serial, "other");
	s.nn = 5;
	s.cntlid_first = 9;
	s.allows_any_host = false;
	assert_int_equal(model_change_subsystem(&model, &s), 0);
	assert_string_equal(subsystem(NQN)->set.serial, "other");
	assert_int_equal(subsystem(NQN)->set.cntlid_first, 9);
	assert_false(subsystem_allows(subsystem(NQN), HOST));
	assert_non_null(view_namespace(view(HOST), 5));
	s.nn = 4;
	assert_refused(model_change_subsystem(&model, &s), -EBUSY, "a namespace 5, above 4");
	s.nn = 0;
	s.cntlid_first = 0;
	assert_refused(model_change_subsystem(&model, &s), -EINVAL, "from 0");
	s.cntlid_first = 1;
	assert_int_equal(model_change_subsystem(&model, &s), 0);
	assert_int_equal(subsystem(NQN)->set.nn, 8);
	strcpy(s.nqn, OTHER);
	assert_refused(model_change_subsystem(&model, &s), -ENOENT, OTHER);
}

static void test_a_removed_subsystem_takes_all_along(void **state)
{
	struct port_settings port = { .address = "192.0.2.1", .service = 4420 };

	add_subsystem(OTHER);
	add_namespace(OTHER, 1, "disk", false);
	assert_int_equal(model_add_port(&model, &port), 0);
	assert_int_equal(model_link(&model, port.id, OTHER), 0);
	assert_int_equal(model_link(&model, port.id, NQN), 0);
	assert_int_equal(model_allow_host(&model, OTHER, HOST), 0);
	assert_int_equal(model_remove_subsystem(&model, OTHER), 0);
	assert_null(subsystem(OTHER));
	assert_int_equal(snapshot_port(model_snapshot(&model), port.id)->subsystems.count, 1);
	assert_int_equal(model_remove_device(&model, "disk"), 0);
	assert_refused(model_remove_subsystem(&model, OTHER), -ENOENT, OTHER);
	assert_refused(model_remove_subsystem(&model, NQN_DISCOVERY), -EINVAL, "discovery");
}

static void test_hosts_by_name_and_address(void **state)
{
	assert_true(subsystem_allows(subsystem(NQN), HOST));
	assert_int_equal(model_allow_any_host(&model, NQN, false), 0);
	assert_false(subsystem_allows(subsystem(NQN), HOST));
	assert_int_equal(model_allow_host(&model, NQN, HOST), 0);
	assert_true(subsystem_allows(subsystem(NQN), HOST));
	assert_false(subsystem_allows(subsystem(NQN), GUEST));
	assert_refused(model_allow_host(&model, NQN, HOST), -EEXIST, HOST);
	assert_refused(model_allow_host(&model, NQN, ""), -EINVAL, "empty");
	assert_refused(model_forbid_host(&model, NQN, GUEST), -ENOENT, GUEST);
	assert_int_equal(model_forbid_host(&model, NQN, HOST), 0);
	assert_false(subsystem_allows(subsystem(NQN), HOST));

	assert_true(subsystem_allows_address(subsystem(NQN), "203.0.113.1"));
	assert_int_equal(model_allow_address(&model, NQN, "192.0.2.0/24"), 0);
	assert_int_equal(model_allow_address(&model, NQN, "2001:db8::/32"), 0);
	assert_false(subsystem_allows_address(subsystem(NQN), "203.0.113.1"));
	assert_true(subsystem_allows_address(subsystem(NQN), "192.0.2.77"));
	assert_true(subsystem_allows_address(subsystem(NQN), "2001:db8::1"));
	assert_refused(model_allow_address(&model, NQN, "192.0.2.0/24"), -EEXIST, "192.0.2.0/24");
	assert_refused(model_allow_address(&model, NQN, "all"), -EINVAL, "'all'");
	assert_refused(model_forbid_address(&model, NQN, "192.0.2.0/25"), -ENOENT, "/25");
	assert_int_equal(model_forbid_address(&model, NQN, "192.0.2.0/24"), 0);
	assert_false(subsystem_allows_address(subsystem(NQN), "192.0.2.77"));
}

/* ---- ports and referrals ------------------------------------------------------------------ */

/* As a file's may, within one change. */
static void test_a_port_moves(void **state)
{
	struct port_settings set = { .has_id = true, .id = 0, .address = "192.0.2.1", .service = 4420 };
	uint64_t key;

	assert_int_equal(model_add_port(&model, &set), 0);
	assert_int_equal(set.id, 0);
	assert_refused(model_add_port(&model, &set), -EEXIST, "port 0");
	assert_int_equal(model_link(&model, 0, NQN), 0);
	key = snapshot_port(model_snapshot(&model), 0)->key;

	assert_int_equal(model_begin(&model), 0);
	assert_int_equal(model_remove_port(&model, 0), 0);
	set.address = "192.0.2.2";
	assert_int_equal(model_add_port(&model, &set), 0);
	model_abort(&model);
	assert_string_equal(snapshot_port_of(model_snapshot(&model), key)->address, "192.0.2.1");

	assert_int_equal(model_begin(&model), 0);
	assert_int_equal(model_remove_port(&model, 0), 0);
	assert_int_equal(model_add_port(&model, &set), 0);
	assert_int_equal(model_commit(&model), 0);
	assert_null(snapshot_port_of(model_snapshot(&model), key));
	assert_string_equal(snapshot_port(model_snapshot(&model), 0)->address, "192.0.2.2");
	assert_int_equal(snapshot_port(model_snapshot(&model), 0)->subsystems.count, 0);
}

static void test_ports_and_links(void **state)
{
	struct port_settings any = { .address = "::", .service = 4420 };
	struct port_settings one = { .has_id = true, .id = 7, .address = "192.0.2.1", .service = 4420 };
	struct port_settings bad = { .address = "localhost" };
	const struct port *p;

	assert_int_equal(model_add_port(&model, &any), 0);
	assert_int_equal(any.id, 1);
	assert_int_equal(model_add_port(&model, &one), 0);
	assert_refused(model_add_port(&model, &one), -EEXIST, "port 7");
	assert_refused(model_add_port(&model, &bad), -EINVAL, "'localhost'");
	p = snapshot_port(model_snapshot(&model), 1);
	assert_true(p->is_any && p->is_ipv6);
	assert_false(port_serves(p, subsystem(NQN)));
	assert_int_equal(model_link(&model, 1, NQN), 0);
	assert_true(port_serves(snapshot_port(model_snapshot(&model), 1), subsystem(NQN)));
	assert_refused(model_link(&model, 1, NQN), -EEXIST, "already");
	assert_refused(model_link(&model, 2, NQN), -ENOENT, "port 2");
	assert_refused(model_link(&model, 7, OTHER), -ENOENT, OTHER);
	assert_refused(model_unlink(&model, 7, NQN), -ENOENT, "does not serve");
	assert_int_equal(model_unlink(&model, 1, NQN), 0);
	assert_int_equal(model_remove_port(&model, 1), 0);
	assert_refused(model_remove_port(&model, 1), -ENOENT, "port 1");
}

static void test_referrals(void **state)
{
	struct referral_settings r = { .address = "192.0.2.9", .service = 8009, .port_id = 3 };
	struct referral_settings none = { .address = "192.0.2.9" };
	const struct referral *made;

	assert_int_equal(model_add_referral(&model, &r), 0);
	made = model_snapshot(&model)->referrals.at[0];
	assert_string_equal(made->nqn, NQN_DISCOVERY);
	assert_int_equal(made->port_id, 3);
	assert_refused(model_add_referral(&model, &r), -EEXIST, "192.0.2.9 port 8009");
	assert_refused(model_add_referral(&model, &none), -EINVAL, "port 0");
	assert_refused(model_remove_referral(&model, "192.0.2.9", 8010), -ENOENT, "port 8010");
	assert_int_equal(model_remove_referral(&model, "192.0.2.9", 8009), 0);
	assert_int_equal(model_snapshot(&model)->referrals.count, 0);
}

/* ---- several changes at once ----------------------------------------------------------------- */

static void test_nobody_sees_what_is_not_committed(void **state)
{
	const struct snapshot *before = model.current;

	assert_int_equal(model_begin(&model), 0);
	assert_refused(model_begin(&model), -EBUSY, "has begun");
	add_subsystem(OTHER);
	add_namespace(OTHER, 1, "disk", false);
	assert_non_null(subsystem(OTHER));
	assert_ptr_equal(model.current, before);
	assert_null(snapshot_subsystem(model.current, OTHER));
	assert_int_equal(model_commit(&model), 0);
	assert_non_null(snapshot_subsystem(model.current, OTHER));
	assert_int_equal(model_commit(&model), -EINVAL);
}

static void test_an_abort_takes_everything_back(void **state)
{
	struct backend mine = disk;
	uint64_t generation = model.current->generation;

	add_namespace(NQN, 1, "disk", false);
	assert_int_equal(model_begin(&model), 0);
	assert_int_equal(model_add_device(&model, "mine", NULL, &mine), 0);
	add_namespace(NQN, 2, "mine", false);
	assert_int_equal(model_remove_namespace(&model, NQN, 1), 0);
	assert_int_equal(model_allow_any_host(&model, NQN, false), 0);
	add_subsystem(OTHER);
	assert_refused(model_link(&model, 1, NQN), -ENOENT, "port 1");
	model_abort(&model);
	assert_int_equal(closed, 1);
	assert_non_null(view_namespace(view(HOST), 1));
	assert_null(view_namespace(view(HOST), 2));
	assert_null(subsystem(OTHER));
	assert_true(subsystem_allows(subsystem(NQN), HOST));
	assert_int_equal(model.current->generation, generation);
}

static void test_the_generation_counts_what_discovery_shows(void **state)
{
	uint64_t before = model.current->generation;
	struct subsystem_settings s;

	add_namespace(NQN, 1, "disk", false);
	s = subsystem(NQN)->set;
	strcpy(s.serial, "other");
	assert_int_equal(model_change_subsystem(&model, &s), 0);
	assert_int_equal(model.current->generation, before);
	add_subsystem(OTHER);
	assert_int_equal(model.current->generation, before + 1);
	assert_int_equal(model_begin(&model), 0);
	assert_int_equal(model_allow_host(&model, NQN, HOST), 0);
	assert_int_equal(model_remove_subsystem(&model, OTHER), 0);
	assert_int_equal(model_commit(&model), 0);
	assert_int_equal(model.current->generation, before + 2);
	s.allows_any_host = false;
	assert_int_equal(model_change_subsystem(&model, &s), 0);
	assert_int_equal(model.current->generation, before + 3);
}

/* ---- counters ------------------------------------------------------------------------------ */

static void *work(void *argument)
{
	struct ns_lane *l = argument;

	for (uint64_t i = 0; i < COMMANDS; i++) {
		lane_enter(l);
		lane_add(&l->reads, 1);
		lane_add(&l->writes, 2);
		lane_add(&l->sectors_read, 8);
		lane_add(&l->sectors_written, i);
		lane_leave(l);
	}
	return NULL;
}

static void test_health_is_the_sum_and_exact(void **state)
{
	struct health_total t, last = { 0 };
	pthread_t threads[WORKERS];
	struct namespace *ns;

	add_namespace(NQN, 1, "disk", false);
	ns = view_namespace(view(HOST), 1);
	for (unsigned int i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, work, &ns->lanes[i]);
	for (int i = 0; i < 1000; i++) {	/* read meanwhile: it only grows */
		t = life_health(subsystem(NQN)->life);
		assert_true(t.reads >= last.reads && t.sectors_written >= last.sectors_written);
		last = t;
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(model_remove_namespace(&model, NQN, 1), 0);
	t = life_health(subsystem(NQN)->life);
	assert_int_equal(t.reads, WORKERS * COMMANDS);
	assert_int_equal(t.writes, 2 * WORKERS * COMMANDS);
	assert_int_equal(t.sectors_read, 8 * WORKERS * COMMANDS);
	assert_int_equal(t.sectors_written,
			 WORKERS * (uint64_t)COMMANDS * (COMMANDS - 1) / 2);
}

/* No two workers write to one line. */
static void test_each_worker_has_a_line_of_its_own(void **state)
{
	add_namespace(NQN, 1, "disk", false);
	assert_int_equal(sizeof(struct ns_lane) % 64, 0);
	assert_int_equal((uintptr_t)view_namespace(view(HOST), 1)->lanes % 64, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_model, close_model)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_namespaces_by_number),
		CASE(test_namespaces_in_order_however_they_came),
		CASE(test_the_lowest_number_that_is_free),
		CASE(test_namespaces_that_are_refused),
		CASE(test_identifiers_are_those_given_or_derived),
		CASE(test_hidden_namespaces_are_shown_to_some),
		CASE(test_a_device_is_closed_when_nothing_has_it),
		CASE(test_names_of_devices),
		CASE(test_what_is_in_use_stays),
		CASE(test_namespaces_follow_their_device),
		CASE(test_an_abort_gives_a_device_its_size_back),
		CASE(test_storage_shrinks_when_nobody_uses_what_it_loses),
		CASE(test_storage_stays_where_a_worker_hangs),
		CASE(test_settings_that_are_refused),
		CASE(test_other_settings),
		CASE(test_a_removed_subsystem_takes_all_along),
		CASE(test_hosts_by_name_and_address),
		CASE(test_a_port_moves),
		CASE(test_ports_and_links),
		CASE(test_referrals),
		CASE(test_nobody_sees_what_is_not_committed),
		CASE(test_an_abort_takes_everything_back),
		CASE(test_the_generation_counts_what_discovery_shows),
		CASE(test_health_is_the_sum_and_exact),
		CASE(test_each_worker_has_a_line_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
