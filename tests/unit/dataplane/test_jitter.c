/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unit tests of dataplane/transcode/jitter.c. First each rule by a short script of packets and
 * what is to be played, then minutes of simulated networks with bounds on delay and concealment.
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

#include "dataplane/transcode/jitter.h"
#include "tests/unit/dataplane/signal.h"

#define HZ    8000
#define FRAME 160 /* 20 ms */

static struct vp_jitter *buffer(uint32_t min_ms, uint32_t max_ms)
{
	struct vp_jitter_conf conf = {.clock_hz = HZ,
		.min_ms = min_ms,
		.max_ms = max_ms,
		.payload_max = 200,
		.slots = 64};
	struct vp_jitter *j = NULL;

	assert_int_equal(vp_jitter_new(&conf, &j), 0);
	return j;
}

static void test_conf(void **state)
{
	static const struct vp_jitter_conf rows[] = {
		{.clock_hz = 0, .min_ms = 20, .max_ms = 200, .payload_max = 200, .slots = 64},
		{.clock_hz = HZ, .min_ms = 201, .max_ms = 200, .payload_max = 200, .slots = 64},
		{.clock_hz = HZ, .min_ms = 20, .max_ms = 501, .payload_max = 200, .slots = 64},
		{.clock_hz = HZ, .min_ms = 20, .max_ms = 200, .payload_max = 0, .slots = 64},
		{.clock_hz = HZ, .min_ms = 20, .max_ms = 200, .payload_max = 5000, .slots = 64},
		{.clock_hz = HZ, .min_ms = 20, .max_ms = 200, .payload_max = 200, .slots = 63},
		{.clock_hz = HZ, .min_ms = 20, .max_ms = 200, .payload_max = 200, .slots = 4},
		{.clock_hz = HZ, .min_ms = 20, .max_ms = 200, .payload_max = 200, .slots = 512},
	};
	struct vp_jitter *j = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(vp_jitter_new(&rows[i], &j), -EINVAL);
	j = buffer(20, 200);
	assert_int_equal(vp_jitter_set_bounds(j, 60, 40), -EINVAL);
	assert_int_equal(vp_jitter_set_bounds(j, 60, 60), 0);
	vp_jitter_free(j);
	vp_jitter_free(NULL);
}

/* ---- rules, one by one ---- */

/*
 * A script is words: time in ms, then what. "p5" puts packet 5 (timestamp 5 * 160), "p5+800" one
 * whose timestamp is 800 samples later, "m" marks it, "s2:" gives another SSRC; "n7" noise, "e7"
 * event; "b60" other bounds, 60 to 200 ms. "=x" asks once for 20 ms and expects x: a number (that packet is played), C (conceal),
 * S (silence), W (wait), N (noise), M<number> (played and to be merged). "!late" and so on: what
 * became of the packet put before.
 */
struct script {
	const char *what;
	uint32_t min_ms, max_ms;
	const char *text;
};

static const struct script scripts[] = {
	{"waits for the least delay, then plays in step", 20, 200,
		"0 p0 =W 10 =W 20 p1 =0 40 p2 =1 60 p3 =2 80 =3"},
	{"sorts what comes in another order", 40, 200, "0 p0 20 p2 21 p1 40 =0 60 =1 80 =2"},
	{"takes one that comes before the first as the first", 40, 200,
		"0 p1 5 p0 40 =0 60 p2 =1 80 p3 =2"},
	{"drops a duplicate before and after it was played", 20, 200,
		"0 p0 1 p0 !duplicate 20 p1 =0 21 p0 !duplicate 40 p2 =1 60 =2"},
	{"conceals one that is lost, and goes on in step", 40, 40,
		"0 p0 20 p1 40 =0 60 p3 =1 80 p4 =C 100 p5 =3 120 =4 140 =5"},
	{"fixed: one that comes too late is late", 40, 40,
		"0 p0 20 p1 40 =0 60 =1 80 =C 85 p2 !late 90 p3 p4 100 =3 120 =4"},
	{"adaptive: one that is late is played later", 20, 200,
		"0 p0 20 p1 =0 40 =1 60 =C 65 p2 70 p3 80 =2 100 =3"},
	{"adaptive: one that is lost after all costs no delay", 20, 200,
		"0 p0 20 p1 =0 40 =1 60 =C 61 p3 80 p4 =3 100 =4"},
	{"several lost", 20, 20, "0 p0 20 p1 =0 40 =1 60 =C 80 p4 =C 100 p5 =4 120 =5"},
	{"a hole in timestamps alone is silence", 20, 20,
		"0 p0 20 p1 =0 40 =1 60 p2m+160 =S 80 p3+160 =2 100 =3"},
	{"after noise nothing is lost but silence", 20, 20,
		"0 p0 20 n1 =0 40 =N =S 60 =S 80 =S 100 =S 120 =S 140 p2m+800 =S 160 =2"},
	{"an event holds its place", 20, 20,
		"0 p0 20 p1 =0 40 e2 =1 60 e3 =S 80 e4 =S 100 p5 =S 120 p6 =5 140 =6"},
	{"a lost packet before an event", 20, 20,
		"0 p0 20 p1 =0 40 e3 =1 60 e4 =S 80 p5 =S 100 p6 =5 120 =6"},
	{"another SSRC goes on", 20, 20,
		"0 p0 20 p1 =0 40 s2:p900 =1 60 s2:p901 =900 80 s2:p902 =901 100 =902"},
	{"the sequence starts anew", 20, 20,
		"0 p0 20 p1 =0 40 p30000-4799680 =1 60 p30001-4799680 =30000 80 =30001"},
	{"timestamps jump", 20, 20,
		"0 p0 20 p1 =0 40 p2+99999 =1 60 p3+99999 =2 80 p4+99999 =3 100 =4"},
	{"sequence numbers and timestamps wrap", 20, 20,
		"0 p65534 20 p65535 =65534 40 p65536 =65535 60 p65537 =65536 80 =65537"},
	{"a talk spurt that would start too early waits", 20, 200,
		"0 p0 20 n1 =0 40 =N =S 60 =S 80 =S 100 =S 120 =S 140 =S 160 =S 180 =S 200 =S "
		"220 =S 225 p2m+1280 b60 240 p3+1280 =S 260 p4+1280 =2 280 =3 300 =4"},
	{"nothing comes any more", 20, 40,
		"0 p0 20 =0 40 =C 60 =C 80 =C 100 =C 120 =C 140 =C 160 =C 180 =C 200 =C 220 =C "
		"240 =C 260 =C 280 =C 300 =C 320 =C 340 =W 360 =W 1000 p50 =W 1020 p51 =50 1040 "
		"=51"},
	{"nothing comes any more after an event", 20, 20,
		"0 p0 20 e1 =0 40 =S 60 =S 80 =S 100 =S 120 =S 140 =S 160 =S 180 =S 200 =S 220 =S "
		"240 =S 260 =S 280 =S 300 =S 320 =S 340 =W 360 =W 400 p20 =W 420 =20"},
	{"but after noise it may last", 20, 20,
		"0 p0 20 n1 =0 40 =N =S 60 =S 80 =S 100 =S 120 =S 140 =S 160 =S 180 =S 200 =S "
		"220 =S 240 =S 260 =S 280 =S 300 =S 320 =S 340 =S 360 =S 380 =S 400 =S 420 =S"},
	{"a burst beyond the bound is thrown away", 20, 60,
		"0 p0 20 p1 =0 40 p2 =1 60 =2 400 p3 p4 p5 p6 p7 p8 p9 p10 p11 p12 p13 p14 p15 p16 "
		"p17 p18 p19 p20 400 =16 420 =17"},
	{"too long or without duration", 20, 200, "0 x1 !refused 0 z1 !refused 20 p2 =W 40 =2"},
};

struct run {
	const char *what;
	struct vp_jitter *j;
	uint64_t now_us;
	enum vp_jitter_put put;
};

static void put(struct run *r, const char *word)
{
	uint8_t payload[300] = {0};
	struct vp_jitter_packet p = {.ssrc = 1, .duration_ts = FRAME, .payload = payload, .len = 4};
	char kind;
	char *end;
	long n;

	if (word[0] == 'b') {
		n = strtol(word + 1, NULL, 10);
		assert_int_equal(vp_jitter_set_bounds(r->j, (uint32_t)n, 200), 0);
		return;
	}
	if (word[0] == 's') {
		p.ssrc = (uint32_t)strtol(word + 1, &end, 10);
		word = end + 1;
	}
	kind = *word++;
	n = strtol(word, &end, 10);
	p.marker = *end == 'm' ? (end++, 1) : 0;
	p.seq = (uint16_t)n;
	p.timestamp = (uint32_t)(n * FRAME + (*end > ' ' ? strtol(end, NULL, 10) : 0)) +
		      0xff000000u;
	p.kind = kind == 'n' ? VP_JITTER_NOISE : kind == 'e' ? VP_JITTER_EVENT : VP_JITTER_VOICE;
	if (kind == 'x')
		p.len = 201;
	if (kind == 'z')
		p.duration_ts = 0;
	memcpy(payload, &n, 4);
	r->put = vp_jitter_put(r->j, &p, r->now_us);
}

static void ask(struct run *r, const char *want, const char *at)
{
	struct vp_jitter_chunk c;
	char got[16] = "";
	int32_t n = -1;

	vp_jitter_get(r->j, r->now_us, FRAME, false, &c);
	if (c.payload && c.what == VP_JITTER_PLAY)
		memcpy(&n, c.payload, 4);
	if (c.what == VP_JITTER_PLAY && c.kind == VP_JITTER_NOISE)
		strcpy(got, "N");
	else if (c.what == VP_JITTER_PLAY)
		snprintf(got, sizeof(got), "%s%d", c.merge ? "M" : "", n);
	else
		strcpy(got, c.what == VP_JITTER_CONCEAL	 ? "C"
			    : c.what == VP_JITTER_SILENT ? "S"
							 : "W");
	if (strncmp(got, want, strlen(got)) != 0 || (want[strlen(got)] > ' '))
		fail_msg("%s: %s instead of what is asked for at: %s", r->what, got, at);
	if (c.what != VP_JITTER_PLAY || c.kind != VP_JITTER_NOISE)
		if (c.duration_ts != FRAME)
			fail_msg("%s: %u samples at: %s", r->what, c.duration_ts, at);
}

static void run_script(const struct script *s)
{
	static const char *const names[] = {"taken", "duplicate", "late", "refused"};
	struct run r = {.what = s->what, .j = buffer(s->min_ms, s->max_ms), .now_us = 5000000};
	enum vp_jitter_put want = VP_JITTER_TAKEN;

	for (const char *w = s->text; *w;) {
		if (*w == '=')
			ask(&r, w + 1, w);
		else if (*w >= '0' && *w <= '9')
			r.now_us = 5000000 + (uint64_t)strtol(w, NULL, 10) * 1000;
		else
			put(&r, w);
		w += strcspn(w, " ");
		w += strspn(w, " ");
		want = VP_JITTER_TAKEN;
		for (int i = 1; i < 4 && *w == '!'; i++)
			if (strncmp(w + 1, names[i], strlen(names[i])) == 0)
				want = (enum vp_jitter_put)i;
		if (r.put != want)
			fail_msg("%s: packet is %s instead of %s before: %s", s->what, names[r.put],
				names[want], w);
		if (*w == '!') {
			w += strcspn(w, " ");
			w += strspn(w, " ");
		}
		r.put = VP_JITTER_TAKEN;
	}
	vp_jitter_free(r.j);
}

static void test_rules(void **state)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		run_script(&scripts[i]);
}

/* Other bounds while playing: steady packets, asked for until the delay is in them. */
static void test_bounds_change(void **state)
{
	static const struct {
		const char *what;
		uint32_t from_ms, min_ms, max_ms;
		bool quiet;
		uint32_t most_asks, low_ms, high_ms;
	} rows[] = {
		{"up in quiet", 20, 80, 80, true, 60, 70, 90},
		{"down in quiet", 140, 20, 60, true, 80, 20, 41},
		{"down in speech, beyond the bound", 140, 20, 60, false, 10, 60, 80},
		{"down in speech, within the bound", 200, 20, 200, false, 150, 20, 60},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vp_jitter *j = buffer(rows[i].from_ms, rows[i].from_ms);
		struct vp_jitter_stats st;
		for (uint16_t n = 0; n < 50 + rows[i].most_asks; n++) {
			struct vp_jitter_packet p = {.seq = n,
				.timestamp = n * FRAME,
				.duration_ts = FRAME,
				.payload = (uint8_t *)&n,
				.len = 2};
			struct vp_jitter_chunk c;
			vp_jitter_put(j, &p, n * 20000u);
			do
				vp_jitter_get(j, n * 20000u, FRAME, rows[i].quiet, &c);
			while (c.merge);
			vp_jitter_stats(j, &st);
			if (n == 49) {
				assert_in_range(st.delay_ms, rows[i].from_ms, rows[i].from_ms + 20);
				assert_int_equal(
					vp_jitter_set_bounds(j, rows[i].min_ms, rows[i].max_ms), 0);
			}
		}
		if (st.delay_ms < rows[i].low_ms || st.delay_ms > rows[i].high_ms)
			fail_msg("%s: %u ms", rows[i].what, st.delay_ms);
		assert_int_equal(st.late + st.lost + st.overflow, 0);
		vp_jitter_free(j);
	}
}

/* The packet behind a single lost one is shown, for codecs with forward error correction. */
static void test_next_payload(void **state)
{
	struct vp_jitter *j = buffer(60, 60);
	struct vp_jitter_chunk c;

	for (uint16_t seq = 0; seq < 6; seq++) {
		uint8_t byte = (uint8_t)seq;
		struct vp_jitter_packet p = {.seq = seq,
			.timestamp = seq * FRAME,
			.pt = 96,
			.duration_ts = FRAME,
			.payload = &byte,
			.len = 1};
		if (seq != 2 && seq != 3)
			vp_jitter_put(j, &p, seq * 20000u);
	}
	for (uint64_t at = 60; at <= 160; at += 20) {
		vp_jitter_get(j, at * 1000, FRAME, false, &c);
		if (at == 100) { /* of two lost in a row the first has no next */
			assert_int_equal(c.what, VP_JITTER_CONCEAL);
			assert_null(c.payload);
		} else if (at == 120) {
			assert_int_equal(c.what, VP_JITTER_CONCEAL);
			assert_int_equal(c.payload[0], 4);
			assert_int_equal(c.pt, 96);
		} else {
			assert_int_equal(c.what, VP_JITTER_PLAY);
			assert_int_equal(c.payload[0], at / 20 - 3);
		}
	}
	vp_jitter_free(j);
}

/* ---- networks ---- */

struct network {
	const char *what;
	uint32_t min_ms, max_ms;
	uint32_t ptime_ms, tick_ms;
	int32_t ppm;		  /* the sender's clock is faster */
	uint32_t jitter_ms;	  /* evenly spread */
	uint32_t loss_pct, burst; /* packets lost, in rows of burst */
	uint32_t dup_pct;
	uint32_t step_ms;   /* longer path in the second third */
	uint32_t stall_ms;  /* every 10 s nothing passes for so long, then all at once */
	uint32_t quiet_pct; /* of the time the talker is quiet, in spells of 1 s */
	bool dtx;	    /* and then sends nothing but noise */
	/* bounds: share of speech concealed beyond loss, in 0.1 %; average and highest delay */
	uint32_t concealed_permille, avg_ms, max_delay_ms;
};

static const struct network networks[] = {
	{"still", 20, 200, 20, 20, .concealed_permille = 0, .avg_ms = 23, .max_delay_ms = 23},
	{"jitter 20", 20, 200, 20, 20, .jitter_ms = 20, .quiet_pct = 40, .concealed_permille = 1,
		.avg_ms = 25, .max_delay_ms = 45},
	{"jitter 100", 20, 200, 20, 20, .jitter_ms = 100, .quiet_pct = 40, .concealed_permille = 3,
		.avg_ms = 105, .max_delay_ms = 120},
	{"jitter 100, one never quiet", 20, 200, 20, 20, .jitter_ms = 100, .concealed_permille = 3,
		.avg_ms = 105, .max_delay_ms = 120},
	{"jitter 100, bound 60", 20, 60, 20, 20, .jitter_ms = 100, .quiet_pct = 40,
		.concealed_permille = 400, .avg_ms = 65, .max_delay_ms = 65},
	{"jitter 60, 10 ms packets", 20, 200, 10, 20, .jitter_ms = 60, .quiet_pct = 40,
		.concealed_permille = 2, .avg_ms = 70, .max_delay_ms = 80},
	{"jitter 60, 60 ms packets", 20, 200, 60, 20, .jitter_ms = 60, .quiet_pct = 40,
		.concealed_permille = 3, .avg_ms = 110, .max_delay_ms = 160},
	{"jitter 60, 30 ms packets", 20, 200, 30, 20, .jitter_ms = 60, .quiet_pct = 40,
		.concealed_permille = 2, .avg_ms = 70, .max_delay_ms = 105},
	{"loss 5 %", 20, 200, 20, 20, .loss_pct = 5, .quiet_pct = 40, .concealed_permille = 1,
		.avg_ms = 23, .max_delay_ms = 23},
	{"loss 5 % in rows of 5, jitter 30", 20, 200, 20, 20, .loss_pct = 5, .burst = 5,
		.jitter_ms = 30, .quiet_pct = 40, .concealed_permille = 2, .avg_ms = 45,
		.max_delay_ms = 45},
	{"duplicates", 20, 200, 20, 20, .dup_pct = 30, .jitter_ms = 30, .quiet_pct = 40,
		.concealed_permille = 1, .avg_ms = 45, .max_delay_ms = 45},
	{"path 20 to 120 and back", 20, 200, 20, 20, .jitter_ms = 10, .step_ms = 100,
		.quiet_pct = 40, .concealed_permille = 2, .avg_ms = 30, .max_delay_ms = 145},
	{"path 20 to 420 and back", 20, 200, 20, 20, .jitter_ms = 10, .step_ms = 400,
		.quiet_pct = 40, .concealed_permille = 5, .avg_ms = 40, .max_delay_ms = 190},
	{"fast sender", 20, 200, 20, 20, .ppm = 200, .jitter_ms = 20, .quiet_pct = 40,
		.concealed_permille = 1, .avg_ms = 35, .max_delay_ms = 45},
	{"slow sender", 20, 200, 20, 20, .ppm = -200, .jitter_ms = 20, .quiet_pct = 40,
		.concealed_permille = 1, .avg_ms = 35, .max_delay_ms = 45},
	{"fast sender, never quiet", 20, 200, 20, 20, .ppm = 200, .jitter_ms = 20,
		.concealed_permille = 1, .avg_ms = 55, .max_delay_ms = 65},
	{"slow sender, never quiet", 20, 200, 20, 20, .ppm = -200, .jitter_ms = 20,
		.concealed_permille = 1, .avg_ms = 35, .max_delay_ms = 45},
	{"fixed 60, fast sender", 60, 60, 20, 20, .ppm = 200, .jitter_ms = 20, .quiet_pct = 40,
		.concealed_permille = 1, .avg_ms = 75, .max_delay_ms = 85},
	{"fixed 60, slow sender", 60, 60, 20, 20, .ppm = -200, .jitter_ms = 20, .quiet_pct = 40,
		.concealed_permille = 1, .avg_ms = 60, .max_delay_ms = 85},
	{"stalls of 150", 20, 200, 20, 20, .stall_ms = 150, .quiet_pct = 40,
		.concealed_permille = 15, .avg_ms = 75, .max_delay_ms = 190},
	{"stalls of a second", 20, 200, 20, 20, .stall_ms = 1000, .quiet_pct = 40,
		.concealed_permille = 35, .avg_ms = 200, .max_delay_ms = 210},
	{"DTX, jitter 40", 20, 200, 20, 20, .jitter_ms = 40, .quiet_pct = 50, .dtx = true,
		.concealed_permille = 1, .avg_ms = 45, .max_delay_ms = 45},
	{"DTX, loss 5 %, slow sender", 20, 200, 20, 20, .jitter_ms = 40, .quiet_pct = 50,
		.dtx = true, .loss_pct = 5, .ppm = -200, .concealed_permille = 5, .avg_ms = 55,
		.max_delay_ms = 65},
};

#define SECONDS 300
#define N_MAX	(SECONDS * 100)

struct sent {
	uint64_t at_us; /* arrival; UINT64_MAX: lost */
	uint16_t n;
	bool noise;
};

struct world {
	const struct network *net;
	struct sent sent[2 * N_MAX];
	uint32_t n_sent, n_voice, n_lost;
};

static bool is_quiet(const struct network *net, uint64_t us)
{
	return (us / 1000000 * 37) % 100 < net->quiet_pct;
}

static uint64_t arrival_us(const struct network *net, uint64_t us, uint32_t *seed)
{
	uint64_t third = SECONDS * UINT64_C(1000000) / 3, delay = 20000;

	if (net->jitter_ms)
		delay += signal_random(seed, net->jitter_ms * 1000);
	if (us >= third && us < 2 * third)
		delay += net->step_ms * 1000u;
	if (net->stall_ms && us >= 10000000 && us % 10000000 < net->stall_ms * 1000u)
		delay += net->stall_ms * 1000u - us % 10000000;
	return us + delay;
}

static int by_arrival(const void *a, const void *b)
{
	const struct sent *x = a, *y = b;

	return x->at_us < y->at_us ? -1 : x->at_us > y->at_us ? 1 : x->n - y->n;
}

static void send_all(struct world *w)
{
	const struct network *net = w->net;
	uint32_t seed = 7, loss = 0;
	uint64_t last_noise = 0;

	for (uint32_t n = 0; n < SECONDS * 1000 / net->ptime_ms; n++) {
		uint64_t us = n * (uint64_t)net->ptime_ms * (uint64_t)(1000000 - net->ppm) / 1000;
		bool noise = net->dtx && is_quiet(net, us);
		if (noise && last_noise && us - last_noise < 400000)
			continue;
		last_noise = noise ? us : 0;
		struct sent s = {
			.at_us = arrival_us(net, us, &seed), .n = (uint16_t)n, .noise = noise};
		uint32_t row = net->burst ? net->burst : 1;
		if (!loss && net->loss_pct && signal_random(&seed, 100 * row) < net->loss_pct)
			loss = row;
		w->n_voice += !noise;
		if (loss) {
			loss--;
			w->n_lost++;
			s.at_us = UINT64_MAX;
		}
		w->sent[w->n_sent++] = s;
		if (net->dup_pct && s.at_us != UINT64_MAX &&
			signal_random(&seed, 100) < net->dup_pct) {
			s.at_us += signal_random(&seed, 30000);
			w->sent[w->n_sent++] = s;
		}
	}
}

/* Sequence numbers go on over what DTX does not send. */
static uint32_t number_all(struct world *w, uint16_t *seq_of)
{
	uint32_t seq = 60000;
	int last = -1;

	for (uint32_t i = 0; i < w->n_sent; i++)
		if ((int)w->sent[i].n != last) {
			last = w->sent[i].n;
			seq_of[last] = (uint16_t)seq++;
		}
	return seq - 60000;
}

struct heard {
	uint32_t played, conceal_ts, other_ts;
	int last;
};

static void listen(
	struct world *w, struct vp_jitter *j, uint64_t now_us, uint32_t *queued, struct heard *h)
{
	uint32_t tick_ts = w->net->tick_ms * (HZ / 1000);
	bool quiet = now_us > 60000 && is_quiet(w->net, now_us - 60000);

	for (unsigned int asks = 0; *queued < tick_ts; asks++) {
		struct vp_jitter_chunk c;
		assert_true(asks < 100);
		vp_jitter_get(j, now_us, tick_ts - *queued, quiet, &c);
		if (c.what == VP_JITTER_PLAY && c.kind == VP_JITTER_VOICE) {
			int32_t n;
			memcpy(&n, c.payload, 4);
			/* in order, none twice */
			assert_true(n > h->last);
			h->last = n;
			h->played++;
			if (c.merge)
				c.duration_ts = 0;
		} else if (c.what == VP_JITTER_CONCEAL) {
			h->conceal_ts += c.duration_ts;
		} else {
			assert_true(c.duration_ts <= tick_ts - *queued);
			h->other_ts += c.duration_ts;
		}
		*queued += c.duration_ts;
	}
	*queued -= tick_ts;
}

static void simulate(const struct network *net)
{
	static struct world w;
	static uint16_t seq_of[N_MAX];
	struct vp_jitter *j = buffer(net->min_ms, net->max_ms);
	struct heard h = {.last = -1};
	struct vp_jitter_stats st;
	uint32_t queued = 0, at = 0, n_seq;

	memset(&w, 0, sizeof(w));
	w.net = net;
	send_all(&w);
	n_seq = number_all(&w, seq_of);
	qsort(w.sent, w.n_sent, sizeof(w.sent[0]), by_arrival);
	for (uint64_t now = 3000; now < SECONDS * UINT64_C(1000000); now += net->tick_ms * 1000u) {
		for (; at < w.n_sent && w.sent[at].at_us <= now; at++) {
			int32_t n = w.sent[at].n;
			struct vp_jitter_packet p = {.ssrc = 5,
				.seq = seq_of[n],
				.timestamp = (uint32_t)n * net->ptime_ms * (HZ / 1000) - 9000u,
				.kind = w.sent[at].noise ? VP_JITTER_NOISE : VP_JITTER_VOICE,
				.duration_ts = net->ptime_ms * (HZ / 1000),
				.payload = (uint8_t *)&n,
				.len = 4};
			vp_jitter_put(j, &p, w.sent[at].at_us);
		}
		listen(&w, j, now, &queued, &h);
	}
	vp_jitter_stats(j, &st);
	uint32_t frames = w.n_voice, lost = w.n_lost;
	uint32_t conceal = h.conceal_ts / (net->ptime_ms * (HZ / 1000));
	uint32_t extra = conceal > lost ? conceal - lost : 0;
	if (extra * 1000 > frames * net->concealed_permille || st.delay_avg_ms > net->avg_ms ||
		st.delay_max_ms > net->max_delay_ms)
		fail_msg("%s: %u of %u concealed beyond %u lost, delay %u on average, %u at most",
			net->what, extra, frames, lost, st.delay_avg_ms, st.delay_max_ms);
	/* whatever was sent was played, lost, late or thrown away (or is still on its way) */
	assert_in_range(st.played + st.lost + st.overflow, n_seq - 15u, n_seq);
	vp_jitter_free(j);
}

static void test_networks(void **state)
{
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
		simulate(&networks[i]);
}

/*
 * Packet times that change every second, at the highest clock: all is played, in order, nothing is
 * concealed once the buffer has seen the longest, and the delay stays inside what that needs.
 */
static void test_packet_times_change(void **state)
{
	static const uint32_t ptimes_ms[] = {20, 60, 10, 30, 60, 20, 40, 10};
	struct vp_jitter_conf conf = {
		.clock_hz = 48000, .min_ms = 20, .max_ms = 200, .payload_max = 8, .slots = 64};
	struct vp_jitter_stats st;
	struct vp_jitter *j = NULL;
	uint32_t seed = 2, ts = 0, queued = 0, concealed_late = 0;
	uint64_t sent_us = 0;
	uint16_t seq = 0;

	assert_int_equal(vp_jitter_new(&conf, &j), 0);
	for (uint64_t now = 5000; now < 40000000; now += 20000) {
		for (uint32_t ptime; sent_us + 30000 < now; sent_us += ptime * 1000) {
			ptime = ptimes_ms[sent_us / 1000000 % 8];
			/* a packet is sent when it is full */
			uint64_t at = sent_us + ptime * 1000 + signal_random(&seed, 10000);
			struct vp_jitter_packet p = {.seq = seq,
				.timestamp = ts,
				.duration_ts = ptime * 48,
				.payload = (const uint8_t *)&seq,
				.len = 2};
			if (at > now)
				break;
			assert_int_equal(vp_jitter_put(j, &p, at), VP_JITTER_TAKEN);
			seq++;
			ts += ptime * 48;
		}
		while (queued < 960) {
			struct vp_jitter_chunk c;
			vp_jitter_get(j, now, 960 - queued, false, &c);
			queued += c.merge ? 0 : c.duration_ts;
			if (now > 2500000 && c.what == VP_JITTER_CONCEAL)
				concealed_late += c.duration_ts;
		}
		queued -= 960;
	}
	vp_jitter_stats(j, &st);
	assert_int_equal(st.lost + st.late + st.overflow + st.resyncs, 0);
	assert_true(st.played + 10 > seq);
	if (concealed_late > 48 * 200 || st.delay_max_ms > 160)
		fail_msg("%u ms concealed, delay %u at most", concealed_late / 48, st.delay_max_ms);
	vp_jitter_free(j);
}

/* Only packets of the same length become one, or there would be no telling how to fade. */
static void test_merges_equals(void **state)
{
	for (uint32_t other = 1; other <= 2; other++) {
		struct vp_jitter *j = buffer(140, 140);
		struct vp_jitter_chunk c = {.merge = false};
		uint32_t ts = 0, queued = 0, merged = 0;

		for (uint16_t n = 0; n < 200; n++) {
			uint32_t len = n % 2 ? FRAME : other * FRAME;
			struct vp_jitter_packet p = {.seq = n,
				.timestamp = ts,
				.duration_ts = len,
				.payload = (const uint8_t *)&n,
				.len = 2};
			vp_jitter_put(j, &p, ts * UINT64_C(125));
			ts += len;
			for (queued += len; queued >= FRAME;) {
				struct vp_jitter_chunk before = c;
				vp_jitter_get(j, (ts - queued) * UINT64_C(125), FRAME, true, &c);
				if (before.merge)
					assert_true(c.what == VP_JITTER_PLAY && !c.merge &&
						    c.duration_ts == before.duration_ts);
				merged += c.merge;
				queued -= c.merge || c.duration_ts > queued ? 0 : c.duration_ts;
				if (c.duration_ts > queued)
					break;
			}
			if (n == 50)
				assert_int_equal(vp_jitter_set_bounds(j, 20, 60), 0);
		}
		assert_true(other == 1 ? merged > 2 : merged == 0);
		vp_jitter_free(j);
	}
}

/*
 * Anything may come: numbers at random, bursts, long silence. Asking always ends, and half a second
 * after an orderly stream is back each of its packets is played, with a delay inside the bounds.
 */
static void test_recovers(void **state)
{
	struct vp_jitter *j = buffer(20, 200);
	struct vp_jitter_chunk c;
	struct vp_jitter_stats before, after;
	uint64_t now = 1000000;
	uint32_t seed = 3;
	uint8_t payload[200] = {0};

	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 200; i++) {
			struct vp_jitter_packet p = {.ssrc = signal_random(&seed, 2),
				.seq = (uint16_t)signal_random(&seed, round % 2 ? 100 : 65536),
				.timestamp = signal_random(&seed, round % 3 ? 20000 : UINT32_MAX),
				.kind = (uint8_t)signal_random(&seed, 3),
				.duration_ts = signal_random(&seed, 1000),
				.payload = payload,
				.len = signal_random(&seed, 210)};
			vp_jitter_put(j, &p, now);
			now += signal_random(&seed, round % 5 ? 40000 : 3000000);
			vp_jitter_get(j, now, FRAME, signal_random(&seed, 2), &c);
			assert_true(c.duration_ts <= 1000);
		}
		for (uint16_t i = 0; i < 200; i++) {
			struct vp_jitter_packet p = {.ssrc = 7,
				.seq = i,
				.timestamp = i * FRAME,
				.duration_ts = FRAME,
				.payload = payload,
				.len = 160};
			vp_jitter_put(j, &p, now + 1000);
			vp_jitter_get(j, now += 20000, FRAME, false, &c);
			if (i == 50)
				vp_jitter_stats(j, &before);
		}
		vp_jitter_stats(j, &after);
		assert_in_range(after.played - before.played, 149 - 5, 149 + 5);
		assert_int_equal(after.late, before.late);
		assert_true(after.delay_ms <= 200 + 100);
	}
	vp_jitter_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_bounds_change),
		cmocka_unit_test(test_next_payload),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_packet_times_change),
		cmocka_unit_test(test_merges_equals),
		cmocka_unit_test(test_recovers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
