/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/records/spool.c and spool_load.c in a folder of their own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/log.h"
#include "controlplane/records/spool.h"

static char dir[64], path[96];
static uint64_t told[100];
static unsigned int n_told;

static void on_written(void *arg, uint64_t id)
{
	told[n_told++] = id;
}

static struct spool_conf conf = {.dir = dir, .node = "n1", .written = on_written};

static struct spool *open_spool(void)
{
	struct spool *spool;
	char error[256];

	assert_int_equal(spool_open(&conf, 1767225600000, &spool, error), 0);
	return spool;
}

static struct record record_of(uint64_t id, uint32_t status)
{
	struct record r = {.call = {.id = id, .sip_status = status}};

	r.call.answer_ms = status == 200 ? 1 : 0;
	return r;
}

static int put(struct spool *spool, uint64_t id)
{
	struct record r = record_of(id, 200);
	return spool_put(spool, &r, 1767225600000);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/limen-spool-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/current.jsonl", dir);
	n_told = 0;
	conf.rotate_bytes = conf.rotate_ms = 0;
	return 0;
}

static unsigned int count_files(void)
{
	unsigned int n = 0;
	DIR *d = opendir(dir);

	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static int teardown(void **state)
{
	DIR *d = opendir(dir);

	for (struct dirent *e; (e = readdir(d)) != NULL;)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	return rmdir(dir);
}

static size_t read_all(char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, size - 1);

	close(fd);
	assert_true(n >= 0);
	buf[n] = '\0';
	return (size_t)n;
}

static unsigned int count_lines(void)
{
	static char buf[200000];
	unsigned int n = 0;
	uint64_t id;

	read_all(buf, sizeof(buf));
	for (char *line = buf; *line != '\0'; n++) {
		char *end = strchr(line, '\n');
		assert_non_null(end);
		assert_int_equal(record_line_id(line, (size_t)(end - line), &id), 0);
		line = end + 1;
	}
	return n;
}

static void test_duplicates_over_restarts(void **state)
{
	struct spool_counts counts;
	struct spool *spool = open_spool();

	assert_int_equal(put(spool, 1), 0);
	assert_int_equal(put(spool, 2), 0);
	assert_int_equal(put(spool, 1), 0);
	assert_int_equal(count_lines(), 2);
	spool_counts(spool, &counts);
	assert_int_equal(counts.written, 2);
	assert_int_equal(counts.duplicates, 1);
	spool_close(spool);
	spool = open_spool();
	assert_true(spool_has(spool, 2));
	assert_false(spool_has(spool, 3));
	assert_int_equal(put(spool, 2), 0);
	assert_int_equal(put(spool, 3), 0);
	assert_int_equal(count_lines(), 3);
	spool_close(spool);
	assert_int_equal(n_told, 0);
}

static void test_torn_line(void **state)
{
	static char whole[20000], now[20000];
	struct spool *spool = open_spool();
	struct spool_counts counts;

	assert_int_equal(put(spool, 1), 0);
	spool_close(spool);
	size_t one = read_all(whole, sizeof(whole));
	spool = open_spool();
	assert_int_equal(put(spool, 2), 0);
	spool_close(spool);
	size_t two = read_all(whole, sizeof(whole));
	for (size_t cut = one + 1; cut < two; cut += 37) {
		assert_int_equal(truncate(path, (off_t)cut), 0);
		spool = open_spool();
		spool_counts(spool, &counts);
		assert_int_equal(counts.repaired_bytes, cut - one);
		assert_true(spool_has(spool, 1));
		assert_false(spool_has(spool, 2));
		assert_int_equal(put(spool, 2), 0); /* sent again, since never acknowledged */
		spool_close(spool);
		assert_int_equal(read_all(now, sizeof(now)), two);
		assert_memory_equal(now, whole, two);
	}
	/* Nothing but a torn line, longer than the blocks that are read backwards. */
	memset(now, 'x', sizeof(now));
	int fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, now, 10000), 10000);
	close(fd);
	spool = open_spool();
	spool_counts(spool, &counts);
	assert_int_equal(counts.repaired_bytes, 10000);
	spool_close(spool);
	assert_int_equal(read_all(now, sizeof(now)), 0);
}

static void test_strange_lines(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "hello\n\n{}\n", 10), 10);
	close(fd);
	struct spool *spool = open_spool();
	assert_int_equal(put(spool, 1), 0);
	spool_close(spool);
	char buf[4000];
	read_all(buf, sizeof(buf));
	assert_memory_equal(buf, "hello\n\n{}\n{\"schema\"", 19);
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit = {bytes, RLIM_INFINITY};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_disk_full(void **state)
{
	struct spool *spool = open_spool();
	struct spool_counts counts;
	struct stat st;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(put(spool, 1), 0);
	assert_int_equal(stat(path, &st), 0);
	/* Room for one and a half: the half may not stay. */
	limit_file_size((rlim_t)(st.st_size * 5 / 2));
	assert_int_equal(put(spool, 2), 0);
	assert_int_equal(put(spool, 3), -EINPROGRESS);
	assert_int_equal(put(spool, 4), -EINPROGRESS);
	assert_int_equal(put(spool, 3), -EINPROGRESS);
	assert_int_equal(put(spool, 2), 0);
	assert_int_equal(count_lines(), 2);
	spool_tick(spool, 1767225601000);
	assert_int_equal(n_told, 0);
	spool_counts(spool, &counts);
	assert_int_equal(counts.waiting, 2);
	assert_int_equal(counts.written, 2);
	limit_file_size(RLIM_INFINITY);
	/* The order is kept: a new one does not overtake those that wait. */
	assert_int_equal(put(spool, 5), -EINPROGRESS);
	spool_tick(spool, 1767225602000);
	assert_int_equal(n_told, 3);
	assert_int_equal(told[0], 3);
	assert_int_equal(told[2], 5);
	assert_int_equal(count_lines(), 5);
	assert_int_equal(put(spool, 6), 0);
	assert_int_equal(spool_recent(spool, 0)->call.id, 6);
	assert_int_equal(spool_recent(spool, 3)->call.id, 3);
	assert_null(spool_recent(spool, 6));
	spool_close(spool);
}

static void test_waiting_is_bounded(void **state)
{
	struct spool *spool = open_spool();
	struct spool_counts counts;

	signal(SIGXFSZ, SIG_IGN);
	limit_file_size(0);
	for (unsigned int i = 0; i < SPOOL_WAIT_MAX; i++)
		assert_int_equal(put(spool, 1 + i), -EINPROGRESS);
	assert_int_equal(put(spool, 999999), -ENOSPC);
	spool_counts(spool, &counts);
	assert_int_equal(counts.refused, 1);
	assert_int_equal(counts.waiting, SPOOL_WAIT_MAX);
	spool_close(spool);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(count_lines(), 0);
}

static void test_rotation(void **state)
{
	conf.rotate_bytes = 10000;
	struct spool *spool = open_spool();

	for (uint64_t i = 1; i <= 40; i++)
		assert_int_equal(put(spool, i), 0);
	assert_true(count_files() >= 5);
	assert_true(count_lines() < 12);
	/* The ids of the file before the current one are still known, also after a restart. */
	assert_true(spool_has(spool, 40));
	unsigned int before = 40 - count_lines();
	assert_true(spool_has(spool, before));
	spool_close(spool);
	spool = open_spool();
	assert_true(spool_has(spool, 40));
	assert_true(spool_has(spool, before));
	spool_close(spool);
}

static void test_rotation_by_age(void **state)
{
	conf.rotate_ms = 3600000;
	struct spool *spool = open_spool();

	spool_tick(spool, 1767225600000 + 3600000);
	assert_int_equal(count_files(), 1); /* nothing in it: stays */
	assert_int_equal(put(spool, 1), 0);
	spool_tick(spool, 1767225600000 + 3599999);
	assert_int_equal(count_files(), 1);
	spool_tick(spool, 1767225600000 + 3600000);
	assert_int_equal(count_files(), 3); /* and totals */
	assert_int_equal(count_lines(), 0);
	char name[128];
	snprintf(name, sizeof(name), "%s/records-20260101T010000Z-000.jsonl", dir);
	assert_int_equal(access(name, F_OK), 0);
	spool_close(spool);
}

static void test_counters_equal_records(void **state)
{
	static const uint32_t status[] = {200, 486, 487, 404, 503, 200, 0, 302, 480, 603};
	static char buf[100000];
	unsigned int in_file[RECORD_OUTCOME_N] = {0};
	struct spool *spool = open_spool();
	struct spool_counts counts;

	for (uint64_t i = 0; i < 50; i++) {
		struct record r = record_of(i % 40, status[i % 10]);
		assert_int_equal(spool_put(spool, &r, 1767225600000), 0);
	}
	spool_counts(spool, &counts);
	spool_close(spool);
	read_all(buf, sizeof(buf));
	uint64_t sum = 0;
	for (unsigned int o = 0; o < RECORD_OUTCOME_N; o++) {
		char word[64];
		snprintf(word, sizeof(word), "\"outcome\":\"%s\"",
			record_outcome_word((enum record_outcome)o));
		for (char *p = buf; (p = strstr(p, word)) != NULL; p++)
			in_file[o]++;
		assert_int_equal(in_file[o], counts.total.by_outcome[o]);
		sum += counts.total.by_outcome[o];
	}
	assert_int_equal(sum, 40);
	assert_int_equal(counts.written, 40);
	assert_int_equal(counts.total.n, 40);
}

static void check_totals(uint64_t n, uint64_t answered, uint64_t busy, uint64_t answered_ms)
{
	struct spool_counts counts;
	struct spool *spool = open_spool();

	spool_counts(spool, &counts);
	spool_close(spool);
	assert_int_equal(counts.total.n, n);
	assert_int_equal(counts.total.by_outcome[RECORD_ANSWERED], answered);
	assert_int_equal(counts.total.by_outcome[RECORD_BUSY], busy);
	assert_int_equal(counts.total.answered_ms, answered_ms);
	assert_int_equal(counts.written, 0);
}

static void test_totals_over_restarts(void **state)
{
	char name[128], other[128];

	conf.rotate_bytes = 10000;
	for (uint64_t i = 1; i <= 60; i++) {
		struct spool *spool = i % 7 == 1 ? open_spool() : *state;
		struct record r = record_of(i, i % 3 == 0 ? 486 : 200);
		r.call.end_ms = r.call.answer_ms != 0 ? r.call.answer_ms + 10 : 5;
		assert_int_equal(spool_put(spool, &r, 1767225600000), 0);
		*state = spool;
		if (i % 7 == 0 || i == 60)
			spool_close(spool);
	}
	assert_true(count_files() > 5);
	check_totals(60, 40, 20, 400);
	/* A crash between renaming and writing the totals: they are one file behind. */
	snprintf(name, sizeof(name), "%s/totals", dir);
	assert_int_equal(unlink(name), 0);
	check_totals(60, 40, 20, 400);
	check_totals(60, 40, 20, 400);
	/* Damaged: counted again. */
	int fd = open(name, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "xx", 2), 2);
	close(fd);
	check_totals(60, 40, 20, 400);
	/* A file that was taken away after it was counted still counts. */
	snprintf(other, sizeof(other), "%s/records-20260101T000000Z-000.jsonl", dir);
	assert_int_equal(unlink(other), 0);
	check_totals(60, 40, 20, 400);
}

static void test_bad_folder(void **state)
{
	struct spool_conf bad = conf;
	struct spool *spool = NULL;
	char error[256];

	bad.dir = "/proc/none/records";
	assert_int_equal(spool_open(&bad, 1, &spool, error), -ENOENT);
	assert_null(spool);
	assert_non_null(strstr(error, "/proc/none/records"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_duplicates_over_restarts),
		TEST(test_torn_line),
		TEST(test_strange_lines),
		TEST(test_disk_full),
		TEST(test_waiting_is_bounded),
		TEST(test_rotation),
		TEST(test_rotation_by_age),
		TEST(test_counters_equal_records),
		TEST(test_totals_over_restarts),
		TEST(test_bad_folder),
	};
	log_init("test_spool", LOG_L_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
