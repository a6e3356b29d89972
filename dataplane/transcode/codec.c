/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of codecs and the checks that all of them share, so that the codec files see only
 * arguments that fit. Called by the transcode cores; one thread an instance.
 */
#include "dataplane/transcode/codec.h"

#include "dataplane/transcode/codec_priv.h"

#define PTIME_DEFAULT_MS 20

/* What the libraries of this build allow (dataplane/transcode/meson.build). */
static const struct codec *const table[] = {
	&codec_pcmu,
	&codec_pcma,
	&codec_l16_8k,
	&codec_l16_16k,
	&codec_g722,
	&codec_g726_32,
	&codec_aal2_g726_32,
#ifdef CODEC_G729
	&codec_g729,
#endif
#ifdef CODEC_OPUS
	&codec_opus,
#endif
#ifdef CODEC_GSM
	&codec_gsm,
#endif
#ifdef CODEC_AMR
	&codec_amr,
#endif
#ifdef CODEC_AMR_WB
	&codec_amr_wb,
#endif
};

#define N_TABLE (sizeof(table) / sizeof(table[0]))

const struct codec *codec_at(uint32_t i)
{
	return i < N_TABLE ? table[i] : NULL;
}

const struct codec *codec_by_id(uint32_t id)
{
	for (uint32_t i = 0; i < N_TABLE; i++) {
		if (table[i]->id == id)
			return table[i];
	}
	return NULL;
}

const struct codec *codec_find(struct view name, uint32_t clock_hz, uint32_t channels)
{
	const struct dp_codec *format = dp_codec_find(name, clock_hz, channels);

	return format ? codec_by_id(format->id) : NULL;
}

uint32_t codec_mask(void)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < N_TABLE; i++)
		mask |= UINT32_C(1) << table[i]->id;
	return mask;
}

uint32_t codec_rate_fit(
	const struct codec *codec, const struct dp_codec_params *params, uint32_t other_hz)
{
	uint32_t limit = params->max_rate_khz ? params->max_rate_khz * 1000U : UINT32_MAX;
	uint32_t fit = codec->rates_hz[0];

	for (uint32_t i = 1; i < CODEC_RATES_MAX && codec->rates_hz[i] != 0; i++) {
		if (fit >= other_hz || codec->rates_hz[i] > limit)
			break;
		fit = codec->rates_hz[i];
	}
	return fit;
}

static bool rate_ok(const struct codec *codec, uint32_t rate_hz)
{
	for (uint32_t i = 0; i < CODEC_RATES_MAX && codec->rates_hz[i] != 0; i++) {
		if (codec->rates_hz[i] == rate_hz)
			return true;
	}
	return false;
}

int codec_encoder_new(const struct codec *codec, const struct codec_config *config,
	struct codec_encoder **ret_enc)
{
	struct codec_config full = *config;
	struct codec_encoder *enc;
	int rc;

	if (full.ptime_ms == 0)
		full.ptime_ms = full.params.ptime_ms ? full.params.ptime_ms : PTIME_DEFAULT_MS;
	if (!rate_ok(codec, full.rate_hz) ||
		!dp_codec_ptime_ok(dp_codec_row(codec->id), full.ptime_ms))
		return -EINVAL;
	rc = codec->encoder_new(&full, &enc);
	if (rc != 0)
		return rc;
	enc->codec = codec;
	enc->rate_hz = full.rate_hz;
	enc->n_samples = codec_packet_samples(&full);
	*ret_enc = enc;
	return 0;
}

void codec_encoder_free(struct codec_encoder *enc)
{
	if (enc != NULL)
		enc->codec->encoder_free(enc);
}

int codec_decoder_new(const struct codec *codec, const struct codec_config *config,
	struct codec_decoder **ret_dec)
{
	struct codec_decoder *dec;
	int rc;

	if (!rate_ok(codec, config->rate_hz))
		return -EINVAL;
	rc = codec->decoder_new(config, &dec);
	if (rc != 0)
		return rc;
	dec->codec = codec;
	dec->rate_hz = config->rate_hz;
	dec->mode_request = CODEC_NO_REQUEST;
	*ret_dec = dec;
	return 0;
}

void codec_decoder_free(struct codec_decoder *dec)
{
	if (dec != NULL)
		dec->codec->decoder_free(dec);
}

int codec_encode(struct codec_encoder *enc, const int16_t *pcm, uint8_t *payload, size_t max)
{
	if (max < enc->payload_max)
		return -ENOBUFS;
	return enc->codec->encode(enc, pcm, payload);
}

void codec_encoder_request(struct codec_encoder *enc, uint8_t mode)
{
	if (enc->codec->request != NULL)
		enc->codec->request(enc, mode);
}

void codec_encoder_ask(struct codec_encoder *enc, uint8_t mode)
{
	if (enc->codec->ask != NULL)
		enc->codec->ask(enc, mode);
}

void codec_encoder_tune(struct codec_encoder *enc, uint32_t loss_percent, uint32_t complexity)
{
	if (enc->codec->tune != NULL)
		enc->codec->tune(enc, loss_percent, complexity);
}

int codec_samples(const struct codec_decoder *dec, const uint8_t *payload, size_t len)
{
	int n;

	if (len == 0 || len > CODEC_PAYLOAD_MAX)
		return -EBADMSG;
	n = dec->codec->samples(dec, payload, len);
	return n > CODEC_SAMPLES_MAX ? -EBADMSG : n;
}

int codec_decode(
	struct codec_decoder *dec, const uint8_t *payload, size_t len, int16_t *pcm, size_t max)
{
	int n = codec_samples(dec, payload, len);

	if (n < 0)
		return n;
	if ((size_t)n > max)
		return -ENOBUFS;
	return dec->codec->decode(dec, payload, len, pcm, (uint32_t)n);
}

int codec_conceal(struct codec_decoder *dec, int16_t *pcm, uint32_t n_samples, const uint8_t *next,
	size_t next_len)
{
	if (dec->codec->conceal == NULL)
		return -ENOTSUP;
	if (n_samples == 0 || n_samples > CODEC_SAMPLES_MAX)
		return -EINVAL;
	if (next != NULL && codec_samples(dec, next, next_len) < 0)
		next = NULL;
	return dec->codec->conceal(dec, pcm, n_samples, next, next_len);
}

/* ---- codecs without state ---- */

int codec_plain_encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	struct codec_encoder *enc = calloc(1, sizeof(*enc));

	if (enc == NULL)
		return -ENOMEM;
	*ret = enc;
	return 0;
}

void codec_plain_encoder_free(struct codec_encoder *enc)
{
	free(enc);
}

int codec_plain_decoder_new(const struct codec_config *config, struct codec_decoder **ret)
{
	struct codec_decoder *dec = calloc(1, sizeof(*dec));

	if (dec == NULL)
		return -ENOMEM;
	*ret = dec;
	return 0;
}

void codec_plain_decoder_free(struct codec_decoder *dec)
{
	free(dec);
}
