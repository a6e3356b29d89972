/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sessions of a data plane whose workers and media cores are arrays (fake_worker.h) and whose
 * network is told by hand. Time is passed in. One thread.
 */
#pragma once

#include "dataplane/session/sessions.h"
#include "fake_worker.h"
#include "session_sample.h"

#define N_WORKERS    3
#define N_MCORES     2
#define MAX_SESSIONS 100
#define TSC_HZ	     UINT64_C(1000000000)
#define TSC(ms)	     ((uint64_t)(ms) * (TSC_HZ / 1000))
#define IF_A	     3
#define IF_B	     4

struct world {
	struct mail *mail;
	struct mirror *mirror;
	struct addrs *addrs;
	struct prompts *prompts;
	struct sessions *ss;
	struct dp_stream_stats stats[2 * MAX_SESSIONS];
	struct dp_stream_rare rare[2 * MAX_SESSIONS];
	struct dp_core_load loads[N_MCORES];
	unsigned int n_done, n_events, n_probes;
	int status;
	struct session_ticket ticket;
	struct dp_session_reply reply;
	struct dp_session_final final;
	enum dp_msg event_type;
	struct dp_event event;
	struct dp_event_dtmf dtmf;
	bool no_egress;
	unsigned int n_played;
	struct dp_event_play played;
};

/* For cmocka: *state is a struct world. */
int setup(void **state);
int teardown(void **state);

void neighbour(struct world *w, int ifindex, const char *ip, const uint8_t *mac);
void link_route(struct world *w, const char *dst, uint8_t len, int ifindex);

struct session_ticket ticket(uint32_t seq, uint32_t generation);
/* They ask, let the workers do it, and return what was answered. */
int add(struct world *w, const struct dp_session *s, uint32_t generation);
int modify(struct world *w, const struct dp_session *s, uint32_t generation);
int del(struct world *w, uint64_t id);
void turn(struct world *w, uint64_t ms); /* until nothing is left to do at that time */
