/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fuzz target of what voice processing takes from the wire: comfort noise, telephone-events, and
 * packets of any numbers into the jitter buffer.
 *
 * The input is a list of steps of 12 octets and a payload: time (2), sequence (2), timestamp (4),
 * kind (1), marker and SSRC (1), duration (1), length (1). Each is put into all three; then some
 * chunks are asked for. What must hold: asking ends, chunks are no longer than they may be, each
 * packet taken is handed out at most once, START and END of events alternate, and comfort noise
 * that parses is built to the same octets again and can be heard.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/cn.h"
#include "dataplane/transcode/event_rx.h"
#include "dataplane/transcode/event_tx.h"
#include "dataplane/transcode/jitter.h"

#define STEP_LEN 12
#define WANT	 160

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void noise(const uint8_t *payload, size_t len)
{
	uint8_t again[1 + VP_NOISE_ORDER_MAX];
	struct vp_noise_gen gen;
	struct vp_noise n;
	int16_t pcm[40];
	int k;

	if (vp_noise_parse(payload, len, &n) < 0)
		return;
	k = vp_noise_build(&n, again, sizeof(again));
	require(k >= 1 && (size_t)k <= len && again[0] == (payload[0] & 0x7f));
	require(memcmp(again + 1, payload + 1, (size_t)k - 1) == 0);
	vp_noise_gen_init(&gen);
	vp_noise_gen_set(&gen, &n);
	vp_noise_gen_run(&gen, pcm, 40);
}

struct world {
	struct vp_jitter *jitter;
	struct vp_event_rx events;
	struct vp_event_tx relay;
	bool pressed;
	uint64_t now_us, n_taken, n_played;
};

static void events(struct world *w, const struct vp_event *e, int n)
{
	for (int i = 0; i < n; i++) {
		require(w->pressed == (e[i].what == VP_EVENT_END) && e[i].code < VP_EVENT_CODES);
		w->pressed = !w->pressed;
		(void)vp_event_tx_put(&w->relay, &e[i]);
	}
}

static void play(struct world *w, bool quiet)
{
	struct vp_jitter_chunk c;
	uint32_t got = 0;

	for (unsigned int i = 0; got < WANT; i++) {
		bool merging = i && c.merge;
		require(i < 200);
		vp_jitter_get(w->jitter, w->now_us, WANT - got, quiet, &c);
		require(!merging || c.what == VP_JITTER_PLAY);
		if (c.what == VP_JITTER_PLAY) {
			uint8_t sum = 0;
			for (uint32_t k = 0; k < c.len; k++)
				sum ^= c.payload[k];
			require(sum == c.pt);
			w->n_played++;
		} else if (c.what != VP_JITTER_CONCEAL) {
			require(c.duration_ts <= WANT - got && c.duration_ts > 0);
		}
		got += c.merge ? 0 : c.duration_ts;
	}
	require(w->n_played <= w->n_taken);
}

static size_t step(struct world *w, const uint8_t *data, size_t size)
{
	size_t len = data[11] < size - STEP_LEN ? data[11] : size - STEP_LEN;
	const uint8_t *payload = data + STEP_LEN;
	struct vp_event_tx_packet packets[VP_EVENT_TX_PACKETS];
	struct vp_event told[VP_EVENT_RX_MAX];
	struct vp_jitter_packet p = {
		.ssrc = data[9] >> 7,
		.seq = (uint16_t)(data[2] | data[3] << 8),
		.timestamp = (uint32_t)(data[4] | data[5] << 8 | data[6] << 16) | (uint32_t)data[7]
											  << 24,
		.kind = data[8] % 3,
		.marker = data[9] & 1,
		.duration_ts = data[10] * 10u,
		.payload = payload,
		.len = (uint32_t)len,
	};

	w->now_us += (uint64_t)(data[0] | data[1] << 8) * 20;
	for (size_t i = 0; i < len; i++)
		p.pt ^= payload[i];
	noise(payload, len);
	events(w, told,
		vp_event_rx_put(&w->events, payload, len, p.timestamp, p.marker, w->now_us, told));
	events(w, told, vp_event_rx_tick(&w->events, w->now_us, told));
	require(vp_event_tx_run(&w->relay, (uint32_t)(w->now_us * 8 / 1000), WANT, packets) <=
		VP_EVENT_TX_PACKETS);
	w->n_taken += vp_jitter_put(w->jitter, &p, w->now_us) == VP_JITTER_TAKEN;
	if (data[9] & 2)
		play(w, data[9] & 4);
	return STEP_LEN + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vp_jitter_conf conf = {
		.clock_hz = 8000, .min_ms = 20, .max_ms = 200, .payload_max = 200, .slots = 64};
	struct world w = {.now_us = 1000000};

	require(vp_jitter_new(&conf, &w.jitter) == 0);
	vp_event_rx_init(&w.events, 8000);
	vp_event_tx_init(&w.relay, 8000);
	while (size >= STEP_LEN) {
		size_t n = step(&w, data, size);
		data += n;
		size -= n;
	}
	vp_jitter_free(w.jitter);
	return 0;
}
