/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What limen-sip told of its limits, for the show commands; and the windows of toll limits, which a limen-sip
 * that starts again gets back. Told anew after each connection. limen-control's one thread.
 */
#pragma once

#include "controlplane/api/ctl_api.h"

struct capacity_store;

struct capacity_store *capacity_store_new(void); /* NULL when memory is short */
void capacity_store_free(struct capacity_store *store);

/* CTL_CAPACITY, CTL_TOLL, CTL_OVERLOAD. 0, -ENOMEM, or -EPROTO: then the connection is closed. */
int capacity_store_message(
	struct capacity_store *store, const struct ipc_hdr *hdr, const void *body);
/*
 * limen-sip has started again: its numbers are others. The windows go to give, and are kept until it tells
 * of them itself.
 */
void capacity_store_restart(struct capacity_store *store,
	void (*give)(void *arg, const struct ctl_toll *toll), void *arg);

/* By number; NULL at the end. One that was not told yet has an empty key, subject or trunk. */
const struct ctl_capacity *capacity_store_budget(const struct capacity_store *store, uint32_t i);
const struct ctl_toll *capacity_store_toll(const struct capacity_store *store, uint32_t i);
const struct ctl_overload *capacity_store_load(const struct capacity_store *store, uint32_t i);
