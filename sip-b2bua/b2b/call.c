/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Life cycle of a call and the messages that need no more than a leg: ACK, BYE, refusals. */
#include "sip-b2bua/b2b/relay.h"
#include "sip-b2bua/b2b/stir.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("call");

_Static_assert(B2B_FORKS_MAX == 8, "three bits of a token's index");
_Static_assert(B2B_CALLS_MAX - 1 <= SIP_TOKEN_INDEX_MAX >> 4, "slot, leg and fork fit a token");

static uint64_t id_new(struct b2b *b)
{
	uint64_t id;

	do {
		b->n_ids++;
		id = siphash24(b->id_key, &b->n_ids, sizeof(b->n_ids));
	} while (id == 0);
	return id;
}

static void timer_fired(struct twheel_timer *timer, void *arg)
{
	struct call *call = arg;

	if (call->locating && call->asking_caller) {
		log_warning("call %016llx: no worker says whether the caller is registered",
			(unsigned long long)call->rec.id);
		call_caller_known(call);
	} else if (call->locating) {
		log_warning("call %016llx: no worker says where user %s is",
			(unsigned long long)call->rec.id, call->user);
		call_user_located(call);
	} else if (call->state == CALL_CALLING && call->then == THEN_NOTHING &&
		   call->targets.waits) {
		call_target_silent(call);
	} else if (call->state == CALL_CALLING && call->then == THEN_NOTHING &&
		   call_user_has_more(call)) {
		call_phones_silent(call);
	} else if (call->state == CALL_CALLING && call->then == THEN_NOTHING && call->local.on) {
		call_local_over(call);
	} else if (call->state == CALL_CALLING && call->then == THEN_NOTHING) {
		bool rang = call->rec.ringing_ms != 0;

		/* RFC 3261 21.4.19, 21.4.9: somebody was reached, or nobody. */
		call_end(call, &(struct call_why){.by = CTL_BY_BOX,
				       .status = rang ? 480 : 408,
				       .q850 = rang ? 19 : 102,
				       .reason = reason_no_answer(call, rang)});
	} else if (call->state == CALL_UP && call->then == THEN_NOTHING) {
		/* A re-INVITE that only rings: given up, the session stays as it was. */
		for (unsigned int side = 0; side < DP_LEGS; side++) {
			if (call->leg[side].out)
				sip_ctxn_cancel(call->leg[side].out, (struct view){NULL, 0});
		}
	} else if (call->state != CALL_ENDING) {
		call_media_timeout(call);
	}
}

static void ringing_fired(struct twheel_timer *timer, void *arg)
{
	control_call_put(arg, NULL, 0);
}

void call_timers_init(struct call *call)
{
	STAILQ_INIT(&call->reliable);
	STAILQ_INIT(&call->branches);
	twheel_timer_init(&call->timer, timer_fired, call);
	twheel_timer_init(&call->ringing_timer, ringing_fired, call);
	twheel_timer_init(&call->local_timer, call_local_timer, call);
	twheel_timer_init(&call->toll_timer, call_toll_timer, call);
	for (unsigned int side = 0; side < DP_LEGS; side++)
		leg_timer_init(&call->leg[side]);
}

struct call *call_new(struct b2b *b)
{
	uint32_t slot, generation;
	struct call *call = sip_slab_get(b->calls, &slot, &generation);

	if (!call)
		return NULL;
	call->b = b;
	call->slot = slot;
	call->generation = generation;
	call->state = CALL_MEDIA;
	call->rec.id = id_new(b);
	call->rec.state = CTL_CALL_SETUP;
	call->rec.token = (uint64_t)slot << 32 | generation;
	call->rec.invite_ms = b->env.ops->wall_ms(b->env.ctx);
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		call->leg[side].call = call;
		call->leg[side].side = (uint8_t)side;
	}
	call->targets.spot = SPOT_NONE;
	media_map_init(&call->media, call->rec.id, b->id_key);
	call->media.cookie = slot;
	call_timers_init(call);
	b->n_calls++;
	atomic_fetch_add_explicit(&b->env.shared->n_calls, 1, memory_order_relaxed);
	return call;
}

void call_dialog_free(struct call *call, struct dialog **dialog)
{
	if (!*dialog)
		return;
	call->b->n_dialogs--;
	dialog_free(*dialog);
	*dialog = NULL;
}

static void leg_clear(struct leg *leg)
{
	if (leg->in)
		sip_stxn_detach(leg->in);
	if (leg->out)
		sip_ctxn_detach(leg->out);
	if (leg->accepted)
		sip_ctxn_detach(leg->accepted);
	if (leg->bye)
		sip_ctxn_detach(leg->bye);
	if (leg->update.in)
		sip_stxn_detach(leg->update.in);
	if (leg->update.out)
		sip_ctxn_detach(leg->update.out);
	leg_dtmf_clear(leg);
	leg_timer_stop(leg);
	leg_refer_end(leg);
	call_copy_set(&leg->told, &leg->told_len, (struct view){NULL, 0});
	call_copy_set(&leg->heard, &leg->heard_len, (struct view){NULL, 0});
	call_copy_set(&leg->telling, &leg->telling_len, (struct view){NULL, 0});
	leg->update.in = NULL;
	leg->update.out = NULL;
	leg->in = NULL;
	leg->out = leg->accepted = leg->bye = NULL;
	sip_resend_stop(&leg->ok);
	secret_free(leg->ack, leg->ack_len);
	leg->ack = NULL;
	leg_auth_forget(leg);
	leg_alias_drop(leg);
	call_dialog_free(leg->call, &leg->dialog);
}

void call_release(struct call *call)
{
	struct b2b *b = call->b;

	if (call->state != CALL_ENDING)
		return;
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		const struct leg *leg = &call->leg[side];

		if (leg->bye || leg->out || leg->bye_wanted)
			return;
	}
	twheel_stop(b->env.wheel, &call->timer);
	twheel_stop(b->env.wheel, &call->ringing_timer);
	twheel_stop(b->env.wheel, &call->local_timer);
	call_invite_over(call);
	spot_leave(b, &call->targets.spot);
	call_stir_forget(call);
	call_hook_forget(call);
	call_early_over(call);
	call_forks_clear(call);
	call_ring_lose(call, (struct view){NULL, 0});
	free(call->phones);
	call_transfer_free(call);
	free(call->caller);
	leg_clear(&call->leg[LEG_A]);
	leg_clear(&call->leg[LEG_B]);
	media_map_clear(&call->media);
	call_redirect_free(call);
	call_copy_set(&call->replaces, &call->replaces_len, (struct view){NULL, 0});
	call_copy_set(&call->route, &call->route_len, (struct view){NULL, 0});
	secret_free(call->offer, call->offer_len);
	secret_free(call->answer, call->answer_len);
	sip_slab_put(b->calls, call->slot);
}

struct view call_tag(
	const struct call *call, unsigned int side, unsigned int fork, char buf[SIP_TOKEN_LEN])
{
	const struct b2b *b = call->b;
	struct sip_token token = {
		.kind = SIP_TOKEN_DIALOG,
		.worker = b->env.worker,
		.index = call->slot << 4 | side << 3 | fork,
		.generation = call->generation,
	};

	return sip_token_print(b->env.key, &token, buf);
}

struct leg *call_find(struct b2b *b, struct view tag)
{
	struct sip_token token;
	struct call *call;
	struct leg *leg;

	if (sip_token_parse(b->env.key, tag, &token) < 0 || token.kind != SIP_TOKEN_DIALOG)
		return NULL;
	leg = leg_by_alias(b, &token, tag);
	if (leg || token.worker != b->env.worker)
		return leg;
	call = sip_slab_find(b->calls, token.index >> 4, token.generation);
	return call ? &call->leg[token.index >> 3 & 1] : NULL;
}

const struct sip_msg *call_invite(const struct call *call)
{
	struct sip_stxn *in = call->leg[LEG_A].in;

	return in ? sip_stxn_request(in) : call_transfer_invite(call);
}

void call_copy_set(char **text, uint32_t *len, struct view v)
{
	secret_free(*text, *len);
	*text = v.n > 0 ? malloc(v.n) : NULL;
	*len = *text ? (uint32_t)v.n : 0;
	if (*text)
		memcpy(*text, v.p, v.n);
}

void leg_put_contact(struct sip_buf *b, const struct leg *leg, const struct sip_path *path)
{
	char tag[SIP_TOKEN_LEN];

	relay_put_contact(b, call_tag(leg->call, leg->side, 0, tag), path);
}

static void bye_over(struct leg *leg)
{
	leg->bye = NULL;
	call_release(leg->call);
}

static int bye_send(struct leg *leg, const struct call_why *why);

static bool bye_again(struct leg *leg)
{
	return bye_send(leg, &(struct call_why){.q850 = (uint16_t)leg->call->rec.q850}) == 0;
}

static void bye_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct leg *leg = arg;

	if (msg->status < 200)
		return;
	sip_ctxn_detach(ctxn);
	if ((leg_auth_take(leg, msg->status, msg) || leg_other_target(leg, msg)) && bye_again(leg))
		return;
	bye_over(leg);
}

static void bye_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	sip_ctxn_detach(ctxn);
	if (!leg_other_target(arg, NULL) || !bye_again(arg))
		bye_over(arg);
}

static const struct sip_ctxn_ops bye_ops = {.response = bye_response, .failed = bye_failed};

/* The Reason of our own BYE or CANCEL: the cause as Q.850 (RFC 3326). */
static void put_why(struct sip_buf *buf, const struct leg *leg, const struct call_why *why)
{
	if (why->msg) {
		policy_put_headers(buf, why->msg, POLICY_BYE);
		leg_put_reason(buf, leg, why->msg, why->q850);
	} else if (why->q850) {
		policy_put_reason(buf, why->q850);
	}
	leg_put_session_id(buf, leg);
}

static int bye_send(struct leg *leg, const struct call_why *why)
{
	struct b2b *b = leg->call->b;
	struct sip_buf buf;
	int rc = sip_ctxn_new(b->env.txns, SIP_M_BYE, &bye_ops, leg, &leg->bye);

	if (rc < 0) {
		log_warning("call %016llx: no BYE to its leg %u: too many transactions",
			(unsigned long long)leg->call->rec.id, leg->side);
		leg->bye = NULL;
		return rc;
	}
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, leg->dialog, SIP_M_BYE, dialog_next_cseq(leg->dialog),
		sip_ctxn_branch(leg->bye), b->cfg->max_forwards);
	put_why(&buf, leg, why);
	sip_put_hdr(&buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(leg, &buf, SIP_M_BYE, dialog_request_uri(leg->dialog));
	rc = sip_build_end(&buf, (struct view){NULL, 0}, (struct view){NULL, 0});
	if (rc < 0)
		sip_ctxn_discard(leg->bye);
	else
		rc = sip_ctxn_send(leg->bye, &leg->dialog->path, sip_buf_view(&buf));
	if (rc < 0)
		leg->bye = NULL;
	return rc;
}

void leg_bye(struct leg *leg, const struct call_why *why)
{
	leg->bye_done = true;
	leg->bye_wanted = false;
	if (!leg->dialog || leg->bye)
		return;
	if (leg->ack_owed)
		leg_ack(leg, (struct view){NULL, 0});
	leg->dialog->state = DIALOG_TERMINATED;
	(void)bye_send(leg, why);
}

void leg_ack(struct leg *leg, struct view sdp)
{
	struct b2b *b = leg->call->b;
	char branch[SIP_BRANCH_LEN];
	struct sip_buf buf;

	leg->ack_owed = false;
	if (sdp.n > 0)
		oa_send(&leg->oa, OA_ACK, true);
	leg_tell(leg, sdp);
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, leg->dialog, SIP_M_ACK, leg->out_cseq,
		sip_txns_branch(b->env.txns, branch), b->cfg->max_forwards);
	leg_put_session_id(&buf, leg);
	if (sip_build_end(&buf, sdp.n > 0 ? VIEW("application/sdp") : (struct view){NULL, 0}, sdp) <
		0)
		return;
	/* Kept also when sending fails: the next copy of the 2xx tries again. */
	call_copy_set(&leg->ack, &leg->ack_len, sip_buf_view(&buf));
	if (sip_txns_send(b->env.txns, &leg->dialog->path, sip_buf_view(&buf)) < 0)
		log_debug("call %016llx: ACK not sent", (unsigned long long)leg->call->rec.id);
}

void leg_refuse(struct leg *leg, unsigned int status, struct view headers)
{
	char tag[SIP_TOKEN_LEN], text[CALL_HEADERS_MAX + 256];
	struct sip_stxn *in = leg->in;
	struct sip_buf all;

	if (!in)
		return;
	sip_buf_init(&all, text, sizeof(text));
	sip_put(&all, headers);
	leg_put_session_id(&all, leg);
	leg->in = NULL;
	leg->cancelled = false;
	oa_fail(&leg->oa);
	if (sip_stxn_reject(in, status, (struct view){NULL, 0}, sip_buf_view(&all),
		    call_tag(leg->call, leg->side, leg->call->fork, tag)) < 0)
		log_debug(
			"call %016llx: %u not sent", (unsigned long long)leg->call->rec.id, status);
	sip_stxn_detach(in);
}

static void end_refuse(struct leg *leg, const struct call_why *why)
{
	unsigned int status = why->status >= 300 ? why->status : 487;
	char text[CALL_HEADERS_MAX];
	struct sip_buf headers;

	sip_buf_init(&headers, text, sizeof(text));
	sip_put(&headers, why->headers);
	if (why->headers.n == 0 || !memmem(why->headers.p, why->headers.n, "Reason: Q.850", 13))
		leg_put_reason(
			&headers, leg, NULL, why->q850 ? why->q850 : policy_q850_of_status(status));
	leg_refuse(leg, status, sip_buf_view(&headers));
}

void leg_end(struct leg *leg, const struct call_why *why)
{
	struct call *call = leg->call;

	if (leg->in)
		end_refuse(leg, why);
	if (leg->out && call->rec.answer_ms == 0 && leg->side == LEG_B) {
		/* The first INVITE: its final answer, maybe a 2xx, still has to come. */
		struct sip_buf buf;
		char text[256];

		sip_buf_init(&buf, text, sizeof(text));
		put_why(&buf, leg, why);
		call_ring_lose(call, sip_buf_view(&buf));
		sip_ctxn_cancel(leg->out, sip_buf_view(&buf));
	} else if (leg->out) {
		/* A re-INVITE goes down with its dialog. The CANCEL bounds the wait of the layer,
		 * which finishes it alone, also when the peer forgets to answer it. */
		sip_ctxn_cancel(leg->out, (struct view){NULL, 0});
		sip_ctxn_detach(leg->out);
		leg->out = NULL;
	}
	if (!leg->dialog || leg->dialog->state != DIALOG_CONFIRMED || leg->bye_done) {
		sip_resend_stop(&leg->ok);
		leg->ok_unacked = false;
	} else if (leg->ok_unacked) {
		leg->bye_wanted = true; /* sent by call_ack(), or when no ACK came for 64*T1 */
	} else {
		leg_bye(leg, why);
	}
}

void call_trace_again(const struct call *call)
{
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		if (call->leg[side].dialog)
			call_trace(call, side, call->leg[side].dialog->call_id);
	}
}

/* Of calls that failed the messages are kept for longer; a caller who gives up is no failure. */
static void trace_end(const struct call *call, const struct call_why *why)
{
	if (!call->b->env.trace)
		return;
	call_trace_again(call);
	if (call->rec.answer_ms ? why->by == CTL_BY_BOX && why->reason && !call->local.on
				: why->by != CTL_BY_CALLER && !is_challenge(why->status))
		trace_failed(call->b->env.trace, call->rec.id);
}

static void record_finish(struct call *call, const struct call_why *why)
{
	struct b2b *b = call->b;
	struct ctl_call *rec = &call->rec;

	call_record_media(call);
	if (call->transfer)
		rec->transfer = CTL_TRANSFER_FAILED;
	rec->state = CTL_CALL_ENDED;
	rec->released_by = why->by;
	rec->end_ms = b->env.ops->wall_ms(b->env.ctx);
	if (rec->answer_ms == 0)
		rec->sip_status = why->status >= 300 ? why->status : 487;
	rec->q850 = why->q850 ? why->q850 : policy_q850_of_status(rec->sip_status);
	/* A sentence that is too long is cut; one of the record's own is there already. */
	if (why->reason != rec->reason) {
		size_t n = strnlen(why->reason, sizeof(rec->reason) - 1);

		memcpy(rec->reason, why->reason, n);
		rec->reason[n] = '\0';
	}
	if (rec->answer_ms == 0)
		b->env.stats->calls_failed++;
}

void call_reply(struct sip_stxn *stxn, unsigned int status, struct view headers)
{
	const struct view nothing = {NULL, 0};

	if (sip_stxn_reject(stxn, status, nothing, headers, nothing) < 0)
		log_debug("%u not sent", status);
}

void call_end(struct call *call, const struct call_why *why)
{
	struct b2b *b = call->b;
	struct call_why own;

	if (call->state == CALL_ENDING || call_announce(call, why))
		return;
	why = call_local_why(call, why, &own);
	call_early_over(call);
	log_info("call %016llx: ends, %u: %s", (unsigned long long)call->rec.id, why->status,
		why->reason);
	twheel_stop(b->env.wheel, &call->timer);
	twheel_stop(b->env.wheel, &call->ringing_timer);
	twheel_stop(b->env.wheel, &call->local_timer);
	call_invite_over(call);
	spot_leave(b, &call->targets.spot);
	call_stir_forget(call);
	call_hook_forget(call);
	call_toll_drop(call);
	record_finish(call, why);
	trace_end(call, why);
	call->state = CALL_ENDING;
	call->then = THEN_NOTHING;
	control_media_forget(call);
	call_update_end(call);
	leg_refer_end(&call->leg[LEG_A]);
	leg_refer_end(&call->leg[LEG_B]);
	leg_timer_stop(&call->leg[LEG_A]);
	leg_timer_stop(&call->leg[LEG_B]);
	/* Told before the answers leave, so that the record is safe when the peers know. */
	control_call_end(b, &call->rec);
	call_transfer_ends(call, why);
	/* What was lent to it is counted where it is again. */
	admission_drop(call, LEG_A);
	admission_drop(call, LEG_B);
	b->n_calls--;
	atomic_fetch_sub_explicit(&b->env.shared->n_calls, 1, memory_order_relaxed);
	leg_end(&call->leg[LEG_A], why);
	leg_end(&call->leg[LEG_B], why);
	call_release(call);
}
