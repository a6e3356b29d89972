/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small configuration and messages for the tests of media and calls. */
#pragma once

#include <errno.h>
#include <string.h>

#include "controlplane/api/ctl_api.h"
#include "controlplane/config/cfg.h"

/* Realms "access" 192.0.2.1 and 2001:db8::1, "peering" 198.51.100.1; n_pairs pairs of ports each. */
static inline struct cfg *sample_cfg(struct cfg *cfg, struct cfg_realm realms[2],
	struct cfg_interface interfaces[2], unsigned int n_pairs)
{
	memset(cfg, 0, sizeof(*cfg));
	memset(realms, 0, 2 * sizeof(*realms));
	memset(interfaces, 0, 2 * sizeof(*interfaces));
	strcpy(realms[0].name, "access");
	strcpy(realms[0].interface, "acc0");
	realms[0].media_ipv4 = (struct ipaddr){.family = 4, .ip = {192, 0, 2, 1}};
	realms[0].media_ipv6 = (struct ipaddr){.family = 6, .ip = {0x20, 1, 0xd, 0xb8, [15] = 1}};
	realms[0].dscp_media = 46;
	realms[0].dscp_video = 34;
	realms[0].audio_pps = 500;
	realms[0].other_pps = 9000;
	realms[0].latch = true;
	realms[1].rtcp_strict = true;
	realms[0].media_timeout_s = 30;
	strcpy(realms[1].name, "peering");
	strcpy(realms[1].interface, "peer0");
	realms[1].media_ipv4 = (struct ipaddr){.family = 4, .ip = {198, 51, 100, 1}};
	for (unsigned int i = 0; i < 2; i++) {
		realms[i].media_port_min = 20000;
		realms[i].media_port_max = 20000 + 2 * n_pairs - 1;
	}
	strcpy(interfaces[0].name, "acc0");
	strcpy(interfaces[0].device, "net_null0");
	strcpy(interfaces[1].name, "peer0");
	strcpy(interfaces[1].device, "net_null1");
	strcpy(cfg->hostname, "node");
	cfg->realms = realms;
	cfg->n_realms = 2;
	cfg->interfaces = interfaces;
	cfg->n_interfaces = 2;
	return cfg;
}

static inline struct ctl_media sample_media(uint64_t call_id, uint32_t index)
{
	struct ctl_media m;

	memset(&m, 0, sizeof(m));
	m.call_id = call_id;
	m.media_index = index;
	strcpy(m.realm[0], "access");
	strcpy(m.realm[1], "peering");
	for (unsigned int i = 0; i < DP_LEGS; i++) {
		m.leg[i].local.family = 4;
		m.leg[i].flags = DP_LEG_SEND | DP_LEG_RECV;
		m.leg[i].n_payloads = 1;
		m.leg[i].payloads[0].pt = 8;
		m.leg[i].payloads[0].clock_hz = 8000;
	}
	return m;
}

/* As prompts_resolve() does: there is every prompt but the one named "none". */
static inline int sample_play(void *arg, const struct ctl_play *play, struct dp_play *ret_play)
{
	struct dp_play dp = {.serial = play->serial, .id = 7, .kind = play->kind};

	if (play->kind == CTL_PLAY_PROMPT && strcmp(play->name, "none") == 0)
		return -ENODATA;
	*ret_play = play->kind == CTL_PLAY_NONE ? (struct dp_play){0} : dp;
	return 0;
}

static inline uint32_t sample_prompt_ms(void *arg, const char *name)
{
	return name[0] ? 1500 : 0;
}

static inline struct ctl_call sample_call(uint64_t id, uint32_t state)
{
	struct ctl_call c;

	memset(&c, 0, sizeof(c));
	c.id = id;
	c.state = state;
	c.invite_ms = 1767225600000;
	if (state == CTL_CALL_ACTIVE)
		c.answer_ms = c.invite_ms + 1000;
	c.sip_status = c.answer_ms != 0 ? 200 : 0;
	strcpy(c.realm[0], "access");
	strcpy(c.realm[1], "peering");
	return c;
}
