/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See voices.h. */
#include "dataplane/session/voices.h"

#include <errno.h>
#include <string.h>

#include "dataplane/session/direction.h"
#include "dataplane/transcode/player.h"
#include "dataplane/transcode/voice.h"

static enum voices_kind kind_of(const struct dp_session *conf, unsigned int leg)
{
	switch (conf->leg[!leg].play.kind) {
	case DP_PLAY_NONE:
		return direction_is_voice(conf, leg) ? VOICES_VOICE : VOICES_NONE;
	case DP_PLAY_ROOM:
		return VOICES_MEMBER;
	default:
		return VOICES_PLAYER;
	}
}

/* Whether a direction, of the same kind before and after, is another one. */
static bool differs(const struct dp_session *old, const struct dp_session *now, unsigned int leg,
	enum voices_kind kind)
{
	union {
		struct voice_conf voice;
		struct player_conf player;
		struct member_conf member;
	} a, b;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	if (kind == VOICES_VOICE) {
		voice_conf_of(old, leg, &a.voice);
		voice_conf_of(now, leg, &b.voice);
	} else if (kind == VOICES_PLAYER) {
		player_conf_of(old, !leg, &a.player);
		player_conf_of(now, !leg, &b.player);
	} else if (kind == VOICES_MEMBER) {
		member_conf_of(old, !leg, &a.member);
		member_conf_of(now, !leg, &b.member);
	}
	return memcmp(&a, &b, sizeof(a)) != 0;
}

static void release_prompt(void *prompt)
{
	prompt_unref(prompt);
}

/* The prompt that is being played goes on, also when another one has its id by now. */
static struct prompt *prompt_of(const struct voices_conf *vc, const struct dp_session *old,
	const struct voices_dir *was, const struct dp_play *play, unsigned int leg)
{
	if (old && was->kind == VOICES_PLAYER && was->prompt &&
		memcmp(&old->leg[!leg].play, play, sizeof(*play)) == 0)
		return prompt_ref(was->prompt);
	return prompts_get(vc->prompts, play->id);
}

static int plan_player(const struct voices_conf *vc, const struct dp_session *old,
	const struct voices_dir *was, const struct dp_session *conf, unsigned int leg,
	struct voices *v)
{
	struct voices_dir *now = &v->dir[leg].now;
	struct player_conf c;

	player_conf_of(conf, !leg, &c);
	if (c.play.kind == DP_PLAY_TONE)
		return player_new(&c, NULL, ++*vc->number, &v->dir[leg].maker.player);
	now->prompt = prompt_of(vc, old, was, &c.play, leg);
	if (!now->prompt)
		return -ENODATA;
	struct player_sound sound = {.pcm = now->prompt->pcm,
		.n_samples = now->prompt->n_samples,
		.rate_hz = now->prompt->rate_hz,
		.owner = now->prompt,
		.release = release_prompt};
	return player_new(&c, &sound, ++*vc->number, &v->dir[leg].maker.player);
}

static int plan_member(const struct voices_conf *vc, const struct voices_dir *was,
	const struct dp_session *conf, unsigned int leg, struct voices *v)
{
	struct voices_dir *now = &v->dir[leg].now;
	struct member_conf c;
	int err;

	member_conf_of(conf, !leg, &c);
	if (was->kind == VOICES_MEMBER && was->room->id == c.room_id) {
		now->room = was->room;
	} else {
		err = rooms_enter(vc->rooms, c.room_id, &now->room);
		if (err)
			return err;
		v->dir[leg].entered = true;
	}
	now->core = now->room->core;
	rooms_ref(now->room);
	return member_new(&c, now->room->room, ++*vc->number, rooms_unref, now->room,
		&v->dir[leg].maker.member);
}

static int plan_voice(const struct voices_conf *vc, const struct dp_session *conf, unsigned int leg,
	struct voices *v)
{
	struct voice_conf c;

	voice_conf_of(conf, leg, &c);
	return voice_new(&c, ++*vc->number, &v->dir[leg].maker.voice);
}

void voices_undo(struct voices *v)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		mcore_maker_free(&v->dir[leg].maker);
		if (v->dir[leg].entered)
			rooms_leave(v->dir[leg].now.room);
		v->dir[leg].entered = false;
	}
}

int voices_plan(const struct voices_conf *vc, const struct dp_session *old,
	const struct voices_dir dir[DP_LEGS], const struct dp_session *conf, struct voices *ret)
{
	struct voices v = {0};
	bool voice_changed = false;
	int err = 0;

	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		enum voices_kind was = dir[leg].kind, now = kind_of(conf, leg);
		v.dir[leg].now.kind = now;
		v.dir[leg].changed = was != now || (old && differs(old, conf, leg, now));
		if (v.dir[leg].changed)
			voice_changed |= was == VOICES_VOICE || now == VOICES_VOICE;
	}
	for (unsigned int leg = 0; leg < DP_LEGS && !err; leg++) {
		enum voices_kind kind = v.dir[leg].now.kind;
		/* two voices of a session know each other */
		v.dir[leg].changed |= voice_changed && kind == VOICES_VOICE;
		if (!v.dir[leg].changed)
			continue;
		if (kind == VOICES_VOICE)
			err = plan_voice(vc, conf, leg, &v);
		else if (kind == VOICES_PLAYER)
			err = plan_player(vc, old, &dir[leg], conf, leg, &v);
		else if (kind == VOICES_MEMBER)
			err = plan_member(vc, &dir[leg], conf, leg, &v);
	}
	if (err) {
		voices_undo(&v);
		return err;
	}
	voice_pair(v.dir[0].maker.voice, v.dir[1].maker.voice);
	*ret = v;
	return 0;
}
