/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Media lines that share a port (BUNDLE, RFC 9143) in the packet path: leg A of an audio and a video
 * session is one transport, leg B are two. Plain and with SRTP, whose far end is libsrtp2. After
 * each test every packet is accounted for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <srtp2/srtp.h>

#include "dataplane/core/worker_priv.h"
#include "dataplane/session/bundle.h"
#include "tests/unit/dataplane/rig.h"

#define BOX_A "192.0.2.1"
#define BOX_B "203.0.113.1"
#define PHONE "198.51.100.7"
#define FAR   "203.0.113.99"

enum { PORT_A, PORT_B };
enum { AUDIO = 0, VIDEO = 2 }; /* slots of the streams from leg A */

static const uint8_t pts[] = {[AUDIO] = 0, [VIDEO] = 96};
static const char mids[] = {[AUDIO] = 'a', [VIDEO] = 'v'};

static struct rig *rig;
static struct dp_session sessions[3];
static srtp_t phone_tx, phone_rx;
static const char *phone_ip = PHONE;
static uint16_t phone_port = 4000;

static int set_up(void **state)
{
	rig = rig_new(&(struct rig_conf){.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2});
	rig_addr(rig, 0, BOX_A, 10000, 19999, PORT_A);
	rig_addr(rig, 1, BOX_B, 20000, 29999, PORT_B);
	phone_ip = PHONE;
	phone_port = 4000;
	return srtp_init();
}

static int tear_down(void **state)
{
	rig_run(rig);
	rig_discard(rig, PORT_A);
	rig_discard(rig, PORT_B);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	if (phone_tx)
		srtp_dealloc(phone_tx);
	if (phone_rx)
		srtp_dealloc(phone_rx);
	phone_tx = phone_rx = NULL;
	srtp_shutdown();
	return ok ? 0 : -1;
}

static int put_session(unsigned int line)
{
	return rig_session(rig, line, &sessions[line], 0, 1, PORT_A, PORT_B, false);
}

/* Leg A at 10000, leg B at 20000 and 20002. */
static void describe(unsigned int line, uint32_t flags)
{
	struct dp_session *s = &sessions[line];

	*s = (struct dp_session){.id = line + 1, .call_id = 77};
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		s->leg[leg].flags = DP_LEG_SEND | DP_LEG_RECV | DP_LEG_RTCP_MUX;
		s->leg[leg].n_payloads = 1;
		s->leg[leg].payloads[0] = (struct dp_payload){.pt = pts[line], .clock_hz = 8000};
	}
	s->leg[0].local = rig_ip(BOX_A, 10000);
	s->leg[0].remote_rtp = rig_ip(PHONE, 4000);
	s->leg[1].local = rig_ip(BOX_B, (uint16_t)(20000 + line));
	s->leg[1].remote_rtp = rig_ip(FAR, (uint16_t)(5000 + line));
	s->leg[0].flags |= DP_LEG_BUNDLE | flags;
	s->leg[0].bundle = (struct dp_bundle){.mid_ext = 3, .mid_len = 1, .mid = {mids[line]}};
	s->leg[0].bundle.pts[pts[line] / 8] = (uint8_t)(1 << pts[line] % 8);
}

static void start(uint32_t flags)
{
	describe(AUDIO, flags);
	describe(VIDEO, flags);
	assert_int_equal(put_session(AUDIO), 0);
	assert_int_equal(put_session(VIDEO), 0);
}

struct payload {
	uint8_t bytes[256];
	uint16_t len;
};

static void put(
	unsigned int port, const char *src, uint16_t sport, uint16_t dport, const struct payload *p)
{
	struct rig_frame f = {.dst_mac = {2, 0, 0, 0, 0, (uint8_t)port},
		.src = src,
		.dst = port == PORT_A ? BOX_A : BOX_B,
		.sport = sport,
		.dport = dport,
		.payload = p->bytes,
		.payload_len = p->len};
	uint8_t bytes[RIG_FRAME];

	rig_put(rig, (uint8_t)port, bytes, rig_build(&f, bytes));
	rig_run(rig);
}

static void from_phone(const struct payload *plain, bool rtcp)
{
	struct payload p = *plain;
	int len = p.len;

	if (phone_tx)
		assert_int_equal(rtcp ? srtp_protect_rtcp(phone_tx, p.bytes, &len)
				      : srtp_protect(phone_tx, p.bytes, &len),
			0);
	p.len = (uint16_t)len;
	put(PORT_A, phone_ip, phone_port, 10000, &p);
}

/* From the far end of leg B of a line. */
static void from_far(unsigned int line, const struct payload *p)
{
	put(PORT_B, FAR, (uint16_t)(5000 + line), (uint16_t)(20000 + line), p);
}

static struct payload rtp(uint8_t pt, uint16_t seq, uint32_t ssrc)
{
	struct payload p;

	p.len = rig_rtp(p.bytes, pt, seq, seq * 160u, ssrc, 20);
	return p;
}

/* With the MID in a header extension of one byte (id 3), or of two. */
static struct payload with_mid(char mid, bool two, uint8_t pt, uint16_t seq, uint32_t ssrc)
{
	struct payload p = rtp(pt, seq, ssrc);
	const uint8_t one_byte[8] = {0xbe, 0xde, 0, 1, 0x30, (uint8_t)mid, 0, 0};
	const uint8_t two_byte[8] = {0x10, 0, 0, 1, 3, 1, (uint8_t)mid, 0};

	memmove(p.bytes + 20, p.bytes + 12, p.len - 12u);
	memcpy(p.bytes + 12, two ? two_byte : one_byte, 8);
	p.bytes[0] |= 0x10;
	p.len = (uint16_t)(p.len + 8);
	return p;
}

/* A receiver report without blocks and a PLI. */
static struct payload pli(uint32_t sender, uint32_t media)
{
	struct payload p = {.bytes = {0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 206, 0, 2}, .len = 20};
	uint32_t be = __builtin_bswap32(sender), be_media = __builtin_bswap32(media);

	memcpy(p.bytes + 4, &be, 4);
	memcpy(p.bytes + 12, &be, 4);
	memcpy(p.bytes + 16, &be_media, 4);
	return p;
}

static bool take(unsigned int port, uint16_t *ret_dport, struct payload *ret)
{
	uint8_t out[RIG_FRAME];
	uint32_t len = rig_get(rig, (uint8_t)port, out);

	if (!len)
		return false;
	assert_null(rig_checksums(out, len));
	*ret_dport = (uint16_t)(out[36] << 8 | out[37]);
	ret->len = (uint16_t)(len - 42);
	memcpy(ret->bytes, out + 42, ret->len);
	return true;
}

static void expect_far(unsigned int line, const struct payload *plain)
{
	struct payload got;
	uint16_t dport;

	assert_true(take(PORT_B, &dport, &got));
	assert_int_equal(dport, 5000 + line);
	assert_int_equal(got.len, plain->len);
	assert_memory_equal(got.bytes, plain->bytes, plain->len);
}

static void expect_phone(const struct payload *plain, bool rtcp)
{
	struct payload got;
	uint16_t dport;

	assert_true(take(PORT_A, &dport, &got));
	assert_int_equal(dport, phone_port);
	if (phone_rx) {
		int len = got.len;
		assert_int_equal(rtcp ? srtp_unprotect_rtcp(phone_rx, got.bytes, &len)
				      : srtp_unprotect(phone_rx, got.bytes, &len),
			0);
		got.len = (uint16_t)len;
	}
	assert_int_equal(got.len, plain->len);
	assert_memory_equal(got.bytes, plain->bytes, plain->len);
}

static void nothing(enum dp_drop reason, uint64_t times)
{
	struct payload got;
	uint16_t dport;

	assert_false(take(PORT_A, &dport, &got));
	assert_false(take(PORT_B, &dport, &got));
	assert_int_equal(rig_drops(rig, reason), times);
}

/* What the phone says on a line goes to the far end of that. */
static void says(unsigned int line, struct payload p)
{
	from_phone(&p, false);
	expect_far(line, &p);
}

static void hears(unsigned int line, struct payload p)
{
	from_far(line, &p);
	expect_phone(&p, false);
}

static void keys(unsigned int suite)
{
	for (unsigned int line = AUDIO; line <= VIDEO; line += 2) {
		struct dp_leg *l = &sessions[line].leg[0];
		l->rx = l->tx = (struct dp_srtp){.suite = (uint8_t)suite};
		memset(l->rx.key, 0x11, 30);
		memset(l->tx.key, 0x22, 30);
		assert_int_equal(put_session(line), 0);
	}
	for (unsigned int i = 0; i < 2; i++) {
		srtp_policy_t policy = {.window_size = 128, .allow_repeat_tx = 1};
		srtp_crypto_policy_set_rtp_default(&policy.rtp);
		srtp_crypto_policy_set_rtp_default(&policy.rtcp);
		policy.ssrc.type = i ? ssrc_any_inbound : ssrc_any_outbound;
		policy.key = i ? sessions[AUDIO].leg[0].tx.key : sessions[AUDIO].leg[0].rx.key;
		assert_int_equal(srtp_create(i ? &phone_rx : &phone_tx, &policy), 0);
	}
}

static void both_ways(void)
{
	/* by payload type, then by SSRC */
	says(AUDIO, rtp(0, 1, 0xa1));
	says(VIDEO, rtp(96, 65535, 0xb1));
	says(VIDEO, rtp(96, 0, 0xb1));
	says(AUDIO, rtp(0, 2, 0xa1));
	hears(VIDEO, rtp(96, 7, 0xd1));
	hears(AUDIO, rtp(0, 65534, 0xc1));
	hears(AUDIO, rtp(0, 65535, 0xc1));
	hears(AUDIO, rtp(0, 0, 0xc1));
	hears(VIDEO, rtp(96, 8, 0xd1));
	/* feedback finds the one it is for */
	struct payload p = pli(0xa1, 0xd1);
	from_phone(&p, true);
	expect_far(VIDEO, &p);
	p = pli(0xb1, 0xc1);
	from_phone(&p, true);
	expect_far(AUDIO, &p);
	p = pli(0xb1, 0);
	from_phone(&p, true);
	expect_far(VIDEO, &p);
	/* what nobody knows ends */
	p = pli(0x99, 0x98);
	from_phone(&p, true);
	nothing(DP_DROP_BUNDLE, 1);
	p = rtp(97, 1, 0xe1);
	from_phone(&p, false);
	nothing(DP_DROP_BUNDLE, 2);
	/* reports of both far ends leave by the one transport */
	p = pli(1, 0xa1);
	from_far(AUDIO, &p);
	expect_phone(&p, true);
	p = pli(1, 0xb1);
	from_far(VIDEO, &p);
	expect_phone(&p, true);
}

static void test_plain(void **state)
{
	start(0);
	both_ways();
	/* by MID, in both forms; the payload type is the line's own rule */
	says(VIDEO, with_mid('v', false, 96, 1, 0xb1));
	says(VIDEO, with_mid('v', true, 96, 2, 0xb1));
	struct payload p = with_mid('a', false, 96, 3, 0xa1);
	from_phone(&p, false);
	nothing(DP_DROP_PAYLOAD_TYPE, 1);
	p = with_mid('x', false, 0, 3, 0xa1);
	from_phone(&p, false);
	nothing(DP_DROP_BUNDLE, 3);
	/* the second port of the pair is not in use */
	put(PORT_A, PHONE, 4001, 10001, &p);
	nothing(DP_DROP_NO_STREAM, 1);
	p.len = 9;
	from_phone(&p, false);
	nothing(DP_DROP_NOT_RTP, 1);
}

static void test_srtp(void **state)
{
	start(0);
	keys(DP_SRTP_CM_128_SHA1_80);
	both_ways();
	says(VIDEO, with_mid('v', false, 96, 1, 0xb1));
	/* a replay is one, on the line that had it */
	struct payload p = rtp(96, 5, 0xb1), sealed = p;
	int len = sealed.len;
	assert_int_equal(srtp_protect(phone_tx, sealed.bytes, &len), 0);
	sealed.len = (uint16_t)len;
	put(PORT_A, PHONE, 4000, 10000, &sealed);
	expect_far(VIDEO, &p);
	put(PORT_A, PHONE, 4000, 10000, &sealed);
	nothing(DP_DROP_SRTP_REPLAY, 1);
	/* who has no key learns nothing to the bundle */
	p = with_mid('v', false, 96, 6, 0xe7);
	put(PORT_A, PHONE, 4000, 10000, &p);
	assert_int_equal(rig_drops(rig, DP_DROP_SRTP_AUTH), 1);
	assert_int_equal(bundle_of_ssrc(rig->bundle[0].shared, 0xe7), BUNDLE_NONE);
}

/* One key and one SSRC for two lines: the same key stream would cover two packets. */
static void test_no_key_stream_twice(void **state)
{
	rig->now_tsc = 1000 * RIG_TSC_HZ;
	start(0);
	keys(DP_SRTP_CM_128_SHA1_80);
	hears(AUDIO, rtp(0, 10, 0xc1));
	struct payload p = rtp(96, 10, 0xc1);
	from_far(VIDEO, &p);
	nothing(DP_DROP_BUNDLE_SSRC, 1);
	rig->now_tsc += RIG_TSC_HZ; /* for the guard another SSRC is good after a while */
	hears(VIDEO, rtp(96, 11, 0xd1));
	hears(AUDIO, rtp(0, 11, 0xc1));
	/* audio ends; who takes up its SSRC goes on behind it */
	for (uint32_t slot = AUDIO; slot < AUDIO + DP_LEGS; slot++) {
		struct worker_msg msg = {.op = WORKER_STREAM_UNLINK, .unlink = {.slot = slot}};
		assert_int_equal(rig_post(rig, 0, &msg), 0);
		for (unsigned int i = 0; i < WORKER_SRTP_RETURNED; i++)
			srtp_ctx_free(msg.unlink.returned[i]);
	}
	rig->now_tsc += RIG_TSC_HZ;
	p = rtp(96, 11, 0xc1);
	from_far(VIDEO, &p);
	nothing(DP_DROP_SRTP_REPEAT, 1);
	hears(VIDEO, rtp(96, 12, 0xc1));
}

/* The far end of a bundle is one: whoever is first is it for all lines. */
static void test_latch(void **state)
{
	start(DP_LEG_LATCH);
	phone_port = 4444;
	says(AUDIO, rtp(0, 1, 0xa1));
	phone_ip = "198.51.100.66";
	struct payload p = rtp(96, 1, 0xb1);
	from_phone(&p, false);
	nothing(DP_DROP_SOURCE, 1);
	phone_ip = PHONE;
	says(VIDEO, rtp(96, 2, 0xb1));
	struct worker_event events[4];
	assert_int_equal(worker_events(rig->group, events, 4), 2);
	assert_int_equal(events[0].slot + events[1].slot, AUDIO + VIDEO);
	assert_int_equal(ipaddr_port(&events[1].learned), 4444);
}

static void unlink_session(unsigned int line)
{
	for (uint32_t slot = line; slot < line + DP_LEGS; slot++) {
		struct worker_msg msg = {.op = WORKER_STREAM_UNLINK, .unlink = {.slot = slot}};
		assert_int_equal(rig_post(rig, 0, &msg), 0);
	}
}

/* Lines come and go; the port is the last one's until it goes. */
static void test_join_and_leave(void **state)
{
	start(0);
	struct dp_session own = sessions[AUDIO];
	own.leg[0].flags &= ~(uint32_t)DP_LEG_BUNDLE;
	own.leg[0].bundle = (struct dp_bundle){0};
	own.leg[1].local = rig_ip(BOX_B, 20010);
	assert_int_equal(rig_session(rig, 8, &own, 0, 1, PORT_A, PORT_B, false), -EADDRINUSE);
	unlink_session(AUDIO);
	says(VIDEO, rtp(96, 1, 0xb1));
	struct payload p = rtp(0, 1, 0xa1);
	from_phone(&p, false);
	nothing(DP_DROP_BUNDLE, 1);
	assert_int_equal(put_session(AUDIO), 0);
	says(AUDIO, rtp(0, 2, 0xa1));
	unlink_session(VIDEO);
	says(AUDIO, rtp(0, 3, 0xa1));
	/* alone it may have the port for itself, and share it again */
	sessions[AUDIO].leg[0].flags &= ~(uint32_t)DP_LEG_BUNDLE;
	assert_int_equal(put_session(AUDIO), 0);
	says(AUDIO, rtp(0, 4, 0xa1));
	assert_int_equal(put_session(VIDEO), -EADDRINUSE);
	sessions[AUDIO].leg[0].flags |= DP_LEG_BUNDLE;
	assert_int_equal(put_session(AUDIO), 0);
	assert_int_equal(put_session(VIDEO), 0);
	says(VIDEO, rtp(96, 9, 0xb1));
	/* another port of its own */
	sessions[AUDIO].leg[0].local = rig_ip(BOX_A, 10100);
	sessions[AUDIO].leg[0].flags &= ~(uint32_t)DP_LEG_BUNDLE;
	assert_int_equal(put_session(AUDIO), 0);
	p = rtp(0, 5, 0xa1);
	put(PORT_A, PHONE, 4000, 10100, &p);
	expect_far(AUDIO, &p);
	unlink_session(VIDEO);
	from_phone(&p, false);
	nothing(DP_DROP_NO_STREAM, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_plain),
		T(test_srtp),
		T(test_no_key_stream_twice),
		T(test_latch),
		T(test_join_and_leave),
	};
	rig_eal("bundle");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
