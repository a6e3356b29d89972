/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Provisionals. Those of the called side are taken here, and acknowledged where they are reliable
 * (RFC 3262), whatever the caller knows; those to the caller are made here, and go reliably where
 * its side wants that. The two legs are independent of each other in this, with one exception: an
 * offer of the called side in a reliable provisional, which only the caller can answer.
 *
 * Each early dialog has its own numbers (RSeq), since to the caller each is another far end. Of one
 * early dialog one message is under way at a time, the others wait for its PRACK.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

LOG_TOPIC("early");

#define RELIABLE_MAX 16 /* messages of a call that wait for a PRACK; more are dropped */

static const struct view none = {NULL, 0};

/* ---- terms of a side ---- */

void leg_set_terms(struct leg *leg, const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	leg->rel1xx = trunk && trunk->rel1xx != CFG_REL1XX_REALM ? trunk->rel1xx : realm->rel1xx;
	leg->peer_100rel = leg->peer_requires_100rel = false;
	leg->peer_update = leg->no_update = leg->peer_replaces = false;
	leg_timer_terms(leg, realm, trunk);
}

unsigned int leg_options(const struct leg *leg)
{
	return POLICY_TIMER | POLICY_NOREFERSUB | (leg_may_replace(leg) ? POLICY_REPLACES : 0) |
	       (leg->rel1xx == CFG_REL1XX_DISABLE ? 0 : POLICY_100REL);
}

bool call_takes_early_offer(const struct call *call)
{
	const struct leg *a = &call->leg[LEG_A];

	return a->peer_100rel && a->rel1xx != CFG_REL1XX_DISABLE && !call->local.on;
}

void leg_put_supported(const struct leg *leg, struct sip_buf *buf, bool rel)
{
	sip_put_hdr_start(buf, SIP_H_SUPPORTED);
	sip_put_lit(buf, "timer");
	if (rel)
		sip_put_lit(buf, ", 100rel");
	if (leg_may_replace(leg))
		sip_put_lit(buf, ", replaces");
	sip_put_crlf(buf);
}

void leg_put_extensions(struct leg *leg, struct sip_buf *buf)
{
	/* Asked for an offer, the far end may put it into a reliable provisional, which only a
	 * caller with reliable provisionals can answer, and of several that ring only one. */
	leg->peer_100rel = leg->rel1xx != CFG_REL1XX_DISABLE &&
			   (leg->call->offer || (leg->call->n_branches == 0 &&
							call_takes_early_offer(leg->call)));
	if (leg->peer_100rel && leg->rel1xx == CFG_REL1XX_REQUIRE)
		sip_put_hdr(buf, SIP_H_REQUIRE, VIEW("100rel"));
	leg_put_supported(leg, buf, leg->peer_100rel && leg->rel1xx != CFG_REL1XX_REQUIRE);
	leg_timer_put_request(leg, buf);
}

/* ---- to the caller ---- */

static void rel_free(struct rel_msg *m)
{
	struct call *call = m->call;

	sip_resend_stop(&m->resend);
	STAILQ_REMOVE(&call->reliable, m, rel_msg, next);
	call->n_reliable--;
	secret_wipe(m->bytes, m->n); /* SRTP keys */
	free(m);
}

void call_early_over(struct call *call)
{
	while (!STAILQ_EMPTY(&call->reliable))
		rel_free(STAILQ_FIRST(&call->reliable));
	call->success_held = false;
	call->prack.wanted = false;
	if (call->prack_out)
		sip_ctxn_detach(call->prack_out);
	call->prack_out = NULL;
}

void call_forks_clear(struct call *call)
{
	for (unsigned int i = 0; i < B2B_FORKS_MAX; i++) {
		struct call_fork *f = &call->forks[i];

		call_dialog_free(call, &f->dialog);
		call_copy_set(&f->answer, &f->answer_len, none);
		call_copy_set(&f->said, &f->said_len, none);
	}
}

void call_answers_forget(struct call *call)
{
	for (unsigned int i = 0; i < B2B_FORKS_MAX; i++) {
		struct call_fork *f = &call->forks[i];

		call_copy_set(&f->answer, &f->answer_len, none);
		call_copy_set(&f->said, &f->said_len, none);
		f->settled = 0;
	}
}

/* RFC 3262 3: nobody acknowledges, so nobody there will hear the rest either. */
static void rel_gave_up(struct sip_resend *resend, void *arg)
{
	struct call *call = ((struct rel_msg *)arg)->call;

	call->b->env.stats->prack_missed++;
	call_end(call, &(struct call_why){.by = CTL_BY_BOX,
			       .status = 504,
			       .q850 = 102,
			       .reason = "no PRACK came for a reliable provisional answer"});
}

/* The first waiting message of a fork leaves. */
static void rel_next(struct call *call, unsigned int fork)
{
	struct leg *a = &call->leg[LEG_A];
	struct rel_msg *m;

	STAILQ_FOREACH(m, &call->reliable, next) {
		if (m->fork == fork)
			break;
	}
	if (!m)
		return;
	/* A copy of the INVITE is answered with it, too. */
	if (!a->in || sip_stxn_respond(a->in, (struct view){m->bytes, m->n}) < 0 ||
		sip_resend_start(call->b->env.txns, &m->resend, sip_stxn_path(a->in),
			(struct view){m->bytes, m->n}, false, rel_gave_up, m) < 0) {
		log_info("call %016" PRIx64 ": a reliable provisional was not sent", call->rec.id);
		rel_free(m);
		return;
	}
	m->resend.t2_ms = 0;
}

static bool rel_under_way(const struct call *call, unsigned int fork)
{
	const struct rel_msg *m;

	STAILQ_FOREACH(m, &call->reliable, next) {
		if (m->fork == fork)
			return true;
	}
	return false;
}

/* RFC 3262 7.1: the first number is any; below the middle, so that it never wraps. */
static uint32_t rseq_first(const struct call *call, unsigned int fork)
{
	uint64_t parts[2] = {call->rec.id, fork};

	return 1 + (uint32_t)(siphash24(call->b->id_key, parts, sizeof(parts)) & 0x3fffffff);
}

static bool goes_reliably(const struct leg *to, const struct sip_msg *from, bool has_sdp)
{
	if (to->rel1xx == CFG_REL1XX_DISABLE || !to->peer_100rel)
		return false;
	return to->peer_requires_100rel || to->rel1xx == CFG_REL1XX_REQUIRE || has_sdp ||
	       (from && sip_msg_has_token(from, SIP_H_REQUIRE, VIEW("100rel")));
}

static int rel_send(
	struct leg *to, unsigned int fork, struct view text, bool has_sdp, bool is_offer)
{
	struct call *call = to->call;
	struct call_fork *f = &call->forks[fork];
	struct rel_msg *m;
	bool first = !rel_under_way(call, fork);

	if (call->n_reliable == RELIABLE_MAX)
		return -ENOBUFS;
	m = calloc(1, sizeof(*m) + text.n);
	if (!m)
		return -ENOMEM;
	m->call = call;
	m->rseq = f->rseq_out;
	m->fork = (uint8_t)fork;
	m->has_sdp = has_sdp;
	m->is_offer = is_offer;
	m->n = (uint32_t)text.n;
	memcpy(m->bytes, text.p, text.n);
	STAILQ_INSERT_TAIL(&call->reliable, m, next);
	call->n_reliable++;
	if (has_sdp)
		f->settled |= 1u << LEG_A;
	if (first)
		rel_next(call, fork);
	return 0;
}

void call_send_early(struct leg *to, unsigned int status, unsigned int fork,
	const struct sip_msg *from, struct view sdp)
{
	struct call *call = to->call;
	struct call_fork *f = &call->forks[fork];
	bool is_offer = to->oa.state == OA_MUST_OFFER, reliable;
	struct sip_buf buf;
	int rc;

	if (call_is_transfer(call)) {
		call_transfer_progress(call, status);
		return;
	}

	/* After a reliable answer none follows in that dialog (RFC 6337 3.1.1). */
	if (f->settled & 1u << LEG_A)
		sdp = none;
	reliable = goes_reliably(to, from, sdp.n > 0);
	/* While our 2xx is to carry the offer, no unreliable description goes before it. */
	if (!oa_send(&to->oa, reliable ? OA_RELIABLE : OA_PROVISIONAL, sdp.n > 0))
		sdp = none;
	if (!leg_response_start(to, status, fork, &buf))
		return;
	if (from)
		policy_put_headers(&buf, from, POLICY_PROVISIONAL);
	leg_tell(to, sdp);
	if (reliable) {
		f->rseq_out = f->rseq_out ? f->rseq_out + 1 : rseq_first(call, fork);
		sip_put_hdr(&buf, SIP_H_REQUIRE, VIEW("100rel"));
		sip_put_hdr_u64(&buf, SIP_H_RSEQ, f->rseq_out);
	}
	rc = sip_build_end(&buf, sdp.n > 0 ? VIEW("application/sdp") : none, sdp);
	if (rc == 0)
		rc = reliable ? rel_send(to, fork, sip_buf_view(&buf), sdp.n > 0, is_offer)
			      : sip_stxn_respond(to->in, sip_buf_view(&buf));
	if (rc < 0)
		log_debug("call %016" PRIx64 ": %u not sent", call->rec.id, status);
	else if (sdp.n > 0)
		call->early_sdp_sent = true;
}

int call_send_early_offer(struct call *call)
{
	struct view sdp;
	int rc = call_offer_text(call, &sdp);

	if (rc == 0)
		call_send_early(&call->leg[LEG_A], call->prack.status, call->prack.fork, NULL, sdp);
	return rc;
}

bool call_early_unacked(const struct call *call, unsigned int fork)
{
	const struct rel_msg *m;

	STAILQ_FOREACH(m, &call->reliable, next) {
		if (m->fork == fork && m->has_sdp)
			return true;
	}
	return false;
}

static bool success_must_wait(const struct call *call)
{
	return call_updating(call) || call_early_unacked(call, call->fork);
}

void call_release_success(struct call *call)
{
	if (!call->success_held || success_must_wait(call))
		return;
	call->success_held = false;
	call_send_success(&call->leg[LEG_A], (struct view){call->answer, call->answer_len});
}

void call_forward_success(struct leg *to, struct view sdp)
{
	struct call *call = to->call;

	if (to->update.on) {
		call_update_answer(to, sdp);
		return;
	}
	if (call->state != CALL_UP && success_must_wait(call)) {
		call->success_held = true;
		return;
	}
	call_send_success(to, sdp);
}

/* ---- PRACK of the caller ---- */

/* The PRACK brings what the called side's PRACK waits for. */
static void answer_take(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg);

static struct rel_msg *rel_find(
	struct call *call, unsigned int fork, const struct sip_rack *rack, uint32_t invite_cseq)
{
	struct rel_msg *m;

	STAILQ_FOREACH(m, &call->reliable, next) {
		if (m->fork == fork)
			break;
	}
	return m && m->rseq == rack->rseq && rack->cseq == invite_cseq &&
			       rack->method == SIP_M_INVITE
		       ? m
		       : NULL;
}

void call_prack(
	struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg, unsigned int fork)
{
	struct call *call = leg->call;
	const struct sip_msg *invite = leg->in ? sip_stxn_request(leg->in) : NULL;
	struct rel_msg *m = NULL;
	struct sip_rack rack;
	bool is_offer;

	if (sip_msg_rack(msg, &rack) < 0) {
		call_reply(stxn, 400, none);
		return;
	}
	/* What it acknowledges may have been overtaken by the 2xx. */
	if (leg->side == LEG_A && call->state == CALL_UP &&
		rack.rseq == call->forks[fork].rseq_out) {
		call->b->env.stats->prack_in++;
		call_reply(stxn, 200, none);
		return;
	}
	if (leg->side == LEG_A && call->state != CALL_ENDING && invite)
		m = rel_find(call, fork, &rack, invite->cseq.number);
	if (!m) {
		call_reply(stxn, 481, none);
		return;
	}
	call->b->env.stats->prack_in++;
	is_offer = m->is_offer && m->has_sdp;
	rel_free(m);
	rel_next(call, fork);
	if (is_offer) {
		answer_take(leg, stxn, msg);
		return;
	}
	/* It may bring an offer of its own (RFC 3262 5). */
	if (sip_msg_is_sdp(msg))
		call_update(leg, stxn, msg, fork);
	else
		call_reply(stxn, 200, none);
	call_release_success(call);
}

/* ---- from the called side ---- */

static void prack_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct call *call = arg;

	if (msg->status < 200)
		return;
	sip_ctxn_detach(ctxn);
	call->prack_out = NULL;
	if (msg->status >= 300)
		call_end(call,
			&(struct call_why){.by = CTL_BY_CALLED,
				.status = 502,
				.q850 = 127,
				.reason = "the called side refused the PRACK with the answer"});
}

static void prack_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct call *call = arg;

	sip_ctxn_detach(ctxn);
	call->prack_out = NULL;
	call_end(call, &(struct call_why){.by = CTL_BY_BOX,
			       .status = 504,
			       .q850 = 102,
			       .reason = "the called side did not take the PRACK with the answer"});
}

static const struct sip_ctxn_ops prack_ops = {.response = prack_response, .failed = prack_failed};

/* Acknowledges a reliable provisional. With an answer somebody has to know what becomes of it. */
static int prack_send(
	struct leg *leg, struct dialog *dialog, uint32_t rseq, uint32_t cseq, struct view sdp)
{
	struct call *call = leg->call;
	struct b2b *b = call->b;
	struct sip_ctxn *ctxn;
	struct sip_buf buf;
	int rc = sip_ctxn_new(b->env.txns, SIP_M_PRACK, &prack_ops, call, &ctxn);

	if (rc < 0)
		return rc;
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, dialog, SIP_M_PRACK, dialog_next_cseq(dialog),
		sip_ctxn_branch(ctxn), b->cfg->max_forwards);
	sip_put_hdr_start(&buf, SIP_H_RACK);
	sip_put_u64(&buf, rseq);
	sip_put_char(&buf, ' ');
	sip_put_u64(&buf, cseq);
	sip_put_lit(&buf, " INVITE\r\n");
	sip_put_hdr(&buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(leg, &buf, SIP_M_PRACK, dialog_request_uri(dialog));
	rc = sip_build_end(&buf, sdp.n > 0 ? VIEW("application/sdp") : none, sdp);
	if (rc < 0) {
		sip_ctxn_discard(ctxn);
		return rc;
	}
	rc = sip_ctxn_send(ctxn, &dialog->path, sip_buf_view(&buf));
	if (rc < 0)
		return rc;
	b->env.stats->prack_out++;
	leg_tell(leg, sdp);
	if (sdp.n > 0)
		call->prack_out = ctxn;
	else
		sip_ctxn_detach(ctxn);
	return 0;
}

static void answer_take(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	struct call *call = leg->call;
	struct leg *b_leg = leg_other(leg);
	struct call_fork *f = &call->forks[call->prack.fork];
	const char *reason = "the PRACK brought no answer to our offer";
	struct view sdp;

	call->prack.wanted = false;
	if (oa_receive(&leg->oa, OA_PRACK, sip_msg_is_sdp(msg)) != OA_ANSWER ||
		call_answer(leg, msg->body, &sdp, &reason) < 0) {
		call_reply(stxn, 488, none);
		call_end(call,
			&(struct call_why){
				.by = CTL_BY_BOX, .status = 488, .q850 = 127, .reason = reason});
		return;
	}
	call_reply(stxn, 200, none);
	f->settled |= 1u << LEG_A | 1u << LEG_B;
	call->map_fork = call->prack.fork;
	call_copy_set(&f->said, &f->said_len, msg->body);
	call_copy_set(&f->answer, &f->answer_len, (struct view){call->offer, call->offer_len});
	oa_send(&b_leg->oa, OA_PRACK, true);
	if (!f->dialog || prack_send(b_leg, f->dialog, call->prack.rseq, call->prack.cseq, sdp) < 0)
		call_end(call, &(struct call_why){.by = CTL_BY_BOX,
				       .status = 500,
				       .reason = "the PRACK with the answer could not be sent"});
}

/* Whether a provisional is reliable and the next one of its dialog (RFC 3262 4). */
enum rel_verdict { REL_NO, REL_NEXT, REL_IGNORE };

static enum rel_verdict rel_verdict(
	const struct leg *leg, const struct sip_msg *msg, int fork, uint32_t *ret_rseq)
{
	const struct call_fork *f = fork < 0 ? NULL : &leg->call->forks[fork];

	if (!leg->peer_100rel || !sip_msg_has_token(msg, SIP_H_REQUIRE, VIEW("100rel")) ||
		sip_msg_rseq(msg, ret_rseq) < 0)
		return REL_NO;
	/* Without a place for its dialog there is nothing to acknowledge it in. */
	if (!f || (f->rseq_in != 0 && *ret_rseq != f->rseq_in + 1))
		return REL_IGNORE;
	return REL_NEXT;
}

static void rings(struct call *call)
{
	if (call->rec.ringing_ms != 0)
		return;
	call->rec.ringing_ms = call->b->env.ops->wall_ms(call->b->env.ctx);
	call->rec.state = CTL_CALL_ALERTING;
	/* Most that is answered at once is a machine; it need not be told twice. */
	twheel_start(call->b->env.wheel, &call->ringing_timer, B2B_RINGING_MS);
}

static unsigned int early_status(const struct sip_msg *msg)
{
	return msg->status >= 180 && msg->status <= 183 ? msg->status : 183;
}

/* The called side offers, and the caller is to answer: the PRACK waits for that. */
static void early_offer(struct leg *leg, const struct sip_msg *msg, int fork, uint32_t rseq)
{
	struct call *call = leg->call;
	const char *reason;

	call->prack.wanted = true;
	call->prack.fork = (uint8_t)fork;
	call->prack.status = (uint16_t)early_status(msg);
	call->prack.rseq = rseq;
	call->prack.cseq = msg->cseq.number;
	int rc = call_offer(leg, msg->body, THEN_RELIABLE, &reason);

	if (rc == -EDQUOT)
		call_end_limited(call, reason);
	else if (rc < 0)
		call_end(call,
			&(struct call_why){
				.by = CTL_BY_BOX, .status = 488, .q850 = 127, .reason = reason});
}

/* Another far end is heard: what this one answered reliably counts when it answers the call. */
static void early_keep(struct call_fork *f, const struct sip_msg *msg)
{
	call_copy_set(&f->answer, &f->answer_len, msg->body);
	if (f->answer)
		f->settled |= 1u << LEG_B;
}

/* The early answer for the caller; empty when it cannot be used. */
static struct view early_answer(struct leg *leg, const struct sip_msg *msg, int fork, bool reliable)
{
	struct call *call = leg->call;
	const char *reason = "";
	struct view sdp;

	if (call_answer(leg, msg->body, &sdp, &reason) < 0) {
		log_info("call %016" PRIx64 ": early media is not relayed: %s", call->rec.id,
			reason);
		return none;
	}
	call_copy_set(&call->answer, &call->answer_len, msg->body);
	call->map_fork = fork < 0 ? 0 : (uint8_t)fork;
	if (reliable) {
		struct call_fork *f = &call->forks[fork];

		call_copy_set(&f->answer, &f->answer_len, msg->body);
		f->settled |= 1u << LEG_B;
	}
	return sdp;
}

/* The caller's INVITE has no offer. */
static bool is_late(const struct call *call)
{
	const struct sip_msg *invite = call_invite(call);

	return invite && invite->body.n == 0;
}

void call_provisional(
	struct leg *leg, const struct sip_msg *msg, const struct sip_path *path, bool heard)
{
	struct call *call = leg->call;
	enum rel_verdict verdict;
	struct view sdp = none;
	enum oa_event event;
	bool has_sdp = sip_msg_is_sdp(msg);
	uint32_t rseq = 0;
	int fork;

	/* 199 is for callers that asked for it (RFC 6228); re-INVITEs have had their 100. */
	if (call->state != CALL_CALLING || leg->dialog || msg->status == 199 || call->local.on)
		return;
	spot_worked(call->b, call->targets.spot);
	fork = call_fork_of(call, msg, path);
	verdict = rel_verdict(leg, msg, fork, &rseq);
	if (verdict == REL_IGNORE)
		return;
	rings(call);
	leg_learn(leg, msg);
	if (fork >= 0 && (call->forks[fork].settled & 1u << LEG_B))
		has_sdp = false; /* it has answered, and changes that by UPDATE alone */
	event = oa_receive(&leg->oa, verdict == REL_NEXT ? OA_RELIABLE : OA_PROVISIONAL, has_sdp);
	/* An offer of another branch than the one that is answered: a PRACK would have to answer it, too. */
	if (verdict == REL_NEXT && has_sdp && event == OA_NOTHING && is_late(call))
		return;
	if (verdict == REL_NEXT) {
		struct call_fork *f = &call->forks[fork];

		f->rseq_in = rseq;
		if (event == OA_OFFER) {
			early_offer(leg, msg, fork, rseq);
			return;
		}
		if (prack_send(leg, f->dialog, rseq, msg->cseq.number, none) < 0)
			log_warning("call %016" PRIx64 ": a PRACK was not sent", call->rec.id);
	}
	heard = heard && !call_is_transfer(call);
	if (event == OA_EARLY_ANSWER && heard)
		sdp = early_answer(leg, msg, fork, verdict == REL_NEXT);
	else if (event == OA_EARLY_ANSWER && verdict == REL_NEXT)
		early_keep(&call->forks[fork], msg);
	else if (heard && call_ring_back(call, msg->status))
		return;
	call_send_early(
		&call->leg[LEG_A], early_status(msg), fork < 0 ? 0 : (unsigned int)fork, msg, sdp);
}

void call_answer_timer(struct call *call)
{
	uint64_t now = twheel_now(call->b->env.wheel);

	if (call->state == CALL_CALLING && call->answer_by_ms != 0)
		twheel_start(call->b->env.wheel, &call->timer,
			call->answer_by_ms > now ? call->answer_by_ms - now : 1);
}
