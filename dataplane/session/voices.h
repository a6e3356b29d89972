/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The voice of a session as its configuration wants it: for each leg that hears what a media core
 * makes, what makes it. Made here, given away by letter, and freed when it comes back. Control thread
 * only.
 */
#pragma once

#include "dataplane/core/worker.h"
#include "dataplane/session/prompts.h"
#include "dataplane/session/rooms.h"

enum voices_kind { VOICES_NONE, VOICES_VOICE, VOICES_PLAYER, VOICES_MEMBER };

/* What is there for a direction, by the leg that is heard or would be; it makes for the other one. */
struct voices_dir {
	enum voices_kind kind;
	uint8_t core;
	struct prompt *prompt;	/* of a player, which holds it; or NULL */
	struct rooms_row *room; /* of a member */
};

/* What it is to become. */
struct voices {
	struct {
		bool changed; /* else the rest says nothing */
		struct voices_dir now;
		struct mcore_maker maker;
		bool entered; /* a room, by now */
	} dir[DP_LEGS];
};

struct voices_conf {
	struct prompts *prompts;
	struct rooms *rooms;
	uint32_t *number; /* of the last object that was made, counted on */
};

/*
 * From what is there (dir, of the configuration old; NULL: a new session) to conf. Cores of voices
 * and players are left to the caller. -ENODATA: no such prompt; the errors of rooms_enter(),
 * voice_new(), player_new() and member_new().
 */
int voices_plan(const struct voices_conf *vc, const struct dp_session *old,
	const struct voices_dir dir[DP_LEGS], const struct dp_session *conf, struct voices *ret)
	__attribute__((warn_unused_result));
/* It does not come to that. */
void voices_undo(struct voices *v);
