/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.722 at 64 kbit/s (RFC 3551 4.5.2) by spandsp: one octet is two samples at 16 kHz. At 8 kHz the
 * lower band alone is coded and heard, without the filters that split the bands: towards a
 * narrow-band codec this saves them and the resampling, and the far end notices only that there is
 * nothing above 4 kHz, as there was nothing in the source.
 */
#include <spandsp.h>

#include "dataplane/transcode/codec_priv.h"

#define BIT_RATE 64000

struct g722_encoder {
	struct codec_encoder base;
	g722_encode_state_t *state;
};

struct g722_decoder {
	struct codec_decoder base;
	g722_decode_state_t *state;
};

static int options(uint32_t rate_hz)
{
	return rate_hz == 8000 ? G722_SAMPLE_RATE_8000 : 0;
}

static int encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	struct g722_encoder *enc = calloc(1, sizeof(*enc));

	if (enc == NULL)
		return -ENOMEM;
	enc->state = g722_encode_init(NULL, BIT_RATE, options(config->rate_hz));
	if (enc->state == NULL) {
		free(enc);
		return -ENOMEM;
	}
	enc->base.payload_max = 8 * config->ptime_ms;
	*ret = &enc->base;
	return 0;
}

static void encoder_free(struct codec_encoder *base)
{
	struct g722_encoder *enc = (struct g722_encoder *)base;

	g722_encode_free(enc->state);
	free(enc);
}

static int encode(struct codec_encoder *base, const int16_t *pcm, uint8_t *payload)
{
	struct g722_encoder *enc = (struct g722_encoder *)base;

	return g722_encode(enc->state, payload, pcm, (int)base->n_samples);
}

static int decoder_new(const struct codec_config *config, struct codec_decoder **ret)
{
	struct g722_decoder *dec = calloc(1, sizeof(*dec));

	if (dec == NULL)
		return -ENOMEM;
	dec->state = g722_decode_init(NULL, BIT_RATE, options(config->rate_hz));
	if (dec->state == NULL) {
		free(dec);
		return -ENOMEM;
	}
	*ret = &dec->base;
	return 0;
}

static void decoder_free(struct codec_decoder *base)
{
	struct g722_decoder *dec = (struct g722_decoder *)base;

	g722_decode_free(dec->state);
	free(dec);
}

static int samples(const struct codec_decoder *base, const uint8_t *payload, size_t len)
{
	return (int)(base->rate_hz == 8000 ? len : 2 * len);
}

static int decode(struct codec_decoder *base, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples)
{
	struct g722_decoder *dec = (struct g722_decoder *)base;

	return g722_decode(dec->state, pcm, payload, (int)len);
}

const struct codec codec_g722 = {
	.id = DP_CODEC_G722,
	.flags = CODEC_STATEFUL,
	.rates_hz = {8000, 16000},
	.encoder_new = encoder_new,
	.encoder_free = encoder_free,
	.encode = encode,
	.decoder_new = decoder_new,
	.decoder_free = decoder_free,
	.samples = samples,
	.decode = decode,
};
