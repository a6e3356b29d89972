/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests within dialogs: BYE, re-INVITE, OPTIONS, ACK to our 2xx, and CANCEL of an INVITE. */
#include "sip-b2bua/b2b/relay.h"

#include <errno.h>
#include <inttypes.h>

#include "controlplane/base/log.h"

LOG_TOPIC("inside");

static const struct view none = {NULL, 0};

/*
 * The dialog of a request to a leg. The token in the To tag has named the leg already; a caller
 * may use the tag of any fork, so our own tag is not compared again.
 */
static struct dialog *dialog_of(struct leg *leg, const struct sip_msg *msg)
{
	struct call *call = leg->call;
	struct dialog *d = leg->dialog;

	if (d)
		return view_eq(d->call_id, msg->call_id) &&
				       view_eq_nocase(d->remote_tag, msg->from.tag)
			       ? d
			       : NULL;
	for (unsigned int i = 0; leg->side == LEG_B && i < call->n_forks; i++) {
		if (call->forks[i].dialog && dialog_match_request(call->forks[i].dialog, msg))
			return call->forks[i].dialog;
	}
	return NULL;
}

static void bye(
	struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg, struct dialog *dialog)
{
	struct call *call = leg->call;
	bool caller = leg->side == LEG_A;
	unsigned int q850 = policy_reason_q850(msg);

	/* The called side has no confirmed dialog to end yet (RFC 3261 15). */
	if (!caller && dialog != leg->dialog) {
		call_reply(stxn, 481, none);
		return;
	}
	call_reply(stxn, 200, none);
	leg->bye_done = true;
	leg->bye_wanted = false;
	leg->ok_unacked = false;
	sip_resend_stop(&leg->ok);
	dialog->state = DIALOG_TERMINATED;
	if (call->state == CALL_ENDING) {
		call_release(call); /* glare: our own BYE is answered by itself */
		return;
	}
	if (call_transfer_bye(leg))
		return;
	call_end(call,
		&(struct call_why){.by = caller ? CTL_BY_CALLER : CTL_BY_CALLED,
			.status = call->rec.answer_ms ? 200 : 487,
			.q850 = (uint16_t)(q850 ? q850 : 16),
			.msg = msg,
			.reason = !call->rec.answer_ms ? "the caller hung up before the answer"
				  : caller	       ? "the caller hung up"
						       : "the called party hung up"});
}

bool call_is_busy(const struct call *call)
{
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		const struct leg *leg = &call->leg[side];

		if (leg->in || leg->out || leg->ok_unacked || leg->ack_owed || leg->update.on)
			return true;
	}
	return call->then != THEN_NOTHING;
}

bool call_exchange_open(const struct call *call)
{
	return call_is_busy(call) || call_transfer_holds(call);
}

void leg_learn(struct leg *leg, const struct sip_msg *msg)
{
	if (sip_msg_has_token(msg, SIP_H_SUPPORTED, VIEW("replaces")))
		leg->peer_replaces = true;
	if (msg->first[SIP_H_ALLOW] != SIP_NONE)
		leg->peer_update = !leg->no_update &&
				   sip_msg_has_token(msg, SIP_H_ALLOW, VIEW("UPDATE"));
}

static void reinvite(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	struct call *call = leg->call;
	const char *reason;
	enum oa_event event;
	struct sip_buf headers;
	char text[64];

	sip_buf_init(&headers, text, sizeof(text));
	if (call->state == CALL_ENDING) {
		call_reply(stxn, 481, none);
	} else if (leg->in) {
		/* RFC 3261 14.2: its own earlier one is not answered yet. */
		call_reply(stxn, 500, VIEW("Retry-After: 2\r\n"));
	} else if (call->state != CALL_UP || call_exchange_open(call)) {
		call_reply(stxn, 491, none);
	} else if (!leg_timer_check(leg, msg, &headers)) {
		call_reply(stxn, 422, sip_buf_view(&headers));
	} else if (msg->body.n > 0 && !sip_msg_is_sdp(msg)) {
		call_reply(stxn, 415, VIEW("Accept: application/sdp\r\n"));
	} else {
		leg_learn(leg, msg);
		leg->in = stxn;
		sip_stxn_set_user(stxn, &leg_invite_in_ops, leg);
		event = oa_receive(&leg->oa, OA_INVITE, msg->body.n > 0);
		if (event == OA_OFFER) {
			int rc = call_offer(leg, msg->body, THEN_INVITE, &reason);

			if (rc < 0)
				leg_refuse_untaken(leg, rc, reason);
		} else if (call->local.on) {
			call_local_offer(call);
		} else if (leg_reinvite(leg_other(leg)) < 0) {
			leg_refuse(leg, 500, none);
		}
	}
}

/* The fork whose early dialog a request belongs to. */
static unsigned int fork_of(
	const struct leg *leg, const struct sip_msg *msg, const struct dialog *dialog)
{
	const struct call *call = leg->call;
	struct sip_token token;

	if (leg->side == LEG_A && leg->alias_link.le_prev)
		return call->fork; /* its tag is one of another call */
	if (leg->side == LEG_A)
		return sip_token_parse(call->b->env.key, msg->to.tag, &token) == 0
			       ? token.index & (B2B_FORKS_MAX - 1)
			       : call->fork;
	for (unsigned int i = 0; i < B2B_FORKS_MAX; i++) {
		if (call->forks[i].dialog == dialog)
			return i;
	}
	return call->fork;
}

/* To the caller each fork is a dialog with numbers of its own, until one of them is confirmed. */
static bool take_cseq(struct leg *leg, struct dialog *dialog, unsigned int fork, uint32_t cseq)
{
	struct call_fork *f = &leg->call->forks[fork];

	/* A late PRACK of another fork says nothing of the dialog that was confirmed. */
	if (leg->side == LEG_B || (dialog->state != DIALOG_EARLY && fork == leg->call->fork))
		return dialog_take_cseq(dialog, cseq);
	if (cseq <= f->cseq_in || (dialog->state == DIALOG_EARLY && cseq <= dialog->remote_cseq))
		return false;
	f->cseq_in = cseq;
	return true;
}

static void inside_dialog(
	struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg, struct dialog *dialog)
{
	unsigned int fork = fork_of(leg, msg, dialog);
	unsigned int status = policy_method_status((enum sip_method)msg->method);
	struct sip_buf headers;
	char text[512];

	sip_buf_init(&headers, text, sizeof(text));
	if (!take_cseq(leg, dialog, fork, msg->cseq.number)) {
		call_reply(stxn, 500, none); /* RFC 3261 12.2.2: out of order */
	} else if (msg->method == SIP_M_NOTIFY && call_refer_notify(leg, stxn, msg)) {
		return;
	} else if (msg->method != SIP_M_INFO && msg->first[SIP_H_REQUIRE] == SIP_NONE &&
		   relay_in_call(leg, stxn, msg)) {
		return;
	} else if (status != 0) {
		call_reply(stxn, status, VIEW("Allow: " POLICY_ALLOW "\r\n"));
	} else if (policy_unsupported(msg, leg_options(leg), &headers)) {
		call_reply(stxn, 420, sip_buf_view(&headers));
	} else if (msg->method == SIP_M_BYE) {
		bye(leg, stxn, msg, dialog);
	} else if (msg->method == SIP_M_INVITE) {
		reinvite(leg, stxn, msg);
	} else if (msg->method == SIP_M_REFER) {
		call_refer(leg, stxn, msg);
	} else if (msg->method == SIP_M_UPDATE) {
		leg->peer_update = true;
		call_update(leg, stxn, msg, fork);
	} else if (msg->method == SIP_M_PRACK) {
		call_prack(leg, stxn, msg, fork);
	} else if (msg->method == SIP_M_INFO) {
		call_info(leg, stxn, msg);
	} else if (msg->method == SIP_M_OPTIONS) {
		call_reply(
			stxn, 200, VIEW("Allow: " POLICY_ALLOW "\r\nAccept: application/sdp\r\n"));
	} else {
		call_reply(stxn, 481, none); /* CANCEL that matches no INVITE */
	}
}

void call_inside(struct b2b *b, struct sip_stxn *stxn, const struct sip_msg *msg,
	const struct sip_path *path)
{
	struct leg *leg = call_find(b, msg->to.tag);
	struct dialog *dialog = leg ? dialog_of(leg, msg) : NULL;

	if (!dialog) {
		b->env.stats->rx_stray++;
		call_reply(stxn, 481, none);
		return;
	}
	leg_session_id_take(leg, msg);
	call_trace_again(leg->call);
	inside_dialog(leg, stxn, msg, dialog);
}

/* The ACK brought the answer to the offer in our 2xx: it goes on in the ACK to the other leg. */
static void ack_answer(struct leg *leg, const struct sip_msg *msg)
{
	struct call *call = leg->call;
	struct leg *other = leg_other(leg);
	const char *reason = "";
	struct view sdp;

	if (call_answer(leg, msg->body, &sdp, &reason) < 0) {
		call_end(call,
			&(struct call_why){
				.by = CTL_BY_BOX, .status = 200, .q850 = 127, .reason = reason});
		return;
	}
	if (!call->local.on)
		leg_ack(other, sdp);
	call_exchange_done(call);
	call_checkpoint(call);
}

void b2b_ack(struct b2b *b, const struct sip_msg *msg, const struct sip_path *path)
{
	struct leg *leg = call_find(b, msg->to.tag);
	struct dialog *dialog = leg ? dialog_of(leg, msg) : NULL;

	if (!dialog || dialog != leg->dialog) {
		b->env.stats->rx_stray++;
		return;
	}
	/* A late or repeated ACK of an earlier 2xx says nothing about this one. */
	if (!leg->ok_unacked || msg->cseq.number != leg->ok_cseq)
		return;
	sip_resend_stop(&leg->ok);
	leg->ok_unacked = false;
	if (leg->call->state == CALL_ENDING) {
		if (leg->bye_wanted)
			leg_bye(leg, &(struct call_why){.q850 = (uint16_t)leg->call->rec.q850});
		call_release(leg->call);
		return;
	}
	switch (oa_receive(&leg->oa, OA_ACK, sip_msg_is_sdp(msg))) {
	case OA_ANSWER:
		ack_answer(leg, msg);
		break;
	case OA_VIOLATION:
		call_end(leg->call, &(struct call_why){.by = CTL_BY_BOX,
					    .status = 200,
					    .q850 = 127,
					    .reason = "the ACK brought no answer to our offer"});
		break;
	default:
		break;
	}
}

static void invite_cancelled(struct sip_stxn *stxn, const struct sip_msg *cancel, void *arg)
{
	struct leg *leg = arg;
	struct leg *other = leg_other(leg);
	struct call *call = leg->call;

	if (stxn != leg->in)
		return;
	if (call->state != CALL_UP) {
		call_end(call, &(struct call_why){.by = CTL_BY_CALLER,
				       .status = 487,
				       .q850 = 16,
				       .msg = cancel,
				       .reason = "the caller cancelled the call"});
	} else if (other->out) {
		/* A re-INVITE: what the other side says decides, so that both agree. */
		leg->cancelled = true;
		sip_ctxn_cancel(other->out, none);
	} else if (call->then == THEN_INVITE) {
		call->then = THEN_NOTHING;
		twheel_stop(call->b->env.wheel, &call->timer);
		call_exchange_fail(call);
		leg_refuse(leg, 487, none);
	}
}

static void invite_gone(struct sip_stxn *stxn, void *arg)
{
	struct leg *leg = arg;

	/* Only a failing transport ends it before its final answer; later messages show that. */
	if (stxn == leg->in)
		leg->in = NULL;
}

const struct sip_stxn_ops leg_invite_in_ops = {
	.cancelled = invite_cancelled,
	.terminated = invite_gone,
};
