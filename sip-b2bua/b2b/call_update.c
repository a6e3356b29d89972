/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UPDATE (RFC 3311), and offers in PRACK, which are the same to us: an offer of one leg outside of
 * INVITE, early or in an answered call. It goes on as UPDATE where the other leg takes that, in an
 * answered call as a re-INVITE where not; in an early dialog the box then answers by itself, with
 * what the other leg has said before, if that still fits. Without an offer it concerns the leg alone.
 *
 * One exchange of a call is under way at a time: 491 for who crosses it, 500 with Retry-After for
 * who does not wait for its own (RFC 3311 5.2).
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>

#include "controlplane/base/log.h"

LOG_TOPIC("update");

static const struct view none = {NULL, 0};

static struct call_fork *fork_now(const struct leg *leg)
{
	return &leg->call->forks[leg->update.fork];
}

/* The dialog of a leg that an exchange is in. */
static struct dialog *update_dialog(struct leg *leg, unsigned int fork)
{
	struct call *call = leg->call;
	char tag[SIP_TOKEN_LEN];

	if (leg->dialog && leg->side == LEG_A && call->state != CALL_UP) {
		/* One dialog of ours stands for all that the caller sees before the 2xx. */
		call_tag(call, LEG_A, fork, tag);
		dialog_set_local_tag(leg->dialog, tag);
	}
	return leg->dialog ? leg->dialog : call->forks[fork].dialog;
}

bool call_updating(const struct call *call)
{
	return call->leg[LEG_A].update.on || call->leg[LEG_B].update.on;
}

/* ---- before the 2xx: what holds when an exchange is over ---- */

/*
 * The caller's offer is pending again, as everything that follows before the 2xx expects: what it
 * has said last in this fork, else that of its INVITE.
 */
static void early_restore(struct call *call, const struct call_fork *f)
{
	struct b2b *b = call->b;
	const struct leg *a = &call->leg[LEG_A];
	const struct sip_msg *invite = a->in ? sip_stxn_request(a->in) : NULL;
	struct view said = invite ? invite->body : none;
	const char *reason;

	call->early_changed = false;
	if (f && f->said)
		said = (struct view){f->said, f->said_len};
	if (said.n == 0 || sdp_parse(&b->sdp, said) < 0)
		return;
	media_bundle_offer(&call->media, &b->sdp, LEG_A);
	if (media_map_offer(&call->media, &b->sdp, LEG_A, &reason) < 0) {
		log_info("call %016" PRIx64 ": %s", call->rec.id, reason);
		return;
	}
	call_copy_set(&call->offer, &call->offer_len, said);
	call->offer_leg = LEG_A;
	media_map_renew(&call->media);
}

/* Nothing comes of the exchange that is under way; who began it hears this status. */
static void update_abort(struct call *call, unsigned int status)
{
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		struct leg *leg = &call->leg[side];

		if (leg->update.out)
			sip_ctxn_detach(leg->update.out);
		leg->update.out = NULL;
		if (leg->update.in) {
			sip_stxn_detach(leg->update.in);
			call_reply(leg->update.in, status, none);
		}
		leg->update.in = NULL;
		leg->update.on = false;
	}
}

void call_update_end(struct call *call)
{
	update_abort(call, 481);
}

void call_early_settle(struct call *call, const struct call_fork *f)
{
	if (call_updating(call)) {
		update_abort(call, 491);
		call->then = THEN_NOTHING;
		call->early_changed = true;
	}
	if (call->early_changed)
		early_restore(call, f);
}

/* ---- the end of an exchange ---- */

static void update_over(struct leg *leg)
{
	struct call *call = leg->call;

	leg->update.on = false;
	leg->update.in = NULL;
	if (call->state == CALL_CALLING) {
		call_answer_timer(call);
		call_release_success(call);
	}
}

void leg_refuse_offer(struct leg *leg, unsigned int status, struct view headers)
{
	struct call *call = leg->call;

	if (!leg->update.on) {
		leg_refuse(leg, status, headers);
		return;
	}
	if (leg->update.in) {
		sip_stxn_detach(leg->update.in);
		call_reply(leg->update.in, status, headers);
	}
	if (call->state == CALL_CALLING)
		early_restore(call, fork_now(leg));
	update_over(leg);
}

void leg_refuse_untaken(struct leg *leg, int rc, const char *reason)
{
	char text[CALL_HEADERS_MAX];
	struct sip_buf headers;

	sip_buf_init(&headers, text, sizeof(text));
	if (rc == -ENOTSUP)
		call_put_warning(&headers, reason);
	else if (rc == -EAGAIN)
		sip_put_hdr_u64(&headers, SIP_H_RETRY_AFTER, B2B_RETRY_AFTER_S);
	else if (rc == -EDQUOT)
		admission_put_headers(&leg->call->limited, &headers);
	leg->call->limited = (struct admission_refusal){.limit = CTL_LIMIT_NONE};
	leg_refuse_offer(leg,
		rc == -ENOTSUP || rc == -EDQUOT ? 488
		: rc == -EAGAIN			? 503
		: rc == -ENOMEM			? 500
						: 400,
		sip_buf_view(&headers));
}

static void refresh_target(
	struct leg *leg, struct dialog *dialog, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	struct sip_path path = sip_stxn_came_by(stxn);

	if (dialog_refresh(dialog, msg, &path) < 0)
		log_info("call %016" PRIx64 ": the Contact of an UPDATE is not used",
			leg->call->rec.id);
}

/* 200 to a request of a leg, with a description or without. */
static void respond(struct leg *leg, struct sip_stxn *stxn, struct view sdp)
{
	struct call *call = leg->call;
	struct b2b *b = call->b;
	const struct sip_msg *request = sip_stxn_request(stxn);
	struct dialog *dialog;
	struct sip_buf buf;

	if (!request)
		return;
	dialog = update_dialog(leg, leg->update.fork);
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	sip_build_response(&buf, request, sip_stxn_source(stxn), 200, none, none);
	if (request->method == SIP_M_UPDATE) {
		if (dialog)
			refresh_target(leg, dialog, stxn, request);
		leg_put_contact(&buf, leg, dialog ? &dialog->path : sip_stxn_path(stxn));
	}
	sip_put_hdr(&buf, SIP_H_ALLOW, VIEW(POLICY_ALLOW));
	sip_put_hdr(&buf, SIP_H_SERVER, VIEW(POLICY_PRODUCT));
	if (request->method == SIP_M_UPDATE && call->state == CALL_UP)
		leg_timer_put_response(leg, request, &buf);
	leg_tell(leg, sdp);
	if (sip_build_end(&buf, sdp.n > 0 ? VIEW("application/sdp") : none, sdp) < 0 ||
		sip_stxn_respond(stxn, sip_buf_view(&buf)) < 0)
		log_debug("call %016" PRIx64 ": 200 not sent", call->rec.id);
}

void call_update_answer(struct leg *leg, struct view sdp)
{
	struct call *call = leg->call;
	struct sip_stxn *in = leg->update.in;

	if (in) {
		respond(leg, in, sdp);
		sip_stxn_detach(in);
	}
	if (call->state == CALL_UP) {
		update_over(leg);
		call_exchange_done(call);
		call_checkpoint(call);
		return;
	}
	call->map_fork = leg->update.fork;
	call->early_changed = true;
	update_over(leg);
}

/* ---- the other leg's UPDATE ---- */

static void update_refused(struct leg *leg, unsigned int status, const struct sip_msg *msg)
{
	struct call *call = leg->call;
	struct leg *from = leg_other(leg);
	struct sip_buf headers;
	char text[256];

	if ((leg_auth_take(leg, status, msg) || leg_timer_take_422(leg, status, msg)) &&
		leg_update_out(leg) == 0)
		return;
	if (status == 405 || status == 501) {
		leg->peer_update = false;
		leg->no_update = true;
		if (call->state == CALL_UP && leg_reinvite(leg) == 0)
			return;
	}
	sip_buf_init(&headers, text, sizeof(text));
	if (msg)
		policy_put_headers(&headers, msg, POLICY_FAILURE);
	call_exchange_fail(call);
	leg_refuse_offer(from,
		status == 405 || status == 501 ? 488 : policy_failure_of(status).status,
		headers.overflow ? none : sip_buf_view(&headers));
	/* RFC 3261 12.2.1.2: to that side the dialog is over. */
	if ((status == 408 || status == 481) && call->state == CALL_UP)
		call_end(call, &(struct call_why){.by = CTL_BY_BOX,
				       .status = 200,
				       .q850 = 41,
				       .reason = "an UPDATE found the far end gone"});
}

/* Before the 2xx each leg's last word is kept: it is the answer when the 2xx has none. */
static int early_keep(struct leg *leg, struct view body)
{
	struct call *call = leg->call;
	struct call_fork *f = &call->forks[leg_other(leg)->update.fork];
	struct view other = {call->offer, call->offer_len};
	struct view a = leg->side == LEG_A ? body : other, b = leg->side == LEG_A ? other : body;

	call_copy_set(&f->said, &f->said_len, a);
	call_copy_set(&f->answer, &f->answer_len, b);
	return f->said && f->answer ? 0 : -ENOMEM;
}

static void update_success(struct leg *leg, const struct sip_msg *msg, const struct sip_path *path)
{
	struct call *call = leg->call;
	struct dialog *dialog = update_dialog(leg, leg_other(leg)->update.fork);
	const char *reason = "the 200 to an UPDATE has no session description";
	struct view sdp;
	int rc = -EBADMSG;

	leg_auth_accepted(leg);
	if (call->state == CALL_UP)
		leg_timer_take_response(leg, msg);
	if (dialog && dialog_refresh(dialog, msg, path) < 0)
		log_info("call %016" PRIx64 ": the Contact of a 200 is not used", call->rec.id);
	if (sip_msg_is_sdp(msg))
		rc = call_answer(leg, msg->body, &sdp, &reason);
	if (rc == 0 && call->state != CALL_UP)
		rc = early_keep(leg, msg->body);
	if (rc == 0)
		rc = call_answer_wait(leg, sdp);
	if (rc < 0)
		call_end(call,
			&(struct call_why){
				.by = CTL_BY_BOX, .status = 502, .q850 = 127, .reason = reason});
}

static void update_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct leg *leg = arg;

	if (msg->status < 200)
		return;
	sip_ctxn_detach(ctxn);
	leg->update.out = NULL;
	if (msg->status < 300)
		update_success(leg, msg, path);
	else
		update_refused(leg, msg->status, msg);
}

static void update_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct leg *leg = arg;

	sip_ctxn_detach(ctxn);
	leg->update.out = NULL;
	update_refused(leg, err == -ETIMEDOUT ? 408 : 503, NULL);
}

static const struct sip_ctxn_ops update_ops = {
	.response = update_response, .failed = update_failed};

int leg_update_out(struct leg *leg)
{
	struct call *call = leg->call;
	struct b2b *b = call->b;
	struct dialog *dialog = update_dialog(leg, leg_other(leg)->update.fork);
	struct sip_ctxn *ctxn;
	struct sip_buf buf;
	struct view sdp;
	int rc;

	if (!dialog)
		return -ENOENT;
	rc = call_offer_text(call, &sdp);
	if (rc < 0)
		return rc;
	rc = sip_ctxn_new(b->env.txns, SIP_M_UPDATE, &update_ops, leg, &ctxn);
	if (rc < 0)
		return rc;
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, dialog, SIP_M_UPDATE, dialog_next_cseq(dialog),
		sip_ctxn_branch(ctxn), call->max_forwards);
	leg_put_contact(&buf, leg, &dialog->path);
	sip_put_hdr(&buf, SIP_H_ALLOW, VIEW(POLICY_ALLOW));
	sip_put_hdr(&buf, SIP_H_SUPPORTED, VIEW("timer"));
	if (call->state == CALL_UP)
		leg_timer_put_request(leg, &buf);
	leg_tell(leg, sdp);
	sip_put_hdr(&buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(leg, &buf, SIP_M_UPDATE, dialog_request_uri(dialog));
	rc = sip_build_end(&buf, VIEW("application/sdp"), sdp);
	if (rc < 0) {
		sip_ctxn_discard(ctxn);
		return rc;
	}
	rc = sip_ctxn_send(ctxn, &dialog->path, sip_buf_view(&buf));
	if (rc < 0)
		return rc;
	leg->update.out = ctxn;
	b->env.stats->update_out++;
	return 0;
}

/* ---- the box answers ---- */

void call_update_local(struct call *call)
{
	struct leg *from = &call->leg[call->offer_leg], *other = leg_other(from);
	struct call_fork *f = fork_now(from);
	const struct sip_msg *invite = call->leg[LEG_A].in ? sip_stxn_request(call->leg[LEG_A].in)
							   : NULL;
	struct view said = {f->answer, f->answer_len}, sdp;
	const char *reason;
	int rc = -ENOENT;

	if (other->side == LEG_A)
		said = f->said ? (struct view){f->said, f->said_len} : invite ? invite->body : none;
	else if (!f->answer)
		said = (struct view){call->answer, call->answer_len};
	if (said.n > 0 && media_map_shares_codecs(&call->media))
		rc = call_answer(other, said, &sdp, &reason);
	if (rc < 0) {
		leg_refuse_offer(from, 488, none);
		return;
	}
	if (from->side == LEG_A)
		call_copy_set(&f->said, &f->said_len, (struct view){call->offer, call->offer_len});
	else
		call_copy_set(
			&f->answer, &f->answer_len, (struct view){call->offer, call->offer_len});
	call->b->env.stats->update_local++;
	call_update_answer(from, sdp);
}

/* ---- an UPDATE comes ---- */

static void update_gone(struct sip_stxn *stxn, void *arg)
{
	struct leg *leg = arg;

	/* A failing transport; the exchange goes on, and nobody is told of its end. */
	if (stxn == leg->update.in)
		leg->update.in = NULL;
}

static const struct sip_stxn_ops update_in_ops = {.terminated = update_gone};

/* 0, or the status for an offer that comes at the wrong time (RFC 3311 5.2). */
static unsigned int bad_time(const struct leg *leg, unsigned int fork)
{
	const struct call *call = leg->call;
	const struct call_fork *f = &call->forks[fork];

	if (leg->update.on)
		return 500;
	if (call->state == CALL_UP)
		return leg->in ? 500 : call_exchange_open(call) ? 491 : 0;
	if (call->state != CALL_CALLING)
		return 500;
	/* Its own offer waits for our answer, or ours for its answer. */
	if (!(f->settled & 1u << leg->side))
		return leg->side == LEG_A && leg->oa.state == OA_PEER_OFFERED ? 500 : 491;
	if (call->leg[!leg->side].update.on || call->then != THEN_NOTHING || call->prack.wanted ||
		call->prack_out || call->success_held || call->leg[LEG_B].dialog ||
		call_early_unacked(call, fork))
		return 491;
	return 0;
}

static enum call_then way_of(const struct leg *leg, unsigned int fork)
{
	const struct call *call = leg->call;
	const struct leg *other = &call->leg[!leg->side];
	bool settled = call->forks[fork].settled & 1u << other->side;

	if (call->local.on)
		return THEN_INVITE;
	if (other->peer_update && (call->state == CALL_UP || settled))
		return THEN_UPDATE;
	return call->state == CALL_UP ? THEN_INVITE : THEN_LOCAL;
}

void call_update(
	struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg, unsigned int fork)
{
	struct call *call = leg->call;
	unsigned int status;
	const char *reason;
	int rc;

	struct sip_buf headers;
	char text[64];

	call->b->env.stats->update_in++;
	if (call->state == CALL_ENDING) {
		call_reply(stxn, 481, none);
		return;
	}
	sip_buf_init(&headers, text, sizeof(text));
	if (msg->method == SIP_M_UPDATE && !leg_timer_check(leg, msg, &headers)) {
		call_reply(stxn, 422, sip_buf_view(&headers));
		return;
	}
	if (msg->body.n > 0 && !sip_msg_is_sdp(msg)) {
		call_reply(stxn, 415, VIEW("Accept: application/sdp\r\n"));
		return;
	}
	if (msg->body.n == 0) {
		if (!leg->update.on)
			leg->update.fork = (uint8_t)fork;
		respond(leg, stxn, none);
		if (call->state == CALL_UP)
			call_checkpoint(call); /* its session timer */
		return;
	}
	status = bad_time(leg, fork);
	if (status == 0 && call->state != CALL_UP && call->local.on)
		status = 488; /* what is played before a refusal is not changed */
	if (status != 0) {
		/* RFC 3311 5.2: a random time below ten seconds. */
		call_reply(stxn, status, status == 500 ? VIEW("Retry-After: 3\r\n") : none);
		return;
	}
	leg->update.on = true;
	leg->update.fork = (uint8_t)fork;
	leg->update.in = stxn;
	sip_stxn_set_user(stxn, &update_in_ops, leg);
	rc = call_offer(leg, msg->body, way_of(leg, fork), &reason);
	if (rc < 0)
		leg_refuse_untaken(leg, rc, reason);
}
