/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What calls.c and call_restore.c share. */
#pragma once

#include "controlplane/core/calls.h"

struct calls {
	struct calls_ops ops;
	struct sessions *sessions;
	struct spool *spool;
	struct idmap by_id;
	struct call_list list;
	struct call *finishing; /* whose sessions are being closed right now */
	bool unwritten;		/* a record found no room even in the spool's memory */
	bool restoring[CALLS_WORKERS_MAX];
	struct calls_counts counts;
};

/* From LIVE to its record. May free the call. */
void call_finish(struct calls *calls, struct call *call);
