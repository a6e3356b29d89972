/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See defence.h. */
#include "sip-b2bua/defence/defence.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/base/secret.h"
#include "controlplane/base/siphash.h"

#define SECOND_US	  UINT64_C(1000000)
#define BURST_SECONDS	  3
#define MEMORY_MS	  (24u * 3600 * 1000)
#define LIMEN_SCOPE_KEY_0 UINT64_C(0x6c696d656e2d736f)

/* How tools that look for passwords and open ways name themselves. */
static const char *const known_scanners[] = {"friendly-scanner", "sipvicious", "sipcli", "sip-scan",
	"pplsip", "sundayddr", "vaxsipuseragent", "vaxipuseragent", "iwar", "smap", "sipptk",
	"nm@nmap", "friendly-request"};

struct defence *defence_new(void)
{
	struct defence *d = calloc(1, sizeof(*d));
	uint64_t seed;

	if (d == NULL)
		return NULL;
	secret_random(d->key, sizeof(d->key));
	secret_random(&seed, sizeof(seed));
	d->sources = sources_new(seed);
	d->shun = shun_new();
	if (d->sources == NULL || d->shun == NULL) {
		defence_free(d);
		return NULL;
	}
	return d;
}

void defence_free(struct defence *defence)
{
	if (defence == NULL)
		return;
	sources_free(defence->sources);
	shun_free(defence->shun);
	free(defence);
}

static char small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static void agent_add(struct defence_conf *conf, const char *agent)
{
	char *to = conf->agents[conf->n_agents++];

	for (unsigned int i = 0; i < CFG_AGENT_MAX - 1 && agent[i] != '\0'; i++)
		to[i] = small(agent[i]);
}

void defence_conf_of(const struct cfg *cfg, struct defence_conf *ret_conf)
{
	struct defence_conf conf = {.factor = cfg->defence_trusted,
		.times = {cfg->defence_block_s * 1000, cfg->defence_block_max_s * 1000, MEMORY_MS},
		.prefix6 = cfg->defence_prefix6,
		.n_exempt = cfg->n_defence_exempt};
	const uint32_t a_second[] = {cfg->defence_messages, cfg->defence_calls};
	const uint32_t a_minute[] = {cfg->defence_malformed, cfg->defence_unknown,
		cfg->defence_challenges, cfg->defence_passwords};

	for (unsigned int i = 0; i < 2; i++)
		conf.limits[SOURCE_MESSAGES + i] = source_limit_of(
			a_second[i], SECOND_US, BURST_SECONDS);
	for (unsigned int i = 0; i < 4; i++)
		conf.limits[SOURCE_MALFORMED + i] = source_limit_of(a_minute[i], 60 * SECOND_US, 1);
	if (conf.times.max_ms < conf.times.first_ms)
		conf.times.max_ms = conf.times.first_ms;
	memcpy(conf.exempt, cfg->defence_exempt, sizeof(conf.exempt));
	for (uint32_t i = 0; i < cfg->n_defence_agents; i++)
		agent_add(&conf, cfg->defence_agents[i]);
	for (unsigned int i = 0;
		cfg->defence_scanners && i < sizeof(known_scanners) / sizeof(known_scanners[0]);
		i++)
		agent_add(&conf, known_scanners[i]);
	*ret_conf = conf;
}
_Static_assert(
	CFG_LIST_MAX + sizeof(known_scanners) / sizeof(known_scanners[0]) <= DEFENCE_AGENTS_MAX,
	"all names have room");

uint32_t defence_scope_of_name(const char *network)
{
	/* Names come from the configuration: nobody chooses them to meet others. */
	static const uint64_t key[2] = {LIMEN_SCOPE_KEY_0, 1};

	return (uint32_t)siphash24(key, network, strlen(network));
}

uint32_t defence_scope(const struct cfg *cfg, const struct cfg_realm *realm)
{
	return defence_scope_of_name(cfg_realm_network(cfg, realm)->name);
}

bool defence_is_exempt(
	const struct defence_conf *conf, const struct ipaddr *net, uint8_t prefix_len)
{
	for (uint32_t i = 0; i < conf->n_exempt; i++) {
		const struct cfg_prefix *exempt = &conf->exempt[i];
		uint8_t len = exempt->len < prefix_len ? exempt->len : prefix_len;
		unsigned int octets = len / 8u, bits = len % 8u;
		if (exempt->addr.family != net->family ||
			memcmp(exempt->addr.ip, net->ip, octets) != 0)
			continue;
		if (bits == 0 || ((exempt->addr.ip[octets] ^ net->ip[octets]) >> (8 - bits)) == 0)
			return true;
	}
	return false;
}

static bool starts(struct view text, const char *word)
{
	size_t n = strlen(word);

	if (text.n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (small(text.p[i]) != word[i])
			return false;
	}
	return true;
}

bool defence_is_scanner(const struct defence_conf *conf, struct view agent)
{
	if (agent.n > DEFENCE_AGENT_LOOKED_AT)
		agent.n = DEFENCE_AGENT_LOOKED_AT;
	for (; agent.n > 0; agent.p++, agent.n--) {
		for (uint32_t i = 0; i < conf->n_agents; i++) {
			if (conf->agents[i][0] == small(agent.p[0]) &&
				starts(agent, conf->agents[i]))
				return true;
		}
	}
	return false;
}

uint64_t defence_tag(const struct defence *defence, const struct defence_conf *conf, uint32_t scope,
	const struct ipaddr *remote)
{
	struct ipaddr net = ctl_block_net(remote, conf->prefix6);

	return shun_tag(defence->key, scope, &net, remote->family == 4 ? 32 : conf->prefix6);
}

bool defence_drops(
	struct defence *defence, uint32_t scope, const struct ipaddr *remote, uint64_t now_ms)
{
	/* Of IPv6 all: an operator may say another length, or said it before a commit. */
	static const uint8_t lens[] = {32, 48, 56, 64, 128};
	unsigned int i = remote->family == 4 ? 0 : 1, end = remote->family == 4 ? 1 : sizeof(lens);

	for (; i < end; i++) {
		if (!shun_any_of(defence->shun, lens[i]))
			continue;
		struct ipaddr net = ctl_block_net(remote, lens[i]);
		if (shun_drops(defence->shun, shun_tag(defence->key, scope, &net, lens[i]), now_ms))
			return true;
	}
	return false;
}

bool defence_may_block(struct defence *defence, uint64_t now_us)
{
	const uint64_t cost = SECOND_US / DEFENCE_BLOCKS_SECOND;
	uint64_t at = atomic_load_explicit(&defence->blocks_us, memory_order_relaxed);

	if (at < now_us || at - now_us > 2 * SECOND_US)
		at = now_us;
	if (at - now_us + cost > SECOND_US)
		return false;
	atomic_store_explicit(&defence->blocks_us, at + cost, memory_order_relaxed);
	return true;
}
