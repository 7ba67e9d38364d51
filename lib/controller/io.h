/* SPDX-License-Identifier: BSD-2-Clause */
/* What the I/O commands have in common; io.c has their table. */
#ifndef NVMF_CONTROLLER_IO_H
#define NVMF_CONTROLLER_IO_H

#include "controller/controller.h"
#include "ns/extent.h"

/* Of a command that is no plain Read or Write: an empty job, and its namespace as r->ns,
 * which stays until the request is freed; else the status. */
uint16_t io_bind(struct request *);
/* The bytes of a command that reads or writes `most` of them: 0, or the status. */
static inline uint16_t io_extent(struct request *r, uint32_t most, struct extent *e)
{
	uint16_t status = extent_of(r->ns, &r->capsule.sqe, most, e);

	if (status == (NVME_INVALID_FIELD | NVME_DNR))
		r->location = NVME_ERROR_LOCATION(48, 0);
	return status;
}
/* Of those that change it. */
uint16_t io_check_writable(const struct request *);

/*
 * again.c, of a command that has waited.  Whether an operation may still be done: 0, or the
 * status and the block that it is about where that is known.
 */
uint16_t io_look_again(const struct request *, const struct namespace *,
		       const struct backend_op *, uint64_t *lba);
/* ... r->op; false: the request has ended. */
bool io_may_go_on(struct request *);

/*
 * Data from the host, checked by request_check_from_host: all of it comes into the
 * capsule's window, and then the command's `received` goes on, perhaps from within.
 * `received` and `resumed` stand in its row; the latter goes on when a buffer that
 * request_park waits for is there.
 */
void io_fetch(struct request *, uint32_t length);
/* ... the buffer is there. */
void io_fetch_resume(struct request *);

/* Ends it by what the storage said of r->op; failures are told in the log. */
void io_end(struct request *, int result);
/* ... of an operation on this namespace. */
void io_end_of(struct request *, const struct namespace *, int result);

/* Such a command has read so many bytes of r->ns since r->began. */
void io_count_read(struct request *, uint64_t bytes);
/* ... for nobody: of what is read that counts, but there was no read command. */
void io_count_verified(struct request *, uint64_t bytes);
/* Of that namespace, something could not be read or written. */
void io_count_media_error(const struct request *, const struct namespace *);
/* It has copied so many to r->ns. */
void io_count_copy(struct request *, uint64_t bytes);

/* compare.c */
void io_compare(struct request *);
void io_compare_received(struct request *);
void io_verify(struct request *);
void io_verify_resume(struct request *);

/* copy.c */
void io_copy(struct request *);
void io_copy_received(struct request *);
void io_copy_resume(struct request *);
/* At most so many blocks in all, and in one range. */
uint32_t io_copy_blocks_most(const struct namespace *);
uint16_t io_copy_range_most(const struct namespace *);

/*
 * uncorrectable.c, where namespace_has_marks: of an operation that reads, whether it may,
 * or else its first block that can't be read; and of one that has written, that what it has
 * written can be read.
 */
uint16_t io_look_for_marks(const struct request *, const struct namespace *,
			   const struct backend_op *, uint64_t *lba);
void io_clear_marks(const struct request *, const struct namespace *, const struct backend_op *);
void io_write_uncorrectable(struct request *);

/* zero.c */
void io_write_zeroes(struct request *);
void io_manage(struct request *);
void io_manage_received(struct request *);

#endif
