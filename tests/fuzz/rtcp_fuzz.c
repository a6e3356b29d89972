/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTCP from anybody: what rtcp_is_valid() accepts is read, cut and has its names replaced. Nothing
 * behind the packet's end is looked at (AddressSanitizer: the packet ends its own block of memory),
 * the UDP checksum stays right, and what is left is valid RTCP without a type that may not pass.
 */
#include "dataplane/session/stream.h"
#include "dataplane/stages/csum.h"
#include "dataplane/stages/rtcp.h"
#include "dataplane/stages/rtp.h"

#include <stdlib.h>
#include <string.h>

#define HZ  UINT64_C(1000000000)
#define UDP 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Of a datagram whose pseudo header is its length alone. */
static uint16_t sum_of(const uint8_t *udp, uint32_t len)
{
	uint8_t pseudo[4] = {0, 17, udp[4], udp[5]};

	return csum_fold(csum_add(csum_add(0, pseudo, 4), udp, len));
}

static void check_sums(const struct dp_stream_quality *q)
{
	struct dp_stream_rare rare = {.quality = *q};
	struct dp_stream_stats stats = {.clock_hz = 8000};
	struct dp_stream_sum sum;

	stream_sum(&stats, &rare, 100 * HZ, HZ, &sum);
	require(sum.far.max_rtt_us >= sum.far.rtt_us);
	require(sum.far.rtt_us <= RTCP_RTT_MAX_S * UINT64_C(1000000));
	require(sum.far.lost >= -0x800000 && sum.far.lost <= 0x7fffff);
	require(sum.far.fraction_lost <= 255);
}

static void check_strip(uint8_t *udp, uint32_t len)
{
	uint32_t left = rtcp_strip(udp + UDP, len);

	require(left <= len && left % 4 == 0);
	require(sum_of(udp, UDP + left) == 0xffff);
	require(left == 0 || rtcp_is_valid(udp + UDP, left));
	for (uint32_t at = 0; at < left; at += (rtp_be16(udp + UDP + at + 2) + 1u) * 4) {
		uint8_t type = udp[UDP + at + 1];
		require(type >= RTCP_SR && type <= RTCP_XR && type != RTCP_APP);
	}
	require(rtcp_strip(udp + UDP, left) == left);
	if (left)
		rtcp_hide_names((const uint64_t[2]){1, 2}, udp + UDP, left, udp + 6);
	require(sum_of(udp, UDP + left) == 0xffff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dp_stream_quality q = {0}, other = {0};
	uint32_t len = (uint32_t)(size < 1400 ? size : 1400);
	uint8_t *udp = malloc(UDP + len);

	require(udp != NULL);
	memset(udp, 0, UDP);
	memcpy(udp + UDP, data, len);
	if (rtcp_is_valid(udp + UDP, len)) {
		/* on its own SSRC, and as an answer to itself */
		struct rtcp_heard_of sent = {.ssrc = len >= 8 ? rtp_be32(udp + UDP + 4) : 0,
			.clock_hz = data[0] & 1 ? 8000 : 0,
			.echoes = &other};
		rtcp_note_sent(&other, udp + UDP, len, HZ);
		rtcp_read(&q, &sent, udp + UDP, len, 2 * HZ, HZ);
		check_sums(&q);
		udp[4] = (uint8_t)((UDP + len) >> 8);
		udp[5] = (uint8_t)(UDP + len);
		uint16_t csum = (uint16_t)~sum_of(udp, UDP + len);
		csum = csum ? csum : 0xffff;
		memcpy(udp + 6, &csum, 2);
		check_strip(udp, len);
	}
	free(udp);
	return 0;
}
