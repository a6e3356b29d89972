/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What AMR and AMR-WB have in common around their libraries: frames in packets, choice of the
 * mode, concealment. Used by amr_nb.c and amr_wb.c alone.
 */
#pragma once

#include "dataplane/transcode/amr_payload.h"
#include "dataplane/transcode/codec_priv.h"

/* The library of one of them. */
struct amr_library {
	const struct amr_kind *kind;
	uint32_t frame_samples;
	uint8_t default_mode; /* the first, where the mode set has it or a lower one */
	void *(*encoder_init)(bool dtx);
	void (*encoder_exit)(void *state);
	/* One frame; its head octet tells the type. Returns its length. */
	int (*encode)(void *state, uint8_t mode, bool dtx, const int16_t *pcm, uint8_t *frame);
	void *(*decoder_init)(void);
	void (*decoder_exit)(void *state);
	/* frame is of a type that is not reserved; AMR_NO_DATA conceals or goes on with noise. */
	void (*decode)(void *state, const uint8_t *frame, int16_t *pcm);
};

int amr_encoder_new(const struct amr_library *library, const struct codec_config *config,
	struct codec_encoder **ret);
void amr_encoder_free(struct codec_encoder *base);
int amr_encode(struct codec_encoder *base, const int16_t *pcm, uint8_t *payload);
void amr_request(struct codec_encoder *base, uint8_t mode);
void amr_ask(struct codec_encoder *base, uint8_t mode);

int amr_decoder_new(const struct amr_library *library, const struct codec_config *config,
	struct codec_decoder **ret);
void amr_decoder_free(struct codec_decoder *base);
int amr_samples(const struct codec_decoder *base, const uint8_t *payload, size_t len);
int amr_decode(struct codec_decoder *base, const uint8_t *payload, size_t len, int16_t *pcm,
	uint32_t n_samples);
int amr_conceal(struct codec_decoder *base, int16_t *pcm, uint32_t n_samples, const uint8_t *next,
	size_t next_len);
