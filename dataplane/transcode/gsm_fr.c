/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * GSM full rate (GSM 06.10) by libgsm: frames of 20 ms in 33 octets, each beginning with 0xD
 * (RFC 3551 4.5.8). libgsm conceals nothing.
 */
#include <gsm.h>

#include "dataplane/transcode/codec_priv.h"

#define FRAME_SAMPLES 160
#define FRAME_OCTETS  33

struct gsm_encoder {
	struct codec_encoder base;
	gsm state;
};

struct gsm_decoder {
	struct codec_decoder base;
	gsm state;
};

static int encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	struct gsm_encoder *enc = calloc(1, sizeof(*enc));

	if (enc == NULL)
		return -ENOMEM;
	enc->state = gsm_create();
	if (enc->state == NULL) {
		free(enc);
		return -ENOMEM;
	}
	enc->base.payload_max = codec_packet_samples(config) / FRAME_SAMPLES * FRAME_OCTETS;
	*ret = &enc->base;
	return 0;
}

static void encoder_free(struct codec_encoder *base)
{
	struct gsm_encoder *enc = (struct gsm_encoder *)base;

	gsm_destroy(enc->state);
	free(enc);
}

static int encode(struct codec_encoder *base, const int16_t *pcm, uint8_t *payload)
{
	struct gsm_encoder *enc = (struct gsm_encoder *)base;
	uint32_t n_frames = base->n_samples / FRAME_SAMPLES;

	for (uint32_t i = 0; i < n_frames; i++) {
		gsm_signal frame[FRAME_SAMPLES]; /* libgsm takes no pointer to const */
		memcpy(frame, pcm + i * FRAME_SAMPLES, sizeof(frame));
		gsm_encode(enc->state, frame, payload + i * FRAME_OCTETS);
	}
	return (int)(n_frames * FRAME_OCTETS);
}

static int decoder_new(const struct codec_config *config, struct codec_decoder **ret)
{
	struct gsm_decoder *dec = calloc(1, sizeof(*dec));

	if (dec == NULL)
		return -ENOMEM;
	dec->state = gsm_create();
	if (dec->state == NULL) {
		free(dec);
		return -ENOMEM;
	}
	*ret = &dec->base;
	return 0;
}

static void decoder_free(struct codec_decoder *base)
{
	struct gsm_decoder *dec = (struct gsm_decoder *)base;

	gsm_destroy(dec->state);
	free(dec);
}

static int samples(const struct codec_decoder *dec, const uint8_t *payload, size_t len)
{
	if (len % FRAME_OCTETS != 0)
		return -EBADMSG;
	for (size_t at = 0; at < len; at += FRAME_OCTETS) {
		if (payload[at] >> 4 != GSM_MAGIC)
			return -EBADMSG;
	}
	return (int)(len / FRAME_OCTETS * FRAME_SAMPLES);
}

static int decode(struct codec_decoder *base, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples)
{
	struct gsm_decoder *dec = (struct gsm_decoder *)base;

	for (uint32_t i = 0; i < n_samples / FRAME_SAMPLES; i++) {
		gsm_byte frame[FRAME_OCTETS];
		memcpy(frame, payload + i * FRAME_OCTETS, sizeof(frame));
		if (gsm_decode(dec->state, frame, pcm + i * FRAME_SAMPLES) != 0)
			return -EBADMSG;
	}
	return (int)n_samples;
}

const struct codec codec_gsm = {
	.id = DP_CODEC_GSM,
	.flags = CODEC_STATEFUL,
	.rates_hz = {8000},
	.encoder_new = encoder_new,
	.encoder_free = encoder_free,
	.encode = encode,
	.decoder_new = decoder_new,
	.decoder_free = decoder_free,
	.samples = samples,
	.decode = decode,
};
