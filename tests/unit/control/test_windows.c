/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sliding windows of trunks: figures, bounds, trials, what is told and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/config/schema.h"
#include "controlplane/quality/windows.h"

#define MINUTE 60000
#define START  1700000000000

struct world {
	struct cfg *cfg;
	struct windows *ws;
	struct ctl_quality last;
	unsigned int n_told;
	uint64_t now;
};

static void on_tell(void *arg, const struct ctl_quality *quality)
{
	struct world *w = arg;

	w->last = *quality;
	w->n_told++;
}

static void set(
	struct cfg *cfg, enum cfg_kind kind, const char *key, const char *name, const char *value)
{
	char error[CFG_ERROR_MAX];
	void *obj;

	assert_int_equal(cfg_object_add(cfg, kind, view_of(key), &obj, error), 0);
	if (name && cfg_leaf_set(cfg_leaf_find(kind, name), obj, view_of(value), error) < 0)
		fail_msg("%s", error);
}

static void apply(struct world *w)
{
	windows_config(w->ws, w->cfg, w->now);
}

/* Class 1: ASR 50, 10 calls in 5 minutes, recovery 4; trunks a and b have it, c does not. */
static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->now = START;
	w->cfg = cfg_new();
	w->ws = windows_new(on_tell, w);
	set(w->cfg, CFG_QUALITY, "1", "window_min", "5");
	set(w->cfg, CFG_QUALITY, "1", "minimum_calls", "10");
	set(w->cfg, CFG_QUALITY, "1", "asr_minimum", "50");
	set(w->cfg, CFG_QUALITY, "1", "recovery_calls", "4");
	set(w->cfg, CFG_TRUNK, "a", "quality", "1");
	set(w->cfg, CFG_TRUNK, "b", "quality", "1");
	set(w->cfg, CFG_TRUNK, "c", NULL, NULL);
	apply(w);
	assert_int_equal(w->n_told, 0);
	return w;
}

static void world_free(struct world *w)
{
	windows_free(w->ws);
	cfg_free(w->cfg);
	free(w);
}

static void calls(struct world *w, const char *trunk, enum window_attempt what, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		windows_attempt(w->ws, trunk, what, w->now);
}

static bool is_bad(const struct world *w, const char *trunk)
{
	const struct ctl_quality *told = windows_told(w->ws, trunk);

	assert_non_null(told);
	return told->n > 0;
}

static void test_demoted_and_back(void **state)
{
	struct world *w = world_new();

	calls(w, "a", WINDOW_FAILED, 9);
	assert_false(is_bad(w, "a")); /* too few to say anything */
	calls(w, "a", WINDOW_FAILED, 1);
	assert_true(is_bad(w, "a"));
	assert_false(is_bad(w, "b"));
	assert_string_equal(w->last.trunk, "a");
	assert_int_equal(w->last.breach[0].tag, 1);
	assert_int_equal(w->last.breach[0].metric, CTL_QUALITY_ASR);
	assert_int_equal(w->last.breach[0].value, 0);
	assert_int_equal(w->last.breach[0].bound, 50);
	assert_int_equal(w->last.breach[0].calls, 10);
	assert_int_equal(w->last.breach[0].since_ms, START);
	/* A trial that fails: 1 of 4. The next one begins empty. */
	calls(w, "a", WINDOW_ANSWERED, 1);
	calls(w, "a", WINDOW_FAILED, 3);
	assert_true(is_bad(w, "a"));
	calls(w, "a", WINDOW_ANSWERED, 3);
	assert_true(is_bad(w, "a"));
	calls(w, "a", WINDOW_FAILED, 1); /* 3 of 4 */
	assert_false(is_bad(w, "a"));
	/* What was before is forgotten: ten calls are needed anew. */
	calls(w, "a", WINDOW_FAILED, 9);
	assert_false(is_bad(w, "a"));
	calls(w, "a", WINDOW_FAILED, 1);
	assert_true(is_bad(w, "a"));
	world_free(w);
}

static void test_window_slides(void **state)
{
	struct world *w = world_new();
	struct windows_figures f;

	calls(w, "a", WINDOW_FAILED, 6);
	w->now += 3 * MINUTE;
	calls(w, "a", WINDOW_ANSWERED, 3);
	assert_true(windows_figures(w->ws, "a", w->now, &f));
	assert_int_equal(f.window_min, 5);
	assert_int_equal(f.sum.calls, 9);
	w->now += 3 * MINUTE; /* the six are gone */
	calls(w, "a", WINDOW_FAILED, 2);
	assert_true(windows_figures(w->ws, "a", w->now, &f));
	assert_int_equal(f.sum.calls, 5);
	assert_int_equal(f.sum.answered, 3);
	assert_false(is_bad(w, "a"));
	/* An hour of a call a second keeps the ring in order. */
	for (unsigned int i = 0; i < 3600; i++, w->now += 1000)
		calls(w, "c", WINDOW_ANSWERED, 1);
	assert_true(windows_figures(w->ws, "c", w->now, &f));
	assert_int_equal(f.window_min, WINDOWS_DEFAULT_MIN);
	assert_in_range(f.sum.calls, 15 * 60 - 30, 15 * 60 + 30);
	assert_false(windows_figures(w->ws, "nobody", w->now, &f));
	world_free(w);
}

/* Nobody tries it: after a whole window it is as good as new. */
static void test_untried_comes_back(void **state)
{
	struct world *w = world_new();

	calls(w, "a", WINDOW_FAILED, 10);
	for (unsigned int i = 0; i < 290; i++, w->now += 1000)
		windows_tick(w->ws, w->now);
	assert_true(is_bad(w, "a"));
	for (unsigned int i = 0; i < 20; i++, w->now += 1000)
		windows_tick(w->ws, w->now);
	assert_false(is_bad(w, "a"));
	assert_int_equal(windows_told(w->ws, "a")->score, CTL_QUALITY_UNTRIED);
	world_free(w);
}

static void test_each_bound(void **state)
{
	static const struct {
		const char *name, *bound;
		enum ctl_quality_metric metric;
		uint32_t value;
	} rows[] = {
		{"asr_minimum", "80", CTL_QUALITY_ASR, 70},
		{"ner_minimum", "95", CTL_QUALITY_NER, 90},
		{"acd_minimum_s", "31", CTL_QUALITY_ACD, 30},
		{"pdd_maximum_ms", "1999", CTL_QUALITY_PDD, 2000},
		{"mos_minimum", "301", CTL_QUALITY_MOS, 300},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned int within = 0; within < 2; within++) {
			struct world *w = world_new();
			char bound[16];

			snprintf(bound, sizeof(bound), "%u", rows[i].value);
			set(w->cfg, CFG_QUALITY, "1", "asr_minimum", "1");
			set(w->cfg, CFG_QUALITY, "1", rows[i].name, within ? bound : rows[i].bound);
			apply(w);
			calls(w, "a", WINDOW_ANSWERED, 7);
			calls(w, "a", WINDOW_EFFECTIVE, 2);
			calls(w, "a", WINDOW_FAILED, 1);
			for (unsigned int k = 0; k < 5; k++) {
				windows_pdd(w->ws, "a", 1000 + 500 * k, w->now);
				windows_ended(w->ws, "a", 10000 * (k + 1), 280 + 10 * k, w->now);
			}
			assert_int_equal(is_bad(w, "a"), !within);
			if (!within) {
				assert_int_equal(w->last.breach[0].metric, rows[i].metric);
				assert_int_equal(w->last.breach[0].value, rows[i].value);
			}
			world_free(w);
		}
	}
}

/* One call that sounds bad says nothing of ten; half of them do. Trials wait for what they need. */
static void test_partial_figures(void **state)
{
	struct world *w = world_new();

	set(w->cfg, CFG_QUALITY, "1", "mos_minimum", "350");
	apply(w);
	calls(w, "a", WINDOW_ANSWERED, 20);
	for (unsigned int i = 0; i < 4; i++)
		windows_ended(w->ws, "a", 60000, 200, w->now);
	assert_false(is_bad(w, "a"));
	windows_ended(w->ws, "a", 60000, 0, w->now); /* not known */
	assert_false(is_bad(w, "a"));
	windows_ended(w->ws, "a", 60000, 200, w->now);
	assert_true(is_bad(w, "a"));
	calls(w, "a", WINDOW_ANSWERED, 8);
	assert_true(is_bad(w, "a")); /* nobody knows yet how these sound */
	windows_ended(w->ws, "a", 60000, 420, w->now);
	assert_true(is_bad(w, "a"));
	windows_ended(w->ws, "a", 60000, 420, w->now);
	assert_false(is_bad(w, "a"));
	world_free(w);
}

static void test_score(void **state)
{
	struct world *w = world_new();

	calls(w, "c", WINDOW_EFFECTIVE, 9);
	assert_int_equal(windows_told(w->ws, "c")->score, CTL_QUALITY_UNTRIED);
	calls(w, "c", WINDOW_FAILED, 1);
	assert_int_equal(windows_told(w->ws, "c")->score, 90);
	windows_ended(w->ws, "c", 1000, 220, w->now);
	assert_int_equal(windows_told(w->ws, "c")->score, 45);
	assert_int_equal(w->n_told, 2); /* steps, not every call */
	world_free(w);
}

/* A class that changes is judged anew, the others stay; trunks that are gone are forgotten. */
static void test_configuration(void **state)
{
	struct world *w = world_new();

	calls(w, "a", WINDOW_FAILED, 10);
	assert_true(is_bad(w, "a"));
	set(w->cfg, CFG_QUALITY, "1", "description", "text");
	apply(w);
	assert_true(is_bad(w, "a"));
	set(w->cfg, CFG_QUALITY, "1", "minimum_calls", "20");
	apply(w);
	assert_false(is_bad(w, "a"));
	/* A dial-peer's class is for any trunk. */
	set(w->cfg, CFG_QUALITY, "2", "ner_minimum", "90");
	apply(w);
	assert_false(is_bad(w, "a"));
	set(w->cfg, CFG_DIAL_PEER, "10", "quality", "2");
	apply(w);
	assert_true(is_bad(w, "a"));
	assert_int_equal(windows_told(w->ws, "a")->breach[0].tag, 2);
	assert_int_equal(cfg_object_del(w->cfg, CFG_TRUNK, view_of("a")), 0);
	apply(w);
	assert_null(windows_told(w->ws, "a"));
	calls(w, "a", WINDOW_FAILED, 10); /* of a call that was under way */
	assert_null(windows_told(w->ws, "a"));
	world_free(w);
}

static void count_row(void *arg, const struct ctl_quality *quality)
{
	++*(unsigned int *)arg;
}

static void test_clear_and_tell(void **state)
{
	struct world *w = world_new();
	unsigned int n = 0;

	windows_each(w->ws, count_row, &n);
	assert_int_equal(n, 0);
	calls(w, "a", WINDOW_FAILED, 10);
	calls(w, "b", WINDOW_FAILED, 10);
	windows_each(w->ws, count_row, &n);
	assert_int_equal(n, 2);
	assert_false(windows_clear(w->ws, "nobody", w->now));
	assert_true(windows_clear(w->ws, "a", w->now));
	assert_string_equal(w->last.trunk, "a");
	assert_int_equal(w->last.n, 0);
	assert_true(is_bad(w, "b"));
	assert_true(windows_clear(w->ws, NULL, w->now));
	assert_false(is_bad(w, "b"));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_demoted_and_back),
		cmocka_unit_test(test_window_slides),
		cmocka_unit_test(test_untried_comes_back),
		cmocka_unit_test(test_each_bound),
		cmocka_unit_test(test_partial_figures),
		cmocka_unit_test(test_score),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_clear_and_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
