/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every codec of the table must do, on speech: round trips at each rate and ptime, instances
 * that share nothing, packets of several frames, damage, loss, silence, lack of memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/codec.h"
#include "tests/unit/codec/speech.h"

#define PACKETS_MAX 512
#define FOR_EACH_CODEC(c)                                 \
	for (uint32_t at_ = 0; at_ < DP_CODEC_END; at_++) \
		for (const struct codec *c = codec_at(at_); c != NULL; c = NULL)

struct packet {
	int len;
	uint8_t payload[CODEC_PAYLOAD_MAX];
};

static struct packet packets[PACKETS_MAX];
static int16_t heard[SPEECH_SECONDS * 48000 + CODEC_SAMPLES_MAX];
static int16_t again[SPEECH_SECONDS * 48000 + CODEC_SAMPLES_MAX];

static const char *name_of(const struct codec *c)
{
	return dp_codec_row(c->id)->name;
}

static struct codec_encoder *encoder(const struct codec *c, const struct codec_config *config)
{
	struct codec_encoder *enc;

	if (codec_encoder_new(c, config, &enc) != 0)
		fail_msg("%s: no encoder at %u Hz, %u ms", name_of(c), config->rate_hz,
			config->ptime_ms);
	return enc;
}

static struct codec_decoder *decoder(const struct codec *c, const struct codec_config *config)
{
	struct codec_decoder *dec;

	if (codec_decoder_new(c, config, &dec) != 0)
		fail_msg("%s: no decoder at %u Hz", name_of(c), config->rate_hz);
	return dec;
}

/* The first seconds of the speech in packets; how many there are. */
static uint32_t encode_part(const struct codec *c, const struct codec_config *config,
	struct packet *ret_packets, double seconds)
{
	struct codec_encoder *enc = encoder(c, config);
	size_t n;
	const int16_t *pcm = speech_at(config->rate_hz, &n);
	uint32_t i;

	n = (size_t)(seconds * config->rate_hz);
	for (i = 0; (i + 1) * enc->n_samples <= n && i < PACKETS_MAX; i++) {
		int16_t copy[CODEC_SAMPLES_MAX];
		size_t octets = enc->n_samples * sizeof(copy[0]);
		memcpy(copy, pcm + i * enc->n_samples, octets);
		ret_packets[i].len = codec_encode(
			enc, copy, ret_packets[i].payload, CODEC_PAYLOAD_MAX);
		/* Some libraries would work in it. */
		assert_memory_equal(copy, pcm + i * enc->n_samples, octets);
		if (ret_packets[i].len < 0 || ret_packets[i].len > (int)enc->payload_max)
			fail_msg("%s: payload of %d", name_of(c), ret_packets[i].len);
	}
	codec_encoder_free(enc);
	return i;
}

static uint32_t encode_speech(
	const struct codec *c, const struct codec_config *config, struct packet *ret_packets)
{
	return encode_part(c, config, ret_packets, SPEECH_SECONDS / 2.0);
}

/* The whole of it, all packets there; samples in heard. */
static size_t decode_speech(
	const struct codec *c, const struct codec_config *config, uint32_t n_packets)
{
	struct codec_decoder *dec = decoder(c, config);
	size_t n = 0;

	for (uint32_t i = 0; i < n_packets; i++) {
		int want = (int)(config->rate_hz / 1000 * config->ptime_ms);
		int got = codec_decode(dec, packets[i].payload, (size_t)packets[i].len, heard + n,
			CODEC_SAMPLES_MAX);
		if (got != want)
			fail_msg("%s at %u: packet %u has %d samples, not %d", name_of(c),
				config->rate_hz, i, got, want);
		n += (size_t)got;
	}
	codec_decoder_free(dec);
	return n;
}

/* Speech comes out as it went in, a few ms later, at each rate and ptime. */
static void test_round_trip(void **state)
{
	static const uint32_t ptimes[] = {10, 20, 30, 40, 60};

	FOR_EACH_CODEC(c)
	{
		for (uint32_t r = 0; c->rates_hz[r] != 0; r++) {
			for (size_t p = 0; p < sizeof(ptimes) / sizeof(ptimes[0]); p++) {
				struct codec_config config = {
					.rate_hz = c->rates_hz[r], .ptime_ms = ptimes[p]};
				size_t n, lag;
				double likeness, gain;
				const int16_t *pcm = speech_at(config.rate_hz, &n);
				if (!dp_codec_ptime_ok(dp_codec_row(c->id), ptimes[p]))
					continue;
				n = decode_speech(
					c, &config, encode_part(c, &config, packets, 1.2));
				lag = speech_lag(
					pcm, heard, n, config.rate_hz * 12 / 1000, &likeness);
				gain = speech_level(heard + lag, n - lag) /
				       speech_level(pcm, n - lag);
				if (likeness < 0.8 || gain < 0.8 || gain > 1.25)
					fail_msg(
						"%s at %u Hz, %u ms: likeness %.2f, gain %.2f, "
						"lag %zu",
						name_of(c), config.rate_hz, ptimes[p], likeness,
						gain, lag);
			}
		}
	}
}

/* Two streams in turn give what each gives alone. */
static void test_nothing_shared(void **state)
{
	FOR_EACH_CODEC(c)
	{
		struct codec_config config = {.rate_hz = c->rates_hz[0], .ptime_ms = 20};
		uint32_t n = encode_speech(c, &config, packets);
		struct codec_encoder *a = encoder(c, &config), *b = encoder(c, &config);
		struct codec_decoder *one = decoder(c, &config), *two = decoder(c, &config);
		size_t n_speech;
		const int16_t *pcm = speech_at(config.rate_hz, &n_speech);
		size_t n_heard = decode_speech(c, &config, n);
		size_t at = 0;

		for (uint32_t i = 0; i < n / 2; i++) {
			uint8_t out[CODEC_PAYLOAD_MAX];
			int16_t other[CODEC_SAMPLES_MAX];
			int len = codec_encode(a, pcm + i * a->n_samples, out, sizeof(out));
			assert_int_equal(len, packets[i].len);
			assert_memory_equal(out, packets[i].payload, (size_t)len);
			len = codec_encode(b, pcm + (n - 1 - i) * b->n_samples, out, sizeof(out));
			assert_true(codec_decode(two, out, (size_t)len, other, 960) > 0);
			at += (size_t)codec_decode(one, packets[i].payload, (size_t)packets[i].len,
				again + at, CODEC_SAMPLES_MAX);
		}
		assert_true(at <= n_heard);
		assert_memory_equal(again, heard, at * sizeof(heard[0]));
		codec_encoder_free(a);
		codec_encoder_free(b);
		codec_decoder_free(one);
		codec_decoder_free(two);
	}
}

/* Payloads that are nothing but frames in a row: two packets in one sound as one by one. */
static void test_several_frames(void **state)
{
	FOR_EACH_CODEC(c)
	{
		struct codec_config config = {.rate_hz = c->rates_hz[0], .ptime_ms = 20};
		struct codec_decoder *dec;
		uint32_t n;
		size_t at = 0;

		if (c->id == DP_CODEC_OPUS || c->id == DP_CODEC_AMR || c->id == DP_CODEC_AMR_WB)
			continue; /* test_amr.c; Opus has one frame in our packets */
		n = encode_speech(c, &config, packets) / 2 * 2;
		(void)decode_speech(c, &config, n);
		dec = decoder(c, &config);
		for (uint32_t i = 0; i < n; i += 2) {
			uint8_t both[2 * CODEC_PAYLOAD_MAX];
			size_t len = (size_t)packets[i].len;
			memcpy(both, packets[i].payload, len);
			memcpy(both + len, packets[i + 1].payload, (size_t)packets[i + 1].len);
			len += (size_t)packets[i + 1].len;
			at += (size_t)codec_decode(dec, both, len, again + at, CODEC_SAMPLES_MAX);
		}
		assert_int_equal(at, n * config.rate_hz / 50);
		assert_memory_equal(again, heard, at * sizeof(heard[0]));
		codec_decoder_free(dec);
	}
}

static uint32_t random_of(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void try_payload(struct codec_decoder *dec, const uint8_t *payload, size_t len)
{
	int16_t pcm[CODEC_SAMPLES_MAX + 1];
	/* A copy of its own, so that a sanitizer sees each octet read beyond it. */
	uint8_t *copy = malloc(len ? len : 1);
	int want, got;

	assert_non_null(copy);
	memcpy(copy, payload, len);
	pcm[CODEC_SAMPLES_MAX] = 0x5a5a;
	want = codec_samples(dec, copy, len);
	got = codec_decode(dec, copy, len, pcm, CODEC_SAMPLES_MAX);
	assert_int_equal(got, want);
	assert_true(got == -EBADMSG || (got >= 0 && got <= CODEC_SAMPLES_MAX));
	assert_int_equal(pcm[CODEC_SAMPLES_MAX], 0x5a5a);
	if (got > 0)
		assert_int_equal(codec_decode(dec, copy, len, pcm, (size_t)got - 1), -ENOBUFS);
	free(copy);
}

/* Cut off, flipped and made up: an answer each time, and the next packet is heard. */
static void test_damaged(void **state)
{
	FOR_EACH_CODEC(c)
	{
		struct codec_config config = {.rate_hz = c->rates_hz[0], .ptime_ms = 20};
		struct codec_decoder *dec = decoder(c, &config);
		struct packet *p = &packets[40];
		uint32_t seed = 1;
		uint8_t noise[CODEC_PAYLOAD_MAX + 1];
		int16_t pcm[CODEC_SAMPLES_MAX];

		(void)encode_speech(c, &config, packets);
		for (size_t len = 0; len <= (size_t)p->len; len++)
			try_payload(dec, p->payload, len);
		for (int bit = 0; bit<8 * p->len; bit += p->len> 200 ? 37 : 3) {
			p->payload[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			try_payload(dec, p->payload, (size_t)p->len);
			p->payload[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		}
		for (size_t len = 0; len < 130; len++) {
			for (size_t i = 0; i < len; i++)
				noise[i] = (uint8_t)random_of(&seed);
			try_payload(dec, noise, len);
		}
		assert_int_equal(codec_samples(dec, noise, sizeof(noise)), -EBADMSG);
		assert_int_equal(codec_decode(dec, p->payload, (size_t)p->len, pcm, 960),
			config.rate_hz / 50);
		codec_decoder_free(dec);
	}
}

/* 5 % loss: the gap is filled with something like the speech, never louder than it. */
static void test_loss(void **state)
{
	FOR_EACH_CODEC(c)
	{
		struct codec_config config = {.rate_hz = c->rates_hz[0], .ptime_ms = 20};
		struct codec_decoder *dec = decoder(c, &config);
		uint32_t n = encode_speech(c, &config, packets);
		int len = (int)config.rate_hz / 50;
		int16_t *to = again;
		double whole, with_loss;

		if (!(c->flags & CODEC_HAS_PLC)) {
			assert_int_equal(codec_conceal(dec, again, 160, NULL, 0), -ENOTSUP);
			codec_decoder_free(dec);
			continue;
		}
		assert_int_equal(codec_conceal(dec, again, 0, NULL, 0), -EINVAL);
		assert_int_equal(codec_conceal(dec, again, 7, NULL, 0), -EINVAL);
		(void)decode_speech(c, &config, n);
		for (uint32_t i = 0; i < n; i++, to += len) {
			if (i % 20 == 7)
				assert_int_equal(
					codec_conceal(dec, to, (uint32_t)len, NULL, 0), len);
			else
				assert_int_equal(codec_decode(dec, packets[i].payload,
							 (size_t)packets[i].len, to, (size_t)len),
					len);
		}
		whole = speech_level(heard, (size_t)(to - again));
		with_loss = speech_level(again, (size_t)(to - again));
		if (with_loss < 0.8 * whole || with_loss > 1.1 * whole ||
			speech_snr(heard, again, (size_t)(to - again)) < 10)
			fail_msg("%s: level %.0f with loss, %.0f without, %.1f dB", name_of(c),
				with_loss, whole, speech_snr(heard, again, (size_t)(to - again)));
		codec_decoder_free(dec);
	}
}

/* With DTX silence sends next to nothing, without it each packet; the far end hears quiet. */
static void test_silence(void **state)
{
	FOR_EACH_CODEC(c)
	{
		for (int dtx = 0; dtx <= 1; dtx++) {
			struct codec_config config = {.rate_hz = c->rates_hz[0],
				.ptime_ms = 20,
				.params = {.flags = dtx ? DP_CODEC_DTX : 0, .complexity = 5}};
			struct codec_encoder *enc = encoder(c, &config);
			struct codec_decoder *dec = decoder(c, &config);
			size_t n_speech;
			const int16_t *pcm = speech_at(config.rate_hz, &n_speech);
			uint32_t n = enc->n_samples, n_sent = 0, seed = 7;
			int16_t quiet[CODEC_SAMPLES_MAX], out[CODEC_SAMPLES_MAX];
			for (uint32_t i = 0; i < 200; i++) {
				uint8_t payload[CODEC_PAYLOAD_MAX];
				int len;
				for (uint32_t k = 0; k < n; k++)
					quiet[k] = (int16_t)(random_of(&seed) % 5) - 2;
				len = codec_encode(enc, i < 50 ? pcm + i * n : quiet, payload,
					sizeof(payload));
				assert_true(len >= 0);
				n_sent += i >= 100 && len > 0;
				if (len > 0)
					len = codec_decode(dec, payload, (size_t)len, out, n);
				else
					len = codec_conceal(dec, out, n, NULL, 0);
				if (i >= 100 && speech_level(out, (size_t)len) > 60)
					fail_msg("%s: silence of level %.0f", name_of(c),
						speech_level(out, (size_t)len));
			}
			if (dtx && c->flags & CODEC_HAS_DTX ? n_sent > 30 : n_sent != 100)
				fail_msg("%s: %u of 100 packets sent in silence, DTX %d",
					name_of(c), n_sent, dtx);
			codec_encoder_free(enc);
			codec_decoder_free(dec);
		}
	}
}

/* ---- lack of memory: calloc() of the codec files, by the linker's --wrap ---- */

static int calls_left = -1;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	if (calls_left >= 0 && calls_left-- == 0)
		return NULL;
	return __real_calloc(n, size);
}

static void test_no_memory(void **state)
{
	FOR_EACH_CODEC(c)
	{
		struct codec_config config = {.rate_hz = c->rates_hz[0], .ptime_ms = 20};
		struct codec_encoder *enc = NULL;
		struct codec_decoder *dec = NULL;
		calls_left = 0;
		assert_int_equal(codec_encoder_new(c, &config, &enc), -ENOMEM);
		calls_left = 0;
		assert_int_equal(codec_decoder_new(c, &config, &dec), -ENOMEM);
		calls_left = -1;
		assert_null(enc);
		assert_null(dec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_nothing_shared),
		cmocka_unit_test(test_several_frames),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
