/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Registrations in front of another registrar, which is a script of answers here: what it gets to see of a
 * phone, which refreshes it does not see, what it refuses or leaves unanswered, how a storm reaches it, and
 * calls to and from phones. Time is the wheel's; the phones are texts.
 */
#include "b2b_rig.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "controlplane/config/schema.h"
#include "sip-b2bua/b2b/call.h"
#include "sip-b2bua/registrar/bindings.h"

#define CHALLENGE "WWW-Authenticate: Digest realm=\"core.example\", nonce=\"n1\", algorithm=MD5\r\n"

/* What the registrar does. */
struct script {
	unsigned int status; /* 0: nothing; 200: its contacts with given_s */
	const char *headers;
	unsigned int given_s; /* 0: as asked */
	bool challenges;      /* who brings no credentials */
	bool forgets;	      /* 200 without our contacts */
	uint8_t mute;	      /* host of it that does not answer */
};

static struct {
	struct rig *r;
	struct script script;
	unsigned int n;		  /* REGISTERs that it got */
	char request[4096];	  /* the last one */
	char contact[128];	  /* its (first) Contact URI */
	unsigned int n_phone;	  /* messages to phones */
	char reply[4096];	  /* the last one */
	unsigned int statuses[7]; /* of answers to phones, by hundreds */
	unsigned int retry_after[64], n_retry;
	char watched[128];	/* a Contact */
	unsigned int n_watched; /* it was removed */
	unsigned int cseq, branch;
	unsigned int sent_by; /* port in the phones' Via, 0: the one that they send from */
	const char *lines;    /* of INVITEs besides, or NULL */
} g;

static void registrar(struct rig *r, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	struct script s = g.script;
	struct sip_values it;
	struct sip_addr addr;
	struct view value, expires;
	char headers[2048] = "";
	size_t n = 0;

	if (s.mute && sip_stxn_path(stxn)->local.ip[3] == s.mute) {
		sip_stxn_detach(stxn);
		return;
	}
	g.n++;
	snprintf(g.request, sizeof(g.request), "%.*s", VIEW_ARG(msg->raw));
	g.contact[0] = '\0';
	if (s.challenges && !sip_msg_hdr(msg, SIP_H_AUTHORIZATION)) {
		s.status = 401;
		s.headers = CHALLENGE;
	}
	sip_values_start(&it, msg, SIP_H_CONTACT);
	while (sip_values_next(&it, &value)) {
		assert_int_equal(sip_addr_parse(value, &addr), 0);
		if (addr.star)
			continue;
		if (!g.contact[0])
			snprintf(g.contact, sizeof(g.contact), "%.*s", VIEW_ARG(addr.uri.text));
		assert_true(sip_params_get(addr.params, VIEW("expires"), &expires));
		g.n_watched += view_eq(addr.uri.text, view_of(g.watched)) &&
			       view_eq(expires, VIEW("0"));
		if (s.status != 200 || s.forgets || view_eq(expires, VIEW("0")))
			continue;
		n += (size_t)snprintf(headers + n, sizeof(headers) - n,
			"Contact: <%.*s>;expires=", VIEW_ARG(addr.uri.text));
		if (s.given_s)
			n += (size_t)snprintf(
				headers + n, sizeof(headers) - n, "%u\r\n", s.given_s);
		else
			n += (size_t)snprintf(
				headers + n, sizeof(headers) - n, "%.*s\r\n", VIEW_ARG(expires));
	}
	if (s.status == 200)
		n += (size_t)snprintf(headers + n, sizeof(headers) - n,
			"Contact: <sip:other@10.0.1.99>;expires=77\r\n");
	snprintf(headers + n, sizeof(headers) - n, "%s", s.headers ? s.headers : "");
	if (s.status == 0)
		sip_stxn_detach(stxn);
	else
		assert_int_equal(
			sip_stxn_reject(stxn, s.status, VIEW(""), view_of(headers), VIEW("")), 0);
}

/* ---- time and messages ---- */

static void take_reply(const struct rig_packet *p)
{
	const char *retry = memmem(p->bytes, p->n, "\r\nRetry-After: ", 15);

	g.n_phone++;
	snprintf(g.reply, sizeof(g.reply), "%.*s", (int)p->n, p->bytes);
	if (memcmp(p->bytes, "SIP/2.0 ", 8) == 0)
		g.statuses[p->bytes[8] - '0']++;
	if (retry && g.n_retry < 64)
		g.retry_after[g.n_retry++] = (unsigned int)strtoul(retry + 15, NULL, 10);
}

static void settle(void)
{
	struct rig *r = g.r;

	while (r->n_queue > 0 || r->n_replies > 0) {
		if (rig_reply(r))
			continue;
		if (r->queue[0].to == RIG_CALLER) {
			take_reply(&r->queue[0]);
			rig_drop(r, 0);
		} else {
			rig_deliver(r, 0);
		}
	}
}

static void pass(uint64_t ms)
{
	uint64_t end = twheel_now(g.r->wheel) + ms;

	while (twheel_now(g.r->wheel) < end) {
		uint64_t step = twheel_next_ms(g.r->wheel, end - twheel_now(g.r->wheel));

		twheel_advance(g.r->wheel, twheel_now(g.r->wheel) + (step ? step : 1));
		settle();
	}
}

static unsigned int status(void)
{
	return memcmp(g.reply, "SIP/2.0 ", 8) == 0 ? (unsigned int)strtoul(g.reply + 8, NULL, 10)
						   : 0;
}

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not there: %s\n%s", part, text);
}

static void expect_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("there is: %s\n%s", part, text);
}

/* host: last octet of where it comes from. lines: Contact and others. The status of the answer, 0: none yet. */
static unsigned int send_from(
	unsigned int host, const char *user, const char *call_id, const char *lines)
{
	char text[4096];

	g.reply[0] = '\0';
	snprintf(text, sizeof(text),
		"REGISTER sip:core.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.0.0.%u:%u;branch=z9hG4bKp%u\r\nMax-Forwards: 70\r\n"
		"From: \"phone-name\" <sip:%s@core.example>;tag=phone-tag\r\n"
		"To: <sip:%s@core.example>\r\nCall-ID: phone-%s\r\nCSeq: %u REGISTER\r\n"
		"User-Agent: phone-agent\r\n%sContent-Length: 0\r\n\r\n",
		host, g.sent_by ? g.sent_by : 5060, ++g.branch, user, user, call_id, ++g.cseq,
		lines);
	rig_raw_from(g.r, RIG_CALLER, host, text);
	settle();
	return status();
}

#define AUTH(user)                                            \
	"Authorization: Digest username=\"" user              \
	"\", realm=\"core.example\", "                        \
	"nonce=\"n1\", uri=\"sip:core.example\", response=\"" \
	"0123456789abcdef0123456789abcdef\", algorithm=MD5\r\n"
#define ALICE "Contact: <sip:alice@192.168.7.7:5060>\r\n"
#define FAR   "sip:alice@192.168.7.7:5060"

static unsigned int alice(const char *lines)
{
	return send_from(50, "alice", "a", lines);
}

/* ---- the box ---- */

static void *object(enum cfg_kind kind, const char *key)
{
	char error[CFG_ERROR_MAX];
	void *obj;

	assert_int_equal(cfg_object_add(g.r->cfg, kind, view_of(key), &obj, error), 0);
	return obj;
}

static void set(void *obj, enum cfg_kind kind, const char *setting, const char *value)
{
	char error[CFG_ERROR_MAX];

	if (cfg_leaf_set(cfg_leaf_find(kind, setting), obj, view_of(value), error) < 0)
		fail_msg("%s: %s", setting, error);
}

static void configure(void)
{
	char error[CFG_ERROR_MAX];

	assert_int_equal(b2b_config_prepare(g.r->b, g.r->cfg, error), 0);
	b2b_config_apply(g.r->b, g.r->cfg);
}

static struct cfg_registrar *conf(void)
{
	return &g.r->cfg->registrars[0];
}

static void acknowledge(void)
{
	struct ctl_reg_ack ack = {.store_id = 1, .seq = UINT32_MAX};

	assert_int_equal(b2b_registration(g.r->b, CTL_REG_ACK, &ack, sizeof(ack)), 0);
}

static struct rig *begin(unsigned int given_status)
{
	struct cfg *old;

	memset(&g, 0, sizeof(g));
	g.script = (struct script){.status = given_status};
	g.r = rig_new(1);
	g.r->registrar = registrar;
	old = g.r->cfg;
	g.r->cfg = cfg_clone(old);
	void *c = object(CFG_REGISTRAR, "phones");
	set(c, CFG_REGISTRAR, "realm", "access");
	set(c, CFG_REGISTRAR, "expires_nat_s", "60");
	set(c, CFG_REGISTRAR, "registration_passthrough", "t0");
	configure();
	cfg_free(old);
	acknowledge();
	return g.r;
}

static void end(void)
{
	/* What is still there vanishes, and the box says so. */
	pass(4000000);
	assert_int_equal(b2b_n_bindings(g.r->b), 0);
	assert_int_equal(g.r->n_regs, 0);
	assert_int_equal(regcache_n_forwards(g.r->b->regcache), 0);
	rig_expect_empty(g.r);
	rig_free(g.r);
}

/* ---- tests ---- */

static void test_hidden(void **state)
{
	struct rig *r = begin(200);
	char first[128];

	g.script.challenges = true;
	g.script.headers =
		"Service-Route: <sip:core.example;lr>\r\n"
		"P-Associated-URI: <sip:alice@core.example>, <tel:+4930>\r\n";
	assert_int_equal(alice(ALICE "Supported: path\r\nPath: <sip:192.168.7.1;lr>\r\n"), 401);
	expect(g.reply, CHALLENGE);
	/* the core knows the user, and of the phone nothing (the rig looks for addresses and "phone-") */
	expect(g.request, "REGISTER sip:core.example SIP/2.0\r\n");
	expect(g.request, "\r\nTo: <sip:alice@core.example>\r\n");
	expect(g.request, "\r\nFrom: <sip:alice@core.example>;tag=");
	expect(g.request, "@10.0.1.1:5060>;expires=3600\r\n");
	expect(g.request, "\r\nExpires: 3600\r\n");
	expect_not(g.request, "192.168.");
	snprintf(first, sizeof(first), "%s", g.contact);
	assert_int_equal(
		alice(ALICE AUTH("alice") "Supported: path\r\nPath: <sip:192.168.7.1;lr>\r\n"),
		200);
	expect(g.request, AUTH("alice"));
	assert_string_equal(g.contact, first);
	/* behind its proxy it gets the long time; that of the core, and not the core's way */
	expect(g.reply, "Contact: <" FAR ">;expires=3600\r\n");
	expect(g.reply, "P-Associated-URI: <sip:alice@core.example>, <tel:+4930>\r\n");
	expect(g.reply, "Path: <sip:192.168.7.1;lr>\r\n");
	expect_not(g.reply, "Service-Route");
	expect_not(g.reply, "other@");
	assert_int_equal(b2b_n_bindings(r->b), 1);
	assert_int_equal(r->n_regs, 1);
	assert_string_equal(r->regs[0].shown.user, "alice@core.example");
	assert_int_equal(r->regs[0].shown.flags & CTL_REG_CACHED, CTL_REG_CACHED);
	/* Path towards the core, another domain there, and where the phones send their requests */
	conf()->core_path = true;
	conf()->service_route = true;
	snprintf(conf()->domain, sizeof(conf()->domain), "ims.example");
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	expect(g.request, "REGISTER sip:ims.example SIP/2.0\r\n");
	expect(g.request, "\r\nTo: <sip:alice@ims.example>\r\n");
	expect(g.request, "\r\nPath: <sip:10.0.1.1:5060;lr>\r\nSupported: path\r\n");
	expect(g.reply, "Service-Route: <sip:10.0.0.1:5060;lr>\r\n");
	end();
}

/* The 200 says when it was made. */
static void test_date(void **state)
{
	struct rig *r = begin(200);

	for (unsigned int i = 0; i < 5; i++) {
		time_t now = (time_t)((1700000000000u + twheel_now(r->wheel)) / 1000);
		char want[64];
		struct tm tm;

		gmtime_r(&now, &tm);
		snprintf(want, sizeof(want), "\r\nDate: Tue, 14 Nov 2023 %02d:%02d:%02d GMT\r\n",
			tm.tm_hour, tm.tm_min, tm.tm_sec);
		assert_int_equal(alice(ALICE AUTH("alice")), 200);
		expect(g.reply, want);
		pass(700);
	}
	end();
}

static void test_shielded(void **state)
{
	struct rig *r = begin(200);

	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	/* another address than it came from: behind NAT */
	expect(g.reply, "Contact: <" FAR ">;expires=60\r\n");
	for (unsigned int i = 0; i < 59; i++) {
		pass(30000);
		assert_int_equal(alice(ALICE AUTH("alice")), 200);
		expect(g.reply, ";expires=60\r\n");
	}
	/* 1770 s: half of the core's time is not over */
	assert_int_equal(g.n, 1);
	assert_int_equal(r->stats.reg_shielded, 59);
	assert_int_equal(r->regs[0].shown.shielded, 59);
	pass(30000);
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	assert_int_equal(g.n, 2);
	assert_int_equal(r->regs[0].shown.forwarded, 2);
	/* whatever changed goes on: q, credentials, the Contact, the source */
	assert_int_equal(alice("Contact: <" FAR ">;q=0.5\r\n" AUTH("alice")), 200);
	assert_int_equal(g.n, 3);
	expect(g.request, ";expires=3600;q=0.500\r\n");
	assert_int_equal(alice("Contact: <" FAR ">;q=0.5\r\n" AUTH("alice")), 200);
	assert_int_equal(g.n, 3);
	assert_int_equal(alice("Contact: <" FAR ">;q=0.5\r\n" AUTH("mallory")), 200);
	assert_int_equal(g.n, 4);
	assert_int_equal(
		send_from(51, "alice", "a", "Contact: <" FAR ">;q=0.5\r\n" AUTH("mallory")), 200);
	assert_int_equal(g.n, 5);
	assert_int_equal(b2b_n_bindings(r->b), 1);
	assert_int_equal(send_from(51, "alice", "a", ALICE ALICE AUTH("mallory")), 200);
	assert_int_equal(g.n, 6);
	/* a phone that has started again is another Call-ID, and costs nothing */
	g.cseq = 0;
	assert_int_equal(send_from(51, "alice", "b", ALICE), 200);
	assert_int_equal(g.n, 6);
	/* out of order */
	g.cseq = 3;
	assert_int_equal(send_from(51, "alice", "a", ALICE), 500);
	g.cseq = 500;
	/* a phone that asks for less gets less; who asks only is told what there is, by the core */
	assert_int_equal(send_from(51, "alice", "a", ALICE "Expires: 59\r\n"), 423);
	expect(g.reply, "Min-Expires: 60\r\n");
	assert_int_equal(send_from(51, "alice", "a", AUTH("alice")), 200);
	expect(g.reply, "<" FAR ">;expires=60\r\n");
	expect_not(g.reply, "other@");
	assert_int_equal(g.n, 7);
	end();
}

static void test_removed(void **state)
{
	struct rig *r = begin(200);

	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	assert_int_equal(alice("Contact: <" FAR ">;expires=0\r\n" AUTH("alice")), 200);
	assert_int_equal(g.n, 2);
	expect(g.request, ";expires=0\r\n");
	expect(g.request, AUTH("alice"));
	assert_int_equal(b2b_n_bindings(r->b), 0);
	/* all of them */
	assert_int_equal(
		alice("Contact: <sip:alice@192.168.7.7>, <sip:alice@192.168.7.8>\r\n"), 200);
	assert_int_equal(b2b_n_bindings(r->b), 2);
	assert_int_equal(alice("Contact: *\r\nExpires: 0\r\n"), 200);
	expect(g.request, "\r\nContact: *\r\n");
	expect(g.request, "\r\nExpires: 0\r\n");
	assert_int_equal(b2b_n_bindings(r->b), 0);
	assert_int_equal(alice("Contact: *\r\n"), 400);
	assert_int_equal(alice("Contact: *\r\nContact: <sip:a@b>\r\nExpires: 0\r\n"), 400);
	assert_int_equal(alice("Contact: <tel:123>\r\n"), 400);
	assert_int_equal(g.n, 4);
	/* a phone that vanished */
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	char contact[128];
	snprintf(contact, sizeof(contact), "%s", g.contact);
	pass(59000);
	assert_int_equal(g.n, 5);
	pass(2000);
	assert_int_equal(g.n, 6);
	assert_string_equal(g.contact, contact);
	expect(g.request, ";expires=0\r\n");
	expect(g.request, "\r\nTo: <sip:alice@core.example>\r\n");
	assert_int_equal(r->stats.reg_core_removed, 1);
	/* the core wants proof: it gets the trunk's, if there is any */
	g.script.challenges = true;
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	pass(62000);
	assert_int_equal(r->stats.reg_core_kept, 1);
	snprintf(r->cfg->trunks[0].auth_username, 64, "box");
	snprintf(r->cfg->trunks[0].auth_password, 64, "secret");
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	pass(62000);
	expect(g.request, "username=\"box\"");
	assert_int_equal(r->stats.reg_core_removed, 2);
	/* a user has so many contacts; the oldest gives way, there too. An operator removes the rest. */
	g.script.challenges = false;
	conf()->max_contacts = 1;
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	assert_int_equal(alice("Contact: <sip:alice@192.168.7.8>\r\n" AUTH("alice")), 200);
	pass(10);
	assert_int_equal(b2b_n_bindings(r->b), 1);
	assert_int_equal(r->stats.reg_core_removed, 3);
	struct ctl_reg_clear clear = {.realm = "access", .user = "alice@core.example"};
	assert_int_equal(b2b_registration(r->b, CTL_REG_CLEAR, &clear, sizeof(clear)), 0);
	pass(10);
	assert_int_equal(r->stats.reg_core_removed, 4);
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	clear = (struct ctl_reg_clear){0};
	assert_int_equal(b2b_registration(r->b, CTL_REG_CLEAR, &clear, sizeof(clear)), 0);
	pass(10);
	assert_int_equal(r->stats.reg_core_removed, 5);
	assert_int_equal(b2b_n_bindings(r->b), 0);
	end();
}

static void test_refused(void **state)
{
	struct rig *r = begin(200);

	/* refused for good: the binding goes, and with it the shield */
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	pass(1900000);
	g.script = (struct script){.status = 403};
	assert_int_equal(alice(ALICE AUTH("alice")), 403);
	assert_int_equal(b2b_n_bindings(r->b), 0);
	assert_int_equal(r->stats.reg_core_refused, 1);
	/* a challenge again and again is the phone's affair; what it has stays until its time */
	g.script = (struct script){.status = 200};
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	unsigned int n = g.n;
	g.script = (struct script){.status = 401, .headers = CHALLENGE};
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n" AUTH("alice")), 401);
	assert_int_equal(g.n, n + 5);
	assert_int_equal(b2b_n_bindings(r->b), 1);
	g.script = (struct script){
		.status = 407, .headers = "Proxy-Authenticate: Digest realm=\"x\"\r\n"};
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n" AUTH("alice")), 407);
	expect(g.reply, "Proxy-Authenticate: Digest realm=\"x\"\r\n");
	/* the core wants a longer time, once and again */
	n = g.n;
	g.script = (struct script){.status = 423, .headers = "Min-Expires: 7200\r\n"};
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n"), 500);
	assert_int_equal(g.n, n + 2);
	expect(g.request, ";expires=7200;");
	assert_int_equal(b2b_n_bindings(r->b), 1);
	g.script = (struct script){.status = 423, .headers = "Min-Expires: 9\r\n"};
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n"), 500);
	/* redirections show where the core is */
	g.script = (struct script){.status = 302, .headers = "Contact: <sip:10.0.1.98>\r\n"};
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n"), 502);
	expect_not(g.reply, "Contact");
	/* 200 without what was asked for, with no time for it, with more than was asked for */
	g.script = (struct script){.status = 200, .forgets = true};
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n"), 502);
	assert_int_equal(b2b_n_bindings(r->b), 0);
	g.script = (struct script){.status = 200, .given_s = 40};
	assert_int_equal(alice(ALICE), 200);
	expect(g.reply, ">;expires=40\r\n");
	pass(25000);
	n = g.n;
	assert_int_equal(alice(ALICE), 200);
	assert_int_equal(g.n, n + 1);
	g.script.given_s = 99999;
	pass(25000);
	assert_int_equal(alice(ALICE), 200);
	assert_true(
		r->regs[0].shown.core_until_ms <= 1700000000000u + twheel_now(r->wheel) + 3600000);
	/* addresses that are none of SIP */
	rig_raw_from(r, RIG_CALLER, 50,
		"REGISTER tel:1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.50:5060;branch=z9hG4bKt1\r\n"
		"From: <sip:a@core.example>;tag=1\r\nTo: <sip:a@core.example>\r\nCall-ID: t\r\n"
		"CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n");
	settle();
	assert_int_equal(status(), 416);
	rig_raw_from(r, RIG_CALLER, 50,
		"REGISTER sip:core.example SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 10.0.0.50:5060;branch=z9hG4bKt2\r\n"
		"From: <sip:a@core.example>;tag=1\r\nTo: <tel:1>\r\nCall-ID: t\r\n"
		"CSeq: 2 REGISTER\r\nContent-Length: 0\r\n\r\n");
	settle();
	assert_int_equal(status(), 400);
	/* not for us */
	assert_int_equal(alice(ALICE "Require: something\r\n"), 420);
	assert_int_equal(
		send_from(50, "a-name-of-a-user-that-is-longer-than-any-that-there-may-be-in-it",
			"a", ALICE),
		400);
	end();
}

static void test_silent(void **state)
{
	struct rig *r = begin(200);

	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	g.script.status = 0;
	pass(59000);
	assert_int_equal(alice(ALICE AUTH("alice")), 200); /* shielded */
	for (unsigned int i = 0; i < 29; i++) {
		pass(59000);
		assert_int_equal(alice(ALICE AUTH("alice")), 200);
	}
	assert_int_equal(g.n, 1);
	/* half of its time is over: the core is asked, and does not answer */
	pass(59000);
	assert_int_equal(alice(ALICE AUTH("alice")), 0);
	pass(3900);
	assert_int_equal(status(), 0);
	pass(200);
	assert_int_equal(status(), 200);
	expect(g.reply, ";expires=60\r\n");
	assert_int_equal(r->stats.reg_survived, 1);
	assert_true(r->regs[0].shown.core_lost_ms != 0);
	/* the next ones do not wait, and are no load; who is new is told to come back */
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	assert_int_equal(send_from(51, "bob", "b", "Contact: <sip:bob@10.0.0.51:5060>\r\n"), 503);
	assert_int_equal(g.n_retry, 1);
	assert_in_range(g.retry_after[0], 5, 30);
	/* for so long as the grace says */
	for (unsigned int i = 0; i < 11; i++) {
		pass(50000);
		(void)alice(ALICE AUTH("alice"));
		pass(4200);
		assert_int_equal(status(), 200);
	}
	pass(50000);
	(void)alice(ALICE AUTH("alice"));
	pass(4200);
	assert_int_equal(status(), 503);
	/* it is back: as if nothing had been; 5xx are silence, too */
	g.script.status = 200;
	pass(5000);
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	assert_int_equal(r->regs[0].shown.core_lost_ms, 0);
	g.script = (struct script){.status = 503, .headers = "Retry-After: 20\r\n"};
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n"), 503);
	unsigned int n = g.n;
	pass(19000);
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n"), 503);
	assert_int_equal(g.n, n);
	pass(2000);
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n"), 503);
	assert_int_equal(g.n, n + 1);
	end();
}

/* Of several addresses the next one is asked when one is silent, or cannot serve. */
static void test_next_address(void **state)
{
	struct rig *r = begin(200);
	struct cfg_server_group *group = object(CFG_SERVER_GROUP, "1");

	group->n_members = 2;
	for (unsigned int i = 0; i < 2; i++) {
		group->members[i].target.addr = r->cfg->trunks[i].target.addr;
		group->members[i].preference = i;
	}
	r->cfg->trunks[0].server_group = 1;
	memset(&r->cfg->trunks[0].target, 0, sizeof(r->cfg->trunks[0].target));
	configure();
	g.script.mute = 60;
	assert_int_equal(alice(ALICE AUTH("alice")), 0);
	pass(3900);
	assert_int_equal(status(), 0);
	pass(200);
	assert_int_equal(status(), 200);
	assert_int_equal(g.n, 1);
	assert_int_equal(r->stats.reg_forwarded, 2);
	assert_int_equal(r->stats.reg_core_silent, 0);
	end();
}

static void test_storm(void **state)
{
	struct rig *r = begin(200);
	char user[16], contact[64];
	unsigned int differ = 0;

	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	conf()->rate_limit = 10;
	conf()->core_queue_ms = 2000;
	configure();
	for (unsigned int i = 0; i < 60; i++) {
		snprintf(user, sizeof(user), "u%u", i);
		snprintf(contact, sizeof(contact), "Contact: <sip:u%u@10.0.0.%u:5060>\r\n", i,
			60 + i);
		send_from(60 + i, user, user, contact);
		/* who is registered does not feel it */
		assert_int_equal(alice(ALICE AUTH("alice")), 200);
	}
	/* one second's at once, those of another second without credentials wait, the rest comes again */
	assert_int_equal(g.n, 1 + 10);
	assert_int_equal(r->stats.reg_smoothed, 10);
	assert_int_equal(r->stats.reg_put_off, 40);
	assert_int_equal(g.n_retry, 40);
	for (unsigned int i = 0; i < 40; i++) {
		assert_in_range(g.retry_after[i], 5, 30);
		differ += g.retry_after[i] != g.retry_after[0];
	}
	assert_true(differ > 20);
	/* who has been challenged may wait longer */
	(void)send_from(130, "v", "v", "Contact: <sip:v@10.0.0.130:5060>\r\n" AUTH("v"));
	assert_int_equal(r->stats.reg_smoothed, 11);
	pass(550);
	assert_in_range(g.n, 1 + 14, 1 + 16);
	pass(2000);
	assert_int_equal(g.n, 1 + 21);
	assert_int_equal(b2b_n_bindings(r->b), 22);
	/* a refresh that is due stays here while others wait; a goodbye goes on in its turn */
	pass(30000);
	for (unsigned int i = 0; i < 60; i++) {
		pass(30000);
		assert_int_equal(alice(ALICE AUTH("alice")), 200);
	}
	for (unsigned int i = 0; i < 30; i++) {
		snprintf(user, sizeof(user), "w%u", i);
		send_from(60 + i, user, user, "Contact: <sip:w@10.0.0.60:5060>\r\n" AUTH("w"));
	}
	unsigned int n = g.n;
	uint64_t smoothed = r->stats.reg_smoothed;
	pass(1);
	r->cfg->registrars[0].core_expires_s = 3600;
	assert_int_equal(alice("Contact: <" FAR ">;expires=0\r\n" AUTH("alice")), 0);
	assert_int_equal(r->stats.reg_smoothed, smoothed + 1);
	pass(4000);
	assert_int_equal(status(), 200);
	assert_true(g.n > n + 10);
	end();
}

/* The same for users of the box's own registrar. */
static void test_storm_local(void **state)
{
	struct rig *r = begin(200);
	char user[16];

	conf()->core[0] = '\0';
	conf()->rate_limit = 5;
	configure();
	for (unsigned int i = 0; i < 5; i++) {
		snprintf(user, sizeof(user), "u%u", i);
		/* no such user: what counts is that it is looked at */
		assert_int_equal(send_from(60 + i, user, user, ALICE AUTH("u")), 401);
	}
	assert_int_equal(send_from(80, "u", "u", ALICE AUTH("u")), 503);
	assert_in_range(g.retry_after[0], 5, 30);
	assert_int_equal(r->stats.reg_put_off, 1);
	pass(1000);
	assert_int_equal(send_from(80, "u", "u", ALICE AUTH("u")), 401);
	assert_int_equal(g.n, 0);
	end();
}

static void test_restart(void **state)
{
	struct rig *r = begin(200);
	char contact[128];

	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	snprintf(contact, sizeof(contact), "%s", g.contact);
	pass(30000);
	rig_restart_sip(r);
	acknowledge();
	assert_int_equal(
		b2b_registration(r->b, CTL_REG_RESTORE, r->regs[0].state, r->regs[0].len), 0);
	assert_int_equal(b2b_n_bindings(r->b), 1);
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	assert_int_equal(g.n, 1);
	assert_int_equal(r->regs[0].shown.shielded, 1);
	/* the core's name for it is the same one, also when everything else is lost */
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n"), 200);
	assert_string_equal(g.contact, contact);
	rig_restart_sip(r);
	r->n_regs = 0;
	acknowledge();
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	assert_string_equal(g.contact, contact);
	/* no longer in front of a registrar: nothing is kept, and nobody is told */
	unsigned int n = g.n;
	conf()->core[0] = '\0';
	configure();
	assert_int_equal(b2b_n_bindings(r->b), 0);
	pass(1000);
	assert_int_equal(g.n, n);
	end();
}

/* Whoever sends a user's Contact from elsewhere, or by another Call-ID, takes nothing from him. */
static void test_refused_others(void **state)
{
	static const uint16_t status[] = {403, 404, 483, 603};
	struct rig *r = begin(200);

	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	for (unsigned int i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
		g.script = (struct script){.status = status[i]};
		assert_int_equal(send_from(66, "alice", "x", ALICE AUTH("alice")), status[i]);
		assert_int_equal(send_from(66, "alice", "a", ALICE AUTH("alice")), status[i]);
		assert_int_equal(
			send_from(50, "alice", "x", "Contact: <" FAR ">;q=0.1\r\n" AUTH("alice")),
			status[i]);
		assert_int_equal(b2b_n_bindings(r->b), 1);
	}
	assert_int_equal(alice("Contact: <" FAR ">;q=0.1\r\n" AUTH("alice")), 603);
	assert_int_equal(b2b_n_bindings(r->b), 0);
	end();
}

/* Who has a phone's address, but not its password, is it no longer than the core said. */
static void test_held(void **state)
{
	struct rig *r = begin(200);

	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	g.script.challenges = true;
	for (unsigned int i = 0; i < 119; i++) {
		pass(30000);
		(void)alice(ALICE);
	}
	assert_int_equal(status(), 401);
	assert_int_equal(b2b_n_bindings(r->b), 1);
	for (unsigned int i = 0; i < 3; i++) {
		pass(30000);
		assert_int_equal(alice(ALICE), 401);
	}
	assert_int_equal(b2b_n_bindings(r->b), 0);
	end();
}

/* What cannot be kept is refused before the core has it. */
static void test_long_path(void **state)
{
	struct rig *r = begin(200);
	char lines[2048];

	snprintf(lines, sizeof(lines), ALICE "Path: <sip:%01100u@10.0.0.50;lr>\r\n", 1);
	assert_int_equal(alice(lines), 400);
	assert_int_equal(g.n, 0);
	assert_int_equal(b2b_n_bindings(r->b), 0);
	end();
}

/* Goodbyes wait longer than others, but leave no queue that outlasts them. */
static void test_goodbyes(void **state)
{
	struct rig *r = begin(200);
	char user[16];

	conf()->rate_limit = 10;
	conf()->core_queue_ms = 2000;
	configure();
	for (unsigned int i = 0; i < 200; i++) {
		snprintf(user, sizeof(user), "u%u", i);
		send_from(60 + i % 100, user, user, "Contact: <" FAR ">;expires=0\r\n");
	}
	/* a second's at once, those of four seconds in their turn */
	assert_int_equal(r->stats.reg_put_off, 200 - 10 - 40);
	pass(4200);
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	end();
}

/* A network that fails takes many phones at once. When it is back they go before those that are still away. */
static void test_vanished(void **state)
{
	struct rig *r = begin(200);
	char user[16], contact[64];

	for (unsigned int i = 0; i < 59; i++) {
		snprintf(user, sizeof(user), "u%u", i);
		snprintf(contact, sizeof(contact), "Contact: <sip:u%u@192.168.7.7:5060>\r\n", i);
		assert_int_equal(send_from(60 + i, user, user, contact), 200);
		if (i != 30)
			continue;
		assert_int_equal(alice(ALICE AUTH("alice")), 200);
		snprintf(g.watched, sizeof(g.watched), "%s", g.contact);
	}
	conf()->rate_limit = 1;
	conf()->core_queue_ms = 4000;
	configure();
	pass(61000);
	assert_int_equal(b2b_n_bindings(r->b), 0);
	unsigned int removed = (unsigned int)r->stats.reg_core_removed;
	assert_in_range(removed, 1, 4);
	assert_int_equal(g.n_watched, 0);
	assert_int_equal(regcache_n_forwards(r->b->regcache), 60 - removed);
	/* an earlier one goes, then these */
	for (unsigned int i = 0; i < 4; i++) {
		snprintf(user, sizeof(user), "new%u", i);
		snprintf(contact, sizeof(contact), "Contact: <sip:new%u@192.168.7.7>\r\n", i);
		(void)send_from(130 + i, user, user, contact);
	}
	(void)send_from(50, "alice", "again", ALICE AUTH("alice"));
	assert_int_equal(r->stats.reg_put_off, 2);
	pass(3500);
	assert_int_equal(b2b_n_bindings(r->b), 3);
	assert_in_range(r->stats.reg_core_removed, removed, removed + 1);
	/* who has come back stays in the core; the others go */
	for (unsigned int i = 0; i < 4; i++) {
		pass(30000);
		assert_int_equal(send_from(50, "alice", "again", ALICE AUTH("alice")), 200);
	}
	assert_int_equal(g.n_watched, 0);
	assert_int_equal(regcache_n_forwards(r->b->regcache), 0);
	assert_int_equal(r->stats.reg_core_removed, 59 + 2);
	end();
}

/* ---- calls ---- */

static void invite(unsigned int side, unsigned int host, const char *uri, const char *from,
	const char *to, unsigned int number)
{
	char text[2048], sdp[512];
	unsigned int net = side == RIG_CALLEE;

	g.reply[0] = '\0';
	snprintf(sdp, sizeof(sdp),
		"v=0\r\no=- 1 1 IN IP4 10.0.%u.50\r\ns=-\r\nc=IN IP4 10.0.%u.50\r\nt=0 0\r\n"
		"m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
		net, net);
	snprintf(text, sizeof(text),
		"INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.%u.%u:5060;branch=z9hG4bKi%u\r\n"
		"Max-Forwards: 70\r\nFrom: <%s>;tag=t%u\r\nTo: <%s>\r\nCall-ID: c%u\r\n"
		"CSeq: 1 INVITE\r\nContact: <sip:x@10.0.%u.%u:5060>\r\n%sContent-Type: "
		"application/sdp\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		uri, net, host, number, from, number, to, number, net, host, g.lines ? g.lines : "",
		strlen(sdp), sdp);
	rig_raw_from(g.r, side, host, text);
	settle();
	pass(300);
}

static void test_call_in(void **state)
{
	struct rig *r = begin(200);
	char other[128];

	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	r->any_realm = true;
	g.reply[0] = '\0';
	invite(RIG_CALLEE, 60, g.contact, "sip:carol@core.example", "sip:alice@core.example", 1);
	/* to where it registered from, with the Contact that it named */
	expect(g.reply, "INVITE " FAR " SIP/2.0\r\n");
	expect_not(g.reply, "core.example");
	assert_string_equal(rig_last_call(r)->rec.called[0], "alice");
	assert_string_equal(rig_last_call(r)->rec.trunk[0], "t0");
	pass(200000);
	/* the phone has gone meanwhile */
	assert_int_equal(b2b_n_bindings(r->b), 0);
	invite(RIG_CALLEE, 60, g.contact, "sip:carol@core.example", "sip:alice@core.example", 2);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 480);
	assert_string_equal(rig_last_call(r)->rec.reason,
		"the phone of alice that the registrar calls is not registered any more");
	/* a name that nobody gave, and a name by somebody else than a trunk */
	snprintf(other, sizeof(other), "%s", g.contact);
	other[6] = other[6] == 'a' ? 'b' : 'a';
	invite(RIG_CALLEE, 60, other, "sip:carol@core.example", "sip:alice@core.example", 3);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 404);
	invite(RIG_CALLEE, 99, g.contact, "sip:carol@core.example", "sip:alice@core.example", 4);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 403);
	end();
}

static void test_call_out(void **state)
{
	struct rig *r = begin(200);

	r->side[RIG_CALLEE].answer = 486;
	g.script.headers =
		"Service-Route: <sip:orig@core.example;lr>\r\n"
		"P-Associated-URI: <sip:+4930777@core.example>\r\n";
	r->cfg->realms[0].admission = CFG_ADMIT_USERS;
	configure();
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	invite(RIG_CALLER, 50, "sip:100@core.example", "sip:alice@core.example",
		"sip:100@core.example", 1);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 486);
	expect(r->last_invite, "\r\nP-Asserted-Identity: <sip:+4930777@core.example>\r\n");
	expect(r->last_invite, "\r\nRoute: <sip:orig@core.example;lr>\r\n");
	/* to another trunk it is nobody's user */
	r->cfg->dial_peers[0].trunk[1] = '1';
	configure();
	invite(RIG_CALLER, 50, "sip:100@core.example", "sip:alice@core.example",
		"sip:100@core.example", 2);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 486);
	expect_not(r->last_invite, "4930777");
	expect_not(r->last_invite, "Route:");
	/* from elsewhere, and by another name, nobody calls */
	invite(RIG_CALLER, 51, "sip:100@core.example", "sip:alice@core.example",
		"sip:100@core.example", 3);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 403);
	assert_string_equal(rig_last_call(r)->rec.reason,
		"alice is not registered from 10.0.0.51:5060 (admission users, registration "
		"passthrough)");
	invite(RIG_CALLER, 50, "sip:100@core.example", "sip:bob@core.example",
		"sip:100@core.example", 4);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 403);
	/* a hook that is asked first changes nothing of that */
	set(object(CFG_ROUTE_HOOK, "1"), CFG_ROUTE_HOOK, "url", "https://router.example/way");
	set(object(CFG_DIAL_PEER, "50"), CFG_DIAL_PEER, "destination_pattern", "5T");
	set(object(CFG_DIAL_PEER, "50"), CFG_DIAL_PEER, "route_hook", "1");
	set(object(CFG_DIAL_PEER, "51"), CFG_DIAL_PEER, "destination_pattern", "5T");
	set(object(CFG_DIAL_PEER, "51"), CFG_DIAL_PEER, "preference", "1");
	set(object(CFG_DIAL_PEER, "51"), CFG_DIAL_PEER, "trunk", "t0");
	configure();
	invite(RIG_CALLER, 50, "sip:5100@core.example", "sip:alice@core.example",
		"sip:5100@core.example", 6);
	b2b_asked(r->b, r->asked_id, (struct view){NULL, 0}, "nobody answers");
	settle();
	pass(300);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 486);
	expect(r->last_invite, "\r\nP-Asserted-Identity: <sip:+4930777@core.example>\r\n");
	r->cfg->realms[0].admission = CFG_ADMIT_ANY;
	configure();
	invite(RIG_CALLER, 50, "sip:100@core.example", "sip:bob@core.example",
		"sip:100@core.example", 5);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 486);
	end();
}

/* Another worker has the caller's registration, and does not say it: that is no refusal for good. */
static void test_caller_unknown(void **state)
{
	struct rig *r = begin(200);

	r->cfg->realms[0].admission = CFG_ADMIT_USERS;
	r->n_others = 2; /* of three alice is not this one's */
	rig_restart_sip(r);
	for (unsigned int i = 0; i < 2; i++) {
		r->tell_error = i ? -ENOBUFS : 0;
		invite(RIG_CALLER, 50, "sip:100@core.example", "sip:alice@core.example",
			"sip:100@core.example", 1 + i);
		pass(3000);
		assert_int_equal(r->n_told, 1);
		assert_int_equal(rig_last_call(r)->rec.sip_status, 503);
		assert_string_equal(rig_last_call(r)->rec.reason,
			"no worker of limen-sip says whether alice is registered");
		expect(g.reply, "\r\nRetry-After: ");
	}
	end();
}

#define ASKS                                                                                     \
	"Proxy-Authenticate: Digest realm=\"core.example\", nonce=\"n7\", algorithm=SHA-256\r\n" \
	"Proxy-Authenticate: Digest realm=\"core.example\", nonce=\"n7\", algorithm=MD5\r\n"
#define PROVES "Proxy-Authorization: Digest username=\"alice\", realm=\"core.example\"\r\n"

static void alice_calls(unsigned int number)
{
	invite(RIG_CALLER, 50, "sip:100@core.example", "sip:alice@core.example",
		"sip:100@core.example", number);
}

/* The registrar wants the password for calls, too: that is between the phone and it. */
static void test_call_challenged(void **state)
{
	struct rig *r = begin(200);
	struct rig_side *core = &r->side[RIG_CALLEE];

	core->answer = 486;
	core->ring = 0;
	set(object(CFG_DIAL_PEER, "2"), CFG_DIAL_PEER, "destination_pattern", "1T");
	set(object(CFG_DIAL_PEER, "2"), CFG_DIAL_PEER, "preference", "5");
	set(object(CFG_DIAL_PEER, "2"), CFG_DIAL_PEER, "trunk", "t1");
	configure();
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	core->busy_trunk = 60;
	core->busy_status = 407;
	core->busy_headers = ASKS;
	alice_calls(1);
	expect(g.reply, "SIP/2.0 407 ");
	expect(g.reply, "\r\n" ASKS);
	expect_not(r->last_invite, "Authorization");
	assert_int_equal(r->n_good_proofs, 1); /* of the registration */
	assert_int_equal(rig_last_call(r)->rec.sip_status, 407);
	assert_string_equal(
		rig_last_call(r)->rec.reason, "trunk t0 asks the phone for its password (407)");
	/* the next attempt brings it */
	core->busy_trunk = 0;
	g.lines = PROVES;
	alice_calls(2);
	expect(r->last_invite, "\r\n" PROVES);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 486);
	assert_int_equal(r->n_good_proofs, 1); /* a refusal may have any cause */
	core->ring = 180;
	alice_calls(3);
	assert_int_equal(r->n_good_proofs, 2);
	core->ring = 0;
	/* without a challenge in it a 407 is a failure of the trunk, and the next one has its turn */
	core->busy_trunk = 60;
	core->busy_headers = "";
	alice_calls(4);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	assert_int_equal(rig_last_call(r)->rec.sip_status, 486);
	expect_not(r->last_invite, "Authorization");
	/* so is one with more challenges than a refusal holds */
	static char long_headers[4096];
	while (strlen(long_headers) < 3000)
		strcat(long_headers, ASKS);
	core->busy_headers = long_headers;
	alice_calls(8);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	assert_int_equal(rig_last_call(r)->rec.sip_status, 486);
	/* no phone: nobody else's challenge is passed on */
	core->busy_headers = ASKS;
	r->cfg->realms[0].admission = CFG_ADMIT_ANY;
	configure();
	invite(RIG_CALLER, 50, "sip:100@core.example", "sip:bob@core.example",
		"sip:100@core.example", 5);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	/* a box with a password of its own proves itself */
	set(object(CFG_TRUNK, "t0"), CFG_TRUNK, "auth_username", "box");
	set(object(CFG_TRUNK, "t0"), CFG_TRUNK, "auth_password", "secret");
	core->busy_trunk = 0;
	configure();
	alice_calls(6);
	expect_not(r->last_invite, "alice\", realm");
	core->busy_trunk = 60;
	alice_calls(7);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	end();
}

/* Answers go to sent-by without rport, as those of a connection that is gone; the phone is where it sends from. */
static void test_source(void **state)
{
	struct rig *r = begin(200);

	r->side[RIG_CALLEE].answer = 486;
	r->cfg->realms[0].admission = CFG_ADMIT_USERS;
	configure();
	g.sent_by = 5099;
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	assert_int_equal(ipaddr_port(&r->regs[0].shown.remote), 5060);
	assert_int_equal(alice(ALICE AUTH("alice")), 200);
	assert_int_equal(g.n, 1);
	assert_int_equal(r->stats.reg_shielded, 1);
	invite(RIG_CALLER, 50, "sip:100@core.example", "sip:alice@core.example",
		"sip:100@core.example", 1);
	assert_int_equal(rig_last_call(r)->rec.sip_status, 486);
	/* also what stays while the registrar is silent */
	g.script.status = 0;
	for (unsigned int i = 0; i < 31; i++) {
		pass(59000);
		if (alice(ALICE AUTH("alice")) == 0)
			pass(4100);
		assert_int_equal(status(), 200);
	}
	assert_int_equal(r->stats.reg_survived, 1);
	end();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_hidden),
	cmocka_unit_test(test_date),
	cmocka_unit_test(test_shielded),
	cmocka_unit_test(test_removed),
	cmocka_unit_test(test_refused),
	cmocka_unit_test(test_refused_others),
	cmocka_unit_test(test_held),
	cmocka_unit_test(test_long_path),
	cmocka_unit_test(test_goodbyes),
	cmocka_unit_test(test_vanished),
	cmocka_unit_test(test_silent),
	cmocka_unit_test(test_next_address),
	cmocka_unit_test(test_storm),
	cmocka_unit_test(test_storm_local),
	cmocka_unit_test(test_restart),
	cmocka_unit_test(test_call_in),
	cmocka_unit_test(test_call_out),
	cmocka_unit_test(test_caller_unknown),
	cmocka_unit_test(test_call_challenged),
	cmocka_unit_test(test_source),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
