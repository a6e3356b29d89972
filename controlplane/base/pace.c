/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A token bucket over time: see pace.h. */
#include "controlplane/base/pace.h"

#include <time.h>

#include "controlplane/base/clock.h"

#define CREDIT_MAX_US ((uint64_t)PACE_BURST * PACE_REST_US)

void pace_init(struct pace *pace, uint64_t now_us)
{
	pace->last_us = now_us;
	pace->credit_us = CREDIT_MAX_US;
}

uint64_t pace_turn(struct pace *pace, uint64_t now_us)
{
	uint64_t rest_us = 0;

	if (now_us > pace->last_us)
		pace->credit_us += now_us - pace->last_us;
	if (pace->credit_us > CREDIT_MAX_US)
		pace->credit_us = CREDIT_MAX_US;
	pace->last_us = now_us;
	/* What is rested now is not credited again at the next turn. */
	if (pace->credit_us < PACE_REST_US) {
		rest_us = PACE_REST_US - pace->credit_us;
		pace->last_us += rest_us;
		pace->credit_us = PACE_REST_US;
	}
	pace->credit_us -= PACE_REST_US;
	return rest_us;
}

void pace_rest(struct pace *pace)
{
	uint64_t us = pace_turn(pace, clock_mono_us());
	struct timespec ts = {.tv_nsec = (long)us * 1000};

	/* A signal ends the rest early; the loop then serves it. */
	if (us > 0)
		nanosleep(&ts, NULL);
}
