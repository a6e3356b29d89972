/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What admission stands on, each for itself: budgets from several threads at once, the bandwidth of codecs
 * against figures worked out by hand, windows of toll limits, and the parameters of RFC 7339.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sip-b2bua/b2b/budget.h"
#include "sip-b2bua/b2b/toll.h"
#include "sip-b2bua/parser/sip_oc.h"
#include "sip-b2bua/sdp/bandwidth.h"

/* ---- budgets ---- */

static struct budgets all;

static void test_budget(void **state)
{
	struct budget *b;
	uint32_t index;

	budgets_init(&all);
	index = budget_of(&all, "link WAN1");
	assert_int_equal(budget_of(&all, "link WAN1"), index);
	assert_int_not_equal(budget_of(&all, "link WAN2"), index);
	b = budget_at(&all, index);
	/* no limit at first */
	for (unsigned int i = 0; i < 5; i++)
		assert_true(budget_call_take(b, false));
	/* lowered under load: what is there stays, nothing is added, less is always granted */
	assert_true(budget_bps_move(b, 0, 400000, false));
	budget_limit(b, 2, 0, 100);
	assert_false(budget_call_take(b, false));
	assert_true(budget_call_take(b, true));
	assert_false(budget_bps_move(b, 0, 1, false));
	assert_true(budget_bps_move(b, 400000, 99000, false));
	assert_true(budget_bps_move(b, 0, 1000, false));
	assert_false(budget_bps_move(b, 1000, 1001, false));
	assert_int_equal(atomic_load(&b->bps), 100000);
	assert_int_equal(atomic_load(&b->peak_bps), 400000);
	assert_int_equal(atomic_load(&b->peak_calls), 6);
	assert_int_equal(atomic_load(&b->refused[BUDGET_CALLS]), 1);
	assert_int_equal(atomic_load(&b->refused[BUDGET_BANDWIDTH]), 2);
	for (unsigned int i = 0; i < 6; i++)
		budget_call_give(b);
	assert_true(budget_bps_move(b, 100000, 0, false));
	budget_peaks_reset(b);
	assert_int_equal(atomic_load(&b->peak_calls), 0);
	assert_int_equal(atomic_load(&b->peak_bps), 0);
	assert_int_equal(atomic_load(&b->refused[BUDGET_CALLS]), 0);
	/* two in a second, at once or not */
	budget_limit(b, 0, 2, 0);
	assert_true(budget_rate_take(b, 5000000, false));
	assert_true(budget_rate_take(b, 5000000, false));
	assert_false(budget_rate_take(b, 5000000, false));
	assert_true(budget_rate_take(b, 5500000, false));
	/* a key that is too long has no budget, and more of them than a chunk holds are found again */
	char key[BUDGET_KEY_MAX + 1];

	memset(key, 'x', sizeof(key));
	key[BUDGET_KEY_MAX] = '\0';
	assert_int_equal(budget_of(&all, key), BUDGET_NONE);
	for (unsigned int i = 0; i < 3 * BUDGET_CHUNK; i++) {
		snprintf(key, sizeof(key), "user %u at phones", i);
		assert_int_not_equal(budget_of(&all, key), BUDGET_NONE);
	}
	assert_string_equal(budget_at(&all, budget_of(&all, "user 2000 at phones"))->key,
		"user 2000 at phones");
	assert_int_equal(atomic_load(&all.n), 2 + 3 * BUDGET_CHUNK);
	budgets_clear(&all);
}

#define ROUNDS 20000
#define LIMIT  3

static atomic_uint now, most;

static void *worker(void *arg)
{
	struct budget *b = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int n, m;

		if (!budget_call_take(b, false))
			continue;
		n = atomic_fetch_add(&now, 1) + 1;
		m = atomic_load(&most);
		while (n > m && !atomic_compare_exchange_weak(&most, &m, n))
			;
		if (budget_bps_move(b, 0, 64000, false))
			(void)budget_bps_move(b, 64000, 0, false);
		atomic_fetch_sub(&now, 1);
		budget_call_give(b);
	}
	return NULL;
}

/* Workers together never pass the limit, and nothing is left when they are done. */
static void test_threads(void **state)
{
	pthread_t threads[4];
	struct budget *b;

	budgets_init(&all);
	b = budget_at(&all, budget_of(&all, "trunk t0"));
	budget_limit(b, LIMIT, 0, 128);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, worker, b), 0);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&b->n_calls), 0);
	assert_int_equal(atomic_load(&b->bps), 0);
	assert_in_range(atomic_load(&most), 1, LIMIT);
	assert_in_range(atomic_load(&b->peak_calls), 1, LIMIT);
	assert_in_range(atomic_load(&b->peak_bps), 64000, 128000);
	budgets_clear(&all);
}

/* ---- bandwidth ---- */

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static uint64_t offered(const char *lines, const struct bandwidth_path *path)
{
	static const struct codec_policy any = {.transcoding = CFG_TRANSCODING_NEVER};
	static struct sdp sdp;
	char text[2048];

	snprintf(text, sizeof(text), "%s%s", HEAD, lines);
	assert_int_equal(sdp_parse(&sdp, view_of(text)), 0);
	return bandwidth_offered(&sdp, &any, NULL, 0, path);
}

static void test_bandwidth(void **state)
{
	static const struct bandwidth_path v4 = {.family = 4, .other_kbps = 1000};
	static const struct {
		const char *lines;
		struct bandwidth_path path;
		uint64_t bps;
	} rows[] = {
		/* (160 + 12 + 8 + 20 + 18) octets, 50 in a second */
		{"m=audio 4000 RTP/AVP 0\r\n", {.family = 4}, 87200},
		{"m=audio 4000 RTP/AVP 0\r\n", {.family = 6}, 95200},
		{"m=audio 4000 RTP/AVP 0\r\n", {.family = 4, .vlan = true}, 88800},
		{"m=audio 4000 RTP/AVP 0\r\n", {.family = 4, .srtp_tag = 10}, 91200},
		{"m=audio 4000 RTP/AVP 0\r\na=ptime:40\r\n", {.family = 4}, 75600},
		{"m=audio 4000 RTP/AVP 18\r\n", {.family = 4}, 31200},
		{"m=audio 4000 RTP/AVP 18\r\na=ptime:10\r\n", {.family = 4}, 54400},
		{"m=audio 4000 RTP/AVP 3\r\n", {.family = 4}, 36400},
		/* the widest of what is offered; events are none */
		{"m=audio 4000 RTP/AVP 18 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
			{.family = 4}, 87200},
		/* AMR 12.2: (4 + 6 + 244) bits in 32 octets; with a mode-set 4.75: 14 */
		{"m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\n", {.family = 4}, 36000},
		{"m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 mode-set=0\r\n",
			{.family = 4}, 28800},
		{"m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
		 "a=fmtp:96 maxaveragebitrate=20000\r\n",
			{.family = 4}, 43200},
		/* nobody knows it: what it says, else as G.711 and a bit */
		{"m=audio 4000 RTP/AVP 96\r\nb=AS:13\r\na=rtpmap:96 SILK/8000\r\n", {.family = 4},
			36400},
		{"m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 SILK/8000\r\n", {.family = 4}, 87600},
		/* refused lines take nothing, each other one counts */
		{"m=audio 0 RTP/AVP 0\r\n", {.family = 4}, 0},
		{"m=image 4000 udptl t38\r\n", {.family = 4, .other_kbps = 1000}, 0},
		{"m=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 18\r\n", {.family = 4}, 118400},
		/* video: by IP as it says, and Ethernet on each of its packets of 1200 octets */
		{"m=video 4000 RTP/AVP 97\r\nb=AS:512\r\na=rtpmap:97 VP8/90000\r\n", {.family = 4},
			519668},
		{"m=video 4000 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n",
			{.family = 4, .other_kbps = 1000}, 1014994},
		/* what cannot be read is not there */
		{"m=video 4000 RTP/AVP 97\r\nb=AS:-5\r\nb=AS:99999999999999\r\nb=X\r\nb=TIAS:\r\n",
			{.family = 4, .other_kbps = 1000}, 1014994},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t bps = offered(rows[i].lines, &rows[i].path);

		if (bps != rows[i].bps)
			fail_msg("%s: %llu, not %llu", rows[i].lines, (unsigned long long)bps,
				(unsigned long long)rows[i].bps);
	}
	/* absurd packet times are usual ones, and nothing overflows */
	assert_int_equal(offered("m=audio 4000 RTP/AVP 0\r\na=ptime:100000\r\n", &v4), 87200);
	assert_true(offered("m=video 4000 RTP/AVP 97\r\nb=AS:1000000000\r\n", &v4) <
		    UINT64_C(2000000000000));
}

/* ---- toll limits ---- */

static struct tolls tolls;

static void test_toll(void **state)
{
	struct cfg_toll limit = {.tag = 3, .period_s = 60, .calls = 2};
	struct ctl_toll copy;
	uint32_t a, b, c;

	tolls_init(&tolls);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1000000, &a), TOLL_FITS);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1010000, &b), TOLL_FITS);
	assert_int_equal(a, b);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1020000, &c), TOLL_CALLS);
	assert_int_equal(c, TOLL_NONE);
	/* others have windows of their own */
	assert_int_equal(toll_begin(&tolls, &limit, "trunk y", 1020000, &c), TOLL_FITS);
	toll_end(&tolls, c, 0, 1021000);
	/* the first call falls out of the window, the second one stays in it */
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1062000, &c), TOLL_FITS);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1064000, &b), TOLL_CALLS);
	assert_true(toll_copy(&tolls, a, 1064000, &copy));
	assert_int_equal(copy.n_calls, 3);
	assert_int_equal(copy.window_calls, 2);
	assert_int_equal(copy.n_refused, 2);
	assert_int_equal(copy.tripped_ms, 1064000);
	for (unsigned int i = 0; i < 3; i++)
		toll_end(&tolls, a, 0, 1070000);
	/* only an alarm: it is counted and goes on */
	limit.action = CFG_TOLL_ALARM;
	limit.calls = 1;
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1071000, &b), TOLL_CALLS);
	assert_int_equal(b, a);
	toll_end(&tolls, b, 0, 1072000);
	/* minutes: those of calls that are over and of calls that are up */
	limit = (struct cfg_toll){.tag = 4, .period_s = 3600, .minutes = 2};
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 5000000, &a), TOLL_FITS);
	toll_answered(&tolls, a, 5000000);
	toll_end(&tolls, a, 5000000, 5090000);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 5100000, &a), TOLL_FITS);
	toll_answered(&tolls, a, 5100000);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 5129000, &b), TOLL_FITS);
	toll_end(&tolls, b, 0, 5129500);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 5130000, &b), TOLL_MINUTES);
	assert_true(toll_copy(&tolls, a, 5130000, &copy));
	assert_int_equal(copy.window_s, 120);
	/* a clock that goes back takes no minute away and adds none */
	toll_end(&tolls, a, 5100000, 5000000);
	assert_true(toll_copy(&tolls, a, 5000000, &copy));
	assert_int_equal(copy.window_s, 90);
	toll_reset(&tolls, "trunk x");
	assert_true(toll_copy(&tolls, a, 5000000, &copy));
	assert_int_equal(copy.window_s, 0);
	/* calls at a time */
	limit = (struct cfg_toll){.tag = 5, .period_s = 3600, .max_conn = 1};
	assert_int_equal(toll_begin(&tolls, &limit, "tenant 7", 1000, &a), TOLL_FITS);
	assert_int_equal(toll_begin(&tolls, &limit, "tenant 7", 1000, &b), TOLL_CONN);
	toll_end(&tolls, a, 0, 1000);
	assert_int_equal(toll_begin(&tolls, &limit, "tenant 7", 1000, &a), TOLL_FITS);
	toll_end(&tolls, a, 0, 1000);
	tolls_clear(&tolls);
}

/* limen-control gives windows back, in any order with the calls. */
static void test_toll_restore(void **state)
{
	const struct cfg_toll limit = {.tag = 3, .period_s = 60, .calls = 2};
	struct ctl_toll copy;
	uint32_t a;

	tolls_init(&tolls);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1000000, &a), TOLL_FITS);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1000000, &a), TOLL_FITS);
	assert_true(toll_copy(&tolls, a, 1001000, &copy));
	tolls_clear(&tolls);
	tolls_init(&tolls);
	a = toll_again(&tolls, 3, "trunk x", 1000500);
	toll_restore(&tolls, &copy);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1002000, &a), TOLL_CALLS);
	assert_true(toll_copy(&tolls, 0, 1002000, &copy));
	assert_int_equal(copy.n_calls, 1);
	toll_end(&tolls, 0, 1000500, 1003000);
	assert_int_equal(toll_begin(&tolls, &limit, "trunk x", 1070000, &a), TOLL_FITS);
	toll_end(&tolls, a, 0, 1070000);
	tolls_clear(&tolls);
}

/* ---- RFC 7339 ---- */

static void test_oc_read(void **state)
{
	static const struct {
		const char *params;
		int rc;
		struct sip_oc oc;
	} rows[] = {
		{"branch=z9hG4bKx;oc=20;oc-algo=\"loss\";oc-validity=900;oc-seq=1282321615.782", 0,
			{SIP_OC_LOSS, 20, 900, 128232161578200}},
		{"oc=0;oc-validity=0;oc-seq=1.5", 0, {SIP_OC_LOSS, 0, 0, 150000}},
		{"OC=100;OC-Seq=1.00001;oc-algo=LOSS", 0, {SIP_OC_LOSS, 100, 500, 100001}},
		{"oc=150;oc-algo=\"rate\";oc-seq=1.0", 0, {SIP_OC_RATE, 150, 500, 100000}},
		{"oc=4000000000;oc-algo=\"rate\";oc-seq=1.0", 0, {SIP_OC_RATE, 65535, 500, 100000}},
		{"oc=5;oc-validity=4000000000;oc-seq=1.0", 0, {SIP_OC_LOSS, 5, 60000, 100000}},
		{"branch=z9hG4bKx", -ENOENT, {0}},
		{"oc", -ENOENT, {0}},
		{"oc=101;oc-seq=1.0", -EINVAL, {0}},
		{"oc=-1;oc-seq=1.0", -EINVAL, {0}},
		{"oc=many;oc-seq=1.0", -EINVAL, {0}},
		{"oc=99999999999999999999;oc-seq=1.0", -EINVAL, {0}},
		{"oc=20", -EINVAL, {0}},
		{"oc=20;oc-seq=1", -EINVAL, {0}},
		{"oc=20;oc-seq=1.", -EINVAL, {0}},
		{"oc=20;oc-seq=.1", -EINVAL, {0}},
		{"oc=20;oc-seq=1.123456", -EINVAL, {0}},
		{"oc=20;oc-seq=1234567890123.1", -EINVAL, {0}},
		{"oc=20;oc-seq=1.0;oc-validity=soon", -EINVAL, {0}},
		{"oc=20;oc-seq=1.0;oc-algo=\"window\"", -EINVAL, {0}},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_oc oc = {0};

		if (sip_oc_read(view_of(rows[i].params), true, &oc) != rows[i].rc)
			fail_msg("%s", rows[i].params);
		if (rows[i].rc < 0)
			continue;
		assert_int_equal(oc.algo, rows[i].oc.algo);
		assert_int_equal(oc.value, rows[i].oc.value);
		assert_int_equal(oc.validity_ms, rows[i].oc.validity_ms);
		assert_int_equal(oc.seq, rows[i].oc.seq);
	}
	/* a rate that nobody offered to keep to */
	struct sip_oc oc;

	assert_int_equal(
		sip_oc_read(VIEW("oc=5;oc-algo=\"rate\";oc-seq=1.0"), false, &oc), -EINVAL);
}

static void test_oc_answer(void **state)
{
	static const struct sip_oc own = {SIP_OC_LOSS, 25, 1000, 170000000000};
	static const struct {
		const char *in, *out; /* NULL: nothing is told */
	} rows[] = {
		{"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9;oc;oc-algo=\"loss\";rport=5\r\n"
		 "Via: SIP/2.0/UDP i;oc\r\nFrom: <sip:a@b>;oc=1\r\n\r\nbody",
			"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP "
			"h;branch=z9;rport=5;oc=25;oc-algo=\"loss\""
			";oc-validity=1000;oc-seq=1700000.00000\r\n"
			"Via: SIP/2.0/UDP i;oc\r\nFrom: <sip:a@b>;oc=1\r\n\r\nbody"},
		/* what the far end claims itself is not passed on */
		{"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;oc=0;oc-seq=9.9, SIP/2.0/UDP i;oc\r\n\r\n",
			"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP "
			"h;oc=25;oc-algo=\"loss\";oc-validity=1000"
			";oc-seq=1700000.00000, SIP/2.0/UDP i;oc\r\n\r\n"},
		{"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9\r\nX: ;oc\r\n\r\n", NULL},
		{"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nVia: SIP/2.0/UDP i;oc\r\n\r\n", NULL},
		{"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;oc;oc-algo=\"rate\"\r\n\r\n", NULL},
		{"SIP/2.0 200 OK\r\n\r\nVia: SIP/2.0/UDP h;oc\r\n", NULL},
		{"SIP/2.0 200 OK\r\nVia:", NULL},
		{"SIP/2.0 200", NULL},
		{"", NULL},
	};
	char text[1024];
	struct sip_buf out;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sip_buf_init(&out, text, sizeof(text));
		if (sip_oc_answer(view_of(rows[i].in), &own, &out) != (rows[i].out != NULL))
			fail_msg("%s", rows[i].in);
		if (rows[i].out) {
			assert_true(sip_oc_offered(view_of(rows[i].in)));
			text[out.n] = '\0';
			assert_string_equal(text, rows[i].out);
		}
	}
	/* the quick look is at the first Via alone */
	assert_false(
		sip_oc_offered(VIEW("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\n"
				    "Via: SIP/2.0/UDP i;oc\r\nX: ;oc\r\n\r\n;oc")));
	/* no room: the message goes without */
	sip_buf_init(&out, text, 40);
	assert_false(sip_oc_answer(view_of(rows[0].in), &own, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_bandwidth),
		cmocka_unit_test(test_toll),
		cmocka_unit_test(test_toll_restore),
		cmocka_unit_test(test_oc_read),
		cmocka_unit_test(test_oc_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
