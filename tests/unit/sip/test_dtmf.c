/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digits between two sides as tables: bodies of INFO, which way each side has, what is offered and
 * answered for it, and what the data plane is told.
 */
#include "sip-b2bua/sdp/dtmf_info.h"
#include "sip-b2bua/sdp/dtmf_policy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/config/cfg_model.h"

#define NONE	CTL_DTMF_NONE
#define NTE	CTL_DTMF_RTP_NTE
#define INFO	CTL_DTMF_SIP_INFO
#define TONES	CTL_DTMF_INBAND
#define ALL	UINT32_MAX
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void test_info_bodies(void **state)
{
	static const struct {
		enum dtmf_info_form form;
		const char *body;
		char digit; /* 0: refused */
		uint32_t ms;
	} rows[] = {
		{DTMF_INFO_RELAY, "Signal=5\r\nDuration=160\r\n", '5', 160},
		{DTMF_INFO_RELAY, "Signal= 5\r\nDuration= 160", '5', 160},
		{DTMF_INFO_RELAY, "signal = *\nDURATION = 100\n", '*', 100},
		{DTMF_INFO_RELAY, "Duration=100\r\nSignal=#\r\n", '#', 100},
		{DTMF_INFO_RELAY, "Signal=d", 'D', DTMF_INFO_DEFAULT_MS},
		{DTMF_INFO_RELAY, "Signal=10\r\nDuration=90", '*', 90},
		{DTMF_INFO_RELAY, "Signal=16\r\n", '!', DTMF_INFO_DEFAULT_MS},
		{DTMF_INFO_RELAY, "Signal=hf\r\n", '!', DTMF_INFO_DEFAULT_MS},
		{DTMF_INFO_RELAY, "Signal=1\r\nDuration=1", '1', DP_DTMF_MIN_MS},
		{DTMF_INFO_RELAY, "Signal=1\r\nDuration=4000000000", '1', DP_DTMF_MAX_MS},
		{DTMF_INFO_RELAY, "Signal=1\r\nVolume=10\r\n", '1', DTMF_INFO_DEFAULT_MS},
		{DTMF_INFO_DTMF, "5", '5', DTMF_INFO_DEFAULT_MS},
		{DTMF_INFO_DTMF, "#\r\n", '#', DTMF_INFO_DEFAULT_MS},
		{DTMF_INFO_DTMF, "Signal=7\r\nDuration=120\r\n", '7', 120},
		{DTMF_INFO_RELAY, "", 0, 0},
		{DTMF_INFO_RELAY, "5", 0, 0},
		{DTMF_INFO_RELAY, "Signal=\r\n", 0, 0},
		{DTMF_INFO_RELAY, "Signal=E\r\n", 0, 0},
		{DTMF_INFO_RELAY, "Signal=17\r\n", 0, 0},
		{DTMF_INFO_RELAY, "Signal=123\r\n", 0, 0},
		{DTMF_INFO_RELAY, "Signal=1\r\nSignal=2\r\n", 0, 0},
		{DTMF_INFO_RELAY, "Signal=1\r\nDuration=long\r\n", 0, 0},
		{DTMF_INFO_DTMF, "12\r\n3", 0, 0},
		{DTMF_INFO_DTMF, "\r\n", 0, 0},
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct dtmf_info info = {0};
		int rc = dtmf_info_parse(rows[i].form, view_of(rows[i].body), &info);

		if (rc != (rows[i].digit ? 0 : -EBADMSG) || info.digit != rows[i].digit ||
			info.duration_ms != rows[i].ms)
			fail_msg("%s: %d, %c %u", rows[i].body, rc, info.digit, info.duration_ms);
	}
	for (const char *d = "0123456789*#ABCD!"; *d; d++)
		for (int form = DTMF_INFO_RELAY; form <= DTMF_INFO_DTMF; form++) {
			struct dtmf_info info = {*d, 120}, back;
			char text[DTMF_INFO_TEXT_MAX];
			struct view body = {text, dtmf_info_print(form, &info, text)};

			assert_int_equal(dtmf_info_parse(form, body, &back), 0);
			assert_int_equal(back.digit, *d);
		}
	assert_int_equal(dtmf_info_form(VIEW("Application"), VIEW("DTMF-Relay")), DTMF_INFO_RELAY);
	assert_int_equal(dtmf_info_form(VIEW("application"), VIEW("dtmf")), DTMF_INFO_DTMF);
	assert_int_equal(dtmf_info_form(VIEW("text"), VIEW("dtmf")), DTMF_INFO_NONE);
	assert_int_equal(dtmf_info_form(VIEW("application"), VIEW("sdp")), DTMF_INFO_NONE);
}

static void test_settings(void **state)
{
	static const struct {
		uint8_t realm[2], trunk[2], first, second;
		bool has_trunk;
	} rows[] = {
		{{CFG_DTMF_RTP_NTE, 0}, {0, 0}, NTE, NONE, false},
		{{0, 0}, {0, 0}, NTE, NONE, true},
		{{CFG_DTMF_SIP_INFO, 0}, {0, 0}, INFO, NONE, true},
		{{CFG_DTMF_RTP_NTE, CFG_DTMF_SIP_INFO}, {0, CFG_DTMF_INBAND}, NTE, INFO, true},
		{{CFG_DTMF_SIP_INFO, 0}, {CFG_DTMF_RTP_NTE, CFG_DTMF_INBAND}, NTE, TONES, true},
		{{CFG_DTMF_RTP_NTE, 0}, {CFG_DTMF_INBAND, CFG_DTMF_SIP_INFO}, TONES, NONE, true},
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct cfg_realm realm = {
			.dtmf = rows[i].realm[0], .dtmf_fallback = rows[i].realm[1]};
		struct cfg_trunk trunk = {
			.dtmf = rows[i].trunk[0], .dtmf_fallback = rows[i].trunk[1]};
		struct dtmf_policy policy;

		dtmf_policy_set(&policy, &realm, rows[i].has_trunk ? &trunk : NULL);
		assert_int_equal(policy.first, rows[i].first);
		assert_int_equal(policy.second, rows[i].second);
		assert_int_equal(dtmf_policy_is_plain(&policy),
			rows[i].first == NTE && rows[i].second == NONE);
	}
}

/* PCMU, and events with this payload type unless it is 0. */
static struct codec_list list_of(uint8_t event_pt)
{
	static struct sdp sdp;
	struct codec_list list;
	char text[300], events[80] = "";

	if (event_pt)
		snprintf(events, sizeof(events), "a=rtpmap:%u telephone-event/8000\r\n", event_pt);
	snprintf(text, sizeof(text),
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
		"m=audio 4000 RTP/AVP 0 %.*u\r\na=rtpmap:0 PCMU/8000\r\n%s",
		event_pt ? 3 : 0, event_pt, events);
	assert_int_equal(sdp_parse(&sdp, view_of(text)), 0);
	codec_list_read(&sdp, 0, &list);
	if (!event_pt)
		list.n = 1;
	return list;
}

static int events_in(const struct codec_list *list)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (list->format[i].kind == CODEC_EVENT)
			return list->format[i].pt;
	return 0;
}

static const struct dp_payload *payload_of(const struct codec_leg *leg, uint8_t pt)
{
	for (unsigned int i = 0; i < leg->n_payloads; i++)
		if (leg->payloads[i].pt == pt)
			return &leg->payloads[i];
	return NULL;
}

/*
 * Every pair of ways. The offerer has events as 96 or none; the answerer says yes to what it is
 * offered, or not.
 */
static void test_ways(void **state)
{
	static const struct {
		const char *what;
		struct dtmf_policy offerer, answerer;
		uint8_t offer_pt;
		bool agrees, core; /* there are media cores */
		bool offered;	   /* the answerer is offered events */
		uint8_t said_pt;   /* in the answer to the offerer */
		uint8_t way[2];
		bool by_core;
	} rows[] = {
		{"both", {NTE, 0}, {NTE, 0}, 96, true, true, true, 96, {NTE, NTE}, false},
		{"no answer", {NTE, 0}, {NTE, 0}, 96, false, true, true, 0, {NONE, NONE}, false},
		{"nobody", {NTE, 0}, {NTE, 0}, 0, false, true, false, 0, {NONE, NONE}, false},
		{"to INFO", {NTE, 0}, {INFO, 0}, 96, false, false, false, 96, {NTE, INFO}, false},
		{"from INFO", {INFO, 0}, {NTE, 0}, 0, true, false, true, 0, {INFO, NTE}, false},
		{"from INFO, although events are offered", {INFO, 0}, {NTE, 0}, 96, true, false,
			true, 0, {INFO, NTE}, false},
		{"INFO to INFO", {INFO, 0}, {INFO, 0}, 96, false, true, false, 0, {INFO, INFO},
			false},
		{"to tones", {NTE, 0}, {TONES, 0}, 96, false, true, false, 96, {NTE, TONES}, true},
		{"to tones without a core", {NTE, 0}, {TONES, 0}, 96, false, false, false, 0,
			{NONE, NONE}, false},
		{"from tones", {TONES, 0}, {NTE, 0}, 0, true, true, true, 0, {TONES, NTE}, true},
		{"tones to INFO", {TONES, 0}, {INFO, 0}, 96, false, true, false, 0, {TONES, INFO},
			true},
		{"INFO to tones", {INFO, 0}, {TONES, 0}, 96, false, true, false, 0, {INFO, TONES},
			true},
		{"tones pass", {TONES, 0}, {TONES, 0}, 96, false, true, false, 0, {TONES, TONES},
			false},
		{"fallback to INFO", {NTE, 0}, {NTE, INFO}, 96, false, true, true, 96, {NTE, INFO},
			false},
		{"fallback not needed", {NTE, 0}, {NTE, INFO}, 96, true, true, true, 96, {NTE, NTE},
			false},
		{"fallback of the offerer", {NTE, INFO}, {NTE, 0}, 0, true, true, true, 0,
			{INFO, NTE}, false},
		{"fallback to tones", {NTE, 0}, {NTE, TONES}, 96, false, true, true, 96,
			{NTE, TONES}, true},
	};

	for (size_t i = 0; i < N(rows); i++) {
		static const struct codec_policy any = {.transcoding = CFG_TRANSCODING_AS_NEEDED};
		struct dtmf_sides sides = {&rows[i].offerer, &rows[i].answerer};
		struct codec_sides codecs = {&any, &any, rows[i].core ? ALL : 0, false};
		struct codec_list offer = list_of(rows[i].offer_pt), wanted, said, answer,
				  none = {0};
		struct codec_numbers numbers = {.key = {0}};
		struct codec_result r;
		struct dtmf_ways ways;

		dtmf_offer(&sides, &offer, &wanted);
		assert_int_equal(codec_offer(&codecs, &wanted, &none, &numbers, &said), CODEC_FITS);
		dtmf_say(&sides, &offer, &numbers, &said);
		if ((events_in(&said) != 0) != rows[i].offered)
			fail_msg("%s: events %d are offered", rows[i].what, events_in(&said));
		answer = list_of(rows[i].agrees ? (uint8_t)events_in(&said) : 0);
		dtmf_ways(&sides, &offer, &said, &answer, rows[i].core, &ways);
		if (ways.offerer != rows[i].way[0] || ways.answerer != rows[i].way[1] ||
			ways.by_core != rows[i].by_core)
			fail_msg("%s: ways %u %u %d", rows[i].what, ways.offerer, ways.answerer,
				ways.by_core);
		codecs.core = ways.by_core;
		assert_int_equal(codec_answer(&codecs, &offer, &said, &answer, &r), CODEC_FITS);
		dtmf_apply(&ways, &offer, &said, &answer, &r);
		if (events_in(&r.said) != rows[i].said_pt)
			fail_msg("%s: answer has events %d", rows[i].what, events_in(&r.said));
		/* what the data plane is told: whoever has events sends and gets them, nobody else */
		const struct codec_leg *legs[2] = {&r.offerer, &r.answerer};
		uint8_t pts[2] = {rows[i].offer_pt, (uint8_t)events_in(&said)};
		for (int leg = 0; leg < 2; leg++) {
			const struct dp_payload *p = pts[leg] ? payload_of(legs[leg], pts[leg])
							      : NULL;
			bool nte = rows[i].way[leg] == NTE;
			uint32_t flags = legs[leg]->flags;
			if (nte != (p != NULL) || (p && p->action != DP_PT_EVENT))
				fail_msg("%s: events of leg %d", rows[i].what, leg);
			assert_int_equal(legs[leg]->send.event_pt != 0, nte);
			assert_int_equal(
				legs[leg]->send.digits == DP_DIGITS_AWAY, rows[i].way[leg] == INFO);
			assert_int_equal((flags & DP_LEG_TONES) != 0,
				rows[i].by_core && rows[i].way[leg] == TONES);
			assert_int_equal(payload_of(legs[leg], 0)->action,
				ways.by_core ? DP_PT_TRANSCODE : DP_PT_RELAY);
			if (ways.by_core)
				assert_true(legs[leg]->send.params.ptime_ms != 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info_bodies),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
