/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What media sessions need to know of the configured realms: addresses, pools of ports, marking,
 * latching, timeouts. The objects outlive changes of the configuration as long as calls hold
 * ports of them. limen-control's one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/config/cfg.h"
#include "controlplane/media/pool.h"

enum { REALM_V4, REALM_V6, REALM_FAMILIES };

struct media_realm {
	char name[CFG_NAME_MAX];
	struct pool *pool[REALM_FAMILIES]; /* NULL: no media address of that family */
	uint8_t dscp, dscp_video;
	bool latch, rtcp_strict;
	bool removed; /* from the configuration; kept for the calls that hold its ports */
	uint32_t timeout_ms;
	uint16_t audio_pps, other_pps;
};

struct media_realms;

struct media_realms *media_realms_new(void);
void media_realms_free(struct media_realms *realms);

/* Refuses, with a sentence, what would take addresses or ports from running calls. -EBUSY. */
int media_realms_check(const struct media_realms *realms, const struct cfg *next,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
/*
 * Takes over a configuration. -ENOMEM: realms that are not there yet (or not in their new form)
 * are missing; the others are served.
 */
int media_realms_apply(struct media_realms *realms, const struct cfg *next, uint32_t n_workers);
void media_realms_set_workers(struct media_realms *realms, uint32_t n_workers);

/* NULL when the configuration does not have it. */
struct media_realm *media_realm_find(const struct media_realms *realms, const char *name);
/* family 4 or 6; 0: what the realm has, IPv4 first. NULL: none. */
struct pool *media_realm_pool(const struct media_realm *realm, unsigned int family);
