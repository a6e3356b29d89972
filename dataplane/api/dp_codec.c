/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of dp_codec.h. Pure; linked into limen-sip, limen-control and limen-dataplane. */
#include "dataplane/api/dp_codec.h"

#define PTIME_MIN_MS 10
#define PTIME_MAX_MS 60

static const struct dp_codec rows[] = {
	{DP_CODEC_PCMU, 0, 1, 10, 8000, "PCMU"},
	{DP_CODEC_PCMA, 8, 1, 10, 8000, "PCMA"},
	{DP_CODEC_L16_8K, -1, 1, 10, 8000, "L16"},
	{DP_CODEC_L16_16K, -1, 1, 10, 16000, "L16"},
	/* RFC 3551 4.5.2: sampled at 16 kHz, yet the clock stays at 8 kHz. */
	{DP_CODEC_G722, 9, 1, 10, 8000, "G722"},
	{DP_CODEC_G726_32, -1, 1, 10, 8000, "G726-32"},
	{DP_CODEC_AAL2_G726_32, -1, 1, 10, 8000, "AAL2-G726-32"},
	{DP_CODEC_G729, 18, 1, 10, 8000, "G729"},
	/* RFC 7587 4.1: always 48000 and two channels, whatever is in it. */
	{DP_CODEC_OPUS, -1, 2, 10, 48000, "opus"},
	{DP_CODEC_GSM, 3, 1, 20, 8000, "GSM"},
	{DP_CODEC_AMR, -1, 1, 20, 8000, "AMR"},
	{DP_CODEC_AMR_WB, -1, 1, 20, 16000, "AMR-WB"},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

_Static_assert(N_ROWS == DP_CODEC_END - 1, "one row an id");

const struct dp_codec *dp_codec_row(uint32_t id)
{
	return id >= 1 && id < DP_CODEC_END ? &rows[id - 1] : NULL;
}

const struct dp_codec *dp_codec_find(struct view name, uint32_t clock_hz, uint32_t channels)
{
	if (channels == 0)
		channels = 1;
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].clock_hz == clock_hz && rows[i].channels == channels &&
			view_eq_nocase(name, view_of(rows[i].name)))
			return &rows[i];
	}
	return NULL;
}

const struct dp_codec *dp_codec_static(uint32_t pt)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].static_pt >= 0 && (uint32_t)rows[i].static_pt == pt)
			return &rows[i];
	}
	return NULL;
}

bool dp_codec_ptime_ok(const struct dp_codec *codec, uint32_t ptime_ms)
{
	if (ptime_ms < PTIME_MIN_MS || ptime_ms > PTIME_MAX_MS || ptime_ms % codec->frame_ms != 0)
		return false;
	/* RFC 6716 2.1.4: frames of 10, 20, 40 or 60 ms. */
	return codec->id != DP_CODEC_OPUS || (ptime_ms != 30 && ptime_ms != 50);
}

uint32_t dp_codec_ptime_fit(const struct dp_codec *codec, uint32_t wanted_ms)
{
	uint32_t fit = wanted_ms < PTIME_MAX_MS ? wanted_ms : PTIME_MAX_MS;

	while (fit > codec->frame_ms && !dp_codec_ptime_ok(codec, fit))
		fit--;
	return fit > codec->frame_ms ? fit : codec->frame_ms;
}
