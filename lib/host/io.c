/* SPDX-License-Identifier: BSD-2-Clause */
/* Read, Write and Flush (NVM Command Set 1.0, section 3.2). */
#include "host/internal.h"

#include <errno.h>

static struct nvmf_command transfer_command(uint8_t opcode, uint32_t nsid, uint64_t lba,
					    uint32_t blocks)
{
	return (struct nvmf_command){
		.opcode = opcode, .nsid = nsid,
		.cdw10 = (uint32_t)lba, .cdw11 = (uint32_t)(lba >> 32),
		.cdw12 = blocks - 1 };
}

static int check_blocks(struct nvmf_queue *q, uint32_t blocks, uint32_t length)
{
	if (blocks && blocks <= 65536 && length)
		return 0;
	return host_queue_fail(q, -EINVAL, "%u blocks, %u bytes: a command moves 1 to 65536 blocks",
			       blocks, length);
}

int nvmf_queue_submit_read(struct nvmf_queue *q, uint32_t nsid, uint64_t lba, uint32_t blocks,
			   void *data, uint32_t length, nvmf_done *done, void *cookie)
{
	struct nvmf_command command = transfer_command(NVME_IO_READ, nsid, lba, blocks);
	int error = check_blocks(q, blocks, length);

	return error ? error : nvmf_queue_submit(q, &command, data, length, done, cookie);
}

int nvmf_queue_submit_write(struct nvmf_queue *q, uint32_t nsid, uint64_t lba, uint32_t blocks,
			    const void *data, uint32_t length, nvmf_done *done, void *cookie)
{
	struct nvmf_command command = transfer_command(NVME_IO_WRITE, nsid, lba, blocks);
	int error = check_blocks(q, blocks, length);

	/* Data that goes to the controller is only read. */
	return error ? error : nvmf_queue_submit(q, &command, (void *)(uintptr_t)data, length,
						 done, cookie);
}

int nvmf_queue_submit_flush(struct nvmf_queue *q, uint32_t nsid, nvmf_done *done, void *cookie)
{
	struct nvmf_command command = { .opcode = NVME_IO_FLUSH, .nsid = nsid };

	return nvmf_queue_submit(q, &command, NULL, 0, done, cookie);
}

/* ---- the same, waiting ------------------------------------------------------------------------------- */

int nvmf_queue_read(struct nvmf_queue *q, uint32_t nsid, uint64_t lba, uint32_t blocks,
		    void *data, uint32_t length, struct nvmf_completion *completion)
{
	struct nvmf_command command = transfer_command(NVME_IO_READ, nsid, lba, blocks);
	int error = check_blocks(q, blocks, length);

	return error ? error : host_queue_execute(q, &command, data, length, completion, "Read");
}

int nvmf_queue_write(struct nvmf_queue *q, uint32_t nsid, uint64_t lba, uint32_t blocks,
		     const void *data, uint32_t length, struct nvmf_completion *completion)
{
	struct nvmf_command command = transfer_command(NVME_IO_WRITE, nsid, lba, blocks);
	int error = check_blocks(q, blocks, length);

	return error ? error : host_queue_execute(q, &command, (void *)(uintptr_t)data, length, completion,
				       "Write");
}

int nvmf_queue_flush(struct nvmf_queue *q, uint32_t nsid, struct nvmf_completion *completion)
{
	struct nvmf_command command = { .opcode = NVME_IO_FLUSH, .nsid = nsid };

	return host_queue_execute(q, &command, NULL, 0, completion, "Flush");
}
