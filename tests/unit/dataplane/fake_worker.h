/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stands in for the packet workers (core/worker.h) in tests of the control thread: keeps what was
 * posted, checks that it makes sense, and gives it back when the test says so. No DPDK memory, no
 * threads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/worker.h"

#define FAKE_SLOTS   4096
#define FAKE_THREADS 8

struct fake_slot {
	bool live;
	uint32_t worker;
	unsigned int n_sets, n_relearns;
	struct stream_conf conf;
	struct stream_srtp srtp;
	struct dp_srtp_state rx_state, tx_state; /* of the last SET */
	bool tx_anew;
	const struct bundle *bundle, *bundle_out;
};

struct fake {
	bool held;	/* nothing comes back until fake_release() */
	int set_result; /* of the next STREAM_SET */
	unsigned int n_posted;
	struct fake_slot slots[FAKE_SLOTS];
	struct fake_voice {
		uint32_t tag; /* 0: no core has anything of it */
		unsigned int n_sets;
		uint32_t thread[DP_LEGS]; /* who last got something for it, and what that has */
		struct mcore_maker from[DP_LEGS];
		struct fake_core {
			uint32_t tag;
			struct mcore_maker from[DP_LEGS];
		} cores[FAKE_THREADS];
	} voices[FAKE_SLOTS / DP_LEGS];
	/* what the order was of what came for slots 0 and 1, and their voice: enum worker_op */
	unsigned int n_order;
	enum worker_op order[64];
	/* what UNLINK gives back */
	struct dp_stream_stats stats;
	struct dp_stream_rare rare;
	struct dp_stream_srtp srtp;
	struct ipaddr learned;
	/* the last REPORT, whose frame is not touched */
	unsigned int n_reports;
	uint32_t report_worker;
	struct worker_report report;
	/* the last digit, and for whom: a worker, or a media core by the numbers after those */
	unsigned int n_presses;
	uint32_t press_thread;
	struct worker_press press;
};

extern struct fake fake;

void fake_reset(void);
unsigned int fake_n_live(void);
/* The control thread's, of the first back end; one for the program. */
struct srtp_engine *fake_srtp_engine(void);
unsigned int fake_n_voices(void); /* sessions */
