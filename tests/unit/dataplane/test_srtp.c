/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP and SRTCP against Debian's libsrtp2, both ways, every suite on every back end: random
 * packets, loss, reordering, duplicates, roll-over, CSRCs and extensions. Then what no oracle
 * says: that nothing unauthenticated changes anything, other SSRCs, new keys, limits.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <srtp2/srtp.h>

#include "dataplane/srtp/index.h"
#include "dataplane/srtp/priv.h"

#define ROOM   1600
#define SSRC   0x11223344u
#define ROUNDS 260

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

static struct srtp_engine *engine_of(const struct srtp_backend *backend)
{
	const struct srtp_choice choice = {backend, backend};
	struct srtp_engine *e;

	assert_int_equal(srtp_engine_new(&choice, &e), 0);
	return e;
}

static struct dp_srtp key_of(unsigned int suite, uint8_t first)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(suite);
	struct dp_srtp key = {.suite = (uint8_t)suite};

	for (unsigned int i = 0; i < info->key_len + info->salt_len; i++)
		key.key[i] = (uint8_t)(first + i * 7);
	return key;
}

static struct srtp_ctx *ctx_of(struct srtp_engine *e, unsigned int suite, uint8_t first)
{
	struct dp_srtp key = key_of(suite, first);
	struct srtp_ctx *ctx;

	assert_int_equal(srtp_ctx_new(e, &key, &ctx), 0);
	return ctx;
}

/* The reference, as a sender or as a receiver of any SSRC. */
static srtp_t oracle(unsigned int suite, uint8_t first, bool sender)
{
	struct dp_srtp key = key_of(suite, first);
	srtp_policy_t policy = {.window_size = SRTP_WINDOW};
	srtp_t s;

	switch (suite) {
	case DP_SRTP_CM_128_SHA1_80:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
		break;
	case DP_SRTP_CM_128_SHA1_32:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
		break;
	case DP_SRTP_CM_256_SHA1_80:
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtp);
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
		break;
	case DP_SRTP_CM_256_SHA1_32:
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy.rtp);
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
		break;
	case DP_SRTP_GCM_128:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
		break;
	default:
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
	}
	policy.ssrc.type = sender ? ssrc_any_outbound : ssrc_any_inbound;
	policy.key = key.key;
	assert_int_equal(srtp_create(&s, &policy), 0);
	return s;
}

struct frame {
	uint8_t data[ROOM];
	uint32_t len, plain_len;
	uint8_t plain[ROOM];
};

static void make_rtp(struct frame *f, uint16_t seq, uint32_t ssrc)
{
	uint32_t n = 12 + 4 * (rnd(4) ? 0 : rnd(16));
	uint32_t be_ssrc = __builtin_bswap32(ssrc);
	uint8_t *p = f->data;

	for (unsigned int i = 0; i < sizeof(f->data); i++)
		p[i] = (uint8_t)rnd(256);
	p[0] = (uint8_t)(0x80 | (n - 12) / 4);
	p[2] = (uint8_t)(seq >> 8);
	p[3] = (uint8_t)seq;
	memcpy(p + 8, &be_ssrc, 4);
	if (!rnd(4)) {
		uint8_t words = (uint8_t)rnd(9);
		p[0] |= 0x10;
		p[n + 2] = 0;
		p[n + 3] = words;
		n += 4 + words * 4u;
	}
	f->len = n + rnd(rnd(3) ? 200 : 1200);
	f->plain_len = f->len;
	memcpy(f->plain, p, f->len);
}

static void make_rtcp(struct frame *f, uint32_t ssrc)
{
	uint32_t be_ssrc = __builtin_bswap32(ssrc);

	for (unsigned int i = 0; i < 200; i++)
		f->data[i] = (uint8_t)rnd(256);
	f->data[0] = 0x80;
	f->data[1] = 200;
	memcpy(f->data + 4, &be_ssrc, 4);
	f->len = f->plain_len = 8 + 4 * rnd(40);
	memcpy(f->plain, f->data, f->len);
}

static struct srtp_pkt pkt_of(
	struct frame *f, bool rtcp, struct srtp_ctx *c, struct dp_srtp_flow *w)
{
	return (struct srtp_pkt){
		.data = f->data, .len = f->len, .is_rtcp = rtcp, .ctx = c, .flow = w};
}

/* One packet; the frame's length follows. */
static enum srtp_result one(struct srtp_engine *e, bool seal, struct frame *f, bool rtcp,
	struct srtp_ctx *ctx, struct dp_srtp_flow *flow)
{
	struct srtp_pkt p = pkt_of(f, rtcp, ctx, flow);

	if (seal)
		srtp_seal(e, &p, 1);
	else
		srtp_open(e, &p, 1);
	f->len = p.len;
	return p.result;
}

static void assert_plain(const struct frame *f)
{
	assert_int_equal(f->len, f->plain_len);
	assert_memory_equal(f->data, f->plain, f->len);
}

#define EACH_BACKEND_AND_SUITE(e, suite)                                                        \
	for (unsigned int b_ = 0; srtp_backends()[b_]; b_++)                                    \
		for (struct srtp_engine *e = engine_of(srtp_backends()[b_]), *once_ = e; once_; \
			srtp_engine_free(e), once_ = NULL)                                      \
			for (unsigned int suite = DP_SRTP_NONE + 1; suite < DP_SRTP_N; suite++)

/* What we seal libsrtp2 opens, and it is byte for byte what libsrtp2 would have made. */
static void seal_rounds(struct srtp_engine *e, unsigned int suite)
{
	srtp_t rx = oracle(suite, 3, false), tx = oracle(suite, 3, true);
	struct srtp_ctx *ctx = ctx_of(e, suite, 3);
	struct dp_srtp_flow flow = {0}, rtcp_flow = {.next = 1}; /* as libsrtp2 begins */
	static struct frame f, g;
	uint16_t seq = 65500;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		bool rtcp = rnd(8) == 0;
		int len;
		if (rtcp)
			make_rtcp(&f, SSRC);
		else
			make_rtp(&f, seq++, SSRC);
		if (!rtcp && !rnd(10))
			seq = (uint16_t)(seq + rnd(200)); /* lost before it came here */
		g = f;
		len = (int)g.len;
		assert_int_equal(
			rtcp ? srtp_protect_rtcp(tx, g.data, &len) : srtp_protect(tx, g.data, &len),
			0);
		assert_int_equal(one(e, true, &f, rtcp, ctx, rtcp ? &rtcp_flow : &flow), SRTP_OK);
		assert_int_equal(f.len, len);
		assert_memory_equal(f.data, g.data, f.len);
		assert_int_equal(rtcp ? srtp_unprotect_rtcp(rx, f.data, &len)
				      : srtp_unprotect(rx, f.data, &len),
			0);
		f.len = (uint32_t)len;
		assert_plain(&f);
	}
	assert_true(flow.next > 65536); /* it did roll over */
	srtp_ctx_free(ctx);
	srtp_dealloc(rx);
	srtp_dealloc(tx);
}

static void test_seals_as_libsrtp2(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	seal_rounds(e, suite);
}

/* Bursts of late, lost and doubled packets: ours says yes and no as libsrtp2 does. */
static void open_rounds(struct srtp_engine *e, unsigned int suite)
{
	enum { N = 16 };
	srtp_t tx = oracle(suite, 9, true), rx = oracle(suite, 9, false);
	struct srtp_ctx *ctx = ctx_of(e, suite, 9);
	struct dp_srtp_flow flow = {0}, rtcp_flow = {0};
	static struct frame f[N], g;
	static bool rtcp[N];
	uint16_t seq = 65400;
	unsigned int n_replays = 0, n_good = 0;

	for (unsigned int round = 0; round < ROUNDS / N; round++) {
		for (unsigned int i = 0; i < N; i++) {
			int len;
			rtcp[i] = rnd(8) == 0;
			if (rtcp[i])
				make_rtcp(&f[i], SSRC);
			else
				make_rtp(&f[i], seq++, SSRC);
			len = (int)f[i].len;
			assert_int_equal(rtcp[i] ? srtp_protect_rtcp(tx, f[i].data, &len)
						 : srtp_protect(tx, f[i].data, &len),
				0);
			f[i].len = (uint32_t)len;
			if (i > 0 && !rnd(3)) { /* out of order */
				unsigned int k = rnd(i);
				g = f[i], f[i] = f[k], f[k] = g;
				bool was = rtcp[i];
				rtcp[i] = rtcp[k], rtcp[k] = was;
			}
			if (i > 0 && !rnd(6)) { /* twice, and one lost */
				unsigned int k = rnd(i);
				f[i] = f[k], rtcp[i] = rtcp[k];
			}
		}
		struct srtp_pkt p[N];
		static uint8_t sealed[N][ROOM];
		for (unsigned int i = 0; i < N; i++) {
			p[i] = pkt_of(&f[i], rtcp[i], ctx, rtcp[i] ? &rtcp_flow : &flow);
			memcpy(sealed[i], f[i].data, f[i].len);
		}
		srtp_open(e, p, N);
		for (unsigned int i = 0; i < N; i++) {
			int len = (int)f[i].len;
			srtp_err_status_t want = rtcp[i] ? srtp_unprotect_rtcp(rx, sealed[i], &len)
							 : srtp_unprotect(rx, sealed[i], &len);
			assert_int_equal(p[i].result == SRTP_OK, want == 0);
			if (want) {
				assert_int_equal(p[i].result, SRTP_REPLAY);
				n_replays++;
				continue;
			}
			f[i].len = p[i].len;
			assert_int_equal(len, p[i].len);
			assert_plain(&f[i]);
			n_good++;
		}
	}
	assert_true(n_replays > 5 && n_good > 150 && flow.next > 65536);
	srtp_ctx_free(ctx);
	srtp_dealloc(rx);
	srtp_dealloc(tx);
}

static void test_opens_as_libsrtp2(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	open_rounds(e, suite);
}

/* Any one bit of a packet, the wrong key, a cut: refused, and nothing has changed. */
static void test_nothing_unauthentic_passes_or_changes(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	{
		struct srtp_ctx *tx = ctx_of(e, suite, 1), *rx = ctx_of(e, suite, 1);
		struct srtp_ctx *wrong = ctx_of(e, suite, 2);
		struct dp_srtp_flow to[2] = {0}, from[2] = {0}, before;
		static struct frame good, f;
		for (unsigned int i = 0; i < 40; i++) {
			bool rtcp = i & 1;
			if (rtcp)
				make_rtcp(&good, SSRC);
			else
				make_rtp(&good, (uint16_t)(65520 + i), SSRC);
			assert_int_equal(one(e, true, &good, rtcp, tx, &to[rtcp]), SRTP_OK);
			before = from[rtcp];
			f = good;
			uint32_t bit = rnd(f.len * 8);
			f.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(one(e, false, &f, rtcp, rx, &from[rtcp]), SRTP_OK);
			assert_memory_equal(&before, &from[rtcp], sizeof(before));
			f = good;
			assert_int_equal(one(e, false, &f, rtcp, wrong, &from[rtcp]), SRTP_AUTH);
			f = good;
			f.len = rnd(f.len);
			assert_int_not_equal(one(e, false, &f, rtcp, rx, &from[rtcp]), SRTP_OK);
			assert_memory_equal(&before, &from[rtcp], sizeof(before));
			/* and the true one is still welcome */
			assert_int_equal(one(e, false, &good, rtcp, rx, &from[rtcp]), SRTP_OK);
			assert_plain(&good);
		}
		srtp_ctx_free(tx);
		srtp_ctx_free(rx);
		srtp_ctx_free(wrong);
	}
}

/* A flood of forgeries far ahead moves neither the roll-over counter nor the window. */
static void test_forged_flood_moves_nothing(void **state)
{
	struct srtp_engine *e = engine_of(srtp_backends()[0]);
	struct srtp_ctx *tx = ctx_of(e, DP_SRTP_CM_128_SHA1_80, 1);
	struct srtp_ctx *rx = ctx_of(e, DP_SRTP_CM_128_SHA1_80, 1);
	struct dp_srtp_flow to = {0}, from = {0};
	static struct frame f;

	for (uint16_t seq = 100; seq < 120; seq++) {
		make_rtp(&f, seq, SSRC);
		assert_int_equal(one(e, true, &f, false, tx, &to), SRTP_OK);
		assert_int_equal(one(e, false, &f, false, rx, &from), SRTP_OK);
		for (unsigned int i = 0; i < 300; i++) {
			make_rtp(&f, (uint16_t)rnd(65536), i & 1 ? SSRC : rnd(99));
			assert_int_not_equal(one(e, false, &f, false, rx, &from), SRTP_OK);
		}
	}
	assert_int_equal(from.next, 120);
	srtp_ctx_free(tx);
	srtp_ctx_free(rx);
	srtp_engine_free(e);
}

static void test_replay_is_refused(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	{
		struct srtp_ctx *tx = ctx_of(e, suite, 1), *rx = ctx_of(e, suite, 1);
		struct dp_srtp_flow to = {0}, from = {0};
		static struct frame f, kept[200];
		for (unsigned int i = 0; i < 200; i++) {
			make_rtp(&kept[i], (uint16_t)i, SSRC);
			assert_int_equal(one(e, true, &kept[i], false, tx, &to), SRTP_OK);
			f = kept[i];
			assert_int_equal(one(e, false, &f, false, rx, &from), SRTP_OK);
		}
		for (unsigned int i = 0; i < 200; i++) {
			f = kept[i];
			assert_int_equal(one(e, false, &f, false, rx, &from), SRTP_REPLAY);
		}
		/* both in one burst */
		make_rtp(&kept[0], 200, SSRC);
		assert_int_equal(one(e, true, &kept[0], false, tx, &to), SRTP_OK);
		kept[1] = kept[0];
		struct srtp_pkt p[2] = {
			pkt_of(&kept[0], false, rx, &from), pkt_of(&kept[1], false, rx, &from)};
		srtp_open(e, p, 2);
		assert_int_equal(p[0].result, SRTP_OK);
		assert_int_equal(p[1].result, SRTP_REPLAY);
		srtp_ctx_free(tx);
		srtp_ctx_free(rx);
	}
}

/* Two talkers in turn under one key: each keeps its own counter, and old packets stay old. */
static void test_ssrc_comes_back(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	{
		struct srtp_ctx *tx = ctx_of(e, suite, 1), *rx = ctx_of(e, suite, 1);
		struct dp_srtp_flow to = {0}, from = {0};
		static struct frame f, first;
		uint16_t seq[3] = {65530, 10, 65535};
		for (unsigned int turn = 0; turn < 9; turn++) {
			for (unsigned int i = 0; i < 10; i++) {
				unsigned int who = turn % 3;
				make_rtp(&f, seq[who]++, SSRC + who);
				assert_int_equal(one(e, true, &f, false, tx, &to), SRTP_OK);
				if (!turn && !i)
					first = f;
				assert_int_equal(one(e, false, &f, false, rx, &from), SRTP_OK);
				assert_plain(&f);
			}
		}
		assert_int_equal(to.next, 65535 + 30);
		f = first;
		assert_int_equal(one(e, false, &f, false, rx, &from), SRTP_REPLAY);
		/* what was sealed once is not sealed again, whoever talked in between */
		make_rtp(&f, 10, SSRC + 1);
		assert_int_equal(one(e, true, &f, false, tx, &to), SRTP_REPLAY);
		srtp_ctx_free(tx);
		srtp_ctx_free(rx);
	}
}

static void test_no_index_is_sealed_twice(void **state)
{
	struct srtp_engine *e = engine_of(srtp_backends()[0]);
	struct srtp_ctx *tx = ctx_of(e, DP_SRTP_GCM_128, 1);
	struct dp_srtp_flow flow = {0};
	static struct frame f;

	make_rtp(&f, 7, SSRC);
	assert_int_equal(one(e, true, &f, false, tx, &flow), SRTP_OK);
	make_rtp(&f, 7, SSRC);
	f.len = f.plain_len;
	assert_int_equal(one(e, true, &f, false, tx, &flow), SRTP_REPLAY);
	assert_plain(&f);
	make_rtp(&f, 1000, SSRC);
	assert_int_equal(one(e, true, &f, false, tx, &flow), SRTP_OK);
	make_rtp(&f, 8, SSRC); /* too old to know */
	assert_int_equal(one(e, true, &f, false, tx, &flow), SRTP_REPLAY);
	/* as many SSRCs as can be remembered, then no more */
	for (uint32_t i = 1; i <= SRTP_SEEN_MAX; i++) {
		make_rtp(&f, 1, SSRC + i);
		assert_int_equal(one(e, true, &f, false, tx, &flow), SRTP_OK);
	}
	make_rtp(&f, 1, SSRC + SRTP_SEEN_MAX + 1);
	assert_int_equal(one(e, true, &f, false, tx, &flow), SRTP_LIMIT);
	srtp_ctx_free(tx);
	srtp_engine_free(e);
}

/* RFC 3711 9.2: 2^48 packets, 2^31 of SRTCP. */
static void test_key_limit(void **state)
{
	struct srtp_engine *e = engine_of(srtp_backends()[0]);
	struct srtp_ctx *tx = ctx_of(e, DP_SRTP_CM_256_SHA1_32, 1);
	struct srtp_ctx *rx = ctx_of(e, DP_SRTP_CM_256_SHA1_32, 1);
	struct dp_srtp_flow to, from;
	static struct frame f;

	srtp_flow_resume(&to, SSRC, DP_SRTP_RTP_END - 1);
	srtp_flow_resume(&from, SSRC, DP_SRTP_RTP_END - 1);
	make_rtp(&f, 0xffff, SSRC);
	assert_int_equal(one(e, true, &f, false, tx, &to), SRTP_OK);
	assert_int_equal(one(e, false, &f, false, rx, &from), SRTP_OK);
	make_rtp(&f, 0, SSRC);
	assert_int_equal(one(e, true, &f, false, tx, &to), SRTP_LIMIT);
	assert_int_equal(one(e, false, &f, false, rx, &from), SRTP_LIMIT);
	srtp_flow_resume(&to, SSRC, DP_SRTP_RTCP_END - 1);
	make_rtcp(&f, SSRC);
	assert_int_equal(one(e, true, &f, true, tx, &to), SRTP_OK);
	make_rtcp(&f, SSRC);
	assert_int_equal(one(e, true, &f, true, tx, &to), SRTP_LIMIT);
	srtp_ctx_free(tx);
	srtp_ctx_free(rx);
	srtp_engine_free(e);
}

/* Authentic, but with the E bit off: no silent downgrade. */
static void test_unencrypted_srtcp_is_refused(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	{
		struct dp_srtp_flow flow = {0};
		struct srtp_ctx *tx = ctx_of(e, suite, 1), *rx = ctx_of(e, suite, 1);
		static struct frame f;
		for (unsigned int i = 0; i < 2; i++) { /* first packet, and later ones */
			struct dp_srtp_flow to = {.next = i};
			make_rtcp(&f, SSRC);
			assert_int_equal(one(e, true, &f, true, tx, &to), SRTP_OK);
			if (!i)
				assert_int_equal(one(e, false, &f, true, rx, &flow), SRTP_OK);
		}
		bool gcm = suite >= DP_SRTP_GCM_128;
		f.data[f.len - (gcm ? 4 : 14)] &= 0x7f;
		assert_int_equal(one(e, false, &f, true, rx, &flow), SRTP_CLEAR);
		flow = (struct dp_srtp_flow){0};
		assert_int_equal(one(e, false, &f, true, rx, &flow), SRTP_CLEAR);
		srtp_ctx_free(tx);
		srtp_ctx_free(rx);
	}
}

/*
 * A new key, maybe of another suite: packets in flight under the old one are good until the first
 * under the new one; the sender's counter goes on (RFC 3711) or begins at 0 (RFC 4568).
 */
static void rekey(struct srtp_engine *e, unsigned int suite, unsigned int next_suite, bool reset)
{
	struct srtp_ctx *tx = ctx_of(e, suite, 1), *rx = ctx_of(e, suite, 1);
	struct srtp_ctx *tx2 = ctx_of(e, next_suite, 77), *rx2 = ctx_of(e, next_suite, 77);
	struct dp_srtp_flow to[2], from[2] = {0};
	static struct frame f, late[2];

	srtp_flow_resume(&to[0], SSRC, 0x2fffe);
	srtp_flow_resume(&to[1], SSRC, 100);
	from[0] = to[0];
	for (uint16_t i = 0; i < 4; i++) {
		make_rtp(&f, (uint16_t)(0xfffe + i), SSRC);
		assert_int_equal(one(e, true, &f, false, tx, &to[0]), SRTP_OK);
		assert_int_equal(one(e, false, &f, false, rx, &from[0]), SRTP_OK);
		make_rtcp(&f, SSRC);
		assert_int_equal(one(e, true, &f, true, tx, &to[1]), SRTP_OK);
		assert_int_equal(one(e, false, &f, true, rx, &from[1]), SRTP_OK);
	}
	for (uint16_t i = 0; i < 2; i++) {
		make_rtp(&late[i], (uint16_t)(2 + i), SSRC);
		assert_int_equal(one(e, true, &late[i], false, tx, &to[0]), SRTP_OK);
	}
	srtp_engine_set_clock(e, 1000);
	srtp_ctx_succeed(rx2, rx, 1001);
	assert_int_equal(one(e, false, &late[0], false, rx2, &from[0]), SRTP_OK);
	assert_plain(&late[0]);
	assert_true(srtp_ctx_has_old(rx2, 1000));
	if (reset)
		to[0] = to[1] = (struct dp_srtp_flow){0};
	for (uint16_t i = 0; i < 3; i++) {
		make_rtp(&f, (uint16_t)(4 + i), SSRC);
		assert_int_equal(one(e, true, &f, false, tx2, &to[0]), SRTP_OK);
		assert_int_equal(one(e, false, &f, false, rx2, &from[0]), SRTP_OK);
		assert_plain(&f);
		make_rtcp(&f, SSRC);
		assert_int_equal(one(e, true, &f, true, tx2, &to[1]), SRTP_OK);
		assert_int_equal(one(e, false, &f, true, rx2, &from[1]), SRTP_OK);
		assert_plain(&f);
	}
	assert_int_equal(from[0].next, to[0].next);
	assert_false(srtp_ctx_has_old(rx2, 1000));
	assert_int_not_equal(one(e, false, &late[1], false, rx2, &from[0]), SRTP_OK);
	assert_ptr_equal(srtp_ctx_forget(rx2), rx);
	srtp_ctx_free(tx);
	srtp_ctx_free(rx);
	srtp_ctx_free(tx2);
	srtp_ctx_free(rx2);
}

static void test_rekey_without_a_gap(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	for (unsigned int next = DP_SRTP_NONE + 1; next < DP_SRTP_N; next++) {
		rekey(e, suite, next, false);
		rekey(e, suite, next, true);
	}
}

/* A far end that never uses the new key does not keep the old one alive. */
static void test_an_old_key_has_its_time(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	{
		struct srtp_ctx *tx = ctx_of(e, suite, 1), *rx = ctx_of(e, suite, 1);
		struct srtp_ctx *rx2 = ctx_of(e, suite, 77);
		struct dp_srtp_flow to[2] = {0}, from[2] = {0};
		struct frame f;

		srtp_ctx_succeed(rx2, rx, 2000);
		for (uint16_t i = 0; i < 2; i++) {
			srtp_engine_set_clock(e, 1999u + i);
			int want = i ? SRTP_AUTH : SRTP_OK;
			make_rtp(&f, (uint16_t)(10 + i), SSRC);
			assert_int_equal(one(e, true, &f, false, tx, &to[0]), SRTP_OK);
			assert_int_equal(one(e, false, &f, false, rx2, &from[0]), want);
			make_rtcp(&f, SSRC);
			assert_int_equal(one(e, true, &f, true, tx, &to[1]), SRTP_OK);
			assert_int_equal(one(e, false, &f, true, rx2, &from[1]), want);
		}
		assert_int_equal(from[0].next, 11);
		assert_ptr_equal(srtp_ctx_forget(rx2), rx);
		srtp_ctx_free(tx);
		srtp_ctx_free(rx);
		srtp_ctx_free(rx2);
	}
}

/* Lengths that do not fit inside. */
static void test_short(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	{
		struct srtp_ctx *ctx = ctx_of(e, suite, 1);
		struct dp_srtp_flow flow = {0};
		static struct frame f;
		for (unsigned int rtcp = 0; rtcp < 2; rtcp++)
			for (uint32_t len = 0; len < 12u + ctx->tag_len[rtcp]; len++) {
				make_rtcp(&f, SSRC);
				f.len = len;
				assert_int_equal(one(e, false, &f, rtcp, ctx, &flow), SRTP_SHORT);
			}
		make_rtp(&f, 1, SSRC);
		f.data[0] = 0x8f; /* fifteen CSRCs */
		f.len = 12 + 59 + ctx->tag_len[0];
		assert_int_equal(one(e, false, &f, false, ctx, &flow), SRTP_SHORT);
		f.data[0] = 0x90; /* an extension longer than the packet */
		f.data[14] = 0x40;
		assert_int_equal(one(e, false, &f, false, ctx, &flow), SRTP_SHORT);
		f.len = 71;
		assert_int_equal(one(e, true, &f, false, ctx, &flow), SRTP_SHORT);
		f.data[0] = 0x40;
		assert_int_equal(one(e, false, &f, false, ctx, &flow), SRTP_SHORT);
		srtp_ctx_free(ctx);
	}
}

/* No suite without encryption or authentication can be had, whatever number is asked for. */
static void test_no_null_no_f8(void **state)
{
	struct srtp_engine *e = engine_of(srtp_backends()[0]);
	struct srtp_ctx *ctx;

	for (unsigned int suite = 0; suite < 256; suite++) {
		struct dp_srtp key = {.suite = (uint8_t)suite};
		if (suite > DP_SRTP_NONE && suite < DP_SRTP_N) {
			assert_non_null(strstr(dp_srtp_suite(suite)->name, "AES"));
			assert_null(strstr(dp_srtp_suite(suite)->name, "NULL"));
			assert_null(strstr(dp_srtp_suite(suite)->name, "F8"));
			assert_true(dp_srtp_suite(suite)->tag_len >= 4);
			continue;
		}
		assert_int_equal(srtp_ctx_new(e, &key, &ctx), -EINVAL);
	}
	srtp_engine_free(e);
}

/* The memory of a context holds nothing of its keys when it is given back. */
static void test_keys_are_wiped(void **state)
{
	EACH_BACKEND_AND_SUITE(e, suite)
	{
		struct srtp_ctx *ctx = ctx_of(e, suite, 1);
		size_t size = ctx->size;
		const uint8_t *at = (const uint8_t *)ctx;
		unsigned int n = 0;
		srtp_ctx_free(ctx);
		for (size_t i = sizeof(void *); i < size; i++) /* the list of free cells */
			n += at[i] != 0;
		assert_int_equal(n, 0);
	}
}

static void test_choice(void **state)
{
	struct srtp_choice choice;
	unsigned int found = 0;

	assert_int_equal(srtp_choose(&choice), 0);
	for (unsigned int b = 0; srtp_backends()[b]; b++)
		found += (srtp_backends()[b] == choice.cm) + (srtp_backends()[b] == choice.gcm);
	assert_int_equal(found, 2);
	assert_true(strlen(srtp_backend_name(choice.cm)) > 0);
}

static int set_up(void **state)
{
	return srtp_init() == srtp_err_status_ok ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seals_as_libsrtp2),
		cmocka_unit_test(test_opens_as_libsrtp2),
		cmocka_unit_test(test_nothing_unauthentic_passes_or_changes),
		cmocka_unit_test(test_forged_flood_moves_nothing),
		cmocka_unit_test(test_replay_is_refused),
		cmocka_unit_test(test_ssrc_comes_back),
		cmocka_unit_test(test_no_index_is_sealed_twice),
		cmocka_unit_test(test_key_limit),
		cmocka_unit_test(test_unencrypted_srtcp_is_refused),
		cmocka_unit_test(test_rekey_without_a_gap),
		cmocka_unit_test(test_an_old_key_has_its_time),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_no_null_no_f8),
		cmocka_unit_test(test_keys_are_wiped),
		cmocka_unit_test(test_choice),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
