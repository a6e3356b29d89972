/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/base/log.c: standard error is a pipe that the test reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/log.h"

LOG_TOPIC("topic");

static int pipe_fd[2], saved_stderr;

static void capture_start(void)
{
	assert_int_equal(pipe2(pipe_fd, O_NONBLOCK), 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(pipe_fd[1], STDERR_FILENO) >= 0);
}

static const char *capture_end(void)
{
	static char buf[4 * LOG_LINE_MAX];
	ssize_t n = read(pipe_fd[0], buf, sizeof(buf) - 1);

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	buf[n < 0 ? 0 : n] = '\0';
	return buf;
}

static void test_line(void **state)
{
	char want[128];

	unsetenv("JOURNAL_STREAM");
	log_init("limen-test", LOG_L_NOTICE);
	capture_start();
	errno = ENOSPC;
	log_warning("trunk %s: %d", "x", 7);
	assert_int_equal(errno, ENOSPC);
	log_info("not shown");
	snprintf(want, sizeof(want), "warning limen-test[%d] topic: trunk x: 7\n", (int)getpid());
	assert_string_equal(capture_end(), want);

	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init("limen-test", LOG_L_DEBUG);
	capture_start();
	log_debug("a");
	assert_string_equal(capture_end(), "<7>topic: a\n");
	unsetenv("JOURNAL_STREAM");
	log_init("limen-test", LOG_L_ERR);
	assert_true(log_enabled(LOG_L_ERR));
	assert_false(log_enabled(LOG_L_WARNING));
}

static void test_hostile_text(void **state)
{
	char big[3 * LOG_LINE_MAX];

	capture_start();
	log_err("from %s", "a\nerr fake: line\x1b[2J\x7f");
	const char *got = capture_end();
	assert_non_null(strstr(got, "from a\\x0aerr fake: line\\x1b[2J\\x7f\n"));
	assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);

	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	capture_start();
	log_err("%s", big);
	got = capture_end();
	assert_in_range(strlen(got), LOG_LINE_MAX - 8, LOG_LINE_MAX);
	assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
}

static void test_level_words(void **state)
{
	static const char *const words[] = {"err", "warning", "notice", "info", "debug"};
	enum log_level level;

	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(log_level_parse(words[i], &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse("Err", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_level_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
