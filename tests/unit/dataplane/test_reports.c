/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When reports of our own go out: the first, the next, the last word, and when there is no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/session/reports.h"
#include "tests/unit/dataplane/fake_worker.h"

#include <rte_mbuf.h>

static struct rte_mbuf a_frame;
static bool no_memory;

static struct rte_mbuf *frame(void *arg)
{
	return no_memory ? NULL : &a_frame;
}

static uint64_t ntp(void *arg, uint64_t *ret_tsc)
{
	*ret_tsc = 99;
	return UINT64_C(7) << 32;
}

struct world {
	struct mail *mail;
	struct twheel *wheel;
	struct reports reports;
	uint64_t now_ms;
};

static int set_up(void **state)
{
	static struct world w;

	fake_reset();
	no_memory = false;
	memset(&w, 0, sizeof(w));
	assert_int_equal(mail_new(NULL, &w.mail), 0);
	w.wheel = twheel_new(0);
	reports_init(&w.reports,
		&(struct reports_conf){
			.mail = w.mail, .wheel = w.wheel, .frame = frame, .ntp = ntp, .seed = 5});
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	twheel_free(w->wheel);
	mail_free(w->mail);
	return 0;
}

/* Time goes on until a report was sent; how long that took, at most 10 s. */
static uint64_t until_next(struct world *w)
{
	unsigned int before = fake.n_reports;
	uint64_t since_ms = w->now_ms;

	while (fake.n_reports == before && w->now_ms - since_ms < 10000) {
		twheel_advance(w->wheel, ++w->now_ms);
		mail_turn(w->mail);
	}
	return w->now_ms - since_ms;
}

static void test_life(void **state)
{
	struct world *w = *state;
	struct leg_report leg = {0};
	uint64_t sum = 0;

	reports_follow(&w->reports, &leg, 2, 6, false);
	assert_int_equal(until_next(w), 10000);
	reports_follow(&w->reports, &leg, 2, 6, true);
	assert_in_range(until_next(w), 1026, 3079);
	assert_int_equal(fake.report_worker, 2);
	assert_int_equal(fake.report.slot, 6);
	assert_int_equal(fake.report.ntp >> 32, 7);
	assert_int_equal(fake.report.ntp_tsc, 99);
	assert_ptr_equal(fake.report.frame, &a_frame);
	assert_int_equal(strlen(fake.report.cname), 16);
	assert_true(fake.report.own_ssrc != 0);
	assert_false(fake.report.bye);
	char name[RTCP_CNAME_MAX];
	memcpy(name, fake.report.cname, sizeof(name));
	for (unsigned int i = 0; i < 50; i++) {
		/* wanted as before: nothing begins anew */
		reports_follow(&w->reports, &leg, 2, 6, true);
		uint64_t ms = until_next(w);
		assert_in_range(ms, 2052, 6157);
		sum += ms;
		assert_string_equal(fake.report.cname, name);
	}
	assert_in_range(sum / 50, 3500, 4700);
	reports_follow(&w->reports, &leg, 2, 6, false);
	mail_turn(w->mail);
	assert_true(fake.report.bye);
	assert_string_equal(fake.report.cname, name);
	assert_int_equal(until_next(w), 10000);
	/* again: somebody else */
	reports_follow(&w->reports, &leg, 1, 3, true);
	until_next(w);
	assert_string_not_equal(fake.report.cname, name);
	assert_int_equal(fake.report_worker, 1);
	reports_follow(&w->reports, &leg, 1, 3, false);
	mail_turn(w->mail);
}

/* Who never said a word does not say good-bye. */
static void test_no_bye(void **state)
{
	struct world *w = *state;
	struct leg_report leg = {0};

	reports_follow(&w->reports, &leg, 0, 0, true);
	reports_follow(&w->reports, &leg, 0, 0, false);
	assert_int_equal(until_next(w), 10000);
	assert_int_equal(fake.n_reports, 0);
}

/* Without packet memory one is left out, and the next comes when there is some. */
static void test_no_memory(void **state)
{
	struct world *w = *state;
	struct leg_report leg = {0};

	no_memory = true;
	reports_follow(&w->reports, &leg, 0, 0, true);
	assert_int_equal(until_next(w), 10000);
	no_memory = false;
	assert_in_range(until_next(w), 1, 6157);
	reports_follow(&w->reports, &leg, 0, 0, false);
	mail_turn(w->mail);
}

/* A hundred legs that begin at the same moment do not speak at the same moment. */
static void test_spread(void **state)
{
	struct world *w = *state;
	static struct leg_report legs[100];
	unsigned int most = 0;

	memset(legs, 0, sizeof(legs));
	for (unsigned int i = 0; i < 100; i++)
		reports_follow(&w->reports, &legs[i], 0, 2 * i, true);
	for (unsigned int tenth = 0; tenth < 35; tenth++) {
		unsigned int before = fake.n_reports;
		w->now_ms += 100;
		twheel_advance(w->wheel, w->now_ms);
		mail_turn(w->mail);
		unsigned int n = fake.n_reports - before;
		most = n > most ? n : most;
	}
	assert_true(fake.n_reports >= 100);
	assert_true(most < 25);
	for (unsigned int i = 0; i < 100; i++)
		reports_follow(&w->reports, &legs[i], 0, 2 * i, false);
	mail_turn(w->mail);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_life),
		TEST(test_no_bye),
		TEST(test_no_memory),
		TEST(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
