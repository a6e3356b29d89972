/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls that end in the box, announcements before refusals, ring-back and hold music. */
#include "b2b_case.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Number 7: announcement, 8: busy tone, 9: conference; 60: announcement before a refusal. */
static void configure(struct rig *r)
{
	struct cfg *cfg = r->cfg;
	struct cfg_dial_peer *p;
	struct ctl_transcoder transcoder = {
		.state = CTL_TRANSCODER_READY, .codecs = 1u << DP_CODEC_PCMA | 1u << DP_CODEC_G722};
	static const char *const patterns[] = {"7", "8", "9", "60", "71"};
	char error[CFG_ERROR_MAX];

	cfg->dial_peers = realloc(cfg->dial_peers, 9 * sizeof(*p));
	p = cfg->dial_peers + 4;
	memset(p, 0, 5 * sizeof(*p));
	for (unsigned int i = 0; i < 5; i++) {
		p[i].tag = 100 + i;
		strcpy(p[i].destination_pattern, patterns[i]);
	}
	strcpy(p[0].announcement, "hello");
	p[1].tone = CFG_TONE_BUSY;
	p[1].announcement_early = true;
	strcpy(p[2].conference, "sales");
	strcpy(p[3].announcement, "sorry");
	p[3].announcement_early = true;
	p[3].release_cause = 1;
	strcpy(p[4].announcement, "hello");
	p[4].announcement_loop = true;
	cfg->n_dial_peers = 9;
	cfg->realms[0].cptone = CFG_CPTONE_UK;
	cfg->realms[0].n_announcements = 2;
	cfg->realms[0].announcements[0] = (struct cfg_announcement){404, "unknown"};
	cfg->realms[0].announcements[1] = (struct cfg_announcement){486, "engaged"};
	assert_int_equal(b2b_config_prepare(r->b, cfg, error), 0);
	b2b_config_apply(r->b, cfg);
	b2b_transcoder(r->b, &transcoder);
}

static struct rig *rig_local(uint64_t seed)
{
	struct rig *r = rig_new(seed);

	configure(r);
	return r;
}

static void play_done(struct rig *r)
{
	struct rig_call *call = rig_last_call(r);
	struct ctl_play_done done = {.call_id = call->id,
		.cookie = call->conf.cookie,
		.serial = call->conf.play[0].serial};

	b2b_play_done(r->b, &done);
	rig_settle(r);
}

static void expect_end(struct rig *r, unsigned int status, unsigned int q850, const char *reason)
{
	const struct rig_call *call = rig_last_call(r);

	assert_true(call->ended);
	assert_int_equal(call->rec.sip_status, status);
	assert_int_equal(call->rec.q850, q850);
	if (!strstr(call->rec.reason, reason))
		fail_msg("%s, not %s", call->rec.reason, reason);
}

static void expect_play(const struct rig_call *call, unsigned int kind, const char *name)
{
	assert_int_equal(call->conf.play[0].kind, kind);
	assert_string_equal(call->conf.play[0].name, name);
	assert_int_equal(call->conf.leg[0].send.codec, DP_CODEC_PCMA);
	assert_true(call->conf.leg[0].flags & DP_LEG_SEND);
}

static void test_announcement(void **state)
{
	struct rig *r = rig_local(1);
	struct rig_ua *a = rig_invite(r, "7", false);
	struct rig_call *call;

	rig_settle(r);
	call = rig_last_call(r);
	assert_int_equal(a->last, 200);
	assert_non_null(strstr(a->last_sdp, "c=IN IP4 10.0.0.1"));
	assert_null(strstr(a->last_sdp, "127.0.0.1"));
	expect_play(call, CTL_PLAY_PROMPT, "hello");
	assert_int_equal(call->conf.play[0].flags, 0);
	assert_int_equal(ctl_media_n_legs(&call->conf), 1);
	assert_int_equal(call->conf.leg[0].payloads[0].codec, DP_CODEC_PCMA);
	assert_string_equal(call->rec.target, "announcement hello");
	assert_string_equal(call->rec.realm[1], "");
	assert_int_equal(call->rec.dial_peer_out, 100);
	assert_int_equal(b2b_n_dialogs(r->b), 1);
	/* The end of another one says nothing. */
	call->conf.play[0].serial++;
	play_done(r);
	assert_false(call->ended);
	call->conf.play[0].serial--;
	play_done(r);
	assert_true(a->hung_up);
	expect_end(r, 200, 16, "what the box had to play is over");
	finish(r);
}

/* Nobody tells the end: its length does. A loop has none. */
static void test_lost_end(void **state)
{
	struct rig *r = rig_local(2);
	struct rig_ua *a = rig_invite(r, "7", false), *loop;

	rig_settle(r);
	rig_pass(r, 6000);
	assert_false(a->hung_up);
	rig_pass(r, 2000);
	assert_true(a->hung_up);
	expect_end(r, 200, 16, "is over");
	loop = rig_invite(r, "71", false);
	rig_settle(r);
	assert_int_equal(rig_last_call(r)->conf.play[0].flags, CTL_PLAY_LOOP);
	rig_pass(r, LONG_MS);
	assert_false(loop->hung_up);
	rig_bye(r, loop);
	rig_settle(r);
	expect_end(r, 200, 16, "the caller hung up");
	finish(r);
}

static void test_early(void **state)
{
	struct rig *r = rig_local(3);
	struct rig_ua *a = rig_invite(r, "60", false);

	rig_settle(r);
	assert_int_equal(a->last, 0);
	assert_int_equal(a->n_ringing, 1);
	assert_non_null(strstr(a->last_sdp, "c=IN IP4 10.0.0.1"));
	expect_play(rig_last_call(r), CTL_PLAY_PROMPT, "sorry");
	play_done(r);
	assert_int_equal(a->last, 404);
	expect_end(r, 404, 1, "dial-peer 103 plays announcement sorry");
	/* A tone goes on until the caller or the timer has enough. */
	a = rig_invite(r, "8", false);
	rig_settle(r);
	assert_int_equal(rig_last_call(r)->conf.play[0].tone, CFG_TONE_BUSY);
	assert_int_equal(rig_last_call(r)->conf.play[0].country, CFG_CPTONE_UK);
	rig_cancel(r, a);
	rig_settle(r);
	assert_int_equal(a->last, 487);
	expect_end(r, 487, 16, "the caller cancelled");
	a = rig_invite(r, "8", false);
	rig_settle(r);
	rig_pass(r, 181000);
	assert_int_equal(a->last, 486);
	expect_end(r, 486, 17, "dial-peer 101 plays tone busy");
	finish(r);
}

static void test_conference(void **state)
{
	struct rig *r = rig_local(4);
	struct rig_ua *a = rig_invite(r, "9", false);
	struct rig_call *call;
	uint32_t serial;

	rig_settle(r);
	call = rig_last_call(r);
	expect_play(call, CTL_PLAY_ROOM, "sales");
	assert_true(call->conf.leg[0].flags & DP_LEG_RECV);
	serial = call->conf.play[0].serial;
	rig_reinvite(r, a, "sendonly", false);
	rig_settle(r);
	assert_non_null(strstr(a->last_sdp, "a=recvonly"));
	assert_false(call->conf.leg[0].flags & DP_LEG_SEND);
	rig_reinvite(r, a, "sendrecv", false);
	rig_settle(r);
	assert_non_null(strstr(a->last_sdp, "a=sendrecv"));
	expect_play(call, CTL_PLAY_ROOM, "sales");
	assert_int_equal(call->conf.play[0].serial, serial);

	/* limen-sip dies and comes back with the call. */
	rig_restart_sip(r);
	rig_settle(r);
	configure(r);
	assert_int_equal(b2b_n_calls(r->b), 1);
	rig_reinvite(r, a, "sendrecv", true);
	rig_settle(r);
	expect_play(call, CTL_PLAY_ROOM, "sales");
	assert_int_equal(call->conf.play[0].serial, serial);
	rig_bye(r, a);
	rig_settle(r);
	expect_end(r, 200, 16, "the caller hung up");
	finish(r);
}

/* The caller leaves the offer to the box. */
static void test_late_offer(void **state)
{
	struct rig *r = rig_local(5);
	struct rig_ua *a = rig_invite(r, "7", true);

	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_non_null(strstr(a->last_sdp, "m=audio"));
	assert_non_null(strstr(a->last_sdp, " 8 9 101"));
	expect_play(rig_last_call(r), CTL_PLAY_PROMPT, "hello");
	play_done(r);
	assert_true(a->hung_up);
	a = rig_invite(r, "60", true);
	rig_settle(r);
	assert_int_equal(a->last, 404);
	finish(r);
}

static void test_before_refusal(void **state)
{
	struct rig *r = rig_local(6);
	struct rig_ua *a;

	/* No dial-peer matches. */
	a = rig_invite(r, "555", false);
	rig_settle(r);
	assert_int_equal(a->last, 0);
	expect_play(rig_last_call(r), CTL_PLAY_PROMPT, "unknown");
	play_done(r);
	assert_int_equal(a->last, 404);
	expect_end(r, 404, 1, "no dial-peer matches 555");

	/* The called side refuses, having rung with early media. */
	r->side[RIG_CALLEE].answer = 486;
	r->side[RIG_CALLEE].ring = 183;
	r->side[RIG_CALLEE].early_media = true;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 0);
	expect_play(rig_last_call(r), CTL_PLAY_PROMPT, "engaged");
	assert_int_equal(ctl_media_n_legs(&rig_last_call(r)->conf), 1);
	play_done(r);
	assert_int_equal(a->last, 486);
	expect_end(r, 486, 17, "trunk t0 answered 486");
	assert_int_equal(rig_last_call(r)->rec.released_by, CTL_BY_CALLED);

	/* The caller does not listen to the end. */
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_cancel(r, a);
	rig_settle(r);
	assert_int_equal(a->last, 487);

	/* A status without an announcement. */
	r->side[RIG_CALLEE].answer = 603;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	assert_int_equal(a->last, 603);

	/* No ports for the announcement: the refusal is the one that was to come. */
	a = rig_invite(r, "555", false);
	r->media_status = -ENOSPC;
	rig_settle(r);
	assert_int_equal(a->last, 404);
	finish(r);
}

/* Nobody answers in time: what is still pending with the called side is cancelled. */
static void test_no_answer(void **state)
{
	struct rig *r = rig_local(7);
	struct rig_ua *a;

	r->cfg->realms[0].announcements[0].status = 480;
	r->side[RIG_CALLEE].answer = 0;
	r->side[RIG_CALLEE].ring = 180;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_pass(r, 181000);
	assert_int_equal(a->last, 0);
	assert_null(rig_callee(r)->in); /* cancelled */
	expect_play(rig_last_call(r), CTL_PLAY_PROMPT, "unknown");
	play_done(r);
	assert_int_equal(a->last, 480);
	/* The called side answers the CANCEL with a 200 to the INVITE: it gets its BYE. */
	r->side[RIG_CALLEE].on_cancel_answer = true;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	rig_pass(r, 181000);
	play_done(r);
	assert_int_equal(a->last, 480);
	finish(r);
}

static void test_cannot_play(void **state)
{
	static const struct ctl_transcoder no_cores = {.state = CTL_TRANSCODER_NO_CORES};
	static const struct ctl_transcoder other = {
		.state = CTL_TRANSCODER_READY, .codecs = 1u << DP_CODEC_OPUS};
	struct rig *r = rig_local(8);
	struct rig_ua *a;

	b2b_transcoder(r->b, &no_cores);
	a = rig_invite(r, "7", false);
	rig_settle(r);
	assert_int_equal(a->last, 503);
	expect_end(r, 503, 41, "the data plane has no media cores");
	a = rig_invite(r, "555", false);
	rig_settle(r);
	assert_int_equal(a->last, 404); /* at once */
	b2b_transcoder(r->b, &other);
	a = rig_invite(r, "7", false);
	rig_settle(r);
	assert_int_equal(a->last, 488);
	expect_end(r, 488, 65, "the box can make none of the offered codecs");
	finish(r);
}

static void test_ring_back(void **state)
{
	struct rig *r = rig_local(9);
	struct rig_call *call;
	struct rig_ua *a;

	r->cfg->realms[0].ringback_tone = true;
	r->side[RIG_CALLEE].answer = 0;
	r->side[RIG_CALLEE].ring = 180;
	a = rig_invite(r, "100", false);
	rig_settle(r);
	call = rig_last_call(r);
	assert_int_equal(a->n_ringing, 1);
	assert_non_null(strstr(a->last_sdp, "c=IN IP4 10.0.0.1"));
	expect_play(call, CTL_PLAY_TONE, "");
	assert_int_equal(call->conf.play[0].tone, CFG_TONE_RINGBACK);
	assert_int_equal(call->conf.leg[1].flags & (DP_LEG_SEND | DP_LEG_RECV), 0);
	rig_answer(r, rig_callee(r), 180); /* again: the caller hears it already */
	rig_settle(r);
	assert_int_equal(a->n_ringing, 1);
	rig_answer(r, rig_callee(r), 200);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(call->conf.play[0].kind, CTL_PLAY_NONE);
	assert_int_equal(
		call->conf.leg[1].flags & (DP_LEG_SEND | DP_LEG_RECV), DP_LEG_SEND | DP_LEG_RECV);
	rig_bye(r, a);
	finish(r);
}

/* Music for who is held, in whichever style, and never for who holds. */
static void test_music_on_hold(void **state)
{
	static const struct {
		const char *hold, *offered, *answered;
	} rows[] = {
		{"sendonly", "a=sendonly", "a=recvonly"},
		{"inactive", "a=sendonly", "a=inactive"},
	};
	struct rig *r = rig_local(10);
	struct rig_ua *a, *b;
	struct rig_call *call;
	uint32_t serial;

	strcpy(r->cfg->realms[0].music_on_hold, "music");
	strcpy(r->cfg->trunks[0].music_on_hold, "theirs");
	a = rig_invite(r, "100", false);
	rig_settle(r);
	b = rig_callee(r);
	call = rig_last_call(r);
	for (unsigned int i = 0; i < 2; i++) {
		rig_reinvite(r, a, rows[i].hold, false);
		rig_settle(r);
		assert_non_null(strstr(b->last_sdp, rows[i].offered));
		assert_non_null(strstr(a->last_sdp, rows[i].answered));
		assert_int_equal(call->conf.play[1].kind, CTL_PLAY_PROMPT);
		assert_int_equal(call->conf.play[1].flags, CTL_PLAY_LOOP);
		assert_string_equal(call->conf.play[1].name, "music");
		assert_int_equal(call->conf.play[0].kind, CTL_PLAY_NONE);
		assert_true(call->conf.leg[1].flags & DP_LEG_SEND);
		assert_false(call->conf.leg[0].flags & DP_LEG_RECV);
		serial = call->conf.play[1].serial;
		rig_reinvite(r, a, rows[i].hold, false); /* a refresh: it goes on */
		rig_settle(r);
		assert_int_equal(call->conf.play[1].serial, serial);
		rig_reinvite(r, a, "sendrecv", false);
		rig_settle(r);
		assert_int_equal(call->conf.play[1].kind, CTL_PLAY_NONE);
		assert_true(call->conf.leg[0].flags & DP_LEG_RECV);
		assert_non_null(strstr(b->last_sdp, "a=sendrecv"));
	}
	rig_reinvite(r, b, "inactive", false);
	rig_settle(r);
	assert_string_equal(call->conf.play[0].name, "theirs");
	assert_int_equal(call->conf.play[1].kind, CTL_PLAY_NONE);
	rig_restart_sip(r);
	rig_settle(r);
	configure(r);
	rig_reinvite(r, b, "sendrecv", false);
	rig_settle(r);
	assert_int_equal(call->conf.play[0].kind, CTL_PLAY_NONE);
	rig_bye(r, a);
	finish(r);
}

/* An operator's prompt in a call: once, to whom it is for; then what was heard before. */
static void test_insert(void **state)
{
	struct rig *r = rig_local(12);
	struct ctl_call_play play = {.legs = 2, .prompt = "hello"};
	struct ctl_play_done done = {.leg = 1};
	struct rig_ua *a = rig_invite(r, "100", false);
	struct rig_call *call;

	strcpy(r->cfg->realms[0].music_on_hold, "music");
	rig_settle(r);
	call = rig_last_call(r);
	play.call_id = done.call_id = call->id;
	done.cookie = call->conf.cookie;
	b2b_call_play(r->b, &play);
	rig_settle(r);
	assert_string_equal(call->conf.play[1].name, "hello");
	assert_int_equal(call->conf.play[0].kind, CTL_PLAY_NONE);
	done.serial = call->conf.play[1].serial + 1;
	b2b_play_done(r->b, &done);
	assert_int_equal(call->conf.play[1].kind, CTL_PLAY_PROMPT);
	done.serial--;
	b2b_play_done(r->b, &done);
	rig_settle(r);
	assert_int_equal(call->conf.play[1].kind, CTL_PLAY_NONE);
	/* Nobody tells its end, and limen-sip was away meanwhile. */
	play.legs = 3;
	b2b_call_play(r->b, &play);
	rig_settle(r);
	assert_string_equal(call->conf.play[0].name, "hello");
	rig_restart_sip(r);
	rig_settle(r);
	rig_pass(r, 8000);
	assert_int_equal(call->conf.play[0].kind, CTL_PLAY_NONE);
	assert_int_equal(call->conf.play[1].kind, CTL_PLAY_NONE);
	configure(r);
	rig_bye(r, a);
	finish(r);
}

/* A caller with SRTP hears the box encrypted. */
static void test_srtp(void **state)
{
	struct rig *r = rig_local(11);
	struct rig_call *call;
	struct rig_ua *a;

	r->cfg->realms[0].srtp = CFG_SRTP_REQUIRE;
	r->side[RIG_CALLER].srtp = RIG_SRTP;
	a = rig_invite(r, "7", false);
	rig_settle(r);
	call = rig_last_call(r);
	assert_int_equal(a->last, 200);
	assert_non_null(strstr(a->last_sdp, "RTP/SAVP"));
	assert_non_null(strstr(a->last_sdp, "a=crypto:"));
	assert_int_not_equal(call->conf.leg[0].tx.suite, DP_SRTP_NONE);
	expect_play(call, CTL_PLAY_PROMPT, "hello");
	play_done(r);
	assert_true(a->hung_up);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_announcement),
		cmocka_unit_test(test_lost_end),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_conference),
		cmocka_unit_test(test_late_offer),
		cmocka_unit_test(test_before_refusal),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_cannot_play),
		cmocka_unit_test(test_ring_back),
		cmocka_unit_test(test_music_on_hold),
		cmocka_unit_test(test_srtp),
		cmocka_unit_test(test_insert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
