/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One direction of a transcoded call: RTP packets of one leg in, RTP packets for the other leg out,
 * with everything between them (jitter buffer, decoder, concealment, resampler, encoder, telephone
 * events, packet times). It knows no sockets, no addresses and no keys, and time is an input.
 *
 * What comes out is a stream of its own (RFC 3550 7.1, a translator that re-encodes): sequence
 * numbers and timestamps from 0 on, under an SSRC that only says which object made it. The packet
 * worker that owns the stream moves all three to where the far end has them (struct stream_wire).
 *
 * Owner: made and freed by the control thread; in between it belongs to one media core, and nothing
 * here allocates, locks or logs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"

struct voice;
struct vp_keys_told; /* transcode/keys.h */

/* Everything a direction is made for. Equal configurations are equal bytes. */
struct voice_conf {
	uint32_t n_payloads;
	struct dp_payload payloads[DP_PAYLOAD_TYPES]; /* TRANSCODE, EVENT, NOISE */
	struct dp_send send;
	bool tones; /* DP_LEG_TONES of who is heard */
};

/* What leg of a session sends; session_check() has found it in order. */
void voice_conf_of(const struct dp_session *session, unsigned int leg, struct voice_conf *ret_conf);

/*
 * ssrc: tells this object's packets from those of others. -EINVAL: parameters that a codec refuses;
 * -ENOTSUP: a codec that this build does not have; -ENOMEM.
 */
int voice_new(const struct voice_conf *conf, uint32_t ssrc, struct voice **ret_voice)
	__attribute__((warn_unused_result));
void voice_free(struct voice *v);

/* Both directions of a session, so that one can do what the other is asked for (RFC 4867 CMR). */
void voice_pair(struct voice *a, struct voice *b);

/*
 * v takes the place of old, which is not used any more and still to be freed: what arrived and was
 * not played goes on being played where the configuration allows it.
 */
void voice_adopt(struct voice *v, struct voice *old);

/* An RTP packet of the leg: its lengths fit, its payload type is one of the configuration. */
void voice_put(struct voice *v, const uint8_t *rtp, uint32_t len, uint64_t now_us,
	struct dp_mcore_stats *stats);

/*
 * A digit (code of RFC 4733) in what is sent, as conf.send says. -EOPNOTSUPP: it says that digits do
 * not go that way; -ENOSPC: too many are waiting; -EINVAL: no such digit.
 */
int voice_press(struct voice *v, uint8_t code, uint32_t duration_ms, uint64_t now_us);
/* The next digit that was pressed at the far end and let go; false: none. */
bool voice_told(struct voice *v, struct vp_keys_told *ret_told);

/* When voice_tick() is to be called next; UINT64_MAX: not before another packet has arrived. */
uint64_t voice_due_us(const struct voice *v);

/*
 * What is due at now_us. Octets of the RTP packet written to rtp, or 0. max of at least
 * VOICE_PACKET_MAX.
 */
uint32_t voice_tick(
	struct voice *v, uint64_t now_us, uint8_t *rtp, uint32_t max, struct dp_mcore_stats *stats);
/* The same without making the packet: for a core that has no time. */
void voice_skip(struct voice *v, uint64_t now_us);

/*
 * In place of voice_tick(), when somebody wants the samples of what would be sent: n, those of one
 * packet at the rate of its codec. False: there is nothing to be heard.
 */
bool voice_hear(
	struct voice *v, uint64_t now_us, int16_t *pcm, uint32_t n, struct dp_mcore_stats *stats);

#define VOICE_PACKET_MAX 1960 /* L16 of 60 ms at 16 kHz, and the header */
