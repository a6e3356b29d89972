/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The media map: what an offer and its answer make of the sessions in the data plane, and of the
 * descriptions that leave. No address of one side may show on the other.
 */
#include "sip-b2bua/sdp/media_map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct sdp sdp;
static struct media_map map;
static char printed[8192];

static struct ipaddr addr(const char *s)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(view_of(s), 0, &a), 0);
	return a;
}

static void start(void)
{
	static const uint64_t key[2] = {1, 2};
	struct cfg_realm access = {
		.name = "access", .dscp_media = 46, .media_timeout_s = 30, .latch = true};
	struct cfg_realm peering = {.name = "peering", .dscp_media = 34};
	struct ipaddr near = addr("10.1.0.1"), far = addr("2001:db8::1");

	access.media_ipv4 = near;
	peering.media_ipv6 = far;
	media_map_clear(&map);
	media_map_init(&map, 77, key);
	media_map_set_side(&map, 0, &access, &near);
	media_map_set_side(&map, 1, &peering, &far);
}

/* Leg 0 speaks IPv4, leg 1 IPv6. */
static const struct sdp *parse_of(unsigned int leg, const char *media)
{
	static const char *const from[] = {"IN IP4 192.168.7.7", "IN IP6 fd00::192.168.7.7"};
	static char text[4096];
	int n = snprintf(text, sizeof(text),
		"v=0\r\no=alice 1 1 %s\r\ns=secret\r\nc=%s\r\nt=0 0\r\n%s", from[leg], from[leg],
		media);

	if (sdp_parse(&sdp, (struct view){text, (size_t)n}) < 0)
		fail_msg("%s in\n%s", sdp.error, text);
	return &sdp;
}

static const struct sdp *parse(const char *media)
{
	return parse_of(0, media);
}

/* Until the answer the offerer hears whoever sends, and sends nothing to anybody. */
static void assert_early(const struct media_line *line)
{
	const struct dp_leg *to = &line->ctl.leg[map.offerer], *from = &line->ctl.leg[!map.offerer];
	const struct media_desc *offer = &line->pending[map.offerer];
	uint32_t any = line->any_pt ? DP_LEG_ANY_PT : 0;

	assert_false(ipaddr_is_set(&from->remote_rtp));
	if (offer->direction == SDP_SENDONLY || offer->direction == SDP_INACTIVE) {
		assert_int_equal(to->flags | from->flags, 0);
		return;
	}
	assert_int_equal(to->flags, DP_LEG_SEND | any);
	assert_int_equal(from->flags & ~(uint32_t)DP_LEG_DTMF, DP_LEG_RECV | DP_LEG_EARLY | any);
	assert_true(ipaddr_equal(&to->remote_rtp, &offer->rtp));
	assert_int_equal(from->n_payloads, offer->codecs.n);
	assert_int_equal(from->timeout_ms, 0);
}

/* What limen-control would answer: port numbers by line and leg. */
static void open_all(void)
{
	for (unsigned int i = 0; i < map.n_lines; i++) {
		struct ctl_media_opened reply = {0};

		if (map.line[i]->state != MEDIA_WANTED)
			continue;
		assert_int_equal(map.line[i]->ctl.leg[0].local.family, 4);
		assert_int_equal(map.line[i]->ctl.leg[1].local.family, 6);
		assert_early(map.line[i]);
		reply.local[0] = addr("10.1.0.1");
		reply.local[1] = addr("2001:db8::1");
		reply.local[0].port_be16 = htons((uint16_t)(20000 + 4 * i));
		reply.local[1].port_be16 = htons((uint16_t)(30000 + 4 * i));
		assert_int_equal(media_map_opened(&map, i, &reply), 0);
	}
	assert_true(media_map_all_open(&map));
}

static const char *print(const struct sdp *from, unsigned int to_leg)
{
	struct sip_buf b;

	sip_buf_init(&b, printed, sizeof(printed) - 1);
	assert_int_equal(media_map_print(&map, from, to_leg, &b), 0);
	printed[b.n] = '\0';
	assert_null(strstr(printed, "192.168."));
	assert_null(strstr(printed, "alice"));
	assert_null(strstr(printed, "secret"));
	return printed;
}

static void expect_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in\n%s", part, text);
}

static void expect_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in\n%s", part, text);
}

static void answer(const char *media, unsigned int leg, uint32_t want_set, uint32_t want_close)
{
	uint32_t set, close;
	const char *reason;

	assert_int_equal(
		media_map_answer(&map, parse_of(leg, media), leg, &set, &close, &reason), 0);
	assert_int_equal(set, want_set);
	assert_int_equal(close, want_close);
}

#define AUDIO "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"

static void test_call(void **state)
{
	const char *reason;
	const struct dp_leg *a, *b;
	const char *text;

	start();
	assert_int_equal(media_map_offer(&map,
				 parse(AUDIO "a=fmtp:101 0-15\r\na=ptime:20\r\n"
					     "a=candidate:1 1 UDP 1 192.168.7.7 1 typ "
					     "host\r\na=crypto:1 x inline:y\r\n"
					     "a=ssrc:1 cname:u@192.168.7.7\r\n"
					     "a=X-host:192.168.7.7\r\n"
					     "a=ice-ufrag:x\r\n"),
				 0, &reason),
		0);
	assert_false(media_map_all_open(&map));
	open_all();
	text = print(&sdp, 1);
	expect_has(text, "c=IN IP6 2001:db8::1\r\n");
	expect_has(text, "m=audio 30000 RTP/AVP 8 0 101\r\n");
	expect_has(text, "a=fmtp:101 0-15\r\n");
	expect_has(text, "a=ptime:20\r\n");
	expect_not(text, "candidate");
	expect_not(text, "crypto");
	expect_not(text, "ssrc");
	expect_not(text, "ice-");
	expect_not(text, "X-host");
	answer("m=audio 5000 RTP/AVP 0 96\r\na=rtpmap:96 G726-32/8000\r\na=rtcp:6001\r\n", 1, 1, 0);
	text = print(&sdp, 0);
	expect_has(text, "c=IN IP4 10.1.0.1\r\n");
	expect_has(text, "m=audio 20000 RTP/AVP 0 96\r\n");
	a = &map.line[0]->ctl.leg[0];
	b = &map.line[0]->ctl.leg[1];
	assert_int_equal(ipaddr_port(&a->remote_rtp), 4000);
	assert_int_equal(ipaddr_port(&b->remote_rtp), 5000);
	assert_int_equal(a->remote_rtcp.family, 0);
	assert_int_equal(ipaddr_port(&b->remote_rtcp), 6001);
	assert_int_equal(a->flags, DP_LEG_SEND | DP_LEG_RECV | DP_LEG_LATCH);
	/* the answer has telephone-event, so its digits are seen where it is accepted from */
	assert_int_equal(b->flags, DP_LEG_SEND | DP_LEG_RECV | DP_LEG_DTMF);
	assert_int_equal(a->timeout_ms, 30000);
	assert_int_equal(b->timeout_ms, 0);
	assert_int_equal(a->dscp, 46);
	assert_int_equal(b->dscp, 34);
	/* A leg sends what the other one said it takes. */
	assert_int_equal(a->n_payloads, 2);
	assert_int_equal(a->payloads[0].pt, 0);
	assert_int_equal(a->payloads[1].pt, 96);
	assert_int_equal(a->payloads[1].clock_hz, 8000);
	assert_int_equal(b->n_payloads, 3);
	assert_int_equal(b->payloads[0].pt, 8);
	assert_int_equal(b->payloads[0].clock_hz, 8000);
	assert_int_equal(b->payloads[2].pt, 101);
	assert_int_equal(b->payloads[2].action, DP_PT_EVENT); /* seen, and not measured */
	assert_int_equal(b->payloads[2].pt_out, 101);
	assert_string_equal(map.codec[0], "PCMU");
	assert_string_equal(map.codec[1], "PCMU");
	media_map_clear(&map);
}

static void test_directions(void **state)
{
	/* lower case: the flag is off */
	static const struct {
		const char *offer, *answer, *want; /* A recv, A send, B recv, B send */
	} rows[] = {
		{"", "", "RSRS"},
		{"a=sendrecv\r\n", "a=sendrecv\r\n", "RSRS"},
		{"a=sendonly\r\n", "a=recvonly\r\n", "RsrS"},
		{"a=recvonly\r\n", "a=sendonly\r\n", "rSRs"},
		{"a=inactive\r\n", "a=inactive\r\n", "rsrs"},
		{"a=sendrecv\r\n", "a=sendonly\r\n", "rSRs"},
		{"a=sendrecv\r\n", "a=inactive\r\n", "rsrs"},
		{"c=IN IP4 0.0.0.0\r\n", "a=recvonly\r\n", "RsrS"},
		{"c=IN IP4 0.0.0.0\r\n", "", "RsrS"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *reason;
		char media[256], got[5] = "";

		start();
		snprintf(media, sizeof(media), "m=audio 4000 RTP/AVP 8\r\n%s", rows[i].offer);
		assert_int_equal(media_map_offer(&map, parse(media), 0, &reason), 0);
		open_all();
		if (strstr(rows[i].offer, "0.0.0.0"))
			expect_has(print(&sdp, 1), "a=sendonly\r\n");
		snprintf(media, sizeof(media), "m=audio 5000 RTP/AVP 8\r\n%s", rows[i].answer);
		answer(media, 1, 1, 0);
		for (unsigned int leg = 0; leg < 2; leg++) {
			uint32_t flags = map.line[0]->ctl.leg[leg].flags;

			got[2 * leg] = flags & DP_LEG_RECV ? 'R' : 'r';
			got[2 * leg + 1] = flags & DP_LEG_SEND ? 'S' : 's';
			/* Silence is no fault of a leg that does not send. */
			if (!(flags & DP_LEG_RECV))
				assert_int_equal(map.line[0]->ctl.leg[leg].timeout_ms, 0);
		}
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu: %s, want %s", i, got, rows[i].want);
		media_map_clear(&map);
	}
}

static void test_refused_offers(void **state)
{
	static const struct {
		const char *media;
		int want;
		const char *reason;
	} rows[] = {
		{"m=audio 4000 RTP/SAVP 8\r\n", -ENOTSUP, "SRTP only"},
		{"m=audio 4000 UDP/TLS/RTP/SAVPF 8\r\n", -ENOTSUP, "SRTP only"},
		{"m=image 4000 udptl t38\r\n", -ENOTSUP, "no RTP media"},
		{"m=audio 0 RTP/AVP 8\r\n", -ENOTSUP, "no RTP media"},
		{"", -ENOTSUP, "no RTP media"},
		{"m=audio 4000 RTP/SAVP 8\r\nm=audio 4002 RTP/AVP 8\r\n", 0, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *reason = "";

		start();
		if (media_map_offer(&map, parse(rows[i].media), 0, &reason) != rows[i].want)
			fail_msg("row %zu", i);
		if (rows[i].reason)
			expect_has(reason, rows[i].reason);
		media_map_clear(&map);
	}
}

/* Audio, a secured line, video, and more than we relay: places stay, ports go to 0. */
static void test_lines(void **state)
{
	const char *reason, *text;

	start();
	assert_int_equal(media_map_offer(&map,
				 parse("m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/SAVP 8\r\n"
				       "m=video 4004 RTP/AVPF 97\r\na=rtpmap:97 VP8/90000\r\n"
				       "m=audio 4006 RTP/AVP 8\r\nm=audio 4008 RTP/AVP 0\r\n"),
				 0, &reason),
		0);
	open_all();
	text = print(&sdp, 1);
	expect_has(text, "m=audio 30000 RTP/AVP 8\r\n");
	expect_has(text, "m=audio 0 RTP/SAVP 8\r\n");
	expect_has(text, "m=video 30008 RTP/AVPF 97\r\n");
	expect_has(text, "m=audio 30012 RTP/AVP 8\r\n");
	expect_has(text, "m=audio 0 RTP/AVP 0\r\n");
	answer("m=audio 5000 RTP/AVP 8\r\nm=audio 0 RTP/SAVP 8\r\nm=video 5004 RTP/AVPF 97\r\n"
	       "m=audio 0 RTP/AVP 8\r\nm=audio 0 RTP/AVP 0\r\n",
		1, 1 | 4, 8);
	assert_false(map.line[0]->ctl.leg[0].flags & DP_LEG_ANY_PT);
	assert_true(map.line[2]->ctl.leg[0].flags & DP_LEG_ANY_PT);
	text = print(&sdp, 0);
	expect_has(text, "m=audio 20000 RTP/AVP 8\r\n");
	expect_has(text, "m=video 20008 RTP/AVPF 97\r\n");
	media_map_clear(&map);
}

static void test_bad_answers(void **state)
{
	const char *reason;
	uint32_t set, close;

	start();
	assert_int_equal(
		media_map_answer(&map, parse_of(1, AUDIO), 1, &set, &close, &reason), -EINVAL);
	assert_int_equal(media_map_offer(&map, parse(AUDIO), 0, &reason), 0);
	open_all();
	assert_int_equal(media_map_answer(&map, parse_of(1, AUDIO AUDIO), 1, &set, &close, &reason),
		-EINVAL);
	assert_int_equal(media_map_answer(&map, parse(AUDIO), 0, &set, &close, &reason), -EINVAL);
	/* of another family than the port that was offered; nowhere at all is a hold */
	assert_int_equal(media_map_answer(&map, parse(AUDIO), 1, &set, &close, &reason), -EINVAL);
	answer(AUDIO "c=IN IP4 0.0.0.0\r\n", 1, 1, 0);
	answer(AUDIO, 1, 1, 0);
	media_map_done(&map);
	assert_int_equal(media_map_offer(&map, parse_of(1, AUDIO), 0, &reason), -ENOTSUP);
	/* a later offer may add lines, never drop one (RFC 3264 8) */
	assert_int_equal(media_map_offer(&map, parse_of(1, AUDIO AUDIO), 1, &reason), 0);
	open_all();
	answer(AUDIO AUDIO, 0, 3, 0);
	media_map_done(&map);
	assert_int_equal(media_map_offer(&map, parse_of(1, AUDIO), 1, &reason), -EINVAL);
	media_map_clear(&map);
}

static void test_mux(void **state)
{
	static const struct {
		const char *offer, *answer;
		bool in_offer, in_answer, leg_a, leg_b;
	} rows[] = {
		{"a=rtcp-mux\r\n", "a=rtcp-mux\r\n", true, true, true, true},
		{"a=rtcp-mux\r\n", "", true, true, true, false},
		{"", "a=rtcp-mux\r\n", false, false, false, false},
		{"", "", false, false, false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *reason;
		char media[256];

		start();
		snprintf(media, sizeof(media), "m=audio 4000 RTP/AVP 8\r\n%s", rows[i].offer);
		assert_int_equal(media_map_offer(&map, parse(media), 0, &reason), 0);
		open_all();
		assert_int_equal(!!strstr(print(&sdp, 1), "a=rtcp-mux"), rows[i].in_offer);
		snprintf(media, sizeof(media), "m=audio 5000 RTP/AVP 8\r\n%s", rows[i].answer);
		answer(media, 1, 1, 0);
		assert_int_equal(!!strstr(print(&sdp, 0), "a=rtcp-mux"), rows[i].in_answer);
		assert_int_equal(
			!!(map.line[0]->ctl.leg[0].flags & DP_LEG_RTCP_MUX), rows[i].leg_a);
		assert_int_equal(
			!!(map.line[0]->ctl.leg[1].flags & DP_LEG_RTCP_MUX), rows[i].leg_b);
		media_map_clear(&map);
	}
}

static unsigned long long version_of(const char *text)
{
	unsigned long long id, version;

	assert_int_equal(sscanf(strstr(text, "o="), "o=- %llu %llu", &id, &version), 2);
	return version;
}

static void test_versions(void **state)
{
	const char *reason;
	unsigned long long first;

	start();
	assert_int_equal(media_map_offer(&map, parse(AUDIO), 0, &reason), 0);
	open_all();
	first = version_of(print(&sdp, 1));
	assert_int_equal(version_of(print(&sdp, 1)), first); /* the same text again */
	assert_int_equal(version_of(print(parse(AUDIO "a=sendonly\r\n"), 1)), first + 1);
	assert_int_equal(version_of(print(parse(AUDIO "a=sendonly\r\n"), 1)), first + 1);
	assert_int_equal(version_of(print(parse(AUDIO), 1)), first + 2);
	media_map_clear(&map);
}

static void test_fail_and_reroute(void **state)
{
	const char *reason;
	struct ipaddr leg0;

	start();
	assert_int_equal(media_map_offer(&map, parse(AUDIO), 0, &reason), 0);
	open_all();
	/* another realm before the answer: new ports there, the caller's may stay */
	leg0 = map.line[0]->ctl.leg[0].local;
	assert_int_equal(media_map_reroute(&map, true), 1);
	assert_int_equal(map.line[0]->state, MEDIA_WANTED);
	assert_true(ipaddr_equal(&map.line[0]->ctl.leg[0].local, &leg0));
	assert_int_equal(map.line[0]->ctl.leg[1].local.port_be16, 0);
	assert_int_equal(media_map_reroute(&map, false), 0);
	assert_int_equal(map.line[0]->ctl.leg[0].local.port_be16, 0);
	open_all();
	answer(AUDIO, 1, 1, 0);
	media_map_done(&map);
	/* a re-offer that fails closes only what it opened, and changes nothing */
	struct ctl_media before = map.line[0]->ctl;

	assert_int_equal(media_map_offer(&map,
				 parse_of(1,
					 "m=audio 9000 RTP/AVP 0\r\na=sendonly\r\n"
					 "m=audio 9002 RTP/AVP 0\r\n"),
				 1, &reason),
		0);
	open_all();
	assert_int_equal(media_map_fail(&map), 2);
	assert_memory_equal(&map.line[0]->ctl, &before, sizeof(before));
	assert_int_equal(map.line[0]->state, MEDIA_OPEN);
	assert_int_equal(map.line[1]->state, MEDIA_UNUSED);
	media_map_clear(&map);
}

static void test_many_formats(void **state)
{
	const char *reason, *text;

	start();
	assert_int_equal(
		media_map_offer(&map,
			parse("m=audio 4000 RTP/AVP 8 0 96 97 98 99 100 101 102 103 104 105 "
			      "106 107 108 109 110 111\r\na=rtpmap:111 opus/48000/2\r\n"
			      "a=rtpmap:109 x/8000\r\n"),
			0, &reason),
		0);
	open_all();
	text = print(&sdp, 1);
	expect_has(text, " 109\r\n");
	expect_not(text, "opus"); /* the data plane takes sixteen */
	expect_has(text, "a=rtpmap:109 x/8000\r\n");
	media_map_clear(&map);
}

static void test_bad_replies(void **state)
{
	const char *reason;
	struct ctl_media_opened reply = {0};

	start();
	assert_int_equal(media_map_offer(&map, parse(AUDIO), 0, &reason), 0);
	assert_int_equal(media_map_opened(&map, 0, &reply), -EPROTO); /* no ports in it */
	assert_int_equal(map.line[0]->state, MEDIA_UNUSED);
	media_map_clear(&map);
}

static size_t checkpoint(uint8_t *buf, size_t size)
{
	struct ckpt_out out = {buf, 0, size, false};
	const char *reason;

	start();
	assert_int_equal(media_map_offer(&map, parse(AUDIO AUDIO), 0, &reason), 0);
	open_all();
	print(&sdp, 1);
	answer(AUDIO "m=audio 0 RTP/AVP 0\r\n", 1, 1, 2);
	map.line[1]->state = MEDIA_UNUSED;
	media_map_checkpoint(&map, &out);
	return out.failed ? 0 : out.n;
}

static void test_checkpoint(void **state)
{
	static const uint64_t key[2] = {9, 9};
	uint8_t buf[8192], good[8192];
	size_t n = checkpoint(good, sizeof(good));
	struct media_map back;
	struct ckpt_in in = {good, n, false};

	assert_true(n > 0);
	media_map_init(&back, 77, key);
	assert_int_equal(media_map_restore(&back, &in), 0);
	assert_int_equal(in.n, 0);
	assert_int_equal(back.n_media, 2);
	assert_memory_equal(&back.line[0]->ctl, &map.line[0]->ctl, sizeof(struct ctl_media));
	assert_int_equal(back.line[1]->state, MEDIA_UNUSED);
	assert_true(back.side[1].sess_id == map.side[1].sess_id);
	assert_true(back.side[1].hash == map.side[1].hash);
	media_map_clear(&back);
	for (size_t at = 0; at < n; at++) {
		memcpy(buf, good, n);
		buf[at] ^= 0xff;
		in = (struct ckpt_in){buf, n, false};
		media_map_init(&back, 77, key);
		if (media_map_restore(&back, &in) == 0) {
			for (unsigned int i = 0; i < back.n_lines; i++)
				assert_true(
					back.line[i]->ctl.leg[0].n_payloads <= DP_PAYLOAD_TYPES);
		}
		media_map_clear(&back);
		in = (struct ckpt_in){good, at, false};
		media_map_init(&back, 77, key);
		assert_true(media_map_restore(&back, &in) < 0);
		media_map_clear(&back);
	}
	media_map_clear(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_directions),
		cmocka_unit_test(test_refused_offers),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_mux),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_fail_and_reroute),
		cmocka_unit_test(test_many_formats),
		cmocka_unit_test(test_bad_replies),
		cmocka_unit_test(test_checkpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
