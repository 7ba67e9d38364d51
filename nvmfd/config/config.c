/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/config.h"
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

/* Settings have no table of their own: their names are those of the options. */
static void free_settings(struct config *c)
{
	for (size_t i = 0; i < c->setting_count; i++) {
		free(c->settings[i].name);
		free(c->settings[i].value);
	}
	free(c->settings);
}

void config_free(struct config *c)
{
	free_settings(c);
	config_object_free(&config_root, c);
}

const struct config_device *config_device_named(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->device_count; i++)
		if (!strcmp(c->devices[i].name, name))
			return &c->devices[i];
	return NULL;
}

const struct config_subsystem *config_subsystem_named(const struct config *c, const char *nqn)
{
	for (size_t i = 0; i < c->subsystem_count; i++)
		if (!strcmp(c->subsystems[i].nqn, nqn))
			return &c->subsystems[i];
	return NULL;
}

const struct config_own_subsystem *config_own_named(const struct config *c, const char *nqn)
{
	for (size_t i = 0; i < c->own_subsystem_count; i++)
		if (!strcmp(c->own_subsystems[i].nqn, nqn))
			return &c->own_subsystems[i];
	return NULL;
}

const char *config_referral_nqn(const struct config *c, const struct config_referral *r)
{
	for (size_t i = 0; i < c->own_referral_count; i++) {
		const struct config_own_referral *own = &c->own_referrals[i];

		if (own->trsvcid.value == r->trsvcid.value && !strcmp(own->traddr, r->traddr))
			return own->nqn;
	}
	return NULL;
}

const struct config_own_namespace *config_own_namespace(const struct config_own_subsystem *own,
							int64_t nsid)
{
	for (size_t i = 0; own && i < own->namespace_count; i++)
		if (own->namespaces[i].nsid.value == nsid)
			return &own->namespaces[i];
	return NULL;
}

enum config_ana_state config_ana_state(const struct config_port *port, int64_t grpid)
{
	for (size_t i = 0; i < port->ana_group_count; i++)
		if (port->ana_groups[i].grpid.value == grpid)
			return (enum config_ana_state)port->ana_groups[i].state.value;
	return grpid == 1 ? CONFIG_ANA_OPTIMIZED : CONFIG_ANA_INACCESSIBLE;
}

int64_t config_ana_group(const struct config_namespace *ns)
{
	if (ns->ana_grpid.given && ns->ana_grpid.value)
		return ns->ana_grpid.value;
	return ns->grpid.value ? ns->grpid.value : 1;
}

bool config_has_path(const struct config_namespace *ns)
{
	return ns->path && strcmp(ns->path, "(null)");
}
