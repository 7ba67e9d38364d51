/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration file.  Whatever it is, it is read or each mistake has a sentence;
 * and what is read is written, and read again as the same. */
#include "fuzz.h"

#include "config/config.h"
#include "config/diff.h"

#include <errno.h>
#include <string.h>

static void check_refusal(const struct config *c, const struct config_mistakes *m)
{
	static const struct config empty;

	FUZZ_CHECK(m->count && m->count <= CONFIG_MISTAKES_MOST && !m->out_of_memory);
	FUZZ_CHECK(!memcmp(c, &empty, sizeof(empty)));
	for (size_t i = 0; i < m->count; i++) {
		char *line = config_mistake_line(&m->list[i], "f");

		FUZZ_CHECK(line && strlen(line) > 8 && m->list[i].sentence[0]);
		/* It goes to a terminal. */
		for (const char *p = line; *p; p++)
			FUZZ_CHECK(*p >= 0x20 && *p < 0x7f);
		free(line);
	}
}

/* What no check may let pass. */
static void check_promises(const struct config *c)
{
	for (size_t i = 0; i < c->host_count; i++)
		FUZZ_CHECK(c->hosts[i].nqn && (!c->hosts[i].dhchap_key || !c->hosts[i].dhchap_key[0]));
	for (size_t i = 0; i < c->port_count; i++) {
		FUZZ_CHECK(c->ports[i].traddr && !c->ports[i].trtype.value);
		for (size_t k = 0; k < c->ports[i].subsystem_count; k++)
			FUZZ_CHECK(config_subsystem_named(c, c->ports[i].subsystems[k]));
	}
	for (size_t i = 0; i < c->subsystem_count; i++) {
		const struct config_subsystem *s = &c->subsystems[i];

		FUZZ_CHECK(s->nqn && s->cntlid_min.value <= s->cntlid_max.value);
		FUZZ_CHECK(!s->allow_any_host.value || !s->allowed_host_count);
		for (size_t k = 0; k < s->namespace_count; k++)
			FUZZ_CHECK(s->namespaces[k].nsid.value >= 1 && s->namespaces[k].nsid.value <= 65535);
	}
}

static void check_round_trip(const struct config *c)
{
	struct config_mistakes mistakes;
	struct config_changes changes;
	struct config again;
	char *text = config_format(c), *second;

	FUZZ_CHECK(text);
	FUZZ_CHECK(!config_parse(&again, text, strlen(text), &mistakes));
	FUZZ_CHECK(!config_diff(c, &again, &changes) && !changes.count);
	second = config_format(&again);
	FUZZ_CHECK(second && !strcmp(text, second));
	config_changes_free(&changes);
	config_mistakes_free(&mistakes);
	config_free(&again);
	free(second);
	free(text);
}

/* All of it comes and goes. */
static void check_diff(const struct config *c)
{
	static const struct config empty;
	struct config_changes in, out;

	FUZZ_CHECK(!config_diff(&empty, c, &in) && !config_diff(c, &empty, &out));
	FUZZ_CHECK(in.count == out.count && in.count >= c->host_count + c->port_count + c->subsystem_count);
	config_changes_free(&in);
	config_changes_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct config_mistakes mistakes;
	struct config c;

	if (config_parse(&c, (const char *)bytes, n, &mistakes)) {
		check_refusal(&c, &mistakes);
	} else {
		check_promises(&c);
		check_round_trip(&c);
		check_diff(&c);
		config_free(&c);
	}
	config_mistakes_free(&mistakes);
	return 0;
}
