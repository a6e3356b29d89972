/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See dp_tone.h. */
#include "dataplane/api/dp_tone.h"

#include <string.h>

#define SPECIAL                                     \
	{{950}, 330}, {{1400}, 330}, {{1800}, 330}, \
	{                                           \
		{0}, 1000                           \
	}

static const struct dp_tone_row rows[] = {
	{"de", DP_TONE_DIAL, {{{425}, 0}}},
	{"de", DP_TONE_STUTTER, {{{425, 400}, 0}}},
	{"de", DP_TONE_RINGBACK, {{{425}, 1000}, {{0}, 4000}}},
	{"de", DP_TONE_BUSY, {{{425}, 480}, {{0}, 480}}},
	{"de", DP_TONE_CONGESTION, {{{425}, 240}, {{0}, 240}}},
	{"de", DP_TONE_SPECIAL, {SPECIAL}},

	/* what ETSI and CEPT recommend, for countries that have no rows of their own */
	{"eu", DP_TONE_DIAL, {{{425}, 0}}},
	{"eu", DP_TONE_STUTTER, {{{425}, 500}, {{0}, 50}}},
	{"eu", DP_TONE_RINGBACK, {{{425}, 1000}, {{0}, 4000}}},
	{"eu", DP_TONE_BUSY, {{{425}, 500}, {{0}, 500}}},
	{"eu", DP_TONE_CONGESTION, {{{425}, 200}, {{0}, 200}}},
	{"eu", DP_TONE_SPECIAL, {SPECIAL}},

	{"fr", DP_TONE_DIAL, {{{440}, 0}}},
	{"fr", DP_TONE_STUTTER, {{{330, 440}, 0}}},
	{"fr", DP_TONE_RINGBACK, {{{440}, 1500}, {{0}, 3500}}},
	{"fr", DP_TONE_BUSY, {{{440}, 500}, {{0}, 500}}},
	{"fr", DP_TONE_CONGESTION, {{{440}, 250}, {{0}, 250}}},
	{"fr", DP_TONE_SPECIAL, {SPECIAL}},

	{"uk", DP_TONE_DIAL, {{{350, 440}, 0}}},
	{"uk", DP_TONE_STUTTER, {{{350, 440}, 750}, {{440}, 750}}},
	{"uk", DP_TONE_RINGBACK, {{{400, 450}, 400}, {{0}, 200}, {{400, 450}, 400}, {{0}, 2000}}},
	{"uk", DP_TONE_BUSY, {{{400}, 375}, {{0}, 375}}},
	{"uk", DP_TONE_CONGESTION, {{{400}, 400}, {{0}, 350}, {{400}, 225}, {{0}, 525}}},
	{"uk", DP_TONE_SPECIAL, {SPECIAL}},

	{"us", DP_TONE_DIAL, {{{350, 440}, 0}}},
	{"us", DP_TONE_STUTTER, {{{350, 440}, 100}, {{0}, 100}}},
	{"us", DP_TONE_RINGBACK, {{{440, 480}, 2000}, {{0}, 4000}}},
	{"us", DP_TONE_BUSY, {{{480, 620}, 500}, {{0}, 500}}},
	{"us", DP_TONE_CONGESTION, {{{480, 620}, 250}, {{0}, 250}}},
	{"us", DP_TONE_SPECIAL, {SPECIAL}},
};

const struct dp_tone_row *dp_tone_at(size_t i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

const struct dp_tone_row *dp_tone_find(const char *country, enum dp_tone_kind kind)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].kind == kind && strcmp(rows[i].country, country) == 0)
			return &rows[i];
	return NULL;
}
