/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets: what of them is authenticated and encrypted, their index, their place in the burst.
 *
 * Opening authenticates first. With AES-CM nothing is decrypted whose tag is wrong; with GCM both
 * are one pass, and what fails is not looked at. The index is taken only then, so a forged packet
 * moves neither roll-over counter nor replay window. Packets of an SSRC that is not the present
 * one, and those under a key that is new to the stream, go one by one (open_slow()).
 *
 * SRTP_CM hashes the roll-over counter behind the packet (RFC 3711 4.2): it is written to where
 * the tag is, for the time of hashing.
 */
#include "dataplane/srtp/priv.h"

#include "dataplane/srtp/index.h"

#include <stdlib.h>
#include <string.h>

#define RTP_HDR	     12
#define RTCP_HDR     8 /* what SRTCP leaves in clear */
#define RTCP_TRAILER 4 /* E bit and index */
#define E_BIT	     UINT32_C(0x80000000)
#define GCM_TAG	     16
#define TRIES	     3

static uint32_t get_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}

static uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Header with CSRCs and extension (RFC 3550 5.1), which stay in clear; 0: does not fit. */
static uint32_t rtp_header(const uint8_t *p, uint32_t len)
{
	uint32_t n = RTP_HDR;

	if (len < RTP_HDR || p[0] >> 6 != 2)
		return 0;
	n += (p[0] & 0x0fu) * 4;
	if (p[0] & 0x10) {
		if (n + 4 > len)
			return 0;
		n += 4 + get_be16(p + n + 2) * 4u;
	}
	return n <= len ? n : 0;
}

/* RFC 3711 4.1.1: salt, SSRC from octet 4 on, index from octet 8 on, 16 bits of block counter. */
static void iv_cm(const struct srtp_key *key, uint32_t ssrc, uint64_t index, uint8_t *iv)
{
	uint64_t a, b;

	memcpy(&a, key->salt, 8);
	memcpy(&b, key->salt + 8, 8);
	a ^= __builtin_bswap64(ssrc);
	b ^= __builtin_bswap64(index << 16);
	memcpy(iv, &a, 8);
	memcpy(iv + 8, &b, 8);
}

/* RFC 7714 8.1 and 9.1: two octets of zero, SSRC, 48 bits of index; over the salt. */
static void iv_gcm(const struct srtp_key *key, uint32_t ssrc, uint64_t index, uint8_t *iv)
{
	uint64_t a;
	uint32_t b;

	memcpy(&a, key->salt, 8);
	memcpy(&b, key->salt + 8, 4);
	a ^= __builtin_bswap64((uint64_t)ssrc << 16 | index >> 32);
	b ^= __builtin_bswap32((uint32_t)index);
	memcpy(iv, &a, 8);
	memcpy(iv + 8, &b, 4);
}

/* Tags have 16, 10 or 4 octets. */
static void tag_copy(uint8_t *to, const uint8_t *from, unsigned int len)
{
	if (len == 16)
		memcpy(to, from, 16);
	else if (len == 10)
		memcpy(to, from, 10);
	else
		memcpy(to, from, 4);
}

/* In constant time: all of it is always read. */
static bool tag_equal(const uint8_t *x, const uint8_t *y, unsigned int len)
{
	uint64_t a[2] = {0}, b[2] = {0};

	tag_copy((uint8_t *)a, x, len);
	tag_copy((uint8_t *)b, y, len);
	return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
}

/* What both directions and both kinds need of a packet. index: known by now. */
static void job_common(struct srtp_job *j, const struct srtp_pkt *p, const struct srtp_ctx *ctx,
	uint32_t ssrc, uint64_t index)
{
	j->key = ctx->key[p->is_rtcp];
	j->data = p->data;
	j->aad = p->data;
	j->index = index;
	j->tag_len = ctx->tag_len[p->is_rtcp];
	if (ctx->class == SRTP_CM)
		iv_cm(j->key, ssrc, index, j->iv);
	else
		iv_gcm(j->key, ssrc, index, j->iv);
}

/* The associated data of SRTCP: header and trailer, which do not lie together (RFC 7714 9.2). */
static void job_rtcp_aad(struct srtp_job *j, const uint8_t *trailer)
{
	memcpy(j->aad_room, j->data, RTCP_HDR);
	memcpy(j->aad_room + RTCP_HDR, trailer, RTCP_TRAILER);
	j->aad = j->aad_room;
	j->aad_len = RTCP_HDR + RTCP_TRAILER;
}

/* Lengths of an RTP packet: all of it is hashed, with four octets of counter behind it. */
static void job_rtp(struct srtp_job *j, uint32_t header, uint32_t end)
{
	j->text_off = header;
	j->text_len = end - header;
	j->aad_len = header;
	j->tag_at = j->data + end;
	j->mac_len = end + 4;
}

/* ---- opening ---- */

/* Fills in the job of a packet as it came. false: it is too short, or clear. */
static bool open_parse(struct srtp_pkt *p, const struct srtp_ctx *ctx, uint32_t *ret_header)
{
	uint32_t tag = ctx->tag_len[p->is_rtcp];
	uint32_t header = RTCP_HDR;

	p->result = SRTP_SHORT;
	if (p->len > SRTP_PKT_MAX)
		return false;
	if (!p->is_rtcp) {
		if (p->len < tag)
			return false;
		header = rtp_header(p->data, p->len - tag);
		*ret_header = header;
		return header != 0;
	}
	if (p->len < RTCP_HDR + RTCP_TRAILER + tag || p->data[0] >> 6 != 2)
		return false;
	*ret_header = header;
	return true;
}

static const uint8_t *rtcp_trailer(const struct srtp_pkt *p, const struct srtp_ctx *ctx)
{
	uint32_t behind = ctx->class == SRTP_GCM ? 0 : ctx->tag_len[SRTP_RTCP];

	return p->data + p->len - behind - RTCP_TRAILER;
}

static void open_job(struct srtp_job *j, const struct srtp_pkt *p, const struct srtp_ctx *ctx,
	uint32_t header, uint32_t ssrc, uint64_t index)
{
	uint32_t tag = ctx->tag_len[p->is_rtcp];

	job_common(j, p, ctx, ssrc, index);
	if (!p->is_rtcp) {
		job_rtp(j, header, p->len - tag);
	} else {
		uint32_t end = p->len - RTCP_TRAILER - tag;
		j->text_off = RTCP_HDR;
		j->text_len = end - RTCP_HDR;
		j->mac_len = p->len - tag;
		j->tag_at = p->data + (ctx->class == SRTP_GCM ? end : p->len - tag);
		if (ctx->class == SRTP_GCM)
			job_rtcp_aad(j, rtcp_trailer(p, ctx));
	}
	tag_copy(j->want, j->tag_at, j->tag_len);
	if (ctx->class == SRTP_CM && !p->is_rtcp)
		put_be32(j->tag_at, (uint32_t)(index >> 16));
}

static uint32_t pkt_ssrc(const struct srtp_pkt *p)
{
	return get_be32(p->data + (p->is_rtcp ? 4 : 8));
}

/* The index that a packet says or lets guess, after next. */
static uint64_t open_index(const struct srtp_pkt *p, const struct srtp_ctx *ctx, uint64_t next)
{
	if (p->is_rtcp)
		return get_be32(rtcp_trailer(p, ctx)) & ~E_BIT;
	return srtp_index_guess(next, get_be16(p->data + 2));
}

static void cipher_cm(struct srtp_engine *e, struct srtp_job *const *jobs, unsigned int n)
{
	struct srtp_job *by_len[2][SRTP_BURST];
	unsigned int count[2] = {0};

	for (unsigned int i = 0; i < n; i++) {
		struct srtp_job *j = jobs[i];
		if (j->text_len)
			by_len[j->key->is_256][count[j->key->is_256]++] = j;
	}
	for (unsigned int k = 0; k < 2; k++)
		if (count[k])
			e->choice.cm->ctr(e->self[SRTP_CM], by_len[k], count[k]);
}

/* Authentic packets whose index nobody has taken meanwhile go on. */
static bool open_take(struct srtp_pkt *p, struct srtp_job *j, struct dp_srtp_flow *flow)
{
	if (!tag_equal(j->tag, j->want, j->tag_len)) {
		p->result = SRTP_AUTH;
		return false;
	}
	if (!srtp_index_fresh(flow, j->index)) {
		p->result = SRTP_REPLAY;
		return false;
	}
	srtp_index_take(flow, j->index);
	p->len = j->text_off + j->text_len;
	p->result = SRTP_OK;
	return true;
}

/* What was known of an SSRC that is not the present one. */
static void seen_get(const struct srtp_ctx *ctx, unsigned int from, unsigned int n, uint32_t ssrc,
	struct dp_srtp_flow *ret_flow)
{
	uint64_t next = 0;

	for (unsigned int i = 0; i < n; i++)
		if (ctx->seen[from + i].ssrc == ssrc)
			next = ctx->seen[from + i].next;
	srtp_flow_resume(ret_flow, ssrc, next);
}

/* Remembers the present SSRC when another takes its place. Opening: the oldest is forgotten. */
static void seen_put(struct srtp_ctx *ctx, enum srtp_kind kind, const struct dp_srtp_flow *flow)
{
	unsigned int from = kind == SRTP_RTCP ? SRTP_SEEN_MAX - SRTP_SEEN_RTCP : 0;
	unsigned int max = kind == SRTP_RTCP ? SRTP_SEEN_RTCP : SRTP_SEEN_MAX - SRTP_SEEN_RTCP;
	unsigned int at;

	for (at = 0; at < ctx->n_seen[kind]; at++)
		if (ctx->seen[from + at].ssrc == flow->ssrc)
			break;
	if (at == ctx->n_seen[kind]) {
		at = ctx->next_seen[kind];
		ctx->next_seen[kind] = (uint8_t)((at + 1) % max);
		if (ctx->n_seen[kind] < max)
			ctx->n_seen[kind]++;
	}
	ctx->seen[from + at] = (struct srtp_seen){flow->next, flow->ssrc};
}

struct attempt {
	struct srtp_ctx *ctx;
	uint64_t index;
	bool anew; /* what the flow knows is of another key */
};

/* p->result says why there is none. The two keys may be of suites with other lengths. */
static unsigned int attempts_make(const struct srtp_engine *e, struct srtp_pkt *p,
	const struct dp_srtp_flow *flow, struct attempt attempts[TRIES])
{
	struct srtp_ctx *ctx = p->ctx;
	unsigned int n = 0;
	uint32_t header;

	if (open_parse(p, ctx, &header)) {
		uint64_t index = open_index(p, ctx, flow->next), first = open_index(p, ctx, 0);
		bool fresh = srtp_index_fresh(flow, index);
		p->result = index < DP_SRTP_RTP_END ? SRTP_REPLAY : SRTP_LIMIT;
		if (fresh && index < DP_SRTP_RTP_END)
			attempts[n++] = (struct attempt){ctx, index, false};
		if (ctx->careful[p->is_rtcp] && (!fresh || first != index))
			attempts[n++] = (struct attempt){ctx, first, true};
	}
	if (srtp_ctx_has_old(ctx, e->now) && open_parse(p, ctx->old, &header)) {
		uint64_t index = open_index(p, ctx->old, flow->next);
		p->result = SRTP_REPLAY;
		if (srtp_index_fresh(flow, index) && index < DP_SRTP_RTP_END)
			attempts[n++] = (struct attempt){ctx->old, index, false};
	}
	return n;
}

static bool attempt_open(
	struct srtp_engine *e, struct srtp_pkt *p, const struct attempt *a, uint32_t ssrc)
{
	struct srtp_job *j = &e->jobs[0];
	uint32_t header;

	/* old may have another suite, and with it other lengths */
	if (!open_parse(p, a->ctx, &header))
		return false;
	if (p->is_rtcp && !(get_be32(rtcp_trailer(p, a->ctx)) & E_BIT)) {
		p->result = SRTP_CLEAR;
		return false;
	}
	open_job(j, p, a->ctx, header, ssrc, a->index);
	if (a->ctx->class == SRTP_CM)
		a->ctx->backend->mac(e->self[SRTP_CM], &j, 1);
	else
		a->ctx->backend->gcm(e->self[SRTP_GCM], &j, 1, false);
	p->result = SRTP_AUTH;
	return tag_equal(j->tag, j->want, j->tag_len);
}

static void attempt_commit(struct srtp_engine *e, struct srtp_pkt *p, const struct attempt *a,
	struct dp_srtp_flow *known)
{
	struct srtp_job *j = &e->jobs[0];
	struct dp_srtp_flow *flow = p->flow;
	struct srtp_ctx *ctx = p->ctx;

	if (flow->next && flow->ssrc != known->ssrc)
		seen_put(ctx, p->is_rtcp, flow);
	if (a->anew)
		*known = (struct dp_srtp_flow){.ssrc = known->ssrc};
	srtp_index_take(known, a->index);
	*flow = *known;
	if (a->ctx == ctx && ctx->careful[p->is_rtcp]) {
		ctx->careful[p->is_rtcp] = false;
		ctx->old_is_over |= !p->is_rtcp;
	}
	if (a->ctx->class == SRTP_CM)
		cipher_cm(e, &j, 1);
	p->len = j->text_off + j->text_len;
	p->result = SRTP_OK;
}

/* One packet of another SSRC than the present one, or while the key is new to the stream. */
static void open_slow(struct srtp_engine *e, struct srtp_pkt *p)
{
	unsigned int from = p->is_rtcp ? SRTP_SEEN_MAX - SRTP_SEEN_RTCP : 0;
	uint32_t ssrc = pkt_ssrc(p), len = p->len < SRTP_PKT_MAX ? p->len : SRTP_PKT_MAX;
	struct attempt attempts[TRIES];
	struct dp_srtp_flow known = *p->flow;

	if (!known.next || known.ssrc != ssrc)
		seen_get(p->ctx, from, p->ctx->n_seen[p->is_rtcp], ssrc, &known);
	unsigned int n = attempts_make(e, p, &known, attempts);
	if (n > 1)
		memcpy(e->copy, p->data, len);
	for (unsigned int i = 0; i < n; i++) {
		if (i > 0)
			memcpy(p->data, e->copy, len);
		if (attempt_open(e, p, &attempts[i], ssrc)) {
			attempt_commit(e, p, &attempts[i], &known);
			return;
		}
	}
}

/* Into one of the bursts, or its result is known already. */
static bool open_prepare(struct srtp_job *j, struct srtp_pkt *p, uint32_t header)
{
	uint64_t index = open_index(p, p->ctx, p->flow->next);

	if (p->is_rtcp && !(get_be32(rtcp_trailer(p, p->ctx)) & E_BIT)) {
		p->result = SRTP_CLEAR;
		return false;
	}
	if (index >= DP_SRTP_RTP_END || !srtp_index_fresh(p->flow, index)) {
		p->result = index >= DP_SRTP_RTP_END ? SRTP_LIMIT : SRTP_REPLAY;
		return false;
	}
	open_job(j, p, p->ctx, header, p->flow->ssrc, index);
	j->pkt = p;
	return true;
}

static void open_finish(
	struct srtp_engine *e, struct srtp_job **jobs, unsigned int n, enum srtp_class class)
{
	unsigned int n_good = 0;

	if (class == SRTP_CM)
		e->choice.cm->mac(e->self[SRTP_CM], jobs, n);
	else
		e->choice.gcm->gcm(e->self[SRTP_GCM], jobs, n, false);
	for (unsigned int i = 0; i < n; i++)
		if (open_take(jobs[i]->pkt, jobs[i], jobs[i]->pkt->flow))
			jobs[n_good++] = jobs[i];
	if (class == SRTP_CM && n_good)
		cipher_cm(e, jobs, n_good);
}

void srtp_open(struct srtp_engine *engine, struct srtp_pkt *pkts, unsigned int n)
{
	struct srtp_job *jobs[SRTP_CLASSES][SRTP_BURST];
	unsigned int count[SRTP_CLASSES] = {0}, n_slow = 0;
	struct srtp_pkt *slow[SRTP_BURST];

	for (unsigned int i = 0; i < n; i++) {
		struct srtp_pkt *p = &pkts[i];
		struct srtp_job *j = &engine->jobs[i];
		uint32_t header;
		if (__builtin_expect(p->ctx->careful[p->is_rtcp] && p->len >= RTP_HDR, 0))
			slow[n_slow++] = p;
		else if (!open_parse(p, p->ctx, &header))
			continue;
		else if (__builtin_expect(!p->flow->next || p->flow->ssrc != pkt_ssrc(p), 0))
			slow[n_slow++] = p;
		else if (open_prepare(j, p, header))
			jobs[p->ctx->class][count[p->ctx->class]++] = j;
	}
	for (unsigned int class = 0; class < SRTP_CLASSES; class ++)
		if (count[class])
			open_finish(engine, jobs[class], count[class], class);
	for (unsigned int i = 0; i < n_slow; i++)
		open_slow(engine, slow[i]);
}

/* ---- sealing ---- */

/* Makes the packet's SSRC the present one of the flow. */
static enum srtp_result seal_switch(struct srtp_ctx *ctx, struct dp_srtp_flow *flow, uint32_t ssrc)
{
	struct dp_srtp_flow known;
	uint64_t next = 0;

	if (ctx->share && !srtp_share_claim(ctx->share, ctx->owner, ssrc, &next))
		return SRTP_OTHERS;
	seen_get(ctx, 0, ctx->n_seen[SRTP_RTP], ssrc, &known);
	if (known.next < next)
		srtp_flow_resume(&known, ssrc, next);
	/* Nothing is forgotten here: an index that comes again would give the plaintext away. */
	if (flow->next) {
		unsigned int at = 0;
		while (at < ctx->n_seen[SRTP_RTP] && ctx->seen[at].ssrc != flow->ssrc)
			at++;
		if (at == SRTP_SEEN_MAX)
			return SRTP_LIMIT;
		ctx->seen[at] = (struct srtp_seen){flow->next, flow->ssrc};
		if (at == ctx->n_seen[SRTP_RTP])
			ctx->n_seen[SRTP_RTP]++;
	}
	*flow = known;
	return SRTP_OK;
}

static bool seal_rtp(struct srtp_job *j, struct srtp_pkt *p)
{
	struct dp_srtp_flow *flow = p->flow;
	uint32_t header = rtp_header(p->data, p->len), ssrc;

	p->result = SRTP_SHORT;
	if (!header)
		return false;
	ssrc = get_be32(p->data + 8);
	if (__builtin_expect(!flow->next || flow->ssrc != ssrc, 0)) {
		p->result = seal_switch(p->ctx, flow, ssrc);
		if (p->result != SRTP_OK)
			return false;
	}
	p->result = SRTP_LIMIT;
	uint64_t index = srtp_index_guess(flow->next, get_be16(p->data + 2));
	if (index >= DP_SRTP_RTP_END)
		return false;
	p->result = SRTP_REPLAY;
	if (!srtp_index_fresh(flow, index))
		return false;
	srtp_index_take(flow, index);
	job_common(j, p, p->ctx, ssrc, index);
	job_rtp(j, header, p->len);
	if (p->ctx->class == SRTP_CM)
		put_be32(j->tag_at, (uint32_t)(index >> 16));
	j->new_len = p->len + j->tag_len;
	return true;
}

static bool seal_rtcp(struct srtp_job *j, struct srtp_pkt *p)
{
	struct dp_srtp_flow *flow = p->flow;
	bool gcm = p->ctx->class == SRTP_GCM;

	p->result = SRTP_SHORT;
	if (p->len < RTCP_HDR || p->data[0] >> 6 != 2)
		return false;
	p->result = SRTP_LIMIT;
	if (p->ctx->share && flow->next < p->ctx->share->rtcp_next)
		flow->next = p->ctx->share->rtcp_next;
	if (flow->next >= DP_SRTP_RTCP_END)
		return false;
	uint64_t index = flow->next++;
	if (p->ctx->share)
		p->ctx->share->rtcp_next = flow->next;
	flow->ssrc = get_be32(p->data + 4);
	job_common(j, p, p->ctx, flow->ssrc, index);
	j->text_off = RTCP_HDR;
	j->text_len = p->len - RTCP_HDR;
	uint8_t *trailer = p->data + p->len + (gcm ? GCM_TAG : 0);
	put_be32(trailer, (uint32_t)index | E_BIT);
	j->tag_at = p->data + p->len + (gcm ? 0 : RTCP_TRAILER);
	j->mac_len = p->len + RTCP_TRAILER;
	if (gcm)
		job_rtcp_aad(j, trailer);
	j->new_len = p->len + RTCP_TRAILER + j->tag_len;
	return true;
}

void srtp_seal(struct srtp_engine *engine, struct srtp_pkt *pkts, unsigned int n)
{
	struct srtp_job *jobs[SRTP_CLASSES][SRTP_BURST];
	unsigned int count[SRTP_CLASSES] = {0};

	for (unsigned int i = 0; i < n; i++) {
		struct srtp_pkt *p = &pkts[i];
		struct srtp_job *j = &engine->jobs[i];
		if (p->is_rtcp ? !seal_rtcp(j, p) : !seal_rtp(j, p))
			continue;
		j->pkt = p;
		p->result = SRTP_OK;
		jobs[p->ctx->class][count[p->ctx->class]++] = j;
	}
	if (count[SRTP_CM]) {
		cipher_cm(engine, jobs[SRTP_CM], count[SRTP_CM]);
		engine->choice.cm->mac(engine->self[SRTP_CM], jobs[SRTP_CM], count[SRTP_CM]);
	}
	if (count[SRTP_GCM])
		engine->choice.gcm->gcm(
			engine->self[SRTP_GCM], jobs[SRTP_GCM], count[SRTP_GCM], true);
	for (unsigned int class = 0; class < SRTP_CLASSES; class ++) {
		for (unsigned int i = 0; i < count[class]; i++) {
			struct srtp_job *j = jobs[class][i];
			tag_copy(j->tag_at, j->tag, j->tag_len);
			j->pkt->len = j->new_len;
		}
	}
}
