/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Moderation of an event loop, as network cards moderate interrupts: while events come closer
 * together than COALESCE_US, the loop sleeps that long before it looks again, so that one wake-up,
 * one system call and one batch serve several of them. Most of what a small event costs is the
 * waking. An event that comes alone is served at once; under load it waits COALESCE_US at most.
 * Called once a turn, after everything was written and before the loop waits. One object a loop.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include "controlplane/base/clock.h"

#define COALESCE_US 2000

struct coalesce {
	uint64_t last_us; /* end of the turn before */
};

static inline void coalesce_pause(struct coalesce *c)
{
	uint64_t now_us = clock_mono_us();

	if (now_us - c->last_us < 2 * COALESCE_US) {
		struct timespec ts = {.tv_nsec = COALESCE_US * 1000};

		nanosleep(&ts, NULL);
		now_us += COALESCE_US;
	}
	c->last_us = now_us;
}
