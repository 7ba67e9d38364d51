/* SPDX-License-Identifier: BSD-2-Clause */
/* Connecting, what can go wrong with it, keep alive, and the end. */
#include "../unit.h"
#include "peer.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void connects_learns_and_ends_in_order(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct peer p;
	struct nvmf_ctrl *ctrl;
	struct nvmf_ctrl_info info;

	peer_start(&p, &options);
	ctrl = peer_connect(&p, 3);
	assert_int_equal(nvmf_ctrl_info(ctrl, &info), 0);
	assert_int_equal(info.cntlid, 7);
	assert_int_equal(info.version, 0x10400);
	assert_int_equal(info.max_transfer, 128 * 1024);
	assert_int_equal(info.in_capsule, 4096);
	assert_int_equal(info.max_entries, 1024);
	assert_int_equal(info.namespaces, 4);
	assert_string_equal(info.serial, "SERIAL");
	assert_false(info.is_discovery);
	assert_int_equal(p.connects, 4);
	assert_non_null(nvmf_ctrl_queue(ctrl, 2));
	assert_null(nvmf_ctrl_queue(ctrl, 3));
	assert_int_equal(nvmf_queue_depth(nvmf_ctrl_queue(ctrl, 0)), 31);
	assert_int_equal(nvmf_ctrl_connect(ctrl), -EISCONN);
	nvmf_ctrl_destroy(ctrl);
	assert_int_equal(p.disconnects, 3);
	assert_int_equal(p.shutdowns, 1);
	peer_stop(&p);
}

static void without_disconnect_the_shutdown_comes_first(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct peer p;
	struct nvmf_ctrl *ctrl;

	options.ofcs = 0;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 2);
	assert_int_equal(nvmf_ctrl_shutdown(ctrl), 0);
	assert_int_equal(p.disconnects, 0);
	assert_int_equal(p.shutdowns, 1);
	assert_int_equal(nvmf_ctrl_shutdown(ctrl), -ENOTCONN);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void fewer_queues_may_be_granted(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct peer p;
	struct nvmf_ctrl *ctrl;

	options.queues = 2;
	peer_start(&p, &options);
	ctrl = peer_connect(&p, 0);
	assert_int_equal(nvmf_ctrl_open_queues(ctrl, 5, 8), 2);
	assert_int_equal(nvmf_ctrl_open_queues(ctrl, 5, 8), -EISCONN);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* What one connection agrees on. */
static void agree(bool header, bool data, bool flow_off)
{
	struct peer_options options = PEER_OPTIONS;
	struct peer p;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl_info info;
	struct nvmf_ctrl *ctrl;

	options.header_digest = options.data_digest = true;
	peer_start(&p, &options);
	o = peer_client(&p);
	o.header_digest = header;
	o.data_digest = data;
	o.disable_sqflow = flow_off;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	assert_int_equal(nvmf_ctrl_open_queues(ctrl, 1, 16), 1);
	nvmf_ctrl_info(ctrl, &info);
	assert_int_equal(info.header_digest, header);
	assert_int_equal(info.data_digest, data);
	assert_int_equal(info.sqflow_off, flow_off);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void digests_and_flow_control_are_agreed(void **state)
{
	for (unsigned int i = 0; i < 8; i++)
		agree(i & 1, i & 2, i & 4);
}

static void digests_that_are_not_granted(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct peer p;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl_info info;
	struct nvmf_ctrl *ctrl;

	peer_start(&p, &options);
	o = peer_client(&p);
	o.header_digest = o.data_digest = true;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	nvmf_ctrl_info(ctrl, &info);
	assert_false(info.header_digest || info.data_digest);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

/* ---- who we are ------------------------------------------------------------------------------------ */

static struct nvmf_connect_data identity(const char *hostnqn, const uint8_t *hostid)
{
	struct peer_options options = PEER_OPTIONS;
	struct peer p;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;

	peer_start(&p, &options);
	o = peer_client(&p);
	o.hostnqn = hostnqn;
	o.hostid = hostid;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
	return p.connect_data;
}

#define UUID_NQN "nqn.2014-08.org.nvmexpress:uuid:"

static void identifier_and_name_follow_from_each_other(void **state)
{
	static const uint8_t id[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
					0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	struct nvmf_connect_data d = identity(NULL, id), e;

	assert_string_equal(d.hostnqn, UUID_NQN "01234567-89ab-cdef-0123-456789abcdef");
	d = identity(UUID_NQN "01234567-89AB-cdef-0123-456789abcdef", NULL);
	assert_memory_equal(d.hostid, id, 16);
	assert_string_equal(d.subnqn, PEER_NQN);
	assert_int_equal(le16_get(d.cntlid), 0xffff);
	d = identity("nqn.2014-08.org.example:host", NULL);
	e = identity("nqn.2014-08.org.example:host", NULL);
	assert_memory_equal(d.hostid, e.hostid, 16);
	e = identity("nqn.2014-08.org.example:hosu", NULL);
	assert_memory_not_equal(d.hostid, e.hostid, 16);
	d = identity(NULL, NULL);
	e = identity(NULL, NULL);
	assert_memory_not_equal(d.hostid, e.hostid, 16);
	assert_memory_equal(d.hostnqn, UUID_NQN, strlen(UUID_NQN));
}

/* ---- what goes wrong ----------------------------------------------------------------------------------- */

/* Where it does not matter how long it takes. */
#define PATIENCE_MS 10000

static void assert_fails_within(const struct peer_options *options, unsigned int timeout_ms,
				int error, const char *sentence)
{
	struct peer p;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;

	peer_start(&p, options);
	o = peer_client(&p);
	o.connect_timeout_ms = timeout_ms;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), error);
	if (!strstr(nvmf_ctrl_error(ctrl), sentence))
		fail_msg("'%s' is not in '%s'", sentence, nvmf_ctrl_error(ctrl));
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void assert_fails(const struct peer_options *options, int error, const char *sentence)
{
	assert_fails_within(options, PATIENCE_MS, error, sentence);
}

static void a_mute_target_is_given_up(void **state)
{
	struct peer_options options = PEER_OPTIONS;

	options.mute_handshake = true;
	assert_fails_within(&options, 200, -ETIMEDOUT, "no ICResp");
}

static void a_target_of_another_kind_is_noticed(void **state)
{
	struct peer_options options = PEER_OPTIONS;

	options.garbage_handshake = true;
	assert_fails(&options, -EPIPE, ": no NVMe/TCP there: ");
}

static void a_refused_connect_says_why(void **state)
{
	struct peer_options options = PEER_OPTIONS;

	options.connect_status = NVME_CONNECT_INVALID_HOST | NVME_DNR;
	assert_fails(&options, -EREMOTEIO, "Connect: Connect Invalid Host");
	options.connect_status = NVME_CONNECT_INVALID_PARAMETERS;
	options.connect_dw0 = NVMF_BAD_DATA_FIELD(256);
	assert_fails(&options, -EREMOTEIO, "there is no such subsystem");
	options.connect_dw0 = NVMF_BAD_COMMAND_FIELD(44);
	assert_fails(&options, -EREMOTEIO, "byte 44 of its command");
}

static void a_controller_that_does_not_come_up(void **state)
{
	struct peer_options options = PEER_OPTIONS;

	options.never_ready = true;
	assert_fails(&options, -ETIMEDOUT, "did not become ready within 500 ms");
	options.fatal = true;
	assert_fails(&options, -EIO, "fatal error");
}

static void nobody_listens(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	peer_start(&p, &options);
	o = peer_client(&p);
	ctrl = nvmf_ctrl_create(&o);
	peer_stop(&p);
	assert_int_equal(nvmf_ctrl_connect(ctrl), -ECONNREFUSED);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "Connection refused"));
	nvmf_ctrl_destroy(ctrl);
}

/* A listener whose backlog is full drops what comes: nothing answers. */
static void nobody_answers(void **state)
{
	struct nvmf_ctrl_options o = NVMF_CTRL_OPTIONS_INIT;
	int clients[64], count = 0, listener;
	struct pollfd p = { .events = POLLOUT };
	struct net_address a;
	struct nvmf_ctrl *ctrl;
	char port[8];

	assert_int_equal(net_address_parse(&a, "127.0.0.1", 0), 0);
	listener = net_listen(&a, 0, false);
	assert_true(listener >= 0);
	assert_int_equal(net_local_address(listener, &a), 0);
	do {
		assert_true(count < 64);
		p.fd = clients[count++] = net_dial(&a);
	} while (poll(&p, 1, 200));
	snprintf(port, sizeof(port), "%u", net_address_port(&a));
	o.traddr = "127.0.0.1";
	o.trsvcid = port;
	o.connect_timeout_ms = 300;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), -ETIMEDOUT);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), ": cannot connect within 300 ms"));
	nvmf_ctrl_destroy(ctrl);
	while (count)
		close(clients[--count]);
	close(listener);
}

/* Both addresses of localhost, where it has two, and one that listens. */
static void a_name_is_looked_up(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct addrinfo *found;
	struct peer p;

	if (getaddrinfo("localhost", NULL, NULL, &found))
		return;			/* a bare machine */
	freeaddrinfo(found);
	peer_start(&p, &options);
	o = peer_client(&p);
	o.traddr = "localhost";
	ctrl = nvmf_ctrl_create(&o);
	if (nvmf_ctrl_connect(ctrl) || nvmf_ctrl_open_queues(ctrl, 2, 8) != 2)
		fail_msg("%s", nvmf_ctrl_error(ctrl));
	nvmf_ctrl_destroy(ctrl);
	o.trsvcid = "nosuchservice";
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), -EINVAL);
	assert_non_null(strstr(nvmf_ctrl_error(ctrl), "cannot find localhost port nosuchservice"));
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void a_handle_that_failed_may_try_again(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.connect_status = NVME_CONNECT_BUSY;
	peer_start(&p, &options);
	o = peer_client(&p);
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), -EREMOTEIO);
	p.options.connect_status = 0;
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	assert_int_equal(nvmf_ctrl_open_queues(ctrl, 1, 8), 1);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

static void names_that_are_no_names(void **state)
{
	char name[300];
	struct nvmf_ctrl_options o = NVMF_CTRL_OPTIONS_INIT;
	struct nvmf_ctrl *ctrl;

	memset(name, 'x', sizeof(name));
	name[224] = 0;
	o.subnqn = name;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), -EINVAL);
	nvmf_ctrl_destroy(ctrl);
	o.subnqn = NULL;
	o.hostnqn = "";
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), -EINVAL);
	nvmf_ctrl_destroy(ctrl);
	nvmf_ctrl_destroy(NULL);
}

/* ---- keep alive ------------------------------------------------------------------------------------------ */

static void keep_alive_goes_out_while_the_handle_is_driven(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_ctrl_options o;
	struct nvmf_ctrl *ctrl;
	struct peer p;
	int due;

	peer_start(&p, &options);
	o = peer_client(&p);
	o.keep_alive_ms = 200;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	assert_int_equal(p.connect_kato, 200);
	due = nvmf_queue_due(nvmf_ctrl_admin(ctrl));
	assert_true(due >= 0 && due <= 100);
	for (unsigned int i = 0; i < 100 && p.keep_alives < 3; i++)
		assert_true(nvmf_ctrl_wait(ctrl, 50) >= 0);
	assert_true(p.keep_alives >= 3);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects_learns_and_ends_in_order),
		cmocka_unit_test(without_disconnect_the_shutdown_comes_first),
		cmocka_unit_test(fewer_queues_may_be_granted),
		cmocka_unit_test(digests_and_flow_control_are_agreed),
		cmocka_unit_test(digests_that_are_not_granted),
		cmocka_unit_test(identifier_and_name_follow_from_each_other),
		cmocka_unit_test(a_mute_target_is_given_up),
		cmocka_unit_test(a_target_of_another_kind_is_noticed),
		cmocka_unit_test(a_refused_connect_says_why),
		cmocka_unit_test(a_controller_that_does_not_come_up),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(a_name_is_looked_up),
		cmocka_unit_test(a_handle_that_failed_may_try_again),
		cmocka_unit_test(names_that_are_no_names),
		cmocka_unit_test(keep_alive_goes_out_while_the_handle_is_driven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
