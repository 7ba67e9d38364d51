/* SPDX-License-Identifier: BSD-2-Clause */
/* Status codes in words, as the specification names them (Figures 93 to 97;
 * NVM Command Set 1.0, Figures 14 and 15). */
#include <nvmf/status.h>

#include <stddef.h>

enum scope { ANY, NOT_FABRICS, FABRICS };

struct status_name {
	uint8_t type, code;
	uint8_t scope;
	const char *text;
};

static const struct status_name names[] = {
	{ 0, 0x00, ANY, "Successful Completion" },
	{ 0, 0x01, ANY, "Invalid Command Opcode" },
	{ 0, 0x02, ANY, "Invalid Field in Command" },
	{ 0, 0x03, ANY, "Command ID Conflict" },
	{ 0, 0x04, ANY, "Data Transfer Error" },
	{ 0, 0x05, ANY, "Commands Aborted due to Power Loss Notification" },
	{ 0, 0x06, ANY, "Internal Error" },
	{ 0, 0x07, ANY, "Command Abort Requested" },
	{ 0, 0x08, ANY, "Command Aborted due to SQ Deletion" },
	{ 0, 0x09, ANY, "Command Aborted due to Failed Fused Command" },
	{ 0, 0x0a, ANY, "Command Aborted due to Missing Fused Command" },
	{ 0, 0x0b, ANY, "Invalid Namespace or Format" },
	{ 0, 0x0c, ANY, "Command Sequence Error" },
	{ 0, 0x0d, ANY, "Invalid SGL Segment Descriptor" },
	{ 0, 0x0e, ANY, "Invalid Number of SGL Descriptors" },
	{ 0, 0x0f, ANY, "Data SGL Length Invalid" },
	{ 0, 0x10, ANY, "Metadata SGL Length Invalid" },
	{ 0, 0x11, ANY, "SGL Descriptor Type Invalid" },
	{ 0, 0x12, ANY, "Invalid Use of Controller Memory Buffer" },
	{ 0, 0x13, ANY, "PRP Offset Invalid" },
	{ 0, 0x14, ANY, "Atomic Write Unit Exceeded" },
	{ 0, 0x15, ANY, "Operation Denied" },
	{ 0, 0x16, ANY, "SGL Offset Invalid" },
	{ 0, 0x18, ANY, "Host Identifier Inconsistent Format" },
	{ 0, 0x19, ANY, "Keep Alive Timer Expired" },
	{ 0, 0x1a, ANY, "Keep Alive Timeout Invalid" },
	{ 0, 0x1b, ANY, "Command Aborted due to Preempt and Abort" },
	{ 0, 0x1c, ANY, "Sanitize Failed" },
	{ 0, 0x1d, ANY, "Sanitize In Progress" },
	{ 0, 0x1e, ANY, "SGL Data Block Granularity Invalid" },
	{ 0, 0x1f, ANY, "Command Not Supported for Queue in CMB" },
	{ 0, 0x20, ANY, "Namespace is Write Protected" },
	{ 0, 0x21, ANY, "Command Interrupted" },
	{ 0, 0x22, ANY, "Transient Transport Error" },
	{ 0, 0x23, ANY, "Command Prohibited by Command and Feature Lockdown" },
	{ 0, 0x24, ANY, "Admin Command Media Not Ready" },
	{ 0, 0x80, ANY, "LBA Out of Range" },
	{ 0, 0x81, ANY, "Capacity Exceeded" },
	{ 0, 0x82, ANY, "Namespace Not Ready" },
	{ 0, 0x83, ANY, "Reservation Conflict" },
	{ 0, 0x84, ANY, "Format In Progress" },
	{ 1, 0x00, ANY, "Completion Queue Invalid" },
	{ 1, 0x01, ANY, "Invalid Queue Identifier" },
	{ 1, 0x02, ANY, "Invalid Queue Size" },
	{ 1, 0x03, ANY, "Abort Command Limit Exceeded" },
	{ 1, 0x05, ANY, "Asynchronous Event Request Limit Exceeded" },
	{ 1, 0x06, ANY, "Invalid Firmware Slot" },
	{ 1, 0x07, ANY, "Invalid Firmware Image" },
	{ 1, 0x08, ANY, "Invalid Interrupt Vector" },
	{ 1, 0x09, ANY, "Invalid Log Page" },
	{ 1, 0x0a, ANY, "Invalid Format" },
	{ 1, 0x0c, ANY, "Invalid Queue Deletion" },
	{ 1, 0x0d, ANY, "Feature Identifier Not Saveable" },
	{ 1, 0x0e, ANY, "Feature Not Changeable" },
	{ 1, 0x0f, ANY, "Feature Not Namespace Specific" },
	{ 1, 0x14, ANY, "Overlapping Range" },
	{ 1, 0x15, ANY, "Namespace Insufficient Capacity" },
	{ 1, 0x16, ANY, "Namespace Identifier Unavailable" },
	{ 1, 0x18, ANY, "Namespace Already Attached" },
	{ 1, 0x19, ANY, "Namespace Is Private" },
	{ 1, 0x1a, ANY, "Namespace Not Attached" },
	{ 1, 0x1c, ANY, "Controller List Invalid" },
	{ 1, 0x1f, ANY, "Invalid Controller Identifier" },
	{ 1, 0x29, ANY, "I/O Command Set Not Supported" },
	{ 1, 0x2a, ANY, "I/O Command Set Not Enabled" },
	{ 1, 0x80, FABRICS, "Connect Incompatible Format" },
	{ 1, 0x81, FABRICS, "Connect Controller Busy" },
	{ 1, 0x82, FABRICS, "Connect Invalid Parameters" },
	{ 1, 0x83, FABRICS, "Connect Restart Discovery" },
	{ 1, 0x84, FABRICS, "Connect Invalid Host" },
	{ 1, 0x85, FABRICS, "Invalid Queue Type" },
	{ 1, 0x90, FABRICS, "Discover Restart" },
	{ 1, 0x91, FABRICS, "Authentication Required" },
	{ 1, 0x80, NOT_FABRICS, "Conflicting Attributes" },
	{ 1, 0x81, NOT_FABRICS, "Invalid Protection Information" },
	{ 1, 0x82, NOT_FABRICS, "Attempted Write to Read Only Range" },
	{ 1, 0x83, NOT_FABRICS, "Command Size Limit Exceeded" },
	{ 2, 0x80, ANY, "Write Fault" },
	{ 2, 0x81, ANY, "Unrecovered Read Error" },
	{ 2, 0x82, ANY, "End-to-end Guard Check Error" },
	{ 2, 0x83, ANY, "End-to-end Application Tag Check Error" },
	{ 2, 0x84, ANY, "End-to-end Reference Tag Check Error" },
	{ 2, 0x85, ANY, "Compare Failure" },
	{ 2, 0x86, ANY, "Access Denied" },
	{ 2, 0x87, ANY, "Deallocated or Unwritten Logical Block" },
	{ 3, 0x00, ANY, "Internal Path Error" },
	{ 3, 0x01, ANY, "Asymmetric Access Persistent Loss" },
	{ 3, 0x02, ANY, "Asymmetric Access Inaccessible" },
	{ 3, 0x03, ANY, "Asymmetric Access Transition" },
	{ 3, 0x60, ANY, "Controller Pathing Error" },
	{ 3, 0x70, ANY, "Host Pathing Error" },
	{ 3, 0x71, ANY, "Command Aborted By Host" },
};

/* For a code without a name, by its type. */
static const char *const type_names[8] = {
	"unknown generic status", "unknown command specific status",
	"unknown media or data integrity error", "unknown path related status",
	"status of a reserved type", "status of a reserved type",
	"status of a reserved type", "vendor specific status",
};

const char *nvmf_status_text(struct nvmf_status status, bool is_fabrics)
{
	enum scope wanted = is_fabrics ? FABRICS : NOT_FABRICS;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct status_name *n = &names[i];

		if (n->type == status.type && n->code == status.code &&
		    (n->scope == ANY || n->scope == wanted))
			return n->text;
	}
	return type_names[status.type & 7];
}
