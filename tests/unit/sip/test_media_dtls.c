/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DTLS-SRTP in the media map: policy against every kind of offer and answer, roles, and when there
 * is a new association (RFC 8842) or the old one stays. Nothing of one side's handshake is told to
 * the other.
 */
#include "sip-b2bua/sdp/media_map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEX8(x)	 x ":" x ":" x ":" x ":" x ":" x ":" x ":" x
#define HEX32(x) HEX8(x) ":" HEX8(x) ":" HEX8(x) ":" HEX8(x)
#define FP_A	 "a=fingerprint:sha-256 " HEX32("AA") "\r\n"
#define FP_B	 "a=fingerprint:sha-256 " HEX32("BB") "\r\n"
#define FP_SHA1	 "a=fingerprint:sha-1 " HEX8("AA") ":" HEX8("AA") ":AA:AA:AA:AA\r\n"
#define ID_A	 "a=tls-id:aaaaaaaaaaaaaaaaaaaaaaaa\r\n"
#define ID_A2	 "a=tls-id:aaaaaaaaaaaaaaaaaaaaaaa2\r\n"
#define MUX	 "a=rtcp-mux\r\n"
#define ACTPASS	 "a=setup:actpass\r\n"
#define ACTIVE	 "a=setup:active\r\n"
#define PASSIVE	 "a=setup:passive\r\n"
#define AVP	 "m=audio 4000 RTP/AVP 8\r\n"
#define SAVP	 "m=audio 4000 RTP/SAVP 8\r\n"
#define TLS	 "m=audio 4000 UDP/TLS/RTP/SAVP 8\r\n"
#define TLSF	 "m=audio 4000 UDP/TLS/RTP/SAVPF 8\r\n"
#define KEY	 "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"
#define OFFER	 TLS FP_A MUX ACTPASS

static struct sdp sdp, out_sdp;
static struct media_map map;
static char printed[8192];
static struct sdp_dtls out; /* of the first line that was printed */

static struct ipaddr addr(const char *s)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(view_of(s), 0, &a), 0);
	return a;
}

static struct fingerprint certificate(uint8_t octet)
{
	struct fingerprint f = {.hash = FINGERPRINT_SHA_256, .len = 32};

	memset(f.value, octet, f.len);
	return f;
}

static void own_is(uint8_t octet) /* 0: limen-nat is away */
{
	struct fingerprint own = octet ? certificate(octet) : (struct fingerprint){0};

	media_map_set_own(&map, &own);
}

struct side {
	enum cfg_srtp policy;
	enum cfg_keying keying;
	bool latch;
};

static void start(struct side a, struct side b)
{
	static const uint64_t key[2] = {1, 2};
	struct cfg cfg = {0};
	struct cfg_realm realm[2] = {
		{.name = "access", .media_ipv4 = addr("10.1.0.1")},
		{.name = "peering", .media_ipv4 = addr("10.2.0.1")},
	};
	struct side side[2] = {a, b};

	media_map_clear(&map);
	media_map_init(&map, 77, key);
	own_is(0xcc);
	for (unsigned int leg = 0; leg < 2; leg++) {
		realm[leg].srtp = (uint8_t)side[leg].policy;
		realm[leg].srtp_keying = (uint8_t)side[leg].keying;
		realm[leg].latch = side[leg].latch;
		media_map_set_side(&map, leg, &realm[leg], &realm[leg].media_ipv4);
		media_map_set_srtp(&map, leg, &cfg, &realm[leg], NULL);
	}
}

static const struct side never = {CFG_SRTP_NEVER, CFG_KEYING_SDES, false};
static const struct side dtls = {CFG_SRTP_REQUIRE, CFG_KEYING_DTLS, false};
static const struct side wish = {CFG_SRTP_PREFER, CFG_KEYING_DTLS, false};

static const struct sdp *parse_at(const char *host, const char *session, const char *media)
{
	static char text[8192];
	int n = snprintf(text, sizeof(text),
		"v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n%s%s", host, host,
		session, media);

	if (sdp_parse(&sdp, (struct view){text, (size_t)n}) < 0)
		fail_msg("%s in\n%s", sdp.error, text);
	return &sdp;
}

static const struct sdp *parse(const char *media)
{
	return parse_at("192.168.7.7", "", media);
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

/* Prints towards a leg: printed, out. Nothing of the other leg's handshake is in it. */
static const char *print(unsigned int to_leg)
{
	struct sip_buf b;

	sip_buf_init(&b, printed, sizeof(printed) - 1);
	assert_int_equal(media_map_print(&map, &sdp, to_leg, &b), 0);
	printed[b.n] = '\0';
	if (sdp_parse(&out_sdp, sip_buf_view(&b)) < 0)
		fail_msg("%s in\n%s", out_sdp.error, printed);
	assert_null(strstr(printed, "AA:AA"));
	assert_null(strstr(printed, "BB:BB"));
	assert_null(strstr(printed, "aaaaaaaa"));
	sdp_dtls_read(&out_sdp, 0, &out);
	return printed;
}

static int offer(const char *media, unsigned int leg, const char **ret_reason)
{
	return media_map_offer(&map, parse(media), leg, ret_reason);
}

static void offer_ok(const char *media, unsigned int leg)
{
	const char *reason = "";

	if (offer(media, leg, &reason) != 0)
		fail_msg("%s", reason);
	open_all();
	print(!leg);
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

static const struct ctl_dtls *told(unsigned int leg)
{
	return &map.line[0]->ctl.dtls[leg];
}

static enum sdp_profile profile(void)
{
	return sdp_profile_parse(out_sdp.media[0].proto);
}

/* ---- reading ---- */

static void test_attributes(void **state)
{
	static const struct {
		const char *session, *media;
		uint8_t octet; /* of the fingerprint that is taken, 0: none */
		enum sdp_setup setup;
		bool tls_id;
	} rows[] = {
		{"", TLS FP_A ACTPASS ID_A, 0xaa, SDP_SETUP_ACTPASS, true},
		{FP_A ACTIVE ID_A, TLS, 0xaa, SDP_SETUP_ACTIVE, false},
		{FP_A ACTIVE, TLS FP_B PASSIVE, 0xbb, SDP_SETUP_PASSIVE, false},
		{FP_A, TLS FP_SHA1, 0, SDP_SETUP_NONE, false},
		{"", TLS FP_SHA1 FP_B FP_A, 0xbb, SDP_SETUP_NONE, false},
		{"", TLS "a=fingerprint:sha-256 AA:BB\r\n" FP_A, 0xaa, SDP_SETUP_NONE, false},
		{"", TLS "a=fingerprint\r\na=setup\r\na=tls-id\r\n", 0, SDP_SETUP_UNKNOWN, false},
		{"", TLS "a=setup:holdconn\r\na=tls-id:tooshort\r\n", 0, SDP_SETUP_HOLDCONN, false},
		{"", TLS "a=setup:existing\r\na=tls-id:aaaaaaaaaaaaaaaaaaa aaaaaa\r\n", 0,
			SDP_SETUP_UNKNOWN, false},
		{"", TLS "a=setup: ACTPASS \r\n", 0, SDP_SETUP_ACTPASS, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp_dtls got;

		sdp_dtls_read(parse_at("192.0.2.1", rows[i].session, rows[i].media), 0, &got);
		if (got.fingerprint.value[0] != rows[i].octet || got.setup != rows[i].setup ||
			(got.tls_id != 0) != rows[i].tls_id)
			fail_msg("row %zu: %x, %u", i, got.fingerprint.value[0], got.setup);
	}
}

/* ---- offers that come ---- */

static void test_offers_taken(void **state)
{
	/* Per policy never, prefer, require; '-': 488, 'x': 503, 'p': RTP, 's': SDES, 'd': DTLS. */
	static const struct {
		const char *offer, *sdes, *dtls, *away; /* away: keying dtls, without limen-nat */
		const char *why;			/* of require, keying dtls */
	} rows[] = {
		{AVP, "pp-", "pp-", "pp-", "srtp keying dtls"},
		{AVP KEY, "pss", "ps-", "ps-", "srtp keying dtls"},
		{SAVP KEY, "-ss", "-s-", "-s-", "srtp keying dtls"},
		{OFFER, "-d-", "-dd", "-xx", NULL},
		{TLSF FP_A MUX ACTIVE, "-d-", "-dd", "-xx", NULL},
		{TLS FP_A MUX PASSIVE ID_A, "-d-", "-dd", "-xx", NULL},
		{TLS FP_A MUX, "-d-", "-dd", "-xx", NULL},
		{TLS FP_A ACTPASS, "---", "---", "---", "a=rtcp-mux"},
		{TLS FP_SHA1 MUX ACTPASS, "---", "---", "---", "a=fingerprint"},
		{TLS MUX ACTPASS, "---", "---", "---", "a=fingerprint"},
		{TLS FP_A MUX "a=setup:holdconn\r\n", "---", "---", "---", "a=setup"},
		{TLS FP_A MUX "a=setup:x\r\n", "---", "---", "---", "a=setup"},
		{TLS KEY MUX, "---", "---", "---", "a=fingerprint"},
		{"m=audio 0 UDP/TLS/RTP/SAVP 8\r\n", "---", "---", "---", "no RTP"},
		/* one line is refused, the other one is taken */
		{TLS AVP, "pp-", "pp-", "pp-", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned int n = 0; n < 9; n++) {
			const char *want = n < 3   ? rows[i].sdes
					   : n < 6 ? rows[i].dtls
						   : rows[i].away;
			const char *reason = "";
			char got = '-';
			int rc;

			start((struct side){(enum cfg_srtp)(n % 3),
				      n < 3 ? CFG_KEYING_SDES : CFG_KEYING_DTLS, false},
				never);
			own_is(n < 6 ? 0xcc : 0);
			rc = offer(rows[i].offer, 0, &reason);
			for (unsigned int l = 0; rc == 0 && l < map.n_lines && got == '-'; l++) {
				const struct media_desc *d = &map.line[l]->pending[0];

				if (d->usable)
					got = d->dtls.fingerprint.hash ? 'd'
					      : d->peer.srtp.suite     ? 's'
								       : 'p';
			}
			if (rc == -EAGAIN)
				got = 'x';
			assert_true(rc == 0 || rc == -ENOTSUP || rc == -EAGAIN);
			if (got != want[n % 3])
				fail_msg("row %zu, %u: %c, %s", i, n, got, reason);
			if (got == 'x')
				assert_non_null(strstr(reason, "limen-nat"));
			if (n == 5 && rows[i].why && !strstr(reason, rows[i].why))
				fail_msg("row %zu: %s", i, reason);
		}
	}
	media_map_clear(&map);
}

/* A class of suites for which DTLS has no profile. */
static void test_no_common_suite(void **state)
{
	const char *reason = "";

	start(wish, wish);
	for (unsigned int leg = 0; leg < 2; leg++) {
		map.side[leg].srtp.n_suites = 1;
		map.side[leg].srtp.suites[0] = DP_SRTP_CM_256_SHA1_80;
	}
	assert_int_equal(offer(OFFER, 0, &reason), -ENOTSUP);
	assert_non_null(strstr(reason, "suites"));
	offer_ok(AVP, 0);
	assert_int_equal(profile(), SDP_RTP_AVP); /* nor is it offered */
	media_map_clear(&map);
}

/* ---- what we offer, and answers ---- */

static void test_offered(void **state)
{
	static const struct {
		struct side side;
		bool nat, late;
		int rc;
		enum sdp_profile profile;
	} rows[] = {
		{{CFG_SRTP_NEVER, CFG_KEYING_DTLS, false}, true, false, 0, SDP_RTP_AVP},
		{{CFG_SRTP_PREFER, CFG_KEYING_DTLS, false}, true, false, 0, SDP_DTLS_SAVP},
		{{CFG_SRTP_REQUIRE, CFG_KEYING_DTLS, false}, true, false, 0, SDP_DTLS_SAVP},
		{{CFG_SRTP_PREFER, CFG_KEYING_DTLS, false}, false, false, 0, SDP_RTP_AVP},
		{{CFG_SRTP_REQUIRE, CFG_KEYING_DTLS, false}, false, false, -EAGAIN, 0},
		{{CFG_SRTP_PREFER, CFG_KEYING_DTLS, false}, true, true, 0, SDP_RTP_AVP},
		{{CFG_SRTP_REQUIRE, CFG_KEYING_DTLS, false}, true, true, 0, SDP_DTLS_SAVP},
		{{CFG_SRTP_REQUIRE, CFG_KEYING_SDES, false}, false, false, 0, SDP_RTP_SAVP},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *reason = "";

		start(never, rows[i].side);
		own_is(rows[i].nat ? 0xcc : 0);
		map.in_success = rows[i].late;
		assert_int_equal(offer(AVP, 0, &reason), rows[i].rc);
		if (rows[i].rc != 0) {
			assert_non_null(strstr(reason, "limen-nat"));
			continue;
		}
		open_all();
		print(1);
		assert_int_equal(profile(), rows[i].profile);
		if (profile() != SDP_DTLS_SAVP) {
			assert_false(out.has_fingerprint);
			assert_int_equal(out.setup, SDP_SETUP_NONE);
			continue;
		}
		assert_int_equal(out.fingerprint.value[31], 0xcc);
		assert_int_equal(out.setup, SDP_SETUP_ACTPASS);
		assert_true(out.tls_id != 0);
		assert_true(out_sdp.media[0].rtcp_mux); /* although the caller has none */
		assert_false(sdp_has_attr(&out_sdp, 0, VIEW("crypto")));
	}
	media_map_clear(&map);
}

static void test_answers(void **state)
{
	static const struct {
		const char *answer, *why;
		enum ctl_dtls_role role;
	} rows[] = {
		{TLS FP_B MUX ACTIVE, NULL, CTL_DTLS_SERVER},
		{TLS FP_B MUX PASSIVE ID_A, NULL, CTL_DTLS_CLIENT},
		{TLS FP_B MUX, NULL, CTL_DTLS_CLIENT},
		{TLSF FP_B MUX ACTIVE, NULL, CTL_DTLS_SERVER},
		{TLS FP_B MUX ACTPASS, "a=setup", 0},
		{TLS FP_B MUX "a=setup:holdconn\r\n", "a=setup", 0},
		{TLS FP_B ACTIVE, "a=rtcp-mux", 0},
		{TLS MUX ACTIVE, "a=fingerprint", 0},
		{TLS FP_SHA1 MUX ACTIVE, "a=fingerprint", 0},
		{AVP, "profile", 0},
		{SAVP KEY, "profile", 0},
		{AVP FP_B MUX ACTIVE, "profile", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *reason = "";
		int rc;

		start(never, dtls);
		offer_ok(AVP, 0);
		rc = answer(rows[i].answer, 1, &reason);
		if (rows[i].why) {
			assert_int_equal(rc, -EINVAL);
			if (!strstr(reason, rows[i].why))
				fail_msg("row %zu: %s", i, reason);
			assert_int_equal(map.n_srtp_refused, 1);
			assert_int_equal(told(1)->role, CTL_DTLS_NONE);
			continue;
		}
		if (rc != 0)
			fail_msg("row %zu: %s", i, reason);
		assert_int_equal(told(1)->role, rows[i].role);
		assert_int_equal(told(1)->peer.value[0], 0xbb);
		assert_int_equal(told(1)->association, 1);
		assert_int_equal(told(1)->suites, 1u << DP_SRTP_GCM_256 | 1u << DP_SRTP_GCM_128 |
							  1u << DP_SRTP_CM_128_SHA1_80 |
							  1u << DP_SRTP_CM_128_SHA1_32);
		assert_int_equal(map.line[0]->ctl.leg[1].rx.suite, DP_SRTP_NONE);
		assert_true(map.line[0]->ctl.leg[1].flags & DP_LEG_RTCP_MUX);
		assert_false(map.line[0]->ctl.leg[0].flags & DP_LEG_RTCP_MUX);
		assert_int_equal(told(0)->role, CTL_DTLS_NONE);
		assert_int_equal(media_map_keying(&map, 1), CTL_KEYING_DTLS);
		assert_int_equal(media_map_keying(&map, 0), CTL_KEYING_NONE);
		print(0);
		assert_int_equal(profile(), SDP_RTP_AVP);
		assert_false(out.has_fingerprint);
	}
	media_map_clear(&map);
}

/* Whoever offers is answered with the role that is left, or that NAT asks for. */
static void test_our_answer(void **state)
{
	static const struct {
		const char *offer;
		bool latch, tls_id;
		enum ctl_dtls_role role;
	} rows[] = {
		{OFFER, false, false, CTL_DTLS_CLIENT},
		{OFFER ID_A, true, true, CTL_DTLS_SERVER},
		{TLSF FP_A MUX ACTIVE, false, false, CTL_DTLS_SERVER},
		{TLS FP_A MUX PASSIVE, true, false, CTL_DTLS_CLIENT},
		{TLS FP_A MUX, false, false, CTL_DTLS_SERVER},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct side a = {CFG_SRTP_REQUIRE, CFG_KEYING_DTLS, rows[i].latch};

		start(a, never);
		offer_ok(rows[i].offer, 0);
		assert_true(sdp_profile_keying(profile()) == SDP_PLAIN);
		assert_false(out.has_fingerprint);
		assert_int_equal(out.setup, SDP_SETUP_NONE);
		/* Nothing passes before keys: no early media towards or from a leg without. */
		assert_int_equal(map.line[0]->ctl.leg[1].flags & DP_LEG_RECV, 0);
		answer_ok(AVP, 1);
		assert_int_equal(told(0)->role, rows[i].role);
		assert_int_equal(told(0)->peer.value[0], 0xaa);
		assert_int_equal(out.setup,
			rows[i].role == CTL_DTLS_SERVER ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE);
		assert_int_equal(out.fingerprint.value[0], 0xcc);
		assert_int_equal(out.tls_id != 0, rows[i].tls_id);
		assert_true(out_sdp.media[0].rtcp_mux);
		assert_int_equal(profile(),
			sdp_profile_parse(sdp_profile_text(map.line[0]->pending[0].profile)));
		assert_true(sdp_profile_keying(profile()) == SDP_DTLS);
	}
	media_map_clear(&map);
}

static void test_fall_back(void **state)
{
	start(never, wish);
	offer_ok(AVP, 0);
	assert_int_equal(profile(), SDP_DTLS_SAVP);
	assert_true(media_map_fall_back(&map, 1));
	media_map_offer_again(&map);
	(void)parse(AVP);
	print(1);
	assert_int_equal(profile(), SDP_RTP_AVP);
	assert_false(out.has_fingerprint);
	answer_ok(AVP, 1);
	assert_int_equal(told(1)->role, CTL_DTLS_NONE);
	start(never, dtls);
	offer_ok(AVP, 0);
	assert_false(media_map_fall_back(&map, 1));
	media_map_clear(&map);
}

/* ---- associations ---- */

/* A call with DTLS on both sides: association 1 each. */
static void call(const char *offered, const char *answered)
{
	start(dtls, dtls);
	offer_ok(offered, 0);
	answer_ok(answered, 1);
	media_map_done(&map);
	assert_int_equal(told(0)->association, 1);
	assert_int_equal(told(1)->association, 1);
}

/* A re-INVITE of A: the associations that there are then. */
static void test_new_association(void **state)
{
	static const struct {
		const char *offer1, *answer1, *offer2, *answer2;
		uint8_t own2;  /* our certificate at the second exchange; 0: limen-nat is away */
		uint32_t a, b; /* associations afterwards */
		bool same_id;  /* of our second offer and the first one */
	} rows[] = {
		/* session refresh, with and without tls-id; hold; another role of actpass */
		{OFFER, TLS FP_B MUX ACTIVE, OFFER, TLS FP_B MUX ACTIVE, 0xcc, 1, 1, true},
		{OFFER ID_A, TLS FP_B MUX ACTIVE ID_A, OFFER ID_A, TLS FP_B MUX ACTIVE ID_A, 0xcc,
			1, 1, true},
		{OFFER, TLS FP_B MUX ACTIVE, OFFER "a=sendonly\r\n",
			TLS FP_B MUX ACTIVE "a=recvonly\r\n", 0xcc, 1, 1, true},
		{OFFER, TLS FP_B MUX ACTIVE, TLS "c=IN IP4 0.0.0.0\r\n" FP_A MUX ACTPASS,
			TLS FP_B MUX ACTIVE, 0xcc, 1, 1, true},
		{OFFER, TLS FP_B MUX ACTIVE, TLS FP_A MUX PASSIVE, TLS FP_B MUX ACTIVE, 0xcc, 1, 1,
			true},
		/* the far end: certificate, tls-id, role, place */
		{OFFER, TLS FP_B MUX ACTIVE, TLS FP_B MUX ACTPASS, TLS FP_B MUX ACTIVE, 0xcc, 2, 1,
			true},
		{OFFER ID_A, TLS FP_B MUX ACTIVE, OFFER ID_A2, TLS FP_B MUX ACTIVE, 0xcc, 2, 1,
			true},
		{OFFER ID_A, TLS FP_B MUX ACTIVE, OFFER, TLS FP_B MUX ACTIVE, 0xcc, 2, 1, true},
		{OFFER, TLS FP_B MUX ACTIVE, TLS FP_A MUX ACTIVE, TLS FP_B MUX ACTIVE, 0xcc, 2, 1,
			true},
		{OFFER, TLS FP_B MUX ACTIVE, TLS "c=IN IP4 192.168.7.8\r\n" FP_A MUX ACTPASS,
			TLS FP_B MUX ACTIVE, 0xcc, 2, 1, true},
		{OFFER ID_A, TLS FP_B MUX ACTIVE,
			TLS "c=IN IP4 192.168.7.8\r\n" FP_A MUX ACTPASS ID_A, TLS FP_B MUX ACTIVE,
			0xcc, 1, 1, true},
		{OFFER, TLS FP_B MUX ACTIVE, OFFER, TLS FP_A MUX ACTIVE, 0xcc, 1, 2, true},
		{OFFER, TLS FP_B MUX ACTIVE, OFFER, TLS FP_B MUX PASSIVE, 0xcc, 1, 2, true},
		/* ours: another certificate is told to both; none is as if nothing had happened */
		{OFFER, TLS FP_B MUX ACTIVE, OFFER, TLS FP_B MUX ACTIVE, 0xdd, 2, 2, false},
		{OFFER, TLS FP_B MUX ACTIVE, OFFER, TLS FP_B MUX ACTIVE, 0, 1, 1, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t id;

		call(rows[i].offer1, rows[i].answer1);
		(void)parse(rows[i].offer1);
		print(1);
		id = out.tls_id;
		own_is(rows[i].own2);
		offer_ok(rows[i].offer2, 0);
		if ((out.tls_id == id) != rows[i].same_id)
			fail_msg("row %zu: tls-id of the offer", i);
		assert_int_equal(out.setup, SDP_SETUP_ACTPASS);
		assert_int_equal(out.fingerprint.value[0], rows[i].own2 ? rows[i].own2 : 0xcc);
		answer_ok(rows[i].answer2, 1);
		assert_int_equal(out.fingerprint.value[0], rows[i].own2 ? rows[i].own2 : 0xcc);
		if (told(0)->association != rows[i].a || told(1)->association != rows[i].b)
			fail_msg("row %zu: %u, %u", i, told(0)->association, told(1)->association);
	}
	media_map_clear(&map);
}

/* Without limen-nat nothing new can be agreed on; what there is goes on. */
static void test_away_in_call(void **state)
{
	const char *reason = "";

	call(OFFER, TLS FP_B MUX ACTIVE);
	own_is(0);
	assert_int_equal(offer(TLS FP_B MUX ACTPASS, 0, &reason), -EAGAIN);
	assert_int_equal(told(0)->association, 1);
	offer_ok(OFFER, 0);
	media_map_clear(&map);
}

/* The other side re-INVITEs: it becomes the offerer, and keeps its association and role. */
static void test_turned(void **state)
{
	struct ctl_dtls before[2];

	call(OFFER, TLS FP_B MUX ACTIVE);
	before[0] = *told(0);
	before[1] = *told(1);
	assert_int_equal(before[0].role, CTL_DTLS_CLIENT);
	offer_ok(TLS FP_B MUX ACTPASS, 1);
	assert_int_equal(out.setup, SDP_SETUP_ACTPASS);
	answer_ok(TLS FP_A MUX PASSIVE, 0);
	assert_int_equal(out.setup, SDP_SETUP_PASSIVE);
	assert_memory_equal(&before[0], told(0), sizeof(before[0]));
	assert_memory_equal(&before[1], told(1), sizeof(before[1]));
	media_map_clear(&map);
}

/* Early answers: each fork has its own association, a repeated answer the same; A keeps its own. */
static void test_forks(void **state)
{
	static const struct {
		const char *answer;
		uint32_t association;
	} rows[] = {
		{TLS FP_B MUX ACTIVE, 1},
		{TLS FP_B MUX ACTIVE, 1},
		{TLS FP_A MUX ACTIVE, 2},
		{"m=audio 4002 UDP/TLS/RTP/SAVP 8\r\n" FP_A MUX ACTIVE,
			3}, /* the same certificate */
		{TLS FP_B MUX ACTIVE, 4},
	};

	start(dtls, dtls);
	offer_ok(OFFER, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		answer_ok(rows[i].answer, 1);
		assert_int_equal(told(1)->association, rows[i].association);
		assert_int_equal(told(0)->association, 1);
	}
	/* The next trunk is asked: nothing of the last one, all of the caller. */
	media_map_offer_again(&map);
	assert_int_equal(told(1)->role, CTL_DTLS_NONE);
	assert_int_equal(told(0)->association, 1);
	(void)parse(OFFER);
	print(1);
	answer_ok(TLS FP_B MUX ACTIVE, 1);
	assert_int_equal(told(1)->association, 5);
	assert_int_equal(told(0)->association, 1);
	media_map_clear(&map);
}

/* An offer that came to nothing leaves what there was. */
static void test_failed_exchange(void **state)
{
	struct ctl_dtls before[2];

	call(OFFER, TLS FP_B MUX ACTIVE);
	memcpy(before, map.line[0]->ctl.dtls, sizeof(before));
	own_is(0xdd);
	offer_ok(TLS FP_B MUX ACTIVE, 0);
	assert_int_equal(media_map_fail(&map), 0);
	assert_memory_equal(before, map.line[0]->ctl.dtls, sizeof(before));
	/* B was told of another certificate, so a handshake is due with its next answer. */
	offer_ok(OFFER, 0);
	answer_ok(TLS FP_B MUX ACTIVE, 1);
	assert_int_equal(told(1)->association, 2);
	assert_int_equal(told(0)->association, 2);
	media_map_clear(&map);
}

static void test_lost(void **state)
{
	start(wish, wish);
	offer_ok(OFFER, 0);
	answer_ok(TLS FP_B MUX ACTIVE, 1);
	media_map_done(&map);
	offer_ok(AVP, 0);
	assert_int_equal(profile(), SDP_DTLS_SAVP); /* B has it and keeps it */
	answer_ok(TLS FP_B MUX ACTIVE, 1);
	assert_true(map.side[0].srtp.lost);
	assert_false(map.side[1].srtp.lost);
	assert_int_equal(told(0)->role, CTL_DTLS_NONE);
	assert_int_equal(told(1)->association, 1);
	media_map_clear(&map);
}

/* ---- checkpoint ---- */

static void test_checkpoint(void **state)
{
	static uint8_t bytes[16384];
	static const uint64_t key[2] = {1, 2};
	struct ctl_dtls before[2];
	struct ckpt_out ckpt;
	struct ckpt_in in;
	uint64_t id;

	call(OFFER ID_A, TLS FP_B MUX ACTIVE);
	memcpy(before, map.line[0]->ctl.dtls, sizeof(before));
	(void)parse(OFFER ID_A);
	print(1);
	id = out.tls_id;
	ckpt = (struct ckpt_out){.p = bytes, .size = sizeof(bytes)};
	media_map_checkpoint(&map, &ckpt);
	assert_false(ckpt.failed);
	media_map_clear(&map);
	media_map_init(&map, 77, key);
	in = (struct ckpt_in){.p = bytes, .n = ckpt.n};
	assert_int_equal(media_map_restore(&map, &in), 0);
	assert_memory_equal(before, map.line[0]->ctl.dtls, sizeof(before));
	own_is(0xcc);
	offer_ok(OFFER ID_A, 0);
	assert_true(out.tls_id == id);
	answer_ok(TLS FP_B MUX ACTIVE, 1);
	assert_memory_equal(before, map.line[0]->ctl.dtls, sizeof(before));
	/* Each octet damaged: refused, or something that limen-control takes. */
	for (size_t i = 0; i < ckpt.n; i++) {
		bytes[i] ^= 0x55;
		media_map_clear(&map);
		media_map_init(&map, 77, key);
		in = (struct ckpt_in){.p = bytes, .n = ckpt.n};
		if (media_map_restore(&map, &in) == 0 && map.n_lines > 0 &&
			map.line[0]->state == MEDIA_OPEN) {
			for (unsigned int leg = 0; leg < 2; leg++) {
				assert_in_range(told(leg)->role, 0, CTL_DTLS_CLIENT);
				assert_true(fingerprint_valid(&told(leg)->peer));
			}
		}
		bytes[i] ^= 0x55;
	}
	media_map_clear(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_offers_taken),
		cmocka_unit_test(test_no_common_suite),
		cmocka_unit_test(test_offered),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_our_answer),
		cmocka_unit_test(test_fall_back),
		cmocka_unit_test(test_new_association),
		cmocka_unit_test(test_away_in_call),
		cmocka_unit_test(test_turned),
		cmocka_unit_test(test_forks),
		cmocka_unit_test(test_failed_exchange),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_checkpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
