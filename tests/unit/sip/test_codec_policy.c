/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Codec policy as tables: an offer, the classes of both sides and what can be transcoded, and what
 * is said to the other side; then its answer, what the offerer hears of it and what the data plane
 * is told. Formats are written as they stand in SDP.
 */
#include "sip-b2bua/sdp/codec_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controlplane/config/cfg.h"

#define ALL   UINT32_MAX
#define NEED  CFG_TRANSCODING_AS_NEEDED
#define NEVER CFG_TRANSCODING_NEVER
#define PREF  CFG_TRANSCODING_BY_PREFERENCE

/* "0 8 98=opus/48000/2 98:useinbandfec=1 20ms" */
static void list_of(const char *text, struct codec_list *list)
{
	static struct sdp sdp;
	char m[256] = "", attrs[768] = "", all[1500], copy[512], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *equals = strchr(word, '='), *colon = strchr(word, ':'), line[160];
		int n = atoi(word);

		line[0] = '\0';
		if (strstr(word, "ms"))
			snprintf(line, sizeof(line), "a=ptime:%d\r\n", n);
		else if (colon)
			snprintf(line, sizeof(line), "a=fmtp:%d %s\r\n", n, colon + 1);
		else if (equals)
			snprintf(line, sizeof(line), "a=rtpmap:%d %s\r\n", n, equals + 1);
		if (!strstr(word, "ms") && !colon)
			snprintf(m + strlen(m), sizeof(m) - strlen(m), " %d", n);
		snprintf(attrs + strlen(attrs), sizeof(attrs) - strlen(attrs), "%s", line);
	}
	snprintf(all, sizeof(all),
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
		"m=audio 4000 RTP/AVP%s\r\n%s",
		m, attrs);
	assert_int_equal(sdp_parse(&sdp, view_of(all)), 0);
	codec_list_read(&sdp, 0, list);
}

/* "opus g711ulaw" in this order, "" for no class. */
static struct codec_policy policy_of(const char *words, uint8_t transcoding)
{
	struct codec_policy policy = {.transcoding = transcoding};
	char copy[160], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		uint8_t codec = 1;

		while (codec < CFG_N_CODECS && strcmp(cfg_codec_word(codec), word) != 0)
			codec++;
		if (codec == CFG_N_CODECS)
			fail_msg("no codec %s", word);
		policy.codec[policy.n++] = codec;
	}
	return policy;
}

/* "0 98=opus*" with a star for what is ours; events are "te8", noise "cn". */
static const char *text_of(const struct codec_list *list)
{
	static char text[400];

	text[0] = '\0';
	for (unsigned int i = 0; i < list->n; i++) {
		const struct codec_format *f = &list->format[i];
		const struct dp_codec *codec = dp_codec_row(f->id);
		char what[40];

		if (codec)
			snprintf(what, sizeof(what), "%s", codec->name);
		else if (f->kind == CODEC_EVENT)
			snprintf(what, sizeof(what), "te%u", f->clock_hz / 1000);
		else
			snprintf(what, sizeof(what), "%s", f->kind == CODEC_NOISE ? "cn" : "?");
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u=%s%s",
			i ? " " : "", f->pt, what, f->source == CODEC_OURS ? "*" : "");
	}
	return text;
}

/* "0>96 101" : relayed (renumbered), "0t" transcoded, "101e" events, "13n" noise. */
static const char *payloads_of(const struct codec_leg *leg)
{
	static char text[200];

	text[0] = '\0';
	for (unsigned int i = 0; i < leg->n_payloads; i++) {
		const struct dp_payload *p = &leg->payloads[i];
		char out[8] = "";

		if (p->action == DP_PT_RENUMBER)
			snprintf(out, sizeof(out), ">%u", p->pt_out);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u%s", i ? " " : "",
			p->pt,
			p->action == DP_PT_TRANSCODE ? "t"
			: p->action == DP_PT_EVENT   ? "e"
			: p->action == DP_PT_NOISE   ? "n"
						     : out);
	}
	return text;
}

struct offer_case {
	const char *what, *offer, *class_o, *class_a;
	uint8_t transcoding_o, transcoding_a;
	uint32_t can;
	const char *known, *said; /* said NULL: refused */
	enum codec_why why;
};

static const struct offer_case offers[] = {
	{"one class filters", "0 8 9 101=telephone-event/8000", "", "g711alaw", NEED, NEED, 0, "",
		"8=PCMA 101=te8", 0},
	{"and orders", "0 8 9", "", "g722-64 g711ulaw g711alaw", NEED, NEED, 0, "",
		"9=G722 0=PCMU 8=PCMA", 0},
	{"both filter", "0 8 9", "g711ulaw g722-64", "g722-64 g729r8", NEED, NEED, 0, "", "9=G722",
		0},
	{"what the offerer may not use can be made of what it may", "0 8 9", "g711ulaw g722-64",
		"g722-64 g711alaw", NEED, NEED, 0, "", "9=G722 8=PCMA*", 0},
	{"the offerer's order without a class", "8 0", "", "transparent", NEED, NEED, 0, "",
		"8=PCMA 0=PCMU", 0},
	{"others pass by transparent", "0 97=iLBC/8000 18", "", "g711ulaw transparent", NEED, NEED,
		0, "", "0=PCMU 97=? 18=G729", 0},
	{"others do not pass without", "0 97=iLBC/8000", "", "g711ulaw", NEED, NEED, 0, "",
		"0=PCMU", 0},
	{"noise and events belong to no class", "0 13 97=telephone-event/8000", "", "g711ulaw",
		NEED, NEED, 0, "", "0=PCMU 97=te8 13=cn", 0},
	{"what could be made comes last", "8 101=telephone-event/8000", "", "opus g711alaw", NEED,
		NEED, ALL, "", "8=PCMA 96=opus* 101=te8 97=te48*", 0},
	{"or by preference", "8", "", "opus g711alaw", NEED, PREF, ALL, "", "96=opus* 8=PCMA", 0},
	{"numbers of the offer are kept free", "96=opus/48000/2", "", "g711ulaw amr-nb opus", NEED,
		NEED, ALL, "", "96=opus 0=PCMU* 97=AMR*", 0},
	{"no table without both of G.711", "8", "", "g729r8 g711ulaw", NEED, NEED, 0, "", "0=PCMU*",
		0},
	{"only what can be encoded", "8", "", "g729r8 amr-nb", NEED, NEED,
		1U << DP_CODEC_PCMA | 1U << DP_CODEC_AMR, "", "96=AMR*", 0},
	{"nothing to decode", "97=iLBC/8000", "", "g711ulaw", NEED, NEED, ALL, "", NULL,
		CODEC_NOTHING_FITS},
	{"the class of the offerer allows none", "0 8", "opus", "g711ulaw", NEED, NEED, ALL, "",
		NULL, CODEC_OFFER_DENIED},
	{"a side says never", "0", "", "opus", NEED, NEVER, ALL, "", NULL, CODEC_NOT_ALLOWED},
	{"the other side says never", "0", "", "opus", NEVER, NEED, ALL, "", NULL,
		CODEC_NOT_ALLOWED},
	{"no media cores", "0", "", "opus", NEED, NEED, 0, "", NULL, CODEC_NO_TRANSCODER},
	{"the caller's class decides what is decoded", "0 9", "g722-64", "g729r8", NEED, NEED, ALL,
		"", "18=G729*", 0},
	{"what it said before may be offered", "96=opus/48000/2", "opus", "", NEED, NEED, ALL,
		"0 8 101=telephone-event/8000", "96=opus 0=PCMU* 8=PCMA*", 0},
	{"but not when its class has none of it", "96=opus/48000/2", "opus", "g711alaw", NEED, NEED,
		ALL, "0 8", "8=PCMA*", 0},
	{"AMR in a form that is not understood is another codec",
		"97=AMR/8000 97:octet-align=1;crc=1", "", "amr-nb", NEED, NEED, ALL, "", NULL,
		CODEC_NOTHING_FITS},
	{"both payload forms of AMR", "97=AMR/8000 98=AMR/8000 98:octet-align=1", "", "amr-nb",
		NEED, NEED, 0, "", "97=AMR 98=AMR", 0},
	{"twice the same", "97=opus/48000/2 98=opus/48000/2 98:cbr=1", "", "opus", NEED, NEED, 0,
		"", "97=opus 98=opus", 0},
	{"no codec at all", "101=telephone-event/8000 13", "", "opus", NEED, NEED, ALL, "", NULL,
		CODEC_OFFER_DENIED},
};

static void test_offers(void **state)
{
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		const struct offer_case *c = &offers[i];
		struct codec_policy o = policy_of(c->class_o, c->transcoding_o),
				    a = policy_of(c->class_a, c->transcoding_a);
		struct codec_sides sides = {&o, &a, c->can};
		struct codec_numbers numbers = {.key = {0}};
		struct codec_list offer, known, said;
		enum codec_why why;

		list_of(c->offer, &offer);
		memset(&known, 0, sizeof(known));
		if (c->known[0])
			list_of(c->known, &known);
		why = codec_offer(&sides, &offer, &known, &numbers, &said);
		if (why != c->why || (c->said && strcmp(text_of(&said), c->said) != 0))
			fail_msg("%s: why %d, said %s", c->what, why, text_of(&said));
		assert_true(c->said || said.n == 0);
	}
}

struct answer_case {
	const char *what, *offer, *class_o, *class_a;
	uint8_t transcoding_o, transcoding_a;
	const char *answer;
	const char *said; /* to the offerer; NULL: refused */
	const char *from_o, *from_a;
	enum { RELAYED, TABLE, CORE } how;
	uint8_t send_o[4], send_a[4]; /* codec, payload type, events, noise */
	uint8_t ptime_o, ptime_a;
	enum codec_why why;
};

#define U  DP_CODEC_PCMU
#define A  DP_CODEC_PCMA
#define OP DP_CODEC_OPUS

static const struct answer_case answers[] = {
	{"passes", "0 101=telephone-event/8000", "", "g711ulaw", NEED, NEED,
		"0 101=telephone-event/8000", "0=PCMU 101=te8", "0 101", "0 101", RELAYED,
		{U, 0, 101, 0}, {U, 0, 101, 0}, 20, 20, 0},
	{"passes with other numbers", "98=opus/48000/2 97=telephone-event/8000", "", "opus", NEED,
		NEED, "107=opus/48000/2 101=telephone-event/8000", "98=opus 97=te8",
		"98>107 97>101", "98 97 107>98 101>97", RELAYED, {OP, 98, 97, 0}, {OP, 107, 101, 0},
		20, 20, 0},
	{"the answerer takes the common one", "0", "", "opus g711ulaw", NEED, NEED,
		"0 96=opus/48000/2", "0=PCMU", "0", "0", RELAYED, {U, 0, 0, 0}, {U, 0, 0, 0}, 20,
		20, 0},
	{"or what only we had offered", "0 101=telephone-event/8000 13", "", "opus g711ulaw", NEED,
		NEED, "96=opus/48000/2 0 101=telephone-event/8000", "0=PCMU* 101=te8* 13=cn*",
		"0t 101e 13n", "96t 0t 101e", CORE, {U, 0, 101, 13}, {OP, 96, 101, 0}, 20, 20, 0},
	{"events of the codec's clock", "0 101=telephone-event/8000", "", "opus", NEED, NEED,
		"96=opus/48000/2 101=telephone-event/8000 97=telephone-event/48000",
		"0=PCMU* 101=te8*", "0t 101e", "96t 101e 97e", CORE, {U, 0, 101, 0},
		{OP, 96, 97, 0}, 20, 20, 0},
	{"no events on the other side", "0 101=telephone-event/8000", "", "opus", NEED, NEED,
		"96=opus/48000/2", "0=PCMU*", "0t", "96t", CORE, {U, 0, 0, 0}, {OP, 96, 0, 0}, 20,
		20, 0},
	{"an answer with a number of its own", "0", "", "opus", NEED, NEED, "111=opus/48000/2",
		"0=PCMU*", "0t", "96t 111t", CORE, {U, 0, 0, 0}, {OP, 111, 0, 0}, 20, 20, 0},
	{"PCMU and PCMA by the table", "0 13 101=telephone-event/8000", "", "g711alaw", NEED, NEED,
		"8 101=telephone-event/8000", "0=PCMU* 101=te8*", "0t 101e", "8t 101e", TABLE,
		{U, 0, 101, 0}, {A, 8, 101, 0}, 0, 0, 0},
	{"the offerer's first codec", "8 0 9", "", "opus", NEED, NEED, "96=opus/48000/2", "8=PCMA*",
		"8t", "96t", CORE, {A, 8, 0, 0}, {OP, 96, 0, 0}, 20, 20, 0},
	{"the first of its class", "8 0 9", "g722-64 g711ulaw", "opus", NEED, NEED,
		"96=opus/48000/2", "9=G722*", "9t", "96t", CORE, {DP_CODEC_G722, 9, 0, 0},
		{OP, 96, 0, 0}, 20, 20, 0},
	{"by preference although both have PCMU", "0 9", "g722-64 g711ulaw", "", PREF, NEED, "0",
		"9=G722*", "9t", "0t", CORE, {DP_CODEC_G722, 9, 0, 0}, {U, 0, 0, 0}, 20, 20, 0},
	{"by preference, and it is the same", "0 9", "g722-64 g711ulaw", "", PREF, NEED, "9 0",
		"9=G722 0=PCMU", "9 0", "9 0", RELAYED, {DP_CODEC_G722, 9, 0, 0},
		{DP_CODEC_G722, 9, 0, 0}, 20, 20, 0},
	{"packet times of both ends", "0 30ms", "", "g729r8", NEED, NEED, "18 40ms", "0=PCMU*",
		"0t", "18t", CORE, {U, 0, 0, 0}, {DP_CODEC_G729, 18, 0, 0}, 30, 40, 0},
	{"a packet time that the codec has not", "0 30ms", "", "gsmfr", NEED, NEED, "3 30ms",
		"0=PCMU*", "0t", "3t", CORE, {U, 0, 0, 0}, {DP_CODEC_GSM, 3, 0, 0}, 30, 20, 0},
	{"AMR in the other payload form", "97=AMR/8000", "", "amr-nb transparent", NEED, NEED,
		"97=AMR/8000 97:octet-align=1", NULL, "", "", RELAYED, {0}, {0}, 0, 0,
		CODEC_NO_ANSWER},
	{"what we offer of AMR in the other form", "0", "", "amr-nb", NEED, NEED,
		"96=AMR/8000 96:octet-align=1", NULL, "", "", RELAYED, {0}, {0}, 0, 0,
		CODEC_NO_ANSWER},
	{"not offered", "0", "", "g711ulaw", NEED, NEED, "8", NULL, "", "", RELAYED, {0}, {0}, 0, 0,
		CODEC_NO_ANSWER},
	{"events alone", "0 101=telephone-event/8000", "", "g711ulaw", NEED, NEED,
		"101=telephone-event/8000", NULL, "", "", RELAYED, {0}, {0}, 0, 0, CODEC_NO_ANSWER},
	{"a codec that we do not know", "97=iLBC/8000 0", "", "transparent", NEED, NEED,
		"97=iLBC/8000", "97=?", "97", "97", RELAYED, {0}, {0}, 0, 0, 0},
};

static void send_equal(
	const char *what, const struct dp_send *send, const uint8_t want[4], uint8_t ptime)
{
	if (send->codec != want[0] || send->pt != want[1] || send->event_pt != want[2] ||
		send->noise_pt != want[3] || send->params.ptime_ms != ptime)
		fail_msg("%s: sends codec %u as %u, events %u, noise %u, %u ms", what, send->codec,
			send->pt, send->event_pt, send->noise_pt, send->params.ptime_ms);
}

static void test_answers(void **state)
{
	static const struct codec_list none;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct answer_case *c = &answers[i];
		struct codec_policy o = policy_of(c->class_o, c->transcoding_o),
				    a = policy_of(c->class_a, c->transcoding_a);
		struct codec_sides sides = {&o, &a, ALL};
		struct codec_numbers numbers = {.key = {0}};
		struct codec_list offer, said, answer;
		struct codec_result r;
		enum codec_why why;

		list_of(c->offer, &offer);
		list_of(c->answer, &answer);
		assert_int_equal(codec_offer(&sides, &offer, &none, &numbers, &said), CODEC_FITS);
		why = codec_answer(&sides, &offer, &said, &answer, &r);
		if (why != c->why)
			fail_msg("%s: why %d", c->what, why);
		if (!c->said)
			continue;
		if (strcmp(text_of(&r.said), c->said) != 0)
			fail_msg("%s: said %s", c->what, text_of(&r.said));
		if (strcmp(payloads_of(&r.offerer), c->from_o) != 0)
			fail_msg("%s: from the offerer %s", c->what, payloads_of(&r.offerer));
		if (strcmp(payloads_of(&r.answerer), c->from_a) != 0)
			fail_msg("%s: from the answerer %s", c->what, payloads_of(&r.answerer));
		if (r.transcoded != (c->how != RELAYED) || r.by_core != (c->how == CORE))
			fail_msg("%s: transcoded %d, by a core %d", c->what, r.transcoded,
				r.by_core);
		send_equal(c->what, &r.offerer.send, c->send_o, c->ptime_o);
		send_equal(c->what, &r.answerer.send, c->send_a, c->ptime_a);
	}
}

/* A class that sets the length of packets: bounded by what the far end can take. */
static void test_packet_time(void **state)
{
	static const struct codec_list none;
	struct codec_policy o = policy_of("", NEED), a = policy_of("g711alaw", NEED);
	struct codec_sides sides = {&o, &a, ALL};
	struct codec_numbers numbers = {.key = {0}};
	struct codec_list offer, said, answer;
	struct codec_result r;

	a.packet_ms = 40;
	list_of("0", &offer);
	list_of("8 20ms", &answer);
	answer.format[0].params.max_ptime_ms = 30;
	assert_int_equal(codec_offer(&sides, &offer, &none, &numbers, &said), CODEC_FITS);
	assert_int_equal(codec_answer(&sides, &offer, &said, &answer, &r), CODEC_FITS);
	assert_true(r.by_core);
	assert_int_equal(r.answerer.send.params.ptime_ms, 30);
	assert_int_equal(r.offerer.send.params.ptime_ms, 20);
	/* Without media cores the table does it, packet by packet. */
	sides.can = 0;
	assert_int_equal(codec_answer(&sides, &offer, &said, &answer, &r), CODEC_FITS);
	assert_false(r.by_core);
	assert_int_equal(r.answerer.send.params.ptime_ms, 0);
}

/* Before the answer: what both have passes; where there is nothing common all is decoded. */
static void test_early(void **state)
{
	static const struct {
		const char *offer, *class_a, *from_a;
		bool by_core;
	} rows[] = {
		{"0 101=telephone-event/8000", "opus g711ulaw", "0 101", false},
		{"0 101=telephone-event/8000", "opus g729r8", "96t 18t 101e 97e", true},
		{"0", "g711alaw", "8t", false},
	};
	static const struct codec_list none;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct codec_policy o = policy_of("", NEED), a = policy_of(rows[i].class_a, NEED);
		struct codec_sides sides = {&o, &a, ALL};
		struct codec_numbers numbers = {.key = {0}};
		struct codec_list offer, said;
		struct codec_result r;

		list_of(rows[i].offer, &offer);
		assert_int_equal(codec_offer(&sides, &offer, &none, &numbers, &said), CODEC_FITS);
		assert_int_equal(codec_early(&sides, &offer, &said, &r), CODEC_FITS);
		assert_string_equal(payloads_of(&r.answerer), rows[i].from_a);
		assert_int_equal(r.by_core, rows[i].by_core);
	}
}

/* RFC 3264 8.3.2: what a number means to a leg stays, whoever offers. */
static void test_numbers(void **state)
{
	static const struct codec_list none;
	struct codec_policy o = policy_of("", NEED), a = policy_of("opus amr-nb", NEED);
	struct codec_sides sides = {&o, &a, ALL};
	struct codec_numbers numbers = {.key = {0}};
	struct codec_list list, said;

	list_of("0", &list);
	assert_int_equal(codec_offer(&sides, &list, &none, &numbers, &said), CODEC_FITS);
	assert_string_equal(text_of(&said), "96=opus* 97=AMR*");
	/* The far end has its own numbers for other things. */
	list_of("111=opus/48000/2 101=telephone-event/8000", &list);
	codec_numbers_learn(&numbers, &list);
	list_of("111=AMR/8000 100=telephone-event/8000", &list);
	assert_int_equal(codec_offer(&sides, &list, &none, &numbers, &said), CODEC_FITS);
	assert_string_equal(text_of(&said), "97=AMR 96=opus* 101=te8 98=te48*");
	list_of("96=telephone-event/8000 0", &list);
	assert_int_equal(codec_offer(&sides, &list, &none, &numbers, &said), CODEC_FITS);
	assert_string_equal(text_of(&said), "96=opus* 97=AMR* 101=te8 98=te48*");
	/* All numbers taken: what finds none is not offered. */
	memset(&numbers, 0xff, sizeof(numbers));
	list_of("8", &list);
	assert_int_equal(codec_offer(&sides, &list, &none, &numbers, &said), CODEC_NOTHING_FITS);
	assert_int_equal(said.n, 0);
}

/* What the box says of codecs: its class decides about annex B and the payload form. */
static void test_own_params(void **state)
{
	static const struct {
		const char *word;
		uint8_t amr_form, flags;
	} rows[] = {
		{"g729r8", 0, 0},
		{"g729br8", 0, DP_CODEC_DTX},
		{"amr-nb", CFG_AMR_BANDWIDTH_EFFICIENT, DP_CODEC_CHANGE_CAP2},
		{"amr-wb", CFG_AMR_OCTET_ALIGNED, DP_CODEC_CHANGE_CAP2 | DP_CODEC_OCTET_ALIGN},
		{"opus", 0, DP_CODEC_FEC},
	};
	static const struct codec_list none;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct codec_policy o = policy_of("", NEED), a = policy_of(rows[i].word, NEED);
		struct codec_sides sides = {&o, &a, ALL};
		struct codec_numbers numbers = {.key = {0}};
		struct codec_list offer, said;

		a.amr_form = rows[i].amr_form;
		list_of("0", &offer);
		assert_int_equal(codec_offer(&sides, &offer, &none, &numbers, &said), CODEC_FITS);
		assert_int_equal(said.format[0].params.flags, rows[i].flags);
	}
}

/* Trunk before realm; a class that is not there is none. */
static void test_policy_set(void **state)
{
	struct cfg_voice_codec classes[] = {
		{.tag = 1, .codec = {{1, CFG_CODEC_OPUS}, {4, CFG_CODEC_G711A}}, .n_codec = 2},
		{.tag = 2, .codec = {{1, CFG_CODEC_GSM}}, .n_codec = 1, .packet_ms = 40},
	};
	struct cfg cfg = {.voice_codecs = classes, .n_voice_codecs = 2};
	struct cfg_realm realm = {.voice_codec = 1, .transcoding = CFG_TRANSCODING_NEVER};
	struct cfg_trunk trunk = {.voice_codec = 0};
	struct codec_policy p;

	codec_policy_set(&p, &cfg, &realm, NULL);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.codec[1], CFG_CODEC_G711A);
	assert_int_equal(p.transcoding, CFG_TRANSCODING_NEVER);
	codec_policy_set(&p, &cfg, &realm, &trunk);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.transcoding, CFG_TRANSCODING_NEVER);
	trunk.voice_codec = 2;
	trunk.transcoding = CFG_TRANSCODING_BY_PREFERENCE;
	codec_policy_set(&p, &cfg, &realm, &trunk);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.packet_ms, 40);
	assert_int_equal(p.transcoding, CFG_TRANSCODING_BY_PREFERENCE);
	trunk.voice_codec = 9;
	realm.transcoding = CFG_TRANSCODING_REALM;
	trunk.transcoding = CFG_TRANSCODING_REALM;
	codec_policy_set(&p, &cfg, &realm, &trunk);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.transcoding, CFG_TRANSCODING_AS_NEEDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_packet_time),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_own_params),
		cmocka_unit_test(test_policy_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
