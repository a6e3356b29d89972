/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the data plane can transcode, for limen-sip: codecs of its build, and whether one of its
 * media cores has head-room. Read from the statistics segment. limen-control's one thread.
 */
#pragma once

#include "controlplane/api/ctl_api.h"
#include "controlplane/media/segment.h"

/* Per mille that a core was free in the last second: below, no new voice; above, again. */
#define TRANSCODER_FULL_PERMILLE 100
#define TRANSCODER_ROOM_PERMILLE 200

/* What is so now; now is also what was said last. True: limen-sip is to be told. */
bool transcoder_look(struct ctl_transcoder *now, const struct segment_map *map, bool connected);
