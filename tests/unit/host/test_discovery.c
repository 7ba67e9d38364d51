/* SPDX-License-Identifier: BSD-2-Clause */
/* The discovery log is one snapshot, however it is read. */
#include "../unit.h"
#include "peer.h"

#include <errno.h>
#include <stdio.h>

/* A handle at a peer's discovery controller. */
static struct nvmf_ctrl *connect_to(struct peer *p)
{
	struct nvmf_ctrl_options o = peer_client(p);
	struct nvmf_ctrl *ctrl;

	o.subnqn = NULL;
	ctrl = nvmf_ctrl_create(&o);
	assert_int_equal(nvmf_ctrl_connect(ctrl), 0);
	return ctrl;
}

static void assert_reads(struct nvmf_ctrl *ctrl, unsigned int records, uint64_t generation)
{
	struct nvmf_discovery *log;
	char name[64];

	assert_int_equal(nvmf_discovery_read(ctrl, &log, NULL), 0);
	assert_int_equal(nvmf_discovery_count(log), records);
	assert_int_equal(nvmf_discovery_generation(log), generation);
	for (unsigned int i = 0; i < records; i++) {
		const struct nvmf_discovery_record *r = nvmf_discovery_at(log, i);

		snprintf(name, sizeof(name), "nqn.x:%u:%u", (unsigned int)generation, i);
		assert_string_equal(r->subnqn, name);
		assert_string_equal(r->trsvcid, "4420");
		assert_string_equal(r->traddr, "");
		assert_int_equal(r->portid, i);
	}
	assert_null(nvmf_discovery_at(log, records));
	nvmf_discovery_free(log);
}

static void logs_of_all_lengths(void **state)
{
	static const unsigned int records[] = { 0, 1, 3, 4, 5, 100 };

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct peer_options options = PEER_OPTIONS;
		struct nvmf_ctrl *ctrl;
		struct peer p;

		options.records = records[i];
		peer_start(&p, &options);
		ctrl = connect_to(&p);
		assert_reads(ctrl, records[i], 0);
		assert_int_equal(nvmf_ctrl_open_queues(ctrl, 1, 2), -EOPNOTSUPP);
		nvmf_ctrl_destroy(ctrl);
		peer_stop(&p);
	}
}

static void a_log_that_changes_is_read_again(void **state)
{
	struct peer_options options = PEER_OPTIONS;
	struct nvmf_discovery *log;
	struct nvmf_ctrl *ctrl;
	struct peer p;

	options.log_changes = 6;
	peer_start(&p, &options);
	ctrl = connect_to(&p);
	assert_reads(ctrl, 3, 6);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);

	options.log_changes = 1000;
	peer_start(&p, &options);
	ctrl = connect_to(&p);
	assert_int_equal(nvmf_discovery_read(ctrl, &log, NULL), -EAGAIN);
	assert_null(log);
	nvmf_ctrl_destroy(ctrl);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_of_all_lengths),
		cmocka_unit_test(a_log_that_changes_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
