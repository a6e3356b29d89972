/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Overload on a model clock: a server with a queue, where a call that is let in costs twenty times a
 * refusal, is offered up to ten times what it can do. Of the cost a part comes later, as with answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "sip-b2bua/core/overload.h"
#include "sip-b2bua/core/thread_time.h"

#define CALL_US	   1000 /* so 1,000 calls a second are all there is */
#define REFUSAL_US 50
#define TARGET	   90
#define LATER_US   150000
#define LATER_MAX  4096

struct model {
	struct overload o;
	uint64_t now_us, cpu_us, next_us, tick_us;
	double gap_us; /* between two calls that are offered */
	double at;
	unsigned int queue, longest;
	unsigned int served, refused;
	unsigned int later_us; /* of a call's cost, after LATER_US */
	uint64_t later[LATER_MAX];
	unsigned int later_from, later_to;
};

static void start(struct model *m)
{
	*m = (struct model){.tick_us = OVERLOAD_PERIOD_MS * 1000};
	overload_init(&m->o, 0, 0);
	overload_target(&m->o, TARGET);
}

static void arrive(struct model *m)
{
	while (m->at <= (double)m->now_us) {
		m->queue++;
		m->at += m->gap_us;
	}
	if (m->queue > m->longest)
		m->longest = m->queue;
}

/* The time of what is due now, or of the next call; 0: there is nothing to do. */
static uint64_t work(struct model *m)
{
	if (m->later_from != m->later_to && m->later[m->later_from % LATER_MAX] <= m->now_us) {
		m->later_from++;
		return m->later_us;
	}
	if (m->queue == 0)
		return 0;
	m->queue--;
	if (!overload_admit(&m->o)) {
		m->refused++;
		return REFUSAL_US;
	}
	m->served++;
	if (m->later_us > 0) {
		assert_true(m->later_to - m->later_from < LATER_MAX);
		m->later[m->later_to++ % LATER_MAX] = m->now_us + LATER_US;
	}
	return CALL_US - m->later_us;
}

/* Offers so many a second for so long. */
static void run(struct model *m, unsigned int per_s, unsigned int ms)
{
	uint64_t end = m->now_us + (uint64_t)ms * 1000;

	m->gap_us = 1e6 / per_s;
	m->at = (double)m->now_us;
	m->served = m->refused = 0;
	while (m->now_us < end) {
		arrive(m);
		uint64_t cost = work(m), next = (uint64_t)m->at + 1;

		if (cost == 0 && m->later_from != m->later_to &&
			m->later[m->later_from % LATER_MAX] < next)
			next = m->later[m->later_from % LATER_MAX];
		m->now_us = cost > 0 ? m->now_us + cost : next;
		m->cpu_us += cost;
		while (m->now_us >= m->tick_us) {
			overload_tick(&m->o, m->now_us, m->cpu_us);
			m->tick_us = m->now_us + OVERLOAD_PERIOD_MS * 1000;
		}
	}
}

static void test_flat(void **state)
{
	static const unsigned int offered[] = {1000, 1500, 2000, 4000, 10000};
	struct model m;

	for (size_t i = 0; i < sizeof(offered) / sizeof(offered[0]); i++) {
		double refusals, possible;

		start(&m);
		run(&m, offered[i], 6000); /* it settles */
		m.longest = m.queue = 0;
		run(&m, offered[i], 10000);
		/* What the wanted occupancy allows beside the refusals that have to be written. */
		refusals = (double)(offered[i] > 900 ? offered[i] - 900 : 0) * REFUSAL_US / 1e6;
		possible = (TARGET / 100.0 - refusals) * 10000 * 0.93;
		if (m.served < possible)
			fail_msg("%u offered: %u served in 10 s, %.0f are possible", offered[i],
				m.served, possible);
		/* And nobody waits long: that is what the head-room is for. */
		if (m.longest > offered[i] / 4)
			fail_msg("%u offered: %u waited at once", offered[i], m.longest);
	}
}

/* At twice the capacity as many calls are served as at the capacity. */
static void test_twice(void **state)
{
	unsigned int once;
	struct model m;

	start(&m);
	run(&m, 850, 10000);
	once = m.served;
	assert_int_equal(m.refused, 0);
	run(&m, 2000, 3000);
	run(&m, 2000, 10000);
	assert_true(m.served >= once);
	/* One second after the storm everything that fits is served again. */
	m.queue = 0;
	run(&m, 500, 2500);
	run(&m, 500, 5000);
	assert_int_equal(m.refused, 0);
	assert_true(m.served >= 2495);
}

/*
 * Work that comes later does not make the share swing: at a target that leaves the thread rest, the first
 * seconds of twice the load bring what the target allows, too.
 */
static void test_later(void **state)
{
	static const unsigned int targets[] = {20, 40, 60};
	struct model m;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		unsigned int fit = targets[i] * 10, offered = 2 * fit;
		double refusals = (double)fit * REFUSAL_US / CALL_US;

		start(&m);
		m.later_us = CALL_US * 6 / 10;
		overload_target(&m.o, targets[i]);
		run(&m, offered, 5000);
		if (m.served < (fit - refusals) * 5 * 0.9)
			fail_msg("target %u: %u of %.0f served in the first seconds", targets[i],
				m.served, (fit - refusals) * 5);
		run(&m, offered, 5000);
		if (m.served < (fit - refusals) * 5 * 0.93 || m.served > fit * 5 * 1.05)
			fail_msg("target %u: %u of %.0f served", targets[i], m.served,
				(fit - refusals) * 5);
	}
}

/* A task that takes two periods (a large configuration, say) refuses nobody. */
static void test_one_task(void **state)
{
	struct overload o;
	uint64_t cpu = 0;

	overload_init(&o, 0, 0);
	overload_target(&o, TARGET);
	for (uint64_t t = 100000; t < 5000000; t += 100000) {
		cpu += t == 1000000 || t == 1100000 ? 100000 : 10000;
		overload_tick(&o, t, cpu);
		assert_true(overload_admit(&o) && o.share == 1);
	}
}

static void test_bounds(void **state)
{
	struct overload o;

	overload_init(&o, 0, 0);
	/* without a target nothing is refused, however busy */
	for (uint64_t t = 100000; t < 10000000; t += 100000)
		overload_tick(&o, t, t);
	assert_true(overload_admit(&o));
	overload_target(&o, 50);
	for (uint64_t t = 10000000; t < 20000000; t += 100000)
		overload_tick(&o, t, t);
	assert_true(o.share >= OVERLOAD_SHARE_MIN && o.share < 0.02);
	assert_int_equal(overload_retry_s(&o), 30);
	/* some are let in even then */
	unsigned int n = 0;
	for (unsigned int i = 0; i < 1000; i++)
		n += overload_admit(&o);
	assert_true(n >= 9 && n <= 11);
	/* a clock that stands or jumps back changes nothing */
	double share = o.share, busy = o.busy;
	overload_tick(&o, o.wall_us, 0);
	overload_tick(&o, 5, 0);
	assert_true(o.share == share);
	/* one of the thread's that jumps back is no work of many years */
	overload_tick(&o, o.wall_us + OVERLOAD_PERIOD_MS * 1000, o.cpu_us - 1);
	assert_true(o.busy <= busy);
	overload_target(&o, 0);
	assert_true(overload_admit(&o));
	assert_int_equal(overload_retry_s(&o), 2);
}

/* Time that others took the processor away is no time that was free. */
static void test_thread_time(void **state)
{
	uint64_t us = 0, before, after;
	int fd = thread_time_open();

	assert_int_equal(thread_time_parse("5000000 7000000 33\n", &us), 0);
	assert_int_equal(us, 12000);
	assert_int_equal(thread_time_parse("5000000\n", &us), -EINVAL);
	assert_int_equal(thread_time_parse("", &us), -EINVAL);
	/* a kernel that does not count says so with zeros: the thread has run at least */
	assert_int_equal(thread_time_parse("0 0 0\n", &us), -EINVAL);
	assert_int_equal(us, 12000);
	/* it goes on while the thread works, with the kernel's figures and without */
	for (unsigned int i = 0; i < 2; i++) {
		before = after = thread_time_us(i ? -1 : fd);
		for (unsigned int k = 0; k < 100000000 && after < before + 2000; k++)
			after = thread_time_us(i ? -1 : fd);
		assert_true(after >= before + 2000);
	}
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_one_task),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_thread_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
