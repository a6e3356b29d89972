/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which back end is the fastest on this CPU: measured at the start, since it cannot be told from
 * the instruction set (SSE with SHA-NI beats AVX2 for HMAC-SHA1). Each seals bursts of G.711
 * packets of many streams; the best burst of several counts, so that a busy machine matters
 * little.
 */
#include "dataplane/srtp/priv.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define STREAMS SRTP_BURST
#define PAYLOAD 160
#define ROOM	256
#define ROUNDS	24

const struct srtp_backend *const *srtp_backends(void)
{
	static const struct srtp_backend *const all[] = {
#ifdef HAVE_IPSEC_MB
		&srtp_imb_sse,
		&srtp_imb_avx,
		&srtp_imb_avx2,
		&srtp_imb_avx512,
#endif
		&srtp_openssl,
	};
	static const struct srtp_backend *here[sizeof(all) / sizeof(all[0]) + 1];
	unsigned int n = 0;

	if (!here[0])
		for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			if (all[i]->works())
				here[n++] = all[i];
	return here;
}

const char *srtp_backend_name(const struct srtp_backend *backend)
{
	return backend->name;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t measure_bursts(struct srtp_engine *e, struct srtp_ctx *const *ctx)
{
	static uint8_t frames[STREAMS][ROOM];
	struct dp_srtp_flow flows[STREAMS] = {0};
	struct srtp_pkt pkts[STREAMS];
	uint64_t best = UINT64_MAX;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < STREAMS; i++) {
			memset(frames[i], 0, 12);
			frames[i][0] = 0x80;
			frames[i][3] = (uint8_t)round;
			pkts[i] = (struct srtp_pkt){.data = frames[i],
				.len = 12 + PAYLOAD,
				.ctx = ctx[i],
				.flow = &flows[i]};
		}
		uint64_t before = now_ns();
		srtp_seal(e, pkts, STREAMS);
		uint64_t took = now_ns() - before;
		if (took < best)
			best = took;
	}
	return best;
}

/* The best time of a burst; UINT64_MAX: this back end cannot be had. */
static uint64_t measure(const struct srtp_backend *backend, enum dp_srtp_suite suite)
{
	const struct srtp_choice choice = {backend, backend};
	struct srtp_ctx *ctx[STREAMS] = {NULL};
	struct dp_srtp key = {.suite = (uint8_t)suite};
	struct srtp_engine *e;
	uint64_t best = UINT64_MAX;
	int err = srtp_engine_new(&choice, &e);

	if (err)
		return best;
	for (unsigned int i = 0; i < STREAMS && !err; i++) {
		key.key[0] = (uint8_t)i;
		err = srtp_ctx_new(e, &key, &ctx[i]);
	}
	if (!err)
		best = measure_bursts(e, ctx);
	for (unsigned int i = 0; i < STREAMS; i++)
		srtp_ctx_free(ctx[i]);
	srtp_engine_free(e);
	return best;
}

static const struct srtp_backend *fastest(enum dp_srtp_suite suite)
{
	const struct srtp_backend *const *all = srtp_backends(), *ret = NULL;
	uint64_t best = UINT64_MAX;

	for (unsigned int i = 0; all[i]; i++) {
		uint64_t ns = measure(all[i], suite);
		if (ns < best) {
			best = ns;
			ret = all[i];
		}
	}
	return ret;
}

int srtp_choose(struct srtp_choice *ret_choice)
{
	struct srtp_choice choice = {
		.cm = fastest(DP_SRTP_CM_128_SHA1_80),
		.gcm = fastest(DP_SRTP_GCM_128),
	};

	if (!choice.cm || !choice.gcm)
		return -ENODEV;
	*ret_choice = choice;
	return 0;
}
