/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When the box reports to a leg by RTCP of its own (DP_LEG_RTCP_OWN): by RFC 3550 6.3 for two
 * parties, from the moment the flag is set until it is cleared or the session goes, and then BYE.
 * The owning worker makes the packets (core/report.c). Control thread only; time is an input.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/base/twheel.h"
#include "dataplane/server/mail.h"
#include "dataplane/stages/rtcp_write.h"

struct reports_conf {
	struct mail *mail;
	struct twheel *wheel;
	/* A frame without content, NULL: packet memory is used up. */
	struct rte_mbuf *(*frame)(void *arg);
	/* The time of day as NTP has it, and the TSC of the same moment. */
	uint64_t (*ntp)(void *arg, uint64_t *ret_tsc);
	void *arg;
	uint64_t seed; /* random */
};

struct reports {
	struct reports_conf conf;
	uint64_t random;
};

/* Of one leg; zeroed is off. Owner: the row of the session. */
struct leg_report {
	struct twheel_timer timer;
	bool on, sent;
	uint32_t worker, slot; /* of the stream that comes from the leg */
	uint32_t ssrc;
	struct rtcp_rating rating; /* of what comes from it, as it was told */
	char cname[RTCP_CNAME_MAX];
};

void reports_init(struct reports *reports, const struct reports_conf *conf);
/* Begins, goes on or ends as wanted. Letters are taken only while there are many. */
void reports_follow(struct reports *reports, struct leg_report *leg, uint32_t worker, uint32_t slot,
	bool wanted);
