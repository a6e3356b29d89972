/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/records/json_out.c and record.c: jansson reads what they write. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/records/json_out.h"
#include "controlplane/records/record.h"

static void test_strings(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"", ""},
		{"plain", "plain"},
		{"q\"b\\s/", "q\"b\\s/"},
		{"\x01\x1f\n\r\t\x7f", "\x01\x1f\n\r\t\x7f"},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"a\xff"
		 "b",
			"a\xef\xbf\xbd"
			"b"},
		{"\xc3", "\xef\xbf\xbd"},
		{"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[256];
		struct json_out out;
		jout_init(&out, buf, sizeof(buf));
		jout_open(&out, '[');
		jout_str(&out, rows[i].in);
		jout_close(&out, ']');
		json_t *root = json_loadb(buf, out.n, 0, NULL);
		assert_non_null(root);
		assert_string_equal(json_string_value(json_array_get(root, 0)), rows[i].out);
		json_decref(root);
	}
}

static void test_numbers_and_nesting(void **state)
{
	char buf[256];
	struct json_out out;

	jout_init(&out, buf, sizeof(buf));
	jout_open(&out, '{');
	jout_key_u64(&out, "z", 0);
	jout_key_u64(&out, "m", UINT64_MAX);
	jout_key(&out, "a");
	jout_open(&out, '[');
	jout_close(&out, ']');
	jout_key(&out, "o");
	jout_open(&out, '{');
	jout_key(&out, "n");
	jout_null(&out);
	jout_close(&out, '}');
	jout_key(&out, "f");
	jout_milli(&out, 12007);
	jout_close(&out, '}');
	jout_newline(&out);
	buf[out.n] = '\0';
	assert_string_equal(buf,
		"{\"z\":0,\"m\":18446744073709551615,\"a\":[],\"o\":{\"n\":null},\"f\":12.007}\n");
	for (size_t cap = 0; cap < strlen(buf); cap++) {
		char *small = malloc(cap + 1);
		jout_init(&out, small, cap);
		jout_open(&out, '{');
		jout_key_str(&out, "key", "some text \" that is \xff long enough for the purpose");
		jout_key_u64(&out, "n", 1234567890123);
		jout_close(&out, '}');
		assert_true(out.overflow == (cap < 72 + 8));
		assert_true(out.n <= cap);
		free(small);
	}
}

/* Every text at its longest and with what takes most room when escaped. */
static void fill(char *text, size_t size)
{
	memset(text, 1, size - 1);
	text[size - 1] = '\0';
}

static void test_longest_record(void **state)
{
	static char buf[RECORD_LINE_MAX];
	struct record r;
	char node[64];

	memset(&r, 0xff, sizeof(r));
	memset(&r.call.peer_sig, 0, sizeof(r.call.peer_sig));
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		fill(r.call.calling[leg], CTL_NUMBER_MAX);
		fill(r.call.called[leg], CTL_NUMBER_MAX);
		fill(r.call.realm[leg], CTL_NAME_MAX);
		fill(r.call.trunk[leg], CTL_NAME_MAX);
		fill(r.call.sip_call_id[leg], sizeof(r.call.sip_call_id[leg]));
		memset(&r.call.peer_sig[leg], 0xab, sizeof(struct ipaddr));
		r.call.peer_sig[leg].family = 6;
		r.from[leg].latched = r.call.peer_sig[leg];
	}
	fill(r.call.codec[0], sizeof(r.call.codec[0]));
	fill(r.call.codec[1], sizeof(r.call.codec[1]));
	fill(r.call.reason, sizeof(r.call.reason));
	fill(r.quality.verdict, sizeof(r.quality.verdict));
	for (unsigned int i = 0; i < RECORD_RECORDINGS_MAX; i++) {
		fill(r.recording.line[i].name, sizeof(r.recording.line[i].name));
		fill(r.recording.line[i].note, sizeof(r.recording.line[i].note));
	}
	fill(node, sizeof(node));
	size_t n = record_print(&r, node, buf, sizeof(buf));
	assert_in_range(n, 4000, sizeof(buf) - 1);
	json_t *root = json_loadb(buf, n, JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(root);
	json_decref(root);
	assert_int_equal(record_print(&r, node, buf, n - 1), 0);
}

static struct record sample(void)
{
	struct record r = {0};

	r.call.id = 0xab12;
	r.call.invite_ms = 1767225599123;
	r.call.ringing_ms = r.call.invite_ms + 250;
	r.call.answer_ms = r.call.invite_ms + 2000;
	r.call.end_ms = r.call.invite_ms + 62500;
	r.call.sip_status = 200;
	r.call.q850 = 16;
	r.call.released_by = CTL_BY_CALLED;
	r.call.dial_peer_out = 100;
	r.call.transport[0] = 1;
	r.call.transport[1] = 2;
	r.call.peer_sig[0] = (struct ipaddr){
		.family = 4, .port_be16 = htons(5060), .ip = {192, 0, 2, 7}};
	strcpy(r.call.calling[0], "100");
	strcpy(r.call.called[1], "+4930123");
	strcpy(r.call.sip_call_id[0], "a84b4c76e66710@pc33");
	strcpy(r.call.reason, "said \"bye\"");
	r.n_media = 1;
	r.source = RECORD_MEDIA_DATAPLANE;
	r.call.srtp[0] = DP_SRTP_GCM_128;
	r.call.srtp_note[1] = CTL_SRTP_REFUSED;
	r.from[0].rx_packets = 3000;
	r.from[0].jitter_us = 1234;
	r.from[1].lost = 3;
	r.from[0].far = (struct dp_far_sum){.reports = 2,
		.fraction_lost = 64,
		.lost = -2,
		.jitter_us = UINT32_MAX,
		.rtt_us = 23400};
	r.quality.delay_ms = QUALITY_UNKNOWN_U32;
	r.quality.leg[0] = (struct quality_leg){
		.heard = {.source = QUALITY_MEASURED_RTP, .r = 9155, .mos_lq = 437},
		.loss_ppm = 12345,
		.burst_ms = 180};
	r.quality.leg[1].mean_jitter_us = QUALITY_UNKNOWN_U32;
	strcpy(r.quality.verdict, "no fault");
	return r;
}

static void test_fields(void **state)
{
	static char buf[RECORD_LINE_MAX];
	struct record r = sample();
	size_t n = record_print(&r, "limen-1", buf, sizeof(buf));
	json_t *root = json_loadb(buf, n, 0, NULL), *legs, *a, *b;
	uint64_t id;

	assert_int_equal(buf[n - 1], '\n');
	assert_int_equal(record_line_id(buf, n, &id), 0);
	assert_int_equal(id, 0xab12);
	assert_non_null(root);
#define STR(o, k) json_string_value(json_object_get(o, k))
#define INT(o, k) json_integer_value(json_object_get(o, k))
	assert_string_equal(STR(root, "id"), "000000000000ab12");
	assert_string_equal(STR(root, "node"), "limen-1");
	assert_string_equal(STR(root, "outcome"), "answered");
	assert_string_equal(STR(root, "invite"), "2025-12-31T23:59:59.123Z");
	assert_string_equal(STR(root, "answer"), "2026-01-01T00:00:01.123Z");
	assert_int_equal(INT(root, "invite_ms"), 1767225599123);
	assert_int_equal(INT(root, "pdd_ms"), 250);
	assert_int_equal(INT(root, "duration_ms"), 60500);
	assert_int_equal(INT(root, "sip_status"), 200);
	assert_int_equal(INT(root, "q850"), 16);
	assert_string_equal(STR(root, "released_by"), "called");
	assert_string_equal(STR(root, "reason"), "said \"bye\"");
	assert_string_equal(STR(root, "media_source"), "dataplane");
	legs = json_object_get(root, "legs");
	assert_int_equal(json_array_size(legs), 2);
	a = json_array_get(legs, 0);
	b = json_array_get(legs, 1);
	assert_string_equal(STR(a, "sip_call_id"), "a84b4c76e66710@pc33");
	assert_string_equal(STR(a, "peer"), "192.0.2.7:5060");
	assert_string_equal(STR(b, "peer"), "");
	assert_string_equal(STR(a, "transport"), "udp");
	assert_string_equal(STR(b, "transport"), "tcp");
	assert_string_equal(STR(b, "called"), "+4930123");
	assert_true(json_is_null(json_object_get(a, "dial_peer")));
	assert_int_equal(INT(b, "dial_peer"), 100);
	assert_string_equal(STR(a, "srtp"), "AEAD_AES_128_GCM");
	assert_string_equal(STR(a, "srtp_note"), "");
	assert_string_equal(STR(b, "srtp"), "off");
	assert_non_null(strstr(STR(b, "srtp_note"), "refused SRTP"));
	assert_int_equal(INT(json_object_get(a, "media"), "packets"), 3000);
	assert_int_equal(INT(json_object_get(b, "media"), "lost"), 3);
	assert_true(json_number_value(json_object_get(json_object_get(a, "media"), "jitter_ms")) ==
		    1.234);
	/* quality: known, and unknown is null and never a number */
	assert_string_equal(STR(root, "verdict"), "no fault");
	assert_true(json_is_null(json_object_get(root, "delay_ms")));
	json_t *heard = json_object_get(a, "media"), *deaf = json_object_get(b, "media");
	assert_string_equal(STR(heard, "mos_source"), "measured-rtp");
#define REAL(o, k) json_number_value(json_object_get(o, k))
	assert_true(REAL(heard, "mos_lq") == 4.37 && REAL(heard, "r") == 91.55);
	assert_true(json_is_null(json_object_get(heard, "mos_cq")));
	assert_true(REAL(heard, "loss_percent") == 1.234);
	assert_true(REAL(heard, "rtt_ms") == 23.4);
	assert_true(json_is_null(json_object_get(heard, "max_rtt_ms")));
	assert_int_equal(INT(json_object_get(heard, "far_end"), "lost"), -2);
	assert_true(REAL(json_object_get(heard, "far_end"), "last_loss_percent") == 25.0);
	assert_true(json_is_null(json_object_get(json_object_get(heard, "far_end"), "jitter_ms")));
	assert_int_equal(INT(json_object_get(heard, "bursts"), "mean_ms"), 180);
	assert_string_equal(STR(deaf, "mos_source"), "unknown");
	assert_true(json_is_null(json_object_get(deaf, "mos_lq")));
	assert_true(json_is_null(json_object_get(deaf, "mean_jitter_ms")));
	assert_true(json_is_null(json_object_get(json_object_get(deaf, "far_end"), "lost")));
	json_decref(root);

	/* Its recording, of two parts, the second of which ended early. */
	r.recording.n = 1;
	r.recording.line[0] = (struct ctl_rec_status){.parts = 2,
		.tracks = 1 << CTL_REC_CALLER | 1 << CTL_REC_MIX,
		.name = "2026-01-01/000000-0000000000000001",
		.note = "the disk is full"};
	n = record_print(&r, "limen-1", buf, sizeof(buf));
	root = json_loadb(buf, n, 0, NULL);
	const json_t *recording = json_object_get(root, "recording");
	const json_t *files = json_object_get(recording, "files");
	assert_int_equal(json_array_size(files), 4);
	assert_string_equal(json_string_value(json_array_get(files, 0)),
		"2026-01-01/000000-0000000000000001-caller.wav");
	assert_string_equal(json_string_value(json_array_get(files, 3)),
		"2026-01-01/000000-0000000000000001-p2-mix.wav");
	assert_string_equal(STR(recording, "note"), "the disk is full");
	json_decref(root);
	r.recording.n = 0;

	/* An attempt that was refused: what did not happen is null. */
	r.call.answer_ms = r.call.ringing_ms = 0;
	r.call.q850 = 0;
	r.call.sip_status = 404;
	n = record_print(&r, "limen-1", buf, sizeof(buf));
	root = json_loadb(buf, n, 0, NULL);
	assert_true(json_is_null(json_object_get(root, "answer")));
	assert_true(json_is_null(json_object_get(root, "answer_ms")));
	assert_true(json_is_null(json_object_get(root, "pdd_ms")));
	assert_true(json_is_null(json_object_get(root, "duration_ms")));
	assert_true(json_is_null(json_object_get(root, "q850")));
	assert_string_equal(STR(root, "outcome"), "refused");
	json_decref(root);
}

static void test_line_id(void **state)
{
	static const char *const bad[] = {
		"",
		"{\"schema\":1,\"id\":\"",
		"{\"schema\":1,\"id\":\"000000000000ab1\"}",
		"{\"schema\":1,\"id\":\"000000000000AB12\"}",
		"{\"schema\":2,\"id\":\"000000000000ab12\"}",
		"{ \"schema\":1,\"id\":\"000000000000ab12\"}",
	};
	uint64_t id = 5;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(record_line_id(bad[i], strlen(bad[i]), &id), -EINVAL);
	assert_int_equal(id, 5);
	assert_int_equal(record_line_id("{\"schema\":1,\"id\":\"fedcba9876543210\"", 35, &id), 0);
	assert_true(id == UINT64_C(0xfedcba9876543210));

	/* What a peer calls itself does not pass for a key. */
	static char buf[RECORD_LINE_MAX];
	enum record_outcome outcome;
	uint64_t ms;
	struct record r = sample();
	size_t n = record_print(&r, "x\"outcome\":\"busy\",\"duration_ms\":1", buf, sizeof(buf));
	assert_int_equal(record_line_outcome(buf, n, &outcome, &ms), 0);
	assert_int_equal(outcome, RECORD_ANSWERED);
	assert_int_equal(ms, 60500);
	r.call.answer_ms = 0;
	r.call.sip_status = 486;
	n = record_print(&r, "n", buf, sizeof(buf));
	assert_int_equal(record_line_outcome(buf, n, &outcome, &ms), 0);
	assert_int_equal(outcome, RECORD_BUSY);
	assert_int_equal(ms, 0);
	assert_int_equal(record_line_outcome("{}", 2, &outcome, &ms), -EINVAL);
}

static void test_outcomes(void **state)
{
	static const struct {
		uint64_t answer_ms;
		uint32_t status, by;
		const char *word;
	} rows[] = {
		{1, 200, CTL_BY_CALLER, "answered"},
		{1, 503, CTL_BY_BOX, "answered"},
		{0, 486, CTL_BY_CALLED, "busy"},
		{0, 600, CTL_BY_CALLED, "busy"},
		{0, 487, CTL_BY_CALLER, "cancelled"},
		{0, 487, CTL_BY_BOX, "no-answer"},
		{0, 408, CTL_BY_BOX, "no-answer"},
		{0, 480, CTL_BY_CALLED, "no-answer"},
		{0, 302, CTL_BY_CALLED, "redirected"},
		{0, 404, CTL_BY_BOX, "refused"},
		{0, 603, CTL_BY_CALLED, "refused"},
		{0, 503, CTL_BY_BOX, "failed"},
		{0, 0, CTL_BY_BOX, "no-final"},
		{0, 999, CTL_BY_BOX, "no-final"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ctl_call call = {.answer_ms = rows[i].answer_ms,
			.sip_status = rows[i].status,
			.released_by = rows[i].by};
		assert_string_equal(record_outcome_word(record_outcome(&call)), rows[i].word);
	}
	assert_string_equal(record_outcome_word(RECORD_OUTCOME_N), "?");
}

/* The later word of a far end counts; counts add up; what was not said takes nothing away. */
static void test_far_sums(void **state)
{
	struct dp_stream_sum sum = {.last_rx_ago_ms = UINT64_MAX, .first_rx_ago_ms = UINT64_MAX};
	struct dp_stream_sum a = {.first_rx_ago_ms = 100,
		.bursts = 1,
		.loss_runs = 4,
		.far = {.reports = 3, .lost = 9, .rtt_us = 500, .max_rtt_us = 900}};
	struct dp_stream_sum b = {.first_rx_ago_ms = 900,
		.bursts = 2,
		.loss_runs = 5,
		.far = {.xr_reports = 2, .mos_lq = 41, .max_rtt_us = 700}};
	struct dp_stream_sum c = {.first_rx_ago_ms = UINT64_MAX, .far = {.reports = 1, .lost = 4}};

	record_sum_add(&sum, &a);
	record_sum_add(&sum, &b);
	record_sum_add(&sum, &c);
	assert_int_equal(sum.first_rx_ago_ms, 900);
	assert_int_equal(sum.bursts, 3);
	assert_int_equal(sum.loss_runs, 9);
	assert_int_equal(sum.far.reports, 4);
	assert_int_equal(sum.far.lost, 4);
	assert_int_equal(sum.far.rtt_us, 500);
	assert_int_equal(sum.far.max_rtt_us, 900);
	assert_int_equal(sum.far.xr_reports, 2);
	assert_int_equal(sum.far.mos_lq, 41);
}

static void test_sums(void **state)
{
	struct dp_stream_sum sum = {.last_rx_ago_ms = UINT64_MAX};
	struct dp_stream_sum a = {.rx_packets = 5,
		.lost = 1,
		.jitter_us = 10,
		.ssrc = 7,
		.last_rx_ago_ms = 50,
		.latched = {.family = 4}};
	struct dp_stream_sum b = {
		.rx_packets = 6, .tx_octets = 9, .jitter_us = 4, .ssrc = 8, .last_rx_ago_ms = 40};

	record_sum_add(&sum, &a);
	record_sum_add(&sum, &b);
	assert_int_equal(sum.rx_packets, 11);
	assert_int_equal(sum.tx_octets, 9);
	assert_int_equal(sum.lost, 1);
	assert_int_equal(sum.jitter_us, 10);
	assert_int_equal(sum.ssrc, 7);
	assert_int_equal(sum.last_rx_ago_ms, 40);
	assert_int_equal(sum.latched.family, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_numbers_and_nesting),
		cmocka_unit_test(test_longest_record),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_line_id),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_far_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
