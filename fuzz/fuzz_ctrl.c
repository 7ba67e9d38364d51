/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host's controller handle, driven from a loop, and a controller of few manners
 * at the other end of its sockets.  net_dial is replaced: it gives an end of a
 * socket pair.  The clock stands still but where the script moves it.
 *
 *	byte 0		bit 0: of discovery, 1: events, 2: no SQ flow control, 3: a keep
 *			alive, 4: the controller answers all by itself at first
 *	then records	an op and its operands; what is missing is 0
 *
 * Checked: every command and every started call ends, once; a call that fails leaves
 * a sentence; and whatever sanitizers see.
 */
#include "clock.h"
#include "fuzz.h"

#include "../tests/unit/tcp/bytes.h"
#include "net/stream.h"

#include <nvmf/discovery.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS 8u
#define PENDING 64u
#define SUBMITS_MOST 200u
#define DATA_MOST 4096u

enum op {
	OP_PROCESS, OP_REPLY, OP_RAW, OP_CLOSE, OP_PASS, OP_START, OP_SUBMIT, OP_EVENTS, OP_REFUSE,
	OP_SELF, OP_COUNT,
};

/* One connection, from the controller's side. */
struct link {
	int fd;				/* -1: none */
	struct bytes in;		/* from the host, not yet understood */
	uint8_t sqes[PENDING][64];	/* commands not yet answered */
	unsigned int head, tail;
	bool has_greeted;
};

struct play {
	const uint8_t *p, *end;		/* the script */
	struct nvmf_ctrl *ctrl;
	struct link links[LINKS];
	unsigned int link_count, refusals;
	bool answers_all;
	uint32_t cc;
	unsigned int submitted, ended;
	struct nvmf_discovery *log;
	struct nvmf_ns_info ns;
};

/* What net_dial, which is given no context, is for. */
static struct play *now_playing;

static uint8_t next8(struct play *play)
{
	return play->p < play->end ? *play->p++ : 0;
}

static uint32_t next16(struct play *play)
{
	uint32_t low = next8(play);

	return low | (uint32_t)next8(play) << 8;
}

/* ---- sockets -------------------------------------------------------------------------- */

int __wrap_net_dial(const struct net_address *a);

int __wrap_net_dial(const struct net_address *a)
{
	struct play *play = now_playing;
	int fds[2];

	if (play->link_count == LINKS || play->refusals) {
		play->refusals -= play->refusals != 0;
		return -ECONNREFUSED;
	}
	FUZZ_CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
	play->links[play->link_count++].fd = fds[1];
	return fds[0];
}

static void say(struct link *l, const void *bytes, size_t n)
{
	/* What the socket does not take was said in vain. */
	if (l->fd >= 0)
		(void)!send(l->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void hang_up(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* ---- what the host says ------------------------------------------------------------------- */

static void take_pdu(struct link *l, const uint8_t *pdu, uint32_t n)
{
	FUZZ_CHECK(pdu[0] == 0 || pdu[0] == 2 || pdu[0] == 4 || pdu[0] == 6);
	FUZZ_CHECK(n >= pdu[2]);
	if (pdu[0] == 4 && l->tail - l->head < PENDING - 1)
		memcpy(l->sqes[l->tail++ % PENDING], pdu + 8, 64);
}

static void listen_to(struct link *l)
{
	uint8_t bytes[65536];
	ssize_t n;
	size_t at = 0;

	while (l->fd >= 0 && (n = recv(l->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		bytes_add(&l->in, bytes, (size_t)n);
	while (l->in.n - at >= 8 && l->in.n - at >= get32(l->in.p + at + 4)) {
		uint32_t length = get32(l->in.p + at + 4);

		FUZZ_CHECK(length >= 8);
		take_pdu(l, l->in.p + at, length);
		at += length;
	}
	if (at)
		memmove(l->in.p, l->in.p + at, l->in.n - at);
	l->in.n -= at;
}

/* ---- what the controller says ----------------------------------------------------------------- */

static void greet(struct link *l, uint8_t how)
{
	uint8_t pdu[128] = { 1, 0, 128, 0, 128 };

	pdu[11] = how & 3;
	put32(pdu + 12, 4096);
	say(l, pdu, sizeof(pdu));
	l->has_greeted = true;
}

/* Dword 0 as a controller has it that behaves. */
static uint32_t usual_dword(struct play *play, const uint8_t *sqe)
{
	bool is_fabrics = sqe[0] == 0x7f;

	if (is_fabrics && sqe[4] == 0)		/* Property Set, of CC alone */
		play->cc = get32(sqe + 48);
	if (is_fabrics && sqe[4] == 4 && get32(sqe + 44) == 0x1c)
		return (play->cc & 1) | (play->cc & 0xc000 ? 8 : 0);
	if (is_fabrics && sqe[4] == 4 && get32(sqe + 44) == 0)
		return 0x0101003f;
	if (sqe[0] == 0x09)			/* Set Features: queues */
		return 0x00020002;
	return 1;
}

static void usual_data(const uint8_t *sqe, uint8_t *data)
{
	if (sqe[0] == 0x06 && sqe[40] == 0) {
		put32(data, 1000);		/* NSZE */
		data[128 + 2] = 9;		/* LBADS */
	} else if (sqe[0] == 0x06) {
		put32(data + 516, 4);		/* NN */
		put32(data + 1792, 68);		/* IOCCSZ */
		put16(data + 1804, 1);		/* OFCS */
	} else if (sqe[0] == 0x02) {
		put32(data + 8, 6);		/* NUMREC */
	}
}

static void send_data(struct link *l, const uint8_t *sqe, const uint8_t *data, uint32_t n)
{
	struct dialect plain = { .align = 4 };
	uint8_t header[24] = { 0 };
	struct bytes out = { 0 };

	memcpy(header + 8, sqe + 2, 2);
	put32(header + 16, n);
	put_pdu(&out, &plain, 7, 4, header, 24, data, n);
	say(l, out.p, out.n);
	bytes_free(&out);
}

static bool is_to_host(const uint8_t *sqe)
{
	return ((sqe[0] == 0x7f ? sqe[4] : sqe[0]) & 3) == 2;
}

/* Bits of how: 0-1: bytes of data that are changed, 2: a status, 3: another dword 0, 4: no
 * data, 5: fewer bytes, 6: to another command. */
static void reply(struct play *play, struct link *l, uint8_t how)
{
	static uint8_t data[DATA_MOST];
	struct dialect plain = { .align = 4 };
	uint8_t header[24] = { 0 };
	struct bytes out = { 0 };
	const uint8_t *sqe = l->sqes[l->head++ % PENDING];
	uint32_t n = get32(sqe + 32);

	memset(data, 0, sizeof(data));
	usual_data(sqe, data);
	for (unsigned int i = 0; i < (how & 3); i++) {
		uint32_t at = next16(play);

		data[at % sizeof(data)] = next8(play);
	}
	if (n > sizeof(data))
		n = sizeof(data);
	if (how & 32)
		n /= 2;
	if (is_to_host(sqe) && n && !(how & 16))
		send_data(l, sqe, data, n);
	put32(header + 8, how & 8 ? next16(play) | next16(play) << 16 : usual_dword(play, sqe));
	put32(header + 12, how & 8 ? next16(play) : 0);
	memcpy(header + 20, sqe + 2, 2);
	header[20] = (uint8_t)(header[20] + (how >> 6 & 1));
	put16(header + 22, how & 4 ? (uint16_t)(next16(play) << 1) : 0);
	put_pdu(&out, &plain, 5, 0, header, 24, NULL, 0);
	say(l, out.p, out.n);
	bytes_free(&out);
}

static bool is_event_request(const struct link *l)
{
	return l->sqes[l->head % PENDING][0] == 0x0c;
}

/* Answers what is to be answered; events are kept for the script. */
static void answer_all(struct play *play)
{
	for (unsigned int i = 0; i < play->link_count; i++) {
		struct link *l = &play->links[i];

		if (!l->has_greeted)
			greet(l, 0);
		for (unsigned int n = l->tail - l->head; n--;)
			if (is_event_request(l) && n)
				memcpy(l->sqes[l->tail++ % PENDING], l->sqes[l->head++ % PENDING], 64);
			else if (!is_event_request(l))
				reply(play, l, 0);
	}
}

/* ---- what the program does ------------------------------------------------------------------------ */

static void done(void *cookie, const struct nvmf_completion *completion)
{
	void **data = cookie;

	FUZZ_CHECK(now_playing->ended < now_playing->submitted);
	now_playing->ended++;
	free(*data);
	free(data);
}

static void check(struct play *play, int result)
{
	FUZZ_CHECK(result >= 0 || nvmf_ctrl_error(play->ctrl)[0]);
}

static void submit(struct play *play)
{
	uint8_t how = next8(play);
	struct nvmf_queue *q = nvmf_ctrl_queue(play->ctrl, how & 7);
	struct nvmf_command command = { .opcode = how >> 6, .nsid = 1 };
	uint32_t n = command.opcode ? next8(play) * 64u : 0;
	void **data;

	if (play->submitted == SUBMITS_MOST)
		return;
	if (!q)
		q = nvmf_ctrl_admin(play->ctrl);
	data = calloc(1, sizeof(*data));
	*data = calloc(1, n ? n : 1);
	play->submitted++;
	if (!nvmf_queue_submit(q, &command, *data, n, done, data))
		return;
	FUZZ_CHECK(nvmf_queue_error(q)[0]);
	play->submitted--;
	free(*data);
	free(data);
}

static void start(struct play *play)
{
	uint8_t how = next8(play);

	switch (how % 5) {
	case 0:
		check(play, nvmf_ctrl_start_connect(play->ctrl));
		break;
	case 1:
		check(play, nvmf_ctrl_start_open_queues(play->ctrl, how >> 4 & 3, how));
		break;
	case 2:
		check(play, nvmf_ctrl_start_ns_info(play->ctrl, how >> 4, &play->ns));
		break;
	case 3:
		/* A log that is being read is not the program's yet. */
		if (nvmf_ctrl_result(play->ctrl, NULL) == -EINPROGRESS)
			return;
		nvmf_discovery_free(play->log);
		check(play, nvmf_discovery_start_read(play->ctrl, &play->log));
		break;
	default:
		check(play, nvmf_ctrl_start_shutdown(play->ctrl));
	}
}

static void process(struct play *play)
{
	check(play, nvmf_ctrl_process(play->ctrl));
	for (unsigned int i = 0; i < play->link_count; i++)
		listen_to(&play->links[i]);
	if (play->answers_all)
		answer_all(play);
}

static void see_event(void *cookie, const struct nvmf_event *event)
{
	struct play *play = cookie;

	if (event && event->info & 1)
		submit(play);
}

/* ---- the play ------------------------------------------------------------------------------------------ */

static struct link *some_link(struct play *play)
{
	uint8_t i = next8(play);

	return &play->links[i % (play->link_count ? play->link_count : 1)];
}

static void raw(struct play *play, struct link *l)
{
	size_t n = next8(play), left = (size_t)(play->end - play->p);

	n = n < left ? n : left;
	say(l, play->p, n);
	play->p += n;
}

static void reply_some(struct play *play)
{
	struct link *l = some_link(play);
	uint8_t how = next8(play);

	if (!l->has_greeted)
		greet(l, how);
	else if (l->head != l->tail)
		reply(play, l, how);
}

static void step(struct play *play)
{
	switch (next8(play) % OP_COUNT) {
	case OP_REPLY:
		reply_some(play);
		break;
	case OP_RAW:
		raw(play, some_link(play));
		break;
	case OP_CLOSE:
		hang_up(some_link(play));
		break;
	case OP_PASS:
		clock_pass((uint64_t)next8(play) * 8000000u);
		break;
	case OP_START:
		start(play);
		break;
	case OP_SUBMIT:
		submit(play);
		break;
	case OP_EVENTS:
		check(play, nvmf_ctrl_on_event(play->ctrl, next8(play) & 1 ? see_event : NULL, play));
		break;
	case OP_REFUSE:
		play->refusals = next8(play) & 3;
		break;
	case OP_SELF:
		play->answers_all = next8(play) & 1;
		break;
	default:
		process(play);
	}
}

static void begin(struct play *play)
{
	struct nvmf_ctrl_options o = NVMF_CTRL_OPTIONS_INIT;
	uint8_t how = next8(play);

	clock_start();
	o.traddr = "127.0.0.1";
	o.subnqn = how & 1 ? NULL : "nqn.2014-08.org.example:fuzz";
	o.hostnqn = "nqn.2014-08.org.example:host";
	o.disable_sqflow = how & 4;
	o.keep_alive_ms = how & 8 ? 1000 : 0;
	play->answers_all = how & 16;
	for (unsigned int i = 0; i < LINKS; i++)
		play->links[i].fd = -1;
	now_playing = play;
	play->ctrl = nvmf_ctrl_create(&o);
	FUZZ_CHECK(play->ctrl);
	if (how & 2)
		check(play, nvmf_ctrl_on_event(play->ctrl, see_event, play));
	check(play, nvmf_ctrl_start_connect(play->ctrl));
}

/* With nobody left to answer, all that is under way ends by itself. */
static void finish(struct play *play)
{
	unsigned int turns = 0;

	play->refusals = UINT32_MAX;
	for (unsigned int i = 0; i < LINKS; i++)
		hang_up(&play->links[i]);
	while (nvmf_ctrl_result(play->ctrl, NULL) == -EINPROGRESS) {
		FUZZ_CHECK(turns++ < 100);
		clock_pass(30000000);
		check(play, nvmf_ctrl_process(play->ctrl));
	}
	nvmf_ctrl_destroy(play->ctrl);
	FUZZ_CHECK(play->submitted == play->ended);
	nvmf_discovery_free(play->log);
	for (unsigned int i = 0; i < LINKS; i++)
		bytes_free(&play->links[i].in);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct play *play = calloc(1, sizeof(*play));

	play->p = bytes;
	play->end = bytes + n;
	begin(play);
	while (play->p < play->end)
		step(play);
	finish(play);
	free(play);
	return 0;
}
