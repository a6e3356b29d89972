/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See event_rx.h. */
#include "dataplane/transcode/event_rx.h"

#include <errno.h>

#define BLOCK_LEN   4
#define SEGMENT_MIN 0xf000  /* segments end near 0xffff; senders round to their packets */
#define OLD_US	    5000000 /* nothing is repeated after so long */

void vp_event_rx_init(struct vp_event_rx *rx, uint32_t clock_hz)
{
	*rx = (struct vp_event_rx){.clock_hz = clock_hz};
}

static struct vp_event end(struct vp_event_rx *rx, uint64_t now_us)
{
	uint64_t units = rx->before + rx->duration;

	rx->active = false;
	rx->done = true;
	rx->done_ts = rx->timestamp;
	rx->done_us = now_us;
	return (struct vp_event){.what = VP_EVENT_END,
		.code = rx->code,
		.volume = rx->volume,
		.duration_ms = (uint32_t)((units * 1000 + rx->clock_hz / 2) / rx->clock_hz)};
}

/* Belongs to a press that has ended, or to one before it. */
static bool is_old(const struct vp_event_rx *rx, uint32_t timestamp, uint64_t now_us)
{
	uint32_t age = rx->done_ts - timestamp;

	return rx->done && now_us - rx->done_us < OLD_US &&
	       age < (uint64_t)rx->clock_hz * (OLD_US / 1000000);
}

/* Goes on from the segment before: right behind it, or so far that only segments can be. */
static bool is_segment(const struct vp_event_rx *rx, uint8_t code, uint32_t ahead, bool marker)
{
	return !marker && code == rx->code && ahead <= 0xffff &&
	       (ahead >= SEGMENT_MIN || ahead == rx->duration);
}

static int take(struct vp_event_rx *rx, const uint8_t *block, uint32_t timestamp, bool marker,
	uint64_t now_us, struct vp_event *events)
{
	uint8_t code = block[0], volume = block[1] & 0x3f;
	uint16_t duration = (uint16_t)(block[2] << 8 | block[3]);
	bool is_end = block[1] & 0x80;
	uint32_t ahead = timestamp - rx->timestamp;
	int n = 0;

	if (code >= VP_EVENT_CODES || is_old(rx, timestamp, now_us) ||
		(rx->active && ((ahead == 0 && code != rx->code) || ahead > INT32_MAX))) {
		rx->ignored++;
		return 0;
	}
	if (rx->active && ahead && is_segment(rx, code, ahead, marker)) {
		rx->before += ahead;
		rx->timestamp = timestamp;
		rx->duration = 0;
	} else if (rx->active && ahead) {
		events[n++] = end(rx, now_us);
	}
	if (!rx->active) {
		rx->active = true;
		rx->code = code;
		rx->timestamp = timestamp;
		rx->duration = 0;
		rx->before = 0;
		events[n++] = (struct vp_event){
			.what = VP_EVENT_START, .code = code, .volume = volume};
	}
	rx->volume = volume;
	rx->last_us = now_us;
	if (duration > rx->duration)
		rx->duration = duration;
	if (is_end)
		events[n++] = end(rx, now_us);
	return n;
}

int vp_event_rx_put(struct vp_event_rx *rx, const uint8_t *payload, size_t len, uint32_t timestamp,
	bool marker, uint64_t now_us, struct vp_event *events)
{
	int n = 0;

	if (len < BLOCK_LEN || len % BLOCK_LEN) {
		rx->bad++;
		return -EBADMSG;
	}
	for (size_t i = 0; i < len / BLOCK_LEN && i < VP_EVENT_RX_BLOCKS; i++) {
		const uint8_t *block = payload + i * BLOCK_LEN;
		n += take(rx, block, timestamp, marker && i == 0, now_us, events + n);
		/* the next one starts where this one ends */
		timestamp += (uint32_t)(block[2] << 8 | block[3]);
	}
	return n;
}

int vp_event_rx_tick(struct vp_event_rx *rx, uint64_t now_us, struct vp_event *ret_event)
{
	if (!rx->active || now_us - rx->last_us < VP_EVENT_RX_LOST_MS * 1000)
		return 0;
	*ret_event = end(rx, now_us);
	return 1;
}
