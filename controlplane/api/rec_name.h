/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of the files of a recording, for whoever tells them. Pure; any thread. */
#pragma once

#include <stdio.h>

#include "controlplane/api/ctl_api.h"

#define CTL_REC_FILE_MAX (CTL_REC_NAME_MAX + 32)

/* The file of a part (from 1) and a track; ret_name empty: that track is not written. */
static inline void ctl_rec_file(const struct ctl_rec_status *status, uint32_t part,
	unsigned int track, char ret_name[CTL_REC_FILE_MAX])
{
	static const char *const ends[] = {
#define X(sym, text) text,
		CTL_REC_TRACKS(X)
#undef X
	};
	char number[16] = "";

	ret_name[0] = '\0';
	if (track >= CTL_REC_N_TRACKS || !(status->tracks & 1u << track))
		return;
	if (part > 1)
		snprintf(number, sizeof(number), "-p%u", part);
	snprintf(ret_name, CTL_REC_FILE_MAX, "%s%s%s.wav", status->name, number, ends[track]);
}
