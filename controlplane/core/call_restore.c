/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Gives a worker of limen-sip that started again its calls back. What was answered goes on; what
 * was not has lost its transactions with the process and ends with a record that says so.
 */
#include <stdio.h>
#include <string.h>

#include "controlplane/base/log.h"
#include "controlplane/core/calls_private.h"

LOG_TOPIC("calls");

static void cut_short(struct calls *cs, struct call *call)
{
	call->info.released_by = CTL_BY_BOX;
	call->info.q850 = 41; /* temporary failure */
	snprintf(call->info.reason, sizeof(call->info.reason),
		"signalling restarted before the call was answered");
	cs->counts.cut_short++;
	call_finish(cs, call);
}

static bool is_for(const struct call *call, uint32_t worker, uint32_t n_workers)
{
	return call->worker == worker ||
	       (call->worker >= n_workers && call->worker % n_workers == worker);
}

void calls_restore(struct calls *cs, uint32_t worker, uint32_t n_workers)
{
	struct call *call, *next;
	unsigned int n_restored = 0, n_cut = 0;

	if (worker >= CALLS_WORKERS_MAX || n_workers == 0)
		return;
	for (call = TAILQ_FIRST(&cs->list); call != NULL; call = next) {
		next = TAILQ_NEXT(call, link);
		if (call->phase != CALL_LIVE || !is_for(call, worker, n_workers))
			continue;
		call->worker = worker;
		if (call->described && call->info.state == CTL_CALL_ACTIVE &&
			call->checkpoint_len > 0) {
			call->restore_due = true;
			n_restored++;
		} else {
			cut_short(cs, call);
			n_cut++;
		}
	}
	if (n_restored > 0 || n_cut > 0)
		log_notice(
			"limen-sip worker %u started again: %u calls are given back, %u that "
			"were not answered are ended",
			worker, n_restored, n_cut);
	cs->restoring[worker] = true;
	calls_restore_more(cs, worker);
}

static bool restore_one(struct calls *cs, struct call *call)
{
	if (!cs->ops.send(cs->ops.arg, call->worker, CTL_CALL_RESTORE, &call->info,
		    sizeof(call->info), call->checkpoint, call->checkpoint_len))
		return false;
	call->restore_due = false;
	cs->counts.restored++;
	/* It was asked for while nobody was there. */
	if (call->clear.call_id != 0)
		cs->ops.send(cs->ops.arg, call->worker, CTL_CALL_CLEAR, &call->clear,
			sizeof(call->clear), NULL, 0);
	return true;
}

void calls_restore_more(struct calls *cs, uint32_t worker)
{
	unsigned int room = cs->ops.room(cs->ops.arg, worker);
	struct call *call;

	if (worker >= CALLS_WORKERS_MAX || !cs->restoring[worker])
		return;
	TAILQ_FOREACH(call, &cs->list, link) {
		if (!call->restore_due || call->worker != worker)
			continue;
		if (room < 3 || !restore_one(cs, call))
			return;
		room -= 2;
	}
	if (room < 1)
		return;
	cs->restoring[worker] = false;
	cs->ops.send(cs->ops.arg, worker, CTL_RESTORE_DONE, NULL, 0, NULL, 0);
}
