/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AMR (narrow band, 3GPP TS 26.071) by opencore-amrnb; packets and modes are in amr.c. */
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrnb/interf_enc.h>

#include "dataplane/transcode/amr.h"

#define FRAME_SAMPLES 160

static void *encoder_init(bool dtx)
{
	return Encoder_Interface_init(dtx);
}

static int encode(void *state, uint8_t mode, bool dtx, const int16_t *pcm, uint8_t *frame)
{
	int16_t scratch[FRAME_SAMPLES];

	/* It says const, yet filters the samples where they lie. */
	memcpy(scratch, pcm, sizeof(scratch));
	return Encoder_Interface_Encode(state, (enum Mode)mode, scratch, frame, 0);
}

static void decode(void *state, const uint8_t *frame, int16_t *pcm)
{
	Decoder_Interface_Decode(state, frame, pcm, 0);
}

static const struct amr_library library = {
	.kind = &amr_narrow,
	.frame_samples = FRAME_SAMPLES,
	.default_mode = MR122,
	.encoder_init = encoder_init,
	.encoder_exit = Encoder_Interface_exit,
	.encode = encode,
	.decoder_init = Decoder_Interface_init,
	.decoder_exit = Decoder_Interface_exit,
	.decode = decode,
};

static int encoder_new(const struct codec_config *config, struct codec_encoder **ret)
{
	return amr_encoder_new(&library, config, ret);
}

static int decoder_new(const struct codec_config *config, struct codec_decoder **ret)
{
	return amr_decoder_new(&library, config, ret);
}

const struct codec codec_amr = {
	.id = DP_CODEC_AMR,
	.flags = CODEC_STATEFUL | CODEC_HAS_PLC | CODEC_HAS_DTX | CODEC_HAS_MODE,
	.rates_hz = {8000},
	.encoder_new = encoder_new,
	.encoder_free = amr_encoder_free,
	.encode = amr_encode,
	.request = amr_request,
	.ask = amr_ask,
	.decoder_new = decoder_new,
	.decoder_free = amr_decoder_free,
	.samples = amr_samples,
	.decode = amr_decode,
	.conceal = amr_conceal,
};
