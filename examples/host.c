/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connects to a subsystem, overwrites its first megabyte, reads it back, verifies.
 *
 *	host [--loop] ADDRESS PORT SUBNQN
 *
 * The writes are asynchronous, many under way at once; the reads wait, one by one.
 * With --loop the rest does not wait inside the library either: the program polls,
 * as one would that has more descriptors to look after.
 */
#include <nvmf/host.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NSID 1
#define PIECE 16384u
#define PIECES 64u

struct job {
	struct nvmf_ctrl *ctrl;
	struct nvmf_ns_info ns;
	bool has_loop;
	unsigned int left, failed;	/* writes */
};

/* Lets the controller's queues run, until something comes. */
static int turn(struct job *job)
{
	struct pollfd p = { nvmf_ctrl_fd(job->ctrl), POLLIN, 0 };

	if (!job->has_loop)
		return nvmf_ctrl_wait(job->ctrl, -1);
	poll(&p, 1, nvmf_ctrl_due(job->ctrl));
	return nvmf_ctrl_process(job->ctrl);
}

/* The end of a call that was started, if it was. */
static int finish(struct job *job, int started)
{
	int result = started;

	while (!started && (result = nvmf_ctrl_result(job->ctrl, NULL)) == -EINPROGRESS)
		turn(job);
	return result < 0 ? -1 : 0;
}

static int open_all(struct job *job)
{
	struct nvmf_ctrl *ctrl = job->ctrl;
	bool failed = job->has_loop ?
		finish(job, nvmf_ctrl_start_connect(ctrl)) ||
		finish(job, nvmf_ctrl_start_open_queues(ctrl, 1, 128)) ||
		finish(job, nvmf_ctrl_start_ns_info(ctrl, NSID, &job->ns)) :
		nvmf_ctrl_connect(ctrl) || nvmf_ctrl_open_queues(ctrl, 1, 128) < 0 ||
		nvmf_ctrl_ns_info(ctrl, NSID, &job->ns);

	if (failed)
		fprintf(stderr, "%s\n", nvmf_ctrl_error(ctrl));
	return failed ? -1 : 0;
}

static void written(void *cookie, const struct nvmf_completion *completion)
{
	struct job *job = cookie;

	job->left--;
	if (!completion->error && nvmf_status_is_success(completion->status))
		return;
	job->failed++;
	fprintf(stderr, "a write failed: %s\n", completion->error ? strerror(-completion->error) :
		nvmf_status_text(completion->status, false));
}

/* Queues every write, then lets the controller's queues run until all ended. */
static int write_all(struct job *job, const char *data)
{
	struct nvmf_queue *queue = nvmf_ctrl_queue(job->ctrl, 0);
	uint32_t blocks = PIECE / job->ns.block_size;

	for (; job->left < PIECES; job->left++)
		if (nvmf_queue_submit_write(queue, NSID, (uint64_t)job->left * blocks, blocks,
					    data + job->left * PIECE, PIECE, written, job)) {
			fprintf(stderr, "%s\n", nvmf_queue_error(queue));
			job->failed++;
			break;
		}
	while (job->left)
		if (turn(job) < 0) {
			fprintf(stderr, "%s\n", nvmf_ctrl_error(job->ctrl));
			return -1;
		}
	return job->failed ? -1 : 0;
}

static int verify_all(struct job *job, const char *data)
{
	struct nvmf_queue *queue = nvmf_ctrl_queue(job->ctrl, 0);
	uint32_t blocks = PIECE / job->ns.block_size;
	static char back[PIECE];

	for (unsigned int i = 0; i < PIECES; i++) {
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

static int run(struct job *job)
{
	static char data[PIECE * PIECES];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 2654435761u >> 13);
	if (open_all(job) || write_all(job, data) || verify_all(job, data))
		return -1;
	printf("%u bytes written, read and found the same\n", PIECE * PIECES);
	return job->has_loop ? finish(job, nvmf_ctrl_start_shutdown(job->ctrl)) : 0;
}

int main(int argc, char **argv)
{
	struct nvmf_ctrl_options options = NVMF_CTRL_OPTIONS_INIT;
	struct job job = { .has_loop = argc == 5 && !strcmp(argv[1], "--loop") };
	int result;

	if (argc != 4 + job.has_loop) {
		fprintf(stderr, "usage: host [--loop] ADDRESS PORT SUBNQN\n");
		return EXIT_FAILURE;
	}
	options.traddr = argv[argc - 3];
	options.trsvcid = argv[argc - 2];
	options.subnqn = argv[argc - 1];
	options.keep_alive_ms = 10000;
	job.ctrl = nvmf_ctrl_create(&options);
	if (!job.ctrl)
		return EXIT_FAILURE;
	result = run(&job);
	nvmf_ctrl_destroy(job.ctrl);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
