/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What others want to know of connections: which are up and which have gone, for show; that one with
 * somebody's registration has ended; whether one that came in may also carry requests to the address
 * that it names (RFC 5923). Changes are remembered by id and told when asked for, so that a storm of
 * connections costs its watchers nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/transport/transport_private.h"

#define UNTOLD_MAX 65536 /* of a worker; what changes beyond them is not told */

static bool ids_add(struct conn_ids *ids, uint64_t id)
{
	if (ids->n == ids->max) {
		unsigned int max = ids->max ? 2 * ids->max : 64;
		uint64_t *more = max <= UNTOLD_MAX ? realloc(ids->v, max * sizeof(*more)) : NULL;
		if (more == NULL)
			return false;
		ids->v = more;
		ids->max = max;
	}
	ids->v[ids->n++] = id;
	return true;
}

/* The first n. */
static void ids_drop(struct conn_ids *ids, unsigned int n)
{
	if (n == 0)
		return;
	memmove(ids->v, ids->v + n, (ids->n - n) * sizeof(*ids->v));
	ids->n -= n;
}

void conns_up(struct tcp_conn *c)
{
	(void)ids_add(&c->t->fresh, conn_id(c));
}

void conns_down(struct tcp_conn *c)
{
	struct sip_transport *t = c->t;
	if (c->told)
		(void)ids_add(&t->gone, conn_id(c));
	if (!c->watched)
		return;
	/* Told in a turn of its own, like failures: who hears it may send. Whoever misses it for
	 * lack of memory learns when it sends. */
	if (ids_add(&t->lost, conn_id(c)))
		event_active(t->failure_event, 0, 0);
}

void conns_lost_tell(struct sip_transport *t)
{
	struct conn_ids lost = t->lost;
	t->lost = (struct conn_ids){0};
	for (unsigned int i = 0; i < lost.n; i++) {
		if (t->ops.conn_gone != NULL)
			t->ops.conn_gone(t->ctx, lost.v[i]);
	}
	free(lost.v);
}

void conns_free(struct sip_transport *t)
{
	free(t->fresh.v);
	free(t->gone.v);
	free(t->lost.v);
}

void sip_transport_report(struct sip_transport *t, unsigned int max,
	bool (*up)(void *ctx, const struct sip_conn *conn), bool (*gone)(void *ctx, uint64_t id),
	void *ctx)
{
	unsigned int n;
	for (n = 0; n < t->gone.n && n < max; n++) {
		if (!gone(ctx, t->gone.v[n]))
			break;
	}
	ids_drop(&t->gone, n);
	for (n = 0; n < t->fresh.n && n < max; n++) {
		struct tcp_conn *c = conn_find(t, t->fresh.v[n]);
		const struct listener *l = c ? listener_find(t, c->listener) : NULL;
		if (c == NULL || l == NULL || c->told)
			continue;
		struct sip_conn conn = {.id = t->fresh.v[n],
			.transport = c->transport,
			.accepted = c->accepted,
			.local = c->local,
			.remote = c->remote};
		memcpy(conn.realm, l->pub.realm, sizeof(conn.realm));
		if (!up(ctx, &conn))
			break;
		c->told = true;
	}
	ids_drop(&t->fresh, n);
}

void sip_transport_report_again(struct sip_transport *t)
{
	struct tcp_conn *c;
	uint32_t pos = 0;
	t->fresh.n = t->gone.n = 0;
	while ((c = sip_slab_next(t->conns, &pos)) != NULL) {
		c->told = false;
		if (c->state == TCP_OPEN)
			conns_up(c);
	}
}

int sip_transport_conn_end(struct sip_transport *t, uint64_t conn)
{
	struct tcp_conn *c = conn_find(t, conn);
	if (c == NULL)
		return -ENOENT;
	frames_bye(c);
	sip_transport_conn_close(t, conn);
	return 0;
}

void sip_transport_conn_watch(struct sip_transport *t, uint64_t conn)
{
	struct tcp_conn *c = conn_find(t, conn);
	if (c != NULL)
		c->watched = true;
}

void sip_transport_conn_silent(struct sip_transport *t, uint64_t conn, uint32_t silent_ms)
{
	struct tcp_conn *c = conn_find(t, conn);
	if (c == NULL || c->state != TCP_OPEN || c->ws != NULL)
		return;
	c->silent_ms = silent_ms;
	twheel_start(t->wheel, &c->idle, frames_idle_ms(c));
}

void sip_transport_conn_alias(struct sip_transport *t, uint64_t conn, const struct ipaddr *addr)
{
	struct tcp_conn *c = conn_find(t, conn);
	if (c == NULL || !c->accepted || c->transport != SIP_TLS || c->ssl == NULL ||
		!ipaddr_same_ip(&c->remote, addr))
		return;
	/* Its certificate must be what we would ask for, had we connected to there. */
	if (tls_names(t->tls, c->ssl, addr))
		c->alias_be16 = addr->port_be16;
}
