/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policer of what goes up to Linux: how much of each class, and how much of it from one
 * source, so that a flood reaches neither the control thread nor a process, and takes nothing from
 * others. First the source's bucket is asked, then the class's: who floods does not empty the
 * class for the rest. A class has two: one for sources that have been known for two seconds, one
 * for those that are new, so that made-up sources do not crowd out the phones that are there.
 *
 * A bucket is one number (GCRA): the moment at which it is full again. It lets a packet pass while
 * that moment is less than the burst ahead. Sources are found by a keyed hash in sets of four of a
 * fixed table; a new one takes the place of the new one that has been quiet for longest, or of a
 * known one that has been quiet for a minute. An IPv6 source is its /64; ARP and ND count by MAC address.
 *
 * A class is one for the whole box, however flows fall on the workers: each worker counts what it
 * lets pass where the others can read it, and charges its own bucket with what they let pass since
 * it last looked. So there is one writer to each variable and nothing to wait for; what two workers
 * let pass in the same moment, each may have taken from a full bucket. Sources are each worker's own.
 *
 * Owner: one worker. Time is passed in; no other state, no DPDK.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api/dp_api.h"
#include "dataplane/api/dp_stats.h"

#define POLICE_SETS 1024
#define POLICE_WAYS 4
#define POLICE_UNIT 20 /* of a source's age: TSC >> 20 */

/* In TSC cycles: what a packet costs, and how far a bucket may run ahead. cost 0: no limit. */
struct police_rate {
	uint64_t cost, burst;
};

struct police_set {
	uint64_t full_tsc[POLICE_WAYS];
	uint32_t tag[POLICE_WAYS];   /* 0: free */
	uint32_t since[POLICE_WAYS]; /* first seen, in units of POLICE_UNIT */
} __attribute__((aligned(64)));

/* What a worker let pass so far, of new sources and of known ones; read by all. */
struct police_passed {
	uint64_t n[2][DP_POLICE_N];
} __attribute__((aligned(64)));

struct police {
	struct police_rate class[DP_POLICE_N], source[DP_POLICE_N];
	uint64_t full_tsc[2][DP_POLICE_N]; /* of the classes: new sources, known ones */
	uint64_t charged[2]
			[DP_POLICE_N]; /* what the others have let pass, as far as it is in there */
	struct police_passed *passed;  /* its own */
	struct police_passed *const *others; /* [n_others] */
	uint32_t n_others;
	uint64_t tsc_hz;
	uint64_t key[2];
	uint16_t sip_ports[DP_POLICE_SIP_PORTS];
	uint16_t n_sip_ports;
	struct police_set sets[POLICE_SETS];
};

/* Rates as configured; what the buckets hold stays. */
void police_configure(struct police *p, const struct dp_police *conf, uint64_t tsc_hz);

/* DP_DROP_N: the frame may go up. frame: len bytes from the Ethernet header, without a tag. */
enum dp_drop police_frame(struct police *p, const uint8_t *frame, uint32_t len, uint64_t now_tsc);

/* UDP or TCP to a port of sip_ports; what cannot be read, and a fragment but the first, is not. */
bool police_is_for_sip(const struct police *p, const uint8_t *frame, uint32_t len);

/* What kind of traffic a frame is; for tests. */
enum dp_police_class police_class(const struct police *p, const uint8_t *frame, uint32_t len);
