/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Controllers and their queues, as the files of this room see them.
 *
 * Who owns what.  A queue lives on one worker, which alone touches it.  The
 * worker of a controller's admin queue is the controller's owner and alone
 * touches the controller.  An I/O queue elsewhere talks to its controller by
 * messages that lie in the queue:
 *
 *	queue's worker                      owner
 *	--------------                      -----
 *	ask   "may I join?"           -->   controller_admit
 *	      queue_admitted          <--   ask, with a status
 *	      (I/O)
 *	      queue_told_to_end       <--   end
 *	leave "all is drained"        -->   controller_lost
 *	      buried                  <--   leave
 *
 * What an I/O queue reads of its controller is set before it joins.
 */
#ifndef NVMF_CONTROLLER_CONTROLLER_H
#define NVMF_CONTROLLER_CONTROLLER_H

#include "controller/target.h"

#include <stdatomic.h>

#define ERROR_ENTRIES 128		/* ELPE + 1 */
#define AER_LIMIT 4			/* AERL + 1 */
#define ABORT_LIMIT 4			/* ACL + 1 */
#define ADMIN_ENTRIES_MAX 4096
#define ADMIN_ENTRIES_MIN 32		/* told in the discovery log as ASQSZ */
#define CAP_TIMEOUT_S 30
#define DRAIN_DEADLINE_S 20		/* shorter than CAP.TO */
#define INCOMPLETE_S 10			/* without an I/O queue that was lost */
#define DISCOVERY_IDLE_S 120		/* without a keep alive timer */
#define KEEP_ALIVE_UNIT_MS 100		/* KAS */
/* Kelvin: there is no sensor, so it is what a room has; and what would be too warm. */
#define TEMPERATURE 295
#define TEMPERATURE_WARNING 343
#define TEMPERATURE_CRITICAL 353

struct queue;
struct controller;
struct error_log;

/* An Abort: on the worker of the queue that is asked, and back. */
struct abort {
	struct worker_message message;
	struct queue *queue;		/* that is asked */
	uint16_t cid;
	bool has_ended;			/* the answer */
	struct request *victim;		/* whose end is waited for ... */
	struct timer patience;		/* ... for so long */
};

/* A command from its capsule to its response. */
struct request {
	struct capsule capsule;		/* first */
	struct queue *queue;
	const struct namespace *ns;
	struct ns_lane *lane;		/* of ns, entered; NULL: it has none */
	uint64_t began;			/* ns: the turn in which a Read or Write came */
	uint8_t *buffer;		/* ours; NULL: none */
	uint32_t buffer_size;
	bool is_copy;			/* the buffer: worker_take gave it */
	bool is_fetched;		/* an admin command's data stands in it */
	bool is_fused;			/* half of a Compare and Write (fused.c) */
	bool is_fetching;		/* ... whose data has been asked for */
	struct request *pair;		/* ... the other half; NULL: none, or none any more */
	struct abort *abort;		/* that waits for its end; NULL: none */
	bool is_job;			/* it is done in pieces */
	bool is_aborted;		/* ... and no other follows; or: this half was */
	bool has_failed;		/* by its storage's fault, not by its host's */
	/* Where in a command that was refused the wrong bit stands; 0: as the status has it. */
	uint16_t location;
	/* Last, for what lies behind op's front begins as it was left: a plain Read or Write
	 * needs none of it.  io_bind empties the job, flush_all_start and abort_execute set
	 * their own. */
	union {
		struct backend_op op;
		struct flush_all flush;	/* of every namespace */
		struct job job;		/* of what is done in pieces */
		struct abort abort_of;	/* of an Abort */
	};
};

enum queue_state {
	QUEUE_NEW,			/* nothing but Connect is taken */
	QUEUE_CONNECTING,
	QUEUE_LIVE,
	QUEUE_DISCONNECTED,		/* closes when the response has gone */
	QUEUE_ENDED,			/* its connection is closed: it drains */
};

/* A Connect that is being looked into. */
struct connect {
	struct nvmf_connect_cmd cmd;
	struct nvmf_connect_data data;
	uint64_t started;		/* ns */
	struct station *owner;		/* that was asked */
	const struct subsystem *subsystem;	/* good while its worker has its turn */
	/* The owner's answer. */
	uint16_t status;
	uint32_t dw0;
	struct controller *controller;
};

struct queue {
	struct connection connection;	/* first */
	struct target *target;
	struct station *station;	/* its worker's */
	struct list link;		/* station->queues */
	uint64_t port;			/* that it came by: its key */
	struct controller *controller;	/* NULL until admitted */
	const struct view *view;	/* what its commands may see */
	enum queue_state state;
	uint16_t qid;
	bool is_discovery;
	bool has_left;			/* the owner has been told */
	bool is_asking;			/* `ask` is on its way */
	bool was_told_to_end;		/* the owner's */
	bool may_end_alone;		/* without ending the association */
	uint32_t executing;		/* requests that are not free */
	size_t held;			/* bytes of the pool that its buffers take */
	struct list parked;		/* requests that wait for a buffer */
	struct pool_waiter waiter;
	struct request *half;		/* the first of a fused pair: the second comes next */
	struct timer wait;		/* of a Connect, Disconnect or half */
	struct connect *connect;
	struct request *connect_request;
	struct request *disconnect;	/* answered when nothing else is under way */
	struct worker_message ask, end, leave;
	/* When the last command came, ns: the owner's keep alive reads it. */
	_Atomic uint64_t last_command;
	struct health_total done;	/* by its host, completed */
	uint32_t dice;			/* for which of them the clock is read */
	struct latency latency;		/* of those */
};

enum notice { NOTICE_FAILURE, NOTICE_NAMESPACES, NOTICE_DISCOVERY, NOTICE_TEMPERATURE, NOTICES };

/* Features that are a number and no more. */
enum feature_value { VALUE_ARBITRATION, VALUE_POWER, VALUE_ATOMICITY, VALUES };

struct feature_state {
	uint32_t values[VALUES];
	uint16_t over, under;		/* kelvin */
	uint64_t timestamp;		/* ms, at `timestamp_ns` */
	uint64_t timestamp_ns;
	bool is_timestamp_set;		/* by the host; else it began with the reset */
	struct nvme_host_behavior behavior;
};

struct notice_state {
	bool is_pending;		/* to be sent when there is a request */
	bool is_masked;			/* it was sent, and its log not yet read */
};

enum drain { DRAIN_NONE, DRAIN_RESET, DRAIN_SHUTDOWN };

/* The place of an I/O queue. */
struct slot {
	struct queue *queue;		/* NULL: free */
	bool is_lost;			/* it ended without a Disconnect */
};

struct controller {
	struct list link;		/* in the registry, under its lock */
	struct list owned;		/* station->controllers */
	struct target *target;
	struct station *station;	/* the owner's */
	struct subsystem_life *life;	/* counted; final, as the host's names are */
	const struct subsystem *subsystem;	/* of the snapshot that station goes by */
	const struct view *view;
	bool is_discovery;
	uint16_t cntlid;
	char hostnqn[NQN_FIELD_SIZE];
	uint8_t hostid[16];
	/* Of the registry, under its lock: no queue may join any more. */
	bool is_ending;
	bool is_fenced;			/* `fence` is on its way; likewise */
	bool is_noticed;		/* ... and `notice` */
	struct news news;		/* that it brings */

	struct queue *admin;		/* NULL once it is drained */
	struct slot *slots;		/* [QID] */
	uint32_t io_queues;		/* the highest QID */
	uint32_t queue_count;		/* of them in use */
	uint32_t granted;		/* I/O queues granted; 0: not asked for */
	bool has_had_queues;		/* since the last reset: `granted` is final */

	uint32_t cc, csts;
	enum drain drain;
	struct timer drain_deadline, association, keep_alive;
	uint64_t keep_alive_began;	/* the time that ends when keep_alive fires */
	struct timer incomplete;	/* armed while an I/O queue is lost */
	uint32_t lost;			/* how many are */
	uint32_t kato;			/* ms; 0: off */
	uint64_t last_queue_end;	/* ns; when an I/O queue was last gone */
	uint32_t async_config;
	struct feature_state features;
	/* The host knows these formats of Copy's ranges, a bit for each: all queues read it. */
	_Atomic uint16_t copy_formats;
	struct request *aers[AER_LIMIT];
	unsigned int aer_count;
	unsigned int aborts;		/* under way */
	struct notice_state notices[NOTICES];
	_Atomic(struct error_log *) errors;	/* NULL until the first; all queues write it */
	bool is_too_warm;		/* or too cold, and its host wants to know */
	const struct view *told;	/* what its host has been told of */
	uint8_t *changed;		/* a bit for each NSID; NULL: none */
	uint32_t changed_most;		/* the last of them */
	bool has_changed_much;		/* more than we could note */
	uint64_t known_generation;	/* of the model, where it was last compared */
	uint64_t changed_generation;	/* ... and differed */
	struct flush_all flush;		/* of a shutdown */
	struct worker_message end, fence, notice;
	bool is_end_posted;

	struct discovery_log *discovery_log;	/* the one that is being read */
};

/* ---- request.c: requests, their buffers and responses ------------------------------ */

static inline struct request *request_of(struct capsule *c)
{
	return container_of(c, struct request, capsule);
}

static inline struct queue *queue_of(struct capsule_queue *q)
{
	return container_of(q, struct queue, connection.qpair.queue);
}

struct request *request_get(struct queue *);
/* Gives buffer and request back. */
void request_free(struct request *);

/* Responds; may free the request. */
void request_end(struct request *, uint16_t status);
/* ... with an error at this block. */
void request_fail_at(struct request *, uint16_t status, uint32_t nsid, uint64_t lba);
/* ... with Do Not Retry: NVME_ERROR_LOCATION() of what is wrong. */
static inline void request_refuse(struct request *r, uint16_t status, uint16_t location)
{
	r->location = location;
	request_end(r, status | NVME_DNR);
}
static inline void request_end_dw0(struct request *r, uint32_t dw0)
{
	r->capsule.dw0 = dw0;
	request_end(r, NVME_SUCCESS);
}

/*
 * The checks of a command that sends `length` bytes to the host, or takes them
 * from it: 0, or the status.
 */
uint16_t request_check_to_host(struct request *, uint32_t length);
uint16_t request_check_from_host(struct request *, uint32_t length);
/* The data of a checked command, if it came inside the capsule; else NULL. */
const uint8_t *request_in_capsule(const struct request *);

/* A pool buffer of `length` bytes as the capsule's window; false: not now. */
bool request_take_buffer(struct request *, uint32_t length);
/* A copy of in-capsule data that outlives the call; false: out of memory. */
bool request_keep_in_capsule(struct request *, const uint8_t *data, uint32_t length);

/* Puts it behind the others that wait for buffers. */
void request_park(struct request *);
static inline bool request_is_parked(const struct request *r)
{
	return !list_is_empty(&r->capsule.link);
}
/* It will not go on; those behind it may. */
void request_unpark(struct request *);
/* Goes on with a command that was parked and now has its buffer. */
void request_resume(struct request *);

/* Answers with `length` zeroed bytes to be filled in: the window; NULL: the
 * request has ended (with a status) or waits for memory.  Then reply_end. */
uint8_t *request_reply(struct request *, uint32_t length);
/* The data of an admin command; NULL: the request has ended, or waits for it and is executed
 * once more when it is there. */
const uint8_t *request_data(struct request *, uint32_t length);

/* ---- queue.c ------------------------------------------------------------------------- */

/* Answers a Connect and goes on receiving. */
void queue_answer_connect(struct queue *, uint16_t status, uint32_t dw0);
void queue_told_to_end(struct worker_message *);
/* Ends it at the end of the turn or at once; a literal. */
void queue_end(struct queue *, const char *reason);
/* Answers the Disconnect when the other commands of the queue have ended, or wait
 * for a second for data that the host was asked for and leaves unsent. */
void queue_disconnect(struct request *);
/* Goes by the snapshot that its station has now; may end it. */
void queue_follow(struct queue *);
/* Something of it was freed: leaves the controller if it was the last. */
void queue_check_drained(struct queue *);

/* ---- fused.c ------------------------------------------------------------------------- */

/* On a live queue, of a command that is fused or follows the first half of a pair: whether
 * it is done with.  Else it goes its own way. */
bool fused_takes(struct request *);
/* Ends the half that waits for its second. */
void fused_break(struct queue *, uint16_t status);
/* The data of one half has come. */
void fused_received(struct request *);
/* The first half was parked and has its buffer. */
void fused_resume(struct request *);
/* The transport has ended one half; the other goes as well. */
void fused_lost(struct request *);
/* One half was aborted and waits for nothing of its own: as io_stop. */
bool fused_stop(struct request *);

/* ---- connect.c ----------------------------------------------------------------------- */

void connect_execute(struct request *);
/* On the worker that the I/O queue shall live on. */
void connect_ask(struct queue *);
void connect_retry(struct queue *);

/* ---- controller.c: life ---------------------------------------------------------------- */

/* On the admin queue's worker, which has the subsystem.  0 or the status. */
uint16_t controller_create(struct queue *admin, const struct connect *);
/* The owner's part of an I/O queue's Connect. */
void controller_admit(struct worker_message *);
/* An I/O queue is drained and gone. */
void controller_lost(struct worker_message *);
/* The admin queue is. */
void controller_lost_admin(struct controller *);
/* Ends the association; a literal. */
void controller_end(struct controller *, const char *reason);

void controller_write_cc(struct controller *, uint32_t cc);
/* An I/O queue is there, perhaps again. */
void controller_regained(struct controller *, uint16_t qid);
uint64_t controller_cap(const struct controller *);

/* keep_alive.c */
void keep_alive_start(struct controller *);
void keep_alive_stop(struct controller *);
/* Up to the unit that the timer counts in. */
uint32_t keep_alive_round(uint32_t kato);

/* feature.c: as they are when a controller begins, and after a reset. */
void feature_reset(struct controller *);
/* Bits for each feature that there is, as in log 12h. */
uint32_t feature_effects(const struct controller *, uint8_t fid);

/* error.c: log 01h.  Thread: any that has a queue of the controller. */
struct error_place {
	uint32_t nsid;
	uint64_t lba;
};

/* A command ends with this status: what its response says then, for the log may have more.
 * NULL: at no block that is known. */
uint16_t error_note(struct request *, uint16_t status, const struct error_place *);
/* Newest first; what is not used is zero.  Of what fails later there are news again. */
void error_list(struct controller *, struct nvme_log_error_entry list[ERROR_ENTRIES]);
/* Since the controller began. */
uint64_t error_count(struct controller *);
/* Whether there is to be an event, or was one: a reset forgets it. */
bool error_is_told(struct controller *);
/* A controller reset: the entries go, their count goes on. */
void error_clear(struct controller *);
void error_free(struct controller *);

/* event.c */
void event_hold(struct request *);
/* Set Features 0Bh. */
void event_configure(struct controller *, uint32_t config);
/* A controller reset. */
void event_reset(struct controller *);
/* Every worker goes by the model that its station has; `last` was before it. */
void event_tell(struct controller *, const struct snapshot *last);
void event_changed_list(const struct controller *, le32 list[NVME_CHANGED_NS_MAX]);
/* A host has changed what this namespace can do; FFFFFFFFh: several. */
void event_namespace(struct controller *, uint32_t nsid);
/* The storage has failed below one of its commands, which log 01h has. */
void event_failure(struct controller *);
/* The logs were read, and the events are not to be retained. */
void event_errors_read(struct controller *);
void event_changed_list_read(struct controller *);
void event_discovery_read(struct controller *);
void event_health_read(struct controller *);
/* The critical warnings of log 02h. */
uint8_t event_warnings(const struct controller *);
/* A threshold, or what the host wants to know of, has changed. */
void event_check_health(struct controller *);
/* The AERs that are held end as aborted: the connection does. */
void event_abort_all(struct controller *);
/* ... without an answer, where a controller is reset or shut down: its host may have given
 * their identifiers to others. */
void event_forget_all(struct controller *);
/* Whether that is one of them: its host has given up all, then. */
bool event_forget(const struct request *);
bool event_abort_one(struct controller *, uint16_t cid);

/* ---- commands ---------------------------------------------------------------------------- */

/* A row for each command that there is. */
struct command {
	uint8_t opcode;
	bool in_discovery;		/* a discovery controller has it, too */
	const char *name;
	void (*execute)(struct request *);
	uint32_t effects;		/* as in log 05h */
};

const struct command *admin_command(uint8_t opcode);
const struct command *io_command(uint8_t opcode);
void fabrics_execute(struct request *);

void abort_execute(struct request *);
/* A command that an Abort waits for has ended. */
void abort_ended(struct request *victim);
void identify_execute(struct request *);
void log_page_execute(struct request *);
void set_features_execute(struct request *);
void get_features_execute(struct request *);

/* late.c: false: this storage has no way to do it.  The data stays until it is done. */
bool late_write(struct station *, struct backend *, const struct backend_op *);
void late_settle(struct station *);

/* Counts and answers: 0 or -errno of the storage. */
void io_finish(struct request *, int result);
void io_received(struct request *);
/* It was aborted, and waits neither for a buffer nor for data: whether it will end soon. */
bool io_stop(struct request *);
/* A parked Read or Write has its buffer. */
void io_resume(struct request *);
/* Of the storage that a Read is sent from: see struct capsule_sink_ops. */
uint32_t io_hold(struct capsule *, uint32_t offset, uint32_t length, bool wait);
void io_release(struct capsule *, uint32_t offset, uint32_t length);

/* connect.c: the rules that a connection keeps while it lasts.  0, or the status. */
uint16_t connect_check_host(const struct queue *, const struct subsystem *,
			    const char *hostnqn);

/* ---- discovery.c -------------------------------------------------------------------- */

struct discovery_log {
	struct nvmf_discovery_header header;
	struct nvmf_discovery_entry entries[];
};

/* What its host is told of this model; its admin queue is there.  NULL: no memory. */
struct discovery_log *discovery_log_new(const struct controller *, const struct snapshot *);
size_t discovery_log_size(const struct discovery_log *);

#endif
