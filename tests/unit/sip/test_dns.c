/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a DNS message says, how long it is kept, in which order servers come (RFC 2782, 3263). */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sip-b2bua/resolver/dns_cache.h"
#include "sip-b2bua/resolver/locate.h"
#include "sip-b2bua/resolver/select.h"
#include "sip-b2bua/transport/sip_transport.h"

/* ---- messages ---- */

struct writing {
	uint8_t p[1024];
	size_t n;
};

static void put(struct writing *w, const void *p, size_t n)
{
	assert_true(w->n + n <= sizeof(w->p));
	memcpy(w->p + w->n, p, n);
	w->n += n;
}

static void put16(struct writing *w, unsigned int v)
{
	uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	put(w, b, 2);
}

static void put_name(struct writing *w, const char *name)
{
	while (*name) {
		uint8_t n = (uint8_t)strcspn(name, ".");

		put(w, &n, 1);
		put(w, name, n);
		name += n + (name[n] == '.');
	}
	put(w, "", 1);
}

static void put_string(struct writing *w, const char *text)
{
	uint8_t n = (uint8_t)strlen(text);

	put(w, &n, 1);
	put(w, text, n);
}

/* The question; the counts of the other sections are put in later. */
static void begin(struct writing *w, const char *name, uint16_t type)
{
	static const uint8_t head[12] = {0x12, 0x34, 0x81, 0x80, 0, 1};

	w->n = 0;
	put(w, head, sizeof(head));
	put_name(w, name);
	put16(w, type);
	put16(w, 1);
}

/* section: 6 answers, 8 authority. Returns where the length is, for end_rr(). */
static size_t rr(
	struct writing *w, unsigned int section, const char *name, uint16_t type, uint32_t ttl)
{
	w->p[section + 1]++;
	put_name(w, name);
	put16(w, type);
	put16(w, 1);
	put16(w, ttl >> 16);
	put16(w, ttl & 0xffff);
	put16(w, 0);
	return w->n - 2;
}

static void end_rr(struct writing *w, size_t at)
{
	size_t n = w->n - at - 2;

	w->p[at] = (uint8_t)(n >> 8);
	w->p[at + 1] = (uint8_t)n;
}

static void put_a(struct writing *w, const char *name, uint32_t ttl, const char *ip)
{
	size_t at = rr(w, 6, name, DNS_A, ttl);
	uint8_t a[4];

	assert_int_equal(inet_pton(AF_INET, ip, a), 1);
	put(w, a, 4);
	end_rr(w, at);
}

static void put_srv(struct writing *w, const char *name, uint32_t ttl, unsigned int priority,
	unsigned int weight, unsigned int port, const char *target)
{
	size_t at = rr(w, 6, name, DNS_SRV, ttl);

	put16(w, priority);
	put16(w, weight);
	put16(w, port);
	put_name(w, target);
	end_rr(w, at);
}

static void put_naptr(struct writing *w, const char *name, unsigned int order,
	unsigned int preference, const char *flags, const char *service, const char *regexp,
	const char *target)
{
	size_t at = rr(w, 6, name, DNS_NAPTR, 3600);

	put16(w, order);
	put16(w, preference);
	put_string(w, flags);
	put_string(w, service);
	put_string(w, regexp);
	put_name(w, target);
	end_rr(w, at);
}

static struct dns_answer *read_ok(const struct writing *w, const char *name, uint16_t type)
{
	struct dns_answer *answer;

	assert_int_equal(dns_answer_read(w->p, w->n, name, type, &answer), 0);
	return answer;
}

static void test_answer_srv(void **state)
{
	struct writing w;
	struct dns_answer *a;

	begin(&w, "_sip._udp.example.com", DNS_SRV);
	put_srv(&w, "_SIP._udp.Example.com", 300, 10, 60, 5060, "Sip1.example.com");
	put_srv(&w, "_sip._udp.example.com", 120, 20, 0, 5070, "sip2.example.com");
	put_srv(&w, "_sip._udp.example.org", 5, 1, 1, 1, "other.example.org");
	put_srv(&w, "_sip._udp.example.com", 120, 30, 0, 0, "no-port.example.com");
	a = read_ok(&w, "_sip._udp.example.com", DNS_SRV);
	assert_int_equal(a->n, 2);
	assert_int_equal(a->ttl_s, 120);
	assert_int_equal(a->records[0].priority, 10);
	assert_int_equal(a->records[0].weight, 60);
	assert_int_equal(a->records[0].port, 5060);
	assert_string_equal(a->records[0].name, "sip1.example.com");
	assert_string_equal(a->records[1].name, "sip2.example.com");
	free(a);
	/* "." is a service that is not offered (RFC 2782), and known as such. */
	begin(&w, "_sip._tcp.example.com", DNS_SRV);
	put_srv(&w, "_sip._tcp.example.com", 60, 0, 0, 0, "");
	a = read_ok(&w, "_sip._tcp.example.com", DNS_SRV);
	assert_int_equal(a->n, 1);
	assert_string_equal(a->records[0].name, "");
	free(a);
}

static void test_answer_alias(void **state)
{
	struct writing w;
	struct dns_answer *a;
	size_t at;

	begin(&w, "www.example.com", DNS_A);
	put_a(&w, "host.example.net", 600, "192.0.2.1"); /* in any order */
	at = rr(&w, 6, "www.example.com", 5, 30);
	put_name(&w, "host.example.net");
	end_rr(&w, at);
	put_a(&w, "host.example.net", 600, "192.0.2.2");
	put_a(&w, "stranger.example.net", 600, "192.0.2.66");
	put_a(&w, "host.example.net", 600, "0.0.0.0");
	a = read_ok(&w, "www.example.com", DNS_A);
	assert_int_equal(a->n, 2);
	assert_int_equal(a->ttl_s, 30);
	free(a);
	/* A circle is nothing. */
	begin(&w, "a.example", DNS_A);
	at = rr(&w, 6, "a.example", 5, 30);
	put_name(&w, "b.example");
	end_rr(&w, at);
	at = rr(&w, 6, "b.example", 5, 30);
	put_name(&w, "a.example");
	end_rr(&w, at);
	a = read_ok(&w, "a.example", DNS_A);
	assert_int_equal(a->n, 0);
	free(a);
}

static void test_answer_nothing(void **state)
{
	struct writing w;
	struct dns_answer *a;
	size_t at;

	begin(&w, "gone.example.com", DNS_A);
	at = rr(&w, 8, "example.com", 6, 900);
	put_name(&w, "ns.example.com");
	put_name(&w, "root.example.com");
	for (unsigned int i = 0; i < 4; i++) {
		put16(&w, 0);
		put16(&w, 7);
	}
	put16(&w, 0);
	put16(&w, 45); /* minimum: RFC 2308 5 takes the smaller one */
	end_rr(&w, at);
	a = read_ok(&w, "gone.example.com", DNS_A);
	assert_int_equal(a->n, 0);
	assert_int_equal(a->ttl_s, 45);
	free(a);
}

static void test_answer_naptr(void **state)
{
	struct writing w;
	struct dns_answer *a;

	begin(&w, "example.com", DNS_NAPTR);
	put_naptr(&w, "example.com", 10, 50, "s", "SIP+D2T", "", "_sip._tcp.example.com");
	put_naptr(&w, "example.com", 10, 10, "S", "sips+d2t", "", "_sips._tcp.example.com");
	put_naptr(&w, "example.com", 20, 10, "s", "SIP+D2U", "", "_sip._udp.example.com");
	put_naptr(&w, "example.com", 5, 1, "u", "E2U+sip", "!^.*$!sip:a@b!", "");
	put_naptr(&w, "example.com", 5, 1, "s", "SIP+D2S", "", "_sip._sctp.example.com");
	put_naptr(&w, "example.com", 5, 1, "s", "SIP+D2U", "!x!y!", "_sip._udp.evil.example");
	a = read_ok(&w, "example.com", DNS_NAPTR);
	assert_int_equal(a->n, 3);
	assert_int_equal(a->records[0].service, DNS_SIP_TCP);
	assert_int_equal(a->records[1].service, DNS_SIPS_TLS);
	assert_int_equal(a->records[2].service, DNS_SIP_UDP);
	assert_int_equal(a->records[2].priority, 20);
	free(a);
}

/* Cut anywhere, or with any octet changed, it is refused or read; the sanitizers look on. */
static void test_answer_broken(void **state)
{
	struct writing w;
	struct dns_answer *a;

	begin(&w, "example.com", DNS_NAPTR);
	put_naptr(&w, "example.com", 10, 50, "s", "SIP+D2T", "", "_sip._tcp.example.com");
	for (size_t n = 0; n < w.n; n++)
		assert_int_equal(dns_answer_read(w.p, n, "example.com", DNS_NAPTR, &a), -EBADMSG);
	for (size_t i = 0; i < w.n; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			w.p[i] ^= (uint8_t)(1u << bit);
			if (dns_answer_read(w.p, w.n, "example.com", DNS_NAPTR, &a) == 0)
				free(a);
			w.p[i] ^= (uint8_t)(1u << bit);
		}
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {{"Example.COM.", "example.com"}, {"_sip._udp.a-b.c1", "_sip._udp.a-b.c1"},
		{"", NULL}, {".", NULL}, {"a..b", NULL}, {".a", NULL}, {"a b", NULL},
		{"a\\.b", NULL},
		{"0123456789012345678901234567890123456789012345678901234567890123.x", NULL}};
	char name[DNS_NAME_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = dns_name_copy(view_of(rows[i].in), name);

		assert_int_equal(rc, rows[i].out ? 0 : -EINVAL);
		if (rows[i].out)
			assert_string_equal(name, rows[i].out);
	}
}

/* ---- cache ---- */

static struct dns_answer *answer_of(uint32_t ttl_s, uint32_t n)
{
	struct dns_answer *a = calloc(1, sizeof(*a) + n * sizeof(a->records[0]));

	a->ttl_s = ttl_s;
	a->n = n;
	return a;
}

static void test_cache(void **state)
{
	struct dns_cache *c = dns_cache_new();
	struct dns_entry *e = dns_cache_get(c, "a.example", DNS_A, 1000);

	dns_cache_set_stale(c, 3600);
	assert_int_equal(dns_entry_state(c, e, 1000), DNS_UNKNOWN);
	assert_true(dns_entry_wants_asking(e, 1000));
	e->asking = true;
	assert_false(dns_entry_wants_asking(e, 1000));
	dns_entry_answered(e, answer_of(100, 1), false, 1000);
	assert_int_equal(dns_entry_state(c, e, 100999), DNS_FRESH);
	/* nine tenths: asked for before its time is over */
	assert_false(dns_entry_wants_asking(e, 90999));
	assert_true(dns_entry_wants_asking(e, 91000));
	/* nobody answers: stale, and asked for again every 30 s */
	dns_entry_failed(e, DNS_ERROR_TIMEOUT, 101000);
	assert_int_equal(dns_entry_state(c, e, 101000), DNS_STALE);
	assert_false(dns_entry_wants_asking(e, 130999));
	assert_true(dns_entry_wants_asking(e, 131000));
	assert_int_equal(dns_entry_state(c, e, 3701000 - 1), DNS_STALE);
	assert_int_equal(dns_entry_state(c, e, 3701000), DNS_LOST);
	dns_cache_set_stale(c, 0);
	assert_int_equal(dns_entry_state(c, e, 101000), DNS_LOST);
	/* that there is nothing takes the place of data, and is never stale */
	dns_cache_set_stale(c, 3600);
	dns_entry_answered(e, answer_of(60, 0), true, 200000);
	assert_int_equal(dns_entry_state(c, e, 259999), DNS_FRESH);
	assert_true(e->no_such_name);
	dns_entry_failed(e, DNS_ERROR_TIMEOUT, 260000);
	assert_int_equal(dns_entry_state(c, e, 260000), DNS_LOST);
	assert_false(dns_entry_wants_asking(e, 264999));
	assert_true(dns_entry_wants_asking(e, 265000));
	dns_cache_free(c);
}

static void test_cache_limits(void **state)
{
	static const struct {
		uint32_t ttl_s, n, want_s;
	} rows[] = {{0, 1, DNS_TTL_MIN_S}, {7, 1, 7}, {999999, 1, DNS_TTL_MAX_S},
		{0, 0, DNS_NEGATIVE_MIN_S}, {999999, 0, DNS_NEGATIVE_MAX_S}};
	struct dns_cache *c = dns_cache_new();
	struct dns_entry *e;
	char name[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		e = dns_cache_get(c, "ttl.example", DNS_A, 0);
		dns_entry_answered(e, answer_of(rows[i].ttl_s, rows[i].n), false, 0);
		assert_int_equal(e->expires_ms, rows[i].want_s * 1000);
	}
	dns_cache_get(c, "asking.example", DNS_A, 0)->asking = true;
	for (unsigned int i = 0; i < DNS_CACHE_MAX + 10; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		assert_non_null(dns_cache_get(c, name, DNS_A, i + 1));
	}
	assert_int_equal(dns_cache_n(c), DNS_CACHE_MAX);
	/* who was not used for longest made room, who is asking did not */
	assert_null(dns_cache_find(c, "ttl.example", DNS_A));
	assert_null(dns_cache_find(c, "n0.example", DNS_A));
	assert_non_null(dns_cache_find(c, "asking.example", DNS_A));
	assert_non_null(dns_cache_find(c, name, DNS_A));
	assert_null(dns_cache_find(c, name, DNS_SRV));
	assert_int_equal(dns_cache_clear(c, name), 1);
	assert_null(dns_cache_find(c, name, DNS_A));
	dns_cache_clear(c, NULL);
	assert_int_equal(dns_cache_n(c), 1); /* the one that is asking */
	dns_cache_free(c);
}

/* ---- order ---- */

struct chance {
	uint32_t values[8];
	unsigned int n;
};

static uint32_t chosen(void *arg, uint32_t below)
{
	struct chance *c = arg;
	uint32_t v = c->values[c->n++];

	assert_true(v < below);
	return v;
}

/* Every outcome of the first draw: exactly as many as the weight says. */
static void test_weights(void **state)
{
	const struct select_server s[] = {{10, 50, 0}, {20, 1, 0}, {10, 30, 0}, {10, 20, 0}};
	unsigned int first[4] = {0};
	uint8_t order[4];

	for (uint32_t v = 0; v < 100; v++) {
		struct chance c = {.values = {v, 0}};

		select_by_weight(s, 4, chosen, &c, order);
		first[order[0]]++;
		assert_int_equal(order[3], 1); /* the higher priority value is last */
	}
	assert_int_equal(first[0], 50);
	assert_int_equal(first[2], 30);
	assert_int_equal(first[3], 20);
	/* of the two that are left the shares are those of their weights again */
	unsigned int second[4] = {0};

	for (uint32_t v = 0; v < 50; v++) {
		struct chance c = {.values = {0, v}};

		select_by_weight(s, 4, chosen, &c, order);
		assert_int_equal(order[0], 0);
		second[order[1]]++;
	}
	assert_int_equal(second[2], 30);
	assert_int_equal(second[3], 20);
}

static void test_weight_zero(void **state)
{
	const struct select_server s[] = {{0, 9, 0}, {0, 0, 0}};
	const struct select_server z[] = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
	unsigned int zero_first = 0, first[3] = {0};
	uint8_t order[3];

	for (uint32_t v = 0; v < 10; v++) {
		struct chance c = {.values = {0, v}}; /* the shuffle of one takes none */

		c.values[0] = v;
		select_by_weight(s, 2, chosen, &c, order);
		zero_first += order[0] == 1;
	}
	assert_int_equal(zero_first, 1); /* 1 in sum + 1: RFC 2782 */
	for (uint32_t a = 0; a < 3; a++) {
		for (uint32_t b = 0; b < 2; b++) {
			struct chance c = {.values = {a, b}};

			select_by_weight(z, 3, chosen, &c, order);
			first[order[0]]++;
		}
	}
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(first[i], 2);
}

static void test_schemes(void **state)
{
	const struct select_server s[] = {{1, 1, 9}, {0, 1, 4}, {0, 2, 6}, {0, 1, 3}};
	struct chance c = {.values = {3, 2, 1}}; /* the shuffle leaves all where they are */
	uint8_t order[4];

	select_by_priority(s, 4, order);
	assert_memory_equal(order, ((uint8_t[]){1, 2, 3, 0}), 4);
	select_round_robin(4, 6, order);
	assert_memory_equal(order, ((uint8_t[]){2, 3, 0, 1}), 4);
	/* 6 calls for a weight of 2 are 3 */
	select_least_load(s, 4, chosen, &c, order);
	assert_memory_equal(order, ((uint8_t[]){2, 3, 1, 0}), 4);
}

/* ---- RFC 3263 ---- */

struct zone {
	const char *name;
	uint16_t type;
	const char *data; /* records with ';' between; "!": nobody answers, "?": not known yet */
};

static const struct zone *zone;
static char asked[1024];

static struct locate_look look(void *arg, const char *name, uint16_t type)
{
	static union {
		struct dns_answer a;
		uint8_t room[sizeof(struct dns_answer) + 8 * sizeof(struct dns_record)];
	} u;
	struct locate_look l = {.found = LOCATE_NOTHING};
	size_t n = strlen(asked);

	snprintf(asked + n, sizeof(asked) - n, "%s%s %s", n ? "," : "", dns_type_word(type), name);
	for (const struct zone *z = zone; z->name; z++) {
		char text[256], *save, *part;

		if (z->type != type || strcmp(z->name, name) != 0)
			continue;
		if (*z->data == '!')
			return (struct locate_look){
				.found = LOCATE_FAILED, .why = "no name server answered"};
		if (*z->data == '?')
			return (struct locate_look){.found = LOCATE_WAIT};
		memset(&u, 0, sizeof(u));
		snprintf(text, sizeof(text), "%s", z->data);
		for (part = strtok_r(text, ";", &save); part; part = strtok_r(NULL, ";", &save)) {
			struct dns_record *r = &u.a.records[u.a.n++];
			unsigned int priority = 0, weight = 0, x = 0;

			if (type == DNS_A || type == DNS_AAAA) {
				assert_int_equal(ipaddr_parse(view_of(part), 0, &r->addr), 0);
				continue;
			}
			assert_true(sscanf(part, "%u %u %u %255s", &priority, &weight, &x,
					    r->name) >= 3);
			r->priority = (uint16_t)priority;
			r->weight = (uint16_t)weight;
			r->port = (uint16_t)x;
			r->service = (uint8_t)x;
		}
		l.found = LOCATE_DATA;
		l.answer = &u.a;
	}
	return l;
}

#define UDP LOCATE_BIT(SIP_UDP)
#define TCP LOCATE_BIT(SIP_TCP)
#define TLS LOCATE_BIT(SIP_TLS)
#define ALL (UDP | TCP | TLS)
#define LAST                  \
	{                     \
		NULL, 0, NULL \
	}

static void expect(
	const struct zone *z, struct locate_query query, const char *want_asked, const char *want)
{
	static const char *const words[] = {"", "udp", "tcp", "tls"};
	struct locate_result res;
	char got[1024] = "", addr[IPADDR_TEXT_MAX];
	size_t n = 0;

	zone = z;
	asked[0] = '\0';
	query.name = "example.com";
	locate(&query, look, NULL, &res);
	for (unsigned int i = 0; i < res.n_servers; i++) {
		const struct locate_server *s = &res.servers[i];

		for (unsigned int k = 0; k < s->n_addrs; k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%u/%u %s %s",
				n ? "," : "", s->priority, s->weight, words[s->transport],
				ipaddr_print_port(&s->addrs[k], addr));
	}
	if (res.n_servers == 0)
		snprintf(got, sizeof(got), "%s", res.waiting ? "waiting" : res.why);
	assert_string_equal(got, want);
	if (want_asked)
		assert_string_equal(asked, want_asked);
}

static void test_locate(void **state)
{
	static const struct zone plain[] = {{"example.com", DNS_A, "192.0.2.1;192.0.2.2"},
		{"example.com", DNS_AAAA, "2001:db8::1"}, LAST};
	static const struct zone srv[] = {
		{"_sip._udp.example.com", DNS_SRV, "10 60 5060 a.example;20 0 5070 b.example"},
		{"_sip._tcp.example.com", DNS_SRV, "5 0 5080 a.example"},
		{"a.example", DNS_A, "192.0.2.1"}, {"b.example", DNS_A, "192.0.2.2"}, LAST};
	static const struct zone rotated[] = {
		{"_sip._udp.example.com", DNS_SRV, "20 0 5070 b.example;10 60 5060 a.example"},
		{"a.example", DNS_A, "192.0.2.1"}, {"b.example", DNS_A, "192.0.2.2"}, LAST};
	static const struct zone naptr[] = {
		{"example.com", DNS_NAPTR,
			"10 20 1 _sip._udp.example.com;10 10 2 _sip._tcp.example.com;"
			"20 1 1 _sip._udp.other.example"},
		{"_sip._udp.example.com", DNS_SRV, "10 60 5060 a.example;20 0 5070 b.example"},
		{"_sip._tcp.example.com", DNS_SRV, "5 0 5080 a.example"},
		{"a.example", DNS_A, "192.0.2.1"}, {"b.example", DNS_A, "192.0.2.2"}, LAST};
	static const struct zone none[] = {{"_sip._udp.example.com", DNS_SRV, "0 0 0"}, LAST};
	static const struct zone dead[] = {{"_sip._udp.example.com", DNS_SRV, "!"}, LAST};
	static const struct zone wait[] = {{"_sip._udp.example.com", DNS_SRV, "?"}, LAST};
	static const struct zone half[] = {
		{"_sip._udp.example.com", DNS_SRV, "0 1 5060 a.example;0 1 5060 gone.example"},
		{"a.example", DNS_A, "192.0.2.1"}, LAST};

	/* 4.2 with a port: its addresses and nothing else; IPv6 first where we have it */
	expect(plain, (struct locate_query){.port = 5070, .transport = SIP_UDP, .transports4 = ALL},
		"A example.com", "0/0 udp 192.0.2.1:5070,0/0 udp 192.0.2.2:5070");
	expect(plain,
		(struct locate_query){
			.port = 5070, .transport = SIP_UDP, .transports4 = ALL, .transports6 = UDP},
		"AAAA example.com,A example.com",
		"0/0 udp [2001:db8::1]:5070,0/0 udp 192.0.2.1:5070,0/0 udp 192.0.2.2:5070");
	/* a port without a transport is UDP */
	expect(plain, (struct locate_query){.port = 5070, .transports4 = ALL}, "A example.com",
		"0/0 udp 192.0.2.1:5070,0/0 udp 192.0.2.2:5070");
	/* without SRV records the name itself, at the transport's port */
	expect(plain, (struct locate_query){.transport = SIP_TLS, .transports4 = ALL},
		"SRV _sips._tcp.example.com,A example.com",
		"0/0 tls 192.0.2.1:5061,0/0 tls 192.0.2.2:5061");
	expect(srv, (struct locate_query){.transport = SIP_UDP, .transports4 = ALL}, NULL,
		"10/60 udp 192.0.2.1:5060,20/0 udp 192.0.2.2:5070");
	/* an answer that the name server rotated leads to the same */
	expect(rotated, (struct locate_query){.transport = SIP_UDP, .transports4 = ALL}, NULL,
		"10/60 udp 192.0.2.1:5060,20/0 udp 192.0.2.2:5070");
	/* 4.1: NAPTR of the lowest order, by preference, of transports that we have */
	expect(naptr, (struct locate_query){.transports4 = ALL}, NULL,
		"5/0 tcp 192.0.2.1:5080,65546/60 udp 192.0.2.1:5060,65556/0 udp 192.0.2.2:5070");
	expect(naptr, (struct locate_query){.transports4 = UDP}, NULL,
		"10/60 udp 192.0.2.1:5060,20/0 udp 192.0.2.2:5070");
	/* no NAPTR: SRV of each transport that we have, in our order */
	expect(srv, (struct locate_query){.transports4 = ALL},
		"NAPTR example.com,SRV _sip._udp.example.com,A a.example,A b.example,"
		"SRV _sip._tcp.example.com,A a.example,SRV _sips._tcp.example.com",
		"10/60 udp 192.0.2.1:5060,20/0 udp 192.0.2.2:5070,65541/0 tcp 192.0.2.1:5080");
	/* neither: UDP and the name itself */
	expect(plain, (struct locate_query){.transports4 = ALL}, NULL,
		"0/0 udp 192.0.2.1:5060,0/0 udp 192.0.2.2:5060");
	/* one sentence for each way to fail */
	expect(none, (struct locate_query){.transport = SIP_UDP, .transports4 = ALL}, NULL,
		"DNS says that the service _sip._udp.example.com is not offered");
	expect(dead, (struct locate_query){.transport = SIP_UDP, .transports4 = ALL},
		"SRV _sip._udp.example.com",
		"DNS of _sip._udp.example.com: no name server answered");
	expect(wait, (struct locate_query){.transport = SIP_UDP, .transports4 = ALL}, NULL,
		"waiting");
	expect(&none[1], (struct locate_query){.transport = SIP_UDP, .transports4 = ALL}, NULL,
		"DNS has no A record for example.com");
	/* a server without an address is none */
	expect(half, (struct locate_query){.transport = SIP_UDP, .transports4 = ALL}, NULL,
		"0/1 udp 192.0.2.1:5060");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_srv),
		cmocka_unit_test(test_answer_alias),
		cmocka_unit_test(test_answer_nothing),
		cmocka_unit_test(test_answer_naptr),
		cmocka_unit_test(test_answer_broken),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_cache_limits),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_weight_zero),
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_locate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
