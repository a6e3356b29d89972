/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The text form of each type of value: one parser and one printer, used by the CLI, the start-up
 * file and JSON alike. What is printed parses to the same value.
 */
#include "controlplane/config/rule.h"
#include "controlplane/config/schema.h"
#include "controlplane/config/sip_rule.h"
#include "controlplane/config/times.h"
#include "controlplane/config/translation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SIPS_PORT 5061 /* RFC 3261 18.1.1 */
#define WS_PORT	  80   /* RFC 6455 3 */
#define WSS_PORT  443
#define SIP_PORT  5060

const struct cfg_word cfg_dscp_words[] = {
	{"default", 0, "000000, best effort"},
	{"af11", 10, "001010"},
	{"af12", 12, "001100"},
	{"af13", 14, "001110"},
	{"af21", 18, "010010"},
	{"af22", 20, "010100"},
	{"af23", 22, "010110"},
	{"af31", 26, "011010"},
	{"af32", 28, "011100"},
	{"af33", 30, "011110"},
	{"af41", 34, "100010"},
	{"af42", 36, "100100"},
	{"af43", 38, "100110"},
	{"cs1", 8, "001000"},
	{"cs2", 16, "010000"},
	{"cs3", 24, "011000, signalling"},
	{"cs4", 32, "100000"},
	{"cs5", 40, "101000"},
	{"cs6", 48, "110000"},
	{"cs7", 56, "111000"},
	{"ef", 46, "101110, voice"},
	{NULL, 0, NULL},
};

static int refuse(char *error, const char *what, struct view text)
{
	/* Cut what was given: it may be anything. */
	snprintf(error, CFG_ERROR_MAX, "%s, not '%.*s'", what, (int)(text.n > 60 ? 60 : text.n),
		text.p ? text.p : "");
	for (char *p = error; *p; p++) {
		if ((unsigned char)*p < ' ')
			*p = ' ';
	}
	return -EINVAL;
}

/* The next word; the rest stays in *text. */
static struct view take_word(struct view *text)
{
	struct view word;

	while (text->n && *text->p == ' ') {
		text->p++;
		text->n--;
	}
	word = (struct view){text->p, 0};
	while (word.n < text->n && word.p[word.n] != ' ')
		word.n++;
	text->p += word.n;
	text->n -= word.n;
	return word;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool name_ok(struct view text)
{
	if (text.n == 0 || !is_alnum(text.p[0]))
		return false;
	for (size_t i = 1; i < text.n; i++) {
		if (!is_alnum(text.p[i]) && !strchr("_.-", text.p[i]))
			return false;
	}
	return true;
}

static bool word_ok(struct view text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] <= ' ' || text.p[i] >= 127 || strchr("\"'?|;\\", text.p[i]))
			return false;
	}
	return text.n > 0;
}

/* Length of the UTF-8 sequence at p (RFC 3629: shortest form, no surrogates), or 0. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	size_t len = p[0] < 0x80   ? 1
		     : p[0] < 0xc2 ? 0
		     : p[0] < 0xe0 ? 2
		     : p[0] < 0xf0 ? 3
		     : p[0] < 0xf5 ? 4
				   : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static bool line_ok(struct view text)
{
	const unsigned char *p = (const unsigned char *)text.p;

	for (size_t i = 0; i < text.n;) {
		size_t len = utf8_len(p + i, text.n - i);
		/* C1 controls (U+0080..U+009F) can steer a terminal. */
		if (len == 0 || p[i] < ' ' || p[i] == 127 || (p[i] == 0xc2 && p[i + 1] < 0xa0))
			return false;
		i += len;
	}
	return text.n > 0 && text.p[0] != ' ' && text.p[text.n - 1] != ' ';
}

static bool pattern_ok(struct view text)
{
	size_t i = 0;

	if (text.n && text.p[0] == '+')
		i++;
	for (; i < text.n; i++) {
		char c = text.p[i];
		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'D') || (c && strchr(".*#", c)))
			continue;
		return c == 'T' && i + 1 == text.n;
	}
	return text.n > (text.n && text.p[0] == '+');
}

static int parse_str(const struct cfg_leaf *leaf, struct view text, char *ret, char *error)
{
	char what[96];
	bool ok = leaf->type == CFG_T_NAME   ? name_ok(text)
		  : leaf->type == CFG_T_WORD ? word_ok(text)
		  : leaf->type == CFG_T_LINE ? line_ok(text)
					     : pattern_ok(text);

	if (!ok)
		return refuse(error, leaf->value_help, text);
	if (view_copy(text, ret, leaf->size) < 0) {
		snprintf(what, sizeof(what), "at most %u characters", leaf->size - 1);
		return refuse(error, what, text);
	}
	return 0;
}

static int parse_number(
	struct view text, uint64_t min, uint64_t max, bool zero_too, uint32_t *ret, char *error)
{
	uint64_t value;
	char what[96];

	if (view_to_u64(text, UINT32_MAX, &value) < 0 ||
		((value < min || value > max) && !(zero_too && value == 0))) {
		snprintf(what, sizeof(what), "a number from %llu to %llu", (unsigned long long)min,
			(unsigned long long)max);
		return refuse(error, what, text);
	}
	*ret = (uint32_t)value;
	return 0;
}

static const struct cfg_word *find_word(const struct cfg_word *words, struct view text)
{
	for (; words->word; words++) {
		if (view_eq(view_of(words->word), text))
			return words;
	}
	return NULL;
}

static int parse_enum(const struct cfg_word *words, struct view text, uint8_t *ret, char *error)
{
	const struct cfg_word *word = find_word(words, text);
	char what[192];
	int n;

	if (word) {
		*ret = word->value;
		return 0;
	}
	n = snprintf(what, sizeof(what), "one of");
	for (; words->word && n < (int)sizeof(what); words++)
		n += snprintf(what + n, sizeof(what) - (size_t)n, " %s", words->word);
	return refuse(error, what, text);
}

static int parse_dscp(struct view text, uint8_t *ret, char *error)
{
	const struct cfg_word *word = find_word(cfg_dscp_words, text);
	uint64_t value;

	if (word) {
		*ret = word->value;
		return 0;
	}
	if (view_to_u64(text, 63, &value) < 0)
		return refuse(error, "a DSCP from 0 to 63 or its name, as ef or cs3", text);
	*ret = (uint8_t)value;
	return 0;
}

static int parse_ip(struct view text, unsigned int family, struct ipaddr *ret, char *error)
{
	struct ipaddr addr;

	if (ipaddr_parse(text, 0, &addr) < 0 || (text.n && text.p[0] == '[') ||
		(family && addr.family != family))
		return refuse(error,
			family == 4   ? "an IPv4 address"
			: family == 6 ? "an IPv6 address"
				      : "an IP address",
			text);
	if (ipaddr_is_any(&addr) || ipaddr_is_multicast(&addr))
		return refuse(error, "the address of one host", text);
	*ret = addr;
	return 0;
}

/* Length of a contiguous IPv4 mask, or -1. */
static int mask_len(const struct ipaddr *mask)
{
	uint32_t bits = (uint32_t)mask->ip[0] << 24 | (uint32_t)mask->ip[1] << 16 |
			(uint32_t)mask->ip[2] << 8 | mask->ip[3];
	int len = bits ? __builtin_clz(~bits | 1u) : 0;

	if (bits == UINT32_MAX)
		return 32;
	return bits == (len ? UINT32_MAX << (32 - len) : 0) ? len : -1;
}

static bool host_bits_zero(const struct cfg_prefix *prefix)
{
	unsigned int bits = prefix->addr.family == 4 ? 32 : 128;

	for (unsigned int i = prefix->len; i < bits; i++) {
		if (prefix->addr.ip[i / 8] & (0x80 >> (i % 8)))
			return false;
	}
	return true;
}

/* "10.0.0.1/24", "10.0.0.1 255.255.255.0", "2001:db8::1/64". */
static int parse_prefix(struct view text, bool net, struct cfg_prefix *ret, char *error)
{
	const char *what = net ? "a network as 192.0.2.0/24 or 2001:db8::/64"
			       : "an address with its network's length as 192.0.2.1/24";
	struct view rest = text, addr = take_word(&rest), mask = take_word(&rest);
	struct cfg_prefix prefix = {0};
	struct ipaddr mask_addr;
	const char *slash = addr.n ? memchr(addr.p, '/', addr.n) : NULL;
	uint64_t len;

	if (take_word(&rest).n || (slash && mask.n) || (!slash && !mask.n))
		return refuse(error, what, text);
	if (slash) {
		struct view num = {slash + 1, addr.n - (size_t)(slash + 1 - addr.p)};
		addr.n = (size_t)(slash - addr.p);
		if (ipaddr_parse(addr, 0, &prefix.addr) < 0 || addr.p[0] == '[' ||
			view_to_u64(num, prefix.addr.family == 4 ? 32 : 128, &len) < 0)
			return refuse(error, what, text);
	} else {
		int n;
		if (ipaddr_parse(addr, 0, &prefix.addr) < 0 || prefix.addr.family != 4 ||
			ipaddr_parse(mask, 0, &mask_addr) < 0 || mask_addr.family != 4 ||
			(n = mask_len(&mask_addr)) < 0)
			return refuse(error, what, text);
		len = (uint64_t)n;
	}
	prefix.len = (uint8_t)len;
	if (net && !host_bits_zero(&prefix))
		return refuse(error, "a network without host bits", text);
	if (ipaddr_is_multicast(&prefix.addr) || (!net && ipaddr_is_any(&prefix.addr)))
		return refuse(error, what, text);
	*ret = prefix;
	return 0;
}

/* Letters, digits, hyphens and underscores in labels of at most 63 octets; not an address. */
static bool host_ok(struct view text)
{
	struct ipaddr addr;
	size_t label = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '.' ? label == 0 : !is_alnum(c) && c != '-' && c != '_')
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0 && ipaddr_parse(text, 0, &addr) < 0;
}

/* A host name, kept in lower case. */
static int parse_host(struct view text, struct cfg_target *ret, char *error)
{
	if (!host_ok(text))
		return refuse(error, "the name of a host or domain", text);
	if (view_copy(text, ret->name, sizeof(ret->name)) < 0)
		return refuse(error, "a name of at most 127 characters", text);
	for (char *p = ret->name; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
	return 0;
}

/* "NAME", "NAME:PORT" */
static int parse_name_target(struct view text, struct cfg_target *ret, char *error)
{
	const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
	struct cfg_target target;
	struct view name = text;
	uint32_t port = 0;
	int rc = 0;

	memset(&target, 0, sizeof(target)); /* compared as memory */
	if (colon) {
		name.n = (size_t)(colon - text.p);
		rc = parse_number((struct view){colon + 1, text.n - name.n - 1}, 1, 65535, false,
			&port, error);
	}
	if (rc == 0)
		rc = parse_host(name, &target, error);
	target.port = port;
	if (rc == 0)
		*ret = target;
	return rc;
}

static int parse_target(struct view text, struct cfg_target *ret, char *error)
{
	const char *what = "ipv4:A.B.C.D[:PORT], ipv6:[X:X::X][:PORT] or dns:NAME[:PORT]";
	struct ipaddr addr;
	unsigned int family;
	struct view rest = text;

	if (text.n > 4 && memcmp(text.p, "dns:", 4) == 0)
		return parse_name_target((struct view){text.p + 4, text.n - 4}, ret, error);
	if (text.n < 6 || text.p[4] != ':' || memcmp(text.p, "ipv", 3) != 0 ||
		(text.p[3] != '4' && text.p[3] != '6'))
		return refuse(error, what, text);
	family = (unsigned int)(text.p[3] - '0');
	rest.p += 5;
	rest.n -= 5;
	if (family == 6 && rest.p[0] != '[')
		return refuse(error, what, text);
	if (ipaddr_parse_port(rest, SIP_PORT, &addr) < 0 || addr.family != family ||
		ipaddr_port(&addr) == 0)
		return refuse(error, what, text);
	if (ipaddr_is_any(&addr) || ipaddr_is_multicast(&addr))
		return refuse(error, "the address of one host", text);
	memset(ret, 0, sizeof(*ret)); /* compared as memory */
	ret->addr = addr;
	return 0;
}

/* "port 5070", "preference 1", "weight 3" in this order, each of them or not. */
static int parse_member_rest(
	struct view *rest, struct cfg_member *member, uint32_t *ret_port, char *error)
{
	static const char *const words[] = {"port", "preference", "weight"};
	uint32_t *const values[] = {ret_port, &member->preference, &member->weight};
	struct view word = take_word(rest);

	for (unsigned int i = 0; i < 3 && word.n; i++) {
		int rc;

		if (!view_eq(word, view_of(words[i])))
			continue;
		rc = parse_number(take_word(rest), i == 0 ? 1 : 0, i == 1 ? 100 : 65535, false,
			values[i], error);
		if (rc < 0)
			return rc;
		word = take_word(rest);
	}
	return word.n ? refuse(error, "port, preference and weight in this order", word) : 0;
}

static int parse_member(struct view text, struct cfg_member *ret, char *error)
{
	struct view rest = text, kind = take_word(&rest), where = take_word(&rest);
	struct cfg_member member;
	uint32_t port = 0;
	int rc;

	memset(&member, 0, sizeof(member)); /* compared as memory */
	member.weight = 1;
	if (view_eq(kind, VIEW("dns")))
		rc = parse_host(where, &member.target, error);
	else if (view_eq(kind, VIEW("ipv4")) || view_eq(kind, VIEW("ipv6")))
		rc = parse_ip(where, kind.p[3] == '4' ? 4 : 6, &member.target.addr, error);
	else
		return refuse(error, "ipv4, ipv6 or dns", text);
	if (rc == 0)
		rc = parse_member_rest(&rest, &member, &port, error);
	if (rc < 0)
		return rc;
	if (member.target.name[0])
		member.target.port = port;
	else
		member.target.addr.port_be16 = htons((uint16_t)(port ? port : SIP_PORT));
	*ret = member;
	return 0;
}

static int parse_listen(struct view text, struct cfg_listen *ret, char *error)
{
	struct view rest = text, transport = take_word(&rest), addr = take_word(&rest),
		    port = take_word(&rest);
	struct cfg_listen listen = {0};
	uint32_t number = SIP_PORT;
	int rc;

	if (take_word(&rest).n)
		return refuse(error, "udp, tcp, tls, ws or wss, an address and a port", text);
	rc = parse_enum(cfg_listen_words, transport, &listen.transport, error);
	if (listen.transport == CFG_TRANSPORT_TLS)
		number = SIPS_PORT;
	else if (listen.transport == CFG_TRANSPORT_WS)
		number = WS_PORT;
	else if (listen.transport == CFG_TRANSPORT_WSS)
		number = WSS_PORT;
	if (rc == 0)
		rc = parse_ip(addr, 0, &listen.addr, error);
	if (rc == 0 && port.n)
		rc = parse_number(port, 1, 65535, false, &number, error);
	if (rc < 0)
		return rc;
	listen.addr.port_be16 = htons((uint16_t)number);
	*ret = listen;
	return 0;
}

/* "ef 6" */
static int parse_cos(struct view text, struct cfg_cos *ret, char *error)
{
	struct view rest = text, dscp = take_word(&rest), cos = take_word(&rest);
	struct cfg_cos value;
	uint32_t number;
	int rc;

	if (take_word(&rest).n)
		return refuse(error, "a DSCP and a priority from 0 to 7", text);
	rc = parse_dscp(dscp, &value.dscp, error);
	if (rc == 0)
		rc = parse_number(cos, 0, 7, false, &number, error);
	if (rc < 0)
		return rc;
	value.cos = (uint8_t)number;
	*ret = value;
	return 0;
}

static int parse_port_range(
	const struct cfg_leaf *leaf, struct view text, uint32_t *ret, char *error)
{
	struct view rest = text, first = take_word(&rest), last = take_word(&rest);
	uint32_t lo, hi;
	int rc;

	if (take_word(&rest).n)
		return refuse(error, "two ports", text);
	rc = parse_number(first, leaf->min, leaf->max, false, &lo, error);
	if (rc == 0)
		rc = parse_number(last, leaf->min, leaf->max, false, &hi, error);
	if (rc < 0)
		return rc;
	/* RTP has the even port, RTCP the odd one above it (RFC 3550 11). */
	if (lo % 2 || hi % 2 == 0 || lo > hi)
		return refuse(
			error, "an even port and a larger odd one (pairs of RTP and RTCP)", text);
	ret[0] = lo;
	ret[1] = hi;
	return 0;
}

static int parse_preference(
	const struct cfg_leaf *leaf, struct view text, struct cfg_preference *ret, char *error)
{
	struct view rest = text, rank = take_word(&rest), word = take_word(&rest);
	struct cfg_preference preference = {0};
	uint32_t number;
	int rc;

	if (take_word(&rest).n)
		return refuse(error, "a preference and one word", text);
	rc = parse_number(rank, leaf->min, leaf->max, false, &number, error);
	if (rc == 0)
		rc = parse_enum(leaf->words, word, &preference.value, error);
	if (rc < 0)
		return rc;
	preference.rank = (uint8_t)number;
	*ret = preference;
	return 0;
}

/* "404 sorry" */
static int parse_announcement(
	const struct cfg_leaf *leaf, struct view text, struct cfg_announcement *ret, char *error)
{
	struct view rest = text, status = take_word(&rest), name = take_word(&rest);
	struct cfg_announcement value;
	uint32_t number;
	int rc;

	if (take_word(&rest).n || !name_ok(name))
		return refuse(error, "a status and the name of a prompt", text);
	memset(&value, 0, sizeof(value)); /* compared as memory */
	rc = parse_number(status, leaf->min, leaf->max, false, &number, error);
	if (rc == 0 && view_copy(name, value.prompt, sizeof(value.prompt)) < 0)
		rc = refuse(error, "a name of at most 31 characters", name);
	if (rc < 0)
		return rc;
	value.status = (uint16_t)number;
	*ret = value;
	return 0;
}

int cfg_value_parse(
	const struct cfg_leaf *leaf, struct view text, void *ret, char error[CFG_ERROR_MAX])
{
	uint32_t number;
	uint8_t small;
	int rc;

	switch ((enum cfg_type)leaf->type) {
	case CFG_T_BOOL:
		if (!view_eq(text, VIEW("true")) && !view_eq(text, VIEW("false")))
			return refuse(error, "true or false", text);
		*(bool *)ret = text.n == 4;
		return 0;
	case CFG_T_U32:
		rc = parse_number(
			text, leaf->min, leaf->max, leaf->flags & CFG_F_ZERO_NONE, &number, error);
		if (rc == 0)
			memcpy(ret, &number, sizeof(number));
		return rc;
	case CFG_T_NAME:
	case CFG_T_WORD:
	case CFG_T_LINE:
	case CFG_T_PATTERN:
		return parse_str(leaf, text, ret, error);
	case CFG_T_ENUM:
	case CFG_T_DSCP:
		rc = leaf->type == CFG_T_ENUM ? parse_enum(leaf->words, text, &small, error)
					      : parse_dscp(text, &small, error);
		if (rc == 0)
			*(uint8_t *)ret = small;
		return rc;
	case CFG_T_IPV4:
		return parse_ip(text, 4, ret, error);
	case CFG_T_IPV6:
		return parse_ip(text, 6, ret, error);
	case CFG_T_IP:
		return parse_ip(text, 0, ret, error);
	case CFG_T_PREFIX:
		return parse_prefix(text, false, ret, error);
	case CFG_T_NET:
		return parse_prefix(text, true, ret, error);
	case CFG_T_TARGET:
		return parse_target(text, ret, error);
	case CFG_T_MEMBER:
		return parse_member(text, ret, error);
	case CFG_T_LISTEN:
		return parse_listen(text, ret, error);
	case CFG_T_COS:
		return parse_cos(text, ret, error);
	case CFG_T_PORT_RANGE:
		return parse_port_range(leaf, text, ret, error);
	case CFG_T_RULE:
		return cfg_rule_parse(leaf->min, text, ret, error);
	case CFG_T_PERIODIC:
		return cfg_periodic_parse(text, ret, error);
	case CFG_T_DATE:
		return cfg_date_parse(text, ret, error);
	case CFG_T_SIP_RULE:
		return cfg_sip_rule_parse(text, ret, error);
	case CFG_T_TRANSLATION:
		return cfg_translation_parse(leaf->max, text, ret, error);
	case CFG_T_PREFERENCE:
		return parse_preference(leaf, text, ret, error);
	case CFG_T_ANNOUNCEMENT:
		return parse_announcement(leaf, text, ret, error);
	}
	return refuse(error, "a value", text);
}

const char *cfg_dscp_name(uint8_t dscp)
{
	for (const struct cfg_word *word = cfg_dscp_words; word->word; word++) {
		if (word->value == dscp)
			return word->word;
	}
	return NULL;
}

static const char *word_of(const struct cfg_word *words, uint8_t value)
{
	for (; words->word; words++) {
		if (words->value == value)
			return words->word;
	}
	return "?";
}

static void print_target(const struct cfg_target *target, char *buf)
{
	char text[IPADDR_TEXT_MAX];

	if (!target->name[0])
		snprintf(buf, CFG_VALUE_MAX, "ipv%u:%s", target->addr.family,
			ipaddr_print_port(&target->addr, text));
	else if (target->port)
		snprintf(buf, CFG_VALUE_MAX, "dns:%s:%u", target->name, target->port);
	else
		snprintf(buf, CFG_VALUE_MAX, "dns:%s", target->name);
}

static void print_member(const struct cfg_member *member, char *buf)
{
	const struct cfg_target *target = &member->target;
	uint32_t port = target->name[0] ? target->port : ipaddr_port(&target->addr);
	char text[IPADDR_TEXT_MAX];
	int n;

	if (target->name[0])
		n = snprintf(buf, CFG_VALUE_MAX, "dns %s", target->name);
	else
		n = snprintf(buf, CFG_VALUE_MAX, "ipv%u %s", target->addr.family,
			ipaddr_print(&target->addr, text));
	if (port)
		n += snprintf(buf + n, CFG_VALUE_MAX - (size_t)n, " port %u", port);
	if (member->preference)
		n += snprintf(
			buf + n, CFG_VALUE_MAX - (size_t)n, " preference %u", member->preference);
	if (member->weight != 1)
		snprintf(buf + n, CFG_VALUE_MAX - (size_t)n, " weight %u", member->weight);
}

char *cfg_value_print(const struct cfg_leaf *leaf, const void *value, char buf[CFG_VALUE_MAX])
{
	const struct cfg_prefix *prefix = value;
	const struct cfg_listen *listen = value;
	const struct cfg_announcement *announcement = value;
	const uint32_t *numbers = value;
	const uint8_t *small = value;
	char text[IPADDR_TEXT_MAX];

	buf[0] = 0;
	switch ((enum cfg_type)leaf->type) {
	case CFG_T_BOOL:
		strcpy(buf, *(const bool *)value ? "true" : "false");
		break;
	case CFG_T_U32:
		snprintf(buf, CFG_VALUE_MAX, "%u", numbers[0]);
		break;
	case CFG_T_NAME:
	case CFG_T_WORD:
	case CFG_T_LINE:
	case CFG_T_PATTERN:
		snprintf(buf, CFG_VALUE_MAX, "%.*s", (int)leaf->size, (const char *)value);
		break;
	case CFG_T_ENUM:
		snprintf(buf, CFG_VALUE_MAX, "%s", word_of(leaf->words, *small));
		break;
	case CFG_T_DSCP:
		if (cfg_dscp_name(*small))
			snprintf(buf, CFG_VALUE_MAX, "%s", cfg_dscp_name(*small));
		else
			snprintf(buf, CFG_VALUE_MAX, "%u", *small);
		break;
	case CFG_T_IPV4:
	case CFG_T_IPV6:
	case CFG_T_IP:
		ipaddr_print(value, text);
		snprintf(buf, CFG_VALUE_MAX, "%s", text);
		break;
	case CFG_T_PREFIX:
	case CFG_T_NET:
		snprintf(buf, CFG_VALUE_MAX, "%s/%u", ipaddr_print(&prefix->addr, text),
			prefix->len);
		break;
	case CFG_T_TARGET:
		print_target(value, buf);
		break;
	case CFG_T_MEMBER:
		print_member(value, buf);
		break;
	case CFG_T_LISTEN:
		snprintf(buf, CFG_VALUE_MAX, "%s %s %u",
			word_of(cfg_listen_words, listen->transport),
			ipaddr_print(&listen->addr, text), ipaddr_port(&listen->addr));
		break;
	case CFG_T_COS:
		if (cfg_dscp_name(small[0]))
			snprintf(buf, CFG_VALUE_MAX, "%s %u", cfg_dscp_name(small[0]), small[1]);
		else
			snprintf(buf, CFG_VALUE_MAX, "%u %u", small[0], small[1]);
		break;
	case CFG_T_PORT_RANGE:
		snprintf(buf, CFG_VALUE_MAX, "%u %u", numbers[0], numbers[1]);
		break;
	case CFG_T_RULE:
		return cfg_rule_print(leaf->min, value, buf);
	case CFG_T_PERIODIC:
		return cfg_periodic_print(value, buf);
	case CFG_T_DATE:
		return cfg_date_print(value, buf);
	case CFG_T_SIP_RULE:
		return cfg_sip_rule_print(value, buf);
	case CFG_T_TRANSLATION:
		return cfg_translation_print(value, buf);
	case CFG_T_PREFERENCE:
		snprintf(buf, CFG_VALUE_MAX, "%u %s", small[0], word_of(leaf->words, small[1]));
		break;
	case CFG_T_ANNOUNCEMENT:
		snprintf(buf, CFG_VALUE_MAX, "%u %s", announcement->status, announcement->prompt);
		break;
	}
	return buf;
}

/* Bytes of the value in memory that are not covered by leaf->size. */
static size_t value_size(const struct cfg_leaf *leaf)
{
	return leaf->type == CFG_T_PORT_RANGE ? 2 * sizeof(uint32_t) : leaf->size;
}

bool cfg_value_equal(const struct cfg_leaf *leaf, const void *a, const void *b)
{
	const struct cfg_prefix *pa = a, *pb = b;
	const struct cfg_listen *la = a, *lb = b;

	switch ((enum cfg_type)leaf->type) {
	case CFG_T_NAME:
	case CFG_T_WORD:
	case CFG_T_LINE:
	case CFG_T_PATTERN:
		return strcmp(a, b) == 0;
	case CFG_T_PREFIX:
	case CFG_T_NET:
		return pa->len == pb->len && ipaddr_equal(&pa->addr, &pb->addr);
	case CFG_T_LISTEN:
		return la->transport == lb->transport && ipaddr_equal(&la->addr, &lb->addr);
	default:
		return memcmp(a, b, value_size(leaf)) == 0;
	}
}
