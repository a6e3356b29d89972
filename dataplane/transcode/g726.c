/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.726 at 32 kbit/s by spandsp, in both orders that are in use: G726-32 has the first sample of
 * an octet in its low half (RFC 3551 4.5.4), AAL2-G726-32 in its high half (I.366.2 annex E). A
 * far end that mixes the two up sounds distorted: they are different codecs in SDP.
 */
#include <spandsp.h>

#include "dataplane/transcode/codec_priv.h"

#define BIT_RATE 32000

struct g726_encoder {
	struct codec_encoder base;
	g726_state_t *state;
};

struct g726_decoder {
	struct codec_decoder base;
	g726_state_t *state;
};

static int encoder_new(const struct codec_config *config, int packing, struct codec_encoder **ret)
{
	struct g726_encoder *enc = calloc(1, sizeof(*enc));

	if (enc == NULL)
		return -ENOMEM;
	enc->state = g726_init(NULL, BIT_RATE, G726_ENCODING_LINEAR, packing);
	if (enc->state == NULL) {
		free(enc);
		return -ENOMEM;
	}
	enc->base.payload_max = 4 * config->ptime_ms;
	*ret = &enc->base;
	return 0;
}

static void encoder_free(struct codec_encoder *base)
{
	struct g726_encoder *enc = (struct g726_encoder *)base;

	g726_free(enc->state);
	free(enc);
}

static int encode(struct codec_encoder *base, const int16_t *pcm, uint8_t *payload)
{
	struct g726_encoder *enc = (struct g726_encoder *)base;

	return g726_encode(enc->state, payload, pcm, (int)base->n_samples);
}

static int decoder_new(const struct codec_config *config, int packing, struct codec_decoder **ret)
{
	struct g726_decoder *dec = calloc(1, sizeof(*dec));

	if (dec == NULL)
		return -ENOMEM;
	dec->state = g726_init(NULL, BIT_RATE, G726_ENCODING_LINEAR, packing);
	if (dec->state == NULL) {
		free(dec);
		return -ENOMEM;
	}
	*ret = &dec->base;
	return 0;
}

static void decoder_free(struct codec_decoder *base)
{
	struct g726_decoder *dec = (struct g726_decoder *)base;

	g726_free(dec->state);
	free(dec);
}

static int samples(const struct codec_decoder *dec, const uint8_t *payload, size_t len)
{
	return (int)(2 * len);
}

static int decode(struct codec_decoder *base, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples)
{
	struct g726_decoder *dec = (struct g726_decoder *)base;

	return g726_decode(dec->state, pcm, payload, (int)len);
}

static int rtp_encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	return encoder_new(config, G726_PACKING_RIGHT, ret);
}

static int rtp_decoder_new(const struct codec_config *config, struct codec_decoder **ret)
{
	return decoder_new(config, G726_PACKING_RIGHT, ret);
}

static int aal2_encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	return encoder_new(config, G726_PACKING_LEFT, ret);
}

static int aal2_decoder_new(const struct codec_config *config, struct codec_decoder **ret)
{
	return decoder_new(config, G726_PACKING_LEFT, ret);
}

const struct codec codec_g726_32 = {
	.id = DP_CODEC_G726_32,
	.flags = CODEC_STATEFUL,
	.rates_hz = {8000},
	.encoder_new = rtp_encoder_new,
	.encoder_free = encoder_free,
	.encode = encode,
	.decoder_new = rtp_decoder_new,
	.decoder_free = decoder_free,
	.samples = samples,
	.decode = decode,
};

const struct codec codec_aal2_g726_32 = {
	.id = DP_CODEC_AAL2_G726_32,
	.flags = CODEC_STATEFUL,
	.rates_hz = {8000},
	.encoder_new = aal2_encoder_new,
	.encoder_free = encoder_free,
	.encode = encode,
	.decoder_new = aal2_decoder_new,
	.decoder_free = decoder_free,
	.samples = samples,
	.decode = decode,
};
