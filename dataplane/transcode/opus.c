/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opus for speech (RFC 6716, RFC 7587) by libopus: mono, one packet a frame of 10 to 60 ms. The
 * library works at the sample rate asked for, so that no resampler is needed beside it; a stereo
 * packet is mixed down by its decoder. In-band FEC and DTX when the far end asks for them.
 */
#include <opus.h>

#include "dataplane/transcode/codec_priv.h"

#define PAYLOAD_OCTETS_MAX	1275 /* of one frame, RFC 6716 3.2.1 */
#define DTX_OCTETS_MAX		2    /* a packet this short need not be sent, opus_encode() says */
#define LOSS_ASSUMED		5    /* percent, until reports say better: FEC is off at 0 */
#define COMPLEXITY_MAX		10
#define SAMPLES_PER_SECOND_STEP 400 /* frames are multiples of 2.5 ms */

struct opus_encoder {
	struct codec_encoder base;
	OpusEncoder *state;
	bool dtx;
};

struct opus_decoder {
	struct codec_decoder base;
	OpusDecoder *state;
};

/* The upper ends of what RFC 7587 3.1.1 advises for speech of a bandwidth, and a little more. */
static opus_int32 speech_bitrate(uint32_t rate_hz)
{
	static const struct {
		uint32_t rate_hz;
		opus_int32 bps;
	} rows[] = {{8000, 16000}, {16000, 24000}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rate_hz <= rows[i].rate_hz)
			return rows[i].bps;
	}
	return 32000;
}

/* maxplaybackrate: what is above would be sent in vain (RFC 7587 3.1.2). */
static opus_int32 bandwidth(uint32_t max_rate_khz)
{
	if (max_rate_khz == 0 || max_rate_khz >= 48)
		return OPUS_BANDWIDTH_FULLBAND;
	if (max_rate_khz >= 24)
		return OPUS_BANDWIDTH_SUPERWIDEBAND;
	if (max_rate_khz >= 16)
		return OPUS_BANDWIDTH_WIDEBAND;
	return max_rate_khz >= 12 ? OPUS_BANDWIDTH_MEDIUMBAND : OPUS_BANDWIDTH_NARROWBAND;
}

static int set_up(OpusEncoder *state, const struct codec_config *config)
{
	const struct dp_codec_params *p = &config->params;
	opus_int32 bps = p->bitrate_bps ? (opus_int32)p->bitrate_bps
					: speech_bitrate(config->rate_hz);
	int fec = (p->flags & DP_CODEC_FEC) != 0;

	if (opus_encoder_ctl(state, OPUS_SET_BITRATE(bps)) != OPUS_OK ||
		opus_encoder_ctl(state, OPUS_SET_VBR(!(p->flags & DP_CODEC_CBR))) != OPUS_OK ||
		opus_encoder_ctl(state, OPUS_SET_COMPLEXITY(p->complexity)) != OPUS_OK ||
		opus_encoder_ctl(state, OPUS_SET_MAX_BANDWIDTH(bandwidth(p->max_rate_khz))) !=
			OPUS_OK ||
		opus_encoder_ctl(state, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) != OPUS_OK ||
		opus_encoder_ctl(state, OPUS_SET_INBAND_FEC(fec)) != OPUS_OK ||
		opus_encoder_ctl(state, OPUS_SET_PACKET_LOSS_PERC(fec ? LOSS_ASSUMED : 0)) !=
			OPUS_OK ||
		opus_encoder_ctl(state, OPUS_SET_DTX((p->flags & DP_CODEC_DTX) != 0)) != OPUS_OK)
		return -EINVAL;
	return 0;
}

static int encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	struct opus_encoder *enc = calloc(1, sizeof(*enc));
	int error;
	int rc;

	if (enc == NULL)
		return -ENOMEM;
	enc->state = opus_encoder_create(
		(opus_int32)config->rate_hz, 1, OPUS_APPLICATION_VOIP, &error);
	if (enc->state == NULL) {
		rc = error == OPUS_BAD_ARG ? -EINVAL : -ENOMEM;
		goto out_enc;
	}
	rc = set_up(enc->state, config);
	if (rc != 0)
		goto out_state;
	enc->dtx = (config->params.flags & DP_CODEC_DTX) != 0;
	enc->base.payload_max = PAYLOAD_OCTETS_MAX;
	*ret = &enc->base;
	return 0;

out_state:
	opus_encoder_destroy(enc->state);
out_enc:
	free(enc);
	return rc;
}

static void encoder_free(struct codec_encoder *base)
{
	struct opus_encoder *enc = (struct opus_encoder *)base;

	opus_encoder_destroy(enc->state);
	free(enc);
}

static int encode(struct codec_encoder *base, const int16_t *pcm, uint8_t *payload)
{
	struct opus_encoder *enc = (struct opus_encoder *)base;
	opus_int32 len = opus_encode(
		enc->state, pcm, (int)base->n_samples, payload, PAYLOAD_OCTETS_MAX);

	if (len < 0)
		return -EIO;
	return enc->dtx && len <= DTX_OCTETS_MAX ? 0 : (int)len;
}

static void tune(struct codec_encoder *base, uint32_t loss_percent, uint32_t complexity)
{
	struct opus_encoder *enc = (struct opus_encoder *)base;
	opus_int32 loss = loss_percent < 100 ? (opus_int32)loss_percent : 100;
	opus_int32 work = complexity < COMPLEXITY_MAX ? (opus_int32)complexity : COMPLEXITY_MAX;

	(void)opus_encoder_ctl(enc->state, OPUS_SET_PACKET_LOSS_PERC(loss));
	(void)opus_encoder_ctl(enc->state, OPUS_SET_COMPLEXITY(work));
}

static int decoder_new(const struct codec_config *config, struct codec_decoder **ret)
{
	struct opus_decoder *dec = calloc(1, sizeof(*dec));
	int error;

	if (dec == NULL)
		return -ENOMEM;
	dec->state = opus_decoder_create((opus_int32)config->rate_hz, 1, &error);
	if (dec->state == NULL) {
		free(dec);
		return error == OPUS_BAD_ARG ? -EINVAL : -ENOMEM;
	}
	*ret = &dec->base;
	return 0;
}

static void decoder_free(struct codec_decoder *base)
{
	struct opus_decoder *dec = (struct opus_decoder *)base;

	opus_decoder_destroy(dec->state);
	free(dec);
}

static int samples(const struct codec_decoder *base, const uint8_t *payload, size_t len)
{
	unsigned char toc;
	const unsigned char *frames[48];
	opus_int16 sizes[48];
	int n;

	/* The frames' lengths too, so that the decoder finds nothing left to refuse. */
	if (opus_packet_parse(payload, (opus_int32)len, &toc, frames, sizes, NULL) < 0)
		return -EBADMSG;
	n = opus_packet_get_nb_samples(payload, (opus_int32)len, (opus_int32)base->rate_hz);
	return n > 0 ? n : -EBADMSG;
}

static int decode(struct codec_decoder *base, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples)
{
	struct opus_decoder *dec = (struct opus_decoder *)base;
	int n = opus_decode(dec->state, payload, (opus_int32)len, pcm, (int)n_samples, 0);

	return n < 0 ? -EBADMSG : n;
}

static int conceal(struct codec_decoder *base, int16_t *pcm, uint32_t n_samples,
	const uint8_t *next, size_t next_len)
{
	struct opus_decoder *dec = (struct opus_decoder *)base;
	int n;

	if (n_samples % (base->rate_hz / SAMPLES_PER_SECOND_STEP) != 0)
		return -EINVAL;
	n = opus_decode(dec->state, next, next != NULL ? (opus_int32)next_len : 0, pcm,
		(int)n_samples, next != NULL);
	return n < 0 ? -EBADMSG : n;
}

const struct codec codec_opus = {
	.id = DP_CODEC_OPUS,
	.flags = CODEC_STATEFUL | CODEC_HAS_PLC | CODEC_HAS_FEC | CODEC_HAS_DTX,
	/* Those of the resampler, of the five that there are. */
	.rates_hz = {8000, 16000, 48000},
	.encoder_new = encoder_new,
	.encoder_free = encoder_free,
	.encode = encode,
	.tune = tune,
	.decoder_new = decoder_new,
	.decoder_free = decoder_free,
	.samples = samples,
	.decode = decode,
	.conceal = conceal,
};
