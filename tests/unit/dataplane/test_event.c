/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of dataplane/transcode/event_rx.c and event_tx.c: RFC 4733 packets by the letter, and
 * presses through a network that loses, doubles and delays any of them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/transcode/event_rx.h"
#include "dataplane/transcode/event_tx.h"
#include "tests/unit/dataplane/signal.h"

/* Appends what a receiver said: "+5" start, "-5(100)" end after 100 ms. */
static void say(char *text, size_t max, const struct vp_event *e, int n)
{
	for (int i = 0; i < n; i++) {
		size_t at = strlen(text);
		if (e[i].what == VP_EVENT_START)
			snprintf(text + at, max - at, "+%c ", vp_event_digit(e[i].code));
		else
			snprintf(text + at, max - at, "-%c(%u) ", vp_event_digit(e[i].code),
				e[i].duration_ms);
	}
}

static void test_digits(void **state)
{
	for (uint8_t code = 0; code < VP_EVENT_DIGITS; code++)
		assert_int_equal(vp_event_code(vp_event_digit(code)), code);
	assert_int_equal(vp_event_code('d'), 15);
	assert_int_equal(vp_event_digit(VP_EVENT_FLASH), '!');
	assert_int_equal(vp_event_code('E'), -1);
	assert_int_equal(vp_event_code(' '), -1);
	assert_int_equal(vp_event_digit(17), '?');
}

/* ---- receiving ---- */

/* Packets in the order of their arrival; ms is the time, ts the timestamp. */
struct arrival {
	uint32_t ms, ts;
	uint8_t code, end, marker;
	uint16_t duration;
};

static const struct {
	const char *what, *want;
	uint32_t clock_hz, tick_ms; /* a tick at that time, 0: none */
	struct arrival p[10];
} receptions[] = {
	{"one press", "+5 -5(60) ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {20, 1000, 5, 0, 0, 320}, {40, 1000, 5, 1, 0, 480},
			{60, 1000, 5, 1, 0, 480}, {80, 1000, 5, 1, 0, 480}}},
	{"at 48 kHz", "+# -#(60) ", 48000, 0,
		{{0, 1000, 11, 0, 1, 960}, {20, 1000, 11, 0, 0, 1920}, {40, 1000, 11, 1, 0, 2880}}},
	{"only the last end packet comes", "+5 -5(60) ", 8000, 0, {{80, 1000, 5, 1, 0, 480}}},
	{"the end is lost, time tells", "+5 -5(40) ", 8000, 300,
		{{0, 1000, 5, 0, 1, 160}, {20, 1000, 5, 0, 0, 320}}},
	{"no end yet", "+5 ", 8000, 200, {{0, 1000, 5, 0, 1, 160}, {20, 1000, 5, 0, 0, 320}}},
	{"the end is lost, the next press tells", "+5 -5(40) +6 ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {20, 1000, 5, 0, 0, 320}, {80, 1800, 6, 0, 1, 160}}},
	{"the same key again", "+5 -5(20) +5 -5(20) ", 8000, 0,
		{{0, 1000, 5, 1, 1, 160}, {20, 1000, 5, 1, 0, 160}, {80, 1800, 5, 1, 1, 160},
			{100, 1800, 5, 1, 0, 160}}},
	{"the same key, its first end and marker lost", "+5 -5(40) +5 -5(20) ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {20, 1000, 5, 0, 0, 320}, {80, 1800, 5, 1, 0, 160}}},
	{"an update behind its end", "+5 -5(60) ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {40, 1000, 5, 1, 0, 480}, {41, 1000, 5, 0, 0, 320}}},
	{"updates in disorder", "+5 -5(60) ", 8000, 0,
		{{0, 1000, 5, 0, 0, 320}, {1, 1000, 5, 0, 1, 160}, {40, 1000, 5, 1, 0, 480}}},
	{"an end packet of the press before", "+5 -5(60) +6 -6(60) ", 8000, 0,
		{{0, 1000, 5, 1, 1, 480}, {20, 1800, 6, 0, 1, 160}, {21, 1000, 5, 1, 0, 480},
			{60, 1800, 6, 1, 0, 480}}},
	{"two segments", "+5 -5(8212) ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {8180, 1000, 5, 0, 0, 0xffff},
			{8200, 66535, 5, 1, 0, 160}}},
	{"three segments, what joins them is lost", "+5 -5(16404) ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {180, 66535, 5, 0, 0, 480}, {360, 132070, 5, 1, 0, 160}}},
	{"segments of a sender that rounds", "+5 -5(8200) ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {8160, 1000, 5, 0, 0, 65440},
			{8180, 66440, 5, 1, 0, 160}}},
	{"segments over the timestamp's wrap", "+5 -5(8212) ", 8000, 0,
		{{0, 0xffffff00, 5, 0, 1, 160}, {8180, 0xffffff00, 5, 0, 0, 0xffff},
			{8200, 65279, 5, 1, 0, 160}}},
	{"what is no digit", "", 8000, 0, {{0, 1000, 17, 0, 1, 160}, {20, 1000, 255, 1, 0, 160}}},
	{"another code with the same timestamp", "+5 ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {20, 1000, 6, 1, 0, 320}}},
	{"timestamps start anew long after", "+5 -5(60) +6 -6(60) ", 8000, 0,
		{{0, 20000, 5, 1, 1, 480}, {7000, 500, 6, 1, 1, 480}}},
	{"timestamps start anew far away", "+5 -5(60) +6 -6(60) ", 8000, 0,
		{{0, 2000000, 5, 1, 1, 480}, {700, 500, 6, 1, 1, 480}}},
	{"short segments, one right behind the other", "+5 -5(1020) ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {980, 1000, 5, 0, 0, 8000}, {1000, 9000, 5, 1, 0, 160}}},
	{"a marker is another press, though a segment away", "+5 -5(20) +5 -5(20) ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {8100, 65000, 5, 1, 1, 160}}},
	{"another key, though a segment away", "+5 -5(20) +6 ", 8000, 0,
		{{0, 1000, 5, 0, 1, 160}, {8100, 65000, 6, 0, 0, 320}}},
	{"a packet from before the first press", "+6 -6(40) ", 8000, 0,
		{{0, 1800, 6, 0, 1, 160}, {1, 1000, 5, 0, 0, 320}, {2, 1800, 6, 1, 0, 320}}},
	{"updates in disorder, then time", "+5 -5(40) ", 8000, 300,
		{{0, 1000, 5, 0, 0, 320}, {1, 1000, 5, 0, 1, 160}}},
	{"flash hook", "+! -!(60) ", 8000, 0, {{0, 1000, 16, 1, 1, 480}}},
};

static void test_receptions(void **state)
{
	for (size_t i = 0; i < sizeof(receptions) / sizeof(receptions[0]); i++) {
		struct vp_event_rx rx;
		struct vp_event events[VP_EVENT_RX_MAX];
		char text[200] = "";
		const struct arrival *a = receptions[i].p;

		vp_event_rx_init(&rx, receptions[i].clock_hz);
		for (; a < receptions[i].p + 10 && a->duration; a++) {
			uint8_t payload[4] = {a->code, (uint8_t)(a->end << 7 | 10),
				(uint8_t)(a->duration >> 8), (uint8_t)a->duration};
			say(text, sizeof(text), events,
				vp_event_rx_put(&rx, payload, 4, a->ts, a->marker,
					1000000 + a->ms * 1000, events));
		}
		if (receptions[i].tick_ms)
			say(text, sizeof(text), events,
				vp_event_rx_tick(
					&rx, 1000000 + receptions[i].tick_ms * 1000, events));
		if (strcmp(text, receptions[i].want) != 0)
			fail_msg("%s: %s instead of %s", receptions[i].what, text,
				receptions[i].want);
	}
}

static void test_malformed(void **state)
{
	static const uint8_t two[] = {5, 0x8a, 0, 160, 6, 10, 0, 80};
	static const uint8_t pieces[] = {5, 10, 0, 160, 5, 0x8a, 0, 80};
	static const uint8_t five[20] = {
		1, 0x80, 0, 80, 2, 0x80, 0, 80, 3, 0x80, 0, 80, 4, 0x80, 0, 80, 5, 0x80, 0, 80};
	struct vp_event events[VP_EVENT_RX_MAX];
	struct vp_event_rx rx;
	char text[200] = "";

	vp_event_rx_init(&rx, 8000);
	for (size_t len = 0; len < 8; len++)
		if (len != 4)
			assert_int_equal(
				vp_event_rx_put(&rx, two, len, 0, false, 0, events), -EBADMSG);
	assert_int_equal(rx.bad, 7);
	assert_false(rx.active);
	/* two presses in one packet, the second begins where the first ends */
	say(text, sizeof(text), events, vp_event_rx_put(&rx, two, 8, 1000, true, 0, events));
	assert_string_equal(text, "+5 -5(20) +6 ");
	assert_int_equal(rx.timestamp, 1160);
	/* one press in two pieces; the marker belongs to the first */
	vp_event_rx_init(&rx, 8000);
	*text = 0;
	say(text, sizeof(text), events, vp_event_rx_put(&rx, pieces, 8, 1000, true, 0, events));
	assert_string_equal(text, "+5 -5(30) ");
	vp_event_rx_init(&rx, 8000);
	assert_int_equal(vp_event_rx_put(&rx, five, 20, 1000, true, 0, events), 8);
}

/* ---- sending ---- */

static void text_of(char *text, size_t max, const struct vp_event_tx_packet *p)
{
	size_t at = strlen(text);

	snprintf(text + at, max - at, "%u%s%c%s%u ", p->timestamp, p->marker ? "m" : ":",
		vp_event_digit(p->payload[0]), p->payload[1] & 0x80 ? "E" : "",
		p->payload[2] << 8 | p->payload[3]);
}

static void test_sent(void **state)
{
	static const struct {
		const char *what;
		uint32_t clock_hz, ptime_ms;
		char digits[4];
		uint32_t duration_ms;
		const char *want;
	} rows[] = {
		{"60 ms", 8000, 20, "5", 60, "800m5160 800:5320 800:5E480 800:5E480 800:5E480 "},
		{"50 ms: the end is exact", 8000, 20, "5", 50,
			"800m5160 800:5320 800:5E400 800:5E400 800:5E400 "},
		{"no shorter than 40 ms", 8000, 20, "5", 1,
			"800m5160 800:5E320 800:5E320 800:5E320 "},
		{"one packet is enough", 8000, 60, "5", 40, "2400m5E320 2400:5E320 2400:5E320 "},
		{"48 kHz", 48000, 20, "#", 40, "4800m#960 4800:#E1920 4800:#E1920 4800:#E1920 "},
		{"16 kHz, 30 ms", 16000, 30, "*", 60,
			"2400m*480 2400:*E960 2400:*E960 2400:*E960 "},
		{"two presses", 8000, 20, "12", 40,
			"800m1160 800:1E320 800:1E320 800:1E320 "
			"1440m2160 1440:2E320 1440:2E320 1440:2E320 "},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vp_event_tx tx;
		struct vp_event_tx_packet p[VP_EVENT_TX_PACKETS];
		uint32_t ptime = rows[i].ptime_ms * (rows[i].clock_hz / 1000), ts = 5 * ptime;
		char text[400] = "";

		vp_event_tx_init(&tx, rows[i].clock_hz);
		for (const char *d = rows[i].digits; *d; d++) {
			struct vp_event e = {.what = VP_EVENT_END,
				.code = (uint8_t)vp_event_code(*d),
				.volume = 12,
				.duration_ms = rows[i].duration_ms};
			assert_int_equal(vp_event_tx_put(&tx, &e), 0);
		}
		for (; vp_event_tx_busy(&tx); ts += ptime)
			for (int k = 0, n = vp_event_tx_run(&tx, ts, ptime, p); k < n; k++) {
				text_of(text, sizeof(text), &p[k]);
				assert_int_equal(p[k].payload[1] & 0x7f, 12);
			}
		assert_int_equal(vp_event_tx_run(&tx, ts, ptime, p), 0);
		if (strcmp(text, rows[i].want) != 0)
			fail_msg("%s: %s instead of %s", rows[i].what, text, rows[i].want);
	}
}

static void test_refused(void **state)
{
	struct vp_event_tx tx;
	struct vp_event e = {.what = VP_EVENT_END, .code = 17};

	vp_event_tx_init(&tx, 8000);
	assert_int_equal(vp_event_tx_put(&tx, &e), -EINVAL);
	e = (struct vp_event){.what = VP_EVENT_END, .code = 1, .volume = 64};
	assert_int_equal(vp_event_tx_put(&tx, &e), -EINVAL);
	e.volume = 10;
	for (int i = 0; i < VP_EVENT_TX_QUEUE; i++)
		assert_int_equal(vp_event_tx_put(&tx, &e), 0);
	assert_int_equal(vp_event_tx_put(&tx, &e), -ENOSPC);
	assert_int_equal(tx.refused, 3);
}

/* Events as they come while packets are sent: "+5" and "-5:60" at the start of a packet time. */
static void test_told_late(void **state)
{
	static const struct {
		const char *what;
		struct {
			uint32_t at; /* packet times */
			struct vp_event e;
		} events[3];
		const char *want;
	} rows[] = {
		{"the end says less than was told",
			{{0, {VP_EVENT_START, 5, 0, 0}}, {4, {VP_EVENT_END, 5, 0, 30}}},
			"0m5160 0:5320 0:5480 0:5640 0:5E640 0:5E640 0:5E640 "},
		{"the end says more",
			{{0, {VP_EVENT_START, 5, 0, 0}}, {2, {VP_EVENT_END, 5, 0, 70}}},
			"0m5160 0:5320 0:5480 0:5E560 0:5E560 0:5E560 "},
		{"the end before the first packet",
			{{0, {VP_EVENT_START, 5, 0, 0}}, {0, {VP_EVENT_END, 5, 0, 40}}},
			"0m5160 0:5E320 0:5E320 0:5E320 "},
		{"another key ends it",
			{{0, {VP_EVENT_START, 5, 0, 0}}, {3, {VP_EVENT_END, 6, 0, 40}}},
			"0m5160 0:5320 0:5480 0:5E480 0:5E480 0:5E480 "
			"960m6160 960:6E320 960:6E320 960:6E320 "},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vp_event_tx tx;
		struct vp_event_tx_packet p[VP_EVENT_TX_PACKETS];
		char text[400] = "";
		size_t k = 0;

		vp_event_tx_init(&tx, 8000);
		for (uint32_t at = 0; at < 20; at++) {
			for (; k < 2 && rows[i].events[k].at == at; k++)
				assert_int_equal(vp_event_tx_put(&tx, &rows[i].events[k].e), 0);
			for (int m = 0, n = vp_event_tx_run(&tx, at * 160, 160, p); m < n; m++)
				text_of(text, sizeof(text), &p[m]);
		}
		if (strcmp(text, rows[i].want) != 0)
			fail_msg("%s: %s instead of %s", rows[i].what, text, rows[i].want);
	}
}

/* A long press: whole segments end three times, the first twice more behind the next one's begin. */
static void test_segments(void **state)
{
	struct vp_event e = {.what = VP_EVENT_END, .code = 5, .duration_ms = 20000};
	uint32_t n_full[3] = {0}, n_marked = 0, n_ends = 0, last_segment = 0;
	struct vp_event_tx_packet p[VP_EVENT_TX_PACKETS];
	struct vp_event_tx tx;

	vp_event_tx_init(&tx, 8000);
	assert_int_equal(vp_event_tx_put(&tx, &e), 0);
	for (uint32_t at = 0; vp_event_tx_busy(&tx); at++) {
		for (int k = 0, n = vp_event_tx_run(&tx, 1000 + at * 160, 160, p); k < n; k++) {
			uint32_t segment = (p[k].timestamp - 1000) / 0xffff;
			assert_int_equal((p[k].timestamp - 1000) % 0xffff, 0);
			assert_true(segment < 3 && segment + 1 >= last_segment);
			n_full[segment] += (p[k].payload[2] << 8 | p[k].payload[3]) == 0xffff;
			if (segment < 2)
				assert_int_equal(p[k].payload[1] & 0x80, 0);
			last_segment = segment;
			n_marked += p[k].marker;
			n_ends += p[k].payload[1] >> 7;
		}
	}
	assert_int_equal(n_full[0], VP_EVENT_TX_ENDS);
	assert_int_equal(n_full[1], VP_EVENT_TX_ENDS);
	assert_int_equal(n_full[2], 0);
	assert_int_equal(n_marked, 1);
	assert_int_equal(n_ends, VP_EVENT_TX_ENDS);
}

/* A key that nobody releases is released after a minute. */
static void test_never_released(void **state)
{
	struct vp_event e = {.what = VP_EVENT_START, .code = 5};
	struct vp_event_tx tx;
	struct vp_event_tx_packet p[VP_EVENT_TX_PACKETS];
	uint32_t at = 0;

	vp_event_tx_init(&tx, 8000);
	assert_int_equal(vp_event_tx_put(&tx, &e), 0);
	for (; vp_event_tx_busy(&tx) && at < 4000; at++)
		vp_event_tx_run(&tx, at * 160, 160, p);
	assert_int_equal(at, VP_EVENT_TX_MAX_MS / 20 + VP_EVENT_TX_ENDS - 1);
	e = (struct vp_event){.what = VP_EVENT_END, .code = 5, .duration_ms = UINT32_MAX};
	assert_int_equal(vp_event_tx_put(&tx, &e), 0);
	for (at = 0; vp_event_tx_busy(&tx) && at < 4000; at++)
		vp_event_tx_run(&tx, at * 160, 160, p);
	assert_int_equal(at, VP_EVENT_TX_MAX_MS / 20 + VP_EVENT_TX_ENDS - 1);
}

/* ---- through a network ---- */

#define N_PACKETS_MAX 1600

struct press_row {
	char digit;
	uint32_t duration_ms;
};

struct trip {
	uint32_t clock_hz, ptime_ms, n;
	struct {
		struct vp_event_tx_packet p;
		uint64_t at_us;
	} packets[N_PACKETS_MAX];
};

/* All packets of these presses, with pauses of 100 ms. How the end becomes known: by START, END. */
static void send(struct trip *t, const struct press_row *presses, uint32_t n)
{
	uint32_t ptime = t->ptime_ms * (t->clock_hz / 1000), ts = 4000000000u;
	uint64_t now_us = 1000000;
	struct vp_event_tx tx;

	t->n = 0;
	vp_event_tx_init(&tx, t->clock_hz);
	for (uint32_t i = 0; i < n; i++) {
		struct vp_event e = {.what = VP_EVENT_START,
			.code = (uint8_t)vp_event_code(presses[i].digit),
			.volume = 10};
		uint64_t end_us = now_us + presses[i].duration_ms * 1000;
		assert_int_equal(vp_event_tx_put(&tx, &e), 0);
		for (bool open = true; open || vp_event_tx_busy(&tx);) {
			struct vp_event_tx_packet p[VP_EVENT_TX_PACKETS];
			if (open && now_us + t->ptime_ms * 1000 >= end_us) {
				e.what = VP_EVENT_END;
				e.duration_ms = presses[i].duration_ms;
				assert_int_equal(vp_event_tx_put(&tx, &e), 0);
				open = false;
			}
			int n_now = vp_event_tx_run(&tx, ts, ptime, p);
			for (int k = 0; k < n_now; k++) {
				assert_true(t->n < N_PACKETS_MAX);
				t->packets[t->n].p = p[k];
				t->packets[t->n++].at_us = now_us;
			}
			ts += ptime;
			now_us += t->ptime_ms * 1000;
		}
		ts += t->clock_hz / 10;
		now_us += 100000;
	}
}

/* Receives all but the given packets; what was told goes to text. */
static void receive(
	const struct trip *t, int lost_a, int lost_b, bool twice, char *text, size_t max)
{
	struct vp_event_rx rx;
	struct vp_event events[VP_EVENT_RX_MAX];
	uint64_t now_us = 0;

	*text = 0;
	vp_event_rx_init(&rx, t->clock_hz);
	for (int i = 0; i < (int)t->n; i++) {
		const struct vp_event_tx_packet *p = &t->packets[i].p;
		now_us = t->packets[i].at_us;
		say(text, max, events, vp_event_rx_tick(&rx, now_us, events));
		for (int k = 0; k < (twice ? 2 : 1) && i != lost_a && i != lost_b; k++)
			say(text, max, events,
				vp_event_rx_put(&rx, p->payload, 4, p->timestamp, p->marker, now_us,
					events));
	}
	say(text, max, events, vp_event_rx_tick(&rx, now_us + 1000000, events));
}

/* Whatever one or two packets are lost: each press is told once, with its right length. */
static void test_any_two_lost(void **state)
{
	static const struct {
		uint32_t clock_hz, ptime_ms;
	} clocks[] = {{8000, 20}, {16000, 20}, {48000, 20}, {8000, 10}, {8000, 60}};
	static const struct press_row presses[] = {{'1', 100}, {'1', 60}, {'*', 250}, {'D', 80}};
	static struct trip t;
	char text[300], want[300];

	for (size_t c = 0; c < sizeof(clocks) / sizeof(clocks[0]); c++) {
		t.clock_hz = clocks[c].clock_hz;
		t.ptime_ms = clocks[c].ptime_ms;
		send(&t, presses, 4);
		receive(&t, -1, -1, false, want, sizeof(want));
		if (t.ptime_ms <= 20)
			assert_string_equal(want, "+1 -1(100) +1 -1(60) +* -*(250) +D -D(80) ");
		receive(&t, -1, -1, true, text, sizeof(text));
		assert_string_equal(text, want);
		for (int a = 0; a < (int)t.n; a++)
			for (int b = a; b < (int)t.n; b++) {
				receive(&t, a, b, false, text, sizeof(text));
				if (strcmp(text, want) != 0)
					fail_msg(
						"%u Hz, %u ms, without %d and %d: %s instead of %s",
						t.clock_hz, t.ptime_ms, a, b, text, want);
			}
	}
}

/* A press of 20 s: more than two segments at 8 kHz, 14 at 48 kHz; each packet may be lost. */
static void test_long_press(void **state)
{
	static const uint32_t clocks[] = {8000, 16000, 48000};
	static const struct press_row presses[] = {{'9', 20000}, {'8', 100}};
	static struct trip t;
	char text[300];

	for (size_t c = 0; c < 3; c++) {
		t.clock_hz = clocks[c];
		t.ptime_ms = 20;
		send(&t, presses, 2);
		for (uint32_t i = 1; i < 1002; i++) {
			int64_t step = (int64_t)t.packets[i].p.timestamp -
				       t.packets[i - 1].p.timestamp;
			/* one press: one marker, and never back but for the end of a segment */
			assert_false(t.packets[i].p.marker);
			assert_true(step == 0 || step == 0xffff || step == -0xffff);
			if (step < 0)
				assert_int_equal(t.packets[i].p.payload[2], 0xff);
		}
		for (int lost = -1; lost < (int)t.n; lost++) {
			receive(&t, lost, lost, false, text, sizeof(text));
			if (strcmp(text, "+9 -9(20000) +8 -8(100) ") != 0)
				fail_msg("%u Hz without %d: %s", clocks[c], lost, text);
		}
	}
}

/* A quarter of all packets lost, in any pattern: nothing is told twice, ends follow starts. */
static void test_bad_network(void **state)
{
	static const struct press_row presses[] = {{'1', 100}, {'2', 100}, {'3', 100}, {'4', 100}};
	static struct trip t = {.clock_hz = 8000, .ptime_ms = 20};
	uint32_t seed = 9, n_right = 0;

	send(&t, presses, 4);
	for (int round = 0; round < 1000; round++) {
		struct vp_event_rx rx;
		struct vp_event events[VP_EVENT_RX_MAX], last = {.what = VP_EVENT_END};
		char starts[20] = "";
		vp_event_rx_init(&rx, 8000);
		for (uint32_t i = 0; i <= t.n; i++) {
			const struct vp_event_tx_packet *p = &t.packets[i < t.n ? i : 0].p;
			int n = i == t.n ? vp_event_rx_tick(&rx, 99000000, events)
				: signal_random(&seed, 4) == 0
					? 0
					: vp_event_rx_put(&rx, p->payload, 4, p->timestamp,
						  p->marker, t.packets[i].at_us, events);
			for (int k = 0; k < n; k++) {
				assert_int_not_equal(events[k].what, last.what);
				if (events[k].what == VP_EVENT_END)
					assert_int_equal(events[k].code, last.code);
				else
					starts[strlen(starts)] = vp_event_digit(events[k].code);
				last = events[k];
			}
		}
		assert_int_equal(last.what, VP_EVENT_END);
		n_right += strcmp(starts, "1234") == 0;
	}
	assert_true(n_right > 990);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits),
		cmocka_unit_test(test_receptions),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_sent),
		cmocka_unit_test(test_told_late),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_never_released),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_any_two_lost),
		cmocka_unit_test(test_long_press),
		cmocka_unit_test(test_bad_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
