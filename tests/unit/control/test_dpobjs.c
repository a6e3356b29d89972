/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the data plane is asked for: ports first, then addresses, one range an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/media/dpobjs.h"

#define INTERFACE                                                          \
	"interfaces = ( { name = \"m0\"; device = \"net_null0,no-rx=1\"; " \
	"address = [ \"192.0.2.1/24\", \"192.0.2.2/24\" ]; } );\n"
#define REALM(name, sip, addr, ports)                            \
	"{ name = \"" name "\"; listen = [ \"udp 127.0.0.1 " sip \
	"\" ]; interface = \"m0\"; "                             \
	"media_ipv4 = \"" addr "\"; media_ports = \"" ports "\"; }"

static struct cfg *config(const char *realms)
{
	char text[2048], error[CFG_ERROR_MAX] = "";
	struct cfg *cfg = NULL;
	int n = snprintf(text, sizeof(text), INTERFACE "realms = ( %s );\n", realms);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	if (cfg_from_text(text, (size_t)n, "test", &cfg, error) < 0 || cfg_validate(cfg, error) < 0)
		fail_msg("%s", error);
	return cfg;
}

/* Answers every request with success; returns the addresses that were set, in order. */
static unsigned int run(struct dpobjs *set, struct dp_media_addr *addrs, unsigned int max)
{
	unsigned int index, n = 0;
	const void *body;
	uint16_t type;
	size_t len;
	bool port_known = false;

	while (dpobjs_next(set, 0, &type, &index, &body, &len)) {
		if (type == DP_PORT_SET)
			port_known = true;
		if (type == DP_MEDIA_ADDR_SET) {
			assert_true(port_known || dpobjs_has_port(set, "m0"));
			assert_int_equal(len, sizeof(addrs[0]));
			assert_true(n < max);
			memcpy(&addrs[n++], body, sizeof(addrs[0]));
		}
		dpobjs_done(set, index, type, 0, 0);
	}
	assert_true(dpobjs_settled(set));
	return n;
}

static void test_ranges(void **state)
{
	static struct dpobjs set;
	static const struct {
		const char *realms;
		unsigned int n;
		uint16_t lo[2], hi[2];
	} cases[] = {
		{REALM("a", "5060", "192.0.2.1", "20000 20999"), 1, {20000}, {20999}},
		{REALM("a", "5060", "192.0.2.1", "20000 20999") ", " REALM(
			 "b", "5062", "192.0.2.2", "30000 30999"),
			2, {20000, 30000}, {20999, 30999}},
		/* One address, two realms: both ranges must stay media. */
		{REALM("a", "5060", "192.0.2.1", "30000 30999") ", " REALM(
			 "b", "5062", "192.0.2.1", "20000 20999"),
			1, {20000}, {30999}},
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cfg *cfg = config(cases[i].realms);
		struct dp_media_addr addrs[4];

		memset(&set, 0, sizeof(set));
		dpobjs_apply(&set, cfg);
		assert_int_equal(run(&set, addrs, 4), cases[i].n);
		for (unsigned int k = 0; k < cases[i].n; k++) {
			assert_int_equal(addrs[k].port_lo, cases[i].lo[k]);
			assert_int_equal(addrs[k].port_hi, cases[i].hi[k]);
			assert_string_equal(addrs[k].port_name, "m0");
		}
		cfg_free(cfg);
	}
}

/* The same configuration again asks for nothing; another range replaces the old one. */
static void test_change(void **state)
{
	static struct dpobjs set;
	struct cfg *before = config(REALM("a", "5060", "192.0.2.1", "20000 20999"));
	struct cfg *after = config(REALM("a", "5060", "192.0.2.1", "22000 22999"));
	struct dp_media_addr addrs[4];

	memset(&set, 0, sizeof(set));
	dpobjs_apply(&set, before);
	assert_int_equal(run(&set, addrs, 4), 1);
	dpobjs_apply(&set, before);
	assert_int_equal(run(&set, addrs, 4), 0);
	dpobjs_apply(&set, after);
	assert_int_equal(run(&set, addrs, 4), 1);
	assert_int_equal(addrs[0].port_lo, 22000);
	cfg_free(before);
	cfg_free(after);
}

/* The limits: with every port at which a realm listens; replaced when they change, never removed. */
static void test_police(void **state)
{
	static struct dpobjs set;
	struct cfg *cfg = config(REALM("a", "5060", "192.0.2.1", "20000 20999") ", " REALM(
		"b", "5080", "192.0.2.2", "30000 30999"));
	const struct dp_police *police;
	unsigned int index;
	const void *body;
	uint16_t type;
	size_t len;

	memset(&set, 0, sizeof(set));
	dpobjs_apply(&set, cfg);
	assert_true(dpobjs_next(&set, 0, &type, &index, &body, &len));
	assert_int_equal(type, DP_POLICE_SET);
	assert_int_equal(len, sizeof(*police));
	police = body;
	assert_int_equal(police->class[DP_POLICE_ARP].rate, 2000);
	assert_int_equal(police->class[DP_POLICE_SIP_UDP].source_rate, 10000);
	assert_int_equal(police->n_sip_ports, 2);
	assert_int_equal(police->sip_ports[0], 5060);
	assert_int_equal(police->sip_ports[1], 5080);
	/* A change while the answer is under way is said afterwards. */
	cfg->police[DP_POLICE_ARP].rate = 77;
	dpobjs_apply(&set, cfg);
	unsigned int first = index;
	dpobjs_done(&set, first, DP_POLICE_SET, 0, 0);
	struct dp_media_addr addrs[4];
	bool again = false;
	while (dpobjs_next(&set, 0, &type, &index, &body, &len)) {
		police = body;
		again |= type == DP_POLICE_SET && police->class[DP_POLICE_ARP].rate == 77;
		dpobjs_done(&set, index, type, 0, 0);
	}
	assert_true(again && dpobjs_settled(&set));
	dpobjs_apply(&set, cfg);
	assert_int_equal(run(&set, addrs, 4), 0);
	/* Another data plane knows nothing. */
	dpobjs_reset(&set, false);
	assert_true(dpobjs_next(&set, 0, &type, &index, &body, &len));
	assert_int_equal(type, DP_POLICE_SET);
	cfg_free(cfg);
}

/* Answers with success what comes; the types in their order. */
static unsigned int run_types(struct dpobjs *set, uint16_t *types, unsigned int max)
{
	unsigned int index, n = 0;
	const void *body;
	uint16_t type;
	size_t len;

	while (dpobjs_next(set, 0, &type, &index, &body, &len)) {
		if (type == DP_ACL_SET) {
			const struct dp_acl *acl = body;
			assert_int_equal(len, sizeof(*acl) + acl->n * sizeof(acl->rules[0]));
			assert_string_equal(acl->name, "in");
		} else if (type == DP_ACL_DEL) {
			assert_string_equal(((const struct dp_acl_name *)body)->name, "in");
		}
		assert_true(n < max);
		types[n++] = type;
		dpobjs_done(set, index, type, 0, 0);
	}
	assert_true(dpobjs_settled(set));
	return n;
}

static void assert_types(struct dpobjs *set, const uint16_t *want, unsigned int n)
{
	uint16_t types[16];

	assert_int_equal(run_types(set, types, 16), n);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(types[i], want[i]);
}

static struct cfg *with_list(const char *lists, const char *group)
{
	char text[2048], error[CFG_ERROR_MAX] = "";
	struct cfg *cfg = NULL;
	int n = snprintf(text, sizeof(text),
		"access_lists = ( %s );\ninterfaces = ( { name = \"m0\"; device = \"net_null0\"; "
		"%s } );",
		lists, group);

	if (cfg_from_text(text, (size_t)n, "test", &cfg, error) < 0 || cfg_validate(cfg, error) < 0)
		fail_msg("%s", error);
	return cfg;
}

#define LIST_IN	 "{ name = \"in\"; rules = [ \"10 permit tcp any any eq 22\", \"20 remark x\" ]; }"
#define LIST_IN2 "{ name = \"in\"; rules = [ \"10 permit tcp any any eq 23\" ]; }"
#define GROUP	 "access_list = \"in\";"

/* Lists, then who uses them, then ports: none is open for a moment. Away in the other order. */
static void test_access(void **state)
{
	static const uint16_t start[] = {DP_POLICE_SET, DP_ACL_SET, DP_ACCESS_SET, DP_PORT_SET},
			      changed[] = {DP_ACL_SET}, gone[] = {DP_ACCESS_SET, DP_ACL_DEL};
	static struct dpobjs set;
	struct cfg *with = with_list(LIST_IN, GROUP), *other = with_list(LIST_IN2, GROUP),
		   *without = with_list(LIST_IN, "");
	unsigned int index;
	const void *body;
	uint16_t type;
	size_t len;

	memset(&set, 0, sizeof(set));
	dpobjs_apply(&set, with);
	assert_types(&set, start, 4);
	dpobjs_apply(&set, with);
	assert_types(&set, NULL, 0);
	dpobjs_apply(&set, other);
	assert_types(&set, changed, 1);
	/* changed once more while the answer is under way */
	dpobjs_apply(&set, with);
	assert_true(dpobjs_next(&set, 0, &type, &index, &body, &len));
	dpobjs_apply(&set, other);
	dpobjs_done(&set, index, type, 0, 0);
	assert_types(&set, changed, 1);
	dpobjs_apply(&set, without);
	assert_types(&set, gone, 2);
	/* a list that cannot be made keeps its port from being opened */
	dpobjs_reset(&set, false);
	dpobjs_apply(&set, with);
	while (dpobjs_next(&set, 0, &type, &index, &body, &len)) {
		assert_true(type != DP_PORT_SET && type != DP_ACCESS_SET);
		dpobjs_done(&set, index, type, type == DP_ACL_SET ? -ENOMEM : 0, 0);
	}
	assert_true(dpobjs_next(&set, DPOBJS_RETRY_MS, &type, &index, &body, &len));
	assert_int_equal(type, DP_ACL_SET);
	dpobjs_done(&set, index, type, 0, 0);
	assert_types(&set, start + 2, 2);
	/* one that is there from before our restart, and that nobody wants */
	dpobjs_reset(&set, true);
	dpobjs_apply(&set, without);
	dpobjs_found_acl(&set, "in", 4);
	uint16_t types[16];
	unsigned int n = run_types(&set, types, 16);
	assert_int_equal(n, 4);
	assert_int_equal(types[1], DP_ACCESS_SET);
	assert_int_equal(types[2], DP_ACL_DEL);
	dpobjs_free(&set);
	cfg_free(with);
	cfg_free(other);
	cfg_free(without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_police),
		cmocka_unit_test(test_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
