/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls against limits: bandwidth of trunks, realms and links that share an uplink, from offer to answer and
 * re-INVITE and over a restart; users; what is kept for emergency numbers; toll limits; targets that ask for
 * less load. After each test every budget is at zero (rig_expect_empty).
 */
#include "b2b_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/base/flash.h"
#include "controlplane/config/schema.h"
#include "sip-b2bua/routing/numtrie.h"

#define G711_BPS 87200 /* PCMU, 20 ms, IPv4: (160 + 40 + 18) octets, 50 times a second */
#define G729_BPS 31200

#define BOTH	 "m=audio 4000 RTP/AVP 18 0\r\n"
#define ONLY_711 "m=audio 4000 RTP/AVP 0\r\n"
#define ONLY_729 "m=audio 4000 RTP/AVP 18\r\n"

static const struct budget *budget(struct rig *r, const char *key)
{
	uint32_t n = atomic_load(&r->shared.budgets.n), index = budget_of(&r->shared.budgets, key);

	if (index >= n)
		fail_msg("nothing is counted of %s", key);
	return budget_at(&r->shared.budgets, index);
}

static void expect_bps(struct rig *r, const char *key, uint64_t bps)
{
	if (atomic_load(&budget(r, key)->bps) != bps)
		fail_msg("%s: %llu bit/s, not %llu", key,
			(unsigned long long)atomic_load(&budget(r, key)->bps),
			(unsigned long long)bps);
}

static struct rig_ua *call(struct rig *r, const char *number)
{
	struct rig_ua *a = rig_invite(r, number, false);

	rig_settle(r);
	return a;
}

static void expect_refused(struct rig *r, const struct rig_ua *a, unsigned int status,
	unsigned int q850, enum ctl_limit limit, const char *reason)
{
	const struct ctl_call *rec = &rig_last_call(r)->rec;

	assert_int_equal(a->last, status);
	assert_string_equal(rec->reason, reason);
	assert_int_equal(rec->sip_status, status);
	assert_int_equal(rec->q850, q850);
	assert_int_equal(rec->limit, limit);
}

/* Reserved for the worst of the offer, then what was agreed; the same after a restart. */
static void test_answer(void **state)
{
	struct rig *r = rig_new(50);
	struct rig_ua *a;

	r->cfg->trunks[0].bandwidth_kbps = 100;
	r->cfg->realms[0].bandwidth_kbps = 1000;
	apply(r);
	r->side[RIG_CALLER].m_line = BOTH;
	r->side[RIG_CALLEE].m_line = ONLY_729;
	r->side[RIG_CALLEE].answer = 0;
	a = call(r, "1");
	expect_bps(r, "trunk t0", G711_BPS);
	expect_bps(r, "realm access", G711_BPS);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	expect_bps(r, "trunk t0", G729_BPS);
	expect_bps(r, "realm access", G729_BPS);
	expect_bps(r, "realm peering", G729_BPS);
	rig_restart_sip(r);
	expect_bps(r, "trunk t0", G729_BPS);
	expect_bps(r, "realm access", G729_BPS);
	assert_int_equal(atomic_load(&budget(r, "trunk t0")->n_calls), 1);
	rig_bye(r, a);
	finish(r);
}

/* A full trunk is passed over; when nobody has room the call ends with what is configured. */
static void test_hunt(void **state)
{
	struct rig *r = rig_new(51);
	struct rig_ua *a, *b, *c;

	r->cfg->trunks[0].bandwidth_kbps = 100;
	r->cfg->trunks[1].bandwidth_kbps = 88;
	r->cfg->trunks[2].bandwidth_kbps = 1;
	apply(r);
	r->side[RIG_CALLER].m_line = r->side[RIG_CALLEE].m_line = ONLY_711;
	a = call(r, "2");
	b = call(r, "2");
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	assert_int_equal(b->last, 200);
	assert_int_equal(rig_last_call(r)->rec.limit, CTL_LIMIT_NONE);
	c = call(r, "2");
	expect_refused(r, c, 503, 49, CTL_LIMIT_BANDWIDTH,
		"trunk t2 has no room for 88 kbit/s: 0 of its 1 are in use (bandwidth)");
	r->cfg->bandwidth_status = 580;
	apply(r);
	c = call(r, "2");
	assert_int_equal(c->last, 580);
	assert_true(r->stats.bandwidth_refused >= 4);
	/* lowered while calls are up: they stay, and new ones fit again when they are gone */
	r->cfg->trunks[0].bandwidth_kbps = 10;
	apply(r);
	assert_int_equal(atomic_load(&budget(r, "trunk t0")->n_calls), 1);
	rig_bye(r, a);
	rig_settle(r);
	expect_bps(r, "trunk t0", 0);
	assert_int_equal(call(r, "1")->last, 580);
	r->cfg->trunks[0].bandwidth_kbps = 0;
	apply(r);
	c = call(r, "1");
	assert_int_equal(c->last, 200);
	rig_bye(r, b);
	rig_bye(r, c);
	finish(r);
}

/* Calls that come back after a restart are not calls that begin: the first new one is not refused for them. */
static void test_restored_rate(void **state)
{
	struct rig *r = rig_new(60);
	struct rig_ua *a[4];

	r->cfg->trunks[0].call_spike = 2;
	apply(r);
	for (unsigned int i = 0; i < 4; i++) {
		a[i] = call(r, "1");
		assert_int_equal(a[i]->last, 200);
		rig_pass(r, 600);
	}
	rig_pass(r, 2000);
	rig_restart_sip(r);
	rig_bye(r, a[0]);
	rig_settle(r);
	a[0] = call(r, "1");
	assert_int_equal(a[0]->last, 200);
	for (unsigned int i = 0; i < 4; i++)
		rig_bye(r, a[i]);
	finish(r);
}

/* The site's link has room, the hub's has not: the hub is named. */
static void test_links(void **state)
{
	struct rig *r = rig_new(52);
	struct cfg_link *link;
	struct rig_ua *a, *b;

	link = object(r, CFG_LINK, "hub");
	link->bandwidth_kbps = 150;
	link = object(r, CFG_LINK, "site");
	link->bandwidth_kbps = 1000;
	set(link, CFG_LINK, "uplink", "hub");
	set(&r->cfg->trunks[0], CFG_TRUNK, "link", "site");
	set(&r->cfg->trunks[1], CFG_TRUNK, "link", "hub");
	apply(r);
	r->side[RIG_CALLER].m_line = r->side[RIG_CALLEE].m_line = ONLY_711;
	a = call(r, "1");
	expect_bps(r, "link site", G711_BPS);
	expect_bps(r, "link hub", G711_BPS);
	b = call(r, "1");
	expect_refused(r, b, 503, 49, CTL_LIMIT_BANDWIDTH,
		"link hub has no room for 88 kbit/s: 88 of its 150 are in use (bandwidth)");
	expect_bps(r, "link site", G711_BPS);
	/* a link that goes away in mid-call still gets back what it gave */
	r->cfg->trunks[0].link[0] = '\0';
	apply(r);
	rig_bye(r, a);
	rig_settle(r);
	expect_bps(r, "link hub", 0);
	finish(r);
}

/* What a re-INVITE would need beyond the budget is refused, and the call goes on as it was. */
static void test_reinvite(void **state)
{
	struct rig *r = rig_new(53);
	struct rig_ua *a, *b;

	r->cfg->trunks[0].bandwidth_kbps = 80;
	apply(r);
	r->side[RIG_CALLER].m_line = r->side[RIG_CALLEE].m_line = ONLY_729;
	a = call(r, "1");
	assert_int_equal(a->last, 200);
	b = rig_callee(r);
	r->side[RIG_CALLER].m_line = r->side[RIG_CALLEE].m_line = ONLY_711;
	rig_reinvite(r, a, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(a->last, 488);
	expect_bps(r, "trunk t0", G729_BPS);
	expect_bps(r, "realm access", G729_BPS);
	assert_string_equal(rig_last_call(r)->rec.reason, "");
	rig_reinvite(r, b, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(b->last, 488);
	assert_int_equal(rig_request(r, a, SIP_M_OPTIONS), 200);
	/* with room it is taken, and counted with what was agreed */
	r->cfg->trunks[0].bandwidth_kbps = 90;
	apply(r);
	rig_reinvite(r, a, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	expect_bps(r, "trunk t0", G711_BPS);
	/* the called side says no to another one: what was agreed holds */
	r->cfg->trunks[0].bandwidth_kbps = 0;
	apply(r);
	r->side[RIG_CALLER].m_line = "m=audio 4000 RTP/AVP 0\r\na=ptime:10\r\n";
	r->side[RIG_CALLEE].answer = 488;
	rig_reinvite(r, a, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(a->last, 488);
	expect_bps(r, "trunk t0", G711_BPS);
	rig_bye(r, a);
	finish(r);
}

/* The offer comes in the 2xx: then there is nobody left to refuse it to, and the call ends. */
static void test_late_offer(void **state)
{
	struct rig *r = rig_new(54);
	struct rig_ua *a;

	r->cfg->trunks[0].bandwidth_kbps = 80;
	apply(r);
	r->side[RIG_CALLER].m_line = r->side[RIG_CALLEE].m_line = ONLY_711;
	a = rig_invite(r, "1", true);
	rig_settle(r);
	expect_refused(r, a, 503, 49, CTL_LIMIT_BANDWIDTH,
		"trunk t0 has no room for 88 kbit/s: 0 of its 80 are in use (bandwidth)");
	rig_pass(r, 40000);
	r->side[RIG_CALLER].m_line = r->side[RIG_CALLEE].m_line = ONLY_729;
	a = rig_invite(r, "1", true);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	expect_bps(r, "trunk t0", G729_BPS);
	rig_bye(r, a);
	finish(r);
}

/* Calls and ports that only emergency numbers may have; and they pass each limit of bandwidth. */
static void test_emergency(void **state)
{
	struct rig *r = rig_new(55);
	struct rig_ua *a, *b;

	r->cfg->max_calls = 2;
	r->cfg->emergency_calls = 1;
	r->cfg->trunks[0].bandwidth_kbps = 90;
	memcpy(r->cfg->emergency_numbers[0], "112", 4);
	r->cfg->n_emergency_numbers = 1;
	apply(r);
	r->side[RIG_CALLER].m_line = r->side[RIG_CALLEE].m_line = ONLY_711;
	a = call(r, "1");
	assert_int_equal(a->last, 200);
	assert_int_equal(rig_last_call(r)->conf.emergency, 0);
	b = call(r, "1");
	expect_refused(r, b, 503, 42, CTL_LIMIT_CALLS,
		"the last 1 of 2 calls are kept for emergency numbers (emergency reserve calls)");
	b = call(r, "112");
	assert_int_equal(b->last, 200);
	assert_int_equal(rig_last_call(r)->conf.emergency, 1);
	expect_bps(r, "trunk t0", 2 * G711_BPS);
	rig_restart_sip(r);
	expect_bps(r, "trunk t0", 2 * G711_BPS);
	rig_bye(r, a);
	rig_bye(r, b);
	rig_settle(r);
	/* nobody's trunk: only where the realm says so, and only there */
	r->cfg->realms[0].admission = CFG_ADMIT_TRUNKS;
	apply(r);
	assert_int_equal(call(r, "112")->last, 403);
	r->cfg->realms[0].emergency_unregistered = true;
	apply(r);
	assert_int_equal(call(r, "1")->last, 403);
	a = call(r, "112");
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

/* ---- toll limits ---- */

static void map_of(struct rig *r, uint32_t tag, const char *pattern)
{
	struct numtrie_builder *b = numtrie_builder_new();
	void *image;
	size_t len;
	int fd;

	assert_int_equal(numtrie_add(b, view_of(pattern), true), 0);
	assert_int_equal(numtrie_build(b, &image, &len, NULL, NULL), 0);
	numtrie_builder_free(b);
	assert_int_equal(flash_seal("test", image, len, &fd), 0);
	b2b_numbers(r->b, &(struct ctl_numbers){.tag = tag, .len = len}, fd);
	free(image);
}

static struct cfg_toll *toll_for(struct rig *r, const char *map)
{
	struct cfg_toll *toll;

	set(object(r, CFG_E164_MAP, map), CFG_E164_MAP, "e164", "T");
	toll = object(r, CFG_TOLL, "3");
	set(toll, CFG_TOLL, "destinations", map);
	set(object(r, CFG_TENANT, "7"), CFG_TENANT, "toll_limits", "3");
	r->cfg->realms[0].tenant = 7;
	return toll;
}

static void test_toll(void **state)
{
	struct rig *r = rig_new(56);
	struct cfg_toll *toll = toll_for(r, "1");
	struct rig_ua *a, *b;

	toll->calls = 2;
	toll->period_s = 60;
	apply(r);
	map_of(r, 1, "1900");
	for (unsigned int i = 0; i < 2; i++) {
		a = call(r, "1900");
		assert_int_equal(a->last, 200);
		rig_bye(r, a);
		rig_settle(r);
	}
	a = call(r, "1900");
	expect_refused(r, a, 403, 21, CTL_LIMIT_TOLL,
		"tenant 7 has begun the 2 calls in 60 s that voice class toll-limit 3 lets it "
		"(calls)");
	assert_int_equal(r->stats.toll_refused, 1);
	assert_int_equal(r->stats.toll_alarms, 1);
	/* other numbers are no matter of it */
	a = call(r, "1901");
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	rig_settle(r);
	rig_pass(r, 66000);
	/* alarm: it goes on, and the record says so */
	toll->action = CFG_TOLL_ALARM;
	toll->calls = 1;
	apply(r);
	a = call(r, "1900");
	assert_int_equal(rig_last_call(r)->rec.toll_alarm, 0);
	b = call(r, "1900");
	assert_int_equal(b->last, 200);
	assert_int_equal(rig_last_call(r)->rec.toll_alarm, 1);
	assert_string_equal(rig_last_call(r)->rec.reason, "");
	rig_bye(r, a);
	rig_bye(r, b);
	finish(r);
}

static void test_toll_duration(void **state)
{
	struct rig *r = rig_new(57);
	struct cfg_toll *toll = toll_for(r, "1");
	struct rig_ua *a;

	toll->max_duration_s = 30;
	toll->max_conn = 1;
	apply(r);
	map_of(r, 1, "1900");
	a = call(r, "1900");
	assert_int_equal(a->last, 200);
	rig_pass(r, 20000);
	rig_restart_sip(r);
	map_of(r, 1, "1900");
	/* it is counted again, and its time runs on */
	assert_int_equal(call(r, "1900")->last, 403);
	assert_string_equal(rig_last_call(r)->rec.reason,
		"tenant 7 has the 1 calls that voice class toll-limit 3 lets it (max-conn)");
	assert_false(a->hung_up);
	rig_pass(r, 11000);
	rig_settle(r);
	assert_true(a->hung_up);
	assert_string_equal(r->calls[0].rec.reason,
		"the call has lasted the 30 s that voice class toll-limit 3 lets it "
		"(max-duration)");
	assert_int_equal(r->calls[0].rec.limit, CTL_LIMIT_TOLL);
	finish(r);
}

/* ---- RFC 7339 ---- */

/* A 200 of the trunk to the last INVITE that it got, with parameters in our Via. */
static void answer_with(struct rig *r, const char *status, const char *params)
{
	char text[4096], via[512], from[256], to[256], id[128], cseq[64];
	const char *names[] = {"Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "};
	char *into[] = {via, from, to, id, cseq};
	const size_t sizes[] = {sizeof(via), sizeof(from), sizeof(to), sizeof(id), sizeof(cseq)};

	for (unsigned int i = 0; i < 5; i++) {
		const char *at = strstr(r->last_invite, names[i]);

		assert_non_null(at);
		snprintf(into[i], sizes[i], "%.*s", (int)strcspn(at, "\r"), at);
	}
	/* what we offered is filled in */
	char *oc = strstr(via, ";oc;oc-algo=\"loss");

	assert_non_null(oc);
	*oc = '\0';
	snprintf(text, sizeof(text),
		"SIP/2.0 %s\r\n%s%s\r\n%s\r\n%s;tag=x%u\r\n%s\r\n%s\r\nContent-Length: 0\r\n\r\n",
		status, via, params, from, to, rig_random(r, 1000000), id, cseq);
	rig_raw(r, RIG_CALLEE, text);
	rig_settle(r);
}

static void test_peer_load(void **state)
{
	struct rig *r = rig_new(58);
	struct rig_ua *a;

	r->cfg->trunks[0].overload_control = CFG_OC_LOSS;
	memcpy(r->cfg->emergency_numbers[0], "112", 4);
	r->cfg->n_emergency_numbers = 1;
	apply(r);
	r->side[RIG_CALLEE].answer = 0;
	call(r, "1");
	assert_non_null(strstr(r->last_invite, ";oc;oc-algo=\"loss\";rport\r\n"));
	/* broken, absurd and old values are counted and change nothing */
	answer_with(r, "180 Ringing", ";oc=101;oc-seq=5.0");
	answer_with(r, "180 Ringing", ";oc=99");
	answer_with(r, "180 Ringing", ";oc=99;oc-algo=\"rate\";oc-seq=5.0");
	assert_int_equal(atomic_load(&rig_spot(r, "t0")->n_oc_ignored), 3);
	assert_int_equal(atomic_load(&rig_spot(r, "t0")->n_oc_told), 0);
	answer_with(r, "180 Ringing", ";oc=50;oc-algo=\"loss\";oc-validity=2000;oc-seq=5.0");
	answer_with(r, "180 Ringing", ";oc=100;oc-algo=\"loss\";oc-validity=2000;oc-seq=4.0");
	assert_int_equal(atomic_load(&rig_spot(r, "t0")->n_oc_told), 1);
	answer_with(r, "486 Busy Here", "");
	/* each second call stays away: of "1" there is no other way, of "2" there is */
	r->side[RIG_CALLEE].answer = 200;
	unsigned int n_refused = 0, n_other = 0;

	for (unsigned int i = 0; i < 8; i++) {
		a = call(r, i % 4 < 2 ? "1" : "2");
		n_refused += a->last == 503;
		n_other += a->last == 200 && strcmp(rig_last_call(r)->rec.trunk[1], "t1") == 0;
		if (a->last == 503)
			expect_refused(r, a, 503, 42, CTL_LIMIT_PEER,
				"trunk t0: 10.0.1.60:5060 is overloaded and wants 50 percent of "
				"the calls to stay away (oc)");
		else
			rig_bye(r, a);
		rig_settle(r);
	}
	assert_int_equal(n_refused, 2);
	assert_int_equal(n_other, 2);
	assert_int_equal(r->stats.oc_dropped, 4);
	/* its time runs out */
	rig_pass(r, 2500);
	for (unsigned int i = 0; i < 4; i++) {
		a = call(r, "1");
		assert_int_equal(a->last, 200);
		rig_bye(r, a);
		rig_settle(r);
	}
	/* all of them, but for who calls for help; then the target ends it */
	r->side[RIG_CALLEE].answer = 0;
	call(r, "1");
	answer_with(r, "180 Ringing", ";oc=100;oc-validity=60000;oc-seq=3.0");
	answer_with(r, "486 Busy Here", "");
	r->side[RIG_CALLEE].answer = 200;
	assert_int_equal(call(r, "1")->last, 503);
	a = call(r, "112");
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	rig_settle(r);
	r->side[RIG_CALLEE].answer = 0;
	call(r, "112");
	answer_with(r, "486 Busy Here", ";oc=0;oc-validity=0;oc-seq=6.0");
	r->side[RIG_CALLEE].answer = 200;
	a = call(r, "1");
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

/* Calls a second instead of a share (RFC 7415). */
static void test_peer_rate(void **state)
{
	struct rig *r = rig_new(59);
	unsigned int n = 0;
	struct rig_ua *a;

	r->cfg->trunks[0].overload_control = CFG_OC_RATE;
	apply(r);
	r->side[RIG_CALLEE].answer = 0;
	call(r, "1");
	assert_non_null(strstr(r->last_invite, ";oc;oc-algo=\"loss,rate\";rport\r\n"));
	answer_with(r, "486 Busy Here", ";oc=2;oc-algo=\"rate\";oc-validity=60000;oc-seq=1.0");
	r->side[RIG_CALLEE].answer = 200;
	for (unsigned int i = 0; i < 40; i++) {
		a = call(r, "1");
		n += a->last == 200;
		if (a->last == 200)
			rig_bye(r, a);
		rig_settle(r);
		rig_pass(r, 100);
	}
	assert_in_range(n, 8, 10);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_restored_rate),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_reinvite),
		cmocka_unit_test(test_late_offer),
		cmocka_unit_test(test_emergency),
		cmocka_unit_test(test_toll),
		cmocka_unit_test(test_toll_duration),
		cmocka_unit_test(test_peer_load),
		cmocka_unit_test(test_peer_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
