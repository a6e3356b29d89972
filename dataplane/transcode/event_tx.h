/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sender of telephone-events (RFC 4733): one packet each packet time while a key is pressed, the
 * first with the marker bit, the end three times. All packets of a press have the timestamp of its
 * start and a duration that grows; a press longer than 0xffff units goes on in a new segment, and
 * the last packet of the one before is sent three times, too (RFC 4733 2.5.1.3, 2.5.1.4).
 * Presses queue; none is shorter than VP_EVENT_TX_MIN_MS, and the end packets keep them apart.
 *
 * Owner: one thread. Memory: 190 bytes, the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/transcode/event.h"

#define VP_EVENT_TX_QUEUE   16
#define VP_EVENT_TX_MIN_MS  40
#define VP_EVENT_TX_MAX_MS  60000 /* of a press whose end never comes */
#define VP_EVENT_TX_ENDS    3
#define VP_EVENT_TX_PACKETS 2 /* that one packet time may need */

struct vp_event_tx_press {
	uint8_t code, volume;
	bool open;	      /* its end is not known */
	uint32_t duration_ms; /* when it is */
};

struct vp_event_tx {
	uint32_t clock_hz;
	uint8_t n, first; /* of queue; the first is being sent */
	uint8_t ends;	  /* end packets that were sent */
	uint8_t again;	  /* times that the end of the segment before is still to be sent */
	bool started;
	uint32_t start_ts;   /* of the press */
	uint32_t segment_ts; /* of the segment, as is in packets */
	uint32_t before_ts;  /* of the segment before */
	uint16_t end_units;  /* duration in the end packets */
	uint64_t refused;    /* events: the queue was full, or no such event */
	struct vp_event_tx_press queue[VP_EVENT_TX_QUEUE];
};

struct vp_event_tx_packet {
	uint32_t timestamp;
	uint8_t payload[4];
	bool marker;
};

void vp_event_tx_init(struct vp_event_tx *tx, uint32_t clock_hz);

/* START, or END, alone: the whole press. -ENOSPC: queue full; -EINVAL: no such event. */
int vp_event_tx_put(struct vp_event_tx *tx, const struct vp_event *event);

/* There is something to send; audio is to be held back meanwhile. */
static inline bool vp_event_tx_busy(const struct vp_event_tx *tx)
{
	return tx->n > 0;
}

/*
 * Once for each packet time, with the timestamp that audio would have now. Returns how many packets
 * are to be sent, in this order, in place of audio; their sequence numbers go on as usual.
 */
int vp_event_tx_run(struct vp_event_tx *tx, uint32_t timestamp, uint32_t ptime_ts,
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS]);
