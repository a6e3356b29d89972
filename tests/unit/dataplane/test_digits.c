/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digits by RFC 4733 in a stream that a worker relays: told once each whatever the network does to
 * their packets, taken out without a gap where the other leg takes none, put in with numbers that
 * run on. Every packet is accounted for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/stages/rtp.h"
#include "dataplane/transcode/event_rx.h"
#include "dataplane/transcode/event_tx.h"
#include "tests/unit/dataplane/rig.h"

#include <rte_cycles.h>

#define A4	 "192.0.2.1"
#define A4_PHONE "198.51.100.7"
#define B4	 "203.0.113.1"
#define B4_PHONE "203.0.113.99"
#define B6	 "2001:db8:b::1"
#define B6_PHONE "2001:db8:b::9999"
#define SSRC	 0xcafe0001
#define OUT_MAX	 600

struct out {
	uint8_t pt, marker, code, end;
	uint16_t seq, duration;
	uint32_t ts, ssrc;
	uint64_t us;
};

static struct rig *rig;
static struct dp_session session;
static uint16_t seq;
static uint32_t ts;
static struct out out[OUT_MAX];
static unsigned int n_out;
static char told[200];

static int set_up_to(const char *b, const char *b_phone, uint8_t index)
{
	struct rig_conf conf = {.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2};

	rig = rig_new(&conf);
	rig->now_tsc = 1000 * RIG_TSC_HZ;
	rig_addr(rig, 0, A4, 10000, 19999, 0);
	rig_addr(rig, 1, B4, 20000, 29999, 1);
	rig_addr(rig, 2, B6, 20000, 29999, 1);
	session = (struct dp_session){.id = 7,
		.leg = {{.local = rig_ip(A4, 10000), .remote_rtp = rig_ip(A4_PHONE, 4000)},
			{.local = rig_ip(b, 20000), .remote_rtp = rig_ip(b_phone, 5000)}}};
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		struct dp_leg *leg = &session.leg[i];
		leg->flags = DP_LEG_SEND | DP_LEG_RECV | DP_LEG_DTMF;
		leg->n_payloads = 2;
		leg->payloads[0] = (struct dp_payload){.clock_hz = 8000};
		leg->payloads[1] = (struct dp_payload){.pt = 101, .action = DP_PT_EVENT};
		leg->send.event_pt = i ? 97 : 101;
	}
	assert_int_equal(rig_session(rig, 0, &session, 0, index, 0, 1, false), 0);
	seq = 100;
	ts = 50000;
	n_out = 0;
	*told = '\0';
	return 0;
}

static int set_up(void **state)
{
	return set_up_to(B4, B4_PHONE, 1);
}

static int set_up_ipv6(void **state)
{
	return set_up_to(B6, B6_PHONE, 2);
}

static int tear_down(void **state)
{
	rig_run(rig);
	rig_discard(rig, 0);
	rig_discard(rig, 1);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	return ok ? 0 : -1;
}

static void change(void)
{
	uint8_t index = session.leg[1].local.family == 6 ? 2 : 1;

	assert_int_equal(rig_session(rig, 0, &session, 0, index, 0, 1, false), 0);
}

/* What left at leg B, and what the control thread is told. */
static void collect(void)
{
	struct worker_digit digits[8];
	uint8_t bytes[RIG_FRAME];
	uint32_t len;

	while ((len = rig_get(rig, 1, bytes)) > 0) {
		uint32_t hdr = bytes[12] == 0x86 ? 62 : 42;
		const uint8_t *rtp = bytes + hdr;
		assert_null(rig_checksums(bytes, len));
		assert_true(n_out < OUT_MAX);
		out[n_out++] = (struct out){.pt = rtp[1] & 0x7f,
			.marker = rtp[1] >> 7,
			.seq = rtp_be16(rtp + 2),
			.ts = rtp_be32(rtp + 4),
			.ssrc = rtp_be32(rtp + 8),
			.code = rtp[12],
			.end = rtp[13] >> 7,
			.duration = rtp_be16(rtp + 14),
			.us = (uint64_t)((rig->now_tsc - 1000 * RIG_TSC_HZ) * 1000000.0 /
					 (double)RIG_TSC_HZ)};
	}
	for (unsigned int i = 0, n = worker_digits(rig->group, digits, 8); i < n; i++) {
		size_t at = strlen(told);
		assert_false(digits[i].core);
		snprintf(told + at, sizeof(told) - at, "%u%c(%u) ", digits[i].slot,
			vp_event_digit(digits[i].code), digits[i].duration_ms);
	}
}

static void put(uint8_t pt, uint16_t number, uint32_t timestamp, const uint8_t *event)
{
	uint8_t rtp[256], bytes[RIG_FRAME];
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, 0},
		.src = A4_PHONE,
		.dst = A4,
		.sport = 4000,
		.dport = 10000,
		.payload = rtp};

	f.payload_len = rig_rtp(rtp, pt, number, timestamp, SSRC, event ? 4 : 160);
	if (event)
		memcpy(rtp + 12, event, 4);
	rig_put(rig, 0, bytes, rig_build(&f, bytes));
	rig_run(rig);
	collect();
}

static void pass_ms(uint32_t ms)
{
	while (ms--) {
		rig_pass(rig, 1);
		collect();
	}
}

static void talk(unsigned int n)
{
	while (n--) {
		put(0, seq++, ts, NULL);
		ts += 160;
		pass_ms(20);
	}
}

static void event(
	uint8_t code, bool end, bool marker, uint16_t number, uint32_t at, uint16_t duration)
{
	const uint8_t e[4] = {
		code, (uint8_t)(end << 7 | 10), (uint8_t)(duration >> 8), (uint8_t)duration};

	put((uint8_t)(marker << 7 | 101), number, at, e);
}

static void assert_one_stream(unsigned int from)
{
	for (unsigned int i = from + 1; i < n_out; i++) {
		assert_int_equal(out[i].seq, (uint16_t)(out[i - 1].seq + 1));
		assert_int_equal(out[i].ssrc, out[from].ssrc);
	}
}

/* Which packets of a press come: letters are updates, E ends; lower case are lost. */
static void test_told(void **state)
{
	static const struct {
		const char *what, *packets, *want;
	} rows[] = {
		{"all of it", "UUUEEE", "05(60) "},
		{"the first are lost", "uuuEEE", "05(60) "},
		{"only the last end comes", "uuueeE", "05(60) "},
		{"all ends are lost", "UUUeee", "05(60) "},
		{"one update alone", "uUueee", "05(40) "},
		{"each twice", "2", "05(60) "},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*told = '\0';
		talk(3);
		uint32_t start = ts;
		if (rows[i].packets[0] == '2')
			for (unsigned int k = 0; k < 12; k++) {
				unsigned int n = k / 2;
				event(5, n > 2, n == 0, (uint16_t)(seq + n), start,
					(uint16_t)(n < 3 ? (n + 1) * 160 : 480));
			}
		else
			for (unsigned int k = 0; rows[i].packets[k]; k++) {
				char c = rows[i].packets[k];
				if (c < 'a')
					event(5, c == 'E', k == 0, (uint16_t)(seq + k), start,
						(uint16_t)(k < 3 ? (k + 1) * 160 : 480));
				pass_ms(20);
			}
		seq = (uint16_t)(seq + 6);
		ts += 6 * 160;
		talk(15); /* voice goes on: who lost the ends knows by time */
		if (strcmp(told, rows[i].want) != 0)
			fail_msg("%s: told %s", rows[i].what, told);
	}
}

/* Two keys with a short pause, voice between their packets, ten seconds of a third. */
static void test_told_overlapping(void **state)
{
	talk(3);
	uint32_t start = ts;
	for (unsigned int i = 0; i < 3; i++) {
		event(1, false, i == 0, seq++, start, (uint16_t)((i + 1) * 160));
		put(0, seq++, ts, NULL);
		ts += 160;
		pass_ms(20);
	}
	for (unsigned int i = 0; i < 3; i++)
		event(1, true, false, seq++, start, 480);
	start = ts += 160;
	for (unsigned int i = 0; i < 3; i++)
		event(1, true, i == 0, seq++, start, 400);
	assert_string_equal(told, "01(60) 01(50) ");
	*told = '\0';
	start = ts += 800;
	for (uint32_t ms = 20; ms <= 10000; ms += 20) {
		uint32_t units = ms * 8;
		event(11, false, ms == 20, seq++, units > 0xffff ? start + 0xffff : start,
			(uint16_t)(units > 0xffff ? units - 0xffff : units));
		pass_ms(20);
		n_out = 0;
	}
	event(11, true, false, seq++, start + 0xffff, 80000 - 0xffff);
	assert_string_equal(told, "0#(10000) ");
}

/* They leave with the number that the other leg has for them, and nothing else changes. */
static void test_renumbered(void **state)
{
	talk(2);
	n_out = 0;
	event(5, false, true, seq++, ts, 160);
	event(5, true, false, seq++, ts, 320);
	assert_int_equal(n_out, 2);
	assert_int_equal(out[0].pt, 97);
	assert_true(out[0].marker && !out[0].end && out[1].end);
	assert_int_equal(out[0].seq, 102);
	assert_int_equal(out[0].ts, ts);
	assert_int_equal(out[0].ssrc, SSRC);
	/* a number that a relayed direction says itself goes before that of the leg */
	session.leg[0].payloads[1].pt_out = 110;
	change();
	event(6, true, true, seq++, ts + 800, 320);
	assert_int_equal(out[2].pt, 110);
	/* nobody asked: they pass, and nothing is told */
	*told = '\0';
	session.leg[0].flags &= ~(uint32_t)DP_LEG_DTMF;
	change();
	event(7, true, true, seq++, ts + 1600, 320);
	assert_int_equal(out[3].pt, 110);
	assert_string_equal(told, "");
}

/* A leg without events misses nothing: what stays behind leaves no gap, however it came. */
static void test_cut(void **state)
{
	session.leg[1].send = (struct dp_send){.digits = DP_DIGITS_AWAY};
	change();
	talk(4);
	uint32_t start = ts, packets = n_out;
	for (unsigned int i = 0; i < 6; i++) {
		event(5, i > 2, i == 0, seq, start, (uint16_t)(i < 3 ? (i + 1) * 160 : 480));
		if (i % 2) /* comes twice */
			event(5, i > 2, i == 0, seq, start,
				(uint16_t)(i < 3 ? (i + 1) * 160 : 480));
		seq++;
		ts += 160;
		pass_ms(20);
	}
	assert_int_equal(n_out, packets);
	talk(4);
	assert_string_equal(told, "05(60) ");
	assert_int_equal(n_out, 8);
	assert_one_stream(0);
	assert_int_equal(out[4].ts, start + 6 * 160);
	assert_int_equal(out[0].ssrc, SSRC);
	assert_int_equal(rig_drops(rig, DP_DROP_DTMF), 9);
	/* and it goes on like that after the next change of the session */
	session.leg[0].timeout_ms = 1;
	change();
	event(6, true, true, seq++, ts, 320);
	talk(3);
	assert_int_equal(n_out, 11);
	assert_one_stream(0);
}

static int press(uint8_t code, uint32_t duration_ms)
{
	struct worker_msg msg = {
		.op = WORKER_PRESS, .press = {.slot = 0, .code = code, .duration_ms = duration_ms}};

	int r = rig_post(rig, 0, &msg);
	collect();
	return r;
}

/* The digits among what left, as a receiver hears them. */
static void hear(char *text, size_t max)
{
	struct vp_event events[VP_EVENT_RX_MAX];
	struct vp_event_rx rx;

	*text = '\0';
	vp_event_rx_init(&rx, 8000);
	for (unsigned int i = 0; i < n_out; i++) {
		uint8_t payload[4] = {out[i].code, (uint8_t)(out[i].end << 7),
			(uint8_t)(out[i].duration >> 8), (uint8_t)out[i].duration};
		if (out[i].pt != 97)
			continue;
		int n = vp_event_rx_put(
			&rx, payload, 4, out[i].ts, out[i].marker, out[i].us, events);
		for (int e = 0; e < n; e++) {
			size_t at = strlen(text);
			if (events[e].what == VP_EVENT_END)
				snprintf(text + at, max - at, "%c(%u) ",
					vp_event_digit(events[e].code), events[e].duration_ms);
		}
	}
}

/* Into voice: one SSRC, numbers that run on, three ends, no voice meanwhile, right timestamps. */
static void test_press(void **state)
{
	unsigned int ends = 0, markers = 0, voice = 0;
	uint32_t first_ts = 0;
	char text[100];

	talk(5);
	assert_int_equal(press(5, 100), 0);
	assert_int_equal(press(11, 40), 0);
	assert_int_equal(press(17, 40), -EINVAL);
	uint32_t at_ts = ts;
	talk(30);
	for (unsigned int i = 0; i < n_out; i++) {
		ends += out[i].pt == 97 && out[i].end;
		markers += out[i].pt == 97 && out[i].marker;
		voice += out[i].pt == 0;
		if (out[i].pt == 97 && out[i].marker && !first_ts)
			first_ts = out[i].ts;
	}
	hear(text, sizeof(text));
	assert_string_equal(text, "5(100) #(40) ");
	assert_int_equal(ends, 6);
	assert_int_equal(markers, 2);
	assert_one_stream(0);
	assert_int_equal(out[0].ssrc, SSRC);
	/* the timestamp of a press is what voice has at that time, within a packet */
	assert_true(first_ts - (at_ts - 320) <= 480);
	/* 5 packets of 20 ms and two ends, 2 and two: so long there was no voice */
	assert_in_range(voice, 35 - 12, 35 - 10);
	assert_int_equal(out[n_out - 1].pt, 0);
	assert_int_equal(out[n_out - 1].ts, ts - 160);
	assert_int_equal(rig_drops(rig, DP_DROP_DTMF), 35 - voice);
	assert_string_equal(told, ""); /* who asks for a digit is not told of it */
	/* a minute would be much; six seconds are one press */
	n_out = 0;
	assert_int_equal(press(0, 6000), 0);
	pass_ms(6200);
	hear(text, sizeof(text));
	assert_string_equal(text, "0(6000) ");
}

/* Into a stream that nothing was sent in so far; voice that begins later goes on behind it. */
static void test_press_first(void **state)
{
	char text[100];

	assert_int_equal(press(1, 60), 0);
	pass_ms(300);
	assert_int_equal(press(1, 60), 0);
	pass_ms(300);
	hear(text, sizeof(text));
	assert_string_equal(text, "1(60) 1(60) ");
	uint32_t gap = out[n_out - 1].ts - out[0].ts;
	assert_in_range(gap, 300 * 8 - 200, 300 * 8 + 200);
	talk(5);
	assert_one_stream(0);
	assert_int_equal(out[n_out - 1].pt, 0);
}

static void test_press_refused(void **state)
{
	struct worker_msg msg = {
		.op = WORKER_PRESS, .press = {.slot = 2, .code = 1, .duration_ms = 100}};

	assert_int_equal(rig_post(rig, 0, &msg), -ENOENT);
	msg.press.slot = RIG_SLOTS;
	assert_int_equal(rig_post(rig, 0, &msg), -ENOENT);
	for (int i = 0; i < VP_EVENT_TX_QUEUE; i++)
		assert_int_equal(press(1, 100), 0);
	assert_int_equal(press(1, 100), -ENOSPC);
	pass_ms(50);
	/* the leg says no in the middle: what waited is forgotten, voice passes again */
	session.leg[1].send = (struct dp_send){0};
	change();
	n_out = 0;
	assert_int_equal(press(1, 100), -EOPNOTSUPP);
	pass_ms(100);
	assert_int_equal(n_out, 0);
	talk(3);
	assert_int_equal(n_out, 3);
	/* and the stream goes while a digit is sent */
	session.leg[1].send.event_pt = 97;
	change();
	assert_int_equal(press(1, 1000), 0);
	event(5, false, true, seq++, ts, 160);
	msg = (struct worker_msg){.op = WORKER_STREAM_UNLINK, .unlink = {.slot = 0}};
	assert_int_equal(rig_post(rig, 0, &msg), 0);
	n_out = 0;
	pass_ms(300);
	assert_int_equal(n_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_told_overlapping, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_renumbered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut, set_up_ipv6, tear_down),
		cmocka_unit_test_setup_teardown(test_press, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_press, set_up_ipv6, tear_down),
		cmocka_unit_test_setup_teardown(test_press_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_press_refused, set_up, tear_down),
	};

	rig_eal("digits");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
