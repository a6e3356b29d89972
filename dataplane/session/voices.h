/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The voice of a session as its configuration wants it: the directions that a media core has to
 * serve, made here, given away by letter, and freed when they come back. Control thread only.
 */
#pragma once

#include "dataplane/transcode/voice.h"

struct voices {
	struct voice *from[DP_LEGS]; /* by the leg that is heard; NULL: not transcoded */
};

bool voices_needed(const struct dp_session *conf);

/* Whether a media core has to hear of a change; old NULL: a new session. */
bool voices_differ(const struct dp_session *old, const struct dp_session *now);

/* The errors of voice_new(). number: of the last voice that was made, counted on. */
int voices_new(const struct dp_session *conf, uint32_t *number, struct voices *ret_voices)
	__attribute__((warn_unused_result));
void voices_free(struct voices *v);
