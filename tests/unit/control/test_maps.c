/* SPDX-License-Identifier: GPL-3.0-or-later */
/* e164-pattern-maps from files: commits that wait for them, faults, reloads, what workers hear. */
#include "controlplane/maps/maps.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/config/schema.h"

static struct event_base *base;
static struct maps *maps;
static char dir[64];

/* What the box's other parts heard. */
static struct {
	unsigned int n_prepared, n_changed;
	uint64_t revision;
	int status;
	char error[CFG_ERROR_MAX];
	uint32_t tag;
	int fd;
	uint64_t len;
} heard;

static void changed(void *arg, enum numbers_kind kind, uint32_t tag, int fd, uint64_t len)
{
	heard.n_changed++;
	heard.tag = tag;
	heard.fd = fd;
	heard.len = len;
}

static void prepared(void *arg, uint64_t revision, int status, const char *error)
{
	heard.n_prepared++;
	heard.revision = revision;
	heard.status = status;
	snprintf(heard.error, sizeof(heard.error), "%s", error);
}

static uint64_t wall_ms(void *arg)
{
	return 1234;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	static const struct maps_ops ops = {changed, prepared, wall_ms, NULL};

	memset(&heard, 0, sizeof(heard));
	snprintf(dir, sizeof(dir), "/tmp/limen-maps-XXXXXX");
	assert_non_null(mkdtemp(dir));
	base = event_base_new();
	maps = maps_new(base, dir, &ops);
	assert_non_null(maps);
	return 0;
}

static int teardown(void **state)
{
	maps_free(maps);
	event_base_free(base);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path); /* another inode: the stamp differs, whatever the clock says */
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* "TAG URL PATTERN..."; a '-' is no url. */
static struct cfg *cfg_of(const char *const *lines)
{
	struct cfg *cfg = cfg_new();
	char error[CFG_ERROR_MAX];

	for (; *lines; lines++) {
		char line[128], *save, *word;
		void *obj;

		snprintf(line, sizeof(line), "%s", *lines);
		word = strtok_r(line, " ", &save);
		assert_int_equal(cfg_object_add(cfg, CFG_E164_MAP, view_of(word), &obj, error), 0);
		word = strtok_r(NULL, " ", &save);
		if (strcmp(word, "-") != 0)
			assert_int_equal(cfg_leaf_set(cfg_leaf_find(CFG_E164_MAP, "url"), obj,
						 view_of(word), error),
				0);
		while ((word = strtok_r(NULL, " ", &save)))
			assert_int_equal(cfg_leaf_set(cfg_leaf_find(CFG_E164_MAP, "e164"), obj,
						 view_of(word), error),
				0);
	}
	return cfg;
}
#define CFG(...) cfg_of((const char *const[]){__VA_ARGS__, NULL})

/* Prepares, waits, and applies when all is well; what the commit ends with. */
static int commit(struct cfg *cfg, uint64_t revision, bool first)
{
	unsigned int before = heard.n_prepared;
	int rc = maps_prepare(maps, cfg, revision, first, heard.error);

	if (rc == -EINPROGRESS) {
		while (heard.n_prepared == before)
			event_base_loop(base, EVLOOP_ONCE);
		assert_int_equal(heard.revision, revision);
		rc = heard.status;
	}
	if (rc == 0)
		maps_apply(maps);
	cfg_free(cfg);
	return rc;
}

static bool matches(uint32_t tag, const char *number)
{
	const struct numtrie *trie = numbers_find(maps_numbers(maps), tag);
	struct numtrie_hit hit;
	uint8_t sym[32];
	unsigned int n = 0;

	for (; number[n]; n++)
		sym[n] = (uint8_t)numtrie_symbol(number[n]);
	return trie && numtrie_best(trie, sym, n, &hit);
}

static void test_commit(void **state)
{
	struct map_status s;

	put("de", "+4930T\n+4940T\n");
	assert_int_equal(commit(CFG("1 flash:/de +1T", "2 - 00T"), 7, false), 0);
	assert_int_equal(heard.n_changed, 2);
	assert_true(matches(1, "+493012"));
	assert_true(matches(1, "+12"));
	assert_false(matches(1, "0012"));
	assert_true(matches(2, "0012"));
	assert_true(maps_status(maps, NUMBERS_MAP, 1, &s));
	assert_true(s.loaded);
	assert_int_equal(s.n_patterns, 3);
	assert_int_equal(s.loaded_ms, 1234);
	assert_false(maps_status(maps, NUMBERS_MAP, 3, &s));
	/* Nothing new: nothing is loaded, nobody hears anything. */
	assert_int_equal(commit(CFG("1 flash:/de +1T", "2 - 00T"), 8, false), 0);
	assert_int_equal(heard.n_prepared, 1);
	assert_int_equal(heard.n_changed, 2);
	/* Another list, and one that is gone. */
	assert_int_equal(commit(CFG("1 flash:/de"), 9, false), 0);
	assert_false(matches(1, "+12"));
	assert_false(matches(2, "0012"));
	assert_int_equal(heard.n_changed, 4);
	assert_int_equal(heard.tag, 2);
	assert_int_equal(heard.fd, -1);
	/* Another file of that name is read at the next commit. */
	put("de", "+33T\n");
	assert_int_equal(commit(CFG("1 flash:/de"), 10, false), 0);
	assert_true(matches(1, "+331"));
	heard.n_changed = 0;
	maps_tell(maps, changed, NULL);
	assert_int_equal(heard.n_changed, 1);
}

static void test_faults(void **state)
{
	struct map_status s;

	put("bad", "12\n1x\n");
	assert_int_equal(commit(CFG("1 flash:/none"), 1, false), -ENOENT);
	assert_string_equal(heard.error,
		"voice class e164-pattern-map 1: \"url flash:/none\": there is no such file in its "
		"directory on the box");
	assert_int_equal(commit(CFG("1 flash:/bad"), 1, false), -EINVAL);
	assert_non_null(strstr(heard.error, "line 2: "));
	assert_false(maps_status(maps, NUMBERS_MAP, 1, &s));
	/* At the start of the box the rest must run. */
	assert_int_equal(commit(CFG("1 flash:/none", "2 - 0T"), 1, true), 0);
	assert_true(maps_status(maps, NUMBERS_MAP, 1, &s));
	assert_false(s.loaded);
	assert_true(s.why[0] != '\0');
	assert_true(matches(2, "01"));
	/* Still missing at the next commit, then there. */
	assert_int_equal(commit(CFG("1 flash:/none", "2 - 0T"), 2, false), 0);
	put("none", "5T\n");
	assert_int_equal(commit(CFG("1 flash:/none", "2 - 0T"), 3, false), 0);
	assert_true(matches(1, "5"));
	/* What was loaded stays when the file is damaged later. */
	put("none", "x\n");
	assert_int_equal(commit(CFG("1 flash:/none", "2 - 0T"), 4, false), 0);
	assert_true(matches(1, "5"));
	assert_true(maps_status(maps, NUMBERS_MAP, 1, &s));
	assert_true(s.loaded && s.why[0] != '\0');
}

static void wait_reload(uint32_t tag)
{
	struct map_status s;

	assert_true(maps_status(maps, NUMBERS_MAP, tag, &s));
	assert_true(s.loading);
	while (maps_status(maps, NUMBERS_MAP, tag, &s) && s.loading)
		event_base_loop(base, EVLOOP_ONCE);
}

static void test_reload(void **state)
{
	struct map_status s;

	put("a", "1T\n");
	assert_int_equal(commit(CFG("1 flash:/a", "2 - 0T"), 1, false), 0);
	assert_int_equal(maps_reload(maps, NUMBERS_MAP, 3), -ENOENT);
	assert_int_equal(maps_reload(maps, NUMBERS_MAP, 2), -ENODATA);
	put("a", "2T\n");
	heard.n_changed = 0;
	assert_int_equal(maps_reload(maps, NUMBERS_MAP, 1), 0);
	assert_int_equal(maps_reload(maps, NUMBERS_MAP, 1), -EBUSY);
	wait_reload(1);
	assert_int_equal(heard.n_changed, 1);
	assert_true(matches(1, "2"));
	assert_false(matches(1, "1"));
	put("a", "oops\n");
	assert_int_equal(maps_reload(maps, NUMBERS_MAP, 1), 0);
	wait_reload(1);
	assert_true(matches(1, "2"));
	assert_true(maps_status(maps, NUMBERS_MAP, 1, &s));
	assert_non_null(strstr(s.why, "line 1: "));
	/* A commit that comes while a file is read waits for it, then has its own turn. */
	put("a", "3T\n");
	assert_int_equal(maps_reload(maps, NUMBERS_MAP, 1), 0);
	assert_int_equal(commit(CFG("1 flash:/a", "4 - 9T"), 2, false), 0);
	assert_true(matches(1, "3"));
	assert_true(matches(4, "9"));
	assert_false(matches(2, "0"));
}

/* A commit that is given up while its file is read leaves nothing, and the next one is not it. */
static void test_abort(void **state)
{
	struct cfg *cfg = CFG("1 flash:/a");
	struct map_status s;

	put("a", "1T\n");
	assert_int_equal(maps_prepare(maps, cfg, 1, false, heard.error), -EINPROGRESS);
	maps_abort(maps);
	cfg_free(cfg);
	assert_int_equal(commit(CFG("2 - 0T"), 2, false), 0);
	assert_int_equal(heard.n_prepared, 1);
	assert_false(maps_status(maps, NUMBERS_MAP, 1, &s));
	assert_true(matches(2, "0"));
	/* One that runs at the end is waited for. */
	cfg = CFG("1 flash:/a");
	assert_int_equal(maps_prepare(maps, cfg, 3, false, heard.error), -EINPROGRESS);
	cfg_free(cfg);
}

/* Route-tables go the same way, with tags of their own. */
static void test_table(void **state)
{
	struct cfg *cfg = CFG("1 - 0T");
	char error[CFG_ERROR_MAX];
	struct map_status s;
	void *obj;

	assert_int_equal(cfg_object_add(cfg, CFG_ROUTE_TABLE, VIEW("1"), &obj, error), 0);
	assert_int_equal(cfg_leaf_set(cfg_leaf_find(CFG_ROUTE_TABLE, "url"), obj,
				 VIEW("flash:/rates"), error),
		0);
	put("rates", "prefix,trunk,rate\n49,a,x\n");
	assert_int_equal(commit(cfg_clone(cfg), 1, false), -EINVAL);
	assert_non_null(
		strstr(heard.error, "voice class route-table 1: \"url flash:/rates\": line 2"));
	put("rates", "prefix,trunk,rate\n49,a,1\n49,b,2\n");
	assert_int_equal(commit(cfg_clone(cfg), 2, false), 0);
	assert_int_equal(heard.n_changed, 2);
	assert_true(matches(1, "01"));
	assert_non_null(numbers_find_table(maps_numbers(maps), 1));
	assert_true(maps_status(maps, NUMBERS_TABLE, 1, &s));
	assert_int_equal(s.n_patterns, 2);
	put("rates", "prefix,trunk\n49,a\n");
	assert_int_equal(maps_reload(maps, NUMBERS_TABLE, 1), 0);
	while (maps_status(maps, NUMBERS_TABLE, 1, &s) && s.loading)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(s.n_patterns, 1);
	cfg_free(cfg);
	assert_int_equal(commit(CFG("1 - 0T"), 3, false), 0);
	assert_null(numbers_find_table(maps_numbers(maps), 1));
	assert_true(matches(1, "01"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abort, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
