/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Voice processing, frame by frame, for ./bench, which counts the instructions of two runs of
 * different length:
 *
 *     voice_bench WHAT FRAMES
 *
 * A frame is 20 ms at 8 kHz, with speech of tests/data/speech in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/transcode/dtmf_rx.h"
#include "dataplane/transcode/jitter.h"
#include "dataplane/transcode/mixer.h"
#include "dataplane/transcode/plc.h"
#include "dataplane/transcode/resample.h"
#include "tests/unit/dataplane/signal.h"

#define FRAME	160
#define PARTIES 10

static const int16_t *speech;
static uint32_t n_speech;

static const int16_t *frame_of(uint32_t n)
{
	return speech + n * FRAME % (n_speech - FRAME);
}

static void check(int err)
{
	if (err < 0) {
		fprintf(stderr, "voice_bench: %s\n", strerror(-err));
		exit(1);
	}
}

/* One packet in, one out; 0 to 40 ms of jitter, so the buffer works for its living. */
static void jitter(uint32_t frames)
{
	struct vp_jitter_conf conf = {
		.clock_hz = 8000, .min_ms = 20, .max_ms = 200, .payload_max = FRAME, .slots = 64};
	struct vp_jitter_chunk c;
	struct vp_jitter *j;
	uint32_t seed = 1;

	check(vp_jitter_new(&conf, &j));
	for (uint32_t n = 0; n < frames; n++) {
		struct vp_jitter_packet p = {.seq = (uint16_t)n,
			.timestamp = n * FRAME,
			.duration_ts = FRAME,
			.payload = (const uint8_t *)frame_of(n),
			.len = FRAME};
		vp_jitter_put(j, &p, n * UINT64_C(20000) + signal_random(&seed, 40000));
		vp_jitter_get(j, n * UINT64_C(20000) + 20000, FRAME, false, &c);
	}
	vp_jitter_free(j);
}

static void dtmf_detect(uint32_t frames)
{
	struct vp_dtmf_rx_conf conf = {
		.rate_hz = 8000, .hold_ms = VP_DTMF_RX_HOLD_MS, .mute = true};
	struct vp_event events[VP_DTMF_RX_EVENTS];
	struct vp_dtmf_rx *rx;
	int16_t pcm[FRAME];

	check(vp_dtmf_rx_new(&conf, &rx));
	for (uint32_t n = 0; n < frames; n++) {
		memcpy(pcm, frame_of(n), sizeof(pcm));
		check(vp_dtmf_rx_run(rx, pcm, FRAME, events));
	}
	vp_dtmf_rx_free(rx);
}

/* A frame is one party's: put and get. */
static void mixer(uint32_t frames)
{
	struct vp_mixer *m;
	int16_t out[FRAME];

	check(vp_mixer_new(PARTIES, 3, FRAME, &m));
	for (uint32_t n = 0; n < frames; n += PARTIES) {
		vp_mixer_begin(m);
		for (uint32_t p = 0; p < PARTIES; p++)
			check(vp_mixer_put(m, p, frame_of(n + 7 * p), FRAME));
		for (uint32_t p = 0; p < PARTIES; p++)
			check(vp_mixer_get(m, p, out));
	}
	vp_mixer_free(m);
}

/* Every other frame is lost. */
static void plc(uint32_t frames)
{
	struct vp_plc *p;
	int16_t pcm[FRAME];

	check(vp_plc_new(8000, &p));
	for (uint32_t n = 0; n < frames; n++) {
		memcpy(pcm, frame_of(2 * n), sizeof(pcm));
		vp_plc_good(p, pcm, FRAME);
		vp_plc_lost(p, pcm, FRAME);
	}
	vp_plc_free(p);
}

static void resample(uint32_t frames)
{
	struct vp_resample *r;
	int16_t out[2 * FRAME];

	check(vp_resample_new(8000, 16000, VP_RESAMPLE_QUALITY, &r));
	for (uint32_t n = 0; n < frames; n++)
		check(vp_resample_run(r, frame_of(n), FRAME, out, 2 * FRAME));
	vp_resample_free(r);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(uint32_t frames);
	} rows[] = {{"jitter", jitter}, {"dtmf-detect", dtmf_detect}, {"mixer", mixer},
		{"plc", plc}, {"resample", resample}};

	speech = signal_speech(&n_speech);
	for (size_t i = 0; argc == 3 && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(argv[1], rows[i].name) == 0) {
			rows[i].run((uint32_t)strtoul(argv[2], NULL, 10));
			return 0;
		}
	}
	fprintf(stderr, "usage: voice_bench jitter|dtmf-detect|mixer|plc|resample FRAMES\n");
	return 2;
}
