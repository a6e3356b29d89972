/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DTMF tones into the audio (ITU-T Q.23). Presses queue; each tone lasts at least
 * VP_DTMF_TX_MIN_MS and is followed by a pause of VP_DTMF_TX_PAUSE_MS, so that any detector takes
 * it (ITU-T Q.24). Tones fade within 2 ms, against clicks.
 *
 * Owner: one thread. Memory: 300 bytes, the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/transcode/event.h"
#include "dataplane/transcode/osc.h"

#define VP_DTMF_TX_QUEUE    16
#define VP_DTMF_TX_MIN_MS   60
#define VP_DTMF_TX_PAUSE_MS 60
#define VP_DTMF_TX_MAX_MS   60000 /* of a press whose end never comes */
#define VP_DTMF_TX_LOUDEST  3	  /* volumes beyond are taken as these, in dB below 0 dBm0 */
#define VP_DTMF_TX_SOFTEST  20

struct vp_dtmf_tx_press {
	uint8_t code, volume;
	bool open;
	uint32_t duration_ms;
};

struct vp_dtmf_tx {
	uint32_t rate_hz;
	uint8_t n, first;
	bool started;
	uint32_t at, end; /* samples of the press that were made; without the pause, when known */
	uint64_t refused;
	struct vp_osc low, high;
	struct vp_dtmf_tx_press queue[VP_DTMF_TX_QUEUE];
};

void vp_dtmf_tx_init(struct vp_dtmf_tx *tx, uint32_t rate_hz);

/* START, or END, alone: the whole press. -ENOSPC: queue full; -EINVAL: no digit. */
int vp_dtmf_tx_put(struct vp_dtmf_tx *tx, const struct vp_event *event);

static inline bool vp_dtmf_tx_busy(const struct vp_dtmf_tx *tx)
{
	return tx->n > 0;
}

/* Replaces samples by tones and pauses while there are any. Returns how many it replaced. */
uint32_t vp_dtmf_tx_run(struct vp_dtmf_tx *tx, int16_t *pcm, uint32_t n);
