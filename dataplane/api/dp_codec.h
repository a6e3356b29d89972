/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The codecs that the box may transcode, as SDP and the session API name them: one row a codec
 * (encoding name, payload type, clock) and its parameters as a small plain struct, so that no text
 * reaches the data plane. limen-sip parses and prints the text (dataplane/api/dp_fmtp.h); the
 * data plane gets the id and the struct. Whether a codec is there at all depends on the libraries
 * it was built with: codec_mask() of dataplane/transcode/codec.h.
 *
 * Pure, constant; any thread of any process.
 */
#pragma once

#include <stdint.h>

#include "controlplane/base/view.h"

/* Numbers of the session API: never reused, new ones at the end. */
enum dp_codec_id {
	DP_CODEC_NONE = 0,
	DP_CODEC_PCMU = 1,
	DP_CODEC_PCMA = 2,
	DP_CODEC_L16_8K = 3,
	DP_CODEC_L16_16K = 4,
	DP_CODEC_G722 = 5,
	DP_CODEC_G726_32 = 6,	   /* RFC 3551: first sample in the low bits */
	DP_CODEC_AAL2_G726_32 = 7, /* ITU-T I.366.2: first sample in the high bits */
	DP_CODEC_G729 = 8,
	DP_CODEC_OPUS = 9,
	DP_CODEC_GSM = 10,
	DP_CODEC_AMR = 11,
	DP_CODEC_AMR_WB = 12,
	DP_CODEC_END = 13, /* one more than the last */
};

enum dp_codec_flags {
	DP_CODEC_DTX = 1 << 0,		/* silence may be left out: annexb, usedtx, AMR with SID */
	DP_CODEC_FEC = 1 << 1,		/* Opus useinbandfec=1 */
	DP_CODEC_CBR = 1 << 2,		/* Opus cbr=1 */
	DP_CODEC_STEREO = 1 << 3,	/* Opus stereo=1: the receiver prefers two channels */
	DP_CODEC_OCTET_ALIGN = 1 << 4,	/* AMR octet-align=1 */
	DP_CODEC_NEIGHBOR = 1 << 5,	/* AMR mode-change-neighbor=1 */
	DP_CODEC_CHANGE_CAP2 = 1 << 6,	/* AMR mode-change-capability=2: can keep a period of 2 */
	DP_CODEC_SPROP_STEREO = 1 << 7, /* Opus sprop-stereo=1: the sender likely sends stereo */
};

/*
 * Parameters of one direction or, after dp_fmtp_agree(), of a leg's codec in the data plane. All
 * zero means what an absent fmtp line means, except DTX: dp_fmtp_parse() of nothing says it.
 */
struct dp_codec_params {
	uint8_t flags;	      /* enum dp_codec_flags */
	uint8_t ptime_ms;     /* of the packets that we send; 0: 20 */
	uint8_t max_ptime_ms; /* no longer packets than this to that end; 0: no limit said */
	uint8_t max_rate_khz; /* Opus maxplaybackrate: 8, 12, 16, 24, 48; 0: 48 */
	uint8_t complexity;   /* Opus 0..10 */
	uint8_t mode_period;  /* AMR mode-change-period, 1 or 2; 0: 1 */
	uint8_t zero[2];
	uint32_t modes;	      /* AMR mode-set, bit i for mode i; 0: all */
	uint32_t bitrate_bps; /* Opus maxaveragebitrate, 6000..510000; 0: what suits the rate */
};

_Static_assert(sizeof(struct dp_codec_params) == 16, "travels in the session API");

struct dp_codec {
	uint8_t id;	   /* enum dp_codec_id */
	int8_t static_pt;  /* of RFC 3551; -1: dynamic */
	uint8_t channels;  /* as rtpmap says; the audio itself is mono */
	uint8_t frame_ms;  /* shortest packet; each packet is a multiple of it */
	uint32_t clock_hz; /* of RTP timestamps */
	const char *name;  /* as rtpmap writes it */
};

/* The row of an id; NULL for DP_CODEC_NONE and what is no id. */
const struct dp_codec *dp_codec_row(uint32_t id);

/* The row of an rtpmap (names without regard to case, channels 0 counts as 1), or NULL. */
const struct dp_codec *dp_codec_find(struct view name, uint32_t clock_hz, uint32_t channels);

/* The row of a static payload type without rtpmap, or NULL. */
const struct dp_codec *dp_codec_static(uint32_t pt);

/*
 * Whether packets of ptime_ms can be made: 10 to 60 ms, a multiple of the codec's frame; Opus
 * further has no 30 and 50.
 */
bool dp_codec_ptime_ok(const struct dp_codec *codec, uint32_t ptime_ms);

/* The longest possible ptime that is not above wanted_ms; the shortest when there is none. */
uint32_t dp_codec_ptime_fit(const struct dp_codec *codec, uint32_t wanted_ms);
