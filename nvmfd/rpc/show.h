/* SPDX-License-Identifier: BSD-2-Clause */
/* What the model has, as JSON; and the two ways in which changes of it end. */
#ifndef NVMFD_RPC_SHOW_H
#define NVMFD_RPC_SHOW_H

#include "rpc/target.h"

struct census;
struct device_spec;

json_t *show_hex(const uint8_t *bytes, unsigned int count);
json_t *show_uuid(const uint8_t uuid[16]);
json_t *show_texts(const struct array *texts);
/* As SPDK's transport identifiers. */
json_t *show_address(bool is_ipv6, const char *address, uint16_t service);
/* As SPDK does, but for a number that its referrals never have. */
json_t *show_referral(const struct referral *, bool with_channel);
bool is_zero(const uint8_t *bytes, unsigned int count);

/* How the device was asked for; false: nobody said it, or not in our words. */
bool show_spec(const struct device *, struct device_spec *);
/* A device by its name or by its UUID, SPDK's alias of every one; NULL: there is none. */
const struct device *find_device(const struct snapshot *, const char *name);
/* The one that was asked for; or one that its name makes, which hosts never see.  False: there
 * is none. */
bool device_uuid(const struct device *, uint8_t uuid[16], bool *is_given);

/* Adds a device by the command line's words; NULL: the model names it.  0, or -errno with a
 * sentence. */
int rpc_open_device(const struct rpc_call *, const char *name, const char *text, char *error,
		    size_t error_size);
/* True; or, where `r` is an error of the model, this code and its sentence. */
void rpc_end_change(struct rpc_call *, int r, int code);
/* True; or the call has ended with this code, as SPDK's ends where a name is no NQN.  The
 * model takes more, for files of the kernel's target.  `what`: "the host name". */
bool rpc_check_nqn(struct rpc_call *, int code, const char *what, const char *nqn);
/* Everybody who is connected; NULL: the call has ended. */
struct census *rpc_take_census(struct rpc_call *);
void rpc_free_census(struct census *);
/* NULL: there is none, and the call has ended. */
const struct subsystem *rpc_find_subsystem(struct rpc_call *, const char *nqn);

static inline struct model *rpc_model(const struct rpc_call *c)
{
	return &rpc_target_of(c)->service->model;
}

static inline const struct snapshot *rpc_snapshot(const struct rpc_call *c)
{
	return model_snapshot(rpc_model(c));
}

#endif
