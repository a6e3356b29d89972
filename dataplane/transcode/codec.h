/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Speech codecs of the transcode cores: RTP payloads to 16-bit mono samples and back. Each codec
 * is one file and one row of the table in codec.c; a codec whose library was absent at build time
 * is not in the table.
 *
 * An encoder or decoder belongs to one stream and is used by one thread at a time; two instances
 * share nothing that is written. Memory is taken in _new() alone: encode, decode and conceal never
 * allocate, lock or log. Payloads come from the wire: whatever their bytes, a decoder answers with
 * samples or a negative errno and goes on with the next packet.
 *
 * Sample rates: most codecs work at one; G.722 and Opus offer several (Opus 8, 16 and 48 kHz, G.722
 * 16 kHz and, without its upper band, 8 kHz). codec_rate_fit() picks the one that saves
 * resampling.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/api/dp_codec.h"

#define CODEC_RATES_MAX	  5
#define CODEC_PAYLOAD_MAX 2000 /* enough for what any encoder yields, L16 of 60 ms at 16 kHz */
#define CODEC_SAMPLES_MAX \
	5760		    /* enough for what any packet that is taken holds: 120 ms at 48 kHz */
#define CODEC_NO_REQUEST 15 /* AMR: no mode request (RFC 4867 4.3.1) */

enum codec_flags {
	CODEC_HAS_PLC = 1 << 0,	 /* codec_conceal() works */
	CODEC_HAS_FEC = 1 << 1,	 /* codec_conceal() can use the packet that follows the loss */
	CODEC_HAS_DTX = 1 << 2,	 /* encode may yield 0 octets; its decoder makes the noise */
	CODEC_STATEFUL = 1 << 3, /* a frame depends on those before it */
	CODEC_HAS_MODE = 1 << 4, /* mode requests, see codec_decoder and codec_encoder_request() */
};

struct codec;

/* What an instance is made for. rate_hz is one of the codec's, ptime_ms fits dp_codec_ptime_ok(). */
struct codec_config {
	struct dp_codec_params params;
	uint32_t rate_hz;
	uint32_t ptime_ms; /* encoders only */
};

/* Head of each codec's own state. Owner: who called _new(). */
struct codec_encoder {
	const struct codec *codec;
	uint32_t rate_hz;
	uint32_t n_samples;   /* of each call of codec_encode(): ptime at rate_hz */
	uint32_t payload_max; /* set by the codec: no payload of this encoder is longer */
	/*
	 * Of the last packet: samples at its start that the payload does not hold, because speech
	 * set in after them (G.729 with DTX). The packet's RTP timestamp is later by as much.
	 */
	uint32_t n_skipped;
};

struct codec_decoder {
	const struct codec *codec;
	uint32_t rate_hz;
	/*
	 * AMR: what the sender of the last packet asks of the encoder that sends to it, for
	 * codec_encoder_request(); CODEC_NO_REQUEST when it asks nothing.
	 */
	uint8_t mode_request;
	uint8_t mode; /* AMR: mode of the last speech frame received */
};

struct codec {
	uint32_t id;				/* enum dp_codec_id; dp_codec_row() has its names */
	uint32_t flags;				/* enum codec_flags */
	uint32_t rates_hz[CODEC_RATES_MAX + 1]; /* ascending, 0 ends them */

	/* Called through the functions below, which check arguments first. */
	int (*encoder_new)(const struct codec_config *config, struct codec_encoder **ret);
	void (*encoder_free)(struct codec_encoder *enc);
	int (*encode)(struct codec_encoder *enc, const int16_t *pcm, uint8_t *payload);
	void (*request)(struct codec_encoder *enc, uint8_t mode);
	void (*ask)(struct codec_encoder *enc, uint8_t mode);
	void (*tune)(struct codec_encoder *enc, uint32_t loss_percent, uint32_t complexity);
	int (*decoder_new)(const struct codec_config *config, struct codec_decoder **ret);
	void (*decoder_free)(struct codec_decoder *dec);
	/* Samples that the payload holds, or -EBADMSG; so decode need not check again. */
	int (*samples)(const struct codec_decoder *dec, const uint8_t *payload, size_t len);
	int (*decode)(struct codec_decoder *dec, const uint8_t *payload, size_t len, int16_t *pcm,
		uint32_t n_samples);
	int (*conceal)(struct codec_decoder *dec, int16_t *pcm, uint32_t n_samples,
		const uint8_t *next, size_t next_len);
};

/* ---- the table ---- */

/* The codec of an enum dp_codec_id, or NULL when this build does not have it. */
const struct codec *codec_by_id(uint32_t id);

/* By the names of rtpmap, as dp_codec_find(); NULL when unknown or not in this build. */
const struct codec *codec_find(struct view name, uint32_t clock_hz, uint32_t channels);

/* The i-th codec of this build; NULL after the last. */
const struct codec *codec_at(uint32_t i);

/* Bit id (enum dp_codec_id) for each codec of this build. */
uint32_t codec_mask(void);

/*
 * The sample rate at which an instance should run towards an end that works at other_hz: the same
 * where the codec has it, else its next higher one, else its highest; for Opus never above
 * params->max_rate_khz.
 */
uint32_t codec_rate_fit(
	const struct codec *codec, const struct dp_codec_params *params, uint32_t other_hz);

/* ---- instances ---- */

/*
 * 0, -EINVAL (rate, ptime or parameters that the codec does not have) or -ENOMEM. The caller owns
 * *ret_enc. ptime_ms 0 means params.ptime_ms, and 20 when that is 0 too.
 */
int codec_encoder_new(const struct codec *codec, const struct codec_config *config,
	struct codec_encoder **ret_enc) __attribute__((warn_unused_result));
void codec_encoder_free(struct codec_encoder *enc);

int codec_decoder_new(const struct codec *codec, const struct codec_config *config,
	struct codec_decoder **ret_dec) __attribute__((warn_unused_result));
void codec_decoder_free(struct codec_decoder *dec);

/*
 * Encodes enc->n_samples samples into one RTP payload. Octets of the payload; 0: send nothing
 * (silence with DTX; timestamps go on, and the next packet carries the marker bit); -ENOBUFS when
 * max is below enc->payload_max; -EIO when the library fails.
 */
int codec_encode(struct codec_encoder *enc, const int16_t *pcm, uint8_t *payload, size_t max)
	__attribute__((warn_unused_result));

/*
 * What the far end asked for (mode_request of the decoder that hears it), at once or when the
 * agreed rules of mode changes allow it; requests outside the agreed mode set are taken as the
 * nearest lower mode. Nothing for codecs without modes.
 */
void codec_encoder_request(struct codec_encoder *enc, uint8_t mode);

/* The mode that the far end shall send to us, carried as CMR in each payload from now on. */
void codec_encoder_ask(struct codec_encoder *enc, uint8_t mode);

/*
 * Opus: the loss that the far end reports (0..100; strengthens in-band FEC) and how much work to
 * spend (0..10; drop it under load). Nothing for other codecs.
 */
void codec_encoder_tune(struct codec_encoder *enc, uint32_t loss_percent, uint32_t complexity);

/*
 * Samples at dec->rate_hz that a payload holds, without decoding it: 0 .. CODEC_SAMPLES_MAX, or
 * -EBADMSG. 0 is legal: AMR payloads of which nothing is left, for one.
 */
int codec_samples(const struct codec_decoder *dec, const uint8_t *payload, size_t len);

/*
 * Decodes one RTP payload, however many frames it holds. Samples written, or -EBADMSG (damaged;
 * the state is as before) or -ENOBUFS (more than max samples).
 */
int codec_decode(struct codec_decoder *dec, const uint8_t *payload, size_t len, int16_t *pcm,
	size_t max) __attribute__((warn_unused_result));

/*
 * Fills n_samples in place of packets that did not arrive, by the codec's own means. next is the
 * packet after the gap when it is there already (else NULL): with Opus its in-band FEC restores
 * the last n_samples; it is still decoded in its turn. n_samples, or -ENOTSUP (the codec has no
 * concealment: use a general one), or -EINVAL (not a multiple of its frame).
 */
int codec_conceal(struct codec_decoder *dec, int16_t *pcm, uint32_t n_samples, const uint8_t *next,
	size_t next_len) __attribute__((warn_unused_result));
