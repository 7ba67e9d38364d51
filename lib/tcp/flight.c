/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands under way on a connection, found by command identifier. */
#include "tcp/internal.h"

static struct capsule **bucket_of(struct tcp_conn *conn, uint16_t cid)
{
	return &conn->buckets[cid % TCP_BUCKETS];
}

struct capsule *flight_find(const struct tcp_conn *conn, uint16_t cid)
{
	struct capsule *c = conn->buckets[cid % TCP_BUCKETS];

	while (c && capsule_cid(c) != cid)
		c = c->tcp.next;
	return c;
}

void flight_add(struct tcp_conn *conn, struct capsule *c)
{
	struct capsule **at = bucket_of(conn, capsule_cid(c));

	c->tcp.next = *at;
	*at = c;
	c->tcp.is_tracked = true;
	conn->in_flight++;
}

void flight_remove(struct tcp_conn *conn, struct capsule *c)
{
	struct capsule **at = bucket_of(conn, capsule_cid(c));

	if (!c->tcp.is_tracked)
		return;
	while (*at != c)
		at = &(*at)->tcp.next;
	*at = c->tcp.next;
	c->tcp.is_tracked = false;
	conn->in_flight--;
}

/* A capsule that goes back may take others with it: one that waited for its
 * buffer starts, and ends, at once.  So after each the bucket is read anew. */
void flight_each(struct tcp_conn *conn, void (*visit)(struct tcp_conn *, struct capsule *))
{
	for (unsigned int i = 0; i < TCP_BUCKETS; i++) {
		struct capsule *c = conn->buckets[i];

		while (c) {
			uint32_t count = conn->in_flight;

			visit(conn, c);
			c = conn->in_flight == count ? c->tcp.next : conn->buckets[i];
		}
	}
}
