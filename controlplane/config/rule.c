/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See rule.h. */
#include "controlplane/config/rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#define STEP	10
#define SEQ_MAX 2147483647u

struct word {
	const char *word;
	int v4, v6; /* -1: not there */
};

static const struct word protocols[] = {
	{"icmp", 1, 58},
	{"igmp", 2, -1},
	{"tcp", 6, 6},
	{"udp", 17, 17},
	{"gre", 47, 47},
	{"esp", 50, 50},
	{"ahp", 51, -1},
	{"ospf", 89, 89},
	{"pim", 103, 103},
	{"vrrp", 112, 112},
	{"sctp", 132, 132},
	{NULL, 0, 0},
};

static const struct word icmp_types[] = {
	{"echo", 8, 128},
	{"echo-reply", 0, 129},
	{"unreachable", 3, 1},
	{"packet-too-big", -1, 2},
	{"time-exceeded", 11, 3},
	{"parameter-problem", 12, 4},
	{"router-solicitation", 10, 133},
	{"router-advertisement", 9, 134},
	{"nd-ns", -1, 135},
	{"nd-na", -1, 136},
	{NULL, 0, 0},
};

static const struct word ports[] = {
	{"ftp", 21, 21},
	{"ssh", 22, 22},
	{"telnet", 23, 23},
	{"domain", 53, 53},
	{"bootps", 67, 67},
	{"bootpc", 68, 68},
	{"tftp", 69, 69},
	{"www", 80, 80},
	{"ntp", 123, 123},
	{"snmp", 161, 161},
	{"snmptrap", 162, 162},
	{"bgp", 179, 179},
	{"syslog", 514, 514},
	{NULL, 0, 0},
};

struct reader {
	unsigned int family;
	struct view rest, word; /* word: the one that is looked at; n 0 at the end */
	char *error;
};

static void advance(struct reader *r)
{
	while (r->rest.n && *r->rest.p == ' ') {
		r->rest.p++;
		r->rest.n--;
	}
	r->word = (struct view){r->rest.p, 0};
	while (r->word.n < r->rest.n && r->word.p[r->word.n] != ' ')
		r->word.n++;
	r->rest.p += r->word.n;
	r->rest.n -= r->word.n;
}

static bool is(const struct reader *r, const char *word)
{
	return view_eq(r->word, view_of(word));
}

static bool take(struct reader *r, const char *word)
{
	bool found = is(r, word);

	if (found)
		advance(r);
	return found;
}

static int refuse(struct reader *r, const char *what)
{
	char seen[64] = "the end";

	if (r->word.n)
		snprintf(seen, sizeof(seen), "\"%.*s\"", (int)(r->word.n > 50 ? 50 : r->word.n),
			r->word.p);
	snprintf(r->error, CFG_ERROR_MAX, "%s is expected, not %s", what, seen);
	for (char *p = r->error; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return -EINVAL;
}

/* A number, or one of the words. */
static int take_number(
	struct reader *r, const struct word *words, uint32_t max, const char *what, uint32_t *ret)
{
	uint64_t number;

	for (; words && words->word; words++) {
		int value = r->family == 4 ? words->v4 : words->v6;
		if (value >= 0 && is(r, words->word)) {
			advance(r);
			*ret = (uint32_t)value;
			return 0;
		}
	}
	if (view_to_u64(r->word, max, &number) < 0)
		return refuse(r, what);
	*ret = (uint32_t)number;
	advance(r);
	return 0;
}

/* ---- addresses ---- */

static void mask_of(unsigned int len, uint8_t mask[16])
{
	memset(mask, 0, 16);
	for (unsigned int i = 0; i < len; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

static int parse_ip(struct reader *r, struct view text, uint8_t ip[16])
{
	struct ipaddr addr;

	if (!text.n || text.p[0] == '[' || ipaddr_parse(text, 0, &addr) < 0 ||
		addr.family != r->family)
		return refuse(r, r->family == 4
					 ? "any, host A.B.C.D, A.B.C.D/LEN or A.B.C.D WILDCARD"
					 : "any, host X:X::X or X:X::X/LEN");
	memset(ip, 0, 16);
	memcpy(ip, addr.ip, r->family == 4 ? 4 : 16);
	return 0;
}

/* "0.0.0.255" behind an address: bits that do not count. */
static bool take_wildcard(struct reader *r, uint8_t mask[16])
{
	struct ipaddr addr;

	if (r->family != 4 || !r->word.n || ipaddr_parse(r->word, 0, &addr) < 0 || addr.family != 4)
		return false;
	memset(mask, 0, 16);
	for (unsigned int i = 0; i < 4; i++)
		mask[i] = (uint8_t)~addr.ip[i];
	advance(r);
	return true;
}

static int take_address(struct reader *r, uint8_t ip[16], uint8_t mask[16])
{
	unsigned int bits = r->family == 4 ? 32 : 128;
	const char *slash;
	uint64_t len = bits;
	struct view addr;
	int rc;

	memset(ip, 0, 16);
	memset(mask, 0, 16);
	if (take(r, "any"))
		return 0;
	bool host = take(r, "host");
	slash = !host && r->word.n ? memchr(r->word.p, '/', r->word.n) : NULL;
	addr = r->word;
	if (slash) {
		struct view text = {slash + 1, r->word.n - (size_t)(slash + 1 - r->word.p)};
		addr.n = (size_t)(slash - r->word.p);
		if (view_to_u64(text, bits, &len) < 0)
			return refuse(r, "a network with the length of its prefix");
	}
	rc = parse_ip(r, addr, ip);
	if (rc < 0)
		return rc;
	advance(r);
	if (host || slash)
		mask_of((unsigned int)len, mask);
	else if (!take_wildcard(r, mask))
		return refuse(r, r->family == 4
					 ? "a wildcard as 0.0.0.255 behind an address without "
					   "\"host\" or /LEN"
					 : "host X:X::X or X:X::X/LEN");
	for (unsigned int i = 0; i < 16; i++)
		ip[i] &= mask[i];
	return 0;
}

/* ---- ports ---- */

static int take_port(struct reader *r, uint32_t *ret)
{
	return take_number(r, ports, UINT16_MAX, "a port", ret);
}

static int take_ports(struct reader *r, uint16_t *ret_lo, uint16_t *ret_hi, bool *any)
{
	uint32_t lo = 0, hi = UINT16_MAX;
	int rc = 0;

	*ret_lo = 0;
	*ret_hi = UINT16_MAX;
	if (take(r, "eq")) {
		rc = take_port(r, &lo);
		hi = lo;
	} else if (take(r, "range")) {
		rc = take_port(r, &lo);
		rc = rc < 0 ? rc : take_port(r, &hi);
	} else if (take(r, "gt")) {
		rc = take_port(r, &lo);
		lo++;
	} else if (take(r, "lt")) {
		rc = take_port(r, &hi);
		hi--;
	} else {
		return 0;
	}
	if (rc < 0)
		return rc;
	if (hi > UINT16_MAX || lo > hi) {
		snprintf(r->error, CFG_ERROR_MAX, "these ports are none");
		return -EINVAL;
	}
	*ret_lo = (uint16_t)lo;
	*ret_hi = (uint16_t)hi;
	*any = *any && lo == 0 && hi == UINT16_MAX;
	return 0;
}

/* ---- lines ---- */

static int take_protocol(struct reader *r, struct dp_acl_rule *rule)
{
	const char *what = "a protocol (ip, tcp, udp, icmp, ... or its number)";
	uint32_t proto = 0;
	int rc;

	if (take(r, r->family == 4 ? "ip" : "ipv6")) {
		rule->flags |= DP_ACL_ANY_PROTO;
		return 0;
	}
	rc = take_number(r, protocols, 255, what, &proto);
	if (rc < 0)
		return rc;
	if (r->family == 6 &&
		(proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60)) {
		snprintf(r->error, CFG_ERROR_MAX,
			"protocol %u is an extension header: a rule is about what follows those",
			proto);
		return -EINVAL;
	}
	rule->proto = (uint8_t)proto;
	return 0;
}

static bool is_proto(const struct dp_acl_rule *rule, uint8_t proto)
{
	return !(rule->flags & DP_ACL_ANY_PROTO) && rule->proto == proto;
}

static int take_icmp(struct reader *r, struct dp_acl_rule *rule)
{
	uint32_t number;
	int rc;

	if (!r->word.n || is(r, "fragments"))
		return 0;
	rc = take_number(r, icmp_types, 255, "a type of ICMP", &number);
	if (rc < 0)
		return rc;
	rule->flags |= DP_ACL_ICMP_TYPE;
	rule->icmp_type = (uint8_t)number;
	if (!r->word.n || is(r, "fragments"))
		return 0;
	rc = take_number(r, NULL, 255, "a code of ICMP", &number);
	if (rc < 0)
		return rc;
	rule->flags |= DP_ACL_ICMP_CODE;
	rule->icmp_code = (uint8_t)number;
	return 0;
}

static int take_options(struct reader *r, struct dp_acl_rule *rule)
{
	while (r->word.n) {
		if (is_proto(rule, 6) && take(r, "established")) {
			rule->flags |= DP_ACL_ESTABLISHED;
		} else if (take(r, "fragments")) {
			rule->flags |= DP_ACL_FRAGMENTS;
		} else if (is(r, "log") || is(r, "log-input")) {
			snprintf(r->error, CFG_ERROR_MAX,
				"nothing is logged; `show ip access-lists` counts what matched");
			return -EINVAL;
		} else {
			return refuse(r, "the end of the line");
		}
	}
	if ((rule->flags & DP_ACL_FRAGMENTS) &&
		(rule->flags & (DP_ACL_PORTS | DP_ACL_ICMP_TYPE | DP_ACL_ESTABLISHED))) {
		snprintf(r->error, CFG_ERROR_MAX,
			"fragments behind the first have neither ports nor types nor flags");
		return -EINVAL;
	}
	return 0;
}

static int take_rule(struct reader *r, struct dp_acl_rule *rule)
{
	bool any = true;
	int rc = take_protocol(r, rule);
	bool has_ports = is_proto(rule, 6) || is_proto(rule, 17);

	rc = rc < 0 ? rc : take_address(r, rule->src, rule->src_mask);
	if (rc == 0 && has_ports)
		rc = take_ports(r, &rule->sport_lo, &rule->sport_hi, &any);
	rc = rc < 0 ? rc : take_address(r, rule->dst, rule->dst_mask);
	if (rc == 0 && has_ports)
		rc = take_ports(r, &rule->dport_lo, &rule->dport_hi, &any);
	if (any)
		rule->sport_hi = rule->dport_hi = 0;
	else
		rule->flags |= DP_ACL_PORTS;
	if (rc == 0 && is_proto(rule, r->family == 4 ? 1 : 58))
		rc = take_icmp(r, rule);
	return rc < 0 ? rc : take_options(r, rule);
}

static int take_remark(struct reader *r, char remark[CFG_REMARK_MAX])
{
	struct view text = r->rest;

	while (text.n && *text.p == ' ') {
		text.p++;
		text.n--;
	}
	if (!text.n || view_copy(text, remark, CFG_REMARK_MAX) < 0) {
		snprintf(r->error, CFG_ERROR_MAX, "a remark has 1 to %u characters",
			CFG_REMARK_MAX - 1);
		return -EINVAL;
	}
	for (const char *p = remark; *p; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~') {
			snprintf(r->error, CFG_ERROR_MAX, "a remark is plain ASCII text");
			return -EINVAL;
		}
	}
	return 0;
}

int cfg_rule_parse(
	unsigned int family, struct view text, struct cfg_rule *ret, char error[CFG_ERROR_MAX])
{
	struct reader r = {.family = family, .rest = text, .error = error};
	struct cfg_rule rule;
	uint64_t number;
	int rc;

	memset(&rule, 0, sizeof(rule)); /* compared as memory */
	advance(&r);
	(void)take(&r, "sequence");
	if (view_to_u64(r.word, SEQ_MAX, &number) == 0) {
		if (!number)
			return refuse(&r, "a number from 1 to 2147483647");
		rule.match.seq = (uint32_t)number;
		advance(&r);
	}
	if (is(&r, "remark")) {
		rc = take_remark(&r, rule.remark);
	} else if (take(&r, "permit")) {
		rule.match.flags = DP_ACL_PERMIT;
		rc = take_rule(&r, &rule.match);
	} else if (take(&r, "deny")) {
		rc = take_rule(&r, &rule.match);
	} else {
		rc = refuse(&r, "permit, deny or remark");
	}
	if (rc == 0)
		*ret = rule;
	return rc;
}

static void print_address(
	unsigned int family, const uint8_t *ip, const uint8_t *mask, struct buf *out)
{
	unsigned int bits = family == 4 ? 32 : 128, len = 0;
	struct ipaddr addr = {.family = (uint8_t)family};
	char text[IPADDR_TEXT_MAX];
	uint8_t straight[16];

	while (len < bits && (mask[len / 8] >> (7 - len % 8) & 1))
		len++;
	mask_of(len, straight);
	memcpy(addr.ip, ip, 16);
	ipaddr_print(&addr, text);
	if (memcmp(straight, mask, 16) != 0)
		buf_printf(out, " %s %u.%u.%u.%u", text, (uint8_t)~mask[0], (uint8_t)~mask[1],
			(uint8_t)~mask[2], (uint8_t)~mask[3]);
	else if (len == 0)
		buf_puts(out, " any");
	else if (len == bits)
		buf_printf(out, " host %s", text);
	else
		buf_printf(out, " %s/%u", text, len);
}

static void print_ports(bool on, uint16_t lo, uint16_t hi, struct buf *out)
{
	if (!on || (lo == 0 && hi == UINT16_MAX))
		return;
	if (lo == hi)
		buf_printf(out, " eq %u", lo);
	else
		buf_printf(out, " range %u %u", lo, hi);
}

static void print_word(
	const struct word *words, unsigned int family, uint8_t value, struct buf *out)
{
	for (; words->word; words++) {
		if ((family == 4 ? words->v4 : words->v6) == value) {
			buf_printf(out, " %s", words->word);
			return;
		}
	}
	buf_printf(out, " %u", value);
}

static void print_match(unsigned int family, const struct dp_acl_rule *m, struct buf *out)
{
	buf_puts(out, m->flags & DP_ACL_PERMIT ? "permit" : "deny");
	if (m->flags & DP_ACL_ANY_PROTO)
		buf_puts(out, family == 4 ? " ip" : " ipv6");
	else
		print_word(protocols, family, m->proto, out);
	print_address(family, m->src, m->src_mask, out);
	print_ports(m->flags & DP_ACL_PORTS, m->sport_lo, m->sport_hi, out);
	print_address(family, m->dst, m->dst_mask, out);
	print_ports(m->flags & DP_ACL_PORTS, m->dport_lo, m->dport_hi, out);
	if (m->flags & DP_ACL_ICMP_TYPE)
		print_word(icmp_types, family, m->icmp_type, out);
	if (m->flags & DP_ACL_ICMP_CODE)
		buf_printf(out, " %u", m->icmp_code);
	if (m->flags & DP_ACL_ESTABLISHED)
		buf_puts(out, " established");
	if (m->flags & DP_ACL_FRAGMENTS)
		buf_puts(out, " fragments");
}

char *cfg_rule_print(unsigned int family, const struct cfg_rule *rule, char buf[CFG_VALUE_MAX])
{
	struct buf out = {0};

	if (rule->match.seq)
		buf_printf(&out, "%u ", rule->match.seq);
	if (rule->remark[0])
		buf_printf(&out, "remark %s", rule->remark);
	else
		print_match(family, &rule->match, &out);
	snprintf(buf, CFG_VALUE_MAX, "%s", out.p ? out.p : "");
	buf_free(&out);
	return buf;
}

static bool same_but_number(const struct cfg_rule *a, const struct cfg_rule *b)
{
	struct cfg_rule copy = *a;

	copy.match.seq = b->match.seq;
	return memcmp(&copy, b, sizeof(copy)) == 0;
}

bool cfg_rule_number(const struct cfg_rule *rules, unsigned int n, struct cfg_rule *rule)
{
	if (rule->match.seq)
		return false;
	for (unsigned int i = 0; i < n; i++)
		if (same_but_number(&rules[i], rule))
			return true;
	uint32_t last = n ? rules[n - 1].match.seq : 0;
	rule->match.seq = last < SEQ_MAX - STEP ? last - last % STEP + STEP : SEQ_MAX;
	return false;
}

int cfg_rule_find(unsigned int family, const struct cfg_rule *rules, unsigned int n,
	struct view text, char error[CFG_ERROR_MAX])
{
	struct reader r = {.family = family, .rest = text, .error = error};
	struct cfg_rule rule;
	uint64_t number;
	int rc;

	advance(&r);
	(void)take(&r, "sequence");
	bool alone = view_to_u64(r.word, SEQ_MAX, &number) == 0 && !r.rest.n;
	if (!alone) {
		rc = cfg_rule_parse(family, text, &rule, error);
		if (rc < 0)
			return rc;
	}
	for (unsigned int i = 0; i < n; i++) {
		if (alone ? rules[i].match.seq == number
			  : same_but_number(&rules[i], &rule) &&
					(!rule.match.seq || rule.match.seq == rules[i].match.seq))
			return (int)i;
	}
	snprintf(error, CFG_ERROR_MAX, "there is no such rule in the list");
	return -ENOENT;
}
