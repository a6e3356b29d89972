/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See keys.h. */
#include "dataplane/transcode/keys.h"

#include <errno.h>

#include "dataplane/transcode/vp.h"

#define EVENT_HZ 8000 /* until an event says otherwise */

int vp_keys_init(struct vp_keys *k, const struct vp_keys_conf *conf)
{
	bool mute = conf->to != VP_KEYS_TONES;
	struct vp_dtmf_rx_conf find = {
		.rate_hz = conf->rate_hz, .hold_ms = mute ? VP_DTMF_RX_HOLD_MS : 0, .mute = mute};

	if (!vp_rate_is_valid(conf->rate_hz))
		return -EINVAL;
	*k = (struct vp_keys){.conf = *conf};
	vp_event_rx_init(&k->in, EVENT_HZ);
	vp_dtmf_tx_init(&k->tones, conf->rate_hz);
	vp_event_tx_init(&k->out, conf->event_hz);
	return conf->find ? vp_dtmf_rx_new(&find, &k->finder) : 0;
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
	k->n_told = old->n_told;
	k->told_at = old->told_at;
	for (unsigned int i = 0; i < VP_KEYS_TOLD; i++)
		k->told[i] = old->told[i];
	if (finder && old->finder &&
		(k->conf.to == VP_KEYS_TONES) == (old->conf.to == VP_KEYS_TONES)) {
		k->finder = old->finder;
		old->finder = finder;
	}
}

static void tell(struct vp_keys *k, const struct vp_event *e, bool tone)
{
	if (e->what != VP_EVENT_END || k->n_told == VP_KEYS_TOLD)
		return;
	k->told[(k->told_at + k->n_told++) % VP_KEYS_TOLD] = (struct vp_keys_told){
		.code = e->code, .tone = tone, .duration_ms = e->duration_ms};
}

/* Both count what they refuse. */
static int go_on(struct vp_keys *k, const struct vp_event *e)
{
	if (k->conf.to == VP_KEYS_TONES)
		return vp_dtmf_tx_put(&k->tones, e);
	return k->conf.to == VP_KEYS_EVENTS ? vp_event_tx_put(&k->out, e) : -EOPNOTSUPP;
}

static void heard(struct vp_keys *k, const struct vp_event *events, int n, bool passes)
{
	for (int i = 0; i < n; i++) {
		tell(k, &events[i], false);
		if (!passes)
			(void)go_on(k, &events[i]);
	}
}

void vp_keys_event(struct vp_keys *k, const uint8_t *payload, size_t len, uint32_t clock_hz,
	uint32_t timestamp, bool marker, bool passes, uint64_t now_us)
{
	struct vp_event events[VP_EVENT_RX_MAX];

	if (k->in.clock_hz != clock_hz)
		vp_event_rx_init(&k->in, clock_hz);
	k->passes = passes;
	heard(k, events, vp_event_rx_put(&k->in, payload, len, timestamp, marker, now_us, events),
		passes);
}

int vp_keys_press(struct vp_keys *k, uint8_t code, uint32_t duration_ms)
{
	return go_on(k, &(struct vp_event){.what = VP_EVENT_END,
				.code = code,
				.volume = VP_EVENT_VOLUME,
				.duration_ms = duration_ms});
}

bool vp_keys_busy(struct vp_keys *k, uint64_t now_us)
{
	struct vp_event event;

	heard(k, &event, vp_event_rx_tick(&k->in, now_us, &event), k->passes);
	return vp_dtmf_tx_busy(&k->tones) || vp_event_tx_busy(&k->out);
}

void vp_keys_tones(struct vp_keys *k, int16_t *pcm, uint32_t n)
{
	vp_dtmf_tx_run(&k->tones, pcm, n);
}

int vp_keys_run(struct vp_keys *k, int16_t *pcm, uint32_t n, uint32_t timestamp, uint32_t ptime_ms,
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS])
{
	uint32_t ptime_ts = ptime_ms * (k->conf.event_hz / 1000);
	struct vp_event events[VP_DTMF_RX_EVENTS];
	int n_now = k->finder ? vp_dtmf_rx_run(k->finder, pcm, n, events) : 0;

	for (int i = 0; i < n_now; i++) {
		tell(k, &events[i], true);
		if (k->conf.to == VP_KEYS_EVENTS)
			(void)vp_event_tx_put(&k->out, &events[i]);
	}
	k->event_ts += ptime_ts;
	n_now = vp_event_tx_run(&k->out, k->event_ts, ptime_ts, packets);
	for (int i = 0; i < n_now; i++) {
		if (packets[i].marker) {
			k->press_ts = packets[i].timestamp;
			k->press_out = timestamp;
		}
		packets[i].timestamp = k->press_out +
				       (uint32_t)((int64_t)(int32_t)(packets[i].timestamp -
								     k->press_ts) *
						  k->conf.out_hz / k->conf.event_hz);
	}
	return n_now;
}

bool vp_keys_next(struct vp_keys *k, struct vp_keys_told *ret_told)
{
	if (!k->n_told)
		return false;
	*ret_told = k->told[k->told_at];
	k->told_at = (uint8_t)((k->told_at + 1) % VP_KEYS_TOLD);
	k->n_told--;
	return true;
}
