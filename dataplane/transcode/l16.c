/* SPDX-License-Identifier: GPL-3.0-or-later */
/* L16 at 8 and 16 kHz, mono: samples in network byte order (RFC 3551 4.5.11). No state. */
#include "dataplane/transcode/codec_priv.h"

static int encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	int rc = codec_plain_encoder_new(config, ret);

	if (rc == 0)
		(*ret)->payload_max = 2 * codec_packet_samples(config);
	return rc;
}

static int encode(struct codec_encoder *enc, const int16_t *pcm, uint8_t *payload)
{
	for (uint32_t i = 0; i < enc->n_samples; i++) {
		payload[2 * i] = (uint8_t)((uint16_t)pcm[i] >> 8);
		payload[2 * i + 1] = (uint8_t)pcm[i];
	}
	return (int)(2 * enc->n_samples);
}

static int samples(const struct codec_decoder *dec, const uint8_t *payload, size_t len)
{
	return len % 2 == 0 ? (int)(len / 2) : -EBADMSG;
}

static int decode(struct codec_decoder *dec, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples)
{
	for (uint32_t i = 0; i < n_samples; i++)
		pcm[i] = (int16_t)(payload[2 * i] << 8 | payload[2 * i + 1]);
	return (int)n_samples;
}

const struct codec codec_l16_8k = {
	.id = DP_CODEC_L16_8K,
	.rates_hz = {8000},
	.encoder_new = encoder_new,
	.encoder_free = codec_plain_encoder_free,
	.encode = encode,
	.decoder_new = codec_plain_decoder_new,
	.decoder_free = codec_plain_decoder_free,
	.samples = samples,
	.decode = decode,
};

const struct codec codec_l16_16k = {
	.id = DP_CODEC_L16_16K,
	.rates_hz = {16000},
	.encoder_new = encoder_new,
	.encoder_free = codec_plain_encoder_free,
	.encode = encode,
	.decoder_new = codec_plain_decoder_new,
	.decoder_free = codec_plain_decoder_free,
	.samples = samples,
	.decode = decode,
};
