/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/base/twheel.c, mainly against a plain list as the model. */
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/twheel.h"

#define N 3000

struct model {
	struct twheel *wheel;
	struct twheel_timer timer[N];
	uint64_t due[N]; /* 0: not pending */
	uint64_t last_fired;
	unsigned int n_fired;
	uint32_t seed;
};

static uint32_t draw(struct model *m)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return m->seed >> 3;
}

static uint64_t draw_delay(struct model *m)
{
	static const uint64_t scale[] = {4, 300, 20000, 2000000, 100000000, UINT64_C(4200000000)};
	return draw(m) % 6 == 0 ? 256 : (uint64_t)draw(m) * 16 % scale[draw(m) % 6];
}

static void start(struct model *m, unsigned int i, uint64_t delay)
{
	twheel_start(m->wheel, &m->timer[i], delay);
	m->due[i] = twheel_now(m->wheel) + (delay < 1 ? 1 : delay);
}

static void fired(struct twheel_timer *timer, void *arg)
{
	struct model *m = arg;
	unsigned int i = (unsigned int)(timer - m->timer);

	assert_true(m->due[i] == twheel_now(m->wheel));
	assert_true(m->due[i] >= m->last_fired);
	assert_false(twheel_pending(timer));
	m->last_fired = m->due[i];
	m->due[i] = 0;
	m->n_fired++;
	/* Callbacks stop others and start again, themselves included. */
	unsigned int other = draw(m) % N;
	if (draw(m) % 4 == 0) {
		twheel_stop(m->wheel, &m->timer[other]);
		m->due[other] = 0;
	}
	if (draw(m) % 2 == 0)
		start(m, draw(m) % 2 ? i : other, draw_delay(m));
}

static void check(struct model *m)
{
	uint64_t first = UINT64_MAX;
	uint32_t pending = 0;

	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(twheel_pending(&m->timer[i]), m->due[i] != 0);
		if (m->due[i] == 0)
			continue;
		pending++;
		assert_true(m->due[i] > twheel_now(m->wheel));
		if (m->due[i] < first)
			first = m->due[i];
	}
	assert_int_equal(pending, twheel_n_pending(m->wheel));
	uint64_t next = twheel_next_ms(m->wheel, UINT64_C(1) << 40);
	if (first != UINT64_MAX)
		assert_in_range(next, 1, first - twheel_now(m->wheel));
}

static void run_model(uint64_t begin, uint32_t seed)
{
	struct model *m = calloc(1, sizeof(*m));

	m->seed = seed;
	m->wheel = twheel_new(begin);
	for (unsigned int i = 0; i < N; i++)
		twheel_timer_init(&m->timer[i], fired, m);
	for (unsigned int turn = 0; turn < 300; turn++) {
		for (unsigned int i = 0; i < 30; i++)
			start(m, draw(m) % N, draw_delay(m));
		unsigned int stop = draw(m) % N;
		twheel_stop(m->wheel, &m->timer[stop]);
		m->due[stop] = 0;
		uint64_t to = twheel_now(m->wheel) + draw_delay(m) / 3;
		twheel_advance(m->wheel, to);
		assert_true(twheel_now(m->wheel) == to);
		twheel_advance(m->wheel, to - 5); /* time does not go back */
		assert_true(twheel_now(m->wheel) == to);
		check(m);
	}
	assert_true(m->n_fired > 1000);
	twheel_free(m->wheel);
	free(m);
}

static void test_against_model(void **state)
{
	for (uint32_t seed = 1; seed < 9; seed++)
		run_model(1 + seed * 1000, seed);
}

static void test_around_32_bits(void **state)
{
	run_model((UINT64_C(1) << 32) - 100, 5);
	run_model(UINT64_C(1759400000000), 6);
}

static void count(struct twheel_timer *timer, void *arg)
{
	(*(unsigned int *)arg)++;
}

static void test_edges(void **state)
{
	unsigned int n = 0;
	struct twheel_timer t;
	struct twheel *wheel = twheel_new(1000);

	twheel_timer_init(&t, count, &n);
	assert_int_equal(twheel_next_ms(wheel, 77), 77);
	twheel_stop(wheel, &t);
	twheel_start(wheel, &t, 0);
	assert_int_equal(twheel_next_ms(wheel, 77), 1);
	twheel_advance(wheel, 1000);
	assert_int_equal(n, 0);
	twheel_advance(wheel, 1001);
	assert_int_equal(n, 1);
	/* More than the range is cut to the range, not wrapped to "soon". */
	twheel_start(wheel, &t, UINT64_MAX);
	twheel_advance(wheel, 1001 + UINT64_C(4200000000));
	assert_int_equal(n, 1);
	twheel_advance(wheel, 1001 + (UINT64_C(1) << 32));
	assert_int_equal(n, 2);
	twheel_free(wheel);
	twheel_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_around_32_bits),
		cmocka_unit_test(test_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
