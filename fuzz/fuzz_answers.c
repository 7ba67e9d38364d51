/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's library and a controller whose answers are not to be trusted: connect,
 * enable, identify, discovery log, namespaces, I/O queues, reads and writes, shutdown,
 * by the calls that do not wait; no sockets, and time stands still but where nothing
 * else can happen.
 *
 * Byte 0 of the first record says what the host does, enum wish.  Then each answer of the controller takes
 * a record of FUZZ_RECORD bytes, where all zeros is a good answer:
 *
 *	byte 0		what is wrong with it, enum wrong
 *	byte 1		how its data comes, enum shape
 *	bytes 2, 3	a place
 *	bytes 4 ... 7	a value
 *
 * Checked: whatever the answers are, each call ends, each command ends once, and texts
 * have ends.
 */
#include "fuzz.h"
#include "clock.h"
#include "records.h"

#include "../tests/unit/tcp/bytes.h"

#include "net/stream.h"
#include "wire/fabrics.h"

#include <nvmf/discovery.h>
#include <nvmf/host.h>

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINES 3				/* sockets: an admin queue, two for I/O */
#define TURNS_MOST 20000
#define DATA_MOST 8192u
#define LOG_SIZE 6144u			/* of discovery: a header and five records */

enum wish {
	WISH_DISCOVERY = 1, WISH_HEADER_DIGEST = 2, WISH_DATA_DIGEST = 4, WISH_KEEP_ALIVE = 8,
	WISH_EVENTS = 16, WISH_FLOW_OFF = 32, WISH_IDLE = 64,
};

enum wrong {
	WRONG_STATUS = 1,		/* it is the value */
	WRONG_DW0 = 2,			/* so is dword 0 */
	WRONG_DW1 = 4,			/* dword 1 is the place */
	WRONG_DATA = 8,			/* the value stands at the place */
	WRONG_FILL = 16,		/* from there on all is the value's first byte */
	WRONG_SILENCE = 32,		/* nothing is answered */
	WRONG_END = 64,			/* then the connection ends */
	WRONG_BYTE = 128,		/* a byte of what is sent is changed */
};

enum shape { SHAPE_WHOLE, SHAPE_SUCCESS, SHAPE_HALVES, SHAPE_SHORT, SHAPE_NONE, SHAPE_COUNT };

struct answer {
	uint8_t wrong, shape;
	uint16_t place;
	uint8_t value[4];
};

/* One connection, seen by the controller. */
struct line {
	int fd;				/* -1: not open */
	struct bytes in, out;		/* to the host; from it */
	size_t taken, parsed;
	bool has_hung_up;
	struct dialect dialect;
};

static struct play {
	const uint8_t *p, *end;		/* the script */
	uint8_t wishes;
	struct line lines[LINES];
	uint32_t cc;
	unsigned int submitted, ended;
} *play;

/* ---- streams, in the place of lib/net ---------------------------------------------------- */

int __wrap_net_resolve(const char *, const char *, bool, struct net_address *, unsigned int,
		       char *, size_t);
int __wrap_net_dial(const struct net_address *);
int __wrap_net_dial_result(int);
void __wrap_net_stream_socket(struct net_stream *, int);
void __wrap_net_stream_patience(struct net_stream *, unsigned int);

static struct line *line_of(int fd)
{
	for (int i = 0; i < LINES; i++)
		if (play->lines[i].fd == fd)
			return &play->lines[i];
	return NULL;
}

static ssize_t stream_receive(struct net_stream *s, const struct iovec *iov, int count)
{
	struct line *l = line_of(s->fd);
	size_t sum = 0;

	if (l->taken == l->in.n)
		return l->has_hung_up ? 0 : -EAGAIN;
	for (int i = 0; i < count; i++) {
		size_t part = l->in.n - l->taken;

		part = part < iov[i].iov_len ? part : iov[i].iov_len;
		memcpy(iov[i].iov_base, l->in.p + l->taken, part);
		l->taken += part;
		sum += part;
	}
	return (ssize_t)sum;
}

static ssize_t stream_send(struct net_stream *s, const struct iovec *iov, int count)
{
	struct line *l = line_of(s->fd);
	size_t before = l->out.n;

	if (l->has_hung_up)
		return -EPIPE;
	for (int i = 0; i < count; i++)
		bytes_add(&l->out, iov[i].iov_base, iov[i].iov_len);
	return (ssize_t)(l->out.n - before);
}

static void stream_shutdown(struct net_stream *s)
{
}

static void stream_close(struct net_stream *s)
{
	struct line *l = line_of(s->fd);

	close(s->fd);
	s->fd = l->fd = -1;
	bytes_free(&l->in);
	bytes_free(&l->out);
}

static const struct net_ops stream_ops = {
	.receive = stream_receive, .send = stream_send,
	.shutdown = stream_shutdown, .close = stream_close,
};

int __wrap_net_resolve(const char *host, const char *service, bool may_wait,
		       struct net_address *found, unsigned int room, char *error,
		       size_t error_size)
{
	return 1;
}

int __wrap_net_dial(const struct net_address *a)
{
	struct line *l = line_of(-1);

	if (!l)
		return -ECONNREFUSED;
	*l = (struct line){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .dialect.align = 4 };
	FUZZ_CHECK(l->fd >= 0);
	return l->fd;
}

int __wrap_net_dial_result(int fd)
{
	return 0;
}

void __wrap_net_stream_socket(struct net_stream *s, int fd)
{
	*s = (struct net_stream){ .ops = &stream_ops, .fd = fd };
}

void __wrap_net_stream_patience(struct net_stream *s, unsigned int ms)
{
}

/* ---- the controller ---------------------------------------------------------------------- */

static struct answer next_answer(void)
{
	struct answer a = { 0 };
	size_t left = (size_t)(play->end - play->p), n = left < FUZZ_RECORD ? left : FUZZ_RECORD;
	uint8_t record[FUZZ_RECORD] = { 0 };

	memcpy(record, play->p, n);
	play->p += n;
	a.wrong = record[0];
	a.shape = record[1] % SHAPE_COUNT;
	a.place = get16(record + 2);
	memcpy(a.value, record + 4, sizeof(a.value));
	return a;
}

static uint64_t property_of(uint32_t offset)
{
	bool is_shut = play->cc & 0xc000;

	switch (offset) {
	case 0x00:			/* CAP: 128 entries, 5 s, NVM commands */
		return 127 | 1u << 16 | 10u << 24 | UINT64_C(1) << 37;
	case 0x08:			/* VS */
		return 0x10400;
	case 0x14:			/* CC */
		return play->cc;
	case 0x1c:			/* CSTS does what CC says at once */
		return (play->cc & 1) | (is_shut ? 2u << 2 : 0);
	default:
		return 0;
	}
}

static void put_identify(uint8_t *data, uint8_t cns)
{
	if (cns == 1) {
		memset(data + 4, ' ', 68);		/* SN, MN, FR */
		data[77] = 5;				/* MDTS */
		data[111] = play->wishes & WISH_DISCOVERY ? 2 : 1;
		put16(data + 320, 10);			/* KAS */
		put32(data + 516, 4);			/* NN */
		put32(data + 1792, 260);		/* IOCCSZ: 4096 bytes in a capsule */
		put32(data + 1796, 1);
		put16(data + 1804, 1);			/* OFCS: Disconnect */
	} else {
		put32(data, 1 << 20);
		data[128 + 2] = 9;
	}
}

static void put_log(uint8_t *data, uint32_t offset, uint32_t n)
{
	uint8_t log[LOG_SIZE + DATA_MOST] = { 0 };

	put32(log, 1);					/* GENCTR */
	put32(log + 8, 5);				/* NUMREC */
	for (int i = 1; i <= 5; i++) {
		uint8_t *entry = log + i * 1024;

		memcpy(entry, "\3\1\2", 3);
		memset(entry + 32, ' ', 32);
		memset(entry + 512, ' ', 256);
		memcpy(entry + 32, "4420", 4);
		memcpy(entry + 512, "127.0.0.1", 9);
		strcpy((char *)entry + 256, "nqn.2014-08.org.example:one");
	}
	if (offset <= LOG_SIZE)
		memcpy(data, log + offset, n);
}

static void put_data(const uint8_t *sqe, bool is_admin, uint8_t *data, uint32_t n)
{
	uint8_t whole[DATA_MOST] = { 0 };

	if (is_admin && sqe[0] == 0x06)
		put_identify(whole, sqe[40]);
	else if (is_admin && sqe[0] == 0x02)
		put_log(whole, get32(sqe + 48), n);
	memcpy(data, whole, n);
}

static void spoil_data(const struct answer *a, uint8_t *data, uint32_t n)
{
	uint32_t place = n ? a->place % n : 0;

	if (n && a->wrong & WRONG_FILL)
		memset(data + place, a->value[0], n - place);
	if (a->wrong & WRONG_DATA)
		for (uint32_t i = 0; i < sizeof(a->value) && place + i < n; i++)
			data[place + i] = a->value[i];
}

static void put_c2h(struct line *l, const uint8_t *sqe, uint32_t offset, const uint8_t *data,
		    uint32_t n, uint8_t flags)
{
	uint8_t header[24] = { 0 };

	if (!n)
		return;
	put16(header + 8, get16(sqe + 2));
	put32(header + 12, offset);
	put32(header + 16, n);
	put_pdu(&l->in, &l->dialect, 0x07, flags, header, sizeof(header), data + offset, n);
}

/* Whether no response need follow. */
static bool send_data(struct line *l, const uint8_t *sqe, const struct answer *a,
		      const uint8_t *data, uint32_t n)
{
	switch (a->shape) {
	case SHAPE_SUCCESS:
		put_c2h(l, sqe, 0, data, n, 0xc);
		return n;
	case SHAPE_HALVES:
		put_c2h(l, sqe, 0, data, n / 2, 0);
		put_c2h(l, sqe, n / 2, data, n - n / 2, 4);
		break;
	case SHAPE_SHORT:
		put_c2h(l, sqe, 0, data, n / 2, 4);
		break;
	case SHAPE_WHOLE:
		put_c2h(l, sqe, 0, data, n, 4);
		break;
	default:
		break;
	}
	return false;
}

static void send_response(struct line *l, const uint8_t *sqe, const struct answer *a,
			  uint64_t dword)
{
	uint8_t header[24] = { 0 };

	put32(header + 8, a->wrong & WRONG_DW0 ? get32(a->value) : (uint32_t)dword);
	put32(header + 12, a->wrong & WRONG_DW1 ? a->place : (uint32_t)(dword >> 32));
	put16(header + 20, get16(sqe + 2));
	put16(header + 22, a->wrong & WRONG_STATUS ? get16(a->value) : 0);
	put_pdu(&l->in, &l->dialect, 0x05, 0, header, sizeof(header), NULL, 0);
}

static void send_r2t(struct line *l, const uint8_t *sqe, const struct answer *a)
{
	uint8_t header[24] = { 0 };

	put16(header + 8, get16(sqe + 2));
	put16(header + 10, 1);
	put32(header + 12, a->wrong & WRONG_DW1 ? a->place : 0);
	put32(header + 16, a->wrong & WRONG_DW0 ? get32(a->value) : get32(sqe + 32));
	put_pdu(&l->in, &l->dialect, 0x09, 0, header, sizeof(header), NULL, 0);
}

/* Dwords 0 and 1 of a response, where all is well. */
static uint64_t dword_of(const uint8_t *sqe, bool is_admin)
{
	if (sqe[0] == 0x7f && sqe[4] == 4)
		return property_of(get32(sqe + 44));
	if (sqe[0] == 0x7f && sqe[4] == 0 && get32(sqe + 44) == 0x14)
		play->cc = get32(sqe + 48);
	if (is_admin && sqe[0] == 0x09)			/* so many queues as are asked for */
		return get32(sqe + 44);
	return sqe[0] == 0x7f && sqe[4] == 1 ? 1 : 0;	/* CNTLID */
}

static void answer_command(struct line *l, const uint8_t *sqe, const struct answer *a)
{
	bool is_admin = l == &play->lines[0];
	uint32_t n = get32(sqe + 32);
	uint8_t data[DATA_MOST], kind = sqe[0] == 0x7f ? sqe[4] : sqe[0];

	n = n < DATA_MOST ? n : DATA_MOST;
	if ((kind & 3) == 1 && sqe[39] == 0x5a) {
		send_r2t(l, sqe, a);
		return;
	}
	if ((kind & 3) == 2) {
		put_data(sqe, is_admin, data, n);
		spoil_data(a, data, n);
		if (send_data(l, sqe, a, data, n))
			return;
	}
	send_response(l, sqe, a, dword_of(sqe, is_admin));
}

static void answer_icreq(struct line *l, const uint8_t *pdu)
{
	uint8_t icresp[128] = { 1, 0, 128, 0, 128, [11] = pdu[11] };

	put32(icresp + 12, 4096);
	bytes_add(&l->in, icresp, sizeof(icresp));
	l->dialect.header_digest = pdu[11] & 1;
	l->dialect.data_digest = pdu[11] & 2;
}

static void answer_data(struct line *l, const uint8_t *pdu, const struct answer *a)
{
	uint8_t sqe[64] = { 0 };

	if (!(pdu[1] & 4))
		return;
	put16(sqe + 2, get16(pdu + 8));
	send_response(l, sqe, a, 0);
}

static bool is_event_request(const struct line *l, const uint8_t *pdu)
{
	return l == &play->lines[0] && pdu[0] == 0x04 && pdu[8] == 0x0c;
}

static void answer_pdu(struct line *l, const uint8_t *pdu)
{
	struct answer a = next_answer();
	size_t before = l->in.n;

	if (a.wrong & WRONG_SILENCE || (!a.wrong && is_event_request(l, pdu)))
		return;
	if (pdu[0] == 0x00)
		answer_icreq(l, pdu);
	else if (pdu[0] == 0x04)
		answer_command(l, pdu + 8, &a);
	else if (pdu[0] == 0x06)
		answer_data(l, pdu, &a);
	if (a.wrong & WRONG_BYTE && l->in.n > before)
		l->in.p[before + a.place % (l->in.n - before)] ^= a.value[0];
	l->has_hung_up |= a.wrong & WRONG_END;
}

/* Whether there was anything to answer. */
static bool answer_line(struct line *l)
{
	size_t before = l->parsed;

	while (l->fd >= 0 && !l->has_hung_up && l->out.n - l->parsed >= 8 &&
	       l->out.n - l->parsed >= get32(l->out.p + l->parsed + 4)) {
		const uint8_t *pdu = l->out.p + l->parsed;

		FUZZ_CHECK(get32(pdu + 4) >= pdu[2] && pdu[2] >= 24);
		l->parsed += get32(pdu + 4);
		answer_pdu(l, pdu);
	}
	return l->parsed != before;
}

static bool answer_all(void)
{
	bool has_answered = false;

	for (int i = 0; i < LINES; i++)
		has_answered |= answer_line(&play->lines[i]);
	return has_answered;
}

/* ---- the host ---------------------------------------------------------------------------- */

/* A turn of its loop; where nobody has anything to say, time passes. */
static void turn(struct nvmf_ctrl *ctrl)
{
	int due;

	nvmf_ctrl_process(ctrl);
	if (answer_all())
		return;
	due = nvmf_ctrl_due(ctrl);
	clock_pass((due > 0 ? (uint64_t)due : 1) * 1000000);
}

/* What a call that was started comes to: it has to end. */
static int finish(struct nvmf_ctrl *ctrl, int started)
{
	int turns = 0, result = started;

	if (started)
		return started;
	while ((result = nvmf_ctrl_result(ctrl, NULL)) == -EINPROGRESS) {
		FUZZ_CHECK(turns++ < TURNS_MOST);
		turn(ctrl);
	}
	FUZZ_CHECK(result >= 0 || nvmf_ctrl_error(ctrl)[0]);
	return result;
}

static void check_info(struct nvmf_ctrl *ctrl)
{
	struct nvmf_ctrl_info info;

	FUZZ_CHECK(!nvmf_ctrl_info(ctrl, &info));
	FUZZ_CHECK(memchr(info.serial, 0, sizeof(info.serial)));
	FUZZ_CHECK(memchr(info.model, 0, sizeof(info.model)));
	FUZZ_CHECK(memchr(info.firmware, 0, sizeof(info.firmware)));
	FUZZ_CHECK(memchr(info.subnqn, 0, sizeof(info.subnqn)));
	FUZZ_CHECK(info.max_transfer);
}

static void check_record(const struct nvmf_discovery_record *r)
{
	FUZZ_CHECK(memchr(r->trsvcid, 0, sizeof(r->trsvcid)));
	FUZZ_CHECK(memchr(r->traddr, 0, sizeof(r->traddr)));
	FUZZ_CHECK(memchr(r->subnqn, 0, sizeof(r->subnqn)));
	FUZZ_CHECK(nvmf_discovery_trtype_name(r->trtype)[0]);
	FUZZ_CHECK(nvmf_discovery_adrfam_name(r->adrfam)[0]);
	FUZZ_CHECK(nvmf_discovery_subtype_name(r->subtype)[0]);
}

static void discover(struct nvmf_ctrl *ctrl)
{
	struct nvmf_discovery *log = NULL;

	if (finish(ctrl, nvmf_discovery_start_read(ctrl, &log))) {
		FUZZ_CHECK(!log);
		return;
	}
	for (unsigned int i = 0; i < nvmf_discovery_count(log); i++)
		check_record(nvmf_discovery_at(log, i));
	FUZZ_CHECK(!nvmf_discovery_at(log, nvmf_discovery_count(log)));
	nvmf_discovery_free(log);
}

static void done(void *cookie, const struct nvmf_completion *completion)
{
	struct play *p = cookie;

	p->ended++;
}

static void submit_some(struct nvmf_queue *q, uint8_t *bytes)
{
	play->submitted += !nvmf_queue_submit_read(q, 1, 0, 8, bytes, 4096, done, play);
	play->submitted += !nvmf_queue_submit_write(q, 1, 8, 16, bytes + 4096, 8192, done, play);
	play->submitted += !nvmf_queue_submit_write(q, 1, 8, 1, bytes + 4096, 512, done, play);
	play->submitted += !nvmf_queue_submit_flush(q, 1, done, play);
}

static void use_namespace(struct nvmf_ctrl *ctrl, uint8_t *bytes)
{
	struct nvmf_ns_info info;

	if (!finish(ctrl, nvmf_ctrl_start_ns_info(ctrl, 1, &info)))
		FUZZ_CHECK(info.block_size >= 512 && info.blocks);
	finish(ctrl, nvmf_ctrl_start_open_queues(ctrl, 2, 16));
	for (unsigned int i = 0; nvmf_ctrl_queue(ctrl, i); i++)
		submit_some(nvmf_ctrl_queue(ctrl, i), bytes + i * 16384);
	for (int i = 0; i < TURNS_MOST && play->ended < play->submitted; i++)
		turn(ctrl);
	FUZZ_CHECK(play->ended == play->submitted);
}

static void heard(void *cookie, const struct nvmf_event *event)
{
	unsigned int *count = cookie;

	++*count;
}

static void use(struct nvmf_ctrl *ctrl, uint8_t *bytes)
{
	unsigned int events = 0;

	if (play->wishes & WISH_EVENTS)
		nvmf_ctrl_on_event(ctrl, heard, &events);
	if (!finish(ctrl, nvmf_ctrl_start_connect(ctrl))) {
		check_info(ctrl);
		if (play->wishes & WISH_DISCOVERY)
			discover(ctrl);
		else
			use_namespace(ctrl, bytes);
		for (int i = 0; i < (play->wishes & WISH_IDLE ? 20 : 0); i++)
			turn(ctrl);
	}
	finish(ctrl, nvmf_ctrl_start_shutdown(ctrl));
	nvmf_ctrl_on_event(ctrl, NULL, NULL);
}

static struct nvmf_ctrl *create(void)
{
	static const uint8_t hostid[16] = { 7 };
	struct nvmf_ctrl_options options = NVMF_CTRL_OPTIONS_INIT;

	options.traddr = "127.0.0.1";
	options.subnqn = play->wishes & WISH_DISCOVERY ? NULL : "nqn.2014-08.org.example:fuzz";
	options.hostnqn = "nqn.2014-08.org.example:host";
	options.hostid = hostid;
	options.header_digest = play->wishes & WISH_HEADER_DIGEST;
	options.data_digest = play->wishes & WISH_DATA_DIGEST;
	options.disable_sqflow = play->wishes & WISH_FLOW_OFF;
	options.keep_alive_ms = play->wishes & WISH_KEEP_ALIVE ? 2000 : 0;
	return nvmf_ctrl_create(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct nvmf_ctrl *ctrl;
	uint8_t *data = calloc(2, 16384);

	play = calloc(1, sizeof(*play));
	FUZZ_CHECK(play && data);
	clock_start();
	play->wishes = n ? bytes[0] : 0;
	/* Records begin at multiples of their length: the first one is the wishes'. */
	play->p = bytes + (n < FUZZ_RECORD ? n : FUZZ_RECORD);
	play->end = bytes + n;
	for (int i = 0; i < LINES; i++)
		play->lines[i].fd = -1;
	ctrl = create();
	FUZZ_CHECK(ctrl);
	use(ctrl, data);
	nvmf_ctrl_destroy(ctrl);
	FUZZ_CHECK(play->ended == play->submitted);
	for (int i = 0; i < LINES; i++)
		FUZZ_CHECK(play->lines[i].fd < 0);
	free(play);
	free(data);
	return 0;
}
