/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share. */
#ifndef NVMF_HOST_INTERNAL_H
#define NVMF_HOST_INTERNAL_H

#include "base/list.h"
#include "qpair/qpair.h"
#include "wire/fabrics.h"

#include <nvmf/host.h>

#define SENTENCE_SIZE 512
#define RECEIVE_BUFFER_SIZE (256u * 1024)
#define SPARE_CHUNKS 4
#define PATIENCE_MS 100
/* Between two looks at CSTS. */
#define POLL_MS 20
/* For the controller to close in after a TermReq of ours (the specification allows
 * it 30 s, a host that waits for nothing else has more to do). */
#define LINGER_MS 1000
/* So many addresses of a name are tried. */
#define ADDRESSES_MAX 8

/* A place for one command under way; its index is the command identifier. */
struct slot {
	struct capsule capsule;		/* its link: free or busy */
	nvmf_done *done;
	void *cookie;
	uint64_t deadline;		/* ms; UINT64_MAX: none */
	bool is_parked;			/* neither counted nor on the busy list */
};

/* How far a queue has come; each but the first has a socket. */
enum stage {
	STAGE_CLOSED,
	STAGE_DIALING,		/* TCP connects */
	STAGE_GREETING,		/* ICReq is on its way, ICResp is awaited */
	STAGE_JOINING,		/* Connect is under way */
	STAGE_OPEN,
};

struct joining;			/* what a queue holds until it is open */

struct nvmf_queue {
	struct nvmf_ctrl *ctrl;
	uint16_t qid;
	enum stage stage;
	bool is_detached;
	int error;			/* why it is not open, -errno */
	unsigned int ended;		/* commands that ended, by now */
	struct joining *joining;
	uint32_t watched;		/* epoll events that the controller looks for; 0: none */

	struct qpair qpair;
	struct qpair_buffer buffer;
	struct tcp_config config;
	void *spare[SPARE_CHUNKS];	/* send chunks to be used again */
	unsigned int spares;

	struct slot *slots;
	unsigned int depth, busy_count;
	struct list free, busy;		/* busy: by age, hence by deadline */
	uint32_t command_timeout_ms;
	uint64_t lingers_until;		/* ms: after our TermReq; 0: none was sent */

	char sentence[SENTENCE_SIZE];	/* about the last error */
	char ending[SENTENCE_SIZE];	/* why it is not open */
};

struct nvmf_ctrl {
	struct nvmf_ctrl_options options;
	char *traddr, *trsvcid, *subnqn, *hostnqn;	/* what options point to */
	uint8_t hostid[16];
	struct net_address addresses[ADDRESSES_MAX];	/* of traddr */
	unsigned int address_count, address;		/* address: the one that answered */

	int epoll_fd;			/* of all sockets but those of detached queues */
	struct nvmf_queue admin;
	struct nvmf_queue **queues;
	unsigned int queue_count;
	struct nvmf_queue *opening;	/* the one after them, while it connects */

	struct task *task;		/* the started call that is under way */
	int result;			/* of the last one */
	struct nvmf_completion last;	/* of the last one's last command */

	struct nvmf_ctrl_info info;
	uint16_t ofcs;
	uint64_t keep_alive_due;	/* ms; UINT64_MAX: never */
	bool keep_alive_pending;
	bool was_connected;

	struct {
		nvmf_on_event *call;	/* NULL: nobody wants to know */
		void *cookie;
		bool is_awaited;	/* a request is with the controller */
	} events;
};

/* ---- error.c ---- */

/* Notes the sentence, with the queue before it, and returns `error`, a negative
 * errno. */
int host_queue_fail(struct nvmf_queue *, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Notes why the queue ends with this error: the sentence of now. */
void host_queue_note_end(struct nvmf_queue *, int error);
/* For calls with a queue that is not open; the latter says why. */
int host_queue_closed_error(const struct nvmf_queue *);
int host_queue_fail_closed(struct nvmf_queue *);
/* For a command that ended badly: "what: Invalid Field in Command". */
int host_queue_fail_completion(struct nvmf_queue *, const struct nvmf_completion *,
			       bool is_fabrics, const char *what);

/* ---- task.c ---- */

/*
 * A call that takes several commands: a table of steps, run one after the other
 * from within nvmf_ctrl_process.  At most one is under way with a controller.
 */
enum {			/* what a step may say besides -errno */
	STEP_ON,	/* begin: an answer will come.  take: the next step */
	STEP_SKIP,	/* begin: there is nothing to do, the next step */
	STEP_AGAIN,	/* take: once more, at once */
	STEP_LATER,	/* take: once more, in POLL_MS */
	STEP_RESTART,	/* take: from the first step on */
};

struct step {
	int (*begin)(struct nvmf_ctrl *, struct task *);
	/* The answer is here, a success; NULL: there is nothing to learn from it. */
	int (*take)(struct nvmf_ctrl *, struct task *);
	bool may_fail;		/* take any answer for a success */
};

struct task_kind {
	const struct step *steps;	/* ends with one without begin */
	/* It is over, with 0 or -errno; what the caller gets.  May be NULL. */
	int (*end)(struct nvmf_ctrl *, struct task *, int error);
};

struct task {
	const struct task_kind *kind;
	struct nvmf_ctrl *ctrl;		/* NULL: nobody waits for it any more */
	unsigned int step;
	uint8_t state;
	uint64_t begin_at;		/* ms */
	const char *what;		/* the step's command, for sentences; NULL: none */
	bool is_fabrics, is_sent;	/* is_sent: the command is under way */
	struct nvmf_completion completion;

	/* The kinds' own. */
	uint64_t until;			/* ms: when to give up */
	unsigned int wanted, entries, tries, index;
	void *target;			/* the caller's, to be filled in the end */
	size_t target_size;
	struct nvmf_discovery *log;
	_Alignas(8) uint8_t data[NVME_IDENTIFY_SIZE];	/* what commands read */
};

/* A task of this kind, to begin with the next nvmf_ctrl_process.  -EBUSY: one is
 * under way. */
int host_task_start(struct nvmf_ctrl *, const struct task_kind *, struct task **);
/* Sends the command of a step, for its begin to return. */
int host_task_send(struct task *, struct nvmf_queue *, const struct nvme_sqe *, uint32_t length,
		   const char *what);
int host_task_command(struct task *, const struct nvmf_command *, uint32_t length,
		      const char *what);
/* The answer of a step that sends none. */
void host_task_answer(struct nvmf_ctrl *, int error);
/* Goes on as far as it can.  Whether it did anything. */
bool host_task_run(struct nvmf_ctrl *);
/* Milliseconds, as host_now_ms: when it wants to run; UINT64_MAX: an answer has to come. */
uint64_t host_task_due(const struct nvmf_ctrl *);
/* Nobody waits for it any more. */
void host_task_abandon(struct nvmf_ctrl *);
/* Drives what a start call has begun, with its result `started`, to its end. */
int host_task_wait(struct nvmf_ctrl *, int started, struct nvmf_completion *);

/* ---- queue.c ---- */

uint64_t host_now_ms(void);

/* The slots for a queue of `entries`.  0 or -ENOMEM. */
int host_queue_init(struct nvmf_queue *, struct nvmf_ctrl *, uint16_t qid, unsigned int entries);
/* nvmf_queue_process; by choice it waits up to PATIENCE_MS for the first byte. */
int host_queue_process(struct nvmf_queue *, bool may_wait);
/* Sends and takes what there is, as host_queue_process.  False: the connection has ended. */
bool host_queue_transfer(struct nvmf_queue *, bool may_wait);
/* The sentence of a connection that has ended; -EPIPE. */
int host_queue_fail_ended(struct nvmf_queue *);
/* TCP is connected: NVMe/TCP begins. */
int host_queue_start(struct nvmf_queue *);
/* Ends it: every command under way completes with `error`. */
void host_queue_end(struct nvmf_queue *, int error);
void host_queue_free(struct nvmf_queue *);

/* Lays a command out; -EINVAL: its opcode has no data. */
int host_queue_build_sqe(struct nvmf_queue *, const struct nvmf_command *, uint32_t length,
			 struct nvme_sqe *);
bool host_is_to_controller(const struct nvmf_command *);
/* Queues a command made of a whole submission queue entry. */
int host_queue_submit_sqe(struct nvmf_queue *, const struct nvme_sqe *, void *data,
			  uint32_t length, bool to_controller, nvmf_done *, void *cookie);

/* The command submitted last is one that is answered whenever there is reason to: it
 * has no deadline, and who asks what is under way does not mean it. */
void host_queue_park(struct nvmf_queue *);

/* ---- wait.c ---- */

/* The shorter of two times; -1: for ever. */
int host_sooner(int a, int b);
/* Drives the queue, or all of its controller's, until something comes. */
int host_queue_drive(struct nvmf_queue *, int timeout_ms);
/* nvmf_queue_execute, with a name for the sentence. */
int host_queue_execute(struct nvmf_queue *, const struct nvmf_command *, void *data,
		       uint32_t length, struct nvmf_completion *, const char *what);
/* Submits and waits for the end. */
int host_queue_execute_sqe(struct nvmf_queue *, const struct nvme_sqe *, void *data,
			   uint32_t length, bool to_controller, struct nvmf_completion *);

/* Milliseconds until then; -1: never. */
int host_ms_until(uint64_t then);
/* The earliest time at which the queue wants to be processed. */
uint64_t host_queue_next(const struct nvmf_queue *);

/* Commands that the socket was not yet offered? */
bool host_queue_has_unsent(const struct nvmf_queue *);

static inline bool host_queue_is_open(const struct nvmf_queue *q)
{
	return q->stage == STAGE_OPEN;
}

/* ---- loop.c ---- */

/* Lets the controller's descriptor look for what the queue waits for now. */
int host_queue_watch(struct nvmf_queue *);
void host_queue_unwatch(struct nvmf_queue *);

/* ---- connect.c ---- */

const char *host_ctrl_service(const struct nvmf_ctrl *);
/* Finds the controller's addresses; `may_wait`: by a name server. */
int host_ctrl_resolve(struct nvmf_ctrl *, bool may_wait);
/* Begins TCP, ICReq and Connect; host_task_answer follows, with the queue open or
 * closed again. */
int host_queue_connect(struct nvmf_queue *, unsigned int entries);
/* Goes on with it, within the queue's processing. */
int host_queue_join(struct nvmf_queue *);
uint64_t host_queue_join_due(const struct nvmf_queue *);
void host_queue_free_joining(struct nvmf_queue *);
bool host_ctrl_knows_disconnect(const struct nvmf_ctrl *);

/* ---- property.c ---- */

/* Beginnings of steps: the property is in the completion that takes. */
int host_ask_property(struct nvmf_ctrl *, struct task *, uint32_t offset, unsigned int bytes);
int host_put_cc(struct nvmf_ctrl *, struct task *, uint32_t cc);
uint64_t host_property(const struct nvmf_completion *);

struct csts_goal {
	uint32_t mask, value;
	unsigned int timeout_ms;
	const char *what;		/* "become ready" */
};

/* Asks until the goal is reached. */
int host_ask_csts(struct nvmf_ctrl *, struct task *);
int host_take_csts(struct nvmf_ctrl *, struct task *, const struct csts_goal *);

/* ---- ctrl.c ---- */

/* For a caller whose structure may be older, or newer, than ours. */
void host_copy_sized(void *to, size_t size, const void *from, size_t have);
unsigned int host_admin_entries(const struct nvmf_ctrl *);
int host_check_options(struct nvmf_ctrl *);

/* ---- identity.c ---- */

/* Host identifier and NQN from what the options give. */
int host_ctrl_take_identity(struct nvmf_ctrl *);

/* ---- event.c ---- */

/* Asks for the first one, where somebody wants to know. */
int host_events_start(struct nvmf_ctrl *);

/* ---- keep_alive.c ---- */

void host_keep_alive_start(struct nvmf_ctrl *);
/* Sends one if it is time. */
void host_keep_alive_check(struct nvmf_ctrl *, uint64_t now);

#endif
