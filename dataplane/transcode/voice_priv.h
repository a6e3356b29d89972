/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of one direction of a transcoded call share: voice.c makes it, voice_in.c takes
 * what arrives, voice_play.c makes samples of it, voice_out.c makes packets of those. Nobody else
 * includes this.
 */
#pragma once

#include "dataplane/transcode/cn.h"
#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/jitter.h"
#include "dataplane/transcode/keys.h"
#include "dataplane/transcode/plc.h"
#include "dataplane/transcode/resample.h"
#include "dataplane/transcode/vad.h"
#include "dataplane/transcode/voice.h"
#include "dataplane/transcode/vp.h"

#define VOICE_JB_HZ	48000 /* what the jitter buffer counts in */
#define VOICE_EVENTS	8     /* waiting to be sent */
#define VOICE_EVENT_LEN 4

/* How a payload type is heard. */
struct voice_in {
	struct dp_payload conf;
	uint32_t clock_hz;
	struct codec_decoder *dec;    /* NULL: no audio */
	struct vp_resample *resample; /* NULL: it decodes at the right rate */
};

/* A telephone-event packet on its way out. */
struct voice_event {
	uint8_t payload[VOICE_EVENT_LEN];
	uint32_t ts;
	bool marker;
};

struct voice {
	struct voice_conf conf;
	struct voice *peer; /* the other direction, or NULL */
	uint32_t ssrc;
	struct voice_in in[DP_PAYLOAD_TYPES];
	struct voice_in *last; /* what decoded last, or NULL */
	struct vp_jitter *jitter;
	struct vp_plc *plc; /* for codecs that conceal nothing themselves */
	struct vp_vad vad;
	struct vp_noise_gen noise; /* what a silent talker is heard as */
	struct vp_noise noise_told;
	bool noise_known, noise_news; /* there was one; it was not sent on yet */
	struct codec_encoder *enc;
	uint32_t rate_hz;  /* of samples here and in the encoder */
	uint32_t out_hz;   /* clock of what is sent */
	uint32_t event_hz; /* and of its events */
	uint32_t ptime_us;
	uint32_t ptime_ts; /* at out_hz */

	uint64_t due_us;    /* UINT64_MAX: idle */
	uint64_t played_us; /* when something was last played */
	uint64_t idle_us;   /* when the packet would have been due at which it became idle */
	uint32_t ts;
	uint16_t seq;
	bool marker;	 /* the next packet is the first after a pause */
	bool quiet;	 /* what was played last was no speech */
	bool all_silent; /* nor did anything of it come from the far end */

	struct {
		uint64_t seen_us; /* last packet of it; 0: none goes on */
		uint32_t in_ts, out_ts;
		uint32_t before_ts, before_out_ts; /* of the segment before, with segments */
		uint8_t code;
		bool live, segments;
	} event;
	struct voice_event events[VOICE_EVENTS];
	uint32_t n_events, event_at;
	uint64_t event_us; /* when the oldest of them came */
	struct vp_keys keys;

	uint32_t n_held; /* to be merged with what follows */
	uint32_t n_fifo, fifo_max;
	int16_t *held, *fifo; /* [fifo_max] */
};

/* The payload type of the configuration, or NULL. */
struct voice_in *voice_in_find(struct voice *v, uint8_t pt);

/* Fills the queue with what one packet needs; false: there is nothing to be heard. */
bool voice_fill(struct voice *v, uint64_t now_us, struct dp_mcore_stats *stats);
void voice_append_silence(struct voice *v, uint32_t n);
