/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls that end in the box: a dial-peer's announcement, tone or conference, an announcement before
 * a refusal, and ring-back for callers whose called side rings without media. Such a call has leg A
 * alone; the box's own descriptions (media_local.c) take the place of leg B's.
 */
#include "sip-b2bua/b2b/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "controlplane/base/log.h"
#include "sip-b2bua/core/sip_slab.h"

LOG_TOPIC("local");

#define LOCAL_SDP_MAX 4096
/* How long after its end a prompt is given up whose end nobody told; it may have begun anew. */
#define LOCAL_GRACE_MS	 5000
#define RING_BACK_STATUS 183
/* A dialog of its own: the called side's answer is another one (RFC 3261 13.2.2.4). */
#define RING_BACK_FORK (B2B_FORKS_MAX - 1)

static const struct view none = {NULL, 0};

static void fail(struct call *call, unsigned int status, const char *reason)
{
	call_end(call,
		&(struct call_why){.by = CTL_BY_BOX, .status = (uint16_t)status, .reason = reason});
}

static uint8_t country_of(const struct call *call)
{
	const struct cfg_realm *realm = cfg_find_realm(call->b->cfg, call->rec.realm[LEG_A]);

	return realm ? realm->cptone : CFG_CPTONE_EU;
}

static struct ctl_play play_prompt(const char *name, bool loop)
{
	struct ctl_play play = {.kind = CTL_PLAY_PROMPT, .flags = loop ? CTL_PLAY_LOOP : 0};

	snprintf(play.name, sizeof(play.name), "%s", name);
	return play;
}

static struct ctl_play play_of(const struct call *call, const struct cfg_dial_peer *peer)
{
	struct ctl_play play = {.kind = CTL_PLAY_TONE, .tone = peer->tone};

	if (peer->announcement[0])
		return play_prompt(peer->announcement, peer->announcement_loop);
	play.country = country_of(call);
	if (peer->conference[0]) {
		play = (struct ctl_play){.kind = CTL_PLAY_ROOM};
		snprintf(play.name, sizeof(play.name), "%s", peer->conference);
	}
	return play;
}

/* What ends the call when nothing is configured: the cause that goes with what is heard. */
static uint16_t cause_of(const struct cfg_dial_peer *peer)
{
	if (peer->release_cause)
		return (uint16_t)peer->release_cause;
	switch (peer->tone) {
	case CFG_TONE_BUSY:
		return 17;
	case CFG_TONE_CONGESTION:
		return 34;
	case CFG_TONE_SPECIAL:
		return 1;
	default:
		return peer->announcement_early ? 31 : 16;
	}
}

static void play_start(struct call *call, const struct ctl_play *play)
{
	media_map_set_alone(&call->media);
	media_map_play(&call->media, LEG_A, play);
	call->local.serial = call->media.play[LEG_A].serial;
}

void call_local_take(struct call *call, const struct cfg_dial_peer *peer)
{
	struct ctl_call *rec = &call->rec;
	struct ctl_play play = play_of(call, peer);
	char target[ROUTE_TARGET_MAX];

	call->local = (struct call_local){
		.on = true,
		.early = peer->announcement_early,
		.by = CTL_BY_BOX,
		.q850 = cause_of(peer),
	};
	call->local.status = (uint16_t)policy_status_of_q850(call->local.q850);
	snprintf(call->local.reason, sizeof(call->local.reason), "dial-peer %u plays %s", peer->tag,
		route_target_text(peer, target));
	memcpy(rec->target, target, sizeof(rec->target));
	rec->dial_peer_out = peer->tag;
	rec->peer_sig[LEG_B] = (struct ipaddr){0};
	rec->transport[LEG_B] = 0;
	rec->realm[LEG_B][0] = rec->trunk[LEG_B][0] = rec->sip_call_id[LEG_B][0] = '\0';
	rec->calling[LEG_B][0] = rec->called[LEG_B][0] = '\0';
	memset(rec->realm[LEG_B], 0, sizeof(rec->realm[LEG_B]));
	play_start(call, &play);
}

void call_local_offer(struct call *call)
{
	struct leg *a = &call->leg[LEG_A];
	char text[LOCAL_SDP_MAX];
	struct sip_buf out;
	const char *reason;

	sip_buf_init(&out, text, sizeof(text));
	if (call->state != CALL_UP && call->local.early) {
		/* Early media would need an offer of the caller. */
		fail(call, call->local.status, call->local.reason);
		return;
	}
	media_map_set_transcoder(&call->media, &call->b->transcoder);
	if ((call->state == CALL_UP || media_map_can_play(&call->media, &reason)) &&
		media_map_local_offer(&call->media, &out, &reason) == 0 &&
		call_offer(&call->leg[LEG_B], sip_buf_view(&out), THEN_SUCCESS, &reason) == 0)
		return;
	if (call->state == CALL_UP)
		leg_refuse(a, 500, none);
	else
		fail(call, 503, reason);
}

/* The answer of the box, as the caller gets it; valid until the next use of the scratch space. */
static int answer_make(struct call *call, struct view *ret_sdp, const char **ret_reason)
{
	struct b2b *b = call->b;
	char text[LOCAL_SDP_MAX];
	struct sip_buf out;
	int rc;

	*ret_reason = "the session description is malformed";
	if (!call->offer || sdp_parse(&b->sdp, (struct view){call->offer, call->offer_len}) < 0)
		return -EINVAL;
	sip_buf_init(&out, text, sizeof(text));
	rc = media_map_local_answer(&call->media, &b->sdp, &out, ret_reason);
	if (rc < 0)
		return rc;
	return call_answer(&call->leg[LEG_B], sip_buf_view(&out), ret_sdp, ret_reason);
}

static void early_send(struct call *call, struct view sdp)
{
	struct b2b *b = call->b;

	/* What the caller was told before belongs to another dialog. */
	if (call->early_sdp_sent)
		call->fork = call->n_forks < B2B_FORKS_MAX ? call->n_forks++ : B2B_FORKS_MAX - 1;
	call->state = CALL_CALLING;
	twheel_start(b->env.wheel, &call->timer, (uint64_t)b->cfg->timer_no_answer_s * 1000);
	call_send_early(&call->leg[LEG_A], 183, call->fork, NULL, sdp);
}

void call_local_proceed(struct call *call)
{
	struct leg *a = &call->leg[LEG_A];
	bool up = call->state == CALL_UP;
	const char *reason;
	struct view sdp;
	int rc;

	if (!up && !media_map_can_play(&call->media, &reason)) {
		fail(call, 503, reason);
		return;
	}
	rc = answer_make(call, &sdp, &reason);
	if (rc < 0 && up) {
		call_exchange_fail(call);
		leg_refuse_offer(a, 488, none);
	} else if (rc < 0) {
		fail(call, rc == -ENOTSUP ? 488 : 500, reason);
	} else if (!up && call->local.early) {
		early_send(call, sdp);
	} else if (call_answer_wait(&call->leg[LEG_B], sdp) < 0) {
		fail(call, 500, "memory is short");
	}
}

void call_local_over(struct call *call)
{
	if (!call->local.on || call->state == CALL_ENDING)
		return;
	call_end(call, &(struct call_why){.by = CTL_BY_BOX,
			       .status = call->local.early ? call->local.status : 200,
			       .q850 = call->local.q850,
			       .reason = "what the box had to play is over"});
}

void call_local_timer(struct twheel_timer *timer, void *arg)
{
	struct call *call = arg;

	log_info("call %016" PRIx64 ": nobody told the end of its prompt", call->rec.id);
	if (call->local.on) {
		call_local_over(call);
		return;
	}
	for (unsigned int side = 0; side < DP_LEGS && call->state == CALL_UP; side++) {
		if (call->media.play[side].kind != CTL_PLAY_NONE)
			call_insert_over(call, side);
	}
}

void call_local_length(struct call *call, uint32_t serial, uint32_t length_ms)
{
	const struct ctl_play *now = call->media.play;

	if (call->state == CALL_ENDING || length_ms == 0 ||
		(serial != now[LEG_A].serial && serial != now[LEG_B].serial) ||
		twheel_pending(&call->local_timer))
		return;
	twheel_start(
		call->b->env.wheel, &call->local_timer, 2 * (uint64_t)length_ms + LOCAL_GRACE_MS);
}

/* ---- into a call in progress ---- */

void b2b_call_play(struct b2b *b, const struct ctl_call_play *play)
{
	struct ctl_play prompt = play_prompt(play->prompt, false);
	const char *reason;
	struct call *call;
	uint32_t pos = 0;

	/* An operator's command: rare enough for a walk. */
	while ((call = sip_slab_next(b->calls, &pos)) && call->rec.id != play->call_id)
		;
	if (!call || call->state != CALL_UP || call->local.on)
		return;
	media_map_set_transcoder(&call->media, &b->transcoder);
	if (!media_map_can_play(&call->media, &reason)) {
		log_notice("call %016" PRIx64 ": %s", call->rec.id, reason);
		return;
	}
	for (unsigned int side = 0; side < DP_LEGS; side++) {
		int line = play->legs >> side & 1 ? media_map_insert(&call->media, side, &prompt)
						  : -ENOTSUP;

		if (line >= 0 && control_media_set(call, (unsigned int)line) < 0)
			log_debug("call %016" PRIx64 ": its prompt waits for limen-control",
				call->rec.id);
	}
	twheel_stop(b->env.wheel, &call->local_timer);
	call_checkpoint(call);
}

void call_insert_over(struct call *call, unsigned int side)
{
	int line = media_map_insert_over(&call->media, side);

	if (line >= 0 && control_media_set(call, (unsigned int)line) < 0)
		log_debug("call %016" PRIx64 ": media is set later", call->rec.id);
	call_checkpoint(call);
}

/* ---- before a refusal ---- */

const struct call_why *call_local_why(
	const struct call *call, const struct call_why *why, struct call_why *own)
{
	if (!call->local.on || !call->local.early || call->rec.answer_ms || why->by != CTL_BY_BOX)
		return why;
	*own = (struct call_why){.by = (enum ctl_released_by)call->local.by,
		.status = call->local.status,
		.q850 = call->local.q850,
		.headers = why->headers,
		.reason = call->local.reason};
	return own;
}

static const char *announcement_for(const struct call *call, unsigned int status)
{
	const struct cfg_realm *realm = cfg_find_realm(call->b->cfg, call->rec.realm[LEG_A]);

	for (uint32_t i = 0; realm && i < realm->n_announcements; i++) {
		if (realm->announcements[i].status == status)
			return realm->announcements[i].prompt;
	}
	return NULL;
}

/* The caller's offer, if early media can answer it. */
static bool offer_is_there(struct call *call, struct view *ret_body)
{
	struct leg *a = &call->leg[LEG_A];
	const struct sip_msg *request = a->in ? sip_stxn_request(a->in) : NULL;

	*ret_body = none;
	if (call->offer)
		return call->offer_leg == LEG_A;
	if (!request || !sip_msg_is_sdp(request) || a->oa.state != OA_REST)
		return false;
	*ret_body = request->body;
	return oa_receive(&a->oa, OA_INVITE, true) == OA_OFFER;
}

bool call_announce(struct call *call, const struct call_why *why)
{
	struct b2b *b = call->b;
	struct leg *a = &call->leg[LEG_A], *b_leg = &call->leg[LEG_B];
	const char *name = why->status >= 400 ? announcement_for(call, why->status) : NULL;
	struct ctl_play play;
	const char *reason;
	struct view body;

	media_map_set_transcoder(&call->media, &b->transcoder);
	if (!name || is_challenge(why->status) || call->local.on || call->state >= CALL_UP ||
		!a->in || !a->dialog || why->by == CTL_BY_CALLER || why->by == CTL_BY_OPERATOR ||
		!b->control_up || !media_map_can_play(&call->media, &reason) ||
		!offer_is_there(call, &body))
		return false;
	log_info("call %016" PRIx64 ": announcement %s before its %u: %s", call->rec.id, name,
		why->status, why->reason);
	call->local = (struct call_local){.on = true,
		.early = true,
		.by = (uint8_t)why->by,
		.status = why->status,
		.q850 = why->q850 ? why->q850 : policy_q850_of_status(why->status)};
	snprintf(call->local.reason, sizeof(call->local.reason), "%s", why->reason);
	snprintf(call->rec.target, sizeof(call->rec.target), "announcement %.31s", name);
	twheel_stop(b->env.wheel, &call->timer);
	twheel_stop(b->env.wheel, &call->ringing_timer);
	call->then = THEN_NOTHING;
	call->state = CALL_MEDIA;
	leg_end(b_leg, why);
	admission_drop(call, LEG_B);
	oa_fail(&b_leg->oa);
	call_forks_clear(call);
	play = play_prompt(name, false);
	play_start(call, &play);
	if (call->offer) {
		call_copy_set(&call->answer, &call->answer_len, none);
		call_reroute(call);
	} else if (call_offer(a, body, THEN_INVITE, &reason) < 0) {
		return false; /* it ends as it was to */
	}
	return true;
}

/* ---- ring-back ---- */

static bool ring_back_play(const struct call *call, struct ctl_play *ret_play)
{
	const struct cfg_realm *realm = cfg_find_realm(call->b->cfg, call->rec.realm[LEG_A]);

	if (!realm || (!realm->ringback_tone && !realm->ringback_prompt[0]))
		return false;
	*ret_play = realm->ringback_tone ? (struct ctl_play){.kind = CTL_PLAY_TONE,
						   .tone = CFG_TONE_RINGBACK,
						   .country = realm->cptone}
					 : play_prompt(realm->ringback_prompt, true);
	return true;
}

bool call_ring_back(struct call *call, unsigned int status)
{
	static const struct ctl_play silence;
	struct media_map *map = &call->media;
	struct ctl_play play;
	const char *reason;
	struct view sdp;
	int rc;

	if (call->ring_back)
		return true; /* the caller hears it ring already */
	if (status != 180 || call->early_sdp_sent || !call->offer || call->offer_leg != LEG_A ||
		!ring_back_play(call, &play) || !media_map_can_play(map, &reason))
		return false;
	media_map_play(map, LEG_A, &play);
	map->local = true;
	rc = answer_make(call, &sdp, &reason);
	map->local = false;
	media_map_play(map, LEG_A, &silence);
	if (rc < 0) {
		log_info("call %016" PRIx64 ": no ring-back: %s", call->rec.id, reason);
		return false;
	}
	call_send_early(&call->leg[LEG_A], RING_BACK_STATUS, RING_BACK_FORK, NULL, sdp);
	call->ring_back = true;
	return true;
}
