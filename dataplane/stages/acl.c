/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See acl.h. Reading and matching run in the workers' threads, making and freeing does not. */
#include "dataplane/stages/acl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_acl.h>

#define ETH_LEN	    14
#define HEADERS_MAX 8 /* extension headers of IPv6 in front of the transport's */
#define ND_HOPS	    255
#define TCP_ACK_RST 0x14
#define NO_ROW	    UINT32_MAX

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd };
enum { ND_SOLICIT = 135, ND_ADVERTISE = 136 };
enum {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMP6 = 58,
	PROTO_DEST_OPTIONS = 60,
	PROTO_SCTP = 132,
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

/* ---- what the rules look at ---- */

static enum acl_read read_transport(struct acl_key *key, const uint8_t *l4, uint32_t len)
{
	switch (key->proto) {
	case PROTO_TCP:
		if (len < 14)
			return ACL_READ_UNREADABLE;
		key->flags |= l4[13] & TCP_ACK_RST ? ACL_KEY_ESTABLISHED : 0;
		break;
	case PROTO_UDP:
	case PROTO_SCTP:
		if (len < 8)
			return ACL_READ_UNREADABLE;
		break;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		if (len < 2)
			return ACL_READ_UNREADABLE;
		key->icmp_type = l4[0];
		key->icmp_code = l4[1];
		return ACL_READ_OK;
	default:
		return ACL_READ_OK;
	}
	memcpy(key->sport, l4, 2);
	memcpy(key->dport, l4 + 2, 2);
	return ACL_READ_OK;
}

static enum acl_read read_ipv4(struct acl_key *key, const uint8_t *ip, uint32_t len)
{
	uint32_t hdr = len >= 20 ? (ip[0] & 0x0fu) * 4 : 0;
	uint32_t total = len >= 20 ? be16(ip + 2) : 0;

	if (hdr < 20 || ip[0] >> 4 != 4 || total < hdr || total > len)
		return ACL_READ_UNREADABLE;
	key->proto = ip[9];
	memcpy(key->src, ip + 12, 4);
	memcpy(key->dst, ip + 16, 4);
	if (be16(ip + 6) & 0x1fff) {
		key->flags |= ACL_KEY_LATER;
		return ACL_READ_OK;
	}
	return read_transport(key, ip + hdr, total - hdr);
}

/* Length of an extension header, 0: it is none, or does not fit. */
static uint32_t extension_len(uint8_t proto, const uint8_t *at, uint32_t len)
{
	if (len < 8)
		return 0;
	switch (proto) {
	case PROTO_HOP_BY_HOP:
	case PROTO_ROUTING:
	case PROTO_DEST_OPTIONS:
		return (at[1] + 1u) * 8;
	case PROTO_AH:
		return (at[1] + 2u) * 4;
	case PROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

static bool is_extension(uint8_t proto)
{
	return proto == PROTO_HOP_BY_HOP || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT ||
	       proto == PROTO_AH || proto == PROTO_DEST_OPTIONS;
}

static enum acl_read read_ipv6(struct acl_key *key, const uint8_t *ip, uint32_t len)
{
	const uint8_t *at = ip + 40;
	unsigned int n = 0;

	if (len < 40 || ip[0] >> 4 != 6 || be16(ip + 4) + 40u > len)
		return ACL_READ_UNREADABLE;
	len = be16(ip + 4);
	key->proto = ip[6];
	memcpy(key->src, ip + 8, 16);
	memcpy(key->dst, ip + 24, 16);
	while (is_extension(key->proto)) {
		uint32_t n_octets = extension_len(key->proto, at, len);
		bool is_fragment = key->proto == PROTO_FRAGMENT;
		if (!n_octets || n_octets > len || n++ == HEADERS_MAX)
			return ACL_READ_UNREADABLE;
		key->proto = at[0];
		if (is_fragment && (be16(at + 2) & 0xfff8)) {
			key->flags |= ACL_KEY_LATER;
			return ACL_READ_OK;
		}
		at += n_octets;
		len -= n_octets;
	}
	enum acl_read result = read_transport(key, at, len);
	if (result == ACL_READ_OK && key->proto == PROTO_ICMP6 && ip[7] == ND_HOPS &&
		(key->icmp_type == ND_SOLICIT || key->icmp_type == ND_ADVERTISE))
		key->flags |= ACL_KEY_ND;
	return result;
}

enum acl_read acl_key_read(
	const uint8_t *frame, uint32_t len, uint32_t family, struct acl_key *ret_key)
{
	struct acl_key key = {0};
	enum acl_read result;

	if (len < ETH_LEN || be16(frame + 12) != (family == 4 ? TYPE_IPV4 : TYPE_IPV6))
		return ACL_READ_OTHER;
	result = family == 4 ? read_ipv4(&key, frame + ETH_LEN, len - ETH_LEN)
			     : read_ipv6(&key, frame + ETH_LEN, len - ETH_LEN);
	*ret_key = key;
	return result;
}

/* ---- rules ---- */

static const uint8_t address_len[] = {[4] = 4, [6] = 16};

static bool address_ok(const uint8_t *ip, const uint8_t *mask, unsigned int len)
{
	for (unsigned int i = 0; i < 16; i++)
		if ((ip[i] & ~mask[i]) || (i >= len && mask[i]))
			return false;
	return true;
}

static bool rule_ok(const struct dp_acl_rule *r, uint32_t family)
{
	unsigned int len = address_len[family];
	bool ports = r->flags & DP_ACL_PORTS;
	bool any = r->flags & DP_ACL_ANY_PROTO;
	bool icmp = !any && r->proto == (family == 4 ? PROTO_ICMP : PROTO_ICMP6);

	return r->seq && !(r->flags & ~DP_ACL_ALL_FLAGS) && (!any || !r->proto) &&
	       (ports ? !any && (r->proto == PROTO_TCP || r->proto == PROTO_UDP)
		      : !r->sport_lo && !r->sport_hi && !r->dport_lo && !r->dport_hi) &&
	       r->sport_lo <= r->sport_hi && r->dport_lo <= r->dport_hi &&
	       (r->flags & DP_ACL_ICMP_TYPE ? icmp : !r->icmp_type) &&
	       (r->flags & DP_ACL_ICMP_CODE ? icmp && (r->flags & DP_ACL_ICMP_TYPE)
					    : !r->icmp_code) &&
	       (!(r->flags & DP_ACL_ESTABLISHED) || (!any && r->proto == PROTO_TCP)) &&
	       (!(r->flags & DP_ACL_FRAGMENTS) ||
		       !(r->flags & (DP_ACL_PORTS | DP_ACL_ICMP_TYPE | DP_ACL_ESTABLISHED))) &&
	       address_ok(r->src, r->src_mask, len) && address_ok(r->dst, r->dst_mask, len);
}

int acl_check(const struct dp_acl *conf)
{
	if (conf->n > DP_ACL_RULES_MAX || (conf->family != 4 && conf->family != 6))
		return -EINVAL;
	for (uint32_t i = 0; i < conf->n; i++)
		if (!rule_ok(&conf->rules[i], conf->family) ||
			(i && conf->rules[i].seq <= conf->rules[i - 1].seq))
			return -EINVAL;
	return 0;
}

#define FIELDS_MAX 15
enum { BIT_FLAGS, BIT_TYPE, BIT_CODE, BIT_ZERO, BITS };

RTE_ACL_RULE_DEF(acl_rule, FIELDS_MAX);

struct acl {
	struct rte_acl_ctx *ctx; /* NULL: no rules */
	uint32_t family;
	uint32_t n;
	/* of what librte_acl returns: rule number plus one, n + 1 is neighbour discovery */
	uint32_t rows[DP_ACL_RULES_MAX + 2];
	bool permit[DP_ACL_RULES_MAX + 2];
};

/* In each: protocol, addresses by four octets, ports, four single octets. */
static void config_of(uint32_t family, struct rte_acl_config *ret)
{
	unsigned int words = address_len[family] / 4, n = 0, input = 0;

	memset(ret, 0, sizeof(*ret));
	ret->num_categories = 1;
#define FIELD(type_, size_, input_, offset_)                                          \
	ret->defs[n] = (struct rte_acl_field_def){.type = RTE_ACL_FIELD_TYPE_##type_, \
		.size = (size_),                                                      \
		.field_index = (uint8_t)n,                                            \
		.input_index = (uint8_t)(input_),                                     \
		.offset = (uint32_t)(offset_)};                                       \
	n++
	FIELD(BITMASK, 1, input++, offsetof(struct acl_key, proto));
	for (unsigned int i = 0; i < words; i++) {
		FIELD(BITMASK, 4, input++, offsetof(struct acl_key, src) + 4 * i);
	}
	for (unsigned int i = 0; i < words; i++) {
		FIELD(BITMASK, 4, input++, offsetof(struct acl_key, dst) + 4 * i);
	}
	FIELD(RANGE, 2, input, offsetof(struct acl_key, sport));
	FIELD(RANGE, 2, input++, offsetof(struct acl_key, dport));
	for (unsigned int i = 0; i < BITS; i++) {
		FIELD(BITMASK, 1, input, offsetof(struct acl_key, flags) + i);
	}
#undef FIELD
	ret->num_fields = n;
}

static void put_bits(struct rte_acl_field *field, uint8_t value, uint8_t mask)
{
	field->value.u8 = value;
	field->mask_range.u8 = mask;
}

static void put_address(struct rte_acl_field *field, const uint8_t *ip, const uint8_t *mask)
{
	field->value.u32 = be32(ip);
	field->mask_range.u32 = be32(mask);
}

static void put_range(struct rte_acl_field *field, bool on, uint16_t lo, uint16_t hi)
{
	field->value.u16 = on ? lo : 0;
	field->mask_range.u16 = on ? hi : UINT16_MAX;
}

/* later: for fragments but the first, whose ports and flags are not known. */
static void put_rule(struct acl_rule *ret, const struct dp_acl_rule *r, uint32_t family, bool later)
{
	bool deep = r->flags & (DP_ACL_PORTS | DP_ACL_ICMP_TYPE | DP_ACL_ESTABLISHED);
	bool ports = !later && (r->flags & DP_ACL_PORTS);
	unsigned int words = address_len[family] / 4;
	struct rte_acl_field *f = ret->field;
	uint8_t flags = 0, flags_mask = 0;

	if (deep || (r->flags & DP_ACL_FRAGMENTS)) {
		flags_mask |= ACL_KEY_LATER;
		flags |= later || (r->flags & DP_ACL_FRAGMENTS) ? ACL_KEY_LATER : 0;
	}
	if (!later && (r->flags & DP_ACL_ESTABLISHED)) {
		flags_mask |= ACL_KEY_ESTABLISHED;
		flags |= ACL_KEY_ESTABLISHED;
	}
	put_bits(f++, r->proto, r->flags & DP_ACL_ANY_PROTO ? 0 : 0xff);
	for (unsigned int i = 0; i < words; i++)
		put_address(f++, r->src + 4 * i, r->src_mask + 4 * i);
	for (unsigned int i = 0; i < words; i++)
		put_address(f++, r->dst + 4 * i, r->dst_mask + 4 * i);
	put_range(f++, ports, r->sport_lo, r->sport_hi);
	put_range(f++, ports, r->dport_lo, r->dport_hi);
	put_bits(f++, flags, flags_mask);
	put_bits(f++, later ? 0 : r->icmp_type, !later && (r->flags & DP_ACL_ICMP_TYPE) ? 0xff : 0);
	put_bits(f++, later ? 0 : r->icmp_code, !later && (r->flags & DP_ACL_ICMP_CODE) ? 0xff : 0);
	put_bits(f, 0, 0);
}

/* Fills in what the first match is found by. */
static void put_data(struct acl_rule *rule, uint32_t number, uint32_t n)
{
	rule->data = (struct rte_acl_rule_data){
		.category_mask = 1, .priority = (int32_t)(n + 2 - number), .userdata = number};
}

/* In 2 n + 1 places; how many are used. */
static unsigned int rules_of(const struct dp_acl *conf, struct acl_rule *rules)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < conf->n; i++) {
		const struct dp_acl_rule *r = &conf->rules[i];
		bool deep = r->flags & (DP_ACL_PORTS | DP_ACL_ICMP_TYPE | DP_ACL_ESTABLISHED);
		for (unsigned int later = 0; later < 2; later++) {
			if (later && !(deep && (r->flags & DP_ACL_PERMIT)))
				continue;
			put_data(&rules[n], i + 1, conf->n);
			put_rule(&rules[n++], r, conf->family, later);
		}
	}
	if (conf->family == 6) {
		static const struct dp_acl_rule all = {.flags = DP_ACL_ANY_PROTO};
		put_data(&rules[n], conf->n + 1, conf->n);
		put_rule(&rules[n], &all, 6, false);
		put_bits(&rules[n++].field[1 + 2 * 4 + 2], ACL_KEY_ND, ACL_KEY_ND);
	}
	return n;
}

static int compile(struct acl *acl, const struct dp_acl *conf, uint64_t number, int socket_id)
{
	struct rte_acl_config config;
	struct acl_rule *rules = calloc(2 * conf->n + 1, sizeof(*rules));
	char name[RTE_ACL_NAMESIZE];
	int err;

	if (!rules)
		return -ENOMEM;
	unsigned int n = rules_of(conf, rules);
	config_of(conf->family, &config);
	snprintf(name, sizeof(name), "acl_%" PRIu64, number);
	struct rte_acl_param param = {.name = name,
		.socket_id = socket_id,
		.rule_size = RTE_ACL_RULE_SZ(FIELDS_MAX),
		.max_rule_num = n};
	acl->ctx = n ? rte_acl_create(&param) : NULL;
	err = n && !acl->ctx ? -ENOMEM : 0;
	if (n && !err)
		err = rte_acl_add_rules(acl->ctx, (const struct rte_acl_rule *)rules, n);
	if (n && !err)
		err = rte_acl_build(acl->ctx, &config);
	free(rules);
	return err;
}

int acl_new(const struct dp_acl *conf, const uint16_t *rows, uint64_t number, int socket_id,
	struct acl **ret_acl)
{
	int err = acl_check(conf);
	struct acl *acl = err ? NULL : calloc(1, sizeof(*acl));

	if (!acl)
		return err ? err : -ENOMEM;
	acl->family = conf->family;
	acl->n = conf->n;
	for (uint32_t i = 0; i < conf->n; i++) {
		acl->rows[i + 1] = rows[i];
		acl->permit[i + 1] = conf->rules[i].flags & DP_ACL_PERMIT;
	}
	acl->rows[0] = DP_ACL_ROW_DENY;
	acl->rows[conf->n + 1] = NO_ROW;
	acl->permit[conf->n + 1] = true;
	err = compile(acl, conf, number, socket_id);
	if (err) {
		acl_free(acl);
		return err;
	}
	*ret_acl = acl;
	return 0;
}

void acl_free(struct acl *acl)
{
	if (!acl)
		return;
	rte_acl_free(acl->ctx);
	free(acl);
}

uint32_t acl_match(
	const struct acl *acl, const struct acl_key *const *keys, unsigned int n, uint64_t *counts)
{
	uint32_t found[ACL_BURST] = {0}, let_in = 0;
	const uint8_t *data[ACL_BURST];

	if (!acl)
		return 0;
	for (unsigned int i = 0; i < n; i++)
		data[i] = (const uint8_t *)keys[i];
	/* cannot fail: one category, as it was built */
	if (acl->ctx)
		(void)rte_acl_classify(acl->ctx, data, found, n, 1);
	for (unsigned int i = 0; i < n; i++) {
		uint32_t rule = found[i] <= acl->n + 1 ? found[i] : 0;
		if (acl->rows[rule] != NO_ROW)
			counts[acl->rows[rule]]++;
		let_in |= acl->permit[rule] ? 1u << i : 0;
	}
	return let_in;
}
