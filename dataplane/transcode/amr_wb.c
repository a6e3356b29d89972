/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AMR-WB (3GPP TS 26.171) by vo-amrwbenc and opencore-amrwb; packets and modes are in amr.c.
 */
#include <opencore-amrwb/dec_if.h>
#include <vo-amrwbenc/enc_if.h>

#include "dataplane/transcode/amr.h"

#define MODE_12_65 2 /* what networks use; the higher ones cost bits and gain little */

static void *encoder_init(bool dtx)
{
	return E_IF_init();
}

static int encode(void *state, uint8_t mode, bool dtx, const int16_t *pcm, uint8_t *frame)
{
	return E_IF_encode(state, mode, pcm, frame, dtx);
}

static void decode(void *state, const uint8_t *frame, int16_t *pcm)
{
	D_IF_decode(state, frame, pcm, _good_frame);
}

static const struct amr_library library = {
	.kind = &amr_wide,
	.frame_samples = 320,
	.default_mode = MODE_12_65,
	.encoder_init = encoder_init,
	.encoder_exit = E_IF_exit,
	.encode = encode,
	.decoder_init = D_IF_init,
	.decoder_exit = D_IF_exit,
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

const struct codec codec_amr_wb = {
	.id = DP_CODEC_AMR_WB,
	.flags = CODEC_STATEFUL | CODEC_HAS_PLC | CODEC_HAS_DTX | CODEC_HAS_MODE,
	.rates_hz = {16000},
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
