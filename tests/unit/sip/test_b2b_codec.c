/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Codecs in the flow of a call: a trunk without a fitting one is passed over, refusals and their
 * record, a call that is transcoded through a restart of limen-sip and re-INVITEs. The user agents
 * talk PCMA and PCMU.
 */
#include "b2b_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct ctl_transcoder ready = {.codecs = UINT32_MAX};

/* class_a of the callers' realm, class_b of trunk t0; 0: none. */
static struct rig *start(uint32_t class_a, uint32_t class_b)
{
	static const struct cfg_voice_codec classes[] = {
		{.tag = 1, .codec = {{1, CFG_CODEC_AMR_WB}}, .n_codec = 1},
		{.tag = 2, .codec = {{1, CFG_CODEC_G711U}}, .n_codec = 1},
		{.tag = 3, .codec = {{1, CFG_CODEC_G711A}}, .n_codec = 1},
	};
	struct rig *r = rig_new(1);

	r->cfg->voice_codecs = calloc(3, sizeof(classes[0]));
	assert_non_null(r->cfg->voice_codecs);
	memcpy(r->cfg->voice_codecs, classes, sizeof(classes));
	r->cfg->n_voice_codecs = 3;
	r->cfg->realms[0].voice_codec = class_a;
	r->cfg->trunks[0].voice_codec = class_b;
	return r;
}

static void hang_up(struct rig *r, struct rig_ua *a)
{
	rig_bye(r, a);
	rig_settle(r);
	assert_true(rig_last_call(r)->ended);
}

/* Of two trunks the first has no codec for the call: the second gets it. */
static void test_hunt(void **state)
{
	struct rig *r = start(0, 1);
	struct rig_ua *a;

	b2b_transcoder(r->b, &(struct ctl_transcoder){.state = CTL_TRANSCODER_NO_CORES});
	a = rig_invite(r, "200", false);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 1);
	assert_string_equal(rig_last_call(r)->rec.trunk[1], "t1");
	assert_string_equal(rig_last_call(r)->rec.codec[1], "PCMA");
	assert_int_equal(rig_last_call(r)->rec.transcoded, 0);
	assert_string_equal(rig_last_call(r)->rec.reason, "");
	assert_int_equal(r->stats.codec_refused, 1);
	hang_up(r, a);
	finish(r);
}

static void test_refused(void **state)
{
	static const struct {
		uint32_t class_a, class_b, transcoder, status;
		const char *reason;
	} rows[] = {
		{0, 1, CTL_TRANSCODER_NO_CORES, 488, "no media cores"},
		{0, 1, CTL_TRANSCODER_BUSY, 503, "no head-room"},
		{1, 0, CTL_TRANSCODER_READY, 488, "voice class of its side"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = start(rows[i].class_a, rows[i].class_b);
		struct rig_ua *a;

		b2b_transcoder(r->b, &(struct ctl_transcoder){.state = rows[i].transcoder});
		a = rig_invite(r, "100", false);
		rig_settle(r);
		assert_int_equal(a->last, rows[i].status);
		expect_has(rig_last_call(r)->rec.reason, rows[i].reason);
		assert_int_equal(rig_last_call(r)->rec.sip_status, rows[i].status);
		assert_int_equal(r->side[RIG_CALLEE].n_requests[SIP_M_INVITE], 0);
		finish(r);
	}
}

/* PCMA here, PCMU there. Hold of either side, limen-sip killed in between. */
static void test_transcoded(void **state)
{
	struct rig *r = start(3, 2);
	struct rig_ua *a, *b;
	const struct ctl_media *conf;

	b2b_transcoder(r->b, &ready);
	a = rig_invite(r, "100", false);
	rig_settle(r);
	b = rig_callee(r);
	conf = &rig_last_call(r)->conf;
	assert_int_equal(a->last, 200);
	expect_has(b->last_sdp, "RTP/AVP 0\r\n");
	expect_has(a->last_sdp, "RTP/AVP 8\r\n");
	assert_int_equal(rig_last_call(r)->rec.transcoded, 1);
	assert_string_equal(rig_last_call(r)->rec.codec[0], "PCMA");
	assert_string_equal(rig_last_call(r)->rec.codec[1], "PCMU");
	rig_restart_sip(r);
	b2b_transcoder(r->b, &(struct ctl_transcoder){.state = CTL_TRANSCODER_AWAY});
	for (unsigned int turn = 0; turn < 4; turn++) {
		rig_reinvite(r, turn & 1 ? b : a, turn < 2 ? "sendonly" : "sendrecv", false);
		rig_settle(r);
		assert_int_equal((turn & 1 ? b : a)->last, 200);
		expect_has(b->last_sdp, "RTP/AVP 0\r\n");
		expect_has(a->last_sdp, "RTP/AVP 8\r\n");
		assert_int_equal(conf->leg[0].payloads[0].action, DP_PT_TRANSCODE);
		assert_int_equal(conf->leg[0].payloads[0].codec, DP_CODEC_PCMA);
		assert_int_equal(conf->leg[1].send.codec, DP_CODEC_PCMU);
		/* The table in the packet worker: no media core, so RTCP goes through. */
		assert_int_equal(conf->leg[1].send.params.ptime_ms, 0);
		assert_int_equal(conf->leg[0].flags & DP_LEG_RTCP_OWN, 0);
	}
	hang_up(r, a);
	finish(r);
}

/* A late offer: the called side names its codecs first. */
static void test_late_offer(void **state)
{
	struct rig *r = start(3, 2);
	struct rig_ua *a;

	b2b_transcoder(r->b, &ready);
	a = rig_invite(r, "100", true);
	rig_settle(r);
	assert_int_equal(a->last, 200);
	expect_has(a->last_sdp, "RTP/AVP 8\r\n");
	expect_has(rig_callee(r)->last_sdp, "RTP/AVP 0\r\n");
	assert_int_equal(rig_last_call(r)->rec.transcoded, 1);
	hang_up(r, a);
	finish(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_transcoded),
		cmocka_unit_test(test_late_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
