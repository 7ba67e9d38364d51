/* SPDX-License-Identifier: BSD-2-Clause */
/* The model changes while hosts are there: what they are told, and who has to go. */
#include "rig.h"

#include <pthread.h>
#include <unistd.h>

#define GUEST "nqn.2026-11.org.example:guest"
#define NAMESPACES 0x100u		/* of feature 0Bh */
#define DISCOVERY 0x80000000u
#define NS_EVENT NVME_EVENT(2, 0, NVME_LOG_CHANGED_NS)
#define DISCOVERY_EVENT NVME_EVENT(2, 0xf0, NVME_LOG_DISCOVERY)
#define MUCH NVME_CHANGED_NS_MAX

static struct rig rig;
static struct rig_host admin, io, other;

/* ---- the model's side ------------------------------------------------------------------- */

static void add_hidden(uint32_t nsid, bool is_hidden)
{
	struct namespace_settings set = { .nsid = nsid, .device = "storage", .derives_id = true,
					  .is_hidden = is_hidden };

	assert_int_equal(model_add_namespace(&rig.model, RIG_NQN, &set), 0);
}

static void add_ns(uint32_t nsid)
{
	add_hidden(nsid, false);
}

static void remove_ns(uint32_t nsid)
{
	assert_int_equal(model_remove_namespace(&rig.model, RIG_NQN, nsid), 0);
}

/* ---- a host's side ------------------------------------------------------------------------ */

static void configure(struct rig_host *h, uint32_t value)
{
	struct nvme_sqe sqe = sqe_of(NVME_ADMIN_SET_FEATURES, 0);

	sqe.cdw10 = le32_of(NVME_FEAT_ASYNC_EVENT);
	sqe.cdw11 = le32_of(value);
	assert_int_equal(host_run(h, &sqe, NULL, 0), 0);
}

static struct capsule *ask_for_event(struct rig_host *h)
{
	struct nvme_sqe sqe = sqe_of(NVME_ADMIN_ASYNC_EVENT, 0);

	return host_submit(h, &sqe, NULL, 0);
}

/* After whatever the controller had sent before. */
static bool has_come(struct rig_host *h, const struct capsule *c)
{
	host_read_csts(h);
	return h->has_ended[c - h->capsules];
}

static void assert_event(struct rig_host *h, struct capsule *c, uint32_t dw0)
{
	assert_int_equal(host_wait(h, c), 0);
	assert_int_equal(c->dw0, dw0);
}

static uint16_t get_log(struct rig_host *h, uint8_t lid, bool retain, void *data, uint32_t length)
{
	struct nvme_sqe sqe = sqe_of(NVME_ADMIN_GET_LOG_PAGE, 0);

	sqe.cdw10 = le32_of(lid | (retain ? NVME_LOG_RAE : 0) | (length / 4 - 1) << 16);
	return host_run(h, &sqe, data, length);
}

/* The list is this, ended by 0. */
static void assert_changed(struct rig_host *h, bool retain, const uint32_t *expected)
{
	static le32 list[MUCH];
	unsigned int i = 0;

	assert_int_equal(get_log(h, NVME_LOG_CHANGED_NS, retain, list, sizeof(list)), 0);
	do
		assert_int_equal(le32_get(list[i]), expected[i]);
	while (expected[i++]);
}

#define CHANGED(...) ((const uint32_t[]){ __VA_ARGS__, 0 })

static uint16_t read_ns(struct rig_host *h, uint32_t nsid, uint64_t lba)
{
	struct nvme_sqe sqe = sqe_io(NVME_IO_READ, 1, false);
	static uint8_t data[512];

	sqe.nsid = le32_of(nsid);
	sqe.cdw10 = le32_of((uint32_t)lba);
	return host_run(h, &sqe, data, sizeof(data)) & (uint16_t)~NVME_DNR;
}

static void open_all(uint32_t events)
{
	uint16_t cntlid;

	rig_open(&rig, NULL);
	cntlid = host_enable(&admin, &rig, 0, 2);
	configure(&admin, events);
	host_connect_io(&io, &rig, cntlid, 1);		/* on the other worker */
}

static void close_all(void)
{
	host_close(&admin);
	host_close(&io);
	rig_close(&rig);
}

/* ---- namespaces ---------------------------------------------------------------------------- */

static void test_a_namespace_comes_grows_and_goes(void **state)
{
	struct capsule *event;

	open_all(NAMESPACES);
	assert_int_equal(read_ns(&io, 2, 0), NVME_INVALID_NAMESPACE);
	event = ask_for_event(&admin);
	add_ns(2);
	assert_event(&admin, event, NS_EVENT);
	assert_int_equal(read_ns(&io, 2, 0), 0);
	assert_changed(&admin, false, CHANGED(2));
	assert_changed(&admin, false, CHANGED(0));

	event = ask_for_event(&admin);
	assert_int_equal(read_ns(&io, 2, RIG_BLOCKS), NVME_LBA_OUT_OF_RANGE);
	assert_int_equal(model_resize_device(&rig.model, "storage", RIG_BLOCKS * 1024), 0);
	assert_event(&admin, event, NS_EVENT);
	assert_int_equal(read_ns(&io, 2, RIG_BLOCKS), 0);
	assert_changed(&admin, false, CHANGED(1, 2));

	event = ask_for_event(&admin);
	remove_ns(2);
	assert_event(&admin, event, NS_EVENT);
	assert_int_equal(read_ns(&io, 2, 0), NVME_INVALID_NAMESPACE);
	assert_int_equal(read_ns(&io, 1, 0), 0);
	assert_changed(&admin, false, CHANGED(2));
	close_all();
}

static void test_an_event_is_told_once_until_its_log_is_read(void **state)
{
	struct capsule *event, *next;

	open_all(NAMESPACES);
	event = ask_for_event(&admin);
	next = ask_for_event(&admin);
	add_ns(2);
	/* Which of the requests is answered is ours to choose. */
	host_read_csts(&admin);
	assert_true(has_come(&admin, event) != has_come(&admin, next));
	add_ns(3);
	assert_true(has_come(&admin, event) != has_come(&admin, next));
	assert_changed(&admin, true, CHANGED(2, 3));
	add_ns(4);
	assert_true(has_come(&admin, event) != has_come(&admin, next));
	assert_changed(&admin, false, CHANGED(2, 3, 4));
	assert_true(has_come(&admin, event) != has_come(&admin, next));
	remove_ns(3);
	assert_true(has_come(&admin, event) && has_come(&admin, next));
	assert_changed(&admin, false, CHANGED(3));
	close_all();
}

/* More than the list can hold, or than it had room for when it began. */
static void test_much_that_has_changed(void **state)
{
	struct subsystem_settings set;
	static le32 list[MUCH];

	open_all(NAMESPACES);
	add_ns(2);
	set = snapshot_subsystem(rig.model.current, RIG_NQN)->set;
	set.nn = 2000;
	assert_int_equal(model_change_subsystem(&rig.model, &set), 0);
	add_ns(1999);
	assert_changed(&admin, false, CHANGED(0xffffffff));
	add_ns(1998);
	assert_changed(&admin, false, CHANGED(1998));
	assert_int_equal(model_begin(&rig.model), 0);
	for (uint32_t nsid = 100; nsid < 100 + MUCH; nsid++)
		add_ns(nsid);
	assert_int_equal(model_commit(&rig.model), 0);
	assert_int_equal(get_log(&admin, NVME_LOG_CHANGED_NS, true, list, sizeof(list)), 0);
	assert_int_equal(le32_get(list[0]), 100);
	assert_int_equal(le32_get(list[MUCH - 1]), 100 + MUCH - 1);
	add_ns(3);
	assert_changed(&admin, false, CHANGED(0xffffffff));
	close_all();
}

static void test_an_event_waits_for_a_request(void **state)
{
	struct capsule *event;

	open_all(NAMESPACES);
	add_ns(2);
	add_ns(3);
	event = ask_for_event(&admin);
	assert_event(&admin, event, NS_EVENT);
	assert_false(has_come(&admin, ask_for_event(&admin)));
	assert_changed(&admin, false, CHANGED(2, 3));
	close_all();
}

static void test_what_was_read_is_told_no_more(void **state)
{
	open_all(NAMESPACES);
	add_ns(2);
	assert_changed(&admin, false, CHANGED(2));
	assert_false(has_come(&admin, ask_for_event(&admin)));
	close_all();
}

static void test_no_event_that_was_not_asked_for(void **state)
{
	struct capsule *event;

	open_all(0);
	event = ask_for_event(&admin);
	add_ns(2);
	assert_false(has_come(&admin, event));
	configure(&admin, NAMESPACES);
	assert_false(has_come(&admin, event));
	assert_changed(&admin, false, CHANGED(2));
	add_ns(3);
	assert_event(&admin, event, NS_EVENT);
	close_all();
}

static void test_a_reset_forgets(void **state)
{
	rig_open(&rig, NULL);
	host_enable(&admin, &rig, 0, 2);
	configure(&admin, NAMESPACES);
	add_ns(2);
	host_write_cc(&admin, RIG_CC_OFF);
	host_await_csts(&admin, 0);
	host_write_cc(&admin, RIG_CC);
	host_await_csts(&admin, NVME_CSTS_RDY);
	configure(&admin, NAMESPACES);
	assert_false(has_come(&admin, ask_for_event(&admin)));
	assert_changed(&admin, false, CHANGED(0));
	host_close(&admin);
	rig_close(&rig);
}

static uint32_t first_active(struct rig_host *h, uint32_t after)
{
	struct nvme_sqe sqe = sqe_of(NVME_ADMIN_IDENTIFY, after);
	static le32 list[NVME_IDENTIFY_SIZE / 4];

	sqe.cdw10 = le32_of(NVME_CNS_ACTIVE_LIST);
	assert_int_equal(host_run(h, &sqe, list, sizeof(list)), 0);
	return le32_get(list[0]);
}

static _Atomic bool has_removed;

static void *remove_first(void *argument)
{
	remove_ns(1);
	has_removed = true;
	return NULL;
}

static void test_a_removal_waits_for_what_is_under_way(void **state)
{
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 8, false);
	static uint8_t data[4096];
	struct capsule *held;
	pthread_t thread;

	open_all(0);
	rig_hold(&rig);
	held = host_submit(&io, &read, data, sizeof(data));
	rig_await_held(&rig, 1);
	assert_int_equal(pthread_create(&thread, NULL, remove_first, NULL), 0);
	/* Each worker in its turn; what is beyond the end does not come to the storage. */
	while (first_active(&admin, 0))
		;
	while (read_ns(&io, 1, RIG_BLOCKS) != NVME_INVALID_NAMESPACE)
		usleep(10000);
	assert_false(has_removed);
	rig_release(&rig);
	assert_int_equal(host_wait(&io, held), 0);
	pthread_join(thread, NULL);
	assert_true(list_is_empty(&rig.model.retired));
	close_all();
}

/* ---- visibility ------------------------------------------------------------------------------ */

static void open_guest(struct rig_host *h)
{
	struct host_connect how = { .hostnqn = GUEST };

	host_open(h, &rig, 1);
	assert_int_equal(host_wait(h, host_submit_connect(h, &how)), 0);
	host_write_cc(h, RIG_CC);
	configure(h, NAMESPACES);
}

static void test_a_hidden_namespace_is_for_those_who_see_it(void **state)
{
	struct capsule *ours, *theirs;

	open_all(NAMESPACES);
	open_guest(&other);
	ours = ask_for_event(&admin);
	theirs = ask_for_event(&other);
	add_hidden(5, true);
	assert_false(has_come(&admin, ours) || has_come(&other, theirs));
	assert_int_equal(model_show_namespace(&rig.model, RIG_NQN, 5, RIG_HOSTNQN), 0);
	assert_event(&admin, ours, NS_EVENT);
	assert_false(has_come(&other, theirs));
	assert_int_equal(first_active(&admin, 1), 5);
	assert_int_equal(first_active(&other, 1), 0);
	assert_int_equal(read_ns(&io, 5, 0), 0);
	assert_changed(&admin, false, CHANGED(5));
	assert_int_equal(model_hide_namespace(&rig.model, RIG_NQN, 5, RIG_HOSTNQN), 0);
	assert_int_equal(read_ns(&io, 5, 0), NVME_INVALID_NAMESPACE);
	assert_changed(&admin, false, CHANGED(5));
	host_close(&other);
	close_all();
}

/* ---- who has to go ---------------------------------------------------------------------------- */

static uint16_t connect_status(const struct host_connect *how)
{
	uint16_t status;

	host_open(&other, &rig, 1);
	status = host_wait(&other, host_submit_connect(&other, how));
	host_close(&other);
	return status;
}

static void assert_all_end(const char *reason)
{
	assert_true(host_sees_end(&admin, RIG_PATIENCE_MS));
	assert_true(host_sees_end(&io, RIG_PATIENCE_MS));
	rig_await_controllers(&rig, 0);
	assert_true(rig_has_said(&rig, reason));
}

static void test_a_host_that_is_not_allowed(void **state)
{
	const struct host_connect me = { 0 }, guest = { .hostnqn = GUEST };
	struct capsule *event;

	open_all(NAMESPACES);
	event = ask_for_event(&admin);
	assert_int_equal(model_allow_host(&rig.model, RIG_NQN, RIG_HOSTNQN), 0);
	assert_int_equal(model_allow_any_host(&rig.model, RIG_NQN, false), 0);
	assert_int_equal(read_ns(&io, 1, 0), 0);
	assert_int_equal(connect_status(&guest), NVME_CONNECT_INVALID_HOST);
	assert_int_equal(model_forbid_host(&rig.model, RIG_NQN, RIG_HOSTNQN), 0);
	assert_int_equal(host_wait(&admin, event), NVME_ABORTED_SQ_DELETION);
	assert_all_end("its host is not allowed any more");
	assert_int_equal(connect_status(&me), NVME_CONNECT_INVALID_HOST);
	assert_int_equal(model_allow_any_host(&rig.model, RIG_NQN, true), 0);
	assert_int_equal(connect_status(&me), 0);
	close_all();
}

static void test_an_address_that_is_not_allowed(void **state)
{
	const struct host_connect me = { 0 };

	open_all(0);
	assert_int_equal(model_allow_address(&rig.model, RIG_NQN, "127.0.0.0/8"), 0);
	assert_int_equal(read_ns(&io, 1, 0), 0);
	assert_int_equal(model_begin(&rig.model), 0);
	assert_int_equal(model_forbid_address(&rig.model, RIG_NQN, "127.0.0.0/8"), 0);
	assert_int_equal(model_allow_address(&rig.model, RIG_NQN, "192.0.2.0/24"), 0);
	assert_int_equal(model_commit(&rig.model), 0);
	assert_all_end("its host is not allowed any more");
	assert_int_equal(connect_status(&me), NVME_CONNECT_INVALID_HOST);
	close_all();
}

static void test_a_port_that_is_closed(void **state)
{
	open_all(0);
	host_open(&other, &rig, 0);		/* it has not said who it is */
	assert_int_equal(model_remove_port(&rig.model, rig.port_id), 0);
	assert_true(host_sees_end(&other, RIG_PATIENCE_MS));
	assert_all_end("its port was closed");
	host_close(&other);
	close_all();
}

static void test_a_link_that_is_cut(void **state)
{
	const struct host_connect me = { 0 };

	open_all(0);
	assert_int_equal(model_unlink(&rig.model, rig.port_id, RIG_NQN), 0);
	assert_all_end("does not serve the subsystem any more");
	assert_int_equal(connect_status(&me), NVME_CONNECT_INVALID_PARAMETERS);
	close_all();
}

static void test_a_subsystem_that_is_removed(void **state)
{
	open_all(0);
	assert_int_equal(model_remove_subsystem(&rig.model, RIG_NQN), 0);
	/* It has waited for them. */
	assert_int_equal(registry_count(&rig.target.registry), 0);
	assert_all_end("its subsystem was removed");
	close_all();
}

static void add_fencing(const char *nqn)
{
	struct subsystem_settings set;

	assert_int_equal(model_default_subsystem(&rig.model, nqn, "1", &set), 0);
	set.second = SECOND_FENCES;
	set.cntlid_first = set.cntlid_last = 7;
	assert_int_equal(model_add_subsystem(&rig.model, &set), 0);
	assert_int_equal(model_link(&rig.model, rig.port_id, nqn), 0);
}

static void test_a_second_connection_fences_the_first(void **state)
{
	const char *nqn = "nqn.2026-11.org.example:fencing";
	const struct host_connect me = { .subnqn = nqn };
	static struct rig_host again;

	open_all(0);
	add_fencing(nqn);
	host_open(&other, &rig, 1);
	assert_int_equal(host_wait(&other, host_submit_connect(&other, &me)), 0);
	host_open(&again, &rig, 0);
	assert_int_equal(host_wait(&again, host_submit_connect(&again, &me)), 0);
	assert_true(host_sees_end(&other, RIG_PATIENCE_MS));
	assert_true(rig_has_said(&rig, "its host has connected once more"));
	/* ... and nobody else. */
	assert_int_equal(read_ns(&io, 1, 0), 0);
	host_close(&again);
	host_close(&other);
	close_all();
}

/* ---- discovery --------------------------------------------------------------------------------- */

/* Beside the one of the service itself. */
static uint64_t entries(bool retain)
{
	static struct nvmf_discovery_header header;

	assert_int_equal(get_log(&admin, NVME_LOG_DISCOVERY, retain, &header, sizeof(header)), 0);
	return le64_get(header.numrec) - 1;
}

static void add_subsystem(const char *nqn, bool any)
{
	struct subsystem_settings set;

	assert_int_equal(model_begin(&rig.model), 0);
	assert_int_equal(model_default_subsystem(&rig.model, nqn, "1", &set), 0);
	set.allows_any_host = any;
	assert_int_equal(model_add_subsystem(&rig.model, &set), 0);
	assert_int_equal(model_link(&rig.model, rig.port_id, nqn), 0);
	assert_int_equal(model_commit(&rig.model), 0);
}

static void test_discovery_is_told_of_what_it_shows(void **state)
{
	const char *nqn = "nqn.2026-11.org.example:two", *closed = "nqn.2026-11.org.example:three";
	struct host_connect how = { .subnqn = NQN_DISCOVERY, .kato = 60000 };
	struct capsule *event;

	rig_open(&rig, NULL);
	host_open(&admin, &rig, 0);
	assert_int_equal(host_wait(&admin, host_submit_connect(&admin, &how)), 0);
	host_write_cc(&admin, RIG_CC);
	configure(&admin, DISCOVERY);
	assert_int_equal(entries(false), 1);
	event = ask_for_event(&admin);
	add_subsystem(closed, false);		/* not for this host */
	add_ns(2);
	assert_false(has_come(&admin, event));
	add_subsystem(nqn, true);
	assert_event(&admin, event, DISCOVERY_EVENT);
	assert_int_equal(entries(true), 2);

	/* It has changed again when the log is read that the event was about. */
	event = ask_for_event(&admin);
	assert_int_equal(model_allow_host(&rig.model, closed, RIG_HOSTNQN), 0);
	assert_false(has_come(&admin, event));
	assert_int_equal(entries(false), 3);
	assert_false(has_come(&admin, event));
	assert_int_equal(model_remove_subsystem(&rig.model, nqn), 0);
	assert_event(&admin, event, DISCOVERY_EVENT);
	assert_int_equal(entries(false), 2);
	host_close(&admin);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_namespace_comes_grows_and_goes),
		cmocka_unit_test(test_an_event_is_told_once_until_its_log_is_read),
		cmocka_unit_test(test_much_that_has_changed),
		cmocka_unit_test(test_an_event_waits_for_a_request),
		cmocka_unit_test(test_what_was_read_is_told_no_more),
		cmocka_unit_test(test_no_event_that_was_not_asked_for),
		cmocka_unit_test(test_a_reset_forgets),
		cmocka_unit_test(test_a_removal_waits_for_what_is_under_way),
		cmocka_unit_test(test_a_hidden_namespace_is_for_those_who_see_it),
		cmocka_unit_test(test_a_host_that_is_not_allowed),
		cmocka_unit_test(test_an_address_that_is_not_allowed),
		cmocka_unit_test(test_a_port_that_is_closed),
		cmocka_unit_test(test_a_link_that_is_cut),
		cmocka_unit_test(test_a_subsystem_that_is_removed),
		cmocka_unit_test(test_a_second_connection_fences_the_first),
		cmocka_unit_test(test_discovery_is_told_of_what_it_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
