/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where requests go whose next hop is a name, or that are too long for a datagram: waiting for DNS, one
 * address after the other, back from TCP to UDP; each attempt with its own branch and Via. What left is
 * a log of "METHOD transport port" in the order of sending.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sip-b2bua/transaction/sip_txn.h"

#define T0 1000000

static struct {
	struct twheel *wheel;
	struct sip_txns *txns;
	struct sip_token_key key;
	struct sip_path path; /* of what is sent: UDP to port 5000 */
	struct sip_ctxn *ctxn;
	/* locate(): its answer, and addresses, by their ports; what it was asked */
	int located;
	unsigned int n_ways, n_asked;
	char hop[64];
	bool streams;
	int send_err; /* of what goes to send_err_port */
	unsigned int send_err_port;
	uint64_t origin; /* of the last message */
	char branch[64], first_branch[64];
	char log[4096], told[4096];
	struct sip_path told_path;
} f;

static struct sip_msg msg;

static void put(char *log, size_t size, const char *fmt, ...)
{
	size_t n = strlen(log);
	va_list ap;

	va_start(ap, fmt);
	if (n > 0)
		n += (size_t)snprintf(log + n, size - n, ", ");
	(void)vsnprintf(log + n, size - n, fmt, ap);
	va_end(ap);
}

static int on_send(
	void *ctx, const struct sip_path *path, const char *bytes, size_t n, uint64_t origin)
{
	static struct sip_msg out;

	assert_false(path->by_name);
	if (ipaddr_port(&path->remote) == f.send_err_port && f.send_err != 0)
		return f.send_err;
	assert_int_equal(sip_msg_parse(&out, bytes, n, false), 0);
	assert_true(view_eq(out.via.transport, sip_transport_text(path->transport)));
	put(f.log, sizeof(f.log), "%.*s %.*s %u", VIEW_ARG(out.method_text),
		VIEW_ARG(out.via.transport), ipaddr_port(&path->remote));
	snprintf(f.branch, sizeof(f.branch), "%.*s", VIEW_ARG(out.via.branch));
	if (!f.first_branch[0])
		memcpy(f.first_branch, f.branch, sizeof(f.branch));
	f.origin = origin;
	return 0;
}

static void on_request(
	void *ctx, struct sip_stxn *stxn, const struct sip_msg *m, const struct sip_path *path)
{
	fail();
}

static void on_ack(void *ctx, const struct sip_msg *m, const struct sip_path *path)
{
	fail();
}

static void on_stray(void *ctx, const struct sip_msg *m, const struct sip_path *path)
{
	put(f.told, sizeof(f.told), "stray%d", m->status);
}

static int on_locate(void *ctx, const struct sip_path *path, const struct sip_uri *hop,
	struct sip_path ret[SIP_WAYS_MAX], unsigned int *ret_n)
{
	assert_true(path->by_name);
	f.n_asked++;
	snprintf(f.hop, sizeof(f.hop), "%.*s", VIEW_ARG(hop->host));
	for (unsigned int i = 0; f.located == 0 && i < f.n_ways; i++) {
		ret[i] = *path;
		ret[i].by_name = 0;
		ret[i].remote.port_be16 = htons((uint16_t)(5001 + i));
	}
	*ret_n = f.n_ways;
	return f.located;
}

static bool on_stream_way(void *ctx, const struct sip_path *path, struct sip_path *ret_way)
{
	*ret_way = *path;
	ret_way->transport = SIP_TCP;
	return f.streams;
}

static void on_response(
	struct sip_ctxn *c, const struct sip_msg *m, const struct sip_path *path, void *arg)
{
	put(f.told, sizeof(f.told), "%d", m->status);
	f.told_path = *path;
}

static void on_failed(struct sip_ctxn *c, int err, void *arg)
{
	put(f.told, sizeof(f.told), "failed%d", err);
}

static void on_end(struct sip_ctxn *c, void *arg)
{
	f.ctxn = NULL;
}

static const struct sip_ctxn_ops client_ops = {on_response, on_failed, on_end};

static int setup(void **state)
{
	static const struct sip_txn_user user = {.send = on_send,
		.request = on_request,
		.ack = on_ack,
		.stray = on_stray,
		.locate = on_locate,
		.stream_way = on_stream_way};
	uint8_t secret[SIP_TOKEN_KEY] = {4, 5, 6};

	memset(&f, 0, sizeof(f));
	sip_token_key_set(&f.key, secret);
	f.wheel = twheel_new(T0);
	f.txns = sip_txns_new(f.wheel, &f.key, 0, 100, &user, NULL);
	f.path.transport = SIP_UDP;
	assert_int_equal(ipaddr_parse(VIEW("192.0.2.1"), 5060, &f.path.local), 0);
	assert_int_equal(ipaddr_parse(VIEW("192.0.2.2"), 5000, &f.path.remote), 0);
	return f.txns == NULL;
}

static int teardown(void **state)
{
	sip_txns_free(f.txns);
	assert_int_equal(twheel_n_pending(f.wheel), 0);
	twheel_free(f.wheel);
	return 0;
}

static void pass_ms(uint64_t ms)
{
	uint64_t now = twheel_now(f.wheel), until = now + ms;

	while (now < until) {
		uint64_t step = twheel_next_ms(f.wheel, until - now);

		now += step > 0 ? step : 1;
		twheel_advance(f.wheel, now < until ? now : until);
	}
}

static struct view build(int method, const char *route, size_t n_body, struct view branch)
{
	static char out[8000], body[4000];
	struct sip_buf b;

	memset(body, 'x', sizeof(body));
	sip_buf_init(&b, out, sizeof(out));
	sip_build_request(&b, sip_method_text(method), VIEW("sip:b@pbx.example"));
	sip_put_via(&b, VIEW("UDP"), &f.path.local, branch);
	if (route)
		sip_put_hdr(&b, SIP_H_ROUTE, view_of(route));
	sip_put_hdr(&b, SIP_H_MAX_FORWARDS, VIEW("70"));
	sip_put_hdr(&b, SIP_H_FROM, VIEW("<sip:a@192.0.2.1>;tag=f"));
	sip_put_hdr(&b, SIP_H_TO, VIEW("<sip:b@192.0.2.2>;tag=t"));
	sip_put_hdr(&b, SIP_H_CALL_ID, VIEW("c1"));
	sip_put_cseq(&b, 1, sip_method_text(method));
	assert_int_equal(sip_build_end(&b, n_body ? VIEW("text/plain") : VIEW(""),
				 (struct view){body, n_body}),
		0);
	return sip_buf_view(&b);
}

static void start(int method, const char *route, size_t n_body)
{
	struct view branch;

	f.log[0] = f.told[0] = f.first_branch[0] = '\0';
	assert_int_equal(sip_ctxn_new(f.txns, method, &client_ops, NULL, &f.ctxn), 0);
	branch = sip_ctxn_branch(f.ctxn);
	assert_int_equal(sip_ctxn_send(f.ctxn, &f.path, build(method, route, n_body, branch)), 0);
}

static void respond(int status, int method, const char *branch, const char *lines)
{
	char text[1000];
	int n = snprintf(text, sizeof(text),
		"SIP/2.0 %d X\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=%s\r\n"
		"From: <sip:a@192.0.2.1>;tag=f\r\nTo: <sip:b@192.0.2.2>;tag=t\r\n"
		"Call-ID: c1\r\nCSeq: 1 %.*s\r\n%s\r\n",
		status, branch, VIEW_ARG(sip_method_text(method)), lines);
	struct sip_path path = f.path;

	path.transport = SIP_TCP;
	assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
	sip_txns_receive(f.txns, &msg, &path);
}

static void fails(int err)
{
	sip_txns_send_failed(f.txns, f.origin, err);
	pass_ms(2);
}

/* ---- names ---- */

static void test_waits(void **state)
{
	f.path.by_name = 1;
	f.located = -EINPROGRESS;
	start(SIP_M_OPTIONS, NULL, 0);
	assert_string_equal(f.log, "");
	assert_string_equal(f.hop, "pbx.example");
	sip_txns_look_again(f.txns); /* of another name */
	assert_string_equal(f.log, "");
	f.located = 0;
	f.n_ways = 2;
	sip_txns_look_again(f.txns);
	sip_txns_look_again(f.txns);
	assert_string_equal(f.log, "OPTIONS UDP 5001");
	assert_int_equal(f.n_asked, 3);
	respond(200, SIP_M_OPTIONS, f.branch, "");
	assert_string_equal(f.told, "200");
	assert_int_equal(sip_txns_counters(f.txns)->named, 1);
	assert_int_equal(sip_txns_counters(f.txns)->unnamed, 0);
	/* the topmost Route is before the Request-URI */
	start(SIP_M_BYE, "<sip:edge.example;lr>, <sip:core.example;lr>", 0);
	assert_string_equal(f.hop, "edge.example");
	pass_ms(40000);
}

static void test_unknown(void **state)
{
	f.path.by_name = 1;
	/* nobody knows it, nobody is asked, nobody says anything: where the far end's own come from */
	f.located = -ENOENT;
	start(SIP_M_BYE, NULL, 0);
	assert_string_equal(f.log, "BYE UDP 5000");
	f.located = -EOPNOTSUPP;
	start(SIP_M_BYE, NULL, 0);
	assert_string_equal(f.log, "BYE UDP 5000");
	assert_int_equal(sip_txns_counters(f.txns)->unnamed, 1);
	assert_int_equal(sip_txns_counters(f.txns)->named, 1);
	f.located = -EINPROGRESS;
	pass_ms(100000);
	start(SIP_M_BYE, NULL, 0);
	pass_ms(5900);
	assert_string_equal(f.log, "");
	pass_ms(200);
	assert_string_equal(f.log, "BYE UDP 5000");
	assert_int_equal(sip_txns_counters(f.txns)->unnamed, 2);
	/* a re-INVITE that is cancelled while it waits, and what the end of all finds waiting */
	pass_ms(100000);
	start(SIP_M_INVITE, NULL, 0);
	sip_ctxn_cancel(f.ctxn, VIEW(""));
	pass_ms(2);
	assert_string_equal(f.told, "failed-125");
	sip_txns_look_again(f.txns);
	start(SIP_M_INVITE, NULL, 0);
	assert_string_equal(f.log, "");
}

/* RFC 3263 4.3 */
static void test_next(void **state)
{
	f.path.by_name = 1;
	f.n_ways = 3;
	start(SIP_M_OPTIONS, NULL, 0);
	fails(-ECONNREFUSED);
	assert_string_equal(f.log, "OPTIONS UDP 5001, OPTIONS UDP 5002");
	assert_string_not_equal(f.branch, f.first_branch);
	respond(200, SIP_M_OPTIONS, f.first_branch, ""); /* late, of the one before */
	assert_string_equal(f.told, "stray200");
	/* silence; the last one has all the time that there is */
	pass_ms(4001);
	assert_non_null(strstr(f.log, ", OPTIONS UDP 5003"));
	pass_ms(31000);
	assert_string_equal(f.told, "stray200");
	pass_ms(2000);
	assert_string_equal(f.told, "stray200, failed-110");
	assert_int_equal(sip_txns_counters(f.txns)->next_ways, 2);
	/* what cannot even be given away */
	f.send_err = -ENETUNREACH;
	f.send_err_port = 5001;
	start(SIP_M_INVITE, NULL, 0);
	pass_ms(2);
	assert_string_equal(f.log, "INVITE UDP 5002");
	f.send_err = 0;
	/* who has said anything is not left */
	respond(100, SIP_M_INVITE, f.branch, "");
	pass_ms(60000);
	fails(-ECONNRESET);
	assert_string_equal(f.log, "INVITE UDP 5002");
	assert_string_equal(f.told, "100, failed-104");
	/* nor is one that is not wanted any more sent on */
	start(SIP_M_INVITE, NULL, 0);
	sip_ctxn_cancel(f.ctxn, VIEW(""));
	fails(-ECONNRESET);
	assert_string_equal(f.log, "INVITE UDP 5001");
	assert_string_equal(f.told, "failed-104");
}

static void test_503(void **state)
{
	f.path.by_name = 1;
	f.n_ways = 2;
	start(SIP_M_INVITE, NULL, 0);
	respond(503, SIP_M_INVITE, f.branch, "");
	assert_string_equal(f.log, "INVITE UDP 5001, ACK UDP 5001, INVITE UDP 5002");
	assert_string_equal(f.told, "");
	respond(503, SIP_M_INVITE, f.branch, ""); /* the last one's is the answer */
	assert_string_equal(f.told, "503");
	pass_ms(40000);
	start(SIP_M_UPDATE, NULL, 0);
	respond(503, SIP_M_UPDATE, f.branch, "");
	respond(200, SIP_M_UPDATE, f.branch, "");
	assert_string_equal(f.log, "UPDATE UDP 5001, UPDATE UDP 5002");
	assert_string_equal(f.told, "200");
	pass_ms(40000);
	start(SIP_M_UPDATE, NULL, 0);
	respond(488, SIP_M_UPDATE, f.branch, "");
	assert_string_equal(f.log, "UPDATE UDP 5001");
	assert_string_equal(f.told, "488");
}

/* ---- length ---- */

static void test_large(void **state)
{
	f.streams = true;
	start(SIP_M_MESSAGE, NULL, 100);
	assert_string_equal(f.log, "MESSAGE UDP 5000");
	respond(200, SIP_M_MESSAGE, f.branch, "");
	start(SIP_M_MESSAGE, NULL, 1300);
	assert_string_equal(f.log, "MESSAGE TCP 5000");
	respond(200, SIP_M_MESSAGE, f.branch, "");
	assert_int_equal(f.told_path.transport, SIP_UDP);
	start(SIP_M_UPDATE, NULL, 1300);
	respond(200, SIP_M_UPDATE, f.branch, "Contact: <sip:b@192.0.2.2;transport=tcp>\r\n");
	assert_int_equal(f.told_path.transport, SIP_TCP);
	/* silence over TCP is silence */
	start(SIP_M_INFO, NULL, 1300);
	pass_ms(32001);
	assert_string_equal(f.log, "INFO TCP 5000");
	assert_string_equal(f.told, "failed-110");
	/* nobody takes it there: by UDP, as another transaction, and so the next ones for a while */
	start(SIP_M_NOTIFY, NULL, 1300);
	fails(-ECONNREFUSED);
	assert_string_equal(f.log, "NOTIFY TCP 5000, NOTIFY UDP 5000");
	assert_string_not_equal(f.branch, f.first_branch);
	respond(200, SIP_M_NOTIFY, f.branch, "");
	assert_string_equal(f.told, "200");
	start(SIP_M_BYE, NULL, 1300);
	assert_string_equal(f.log, "BYE UDP 5000");
	pass_ms(600001);
	start(SIP_M_BYE, NULL, 1300);
	assert_string_equal(f.log, "BYE TCP 5000");
	fails(-ETIMEDOUT); /* no connection came up */
	assert_string_equal(f.log, "BYE TCP 5000, BYE UDP 5000");
	fails(-ENETUNREACH);
	assert_string_equal(f.told, "failed-101");
	assert_int_equal(sip_txns_counters(f.txns)->large_stream, 5);
	assert_int_equal(sip_txns_counters(f.txns)->large_back, 2);
	/* a way that is the only one; a far end that is not known to take TCP */
	pass_ms(600001);
	f.path.flow = 1;
	start(SIP_M_BYE, NULL, 1300);
	assert_string_equal(f.log, "BYE UDP 5000");
	f.path.flow = 0;
	f.streams = false;
	start(SIP_M_BYE, NULL, 1300);
	assert_string_equal(f.log, "BYE UDP 5000");
}

/* Long, and to a name: each address by TCP, then by UDP. */
static void test_large_named(void **state)
{
	f.streams = true;
	f.path.by_name = 1;
	f.n_ways = 2;
	start(SIP_M_INVITE, NULL, 1300);
	fails(-ECONNREFUSED);
	fails(-ECONNREFUSED);
	fails(-ECONNREFUSED);
	fails(-ECONNREFUSED);
	assert_string_equal(
		f.log, "INVITE TCP 5001, INVITE UDP 5001, INVITE TCP 5002, INVITE UDP 5002");
	assert_string_equal(f.told, "failed-111");
}

/* ---- ACK to a 2xx ---- */

static int ack(size_t n_body)
{
	char branch[SIP_BRANCH_LEN];

	f.log[0] = f.first_branch[0] = '\0';
	return sip_txns_send(
		f.txns, &f.path, build(SIP_M_ACK, NULL, n_body, sip_txns_branch(f.txns, branch)));
}

static void test_ack(void **state)
{
	f.path.by_name = 1;
	f.located = -EINPROGRESS;
	assert_int_equal(ack(10), 0);
	assert_string_equal(f.log, "");
	f.located = 0;
	f.n_ways = 2;
	sip_txns_look_again(f.txns);
	assert_string_equal(f.log, "ACK UDP 5001");
	assert_int_equal(ack(10), 0);
	assert_string_equal(f.log, "ACK UDP 5001");
	f.located = -EINPROGRESS;
	assert_int_equal(ack(10), 0);
	pass_ms(6001);
	assert_string_equal(f.log, "ACK UDP 5000");
	/* as many as there is room for */
	for (unsigned int i = 0; i < 256; i++)
		assert_int_equal(ack(10), 0);
	assert_int_equal(ack(10), -ENOBUFS);
	pass_ms(6001);
	/* long ones */
	f.path.by_name = 0;
	f.streams = true;
	assert_int_equal(ack(1300), 0);
	assert_string_equal(f.log, "ACK TCP 5000");
	pass_ms(6001);
	fails(-ECONNRESET); /* too late to matter */
	assert_string_equal(f.log, "ACK TCP 5000");
	assert_int_equal(ack(1300), 0);
	fails(-ECONNREFUSED);
	assert_string_equal(f.log, "ACK TCP 5000, ACK UDP 5000");
	assert_int_equal(ack(1300), 0);
	assert_string_equal(f.log, "ACK UDP 5000");
	pass_ms(600001);
	f.send_err = -EMFILE;
	f.send_err_port = 5000;
	assert_int_equal(ack(1300), 0);
	assert_string_equal(f.log, "");
	f.path.by_name = 1;
	assert_int_equal(ack(10), 0); /* the end of all finds it waiting */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_waits),
		T(test_unknown),
		T(test_next),
		T(test_503),
		T(test_large),
		T(test_large_named),
		T(test_ack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
