/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who this machine's subsystem is when nobody says it: a default NQN and a
 * serial number, kept in a file of lines "key=value".
 */
#ifndef NVMFD_STATE_H
#define NVMFD_STATE_H

#include "model/identity.h"
#include "wire/nqn.h"

#include <stddef.h>

struct state {
	char nqn[NQN_MAX_LENGTH + 1];
	char serial[IDENTITY_SERIAL_LENGTH + 1];
	char warning[512];	/* a sentence for the log, or empty */
};

/* /var/lib/nvmfd/state as root; else $XDG_STATE_HOME/nvmfd/state, or
 * $HOME/.local/state/nvmfd/state.  0; -ENOENT where there is no home,
 * -ENAMETOOLONG. */
int state_default_path(char *path, size_t size);

/*
 * What the file says; where there is none, what the machine id (of the file
 * `machine_id`, normally STATE_MACHINE_ID) gives, or chance where that is
 * missing too, and then the file is written.  That it can't be written is only
 * a warning.  -errno with a sentence where the file is there and is wrong: an
 * identity is not changed silently.
 */
#define STATE_MACHINE_ID "/etc/machine-id"
int state_load(struct state *, const char *path, const char *machine_id,
	       char *error, size_t error_size);

#endif
