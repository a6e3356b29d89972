/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One direction of a transcoded call, packets in and packets out, on a clock of the test: what is
 * played is what was sent, whatever the packet times; numbers run on through loss, pauses, events
 * and changes of the configuration.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/codec.h"
#include "dataplane/transcode/dtmf_rx.h"
#include "dataplane/transcode/dtmf_tx.h"
#include "dataplane/transcode/event_rx.h"
#include "dataplane/transcode/g711.h"
#include "dataplane/transcode/keys.h"
#include "dataplane/transcode/voice.h"

#define OUT_MAX	    1200
#define SAMPLES_MAX (60 * 16000)
#define SSRC	    0x5001

struct packet {
	uint64_t us;
	uint32_t len;
	uint8_t rtp[VOICE_PACKET_MAX];
};

static struct {
	struct voice *v;
	uint64_t now_us;
	struct dp_mcore_stats stats;
	uint32_t n_out;
	struct packet out[OUT_MAX];
	uint32_t n_sent; /* samples of what was sent, as decoded */
	int16_t sent[SAMPLES_MAX];
	uint32_t n_heard;
	int16_t heard[SAMPLES_MAX];
} w;

static struct voice_conf make_conf(uint8_t from, uint8_t to, uint8_t ptime_ms)
{
	struct voice_conf c = {.n_payloads = 2,
		.payloads = {{.pt = 0, .action = DP_PT_TRANSCODE, .codec = from},
			{.pt = 101, .action = DP_PT_EVENT}},
		.send = {.codec = to, .pt = 97, .event_pt = 102, .params.ptime_ms = ptime_ms}};

	return c;
}

static void begin(const struct voice_conf *conf)
{
	memset(&w, 0, sizeof(w));
	w.now_us = 5000000;
	assert_int_equal(voice_new(conf, SSRC, &w.v), 0);
	assert_true(voice_due_us(w.v) == UINT64_MAX);
}

static void end(void)
{
	voice_free(w.v);
	w.v = NULL;
}

/* L16 is heard as it is. */
static void hear(const struct packet *p)
{
	for (uint32_t i = RTP_HDR_LEN; i + 1 < p->len; i += 2)
		w.heard[w.n_heard++] = (int16_t)rtp_be16(p->rtp + i);
}

static void pass(uint32_t ms)
{
	while (ms--) {
		w.now_us += 1000;
		while (voice_due_us(w.v) <= w.now_us) {
			struct packet *p = &w.out[w.n_out];
			p->len = voice_tick(w.v, w.now_us, p->rtp, sizeof(p->rtp), &w.stats);
			if (!p->len)
				continue;
			p->us = w.now_us;
			if ((p->rtp[1] & 0x7f) == 97)
				hear(p);
			w.n_out++;
			assert_true(w.n_out < OUT_MAX);
		}
	}
}

static uint32_t head(uint8_t *rtp, uint8_t pt, uint16_t seq, uint32_t ts)
{
	const uint8_t h[12] = {0x80, pt, (uint8_t)(seq >> 8), (uint8_t)seq, (uint8_t)(ts >> 24),
		(uint8_t)(ts >> 16), (uint8_t)(ts >> 8), (uint8_t)ts, 0, 0, 0xab, 0xcd};

	memcpy(rtp, h, 12);
	return 12;
}

/* n octets of u-law that no two packets have in common; a slow saw tooth, so never quiet. */
static void put_ulaw(uint16_t seq, uint32_t ts, uint32_t n, bool arrives)
{
	uint8_t rtp[600];
	uint32_t at = head(rtp, 0, seq, ts);

	for (uint32_t i = 0; i < n; i++) {
		int16_t sample = (int16_t)((int32_t)((ts + i) * 97 % 40000) - 20000);
		rtp[at + i] = g711_ulaw_encode(sample);
		w.sent[w.n_sent++] = (int16_t)G711_ULAW_LINEAR(rtp[at + i]);
	}
	if (arrives)
		voice_put(w.v, rtp, at + n, w.now_us, &w.stats);
}

/* n packets of ms each, one after the other in time. */
static void talk(uint32_t n, uint32_t ms, uint16_t *seq, uint32_t *ts)
{
	for (uint32_t i = 0; i < n; i++) {
		put_ulaw((*seq)++, *ts, ms * 8, true);
		*ts += ms * 8;
		pass(ms);
	}
}

/* What was heard is what was sent, from the first sample on. */
static void assert_same(uint32_t at_least)
{
	assert_true(w.n_heard >= at_least);
	uint32_t n = w.n_heard < w.n_sent ? w.n_heard : w.n_sent;
	assert_memory_equal(w.heard, w.sent, n * sizeof(int16_t));
}

static void assert_numbers(uint32_t from, uint32_t to, uint32_t step)
{
	for (uint32_t i = from; i < to; i++) {
		const uint8_t *a = w.out[i].rtp, *b = w.out[i + 1].rtp;
		assert_int_equal((uint16_t)(rtp_be16(b + 2) - rtp_be16(a + 2)), 1);
		assert_int_equal(rtp_be32(b + 4) - rtp_be32(a + 4), step);
	}
}

static void test_exact(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, 0);
	uint16_t seq = 65530;
	uint32_t ts = UINT32_MAX - 1000;

	begin(&c);
	talk(50, 20, &seq, &ts);
	assert_in_range(w.n_out, 47, 50);
	for (uint32_t i = 0; i < w.n_out; i++) {
		const struct packet *p = &w.out[i];
		assert_int_equal(p->len, 12 + 320);
		assert_int_equal(p->rtp[0], 0x80);
		assert_int_equal(p->rtp[1], i ? 97 : 0x80 | 97); /* the first of a talk spurt */
		assert_int_equal(rtp_be16(p->rtp + 2), i);
		assert_int_equal(rtp_be32(p->rtp + 8), SSRC);
		if (i)
			assert_int_equal(p->us - w.out[i - 1].us, 20000);
	}
	assert_numbers(0, w.n_out - 1, 160);
	assert_same(47 * 160);
	assert_int_equal(w.stats.decoded, w.n_out);
	assert_int_equal(w.stats.encoded, w.n_out);
	assert_int_equal(w.stats.concealed, 0);
	end();
}

static void test_packet_times(void **state)
{
	static const struct {
		uint8_t in_ms, out_ms;
	} rows[] = {{10, 20}, {20, 10}, {20, 30}, {30, 20}, {20, 60}, {60, 20}, {40, 30}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, rows[i].out_ms);
		uint16_t seq = 1;
		uint32_t ts = 0;
		begin(&c);
		talk(1200 / rows[i].in_ms, rows[i].in_ms, &seq, &ts);
		assert_numbers(0, w.n_out - 1, rows[i].out_ms * 8u);
		assert_int_equal(w.out[0].len, 12 + rows[i].out_ms * 16u);
		assert_same(1000 * 8);
		assert_int_equal(w.stats.concealed, 0);
		end();
	}
}

/* Another rate: as long, as loud, and no wilder than what went in. */
static void test_rates(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_16K, 0);
	uint16_t seq = 1;
	uint32_t ts = 0;
	int64_t in = 0, out = 0;

	begin(&c);
	for (uint32_t i = 0; i < 50; i++) {
		uint8_t rtp[200];
		uint32_t at = head(rtp, 0, seq++, ts);
		for (uint32_t k = 0; k < 160; k++) {
			/* a triangle of 100 Hz: far from the edge of the band */
			int32_t phase = (int32_t)((ts + k) % 80), tri = abs(phase - 40) - 20;
			rtp[at + k] = g711_ulaw_encode((int16_t)(tri * 500));
			int32_t s = G711_ULAW_LINEAR(rtp[at + k]);
			in += s * s;
		}
		voice_put(w.v, rtp, at + 160, w.now_us, &w.stats);
		ts += 160;
		pass(20);
	}
	assert_int_equal(w.out[0].len, 12 + 640);
	assert_numbers(0, w.n_out - 1, 320);
	for (uint32_t i = 0; i < w.n_heard; i++)
		out += w.heard[i] * w.heard[i];
	in /= 8000;
	out /= w.n_heard;
	assert_in_range(out, in * 9 / 10, in * 11 / 10);
	end();
}

/* 5 % lost, two swapped, one twice: no number is missing behind, and the rest is as it was. */
static void test_loss(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, 0);
	uint32_t same = 0;

	begin(&c);
	for (uint16_t i = 0; i < 100; i++) {
		bool swapped = i % 20 == 5, late = i % 20 == 6;
		put_ulaw(i, i * 160u, 160, i % 20 != 13 && !swapped);
		if (late) {
			w.n_sent -= 320;
			put_ulaw((uint16_t)(i - 1), (i - 1) * 160u, 160, true);
			put_ulaw(i, i * 160u, 160, true);
		}
		pass(20);
	}
	assert_true(w.n_out > 90);
	assert_numbers(0, w.n_out - 1, 160);
	assert_in_range(w.stats.concealed, 4, 8);
	for (uint32_t i = 0; i + 160 <= w.n_heard; i += 160)
		for (uint32_t k = 0; k + 160 <= w.n_sent; k += 160)
			same += memcmp(w.heard + i, w.sent + k, 320) == 0;
	/* all but what was lost and what fades around it */
	assert_true(same >= 75);
	end();
}

/* A key: event and end bit as they are, the timestamp that of our clock, no audio meanwhile. */
static void test_event(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, 0);
	uint16_t seq = 1;
	uint32_t ts = 0, n_events = 0, first_ts = 0;

	begin(&c);
	talk(20, 20, &seq, &ts);
	uint32_t before = w.n_out;
	for (uint32_t i = 0; i < 8; i++) {
		uint8_t rtp[16], e[4] = {7, i < 5 ? 10 : 0x80 | 10};
		uint32_t duration = (i < 5 ? i + 1 : 5) * 160;
		e[2] = (uint8_t)(duration >> 8);
		e[3] = (uint8_t)duration;
		head(rtp, i ? 101 : 0x80 | 101, seq++, ts);
		memcpy(rtp + 12, e, 4);
		voice_put(w.v, rtp, 16, w.now_us, &w.stats);
		pass(i < 5 ? 20 : 0);
	}
	pass(2);
	for (uint32_t i = before; i < w.n_out; i++) {
		const uint8_t *rtp = w.out[i].rtp;
		if ((rtp[1] & 0x7f) != 102)
			continue;
		uint32_t k = n_events < 5 ? n_events + 1 : 5;
		assert_int_equal(w.out[i].len, 16);
		assert_int_equal(rtp[1] >> 7, n_events == 0);
		assert_int_equal(rtp[12], 7);
		assert_int_equal(rtp[13], n_events < 5 ? 10 : 0x80 | 10);
		assert_int_equal(rtp_be16(rtp + 14), k * 160);
		first_ts = n_events ? first_ts : rtp_be32(rtp + 4);
		assert_int_equal(rtp_be32(rtp + 4), first_ts);
		n_events++;
	}
	assert_int_equal(n_events, 8);
	/* nothing but events from the first to the end, and sequence numbers in one row */
	assert_int_equal(w.n_out - before, 8);
	for (uint32_t i = 0; i + 1 < w.n_out; i++)
		assert_int_equal(rtp_be16(w.out[i + 1].rtp + 2), rtp_be16(w.out[i].rtp + 2) + 1);
	ts += 5 * 160;
	uint32_t after = w.n_out;
	talk(10, 20, &seq, &ts);
	assert_true(w.n_out > after + 5);
	assert_int_equal(w.out[after].rtp[1], 0x80 | 97); /* audio again, after a pause */
	assert_true(rtp_be32(w.out[after].rtp + 4) >= first_ts + 5 * 160);
	end();
}

/* What a receiver makes of the events among what was sent; how many of each kind there were. */
struct heard_keys {
	uint32_t n, n_marked, n_ends, n_full; /* full: of a whole segment */
	uint8_t code[8];
	uint32_t duration_ms[8];
};

static void hear_keys(uint32_t clock_hz, struct heard_keys *ret)
{
	struct vp_event events[VP_EVENT_RX_MAX];
	struct vp_event_rx rx;

	memset(ret, 0, sizeof(*ret));
	vp_event_rx_init(&rx, clock_hz);
	for (uint32_t i = 0; i < w.n_out; i++) {
		const uint8_t *p = w.out[i].rtp;
		if (i)
			assert_int_equal(
				rtp_be16(p + 2), (rtp_be16(w.out[i - 1].rtp + 2) + 1) & 0xffff);
		if ((p[1] & 0x7f) != 102)
			continue;
		ret->n_marked += p[1] >> 7;
		ret->n_ends += p[13] >> 7;
		ret->n_full += rtp_be16(p + 14) == 0xffff;
		int n = vp_event_rx_put(
			&rx, p + 12, 4, rtp_be32(p + 4), p[1] >> 7, w.out[i].us, events);
		for (int e = 0; e < n; e++)
			if (events[e].what == VP_EVENT_END) {
				ret->code[ret->n] = events[e].code;
				ret->duration_ms[ret->n++] = events[e].duration_ms;
			}
	}
}

static void put_key(
	uint8_t code, bool end, uint32_t duration, bool marker, uint16_t *seq, uint32_t ts)
{
	uint8_t rtp[16];

	head(rtp, (uint8_t)(marker << 7 | 101), (*seq)++, ts);
	rtp[12] = code;
	rtp[13] = (uint8_t)(end << 7 | 10);
	rtp[14] = (uint8_t)(duration >> 8);
	rtp[15] = (uint8_t)duration;
	voice_put(w.v, rtp, 16, w.now_us, &w.stats);
}

/*
 * A key that is pressed for ten seconds, in two segments of 8000 Hz: one press for a receiver of the
 * same clock, and of another whose segments are others; the ends three times each.
 */
static void test_long_press(void **state)
{
	static const struct {
		uint8_t to;
		uint32_t clock_hz, n_full;
	} rows[] = {{DP_CODEC_L16_8K, 8000, 3}, {DP_CODEC_L16_16K, 16000, 6}};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct voice_conf c = make_conf(DP_CODEC_PCMU, rows[r].to, 0);
		struct vp_keys_told told;
		struct heard_keys keys;
		uint16_t seq = 1;
		uint32_t ts = 0, start;

		begin(&c);
		talk(10, 20, &seq, &ts);
		start = ts;
		for (uint32_t ms = 20; ms <= 10000; ms += 20) {
			uint32_t units = ms * 8;
			if (units > 0xffff && units - 480 <= 0xffff) /* three times */
				put_key(9, false, 0xffff, false, &seq, start);
			if (units <= 0xffff)
				put_key(9, false, units, ms == 20, &seq, start);
			else
				put_key(9, false, units - 0xffff, false, &seq, start + 0xffff);
			pass(20);
		}
		for (int i = 0; i < 3; i++)
			put_key(9, true, 80000 - 0xffff, false, &seq, start + 0xffff);
		pass(200);
		hear_keys(rows[r].clock_hz, &keys);
		assert_int_equal(keys.n, 1);
		assert_int_equal(keys.code[0], 9);
		assert_in_range(keys.duration_ms[0], 9980, 10040);
		assert_int_equal(keys.n_marked, 1);
		assert_int_equal(keys.n_ends, 3);
		assert_int_equal(keys.n_full, rows[r].n_full);
		assert_true(voice_told(w.v, &told));
		assert_int_equal(told.code, 9);
		assert_false(told.tone);
		assert_int_equal(told.duration_ms, 10000);
		assert_false(voice_told(w.v, &told));
		end();
	}
}

/* Digits from elsewhere, while nobody talks and while somebody does. */
static void test_press(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, 0);
	struct vp_dtmf_rx_conf find = {.rate_hz = 8000};
	struct vp_event events[VP_DTMF_RX_EVENTS];
	struct heard_keys keys;
	struct vp_dtmf_rx *rx;
	uint32_t ts = 0, n = 0;
	uint16_t seq = 1;

	begin(&c);
	assert_int_equal(voice_press(w.v, 5, 100, w.now_us), 0);
	pass(400);
	talk(20, 20, &seq, &ts);
	assert_int_equal(voice_press(w.v, 11, 60, w.now_us), 0);
	assert_int_equal(voice_press(w.v, 17, 60, w.now_us), -EINVAL);
	talk(20, 20, &seq, &ts);
	hear_keys(8000, &keys);
	assert_int_equal(keys.n, 2);
	assert_int_equal(keys.code[0], 5);
	assert_int_equal(keys.duration_ms[0], 100);
	assert_int_equal(keys.code[1], 11);
	assert_int_equal(keys.n_marked, 2);
	assert_int_equal(keys.n_ends, 6);
	end();

	c.send.event_pt = 0;
	begin(&c);
	assert_int_equal(voice_press(w.v, 5, 100, w.now_us), 0);
	assert_int_equal(voice_press(w.v, 6, 100, w.now_us), 0);
	pass(600);
	assert_int_equal(vp_dtmf_rx_new(&find, &rx), 0);
	for (uint32_t at = 0; at + 160 <= w.n_heard; at += 160) {
		int got = vp_dtmf_rx_run(rx, w.heard + at, 160, events);
		for (int i = 0; i < got; i++)
			if (events[i].what == VP_EVENT_END)
				assert_int_equal(events[i].code, 5 + n++);
	}
	vp_dtmf_rx_free(rx);
	assert_int_equal(n, 2);
	end();

	c.send.digits = DP_DIGITS_AWAY;
	begin(&c);
	assert_int_equal(voice_press(w.v, 5, 100, w.now_us), -EOPNOTSUPP);
	/* and an event of the far end is told, and goes nowhere */
	put_key(7, false, 160, true, &seq, ts);
	pass(300);
	struct vp_keys_told told;
	assert_true(voice_told(w.v, &told)); /* its ends were lost */
	assert_int_equal(told.code, 7);
	assert_int_equal(w.n_out, 0);
	end();
}

static double rms(const int16_t *pcm, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (double)pcm[i] * pcm[i];
	return sqrt(sum / n);
}

static void put_tone(uint8_t pt, uint16_t seq, uint32_t ts, uint32_t phase)
{
	uint8_t rtp[200];
	uint32_t at = head(rtp, pt, seq, ts);

	for (uint32_t i = 0; i < 160; i++)
		rtp[at + i] = g711_ulaw_encode(
			(int16_t)(8000 * sin((ts + i + phase) * 2 * M_PI / 43.7)));
	voice_put(w.v, rtp, at + 160, w.now_us, &w.stats);
}

/* A leg without events hears keys as tones, in speech and in a pause; the rest is as it was. */
static void test_keys_as_tones(void **state)
{
	static const uint8_t to[] = {DP_CODEC_L16_8K, DP_CODEC_L16_16K};
	static const char keys[] = "58#";

	for (size_t k = 0; k < 2; k++) {
		struct voice_conf c = make_conf(DP_CODEC_PCMU, to[k], 0);
		struct vp_dtmf_rx_conf conf = {.rate_hz = k ? 16000 : 8000};
		struct vp_event events[VP_DTMF_RX_EVENTS];
		struct vp_dtmf_rx *rx;
		uint16_t seq = 0;
		uint32_t ts = 0, frame = conf.rate_hz / 50, n_heard = 0;

		c.send.event_pt = 0;
		c.send.noise_pt = 19;
		c.payloads[c.n_payloads++] = (struct dp_payload){.pt = 13, .action = DP_PT_NOISE};
		begin(&c);
		for (int key = 0; key < 3; key++) {
			if (key == 1)
				pass(3000);
			for (int i = 0; i < 20 && key < 1; i++, ts += 160) {
				put_tone(0, seq++, ts, 0);
				pass(20);
			}
			/* five packets and three ends, all of them lost of the last */
			for (uint32_t i = 0; i < 8; i++) {
				uint32_t duration = (i < 5 ? i + 1 : 5) * 160;
				uint8_t rtp[16];
				head(rtp, i ? 101 : 0x80 | 101, seq++, ts);
				rtp[12] = (uint8_t)vp_event_code(keys[key]);
				rtp[13] = i < 5 ? 10 : 0x80 | 10;
				rtp[14] = (uint8_t)(duration >> 8);
				rtp[15] = (uint8_t)duration;
				if (i < 5 || key < 2)
					voice_put(w.v, rtp, 16, w.now_us, &w.stats);
				pass(20);
			}
			ts += 8 * 160;
			/* the last two come in the far end's pauses, dead ones and told ones */
			if (key == 1) {
				uint8_t rtp[13];
				head(rtp, 13, seq++, ts);
				rtp[12] = 60;
				voice_put(w.v, rtp, 13, w.now_us, &w.stats);
				pass(1500);
				ts += 1500 * 8;
			}
		}
		pass(500);
		assert_int_equal(vp_dtmf_rx_new(&conf, &rx), 0);
		for (uint32_t at = 0; at + frame <= w.n_heard; at += frame) {
			int n = vp_dtmf_rx_run(rx, w.heard + at, frame, events);
			for (int i = 0; i < n; i++)
				if (events[i].what == VP_EVENT_END) {
					assert_int_equal(
						events[i].code, vp_event_code(keys[n_heard++]));
					assert_in_range(events[i].duration_ms, 80,
						n_heard == 3 ? 330 : 160);
				}
		}
		assert_int_equal(n_heard, 3);
		for (uint32_t i = 0; i < w.n_out; i++)
			assert_true((w.out[i].rtp[1] & 0x7f) == 97 || w.out[i].len == 13);
		vp_dtmf_rx_free(rx);
		end();
	}
}

/*
 * Tones from a leg without events reach one that takes them as events: each key once, with its
 * length, and none of it in the audio, which is else as it was.
 */
static void test_tones_as_keys(void **state)
{
	static const struct {
		uint8_t to, ptime_ms, event_khz;
	} rows[] = {{DP_CODEC_L16_8K, 20, 0}, {DP_CODEC_L16_16K, 20, 0}, {DP_CODEC_L16_8K, 40, 0},
		{DP_CODEC_L16_16K, 20, 8}};
	static const char keys[] = "1599#";

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct voice_conf c = make_conf(DP_CODEC_PCMU, rows[k].to, rows[k].ptime_ms);
		uint32_t rate = rows[k].to == DP_CODEC_L16_16K ? 16000 : 8000, n_told = 0;
		uint32_t n_marked = 0;
		uint32_t event_hz = rows[k].event_khz ? rows[k].event_khz * 1000 : rate;
		struct vp_dtmf_rx_conf conf = {.rate_hz = rate};
		struct vp_event events[VP_DTMF_RX_EVENTS];
		struct vp_event_rx keys_rx;
		struct vp_dtmf_rx *rx;
		struct vp_dtmf_tx tx;

		c.n_payloads = 1;
		c.tones = true;
		c.send.event_khz = rows[k].event_khz;
		begin(&c);
		vp_dtmf_tx_init(&tx, 8000);
		for (uint16_t i = 0; i < 150; i++) {
			int16_t pcm[160] = {0};
			uint8_t rtp[172];
			uint32_t at = head(rtp, 0, i, i * 160u);
			if (i % 25 == 10 && i < 125) {
				struct vp_event e = {.what = VP_EVENT_END,
					.duration_ms = 100,
					.volume = VP_EVENT_VOLUME,
					.code = (uint8_t)vp_event_code(keys[i / 25])};
				assert_int_equal(vp_dtmf_tx_put(&tx, &e), 0);
			}
			for (int n = 0; n < 160; n++)
				pcm[n] = (int16_t)(2000 * sin((i * 160 + n) * 2 * M_PI / 40));
			vp_dtmf_tx_run(&tx, pcm, 160);
			for (int n = 0; n < 160; n++)
				rtp[at + n] = g711_ulaw_encode(pcm[n]);
			voice_put(w.v, rtp, at + 160, w.now_us, &w.stats);
			pass(20);
		}
		pass(1500);
		vp_event_rx_init(&keys_rx, event_hz);
		for (uint32_t i = 0; i < w.n_out; i++) {
			const uint8_t *p = w.out[i].rtp;
			if (i)
				assert_int_equal(
					rtp_be16(p + 2), rtp_be16(w.out[i - 1].rtp + 2) + 1);
			if ((p[1] & 0x7f) != 102)
				continue;
			n_marked += p[1] >> 7;
			/* never ahead of the audio's clock, nor much behind it */
			int64_t behind = (int64_t)((w.out[i].us - w.out[0].us) * rate / 1000000) -
					 (int64_t)(rtp_be32(p + 4) - rtp_be32(w.out[0].rtp + 4));
			assert_true(behind >= -(int64_t)rate / 50 && behind < rate / 4);
			int n = vp_event_rx_put(&keys_rx, p + 12, 4,
				rtp_be32(p + 4) / (rate / event_hz), p[1] >> 7, w.out[i].us,
				events);
			for (int e = 0; e < n; e++)
				if (events[e].what == VP_EVENT_END) {
					assert_int_equal(
						events[e].code, vp_event_code(keys[n_told++]));
					assert_in_range(events[e].duration_ms, 80, 120);
				}
		}
		assert_int_equal(n_told, 5);
		assert_int_equal(n_marked, 5);
		assert_int_equal(vp_dtmf_rx_new(&conf, &rx), 0);
		for (uint32_t at = 0; at + rate / 50 <= w.n_heard; at += rate / 50)
			assert_int_equal(vp_dtmf_rx_run(rx, w.heard + at, rate / 50, events), 0);
		vp_dtmf_rx_free(rx);
		assert_true(rms(w.heard + rate / 10, rate / 20) > 1200);
		/* a tone of -10 dBm0 would be three times as loud */
		for (uint32_t at = 0; at + rate / 100 <= w.n_heard; at += rate / 100)
			assert_true(rms(w.heard + at, rate / 100) < 1700);
		end();
	}
}

/* A loss in the middle of speech is no hole. */
static void test_conceal(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, 0);
	uint16_t seq = 1;
	uint32_t ts = 0, zeros = 0;

	begin(&c);
	talk(20, 20, &seq, &ts);
	seq++;
	ts += 160;
	pass(20);
	talk(20, 20, &seq, &ts);
	assert_int_equal(w.stats.concealed, 1);
	for (uint32_t i = 0; i + 40 < w.n_heard; i += 40) {
		int32_t sum = 0;
		for (uint32_t k = 0; k < 40; k++)
			sum += abs(w.heard[i + k]);
		zeros += sum == 0;
	}
	assert_int_equal(zeros, 0);
	end();
}

static void put_noise(uint16_t seq, uint32_t ts, uint8_t level)
{
	uint8_t rtp[13];

	head(rtp, 13, seq, ts);
	rtp[12] = level;
	voice_put(w.v, rtp, 13, w.now_us, &w.stats);
}

/* Comfort noise passes as such where it may, else it is heard, as loud as it was told. */
static void test_noise(void **state)
{
	for (int told = 0; told < 2; told++) {
		struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, 0);
		uint16_t seq = 1;
		uint32_t ts = 0, n_noise = 0;
		double power = 0;
		c.n_payloads = 3;
		c.payloads[2] = (struct dp_payload){.pt = 13, .action = DP_PT_NOISE};
		c.send.noise_pt = told ? 14 : 0;
		begin(&c);
		talk(20, 20, &seq, &ts);
		put_noise(seq++, ts, 40);
		pass(600);
		uint32_t n = w.n_out, from = w.n_heard;
		ts += 800 * 8;
		pass(200);
		if (told) {
			for (uint32_t i = 0; i < w.n_out; i++) {
				if ((w.out[i].rtp[1] & 0x7f) != 14)
					continue;
				assert_int_equal(w.out[i].rtp[12], 40);
				n_noise++;
			}
			assert_int_equal(n_noise, 1);
			assert_in_range(w.n_out, 19, 23);
		} else {
			assert_true(w.n_out >= n + 9);
			for (uint32_t i = from; i < w.n_heard; i++)
				power += (double)w.heard[i] * w.heard[i];
			power /= w.n_heard - from;
			/* 40 dB under 32768 squared: 107374 */
			assert_true(power > 50000 && power < 200000);
		}
		talk(20, 20, &seq, &ts);
		/* and speech again, as it was said */
		assert_non_null(memmem(w.sent, w.n_sent * sizeof(int16_t),
			w.heard + w.n_heard - 160 * 4, 160 * 4 * sizeof(int16_t)));
		end();
	}
}

/* When nothing comes any more nothing is made, soon nothing is due; then time has gone on. */
static void test_pause(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, 0);
	uint16_t seq = 1;
	uint32_t ts = 0;

	begin(&c);
	talk(20, 20, &seq, &ts);
	uint32_t last_ts = rtp_be32(w.out[w.n_out - 1].rtp + 4);
	uint64_t last_us = w.out[w.n_out - 1].us;
	pass(1000);
	uint32_t n = w.n_out;
	assert_in_range(n, 20, 45); /* what was buffered, and a little concealment */
	last_ts = rtp_be32(w.out[n - 1].rtp + 4);
	last_us = w.out[n - 1].us;
	pass(3000);
	assert_int_equal(w.n_out, n);
	assert_true(voice_due_us(w.v) == UINT64_MAX);
	seq += 40;
	ts += 4000 * 8;
	talk(20, 20, &seq, &ts);
	assert_true(w.n_out > n + 15);
	assert_int_equal(w.out[n].rtp[1], 0x80 | 97);
	assert_int_equal(rtp_be16(w.out[n].rtp + 2), rtp_be16(w.out[n - 1].rtp + 2) + 1);
	uint32_t passed = (uint32_t)((w.out[n].us - last_us) / 125);
	assert_in_range(rtp_be32(w.out[n].rtp + 4) - last_ts, passed - 160, passed + 160);
	end();
}

/*
 * G.729 with annex B: packets of 60 ms in which speech sets in late begin where it does, so what is
 * heard stays where it was said (RFC 3551 4.5.6).
 */
static void test_onset(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_G729, 60);
	uint32_t ts = 0, late = 0, base;
	uint16_t seq = 0;

	if (!codec_by_id(DP_CODEC_G729))
		skip();
	c.send.params.flags = DP_CODEC_DTX;
	begin(&c);
	for (unsigned int burst = 0; burst < 6; burst++) {
		talk(20 + burst, 20, &seq, &ts);
		for (unsigned int i = 0; i < 50; i++) {
			uint8_t rtp[RTP_HDR_LEN + 160];
			memset(rtp + head(rtp, 0, seq++, ts), 0xff, 160);
			voice_put(w.v, rtp, sizeof(rtp), w.now_us, &w.stats);
			ts += 160;
			pass(20);
		}
	}
	base = rtp_be32(w.out[0].rtp + 4);
	for (uint32_t i = 0; i < w.n_out; i++) {
		uint32_t at = rtp_be32(w.out[i].rtp + 4) - base, len = w.out[i].len - RTP_HDR_LEN;
		/* One that ends with a noise frame may end early. */
		if (len % 10 == 0)
			assert_int_equal((at + len / 10 * 80) % 480, 0);
		late += at % 480 != 0;
	}
	assert_true(late > 0);
	end();
}

/* A core without time: packets are left out whole, their time passes, and then all is as before. */
static void test_skip(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, 0);
	uint16_t seq = 1;
	uint32_t ts = 0;

	begin(&c);
	talk(20, 20, &seq, &ts);
	uint32_t n = w.n_out;
	for (int i = 0; i < 10; i++) {
		put_ulaw(seq++, ts, 160, true);
		ts += 160;
		w.now_us += 20000;
		while (voice_due_us(w.v) <= w.now_us)
			voice_skip(w.v, w.now_us);
	}
	assert_int_equal(w.stats.decoded, n);
	talk(20, 20, &seq, &ts);
	assert_in_range(w.n_out, n + 19, n + 21);
	assert_int_equal(w.out[n].rtp[1], 0x80 | 97);
	assert_int_equal(rtp_be32(w.out[n].rtp + 4) - rtp_be32(w.out[n - 1].rtp + 4), 11 * 160);
	/* the ten are left out, no more */
	assert_memory_equal(w.heard + n * 160, w.sent + (n + 10) * 160, 10 * 320);
	end();
}

/* Another codec in the middle: what waited in the buffer is still played. */
static void test_adopt(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_PCMA, 0);
	uint16_t seq = 1;
	uint32_t ts = 0;

	begin(&c);
	talk(20, 20, &seq, &ts);
	uint32_t n = w.n_out, played = n * 160;
	struct voice *old = w.v, *v;
	c.send.codec = DP_CODEC_L16_8K;
	assert_int_equal(voice_new(&c, SSRC + 1, &v), 0);
	voice_adopt(v, old);
	voice_free(old);
	w.v = v;
	w.n_heard = 0;
	talk(20, 20, &seq, &ts);
	assert_int_equal(w.n_out, n + 20);
	assert_int_equal(rtp_be16(w.out[n].rtp + 2), 0);
	assert_int_equal(rtp_be32(w.out[n].rtp + 8), SSRC + 1);
	assert_int_equal(w.out[n].us - w.out[n - 1].us, 20000);
	assert_memory_equal(w.heard, w.sent + played, 18 * 320);
	end();
}

/* What nobody can decode is counted, and the next one is played. */
static void test_broken(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_L16_8K, DP_CODEC_PCMU, 0);
	uint8_t rtp[400] = {0};

	begin(&c);
	for (uint16_t i = 0; i < 20; i++) {
		uint32_t at = head(rtp, 0, i, i * 160u);
		voice_put(w.v, rtp, at + (i % 2 ? 320 : 321), w.now_us, &w.stats);
		pass(20);
	}
	assert_int_equal(w.stats.drops[DP_DROP_VOICE_BROKEN], 10);
	assert_true(w.n_out >= 17);
	end();
}

static void test_refused(void **state)
{
	struct voice_conf c = make_conf(DP_CODEC_PCMU, DP_CODEC_L16_8K, 0);
	struct voice *v = NULL;

	c.send.params.ptime_ms = 15;
	assert_int_equal(voice_new(&c, 1, &v), -EINVAL);
	c = make_conf(DP_CODEC_PCMU, DP_CODEC_END, 0);
	assert_int_equal(voice_new(&c, 1, &v), -ENOTSUP);
	c = make_conf(DP_CODEC_END, DP_CODEC_PCMU, 0);
	assert_int_equal(voice_new(&c, 1, &v), -ENOTSUP);
	assert_null(v);
	voice_free(NULL);
}

/* Every codec to every other: something comes out at the right pace, with the right clock. */
static void test_all_pairs(void **state)
{
	const struct codec *from, *to;

	for (uint32_t i = 0; (from = codec_at(i)); i++) {
		for (uint32_t k = 0; (to = codec_at(k)); k++) {
			struct voice_conf c = make_conf((uint8_t)from->id, (uint8_t)to->id, 0);
			const struct dp_codec *in = dp_codec_row(from->id);
			struct codec_config config = {
				.rate_hz = codec_rate_fit(from, &config.params, 8000),
				.ptime_ms = 20};
			struct codec_encoder *enc;
			int16_t pcm[960];
			uint8_t rtp[VOICE_PACKET_MAX];
			begin(&c);
			assert_int_equal(codec_encoder_new(from, &config, &enc), 0);
			for (uint16_t n = 0; n < 25; n++) {
				for (uint32_t s = 0; s < enc->n_samples; s++)
					pcm[s] = (int16_t)((int32_t)((s + n) * 977 % 16000) - 8000);
				uint32_t at = head(rtp, 0, n, n * (in->clock_hz / 50));
				int len = codec_encode(enc, pcm, rtp + at, sizeof(rtp) - at);
				assert_true(len > 0);
				voice_put(w.v, rtp, at + (uint32_t)len, w.now_us, &w.stats);
				pass(20);
			}
			codec_encoder_free(enc);
			assert_in_range(w.n_out, 21, 25);
			assert_numbers(0, w.n_out - 1, dp_codec_row(to->id)->clock_hz / 50);
			assert_int_equal(w.stats.drops[DP_DROP_VOICE_BROKEN], 0);
			end();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_packet_times),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_long_press),
		cmocka_unit_test(test_press),
		cmocka_unit_test(test_keys_as_tones),
		cmocka_unit_test(test_tones_as_keys),
		cmocka_unit_test(test_conceal),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_onset),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_all_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
