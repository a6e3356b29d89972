/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For the codec files alone: the rows that codec.c collects, and what several of them use.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/codec.h"

extern const struct codec codec_pcmu, codec_pcma;
extern const struct codec codec_l16_8k, codec_l16_16k;
extern const struct codec codec_g722;
extern const struct codec codec_g726_32, codec_aal2_g726_32;
extern const struct codec codec_g729;
extern const struct codec codec_opus;
extern const struct codec codec_gsm;
extern const struct codec codec_amr, codec_amr_wb;

/* Codecs without state of their own. */
int codec_plain_encoder_new(const struct codec_config *config, struct codec_encoder **ret);
void codec_plain_encoder_free(struct codec_encoder *enc);
int codec_plain_decoder_new(const struct codec_config *config, struct codec_decoder **ret);
void codec_plain_decoder_free(struct codec_decoder *dec);

/* Samples of one packet that this encoder will be given. */
static inline uint32_t codec_packet_samples(const struct codec_config *config)
{
	return config->rate_hz / 1000 * config->ptime_ms;
}
