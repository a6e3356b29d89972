/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of dataplane/transcode/dtmf_rx.c and dtmf_tx.c, and of digits from any carrier to any
 * other: RFC 4733, tones, SIP INFO.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/dtmf_rx.h"
#include "dataplane/transcode/dtmf_tx.h"
#include "dataplane/transcode/event_rx.h"
#include "dataplane/transcode/event_tx.h"
#include "dataplane/transcode/keys.h"
#include "dataplane/transcode/vp.h"
#include "tests/unit/dataplane/signal.h"

#define ALL "0123456789*#ABCD"

static const uint32_t rates[] = {8000, 16000, 48000};

static struct vp_dtmf_rx *detector(uint32_t rate_hz, uint32_t hold_ms, bool mute)
{
	struct vp_dtmf_rx_conf conf = {.rate_hz = rate_hz, .hold_ms = hold_ms, .mute = mute};
	struct vp_dtmf_rx *rx = NULL;

	assert_int_equal(vp_dtmf_rx_new(&conf, &rx), 0);
	return rx;
}

static struct vp_event whole(char digit, uint32_t ms, uint8_t volume)
{
	return (struct vp_event){.what = VP_EVENT_END,
		.code = (uint8_t)vp_event_code(digit),
		.duration_ms = ms,
		.volume = volume};
}

static void test_arguments(void **state)
{
	static const struct vp_dtmf_rx_conf rows[] = {{.rate_hz = 44100}, {.rate_hz = 0},
		{.rate_hz = 8000, .hold_ms = 61, .mute = true}, {.rate_hz = 8000, .hold_ms = 20}};
	struct vp_event e = {.what = VP_EVENT_END, .code = VP_EVENT_FLASH};
	struct vp_dtmf_rx *rx = NULL;
	struct vp_dtmf_tx tx;
	int16_t pcm[8] = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(vp_dtmf_rx_new(&rows[i], &rx), -EINVAL);
	vp_dtmf_rx_free(NULL);
	rx = detector(8000, 0, false);
	assert_int_equal(vp_dtmf_rx_run(rx, pcm, 7, &e), -EINVAL);
	vp_dtmf_rx_free(rx);
	vp_dtmf_tx_init(&tx, 8000);
	assert_int_equal(vp_dtmf_tx_put(&tx, &e), -EINVAL);
	e.code = 1;
	for (int i = 0; i < VP_DTMF_TX_QUEUE; i++)
		assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
	assert_int_equal(vp_dtmf_tx_put(&tx, &e), -ENOSPC);
	assert_int_equal(tx.refused, 2);
}

/* What was made: two tones of the right frequency, level and length, pauses, no click. */
static void test_generated(void **state)
{
	static int16_t pcm[48 * 400];

	for (size_t r = 0; r < 3; r++) {
		for (const char *d = ALL; *d; d++) {
			static const double low[] = {697, 770, 852, 941};
			static const double high[] = {1209, 1336, 1477, 1633};
			struct vp_dtmf_tx tx;
			struct vp_event e = whole(*d, 100, 10);
			uint32_t ms = rates[r] / 1000;
			double want = vp_amplitude(-13.01), step = 0;
			int key = (int)(strchr("123A456B789C*0#D", *d) - "123A456B789C*0#D");

			vp_dtmf_tx_init(&tx, rates[r]);
			memset(pcm, 1, sizeof(pcm));
			assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
			assert_true(vp_dtmf_tx_busy(&tx));
			assert_int_equal(vp_dtmf_tx_run(&tx, pcm, 400 * ms),
				(100 + VP_DTMF_TX_PAUSE_MS) * ms);
			assert_false(vp_dtmf_tx_busy(&tx));
			for (int i = 0; i < 4; i++) {
				double l = signal_amplitude(
					pcm + 5 * ms, 90 * ms, rates[r], low[i]);
				double h = signal_amplitude(
					pcm + 5 * ms, 90 * ms, rates[r], high[i]);
				assert_float_equal(l, i == key / 4 ? want : 0, want * 0.02);
				assert_float_equal(h, i == key % 4 ? want : 0, want * 0.02);
			}
			for (uint32_t i = 1; i < 160 * ms; i++)
				step = fmax(step, abs(pcm[i] - pcm[i - 1]));
			assert_true(step < want * 2 * M_PI * (941 + 1633) / rates[r] + 10);
			assert_true(signal_rms(pcm + 100 * ms, 60 * ms) == 0);
			assert_int_equal(pcm[160 * ms], 0x0101);
			assert_true(abs(pcm[100 * ms - 1]) < want / 4);
		}
	}
}

/* The level that is asked for, inside of what detectors take. */
static void test_volumes(void **state)
{
	static const struct {
		uint8_t volume;
		double dbm0;
	} rows[] = {{0, -3}, {3, -3}, {10, -10}, {20, -20}, {63, -20}};
	int16_t pcm[800];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vp_event e = whole('5', 100, rows[i].volume);
		struct vp_dtmf_tx tx;
		vp_dtmf_tx_init(&tx, 8000);
		assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
		vp_dtmf_tx_run(&tx, pcm, 800);
		assert_float_equal(20 * log10(signal_rms(pcm + 80, 640) * sqrt(2) / INT16_MAX) +
					   VP_SINE_FULL_DBM0,
			rows[i].dbm0, 0.3);
	}
}

/* Text of what a detector tells while it hears pcm: "5(100) " for each digit. */
static void hear(struct vp_dtmf_rx *rx, int16_t *pcm, uint32_t n, uint32_t frame, char *text,
	size_t max, uint32_t *ret_start)
{
	struct vp_event events[VP_DTMF_RX_EVENTS];

	for (uint32_t at = 0; at + frame <= n; at += frame) {
		int k = vp_dtmf_rx_run(rx, pcm + at, frame, events);
		for (int i = 0; i < k; i++) {
			size_t len = strlen(text);
			if (events[i].what == VP_EVENT_END)
				snprintf(text + len, max - len, "%c(%u) ",
					vp_event_digit(events[i].code), events[i].duration_ms);
			else if (ret_start)
				*ret_start = at + frame;
		}
	}
}

/* All digits, in silence and in noise, at all rates, levels and lengths that Q.24 asks for. */
static void test_detected(void **state)
{
	static const struct {
		uint32_t ms, noise;
		uint8_t volume;
	} rows[] = {{60, 0, 10}, {100, 0, 3}, {100, 0, 20}, {500, 0, 10}, {70, 60, 10}};
	static int16_t pcm[48 * 16 * 600];

	for (size_t r = 0; r < 3; r++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			uint32_t n = 0, seed = 5, ms = rates[r] / 1000;
			char text[400] = "";
			struct vp_dtmf_rx *rx = detector(rates[r], 0, false);
			struct vp_dtmf_tx tx;

			vp_dtmf_tx_init(&tx, rates[r]);
			memset(pcm, 0, sizeof(pcm));
			for (const char *d = ALL; *d; d++) {
				struct vp_event e = whole(*d, rows[i].ms, rows[i].volume);
				assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
			}
			while (vp_dtmf_tx_busy(&tx))
				n += vp_dtmf_tx_run(&tx, pcm + n, 20 * ms);
			n += 100 * ms - n % (20 * ms);
			for (uint32_t k = 0; k < n && rows[i].noise; k++)
				pcm[k] = (int16_t)(pcm[k] +
						   (int)signal_random(&seed, 2 * rows[i].noise) -
						   (int)rows[i].noise);
			hear(rx, pcm, n, 20 * ms, text, sizeof(text), NULL);
			const char *t = text;
			for (const char *d = ALL; *d; d++) {
				char digit = 0;
				uint32_t len = 0;
				int used = 0;
				if (sscanf(t, "%c(%u) %n", &digit, &len, &used) != 2 ||
					digit != *d || abs((int)len - (int)rows[i].ms) > 14)
					fail_msg("%u Hz, %u ms, volume %u: no %c in %s", rates[r],
						rows[i].ms, rows[i].volume, *d, text);
				t += used;
			}
			assert_int_equal(*t, 0);
			vp_dtmf_rx_free(rx);
		}
	}
}

/* Speech has no digits in it, and passes untouched: at once, or later by hold_ms exactly. */
static void test_speech_passes(void **state)
{
	static const uint32_t holds[] = {0, 20, VP_DTMF_RX_HOLD_MS, VP_DTMF_RX_HOLD_MAX_MS};
	uint32_t n;
	const int16_t *speech = signal_speech(&n);
	int16_t *pcm = malloc(n * sizeof(*pcm));

	n -= n % 160;
	for (size_t i = 0; i < 4; i++) {
		struct vp_dtmf_rx *rx = detector(8000, holds[i], true);
		char text[100] = "";
		uint32_t late = holds[i] * 8;
		memcpy(pcm, speech, n * sizeof(*pcm));
		hear(rx, pcm, n, 160, text, sizeof(text), NULL);
		assert_string_equal(text, "");
		for (uint32_t k = 0; k < late; k++)
			assert_int_equal(pcm[k], 0);
		assert_memory_equal(pcm + late, speech, (n - late) * sizeof(*pcm));
		vp_dtmf_rx_free(rx);
	}
	free(pcm);
}

/*
 * Tones in speech, at any place of the detector's blocks: with the usual hold nothing of them is
 * left (-50 dB), without it not more than so many ms at their start; speech comes back soon.
 */
static void test_tones_are_taken_out(void **state)
{
	for (size_t r = 0; r < 3; r++) {
		for (int shift = 0; shift < 26; shift++) {
			static int16_t with[48 * 600], without[48 * 600];
			uint32_t ms = rates[r] / 1000, n = 600 * ms, from = (200 + shift) * ms;
			uint32_t frame = 20 * ms, leak = 0;
			char text[100] = "";
			struct vp_dtmf_rx *held = detector(rates[r], VP_DTMF_RX_HOLD_MS, true);
			struct vp_dtmf_rx *bare = detector(rates[r], 0, true);

			memset(with, 0, sizeof(with));
			signal_tone(with, n, rates[r], 250, 300, 0);
			signal_tone(with + from, 100 * ms, rates[r], 770, 5000, 0);
			signal_tone(with + from, 100 * ms, rates[r], 1336, 5000, 0);
			memcpy(without, with, sizeof(with));
			hear(held, with, n, frame, text, sizeof(text), NULL);
			hear(bare, without, n, frame, text, sizeof(text), NULL);
			assert_int_equal(text[0], '5');
			/* at each place of 20 ms */
			for (uint32_t at = 0; at + 20 * ms <= n; at += 5 * ms)
				if (signal_amplitude(with + at, 20 * ms, rates[r], 1336) >
					5000 * 0.003)
					fail_msg("%u Hz, %d: a tone is left at %u ms", rates[r],
						shift, at / ms);
			for (uint32_t at = from; at < from + 100 * ms; at++)
				if (abs(without[at]) > 1000)
					leak = (at - from) / ms + 1;
			if (leak < 20 || leak > 45)
				fail_msg("%u Hz, %d: %u ms leak", rates[r], shift, leak);
			/* what else is heard is back 30 ms after the tone */
			assert_true(signal_rms(without + from + 135 * ms, 50 * ms) > 180);
			assert_true(signal_rms(with + from + (135 + VP_DTMF_RX_HOLD_MS) * ms,
					    50 * ms) > 180);
			/* and until 20 ms before it, it was as ever */
			assert_true(signal_rms(with + from - (70 - VP_DTMF_RX_HOLD_MS) * ms,
					    45 * ms) > 180);
			vp_dtmf_rx_free(held);
			vp_dtmf_rx_free(bare);
		}
	}
}

/* ---- any to any ---- */

enum carrier { PACKETS, TONES, INFO };

static const char *const names[] = {"RFC 4733", "tones", "INFO"};

/* The far end: sends three digits by its carrier; here is what we hear of it as events. */
struct source {
	enum carrier carrier;
	struct vp_event_tx packets_out;
	struct vp_event_rx packets_in;
	struct vp_dtmf_tx tones_out;
	struct vp_dtmf_rx *tones_in;
};

static const struct {
	char digit;
	uint32_t ms;
} dialled[] = {{'4', 100}, {'4', 80}, {'#', 300}};

static void source_start(struct source *s, enum carrier carrier, uint32_t rate_hz)
{
	s->carrier = carrier;
	vp_event_tx_init(&s->packets_out, rate_hz);
	vp_event_rx_init(&s->packets_in, rate_hz);
	vp_dtmf_tx_init(&s->tones_out, rate_hz);
	s->tones_in = detector(rate_hz, 0, false);
	for (size_t i = 0; i < 3; i++) {
		struct vp_event e = whole(dialled[i].digit, dialled[i].ms, 10);
		assert_int_equal(vp_event_tx_put(&s->packets_out, &e), 0);
		assert_int_equal(vp_dtmf_tx_put(&s->tones_out, &e), 0);
	}
}

/* One frame of 20 ms. */
static int source_run(struct source *s, uint32_t frame_no, uint32_t frame, struct vp_event *events)
{
	struct vp_event_tx_packet p[VP_EVENT_TX_PACKETS];
	static int16_t pcm[960];
	int n = 0;

	if (s->carrier == TONES) {
		memset(pcm, 0, sizeof(pcm));
		vp_dtmf_tx_run(&s->tones_out, pcm, frame);
		return vp_dtmf_rx_run(s->tones_in, pcm, frame, events);
	}
	if (s->carrier == PACKETS) {
		int k = vp_event_tx_run(&s->packets_out, frame_no * frame, frame, p);
		for (int i = 0; i < k; i++)
			n += vp_event_rx_put(&s->packets_in, p[i].payload, 4, p[i].timestamp,
				p[i].marker, frame_no * 20000ull, events + n);
		return n;
	}
	/* a whole digit in each INFO request */
	if (frame_no % 20 || frame_no / 20 >= 3)
		return 0;
	events[0] = whole(dialled[frame_no / 20].digit, dialled[frame_no / 20].ms, VP_EVENT_VOLUME);
	return 1;
}

/* Our sender, and the far end that hears it. What it hears is as long as it was dialled. */
static void relay(enum carrier from, enum carrier to, uint32_t from_hz, uint32_t to_hz)
{
	struct source s = {0};
	struct vp_event_tx packets;
	struct vp_event_rx packets_far;
	struct vp_dtmf_tx tones;
	struct vp_dtmf_rx *tones_far = detector(to_hz, 0, false);
	struct vp_event events[VP_EVENT_RX_MAX + VP_DTMF_RX_EVENTS], heard[20];
	uint32_t frame = to_hz / 50, n_heard = 0;

	source_start(&s, from, from_hz);
	vp_event_tx_init(&packets, to_hz);
	vp_event_rx_init(&packets_far, to_hz);
	vp_dtmf_tx_init(&tones, to_hz);
	for (uint32_t at = 0; at < 100; at++) {
		struct vp_event_tx_packet p[VP_EVENT_TX_PACKETS];
		static int16_t pcm[960];
		int n = source_run(&s, at, from_hz / 50, events), k;
		for (int i = 0; i < n; i++)
			assert_int_equal(to == PACKETS ? vp_event_tx_put(&packets, &events[i])
						       : vp_dtmf_tx_put(&tones, &events[i]),
				0);
		if (to == PACKETS) {
			k = vp_event_tx_run(&packets, at * frame, frame, p);
			for (int i = n = 0; i < k; i++)
				n += vp_event_rx_put(&packets_far, p[i].payload, 4, p[i].timestamp,
					p[i].marker, at * 20000ull, events + n);
		} else {
			memset(pcm, 0, sizeof(pcm));
			vp_dtmf_tx_run(&tones, pcm, frame);
			n = vp_dtmf_rx_run(tones_far, pcm, frame, events);
		}
		for (int i = 0; i < n; i++)
			if (events[i].what == VP_EVENT_END && n_heard < 20)
				heard[n_heard++] = events[i];
	}
	if (n_heard != 3)
		fail_msg("%s to %s: %u digits", names[from], names[to], n_heard);
	for (size_t i = 0; i < 3; i++)
		if (vp_event_digit(heard[i].code) != dialled[i].digit ||
			abs((int)heard[i].duration_ms - (int)dialled[i].ms) > 30)
			fail_msg("%s at %u to %s at %u Hz: %c of %u ms", names[from], from_hz,
				names[to], to_hz, vp_event_digit(heard[i].code),
				heard[i].duration_ms);
	vp_dtmf_rx_free(tones_far);
	vp_dtmf_rx_free(s.tones_in);
}

static void test_any_to_any(void **state)
{
	for (int from = PACKETS; from <= INFO; from++)
		for (int to = PACKETS; to <= TONES; to++)
			for (size_t r = 0; r < 9; r++)
				relay((enum carrier)from, (enum carrier)to, rates[r / 3],
					rates[r % 3]);
}

/* Tones never end by a lost event: a START alone lasts a minute, another digit takes its place. */
static void test_open_tone(void **state)
{
	struct vp_event e = {.what = VP_EVENT_START, .code = 1, .volume = 10};
	struct vp_dtmf_tx tx;
	int16_t pcm[160];
	uint32_t ms = 0;

	vp_dtmf_tx_init(&tx, 8000);
	assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
	for (; vp_dtmf_tx_busy(&tx) && ms < 100000; ms += 20)
		vp_dtmf_tx_run(&tx, pcm, 160);
	assert_in_range(ms, VP_DTMF_TX_MAX_MS, VP_DTMF_TX_MAX_MS + 100);
	assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
	for (ms = 0; vp_dtmf_tx_busy(&tx) && ms < 10000; ms += 20) {
		if (ms == 200) {
			e = whole('2', 100, 10);
			assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
		}
		vp_dtmf_tx_run(&tx, pcm, 160);
	}
	assert_in_range(ms, 200 + 60 + 100 + 60, 200 + 60 + 100 + 60 + 40);
}

/* A press of 1 ms is heard all the same; one whose end is told late ends there, without a click. */
static void test_short_and_late(void **state)
{
	struct vp_event e = whole('7', 1, 10);
	struct vp_dtmf_rx *rx = detector(8000, 0, false);
	struct vp_dtmf_tx tx;
	int16_t pcm[1600] = {0};
	char text[100] = "";
	uint32_t end = 0, frame = 160;

	vp_dtmf_tx_init(&tx, 8000);
	assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
	assert_int_equal(vp_dtmf_tx_run(&tx, pcm, 1600), (60 + 60) * 8);
	hear(rx, pcm, 1600, frame, text, sizeof(text), NULL);
	assert_int_equal(text[0], '7');
	e.what = VP_EVENT_START;
	assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
	assert_int_equal(vp_dtmf_tx_run(&tx, pcm, 803), 803);
	e = whole('7', 70, 10);
	assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
	assert_int_equal(vp_dtmf_tx_run(&tx, pcm + 803, 797), 16 + 480);
	for (uint32_t i = 0; i < 1600; i++)
		end = pcm[i] ? i : end;
	assert_in_range(end, 803, 803 + 16);
	for (uint32_t i = end - 3; i < end; i++)
		assert_true(abs(pcm[i + 1] - pcm[i]) < 2500);
	assert_true(abs(pcm[end]) < 500);
	vp_dtmf_rx_free(rx);
}

/* A long tone found in audio of 16 kHz, told by events of 8 kHz: timestamps are the audio's. */
static void test_clocks_differ(void **state)
{
	struct vp_event e = {.what = VP_EVENT_END, .code = 3, .duration_ms = 10000, .volume = 10};
	struct vp_event_tx_packet p[VP_EVENT_TX_PACKETS];
	uint32_t first = 0, ts = 4000, n_segments = 0, last = 0;
	struct vp_dtmf_tx tx;
	struct vp_keys keys;

	struct vp_keys_conf conf = {.rate_hz = 44100,
		.event_hz = 8000,
		.out_hz = 16000,
		.to = VP_KEYS_EVENTS,
		.find = true};
	struct vp_keys_told told;

	assert_int_equal(vp_keys_init(&keys, &conf), -EINVAL);
	conf.rate_hz = 16000;
	assert_int_equal(vp_keys_init(&keys, &conf), 0);
	vp_dtmf_tx_init(&tx, 16000);
	assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
	for (int i = 0; i < 600; i++, ts += 320) {
		int16_t pcm[320] = {0};
		vp_dtmf_tx_run(&tx, pcm, 320);
		int n = vp_keys_run(&keys, pcm, 320, ts, 20, p);
		for (int k = 0; k < n; k++) {
			if (p[k].marker)
				first = last = p[k].timestamp;
			/* the end of the segment before comes twice again */
			assert_true(p[k].timestamp == last || p[k].timestamp == last + 2 * 0xffff ||
				    p[k].timestamp == last - 2 * 0xffff);
			n_segments += p[k].timestamp != last;
			last = p[k].timestamp;
		}
	}
	assert_true(first >= 4000 && first < 4000 + 4 * 320);
	assert_int_equal(n_segments, 5); /* there, and back and there twice */
	assert_true(vp_keys_next(&keys, &told));
	assert_true(told.tone && told.code == 3);
	assert_in_range(told.duration_ms, 9980, 10020);
	assert_false(vp_keys_next(&keys, &told));
	vp_keys_close(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_generated),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_detected),
		cmocka_unit_test(test_speech_passes),
		cmocka_unit_test(test_tones_are_taken_out),
		cmocka_unit_test(test_any_to_any),
		cmocka_unit_test(test_open_tone),
		cmocka_unit_test(test_clocks_differ),
		cmocka_unit_test(test_short_and_late),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
