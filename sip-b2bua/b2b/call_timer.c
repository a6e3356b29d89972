/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Session timers (RFC 4028), each leg for itself: what the box asks for and grants, the refresh by
 * UPDATE or, where a far end does not take that, by a re-INVITE with the description it has already
 * (call_told.c),
 * and the end of a call whose far end does not refresh. A far end without session timers is
 * refreshed by the box, if its side says "session refresh"; so one that is gone is found.
 *
 * Each 2xx to an INVITE or UPDATE of a leg, whoever sent it, starts the interval anew (7.2, 9).
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>

#include "controlplane/base/log.h"
#include "controlplane/base/siphash.h"
#include "sip-b2bua/b2b/reason.h"

LOG_TOPIC("timer");

#define MIN_SE_S	  90	/* RFC 4028 5: no interval is shorter */
#define BUSY_MS		  5000	/* until a refresh that met an open exchange is tried again */
#define FAILED_MS	  10000 /* and one that was refused */
#define REINVITE_MS	  32000 /* for the answer to a re-INVITE that refreshes */
#define TRIES_422_MAX	  3
#define RESTORE_SPREAD_MS 15000

static const struct view none = {NULL, 0};

static const char *side_text(const struct leg *leg)
{
	return leg->side == LEG_A ? "caller" : "called side";
}

/* ---- terms ---- */

void leg_timer_terms(struct leg *leg, const struct cfg_realm *realm, const struct cfg_trunk *trunk)
{
	struct leg_timer *t = &leg->se;

	leg_timer_stop(leg);
	t->interval_s = 0;
	t->min_s = trunk && trunk->min_se_s ? trunk->min_se_s : realm->min_se_s;
	if (t->min_s < MIN_SE_S)
		t->min_s = MIN_SE_S;
	t->expires_s = trunk && trunk->session_expires_s ? trunk->session_expires_s
							 : realm->session_expires_s;
	if (t->expires_s < t->min_s)
		t->expires_s = t->min_s;
	t->wanted = realm->session_refresh || (trunk && trunk->session_refresh);
	t->known = false;
	t->n_422 = 0;
}

static void learn(struct leg *leg, const struct sip_msg *msg)
{
	if (sip_msg_has_token(msg, SIP_H_SUPPORTED, VIEW("timer")) ||
		sip_msg_has_token(msg, SIP_H_REQUIRE, VIEW("timer")))
		leg->se.known = true;
}

/* The interval in a message, and who refreshes: 'a' who asked, 's' who answered, 0 not said. */
static uint32_t expires_of(const struct sip_msg *msg, char *ret_refresher)
{
	struct view value = sip_msg_value(msg, SIP_H_SESSION_EXPIRES), params, who;
	const char *semi = value.n ? memchr(value.p, ';', value.n) : NULL;
	uint32_t s;

	*ret_refresher = 0;
	if (sip_msg_seconds(msg, SIP_H_SESSION_EXPIRES, &s) < 0)
		return 0;
	if (semi) {
		params = (struct view){semi + 1, value.n - (size_t)(semi + 1 - value.p)};
		if (sip_params_get(params, VIEW("refresher"), &who))
			*ret_refresher = view_eq_nocase(who, VIEW("uac"))   ? 'a'
					 : view_eq_nocase(who, VIEW("uas")) ? 's'
									    : 0;
	}
	return s;
}

/* ---- the clock ---- */

static uint64_t now_ms(const struct leg *leg)
{
	return twheel_now(leg->call->b->env.wheel);
}

/* When a session that nobody refreshes ends: a little before its interval does (RFC 4028 10). */
static uint64_t guard_ms(const struct leg_timer *t)
{
	return t->interval_s / 3 < 32 ? (uint64_t)t->interval_s * 1000 / 3 : 32000;
}

static void wait_ms(struct leg *leg, uint64_t ms)
{
	struct leg_timer *t = &leg->se;
	uint64_t left = t->end_ms > now_ms(leg) ? t->end_ms - now_ms(leg) : 1;

	twheel_start(leg->call->b->env.wheel, &t->timer, ms < left ? ms : left);
}

/* For show commands. */
static void record(struct leg *leg)
{
	const struct leg_timer *t = &leg->se;
	struct ctl_call *rec = &leg->call->rec;
	const struct b2b *b = leg->call->b;
	uint64_t left = t->end_ms > now_ms(leg) ? t->end_ms - now_ms(leg) : 0;

	rec->se_interval_s[leg->side] = t->interval_s;
	rec->se_we[leg->side] = t->interval_s && t->we;
	rec->se_end_ms[leg->side] = t->interval_s ? b->env.ops->wall_ms(b->env.ctx) + left : 0;
}

/* The interval begins. */
static void begin(struct leg *leg, uint32_t interval_s, bool we)
{
	struct leg_timer *t = &leg->se;

	t->interval_s = interval_s < MIN_SE_S ? MIN_SE_S : interval_s;
	t->we = we;
	t->end_ms = now_ms(leg) + (uint64_t)t->interval_s * 1000 - guard_ms(t);
	wait_ms(leg, we ? (uint64_t)t->interval_s * 500 : UINT64_MAX);
	record(leg);
}

void leg_timer_pause(struct leg *leg)
{
	twheel_stop(leg->call->b->env.wheel, &leg->se.timer);
}

void leg_timer_resume(struct leg *leg)
{
	const struct leg_timer *t = &leg->se;
	uint64_t due = t->end_ms + guard_ms(t) - (uint64_t)t->interval_s * 500;

	record(leg);
	if (t->interval_s == 0)
		return;
	wait_ms(leg, !t->we ? UINT64_MAX : due > now_ms(leg) ? due - now_ms(leg) : 1);
}

void leg_timer_stop(struct leg *leg)
{
	struct leg_timer *t = &leg->se;

	if (leg->call->b)
		twheel_stop(leg->call->b->env.wheel, &t->timer);
	if (t->out)
		sip_ctxn_detach(t->out);
	t->out = NULL;
	t->reinvite = false;
}

void leg_timer_restored(struct leg *leg)
{
	struct leg_timer *t = &leg->se;
	uint64_t spread = siphash24(leg->call->b->id_key, &leg->call->rec.id,
				  sizeof(leg->call->rec.id)) %
			  RESTORE_SPREAD_MS;

	if (t->interval_s == 0)
		return;
	begin(leg, t->interval_s, t->we);
	/* How long ago the last refresh was is not known: the next one is due, but not of all calls
	 * at once. */
	if (t->we)
		wait_ms(leg, 1000 + spread);
}

/* ---- what the far end asks for ---- */

bool leg_timer_check(struct leg *leg, const struct sip_msg *request, struct sip_buf *headers)
{
	uint32_t s;
	char refresher;

	learn(leg, request);
	s = expires_of(request, &refresher);
	/* Who does not know timers cannot ask again; a proxy on the way has put it there. */
	if (s == 0 || s >= leg->se.min_s || !leg->se.known)
		return true;
	sip_put_hdr_u64(headers, SIP_H_MIN_SE, leg->se.min_s);
	leg->call->b->env.stats->se_refused++;
	return false;
}

void leg_timer_put_response(struct leg *leg, const struct sip_msg *request, struct sip_buf *buf)
{
	struct leg_timer *t = &leg->se;
	char refresher;
	uint32_t s = expires_of(request, &refresher), least;

	if (s == 0 && !t->wanted && t->interval_s == 0)
		return;
	if (s == 0) {
		s = t->interval_s ? t->interval_s : t->expires_s;
		/* RFC 4028 9: not below what is tolerable on the way here. */
		if (sip_msg_seconds(request, SIP_H_MIN_SE, &least) == 0 && s < least)
			s = least;
		refresher = 0;
	}
	if (!t->known || (refresher == 0 && t->interval_s && t->we))
		refresher = 's';
	else if (refresher == 0)
		refresher = 'a';
	if (refresher == 'a')
		sip_put_hdr(buf, SIP_H_REQUIRE, VIEW("timer"));
	sip_put_hdr_start(buf, SIP_H_SESSION_EXPIRES);
	sip_put_u64(buf, s < MIN_SE_S ? MIN_SE_S : s);
	sip_put(buf, refresher == 'a' ? VIEW(";refresher=uac\r\n") : VIEW(";refresher=uas\r\n"));
	begin(leg, s, refresher == 's');
}

/* ---- what the box asks for ---- */

void leg_timer_put_request(struct leg *leg, struct sip_buf *buf)
{
	struct leg_timer *t = &leg->se;

	if (t->interval_s == 0 && !t->wanted)
		return;
	sip_put_hdr_start(buf, SIP_H_SESSION_EXPIRES);
	sip_put_u64(buf, t->interval_s ? t->interval_s : t->expires_s);
	if (t->interval_s)
		sip_put(buf, t->we ? VIEW(";refresher=uac") : VIEW(";refresher=uas"));
	sip_put_crlf(buf);
	if (t->min_s > MIN_SE_S)
		sip_put_hdr_u64(buf, SIP_H_MIN_SE, t->min_s);
}

void leg_timer_take_response(struct leg *leg, const struct sip_msg *msg)
{
	struct leg_timer *t = &leg->se;
	char refresher;
	uint32_t s;

	learn(leg, msg);
	t->n_422 = 0;
	s = expires_of(msg, &refresher);
	if (s > 0) {
		begin(leg, s, refresher != 's');
	} else if (t->interval_s || t->wanted) {
		/* It knows no timers: the box alone looks whether it is there (RFC 4028 7.2). */
		begin(leg, t->interval_s ? t->interval_s : t->expires_s, true);
	}
}

bool leg_timer_take_422(struct leg *leg, unsigned int status, const struct sip_msg *msg)
{
	struct leg_timer *t = &leg->se;
	uint32_t least;

	if (status != 422 || !msg || t->n_422 == TRIES_422_MAX ||
		sip_msg_seconds(msg, SIP_H_MIN_SE, &least) < 0 || least <= t->min_s)
		return false;
	t->n_422++;
	t->min_s = least;
	if (t->expires_s < least)
		t->expires_s = least;
	if (t->interval_s && t->interval_s < least)
		t->interval_s = least;
	return true;
}

/* ---- refresh ---- */

static void expire(struct leg *leg, const char *what)
{
	struct call *call = leg->call;

	call->b->env.stats->se_expired++;
	call_end(call, &(struct call_why){.by = CTL_BY_BOX,
			       .status = 200,
			       .q850 = 102,
			       .reason = reason_say(call->b, "the session timer of the %s: %s",
				       side_text(leg), what)});
}

static void refresh(struct leg *leg);

/* RFC 4028 10: what says that nobody is there ends the session, anything else is tried again. */
static void refresh_refused(struct leg *leg, unsigned int status, const struct sip_msg *msg)
{
	uint64_t key[2] = {leg->call->rec.id, now_ms(leg)};
	uint64_t random = siphash24(leg->call->b->id_key, key, sizeof(key));

	if (leg_auth_take(leg, status, msg) || leg_timer_take_422(leg, status, msg)) {
		refresh(leg);
	} else if (status == 408 || status == 481) {
		expire(leg, "a refresh found the far end gone");
	} else if (leg->peer_update && (status == 405 || status == 501)) {
		leg->peer_update = false;
		leg->no_update = true;
		refresh(leg);
	} else if (status == 491) {
		/* RFC 3261 14.1: the owner of the Call-ID waits longer. */
		wait_ms(leg, leg->side == LEG_B ? 2100 + random % 190 * 10 : random % 200 * 10 + 1);
	} else {
		log_info("call %016" PRIx64 ": its %s refuses a session refresh with %u",
			leg->call->rec.id, side_text(leg), status);
		wait_ms(leg, FAILED_MS);
	}
}

static void update_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct leg *leg = arg;

	if (msg->status < 200)
		return;
	sip_ctxn_detach(ctxn);
	leg->se.out = NULL;
	if (msg->status >= 300) {
		refresh_refused(leg, msg->status, msg);
		return;
	}
	leg_auth_accepted(leg);
	if (dialog_refresh(leg->dialog, msg, path) < 0)
		log_info(
			"call %016" PRIx64 ": the Contact of a 200 is not used", leg->call->rec.id);
	leg_timer_take_response(leg, msg);
	call_checkpoint(leg->call);
}

static void update_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	struct leg *leg = arg;

	sip_ctxn_detach(ctxn);
	leg->se.out = NULL;
	refresh_refused(leg, err == -ETIMEDOUT ? 408 : 503, NULL);
}

static const struct sip_ctxn_ops update_ops = {
	.response = update_response, .failed = update_failed};

static int refresh_send(struct leg *leg, bool update)
{
	struct call *call = leg->call;
	struct b2b *b = call->b;
	struct view sdp = update ? none : (struct view){leg->told, leg->told_len};
	struct sip_ctxn *ctxn;
	struct sip_buf buf;
	uint32_t cseq;
	int rc;

	if (!update && sdp.n == 0)
		return -ENOENT;
	rc = sip_ctxn_new(b->env.txns, update ? SIP_M_UPDATE : SIP_M_INVITE,
		update ? &update_ops : &leg_invite_ops, leg, &ctxn);
	if (rc < 0)
		return rc;
	cseq = dialog_next_cseq(leg->dialog);
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, leg->dialog, update ? SIP_M_UPDATE : SIP_M_INVITE, cseq,
		sip_ctxn_branch(ctxn), b->cfg->max_forwards);
	leg_put_contact(&buf, leg, &leg->dialog->path);
	sip_put_hdr(&buf, SIP_H_ALLOW, VIEW(POLICY_ALLOW));
	sip_put_hdr(&buf, SIP_H_SUPPORTED, VIEW("timer"));
	leg_timer_put_request(leg, &buf);
	sip_put_hdr(&buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_auth(
		leg, &buf, update ? SIP_M_UPDATE : SIP_M_INVITE, dialog_request_uri(leg->dialog));
	rc = sip_build_end(&buf, sdp.n > 0 ? VIEW("application/sdp") : none, sdp);
	if (rc < 0) {
		sip_ctxn_discard(ctxn);
		return rc;
	}
	rc = sip_ctxn_send(ctxn, &leg->dialog->path, sip_buf_view(&buf));
	if (rc < 0)
		return rc;
	b->env.stats->se_refreshes++;
	if (update) {
		leg->se.out = ctxn;
		return 0;
	}
	leg->out = ctxn;
	leg->out_cseq = cseq;
	leg->se.reinvite = true;
	oa_send(&leg->oa, OA_INVITE, true);
	twheel_start(b->env.wheel, &call->timer, REINVITE_MS);
	return 0;
}

static void refresh(struct leg *leg)
{
	struct call *call = leg->call;
	int rc;

	/* What is under way refreshes the session as well, if it succeeds. */
	if (leg->se.out || call_exchange_open(call)) {
		wait_ms(leg, BUSY_MS);
		return;
	}
	rc = refresh_send(leg, leg->peer_update);
	if (rc < 0) {
		log_warning("call %016" PRIx64 ": its %s is not refreshed: %s", call->rec.id,
			side_text(leg), strerror(-rc));
		wait_ms(leg, FAILED_MS);
		return;
	}
	/* Its answer goes on from here; should that be lost, the end of the interval. */
	wait_ms(leg, UINT64_MAX);
}

bool leg_timer_success(struct leg *leg, const struct sip_msg *msg)
{
	if (!leg->se.reinvite)
		return false;
	leg->se.reinvite = false;
	oa_receive(&leg->oa, OA_SUCCESS, sip_msg_is_sdp(msg));
	leg_ack(leg, none);
	call_checkpoint(leg->call);
	call_follow(leg, sip_msg_is_sdp(msg) ? msg->body : none);
	return true;
}

void leg_revert(struct leg *leg)
{
	int rc = refresh_send(leg, false);

	if (rc == 0)
		return;
	call_end(leg->call,
		&(struct call_why){.by = CTL_BY_BOX,
			.status = 200,
			.q850 = 41,
			.reason = reason_say(leg->call->b,
				"the %s could not be told that a transfer has failed: %s",
				side_text(leg), strerror(-rc))});
}

bool leg_reverted(struct leg *leg, const struct sip_msg *msg)
{
	enum oa_event event;

	if (!leg->reverts)
		return false;
	leg->reverts = false;
	event = oa_receive(&leg->oa, OA_SUCCESS, sip_msg_is_sdp(msg));
	leg_ack(leg, event == OA_OFFER ? (struct view){leg->told, leg->told_len} : none);
	leg_told(leg, false);
	leg_revert(leg);
	return true;
}

bool leg_timer_refused(struct leg *leg, unsigned int status, const struct sip_msg *msg)
{
	if (!leg->se.reinvite)
		return false;
	leg->se.reinvite = false;
	refresh_refused(leg, status, msg);
	return true;
}

static void timer_fired(struct twheel_timer *timer, void *arg)
{
	struct leg *leg = arg;
	struct leg_timer *t = &leg->se;

	if (leg->call->state == CALL_ENDING)
		return;
	if (now_ms(leg) >= t->end_ms)
		expire(leg, t->we ? "no refresh of the box was answered in time"
				  : "the far end did not refresh in time");
	else if (t->we && leg->call->state == CALL_UP)
		refresh(leg);
	else if (t->we)
		wait_ms(leg, BUSY_MS); /* it is answered, and waits for the caller's PRACK */
	else
		wait_ms(leg, UINT64_MAX);
}

void leg_timer_init(struct leg *leg)
{
	twheel_timer_init(&leg->se.timer, timer_fired, leg);
}

/* ---- checkpoint ---- */

void leg_timer_checkpoint(const struct leg *leg, struct ckpt_out *out)
{
	const struct leg_timer *t = &leg->se;
	bool repeats = ((t->interval_s && t->we) || call_may_be_transferred(leg->call)) &&
		       leg->told_len <= LEG_TOLD_CKPT_MAX;

	ckpt_put_u(out, t->interval_s, 4);
	ckpt_put_u(out, t->min_s, 4);
	ckpt_put_u(out, t->expires_s, 4);
	ckpt_put_u(out, (t->we ? 1u : 0u) | (t->known ? 2u : 0u) | (t->wanted ? 4u : 0u), 1);
	ckpt_put_view(out, repeats ? (struct view){leg->told, leg->told_len} : none);
	repeats = repeats && leg->heard_len <= LEG_TOLD_CKPT_MAX;
	ckpt_put_view(out, repeats ? (struct view){leg->heard, leg->heard_len} : none);
}

void leg_timer_restore(struct leg *leg, struct ckpt_in *in)
{
	struct leg_timer *t = &leg->se;
	unsigned int flags;

	t->interval_s = (uint32_t)ckpt_get_u(in, 4);
	t->min_s = (uint32_t)ckpt_get_u(in, 4);
	t->expires_s = (uint32_t)ckpt_get_u(in, 4);
	flags = (unsigned int)ckpt_get_u(in, 1);
	if (flags > 7 || (t->interval_s && t->interval_s < MIN_SE_S))
		in->failed = true;
	t->we = flags & 1;
	t->known = flags & 2;
	t->wanted = flags & 4;
	call_copy_set(&leg->told, &leg->told_len, ckpt_get_view(in, LEG_TOLD_CKPT_MAX));
	call_copy_set(&leg->heard, &leg->heard_len, ckpt_get_view(in, LEG_TOLD_CKPT_MAX));
}
