/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Duplex channels between two codecs, payload to payload and with resampling, through the product's
 * codec table: what codec_channels measures, and what system_channels has the media core beside.
 * Everything here stops the program when it fails.
 */
#pragma once

#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/resample.h"

#define DUPLEX_FRAMES_MAX 200
#define DUPLEX_FRAME_MS	  20

struct duplex_packet {
	int len;
	uint8_t payload[CODEC_PAYLOAD_MAX];
};

/* One end of all channels: speech as packets of its codec at its highest rate up to 16 kHz. */
struct duplex_end {
	const struct codec *codec;
	uint32_t rate_hz; /* in the channel, as the transcoder picks it */
	uint32_t n_frames;
	double level;
	struct duplex_packet packets[DUPLEX_FRAMES_MAX];
};

/* One direction of a channel. */
struct duplex_direction {
	struct codec_decoder *dec;
	struct vp_resample *resample;
	struct codec_encoder *enc;
};

void duplex_fail(const char *what) __attribute__((noreturn));

/* Names as in rtpmap with clock and channels ("PCMU/8000", "opus/48000/2"); 16 kHz speech from a file. */
void duplex_ends(const char *path, char *const names[2], const struct dp_codec_params *params,
	struct duplex_end ret[2]);

/* Both directions of a channel; [k] hears what end k says. */
void duplex_new(const struct duplex_end ends[2], const struct dp_codec_params *params,
	struct duplex_direction ret[2]);
void duplex_free(struct duplex_direction channel[2]);

/* Octets of the payload that is made of a packet. */
int duplex_pass(struct duplex_direction *d, const struct duplex_packet *in, uint8_t *out);

/* Fails unless what came out for an end is as loud as what the other one said. */
void duplex_check_level(const struct duplex_end *hears, const struct duplex_end *said,
	const struct duplex_packet *made, const struct dp_codec_params *params);

/* CPU time of this thread. */
double duplex_now_us(void);
