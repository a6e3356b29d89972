/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies of RTP for limen-rec: exactly what came from a leg with DP_LEG_TAP, whatever becomes of it
 * on its way, and the way itself stays as it is. The ring and the messages that carry them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <srtp2/srtp.h>

#include "dataplane/core/tap.h"
#include "dataplane/core/worker_priv.h"
#include "dataplane/server/taplink.h"
#include "tests/unit/dataplane/rig.h"

#define SSRC 0x11223344u

static struct rig *rig;
static struct dp_session session;
static const char *const local[DP_LEGS] = {"192.0.2.1", "203.0.113.1"};
static const char *const remote[DP_LEGS] = {"198.51.100.7", "203.0.113.99"};

static int set_up(void **state)
{
	struct rig_conf conf = {
		.n_workers = 1, .n_streams = RIG_SLOTS, .n_ports = 2, .n_mcores = 1};

	rig = rig_new(&conf);
	rig_addr(rig, 0, local[0], 10000, 19999, 0);
	rig_addr(rig, 1, local[1], 20000, 29999, 1);
	session = (struct dp_session){.id = UINT64_C(0x0123456789abcdef)};
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		struct dp_leg *leg = &session.leg[i];
		leg->local = rig_ip(local[i], i ? 20000 : 10000);
		leg->remote_rtp = rig_ip(remote[i], 4000);
		leg->flags = DP_LEG_SEND | DP_LEG_RECV | DP_LEG_TAP;
		leg->n_payloads = 2;
		leg->payloads[0] = (struct dp_payload){.pt = i ? 8 : 0,
			.clock_hz = 8000,
			.codec = i ? DP_CODEC_PCMA : DP_CODEC_PCMU};
		leg->payloads[1] = (struct dp_payload){.pt = 101};
	}
	return 0;
}

static int tear_down(void **state)
{
	rig_voice_end(rig, 0);
	rig_run(rig);
	rig_discard(rig, 0);
	rig_discard(rig, 1);
	int ok = rig_balance(rig) == 0 && rte_mempool_in_use_count(rig->pool) == 0;
	rig_free(rig);
	return ok ? 0 : -1;
}

static void put_session(void)
{
	assert_int_equal(rig_voice(rig, 0, &session), 0);
	assert_int_equal(rig_session(rig, 0, &session, 0, 1, 0, 1, false), 0);
}

static void send_rtp(unsigned int leg, const uint8_t *rtp, uint16_t len)
{
	uint8_t bytes[RIG_FRAME];
	struct rig_frame f = {.src = remote[leg],
		.dst = local[leg],
		.sport = 4000,
		.dport = leg ? 20000 : 10000,
		.payload = rtp,
		.payload_len = len};

	memcpy(f.dst_mac, rig->mac[leg], 6);
	rig_put(rig, (uint8_t)leg, bytes, rig_build(&f, bytes));
	rig_run(rig);
}

static struct tap_ring *ring(void)
{
	return worker_tap(rig->group, 0);
}

/* The next copy is of this packet, with these n octets. */
static void expect_copy(
	unsigned int leg, uint8_t pt, uint16_t seq, uint32_t ts, const uint8_t *bytes, uint16_t n)
{
	const struct dp_tap_packet *copy = tap_ring_first(ring());
	struct dp_tap_packet want = {.session_id = session.id,
		.ssrc = SSRC,
		.timestamp = ts,
		.seq = seq,
		.leg = (uint8_t)leg,
		.pt = pt & 0x7f,
		.marker = pt >> 7,
		.n = n};
	const uint8_t zero[8] = {0};

	assert_non_null(copy);
	want.time_us = copy->time_us;
	assert_true(copy->time_us && rte_rdtsc() - copy->time_us < RIG_TSC_HZ * 10);
	assert_memory_equal(copy, &want, sizeof(want));
	assert_memory_equal(copy->bytes, bytes, n);
	assert_memory_equal(copy->bytes + n, zero, dp_tap_packet_len(n) - sizeof(want) - n);
	tap_ring_take(ring(), copy);
}

static void expect_nothing(void)
{
	assert_null(tap_ring_first(ring()));
	assert_int_equal(tap_ring_used(ring()), 0);
}

/* The payload of the one frame that has left by a port. */
static const uint8_t *sent(uint8_t port, uint32_t *ret_len)
{
	static uint8_t bytes[RIG_FRAME];
	uint32_t len = rig_get(rig, port, bytes);

	assert_true(len > VOICE_HEADERS);
	assert_null(rig_checksums(bytes, len));
	*ret_len = len - VOICE_HEADERS;
	return bytes + VOICE_HEADERS;
}

static void test_relay(void **state)
{
	uint8_t rtp[600];
	const uint8_t *out;
	uint32_t out_len;

	session.leg[0].payloads[0].pt = session.leg[1].payloads[0].pt = 0;
	put_session();
	for (uint16_t seq = 1; seq < 6; seq++) {
		for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
			uint16_t n = (uint16_t)(160 - 3 * seq);
			uint16_t len = rig_rtp(rtp, seq == 1 ? 0x80 : 0, seq, seq * 160u, SSRC, n);

			send_rtp(leg, rtp, len);
			expect_copy(leg, seq == 1 ? 0x80 : 0, seq, seq * 160u, rtp + 12, n);
			out = sent((uint8_t)!leg, &out_len);
			assert_int_equal(out_len, len);
			assert_memory_equal(out, rtp, len);
		}
	}
	expect_nothing();
	/* an event, which is a payload type of its own */
	send_rtp(0, rtp, rig_rtp(rtp, 101, 6, 960, SSRC, 4));
	expect_copy(0, 101, 6, 960, rtp + 12, 4);
	/* RTCP is none of it, nor is what guard refuses */
	send_rtp(0, rtp, rig_rtp(rtp, 77, 7, 960, SSRC, 4));
	assert_int_equal(rig_drops(rig, DP_DROP_PAYLOAD_TYPE), 1);
	expect_nothing();
	assert_int_equal(rig->stats[0].tapped, 11);
}

/* CSRC, extension and padding are not payload. */
static void test_header(void **state)
{
	uint8_t rtp[200] = {0xb1, 0, 0, 1, 0, 0, 0, 160};
	const uint32_t ssrc = __builtin_bswap32(SSRC);
	const uint8_t payload[5] = {1, 2, 3, 4, 5};

	memcpy(rtp + 8, &ssrc, 4);
	rtp[19] = 1; /* the extension: one word */
	memcpy(rtp + 24, payload, 5);
	rtp[31] = 3; /* of padding */
	session.leg[1].payloads[0].pt = 0;
	put_session();
	send_rtp(0, rtp, 32);
	expect_copy(0, 0, 1, 160, payload, 5);
	expect_nothing();
}

static void test_off(void **state)
{
	uint8_t rtp[200];

	session.leg[1].payloads[0].pt = 0;
	session.leg[1].flags &= ~(uint32_t)DP_LEG_TAP;
	put_session();
	send_rtp(1, rtp, rig_rtp(rtp, 0, 1, 160, SSRC, 160));
	expect_nothing();
	/* and on, and off again, in the call */
	session.leg[1].flags |= DP_LEG_TAP;
	put_session();
	send_rtp(1, rtp, rig_rtp(rtp, 0, 2, 320, SSRC, 160));
	expect_copy(1, 0, 2, 320, rtp + 12, 160);
	session.leg[1].flags &= ~(uint32_t)DP_LEG_TAP;
	put_session();
	send_rtp(1, rtp, rig_rtp(rtp, 0, 3, 480, SSRC, 160));
	expect_nothing();
	assert_int_equal(rig_discard(rig, 0), 3);
	/* what may not go on is not heard by the other side, and not recorded */
	session.leg[1].flags |= DP_LEG_TAP;
	session.leg[0].flags &= ~(uint32_t)DP_LEG_SEND;
	put_session();
	send_rtp(1, rtp, rig_rtp(rtp, 0, 4, 640, SSRC, 160));
	expect_nothing();
}

/* PCMU becomes PCMA in the worker, then G.722 on a media core: what came is what is copied. */
static void test_transcoded(void **state)
{
	uint8_t rtp[200];
	const uint8_t *out;
	uint32_t out_len;

	for (unsigned int i = 0; i < DP_LEGS; i++) {
		struct dp_leg *leg = &session.leg[i];
		leg->n_payloads = 1;
		leg->payloads[0].action = DP_PT_TRANSCODE;
		memset(&leg->payloads[1], 0, sizeof(leg->payloads[1]));
		leg->send = (struct dp_send){
			.codec = i ? DP_CODEC_PCMA : DP_CODEC_PCMU, .pt = i ? 8 : 0};
	}
	put_session();
	send_rtp(0, rtp, rig_rtp(rtp, 0, 1, 160, SSRC, 160));
	expect_copy(0, 0, 1, 160, rtp + 12, 160);
	out = sent(1, &out_len);
	assert_int_equal(out[1], 8);
	assert_memory_not_equal(out + 12, rtp + 12, 160);

	session.leg[1].send = (struct dp_send){.codec = DP_CODEC_G722, .pt = 9};
	session.leg[1].payloads[0] = (struct dp_payload){
		.pt = 9, .clock_hz = 8000, .codec = DP_CODEC_G722, .action = DP_PT_TRANSCODE};
	put_session();
	send_rtp(0, rtp, rig_rtp(rtp, 0, 2, 320, SSRC, 160));
	expect_copy(0, 0, 2, 320, rtp + 12, 160);
	assert_int_equal(rig->stats[0].to_mcores, 1);
	expect_nothing();
}

static void test_srtp(void **state)
{
	uint8_t rtp[300], plain[172];
	srtp_policy_t policy = {.window_size = 128};
	srtp_t phone;
	int len = 172;

	assert_int_equal(srtp_init(), srtp_err_status_ok);
	session.leg[1].payloads[0].pt = 0;
	for (uint8_t i = 0; i < 30; i++)
		session.leg[0].rx.key[i] = session.leg[0].tx.key[i] = i;
	session.leg[0].rx.suite = session.leg[0].tx.suite = DP_SRTP_CM_128_SHA1_80;
	srtp_crypto_policy_set_rtp_default(&policy.rtp);
	srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
	policy.ssrc.type = ssrc_any_outbound;
	policy.key = session.leg[0].rx.key;
	assert_int_equal(srtp_create(&phone, &policy), srtp_err_status_ok);
	put_session();
	rig_rtp(plain, 0, 1, 160, SSRC, 160);
	memcpy(rtp, plain, sizeof(plain));
	assert_int_equal(srtp_protect(phone, rtp, &len), srtp_err_status_ok);
	send_rtp(0, rtp, (uint16_t)len);
	expect_copy(0, 0, 1, 160, plain + 12, 160);
	/* a forged one */
	rig_rtp(rtp, 0, 2, 320, SSRC, 170);
	send_rtp(0, rtp, 182);
	expect_nothing();
	/* the other direction is sealed after it was copied */
	send_rtp(1, plain, sizeof(plain));
	expect_copy(1, 0, 1, 160, plain + 12, 160);
	srtp_dealloc(phone);
	srtp_shutdown();
}

/* ---- the ring alone ---- */

static void test_ring(void **state)
{
	struct tap_ring *r = tap_ring_new();
	uint32_t put = 0, got = 0, refused = 0;

	assert_non_null(r);
	/* In waves, so that it is full and empty at many places. */
	for (unsigned int wave = 0; wave < 40; wave++) {
		for (;;) {
			uint32_t n = put * 37 % (DP_TAP_BYTES_MAX + 1);
			struct dp_tap_packet *p = tap_ring_reserve(r, n);
			if (!p) {
				refused++;
				break;
			}
			*p = (struct dp_tap_packet){.session_id = ++put, .n = (uint16_t)n};
			memset(p->bytes, (int)put, n);
			tap_ring_commit(r, p);
			assert_true(tap_ring_used(r) <= TAP_RING_SIZE);
			if (wave % 2 && put % 100 == 0)
				break;
		}
		const struct dp_tap_packet *p;
		for (uint32_t k = 0; (p = tap_ring_first(r)) && (wave % 3 || k < 500); k++) {
			assert_int_equal(p->session_id, ++got);
			for (uint32_t i = 0; i < p->n; i++)
				assert_int_equal(p->bytes[i], (uint8_t)got);
			tap_ring_take(r, p);
		}
	}
	assert_true(put > 10000 && refused > 10);
	tap_ring_free(r);
}

/* No room: counted, and the packet goes its way. */
static void test_full(void **state)
{
	uint8_t rtp[200];
	struct dp_tap_packet *p;

	session.leg[1].payloads[0].pt = 0;
	put_session();
	while ((p = tap_ring_reserve(ring(), 1000)) != NULL) {
		*p = (struct dp_tap_packet){.session_id = 1, .n = 1000};
		tap_ring_commit(ring(), p);
	}
	for (uint16_t seq = 1; seq <= 20; seq++)
		send_rtp(0, rtp, rig_rtp(rtp, 0, seq, 160u * seq, SSRC, 160));
	assert_true(rig->stats[0].tap_full > 10);
	assert_int_equal(rig->stats[0].tap_full + rig->stats[0].tapped, 20);
	assert_int_equal(rig_discard(rig, 1), 20);
}

/* ---- messages ---- */

static struct {
	bool ready;
	unsigned int n_msgs;
	uint32_t n, lost;
	uint64_t last_us;
} heard;

static bool on_ready(void *arg)
{
	return heard.ready;
}

static void on_packets(void *arg, const struct dp_tap *head, const uint8_t *records, size_t len)
{
	size_t at = 0;

	assert_true(sizeof(struct ipc_hdr) + sizeof(*head) + len <= IPC_MSG_MAX);
	for (uint32_t i = 0; i < head->n; i++) {
		const struct dp_tap_packet *p = (const void *)(records + at);
		assert_int_equal(p->session_id, session.id);
		assert_int_equal(p->seq, ++heard.n);
		heard.last_us = p->time_us;
		at += dp_tap_packet_len(p->n);
	}
	assert_int_equal(at, len);
	heard.lost += head->lost;
	heard.n_msgs++;
}

static void test_messages(void **state)
{
	static const struct taplink_ops ops = {on_ready, on_packets};
	struct taplink_conf conf = {.group = rig->group,
		.n_workers = 1,
		.stats = rig->stats,
		.tsc_hz = RIG_TSC_HZ,
		.ops = &ops};
	struct taplink *link = taplink_new(&conf);
	uint64_t us = 1000000000, tsc, packets, lost;
	uint8_t rtp[200];

	memset(&heard, 0, sizeof(heard));
	heard.ready = true;
	session.leg[1].payloads[0].pt = 0;
	put_session();
	for (uint16_t seq = 1; seq <= 700; seq++)
		send_rtp(0, rtp, rig_rtp(rtp, 0, seq, 160u * seq, SSRC, 160));
	tsc = rte_rdtsc();
	assert_false(taplink_collect(link, us, tsc));
	assert_int_equal(heard.n, 700);
	assert_true(heard.n_msgs > 1 && heard.n_msgs < 5);
	assert_true(heard.last_us <= us && heard.last_us > us - 5000000);
	/* not before it is time */
	send_rtp(0, rtp, rig_rtp(rtp, 0, 701, 160u * 701, SSRC, 160));
	taplink_collect(link, us + 1000, rte_rdtsc());
	assert_int_equal(heard.n, 700);
	taplink_collect(link, us + TAP_PERIOD_MS * 1000, rte_rdtsc());
	assert_int_equal(heard.n, 701);
	/* limen-rec does not follow: lost, told with the next message, and at the end in the sums */
	heard.ready = false;
	send_rtp(0, rtp, rig_rtp(rtp, 0, 702, 160u * 702, SSRC, 160));
	taplink_collect(link, us + 300000, rte_rdtsc());
	assert_int_equal(tap_ring_used(ring()), 0);
	heard.ready = true;
	heard.n++;
	send_rtp(0, rtp, rig_rtp(rtp, 0, 703, 160u * 703, SSRC, 160));
	taplink_collect(link, us + 600000, rte_rdtsc());
	assert_int_equal(heard.n, 703);
	assert_int_equal(heard.lost, 1);
	taplink_counts(link, &packets, &lost);
	assert_int_equal(packets, 702);
	assert_int_equal(lost, 1);
	taplink_free(link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_relay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_header, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_transcoded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_srtp, set_up, tear_down),
		cmocka_unit_test(test_ring),
		cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_messages, set_up, tear_down),
	};

	rig_eal("tap");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
