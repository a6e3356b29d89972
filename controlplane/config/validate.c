/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one row of the schema cannot say: references, overlaps, required settings. The first fault
 * is reported in a sentence. Quadratic loops are over interfaces, realms and their few addresses;
 * trunks and dial-peers, of which there may be thousands, are only looked up.
 */
#include "controlplane/config/validate_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cfg_fault(char *error, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CFG_ERROR_MAX, fmt, ap);
	va_end(ap);
	return rc;
}

static int check_ref(const struct cfg *cfg, const struct cfg_leaf *leaf, const void *obj,
	unsigned int i, char *error)
{
	char title[CFG_VALUE_MAX + 32], value[CFG_VALUE_MAX];
	const char *text = cfg_value_print(leaf, cfg_leaf_at(leaf, obj, i), value);
	const char *name = leaf->type == CFG_T_ANNOUNCEMENT ? strchr(text, ' ') + 1 : text;

	if (cfg_object_find(cfg, leaf->ref, view_of(name)))
		return 0;
	int words = (int)strcspn(leaf->syntax, "$"); /* the name may stand between them */
	return cfg_fault(error, -EINVAL, "%.64s: %.*s%s\"%s\": there is no %s of that name",
		cfg_object_title(leaf->kind, obj, title), words, leaf->syntax,
		leaf->syntax[words] ? "" : " ", text, cfg_objects[leaf->ref].noun);
}

/* Every reference names an object that exists. */
static int check_refs(const struct cfg *cfg, const struct cfg_leaf *leaf, char *error)
{
	int rc = 0;

	if (leaf->ref == CFG_NO_KIND)
		return 0;
	for (unsigned int i = 0; i < cfg_object_count(cfg, leaf->kind); i++) {
		const void *obj = cfg_object_at(cfg, leaf->kind, i);
		unsigned int n = (leaf->flags & CFG_F_LIST) ? cfg_leaf_count(leaf, obj)
							    : cfg_leaf_is_set(leaf, obj);
		for (unsigned int k = 0; rc == 0 && k < n; k++)
			rc = check_ref(cfg, leaf, obj, k, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int check_required(const struct cfg *cfg, const struct cfg_leaf *leaf, char *error)
{
	char title[CFG_VALUE_MAX + 32];

	if (!(leaf->flags & CFG_F_REQUIRED))
		return 0;
	for (unsigned int i = 0; i < cfg_object_count(cfg, leaf->kind); i++) {
		const void *obj = cfg_object_at(cfg, leaf->kind, i);
		if (!cfg_leaf_is_set(leaf, obj))
			return cfg_fault(error, -ENODATA, "%.64s: \"%s\" is missing",
				cfg_object_title(leaf->kind, obj, title),
				*leaf->syntax ? leaf->syntax : leaf->name);
	}
	return 0;
}

static int check_interface_pair(
	const struct cfg_interface *a, const struct cfg_interface *b, char *error)
{
	char text[IPADDR_TEXT_MAX];

	if (a != b && a->device[0] && strcmp(a->device, b->device) == 0)
		return cfg_fault(error, -EINVAL,
			"interface %s: device %.80s is interface %s's already", b->name, b->device,
			a->name);
	for (uint32_t i = 0; i < a->n_address; i++) {
		for (uint32_t j = a == b ? i + 1 : 0; j < b->n_address; j++) {
			if (ipaddr_same_ip(&a->address[i].addr, &b->address[j].addr))
				return cfg_fault(error, -EINVAL,
					"interface %s: %s is an address of interface %s already",
					b->name, ipaddr_print(&b->address[j].addr, text), a->name);
		}
	}
	return 0;
}

static int check_vlan(const struct cfg *cfg, const struct cfg_interface *interface, char *error)
{
	const struct cfg_interface *parent = cfg_interface_parent(cfg, interface);

	if (!interface->vlan)
		return interface->n_cos ? cfg_fault(error, -ENODATA,
						  "interface %s: \"encapsulation dot1q\" is "
						  "missing: without it there is no priority",
						  interface->name)
					: 0;
	if (interface->device[0])
		return cfg_fault(error, -EINVAL,
			"interface %s: a VLAN has no device of its own, but that of the interface "
			"before the dot of its name",
			interface->name);
	if (!parent || !parent->device[0])
		return cfg_fault(error, -EINVAL,
			"interface %s: it must be named as an interface with a device, a dot and a "
			"number, as access0.100",
			interface->name);
	if (interface->mtu > parent->mtu)
		return cfg_fault(error, -EINVAL,
			"interface %s: its MTU of %u is larger than the %u of interface %s",
			interface->name, interface->mtu, parent->mtu, parent->name);
	for (uint32_t i = 0; i < cfg->n_interfaces; i++) {
		const struct cfg_interface *other = &cfg->interfaces[i];
		if (other != interface && other->vlan == interface->vlan &&
			cfg_interface_parent(cfg, other) == parent)
			return cfg_fault(error, -EINVAL,
				"interface %s: VLAN %u is that of interface %s already",
				interface->name, interface->vlan, other->name);
	}
	return 0;
}

/* A list of nothing would shut everybody out, which nobody means who has just made it. */
static int check_access(const struct cfg *cfg, const struct cfg_interface *interface,
	unsigned int family, char *error)
{
	const char *name = family == 4 ? interface->access4 : interface->access6;
	const struct cfg_access_list *list = cfg_find_access_list(cfg, family, name);
	uint32_t n = 0;

	if (!name[0] || !list)
		return 0; /* none, or check_refs() says so */
	if (!cfg_interface_has_device(interface))
		return cfg_fault(error, -EINVAL,
			"interface %s: access list %s has no effect on an interface without a "
			"device, "
			"which Linux has alone",
			interface->name, name);
	for (uint32_t i = 0; i < list->n_rules; i++)
		n += !list->rules[i].remark[0];
	if (!n)
		return cfg_fault(error, -EINVAL,
			"interface %s: access list %s has no rules, so nothing would come in; say "
			"\"deny %s any any\" if that is meant",
			interface->name, name, family == 4 ? "ip" : "ipv6");
	return 0;
}

static int check_interfaces(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_interfaces; i++) {
		if (strcmp(cfg->interfaces[i].name, "lo") == 0 && cfg->interfaces[i].device[0])
			return cfg_fault(error, -EINVAL,
				"interface lo: the loopback interface cannot have a device");
		int rc = check_vlan(cfg, &cfg->interfaces[i], error);
		rc = rc < 0 ? rc : check_access(cfg, &cfg->interfaces[i], 4, error);
		rc = rc < 0 ? rc : check_access(cfg, &cfg->interfaces[i], 6, error);
		if (rc < 0)
			return rc;
		for (uint32_t j = i; j < cfg->n_interfaces; j++) {
			rc = check_interface_pair(&cfg->interfaces[i], &cfg->interfaces[j], error);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int check_routes(const struct cfg *cfg, char *error)
{
	char dest[IPADDR_TEXT_MAX], next[IPADDR_TEXT_MAX];

	for (uint32_t i = 0; i < cfg->n_routes; i++) {
		const struct cfg_route *route = &cfg->routes[i];
		if (ipaddr_is_set(&route->next_hop) &&
			route->next_hop.family != route->dest.addr.family)
			return cfg_fault(error, -EINVAL,
				"route %s/%u: the gateway %s is of the other IP version",
				ipaddr_print(&route->dest.addr, dest), route->dest.len,
				ipaddr_print(&route->next_hop, next));
	}
	return 0;
}

static int check_media_addr(const struct cfg *cfg, const struct cfg_realm *realm,
	const struct ipaddr *addr, char *error)
{
	const struct cfg_interface *interface = cfg_find_interface(cfg, realm->interface);
	char text[IPADDR_TEXT_MAX];

	if (!ipaddr_is_set(addr))
		return 0;
	if (!interface)
		return cfg_fault(
			error, -ENODATA, "realm %s: \"media interface\" is missing", realm->name);
	if (!cfg_interface_has_device(interface))
		return cfg_fault(error, -EINVAL,
			"realm %s: interface %s has no device, so it cannot carry media",
			realm->name, interface->name);
	for (uint32_t i = 0; i < interface->n_address; i++) {
		if (ipaddr_same_ip(&interface->address[i].addr, addr))
			return 0;
	}
	return cfg_fault(error, -EINVAL,
		"realm %s: media address %s is not an address of interface %s", realm->name,
		ipaddr_print(addr, text), interface->name);
}

static bool listens_clash(const struct cfg_listen *a, const struct cfg_listen *b)
{
	return (a->transport == CFG_TRANSPORT_UDP) == (b->transport == CFG_TRANSPORT_UDP) &&
	       ipaddr_equal(&a->addr, &b->addr);
}

static bool takes_port(const struct cfg_realm *realm, const struct ipaddr *addr)
{
	return (ipaddr_same_ip(&realm->media_ipv4, addr) ||
		       ipaddr_same_ip(&realm->media_ipv6, addr)) &&
	       ipaddr_port(addr) >= realm->media_port_min &&
	       ipaddr_port(addr) <= realm->media_port_max;
}

static bool media_overlaps(const struct cfg_realm *a, const struct cfg_realm *b)
{
	bool same = (ipaddr_is_set(&a->media_ipv4) &&
			    ipaddr_same_ip(&a->media_ipv4, &b->media_ipv4)) ||
		    (ipaddr_is_set(&a->media_ipv6) &&
			    ipaddr_same_ip(&a->media_ipv6, &b->media_ipv6));

	return same && a->media_port_min <= b->media_port_max &&
	       b->media_port_min <= a->media_port_max;
}

static int check_realm_pair(const struct cfg_realm *a, const struct cfg_realm *b, char *error)
{
	char text[IPADDR_TEXT_MAX];

	if (a != b && media_overlaps(a, b))
		return cfg_fault(error, -EINVAL,
			"realm %s: its media ports %u to %u overlap those of realm %s at the "
			"same address",
			b->name, b->media_port_min, b->media_port_max, a->name);
	for (uint32_t j = 0; j < b->n_listen; j++) {
		const struct cfg_listen *listen = &b->listen[j];
		if (listen->transport == CFG_TRANSPORT_UDP && takes_port(a, &listen->addr))
			return cfg_fault(error, -EINVAL,
				"realm %s: sip listen udp %s is inside the media ports of realm %s",
				b->name, ipaddr_print_port(&listen->addr, text), a->name);
		for (uint32_t i = 0; i < (a == b ? j : a->n_listen); i++) {
			if (listens_clash(&a->listen[i], listen))
				return cfg_fault(error, -EINVAL,
					"realm %s: %s is a listen address of realm %s already",
					b->name, ipaddr_print_port(&listen->addr, text), a->name);
		}
	}
	return 0;
}

static int check_realms(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *realm = &cfg->realms[i];
		int rc = check_media_addr(cfg, realm, &realm->media_ipv4, error);
		if (rc == 0)
			rc = check_media_addr(cfg, realm, &realm->media_ipv6, error);
		for (uint32_t j = 0; rc == 0 && j < cfg->n_realms; j++)
			rc = check_realm_pair(realm, &cfg->realms[j], error);
		if (rc < 0)
			return rc;
		if (realm->interface[0] && !ipaddr_is_set(&realm->media_ipv4) &&
			!ipaddr_is_set(&realm->media_ipv6))
			return cfg_fault(error, -ENODATA, "realm %s: \"media address\" is missing",
				realm->name);
	}
	return 0;
}

static int check_srtp_cryptos(const struct cfg *cfg, char *error)
{
	const struct cfg_leaf *leaf = cfg_leaf_find(CFG_SRTP_CRYPTO, "crypto");
	char text[CFG_VALUE_MAX];

	for (uint32_t i = 0; i < cfg->n_srtp_cryptos; i++) {
		const struct cfg_srtp_crypto *class = &cfg->srtp_cryptos[i];
		for (uint32_t j = 1; j < class->n_crypto; j++) {
			for (uint32_t k = 0; k < j; k++) {
				if (class->crypto[k].value == class->crypto[j].value)
					return cfg_fault(error, -EINVAL,
						"voice class srtp-crypto %u: \"crypto %s\": this "
						"suite has the preference %u already",
						class->tag,
						cfg_value_print(leaf, &class->crypto[j], text),
						class->crypto[k].rank);
			}
		}
	}
	return 0;
}

static int check_voice_codecs(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_voice_codecs; i++) {
		const struct cfg_voice_codec *class = &cfg->voice_codecs[i];
		for (uint32_t j = 1; j < class->n_codec; j++) {
			for (uint32_t k = 0; k < j; k++) {
				if (cfg_codec_id(class->codec[k].value) ==
					cfg_codec_id(class->codec[j].value))
					return cfg_fault(error, -EINVAL,
						"voice class codec %u: \"codec preference %u %s\": "
						"this codec has the preference %u already",
						class->tag, class->codec[j].rank,
						cfg_codec_word(class->codec[j].value),
						class->codec[k].rank);
			}
		}
	}
	return 0;
}

/* RFC 5764 4.1.2 and RFC 7714 14.2 have no protection profile for AES-256 in counter mode. */
static bool dtls_has_suite(const struct cfg *cfg, uint32_t tag)
{
	const struct cfg_srtp_crypto *class = tag ? cfg_find_srtp_crypto(cfg, tag) : NULL;

	if (!class || class->n_crypto == 0)
		return true;
	for (uint32_t i = 0; i < class->n_crypto; i++) {
		if (class->crypto[i].value != DP_SRTP_CM_256_SHA1_80 &&
			class->crypto[i].value != DP_SRTP_CM_256_SHA1_32)
			return true;
	}
	return false;
}

static int check_dtls_suites(const struct cfg *cfg, char *error)
{
	static const char no_suite[] =
		"%s %s: \"srtp keying dtls\": DTLS can agree on no suite of "
		"voice class srtp-crypto %u";

	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *realm = &cfg->realms[i];

		if (realm->srtp_keying == CFG_KEYING_DTLS &&
			!dtls_has_suite(cfg, realm->srtp_crypto))
			return cfg_fault(
				error, -EINVAL, no_suite, "realm", realm->name, realm->srtp_crypto);
	}
	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		const struct cfg_trunk *trunk = &cfg->trunks[i];
		const struct cfg_realm *realm = cfg_find_realm(cfg, trunk->realm);
		uint8_t keying = trunk->srtp_keying;
		uint32_t tag = trunk->srtp_crypto;

		if (keying == CFG_KEYING_REALM && realm)
			keying = realm->srtp_keying;
		if (tag == 0 && realm)
			tag = realm->srtp_crypto;
		if (keying == CFG_KEYING_DTLS && !dtls_has_suite(cfg, tag))
			return cfg_fault(error, -EINVAL, no_suite, "trunk", trunk->name, tag);
	}
	return 0;
}

static int check_prompts(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_prompts; i++) {
		const struct cfg_prompt *prompt = &cfg->prompts[i];
		const char *why;

		if (prompt->file[0] && !cfg_flash_path(prompt->file, &why))
			return cfg_fault(error, -EINVAL, "voice class prompt %s: \"file %s\": %s",
				prompt->name, prompt->file, why);
	}
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *realm = &cfg->realms[i];

		if (realm->ringback_tone && realm->ringback_prompt[0])
			return cfg_fault(error, -EINVAL,
				"realm %s: \"ringback tone\" and \"ringback prompt\" exclude each "
				"other; take one away with \"no\" first",
				realm->name);
	}
	return 0;
}

/* A map lists its patterns, or a file does, or both; a dial-peer has one way to match. */
static int check_e164_maps(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_e164_maps; i++) {
		const struct cfg_e164_map *map = &cfg->e164_maps[i];
		const char *why;

		if (map->url[0] && !cfg_flash_path(map->url, &why))
			return cfg_fault(error, -EINVAL,
				"voice class e164-pattern-map %u: \"url %s\": %s", map->tag,
				map->url, why);
		if (!map->url[0] && map->n_e164 == 0)
			return cfg_fault(error, -ENODATA,
				"voice class e164-pattern-map %u: \"e164\" or \"url\" is missing",
				map->tag);
	}
	for (uint32_t i = 0; i < cfg->n_route_tables; i++) {
		const struct cfg_route_table *table = &cfg->route_tables[i];
		const char *why;

		if (table->url[0] && !cfg_flash_path(table->url, &why))
			return cfg_fault(error, -EINVAL,
				"voice class route-table %u: \"url %s\": %s", table->tag,
				table->url, why);
	}
	return 0;
}

/* A call goes to one place. */
static int check_dial_peer(const struct cfg_dial_peer *peer, char *error)
{
	unsigned int n = !!peer->trunk[0] + !!peer->route_table + !!peer->route_hook +
			 !!peer->announcement[0] + !!peer->conference[0] +
			 (peer->tone != CFG_TONE_NONE) + peer->registrar;
	bool plays = peer->announcement[0] || peer->tone != CFG_TONE_NONE;

	if (peer->destination_pattern[0] && peer->destination_map)
		return cfg_fault(error, -EINVAL,
			"dial-peer %u: \"destination-pattern\" and \"destination "
			"e164-pattern-map\" exclude each other; take one away with \"no\" first",
			peer->tag);
	if (!peer->destination_pattern[0] && !peer->destination_map && !peer->incoming_called[0])
		return cfg_fault(error, -ENODATA,
			"dial-peer %u: \"destination-pattern\" is missing", peer->tag);
	if (peer->destination_dpg && (!peer->incoming_called[0] || peer->destination_pattern[0] ||
					     peer->destination_map || n > 0))
		return cfg_fault(error, -ENODATA,
			"dial-peer %u: \"destination dpg\" is for a dial-peer with \"incoming "
			"called-number\" and without other destinations and targets",
			peer->tag);
	if (peer->translation_incoming[0] && !peer->incoming_called[0])
		return cfg_fault(error, -ENODATA,
			"dial-peer %u: \"translation-profile incoming\" needs \"incoming "
			"called-number\": of which calls?",
			peer->tag);
	/* One that is for incoming calls alone goes nowhere. */
	if (n == 0 && (peer->destination_pattern[0] || peer->destination_map))
		return cfg_fault(
			error, -ENODATA, "dial-peer %u: \"session target\" is missing", peer->tag);
	if (n > 1)
		return cfg_fault(error, -EINVAL,
			"dial-peer %u: it has more than one \"session target\"; take the others "
			"away with \"no session target\" first",
			peer->tag);
	if (!plays && (peer->announcement_loop || peer->announcement_early || peer->release_cause))
		return cfg_fault(error, -EINVAL,
			"dial-peer %u: \"announcement loop\", \"early-media\" and "
			"\"release-cause\" are for session targets that play something",
			peer->tag);
	if (peer->announcement_early && peer->release_cause == 16)
		return cfg_fault(error, -EINVAL,
			"dial-peer %u: \"announcement early-media\" ends with a refusal, and cause "
			"16 (normal clearing) is none",
			peer->tag);
	return 0;
}

static int check_dial_peers(const struct cfg *cfg, char *error)
{
	char text[CFG_ERROR_MAX];
	int missing = 0;

	for (uint32_t i = 0; i < cfg->n_dial_peers; i++) {
		int rc = check_dial_peer(&cfg->dial_peers[i], text);

		if (rc < 0 && (rc != -ENODATA || !missing))
			missing = cfg_fault(error, rc, "%s", text);
		if (rc < 0 && rc != -ENODATA)
			return rc;
	}
	return missing;
}

static bool realm_takes_tls(const struct cfg_realm *realm)
{
	for (uint32_t i = 0; i < realm->n_listen; i++) {
		uint8_t transport = realm->listen[i].transport;
		if (transport == CFG_TRANSPORT_TLS || transport == CFG_TRANSPORT_WSS)
			return true;
	}
	return false;
}

/* "*" stands for a whole first label only (RFC 6125 6.4.3). */
static bool is_server_name(const char *name)
{
	size_t n = strlen(name);
	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	return n < CFG_HOST_MAX && *name && *name != '.' && name[strlen(name) - 1] != '.' &&
	       !strstr(name, "..") &&
	       name[strspn(name,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		       "0123456789-_.")] == '\0';
}

static int check_sni(const struct cfg *cfg, const struct cfg_tls_profile *class, char *error)
{
	for (uint32_t i = 0; i < class->n_server_names; i++) {
		if (!is_server_name(class->server_names[i]))
			return cfg_fault(error, -EINVAL,
				"voice class tls-profile %u: \"server-name %s\" is no host name",
				class->tag, class->server_names[i]);
	}
	for (uint32_t i = 0; i < class->n_sni_profiles; i++) {
		const struct cfg_tls_profile *other = cfg_find_tls_profile(
			cfg, class->sni_profiles[i]);
		if (other && other->n_server_names == 0)
			return cfg_fault(error, -ENODATA,
				"voice class tls-profile %u: \"sni profile %u\" leads to a profile "
				"without \"server-name\"",
				class->tag, other->tag);
	}
	if (class->sni_strict && class->n_server_names == 0 && class->n_sni_profiles == 0)
		return cfg_fault(error, -ENODATA,
			"voice class tls-profile %u: \"sni strict\" needs \"server-name\" or \"sni "
			"profile\": whom else may a client ask for?",
			class->tag);
	return 0;
}

static int check_tls(const struct cfg *cfg, char *error)
{
	for (uint32_t i = 0; i < cfg->n_tls_profiles; i++) {
		const struct cfg_tls_profile *class = &cfg->tls_profiles[i];
		if (class->client != CFG_TLS_CLIENT_NONE && !class->trust[0])
			return cfg_fault(error, -ENODATA,
				"voice class tls-profile %u: \"client-certificate\" needs "
				"\"trust\": who may vouch for it?",
				class->tag);
		int rc = check_sni(cfg, class, error);
		if (rc != 0)
			return rc;
	}
	for (uint32_t i = 0; i < cfg->n_realms; i++) {
		const struct cfg_realm *realm = &cfg->realms[i];
		if (realm_takes_tls(realm) && realm->tls_profile == 0)
			return cfg_fault(error, -ENODATA,
				"realm %s: \"sip listen tls\" and \"wss\" need \"voice-class "
				"tls-profile\"",
				realm->name);
	}
	for (uint32_t i = 0; i < cfg->n_trunks; i++) {
		const struct cfg_trunk *trunk = &cfg->trunks[i];
		uint32_t tag = cfg_trunk_tls_profile(cfg, trunk);
		const struct cfg_tls_profile *class = cfg_find_tls_profile(cfg, tag);
		if (trunk->transport == CFG_TRANSPORT_TLS && class && !class->trust[0])
			return cfg_fault(error, -ENODATA,
				"trunk %s: voice class tls-profile %u has no \"trust\", so the "
				"trunk's certificate would not be believed",
				trunk->name, tag);
	}
	return 0;
}

int cfg_validate(const struct cfg *cfg, char error[CFG_ERROR_MAX])
{
	static int (*const checks[])(const struct cfg *, char *) = {check_interfaces, check_routes,
		check_srtp_cryptos, check_dtls_suites, check_tls, check_voice_codecs, check_prompts,
		check_e164_maps, check_realms, cfg_check_targets, cfg_check_users, check_dial_peers,
		cfg_check_tenants, cfg_check_quality, cfg_check_admission};
	int rc, missing = 0;
	char text[CFG_ERROR_MAX];

	for (const struct cfg_leaf *leaf = NULL; (leaf = cfg_leaf_next(leaf)) != NULL;) {
		rc = check_refs(cfg, leaf, error);
		if (rc < 0)
			return rc;
	}
	/* What contradicts comes before what is not there yet: the latter may still come. */
	for (unsigned int i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		rc = checks[i](cfg, text);
		if (rc < 0 && rc != -ENODATA)
			return cfg_fault(error, rc, "%s", text);
		if (rc < 0 && !missing)
			missing = cfg_fault(error, rc, "%s", text);
	}
	for (const struct cfg_leaf *leaf = NULL; !missing && (leaf = cfg_leaf_next(leaf)) != NULL;)
		missing = check_required(cfg, leaf, error);
	return missing;
}
