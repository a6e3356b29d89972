/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ratings and verdict of a call from its counters. Pure functions; time is in the counters. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/quality.h"

struct quality_input {
	const struct dp_stream_sum *from; /* [DP_LEGS] */
	const char *codec[DP_LEGS];	  /* encoding names, "" when not known */
	bool transcoded;		  /* what a leg is sent was made by the box */
	uint64_t talked_ms; /* since the answer, until now or the end; 0: not answered */
	uint32_t mean_jitter_us[DP_LEGS]; /* over the call; QUALITY_UNKNOWN_U32: take the last */
	bool has_media;			  /* there is a media line */
	bool held[DP_LEGS];		  /* the leg is not to send now */
	bool pauses[DP_LEGS];		  /* it may send nothing while nobody speaks */
};

/* Fills in all of *ret. */
void quality_judge(const struct quality_input *in, struct quality *ret);
const char *quality_source_word(uint32_t source);
