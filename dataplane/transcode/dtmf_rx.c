/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dtmf_rx.h. */
#include "dataplane/transcode/dtmf_rx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <spandsp.h>

#include "dataplane/transcode/resample.h"
#include "dataplane/transcode/vp.h"

#define DETECT_HZ   8000
#define DETECT_STEP 8 /* samples of a millisecond: so exactly starts and ends are known */
#define QUALITY	    2
#define UNSEEN_MS   10 /* of a tone, on average, in blocks that it did not fill */
#define EDGE_MS	    4

struct vp_dtmf_rx {
	struct vp_dtmf_rx_conf conf;
	dtmf_rx_state_t *spandsp;
	struct vp_resample *down; /* NULL at 8 kHz */
	bool heard;		  /* since the last look: something has changed */
	bool active, muted;
	uint8_t code, volume;
	uint32_t n_active;   /* ms of the digit */
	uint32_t edge_n;     /* samples of fading in that are left */
	uint32_t n_hold, at; /* of hold, a ring */
	int heard_digit, heard_level;
	int16_t hold[];
};

static void on_change(void *user, int digit, int level, int delay)
{
	struct vp_dtmf_rx *rx = user;

	(void)delay;
	rx->heard = true;
	rx->heard_digit = digit;
	rx->heard_level = level;
}

int vp_dtmf_rx_new(const struct vp_dtmf_rx_conf *conf, struct vp_dtmf_rx **ret_rx)
{
	struct vp_dtmf_rx *rx;
	uint32_t n_hold = conf->rate_hz / 1000 * conf->hold_ms;
	int err = -ENOMEM;

	if (!vp_rate_is_valid(conf->rate_hz) || conf->hold_ms > VP_DTMF_RX_HOLD_MAX_MS ||
		(conf->hold_ms && !conf->mute))
		return -EINVAL;
	rx = calloc(1, sizeof(*rx) + n_hold * sizeof(int16_t));
	if (!rx)
		return -ENOMEM;
	rx->conf = *conf;
	rx->n_hold = n_hold;
	if (conf->rate_hz != DETECT_HZ) {
		err = vp_resample_new(conf->rate_hz, DETECT_HZ, QUALITY, &rx->down);
		if (err < 0)
			goto out;
	}
	err = -ENOMEM;
	rx->spandsp = dtmf_rx_init(NULL, NULL, NULL);
	if (!rx->spandsp)
		goto out;
	dtmf_rx_set_realtime_callback(rx->spandsp, on_change, rx);
	*ret_rx = rx;
	return 0;
out:
	vp_dtmf_rx_free(rx);
	return err;
}

void vp_dtmf_rx_free(struct vp_dtmf_rx *rx)
{
	if (!rx)
		return;
	if (rx->spandsp)
		dtmf_rx_free(rx->spandsp);
	vp_resample_free(rx->down);
	free(rx);
}

static struct vp_event end(struct vp_dtmf_rx *rx)
{
	rx->active = false;
	return (struct vp_event){.what = VP_EVENT_END,
		.code = rx->code,
		.volume = rx->volume,
		.duration_ms = rx->n_active};
}

/* The detector has told something. A digit may follow another without anything between. */
static int change(struct vp_dtmf_rx *rx, struct vp_event *events)
{
	int code = rx->heard_digit ? vp_event_code((char)rx->heard_digit) : -1, n = 0;

	if (rx->active)
		events[n++] = end(rx);
	if (code < 0)
		return n;
	rx->active = true;
	rx->code = (uint8_t)code;
	rx->volume = rx->heard_level >= 0		    ? 0
		     : rx->heard_level <= -VP_EVENT_VOLUMES ? VP_EVENT_VOLUMES
							    : (uint8_t)-rx->heard_level;
	rx->n_active = UNSEEN_MS;
	events[n++] = (struct vp_event){
		.what = VP_EVENT_START, .code = rx->code, .volume = rx->volume};
	return n;
}

/* One millisecond through the delay line; muted when the digit goes on. */
static void pass(struct vp_dtmf_rx *rx, int16_t *pcm, uint32_t n)
{
	uint32_t edge = EDGE_MS * rx->conf.rate_hz / 1000;

	if (rx->active && !rx->muted)
		memset(rx->hold, 0, rx->n_hold * sizeof(int16_t));
	if (rx->muted && !rx->active)
		rx->edge_n = edge;
	rx->muted = rx->active;
	for (uint32_t i = 0; i < n; i++) {
		int16_t sample = rx->muted ? 0 : pcm[i];
		if (rx->edge_n && !rx->muted) {
			sample = (int16_t)(sample * (int32_t)(edge - rx->edge_n) / (int32_t)edge);
			rx->edge_n--;
		}
		if (rx->n_hold) {
			pcm[i] = rx->hold[rx->at];
			rx->hold[rx->at] = sample;
			rx->at = rx->at + 1 < rx->n_hold ? rx->at + 1 : 0;
		} else {
			pcm[i] = sample;
		}
	}
}

int vp_dtmf_rx_run(struct vp_dtmf_rx *rx, int16_t *pcm, uint32_t n, struct vp_event *events)
{
	int16_t low[DETECT_HZ / 1000 * VP_FRAME_MAX_MS];
	const int16_t *look = pcm;
	uint32_t per_ms = rx->conf.rate_hz / 1000;
	int n_events = 0;

	if (n % per_ms || n > VP_FRAME_MAX_MS * per_ms)
		return -EINVAL;
	if (rx->down) {
		int err = vp_resample_run(rx->down, pcm, n, low, sizeof(low) / sizeof(low[0]));
		if (err < 0)
			return err;
		look = low;
	}
	for (uint32_t ms = 0; ms < n / per_ms; ms++) {
		rx->heard = false;
		dtmf_rx(rx->spandsp, look + ms * DETECT_STEP, DETECT_STEP);
		rx->n_active += rx->active;
		if (rx->heard)
			n_events += change(rx, events + n_events);
		if (rx->conf.mute)
			pass(rx, pcm + ms * per_ms, per_ms);
	}
	return n_events;
}
