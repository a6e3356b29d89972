/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ratings and verdict; see quality.h, and docs/VOICE-QUALITY.md for who reads them. */
#include "controlplane/quality/quality.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/quality/emodel.h"

#define LEAST_PACKETS	 50    /* fewer are not rated */
#define LEAST_TALK_MS	 2000  /* a shorter call has no verdict */
#define STOPPED_MS	 5000  /* without a packet: the audio has stopped */
#define PAUSED_MS	 60000 /* the same of who may pause (comfort noise) */
#define BAD_LOSS_PPM	 50000 /* 5 % */
#define BAD_JITTER_US	 50000
#define PLAYOUT_LEAST_US 20000
#define XR_UNAVAILABLE	 127

static const char *const side[DP_LEGS] = {"caller", "called side"};

const char *quality_source_word(uint32_t source)
{
	static const char *const words[] = {
#define X(sym, word) word,
		QUALITY_SOURCES(X)
#undef X
	};
	return source < QUALITY_SOURCE_N ? words[source] : words[QUALITY_UNKNOWN];
}

static uint64_t received(const struct dp_stream_sum *s)
{
	return s->rx_packets > s->duplicates ? s->rx_packets - s->duplicates : 0;
}

static uint64_t expected(const struct dp_stream_sum *s)
{
	return received(s) + s->lost;
}

static uint32_t ppm(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return QUALITY_UNKNOWN_U32;
	return part >= whole ? 1000000 : (uint32_t)((double)part * 1e6 / (double)whole);
}

static uint32_t hundredths(double value)
{
	return (uint32_t)lround(value * 100);
}

/* R with the delay when that is known, else as one listens. */
static void rate(struct quality_score *score, const struct emodel_input *base, uint32_t delay_ms,
	enum quality_source source)
{
	struct emodel_input in = *base;
	double r;

	in.delay_ms = 0;
	if (!emodel_rating(&in, &r))
		return;
	score->source = source;
	score->r = hundredths(r);
	score->mos_lq = hundredths(emodel_mos(r, in.codec->wideband));
	in.delay_ms = delay_ms;
	if (delay_ms == QUALITY_UNKNOWN_U32 || !emodel_rating(&in, &r))
		return;
	score->r = hundredths(r);
	score->mos_cq = hundredths(emodel_mos(r, in.codec->wideband));
}

/*
 * G.107 7.3: how long rows of lost packets are, to how long they would be if each were lost by
 * chance alone.
 */
static double burst_ratio(double lost, double runs, double loss_percent)
{
	return runs > 0 ? fmax(1, lost / runs * (1 - loss_percent / 100)) : 1;
}

static void rate_heard(struct quality_leg *leg, const struct dp_stream_sum *s, const char *codec,
	uint32_t delay_ms)
{
	double gone = (double)s->lost + s->too_late;
	struct emodel_input in = {.codec = emodel_codec_find(codec)};

	if (received(s) < LEAST_PACKETS)
		return;
	in.loss_percent = fmin(100, 100 * gone / (double)expected(s));
	in.burst_ratio = burst_ratio(gone, s->loss_runs, in.loss_percent);
	rate(&leg->heard, &in, delay_ms, QUALITY_MEASURED_RTP);
}

/* sent: packets that the leg's far end should have got. */
static void rate_far(struct quality_leg *leg, const struct dp_far_sum *far, uint64_t sent,
	const char *codec, uint32_t delay_ms)
{
	struct emodel_input in = {.codec = emodel_codec_find(codec), .burst_ratio = 1};

	if (far->xr_reports && far->mos_lq >= 10 && far->mos_lq <= 50) {
		leg->far.source = QUALITY_RTCP_XR;
		leg->far.mos_lq = far->mos_lq * 10u;
		if (far->mos_cq >= 10 && far->mos_cq <= 50)
			leg->far.mos_cq = far->mos_cq * 10u;
		if (far->r_factor <= 100)
			leg->far.r = far->r_factor * 100u;
		return;
	}
	if (!far->reports || sent < LEAST_PACKETS)
		return;
	in.loss_percent = 100.0 * fmax(0, far->lost) / (double)sent;
	in.loss_percent = fmin(100, in.loss_percent);
	rate(&leg->far, &in, delay_ms, QUALITY_RTCP_FAR_END);
}

/* One way, from mouth to ear: half of each leg's round trip, a packet's time, a jitter buffer. */
static uint32_t delay_ms(const struct quality_input *in, const uint32_t jitter_us[DP_LEGS])
{
	const struct dp_stream_sum *from = in->from;
	uint64_t us = 0, worst = PLAYOUT_LEAST_US;

	for (unsigned int i = 0; i < DP_LEGS; i++) {
		if (!from[i].far.rtt_us)
			return QUALITY_UNKNOWN_U32;
		us += from[i].far.rtt_us / 2;
		if (jitter_us[i] != QUALITY_UNKNOWN_U32 && 2 * (uint64_t)jitter_us[i] > worst)
			worst = 2 * (uint64_t)jitter_us[i];
	}
	us += worst + (from[0].frame_us > from[1].frame_us ? from[0].frame_us : from[1].frame_us);
	return us / 1000 < 100000 ? (uint32_t)(us / 1000) : QUALITY_UNKNOWN_U32;
}

/* Gaps are one more than bursts: before, between and behind them. */
static void burst_figures(struct quality_leg *leg, const struct dp_stream_sum *s)
{
	uint64_t all = expected(s);
	uint64_t gap = all > s->burst_packets ? all - s->burst_packets : 0;

	leg->burst_ppm = s->bursts ? ppm(s->burst_lost, s->burst_packets) : 0;
	leg->gap_ppm = ppm(s->gap_lost, gap);
	leg->burst_ms = leg->gap_ms = QUALITY_UNKNOWN_U32;
	if (!s->bursts)
		leg->burst_ms = 0;
	if (!s->frame_us || !all)
		return;
	if (s->bursts)
		leg->burst_ms = (uint32_t)((uint64_t)s->burst_packets * s->frame_us / s->bursts /
					   1000);
	leg->gap_ms = (uint32_t)(gap * s->frame_us / (s->bursts + 1u) / 1000);
}

static void judge_leg(const struct quality_input *in, unsigned int i, struct quality *ret)
{
	const struct dp_stream_sum *s = &in->from[i];
	struct quality_leg *leg = &ret->leg[i];
	uint64_t sent;

	leg->loss_ppm = ppm(s->lost, expected(s));
	leg->reordered_ppm = ppm(s->reordered, expected(s));
	burst_figures(leg, s);
	rate_heard(leg, s, in->codec[i], ret->delay_ms);
	/* What was lost before the box is in the reports on what it relays. */
	sent = in->from[!i].tx_packets + (in->transcoded ? 0 : in->from[!i].lost);
	rate_far(leg, &s->far, sent, in->codec[i], ret->delay_ms);
}

/* ---- the verdict ---- */

static bool never_came(const struct quality_input *in, unsigned int i)
{
	return in->from[i].rx_packets == 0 && !in->held[i];
}

/* When a leg's audio stopped, in ms after the answer; UINT64_MAX: it did not. */
static uint64_t stopped_ms(const struct quality_input *in, unsigned int i)
{
	uint64_t ago_ms = in->from[i].last_rx_ago_ms;

	if (in->held[i] || ago_ms == UINT64_MAX ||
		ago_ms < (in->pauses[i] ? PAUSED_MS : STOPPED_MS))
		return UINT64_MAX;
	return in->talked_ms > ago_ms ? in->talked_ms - ago_ms : 0;
}

static bool verdict_stopped(const struct quality_input *in, char *text)
{
	uint64_t at[DP_LEGS] = {stopped_ms(in, 0), stopped_ms(in, 1)};

	if (at[0] != UINT64_MAX && at[1] != UINT64_MAX) {
		uint64_t last = at[0] > at[1] ? at[0] : at[1];
		snprintf(text, QUALITY_VERDICT_MAX, "audio stopped after %llu s",
			(unsigned long long)(last + 500) / 1000);
		return true;
	}
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		if (at[i] == UINT64_MAX)
			continue;
		snprintf(text, QUALITY_VERDICT_MAX, "audio from the %s stopped after %llu s",
			side[i], (unsigned long long)(at[i] + 500) / 1000);
		return true;
	}
	return false;
}

static bool verdict_one_way(const struct quality_input *in, char *text)
{
	if (in->from[0].rx_packets == 0 && in->from[1].rx_packets == 0) {
		if (!in->held[0] || !in->held[1])
			snprintf(text, QUALITY_VERDICT_MAX, "no audio in either direction");
		return true;
	}
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		if (never_came(in, i)) {
			snprintf(text, QUALITY_VERDICT_MAX,
				"one-way audio: nothing came from the %s", side[i]);
			return true;
		}
		if (in->from[i].rx_packets >= LEAST_PACKETS && in->from[i].tx_packets == 0 &&
			!in->held[!i]) {
			snprintf(text, QUALITY_VERDICT_MAX,
				"one-way audio: nothing could be sent to the %s", side[!i]);
			return true;
		}
	}
	return false;
}

static void verdict(const struct quality_input *in, const struct quality *q, char *text)
{
	if (!in->has_media || in->talked_ms < LEAST_TALK_MS)
		return;
	if (verdict_one_way(in, text) || verdict_stopped(in, text))
		return;
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		const struct quality_leg *leg = &q->leg[i];
		if (leg->loss_ppm != QUALITY_UNKNOWN_U32 && leg->loss_ppm >= BAD_LOSS_PPM) {
			snprintf(text, QUALITY_VERDICT_MAX, "high loss from the %s: %.1f %%",
				side[i], leg->loss_ppm / 1e4);
			return;
		}
	}
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		uint32_t us = q->leg[i].mean_jitter_us;
		if (us != QUALITY_UNKNOWN_U32 && us >= BAD_JITTER_US) {
			snprintf(text, QUALITY_VERDICT_MAX, "high jitter from the %s: %u ms",
				side[i], us / 1000);
			return;
		}
	}
	snprintf(text, QUALITY_VERDICT_MAX, "no fault");
}

void quality_judge(const struct quality_input *in, struct quality *ret)
{
	uint32_t jitter_us[DP_LEGS];

	memset(ret, 0, sizeof(*ret));
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		const struct dp_stream_sum *s = &in->from[i];
		jitter_us[i] = in->mean_jitter_us[i];
		if (s->rx_packets == 0)
			jitter_us[i] = QUALITY_UNKNOWN_U32;
		else if (jitter_us[i] == QUALITY_UNKNOWN_U32)
			jitter_us[i] = s->jitter_us;
		ret->leg[i].mean_jitter_us = jitter_us[i];
	}
	ret->delay_ms = delay_ms(in, jitter_us);
	for (unsigned int i = 0; i < DP_LEGS; i++)
		judge_leg(in, i, ret);
	verdict(in, ret, ret->verdict);
}
