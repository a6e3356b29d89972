/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log lines. One topic per file; a line says what failed, on which object, why.
 *
 *   err     an operator must act          notice  a state changed
 *   warning service is degraded           info    per call       debug  for developers
 *
 * Text from outside may be passed to %s: control characters are escaped and a line is cut at
 * LOG_LINE_MAX. Thread-safe; never called from a packet worker.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LOG_LINE_MAX 1024

enum log_level { LOG_L_ERR, LOG_L_WARNING, LOG_L_NOTICE, LOG_L_INFO, LOG_L_DEBUG };

/* Once per file, after the includes. */
#define LOG_TOPIC(name) static const char *const log_topic __attribute__((unused)) = name

/*
 * Lines go to standard error as "<level> ident[pid] topic: text" (with systemd's "<n>" prefix
 * when JOURNAL_STREAM is set). ident is kept, not copied. Call first in main().
 */
void log_init(const char *ident, enum log_level max_level);
void log_set_level(enum log_level max_level);
/* "err", "warning", "notice", "info", "debug"; -EINVAL for other words. */
int log_level_parse(const char *word, enum log_level *ret_level);
bool log_enabled(enum log_level level);
/*
 * Every line that is written also goes to sink, a string of len bytes without the newline ("terminal monitor"); NULL:
 * to nobody. Called in the thread that logs; what sink itself logs is not passed on.
 */
typedef void (*log_sink_fn)(enum log_level level, const char *line, size_t len);
void log_set_sink(log_sink_fn sink);

void log_write(enum log_level level, const char *topic, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_at(level, ...)                                        \
	do {                                                      \
		if (log_enabled(level))                           \
			log_write(level, log_topic, __VA_ARGS__); \
	} while (0)
#define log_err(...)	 log_at(LOG_L_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_L_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_at(LOG_L_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_at(LOG_L_INFO, __VA_ARGS__)
#define log_debug(...)	 log_at(LOG_L_DEBUG, __VA_ARGS__)
