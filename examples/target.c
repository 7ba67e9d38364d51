/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serves a RAM disk, which any NVMe/TCP host can use, until SIGINT or SIGTERM.
 *
 *	target ADDRESS PORT SUBNQN MEBIBYTES
 *
 * The target is driven by this program's own loop, which has room for other
 * descriptors beside the target's.
 */
#include <nvmf/target.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* A read or a write, or a flush, which memory has no need of. */
static int serve(void *cookie, struct nvmf_io *io)
{
	char *place = (char *)cookie + io->offset;

	if (io->opcode == NVMF_IO_READ)
		memcpy(io->data, place, io->length);
	else if (io->opcode == NVMF_IO_WRITE)
		memcpy(place, io->data, io->length);
	return 0;
}

static const struct nvmf_storage ram_disk = { sizeof(ram_disk), serve, free };

static void say(void *cookie, enum nvmf_log_level level, const char *sentence)
{
	fprintf(stderr, "target: %s\n", sentence);
}

/* The target owns the disk from here on. */
static int add_disk(struct nvmf_target *target, size_t bytes)
{
	struct nvmf_ns_options options = NVMF_NS_OPTIONS_INIT;

	options.storage = &ram_disk;
	options.bytes = bytes;
	options.block_size = 4096;
	options.is_immediate = true;
	options.cookie = calloc(1, bytes);
	if (!options.cookie)
		return -ENOMEM;
	if (nvmf_target_add_ns(target, &options) < 0) {
		free(options.cookie);
		return -1;
	}
	return 0;
}

/* A descriptor that becomes readable when the program shall end. */
static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void run(struct nvmf_target *target, int signals)
{
	struct pollfd p[2] = { { .fd = nvmf_target_fd(target), .events = POLLIN },
			       { .fd = signals, .events = POLLIN } };

	do {
		if (poll(p, 2, nvmf_target_due(target)) < 0 && errno != EINTR)
			return;
		nvmf_target_process(target);
	} while (!(p[1].revents & POLLIN));
}

static int start(struct nvmf_target *target, char **argv)
{
	int port, result = add_disk(target, strtoul(argv[4], NULL, 0) << 20);

	if (result)
		return result;
	port = nvmf_target_listen(target, argv[1], (uint16_t)atoi(argv[2]), 0);
	if (port < 0 || nvmf_target_start(target))
		return -1;
	printf("nvme connect -t tcp -a %s -s %d -n %s\n", argv[1], port, argv[3]);
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	struct nvmf_target_options options = NVMF_TARGET_OPTIONS_INIT;
	struct nvmf_target *target;
	int failed;

	if (argc != 5) {
		fprintf(stderr, "usage: target ADDRESS PORT SUBNQN MEBIBYTES\n");
		return EXIT_FAILURE;
	}
	options.subnqn = argv[3];
	options.log = say;
	target = nvmf_target_create(&options);
	if (!target)
		return EXIT_FAILURE;
	failed = start(target, argv);
	if (failed)
		fprintf(stderr, "target: %s\n", nvmf_target_error(target));
	else
		run(target, watch_signals());
	nvmf_target_destroy(target);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
