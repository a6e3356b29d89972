/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP in the media map: the policy of each side against every kind of offer and answer, whose keys
 * go where, when they change, and that nothing takes encryption away unnoticed.
 */
#include "sip-b2bua/sdp/media_map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Keys of the peers: 30, 28 and 44 octets. */
#define A30  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B30  "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define C30  "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
#define A28  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define CM80 "AES_CM_128_HMAC_SHA1_80"
#define CM32 "AES_CM_128_HMAC_SHA1_32"

#define AVP  "m=audio 4000 RTP/AVP 8\r\n"
#define SAVP "m=audio 4000 RTP/SAVP 8\r\n"
#define KEY  "a=crypto:1 " CM80 " inline:" A30 "\r\n"
#define BAD  "a=crypto:1 " CM80 " inline:" A30 " UNENCRYPTED_SRTP\r\n"
#define F8   "a=crypto:1 F8_128_HMAC_SHA1_80 inline:" A30 "\r\n"

static struct sdp sdp, out_sdp;
static struct media_map map;
static char printed[8192];
static struct sdp_cryptos offered; /* of the last offer that was printed */

static struct ipaddr addr(const char *s)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(view_of(s), 0, &a), 0);
	return a;
}

static void start(enum cfg_srtp a, enum cfg_srtp b)
{
	static const uint64_t key[2] = {1, 2};
	struct cfg cfg = {0};
	struct cfg_realm near = {
		.name = "access", .media_ipv4 = addr("10.1.0.1"), .srtp = (uint8_t)a};
	struct cfg_realm far = {
		.name = "peering", .media_ipv4 = addr("10.2.0.1"), .srtp = (uint8_t)b};

	media_map_clear(&map);
	media_map_init(&map, 77, key);
	media_map_set_side(&map, 0, &near, &near.media_ipv4);
	media_map_set_side(&map, 1, &far, &far.media_ipv4);
	media_map_set_srtp(&map, 0, &cfg, &near, NULL);
	media_map_set_srtp(&map, 1, &cfg, &far, NULL);
}

static const struct sdp *parse(const char *media)
{
	static char text[8192];
	int n = snprintf(text, sizeof(text),
		"v=0\r\no=- 1 1 IN IP4 192.168.7.7\r\ns=-\r\nc=IN IP4 192.168.7.7\r\nt=0 0\r\n%s",
		media);

	if (sdp_parse(&sdp, (struct view){text, (size_t)n}) < 0)
		fail_msg("%s in\n%s", sdp.error, text);
	return &sdp;
}

static int offer(const char *media, unsigned int leg, const char **ret_reason)
{
	return media_map_offer(&map, parse(media), leg, ret_reason);
}

static void open_all(void)
{
	for (unsigned int i = 0; i < map.n_lines; i++) {
		struct ctl_media_opened reply = {0};

		if (map.line[i]->state != MEDIA_WANTED)
			continue;
		for (unsigned int leg = 0; leg < 2; leg++) {
			reply.local[leg] = addr(leg ? "10.2.0.1" : "10.1.0.1");
			reply.local[leg].port_be16 = htons((uint16_t)(20000 + 10000 * leg + 4 * i));
		}
		assert_int_equal(media_map_opened(&map, i, &reply), 0);
	}
}

/* Prints towards a leg and reads it back: out_sdp. */
static const char *print(unsigned int to_leg)
{
	struct sip_buf b;

	sip_buf_init(&b, printed, sizeof(printed) - 1);
	assert_int_equal(media_map_print(&map, &sdp, to_leg, &b), 0);
	printed[b.n] = '\0';
	if (sdp_parse(&out_sdp, sip_buf_view(&b)) < 0)
		fail_msg("%s in\n%s", out_sdp.error, printed);
	/* No key of a peer on the other side. */
	assert_null(strstr(printed,
		"inline:"
		"AAAAAAAA"));
	assert_null(strstr(printed,
		"inline:"
		"BBBBBBBB"));
	return printed;
}

static enum sdp_profile profile(void)
{
	return sdp_profile_parse(out_sdp.media[0].proto);
}

/* Takes an offer of A that is good, and prints it to B. */
static void offer_to_b(const char *media)
{
	const char *reason = "";

	if (offer(media, 0, &reason) != 0)
		fail_msg("%s", reason);
	open_all();
	print(1);
	sdp_cryptos_read(&out_sdp, 0, &offered);
}

static int answer(const char *media, unsigned int leg, const char **ret_reason)
{
	uint32_t set, close;

	return media_map_answer(&map, parse(media), leg, &set, &close, ret_reason);
}

static void answer_ok(const char *media, unsigned int leg)
{
	const char *reason = "";

	if (answer(media, leg, &reason) != 0)
		fail_msg("%s", reason);
	print(!leg);
}

/* An answer to the last offer with its n-th line and a key. */
static const char *secure_answer(const char *proto, unsigned int n)
{
	static char media[512];
	unsigned int suite = offered.line[n].srtp.suite;
	const struct dp_srtp_suite_info *info = dp_srtp_suite(suite);
	char key[80];
	size_t octets = (size_t)info->key_len + info->salt_len, chars = (octets * 8 + 5) / 6;

	memset(key, 'B', chars);
	if (chars % 4)
		key[chars - 1] = 'A'; /* no bits behind the last octet */
	key[chars] = '\0';
	snprintf(media, sizeof(media), "m=audio 5000 %s 8\r\na=crypto:%u %s inline:%s\r\n", proto,
		offered.line[n].tag, info->name, key);
	return media;
}

static struct dp_leg *leg_of(unsigned int leg)
{
	return &map.line[0]->ctl.leg[leg];
}

static bool is_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n > 0 && b[n - 1] == 0)
		n--;
	return n == 0;
}

/* ---- offers that come ---- */

static void test_offers_taken(void **state)
{
	enum { PLAIN = 'p', SECURE = 's', NO = 'n' };
	static const struct {
		const char *offer, *want; /* never, prefer, require */
		const char *reason[3];	  /* part of the sentence */
	} rows[] = {
		{AVP, "ppn", {NULL, NULL, "srtp require"}},
		{AVP KEY, "pss", {NULL}},
		{AVP BAD, "ppn", {NULL, NULL, "no a=crypto line"}},
		{AVP F8, "ppn", {NULL, NULL, "no a=crypto line"}},
		{SAVP KEY, "nss", {"srtp never"}},
		{SAVP, "nnn", {"srtp never", "without an a=crypto", "without an a=crypto"}},
		{SAVP BAD, "nnn", {"srtp never", "no a=crypto line", "no a=crypto line"}},
		{SAVP F8, "nnn", {"srtp never", "no a=crypto line", "no a=crypto line"}},
		{SAVP BAD "a=crypto:2 " CM80 " inline:" A30 "\r\n", "nss", {"srtp never"}},
		{"m=audio 4000 UDP/TLS/RTP/SAVPF 8\r\na=fingerprint:sha-256 00\r\n", "nnn",
			{"srtp never", "a=fingerprint", "srtp keying sdes"}},
		{"m=audio 0 RTP/SAVP 8\r\n", "nnn", {"no RTP", "no RTP", "no RTP"}},
		{"m=image 4000 udptl t38\r\n", "nnn", {"no RTP", "no RTP", "no RTP"}},
		/* one line is refused, the other one is taken */
		{AVP SAVP KEY, "pps", {NULL}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (enum cfg_srtp policy = CFG_SRTP_NEVER; policy <= CFG_SRTP_REQUIRE; policy++) {
			const char *reason = "";
			int want = rows[i].want[policy], rc;
			char got = NO;

			start(policy, CFG_SRTP_NEVER);
			rc = offer(rows[i].offer, 0, &reason);
			for (unsigned int l = 0; rc == 0 && l < map.n_lines && got == NO; l++) {
				const struct media_desc *d = &map.line[l]->pending[0];

				if (d->usable)
					got = d->peer.srtp.suite ? SECURE : PLAIN;
			}
			assert_true(rc == 0 || rc == -ENOTSUP);
			if (got != want)
				fail_msg("row %zu, policy %d: %c", i, policy, got);
			if (rows[i].reason[policy] && !strstr(reason, rows[i].reason[policy]))
				fail_msg("row %zu, policy %d: %s", i, policy, reason);
		}
	}
	media_map_clear(&map);
}

static void test_counted(void **state)
{
	const char *reason;

	start(CFG_SRTP_PREFER, CFG_SRTP_NEVER);
	assert_int_equal(
		offer(SAVP BAD F8 KEY "a=crypto:1 " CM32 " inline:" A30 "\r\n", 0, &reason), 0);
	assert_int_equal(map.n_crypto_ignored, 3); /* the last one has the tag again */
	assert_int_equal(map.n_srtp_refused, 0);
	start(CFG_SRTP_REQUIRE, CFG_SRTP_NEVER);
	assert_int_equal(offer(AVP, 0, &reason), -ENOTSUP);
	assert_int_equal(map.n_srtp_refused, 1);
	assert_int_equal(offer("m=image 4000 udptl t38\r\n", 0, &reason), -ENOTSUP);
	assert_int_equal(map.n_srtp_refused, 1);
	media_map_clear(&map);
}

/* ---- a whole call, each policy on each side ---- */

static void test_policies(void **state)
{
	/* offer of A by its profile; what B is offered; refused: 'n' */
	static const struct {
		enum cfg_srtp a, b;
		bool secure_offer, ok, secure_b;
	} rows[] = {
		{CFG_SRTP_NEVER, CFG_SRTP_NEVER, false, true, false},
		{CFG_SRTP_NEVER, CFG_SRTP_PREFER, false, true, true},
		{CFG_SRTP_NEVER, CFG_SRTP_REQUIRE, false, true, true},
		{CFG_SRTP_NEVER, CFG_SRTP_NEVER, true, false, false},
		{CFG_SRTP_NEVER, CFG_SRTP_PREFER, true, false, false},
		{CFG_SRTP_NEVER, CFG_SRTP_REQUIRE, true, false, false},
		{CFG_SRTP_PREFER, CFG_SRTP_NEVER, false, true, false},
		{CFG_SRTP_PREFER, CFG_SRTP_PREFER, false, true, true},
		{CFG_SRTP_PREFER, CFG_SRTP_REQUIRE, false, true, true},
		{CFG_SRTP_PREFER, CFG_SRTP_NEVER, true, true, false},
		{CFG_SRTP_PREFER, CFG_SRTP_PREFER, true, true, true},
		{CFG_SRTP_PREFER, CFG_SRTP_REQUIRE, true, true, true},
		{CFG_SRTP_REQUIRE, CFG_SRTP_NEVER, false, false, false},
		{CFG_SRTP_REQUIRE, CFG_SRTP_PREFER, false, false, false},
		{CFG_SRTP_REQUIRE, CFG_SRTP_REQUIRE, false, false, false},
		{CFG_SRTP_REQUIRE, CFG_SRTP_NEVER, true, true, false},
		{CFG_SRTP_REQUIRE, CFG_SRTP_PREFER, true, true, true},
		{CFG_SRTP_REQUIRE, CFG_SRTP_REQUIRE, true, true, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *reason = "";
		const struct dp_leg *a, *b;

		start(rows[i].a, rows[i].b);
		if (!rows[i].ok) {
			assert_int_equal(
				offer(rows[i].secure_offer ? SAVP KEY : AVP, 0, &reason), -ENOTSUP);
			continue;
		}
		offer_to_b(rows[i].secure_offer ? SAVP KEY : AVP);
		assert_int_equal(profile(), rows[i].secure_b ? SDP_RTP_SAVP : SDP_RTP_AVP);
		assert_int_equal(offered.n, rows[i].secure_b ? DP_SRTP_N - 1 : 0);
		/* Nothing passes before the keys are known (both flags only between plain ends). */
		assert_int_equal(!!(leg_of(1)->flags & DP_LEG_EARLY),
			!rows[i].secure_b && !rows[i].secure_offer);
		answer_ok(rows[i].secure_b ? secure_answer("RTP/SAVP", 3) : AVP, 1);
		assert_int_equal(profile(), rows[i].secure_offer ? SDP_RTP_SAVP : SDP_RTP_AVP);
		a = leg_of(0);
		b = leg_of(1);
		assert_int_equal(a->rx.suite, rows[i].secure_offer ? DP_SRTP_CM_128_SHA1_80 : 0);
		assert_int_equal(a->tx.suite, a->rx.suite);
		assert_int_equal(b->rx.suite, rows[i].secure_b ? offered.line[3].srtp.suite : 0);
		assert_int_equal(b->tx.suite, b->rx.suite);
		assert_int_equal(media_map_srtp(&map, 0), a->rx.suite);
		assert_int_equal(media_map_srtp(&map, 1), b->rx.suite);
		if (rows[i].secure_b)
			assert_true(media_srtp_same(&b->tx, &offered.line[3].srtp));
		else
			assert_true(is_zero(&b->rx, 2 * sizeof(b->rx)));
		sdp_cryptos_read(&out_sdp, 0, &offered);
		assert_int_equal(offered.n_lines, rows[i].secure_offer);
		if (rows[i].secure_offer) {
			assert_int_equal(offered.line[0].tag, 1);
			assert_true(media_srtp_same(&a->tx, &offered.line[0].srtp));
			assert_true(
				is_zero(a->rx.key, sizeof(a->rx.key))); /* A's key is all zero */
			assert_false(is_zero(a->tx.key, 30));
		} else {
			assert_true(is_zero(&a->rx, 2 * sizeof(a->rx)));
		}
		if (rows[i].secure_offer && rows[i].secure_b)
			assert_memory_not_equal(a->tx.key, b->tx.key, 16);
	}
	media_map_clear(&map);
}

/* ---- suites ---- */

static void test_order(void **state)
{
	static const uint8_t usual[] = {DP_SRTP_GCM_256, DP_SRTP_GCM_128, DP_SRTP_CM_256_SHA1_80,
		DP_SRTP_CM_128_SHA1_80, DP_SRTP_CM_256_SHA1_32, DP_SRTP_CM_128_SHA1_32};
	const char *reason;

	start(CFG_SRTP_PREFER, CFG_SRTP_REQUIRE);
	/* the side's order decides, not that of the offer; we answer with the tag of that line */
	offer_to_b(SAVP "a=crypto:5 " CM32 " inline:" A30 "\r\na=crypto:6 " CM80 " inline:" A30
			"\r\na=crypto:7 AEAD_AES_128_GCM inline:" A28 "\r\n");
	assert_int_equal(offered.n, sizeof(usual));
	for (unsigned int i = 0; i < offered.n; i++) {
		assert_int_equal(offered.line[i].tag, i + 1);
		assert_int_equal(offered.line[i].srtp.suite, usual[i]);
		for (unsigned int j = 0; j < i; j++)
			assert_memory_not_equal(
				offered.line[i].srtp.key, offered.line[j].srtp.key, 16);
	}
	answer_ok(secure_answer("RTP/SAVP", 0), 1);
	sdp_cryptos_read(&out_sdp, 0, &offered);
	assert_int_equal(offered.n_lines, 1);
	assert_int_equal(offered.line[0].tag, 7);
	assert_int_equal(offered.line[0].srtp.suite, DP_SRTP_GCM_128);

	/* what the class does not name is neither taken nor offered */
	start(CFG_SRTP_REQUIRE, CFG_SRTP_NEVER);
	map.side[0].srtp.n_suites = 2;
	map.side[0].srtp.suites[0] = DP_SRTP_CM_128_SHA1_32;
	map.side[0].srtp.suites[1] = DP_SRTP_GCM_256;
	assert_int_equal(offer(SAVP KEY, 0, &reason), -ENOTSUP);
	assert_non_null(strstr(reason, "no SRTP suite that this side allows"));
	media_map_clear(&map);
}

static void test_classes(void **state)
{
	struct cfg_srtp_crypto classes[] = {
		{.tag = 3, .crypto = {{1, DP_SRTP_GCM_128}}, .n_crypto = 1},
		{.tag = 9,
			.crypto = {{2, DP_SRTP_CM_128_SHA1_80}, {5, DP_SRTP_GCM_256}},
			.n_crypto = 2},
	};
	struct cfg cfg = {.srtp_cryptos = classes, .n_srtp_cryptos = 2};
	struct cfg_realm realm = {.srtp = CFG_SRTP_PREFER, .srtp_crypto = 9};
	struct cfg_trunk trunk = {.srtp = CFG_SRTP_REALM};
	struct media_srtp srtp;

	media_srtp_set(&srtp, &cfg, &realm, NULL);
	assert_int_equal(srtp.policy, CFG_SRTP_PREFER);
	assert_int_equal(srtp.n_suites, 2);
	assert_int_equal(srtp.suites[0], DP_SRTP_CM_128_SHA1_80);
	assert_int_equal(srtp.suites[1], DP_SRTP_GCM_256);
	media_srtp_set(&srtp, &cfg, &realm, &trunk);
	assert_int_equal(srtp.policy, CFG_SRTP_PREFER);
	assert_int_equal(srtp.n_suites, 2);
	trunk.srtp = CFG_SRTP_NEVER;
	trunk.srtp_crypto = 3;
	media_srtp_set(&srtp, &cfg, &realm, &trunk);
	assert_int_equal(srtp.policy, CFG_SRTP_NEVER);
	assert_int_equal(srtp.n_suites, 1);
	assert_int_equal(srtp.suites[0], DP_SRTP_GCM_128);
	realm.srtp_crypto = trunk.srtp_crypto = 0;
	media_srtp_set(&srtp, &cfg, &realm, &trunk);
	assert_int_equal(srtp.n_suites, DP_SRTP_N - 1);
}

/* ---- answers ---- */

static void test_bad_answers(void **state)
{
	static const struct {
		enum cfg_srtp policy; /* of the side that answers */
		const char *answer, *reason;
	} rows[] = {
		{CFG_SRTP_REQUIRE, AVP, "profile"},
		{CFG_SRTP_PREFER, AVP, "profile"},
		{CFG_SRTP_REQUIRE, AVP "a=crypto:4 " CM80 " inline:" B30 "\r\n", "profile"},
		{CFG_SRTP_REQUIRE, SAVP, "must have one a=crypto line"},
		{CFG_SRTP_PREFER, SAVP, "must have one a=crypto line"},
		{CFG_SRTP_REQUIRE, SAVP "a=crypto:9 " CM80 " inline:" B30 "\r\n", "tag"},
		{CFG_SRTP_REQUIRE, SAVP "a=crypto:1 " CM80 " inline:" B30 "\r\n", "suite"},
		{CFG_SRTP_REQUIRE, SAVP "a=crypto:6 " CM80 " inline:" B30 "\r\n", "suite"},
		{CFG_SRTP_REQUIRE, SAVP "a=crypto:4 NULL_HMAC_SHA1_80 inline:" B30 "\r\n",
			"cannot be used"},
		{CFG_SRTP_REQUIRE, SAVP "a=crypto:4 " CM80 " inline:" B30 " UNENCRYPTED_SRTP\r\n",
			"cannot be used"},
		{CFG_SRTP_REQUIRE, SAVP "a=crypto:4 " CM80 " inline:BBBB\r\n", "cannot be used"},
		{CFG_SRTP_REQUIRE, SAVP "a=crypto:4 " CM80 " inline:" B30 "|1:1\r\n",
			"cannot be used"},
		{CFG_SRTP_REQUIRE,
			SAVP "a=crypto:4 " CM80 " inline:" B30 "\r\na=crypto:6 " CM32 " inline:" B30
			     "\r\n",
			"must have one a=crypto line"},
		{CFG_SRTP_REQUIRE, "m=audio 5000 UDP/TLS/RTP/SAVP 8\r\n", "profile"},
		{CFG_SRTP_NEVER, SAVP "a=crypto:4 " CM80 " inline:" B30 "\r\n", "profile"},
		{CFG_SRTP_NEVER, AVP "a=crypto:4 " CM80 " inline:" B30 "\r\n", "none was offered"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *reason = "";
		struct ctl_media before;

		start(CFG_SRTP_NEVER, rows[i].policy);
		offer_to_b(AVP);
		before = map.line[0]->ctl;
		if (answer(rows[i].answer, 1, &reason) != -EINVAL)
			fail_msg("row %zu is taken", i);
		if (!strstr(reason, rows[i].reason))
			fail_msg("row %zu: %s", i, reason);
		assert_memory_equal(&before, &map.line[0]->ctl, sizeof(before));
		assert_int_equal(map.n_srtp_refused, 1);
	}
	media_map_clear(&map);
}

/* RTP/AVP with keys: from a far end, and from us where an offer cannot be refused. */
static void test_optional(void **state)
{
	const char *reason = "";

	start(CFG_SRTP_PREFER, CFG_SRTP_NEVER);
	offer_to_b(AVP KEY);
	answer_ok(AVP, 1);
	assert_int_equal(profile(), SDP_RTP_AVP);
	assert_non_null(strstr(printed, "a=crypto:1 " CM80 " inline:"));
	assert_int_equal(media_map_srtp(&map, 0), DP_SRTP_CM_128_SHA1_80);

	for (unsigned int secure = 0; secure < 2; secure++) {
		start(CFG_SRTP_NEVER, CFG_SRTP_PREFER);
		map.in_success = true;
		offer_to_b(AVP);
		assert_int_equal(profile(), SDP_RTP_AVP);
		assert_int_equal(offered.n, DP_SRTP_N - 1);
		assert_int_equal(leg_of(1)->flags, 0);
		if (secure)
			assert_int_equal(answer(secure_answer("RTP/SAVP", 0), 1, &reason), -EINVAL);
		answer_ok(secure ? secure_answer("RTP/AVP", 2) : AVP, 1);
		assert_int_equal(media_map_srtp(&map, 1), secure ? offered.line[2].srtp.suite : 0);
	}
	start(CFG_SRTP_NEVER, CFG_SRTP_REQUIRE);
	map.in_success = true;
	offer_to_b(AVP);
	assert_int_equal(profile(), SDP_RTP_SAVP);
	media_map_clear(&map);
}

static void test_feedback(void **state)
{
	start(CFG_SRTP_PREFER, CFG_SRTP_REQUIRE);
	offer_to_b("m=audio 4000 RTP/AVPF 8\r\n");
	assert_int_equal(profile(), SDP_RTP_SAVPF);
	answer_ok(secure_answer("RTP/SAVP", 0), 1); /* a far end without AVPF */
	assert_int_equal(profile(), SDP_RTP_AVPF);
	start(CFG_SRTP_PREFER, CFG_SRTP_NEVER);
	offer_to_b("m=audio 4000 RTP/SAVPF 8\r\n" KEY);
	assert_int_equal(profile(), SDP_RTP_AVPF);
	/* refused: in the words of the one who asked */
	answer_ok("m=audio 0 RTP/AVPF 8\r\n", 1);
	assert_non_null(strstr(printed, "m=audio 0 RTP/SAVPF 8\r\n"));
	media_map_clear(&map);
}

/* ---- keys over the life of a call ---- */

static struct dp_srtp tx_of(unsigned int leg)
{
	return leg_of(leg)->tx;
}

static unsigned int index_of(uint8_t suite)
{
	for (unsigned int i = 0; i < offered.n; i++) {
		if (offered.line[i].srtp.suite == suite)
			return i;
	}
	fail_msg("suite %u is not offered", suite);
	return 0;
}

static void exchange(const char *a, unsigned int from)
{
	const char *reason = "";

	if (offer(a, from, &reason) != 0)
		fail_msg("%s", reason);
	open_all();
	print(!from);
	sdp_cryptos_read(&out_sdp, 0, &offered);
	answer_ok(offered.n ? secure_answer("RTP/SAVP", index_of(DP_SRTP_CM_128_SHA1_80)) : AVP,
		!from);
	media_map_done(&map);
}

static void test_rekey(void **state)
{
	struct dp_srtp a, b;
	struct sdp_cryptos first;

	start(CFG_SRTP_REQUIRE, CFG_SRTP_REQUIRE);
	exchange(SAVP KEY, 0);
	a = tx_of(0);
	b = tx_of(1);
	first = offered;
	/* hold: A keeps its key and so do we, towards both; what is in force is offered first */
	exchange(SAVP KEY "a=sendonly\r\n", 0);
	assert_true(media_srtp_same(&a, &leg_of(0)->tx) && media_srtp_same(&b, &leg_of(1)->tx));
	assert_true(media_srtp_same(&b, &offered.line[0].srtp));
	assert_int_equal(offered.n, first.n);
	first = offered;
	/* the same once more, as a session refresh: the very same lines */
	exchange(SAVP KEY "a=sendonly\r\n", 0);
	assert_memory_equal(&first, &offered, sizeof(first));
	assert_true(media_srtp_same(&a, &leg_of(0)->tx) && media_srtp_same(&b, &leg_of(1)->tx));
	/* B resumes: A, who had offered, gets an offer with the key that it knows */
	exchange(SAVP "a=crypto:1 " CM80 " inline:" B30 "\r\n", 1);
	assert_true(media_srtp_same(&a, &leg_of(0)->tx) && media_srtp_same(&b, &leg_of(1)->tx));
	assert_true(media_srtp_same(&a, &offered.line[0].srtp));
	/* A changes its key: both sides get new ones */
	exchange(SAVP "a=crypto:1 " CM80 " inline:" C30 "\r\na=sendonly\r\n", 0);
	assert_false(media_srtp_same(&a, &leg_of(0)->tx));
	assert_false(media_srtp_same(&b, &leg_of(1)->tx));
	for (unsigned int i = 0; i < first.n; i++)
		assert_memory_not_equal(first.line[i].srtp.key, offered.line[i].srtp.key, 16);
	/* another suite is another key, too */
	a = tx_of(0);
	exchange(SAVP "a=crypto:1 " CM32 " inline:" C30 "\r\na=sendonly\r\n", 0);
	assert_int_equal(leg_of(0)->tx.suite, DP_SRTP_CM_128_SHA1_32);
	assert_memory_not_equal(a.key, leg_of(0)->tx.key, 16);
	media_map_clear(&map);
}

/* Another trunk never sees the keys that the first one was offered. */
static void test_hunt(void **state)
{
	struct cfg cfg = {0};
	struct cfg_realm realm = {.srtp = CFG_SRTP_REQUIRE};
	struct sdp_cryptos first;

	start(CFG_SRTP_NEVER, CFG_SRTP_REQUIRE);
	offer_to_b(AVP);
	first = offered;
	answer_ok(secure_answer("RTP/SAVP", 1), 1); /* early, then it refuses */
	assert_true(leg_of(1)->rx.suite != 0);
	media_map_set_srtp(&map, 1, &cfg, &realm, NULL);
	assert_int_equal(media_map_offer_again(&map), 1);
	assert_true(is_zero(&leg_of(1)->rx, 2 * sizeof(struct dp_srtp)));
	assert_int_equal(leg_of(1)->flags, 0);
	parse(AVP);
	print(1);
	sdp_cryptos_read(&out_sdp, 0, &offered);
	assert_int_equal(offered.n, first.n);
	for (unsigned int i = 0; i < first.n; i++)
		assert_memory_not_equal(first.line[i].srtp.key, offered.line[i].srtp.key, 16);
	/* to a trunk that takes RTP only: then early audio passes again */
	realm.srtp = CFG_SRTP_NEVER;
	media_map_set_srtp(&map, 1, &cfg, &realm, NULL);
	assert_int_equal(media_map_offer_again(&map), 1);
	assert_int_equal(media_map_offer_again(&map), 0);
	assert_true(leg_of(1)->flags & DP_LEG_EARLY);
	parse(AVP);
	print(1);
	assert_int_equal(profile(), SDP_RTP_AVP);
	media_map_clear(&map);
}

static void test_fall_back(void **state)
{
	const char *reason;

	for (enum cfg_srtp b = CFG_SRTP_NEVER; b <= CFG_SRTP_REQUIRE; b++) {
		start(CFG_SRTP_NEVER, b);
		offer_to_b(AVP);
		assert_int_equal(media_map_fall_back(&map, 1), b == CFG_SRTP_PREFER);
		assert_false(media_map_fall_back(&map, 1)); /* once */
		parse(AVP);
		print(1);
		assert_int_equal(profile(), b == CFG_SRTP_REQUIRE ? SDP_RTP_SAVP : SDP_RTP_AVP);
	}
	/* what was agreed holds at later offers, in either direction, and for new lines */
	start(CFG_SRTP_NEVER, CFG_SRTP_PREFER);
	offer_to_b(AVP);
	assert_true(media_map_fall_back(&map, 1));
	parse(AVP);
	print(1);
	answer_ok(AVP, 1);
	media_map_done(&map);
	offer_to_b(AVP "a=sendonly\r\n" AVP);
	assert_null(strstr(printed, "SAVP"));
	answer_ok(AVP AVP, 1);
	media_map_done(&map);
	assert_int_equal(media_map_srtp(&map, 1), DP_SRTP_NONE);
	start(CFG_SRTP_PREFER, CFG_SRTP_NEVER); /* the caller itself came without SRTP */
	exchange(AVP, 0);
	if (offer(AVP AVP, 1, &reason) != 0)
		fail_msg("%s", reason);
	open_all();
	assert_null(strstr(print(0), "SAVP"));
	/* and SRTP that was agreed is never asked to be given up */
	start(CFG_SRTP_NEVER, CFG_SRTP_PREFER);
	exchange(AVP, 0);
	assert_int_equal(media_map_srtp(&map, 1), DP_SRTP_CM_128_SHA1_80);
	offer_to_b(AVP "a=sendonly\r\n");
	assert_int_equal(profile(), SDP_RTP_SAVP);
	assert_false(media_map_fall_back(&map, 1));
	assert_int_equal(answer(AVP, 1, &reason), -EINVAL);
	media_map_clear(&map);
}

/* A re-INVITE that gives SRTP up. */
static void test_downgrade(void **state)
{
	const char *reason = "";

	start(CFG_SRTP_REQUIRE, CFG_SRTP_NEVER);
	exchange(SAVP KEY, 0);
	assert_int_equal(offer(AVP, 0, &reason), -ENOTSUP);
	assert_non_null(strstr(reason, "srtp require"));
	assert_int_equal(media_map_srtp(&map, 0), DP_SRTP_CM_128_SHA1_80);
	start(CFG_SRTP_PREFER, CFG_SRTP_NEVER);
	exchange(SAVP KEY, 0);
	assert_false(map.side[0].srtp.lost);
	exchange(AVP, 0); /* taken, and told */
	assert_int_equal(media_map_srtp(&map, 0), DP_SRTP_NONE);
	assert_true(map.side[0].srtp.lost);
	assert_true(is_zero(&leg_of(0)->rx, 2 * sizeof(struct dp_srtp)));
	/* a call with one line in the clear is not an encrypted call */
	start(CFG_SRTP_PREFER, CFG_SRTP_NEVER);
	if (offer(SAVP KEY AVP, 0, &reason) != 0)
		fail_msg("%s", reason);
	open_all();
	print(1);
	answer_ok(AVP AVP, 1);
	assert_int_equal(media_map_srtp(&map, 0), DP_SRTP_NONE);
	assert_int_equal(leg_of(0)->rx.suite, DP_SRTP_CM_128_SHA1_80);
	media_map_clear(&map);
}

/* After a restart the call has its keys and its policy. */
static void test_checkpoint(void **state)
{
	static const uint64_t key[2] = {9, 9};
	static uint8_t buf[8192];
	struct ckpt_out out = {buf, 0, sizeof(buf), false};
	struct dp_srtp a, b;
	struct media_map back;
	struct ckpt_in in;

	start(CFG_SRTP_REQUIRE, CFG_SRTP_PREFER);
	exchange(SAVP KEY, 0);
	a = tx_of(0);
	b = tx_of(1);
	map.side[1].srtp.lost = true;
	media_map_checkpoint(&map, &out);
	assert_false(out.failed);
	in = (struct ckpt_in){buf, out.n, false};
	media_map_init(&back, 77, key);
	assert_int_equal(media_map_restore(&back, &in), 0);
	assert_int_equal(back.side[0].srtp.policy, CFG_SRTP_REQUIRE);
	assert_int_equal(back.side[1].srtp.policy, CFG_SRTP_PREFER);
	assert_int_equal(back.side[1].srtp.n_suites, DP_SRTP_N - 1);
	assert_true(back.side[1].srtp.lost && !back.side[1].srtp.refused);
	assert_true(media_srtp_same(&back.line[0]->ctl.leg[0].tx, &a));
	assert_true(media_srtp_same(&back.line[0]->ctl.leg[1].tx, &b));
	media_map_clear(&map);
	map = back;
	/* the hold after it: both sides keep theirs */
	exchange(SAVP KEY "a=sendonly\r\n", 0);
	assert_true(media_srtp_same(&a, &leg_of(0)->tx) && media_srtp_same(&b, &leg_of(1)->tx));
	assert_true(media_srtp_same(&b, &offered.line[0].srtp));
	media_map_clear(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers_taken),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_optional),
		cmocka_unit_test(test_feedback),
		cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_fall_back),
		cmocka_unit_test(test_downgrade),
		cmocka_unit_test(test_checkpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
