/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read and write: blocks from or to a file, in pieces that the controller takes
 * at once, several of them under way.  The pieces form a ring: they start and
 * retire in order, so that a pipe does as well as a file.
 */
#include "command.h"
#include "json.h"
#include "number.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_WANTED (256u * 1024)
#define PIECES_A_QUEUE 8u
#define PROGRESS_SECONDS 0.5
/* How often to look after the controller while a pipe is stuck. */
#define WATCH_MS 50

struct piece {
	uint8_t *data;
	uint32_t blocks;
	bool is_over;
	struct nvmf_completion completion;
};

struct copy {
	const struct settings *settings;
	struct nvmf_ctrl *ctrl;
	struct nvmf_ns_info ns;
	bool is_write, is_stream;	/* is_stream: the other side may take its time */
	int fd;

	struct piece *pieces;
	unsigned int piece_count, queue_count;
	uint32_t piece_blocks;
	uint64_t head, tail;		/* retired and started pieces */

	uint64_t next;			/* block to start with */
	uint64_t left;			/* blocks to start; UINT64_MAX: until the end */
	uint64_t done;			/* blocks retired */
	bool has_failed;
	double started, told;
	double driven;			/* when the controller last was, in await_file */
};

/* ---- progress ------------------------------------------------------------------------------------ */

static bool is_progress_wanted(const struct copy *c)
{
	return !c->settings->quiet && isatty(STDERR_FILENO);
}

static void tell_progress(struct copy *c, uint64_t total)
{
	char done[SIZE_TEXT], all[SIZE_TEXT] = "", rate[SIZE_TEXT];
	double now = seconds_now(), bytes = (double)c->done * c->ns.block_size;

	if (now - c->told < PROGRESS_SECONDS || !is_progress_wanted(c))
		return;
	c->told = now;
	if (total != UINT64_MAX)
		size_text((double)total * c->ns.block_size, all);
	fprintf(stderr, "\r%s%s%s, %s/s\033[K", size_text(bytes, done), all[0] ? " of " : "", all,
		size_text(bytes / (now - c->started), rate));
}

static void end_progress(const struct copy *c)
{
	if (c->told != c->started && is_progress_wanted(c))
		fprintf(stderr, "\r\033[K");
}

static int report(const struct copy *c)
{
	double seconds = seconds_now() - c->started;
	uint64_t bytes = c->done * c->ns.block_size;
	/* stdout may be where the data went. */
	FILE *to = !c->is_write && !c->settings->data ? stderr : stdout;
	json_t *o;

	if (!c->settings->json) {
		if (!c->settings->quiet)
			fprintf(stderr, "%s %llu blocks (%llu bytes) in %.3f s\n",
				c->is_write ? "wrote" : "read", (unsigned long long)c->done,
				(unsigned long long)bytes, seconds);
		return 0;
	}
	o = json_object();
	json_add_number(o, "blocks", c->done);
	json_add_number(o, "bytes", bytes);
	json_add(o, "seconds", json_real(seconds));
	return json_print(o, to);
}

/* ---- the file ----------------------------------------------------------------------------------------- */

/*
 * Until the file takes or gives something: a pipe's other side may be slow, and
 * the controller wants to be kept alive meanwhile.
 */
static int await_file(struct copy *c)
{
	struct pollfd p = { c->fd, c->is_write ? POLLIN : POLLOUT, 0 };
	int n = 0;

	while (c->is_stream && n <= 0) {
		n = poll(&p, 1, WATCH_MS);
		if (n < 0 && errno != EINTR)
			return fail("poll: %s", strerror(errno));
		if (n > 0 && seconds_now() - c->driven < WATCH_MS / 1e3)
			break;
		c->driven = seconds_now();
		if (session_check(c->ctrl, nvmf_ctrl_wait(c->ctrl, 0)))
			return -1;
	}
	return 0;
}

/* Bytes read, fewer only at the end of the file; -1 after a sentence. */
static ssize_t read_full(struct copy *c, uint8_t *data, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n;

		if (await_file(c))
			return -1;
		n = read(c->fd, data + have, size - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail("reading %s: %s", c->settings->data ? c->settings->data :
				    "stdin", strerror(errno));
		if (!n)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static int write_full(struct copy *c, const uint8_t *data, size_t size)
{
	while (size) {
		/* A pipe that is ready takes so much without blocking. */
		size_t part = c->is_stream && size > PIPE_BUF ? PIPE_BUF : size;
		ssize_t n;

		if (await_file(c))
			return -1;
		n = write(c->fd, data, part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail("writing %s: %s", c->settings->data ? c->settings->data :
				    "stdout", strerror(errno));
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int open_path(struct copy *c)
{
	const char *path = c->settings->data;

	if (!path || !strcmp(path, "-")) {
		c->fd = c->is_write ? STDIN_FILENO : STDOUT_FILENO;
		if (isatty(c->fd))
			return fail("%s is a terminal; say a file with --data",
				    c->is_write ? "stdin" : "stdout");
		return 0;
	}
	c->fd = c->is_write ? open(path, O_RDONLY | O_CLOEXEC) :
			      open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return c->fd < 0 ? fail("%s: %s", path, strerror(errno)) : 0;
}

static int open_file(struct copy *c)
{
	struct stat st;

	if (open_path(c))
		return -1;
	c->is_stream = !fstat(c->fd, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
	return 0;
}

static int close_file(struct copy *c)
{
	if (c->fd > STDERR_FILENO && close(c->fd))
		return fail("%s: %s", c->settings->data, strerror(errno));
	return 0;
}

/* ---- pieces --------------------------------------------------------------------------------------------- */

static struct piece *piece_at(struct copy *c, uint64_t number)
{
	return &c->pieces[number % c->piece_count];
}

/* The queue that a piece goes by. */
static struct nvmf_queue *queue_of(struct copy *c, uint64_t number)
{
	return nvmf_ctrl_queue(c->ctrl, (unsigned int)(number % c->queue_count));
}

static void piece_over(void *cookie, const struct nvmf_completion *completion)
{
	struct piece *p = cookie;

	p->completion = *completion;
	p->is_over = true;
}

/* Fills the piece from the file: 0 blocks at its end.  0 or -1. */
static int fill(struct copy *c, struct piece *p)
{
	ssize_t got = read_full(c, p->data, (size_t)p->blocks * c->ns.block_size);

	if (got < 0)
		return -1;
	if (got % c->ns.block_size)
		return fail("the input ends within a block of %u bytes: its last %u bytes are not written",
			    c->ns.block_size, (unsigned int)(got % c->ns.block_size));
	if ((size_t)got < (size_t)p->blocks * c->ns.block_size) {
		if (c->left != UINT64_MAX && c->settings->block_count != UINT64_MAX)
			return fail("the input is shorter than %llu blocks",
				    (unsigned long long)c->settings->block_count);
		p->blocks = (uint32_t)(got / c->ns.block_size);
		c->left = p->blocks;
	}
	return 0;
}

static int submit(struct copy *c, struct piece *p)
{
	struct nvmf_queue *q = queue_of(c, c->tail);
	uint32_t nsid = c->ns.nsid, bytes = p->blocks * c->ns.block_size;
	int error = c->is_write ?
		nvmf_queue_submit_write(q, nsid, c->next, p->blocks, p->data, bytes, piece_over, p) :
		nvmf_queue_submit_read(q, nsid, c->next, p->blocks, p->data, bytes, piece_over, p);

	return error ? fail("%s", nvmf_queue_error(q)) : 0;
}

/* Starts the next piece; 1: started, 0: there is none. */
static int start(struct copy *c)
{
	struct piece *p = piece_at(c, c->tail);

	p->is_over = false;
	p->blocks = c->left < c->piece_blocks ? (uint32_t)c->left : c->piece_blocks;
	if (c->is_write && fill(c, p))
		return -1;
	if (!p->blocks)
		return 0;
	if (c->next + p->blocks > c->ns.blocks)
		return fail("namespace %u has %llu blocks: the data does not fit", c->ns.nsid,
			    (unsigned long long)c->ns.blocks);
	if (submit(c, p))
		return -1;
	c->tail++;
	c->next += p->blocks;
	if (c->left != UINT64_MAX)
		c->left -= p->blocks;
	return 1;
}

static int start_all(struct copy *c)
{
	while (c->left && c->tail - c->head < c->piece_count) {
		int n = start(c);

		if (n <= 0)
			return n;
	}
	return 0;
}

static int fail_piece(struct copy *c, const struct piece *p)
{
	if (p->completion.error)
		return fail("%s", nvmf_queue_error(queue_of(c, c->head)));
	return fail("%s from block %llu: %s", c->is_write ? "write" : "read",
		    (unsigned long long)(c->settings->start_block + c->done),
		    nvmf_status_text(p->completion.status, false));
}

static int retire(struct copy *c)
{
	while (c->head < c->tail && piece_at(c, c->head)->is_over) {
		struct piece *p = piece_at(c, c->head);

		if (p->completion.error || !nvmf_status_is_success(p->completion.status))
			return fail_piece(c, p);
		if (!c->is_write && write_full(c, p->data, (size_t)p->blocks * c->ns.block_size))
			return -1;
		c->done += p->blocks;
		c->head++;
	}
	return 0;
}

static int run(struct copy *c)
{
	uint64_t total = c->left;

	c->started = c->told = seconds_now();
	for (;;) {
		if (start_all(c))
			return -1;
		if (c->head == c->tail)
			return 0;
		if (session_check(c->ctrl, nvmf_ctrl_wait(c->ctrl, -1)) || retire(c))
			return -1;
		tell_progress(c, total);
	}
}

/* ---- what to copy ------------------------------------------------------------------------------------------- */

/* Blocks to copy, from count, size, or what there is. */
static int plan(struct copy *c)
{
	const struct settings *s = c->settings;

	c->next = s->start_block;
	if (s->block_count != UINT64_MAX && s->data_size != UINT64_MAX)
		return fail("--block-count or --data-size, not both");
	if (s->data_size != UINT64_MAX && s->data_size % c->ns.block_size)
		return fail("--data-size: %llu is no multiple of the block size %u",
			    (unsigned long long)s->data_size, c->ns.block_size);
	if (c->next >= c->ns.blocks)
		return fail("namespace %u has %llu blocks: there is no block %llu", c->ns.nsid,
			    (unsigned long long)c->ns.blocks, (unsigned long long)c->next);
	c->left = c->is_write ? UINT64_MAX : c->ns.blocks - c->next;
	if (s->block_count != UINT64_MAX)
		c->left = s->block_count;
	if (s->data_size != UINT64_MAX)
		c->left = s->data_size / c->ns.block_size;
	if (c->left != UINT64_MAX && c->left > c->ns.blocks - c->next)
		return fail("namespace %u has %llu blocks: %llu from block %llu on are too many",
			    c->ns.nsid, (unsigned long long)c->ns.blocks,
			    (unsigned long long)c->left, (unsigned long long)c->next);
	return 0;
}

/* A regular file's size is known before anything is written. */
static int plan_file(struct copy *c)
{
	struct stat st;

	if (!c->is_write || c->left != UINT64_MAX || fstat(c->fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	if (st.st_size % c->ns.block_size)
		return fail("%s has %lld bytes, no multiple of the block size %u",
			    c->settings->data ? c->settings->data : "stdin",
			    (long long)st.st_size, c->ns.block_size);
	if ((uint64_t)st.st_size / c->ns.block_size > c->ns.blocks - c->next)
		return fail("%lld bytes from block %llu do not fit into namespace %u",
			    (long long)st.st_size, (unsigned long long)c->next, c->ns.nsid);
	return 0;
}

static int make_pieces(struct copy *c)
{
	struct nvmf_ctrl_info info;
	uint32_t bytes = PIECE_WANTED;
	unsigned int room = nvmf_queue_depth(nvmf_ctrl_queue(c->ctrl, 0));

	nvmf_ctrl_info(c->ctrl, &info);
	if (bytes > info.max_transfer)
		bytes = info.max_transfer;
	c->piece_blocks = bytes / c->ns.block_size;
	while (nvmf_ctrl_queue(c->ctrl, c->queue_count))
		c->queue_count++;
	c->piece_count = c->queue_count * (room < PIECES_A_QUEUE ? room : PIECES_A_QUEUE);
	c->pieces = calloc(c->piece_count, sizeof(*c->pieces));
	for (unsigned int i = 0; c->pieces && i < c->piece_count; i++) {
		c->pieces[i].data = malloc((size_t)c->piece_blocks * c->ns.block_size);
		if (!c->pieces[i].data)
			return fail("out of memory");
	}
	return c->pieces ? 0 : fail("out of memory");
}

static void free_pieces(struct copy *c)
{
	for (unsigned int i = 0; c->pieces && i < c->piece_count; i++)
		free(c->pieces[i].data);
	free(c->pieces);
}

/* The file is opened last: a wrong option must not have truncated it. */
static int copy_blocks(struct copy *c)
{
	int result;

	if (session_namespace(c->ctrl, c->settings, &c->ns) || plan(c) || make_pieces(c) ||
	    open_file(c))
		return -1;
	result = plan_file(c);
	if (!result)
		result = run(c);
	end_progress(c);
	if (close_file(c))
		result = -1;
	return result ? result : report(c);
}

static int run_copy(const struct settings *s, bool is_write)
{
	struct copy c = { .settings = s, .is_write = is_write, .fd = -1 };
	int result;

	c.ctrl = session_open_io(s, (unsigned int)s->entries);
	if (!c.ctrl)
		return -1;
	result = copy_blocks(&c);
	/* Commands under way end here, before their memory goes. */
	nvmf_ctrl_destroy(c.ctrl);
	free_pieces(&c);
	return result;
}

int run_read(const struct settings *s)
{
	return run_copy(s, false);
}

int run_write(const struct settings *s)
{
	return run_copy(s, true);
}
