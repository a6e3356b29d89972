/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See digits.h. */
#include "dataplane/stages/digits.h"

#include "dataplane/stages/made.h"
#include "dataplane/stages/rtp.h"
#include "dataplane/stages/stages.h"

#include <errno.h>

#define PACE_MS	   20  /* from one packet of a digit to the next */
#define LOOK_MS	   50  /* from one search for lost ends to the next */
#define LATE_MS	   200 /* who slept longer goes on from now */
#define EVENT_LEN  4
#define PACKET_LEN (RTP_HDR_LEN + EVENT_LEN)

static uint64_t now_us(const struct worker *w, uint64_t tsc)
{
	return tsc / w->tsc_hz * 1000000 + tsc % w->tsc_hz * 1000000 / w->tsc_hz;
}

/* ---- those that come ---- */

static void tell(struct worker *w, uint32_t slot, const struct vp_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		struct worker_digit digit = {.slot = slot,
			.mark = w->more[slot].epoch,
			.code = events[i].code,
			.duration_ms = events[i].duration_ms};
		if (events[i].what != VP_EVENT_END || !w->more[slot].digits.tell)
			continue;
		if (rte_ring_sp_enqueue_elem(w->digit_ring, &digit, sizeof(digit)) != 0)
			w->stats->events_late++;
		w->bell.ring = true;
	}
}

/* Among those that are looked at while a key is pressed. */
static void watch(struct worker *w, uint32_t slot)
{
	struct stream_digits *digits = &w->more[slot].digits;

	if (digits->pressed || !digits->rx.active || w->digits.n_pressed == WORKER_PRESSED)
		return;
	digits->pressed = 1;
	w->digits.pressed[w->digits.n_pressed++] = slot;
}

void digits_heard(
	struct worker *w, uint32_t slot, int i, const uint8_t *rtp, uint32_t len, uint64_t now)
{
	struct stream_more *more = &w->more[slot];
	struct vp_event_rx *rx = &more->digits.rx;
	struct vp_event events[VP_EVENT_RX_MAX];
	int n = rtp_payload_len(rtp, len);
	uint32_t pad = rtp[0] & 0x20 ? rtp[len - 1] : 0, hz = more->digits.khz[i] * 1000u;

	/* a media core that has the stream tells them itself */
	if (n <= 0 || more->voice.tag || !more->digits.tell)
		return;
	if (rx->clock_hz != hz)
		vp_event_rx_init(rx, hz);
	tell(w, slot, events,
		vp_event_rx_put(rx, rtp + len - pad - (uint32_t)n, (size_t)n, rtp_be32(rtp + 4),
			rtp[1] >> 7, now_us(w, now), events));
	watch(w, slot);
}

static void look(struct worker *w)
{
	uint32_t n = 0;

	w->digits.look_tsc = w->now + w->tsc_hz / 1000 * LOOK_MS;
	for (uint32_t k = 0; k < w->digits.n_pressed; k++) {
		uint32_t slot = w->digits.pressed[k];
		struct stream_digits *digits = &w->more[slot].digits;
		struct vp_event event = {0};

		tell(w, slot, &event, vp_event_rx_tick(&digits->rx, now_us(w, w->now), &event));
		digits->pressed = digits->rx.active;
		if (digits->pressed)
			w->digits.pressed[n++] = slot;
	}
	w->digits.n_pressed = n;
}

/* ---- those that are sent ---- */

int digits_press(struct worker *w, const struct worker_press *press)
{
	const struct stream_more *more;
	struct worker_sending *s = NULL;
	struct vp_event event = {.what = VP_EVENT_END,
		.code = press->code,
		.volume = VP_EVENT_VOLUME,
		.duration_ms = press->duration_ms};
	int r;

	if (press->slot >= w->n_streams || !(stream_at(w, press->slot)->flags & STREAM_LIVE))
		return -ENOENT;
	more = &w->more[press->slot];
	if (!more->digits.out_khz || more->voice.tag || !w->pool)
		return -EOPNOTSUPP;
	for (uint32_t i = 0; i < w->digits.n_sending && !s; i++)
		if (w->digits.sending[i].slot == press->slot)
			s = &w->digits.sending[i];
	if (s)
		return vp_event_tx_put(&s->tx, &event);
	if (w->digits.n_sending == WORKER_SENDING)
		return -ENOSPC;
	s = &w->digits.sending[w->digits.n_sending];
	*s = (struct worker_sending){.slot = press->slot, .due_tsc = w->now};
	vp_event_tx_init(&s->tx, more->digits.out_khz * 1000u);
	r = vp_event_tx_put(&s->tx, &event);
	if (r < 0)
		return r;
	w->digits.n_sending++;
	stream_wire_begin(stream_at(w, press->slot), &w->more[press->slot],
		&w->stream_stats[press->slot], &w->stream_rare[press->slot]);
	if (!w->more[press->slot].wire.tsc)
		w->more[press->slot].wire.tsc = w->now; /* nothing was sent so far */
	w->more[press->slot].digits.sending = 1;
	return 0;
}

static void sending_end(struct worker *w, struct worker_sending *s)
{
	w->more[s->slot].digits.sending = 0;
	*s = w->digits.sending[--w->digits.n_sending];
}

void digits_forget(struct worker *w, uint32_t slot)
{
	for (uint32_t i = 0; i < w->digits.n_sending; i++)
		if (w->digits.sending[i].slot == slot) {
			sending_end(w, &w->digits.sending[i]);
			break;
		}
	for (uint32_t i = 0; w->more[slot].digits.pressed && i < w->digits.n_pressed; i++)
		if (w->digits.pressed[i] == slot) {
			w->digits.pressed[i] = w->digits.pressed[--w->digits.n_pressed];
			w->more[slot].digits.pressed = 0;
		}
}

/* What the timestamp of voice would be now. */
static uint32_t wire_now(const struct worker *w, uint32_t slot)
{
	const struct stream_more *more = &w->more[slot];
	uint32_t mult = stream_clock_mult(stream_at(w, slot), more);

	if (!mult) /* no voice is to come: the clock is that of the digits */
		mult = (uint32_t)(((uint64_t)more->digits.out_khz * 1000 << STREAM_CLOCK_SHIFT) /
				  w->tsc_hz);
	return more->wire.ts + rtp_arrival(w->now - more->wire.tsc, mult);
}

static void send_packet(
	struct worker *w, struct worker_sending *s, const struct vp_event_tx_packet *event)
{
	const struct stream *stream = stream_at(w, s->slot);
	struct stream_more *more = &w->more[s->slot];
	struct stream_wire *wire = &more->wire;
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
	struct batch *b = &w->batch;

	if (unlikely(!m)) {
		w->stats->drops[DP_DROP_NO_MBUF]++;
		w->stats->injected_packets++;
		return;
	}
	uint8_t *frame = (uint8_t *)rte_pktmbuf_append(m, MADE_HEADERS + PACKET_LEN);
	uint8_t *rtp = frame + MADE_HEADERS;
	uint32_t ts = s->press_out + event->timestamp - s->press_ts;
	wire->seq++;
	wire->seq_add++;
	rtp[0] = 0x80;
	rtp[1] = (uint8_t)(event->marker << 7 | more->digits.pt);
	rtp[2] = (uint8_t)(wire->seq >> 8);
	rtp[3] = (uint8_t)wire->seq;
	for (int i = 0; i < 4; i++) {
		rtp[4 + i] = (uint8_t)(ts >> (24 - 8 * i));
		rtp[8 + i] = (uint8_t)(wire->ssrc >> (24 - 8 * i));
	}
	memcpy(rtp + RTP_HDR_LEN, event->payload, EVENT_LEN);
	made_put_headers(frame, PACKET_LEN);
	b->n = 1;
	b->now = w->now;
	b->pkt[0] = (struct packet){.m = m,
		.frame = frame,
		.slot = s->slot,
		.udp_len = PACKET_LEN,
		.flags = PACKET_MADE};
	w->stats->injected_packets++;
	w->stream_rare[s->slot].made_packets++;
	w->stream_rare[s->slot].made_octets += EVENT_LEN;
	if (stream->flags & STREAM_SRTP)
		stage_seal(w, b);
	stage_rewrite(w, b);
	stage_transmit(w);
}

/* One packet time of a digit. False: nothing is left to be sent. */
static bool send_step(struct worker *w, struct worker_sending *s)
{
	const struct stream_digits *digits = &w->more[s->slot].digits;
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS];
	uint32_t step = s->tx.clock_hz / 1000 * PACE_MS;

	/* the leg was told otherwise meanwhile */
	if (w->more[s->slot].voice.tag || digits->out_khz * 1000u != s->tx.clock_hz)
		return false;
	int n = vp_event_tx_run(&s->tx, s->clock, step, packets);
	s->clock += step;
	for (int i = 0; i < n; i++) {
		if (packets[i].marker) {
			s->press_ts = packets[i].timestamp;
			s->press_out = wire_now(w, s->slot);
		}
		if (way_out(stream_at(w, s->slot)) == DP_DROP_N)
			send_packet(w, s, &packets[i]);
	}
	return vp_event_tx_busy(&s->tx);
}

static void send_due(struct worker *w)
{
	uint64_t per_ms = w->tsc_hz / 1000;

	for (uint32_t i = 0; i < w->digits.n_sending;) {
		struct worker_sending *s = &w->digits.sending[i];

		if (w->now < s->due_tsc) {
			i++;
			continue;
		}
		if (w->now - s->due_tsc > per_ms * LATE_MS)
			s->due_tsc = w->now;
		s->due_tsc += per_ms * PACE_MS;
		if (send_step(w, s))
			i++;
		else
			sending_end(w, s); /* another one is in its place */
	}
}

void digits_turn(struct worker *w)
{
	if (w->digits.n_sending)
		send_due(w);
	if (w->digits.n_pressed && w->now >= w->digits.look_tsc)
		look(w);
}
