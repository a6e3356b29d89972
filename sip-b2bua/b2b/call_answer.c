/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers to our INVITEs, and what the other leg is told of them: provisionals with early dialogs
 * per fork, 2xx with the ACK that belongs to it, refusals and the hunt. RFC 3261 13.2.2, 14.1.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "sip-b2bua/b2b/peer_load.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/b2b/relay.h"

LOG_TOPIC("answer");

static const struct view none = {NULL, 0};

void call_checkpoint(struct call *call)
{
	struct b2b *b = call->b;
	struct ckpt_out out = {b->ckpt_buf, 0, sizeof(b->ckpt_buf), false};

	if (call_checkpoint_write(call, &out) < 0) {
		log_warning("call %016" PRIx64 ": too large for a checkpoint", call->rec.id);
		out.n = 0;
	}
	control_call_put(call, out.p, out.n);
	secret_wipe(b->ckpt_buf, out.n); /* SRTP keys */
}

int call_fork_of(struct call *call, const struct sip_msg *msg, const struct sip_path *path)
{
	struct dialog *fresh;

	if (msg->to.tag.n == 0)
		return -1;
	for (unsigned int i = 0; i < call->n_forks; i++) {
		if (call->forks[i].dialog && dialog_match_response(call->forks[i].dialog, msg))
			return (int)i;
	}
	if (call->n_forks == B2B_FORKS_MAX)
		return -1;
	if (dialog_new_uac(msg, view_of(call->uri), path, &fresh) < 0)
		return -1;
	call->b->n_dialogs++;
	if (call->by_user)
		dialog_set_symmetric(fresh);
	call->forks[call->n_forks].dialog = fresh;
	return call->n_forks++;
}

const struct sip_msg *leg_response_start(
	struct leg *to, unsigned int status, unsigned int fork, struct sip_buf *buf)
{
	struct b2b *b = to->call->b;
	const struct sip_msg *request = to->in ? sip_stxn_request(to->in) : NULL;
	char text[SIP_TOKEN_LEN];
	struct view tag;

	if (!request)
		return NULL;
	tag = call_tag(to->call, to->side, fork, text);
	sip_buf_init(buf, b->msg_buf, sizeof(b->msg_buf));
	sip_build_response(buf, request, sip_stxn_source(to->in), status, none, tag);
	/* The Contact is that of fork 0 in all of them. */
	if (fork != 0)
		tag = call_tag(to->call, to->side, 0, text);
	relay_put_contact(buf, tag, &to->dialog->path);
	sip_put_hdr(buf, SIP_H_ALLOW, VIEW(POLICY_ALLOW));
	sip_put_hdr(buf, SIP_H_SERVER, VIEW(POLICY_PRODUCT));
	leg_put_session_id(buf, to);
	return request;
}

static void ok_gave_up(struct sip_resend *resend, void *arg)
{
	struct leg *leg = arg;

	sip_resend_stop(resend);
	leg->ok_unacked = false;
	if (leg->bye_wanted) {
		leg_bye(leg, &(struct call_why){.q850 = (uint16_t)leg->call->rec.q850});
		call_release(leg->call);
		return;
	}
	call_end(leg->call,
		&(struct call_why){.by = CTL_BY_BOX,
			.status = 200,
			.q850 = 102,
			.reason = reason_say(leg->call->b,
				"no ACK came from the %s for the 200 within %u ms (64*T1)",
				leg->side == LEG_A ? "caller" : "called side",
				64 * sip_txns_timers(leg->call->b->env.txns)->t1)});
}

/* The first 2xx makes the call one that lives. */
static void call_answered(struct call *call, unsigned int fork)
{
	struct b2b *b = call->b;
	const struct call_fork *f = &call->forks[fork];
	char tag[SIP_TOKEN_LEN];

	call_invite_over(call);
	call->fork = (uint8_t)fork;
	call->state = CALL_UP;
	call->rec.state = CTL_CALL_ACTIVE;
	call->rec.answer_ms = b->env.ops->wall_ms(b->env.ctx);
	call_toll_answered(call);
	call->rec.sip_status = 200;
	call->rec.reason[0] = '\0';
	call->leg[LEG_A].dialog->state = DIALOG_CONFIRMED;
	call_tag(call, LEG_A, fork, tag);
	dialog_set_local_tag(call->leg[LEG_A].dialog, tag);
	if (f->cseq_in > call->leg[LEG_A].dialog->remote_cseq)
		call->leg[LEG_A].dialog->remote_cseq = f->cseq_in;
	call_early_over(call);
	call_answers_forget(call);
	twheel_stop(b->env.wheel, &call->timer);
	twheel_stop(b->env.wheel, &call->ringing_timer);
	b->env.stats->calls_answered++;
}

/* A re-INVITE that is accepted moves the remote target (RFC 3261 12.2.2). */
static void refresh_caller(struct leg *to, const struct sip_msg *request)
{
	struct sip_path path = sip_stxn_came_by(to->in);

	if (dialog_refresh(to->dialog, request, &path) < 0)
		log_info("call %016" PRIx64 ": the Contact of a re-INVITE is not used",
			to->call->rec.id);
}

void call_send_success(struct leg *to, struct view sdp)
{
	struct call *call = to->call;
	struct b2b *b = call->b;
	const struct sip_msg *request;
	struct sip_path back;
	struct sip_buf buf;
	int rc;

	/* The answer of this dialog went before, reliably (RFC 6337 3.1.1). */
	if (call->state != CALL_UP && (call->forks[call->fork].settled & 1u << to->side))
		sdp = none;
	request = leg_response_start(to, 200, call->fork, &buf);
	if (request) {
		leg_put_supported(to, &buf, false);
		leg_timer_put_response(to, request, &buf);
	}
	leg_tell(to, sdp);
	if (!request || sip_build_end(&buf, sdp.n > 0 ? VIEW("application/sdp") : none, sdp) < 0) {
		call_end(call,
			&(struct call_why){.by = CTL_BY_BOX,
				.status = 500,
				.reason = "the 200 to the caller is longer than a message can be"});
		return;
	}
	oa_send(&to->oa, OA_SUCCESS, sdp.n > 0);
	if (call->state != CALL_UP)
		call_answered(call, call->fork);
	else
		refresh_caller(to, request);
	to->ok_cseq = request->cseq.number;
	to->ok_unacked = true;
	to->cancelled = false;
	back = *sip_stxn_path(to->in);
	rc = sip_stxn_respond(to->in, sip_buf_view(&buf));
	sip_stxn_detach(to->in);
	to->in = NULL;
	if (rc == 0)
		rc = sip_resend_start(
			b->env.txns, &to->ok, &back, sip_buf_view(&buf), false, ok_gave_up, to);
	if (rc < 0) {
		to->ok_unacked = false;
		call_end(call, &(struct call_why){.by = CTL_BY_BOX,
				       .status = 200,
				       .reason = reason_say(
					       b, "the 200 could not be sent: %s", strerror(-rc))});
		return;
	}
	/* With an offer in the 200 the exchange ends with the ACK. */
	if (to->oa.state == OA_REST)
		call_exchange_done(call);
	call_checkpoint(call);
}

static void send_dialog_ack(struct b2b *b, const struct dialog *dialog, uint32_t cseq)
{
	char branch[SIP_BRANCH_LEN];
	struct sip_buf buf;

	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, dialog, SIP_M_ACK, cseq, sip_txns_branch(b->env.txns, branch),
		b->cfg->max_forwards);
	if (sip_build_end(&buf, none, none) < 0 ||
		sip_txns_send(b->env.txns, &dialog->path, sip_buf_view(&buf)) < 0)
		log_debug("an ACK was not sent");
}

static void drop_bye_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
}

static void drop_bye_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
}

/*
 * PRACK and UPDATE may have gone in the early dialog that this was, and nobody knows how many by now: the BYE
 * counts on from far above them, as it may (RFC 3261 12.2.1.1, 12.2.2).
 */
#define DROP_CSEQ 1000

void dialog_drop(struct b2b *b, const struct sip_msg *success, const struct sip_path *path)
{
	static const struct sip_ctxn_ops ops = {
		.response = drop_bye_response, .failed = drop_bye_failed};
	struct dialog *dialog;
	struct sip_ctxn *bye;
	struct sip_buf buf;

	if (dialog_new_uac(success, none, path, &dialog) < 0)
		return;
	send_dialog_ack(b, dialog, success->cseq.number);
	dialog->local_cseq += DROP_CSEQ;
	if (sip_ctxn_new(b->env.txns, SIP_M_BYE, &ops, NULL, &bye) == 0) {
		sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
		dialog_put_request(&buf, dialog, SIP_M_BYE, dialog_next_cseq(dialog),
			sip_ctxn_branch(bye), b->cfg->max_forwards);
		if (sip_build_end(&buf, none, none) < 0)
			sip_ctxn_discard(bye);
		else if (sip_ctxn_send(bye, &dialog->path, sip_buf_view(&buf)) == 0)
			sip_ctxn_detach(bye);
	}
	dialog_free(dialog);
}

/* A 2xx after one was taken: a copy, or another fork's. */
static void success_again(struct leg *leg, const struct sip_msg *msg, const struct sip_path *path)
{
	struct b2b *b = leg->call->b;

	if (!leg->dialog || !dialog_match_response(leg->dialog, msg)) {
		dialog_drop(b, msg, path);
	} else if (leg->ack && !leg->ack_owed && msg->cseq.number == leg->out_cseq) {
		if (sip_txns_send(b->env.txns, &leg->dialog->path,
			    (struct view){leg->ack, leg->ack_len}) < 0)
			log_debug("an ACK was not sent again");
	}
}

void b2b_stray(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path)
{
	struct sip_token token;
	struct leg *leg;

	if (msg->is_request || msg->cseq.method != SIP_M_INVITE || msg->status < 200 ||
		msg->status > 299)
		return;
	leg = call_find(b, msg->from.tag);
	if (leg && leg->dialog && dialog_match_response(leg->dialog, msg)) {
		/* After a restart the transaction is gone, but the far end still wants its ACK. */
		if (leg->ack && !leg->ack_owed && msg->cseq.number == leg->out_cseq)
			success_again(leg, msg, path);
		else if (!leg->ack_owed && !leg->out)
			send_dialog_ack(b, leg->dialog, msg->cseq.number);
	} else if (sip_token_parse(b->env.key, msg->from.tag, &token) == 0 &&
		   token.kind == SIP_TOKEN_DIALOG && msg->to.tag.n > 0) {
		dialog_drop(b, msg, path);
	}
}

/* Confirms the dialog that the first 2xx belongs to. */
static int success_dialog(struct leg *leg, const struct sip_msg *msg, const struct sip_path *path)
{
	struct call *call = leg->call;
	int fork, rc;

	if (leg->dialog) {
		/* A re-INVITE: a Contact that is none is forgiven, the old target stays. */
		if (dialog_refresh(leg->dialog, msg, path) < 0)
			log_info("call %016" PRIx64 ": the Contact of a 200 is not used",
				call->rec.id);
		return 0;
	}
	fork = call_fork_of(call, msg, path);
	if (fork < 0) {
		/* All forks are taken, or its texts are unusable: the last one gives way. */
		if (call->n_forks < B2B_FORKS_MAX)
			return -EINVAL;
		fork = B2B_FORKS_MAX - 1;
		if (!call->forks[fork].dialog)
			call->b->n_dialogs++;
	}
	rc = dialog_confirm(&call->forks[fork].dialog, msg, view_of(call->uri), path);
	if (rc < 0)
		return rc;
	leg->dialog = call->forks[fork].dialog;
	if (call->by_user)
		dialog_set_symmetric(leg->dialog);
	call->forks[fork].dialog = NULL;
	call->fork = (uint8_t)fork;
	return 0;
}

static void success_broken(struct leg *leg, const char *reason)
{
	leg_ack(leg, none);
	call_end(leg->call,
		&(struct call_why){.by = CTL_BY_BOX, .status = 502, .q850 = 127, .reason = reason});
}

/* The called side is there, but wants no SRTP: a re-INVITE offers it RTP before the caller hears. */
static void success_again_plain(struct leg *leg)
{
	leg->call->forks[leg->call->fork].settled = 0;
	leg_ack(leg, none);
	if (leg_reinvite(leg) < 0)
		call_end(leg->call,
			&(struct call_why){.by = CTL_BY_BOX,
				.status = 500,
				.reason = reason_say(leg->call->b,
					"the re-INVITE to trunk %s without SRTP could not be sent",
					leg->call->rec.trunk[LEG_B])});
}

/* The caller hears an announcement by now: the called side came too late. */
static void success_unwanted(
	struct leg *leg, const struct sip_msg *msg, const struct sip_path *path)
{
	if (leg->accepted)
		sip_ctxn_detach(leg->accepted);
	leg->accepted = NULL;
	dialog_drop(leg->call->b, msg, path);
}

/* Lines that one of them refused are not needed any more. */
static void close_refused(struct call *call)
{
	uint32_t lines = 0;

	for (unsigned int i = 0; i < call->media.n_lines; i++) {
		const struct media_line *line = call->media.line[i];

		if (line->state == MEDIA_OPEN &&
			(!line->pending[LEG_A].usable || !line->pending[LEG_B].usable))
			lines |= 1u << i;
	}
	call_close_lines(call, lines);
}

/* Both sides agreed before the 2xx: it has nothing to say any more. */
static void success_settled(struct leg *leg, const struct call_fork *f)
{
	struct call *call = leg->call;
	const char *reason = "";
	struct view sdp;

	/* Another branch or an exchange that came to nothing has the media: they are set anew. */
	if (call->map_fork != call->fork || call_updating(call)) {
		call->early_changed = true;
		call_early_settle(call, f);
		if (!f->answer || call_answer(leg, (struct view){f->answer, f->answer_len}, &sdp,
					  &reason) < 0)
			log_info("call %016" PRIx64 ": its media stay as they are: %s",
				call->rec.id, reason);
	}
	close_refused(call);
	leg_ack(leg, none);
	call_forward_success(leg_other(leg), none);
}

static void success(struct leg *leg, const struct sip_msg *msg, const struct sip_path *path)
{
	struct call *call = leg->call;
	const struct call_fork *f = NULL;
	const char *reason = NULL;
	struct view sdp = none, body = msg->body;
	enum oa_event event;
	int rc = -EBADMSG;

	if (success_dialog(leg, msg, path) < 0) {
		call_end(call,
			&(struct call_why){.by = CTL_BY_BOX,
				.status = 502,
				.q850 = 127,
				.reason = reason_say(call->b,
					"the 200 of trunk %s has no usable Contact or Record-Route",
					call->rec.trunk[LEG_B])});
		return;
	}
	leg_auth_accepted(leg);
	leg_learn(leg, msg);
	spot_worked(call->b, call->targets.spot);
	leg->out_cseq = msg->cseq.number;
	leg_timer_take_response(leg, msg);
	if (leg_timer_success(leg, msg) || leg_reverted(leg, msg))
		return;
	if (call->state != CALL_UP && !call->forks[call->fork].dialog)
		f = &call->forks[call->fork];
	event = oa_receive(
		&leg->oa, OA_SUCCESS, sip_msg_is_sdp(msg) && !(f && (f->settled & 1u << LEG_B)));
	if (f && f->settled == (1u << LEG_A | 1u << LEG_B)) {
		success_settled(leg, f);
		return;
	}
	if (f)
		call_early_settle(call, f);
	if (event == OA_OFFER) {
		leg->ack_owed = true;
		rc = call_offer(
			leg, body, call_is_transfer(call) ? THEN_JOIN : THEN_SUCCESS, &reason);
		if (rc == -EDQUOT)
			call_end_limited(call, reason);
		else if (rc < 0)
			success_broken(leg, reason);
		return;
	}
	if (event == OA_ANSWER_KEPT && f && f->answer)
		body = (struct view){f->answer, f->answer_len};
	else if (event == OA_ANSWER_KEPT)
		body = (struct view){call->answer, call->answer_len};
	if ((event == OA_ANSWER || event == OA_ANSWER_KEPT) && body.n > 0)
		rc = call_answer(leg, body, &sdp, &reason);
	if (rc == -EAGAIN) {
		success_again_plain(leg);
		return;
	}
	if (rc < 0) {
		success_broken(
			leg, reason ? reason
				    : reason_say(call->b,
					      "the 200 of trunk %s has no session description",
					      call->rec.trunk[LEG_B]));
		return;
	}
	leg->ack_owed = true;
	if (call_answer_wait(leg, sdp) < 0)
		success_broken(leg, "memory is short");
}

/* The call was given up, but the called side had answered already (RFC 3261 9.1, 15). */
static void success_too_late(
	struct leg *leg, const struct sip_msg *msg, const struct sip_path *path)
{
	struct call *call = leg->call;

	leg->out_cseq = msg->cseq.number;
	if (success_dialog(leg, msg, path) == 0) {
		leg_ack(leg, none);
		leg_bye(leg, &(struct call_why){.q850 = (uint16_t)call->rec.q850});
	} else {
		log_warning("call %016" PRIx64 ": a late 200 cannot be acknowledged", call->rec.id);
	}
	call_release(call);
}

static void reinvite_refused(struct leg *leg, unsigned int status, const struct sip_msg *msg)
{
	struct call *call = leg->call;
	struct leg *other = leg_other(leg);
	struct sip_buf headers;
	char text[256];

	if ((leg_auth_take(leg, status, msg) || leg_timer_take_422(leg, status, msg) ||
		    leg_other_target(leg, msg)) &&
		leg_reinvite(leg) == 0)
		return;
	if (call_transfer_refused(leg, status))
		return;
	sip_buf_init(&headers, text, sizeof(text));
	if (msg)
		policy_put_headers(&headers, msg, POLICY_FAILURE);
	call_exchange_fail(call);
	leg_refuse_offer(other,
		other->cancelled && status == 487 ? 487 : policy_failure_of(status).status,
		headers.overflow ? none : sip_buf_view(&headers));
	/* RFC 3261 12.2.1.2: to that side the dialog is over. */
	if (status == 408 || status == 481)
		call_end(
			call, &(struct call_why){.by = CTL_BY_BOX,
				      .status = 200,
				      .q850 = 41,
				      .reason = reason_say(call->b,
					      status == 408 ? "the %s did not answer a re-INVITE"
							    : "the %s answered 481 to a re-INVITE: "
							      "it does not know the call any more",
					      leg->side == LEG_A ? "caller" : "called side")});
}

/* 488, 606, 415: what was offered is not taken (RFC 3261 13.3.1.3). */
static bool refuses_offer(unsigned int status)
{
	return status == 488 || status == 606 || status == 415;
}

/* The same trunk is asked again, for a call without SRTP. */
static bool refused_for_srtp(struct call *call, unsigned int status)
{
	if (!refuses_offer(status) || !call_fall_back(call))
		return false;
	call_forks_clear(call);
	call_ring_again(call);
	if (call_invite_out(call) < 0)
		call_hunt(call);
	return true;
}

/* It had answered, and refuses the re-INVITE that offers RTP in place of SRTP. */
static void plain_refused(struct leg *leg, unsigned int status)
{
	char reason[sizeof(leg->call->rec.reason)];

	snprintf(reason, sizeof(reason), "trunk %s took no SRTP, and answered %u to RTP",
		leg->call->rec.trunk[LEG_B], status);
	call_end(leg->call, &(struct call_why){.by = CTL_BY_CALLED,
				    .status = policy_failure_of(status).status,
				    .reason = reason});
}

/* The same trunk is asked again, with the credentials or the session interval that it wants. */
static bool refused_for_auth(struct leg *leg, unsigned int status, const struct sip_msg *msg)
{
	struct call *call = leg->call;

	/* One of several far ends has been asked again already. */
	if (call->best_refusal != 0 ||
		(!leg_auth_take(leg, status, msg) && !leg_timer_take_422(leg, status, msg)))
		return false;
	call_forks_clear(call);
	if (call->offer)
		call_offer_again(call);
	if (call_invite_retry(call) < 0)
		call_hunt(call);
	return true;
}

/* RFC 3261 20.33: seconds; a comment and parameters may follow. 0: nothing is said. */
static uint64_t retry_after_ms(const struct sip_msg *msg)
{
	struct view value = msg ? sip_msg_value(msg, SIP_H_RETRY_AFTER) : none;
	uint64_t seconds;
	size_t n = 0;

	while (n < value.n && value.p[n] >= '0' && value.p[n] <= '9')
		n++;
	if (view_to_u64((struct view){value.p, n}, UINT32_MAX, &seconds) < 0)
		return 0;
	return seconds * 1000;
}

bool leg_other_target(struct leg *leg, const struct sip_msg *msg)
{
	struct call *call = leg->call;
	const struct cfg_trunk *trunk = cfg_find_trunk(call->b->cfg, call->rec.trunk[leg->side]);

	if (!msg && call_user_moves(leg))
		return true;
	if (msg && msg->status != 503) {
		leg->tried_targets = 0;
		return false;
	}
	if (!trunk || !leg->dialog ||
		!targets_other(call->b->targets, trunk, &leg->dialog->path, &leg->tried_targets))
		return false;
	call->b->env.stats->failovers++;
	return true;
}

/* RFC 3263 4.3: a 503, no answer and a transport that fails lead to the next target. */
bool call_target_failed(struct call *call, unsigned int status, const struct sip_msg *msg)
{
	const struct cfg_trunk *trunk = cfg_find_trunk(call->b->cfg, call->rec.trunk[LEG_B]);

	if ((msg && status != 503) || call->some_refused) {
		spot_worked(call->b, call->targets.spot);
		call->targets.next = call->targets.n;
		return false;
	}
	if (trunk)
		spot_failed(call->b, call->targets.spot, trunk, retry_after_ms(msg));
	return call->targets.next < call->targets.n;
}

static void call_refused(struct leg *leg, unsigned int status, int err, const struct sip_msg *msg)
{
	struct call *call = leg->call;
	struct policy_failure failure = leg_failure(leg, status, msg);
	bool secure = call->media.side[LEG_B].srtp.policy == CFG_SRTP_REQUIRE;
	char reason[sizeof(call->rec.reason)], text[256], more[128] = "";
	struct sip_buf headers;
	bool again;

	call_early_settle(call, NULL);
	if (msg && (refused_for_auth(leg, status, msg) || refused_for_srtp(call, status) ||
			   call_caller_challenged(call, status, msg)))
		return;
	if (status == 420 && leg->rel1xx == CFG_REL1XX_REQUIRE) {
		failure.hunt = true;
		snprintf(more, sizeof(more), ", and rel1xx require asks for 100rel there");
	} else if (secure && refuses_offer(status)) {
		snprintf(more, sizeof(more), " to an offer of SRTP, which is required there");
	} else if (is_challenge(status)) {
		snprintf(more, sizeof(more), ": %s", leg_auth_problem(leg));
	}
	snprintf(reason, sizeof(reason), "%s",
		msg ? reason_answered(call, msg, more) : reason_unanswered(call, err));
	call->last_failure = failure.status;
	memcpy(call->rec.reason, reason, sizeof(reason));
	again = call->by_user ? status < 600 && call_user_has_more(call)
			      : call_target_failed(call, status, msg);
	if (msg && status >= 300 && status < 400 && call_redirected(call, msg, reason))
		return;
	if (again || (failure.hunt &&
			     (call->candidate < call->n_candidates || call_redirect_next(call)))) {
		call_hunt(call);
		return;
	}
	sip_buf_init(&headers, text, sizeof(text));
	if (msg)
		policy_put_headers(&headers, msg, POLICY_FAILURE);
	call_end(call, &(struct call_why){.by = msg ? CTL_BY_CALLED : CTL_BY_BOX,
			       .status = failure.status,
			       .q850 = failure.q850,
			       .headers = headers.overflow ? none : sip_buf_view(&headers),
			       .reason = reason});
}

/* A final answer that is no 2xx, or none at all (msg NULL, err why, status as if). */
static void refused(struct leg *leg, unsigned int status, int err, const struct sip_msg *msg)
{
	struct call *call = leg->call;

	oa_fail(&leg->oa);
	if (call->local.on) {
		call_release(call); /* what was cancelled for an announcement */
		return;
	}
	twheel_stop(call->b->env.wheel, &call->timer);
	if (call->state == CALL_ENDING)
		call_release(call);
	else if (call->state == CALL_UP && leg_timer_refused(leg, status, msg))
		return;
	else if (call->state == CALL_UP && leg->reverts && status != 408 && status != 481)
		leg->reverts = false; /* it stays with what it had */
	else if (call->state == CALL_UP)
		reinvite_refused(leg, status, msg);
	else if (leg->dialog)
		plain_refused(leg, status);
	else
		call_refused(leg, status, err, msg);
}

static void invite_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct leg *leg = arg;
	unsigned int status = msg->status;
	const struct sip_msg *best = msg;
	bool rings = call_rings(leg->call, ctxn);

	if (leg->side == LEG_B)
		peer_load_heard(leg->call->b, call_ring_spot(leg->call, ctxn),
			cfg_find_trunk(leg->call->b->cfg, leg->call->rec.trunk[LEG_B]), msg);
	if (msg->status > 100)
		leg_session_id_take(leg, msg);
	if (leg->side == LEG_B && msg->status > 100 && msg->status < 300)
		call_caller_proved(leg->call);
	if ((ctxn == leg->out || rings) && msg->status < 300)
		call_ring_spoke(leg->call, ctxn);
	if (ctxn == leg->accepted) {
		success_again(leg, msg, path);
	} else if ((ctxn != leg->out && !rings) || msg->status == 100) {
		return;
	} else if (msg->status < 200) {
		call_provisional(
			leg, msg, path, call_ring_heard(leg->call, ctxn, sip_msg_is_sdp(msg)));
	} else if (msg->status < 300) {
		/* The layer shows further copies of the 2xx for 64*T1 (RFC 6026). */
		if (leg->accepted)
			sip_ctxn_detach(leg->accepted);
		call_ring_answered(leg->call, ctxn);
		leg->accepted = ctxn;
		leg->out = NULL;
		if (!leg->call->local.on)
			twheel_stop(leg->call->b->env.wheel, &leg->call->timer);
		if (leg->call->local.on)
			success_unwanted(leg, msg, path);
		else if (leg->call->state == CALL_ENDING)
			success_too_late(leg, msg, path);
		else
			success(leg, msg, path);
	} else {
		sip_ctxn_detach(ctxn);
		if (call_ring_other_flow(leg->call, ctxn, 0, status) ||
			call_ring_refused(leg->call, ctxn, &status, &best, retry_after_ms(msg)))
			return;
		leg->out = NULL;
		refused(leg, status, -ETIMEDOUT, best);
	}
}

void call_target_silent(struct call *call)
{
	struct leg *leg = &call->leg[LEG_B];
	const struct sip_msg *best;
	unsigned int status;

	call->targets.waits = false;
	if (!leg->out)
		return;
	call_ring_silent(call, &status, &best);
	refused(leg, status, -ETIMEDOUT, best);
}

void call_phones_silent(struct call *call)
{
	struct leg *leg = &call->leg[LEG_B];
	const struct sip_msg *best;
	unsigned int status;

	if (!leg->out)
		return;
	call_ring_silent(call, &status, &best);
	call->best_refusal = (uint16_t)status;
	refused(leg, status, -ETIMEDOUT, best);
}

static void invite_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct leg *leg = arg;
	unsigned int status = err == -ETIMEDOUT ? 408 : sip_ctxn_path(ctxn)->flow ? 430 : 503;
	const struct sip_msg *best = NULL;

	if (ctxn != leg->out && !call_rings(leg->call, ctxn))
		return;
	sip_ctxn_detach(ctxn);
	if (call_ring_other_flow(leg->call, ctxn, err, 0) ||
		call_ring_refused(leg->call, ctxn, &status, &best, 0))
		return;
	leg->out = NULL;
	refused(leg, status, err, best);
}

static void invite_terminated(struct sip_ctxn *ctxn, void *arg)
{
	struct leg *leg = arg;

	if (ctxn == leg->accepted)
		leg->accepted = NULL;
}

const struct sip_ctxn_ops leg_invite_ops = {
	.response = invite_response,
	.failed = invite_failed,
	.terminated = invite_terminated,
};
