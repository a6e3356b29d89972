/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What limen-sip told of the targets of trunks and of names, for the show commands. It is told anew
 * after each connection, so nothing is kept over a restart. limen-control's one thread.
 */
#pragma once

#include "controlplane/api/ctl_api.h"
#include "controlplane/config/cfg.h"

struct target_store;

struct target_store *target_store_new(void); /* NULL when memory is short */
void target_store_free(struct target_store *store);

/* CTL_TARGETS, CTL_DNS_HOSTS. 0, or -EPROTO: then the connection is closed. */
int target_store_message(
	struct target_store *store, const struct ipc_hdr *hdr, const void *body, size_t len);
/* Forgets trunks that are no longer configured. */
void target_store_config(struct target_store *store, const struct cfg *cfg);

/* false: nothing was told of a trunk of that name. ret_list has ret->n, valid until the next
 * message. */
bool target_store_trunk(const struct target_store *store, const char *trunk,
	struct ctl_targets *ret, const struct ctl_target **ret_list);
/* The records of names, by name and type. */
void target_store_hosts(const struct target_store *store, struct ctl_dns_hosts *ret,
	const struct ctl_dns_host **ret_list);
