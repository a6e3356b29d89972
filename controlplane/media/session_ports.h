/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which local addresses a session gets: kept, claimed or taken from the realms' pools, both legs
 * of one owner. Used by sessions.c only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/media/sessions.h"

struct session_ports {
	struct media_realm *realm[DP_LEGS];
	struct pool *pool[DP_LEGS];
	struct ipaddr local[DP_LEGS];
	bool taken[DP_LEGS]; /* from the pool, just now */
	bool urgent;	     /* it may have what other calls leave free */
};

/*
 * present: the session as it is, or NULL. A leg with DP_LEG_BUNDLE gets the port that another
 * session of its call has on that leg, if there is one: that with the flag, or whose it claims.
 * Errors as sessions_set(); nothing is taken then.
 */
int session_ports_take(struct session_ports *ports, const struct sessions *ss,
	struct media_realms *realms, const struct ctl_media *media,
	const struct media_session *present, uint32_t n_workers, uint32_t *rotor, uint64_t now_ms)
	__attribute__((warn_unused_result));
void session_ports_undo(const struct session_ports *ports, uint64_t now_ms);
/* Gives back what the session held and does not hold with ports. */
void session_ports_commit(const struct session_ports *ports, const struct sessions *ss,
	const struct media_session *present, uint64_t now_ms);
/* Gives back everything that the session alone holds. */
void session_ports_give(
	const struct sessions *ss, const struct media_session *session, uint64_t now_ms);
