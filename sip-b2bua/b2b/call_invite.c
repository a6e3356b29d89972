/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The INVITE to the called side, and the re-INVITE to either. */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>

#include "sip-b2bua/b2b/peer_load.h"
#include "sip-b2bua/b2b/relay.h"
#include "sip-b2bua/b2b/stir.h"

static const struct view none = {NULL, 0};

static struct view call_id_text(struct call *call, char buf[SIP_TOKEN_LEN + 2])
{
	struct b2b *b = call->b;
	struct sip_token token = {
		.kind = SIP_TOKEN_CALL_ID,
		.worker = b->env.worker,
		.index = call->slot << 4 | (call->attempt & 15),
		.generation = call->generation,
	};

	sip_token_print(b->env.key, &token, buf);
	return (struct view){buf, SIP_TOKEN_LEN};
}

static void put_route(struct sip_buf *buf, struct view route)
{
	if (route.n == 0)
		return;
	sip_put_hdr(buf, SIP_H_ROUTE, route);
}

static int invite_build(struct call *call, const struct sip_msg *from, struct view branch,
	struct view uri, const struct sip_path *path, struct view route, struct view sdp,
	struct sip_buf *buf)
{
	struct leg *leg = &call->leg[LEG_B];
	char text[SIP_TOKEN_LEN], call_id[SIP_TOKEN_LEN + 2];
	struct view id = call_id_text(call, call_id), tag = call_tag(call, LEG_B, 0, text);
	struct identity identity;

	call_identity(call, &identity);
	sip_build_request(buf, VIEW("INVITE"), uri);
	sip_put_via_with(buf, sip_transport_text(path->transport), &path->local, branch,
		peer_load_offer(cfg_find_trunk(call->b->cfg, call->rec.trunk[LEG_B])));
	put_route(buf, route);
	sip_put_hdr_u64(buf, SIP_H_MAX_FORWARDS, call->max_forwards);
	sip_put_hdr_start(buf, SIP_H_FROM);
	identity_put_from(buf, &identity, from);
	sip_put_lit(buf, ";tag=");
	sip_put(buf, tag);
	sip_put_crlf(buf);
	sip_put_hdr_start(buf, SIP_H_TO);
	sip_put_char(buf, '<');
	sip_put(buf, uri);
	sip_put_lit(buf, ">\r\n");
	sip_put_hdr(buf, SIP_H_CALL_ID, id);
	call_trace(call, LEG_B, id);
	sip_put_cseq(buf, leg->out_cseq, VIEW("INVITE"));
	relay_put_contact(buf, tag, call->by_user || call->n_branches > 0 ? path : &call->out_path);
	sip_put_hdr(buf, SIP_H_ALLOW, VIEW(POLICY_ALLOW));
	leg_put_extensions(leg, buf);
	call_put_replaces(call, buf);
	sip_put_hdr(buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(leg, buf, SIP_M_INVITE, uri);
	call_caller_put_auth(call, from, buf);
	policy_put_headers(buf, from, POLICY_INVITE);
	policy_put_referred_by(buf, from, &path->local);
	identity_put_headers(buf, &identity, from);
	identity_put_redirecting(buf, &identity, from);
	call_stir_sign(call, &identity, from, buf);
	leg_put_session_id(buf, leg);
	if (view_copy(id, call->rec.sip_call_id[LEG_B], sizeof(call->rec.sip_call_id[LEG_B])) < 0)
		call->rec.sip_call_id[LEG_B][0] = '\0';
	return sip_build_end(buf, sdp.n > 0 ? VIEW("application/sdp") : none, sdp);
}

/* Another trunk may have a codec; else this is why the call fails. */
static void no_codec(struct call *call)
{
	char text[CALL_HEADERS_MAX];
	struct sip_buf unused;
	const char *reason;

	sip_buf_init(&unused, text, sizeof(text));
	call->last_failure = (uint16_t)call_unprintable(call, -ENOTSUP, &unused, &reason);
	call->no_codec = true;
	if (view_copy(view_of(reason), call->rec.reason, sizeof(call->rec.reason)) < 0)
		call->rec.reason[0] = '\0';
}

int call_invite_to(struct call *call, struct view uri, const struct sip_path *path,
	struct view route, struct view sdp, struct sip_ctxn **ret_ctxn)
{
	struct b2b *b = call->b;
	struct leg *leg = &call->leg[LEG_B];
	const struct sip_msg *from = call_invite(call);
	struct sip_ctxn *ctxn;
	struct sip_buf buf;
	int rc = from ? sip_ctxn_new(b->env.txns, SIP_M_INVITE, &leg_invite_ops, leg, &ctxn)
		      : -ENOMEM;

	if (rc < 0)
		return rc;
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	rc = invite_build(call, from, sip_ctxn_branch(ctxn), uri, path, route, sdp, &buf);
	if (rc < 0) {
		sip_ctxn_discard(ctxn);
		return rc;
	}
	rc = sip_ctxn_send(ctxn, path, sip_buf_view(&buf));
	if (rc == 0)
		*ret_ctxn = ctxn;
	return rc;
}

static int invite_send(struct call *call)
{
	struct b2b *b = call->b;
	struct leg *leg = &call->leg[LEG_B];
	struct view sdp = none;
	int rc;

	call->no_codec = false;
	if (call->offer) {
		rc = call_offer_text(call, &sdp);
		if (rc == -ENOTSUP)
			no_codec(call);
		if (rc < 0)
			return rc;
	}
	rc = call_invite_to(call, view_of(call->uri), &call->out_path,
		(struct view){call->route, call->route_len}, sdp, &leg->out);
	if (rc < 0) {
		leg->out = NULL;
		return rc;
	}
	if (call->rec.tried_ms == 0 && call->rec.trunk[LEG_B][0])
		call->rec.tried_ms = b->env.ops->wall_ms(b->env.ctx);
	leg_tell(leg, sdp);
	call_ring_send(call, sdp);
	oa_send(&leg->oa, OA_INVITE, sdp.n > 0);
	call->state = CALL_CALLING;
	call->answer_by_ms = twheel_now(b->env.wheel) + (uint64_t)b->cfg->timer_no_answer_s * 1000;
	call->targets.waits = call->targets.next < call->targets.n;
	if (call->targets.waits)
		twheel_start(
			b->env.wheel, &call->timer, (uint64_t)b->cfg->timer_next_target_s * 1000);
	else if (call_user_ring_ms(call) > 0)
		twheel_start(b->env.wheel, &call->timer, call_user_ring_ms(call));
	else
		call_answer_timer(call);
	return 0;
}

void call_target_heard(struct call *call)
{
	if (!call->targets.waits)
		return;
	call->targets.waits = false;
	twheel_start(
		call->b->env.wheel, &call->timer, (uint64_t)call->b->cfg->timer_no_answer_s * 1000);
}

/* What could not be sent is the reason of the call, should nobody else be there. */
static int invite_try(struct call *call)
{
	int rc = invite_send(call);

	if (rc < 0 && !call->no_codec)
		snprintf(call->rec.reason, sizeof(call->rec.reason),
			"the INVITE to %s could not be sent: %s", call->far,
			rc == -ENOBUFS ? "too many transactions" : strerror(-rc));
	return rc;
}

int call_invite_out(struct call *call)
{
	/* To another target it goes as it was, but for the branch: RFC 3263 4.3. */
	if (!call->targets.again) {
		call->attempt++;
		call->leg[LEG_B].out_cseq = 1;
	}
	call->targets.again = false;
	return invite_try(call);
}

int call_invite_retry(struct call *call)
{
	call->leg[LEG_B].out_cseq++;
	return invite_try(call);
}

int leg_reinvite(struct leg *leg)
{
	struct call *call = leg->call;
	struct b2b *b = call->b;
	struct view sdp = none;
	struct sip_buf buf;
	int rc;

	if (call->offer) {
		rc = call_offer_text(call, &sdp);
		if (rc < 0)
			return rc;
	}
	rc = sip_ctxn_new(b->env.txns, SIP_M_INVITE, &leg_invite_ops, leg, &leg->out);
	if (rc < 0) {
		leg->out = NULL;
		return rc;
	}
	leg->out_cseq = dialog_next_cseq(leg->dialog);
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, leg->dialog, SIP_M_INVITE, leg->out_cseq,
		sip_ctxn_branch(leg->out), call->max_forwards);
	leg_put_contact(&buf, leg, &leg->dialog->path);
	sip_put_hdr(&buf, SIP_H_ALLOW, VIEW(POLICY_ALLOW));
	sip_put_hdr(&buf, SIP_H_SUPPORTED, VIEW("timer"));
	leg_timer_put_request(leg, &buf);
	leg_tell(leg, sdp);
	sip_put_hdr(&buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(leg, &buf, SIP_M_INVITE, dialog_request_uri(leg->dialog));
	leg_put_session_id(&buf, leg);
	rc = sip_build_end(&buf, sdp.n > 0 ? VIEW("application/sdp") : none, sdp);
	if (rc < 0) {
		sip_ctxn_discard(leg->out);
		leg->out = NULL;
		return rc;
	}
	rc = sip_ctxn_send(leg->out, &leg->dialog->path, sip_buf_view(&buf));
	if (rc < 0) {
		leg->out = NULL;
		return rc;
	}
	oa_send(&leg->oa, OA_INVITE, sdp.n > 0);
	/* Who sent an UPDATE does not wait as long as for an INVITE (RFC 3261 17.1.2.2). */
	twheel_start(b->env.wheel, &call->timer,
		leg_other(leg)->update.on ? B2B_UPDATE_WAIT_MS
					  : (uint64_t)b->cfg->timer_no_answer_s * 1000);
	return 0;
}
