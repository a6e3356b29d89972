/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the calls of a trunk may go: its address, what DNS says of its name, or the members of its
 * server group, each an address with a transport. A set per trunk is kept up to date behind the
 * calls' back, so that a call only draws from it and never waits for DNS.
 *
 * What is known of a target (busied out, breaker, calls) is shared by all workers: a spot. Private
 * to sip-b2bua/b2b; the worker's thread.
 */
#pragma once

#include "sip-b2bua/b2b/b2b.h"

#define TARGETS_MAX	 64 /* of a trunk */
#define CALL_TARGETS_MAX 6  /* that one call tries */
#define SPOT_NONE	 UINT16_MAX

struct target {
	struct ipaddr addr;
	uint8_t transport;
	uint8_t member; /* of the server group; else 0 */
	uint16_t spot;	/* in shared->spots, or SPOT_NONE: nothing is known of it */
	uint8_t group;	/* drawn for a call: those with the same one ring at a time */
};

/* What a call still has to try of its trunk. */
struct call_targets {
	struct target list[CALL_TARGETS_MAX];
	uint8_t n, next; /* next: the first one that was not tried */
	bool again;	 /* the INVITE goes to another target as it was, RFC 3263 4.3 */
	bool waits;	 /* for any answer, and not for long: there is another target */
	uint16_t spot;	 /* of the one that is being tried or talked to; SPOT_NONE */
};

/* A host of a set, its targets are addresses of it; and a member, its servers. */
struct target_server {
	uint32_t priority; /* within the member */
	uint16_t weight;
	uint8_t first, n;
	char host[64]; /* what DNS called it, for show; empty: an address */
};
struct target_member {
	uint32_t preference, weight;
	uint8_t first, n;
};

struct target_set {
	const struct cfg_trunk *trunk;
	struct target *targets;
	struct target_server *servers;
	struct target_member *members;
	uint32_t n_targets, n_servers, n_members;
	uint32_t turn; /* of hunt-scheme round-robin */
	uint8_t hunt;  /* enum cfg_hunt */
	bool named;    /* DNS has a say */
	bool stale;    /* it is used beyond its time */
	bool waiting;  /* DNS has not said everything yet */
	uint64_t told; /* hash of what limen-control was told */
	char why[160]; /* no targets: a sentence */
};

struct targets;

struct targets *targets_new(struct b2b *b); /* NULL: memory is short */
void targets_free(struct targets *t);
/* The configuration that is in force from now on. -ENOMEM: trunks have no targets. */
int targets_config(struct targets *t, const struct cfg *cfg);
/* DNS may say something else now. */
void targets_refresh(struct targets *t);

uint32_t targets_n(const struct targets *t); /* sets: trunks */
const struct target_set *targets_set(const struct targets *t, uint32_t trunk_index);
/* How the configuration names a target of a trunk: its name or address. */
const struct cfg_target *targets_conf(
	const struct targets *t, const struct cfg_trunk *trunk, const struct target *target);
/* The URI of a request to a target: as policy_put_uri() with its name or address (RFC 3263 4). */
void targets_put_uri(const struct targets *t, struct sip_buf *buf, const struct sip_uri *uri,
	const struct cfg_trunk *trunk, const struct target *target);

/* Whether a call may go to some target now; one that has none (yet) says why when it is tried. */
bool targets_usable(const struct targets *t, uint32_t trunk_index);
/*
 * Draws the order for a call and keeps its first usable ones. Without any ret_why is a sentence that
 * lives until the next change of the set.
 */
void targets_pick(struct targets *t, const struct cfg_trunk *trunk, struct call_targets *ret,
	const char **ret_why);

/*
 * Another target of the trunk in place of path->remote, over the same transport and from the same
 * address of ours. tried: bits of those that are not to be taken any more, added to. false: there is
 * none, or path does not lead to a target of the trunk.
 */
bool targets_other(const struct targets *t, const struct cfg_trunk *trunk, struct sip_path *path,
	uint64_t *tried);

/* Whether a target of the realm's trunks is in a network; prefix_len is of IPv6 alone. */
bool targets_within(
	const struct targets *t, const char *realm, const struct ipaddr *net, uint8_t prefix_len);
/* The trunk that a source address of a realm stands for: one with a target of that address, and
 * among several the one whose port is the same, else the first. NULL when there is none. */
const struct cfg_trunk *targets_source(
	const struct targets *t, const char *realm, const struct ipaddr *source);

/* ---- spots ---- */

/* A call goes to its target, unless the breaker does not let it; then false. at: the call's note of
 * it, SPOT_NONE: none so far. */
bool spot_enter(struct b2b *b, uint16_t *at, uint16_t spot);
/* It is no longer there: tried in vain, or over. */
void spot_leave(struct b2b *b, uint16_t *at);
/* A call that was restored is there already. */
void spot_find(struct b2b *b, uint16_t *at, const char *trunk, const struct ipaddr *addr,
	uint8_t transport);
/* What became of an INVITE. retry_after_ms: 0 when nothing was said. */
void spot_failed(
	struct b2b *b, uint16_t spot, const struct cfg_trunk *trunk, uint64_t retry_after_ms);
void spot_worked(struct b2b *b, uint16_t spot);
bool spot_usable(const struct b2b *b, uint16_t spot);
void spot_set_down(struct b2b *b, uint16_t spot, bool down);
bool spot_down(const struct b2b *b, uint16_t spot);
