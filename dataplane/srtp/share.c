/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who seals with which SSRC under a key that several streams share: see srtp.h. An SSRC stays its
 * first user's; when that leaves, what it had sealed is remembered for the next. Nothing is
 * forgotten while the key may still be in use, so a full table refuses.
 */
#include "dataplane/srtp/priv.h"

static struct srtp_share_ssrc *find(struct srtp_share *share, uint32_t ssrc)
{
	for (uint32_t i = 0; i < share->n; i++)
		if (share->ssrc[i].ssrc == ssrc)
			return &share->ssrc[i];
	return NULL;
}

bool srtp_share_claim(struct srtp_share *share, uint32_t owner, uint32_t ssrc, uint64_t *ret_next)
{
	struct srtp_share_ssrc *s = find(share, ssrc);

	*ret_next = 0;
	if (!s) {
		if (share->n == SRTP_SHARE_MAX)
			return false;
		share->ssrc[share->n++] = (struct srtp_share_ssrc){.ssrc = ssrc, .owner = owner};
		return true;
	}
	if (s->owner == owner)
		return true;
	if (s->owner)
		return false;
	s->owner = owner;
	*ret_next = s->next;
	return true;
}

void srtp_ctx_share(
	struct srtp_ctx *ctx, struct srtp_share *share, uint32_t owner, struct dp_srtp_flow *flow)
{
	uint64_t next;

	/* What goes on after a restart is its stream's, too. */
	if (share && flow->next && !srtp_share_claim(share, owner, flow->ssrc, &next))
		flow->next = 0;
	ctx->share = share;
	ctx->owner = owner;
}

/* How far the stream has come with an SSRC that it had. */
static uint64_t come(const struct srtp_ctx *ctx, const struct dp_srtp_flow *flow,
	const struct srtp_share_ssrc *s)
{
	uint64_t next = s->next;

	if (flow->next && flow->ssrc == s->ssrc && flow->next > next)
		next = flow->next;
	for (unsigned int i = 0; ctx && i < ctx->n_seen[SRTP_RTP]; i++)
		if (ctx->seen[i].ssrc == s->ssrc && ctx->seen[i].next > next)
			next = ctx->seen[i].next;
	return next;
}

void srtp_share_leave(struct srtp_share *share, uint32_t owner, const struct srtp_ctx *ctx,
	const struct dp_srtp_flow *flow)
{
	for (uint32_t i = 0; i < share->n; i++) {
		struct srtp_share_ssrc *s = &share->ssrc[i];
		if (s->owner != owner)
			continue;
		s->next = come(ctx, flow, s);
		s->owner = 0;
	}
}
