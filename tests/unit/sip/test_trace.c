/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rings of messages: what is kept for how long, whose it is, and what nobody may read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sip-b2bua/trace/trace.h"

#define LIMIT (1024u * 1024)
#define MAX   4096

static struct trace *start(size_t limit)
{
	struct trace *t = trace_new();

	assert_non_null(t);
	assert_int_equal(trace_limit(t, limit), 0);
	return t;
}

static void put(
	struct trace *t, uint64_t us, const char *call_id, const char *text, size_t n, bool begins)
{
	struct trace_msg msg = {.wall_us = us, .transport = 1, .bytes = {text, n}};

	trace_put(t, &msg, view_of(call_id), begins);
}

static void say(struct trace *t, uint64_t us, const char *call_id, const char *text)
{
	put(t, us, call_id, text, strlen(text), true);
}

static void expect(struct trace *t, uint64_t id, unsigned int n, const char *const *texts)
{
	struct trace_msg msgs[16];

	assert_int_equal(trace_read(t, id, msgs, 16), n);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(msgs[i].bytes.n, strlen(texts[i]));
		assert_memory_equal(msgs[i].bytes.p, texts[i], msgs[i].bytes.n);
	}
}

/* Two legs with Call-IDs of their own are one call; strangers and non-calls are not in it. */
static void test_legs(void **state)
{
	static const char *const want[] = {"INVITE a", "INVITE b", "200 b", "200 a"};
	static const char sent[] =
		"BYE sip:x SIP/2.0\r\nVia: v\r\nCall-ID: b\r\nCSeq: 2 BYE\r\n\r\n";
	struct trace *t = start(LIMIT);
	struct trace_msg msgs[8], bye = {.wall_us = 5, .sent = 1, .bytes = VIEW(sent)};

	say(t, 1, "a", "INVITE a");
	trace_name(t, VIEW("a"), 7, TRACE_LEG_A);
	trace_name(t, VIEW("b"), 7, TRACE_LEG_B);
	say(t, 2, "b", "INVITE b");
	say(t, 3, "c", "INVITE c");
	put(t, 3, "d", "OPTIONS d", 9, false);
	put(t, 3, "b", "200 b", 5, false);
	put(t, 4, "a", "200 a", 5, false);
	expect(t, 7, 4, want);
	assert_int_equal(trace_read(t, 8, msgs, 8), 0);
	assert_int_equal(trace_read(t, 7, msgs, 8), 4);
	assert_int_equal(msgs[0].leg, TRACE_LEG_A);
	assert_int_equal(msgs[1].leg, TRACE_LEG_B);
	/* octets of our own making */
	trace_put_sent(t, &bye);
	assert_int_equal(trace_read(t, 7, msgs, 8), 5);
	assert_int_equal(msgs[4].leg, TRACE_LEG_B);
	assert_int_equal(msgs[4].sent, 1);
	bye.bytes = VIEW("SIP/2.0 200 OK\r\nCall-ID: zz\r\n\r\n");
	trace_put_sent(t, &bye); /* of nobody's call */
	bye.bytes = VIEW("BYE sip:x SIP/2.0\r\n\r\nCall-ID: b\r\n");
	trace_put_sent(t, &bye); /* in the body */
	bye.bytes = VIEW("\r\n\r\n");
	trace_put_sent(t, &bye);
	bye.bytes = VIEW("BYE\r\nCall-ID:");
	trace_put_sent(t, &bye);
	assert_int_equal(trace_read(t, 7, msgs, 8), 5);
	/* fewer than there are */
	memset(msgs, 0, sizeof(msgs));
	assert_int_equal(trace_read(t, 7, msgs, 2), 5);
	assert_null(msgs[2].bytes.p);
	trace_free(t);
}

/* The setup of a long call is forgotten; its end is found by the name that it gets then. */
static void test_late_name(void **state)
{
	static const char *const want[] = {"BYE a", "BYE b", "200 b"};
	struct trace *t = start(LIMIT);

	trace_name(t, VIEW("a"), 7, TRACE_LEG_A); /* of nothing yet */
	say(t, 1, "a", "BYE a");
	trace_name(t, VIEW("a"), 7, TRACE_LEG_A);
	trace_name(t, VIEW("b"), 7, TRACE_LEG_B);
	say(t, 2, "b", "BYE b");
	say(t, 3, "b", "200 b");
	expect(t, 7, 3, want);
	trace_free(t);
	/* both legs spoke before anybody knew whose they are */
	t = start(LIMIT);
	say(t, 1, "a", "BYE a");
	say(t, 2, "b", "BYE b");
	trace_name(t, VIEW("b"), 7, TRACE_LEG_B);
	trace_name(t, VIEW("a"), 7, TRACE_LEG_A);
	say(t, 3, "b", "200 b");
	expect(t, 7, 3, want);
	trace_free(t);
}

static void flood(struct trace *t, unsigned int n)
{
	static char big[1000];
	char call_id[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(call_id, sizeof(call_id), "flood%u", i);
		put(t, 100 + i, call_id, big, sizeof(big), true);
	}
}

static void test_failed_stay(void **state)
{
	static const char *const want[] = {"INVITE a", "404 a", "ACK a"};
	struct trace *t = start(LIMIT);
	struct trace_stats stats;
	struct trace_msg msgs[4];

	say(t, 1, "a", "INVITE a");
	say(t, 2, "ok", "INVITE ok");
	trace_name(t, VIEW("a"), 7, TRACE_LEG_A);
	trace_name(t, VIEW("ok"), 8, TRACE_LEG_A);
	trace_failed(t, 7);
	say(t, 3, "a", "404 a");
	say(t, 4, "a", "ACK a");
	flood(t, 5000);
	assert_int_equal(trace_read(t, 8, msgs, 4), 0);
	expect(t, 7, 3, want);
	trace_stats(t, &stats);
	assert_true(stats.octets <= LIMIT / 2);
	assert_true(stats.octets > LIMIT / 2 - 4096);
	assert_true(stats.octets_failed > 0 && stats.octets_failed < 1000);
	assert_int_equal(stats.n_messages, 5004);
	/* failures give way to newer failures */
	for (uint64_t id = 100; id < 4000; id++) {
		char call_id[32];

		snprintf(call_id, sizeof(call_id), "fail%u", (unsigned int)id);
		say(t, id, call_id, "INVITE x and some more of it, so that it has a length");
		trace_name(t, view_of(call_id), id, TRACE_LEG_A);
		trace_failed(t, id);
	}
	flood(t, 3000);
	assert_int_equal(trace_read(t, 3999, msgs, 4), 1);
	flood(t, 3000);
	trace_stats(t, &stats);
	assert_true(stats.octets_failed <= LIMIT / 2);
	trace_free(t);
}

/* The longest messages, of one call that failed: it pushes itself out and is never lost wholly. */
static void test_one_huge(void **state)
{
	struct trace *t = start(1); /* the least there is */
	char *big = malloc(65535);
	struct trace_msg msgs[16];
	struct trace_stats stats;

	memset(big, 'y', 65535);
	put(t, 1, "a", big, 65535, true);
	trace_name(t, VIEW("a"), 7, TRACE_LEG_A);
	trace_failed(t, 7);
	for (unsigned int i = 0; i < 100; i++) {
		put(t, 2 + i, "a", big, 65535 - i, true);
		unsigned int n = trace_read(t, 7, msgs, 16);

		assert_true(n >= 1 && n <= 8);
		assert_int_equal(msgs[n - 1].wall_us, 2 + i);
		assert_int_equal(msgs[n - 1].bytes.n, 65535 - i);
	}
	trace_stats(t, &stats);
	assert_true(
		stats.octets <= TRACE_LIMIT_MIN / 2 && stats.octets_failed <= TRACE_LIMIT_MIN / 2);
	assert_int_equal(stats.n_calls, 1);
	free(big);
	trace_free(t);
}

/* ---- against a model: lists of what was put ---- */

struct model {
	uint64_t us;
	unsigned int call;
	size_t n;
};

static void test_model(void **state)
{
	enum { CALLS = 200, STEPS = 60000 };
	static struct model puts[STEPS];
	static char text[4000];
	struct trace_msg *msgs = malloc(MAX * sizeof(*msgs));
	bool failed[CALLS] = {false};
	struct trace *t = start(LIMIT);
	struct trace_stats stats;
	char call_id[32];
	uint64_t rng = 5;
	unsigned int n_puts = 0;

	assert_non_null(msgs);
	for (unsigned int step = 0; step < STEPS; step++) {
		unsigned int call, leg;

		rng = rng * 6364136223846793005u + 1442695040888963407u;
		/* a few calls speak often, others hardly ever: those lose their names now and then */
		call = (unsigned int)(rng >> 33) % CALLS;
		call = call * call / CALLS;
		leg = (unsigned int)(rng >> 50) & 1;
		snprintf(call_id, sizeof(call_id), "%u.%u", call, leg);
		puts[n_puts] = (struct model){step, call, (unsigned int)(rng >> 40) % sizeof(text)};
		put(t, step, call_id, text, puts[n_puts].n, true);
		n_puts++;
		trace_name(t, view_of(call_id), call + 1, leg);
		if ((rng >> 20) % 3000 == 0) {
			failed[call] = true;
			trace_failed(t, call + 1);
		}
		if (step % 500 != 499)
			continue;
		uint64_t total = 0;

		for (call = 0; call < CALLS; call++) {
			unsigned int n = trace_read(t, call + 1, msgs, MAX), at = n_puts;

			assert_true(n <= MAX);
			total += n;
			/* The newest ones, each once, in order; only failed calls may have gaps, none
			 * of them here as their ring is served in the same order. */
			for (unsigned int i = n; i-- > 0;) {
				do
					at--;
				while (puts[at].call != call);
				if (!failed[call])
					assert_int_equal(msgs[i].wall_us, puts[at].us);
				while (puts[at].us != msgs[i].wall_us)
					at--;
				assert_int_equal(puts[at].call, call);
				assert_int_equal(msgs[i].bytes.n, puts[at].n);
				assert_true(i == 0 || msgs[i - 1].wall_us < msgs[i].wall_us);
			}
		}
		trace_stats(t, &stats);
		assert_int_equal(stats.n_now, total);
		assert_true(stats.octets <= LIMIT / 2 && stats.octets_failed <= LIMIT / 2);
	}
	/* Another limit forgets; none keeps nothing. */
	assert_int_equal(trace_limit(t, 2 * LIMIT), 0);
	trace_stats(t, &stats);
	assert_int_equal(stats.n_now + stats.n_calls + stats.octets, 0);
	say(t, 1, "a", "INVITE");
	assert_int_equal(trace_limit(t, 0), 0);
	say(t, 1, "a", "INVITE");
	trace_name(t, VIEW("a"), 7, TRACE_LEG_A);
	trace_failed(t, 7);
	assert_int_equal(trace_read(t, 7, msgs, MAX), 0);
	free(msgs);
	trace_free(t);
}

/* ---- masking ---- */

static void test_mask(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"BYE s SIP/2.0\r\nAuthorization: Digest username=\"bob\", realm=\"r\", "
		 "nonce=\"n1\", "
		 "cnonce=\"c\", response=\"0123abcd\"\r\n\r\n",
			"BYE s SIP/2.0\r\nAuthorization: Digest username=\"bob\", realm=\"r\", "
			"nonce=\"xx\", cnonce=\"x\", response=\"xxxxxxxx\"\r\n\r\n"},
		{"I\r\nproxy-authorization : DIGEST a=b,\r\n\tresponse=01ab,x=y\r\nSubject: "
		 "response=7\r\n",
			"I\r\nproxy-authorization : DIGEST a=b,\r\n\tresponse=xxxx,x=y\r\nSubject: "
			"response=7\r\n"},
		{"I\r\nAuthorization: Basic dXNlcg==\r\n\r\n",
			"I\r\nAuthorization: Basicxxxxxxxxx\r\n\r\n"},
		{"I\r\nAuthorization: Bearer a\r\n b\r\nTo: c\r\n\r\n",
			"I\r\nAuthorization: Bearerxx\r\nxx\r\nTo: c\r\n\r\n"},
		{"I\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
		 "inline:abc+/=|2^20|1:4;inline:def\r\na=ice-pwd:secret\r\nk=clear:pw\r\n",
			"I\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
			"inline:xxxxxx|2^20|1:4;inline:xxx\r\na=ice-pwd:xxxxxx\r\nk=xxxxxxxx\r\n"},
		{"I\r\n\r\na=key-mgmt:mikey AQAF\r\na=rtpmap:0 PCMU/8000\r\n",
			"I\r\n\r\na=key-mgmt:mikeyxxxxx\r\na=rtpmap:0 PCMU/8000\r\n"},
		{"I\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\nDuration=160\r\n",
			"I\r\nContent-Type: "
			"application/dtmf-relay\r\n\r\nSignal=x\r\nDuration=160\r\n"},
		{"I\r\nContent-Type: application/dtmf\r\n\r\n11",
			"I\r\nContent-Type: application/dtmf\r\n\r\nxx"},
		{"I\r\nc: application/dtmf\r\n\r\n7\r\n", "I\r\nc: application/dtmf\r\n\r\nx\r\n"},
		{"N\r\nContent-Type: application/kpml-response+xml\r\n\r\n<r code=\"200\" "
		 "digits=\"12\"/>",
			"N\r\nContent-Type: application/kpml-response+xml\r\n\r\n<r code=\"200\" "
			"digits=\"xx\"/>"},
		{"no lines at all", "no lines at all"},
		{"", ""},
		{"A\n\na=crypto:1 X inline:q", "A\n\na=crypto:1 X inline:x"},
		{"A\nAuthorization:", "A\nAuthorization:"},
		{"A\nAuthorization", "A\nAuthorization"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), "%s", rows[i].in);
		trace_mask(text, strlen(text));
		assert_string_equal(text, rows[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legs),
		cmocka_unit_test(test_late_name),
		cmocka_unit_test(test_failed_stay),
		cmocka_unit_test(test_one_huge),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
