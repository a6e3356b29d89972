/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The media addresses and who has which of their UDP ports. The workers each have a table of
 * their own; this one is the control thread's, and decides before anything is sent to them.
 *
 * Control thread only.
 */
#pragma once

#include <stdint.h>

#include "dataplane/api/dp_api.h"

#define ADDRS_SLOT_NONE UINT32_MAX

struct addrs;

/* NULL when memory is short. */
struct addrs *addrs_new(void);
void addrs_free(struct addrs *addrs);

/*
 * Adds an address or changes its range and port. 0 with its index; -EINVAL: not an address, or a
 * range upside down; -ENOSPC: DP_MEDIA_ADDRS_MAX are there; -ENOMEM.
 */
int addrs_set(struct addrs *addrs, const struct dp_media_addr *conf, uint8_t *ret_index)
	__attribute__((warn_unused_result));
/* -ENOENT; -EBUSY: sessions use it. ret_index is free again. */
int addrs_del(struct addrs *addrs, const struct ipaddr *addr, uint8_t *ret_index)
	__attribute__((warn_unused_result));
/* NULL: no such address. */
const struct dp_media_addr *addrs_get(const struct addrs *addrs, uint8_t index);
/* -ENOENT. The port of addr does not matter. */
int addrs_find(const struct addrs *addrs, const struct ipaddr *addr, uint8_t *ret_index)
	__attribute__((warn_unused_result));

/*
 * Who has a pair of UDP ports: a slot, or ADDRS_SLOT_NONE. port_ok: the port is in the range of
 * the address.
 */
uint32_t addrs_port_owner(const struct addrs *addrs, uint8_t index, uint16_t udp_port);
int addrs_port_ok(const struct addrs *addrs, uint8_t index, uint16_t udp_port);
void addrs_port_take(struct addrs *addrs, uint8_t index, uint16_t udp_port, uint32_t slot);
void addrs_port_release(struct addrs *addrs, uint8_t index, uint16_t udp_port);
