/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log lines to standard error, one write() a line, so that lines of several threads and processes
 * on one terminal or pipe do not mix. Any thread; no locks.
 */
#include "controlplane/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {"err", "warning", "notice", "info", "debug"};
/* The syslog severities of sd-daemon(3). */
static const char level_digits[] = {'3', '4', '5', '6', '7'};

static const char *log_ident = "limen";
static _Atomic int log_max = LOG_L_NOTICE;
static bool log_to_journal;
static log_sink_fn log_sink;
static _Thread_local bool in_sink;

void log_init(const char *ident, enum log_level max_level)
{
	log_ident = ident;
	log_to_journal = getenv("JOURNAL_STREAM") != NULL;
	log_set_level(max_level);
}

void log_set_level(enum log_level max_level)
{
	atomic_store_explicit(&log_max, (int)max_level, memory_order_relaxed);
}

int log_level_parse(const char *word, enum log_level *ret_level)
{
	for (unsigned int i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(word, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_set_sink(log_sink_fn sink)
{
	log_sink = sink;
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_max, memory_order_relaxed);
}

/*
 * Appends text with control characters as \xNN, so that no text from outside can begin a line of
 * its own or drive a terminal. Bytes above 0x7f pass: they are UTF-8 or harmless.
 */
static size_t append_escaped(char *dst, size_t at, size_t max, const char *text)
{
	static const char hex[] = "0123456789abcdef";

	for (const char *p = text; *p != '\0'; p++) {
		uint8_t c = (uint8_t)*p;
		if (c >= 0x20 && c != 0x7f) {
			if (at + 1 > max)
				break;
			dst[at++] = (char)c;
		} else {
			if (at + 4 > max)
				break;
			dst[at++] = '\\';
			dst[at++] = 'x';
			dst[at++] = hex[c >> 4];
			dst[at++] = hex[c & 15];
		}
	}
	return at;
}

void log_write(enum log_level level, const char *topic, const char *fmt, ...)
{
	char text[LOG_LINE_MAX], line[LOG_LINE_MAX];
	int saved_errno = errno;
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);

	int n = log_to_journal
			? snprintf(line, sizeof(line), "<%c>%s: ", level_digits[level], topic)
			: snprintf(line, sizeof(line), "%s %s[%d] %s: ", level_names[level],
				  log_ident, (int)getpid(), topic);
	size_t at = n < 0 ? 0 : (size_t)n;
	if (at > sizeof(line) / 2)
		at = sizeof(line) / 2;
	at = append_escaped(line, at, sizeof(line) - 1, text);
	line[at++] = '\n';
	/* There is nowhere to report that standard error is full or gone. */
	ssize_t written = write(STDERR_FILENO, line, at);
	(void)written;
	if (log_sink != NULL && !in_sink) {
		line[at - 1] = '\0';
		in_sink = true;
		log_sink(level, line, at - 1);
		in_sink = false;
	}
	errno = saved_errno;
}
