/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What becomes of calls, in the windows of the trunks that they went to. An answer counts at once,
 * all else when the call is over; attempts that hunted on are told by limen-sip (CTL_ATTEMPT).
 */
#include "controlplane/core/calls_private.h"
#include "controlplane/quality/windows.h"

#define REPLAY_MS 10000 /* an answer that is older was counted before a restart */

/* Causes of Q.850 with which the network did its part (NER, ITU-T E.425). */
static bool is_effective(uint32_t q850)
{
	switch (q850) {
	case 1:	 /* unallocated number */
	case 16: /* normal clearing */
	case 17: /* busy */
	case 18: /* no user responding */
	case 19: /* no answer */
	case 20: /* subscriber absent */
	case 21: /* rejected */
	case 22: /* number changed */
	case 28: /* number incomplete */
	case 31: /* normal, unspecified */
		return true;
	default:
		return false;
	}
}

static void count_attempt(
	struct calls *cs, struct call *call, enum window_attempt what, uint64_t now_ms)
{
	const struct ctl_call *info = &call->info;
	uint64_t rang_ms = info->ringing_ms != 0 ? info->ringing_ms : info->answer_ms;

	call->tried = true;
	/* One that rang at a trunk before this one has no delay of its own. */
	if (rang_ms >= info->tried_ms)
		windows_pdd(cs->windows, info->trunk[1], rang_ms - info->tried_ms, now_ms);
	windows_attempt(cs->windows, info->trunk[1], what, now_ms);
}

void call_windows_put(struct calls *cs, struct call *call)
{
	const struct ctl_call *info = &call->info;
	uint64_t now_ms;

	if (cs->windows == NULL || call->tried || info->answer_ms == 0 || info->tried_ms == 0)
		return;
	now_ms = cs->ops.wall_ms(cs->ops.arg);
	if (now_ms > info->answer_ms + REPLAY_MS)
		call->tried = true;
	else
		count_attempt(cs, call, WINDOW_ANSWERED, now_ms);
}

/* A call that nobody answered. */
static void count_unanswered(struct calls *cs, struct call *call, uint64_t now_ms)
{
	const struct ctl_call *info = &call->info;
	bool rang = info->ringing_ms >= info->tried_ms;

	switch (info->released_by) {
	case CTL_BY_CALLER:
		/* Who gives up before it rings says nothing of the trunk. */
		if (rang)
			count_attempt(cs, call, WINDOW_EFFECTIVE, now_ms);
		return;
	case CTL_BY_CALLED:
		/* The caller's INVITE with a password is the attempt. */
		if (info->sip_status == 401 || info->sip_status == 407)
			return;
		count_attempt(cs, call, is_effective(info->q850) ? WINDOW_EFFECTIVE : WINDOW_FAILED,
			now_ms);
		return;
	case CTL_BY_BOX:
		/* The time for an answer is over, or what the far end sent is of no use. */
		count_attempt(cs, call,
			rang && is_effective(info->q850) ? WINDOW_EFFECTIVE : WINDOW_FAILED,
			now_ms);
		return;
	default:
		return;
	}
}

/* The worse one of what came from the called side and of what it says it gets; 0: not known. */
static uint32_t mos_of(const struct quality_leg *leg)
{
	uint32_t heard = leg->heard.mos_cq ? leg->heard.mos_cq : leg->heard.mos_lq;
	uint32_t far = leg->far.mos_cq ? leg->far.mos_cq : leg->far.mos_lq;

	return heard == 0 ? far : far == 0 || heard < far ? heard : far;
}

void call_windows_end(struct calls *cs, struct call *call, const struct quality *quality)
{
	const struct ctl_call *info = &call->info;
	uint64_t now_ms;

	if (cs->windows == NULL || call->ended || info->tried_ms == 0)
		return;
	call->ended = true;
	now_ms = cs->ops.wall_ms(cs->ops.arg);
	if (info->answer_ms == 0) {
		count_unanswered(cs, call, now_ms);
		return;
	}
	/* limen-sip ended it before it could tell the answer. */
	if (!call->tried)
		count_attempt(cs, call, WINDOW_ANSWERED, now_ms);
	windows_ended(cs->windows, info->trunk[1],
		info->end_ms > info->answer_ms ? info->end_ms - info->answer_ms : 0,
		mos_of(&quality->leg[1]), now_ms);
}
