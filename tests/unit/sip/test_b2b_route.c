/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What routing decides, as the called side and the record see it. */
#include "b2b_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/base/flash.h"
#include "controlplane/config/schema.h"
#include "sip-b2bua/b2b/breaker.h"
#include "sip-b2bua/b2b/policy.h"
#include "sip-b2bua/hook/hook_answer.h"
#include "sip-b2bua/routing/route.h"

/* Another configuration to be edited, and what ran until then. */
static struct cfg *edit(struct rig *r)
{
	struct cfg *old = r->cfg;

	r->cfg = cfg_clone(old);
	assert_non_null(r->cfg);
	return old;
}

static void replace(struct rig *r, struct cfg *old)
{
	apply(r);
	cfg_free(old);
}

/* Trunk "phone" is who calls in the rig. */
static void translations(struct rig *r)
{
	static const struct {
		const char *tag, *rule;
	} rules[] = {
		{"1", "1 /^0/ /1/"},
		{"1", "2 reject /^666/"},
		{"2", "1 /^1\\(.*\\)$/ /+49\\1#/"},
		{"3", "1 /^phone$/ /0 30/"},
		{"3", "2 reject /^17/"},
	};
	static const char *const profiles[][3] = {
		/* name, calling, called */
		{"in", NULL, "1"},
		{"peer", "3", "3"},
		{"out", NULL, "2"},
	};
	struct cfg *old = edit(r);
	struct cfg_trunk *phone;
	void *obj;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		set(object(r, CFG_TRANSLATION_RULE, rules[i].tag), CFG_TRANSLATION_RULE, "rules",
			rules[i].rule);
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		obj = object(r, CFG_TRANSLATION_PROFILE, profiles[i][0]);
		if (profiles[i][1])
			set(obj, CFG_TRANSLATION_PROFILE, "calling", profiles[i][1]);
		set(obj, CFG_TRANSLATION_PROFILE, "called", profiles[i][2]);
	}
	phone = object(r, CFG_TRUNK, "phone");
	snprintf(phone->realm, sizeof(phone->realm), "access");
	set(phone, CFG_TRUNK, "target", "ipv4:10.0.0.50:5060");
	set(phone, CFG_TRUNK, "translation_incoming", "in");
	set(object(r, CFG_TRUNK, "t0"), CFG_TRUNK, "translation_outgoing", "out");
	set(object(r, CFG_DIAL_PEER, "10"), CFG_DIAL_PEER, "translation_outgoing", "peer");
	replace(r, old);
}

static void test_numbers(void **state)
{
	struct rig *r = rig_new(11);
	const struct sip_msg *invite;
	const struct ctl_call *rec;
	struct rig_ua *a;

	translations(r);
	r->side[RIG_CALLEE].answer = 0;
	a = rig_invite(r, "0301", false);
	rig_settle(r);
	invite = sip_stxn_request(rig_callee(r)->in);
	assert_non_null(invite);
	assert_true(view_eq(invite->uri.user, VIEW("+49301%23")));
	assert_true(view_eq(invite->to.uri.user, VIEW("+49301%23")));
	assert_true(view_eq(invite->from.uri.user, VIEW("0%2030")));
	rec = &rig_last_call(r)->rec;
	assert_string_equal(rec->called[0], "0301");
	assert_string_equal(rec->called[1], "+49301#");
	assert_string_equal(rec->calling[0], "phone");
	assert_string_equal(rec->calling[1], "0 30");
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

/* A trunk that is tried next gets its own numbers, not those of the one before. */
static void test_hunt(void **state)
{
	struct rig *r = rig_new(12);
	const struct ctl_call *rec;
	struct rig_ua *a;
	struct cfg *old;

	translations(r);
	old = edit(r);
	set(object(r, CFG_TRANSLATION_RULE, "2"), CFG_TRANSLATION_RULE, "rules", "2 /^2/ /9/");
	replace(r, old);
	r->side[RIG_CALLEE].busy_trunk = 60;
	a = rig_invite(r, "200", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rec = &rig_last_call(r)->rec;
	assert_string_equal(rec->trunk[1], "t1");
	assert_string_equal(rec->called[1], "200");
	rig_bye(r, a);
	finish(r);
}

static void test_rejected(void **state)
{
	static const struct {
		const char *number, *reason;
	} rows[] = {
		{"6661", "voice translation-rule 1 rule 2 (incoming of its trunk) rejects the "
			 "called number 6661"},
		{"071", "dial-peer 10: voice translation-rule 3 rule 2 rejects the numbers"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(13);
		struct rig_ua *a;

		translations(r);
		a = rig_invite(r, rows[i].number, false);
		rig_settle(r);
		assert_int_equal(a->last, 403);
		assert_string_equal(rig_last_call(r)->rec.reason, rows[i].reason);
		finish(r);
	}
}

/* A side that wants redirections gets the ways in their order, with the numbers for each. */
static void test_redirect(void **state)
{
	struct rig *r = rig_new(14);
	char *answer = NULL;
	struct cfg *old;
	struct rig_ua *a;

	translations(r);
	old = edit(r);
	set(object(r, CFG_TRUNK, "phone"), CFG_TRUNK, "redirect_server", "true");
	((struct cfg_trunk *)object(r, CFG_TRUNK, "t1"))->transport = CFG_TRANSPORT_TCP;
	set(object(r, CFG_SERVER_GROUP, "1"), CFG_SERVER_GROUP, "servers", "ipv4 10.0.1.63");
	set(object(r, CFG_SERVER_GROUP, "1"), CFG_SERVER_GROUP, "servers",
		"ipv4 10.0.1.64 port 5070");
	memset(&((struct cfg_trunk *)object(r, CFG_TRUNK, "t2"))->target, 0,
		sizeof(struct cfg_target));
	((struct cfg_trunk *)object(r, CFG_TRUNK, "t2"))->server_group = 1;
	cfg_leaf_reset(cfg_leaf_find(CFG_REALM, "listen"), object(r, CFG_REALM, "peering"));
	set(object(r, CFG_REALM, "peering"), CFG_REALM, "listen", "udp 10.0.1.1 5060");
	set(object(r, CFG_REALM, "peering"), CFG_REALM, "listen", "tcp 10.0.1.1 5060");
	set(object(r, CFG_TRANSLATION_RULE, "2"), CFG_TRANSLATION_RULE, "rules", "2 /^2/ /#/");
	replace(r, old);
	r->allow_inner = true; /* the ways are addresses of trunks */
	a = rig_invite(r, "200", false);
	while (r->n_queue > 0 || r->n_replies > 0) {
		if (rig_reply(r))
			continue;
		if (r->queue[0].to == RIG_CALLER &&
			memcmp(r->queue[0].bytes, "SIP/2.0 302", 11) == 0)
			answer = strndup(r->queue[0].bytes, r->queue[0].n);
		rig_deliver(r, -1);
	}
	assert_int_equal(a->last, 302);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
	assert_non_null(answer);
	assert_non_null(strstr(answer,
		"\r\nContact: <sip:%2300@10.0.1.60>;q=0.9\r\n"
		"Contact: <sip:200@10.0.1.61;transport=tcp>;q=0.8\r\n"
		"Contact: <sip:200@10.0.1.63>;q=0.7\r\n"
		"Contact: <sip:200@10.0.1.64:5070>;q=0.6\r\n"));
	assert_string_equal(rig_last_call(r)->rec.reason, "redirected, first to trunk t0");
	free(answer);
	finish(r);
}

/* The caller's INVITE that waits in the queue gets another header line. */
static void add_header(struct rig *r, const char *line)
{
	struct rig_packet *p = &r->queue[0];
	const char *first = memchr(p->bytes, '\n', p->n);
	size_t head = (size_t)(first - p->bytes) + 1, len = strlen(line);
	char *more = malloc(p->n + len);

	assert_non_null(more);
	memcpy(more, p->bytes, head);
	memcpy(more + head, line, len);
	memcpy(more + head + len, p->bytes + head, p->n - head);
	free(p->bytes);
	p->bytes = more;
	p->n += len;
}

/* Who redirected the call before is translated too; whom a rule rejects is not named. */
static void test_redirecting(void **state)
{
	static const struct {
		const char *header, *want;
	} rows[] = {
		{"Diversion: <sip:0555@10.0.0.9>;reason=user-busy\r\n",
			"\r\nDiversion: <sip:+49555@10.0.1.1>;reason=user-busy"},
		{"Diversion: <sip:777@10.0.0.9>;reason=user-busy\r\n",
			"\r\nDiversion: <sip:777@10.0.1.1>;reason=user-busy"},
		{"Diversion: <sip:999@10.0.0.9>;reason=user-busy\r\n",
			"\r\nDiversion: <sip:anonymous@anonymous.invalid>;reason=user-busy"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_new(15);
		char invite[4096] = "";
		struct cfg *old;

		translations(r);
		old = edit(r);
		set(object(r, CFG_TRANSLATION_RULE, "4"), CFG_TRANSLATION_RULE, "rules",
			"1 /^0/ /+49/");
		set(object(r, CFG_TRANSLATION_RULE, "4"), CFG_TRANSLATION_RULE, "rules",
			"2 reject /^9/");
		set(object(r, CFG_TRANSLATION_PROFILE, "in"), CFG_TRANSLATION_PROFILE,
			"redirect_called", "4");
		set(object(r, CFG_TENANT, "1"), CFG_TENANT, "trust", "both");
		set(object(r, CFG_TENANT, "1"), CFG_TENANT, "redirecting", "diversion");
		((struct cfg_realm *)object(r, CFG_REALM, "access"))->tenant = 1;
		((struct cfg_realm *)object(r, CFG_REALM, "peering"))->tenant = 1;
		replace(r, old);
		rig_invite(r, "200", false);
		add_header(r, rows[i].header);
		while (!invite[0] && (r->n_queue > 0 || r->n_replies > 0)) {
			const struct rig_packet *p = &r->queue[0];

			if (rig_reply(r))
				continue;
			if (p->to == RIG_CALLEE && memcmp(p->bytes, "INVITE ", 7) == 0)
				snprintf(invite, sizeof(invite), "%.*s", (int)p->n, p->bytes);
			rig_deliver(r, -1);
		}
		if (!strstr(invite, rows[i].want))
			fail_msg("no%s in\n%s", rows[i].want, invite);
		rig_settle(r);
		rig_bye(r, rig_callee(r));
		finish(r);
	}
}

/* ---- what "test call" says is what a call does ---- */

static const char *pick(struct rig *r, const char *const *words, unsigned int n)
{
	return words[rig_random(r, n)];
}
#define PICK(r, ...)                                  \
	pick((r), (const char *const[]){__VA_ARGS__}, \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static bool one_in(struct rig *r, unsigned int n)
{
	return rig_random(r, n) == 0;
}

static void random_trunks(struct rig *r)
{
	for (unsigned int i = 0; i < 6; i++) {
		char name[8], target[32];
		struct cfg_trunk *trunk;

		snprintf(name, sizeof(name), "t%u", i);
		snprintf(target, sizeof(target), "ipv4:10.0.1.6%u:5060", i);
		trunk = object(r, CFG_TRUNK, name);
		snprintf(trunk->realm, sizeof(trunk->realm), "peering");
		set(trunk, CFG_TRUNK, "target", target);
		trunk->shutdown = one_in(r, 8);
		trunk->breaker_failures =
			0; /* what one call does would change the next one's ways */
		if (one_in(r, 10))
			trunk->transport = CFG_TRANSPORT_TCP; /* nobody listens so */
		if (one_in(r, 2))
			set(trunk, CFG_TRUNK, "translation_outgoing", PICK(r, "peer", "out"));
		if (one_in(r, 2))
			set(trunk, CFG_TRUNK, "quality", PICK(r, "1", "2"));
	}
}

static void random_classes(struct rig *r)
{
	set(object(r, CFG_QUALITY, "1"), CFG_QUALITY, "asr_minimum", "40");
	set(object(r, CFG_QUALITY, "1"), CFG_QUALITY, "probe_percent", "30");
	set(object(r, CFG_QUALITY, "2"), CFG_QUALITY, "mos_minimum", "350");
	set(object(r, CFG_QUALITY, "2"), CFG_QUALITY, "probe_percent", PICK(r, "0", "30"));
	set(object(r, CFG_QUALITY, "2"), CFG_QUALITY, "action", "exclude");
}

struct rig_up {
	struct rig *r;
	const struct cfg *cfg;
};

static struct ctl_quality told[6];

/* What limen-control says of the trunks; of some nothing. */
static void random_quality(struct rig *r)
{
	memset(told, 0, sizeof(told));
	for (unsigned int i = 0; i < 6; i++) {
		struct ctl_quality *q = &told[i];

		if (one_in(r, 4))
			continue;
		snprintf(q->trunk, sizeof(q->trunk), "t%u", i);
		q->score = rig_random(r, 21) * 5;
		for (uint32_t tag = 1; tag <= 2; tag++) {
			if (one_in(r, 3))
				q->breach[q->n++] = (struct ctl_quality_breach){.tag = tag,
					.metric = rig_random(r, CTL_QUALITY_N_METRICS),
					.value = rig_random(r, 100),
					.bound = 100,
					.calls = 10};
		}
		assert_int_equal(b2b_routing(r->b, CTL_QUALITY, q, sizeof(*q)), 0);
	}
}

static const struct ctl_quality *told_quality(void *arg, uint32_t trunk_index)
{
	const struct rig_up *up = arg;

	for (unsigned int i = 0; i < 6; i++) {
		if (strcmp(told[i].trunk, up->cfg->trunks[trunk_index].name) == 0)
			return &told[i];
	}
	return NULL;
}

static void random_peers(struct rig *r)
{
	for (unsigned int i = 0; i < 30; i++) {
		struct cfg_dial_peer *peer;
		char tag[8], pattern[8] = "";
		unsigned int n = rig_random(r, 4);

		snprintf(tag, sizeof(tag), "%u", 100 + i);
		for (unsigned int k = 0; k < n; k++)
			strcat(pattern, PICK(r, "1", "2", "3", "."));
		strcat(pattern, n == 0 || one_in(r, 2) ? "T" : "");
		peer = object(r, CFG_DIAL_PEER, tag);
		if (one_in(r, 5))
			set(peer, CFG_DIAL_PEER, "destination_map", PICK(r, "1", "2"));
		else
			set(peer, CFG_DIAL_PEER, "destination_pattern", pattern);
		if (one_in(r, 6))
			set(peer, CFG_DIAL_PEER, "route_table", PICK(r, "1", "2"));
		else if (one_in(r, 5))
			set(peer, CFG_DIAL_PEER, "route_hook", PICK(r, "1", "2"));
		else
			set(peer, CFG_DIAL_PEER, "trunk",
				PICK(r, "t0", "t1", "t2", "t3", "t4", "t5"));
		set(peer, CFG_DIAL_PEER, "preference", PICK(r, "0", "1", "2"));
		peer->huntstop = one_in(r, 12);
		peer->shutdown = one_in(r, 10);
		if (one_in(r, 3))
			set(peer, CFG_DIAL_PEER, "incoming_realm", PICK(r, "access", "peering"));
		if (one_in(r, 2))
			set(peer, CFG_DIAL_PEER, "translation_outgoing", PICK(r, "peer", "out"));
		if (one_in(r, 2))
			set(peer, CFG_DIAL_PEER, "weight", PICK(r, "1", "2", "7"));
		if (one_in(r, 5))
			set(peer, CFG_DIAL_PEER, "time_range", PICK(r, "day", "night"));
		if (one_in(r, 4))
			set(peer, CFG_DIAL_PEER, "quality", PICK(r, "1", "2"));
		peer->order_quality = one_in(r, 2);
		if (one_in(r, 6))
			set(peer, CFG_DIAL_PEER, "incoming_trunk", PICK(r, "phone", "t1"));
		if (one_in(r, 6)) {
			set(peer, CFG_DIAL_PEER, "incoming_called",
				PICK(r, "T", "1T", "2..", "3T"));
			set(peer, CFG_DIAL_PEER, "translation_incoming", PICK(r, "in", "peer"));
		}
	}
}

static void publish(
	struct rig *r, struct numbers *numbers, enum numbers_kind kind, void *image, size_t len)
{
	int fd;

	assert_int_equal(flash_seal("test", image, len, &fd), 0);
	assert_int_equal(numbers_set(numbers, kind, 1, fd, len), 0);
	b2b_numbers(r->b, &(struct ctl_numbers){.tag = 1, .kind = kind, .len = len}, fd);
	free(image);
}

static void random_table(struct rig *r, struct numbers *numbers)
{
	char csv[2048] = "prefix,trunk,rate,valid-to\n", error[RATETABLE_ERROR_MAX];
	uint32_t n_rows;
	void *image;
	size_t len;

	for (unsigned int i = 0; i < 30; i++) {
		size_t n = strlen(csv);

		snprintf(csv + n, sizeof(csv) - n, "%s%s,%s,%u,%s\n", PICK(r, "1", "2", "3"),
			PICK(r, "", "1", "2"), PICK(r, "t0", "t1", "t2", "t3", "t4", "t5", "no"),
			rig_random(r, 5), PICK(r, "", "2020-01-01", "2098-01-01"));
	}
	if (ratetable_build(view_of(csv), &image, &len, &n_rows, error) < 0)
		fail_msg("%s", error);
	publish(r, numbers, NUMBERS_TABLE, image, len);
	set(object(r, CFG_ROUTE_TABLE, "1"), CFG_ROUTE_TABLE, "url", "flash:/one");
	set(object(r, CFG_ROUTE_TABLE, "2"), CFG_ROUTE_TABLE, "url", "flash:/two");
}

/* Map 1 in the B2BUA and in ret; map 2 is in the configuration alone, not loaded. */
static struct numbers *random_map(struct rig *r)
{
	struct numtrie_builder *b = numtrie_builder_new();
	struct numbers *numbers = numbers_new();
	void *image;
	size_t len;

	for (unsigned int i = 0; i < 5; i++) {
		char pattern[8] = "";

		for (unsigned int k = rig_random(r, 3) + 1; k > 0; k--)
			strcat(pattern, PICK(r, "1", "2", "3", "."));
		assert_int_equal(numtrie_add(b, view_of(pattern), true), 0);
	}
	assert_int_equal(numtrie_build(b, &image, &len, NULL, NULL), 0);
	publish(r, numbers, NUMBERS_MAP, image, len);
	numtrie_builder_free(b);
	set(object(r, CFG_E164_MAP, "1"), CFG_E164_MAP, "url", "flash:/one");
	set(object(r, CFG_E164_MAP, "2"), CFG_E164_MAP, "url", "flash:/two");
	return numbers;
}

/* As limen-control knows it: by name, from what the worker reported. */
static bool reported_up(void *arg, uint32_t trunk_index)
{
	const struct rig_up *up = arg;
	const char *name = up->cfg->trunks[trunk_index].name;

	for (uint32_t i = 0; i < up->r->shared.n_spots; i++) {
		struct b2b_spot *s = &up->r->shared.spots[i];

		if (atomic_load(&s->refs) > 0 && strcmp(s->trunk, name) == 0)
			return !atomic_load(&s->down) &&
			       breaker_passes(atomic_load(&s->breaker), twheel_now(up->r->wheel));
	}
	return true;
}

/* The INVITEs of a call to the called side: last octet of the trunk, numbers. */
static struct {
	uint32_t n;
	struct {
		uint8_t host;
		char called[CTL_NUMBER_MAX], calling[CTL_NUMBER_MAX];
	} invite[ROUTE_TRIES_MAX + 1];
} seen;

static void see_invite(const struct rig_packet *p)
{
	static struct sip_msg msg;
	const uint32_t n = seen.n++;

	assert_true(n < ROUTE_TRIES_MAX);
	assert_int_equal(sip_msg_parse(&msg, p->bytes, p->n, false), 0);
	seen.invite[n].host = p->dst.ip[3];
	assert_int_equal(policy_user_text(&msg.uri, seen.invite[n].called, CTL_NUMBER_MAX), 0);
	assert_int_equal(
		policy_user_text(&msg.from.uri, seen.invite[n].calling, CTL_NUMBER_MAX), 0);
}

static void random_hooks(struct rig *r)
{
	static const char *const tags[] = {"1", "2"};

	for (unsigned int i = 0; i < 2; i++) {
		struct cfg_route_hook *hook = object(r, CFG_ROUTE_HOOK, tags[i]);

		set(hook, CFG_ROUTE_HOOK, "url", "https://router.example/way");
		set(hook, CFG_ROUTE_HOOK, "fallback", PICK(r, "local", "local", "reject"));
		hook->breaker_failures = 0; /* what one call meets would change the next one */
	}
}

/* What the hook says to a call; and that it fails. */
static struct {
	unsigned int n_asked; /* before the call */
	bool answered;
	char text[1024];
} hook;

static void random_answer(struct rig *r)
{
	size_t n;

	if (one_in(r, 12)) {
		snprintf(hook.text, sizeof(hook.text), "{\"reject\":{\"status\":%s}}",
			PICK(r, "404", "603", "486"));
		return;
	}
	snprintf(hook.text, sizeof(hook.text), "{\"targets\":[");
	for (unsigned int i = rig_random(r, 5); i > 0; i--) {
		n = strlen(hook.text);
		if (one_in(r, 3))
			snprintf(hook.text + n, sizeof(hook.text) - n, "{\"dial_peer\":%u",
				100 + rig_random(r, 32));
		else if (one_in(r, 3))
			snprintf(hook.text + n, sizeof(hook.text) - n,
				"{\"uri\":\"sip:%s10.0.1.6%u:50%s\"", PICK(r, "", "77@"),
				rig_random(r, 7), PICK(r, "60", "60", "61"));
		else
			snprintf(hook.text + n, sizeof(hook.text) - n, "{\"trunk\":\"%s\"",
				PICK(r, "t0", "t1", "t2", "t3", "t4", "t5", "no"));
		n = strlen(hook.text);
		snprintf(hook.text + n, sizeof(hook.text) - n, "%s}%s",
			PICK(r, "", ",\"called\":\"11\"", ",\"calling\":\"12\""), i > 1 ? "," : "");
	}
	n = strlen(hook.text);
	snprintf(hook.text + n, sizeof(hook.text) - n, "]%s}",
		PICK(r, "", ",\"called\":\"3\"", ",\"calling\":\"17\""));
}

static void answer(struct rig *r)
{
	hook.answered = true;
	if (one_in(r, 6))
		hook.text[0] = '\0';
	else
		random_answer(r);
	b2b_asked(r->b, r->asked_id, view_of(hook.text), hook.text[0] ? "" : "nobody is there");
}

/* As limen-sip has it; NULL: there was no question. */
static const struct route_asked *asked_of(const struct route_result *first)
{
	static struct hook_answer got;
	static char why[HOOK_REASON_MAX];
	static struct route_asked asked;

	if (!first->ask)
		return NULL;
	asked = (struct route_asked){
		.tag = first->ask->route_hook, .why = "it did not answer: nobody is there"};
	if (hook.text[0]) {
		assert_int_equal(hook_answer_read(view_of(hook.text), &got, why), 0);
		asked.answer = &got;
	}
	return &asked;
}

/* Everything arrives. */
static void follow(struct rig *r)
{
	seen.n = 0;
	hook.n_asked = r->n_asked;
	hook.answered = false;
	while (r->n_queue > 0 || r->n_replies > 0 ||
		(r->n_asked != hook.n_asked && !hook.answered)) {
		const struct rig_packet *p = &r->queue[0];

		if (r->n_asked != hook.n_asked && !hook.answered) {
			answer(r);
			continue;
		}

		if (rig_reply(r))
			continue;
		if (p->to == RIG_CALLEE && memcmp(p->bytes, "INVITE ", 7) == 0)
			see_invite(p);
		rig_deliver(r, -1);
	}
}

/* Each row that is used was tried in its turn, with its numbers; no other. */
static void expect_tried(const struct route_result *res)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < res->n_rows; i++) {
		const struct route_row *row = &res->rows[i];

		if (row->verdict != ROUTE_USE)
			continue;
		assert_true(n < seen.n);
		assert_int_equal(seen.invite[n].host, row->trunk->target.addr.ip[3]);
		assert_string_equal(seen.invite[n].called, row->out.called);
		assert_string_equal(seen.invite[n].calling, row->out.calling);
		n++;
	}
	assert_int_equal(n, seen.n);
}

static void random_call(struct rig *r, const struct route_table *table,
	const struct numbers *numbers, unsigned int *n_ways, uint64_t *n_bad, uint64_t *n_probes,
	unsigned int *n_hooked)
{
	struct rig_up up = {r, r->cfg};
	char number[16] = "", reason[ROUTE_REASON_MAX];
	struct route_query q = {.realm = "access",
		.trunk = "phone",
		.calling = "phone",
		.numbers = numbers,
		.up = reported_up,
		.quality = told_quality,
		.arg = &up};
	struct route_result res;
	const struct rig_call *call;
	struct rig_ua *ua;

	strcat(number, one_in(r, 20) ? "+" : one_in(r, 10) ? "666" : "");
	for (unsigned int k = rig_random(r, 5) + 1; k > 0; k--)
		strcat(number, PICK(r, "0", "1", "2", "3"));
	r->n_attempts = 0;
	ua = rig_invite(r, number, false);
	follow(r);
	call = rig_last_call(r);
	q.called = view_of(number);
	q.now_s = (int64_t)(call->rec.invite_ms / 1000);
	q.random = call->rec.id;
	if (route_lookup(table, &q, &res) < 0)
		assert_int_equal(res.n_use, 0);
	assert_int_equal(res.ask != NULL, r->n_asked != hook.n_asked);
	q.asked = asked_of(&res);
	if (q.asked && route_lookup(table, &q, &res) < 0)
		assert_int_equal(res.n_use, 0);
	*n_hooked += q.asked && q.asked->answer && res.n_use;
	expect_tried(&res);
	/* Each trunk that was tried is told once: the last one in the record. */
	assert_int_equal(r->n_attempts, res.n_use ? res.n_use - 1 : 0);
	assert_int_equal(call->rec.tried_ms != 0, res.n_use > 0);
	assert_int_equal(call->rec.dial_peer_in, res.peer_in ? res.peer_in->tag : 0);
	if (res.n_use == 0) {
		assert_int_equal(ua->last, route_result_status(&res));
		route_result_explain(&res, q.realm, reason);
		assert_string_equal(call->rec.reason, reason);
	} else {
		assert_int_equal(ua->last, 503);
	}
	for (uint32_t i = 0; i < res.n_rows; i++) {
		*n_bad += res.rows[i].demoted || res.rows[i].verdict == ROUTE_EXCLUDED;
		*n_probes += res.rows[i].verdict == ROUTE_USE && res.rows[i].probe;
	}
	*n_ways += res.n_use;
	rig_forget(r, ua);
}

/* A thousand calls through configurations of all sorts; each far end refuses, so all are tried. */
static void test_random(void **state)
{
	uint64_t all_bad = 0, all_probes = 0;
	unsigned int n_ways = 0, n_hooked = 0;

	for (unsigned int round = 0; round < 20; round++) {
		struct rig *r = rig_new(1000 + round);
		uint64_t n_bad = 0, n_probes = 0;
		struct route_table *table;
		struct numbers *numbers;
		char error[ROUTE_REASON_MAX];
		struct cfg *old;

		translations(r);
		old = edit(r);
		set(object(r, CFG_TIME_RANGE, "day"), CFG_TIME_RANGE, "periodic",
			"daily 08:00 to 20:00");
		set(object(r, CFG_TIME_RANGE, "night"), CFG_TIME_RANGE, "periodic",
			"daily 20:00 to 08:00");
		random_classes(r);
		random_hooks(r);
		random_trunks(r);
		random_peers(r);
		numbers = random_map(r);
		random_table(r, numbers);
		((struct cfg_route_table *)object(r, CFG_ROUTE_TABLE, "1"))->order_quality = one_in(
			r, 2);
		random_quality(r);
		replace(r, old);
		for (uint32_t i = 0; i < r->shared.n_spots; i++)
			atomic_store(&r->shared.spots[i].down, one_in(r, 8));
		assert_int_equal(route_table_new(r->cfg, &table, error), 0);
		r->side[RIG_CALLEE].answer = 503;
		for (unsigned int i = 0; i < 50; i++) {
			random_call(r, table, numbers, &n_ways, &n_bad, &n_probes, &n_hooked);
			if (i % 10 == 9)
				rig_pass(r, LONG_MS);
		}
		assert_int_equal(r->stats.quality_demoted, n_bad);
		assert_int_equal(r->stats.quality_probes, n_probes);
		all_bad += n_bad;
		all_probes += n_probes;
		route_table_free(table);
		numbers_free(numbers);
		finish(r);
	}
	assert_true(n_ways > 1000); /* the calls do go somewhere */
	assert_true(all_bad > 200 && all_probes > 30);
	assert_true(n_hooked > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_redirect),
		cmocka_unit_test(test_redirecting),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
