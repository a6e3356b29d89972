/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys of one direction of a call whose legs carry them differently: telephone-events (RFC 4733)
 * towards a leg that takes none become tones, tones from a leg that sends no events become events.
 * Where both agreed on events they pass beside the audio, and this has nothing to do.
 *
 * Owner: one thread. Memory: the caller's, 800 bytes; with find also what dtmf_rx.h says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/transcode/dtmf_rx.h"
#include "dataplane/transcode/dtmf_tx.h"
#include "dataplane/transcode/event_rx.h"
#include "dataplane/transcode/event_tx.h"

struct vp_keys {
	struct vp_event_rx in;
	struct vp_dtmf_tx tones;
	struct vp_dtmf_rx *finder; /* NULL: tones are left alone */
	struct vp_event_tx out;
	uint32_t event_hz, out_hz; /* clocks of what is sent: events, audio */
	uint32_t event_ts;	   /* of this packet time, at event_hz */
	uint32_t press_ts;	   /* the same when the key was pressed, and ... */
	uint32_t press_out;	   /* ... what the audio's timestamp was */
};

/*
 * rate_hz: of the samples. find: tones are to be found, and taken out of the audio, which is then
 * VP_DTMF_RX_HOLD_MS later. -EINVAL: rate_hz; -ENOMEM.
 */
int vp_keys_init(
	struct vp_keys *k, uint32_t rate_hz, uint32_t event_hz, uint32_t out_hz, bool find);
void vp_keys_close(struct vp_keys *k);

/* Takes over the keys that old was busy with; both have the same rates. old stays to be closed. */
void vp_keys_adopt(struct vp_keys *k, struct vp_keys *old);

/* A telephone-event packet that is to be heard as a tone; clock_hz is that of its timestamp. */
void vp_keys_event(struct vp_keys *k, const uint8_t *payload, size_t len, uint32_t clock_hz,
	uint32_t timestamp, bool marker, uint64_t now_us);

/* Whether there are tones to be heard now: vp_keys_tones() is to be called for each packet. */
bool vp_keys_busy(struct vp_keys *k, uint64_t now_us);

/* Puts them in place of n samples. */
void vp_keys_tones(struct vp_keys *k, int16_t *pcm, uint32_t n);

/*
 * Takes tones out of n samples, those of one packet that has this timestamp and takes ptime_ms.
 * Returns how many event packets are to be sent in place of it; their timestamps are at out_hz.
 */
int vp_keys_find(struct vp_keys *k, int16_t *pcm, uint32_t n, uint32_t timestamp, uint32_t ptime_ms,
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS]);
