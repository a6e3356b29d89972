/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of dataplane/session/stream.c: what is refused, what is derived, how it sums up. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/session/stream.h"

#define HZ UINT64_C(2445000000)

static struct ipaddr ip4(uint8_t last, uint16_t port)
{
	return (struct ipaddr){.family = 4, .port_be16 = htons(port), .ip = {192, 0, 2, last}};
}

static struct dp_session session;
static struct stream_args args;

static int set_up(void **state)
{
	memset(&session, 0, sizeof(session));
	session.leg[0].local = ip4(1, 10000);
	session.leg[0].remote_rtp = ip4(10, 4000);
	session.leg[0].n_payloads = 1;
	session.leg[0].payloads[0].clock_hz = 8000;
	session.leg[1].local = ip4(2, 20000);
	session.leg[1].remote_rtp = ip4(20, 5000);
	args = (struct stream_args){.session = &session,
		.out = {{.remote = ip4(20, 5000), .hop = {.ready = true, .port = 3}}},
		.addr_index = 5,
		.epoch = 77,
		.tsc_hz = HZ};
	return 0;
}

static void test_refused(void **state)
{
	struct stream_conf conf, untouched;

	memset(&conf, 0x5a, sizeof(conf));
	untouched = conf;
#define REFUSED(change)                                                \
	do {                                                           \
		set_up(state);                                         \
		change;                                                \
		assert_int_equal(stream_build(&args, &conf), -EINVAL); \
		assert_memory_equal(&conf, &untouched, sizeof(conf));  \
	} while (0)
	REFUSED(session.leg[0].local.port_be16 = htons(10001));
	REFUSED(session.leg[0].local.port_be16 = 0);
	REFUSED(session.leg[0].local.family = 0);
	REFUSED(session.leg[1].local.port_be16 = htons(20001));
	REFUSED(session.leg[0].n_payloads = DP_PAYLOAD_TYPES + 1);
	REFUSED(session.leg[0].payloads[0].pt = 128);
	REFUSED(session.leg[0].payloads[0].clock_hz = STREAM_CLOCK_MAX + 1);
	REFUSED(session.leg[1].dscp = 64);
	REFUSED(session.leg[0].remote_rtp.family = 6);
	REFUSED(args.out[STREAM_RTP].remote.family = 6);
	REFUSED(args.out[STREAM_RTCP].remote = ip4(1, 1); args.out[STREAM_RTCP].remote.family = 6);
	REFUSED(args.tsc_hz = 0);
#undef REFUSED
}

static void test_derived(void **state)
{
	struct stream_conf conf;

	assert_int_equal(stream_build(&args, &conf), 0);
	assert_int_equal(conf.more.half_port, 5000);
	assert_int_equal(conf.more.addr_index, 5);
	assert_int_equal(conf.more.epoch, 77);
	assert_int_equal(conf.hot.flags & STREAM_OWN_FLAGS, 0);
	assert_int_equal(conf.hot.flags & (STREAM_REMOTE | STREAM_HOP), STREAM_REMOTE | STREAM_HOP);
	/* RTCP was not given: the next port, by the same hop */
	struct stream_path *rtcp = &conf.more.path[STREAM_RTCP];
	assert_int_equal(rtcp->family, 4);
	assert_int_equal(rtcp->ready, 1);
	assert_int_equal(rtcp->port, 3);
	assert_int_equal(ntohs(rtcp->src_port_be16), 20001);
	assert_int_equal(ntohs(rtcp->dst_port_be16), 5001);
	assert_int_equal(ipaddr_port(&conf.more.expect[STREAM_RTCP]), 4001);
	/* a clock is exact to 10 ppm */
	uint64_t second = ((unsigned __int128)HZ * conf.more.clock_mult[0]) >> STREAM_CLOCK_SHIFT;
	assert_in_range(second, 7999, 8000);
	/* port 65535 has no next one, port 0 is no address */
	args.out[STREAM_RTP].remote = ip4(20, 65535);
	assert_int_equal(stream_build(&args, &conf), 0);
	assert_int_equal(conf.more.path[STREAM_RTCP].family, 0);
	args.out[STREAM_RTP].remote = ip4(20, 0);
	assert_int_equal(stream_build(&args, &conf), 0);
	assert_int_equal(conf.hot.flags & (STREAM_REMOTE | STREAM_HOP), 0);
}

static void test_apply_keeps_what_runs(void **state)
{
	struct stream s = {0};
	struct stream_more more = {0};
	struct stream_conf conf;

	assert_int_equal(stream_build(&args, &conf), 0);
	stream_apply(&s, &more, &conf, true, false);
	assert_int_equal(s.flags & STREAM_OWN_FLAGS, STREAM_LIVE);
	assert_int_equal(s.src_port_be16, htons(4000));
	assert_int_equal(s.rtp_first, STREAM_FIRST_NONE);
	s.flags |= STREAM_SEQ;
	more.bad_seq = 123;
	more.ssrc_budget = 2;
	stream_apply(&s, &more, &conf, false, false);
	assert_true(s.flags & STREAM_SEQ);
	assert_int_equal(more.bad_seq, 123);
	assert_int_equal(more.ssrc_budget, 2);
	stream_apply(&s, &more, &conf, true, false); /* another session in the same slot */
	assert_false(s.flags & STREAM_SEQ);
	assert_int_equal(more.bad_seq, STREAM_SEQ_NONE);
}

static void test_sum(void **state)
{
	struct dp_stream_stats stats = {.rx_packets = 100,
		.rx_octets = 16000,
		.last_rx_tsc = 10 * HZ,
		.ssrc = 9,
		.ext_seq = 0x10009,
		.base_seq = 0xffff,
		.received = 9,
		.jitter = 16 * 80, /* 80 units: 10 ms */
		.max_jitter = 16 * 160,
		.clock_hz = 8000};
	struct dp_stream_rare rare = {.lost_before = 5,
		.unsent_packets = 10,
		.unsent_octets = 1600,
		.rtcp_packets = 3,
		.dropped = 4,
		.ssrc_changes = 2};
	struct dp_stream_sum sum;

	stream_sum(&stats, &rare, 12 * HZ + HZ / 2, HZ, &sum);
	assert_int_equal(sum.rx_packets, 100);
	assert_int_equal(sum.tx_packets, 90);
	assert_int_equal(sum.tx_octets, 14400);
	assert_int_equal(sum.lost, 5 + 2); /* 0xffff .. 0x10009 are 11 numbers */
	assert_int_equal(sum.jitter_us, 10000);
	assert_int_equal(sum.max_jitter_us, 20000);
	assert_int_equal(sum.rtcp_packets, 3);
	assert_int_equal(sum.dropped, 4);
	assert_int_equal(sum.ssrc_changes, 2);
	assert_int_equal(sum.last_rx_ago_ms, 2500);
	stats.received = 20; /* duplicates */
	rare.unsent_packets = 200;
	stream_sum(&stats, &rare, 9 * HZ, HZ, &sum);
	assert_int_equal(sum.lost, 5);
	assert_int_equal(sum.tx_packets, 0);
	assert_int_equal(sum.last_rx_ago_ms, 0);
	memset(&stats, 0, sizeof(stats));
	memset(&rare, 0, sizeof(rare));
	stream_sum(&stats, &rare, HZ, HZ, &sum);
	assert_int_equal(sum.lost, 0);
	assert_true(sum.last_rx_ago_ms == UINT64_MAX);
	/* a year of uptime does not overflow */
	stats.last_rx_tsc = 1;
	stream_sum(&stats, &rare, HZ * 86400 * 365, HZ, &sum);
	assert_in_range(sum.last_rx_ago_ms, UINT64_C(86400000) * 365 - 1, UINT64_C(86400000) * 365);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_refused, set_up),
		cmocka_unit_test_setup(test_derived, set_up),
		cmocka_unit_test_setup(test_apply_keeps_what_runs, set_up),
		cmocka_unit_test_setup(test_sum, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
