/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys of one direction of a call, whatever they come as and go on as: telephone-events (RFC 4733),
 * tones in the audio, or neither, when somebody else tells them (SIP INFO). Each is told once, at
 * its end.
 *
 * Owner: one thread. Memory: the caller's, 900 bytes; with find also what dtmf_rx.h says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/transcode/dtmf_rx.h"
#include "dataplane/transcode/dtmf_tx.h"
#include "dataplane/transcode/event_rx.h"
#include "dataplane/transcode/event_tx.h"

#define VP_KEYS_TOLD 8 /* that wait to be fetched; what is more is not told */

/* As what they go on. */
enum vp_keys_to { VP_KEYS_EVENTS, VP_KEYS_TONES, VP_KEYS_NOTHING };

struct vp_keys_conf {
	uint32_t rate_hz;	   /* of the samples */
	uint32_t event_hz, out_hz; /* clocks of what is sent: events, audio */
	uint8_t to;		   /* enum vp_keys_to */
	/*
	 * Tones are to be found. Where they go on as something else they are taken out of the audio,
	 * which is then VP_DTMF_RX_HOLD_MS later.
	 */
	bool find;
};

/* A key that was pressed and let go. */
struct vp_keys_told {
	uint8_t code;
	bool tone; /* it came as one */
	uint32_t duration_ms;
};

struct vp_keys {
	struct vp_keys_conf conf;
	struct vp_event_rx in;
	bool passes; /* what comes in does, so the end that time tells is not to be sent */
	struct vp_dtmf_tx tones;
	struct vp_dtmf_rx *finder; /* NULL: tones are left alone */
	struct vp_event_tx out;
	uint32_t event_ts;  /* of this packet time, at event_hz */
	uint32_t press_ts;  /* the same when the key was pressed, and ... */
	uint32_t press_out; /* ... what the audio's timestamp was */
	uint8_t n_told, told_at;
	struct vp_keys_told told[VP_KEYS_TOLD];
};

/* -EINVAL: rate_hz; -ENOMEM. */
int vp_keys_init(struct vp_keys *k, const struct vp_keys_conf *conf);
void vp_keys_close(struct vp_keys *k);

/* Takes over the keys that old was busy with; both have the same rates. old stays to be closed. */
void vp_keys_adopt(struct vp_keys *k, struct vp_keys *old);

/*
 * A telephone-event packet; clock_hz is that of its timestamp. passes: it goes on as it is, so it is
 * told and no more.
 */
void vp_keys_event(struct vp_keys *k, const uint8_t *payload, size_t len, uint32_t clock_hz,
	uint32_t timestamp, bool marker, bool passes, uint64_t now_us);

/* A key from elsewhere. -EOPNOTSUPP: they go on as nothing; -ENOSPC, -EINVAL as in event_tx.h. */
int vp_keys_press(struct vp_keys *k, uint8_t code, uint32_t duration_ms);

/*
 * Whether there is something to be sent now that is not audio, so that vp_keys_tones() and
 * vp_keys_run() are to be called for each packet although nobody talks.
 */
bool vp_keys_busy(struct vp_keys *k, uint64_t now_us);

/* Puts tones, if there are any, in place of n samples. */
void vp_keys_tones(struct vp_keys *k, int16_t *pcm, uint32_t n);

/*
 * Takes tones out of n samples, those of one packet that has this timestamp and takes ptime_ms.
 * Returns how many event packets are to be sent in place of it; their timestamps are at out_hz.
 */
int vp_keys_run(struct vp_keys *k, int16_t *pcm, uint32_t n, uint32_t timestamp, uint32_t ptime_ms,
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS]);

/* The next one that was pressed; false: none. */
bool vp_keys_next(struct vp_keys *k, struct vp_keys_told *ret_told);
