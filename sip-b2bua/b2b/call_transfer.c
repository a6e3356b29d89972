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
 * it fails. A dialog of another worker comes over with its call (call_move.c). Until it has succeeded the calls of the transferor, their media and his own legs stay.
 * Then these calls end, with a BYE to him. Three calls refer to each other by slot and generation:
 * FROM is the call that the REFER came in, WITH that of the other dialog, TO the new one.
 */
#include "sip-b2bua/b2b/relay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/reason.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("transfer");

#define ASK_MS		2000 /* for another worker's answer */
#define BUSY_MS		250  /* until a far end that is in an exchange is asked for again */
#define BUSY_TRIES	40
#define GLARE_TRIES	4
#define SUBSCRIBED_S	60 /* beyond the time for an answer */
#define INVITE_TEXT_MAX 16384

static const struct view none = {NULL, 0};

enum role { ROLE_FROM = 1, ROLE_WITH, ROLE_TO };

struct call_transfer {
	struct call *call;
	uint8_t role, side; /* FROM, WITH: of the transferor; TO: not used */
	bool subscribed;    /* FROM: the transferor gets NOTIFYs */
	bool attended;
	bool asks;	      /* FROM: another worker has the other dialog */
	bool lent;	      /* TO: the far ends are here */
	bool again;	      /* TO: the timer is for a re-INVITE that met another one */
	uint8_t tries, first; /* TO: which leg is asked first */
	uint16_t told;	      /* FROM: the status of the last NOTIFY */
	struct call_ticket from, with, to;
	char realm[CTL_NAME_MAX], trunk[CTL_NAME_MAX]; /* TO: of the transferor */
	char number[CTL_NUMBER_MAX];		       /* who is called, for sentences */
	char event[32];				       /* FROM: Event of the NOTIFYs */
	struct sip_msg *invite; /* TO: in place of one of the transferred party */
	struct twheel_timer timer;
};

static struct call_ticket ticket_of(const struct call *call)
{
	return (struct call_ticket){call->slot, call->generation};
}

static struct call *call_of(struct b2b *b, struct call_ticket name)
{
	struct call *call = name.generation ? sip_slab_find(b->calls, name.slot, name.generation)
					    : NULL;

	return call && call->transfer ? call : NULL;
}

static void retry_fired(struct twheel_timer *timer, void *arg);

static struct call_transfer *transfer_new(struct call *call, enum role role)
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
static struct leg *transferor(struct call *call)
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

static void notify(struct call *from, unsigned int status, bool over)
{
	static const struct sip_ctxn_ops ops = {
		.response = notify_response, .failed = notify_failed};
	struct call_transfer *t = from->transfer;
	struct leg *to = transferor(from);
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
	struct call *from = call_of(to->b, to->transfer->from);

	if (from)
		notify(from, status, false);
}

/* ---- lending ---- */

/* The leg that the new call has on a side, where it came from; NULL: that call is over. */
static struct leg *place_of(struct call *to, unsigned int side)
{
	struct call_transfer *t = to->transfer;
	struct call *call = call_of(to->b, side == LEG_A ? t->from : t->with);

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
	swap_origin(place, leg);
	leg_swap(place, leg);
	if (changed && !place->out && place->call->state == CALL_UP)
		leg_revert(place);
}

/* ---- the end of a transfer ---- */

/* The call that the REFER came in, or that of the other dialog, without its transfer. */
static void part_free(struct b2b *b, struct call_ticket name, unsigned int status)
{
	struct call *call = call_of(b, name);
	bool alone;

	if (!call)
		return;
	alone = transferor(call)->bye_done;
	notify(call, status, true);
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
	part_free(b, from, status);
	part_free(b, with, status);
}

void call_transfer_ends(struct call *call, const struct call_why *why)
{
	struct call_transfer *t = call->transfer;
	struct call *to;

	if (!t)
		return;
	if (t->role == ROLE_TO) {
		failed(call, why);
		return;
	}
	to = call_of(call->b, t->to);
	if (to)
		call_end(to, &(struct call_why){.by = CTL_BY_BOX,
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
	notify(call, 200, true);
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
	struct call *from = call_of(b, t->from), *with = call_of(b, t->with);
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

static void join(struct call *to);

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

static void join(struct call *to)
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
		join(to);
}

static void retry_fired(struct twheel_timer *timer, void *arg)
{
	struct call_transfer *t = arg;

	if (t->role == ROLE_FROM)
		part_free(t->call->b, ticket_of(t->call), 480);
	else if (t->again)
		reinvite(&t->call->leg[t->call->offer ? !t->call->offer_leg : t->first]);
	else
		join(t->call);
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
	return true;
}

bool call_transfer_holds(const struct call *call)
{
	const struct call_transfer *t = call->transfer;

	return t &&
	       (t->role == ROLE_TO ? t->lent
				   : call->leg[t->side].bye_done || !call->leg[!t->side].dialog);
}

/* ---- its beginning ---- */

/* Leg A of the new call is the transferred party, or leg B the far end of the other dialog. */
static int take_side(struct call *to, unsigned int side, const struct leg *leg)
{
	struct ctl_call *rec = &to->rec;
	const struct ctl_call *was = &leg->call->rec;
	const struct cfg_realm *realm = leg_realm(leg);
	const struct cfg_trunk *trunk = leg_trunk(leg);
	struct media_map *map = &to->media;

	if (!realm)
		return -ENOENT;
	memcpy(rec->realm[side], was->realm[leg->side], CTL_NAME_MAX);
	memcpy(rec->trunk[side], was->trunk[leg->side], CTL_NAME_MAX);
	memcpy(rec->session_id[side], was->session_id[leg->side], CTL_SESSION_ID);
	memcpy(rec->sip_call_id[side], was->sip_call_id[leg->side], sizeof(rec->sip_call_id[0]));
	rec->peer_sig[side] = was->peer_sig[leg->side];
	rec->transport[side] = was->transport[leg->side];
	leg_set_terms(&to->leg[side], realm, trunk);
	media_map_set_own(map, &to->b->dtls_own);
	media_map_set_side(map, side, realm, &leg->dialog->path.local);
	media_map_set_music(map, side, realm, trunk);
	media_map_set_srtp(map, side, to->b->cfg, realm, trunk);
	media_map_set_codecs(map, side, to->b->cfg, realm, trunk);
	/* Who talks RTP would have refused SRTP, where that is only preferred. */
	if (map->side[side].srtp.policy == CFG_SRTP_PREFER &&
		media_map_keying(&leg->call->media, leg->side) == CTL_KEYING_NONE)
		map->side[side].srtp.refused = true;
	return 0;
}

static const char *number_of(const struct leg *leg)
{
	const struct ctl_call *rec = &leg->call->rec;

	return leg->side == LEG_A ? rec->calling[LEG_A] : rec->called[LEG_B];
}

/* As it called itself, or was called; a far end that was reached by its Contact has a number besides. */
static void put_party(struct sip_buf *buf, const struct leg *leg)
{
	const struct dialog *d = leg->dialog;
	char user[CTL_NUMBER_MAX] = "", escaped[POLICY_USER_MAX];
	struct sip_addr addr;

	if (number_of(leg)[0] && (sip_addr_parse(d->remote_addr, &addr) < 0 ||
					 policy_user_text(&addr.uri, user, sizeof(user)) < 0 ||
					 strcmp(user, number_of(leg)) != 0)) {
		sip_put_lit(buf, "<sip:");
		sip_put(buf, policy_user_escape(number_of(leg), escaped));
		sip_put_char(buf, '@');
		sip_put_host(buf, &d->path.remote, true);
		sip_put_char(buf, '>');
		return;
	}
	sip_put(buf, d->remote_addr);
}

/* The INVITE that the transferred party would have sent. */
static struct sip_msg *invite_make(struct call *to, const struct leg *leg,
	const struct sip_uri *uri, const struct sip_msg *refer)
{
	struct b2b *b = to->b;
	const struct dialog *d = leg->dialog;
	struct view by = sip_msg_value(refer, SIP_H_REFERRED_BY), said = none;
	char text[INVITE_TEXT_MAX], branch[SIP_BRANCH_LEN], tag[SIP_TOKEN_LEN];
	struct sip_msg *msg = malloc(sizeof(*msg)), *copy = NULL;
	struct sip_buf buf, target;
	char target_text[CALL_URI_MAX];

	sip_buf_init(&target, target_text, sizeof(target_text));
	policy_put_uri(&target, uri, &d->path.local);
	sip_buf_init(&buf, text, sizeof(text));
	sip_build_request(&buf, VIEW("INVITE"), sip_buf_view(&target));
	sip_put_via(&buf, sip_transport_text(d->path.transport), &d->path.local,
		sip_txns_branch(b->env.txns, branch));
	sip_put_hdr_u64(&buf, SIP_H_MAX_FORWARDS, b->cfg->max_forwards);
	sip_put_hdr_start(&buf, SIP_H_FROM);
	put_party(&buf, leg);
	sip_put_lit(&buf, ";tag=1\r\n");
	sip_put_hdr_start(&buf, SIP_H_TO);
	sip_put_char(&buf, '<');
	sip_put(&buf, sip_buf_view(&target));
	sip_put_lit(&buf, ">\r\n");
	sip_put_hdr(&buf, SIP_H_CALL_ID, call_tag(to, LEG_A, 0, tag));
	sip_put_cseq(&buf, 1, VIEW("INVITE"));
	if (by.n > 0)
		sip_put_hdr(&buf, SIP_H_REFERRED_BY, by);
	if (leg->heard && media_map_keying(&leg->call->media, leg->side) != CTL_KEYING_DTLS)
		said = (struct view){leg->heard, leg->heard_len};
	if (msg && !target.overflow &&
		sip_build_end(&buf, said.n > 0 ? VIEW("application/sdp") : none, said) == 0 &&
		sip_msg_parse(msg, text, buf.n, false) == 0)
		copy = sip_msg_dup(msg);
	free(msg);
	return copy;
}

static struct call *new_call(struct leg *leg, const struct leg *named)
{
	struct b2b *b = leg->call->b;
	struct call *to = call_new(b), *from = leg->call;
	struct call_transfer *t = to ? transfer_new(to, ROLE_TO) : NULL;

	if (!t)
		return to;
	b->env.stats->calls_attempted++;
	t->from = ticket_of(from);
	from->transfer->to = ticket_of(to);
	memcpy(t->realm, from->rec.realm[leg->side], CTL_NAME_MAX);
	memcpy(t->trunk, from->rec.trunk[leg->side], CTL_NAME_MAX);
	memcpy(t->number, from->transfer->number, sizeof(t->number));
	to->rec.transfer = CTL_TRANSFER_JOINING;
	to->rec.transfer_call = from->rec.id;
	to->max_forwards = b->cfg->max_forwards;
	to->user_pool = leg->side == LEG_A ? from->user_pool : from->held[LEG_B].pool;
	if (named) {
		t->attended = true;
		t->with = ticket_of(named->call);
		named->call->transfer->to = ticket_of(to);
		/* A far end is not offered fewer lines than it has (RFC 3264 8). */
		t->first = from->media.n_media > named->call->media.n_media ? LEG_A : LEG_B;
	}
	return to;
}

static void broken(struct call *to, const char *reason)
{
	call_end(to, &(struct call_why){.by = CTL_BY_BOX, .status = 500, .reason = reason});
}

static void start_blind(struct leg *leg, const struct sip_uri *uri, const struct sip_msg *refer)
{
	struct call *to = new_call(leg, NULL);
	const struct leg *party = leg_other(leg);

	if (!to || !to->transfer || take_side(to, LEG_A, party) < 0) {
		if (to)
			broken(to, "memory is short");
		else
			part_free(leg->call->b, ticket_of(leg->call), 503);
		return;
	}
	to->transfer->invite = invite_make(to, party, uri, refer);
	if (!to->transfer->invite) {
		broken(to, "the INVITE of a transfer is longer than a message can be");
		return;
	}
	call_setup_transfer(to);
}

/* Who the far end behind a dialog is, in the record of the new call. */
static void record_target(struct call *to, const struct leg *far)
{
	const struct ctl_call *was = &far->call->rec;
	struct ctl_call *rec = &to->rec;

	for (unsigned int side = 0; side < DP_LEGS; side++)
		memcpy(rec->called[side], number_of(far), CTL_NUMBER_MAX);
	memcpy(rec->calling[LEG_B], rec->calling[LEG_A], CTL_NUMBER_MAX);
	rec->dial_peer_out = far->side == LEG_B ? was->dial_peer_out : 0;
	if (rec->trunk[LEG_B][0])
		snprintf(to->far, sizeof(to->far), "trunk %s", rec->trunk[LEG_B]);
	else
		snprintf(to->far, sizeof(to->far), "the other far end");
}

static void start_attended(struct leg *leg, struct leg *named)
{
	struct call *to = new_call(leg, named);
	struct leg *party = leg_other(leg), *far = leg_other(named);

	if (!to || !to->transfer) {
		struct b2b *b = leg->call->b;
		struct call_ticket with = ticket_of(named->call);

		if (to)
			broken(to, "memory is short");
		part_free(b, ticket_of(leg->call), 503);
		part_free(b, with, 503);
		return;
	}
	if (take_side(to, LEG_A, party) < 0 || take_side(to, LEG_B, far) < 0) {
		broken(to, "a realm of the transfer was just taken out of the configuration");
		return;
	}
	memcpy(to->rec.calling[LEG_A], number_of(party), CTL_NUMBER_MAX);
	record_target(to, far);
	control_call_put(to, NULL, 0);
	join(to);
}

static void say_accepted(struct leg *leg, struct sip_stxn *stxn, bool no_sub)
{
	char text[512], tag[SIP_TOKEN_LEN];
	struct sip_buf headers;

	sip_buf_init(&headers, text, sizeof(text));
	relay_put_contact(&headers, call_tag(leg->call, leg->side, 0, tag), &leg->dialog->path);
	if (no_sub)
		sip_put_lit(&headers, "Refer-Sub: false\r\n");
	call_reply(stxn, 202, sip_buf_view(&headers));
}

/* The REFER is one that the box acts on. NULL: memory is short. */
static struct call_transfer *asked(
	struct leg *leg, const struct sip_msg *refer, const struct sip_uri *uri, bool no_sub)
{
	struct call_transfer *t = transfer_new(leg->call, ROLE_FROM);

	if (!t)
		return NULL;
	t->side = leg->side;
	t->subscribed = !no_sub;
	snprintf(t->event, sizeof(t->event), leg->refer.n > 0 ? "refer;id=%u" : "refer",
		refer->cseq.number);
	leg->refer.n++;
	if (policy_user_text(uri, t->number, sizeof(t->number)) < 0)
		snprintf(t->number, sizeof(t->number), "(unknown)");
	return t;
}

static void begin(struct leg *leg, struct sip_stxn *stxn, bool no_sub)
{
	leg->call->rec.transfer = CTL_TRANSFER_ASKED;
	say_accepted(leg, stxn, no_sub);
	call_checkpoint(leg->call);
	notify(leg->call, 100, false);
}

/* The other call takes part. false: memory is short. */
static bool take_part(struct call_transfer *t, struct leg *named)
{
	struct call_transfer *with = transfer_new(named->call, ROLE_WITH);

	if (!with)
		return false;
	with->side = named->side;
	memcpy(t->number, number_of(leg_other(named)), sizeof(t->number));
	memcpy(with->number, t->number, sizeof(with->number));
	return true;
}

unsigned int call_transfer_start(struct leg *leg, struct sip_stxn *stxn,
	const struct sip_msg *refer, const struct sip_uri *uri, struct leg *named, bool no_sub)
{
	struct call *from = leg->call;
	struct call_transfer *t;

	if (from->transfer || (named && named->call->transfer))
		return 491;
	/* What is named is another call of two far ends than this one. */
	if (named &&
		(named->call == from || named->call->local.on || named->call->state != CALL_UP))
		return 400;
	t = asked(leg, refer, uri, no_sub);
	if (!t || (named && !take_part(t, named))) {
		call_transfer_free(from);
		return 500;
	}
	begin(leg, stxn, no_sub);
	if (named)
		start_attended(leg, named);
	else
		start_blind(leg, uri, refer);
	return 0;
}

unsigned int call_transfer_ask(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *refer,
	const struct sip_uri *uri, const struct replaces *named, unsigned int worker, bool no_sub)
{
	struct call *from = leg->call;
	struct call_ticket ticket = ticket_of(from);
	struct call_transfer *t;

	if (from->transfer)
		return 491;
	t = asked(leg, refer, uri, no_sub);
	if (!t || call_move_ask(from->b, worker, named, &ticket) < 0) {
		call_transfer_free(from);
		return 500;
	}
	t->asks = true;
	twheel_start(from->b->env.wheel, &t->timer, ASK_MS);
	begin(leg, stxn, no_sub);
	return 0;
}

void call_transfer_found(
	struct b2b *b, const struct call_ticket *ticket, struct leg *named, unsigned int status)
{
	struct call *from = call_of(b, *ticket);
	struct call_transfer *t = from ? from->transfer : NULL;

	if (!t || !t->asks || from->state != CALL_UP)
		return; /* the call is here, and goes on as it was */
	t->asks = false;
	twheel_stop(b->env.wheel, &t->timer);
	if (named && (named->call->transfer || !take_part(t, named))) {
		named = NULL;
		status = 500;
	}
	if (named)
		start_attended(transferor(from), named);
	else
		part_free(b, *ticket, status);
}
