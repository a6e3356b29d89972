/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What parameters change in single codecs: modes and requests of AMR, FEC, bit rate and bandwidth
 * of Opus, silence of G.729, octet order of G.726, bands of G.722. A codec that this build does
 * not have is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/amr_payload.h"
#include "dataplane/transcode/codec.h"
#include "tests/unit/codec/speech.h"

static struct codec_encoder *encoder(
	uint32_t id, uint32_t rate_hz, uint32_t ptime_ms, struct dp_codec_params params)
{
	struct codec_config config = {.rate_hz = rate_hz, .ptime_ms = ptime_ms, .params = params};
	struct codec_encoder *enc;

	assert_int_equal(codec_encoder_new(codec_by_id(id), &config, &enc), 0);
	return enc;
}

static struct codec_decoder *decoder(uint32_t id, uint32_t rate_hz, struct dp_codec_params params)
{
	struct codec_config config = {.rate_hz = rate_hz, .params = params};
	struct codec_decoder *dec;

	assert_int_equal(codec_decoder_new(codec_by_id(id), &config, &dec), 0);
	return dec;
}

static void need(uint32_t id)
{
	if (codec_by_id(id) == NULL)
		skip();
}

/* ---- AMR ---- */

/* One packet; its table of contents. */
static struct amr_toc amr_packet(struct codec_encoder *enc, const struct amr_kind *kind, bool align)
{
	static uint32_t at;
	size_t n;
	const int16_t *pcm = speech_at(enc->rate_hz, &n);
	uint8_t payload[CODEC_PAYLOAD_MAX];
	struct amr_toc toc;
	int len;

	at = (at + enc->n_samples) % (uint32_t)(n - enc->n_samples);
	len = codec_encode(enc, pcm + at, payload, sizeof(payload));
	assert_true(len > 0);
	assert_int_equal(amr_toc_parse(kind, align, payload, (size_t)len, &toc), 0);
	return toc;
}

static void check_modes(uint32_t id, uint32_t rate_hz, const struct amr_kind *kind)
{
	static const struct {
		const char *what;
		uint32_t modes;
		uint8_t flags, period, first_nb, first_wb, request;
		uint8_t then[5];
	} rows[] = {
		{"all modes, a request", 0, 0, 0, 7, 2, 0, {0, 0, 0, 0, 0}},
		{"no request", 0, 0, 0, 7, 2, 15, {7, 7, 7, 7, 7}},
		{"set 0,2,5: 12.2 is not in it", 0x25, 0, 0, 5, 2, 4, {2, 2, 2, 2, 2}},
		{"a request below the set", 0x24, 0, 0, 5, 2, 0, {2, 2, 2, 2, 2}},
		{"each second frame", 0x25, 0, 2, 5, 2, 0, {0, 0, 0, 0, 0}},
		{"neighbours", 0x25, DP_CODEC_NEIGHBOR, 0, 5, 2, 0, {2, 0, 0, 0, 0}},
		{"neighbours, each second frame", 0x27, DP_CODEC_NEIGHBOR, 2, 5, 2, 0,
			{2, 2, 1, 1, 0}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dp_codec_params params = {.modes = rows[i].modes,
			.flags = rows[i].flags,
			.mode_period = rows[i].period};
		struct codec_encoder *enc = encoder(id, rate_hz, 20, params);
		uint8_t first = kind == &amr_narrow ? rows[i].first_nb : rows[i].first_wb;
		struct amr_toc toc = amr_packet(enc, kind, false);
		if (toc.type[0] != first || toc.request != AMR_NO_REQUEST)
			fail_msg("%s: first mode %u", rows[i].what, toc.type[0]);
		codec_encoder_request(enc, rows[i].request);
		for (size_t k = 0; k < 5 && kind == &amr_narrow; k++) {
			toc = amr_packet(enc, kind, false);
			if (toc.type[0] != rows[i].then[k])
				fail_msg("%s: mode %u after %zu", rows[i].what, toc.type[0], k);
		}
		codec_encoder_ask(enc, 1);
		toc = amr_packet(enc, kind, false);
		assert_int_equal(toc.request,
			rows[i].modes == 0x24 ? 2 : (rows[i].modes & 2 || !rows[i].modes));
		codec_encoder_ask(enc, CODEC_NO_REQUEST);
		toc = amr_packet(enc, kind, false);
		assert_int_equal(toc.request, AMR_NO_REQUEST);
		codec_encoder_free(enc);
	}
}

static void test_amr_modes(void **state)
{
	struct codec_config config = {.rate_hz = 8000, .params = {.modes = 0x100}};
	struct codec_encoder *enc;

	need(DP_CODEC_AMR);
	check_modes(DP_CODEC_AMR, 8000, &amr_narrow);
	/* A mode that narrow band has not. */
	assert_int_equal(codec_encoder_new(codec_by_id(DP_CODEC_AMR), &config, &enc), -EINVAL);
	config.params.modes = 0;
	config.params.mode_period = 3;
	assert_int_equal(codec_encoder_new(codec_by_id(DP_CODEC_AMR), &config, &enc), -EINVAL);
}

static void test_amr_wb_modes(void **state)
{
	need(DP_CODEC_AMR_WB);
	check_modes(DP_CODEC_AMR_WB, 16000, &amr_wide);
}

/* Three frames a packet, octet-aligned, a mode for each; the request arrives at the decoder. */
static void test_amr_packets(void **state)
{
	struct dp_codec_params params = {.flags = DP_CODEC_OCTET_ALIGN};
	struct codec_encoder *enc;
	struct codec_decoder *dec;
	uint8_t payload[CODEC_PAYLOAD_MAX];
	int16_t pcm[480];
	struct amr_toc toc;
	size_t n;
	int len;

	need(DP_CODEC_AMR);
	enc = encoder(DP_CODEC_AMR, 8000, 60, params);
	dec = decoder(DP_CODEC_AMR, 8000, params);
	assert_int_equal(dec->mode_request, CODEC_NO_REQUEST);
	codec_encoder_ask(enc, 3);
	codec_encoder_request(enc, 4);
	len = codec_encode(enc, speech_at(8000, &n), payload, sizeof(payload));
	assert_int_equal(len, 1 + 3 + 3 * 19); /* 148 bits are 18.5 octets */
	assert_int_equal(amr_toc_parse(&amr_narrow, true, payload, (size_t)len, &toc), 0);
	assert_int_equal(toc.n_frames, 3);
	assert_int_equal(codec_decode(dec, payload, (size_t)len, pcm, 480), 480);
	assert_int_equal(dec->mode_request, 3);
	assert_int_equal(dec->mode, 4);
	/* The other form is another format. */
	codec_decoder_free(dec);
	dec = decoder(DP_CODEC_AMR, 8000, (struct dp_codec_params){0});
	assert_int_equal(codec_decode(dec, payload, (size_t)len, pcm, 480), -EBADMSG);
	codec_encoder_free(enc);
	codec_decoder_free(dec);
}

/* ---- Opus ---- */

/* What in-band FEC brings back is nearer to the truth than what concealment makes up. */
static void test_opus_fec(void **state)
{
	struct dp_codec_params params = {.flags = DP_CODEC_FEC, .complexity = 5};
	static int16_t whole[16000], with[16000], without[16000];
	struct codec_decoder *a, *b, *c;
	struct codec_encoder *enc;
	uint8_t now[CODEC_PAYLOAD_MAX], next[CODEC_PAYLOAD_MAX];
	const int16_t *pcm;
	int len, next_len;
	double got[2];
	size_t n;

	need(DP_CODEC_OPUS);
	pcm = speech_at(16000, &n);
	enc = encoder(DP_CODEC_OPUS, 16000, 20, params);
	a = decoder(DP_CODEC_OPUS, 16000, params);
	b = decoder(DP_CODEC_OPUS, 16000, params);
	c = decoder(DP_CODEC_OPUS, 16000, params);
	codec_encoder_tune(enc, 20, 5);
	len = codec_encode(enc, pcm, now, sizeof(now));
	for (int i = 0; i < 50; i++) {
		next_len = codec_encode(enc, pcm + (i + 1) * 320, next, sizeof(next));
		assert_int_equal(codec_decode(a, now, (size_t)len, whole + i * 320, 320), 320);
		if (i % 10 == 6) {
			assert_int_equal(
				codec_conceal(b, with + i * 320, 320, next, (size_t)next_len), 320);
			assert_int_equal(codec_conceal(c, without + i * 320, 320, NULL, 0), 320);
		} else {
			(void)!codec_decode(b, now, (size_t)len, with + i * 320, 320);
			(void)!codec_decode(c, now, (size_t)len, without + i * 320, 320);
		}
		memcpy(now, next, sizeof(now));
		len = next_len;
	}
	got[0] = speech_snr(whole, with, 16000);
	got[1] = speech_snr(whole, without, 16000);
	if (got[0] < got[1] + 3)
		fail_msg("%.1f dB with FEC, %.1f without", got[0], got[1]);
	codec_encoder_free(enc);
	codec_decoder_free(a);
	codec_decoder_free(b);
	codec_decoder_free(c);
}

static double opus_octets(
	uint32_t rate_hz, struct dp_codec_params params, int *ret_spread, int *ret_toc)
{
	struct codec_encoder *enc = encoder(DP_CODEC_OPUS, rate_hz, 20, params);
	uint8_t payload[CODEC_PAYLOAD_MAX];
	int sum = 0, low = INT32_MAX, high = 0;
	size_t n;
	const int16_t *pcm = speech_at(rate_hz, &n);

	*ret_toc = 0;
	for (int i = 0; i < 100; i++) {
		int len = codec_encode(
			enc, pcm + (uint32_t)i * enc->n_samples, payload, sizeof(payload));
		assert_true(len > 0);
		sum += len;
		low = len < low ? len : low;
		high = len > high ? len : high;
		if (payload[0] >> 3 > *ret_toc)
			*ret_toc = payload[0] >> 3;
	}
	codec_encoder_free(enc);
	*ret_spread = high - low;
	return sum / 100.0;
}

static void test_opus_params(void **state)
{
	int spread, toc, narrow, wide;
	double octets;

	need(DP_CODEC_OPUS);
	octets = opus_octets(16000, (struct dp_codec_params){.bitrate_bps = 16000}, &spread, &wide);
	assert_true(octets > 25 && octets < 46);
	assert_true(spread > 5);
	octets = opus_octets(16000,
		(struct dp_codec_params){.bitrate_bps = 32000, .flags = DP_CODEC_CBR}, &spread,
		&toc);
	assert_true(octets > 78 && octets < 82);
	assert_int_equal(spread, 0);
	/* RFC 6716 table 2: configurations 0..3 are SILK narrow band, 8..11 wide band. */
	assert_in_range(wide, 8, 11);
	(void)opus_octets(16000, (struct dp_codec_params){.max_rate_khz = 8}, &spread, &narrow);
	assert_in_range(narrow, 0, 3);
}

/* The rate of the other side, what the far end plays, and what the codec has. */
static void test_rate_fit(void **state)
{
	static const struct {
		uint32_t id;
		uint8_t max_rate_khz;
		uint32_t other_hz, want;
	} rows[] = {
		{DP_CODEC_PCMU, 0, 16000, 8000},
		{DP_CODEC_G722, 0, 8000, 8000},
		{DP_CODEC_G722, 0, 16000, 16000},
		{DP_CODEC_G722, 0, 48000, 16000},
		{DP_CODEC_AMR_WB, 0, 8000, 16000},
		{DP_CODEC_OPUS, 0, 8000, 8000},
		{DP_CODEC_OPUS, 0, 16000, 16000},
		{DP_CODEC_OPUS, 0, 48000, 48000},
		{DP_CODEC_OPUS, 16, 48000, 16000},
		{DP_CODEC_OPUS, 24, 48000, 16000},
		{DP_CODEC_OPUS, 12, 16000, 8000},
		{DP_CODEC_OPUS, 8, 48000, 8000},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct dp_codec_params params = {.max_rate_khz = rows[i].max_rate_khz};
		const struct codec *c = codec_by_id(rows[i].id);
		if (c != NULL && codec_rate_fit(c, &params, rows[i].other_hz) != rows[i].want)
			fail_msg("%s beside %u", dp_codec_row(c->id)->name, rows[i].other_hz);
	}
}

/* A rate that no encoder takes is refused when it is made, not at the first packet. */
static void test_opus_refused(void **state)
{
	struct codec_config config = {.rate_hz = 16000, .params = {.complexity = 11}};
	struct codec_encoder *enc;

	need(DP_CODEC_OPUS);
	assert_int_equal(codec_encoder_new(codec_by_id(DP_CODEC_OPUS), &config, &enc), -EINVAL);
}

/* ---- G.729, G.726, G.722 ---- */

/*
 * Packets of 30 ms hold the same frames as packets of 10 ms of the same sound, at the places where
 * n_skipped says they are, though speech comes and goes within packets.
 */
static void test_g729_silence(void **state)
{
	struct dp_codec_params params = {.flags = DP_CODEC_DTX};
	struct codec_encoder *one, *three;
	int16_t pcm[240];
	const int16_t *speech;
	size_t n;
	uint32_t n_skips = 0, n_sids = 0;

	need(DP_CODEC_G729);
	speech = speech_at(8000, &n);
	one = encoder(DP_CODEC_G729, 8000, 10, params);
	three = encoder(DP_CODEC_G729, 8000, 30, params);
	for (uint32_t i = 0; i < 400; i++) {
		uint8_t frames[3][10], whole[30];
		int lens[3], len, at = 0;
		for (uint32_t k = 0; k < 240; k++) {
			uint32_t t = i * 240 + k;
			/* Speech for 0.4 s, quiet for 0.37. */
			pcm[k] = t % 6160 < 3200 ? speech[t % n] : (int16_t)(t * 7 % 5);
		}
		for (uint32_t k = 0; k < 3; k++)
			lens[k] = codec_encode(one, pcm + 80 * k, frames[k], 10);
		len = codec_encode(three, pcm, whole, sizeof(whole));
		assert_int_equal(three->n_skipped % 80, 0);
		n_skips += three->n_skipped != 0;
		for (uint32_t k = three->n_skipped / 80; k < 3 && at < len; k++) {
			assert_true(lens[k] > 0);
			assert_memory_equal(whole + at, frames[k], (size_t)lens[k]);
			at += lens[k];
			n_sids += lens[k] == 2;
			assert_true(lens[k] == 10 || at == len); /* SID is the last */
		}
		assert_int_equal(at, len);
		/* Nothing said is left out: what comes last is always there. */
		if (lens[2] > 0)
			assert_memory_equal(whole + len - lens[2], frames[2], (size_t)lens[2]);
	}
	assert_true(n_skips > 3);
	assert_true(n_sids > 3);
	codec_encoder_free(one);
	codec_encoder_free(three);
}

/* The same codes, halves of each octet exchanged; the first sample is in the low half for RTP. */
static void test_g726_order(void **state)
{
	struct codec_encoder *rtp, *aal2;
	struct codec_decoder *dec;
	uint8_t a[160], b[160];
	int16_t pcm[160] = {0}, out[160];
	size_t n;
	const int16_t *speech;

	speech = speech_at(8000, &n);
	rtp = encoder(DP_CODEC_G726_32, 8000, 20, (struct dp_codec_params){0});
	aal2 = encoder(DP_CODEC_AAL2_G726_32, 8000, 20, (struct dp_codec_params){0});
	assert_int_equal(codec_encode(rtp, speech + 8000, a, sizeof(a)), 80);
	assert_int_equal(codec_encode(aal2, speech + 8000, b, sizeof(b)), 80);
	for (int i = 0; i < 80; i++)
		assert_int_equal(a[i], (uint8_t)(b[i] << 4 | b[i] >> 4));
	codec_encoder_free(rtp);
	codec_encoder_free(aal2);

	/* One loud sample after silence: its code is the low half of the octet it begins. */
	rtp = encoder(DP_CODEC_G726_32, 8000, 20, (struct dp_codec_params){0});
	pcm[80] = 20000;
	assert_int_equal(codec_encode(rtp, pcm, a, sizeof(a)), 80);
	assert_int_equal(a[40] & 0x0f, 7); /* the largest step up */
	dec = decoder(DP_CODEC_G726_32, 8000, (struct dp_codec_params){0});
	assert_int_equal(codec_decode(dec, a, 80, out, 160), 160);
	assert_true(out[80] > out[79] + 50);
	codec_encoder_free(rtp);
	codec_decoder_free(dec);
}

/* An end at 8 kHz and one at 16 kHz understand each other. */
static void test_g722_bands(void **state)
{
	static const struct {
		uint32_t from_hz, to_hz;
	} rows[] = {{8000, 16000}, {16000, 8000}};

	for (size_t i = 0; i < 2; i++) {
		uint32_t from = rows[i].from_hz, to = rows[i].to_hz;
		struct codec_encoder *enc = encoder(
			DP_CODEC_G722, from, 20, (struct dp_codec_params){0});
		struct codec_decoder *dec = decoder(DP_CODEC_G722, to, (struct dp_codec_params){0});
		static int16_t heard[SPEECH_SECONDS * 16000], narrow[SPEECH_SECONDS * 8000];
		size_t n, at = 0;
		const int16_t *pcm = speech_at(from, &n);
		double likeness;

		for (size_t k = 0; k + enc->n_samples <= n; k += enc->n_samples) {
			uint8_t payload[160];
			assert_int_equal(codec_encode(enc, pcm + k, payload, sizeof(payload)), 160);
			at += (size_t)codec_decode(dec, payload, 160, heard + at, 320);
		}
		assert_int_equal(at, SPEECH_SECONDS * to);
		speech_resample(heard, at, to, narrow, 8000);
		pcm = speech_at(8000, &n);
		(void)speech_lag(pcm, narrow, n, 40, &likeness);
		if (likeness < 0.97)
			fail_msg("%u to %u: likeness %.3f", from, to, likeness);
		codec_encoder_free(enc);
		codec_decoder_free(dec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_amr_modes),
		cmocka_unit_test(test_amr_wb_modes),
		cmocka_unit_test(test_amr_packets),
		cmocka_unit_test(test_opus_fec),
		cmocka_unit_test(test_opus_params),
		cmocka_unit_test(test_rate_fit),
		cmocka_unit_test(test_opus_refused),
		cmocka_unit_test(test_g729_silence),
		cmocka_unit_test(test_g726_order),
		cmocka_unit_test(test_g722_bands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
