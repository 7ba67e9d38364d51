/* SPDX-License-Identifier: BSD-2-Clause */
/* A call that was typed on the command line: it has no caller who could wait or go. */
#ifndef NVMFD_RPC_TYPED_CALL_H
#define NVMFD_RPC_TYPED_CALL_H

#include "rpc/call.h"

/*
 * Runs "METHOD", or "METHOD PARAMS" with an object in JSON.  0, or -EINVAL with a sentence;
 * of its result nobody is told.
 */
int rpc_call_typed(const struct rpc_interface *, const char *text, char *error, size_t error_size);

#endif
