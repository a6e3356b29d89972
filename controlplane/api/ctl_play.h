/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The form of struct ctl_play, for whoever reads one from outside. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/config/cfg_model.h"

static inline bool ctl_play_ok(const struct ctl_play *play)
{
	static const struct ctl_play none;
	bool named = play->kind == CTL_PLAY_PROMPT || play->kind == CTL_PLAY_ROOM;

	if (play->kind == CTL_PLAY_NONE)
		return memcmp(play, &none, sizeof(none)) == 0;
	return play->kind < CTL_PLAY_N_KINDS && play->zero == 0 &&
	       (play->flags & ~CTL_PLAY_LOOP) == 0 && play->tone < CFG_N_TONES &&
	       play->country < CFG_N_CPTONES && ipc_str_ok(play->name, sizeof(play->name)) &&
	       !play->name[0] == !named;
}
