/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the configuration of a session makes of the packets of one leg: whether a media core has to
 * decode and encode them, and if not, with which payload type and by which table each leaves. The
 * control thread and stream_build() ask. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"

/* Whether the other leg hears what leg sends, in whatever way. */
bool direction_is_heard(const struct dp_session *session, unsigned int leg);

#define DIRECTION_PT_NONE 0xff /* the other leg takes no such thing: it is dropped */

enum direction_law { DIRECTION_LAW_KEEP, DIRECTION_LAW_U_TO_A, DIRECTION_LAW_A_TO_U };

/* Whether a media core makes what the other leg is sent: of what leg sends, or in its place. */
bool direction_is_made(const struct dp_session *session, unsigned int leg);

/* Whether what leg sends goes to the other leg through a media core. */
bool direction_is_voice(const struct dp_session *session, unsigned int leg);

/* Of a direction that does not: the payload type on the way out of payload i of leg. */
uint8_t direction_pt_out(const struct dp_session *session, unsigned int leg, unsigned int i);
/* And by which table it changes. */
enum direction_law direction_law(
	const struct dp_session *session, unsigned int leg, unsigned int i);
