/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Limits per source: counts on a clock of the test, what a flood from a million made-up sources does to
 * those that are trusted, clocks that jump; blocks that become longer, end and are forgotten, a table
 * with far more than it holds; who is exempt, a scanner, or the same IPv6 source; several threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "sip-b2bua/defence/defence.h"

#define S  UINT64_C(1000000)
#define T0 (1000 * S)

static uint64_t tag_of(uint64_t n)
{
	return (n + 1) * UINT64_C(0xd1342543de82ef95);
}

/* ---- counts ---- */

/* How many of n pass at this moment. */
static unsigned int pass(struct sources *s, uint64_t tag, enum source_count what,
	const struct source_limit *limit, unsigned int n, uint64_t now_us)
{
	unsigned int passed = 0;

	while (n-- > 0)
		passed += sources_count(s, tag, what, limit, 10, now_us);
	return passed;
}

static void test_counts(void **state)
{
	struct sources *s = sources_new(1);
	struct source_limit second = source_limit_of(100, S, 3),
			    minute = source_limit_of(20, 60 * S, 1);
	const struct source_limit none = source_limit_of(0, S, 3);

	/* three seconds' worth at once, then what comes back */
	assert_int_equal(pass(s, tag_of(1), SOURCE_MESSAGES, &second, 1000, T0), 300);
	assert_int_equal(pass(s, tag_of(1), SOURCE_MESSAGES, &second, 1000, T0 + S), 100);
	assert_int_equal(pass(s, tag_of(1), SOURCE_MESSAGES, &second, 1000, T0 + 100 * S), 300);
	/* at the limit for ever */
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(
			pass(s, tag_of(2), SOURCE_MESSAGES, &second, 1, T0 + i * S / 100), 1);
	/* counts do not meddle with each other, nor sources */
	assert_int_equal(pass(s, tag_of(1), SOURCE_UNKNOWN, &minute, 100, T0 + 100 * S), 20);
	assert_int_equal(pass(s, tag_of(1), SOURCE_MALFORMED, &minute, 100, T0 + 100 * S), 20);
	assert_int_equal(pass(s, tag_of(3), SOURCE_UNKNOWN, &minute, 100, T0 + 100 * S), 20);
	assert_int_equal(pass(s, tag_of(1), SOURCE_UNKNOWN, &minute, 100, T0 + 103 * S), 1);
	assert_int_equal(pass(s, tag_of(1), SOURCE_CALLS, &none, 100000, T0), 100000);
	sources_forgive(s, tag_of(1));
	assert_int_equal(pass(s, tag_of(1), SOURCE_UNKNOWN, &minute, 100, T0 + 103 * S), 20);
	sources_free(s);
}

static void test_trust(void **state)
{
	struct sources *s = sources_new(2);
	struct source_limit limit = source_limit_of(20, 60 * S, 1);

	assert_int_equal(pass(s, tag_of(1), SOURCE_CHALLENGES, &limit, 19, T0), 19);
	sources_trust(s, tag_of(1), 60, T0);
	assert_true(sources_is_trusted(s, tag_of(1), T0));
	/* what was asked for has come: it begins anew, and may have ten times as much */
	assert_int_equal(pass(s, tag_of(1), SOURCE_CHALLENGES, &limit, 1000, T0), 200);
	assert_int_equal(pass(s, tag_of(1), SOURCE_UNKNOWN, &limit, 1000, T0), 200);
	/* until it is over */
	assert_false(sources_is_trusted(s, tag_of(1), T0 + 60 * S));
	assert_int_equal(pass(s, tag_of(1), SOURCE_UNKNOWN, &limit, 1000, T0 + 600 * S), 20);
	assert_false(sources_is_trusted(s, tag_of(9), T0));
	sources_free(s);
}

/* A million sources that are made up, with a phone among them that talks now and then. */
static void test_spoofed_flood(void **state)
{
	enum { PHONES = 2000, MADE_UP = 1000000 };
	struct sources *s = sources_new(3);
	struct source_limit limit = source_limit_of(100, S, 3);
	unsigned int trusted = 0, dropped = 0;

	for (uint64_t i = 0; i < PHONES; i++)
		sources_trust(s, tag_of(i), 3600, T0);
	for (uint64_t i = 0; i < MADE_UP; i++) {
		dropped += !sources_count(
			s, tag_of(PHONES + i), SOURCE_MESSAGES, &limit, 10, T0 + i * 10);
		if (i % 500 == 0)
			dropped += !sources_count(
				s, tag_of(i / 500), SOURCE_MESSAGES, &limit, 10, T0 + i * 10);
	}
	for (uint64_t i = 0; i < PHONES; i++)
		trusted += sources_is_trusted(s, tag_of(i), T0 + 60 * S);
	assert_int_equal(trusted, PHONES);
	assert_int_equal(dropped, 0);
	/* and who really sends too much is seen after it, and among it */
	assert_int_equal(pass(s, tag_of(7777777), SOURCE_MESSAGES, &limit, 1000, T0 + 60 * S), 300);
	sources_free(s);
}

/* More that are trusted than there is room for: the newest are, and others can be counted yet. */
static void test_many_trusted(void **state)
{
	enum { MANY = 4 * SOURCES_SETS * SOURCES_WAYS };
	struct sources *s = sources_new(4);
	struct source_limit limit = source_limit_of(100, S, 3);
	unsigned int n = 0;

	for (uint64_t i = 0; i < MANY; i++)
		sources_trust(s, tag_of(i), 3600, T0 + i);
	for (uint64_t i = 0; i < MANY; i++)
		n += sources_is_trusted(s, tag_of(i), T0 + S);
	assert_int_equal(n, SOURCES_SETS * SOURCES_TRUSTED_MAX);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(
			pass(s, tag_of(MANY + i), SOURCE_MESSAGES, &limit, 400, T0 + S), 300);
	sources_free(s);
}

static void test_clock_jumps(void **state)
{
	struct sources *s = sources_new(5);
	struct source_limit limit = source_limit_of(20, 60 * S, 1);

	assert_int_equal(pass(s, tag_of(1), SOURCE_UNKNOWN, &limit, 100, T0 + 100000 * S), 20);
	/* a day back: over the limit for a minute as ever, not for a day */
	assert_int_equal(pass(s, tag_of(1), SOURCE_UNKNOWN, &limit, 100, T0), 0);
	assert_int_equal(pass(s, tag_of(2), SOURCE_UNKNOWN, &limit, 100, T0), 20);
	sources_trust(s, tag_of(3), 60, T0);
	assert_false(sources_is_trusted(s, tag_of(3), UINT64_MAX / 2));
	/* far ahead: full again, no more */
	assert_int_equal(pass(s, tag_of(2), SOURCE_UNKNOWN, &limit, 100, UINT64_MAX / 2), 20);
	sources_free(s);
}

/* ---- blocks ---- */

static struct ctl_block named(uint8_t n)
{
	return (struct ctl_block){.addr = {.family = 4, .ip = {192, 0, 2, n}},
		.prefix_len = 32,
		.reason = CTL_BLOCK_MALFORMED,
		.realm = "access"};
}

static const struct shun_times times = {1000, 5000, 60000};

struct seen {
	unsigned int n, level;
	uint64_t drops;
	uint32_t remaining_ms;
	bool take;
};

static bool see(const struct ctl_block *block, void *arg)
{
	struct seen *seen = arg;

	seen->n++;
	seen->level = block->level;
	seen->drops = block->drops;
	seen->remaining_ms = block->remaining_ms;
	return seen->take;
}

static struct seen look(struct shun *s, enum shun_which which, unsigned int owner, uint64_t now_ms)
{
	struct seen seen = {0};

	shun_each(s, which, owner, now_ms, see, &seen);
	return seen;
}

static void test_longer_each_time(void **state)
{
	static const uint32_t want_ms[] = {1000, 2000, 4000, 5000, 5000};
	struct shun *s = shun_new();
	struct ctl_block b = named(1);
	uint64_t now = 100000;

	assert_false(shun_drops(s, tag_of(1), now));
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(shun_block(s, tag_of(1), &b, &times, 3, now));
		assert_int_equal(b.level, i);
		assert_int_equal(b.remaining_ms, want_ms[i]);
		assert_false(shun_block(s, tag_of(1), &b, &times, 3, now)); /* it is already */
		assert_true(shun_drops(s, tag_of(1), now + want_ms[i] - 1));
		assert_false(shun_drops(s, tag_of(2), now));
		struct seen seen = look(s, SHUN_ALL, 3, now);
		assert_int_equal(seen.n, 1);
		assert_int_equal(seen.remaining_ms, want_ms[i]);
		assert_int_equal(look(s, SHUN_ALL, 0, now).n, 0);
		now += want_ms[i];
		assert_false(shun_drops(s, tag_of(1), now));
	}
	/* a time of peace: it is forgotten, and begins anew */
	now += times.memory_ms;
	b = named(1);
	assert_true(shun_block(s, tag_of(1), &b, &times, 3, now));
	assert_int_equal(b.level, 0);
	assert_true(shun_del(s, tag_of(1)));
	assert_false(shun_del(s, tag_of(1)));
	assert_false(shun_drops(s, tag_of(1), now));
	assert_false(shun_any(s));
	shun_free(s);
}

static void test_drops_are_told(void **state)
{
	struct shun *s = shun_new();
	struct ctl_block b = named(1);

	assert_true(shun_block(s, tag_of(1), &b, &times, 0, 1000));
	assert_int_equal(look(s, SHUN_DROPS_CHANGED, 0, 1000).n, 0);
	for (unsigned int i = 0; i < 5; i++)
		assert_true(shun_drops(s, tag_of(1), 1001));
	assert_int_equal(look(s, SHUN_DROPS_CHANGED, 0, 1002).drops, 5);
	assert_int_equal(look(s, SHUN_DROPS_CHANGED, 0, 1002).n, 0);
	/* as limen-control gives it back after a restart: with its figures, and only remembered ones */
	b.drops = 70;
	b.level = 4;
	b.remaining_ms = 0;
	shun_put(s, tag_of(2), &b, 0, 1000);
	assert_false(shun_drops(s, tag_of(2), 1000));
	assert_true(shun_block(s, tag_of(2), &b, &times, 0, 1000));
	assert_int_equal(b.level, 5);
	/* walks take out what they are told to, and what is forgotten */
	struct seen seen = {.take = true};
	shun_each(s, SHUN_ALL, 0, 1000, see, &seen);
	assert_int_equal(seen.n, 2);
	assert_false(shun_any(s));
	assert_true(shun_block(s, tag_of(3), &b, &times, 0, 1000));
	assert_int_equal(look(s, SHUN_ALL, 0, 1000 + 5000 + times.memory_ms).n, 0);
	assert_false(shun_any(s));
	assert_true(shun_block(s, tag_of(3), &b, &times, 0, 1000));
	shun_del_all(s);
	assert_false(shun_any(s));
	shun_free(s);
}

/* Ten times what the table holds: those that end last stay, and each that is there is found. */
static void test_full_shun(void **state)
{
	enum { MANY = 10 * SHUN_SETS * SHUN_WAYS };
	struct shun *s = shun_new();
	struct ctl_block b = named(1);
	unsigned int n = 0;

	b.remaining_ms = 3600000;
	for (uint64_t i = 0; i < 100; i++)
		shun_put(s, tag_of(i), &b, 0, 1000);
	for (uint64_t i = 100; i < MANY; i++) {
		b = named(2);
		(void)shun_block(s, tag_of(i), &b, &times, 0, 1000);
		assert_true(shun_drops(s, tag_of(i), 1001));
	}
	for (uint64_t i = 0; i < 100; i++)
		assert_true(shun_drops(s, tag_of(i), 1001));
	for (uint64_t i = 100; i < MANY; i++)
		n += shun_drops(s, tag_of(i), 1001);
	assert_true(n > SHUN_SETS * SHUN_WAYS / 2 && n <= SHUN_SETS * SHUN_WAYS);
	shun_free(s);
}

/* ---- who is who ---- */

static struct ipaddr ip(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(view_of(text), 5060, &a), 0);
	return a;
}

static void test_who(void **state)
{
	struct defence *d = defence_new();
	struct defence_conf conf;
	struct cfg *cfg;
	char error[CFG_ERROR_MAX];
	const char text[] = "format = 1;\nhostname = \"x\";\n";

	assert_int_equal(cfg_from_text(text, sizeof(text) - 1, "test", &cfg, error), 0);
	assert_int_equal(cfg->defence_prefix6, 64);
	cfg->n_defence_exempt = 3;
	cfg->defence_exempt[0] = (struct cfg_prefix){.addr = ip("192.0.2.64"), .len = 27};
	cfg->defence_exempt[1] = (struct cfg_prefix){.addr = ip("2001:db8::"), .len = 32};
	cfg->defence_exempt[2] = (struct cfg_prefix){.addr = ip("198.51.100.7"), .len = 32};
	cfg->n_defence_agents = 1;
	strcpy(cfg->defence_agents[0], "Evil-Phone");
	defence_conf_of(cfg, &conf);
	static const struct {
		const char *addr;
		bool exempt;
	} addrs[] = {{"192.0.2.64", true}, {"192.0.2.95", true}, {"192.0.2.96", false},
		{"192.0.2.63", false}, {"2001:db8:ffff::1", true}, {"2001:db9::1", false},
		{"198.51.100.7", true}, {"198.51.100.6", false}};
	for (unsigned int i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		struct ipaddr a = ip(addrs[i].addr);
		assert_int_equal(
			defence_is_exempt(&conf, &a, a.family == 4 ? 32 : 64), addrs[i].exempt);
	}
	/* of IPv6 all that would be blocked with it: one phone of a network, or a part of it */
	conf.exempt[1] = (struct cfg_prefix){.addr = ip("2001:db8:0:1:2::3"), .len = 128};
	struct ipaddr of = ip("2001:db8:0:1::"), next = ip("2001:db8:0:2::");
	assert_true(defence_is_exempt(&conf, &of, 64));
	assert_false(defence_is_exempt(&conf, &of, 128));
	assert_false(defence_is_exempt(&conf, &next, 64));
	static const struct {
		const char *agent;
		bool scanner;
	} agents[] = {{"friendly-scanner", true}, {"Friendly-Scanner/0.3", true},
		{"sipcli/v1.8", true}, {"pplsip", true}, {"SIPVicious", true},
		{"my evil-PHONE 2", true}, {"evil-phon", false},
		{"baresip v1.0.0 (x86_64/linux)", false}, {"", false}, {"Yealink SIP-T46S", false},
		{"Cisco-SIPGateway/IOS-16.12.5", false}, {"friendly-scanne", false}};
	for (unsigned int i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
		assert_int_equal(
			defence_is_scanner(&conf, view_of(agents[i].agent)), agents[i].scanner);
	/* a header of many octets costs no more than a common one */
	char agent[DEFENCE_AGENT_LOOKED_AT + 16];
	memset(agent, 'f', sizeof(agent));
	memcpy(agent + DEFENCE_AGENT_LOOKED_AT - 6, "sipcli", 6);
	assert_true(defence_is_scanner(&conf, (struct view){agent, sizeof(agent)}));
	memmove(agent + DEFENCE_AGENT_LOOKED_AT - 5, "sipcli", 6);
	agent[DEFENCE_AGENT_LOOKED_AT - 6] = 'f';
	assert_false(defence_is_scanner(&conf, (struct view){agent, sizeof(agent)}));
	cfg->defence_scanners = false;
	defence_conf_of(cfg, &conf);
	assert_false(defence_is_scanner(&conf, VIEW("friendly-scanner")));
	assert_true(defence_is_scanner(&conf, VIEW("evil-phone")));

	/* one source: the same address whatever the port, of IPv6 the same network; not in another realm */
	struct ipaddr a = ip("192.0.2.1"), b = ip("192.0.2.1"), c = ip("192.0.2.2");
	b.port_be16 = 7;
	assert_true(defence_tag(d, &conf, 1, &a) == defence_tag(d, &conf, 1, &b));
	assert_false(defence_tag(d, &conf, 1, &a) == defence_tag(d, &conf, 1, &c));
	assert_false(defence_tag(d, &conf, 1, &a) == defence_tag(d, &conf, 2, &a));
	a = ip("2001:db8:0:1::1");
	b = ip("2001:db8:0:1:ffff::2");
	c = ip("2001:db8:0:2::1");
	assert_true(defence_tag(d, &conf, 1, &a) == defence_tag(d, &conf, 1, &b));
	assert_false(defence_tag(d, &conf, 1, &a) == defence_tag(d, &conf, 1, &c));
	cfg->defence_prefix6 = 56;
	defence_conf_of(cfg, &conf);
	assert_true(defence_tag(d, &conf, 1, &a) == defence_tag(d, &conf, 1, &c));
	cfg->defence_prefix6 = 128;
	defence_conf_of(cfg, &conf);
	assert_false(defence_tag(d, &conf, 1, &a) == defence_tag(d, &conf, 1, &b));
	/* realms on one interface are one network */
	struct cfg_realm realms[3] = {{.name = "a", .interface = "eth0"}, {.name = "b"},
		{.name = "c", .interface = "eth0"}};
	struct cfg some = {.realms = realms, .n_realms = 3};
	assert_int_equal(defence_scope(&some, &realms[0]), defence_scope(&some, &realms[2]));
	assert_int_not_equal(defence_scope(&some, &realms[0]), defence_scope(&some, &realms[1]));
	assert_int_equal(defence_scope(&some, &realms[1]), defence_scope_of_name("b"));
	/* there are not more new blocks in a second than the list of them can be told */
	unsigned int n = 0;
	for (unsigned int i = 0; i < 100000; i++)
		n += defence_may_block(d, T0);
	assert_int_equal(n, DEFENCE_BLOCKS_SECOND);
	assert_true(defence_may_block(d, T0 + S));
	assert_true(defence_may_block(d, 1)); /* a clock that stepped back stops nothing */
	cfg_free(cfg);
	defence_free(d);
}

/* What is blocked by hand is a network of any length, whatever is one source for the limits. */
static void test_networks(void **state)
{
	static const struct {
		const char *net;
		uint8_t len;
		const char *in, *out;
	} rows[] = {{"2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:7"},
		{"2001:db8:1:2::", 64, "2001:db8:1:2:ff::1", "2001:db8:1:3::1"},
		{"2001:db8:1:200::", 56, "2001:db8:1:2ff::1", "2001:db8:1:300::1"},
		{"2001:db8:1::", 48, "2001:db8:1:ffff::1", "2001:db8:2::1"},
		{"192.0.2.1", 32, "192.0.2.1", "192.0.2.2"}};
	struct defence *d = defence_new();

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipaddr net = ip(rows[i].net), in = ip(rows[i].in), out = ip(rows[i].out);
		struct ctl_block block = named(1);

		net.port_be16 = 0;
		block.addr = net;
		block.prefix_len = rows[i].len;
		block.remaining_ms = 1000;
		uint64_t tag = shun_tag(d->key, 7, &net, rows[i].len);
		shun_put(d->shun, tag, &block, 0, 1000);
		assert_true(defence_drops(d, 7, &in, 1500));
		assert_false(defence_drops(d, 7, &out, 1500));
		assert_false(defence_drops(d, 8, &in, 1500));
		assert_false(defence_drops(d, 7, &in, 2000));
		assert_true(shun_any_of(d->shun, rows[i].len));
		assert_true(shun_del(d->shun, tag));
		assert_false(shun_any_of(d->shun, rows[i].len));
	}
	defence_free(d);
}

/* ---- threads ---- */

static struct defence *shared;
static const uint64_t threads_key[2] = {1, 2};

static void *work(void *arg)
{
	struct source_limit limit = source_limit_of(50, S, 1);
	uint64_t seed = (uint64_t)(uintptr_t)arg;

	for (uint64_t i = 0; i < 50000; i++) {
		uint64_t n = (i * 2654435761u + seed) % 5000, tag = tag_of(n);
		struct ctl_block b = named((uint8_t)n);
		if (!sources_count(shared->sources, tag, SOURCE_MESSAGES, &limit, 10, T0 + i))
			(void)shun_block(shared->shun, tag, &b, &times, (unsigned int)seed, 1 + i);
		(void)shun_drops(shared->shun, tag, 1 + i);
		if (n % 7 == 0)
			sources_trust(shared->sources, tag, 10, T0 + i);
		if (n % 501 == 0)
			(void)shun_del(shared->shun, tag);
		if (i % 10000 == 0)
			(void)look(shared->shun, SHUN_ALL, (unsigned int)seed, i);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	struct ipaddr a = ip("192.0.2.1");

	shared = defence_new();
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_true(shun_tag(threads_key, 1, &a, 32) != 0);
	defence_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_spoofed_flood),
		cmocka_unit_test(test_many_trusted),
		cmocka_unit_test(test_clock_jumps),
		cmocka_unit_test(test_longer_each_time),
		cmocka_unit_test(test_drops_are_told),
		cmocka_unit_test(test_full_shun),
		cmocka_unit_test(test_who),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
