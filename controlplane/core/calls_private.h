/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What calls.c and call_restore.c share. */
#pragma once

#include "controlplane/core/calls.h"

struct calls {
	struct calls_ops ops;
	struct sessions *sessions;
	struct spool *spool;
	struct recordings *recordings; /* NULL: none */
	struct windows *windows;       /* NULL: none */
	struct idmap by_id;
	struct call_list list;
	struct call *finishing; /* whose sessions are being closed right now */
	bool unwritten;		/* a record found no room even in the spool's memory */
	bool restoring[CALLS_WORKERS_MAX];
	struct calls_counts counts;
	size_t rate_pos; /* of by_id: where calls_rate() goes on */
};

/* call_quality.c: tells the data plane what XR of ours is to say of part of the calls. */
void calls_rate(struct calls *calls);

/* call_windows.c: a call that limen-sip has described, and one that is over, in the windows. */
void call_windows_put(struct calls *calls, struct call *call);
void call_windows_end(struct calls *calls, struct call *call, const struct quality *quality);

/* From LIVE to its record. May free the call. */
void call_finish(struct calls *calls, struct call *call);
