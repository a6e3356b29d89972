/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DTMF tones in the audio (libspandsp, at 8 kHz; other rates are brought down for it): tells digits
 * with their length, and takes the tones out of the audio.
 *
 * A tone is known 26 to 39 ms after it began (two blocks of 12.75 ms must agree), at 16 and 48 kHz
 * up to 6 ms later. To take all of it out, audio is held back for hold_ms, which is then added to
 * the delay; with hold_ms 0 so much of each tone leaks, and the rest is muted. Muting ends 13 to
 * 26 ms after the tone. Lengths are told to 14 ms.
 *
 * Owner: one thread. Memory: allocated by _new alone; 1 KB, and at 48 kHz 8 KB and what resample.h
 * says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/transcode/event.h"

#define VP_DTMF_RX_HOLD_MS     45 /* nothing leaks */
#define VP_DTMF_RX_HOLD_MAX_MS 60
#define VP_DTMF_RX_EVENTS      20 /* that one call may yield: two a block */

struct vp_dtmf_rx;

struct vp_dtmf_rx_conf {
	uint32_t rate_hz;
	uint32_t hold_ms; /* 0 to VP_DTMF_RX_HOLD_MAX_MS */
	bool mute;	  /* else audio is left as it is, and hold_ms is to be 0 */
};

/* -EINVAL: conf; -ENOMEM. */
int vp_dtmf_rx_new(const struct vp_dtmf_rx_conf *conf, struct vp_dtmf_rx **ret_rx);
void vp_dtmf_rx_free(struct vp_dtmf_rx *rx);

/*
 * Looks at n samples (whole milliseconds, at most 120 ms), and changes them into what is to be
 * heard. Returns how many events there were; events has room for VP_DTMF_RX_EVENTS. -EINVAL: n.
 */
int vp_dtmf_rx_run(struct vp_dtmf_rx *rx, int16_t *pcm, uint32_t n, struct vp_event *events);
