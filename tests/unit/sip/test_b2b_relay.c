/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MESSAGE and its like from one side to the other, and subscriptions from begin to end. */
#include "b2b_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LONG_MS	    400000
#define BODY	    "caf\303\251 at 10.0.0.50\r\n\r\nsecond part"
#define TYPE	    "text/plain;charset=utf-8"
#define SUBSCRIBER  "Contact: <sip:phone-c@10.0.0.50>\r\nEvent: dialog;call-id=10.0.0.50;id=7\r\n"
#define NOTIFY_BODY "<dialog entity=\"sip:x@10.0.1.60\"/>"

static char text[8192];
static struct sip_msg msg;

static struct rig *relay_rig(uint64_t seed)
{
	struct rig *r = rig_new(seed);
	struct cfg_tenant *tenant = calloc(2, sizeof(*tenant));

	r->cfg->tenants = tenant;
	r->cfg->n_tenants = 2;
	r->side[RIG_CALLEE].ring = 0;
	r->body_passes = true;
	for (unsigned int i = 0; i < 2; i++) {
		tenant[i].tag = i + 1;
		tenant[i].relay_message = tenant[i].relay_subscribe = tenant[i].relay_info =
			tenant[i].relay_other = tenant[i].relay_options = true;
		r->cfg->realms[i].tenant = i + 1;
	}
	return r;
}

static void finish(struct rig *r)
{
	rig_settle(r);
	rig_pass(r, LONG_MS);
	rig_expect_empty(r);
	assert_int_equal(b2b_n_relays(r->b), 0);
	assert_int_equal(r->stats.subscriptions, 0);
	assert_int_equal(atomic_load(&r->shared.n_subscriptions), 0);
	rig_free(r);
}

/* Goes on until a message that begins so is under way; it is in text and msg then. */
static const struct sip_msg *until(
	struct rig *r, unsigned int from, unsigned int to, const char *start)
{
	for (unsigned int n = 0; n < 1000; n++) {
		for (unsigned int i = 0; i < r->n_queue; i++) {
			const struct rig_packet *p = &r->queue[i];

			if (p->from != from || p->to != to ||
				strncmp(p->bytes, start, strlen(start)))
				continue;
			snprintf(text, sizeof(text), "%.*s", (int)p->n, p->bytes);
			assert_int_equal(sip_msg_parse(&msg, text, p->n, false), 0);
			return &msg;
		}
		if (!rig_reply(r) && !rig_deliver(r, -1))
			break;
	}
	fail_msg("no %s", start);
	return NULL;
}

static void expect_has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in\n%s", part, text);
}

/* A request of the phone in no dialog. */
static void phone_sends(struct rig *r, const char *method, const char *number, const char *headers,
	const char *type, const char *body)
{
	static unsigned int n;
	char request[4096];

	snprintf(request, sizeof(request),
		"%s sip:%s@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP "
		"10.0.0.50:5060;branch=z9hG4bKr%u\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:phone@10.0.0.50>;tag=p%u\r\n"
		"To: <sip:%s@10.0.0.1>\r\nCall-ID: phone-%u\r\nCSeq: 1 %s\r\n"
		"User-Agent: secret\r\n%s%s%sContent-Length: %zu\r\n\r\n%s",
		method, number, n, n, number, n, method, headers, type[0] ? "Content-Type: " : "",
		type, strlen(body), body);
	n++;
	rig_raw(r, RIG_CALLER, request);
}

static void test_message(void **state)
{
	struct rig *r = relay_rig(1);

	phone_sends(r, "MESSAGE", "100", "Subject: secret\r\nPriority: urgent\r\n",
		TYPE "\r\nContent-Language: de\r\n", BODY);
	until(r, RIG_BOX, RIG_CALLEE, "MESSAGE sip:100@10.0.1.60 SIP/2.0\r\n");
	expect_has("\r\nFrom: <sip:phone@10.0.1.1>;tag=");
	expect_has("\r\nMax-Forwards: 69\r\n");
	expect_has("\r\nContent-Type: " TYPE "\r\n");
	expect_has("\r\nContent-Language: de\r\n");
	expect_has("\r\nPriority: urgent\r\n");
	assert_null(strstr(text, "\r\nContact:"));
	assert_int_equal(msg.body.n, strlen(BODY));
	assert_memory_equal(msg.body.p, BODY, strlen(BODY));
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 200");
	assert_true(msg.to.tag.n > 0);
	assert_int_equal(r->stats.relayed, 1);
	finish(r);
}

static void test_policy(void **state)
{
	static const struct {
		bool in, out;
		const char *method, *number, *headers, *want;
	} rows[] = {
		{true, true, "MESSAGE", "100", "", "SIP/2.0 200"},
		{false, true, "MESSAGE", "100", "", "SIP/2.0 405"},
		{true, false, "MESSAGE", "100", "", "SIP/2.0 405"},
		{true, true, "PUBLISH", "100", "Event: presence\r\n", "SIP/2.0 405"},
		{true, true, "FROBNICATE", "100", "", "SIP/2.0 200"},
		{false, true, "FROBNICATE", "100", "", "SIP/2.0 501"},
		{true, true, "MESSAGE", "999", "", "SIP/2.0 404"},
		{true, true, "MESSAGE", "alice", "", "SIP/2.0 404"},
		{true, true, "MESSAGE", "100", "Require: x\r\n", "SIP/2.0 420"},
		{true, true, "SUBSCRIBE", "100", "Contact: <sip:phone-c@10.0.0.50>\r\n",
			"SIP/2.0 489"},
		{true, true, "SUBSCRIBE", "100", "Event: presence\r\n", "SIP/2.0 400"},
		{true, true, "NOTIFY", "100", "Event: message-summary\r\n", "SIP/2.0 405"},
		{true, true, "OPTIONS", "100", "", "SIP/2.0 200"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = relay_rig(20 + i);

		r->cfg->tenants[0].relay_message = r->cfg->tenants[0].relay_other = rows[i].in;
		r->cfg->tenants[1].relay_message = r->cfg->tenants[1].relay_other = rows[i].out;
		phone_sends(r, rows[i].method, rows[i].number, rows[i].headers, "", "");
		until(r, RIG_BOX, RIG_CALLER, rows[i].want);
		if (msg.status == 405)
			expect_has("\r\nAllow: ");
		finish(r);
	}
}

/* 503 and silence send it to the next dial-peer, and each answer comes once. */
static void test_hunt(void **state)
{
	struct rig *r = relay_rig(3);

	r->side[RIG_CALLEE].busy_trunk = 60;
	phone_sends(r, "MESSAGE", "200", "", TYPE "\r\n", BODY);
	until(r, RIG_BOX, RIG_CALLEE, "MESSAGE sip:200@10.0.1.61 SIP/2.0\r\n");
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 200");
	finish(r);

	r = relay_rig(4);
	phone_sends(r, "MESSAGE", "100", "", TYPE "\r\n", BODY);
	r->loss_percent = 0;
	rig_deliver(r, -1);
	while (r->n_queue) /* the trunk is dead */
		rig_drop(r, 0);
	for (unsigned int i = 0; i < 100; i++) {
		uint64_t before = sip_txns_counters(r->side[RIG_CALLEE].txns)->n_servers;

		assert_int_equal(before, 0);
		twheel_advance(r->wheel, twheel_now(r->wheel) + 500);
		for (unsigned int k = 0; k < r->n_queue;) {
			if (r->queue[k].to == RIG_CALLEE)
				rig_drop(r, k);
			else
				k++;
		}
		if (r->n_queue)
			break;
	}
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 408");
	finish(r);
}

/* Targets of a trunk: another one is asked after a 503, and when nothing at all comes. */
static void test_targets(void **state)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct rig *r = relay_rig(5 + i);
		struct cfg_server_group *g = calloc(1, sizeof(*g));
		char error[CFG_ERROR_MAX];

		assert_non_null(g);
		g->tag = 4;
		g->n_members = 2;
		g->members[0].target.addr = r->cfg->trunks[0].target.addr;
		g->members[1].target.addr = r->cfg->trunks[1].target.addr;
		g->members[1].preference = 1;
		r->cfg->server_groups = g;
		r->cfg->n_server_groups = 1;
		memset(&r->cfg->trunks[0].target, 0, sizeof(r->cfg->trunks[0].target));
		r->cfg->trunks[0].server_group = 4;
		r->cfg->timer_next_target_s = 4;
		assert_int_equal(b2b_config_prepare(r->b, r->cfg, error), 0);
		b2b_config_apply(r->b, r->cfg);
		r->side[RIG_CALLEE].busy_trunk = i == 0 ? 60 : 0;
		r->side[RIG_CALLEE].mute_trunk = i == 1 ? 60 : 0;
		phone_sends(r, "MESSAGE", "100", "", TYPE "\r\n", BODY);
		if (i < 2) {
			until(r, RIG_BOX, RIG_CALLEE, "MESSAGE sip:100@10.0.1.60 SIP/2.0\r\n");
			if (i == 1) {
				rig_settle(r);
				twheel_advance(r->wheel, twheel_now(r->wheel) + 4100);
			}
			until(r, RIG_BOX, RIG_CALLEE, "MESSAGE sip:100@10.0.1.61 SIP/2.0\r\n");
			until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 200");
			assert_int_equal(r->stats.failovers, 1);
		} else {
			/* nobody is there: it ends within timer F of the phone */
			r->deaf = RIG_CALLEE;
			rig_settle(r);
			for (unsigned int k = 0; k < 64 && r->n_queue == 0; k++) {
				twheel_advance(r->wheel, twheel_now(r->wheel) + 500);
				while (r->n_queue > 0 && r->queue[0].to == RIG_CALLEE)
					rig_drop(r, 0);
			}
			until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 408");
			assert_true(twheel_now(r->wheel) - RIG_START_MS <= 32000);
			r->deaf = 0;
		}
		finish(r);
	}
}

/* ---- subscriptions ---- */

struct dialog_ids {
	char call_id[64], from[64], to[64]; /* tags as who sends requests in it writes them */
};

/* A raw request of a side in a dialog. */
static void side_sends(struct rig *r, unsigned int side, const char *method,
	const struct dialog_ids *ids, unsigned int cseq, const char *headers, const char *body)
{
	static unsigned int n;
	const char *us = side == RIG_CALLER ? "10.0.0.50" : "10.0.1.60";
	const char *box = side == RIG_CALLER ? "10.0.0.1" : "10.0.1.1";
	char request[4096];

	snprintf(request, sizeof(request),
		"%s sip:x@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bKs%u\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:a@%s>;tag=%s\r\nTo: <sip:b@%s>;tag=%s\r\n"
		"Call-ID: %s\r\nCSeq: %u %s\r\nContact: <sip:%s@%s>\r\n%s%sContent-Length: %zu\r\n"
		"\r\n%s",
		method, box, us, n++, us, ids->from, box, ids->to, ids->call_id, cseq, method,
		side == RIG_CALLER ? "phone-c" : "trunk-c", us, headers,
		body[0] ? "Content-Type: application/dialog-info+xml\r\n" : "", strlen(body), body);
	rig_raw(r, side, request);
}

static void copy(char dst[64], struct view v)
{
	assert_int_equal(view_copy(v, dst, 64), 0);
}

/* From SUBSCRIBE to its 200: the ids of both dialogs. */
static void subscribe(
	struct rig *r, const char *expires, struct dialog_ids *phone, struct dialog_ids *notifier)
{
	char headers[256];

	snprintf(headers, sizeof(headers),
		SUBSCRIBER
		"Expires: %s\r\nAccept: "
		"application/dialog-info+xml;x=10.0.0.50\r\n",
		expires);
	phone_sends(r, "SUBSCRIBE", "100", headers, "", "");
	until(r, RIG_BOX, RIG_CALLEE, "SUBSCRIBE sip:100@10.0.1.60 SIP/2.0\r\n");
	expect_has("\r\nEvent: dialog;id=7\r\n");
	expect_has("\r\nAccept: application/dialog-info+xml\r\n");
	expect_has("@10.0.1.1");
	copy(notifier->call_id, msg.call_id);
	copy(notifier->to, msg.from.tag);
	until(r, RIG_CALLEE, RIG_BOX, "SIP/2.0 200");
	copy(notifier->from, msg.to.tag);
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 200");
	expect_has("\r\nContact: <sip:");
	copy(phone->call_id, msg.call_id);
	copy(phone->from, msg.from.tag);
	copy(phone->to, msg.to.tag);
	rig_settle(r);
	assert_int_equal(r->stats.subscriptions, 1);
	assert_int_equal(b2b_n_dialogs(r->b), 2);
}

static void notify(struct rig *r, const struct dialog_ids *notifier, unsigned int cseq,
	const char *subscription_state)
{
	char headers[256];

	snprintf(headers, sizeof(headers), "Event: dialog;id=7\r\nSubscription-State: %s\r\n",
		subscription_state);
	side_sends(r, RIG_CALLEE, "NOTIFY", notifier, cseq, headers, NOTIFY_BODY);
}

static void test_subscription(void **state)
{
	struct rig *r = relay_rig(5);
	struct dialog_ids phone, notifier;

	subscribe(r, "600", &phone, &notifier);
	notify(r, &notifier, 1, "active;expires=600;retry-after=x;host=10.0.1.60");
	until(r, RIG_BOX, RIG_CALLER, "NOTIFY sip:phone-c@10.0.0.50 SIP/2.0\r\n");
	expect_has("\r\nSubscription-State: active;expires=600\r\n");
	expect_has("\r\nContent-Type: application/dialog-info+xml\r\n");
	assert_memory_equal(msg.body.p, NOTIFY_BODY, strlen(NOTIFY_BODY));
	assert_true(view_eq(msg.call_id, view_of(phone.call_id)));
	/* A user agent of the rig has no such dialog, and says so: 481 ends it (RFC 6665 4.2.2). */
	until(r, RIG_BOX, RIG_CALLEE, "SIP/2.0 481");
	rig_settle(r);
	assert_int_equal(r->stats.subscriptions, 0);
	side_sends(r, RIG_CALLER, "SUBSCRIBE", &phone, 2, SUBSCRIBER, "");
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 481");
	finish(r);
}

/* Refreshed it lives, then nobody refreshes it and nothing is left. */
static void test_refresh_and_expiry(void **state)
{
	struct rig *r = relay_rig(6);
	struct dialog_ids phone, notifier;

	r->side[RIG_CALLEE].knows_all = r->side[RIG_CALLER].knows_all = true;
	subscribe(r, "60", &phone, &notifier);
	rig_pass(r, 50000);
	side_sends(
		r, RIG_CALLER, "SUBSCRIBE", &phone, 2, "Event: dialog;id=7\r\nExpires: 60\r\n", "");
	until(r, RIG_BOX, RIG_CALLEE, "SUBSCRIBE ");
	assert_true(view_eq(msg.to.tag, view_of(notifier.from)));
	assert_int_equal(msg.cseq.number, 2);
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 200");
	rig_settle(r);
	rig_pass(r, 85000);
	assert_int_equal(r->stats.subscriptions, 1);
	notify(r, &notifier, 1, "active");
	until(r, RIG_BOX, RIG_CALLEE, "SIP/2.0 200");
	/* Strangers and old requests do not touch it. */
	notify(r, &notifier, 1, "terminated");
	until(r, RIG_BOX, RIG_CALLEE, "SIP/2.0 500");
	snprintf(notifier.from, sizeof(notifier.from), "other");
	notify(r, &notifier, 9, "terminated");
	until(r, RIG_BOX, RIG_CALLEE, "SIP/2.0 481");
	side_sends(r, RIG_CALLER, "BYE", &phone, 3, "", "");
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 405");
	rig_pass(r, 10000);
	assert_int_equal(r->stats.subscriptions, 0);
	finish(r);
}

static void test_terminated(void **state)
{
	struct rig *r = relay_rig(7);
	struct dialog_ids phone, notifier;

	r->side[RIG_CALLEE].knows_all = r->side[RIG_CALLER].knows_all = true;
	subscribe(r, "600", &phone, &notifier);
	notify(r, &notifier, 1, "terminated;reason=timeout");
	until(r, RIG_BOX, RIG_CALLER, "NOTIFY ");
	expect_has("\r\nSubscription-State: terminated;reason=timeout\r\n");
	rig_settle(r);
	assert_int_equal(r->stats.subscriptions, 0);
	assert_int_equal(b2b_n_dialogs(r->b), 0);
	finish(r);
}

/* RFC 6665 4.4.1: the first NOTIFY overtakes the 200. */
static void test_early_notify(void **state)
{
	struct rig *r = relay_rig(8);
	struct dialog_ids notifier;

	r->side[RIG_CALLER].knows_all = true;
	phone_sends(r, "SUBSCRIBE", "100", SUBSCRIBER "Expires: 0\r\n", "", "");
	until(r, RIG_BOX, RIG_CALLEE, "SUBSCRIBE ");
	copy(notifier.call_id, msg.call_id);
	copy(notifier.to, msg.from.tag);
	until(r, RIG_CALLEE, RIG_BOX, "SIP/2.0 200");
	copy(notifier.from, msg.to.tag);
	notify(r, &notifier, 1, "terminated");
	/* The order on the wire is turned round. */
	assert_int_equal(r->n_queue, 2);
	rig_deliver(r, 1);
	until(r, RIG_BOX, RIG_CALLER, "NOTIFY ");
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 200");
	rig_settle(r);
	finish(r);
}

static void test_limit(void **state)
{
	struct rig *r = relay_rig(9);
	struct dialog_ids phone, notifier;

	r->cfg->max_subscriptions = 1;
	subscribe(r, "60", &phone, &notifier);
	phone_sends(r, "SUBSCRIBE", "100", SUBSCRIBER, "", "");
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 503");
	expect_has("\r\nRetry-After: 5\r\n");
	assert_int_equal(r->stats.subscriptions_refused, 1);
	finish(r);
}

/* A restart of limen-sip, and of limen-control, brings it back. */
static void test_restart(void **state)
{
	struct rig *r = relay_rig(10);
	struct dialog_ids phone, notifier;

	r->side[RIG_CALLEE].knows_all = r->side[RIG_CALLER].knows_all = true;
	subscribe(r, "600", &phone, &notifier);
	rig_settle(r);
	rig_restart_sip(r);
	assert_int_equal(r->stats.subscriptions, 1);
	assert_int_equal(atomic_load(&r->shared.n_subscriptions), 1);
	side_sends(r, RIG_CALLER, "SUBSCRIBE", &phone, 2, "Event: dialog;id=7\r\nExpires: 600\r\n",
		"");
	until(r, RIG_BOX, RIG_CALLEE, "SUBSCRIBE ");
	assert_true(view_eq(msg.to.tag, view_of(notifier.from)));
	until(r, RIG_BOX, RIG_CALLER, "SIP/2.0 200");
	notify(r, &notifier, 1, "active");
	until(r, RIG_BOX, RIG_CALLER, "NOTIFY ");
	until(r, RIG_BOX, RIG_CALLEE, "SIP/2.0 200");
	/* limen-control starts again, too */
	rig_control_down(r);
	memset(r->subs, 0, sizeof(r->subs));
	rig_control_up(r, true);
	rig_restart_sip(r);
	assert_int_equal(r->stats.subscriptions, 1);
	/* its end is no later for that, and leaves no copy */
	rig_pass(r, 640000);
	assert_int_equal(r->stats.subscriptions, 0);
	assert_int_equal(r->subs[0].len, 0);
	finish(r);
}

/* What comes back is looked at like anything from outside. */
static void test_restore_refused(void **state)
{
	struct rig *r = relay_rig(11);
	struct dialog_ids phone, notifier;
	struct rig_sub kept;

	r->side[RIG_CALLEE].knows_all = r->side[RIG_CALLER].knows_all = true;
	subscribe(r, "600", &phone, &notifier);
	rig_settle(r);
	kept = r->subs[0];
	assert_true(kept.len > 0);
	memset(r->subs, 0, sizeof(r->subs));
	rig_restart_sip(r);
	assert_int_equal(r->stats.subscriptions, 0);
	for (size_t n = 0; n < kept.len; n++)
		b2b_sub_restore(r->b, &kept.head, kept.state, n);
	for (size_t i = 0; i < 14; i++) {
		kept.state[i] ^= 0x80; /* magic, version, worker; slot and generation may be any */
		if (i < 6)
			b2b_sub_restore(r->b, &kept.head, kept.state, kept.len);
		kept.state[i] ^= 0x80;
	}
	assert_int_equal(r->stats.subscriptions, 0);
	assert_int_equal(b2b_n_dialogs(r->b), 0);
	b2b_sub_restore(r->b, &kept.head, kept.state, kept.len);
	b2b_sub_restore(r->b, &kept.head, kept.state, kept.len); /* its place is taken */
	assert_int_equal(r->stats.subscriptions, 1);
	rig_pass(r, 640000);
	finish(r);
}

static void test_in_call(void **state)
{
	struct rig *r = relay_rig(11);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	assert_int_equal(rig_request(r, a, SIP_M_MESSAGE), 200);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_MESSAGE], 1);
	assert_int_equal(rig_request(r, rig_callee(r), SIP_M_OPTIONS), 200);
	assert_int_equal(r->side[RIG_CALLER].n_requests[SIP_M_OPTIONS], 1);
	assert_int_equal(rig_request(r, a, SIP_M_PUBLISH), 405);
	r->cfg->tenants[1].relay_message = r->cfg->tenants[1].relay_options = false;
	assert_int_equal(rig_request(r, a, SIP_M_MESSAGE), 405);
	assert_int_equal(rig_request(r, a, SIP_M_OPTIONS), 200); /* by the box */
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_OPTIONS], 0);
	rig_bye(r, a);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_subscription),
		cmocka_unit_test(test_refresh_and_expiry),
		cmocka_unit_test(test_terminated),
		cmocka_unit_test(test_early_notify),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restore_refused),
		cmocka_unit_test(test_in_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
