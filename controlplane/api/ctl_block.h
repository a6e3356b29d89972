/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocked sources as they travel between the processes. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "controlplane/api/ctl_api.h"

/* A body of CTL_BLOCKS_PUT or _DEL from another process: the blocks behind it, or NULL. */
const struct ctl_block *ctl_blocks_of(const void *body, size_t len);
/* The network of an address, without a port: prefix_len for IPv6, the address itself for IPv4. */
struct ipaddr ctl_block_net(const struct ipaddr *addr, uint8_t prefix_len);
/* As in show commands, and as in sentences. */
const char *ctl_block_word(uint8_t reason);
const char *ctl_block_text(uint8_t reason);
/* "192.0.2.1", "2001:db8::/64". */
#define CTL_BLOCK_TEXT (IPADDR_TEXT_MAX + 4)
char *ctl_block_print(const struct ctl_block *block, char buf[CTL_BLOCK_TEXT]);
