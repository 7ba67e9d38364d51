/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole connections: transport, controller and namespaces in one process, up to
 * four connections at a time, without sockets and without threads.  One worker
 * is driven by hand; streams are buffers of the test.
 *
 * The input is a script of records, an op and its operands; what is missing is 0.
 * Namespace 1 is a RAM disk, 2 one whose every operation comes late, 3 one that
 * fails now and then, late too.
 *
 * Checked: every PDU that is sent, and that after the end of all connections
 * nothing is left: no queue, no controller, no buffer.
 */
#include "fuzz.h"

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
#define STEPS_MOST 100
#define POOL_BYTES (4u << 20)
#define NQN "nqn.2014-08.org.example:fuzz"

enum op {
	OP_OPEN, OP_CONNECT, OP_PROPERTY_SET, OP_PROPERTY_GET, OP_ADMIN, OP_IO, OP_DATA,
	OP_RAW, OP_SPOIL, OP_TURN, OP_TIME, OP_HANG_UP, OP_WINDOW, OP_DISCONNECT, OP_QUEUES,
	OP_READY, OP_FEATURE, OP_LOG, OP_COUNT,
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
	const uint8_t *p, *end;
};

/* All made anew for each input, so that what one does it always does.  Of time
 * only OP_TIME lets seconds pass, and no less ends a wait. */
static struct stage {
	struct model model;
	struct target target;
	struct station station;
	struct port port;
	struct line lines[LINES];
	struct input in;
	uint16_t cntlid;
} *stage;

static uint8_t next8(void)
{
	return stage->in.p < stage->in.end ? *stage->in.p++ : 0;
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

static void add_namespace(uint32_t nsid, const struct backend_spec *spec)
{
	struct namespace ns = { .nsid = nsid, .lba_shift = 9 };
	char error[256];

	FUZZ_CHECK(!backend_open(spec, &ns.backend, error, sizeof(error)));
	ns.blocks = ns.backend->info.size >> 9;
	ns.is_immediate = ns.backend->info.is_immediate;
	ns.has_volatile_cache = ns.backend->info.has_volatile_cache;
	memset(ns.uuid, (int)nsid, sizeof(ns.uuid));
	memset(ns.nguid, (int)nsid, sizeof(ns.nguid));
	memset(ns.eui64, (int)nsid, sizeof(ns.eui64));
	FUZZ_CHECK(!model_add_namespace(&stage->model, &ns));
}

static void add_namespaces(void)
{
	struct backend_spec spec = { .kind = BACKEND_MEMORY, .size = 1 << 14, .block_size = 512 };

	add_namespace(1, &spec);
	spec.wrappers[spec.wrapper_count++] = (struct backend_wrapper){
		.kind = BACKEND_DELAY, .ms = { 1000, 1000, 1000 } };
	add_namespace(2, &spec);
	spec.wrappers[spec.wrapper_count++] = (struct backend_wrapper){
		.kind = BACKEND_ERROR, .rate = BACKEND_RATE_ALWAYS / 3, .seed = 1,
		.error = { EIO, ENOSPC, EIO } };
	add_namespace(3, &spec);
}

static void open_station(void)
{
	struct worker_settings settings = { .buffers = POOL_BYTES, .largest = 1 << 18 };
	struct station *s = &stage->station;
	char error[256];

	FUZZ_CHECK(!worker_open(&s->worker, 0, &settings, error, sizeof(error)));
	s->worker->attached = s;
	s->target = &stage->target;
	s->health = &stage->model.subsystem.health[0];
	s->lane.timers = &s->worker->timers;
	list_init(&s->spare);
}

static void open_stage(void)
{
	struct limits limits = {
		.mdts = 1 << 18, .in_capsule = 16384, .io_queues = 8, .queue_entries = 128,
		.nn = 8, .handshake_s = 10, .association_s = 120, .allow_flow_off = true };

	stage = calloc(1, sizeof(*stage));
	FUZZ_CHECK(stage && !model_open(&stage->model, &limits, 1));
	strcpy(stage->model.subsystem.nqn, NQN);
	strcpy(stage->model.subsystem.serial, "1");
	stage->port = (struct port){ .id = 1, .serves_io = true, .address = "127.0.0.1",
				     .service = 4420 };
	FUZZ_CHECK(model_add_port(&stage->model, &stage->port));
	stage->model.generation = 1;
	stage->target = (struct target){
		.model = &stage->model, .stations = &stage->station, .station_count = 1,
		.tcp = { .allow_header_digest = true, .allow_data_digest = true,
			 .in_capsule_max = 16384, .maxh2cdata = 65536 } };
	registry_open(&stage->target.registry);
	add_namespaces();
	open_station();
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
	worker_turn(stage->station.worker, 0);
	for (int i = 0; i < LINES; i++) {
		if (stage->lines[i].connection)
			look(&stage->lines[i]);
		forget_closed(&stage->lines[i]);
	}
}

static void pass_time(uint64_t ms)
{
	struct worker *w = stage->station.worker;

	w->now = worker_clock() + ms * NS_PER_MS;
	timer_run(&w->timers, w->now);
	turn();
}

static struct line *next_line(void)
{
	return &stage->lines[next8() % LINES];
}

/* ---- a host's side -------------------------------------------------------------------------- */

static void open_line(struct line *l, uint8_t hpda, uint8_t dgst)
{
	struct worker *w = stage->station.worker;

	if (l->connection)
		return;
	*l = (struct line){ .window = SIZE_MAX, .align = (hpda % 32 + 1u) * 4,
			    .dialect.align = 4 };
	l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	FUZZ_CHECK(l->fd >= 0);
	target_accept(&stage->station, l->fd, &stage->port);
	l->connection = list_entry(w->connections.prev, struct connection, link);
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

static void put_admin(struct line *l, uint8_t opcode, uint32_t nsid, uint32_t cdw10,
		      uint32_t cdw11, uint32_t length)
{
	uint8_t sqe[64] = { opcode };

	put32(sqe + 4, nsid);
	put32(sqe + 32, length);
	sqe[39] = 0x5a;
	put32(sqe + 40, cdw10);
	put32(sqe + 44, cdw11);
	put_sqe(l, sqe, NULL, 0);
}

static void put_io(struct line *l, uint8_t opcode, uint8_t nsid, uint32_t slba, uint16_t nlb,
		   bool is_in_capsule)
{
	static const uint8_t data[16384];
	uint32_t n = (nlb + 1u) * 512;
	uint8_t sqe[64] = { opcode };

	put32(sqe + 4, nsid);
	put32(sqe + 32, n);
	sqe[39] = is_in_capsule ? 0x01 : 0x5a;
	put32(sqe + 40, slba);
	put32(sqe + 48, nlb);
	if (nlb & 0x100)
		sqe[51] = 0x40;			/* FUA */
	put_sqe(l, sqe, data, !is_in_capsule ? 0 : n < sizeof(data) ? n : sizeof(data));
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
	open_line(admin, how, how >> 5);
	put_connect(admin, 0, 31, how & 0x80 ? 4 : 0, 0, 0);
	put_property(admin, true, 0x14, 0, 0x460001);
	put_admin(admin, 0x09, 0, 7, 0x00030003, 0);
	turn();
	if (!admin->connection || io == admin)
		return;
	open_line(io, how, how >> 5);
	put_connect(io, (uint16_t)(1 + (io - stage->lines)), 31, 8, 0, 0);
	turn();
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

/* An op on a line that is open. */
static void step_line(enum op op, struct line *l)
{
	uint8_t a = next8(), b = next8(), c;
	uint16_t d, e, f;

	switch (op) {
	case OP_CONNECT:
		c = next8();
		d = next16();
		put_connect(l, a % 16, b, c, d, next8());
		break;
	case OP_PROPERTY_SET:
		put_property(l, true, a < 32 ? a : 0x14, 0, b | (uint32_t)next16() << 8);
		break;
	case OP_PROPERTY_GET:
		put_property(l, false, a, b, 0);
		break;
	case OP_ADMIN:
		d = next16();
		e = next16();
		f = next16();
		put_admin(l, a, b == 255 ? ~0u : b, d, e, f);
		break;
	case OP_FEATURE:
		put_admin(l, a & 1 ? 0x09 : 0x0a, 0, b, next16() * 0x10001u, 0);
		break;
	case OP_LOG:
		put_admin(l, 0x02, ~0u, a | (uint32_t)(b & 0x7f) << 16, 0, (b + 1u) * 4);
		break;
	case OP_IO:
		put_io(l, a & 7, a >> 3 & 7, next16() % 40, b | (a & 0x40 ? 0x100 : 0),
		       a & 0x80);
		break;
	case OP_DATA:
		answer_r2t(l, a * 512u);
		break;
	case OP_RAW:
		add_raw(l);
		break;
	case OP_SPOIL:
		spoil(l);
		break;
	case OP_HANG_UP:
		l->has_hung_up = true;
		break;
	case OP_WINDOW:
		l->window = a & 1 ? SIZE_MAX : b * 64u;
		break;
	case OP_QUEUES:
		put_admin(l, 0x09, 0, 7, a | (uint32_t)b << 16, 0);
		break;
	case OP_DISCONNECT: {
		uint8_t sqe[64] = { 0x7f };

		sqe[4] = 8;
		put_sqe(l, sqe, NULL, 0);
		break;
	}
	default:
		break;
	}
}

static void step(void)
{
	enum op op = next8() % OP_COUNT;
	struct line *l, *io;
	uint8_t how;

	switch (op) {
	case OP_TURN:
		turn();
		break;
	case OP_TIME:
		how = next8();
		pass_time(how * (uint64_t)next8() * 4);
		break;
	case OP_OPEN:
		l = next_line();
		how = next8();
		open_line(l, how, how >> 5);
		break;
	case OP_READY:
		l = next_line();
		io = next_line();
		make_ready(l, io, next8());
		break;
	default:
		l = next_line();
		if (l->connection && !l->has_hung_up)
			step_line(op, l);
	}
}

/* Every connection ends, what is late comes, and nothing is left. */
static void end_all(void)
{
	struct worker *w = stage->station.worker;

	turn();
	target_end_all(&stage->station);
	for (int i = 0; i < 100 && (target_queues(&stage->target) ||
				    registry_count(&stage->target.registry)); i++)
		pass_time(1000000);
	FUZZ_CHECK(!target_queues(&stage->target));
	FUZZ_CHECK(!registry_count(&stage->target.registry));
	FUZZ_CHECK(!pool_used(w->pool) && !w->overflow);
	FUZZ_CHECK(list_is_empty(&w->connections));
	for (int i = 0; i < LINES; i++)
		FUZZ_CHECK(!stage->lines[i].connection);
}

static void close_stage(void)
{
	station_close(&stage->station);
	worker_close(stage->station.worker);
	model_close(&stage->model);
	registry_close(&stage->target.registry);
	free(stage);
	stage = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	open_stage();
	stage->in = (struct input){ bytes, bytes + n };
	for (int i = 0; i < STEPS_MOST && stage->in.p < stage->in.end; i++)
		step();
	end_all();
	close_stage();
	return 0;
}
