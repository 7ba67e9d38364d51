/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole connections: transport, controller and namespaces in one process, up to
 * four connections at a time, without sockets and without threads.  Two workers
 * are driven by hand; streams are buffers of the test, and time stands still but
 * for OP_TIME.
 *
 * The input is a script of records of FUZZ_RECORD bytes: an op (the two highest
 * bits: on which line) and its operands; what is missing is 0.  Raw bytes go on
 * in the records that follow.  Namespace 1 is a RAM disk, 2 one whose every
 * operation comes late, 3 one with a volatile cache that fails now and then, late
 * too, 4 may only be read.
 *
 * Checked: every PDU that is sent, and that after the end of all connections
 * nothing is left: no queue, no controller, no buffer.
 */
#include "fuzz.h"
#include "clock.h"
#include "records.h"

#include "../tests/unit/tcp/bytes.h"

#include "backend/registry.h"
#include "controller/target.h"
#include "wire/nqn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LINES 4
#define STATIONS 2
#define STEPS_MOST 64
/* Little of everything, so that it runs out, and soon. */
#define POOL_BYTES (1u << 19)
#define MDTS (1u << 15)
#define DISK (1u << 14)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define NQN "nqn.2014-08.org.example:fuzz"

enum op {
	OP_OPEN, OP_CONNECT, OP_PROPERTY_SET, OP_PROPERTY_GET, OP_ADMIN, OP_IO, OP_DATA,
	OP_RAW, OP_SPOIL, OP_TURN, OP_TIME, OP_HANG_UP, OP_WINDOW, OP_DISCONNECT, OP_QUEUES,
	OP_READY, OP_FEATURE, OP_LOG, OP_IDENTIFY, OP_CC, OP_FUSED, OP_COUNT,
};

/* One connection, seen by its host. */
struct line {
	struct connection *connection;	/* NULL: not open */
	int fd;
	struct bytes in, out;
	size_t taken, parsed, last;
	bool has_hung_up, is_closed;
	size_t window;			/* bytes that may still be sent */
	struct dialect dialect;
	unsigned int align;
	uint16_t cid;
	struct ask { uint16_t cid, ttag; uint32_t offset, left; } ask;
};

struct input {
	const uint8_t *p, *record_end, *end;
};

/* All made anew for each input, so that what one does it always does. */
static struct stage {
	struct model model;
	struct target target;
	struct station stations[STATIONS];
	uint64_t ports[3];		/* keys */
	struct line lines[LINES];
	struct input in;
	uint16_t cntlid;
} *stage;

static uint8_t next8(void)
{
	return stage->in.p < stage->in.record_end ? *stage->in.p++ : 0;
}

static uint16_t next16(void)
{
	uint16_t low = next8();

	return (uint16_t)(low | next8() << 8);
}

/* ---- streams --------------------------------------------------------------------------- */

static struct line *line_of(const struct net_stream *s)
{
	for (int i = 0; i < LINES; i++)
		if (stage->lines[i].connection && stage->lines[i].fd == s->fd)
			return &stage->lines[i];
	abort();
}

static ssize_t stream_receive(struct net_stream *s, const struct iovec *iov, int count)
{
	struct line *l = line_of(s);
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
	struct line *l = line_of(s);
	size_t sum = 0;

	if (!l->window)
		return -EAGAIN;
	for (int i = 0; i < count && l->window; i++) {
		size_t part = iov[i].iov_len < l->window ? iov[i].iov_len : l->window;

		bytes_add(&l->out, iov[i].iov_base, part);
		l->window -= part;
		sum += part;
	}
	return (ssize_t)sum;
}

static void stream_shutdown(struct net_stream *s)
{
}

static void stream_close(struct net_stream *s)
{
	struct line *l = line_of(s);

	l->is_closed = true;
	close(l->fd);
	s->fd = -1;
}

static const struct net_ops stream_ops = {
	.receive = stream_receive, .send = stream_send,
	.shutdown = stream_shutdown, .close = stream_close,
};

/* ---- the stage --------------------------------------------------------------------------- */

/* Written so that its format is tried, and dropped. */
static void write_log(void *context, enum log_level level, const char *sentence)
{
	FUZZ_CHECK(!strpbrk(sentence, "\n\r\x1b"));
}

static const struct log quiet = { .level = LOG_DEBUG, .write = write_log };

static void add_namespace(uint32_t nsid, const struct backend_spec *spec)
{
	struct namespace_settings ns = { .nsid = nsid, .is_read_only = nsid == 4 };
	struct model *m = &stage->model;
	struct backend *b;
	char error[256];

	FUZZ_CHECK(!backend_open(spec, &b, error, sizeof(error)));
	b->info.has_volatile_cache = nsid == 3;
	memset(&ns.id, (int)nsid, sizeof(ns.id));
	FUZZ_CHECK(!model_add_device(m, NULL, NULL, b));
	ns.device = model_device_name(m);
	FUZZ_CHECK(!model_add_namespace(m, NQN, &ns));
}

static void add_namespaces(void)
{
	struct backend_spec spec = { .kind = BACKEND_MEMORY, .size = DISK, .block_size = 512 };

	add_namespace(1, &spec);
	spec.wrappers[spec.wrapper_count++] = (struct backend_wrapper){
		.kind = BACKEND_DELAY, .ms = { 1000, 1000, 1000 } };
	add_namespace(2, &spec);
	spec.wrappers[spec.wrapper_count++] = (struct backend_wrapper){
		.kind = BACKEND_ERROR, .rate = BACKEND_RATE_ALWAYS / 3, .seed = 1,
		.error = { EIO, ENOSPC, EIO } };
	spec.size = 4 * DISK;
	add_namespace(3, &spec);
	add_namespace(4, &(struct backend_spec){ .kind = BACKEND_NULL, .size = DISK,
						 .block_size = 512 });
}

static void open_station(struct station *s, unsigned int index)
{
	struct worker_settings settings = { .buffers = POOL_BYTES, .largest = TCP_CHUNK_WANTED,
					    .log = &quiet };
	char error[256];

	FUZZ_CHECK(!worker_open(&s->worker, index, &settings, error, sizeof(error)));
	s->worker->attached = s;
	station_open(s, &stage->target, stage->model.current);
	s->lane.timers = &s->worker->timers;
}

static void open_model(void)
{
	struct limits limits = {
		.mdts = MDTS, .in_capsule = 16384, .io_queues = 8, .queue_entries = 128,
		.nn = 8, .handshake_s = 10, .association_s = 120, .allow_flow_off = true };
	/* One that serves, one that a wildcard's address is asked for, one of discovery. */
	struct port_settings ports[] = { { .address = "127.0.0.1", .service = 4420 },
					 { .address = "0.0.0.0", .service = 4421 },
					 { .address = "::1", .service = 8009 } };
	struct model *m = &stage->model;
	struct subsystem_settings s;

	FUZZ_CHECK(!model_open(m, &limits, STATIONS));
	FUZZ_CHECK(!model_default_subsystem(m, NQN, "1", &s) && !model_add_subsystem(m, &s));
	for (size_t i = 0; i < COUNT_OF(stage->ports); i++) {
		FUZZ_CHECK(!model_add_port(m, &ports[i]));
		stage->ports[i] = snapshot_port(model_snapshot(m), ports[i].id)->key;
	}
	FUZZ_CHECK(!model_link(m, ports[0].id, NQN) && !model_link(m, ports[1].id, NQN));
}

static void open_stage(void)
{
	stage = calloc(1, sizeof(*stage));
	FUZZ_CHECK(stage);
	clock_start();
	open_model();
	stage->target = (struct target){
		.limits = stage->model.limits, .stations = stage->stations, .station_count = STATIONS,
		.log = &quiet,
		.tcp = { .allow_header_digest = true, .allow_data_digest = true,
			 .in_capsule_max = 16384, .maxh2cdata = 65536 } };
	registry_open(&stage->target.registry);
	add_namespaces();
	for (unsigned int i = 0; i < STATIONS; i++)
		open_station(&stage->stations[i], i);
}

/* ---- driving ------------------------------------------------------------------------------ */

static void look(struct line *l)
{
	struct seen s;

	while (l->out.n - l->parsed >= 8 &&
	       l->out.n - l->parsed >= get32(l->out.p + l->parsed + 4)) {
		see_pdu(&l->out, &l->parsed, &l->dialect, l->align, &s);
		if (s.type == 0x01) {
			l->dialect.header_digest = s.header[11] & 1;
			l->dialect.data_digest = s.header[11] & 2;
		}
		if (s.type == 0x09)
			l->ask = (struct ask){ get16(s.header + 8), get16(s.header + 10),
					       get32(s.header + 12), get32(s.header + 16) };
		/* The first answer on an admin queue: its controller's number. */
		if (s.type == 0x05 && get16(s.header + 20) == 0 && !get16(s.header + 22))
			stage->cntlid = get16(s.header + 8);
	}
}

static void poke(struct line *l)
{
	struct connection *c = l->connection;

	if (!c || l->is_closed)
		return;
	if (l->taken < l->in.n || l->has_hung_up)
		c->source.ready(&c->source, 0x001 | (l->has_hung_up ? 0x2000u : 0));
	if (!l->is_closed && l->window)
		c->source.ready(&c->source, 0x004);
}

/* A buried connection's memory is gone at the end of the turn. */
static void forget_closed(struct line *l)
{
	if (!l->connection || !l->is_closed)
		return;
	l->connection = NULL;
	bytes_free(&l->in);
	bytes_free(&l->out);
}

static void turn(void)
{
	for (int i = 0; i < LINES; i++)
		poke(&stage->lines[i]);
	for (int i = 0; i < STATIONS; i++)
		worker_turn(stage->stations[i].worker, 0);
	for (int i = 0; i < LINES; i++) {
		if (stage->lines[i].connection)
			look(&stage->lines[i]);
		forget_closed(&stage->lines[i]);
	}
}

static void pass_time(uint64_t ms)
{
	clock_pass(ms * NS_PER_MS);
	turn();
}

/* ---- a host's side -------------------------------------------------------------------------- */

static void open_line(struct line *l, uint8_t hpda, uint8_t dgst, uint64_t port)
{
	struct station *s = &stage->stations[(l - stage->lines) % STATIONS];

	if (l->connection)
		return;
	*l = (struct line){ .window = SIZE_MAX, .align = (hpda % 32 + 1u) * 4,
			    .dialect.align = 4 };
	l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	FUZZ_CHECK(l->fd >= 0);
	target_accept(s, l->fd, port);
	l->connection = list_entry(s->worker->connections.prev, struct connection, link);
	FUZZ_CHECK(l->connection->qpair.net.fd == l->fd);
	l->connection->qpair.net.ops = &stream_ops;
	put_icreq(&l->in, 0, hpda % 32, dgst & 3, 0);
	turn();
}

static void put_sqe(struct line *l, uint8_t sqe[64], const void *data, uint32_t n)
{
	put16(sqe + 2, l->cid++ % 64);
	sqe[1] |= 0x40;
	l->last = l->in.n;
	put_command(&l->in, &l->dialect, sqe, data, n);
}

/* `wrong`: a byte of command and data that is changed; 0: none. */
static void put_connect(struct line *l, uint16_t qid, uint16_t sqsize, uint8_t cattr,
			uint16_t wrong, uint8_t value)
{
	uint8_t sqe[64] = { 0x7f }, data[1024] = { 0 };

	sqe[4] = 1;
	put32(sqe + 32, 1024);
	sqe[39] = 0x01;
	put16(sqe + 42, qid);
	put16(sqe + 44, sqsize);
	sqe[46] = cattr;
	memset(data, 7, 16);
	put16(data + 16, qid ? stage->cntlid : 0xffff);
	strcpy((char *)data + 256, cattr & 0x80 ? NQN_DISCOVERY : NQN);
	strcpy((char *)data + 512, "nqn.2014-08.org.example:host");
	sqe[46] &= 0x7f;
	if (wrong % 1088 >= 64)
		data[wrong % 1088 - 64] ^= value;
	else
		sqe[wrong % 1088] ^= value;
	l->cid = 0;
	put_sqe(l, sqe, data, sizeof(data));
}

static void put_property(struct line *l, bool is_set, uint32_t offset, uint8_t attrib,
			 uint32_t value)
{
	uint8_t sqe[64] = { 0x7f };

	sqe[4] = is_set ? 0 : 4;
	sqe[40] = attrib;
	put32(sqe + 44, offset);
	put32(sqe + 48, value);
	put_sqe(l, sqe, NULL, 0);
}

struct admin {
	uint8_t opcode;
	uint32_t nsid, cdw10, cdw11, cdw12, cdw14, length;
	const uint8_t *data;		/* in the capsule; NULL: none is */
};

static void put_admin(struct line *l, const struct admin *a)
{
	uint8_t sqe[64] = { a->opcode };

	put32(sqe + 4, a->nsid);
	put32(sqe + 32, a->length);
	sqe[39] = a->data ? 0x01 : 0x5a;
	put32(sqe + 40, a->cdw10);
	put32(sqe + 44, a->cdw11);
	put32(sqe + 48, a->cdw12);
	put32(sqe + 56, a->cdw14);
	put_sqe(l, sqe, a->data, a->data ? a->length : 0);
}

static void put_queues(struct line *l, uint16_t submission, uint16_t completion)
{
	put_admin(l, &(struct admin){ .opcode = 0x09, .cdw10 = 7,
				      .cdw11 = submission | (uint32_t)completion << 16 });
}

struct io {
	uint8_t opcode, nsid;
	uint16_t slba, nlb;
	bool is_in_capsule, is_fua;
	uint8_t fuse;
};

/* Two ranges, the second beyond the end now and then, and nothings; not all to be given
 * back. */
static void put_deallocation(struct line *l, const struct io *io)
{
	uint8_t ranges[4096] = { 0 }, sqe[64] = { 0x09 };
	uint32_t n = io->is_in_capsule ? 48 : sizeof(ranges);

	put32(ranges + 4, io->nlb);
	put16(ranges + 8, io->slba);
	put32(ranges + 20, io->slba);
	put16(ranges + 24, io->nlb);
	put32(sqe + 4, io->nsid);
	put32(sqe + 32, n);
	sqe[39] = io->is_in_capsule ? 0x01 : 0x5a;
	sqe[40] = io->nlb % 4;
	sqe[44] = io->is_fua ? 0x03 : 0x04;
	put_sqe(l, sqe, ranges, io->is_in_capsule ? n : 0);
}

/* Two ranges, now and then of other namespaces. */
static void put_copy(struct line *l, const struct io *io)
{
	uint8_t ranges[64] = { 0 }, sqe[64] = { 0x19 };

	put32(ranges, io->nlb >> 4 & 7);
	put16(ranges + 8, io->slba);
	put16(ranges + 16, io->nlb & 0xf);
	put32(ranges + 32, io->nsid);
	put16(ranges + 40, io->nlb);
	put32(sqe + 4, io->nsid);
	put32(sqe + 32, sizeof(ranges));
	sqe[39] = io->is_in_capsule ? 0x01 : 0x5a;
	put32(sqe + 40, io->slba / 2);
	sqe[48] = 1;
	sqe[49] = io->nlb >> 7 << 1;
	sqe[51] = io->is_fua ? 0x40 : 0;
	put_sqe(l, sqe, ranges, io->is_in_capsule ? sizeof(ranges) : 0);
}

static void put_io(struct line *l, const struct io *io)
{
	static const uint8_t data[16384];
	uint32_t n = (io->nlb + 1u) * 512;
	uint8_t sqe[64] = { io->opcode, io->fuse };

	put32(sqe + 4, io->nsid);
	put32(sqe + 32, n);
	sqe[39] = io->is_in_capsule ? 0x01 : 0x5a;
	put32(sqe + 40, io->slba);
	put16(sqe + 48, io->nlb);
	sqe[51] = io->is_fua ? 0x40 : 0;
	if (io->opcode == 0x08 && io->is_in_capsule)
		sqe[51] |= 0x02;		/* DEAC */
	put_sqe(l, sqe, data, !io->is_in_capsule ? 0 : n < sizeof(data) ? n : sizeof(data));
}

static void answer_r2t(struct line *l, uint32_t piece)
{
	static const uint8_t data[65536];

	turn();
	if (!l->connection)
		return;
	if (!piece || piece > l->ask.left)
		piece = l->ask.left;
	l->last = l->in.n;
	put_h2c(&l->in, &l->dialect, l->ask.cid, l->ask.ttag, l->ask.offset, data,
		piece < sizeof(data) ? piece : sizeof(data), piece == l->ask.left);
	l->ask.offset += piece;
	l->ask.left -= piece;
}

/* Everything up to an I/O queue, so that mutations begin there. */
static void make_ready(struct line *admin, struct line *io, uint8_t how)
{
	open_line(admin, how, how >> 5, stage->ports[0]);
	put_connect(admin, 0, 31, how & 0x80 ? 4 : 0, 0, 0);
	put_property(admin, true, 0x14, 0, 0x460001);
	put_queues(admin, 7, 7);
	turn();
	if (!admin->connection || io == admin)
		return;
	open_line(io, how, how >> 5, stage->ports[0]);
	put_connect(io, (uint16_t)(1 + (io - stage->lines)), 31, 8, 0, 0);
	for (int i = 0; i < 4; i++)		/* from worker to worker */
		turn();
}

static void spoil(struct line *l)
{
	uint8_t how = next8(), value = next8(), *pdu;
	size_t n = l->in.n - l->last, at = how & 0x7f;

	if (!n || l->last < l->taken)
		return;
	pdu = l->in.p + l->last;
	pdu[at < n ? at : n - 1] ^= value;
	if (how & 0x80 && l->dialect.header_digest && n > 8 && n >= pdu[2] + 4u)
		fix_header_digest(pdu);
}

static void add_raw(struct line *l)
{
	size_t n = next8(), left = (size_t)(stage->in.end - stage->in.p);

	n = n < left ? n : left;
	bytes_add(&l->in, stage->in.p, n);
	stage->in.p += n;
}

static void step_admin(struct line *l)
{
	static const uint16_t lengths[] = { 0, 4, 512, 1024, 4096, 8192, 16384, 65535 };
	struct admin a = { .opcode = next8() };
	uint8_t nsid = next8();

	a.nsid = nsid == 255 ? ~0u : nsid;
	a.cdw10 = next16();
	a.cdw11 = next16();
	if (a.opcode == 0x08)			/* Abort: of which command */
		a.cdw10 |= a.cdw11 << 16;
	a.length = lengths[next8() % COUNT_OF(lengths)];
	put_admin(l, &a);
}

static void step_identify(struct line *l)
{
	static const uint8_t kinds[] = { 0, 1, 2, 3, 0x05, 0x06, 0x07, 0x08, 0x12, 0x13, 0x17, 0x1c };
	uint8_t kind = next8(), nsid = next8(), cntid = next8(), csi = next8();

	put_admin(l, &(struct admin){ .opcode = 0x06, .nsid = nsid == 255 ? ~0u : nsid,
				      .cdw10 = kinds[kind % COUNT_OF(kinds)] |
					       (cntid == 255 ? ~0u : cntid) << 16,
				      .cdw11 = (uint32_t)csi << 24, .cdw14 = next8(),
				      .length = 4096 });
}

/* Numbers, and those that come and go as data. */
static const struct { uint8_t fid; uint16_t length; } features[] = {
	{ 0x06, 0 }, { 0x07, 0 }, { 0x0b, 0 }, { 0x0f, 0 }, { 0x01, 0 }, { 0x02, 0 }, { 0x04, 0 },
	{ 0x05, 0 }, { 0x0a, 0 }, { 0x0e, 8 }, { 0x16, 512 }, { 0x19, 0 }, { 0x81, 16 }, { 0x84, 0 },
};

static void step_feature(struct line *l)
{
	uint8_t which = next8(), select = next8(), nsid;
	bool is_set = which & 1;
	uint8_t row = which / 2 % COUNT_OF(features), data[512];
	struct admin a = { .opcode = is_set ? 0x09 : 0x0a };

	a.cdw10 = which & 0x80 ? which & 0x7f : features[row].fid;
	a.cdw10 |= is_set ? (uint32_t)(select & 0x80) << 24 : (select & 7u) << 8;
	a.cdw11 = next16();
	a.cdw11 |= (uint32_t)next16() << 16;
	nsid = next8();
	a.nsid = nsid == 255 ? ~0u : nsid;
	a.length = which & 0x80 ? 0 : features[row].length;
	memset(data, a.cdw11 & 0xff, sizeof(data));
	if (is_set && a.length && !(select & 0x40))
		a.data = data;
	put_admin(l, &a);
}

static void step_log(struct line *l)
{
	static const uint8_t pages[] = { 1, 2, 3, 0x70, 0x00, 0x04, 0x05, 0x12, 0x13 };
	uint8_t page = next8();
	uint16_t dwords = next16();

	page = page & 0x80 ? page & 0x7f : pages[page % COUNT_OF(pages)];
	put_admin(l, &(struct admin){ .opcode = 0x02, .nsid = ~0u,
				      .cdw10 = page | (uint32_t)dwords << 16,
				      .cdw12 = next16(), .cdw14 = (uint32_t)next16() << 16,
				      .length = (dwords + 1u) * 4 });
}

static void step_io(struct line *l)
{
	uint8_t how = next8(), nlb = next8();
	static const uint8_t opcodes[] = { 0x00, 0x01, 0x02, 0x08, 0x09, 0x05, 0x0c, 0x07 };
	struct io io = { .opcode = opcodes[how & 7], .nsid = how >> 3 & 7, .is_fua = how & 0x40,
			 .is_in_capsule = how & 0x80 };

	io.slba = next16() % (4 * DISK / 512 + 8);
	io.nlb = nlb;
	if (io.opcode == 0x07 && (io.nlb & 3) == 2)
		io.opcode = 0x04;
	if (io.opcode == 0x07 && io.nlb & 1)
		put_copy(l, &io);
	else if (io.opcode == 0x09)
		put_deallocation(l, &io);
	else
		put_io(l, &io);
}

/* A half or both of a Compare and Write; now and then the two don't match. */
static void step_fused(struct line *l)
{
	uint8_t how = next8(), what = next8();
	struct io io = { .opcode = 0x05, .nsid = how & 7, .is_in_capsule = how & 0x80,
			 .fuse = what >> 2 & 3, .slba = next8(), .nlb = !(what & 0x1e) };

	if (!(what & 1))
		put_io(l, &io);
	io.opcode = what & 0x10 ? 0x02 : 0x01;
	io.is_in_capsule = how & 0x40;
	io.is_fua = how & 0x20;
	io.fuse = what >> 6;
	io.slba += how >> 3 & 3 ? 0 : 1;
	put_io(l, &io);
}

static void step_connect(struct line *l)
{
	uint8_t qid = next8() % 16, sqsize = next8(), cattr = next8();
	uint16_t wrong = next16();

	put_connect(l, qid, sqsize, cattr, wrong, next8());
}

static void step_property(struct line *l, bool is_set)
{
	uint8_t offset = next8(), attrib = next8();

	put_property(l, is_set, offset, attrib, next16() | (uint32_t)next16() << 16);
}

/* Controller Configuration as hosts write it: enabled, with a shutdown, or wrong. */
static void step_cc(struct line *l)
{
	uint8_t how = next8();

	put_property(l, true, 0x14, 0, 0x460000 | (how & 1) | (how & 6u) << 13 |
		     (how & 0x80 ? how & 0x78u : 0));
}

static void step_data(struct line *l)
{
	answer_r2t(l, next8() * 512u);
}

static void step_hang_up(struct line *l)
{
	l->has_hung_up = true;
}

static void step_window(struct line *l)
{
	l->window = next8() & 1 ? SIZE_MAX : next8() * 64u;
}

static void step_queues(struct line *l)
{
	uint16_t submission = next16();

	put_queues(l, submission, next16());
}

static void step_disconnect(struct line *l)
{
	uint8_t sqe[64] = { 0x7f };

	sqe[4] = 8;
	put_sqe(l, sqe, NULL, 0);
}

static void step_set(struct line *l)
{
	step_property(l, true);
}

static void step_get(struct line *l)
{
	step_property(l, false);
}

/* What is done on a line that is open. */
static void (*const steps[OP_COUNT])(struct line *) = {
	[OP_CONNECT] = step_connect, [OP_PROPERTY_SET] = step_set,
	[OP_PROPERTY_GET] = step_get, [OP_ADMIN] = step_admin, [OP_IO] = step_io,
	[OP_DATA] = step_data, [OP_RAW] = add_raw, [OP_SPOIL] = spoil,
	[OP_HANG_UP] = step_hang_up, [OP_WINDOW] = step_window,
	[OP_DISCONNECT] = step_disconnect, [OP_QUEUES] = step_queues,
	[OP_FEATURE] = step_feature, [OP_LOG] = step_log, [OP_IDENTIFY] = step_identify,
	[OP_CC] = step_cc, [OP_FUSED] = step_fused,
};

static void step(void)
{
	uint8_t first = next8(), how;
	enum op op = (first & 0x3f) % OP_COUNT;
	struct line *l = &stage->lines[first >> 6];

	switch (op) {
	case OP_TURN:
		turn();
		break;
	case OP_TIME:
		how = next8();
		pass_time(how * (uint64_t)next8() * 4);
		break;
	case OP_OPEN:
		how = next8();
		open_line(l, how, how >> 5, stage->ports[next8() % COUNT_OF(stage->ports)]);
		break;
	case OP_READY:
		how = next8();
		make_ready(l, &stage->lines[next8() % LINES], how);
		break;
	default:
		if (l->connection && !l->has_hung_up)
			steps[op](l);
	}
}

static void step_record(void)
{
	struct input *in = &stage->in;
	size_t left = (size_t)(in->end - in->p);

	in->record_end = in->p + (left < FUZZ_RECORD ? left : FUZZ_RECORD);
	step();
	/* Raw bytes go on in the records that follow; those are used up. */
	while (in->record_end < in->p)
		in->record_end += in->end - in->record_end < (ptrdiff_t)FUZZ_RECORD ?
				  in->end - in->record_end : (ptrdiff_t)FUZZ_RECORD;
	in->p = in->record_end;
}

static void check_station(const struct station *s)
{
	FUZZ_CHECK(!pool_used(s->worker->pool) && !s->worker->overflow);
	FUZZ_CHECK(list_is_empty(&s->worker->connections));
	FUZZ_CHECK(timer_next(&s->worker->timers) == UINT64_MAX);
}

/* Of what is tidied up after a quiet time. */
static bool has_timers(void)
{
	for (int i = 0; i < STATIONS; i++)
		if (timer_next(&stage->stations[i].worker->timers) != UINT64_MAX)
			return true;
	return false;
}

/* Every connection ends, what is late comes, and nothing is left. */
static void end_all(void)
{
	turn();
	for (int i = 0; i < STATIONS; i++)
		target_end_all(&stage->stations[i]);
	for (int i = 0; i < 100 && (target_queues(&stage->target) ||
				    registry_count(&stage->target.registry) ||
				    has_timers()); i++)
		pass_time(1000000);
	FUZZ_CHECK(!target_queues(&stage->target));
	FUZZ_CHECK(!registry_count(&stage->target.registry));
	for (int i = 0; i < STATIONS; i++)
		check_station(&stage->stations[i]);
	for (int i = 0; i < LINES; i++)
		FUZZ_CHECK(!stage->lines[i].connection);
}

static void close_stage(void)
{
	for (int i = 0; i < STATIONS; i++) {
		station_close(&stage->stations[i]);
		worker_close(stage->stations[i].worker);
	}
	model_close(&stage->model);
	registry_close(&stage->target.registry);
	free(stage);
	stage = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	open_stage();
	stage->in = (struct input){ bytes, bytes, bytes + n };
	for (int i = 0; i < STEPS_MOST && stage->in.p < stage->in.end; i++)
		step_record();
	end_all();
	close_stage();
	return 0;
}
