/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What limen-sip tells of limits: kept by its numbers, refused when broken, and windows given back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/core/capacity.h"

static int put(struct capacity_store *store, uint16_t type, const void *body)
{
	const struct ipc_hdr hdr = {.type = type};

	return capacity_store_message(store, &hdr, body);
}

static struct ctl_toll given[4];
static unsigned int n_given;

static void give(void *arg, const struct ctl_toll *toll)
{
	assert_ptr_equal(arg, &n_given);
	given[n_given++] = *toll;
}

static void test_store(void **state)
{
	struct capacity_store *store = capacity_store_new();
	struct ctl_capacity capacity = {.index = 200, .calls = 3, .key = "trunk carrier"};
	struct ctl_toll toll = {.index = 1, .tag = 3, .period_s = 60, .subject = "trunk x"};
	struct ctl_overload load = {.index = 5, .algo = CTL_OVERLOAD_LOSS, .trunk = "carrier"};

	assert_null(capacity_store_budget(store, 0));
	assert_int_equal(put(store, CTL_CAPACITY, &capacity), 0);
	assert_int_equal(put(store, CTL_TOLL, &toll), 0);
	assert_int_equal(put(store, CTL_OVERLOAD, &load), 0);
	assert_string_equal(capacity_store_budget(store, 0)->key, "");
	assert_int_equal(capacity_store_budget(store, 200)->calls, 3);
	assert_null(capacity_store_budget(store, 201));
	capacity.calls = 4;
	assert_int_equal(put(store, CTL_CAPACITY, &capacity), 0);
	assert_int_equal(capacity_store_budget(store, 200)->calls, 4);
	assert_string_equal(capacity_store_load(store, 5)->trunk, "carrier");
	/* what cannot be */
	capacity.index = CTL_CAPACITY_MAX;
	assert_int_equal(put(store, CTL_CAPACITY, &capacity), -EPROTO);
	capacity.index = 0;
	memset(capacity.key, 'x', sizeof(capacity.key));
	assert_int_equal(put(store, CTL_CAPACITY, &capacity), -EPROTO);
	load.algo = CTL_OVERLOAD_N_ALGOS;
	assert_int_equal(put(store, CTL_OVERLOAD, &load), -EPROTO);
	load.algo = CTL_OVERLOAD_NONE;
	load.addr.family = 9;
	assert_int_equal(put(store, CTL_OVERLOAD, &load), -EPROTO);
	toll.tag = 0;
	assert_int_equal(put(store, CTL_TOLL, &toll), -EPROTO);
	toll.tag = 3;
	toll.period_s = UINT32_MAX;
	assert_int_equal(put(store, CTL_TOLL, &toll), -EPROTO);
	toll.period_s = 60;
	toll.slice = UINT64_MAX;
	assert_int_equal(put(store, CTL_TOLL, &toll), -EPROTO);
	/* limen-sip starts again */
	capacity_store_restart(store, give, &n_given);
	assert_int_equal(n_given, 1);
	assert_string_equal(given[0].subject, "trunk x");
	assert_null(capacity_store_budget(store, 0));
	assert_null(capacity_store_toll(store, 0));
	assert_null(capacity_store_load(store, 0));
	capacity_store_free(store);
	capacity_store_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
