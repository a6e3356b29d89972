/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The objects of schema.h, and how their rows are found. Each setting is in a schema_*.c, once. */
#include "controlplane/config/schema_rows.h"

const struct cfg_object cfg_objects[CFG_N_KINDS] = {
	[CFG_SYSTEM] = {.kind = CFG_SYSTEM,
		.single = true,
		.noun = "system",
		.help = "Settings of the whole box",
		.size = sizeof(struct cfg)},
	[CFG_VOICE] = {.kind = CFG_VOICE,
		.single = true,
		.name = "voice_service",
		.noun = "voice service voip",
		.syntax = "voice service voip",
		.prompt = "conf-voi-serv",
		.help = "Voice\nServices\nVoice over IP",
		.size = sizeof(struct cfg)},
	[CFG_SIP_UA] = {.kind = CFG_SIP_UA,
		.single = true,
		.name = "sip_ua",
		.noun = "sip-ua",
		.syntax = "sip-ua",
		.prompt = "config-sip-ua",
		.help = "SIP protocol of the whole box",
		.size = sizeof(struct cfg)},
	[CFG_RECORDING] = {.kind = CFG_RECORDING,
		.single = true,
		.name = "media_recording",
		.noun = "media recording",
		.syntax = "media recording",
		.prompt = "config-media-rec",
		.help = "Media\nRecordings of calls: files and the room for them",
		.size = sizeof(struct cfg)},
	[CFG_CONTROL_PLANE] = {.kind = CFG_CONTROL_PLANE,
		.single = true,
		.name = "control_plane",
		.noun = "control-plane",
		.syntax = "control-plane",
		.prompt = "config-cp",
		.help = "Limits of what reaches the box itself",
		.size = sizeof(struct cfg)},
	[CFG_ACCESS_LIST4] = {.kind = CFG_ACCESS_LIST4,
		.name = "access_lists",
		.noun = "access list",
		.syntax = "ip access-list extended",
		.prompt = "config-ext-nacl",
		.help = "IP settings\nWhat may come in by an interface\nBy protocol, addresses and "
			"ports",
		.offset = offsetof(struct cfg, access_lists4),
		.count_offset = offsetof(struct cfg, n_access_lists4),
		.size = sizeof(struct cfg_access_list)},
	[CFG_ACCESS_LIST6] = {.kind = CFG_ACCESS_LIST6,
		.name = "access_lists_ipv6",
		.noun = "IPv6 access list",
		.syntax = "ipv6 access-list",
		.prompt = "config-ipv6-acl",
		.help = "IPv6 settings\nWhat may come in by an interface",
		.offset = offsetof(struct cfg, access_lists6),
		.count_offset = offsetof(struct cfg, n_access_lists6),
		.size = sizeof(struct cfg_access_list)},
	[CFG_INTERFACE] = {.kind = CFG_INTERFACE,
		.name = "interfaces",
		.noun = "interface",
		.syntax = "interface $",
		.prompt = "config-if",
		.help = "Network interface",
		.offset = offsetof(struct cfg, interfaces),
		.count_offset = offsetof(struct cfg, n_interfaces),
		.size = sizeof(struct cfg_interface)},
	[CFG_ROUTE] = {.kind = CFG_ROUTE,
		.one_line = true,
		.name = "routes",
		.noun = "route",
		.syntax = "ip route $|ipv6 route $",
		.help = "IP settings\nStatic route",
		.offset = offsetof(struct cfg, routes),
		.count_offset = offsetof(struct cfg, n_routes),
		.size = sizeof(struct cfg_route)},
	[CFG_SRTP_CRYPTO] = {.kind = CFG_SRTP_CRYPTO,
		.name = "srtp_cryptos",
		.noun = "voice class srtp-crypto",
		.syntax = "voice class srtp-crypto $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nSRTP suites in an order of preference",
		.offset = offsetof(struct cfg, srtp_cryptos),
		.count_offset = offsetof(struct cfg, n_srtp_cryptos),
		.size = sizeof(struct cfg_srtp_crypto)},
	[CFG_VOICE_CODEC] = {.kind = CFG_VOICE_CODEC,
		.name = "voice_codecs",
		.noun = "voice class codec",
		.syntax = "voice class codec $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nCodecs in an order of preference",
		.offset = offsetof(struct cfg, voice_codecs),
		.count_offset = offsetof(struct cfg, n_voice_codecs),
		.size = sizeof(struct cfg_voice_codec)},
	[CFG_PROMPT] = {.kind = CFG_PROMPT,
		.name = "prompts",
		.noun = "voice class prompt",
		.syntax = "voice class prompt $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nSound that can be played into calls",
		.offset = offsetof(struct cfg, prompts),
		.count_offset = offsetof(struct cfg, n_prompts),
		.size = sizeof(struct cfg_prompt)},
	[CFG_TLS_PROFILE] = {.kind = CFG_TLS_PROFILE,
		.name = "tls_profiles",
		.noun = "voice class tls-profile",
		.syntax = "voice class tls-profile $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nCertificates for SIP over TLS",
		.offset = offsetof(struct cfg, tls_profiles),
		.count_offset = offsetof(struct cfg, n_tls_profiles),
		.size = sizeof(struct cfg_tls_profile)},
	[CFG_SIP_PROFILE] = {.kind = CFG_SIP_PROFILE,
		.name = "sip_profiles",
		.noun = "voice class sip-profiles",
		.syntax = "voice class sip-profiles $",
		.prompt = "config-class",
		.help = "Voice\nVoice classes\nRules that change header fields and descriptions",
		.offset = offsetof(struct cfg, sip_profiles),
		.count_offset = offsetof(struct cfg, n_sip_profiles),
		.size = sizeof(struct cfg_sip_profile)},
	[CFG_TRANSLATION_RULE] = {.kind = CFG_TRANSLATION_RULE,
		.name = "translation_rules",
		.noun = "voice translation-rule",
		.syntax = "voice translation-rule $",
		.prompt = "cfg-translation-rule",
		.help = "Voice\nHow a number is changed",
		.offset = offsetof(struct cfg, translation_rules),
		.count_offset = offsetof(struct cfg, n_translation_rules),
		.size = sizeof(struct cfg_translation_rule)},
	[CFG_TRANSLATION_PROFILE] = {.kind = CFG_TRANSLATION_PROFILE,
		.name = "translation_profiles",
		.noun = "voice translation-profile",
		.syntax = "voice translation-profile $",
		.prompt = "cfg-translation-profile",
		.help = "Voice\nWhich numbers of a call are changed by which rules",
		.offset = offsetof(struct cfg, translation_profiles),
		.count_offset = offsetof(struct cfg, n_translation_profiles),
		.size = sizeof(struct cfg_translation_profile)},
	[CFG_TIME_RANGE] = {.kind = CFG_TIME_RANGE,
		.name = "time_ranges",
		.noun = "time-range",
		.syntax = "time-range $",
		.prompt = "config-time-range",
		.help = "Times of the week and of the calendar",
		.offset = offsetof(struct cfg, time_ranges),
		.count_offset = offsetof(struct cfg, n_time_ranges),
		.size = sizeof(struct cfg_time_range)},
	[CFG_E164_MAP] = {.kind = CFG_E164_MAP,
		.name = "e164_pattern_maps",
		.noun = "voice class e164-pattern-map",
		.syntax = "voice class e164-pattern-map $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nNumbers that dial-peers are for",
		.offset = offsetof(struct cfg, e164_maps),
		.count_offset = offsetof(struct cfg, n_e164_maps),
		.size = sizeof(struct cfg_e164_map)},
	[CFG_DPG] = {.kind = CFG_DPG,
		.name = "dial_peer_groups",
		.noun = "voice class dpg",
		.syntax = "voice class dpg $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nDial-peers in the order in which they are tried",
		.offset = offsetof(struct cfg, dpgs),
		.count_offset = offsetof(struct cfg, n_dpgs),
		.size = sizeof(struct cfg_dpg)},
	[CFG_ROUTE_TABLE] = {.kind = CFG_ROUTE_TABLE,
		.name = "route_tables",
		.noun = "voice class route-table",
		.syntax = "voice class route-table $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nTrunks that lead to numbers, with rates and dates",
		.offset = offsetof(struct cfg, route_tables),
		.count_offset = offsetof(struct cfg, n_route_tables),
		.size = sizeof(struct cfg_route_table)},
	[CFG_STIR] = {.kind = CFG_STIR,
		.name = "stir_shaken",
		.noun = "voice class stir-shaken",
		.syntax = "voice class stir-shaken $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nSigned numbers of callers",
		.offset = offsetof(struct cfg, stirs),
		.count_offset = offsetof(struct cfg, n_stirs),
		.size = sizeof(struct cfg_stir)},
	[CFG_TENANT] = {.kind = CFG_TENANT,
		.name = "tenants",
		.noun = "voice class tenant",
		.syntax = "voice class tenant $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nHow SIP is spoken with the far ends of a side",
		.offset = offsetof(struct cfg, tenants),
		.count_offset = offsetof(struct cfg, n_tenants),
		.size = sizeof(struct cfg_tenant)},
	[CFG_SERVER_GROUP] = {.kind = CFG_SERVER_GROUP,
		.name = "server_groups",
		.noun = "voice class server-group",
		.syntax = "voice class server-group $",
		.prompt = "config-class",
		.help = "Voice\nNamed lists\nServers that calls of a trunk are spread over",
		.offset = offsetof(struct cfg, server_groups),
		.count_offset = offsetof(struct cfg, n_server_groups),
		.size = sizeof(struct cfg_server_group)},
	[CFG_REALM] = {.kind = CFG_REALM,
		.name = "realms",
		.noun = "realm",
		.syntax = "realm $",
		.prompt = "config-realm",
		.help = "Side of the box: where SIP and media are taken",
		.offset = offsetof(struct cfg, realms),
		.count_offset = offsetof(struct cfg, n_realms),
		.size = sizeof(struct cfg_realm)},
	[CFG_TRUNK] = {.kind = CFG_TRUNK,
		.name = "trunks",
		.noun = "trunk",
		.syntax = "trunk $",
		.prompt = "config-trunk",
		.help = "Far end with a fixed address",
		.offset = offsetof(struct cfg, trunks),
		.count_offset = offsetof(struct cfg, n_trunks),
		.size = sizeof(struct cfg_trunk)},
	[CFG_DIAL_PEER] = {.kind = CFG_DIAL_PEER,
		.name = "dial_peers",
		.noun = "dial-peer",
		.syntax = "dial-peer voice $ voip",
		.prompt = "config-dial-peer",
		.help = "Route for called numbers\nVoice\nVoice over IP",
		.offset = offsetof(struct cfg, dial_peers),
		.count_offset = offsetof(struct cfg, n_dial_peers),
		.size = sizeof(struct cfg_dial_peer)},
	[CFG_REGISTRAR] = {.kind = CFG_REGISTRAR,
		.name = "registrars",
		.noun = "registrar",
		.syntax = "registrar $",
		.prompt = "config-registrar",
		.help = "Takes the registrations of phones",
		.offset = offsetof(struct cfg, registrars),
		.count_offset = offsetof(struct cfg, n_registrars),
		.size = sizeof(struct cfg_registrar)},
	[CFG_POOL] = {.kind = CFG_POOL,
		.name = "pools",
		.noun = "voice register pool",
		.syntax = "voice register pool $",
		.prompt = "config-register-pool",
		.help = "Voice\nPhones that register here\nA user with a password",
		.offset = offsetof(struct cfg, pools),
		.count_offset = offsetof(struct cfg, n_pools),
		.size = sizeof(struct cfg_pool)},
};

static const struct cfg_rows *const parts[] = {&cfg_rows_box, &cfg_rows_net, &cfg_rows_class,
	&cfg_rows_profiles, &cfg_rows_routing, &cfg_rows_tenant, &cfg_rows_group, &cfg_rows_realm,
	&cfg_rows_trunk, &cfg_rows_peer, &cfg_rows_users};
#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

const struct cfg_leaf *cfg_leaf_next(const struct cfg_leaf *leaf)
{
	if (!leaf)
		return parts[0]->first;
	leaf++;
	for (unsigned int i = 0; i + 1 < N_PARTS; i++) {
		if (leaf == parts[i]->end)
			return parts[i + 1]->first;
	}
	return leaf == parts[N_PARTS - 1]->end ? NULL : leaf;
}

/* Filled before main(), as settings are looked up for each call. */
static struct cfg_rows kinds[CFG_N_KINDS];
static const struct cfg_leaf *keys[CFG_N_KINDS];

__attribute__((constructor)) static void kinds_fill(void)
{
	for (const struct cfg_leaf *leaf = NULL; (leaf = cfg_leaf_next(leaf)) != NULL;) {
		struct cfg_rows *rows = &kinds[leaf->kind];
		if (!rows->first)
			rows->first = leaf;
		rows->end = leaf + 1;
		if (leaf->flags & CFG_F_KEY)
			keys[leaf->kind] = leaf;
	}
}

void cfg_leaves_of(
	enum cfg_kind kind, const struct cfg_leaf **ret_first, const struct cfg_leaf **ret_end)
{
	*ret_first = kinds[kind].first;
	*ret_end = kinds[kind].end;
}

const struct cfg_leaf *cfg_leaf_key(enum cfg_kind kind)
{
	return kind < CFG_N_KINDS ? keys[kind] : NULL;
}

const struct cfg_leaf *cfg_leaf_find(enum cfg_kind kind, const char *name)
{
	const struct cfg_leaf *leaf, *end;

	for (cfg_leaves_of(kind, &leaf, &end); leaf < end; leaf++) {
		if (strcmp(leaf->name, name) == 0)
			return leaf;
	}
	return NULL;
}
