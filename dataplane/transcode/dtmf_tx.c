/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dtmf_tx.h. */
#include "dataplane/transcode/dtmf_tx.h"

#include <errno.h>
#include <stddef.h>

#include "dataplane/transcode/vp.h"

#define EDGE_MS 2

/* By code: rows and columns of the keypad. */
static const struct {
	uint16_t low_hz, high_hz;
} digits[VP_EVENT_DIGITS] = {
	{941, 1336},
	{697, 1209},
	{697, 1336},
	{697, 1477},
	{770, 1209},
	{770, 1336},
	{770, 1477},
	{852, 1209},
	{852, 1336},
	{852, 1477},
	{941, 1209},
	{941, 1477},
	{697, 1633},
	{770, 1633},
	{852, 1633},
	{941, 1633},
};

void vp_dtmf_tx_init(struct vp_dtmf_tx *tx, uint32_t rate_hz)
{
	*tx = (struct vp_dtmf_tx){.rate_hz = rate_hz};
}

int vp_dtmf_tx_put(struct vp_dtmf_tx *tx, const struct vp_event *event)
{
	struct vp_dtmf_tx_press *last;

	if (event->code >= VP_EVENT_DIGITS) {
		tx->refused++;
		return -EINVAL;
	}
	last = tx->n ? &tx->queue[(tx->first + tx->n - 1) % VP_DTMF_TX_QUEUE] : NULL;
	if (last && last->open) {
		last->open = false;
		if (event->what == VP_EVENT_END && event->code == last->code) {
			last->duration_ms = event->duration_ms;
			return 0;
		}
	}
	if (tx->n == VP_DTMF_TX_QUEUE) {
		tx->refused++;
		return -ENOSPC;
	}
	tx->queue[(tx->first + tx->n++) % VP_DTMF_TX_QUEUE] = (struct vp_dtmf_tx_press){
		.code = event->code,
		.volume = event->volume,
		.open = event->what == VP_EVENT_START,
		.duration_ms = event->duration_ms,
	};
	return 0;
}

static void start(struct vp_dtmf_tx *tx, const struct vp_dtmf_tx_press *press)
{
	int volume = press->volume;
	double amplitude;

	volume = volume < VP_DTMF_TX_LOUDEST   ? VP_DTMF_TX_LOUDEST
		 : volume > VP_DTMF_TX_SOFTEST ? VP_DTMF_TX_SOFTEST
					       : volume;
	/* the level is that of both tones together */
	amplitude = vp_amplitude(-volume - 3.01);
	vp_osc_start(&tx->low, tx->rate_hz, digits[press->code].low_hz, amplitude);
	vp_osc_start(&tx->high, tx->rate_hz, digits[press->code].high_hz, amplitude);
	tx->at = 0;
	tx->end = UINT32_MAX;
	tx->started = true;
}

/* Where the tone ends, once it is known: not before where it is, so that the edge is heard. */
static void set_end(struct vp_dtmf_tx *tx, const struct vp_dtmf_tx_press *press)
{
	uint32_t per_ms = tx->rate_hz / 1000, ms = press->duration_ms;

	if (press->open && tx->at < VP_DTMF_TX_MAX_MS * per_ms)
		return;
	ms = ms < VP_DTMF_TX_MIN_MS ? VP_DTMF_TX_MIN_MS : ms;
	ms = ms > VP_DTMF_TX_MAX_MS ? VP_DTMF_TX_MAX_MS : ms;
	tx->end = ms * per_ms;
	if (tx->end < tx->at + EDGE_MS * per_ms)
		tx->end = tx->at + EDGE_MS * per_ms;
}

/* Sines start at 0; it is their end that needs fading. */
static double edge(const struct vp_dtmf_tx *tx)
{
	uint32_t len = EDGE_MS * (tx->rate_hz / 1000), left = tx->end - tx->at;

	return left <= len ? (left - 0.5) / len : 1;
}

uint32_t vp_dtmf_tx_run(struct vp_dtmf_tx *tx, int16_t *pcm, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && tx->n) {
		struct vp_dtmf_tx_press *press = &tx->queue[tx->first];
		if (!tx->started)
			start(tx, press);
		if (tx->end == UINT32_MAX)
			set_end(tx, press);
		for (; i < n && tx->at < tx->end; i++, tx->at++) {
			double sample = vp_osc_next(&tx->low) + vp_osc_next(&tx->high);
			pcm[i] = vp_saturate((int32_t)lrint(sample * edge(tx)));
		}
		uint64_t pause_end = tx->end + (uint64_t)VP_DTMF_TX_PAUSE_MS * tx->rate_hz / 1000;
		for (; i < n && tx->at < pause_end; i++, tx->at++)
			pcm[i] = 0;
		if (tx->at == pause_end) {
			tx->first = (uint8_t)((tx->first + 1) % VP_DTMF_TX_QUEUE);
			tx->n--;
			tx->started = false;
		}
	}
	return i;
}
