/* SPDX-License-Identifier: BSD-2-Clause */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- storage ------------------------------------------------------------------------- */

static void move(struct rig *rig, struct nvmf_io *io)
{
	if (io->opcode == NVMF_IO_READ)
		memcpy(io->data, rig->bytes + io->offset, io->length);
	else if (io->opcode == NVMF_IO_WRITE)
		memcpy(rig->bytes + io->offset, io->data, io->length);
}

static void hold(struct rig *rig, struct nvmf_io *io)
{
	pthread_mutex_lock(&rig->lock);
	assert_true(rig->held_count < RIG_HELD);
	io->program[0] = rig;		/* ours while it is pending */
	rig->held[rig->held_count++] = io;
	pthread_cond_broadcast(&rig->changed);
	pthread_mutex_unlock(&rig->lock);
}

static int submit(void *cookie, struct nvmf_io *io)
{
	struct rig *rig = cookie;
	enum rig_mood mood = rig->mood;		/* clang's switch takes no atomic */

	assert_true(io->offset + io->length <= RIG_BYTES);
	rig->calls[io->opcode]++;
	rig->fua += (io->flags & NVMF_IO_FUA) != 0;
	switch (mood) {
	case RIG_FAILS:
		return rig->error;
	case RIG_BEFORE:
		move(rig, io);
		nvmf_io_complete(io, 0);
		return NVMF_IO_PENDING;
	case RIG_HOLDS_FLUSHES:
		if (io->opcode != NVMF_IO_FLUSH)
			break;
		/* fallthrough */
	case RIG_LATER:
	case RIG_HOLDS:
		hold(rig, io);
		return NVMF_IO_PENDING;
	default:
		break;
	}
	move(rig, io);
	return 0;
}

static void closed(void *cookie)
{
	((struct rig *)cookie)->closed++;
}

static const struct nvmf_storage storage = { sizeof(storage), submit, closed };

static void finish_held(struct rig *rig)
{
	while (rig->held_count) {
		struct nvmf_io *io = rig->held[--rig->held_count];

		assert_ptr_equal(io->program[0], rig);
		move(rig, io);
		nvmf_io_complete(io, 0);
	}
}

static void *complete(void *argument)
{
	struct rig *rig = argument;

	pthread_mutex_lock(&rig->lock);
	while (!rig->must_end) {
		if (rig->mood < RIG_HOLDS)
			finish_held(rig);
		pthread_cond_wait(&rig->changed, &rig->lock);
	}
	pthread_mutex_unlock(&rig->lock);
	return NULL;
}

void rig_release(struct rig *rig)
{
	pthread_mutex_lock(&rig->lock);
	rig->mood = rig->mood == RIG_HOLDS_FLUSHES ? RIG_AT_ONCE : RIG_LATER;
	pthread_cond_broadcast(&rig->changed);
	pthread_mutex_unlock(&rig->lock);
}

void rig_await_held(struct rig *rig, unsigned int count)
{
	pthread_mutex_lock(&rig->lock);
	while (rig->held_count != count)
		pthread_cond_wait(&rig->changed, &rig->lock);
	pthread_mutex_unlock(&rig->lock);
}

/* ---- driving ------------------------------------------------------------------------- */

static void *drive(void *argument)
{
	struct rig *rig = argument;
	struct pollfd p[2] = { { .fd = nvmf_target_fd(rig->target), .events = POLLIN },
			       { .fd = rig->wake[0], .events = POLLIN } };

	while (!(p[1].revents & POLLIN)) {
		poll(p, 2, nvmf_target_due(rig->target));
		nvmf_target_process(rig->target);
	}
	return NULL;
}

void rig_drive(struct rig *rig)
{
	assert_int_equal(pipe(rig->wake), 0);
	assert_int_equal(pthread_create(&rig->driver, NULL, drive, rig), 0);
	rig->has_driver = true;
}

void rig_undrive(struct rig *rig)
{
	if (!rig->has_driver)
		return;
	assert_int_equal(write(rig->wake[1], "", 1), 1);
	pthread_join(rig->driver, NULL);
	close(rig->wake[0]);
	close(rig->wake[1]);
	rig->has_driver = false;
}

/* ---- opening and closing --------------------------------------------------------------- */

static void say(void *cookie, enum nvmf_log_level level, const char *sentence)
{
	((struct rig *)cookie)->said++;
}

void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	pthread_mutex_init(&rig->lock, NULL);
	pthread_cond_init(&rig->changed, NULL);
	rig->options = (struct nvmf_target_options)NVMF_TARGET_OPTIONS_INIT;
	rig->options.subnqn = RIG_NQN;
	rig->options.log = say;
	rig->options.log_cookie = rig;
	rig->ns = (struct nvmf_ns_options)NVMF_NS_OPTIONS_INIT;
	rig->ns.storage = &storage;
	rig->ns.cookie = rig;
	rig->ns.bytes = RIG_BYTES;
	assert_int_equal(pthread_create(&rig->completer, NULL, complete, rig), 0);
}

void rig_start(struct rig *rig)
{
	rig->target = nvmf_target_create(&rig->options);
	assert_non_null(rig->target);
	assert_int_equal(nvmf_target_add_ns(rig->target, &rig->ns), 1);
	rig->port = nvmf_target_listen(rig->target, "127.0.0.1", 0, 0);
	assert_true(rig->port > 0);
	assert_int_equal(nvmf_target_start(rig->target), 0);
}

void rig_close(struct rig *rig)
{
	rig_undrive(rig);
	nvmf_target_destroy(rig->target);
	pthread_mutex_lock(&rig->lock);
	rig->must_end = true;
	pthread_cond_broadcast(&rig->changed);
	pthread_mutex_unlock(&rig->lock);
	pthread_join(rig->completer, NULL);
	pthread_mutex_destroy(&rig->lock);
	pthread_cond_destroy(&rig->changed);
}

/* ---- a host ------------------------------------------------------------------------------- */

struct nvmf_ctrl *rig_connect(struct rig *rig, unsigned int queues)
{
	struct nvmf_ctrl_options options = NVMF_CTRL_OPTIONS_INIT;
	struct nvmf_ctrl *ctrl;
	char service[8];

	snprintf(service, sizeof(service), "%d", rig->port);
	options.traddr = "127.0.0.1";
	options.trsvcid = service;
	options.subnqn = RIG_NQN;
	ctrl = nvmf_ctrl_create(&options);
	assert_non_null(ctrl);
	if (nvmf_ctrl_connect(ctrl) || nvmf_ctrl_open_queues(ctrl, queues, 64) != (int)queues)
		fail_msg("%s", nvmf_ctrl_error(ctrl));
	return ctrl;
}
