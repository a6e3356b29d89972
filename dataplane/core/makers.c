/* SPDX-License-Identifier: GPL-3.0-or-later */
/* struct mcore_maker of worker.h. Of whichever thread has it. */
#include "dataplane/core/worker.h"
#include "dataplane/transcode/player.h"
#include "dataplane/transcode/room.h"
#include "dataplane/transcode/voice.h"

void mcore_maker_free(struct mcore_maker *maker)
{
	voice_free(maker->voice);
	player_free(maker->player);
	member_free(maker->member);
	*maker = (struct mcore_maker){0};
}
