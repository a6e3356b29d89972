/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Offers, answers and ports. An offer waits here, as a copy, until its lines have ports on both
 * sides. The answer in a 2xx waits until the data plane knows it: whoever is told that the call is
 * up talks at once, and the first word is not to be lost. Early answers go straight on.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/reason.h"

LOG_TOPIC("media");

static const char too_long[] = "the session description would be longer than the box can send";
static const char no_memory[] = "memory is short";

void call_close_lines(struct call *call, uint32_t lines)
{
	for (unsigned int i = 0; i < call->media.n_lines; i++) {
		if (!(lines & 1u << i))
			continue;
		control_media_close(call, i);
		call->media.line[i]->seq = 0;
		call->media.line[i]->state = MEDIA_UNUSED;
	}
}

void call_media_wants(struct call *call)
{
	for (unsigned int i = 0; i < call->media.n_lines; i++) {
		struct media_line *line = call->media.line[i];

		if (line->state != MEDIA_WANTED && line->state != MEDIA_ASKED)
			continue;
		/* While limen-control is away the line stays wanted; the timer bounds the wait. */
		line->state = control_media_set(call, i) == 0 ? MEDIA_ASKED : MEDIA_WANTED;
	}
}

/* The exchange that waits for ports cannot go on. */
static void exchange_refuse(struct call *call, unsigned int status, const char *reason)
{
	struct leg *from = &call->leg[call->offer_leg];
	char headers[64];
	struct sip_buf buf;

	sip_buf_init(&buf, headers, sizeof(headers));
	if (status == 503)
		sip_put_hdr_u64(&buf, SIP_H_RETRY_AFTER, B2B_RETRY_AFTER_S);
	/* An offer in a 2xx cannot be refused any more; a re-offer in an INVITE can. */
	if ((call->state != CALL_UP && !from->update.on) || call->then == THEN_SUCCESS ||
		call->then == THEN_JOIN) {
		call_end(call, &(struct call_why){.by = CTL_BY_BOX,
				       .status = (uint16_t)status,
				       .headers = sip_buf_view(&buf),
				       .q850 = 47,
				       .reason = reason});
		return;
	}
	call->then = THEN_NOTHING;
	twheel_stop(call->b->env.wheel, &call->timer);
	call_exchange_fail(call);
	leg_refuse_offer(from, status, sip_buf_view(&buf));
}

/* The answer goes on: to the other leg in its 2xx, with an ACK to its sender. */
static void answer_proceed(struct call *call)
{
	struct leg *from = &call->leg[!call->media.offerer];

	if (from->ack_owed)
		leg_ack(from, (struct view){NULL, 0});
	if (call_transfer_answered(from) || call_followed(from))
		return;
	call_forward_success(leg_other(from), (struct view){call->answer, call->answer_len});
}

void call_put_warning(struct sip_buf *headers, const char *reason)
{
	sip_put_lit(headers, "Warning: 305 limen \"");
	sip_put(headers, view_of(reason));
	sip_put_lit(headers, "\"\r\n");
}

unsigned int call_unprintable(
	struct call *call, int rc, struct sip_buf *headers, const char **ret_reason)
{
	bool soon;

	*ret_reason = too_long;
	if (rc != -ENOTSUP)
		return 500;
	*ret_reason = media_map_no_codec(&call->media, &soon);
	call->b->env.stats->codec_refused++;
	if (soon)
		sip_put_hdr_u64(headers, SIP_H_RETRY_AFTER, B2B_RETRY_AFTER_S);
	else
		call_put_warning(headers, *ret_reason);
	return soon ? 503 : 488;
}

/* The lines are as they were asked for: the offer, or the answer, goes on. */
static void call_proceed(struct call *call)
{
	enum call_then then = (enum call_then)call->then;
	struct leg *to = &call->leg[!call->offer_leg];
	struct sip_buf headers;
	const char *reason;
	char text[CALL_HEADERS_MAX];
	unsigned int status;
	struct view sdp;
	int rc;

	sip_buf_init(&headers, text, sizeof(text));
	call->then = THEN_NOTHING;
	twheel_stop(call->b->env.wheel, &call->timer);
	if (then == THEN_INVITE && call->local.on) {
		call_local_proceed(call);
	} else if (then == THEN_INVITE && call->state == CALL_UP) {
		rc = leg_reinvite(to);
		if (rc < 0) {
			status = call_unprintable(call, rc, &headers, &reason);
			call_exchange_fail(call);
			leg_refuse_offer(leg_other(to), status, sip_buf_view(&headers));
		}
	} else if (then == THEN_UPDATE) {
		rc = leg_update_out(to);
		if (rc < 0) {
			status = call_unprintable(call, rc, &headers, &reason);
			call_exchange_fail(call);
			leg_refuse_offer(leg_other(to), status, sip_buf_view(&headers));
		} else {
			call_answer_timer(call);
		}
	} else if (then == THEN_LOCAL) {
		call_update_local(call);
	} else if (then == THEN_INVITE) {
		if (call_invite_out(call) < 0)
			call_hunt(call);
	} else if (then == THEN_RELIABLE) {
		rc = call_send_early_offer(call);
		if (rc < 0) {
			status = call_unprintable(call, rc, &headers, &reason);
			call_end(call, &(struct call_why){.by = CTL_BY_BOX,
					       .status = (uint16_t)status,
					       .headers = sip_buf_view(&headers),
					       .reason = reason});
		} else {
			call_answer_timer(call);
		}
	} else if (then == THEN_SUCCESS) {
		rc = call_offer_text(call, &sdp);
		if (rc < 0) {
			status = call_unprintable(call, rc, &headers, &reason);
			call_end(call, &(struct call_why){.by = CTL_BY_BOX,
					       .status = (uint16_t)(rc == -ENOTSUP ? status : 502),
					       .headers = sip_buf_view(&headers),
					       .reason = reason});
		} else {
			call_send_success(to, sdp);
		}
	} else if (then == THEN_JOIN) {
		call_transfer_join(call);
	} else if (then == THEN_ANSWER) {
		answer_proceed(call);
	}
}

void call_media_timeout(struct call *call)
{
	if (call->then == THEN_NOTHING && call->state != CALL_MEDIA)
		return;
	if (call->then == THEN_ANSWER) {
		log_warning("call %016llx: goes up before limen-control confirmed its media",
			(unsigned long long)call->rec.id);
		call_proceed(call);
		return;
	}
	exchange_refuse(call, 503,
		call->b->control_up ? "limen-control gave no media ports in time"
				    : "limen-control is not reachable");
}

void call_offer_wait(struct call *call, enum call_then then)
{
	struct b2b *b = call->b;

	call->then = (uint8_t)then;
	if (media_map_all_open(&call->media)) {
		call_proceed(call);
		return;
	}
	twheel_start(b->env.wheel, &call->timer, B2B_MEDIA_WAIT_MS);
	call_media_wants(call);
}

static bool media_outstanding(const struct call *call)
{
	for (unsigned int i = 0; i < call->media.n_lines; i++) {
		if (call->media.line[i]->seq != 0)
			return true;
	}
	return false;
}

int call_answer_wait(struct leg *from, struct view answer)
{
	struct call *call = from->call;

	call_copy_set(&call->answer, &call->answer_len, answer);
	if (!call->answer)
		return -ENOMEM;
	call->then = THEN_ANSWER;
	if (media_outstanding(call))
		twheel_start(call->b->env.wheel, &call->timer, B2B_ANSWER_WAIT_MS);
	else
		call_proceed(call);
	return 0;
}

/* The map has no counters of its own. */
static void srtp_count(struct call *call)
{
	struct ctl_sip_stats *stats = call->b->env.stats;

	stats->crypto_ignored += call->media.n_crypto_ignored;
	stats->srtp_refused += call->media.n_srtp_refused;
	call->media.n_crypto_ignored = call->media.n_srtp_refused = 0;
}

void call_offer_again(struct call *call)
{
	uint32_t set = media_map_offer_again(&call->media);

	call_copy_set(&call->answer, &call->answer_len, (struct view){NULL, 0});
	for (unsigned int i = 0; i < call->media.n_lines; i++) {
		if (set & 1u << i && control_media_set(call, i) < 0)
			log_debug("call %016llx: media line %u is set later",
				(unsigned long long)call->rec.id, i);
	}
}

bool call_fall_back(struct call *call)
{
	if (!call->offer || call->offer_leg != LEG_A || !media_map_fall_back(&call->media, LEG_B))
		return false;
	call->b->env.stats->srtp_fallback++;
	log_info("call %016llx: trunk %s refused SRTP, it is offered RTP",
		(unsigned long long)call->rec.id, call->rec.trunk[LEG_B]);
	call_offer_again(call);
	return true;
}

int call_offer(struct leg *from, struct view sdp, enum call_then then, const char **ret_reason)
{
	struct call *call = from->call;
	struct b2b *b = call->b;
	int rc;

	if (sdp_parse(&b->sdp, sdp) < 0) {
		*ret_reason = reason_bad_sdp(from);
		return -EBADMSG;
	}
	call->media.in_success = then == THEN_SUCCESS;
	media_map_set_own(&call->media, &b->dtls_own);
	media_map_set_transcoder(&call->media, &b->transcoder);
	media_bundle_offer(&call->media, &b->sdp, from->side);
	rc = media_map_offer(&call->media, &b->sdp, from->side, ret_reason);
	srtp_count(call);
	if (rc < 0)
		return rc;
	/* What a 2xx offers in a call that is up cannot be refused any more. */
	if (!(call->state == CALL_MEDIA && then == THEN_INVITE) &&
		!admission_offer(call, from->side, call->state == CALL_UP && then == THEN_SUCCESS,
			ret_reason)) {
		media_map_fail(&call->media);
		return -EDQUOT;
	}
	call_copy_set(&call->offer, &call->offer_len, sdp);
	if (!call->offer) {
		media_map_fail(&call->media);
		*ret_reason = no_memory;
		return -ENOMEM;
	}
	call->offer_leg = from->side;
	if (sdp.p != from->heard)
		leg_hear(from, sdp);
	call_offer_wait(call, then);
	return 0;
}

int call_offer_text(struct call *call, struct view *ret_sdp)
{
	struct b2b *b = call->b;
	struct sip_buf out;
	int rc;

	if (!call->offer || sdp_parse(&b->sdp, (struct view){call->offer, call->offer_len}) < 0)
		return -EINVAL;
	media_bundle_offer(&call->media, &b->sdp, call->offer_leg);
	sip_buf_init(&out, b->sdp_buf, sizeof(b->sdp_buf));
	rc = media_map_print(&call->media, &b->sdp, !call->offer_leg, &out);
	if (rc < 0)
		return rc;
	*ret_sdp = sip_buf_view(&out);
	return 0;
}

int call_answer(struct leg *from, struct view sdp, struct view *ret_sdp, const char **ret_reason)
{
	struct call *call = from->call;
	struct b2b *b = call->b;
	uint32_t set, close;
	struct sip_buf out;
	int rc;

	if (sdp_parse(&b->sdp, sdp) < 0) {
		*ret_reason = reason_bad_sdp(from);
		return -EBADMSG;
	}
	rc = media_bundle_answer(&call->media, &b->sdp, from->side, ret_reason);
	if (rc < 0)
		return rc;
	rc = media_map_answer(&call->media, &b->sdp, from->side, &set, &close, ret_reason);
	srtp_count(call);
	if (rc < 0)
		return rc;
	/* A 2xx that takes no line, because each was SRTP: the offer follows without it. */
	if (set == 0 && from->side == LEG_B && from->oa.state == OA_REST &&
		call->state == CALL_CALLING && call_fall_back(call))
		return -EAGAIN;
	sip_buf_init(&out, b->sdp_buf, sizeof(b->sdp_buf));
	rc = media_map_print(&call->media, &b->sdp, !from->side, &out);
	if (rc < 0) {
		*ret_reason = too_long;
		return rc;
	}
	for (unsigned int i = 0; i < call->media.n_lines; i++) {
		/* While limen-control is away this is made good by the replay. */
		if (set & 1u << i && control_media_set(call, i) < 0)
			log_debug("call %016llx: media line %u is set later",
				(unsigned long long)call->rec.id, i);
	}
	/* An early answer may still be replaced by one that takes the line. */
	if (from->oa.state == OA_REST)
		call_close_lines(call, close);
	memcpy(call->rec.codec, call->media.codec, sizeof(call->rec.codec));
	memcpy(call->rec.dtmf, call->media.dtmf, sizeof(call->rec.dtmf));
	call->rec.transcoded = media_map_transcoded(&call->media);
	leg_hear(from, sdp);
	*ret_sdp = sip_buf_view(&out);
	return 0;
}

void call_exchange_done(struct call *call)
{
	media_map_done(&call->media);
	admission_agreed(call);
	leg_told(&call->leg[LEG_A], true);
	leg_told(&call->leg[LEG_B], true);
	call_copy_set(&call->offer, &call->offer_len, (struct view){NULL, 0});
	call_copy_set(&call->answer, &call->answer_len, (struct view){NULL, 0});
}

void call_exchange_fail(struct call *call)
{
	call->follows = false;
	call_close_lines(call, media_map_fail(&call->media));
	admission_failed(call);
	leg_told(&call->leg[LEG_A], false);
	leg_told(&call->leg[LEG_B], false);
	call_copy_set(&call->offer, &call->offer_len, (struct view){NULL, 0});
	call_copy_set(&call->answer, &call->answer_len, (struct view){NULL, 0});
}

void call_media_reply(struct call *call, unsigned int index, int32_t status,
	const struct ctl_media_opened *opened)
{
	struct media_line *line = call->media.line[index];

	line->seq = 0;
	for (unsigned int leg = 0; status == 0 && opened && leg < DP_LEGS; leg++)
		call_local_length(call, opened->prompt[leg].serial, opened->prompt[leg].length_ms);
	if (line->state == MEDIA_ASKED) {
		if (status == 0 && opened && media_map_opened(&call->media, index, opened) == 0) {
			if (call->then != THEN_NOTHING && media_map_all_open(&call->media))
				call_proceed(call);
			return;
		}
		log_warning("call %016llx: no ports for media line %u: %s",
			(unsigned long long)call->rec.id, index,
			strerror(status < 0 ? -status : EPROTO));
		line->state = MEDIA_UNUSED;
		exchange_refuse(call, 503, reason_media(call, status));
	} else if (status < 0 && call->state != CALL_ENDING) {
		log_warning("call %016llx: media line %u was refused: %s",
			(unsigned long long)call->rec.id, index, strerror(-status));
		call_end(call, &(struct call_why){.by = CTL_BY_BOX,
				       .status = 503,
				       .q850 = 47,
				       .reason = reason_media(call, status)});
	} else if (call->then == THEN_ANSWER && !media_outstanding(call)) {
		call_proceed(call);
	}
}
