/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames of a WebSocket by wslay; see sip_ws.h. */
#include "sip-b2bua/transport/sip_ws.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "controlplane/base/view.h"

struct ws {
	const struct ws_ops *ops;
	void *ctx;
	wslay_event_context_ptr wslay;

	const char *in; /* what is being taken */
	size_t in_n;
	/* Octets that came, and those that whole frames of them are made of. */
	uint64_t taken, framed;
	bool in_message;       /* fragments came, the last one did not */
	unsigned int n_frames; /* of the message that is coming */
	bool too_many;
	bool ended; /* one way or the other: nothing is read any more */

	char *out; /* frames on their way to send */
	size_t out_n, out_size;
};

/* Octets of a frame from a client: two, the longer forms of a length, the mask. */
static uint64_t frame_octets(uint64_t payload)
{
	unsigned int more = payload > 0xffff ? 8 : payload > 125 ? 2 : 0;

	return 2 + more + 4 + payload;
}

static ssize_t on_recv(
	wslay_event_context_ptr wslay, uint8_t *buf, size_t len, int flags, void *user_data)
{
	struct ws *ws = user_data;
	size_t n = ws->in_n < len ? ws->in_n : len;

	if (n == 0) {
		wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(buf, ws->in, n);
	ws->in += n;
	ws->in_n -= n;
	return (ssize_t)n;
}

static ssize_t on_send(
	wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags, void *user_data)
{
	struct ws *ws = user_data;

	if (ws->out_size - ws->out_n < len) {
		size_t size = ws->out_n + len + 64;
		char *more = realloc(ws->out, size);
		if (!more) {
			wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
			return -1;
		}
		ws->out = more;
		ws->out_size = size;
	}
	memcpy(ws->out + ws->out_n, data, len);
	ws->out_n += len;
	return (ssize_t)len;
}

static void on_frame(wslay_event_context_ptr wslay,
	const struct wslay_event_on_frame_recv_start_arg *arg, void *user_data)
{
	struct ws *ws = user_data;

	ws->framed += frame_octets(arg->payload_length);
	if (wslay_is_ctrl_frame(arg->opcode))
		return;
	ws->in_message = true;
	/* A message in more crumbs than octets can have a purpose for costs memory, not bandwidth. */
	if (++ws->n_frames > WS_FRAMES_MAX) {
		ws->too_many = true;
		wslay_event_shutdown_read(wslay);
	}
}

static void on_message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg,
	void *user_data)
{
	struct ws *ws = user_data;

	if (wslay_is_ctrl_frame(arg->opcode))
		return; /* wslay answers them */
	ws->in_message = false;
	ws->n_frames = 0;
	ws->ops->message(ws->ctx, (const char *)arg->msg, arg->msg_length);
}

static const struct wslay_event_callbacks callbacks = {
	.recv_callback = on_recv,
	.send_callback = on_send,
	.on_frame_recv_start_callback = on_frame,
	.on_msg_recv_callback = on_message,
};

struct ws *ws_new(const struct ws_ops *ops, void *ctx, size_t max_message)
{
	struct ws *ws = calloc(1, sizeof(*ws));

	if (!ws)
		return NULL;
	ws->ops = ops;
	ws->ctx = ctx;
	if (wslay_event_context_server_init(&ws->wslay, &callbacks, ws) != 0) {
		free(ws);
		return NULL;
	}
	wslay_event_config_set_max_recv_msg_length(ws->wslay, max_message);
	return ws;
}

void ws_free(struct ws *ws)
{
	if (!ws)
		return;
	wslay_event_context_free(ws->wslay);
	free(ws->out);
	free(ws);
}

/* What wslay has queued becomes one piece. */
static int out_send(struct ws *ws)
{
	int rc = wslay_event_send(ws->wslay) == 0 ? 0 : -ENOMEM;

	if (rc == 0 && ws->out_n > 0)
		rc = ws->ops->send(ws->ctx, ws->out, ws->out_n);
	free(ws->out);
	ws->out = NULL;
	ws->out_n = ws->out_size = 0;
	return rc;
}

/* wslay has no code for a header that no frame can have; RFC 6455 7.4.1 has one. */
static void say_protocol_error(struct ws *ws)
{
	static const char frame[] = {(char)0x88, 2, 1002 >> 8, (char)(1002 & 0xff)};

	(void)ws->ops->send(ws->ctx, frame, sizeof(frame));
}

int ws_take(struct ws *ws, const char *octets, size_t n)
{
	int rc;

	if (ws->ended)
		return -ECONNRESET;
	ws->in = octets;
	ws->in_n = n;
	ws->taken += n;
	rc = wslay_event_recv(ws->wslay);
	if (rc == WSLAY_ERR_NOMEM || rc == WSLAY_ERR_CALLBACK_FAILURE) {
		ws->ended = true;
		if (rc == WSLAY_ERR_NOMEM)
			return -ENOMEM;
		say_protocol_error(ws);
		return -EPROTO;
	}
	if (ws->too_many)
		ws_close(ws, WS_CLOSE_POLICY);
	rc = out_send(ws);
	if (rc != 0 || ws->too_many || !wslay_event_get_read_enabled(ws->wslay))
		ws->ended = true;
	if (rc != 0 || !ws->ended)
		return rc;
	return wslay_event_get_close_received(ws->wslay) ? -ECONNRESET : -EPROTO;
}

bool ws_is_between(const struct ws *ws)
{
	return !ws->in_message && ws->taken == ws->framed;
}

static bool is_utf8(struct view v)
{
	while (v.n > 0) {
		size_t n = (unsigned char)*v.p < 0x80 ? 1 : view_utf8_len(v);

		if (n == 0)
			return false;
		v.p += n;
		v.n -= n;
	}
	return true;
}

static int queue(struct ws *ws, uint8_t opcode, const char *bytes, size_t n)
{
	const struct wslay_event_msg msg = {opcode, (const uint8_t *)bytes, n};

	if (ws->ended || wslay_event_queue_msg(ws->wslay, &msg) != 0)
		return -ENOTCONN;
	return out_send(ws);
}

int ws_put(struct ws *ws, const char *bytes, size_t n)
{
	bool text = is_utf8((struct view){bytes, n});

	return queue(ws, text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, bytes, n);
}

int ws_ping(struct ws *ws)
{
	return queue(ws, WSLAY_PING, NULL, 0);
}

void ws_close(struct ws *ws, uint16_t code)
{
	if (!ws->ended && wslay_event_queue_close(ws->wslay, code, NULL, 0) == 0)
		(void)out_send(ws);
	ws->ended = true;
}
