/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP and TLS over it: connections of one worker, accepted and opened. What their octets mean is
 * sip_frames.c's.
 *
 * A connection is found by the id in a path, else by listener and far address, else opened from the
 * listener's address. What is to be sent waits in the connection (bounded) and is written at the
 * flush, or when the socket takes more. A connection dies by conn_kill() only; its memory is given
 * back at the next flush, so that no callback pulls it away from under a caller. Messages that had
 * not left are reported as failed (their transactions take it as a 503, RFC 3261 8.1.3.1).
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/transport/transport_private.h"

LOG_TOPIC("sip-tcp");

#define RX_FIRST     4096
#define ACCEPT_BATCH 64
#define IOV_BATCH    32

uint64_t conn_id(const struct tcp_conn *c)
{
	return (uint64_t)1 << 60 | (uint64_t)c->index << 28 | c->generation;
}

struct tcp_conn *conn_find(const struct sip_transport *t, uint64_t id)
{
	struct tcp_conn *c;
	if (id == 0)
		return NULL;
	c = sip_slab_find(t->conns, (uint32_t)(id >> 28) & 0xffffff, (uint32_t)id & 0xfffffff);
	return c != NULL && c->state != TCP_DEAD ? c : NULL;
}

static uint32_t bucket_of(const struct sip_transport *t, const struct ipaddr *a)
{
	uint32_t h = a->family;
	for (unsigned int i = 0; i < 16; i++)
		h = h * 31 + a->ip[i];
	return (h ^ h >> 15) & t->conn_mask;
}

void conn_dirty(struct tcp_conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = c->t->dirty;
	c->t->dirty = c;
}

static void table_remove(struct tcp_conn *c)
{
	struct tcp_conn **link = &c->t->conn_table[bucket_of(c->t, &c->remote)];
	while (*link != c)
		link = &(*link)->next_same;
	*link = c->next_same;
}

void conn_kill(struct tcp_conn *c, int err)
{
	struct sip_transport *t = c->t;
	if (c->state == TCP_DEAD)
		return;
	if (c->state != TCP_OPEN && !c->accepted)
		t->counters.conns_failed++;
	if (c->ssl != NULL && c->state == TCP_OPEN && !c->broken)
		(void)SSL_shutdown(c->ssl); /* says good-bye, and waits for none */
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->state == TCP_OPEN)
		conns_down(c);
	c->state = TCP_DEAD;
	twheel_stop(t->wheel, &c->idle);
	twheel_stop(t->wheel, &c->partial);
	event_free(c->rx_event);
	event_free(c->tx_event);
	close(c->fd);
	table_remove(c);
	while (c->tx_head != NULL) {
		struct tcp_out *o = c->tx_head;
		c->tx_head = o->next;
		failure_add(t, o->origin, err);
		free(o);
	}
	t->counters.n_conns--;
	c->next_dead = t->dead;
	t->dead = c;
}

static void dead_free(struct sip_transport *t)
{
	while (t->dead != NULL) {
		struct tcp_conn *c = t->dead;
		t->dead = c->next_dead;
		free(c->rx);
		ws_free(c->ws);
		sip_slab_put(t->conns, c->index);
	}
}

static void idle_fired(struct twheel_timer *timer, void *arg)
{
	struct tcp_conn *c = arg;
	if (c->state == TCP_OPEN && frames_ask(c))
		return;
	if (c->state == TCP_OPEN && c->silent_ms != 0)
		c->t->counters.conns_silent++;
	else if (c->state == TCP_OPEN)
		c->t->counters.conns_idle_closed++;
	conn_kill(c, -ETIMEDOUT);
}

static void partial_fired(struct twheel_timer *timer, void *arg)
{
	struct tcp_conn *c = arg;
	c->t->counters.rx_bad_frames++;
	c->t->counters.conns_slow_closed++;
	source_misbehaved(c);
	conn_kill(c, -ETIMEDOUT);
}

/* ---- receiving ---- */

static bool rx_room(struct tcp_conn *c)
{
	if (c->rx_n < c->rx_size)
		return true;
	/* A whole message and the beginning of the next always fit. */
	if (c->rx_size > SIP_MSG_MAX)
		return false;
	size_t size = c->rx_size ? 2 * c->rx_size : RX_FIRST;
	char *more = realloc(c->rx, size);
	if (more == NULL)
		return false;
	c->rx = more;
	c->rx_size = size;
	return true;
}

/* Octets read; 0: none now; negative: it is over. */
static ssize_t octets_read(struct tcp_conn *c, char *p, size_t n)
{
	if (c->ssl == NULL) {
		ssize_t got = read(c->fd, p, n);
		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		return got > 0 ? got : -ECONNRESET;
	}
	ERR_clear_error();
	int got = SSL_read(c->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
	if (got > 0)
		return got;
	switch (tls_want(c->ssl, got)) {
	case TLS_WANT_READ:
		return 0;
	case TLS_WANT_WRITE:
		c->crossed = true;
		event_add(c->tx_event, NULL);
		return 0;
	case TLS_CLOSED:
		return -ECONNRESET;
	default:
		c->broken = true;
		return -ECONNRESET;
	}
}

/* What was read is taken. false: the connection is gone. */
static bool octets_take(struct tcp_conn *c, size_t n)
{
	struct sip_transport *t = c->t;
	c->rx_n += n;
	t->reading++;
	frames_take(c);
	t->reading--;
	if (c->state == TCP_DEAD)
		return false;
	twheel_start(t->wheel, &c->idle, frames_idle_ms(c));
	if (frames_between(c)) {
		twheel_stop(t->wheel, &c->partial);
		/* Thousands of quiet connections should not each keep the largest message's room. */
		if (c->rx_size > RX_FIRST) {
			free(c->rx);
			c->rx = NULL;
			c->rx_size = 0;
		}
	} else if (!twheel_pending(&c->partial)) {
		twheel_start(t->wheel, &c->partial, t->limits.partial_ms);
	}
	return true;
}

static void conn_read(struct tcp_conn *c)
{
	/* Of a TLS record that was opened in part the socket will not tell again. */
	do {
		if (!rx_room(c)) {
			conn_kill(c, -ENOBUFS);
			return;
		}
		ssize_t n = octets_read(c, c->rx + c->rx_n, c->rx_size - c->rx_n);
		if (n < 0) {
			c->t->counters.conns_far_closed++;
			conn_kill(c, (int)n);
		}
		if (n <= 0 || !octets_take(c, (size_t)n))
			return;
	} while (c->ssl != NULL && SSL_has_pending(c->ssl));
}

/* ---- sending ---- */

static void sent_take(struct tcp_conn *c, size_t n)
{
	c->tx_bytes -= n;
	while (n > 0) {
		struct tcp_out *o = c->tx_head;
		size_t part = o->n - o->sent < n ? o->n - o->sent : n;
		o->sent += part;
		n -= part;
		if (o->sent < o->n)
			return;
		c->tx_head = o->next;
		if (c->tx_head == NULL)
			c->tx_tail = &c->tx_head;
		free(o);
		c->t->counters.tx_stream_msgs++;
	}
}

/* Octets written of what waits; 0: not now, the socket will tell; negative: it is over. */
static ssize_t octets_write(struct tcp_conn *c)
{
	struct iovec iov[IOV_BATCH];
	int n = 0;
	if (c->ssl != NULL) {
		struct tcp_out *o = c->tx_head;
		size_t left = o->n - o->sent;
		ERR_clear_error();
		int sent = SSL_write(
			c->ssl, o->bytes + o->sent, left > INT_MAX ? INT_MAX : (int)left);
		if (sent > 0)
			return sent;
		switch (tls_want(c->ssl, sent)) {
		case TLS_WANT_READ:
			c->crossed = true;
			return 0;
		case TLS_WANT_WRITE:
			event_add(c->tx_event, NULL);
			return 0;
		default:
			c->broken = true;
			return -ECONNRESET;
		}
	}
	for (struct tcp_out *o = c->tx_head; o != NULL && n < IOV_BATCH; o = o->next)
		iov[n++] = (struct iovec){o->bytes + o->sent, o->n - o->sent};
	for (;;) {
		ssize_t sent = writev(c->fd, iov, n);
		if (sent >= 0)
			return sent;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		event_add(c->tx_event, NULL);
		return 0;
	}
}

static void conn_write(struct tcp_conn *c)
{
	while (c->tx_head != NULL) {
		ssize_t n = octets_write(c);
		if (n < 0)
			conn_kill(c, (int)n);
		if (n <= 0)
			return;
		sent_take(c, (size_t)n);
	}
	if (c->closing)
		conn_kill(c, -ECONNABORTED);
}

/* ---- opening ---- */

static void conn_opened(struct tcp_conn *c)
{
	struct sip_transport *t = c->t;
	c->state = TCP_OPEN;
	conns_up(c);
	if (!c->accepted)
		t->counters.conns_opened++;
	/* Who connects and says nothing gets no longer than a message may take. */
	twheel_start(t->wheel, &c->idle, c->accepted ? t->limits.partial_ms : t->limits.idle_ms);
	conn_write(c);
}

static void handshake_failed(struct tcp_conn *c)
{
	char addr[IPADDR_TEXT_MAX], reason[160];
	c->t->counters.tls_failed++;
	c->t->counters.tls_no_name += tls_is_no_server(c->ssl);
	source_misbehaved(c);
	c->broken = true;
	log_info("TLS %s %s failed: %s", c->accepted ? "from" : "to",
		ipaddr_print_port(&c->remote, addr), tls_reason(c->ssl, reason, sizeof(reason)));
	conn_kill(c, -EKEYREJECTED);
}

static void handshake(struct tcp_conn *c)
{
	ERR_clear_error();
	int rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		conn_opened(c);
		return;
	}
	switch (tls_want(c->ssl, rc)) {
	case TLS_WANT_READ:
		return;
	case TLS_WANT_WRITE:
		event_add(c->tx_event, NULL);
		return;
	default:
		handshake_failed(c);
	}
}

/* The TCP connection is there. */
static void conn_connected(struct tcp_conn *c)
{
	event_add(c->rx_event, NULL);
	if (c->ssl == NULL) {
		conn_opened(c);
		return;
	}
	c->state = TCP_HANDSHAKE;
	handshake(c);
}

static void conn_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tcp_conn *c = arg;
	if (c->state == TCP_HANDSHAKE) {
		handshake(c);
		return;
	}
	bool crossed = c->crossed;
	c->crossed = false;
	conn_read(c);
	if (crossed && c->state == TCP_OPEN)
		conn_write(c);
}

static void conn_writable(evutil_socket_t fd, short what, void *arg)
{
	struct tcp_conn *c = arg;
	if (c->state == TCP_HANDSHAKE) {
		handshake(c);
		return;
	}
	if (c->state == TCP_CONNECTING) {
		int err = 0;
		socklen_t len = sizeof(err);
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err != 0)
			conn_kill(c, -err);
		else
			conn_connected(c);
		return;
	}
	bool crossed = c->crossed;
	c->crossed = false;
	conn_write(c);
	if (crossed && c->state == TCP_OPEN)
		conn_read(c);
}

/* ---- connections ---- */

/* On failure the descriptor is still the caller's. */
static struct tcp_conn *conn_new(struct sip_transport *t, struct listener *l, int fd,
	const struct ipaddr *remote, bool accepted)
{
	uint32_t index, generation;
	struct tcp_conn *c = t->counters.n_conns < t->limits.max_conns
				     ? sip_slab_get(t->conns, &index, &generation)
				     : NULL;
	int on = 1;
	if (c == NULL)
		return NULL;
	if (sip_transport_is_tls(l->pub.transport)) {
		c->ssl = accepted ? tls_server(t->tls, l->pub.tls, fd)
				  : tls_client(t->tls, l->pub.tls, remote, fd);
		if (c->ssl == NULL) {
			sip_slab_put(t->conns, index);
			return NULL;
		}
	}
	c->rx_event = event_new(t->base, fd, EV_READ | EV_PERSIST, conn_readable, c);
	c->tx_event = event_new(t->base, fd, EV_WRITE, conn_writable, c);
	if (c->rx_event == NULL || c->tx_event == NULL) {
		if (c->rx_event != NULL)
			event_free(c->rx_event);
		SSL_free(c->ssl);
		sip_slab_put(t->conns, index);
		return NULL;
	}
	c->accepted = accepted;
	c->t = t;
	c->index = index;
	c->generation = generation;
	c->fd = fd;
	c->transport = l->pub.transport;
	c->listener = l->pub.id;
	c->local = l->pub.addr;
	c->remote = *remote;
	c->tx_tail = &c->tx_head;
	twheel_timer_init(&c->idle, idle_fired, c);
	twheel_timer_init(&c->partial, partial_fired, c);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	dscp_set(fd, l->pub.addr.family, l->pub.dscp);
	struct tcp_conn **head = &t->conn_table[bucket_of(t, remote)];
	c->next_same = *head;
	*head = c;
	t->counters.n_conns++;
	return c;
}

static uint32_t accepted_of(const struct sip_transport *t, const struct ipaddr *remote)
{
	uint32_t n = 0;
	for (struct tcp_conn *c = t->conn_table[bucket_of(t, remote)]; c; c = c->next_same)
		n += c->accepted && ipaddr_same_ip(&c->remote, remote);
	return n;
}

void tcp_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	struct sip_transport *t = l->t;
	for (unsigned int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		struct ipaddr remote;
		int conn_fd = accept4(
			fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (conn_fd < 0)
			return;
		struct tcp_conn *c = NULL;
		bool known = ipaddr_from_sockaddr((struct sockaddr *)&sa, &remote) == 0;
		if (known && !source_admitted(t, l, &remote)) {
			close(conn_fd);
			continue;
		}
		if (known && accepted_of(t, &remote) < t->limits.max_conns_per_peer)
			c = conn_new(t, l, conn_fd, &remote, true);
		if (c == NULL) {
			t->counters.conns_refused++;
			close(conn_fd);
			continue;
		}
		t->counters.conns_accepted++;
		twheel_start(t->wheel, &c->idle, t->limits.partial_ms);
		conn_connected(c);
	}
}

int tcp_open(const struct sip_listener *spec, int *ret_fd)
{
	struct sockaddr_storage sa;
	int on = 1;
	socklen_t len = ipaddr_to_sockaddr(&spec->addr, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) != 0)
		goto fail;
	if (spec->addr.family == 6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
		goto fail;
	dscp_set(fd, spec->addr.family, spec->dscp);
	if (bind(fd, (struct sockaddr *)&sa, len) != 0 || listen(fd, SOMAXCONN) != 0)
		goto fail;
	*ret_fd = fd;
	return 0;
fail:;
	int rc = -errno;
	close(fd);
	return rc;
}

static int conn_open(struct sip_transport *t, struct listener *l, const struct ipaddr *remote,
	struct tcp_conn **ret_conn)
{
	struct sockaddr_storage sa;
	struct ipaddr local = l->pub.addr;
	int on = 1;
	if (remote->family != local.family)
		return -EAFNOSUPPORT;
	local.port_be16 = 0;
	socklen_t len = ipaddr_to_sockaddr(&local, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* The port is chosen at connect, for this destination, so ports do not run out early. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	int rc = bind(fd, (struct sockaddr *)&sa, len) != 0 ? -errno : 0;
	if (rc == 0) {
		len = ipaddr_to_sockaddr(remote, &sa);
		if (connect(fd, (struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS)
			rc = -errno;
	}
	struct tcp_conn *c = rc == 0 ? conn_new(t, l, fd, remote, false) : NULL;
	if (c == NULL) {
		t->counters.conns_failed++;
		close(fd);
		return rc != 0 ? rc : -EMFILE;
	}
	c->state = TCP_CONNECTING;
	event_add(c->tx_event, NULL);
	twheel_start(t->wheel, &c->idle, t->limits.connect_ms);
	*ret_conn = c;
	return 0;
}

static bool leads_to(const struct tcp_conn *c, const struct ipaddr *remote)
{
	return ipaddr_equal(&c->remote, remote) ||
	       (c->alias_be16 != 0 && c->alias_be16 == remote->port_be16 &&
		       ipaddr_same_ip(&c->remote, remote));
}

/* An open (or opening) connection from this listener to exactly that address and port. */
static struct tcp_conn *conn_to(
	const struct sip_transport *t, uint16_t listener, const struct ipaddr *remote)
{
	for (struct tcp_conn *c = t->conn_table[bucket_of(t, remote)]; c; c = c->next_same) {
		if (c->listener == listener && !c->closing && leads_to(c, remote))
			return c;
	}
	return NULL;
}

int conn_queue(struct tcp_conn *c, const char *bytes, size_t n, uint64_t origin)
{
	if (c->tx_bytes + n > c->t->limits.tx_queue_max)
		return -ENOBUFS;
	struct tcp_out *o = malloc(sizeof(*o) + n);
	if (o == NULL)
		return -ENOMEM;
	*o = (struct tcp_out){.origin = origin, .n = n};
	memcpy(o->bytes, bytes, n);
	*c->tx_tail = o;
	c->tx_tail = &o->next;
	c->tx_bytes += n;
	if (c->state == TCP_OPEN)
		conn_dirty(c);
	return 0;
}

int tcp_send(struct sip_transport *t, struct listener *l, const struct sip_path *path,
	const char *bytes, size_t n, uint64_t origin)
{
	struct tcp_conn *c = conn_find(t, path->conn);
	int rc = 0;
	/* Who came by a WebSocket is not there for connections, and where he was somebody else may
	 * be now. */
	if (c == NULL && (sip_transport_is_ws(path->transport) || path->flow))
		return -ENOTCONN;
	if (c == NULL)
		c = conn_to(t, l->pub.id, &path->remote);
	if (c == NULL)
		rc = conn_open(t, l, &path->remote, &c);
	if (rc != 0)
		return rc;
	return frames_put(c, bytes, n, origin);
}

void tcp_flush(struct sip_transport *t)
{
	while (t->dirty != NULL) {
		struct tcp_conn *c = t->dirty;
		t->dirty = c->next_dirty;
		c->dirty = false;
		/* One that waits for room is written when the socket has it. */
		if (c->state == TCP_OPEN && !event_pending(c->tx_event, EV_WRITE, NULL))
			conn_write(c);
	}
	if (t->reading == 0)
		dead_free(t);
}

void sip_transport_conn_close(struct sip_transport *t, uint64_t conn)
{
	struct tcp_conn *c = conn_find(t, conn);
	if (c == NULL)
		return;
	c->closing = true;
	conn_dirty(c);
}

static void kill_matching(struct sip_transport *t, const uint16_t *listener)
{
	struct tcp_conn *c;
	uint32_t pos = 0;
	while ((c = sip_slab_next(t->conns, &pos)) != NULL) {
		if (c->state != TCP_DEAD && (listener == NULL || c->listener == *listener))
			conn_kill(c, -ENOTCONN);
	}
}

void tcp_listener_gone(struct sip_transport *t, uint16_t id)
{
	kill_matching(t, &id);
}

void tcp_free_all(struct sip_transport *t)
{
	kill_matching(t, NULL);
	t->dirty = NULL;
	dead_free(t);
}
