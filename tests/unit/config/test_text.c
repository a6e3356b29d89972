/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The start-up file: canonical, round trip, every kind of damage refused with its line. */
#include "tests/unit/config/samples.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct cfg *read_ok(const char *text)
{
	char error[CFG_ERROR_MAX];
	struct cfg *cfg;

	if (cfg_from_text(text, strlen(text), "test", &cfg, error) < 0)
		fail_msg("%s", error);
	return cfg;
}

static void test_canonical(void **state)
{
	struct cfg *cfg = read_ok(sample_config);
	char error[CFG_ERROR_MAX], *text;
	size_t len;

	assert_int_equal(cfg_to_text(cfg, &text, &len), 0);
	assert_string_equal(text, sample_config);
	assert_int_equal(len, strlen(sample_config));
	if (cfg_validate(cfg, error) < 0)
		fail_msg("%s", error);
	free(text);
	cfg_free(cfg);
}

static void test_values(void **state)
{
	struct cfg *cfg = read_ok(sample_config), *defaults = read_ok("");
	const struct cfg_realm *realm = cfg_find_realm(cfg, "access");
	const struct cfg_trunk *trunk = cfg_find_trunk(cfg, "carrier");

	assert_string_equal(cfg->hostname, "box");
	assert_int_equal(cfg->max_calls, 1000);
	assert_int_equal(cfg->max_forwards, 70);
	assert_int_equal(cfg->n_interfaces, 2);
	assert_int_equal(cfg->interfaces[0].n_address, 2);
	assert_int_equal(cfg->interfaces[0].address[1].len, 64);
	assert_non_null(realm);
	assert_int_equal(realm->n_listen, 3);
	assert_int_equal(realm->listen[1].transport, CFG_TRANSPORT_TCP);
	assert_int_equal(ipaddr_port(&realm->listen[2].addr), 5060);
	assert_int_equal(realm->media_port_min, 16384);
	assert_int_equal(realm->media_port_max, 32767);
	assert_int_equal(realm->dscp_media, 46);
	assert_int_equal(realm->dscp_signaling, 24);
	assert_int_equal(realm->media_timeout_s, 120);
	assert_true(realm->latch);
	assert_non_null(trunk);
	assert_int_equal(trunk->transport, CFG_TRANSPORT_UDP);
	assert_int_equal(ipaddr_port(&trunk->target.addr), 5060);
	assert_non_null(cfg_find_dial_peer(cfg, 1));
	assert_null(cfg_find_dial_peer(cfg, 2));
	assert_null(cfg_find_realm(cfg, "nowhere"));
	assert_non_null(cfg_find_interface(cfg, "peer0"));
	assert_string_equal(defaults->hostname, "limen");
	assert_int_equal(defaults->timer_t1_ms, 500);
	cfg_free(defaults);
	cfg_free(cfg);
}

/* A setting that was on or off once is read from the files of then. */
static void test_bare(void **state)
{
	static const struct {
		const char *realm, *trunk;
		uint8_t want_realm, want_trunk;
	} cases[] = {
		{"true", "true", CFG_REFER_RELAY, CFG_REFER_RELAY},
		{"false", "false", CFG_REFER_REFUSE, CFG_REFER_REALM},
		{"\"local\"", "\"refuse\"", CFG_REFER_LOCAL, CFG_REFER_REFUSE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		struct cfg *cfg;

		snprintf(text, sizeof(text),
			"realms = ( { name = \"a\"; refer = %s; } );\n"
			"trunks = ( { name = \"t\"; refer = %s; } );\n",
			cases[i].realm, cases[i].trunk);
		cfg = read_ok(text);
		assert_int_equal(cfg_find_realm(cfg, "a")->refer, cases[i].want_realm);
		assert_int_equal(cfg_find_trunk(cfg, "t")->refer, cases[i].want_trunk);
		cfg_free(cfg);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"hostname = ;", "test line 1: syntax error"},
		{"\nhostname = 7;", "test line 2: hostname: must be text in quotes"},
		{"hostname = \"-\";", "test line 1: hostname: must be Name"},
		{"colour = 1;", "test line 1: colour: there is no such setting"},
		{"format = 2;", "test line 1: format: this version reads format 1 only"},
		{"hostname=\"a\";hostname=\"b\";", "test line 1: duplicate setting name"},
		{"interfaces = 1;", "test line 1: interfaces: must be a list in parentheses"},
		{"interfaces = ( 1 );", "test line 1: interfaces: must be a list of groups"},
		{"interfaces = ( { mtu = 1500; } );", "a interface needs \"name\""},
		{"interfaces = ( { name = \"a\"; }, { name = \"a\"; } );", "name: is there twice"},
		{"interfaces = ( { name = \"a\"; mtu = 575; } );",
			"mtu: must be a number from 1280 to 1900, not '575'"},
		{"interfaces = ( { name = \"a\";\n mtu = 9001; } );", "line 2: mtu"},
		{"interfaces = ( { name = \"a\"; mtu = \"1500\"; } );",
			"mtu: must be a number without quotes"},
		{"interfaces = ( { name = \"a\"; mtu = 4294968796L; } );",
			"mtu: must be a number from"},
		{"interfaces = ( { name = \"a\"; mtu = 1500.0; } );",
			"mtu: must be a number without"},
		{"interfaces = ( { name = \"a\"; shutdown = 1; } );", "must be true or false"},
		{"interfaces = ( { name = \"a\"; address = \"10.0.0.1/8\"; } );",
			"address: must be a list in brackets"},
		{"interfaces = ( { name = \"a\"; address = [ \"10.0.0.1/8\", \"x\" ]; } );",
			"address: must be an address"},
		{"interfaces = ( { name = \"0123456789abcdef\"; } );", "at most 15 characters"},
		{"sip_ua = { colour = 1; };", "colour: there is no such setting here"},
		{"sip_ua = ( );", "sip_ua: must be a group in braces"},
		{"dial_peers = ( { tag = 0; } );", "tag: must be a number from 1 to"},
		{"@include \"/etc/passwd\"\n", "test line 1: @include is not allowed"},
	};
	char error[CFG_ERROR_MAX];
	struct buf deep = {0};
	struct cfg *cfg = NULL;

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = cfg_from_text(cases[i].text, strlen(cases[i].text), "test", &cfg, error);
		assert_int_equal(rc, -EINVAL);
		assert_null(cfg);
		if (!strstr(error, cases[i].error))
			fail_msg("%s: got \"%s\"", cases[i].text, error);
	}
	/* Deep nesting ends in a syntax error, not in our stack. */
	buf_puts(&deep, "x = ");
	buf_fill(&deep, '(', 200000);
	assert_int_equal(cfg_from_text(deep.p, deep.n, "test", &cfg, error), -EINVAL);
	buf_free(&deep);
	assert_int_equal(cfg_from_text("a\0b", 3, "test", &cfg, error), -EINVAL);
}

static void test_list_full(void **state)
{
	struct buf text = {0};
	char error[CFG_ERROR_MAX];
	struct cfg *cfg = NULL;

	buf_puts(&text, "interfaces = ( { name = \"a\"; address = [ ");
	for (int i = 0; i <= CFG_LIST_MAX; i++)
		buf_printf(&text, "%s\"10.0.0.%d/8\"", i ? "," : "", i + 1);
	buf_puts(&text, "]; } );");
	assert_int_equal(cfg_from_text(text.p, text.n, "test", &cfg, error), -EINVAL);
	assert_non_null(strstr(error, "no more than 16"));
	buf_free(&text);
}

/* Objects come out sorted whatever their order in the file, also many of them. */
static void test_sorted(void **state)
{
	struct cfg *cfg;
	struct buf text = {0};

	buf_puts(&text, "dial_peers = (");
	for (unsigned int i = 0; i < 1000; i++)
		buf_printf(&text, "%s{ tag = %u; }", i ? "," : "", (i * 7919) % 1000 + 1);
	buf_puts(&text, ");");
	cfg = read_ok(text.p);
	assert_int_equal(cfg->n_dial_peers, 1000);
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(cfg->dial_peers[i].tag, i + 1);
	cfg_free(cfg);
	buf_free(&text);
}

/* The files that we ship are read, and valid. */
static void test_shipped(void **state)
{
	static const char *const files[] = {"conf/factory.conf", "conf/examples/two-sides.cfg"};

	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[512], error[CFG_ERROR_MAX], text[8192];
		struct cfg *cfg;
		size_t len;
		FILE *file;
		snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, files[i]);
		file = fopen(path, "r");
		assert_non_null(file);
		len = fread(text, 1, sizeof(text), file);
		fclose(file);
		assert_true(len > 0 && len < sizeof(text));
		if (cfg_from_text(text, len, files[i], &cfg, error) < 0 ||
			cfg_validate(cfg, error) < 0)
			fail_msg("%s", error);
		cfg_free(cfg);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_list_full),
		cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
