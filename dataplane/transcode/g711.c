/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PCMU and PCMA: rows of the codec table. One octet a sample, no state (RFC 3551 4.5.14). */
#include "dataplane/transcode/g711.h"

#include "dataplane/transcode/codec_priv.h"

#define ROW4(law, c)  law(c), law((c) + 1), law((c) + 2), law((c) + 3)
#define ROW16(law, c) ROW4(law, c), ROW4(law, (c) + 4), ROW4(law, (c) + 8), ROW4(law, (c) + 12)
#define ROW64(law, c) \
	ROW16(law, c), ROW16(law, (c) + 16), ROW16(law, (c) + 32), ROW16(law, (c) + 48)
#define ROW256(law) ROW64(law, 0), ROW64(law, 64), ROW64(law, 128), ROW64(law, 192)

static const int16_t ulaw_linear[256] = {ROW256(G711_ULAW_LINEAR)};
static const int16_t alaw_linear[256] = {ROW256(G711_ALAW_LINEAR)};

static int encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	int rc = codec_plain_encoder_new(config, ret);

	if (rc == 0)
		(*ret)->payload_max = codec_packet_samples(config);
	return rc;
}

static int samples(const struct codec_decoder *dec, const uint8_t *payload, size_t len)
{
	return (int)len;
}

static int ulaw_encode(struct codec_encoder *enc, const int16_t *pcm, uint8_t *payload)
{
	for (uint32_t i = 0; i < enc->n_samples; i++)
		payload[i] = g711_ulaw_encode(pcm[i]);
	return (int)enc->n_samples;
}

static int ulaw_decode(struct codec_decoder *dec, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples)
{
	for (uint32_t i = 0; i < n_samples; i++)
		pcm[i] = ulaw_linear[payload[i]];
	return (int)n_samples;
}

static int alaw_encode(struct codec_encoder *enc, const int16_t *pcm, uint8_t *payload)
{
	for (uint32_t i = 0; i < enc->n_samples; i++)
		payload[i] = g711_alaw_encode(pcm[i]);
	return (int)enc->n_samples;
}

static int alaw_decode(struct codec_decoder *dec, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples)
{
	for (uint32_t i = 0; i < n_samples; i++)
		pcm[i] = alaw_linear[payload[i]];
	return (int)n_samples;
}

const struct codec codec_pcmu = {
	.id = DP_CODEC_PCMU,
	.rates_hz = {8000},
	.encoder_new = encoder_new,
	.encoder_free = codec_plain_encoder_free,
	.encode = ulaw_encode,
	.decoder_new = codec_plain_decoder_new,
	.decoder_free = codec_plain_decoder_free,
	.samples = samples,
	.decode = ulaw_decode,
};

const struct codec codec_pcma = {
	.id = DP_CODEC_PCMA,
	.rates_hz = {8000},
	.encoder_new = encoder_new,
	.encoder_free = codec_plain_encoder_free,
	.encode = alaw_encode,
	.decoder_new = codec_plain_decoder_new,
	.decoder_free = codec_plain_decoder_free,
	.samples = samples,
	.decode = alaw_decode,
};
