/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BUNDLE in the media map: which lines of an offer and of an answer share a transport, what is
 * printed of it to either side, and what the data plane is told.
 */
#include "sip-b2bua/sdp/media_map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define A30   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define CM80  "AES_CM_128_HMAC_SHA1_80"
#define URI   "urn:ietf:params:rtp-hdrext:sdes:mid"

#define GROUP "a=group:BUNDLE a v\r\n"
#define MUX   "a=rtcp-mux\r\n"
#define EXT   "a=extmap:3 " URI "\r\n"
#define AUDIO "m=audio 4000 RTP/AVP 8\r\na=mid:a\r\n" MUX
#define VIDEO "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=mid:v\r\n" MUX
#define NO_MID(port_a, port_v) \
	"m=audio " #port_a     \
	" RTP/AVP 8\r\n"       \
	"m=video " #port_v     \
	" RTP/AVP 96\r\n"      \
	"a=rtpmap:96 VP8/90000\r\n"

static struct sdp sdp;
static struct media_map map;
static char printed[8192], text[8192];

static struct ipaddr addr(const char *s)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(view_of(s), 0, &a), 0);
	return a;
}

static void start(enum cfg_bundle a, enum cfg_bundle b, enum cfg_srtp srtp)
{
	static const uint64_t key[2] = {1, 2};
	struct cfg cfg = {0};
	struct cfg_realm near = {.name = "access",
		.media_ipv4 = addr("10.1.0.1"),
		.bundle = (uint8_t)a,
		.srtp = (uint8_t)srtp};
	struct cfg_realm far = near;

	strcpy(far.name, "peering");
	far.media_ipv4 = addr("10.2.0.1");
	far.bundle = (uint8_t)b;
	media_map_clear(&map);
	media_map_init(&map, 77, key);
	media_map_set_side(&map, 0, &near, &near.media_ipv4);
	media_map_set_side(&map, 1, &far, &far.media_ipv4);
	media_map_set_srtp(&map, 0, &cfg, &near, NULL);
	media_map_set_srtp(&map, 1, &cfg, &far, NULL);
}

static void parse(const char *session, const char *media)
{
	int n = snprintf(text, sizeof(text),
		"v=0\r\no=- 1 1 IN IP4 192.168.7.7\r\ns=-\r\nc=IN IP4 192.168.7.7\r\nt=0 0\r\n%s%s",
		session, media);

	if (sdp_parse(&sdp, (struct view){text, (size_t)n}) < 0)
		fail_msg("%s in\n%s", sdp.error, text);
}

/* As limen-control gives ports: those of a bundle the same. */
static void open_all(void)
{
	for (unsigned int i = 0; i < map.n_lines; i++) {
		struct ctl_media_opened reply = {0};
		if (map.line[i]->state != MEDIA_WANTED)
			continue;
		for (unsigned int leg = 0; leg < 2; leg++) {
			unsigned int n = map.line[i]->ctl.leg[leg].flags & DP_LEG_BUNDLE ? 0 : i;
			reply.local[leg] = addr(leg ? "10.2.0.1" : "10.1.0.1");
			reply.local[leg].port_be16 = htons((uint16_t)(20000 + 10000 * leg + 4 * n));
		}
		assert_int_equal(media_map_opened(&map, i, &reply), 0);
	}
}

static const char *print(unsigned int to_leg)
{
	struct sip_buf b;

	sip_buf_init(&b, printed, sizeof(printed) - 1);
	assert_int_equal(media_map_print(&map, &sdp, to_leg, &b), 0);
	printed[b.n] = '\0';
	return printed;
}

static int offer(const char *session, const char *media)
{
	const char *reason = "";

	parse(session, media);
	media_bundle_offer(&map, &sdp, 0);
	int rc = media_map_offer(&map, &sdp, 0, &reason);
	if (rc == 0)
		open_all();
	return rc;
}

static int answer(const char *session, const char *media)
{
	const char *reason = "";
	uint32_t set, close;

	parse(session, media);
	int rc = media_bundle_answer(&map, &sdp, 1, &reason);
	return rc ? rc : media_map_answer(&map, &sdp, 1, &set, &close, &reason);
}

static void has(const char *what)
{
	if (!strstr(printed, what))
		fail_msg("no \"%s\" in\n%s", what, printed);
}

static void lacks(const char *what)
{
	if (strstr(printed, what))
		fail_msg("\"%s\" in\n%s", what, printed);
}

static unsigned int count(const char *what)
{
	unsigned int n = 0;

	for (const char *p = printed; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static bool shares(unsigned int line, unsigned int leg)
{
	return map.line[line]->ctl.leg[leg].flags & DP_LEG_BUNDLE;
}

static unsigned int port_of(unsigned int line, unsigned int leg)
{
	return ipaddr_port(&map.line[line]->ctl.leg[leg].local);
}

/* A bundle of one side, ports of their own on the other. */
static void test_accepted(void **state)
{
	start(CFG_BUNDLE_ACCEPT, CFG_BUNDLE_ACCEPT, CFG_SRTP_NEVER);
	assert_int_equal(
		offer(GROUP, AUDIO EXT "a=ssrc:11 cname:x\r\na=ssrc:11 msid:y\r\n" VIDEO EXT
				       "a=ssrc:22 cname:x\r\na=ssrc:23 cname:x\r\n"),
		0);
	print(1);
	lacks("BUNDLE");
	lacks("a=mid");
	lacks(URI);
	lacks("a=ssrc");
	has("m=audio 30000 RTP/AVP 8\r\n");
	has("m=video 30004 RTP/AVP 96\r\n");
	assert_int_equal(answer("", NO_MID(5000, 5002)), 0);
	print(0);
	has("a=group:BUNDLE a v\r\n");
	has("m=audio 20000 RTP/AVP 8\r\n");
	has("m=video 20000 RTP/AVP 96\r\n");
	has("a=mid:a\r\na=extmap:3/recvonly " URI "\r\n");
	has("a=mid:v\r\na=extmap:3/recvonly " URI "\r\n");
	assert_int_equal(count("a=rtcp-mux"), 2);
	for (unsigned int i = 0; i < 2; i++) {
		const struct dp_leg *leg = &map.line[i]->ctl.leg[0];
		assert_true(shares(i, 0));
		assert_false(shares(i, 1));
		assert_int_equal(leg->bundle.mid[0], i ? 'v' : 'a');
		assert_int_equal(leg->bundle.mid_ext, 3);
		assert_int_equal(leg->bundle.n_ssrcs, 1 + i);
		assert_int_equal(leg->bundle.ssrc[i], i ? 23 : 11);
		assert_int_equal(leg->bundle.pts[8 / 8], i ? 0 : 1);
		assert_int_equal(leg->bundle.pts[96 / 8], i ? 1 : 0);
		/* the far end is where the tagged line says */
		assert_int_equal(ipaddr_port(&leg->remote_rtp), 4000);
		assert_int_equal(ipaddr_port(&map.line[i]->ctl.leg[1].remote_rtp), 5000 + 2 * i);
	}
	media_map_done(&map);
	/* a line cannot leave in mid-call, but it can end */
	assert_int_equal(offer("", AUDIO VIDEO), -ENOTSUP);
	assert_int_equal(
		offer("a=group:BUNDLE a\r\n", AUDIO "m=video 0 RTP/AVP 96\r\na=mid:v\r\n"), 0);
}

static void test_keys_of_the_tagged_line(void **state)
{
	start(CFG_BUNDLE_ACCEPT, CFG_BUNDLE_NEVER, CFG_SRTP_REQUIRE);
	assert_int_equal(offer(GROUP, "m=audio 4000 RTP/SAVP 8\r\na=mid:a\r\n" MUX
				      "a=crypto:1 " CM80 " inline:" A30 "\r\n"
				      "m=video 0 RTP/SAVP 96\r\na=bundle-only\r\na=mid:v\r\n" MUX),
		0);
	print(1);
	assert_int_equal(count("a=crypto:1 "), 2); /* each line for itself */
	struct sdp_cryptos keys;
	struct sdp there;
	assert_int_equal(sdp_parse(&there, view_of(printed)), 0);
	char media[1024];
	int n = 0;
	for (unsigned int i = 0; i < 2; i++) {
		sdp_cryptos_read(&there, i, &keys);
		n += snprintf(media + n, sizeof(media) - (size_t)n,
			"m=%s %u RTP/SAVP %s\r\na=crypto:%u %s inline:%s%s\r\n",
			i ? "video" : "audio", 5000 + 2 * i, i ? "96" : "8", keys.line[0].tag,
			dp_srtp_suite(keys.line[0].srtp.suite)->name, A30 "AAAAAAAAAAAAAAAAAAA",
			"=");
		assert_int_equal(keys.line[0].srtp.suite, DP_SRTP_GCM_256);
	}
	assert_int_equal(answer("", media), 0);
	print(0);
	has("a=group:BUNDLE a v\r\n");
	assert_int_equal(count("a=crypto"), 1);
	assert_true(strstr(printed, "a=crypto") < strstr(printed, "m=video"));
	const struct dp_leg *a = &map.line[0]->ctl.leg[0], *v = &map.line[1]->ctl.leg[0];
	assert_int_equal(a->rx.suite, DP_SRTP_CM_128_SHA1_80);
	assert_memory_equal(&a->rx, &v->rx, sizeof(a->rx));
	assert_memory_equal(&a->tx, &v->tx, sizeof(a->tx));
	assert_memory_not_equal(&a->tx, &map.line[1]->ctl.leg[1].tx, sizeof(a->tx));
}

/* What is not taken into a bundle, and what is said instead. */
static void test_not_taken(void **state)
{
	static const struct {
		const char *session, *media, *group; /* NULL: none */
	} rows[] = {
		{"", AUDIO VIDEO, NULL},
		{"a=group:LS a v\r\n", AUDIO VIDEO, NULL},
		{"a=group:BUNDLE x y\r\n", AUDIO VIDEO, NULL},
		{"a=group:BUNDLE v a\r\n", AUDIO VIDEO, "a=group:BUNDLE v a\r\n"},
		{"a=group:BUNDLE x a\r\n", AUDIO VIDEO, "a=group:BUNDLE a\r\n"},
		{GROUP, AUDIO "m=video 4002 RTP/AVP 96\r\na=mid:v\r\n", "a=group:BUNDLE a\r\n"},
		{GROUP, AUDIO "m=video 4002 RTP/AVP 8\r\na=mid:v\r\n" MUX, "a=group:BUNDLE a\r\n"},
		{GROUP, AUDIO EXT "m=video 4002 RTP/AVP 8\r\na=mid:v\r\n" MUX EXT, GROUP},
		{GROUP, AUDIO "m=image 4002 udptl t38\r\na=mid:v\r\n" MUX, "a=group:BUNDLE a\r\n"},
		{"a=group:BUNDLE a-name-that-is-too-long v\r\n",
			"m=audio 4000 RTP/AVP 8\r\na=mid:a-name-that-is-too-long\r\n" MUX VIDEO,
			"a=group:BUNDLE v\r\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(CFG_BUNDLE_ACCEPT, CFG_BUNDLE_ACCEPT, CFG_SRTP_NEVER);
		assert_int_equal(offer(rows[i].session, rows[i].media), 0);
		print(1);
		parse("", printed); /* not of interest, but it must parse */
		bool fax = strstr(rows[i].media, "image") != NULL;
		assert_int_equal(
			answer("",
				fax ? "m=audio 5000 RTP/AVP 8\r\nm=image 0 udptl t38\r\n"
				: strstr(rows[i].media, "AVP 96")
					? NO_MID(5000, 5002)
					: "m=audio 5000 RTP/AVP 8\r\nm=video 5002 RTP/AVP 8\r\n"),
			0);
		print(0);
		if (rows[i].group)
			has(rows[i].group);
		else
			lacks("BUNDLE");
	}
	start(CFG_BUNDLE_NEVER, CFG_BUNDLE_NEVER, CFG_SRTP_NEVER);
	assert_int_equal(offer(GROUP, AUDIO VIDEO), 0);
	assert_int_equal(answer("", NO_MID(5000, 5002)), 0);
	print(0);
	lacks("BUNDLE");
	lacks("a=mid");
	has("m=video 20004 ");
}

/* Offered by us: each line has a port until the answer, then those of the bundle have one. */
static void test_offered(void **state)
{
	start(CFG_BUNDLE_NEVER, CFG_BUNDLE_OFFER, CFG_SRTP_NEVER);
	assert_int_equal(offer("", NO_MID(4000, 4002)), 0);
	print(1);
	has("a=group:BUNDLE 0 1\r\n");
	has("m=audio 30000 ");
	has("m=video 30004 ");
	assert_int_equal(count("a=rtcp-mux"), 2);
	has("a=mid:0\r\n");
	lacks(URI); /* we have none to send */
	assert_int_equal(
		answer("a=group:BUNDLE 0 1\r\n",
			"m=audio 5000 RTP/AVP 8\r\na=mid:0\r\n" MUX
			"m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=mid:1\r\n" MUX),
		0);
	assert_int_equal(port_of(0, 1), 30000);
	assert_int_equal(port_of(1, 1), 30000);
	assert_true(shares(0, 1) && shares(1, 1) && !shares(0, 0));
	assert_true(map.line[1]->ctl.leg[1].flags & DP_LEG_RTCP_MUX);
	print(0);
	lacks("BUNDLE");
	lacks("a=mid");
	lacks("rtcp-mux");
	has("m=video 20004 ");
	media_map_done(&map);
	/* the same again: now both have that port; the answer may not leave it */
	assert_int_equal(offer("", NO_MID(4000, 4002)), 0);
	print(1);
	has("a=group:BUNDLE 0 1\r\n");
	has("m=video 30000 ");
	assert_int_equal(answer("", NO_MID(5000, 5002)), -EINVAL);
}

static void test_offered_and_refused(void **state)
{
	static const char *const answers[] = {
		NO_MID(5000, 5002),
		"m=audio 5000 RTP/AVP 8\r\na=mid:0\r\nm=video 5002 RTP/AVP 96\r\na=mid:1\r\n",
	};

	for (unsigned int i = 0; i < 2; i++) {
		start(CFG_BUNDLE_ACCEPT, CFG_BUNDLE_OFFER, CFG_SRTP_NEVER);
		assert_int_equal(offer("", NO_MID(4000, 4002)), 0);
		print(1);
		has("a=group:BUNDLE 0 1\r\n");
		/* the second one has the group, but no rtcp-mux */
		assert_int_equal(answer(i ? "a=group:BUNDLE 0 1\r\n" : "", answers[i]), 0);
		assert_false(shares(0, 1) || shares(1, 1));
		assert_int_equal(port_of(1, 1), 30004);
	}
	/* payload types that do not tell them apart */
	start(CFG_BUNDLE_NEVER, CFG_BUNDLE_OFFER, CFG_SRTP_NEVER);
	assert_int_equal(offer("", "m=audio 4000 RTP/AVP 8\r\nm=video 4002 RTP/AVP 8\r\n"), 0);
	print(1);
	lacks("BUNDLE");
	/* one line alone */
	start(CFG_BUNDLE_NEVER, CFG_BUNDLE_OFFER, CFG_SRTP_NEVER);
	assert_int_equal(offer("", "m=audio 4000 RTP/AVP 8\r\n"), 0);
	print(1);
	lacks("BUNDLE");
}

/* On both sides: identifiers and the extension pass. */
static void test_both(void **state)
{
	start(CFG_BUNDLE_ACCEPT, CFG_BUNDLE_OFFER, CFG_SRTP_NEVER);
	assert_int_equal(offer(GROUP, AUDIO EXT VIDEO EXT), 0);
	print(1);
	has("a=group:BUNDLE a v\r\n");
	assert_int_equal(count("a=extmap:3 " URI), 2);
	assert_int_equal(answer(GROUP, "m=audio 5000 RTP/AVP 8\r\na=mid:a\r\n" MUX EXT
				       "m=video 5000 RTP/AVP 96\r\na=mid:v\r\n" MUX EXT),
		0);
	print(0);
	has(GROUP);
	assert_int_equal(count("a=extmap:3 " URI), 2);
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int leg = 0; leg < 2; leg++)
			assert_true(shares(i, leg) &&
				    map.line[i]->ctl.leg[leg].bundle.mid_ext == 3 &&
				    map.line[i]->ctl.leg[leg].bundle.mid[0] == (i ? 'v' : 'a'));
}

/* A fork or another trunk: what the offerer's side shares stays shared. */
static void test_offered_again(void **state)
{
	start(CFG_BUNDLE_ACCEPT, CFG_BUNDLE_NEVER, CFG_SRTP_NEVER);
	assert_int_equal(offer(GROUP, AUDIO VIDEO), 0);
	(void)media_map_offer_again(&map);
	assert_true(shares(0, 0) && shares(1, 0));
	(void)media_map_reroute(&map, true);
	assert_true(shares(0, 0) && shares(1, 0));
	assert_int_equal(port_of(1, 0), 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_keys_of_the_tagged_line),
		cmocka_unit_test(test_not_taken),
		cmocka_unit_test(test_offered),
		cmocka_unit_test(test_offered_and_refused),
		cmocka_unit_test(test_both),
		cmocka_unit_test(test_offered_again),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	media_map_clear(&map);
	return rc;
}
