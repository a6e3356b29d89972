/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listeners and their change in phases, sending by path, deferred failures; see sip_transport.h. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/transport/transport_private.h"

LOG_TOPIC("sip-transport");

const struct sip_transport_limits SIP_TRANSPORT_LIMITS_DEFAULT = {
	.max_conns = 8192,
	.max_conns_per_peer = 64,
	.idle_ms = 10 * 60 * 1000,
	.connect_ms = 5000,
	.partial_ms = 10000,
	.tx_queue_max = 256 * 1024,
	.ws_ping_ms = 30000,
};

/* As in the configuration. */
static const char *transport_word(uint8_t transport)
{
	static const char *const words[] = {"", "udp", "tcp", "tls", "ws", "wss"};
	return transport <= SIP_WSS ? words[transport] : "";
}

#define CONN_BUCKETS 1024

static void failures_tell(evutil_socket_t fd, short what, void *arg)
{
	struct sip_transport *t = arg;
	struct failure *list = t->failures;
	unsigned int n = t->n_failures;
	/* Telling may cause new ones, which wait for the next turn. */
	t->failures = NULL;
	t->n_failures = t->max_failures = 0;
	for (unsigned int i = 0; i < n; i++)
		t->ops.send_failed(t->ctx, list[i].origin, list[i].err);
	free(list);
	conns_lost_tell(t);
}

void failure_add(struct sip_transport *t, uint64_t origin, int err)
{
	t->counters.tx_errors++;
	if (origin == 0)
		return;
	if (t->n_failures == t->max_failures) {
		unsigned int max = t->max_failures ? 2 * t->max_failures : 64;
		struct failure *more = realloc(t->failures, max * sizeof(*more));
		if (more == NULL)
			return; /* the transaction's own timer will tell */
		t->failures = more;
		t->max_failures = max;
	}
	t->failures[t->n_failures++] = (struct failure){origin, err};
	event_active(t->failure_event, 0, 0);
}

bool source_admitted(
	const struct sip_transport *t, const struct listener *l, const struct ipaddr *remote)
{
	return t->ops.admits == NULL || l == NULL || t->ops.admits(t->ctx, &l->pub, remote);
}

/* Who connects to us; of a far end to which we connect it is known who it is. */
void source_misbehaved(struct tcp_conn *c)
{
	const struct listener *l = listener_find(c->t, c->listener);
	if (c->accepted && l != NULL && c->t->ops.misbehaved != NULL)
		c->t->ops.misbehaved(c->t->ctx, &l->pub, &c->remote);
}

static void tls_refresh_fired(struct twheel_timer *timer, void *arg)
{
	struct sip_transport *t = arg;
	if (t->tls != NULL)
		(void)tls_set_refresh(t->tls);
	twheel_start(t->wheel, &t->tls_refresh, SIP_TLS_REFRESH_MS);
}

struct sip_transport *sip_transport_new(struct event_base *base, struct twheel *wheel,
	uint8_t worker, const struct sip_transport_limits *limits,
	const struct sip_transport_ops *ops, void *ctx)
{
	struct sip_transport *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->base = base;
	t->wheel = wheel;
	t->worker = worker;
	t->limits = *limits;
	t->ops = *ops;
	t->ctx = ctx;
	t->conn_mask = CONN_BUCKETS - 1;
	twheel_timer_init(&t->tls_refresh, tls_refresh_fired, t);
	t->udp_rx = malloc((size_t)UDP_RX_BATCH * SIP_MSG_MAX);
	t->udp_arena = malloc(UDP_TX_ARENA);
	t->conns = sip_slab_new(sizeof(struct tcp_conn), SIP_CONNS_MAX, 1);
	t->conn_table = calloc(CONN_BUCKETS, sizeof(t->conn_table[0]));
	t->failure_event = event_new(base, -1, 0, failures_tell, t);
	if (!t->udp_rx || !t->udp_arena || !t->conns || !t->conn_table || !t->failure_event) {
		sip_transport_free(t);
		return NULL;
	}
	return t;
}

void sip_transport_set_limits(struct sip_transport *t, const struct sip_transport_limits *limits)
{
	t->limits = *limits;
}

static void listener_close(struct listener *l)
{
	uint16_t turns = (uint16_t)(l->turns + 1);
	struct sip_transport *t = l->t;
	if (l->event != NULL)
		event_free(l->event);
	close(l->fd);
	memset(l, 0, sizeof(*l));
	l->turns = turns;
	l->t = t;
}

void sip_transport_free(struct sip_transport *t)
{
	if (t == NULL)
		return;
	if (t->conns != NULL && t->conn_table != NULL) {
		sip_transport_flush(t);
		tcp_free_all(t);
	}
	for (unsigned int i = 0; i < SIP_LISTENERS_MAX; i++) {
		if (t->listeners[i].used)
			listener_close(&t->listeners[i]);
	}
	if (t->failure_event != NULL)
		event_free(t->failure_event);
	twheel_stop(t->wheel, &t->tls_refresh);
	tls_set_free(t->tls);
	tls_set_free(t->tls_next);
	conns_free(t);
	sip_slab_free(t->conns);
	free(t->conn_table);
	free(t->failures);
	free(t->udp_rx);
	free(t->udp_arena);
	free(t);
}

void dscp_set(int fd, uint8_t family, uint8_t dscp)
{
	int value = dscp << 2;
	/* Marking is a wish; a kernel that refuses it still carries the call. */
	if (family == 6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value));
	else
		(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &value, sizeof(value));
}

static struct listener *listener_same(struct sip_transport *t, const struct sip_listener *spec)
{
	for (unsigned int i = 0; i < SIP_LISTENERS_MAX; i++) {
		struct listener *l = &t->listeners[i];
		if (l->used && l->pub.transport == spec->transport &&
			ipaddr_equal(&l->pub.addr, &spec->addr))
			return l;
	}
	return NULL;
}

static int listener_open(
	struct sip_transport *t, const struct sip_listener *spec, struct listener **ret_listener)
{
	unsigned int slot = 0;
	int fd;
	while (slot < SIP_LISTENERS_MAX && t->listeners[slot].used)
		slot++;
	if (slot == SIP_LISTENERS_MAX)
		return -ENOSPC;
	bool stream = sip_transport_is_stream(spec->transport);
	int rc = stream ? tcp_open(spec, &fd) : udp_open(spec, &fd);
	if (rc != 0)
		return rc;
	struct listener *l = &t->listeners[slot];
	l->event = event_new(
		t->base, fd, EV_READ | EV_PERSIST, stream ? tcp_acceptable : udp_readable, l);
	if (l->event == NULL) {
		close(fd);
		return -ENOMEM;
	}
	l->t = t;
	l->fd = fd;
	l->used = true;
	l->pending = true;
	l->pub = *spec;
	l->pub.id = (uint16_t)(slot + SIP_LISTENERS_MAX * (l->turns % 1000));
	*ret_listener = l;
	return 0;
}

static int spec_prepare(
	struct sip_transport *t, const struct sip_listener *spec, char *error, size_t error_size)
{
	char addr[IPADDR_TEXT_MAX];
	struct listener *l = listener_same(t, spec);
	(void)ipaddr_print_port(&spec->addr, addr);
	if (!ipaddr_is_set(&spec->addr) || ipaddr_is_any(&spec->addr) ||
		ipaddr_port(&spec->addr) == 0) {
		snprintf(error, error_size,
			"realm %s: sip listen needs an address of its own and a port, not %s",
			spec->realm, addr);
		return -EINVAL;
	}
	if (l != NULL && l->keep) {
		snprintf(error, error_size, "realm %s: sip listen %s %s is realm %s's already",
			spec->realm, transport_word(spec->transport), addr, l->next.realm);
		return -EEXIST;
	}
	int rc = l == NULL ? listener_open(t, spec, &l) : 0;
	if (rc != 0) {
		snprintf(error, error_size, "realm %s: cannot listen on %s %s: %s", spec->realm,
			transport_word(spec->transport), addr, strerror(-rc));
		return rc;
	}
	l->keep = true;
	l->next = *spec;
	return 0;
}

int sip_transport_prepare_tls(
	struct sip_transport *t, const struct sip_tls_conf *conf, char *error, size_t error_size)
{
	struct tls_set *set;
	int rc = tls_set_new(conf, &set, error, error_size);
	if (rc != 0)
		return rc;
	tls_set_free(t->tls_next);
	t->tls_next = set;
	return 0;
}

int sip_transport_prepare(struct sip_transport *t, const struct sip_listener *specs,
	unsigned int n_specs, char *error, size_t error_size)
{
	for (unsigned int i = 0; i < SIP_LISTENERS_MAX; i++)
		t->listeners[i].keep = false;
	for (unsigned int i = 0; i < n_specs; i++) {
		int rc = spec_prepare(t, &specs[i], error, error_size);
		if (rc != 0) {
			sip_transport_abort(t);
			return rc;
		}
	}
	return 0;
}

void sip_transport_abort(struct sip_transport *t)
{
	tls_set_free(t->tls_next);
	t->tls_next = NULL;
	for (unsigned int i = 0; i < SIP_LISTENERS_MAX; i++) {
		struct listener *l = &t->listeners[i];
		if (l->used && l->pending)
			listener_close(l);
		l->keep = false;
	}
}

void sip_transport_apply(struct sip_transport *t)
{
	sip_transport_flush(t); /* what waits leaves by the socket that it was meant for */
	if (t->tls_next != NULL) {
		if (t->tls != NULL)
			tls_set_inherit(t->tls_next, t->tls);
		tls_set_free(t->tls);
		t->tls = t->tls_next;
		t->tls_next = NULL;
		twheel_start(t->wheel, &t->tls_refresh, SIP_TLS_REFRESH_MS);
	}
	for (unsigned int i = 0; i < SIP_LISTENERS_MAX; i++) {
		struct listener *l = &t->listeners[i];
		if (!l->used)
			continue;
		if (!l->keep) {
			tcp_listener_gone(t, l->pub.id);
			listener_close(l);
			continue;
		}
		uint16_t id = l->pub.id;
		l->pub = l->next;
		l->pub.id = id;
		l->keep = false;
		dscp_set(l->fd, l->pub.addr.family, l->pub.dscp);
		if (l->pending)
			event_add(l->event, NULL);
		l->pending = false;
	}
}

void sip_transport_set_far_ends(
	struct sip_transport *t, const struct sip_tls_far *far_ends, unsigned int n)
{
	if (t->tls != NULL && tls_set_far_ends(t->tls, far_ends, n) != 0)
		log_err("names in certificates of far ends are not renewed: memory is short");
}

struct listener *listener_find(const struct sip_transport *t, uint16_t id)
{
	const struct listener *l = &t->listeners[id % SIP_LISTENERS_MAX];
	if (!l->used || l->pending || l->pub.id != id)
		return NULL;
	return (struct listener *)l;
}

const struct sip_listener *sip_transport_listener(const struct sip_transport *t, uint16_t id)
{
	const struct listener *l = listener_find(t, id);
	return l ? &l->pub : NULL;
}

const struct sip_listener *sip_transport_find(
	const struct sip_transport *t, const char *realm, uint8_t transport, uint8_t family)
{
	for (unsigned int i = 0; i < SIP_LISTENERS_MAX; i++) {
		const struct listener *l = &t->listeners[i];
		if (l->used && !l->pending && l->pub.transport == transport &&
			(family == 0 || l->pub.addr.family == family) &&
			strcmp(l->pub.realm, realm) == 0)
			return &l->pub;
	}
	return NULL;
}

bool sip_transport_is_own(const struct sip_transport *t, const struct ipaddr *addr)
{
	for (unsigned int i = 0; i < SIP_LISTENERS_MAX; i++) {
		if (t->listeners[i].used && ipaddr_equal(&t->listeners[i].pub.addr, addr))
			return true;
	}
	return false;
}

void sip_path_to(
	const struct sip_listener *from, const struct ipaddr *remote, struct sip_path *ret_path)
{
	*ret_path = (struct sip_path){.transport = from->transport,
		.listener = from->id,
		.local = from->addr,
		.remote = *remote};
}

int sip_transport_send(struct sip_transport *t, const struct sip_path *path, const char *bytes,
	size_t n, uint64_t origin)
{
	int rc;
	if (n == 0 || n > SIP_MSG_MAX)
		return -EMSGSIZE;
	bool stream = sip_transport_is_stream(path->transport);
	if (stream && path->conn != 0 && path->conn_worker != t->worker) {
		if (t->ops.send_elsewhere == NULL)
			return -ENOTCONN;
		return t->ops.send_elsewhere(t->ctx, path, bytes, n, origin);
	}
	struct listener *l = listener_find(t, path->listener);
	if (l == NULL || l->pub.transport != path->transport)
		rc = -EADDRNOTAVAIL;
	else if (stream)
		rc = tcp_send(t, l, path, bytes, n, origin);
	else
		rc = udp_send(t, l, path, bytes, n, origin);
	if (rc != 0)
		t->counters.tx_dropped++;
	return rc;
}

void sip_transport_flush(struct sip_transport *t)
{
	if (t->n_udp == 0 && t->dirty == NULL && t->dead == NULL)
		return;
	if (t->ops.before_flush != NULL && (t->n_udp > 0 || t->dirty != NULL))
		t->ops.before_flush(t->ctx);
	udp_flush(t);
	tcp_flush(t);
}

const struct sip_transport_counters *sip_transport_counters(const struct sip_transport *t)
{
	return &t->counters;
}
