/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digits by SIP INFO. What a leg with that way sends becomes INFO on the other leg, or a digit in
 * that leg's media (CTL_DTMF to limen-control); what the data plane hears in the media of one leg
 * becomes INFO on the other when that is its way. Digits of a leg that has another way come in the
 * media too, so INFO with them is answered and does nothing: no digit comes twice.
 *
 * One INFO of a leg is under way at a time, so that digits keep their order also over UDP. Digits
 * are in no log.
 */
#include "sip-b2bua/b2b/relay.h"

#include <inttypes.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("dtmf");

static const struct view none = {NULL, 0};

static void info_next(struct leg *leg);

static uint8_t way_of(const struct leg *leg)
{
	return leg->call->rec.dtmf[leg->side];
}

/* ---- INFO to a leg ---- */

static void info_over(struct leg *leg, bool sent)
{
	struct leg_dtmf *d = &leg->dtmf;

	d->out = NULL;
	leg->call->b->env.stats->dtmf_lost += !sent;
	d->first = (uint8_t)((d->first + 1) % LEG_DIGITS_MAX);
	d->n--;
	info_next(leg);
}

static void info_response(
	struct sip_ctxn *ctxn, const struct sip_msg *msg, const struct sip_path *path, void *arg)
{
	struct leg *leg = arg;

	if (msg->status < 200)
		return;
	sip_ctxn_detach(ctxn);
	/* RFC 3261 21.4.13: the other of the two forms, once in a call. */
	if (msg->status == 415 && !leg->dtmf.other_form) {
		leg->dtmf.other_form = true;
		leg->dtmf.form = leg->dtmf.form == DTMF_INFO_DTMF ? DTMF_INFO_RELAY
								  : DTMF_INFO_DTMF;
		leg->dtmf.out = NULL;
		info_next(leg);
		return;
	}
	if (msg->status >= 300)
		log_notice("call %016" PRIx64 ": its %s refuses a digit by INFO with %u",
			leg->call->rec.id, leg->side == LEG_A ? "caller" : "called side",
			msg->status);
	info_over(leg, msg->status < 300);
}

static void info_failed(struct sip_ctxn *ctxn, int err, void *arg)
{
	sip_ctxn_detach(ctxn);
	info_over(arg, false);
}

static const struct sip_ctxn_ops info_ops = {.response = info_response, .failed = info_failed};

static int info_send(struct leg *leg, const struct dtmf_info *info)
{
	struct b2b *b = leg->call->b;
	struct leg_dtmf *d = &leg->dtmf;
	enum dtmf_info_form form = d->form ? (enum dtmf_info_form)d->form : DTMF_INFO_RELAY;
	char text[DTMF_INFO_TEXT_MAX];
	struct sip_buf buf;
	int rc = sip_ctxn_new(b->env.txns, SIP_M_INFO, &info_ops, leg, &d->out);

	if (rc < 0) {
		d->out = NULL;
		return rc;
	}
	d->form = (uint8_t)form;
	sip_buf_init(&buf, b->msg_buf, sizeof(b->msg_buf));
	dialog_put_request(&buf, leg->dialog, SIP_M_INFO, dialog_next_cseq(leg->dialog),
		sip_ctxn_branch(d->out), b->cfg->max_forwards);
	leg_put_contact(&buf, leg, &leg->dialog->path);
	sip_put_hdr(&buf, SIP_H_USER_AGENT, VIEW(POLICY_PRODUCT));
	leg_put_session_id(&buf, leg);
	rc = sip_build_end(
		&buf, dtmf_info_type(form), (struct view){text, dtmf_info_print(form, info, text)});
	if (rc < 0)
		sip_ctxn_discard(d->out);
	else
		rc = sip_ctxn_send(d->out, &leg->dialog->path, sip_buf_view(&buf));
	if (rc < 0)
		d->out = NULL;
	else
		b->env.stats->dtmf_out++;
	return rc;
}

static void info_next(struct leg *leg)
{
	struct leg_dtmf *d = &leg->dtmf;

	while (d->n > 0 && !d->out) {
		if (leg->call->state != CALL_ENDING && leg->dialog &&
			leg->dialog->state == DIALOG_CONFIRMED &&
			info_send(leg, &d->queue[d->first]) == 0)
			return;
		leg->call->b->env.stats->dtmf_lost++;
		d->first = (uint8_t)((d->first + 1) % LEG_DIGITS_MAX);
		d->n--;
	}
}

static void info_put(struct leg *leg, const struct dtmf_info *info)
{
	struct leg_dtmf *d = &leg->dtmf;

	if (d->n == LEG_DIGITS_MAX) {
		leg->call->b->env.stats->dtmf_lost++;
		return;
	}
	d->queue[(d->first + d->n++) % LEG_DIGITS_MAX] = *info;
	info_next(leg);
}

/* ---- from one leg to the other ---- */

/* Into the media of a leg. */
static void media_put(struct leg *leg, const struct dtmf_info *info)
{
	struct call *call = leg->call;
	struct b2b *b = call->b;
	struct ctl_dtmf msg = {.call_id = call->rec.id,
		.media_index = call->media.dtmf_line,
		.leg = leg->side,
		.duration_ms = info->duration_ms,
		.digit = (uint8_t)info->digit};

	/* another one than before a restart, too */
	if (leg->dtmf.serial == 0)
		leg->dtmf.serial = (uint32_t)b->env.ops->wall_ms(b->env.ctx);
	msg.serial = ++leg->dtmf.serial ? leg->dtmf.serial : ++leg->dtmf.serial;
	if (!b->control_up ||
		b->env.ops->control_send(b->env.ctx, CTL_DTMF, 0, &msg, sizeof(msg), NULL, 0) < 0)
		b->env.stats->dtmf_lost++;
}

/* A digit that came from a leg by INFO. */
static void go_on(struct leg *from, const struct dtmf_info *info)
{
	struct leg *to = leg_other(from);

	switch (way_of(to)) {
	case CTL_DTMF_SIP_INFO:
		info_put(to, info);
		break;
	case CTL_DTMF_RTP_NTE:
	case CTL_DTMF_INBAND:
		media_put(to, info);
		break;
	default:
		from->call->b->env.stats->dtmf_lost++;
		break;
	}
}

void call_info(struct leg *leg, struct sip_stxn *stxn, const struct sip_msg *msg)
{
	struct ctl_sip_stats *stats = leg->call->b->env.stats;
	enum dtmf_info_form form = DTMF_INFO_NONE;
	struct view type, subtype, params;
	struct dtmf_info info;

	if (msg->body.n == 0) {
		call_reply(stxn, 200, none); /* RFC 2976: some see so whether a dialog lives */
		return;
	}
	if (sip_msg_content_type(msg, &type, &subtype, &params) == 0)
		form = dtmf_info_form(type, subtype);
	if (form == DTMF_INFO_NONE && relay_in_call(leg, stxn, msg))
		return;
	if (form == DTMF_INFO_NONE) {
		call_reply(stxn, 415, VIEW("Accept: application/dtmf-relay, application/dtmf\r\n"));
		return;
	}
	if (dtmf_info_parse(form, msg->body, &info) < 0) {
		call_reply(stxn, 400, none);
		return;
	}
	call_reply(stxn, 200, none);
	if (leg->call->state == CALL_ENDING)
		return;
	stats->dtmf_in++;
	if (way_of(leg) != CTL_DTMF_SIP_INFO) {
		stats->dtmf_ignored++;
		return;
	}
	/* Who sends one form takes it. */
	if (!leg->dtmf.form)
		leg->dtmf.form = (uint8_t)form;
	leg->call->rec.digits[leg->side]++;
	go_on(leg, &info);
}

/* A digit that the data plane heard in the media of a leg. */
void b2b_dtmf(struct b2b *b, const struct ctl_dtmf *msg)
{
	struct call *call = sip_slab_find(
		b->calls, (uint32_t)(msg->token >> 32), (uint32_t)msg->token);
	struct dtmf_info info = {.digit = (char)msg->digit, .duration_ms = msg->duration_ms};
	struct leg *to;

	if (!call || call->rec.id != msg->call_id || call->state == CALL_ENDING ||
		msg->leg >= DP_LEGS || msg->media_index != call->media.dtmf_line)
		return;
	to = &call->leg[!msg->leg];
	if (way_of(to) == CTL_DTMF_SIP_INFO && way_of(leg_other(to)) != CTL_DTMF_SIP_INFO)
		info_put(to, &info);
}

void leg_dtmf_clear(struct leg *leg)
{
	if (leg->dtmf.out)
		sip_ctxn_detach(leg->dtmf.out);
	leg->dtmf.out = NULL;
	leg->dtmf.n = 0;
}
