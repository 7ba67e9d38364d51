/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller's life: CC and CSTS, keep alive, what ends while something else
 * is under way. */
#include "rig.h"

#include <unistd.h>

static struct rig rig;
static struct rig_host admin, io, other;

/* ---- CC and CSTS ---------------------------------------------------------------------- */

static void test_a_shutdown_while_disabled_completes_and_stays(void **state)
{
	rig_open(&rig, NULL);
	host_connect_admin(&admin, &rig, 0);
	host_write_cc(&admin, RIG_CC_OFF | RIG_SHN);
	host_await_csts(&admin, NVME_CSTS_SHST_COMPLETE);
	host_write_cc(&admin, RIG_CC);
	host_await_csts(&admin, NVME_CSTS_RDY);
	host_close(&admin);
	rig_close(&rig);
}

/* A reset that waits for a command at the storage. */
static void start_reset(const struct rig_settings *settings)
{
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 8, false);
	static uint8_t data[4096];
	uint16_t cntlid;

	rig_open(&rig, settings);
	cntlid = host_enable(&admin, &rig, 0, 2);
	host_connect_io(&io, &rig, cntlid, 1);
	rig_hold(&rig);
	host_submit(&io, &read, data, sizeof(data));
	rig_await_held(&rig, 1);
	host_write_cc(&admin, RIG_CC_OFF);
}

static void test_a_shutdown_during_a_reset_is_not_forgotten(void **state)
{
	start_reset(NULL);
	assert_int_equal(host_read_csts(&admin), NVME_CSTS_RDY);
	host_write_cc(&admin, RIG_CC_OFF | RIG_SHN);
	rig_release(&rig);
	host_await_csts(&admin, NVME_CSTS_SHST_COMPLETE);
	host_close(&admin);
	host_close(&io);
	rig_close(&rig);
}

static void test_enable_during_a_reset_comes_after_it(void **state)
{
	start_reset(NULL);
	host_write_cc(&admin, RIG_CC);
	rig_release(&rig);
	rig_await_queues(&rig, 1);
	host_await_csts(&admin, NVME_CSTS_RDY);
	host_close(&admin);
	host_close(&io);
	rig_close(&rig);
}

/* ---- Number of Queues -------------------------------------------------------------------- */

static uint16_t set_queues(struct rig_host *h)
{
	struct nvme_sqe sqe = sqe_of(NVME_ADMIN_SET_FEATURES, 0);

	sqe.cdw10 = le32_of(NVME_FEAT_QUEUES);
	return host_run(h, &sqe, NULL, 0) & ~NVME_DNR;
}

static void test_number_of_queues_is_settled_by_the_first_until_a_reset(void **state)
{
	struct nvme_sqe end = sqe_disconnect();
	uint16_t cntlid;

	rig_open(&rig, NULL);
	cntlid = host_enable(&admin, &rig, 0, 2);
	assert_int_equal(set_queues(&admin), 0);
	host_connect_io(&io, &rig, cntlid, 1);
	assert_int_equal(set_queues(&admin), NVME_COMMAND_SEQUENCE_ERROR);
	assert_int_equal(host_run(&io, &end, NULL, 0), 0);
	rig_await_queues(&rig, 1);
	assert_int_equal(set_queues(&admin), NVME_COMMAND_SEQUENCE_ERROR);
	host_write_cc(&admin, RIG_CC_OFF);
	host_await_csts(&admin, 0);
	host_write_cc(&admin, RIG_CC);
	assert_int_equal(set_queues(&admin), 0);
	host_close(&admin);
	host_close(&io);
	rig_close(&rig);
}

/* ---- time --------------------------------------------------------------------------------- */

static void test_keep_alive_runs_again_after_a_shutdown_and_a_reset(void **state)
{
	rig_open(&rig, NULL);
	host_enable(&admin, &rig, 300, 2);
	host_write_cc(&admin, RIG_CC | RIG_SHN);
	host_await_csts(&admin, NVME_CSTS_RDY | NVME_CSTS_SHST_COMPLETE);
	assert_false(host_sees_end(&admin, 700));	/* stopped by the shutdown */
	host_write_cc(&admin, RIG_CC_OFF);
	host_await_csts(&admin, 0);
	host_write_cc(&admin, RIG_CC);
	assert_true(host_sees_end(&admin, 3000));
	assert_true(rig_has_said(&rig, "silent"));
	host_close(&admin);
	rig_close(&rig);
}

static void nap_on_worker(void *argument)
{
	usleep(450000);
}

static void *nap_beside(void *argument)
{
	rig_on(&rig, 1, nap_on_worker, NULL);
	return NULL;
}

/* Commands came in time, but the worker of their queue reads them late. */
static void test_what_another_worker_has_not_read_keeps_the_controller_alive(void **state)
{
	struct nvme_sqe read = sqe_io(NVME_IO_READ, 8, false);
	struct capsule *c;
	uint8_t data[4096];
	pthread_t beside;
	uint16_t cntlid;

	rig_open(&rig, NULL);
	cntlid = host_enable(&admin, &rig, 300, 2);
	host_connect_io(&io, &rig, cntlid, 1);		/* on worker 1 */
	pthread_create(&beside, NULL, nap_beside, NULL);
	usleep(100000);
	c = host_submit(&io, &read, data, sizeof(data));
	pthread_join(beside, NULL);
	assert_int_equal(host_wait(&io, c), 0);
	assert_false(rig_has_said(&rig, "silent"));
	host_close(&admin);
	host_close(&io);
	rig_close(&rig);
}

static uint64_t late_by;

static void fire_late(void *argument)
{
	struct controller *c = rig_controller(&rig);
	struct timer *t = &c->keep_alive;
	struct worker *w = c->station->worker;

	timer_cancel(&w->timers, t);
	w->now = worker_clock() + 60 * NS_PER_S;
	t->when = w->now - late_by;
	t->fire(t);
}

static void forget_traffic(void *argument)
{
	struct controller *c = rig_controller(&rig);

	c->keep_alive_began = atomic_load(&c->admin->last_command);
}

/* As after a stop of the whole process: what came meanwhile is not read yet. */
static void test_a_late_timer_does_not_end_a_controller(void **state)
{
	rig_open(&rig, NULL);
	host_enable(&admin, &rig, 2000, 2);
	late_by = 10 * NS_PER_S;
	rig_on(&rig, 0, fire_late, NULL);
	assert_false(host_sees_end(&admin, 100));
	assert_false(rig_has_said(&rig, "silent"));
	late_by = 0;
	rig_on(&rig, 0, forget_traffic, NULL);
	rig_on(&rig, 0, fire_late, NULL);
	assert_true(host_sees_end(&admin, RIG_PATIENCE_MS));
	host_close(&admin);
	rig_close(&rig);
}

/* What the timer does, as far after the beginning of its time as that lasts, and half a
 * second and a bit besides; `traffic_at` after it the last command came. */
static uint64_t traffic_at;
static bool ends, begins_anew;

static void fire_after_traffic(void *argument)
{
	struct controller *c = rig_controller(&rig);
	struct worker *w = c->station->worker;
	uint64_t began = c->keep_alive_began;

	timer_cancel(&w->timers, &c->keep_alive);
	atomic_store(&c->admin->last_command, began + traffic_at);
	w->now = began + c->kato * NS_PER_MS + 600 * NS_PER_MS;
	c->keep_alive.when = w->now;
	c->keep_alive.fire(&c->keep_alive);
	ends = c->is_ending;
	begins_anew = c->keep_alive_began == w->now;
}

/* Any command: another whole time; none: the end. */
static void test_a_time_with_a_command_is_followed_by_another(void **state)
{
	rig_open(&rig, NULL);
	host_enable(&admin, &rig, 60000, 2);
	for (traffic_at = 1; traffic_at < 60 * NS_PER_S; traffic_at *= 100) {
		rig_on(&rig, 0, fire_after_traffic, NULL);
		assert_true(begins_anew);
		assert_false(ends);
	}
	traffic_at = 0;
	rig_on(&rig, 0, fire_after_traffic, NULL);
	assert_true(ends);
	assert_true(host_sees_end(&admin, RIG_PATIENCE_MS));
	host_close(&admin);
	rig_close(&rig);
}

static uint64_t began;
static bool is_armed;

static void look(void *argument)
{
	struct controller *c = rig_controller(&rig);

	began = c->keep_alive_began;
	is_armed = timer_is_armed(&c->keep_alive);
}

static void test_a_keep_alive_command_begins_anew_and_others_do_not(void **state)
{
	struct nvme_sqe sqe = sqe_of(NVME_ADMIN_KEEP_ALIVE, 0);
	uint64_t first;

	rig_open(&rig, NULL);
	host_enable(&admin, &rig, 60000, 2);
	rig_on(&rig, 0, look, NULL);
	first = began;
	assert_int_equal(host_read_csts(&admin), NVME_CSTS_RDY);
	rig_on(&rig, 0, look, NULL);
	assert_int_equal(began, first);
	assert_int_equal(host_run(&admin, &sqe, NULL, 0), 0);
	rig_on(&rig, 0, look, NULL);
	assert_true(began > first);
	host_close(&admin);
	rig_close(&rig);
}

static void test_keep_alive_runs_while_enabled_alone(void **state)
{
	rig_open(&rig, NULL);
	host_connect_admin(&admin, &rig, 60000);
	rig_on(&rig, 0, look, NULL);
	assert_false(is_armed);
	host_write_cc(&admin, RIG_CC);
	host_await_csts(&admin, NVME_CSTS_RDY);
	rig_on(&rig, 0, look, NULL);
	assert_true(is_armed);
	host_write_cc(&admin, RIG_CC_OFF);
	host_await_csts(&admin, 0);
	rig_on(&rig, 0, look, NULL);
	assert_false(is_armed);
	host_close(&admin);
	rig_close(&rig);
}

static void test_a_disabled_controller_has_the_time_of_an_association(void **state)
{
	rig_open(&rig, &(struct rig_settings){ .association_s = 2 });
	host_enable(&admin, &rig, 200, 2);
	host_write_cc(&admin, RIG_CC_OFF);
	assert_false(host_sees_end(&admin, 1000));
	assert_true(host_sees_end(&admin, 3000));
	assert_true(rig_has_said(&rig, "not enabled"));
	host_close(&admin);
	rig_close(&rig);
}

/* Keep alive does not run meanwhile, and the host may have died. */
static void test_a_reset_that_hangs_ends_with_the_time_of_an_association(void **state)
{
	start_reset(&(struct rig_settings){ .association_s = 1 });
	assert_true(host_sees_end(&admin, RIG_PATIENCE_MS));
	assert_true(rig_has_said(&rig, "reset or shutdown"));
	host_close(&admin);
	host_close(&io);
	rig_close(&rig);
}

static void test_a_controller_that_is_never_enabled_ends(void **state)
{
	rig_open(&rig, &(struct rig_settings){ .association_s = 1 });
	host_connect_admin(&admin, &rig, 0);
	assert_true(host_sees_end(&admin, 3000));
	host_close(&admin);
	rig_close(&rig);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static struct timer fuse;
static struct worker *fuse_worker;
static atomic_bool is_lit, may_burn;

static void burn(struct timer *t)
{
	is_lit = true;
	while (!may_burn)
		usleep(1000);
	controller_end(rig_controller(&rig), "of the test");
}

static void light(void *argument)
{
	timer_init(&fuse, burn);
	timer_arm(&fuse_worker->timers, &fuse, worker_clock() + 20 * NS_PER_MS);
}

/* The command is in the socket when the controller ends, so that it is taken
 * before the worker comes to end the admin queue. */
static void test_an_event_request_that_comes_too_late_is_not_held(void **state)
{
	struct nvme_sqe aer = sqe_of(NVME_ADMIN_ASYNC_EVENT, 0);

	rig_open(&rig, NULL);
	host_enable(&admin, &rig, 0, 1);
	fuse_worker = rig.target.stations[0].worker;
	is_lit = may_burn = false;
	rig_on(&rig, 0, light, NULL);
	while (!is_lit)
		usleep(1000);
	host_submit(&admin, &aer, NULL, 0);
	may_burn = true;
	rig_await_queues(&rig, 0);
	rig_await_controllers(&rig, 0);
	host_close(&admin);
	rig_close(&rig);
}

/* A refused Connect leaves the connection open; what came while the target
 * thought about it must be read, though no further byte comes. */
static void test_what_comes_while_a_connect_is_held_is_read_afterwards(void **state)
{
	struct host_connect how = { .qid = 1 };
	struct nvme_sqe end = sqe_disconnect();
	struct capsule *connect, *next;

	rig_open(&rig, NULL);
	how.cntlid = host_enable(&admin, &rig, 0, 2);
	host_connect_io(&io, &rig, how.cntlid, 1);
	host_open(&other, &rig, 0);
	connect = host_submit_connect(&other, &how);	/* that queue is there: 1 s */
	usleep(100000);
	other.qpair.tcp.entries = 0;
	next = host_submit(&other, &end, NULL, 0);
	assert_int_equal(host_wait(&other, connect), NVME_COMMAND_SEQUENCE_ERROR);
	assert_int_equal(host_wait(&other, next) & ~NVME_DNR, NVME_COMMAND_SEQUENCE_ERROR);
	host_close(&admin);
	host_close(&io);
	host_close(&other);
	rig_close(&rig);
}

static void start_later(void *station)
{
	struct worker *w = ((struct station *)station)->worker;

	list_for_each(l, &w->connections) {
		struct queue *q = list_entry(l, struct queue, connection.link);

		if (q->connect)
			q->connect->started = w->now + 60 * NS_PER_S;
	}
}

/* A queue that moves brings along a time by another worker's clock. */
static void test_a_connect_that_began_after_this_turn_waits_all_the_same(void **state)
{
	struct host_connect how = { .qid = 1 };
	struct capsule *connect;

	rig_open(&rig, NULL);
	how.cntlid = host_enable(&admin, &rig, 0, 2);
	host_connect_io(&io, &rig, how.cntlid, 1);
	host_open(&other, &rig, 0);
	connect = host_submit_connect(&other, &how);	/* that queue is there */
	usleep(100000);					/* it has moved */
	rig_on(&rig, 1, start_later, &rig.target.stations[1]);
	assert_false(host_sees_end(&other, 300));
	assert_false(other.has_ended[connect - other.capsules]);
	host_close(&admin);
	host_close(&io);
	host_close(&other);
	rig_close(&rig);
}

static void end_all(void *station)
{
	target_end_all(station);
}

/* It is on no worker's list while it moves, and must not stay behind. */
static void test_a_queue_that_moves_to_a_worker_that_has_ended_ends(void **state)
{
	struct host_connect how = { .qid = 1 };		/* the other worker's */

	rig_open(&rig, NULL);
	how.cntlid = host_enable(&admin, &rig, 0, 2);
	rig_on(&rig, 1, end_all, &rig.target.stations[1]);
	host_open(&io, &rig, 0);
	host_submit_connect(&io, &how);
	assert_true(host_sees_end(&io, RIG_PATIENCE_MS));
	host_close(&admin);
	host_close(&io);
	rig_close(&rig);
}

/* It waits for what a dead path still writes: our time, not the host's. */
static void test_the_handshake_deadline_rests_while_a_connect_is_held(void **state)
{
	struct nvme_sqe read = sqe_io(NVME_IO_WRITE, 8, false);
	struct host_connect how = { .qid = 0 };
	static uint8_t data[4096];
	struct capsule *connect;
	uint16_t cntlid;

	rig_open(&rig, &(struct rig_settings){ .handshake_s = 1 });
	cntlid = host_enable(&admin, &rig, 0, 2);
	host_connect_io(&io, &rig, cntlid, 1);
	rig_hold(&rig);
	host_submit(&io, &read, data, sizeof(data));
	rig_await_held(&rig, 1);
	host_close(&admin);
	host_close(&io);
	host_open(&other, &rig, 0);
	connect = host_submit_connect(&other, &how);
	assert_false(host_sees_end(&other, 2500));
	rig_release(&rig);
	assert_int_equal(host_wait(&other, connect), 0);
	host_close(&other);
	rig_close(&rig);
}

/* ---- the log ----------------------------------------------------------------------------------- */

static void test_the_log_says_who_connected_and_from_where(void **state)
{
	rig_open(&rig, NULL);
	host_connect_admin(&admin, &rig, 0);
	assert_true(rig_has_said(&rig, "connected by 127.0.0.1, \"" RIG_HOSTNQN "\""));
	host_close(&admin);
	rig_close(&rig);
}

static void test_names_of_hosts_do_not_reach_the_log_raw(void **state)
{
	struct host_connect how = { .hostnqn = "nqn.2026-11.org.example:a\nerror: b\033[2Jc" };

	rig_open(&rig, NULL);
	host_open(&admin, &rig, 0);
	assert_int_equal(host_wait(&admin, host_submit_connect(&admin, &how)) & ~NVME_DNR,
			 NVME_CONNECT_INVALID_PARAMETERS);
	assert_true(rig_has_said(&rig, "Connect of 127.0.0.1 refused: status 1/82, queue 0,"));
	assert_false(rig_has_said(&rig, "\nerror"));
	assert_false(rig_has_said(&rig, "\033"));
	host_close(&admin);
	rig_close(&rig);
}

static void test_a_host_that_breaks_the_protocol_is_named_without_debugging(void **state)
{
	struct tcp_ch wrong = { .type = TCP_PDU_R2T, .hlen = sizeof(wrong),
				.plen = le32_of(sizeof(wrong)) };

	rig_open(&rig, NULL);
	rig.log.level = LOG_NOTICE;
	host_open(&admin, &rig, 0);
	assert_int_equal(write(admin.qpair.net.fd, &wrong, sizeof(wrong)), sizeof(wrong));
	host_open(&other, &rig, 0);
	host_close(&other);
	rig_await_queues(&rig, 0);
	assert_true(rig_has_said(&rig, "connection ended: malformed PDU header (FES 1, FEI 0)"));
	assert_false(rig_has_said(&rig, "the host closed it"));
	host_close(&admin);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_shutdown_while_disabled_completes_and_stays),
		cmocka_unit_test(test_a_shutdown_during_a_reset_is_not_forgotten),
		cmocka_unit_test(test_enable_during_a_reset_comes_after_it),
		cmocka_unit_test(test_number_of_queues_is_settled_by_the_first_until_a_reset),
		cmocka_unit_test(test_keep_alive_runs_again_after_a_shutdown_and_a_reset),
		cmocka_unit_test(test_a_time_with_a_command_is_followed_by_another),
		cmocka_unit_test(test_a_keep_alive_command_begins_anew_and_others_do_not),
		cmocka_unit_test(test_keep_alive_runs_while_enabled_alone),
		cmocka_unit_test(test_what_another_worker_has_not_read_keeps_the_controller_alive),
		cmocka_unit_test(test_a_late_timer_does_not_end_a_controller),
		cmocka_unit_test(test_a_disabled_controller_has_the_time_of_an_association),
		cmocka_unit_test(test_a_reset_that_hangs_ends_with_the_time_of_an_association),
		cmocka_unit_test(test_a_controller_that_is_never_enabled_ends),
		cmocka_unit_test(test_an_event_request_that_comes_too_late_is_not_held),
		cmocka_unit_test(test_what_comes_while_a_connect_is_held_is_read_afterwards),
		cmocka_unit_test(test_a_connect_that_began_after_this_turn_waits_all_the_same),
		cmocka_unit_test(test_a_queue_that_moves_to_a_worker_that_has_ended_ends),
		cmocka_unit_test(test_the_handshake_deadline_rests_while_a_connect_is_held),
		cmocka_unit_test(test_the_log_says_who_connected_and_from_where),
		cmocka_unit_test(test_names_of_hosts_do_not_reach_the_log_raw),
		cmocka_unit_test(test_a_host_that_breaks_the_protocol_is_named_without_debugging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
