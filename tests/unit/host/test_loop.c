/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller from the caller's own loop: everything that waits, without waiting. */
#include "../unit.h"
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One turn of a loop that knows of one descriptor and one time. */
static int turn(struct nvmf_ctrl *ctrl)
{
	struct pollfd p = { nvmf_ctrl_fd(ctrl), POLLIN, 0 };
	int due = nvmf_ctrl_due(ctrl);

	assert_true(poll(&p, 1, due < 0 || due > 10000 ? 10000 : due) || due >= 0);
	return nvmf_ctrl_process(ctrl);
}

/* Until the started call has ended. */
static int drive(struct nvmf_ctrl *ctrl)
{
	int result;

	while ((result = nvmf_ctrl_result(ctrl, NULL)) == -EINPROGRESS)
		turn(ctrl);
	return result;
}

/* So many of the turns that it takes. */
static void take_turns(struct nvmf_ctrl *ctrl, unsigned int turns)
{
	while (turns-- && nvmf_ctrl_result(ctrl, NULL) == -EINPROGRESS)
		turn(ctrl);
}

static struct nvmf_ctrl *create(const struct peer *p)
{
	struct nvmf_ctrl_options o = peer_client(p);
	struct nvmf_ctrl *ctrl = nvmf_ctrl_create(&o);

	assert_non_null(ctrl);
	return ctrl;
}

static struct nvmf_ctrl *start_connect(const struct peer *p)
{
	struct nvmf_ctrl *ctrl = create(p);

	assert_int_equal(nvmf_ctrl_start_connect(ctrl), 0);
	return ctrl;
}

static struct nvmf_ctrl *connect_to(const struct peer *p)
{
	struct nvmf_ctrl *ctrl = start_connect(p);

	assert_int_equal(drive(ctrl), 0);
	return ctrl;
}

static void note(void *cookie, const struct nvmf_completion *completion)
{
	*(struct nvmf_completion *)cookie = *completion;
}

/* Submits from the loop, too. */
static void write_and_read(struct nvmf_ctrl *ctrl, struct nvmf_queue *q)
{
	struct nvmf_completion c = { .error = 1 };
	char out[PEER_BLOCK], in[PEER_BLOCK] = "";

	memset(out, 0x5a, sizeof(out));
	assert_int_equal(nvmf_queue_submit_write(q, 1, 7, 1, out, sizeof(out), note, &c), 0);
	assert_int_equal(nvmf_ctrl_due(ctrl), 0);
	while (c.error == 1)
		assert_true(turn(ctrl) >= 0);
	assert_int_equal(c.error, 0);
	c.error = 1;
	assert_int_equal(nvmf_queue_submit_read(q, 1, 7, 1, in, sizeof(in), note, &c), 0);
	while (c.error == 1)
		assert_true(turn(ctrl) >= 0);
	assert_memory_equal(in, out, sizeof(in));
}

static void a_whole_life(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ns_info ns;
	struct nvmf_ctrl_info info;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = create(&p);
	assert_int_equal(nvmf_ctrl_result(ctrl, NULL), 0);
	assert_int_equal(nvmf_ctrl_process(ctrl), -ENOTCONN);
	assert_int_equal(nvmf_ctrl_start_connect(ctrl), 0);
	assert_int_equal(nvmf_ctrl_result(ctrl, NULL), -EINPROGRESS);
	assert_int_equal(nvmf_ctrl_info(ctrl, &info), -ENOTCONN);
	assert_int_equal(drive(ctrl), 0);
	assert_int_equal(nvmf_ctrl_info(ctrl, &info), 0);
	assert_int_equal(info.max_entries, 1024);

	assert_int_equal(nvmf_ctrl_start_open_queues(ctrl, 3, 16), 0);
	assert_null(nvmf_ctrl_queue(ctrl, 0));
	assert_int_equal(drive(ctrl), 3);
	assert_int_equal(p.connects, 4);
	assert_int_equal(nvmf_ctrl_start_ns_info(ctrl, 1, &ns), 0);
	assert_int_equal(drive(ctrl), 0);
	assert_int_equal(ns.blocks, PEER_BLOCKS);
	for (unsigned int i = 0; i < 3; i++)
		write_and_read(ctrl, nvmf_ctrl_queue(ctrl, i));

	assert_int_equal(nvmf_ctrl_start_shutdown(ctrl), 0);
	assert_int_equal(drive(ctrl), 0);
	assert_int_equal(p.disconnects, 3);
	assert_int_equal(p.shutdowns, 1);
	assert_int_equal(nvmf_ctrl_process(ctrl), -ENOTCONN);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void one_call_at_a_time(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ns_info ns;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = start_connect(&p);
	assert_int_equal(nvmf_ctrl_start_connect(ctrl), -EBUSY);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "another started call"));
	assert_int_equal(nvmf_ctrl_connect(ctrl), -EBUSY);
	assert_int_equal(nvmf_ctrl_result(ctrl, NULL), -EINPROGRESS);
	assert_int_equal(drive(ctrl), 0);
	assert_int_equal(nvmf_ctrl_start_connect(ctrl), -EISCONN);
	assert_int_equal(nvmf_ctrl_start_ns_info(ctrl, 9, &ns), 0);
	assert_int_equal(nvmf_ctrl_start_ns_info(ctrl, 1, &ns), -EBUSY);
	assert_int_equal(drive(ctrl), -ENXIO);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "namespace 9 is not there"));
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* Connect has to be a queue's first command: until it is answered none other goes. */
static void no_command_before_the_queue_is_open(void **state)
{
	struct nvmf_command keep_alive = { .opcode = 0x18 };
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_completion c;
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	struct peer p;
	uint64_t value;

	options.mute_handshake = true;
	peer_start(&p, &options);
	ctrl = start_connect(&p);
	q = nvmf_ctrl_admin(ctrl);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(nvmf_queue_submit(q, &keep_alive, NULL, 0, note, &c), -ENOTCONN);
		assert_int_equal(nvmf_queue_execute(q, &keep_alive, NULL, 0, &c), -ENOTCONN);
		assert_int_equal(c.error, -ENOTCONN);
		assert_int_equal(nvmf_ctrl_get_property(ctrl, 0, 8, &value), -ENOTCONN);
		assert_int_equal(nvmf_ctrl_start_open_queues(ctrl, 1, 8), -ENOTCONN);
		assert_non_null(strstr(nvmf_ctrl_error(ctrl), ": not connected"));
		assert_int_equal(nvmf_ctrl_process(ctrl), 0);	/* begins to connect */
	}
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* A target that says nothing holds up nobody. */
static void no_call_waits(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct peer p;
	int due;

	options.mute_handshake = true;
	peer_start(&p, &options);
	o = peer_client(&p);
	o.connect_timeout_ms = 2000;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_start_connect(ctrl), 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(nvmf_ctrl_process(ctrl), 0);
		assert_int_equal(nvmf_ctrl_result(ctrl, NULL), -EINPROGRESS);
	}
	due = nvmf_ctrl_due(ctrl);
	assert_true(due >= 0 && due <= 2000);
	assert_int_equal(drive(ctrl), -ETIMEDOUT);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "no ICResp within 2000 ms"));
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void names_are_for_those_who_wait(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	o = peer_client(&p);
	o.traddr = "localhost";
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_start_connect(ctrl), -EINVAL);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "localhost port "));
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "not a numeric address"));
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void the_discovery_log(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_discovery *log;
	struct nvmf_completion c;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.records = 9;
	options.log_changes = 6;
	peer_start(&p, &options);
	ctrl = connect_to(&p);
	assert_int_equal(nvmf_discovery_start_read(ctrl, &log), 0);
	assert_null(log);
	assert_int_equal(drive(ctrl), 0);
	assert_int_equal(nvmf_discovery_count(log), 9);
	assert_int_equal(nvmf_discovery_generation(log), 6);
	assert_int_equal(nvmf_ctrl_result(ctrl, &c), 0);
	assert_int_equal(c.error, 0);
	nvmf_discovery_free(log);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* ---- the end of a started call -------------------------------------------------------------------- */

/* Ended at each point on its way: after so many turns. */
static void a_started_call_may_be_left_at_any_time(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct peer p;

	peer_start(&p, &options);
	for (unsigned int turns = 0; turns < 12; turns++) {
		struct nvmf_ctrl *ctrl = start_connect(&p);

		take_turns(ctrl, turns);
		nvmf_ctrl_destroy(ctrl);
	}
	for (unsigned int turns = 0; turns < 12; turns++) {
		struct nvmf_ctrl *ctrl = connect_to(&p);

		assert_int_equal(nvmf_ctrl_start_open_queues(ctrl, 2, 8), 0);
		take_turns(ctrl, turns);
		assert_int_equal(nvmf_ctrl_start_shutdown(ctrl), 0);
		assert_int_equal(drive(ctrl), 0);
		nvmf_ctrl_destroy(ctrl);
	}
	peer_stop(&p);
}

/* The log that is being read is not handed over, and not lost. */
static void a_shutdown_ends_what_was_started(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct peer p;

	options.records = 12;
	peer_start(&p, &options);
	for (unsigned int turns = 0; turns < 6; turns++) {
		struct nvmf_ctrl *ctrl = connect_to(&p);
		struct nvmf_discovery *log;

		assert_int_equal(nvmf_discovery_start_read(ctrl, &log), 0);
		take_turns(ctrl, turns);
		assert_int_equal(nvmf_ctrl_shutdown(ctrl), 0);
		nvmf_discovery_free(log);
		nvmf_ctrl_destroy(ctrl);
	}
	assert_int_equal(p.shutdowns, 6);
	peer_stop(&p);
}

static void an_io_queue_that_is_refused(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.refused_qid = 2;
	peer_start(&p, &options);
	ctrl = connect_to(&p);
	assert_int_equal(nvmf_ctrl_start_open_queues(ctrl, 3, 8), 0);
	assert_int_equal(drive(ctrl), -EREMOTEIO);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), ", queue 2: Connect: Connect Controller Busy"));
	write_and_read(ctrl, nvmf_ctrl_queue(ctrl, 0));
	assert_null(nvmf_ctrl_queue(ctrl, 1));
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void the_controller_goes_meanwhile(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.mute_queues = true;
	peer_start(&p, &options);
	ctrl = connect_to(&p);
	assert_int_equal(nvmf_ctrl_start_open_queues(ctrl, 1, 8), 0);
	while (p.connects < 2) {	/* the queue's, which is never answered */
		assert_true(nvmf_ctrl_process(ctrl) >= 0);
		poll(NULL, 0, 1);
	}
	assert_int_equal(nvmf_ctrl_result(ctrl, NULL), -EINPROGRESS);
	peer_stop(&p);
	assert_int_equal(drive(ctrl), -EPIPE);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "127.0.0.1 port "));
	nvmf_ctrl_destroy(ctrl);
}

/* ---- the descriptor ------------------------------------------------------------------------------------ */

static bool is_readable(const struct nvmf_ctrl *ctrl, int timeout_ms)
{
	struct pollfd p = { nvmf_ctrl_fd(ctrl), POLLIN, 0 };

	return poll(&p, 1, timeout_ms) == 1;
}

/* A detached queue's answers are for its own thread to see. */
static void a_detached_queue_wakes_nobody_else(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_completion c = { .error = 1 };
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	struct pollfd own;
	struct peer p;

	peer_start(&p, &options);
	ctrl = peer_connect(&p, 2);
	q = nvmf_ctrl_queue(ctrl, 1);
	nvmf_queue_detach(q);
	do {				/* until the answer does not come at once */
		assert_int_equal(nvmf_queue_submit_flush(q, 1, note, &c), 0);
		assert_int_equal(nvmf_ctrl_due(ctrl), -1);
	} while (nvmf_queue_process(q));
	c.error = 1;
	own = (struct pollfd){ nvmf_queue_fd(q), POLLIN, 0 };
	assert_int_equal(poll(&own, 1, 10000), 1);
	assert_false(is_readable(ctrl, 0));
	nvmf_queue_attach(q);
	assert_true(is_readable(ctrl, 10000));
	while (c.error == 1)
		assert_true(turn(ctrl) >= 0);
	assert_false(is_readable(ctrl, 0));
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* As when the kernel lets this user watch no more: told, and not waited for in vain. */
static void a_socket_that_cannot_be_watched(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = create(&p);
	assert_int_equal(dup2(nothing, nvmf_ctrl_fd(ctrl)), nvmf_ctrl_fd(ctrl));
	assert_int_equal(nvmf_ctrl_connect(ctrl), -EINVAL);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), ": epoll_ctl: Invalid argument"));
	nvmf_ctrl_destroy(ctrl);

	ctrl = connect_to(&p);
	assert_int_equal(nvmf_ctrl_start_open_queues(ctrl, 1, 8), 0);
	assert_int_equal(dup2(nothing, nvmf_ctrl_fd(ctrl)), nvmf_ctrl_fd(ctrl));
	for (unsigned int i = 0; i < 10000 && nvmf_ctrl_result(ctrl, NULL) == -EINPROGRESS; i++) {
		nvmf_ctrl_process(ctrl);
		poll(NULL, 0, 1);
	}
	assert_int_equal(nvmf_ctrl_result(ctrl, NULL), -EINVAL);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), ", queue 1: epoll_ctl: Invalid argument"));
	nvmf_ctrl_destroy(ctrl);
	close(nothing);
	peer_stop(&p);
}

/* More than the sockets take at once: the rest goes when they are ready. */
static void much_to_send_wakes_the_loop(void **state)
{
	enum { SIZE = 256 * PEER_BLOCK, COUNT = 30 };
	static char data[SIZE];
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_completion c[COUNT];
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.in_capsule = SIZE;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 1);
	for (unsigned int i = 0; i < COUNT; i++) {
		c[i].error = 1;
		assert_int_equal(nvmf_queue_submit_write(nvmf_ctrl_queue(ctrl, 0), 1, 0, 256, data,
							 SIZE, note, &c[i]), 0);
	}
	for (unsigned int i = 0; i < COUNT; i++) {
		while (c[i].error == 1)
			assert_true(turn(ctrl) >= 0);
		assert_int_equal(c[i].error, 0);
	}
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* ---- Fabrics commands --------------------------------------------------------------------------------- */

/* Properties from the loop: Property Get by hand. */
static void a_fabrics_command_goes_by_its_type(void **state)
{
	struct nvmf_command get = { .opcode = 0x7f, .nsid = 4, .cdw11 = 0x1c };
	struct nvmf_command bad = { .opcode = 0x7f, .nsid = 4 | 3 };
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_completion c = { .error = 1 };
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = connect_to(&p);
	assert_int_equal(nvmf_queue_submit(nvmf_ctrl_admin(ctrl), &get, NULL, 0, note, &c), 0);
	while (c.error == 1)
		assert_true(turn(ctrl) >= 0);
	assert_int_equal(c.error, 0);
	assert_int_equal(c.dw0, 1);		/* CSTS.RDY */
	assert_int_equal(nvmf_queue_submit(nvmf_ctrl_admin(ctrl), &bad, NULL, 0, note, &c), -EINVAL);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* The answers are there before it is waited for them: the end of what was started is
 * enough to return, as nothing else will come. */
static void waiting_ends_with_what_was_started(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = connect_to(&p);
	assert_int_equal(nvmf_ctrl_start_open_queues(ctrl, 2, 8), 0);
	alarm(60);
	while (nvmf_ctrl_result(ctrl, NULL) == -EINPROGRESS) {
		struct pollfd ready = { nvmf_ctrl_fd(ctrl), POLLIN, 0 };
		int due = nvmf_ctrl_due(ctrl);

		poll(&ready, 1, due);
		assert_true(nvmf_ctrl_wait(ctrl, -1) >= 0);
	}
	alarm(0);
	assert_int_equal(nvmf_ctrl_result(ctrl, NULL), 2);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiting_ends_with_what_was_started),
		cmocka_unit_test(a_whole_life),
		cmocka_unit_test(one_call_at_a_time),
		cmocka_unit_test(no_command_before_the_queue_is_open),
		cmocka_unit_test(no_call_waits),
		cmocka_unit_test(names_are_for_those_who_wait),
		cmocka_unit_test(the_discovery_log),
		cmocka_unit_test(a_started_call_may_be_left_at_any_time),
		cmocka_unit_test(a_shutdown_ends_what_was_started),
		cmocka_unit_test(an_io_queue_that_is_refused),
		cmocka_unit_test(the_controller_goes_meanwhile),
		cmocka_unit_test(a_detached_queue_wakes_nobody_else),
		cmocka_unit_test(a_socket_that_cannot_be_watched),
		cmocka_unit_test(much_to_send_wakes_the_loop),
		cmocka_unit_test(a_fabrics_command_goes_by_its_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
