/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See timerange.h. */
#include "sip-b2bua/routing/timerange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/config/cfg.h"
#include "controlplane/config/times.h"

#define DAY_MINUTES 1440
#define THURSDAY    3 /* 1970-01-01, counted from Monday */

struct timeranges {
	const struct cfg *cfg;
	struct timezone_data *zones; /* one per cfg->time_ranges, same index */
};

int timeranges_new(
	const struct cfg *cfg, struct timeranges **ret_ranges, char error[TIMEZONE_ERROR_MAX])
{
	struct timeranges *r = calloc(1, sizeof(*r));
	char why[TIMEZONE_ERROR_MAX];
	int rc = 0;

	snprintf(error, TIMEZONE_ERROR_MAX, "memory is short");
	if (!r)
		return -ENOMEM;
	r->cfg = cfg;
	r->zones = calloc(cfg->n_time_ranges + 1, sizeof(*r->zones));
	if (!r->zones)
		rc = -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < cfg->n_time_ranges; i++) {
		rc = timezone_load(cfg->time_ranges[i].timezone, &r->zones[i], why);
		if (rc < 0)
			snprintf(error, TIMEZONE_ERROR_MAX, "time-range %s: %.110s",
				cfg->time_ranges[i].name, why);
	}
	if (rc < 0)
		timeranges_free(r);
	else
		*ret_ranges = r;
	return rc;
}

void timeranges_free(struct timeranges *ranges)
{
	if (!ranges)
		return;
	for (uint32_t i = 0; ranges->zones && i < ranges->cfg->n_time_ranges; i++)
		timezone_clear(&ranges->zones[i]);
	free(ranges->zones);
	free(ranges);
}

/* Both for moments before 1970. */
static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static unsigned int weekday(int64_t local)
{
	return (unsigned int)((floor_div(local, DAY_MINUTES) % 7 + 7 + THURSDAY) % 7);
}

static bool periodic_on(const struct cfg_periodic *p, unsigned int day, unsigned int minute)
{
	bool today = p->days >> day & 1, yesterday = p->days >> (day + 6) % 7 & 1;

	if (p->end > p->start)
		return today && minute >= p->start && minute < p->end;
	return (today && minute >= p->start) || (yesterday && minute < p->end);
}

static bool on(const struct cfg_time_range *range, int64_t local)
{
	unsigned int minute = (unsigned int)(local - floor_div(local, DAY_MINUTES) * DAY_MINUTES);

	if (range->start.year && local < cfg_date_minutes(&range->start))
		return false;
	if (range->end.year && local >= cfg_date_minutes(&range->end))
		return false;
	for (uint32_t i = 0; i < range->n_periodic; i++) {
		if (periodic_on(&range->periodic[i], weekday(local), minute))
			return true;
	}
	return range->n_periodic == 0;
}

bool timeranges_on(
	const struct timeranges *ranges, const char *name, int64_t unix_s, int64_t *ret_local)
{
	const struct cfg_time_range *range = name[0] ? cfg_find_time_range(ranges->cfg, name)
						     : NULL;
	const struct timezone_data *zone;

	if (!range)
		return true;
	zone = &ranges->zones[range - ranges->cfg->time_ranges];
	*ret_local = floor_div(unix_s + timezone_offset(zone, unix_s), 60);
	return on(range, *ret_local);
}

char *timeranges_clock(int64_t local_minutes, char buf[16])
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	int64_t minute = local_minutes - floor_div(local_minutes, DAY_MINUTES) * DAY_MINUTES;

	snprintf(buf, 16, "%s %02d:%02d", days[weekday(local_minutes)], (int)(minute / 60),
		(int)(minute % 60));
	return buf;
}
