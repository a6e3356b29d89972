/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * WebSockets: the opening handshake line by line, frames as a client sends them and as it must not, and
 * both through a transport on loopback, on a wheel that the test moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "controlplane/base/clock.h"
#include "sip-b2bua/parser/sip_msg.h"
#include "sip-b2bua/transport/sip_transport.h"
#include "sip-b2bua/transport/sip_ws.h"

#define DEADLINE_MS 10000

/* ---- the handshake ---- */

#define START	 "GET / HTTP/1.1\r\n"
#define HOST	 "Host: sbc.example.com\r\n"
#define UPGRADE	 "Upgrade: websocket\r\n"
#define CONNECT	 "Connection: Upgrade\r\n"
#define KEY	 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" /* of RFC 6455 1.3 */
#define VERSION	 "Sec-WebSocket-Version: 13\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: sip\r\n"
#define GOOD	 START HOST UPGRADE CONNECT KEY VERSION PROTOCOL

static const struct ws_origins anybody = {0, NULL};

static struct ws_answer judge(const char *text, const struct ws_origins *origins)
{
	struct ws_answer answer = {0};
	assert_int_equal(ws_handshake(text, strlen(text), origins, &answer), 0);
	assert_true(answer.n > 0 && answer.n < WS_ANSWER_MAX);
	return answer;
}

static void test_handshake_good(void **state)
{
	struct ws_answer answer = judge(GOOD "\r\nrest", &anybody);
	assert_int_equal(answer.status, 101);
	assert_int_equal(answer.request_n, strlen(GOOD "\r\n"));
	assert_non_null(strstr(answer.text, "Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	assert_non_null(strstr(answer.text, "Sec-WebSocket-Protocol: sip\r\n"));
	/* As browsers and proxies write it. */
	answer = judge(
		"GET /ws?x=1 HTTP/1.1\r\nhost: [2001:db8::1]:8443\r\nCONNECTION: keep-alive, "
		"upgrade\r\nuPgrade: h2c, WebSocket\r\nSec-WebSocket-Version:13\r\n"
		"Sec-WebSocket-Protocol: xmpp, sip\r\nOrigin: null\r\n"
		"Sec-WebSocket-Extensions: permessage-deflate\r\n" KEY "\r\n",
		&anybody);
	assert_int_equal(answer.status, 101);
	/* What we did not agree to is not named. */
	assert_null(strstr(answer.text, "Extensions"));
}

/* Whatever is cut off is waited for, octet by octet. */
static void test_handshake_in_pieces(void **state)
{
	struct ws_answer answer;
	const char *text = GOOD "\r\n";
	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(ws_handshake(text, n, &anybody, &answer), -EAGAIN);
}

static void test_handshake_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned int status;
	} rows[] = {
		{"OPTIONS sip:x SIP/2.0\r\n", 400},
		{"REGISTERREGISTERREGISTER", 400},
		{"\x16\x03\x01\x02", 400}, /* TLS */
		{"POST / HTTP/1.1\r\n" HOST, 405},
		{"GET / HTTP/1.0\r\n" HOST, 505},
		{"GET / HTTP/2.0\r\n" HOST, 505},
		{"GET / SIP/2.0\r\n", 400},
		{"GET /\r\n", 400},
		{START UPGRADE CONNECT KEY VERSION PROTOCOL "\r\n", 400},
		{GOOD HOST "\r\n", 400}, /* twice */
		{START HOST CONNECT KEY VERSION PROTOCOL "\r\n", 426},
		{START HOST "Upgrade: websockets\r\n" CONNECT KEY VERSION PROTOCOL "\r\n", 426},
		{START HOST UPGRADE KEY VERSION PROTOCOL "\r\n", 400},
		{START HOST UPGRADE CONNECT VERSION PROTOCOL "\r\n", 400},
		{GOOD KEY "\r\n", 400},
		{START HOST UPGRADE CONNECT
			"Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n" VERSION PROTOCOL "\r\n",
			400},
		{START HOST UPGRADE CONNECT
			"Sec-WebSocket-Key: dGhl!HNhbXBsZSBub25jZQ==\r\n" VERSION PROTOCOL "\r\n",
			400},
		{START HOST UPGRADE CONNECT KEY PROTOCOL "\r\n", 426},
		{START HOST UPGRADE CONNECT KEY "Sec-WebSocket-Version: 8\r\n" PROTOCOL "\r\n",
			426},
		{START HOST UPGRADE CONNECT KEY VERSION "\r\n", 400},
		{START HOST UPGRADE CONNECT KEY VERSION "Sec-WebSocket-Protocol: sipx\r\n\r\n",
			400},
		{GOOD "Content-Length: 4\r\n\r\n", 400},
		{GOOD "Transfer-Encoding: chunked\r\n\r\n", 400},
		{GOOD "No colon\r\n", 400},
		{GOOD "Bad Name: x\r\n", 400},
		{GOOD " folded: x\r\n", 400},
		{GOOD "X: a\rb\r\n", 400},
		{GOOD "X: a\n", 400},
		{GOOD "X: \x01\r\n", 400},
	};
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_answer answer = judge(rows[i].text, &anybody);
		if (answer.status != rows[i].status || !answer.reason)
			fail_msg("row %u: %u (%s)", i, answer.status, answer.reason);
		if (answer.status == 426)
			assert_non_null(strstr(answer.text, "Sec-WebSocket-Version: 13\r\n"));
	}
}

static void test_handshake_origin(void **state)
{
	static const char list[][WS_ORIGIN_MAX] = {
		"https://a.example", "https://phone.example.com"};
	const struct ws_origins origins = {2, list};
	assert_int_equal(
		judge(GOOD "Origin: https://Phone.example.com\r\n\r\n", &origins).status, 101);
	assert_int_equal(
		judge(GOOD "Origin: https://phone.example.org\r\n\r\n", &origins).status, 403);
	assert_int_equal(judge(GOOD "\r\n", &origins).status, 403);
	assert_int_equal(
		judge(GOOD "Origin: https://a.example\r\nOrigin: https://a.example\r\n\r\n",
			&origins)
			.status,
		403);
}

static void test_handshake_too_large(void **state)
{
	static char text[2 * WS_REQUEST_MAX];
	size_t n = (size_t)snprintf(text, sizeof(text), "%sX: ", GOOD);
	struct ws_answer answer;
	memset(text + n, 'x', WS_REQUEST_MAX);
	assert_int_equal(ws_handshake(text, WS_REQUEST_MAX - 1, &anybody, &answer), -EAGAIN);
	assert_int_equal(ws_handshake(text, WS_REQUEST_MAX, &anybody, &answer), 0);
	assert_int_equal(answer.status, 431);
	n = (size_t)snprintf(text, sizeof(text), "%s", GOOD);
	for (unsigned int i = 0; i < WS_FIELDS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "X: y\r\n");
	assert_int_equal(judge(text, &anybody).status, 431);
}

/* ---- frames ---- */

struct frames {
	unsigned int n_messages, n_sends;
	size_t message_n, sent_n;
	char message[70000], sent[200000];
	int send_rc;
	struct ws *answer_by; /* each message is answered with itself, from within the callback */
};
static struct frames g;

static void on_message(void *ctx, const char *bytes, size_t n)
{
	struct frames *frames = ctx;
	frames->n_messages++;
	frames->message_n = n;
	memcpy(frames->message, bytes, n);
	if (frames->answer_by)
		assert_int_equal(ws_put(frames->answer_by, bytes, n), 0);
}

static int on_send(void *ctx, const char *octets, size_t n)
{
	struct frames *frames = ctx;
	assert_true(frames->sent_n + n <= sizeof(frames->sent));
	memcpy(frames->sent + frames->sent_n, octets, n);
	frames->sent_n += n;
	frames->n_sends++;
	return frames->send_rc;
}

static const struct ws_ops ws_ops = {on_message, on_send};

static struct ws *fresh(void)
{
	memset(&g, 0, sizeof(g));
	struct ws *ws = ws_new(&ws_ops, &g, 65535);
	assert_non_null(ws);
	return ws;
}

/* A frame of a client; returns its octets. first: FIN, reserved bits and opcode. */
static size_t frame(char *out, uint8_t first, const char *payload, size_t n)
{
	static const char mask[4] = {0x11, 0x22, 0x33, 0x44};
	size_t at = 2;
	out[0] = (char)first;
	if (n < 126) {
		out[1] = (char)(0x80 | n);
	} else if (n < 65536) {
		out[1] = (char)(0x80 | 126);
		out[2] = (char)(n >> 8);
		out[3] = (char)n;
		at = 4;
	} else {
		out[1] = (char)(0x80 | 127);
		for (unsigned int i = 0; i < 8; i++)
			out[2 + i] = (char)((uint64_t)n >> (56 - 8 * i));
		at = 10;
	}
	memcpy(out + at, mask, 4);
	at += 4;
	for (size_t i = 0; i < n; i++)
		out[at + i] = (char)(payload[i] ^ mask[i % 4]);
	return at + n;
}

/* The close code at the end of what was sent; 0: no close. */
static unsigned int close_code(void)
{
	if (g.sent_n < 4 || (uint8_t)g.sent[g.sent_n - 4] != 0x88 || g.sent[g.sent_n - 3] != 2)
		return 0;
	return (unsigned int)(uint8_t)g.sent[g.sent_n - 2] << 8 | (uint8_t)g.sent[g.sent_n - 1];
}

/* Messages of the sizes where the form of the length changes, whole and octet by octet. */
static void test_messages(void **state)
{
	static const size_t sizes[] = {1, 125, 126, 4096, 65535};
	static char text[65535], octets[65600];
	memset(text, 'm', sizeof(text));
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ws *ws = fresh();
		size_t n = frame(octets, i % 2 ? 0x81 : 0x82, text, sizes[i]);
		assert_int_equal(ws_take(ws, octets, n), 0);
		assert_true(ws_is_between(ws));
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(ws_take(ws, octets + k, 1), 0);
			assert_int_equal(ws_is_between(ws), k == n - 1);
		}
		assert_int_equal(g.n_messages, 2);
		assert_int_equal(g.message_n, sizes[i]);
		assert_memory_equal(g.message, text, sizes[i]);
		assert_int_equal(g.sent_n, 0);
		ws_free(ws);
	}
}

/* Three fragments with a ping between; the pong goes out before the message is whole. */
static void test_fragments(void **state)
{
	struct ws *ws = fresh();
	char octets[256];
	size_t n = frame(octets, 0x01, "INV", 3);
	n += frame(octets + n, 0x00, "", 0);
	n += frame(octets + n, 0x89, "are you there", 13);
	assert_int_equal(ws_take(ws, octets, n), 0);
	assert_int_equal(g.n_messages, 0);
	assert_false(ws_is_between(ws));
	assert_int_equal(g.sent_n, 15);
	assert_memory_equal(g.sent,
		"\x8a\x0d"
		"are you there",
		15);
	assert_int_equal(ws_take(ws, octets, frame(octets, 0x80, "ITE", 3)), 0);
	assert_int_equal(g.n_messages, 1);
	assert_memory_equal(g.message, "INVITE", 6);
	assert_true(ws_is_between(ws));
	ws_free(ws);
}

/* Octets that end the connection, and the code that says why. */
static void test_rules(void **state)
{
	static const struct {
		const char *what, *octets;
		size_t n;
		unsigned int code;
	} rows[] = {
		/* The frame that ends a process with libre 1.1.0: 14 octets, a length of nearly 2^64. */
		{"absurd length", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x11\x22\x33\x44", 14,
			1002},
		{"2^63 - 1", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x11\x22\x33\x44x", 15, 1009},
		{"64 KiB", "\x81\xff\0\0\0\0\0\x01\0\0\x11\x22\x33\x44x", 15, 1009},
		{"a length in too many octets", "\x81\xfe\0\x01\x11\x22\x33\x44x", 9, 1002},
		{"no mask",
			"\x81\x03"
			"abc",
			5, 1002},
		{"a reserved bit", "\xc1\x81\0\0\0\0x", 7, 1002},
		{"an unknown opcode", "\x83\x81\0\0\0\0x", 7, 1002},
		{"a continuation of nothing", "\x80\x81\0\0\0\0x", 7, 1002},
		{"a message within a message", "\x01\x81\0\0\0\0x\x81\x81\0\0\0\0x", 14, 1002},
		{"a ping in fragments", "\x09\x81\0\0\0\0x", 7, 1002},
		{"a long ping", "\x89\xfe\0\x7e\x11\x22\x33\x44", 8, 1002},
		{"text that is not UTF-8", "\x81\x82\0\0\0\0\xff\xfe", 8, 1007},
	};
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws *ws = fresh();
		int rc = ws_take(ws, rows[i].octets, rows[i].n);
		if (rc != -EPROTO || close_code() != rows[i].code || g.n_messages != 0)
			fail_msg("%s: %d, close code %u, %u messages", rows[i].what, rc,
				close_code(), g.n_messages);
		assert_int_equal(ws_take(ws, "x", 1), -ECONNRESET);
		assert_int_equal(ws_put(ws, "x", 1), -ENOTCONN);
		ws_free(ws);
	}
}

/* Fragments add up: to more octets than a message may have, or to more pieces. */
static void test_too_much(void **state)
{
	static char part[40000], octets[40020];
	struct ws *ws = fresh();
	memset(part, 'p', sizeof(part));
	assert_int_equal(ws_take(ws, octets, frame(octets, 0x01, part, sizeof(part))), 0);
	assert_int_equal(ws_take(ws, octets, frame(octets, 0x00, part, sizeof(part))), -EPROTO);
	assert_int_equal(close_code(), 1009);
	ws_free(ws);
	ws = fresh();
	int rc = ws_take(ws, octets, frame(octets, 0x01, "", 0));
	for (unsigned int i = 1; i < WS_FRAMES_MAX; i++) {
		assert_int_equal(rc, 0);
		rc = ws_take(ws, octets, frame(octets, 0x00, i % 2 ? "x" : "", i % 2));
	}
	assert_int_equal(rc, 0);
	assert_int_equal(ws_take(ws, octets, frame(octets, 0x00, "", 0)), -EPROTO);
	assert_int_equal(close_code(), WS_CLOSE_POLICY);
	ws_free(ws);
}

static void test_close(void **state)
{
	struct ws *ws = fresh();
	char octets[64];
	assert_int_equal(ws_take(ws, octets, frame(octets, 0x88, "\x03\xe8", 2)), -ECONNRESET);
	assert_int_equal(close_code(), 1000);
	ws_free(ws);
	ws = fresh();
	ws_close(ws, WS_CLOSE_GOING_AWAY);
	assert_int_equal(close_code(), 1001);
	ws_free(ws);
	ws = fresh(); /* no room to write to: the connection is over */
	g.send_rc = -ENOBUFS;
	assert_int_equal(ws_take(ws, octets, frame(octets, 0x89, "x", 1)), -ENOBUFS);
	ws_free(ws);
}

/* What goes out: one piece a message, text or binary, also from within a callback. */
static void test_put(void **state)
{
	static char big[65000];
	struct ws *ws = fresh();
	char octets[64];
	memset(big, 'b', sizeof(big));
	g.answer_by = ws;
	assert_int_equal(ws_take(ws, octets, frame(octets, 0x81, "caf\xc3\xa9", 5)), 0);
	assert_int_equal(g.sent_n, 7);
	assert_memory_equal(g.sent,
		"\x81\x05"
		"caf\xc3\xa9",
		7);
	g.sent_n = 0;
	assert_int_equal(ws_put(ws, "caf\xe9", 4), 0);
	assert_memory_equal(g.sent,
		"\x82\x04"
		"caf\xe9",
		6);
	g.sent_n = g.n_sends = 0;
	assert_int_equal(ws_put(ws, big, sizeof(big)), 0);
	assert_int_equal(g.n_sends, 1);
	assert_int_equal(g.sent_n, sizeof(big) + 4);
	g.sent_n = 0;
	assert_int_equal(ws_ping(ws), 0);
	assert_memory_equal(g.sent, "\x89\x00", 2);
	ws_free(ws);
}

/* ---- through a transport ---- */

static struct {
	struct event_base *base;
	struct twheel *wheel;
	struct sip_transport *t;
	uint64_t now;
	unsigned int n_received, n_failed;
	char got[512];
	struct sip_path path;
} f;

static void on_receive(void *ctx, const struct sip_path *path, const char *bytes, size_t n)
{
	f.n_received++;
	f.path = *path;
	snprintf(f.got, sizeof(f.got), "%.*s", (int)n, bytes);
}

static void on_send_failed(void *ctx, uint64_t origin, int err)
{
	f.n_failed++;
}

static const struct sip_transport_ops ops = {.receive = on_receive, .send_failed = on_send_failed};
static const struct sip_transport_limits limits = {.max_conns = 20,
	.max_conns_per_peer = 10,
	.idle_ms = 60000,
	.connect_ms = 5000,
	.partial_ms = 10000,
	.tx_queue_max = 1000000,
	.ws_ping_ms = 30000};

static struct ipaddr box_addr(void)
{
	struct ipaddr a;
	char host[32];
	unsigned int pid = (unsigned int)getpid();
	snprintf(host, sizeof(host), "127.%u.%u.3", 1 + (pid >> 8 & 0x7f), pid & 0xff);
	assert_int_equal(ipaddr_parse(view_of(host), 8080, &a), 0);
	return a;
}

static int setup(void **state)
{
	struct sip_listener spec = {.transport = SIP_WS, .addr = box_addr(), .realm = "a"};
	char error[256];
	memset(&f, 0, sizeof(f));
	f.base = event_base_new();
	f.now = 1000;
	f.wheel = twheel_new(f.now);
	f.t = sip_transport_new(f.base, f.wheel, 0, &limits, &ops, NULL);
	if (sip_transport_prepare(f.t, &spec, 1, error, sizeof(error)) != 0)
		return -1;
	sip_transport_apply(f.t);
	return 0;
}

static int teardown(void **state)
{
	sip_transport_free(f.t);
	assert_int_equal(twheel_n_pending(f.wheel), 0);
	twheel_free(f.wheel);
	event_base_free(f.base);
	return 0;
}

static void turn(void)
{
	event_base_loop(f.base, EVLOOP_NONBLOCK);
	sip_transport_flush(f.t);
}

#define until(condition)                                                             \
	do {                                                                         \
		uint64_t end_ms = clock_mono_ms() + DEADLINE_MS;                     \
		turn();                                                              \
		while (!(condition)) {                                               \
			if (clock_mono_ms() > end_ms)                                \
				fail_msg("not within the deadline: %s", #condition); \
			poll(NULL, 0, 1);                                            \
			turn();                                                      \
		}                                                                    \
	} while (0)

static int client(void)
{
	struct sockaddr_storage sa;
	struct ipaddr a = box_addr();
	socklen_t len = ipaddr_to_sockaddr(&a, &sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)connect(fd, (struct sockaddr *)&sa, len);
	until(sip_transport_counters(f.t)->n_conns > 0);
	return fd;
}

static void put(int fd, const char *octets, size_t n)
{
	assert_int_equal(send(fd, octets, n, MSG_NOSIGNAL), n);
}

/* n octets that the box sent, exactly. */
static void expect(int fd, const char *octets, size_t n)
{
	char buf[1024];
	size_t got = 0;
	uint64_t end_ms = clock_mono_ms() + DEADLINE_MS;
	while (got < n && clock_mono_ms() < end_ms) {
		ssize_t r = recv(fd, buf + got, n - got, 0);
		got += r > 0 ? (size_t)r : 0;
		turn();
	}
	assert_int_equal(got, n);
	assert_memory_equal(buf, octets, n);
}

static int upgraded(void)
{
	struct ws_answer answer = judge(GOOD "\r\n", &anybody);
	int fd = client();
	put(fd, GOOD "\r\n", strlen(GOOD "\r\n"));
	expect(fd, answer.text, answer.n);
	return fd;
}

static bool ended(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void test_there_and_back(void **state)
{
	char octets[256];
	int fd = upgraded();
	put(fd, octets, frame(octets, 0x81, "OPTIONS sip:x SIP/2.0\r\n\r\n", 25));
	until(f.n_received == 1);
	assert_string_equal(f.got, "OPTIONS sip:x SIP/2.0\r\n\r\n");
	assert_int_equal(f.path.transport, SIP_WS);
	assert_int_equal(sip_transport_send(f.t, &f.path, "SIP/2.0", 7, 1), 0);
	expect(fd, "\x81\x07SIP/2.0", 9);
	/* The keep-alive of RFC 5626 4.4.1, one that wants no answer, and a ping of its own. */
	put(fd, octets, frame(octets, 0x81, "\r\n\r\n", 4));
	expect(fd, "\x81\x02\r\n", 4);
	size_t n = frame(octets, 0x81, "\r\n", 2);
	put(fd, octets, n + frame(octets + n, 0x89, "p", 1));
	expect(fd, "\x8a\x01p", 3);
	assert_int_equal(sip_transport_counters(f.t)->rx_keepalives, 2);
	assert_int_equal(f.n_received, 1);
	/* The client goes: nobody connects to where it was. */
	close(fd);
	until(sip_transport_counters(f.t)->n_conns == 0);
	assert_int_equal(sip_transport_send(f.t, &f.path, "SIP/2.0", 7, 1), -ENOTCONN);
	f.path.conn = 0;
	assert_int_equal(sip_transport_send(f.t, &f.path, "SIP/2.0", 7, 1), -ENOTCONN);
	assert_int_equal(sip_transport_counters(f.t)->conns_failed, 0);
}

/* The request and the first frame in one segment. */
static void test_eager(void **state)
{
	char octets[512];
	int n = snprintf(octets, sizeof(octets), "%s\r\n", GOOD), fd = client();
	put(fd, octets, (size_t)n + frame(octets + n, 0x81, "eager", 5));
	until(f.n_received == 1);
	assert_string_equal(f.got, "eager");
	close(fd);
	until(sip_transport_counters(f.t)->n_conns == 0);
}

static void test_bad_clients(void **state)
{
	int fd = client();
	put(fd, "OPTIONS sip:x SIP/2.0\r\n", 23);
	expect(fd, "HTTP/1.1 400 ", 13);
	until(sip_transport_counters(f.t)->n_conns == 0);
	assert_int_equal(sip_transport_counters(f.t)->ws_refused, 1);
	close(fd);
	fd = upgraded();
	put(fd, "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x11\x22\x33\x44", 14);
	expect(fd, "\x88\x02\x03\xea", 4);
	until(ended(fd));
	assert_int_equal(sip_transport_counters(f.t)->ws_broken, 1);
	assert_int_equal(sip_transport_counters(f.t)->rx_bad_frames, 1);
	assert_int_equal(f.n_received, 0);
	close(fd);
	until(sip_transport_counters(f.t)->n_conns == 0);
}

/* Half a request, half a frame, half a message: each has its time. */
static void test_slow(void **state)
{
	char octets[64];
	for (unsigned int i = 0; i < 3; i++) {
		int fd = i == 0 ? client() : upgraded();
		size_t n = frame(octets, 0x01, "abc", 3);
		if (i == 0)
			put(fd, "GET / ", 6);
		else
			put(fd, octets, i == 1 ? n - 1 : n);
		/* Slowly going on does not help. */
		for (unsigned int k = 0; k < 4; k++) {
			turn();
			f.now += limits.partial_ms / 4 + 1;
			twheel_advance(f.wheel, f.now);
			if (i == 0)
				(void)send(fd, "x", 1, MSG_NOSIGNAL);
			turn();
		}
		until(ended(fd));
		until(sip_transport_counters(f.t)->n_conns == 0);
		close(fd);
	}
	assert_int_equal(f.n_received, 0);
}

/* A silent client is asked; while it answers it stays, then it is dropped. */
static void test_alive(void **state)
{
	char octets[64];
	int fd = upgraded();
	put(fd, octets, frame(octets, 0x81, "m", 1));
	until(f.n_received == 1);
	for (unsigned int i = 0; i < 5; i++) {
		f.now += limits.ws_ping_ms + 1;
		twheel_advance(f.wheel, f.now);
		expect(fd, "\x89\x00", 2);
		put(fd, octets, frame(octets, 0x8a, "", 0));
		poll(NULL, 0, 1);
		turn();
	}
	/* The pong may still be under way, so it is asked at most once more than it has to be. */
	for (unsigned int i = 0; i < 4; i++) {
		f.now += limits.ws_ping_ms + 1;
		twheel_advance(f.wheel, f.now);
		turn();
	}
	until(sip_transport_counters(f.t)->n_conns == 0);
	assert_int_equal(sip_transport_counters(f.t)->conns_idle_closed, 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake_good),
		cmocka_unit_test(test_handshake_in_pieces),
		cmocka_unit_test(test_handshake_refused),
		cmocka_unit_test(test_handshake_origin),
		cmocka_unit_test(test_handshake_too_large),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_put),
		cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_eager, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alive, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
