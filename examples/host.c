/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connects to a subsystem, writes its first megabyte, reads it back, verifies.
 * What is there is overwritten.
 *
 *	host ADDRESS PORT SUBNQN
 *
 * The writes are asynchronous, many under way at once; the reads wait, one by
 * one.  Both go over the same I/O queue.
 */
#include <nvmf/host.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NSID 1
#define PIECE 16384u
#define PIECES 64u

struct writes {
	unsigned int left, failed;
};

static void written(void *cookie, const struct nvmf_completion *completion)
{
	struct writes *writes = cookie;

	writes->left--;
	if (completion->error || !nvmf_status_is_success(completion->status))
		writes->failed++;
}

/* Queues every write, then lets the controller's queues run until all ended. */
static int write_all(struct nvmf_ctrl *ctrl, const struct nvmf_ns_info *ns, const char *data)
{
	struct nvmf_queue *queue = nvmf_ctrl_queue(ctrl, 0);
	struct writes writes = { 0, 0 };
	uint32_t blocks = PIECE / ns->block_size;

	for (unsigned int i = 0; i < PIECES; i++) {
		if (nvmf_queue_submit_write(queue, NSID, (uint64_t)i * blocks, blocks,
					    data + i * PIECE, PIECE, written, &writes)) {
			fprintf(stderr, "%s\n", nvmf_queue_error(queue));
			writes.failed++;
			break;
		}
		writes.left++;
	}
	while (writes.left)
		if (nvmf_ctrl_wait(ctrl, -1) < 0)
			return -1;
	return writes.failed ? -1 : 0;
}

static int verify_all(struct nvmf_ctrl *ctrl, const struct nvmf_ns_info *ns, const char *data)
{
	static char back[PIECE];
	uint32_t blocks = PIECE / ns->block_size;

	for (unsigned int i = 0; i < PIECES; i++) {
		struct nvmf_queue *queue = nvmf_ctrl_queue(ctrl, 0);

		if (nvmf_queue_read(queue, NSID, (uint64_t)i * blocks, blocks, back, PIECE, NULL)) {
			fprintf(stderr, "%s\n", nvmf_queue_error(queue));
			return -1;
		}
		if (memcmp(back, data + i * PIECE, PIECE)) {
			fprintf(stderr, "piece %u came back changed\n", i);
			return -1;
		}
	}
	return 0;
}

static int run(struct nvmf_ctrl *ctrl)
{
	static char data[PIECE * PIECES];
	struct nvmf_ns_info ns;

	if (nvmf_ctrl_connect(ctrl) || nvmf_ctrl_open_queues(ctrl, 1, 128) < 0 ||
	    nvmf_ctrl_ns_info(ctrl, NSID, &ns)) {
		fprintf(stderr, "%s\n", nvmf_ctrl_error(ctrl));
		return -1;
	}
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 2654435761u >> 13);
	if (write_all(ctrl, &ns, data) || verify_all(ctrl, &ns, data))
		return -1;
	printf("%u bytes written, read and found the same\n", PIECE * PIECES);
	return 0;
}

int main(int argc, char **argv)
{
	struct nvmf_ctrl_options options = NVMF_CTRL_OPTIONS_INIT;
	struct nvmf_ctrl *ctrl;
	int result;

	if (argc != 4) {
		fprintf(stderr, "usage: host ADDRESS PORT SUBNQN\n");
		return EXIT_FAILURE;
	}
	options.traddr = argv[1];
	options.trsvcid = argv[2];
	options.subnqn = argv[3];
	options.keep_alive_ms = 10000;
	ctrl = nvmf_ctrl_create(&options);
	if (!ctrl)
		return EXIT_FAILURE;
	result = run(ctrl);
	nvmf_ctrl_destroy(ctrl);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
