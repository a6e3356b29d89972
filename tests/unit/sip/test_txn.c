/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The four transaction machines, each transition with its exact instant. A row is a script of what
 * arrives or is done when, and the log that must come out: "T>x" left at T ms, "T:x" was told.
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

#define T0 1000000 /* the wheel's time at the start */

enum op {
	RX,	  /* arg: status (client), or request with that method */
	RESPOND,  /* arg: status */
	CANCEL,	  /* cancel the INVITE */
	SEND_ERR, /* from now on send() returns arg */
	FAILED,	  /* the transport reports arg for the last origin */
	DETACH,
	GONE, /* the connection with that number has ended */
};

struct step {
	uint32_t at_ms;
	enum op op;
	int arg;
};

struct row {
	const char *name;
	bool client;
	int method;
	bool reliable;
	uint32_t trying;
	struct step steps[8];
	const char *log;
};

static struct {
	struct twheel *wheel;
	struct sip_txns *txns;
	struct sip_token_key key;
	struct sip_path path;
	struct sip_ctxn *ctxn;
	struct sip_stxn *stxn;
	int send_err;
	uint64_t origin;
	char sent[4096];
	size_t n_sent;
	char log[8192];
	size_t n_log;
} f;

static struct sip_msg msg;

static void note(char mark, const char *fmt, ...)
{
	va_list ap;
	f.n_log += (size_t)snprintf(f.log + f.n_log, sizeof(f.log) - f.n_log, "%s%u%c",
		f.n_log ? " " : "", (unsigned int)(twheel_now(f.wheel) - T0), mark);
	va_start(ap, fmt);
	f.n_log += (size_t)vsnprintf(f.log + f.n_log, sizeof(f.log) - f.n_log, fmt, ap);
	va_end(ap);
	assert_true(f.n_log < sizeof(f.log));
}

static int on_send(
	void *ctx, const struct sip_path *path, const char *bytes, size_t n, uint64_t origin)
{
	static struct sip_msg out;
	if (f.send_err != 0)
		return f.send_err;
	assert_int_equal(sip_msg_parse(&out, bytes, n, false), 0);
	if (out.is_request)
		note('>', "%.*s", VIEW_ARG(out.method_text));
	else
		note('>', "%d", out.status);
	assert_true(n < sizeof(f.sent));
	memcpy(f.sent, bytes, n);
	f.n_sent = n;
	f.origin = origin;
	return 0;
}

static void on_cancelled(struct sip_stxn *stxn, const struct sip_msg *cancel, void *arg)
{
	note(':', "cancelled");
}

static void on_server_failed(struct sip_stxn *stxn, int err, void *arg)
{
	note(':', "failed%d", err);
}

static void on_server_end(struct sip_stxn *stxn, void *arg)
{
	note(':', "end");
	f.stxn = NULL;
}

static const struct sip_stxn_ops server_ops = {on_cancelled, on_server_failed, on_server_end};

static void on_request(
	void *ctx, struct sip_stxn *stxn, const struct sip_msg *m, const struct sip_path *path)
{
	note(':', "%.*s", VIEW_ARG(m->method_text));
	if (f.stxn == NULL)
		f.stxn = stxn;
	sip_stxn_set_user(stxn, &server_ops, NULL);
}

static void on_ack(void *ctx, const struct sip_msg *m, const struct sip_path *path)
{
	note(':', "ACK");
}

static void on_stray(void *ctx, const struct sip_msg *m, const struct sip_path *path)
{
	note(':', "stray%d", m->status);
}

static void on_response(
	struct sip_ctxn *c, const struct sip_msg *m, const struct sip_path *path, void *arg)
{
	note(':', "%d", m->status);
}

static void on_client_failed(struct sip_ctxn *c, int err, void *arg)
{
	note(':', "failed%d", err);
}

static void on_client_end(struct sip_ctxn *c, void *arg)
{
	note(':', "end");
	f.ctxn = NULL;
}

static const struct sip_ctxn_ops client_ops = {on_response, on_client_failed, on_client_end};

static void world_start(const struct row *row)
{
	static const struct sip_txn_user user = {on_send, on_request, on_ack, on_stray};
	uint8_t secret[SIP_TOKEN_KEY] = {1, 2, 3};
	struct sip_timers timers = SIP_TIMERS_DEFAULT;
	memset(&f, 0, sizeof(f));
	sip_token_key_set(&f.key, secret);
	f.wheel = twheel_new(T0);
	f.txns = sip_txns_new(f.wheel, &f.key, 0, 100, &user, NULL);
	assert_non_null(f.txns);
	timers.trying = row->trying;
	sip_txns_set_timers(f.txns, &timers);
	f.path.transport = row->reliable ? SIP_TCP : SIP_UDP;
	f.path.conn = row->reliable ? 9 : 0;
	f.path.conn_worker = 3;
	assert_int_equal(ipaddr_parse(VIEW("192.0.2.1"), 5060, &f.path.local), 0);
	assert_int_equal(ipaddr_parse(VIEW("192.0.2.2"), 5070, &f.path.remote), 0);
}

static void world_end(void)
{
	sip_txns_free(f.txns);
	twheel_free(f.wheel);
}

static void client_start(int method)
{
	char out[2000];
	struct sip_buf b;
	assert_int_equal(sip_ctxn_new(f.txns, method, &client_ops, NULL, &f.ctxn), 0);
	sip_buf_init(&b, out, sizeof(out));
	sip_build_request(&b, sip_method_text(method), VIEW("sip:b@192.0.2.2"));
	sip_put_via(&b, VIEW("UDP"), &f.path.local, sip_ctxn_branch(f.ctxn));
	sip_put_hdr(&b, SIP_H_MAX_FORWARDS, VIEW("70"));
	sip_put_hdr(&b, SIP_H_ROUTE, VIEW("<sip:p.example;lr>"));
	sip_put_hdr(&b, SIP_H_FROM, VIEW("<sip:a@192.0.2.1>;tag=f"));
	sip_put_hdr(&b, SIP_H_TO, VIEW("<sip:b@192.0.2.2>"));
	sip_put_hdr(&b, SIP_H_CALL_ID, VIEW("c1"));
	sip_put_cseq(&b, 1, sip_method_text(method));
	assert_int_equal(sip_build_end(&b, VIEW(""), VIEW("")), 0);
	assert_int_equal(sip_ctxn_send(f.ctxn, &f.path, sip_buf_view(&b)), 0);
}

static void rx_request(int method, const char *branch)
{
	char text[1000];
	int n = snprintf(text, sizeof(text),
		"%.*s sip:b@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5070%s%s\r\n"
		"From: <sip:a@192.0.2.2>;tag=f\r\nTo: <sip:b@192.0.2.1>%s\r\n"
		"Call-ID: c1\r\nCSeq: 1 %.*s\r\n\r\n",
		VIEW_ARG(sip_method_text(method)), branch[0] ? ";branch=" : "", branch,
		method == SIP_M_ACK ? ";tag=ours" : "", VIEW_ARG(sip_method_text(method)));
	assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
	sip_txns_receive(f.txns, &msg, &f.path);
}

static void time_run(uint64_t until)
{
	uint64_t now = twheel_now(f.wheel);
	while (now < until) {
		uint64_t step = twheel_next_ms(f.wheel, until - now);
		now += step > 0 ? step : 1;
		if (now > until)
			now = until;
		twheel_advance(f.wheel, now);
	}
}

static void respond(int status)
{
	char out[2000];
	struct sip_buf b;
	const struct sip_msg *req = sip_stxn_request(f.stxn);
	assert_true((req == NULL) == sip_stxn_is_final(f.stxn));
	sip_buf_init(&b, out, sizeof(out));
	if (req != NULL)
		sip_build_response(&b, req, sip_stxn_source(f.stxn), (unsigned int)status, VIEW(""),
			VIEW("ours"));
	else
		sip_put_lit(&b, "SIP/2.0 200 OK\r\n");
	assert_int_equal(sip_build_end(&b, VIEW(""), VIEW("")), 0);
	int rc = sip_stxn_respond(f.stxn, sip_buf_view(&b));
	if (rc != 0)
		note(':', "rc%d", rc);
}

/* arg: the status; 1000 more: it answers the CANCEL. */
static void rx_response(const struct row *row, int arg, const char *branch)
{
	char text[1000];
	int n = snprintf(text, sizeof(text),
		"SIP/2.0 %d X\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=%s\r\n"
		"From: <sip:a@192.0.2.1>;tag=f\r\nTo: <sip:b@192.0.2.2>;tag=t%d\r\n"
		"Call-ID: c1\r\nCSeq: 1 %s\r\n\r\n",
		arg % 1000, branch, arg % 1000,
		arg >= 1000 ? "CANCEL" : sip_method_text(row->method).p);
	assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
	sip_txns_receive(f.txns, &msg, &f.path);
}

static void step_do(const struct row *row, const struct step *step, const char *branch)
{
	switch (step->op) {
	case RX:
		if (row->client) {
			rx_response(row, step->arg, branch);
		} else {
			rx_request(step->arg, branch);
		}
		break;
	case RESPOND:
		respond(step->arg);
		break;
	case CANCEL:
		sip_ctxn_cancel(f.ctxn, VIEW("Reason: SIP;cause=200\r\n"));
		break;
	case SEND_ERR:
		f.send_err = step->arg;
		break;
	case FAILED:
		sip_txns_send_failed(f.txns, f.origin, step->arg);
		break;
	case GONE:
		sip_txns_conn_gone(f.txns, 3, (uint64_t)step->arg);
		break;
	case DETACH:
		if (row->client)
			sip_ctxn_detach(f.ctxn);
		else
			sip_stxn_detach(f.stxn);
		break;
	}
}

#define INV   SIP_M_INVITE
#define OPT   SIP_M_OPTIONS
#define NEVER SIP_TRYING_NEVER

static const struct row client_rows[] = {
	/* INVITE, RFC 3261 17.1.1 */
	{"INVITE, no answer", true, INV, false, 0, {{0}},
		"0>INVITE 500>INVITE 1500>INVITE 3500>INVITE 7500>INVITE 15500>INVITE "
		"31500>INVITE 32000:failed-110 32000:end"},
	{"INVITE over TCP, no answer", true, INV, true, 0, {{0}},
		"0>INVITE 32000:failed-110 32000:end"},
	{"INVITE, 100 stops A and B", true, INV, false, 0, {{600, RX, 100}, {100000, RX, 180}},
		"0>INVITE 500>INVITE 600:100 100000:180"},
	{"INVITE, 2xx, again, of another fork, M", true, INV, false, 0,
		{{100, RX, 180}, {200, RX, 200}, {700, RX, 200}, {800, RX, 486}, {900, RX, 180},
			{32300, RX, 200}},
		"0>INVITE 100:180 200:200 700:200 32200:end 32300:stray200"},
	{"INVITE, 2xx at once", true, INV, false, 0, {{100, RX, 200}},
		"0>INVITE 100:200 32100:end"},
	{"INVITE, 486 and its copies, D", true, INV, false, 0,
		{{100, RX, 486}, {600, RX, 486}, {700, RX, 200}, {800, RX, 180}, {32050, RX, 486}},
		"0>INVITE 100>ACK 100:486 600>ACK 32050>ACK 32100:end"},
	{"INVITE over TCP, 486", true, INV, true, 0, {{100, RX, 486}},
		"0>INVITE 100>ACK 100:486 101:end"},
	{"INVITE, 486 after 180", true, INV, false, 0, {{100, RX, 180}, {200, RX, 486}},
		"0>INVITE 100:180 200>ACK 200:486 32200:end"},
	{"INVITE, the transport fails", true, INV, true, 0, {{100, FAILED, -ECONNREFUSED}},
		"0>INVITE 101:failed-111 101:end"},
	{"INVITE, a retransmission fails", true, INV, false, 0, {{100, SEND_ERR, -ENETUNREACH}},
		"0>INVITE 501:failed-101 501:end"},
	{"INVITE, a full queue is a lost datagram", true, INV, false, 0,
		{{100, SEND_ERR, -ENOBUFS}, {600, SEND_ERR, 0}, {1600, RX, 100}},
		"0>INVITE 1500>INVITE 1600:100"},
	{"INVITE, failure after the final is silent", true, INV, false, 0,
		{{100, RX, 486}, {200, FAILED, -ECONNRESET}}, "0>INVITE 100>ACK 100:486 32100:end"},
	{"INVITE, its connection ends", true, INV, true, 0,
		{{100, GONE, 8}, {200, GONE, 9}, {300, GONE, 9}},
		"0>INVITE 201:failed-107 201:end"},
	{"INVITE, its connection ends after a 100", true, INV, true, 0,
		{{100, RX, 100}, {200, GONE, 9}, {300, RX, 486}},
		"0>INVITE 100:100 300>ACK 300:486 301:end"},
	/* CANCEL, 9.1 */
	{"CANCEL waits for a provisional", true, INV, false, 0,
		{{100, CANCEL, 0}, {700, RX, 100}, {800, RX, 1200}, {900, RX, 487}},
		"0>INVITE 500>INVITE 700>CANCEL 700:100 900>ACK 900:487 32900:end"},
	{"CANCEL is repeated, nobody answers", true, INV, false, 0,
		{{100, RX, 180}, {200, CANCEL, 0}, {300, CANCEL, 0}},
		"0>INVITE 100:180 200>CANCEL 700>CANCEL 1700>CANCEL 3700>CANCEL 7700>CANCEL "
		"11700>CANCEL 15700>CANCEL 19700>CANCEL 23700>CANCEL 27700>CANCEL 31700>CANCEL "
		"32200:failed-110 32200:end"},
	{"CANCEL crosses a 2xx", true, INV, false, 0,
		{{100, RX, 180}, {200, CANCEL, 0}, {210, RX, 200}, {220, RX, 1481}},
		"0>INVITE 100:180 200>CANCEL 210:200 32210:end"},
	{"CANCEL after the final does nothing", true, INV, false, 0,
		{{100, RX, 486}, {200, CANCEL, 0}}, "0>INVITE 100>ACK 100:486 32100:end"},
	{"CANCEL wanted, final without provisional", true, INV, false, 0,
		{{100, CANCEL, 0}, {200, RX, 200}}, "0>INVITE 200:200 32200:end"},
	{"CANCEL over TCP", true, INV, true, 0,
		{{100, RX, 180}, {200, CANCEL, 0}, {300, RX, 1200}, {400, RX, 487}},
		"0>INVITE 100:180 200>CANCEL 400>ACK 400:487 401:end"},
	/* others, 17.1.2 */
	{"OPTIONS, no answer", true, OPT, false, 0, {{0}},
		"0>OPTIONS 500>OPTIONS 1500>OPTIONS 3500>OPTIONS 7500>OPTIONS 11500>OPTIONS "
		"15500>OPTIONS 19500>OPTIONS 23500>OPTIONS 27500>OPTIONS 31500>OPTIONS "
		"32000:failed-110 32000:end"},
	{"OPTIONS over TCP, no answer", true, OPT, true, 0, {{0}},
		"0>OPTIONS 32000:failed-110 32000:end"},
	{"OPTIONS, 100 slows down to T2", true, OPT, false, 0,
		{{600, RX, 100}, {10000, RX, 200}, {10100, RX, 200}, {15100, RX, 200}},
		"0>OPTIONS 500>OPTIONS 600:100 1500>OPTIONS 5500>OPTIONS 9500>OPTIONS 10000:200 "
		"15000:end 15100:stray200"},
	{"OPTIONS, 100 and then nothing", true, OPT, true, 0, {{600, RX, 100}},
		"0>OPTIONS 600:100 32000:failed-110 32000:end"},
	{"OPTIONS over TCP, 200", true, OPT, true, 0, {{100, RX, 200}},
		"0>OPTIONS 100:200 101:end"},
	{"OPTIONS, the transport fails", true, OPT, true, 0, {{5, FAILED, -ETIMEDOUT}},
		"0>OPTIONS 6:failed-110 6:end"},
	{"OPTIONS, detached", true, OPT, false, 0, {{10, DETACH, 0}, {600, RX, 200}},
		"0>OPTIONS 500>OPTIONS"},
};

static const struct row server_rows[] = {
	/* INVITE, 17.2.1 */
	{"INVITE, 100 at once, 486, no ACK", false, INV, false, 0, {{10, RESPOND, 486}},
		"0>100 0:INVITE 10>486 510>486 1510>486 3510>486 7510>486 11510>486 15510>486 "
		"19510>486 23510>486 27510>486 31510>486 32010:failed-110 32010:end"},
	{"INVITE over TCP, 486, no ACK", false, INV, true, 0, {{10, RESPOND, 486}},
		"0>100 0:INVITE 10>486 32010:failed-110 32010:end"},
	{"INVITE, 486, ACK, I", false, INV, false, 0,
		{{10, RESPOND, 486}, {600, RX, SIP_M_ACK}, {700, RX, SIP_M_ACK}, {800, RX, INV},
			{5700, RX, SIP_M_ACK}},
		"0>100 0:INVITE 10>486 510>486 5600:end 5700:ACK"},
	{"INVITE over TCP, 486, ACK", false, INV, true, 0,
		{{10, RESPOND, 486}, {600, RX, SIP_M_ACK}}, "0>100 0:INVITE 10>486 601:end"},
	{"INVITE, again in each state", false, INV, false, 0,
		{{5, RX, INV}, {10, RESPOND, 180}, {20, RX, INV}, {30, RESPOND, 486}, {40, RX, INV},
			{50, RX, SIP_M_ACK}, {60, RX, INV}},
		"0>100 0:INVITE 5>100 10>180 20>180 30>486 40>486 5050:end"},
	{"INVITE, 200: copies are the user's, ACK goes up", false, INV, false, 0,
		{{10, RESPOND, 200}, {20, RX, INV}, {30, RX, SIP_M_ACK}},
		"0>100 0:INVITE 10>200 30:ACK 32010:end"},
	{"INVITE, one final only", false, INV, true, 0,
		{{10, RESPOND, 200}, {20, RESPOND, 486}, {30, RESPOND, 180}},
		"0>100 0:INVITE 10>200 20:rc-114 30:rc-114 32010:end"},
	{"INVITE, 100 after 200 ms", false, INV, false, 200, {{300, RX, INV}},
		"0:INVITE 200>100 300>100"},
	{"INVITE, 180 spares the 100", false, INV, false, 200, {{100, RESPOND, 180}},
		"0:INVITE 100>180"},
	{"INVITE, no 100", false, INV, false, NEVER, {{50, RX, INV}}, "0:INVITE"},
	{"INVITE, cancelled", false, INV, false, 0,
		{{10, RX, SIP_M_CANCEL}, {20, RESPOND, 487}, {30, RX, SIP_M_CANCEL},
			{40, RX, SIP_M_ACK}},
		"0>100 0:INVITE 10>200 10:cancelled 20>487 30>200 5040:end"},
	{"INVITE, cancelled after the final", false, INV, false, 0,
		{{10, RESPOND, 200}, {20, RX, SIP_M_CANCEL}},
		"0>100 0:INVITE 10>200 20>200 32010:end"},
	{"INVITE, the answer cannot be sent", false, INV, true, 0,
		{{10, RESPOND, 180}, {20, FAILED, -EPIPE}},
		"0>100 0:INVITE 10>180 21:failed-32 21:end"},
	{"INVITE, detached", false, INV, false, 0,
		{{10, DETACH, 0}, {20, RESPOND, 486}, {30, RX, SIP_M_ACK}},
		"0>100 0:INVITE 20>486"},
	/* others, 17.2.2 */
	{"OPTIONS, 200, again, J", false, OPT, false, 0,
		{{10, RX, OPT}, {20, RESPOND, 200}, {30, RX, OPT}, {40, RESPOND, 404},
			{32000, RX, OPT}},
		"0:OPTIONS 20>200 30>200 40:rc-114 32000>200 32020:end"},
	{"OPTIONS over TCP, 200", false, OPT, true, 0, {{20, RESPOND, 200}},
		"0:OPTIONS 20>200 21:end"},
	{"OPTIONS, 100, again", false, OPT, false, 0,
		{{10, RESPOND, 100}, {20, RX, OPT}, {30, RESPOND, 200}},
		"0:OPTIONS 10>100 20>100 30>200 32030:end"},
	{"OPTIONS, nobody answers", false, OPT, false, 0, {{0}},
		"0:OPTIONS 32000:failed-110 32000:end"},
	{"OPTIONS, the answer cannot be sent", false, OPT, false, 0,
		{{10, SEND_ERR, -ENETUNREACH}, {20, RESPOND, 200}},
		"0:OPTIONS 21:failed-101 21:end"},
	{"CANCEL of nothing", false, SIP_M_CANCEL, false, 0, {{0}}, "0>481"},
	{"ACK of nothing", false, SIP_M_ACK, false, 0, {{0}}, "0:ACK"},
};

static void row_run(const struct row *row, const char *branch)
{
	char own[SIP_BRANCH_LEN + 1];
	world_start(row);
	if (row->client) {
		client_start(row->method);
		memcpy(own, sip_ctxn_branch(f.ctxn).p, SIP_BRANCH_LEN);
		own[SIP_BRANCH_LEN] = '\0';
		branch = own;
	} else {
		rx_request(row->method, branch);
	}
	for (unsigned int i = 0; i < 8 && row->steps[i].at_ms != 0; i++) {
		time_run(T0 + row->steps[i].at_ms);
		step_do(row, &row->steps[i], branch);
	}
	time_run(T0 + 110000);
	if (strcmp(f.log, row->log) != 0)
		fail_msg("%s (branch '%s'):\n  is  %s\n  not %s", row->name, branch, f.log,
			row->log);
	const struct sip_txn_counters *n = sip_txns_counters(f.txns);
	bool open = strstr(row->log, ":end") == NULL && strstr(row->name, "detached") == NULL &&
		    row->method != SIP_M_CANCEL && row->method != SIP_M_ACK;
	assert_int_equal(n->n_clients + n->n_servers, open ? 1 : 0);
	world_end();
}

static void test_client(void **state)
{
	for (unsigned int i = 0; i < sizeof(client_rows) / sizeof(client_rows[0]); i++)
		row_run(&client_rows[i], NULL);
}

/* With RFC 3261's branch, with RFC 2543's, with none, and with the cookie alone. */
static void test_server(void **state)
{
	static const char *const branches[] = {"z9hG4bKabc", "1", "", "z9hG4bK"};
	for (unsigned int b = 0; b < 4; b++) {
		for (unsigned int i = 0; i < sizeof(server_rows) / sizeof(server_rows[0]); i++)
			row_run(&server_rows[i], branches[b]);
	}
}

static const struct row plain = {"", true, INV, false, 0, {{0}}, ""};

/* What ACK and CANCEL are made of: 17.1.1.3 and 9.1. */
static void test_ack_and_cancel(void **state)
{
	world_start(&plain);
	client_start(INV);
	char branch[SIP_BRANCH_LEN + 1] = "";
	memcpy(branch, sip_ctxn_branch(f.ctxn).p, SIP_BRANCH_LEN);
	step_do(&plain, &(struct step){0, RX, 180}, branch);
	sip_ctxn_cancel(f.ctxn, VIEW("Reason: SIP;cause=200\r\n"));
	assert_int_equal(sip_msg_parse(&msg, f.sent, f.n_sent, false), 0);
	assert_int_equal(msg.method, SIP_M_CANCEL);
	assert_true(view_eq(msg.via.branch, view_of(branch)));
	assert_null(msg.to.tag.p);
	assert_true(view_eq(msg.uri_text, VIEW("sip:b@192.0.2.2")));
	assert_true(view_eq(sip_msg_value(&msg, SIP_H_ROUTE), VIEW("<sip:p.example;lr>")));
	assert_true(view_eq(sip_msg_value(&msg, SIP_H_REASON), VIEW("SIP;cause=200")));
	step_do(&plain, &(struct step){0, RX, 487}, branch);
	assert_int_equal(sip_msg_parse(&msg, f.sent, f.n_sent, false), 0);
	assert_int_equal(msg.method, SIP_M_ACK);
	assert_true(view_eq(msg.via.branch, view_of(branch)));
	assert_true(view_eq(msg.to.tag, VIEW("t487")));
	assert_true(view_eq(msg.from.tag, VIEW("f")));
	assert_int_equal(msg.cseq.number, 1);
	assert_true(view_eq(sip_msg_value(&msg, SIP_H_ROUTE), VIEW("<sip:p.example;lr>")));
	world_end();
}

static void test_stray(void **state)
{
	world_start(&plain);
	client_start(OPT);
	char branch[SIP_BRANCH_LEN + 1] = "", forged[SIP_BRANCH_LEN + 1];
	memcpy(branch, sip_ctxn_branch(f.ctxn).p, SIP_BRANCH_LEN);
	strcpy(forged, branch);
	forged[20] = forged[20] == 'a' ? 'b' : 'a';
	const struct row options = {.client = true, .method = OPT};
	step_do(&options, &(struct step){0, RX, 200}, forged);
	step_do(&plain, &(struct step){0, RX, 200}, branch); /* CSeq says INVITE */
	step_do(&options, &(struct step){0, RX, 1200}, branch);
	step_do(&options, &(struct step){0, RX, 200}, "z9hG4bKelse");
	/* A second Via: this answer was meant for somebody behind us. */
	char text[1000];
	int n = snprintf(text, sizeof(text),
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=%s, SIP/2.0/UDP x\r\n"
		"From: <sip:a@a>;tag=f\r\nTo: <sip:b@b>;tag=t\r\nCall-ID: c1\r\n"
		"CSeq: 1 OPTIONS\r\n\r\n",
		branch);
	assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
	sip_txns_receive(f.txns, &msg, &f.path);
	assert_int_equal(sip_txns_counters(f.txns)->rx_stray, 5);
	step_do(&options, &(struct step){0, RX, 200}, branch);
	assert_int_equal(sip_txns_counters(f.txns)->rx_stray, 5);
	world_end();
}

static void test_limit(void **state)
{
	char branch[32];
	world_start(&plain);
	for (unsigned int i = 0; i < 101; i++) {
		f.stxn = NULL;
		snprintf(branch, sizeof(branch), "z9hG4bK%u", i);
		rx_request(OPT, branch);
	}
	assert_int_equal(sip_txns_counters(f.txns)->n_servers, 100);
	assert_int_equal(sip_txns_counters(f.txns)->refused, 1);
	assert_int_equal(sip_msg_parse(&msg, f.sent, f.n_sent, false), 0);
	assert_int_equal(msg.status, 503);
	assert_non_null(sip_msg_hdr(&msg, SIP_H_RETRY_AFTER));
	world_end();
}

/* RFC 4475 3.2.1: the cookie alone tells nothing apart, the other fields do. */
static void test_bad_branch(void **state)
{
	world_start(&plain);
	for (unsigned int i = 0; i < 4; i++) {
		char text[1000];
		int n = snprintf(text, sizeof(text),
			"OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK\r\n"
			"From: <sip:a@a>;tag=f\r\nTo: <sip:b@b>\r\nCall-ID: c%u\r\n"
			"CSeq: %u OPTIONS\r\n\r\n",
			i / 2, i % 2);
		assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
		sip_txns_receive(f.txns, &msg, &f.path);
		sip_txns_receive(f.txns, &msg, &f.path);
	}
	assert_int_equal(sip_txns_counters(f.txns)->n_servers, 4);
	assert_int_equal(sip_txns_counters(f.txns)->rx_retransmissions, 4);
	world_end();
}

static void on_gave_up(struct sip_resend *r, void *arg)
{
	note(':', "gave-up");
}

static void test_resend(void **state)
{
	static const char ok[] =
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
		"From: <sip:a@a>;tag=f\r\nTo: <sip:b@b>;tag=t\r\nCall-ID: c\r\n"
		"CSeq: 1 INVITE\r\n\r\n";
	struct sip_resend r = {0};
	world_start(&plain);
	sip_resend_stop(&r);
	assert_int_equal(
		sip_resend_start(f.txns, &r, &f.path, VIEW(ok), true, on_gave_up, NULL), 0);
	time_run(T0 + 100000);
	assert_string_equal(f.log,
		"0>200 500>200 1500>200 3500>200 7500>200 11500>200 15500>200 19500>200 "
		"23500>200 27500>200 31500>200 32000:gave-up");
	f.n_log = 0;
	assert_int_equal(
		sip_resend_start(f.txns, &r, &f.path, VIEW(ok), false, on_gave_up, NULL), 0);
	time_run(T0 + 101600);
	sip_resend_stop(&r);
	time_run(T0 + 200000);
	assert_string_equal(f.log, "100500>200 101500>200");
	world_end();
}

struct back_row {
	const char *via;
	bool reliable;
	const char *remote;
};

static void test_path_back(void **state)
{
	static const struct back_row rows[] = {
		{"SIP/2.0/UDP 10.0.0.1:5080;branch=z9hG4bKx", false, "192.0.2.2:5080"},
		{"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx", false, "192.0.2.2:5060"},
		{"SIP/2.0/UDP 10.0.0.1:5080;rport;branch=z9hG4bKx", false, "192.0.2.2:5070"},
		{"SIP/2.0/UDP 10.0.0.1;maddr=203.0.113.1;branch=z9hG4bKx", false, "192.0.2.2:5060"},
		{"SIP/2.0/TCP 10.0.0.1:5080;rport;branch=z9hG4bKx", true, "192.0.2.2:5080"},
	};
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1000], addr[IPADDR_TEXT_MAX];
		struct sip_path back;
		struct row row = plain;
		row.reliable = rows[i].reliable;
		world_start(&row);
		f.path.conn = 99;
		int n = snprintf(text, sizeof(text),
			"OPTIONS sip:x SIP/2.0\r\nVia: %s\r\nFrom: <sip:a@a>;tag=f\r\n"
			"To: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n",
			rows[i].via);
		assert_int_equal(sip_msg_parse(&msg, text, (size_t)n, false), 0);
		sip_path_back(&msg, &f.path, &back);
		assert_string_equal(ipaddr_print_port(&back.remote, addr), rows[i].remote);
		assert_int_equal(back.conn, 99);
		world_end();
	}
}

/* The tag of an answer without state is the same for each copy of the request. */
static void test_stateless(void **state)
{
	char tag[SIP_TOKEN_LEN];
	world_start(&plain);
	rx_request(SIP_M_CANCEL, "z9hG4bK1");
	assert_int_equal(sip_msg_parse(&msg, f.sent, f.n_sent, false), 0);
	memcpy(tag, msg.to.tag.p, sizeof(tag));
	rx_request(OPT, "z9hG4bK2");
	const struct sip_msg *req = sip_stxn_request(f.stxn);
	assert_int_equal(
		sip_txns_reply_stateless(f.txns, req, &f.path, 400, VIEW("No"), VIEW("X: y\r\n")),
		0);
	assert_int_equal(sip_msg_parse(&msg, f.sent, f.n_sent, false), 0);
	assert_int_equal(msg.status, 400);
	assert_true(view_eq(msg.reason, VIEW("No")));
	assert_true(view_eq(msg.to.tag, (struct view){tag, sizeof(tag)}));
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_ack_and_cancel),
		cmocka_unit_test(test_stray),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_bad_branch),
		cmocka_unit_test(test_resend),
		cmocka_unit_test(test_path_back),
		cmocka_unit_test(test_stateless),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
