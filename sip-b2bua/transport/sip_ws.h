/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The frames of a WebSocket, server side (RFC 6455 5 to 7), by wslay: octets in, whole messages
 * out, and the other way round. Fragments, pings, closing and the rules of masks, lengths and UTF-8
 * are seen to here. No sockets, no time. One owner: the connection, in its worker's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_FRAMES_MAX 1024 /* of one message */

/* Close codes that we send by ourselves (RFC 6455 7.4.1). */
enum { WS_CLOSE_GOING_AWAY = 1001, WS_CLOSE_POLICY = 1008 };

struct ws_ops {
	/* A message of the far end, text or binary. Bytes are valid during the call. */
	void (*message)(void *ctx, const char *bytes, size_t n);
	/* Octets for the wire: whole frames. 0 or a negative errno. */
	int (*send)(void *ctx, const char *octets, size_t n);
};

struct ws;

/* max_message: octets of a message; a larger one ends the connection with close code 1009. ops must
 * live on. NULL when memory is short. */
struct ws *ws_new(const struct ws_ops *ops, void *ctx, size_t max_message);
/* Not from within its callbacks. NULL is fine. */
void ws_free(struct ws *ws);

/*
 * Takes all n octets. What is to be said to them (pongs, a close) went to send before it returns.
 * 0; -ECONNRESET: the far end closed; -EPROTO: it broke the rules (it was told so); -ENOMEM, or what
 * send gave. After anything but 0 the connection has to end once what waits was written.
 */
int ws_take(struct ws *ws, const char *octets, size_t n) __attribute__((warn_unused_result));
/* Nothing is pending: neither a part of a frame nor of a message of several. */
bool ws_is_between(const struct ws *ws);

/* One message in one frame; text where it is UTF-8 (RFC 7118 4.2). */
int ws_put(struct ws *ws, const char *bytes, size_t n) __attribute__((warn_unused_result));
int ws_ping(struct ws *ws) __attribute__((warn_unused_result));
/* Says good-bye; best effort. */
void ws_close(struct ws *ws, uint16_t code);
