/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Legs that send nothing: see priv.h. */
#include "dataplane/session/priv.h"

#include <stddef.h>

/* The first moment at which a leg can be called silent; UINT64_MAX: it cannot. */
static uint64_t silence_due_ms(
	const struct sessions *ss, const struct row *row, unsigned int leg, uint64_t *ret_last_tsc)
{
	const struct dp_leg *c = &row->conf.leg[leg];
	if (!(c->flags & DP_LEG_RECV) || !c->timeout_ms)
		return UINT64_MAX;
	uint32_t slot = row_slot(ss, row, leg);
	uint64_t rtp = __atomic_load_n(&ss->conf.stream_stats[slot].last_rx_tsc, __ATOMIC_RELAXED);
	uint64_t rtcp = __atomic_load_n(
		&ss->conf.stream_rare[slot].last_rtcp_tsc, __ATOMIC_RELAXED);
	uint64_t last_tsc = rtp > rtcp ? rtp : rtcp;
	*ret_last_tsc = last_tsc;
	uint64_t since_ms = row->leg[leg].recv_since_ms;
	if (last_tsc) {
		/* A packet may have come since now_tsc was read. */
		uint64_t ago_tsc = ss->now_tsc > last_tsc ? ss->now_tsc - last_tsc : 0;
		uint64_t ago_ms = ago_tsc / (ss->conf.tsc_hz / 1000);
		uint64_t last_ms = ss->now_ms > ago_ms ? ss->now_ms - ago_ms : 0;
		if (last_ms > since_ms)
			since_ms = last_ms;
	}
	return since_ms + c->timeout_ms;
}

static void silence_tell(struct sessions *ss, struct row *row, unsigned int leg)
{
	const struct row_leg *rl = &row->leg[leg];
	struct dp_event event = {
		.session_id = row->conf.id,
		.call_id = row->conf.call_id,
		.leg = leg,
		.addr = rl->learned[STREAM_RTP],
	};
	ss->conf.ops->event(ss->conf.arg, DP_EVENT_TIMEOUT, &event);
}

/* Looks at both legs, tells what is silent (once a silence), and comes back when it may change. */
static void silence_check(struct sessions *ss, struct row *row)
{
	uint64_t next_ms = UINT64_MAX;
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		struct row_leg *rl = &row->leg[leg];
		uint64_t last_tsc = 0;
		uint64_t due_ms = silence_due_ms(ss, row, leg, &last_tsc);
		if (due_ms == UINT64_MAX)
			continue;
		if (rl->silent_told && last_tsc != rl->told_tsc)
			rl->silent_told = false;
		if (due_ms <= ss->now_ms && !rl->silent_told) {
			rl->silent_told = true;
			rl->told_tsc = last_tsc;
			silence_tell(ss, row, leg);
		}
		if (due_ms <= ss->now_ms)
			due_ms = ss->now_ms + row->conf.leg[leg].timeout_ms;
		if (due_ms < next_ms)
			next_ms = due_ms;
	}
	if (next_ms == UINT64_MAX)
		twheel_stop(ss->wheel, &row->timer);
	else
		twheel_start(ss->wheel, &row->timer, next_ms - ss->now_ms);
}

void silence_fire(struct twheel_timer *timer, void *arg)
{
	struct sessions *ss = arg;
	silence_check(ss, (struct row *)((char *)timer - offsetof(struct row, timer)));
}

void silence_restart(struct sessions *ss, struct row *row, const struct dp_session *old)
{
	for (unsigned int leg = 0; leg < DP_LEGS; leg++) {
		const struct dp_leg *now = &row->conf.leg[leg];
		if (!old || ((now->flags & ~old->leg[leg].flags) & DP_LEG_RECV) ||
			now->timeout_ms != old->leg[leg].timeout_ms) {
			row->leg[leg].recv_since_ms = ss->now_ms;
			row->leg[leg].silent_told = false;
		}
	}
	silence_check(ss, row);
}
