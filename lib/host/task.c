/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that take several commands.  A started call is a task, which only
 * nvmf_ctrl_process moves on: what completes within a queue notes its answer and
 * no more.  The calls that wait start the same task and process until it is over.
 */
#include "host/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum task_state { TO_BEGIN, UNDER_WAY, ANSWERED };

int host_task_start(struct nvmf_ctrl *ctrl, const struct task_kind *kind, struct task **task)
{
	struct task *t;

	if (ctrl->task)
		return host_queue_fail(&ctrl->admin, -EBUSY, "another started call is under way");
	t = calloc(1, sizeof(*t));
	if (!t)
		return host_queue_fail(&ctrl->admin, -ENOMEM, "out of memory for a started call");
	t->kind = kind;
	t->ctrl = ctrl;
	ctrl->task = *task = t;
	ctrl->result = -EINPROGRESS;
	ctrl->last = (struct nvmf_completion){ .error = -EINPROGRESS };
	return 0;
}

/* ---- commands ----------------------------------------------------------------------------- */

static void answered(void *cookie, const struct nvmf_completion *completion)
{
	struct task *t = cookie;

	t->completion = *completion;
	t->state = ANSWERED;
	t->is_sent = false;
	if (!t->ctrl)
		free(t);
}

int host_task_send(struct task *t, struct nvmf_queue *q, const struct nvme_sqe *sqe,
		   uint32_t length, const char *what)
{
	int error;

	t->what = what;
	t->is_fabrics = sqe->opcode == NVME_OPCODE_FABRICS;
	error = host_queue_submit_sqe(q, sqe, length ? t->data : NULL, length, false, answered, t);
	t->is_sent = !error;
	return error;
}

int host_task_command(struct task *t, const struct nvmf_command *command, uint32_t length,
		      const char *what)
{
	struct nvmf_queue *admin = &t->ctrl->admin;
	struct nvme_sqe sqe;
	int error = host_queue_build_sqe(admin, command, length, &sqe);

	return error ? error : host_task_send(t, admin, &sqe, length, what);
}

void host_task_answer(struct nvmf_ctrl *ctrl, int error)
{
	struct nvmf_completion completion = { .error = error };

	if (ctrl->task)
		answered(ctrl->task, &completion);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void release(struct nvmf_ctrl *ctrl, struct task *t)
{
	ctrl->task = NULL;
	t->ctrl = NULL;
	/* Else its command, still under way, frees it. */
	if (!t->is_sent)
		free(t);
}

/* The task is over. */
static void finish(struct nvmf_ctrl *ctrl, struct task *t, int result)
{
	if (t->kind->end)
		result = t->kind->end(ctrl, t, result);
	ctrl->result = result;
	ctrl->last = t->completion;
	release(ctrl, t);
}

void host_task_abandon(struct nvmf_ctrl *ctrl)
{
	struct task *t = ctrl->task;

	if (!t)
		return;
	if (t->kind->end)
		t->kind->end(ctrl, t, -ECANCELED);
	ctrl->result = -ECANCELED;
	release(ctrl, t);
}

/* ---- going on -------------------------------------------------------------------------------- */

static int begin(struct nvmf_ctrl *ctrl, struct task *t, const struct step *step)
{
	int verdict;

	t->what = NULL;
	t->completion = (struct nvmf_completion){ .error = 0 };
	t->state = UNDER_WAY;
	verdict = step->begin(ctrl, t);
	if (verdict == STEP_ON)
		return STEP_AGAIN;	/* its end is to come */
	t->state = TO_BEGIN;
	if (verdict == -EAGAIN)		/* the queue is full of the caller's commands */
		return STEP_LATER;
	if (verdict < 0)
		t->completion.error = verdict;
	return verdict;
}

static int take(struct nvmf_ctrl *ctrl, struct task *t, const struct step *step)
{
	const struct nvmf_completion *c = &t->completion;

	t->state = TO_BEGIN;
	if (!step->may_fail && c->error && !t->what)
		return c->error;	/* a queue's, with its sentence */
	if (!step->may_fail && (c->error || !nvmf_status_is_success(c->status)))
		return host_queue_fail_completion(&ctrl->admin, c, t->is_fabrics, t->what);
	return step->take ? step->take(ctrl, t) : STEP_ON;
}

static int go_on(struct nvmf_ctrl *ctrl, struct task *t, const struct step *step)
{
	if (t->state == UNDER_WAY)	/* and the admin queue has ended */
		return ctrl->admin.error;
	return t->state == ANSWERED ? take(ctrl, t, step) : begin(ctrl, t, step);
}

static void move(struct nvmf_ctrl *ctrl, struct task *t)
{
	const struct step *step = &t->kind->steps[t->step];
	int verdict;

	if (!step->begin) {
		finish(ctrl, t, 0);
		return;
	}
	t->begin_at = 0;
	verdict = go_on(ctrl, t, step);
	if (verdict < 0)
		finish(ctrl, t, verdict);
	else if (verdict == STEP_LATER)
		t->begin_at = host_now_ms() + POLL_MS;
	else if (verdict == STEP_RESTART)
		t->step = 0;
	else if (verdict != STEP_AGAIN)
		t->step++;
}

uint64_t host_task_due(const struct nvmf_ctrl *ctrl)
{
	const struct task *t = ctrl->task;

	if (!t)
		return UINT64_MAX;
	if (t->state == ANSWERED || ctrl->admin.stage == STAGE_CLOSED)
		return 0;
	return t->state == TO_BEGIN ? t->begin_at : UINT64_MAX;
}

bool host_task_run(struct nvmf_ctrl *ctrl)
{
	bool has_moved = false;

	while (host_task_due(ctrl) <= host_now_ms()) {
		move(ctrl, ctrl->task);
		has_moved = true;
	}
	return has_moved;
}

/* ---- for the caller ---------------------------------------------------------------------------- */

int nvmf_ctrl_result(struct nvmf_ctrl *ctrl, struct nvmf_completion *completion)
{
	if (completion)
		*completion = ctrl->last;
	return ctrl->result;
}

int host_task_wait(struct nvmf_ctrl *ctrl, int started, struct nvmf_completion *completion)
{
	if (started && completion)
		*completion = (struct nvmf_completion){ .error = started };
	if (started)
		return started;
	while (ctrl->result == -EINPROGRESS) {
		int n = nvmf_ctrl_wait(ctrl, -1);

		/* The end of the admin queue has ended the task: it is poll that fails. */
		if (n < 0 && ctrl->result == -EINPROGRESS) {
			host_task_abandon(ctrl);
			ctrl->result = n;
		}
	}
	return nvmf_ctrl_result(ctrl, completion);
}
