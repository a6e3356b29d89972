/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages to limen-control and its replies. Ends of calls are kept until they are acknowledged,
 * over any number of restarts of limen-control; everything else is made good by the replay, which
 * sends each call and each open media line again.
 */
#include "sip-b2bua/b2b/relay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/b2b/targets_private.h"
#include "sip-b2bua/core/sip_slab.h"
#include "sip-b2bua/registrar/registrar.h"

LOG_TOPIC("control");

#define ENDS_MAX      65536 /* kept while limen-control is away */
#define ENDS_RETRY_MS 1000

int control_media_set(struct call *call, unsigned int index)
{
	struct b2b *b = call->b;
	struct media_line *line = call->media.line[index];
	uint32_t seq;
	int rc;

	if (!b->control_up)
		return -EPIPE;
	seq = b->env.ops->control_seq(b->env.ctx);
	rc = b->env.ops->control_send(
		b->env.ctx, CTL_MEDIA_SET, seq, &line->ctl, sizeof(line->ctl), NULL, 0);
	if (rc < 0)
		return rc;
	line->seq = seq;
	b->waits[seq % MEDIA_WAITS] = (struct media_wait){seq, call->slot, call->generation, index};
	return 0;
}

void control_media_forget(struct call *call)
{
	for (unsigned int i = 0; i < call->media.n_lines; i++)
		call->media.line[i]->seq = 0;
}

void b2b_nat_info(struct b2b *b, const struct ctl_nat_info *info)
{
	b->dtls_own = info->own;
}

void b2b_transcoder(struct b2b *b, const struct ctl_transcoder *transcoder)
{
	uint32_t codecs = b->transcoder.codecs;

	b->transcoder = *transcoder;
	/* A limen-control that has just started does not know it; calls that are up still do. */
	if (transcoder->state == CTL_TRANSCODER_AWAY && transcoder->codecs == 0)
		b->transcoder.codecs = codecs;
}

void b2b_media_reply(
	struct b2b *b, uint32_t seq, int32_t status, const struct ctl_media_opened *opened)
{
	struct media_wait wait = b->waits[seq % MEDIA_WAITS];
	struct call *call;

	if (seq == 0 || wait.seq != seq)
		return;
	b->waits[seq % MEDIA_WAITS].seq = 0;
	call = sip_slab_find(b->calls, wait.slot, wait.generation);
	/* An older reply than the one that is waited for says nothing any more. */
	if (call && wait.index < call->media.n_lines && call->media.line[wait.index]->seq == seq)
		call_media_reply(call, wait.index, status, opened);
}

void control_media_close(struct call *call, unsigned int index)
{
	struct b2b *b = call->b;
	struct ctl_media_id id = {.call_id = call->rec.id, .media_index = index};

	if (b->control_up)
		b->env.ops->control_send(b->env.ctx, CTL_MEDIA_CLOSE, 0, &id, sizeof(id), NULL, 0);
}

void call_record_media(struct call *call)
{
	struct ctl_call *rec = &call->rec;

	rec->n_media = 0;
	for (unsigned int i = 0; i < call->media.n_lines; i++)
		rec->n_media += call->media.line[i]->state == MEDIA_OPEN;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct media_srtp *srtp = &call->media.side[leg].srtp;
		uint8_t before = rec->srtp_note[leg];

		rec->srtp[leg] = media_map_srtp(&call->media, leg);
		rec->srtp_keying[leg] = (uint8_t)media_map_keying(&call->media, leg);
		rec->srtp_note[leg] = rec->srtp_keying[leg] != CTL_KEYING_NONE ? CTL_SRTP_NONE
				      : srtp->lost			       ? CTL_SRTP_LOST
				      : srtp->refused			       ? CTL_SRTP_REFUSED
									       : CTL_SRTP_NONE;
		if (rec->srtp_note[leg] == CTL_SRTP_LOST && before != CTL_SRTP_LOST)
			log_notice("call %016" PRIx64 ": its %s gave SRTP up by a re-INVITE",
				rec->id, leg == 0 ? "caller" : "called side");
	}
}

void control_call_put(struct call *call, const void *checkpoint, size_t len)
{
	struct b2b *b = call->b;

	call_record_media(call);
	if (b->control_up)
		b->env.ops->control_send(b->env.ctx, CTL_CALL_PUT, 0, &call->rec, sizeof(call->rec),
			checkpoint, len);
}

void control_attempt(struct call *call)
{
	struct b2b *b = call->b;
	struct ctl_attempt attempt = {.status = call->last_failure};

	if (call->rec.tried_ms == 0)
		return;
	call->rec.tried_ms = 0;
	memcpy(attempt.trunk, call->rec.trunk[LEG_B], sizeof(attempt.trunk));
	if (b->control_up)
		b->env.ops->control_send(
			b->env.ctx, CTL_ATTEMPT, 0, &attempt, sizeof(attempt), NULL, 0);
}

static void end_send(struct b2b *b, struct call_end_msg *end)
{
	uint32_t seq = b->env.ops->control_seq(b->env.ctx);

	end->seq = 0;
	if (b->env.ops->control_send(
		    b->env.ctx, CTL_CALL_END, seq, &end->rec, sizeof(end->rec), NULL, 0) == 0)
		end->seq = seq;
}

void control_call_end(struct b2b *b, const struct ctl_call *rec)
{
	struct call_end_msg *end;

	if (b->n_ends >= ENDS_MAX) {
		end = STAILQ_FIRST(&b->ends);
		log_err("the record of call %016" PRIx64
			" is lost: limen-control has been away too long",
			end->rec.id);
		STAILQ_REMOVE_HEAD(&b->ends, next);
		b->n_ends--;
	} else {
		end = malloc(sizeof(*end));
	}
	if (!end) {
		log_err("the record of call %016" PRIx64 " is lost: memory is short", rec->id);
		return;
	}
	end->seq = 0;
	end->rec = *rec;
	STAILQ_INSERT_TAIL(&b->ends, end, next);
	b->n_ends++;
	if (b->control_up)
		end_send(b, end);
}

void b2b_call_end_reply(struct b2b *b, uint32_t seq, int32_t status)
{
	struct call_end_msg *end;

	/* Replies come in the order of the requests, so it is the first one but for repeats. */
	STAILQ_FOREACH(end, &b->ends, next) {
		if (end->seq == seq)
			break;
	}
	if (!end)
		return;
	if (status == -EAGAIN || status == -ENOMEM || status == -ENOSPC || status == -EIO) {
		end->seq = 0;
		if (!twheel_pending(&b->ends_timer))
			twheel_start(b->env.wheel, &b->ends_timer, ENDS_RETRY_MS);
		return;
	}
	if (status < 0)
		log_warning("limen-control refused the record of call %016" PRIx64 ": %s",
			end->rec.id, strerror(-status));
	STAILQ_REMOVE(&b->ends, end, call_end_msg, next);
	b->n_ends--;
	free(end);
}

static void ends_send_again(struct b2b *b, bool all)
{
	struct call_end_msg *end;

	STAILQ_FOREACH(end, &b->ends, next) {
		if (all || end->seq == 0)
			end_send(b, end);
	}
}

void control_ends_timer(struct twheel_timer *timer, void *arg)
{
	struct b2b *b = arg;

	if (b->control_up)
		ends_send_again(b, false);
}

/* Everything that limen-control should know of a call. */
static void call_replay(struct call *call)
{
	if (call->state == CALL_ENDING)
		return;
	if (call->state == CALL_UP)
		call_checkpoint(call);
	else
		control_call_put(call, NULL, 0);
	for (unsigned int i = 0; i < call->media.n_lines; i++) {
		if (call->media.line[i]->state == MEDIA_OPEN)
			control_media_set(call, i);
	}
	call_media_wants(call);
}

void b2b_control_up(struct b2b *b)
{
	struct call *call;
	uint32_t pos = 0;

	b->control_up = true;
	trunk_quality_clear(b->quality);
	capacity_forget(&b->capacity);
	while ((call = sip_slab_next(b->calls, &pos)))
		call_replay(call);
	subscriptions_replay(b);
	ends_send_again(b, true);
	b->env.ops->control_send(b->env.ctx, CTL_REPLAY_DONE, 0, NULL, 0, NULL, 0);
	health_replay(b->health);
	targets_tell(b, b->targets, true);
	regclient_replay(b->regclient);
	hooks_tell(b->hooks, true);
}

void b2b_control_down(struct b2b *b)
{
	struct call_end_msg *end;
	struct call *call;
	uint32_t pos = 0;

	b->control_up = false;
	registrar_control_down(b->registrar);
	STAILQ_FOREACH(end, &b->ends, next)
		end->seq = 0;
	while ((call = sip_slab_next(b->calls, &pos))) {
		control_media_forget(call);
		for (unsigned int i = 0; i < call->media.n_lines; i++) {
			if (call->media.line[i]->state == MEDIA_ASKED)
				call->media.line[i]->state = MEDIA_WANTED;
		}
	}
}

void b2b_call_clear(struct b2b *b, const struct ctl_call_clear *clear)
{
	struct call *call;
	uint32_t pos = 0;
	char reason[sizeof(clear->reason)];

	if (!ipc_str_ok(clear->reason, sizeof(clear->reason)))
		return;
	memcpy(reason, clear->reason, sizeof(reason));
	/* An operator's command or a silent call: rare enough for a walk. */
	while ((call = sip_slab_next(b->calls, &pos))) {
		if (call->rec.id != clear->call_id)
			continue;
		call_end(call, &(struct call_why){.by = clear->released_by == CTL_BY_OPERATOR
								? CTL_BY_OPERATOR
								: CTL_BY_BOX,
				       .status = call->rec.answer_ms ? 200 : 503,
				       .q850 = (uint16_t)clear->q850,
				       .reason = reason});
		return;
	}
}

void b2b_play_done(struct b2b *b, const struct ctl_play_done *done)
{
	uint32_t pos = done->cookie;
	struct call *call = sip_slab_next(b->calls, &pos);

	/* Hold music and ring-back have no end; what was played before does not count. */
	if (!call || call->slot != done->cookie || call->rec.id != done->call_id ||
		done->leg >= DP_LEGS || done->serial != call->media.play[done->leg].serial)
		return;
	if (call->local.on)
		call_local_over(call);
	else if (call->state == CALL_UP)
		call_insert_over(call, done->leg);
}

void control_free(struct b2b *b)
{
	while (!STAILQ_EMPTY(&b->ends)) {
		struct call_end_msg *end = STAILQ_FIRST(&b->ends);

		STAILQ_REMOVE_HEAD(&b->ends, next);
		free(end);
	}
	free(b->waits);
}
