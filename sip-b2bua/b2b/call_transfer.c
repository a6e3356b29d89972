/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transfers that the box makes itself ("supplementary-service sip refer local"). The far end that sends a
 * REFER, the transferor, hears 202 and NOTIFYs (RFC 3515); a new call is made for the other far end of
 * its call, the transferred party:
 *
 *   blind     an INVITE to who is named, by the dial-peers, as if the transferor had called, with the
 *             last description of the transferred party. What the target answers goes to that party as
 *             an offer, in a re-INVITE; should its answer be news to the target, that gets one, too.
 *             With keys by DTLS, or where that description is not known, the INVITE has no offer:
 *             the target's goes to the party, and the answer into the ACK (RFC 3725 flow I).
 *   attended  the other far end of the dialog that Replaces names is asked for that offer by a
 *             re-INVITE.
 *
 * Far ends are lent to the new call (call_swap.c) for the time of these exchanges, and given back when
 * it fails. A dialog of another worker comes over with its call (call_move.c). Until it has succeeded the
 * calls of the transferor, their media and his own legs stay. Then these calls end, with a BYE to him.
 * Its beginning is in call_transfer_begin.c. Three calls refer to each other by slot and generation:
 * FROM is the call that the REFER came in, WITH that of the other dialog, TO the new one.
 */
#include "sip-b2bua/b2b/call_transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("transfer");

#define BUSY_MS	     250 /* until a far end that is in an exchange is asked for again */
#define BUSY_TRIES   40
#define GLARE_TRIES  4
#define SUBSCRIBED_S 60 /* beyond the time for an answer */

static const struct view none = {NULL, 0};

struct call_ticket transfer_ticket(const struct call *call)
{
	return (struct call_ticket){call->slot, call->generation};
}

struct call *transfer_call(struct b2b *b, struct call_ticket name)
{
	struct call *call = name.generation ? sip_slab_find(b->calls, name.slot, name.generation)
					    : NULL;

	return call && call->transfer ? call : NULL;
}

static void retry_fired(struct twheel_timer *timer, void *arg);

struct call_transfer *transfer_new(struct call *call, enum role role)
{
	struct call_transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->call = call;
	t->role = (uint8_t)role;
	twheel_timer_init(&t->timer, retry_fired, t);
	call->transfer = t;
	return t;
}

void call_transfer_free(struct call *call)
{
	struct call_transfer *t = call->transfer;

	if (!t)
		return;
	twheel_stop(call->b->env.wheel, &t->timer);
	free(t->invite);
	free(t);
	call->transfer = NULL;
	call->rec.transfer = CTL_TRANSFER_NONE;
}

const struct sip_msg *call_transfer_invite(const struct call *call)
{
	return call->transfer ? call->transfer->invite : NULL;
}

bool call_is_transfer(const struct call *call)
{
	return call->transfer && call->transfer->role == ROLE_TO;
}

void call_authority(const struct call *call, const char **ret_realm, const char **ret_trunk)
{
	bool made = call_is_transfer(call);

	*ret_realm = made ? call->transfer->realm : call->rec.realm[LEG_A];
	*ret_trunk = made ? call->transfer->trunk : call->rec.trunk[LEG_A];
}

/* The side of a call that its transferor is on. */
struct leg *transfer_leg(struct call *call)
{
	return &call->leg[call->transfer->side];
}

static const char *transferor_text(const struct call *call)
{
	return call->transfer->side == LEG_A ? "caller" : "called party";
}

/* ---- NOTIFY to the transferor ---- */

static void notify_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
}

static void notify_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
}

void transfer_notify(struct call *from, unsigned int status, bool over)
{
	static const struct sip_ctxn_ops ops = {
		.response = notify_response, .failed = notify_failed};
	struct call_transfer *t = from->transfer;
	struct leg *to = transfer_leg(from);
	struct b2b *b = from->b;
	struct view phrase = sip_reason_text(status);
	struct sip_ctxn *ctxn;
	struct sip_buf buf;
	char body[128];
	int rc;

	if (!t->subscribed || to->bye_done || !to->dialog || t->told == status)
		return;
	t->told = (uint16_t)status;
	t->subscribed = !over;
	rc = sip_ctxn_new(b->env.txns, SIP_M_NOTIFY, &ops, NULL, &ctxn);
	if (rc < 0) {
		log_warning("call %016" PRIx64 ": a NOTIFY was not sent: too many transactions",
			from->rec.id);
		return;
	}
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, to->dialog, SIP_M_NOTIFY, dialog_next_cseq(to->dialog),
		sip_ctxn_branch(ctxn), b->cfg->max_forwards);
	leg_put_contact(&buf, to, &to->dialog->path);
	sip_put_hdr(&buf, SIP_H_EVENT, view_of(t->event));
	if (over) {
		sip_put_hdr(&buf, SIP_H_SUBSCRIPTION_STATE, VIEW("terminated;reason=noresource"));
	} else {
		sip_put_hdr_start(&buf, SIP_H_SUBSCRIPTION_STATE);
		sip_put_lit(&buf, "active;expires=");
		sip_put_u64(&buf, b->cfg->timer_no_answer_s + SUBSCRIBED_S);
		sip_put_crlf(&buf);
	}
	sip_put_hdr(&buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(to, &buf, SIP_M_NOTIFY, dialog_request_uri(to->dialog));
	snprintf(body, sizeof(body), "SIP/2.0 %u %.*s\r\n", status, VIEW_ARG(phrase));
	rc = sip_build_end(&buf, VIEW("message/sipfrag;version=2.0"), view_of(body));
	if (rc < 0)
		sip_ctxn_discard(ctxn);
	else if (sip_ctxn_send(ctxn, &to->dialog->path, sip_buf_view(&buf)) == 0)
		sip_ctxn_detach(ctxn);
}

void call_transfer_progress(struct call *to, unsigned int status)
{
	struct call *from = transfer_call(to->b, to->transfer->from);

	if (from)
		transfer_notify(from, status, false);
}

/* ---- lending ---- */

/* The leg that the new call has on a side, where it came from; NULL: that call is over. */
static struct leg *place_of(struct call *to, unsigned int side)
{
	struct call_transfer *t = to->transfer;
	struct call *call = transfer_call(to->b, side == LEG_A ? t->from : t->with);

	return call ? &call->leg[!call->transfer->side] : NULL;
}

static unsigned int n_lent(const struct call_transfer *t)
{
	return t->attended ? 2 : 1;
}

/* To the far end it is one session, whichever call has it (RFC 3264 8). */
static void swap_origin(struct leg *a, struct leg *b)
{
	struct media_side *x = &a->call->media.side[a->side], *y = &b->call->media.side[b->side];
	struct media_side old = *x;

	x->sess_id = y->sess_id;
	x->sess_version = y->sess_version;
	x->hash = y->hash;
	y->sess_id = old.sess_id;
	y->sess_version = old.sess_version;
	y->hash = old.hash;
}

static bool can_lend(struct call *to, bool *ret_gone)
{
	bool idle = true;

	*ret_gone = false;
	for (unsigned int side = 0; side < n_lent(to->transfer); side++) {
		const struct leg *leg = place_of(to, side);

		*ret_gone |= !leg || leg->bye_done || !leg->dialog;
		idle = idle && leg && leg_is_idle(leg);
	}
	return idle && !*ret_gone;
}

static void lend(struct call *to)
{
	for (unsigned int side = 0; side < n_lent(to->transfer); side++) {
		struct leg *place = place_of(to, side);

		swap_origin(place, &to->leg[side]);
		leg_swap(place, &to->leg[side]);
	}
	to->transfer->lent = true;
}

/* Back to its own call; what it was told of the new one is to be taken back. */
static void give_back(struct call *to, unsigned int side)
{
	struct leg *leg = &to->leg[side], *place = place_of(to, side);
	struct view told = {leg->told, leg->told_len};
	bool changed = false;

	if (!place)
		return;
	if (leg->ack_owed) {
		leg_ack(leg, leg->oa.state == OA_PEER_OFFERED ? told : none);
		changed = true;
	}
	leg_told(leg, false);
	if (leg->out)
		sip_ctxn_cancel(leg->out, none);
	else
		oa_fail(&leg->oa);
	leg->reverts = leg->out != NULL;
	admission_revert(to, side);
	swap_origin(place, leg);
	leg_swap(place, leg);
	if (changed && !place->out && place->call->state == CALL_UP)
		leg_revert(place);
}

/* ---- the end of a transfer ---- */

/* The call that the REFER came in, or that of the other dialog, without its transfer. */
void transfer_part_free(struct b2b *b, struct call_ticket name, unsigned int status)
{
	struct call *call = transfer_call(b, name);
	bool alone;

	if (!call)
		return;
	alone = transfer_leg(call)->bye_done;
	transfer_notify(call, status, true);
	if (call->state != CALL_ENDING)
		log_info("call %016" PRIx64 ": is not transferred to %s: %u", call->rec.id,
			call->transfer->number, status);
	call_transfer_free(call);
	if (call->state == CALL_ENDING)
		return;
	call->rec.transfer = CTL_TRANSFER_FAILED;
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		struct leg *leg = &call->leg[side];

		/* Who hung up meanwhile, the transferor too. */
		if (leg->bye_done || alone) {
			call_end(call,
				&(struct call_why){.by = leg->side == LEG_A && leg->bye_done
								 ? CTL_BY_CALLER
								 : CTL_BY_CALLED,
					.status = 200,
					.q850 = 16,
					.reason = reason_say(b,
						"a party hung up while a transfer was under way, "
						"which failed with %u",
						status)});
			return;
		}
	}
	call_checkpoint(call);
}

/* The new call ends before both far ends were joined. */
static void failed(struct call *to, const struct call_why *why)
{
	struct call_transfer *t = to->transfer;
	struct b2b *b = to->b;
	struct call_ticket from = t->from, with = t->with;
	unsigned int status = why->status >= 300 ? why->status : to->rec.sip_status;

	for (unsigned int side = 0; t->lent && side < n_lent(t); side++)
		give_back(to, side);
	b->env.stats->transfers_failed++;
	call_transfer_free(to);
	if (status < 300)
		status = 487;
	transfer_part_free(b, from, status);
	transfer_part_free(b, with, status);
}

void call_transfer_ends(struct call *call, const struct call_why *why)
{
	struct call_transfer *t = call->transfer;
	enum ctl_released_by by = why->by;
	struct call *to;

	if (!t)
		return;
	if (t->role == ROLE_TO) {
		failed(call, why);
		return;
	}
	to = transfer_call(call->b, t->to);
	if (why->by == CTL_BY_CALLER || why->by == CTL_BY_CALLED)
		by = t->role == ROLE_FROM ? CTL_BY_CALLER : CTL_BY_CALLED; /* its far end there */
	if (to)
		call_end(to, &(struct call_why){.by = by,
				     .status = 487,
				     .q850 = 16,
				     .reason = "the call that was being transferred has ended"});
	call_transfer_free(call);
}

static void succeed(struct call *call, const struct call *to)
{
	struct b2b *b = call->b;
	char number[CTL_NUMBER_MAX];
	const char *who = transferor_text(call);
	bool caller = call->transfer->side == LEG_A;

	memcpy(number, call->transfer->number, sizeof(number));
	transfer_notify(call, 200, true);
	call_transfer_free(call);
	call->rec.transfer = CTL_TRANSFER_DONE;
	call->rec.transfer_call = to->rec.id;
	call_end(call, &(struct call_why){.by = caller ? CTL_BY_CALLER : CTL_BY_CALLED,
			       .status = 200,
			       .q850 = 16,
			       .reason = reason_say(
				       b, "the %s transferred it to %s (REFER)", who, number)});
}

/* Both far ends have agreed. */
static void joined(struct call *to)
{
	struct call_transfer *t = to->transfer;
	struct b2b *b = to->b;
	struct call *from = transfer_call(b, t->from), *with = transfer_call(b, t->with);
	uint64_t origin = from ? from->rec.id : 0;

	call_transfer_free(to);
	to->rec.transfer = CTL_TRANSFER_MADE;
	to->rec.transfer_call = origin;
	b->env.stats->transfers++;
	if (with)
		spot_find(b, &to->targets.spot, to->rec.trunk[LEG_B], &to->rec.peer_sig[LEG_B],
			(uint8_t)to->rec.transport[LEG_B]);
	log_info("call %016" PRIx64 ": is what call %016" PRIx64 " was transferred to", to->rec.id,
		origin);
	call_checkpoint(to);
	if (from)
		succeed(from, to);
	if (with)
		succeed(with, to);
}

/* The target answered the offer that was made for the transferred party: that one is offered this. */
static void offer_on(struct leg *target)
{
	struct call *to = target->call;
	struct view said = {target->heard, target->heard_len};
	const char *reason = "memory is short";

	call_exchange_done(to);
	if (said.n == 0 || call_offer(target, said, THEN_JOIN, &reason) < 0)
		call_end(to,
			&(struct call_why){
				.by = CTL_BY_BOX, .status = 488, .q850 = 127, .reason = reason});
}

bool call_transfer_answered(struct leg *from)
{
	struct call *call = from->call;
	struct leg *other = leg_other(from);

	if (!call_is_transfer(call))
		return false;
	if (!call->transfer->lent) {
		offer_on(from);
		return true;
	}
	if (other->ack_owed) {
		leg_ack(other, (struct view){call->answer, call->answer_len});
		call_exchange_done(call);
		joined(call);
	} else {
		joined(call);
		if (call->state == CALL_UP)
			leg_tell_if_news(other, (struct view){call->answer, call->answer_len});
	}
	return true;
}

/* ---- joining ---- */

static void wait_a_moment(struct call *to, uint64_t ms, bool again)
{
	to->transfer->again = again;
	twheel_start(to->b->env.wheel, &to->transfer->timer, ms);
}

static void unreachable(struct call *to, const char *reason)
{
	call_end(to,
		&(struct call_why){.by = CTL_BY_BOX, .status = 480, .q850 = 41, .reason = reason});
}

/* The re-INVITE to a leg, with the offer that is pending or asking for one. */
static void reinvite(struct leg *leg)
{
	struct call *to = leg->call;
	struct sip_buf headers;
	char text[CALL_HEADERS_MAX];
	const char *reason = "the re-INVITE of a transfer could not be sent";
	unsigned int status = 500;
	int rc = leg_reinvite(leg);

	if (rc == 0)
		return;
	sip_buf_init(&headers, text, sizeof(text));
	if (rc == -ENOTSUP)
		status = call_unprintable(to, rc, &headers, &reason);
	call_end(to,
		&(struct call_why){.by = CTL_BY_BOX, .status = (uint16_t)status, .reason = reason});
}

static void answered_now(struct call *to)
{
	struct b2b *b = to->b;

	to->state = CALL_UP;
	to->rec.state = CTL_CALL_ACTIVE;
	to->rec.answer_ms = b->env.ops->wall_ms(b->env.ctx);
	call_toll_answered(to);
	to->rec.sip_status = 200;
	to->rec.reason[0] = '\0';
	call_early_over(to);
	call_answers_forget(to);
	twheel_stop(b->env.wheel, &to->timer);
	twheel_stop(b->env.wheel, &to->ringing_timer);
	b->env.stats->calls_answered++;
}

void transfer_join(struct call *to)
{
	struct call_transfer *t = to->transfer;
	bool gone;

	if (!can_lend(to, &gone)) {
		if (gone || ++t->tries > BUSY_TRIES)
			unreachable(to, gone ? "a party of the transfer has hung up"
					     : "a party of the transfer is in an exchange that "
					       "does not end");
		else
			wait_a_moment(to, BUSY_MS, false);
		return;
	}
	t->tries = 0;
	answered_now(to);
	lend(to);
	reinvite(&to->leg[t->attended ? t->first : LEG_A]);
}

void call_transfer_join(struct call *to)
{
	if (to->transfer->lent)
		reinvite(&to->leg[!to->offer_leg]);
	else
		transfer_join(to);
}

static void retry_fired(struct twheel_timer *timer, void *arg)
{
	struct call_transfer *t = arg;

	if (t->role == ROLE_FROM)
		transfer_part_free(t->call->b, transfer_ticket(t->call), 480);
	else if (t->again)
		reinvite(&t->call->leg[t->call->offer ? !t->call->offer_leg : t->first]);
	else
		transfer_join(t->call);
}

bool call_transfer_refused(struct leg *leg, unsigned int status)
{
	struct call *to = leg->call;
	struct call_transfer *t = to->transfer;

	if (!call_is_transfer(to) || !t->lent)
		return false;
	if (status == 491 && ++t->tries <= GLARE_TRIES) {
		/* RFC 3261 14.1: the owner of the Call-ID waits longer, and that is who knows. */
		wait_a_moment(to, 300 + 700u * t->tries, true);
		return true;
	}
	/* To that side the dialog is over (RFC 3261 12.2.1.2). */
	if (status == 408 || status == 481)
		leg->bye_done = true;
	call_end(to, &(struct call_why){.by = CTL_BY_BOX,
			     .status = (uint16_t)status,
			     .reason = reason_say(to->b,
				     "the %s answered %u to the re-INVITE of a transfer",
				     leg->side == LEG_A ? "transferred party" : "target", status)});
	return true;
}

bool call_transfer_bye(struct leg *leg)
{
	struct call *call = leg->call;
	struct call_transfer *t = call->transfer;

	if (!t || t->role == ROLE_TO || leg->side != t->side)
		return false;
	t->subscribed = false;
	leg_timer_stop(leg);
	leg->se.interval_s = 0;
	log_info("call %016" PRIx64 ": the transferor hung up, the transfer goes on", call->rec.id);
	if (call->leg[!t->side].dialog) /* else that one is lent */
		call_checkpoint(call);
	return true;
}

bool call_transfer_holds(const struct call *call)
{
	const struct call_transfer *t = call->transfer;

	return t &&
	       (t->role == ROLE_TO ? t->lent
				   : call->leg[t->side].bye_done || !call->leg[!t->side].dialog);
}
