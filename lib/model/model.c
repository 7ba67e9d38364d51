/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/model.h"
#include "storage/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

int model_open(struct model *m, const struct limits *limits, unsigned int workers)
{
	struct subsystem *s = &m->subsystem;
	struct timespec now;

	*m = (struct model){ .limits = *limits, .generation = 1 };
	clock_gettime(CLOCK_BOOTTIME, &now);
	s->started = (uint64_t)now.tv_sec;
	s->workers = workers;
	s->cntlid_first = 1;
	s->cntlid_last = NVMF_CNTLID_MAX;
	s->namespaces = calloc(limits->nn + 1, sizeof(*s->namespaces));
	s->in_order = calloc(limits->nn + 1, sizeof(*s->in_order));
	s->health = aligned_alloc(_Alignof(struct health), workers * sizeof(*s->health));
	if (!s->namespaces || !s->in_order || !s->health) {
		model_close(m);
		return -ENOMEM;
	}
	memset(s->health, 0, workers * sizeof(*s->health));
	return 0;
}

void model_close(struct model *m)
{
	struct subsystem *s = &m->subsystem;

	for (uint32_t i = 0; i < s->namespace_count; i++) {
		backend_close(s->in_order[i]->backend);
		free(s->in_order[i]);
	}
	free(s->in_order);
	free(s->namespaces);
	free(s->health);
	while (m->port_count)
		model_drop_last_port(m);
	free(m->ports);
	*m = (struct model){ 0 };
}

uint32_t model_place_after(const struct model *m, uint32_t nsid)
{
	const struct subsystem *s = &m->subsystem;
	uint32_t first = 0, end = s->namespace_count;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;

		if (s->in_order[middle]->nsid > nsid)
			end = middle;
		else
			first = middle + 1;
	}
	return first;
}

int model_add_namespace(struct model *m, const struct namespace *ns)
{
	struct subsystem *s = &m->subsystem;
	uint32_t place = model_place_after(m, ns->nsid);
	struct namespace *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *ns;
	s->namespaces[ns->nsid] = copy;
	memmove(&s->in_order[place + 1], &s->in_order[place],
		(s->namespace_count - place) * sizeof(*s->in_order));
	s->in_order[place] = copy;
	s->namespace_count++;
	s->has_volatile_cache |= ns->has_volatile_cache;
	return 0;
}

const struct port *model_add_port(struct model *m, const struct port *port)
{
	struct port **more = realloc(m->ports, (m->port_count + 1) * sizeof(*more));
	struct port *copy = malloc(sizeof(*copy));

	if (more)
		m->ports = more;
	if (!more || !copy) {
		free(copy);
		return NULL;
	}
	*copy = *port;
	m->ports[m->port_count++] = copy;
	copy->id = (uint16_t)m->port_count;
	return copy;
}

void model_drop_last_port(struct model *m)
{
	free(m->ports[--m->port_count]);
}

struct health_total model_health(const struct subsystem *s)
{
	struct health_total t = { 0 };

	for (unsigned int i = 0; i < s->workers; i++) {
		const struct health *h = &s->health[i];

		t.reads += atomic_load_explicit(&h->reads, memory_order_relaxed);
		t.writes += atomic_load_explicit(&h->writes, memory_order_relaxed);
		t.sectors_read += atomic_load_explicit(&h->sectors_read, memory_order_relaxed);
		t.sectors_written += atomic_load_explicit(&h->sectors_written,
							  memory_order_relaxed);
	}
	return t;
}
