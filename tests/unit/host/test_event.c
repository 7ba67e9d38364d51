/* SPDX-License-Identifier: BSD-2-Clause */
/* Asynchronous events: asked for, handed over, asked for again. */
#include "../unit.h"
#include "peer.h"

#include <errno.h>
#include <string.h>

struct seen {
	struct nvmf_event last;
	unsigned int events, ends;
	struct nvmf_ctrl *submits_to;	/* each event is followed by a command */
	unsigned int refused;
};

static void ignore(void *cookie, const struct nvmf_completion *completion)
{
}

static void see(void *cookie, const struct nvmf_event *event)
{
	static const struct nvmf_command keep_alive = { .opcode = 0x18 };
	struct seen *seen = cookie;

	if (!event) {
		seen->ends++;
		return;
	}
	seen->last = *event;
	seen->events++;
	if (seen->submits_to)
		seen->refused += nvmf_queue_submit(nvmf_ctrl_admin(seen->submits_to), &keep_alive,
						   NULL, 0, ignore, NULL) == -EAGAIN;
}

static int raise_event(struct nvmf_ctrl *ctrl, uint32_t dw0, uint32_t dw1)
{
	struct nvmf_command raise = { .opcode = PEER_RAISE, .cdw10 = dw0, .cdw11 = dw1 };

	return nvmf_queue_execute(nvmf_ctrl_admin(ctrl), &raise, NULL, 0, NULL);
}

static struct nvmf_ctrl *create(const struct peer *p, uint16_t entries)
{
	struct nvmf_ctrl_options o = peer_client(p);

	o.admin_entries = entries;
	return nvmf_ctrl_create(&o);
}

static void each_event_is_handed_over(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct seen seen = { .events = 0 };
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = create(&p, 32);
	assert_int_equal(nvmf_ctrl_on_event(ctrl, see, &seen), 0);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(raise_event(ctrl, 0x00700002 | i << 8, i), 0);
		assert_int_equal(seen.events, i + 1);
		assert_int_equal(seen.last.type, 2);
		assert_int_equal(seen.last.info, i);
		assert_int_equal(seen.last.log_page, 0x70);
		assert_int_equal(seen.last.parameter, i);
	}
	assert_int_equal(seen.ends, 0);
	nvmf_ctrl_destroy(ctrl);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(p.event_requests, 101);
	peer_stop(&p);
}

static void one_subscribes_and_leaves_at_any_time(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct seen seen = { .events = 0 };
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = peer_connect(&p, 0);
	assert_int_equal(raise_event(ctrl, 2, 0), -EREMOTEIO);
	assert_int_equal(nvmf_ctrl_on_event(ctrl, see, &seen), 0);
	assert_int_equal(nvmf_ctrl_on_event(ctrl, see, &seen), 0);
	assert_int_equal(raise_event(ctrl, 2, 0), 0);
	assert_int_equal(nvmf_ctrl_on_event(ctrl, NULL, NULL), 0);
	assert_int_equal(raise_event(ctrl, 2, 0), 0);
	assert_int_equal(p.event_requests, 2);
	assert_int_equal(raise_event(ctrl, 2, 0), -EREMOTEIO);
	assert_int_equal(nvmf_ctrl_on_event(ctrl, see, &seen), 0);
	assert_int_equal(raise_event(ctrl, 2, 0), 0);
	assert_int_equal(seen.events, 2);
	nvmf_ctrl_destroy(ctrl);
	assert_int_equal(seen.ends, 1);
	peer_stop(&p);
}

/* The request under way is nobody's command: it has no deadline, hides nobody else's,
 * and nobody waits for it. */
static void the_request_is_in_nobodys_way(void **state)
{
	struct nvmf_command mute = { .opcode = 0xc4 };
	struct peer_options options = PEER_OPTIONS;
	struct seen seen = { .events = 0 };
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct nvmf_queue *q;
	struct peer p;

	options.mute_admin = mute.opcode;
	peer_start(&p, &options);
	o = peer_client(&p);
	o.command_timeout_ms = 1000;
	ctrl = nvmf_ctrl_create(&o);
	q = nvmf_ctrl_admin(ctrl);
	assert_int_equal(nvmf_ctrl_on_event(ctrl, see, &seen), 0);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	assert_int_equal(nvmf_queue_in_flight(q), 0);
	assert_int_equal(nvmf_queue_wait(q, -1), 0);
	assert_int_equal(nvmf_ctrl_due(ctrl), -1);
	assert_int_equal(nvmf_ctrl_wait(ctrl, 1500), 0);
	assert_int_equal(nvmf_queue_execute(q, &mute, NULL, 0, NULL), -ETIMEDOUT);
	assert_int_equal(seen.ends, 1);
	nvmf_ctrl_destroy(ctrl);
	assert_int_equal(seen.ends, 1);
	peer_stop(&p);
}

/* What the program submits on an event does not take the next request's place. */
static void the_request_keeps_its_place(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct seen seen = { .events = 0 };
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	ctrl = create(&p, 3);		/* two commands at once: the request and one more */
	seen.submits_to = ctrl;
	assert_int_equal(nvmf_ctrl_on_event(ctrl, see, &seen), 0);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(raise_event(ctrl, 2, 0), 0);
	assert_int_equal(seen.events, 10);
	assert_int_equal(seen.refused, 10);
	assert_int_equal(seen.ends, 0);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void what_is_refused(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct seen seen = { .events = 0 };
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.event_status = NVME_INVALID_OPCODE | NVME_DNR;
	peer_start(&p, &options);
	ctrl = create(&p, 2);
	assert_int_equal(nvmf_ctrl_on_event(ctrl, see, &seen), -EINVAL);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "no place for events"));
	nvmf_ctrl_destroy(ctrl);

	ctrl = peer_connect(&p, 0);
	assert_int_equal(nvmf_ctrl_on_event(ctrl, see, &seen), 0);
	while (!seen.ends)
		assert_true(nvmf_ctrl_wait(ctrl, 5000) > 0);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "Asynchronous Event Request: Invalid Command"));
	assert_int_equal(p.event_requests, 1);
	nvmf_ctrl_destroy(ctrl);
	assert_int_equal(seen.ends, 1);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_is_handed_over),
		cmocka_unit_test(one_subscribes_and_leaves_at_any_time),
		cmocka_unit_test(the_request_is_in_nobodys_way),
		cmocka_unit_test(the_request_keeps_its_place),
		cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
