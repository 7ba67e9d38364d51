/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a configuration file says, as plain data: the form that Linux's `nvmetcli
 * save` writes, and beside it the object "nvmfd" with what that form has no key for.
 * Text comes in, text goes out; nothing here opens storage or listens.
 *
 * What a file demands and nvmfd can't enforce is a mistake of the file, so that
 * nothing is served open that was meant to be closed.
 */
#ifndef NVMFD_CONFIG_CONFIG_H
#define NVMFD_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number as the file gives it, or what the kernel takes where it gives none. */
struct config_number {
	bool given;
	int64_t value;
};

/* A UUID or NGUID, as on the wire; zeros where none is given. */
struct config_id {
	bool given;
	uint8_t bytes[16];
};

enum config_family { CONFIG_IPV4, CONFIG_IPV6 };

enum config_ana_state {
	CONFIG_ANA_OPTIMIZED, CONFIG_ANA_NON_OPTIMIZED, CONFIG_ANA_INACCESSIBLE,
	CONFIG_ANA_PERSISTENT_LOSS, CONFIG_ANA_CHANGE,
};

/* Texts are NULL where the file gives none. */
struct config_host {
	char *nqn;
	bool has_dhchap;
	char *dhchap_key, *dhchap_ctrl_key;	/* "": neither can be enforced */
	char *dhchap_hash, *dhchap_dhgroup;
};

struct config_ana_group {
	struct config_number grpid;
	bool has_ana;
	struct config_number state;		/* enum config_ana_state */
};

struct config_referral {
	char *name;
	bool has_addr;
	struct config_number adrfam;		/* enum config_family */
	struct config_number portid, trtype, treq;
	char *traddr;				/* numeric */
	struct config_number trsvcid;		/* TCP port */
	struct config_number enable;
};

struct config_port {
	struct config_number portid;
	bool has_addr;
	struct config_number adrfam;		/* enum config_family */
	struct config_number trtype, treq, tsas;
	char *traddr;				/* numeric */
	struct config_number trsvcid;		/* TCP port; 0: any free one */
	bool has_param;
	struct config_number inline_data_size, max_queue_size, mdts;	/* -1: ours */
	struct config_number pi_enable;
	char **subsystems;			/* NQNs; without any, nobody listens */
	size_t subsystem_count;
	struct config_ana_group *ana_groups;
	size_t ana_group_count;
	struct config_referral *referrals;
	size_t referral_count;
};

struct config_namespace {
	struct config_number nsid;
	bool has_device;
	char *path;			/* absolute, or the name of one of the devices */
	struct config_id nguid, uuid;
	bool has_ana, has_resv;
	struct config_number grpid, ana_grpid;	/* the same, twice */
	struct config_number resv_enable;
	struct config_number enable;
};

struct config_passthru {
	bool has_device;
	char *path;
	struct config_number enable, clear_ids, admin_timeout, io_timeout;
};

struct config_subsystem {
	char *nqn;
	bool has_attr;
	struct config_number allow_any_host;
	struct config_number cntlid_min, cntlid_max, qid_max;
	struct config_number vendor_id, subsys_vendor_id, ieee_oui;
	struct config_number pi_enable;
	char *serial, *model, *firmware, *version;
	char **allowed_hosts;		/* NQNs */
	size_t allowed_host_count;
	struct config_namespace *namespaces;
	size_t namespace_count;
	struct config_passthru *passthru;
	size_t passthru_count;
};

/* ---- the object "nvmfd" ------------------------------------------------------------ */

/* A device as on the command line, by a name that namespaces use as their path. */
struct config_device {
	char *name, *device;
};

enum config_second { CONFIG_SECOND_ALLOW, CONFIG_SECOND_FENCE };

/* What the kernel's form has no key for, of a namespace that it describes. */
struct config_own_namespace {
	struct config_number nsid;
	struct config_number read_only;
	struct config_number write_protected;	/* until a host lifts it */
	struct config_number hidden;		/* from all hosts but these */
	char **hosts;				/* NQNs */
	size_t host_count;
	char *eui64;				/* 16 hexadecimal digits */
};

/* The same of a subsystem. */
struct config_own_subsystem {
	char *nqn;
	struct config_number second_connection;	/* enum config_second */
	char **addresses;		/* prefixes that hosts may come from; none: all */
	size_t address_count;
	struct config_own_namespace *namespaces;
	size_t namespace_count;
	struct config_number nn;	/* the highest NSID; 0: that of all */
};

/* The same of the referrals to an address. */
struct config_own_referral {
	char *traddr;
	struct config_number trsvcid;
	char *nqn;			/* of the discovery subsystem there */
};

/* An option of the command line, its dashes written as underscores. */
struct config_setting {
	char *name, *value;
	bool is_number;			/* how it was written */
};

struct config {
	bool has_discovery;
	char *discovery_nqn;		/* NULL, or the well-known one: it has no other */
	struct config_host *hosts;
	size_t host_count;
	struct config_port *ports;
	size_t port_count;
	struct config_subsystem *subsystems;
	size_t subsystem_count;
	bool has_own;			/* the object "nvmfd" */
	struct config_device *devices;
	size_t device_count;
	struct config_own_subsystem *own_subsystems;
	size_t own_subsystem_count;
	struct config_own_referral *own_referrals;
	size_t own_referral_count;
	char **discovery_only;		/* numbers of ports that listen and serve nothing */
	size_t discovery_only_count;
	struct config_setting *settings;
	size_t setting_count;
};

/* What is wrong with a file: the line where its text is broken, else the JSON path. */
struct config_mistake {
	unsigned int line, column;	/* from 1; 0: the path tells */
	char *path, *sentence;
};

/* The first of them: no more than CONFIG_MISTAKES_MOST are kept. */
#define CONFIG_MISTAKES_MOST 100
struct config_mistakes {
	struct config_mistake *list;
	size_t count;
	size_t others;			/* that are not kept */
	bool out_of_memory;
};

void config_mistakes_free(struct config_mistakes *);
/* "FILE:LINE:COLUMN: ..." or "FILE: PATH: ..."; NULL: no memory.  The caller's. */
char *config_mistake_line(const struct config_mistake *, const char *file);

/* More than any file of ours needs; what is larger or deeper is not read. */
#define CONFIG_TEXT_MOST	((size_t)16 << 20)
#define CONFIG_NESTING_MOST	16

/*
 * Text to data.  0; -EINVAL with every mistake; -ENOMEM.  Unless it is 0 *config is
 * empty.  The mistakes are the caller's to free in any case.
 */
int config_parse(struct config *config, const char *text, size_t length,
		 struct config_mistakes *mistakes);

/* The same of a file, "-" for standard input.  Another -errno where it can't be
 * read: that is the only mistake then. */
int config_load(struct config *config, const char *path, struct config_mistakes *mistakes);

/* Data to text, in the order of what was read; keys are sorted.  NULL: no memory. */
char *config_format(const struct config *config);

/*
 * Writes the file so that others see the old or the new one, after a crash, too.  A
 * file that is there keeps its mode and, where we may, its owner; a new one is its
 * owner's alone.  0, or -errno with a sentence.
 */
int config_save(const struct config *config, const char *path, char *error, size_t error_size);

/* Leaves an empty one. */
void config_free(struct config *config);

/* NULL: there is none such. */
const struct config_device *config_device_named(const struct config *config, const char *name);
const struct config_subsystem *config_subsystem_named(const struct config *config, const char *nqn);

const struct config_own_subsystem *config_own_named(const struct config *config, const char *nqn);
/* NULL: the referral leads to the well-known one. */
const char *config_referral_nqn(const struct config *config, const struct config_referral *referral);
const struct config_own_namespace *config_own_namespace(const struct config_own_subsystem *own,
							int64_t nsid);

/* Whether it has one: the kernel shows a path that was never set as "(null)". */
bool config_has_path(const struct config_namespace *ns);

/* From 1. */
int64_t config_ana_group(const struct config_namespace *ns);

/* What the port says of an ANA group: those that it does not list are inaccessible,
 * but for the first. */
enum config_ana_state config_ana_state(const struct config_port *port, int64_t grpid);

#endif
