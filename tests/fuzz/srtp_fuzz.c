/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hostile network before SRTP and SRTCP: packets of any bytes, and true ones that were changed,
 * in bursts, under every suite, with a change of keys in between.
 *
 * The input is a suite, and then steps: a byte that says what (RTP or RTCP; raw, true or changed;
 * another key), a length, and as many bytes. What is refused must have changed no flow; a true
 * packet that was not changed must open to what it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/srtp/srtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM 512

enum { STEP_RTCP = 1, STEP_TRUE = 2, STEP_CHANGE = 4, STEP_REKEY = 8 };

struct end {
	struct srtp_ctx *ctx;
	struct dp_srtp_flow flow[2];
};

static struct srtp_engine *engine;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct srtp_ctx *ctx_new(uint8_t suite, uint8_t first)
{
	struct dp_srtp key = {.suite = suite};
	struct srtp_ctx *ctx;

	memset(key.key, first,
		(size_t)dp_srtp_suite(suite)->key_len + dp_srtp_suite(suite)->salt_len);
	require(srtp_ctx_new(engine, &key, &ctx) == 0);
	return ctx;
}

static void rekey(struct end *from, struct end *to, uint8_t suite, uint8_t first)
{
	struct srtp_ctx *next = ctx_new(suite, first);

	srtp_ctx_free(srtp_ctx_forget(to->ctx));
	srtp_ctx_succeed(next, to->ctx, UINT64_MAX);
	to->ctx = next;
	next = ctx_new(suite, first);
	srtp_ctx_inherit(next, from->ctx);
	srtp_ctx_free(from->ctx);
	from->ctx = next;
}

/* Seals the packet; false: it is none that can be sealed. */
static bool seal(struct end *from, uint8_t *packet, uint32_t *len, bool rtcp)
{
	struct srtp_pkt p = {.data = packet,
		.len = *len,
		.is_rtcp = rtcp,
		.ctx = from->ctx,
		.flow = &from->flow[rtcp]};

	srtp_seal(engine, &p, 1);
	*len = p.len;
	return p.result == SRTP_OK;
}

static void step(struct end *from, struct end *to, uint8_t what, const uint8_t *bytes, uint32_t len)
{
	uint8_t packet[ROOM], plain[ROOM];
	bool rtcp = what & STEP_RTCP, sealed = false;
	uint32_t plain_len = len;

	memcpy(packet, bytes, len);
	memcpy(plain, bytes, len);
	if (what & STEP_TRUE)
		sealed = seal(from, packet, &len, rtcp);
	if ((what & STEP_CHANGE) && len)
		packet[what * 7u % len] ^= (uint8_t)(1 + (what >> 4));
	struct srtp_pkt p[2] = {{.data = packet,
		.len = len,
		.is_rtcp = rtcp,
		.ctx = to->ctx,
		.flow = &to->flow[rtcp]}};
	struct dp_srtp_flow before = to->flow[rtcp];
	srtp_open(engine, p, 1);
	if (p[0].result != SRTP_OK)
		require(memcmp(&before, &to->flow[rtcp], sizeof(before)) == 0);
	if (p[0].result == SRTP_OK && sealed && !(what & STEP_CHANGE))
		require(p[0].len == plain_len && memcmp(packet, plain, plain_len) == 0);
	require(p[0].result == SRTP_OK ? sealed : true);
	require(!(sealed && (what & STEP_CHANGE)) || p[0].result != SRTP_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!engine) {
		const struct srtp_choice choice = {srtp_backends()[0], srtp_backends()[0]};
		require(srtp_engine_new(&choice, &engine) == 0);
	}
	if (size < 1)
		return 0;
	uint8_t suite = 1 + data[0] % (DP_SRTP_N - 1);
	struct end from = {.ctx = ctx_new(suite, 1)}, to = {.ctx = ctx_new(suite, 1)};
	for (size_t at = 1; at + 2 <= size;) {
		uint8_t what = data[at];
		uint32_t len = data[at + 1];
		at += 2;
		if (what & STEP_REKEY) {
			rekey(&from, &to, 1 + len % (DP_SRTP_N - 1), what);
			continue;
		}
		if (len > size - at)
			len = (uint32_t)(size - at);
		step(&from, &to, what, data + at, len);
		at += len;
	}
	srtp_ctx_free(srtp_ctx_forget(to.ctx));
	srtp_ctx_free(to.ctx);
	srtp_ctx_free(from.ctx);
	return 0;
}
