/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A token bucket over time: see pace.h. */
#include "controlplane/base/pace.h"

#include <time.h>

#include "controlplane/base/clock.h"

static uint64_t credit_max_us(const struct pace *pace)
{
	return PACE_BURST * pace->rest_us;
}

void pace_init(struct pace *pace, uint64_t rest_us, uint64_t now_us)
{
	pace->rest_us = rest_us;
	pace->last_us = now_us;
	pace->credit_us = credit_max_us(pace);
}

uint64_t pace_turn(struct pace *pace, uint64_t now_us)
{
	uint64_t rest_us = 0;

	if (now_us > pace->last_us)
		pace->credit_us += now_us - pace->last_us;
	if (pace->credit_us > credit_max_us(pace))
		pace->credit_us = credit_max_us(pace);
	pace->last_us = now_us;
	/* What is rested now is not credited again at the next turn. */
	if (pace->credit_us < pace->rest_us) {
		rest_us = pace->rest_us - pace->credit_us;
		pace->last_us += rest_us;
		pace->credit_us = pace->rest_us;
	}
	pace->credit_us -= pace->rest_us;
	return rest_us;
}

void pace_rest(struct pace *pace)
{
	uint64_t now_us = clock_mono_us(), us = pace_turn(pace, now_us);

	if (us > 0)
		pace_until(now_us + us);
}

void pace_until(uint64_t us)
{
	struct timespec ts = {
		.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};

	/* A signal ends the rest early; the loop then serves it. */
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}
