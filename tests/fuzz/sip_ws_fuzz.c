/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of WebSockets: a handshake and the frames behind it, as they come from a connection, in
 * pieces whose sizes the input decides. What is answered is an answer, and what is delivered is no
 * larger than was agreed on.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip-b2bua/transport/sip_ws.h"
#include "sip-b2bua/transport/ws_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGE_MAX 4000

static struct ws *echo;

static void on_message(void *ctx, const char *bytes, size_t n)
{
	if (n > MESSAGE_MAX)
		abort();
	(void)ws_put(echo, bytes, n);
}

/* No mask, a known opcode, a whole frame. */
static int on_send(void *ctx, const char *octets, size_t n)
{
	if (n < 2 || (octets[1] & 0x80) != 0 || (octets[0] & 0x70) != 0)
		abort();
	return 0;
}

static const struct ws_ops ops = {on_message, on_send};

static void frames(const char *p, size_t n, size_t piece)
{
	echo = ws_new(&ops, NULL, MESSAGE_MAX);
	if (!echo)
		return;
	while (n > 0) {
		size_t part = n < piece ? n : piece;
		if (ws_take(echo, p, part) != 0)
			break;
		p += part;
		n -= part;
	}
	if (n > 0 && ws_put(echo, "x", 1) == 0)
		abort(); /* it is over */
	ws_free(echo);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char list[][WS_ORIGIN_MAX] = {"https://a.example"};
	struct ws_origins origins = {0, list};
	struct ws_answer answer = {0};

	if (size == 0)
		return 0;
	/* The first octet: frames alone, or a handshake first; with origins; the size of the pieces. */
	size_t piece = (size_t)1 << (data[0] & 15), start = 0;
	const char *p = (const char *)data + 1;
	size--;
	origins.n = data[0] >> 6 & 1;
	if (data[0] & 0x80) {
		int rc = ws_handshake(p, size, &origins, &answer);
		if (rc == -EAGAIN)
			return 0;
		if (rc != 0 || answer.n >= sizeof(answer.text) || answer.request_n > size ||
			strlen(answer.text) != answer.n)
			abort();
		if (answer.status != WS_SWITCHING)
			return 0;
		start = answer.request_n;
	}
	frames(p + start, size - start, piece);
	return 0;
}
