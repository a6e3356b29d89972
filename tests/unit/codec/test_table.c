/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/api/dp_codec.c, of the table of codecs and of those without state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/codec.h"

static void test_find(void **state)
{
	static const struct {
		const char *name;
		uint32_t clock_hz, channels;
		uint32_t want;
	} rows[] = {
		{"PCMU", 8000, 0, DP_CODEC_PCMU},
		{"pcma", 8000, 1, DP_CODEC_PCMA},
		{"PCMU", 16000, 1, DP_CODEC_NONE},
		{"PCMU", 8000, 2, DP_CODEC_NONE},
		{"L16", 8000, 1, DP_CODEC_L16_8K},
		{"L16", 16000, 1, DP_CODEC_L16_16K},
		{"L16", 44100, 2, DP_CODEC_NONE},
		{"G722", 8000, 1, DP_CODEC_G722},
		{"G722", 16000, 1, DP_CODEC_NONE},
		{"opus", 48000, 2, DP_CODEC_OPUS},
		{"OPUS", 48000, 1, DP_CODEC_NONE},
		{"AMR", 8000, 1, DP_CODEC_AMR},
		{"AMR-WB", 16000, 1, DP_CODEC_AMR_WB},
		{"G726-32", 8000, 1, DP_CODEC_G726_32},
		{"AAL2-G726-32", 8000, 1, DP_CODEC_AAL2_G726_32},
		{"iLBC", 8000, 1, DP_CODEC_NONE},
		{"", 8000, 1, DP_CODEC_NONE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct dp_codec *row = dp_codec_find(
			view_of(rows[i].name), rows[i].clock_hz, rows[i].channels);
		if ((row ? row->id : DP_CODEC_NONE) != rows[i].want)
			fail_msg("%s/%u/%u", rows[i].name, rows[i].clock_hz, rows[i].channels);
	}
	for (uint32_t id = 0; id < DP_CODEC_END + 2; id++) {
		const struct dp_codec *row = dp_codec_row(id);
		assert_int_equal(row ? row->id : 0, id < DP_CODEC_END ? id : 0);
	}
	assert_int_equal(dp_codec_static(0)->id, DP_CODEC_PCMU);
	assert_int_equal(dp_codec_static(9)->id, DP_CODEC_G722);
	assert_int_equal(dp_codec_static(18)->id, DP_CODEC_G729);
	assert_null(dp_codec_static(2));
	assert_null(dp_codec_static(96));
	assert_null(dp_codec_static(255));
}

static void test_ptime(void **state)
{
	static const struct {
		uint32_t id, wanted, fit;
		bool ok;
	} rows[] = {
		{DP_CODEC_PCMU, 10, 10, true},
		{DP_CODEC_PCMU, 15, 10, false},
		{DP_CODEC_PCMU, 30, 30, true},
		{DP_CODEC_PCMU, 200, 60, false},
		{DP_CODEC_PCMU, 0, 10, false},
		{DP_CODEC_GSM, 10, 20, false},
		{DP_CODEC_GSM, 50, 40, false},
		{DP_CODEC_GSM, 60, 60, true},
		{DP_CODEC_OPUS, 10, 10, true},
		{DP_CODEC_OPUS, 30, 20, false},
		{DP_CODEC_OPUS, 50, 40, false},
		{DP_CODEC_OPUS, 60, 60, true},
		{DP_CODEC_AMR, 40, 40, true},
		{DP_CODEC_AMR, 30, 20, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct dp_codec *row = dp_codec_row(rows[i].id);
		if (dp_codec_ptime_ok(row, rows[i].wanted) != rows[i].ok ||
			dp_codec_ptime_fit(row, rows[i].wanted) != rows[i].fit)
			fail_msg("%s with %u ms", row->name, rows[i].wanted);
	}
}

static void test_table(void **state)
{
	uint32_t mask = 0;
	uint32_t n = 0;

	for (const struct codec *c; (c = codec_at(n)) != NULL; n++) {
		const struct dp_codec *row = dp_codec_row(c->id);
		assert_non_null(row);
		assert_false(mask >> c->id & 1); /* once only */
		mask |= UINT32_C(1) << c->id;
		assert_ptr_equal(codec_by_id(c->id), c);
		assert_ptr_equal(codec_find(view_of(row->name), row->clock_hz, row->channels), c);
		assert_true(c->rates_hz[0] >= 8000);
		for (uint32_t i = 1; i < CODEC_RATES_MAX && c->rates_hz[i] != 0; i++)
			assert_true(c->rates_hz[i] > c->rates_hz[i - 1]);
		assert_int_equal(c->rates_hz[CODEC_RATES_MAX], 0);
		/* The flags say what there is. */
		assert_int_equal(!!(c->flags & CODEC_HAS_PLC), c->conceal != NULL);
		assert_int_equal(!!(c->flags & CODEC_HAS_MODE), c->request != NULL);
	}
	assert_true(n >= 4);
	assert_int_equal(codec_mask(), mask);
	assert_null(codec_by_id(DP_CODEC_NONE));
	assert_null(codec_find(VIEW("iLBC"), 8000, 1));
}

/* Half the width of the interval that a code stands for, in 16-bit units (G.711 tables 1 and 2). */
static int half_step(const char *name, uint8_t code)
{
	if (strcmp(name, "PCMU") == 0)
		return 4 << (~code >> 4 & 7);
	return 8 << ((code ^ 0x55) >> 4 & 7 ? ((code ^ 0x55) >> 4 & 7) - 1 : 0);
}

/* Each sample gets the code in whose interval it lies, clipped at the ends. */
static void check_intervals(const char *name)
{
	const struct codec *c = codec_find(view_of(name), 8000, 1);
	struct codec_config config = {.rate_hz = 8000, .ptime_ms = 10};
	struct codec_encoder *enc;
	struct codec_decoder *dec;
	uint8_t codes[256];
	int16_t values[256];

	assert_int_equal(codec_encoder_new(c, &config, &enc), 0);
	assert_int_equal(codec_decoder_new(c, &config, &dec), 0);
	for (int i = 0; i < 256; i++)
		codes[i] = (uint8_t)i;
	assert_int_equal(codec_decode(dec, codes, sizeof(codes), values, 256), 256);
	for (int first = INT16_MIN; first <= INT16_MAX; first += 64) {
		int16_t pcm[80] = {0};
		uint8_t out[80];
		for (int i = 0; i < 64; i++)
			pcm[i] = (int16_t)(first + i);
		assert_int_equal(codec_encode(enc, pcm, out, sizeof(out)), 80);
		for (int i = 0; i < 64; i++) {
			int away = abs(values[out[i]] - pcm[i]);
			bool clipped = abs(pcm[i]) > abs(values[out[i]]) &&
				       abs(values[out[i]]) >= 32124;
			bool flipped = (pcm[i] < 0) != (values[out[i]] < 0) && values[out[i]] != 0;
			if (flipped || (!clipped && away > half_step(name, out[i])))
				fail_msg("%s: %d is coded %d away", name, pcm[i], away);
		}
	}
	codec_encoder_free(enc);
	codec_decoder_free(dec);
}

static void test_g711(void **state)
{
	static const struct {
		const char *name;
		int code, value; /* ITU-T G.711 tables 1 and 2, times 8 and 16 for 16 bits */
	} rows[] = {
		{"PCMU", 0xff, 0},
		{"PCMU", 0x80, 32124},
		{"PCMU", 0x00, -32124},
		{"PCMU", 0xfe, 8},
		{"PCMA", 0xd5, 8},
		{"PCMA", 0x55, -8},
		{"PCMA", 0xaa, 32256},
		{"PCMA", 0x2a, -32256},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct codec_config config = {.rate_hz = 8000};
		struct codec_decoder *dec;
		uint8_t code = (uint8_t)rows[i].code;
		int16_t pcm = 1;
		const struct codec *c = codec_find(view_of(rows[i].name), 8000, 1);
		assert_int_equal(codec_decoder_new(c, &config, &dec), 0);
		assert_int_equal(codec_decode(dec, &code, 1, &pcm, 1), 1);
		if (pcm != rows[i].value)
			fail_msg("%s %02x: %d, not %d", rows[i].name, code, pcm, rows[i].value);
		codec_decoder_free(dec);
	}
	check_intervals("PCMU");
	check_intervals("PCMA");
}

static void test_l16(void **state)
{
	static const uint8_t wire[] = {0x00, 0x01, 0xff, 0xff, 0x7f, 0xff, 0x80, 0x00};
	static const int16_t want[] = {1, -1, 32767, -32768};
	const struct codec *c = codec_by_id(DP_CODEC_L16_16K);
	struct codec_config config = {.rate_hz = 16000, .ptime_ms = 10};
	struct codec_encoder *enc;
	struct codec_decoder *dec;
	int16_t pcm[160] = {0};
	uint8_t out[320];

	assert_int_equal(codec_decoder_new(c, &config, &dec), 0);
	assert_int_equal(codec_decode(dec, wire, sizeof(wire), pcm, 160), 4);
	assert_memory_equal(pcm, want, sizeof(want));
	assert_int_equal(codec_decode(dec, wire, 7, pcm, 160), -EBADMSG);
	assert_int_equal(codec_decode(dec, wire, 0, pcm, 160), -EBADMSG);
	assert_int_equal(codec_decode(dec, wire, 8, pcm, 3), -ENOBUFS);
	assert_int_equal(codec_conceal(dec, pcm, 160, NULL, 0), -ENOTSUP);
	codec_decoder_free(dec);

	assert_int_equal(codec_encoder_new(c, &config, &enc), 0);
	assert_int_equal(enc->n_samples, 160);
	assert_int_equal(codec_encode(enc, pcm, out, sizeof(out)), 320);
	assert_memory_equal(out, wire, sizeof(wire));
	assert_int_equal(codec_encode(enc, pcm, out, sizeof(out) - 1), -ENOBUFS);
	codec_encoder_free(enc);
}

static void test_refused(void **state)
{
	struct codec_encoder *enc = NULL;
	struct codec_decoder *dec = NULL;

	for (uint32_t i = 0; codec_at(i) != NULL; i++) {
		struct codec_config config = {.rate_hz = 11025, .ptime_ms = 20};
		assert_int_equal(codec_encoder_new(codec_at(i), &config, &enc), -EINVAL);
		assert_int_equal(codec_decoder_new(codec_at(i), &config, &dec), -EINVAL);
		config.rate_hz = codec_at(i)->rates_hz[0];
		config.ptime_ms = 25;
		assert_int_equal(codec_encoder_new(codec_at(i), &config, &enc), -EINVAL);
		config.ptime_ms = 80;
		assert_int_equal(codec_encoder_new(codec_at(i), &config, &enc), -EINVAL);
	}
	assert_null(enc);
	assert_null(dec);
	codec_encoder_free(NULL);
	codec_decoder_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_ptime),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_g711),
		cmocka_unit_test(test_l16),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
