/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Planted faults: each row breaks one thing, and the record's sentence has to name that thing. A row
 * is a caller's INVITE (text or by the rig's user agent), what the trunk answers, and what is wrong
 * with the configuration or the processes around.
 */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONTACT "Contact: <sip:a@10.0.0.50>\r\n"
#define SDP                                                                \
	"v=0\r\no=- 1 1 IN IP4 10.0.1.60\r\ns=-\r\nc=IN IP4 10.0.1.60\r\n" \
	"t=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

#define SDP6                                                                     \
	"v=0\r\no=- 1 1 IN IP6 2001:db8::60\r\ns=-\r\nc=IN IP6 2001:db8::60\r\n" \
	"t=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

/* Three of nine hops: one more than a dialog keeps. */
#define RR "Record-Route: <sip:10.0.1.60;lr>,<sip:10.0.1.60;lr>,<sip:10.0.1.60;lr>\r\n"

struct fault {
	const char *want;    /* the sentence */
	unsigned int status; /* of the record */
	void (*plant)(struct rig *r);
	/* The INVITE: by text when a Request-URI is given, else of the user agent to a number. */
	const char *number, *uri, *headers, *body;
	unsigned int side;	/* whose side sends the text */
	unsigned int hops;	/* Max-Forwards of the text; 0: 70 */
	const char *answer;	/* text of the trunk: "486 Busy Here\r\nWarning: ...\r\n" */
	const char *answer_sdp; /* "": none */
	uint64_t pass_ms;	/* time that goes by */
	void (*then)(struct rig *r, struct rig_ua *a);
};

/* ---- what is wrong around the call ---- */

static void peer_shut(struct rig *r)
{
	r->cfg->dial_peers[0].shutdown = true;
	apply(r);
}

static void trunk_shut(struct rig *r)
{
	r->cfg->trunks[0].shutdown = true;
	apply(r);
}

static void trunk_busied_out(struct rig *r)
{
	r->cfg->trunks[0].options_interval_s = 60;
	apply(r);
	atomic_store(&rig_spot(r, "t0")->down, true);
}

static void other_realm(struct rig *r)
{
	snprintf(r->cfg->dial_peers[0].incoming_realm, CFG_NAME_MAX, "peering");
	apply(r);
}

static void realm_full(struct rig *r)
{
	r->cfg->realms[0].max_conn = 1;
	apply(r);
	rig_invite(r, "100", false);
	rig_settle(r);
}

static void trunk_full(struct rig *r)
{
	r->cfg->trunks[0].max_conn = 1;
	apply(r);
	rig_invite(r, "100", false);
	rig_settle(r);
}

static void peer_full(struct rig *r)
{
	r->cfg->dial_peers[0].max_conn = 1;
	apply(r);
	rig_invite(r, "100", false);
	rig_settle(r);
}

static void spike(struct rig *r)
{
	r->cfg->trunks[0].call_spike = 1;
	apply(r);
	rig_invite(r, "100", false);
	rig_settle(r);
}

static void no_listener(struct rig *r)
{
	r->cfg->trunks[0].transport = SIP_TCP;
	apply(r);
}

static void one_call(struct rig *r)
{
	r->cfg->max_calls = 1;
	rig_invite(r, "100", false);
	rig_settle(r);
}

static void control_away(struct rig *r)
{
	rig_control_down(r);
}

static void control_back(struct rig *r, struct rig_ua *a)
{
	rig_control_up(r, false);
}

static void media_status(struct rig *r, int status)
{
	r->media_status = status;
}

static void no_ports(struct rig *r)
{
	media_status(r, -ENOSPC);
}

static void no_family(struct rig *r)
{
	media_status(r, -EAFNOSUPPORT);
}

static void no_data_plane(struct rig *r)
{
	media_status(r, -EAGAIN);
}

static void data_plane_gone(struct rig *r)
{
	media_status(r, -ECANCELED);
}

static void data_plane_refuses(struct rig *r)
{
	media_status(r, -EINVAL);
}

static void unreachable(struct rig *r)
{
	r->box_send_error = -ENOTCONN;
}

static void silent(struct rig *r)
{
	r->side[RIG_CALLEE].answer = r->side[RIG_CALLEE].ring = 0;
	r->deaf = RIG_CALLEE;
}

static void only_trying(struct rig *r)
{
	r->side[RIG_CALLEE].answer = r->side[RIG_CALLEE].ring = 0;
}

static void rings_on(struct rig *r)
{
	r->side[RIG_CALLEE].answer = 0;
	r->side[RIG_CALLEE].ring = 180;
}

static void deaf_caller(struct rig *r)
{
	r->deaf = RIG_CALLER;
}

static void all_busy(struct rig *r)
{
	r->side[RIG_CALLEE].answer = 503;
}

static void srtp_required(struct rig *r)
{
	r->cfg->trunks[0].srtp = CFG_SRTP_REQUIRE;
	r->side[RIG_CALLEE].srtp = RIG_REFUSE;
	apply(r);
}

static void srtp_bad_tag(struct rig *r)
{
	r->cfg->trunks[0].srtp = CFG_SRTP_REQUIRE;
	r->side[RIG_CALLEE].srtp = RIG_BAD_TAG;
	apply(r);
}

static void caller_must_encrypt(struct rig *r)
{
	r->cfg->realms[0].srtp = CFG_SRTP_REQUIRE;
	apply(r);
}

static void dtls_without_nat(struct rig *r)
{
	r->cfg->trunks[0].srtp = CFG_SRTP_REQUIRE;
	r->cfg->trunks[0].srtp_keying = CFG_KEYING_DTLS;
	apply(r);
}

static void wrong_codecs(struct rig *r)
{
	r->cfg->voice_codecs = calloc(1, sizeof(*r->cfg->voice_codecs));
	assert_non_null(r->cfg->voice_codecs);
	r->cfg->voice_codecs[0] = (struct cfg_voice_codec){
		.tag = 1, .codec = {{1, CFG_CODEC_AMR_WB}}, .n_codec = 1};
	r->cfg->n_voice_codecs = 1;
	r->cfg->realms[0].voice_codec = 1;
	apply(r);
}

static void credentials(struct rig *r)
{
	snprintf(r->cfg->trunks[0].auth_username, sizeof(r->cfg->trunks[0].auth_username), "box");
	snprintf(r->cfg->trunks[0].auth_password, sizeof(r->cfg->trunks[0].auth_password), "x");
	apply(r);
}

/* ---- what happens to the call later ---- */

static void cancel(struct rig *r, struct rig_ua *a)
{
	rig_cancel(r, a);
}

static void clear_by(struct rig *r, uint32_t by, const char *reason)
{
	struct ctl_call_clear clear = {
		.call_id = rig_last_call(r)->id, .q850 = 41, .released_by = by};

	snprintf(clear.reason, sizeof(clear.reason), "%s", reason);
	b2b_call_clear(r->b, &clear);
}

static void operator_clears(struct rig *r, struct rig_ua *a)
{
	clear_by(r, CTL_BY_OPERATOR, "cleared by root");
}

static void damaged(struct rig *r, struct rig_ua *a)
{
	rig_last_call(r)->checkpoint[5] ^= 1;
	rig_restart_sip(r);
}

static const struct fault faults[] = {
	/* the caller's INVITE */
	{"the scheme of the Request-URI is not taken: mailto:x@y", 416, .uri = "mailto:x@y",
		.headers = CONTACT},
	{"the scheme of the Request-URI is not taken: sips:100@10.0.0.1", 416,
		.uri = "sips:100@10.0.0.1", .headers = CONTACT},
	{"the request has no hops left (Max-Forwards 0)", 483, .uri = "sip:100@10.0.0.1",
		.headers = CONTACT, .hops = 1000},
	{"the request came back to the box: it has a Via of ours (loop)", 482,
		.uri = "sip:100@10.0.0.1", .headers = CONTACT "Via: %OWN%\r\n"},
	{"Require or Proxy-Require names what the box does not have: foo, bar", 420,
		.uri = "sip:100@10.0.0.1",
		.headers = CONTACT "Require: foo\r\nProxy-Require: bar\r\n"},
	{"the body is no session description: Content-Type text/plain", 415,
		.uri = "sip:100@10.0.0.1", .headers = CONTACT "Content-Type: text/plain\r\n",
		.body = "hi"},
	{"the body is no session description: Content-Type is missing", 415,
		.uri = "sip:100@10.0.0.1", .headers = CONTACT, .body = "hi"},
	{"the caller takes no session description: Accept text/plain, application/pidf+xml", 406,
		.uri = "sip:100@10.0.0.1",
		.headers = CONTACT "Accept: text/plain, application/pidf+xml\r\n"},
	{"the INVITE has no usable Contact or Record-Route", 400, .uri = "sip:100@10.0.0.1",
		.headers = ""},
	{"the session description of the caller is malformed: a line is not of the form x=value",
		400, .uri = "sip:100@10.0.0.1",
		.headers = CONTACT "Content-Type: application/sdp\r\n", .body = "hi"},
	{"the session description of the caller is malformed: another version than 0", 400,
		.uri = "sip:100@10.0.0.1", .headers = CONTACT "Content-Type: application/sdp\r\n",
		.body = "v=1\r\no=- 1 1 IN IP4 10.0.0.50\r\ns=-\r\n"},
	{"the session description offers no RTP media", 488, .uri = "sip:100@10.0.0.1",
		.headers = CONTACT "Content-Type: application/sdp\r\n",
		.body = "v=0\r\no=- 1 1 IN IP4 10.0.0.50\r\ns=-\r\nc=IN IP4 10.0.0.50\r\nt=0 0\r\n"
			"m=audio 4000 TCP 8\r\n"},
	/* who may call, and how many */
	{"10.0.1.77:5060 is no trunk of realm peering, which admits nobody else", 403,
		.uri = "sip:100@10.0.1.1", .headers = "Contact: <sip:a@10.0.1.77>\r\n", .side = 77},
	{"trunk t0, which it came from, is shut down", 403, trunk_shut, .uri = "sip:100@10.0.1.1",
		.headers = "Contact: <sip:a@10.0.1.60>\r\n", .side = 60},
	{"the limit of 1 calls is reached (max-calls)", 503, one_call, .number = "100"},
	{"realm access has the 1 calls that it may have (max-conn)", 503, realm_full,
		.number = "100"},
	{"trunk t0 has the 1 calls that it may have (max-conn)", 503, trunk_full, .number = "100"},
	{"dial-peer 10 has the 1 calls that it may have (max-conn)", 503, peer_full,
		.number = "100"},
	{"more than 1 calls a second would begin at trunk t0 (call spike)", 503, spike,
		.number = "100"},
	/* routing */
	{"no dial-peer matches 999", 404, .number = "999"},
	{"the called party is not a number", 404, .number = "bob"},
	{"dial-peer 10 is shut down", 503, peer_shut, .number = "100"},
	{"dial-peer 10: trunk t0 is shut down", 503, trunk_shut, .number = "100"},
	{"dial-peer 10: trunk t0 is busied out", 503, trunk_busied_out, .number = "100"},
	{"dial-peer 10 is for calls from realm peering, this one comes from access", 503,
		other_realm, .number = "100"},
	{"dial-peer 10: the realm of trunk t0 has no listener of its transport and family (sip "
	 "listen)",
		503, no_listener, .number = "100"},
	/* processes and ports */
	{"limen-control is not reachable", 503, control_away, .number = "100", .pass_ms = 2100,
		.then = control_back},
	{"realm access or realm peering has no free media port (media port-range)", 503, no_ports,
		.number = "100"},
	{"realm access or realm peering has no media address of the family that is wanted", 503,
		no_family, .number = "100"},
	{"the data plane is away: it has no workers for media", 503, no_data_plane,
		.number = "100"},
	{"the data plane restarted while the media session was set up", 503, data_plane_gone,
		.number = "100"},
	{"limen-control or the data plane refused the media: Invalid argument", 503,
		data_plane_refuses, .number = "100"},
	/* the called side */
	{"trunk t0 (10.0.1.60:5060) could not be reached: Transport endpoint is not connected", 503,
		unreachable, .number = "100", .pass_ms = 100},
	{"trunk t0 (10.0.1.60:5060) did not answer the INVITE within 32000 ms (timer B)", 408,
		silent, .number = "100", .pass_ms = 40000},
	{"trunk t0 sent no more than 100 Trying within 180 s (timers no-answer)", 408, only_trying,
		.number = "100", .pass_ms = 200000},
	{"trunk t0 rang, and nobody answered within 180 s (timers no-answer)", 480, rings_on,
		.number = "100", .pass_ms = 200000},
	{"trunk t0 answered 486 Busy Here", 486, .number = "100", .answer = "486 Busy Here\r\n"},
	{"trunk t0 answered 403 Account Suspended", 403, .number = "100",
		.answer = "403 Account Suspended\r\n"},
	{"trunk t0 answered 488 Not Here (Warning: no codec for you)", 488, .number = "100",
		.answer = "488 Not Here\r\nWarning: 399 gw \"no codec for you\"\r\n"},
	{"trunk t0 answered 480 Gone (Reason: user unplugged)", 480, .number = "100",
		.answer = "480 Gone\r\nReason: Q.850;cause=20;text=\"user unplugged\"\r\n"},
	{"trunk t0 answered 407: it wants credentials, and \"authentication username\" is not set",
		502, .number = "100",
		.answer = "407 No\r\nProxy-Authenticate: Digest realm=\"a\", "
			  "nonce=\"b\"\r\n"},
	{"trunk t0 answered 401: it asks for credentials in a way that is not known here", 502,
		credentials, .number = "100", .answer = "401 No\r\nWWW-Authenticate: Basic\r\n"},
	{"trunk t2 answered 503 Service Unavailable", 503, all_busy, .number = "200"},
	{"trunk t0 answered 488 to an offer of SRTP, which is required there", 488, srtp_required,
		.number = "100"},
	{"the 200 of trunk t0 has no session description", 502, .number = "100",
		.answer = "200 OK\r\nContact: <sip:trunk-1@10.0.1.60>\r\n", .answer_sdp = ""},
	{"the 200 of trunk t0 has no usable Contact or Record-Route", 502, .number = "100",
		.answer = "200 OK\r\n" RR RR RR, .answer_sdp = SDP},
	{"the session description of the called side is malformed: does not start with v=, o=, s=",
		502, .number = "100", .answer = "200 OK\r\nContact: <sip:trunk-1@10.0.1.60>\r\n",
		.answer_sdp = "o=- 1 1 IN IP4 10.0.1.60\r\n"},
	{"the answer does not have as many media lines as the offer", 502, .number = "100",
		.answer = "200 OK\r\nContact: <sip:trunk-1@10.0.1.60>\r\n",
		.answer_sdp = SDP "m=audio 4002 RTP/AVP 8\r\n"},
	{"the answer has a media address of another IP version than the offer", 502,
		.number = "100", .answer = "200 OK\r\nContact: <sip:trunk-1@10.0.1.60>\r\n",
		.answer_sdp = SDP6},
	{"the offer has a media address of another IP version than its side", 488,
		.uri = "sip:100@box", .body = SDP6,
		.headers = "Contact: <sip:a@10.0.0.50>\r\nContent-Type: application/sdp\r\n"},
	/* encryption and codecs */
	{"the tag of the answer's a=crypto line was not offered", 502, srtp_bad_tag,
		.number = "100"},
	{"the session description offers no SRTP, which this side requires (srtp require)", 488,
		caller_must_encrypt, .number = "100"},
	{"trunk t0 requires keys by DTLS, and limen-nat is not running", 503, dtls_without_nat,
		.number = "100"},
	{"the offer has no codec that the voice class of its side allows (voice-class codec)", 488,
		wrong_codecs, .number = "100"},
	/* the end of calls */
	{"the caller cancelled the call", 487, rings_on, .number = "100", .then = cancel},
	{"cleared by root", 503, rings_on, .number = "100", .then = operator_clears},
	{"no ACK came from the caller for the 200 within 32000 ms (64*T1)", 200, deaf_caller,
		.number = "100", .pass_ms = 40000},
	{"limen-sip could not restore the call: Invalid argument", 200, .number = "100",
		.then = damaged},
};

/* ---- running a row ---- */

static void send_text(struct rig *r, const struct fault *f)
{
	char text[4096], own[SIP_BRANCH_LEN + 1], via[128];
	const char *body = f->body ? f->body : "", *spot = strstr(f->headers, "%OWN%");
	unsigned int at = f->side ? f->side : 50;

	snprintf(own, sizeof(own), "%.*s", VIEW_ARG(sip_txns_branch(r->txns, via)));
	snprintf(via, sizeof(via), "SIP/2.0/UDP 10.0.0.1;branch=%s", own);
	snprintf(text, sizeof(text),
		"INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.%u.%u;branch=z9hG4bKq\r\n"
		"From: <sip:a@10.0.%u.%u>;tag=1\r\nTo: <sip:b@box>\r\nCall-ID: x\r\n"
		"CSeq: 1 INVITE\r\nMax-Forwards: %u\r\n%.*s%s%sContent-Length: %zu\r\n\r\n%s",
		f->uri, f->side > 0, at, f->side > 0, at,
		f->hops == 1000 ? 0
		: f->hops	? f->hops
				: 70,
		(int)(spot ? spot - f->headers : (long)strlen(f->headers)), f->headers,
		spot ? via : "", spot ? spot + 5 : "", strlen(body), body);
	rig_raw_from(r, f->side ? RIG_CALLEE : RIG_CALLER, at, text);
}

/* The trunk's answer to the INVITE that reached it. */
static void answer_text(struct rig *r, const struct fault *f)
{
	struct sip_msg msg;
	char invite[4096] = "", text[4096], head[64];
	const char *line_end = strstr(f->answer, "\r\n");
	struct sip_buf b;
	unsigned int status = (unsigned int)atoi(f->answer);

	while (rig_reply(r) ||
		(r->n_queue > 0 && r->queue[0].to != RIG_CALLEE && rig_deliver(r, -1)))
		;
	assert_int_equal(r->n_queue, 1);
	snprintf(invite, sizeof(invite), "%.*s", (int)r->queue[0].n, r->queue[0].bytes);
	rig_drop(r, 0);
	assert_int_equal(sip_msg_parse(&msg, invite, strlen(invite), false), 0);
	snprintf(head, sizeof(head), "%.*s", (int)(line_end - f->answer - 4), f->answer + 4);
	sip_buf_init(&b, text, sizeof(text) - 1);
	sip_build_response(&b, &msg, NULL, status, view_of(head), VIEW("far"));
	sip_put(&b, view_of(line_end + 2));
	assert_int_equal(
		sip_build_end(&b,
			f->answer_sdp && *f->answer_sdp ? VIEW("application/sdp") : VIEW(""),
			view_of(f->answer_sdp)),
		0);
	text[b.n] = '\0';
	rig_raw(r, RIG_CALLEE, text);
}

/* 0, or 1 and a line about what came instead. */
static unsigned int run(const struct fault *f)
{
	unsigned int bad = 0;
	struct rig *r = rig_new(40);
	const struct rig_call *call;
	struct rig_ua *a = NULL;

	if (f->plant)
		f->plant(r);
	if (f->uri)
		send_text(r, f);
	else
		a = rig_invite(r, f->number, false);
	if (f->answer)
		answer_text(r, f);
	rig_settle(r);
	if (f->pass_ms)
		rig_pass(r, f->pass_ms);
	if (f->then)
		f->then(r, a);
	rig_settle(r);
	call = rig_last_call(r);
	if (!call->ended || strcmp(call->rec.reason, f->want) != 0 ||
		call->rec.sip_status != f->status) {
		print_error("%s, %u \"%s\"\n  in place of %u \"%s\"\n",
			call->ended ? "ended" : "goes on", call->rec.sip_status, call->rec.reason,
			f->status, f->want);
		bad = 1;
	}
	r->deaf = 0;
	r->box_send_error = 0;
	rig_pass(r, LONG_MS);
	for (unsigned int i = 0; i < RIG_UAS; i++) {
		if (r->side[RIG_CALLER].ua[i].used && r->side[RIG_CALLER].ua[i].dialog &&
			!r->side[RIG_CALLER].ua[i].hung_up)
			rig_bye(r, &r->side[RIG_CALLER].ua[i]);
	}
	rig_settle(r);
	rig_pass(r, LONG_MS);
	rig_expect_empty(r);
	rig_free(r);
	return bad;
}

static void test_faults(void **state)
{
	unsigned int bad = 0;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		bad += run(&faults[i]);
	assert_int_equal(bad, 0);
}

/* A far end's text is neither endless nor a terminal's control sequence. */
static void test_hostile_text(void **state)
{
	static const struct fault f = {.number = "100",
		.status = 488,
		.answer =
			"488 \x1b[31mred\r\nWarning: 399 gw \"\x07"
			"123456789012345678901234567890123456789012345678901234567890 more\"\r\n",
		.want = "trunk t0 answered 488 ?[31mred (Warning: "
			"?12345678901234567890123456789012345678901234567890123456789)"};

	assert_int_equal(run(&f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_hostile_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
