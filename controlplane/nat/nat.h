/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limen-nat without its sockets: the associations that limen-control wants, the datagrams that the
 * data plane brings for them, and the keys that come of it. Whoever owns it gives it messages and
 * carries what it sends. One thread; times are milliseconds of CLOCK_MONOTONIC.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "dataplane/api/dp_api.h"

struct nat_ops {
	void (*keys)(void *arg, const struct ctl_nat_keys *keys);
	void (*failed)(void *arg, const struct ctl_nat_id *id);
	/* To the data plane; head->n bytes. */
	void (*send)(void *arg, const struct dp_nat_packet *head, const uint8_t *bytes);
};

struct nat;

/* -ENOMEM, -EIO: OpenSSL refuses (it was logged). */
int nat_new(const struct nat_ops *ops, void *arg, struct nat **ret_nat)
	__attribute__((warn_unused_result));
void nat_free(struct nat *nat);
/* How long a handshake may take; for those that are wanted from now on. */
void nat_set_patience(struct nat *nat, uint64_t handshake_ms);

/*
 * Wants an association. The same once more changes nothing but a client's remote, if that one has
 * not heard anybody; another association number replaces it. 0, -EINVAL: malformed, -ENOMEM.
 */
int nat_set(struct nat *nat, const struct ctl_nat *msg, uint64_t now_ms)
	__attribute__((warn_unused_result));
void nat_del(struct nat *nat, const struct ctl_nat_id *id);
/* A DP_NAT_RX whose n was checked. */
void nat_packet(struct nat *nat, const struct dp_nat_packet *packet, uint64_t now_ms);
/* Everything whose time has come; the next time, UINT64_MAX: never. */
uint64_t nat_timer(struct nat *nat, uint64_t now_ms);
/* Calls keys() for each association that has some: limen-control started again. */
void nat_replay(struct nat *nat);
void nat_info(const struct nat *nat, struct ctl_nat_info *ret_info);
