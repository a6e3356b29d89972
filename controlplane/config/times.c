/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See times.h. */
#include "controlplane/config/times.h"

#include <errno.h>
#include <stdio.h>

#define DAYS_ALL      0x7f
#define DAYS_WEEKDAYS 0x1f
#define DAYS_WEEKEND  0x60
#define DAY_MINUTES   1440

static const char *const days[] = {
	"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July",
	"August", "September", "October", "November", "December"};

static int refuse(char *error, const char *what)
{
	snprintf(error, CFG_ERROR_MAX, "%s", what);
	return -EINVAL;
}

static struct view take_word(struct view *rest)
{
	struct view word;

	while (rest->n && *rest->p == ' ') {
		rest->p++;
		rest->n--;
	}
	word = (struct view){rest->p, 0};
	while (word.n < rest->n && word.p[word.n] != ' ')
		word.n++;
	rest->p += word.n;
	rest->n -= word.n;
	return word;
}

/* The index of a name that begins with the word, of three letters at least; -1. */
static int find_name(const char *const *names, unsigned int n, struct view word)
{
	for (unsigned int i = 0; word.n >= 3 && i < n; i++) {
		if (word.n <= strlen(names[i]) &&
			view_eq_nocase(word, (struct view){names[i], word.n}))
			return (int)i;
	}
	return -1;
}

/* "9:05" as minutes, up to max. */
static bool take_time(struct view word, uint16_t max, uint16_t *ret)
{
	const char *colon = word.n ? memchr(word.p, ':', word.n) : NULL;
	struct view hour = {word.p, colon ? (size_t)(colon - word.p) : 0}, minute;
	uint64_t h, m;

	if (!colon)
		return false;
	minute = (struct view){colon + 1, word.n - hour.n - 1};
	if (minute.n != 2 || hour.n > 2 || view_to_u64(hour, 24, &h) < 0 ||
		view_to_u64(minute, 59, &m) < 0 || h * 60 + m > max)
		return false;
	*ret = (uint16_t)(h * 60 + m);
	return true;
}

static uint8_t days_of(struct view word)
{
	int day = find_name(days, 7, word);

	if (view_eq(word, VIEW("daily")))
		return DAYS_ALL;
	if (view_eq(word, VIEW("weekdays")))
		return DAYS_WEEKDAYS;
	if (view_eq(word, VIEW("weekend")))
		return DAYS_WEEKEND;
	return day < 0 ? 0 : (uint8_t)(1u << day);
}

int cfg_periodic_parse(struct view text, struct cfg_periodic *ret, char error[CFG_ERROR_MAX])
{
	const char *what = "daily, weekdays, weekend or days as Monday, then HH:MM to HH:MM";
	struct view rest = text, word = take_word(&rest);
	struct cfg_periodic value = {0};
	uint8_t some;

	for (; (some = days_of(word)) != 0; word = take_word(&rest))
		value.days |= some;
	if (value.days == 0 || !take_time(word, DAY_MINUTES - 1, &value.start) ||
		!view_eq(take_word(&rest), VIEW("to")) ||
		!take_time(take_word(&rest), DAY_MINUTES, &value.end) || take_word(&rest).n)
		return refuse(error, what);
	*ret = value;
	return 0;
}

char *cfg_periodic_print(const struct cfg_periodic *p, char buf[CFG_VALUE_MAX])
{
	int n = 0;

	if (p->days == DAYS_ALL)
		n = snprintf(buf, CFG_VALUE_MAX, "daily ");
	else if (p->days == DAYS_WEEKDAYS)
		n = snprintf(buf, CFG_VALUE_MAX, "weekdays ");
	else if (p->days == DAYS_WEEKEND)
		n = snprintf(buf, CFG_VALUE_MAX, "weekend ");
	else
		for (unsigned int i = 0; i < 7; i++)
			n += p->days >> i & 1
				     ? snprintf(buf + n, CFG_VALUE_MAX - (size_t)n, "%s ", days[i])
				     : 0;
	snprintf(buf + n, CFG_VALUE_MAX - (size_t)n, "%02u:%02u to %02u:%02u", p->start / 60,
		p->start % 60, p->end / 60, p->end % 60);
	return buf;
}

static unsigned int days_in(unsigned int year, unsigned int month)
{
	static const uint8_t n[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : n[month - 1];
}

int cfg_date_parse(struct view text, struct cfg_date *ret, char error[CFG_ERROR_MAX])
{
	struct view rest = text, time = take_word(&rest), day_word = take_word(&rest),
		    month_word = take_word(&rest), year_word = take_word(&rest);
	int month = find_name(months, 12, month_word);
	struct cfg_date value = {0};
	uint64_t day, year;

	if (!take_time(time, DAY_MINUTES - 1, &value.minute) || month < 0 ||
		view_to_u64(year_word, 2099, &year) < 0 || year < 2000 ||
		view_to_u64(day_word, days_in((unsigned int)year, (unsigned int)month + 1), &day) <
			0 ||
		day == 0 || take_word(&rest).n)
		return refuse(error, "HH:MM DAY MONTH YEAR, as 08:00 24 December 2026");
	value.year = (uint16_t)year;
	value.month = (uint8_t)(month + 1);
	value.day = (uint8_t)day;
	*ret = value;
	return 0;
}

char *cfg_date_print(const struct cfg_date *date, char buf[CFG_VALUE_MAX])
{
	buf[0] = '\0';
	if (date->year && date->month >= 1 && date->month <= 12)
		snprintf(buf, CFG_VALUE_MAX, "%02u:%02u %u %s %u", date->minute / 60,
			date->minute % 60, date->day, months[date->month - 1], date->year);
	return buf;
}

int64_t cfg_date_minutes(const struct cfg_date *date)
{
	int64_t n = 0;

	for (unsigned int y = 1970; y < date->year; y++)
		n += 337 + days_in(y, 2);
	for (unsigned int m = 1; m < date->month; m++)
		n += days_in(date->year, m);
	return (n + date->day - 1) * DAY_MINUTES + date->minute;
}
