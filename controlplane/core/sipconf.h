/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration on its way to the workers of limen-sip: a subscriber of the datastore that
 * asks every connected worker to prepare, and gives workers that come later what is running.
 * limen-control's one thread.
 */
#pragma once

#include <event2/event.h>

#include "controlplane/config/datastore.h"
#include "controlplane/core/peers.h"

struct sipconf;

/* NULL: memory is short. */
struct sipconf *sipconf_new(struct event_base *base, struct cfg_store *store, struct peers *peers);
void sipconf_free(struct sipconf *sc);
const struct cfg_subscriber *sipconf_subscriber(struct sipconf *sc);

/* From peers. */
void sipconf_worker_up(struct sipconf *sc, uint32_t worker);
void sipconf_worker_down(struct sipconf *sc, uint32_t worker);
void sipconf_reply(
	struct sipconf *sc, uint32_t worker, uint32_t seq, int32_t status, const char *text);
