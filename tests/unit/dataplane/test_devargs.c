/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Device texts of ports, and the lcores of the workers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/eal.h"
#include "dataplane/ports/devargs.h"

static void test_devargs(void **state)
{
	static const struct {
		const char *text;
		unsigned int n_workers;
		int err;
		const char *made, *dev, *parent;
	} cases[] = {
		{"net_af_packet,iface=veth0", 1, 0, "net_af_packet_acc0,iface=veth0",
			"net_af_packet_acc0", "veth0"},
		{"net_af_packet0,iface=veth0", 1, 0, "net_af_packet_acc0,iface=veth0",
			"net_af_packet_acc0", "veth0"},
		{"net_af_packet,iface=veth0", 3, 0, "net_af_packet_acc0,iface=veth0,qpairs=3",
			"net_af_packet_acc0", "veth0"},
		{"net_af_packet,qpairs=2,iface=v", 3, 0, "net_af_packet_acc0,qpairs=2,iface=v",
			"net_af_packet_acc0", "v"},
		{"net_null", 1, 0, "net_null_acc0", "net_null_acc0", ""},
		{"net_memif,role=client,socket=/run/m.sock", 2, 0,
			"net_memif_acc0,role=client,socket=/run/m.sock", "net_memif_acc0", ""},
		{"0000:00:04.0", 1, 0, "0000:00:04.0", "0000:00:04.0", ""},
		{"00:04.0,arg=1", 1, 0, "00:04.0,arg=1", "0000:00:04.0", ""},
		{"net_virtio_user,path=/x", 1, 0, "net_virtio_user_acc0,path=/x",
			"net_virtio_user_acc0", ""},
		{"net_virtio_user,path=/x,server=1", 1, -EINVAL, NULL, NULL, NULL},
		{"", 1, -EINVAL, NULL, NULL, NULL},
		{"net_af_packet", 1, -EINVAL, NULL, NULL, NULL},
		{"net_af_packet,iface=", 1, -EINVAL, NULL, NULL, NULL},
		{"net_af_packet,iface=sixteen_letters_", 1, -EINVAL, NULL, NULL, NULL},
		{"net_af_packet,iface=../../x", 1, -EINVAL, NULL, NULL, NULL},
		{"net_af_packet,surface=veth0", 1, -EINVAL, NULL, NULL, NULL},
		{"net_unknown,iface=veth0", 1, -EINVAL, NULL, NULL, NULL},
		{"crypto_null", 1, -EINVAL, NULL, NULL, NULL},
		{"net_null foo", 1, -EINVAL, NULL, NULL, NULL},
		{"net_null\n", 1, -EINVAL, NULL, NULL, NULL},
		{"0000:00:04", 1, -EINVAL, NULL, NULL, NULL},
		{"0000:00:04.0x", 1, -EINVAL, NULL, NULL, NULL},
		{"0:00:04.0", 1, -EINVAL, NULL, NULL, NULL},
	};
	for (unsigned int i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct devargs d;
		const char *why = NULL;
		int err = devargs_parse("acc0", cases[i].text, cases[i].n_workers, &d, &why);
		if (err != cases[i].err)
			fail_msg("'%s': %d", cases[i].text, err);
		if (err) {
			assert_non_null(why);
			continue;
		}
		assert_string_equal(d.text, cases[i].made);
		assert_string_equal(d.dev, cases[i].dev);
		assert_string_equal(d.parent, cases[i].parent);
	}
}

static void test_sockets(void **state)
{
	static const struct {
		const char *text, *socket;
	} cases[] = {
		{"net_memif,role=server,socket-abstract=no,socket=/run/m.sock", "/run/m.sock"},
		{"net_memif,role=server,socket=/run/m.sock", ""}, /* no file */
		{"net_memif,role=client,socket-abstract=no,socket=/run/m.sock", ""},
		{"net_vhost,iface=/run/v.sock,queues=1", "/run/v.sock"},
		{"net_vhost,iface=/run/v.sock,client=1", ""},
		{"net_null", ""},
	};
	for (unsigned int i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct devargs d;
		const char *why;
		assert_int_equal(devargs_parse("p", cases[i].text, 1, &d, &why), 0);
		assert_string_equal(d.socket, cases[i].socket);
	}
}

static void test_names(void **state)
{
	static const char *const good[] = {"a", "acc0", "vlan.10", "sixteen-letters"};
	static const char *const bad[] = {
		"", ".", "..", "a/b", "a b", "sixteen_letters_", "a:b", "a\n", "\xc3\xa4"};
	for (unsigned int i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(devargs_name_check(good[i]), 0);
	for (unsigned int i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(devargs_name_check(bad[i]), -EINVAL);
}

static void test_lcores(void **state)
{
	static const struct {
		const char *cpus;
		unsigned int n_workers;
		int err;
		const char *text;
		struct eal_threads mcores;
	} cases[] = {
		{"1", 1, 0, "0@(0,2,5),1@1,2@(0,2,5)", {1, NULL}},
		{"1", 1, 0, "0@(0,5),1@1,2@2", {1, "2"}},
		{NULL, 1, 0, "0@(0,1,2),1@(0,1,2),2@5", {1, "5"}},
		{"1", 1, 0, "0@(0,2,5),1@1,2@1", {1, "1"}},
		{"1", 1, -EINVAL, NULL, {2, "2"}},
		{"1", 1, -EINVAL, NULL, {1, "2,"}},
		{NULL, 1, 0, "0@(0,1,2,5),1@(0,1,2,5)"},
		{NULL, 2, 0, "0@(0,1,2,5),1@(0,1,2,5),2@(0,1,2,5)"},
		{"1", 1, 0, "0@(0,2,5),1@1"},
		{"1-2", 2, 0, "0@(0,5),1@1,2@2"},
		{"5,0", 2, 0, "0@(1,2),1@5,2@0"},
		{"0-2,5", 4, 0, "0@(0,1,2,5),1@0,2@1,3@2,4@5"},
		{"1", 2, -EINVAL, NULL},
		{"3", 1, -EINVAL, NULL},
		{"0-3", 1, -EINVAL, NULL},
		{"", 1, -EINVAL, NULL},
		{"x", 1, -EINVAL, NULL},
		{"1,", 1, -EINVAL, NULL},
		{"2-1", 1, -EINVAL, NULL},
		{"1;2", 1, -EINVAL, NULL},
		{"99999", 1, -EINVAL, NULL},
	};
	cpu_set_t allowed;
	CPU_ZERO(&allowed);
	CPU_SET(0, &allowed);
	CPU_SET(1, &allowed);
	CPU_SET(2, &allowed);
	CPU_SET(5, &allowed);
	for (unsigned int i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char buf[256];
		const char *why = NULL;
		const struct eal_threads workers = {cases[i].n_workers, cases[i].cpus};
		int err = eal_lcores(&allowed, &workers, &cases[i].mcores, buf, sizeof buf, &why);
		if (err != cases[i].err)
			fail_msg("'%s': %d", cases[i].cpus ? cases[i].cpus : "", err);
		if (err)
			assert_non_null(why);
		else
			assert_string_equal(buf, cases[i].text);
	}
	const char *why = NULL;
	char small[16];
	const struct eal_threads four = {4, NULL}, none = {0};
	assert_int_equal(eal_lcores(&allowed, &four, &none, small, sizeof small, &why), -EINVAL);
}

static void test_memory(void **state)
{
	struct options o = {.n_workers = 1, .max_sessions = 20000, .n_mbufs = 32768};
	unsigned int few = eal_memory_mb(&o);
	o.max_sessions = 100000;
	unsigned int many = eal_memory_mb(&o);
	assert_true(many > few + 50);
	o.memory_mb = 512;
	assert_int_equal(eal_memory_mb(&o), 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devargs),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_lcores),
		cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
