/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See event_tx.h. */
#include "dataplane/transcode/event_tx.h"

#include <errno.h>
#include <stddef.h>

#define SEGMENT 0xffff

void vp_event_tx_init(struct vp_event_tx *tx, uint32_t clock_hz)
{
	*tx = (struct vp_event_tx){.clock_hz = clock_hz};
}

int vp_event_tx_put(struct vp_event_tx *tx, const struct vp_event *event)
{
	struct vp_event_tx_press *last;

	if (event->code >= VP_EVENT_CODES || event->volume > VP_EVENT_VOLUMES) {
		tx->refused++;
		return -EINVAL;
	}
	last = tx->n ? &tx->queue[(tx->first + tx->n - 1) % VP_EVENT_TX_QUEUE] : NULL;
	/* whatever comes, it ends what is pressed: nobody presses two keys */
	if (last && last->open) {
		last->open = false;
		if (event->what == VP_EVENT_END && event->code == last->code) {
			last->duration_ms = event->duration_ms;
			return 0;
		}
	}
	if (tx->n == VP_EVENT_TX_QUEUE) {
		tx->refused++;
		return -ENOSPC;
	}
	tx->queue[(tx->first + tx->n++) % VP_EVENT_TX_QUEUE] = (struct vp_event_tx_press){
		.code = event->code,
		.volume = event->volume,
		.open = event->what == VP_EVENT_START,
		.duration_ms = event->duration_ms,
	};
	return 0;
}

static void packet(const struct vp_event_tx_press *press, uint32_t timestamp, uint32_t units,
	bool is_end, struct vp_event_tx_packet *p)
{
	*p = (struct vp_event_tx_packet){
		.timestamp = timestamp,
		.payload = {press->code, (uint8_t)(press->volume | (is_end ? 0x80 : 0)),
			(uint8_t)(units >> 8), (uint8_t)units},
	};
}

/* The press is over after so many units; UINT64_MAX while nobody knows. */
static uint64_t end_of(const struct vp_event_tx *tx, const struct vp_event_tx_press *press)
{
	uint32_t ms = press->open ? VP_EVENT_TX_MAX_MS : press->duration_ms;

	if (ms < VP_EVENT_TX_MIN_MS)
		ms = VP_EVENT_TX_MIN_MS;
	if (ms > VP_EVENT_TX_MAX_MS)
		ms = VP_EVENT_TX_MAX_MS;
	return (uint64_t)ms * tx->clock_hz / 1000;
}

static void next_press(struct vp_event_tx *tx)
{
	tx->first = (uint8_t)((tx->first + 1) % VP_EVENT_TX_QUEUE);
	tx->n--;
	tx->started = false;
	tx->ends = 0;
	tx->again = 0;
}

/* The end of the segment before, as often as is still owed. */
static int put_again(struct vp_event_tx *tx, const struct vp_event_tx_press *press,
	struct vp_event_tx_packet *ret_packet)
{
	if (!tx->again)
		return 0;
	tx->again--;
	packet(press, tx->before_ts, SEGMENT, false, ret_packet);
	return 1;
}

int vp_event_tx_run(struct vp_event_tx *tx, uint32_t timestamp, uint32_t ptime_ts,
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS])
{
	struct vp_event_tx_press *press = &tx->queue[tx->first];
	uint64_t units, end;
	bool marker = false;
	int n = 0;

	if (!tx->n)
		return 0;
	if (tx->ends) {
		n = put_again(tx, press, packets);
		packet(press, tx->segment_ts, tx->end_units, true, &packets[n++]);
		if (++tx->ends == VP_EVENT_TX_ENDS)
			next_press(tx);
		return n;
	}
	if (!tx->started) {
		tx->started = marker = true;
		tx->start_ts = tx->segment_ts = timestamp;
	}
	units = (uint64_t)(timestamp - tx->start_ts) + ptime_ts;
	end = end_of(tx, press);
	if (units >= end) {
		/* an end that became known late does not take back what was told */
		uint64_t told = marker ? 0 : units - ptime_ts;
		units = end > told ? end : told;
		tx->ends = 1;
	}
	if (units - (tx->segment_ts - tx->start_ts) > SEGMENT) {
		packet(press, tx->segment_ts, SEGMENT, false, &packets[n++]);
		tx->before_ts = tx->segment_ts;
		tx->segment_ts += SEGMENT;
		tx->again = VP_EVENT_TX_ENDS - 1;
	} else {
		n = put_again(tx, press, packets);
	}
	tx->end_units = (uint16_t)(units - (tx->segment_ts - tx->start_ts));
	packet(press, tx->segment_ts, tx->end_units, tx->ends, &packets[n]);
	packets[n++].marker = marker;
	return n;
}
