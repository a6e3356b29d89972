/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the octets of a connection mean: messages one after the other, framed by Content-Length (RFC
 * 3261 18.3) with CRLFs between them; or HTTP that switches over to the frames of a WebSocket (RFC
 * 7118).
 */
#include <errno.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/transport/transport_private.h"

LOG_TOPIC("sip-frames");

#define WS_ASK_MAX 2 /* pings in a row without a sign of life */

/* The keep-alive of RFC 5626 4.4.1, and its answer (3.5.1). */
#define PING VIEW("\r\n\r\n")
#define PONG VIEW("\r\n")

static void message_give(struct tcp_conn *c, const char *p, size_t n)
{
	struct sip_transport *t = c->t;
	struct sip_path path = {.transport = c->transport,
		.conn_worker = t->worker,
		.listener = c->listener,
		.conn = conn_id(c),
		.local = c->local,
		.remote = c->remote};
	if (!source_admitted(t, listener_find(t, c->listener), &c->remote)) {
		conn_kill(c, -ECONNABORTED);
		return;
	}
	t->counters.rx_stream_msgs++;
	t->ops.receive(t->ctx, &path, p, n);
}

/* Ends it when what waits was written. */
static void finish(struct tcp_conn *c)
{
	c->closing = true;
	conn_dirty(c);
}

/* ---- one after the other ---- */

/* CRLFs between messages keep the connection alive; two in a row want one back (RFC 5626 4.4.1). */
static void keepalive_take(struct tcp_conn *c, size_t *at)
{
	size_t start = *at;
	while (*at < c->rx_n && (c->rx[*at] == '\r' || c->rx[*at] == '\n'))
		(*at)++;
	if (*at == start)
		return;
	c->t->counters.rx_keepalives++;
	if (*at - start >= PING.n)
		(void)conn_queue(c, PONG.p, PONG.n, 0);
}

static size_t messages_take(struct tcp_conn *c)
{
	size_t at = 0, len;
	while (c->state == TCP_OPEN && !c->closing) {
		keepalive_take(c, &at);
		int rc = sip_msg_frame(c->rx + at, c->rx_n - at, &len);
		if (rc == -EAGAIN || (rc == 0 && len > c->rx_n - at))
			break;
		if (rc != 0) {
			/* The stream cannot be followed any further. What is there may still be
			 * good enough for a 400, which leaves before the connection is closed. */
			c->t->counters.rx_bad_frames++;
			message_give(c, c->rx + at, c->rx_n - at);
			finish(c);
			return c->rx_n;
		}
		message_give(c, c->rx + at, len);
		at += len;
	}
	return at;
}

/* ---- WebSockets ---- */

static void on_ws_message(void *ctx, const char *bytes, size_t n)
{
	struct tcp_conn *c = ctx;
	if (c->state != TCP_OPEN || c->closing)
		return;
	if (n > 0 && n <= PING.n && memcmp(bytes, PING.p, n) == 0) {
		c->t->counters.rx_keepalives++;
		if (n == PING.n)
			(void)frames_put(c, PONG.p, PONG.n, 0);
	} else if (n > 0) {
		message_give(c, bytes, n);
	}
}

static int on_ws_send(void *ctx, const char *octets, size_t n)
{
	struct tcp_conn *c = ctx;
	return conn_queue(c, octets, n, c->put_origin);
}

static const struct ws_ops ws_ops = {.message = on_ws_message, .send = on_ws_send};

/* The HTTP request. Octets of it that are done with. */
static size_t upgrade_take(struct tcp_conn *c)
{
	struct sip_transport *t = c->t;
	const struct listener *l = listener_find(t, c->listener);
	struct ws_answer answer;
	char addr[IPADDR_TEXT_MAX];
	/* Connections go with their listener, so there is one. */
	if (l == NULL || ws_handshake(c->rx, c->rx_n, &l->pub.origins, &answer) == -EAGAIN)
		return 0;
	if (answer.status == WS_SWITCHING)
		c->ws = ws_new(&ws_ops, c, SIP_MSG_MAX);
	if (conn_queue(c, answer.text, answer.n, 0) != 0 ||
		(answer.status == WS_SWITCHING && c->ws == NULL)) {
		conn_kill(c, -ENOMEM);
		return c->rx_n;
	}
	if (answer.status == WS_SWITCHING)
		return answer.request_n;
	t->counters.ws_refused++;
	source_misbehaved(c);
	log_info("WebSocket from %s refused with %u: %s", ipaddr_print_port(&c->remote, addr),
		answer.status, answer.reason);
	finish(c);
	return c->rx_n;
}

static void ws_octets_take(struct tcp_conn *c, size_t at)
{
	char addr[IPADDR_TEXT_MAX];
	int rc = ws_take(c->ws, c->rx + at, c->rx_n - at);
	c->asked = 0;
	if (rc == 0 || c->state == TCP_DEAD)
		return;
	if (rc != -ECONNRESET) {
		c->t->counters.rx_bad_frames++;
		c->t->counters.ws_broken++;
		source_misbehaved(c);
		log_info("WebSocket from %s is closed: %s", ipaddr_print_port(&c->remote, addr),
			rc == -EPROTO ? "it broke the rules of RFC 6455 or its limits"
				      : strerror(-rc));
	}
	finish(c);
}

static size_t ws_frames_take(struct tcp_conn *c)
{
	size_t at = c->ws == NULL ? upgrade_take(c) : 0;
	if (c->state != TCP_OPEN || c->closing)
		return c->rx_n;
	if (c->ws == NULL)
		return at;
	if (c->rx_n > at)
		ws_octets_take(c, at);
	return c->rx_n;
}

/* ---- both ---- */

void frames_take(struct tcp_conn *c)
{
	size_t at = sip_transport_is_ws(c->transport) ? ws_frames_take(c) : messages_take(c);
	if (at == 0)
		return;
	memmove(c->rx, c->rx + at, c->rx_n - at);
	c->rx_n -= at;
}

int frames_put(struct tcp_conn *c, const char *bytes, size_t n, uint64_t origin)
{
	if (!sip_transport_is_ws(c->transport))
		return conn_queue(c, bytes, n, origin);
	if (c->ws == NULL)
		return -ENOTCONN;
	c->put_origin = origin;
	int rc = ws_put(c->ws, bytes, n);
	c->put_origin = 0;
	return rc;
}

bool frames_between(const struct tcp_conn *c)
{
	return c->rx_n == 0 && (c->ws == NULL || ws_is_between(c->ws));
}

uint64_t frames_idle_ms(const struct tcp_conn *c)
{
	if (c->ws != NULL)
		return c->t->limits.ws_ping_ms;
	return c->silent_ms != 0 ? c->silent_ms : c->t->limits.idle_ms;
}

void frames_bye(struct tcp_conn *c)
{
	if (c->ws != NULL)
		ws_close(c->ws, WS_CLOSE_GOING_AWAY);
}

bool frames_ask(struct tcp_conn *c)
{
	if (c->ws == NULL)
		return false;
	if (c->asked >= WS_ASK_MAX) {
		ws_close(c->ws, WS_CLOSE_GOING_AWAY);
		return false;
	}
	c->asked++;
	if (ws_ping(c->ws) != 0)
		return false;
	twheel_start(c->t->wheel, &c->idle, c->t->limits.ws_ping_ms);
	return true;
}
