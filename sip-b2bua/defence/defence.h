/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Limits per source and what becomes of who goes beyond: the two tables that all workers share, and the
 * limits as a worker's configuration has them. Who is exempt, telling limen-control, and where messages
 * come from and go to is core/sip_defence.c's.
 */
#pragma once

#include "controlplane/config/cfg.h"
#include "sip-b2bua/defence/shun.h"
#include "sip-b2bua/defence/sources.h"

#define DEFENCE_AGENTS_MAX 64
#define DEFENCE_BLOCKS_SECOND \
	200 /* new blocks in a second; made-up sources cost no more than that */

/* Shared by all workers. */
struct defence {
	uint64_t key[2];
	struct sources *sources;
	struct shun *shun;
	_Atomic uint64_t blocks_us; /* GCRA of new blocks */
};

struct defence *defence_new(void); /* NULL when memory is short */
void defence_free(struct defence *defence);

/* Of one worker. */
struct defence_conf {
	struct source_limit limits[SOURCE_N_COUNTS];
	uint32_t factor;
	struct shun_times times;
	uint8_t prefix6;
	struct cfg_prefix exempt[CFG_LIST_MAX];
	uint32_t n_exempt;
	char agents[DEFENCE_AGENTS_MAX][CFG_AGENT_MAX]; /* small letters */
	uint32_t n_agents;
};
void defence_conf_of(const struct cfg *cfg, struct defence_conf *ret_conf);
/* A number for the network that a realm is in; the same for realms that share an interface. */
uint32_t defence_scope(const struct cfg *cfg, const struct cfg_realm *realm);
uint32_t defence_scope_of_name(const char *network); /* by cfg_realm_network() */

/* Something of a network (of an IPv4 address or prefix_len of IPv6) is exempt. */
bool defence_is_exempt(
	const struct defence_conf *conf, const struct ipaddr *net, uint8_t prefix_len);
/* The value of a User-Agent header says that it is a scanner, in its first DEFENCE_AGENT_LOOKED_AT
 * octets: a long one shall not take long. */
#define DEFENCE_AGENT_LOOKED_AT 256
bool defence_is_scanner(const struct defence_conf *conf, struct view agent);
/* A source of a scope, in both tables. */
uint64_t defence_tag(const struct defence *defence, const struct defence_conf *conf, uint32_t scope,
	const struct ipaddr *remote);
/* Whether what it sent is to be dropped, which is counted. */
bool defence_drops(
	struct defence *defence, uint32_t scope, const struct ipaddr *remote, uint64_t now_ms);
/* Whether there may be a new block now. */
bool defence_may_block(struct defence *defence, uint64_t now_us);
