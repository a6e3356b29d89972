/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Turns of an event loop: free while they are few, PACE_REST_US apart when they are many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/clock.h"
#include "controlplane/base/pace.h"

#define START_US 5000000u

static void test_slow_loop_never_rests(void **state)
{
	struct pace pace;
	uint64_t now = START_US;

	pace_init(&pace, PACE_REST_US, now);
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(pace_turn(&pace, now), 0);
		now += PACE_REST_US;
	}
}

static void test_burst_is_free(void **state)
{
	struct pace pace;

	pace_init(&pace, PACE_REST_US, START_US);
	for (int i = 0; i < PACE_BURST; i++)
		assert_int_equal(pace_turn(&pace, START_US), 0);
	assert_int_equal(pace_turn(&pace, START_US), PACE_REST_US);
}

/* However fast events come, in the long run one turn in PACE_REST_US. */
static void test_fast_loop_is_paced(void **state)
{
	static const uint64_t work_us[] = {0, 1, 100, 400, PACE_REST_US - 1};

	for (unsigned int w = 0; w < sizeof(work_us) / sizeof(work_us[0]); w++) {
		struct pace pace;
		uint64_t now = START_US, n = 0;

		pace_init(&pace, PACE_REST_US, now);
		while (now < START_US + 1000 * PACE_REST_US) {
			uint64_t rest = pace_turn(&pace, now);
			assert_true(rest <= PACE_REST_US);
			now += rest + work_us[w];
			n++;
		}
		assert_in_range(n, 1000, 1000 + PACE_BURST + 1);
	}
}

/* A loop whose work alone takes longer than that is not delayed further. */
static void test_busy_loop_never_rests(void **state)
{
	struct pace pace;
	uint64_t now = START_US;

	pace_init(&pace, PACE_REST_US, now);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(pace_turn(&pace, now), 0);
		now += 3 * PACE_REST_US;
	}
}

static void test_credit_is_bounded(void **state)
{
	struct pace pace;
	uint64_t now = START_US + UINT64_C(3600000000);

	pace_init(&pace, PACE_REST_US, START_US);
	for (int i = 0; i < PACE_BURST; i++)
		assert_int_equal(pace_turn(&pace, now), 0);
	assert_int_equal(pace_turn(&pace, now), PACE_REST_US);
}

/* Another rest, another number of turns in the same time. */
static void test_rest_is_the_owners(void **state)
{
	struct pace pace;
	uint64_t now = START_US, n = 0;

	pace_init(&pace, 1000, now);
	for (; now < START_US + 1000000; n++)
		now += pace_turn(&pace, now) + 10;
	assert_in_range(n, 1000, 1000 + PACE_BURST + 1);
	pace_init(&pace, 0, now);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(pace_turn(&pace, now), 0);
}

static void test_until(void **state)
{
	uint64_t now_us = clock_mono_us();

	pace_until(now_us + 2000);
	assert_true(clock_mono_us() >= now_us + 2000);
	pace_until(now_us); /* it is over */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_loop_never_rests),
		cmocka_unit_test(test_burst_is_free),
		cmocka_unit_test(test_fast_loop_is_paced),
		cmocka_unit_test(test_busy_loop_never_rests),
		cmocka_unit_test(test_credit_is_bounded),
		cmocka_unit_test(test_rest_is_the_owners),
		cmocka_unit_test(test_until),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
