/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The HTTP request that opens a WebSocket (RFC 6455 4.2, with the subprotocol "sip" of RFC 7118
 * 4.1) and our answer to it. Pure: text in, text out. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WS_REQUEST_MAX 8192 /* octets of the request */
#define WS_FIELDS_MAX  64   /* header fields of it */
#define WS_ANSWER_MAX  256
#define WS_ORIGIN_MAX  128
#define WS_SWITCHING   101 /* the status of the one answer after which frames follow */

/* Web sites whose pages may connect, as browsers name them: "https://phone.example.com". Empty:
 * all of them, and who names none. */
struct ws_origins {
	unsigned int n;
	const char (*list)[WS_ORIGIN_MAX];
};

struct ws_answer {
	unsigned int status;
	const char *reason; /* why it is refused, a few words; NULL: it is not */
	size_t request_n;   /* octets of the request; frames begin behind it */
	size_t n;
	char text[WS_ANSWER_MAX]; /* n octets for the wire */
};

/*
 * Judges what has arrived. 0: answer it, and close unless the status is WS_SWITCHING. -EAGAIN: the
 * request is not whole yet. What can be no such request is refused before it is whole.
 */
int ws_handshake(const char *p, size_t n, const struct ws_origins *origins,
	struct ws_answer *ret_answer) __attribute__((warn_unused_result));
