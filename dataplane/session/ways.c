/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where to send, and by which next hop; how that follows far ends and routes. See priv.h. */
#include "dataplane/session/priv.h"

#include <string.h>

#define ROWS_PER_TURN 256

/* What was learned goes before what was configured; an address that is derived (RTP port + 1) is
 * left to stream_build(). */
static struct ipaddr way_remote(const struct row *row, unsigned int leg, unsigned int kind)
{
	const struct dp_leg *conf = &row->conf.leg[leg];
	const struct row_leg *rl = &row->leg[leg];
	/* Before the far end said where it is, nobody is sent anything on the strength of having sent. */
	if (conf->flags & DP_LEG_LATCH && ipaddr_is_set(&conf->remote_rtp)) {
		if (ipaddr_is_set(&rl->learned[kind]))
			return rl->learned[kind];
		/* Where RTP came from, RTCP is next to it and not where SDP said. */
		if (kind == STREAM_RTCP && ipaddr_is_set(&rl->learned[STREAM_RTP]))
			return (struct ipaddr){0};
	}
	return kind == STREAM_RTP ? conf->remote_rtp : conf->remote_rtcp;
}

static struct stream_hop way_hop(const struct sessions *ss, const struct mirror_hop *from)
{
	struct stream_hop hop = {0};
	if (!from || !from->resolved)
		return hop;
	if (!ss->conf.ops->egress(ss->conf.arg, from->ifindex, &hop.port, hop.src_mac))
		return (struct stream_hop){0};
	memcpy(hop.dst_mac, from->mac, sizeof hop.dst_mac);
	hop.ready = true;
	return hop;
}

bool ways_resolve(struct sessions *ss, struct row *row, unsigned int leg)
{
	bool changed = false;
	for (unsigned int kind = 0; kind < STREAM_KINDS; kind++) {
		struct row_way *w = &row->leg[leg].way[kind];
		struct ipaddr remote = way_remote(row, leg, kind);
		if (ipaddr_is_set(&remote))
			/* Without a way the hop is not ready, and packets are counted so. */
			(void)mirror_user_set(ss->conf.mirror, &w->user, &remote);
		else
			mirror_user_clear(ss->conf.mirror, &w->user);
		struct stream_hop hop = way_hop(ss, w->user.hop);
		if (memcmp(&hop, &w->hop, sizeof hop) != 0 || !ipaddr_equal(&remote, &w->remote))
			changed = true;
		w->hop = hop;
		w->remote = remote;
	}
	return changed;
}

void ways_clear(struct sessions *ss, struct row *row)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		for (unsigned int kind = 0; kind < STREAM_KINDS; kind++)
			mirror_user_clear(ss->conf.mirror, &row->leg[leg].way[kind].user);
}

static void row_touch(struct sessions *ss, struct row *row)
{
	if (row->dirty)
		return;
	row->dirty = true;
	TAILQ_INSERT_TAIL(&ss->dirty, row, dirty_link);
}

void sessions_learned(struct sessions *ss, const struct worker_event *event)
{
	unsigned int leg = event->slot % DP_LEGS;
	if (event->slot / DP_LEGS >= store_capacity(ss->store) || event->kind >= STREAM_KINDS)
		return;
	struct row *row = store_row(ss->store, event->slot / DP_LEGS);
	/* Told by a stream that was replaced meanwhile. */
	if (row->state != ROW_LIVE || row->leg[leg].epoch != event->epoch)
		return;
	row->leg[leg].learned[event->kind] = event->learned;
	row_touch(ss, row);
	if (event->kind != STREAM_RTP)
		return;
	struct dp_event told = {
		.session_id = row->conf.id,
		.call_id = row->conf.call_id,
		.leg = leg,
		.addr = event->learned,
	};
	ss->conf.ops->event(ss->conf.arg, DP_EVENT_LATCH, &told);
}

/* The row of an embedded way: rows are one array. */
static struct row *row_of_user(struct sessions *ss, const struct mirror_user *user)
{
	size_t off = (size_t)((const char *)user - (const char *)store_row(ss->store, 0));
	return store_row(ss->store, (uint32_t)(off / sizeof(struct row)));
}

void sessions_hop_changed(struct sessions *ss, struct mirror_hop *hop)
{
	const struct mirror_user *user;
	LIST_FOREACH(user, &hop->users, link)
		row_touch(ss, row_of_user(ss, user));
}

void sessions_routes_changed(struct sessions *ss)
{
	ss->walk = true;
	ss->walk_next = 0;
}

static void row_follow(struct sessions *ss, struct row *row)
{
	bool changed[DP_LEGS];
	unsigned int n = 0;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		n += changed[leg] = ways_resolve(ss, row, leg);
	if (!n)
		return;
	struct op *op = op_new(ss, row, NULL, n);
	for (unsigned int leg = 0; leg < DP_LEGS; leg++)
		if (changed[leg])
			op_post_stream(ss, row, !leg, false, op);
}

static bool turn_dirty(struct sessions *ss)
{
	struct row *row;
	for (unsigned int i = 0; i < ROWS_PER_TURN && letters_to_spare(ss); i++) {
		row = TAILQ_FIRST(&ss->dirty);
		if (!row)
			return false;
		TAILQ_REMOVE(&ss->dirty, row, dirty_link);
		row->dirty = false;
		row_follow(ss, row);
	}
	return !TAILQ_EMPTY(&ss->dirty);
}

static bool turn_walk(struct sessions *ss)
{
	for (unsigned int i = 0; ss->walk && i < ROWS_PER_TURN && letters_to_spare(ss); i++) {
		if (ss->walk_next >= store_n_used(ss->store)) {
			ss->walk = false;
			break;
		}
		struct row *row = store_row(ss->store, ss->walk_next++);
		if (row->state == ROW_LIVE)
			row_follow(ss, row);
	}
	return ss->walk;
}

bool ways_turn(struct sessions *ss)
{
	bool more = turn_dirty(ss);
	more |= turn_walk(ss);
	return more;
}
