/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See keys.h. */
#include "dataplane/transcode/keys.h"

#include <errno.h>

#include "dataplane/transcode/vp.h"

#define EVENT_HZ 8000 /* until an event says otherwise */

int vp_keys_init(struct vp_keys *k, uint32_t rate_hz, uint32_t event_hz, uint32_t out_hz, bool find)
{
	struct vp_dtmf_rx_conf conf = {
		.rate_hz = rate_hz, .hold_ms = VP_DTMF_RX_HOLD_MS, .mute = true};

	if (!vp_rate_is_valid(rate_hz))
		return -EINVAL;
	*k = (struct vp_keys){.event_hz = event_hz, .out_hz = out_hz};
	vp_event_rx_init(&k->in, EVENT_HZ);
	vp_dtmf_tx_init(&k->tones, rate_hz);
	vp_event_tx_init(&k->out, event_hz);
	return find ? vp_dtmf_rx_new(&conf, &k->finder) : 0;
}

void vp_keys_close(struct vp_keys *k)
{
	vp_dtmf_rx_free(k->finder);
	k->finder = NULL;
}

void vp_keys_adopt(struct vp_keys *k, struct vp_keys *old)
{
	struct vp_dtmf_rx *finder = k->finder;

	k->in = old->in;
	k->tones = old->tones;
	if (finder && old->finder) {
		k->finder = old->finder;
		old->finder = finder;
	}
}

static void press(struct vp_keys *k, const struct vp_event *events, int n)
{
	for (int i = 0; i < n; i++)
		(void)vp_dtmf_tx_put(&k->tones, &events[i]); /* counts what it refuses */
}

void vp_keys_event(struct vp_keys *k, const uint8_t *payload, size_t len, uint32_t clock_hz,
	uint32_t timestamp, bool marker, uint64_t now_us)
{
	struct vp_event events[VP_EVENT_RX_MAX];

	if (k->in.clock_hz != clock_hz)
		vp_event_rx_init(&k->in, clock_hz);
	press(k, events, vp_event_rx_put(&k->in, payload, len, timestamp, marker, now_us, events));
}

bool vp_keys_busy(struct vp_keys *k, uint64_t now_us)
{
	struct vp_event event;

	press(k, &event, vp_event_rx_tick(&k->in, now_us, &event));
	return vp_dtmf_tx_busy(&k->tones);
}

void vp_keys_tones(struct vp_keys *k, int16_t *pcm, uint32_t n)
{
	vp_dtmf_tx_run(&k->tones, pcm, n);
}

int vp_keys_find(struct vp_keys *k, int16_t *pcm, uint32_t n, uint32_t timestamp, uint32_t ptime_ms,
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS])
{
	uint32_t ptime_ts = ptime_ms * (k->event_hz / 1000);
	struct vp_event events[VP_DTMF_RX_EVENTS];
	int n_now;

	if (!k->finder)
		return 0;
	n_now = vp_dtmf_rx_run(k->finder, pcm, n, events);
	for (int i = 0; i < n_now; i++)
		(void)vp_event_tx_put(&k->out, &events[i]); /* counts what it refuses */
	k->event_ts += ptime_ts;
	n_now = vp_event_tx_run(&k->out, k->event_ts, ptime_ts, packets);
	for (int i = 0; i < n_now; i++) {
		if (packets[i].marker) {
			k->press_ts = packets[i].timestamp;
			k->press_out = timestamp;
		}
		packets[i].timestamp = k->press_out +
				       (uint32_t)((uint64_t)(packets[i].timestamp - k->press_ts) *
						  k->out_hz / k->event_hz);
	}
	return n_now;
}
