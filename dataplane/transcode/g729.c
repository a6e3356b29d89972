/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * G.729 annex A, and annex B (silence) when DTX is agreed, by bcg729: frames of 10 ms in 10 octets;
 * the last of a packet may be a 2-octet description of noise (RFC 3551 4.5.6). bcg729 conceals
 * lost frames, and goes on making noise while silence sends nothing.
 */
#include <bcg729/decoder.h>
#include <bcg729/encoder.h>

#include "dataplane/transcode/codec_priv.h"

#define FRAME_SAMPLES 80
#define FRAME_OCTETS  10
#define SID_OCTETS    2

struct g729_encoder {
	struct codec_encoder base;
	bcg729EncoderChannelContextStruct *state;
};

struct g729_decoder {
	struct codec_decoder base;
	bcg729DecoderChannelContextStruct *state;
};

static int encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	struct g729_encoder *enc = calloc(1, sizeof(*enc));

	if (enc == NULL)
		return -ENOMEM;
	enc->state = initBcg729EncoderChannel((config->params.flags & DP_CODEC_DTX) != 0);
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
	struct g729_encoder *enc = (struct g729_encoder *)base;

	closeBcg729EncoderChannel(enc->state);
	free(enc);
}

/*
 * A packet holds speech frames in a row and at most one SID, at its end. Where speech sets in
 * within a packet, what was before it is left out, and base->n_skipped says so.
 */
static int encode(struct codec_encoder *base, const int16_t *pcm, uint8_t *payload)
{
	struct g729_encoder *enc = (struct g729_encoder *)base;
	uint32_t n_frames = base->n_samples / FRAME_SAMPLES;
	bool row_ended = false;
	int len = 0;

	base->n_skipped = 0;
	for (uint32_t i = 0; i < n_frames; i++) {
		uint8_t frame[FRAME_OCTETS];
		uint8_t frame_len = 0;
		bcg729Encoder(enc->state, pcm + i * FRAME_SAMPLES, frame, &frame_len);
		if (frame_len == 0) {
			row_ended = true;
			continue;
		}
		if (frame_len != FRAME_OCTETS && frame_len != SID_OCTETS)
			return -EIO;
		if (row_ended)
			len = 0;
		if (len == 0)
			base->n_skipped = i * FRAME_SAMPLES;
		memcpy(payload + len, frame, frame_len);
		len += frame_len;
		row_ended = frame_len == SID_OCTETS;
	}
	return len;
}

static int decoder_new(const struct codec_config *config, struct codec_decoder **ret)
{
	struct g729_decoder *dec = calloc(1, sizeof(*dec));

	if (dec == NULL)
		return -ENOMEM;
	dec->state = initBcg729DecoderChannel();
	if (dec->state == NULL) {
		free(dec);
		return -ENOMEM;
	}
	*ret = &dec->base;
	return 0;
}

static void decoder_free(struct codec_decoder *base)
{
	struct g729_decoder *dec = (struct g729_decoder *)base;

	closeBcg729DecoderChannel(dec->state);
	free(dec);
}

static int samples(const struct codec_decoder *dec, const uint8_t *payload, size_t len)
{
	size_t rest = len % FRAME_OCTETS;

	if (rest != 0 && rest != SID_OCTETS)
		return -EBADMSG;
	return (int)((len / FRAME_OCTETS + (rest != 0)) * FRAME_SAMPLES);
}

static int decode(struct codec_decoder *base, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples)
{
	struct g729_decoder *dec = (struct g729_decoder *)base;

	for (size_t at = 0; at < len; at += FRAME_OCTETS, pcm += FRAME_SAMPLES) {
		bool sid = len - at < FRAME_OCTETS;
		bcg729Decoder(
			dec->state, payload + at, sid ? SID_OCTETS : FRAME_OCTETS, 0, sid, 0, pcm);
	}
	return (int)n_samples;
}

static int conceal(struct codec_decoder *base, int16_t *pcm, uint32_t n_samples,
	const uint8_t *next, size_t next_len)
{
	struct g729_decoder *dec = (struct g729_decoder *)base;
	static const uint8_t lost[FRAME_OCTETS];

	if (n_samples % FRAME_SAMPLES != 0)
		return -EINVAL;
	for (uint32_t i = 0; i < n_samples; i += FRAME_SAMPLES)
		bcg729Decoder(dec->state, lost, 0, 1, 0, 0, pcm + i);
	return (int)n_samples;
}

const struct codec codec_g729 = {
	.id = DP_CODEC_G729,
	.flags = CODEC_STATEFUL | CODEC_HAS_PLC | CODEC_HAS_DTX,
	.rates_hz = {8000},
	.encoder_new = encoder_new,
	.encoder_free = encoder_free,
	.encode = encode,
	.decoder_new = decoder_new,
	.decoder_free = decoder_free,
	.samples = samples,
	.decode = decode,
	.conceal = conceal,
};
