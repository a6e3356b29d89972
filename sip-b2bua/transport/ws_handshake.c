/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The opening handshake of a WebSocket, server side; see ws_handshake.h. Line ends are CRLF and
 * nothing is folded (RFC 9112 2.2, 5.2): no browser sends anything else, and leniency here only
 * helps those who want two readers to see two requests.
 */
#include "sip-b2bua/transport/ws_handshake.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/base/view.h"

#define GUID	 "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 1.3 */
#define KEY_LEN	 24					/* 16 octets in base64 */
#define SHA1_LEN 20

/* What is remembered of the request. */
struct request {
	struct view target, host, key, version, origin;
	unsigned int n_host, n_key, n_version, n_origin;
	bool upgrade, connection, protocol, body;
};

struct verdict {
	unsigned int status;
	const char *reason;
};
static const struct verdict good = {0, NULL};

static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Visible characters, blanks and what is beyond ASCII. */
static bool is_text(struct view v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* Up to the next separator, which is taken off too. */
static struct view part_take(struct view *rest, char separator)
{
	const char *stop = rest->n > 0 ? memchr(rest->p, separator, rest->n) : NULL;
	struct view part = {rest->p, stop ? (size_t)(stop - rest->p) : rest->n};
	size_t taken = part.n + (stop != NULL);
	rest->p += taken;
	rest->n -= taken;
	return part;
}

/* Whether a comma-separated list has the word, in any case. */
static bool list_has(struct view list, struct view word)
{
	while (list.n > 0) {
		if (view_eq_nocase(view_trim(part_take(&list, ',')), word))
			return true;
	}
	return false;
}

static bool is_key(struct view v)
{
	if (v.n != KEY_LEN || v.p[22] != '=' || v.p[23] != '=')
		return false;
	for (unsigned int i = 0; i < 22; i++) {
		if (!is_token_char(v.p[i]) && v.p[i] != '/')
			return false;
	}
	unsigned char octets[18];
	return EVP_DecodeBlock(octets, (const unsigned char *)v.p, KEY_LEN) == 18;
}

static struct verdict request_line(struct view line, struct request *request)
{
	struct view method = part_take(&line, ' ');
	struct view target = part_take(&line, ' ');
	struct view version = line;

	if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.' ||
		target.n == 0)
		return (struct verdict){400, "not a line of HTTP"};
	if (version.p[5] != '1' || version.p[7] < '1' || version.p[7] > '9')
		return (struct verdict){505, "not HTTP/1.1"};
	if (!view_eq(method, VIEW("GET")))
		return (struct verdict){405, "not GET"};
	if (!is_text(target))
		return (struct verdict){400, "a bad target"};
	request->target = target;
	return good;
}

static struct verdict field(struct view line, struct request *request)
{
	struct view value = line, name = part_take(&value, ':');
	uint64_t length;

	if (name.n == line.n || name.n == 0)
		return (struct verdict){400, "a bad header field"};
	for (size_t i = 0; i < name.n; i++) {
		if (!is_token_char(name.p[i]))
			return (struct verdict){400, "a bad header field"};
	}
	value = view_trim(value);
	if (!is_text(value))
		return (struct verdict){400, "a bad header field"};
	if (view_eq_nocase(name, VIEW("Host"))) {
		request->host = value;
		request->n_host++;
	} else if (view_eq_nocase(name, VIEW("Upgrade"))) {
		request->upgrade |= list_has(value, VIEW("websocket"));
	} else if (view_eq_nocase(name, VIEW("Connection"))) {
		request->connection |= list_has(value, VIEW("Upgrade"));
	} else if (view_eq_nocase(name, VIEW("Sec-WebSocket-Key"))) {
		request->key = value;
		request->n_key++;
	} else if (view_eq_nocase(name, VIEW("Sec-WebSocket-Version"))) {
		request->version = value;
		request->n_version++;
	} else if (view_eq_nocase(name, VIEW("Sec-WebSocket-Protocol"))) {
		request->protocol |= list_has(value, VIEW("sip"));
	} else if (view_eq_nocase(name, VIEW("Origin"))) {
		request->origin = value;
		request->n_origin++;
	} else if (view_eq_nocase(name, VIEW("Transfer-Encoding"))) {
		request->body = true;
	} else if (view_eq_nocase(name, VIEW("Content-Length"))) {
		request->body |= view_to_u64(value, UINT64_MAX, &length) != 0 || length != 0;
	}
	return good;
}

static bool origin_fits(const struct request *request, const struct ws_origins *origins)
{
	for (unsigned int i = 0; i < origins->n; i++) {
		if (view_eq_nocase(request->origin, view_of(origins->list[i])))
			return true;
	}
	return origins->n == 0;
}

/* In the order of RFC 6455 4.2.1; what another request could mend comes with its own status. */
static struct verdict request_check(const struct request *request, const struct ws_origins *origins)
{
	if (request->n_host != 1 || request->host.n == 0)
		return (struct verdict){400, "not exactly one Host"};
	if (request->body)
		return (struct verdict){400, "a body"};
	if (!request->upgrade)
		return (struct verdict){426, "no Upgrade to websocket"};
	if (!request->connection)
		return (struct verdict){400, "no Connection: Upgrade"};
	if (request->n_key != 1 || !is_key(request->key))
		return (struct verdict){400, "no good Sec-WebSocket-Key"};
	if (request->n_version != 1 || !view_eq(request->version, VIEW("13")))
		return (struct verdict){426, "not version 13"};
	if (!request->protocol)
		return (struct verdict){400, "no subprotocol sip"};
	if (request->n_origin > 1 || !origin_fits(request, origins))
		return (struct verdict){403, "an Origin that may not connect"};
	return good;
}

static const char *phrase(unsigned int status)
{
	switch (status) {
	case 403:
		return "Forbidden";
	case 405:
		return "Method Not Allowed";
	case 426:
		return "Upgrade Required";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

static void refuse(struct verdict verdict, struct ws_answer *ret)
{
	const char *more = "";

	if (verdict.status == 426)
		more = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
	else if (verdict.status == 405)
		more = "Allow: GET\r\n";
	ret->status = verdict.status;
	ret->reason = verdict.reason;
	ret->n = (size_t)snprintf(ret->text, sizeof(ret->text),
		"HTTP/1.1 %u %s\r\n%sConnection: close\r\nContent-Length: 0\r\n\r\n",
		verdict.status, phrase(verdict.status), more);
}

/* Sec-WebSocket-Accept: base64(SHA-1(key GUID)), RFC 6455 4.2.2. */
static void switch_over(struct view key, struct ws_answer *ret)
{
	unsigned char text[KEY_LEN + sizeof(GUID) - 1], digest[SHA1_LEN];
	char accept[32];

	memcpy(text, key.p, KEY_LEN);
	memcpy(text + KEY_LEN, GUID, sizeof(GUID) - 1);
	if (EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL) != 1) {
		refuse((struct verdict){400, "OpenSSL has no SHA-1"}, ret);
		return;
	}
	EVP_EncodeBlock((unsigned char *)accept, digest, SHA1_LEN);
	ret->status = WS_SWITCHING;
	ret->reason = NULL;
	ret->n = (size_t)snprintf(ret->text, sizeof(ret->text),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
		"Sec-WebSocket-Protocol: sip\r\n\r\n",
		accept);
}

/* A line without its CRLF. 0; -EAGAIN: it does not end yet; -EBADMSG: a CR or LF of its own. */
static int line_take(struct view *rest, struct view *ret_line)
{
	const char *lf = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = lf ? (size_t)(lf - rest->p) : rest->n;
	const char *cr = n > 0 ? memchr(rest->p, '\r', n) : NULL;

	if (!lf)
		return cr && cr != rest->p + n - 1 ? -EBADMSG : -EAGAIN;
	if (!cr || cr != lf - 1)
		return -EBADMSG;
	*ret_line = (struct view){rest->p, n - 1};
	rest->p += n + 1;
	rest->n -= n + 1;
	return 0;
}

/* Who speaks something else than HTTP shows it with the first octets. */
static bool begins_wrong(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == ' ')
			return i == 0;
		if (p[i] < 'A' || p[i] > 'Z' || i == 16)
			return true;
	}
	return false;
}

int ws_handshake(
	const char *p, size_t n, const struct ws_origins *origins, struct ws_answer *ret_answer)
{
	struct view rest = {p, n < WS_REQUEST_MAX ? n : WS_REQUEST_MAX}, line;
	struct request request = {0};
	struct verdict verdict = good;
	unsigned int n_lines = 0;
	int rc;

	if (begins_wrong(p, rest.n)) {
		refuse((struct verdict){400, "not HTTP"}, ret_answer);
		return 0;
	}
	for (;;) {
		rc = line_take(&rest, &line);
		if (rc != 0 || (line.n == 0 && n_lines > 0))
			break;
		if (n_lines > WS_FIELDS_MAX)
			verdict = (struct verdict){431, "too many header fields"};
		else
			verdict = n_lines == 0 ? request_line(line, &request)
					       : field(line, &request);
		if (verdict.status != 0)
			break;
		n_lines++;
	}
	if (rc == -EAGAIN && n < WS_REQUEST_MAX)
		return -EAGAIN;
	if (rc == -EAGAIN)
		verdict = (struct verdict){431, "a header that is too large"};
	else if (rc != 0)
		verdict = (struct verdict){400, "a line that does not end with CRLF"};
	else if (verdict.status == 0)
		verdict = request_check(&request, origins);
	if (verdict.status != 0)
		refuse(verdict, ret_answer);
	else
		switch_over(request.key, ret_answer);
	ret_answer->request_n = (size_t)(rest.p - p);
	return 0;
}
