/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Targets of trunks: names, server groups, fail-over inside a call, health, circuit breakers. */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/config/schema.h"
#include "sip-b2bua/b2b/breaker.h"
#include "sip-b2bua/b2b/call.h"

static void expect_reason(struct rig *r, unsigned int status, const char *reason)
{
	const struct rig_call *call = rig_last_call(r);

	assert_true(call->ended);
	assert_int_equal(call->rec.sip_status, status);
	assert_string_equal(call->rec.reason, reason);
}

/* ---- DNS: carrier.example by SRV to a (priority 10) and b (20) ---- */

static enum { DNS_SAYS, DNS_WAITS, DNS_DEAD, DNS_IS_STALE } dns;

static struct locate_look look(struct rig *r, const char *name, uint16_t type)
{
	static union {
		struct dns_answer a;
		uint8_t room[sizeof(struct dns_answer) + 2 * sizeof(struct dns_record)];
	} u;
	struct locate_look l = {.found = LOCATE_DATA, .answer = &u.a};

	if (dns == DNS_WAITS)
		return (struct locate_look){.found = LOCATE_WAIT};
	if (dns == DNS_DEAD)
		return (struct locate_look){
			.found = LOCATE_FAILED, .why = "no name server answered"};
	memset(&u, 0, sizeof(u));
	l.stale = dns == DNS_IS_STALE;
	if (type == DNS_SRV && strcmp(name, "_sip._udp.carrier.example") == 0) {
		u.a.n = 2;
		u.a.records[0] = (struct dns_record){
			.priority = 10, .port = 5060, .name = "a.example"};
		u.a.records[1] = (struct dns_record){
			.priority = 20, .port = 5070, .name = "b.example"};
	} else if (type == DNS_A && name[1] == '.') {
		u.a.n = 1;
		u.a.records[0].addr = (struct ipaddr){
			.family = 4, .ip = {10, 0, 1, name[0] == 'a' ? 60 : 61}};
	} else {
		l.found = LOCATE_NOTHING;
	}
	return l;
}

static struct rig *named_rig(uint64_t seed)
{
	struct rig *r = rig_new(seed);
	struct cfg_target *target = &r->cfg->trunks[0].target;

	dns = DNS_SAYS;
	r->look = look;
	memset(target, 0, sizeof(*target));
	snprintf(target->name, sizeof(target->name), "carrier.example");
	r->cfg->timer_next_target_s = 4;
	apply(r);
	return r;
}

static void test_name(void **state)
{
	struct rig *r = named_rig(1);
	struct rig_ua *a = rig_invite(r, "100", false);

	rig_settle(r);
	assert_int_equal(a->last, 200);
	/* The URI names what was asked for, wherever it goes (RFC 3263 4). */
	expect_has(r->last_invite, "INVITE sip:100@carrier.example SIP/2.0\r\n");
	assert_int_equal(rig_last_call(r)->rec.peer_sig[1].ip[3], 60);
	assert_int_equal(atomic_load(&rig_spot(r, "t0")->n_active), 1);
	rig_bye(r, a);
	finish(r);
}

static void test_name_unknown(void **state)
{
	struct rig *r = named_rig(2);
	struct rig_ua *a;

	dns = DNS_DEAD;
	b2b_dns_changed(r->b);
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 503);
	expect_reason(
		r, 503, "trunk t0: DNS of _sip._udp.carrier.example: no name server answered");
	/* The next dial-peer is tried. */
	a = rig_invite(r, "200", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	rig_bye(r, a);
	dns = DNS_SAYS;
	b2b_dns_changed(r->b);
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	/* Asked again, the old answer stays until there is a new one; then stale ones, counted. */
	dns = DNS_WAITS;
	b2b_dns_changed(r->b);
	assert_int_equal(targets_set(r->b->targets, 0)->n_targets, 2);
	dns = DNS_IS_STALE;
	b2b_dns_changed(r->b);
	assert_int_equal(r->stats.dns_stale, 0);
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(r->stats.dns_stale, 1);
	rig_bye(r, a);
	finish(r);
}

static void test_source(void **state)
{
	static const struct {
		const char *realm, *source, *want;
	} rows[] = {{"peering", "10.0.1.60:5060", "t0"}, {"peering", "10.0.1.61:5070", "t0"},
		{"peering", "10.0.1.61:5060", "t1"}, {"peering", "10.0.1.61:40000", "t0"},
		{"peering", "10.0.1.62:1", "t2"}, {"peering", "10.0.1.63:5060", NULL},
		{"access", "10.0.1.60:5060", NULL}};
	struct rig *r = named_rig(3);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct cfg_trunk *got;
		struct ipaddr a;

		assert_int_equal(ipaddr_parse_port(view_of(rows[i].source), 0, &a), 0);
		got = targets_source(r->b->targets, rows[i].realm, &a);
		assert_string_equal(got ? got->name : "none", rows[i].want ? rows[i].want : "none");
	}
	finish(r);
}

/* Who may not be blocked: of IPv6 the whole network that a trunk is in. */
static void test_within(void **state)
{
	static const struct {
		const char *realm, *net;
		uint8_t len;
		bool is;
	} rows[] = {{"peering", "10.0.1.60", 32, true}, {"peering", "10.0.1.63", 32, false},
		{"access", "10.0.1.60", 32, false}, {"peering", "2001:db8:1:2::", 64, true},
		{"peering", "2001:db8:1:3::", 64, false}, {"peering", "2001:db8:1::", 48, true},
		{"peering", "2001:db8:1:2::9", 128, true},
		{"peering", "2001:db8:1:2::8", 128, false},
		{"access", "2001:db8:1:2::", 64, false}};
	struct rig *r = named_rig(4);

	assert_int_equal(
		ipaddr_parse(VIEW("2001:db8:1:2::9"), 5060, &r->cfg->trunks[2].target.addr), 0);
	apply(r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipaddr net;

		assert_int_equal(ipaddr_parse(view_of(rows[i].net), 0, &net), 0);
		assert_int_equal(b2b_trusted(r->b, rows[i].realm, &net, rows[i].len), rows[i].is);
	}
	finish(r);
}

static const char *field(const char *msg, const char *name, char *buf, size_t size)
{
	const char *p = strstr(msg, name);

	assert_non_null(p);
	snprintf(buf, size, "%.*s", (int)strcspn(p, "\r"), p);
	return buf;
}

static void test_next_after_503(void **state)
{
	struct rig *r = named_rig(4);
	char first[2048], x[256], y[256];
	struct rig_ua *a;

	r->side[RIG_CALLEE].busy_trunk = 60;
	a = rig_invite(r, "100", false);
	while (!r->last_invite[0])
		assert_true(rig_deliver(r, -1) || rig_reply(r));
	memcpy(first, r->last_invite, sizeof(first));
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 2);
	assert_int_equal(rig_last_call(r)->rec.peer_sig[1].ip[3], 61);
	assert_int_equal(ntohs(rig_last_call(r)->rec.peer_sig[1].port_be16), 5070);
	assert_int_equal(r->stats.failovers, 1);
	/* RFC 3263 4.3: the same request, but for the branch. */
	assert_string_equal(field(first, "\nCall-ID:", x, sizeof(x)),
		field(r->last_invite, "\nCall-ID:", y, sizeof(y)));
	assert_string_equal(field(first, "\nCSeq:", x, sizeof(x)),
		field(r->last_invite, "\nCSeq:", y, sizeof(y)));
	assert_string_equal(field(first, "\nFrom:", x, sizeof(x)),
		field(r->last_invite, "\nFrom:", y, sizeof(y)));
	assert_string_not_equal(field(first, "branch=", x, sizeof(x)),
		field(r->last_invite, "branch=", y, sizeof(y)));
	rig_bye(r, a);
	/* Somebody was reached: that is no reason to go on. */
	r->side[RIG_CALLEE].busy_trunk = 0;
	r->side[RIG_CALLEE].answer = 486;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 486);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 3);
	finish(r);
}

static void test_next_after_silence(void **state)
{
	struct rig *r = named_rig(5);
	struct rig_ua *a, *late;

	r->side[RIG_CALLEE].mute_trunk = 60;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	late = rig_callee(r);
	rig_pass(r, 3900);
	assert_int_equal(a->last, 0);
	rig_pass(r, 200);
	assert_int_equal(a->last, 200);
	assert_int_equal(rig_last_call(r)->rec.peer_sig[1].ip[3], 61);
	/* The first one is heard again: its 200 is acknowledged and ended, the call is untouched. */
	r->side[RIG_CALLEE].mute_trunk = 0;
	rig_pass(r, 5000);
	assert_true(late->acked);
	assert_true(late->hung_up);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_bye(r, a);
	finish(r);
}

/* Who said 100 is given its time. */
static void test_heard(void **state)
{
	struct rig *r = named_rig(6);
	struct rig_ua *a;

	r->side[RIG_CALLEE].answer = 0;
	r->side[RIG_CALLEE].ring = 0;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_pass(r, 60000);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 1);
	assert_int_equal(a->last, 0);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	rig_bye(r, a);
	finish(r);
}

static void test_cancel_between(void **state)
{
	struct rig *r = named_rig(7);
	struct rig_ua *a;

	r->side[RIG_CALLEE].mute_trunk = 60;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_pass(r, 2000);
	rig_cancel(r, a);
	rig_settle(r);
	rig_pass(r, 10000);
	assert_int_equal(a->last, 487);
	assert_int_equal(r->stats.failovers, 0);
	finish(r);
}

/* In a dialog, too: the BYE goes to the other target when the first is silent, or refuses it. */
static void test_next_in_dialog(void **state)
{
	struct rig *r = named_rig(9);
	struct rig_ua *a = rig_invite(r, "100", false), *b;

	rig_settle(r);
	b = rig_callee(r);
	assert_int_equal(a->last, 200);
	r->side[RIG_CALLEE].mute_trunk = 60;
	rig_bye(r, a);
	rig_settle(r);
	assert_int_equal(r->stats.failovers, 0);
	rig_pass(r, 40000);
	assert_int_equal(r->stats.failovers, 1);
	assert_true(b->hung_up);
	assert_true(r->side[RIG_CALLEE].n_requests[SIP_M_BYE] >= 2);
	finish(r);
}

static void test_health(void **state)
{
	struct rig *r = named_rig(8);
	struct rig_ua *a;

	r->cfg->trunks[0].options_interval_s = 10;
	r->cfg->trunks[0].options_down_after = 2;
	apply(r);
	r->side[RIG_CALLEE].busy_trunk = 60;
	rig_pass(r, 40000);
	assert_int_equal(r->trunk_status.up, 1);
	expect_has(r->trunk_status.reason, "1 of 2 targets are active; OPTIONS was answered");
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 1); /* at once */
	rig_bye(r, a);
	r->side[RIG_CALLEE].busy_trunk = 0;
	rig_pass(r, 15000);
	expect_has(r->trunk_status.reason, "2 of 2 targets are active");
	r->cfg->trunks[0].options_interval_s = 0;
	apply(r);
	finish(r);
}

/* ---- server groups ---- */

static struct rig *group_rig(uint64_t seed, uint8_t hunt)
{
	struct rig *r = rig_new(seed);
	struct cfg_server_group *g = calloc(1, sizeof(*g));

	g->tag = 4;
	g->hunt = hunt;
	g->n_members = 3;
	for (unsigned int i = 0; i < 3; i++) {
		g->members[i].target.addr = r->cfg->trunks[i].target.addr;
		g->members[i].preference = i == 2;
		g->members[i].weight = i == 0 ? 3 : 1;
	}
	r->cfg->server_groups = g;
	r->cfg->n_server_groups = 1;
	memset(&r->cfg->trunks[0].target, 0, sizeof(r->cfg->trunks[0].target));
	r->cfg->trunks[0].server_group = 4;
	r->cfg->timer_next_target_s = 4;
	apply(r);
	return r;
}

/* Draws n times; how often each member came first. */
static void draw(struct rig *r, unsigned int n, unsigned int ret_first[3])
{
	struct call_targets ct;
	const char *why;

	memset(ret_first, 0, 3 * sizeof(ret_first[0]));
	for (unsigned int i = 0; i < n; i++) {
		targets_pick(r->b->targets, &r->cfg->trunks[0], &ct, &why);
		assert_int_equal(ct.n, 3);
		ret_first[ct.list[0].member]++;
	}
}

static void test_group_draws(void **state)
{
	unsigned int first[3];
	struct rig *r = group_rig(10, CFG_HUNT_PREFERENCE);

	draw(r, 10, first);
	assert_int_equal(first[0], 10);
	r->cfg->server_groups[0].hunt = CFG_HUNT_ROUND_ROBIN;
	apply(r);
	draw(r, 9, first);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(first[i], 3);
	r->cfg->server_groups[0].hunt = CFG_HUNT_WEIGHT;
	apply(r);
	draw(r, 10000, first);
	/* three quarters, within 5 %; the seed is fixed */
	assert_in_range(first[0], 7500 - 375, 7500 + 375);
	assert_int_equal(first[2], 0);
	finish(r);
}

static void test_group_load(void **state)
{
	struct rig *r = group_rig(11, CFG_HUNT_LEAST_LOAD);
	struct rig_ua *a[8];
	unsigned int at[3] = {0};

	for (unsigned int i = 0; i < 8; i++) {
		a[i] = rig_invite(r, "100", false);
		rig_settle(r);
		assert_int_equal(a[i]->last, 200);
		at[rig_last_call(r)->rec.peer_sig[1].ip[3] - 60]++;
	}
	/* 3 to 1, one by one as exactly as it can be */
	assert_int_equal(at[0], 6);
	assert_int_equal(at[1], 2);
	assert_int_equal(at[2], 0);
	/* What limen-sip knows of them outlasts its restart. */
	rig_restart_sip(r);
	assert_int_equal(atomic_load(&rig_spot(r, "t0")->n_active), 6);
	for (unsigned int i = 0; i < 8; i++)
		rig_bye(r, a[i]);
	finish(r);
}

/* ---- circuit breaker ---- */

static void test_breaker_word(void **state)
{
	const struct breaker_conf conf = {3, 1000}, off = {0, 1000};
	_Atomic uint64_t w = 0;

	for (unsigned int i = 0; i < 200; i++)
		assert_false(breaker_failed(&w, &off, 5, 9000));
	assert_int_equal(w, 0);
	/* a success between starts the count anew */
	assert_false(breaker_failed(&w, &conf, 0, 0));
	assert_false(breaker_failed(&w, &conf, 0, 0));
	assert_false(breaker_worked(&w));
	assert_false(breaker_failed(&w, &conf, 0, 0));
	assert_false(breaker_failed(&w, &conf, 0, 0));
	assert_true(breaker_enter(&w, 0));
	assert_true(breaker_failed(&w, &conf, 100, 0));
	assert_int_equal(breaker_state(w), BREAKER_OPEN);
	assert_false(breaker_passes(w, 1099));
	assert_false(breaker_enter(&w, 1099));
	/* what began before neither opens it again nor closes it */
	assert_false(breaker_failed(&w, &conf, 500, 0));
	assert_false(breaker_worked(&w));
	assert_int_equal(breaker_until_ms(w), 1100);
	/* one tries */
	assert_true(breaker_enter(&w, 1100));
	assert_int_equal(breaker_state(w), BREAKER_TRIAL);
	assert_false(breaker_enter(&w, 1101));
	/* and fails: twice as long, then four times ... */
	assert_true(breaker_failed(&w, &conf, 2000, 0));
	assert_int_equal(breaker_until_ms(w), 4000);
	assert_true(breaker_enter(&w, 4000));
	assert_true(breaker_failed(&w, &conf, 4000, 0));
	assert_int_equal(breaker_until_ms(w), 8000);
	/* a trial of which nothing is heard is not for ever */
	assert_true(breaker_enter(&w, 8000));
	assert_false(breaker_enter(&w, 8000 + BREAKER_TRIAL_MS - 1));
	assert_true(breaker_enter(&w, 8000 + BREAKER_TRIAL_MS));
	assert_true(breaker_worked(&w));
	assert_int_equal(w, 0);
	/* Retry-After: at once, and for what it says, within a limit */
	assert_true(breaker_failed(&w, &conf, 1000, 60000));
	assert_int_equal(breaker_until_ms(w), 61000);
	assert_false(breaker_failed(&w, &conf, 2000, 90000));
	assert_int_equal(breaker_until_ms(w), 92000);
	w = 0;
	assert_true(breaker_failed(&w, &conf, 0, 1000000000));
	assert_int_equal(breaker_until_ms(w), BREAKER_HOLD_MAX_MS);
}

static struct rig *breaker_rig(uint64_t seed)
{
	struct rig *r = rig_new(seed);

	r->cfg->trunks[0].breaker_failures = 3;
	r->cfg->trunks[0].breaker_hold_s = 30;
	apply(r);
	return r;
}

static unsigned int call(struct rig *r)
{
	struct rig_ua *a = rig_invite(r, "100", false);
	unsigned int status;

	rig_settle(r);
	status = a->last;
	if (status == 200)
		rig_bye(r, a);
	rig_settle(r);
	return status;
}

static void test_breaker(void **state)
{
	struct rig *r = breaker_rig(20);
	uint64_t *n_invites = &r->side[RIG_CALLEE].n_requests[SIP_M_INVITE];

	r->side[RIG_CALLEE].busy_trunk = 60;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(call(r), 503);
	assert_int_equal(r->stats.breaker_opened, 1);
	assert_int_equal(*n_invites, 3);
	/* It is left alone for 30 s ... */
	assert_int_equal(call(r), 503);
	expect_reason(r, 503, "dial-peer 10: trunk t0 is busied out");
	assert_int_equal(*n_invites, 3);
	rig_pass(r, 31000);
	/* ... one call tries it, in vain, and 60 s ... */
	assert_int_equal(call(r), 503);
	assert_int_equal(*n_invites, 4);
	rig_pass(r, 31000);
	assert_int_equal(call(r), 503);
	assert_int_equal(*n_invites, 4);
	rig_pass(r, 31000);
	/* ... and it works. */
	r->side[RIG_CALLEE].busy_trunk = 0;
	assert_int_equal(call(r), 200);
	assert_int_equal(call(r), 200);
	assert_int_equal(*n_invites, 6);
	finish(r);
}

static void test_retry_after(void **state)
{
	struct rig *r = breaker_rig(21);

	r->side[RIG_CALLEE].busy_trunk = 60;
	r->side[RIG_CALLEE].busy_headers = "Retry-After: 90 (in maintenance);duration=3600\r\n";
	assert_int_equal(call(r), 503);
	assert_int_equal(r->stats.breaker_opened, 1);
	r->side[RIG_CALLEE].busy_trunk = 0;
	rig_pass(r, 80000);
	assert_int_equal(call(r), 503);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 1);
	rig_pass(r, 11000);
	assert_int_equal(call(r), 200);
	finish(r);
}

/* ---- names in Contact and Route ---- */

struct hop_row {
	const char *uri;
	uint8_t transport; /* of the far end's own messages; their connection is number 9 */
	int rc;
	const char *ways; /* "TRANSPORT ADDRESS:PORT[ conn]", ... */
};

static void hop_check(struct rig *r, const struct hop_row *row)
{
	struct sip_path path = {.transport = row->transport, .listener = 1}, ways[SIP_WAYS_MAX];
	char text[1024] = "", addr[IPADDR_TEXT_MAX];
	struct sip_uri uri;
	unsigned int n = 0;
	int rc;

	assert_int_equal(ipaddr_parse(VIEW("10.0.1.60"), 33000, &path.remote), 0);
	path.by_name = 1;
	path.conn = row->transport == SIP_UDP ? 0 : 9;
	assert_int_equal(sip_uri_parse(view_of(row->uri), &uri), 0);
	rc = b2b_locate(r->b, &path, &uri, ways, &n);
	for (unsigned int i = 0; rc == 0 && i < n; i++) {
		assert_false(ways[i].by_name);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s %s%s",
			i ? ", " : "", VIEW_ARG(sip_transport_text(ways[i].transport)),
			ipaddr_print_port(&ways[i].remote, addr), ways[i].conn ? " conn" : "");
	}
	if (rc != row->rc || strcmp(text, row->ways) != 0)
		fail_msg("%s: %d, %s", row->uri, rc, text);
}

static void test_hops(void **state)
{
	static const struct hop_row rows[] = {
		{"sip:x@carrier.example", SIP_UDP, 0, "UDP 10.0.1.60:5060, UDP 10.0.1.61:5070"},
		{"sip:x@Carrier.example;transport=udp", SIP_UDP, 0,
			"UDP 10.0.1.60:5060, UDP 10.0.1.61:5070"},
		{"sip:a.example:5080", SIP_UDP, 0, "UDP 10.0.1.60:5080"},
		{"sip:b.example", SIP_UDP, 0, "UDP 10.0.1.61:5060"},
		/* the realm has UDP alone */
		{"sip:x@a.example;transport=tcp", SIP_UDP, -ENOENT, ""},
		{"sips:x@a.example", SIP_UDP, -ENOENT, ""},
		{"sip:x@nobody.example", SIP_UDP, -ENOENT, ""},
		/* a phone's GRUU; a name that no DNS takes */
		{"sip:x@home.example;gr=urn:uuid:1", SIP_UDP, -EOPNOTSUPP, ""},
		{"sip:x@-a-.example", SIP_TCP, -ENOENT, ""},
		/* who came by a connection is asked for by that in the end */
		{"sip:x@b.example:5080;transport=udp", SIP_TCP, 0,
			"UDP 10.0.1.61:5080, TCP 10.0.1.60:33000 conn"},
	};
	struct rig *r = rig_new(1);
	struct cfg *old = r->cfg;
	char error[CFG_ERROR_MAX];
	void *obj;

	r->look = look;
	dns = DNS_SAYS;
	hop_check(r, &(struct hop_row){"sip:x@a.example", SIP_UDP, -EOPNOTSUPP, ""});
	r->cfg = cfg_clone(old);
	assert_int_equal(cfg_object_add(r->cfg, CFG_REGISTRAR, VIEW("phones"), &obj, error), 0);
	snprintf(((struct cfg_registrar *)obj)->realm, CFG_NAME_MAX, "peering");
	snprintf(((struct cfg_registrar *)obj)->domain, CFG_HOST_MAX, "home.example");
	assert_int_equal(ipaddr_parse(VIEW("10.0.1.99"), 0, &r->cfg->name_servers[0]), 0);
	r->cfg->n_name_servers = 1;
	apply(r);
	cfg_free(old);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		hop_check(r, &rows[i]);
	dns = DNS_WAITS;
	hop_check(r, &(struct hop_row){"sip:x@a.example", SIP_UDP, -EINPROGRESS, ""});
	dns = DNS_DEAD;
	hop_check(r, &(struct hop_row){"sip:x@a.example", SIP_UDP, -ENOENT, ""});
	finish(r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_name_unknown),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_next_after_503),
		cmocka_unit_test(test_next_after_silence),
		cmocka_unit_test(test_heard),
		cmocka_unit_test(test_cancel_between),
		cmocka_unit_test(test_next_in_dialog),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_group_draws),
		cmocka_unit_test(test_group_load),
		cmocka_unit_test(test_breaker_word),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_hops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
