/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Receiver of telephone-events (RFC 4733). Each key press is reported once: its start by the first
 * packet of it that arrives, its end by the first end packet, by the first packet of the next
 * press, or by VP_EVENT_RX_LOST_MS without any packet. Repeated, late and doubled packets are
 * ignored. A press of more than 0xffff timestamp units comes in segments (RFC 4733 2.5.1.3); they
 * are one press.
 *
 * Owner: one thread. Memory: 80 bytes, the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/transcode/event.h"

#define VP_EVENT_RX_LOST_MS 200
#define VP_EVENT_RX_BLOCKS  4			     /* events in one packet, more are ignored */
#define VP_EVENT_RX_MAX	    (3 * VP_EVENT_RX_BLOCKS) /* that one packet may yield */

struct vp_event_rx {
	uint32_t clock_hz;
	bool active, done; /* a press is going on; there was one before */
	uint8_t code, volume;
	uint16_t duration;  /* of this segment, in units of the clock */
	uint32_t timestamp; /* of this segment */
	uint32_t done_ts;   /* timestamp of the press that ended last */
	uint64_t before;    /* duration of the segments before this */
	uint64_t last_us;   /* last packet of this press */
	uint64_t done_us;
	uint64_t ignored, bad; /* packets: repeated, late, of an unknown event; malformed */
};

/* clock_hz is that of the payload type's rtpmap. Also for another SSRC. */
void vp_event_rx_init(struct vp_event_rx *rx, uint32_t clock_hz);

/*
 * A packet that arrived at now_us. Returns how many events it yields into events, which has room
 * for VP_EVENT_RX_MAX; -EBADMSG: it has no event in it.
 */
int vp_event_rx_put(struct vp_event_rx *rx, const uint8_t *payload, size_t len, uint32_t timestamp,
	bool marker, uint64_t now_us, struct vp_event *events);

/* To be called now and then, with audio or by a timer: 1 when a press has ended by time. */
int vp_event_rx_tick(struct vp_event_rx *rx, uint64_t now_us, struct vp_event *ret_event);
