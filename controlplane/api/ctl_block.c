/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ctl_block.h. */
#include "controlplane/api/ctl_block.h"

#include <stdio.h>
#include <string.h>

#include "controlplane/base/ipc.h"

static bool len_ok(const struct ctl_block *block)
{
	uint8_t len = block->prefix_len;

	return block->addr.family == 4
		       ? len == 32
		       : block->addr.family == 6 &&
				 (len == 48 || len == 56 || len == 64 || len == 128);
}

static bool block_ok(const struct ctl_block *block)
{
	if (!ipaddr_valid(&block->addr) || block->addr.port_be16 != 0 || !len_ok(block) ||
		block->zero != 0 || block->reason >= CTL_BLOCK_N_REASONS ||
		!ipc_str_ok(block->realm, sizeof(block->realm)) || block->realm[0] == '\0')
		return false;
	struct ipaddr net = ctl_block_net(&block->addr, block->prefix_len);
	return ipaddr_equal(&net, &block->addr);
}

const struct ctl_block *ctl_blocks_of(const void *body, size_t len)
{
	const struct ctl_blocks *head = body;
	const struct ctl_block *list = (const void *)(head + 1);

	if (head->zero != 0 || head->n > CTL_BLOCKS_BATCH ||
		len != sizeof(*head) + head->n * sizeof(*list))
		return NULL;
	for (uint32_t i = 0; i < head->n; i++) {
		if (!block_ok(&list[i]))
			return NULL;
	}
	return list;
}

struct ipaddr ctl_block_net(const struct ipaddr *addr, uint8_t prefix_len)
{
	struct ipaddr net = {.family = addr->family};

	memcpy(net.ip, addr->ip, addr->family == 4 ? 4 : prefix_len / 8u);
	return net;
}

static const char *const words[] = {
#define X(sym, word, text) word,
	CTL_BLOCK_REASONS(X)
#undef X
};

static const char *const texts[] = {
#define X(sym, word, text) text,
	CTL_BLOCK_REASONS(X)
#undef X
};

const char *ctl_block_word(uint8_t reason)
{
	return reason < CTL_BLOCK_N_REASONS ? words[reason] : "";
}

const char *ctl_block_text(uint8_t reason)
{
	return reason < CTL_BLOCK_N_REASONS ? texts[reason] : "";
}

char *ctl_block_print(const struct ctl_block *block, char buf[CTL_BLOCK_TEXT])
{
	char addr[IPADDR_TEXT_MAX];

	ipaddr_print(&block->addr, addr);
	if (block->addr.family == 4 || block->prefix_len == 128)
		snprintf(buf, CTL_BLOCK_TEXT, "%s", addr);
	else
		snprintf(buf, CTL_BLOCK_TEXT, "%s/%u", addr, block->prefix_len);
	return buf;
}
