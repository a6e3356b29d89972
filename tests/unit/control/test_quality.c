/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The E-model against published values, and what is made of the counters of a call: ratings with
 * their source, and the verdict.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/quality/emodel.h"
#include "controlplane/quality/quality.h"

/* ITU-T G.107 annex B, table B.1: R and the MOS that belongs to it. */
static void test_mos_of_r(void **state)
{
	static const struct {
		double r, mos;
	} rows[] = {{100, 4.5}, {90, 4.34}, {80, 4.03}, {70, 3.60}, {60, 3.10}, {50, 2.58}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (fabs(emodel_mos(rows[i].r, false) - rows[i].mos) > 0.0061)
			fail_msg("R %g: %f", rows[i].r, emodel_mos(rows[i].r, false));
	for (double r = -10; r < 140; r += 0.5) {
		assert_true(emodel_mos(r, false) >= 1 && emodel_mos(r, false) <= 4.5);
		if (r > 10)
			assert_true(emodel_mos(r, false) >= emodel_mos(r - 0.5, false));
		assert_true(fabs(emodel_mos(r * 1.29, true) - emodel_mos(r, false)) < 1e-9);
	}
}

/*
 * Ratings with all other parameters at their defaults: 93.2 is G.107's own figure; the long delays
 * are Idd of equation 7-27 worked out by hand (200 ms: x = 1, 3.04; 400 ms: x = 2, 26.6 with the
 * echo of 65 dB); loss is equation 7-29 by hand.
 */
static void test_rating(void **state)
{
	static const struct {
		const char *codec;
		double loss, burst, delay, r, tolerance;
	} rows[] = {
		{"PCMU", 0, 1, 0, 93.2, 0.05},
		{"PCMA", 0, 1, 0, 93.2, 0.05},
		{"pcma", 0, 1, 0, 93.2, 0.05},
		{"G729", 0, 1, 0, 93.2 - 11, 0.05},
		{"GSM", 0, 1, 0, 93.2 - 20, 0.05},
		{"G726-32", 0, 1, 0, 93.2 - 7, 0.05},
		{"AMR", 0, 1, 0, 93.2 - 5, 0.05},
		{"PCMU", 1, 1, 0, 93.2 - 95 * 1 / 26.1, 0.05},
		{"PCMU", 5, 1, 0, 93.2 - 95 * 5 / 30.1, 0.05},
		{"PCMU", 5, 2, 0, 93.2 - 95 * 5 / 27.6, 0.05},
		{"G711-no-PLC", 1, 1, 0, 93.2 - 95 * 1 / 5.3, 0.05},
		{"G729", 3, 1, 0, 93.2 - 11 - 84 * 3 / 22.0, 0.05},
		{"G722", 0, 1, 0, 129 - 13, 0.001},
		{"AMR-WB", 0, 1, 0, 129 - 13, 0.001},
		{"AMR-WB", 2, 1, 0, 129 - 13 - 82 * 2 / 6.3, 0.001},
		{"G722", 0, 1, 200, 129 - 13 - 3.04, 0.01},
		{"PCMU", 0, 1, 100, 90.7, 0.1}, /* echo alone, no long delay yet */
		{"PCMU", 0, 1, 400, 62.2, 0.1},
		{"PCMU", 100, 1, 0, 93.2 - 95 * 100 / 125.1, 0.05},
		{"GSM", 0, 1, 100000, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct emodel_input in = {emodel_codec_find(rows[i].codec), rows[i].loss,
			rows[i].burst, rows[i].delay};
		double r = -1;
		assert_true(emodel_rating(&in, &r));
		if (fabs(r - rows[i].r) > rows[i].tolerance)
			fail_msg("%s, %g %% loss, %g ms: R %f", rows[i].codec, rows[i].loss,
				rows[i].delay, r);
	}
}

/* Nothing is guessed. */
static void test_rating_unknown(void **state)
{
	const struct emodel_input rows[] = {
		{emodel_codec_find("opus"), 0, 1, 0},
		{emodel_codec_find(""), 0, 1, 0},
		{emodel_codec_find("G722"), 0.1, 1, 0}, /* no robustness is published */
		{emodel_codec_find("GSM"), 0.1, 1, 0},
		{emodel_codec_find("PCMU"), -1, 1, 0},
		{emodel_codec_find("PCMU"), 101, 1, 0},
		{emodel_codec_find("PCMU"), NAN, 1, 0},
		{emodel_codec_find("PCMU"), 0, 1, -1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double r = 77;
		if (emodel_rating(&rows[i], &r) || r != 77)
			fail_msg("row %zu: %f", i, r);
	}
}

static struct dp_stream_sum good(void)
{
	return (struct dp_stream_sum){.rx_packets = 1000,
		.tx_packets = 1000,
		.jitter_us = 500,
		.frame_us = 20000,
		.last_rx_ago_ms = 10,
		.first_rx_ago_ms = 20000};
}

struct call {
	struct dp_stream_sum from[DP_LEGS];
	struct quality_input in;
	struct quality q;
};

static void set_up(struct call *c)
{
	memset(c, 0, sizeof(*c));
	memset(&c->q, 0xa5, sizeof(c->q)); /* all of it is to be written */
	c->from[0] = c->from[1] = good();
	c->in = (struct quality_input){.from = c->from,
		.codec = {"PCMA", "PCMA"},
		.talked_ms = 20000,
		.mean_jitter_us = {2000, QUALITY_UNKNOWN_U32},
		.has_media = true};
}

static void test_scores(void **state)
{
	struct call c;

	set_up(&c);
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[0].heard.source, QUALITY_MEASURED_RTP);
	assert_int_equal(c.q.leg[0].heard.r, 9321);
	assert_int_equal(c.q.leg[0].heard.mos_lq, 441);
	assert_int_equal(c.q.leg[0].heard.mos_cq, 0); /* no round trip is known */
	assert_int_equal(c.q.delay_ms, QUALITY_UNKNOWN_U32);
	assert_int_equal(c.q.leg[0].far.source, QUALITY_UNKNOWN);
	assert_int_equal(c.q.leg[0].mean_jitter_us, 2000);
	assert_int_equal(c.q.leg[1].mean_jitter_us, 500);
	assert_int_equal(c.q.leg[0].loss_ppm, 0);
	assert_int_equal(c.q.leg[0].burst_ms, 0);
	assert_int_equal(c.q.leg[0].gap_ms, 20000);

	/* both round trips: 50 + 30 ms one way, 20 ms a packet, 20 ms of jitter buffer */
	c.from[0].far.rtt_us = 100000;
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.delay_ms, QUALITY_UNKNOWN_U32);
	c.from[1].far.rtt_us = 60000;
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.delay_ms, 120);
	assert_true(c.q.leg[0].heard.mos_cq && c.q.leg[0].heard.mos_cq < 441);
	assert_int_equal(c.q.leg[0].heard.mos_lq, 441);

	/* 5 % in rows of two: BurstR 1.9 */
	c.from[0].rx_packets = 952;
	c.from[0].duplicates = 2;
	c.from[0].lost = 50;
	c.from[0].loss_runs = 25;
	c.from[0].far.rtt_us = 0;
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[0].loss_ppm, 50000);
	assert_int_equal(
		c.q.leg[0].heard.r, (uint32_t)lround(100 * (93.2079 - 95 * 5 / (5 / 1.9 + 25.1))));

	/* what is not in the table, what is too little: nothing is said */
	c.in.codec[0] = c.in.codec[1] = "opus";
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[0].heard.source, QUALITY_UNKNOWN);
	assert_int_equal(c.q.leg[0].heard.mos_lq, 0);
	c.in.codec[0] = c.in.codec[1] = "PCMU";
	c.from[0] = (struct dp_stream_sum){.rx_packets = 49, .tx_packets = 49};
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[0].heard.source, QUALITY_UNKNOWN);
	c.from[0] = (struct dp_stream_sum){.last_rx_ago_ms = UINT64_MAX};
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[0].heard.source, QUALITY_UNKNOWN);
	assert_int_equal(c.q.leg[0].loss_ppm, QUALITY_UNKNOWN_U32);
	assert_int_equal(c.q.leg[0].mean_jitter_us, QUALITY_UNKNOWN_U32);
}

static void test_far_end(void **state)
{
	struct call c;

	set_up(&c);
	/* leg 1's far end got 900 of 1000 that leg 0 sent */
	c.from[1].far = (struct dp_far_sum){.reports = 3, .lost = 100};
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[1].far.source, QUALITY_RTCP_FAR_END);
	assert_int_equal(c.q.leg[1].far.r, (uint32_t)lround(100 * (93.2079 - 95 * 10 / 35.1)));
	assert_int_equal(c.q.leg[0].far.source, QUALITY_UNKNOWN);
	c.from[1].far.lost = -5; /* more came than were sent: duplicates */
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[1].far.r, 9321);
	/* its own rating goes before ours */
	c.from[1].far.xr_reports = 1;
	c.from[1].far.mos_lq = 41;
	c.from[1].far.mos_cq = 127;
	c.from[1].far.r_factor = 82;
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[1].far.source, QUALITY_RTCP_XR);
	assert_int_equal(c.q.leg[1].far.mos_lq, 410);
	assert_int_equal(c.q.leg[1].far.mos_cq, 0);
	assert_int_equal(c.q.leg[1].far.r, 8200);
	/* but not one that is not available, or absurd */
	c.from[1].far.mos_lq = 127;
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[1].far.source, QUALITY_RTCP_FAR_END);
	c.from[1].far.reports = 0;
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[1].far.source, QUALITY_UNKNOWN);
	assert_string_equal(quality_source_word(QUALITY_RTCP_XR), "rtcp-xr");
	assert_string_equal(quality_source_word(99), "unknown");
}

static void test_bursts(void **state)
{
	struct call c;

	set_up(&c);
	c.from[0].lost = 9;
	c.from[0].loss_runs = 9;
	c.from[0].rx_packets = 991;
	c.from[0].bursts = 2;
	c.from[0].burst_packets = 30;
	c.from[0].burst_lost = 6;
	c.from[0].gap_lost = 3;
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[0].burst_ms, 300);
	assert_int_equal(c.q.leg[0].burst_ppm, 200000);
	assert_int_equal(c.q.leg[0].gap_ms, 970 * 20 / 3);
	assert_int_equal(c.q.leg[0].gap_ppm, 3092);
	c.from[0].frame_us = 0;
	quality_judge(&c.in, &c.q);
	assert_int_equal(c.q.leg[0].burst_ms, QUALITY_UNKNOWN_U32);
}

#define NEVER(i)                                                            \
	c.from[i] = (struct dp_stream_sum)                                  \
	{                                                                   \
		.last_rx_ago_ms = UINT64_MAX, .first_rx_ago_ms = UINT64_MAX \
	}

static void test_verdicts(void **state)
{
	struct call c;

#define VERDICT(text, ...)                              \
	do {                                            \
		set_up(&c);                             \
		__VA_ARGS__;                            \
		quality_judge(&c.in, &c.q);             \
		assert_string_equal(c.q.verdict, text); \
	} while (0)
	VERDICT("no fault");
	VERDICT("", c.in.talked_ms = 0);
	VERDICT("", c.in.talked_ms = 1999; NEVER(0));
	VERDICT("", c.in.has_media = false; NEVER(0); NEVER(1));
	VERDICT("no audio in either direction", NEVER(0); NEVER(1));
	VERDICT("", NEVER(0); NEVER(1); c.in.held[0] = c.in.held[1] = true);
	VERDICT("one-way audio: nothing came from the called side", NEVER(1));
	VERDICT("one-way audio: nothing came from the caller", NEVER(0));
	VERDICT("no fault", NEVER(0); c.in.held[0] = true);
	VERDICT("one-way audio: nothing could be sent to the called side",
		c.from[0].tx_packets = 0);
	VERDICT("no fault", c.from[0].tx_packets = 0; c.in.held[1] = true);
	VERDICT("audio stopped after 12 s", c.from[0].last_rx_ago_ms = 8100;
		c.from[1].last_rx_ago_ms = 8400);
	VERDICT("audio from the called side stopped after 12 s", c.from[1].last_rx_ago_ms = 8000);
	VERDICT("no fault", c.from[1].last_rx_ago_ms = 4999);
	VERDICT("no fault", c.from[1].last_rx_ago_ms = 8000; c.in.held[1] = true);
	VERDICT("no fault", c.from[1].last_rx_ago_ms = 8000; c.in.pauses[1] = true);
	VERDICT("audio from the called side stopped after 0 s", c.from[1].last_rx_ago_ms = 60000;
		c.in.pauses[1] = true);
	VERDICT("high loss from the caller: 5.0 %", c.from[0].rx_packets = 950;
		c.from[0].lost = 50);
	VERDICT("no fault", c.from[0].rx_packets = 9501; c.from[0].lost = 499);
	VERDICT("high jitter from the called side: 51 ms", c.in.mean_jitter_us[1] = 51000);
	VERDICT("no fault", c.in.mean_jitter_us[1] = 49999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mos_of_r),
		cmocka_unit_test(test_rating),
		cmocka_unit_test(test_rating_unknown),
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_far_end),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
