/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every field of a session that limen-control may get wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/session/check.h"
#include "session_sample.h"

/* All but the last one are there. */
#define CODECS ((UINT32_C(1) << (DP_CODEC_END - 1)) - 2)

#define ROWS_VOICE(X)                                                                              \
	X(0, sample_voice(s, DP_CODEC_PCMU, DP_CODEC_PCMA))                                        \
	X(0, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K))                                      \
	X(0, s->leg[0].payloads[0].action = DP_PT_RENUMBER; s->leg[0].payloads[0].pt_out = 127)    \
	X(0, s->leg[0].payloads[1].action = DP_PT_EVENT; s->leg[1].send.event_pt = 97)             \
	X(-EINVAL, s->leg[0].payloads[0].pt_out = 1)                                               \
	X(-EINVAL, s->leg[0].payloads[0].action = DP_PT_RENUMBER;                                  \
		s->leg[0].payloads[0].pt_out = 128)                                                \
	X(-EINVAL, s->leg[0].payloads[0].action = DP_PT_NOISE + 1)                                 \
	X(-EINVAL, s->leg[0].payloads[0].codec = DP_CODEC_END)                                     \
	X(-EINVAL, s->leg[0].payloads[0].params.ptime_ms = 20)                                     \
	X(-EINVAL, s->leg[0].payloads[0].action = DP_PT_TRANSCODE)                                 \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K);                                \
		s->leg[0].payloads[0].codec = 0)                                                   \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K); s->leg[1].send.codec = 0)      \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K); s->leg[1].send.pt = 128)       \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K); s->leg[1].send.event_pt = 96)  \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K); s->leg[1].send.noise_pt = 128) \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K); s->leg[1].send.zero[1] = 1)    \
	X(-EINVAL, s->leg[1].send.digits = DP_DIGITS_AWAY + 1)                                     \
	X(0, s->leg[1].send.digits = DP_DIGITS_AWAY; s->leg[0].flags |= DP_LEG_DTMF)               \
	X(0, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K); s->leg[0].flags |= DP_LEG_TONES)     \
	X(-EINVAL, s->leg[0].flags |= DP_LEG_TONES)                                                \
	X(0, s->leg[0].payloads[1].action = DP_PT_EVENT; s->leg[0].payloads[1].pt_out = 97)        \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K);                                \
		s->leg[1].send.params.ptime_ms = 15)                                               \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K);                                \
		s->leg[1].send.params.zero[1] = 1)                                                 \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K);                                \
		s->leg[0].payloads[1].action = DP_PT_RELAY)                                        \
	X(-EINVAL, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_L16_8K);                                \
		s->leg[0].flags |= DP_LEG_ANY_PT)                                                  \
	X(-ENOTSUP, sample_voice(s, DP_CODEC_PCMA, DP_CODEC_END - 1))                              \
	X(-ENOTSUP, sample_voice(s, DP_CODEC_END - 1, DP_CODEC_PCMA))

#define ROWS(X)                                                                                   \
	X(0, (void)s)                                                                             \
	X(0, s->leg[0].remote_rtp = (struct ipaddr){0})                                           \
	X(0, s->leg[0].flags = 0)                                                                 \
	X(0, s->leg[0].n_payloads = 0; memset(s->leg[0].payloads, 0, sizeof s->leg[0].payloads))  \
	X(0, s->leg[1].local = sample_ip("2001:db8::1", 16384);                                   \
		s->leg[1].remote_rtp = sample_ip("2001:db8::2", 5000))                            \
	X(0, s->leg[0].remote_rtcp = sample_ip("192.0.2.10", 4001))                               \
	X(0, s->leg[0].flags |= DP_LEG_NAT)                                                       \
	X(0, s->leg[0].flags |= DP_LEG_RTCP_MUX; s->leg[0].remote_rtcp = s->leg[0].remote_rtp)    \
	X(0, s->leg[0].dscp = 63)                                                                 \
	X(0, sample_srtp(&s->leg[0], DP_SRTP_CM_128_SHA1_32))                                     \
	X(0, sample_srtp(&s->leg[0], DP_SRTP_CM_256_SHA1_80);                                     \
		sample_srtp(&s->leg[1], DP_SRTP_GCM_128); s->srtp_tx[1].rtp_next = 1ull << 48)    \
	X(-EINVAL, sample_srtp(&s->leg[0], DP_SRTP_GCM_256); s->leg[0].rx = (struct dp_srtp){0})  \
	X(-EINVAL, sample_srtp(&s->leg[1], DP_SRTP_GCM_256); s->leg[1].tx = (struct dp_srtp){0})  \
	X(-EINVAL, s->leg[0].rx.suite = s->leg[0].tx.suite = DP_SRTP_N)                           \
	X(-EINVAL, s->leg[0].rx.key[0] = 1)                                                       \
	X(-EINVAL, sample_srtp(&s->leg[0], DP_SRTP_CM_128_SHA1_80); s->leg[0].rx.key[30] = 1)     \
	X(-EINVAL, sample_srtp(&s->leg[0], DP_SRTP_GCM_128); s->leg[0].tx.key[28] = 1)            \
	X(-EINVAL, sample_srtp(&s->leg[0], DP_SRTP_GCM_128); s->leg[0].tx.zero = 1)               \
	X(-EINVAL, s->srtp_rx[0].rtp_next = (1ull << 48) + 1)                                     \
	X(-EINVAL, s->srtp_tx[1].rtcp_next = (1u << 31) + 1)                                      \
	X(-EINVAL, s->srtp_tx[0].zero = 1)                                                        \
	X(-EINVAL, s->id = 0)                                                                     \
	X(-EINVAL, s->leg[0].local = (struct ipaddr){0})                                          \
	X(-EINVAL, s->leg[0].local.family = 5)                                                    \
	X(-EINVAL, s->leg[0].local.zero = 1)                                                      \
	X(-EINVAL, s->leg[0].local.ip[4] = 1)                                                     \
	X(-EINVAL, s->leg[0].local = sample_ip("0.0.0.0", 16384))                                 \
	X(-EINVAL, s->leg[0].local = sample_ip("224.0.0.1", 16384))                               \
	X(-EINVAL, s->leg[0].local = sample_ip("255.255.255.255", 16384))                         \
	X(-EINVAL, s->leg[0].local.port_be16 = 0)                                                 \
	X(-EINVAL, s->leg[0].local.port_be16 = htons(16385))                                      \
	X(-EINVAL, s->leg[0].remote_rtp.family = 7)                                               \
	X(-EINVAL, s->leg[0].remote_rtp.port_be16 = 0)                                            \
	X(-EINVAL, s->leg[0].remote_rtp = sample_ip("0.0.0.0", 4000))                             \
	X(-EINVAL, s->leg[0].remote_rtp = sample_ip("239.1.1.1", 4000))                           \
	X(-EINVAL, s->leg[0].remote_rtp = sample_ip("2001:db8::2", 4000))                         \
	X(-EINVAL, s->leg[0].remote_rtp = sample_ip("ff02::1", 4000))                             \
	X(-EINVAL, s->leg[0].remote_rtp = (struct ipaddr){.port_be16 = 1})                        \
	X(-EINVAL, s->leg[0].remote_rtcp = sample_ip("2001:db8::2", 4001))                        \
	X(-EINVAL, s->leg[0].remote_rtcp = sample_ip("192.0.2.10", 0))                            \
	X(-EINVAL, s->leg[0].flags |= DP_LEG_RTCP_MUX;                                            \
		s->leg[0].remote_rtcp = sample_ip("192.0.2.10", 4001))                            \
	X(-EINVAL, s->leg[0].bundle.mid_len = 1)                                                  \
	X(-EINVAL, s->leg[0].flags |= DP_LEG_BUNDLE)                                              \
	X(-EINVAL, s->leg[0].flags |= 1u << 30)                                                   \
	X(-EINVAL, s->leg[0].flags |= 1u << 31)                                                   \
	X(-EINVAL, s->leg[0].dscp = 64)                                                           \
	X(-EINVAL, s->leg[0].n_payloads = DP_PAYLOAD_TYPES + 1)                                   \
	X(-EINVAL, s->leg[0].n_payloads = 255)                                                    \
	X(-EINVAL, s->leg[0].n_payloads = 1)                                                      \
	X(-EINVAL, s->leg[0].payloads[15].clock_hz = 1)                                           \
	X(-EINVAL, s->leg[0].payloads[0].pt = 128)                                                \
	X(-EINVAL, s->leg[0].payloads[0].clock_hz = 768001)                                       \
	X(-EINVAL, s->leg[0].payloads[1].pt = 8)                                                  \
	X(-EINVAL, s->leg[1].local.port_be16 = htons(1))                                          \
	X(-EINVAL, s->leg[1].dscp = 255)                                                          \
	X(-EADDRINUSE, s->leg[1].local = s->leg[0].local;                                         \
		s->leg[1].remote_rtp = s->leg[0].remote_rtp)                                      \
	X(-EXDEV, s->leg[1].local.port_be16 = htons(16386))                                       \
	X(0, sample_one_leg(s))                                                                   \
	X(0, sample_one_leg(s); sample_srtp(&s->leg[0], DP_SRTP_GCM_128))                         \
	X(-EINVAL, sample_one_leg(s); s->leg[1].flags = DP_LEG_RECV)                              \
	X(-EINVAL, sample_one_leg(s); s->leg[1].local.port_be16 = htons(16384))                   \
	X(-EINVAL, sample_one_leg(s); s->srtp_tx[1].rtp_next = 1)                                 \
	X(-EINVAL, sample_one_leg(s); s->leg[0].payloads[0].codec = DP_CODEC_PCMA;                \
		s->leg[0].payloads[0].action = DP_PT_TRANSCODE)                                   \
	X(0, sample_play(s, 0, DP_PLAY_PROMPT); s->leg[0].play.flags = DP_PLAY_LOOP)              \
	X(0, sample_one_leg(s); sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.max_ms = 5)       \
	X(0, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.steps[0] = (struct dp_tone_step){0}) \
	X(0, sample_play(s, 1, DP_PLAY_ROOM); sample_play(s, 0, DP_PLAY_ROOM))                    \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_ROOM + 1))                                           \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_NONE))                                               \
	X(-EINVAL, s->leg[0].play.steps[3].ms = 1)                                                \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_PROMPT); s->leg[0].send.codec = 0)                   \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_PROMPT); s->leg[0].play.id = 0)                      \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_ROOM); s->leg[0].play.id = 0)                        \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.id = 1)                        \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.flags = DP_PLAY_LOOP)          \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_PROMPT); s->leg[0].play.flags = 2)                   \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.level = 41)                    \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_PROMPT); s->leg[0].play.level = 1)                   \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_ROOM); s->leg[0].play.max_ms = 1)                    \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_PROMPT); s->leg[0].play.zero = 1)                    \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_PROMPT); s->leg[0].play.steps[0].ms = 1)             \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.steps[0].zero = 1)             \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.steps[0].hz[0] = 3401)         \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.steps[0].hz[1] = 19)           \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_TONE);                                               \
		s->leg[0].play.steps[0] = (struct dp_tone_step){.hz = {0, 425}})                  \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.steps[1].ms = 9)               \
	X(-EINVAL, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].play.steps[0].ms = 9;               \
		s->leg[0].play.steps[1].hz[0] = 425)                                              \
	X(-ENOTSUP, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].send.codec = DP_CODEC_END - 1)     \
	X(-ENOTSUP, sample_play(s, 0, DP_PLAY_ROOM);                                              \
		s->leg[0].payloads[0].codec = DP_CODEC_END - 1)                                   \
	X(0, sample_play(s, 0, DP_PLAY_TONE); s->leg[0].payloads[0].codec = DP_CODEC_END - 1)     \
	X(-EINVAL, sample_one_leg(s); s->leg[0].local.port_be16 = htons(16385))                   \
	X(-EINVAL, sample_one_leg(s); s->leg[1] = s->leg[0]; s->leg[0] = (struct dp_leg){0})

static void test_table(void **state)
{
	unsigned int line = 0;
#define X(err, ...)                                                         \
	do {                                                                \
		struct dp_session sample = sample_session(1), *s = &sample; \
		const char *why = NULL;                                     \
		__VA_ARGS__;                                                \
		int got = session_check(s, 3, CODECS, &why);                \
		if (got != (err) || !got != !why)                           \
			fail_msg("row %u: %d", line, got);                  \
		line++;                                                     \
	} while (0);
	ROWS(X)
	ROWS_VOICE(X)
#undef X
}

/* No byte of a session makes the check crash or read outside; most are noticed. */
static void test_every_byte(void **state)
{
	for (size_t i = 0; i < sizeof(struct dp_session); i++) {
		struct dp_session s = sample_session(1);
		const char *why;
		((uint8_t *)&s)[i] ^= 0xff;
		int err = session_check(&s, 3, CODECS, &why);
		assert_true(err == 0 || err == -EINVAL || err == -EXDEV || err == -ENOTSUP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
